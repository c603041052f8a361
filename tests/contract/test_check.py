"""Each kind of worker keeps the contract, rule by rule, in threads and in processes."""

from typing import Literal

import pytest

from serverkit_supervisor.testing import check_worker
from tests.contract.kinds import KINDS

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("mode", ["thread", "process"])
@pytest.mark.parametrize("kind", KINDS)
def test_it_keeps_the_contract(kind: str, mode: Literal["thread", "process"]) -> None:
    """What `check_worker` checks."""
    check_worker(KINDS[kind].factory, mode=mode, timeout_s=60)
