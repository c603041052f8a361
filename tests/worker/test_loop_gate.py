"""The way into an event loop from other threads."""

import asyncio
import functools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from serverkit_worker.loop_gate import LoopGate
from serverkit_worker.loops import new_event_loop
from tests.worker.running import WAIT_S


class SlowLoop:
    """A loop that a test holds up while something is passed to it."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.may_go_on = threading.Event()

    def call_soon_threadsafe(self, callback: Callable[[], None]) -> None:
        self.entered.set()
        assert self.may_go_on.wait(WAIT_S)


def nothing() -> None:
    """Be called."""


def test_it_is_shut_before_and_after() -> None:
    """Nothing is called then, and the caller is told so."""
    gate, called = LoopGate(), list[str]()

    async def main() -> bool:
        with gate.open(asyncio.get_running_loop()):
            passed = gate.call(functools.partial(called.append, "in between"))
            await asyncio.sleep(0)
        return passed

    before = gate.call(functools.partial(called.append, "before"))
    assert asyncio.run(main())
    after = gate.call(functools.partial(called.append, "after"))
    assert (before, after) == (False, False)
    assert called == ["in between"]


def test_it_is_not_shut_while_something_is_passed() -> None:
    """So the loop cannot be closed under a call that has begun."""
    gate, loop, is_open = LoopGate(), SlowLoop(), threading.Event()

    def serve() -> None:
        with gate.open(loop):  # type: ignore[arg-type]
            is_open.set()
            assert loop.entered.wait(WAIT_S)

    with ThreadPoolExecutor(2) as pool:
        serving = pool.submit(serve)
        assert is_open.wait(WAIT_S)
        calling = pool.submit(gate.call, nothing)
        assert loop.entered.wait(WAIT_S)
        ended_meanwhile = wait({serving}, timeout=0.05).done
        loop.may_go_on.set()
        assert calling.result(WAIT_S)
        serving.result(WAIT_S)
    assert not ended_meanwhile


def test_a_call_may_come_in_the_middle_of_a_call() -> None:
    """A signal handler interrupts its own thread, so it cannot wait for that to go on."""
    gate, called = LoopGate(), list[Callable[[], None]]()

    class Interrupted:
        """A loop whose caller is interrupted while something is passed to it, once."""

        def call_soon_threadsafe(self, callback: Callable[[], None]) -> None:
            called.append(callback)
            if len(called) == 1:
                gate.call(nothing)

    gate._loop = Interrupted()  # type: ignore[assignment]
    calling = threading.Thread(target=gate.call, args=(nothing,), daemon=True)
    calling.start()
    calling.join(WAIT_S)
    assert called == [nothing, nothing]


def test_work_is_run_by_the_loop_or_closed() -> None:
    """What is submitted too late is not left behind as a coroutine that nobody awaits."""
    gate = LoopGate()

    async def work() -> str:
        return threading.current_thread().name

    def submit() -> str:
        submitted = gate.submit(work())
        assert submitted is not None
        return submitted.result(WAIT_S)

    async def main() -> str:
        with gate.open(asyncio.get_running_loop()):
            return await asyncio.to_thread(submit)

    assert asyncio.run(main()) == threading.current_thread().name
    assert gate.submit(work()) is None


def test_a_loop_that_was_closed_without_it_is_as_a_shut_gate() -> None:
    """Who closes a loop under what it runs does not make callers fail."""
    gate, loop = LoopGate(), asyncio.new_event_loop()
    with gate.open(loop):
        loop.close()
        assert not gate.call(nothing)


@pytest.mark.parametrize("loop_name", ["asyncio", "uvloop"])
def test_callers_never_meet_a_loop_that_closes(loop_name: str) -> None:
    """Threads that go on calling while loops come and go harm none of them."""
    pytest.importorskip(loop_name)
    gate, is_over = LoopGate(), threading.Event()
    is_called = asyncio.Event()

    async def main() -> None:
        nonlocal is_called
        is_called = asyncio.Event()
        with gate.open(asyncio.get_running_loop()):
            await asyncio.wait_for(is_called.wait(), WAIT_S)

    def call() -> None:
        while not is_over.is_set():
            gate.call(lambda: is_called.set())

    with ThreadPoolExecutor(2) as pool:
        calling = [pool.submit(call) for _ in range(2)]
        try:
            for _ in range(30):
                loop = new_event_loop(loop_name)
                loop.run_until_complete(main())
                loop.close()
        finally:
            is_over.set()
        for each in calling:
            each.result(WAIT_S)
