"""The mailbox of the thread that supervises."""

import signal
import subprocess
import sys
import threading

import pytest

from serverkit_supervisor.mailbox import Mailbox

BOUND_S = 60


def test_messages_come_in_the_order_in_which_they_were_posted() -> None:
    """Each once."""
    mailbox: Mailbox[int] = Mailbox()
    for number in range(3):
        mailbox.post(number)

    assert [mailbox.receive(0) for _ in range(4)] == [0, 1, 2, None]


@pytest.mark.parametrize("timeout_s", [None, BOUND_S, 1e100])
def test_who_waits_is_woken(timeout_s: float | None) -> None:
    """However long they would wait."""
    mailbox: Mailbox[str] = Mailbox()
    thread = threading.Thread(target=mailbox.post, args=("word",))

    thread.start()

    assert mailbox.receive(timeout_s) == "word"
    thread.join(BOUND_S)


@pytest.mark.parametrize("timeout_s", [-5, 0, 0.01])
def test_nobody_waits_longer_than_they_want(timeout_s: float) -> None:
    """A time that is over already is no wait at all."""
    assert Mailbox[str]().receive(timeout_s) is None


def test_messages_of_many_threads_all_arrive() -> None:
    """Each as often as it was posted."""
    mailbox: Mailbox[int] = Mailbox()

    def post(first: int) -> None:
        for number in range(first, first + 1000):
            mailbox.post(number)

    threads = [threading.Thread(target=post, args=(number * 1000,)) for number in range(4)]
    for thread in threads:
        thread.start()
    received = [mailbox.receive(BOUND_S) for _ in range(4000)]
    for thread in threads:
        thread.join(BOUND_S)

    assert sorted(each for each in received if each is not None) == list(range(4000))


SCRIPT = """
import signal
from serverkit_supervisor.mailbox import Mailbox
mailbox = Mailbox()
signal.signal(signal.SIGUSR1, lambda number, frame: mailbox.post("from the handler"))
print("waiting", flush=True)
for _ in range({count}):
    print(mailbox.receive({timeout}), flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("timeout", ["None", "60"])
def test_a_signal_handler_wakes_the_thread_that_it_interrupts(timeout: str) -> None:
    """The main thread may wait for messages, and still handles signals."""
    count = 20
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(timeout=timeout, count=count)],
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        answers = [process.stdout.readline()]
        for _ in range(count):  # it waits, or is about to
            process.send_signal(signal.SIGUSR1)
            answers.append(process.stdout.readline())

    assert answers == ["waiting\n"] + ["from the handler\n"] * count
    assert process.returncode == 0
