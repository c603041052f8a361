"""How often an application is started, where, and what its workers are told."""

import signal
from pathlib import Path

import pytest

from tests.integration.conftest import Serve
from tests.integration.supervised.editable import NAME, EditableApp, ask_all

pytestmark = pytest.mark.slow
APP = f"{NAME}:app"


@pytest.fixture
def app(tmp_path: Path) -> EditableApp:
    """An application in a folder of its own."""
    return EditableApp(tmp_path)


def test_threads_share_one_start(serve: Serve, app: EditableApp) -> None:
    """In threads the application is started once, on the main thread, and all have its state."""
    server = serve(APP, *app.flags, "--workers", "3", "--worker-mode", "thread")
    facts = ask_all(server, 12)
    ((_version, starter),) = app.notes("started")
    assert {each.started for each in facts} == {f"first {starter}"}
    assert starter.startswith(f"{server.pid}/")
    assert int(starter.partition("/")[2]) not in {each.thread for each in facts}
    server.send_signal(signal.SIGTERM)
    assert server.wait() == 0
    assert [where for _version, where in app.notes("stopped")] == [starter]


def test_every_process_starts_the_application(serve: Serve, app: EditableApp) -> None:
    """In processes each worker starts it, on the thread that serves, and has its own state."""
    server = serve(APP, *app.flags, "--workers", "3", "--worker-mode", "process")
    facts = ask_all(server, 12)
    starters = {where for _version, where in app.notes("started")}
    assert starters == {f"{each.pid}/{each.thread}" for each in facts}
    assert len(starters) == 3
    assert all(each.started == f"first {each.pid}/{each.thread}" for each in facts)
    server.send_signal(signal.SIGTERM)
    assert server.wait() == 0
    assert {where for _version, where in app.notes("stopped")} == starters


def test_every_thread_can_start_it_too(serve: Serve, app: EditableApp) -> None:
    """With `--lifespan-scope worker` a thread has its own start, on the loop that serves."""
    own = ("--lifespan-scope", "worker")
    server = serve(APP, *app.flags, "--workers", "3", "--worker-mode", "thread", *own)
    facts = ask_all(server, 12)
    starters = {where for _version, where in app.notes("started")}
    assert starters == {f"{server.pid}/{each.thread}" for each in facts}
    assert len(starters) == 3
    assert all(each.started == f"first {each.pid}/{each.thread}" for each in facts)
    server.send_signal(signal.SIGTERM)
    assert server.wait() == 0
    assert {where for _version, where in app.notes("stopped")} == starters


def test_workers_are_told_who_they_are(serve: Serve, app: EditableApp, mode: str) -> None:
    """Each worker has its hooks, on its own loop, with its number and its generation."""
    server = serve(APP, *app.flags, "--workers", "2", "--worker-mode", mode)
    serving = {f"{each.pid}/{each.thread}" for each in ask_all(server, 8)}
    hooks = app.notes("startup")
    assert sorted(words[:3] for words in hooks) == [["first", "0", "0"], ["first", "1", "0"]]
    assert {words[3] for words in hooks} == serving
    server.send_signal(signal.SIGHUP)
    server.wait_for_output("generation 1 serves")
    again = {f"{each.pid}/{each.thread}" for each in ask_all(server, 8)}
    assert not again & serving
    newer = sorted(words[:3] for words in app.notes("startup"))
    assert newer[:2] == [["first", "0", "0"], ["first", "0", "1"]]
    assert newer[2:] == [["first", "1", "0"], ["first", "1", "1"]]
    server.send_signal(signal.SIGTERM)
    assert server.wait() == 0
    drained = sorted(words[1:3] + words[4:] for words in app.notes("draining"))
    assert drained == [
        ["0", "0", "reload"],
        ["0", "1", "shutdown"],
        ["1", "0", "reload"],
        ["1", "1", "shutdown"],
    ]
    assert len(app.notes("shutdown")) == 4


def test_an_application_without_a_lifespan(serve: Serve, app: EditableApp, mode: str) -> None:
    """With `--lifespan off` nothing is started or stopped, and everything is served."""
    server = serve(APP, *app.flags, "--workers", "2", "--worker-mode", mode, "--lifespan", "off")
    assert {each.started for each in ask_all(server, 8)} == {None}
    server.send_signal(signal.SIGTERM)
    assert server.wait() == 0
    assert app.notes("started") == app.notes("stopped") == []
