"""How a server and its supervisor go together; the supervisor is a fake that does as it is told."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from serverkit_server import supervised
from serverkit_server.address import TCPAddress
from serverkit_server.bind import open_listeners
from serverkit_server.errors import (
    AppImportError,
    LifespanError,
    ServerError,
    ShutdownError,
    StartupError,
    WorkerRestartLimitError,
)
from serverkit_server.listeners import Listeners
from serverkit_server.supervised import Supervised
from serverkit_server.supervisor_failures import as_server_error
from serverkit_server.worker_plan import WorkerPlan
from serverkit_supervisor import (
    Generation,
    RestartLimitReached,
    StartupFailed,
    SupervisorConfig,
    SupervisorEvent,
    Unstopped,
)
from serverkit_worker.asgi import ASGIApp
from tests.server.served import BOUND_S, App, config_of, failing_lifespan, in_loop


class FakeSupervisor:
    """Runs until it is told to end, and notes what it is told."""

    made: "FakeSupervisor"

    def __init__(
        self,
        first: Generation,
        config: SupervisorConfig,
        *,
        mode: str,
        renew: Callable[[], Generation] | None,
        on_ready: Callable[[], None],
        on_event: Callable[[SupervisorEvent], None],
    ) -> None:
        type(self).made = self
        self.first, self.config, self.mode, self.renew = first, config, mode, renew
        self.on_ready, self.on_event = on_ready, on_event
        self.told: list[str] = []
        self.worker_pids = [7, 8]
        self.outcome: BaseException | None = None
        self.is_stuck = False
        self._end = threading.Event()

    def run(self, sockets: Sequence[socket.socket]) -> None:
        """Say that all are ready, and wait for the end."""
        if self._end.is_set():
            return
        self.on_ready()
        self.on_event(SupervisorEvent(kind="ready"))
        assert self._end.wait(BOUND_S)
        if self.outcome is not None:
            raise self.outcome

    def end(self, outcome: BaseException | None = None) -> None:
        """Let `run` return, or raise."""
        self.outcome = outcome
        self._end.set()

    def shutdown(self) -> None:
        self.told.append("shutdown")
        if not self.is_stuck:
            self._end.set()

    def abort(self) -> None:
        self.told.append("abort")
        self._end.set()

    def graceful_reload(self) -> None:
        self.told.append("reload")

    def add_worker(self) -> None:
        self.told.append("add")

    def remove_worker(self) -> None:
        self.told.append("remove")

    def reopen_logs(self) -> None:
        self.told.append("reopen")

    def kill_all(self) -> None:
        self.told.append("kill")


@pytest.fixture(autouse=True)
def _fake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the fake in place of the supervisor."""
    monkeypatch.setattr(supervised, "Supervisor", FakeSupervisor)


@pytest.fixture
def listeners() -> Iterator[Listeners]:
    """One socket that listens."""
    with open_listeners([TCPAddress("127.0.0.1", 0)], backlog=9, unix_mode=0o600) as found:
        yield found


class Running:
    """A supervised server that runs on the loop of a test."""

    def __init__(
        self, listeners: Listeners, app: ASGIApp | str = "a:b", **settings: object
    ) -> None:
        self.ready = asyncio.Event()
        self.events: list[str] = []
        place = "process" if isinstance(app, str) else "thread"
        self.server = Supervised(
            config_of(**settings),
            WorkerPlan(place=place, count=3, is_free=False),  # type: ignore[arg-type]
            app,
            app if isinstance(app, str) else None,
            listeners,
            lifecycle_collector=None,
            on_ready=self.ready.set,
            on_event=lambda event: self.events.append(event.kind),
        )
        self.task = asyncio.create_task(self.server.run())

    async def until_ready(self) -> FakeSupervisor:
        """Wait until it serves, and give its supervisor."""
        await self.ready.wait()
        return FakeSupervisor.made

    def say(self, kind: str, **parts: object) -> None:
        """Let the supervisor tell of an event."""
        FakeSupervisor.made.on_event(SupervisorEvent(kind=kind, **parts))  # type: ignore[arg-type]


@in_loop
async def test_commands_reach_the_supervisor(listeners: Listeners) -> None:
    """What a server is told, the supervisor is told; it knows mode, count and processes."""
    running = Running(listeners, max_connections=50)
    server, fake = running.server, await running.until_ready()
    for command in (
        *(server.graceful_reload, server.add_worker, server.remove_worker),
        *(server.reopen_logs, server.kill_all, server.shutdown),
    ):
        command()
    assert fake.told == ["reload", "add", "remove", "reopen", "kill", "shutdown"]
    assert (fake.mode, fake.config.worker_count, fake.config.max_connections) == ("process", 3, 50)
    assert (list(server.worker_pids), fake.renew) == ([7, 8], None)
    await running.task
    assert running.events == ["ready"]


@in_loop
async def test_commands_before_the_start_are_refused(
    listeners: Listeners, caplog: pytest.LogCaptureFixture
) -> None:
    """Before there is a supervisor nothing can be reloaded, which is said, and nothing fails."""
    running = Running(listeners)
    running.server.graceful_reload()
    running.server.kill_all()
    assert "The server starts still, so it cannot do this now: reload." in caplog.text
    assert list(running.server.worker_pids) == []
    running.server.shutdown()
    await running.task
    assert not running.ready.is_set()


@in_loop
async def test_the_application_lives_on_the_main_loop(listeners: Listeners) -> None:
    """In threads it starts before the workers and stops after them, and they have its state."""
    app = App()
    running = Running(listeners, app)
    fake = await running.until_ready()
    assert (app.life, fake.first.state) == (["started"], {"greeting": "hello"})
    assert (fake.mode, fake.renew is None) == ("thread", False)
    running.server.shutdown()
    await running.task
    assert app.life == ["started", "stopped"]
    assert set(app.loops) == {asyncio.get_running_loop()}


@in_loop
async def test_a_start_that_fails_starts_no_worker(listeners: Listeners) -> None:
    """Where the application does not start there is no supervisor."""
    running = Running(listeners, failing_lifespan("startup"))
    with pytest.raises(LifespanError, match="no database"):
        await running.task
    assert list(running.server.worker_pids) == []


@in_loop
async def test_a_stop_during_the_start(listeners: Listeners) -> None:
    """Told to stop while the application starts, it is cancelled and nothing else begins."""
    entered = asyncio.Event()

    async def app(scope: object, receive: object, send: object) -> None:
        entered.set()
        await asyncio.Event().wait()

    running = Running(listeners, app)
    await entered.wait()
    running.server.shutdown()
    await running.task
    assert not running.ready.is_set()


@in_loop
async def test_listeners_are_closed_when_the_end_begins(listeners: Listeners) -> None:
    """From then on only the supervisor's duplicates listen, and clients are refused without it."""
    running = Running(listeners)
    fake = await running.until_ready()
    fake.is_stuck = True
    running.server.shutdown()
    socket.create_connection(listeners.bound_addrs[0], BOUND_S).close()
    running.say("stopping")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(listeners.bound_addrs[0], BOUND_S)
    fake.end()
    await running.task


def cut_off(count: int) -> ShutdownError:
    """What a worker raises that had to cut requests off."""
    return ShutdownError(f"{count} requests did not finish.", setting="shutdown_timeout")


@pytest.mark.parametrize(
    ("failures", "message"),
    [
        ({}, None),
        ({"worker 1": cut_off(2)}, "2 requests did not finish."),
        (
            {"worker 0": cut_off(2), "worker 1": cut_off(3)},
            "worker 0: 2 requests did not finish.\nworker 1: 3 requests did not finish.",
        ),
        ({"worker 0": None}, "Worker 0 did not end well: it was killed."),
    ],
)
@in_loop
async def test_what_workers_cut_off_at_the_end_is_told(
    listeners: Listeners, failures: dict[str, BaseException | None], message: str | None
) -> None:
    """Requests that did not finish at the end are the server's failure, before it they are not."""
    running = Running(listeners)
    fake = await running.until_ready()
    killed = {"reason": "it was killed", "lost": True}
    running.say("worker_exited", worker="worker 9", error=cut_off(9), **killed)
    running.say("stopping")
    running.say("worker_exited", worker="worker 8", reason="it returned, as it was asked to")
    for worker, error in failures.items():
        running.say("worker_exited", worker=worker, error=error, **killed)
    fake.end()
    if message is None:
        await running.task
        return
    with pytest.raises(ShutdownError) as caught:
        await running.task
    assert caught.value.message == message
    assert caught.value.setting == ("shutdown_timeout" if "finish" in message else "")


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (StartupFailed("no", error=AppImportError("as it is")), AppImportError, "as it is"),
        (
            StartupFailed("worker 0 did not start: it raised OSError", error=OSError()),
            StartupError,
            "Worker 0 did not start: it raised OSError.",
        ),
        (StartupFailed("worker 0 was late"), StartupError, "Worker 0 was late."),
        (
            RestartLimitReached("worker 0 crashed", "Look.", reason="it was killed"),
            WorkerRestartLimitError,
            "Worker 0 crashed.\nLook.",
        ),
        (Unstopped("not stopped: worker 1.", names=["worker 1"]), ShutdownError, "Not stopped: "),
    ],
)
def test_tells_what_a_supervisor_could_not_mend(
    error: RestartLimitReached, kind: type[ServerError], text: str
) -> None:
    """Errors of the supervisor become errors of the server; those of workers stay as they are."""
    found = as_server_error(error)
    assert type(found) is kind
    assert str(found).startswith(text)
    assert found.exit_code == 1


def test_names_the_setting_of_what_did_not_stop() -> None:
    """Who reads that something was left behind finds out what bounds it."""
    found = as_server_error(Unstopped("not stopped: worker 1", "Wait.", names=["worker 1"]))
    assert (found.setting, found.remedy) == ("shutdown_timeout", "Wait.")


def test_shows_the_traceback_of_an_error_only() -> None:
    """What a late worker did is in the log already; what a failing one raised is shown."""
    raised = StartupFailed("it raised", error=OSError(), traceback="Traceback of it")
    late = StartupFailed("it was late", traceback="Stacks of it")
    assert as_server_error(raised).details == "Traceback of it"
    assert as_server_error(late).details == ""


@in_loop
async def test_a_supervisor_that_gives_up_ends_the_server(listeners: Listeners) -> None:
    """What the supervisor raises is raised, after the application has stopped."""
    app = App()
    running = Running(listeners, app)
    fake = await running.until_ready()
    fake.end(RestartLimitReached("worker 0 crashed", reason="it was killed"))
    with pytest.raises(WorkerRestartLimitError, match="Worker 0 crashed"):
        await running.task
    assert app.life == ["started", "stopped"]


@in_loop
async def test_a_worse_failure_is_told_first(
    listeners: Listeners, caplog: pytest.LogCaptureFixture
) -> None:
    """Where supervisor and application fail, the supervisor is the reason, the log has both."""
    running = Running(listeners, failing_lifespan("shutdown"))
    fake = await running.until_ready()
    fake.end(RestartLimitReached("worker 0 crashed", reason="it was killed"))
    with pytest.raises(WorkerRestartLimitError):
        await running.task
    assert "disk full" in caplog.text


@in_loop
async def test_a_failing_stop_of_the_application_is_told(listeners: Listeners) -> None:
    """An application that does not stop well fails the end of the server."""
    running = Running(listeners, failing_lifespan("shutdown"))
    await running.until_ready()
    running.server.shutdown()
    with pytest.raises(ShutdownError, match="disk full"):
        await running.task


@in_loop
async def test_cancelling_ends_at_once(listeners: Listeners) -> None:
    """Cancelled, processes are killed; the application of threads is stopped all the same."""
    running = Running(listeners)
    fake = await running.until_ready()
    running.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running.task
    assert fake.told == ["abort"]
    app = App()
    running = Running(listeners, app)
    fake = await running.until_ready()
    running.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running.task
    assert fake.told == ["shutdown"]
    assert app.life == ["started", "stopped"]


@in_loop
async def test_threads_that_do_not_end_are_left(
    listeners: Listeners, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancelled while a thread hangs, the server gives it some time and then gives it up."""
    monkeypatch.setattr(supervised, "_ABORT_S", 0.01)
    running = Running(listeners, App())
    fake = await running.until_ready()
    fake.is_stuck = True
    running.task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running.task
    assert fake.told == ["shutdown", "abort"]


@pytest.mark.parametrize("is_ready", [True, False])
@in_loop
async def test_says_that_requests_may_finish(
    listeners: Listeners, caplog: pytest.LogCaptureFixture, *, is_ready: bool
) -> None:
    """The end is announced where something was served; after a failed start there is nothing."""
    caplog.set_level("INFO", "serverkit.server")
    running = Running(listeners)
    fake = await running.until_ready()
    running.server._has_served = is_ready
    running.say("stopping")
    assert ("Stopping: requests in flight may finish." in caplog.text) == is_ready
    fake.end()
    await running.task
