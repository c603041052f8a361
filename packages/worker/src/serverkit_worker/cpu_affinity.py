"""Ties the thread of a worker to one processor, where the system has that."""

import logging
import os
import sys

logger = logging.getLogger("serverkit.error")


def pin_to_cpu(cpu: int) -> None:
    """Let the calling thread, and those that it starts, run on one processor only.

    Where that cannot be had it is logged, and the thread runs as it did.

    Args:
        cpu: its number, as the system counts.

    Threads: any; each has its own.

    Source: sched_setaffinity(2).
    """
    if sys.platform != "linux":
        logger.warning("A worker cannot be tied to processor %d on this system", cpu)
        return
    try:
        os.sched_setaffinity(0, {cpu})
    except (OSError, ValueError, OverflowError) as exc:
        logger.warning("The worker cannot be tied to processor %d: %s", cpu, exc)
