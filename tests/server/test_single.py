"""One worker in the server itself."""

import asyncio
from collections.abc import Callable

import pytest

from serverkit_server.address import TCPAddress
from serverkit_server.bind import open_listeners
from serverkit_server.single import Single
from tests.server.served import App, config_of, get, in_loop


@in_loop
async def test_serves_until_it_is_told_to_end() -> None:
    """It starts the application, serves, and stops the application when it is told to."""
    app, ready = App(), asyncio.Event()
    with open_listeners([TCPAddress("127.0.0.1", 0)], backlog=9, unix_mode=0o600) as listeners:
        single = Single(
            config_of(),
            app,
            listeners,
            lifecycle_collector=None,
            on_ready=ready.set,
            on_event=lambda _: None,
        )
        serving = asyncio.create_task(single.run())
        await ready.wait()
        assert await asyncio.to_thread(get, listeners.bound_addrs[0]) == b"hello"
        single.shutdown()
        single.shutdown()
        await serving
    assert app.life == ["started", "stopped"]
    assert single.worker_pids == ()


@pytest.mark.parametrize(
    ("command", "what"),
    [
        (Single.graceful_reload, "A reload is not possible"),
        (Single.add_worker, "Another worker is not possible"),
        (Single.remove_worker, "One worker less is not possible"),
    ],
)
def test_says_what_one_worker_cannot_do(
    command: Callable[[Single], None], what: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What needs a supervisor is refused with what to do; whoever waits for a reload is told."""
    events: list[str] = []
    with open_listeners([TCPAddress("127.0.0.1", 0)], backlog=9, unix_mode=0o600) as listeners:
        single = Single(
            config_of(),
            App(),
            listeners,
            lifecycle_collector=None,
            on_ready=lambda: None,
            on_event=lambda event: events.append(event.kind),
        )
        command(single)
        single.kill_all()
    assert what in caplog.text
    assert "worker_mode" in caplog.text
    assert events == (["reloading", "reload_failed"] if "reload" in what else [])


@in_loop
async def test_told_to_end_before_it_begins() -> None:
    """Told to end first, it starts nothing."""
    app = App()
    with open_listeners([TCPAddress("127.0.0.1", 0)], backlog=9, unix_mode=0o600) as listeners:
        single = Single(
            config_of(),
            app,
            listeners,
            lifecycle_collector=None,
            on_ready=lambda: None,
            on_event=lambda _: None,
        )
        single.shutdown()
        await single.run()
    assert app.life == []
