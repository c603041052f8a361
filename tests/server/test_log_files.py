"""Log files that were moved away."""

import logging
import logging.config
import logging.handlers
from collections.abc import Iterator
from pathlib import Path

import pytest

from serverkit_server.log_files import reopen_log_files

NAME = "serverkit-test.rotated"


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """Give a logger whose handlers are closed afterwards."""
    logger = logging.getLogger(NAME)
    yield logger
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()


def configure(path: Path, kind: str = "logging.FileHandler", **options: object) -> None:
    """Configure logging as users do."""
    handler = {"class": kind, "filename": str(path), "encoding": "utf-8", **options}
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {"rotated": handler},
            "loggers": {NAME: {"handlers": ["rotated"], "level": "INFO", "propagate": False}},
        }
    )


@pytest.mark.parametrize("kind", ["logging.FileHandler", "logging.handlers.WatchedFileHandler"])
def test_lines_go_to_the_new_file(tmp_path: Path, logger: logging.Logger, kind: str) -> None:
    """What is logged after the file was moved and opened anew is in a new one, the rest is not."""
    path, moved = tmp_path / "log", tmp_path / "log.1"
    configure(path, kind)
    logger.info("before \u00e9")
    path.rename(moved)
    reopen_log_files()
    logger.info("after \u00e9")
    assert moved.read_text("utf-8") == "before \u00e9\n"
    assert path.read_text("utf-8") == "after \u00e9\n"


def test_a_file_that_was_not_begun(tmp_path: Path, logger: logging.Logger) -> None:
    """A handler that opens its file with the first line can be asked before that."""
    path = tmp_path / "log"
    configure(path, delay=True)
    reopen_log_files()
    logger.info("first")
    assert path.read_text("utf-8") == "first\n"


def test_a_file_that_cannot_be_opened(
    tmp_path: Path, logger: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    """The old file stays in use, and the log says why."""
    folder = tmp_path / "folder"
    folder.mkdir()
    configure(folder / "log")
    moved = folder.rename(tmp_path / "moved")
    reopen_log_files()
    logger.info("goes on")
    assert (moved / "log").read_text("utf-8") == "goes on\n"
    assert "cannot be opened anew, it goes on as it was" in caplog.text
