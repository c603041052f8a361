"""Workers for processes: what can be passed to them, and what they do there."""

import logging
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from serverkit_server import process_worker, supervised_worker
from serverkit_server.errors import AppImportError, LifespanError, ServerError, StartupError
from serverkit_server.log_setup import StderrHandler
from serverkit_server.process_worker import ProcessWorkerFactory
from serverkit_server.supervised_worker import SupervisedWorker
from serverkit_supervisor import TCPWorker, WorkerContext
from serverkit_worker.asgi import Receive, Scope, Send
from serverkit_worker.collectors import LifecycleCollector
from serverkit_worker.lifecycle_events import LifecycleEvent
from tests.server.served import BOUND_S, App, config_of, failing_lifespan

IMPORTING = """
import signal, threading
from serverkit_server import ServerConfig
from serverkit_server.process_worker import ProcessWorkerFactory
from serverkit_supervisor import WorkerContext

begun = threading.Event()
factory = ProcessWorkerFactory(config=ServerConfig(), app="endless:app", lifecycle_collector=None)
worker = factory(WorkerContext(worker_id=0, ready=lambda: print("ready")))
threading.Thread(target=lambda: (begun.wait(), worker.{end}())).start()
worker.run()
assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
print("ended")
"""
"""Runs a worker in the main thread, and tells it to end while it imports."""


async def top_level(scope: Scope, receive: Receive, send: Send) -> None:
    """Know no scope."""
    raise NotImplementedError


def top_level_filter(method: str, path: str, status: int) -> bool:
    """Keep everything."""
    return True


class LocalCollector:
    """Holds what cannot be pickled."""

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def record(self, event: LifecycleEvent) -> None:
        """Drop it."""


def factory_of(
    app: object = "a:b", *, collector: LifecycleCollector | None = None, **settings: object
) -> ProcessWorkerFactory:
    """Make a factory."""
    return ProcessWorkerFactory(
        config=config_of(**settings),
        app=app,  # type: ignore[arg-type]
        lifecycle_collector=collector,
    )


def context_of(**parts: object) -> WorkerContext:
    """Make the context of a worker that nobody gives connections to."""
    return WorkerContext(**{"worker_id": 0, "ready": lambda: None, **parts})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "factory",
    [
        factory_of(),
        factory_of(top_level),
        factory_of(access_log_filter=top_level_filter),
        factory_of(log_config={"version": 1}),
    ],
)
def test_a_factory_travels(factory: ProcessWorkerFactory) -> None:
    """What can be passed to a process arrives there as it was."""
    factory.check_travels()
    assert pickle.loads(pickle.dumps(factory)) == factory


@pytest.mark.parametrize(
    ("factory", "message", "setting", "remedy"),
    [
        (factory_of(lambda _: None), "given as an object", "", "Give its name instead"),
        (factory_of(collector=LocalCollector()), "lifecycle collector", "", "top level"),
        (
            factory_of(access_log_filter=lambda *_: True),
            "filter of the access log",
            "access_log_filter",
            "top level",
        ),
        (factory_of(log_config={"x": lambda: 0}), "settings", "log_config", "Name a file"),
    ],
)
def test_says_what_does_not_travel(
    factory: ProcessWorkerFactory, message: str, setting: str, remedy: str
) -> None:
    """What cannot be passed to a process is named, with what to do."""
    with pytest.raises(StartupError, match=message) as caught:
        factory.check_travels()
    assert caught.value.setting == setting
    assert remedy in caught.value.remedy


@pytest.mark.parametrize("error", [AppImportError, LifespanError, StartupError])
def test_an_error_travels_whole(error: type[ServerError]) -> None:
    """What a worker says of its failing start arrives in the server with all its parts."""
    sent = error("what", setting="app_dir", remedy="do this", details="Traceback")
    got = pickle.loads(pickle.dumps(sent))
    assert type(got) is error
    assert vars(got) == vars(sent)
    assert str(got) == "what\ndo this"


def test_imports_in_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The application is imported when the worker runs, not before, with the settings of it."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    second = time.time() // 1  # the same for both, as are their sizes
    source = "def make():\n    async def {name}(scope, receive, send): ...\n    return {name}\n"
    (tmp_path / "travelled.py").write_text(source.format(name="old"), "utf-8")
    os.utime(tmp_path / "travelled.py", (second, second))
    factory = factory_of("travelled:make", factory=True, app_dir=str(tmp_path))
    worker = factory(context_of())
    assert "travelled" not in sys.modules
    assert isinstance(worker, TCPWorker)
    assert getattr(factory.load_app(is_reload=False), "__name__", "") == "old"
    del sys.modules["travelled"]
    (tmp_path / "travelled.py").write_text(source.format(name="new"), "utf-8")
    os.utime(tmp_path / "travelled.py", (second, second))
    assert getattr(factory.load_app(is_reload=True), "__name__", "") == "new"
    del sys.modules["travelled"]


def test_an_object_is_taken_as_it_came() -> None:
    """An application that came as an object is served, if it is one."""
    assert factory_of(top_level).load_app(is_reload=False) is top_level
    with pytest.raises(AppImportError, match="cannot be called"):
        factory_of(3).load_app(is_reload=False)


def test_logs_as_configured_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker of a process sets up logging before it imports anything."""
    monkeypatch.setattr(logging.getLogger("serverkit"), "handlers", [])
    seen: list[bool] = []

    def look(*_given: object, **_named: object) -> None:
        handlers = logging.getLogger("serverkit").handlers
        seen.append(any(isinstance(each, StderrHandler) for each in handlers))
        raise AppImportError("that is all")

    monkeypatch.setattr(process_worker, "import_app", look)
    with pytest.raises(AppImportError, match="that is all"):
        factory_of(log_config=None)(context_of()).run()
    assert seen == [True]
    assert logging.getLogger("serverkit").handlers == []


def test_starts_and_stops_the_application_itself() -> None:
    """The worker of a process runs the lifespan on its own loop, around serving."""
    app = App()
    drain: list[Callable[[], None]] = []
    worker = factory_of(app)(context_of(ready=lambda: drain[0]()))
    drain.append(worker.start_draining)
    worker.set_lifespan_state({"of": "somebody else"})
    worker.run()
    assert app.life == ["started", "stopped"]


def test_a_start_that_fails_is_told() -> None:
    """A lifespan that fails is a failure of the worker's start, in its own words."""
    ready: list[bool] = []
    worker = factory_of(failing_lifespan("startup"))(context_of(ready=lambda: ready.append(True)))
    with pytest.raises(LifespanError, match="no database"):
        worker.run()
    assert not ready


@pytest.mark.parametrize("end", ["start_draining", "shutdown"])
def test_told_to_end_before_it_runs(end: str) -> None:
    """A worker that is told to end before it has begun serves nobody and starts nothing."""
    app = App()
    worker = factory_of(app)(context_of())
    getattr(worker, end)()
    assert worker.is_idle()
    worker.run()
    assert app.life == []


@pytest.mark.slow
@pytest.mark.parametrize("end", ["start_draining", "shutdown"])
def test_told_to_end_while_it_imports(tmp_path: Path, end: str) -> None:
    """A worker that is told to end does not finish an import that nobody waits for."""
    (tmp_path / "endless.py").write_text(
        "import threading\nimport __main__\n__main__.begun.set()\ntry:\n"
        "    threading.Event().wait()\nexcept Exception: pass\nprint('imported')\n",
        "utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", IMPORTING.format(end=end)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=BOUND_S,
    )
    assert done.stdout == "ended\n"


@pytest.mark.parametrize("has_own_lifespan", [True, False])
def test_who_is_told_to_end_before_asks_the_application_nothing(*, has_own_lifespan: bool) -> None:
    """A worker that is told to end before it has begun does not call the application at all."""
    called: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        called.append(scope["type"])

    worker = SupervisedWorker(
        config_of(),
        context_of(),
        lambda: app,
        lifecycle_collector=None,
        has_own_lifespan=has_own_lifespan,
    )
    worker.start_draining()
    worker.run()
    assert called == []


@pytest.mark.parametrize(("cpus", "pinned"), [({3, 5, 9}, [3, 5, 9, 3]), ({4}, [4, 4, 4, 4])])
def test_each_worker_gets_one_of_the_cpus(
    monkeypatch: pytest.MonkeyPatch, cpus: set[int], pinned: list[int]
) -> None:
    """With cpu_affinity workers take the CPUs that the process may use in turns."""
    found: list[int] = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: cpus, raising=False)
    monkeypatch.setattr(supervised_worker, "pin_to_cpu", found.append)
    for number in range(4):
        worker = factory_of(top_level, cpu_affinity=True)(context_of(worker_id=number))
        worker.start_draining()
        worker.run()
    assert found == pinned
    worker = factory_of(top_level)(context_of())
    worker.start_draining()
    worker.run()
    assert len(found) == 4
