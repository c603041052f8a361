r"""Makes text safe for a line of a log, and times readable.

Rules:
    What comes from a client cannot end a line, move a cursor or close a quote (CVE-2020-7694):
    everything but printable ASCII is escaped, and so are quotes and backslashes.
"""

import re
import time
from typing import Final

_UNSAFE: Final = re.compile(r"[^ !#-\[\]-~]")


def is_safe(text: str) -> bool:
    """Return whether a text is what `escape` makes of it; nearly every text is."""
    return text.isascii() and text.isprintable() and '"' not in text and "\\" not in text


def escape(text: str) -> str:
    r"""Return the text in printable ASCII, as within double quotes.

    A quote and a backslash get a backslash before them, anything else that is not printable ASCII
    becomes `\xNN`, `\uNNNN` or `\UNNNNNNNN`.
    """
    return _UNSAFE.sub(_escape_character, text)


def _escape_character(match: re.Match[str]) -> str:
    character = match.group()
    if character in '"\\':
        return "\\" + character
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def utc_second(time_s: float, separator: str = "T") -> str:
    """Return a Unix time as `2026-11-20T06:50:56`, in UTC and cut to whole seconds."""
    return time.strftime(f"%Y-%m-%d{separator}%H:%M:%S", time.gmtime(time_s))
