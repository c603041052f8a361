"""SIGHUP brings new code, or changes nothing."""

import os
import signal
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.integration.conftest import Serve
from tests.integration.supervised.editable import NAME, EditableApp, ask_all
from tests.support.probe import request
from tests.support.raw_client import RawClient
from tests.support.server_process import ServerProcess
from tests.support.supervised import until

pytestmark = pytest.mark.slow
APP = f"{NAME}:app"
MANY = ("--workers", "2", "--worker-mode")


@pytest.fixture
def app(tmp_path: Path) -> EditableApp:
    """An application in a folder of its own."""
    return EditableApp(tmp_path)


def versions(server: ServerProcess) -> set[str]:
    """Return the versions of the code that answer on many connections."""
    return {each.version for each in ask_all(server, 8)}


def reload(server: ServerProcess, generation: int) -> None:
    """Send SIGHUP and wait until that generation serves."""
    server.send_signal(signal.SIGHUP)
    server.wait_for_output(f"generation {generation} serves")


def test_new_code_serves(serve: Serve, app: EditableApp, mode: str) -> None:
    """After SIGHUP all answers are those of the new code, started before the old one stopped."""
    server = serve(APP, *app.flags, *MANY, mode)
    assert versions(server) == {"first"}
    app.write("second")
    reload(server, 1)
    assert versions(server) == {"second"}
    server.send_signal(signal.SIGTERM)
    assert server.wait() == 0
    starts = 1 if mode == "thread" else 2
    for kind in ("started", "stopped"):
        noted = [words[0] for words in app.notes(kind)]
        assert noted == ["first"] * starts + ["second"] * starts
    lines = (app.folder / "notes").read_text("utf-8").splitlines()
    kinds = [" ".join(line.split()[:2]) for line in lines]
    assert kinds.index("started second") < kinds.index("stopped first")


def test_the_old_application_ends_when_its_last_worker_has(
    serve: Serve, app: EditableApp, mode: str
) -> None:
    """The application that was replaced is stopped while the server runs, not only at its end."""
    server = serve(APP, *app.flags, *MANY, mode)
    count = 1 if mode == "thread" else 2

    def have_stopped(versions: int) -> bool:
        return len(app.notes("stopped")) == count * versions

    for generation, version in enumerate(["second", "third"], 1):
        app.write(version)
        reload(server, generation)
        until(partial(have_stopped, generation), "the end of the old application")
    assert [words[0] for words in app.notes("stopped")] == ["first"] * count + ["second"] * count


def test_two_edits_within_a_second(serve: Serve, app: EditableApp, mode: str) -> None:
    """Code counts as new also where size and second of the source are those of the old."""
    server = serve(APP, *app.flags, *MANY, mode)
    second = app.source.stat().st_mtime // 1
    for generation, version in enumerate(["aaaa", "bbbb", "cccc"], 1):
        app.write(version)
        os.utime(app.source, (second, second))
        reload(server, generation)
        assert versions(server) == {version}


def test_requests_in_flight_are_finished_by_the_old_code(
    serve: Serve, app: EditableApp, mode: str
) -> None:
    """A connection that was open before gets its answer from the worker that has it."""
    server = serve(APP, *app.flags, *MANY, mode, "--keep-alive-timeout", "600")
    with RawClient(server.address) as client:
        client.send(request("/wait"))
        server.wait_for_output("waiting")
        app.write("second")
        reload(server, 1)
        assert versions(server) == {"second"}
        (app.folder / "gate").touch()
        answer = client.read_answer()
        # The worker may have answered before it has heard that it is to leave: then it closes soon.
        assert client.read_to_end() == b""
    assert answer.status == 200
    assert '"version": "first"' in answer.body.decode()


FAILURES = {
    "import": ({"on_import": "raise ValueError('no database')"}, "ValueError: no database"),
    "exit": ({"on_import": "raise SystemExit(3)"}, "SystemExit: 3"),
    "syntax": ({"on_import": "def broken(:"}, "SyntaxError"),
    "lifespan": ({"on_start": "raise ValueError('no luck')"}, "failed to start: no luck"),
}


@pytest.mark.parametrize("what", FAILURES)
def test_new_code_that_fails_changes_nothing(
    serve: Serve, app: EditableApp, mode: str, what: str
) -> None:
    """Whatever fails in new code, the old goes on, and the log says once why."""
    failure, message = FAILURES[what]
    server = serve(APP, *app.flags, *MANY, mode, "--log-format", "text")
    app.write("broken", **failure)
    server.send_signal(signal.SIGHUP)
    server.wait_for_output("Reload failed: .*generation 0 goes on serving")
    assert versions(server) == {"first"}
    app.write("better")
    server.send_signal(signal.SIGHUP)
    server.wait_for_output(r"generation \d serves")
    assert versions(server) == {"better"}
    server.send_signal(signal.SIGTERM)
    assert server.wait() == 0
    assert server.output.count("Reload failed") == server.output.count(message) == 1
    assert "serverkit_server" not in server.output


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        ({"on_start": "await asyncio.sleep(600)"}, "did not start within|was not ready"),
        ({"on_import": "import time; time.sleep(600)"}, "time.sleep"),
    ],
    ids=["lifespan", "import"],
)
def test_new_code_that_hangs_changes_nothing(
    serve: Serve, app: EditableApp, mode: str, failure: dict[str, str], message: str
) -> None:
    """Where new code does not come up in time, the old goes on, and the log shows where it was."""
    server = serve(APP, *app.flags, *MANY, mode, "--startup-timeout", "10", "--log-format", "text")
    app.write("broken", **failure)
    server.send_signal(signal.SIGHUP)
    server.wait_for_output("Reload failed: .*generation 0 goes on serving")
    assert versions(server) == {"first"}
    server.wait_for_output(message)
    server.send_signal(signal.SIGTERM)
    assert server.wait() == 0


SCRIPT = """
import sys
sys.path.insert(0, {folder!r})
from {name} import app
from serverkit import Server, ServerConfig

if __name__ == "__main__":
    config = ServerConfig(workers=2, worker_mode={mode!r}, port=0, log_format="text")
    Server(config, app, app_path={path!r}).run()
"""


class Script(ServerProcess):
    """Runs a program that serves by itself."""

    def __init__(self, path: Path, text: str) -> None:
        super().__init__("unused")
        path.write_text(text, "utf-8")
        self.command = [sys.executable, "-W", "error", str(path)]


@pytest.mark.parametrize("path", [APP, None], ids=["with its name", "without"])
def test_an_application_that_was_given_as_an_object(
    app: EditableApp, mode: str, path: str | None, tmp_path: Path
) -> None:
    """An object is imported anew by its name; without one, threads go on, and it is said why.

    Processes import it anew in any case: an object that can be passed to them is found by name.
    """
    text = SCRIPT.format(folder=str(tmp_path), name=NAME, mode=mode, path=path)
    with Script(tmp_path / "program.py", text) as server:
        app.write("second")
        if path is None and mode == "thread":
            server.send_signal(signal.SIGHUP)
            server.wait_for_output("Reload failed: .*it cannot be imported anew")
            assert versions(server) == {"first"}
        else:
            reload(server, 1)
            assert versions(server) == {"second"}
        server.send_signal(signal.SIGTERM)
        assert server.wait() == 0
