"""Names that clients ask for, read before the handshake does."""

import contextlib
import ssl
from collections.abc import Iterator

import pytest

from serverkit_worker.client_hello import NamesAskedFor
from serverkit_worker.config import WorkerConfig
from tests.worker.certificates import authority
from tests.worker.driving import GET, hello
from tests.worker.running import Client, RunningWorker
from tests.worker.tls_peer import TLSPeer

NAME = b"localhost"
BAD = b"local\xff\xfe\xfdt"
TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
NO_SUCH_NAME = b"\x15\x03\x03\x00\x02\x02\x70"


def client_hello(name: bytes = NAME, version: ssl.TLSVersion | None = None) -> bytes:
    """Return the first thing that a client says."""
    said = TLSPeer(authority().client(version=version)).shake()
    assert said.count(NAME) == 1
    return said.replace(NAME, name)


def in_records(said: bytes, size: int) -> Iterator[bytes]:
    """Say the same in records of so many bytes."""
    for start in range(5, len(said), size):
        piece = said[start : start + size]
        yield said[:3] + len(piece).to_bytes(2) + piece


@pytest.mark.parametrize("version", [TLS12, TLS13])
@pytest.mark.parametrize("name", [NAME, BAD])
def test_finds_the_name(version: ssl.TLSVersion, name: bytes) -> None:
    """In every version, and whatever bytes it is made of."""
    assert NamesAskedFor().receive(client_hello(name, version)) == [name]


def test_no_name_is_none() -> None:
    """Who connects by address asks for none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    outgoing = ssl.MemoryBIO()
    asking = context.wrap_bio(ssl.MemoryBIO(), outgoing)
    with contextlib.suppress(ssl.SSLWantReadError):
        asking.do_handshake()
    assert NamesAskedFor().receive(outgoing.read()) == []


@pytest.mark.parametrize("size", [1, 7, 100])
def test_however_it_is_cut(size: int) -> None:
    """Into records, and into reads: it is found when it is complete, once."""
    names = NamesAskedFor()
    said = b"".join(in_records(client_hello(), size))
    found = [names.receive(said[at : at + 1]) for at in range(len(said))]
    assert found[-1] == [NAME]
    assert not any(found[:-1])


def test_a_client_may_be_asked_to_say_it_again() -> None:
    """Then the second one counts as well; but nothing that comes behind another message."""
    names = NamesAskedFor()
    assert names.receive(client_hello()) == [NAME]
    assert names.receive(b"\x14\x03\x03\x00\x01\x01" + client_hello(BAD)) == [BAD]
    assert names.receive(b"\x16\x03\x03\x00\x04\x10\x00\x00\x00" + client_hello(BAD)) == []
    assert names.receive(client_hello(BAD)) == []


def test_anything_may_come() -> None:
    """The handshake says what is wrong with it; nothing is kept of it for long."""
    said = client_hello()
    for end in range(len(said)):
        NamesAskedFor().receive(said[:end])
        for byte in (0, 255):
            NamesAskedFor().receive(said[:end] + bytes([byte]) + said[end + 1 :])
    assert NamesAskedFor().receive(b"\x17\x03\x03\x00\x01a" + said) == []
    assert NamesAskedFor().receive(b"\x16\x03\x03\x00\x04\x01\xff\xff\xff" + said) == []


@pytest.mark.parametrize("size", [1, 100_000])
def test_a_name_that_is_none_is_refused_without_a_word(
    any_loop: WorkerConfig, size: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """What a client asks for leaves no traceback, and the next one is served."""
    asked: list[object] = []
    context = authority().server()
    context.sni_callback = lambda _connection, name, _context: asked.append(name)
    with RunningWorker(hello, config=any_loop, ssl_context=context) as running:
        with Client(running.address) as stranger:
            stranger.send(b"".join(in_records(client_hello(BAD), size)))
            assert stranger.read_to_end() == NO_SUCH_NAME
        with Client(running.address, ssl_context=authority().client()) as client:
            assert client.ask(GET).status == 200
    assert set(asked) == {"localhost", None}  # None: whoever looks up the certificate
    assert capfd.readouterr().err == ""
