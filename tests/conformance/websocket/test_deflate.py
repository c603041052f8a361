"""RFC 7692 section 7: permessage-deflate with all of its parameters, on messages of any size."""

import pytest

from tests.conformance.websocket.deflating import RSV1, Deflate, parameters
from tests.conformance.websocket.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Frame,
    close,
    closed,
    fragments,
    frame,
)
from tests.conformance.websocket.serving import Connect, answer
from tests.conformance.websocket.test_framing import codes

PLAIN = "permessage-deflate"
OFFERS = (
    PLAIN,
    f"{PLAIN}; client_max_window_bits",
    f"{PLAIN}; client_max_window_bits=15; server_max_window_bits=15",
    f"{PLAIN}; server_max_window_bits=9; client_max_window_bits=9",
    f"{PLAIN}; server_max_window_bits=10",
    f"{PLAIN}; server_no_context_takeover",
    f"{PLAIN}; client_no_context_takeover",
    f"{PLAIN}; server_no_context_takeover; client_no_context_takeover; client_max_window_bits=8",
    f"{PLAIN}; server_no_context_takeover; server_max_window_bits=9",
    f"{PLAIN}; server_no_context_takeover; client_no_context_takeover; "
    "server_max_window_bits=9; client_max_window_bits=9",
    f"{PLAIN}; unknown, {PLAIN}; server_max_window_bits=8, {PLAIN}; client_max_window_bits",
)
SIZES = (0, 1, 16, 63, 64, 256, 1_024, 4_096, 32_768, 131_072)
ROW = '{"number": %d, "name": "Grüße", "tags": ["a", "b", "€"], "value": %d.%d}\n'
JSON = "".join(ROW % (n, n * n % 977, n % 7) for n in range(2_500)).encode()[:131_072]
NOISE = b"".join((n * 2_654_435_761 & 0xFFFFFFFF).to_bytes(4) for n in range(32_768))
HELLO = b"\xf2\x48\xcd\xc9\xc9\x07\x00"


def text(size: int) -> bytes:
    """Return a text of about so many octets."""
    return JSON[:size].decode("utf-8", "ignore").encode()


@pytest.mark.parametrize("offer", OFFERS)
def test_an_answer_agrees_with_its_offer(connect: Connect, offer: str) -> None:
    """A server says what it accepts of an offer, and nothing that was not offered (7.1)."""
    with connect(offer) as client:
        agreed = parameters(client.extensions)
    accepted = offer.rpartition(",")[2]
    assert agreed.keys() <= {
        *("server_no_context_takeover", "client_no_context_takeover"),
        *("server_max_window_bits", "client_max_window_bits"),
    }
    if "server_no_context_takeover" in accepted:
        assert "server_no_context_takeover" in agreed
    if "client_max_window_bits" not in accepted:
        assert "client_max_window_bits" not in agreed
    offered = dict(part.strip().partition("=")[::2] for part in accepted.split(";"))
    for name in ("server_max_window_bits", "client_max_window_bits"):
        if offered.get(name):
            assert 8 <= int(agreed[name] or 0) <= int(offered[name])


@pytest.mark.parametrize(
    "offer",
    [
        f"{PLAIN}; unknown",
        f"{PLAIN}; server_max_window_bits",
        f"{PLAIN}; server_max_window_bits=7",
        f"{PLAIN}; server_max_window_bits=16",
        f"{PLAIN}; server_max_window_bits=010",
        f"{PLAIN}; client_max_window_bits=16",
        f"{PLAIN}; client_max_window_bits=x",
        f"{PLAIN}; server_no_context_takeover=1",
        f"{PLAIN}; client_no_context_takeover; client_no_context_takeover",
        "x-webkit-deflate-frame",
    ],
)
def test_an_offer_that_is_not_understood_is_declined(connect: Connect, offer: str) -> None:
    """An unknown, repeated or malformed parameter declines its offer (7.1); all goes on without."""
    with connect(offer) as client:
        assert client.extensions is None
        client.send(frame(TEXT, b"a" * 1_000))
        assert client.read() == Frame(TEXT, b"a" * 1_000)
        client.send(frame(TEXT, HELLO, rsv=RSV1))
        assert codes(client.read_to_end()) == [1002]


@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize("fragment", [None, 100])
def test_deflated_messages_of_any_size_come_back(
    connect_any: Connect, offer: str, fragment: int | None
) -> None:
    """Text and binary, which deflates well or not at all, whole and in fragments (7.2)."""
    with connect_any(offer) as client:
        deflate = Deflate(client.extensions)
        for size in (*SIZES, *SIZES[::-1]):
            for opcode, payload in ((TEXT, text(size)), (BINARY, NOISE[:size])):
                client.send(deflate.message(opcode, payload, fragment=fragment))
                assert deflate.inflated(client.read()) == Frame(opcode, payload)
        client.send(close())
        assert client.read_to_end() == [closed()]


@pytest.mark.parametrize("offer", [OFFERS[0], OFFERS[1], OFFERS[9]])
@pytest.mark.parametrize(("size", "fragment"), [(16, None), (1_024, None), (8_192, 256)])
def test_a_thousand_deflated_messages_come_back(
    connect: Connect, offer: str, size: int, fragment: int | None
) -> None:
    """Contexts on both ends stay the same over many messages."""
    with connect(offer) as client:
        deflate = Deflate(client.extensions)
        for number in range(1_000):
            payload = b"%d" % number + text(size)
            client.send(deflate.message(TEXT, payload, fragment=fragment))
            assert deflate.inflated(client.read()) == Frame(TEXT, payload)


@pytest.mark.parametrize("offer", [OFFERS[0], OFFERS[9]])
def test_deflated_messages_come_all_at_once(connect: Connect, offer: str) -> None:
    """Deflated, plain and control frames in one breath, octets of TCP cut anywhere."""
    payloads = [b"%d" % number + text(number * 40) for number in range(200)]
    with connect(offer) as client:
        deflate = Deflate(client.extensions)
        octets = [
            frame(TEXT, payload) if number % 5 == 0 else deflate.message(TEXT, payload)
            for number, payload in enumerate(payloads)
        ]
        sender = client.send_meanwhile(b"".join(octets), at_a_time=997)
        for payload in payloads:
            assert deflate.inflated(client.read()) == Frame(TEXT, payload)
        sender.join()


@pytest.mark.parametrize(
    "octets",
    [
        frame(TEXT, HELLO, rsv=RSV1),
        b"".join(fragments(TEXT, b"\xf2\x48\xcd", b"\xc9\xc9\x07\x00", rsv=RSV1)),
        b"".join(fragments(TEXT, HELLO, b"", rsv=RSV1)),
        b"".join(fragments(TEXT, b"", HELLO, rsv=RSV1)),
        frame(TEXT, b"\x00\x05\x00\xfa\xffHello\x00", rsv=RSV1),
        frame(TEXT, b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", rsv=RSV1),
        frame(TEXT, b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", rsv=RSV1),
    ],
    ids=["one block", "fragments", "empty last", "empty first", "stored", "final", "two blocks"],
)
def test_the_examples_of_the_rfc_are_understood(connect: Connect, octets: bytes) -> None:
    """Each way in which "Hello" may be deflated (7.2.3); three times, and octet by octet."""
    with connect(PLAIN) as client:
        deflate = Deflate(client.extensions)
        for at_a_time in (None, 1, None):
            client.send(octets, at_a_time=at_a_time)
            assert deflate.inflated(client.read()) == Frame(TEXT, b"Hello")


def test_the_window_goes_on_with_the_next_message(connect: Connect) -> None:
    """The second "Hello" refers to the first (7.2.3.2)."""
    with connect(PLAIN) as client:
        deflate = Deflate(client.extensions)
        for payload in (HELLO, b"\xf2\x00\x11\x00\x00"):
            client.send(frame(TEXT, payload, rsv=RSV1))
            assert deflate.inflated(client.read()) == Frame(TEXT, b"Hello")


@pytest.mark.parametrize("payload", [b"\x00", b"\x02\x00", b"\x01\x00\x00\xff\xff\x00"])
def test_an_empty_message_may_be_deflated(connect: Connect, payload: bytes) -> None:
    """An empty block is a message without content (7.2.3.6)."""
    with connect(PLAIN) as client:
        client.send(frame(TEXT, payload, rsv=RSV1))
        assert Deflate(client.extensions).inflated(client.read()) == Frame(TEXT, b"")


def test_control_frames_come_between_deflated_fragments(connect_any: Connect) -> None:
    """Pings are never deflated (6.1), wherever they come."""
    with connect_any(PLAIN) as client:
        for piece in fragments(TEXT, *(bytes((octet,)) for octet in HELLO), rsv=RSV1):
            client.send(frame(PING, b"Hello" * 20) + piece)
            assert client.read() == Frame(PONG, b"Hello" * 20)
        assert Deflate(client.extensions).inflated(client.read()) == Frame(TEXT, b"Hello")


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        ([frame(TEXT, HELLO, rsv=2)], 1002),
        ([frame(TEXT, HELLO, rsv=RSV1 | 1)], 1002),
        ([frame(PING, HELLO, rsv=RSV1)], 1002),
        ([frame(PONG, b"", rsv=RSV1)], 1002),
        ([frame(CLOSE, b"\x03\xe8", rsv=RSV1)], 1002),
        ([frame(TEXT, HELLO, rsv=RSV1, fin=False), frame(CONTINUATION, b"", rsv=RSV1)], 1002),
        ([frame(TEXT, b"a", fin=False), frame(CONTINUATION, HELLO, rsv=RSV1)], 1002),
        ([frame(TEXT, b"\xff\xff\xff\xff", rsv=RSV1)], 1007),
        ([frame(BINARY, b"\x06\x00\x00", rsv=RSV1)], 1007),
        ([frame(BINARY, b"\xf2\x01\xff\xff\xff", rsv=RSV1)], 1007),
        ([frame(TEXT, b"\x00\x03\x00\xfc\xff\xed\xa0\x80\x00", rsv=RSV1)], 1007),
        ([frame(TEXT, b"\x00\x01\x00\xfe\xff\xff", rsv=RSV1, fin=False)], 1007),
        ([frame(TEXT, b"\x00\x02\x00\xfd\xff\xe2\x82\x00", rsv=RSV1)], 1007),
    ],
)
def test_what_cannot_be_is_refused(connect: Connect, octets: list[bytes], code: int) -> None:
    """RSV1 stands on the first frame of a message only (6), and what it says must be so (7.2.2)."""
    assert codes(answer(connect, *octets, extensions=PLAIN)) == [code]
