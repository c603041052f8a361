"""Keeps the log of requests: one line for each, written in batches."""

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Final, Literal, Protocol

from serverkit_worker.access_log_format import (
    Client,
    Entry,
    JSONFormat,
    LineFormat,
    TextFormat,
    client_text,
    target_text,
)
from serverkit_worker.log_output import LogOutput
from serverkit_worker.log_text import escape

type AccessLogFilter = Callable[[str, str, int], bool]
"""Given method, path (as sent, without the query) and status, says whether to log the request."""

_LOGGER: Final = logging.getLogger("serverkit.error")
BATCH_ENTRIES: Final = 256


class AccessLog(Protocol):
    """Where a worker puts a line for each request."""

    def record(
        self,
        client: Client,
        method: str,
        target: bytes | str,
        http_version: str,
        status: int,
        bytes_sent: int,
        duration_s: float,
    ) -> None:
        """Note a request whose response is complete. Never raises.

        Args:
            client: host and port; a path and None, or None, for a unix socket.
            method: as sent.
            target: as sent, with the query.
            http_version: "1.0", "1.1" and so on.
            status: of the response.
            bytes_sent: of the body of the response.
            duration_s: from the head of the request to the end of the response.
        """
        ...

    def flush(self) -> None:
        """Write what was noted so far. Cheap when that is nothing. Never raises. Threads: any."""
        ...

    def close(self) -> None:
        """Write the rest; nothing is recorded afterwards. Repeatable. Never raises."""
        ...


class StreamAccessLog:
    """Writes lines straight to a stream, a batch with one call of the system.

    A batch is made and written by `flush`, by `close`, and by `record` once it has
    `BATCH_ENTRIES`; on a terminal every line at once. Lines are made in batches because that
    takes half the time of making each one between two requests.

    Args:
        output: where to; standard error when left out. Not closed by `close`.
        log_format: "text" for people, "json" for machines.
        worker_id: stands in every JSON line when given.
        keep: which requests to log; all when left out.
        clock: gives the Unix time in seconds.

    Threads: `record` by one thread, the worker's; the others by any. Workers in threads have a
        log each, and may share the output.
    """

    __slots__ = (
        "_batch_entries",
        "_clock",
        "_entries",
        "_keep",
        "_lock",
        "_make_lines",
        "_output",
    )

    def __init__(
        self,
        output: LogOutput | None = None,
        *,
        log_format: Literal["text", "json"] = "text",
        worker_id: int | None = None,
        keep: AccessLogFilter | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._output = LogOutput.stderr() if output is None else output
        is_terminal = self._output.is_terminal
        line_format: LineFormat = (
            JSONFormat(worker_id=worker_id)
            if log_format == "json"
            else TextFormat(colour=is_terminal and not os.environ.get("NO_COLOR"))
        )
        self._make_lines = line_format.lines
        self._keep = None if keep is None else _ForgivingFilter(keep)
        self._clock = clock
        self._batch_entries = 1 if is_terminal else BATCH_ENTRIES
        self._entries: list[Entry] = []
        self._lock = threading.Lock()

    def record(
        self,
        client: Client,
        method: str,
        target: bytes | str,
        http_version: str,
        status: int,
        bytes_sent: int,
        duration_s: float,
    ) -> None:
        """Note a request, see `AccessLog.record`."""
        if self._keep is not None and not self._keep(method, target, status):
            return
        entries = self._entries
        entries.append(
            (self._clock(), client, method, target, http_version, status, bytes_sent, duration_s)
        )
        if len(entries) >= self._batch_entries:
            self.flush()

    def flush(self) -> None:
        """Write what was noted so far, see `AccessLog.flush`."""
        entries = self._entries
        if not entries:
            return
        with self._lock:
            # The worker may append meanwhile: take a count of them, leave the rest.
            count = len(entries)
            data = self._make_lines(entries[:count]).encode("ascii", "backslashreplace")
            del entries[:count]
            self._output.write(data)

    def close(self) -> None:
        """Write the rest, see `AccessLog.close`."""
        self.flush()


class LoggerAccessLog:
    """Hands each request to a logger, for who configures logging themselves. Slower.

    The record has `client`, `method`, `path` (with the query), `http_version`, `status`, `bytes`
    and `duration_ms` as attributes, all escaped, and the level WARNING from status 500.

    Args:
        logger: which; `serverkit.access` when left out.
        keep: which requests to log; all when left out.

    Threads: any, for all methods.
    """

    __slots__ = ("_has_failed", "_keep", "_logger")

    def __init__(
        self, logger: logging.Logger | None = None, *, keep: AccessLogFilter | None = None
    ) -> None:
        self._logger = logging.getLogger("serverkit.access") if logger is None else logger
        self._keep = None if keep is None else _ForgivingFilter(keep)
        self._has_failed = False

    def record(
        self,
        client: Client,
        method: str,
        target: bytes | str,
        http_version: str,
        status: int,
        bytes_sent: int,
        duration_s: float,
    ) -> None:
        """Note a request, see `AccessLog.record`."""
        level = logging.WARNING if status >= 500 else logging.INFO
        if not self._logger.isEnabledFor(level):
            return
        if self._keep is not None and not self._keep(method, target, status):
            return
        fields = {
            "client": escape(client_text(client)),
            "method": escape(method),
            "path": escape(target_text(target)),
            "http_version": escape(http_version),
            "status": status,
            "bytes": bytes_sent,
            "duration_ms": round(duration_s * 1000, 1),
        }
        try:
            self._logger.log(
                level, '%s "%s %s HTTP/%s" %d %d %.1fms', *fields.values(), extra=fields
            )
        except Exception:
            if not self._has_failed:
                self._has_failed = True
                _LOGGER.exception("A handler of the access log failed.")

    def flush(self) -> None:
        """Nothing is kept back."""

    def close(self) -> None:
        """Nothing is kept open; the logger belongs to who configured it."""


class _ForgivingFilter:
    """A user's filter that may fail: it is told on once, and the request is logged."""

    __slots__ = ("_has_failed", "_keep")

    def __init__(self, keep: AccessLogFilter) -> None:
        self._keep = keep
        self._has_failed = False

    def __call__(self, method: str, target: bytes | str, status: int) -> bool:
        try:
            return self._keep(method, target_text(target).partition("?")[0], status)
        except Exception:
            if not self._has_failed:
                self._has_failed = True
                _LOGGER.exception("The access log's filter failed; what it fails on is logged.")
            return True
