"""What a supervisor cannot mend, as told to people and to programs."""

from pathlib import Path

import pytest

from serverkit_supervisor import (
    ReloadFailed,
    RestartLimitReached,
    StartupFailed,
    SupervisorError,
    Unstopped,
)
from serverkit_supervisor.team import SOCKET_COUNT_MISMATCH

CATALOGUE = Path(__file__).parents[2] / "docs" / "reference" / "error-codes.md"
KINDS = (SupervisorError, StartupFailed, RestartLimitReached, Unstopped, ReloadFailed)
CODES = {*(kind.code for kind in KINDS), SOCKET_COUNT_MISMATCH}


def test_the_message_ends_with_what_to_do() -> None:
    """On a line of its own, where there is something to do."""
    assert str(SupervisorError("It broke.", "Mend it.")) == "It broke.\nMend it."
    assert str(SupervisorError("It broke.")) == "It broke."


def test_the_parts_can_be_had() -> None:
    """For programs, which do not read text."""
    error = ValueError("boom")
    failed = StartupFailed("no start", error=error, traceback="Traceback")
    reached = RestartLimitReached("no more", "look", reason="it raised ValueError: boom")
    unstopped = Unstopped("still there", names=["worker 0", "worker 1"])

    assert (failed.message, failed.error, failed.traceback) == ("no start", error, "Traceback")
    assert (reached.remedy, reached.reason) == ("look", "it raised ValueError: boom")
    assert unstopped.names == ("worker 0", "worker 1")
    assert (ReloadFailed("no").error, ReloadFailed("no").traceback) == (None, "")


def test_each_has_a_code_of_its_own() -> None:
    """That does not change with the words."""
    assert len(CODES) == len(KINDS) + 1
    assert all(code.startswith("SERVERKIT_") for code in CODES)


@pytest.mark.skipif(not CATALOGUE.exists(), reason="the docs are not installed with the package")
@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_is_documented(code: str) -> None:
    """In the catalogue of the reference."""
    assert f"`{code}`" in CATALOGUE.read_text("utf-8")
