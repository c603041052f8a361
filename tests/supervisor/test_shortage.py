"""One line in the log for each shortage."""

from serverkit_supervisor.shortage import Shortage


def test_one_that_goes_on_is_not_new() -> None:
    """It is new when there was none for half a minute."""
    shortage = Shortage()

    answers = [shortage.is_new(now) for now in (0, 0.1, 30, 59.9, 89.9, 90)]

    assert answers == [True, False, False, False, True, False]
