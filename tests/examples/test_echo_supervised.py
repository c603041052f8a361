"""The echo server, examples/echo_supervised.py: serving, reloading, ending."""

import ast
import signal
import socket

import pytest

from tests.architecture.rules import ROOT
from tests.examples.example_process import BOUND_S, ExampleProcess, example

pytestmark = pytest.mark.slow
MODULE = "examples.echo_supervised"
both_modes = pytest.mark.parametrize("mode", ["thread", "process"])


def connect(running: ExampleProcess) -> socket.socket:
    """Connect to it."""
    return socket.create_connection(("127.0.0.1", running.port), BOUND_S)


def ask(client: socket.socket, text: bytes) -> bytes:
    """Send something, and give as much of the answer as was sent."""
    client.sendall(text)
    answer = b""
    while len(answer) < len(text):
        more = client.recv(100)
        assert more, answer
        answer += more
    return answer


@both_modes
def test_it_echoes_reloads_and_ends(mode: str) -> None:
    """A client of before the reload is bid farewell, one after it is served; the exit code is 0."""
    with example(MODULE, "--mode", mode) as running:
        with connect(running) as old:
            assert ask(old, b"one") == b"one"
            running.tell(signal.SIGHUP)
            running.wait_for("generation 1 serves")
            with connect(running) as fresh:
                assert ask(fresh, b"two") == b"two"
                assert old.recv(100) == b""
                running.tell(signal.SIGTERM)
                assert fresh.recv(100) == b""
        assert running.end() == 0, "".join(running.lines)


@both_modes
def test_many_clients_are_served_at_once(mode: str) -> None:
    """None waits for another."""
    with example(MODULE, "--mode", mode) as running:
        clients = [connect(running) for _ in range(20)]
        answers = [ask(client, b"hello") for client in reversed(clients)]
        for client in clients:
            client.close()

    assert answers == [b"hello"] * 20


def test_the_server_itself_is_about_thirty_lines() -> None:
    """What is particular to the echo server: its class."""
    tree = ast.parse((ROOT / "examples" / "echo_supervised.py").read_text("utf-8"))
    (echo,) = (node for node in tree.body if isinstance(node, ast.ClassDef))

    assert (echo.end_lineno or 0) - echo.lineno < 45
