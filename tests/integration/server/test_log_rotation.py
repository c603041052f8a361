"""SIGUSR1 after log files were moved away, as logrotate does."""

import signal
from functools import partial
from pathlib import Path

import pytest

from tests.integration.conftest import Serve
from tests.integration.supervised.editable import NAME, EditableApp
from tests.support.probe import request
from tests.support.raw_client import RawClient
from tests.support.server_process import ServerProcess
from tests.support.supervised import until

pytestmark = pytest.mark.slow
MODES = {
    "single": (),
    "thread": ("--worker-mode", "thread", "--workers", "2"),
    "process": ("--worker-mode", "process", "--workers", "2"),
}
CONFIG = """
version = 1
disable_existing_loggers = false

[formatters.plain]
format = "%(name)s %(message)s"

[handlers.file]
class = "logging.FileHandler"
filename = "{path}"
formatter = "plain"

[loggers.serverkit]
handlers = ["file"]
level = "INFO"
"""


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    """Return a kind of worker."""
    name: str = request.param
    return name


def get(server: ServerProcess, path: str) -> None:
    """Ask, and wait for the answer."""
    with RawClient(server.address) as client:
        client.send_what_is_taken(request(path, "Connection: close"))
        assert client.read_answer().status == 200


def holds(path: Path, text: str) -> bool:
    """Say whether a file is there and has a text in it."""
    return path.exists() and text in path.read_text("utf-8")


def any_holds(paths: list[Path], text: str) -> bool:
    """Say whether one of several files has a text in it."""
    return any(holds(path, text) for path in paths)


def test_the_access_log(serve: Serve, tmp_path: Path, mode: str) -> None:
    """Every request is in one of the files: before in the old one, later in the new one.

    All workers go on in the new one.
    """
    app = EditableApp(tmp_path)
    path, moved = tmp_path / "access.log", tmp_path / "access.log.1"
    server = serve(f"{NAME}:app", *app.flags, "--access-log-file", str(path), *MODES[mode])
    for number in range(4):
        get(server, f"/before/{number}")
        until(partial(holds, path, f'/before/{number}"'), "a line")  # They come in batches.
    path.rename(moved)
    server.send_signal(signal.SIGUSR1)
    # Each worker makes its new file when it gets round to it, and tells nobody.
    until(path.exists, "the new file")
    number = in_a_row = 0
    while in_a_row < 8:
        line = f'/after/{number}"'
        get(server, f"/after/{number}")
        until(partial(any_holds, [path, moved], line), "a line")
        in_a_row = in_a_row + 1 if holds(path, line) else 0
        number += 1
    old, new = moved.read_text("utf-8"), path.read_text("utf-8")
    assert all(f"/before/{each}" in old for each in range(4))
    assert "/before/" not in new
    assert all(f'/after/{each}"' in old + new for each in range(number))


def test_logs_of_the_user(serve: Serve, tmp_path: Path, mode: str) -> None:
    """Files of a configuration for logging are opened anew as well, by server and workers."""
    app = EditableApp(tmp_path)
    path, moved = tmp_path / "server.log", tmp_path / "server.log.1"
    config = tmp_path / "logging.toml"
    config.write_text(CONFIG.format(path=path), "utf-8")
    server = serve(f"{NAME}:app", *app.flags, "--log-config", str(config), *MODES[mode])
    get(server, "/before")
    until(lambda: holds(path, "/before"), "a line")
    path.rename(moved)
    server.send_signal(signal.SIGUSR1)
    until(path.exists, "the new file")

    def arrives_in_the_new_file() -> bool:
        get(server, "/after")
        return holds(path, "/after")

    until(arrives_in_the_new_file, "a line in the new file")
    assert "/before" not in path.read_text("utf-8")
    server.send_signal(signal.SIGTERM)
    assert server.wait() == 0
    assert holds(path, "Stopping")
