"""The page that shows the application's exception to its author."""

import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from serverkit_worker.debug_page import render

BROWSER = (b"accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
CURL = (b"accept", b"*/*")
HTML = b"text/html; charset=utf-8"
TEXT = b"text/plain; charset=utf-8"
EVIL = "</pre><script>alert('1')</script>&\""


class Reader(HTMLParser):
    """Reads a page: its tags and attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.marked: list[str] = []
        self._in_mark = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self._in_mark = tag == "mark"

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self._in_mark:
            self.marked.append(data.split(maxsplit=1)[1])
            self._in_mark = False


class Unshowable(Exception):
    """Breaks whoever looks at it."""

    def __str__(self) -> str:
        raise ZeroDivisionError


class Hostile(Exception):
    """Breaks also the careful."""

    @property
    def __traceback__(self) -> None:  # type: ignore[override]
        raise ZeroDivisionError


def caught(function: Callable[[], object]) -> BaseException:
    """The exception that a function raises."""
    try:
        function()
    except BaseException as error:  # noqa: BLE001 - of whatever kind
        return error
    raise AssertionError("it raised nothing")


def divide() -> float:
    """Raise an exception with a line of source."""
    return 1 / 0  # the line in question


def fail_with_cause() -> None:
    """Raise an exception that has a cause."""
    try:
        divide()
    except ZeroDivisionError as error:
        raise KeyError(EVIL) from error


def fail_without_context() -> None:
    """Raise an exception that hides what was before it."""
    try:
        divide()
    except ZeroDivisionError:
        raise KeyError("alone") from None


def recurse() -> None:
    """Never come to an end."""
    recurse()


def page(exc: BaseException, path: str = "/a", *headers: tuple[bytes, bytes]) -> str:
    """The page in a browser."""
    content_type, body = render(exc, "GET", path, [BROWSER, *headers])
    assert content_type == HTML
    return body.decode()


def text(exc: BaseException, path: str = "/a") -> str:
    """The page in a terminal."""
    content_type, body = render(exc, "GET", path, [CURL])
    assert content_type == TEXT
    return body.decode()


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, TEXT),
        (b"", TEXT),
        (b"*/*", TEXT),
        (b"text/*", TEXT),
        (b"application/json", TEXT),
        (b"text/plain", TEXT),
        (b"text/html", HTML),
        (b"TEXT/HTML", HTML),
        (BROWSER[1], HTML),
        (b"application/json, text/html;q=0.1", HTML),
        (b"text/html;level=1;q=0.5", HTML),
        (b"text/plain, text/html", HTML),
        (b"text/plain, text/html;q=0.9", TEXT),
        (b"text/plain ; q=0.5 , text/html ; q=0.6", HTML),
        (b"text/html;q=0", TEXT),
        (b"text/html;q=0.000", TEXT),
        (b"text/html;q=x", HTML),
        (b"\xff,;;,text/html", HTML),
    ],
)
def test_who_asks_for_html_by_name_gets_it(accept: bytes | None, content_type: bytes) -> None:
    """Browsers do; programs get text."""
    headers = [] if accept is None else [(b"accept", accept)]

    assert render(ValueError(), "GET", "/", headers)[0] == content_type


def test_several_accept_lines_are_one() -> None:
    """As RFC 9110 section 5.3 has it."""
    headers = [(b"accept", b"text/plain;q=0.1"), (b"accept", b"text/html")]

    assert render(ValueError(), "GET", "/", headers)[0] == HTML


def test_the_page_shows_the_line_in_question() -> None:
    """Marked, with those around it, its file, function and number; and the request."""
    read = Reader(page(caught(divide), "/a?x=1", (b"host", b"example.org")))
    shown = "".join(read.texts)

    assert read.marked[0] == "return 1 / 0  # the line in question"
    assert "Raise an exception with a line of source." in shown
    assert re.search(rf"{re.escape(__file__)}, line \d+ in divide", shown)
    assert "ZeroDivisionError: division by zero" in shown
    assert "GET /a?x=1" in shown
    assert "example.org" in shown


def test_the_text_shows_the_traceback_and_the_request() -> None:
    """As Python prints it."""
    shown = text(caught(divide), "/a?x=1")

    assert shown.startswith("GET /a?x=1\n\nTraceback (most recent call last):\n")
    assert "return 1 / 0  # the line in question" in shown
    assert shown.endswith("ZeroDivisionError: division by zero\n")


def test_a_cause_is_shown_too() -> None:
    """The exception first, then what led to it."""
    read = Reader(page(caught(fail_with_cause)))

    assert read.marked[0] == "raise KeyError(EVIL) from error"
    assert read.marked[-2:] == ["return 1 / 0  # the line in question", "divide()"]
    assert "Before it came" in read.texts


def test_a_hidden_context_stays_hidden() -> None:
    """The author said from None."""
    error = caught(fail_without_context)

    assert "ZeroDivisionError" not in "".join(Reader(page(error)).texts).replace(
        "except ZeroDivisionError:", ""
    )
    assert "division by zero" not in text(error)


def test_the_members_of_a_group_are_shown() -> None:
    """Each with its own traceback."""
    group = BaseExceptionGroup("two", [caught(divide), ValueError("second")])

    shown = "".join(Reader(page(group)).texts)

    assert "two (2 sub-exceptions)" in shown
    assert "division by zero" in shown
    assert "second" in shown
    assert "second" in text(group)


def test_nothing_a_client_or_an_exception_says_becomes_markup() -> None:
    """Everything is escaped, in text and in the title."""
    shown = page(
        type(EVIL, (ValueError,), {})(EVIL),
        "/" + EVIL,
        (b"x-evil", EVIL.encode()),
        (EVIL.encode(), b"1"),
        (b"\xff", b"\xfe\n"),
    )
    read = Reader(shown)

    assert EVIL not in shown
    assert "script" not in read.tags
    assert not {name for name in read.attributes if name.startswith("on")}
    assert "".join(read.texts).count(EVIL) >= 5


def test_the_page_forbids_what_it_does_not_need() -> None:
    """If something got through after all, it could not run, nor call home."""
    assert "content=\"default-src 'none'; style-src 'unsafe-inline'\"" in page(ValueError())


@pytest.mark.parametrize(
    "name",
    [
        *("authorization", "proxy-authorization", "cookie", "x-api-key", "x-auth-token"),
        *("x-csrf-token", "x-session-id", "x-amz-security-token", "x-hub-signature-256"),
    ],
)
def test_credentials_in_headers_are_not_shown(name: str) -> None:
    """A page may end in a screenshot. The header itself is shown, so that one sees it came."""
    shown = page(ValueError(), "/", (name.encode(), b"s3cr3t"))

    assert "s3cr3t" not in shown
    assert f"<td>{name}</td><td>[hidden]</td>" in shown


@pytest.mark.parametrize(
    "query",
    [
        "token=s3cr3t",
        "a=1&api_key=s3cr3t&b=2",
        "ACCESS_TOKEN=s3cr3t",
        "p%61ssword=s3cr3t",
        "code=s3cr3t",
    ],
)
def test_credentials_in_queries_are_not_shown(query: str) -> None:
    """Neither in that of the request nor in that of a Referer, in HTML or text."""
    referer = (b"referer", f"https://example.org/?{query}#top".encode())

    assert "s3cr3t" not in page(ValueError(), f"/?{query}", referer)
    assert "s3cr3t" not in text(ValueError(), f"/?{query}")
    assert "=[hidden]" in text(ValueError(), f"/?{query}")


def test_no_values_of_variables_are_shown() -> None:
    """They may be anybody's data."""

    def work_with(password: str) -> None:
        raise ValueError(len(password))

    error = caught(lambda: work_with("0123456789"[::-1]))

    value = "".join(map(str, reversed(range(10))))
    assert value not in page(error)
    assert value not in text(error)


def test_an_endless_recursion_makes_a_page_of_bounded_size() -> None:
    """The innermost frames are shown."""
    error = caught(recurse)

    assert len(page(error)) < 200_000
    assert len(text(error)) < 200_000


def test_a_huge_message_is_cut() -> None:
    """A megabyte of message is no help."""
    error = ValueError("x" * 1_000_000)

    assert len(page(error)) < 50_000
    assert len(text(error)) < 50_000
    assert "1000013 in all" in text(error)


def test_a_long_chain_is_cut() -> None:
    """What happened last is shown."""
    error: BaseException = ValueError("first")
    for number in range(1000):
        previous, error = error, ValueError(f"number {number}")
        error.__cause__ = previous

    for shown in (page(error), text(error)):
        assert "number 999" in shown
        assert "number 0\n" not in shown
        assert len(shown) < 200_000


@pytest.mark.parametrize("kind", [Unshowable, Hostile])
@pytest.mark.parametrize("accept", [BROWSER, CURL])
def test_an_exception_that_cannot_be_shown_is_named(
    kind: type[Exception], accept: tuple[bytes, bytes]
) -> None:
    """A page comes out whatever the exception is."""
    _, body = render(kind("a"), "GET", "/", [accept])

    assert kind.__name__.encode() in body


def test_surrogates_are_escaped() -> None:
    """A path of the file system may have them; UTF-8 has not."""
    error = OSError("no file \udcff")

    assert "no file \\udcff" in page(error)
    assert "no file \\udcff" in text(error)


def test_code_without_source_has_a_page() -> None:
    """Such as that made by exec."""
    namespace: dict[str, Callable[[], object]] = {}
    exec("def no_source(): raise ValueError('made up')", namespace)

    shown = page(caught(namespace["no_source"]))

    assert "made up" in shown
    assert "no_source" in shown


def test_the_name_of_a_function_is_no_markup() -> None:
    """Python itself has names in angle brackets."""
    assert "in <code>&lt;lambda&gt;</code>" in page(caught(lambda: divide()))
