"""Configures the log of the server while it runs, and nothing else.

Rules:
    Only the logger `serverkit` and those below it are touched, the root logger never; and when the
    server is gone they are as before.
    A configuration given by the user is applied as it is. `none` leaves logging alone.
"""

import contextlib
import importlib
import json
import logging
import logging.config
import re
import sys
import tomllib
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from serverkit_server.config import ServerConfig
from serverkit_server.errors import LogSetupError
from serverkit_worker.log_text import utc_second

LEAVE_ALONE = "none"
_LOGGER = logging.getLogger("serverkit")
_WITH_OWN_TIME = "serverkit.lifecycle"  # whose messages are whole lines, in the wanted format
_CONTROL = re.compile(r"[^\n\t -~\u00a0-\U0010ffff]")
_LEVELS = {"WARNING": "warn"}  # as in the access log; the others keep their names


def resolve_log_format(wanted: Literal["auto", "text", "json"]) -> Literal["text", "json"]:
    """Choose text for a terminal and JSON for everything else, unless it is said."""
    if wanted != "auto":
        return wanted
    return "text" if sys.stderr is not None and sys.stderr.isatty() else "json"


def is_left_to_user(config: ServerConfig) -> bool:
    """Say whether somebody else decides where the log goes."""
    return config.log_config is not None


@contextlib.contextmanager
def configured_logging(config: ServerConfig) -> Iterator[None]:
    """Log as configured until the block ends.

    Raises:
        LogSetupError: the configuration of the user cannot be read or applied.
    """
    if config.log_config == LEAVE_ALONE:
        yield
    elif config.log_config is not None:
        _apply(config.log_config)  # theirs, so it stays
        yield
    else:
        with _own_logging(config):
            yield


@contextlib.contextmanager
def _own_logging(config: ServerConfig) -> Iterator[None]:
    if any(isinstance(each, StderrHandler) for each in _LOGGER.handlers):
        yield  # another server of this process has done it already
        return
    handler = StderrHandler(resolve_log_format(config.log_format))
    before = _LOGGER.level, _LOGGER.propagate
    _LOGGER.addHandler(handler)
    _LOGGER.setLevel(config.log_level.upper())
    _LOGGER.propagate = False
    try:
        yield
    finally:
        _LOGGER.removeHandler(handler)
        _LOGGER.level, _LOGGER.propagate = before
        _LOGGER.setLevel(_LOGGER.level)  # which also forgets what children have cached


class StderrHandler(logging.Handler):
    """Writes to what `sys.stderr` is at that moment.

    Args:
        log_format: text for people, or one JSON object a line.
    """

    def __init__(self, log_format: Literal["text", "json"]) -> None:
        super().__init__()
        self.setFormatter(JSONFormatter() if log_format == "json" else TextFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record; where that fails, report as `logging` does."""
        try:
            is_whole = record.name == _WITH_OWN_TIME
            line = record.getMessage() if is_whole else self.format(record)
            if sys.stderr is not None:
                sys.stderr.write(line + "\n")
                sys.stderr.flush()
        except Exception:  # noqa: BLE001 - a log must not stop what it is about
            self.handleError(record)


class TextFormatter(logging.Formatter):
    r"""Lines for people; control characters are shown as \xNN."""

    def format(self, record: logging.LogRecord) -> str:
        """Give time, level and message; a traceback in the lines that follow."""
        text = f"{utc_second(record.created, ' ')}Z {record.levelname} {record.getMessage()}"
        return _CONTROL.sub(_shown, "\n".join(filter(None, [text, _exception_of(record)])))


class JSONFormatter(logging.Formatter):
    """One JSON object a record, with `ts`, `level`, `logger`, `message` and perhaps `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the record as one line of ASCII."""
        fields = {
            "ts": f"{utc_second(record.created)}.{int(record.msecs):03d}Z",
            "level": _LEVELS.get(record.levelname, record.levelname.lower()),
            "logger": record.name,
            "message": record.getMessage(),
        }
        exception = _exception_of(record)
        if exception:
            fields["exception"] = exception
        return json.dumps(fields)


def _exception_of(record: logging.LogRecord) -> str:
    if not record.exc_info or record.exc_info[1] is None:
        return ""
    return "".join(traceback.format_exception(record.exc_info[1])).rstrip()


def _shown(match: re.Match[str]) -> str:
    return f"\\x{ord(match.group()):02x}"


def _apply(given: str | Mapping[str, object]) -> None:
    try:
        if isinstance(given, str):
            _apply_file(Path(given))
        else:
            _apply_mapping(given)
    except LogSetupError:
        raise
    except Exception as error:
        what = f"The logging configuration {given}" if isinstance(given, str) else "log_config"
        reason = error.__cause__ or error
        raise LogSetupError(f"{what} cannot be used: {reason}.", setting="log_config") from error


def _apply_file(path: Path) -> None:
    if not path.exists():
        raise LogSetupError(
            f"There is no file {path}.",
            setting="log_config",
            remedy="Name a file for logging.config, or none to leave logging alone.",
        )
    match path.suffix:
        case ".json":
            _apply_mapping(json.loads(path.read_text("utf-8")))
        case ".toml":
            _apply_mapping(tomllib.loads(path.read_text("utf-8")))
        case ".yaml" | ".yml":
            _apply_mapping(_read_yaml(path))
        case _:
            logging.config.fileConfig(path, disable_existing_loggers=False, encoding="utf-8")


def _read_yaml(path: Path) -> Mapping[str, object]:
    try:
        yaml: Any = importlib.import_module("yaml")  # the user's to install
    except ImportError:
        raise LogSetupError(
            f"The logging configuration {path} is YAML, which this Python cannot read.",
            setting="log_config",
            remedy="Install PyYAML, or write the configuration as TOML or JSON.",
        ) from None
    content: Mapping[str, object] = yaml.safe_load(path.read_text("utf-8"))
    return content


def _apply_mapping(given: Mapping[str, object]) -> None:
    # Without a word about them, the loggers that exist would fall silent, ours among them.
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False, **given})
