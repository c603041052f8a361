"""The command line as a whole."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import click
import pytest

from serverkit_cli import __version__
from serverkit_cli import main as main_module
from serverkit_cli.main import main
from tests.cli.conftest import Run

BOUND_S = 60


def test_help_teaches(run: Run) -> None:
    """The first help has the commands, the shorthand and examples."""
    result = run("--help")

    assert result.exit_code == 0
    for text in ("serverkit hello:app", "Examples:", "serve ", "check ", "config ", "completion "):
        assert text in result.stdout


def test_help_cuts_no_sentence_off(run: Run) -> None:
    """On a terminal of 80 columns each command is described in a whole line."""
    commands = run("--help").stdout.partition("Commands:")[2].partition("Examples:")[0]

    assert "..." not in commands
    assert len(commands.split("\n\n")[0].strip().splitlines()) == 5


def test_the_version_is_told_by_both_flags(run: Run) -> None:
    """The short flag of other programs works too."""
    assert run("-V").stdout == run("--version").stdout == f"serverkit {__version__}\n"


def test_help_of_serve_has_headings_and_examples(run: Run) -> None:
    """The options stand under headings, and examples follow."""
    lines = run("serve", "--help").stdout.splitlines()
    headings = [line for line in lines if line.endswith(":") and not line.startswith(" ")]

    assert headings == [
        "Address:",
        "Application:",
        "Workers:",
        "Development:",
        "Runtime:",
        "Protocol:",
        "Responses:",
        "Timeouts:",
        "Limits:",
        "Recycling:",
        "WebSocket:",
        "TLS:",
        "Logging:",
        "Configuration:",
        "Options:",
    ]
    assert "  Examples:" in lines


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["chek"], "There is no command 'chek'. Did you mean check?"),
        (["confg", "show"], "There is no command 'confg'. Did you mean config?"),
        (["zzz"], "There is no command 'zzz'; an application is named module:attribute."),
        (["hello"], "There is no command 'hello'. To serve app of hello, write hello:app"),
        (["help"], "There is no command 'help'. Write serverkit --help"),
        (["version"], "There is no command 'version'. Write serverkit --version"),
        (["serve"], "No application is named; write one as module:attribute, such as hello:app"),
        (["serve", "a:b", "--app", "c:d"], "Two applications are named"),
        (["serve", "a:b", "c:d"], "Got unexpected extra argument (c:d)"),
        (["a:b", "--prot", "1"], "--port"),
        (["a:b", "--port", "x"], "'--port': must be a whole number, 0 to 65535, not 'x'"),
        (["a:b", "--port", "65536"], "'--port': must be a whole number, 0 to 65535, not '65536'"),
        (["a:b", "--keep-alive-timeout", "0"], "must be a number above 0, not '0'"),
        (["a:b", "--loop", "trio"], "'--loop': must be one of asyncio, uvloop, auto, not 'trio'"),
        (["--port", "x", "a:b"], "'--port': must be a whole number"),
        (["completion", "tcsh"], "'tcsh' is not one of 'bash', 'zsh', 'fish'"),
    ],
)
def test_what_cannot_be_understood_ends_with_2(
    run: Run, folder: Path, arguments: list[str], hint: str
) -> None:
    """A usage error says what is wrong and what to write, on stderr alone."""
    (folder / "hello.py").touch()

    result = run(*arguments)

    assert result.exit_code == 2
    assert hint in " ".join(result.stderr.split())
    assert not result.stdout


@pytest.mark.parametrize(
    ("arguments", "files", "message"),
    [
        (["--worker-mode", "sync"], {}, "worker_mode must not be 'sync'"),
        (["--root-path", "api"], {}, "root_path must be empty, or start with a slash"),
        (["--bind", "nowhere"], {}, "bind: no port in 'nowhere'; write host:port"),
        (["--config", "missing.toml"], {}, "There is no file missing.toml (set by --config)"),
        (["--env-file", "missing"], {}, "There is no file missing (set by --env-file)"),
        ([], {"serverkit.toml": "port = 'x'"}, "serverkit.toml:1: port must be a whole number"),
        ([], {"serverkit.toml": "prot = 1"}, "serverkit.toml:1: prot is no setting; did you mean"),
        (["--port", "1", "--fd", "3"], {}, "--port has no effect beside --fd"),
    ],
)
def test_what_is_wrong_with_the_settings_ends_with_1(
    run: Run, folder: Path, arguments: list[str], files: dict[str, str], message: str
) -> None:
    """A setting that cannot be is refused in one line, whoever said it, before any import."""
    for name, text in files.items():
        (folder / name).write_text(text)

    result = run("serve", "missing:app", *arguments)

    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {message}")
    assert result.stderr.count("\n") == 1
    assert not result.stdout


def test_an_unknown_variable_is_refused(run: Run) -> None:
    """A misspelt variable is not skipped."""
    result = run("serve", "missing:app", SERVERKIT_PROT="1")

    assert result.exit_code == 1
    assert result.stderr == "Error: SERVERKIT_PROT is no setting; did you mean SERVERKIT_PORT?\n"


@pytest.mark.parametrize("color", [True, False])
def test_no_color_is_respected(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    color: bool,
) -> None:
    """NO_COLOR switches colours off even where they were asked for."""
    assert folder.exists()
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "" if color else "1")

    with pytest.raises(SystemExit) as ended:
        main(["serve", "missing:app"])

    assert ended.value.code == 1
    assert ("\x1b[" in capsys.readouterr().err) is color


@pytest.mark.parametrize(("arguments", "code"), [(["check", "missing:app"], 1), (["info"], 0)])
def test_the_exit_code_of_a_command_is_that_of_the_process(
    folder: Path, arguments: list[str], code: int
) -> None:
    """A command that has told its result ends the process with its own exit code."""
    assert folder.exists()
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == code


@pytest.mark.parametrize("raised", [KeyboardInterrupt, click.Abort])
def test_an_interrupt_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], raised: type[BaseException]
) -> None:
    """Ctrl-C while nothing is served yet ends with 130 and one line."""

    def interrupt(*_arguments: object, **_options: object) -> None:
        raise raised

    monkeypatch.setattr(main_module.cli, "main", interrupt)

    with pytest.raises(SystemExit) as ended:
        main([])

    assert ended.value.code == 130
    assert capsys.readouterr().err.strip() == "Interrupted."


def test_an_interrupt_while_it_is_imported_is_no_traceback() -> None:
    """Ctrl-C in the first moment, when the program is still being read, ends the same way."""
    program = """
import runpy, sys
class Interrupted:
    def find_spec(self, name, *_):
        if name == "serverkit_cli.main":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupted())
runpy.run_module("serverkit_cli", run_name="__main__")
"""
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (130, "Interrupted.\n")


def on_terminal(folder: Path, *arguments: str, **environ: str) -> str:
    """Run a command with a terminal as its stdout; give what it wrote there."""
    master, slave = pty.openpty()
    clean = {k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "FORCE_COLOR"}}
    with os.fdopen(master, "rb", buffering=0) as reader:
        with os.fdopen(slave, "wb", buffering=0) as terminal:
            subprocess.run(
                [sys.executable, "-W", "error", "-m", "serverkit_cli", *arguments],
                cwd=folder,
                env=clean | environ,
                stdout=terminal,
                timeout=BOUND_S,
                check=True,
            )
            terminal.write(b"\x04")
        return b"".join(iter(lambda: reader.read(1), b"\x04")).decode()


def test_a_terminal_gets_text_in_colour(folder: Path) -> None:
    """People get text where programs get JSON, in colour unless NO_COLOR or a dumb terminal."""
    coloured = on_terminal(folder, "info", TERM="xterm")
    plain = on_terminal(folder, "info", TERM="xterm", NO_COLOR="1")
    dumb = on_terminal(folder, "info", TERM="dumb")

    assert "\x1b[1mpackages" in coloured
    assert "  serverkit-cli " in coloured
    assert plain.startswith("packages")
    assert "\x1b" not in plain + dumb


def test_it_runs_as_a_module(tmp_path: Path) -> None:
    """`python -m serverkit_cli` is the command line, and clean with every warning an error."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-m", "serverkit_cli", "--version"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=True,
    )

    assert ended.stdout.startswith("serverkit ")
    assert ended.stderr == ""
