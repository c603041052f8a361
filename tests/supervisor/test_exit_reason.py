"""Why a worker is gone, as people read it."""

import pytest

from serverkit_supervisor.exit_reason import ExitReason, of_process, signal_name

SENTENCES = {
    "it raised ValueError: no": ExitReason(code=1, error="ValueError: no"),
    "it was killed by SIGSEGV": ExitReason(signal="SIGSEGV"),
    "it was killed by SIGKILL (out of memory: the limit of its cgroup)": ExitReason(
        signal="SIGKILL", out_of_memory=True
    ),
    "it ended with exit code 3": ExitReason(code=3, asked=True),
    "it returned, as it was asked to": ExitReason(code=0, asked=True),
    "it returned without having been asked to": ExitReason(code=0),
    "it ended, and something else in this process took its exit status": ExitReason(lost=True),
}


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_reason_is_the_rest_of_a_sentence(sentence: str) -> None:
    """Each kind of end has words of its own."""
    assert str(SENTENCES[sentence]) == sentence


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (ExitReason(asked=True), True),
        (ExitReason(code=0, asked=True), True),
        (ExitReason(), False),
        (ExitReason(code=0), False),
        (ExitReason(code=1, asked=True), False),
        (ExitReason(signal="SIGTERM", asked=True), False),
        (ExitReason(error="ValueError", asked=True), False),
        (ExitReason(lost=True, asked=True), False),
    ],
)
def test_only_a_good_end_that_was_asked_for_is_expected(
    reason: ExitReason, *, expected: bool
) -> None:
    """A crash while draining is a crash; a return that nobody asked for is one too."""
    assert reason.expected is expected


def test_the_status_of_a_process() -> None:
    """Exit codes, signals and unknown ends are read from what the system says."""
    assert of_process(3 << 8, asked=False) == ExitReason(code=3)
    assert of_process(0, asked=True) == ExitReason(code=0, asked=True)
    assert of_process(11, asked=False) == ExitReason(signal="SIGSEGV")
    assert of_process(None, asked=True) == ExitReason(asked=True, lost=True)
    assert of_process(1 << 8, asked=False, error="E") == ExitReason(code=1, error="E")


def test_only_a_kill_can_be_for_want_of_memory() -> None:
    """A process that ended otherwise, while another was killed for memory, is not blamed on it."""
    assert of_process(9, asked=False, out_of_memory=True).out_of_memory
    assert not of_process(15, asked=False, out_of_memory=True).out_of_memory
    assert not of_process(1 << 8, asked=False, out_of_memory=True).out_of_memory
    assert not of_process(9, asked=False).out_of_memory


def test_signals_without_a_name() -> None:
    """A number that has no name is shown as a number."""
    assert signal_name(15) == "SIGTERM"
    assert signal_name(42) == "signal 42"
