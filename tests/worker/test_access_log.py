"""When the lines of the access log are written, where to, and which."""

import json
import logging
import os
import pty
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from serverkit_worker.access_log import BATCH_ENTRIES, AccessLog, LoggerAccessLog, StreamAccessLog
from serverkit_worker.access_log_format import Entry
from serverkit_worker.log_output import LogOutput

BOUND_S = 30
CLIENT = ("127.0.0.1", 5432)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the log is."""
    return tmp_path / "access.log"


@pytest.fixture
def output(path: Path) -> Iterator[LogOutput]:
    """The file of the log."""
    opened = LogOutput.file(path)
    yield opened
    opened.close()


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """A logger that nothing else uses or hears."""
    own = logging.getLogger("tests.access_log")
    own.propagate = False
    own.setLevel(logging.DEBUG)
    yield own
    own.handlers.clear()


class NotingHandler(logging.Handler):
    """Notes the records it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Note a record."""
        self.records.append(record)


class BrokenHandler(logging.Handler):
    """Fails, against the rules of its kind."""

    def emit(self, record: logging.LogRecord) -> None:
        """Fail."""
        raise OSError("the log server is gone")


def record(log: AccessLog, target: bytes = b"/a?x=1", status: int = 200) -> None:
    """Note a common request."""
    log.record(CLIENT, "GET", target, "1.1", status, 13, 0.0004)


def fail(*_: object) -> bool:
    """Be a filter that fails."""
    raise ZeroDivisionError


def test_lines_wait_for_flush(path: Path, output: LogOutput) -> None:
    """A request does not pay for a call of the system; flush writes all that was noted."""
    log = StreamAccessLog(output, clock=lambda: 0)
    record(log)
    record(log, b"/b")
    before = path.read_text()

    log.flush()

    assert before == ""
    assert path.read_text() == (
        '1970-01-01 00:00:00Z 127.0.0.1:5432 "GET /a?x=1 HTTP/1.1" 200 13 0.4ms\n'
        '1970-01-01 00:00:00Z 127.0.0.1:5432 "GET /b HTTP/1.1" 200 13 0.4ms\n'
    )


def test_flush_writes_each_line_once(
    path: Path, output: LogOutput, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nothing noted since, nothing is written."""
    log = StreamAccessLog(output)
    record(log)
    log.flush()
    monkeypatch.setattr(output, "write", pytest.fail)

    log.flush()

    assert path.read_bytes().count(b"\n") == 1


def test_close_writes_the_rest(path: Path, output: LogOutput) -> None:
    """No line is left behind, and a second close does no harm."""
    log = StreamAccessLog(output)
    record(log)

    log.close()
    log.close()

    assert path.read_bytes().count(b"\n") == 1


def test_a_busy_log_writes_by_itself(path: Path, output: LogOutput) -> None:
    """What waits is bounded, also without flush."""
    log = StreamAccessLog(output)
    target = b"/" + b"x" * 999
    record(log, target)
    log.flush()
    line_bytes = path.stat().st_size

    for _ in range(BATCH_ENTRIES - 1):
        record(log, target)
    before = path.stat().st_size
    record(log, target)

    assert before == line_bytes
    assert path.stat().st_size == line_bytes * (BATCH_ENTRIES + 1)


def test_the_format_can_be_json(path: Path, output: LogOutput) -> None:
    """Each line is an object, with the worker that served the request."""
    log = StreamAccessLog(output, log_format="json", worker_id=3)
    record(log, b"/\xff\x1b", status=503)
    log.close()

    fields = json.loads(path.read_text())

    assert fields["path"] == "/\xff\x1b"
    assert (fields["worker"], fields["level"]) == (3, "warn")


def test_the_clock_is_the_machine_s(path: Path, output: LogOutput) -> None:
    """A line begins with the time of the request, in UTC."""
    log = StreamAccessLog(output)
    record(log)
    log.close()

    assert re.match(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\dZ 127", path.read_text())


@pytest.mark.parametrize("make", [StreamAccessLog, LoggerAccessLog])
def test_a_log_conforms_by_its_shape(make: Callable[[], AccessLog]) -> None:
    """A worker takes either for its log."""
    log: AccessLog = make()

    log.flush()
    log.close()


def test_a_filter_says_what_is_logged(path: Path, output: LogOutput) -> None:
    """It is given method, path without query, and status."""
    asked = []

    def keep(*request: object) -> bool:
        asked.append(request)
        return request[1] != "/health"

    log = StreamAccessLog(output, keep=keep)
    record(log, b"/health?deep=1")
    record(log, b"/a?x=1", status=404)
    log.close()

    assert asked == [("GET", "/health", 200), ("GET", "/a", 404)]
    assert re.findall(r'"(.*)"', path.read_text()) == ["GET /a?x=1 HTTP/1.1"]


def test_a_failing_filter_is_told_on_once(
    path: Path, output: LogOutput, caplog: pytest.LogCaptureFixture
) -> None:
    """The request goes on, and is logged, since nobody said no."""
    log = StreamAccessLog(output, keep=fail)
    record(log)
    record(log)
    log.close()

    assert path.read_bytes().count(b"\n") == 2
    [told] = caplog.records
    assert (told.name, told.levelname) == ("serverkit.error", "ERROR")
    assert told.exc_info is not None


@pytest.mark.parametrize(("no_colour", "coloured"), [(None, True), ("", True), ("1", False)])
def test_a_terminal_gets_each_line_at_once(
    no_colour: str | None, monkeypatch: pytest.MonkeyPatch, *, coloured: bool
) -> None:
    """Who looks on sees a request when it was served; in colour, unless NO_COLOR says otherwise."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_colour is not None:
        monkeypatch.setenv("NO_COLOR", no_colour)
    primary, secondary = pty.openpty()

    record(StreamAccessLog(LogOutput(secondary)))
    seen = os.read(primary, 1000)

    assert b'"GET /a?x=1 HTTP/1.1"' in seen
    assert (b"\x1b[32m200" in seen) is coloured
    os.close(primary)
    os.close(secondary)


def test_a_file_gets_no_colour(path: Path, output: LogOutput) -> None:
    """Escape sequences are for terminals."""
    log = StreamAccessLog(output)
    record(log)
    log.close()

    assert "\x1b" not in path.read_text()


def test_workers_in_threads_share_a_file(path: Path, output: LogOutput) -> None:
    """Every line of every worker arrives once and whole, in its worker's order."""
    start = threading.Barrier(4)

    def serve(worker_id: int) -> None:
        log = StreamAccessLog(output, log_format="json", worker_id=worker_id)
        start.wait(BOUND_S)
        for number in range(2000):
            record(log, b"/%d" % number)
        log.close()

    threads = [threading.Thread(target=serve, args=(worker_id,)) for worker_id in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BOUND_S)
    lines = [json.loads(line) for line in path.read_text().splitlines()]

    for worker_id in range(4):
        paths = [line["path"] for line in lines if line["worker"] == worker_id]
        assert paths == [f"/{number}" for number in range(2000)]


def entry(path: str) -> Entry:
    """What is noted of a common request."""
    return (0.0, None, "GET", path, "1.1", 200, 13, 0.0)


class Interrupted(list[Entry]):
    """Entries to which the worker adds one whenever they are counted."""

    def __len__(self) -> int:
        count = super().__len__()
        self.append(entry("/late"))
        return count


def test_a_line_that_comes_during_flush_is_kept(path: Path, output: LogOutput) -> None:
    """It waits for the next flush."""
    log = StreamAccessLog(output)
    log._entries = Interrupted([entry("/first")])

    log.flush()

    written = path.read_text().splitlines()
    assert ["/first" in line for line in written] == [True, *[False] * (len(written) - 1)]
    assert log._entries[0] == entry("/late")


def test_flush_by_other_threads_loses_no_line(path: Path, output: LogOutput) -> None:
    """While the worker notes, others may flush; every line is written once, in order."""
    log = StreamAccessLog(output, log_format="json")
    done = threading.Event()
    start = threading.Barrier(5)

    def keep_flushing() -> None:
        start.wait(BOUND_S)
        while not done.is_set():
            log.flush()

    threads = [threading.Thread(target=keep_flushing) for _ in range(4)]
    for thread in threads:
        thread.start()
    start.wait(BOUND_S)
    for number in range(10_000):
        record(log, b"/%d" % number)
    done.set()
    for thread in threads:
        thread.join(BOUND_S)
    log.close()

    paths = [json.loads(line)["path"] for line in path.read_text().splitlines()]
    assert paths == [f"/{number}" for number in range(10_000)]


def test_a_logger_gets_the_line_and_its_parts(logger: logging.Logger) -> None:
    """A formatter may use the message or the attributes."""
    handler = NotingHandler()
    logger.addHandler(handler)

    record(LoggerAccessLog(logger), b"/a\x1b?x=1")

    [noted] = handler.records
    assert noted.getMessage() == r'127.0.0.1:5432 "GET /a\x1b?x=1 HTTP/1.1" 200 13 0.4ms'
    parts = ("client", "method", "path", "http_version", "status", "bytes", "duration_ms")
    assert [getattr(noted, name) for name in parts] == [
        "127.0.0.1:5432",
        "GET",
        r"/a\x1b?x=1",
        "1.1",
        200,
        13,
        0.4,
    ]


@pytest.mark.parametrize(
    ("status", "level"), [(200, logging.INFO), (499, logging.INFO), (500, logging.WARNING)]
)
def test_a_logger_gets_failures_as_warnings(
    logger: logging.Logger, status: int, level: int
) -> None:
    """From status 500 on."""
    handler = NotingHandler()
    logger.addHandler(handler)

    record(LoggerAccessLog(logger), status=status)

    assert [noted.levelno for noted in handler.records] == [level]


def test_a_logger_that_is_off_costs_no_filter(logger: logging.Logger) -> None:
    """What is not logged is not asked about either."""
    logger.setLevel(logging.WARNING)
    asked = []

    def keep(method: str, path: str, status: int) -> bool:
        asked.append(status)
        return True

    log = LoggerAccessLog(logger, keep=keep)

    record(log, status=200)
    record(log, status=500)

    assert asked == [500]


def test_a_logger_is_the_published_one() -> None:
    """Its name is what a logging configuration refers to; it is filtered like the other log."""
    logger = logging.getLogger("serverkit.access")
    handler = NotingHandler()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        log = LoggerAccessLog(keep=lambda _method, path, _status: path == "/a")
        record(log, b"/a?x=1")
        record(log, b"/b")
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)

    assert [vars(noted)["path"] for noted in handler.records] == ["/a?x=1"]


def test_a_broken_handler_is_told_on_once(
    logger: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    """The request goes on."""
    logger.addHandler(BrokenHandler())
    log = LoggerAccessLog(logger)

    record(log)
    record(log)

    told = [noted.levelname for noted in caplog.records if noted.name == "serverkit.error"]
    assert told == ["ERROR"]
