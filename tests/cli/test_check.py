"""Checks before a deployment."""

import importlib.util
from pathlib import Path

import pytest

from serverkit_cli import check as check_module
from serverkit_server import worker_plan
from tests.cli.conftest import Run

APP = "async def app(scope, receive, send):\n    raise RuntimeError('must not be called')\n"


def verdicts(output: str) -> dict[str, str]:
    """The verdict on each subject."""
    lines = [line.split() for line in output.splitlines() if not line.startswith(" ")]
    return {subject.rstrip(":"): verdict for verdict, subject, *_ in lines}


def test_what_can_be_served_passes(run: Run, folder: Path) -> None:
    """All lines say PASS and the exit code is 0; nothing is bound, nothing started."""
    (folder / "checked_good.py").write_text(APP)

    result = run("check", "checked_good:app", "--port", "1", "--loop", "asyncio")

    assert result.exit_code == 0
    found = verdicts(result.stdout)
    assert found.pop("gil") in {"PASS", "WARN"}
    subjects = ["settings", "address", "loop", "logging", "application", "workers"]
    assert found == dict.fromkeys(subjects, "PASS")
    assert "workers: 1, single (async)" in result.stdout
    assert "settings: 2 from the command line" in result.stdout
    assert "address: 127.0.0.1:1\n" in result.stdout


def test_workers_are_told(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many workers there would be, and where, is a line; a warning where that is unexpected."""
    (folder / "checked_many.py").write_text(APP)
    result = run("check", "checked_many:app", "--workers", "3", "--worker-mode", "process")
    assert "PASS  workers: 3, process (async)\n" in result.stdout

    monkeypatch.setattr(worker_plan, "is_gil_enabled", lambda: True)
    result = run("check", "checked_many:app", "--workers", "3", "--worker-mode", "thread")
    assert result.exit_code == 0
    assert "WARN  workers: 3, thread (async). Threads were asked for, but" in result.stdout


@pytest.mark.parametrize(
    ("code", "app", "message"),
    [
        (APP, "checked_attribute:ap", "Did you mean checked_attribute:app?"),
        ("import no_such_module_here", "checked_import:app", "checked_import fails"),
        ("1/0", "checked_raises:app", "checked_raises fails"),
        ("app = 1", "checked_number:app", "is no application"),
        (APP, "checked_nothing", "does not name an application"),
    ],
)
def test_an_application_that_cannot_be_served_fails(
    run: Run, folder: Path, code: str, app: str, message: str
) -> None:
    """The line of the application says FAIL with the reason; exit code 1."""
    (folder / f"{app.partition(':')[0]}.py").write_text(code)

    result = run("check", app)

    assert result.exit_code == 1
    assert verdicts(result.stdout)["application"] == "FAIL"
    assert message in result.stdout
    assert "serverkit_cli" not in result.output


def test_frames_of_the_application_are_shown(run: Run, folder: Path) -> None:
    """A failing import shows where, in the files of the application alone, on stderr."""
    (folder / "checked_frames.py").write_text("def inner():\n    1/0\n\ninner()\n")

    result = run("check", "checked_frames:app")

    assert "checked_frames.py" in result.stderr
    assert "ZeroDivisionError" in result.stderr
    assert "app_import.py" not in result.stderr


def test_debug_shows_all_frames(run: Run, folder: Path) -> None:
    """--debug is for who suspects the server itself."""
    (folder / "checked_debug.py").write_text("1/0\n")

    result = run("check", "checked_debug:app", "--debug")

    assert result.exit_code == 1
    assert "app_import.py" in result.stderr


def test_settings_that_are_wrong_fail_first(run: Run) -> None:
    """With wrong settings nothing else can be judged."""
    result = run("check", "missing:app", SERVERKIT_PORT="x")

    assert result.exit_code == 1
    assert verdicts(result.stdout) == {"settings": "FAIL"}
    assert "SERVERKIT_PORT: port must be a whole number" in result.stdout


def test_a_log_configuration_that_cannot_be_applied_fails(run: Run, folder: Path) -> None:
    """The file for --log-config is read, too."""
    (folder / "checked_log.py").write_text(APP)

    result = run("check", "checked_log:app", "--log-config", "missing.toml")

    assert result.exit_code == 1
    assert verdicts(result.stdout)["logging"] == "FAIL"
    assert "missing.toml" in result.stdout


@pytest.mark.parametrize(("loop", "verdict"), [("uvloop", "FAIL"), ("auto", "PASS")])
def test_a_loop_that_is_missing_fails_where_it_is_asked_for(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, loop: str, verdict: str
) -> None:
    """Uvloop by name must be installed; auto does without."""
    (folder / f"checked_loop_{loop}.py").write_text(APP)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    result = run("check", f"checked_loop_{loop}:app", "--loop", loop)

    assert verdicts(result.stdout)["loop"] == verdict
    assert ("uvloop is not installed (set by --loop)" in result.stdout) is (verdict == "FAIL")


def test_a_gil_that_came_back_is_a_warning(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A free-threaded Python with its GIL on is told, and does not fail the check."""
    (folder / "checked_gil.py").write_text(APP)
    monkeypatch.setattr(check_module, "is_free_threaded_build", lambda: True)
    monkeypatch.setattr(check_module, "is_gil_enabled", lambda: True)

    result = run("check", "checked_gil:app")

    assert (result.exit_code, verdicts(result.stdout)["gil"]) == (0, "WARN")


def test_the_environment_file_reaches_the_application(run: Run, folder: Path) -> None:
    """What --env-file says is in the environment when the application is imported."""
    (folder / "app.env").write_text("CHECKED_SECRET=7\n")
    (folder / "checked_env.py").write_text(f"import os\nos.environ['CHECKED_SECRET']\n{APP}")

    assert run("check", "checked_env:app").exit_code == 1
    assert run("check", "checked_env:app", "--env-file", "app.env").exit_code == 0
