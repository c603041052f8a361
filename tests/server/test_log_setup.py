"""The log of the server, and what it leaves alone."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from serverkit_server.config import ServerConfig
from serverkit_server.errors import LogSetupError
from serverkit_server.log_setup import StderrHandler, configured_logging, resolve_log_format

LOGGER = logging.getLogger("serverkit")
CHILD = logging.getLogger("serverkit.server")


class Terminal(io.StringIO):
    """A stream that somebody looks at."""

    def isatty(self) -> bool:
        """Say yes."""
        return True


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Undo what a configuration of the user's does to the loggers."""
    root = logging.getLogger()
    before = LOGGER.level, LOGGER.propagate, LOGGER.handlers[:], root.level, root.handlers[:]
    yield
    LOGGER.level, LOGGER.propagate, LOGGER.handlers[:], root.level, root.handlers[:] = before


def state() -> object:
    """Give all that could change of the loggers."""
    root = logging.getLogger()
    return (LOGGER.level, LOGGER.propagate, LOGGER.handlers[:], root.level, root.handlers[:])


def lines_of(config: ServerConfig, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Log one message of each level, with all that can be in one, and give what is written."""
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    with configured_logging(config):
        CHILD.debug("a detail")
        CHILD.info("it is %s", "up")
        error = ValueError("bad \x1b[31m thing")
        CHILD.error("it failed \x1b[31m\r\x07 é", exc_info=error)
        logging.getLogger("serverkit.lifecycle").warning("a whole line")
    return stderr.getvalue().splitlines()


def test_writes_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """Text has time, level and message; control characters are shown, not obeyed."""
    lines = lines_of(ServerConfig(log_format="text"), monkeypatch)
    assert lines[0].endswith("Z INFO it is up")
    assert lines[1].endswith(r"Z ERROR it failed \x1b[31m\x0d\x07 é")
    assert lines[-2] == r"ValueError: bad \x1b[31m thing"
    assert lines[-1] == "a whole line"


def test_writes_for_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON is one object a line, tracebacks too; messages that are whole lines stay so."""
    *lines, last = lines_of(ServerConfig(log_format="json", log_level="debug"), monkeypatch)
    detail, up, failed = (json.loads(line) for line in lines)
    assert detail["level"] == "debug"
    ts = up.pop("ts")
    assert up == {"level": "info", "logger": "serverkit.server", "message": "it is up"}
    assert ts[10] == "T"
    assert ts.endswith("Z")
    assert failed["level"] == "error"
    assert failed["exception"].endswith("ValueError: bad \x1b[31m thing")
    assert last == "a whole line"


def test_keeps_to_the_level(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is less severe than wished is not written."""
    lines = lines_of(ServerConfig(log_level="critical"), monkeypatch)
    assert lines == []


def test_chooses_the_format_by_who_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Auto is text on a terminal and JSON elsewhere; what is said is done."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert resolve_log_format("auto") == "text"
    assert resolve_log_format("json") == "json"
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert resolve_log_format("auto") == "json"
    assert resolve_log_format("text") == "text"


def test_touches_its_own_loggers_alone() -> None:
    """The root logger is never changed, and afterwards everything is as before."""
    before = state()
    root = logging.getLogger()
    root_before = (root.level, root.handlers[:])
    with configured_logging(ServerConfig(log_level="error")):
        assert not LOGGER.propagate
        assert not CHILD.isEnabledFor(logging.WARNING)
        assert root_before == (root.level, root.handlers)
    assert before == state()
    assert CHILD.isEnabledFor(logging.CRITICAL)


def test_is_undone_after_an_error() -> None:
    """Also when the server fails, everything is as before."""
    before = state()
    with pytest.raises(ZeroDivisionError), configured_logging(ServerConfig()):
        raise ZeroDivisionError
    assert before == state()


def test_a_second_server_does_not_double_the_lines() -> None:
    """Two servers in one process write each message once."""
    with configured_logging(ServerConfig()), configured_logging(ServerConfig()):
        assert sum(isinstance(each, StderrHandler) for each in LOGGER.handlers) == 1


def test_leaves_logging_alone() -> None:
    """With none, nothing is changed at all."""
    before = state()
    with configured_logging(ServerConfig(log_config="none")):
        assert before == state()


CONFIG = {
    "handlers": {"own": {"class": "logging.NullHandler"}},
    "loggers": {"serverkit": {"handlers": ["own"], "level": "ERROR"}},
}
TOML = """
[handlers.own]
class = "logging.NullHandler"
[loggers.serverkit]
handlers = ["own"]
level = "ERROR"
"""
INI = """
[loggers]
keys = root,serverkit
[handlers]
keys = own
[formatters]
keys =
[logger_root]
handlers =
[logger_serverkit]
qualname = serverkit
handlers = own
level = ERROR
[handler_own]
class = logging.NullHandler
args = ()
"""


@pytest.mark.parametrize(
    ("name", "text"), [("log.json", json.dumps(CONFIG)), ("log.toml", TOML), ("log.ini", INI)]
)
def test_applies_a_file(tmp_path: Path, name: str, text: str) -> None:
    """A configuration in a file is applied as it is, and silences no other logger of ours."""
    path = tmp_path / name
    path.write_text(text, "utf-8")
    with configured_logging(ServerConfig(log_config=str(path))):
        assert [type(each) for each in LOGGER.handlers] == [logging.NullHandler]
        assert LOGGER.level == logging.ERROR
        assert not CHILD.disabled


def test_applies_a_mapping() -> None:
    """A configuration given in Python is applied."""
    with configured_logging(ServerConfig(log_config=CONFIG)):
        assert [type(each) for each in LOGGER.handlers] == [logging.NullHandler]


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("bad.json", "{", "Expecting"),
        ("bad.toml", "=", "Invalid"),
        ("wrong.json", '{"handlers": {"own": {"class": "no.such"}}}', "no"),
    ],
)
def test_says_what_is_wrong_with_a_file(tmp_path: Path, name: str, text: str, reason: str) -> None:
    """A file that cannot be read or applied is named, with the reason."""
    path = tmp_path / name
    path.write_text(text, "utf-8")
    with (
        pytest.raises(LogSetupError, match="cannot be used") as caught,
        configured_logging(ServerConfig(log_config=str(path))),
    ):
        pass
    assert str(path) in caught.value.message
    assert reason in caught.value.message
    assert caught.value.setting == "log_config"


@pytest.mark.parametrize("name", ["log.toml", "log.json", "log.yaml", "log.ini"])
def test_a_file_that_is_not_there(tmp_path: Path, name: str) -> None:
    """Whatever its form, a missing file is called missing, and the way without one is told."""
    path = tmp_path / name
    with (
        pytest.raises(LogSetupError) as caught,
        configured_logging(ServerConfig(log_config=str(path))),
    ):
        pass
    assert caught.value.message == f"There is no file {path}."
    assert "none to leave logging alone" in caught.value.remedy


def test_reads_yaml_where_it_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without PyYAML, a file of YAML is refused with what to do."""
    monkeypatch.setitem(sys.modules, "yaml", None)
    path = tmp_path / "log.yaml"
    path.write_text("version: 1", "utf-8")
    with (
        pytest.raises(LogSetupError, match="is YAML") as caught,
        configured_logging(ServerConfig(log_config=str(path))),
    ):
        pass
    assert "Install PyYAML" in caught.value.remedy


def test_survives_a_broken_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a process without standard error nor a closed one breaks on a log line."""
    monkeypatch.setattr(logging, "raiseExceptions", False)
    with configured_logging(ServerConfig(log_format="text")):
        monkeypatch.setattr(sys, "stderr", None)
        CHILD.error("nobody hears")
        closed = io.StringIO()
        closed.close()
        monkeypatch.setattr(sys, "stderr", closed)
        CHILD.error("nobody hears")
