"""Writes one request as one line, for people or for machines.

Rules:
    A line is ASCII and has one line break, at its end, whatever the client sent.
    A JSON line is valid JSON, and its keys are a contract: keys may come, none goes.
    The stamp of the second is kept: a busy worker writes thousands of lines in one.
"""

import json
from typing import Final, Protocol

from serverkit_worker.log_text import UNSAFE, escape, utc_second

type Client = tuple[str, int | None] | None
"""Host and port; a path and None, or None, where the client came over a unix socket."""

_COLOURS: Final = {2: "\x1b[32m", 3: "\x1b[36m", 4: "\x1b[33m", 5: "\x1b[31m"}
_PLAIN: Final = "\x1b[0m"
_LONGEST_S: Final = 1e12  # Beyond it, and for what is no number at all, a duration is shown as 0.


class LineFormat(Protocol):
    """Makes the line of a request."""

    def line(
        self,
        now_s: float,
        client: Client,
        method: str,
        target: bytes | str,
        http_version: str,
        status: int,
        bytes_sent: int,
        duration_s: float,
    ) -> str:
        """Return the line, with its line break.

        Args:
            now_s: Unix time at which the response was complete.
            client: who sent the request.
            method: as sent.
            target: as sent, with the query.
            http_version: "1.0", "1.1" and so on.
            status: of the response.
            bytes_sent: of the body of the response.
            duration_s: from the head of the request to the end of the response.
        """
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

    __slots__ = ("_colour", "_stamp")

    def __init__(self, *, colour: bool = False) -> None:
        self._colour = colour
        # One tuple, replaced as a whole, so that no thread sees a second with another's text.
        self._stamp = (-1, "")

    def line(
        self,
        now_s: float,
        client: Client,
        method: str,
        target: bytes | str,
        http_version: str,
        status: int,
        bytes_sent: int,
        duration_s: float,
    ) -> str:
        """Return the line, see `LineFormat.line`."""
        second, stamp = self._stamp
        if (now := int(now_s)) != second:
            stamp = utc_second(now, separator=" ")
            self._stamp = (now, stamp)
        who = client_text(client)
        request = f"{method} {target_text(target)} HTTP/{http_version}"
        if UNSAFE.search(who + request):
            who, request = escape(who), escape(request)
        shown: int | str = status
        if self._colour:
            shown = f"{_COLOURS.get(status // 100, '')}{status}{_PLAIN}"
        return f'{stamp}Z {who} "{request}" {shown} {bytes_sent} {duration_s * 1000:.1f}ms\n'


class JSONFormat:
    """Lines for machines: ts, level, method, path, status, bytes, duration_ms, client, worker.

    `ts` is ISO 8601 in UTC with milliseconds, `level` "warn" from status 500 and "info" below,
    `path` the target as sent with its query, `client` "host:port" or null.

    Args:
        worker_id: value of the key `worker`; the key is left out for None.

    Threads: the one that owns the log it belongs to; harmless in any.
    """

    __slots__ = ("_end", "_stamp")

    def __init__(self, *, worker_id: int | None = None) -> None:
        self._end = "}\n" if worker_id is None else f',"worker":{worker_id}}}\n'
        self._stamp = (-1, "")

    def line(
        self,
        now_s: float,
        client: Client,
        method: str,
        target: bytes | str,
        http_version: str,  # noqa: ARG002 - no key of the contract
        status: int,
        bytes_sent: int,
        duration_s: float,
    ) -> str:
        """Return the line, see `LineFormat.line`."""
        second, stamp = self._stamp
        if (now := int(now_s)) != second:
            stamp = utc_second(now)
            self._stamp = (now, stamp)
        if not 0 <= duration_s < _LONGEST_S:
            duration_s = 0.0
        path = target_text(target)
        who = client_text(client)
        if UNSAFE.search(f"{method}{path}{who}"):
            method, path, who = (json.dumps(text)[1:-1] for text in (method, path, who))
        return (
            f'{{"ts":"{stamp}.{int((now_s - now) * 1000):03d}Z"'
            f',"level":"{"warn" if status >= 500 else "info"}"'
            f',"method":"{method}","path":"{path}","status":{status},"bytes":{bytes_sent}'
            f',"duration_ms":{duration_s * 1000:.1f}'
            f',"client":{"null" if client is None else f'"{who}"'}{self._end}'
        )
