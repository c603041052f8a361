"""Files as bodies of responses."""

import asyncio
import os
from pathlib import Path

import pytest

from serverkit_worker.asgi import ASGIApp, Receive, Scope, Send
from serverkit_worker.path_send import READ_BYTES, FileReader
from tests.worker.driving import GET, advance, stepped, turns, wire
from tests.worker.wire_format import Response, only


def sends(path: object, headers: list[tuple[bytes, bytes]] | None = None) -> ASGIApp:
    """Return an application that sends a file."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": headers or []}
        await send(start)
        await send({"type": "http.response.pathsend", "path": str(path)})

    return app


async def answer(app: ASGIApp, method: str = "GET") -> Response:
    """Return what a client gets from an application."""
    line = wire(app)
    line.send(GET.replace(b"GET", method.encode()))
    await turns(100)
    return only(line.take(), method=method)


@pytest.mark.parametrize("size", [0, 1, READ_BYTES, 2 * READ_BYTES + 7])
@stepped
async def test_a_file_is_sent_whole(size: int, tmp_path: Path) -> None:
    """With its size as the length of the response."""
    path = tmp_path / "file"
    path.write_bytes(os.urandom(size))

    response = await answer(sends(path))

    assert response.body == path.read_bytes()
    assert response["content-length"] == str(size)


@stepped
async def test_a_declared_length_stays(tmp_path: Path) -> None:
    """As the application said it."""
    path = tmp_path / "file"
    path.write_bytes(b"hello")

    assert (await answer(sends(path, [(b"content-length", b"5")]))).body == b"hello"


@stepped
async def test_a_head_request_has_the_length_only(tmp_path: Path) -> None:
    """The file is not read."""
    path = tmp_path / "file"
    path.write_bytes(b"hello")

    response = await answer(sends(path), "HEAD")

    assert response["content-length"] == "5"


@stepped
async def test_a_file_that_is_not_there_is_the_application_s_failure(tmp_path: Path) -> None:
    """Nothing is sent yet, so its client learns it by 500."""
    response = await answer(sends(tmp_path / "none"))

    assert (response.status, response.code) == (500, "APP_ERROR")
    assert (await answer(sends(tmp_path))).status == 500


@stepped
async def test_the_application_may_send_something_else_instead(tmp_path: Path) -> None:
    """The error is an OSError of the file's, not of the client's."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            await send({"type": "http.response.pathsend", "path": str(tmp_path / "none")})
        except FileNotFoundError:
            await send({"type": "http.response.body", "body": b"none"})

    assert (await answer(app)).body == b"none"


@stepped
async def test_a_slow_client_has_no_more_than_some_of_the_file_in_memory(tmp_path: Path) -> None:
    """The rest is read when it has read."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 5_000_000)
    line = wire(sends(path))
    line.transport.room = 0

    line.send(GET)
    await turns(100)
    assert line.transport.get_write_buffer_size() <= 2 * READ_BYTES

    for _ in range(100):
        line.transport.client_reads(100_000)
        await advance(0.125)
    assert len(only(line.take()).body) == 5_000_000


@stepped
async def test_a_file_that_grows_is_sent_as_it_was(tmp_path: Path) -> None:
    """Its length has been announced."""
    path = tmp_path / "file"
    path.write_bytes(b"hello")

    async with FileReader(str(path)) as file:
        with path.open("ab") as more:
            more.write(b" world")
        assert await file.read() == b"hello"
        assert await file.read() == b""
    assert file.size == 5


@stepped
async def test_a_file_that_shrinks_cuts_the_response_off(tmp_path: Path) -> None:
    """So that the client can tell."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 1_000)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-length", b"2000")],
            }
        )
        await send({"type": "http.response.pathsend", "path": str(path)})

    line = wire(app)
    sent = await line.exchange(GET)

    assert len(sent.partition(b"\r\n\r\n")[2]) == 1_000
    assert line.ended == "closed"


def test_a_file_is_closed_whatever_happens(tmp_path: Path) -> None:
    """Also after a failure between two reads, which threads do on a real loop."""
    path = tmp_path / "file"
    path.write_bytes(b"hello")

    async def read() -> None:
        async with FileReader(str(path)) as file:
            assert await file.read() == b"hello"
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        asyncio.run(read())
