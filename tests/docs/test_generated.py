"""The pages that come from the code are what the code says now."""

import subprocess
import sys

import pytest

from docs.generator.__main__ import main, pages
from docs.generator.parts import replace_parts, table
from docs.generator.state_tables import DEADLINES, member_notes
from serverkit_proto.http1_states import Reading
from serverkit_worker.phases import Phase
from tests.docs.pages import ROOT
from tests.docs.processes import WAIT_S

PAGES = {path.relative_to(ROOT).as_posix(): (path, text) for path, text in pages()}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_up_to_date(name: str) -> None:
    """What is committed is what `python -m docs.generator` writes."""
    path, text = PAGES[name]

    assert path.read_text("utf-8") == text, "run: python -m docs.generator"


def test_the_check_agrees() -> None:
    """`python -m docs.generator --check` ends with 0 where nothing would change."""
    command = [sys.executable, "-W", "error", "-m", "docs.generator", "--check"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=WAIT_S
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_check_sees_a_difference(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A page that differs is shown line by line, and not written."""
    path, text = PAGES["docs/reference/cli.md"]
    changed = f"{text}one line more\n"
    monkeypatch.setattr("docs.generator.__main__.pages", lambda: iter([(path, changed)]))

    assert main(["--check"]) == 1
    assert "+one line more" in capsys.readouterr().out
    assert path.read_text("utf-8") == text


def test_every_phase_has_its_row() -> None:
    """Each phase that waits is bounded by something the page names."""
    assert DEADLINES.keys() == set(Phase) - {Phase.CLOSED}


def test_notes_are_read_from_below_the_members() -> None:
    """Each state of the reading half says what it means."""
    assert member_notes(Reading).keys() == set(Reading.__members__)


def test_a_part_is_replaced_and_the_rest_is_kept() -> None:
    """What stands between the comments goes, what stands around them stays."""
    page = "a\n<!-- generated: x -->\nold\n<!-- end generated -->\nb\n"

    assert replace_parts(page, {"x": lambda: "new"}) == (
        "a\n<!-- generated: x -->\n\nnew\n<!-- end generated -->\nb\n"
    )


def test_a_page_without_a_place_for_a_part_is_an_error() -> None:
    """A part that was taken out by mistake is missed."""
    with pytest.raises(ValueError, match="no place for x"):
        replace_parts("a\n", {"x": lambda: "new"})


def test_a_bar_within_a_cell_is_escaped() -> None:
    """A choice such as text|json does not make a column more."""
    assert table(("a",), [("x|y",)]) == "| a |\n| --- |\n| x\\|y |\n"
