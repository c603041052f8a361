"""Signals to a server of its own process, and what that process ends with."""

import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.integration.conftest import Serve
from tests.support.server_process import ROOT, WAIT_S, ServerProcess

APP = "tests.integration.server.stubborn_app"
SIGNALS = [signal.SIGINT, signal.SIGTERM]


def connect(server: ServerProcess) -> socket.socket:
    """Connect to a server, wherever it listens."""
    if isinstance(server.address, str):
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(WAIT_S)
        client.connect(server.address)
        return client
    return socket.create_connection(server.address, WAIT_S)


def ask(server: ServerProcess, path: str) -> socket.socket:
    """Send a request and wait until the application has it."""
    client = connect(server)
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    server.wait_for_output(f"got {path}")
    return client


def read_all(client: socket.socket) -> bytes:
    """Read until the server closes, however it does that."""
    received = b""
    try:
        while data := client.recv(65_536):
            received += data
    except ConnectionResetError:
        pass
    return received


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_ends_cleanly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, serve: Serve
) -> None:
    """An idle server ends with 0 at the first signal, after the application was told."""
    note = tmp_path / "note"
    monkeypatch.setenv("NOTE", str(note))
    server = serve(f"{APP}:notes_its_end")
    server.send_signal(number)
    assert server.wait() == 0
    assert note.read_text("utf-8") == "stopped"


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/hang", "/block"])
@pytest.mark.parametrize("number", SIGNALS)
def test_the_second_signal_ends_at_once(
    tmp_path: Path, number: signal.Signals, path: str, serve: Serve
) -> None:
    """A second signal ends a server with 1, even if the application blocks its loop.

    Nothing is left behind: the file of the unix socket is removed.
    """
    where = tmp_path / "a.sock"
    server = serve(f"{APP}:app", "--uds", str(where), "--shutdown-timeout", "600")
    with ask(server, path) as client:
        server.send_signal(number)
        if path == "/hang":
            server.wait_for_output("Stopping")
        # While the loop is blocked nobody can say that the first has arrived. Signals of one kind
        # that come too fast are one, so the second is of the other kind.
        server.send_signal(signal.SIGTERM if number == signal.SIGINT else signal.SIGINT)
        assert server.wait() == 1
        assert read_all(client) == b""
    assert "came a second time, so it ends at once" in server.output
    assert not where.exists()


@pytest.mark.slow
def test_the_deadline_ends_what_does_not_end(serve: Serve) -> None:
    """A request that outlives the deadline is cut off, and the server ends with 1 and says why."""
    server = serve(f"{APP}:app", "--shutdown-timeout", "0.2")
    with ask(server, "/hang") as client:
        server.send_signal(signal.SIGTERM)
        assert server.wait() == 1
        assert b" 200 " not in read_all(client)
    assert "1 request did not finish within 0.2 s and had to be cut off." in server.output
    assert "serverkit_server" not in server.output  # no frames of the server


@pytest.mark.slow
def test_a_thread_that_does_not_end_does_not_hold_the_process(serve: Serve) -> None:
    """A thread of the application that is stuck is left behind with the process."""
    server = serve(f"{APP}:app", "--shutdown-timeout", "0.2")
    with ask(server, "/thread") as client:
        assert client.recv(65_536).startswith(b"HTTP/1.1 200 ")
    server.send_signal(signal.SIGTERM)
    assert server.wait() == 1
    assert "1 thread of the application did not finish" in server.output


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["async", "thread", "process"])
def test_a_thread_of_the_application_s_own_does_not_hold_the_process(
    tmp_path: Path, serve: Serve, mode: str
) -> None:
    """One that it has started itself is waited for, within bounds, and then named."""
    (tmp_path / "busy.py").write_text(
        "import threading\nfrom tests.support.apps.probe import app\n"
        "threading.Thread(target=threading.Event().wait, name='busy bee').start()\n",
        "utf-8",
    )
    flags = ("--worker-mode", mode, "--shutdown-timeout", "0.5")
    server = serve("busy:app", "--app-dir", str(tmp_path), *flags)
    server.send_signal(signal.SIGTERM)
    code = server.wait()
    if mode == "process":  # it is the worker's process that has it
        assert code == 0
        assert "The worker has left threads behind: busy bee." in server.output
    else:
        assert code == 1
        assert "(busy bee) did not finish within 0.5 s" in server.output


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_a_start(number: signal.Signals) -> None:
    """A server that is told to stop before it is up does so, cleanly, with no banner."""
    with subprocess.Popen(
        ServerProcess.command_for(f"{APP}:never_starts"),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "starting\n"
            process.send_signal(number)
            output, _ = process.communicate(timeout=WAIT_S)
        finally:
            process.kill()
    assert process.returncode == 0
    assert "http://" not in output


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["async", "thread"])
def test_a_signal_during_the_import_is_answered_after_it(
    tmp_path: Path, serve: Serve, mode: str
) -> None:
    """It does not end a server whose application is imported still."""
    (tmp_path / "early.py").write_text(
        "import os, signal\nfrom tests.support.apps.probe import app\n"
        "if not os.environ.get('IS_IMPORTED'):\n"
        "    os.environ['IS_IMPORTED'] = 'yes'\n"
        "    for name in ('HUP', 'TTIN', 'TTOU', 'USR1'):\n"
        "        signal.raise_signal(getattr(signal, f'SIG{name}'))\n",
        "utf-8",
    )
    server = serve("early:app", "--app-dir", str(tmp_path), "--worker-mode", mode)
    if mode == "async":
        server.wait_for_output("is not possible: the server has one worker, in itself")
    else:
        server.wait_for_output("generation 1 serves|it cannot do this now: reload")


@pytest.mark.slow
def test_one_worker_in_the_server_refuses_what_needs_others(serve: Serve) -> None:
    """Signals that command workers lead to a line in the log that says what they need."""
    server = serve(f"{APP}:app")
    for number in (signal.SIGHUP, signal.SIGTTIN, signal.SIGTTOU):
        server.send_signal(number)
        server.wait_for_output("is not possible: the server has one worker, in itself")
    server.wait_for_output("One worker less is not possible")
    with ask(server, "/") as client:
        assert client.recv(65_536).startswith(b"HTTP/1.1 200 ")
