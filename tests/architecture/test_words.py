"""The project speaks of itself alone; and that the check sees what is wrong."""

from pathlib import Path

import pytest

from tests.architecture.rules import ROOT
from tests.architecture.words import forbidden_words, text_files

# Left by tools, never committed.
IGNORED = frozenset(
    {".coverage", ".git", ".hypothesis", ".nox", ".tools", ".venv", "__pycache__", "dist"}
    | {"build", "uv.lock"}
)
RED = Path(__file__).relative_to(ROOT).as_posix()


def test_no_file_says_where_it_was_written() -> None:
    """No path of one machine and no host of a package index stands in any file."""
    found = [
        line
        for path in text_files(ROOT, IGNORED)
        for line in forbidden_words(path.relative_to(ROOT).as_posix(), path.read_text("utf-8"))
        if not line.startswith(f"{RED}:")
    ]

    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "see /work/main/x",
        'open("/root/.ssh")',
        "/opt/python/bin",
        "cd /home/me/project",
        "index = https://pypi.org/simple",
        "https://files.pythonhosted.org/a",
    ],
)
def test_a_forbidden_word_is_seen(text: str) -> None:
    """The line is named with its number."""
    (line,) = forbidden_words("f", f"fine\n{text}\n")

    assert line.startswith("f:2 has ")


@pytest.mark.parametrize("text", ["tests/work/x", "GET /home HTTP/1.1", "/tmp/app.sock", "pypi"])
def test_a_harmless_word_is_let_pass(text: str) -> None:
    """What only resembles a path of a machine is no breach."""
    assert list(forbidden_words("f", text)) == []


def test_what_tools_leave_is_not_read(tmp_path: Path) -> None:
    """Ignored folders, caches and binary files are passed over."""
    for name in (".nox/a", "x_cache/a", "kept/.nox/a", "kept/b", "c"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("text")
    (tmp_path / "binary").write_bytes(b"\0")

    assert list(text_files(tmp_path, IGNORED)) == [tmp_path / "c", tmp_path / "kept" / "b"]
