"""What an application may send, and when: every state with every message."""

from collections.abc import Mapping

import pytest

from serverkit_worker.errors import ASGIMessageError
from serverkit_worker.response_messages import (
    BODY,
    DEBUG,
    EARLY_HINT,
    PATHSEND,
    START,
    TRAILERS,
    ResponseState,
    body_of,
    check_order,
    early_hint_fields,
    path_of,
    trailers_of,
)

ALL: Mapping[str, object] = {
    "http.response.early_hint": {},
    "http.response.pathsend": {},
    "http.response.trailers": {},
    "http.response.debug": {},
}
MESSAGES = (START, BODY, TRAILERS, EARLY_HINT, PATHSEND, DEBUG)

# Written out a second time, from the specification: state, then what may be sent in it.
ALLOWED = {
    ResponseState.NOT_STARTED: {START, EARLY_HINT, DEBUG},
    ResponseState.HEAD_HELD: {BODY, PATHSEND},
    ResponseState.HEAD_HELD_TRAILERS: {BODY, PATHSEND},
    ResponseState.STREAMING: {BODY},
    ResponseState.STREAMING_TRAILERS: {BODY},
    ResponseState.TRAILERS_DUE: {TRAILERS},
    ResponseState.COMPLETE: set(),
}


@pytest.mark.parametrize("kind", MESSAGES)
@pytest.mark.parametrize("state", ResponseState)
def test_each_message_has_its_states(state: ResponseState, kind: str) -> None:
    """A message is taken where the specification allows it, and refused in words elsewhere."""
    if kind in ALLOWED[state]:
        assert check_order(state, kind, ALL) == kind
        return
    with pytest.raises(ASGIMessageError) as raised:
        check_order(state, kind, ALL)
    assert kind in str(raised.value)
    assert state.value in str(raised.value)


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (ResponseState.NOT_STARTED, EARLY_HINT),
        (ResponseState.NOT_STARTED, DEBUG),
        (ResponseState.HEAD_HELD, PATHSEND),
        (ResponseState.HEAD_HELD_TRAILERS, PATHSEND),
    ],
)
def test_an_extension_that_is_not_offered_is_refused(state: ResponseState, kind: str) -> None:
    """The scope says what the server can do."""
    with pytest.raises(ASGIMessageError, match="extensions"):
        check_order(state, kind, {})


@pytest.mark.parametrize("kind", [None, 5, b"http.response.start", "", "http.response", "x"])
@pytest.mark.parametrize("state", ResponseState)
def test_what_is_no_message_is_refused(state: ResponseState, kind: object) -> None:
    """With what would have been right."""
    with pytest.raises(ASGIMessageError) as raised:
        check_order(state, kind, ALL)
    assert all(allowed in str(raised.value) for allowed in ALLOWED[state])


@pytest.mark.parametrize("body", [b"ab", bytearray(b"ab"), memoryview(b"ab")])
def test_a_body_is_bytes(body: object) -> None:
    """Or what can be made bytes at once, before it changes."""
    found = body_of({"body": body})

    assert found == b"ab"
    assert type(found) is bytes


def test_a_body_may_be_left_out() -> None:
    """It is empty then."""
    assert body_of({}) == b""


@pytest.mark.parametrize("body", ["text", None, 5, [b"a"]])
def test_any_other_body_is_refused(body: object) -> None:
    """With its type."""
    with pytest.raises(ASGIMessageError, match=type(body).__name__):
        body_of({"body": body})


def test_trailers_are_pairs() -> None:
    """And may come in several messages."""
    assert trailers_of({"headers": [[b"a", b"1"]], "more_trailers": True}) == ([(b"a", b"1")], True)
    assert trailers_of({}) == ([], False)


@pytest.mark.parametrize("headers", [None, 5, [b"abc"], [(b"a",)], [5], [(b"a", b"b", b"c")]])
def test_trailers_that_are_no_pairs_are_refused(headers: object) -> None:
    """By an error that names the message."""
    with pytest.raises(ASGIMessageError, match=TRAILERS):
        trailers_of({"headers": headers})


def test_links_become_fields() -> None:
    """Of the 103 response, in order."""
    links = [b"</a.css>; rel=preload", b"</b.js>; rel=preload"]

    assert early_hint_fields({"links": links}) == [(b"link", link) for link in links]
    assert early_hint_fields({}) == []


@pytest.mark.parametrize("links", [["text"], [None], "text", b"bytes", None, 5])
def test_links_that_are_not_bytes_are_refused(links: object) -> None:
    """By an error that names the message."""
    with pytest.raises(ASGIMessageError, match=EARLY_HINT):
        early_hint_fields({"links": links})


def test_a_path_is_text() -> None:
    """As the extension wants it."""
    assert path_of({"path": "/a"}) == "/a"


@pytest.mark.parametrize("path", [None, b"/a", 5])
def test_any_other_path_is_refused(path: object) -> None:
    """By an error that names the message."""
    with pytest.raises(ASGIMessageError, match=PATHSEND):
        path_of({"path": path})
