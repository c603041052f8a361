"""RFC 7692 sections 5, 7 and 7.1: what is agreed on."""

import pytest

from serverkit_proto.config import ProtoConfig
from tests.conformance.rfc6455.asking import accepted, asked, understood

NAME = "permessage-deflate"
OURS = f"{NAME}; server_max_window_bits=12"


def answer(*offers: str, config: ProtoConfig | None = None) -> str | None:
    """Return the extensions of the answer to offers, each on a line of its own."""
    request = asked(*(("Sec-WebSocket-Extensions", offer) for offer in offers))
    handshake = understood(request, config or ProtoConfig())
    value = dict(accepted(handshake).fields).get(b"sec-websocket-extensions")
    return None if value is None else value.decode("ascii")


@pytest.mark.parametrize(
    ("offer", "agreed"),
    [
        ("", OURS),
        ("; client_max_window_bits", f"{OURS}; client_max_window_bits=12"),
        *(
            (f"; client_max_window_bits={bits}", f"{OURS}; client_max_window_bits={min(bits, 12)}")
            for bits in range(8, 16)
        ),
        *(
            (f"; server_max_window_bits={bits}", f"{NAME}; server_max_window_bits={min(bits, 12)}")
            for bits in range(9, 16)
        ),
        (
            "; server_no_context_takeover",
            f"{NAME}; server_no_context_takeover; server_max_window_bits=12",
        ),
        (
            "; client_no_context_takeover",
            f"{NAME}; client_no_context_takeover; server_max_window_bits=12",
        ),
        (
            "; client_max_window_bits=15; server_max_window_bits=10"
            "; client_no_context_takeover; server_no_context_takeover",
            f"{NAME}; server_no_context_takeover; client_no_context_takeover"
            "; server_max_window_bits=10; client_max_window_bits=12",
        ),
        ('; server_max_window_bits="10"', f"{NAME}; server_max_window_bits=10"),
    ],
)
def test_an_offer_is_accepted(offer: str, agreed: str) -> None:
    """Sizes are at most those offered, what the client asks of us is confirmed (7.1)."""
    assert answer(NAME + offer) == agreed


@pytest.mark.parametrize(
    "parameters",
    [
        "unknown",
        "unknown=1",
        "server_no_context_takeover=1",
        "client_no_context_takeover=true",
        "server_no_context_takeover; server_no_context_takeover",
        "client_max_window_bits; client_max_window_bits=10",
        "server_max_window_bits",
        "server_max_window_bits=7",
        "server_max_window_bits=8",  # allowed, and zlib cannot do it
        "server_max_window_bits=16",
        "server_max_window_bits=012",
        "server_max_window_bits=-9",
        "server_max_window_bits=a",
        "server_max_window_bits=1.0",
        "client_max_window_bits=7",
        "client_max_window_bits=16",
        "client_max_window_bits=08",
        "client_max_window_bits=10; Client_max_window_bits=10",
        "mux",
    ],
)
def test_an_offer_is_declined(parameters: str) -> None:
    """Parameters that are unknown, repeated, malformed or not to be met decline it (5.1, 7.1)."""
    assert answer(f"{NAME}; {parameters}") is None


def test_the_first_offer_that_can_be_met_is_taken() -> None:
    """Offers are in the order of the client's preference, on one line or on several (5.1)."""
    impossible = f"{NAME}; server_max_window_bits=8"
    alone = f"{NAME}; server_no_context_takeover"
    agreed = f"{NAME}; server_no_context_takeover; server_max_window_bits=12"
    assert answer(f"foo, {impossible}, {alone}, {NAME}") == agreed
    assert answer("foo", impossible, alone, NAME) == agreed
    assert answer(f"{NAME}, {alone}") == OURS


def test_nothing_is_answered_that_the_client_does_not_know() -> None:
    """Without its hint there is no client_max_window_bits in the answer (7.1.2.2)."""
    assert "client_max_window_bits" not in (answer(NAME) or "")


def test_it_can_be_switched_off() -> None:
    """Then no offer is accepted."""
    assert answer(NAME, config=ProtoConfig(websocket_compression=False)) is None


@pytest.mark.parametrize(
    "name", ["Permessage-Deflate", "permessage-bzip2", "x-webkit-deflate-frame"]
)
def test_other_extensions_are_declined(name: str) -> None:
    """Names are compared as they are (5)."""
    assert answer(name) is None
