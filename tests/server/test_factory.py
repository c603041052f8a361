"""Who is told of what a worker does."""

import asyncio
import json
import logging
from pathlib import Path

import pytest

from serverkit_server.errors import StartupError
from serverkit_server.factory import open_access_log
from serverkit_server.server import Server
from serverkit_worker.collectors import BufferedCollector
from tests.server.served import (
    App,
    ask,
    config_of,
)


def test_refuses_an_access_log_that_cannot_be_opened(tmp_path: Path) -> None:
    """A file that cannot be opened is named, with its setting and what to do."""
    config = config_of(access_log=True, access_log_file=str(tmp_path / "gone" / "log"))
    with pytest.raises(StartupError, match="cannot be opened") as caught:
        Server(config, App()).run()
    assert caught.value.setting == "access_log_file"
    assert "a folder that is there" in caught.value.remedy


def test_writes_the_access_log_to_a_file(tmp_path: Path) -> None:
    """Every request has its line in the file at the end, unless the filter says no."""
    log = tmp_path / "access.log"

    async def main() -> None:
        config = config_of(
            access_log=True,
            access_log_file=str(log),
            log_format="text",
            access_log_filter=lambda _method, path, _status: path != "/health",
        )
        async with Server(config, App()) as server:
            await ask(server, "/one")
            await ask(server, "/health")
            await ask(server, "/two")

    asyncio.run(main())
    paths = [line.split('"')[1] for line in log.read_text("utf-8").splitlines()]
    assert paths == ["GET /one HTTP/1.1", "GET /two HTTP/1.1"]


def test_hands_the_access_log_to_logging(caplog: pytest.LogCaptureFixture) -> None:
    """With logging left to the user, requests go to the logger of that name."""

    async def main() -> None:
        async with Server(config_of(access_log=True), App()) as server:
            await ask(server, "/one")

    with caplog.at_level(logging.INFO, "serverkit.access"):
        asyncio.run(main())
    assert ["/one" in record.getMessage() for record in caplog.records] == [True]


def test_tells_what_happens_to_connections(caplog: pytest.LogCaptureFixture) -> None:
    """A collector is told, and without one the setting writes to the log."""
    collector = BufferedCollector()

    async def main(collector: BufferedCollector | None) -> None:
        config = config_of(lifecycle_logging=True)
        async with Server(config, App(), lifecycle_collector=collector) as server:
            await ask(server)

    asyncio.run(main(collector))
    assert len(collector) > 0
    with caplog.at_level(logging.INFO, "serverkit.lifecycle"):
        asyncio.run(main(None))
    logged = [each for each in caplog.records if each.name == "serverkit.lifecycle"]
    assert any("response_completed" in each.getMessage() for each in logged)


@pytest.mark.parametrize("worker_id", [None, 3])
def test_lines_name_the_worker_where_there_are_several(
    tmp_path: Path, worker_id: int | None
) -> None:
    """A worker among others has its number in each line for programs; a single one has none."""
    log = tmp_path / "access.log"
    config = config_of(access_log=True, access_log_file=str(log), log_format="json")
    with open_access_log(config, worker_id=worker_id) as opened:
        assert opened.log is not None
        opened.log.record(("a", 1), "GET", "/", "1.1", 200, 0, 0.0)
    assert json.loads(log.read_text("utf-8")).get("worker") == worker_id


def test_an_access_log_goes_on_in_a_new_file(tmp_path: Path) -> None:
    """Opened anew, lines from before are in the file that was moved, later ones in the new one."""
    log, moved = tmp_path / "access.log", tmp_path / "access.log.1"
    config = config_of(access_log=True, access_log_file=str(log), log_format="text")
    with open_access_log(config, worker_id=None) as opened:
        assert opened.log is not None
        opened.log.record(("a", 1), "GET", "/before", "1.1", 200, 0, 0.0)
        log.rename(moved)
        opened.reopen()
        opened.log.record(("a", 1), "GET", "/after", "1.1", 200, 0, 0.0)
    assert "/before" in moved.read_text("utf-8")
    assert "/after" in log.read_text("utf-8")


def test_an_access_log_that_cannot_be_opened_anew_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the new file cannot be made the old one stays in use, and it is said."""
    folder = tmp_path / "logs"
    folder.mkdir()
    config = config_of(access_log=True, access_log_file=str(folder / "log"), log_format="text")
    with open_access_log(config, worker_id=None) as opened:
        assert opened.log is not None
        folder.rename(tmp_path / "moved")
        opened.reopen()
        opened.log.record(("a", 1), "GET", "/after", "1.1", 200, 0, 0.0)
    assert "/after" in (tmp_path / "moved" / "log").read_text("utf-8")
    assert "cannot be opened anew, it goes on as it was" in caplog.text


def test_without_an_access_log_there_is_nothing_to_open_anew() -> None:
    """To open logs anew is harmless where there are none, or where they are somebody else's."""
    for settings in ({"access_log": False}, {"access_log": True}):
        with open_access_log(config_of(**settings), worker_id=None) as opened:
            opened.reopen()
