"""The first screen of README."""

import pytest

from tests.architecture.fresh_clone import readme_commands
from tests.architecture.rules import ROOT

README = (ROOT / "README.md").read_text("utf-8")
INSTALL = "python3 -m pip install -q --upgrade --target .tools nox uv"
RUN = "PYTHONPATH=.tools python3 -m nox -s"


def test_the_first_screen_has_the_two_commands() -> None:
    """One command serves the example, one passes the tests, and none comes before them."""
    assert readme_commands(README) == [f"{INSTALL} && {RUN} hello", f"{INSTALL} && {RUN} tests"]


def test_what_it_is_comes_first() -> None:
    """A reader knows what it is before the first command."""
    before = README.partition("```")[0]

    assert "application server" in before
    assert "examples/hello.py" in before


@pytest.mark.parametrize("folder", ["proto", "worker", "supervisor", "server", "cli", "serverkit"])
def test_it_names_every_distribution(folder: str) -> None:
    """The table of README leads to each of them."""
    assert f"(packages/{folder})" in README
