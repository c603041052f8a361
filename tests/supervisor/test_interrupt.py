"""Ctrl-C while a supervisor runs: an order, where the program has no handler of its own."""

import signal
import threading
from collections.abc import Iterator

import pytest

from serverkit_supervisor.interrupt import Interrupt


@pytest.fixture(autouse=True)
def handler() -> Iterator[None]:
    """Python's own handler, and afterwards the one from before."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_the_first_is_another_order_than_the_next() -> None:
    """And none of them raises KeyboardInterrupt."""
    told: list[str] = []

    with Interrupt(lambda: told.append("first"), lambda: told.append("again")) as interrupt:
        before = interrupt.came
        for _ in range(3):
            signal.raise_signal(signal.SIGINT)

    assert told == ["first", "again", "again"]
    assert (before, interrupt.came) == (False, True)


def test_python_has_its_handler_back_afterwards() -> None:
    """Then it is a KeyboardInterrupt again."""
    with Interrupt(lambda: None, lambda: None):
        pass

    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_a_handler_of_the_program_stays() -> None:
    """Whether it was set before or meanwhile."""
    told: list[str] = []
    mine = lambda number, frame: told.append("mine")  # noqa: E731
    signal.signal(signal.SIGINT, mine)
    with Interrupt(lambda: told.append("first"), lambda: None) as interrupt:
        signal.raise_signal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)

    with Interrupt(lambda: told.append("first"), lambda: None):
        signal.signal(signal.SIGINT, mine)

    assert told == ["mine"]
    assert not interrupt.came
    assert signal.getsignal(signal.SIGINT) is mine


def test_off_the_main_thread_nothing_happens() -> None:
    """Only the main thread may set handlers."""
    seen = []

    def enter() -> None:
        with Interrupt(lambda: None, lambda: None):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()

    assert seen == [signal.default_int_handler]
