"""Where the application switches the GIL on, several workers are processes, and it is said why."""

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from serverkit_server.gil import is_free_threaded_build
from tests.integration.supervised.editable import NAME, EditableApp, ask_all
from tests.support.gil_extension import build_gil_extension
from tests.support.server_process import ServerProcess

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not is_free_threaded_build(), reason="this Python always has a GIL"),
]
APP = f"{NAME}:app"
# Python warns of it, which the servers of these tests would take for an error.
IMPORT = "import warnings\nwarnings.simplefilter('default')\nimport needs_gil"


@pytest.fixture
def app(tmp_path: Path) -> EditableApp:
    """An application that can import a module which needs the GIL."""
    build_gil_extension(tmp_path)
    return EditableApp(tmp_path)


@pytest.fixture
def serve() -> Iterator[Callable[..., ServerProcess]]:
    """Start servers that may say what others must not: Python's own warning about the GIL."""
    with ExitStack() as stack:

        def start(*flags: str) -> ServerProcess:
            return stack.enter_context(ServerProcess(*flags))

        yield start


def startup_facts(server: ServerProcess) -> dict[str, object]:
    """Return what the server said when it was up."""
    line = next(line for line in server.output.splitlines() if '"event": "startup"' in line)
    facts: dict[str, object] = json.loads(line)
    return facts


def test_threads_by_default(serve: Callable[..., ServerProcess], app: EditableApp) -> None:
    """Without such a module several workers are threads, and the GIL stays off."""
    server = serve(APP, *app.flags, "--workers", "2")
    facts = startup_facts(server)
    assert (facts["worker_mode"], facts["worker_mode_reason"]) == ("thread (async)", "")
    assert facts["gil"] is False


def test_processes_where_a_module_needs_the_gil(
    serve: Callable[..., ServerProcess], app: EditableApp
) -> None:
    """With it they are processes; the banner and one line of the log name the module."""
    app.write("first", on_import=IMPORT)
    server = serve(APP, *app.flags, "--workers", "2")
    facts = startup_facts(server)
    reason = (
        "The GIL is on: the module 'needs_gil' needs it. Workers run in processes, not in threads."
    )
    assert (facts["worker_mode"], facts["worker_mode_reason"]) == ("process (async)", reason)
    assert {each.pid for each in ask_all(server, 8)} == set(facts["worker_pids"])  # type: ignore[call-overload]
    assert server.output.count("Workers run in processes, not in threads") == 2  # log, banner


def test_threads_where_they_are_asked_for(
    serve: Callable[..., ServerProcess], app: EditableApp
) -> None:
    """Asked for threads, they are threads; one line says that they take turns, and why."""
    app.write("first", on_import=IMPORT)
    server = serve(APP, *app.flags, "--workers", "2", "--worker-mode", "thread")
    facts = startup_facts(server)
    assert facts["worker_mode"] == "thread (async)"
    assert "the GIL is on, the module 'needs_gil' needs it" in str(facts["worker_mode_reason"])


def test_new_code_that_needs_the_gil(serve: Callable[..., ServerProcess], app: EditableApp) -> None:
    """A reload cannot make processes of threads: the new code serves, with a warning."""
    server = serve(APP, *app.flags, "--workers", "2")
    app.write("second", on_import=IMPORT)
    server.send_signal(signal.SIGHUP)
    server.wait_for_output("generation 1 serves")
    assert {each.version for each in ask_all(server, 8)} == {"second"}
    assert server.output.count("The new code has switched the GIL on") == 1
    assert "the module 'needs_gil' needs it" in server.output
