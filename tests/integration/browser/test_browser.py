"""What a real browser sees of the server's WebSockets; `facts.js` finds it out."""

import json
import signal

import pytest

from tests.integration.browser.conftest import Page

pytestmark = pytest.mark.slow
OPEN = 1
"""The state of an open WebSocket, as browsers number them."""


def clean(code: int, reason: str = "") -> dict[str, object]:
    """Return what a browser says of an end with a close frame of each side."""
    return {"code": code, "reason": reason, "wasClean": True}


def refused() -> dict[str, object]:
    """Return what a browser says of a handshake that was not accepted, whatever the answer."""
    return {"open": False, "code": 1006, "reason": "", "wasClean": False}


def test_open_and_compression(page: Page) -> None:
    """A WebSocket opens, with compression unless the server has it switched off."""
    state, protocol, extensions = page.fact("open")
    assert (state, protocol) == (OPEN, "")
    if page.way == "ws-uncompressed":
        assert extensions == ""
    else:
        assert extensions.startswith("permessage-deflate")


def test_handshake(page: Page) -> None:
    """Cookie, host, origin and query of the page arrive."""
    scheme, _, host = page.server.url.partition("://")
    assert page.fact("handshake") == {
        "cookie": "flavour=plain",
        "host": host,
        "origin": page.server.url,
        "query": "a=%20b",
        "scheme": scheme.replace("http", "ws"),
    }


def test_text(page: Page) -> None:
    """Text comes back, empty and beyond ASCII; what is no text the browser has mended."""
    texts = ["hello", "", "Grüße, 世界 🎉", "lone \ufffd half"]
    assert page.fact("text") == texts


def test_binary(page: Page) -> None:
    """Bytes come back, for both types in which a browser gives them."""
    assert page.fact("binary") == [True, True]


def test_large_messages(page: Page) -> None:
    """A MiB of noise and a MiB of text come back whole."""
    assert page.fact("large") == [True, True]


def test_many_messages(page: Page) -> None:
    """Two thousand messages that were sent at once come back in order."""
    assert page.fact("many") == 0


def test_many_sockets(page: Page) -> None:
    """Six sockets of one page at a time don't mix."""
    assert page.fact("crowd") == [str(number) for number in range(6)]


def test_subprotocol(page: Page) -> None:
    """The browser is told which of its subprotocols was chosen."""
    assert page.fact("subprotocol") == ["chat.v2", ["chat.v1", "chat.v2"]]


def test_the_page_closes(page: Page) -> None:
    """The application is told code and reason; the browser counts the end as clean."""
    assert page.fact("closeByPage") == clean(3001, "Grüße")
    assert page.ending("closed-by-page") == [3001, "Grüße"]


def test_the_page_closes_without_a_code(page: Page) -> None:
    """Both sides see 1005."""
    assert page.fact("closeByPageWithoutCode") == clean(1005)
    assert page.ending("closed-without-code") == [1005, ""]


def test_the_page_is_left(page: Page) -> None:
    """The application is told 1001 when the user leaves the page."""
    assert page.fact("leftPage") == "left"
    assert page.ending("left") == [1001, ""]


def test_the_application_closes(page: Page) -> None:
    """The page is told code and reason of the application, 1000 if it gave none."""
    assert page.fact("closeByServer") == {"open": True} | clean(4001, "Grüße")
    assert page.fact("closeByServerWithoutCode") == {"open": True} | clean(1000)


def test_the_application_fails(page: Page) -> None:
    """The page is told 1011, and not why."""
    assert page.fact("exception") == {"open": True} | clean(1011)


@pytest.mark.parametrize("name", ["rejection", "denial", "unknown"])
def test_a_handshake_that_is_refused(page: Page, name: str) -> None:
    """A WebSocket that is refused never opens."""
    assert page.fact(name) == refused()


def test_a_message_over_the_limit(page: Page) -> None:
    """The page is told 1009."""
    assert page.fact("tooLarge") == 1009


def test_drain(page: Page) -> None:
    """A reload closes open sockets with 1012, tells the application, and the page can come back."""
    assert page.fact("ready") is True
    page.server.send_signal(signal.SIGHUP)
    assert page.fact("drain") == {"ends": [clean(1012, "service restart")] * 4, "renewed": True}
    assert [page.ending(f"drained{number}") for number in (1, 2, 3, 4)] == [
        [1012, "service restart"]
    ] * 4


def test_no_fact_is_without_a_test(page: Page) -> None:
    """The page has found nothing that no test looks at, and nothing too late."""
    assert page.fact("ready") is True
    lines = [line for line in page.server.output.splitlines() if line.startswith("fact ")]
    facts = {line.split()[1]: json.loads(line.split(" ", 2)[2][: -len(" end")]) for line in lines}
    assert len(facts.keys() - {"ready", "drain"}) == 18
    assert "too late" not in facts.values()
