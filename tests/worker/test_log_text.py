"""Text that is safe in a line of a log, and the time that stands before it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverkit_worker.log_text import escape, is_safe, utc_second


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("", ""),
        ("/path?x=1&y=[2]{3}~!", "/path?x=1&y=[2]{3}~!"),
        ("/%1b%5b31m", "/%1b%5b31m"),
        ("\x1b[31m", r"\x1b[31m"),
        ("a\r\nb\tc\0", r"a\x0d\x0ab\x09c\x00"),
        ('say "hi"', r"say \"hi\""),
        ("back\\slash", r"back\\slash"),
        ("\x7f\x85\xa0\xff", r"\x7f\x85\xa0\xff"),
        ("\u2028\u202e", r"\u2028\u202e"),
        ("\U0001f600", r"\U0001f600"),
        ("\ud800", r"\ud800"),
    ],
)
def test_what_could_harm_a_line_is_escaped(text: str, escaped: str) -> None:
    """Controls, quotes, backslashes and all beyond ASCII are escaped; the rest stays."""
    assert escape(text) == escaped


@given(st.text())
def test_escaped_text_is_printable_ascii_that_can_be_read_back(text: str) -> None:
    """Nothing gets through, and nothing is lost."""
    escaped = escape(text)

    assert escaped.isascii()
    assert escaped.isprintable() or not escaped
    assert escaped.encode().decode("unicode_escape") == text


@given(st.text() | st.text('ab"\\ \n\x7f'))
def test_safe_is_what_needs_no_escaping(text: str) -> None:
    """The quick look never lets through what escaping would change, and never asks in vain."""
    assert is_safe(text) is (escape(text) == text)


def test_a_time_is_in_utc() -> None:
    """Seconds are cut, not rounded, and the separator may be chosen."""
    assert utc_second(1_795_157_456.999) == "2026-11-20T06:50:56"
    assert utc_second(0, separator=" ") == "1970-01-01 00:00:00"
