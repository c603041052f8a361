"""Serving from the command line, in processes of their own."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

BOUND_S = 60
APP = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        raise NotImplementedError
    body = scope["path"].encode()
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})

def make():
    return app
"""
BROKEN = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an application."""
    (tmp_path / "hello.py").write_text(APP)
    (tmp_path / "broken.py").write_text(BROKEN)
    (tmp_path / "raises.py").write_text("def inner():\n    1 / 0\n\ninner()\n")
    return tmp_path


def start(
    folder: Path, *arguments: str, environ: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start `serverkit` in a folder."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("SERVERKIT_")}
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "serverkit_cli", *arguments],
        cwd=folder,
        env={**inherited, **(environ or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@contextlib.contextmanager
def serving(
    folder: Path, *arguments: str, environ: Mapping[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """Serve until the block ends; give the process and what it said of itself when it was up.

    A server that says nothing for too long is killed, so that nobody waits for it.
    """
    process = start(folder, *arguments, "--log-format", "json", environ=environ)
    watchdog = threading.Timer(BOUND_S, process.kill)
    watchdog.start()
    try:
        assert process.stderr is not None
        facts = None
        for line in process.stderr:
            record = json.loads(line)
            if record.get("event") == "startup":
                facts = record
                break
        assert facts is not None, "the server ended and did not say that it is up"
        yield process, facts
    finally:
        process.kill()
        process.communicate()
        watchdog.cancel()


def ended(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Run to the end; give exit code, stdout and stderr."""
    process = start(folder, *arguments)
    try:
        out, err = process.communicate(timeout=BOUND_S)
    finally:
        process.kill()
        process.communicate()
    return process.returncode, out, err


def get(url: str, path: str = "/x") -> bytes:
    """Request a path from the server."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=BOUND_S)
    with contextlib.closing(connection):
        connection.request("GET", path)
        return connection.getresponse().read()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("command", [["serve", "hello:app"], ["hello:app"]])
def test_it_serves_until_a_signal(folder: Path, command: list[str], number: signal.Signals) -> None:
    """Port 0 gets a port, which is told; a signal ends it, with exit code 0."""
    with serving(folder, *command, "--port", "0") as (process, facts):
        answer = get(facts["url"])
        process.send_signal(number)
        out, _ = process.communicate(timeout=BOUND_S)

    assert answer == b"/x"
    assert facts["app"] == "hello:app"
    assert not facts["url"].endswith(":0")
    assert (process.returncode, out) == (0, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["hello:make()"],
        ["hello:make", "--factory"],
        ["--app", "hello:app"],
        ["serve", "--app", "hello:app"],
        [
            *("hello:app", "--host", "127.0.0.1", "--no-access-log", "--log-level", "warning"),
            *("--loop", "auto", "--http1", "h11", "--header-timeout", "20"),
            *("--request-timeout", "20", "--keep-alive-timeout", "9", "--write-timeout", "20"),
            *("--max-request-size", "1000000", "--shutdown-timeout", "5"),
        ],
    ],
)
def test_ways_to_say_what_to_serve(folder: Path, arguments: list[str]) -> None:
    """Factories, the option in place of the argument, and many options at once."""
    with serving(folder, *arguments, "--port", "0") as (_, facts):
        assert get(facts["url"]) == b"/x"


def test_the_application_can_be_in_another_folder(folder: Path) -> None:
    """--app-dir is where the application is imported from; the file of settings stays here."""
    other = folder / "other"
    other.mkdir()
    (folder / "hello.py").rename(other / "hello.py")
    (folder / "serverkit.toml").write_text('port = 0\napp_dir = "other"\n')

    with serving(folder, "hello:app") as (_, facts):
        assert get(facts["url"]) == b"/x"


def test_several_addresses(folder: Path) -> None:
    """--bind can be given several times; a unix socket may be among the addresses."""
    with serving(folder, "hello:app", "--bind", "127.0.0.1:0", "--bind", "unix:x") as (_, facts):
        assert len(facts["urls"]) == 2
        assert get(facts["urls"][0]) == b"/x"
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(BOUND_S)
            client.connect(str(folder / "x"))
            client.sendall(b"GET /x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            with client.makefile("rb") as answer:
                assert answer.read().endswith(b"\r\n\r\n/x")


def test_settings_come_from_the_environment_and_an_env_file(folder: Path) -> None:
    """A variable sets what an option sets; the env file counts as the environment."""
    (folder / "app.env").write_text("SERVERKIT_PORT=0\n")

    with serving(
        folder, "hello:app", "--env-file", "app.env", environ={"SERVERKIT_SERVER_HEADER": "mine"}
    ) as (_, facts):
        parts = urlsplit(facts["url"])
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=BOUND_S)
        with contextlib.closing(connection):
            connection.request("GET", "/")
            assert connection.getresponse().getheader("server") == "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["helo:app"], "There is no module 'helo'"),
        (["hello:ap"], "Module 'hello' has no attribute 'ap'."),
        (["hello:make"], "hello:make is no ASGI application"),
        (["hello.py"], "'hello.py' does not name an application."),
        (["broken:app"], "no database"),
        (["hello:app", "--worker-mode", "sync"], "worker_mode must not be 'sync'"),
        (["hello:app", "--app-dir", "nowhere"], "There is no folder 'nowhere'."),
        (["hello:app", "--log-config", "nowhere.toml"], "nowhere.toml"),
    ],
)
def test_a_start_that_fails_is_told_once(folder: Path, arguments: list[str], message: str) -> None:
    """One message for people on stderr, no frame of ours, exit code 1."""
    code, out, err = ended(folder, *arguments, "--bind", "127.0.0.1:0")

    assert (code, out) == (1, "")
    assert err.count("Error: ") == 1
    assert message in err
    assert "Traceback" not in err
    assert len(err.splitlines()) <= 4


def test_an_import_that_fails_shows_frames_of_the_application(folder: Path) -> None:
    """The traceback begins in the file of the application; the message stands last."""
    code, _, err = ended(folder, "raises:app", "--port", "0")

    assert code == 1
    assert "raises.py" in err
    assert "ZeroDivisionError" in err
    assert "app_import.py" not in err
    assert err.splitlines()[-1].startswith("Error: The application cannot be imported: raises")


def test_debug_shows_all_frames(folder: Path) -> None:
    """--debug hides nothing."""
    _, _, err = ended(folder, "raises:app", "--port", "0", "--debug")

    assert "app_import.py" in err


def test_an_interrupt_during_the_import_is_no_traceback(folder: Path) -> None:
    """Ctrl-C before anything is served ends with 130 and one word, whatever Python is at."""
    (folder / "slow.py").write_text(
        "import threading\n"
        "never = threading.Event()\n"
        "print('importing', flush=True)\n"
        # In short waits, since a signal that comes just before a wait does not end it.
        "while not never.wait(0.05):\n"
        "    pass\n"
    )
    process = start(folder, "slow:app")
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "importing\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=BOUND_S)
    finally:
        process.kill()
        process.communicate()

    assert (process.returncode, err.strip()) == (130, "Interrupted.")


def test_a_port_in_use_is_told_with_the_port(folder: Path) -> None:
    """Who meets a port in use learns which, and what said so."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (folder / "serverkit.toml").write_text(f"port = {port}\n")

        code, out, err = ended(folder, "hello:app")

    assert (code, out) == (1, "")
    assert str(port) in err
    assert "in use" in err
    assert "serverkit.toml:1" in err
    assert "Traceback" not in err
