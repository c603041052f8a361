"""SIGUSR2 starts the server anew in its own place, and nobody notices."""

import contextlib
import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.exact_client import FRESH_PROBE, KEEP_ALIVE, PROBE, SHORT
from benchmarks.exact_load import ExactLoad
from tests.integration.conftest import Serve
from tests.integration.supervised.editable import NAME, EditableApp, ask
from tests.support.raw_client import RawClient
from tests.support.server_process import WAIT_S, ServerProcess
from tests.support.supervised import lives, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes"),
]
APP = f"{NAME}:app"
CLIENTS = {KEEP_ALIVE: 2, SHORT: 2, PROBE: 2, FRESH_PROBE: 2}
FAILED = "The upgrade failed, this process goes on to serve"
MODES = {
    "single": ("--loop", "asyncio"),
    "uvloop": ("--loop", "uvloop"),
    "thread": ("--worker-mode", "thread", "--workers", "2"),
    "process": ("--worker-mode", "process", "--workers", "2"),
}

type Start = Callable[..., ServerProcess]


@pytest.fixture
def app(tmp_path: Path) -> EditableApp:
    """An application in a folder of its own."""
    return EditableApp(tmp_path)


@pytest.fixture(params=["single", "thread", "process"])
def flags(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Return the flags of a kind of worker."""
    return MODES[request.param]


@pytest.fixture
def start(serve: Serve, app: EditableApp) -> Iterator[Start]:
    """Start servers whose successors end with the test too."""
    started: list[ServerProcess] = []

    def start_one(*flags: str) -> ServerProcess:
        server = serve(APP, "--no-access-log", *app.flags, *flags)
        started.append(server)
        return server

    yield start_one
    for server in started:
        for pid in successors(server):
            end(pid)


def successors(server: ServerProcess) -> list[int]:
    """Return the processes that were started in the place of a server, and of each other."""
    return [int(pid) for pid in re.findall(r"Upgrade: process (\d+) starts", server.output)]


def end(pid: int, number: signal.Signals = signal.SIGTERM) -> None:
    """End a successor, which is nobody's child to wait for."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
    try:
        until(lambda: not lives(pid), f"the end of {pid}")
    except AssertionError:
        os.kill(pid, signal.SIGKILL)
        raise


def upgrade(server: ServerProcess, pid: int) -> int:
    """Have a process of a server succeeded, wait until it is gone; return its successor."""
    count = len(re.findall("Upgrade: process", server.output)) // 2
    os.kill(pid, signal.SIGUSR2)
    pattern = rf"(?:Upgrade: process \d+ serves.*?){{{count}}}Upgrade: process (\d+) serves"
    found = server.wait_for_output(re.compile(pattern, re.DOTALL))
    until(lambda: not lives(pid), f"the end of {pid}:\n{server.output}")
    return int(found[1])


def fail_to_upgrade(server: ServerProcess) -> str:
    """Ask for an upgrade that fails; return the line of the log that says why."""
    server.send_signal(signal.SIGUSR2)
    return server.wait_for_output(f"{FAILED}: [^\n]*")[0]


@pytest.mark.parametrize("kind", MODES)
def test_no_request_is_lost(start: Start, app: EditableApp, kind: str) -> None:
    """Under load by all kinds of clients a server is succeeded twice, by new code each time."""
    server = start(*MODES[kind])
    address = server.address
    assert not isinstance(address, str)
    pid = server.pid
    with ExactLoad(address, CLIENTS, patience_s=WAIT_S) as load:
        for version in ("second", "third"):
            app.write(version)
            pid = upgrade(server, pid)
            load.wait_for_answers(20)
            assert ask(server).version == version
        load.stop()
        assert load.lost == []
    assert server._running().wait(WAIT_S) == 0
    end(pid)
    with pytest.raises(ConnectionRefusedError), RawClient(address):
        pass
    assert FAILED not in server.output


BROKEN = {
    "syntax": "def",
    "import": "raise RuntimeError('no such luck')",
    "exit": "raise SystemExit(7)",
}


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("syntax", "single"), ("exit", "single"), ("import", "thread"), ("syntax", "process")],
)
def test_what_does_not_start_changes_nothing(
    start: Start, app: EditableApp, kind: str, mode: str
) -> None:
    """The old server goes on with its old code, says why, and can be asked again."""
    server = start(*MODES[mode])
    address = server.address
    assert not isinstance(address, str)
    with ExactLoad(address, {PROBE: 2, SHORT: 1}, patience_s=WAIT_S) as load:
        app.write("second", on_import=BROKEN[kind])
        line = fail_to_upgrade(server)
        (broken,) = successors(server)
        assert re.search(rf"process {broken} ended with exit code [17]", line)
        load.wait_for_answers(5)
        load.stop()
        assert load.lost == []
    assert ask(server).version == "first"
    app.write("another")  # not as long as the first: bytecode would be taken for its, if soon
    pid = upgrade(server, server.pid)
    assert ask(server).version == "another"
    end(pid)


def test_a_long_request_is_finished(start: Start, app: EditableApp, flags: tuple[str, ...]) -> None:
    """A request that was there before is answered by the old code, while the new one serves."""
    server = start(*flags, "--reload-timeout", "60")
    with RawClient(server.address) as client:
        client.send_what_is_taken(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        server.wait_for_output("waiting")
        app.write("second")
        server.send_signal(signal.SIGUSR2)
        found = server.wait_for_output(r"Upgrade: process (\d+) serves")
        until(lambda: ask(server).version == "second", "new code")
        assert lives(server.pid)
        (app.folder / "gate").touch()
        answer = client.read_answer()
        assert b'"first"' in answer.body
    assert server._running().wait(WAIT_S) == 0
    end(int(found[1]))


def test_a_unix_socket_stays(start: Start, app: EditableApp, flags: tuple[str, ...]) -> None:
    """The file outlives the old server, belongs to the new one, and ends with that."""
    where = app.folder / "a.sock"
    server = start(*flags, "--uds", str(where))
    before = where.stat().st_ino
    pid = upgrade(server, server.pid)
    assert where.stat().st_ino == before
    assert ask(server).version == "first"
    pid = upgrade(server, pid)
    assert where.stat().st_ino == before
    end(pid)
    assert not where.exists()


def test_the_pid_file_follows(start: Start, app: EditableApp, flags: tuple[str, ...]) -> None:
    """It names who serves, also after a failure, and goes with the last one."""
    file = app.folder / "server.pid"
    server = start(*flags, "--pid-file", str(file))
    assert file.read_text() == f"{server.pid}\n"
    app.write("second", on_import="raise RuntimeError")
    fail_to_upgrade(server)
    assert file.read_text() == f"{server.pid}\n"
    app.write("third")
    pid = upgrade(server, server.pid)
    assert file.read_text() == f"{pid}\n"
    end(pid)
    assert not file.exists()


def test_an_end_ends_an_upgrade(start: Start, app: EditableApp, flags: tuple[str, ...]) -> None:
    """A server that is told to end while its successor starts leaves nobody behind."""
    server = start(*flags)
    app.write("second", on_start="print('hangs', flush=True); await asyncio.sleep(600)")
    server.send_signal(signal.SIGUSR2)
    server.wait_for_output("hangs")
    server.send_signal(signal.SIGUSR2)
    server.wait_for_output("No upgrade: a new process starts already")
    (successor,) = successors(server)
    server.send_signal(signal.SIGTERM)
    assert server._running().wait(WAIT_S) == 0
    until(lambda: not lives(successor), "the end of the successor")
