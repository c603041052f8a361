"""Options of other servers, and what they are here."""

import pytest

from serverkit_cli.main import cli
from serverkit_cli.other_servers import OTHER_SERVERS, Counterpart, counterpart
from serverkit_cli.serve import serve
from tests.cli.conftest import Run

FLAGS = {flag for each in serve.params for flag in (*each.opts, *each.secondary_opts)}


def is_right(row: Counterpart) -> bool:
    """Say whether what a row names as ours exists, and what it calls the same is the same."""
    if row.here.startswith("serverkit "):
        return row.here.split()[1] in cli.commands
    if row.here:
        return row.here in FLAGS
    return bool(row.note) or set(row.theirs.split()) <= FLAGS


@pytest.mark.parametrize("server", OTHER_SERVERS)
def test_what_a_table_names_exists(server: str) -> None:
    """What is said to be here is an option or a command; what has no remark is the same."""
    assert [row for row in OTHER_SERVERS[server] if not is_right(row)] == []
    assert not is_right(Counterpart("--nothing"))


@pytest.mark.parametrize("server", OTHER_SERVERS)
def test_no_option_has_two_rows(server: str) -> None:
    """An option of a server stands in one row of it."""
    options = [option for row in OTHER_SERVERS[server] for option in row.theirs.split()]

    assert len(options) == len(set(options))


@pytest.mark.parametrize(
    ("option", "told"),
    [
        (
            "--timeout-keep-alive",
            "--timeout-keep-alive of uvicorn is --keep-alive-timeout here.",
        ),
        ("-w", "-w of gunicorn and hypercorn is --workers here: 0: one for each CPU."),
        (
            "--http2-max-frame-size",
            "--http2-max-frame-size of gunicorn and granian has no counterpart here: HTTP/2 is not "
            "available yet.",
        ),
        ("--nothing", ""),
    ],
)
def test_an_option_is_told(option: str, told: str) -> None:
    """Each server that has the option is named, with what is here in its place."""
    assert counterpart(option) == told


@pytest.mark.parametrize("command", [["serve", "a:b"], ["check", "a:b"], ["config", "show"]])
def test_an_option_of_another_server_is_answered_with_ours(run: Run, command: list[str]) -> None:
    """Who comes from another server is told the name here, and the exit code is 2."""
    result = run(*command, "--certfile", "c.pem")

    assert result.exit_code == 2
    assert "No such option '--certfile'." in result.stderr
    assert "--certfile of gunicorn and hypercorn is --ssl-certfile here." in result.stderr


def test_a_misspelt_option_is_answered_as_before(run: Run) -> None:
    """What nobody has gets the nearest of ours."""
    result = run("serve", "a:b", "--prot", "1")

    assert result.exit_code == 2
    assert "--port" in result.stderr
