"""What the tests of the architecture look at."""

import pytest

from tests.architecture.rules import RULES


@pytest.fixture(params=RULES)
def package(request: pytest.FixtureRequest) -> str:
    """Each of our packages."""
    return str(request.param)
