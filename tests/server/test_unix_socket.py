"""Unix sockets as files."""

import os
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from serverkit_server.errors import BindError
from serverkit_server.unix_socket import bind_unix_socket, remove_unix_socket


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a path that is short enough for a socket, wherever pytest keeps its folders."""
    monkeypatch.chdir(tmp_path)
    return Path("app.sock")


@pytest.fixture
def strict_umask() -> Iterator[None]:
    """Take all permissions of others away from new files."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.usefixtures("strict_umask")
@pytest.mark.parametrize("mode", [0o600, 0o660, 0o666])
def test_has_the_permissions_asked_for(path: Path, mode: int) -> None:
    """The file has the permissions that were asked for, whatever the umask."""
    listener, _ = bind_unix_socket(str(path), mode=mode, backlog=1)
    with listener:
        assert mode == stat.S_IMODE(path.stat().st_mode)


def test_replaces_a_socket_left_behind(path: Path) -> None:
    """A socket that nobody listens on is replaced."""
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    listener, _ = bind_unix_socket(str(path), mode=0o660, backlog=1)
    with listener, socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


@pytest.mark.parametrize("backlog", [0, 5], ids=["queue full", "queue empty"])
def test_never_takes_a_path_from_a_living_server(path: Path, backlog: int) -> None:
    """A path with a server behind it is refused, also when that server is too busy to answer."""
    with (
        socket.socket(socket.AF_UNIX) as living,
        socket.socket(socket.AF_UNIX) as waiting,
    ):
        living.bind(str(path))
        living.listen(backlog)
        waiting.connect(str(path))
        with pytest.raises(BindError, match="is in use: a server listens there"):
            bind_unix_socket(str(path), mode=0o660, backlog=1)
        accepted, _ = living.accept()
        accepted.close()
        assert path.is_socket()


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_never_removes_what_is_no_socket(path: Path, kind: str) -> None:
    """A file, a folder or a link at the path is left as it is."""
    match kind:
        case "file":
            path.write_text("precious")
        case "folder":
            path.mkdir()
        case _:
            path.symlink_to("elsewhere")
    with pytest.raises(BindError, match="is there already, and is no socket"):
        bind_unix_socket(str(path), mode=0o660, backlog=1)
    assert path.exists(follow_symlinks=False) if kind != "link" else path.is_symlink()


@pytest.mark.parametrize(
    ("path", "remedy"),
    [("missing/app.sock", "Make its folder first."), ("a" * 200, "choose a shorter path")],
)
def test_says_why_it_cannot_bind(tmp_path: Path, path: str, remedy: str) -> None:
    """What the system refuses is told with what to do."""
    with pytest.raises(BindError) as caught:
        bind_unix_socket(str(tmp_path / path), mode=0o660, backlog=1)
    assert remedy in caught.value.remedy
    assert caught.value.setting == "uds"


def test_removes_its_own_file_alone(path: Path) -> None:
    """At the end the file goes only if nobody has put another in its place."""
    first, identity = bind_unix_socket(str(path), mode=0o660, backlog=1)
    path.rename("moved.sock")
    second, other = bind_unix_socket(str(path), mode=0o660, backlog=1)
    with first, second:
        remove_unix_socket(str(path), identity)
        assert path.is_socket()
        remove_unix_socket(str(path), other)
        assert not path.exists()
        remove_unix_socket(str(path), other)  # gone already: nothing happens


def test_one_of_many_wins(path: Path) -> None:
    """Of servers that start on one left-behind socket at the same time, exactly one gets it."""
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    start = threading.Barrier(8)
    won: list[socket.socket] = []
    lost: list[BindError] = []

    def compete() -> None:
        start.wait(30)
        try:
            won.append(bind_unix_socket(str(path), mode=0o660, backlog=16)[0])
        except BindError as error:
            lost.append(error)

    rivals = [threading.Thread(target=compete) for _ in range(8)]
    for rival in rivals:
        rival.start()
    for rival in rivals:
        rival.join(30)
    assert [len(won), len(lost)] == [1, 7]
    with won[0], socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
