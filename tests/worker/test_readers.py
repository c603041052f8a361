"""Descriptors that are watched for reading together."""

import asyncio
import contextlib
import functools
import select
import socket
from collections.abc import Awaitable, Callable, Iterator

import pytest

from serverkit_worker.loops import new_event_loop
from serverkit_worker.readers import Readers
from tests.worker.running import WAIT_S
from tests.worker.transports import until

type Pairs = list[tuple[socket.socket, socket.socket]]
type Play = Callable[[Callable[[Readers], Awaitable[None]]], None]


@pytest.fixture(params=["asyncio", "uvloop", "without epoll"])
def play(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Play a scene with readers, on each loop, and as where there is no epoll."""
    loop_name = request.param
    if loop_name == "uvloop":
        pytest.importorskip("uvloop")
    elif loop_name == "without epoll":
        loop_name = "asyncio"

    def run(scene: Callable[[Readers], Awaitable[None]]) -> None:
        async def main() -> None:
            with monkeypatch.context() as patch:
                if request.param == "without epoll":
                    patch.delattr(select, "epoll")
                readers = Readers(asyncio.get_running_loop())
            async with asyncio.timeout(WAIT_S):
                await scene(readers)
            readers.close()

        with asyncio.Runner(loop_factory=lambda: new_event_loop(loop_name)) as runner:
            runner.run(main())

    return run


@pytest.fixture
def pairs() -> Iterator[Pairs]:
    """More connections than are served in one turn."""
    made = [socket.socketpair() for _ in range(100)]
    yield made
    for ours, theirs in made:
        ours.close()
        theirs.close()


def test_each_that_is_readable_is_called(play: Play, pairs: Pairs) -> None:
    """All of many; the others are not."""

    async def scene(readers: Readers) -> None:
        called: set[int] = set()

        def call(ours: socket.socket) -> None:
            called.add(ours.fileno())
            ours.recv(9)

        for ours, _ in pairs:
            readers.add(ours.fileno(), functools.partial(call, ours))
        for _, theirs in pairs[1:]:
            theirs.send(b"x")
        await until(lambda: len(called) == len(pairs) - 1)
        assert pairs[0][0].fileno() not in called

    play(scene)


def test_it_is_called_again_while_there_is_more(play: Play, pairs: Pairs) -> None:
    """Whatever is left in the kernel."""

    async def scene(readers: Readers) -> None:
        (ours, theirs), got = pairs[0], bytearray()
        readers.add(ours.fileno(), lambda: got.extend(ours.recv(1)))
        theirs.send(b"abc")
        await until(lambda: got == b"abc")

    play(scene)


def test_who_was_removed_is_not_called(play: Play, pairs: Pairs) -> None:
    """Also when one that is called before it has it removed; removing twice is once."""

    async def scene(readers: Readers) -> None:
        called: list[int] = []

        def call(mine: int, other: int) -> None:
            called.append(mine)
            readers.remove(other)
            readers.remove(mine)

        first, second = (ours.fileno() for ours, _ in pairs[:2])
        readers.add(first, lambda: call(first, second))
        readers.add(second, lambda: call(second, first))
        for _, theirs in pairs[:2]:
            theirs.send(b"x")
        await until(lambda: bool(called))
        for _ in range(3):
            await asyncio.sleep(0)
        assert len(called) == 1

    play(scene)


def test_a_broken_connection_is_called_for(play: Play, pairs: Pairs) -> None:
    """Reading then tells."""

    async def scene(readers: Readers) -> None:
        ours, theirs = pairs[0]
        got: list[bytes] = []
        readers.add(ours.fileno(), lambda: got.append(ours.recv(9)))
        theirs.close()
        await until(lambda: bool(got))
        assert got[0] == b""

    play(scene)


def test_a_descriptor_that_somebody_closed_can_be_removed(play: Play, pairs: Pairs) -> None:
    """Whether its number is free, or another's by now."""

    async def scene(readers: Readers) -> None:
        for ours, _ in pairs[:2]:
            number = ours.fileno()
            readers.add(number, pytest.fail)
            ours.close()
            with contextlib.ExitStack() as stack:
                if ours is pairs[1][0]:
                    for end in socket.socketpair():
                        stack.enter_context(end)
                readers.remove(number)
                readers.remove(number)

    play(scene)


def test_after_the_end_nobody_is_called(play: Play, pairs: Pairs) -> None:
    """Neither who was there nor who comes; closing twice is once."""

    async def scene(readers: Readers) -> None:
        called: list[int] = []
        readers.add(pairs[0][0].fileno(), lambda: called.append(0))
        readers.close()
        readers.close()
        readers.add(pairs[1][0].fileno(), lambda: called.append(1))
        readers.remove(pairs[1][0].fileno())
        for _, theirs in pairs[:2]:
            theirs.send(b"x")
        for _ in range(5):
            await asyncio.sleep(0)
        assert not called

    play(scene)


def test_a_descriptor_number_that_comes_again_is_another(play: Play, pairs: Pairs) -> None:
    """What was removed leaves nothing behind."""

    async def scene(readers: Readers) -> None:
        got: list[bytes] = []
        ours, _ = pairs[0]
        number = ours.fileno()
        readers.add(number, lambda: got.append(b"wrong"))
        readers.remove(number)
        ours.close()
        one, other = socket.socketpair()
        with one, other:
            readers.add(one.fileno(), lambda: got.append(one.recv(9)))
            other.send(b"right")
            await until(lambda: bool(got))
            readers.remove(one.fileno())
        assert got == [b"right"]

    play(scene)


def test_what_comes_behind_those_that_are_ready(play: Play, pairs: Pairs) -> None:
    """Once each, in order, never within the call that asks for it; also what asks in its turn."""

    async def scene(readers: Readers) -> None:
        told: list[str] = []

        def call(name: str, ours: socket.socket) -> None:
            ours.recv(9)
            readers.call_soon(lambda: told.append(f"{name} later"))
            readers.call_soon(lambda: readers.call_soon(lambda: told.append(f"{name} last")))
            told.append(name)

        for (ours, theirs), name in zip(pairs[:2], "ab", strict=True):
            theirs.send(b"x")
            readers.add(ours.fileno(), functools.partial(call, name, ours))
        readers.call_soon(lambda: told.append("alone"))
        assert not told
        await until(lambda: len(told) == 7)
        for name in "ab":
            assert told.index(name) < told.index(f"{name} later") < told.index(f"{name} last")
        assert set(told) == {"alone", "a", "b", "a later", "b later", "a last", "b last"}

    play(scene)


def test_what_ends_the_loop_leaves_nothing_out() -> None:
    """Whoever asked to be called is called in its last turns."""
    told: list[int] = []

    def end() -> None:
        told.append(0)
        raise SystemExit

    async def scene() -> None:
        readers = Readers(asyncio.get_running_loop())
        one, other = socket.socketpair()
        with one, other:
            other.send(b"x")

            def call() -> None:
                readers.remove(one.fileno())
                readers.call_soon(end)
                readers.call_soon(lambda: told.append(1))

            readers.add(one.fileno(), call)
            await asyncio.sleep(WAIT_S)

    with asyncio.Runner() as runner:
        with pytest.raises(SystemExit):
            runner.run(scene())
        runner.run(asyncio.sleep(0))
    assert told == [0, 1]
