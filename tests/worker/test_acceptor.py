"""Accepting goes on whatever `accept` says."""

import asyncio
import errno
import logging
import os
import socket
from collections.abc import Callable, Iterator

import pytest

from serverkit_worker import acceptor
from serverkit_worker.acceptor import PAUSE_S, Acceptor
from serverkit_worker.readers import Readers

BOUND_S = 30.0


class Faulty(socket.socket):
    """A listening socket whose `accept` fails as often as it is told to."""

    faults: list[OSError]

    def dup(self) -> "Faulty":
        raise AssertionError("it makes all duplicates blocking for a moment")

    def accept(self) -> tuple[socket.socket, object]:
        if self.faults:
            raise self.faults.pop()
        return super().accept()


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Iterator[Faulty]:
    """Return a bound socket that acceptors use themselves: so it is easier to watch."""
    monkeypatch.setattr(acceptor, "_nonblocking_duplicate", lambda sock: sock)
    with Faulty() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)  # noqa: FBT003  the standard library's signature
        sock.faults = []
        yield sock


def acceptor_of(
    sock: socket.socket, admit: Callable[[socket.socket], None], *, backlog: int
) -> Acceptor:
    """Make one for the running loop."""
    loop = asyncio.get_running_loop()
    return Acceptor(loop, Readers(loop), sock, admit, backlog=backlog)


def connect_through(sock: Faulty) -> None:
    """Open one connection and wait until it is accepted, then close all."""

    async def scene() -> None:
        accepted: asyncio.Queue[socket.socket] = asyncio.Queue()
        accepts = acceptor_of(sock, accepted.put_nowait, backlog=8)
        accepts.start()
        with socket.create_connection(sock.getsockname()[:2], BOUND_S):
            async with asyncio.timeout(BOUND_S):
                (await accepted.get()).close()
        accepts.close()
        accepts.close()
        assert sock.fileno() == -1

    asyncio.run(scene())


def test_a_duplicate_never_blocks() -> None:
    """Nor do its siblings for a moment, on which others may be accepting."""

    async def scene() -> None:
        with Faulty() as sock:
            sock.bind(("127.0.0.1", 0))
            sock.setblocking(False)  # noqa: FBT003  the standard library's signature
            accepts = acceptor_of(sock, socket.socket.close, backlog=8)
            accepts.start()
            accepts.accept_waiting()  # Would block.
            accepts.close()
            assert not os.get_blocking(sock.fileno())

    asyncio.run(scene())


def test_a_connection_that_was_aborted_costs_nothing(
    faulty: Faulty, caplog: pytest.LogCaptureFixture
) -> None:
    """The next one is accepted in the same turn, and nobody is told."""
    faulty.faults = [OSError(errno.ECONNABORTED, "aborted"), OSError(errno.EPROTO, "protocol")]
    with caplog.at_level(logging.INFO, "serverkit.error"):
        connect_through(faulty)
    assert not caplog.records


def test_a_shortage_pauses_and_is_said_once(
    faulty: Faulty, caplog: pytest.LogCaptureFixture
) -> None:
    """However long the shortage lasts, there is one line, and then the client is served."""
    faulty.faults = [OSError(errno.EMFILE, "Too many open files") for _ in range(3)]
    with caplog.at_level(logging.INFO, "serverkit.error"):
        connect_through(faulty)
    assert [record.getMessage() for record in caplog.records] == [
        f"Cannot accept connections (Too many open files); trying again every {PAUSE_S:g} s. "
        "Raise the limit of open files (ulimit -n), or lower max_connections."
    ]


def test_a_socket_that_cannot_be_watched_again_is_tried_again(
    faulty: Faulty, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shortage may take what is needed to go on after it, too."""
    add = Readers.add
    refusals = [OSError(errno.ENOSPC, "too much is watched")]

    def add_later(readers: Readers, descriptor: int, call: Callable[[], object]) -> None:
        if not faulty.faults and refusals:
            raise refusals.pop()
        add(readers, descriptor, call)

    monkeypatch.setattr(Readers, "add", add_later)
    faulty.faults = [OSError(errno.EMFILE, "Too many open files")]
    with caplog.at_level(logging.INFO, "serverkit.error"):
        connect_through(faulty)
    assert not refusals
    assert "too much is watched" in caplog.text


def test_what_the_kernel_holds_is_accepted_at_the_end(faulty: Faulty) -> None:
    """A connection that came before the end is not reset by it."""

    async def scene() -> None:
        accepted: asyncio.Queue[socket.socket] = asyncio.Queue()
        accepts = acceptor_of(faulty, accepted.put_nowait, backlog=8)
        accepts.start()
        with socket.create_connection(faulty.getsockname()[:2], BOUND_S):
            accepts.close()  # The loop has had no turn to accept in between.
            accepted.get_nowait().close()

    asyncio.run(scene())


def test_an_acceptor_that_never_started_only_closes(faulty: Faulty) -> None:
    """As when the worker could not start."""

    async def scene() -> None:
        acceptor_of(faulty, socket.socket.close, backlog=8).close()
        assert faulty.fileno() == -1

    asyncio.run(scene())
