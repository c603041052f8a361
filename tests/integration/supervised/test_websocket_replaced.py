"""Open WebSockets when their worker or server is replaced: by a limit, an edit, an upgrade."""

import os
import signal
from pathlib import Path

import pytest

from tests.integration.conftest import Serve
from tests.integration.server.test_upgrade import end, successors
from tests.support.websocket import Dialer

pytestmark = pytest.mark.slow

APP = "tests.support.apps.sockets:app"
RESTART = (1012, "service restart")
EDITED = """
async def app(scope, receive, send):
    assert scope["type"] == "websocket"
    await receive()
    await send({{"type": "websocket.accept"}})
    await send({{"type": "websocket.send", "text": {version!r}}})
    while (await receive())["type"] != "websocket.disconnect":
        pass
"""


def test_recycling(serve: Serve, dial: Dialer, mode: str) -> None:
    """A worker that has served its number of handshakes leaves, and tells its sockets."""
    one = ("--workers", "1", "--worker-mode", mode, "--max-requests", "3")
    server = serve(APP, "--no-access-log", *one)
    for _worker in range(2):
        sockets = [dial.open(server, "/echo") for _ in range(3)]
        assert len({socket.hear() for socket in sockets}) == 1
        assert [socket.end() for socket in sockets] == [RESTART] * 3


def test_an_edit(serve: Serve, dial: Dialer, mode: str, tmp_path: Path) -> None:
    """With --reload an edit closes the sockets, and who comes back meets the new code."""
    source = tmp_path / "edited_sockets.py"

    def edit(version: str) -> None:
        """Replace the file: who writes into it changes it twice, and may be seen to."""
        written = source.with_suffix(".py.tmp")
        written.write_text(EDITED.format(version=version))
        written.replace(source)

    edit("first")
    flags = ("--reload", "--worker-mode", mode, "--app-dir", str(tmp_path), "--lifespan", "off")
    server = serve("edited_sockets:app", *flags)
    for old, new in (("first", "second"), ("second", "third")):
        with dial(server, "/") as socket:
            assert socket.hear() == old
            edit(new)
            assert socket.end() == RESTART
    with dial(server, "/") as socket:
        assert socket.hear() == "third"


# A successor is started alike by either kind, and TLS is spoken by the workers alike.
@pytest.mark.parametrize(
    ("mode", "transport"), [("thread", "plain"), ("thread", "tls"), ("process", "plain")]
)
def test_an_upgrade(
    serve: Serve, dial: Dialer, mode: str, transport: str, tls_flags: tuple[str, ...]
) -> None:
    """SIGUSR2 closes the sockets of the old server as the new one serves on the same port."""
    tls = tls_flags if transport == "tls" else ()
    server = serve(APP, "--no-access-log", "--workers", "2", "--worker-mode", mode, *tls)
    try:
        sockets = [dial.open(server, "/echo") for _ in range(4)]
        old = {socket.hear() for socket in sockets}
        os.kill(server.pid, signal.SIGUSR2)
        assert [socket.end() for socket in sockets] == [RESTART] * 4
        server.wait_for_output(r"Upgrade: process \d+ serves")
        with dial(server, "/echo") as socket:
            assert socket.hear() not in old
    finally:
        for pid in successors(server):
            end(pid)
