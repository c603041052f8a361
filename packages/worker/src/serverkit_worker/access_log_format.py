"""Writes each request as one line, for people or for machines.

Rules:
    A line is ASCII and has one line break, at its end, whatever the client sent.
    A JSON line is valid JSON, and its keys are a contract: keys may come, none goes.
    The stamp of the second is kept: a busy worker writes thousands of lines in one.
"""

import json
from collections.abc import Sequence
from typing import Final, Protocol

from serverkit_worker.log_text import escape, is_safe, utc_second

type Client = tuple[str, int | None] | None
"""Host and port; a path and None, or None, where the client came over a unix socket."""

_COLOURS: Final = {2: "\x1b[32m", 3: "\x1b[36m", 4: "\x1b[33m", 5: "\x1b[31m"}
_PLAIN: Final = "\x1b[0m"
_LONGEST_S: Final = 1e12  # Beyond it, and for what is no number at all, a duration is shown as 0.


type Entry = tuple[float, Client, str, bytes | str, str, int, int, float]
"""Of one request: Unix time in seconds at which the response was complete; client; method and
target as sent, the target with its query; version such as "1.1"; status; octets of the body of the
response; seconds from the head of the request to the end of the response."""

_MAX_KEPT_NAMES: Final = 1024


class LineFormat(Protocol):
    """Makes the lines of requests."""

    def lines(self, entries: Sequence[Entry]) -> str:
        """Return one line per entry, each with its line break."""
        ...


def client_text(client: Client) -> str:
    """Return `host:port`, `[v6 host]:port`, the path of a unix socket, or "-" for no name."""
    if client is None:
        return "-"
    host, port = client
    if port is None:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def target_text(target: bytes | str) -> str:
    """Return the request target as text; bytes beyond ASCII become the characters of that number.

    Their meaning is not known: a target may be in any encoding.
    """
    return target if isinstance(target, str) else target.decode("latin-1")


class TextFormat:
    """Lines for people; their form may change.

    Looks like `2026-11-20 06:50:56Z 127.0.0.1:5432 "GET /a?x=1 HTTP/1.1" 200 13 0.4ms`.

    Args:
        colour: colour the status, for a terminal.

    Threads: the one that owns the log it belongs to; harmless in any.
    """

    __slots__ = ("_colour", "_names", "_stamp")

    def __init__(self, *, colour: bool = False) -> None:
        self._colour = colour
        # One tuple, replaced as a whole, so that no thread sees a second with another's text.
        self._stamp = (-1, "")
        self._names: dict[Client, str] = {}

    def lines(self, entries: Sequence[Entry]) -> str:
        """Return the lines, see `LineFormat.lines`."""
        second, stamp = self._stamp
        lines: list[str] = []
        for now_s, client, method, target, http_version, status, size, duration_s in entries:
            if (now := int(now_s)) != second:
                second, stamp = now, utc_second(now, separator=" ")
                self._stamp = (second, stamp)
            who = self._names.get(client) or self._name(client)
            request = f"{method} {target_text(target)} HTTP/{http_version}"
            if not is_safe(request):
                request = escape(request)
            shown: int | str = status
            if self._colour:
                shown = f"{_COLOURS.get(status // 100, '')}{status}{_PLAIN}"
            lines.append(f'{stamp}Z {who} "{request}" {shown} {size} {duration_s * 1000:.1f}ms\n')
        return "".join(lines)

    def _name(self, client: Client) -> str:
        return _keep_name(self._names, client, escape(client_text(client)))


class JSONFormat:
    """Lines for machines: ts, level, method, path, status, bytes, duration_ms, client, worker.

    `ts` is ISO 8601 in UTC with milliseconds, `level` "warn" from status 500 and "info" below,
    `path` the target as sent with its query, `client` "host:port" or null.

    Args:
        worker_id: value of the key `worker`; the key is left out for None.

    Threads: the one that owns the log it belongs to; harmless in any.
    """

    __slots__ = ("_end", "_names", "_stamp")

    def __init__(self, *, worker_id: int | None = None) -> None:
        self._end = "}\n" if worker_id is None else f',"worker":{worker_id}}}\n'
        self._stamp = (-1, "")
        self._names: dict[Client, str] = {}

    def lines(self, entries: Sequence[Entry]) -> str:
        """Return the lines, see `LineFormat.lines`."""
        second, stamp = self._stamp
        end = self._end
        lines: list[str] = []
        for now_s, client, method, target, _version, status, size, duration_s in entries:
            if (now := int(now_s)) != second:
                second, stamp = now, utc_second(now)
                self._stamp = (second, stamp)
            who = self._names.get(client) or self._name(client)
            path = target_text(target)
            if not (is_safe(path) and is_safe(method)):
                method, path = (json.dumps(text)[1:-1] for text in (method, path))  # noqa: PLW2901
            shown_s = duration_s if 0 <= duration_s < _LONGEST_S else 0.0
            lines.append(
                f'{{"ts":"{stamp}.{int((now_s - now) * 1000):03d}Z"'
                f',"level":"{"warn" if status >= 500 else "info"}"'
                f',"method":"{method}","path":"{path}","status":{status},"bytes":{size}'
                f',"duration_ms":{shown_s * 1000:.1f}'
                f',"client":{who}{end}'
            )
        return "".join(lines)

    def _name(self, client: Client) -> str:
        name = "null" if client is None else json.dumps(client_text(client))
        return _keep_name(self._names, client, name)


def _keep_name(names: dict[Client, str], client: Client, name: str) -> str:
    """Remember how a client is written, since it comes again with its next request."""
    if len(names) >= _MAX_KEPT_NAMES:
        names.clear()
    names[client] = name
    return name
