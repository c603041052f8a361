"""The first application, examples/hello.py."""

import asyncio
from typing import Any

import pytest

from examples.hello import app

CURL = [(b"accept", b"*/*")]
BROWSER = [(b"accept", b"text/html,application/xhtml+xml,*/*;q=0.8")]


def answer(headers: list[tuple[bytes, bytes]]) -> tuple[dict[bytes, bytes], bytes]:
    """Call the application once; give the headers and the body of its response."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:  # noqa: ANN401 - a message of any kind
        sent.append(message)

    asyncio.run(app({"type": "http", "headers": headers}, receive, send))
    start, body = sent
    assert start["status"] == 200
    return dict(start["headers"]), body["body"]


def test_a_browser_is_shown_a_page() -> None:
    """Who accepts HTML is sent a page that says which Python serves it."""
    headers, body = answer(BROWSER)

    assert headers[b"content-type"] == b"text/html; charset=utf-8"
    assert b"<h1>Hello!</h1>" in body
    assert b"{" + b"version" not in body


def test_anybody_else_is_sent_one_line() -> None:
    """Curl shows plain text that ends with a newline."""
    headers, body = answer(CURL)

    assert headers[b"content-type"] == b"text/plain; charset=utf-8"
    assert body.startswith(b"Hello from Python ")
    assert body.count(b"\n") == 1


@pytest.mark.parametrize("headers", [CURL, BROWSER])
def test_the_length_is_right(headers: list[tuple[bytes, bytes]]) -> None:
    """The declared length is that of the body."""
    sent, body = answer(headers)

    assert int(sent[b"content-length"]) == len(body)


def test_it_says_that_it_does_not_know_other_scopes() -> None:
    """A server that asks for lifespan support is told so by an exception, as ASGI wants it."""
    with pytest.raises(NotImplementedError, match="lifespan"):
        asyncio.run(app({"type": "lifespan"}, None, None))  # type: ignore[arg-type]
