"""The server for tests of applications, used as such tests use it."""

import asyncio
import contextlib
import http.client
import logging
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from serverkit_server.errors import LifespanError, ShutdownError, StartupError
from serverkit_server.testing import TestServer, serve
from serverkit_worker.asgi import Receive, Scope, Send

BOUND_S = 30.0
pytest_plugins = ["pytester"]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Say hello, or fail on request."""
    if scope["type"] != "http":
        raise NotImplementedError
    if scope["path"] == "/fail":
        raise ZeroDivisionError
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


async def refuses_to_start(scope: Scope, receive: Receive, send: Send) -> None:
    """Fail on start."""
    raise RuntimeError("no database")


def get(url: str, path: str = "/") -> bytes:
    """Give the body of a response."""
    client = http.client.HTTPConnection(url.removeprefix("http://"), timeout=BOUND_S)
    with contextlib.closing(client):
        client.request("GET", path)
        return client.getresponse().read()


def is_up(server: TestServer) -> bool:
    """Ask anew: a type checker takes a property to stay what it was."""
    return server.is_running


def test_serves_in_a_block() -> None:
    """Within the block the server answers at its address, afterwards it is gone."""
    server = TestServer(app)
    assert not is_up(server)
    with server:
        assert is_up(server)
        assert server.host == "127.0.0.1"
        assert server.url == f"http://127.0.0.1:{server.port}"
        assert get(server.url) == b"hello"
    assert not is_up(server)


def test_serves_in_an_async_block() -> None:
    """The same in a coroutine, whose loop is left alone meanwhile; `serve` says it shorter."""

    async def main() -> None:
        async with TestServer(app) as one, serve(app, root_path="/below") as two:
            bodies = await asyncio.gather(
                asyncio.to_thread(get, one.url), asyncio.to_thread(get, two.url)
            )
            assert list(bodies) == [b"hello", b"hello"]
        assert not is_up(one)
        assert not is_up(two)

    asyncio.run(main())


def test_starts_and_stops_as_often_as_wished() -> None:
    """`start` and `stop` may be repeated, and the server started again."""
    server = TestServer(app)
    server.stop()
    for _ in range(2):
        server.start(timeout=BOUND_S)
        server.start()
        assert get(server.url) == b"hello"
        server.stop()
        server.stop()
        assert not is_up(server)


def test_is_safe_among_threads() -> None:
    """Threads that start and stop one server at the same time leave it in one state."""
    server = TestServer(app)
    errors: list[BaseException] = []

    def use() -> None:
        try:
            for _ in range(3):
                server.start(timeout=BOUND_S)
                server.stop()
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            errors.append(error)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(BOUND_S)
    assert errors == []
    assert not is_up(server)


def test_has_no_address_before_it_runs() -> None:
    """Asking a server that does not run where it is, is an error."""
    server = TestServer(app)
    for name in ("url", "host", "port"):
        with pytest.raises(RuntimeError, match="does not run"):
            getattr(server, name)


def test_tells_why_it_cannot_start() -> None:
    """What keeps the server from starting is raised where it is started."""
    with pytest.raises(LifespanError, match="no database"), TestServer(refuses_to_start):
        pass
    with TestServer(app) as first:
        second = TestServer(app, port=first.port)
        with pytest.raises(StartupError, match="is in use"):
            second.start()
        assert not is_up(second)
    with pytest.raises(TypeError, match="did you mean 'lifespan'"):
        TestServer(app, lifspan="off")


def test_does_not_wait_for_ever_for_the_start() -> None:
    """A start that takes longer than allowed is given up."""

    async def never(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.Event().wait()

    with pytest.raises(StartupError, match=r"did not start within 0\.05 s"):
        TestServer(never).start(timeout=0.05)


def test_tells_what_did_not_end() -> None:
    """An application that fails to stop fails the test that used it."""

    async def lives(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        raise ZeroDivisionError

    server = TestServer(lives, lifespan="on")
    server.start(timeout=BOUND_S)
    with pytest.raises(ShutdownError, match="failed while it shut down"):
        server.stop()


def test_shows_the_log_to_the_test(caplog: pytest.LogCaptureFixture) -> None:
    """What the server logs is seen by the test, with the traceback of the application."""
    with TestServer(app) as server:
        assert b"hello" not in get(server.url, "/fail")
    assert any(each.exc_info for each in caplog.records if each.levelno == logging.ERROR)


def test_leaves_signals_alone() -> None:
    """Ctrl-C in a test stops the test, not the server."""
    before = signal.getsignal(signal.SIGINT)
    with TestServer(app):
        assert signal.getsignal(signal.SIGINT) is before


def test_the_fixture_starts_and_stops(serverkit_server: Callable[..., TestServer]) -> None:
    """The fixture makes running servers, as many as a test wants."""
    first, second = serverkit_server(app), serverkit_server(app, root_path="/below")
    assert first.port != second.port
    assert [get(first.url), get(second.url)] == [b"hello", b"hello"]


async def who(scope: Scope, receive: Receive, send: Send) -> None:
    """Say which process and which thread serves."""
    if scope["type"] != "http":
        raise NotImplementedError
    body = f"{os.getpid()} {threading.get_ident()}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["thread", "process"])
def test_several_workers(
    serverkit_server: Callable[..., TestServer], mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Tests can have several workers, in threads as in processes, and reload them."""
    server = serverkit_server(who, workers=2, worker_mode=mode)
    workers = {get(server.url) for _ in range(8)}
    assert len(workers) == 2
    pids = {int(each.split()[0]) for each in workers}
    assert (pids == {os.getpid()}) == (mode == "thread")
    assert server.is_running
    server.stop()
    assert not is_up(server)
    assert "ERROR" not in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["thread", "process"])
def test_several_workers_that_do_not_start(mode: str) -> None:
    """What keeps the workers from starting is raised, as for a single one."""
    with pytest.raises(LifespanError, match="no database"):
        TestServer(refuses_to_start, workers=2, worker_mode=mode).start()


@pytest.mark.slow
def test_the_fixture_ends_its_servers(pytester: pytest.Pytester, tmp_path: Path) -> None:
    """Installing the distribution is all that a project needs to have the fixture."""
    pytester.makepyfile(
        """
        import urllib.request
        from serverkit_server.testing import TestServer

        servers = []

        async def app(scope, receive, send):
            if scope["type"] != "http":
                raise NotImplementedError
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body"})

        def test_one(serverkit_server):
            servers.append(serverkit_server(app))
            with urllib.request.urlopen(servers[0].url) as response:
                assert response.status == 204

        def test_two():
            assert not servers[0].is_running
        """
    )
    pytester.runpytest_subprocess("-W", "error").assert_outcomes(passed=2)
