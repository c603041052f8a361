"""The file that names the process of a server."""

import signal
from pathlib import Path

import pytest

from tests.integration.conftest import Serve
from tests.support.server_process import ServerProcess

pytestmark = pytest.mark.slow
APP = "tests.integration.server.stubborn_app:app"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a place for the file."""
    return tmp_path / "server.pid"


@pytest.mark.parametrize("flags", [(), ("--workers", "2", "--worker-mode", "process")])
def test_it_names_the_server(serve: Serve, path: Path, flags: tuple[str, ...]) -> None:
    """It is there as long as the server is, and names the process that signals are sent to."""
    server = serve(APP, "--pid-file", str(path), *flags)
    assert path.read_text() == f"{server.pid}\n"
    server.send_signal(signal.SIGTERM)
    assert server.wait() == 0
    assert not path.exists()


def test_a_second_server_is_refused(serve: Serve, path: Path) -> None:
    """It ends before it has opened anything, and says who has the file, which stays."""
    first = serve(APP, "--pid-file", str(path))
    with pytest.raises(AssertionError, match=f"held by process {first.pid}, which runs") as caught:
        ServerProcess(APP, "--pid-file", str(path)).__enter__()
    assert "--pid-file" in str(caught.value)
    assert path.read_text() == f"{first.pid}\n"


def test_a_killed_server_is_in_nobodys_way(serve: Serve, path: Path) -> None:
    """The file of a server that was killed is replaced by that of the next one."""
    first = serve(APP, "--pid-file", str(path))
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert path.exists()
    second = serve(APP, "--pid-file", str(path))
    assert path.read_text() == f"{second.pid}\n"


def test_it_goes_also_with_a_server_that_ends_at_once(serve: Serve, path: Path) -> None:
    """A second signal leaves no file behind."""
    server = serve(f"{APP}", "--pid-file", str(path), "--shutdown-timeout", "600")
    # The same signal twice could be one, where it comes too fast.
    server.send_signal(signal.SIGINT)
    server.send_signal(signal.SIGTERM)
    assert server.wait() in (0, 1)
    assert not path.exists()


def test_a_start_that_fails_leaves_none(path: Path) -> None:
    """A server that cannot start removes its file."""
    flags = ("--pid-file", str(path), "--bind", "systemd:")
    with pytest.raises(AssertionError, match="systemd has passed no sockets on"):
        ServerProcess(APP, *flags).__enter__()
    assert not path.exists()
