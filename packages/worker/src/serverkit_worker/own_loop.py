"""Runs a coroutine on an event loop of its own, with an executor of its own, and ends both.

Rules:
    The end is bounded: a thread that never returns, or a task that is not to be cancelled, must not
    hold it up. asyncio's own runner would wait five minutes for the one, for ever for the other.
"""

import asyncio
import functools
import logging
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from serverkit_worker.loops import new_event_loop

logger = logging.getLogger("serverkit.error")

# How long tasks that are cancelled may take to clean up.
CANCELLED_S: Final = 1.0


def run_in_own_loop[T](
    main: Coroutine[object, object, T],
    *,
    loop: str,
    executor_threads: int,
    executor_name: str,
    shutdown_timeout_s: float,
) -> T:
    """Run a coroutine to its end on a new event loop. Blocks.

    Args:
        main: what to run.
        loop: "asyncio", "uvloop" or "auto".
        executor_threads: of the loop's default executor at most; 0: as many as the standard
            library thinks right for this machine.
        executor_name: its threads' names start so.
        shutdown_timeout_s: how long they may take to finish what they do.
    """
    runner = asyncio.Runner(loop_factory=functools.partial(new_event_loop, loop))
    try:
        own = runner.get_loop()
    except BaseException:
        main.close()
        raise
    executor = ThreadPoolExecutor(executor_threads or None, thread_name_prefix=executor_name)
    own.set_default_executor(executor)
    try:
        return runner.run(main)
    finally:
        # The runner waits for the default executor: let that be one without threads.
        own.set_default_executor(ThreadPoolExecutor(1))
        _retire(executor, shutdown_timeout_s)
        _close(runner, own)


def _close(runner: asyncio.Runner, loop: asyncio.AbstractEventLoop) -> None:
    """Cancel the tasks that are left and close the loop, also if they do not heed it."""
    loop.call_later(CANCELLED_S, loop.stop)
    try:
        runner.close()
    except RuntimeError as exc:
        logger.warning("A task goes on although cancelled; it is left behind: %s", str(exc))


def _retire(executor: ThreadPoolExecutor, timeout_s: float) -> None:
    """Wait for the threads of an executor, but not for ever."""
    helper = threading.Thread(
        target=executor.shutdown, kwargs={"cancel_futures": True}, daemon=True
    )
    helper.start()
    helper.join(timeout_s)
    if helper.is_alive():
        logger.warning(
            "A thread of the executor is still busy after %g s; it is left behind", timeout_s
        )
