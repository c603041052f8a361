"""Signals wake a loop."""

import asyncio
import os
import signal
import socket
import threading

from serverkit_server.signal_wakeup import woken_by_signals
from tests.server.served import BOUND_S, in_loop


def wakeup_descriptor() -> int:
    """The descriptor that signals are written to; -1: none."""
    current = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(current)
    return current


def test_a_sleeping_loop_runs_the_handler() -> None:
    """A signal that another thread is given wakes the loop of the main thread."""
    handled = threading.Event()
    before = signal.signal(signal.SIGUSR1, lambda *_: handled.set())

    async def main() -> None:
        with woken_by_signals():
            ready, sent = threading.Event(), asyncio.Event()
            loop = asyncio.get_running_loop()

            def send() -> None:
                assert ready.wait(BOUND_S)
                signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
                assert handled.wait(BOUND_S), "the main thread was not woken"
                loop.call_soon_threadsafe(sent.set)

            sender = threading.Thread(target=send)
            sender.start()
            loop.call_soon(ready.set)
            await asyncio.wait_for(sent.wait(), 2 * BOUND_S)
            sender.join()

    try:
        asyncio.run(main())
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert wakeup_descriptor() == -1


@in_loop
async def test_leaves_who_does_it_already_alone() -> None:
    """A descriptor that somebody else has set stays, during the block and after it."""
    reader, writer = socket.socketpair()
    with reader, writer:
        writer.setblocking(False)  # noqa: FBT003 - the standard library's signature
        signal.set_wakeup_fd(writer.fileno())
        try:
            with woken_by_signals():
                assert wakeup_descriptor() == writer.fileno()
            assert wakeup_descriptor() == writer.fileno()
            signal.set_wakeup_fd(-1)
            with woken_by_signals():
                signal.set_wakeup_fd(writer.fileno())
            assert wakeup_descriptor() == writer.fileno()
        finally:
            signal.set_wakeup_fd(-1)


@in_loop
async def test_many_signals_do_not_fill_it() -> None:
    """However many signals come while the loop is busy, it goes on."""
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        with woken_by_signals():
            for _ in range(5000):
                os.kill(os.getpid(), signal.SIGUSR1)
            await asyncio.sleep(0)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_off_the_main_thread_there_is_nothing_to_do() -> None:
    """In another thread nothing is changed, and nothing fails."""
    found: list[int] = []

    async def look() -> None:
        with woken_by_signals():
            found.append(wakeup_descriptor_of_main)

    wakeup_descriptor_of_main = wakeup_descriptor()
    thread = threading.Thread(target=lambda: asyncio.run(look()))
    thread.start()
    thread.join(BOUND_S)
    assert found == [-1]
    assert wakeup_descriptor() == -1
