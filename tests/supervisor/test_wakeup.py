"""Waking a thread that waits for descriptors."""

import threading

from serverkit_supervisor.wakeup import Wakeup, wait_readable
from tests.supervisor.handed import BOUND_S, is_readable, open_descriptors


def test_it_is_readable_from_set_to_clear() -> None:
    """However often it was set, one clear is enough."""
    wakeup = Wakeup()

    before = is_readable(wakeup.fileno())
    wakeup.set()
    wakeup.set()
    between = is_readable(wakeup.fileno())
    wakeup.clear()
    wakeup.clear()

    assert (before, between, is_readable(wakeup.fileno())) == (False, True, False)
    wakeup.close()


def test_a_thread_that_waits_is_woken() -> None:
    """Waiting ends as soon as one of the descriptors is readable."""
    first, second = Wakeup(), Wakeup()
    thread = threading.Thread(target=wait_readable, args=(first.fileno(), second.fileno()))
    thread.start()

    second.set()
    thread.join(BOUND_S)

    assert not thread.is_alive()
    first.close()
    second.close()


def test_after_close_it_does_nothing() -> None:
    """The number of the descriptor may be another's by then."""
    before = open_descriptors()
    wakeup = Wakeup()
    wakeup.close()
    other = Wakeup()  # Has the same number.

    wakeup.set()
    wakeup.clear()
    wakeup.close()

    assert not is_readable(other.fileno())
    assert wakeup.fileno() == -1
    other.close()
    assert open_descriptors() == before
