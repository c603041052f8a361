"""Generations of an application in one process: imported, started, replaced, put away."""

import asyncio
import contextlib
import importlib
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from serverkit_server.app_import import import_app
from serverkit_server.errors import AppImportError, LifespanError, ShutdownError
from serverkit_server.thread_generation import ThreadGenerations
from serverkit_supervisor import Generation, ReloadFailed, WorkerContext
from serverkit_worker.asgi import ASGIApp
from serverkit_worker.loop_gate import LoopGate
from tests.server.served import BOUND_S, App, config_of, failing_lifespan, in_loop

NAME = "generation_app"
LIFE = """
import generation_notes
async def app(scope, receive, send):
    if scope["type"] != "lifespan":
        raise NotImplementedError
    await receive()
    {start}
    generation_notes.NOTES.append("{name} starts")
    scope["state"]["name"] = "{name}"
    await send({{"type": "lifespan.startup.complete"}})
    await receive()
    generation_notes.NOTES.append("{name} stops")
    await send({{"type": "lifespan.shutdown.complete"}})
"""


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the applications of a test write down, in a module that is not theirs."""
    module = type(sys)("generation_notes")
    module.NOTES = []  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "generation_notes", module)
    return module.NOTES  # type: ignore[no-any-return]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Write the source of the application: a name, or the whole text."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    def write_source(name: str, *, start: str = "pass", text: str = "") -> None:
        source = text or LIFE.format(name=name, start=start)
        (tmp_path / f"{NAME}.py").write_text(source, "utf-8")
        importlib.invalidate_caches()

    yield write_source
    sys.modules.pop(NAME, None)


class Generations:
    """Generations of the application that is written in a folder, on the running loop."""

    def __init__(self, folder: Path, app: ASGIApp | None = None, **settings: object) -> None:
        config = config_of(app_dir=str(folder), **settings)
        self.name = NAME if app is None else None
        self.app = app or import_app(f"{NAME}:app", app_dir=str(folder))
        self.all = ThreadGenerations(
            config,
            self.app,
            None if app else f"{NAME}:app",
            lifecycle_collector=None,
            gate=self._open_gate(),
        )

    def _open_gate(self) -> LoopGate:
        """Give a way into the running loop, until the test, which is the current task, is over."""
        gate, test, opened = LoopGate(), asyncio.current_task(), contextlib.ExitStack()
        opened.enter_context(gate.open(asyncio.get_running_loop()))
        assert test is not None
        test.add_done_callback(lambda _: opened.close())
        return gate

    async def start(self) -> Generation:
        """Start the first."""
        first = await self.all.start(asyncio.Event())
        assert first is not None
        return first

    async def renew(self) -> Generation:
        """Make the next, in another thread, as the supervisor does."""
        return await asyncio.wait_for(asyncio.to_thread(self.all.renew), BOUND_S)

    async def retire(self, generation: Generation) -> None:
        """Put one away, in another thread, as the supervisor does."""
        await asyncio.wait_for(asyncio.to_thread(generation.retire), BOUND_S)


def app_of(generation: Generation) -> ASGIApp:
    """The application that workers of a generation serve."""
    app: ASGIApp = generation.factory.app  # type: ignore[attr-defined]
    return app


@in_loop
async def test_the_next_generation_has_new_code(
    tmp_path: Path, write: Callable[..., None], notes: list[str]
) -> None:
    """A reload imports and starts the new application before the old one is told to stop."""
    write("old")
    generations = Generations(tmp_path)
    old = await generations.start()
    assert old.state == {"name": "old"}
    write("new")
    new = await generations.renew()
    assert new.state == {"name": "new"}
    assert app_of(new) is not app_of(old)
    generations.all.settle(succeeded=True)
    await generations.retire(old)
    await generations.all.end()
    assert notes == ["old starts", "new starts", "old stops", "new stops"]
    assert sys.modules[NAME].app is app_of(new)


@pytest.mark.parametrize(
    ("text", "start", "error", "message"),
    [
        ("raise ValueError('no database')", "", AppImportError, "fails"),
        ("raise SystemExit(3)", "", AppImportError, "fails"),
        ("def app(:", "", AppImportError, "fails"),
        ("other = 1", "", AppImportError, "has no attribute 'app'"),
        ("", "raise RuntimeError('no luck')", LifespanError, "no luck"),
    ],
)
@in_loop
async def test_a_failure_leaves_the_old_one_alone(
    tmp_path: Path,
    write: Callable[..., None],
    notes: list[str],
    text: str,
    start: str,
    error: type[Exception],
    message: str,
) -> None:
    """Whatever fails in new code, the old modules are back and the old application goes on."""
    write("old")
    generations = Generations(tmp_path)
    await generations.start()
    before = sys.modules[NAME]
    write("new", text=text, start=start)
    with pytest.raises(error, match=message):
        await generations.renew()
    assert sys.modules[NAME] is before
    generations.all.settle(succeeded=False)
    assert notes == ["old starts"]
    write("better")
    assert (await generations.renew()).state == {"name": "better"}
    await generations.all.end()


@in_loop
async def test_says_what_may_help_where_a_second_import_fails(
    tmp_path: Path, write: Callable[..., None], notes: list[str]
) -> None:
    """Code may be such that it cannot be imported twice; then processes help."""
    write("old")
    generations = Generations(tmp_path)
    await generations.start()
    write("", text="raise ValueError('registered twice')")
    with pytest.raises(AppImportError) as caught:
        await generations.renew()
    assert "worker_mode=process" in caught.value.remedy
    assert "registered twice" in caught.value.details
    assert "serverkit" not in caught.value.details
    await generations.all.end()


@in_loop
async def test_workers_that_fail_undo_it(
    tmp_path: Path, write: Callable[..., None], notes: list[str]
) -> None:
    """Where the workers of new code do not come up, its application stops, the old one is back."""
    write("old")
    generations = Generations(tmp_path)
    await generations.start()
    before = sys.modules[NAME]
    write("new")
    new = await generations.renew()
    generations.all.settle(succeeded=False)
    await generations.retire(new)
    assert sys.modules[NAME] is before
    assert notes == ["old starts", "new starts", "new stops"]
    await generations.all.end()


@in_loop
async def test_a_failure_does_not_undo_the_success_before_it(
    tmp_path: Path, write: Callable[..., None], notes: list[str]
) -> None:
    """After a reload that succeeded, a later one that fails goes back to it, not behind it."""
    write("first")
    generations = Generations(tmp_path)
    await generations.start()
    write("second")
    await generations.renew()
    generations.all.settle(succeeded=True)
    second = sys.modules[NAME]
    generations.all.settle(succeeded=False)
    assert sys.modules[NAME] is second
    await generations.all.end()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[threading.Event, threading.Event]]:
    """Two events that code of the application can wait for and set."""
    module = type(sys)("generation_gate")
    entered, opened = threading.Event(), threading.Event()
    module.entered, module.opened = entered, opened  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "generation_gate", module)
    yield entered, opened
    opened.set()


HANGS = f"import generation_gate as g\ng.entered.set()\nassert g.opened.wait({BOUND_S})\n"


@in_loop
async def test_an_import_that_hangs_can_be_given_up(
    tmp_path: Path,
    write: Callable[..., None],
    notes: list[str],
    gate: tuple[threading.Event, threading.Event],
) -> None:
    """Given up while it hangs, the old modules are back at once, and still when it ends.

    Until then another import is refused, since it would hang as well, and the first time it is told
    where; then it works.
    """
    entered, opened = gate
    write("old")
    generations = Generations(tmp_path)
    await generations.start()
    before = sys.modules[NAME]
    write("", text=HANGS + LIFE.format(name="late", start="pass"))
    hanging = asyncio.create_task(generations.renew())
    assert await asyncio.to_thread(entered.wait, BOUND_S)
    generations.all.settle(succeeded=False)
    assert sys.modules[NAME] is before
    with pytest.raises(ReloadFailed, match="still hangs") as first:
        await generations.renew()
    assert "worker_mode=process" in first.value.remedy
    assert f'{NAME}.py", line ' in first.value.traceback
    assert not any(each in first.value.traceback for each in ("app_import.py", "importlib"))
    with pytest.raises(ReloadFailed, match="still hangs") as second:
        await generations.renew()
    assert second.value.traceback == ""
    assert sys.modules[NAME] is before
    opened.set()
    with pytest.raises(ReloadFailed, match="given up"):
        await hanging
    assert sys.modules[NAME] is before
    write("new")
    assert (await generations.renew()).state == {"name": "new"}
    assert notes == ["old starts", "new starts"]
    await generations.all.end()


@in_loop
async def test_a_start_that_hangs_can_be_given_up(
    tmp_path: Path,
    write: Callable[..., None],
    notes: list[str],
    gate: tuple[threading.Event, threading.Event],
) -> None:
    """Given up while the new application starts, it is cancelled."""
    write("old")
    generations = Generations(tmp_path)
    await generations.start()
    before = sys.modules[NAME]
    lines = (
        "import asyncio, generation_gate",
        "generation_gate.entered.set()",
        "try: await asyncio.Event().wait()",
        "finally: generation_notes.NOTES.append('cancelled')",
    )
    write("late", start="\n    ".join(lines))
    hanging = asyncio.create_task(generations.renew())
    assert await asyncio.to_thread(gate[0].wait, BOUND_S)
    generations.all.settle(succeeded=False)
    with pytest.raises(ReloadFailed, match="given up"):
        await hanging
    assert sys.modules[NAME] is before
    await generations.all.end()
    assert notes == ["old starts", "cancelled", "old stops"]


@in_loop
async def test_an_object_cannot_be_imported_anew(tmp_path: Path) -> None:
    """Without a name a reload says that there is none, and what to do."""
    generations = Generations(tmp_path, App())
    await generations.start()
    with pytest.raises(ReloadFailed, match="given as an object") as caught:
        await generations.renew()
    assert "app_path" in caught.value.remedy
    generations.all.settle(succeeded=False)
    await generations.all.end()


@in_loop
async def test_each_worker_can_start_the_application_itself(
    tmp_path: Path, write: Callable[..., None], notes: list[str]
) -> None:
    """With a lifespan for each worker, nothing is started or stopped here, and no state shared."""
    write("old")
    generations = Generations(tmp_path, lifespan_scope="worker")
    first = await generations.start()
    assert (first.state, notes) == (None, [])
    context = WorkerContext(worker_id=0, ready=lambda: None)
    worker = first.factory(context)
    worker.set_lifespan_state({"not": "taken"})
    assert worker._session.state is None  # type: ignore[attr-defined]
    assert (await generations.renew()).state is None
    await generations.all.end()
    assert notes == []


@in_loop
async def test_a_worker_that_shares_an_application_does_not_start_it(
    tmp_path: Path, write: Callable[..., None], notes: list[str]
) -> None:
    """Where the application was started for all, a worker has its state, or none; never its own."""
    write("old")
    generations = Generations(tmp_path)
    first = await generations.start()
    worker = first.factory(WorkerContext(worker_id=0, ready=lambda: None))
    assert worker._session.state == {}  # type: ignore[attr-defined]
    worker.set_lifespan_state({"name": "old"})
    assert worker._session.state == {"name": "old"}  # type: ignore[attr-defined]
    await generations.all.end()


@in_loop
async def test_a_stop_prevents_the_start(tmp_path: Path) -> None:
    """Told to stop before, nothing is started."""
    app = App()
    generations = Generations(tmp_path, app)
    stop = asyncio.Event()
    stop.set()
    assert await generations.all.start(stop) is None
    await generations.all.end()
    assert app.life == []


@in_loop
async def test_failures_at_the_end_are_raised(tmp_path: Path) -> None:
    """An application that does not stop well at the end is what `end` tells, also by `retire`."""
    generations = Generations(tmp_path, failing_lifespan("shutdown"))
    first = await generations.start()
    generations.all.expect_end()
    await generations.retire(first)
    with pytest.raises(ShutdownError, match="disk full"):
        await generations.all.end()


@in_loop
async def test_failures_before_the_end_are_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An application that was replaced and does not stop well is for the log alone."""
    generations = Generations(tmp_path, failing_lifespan("shutdown"))
    first = await generations.start()
    await generations.retire(first)
    assert "was replaced: The application failed to shut down: disk full" in caplog.text
    await generations.all.end()


def test_a_retirement_after_the_end_does_nothing(tmp_path: Path) -> None:
    """When the main loop is gone, nothing waits for it."""
    app = App()

    async def main() -> Generation:
        return await Generations(tmp_path, app).start()

    asyncio.run(main()).retire()
    assert app.life == ["started"]
