"""Shows an exception of the application to its author, in the browser or in the terminal.

Rules:
    For debug mode only: source code and paths are shown to whoever asks.
    No values of variables, and none of headers and query parameters that carry credentials.
    Everything is escaped, and the page forbids scripts and anything from elsewhere.
    Whatever the exception is, a page comes out, of bounded size.
"""

import html
import linecache
import re
import traceback
from collections.abc import Iterable, Iterator
from traceback import FrameSummary
from typing import Final
from urllib.parse import unquote

HTML: Final = b"text/html; charset=utf-8"
TEXT: Final = b"text/plain; charset=utf-8"

_CONTEXT_LINES: Final = 3  # before and after the line in question
_MAX_FRAMES: Final = 60  # of each traceback, the innermost: an endless recursion has a thousand
_MAX_CHAIN: Final = 10  # exceptions that led to one, or that one groups
_MAX_LINES: Final = 1000  # of the text; the last tell what happened
_MAX_TEXT: Final = 10_000  # characters of one message
_HIDDEN: Final = "[hidden]"
_CREDENTIAL: Final = re.compile(
    r"auth|cookie|token|secret|passw|pwd|api.?key|access.?key|session|csrf|xsrf|signature"
    r"|credential|jwt|assertion|^code$|^state$|^sig$|^key$",
    re.IGNORECASE,
)
_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem;
  color: #1c1c1e; background: #fff }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem }
pre, code, td { font: 13px/1.5 ui-monospace, monospace }
.message { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 1.1rem; margin: .5rem 0 }
.where { color: #6e6e73; overflow-wrap: anywhere; margin: 1rem 0 .25rem }
pre { background: #f5f5f7; margin: 0; padding: .5rem; overflow-x: auto; border-radius: 6px }
mark { background: #ffe3e0; color: inherit; display: inline-block; min-width: 100% }
td { vertical-align: top; padding: .1rem 1rem .1rem 0; overflow-wrap: anywhere }
td:first-child { color: #6e6e73; white-space: nowrap }
@media (prefers-color-scheme: dark) { body { color: #f2f2f7; background: #1c1c1e }
  pre { background: #2c2c2e } mark { background: #5c2b29 }
  .where, td:first-child { color: #98989d } }
"""


def render(
    exc: BaseException, method: str, path: str, headers: Iterable[tuple[bytes, bytes]]
) -> tuple[bytes, bytes]:
    """Make the page of an exception. Never raises.

    Args:
        exc: what the application raised.
        method: of the request.
        path: of the request, with its query.
        headers: of the request, with lower-case names; Accept chooses between HTML and text.

    Returns:
        The content type and the body, in UTF-8.
    """
    wanted = list(headers)
    try:
        return _render(exc, method, path, wanted)
    except Exception as error:  # noqa: BLE001 - an exception may be made to break its readers
        text = f"{type(exc).__name__}, which cannot be shown: {type(error).__name__}\n"
        return TEXT, text.encode(errors="backslashreplace")


def _render(
    exc: BaseException, method: str, path: str, headers: list[tuple[bytes, bytes]]
) -> tuple[bytes, bytes]:
    request = f"{method} {_without_credentials(path)}"
    if prefers_html(headers):
        return HTML, _html_page(exc, request, headers).encode(errors="backslashreplace")
    lines = traceback.format_exception(exc, limit=-_MAX_FRAMES)
    shown = "".join(_clip(line) for line in lines[-_MAX_LINES:])
    return TEXT, f"{request}\n\n{shown}".encode(errors="backslashreplace")


def prefers_html(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Say whether a request asks for HTML by name, and not for plain text rather (RFC 9110 12.5.1).

    A browser does; curl, with */*, does not.
    """
    weights = {"text/html": 0.0, "text/plain": 0.0}
    accepted = b",".join(value for name, value in headers if name == b"accept")
    for choice in accepted.decode("latin-1").lower().split(","):
        kind, *parameters = (part.strip() for part in choice.split(";"))
        if kind in weights:
            found = re.search(r"(?:^|;)q=([01](?:\.\d{0,3})?)(?:;|$)", ";".join(parameters))
            weights[kind] = float(found[1]) if found else 1.0
    return 0 < weights["text/html"] >= weights["text/plain"]


def _html_page(exc: BaseException, request: str, headers: list[tuple[bytes, bytes]]) -> str:
    chain = "\n".join(_html_chain(exc))
    rows = "\n".join(
        f"<tr><td>{html.escape(name)}</td><td>{html.escape(value)}</td></tr>"
        for name, value in _shown_headers(headers)
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>{html.escape(f"{type(exc).__qualname__} at {request}")}</title>
<style>{_STYLE}</style>
</head>
<body>
{chain}
<h2>Request</h2>
<pre>{html.escape(request)}</pre>
<h2>Headers</h2>
<table>
{rows}
</table>
</body>
</html>
"""


def _html_chain(exc: BaseException) -> Iterator[str]:
    """Yield the exception, then those that led to it."""
    current: BaseException | None = exc
    for number in range(_MAX_CHAIN):
        if current is None:
            return
        if number:
            yield "<h2>Before it came</h2>"
        yield from _html_exception(current)
        if isinstance(current, BaseExceptionGroup):
            for inner in current.exceptions[:_MAX_CHAIN]:
                yield "<h2>In the group</h2>"
                yield from _html_exception(inner)
        context = None if current.__suppress_context__ else current.__context__
        current = current.__cause__ or context


def _html_exception(exc: BaseException) -> Iterator[str]:
    message = "".join(_clip(line) for line in traceback.format_exception_only(exc))
    yield f"<h1>{html.escape(type(exc).__qualname__)}</h1>"
    yield f'<p class="message">{html.escape(message.rstrip())}</p>'
    for frame in reversed(traceback.extract_tb(exc.__traceback__, limit=-_MAX_FRAMES)):
        where = html.escape(f"{frame.filename}, line {frame.lineno}")
        yield f'<p class="where">{where} in <code>{html.escape(frame.name)}</code></p>'
        yield f"<pre>{_html_source(frame)}</pre>"


def _html_source(frame: FrameSummary) -> str:
    """Return the lines around the one in question, which is marked."""
    at = frame.lineno or 1  # Generated code may have no number.
    first = max(at - _CONTEXT_LINES, 1)
    lines = linecache.getlines(frame.filename)[first - 1 : at + _CONTEXT_LINES]
    numbered = (
        (number, html.escape(f"{number:5}  {_clip(line.rstrip())}"))
        for number, line in enumerate(lines, first)
    )
    return "\n".join(
        f"<mark>{text}</mark>" if number == frame.lineno else text for number, text in numbered
    )


def _shown_headers(headers: list[tuple[bytes, bytes]]) -> Iterator[tuple[str, str]]:
    for raw_name, raw_value in headers:
        name = raw_name.decode("latin-1")
        is_secret = _CREDENTIAL.search(name)
        yield name, _HIDDEN if is_secret else _without_credentials(raw_value.decode("latin-1"))


def _without_credentials(text: str) -> str:
    """Hide the values of query parameters whose names say that they are secret."""
    return re.sub(r"(?<=[?&])([^=&#\s]*)=([^&#\s]*)", _hide_credential, _clip(text))


def _hide_credential(match: re.Match[str]) -> str:
    return f"{match[1]}={_HIDDEN}" if _CREDENTIAL.search(unquote(match[1])) else match[0]


def _clip(text: str) -> str:
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}... and {len(text)} in all\n"
