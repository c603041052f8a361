"""An event loop of one's own, whose end nothing can hold up."""

import asyncio
import gc
import logging
import sys
import threading

import pytest

from serverkit_worker import own_loop
from serverkit_worker.own_loop import run_in_own_loop

WAIT_S = 30


def run(main: object, *, threads: int = 0, timeout_s: float = 5, loop: str = "asyncio") -> object:
    """Run a coroutine with the settings of a worker."""
    assert asyncio.iscoroutine(main)
    return run_in_own_loop(
        main,
        loop=loop,
        executor_threads=threads,
        executor_name="mine",
        shutdown_timeout_s=timeout_s,
    )


async def thread_name() -> str:
    """Return the name of the thread of the default executor."""
    return await asyncio.to_thread(lambda: threading.current_thread().name)


def test_what_it_returns_and_raises_is_handed_on() -> None:
    """As from any call."""

    async def fail() -> None:
        raise ValueError("mine")

    assert run(asyncio.sleep(0, "done")) == "done"
    with pytest.raises(ValueError, match="mine"):
        run(fail())


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_blocking_work_has_threads_of_its_own(loop: str) -> None:
    """With a name, and as many as configured."""
    pytest.importorskip(loop)

    async def names() -> set[str]:
        barrier = threading.Barrier(2)

        def name() -> str:
            barrier.wait(WAIT_S)
            return threading.current_thread().name

        return set(await asyncio.gather(*(asyncio.to_thread(name) for _ in range(2))))

    assert run(names(), threads=2, loop=loop) == {"mine_0", "mine_1"}
    assert run(thread_name(), threads=1, loop=loop) == "mine_0"
    assert not [each for each in threading.enumerate() if each.name.startswith("mine")]


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_thread_that_never_returns_is_left_behind(
    loop: str, caplog: pytest.LogCaptureFixture
) -> None:
    """After the time that it has; that is said."""
    pytest.importorskip(loop)
    release = threading.Event()

    async def main() -> None:
        here = asyncio.get_running_loop()
        started = asyncio.Event()

        def block() -> None:
            here.call_soon_threadsafe(started.set)
            release.wait(WAIT_S)

        here.run_in_executor(None, block)
        await started.wait()

    try:
        run(main(), timeout_s=0.05, loop=loop)
        (record,) = caplog.records
        assert (record.name, record.levelno) == ("serverkit.error", logging.WARNING)
    finally:
        release.set()
        for each in threading.enumerate():
            if each.name.startswith("mine"):
                each.join(WAIT_S)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_thread_that_is_nearly_done_is_waited_for(loop: str) -> None:
    """Its work is not lost."""
    pytest.importorskip(loop)
    done: list[bool] = []

    async def main() -> None:
        asyncio.get_running_loop().run_in_executor(None, lambda: done.append(True))

    run(main(), loop=loop)

    assert done == [True]


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_task_that_is_not_to_be_cancelled_is_left_behind(
    loop: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end is bounded whatever an application does."""
    pytest.importorskip(loop)
    monkeypatch.setattr(own_loop, "CANCELLED_S", 0.05)
    ends = False

    async def stubborn() -> None:
        while not ends:
            try:
                await asyncio.sleep(WAIT_S)
            except asyncio.CancelledError:
                continue

    async def main() -> str:
        task = asyncio.create_task(stubborn())
        await asyncio.sleep(0)
        kept.append(task)
        return "done"

    kept: list[asyncio.Task[None]] = []
    assert run(main(), loop=loop) == "done"
    assert "left behind" in caplog.text
    ends = True
    kept.clear()
    gc.collect()  # The loop reports the task that is gone here, not in another test.


def test_a_task_that_heeds_its_cancellation_cleans_up() -> None:
    """Before the loop is closed."""
    cleaned: list[bool] = []

    async def other() -> None:
        try:
            await asyncio.sleep(WAIT_S)
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    async def main() -> None:
        kept.append(asyncio.create_task(other()))
        await asyncio.sleep(0)

    kept: list[asyncio.Task[None]] = []
    run(main())

    assert cleaned == [True]


def test_a_loop_that_cannot_be_made_leaves_nothing_unawaited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The reason is all that is said."""
    monkeypatch.setitem(sys.modules, "uvloop", None)

    with pytest.raises(ImportError, match="uvloop"):
        run(asyncio.sleep(0), loop="uvloop")
    gc.collect()
