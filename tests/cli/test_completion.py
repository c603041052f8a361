"""Completion in shells."""

import shutil
import subprocess

import pytest

from tests.cli.conftest import Run

BOUND_S = 60


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_each_shell(run: Run, shell: str) -> None:
    """The script asks our command line for what can follow."""
    if shell == "bash" and not shutil.which("bash"):
        pytest.skip("bash is not installed, which is asked for its version")

    result = run("completion", shell)

    assert result.exit_code == 0
    assert f"_SERVERKIT_COMPLETE={shell}_complete" in result.stdout


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
def test_bash_reads_the_script(run: Run) -> None:
    """The script is a bash script."""
    script = run("completion", "bash").stdout

    subprocess.run(["bash", "-n"], input=script, text=True, timeout=BOUND_S, check=True)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("serverkit che", "plain,check"),
        ("serverkit serve --keep", "plain,--keep-alive-timeout"),
        ("serverkit serve --loop u", "plain,uvloop"),
        ("serverkit hello:app --keep", "plain,--keep-alive-timeout"),
        ("serverkit --loop u", "plain,uvloop"),
    ],
)
def test_words_are_completed(run: Run, words: str, expected: str) -> None:
    """Commands, options and choices are offered."""
    count = str(len(words.split()) - 1)

    result = run(COMP_WORDS=words, COMP_CWORD=count, _SERVERKIT_COMPLETE="bash_complete")

    assert expected in result.stdout.split()
