"""The exceptions of the worker, the table of its error answers, and their catalogue."""

import dataclasses
import pickle
import re
from pathlib import Path

import pytest

from serverkit_proto.errors import REFUSALS, RemoteProtocolError
from serverkit_worker import errors
from serverkit_worker.errors import (
    APP_ERROR,
    ERROR_CODE_HEADER,
    ERROR_REPLIES,
    ASGIMessageError,
    ClientDisconnected,
    ErrorReply,
    error_response,
    reply_to_protocol_error,
    text_error_response,
)

ROOT = Path(__file__).parents[2]
CATALOGUE = ROOT / "docs" / "reference" / "error-codes.md"
CODE = r"SERVERKIT_(?:PARSE|LIMIT|TIMEOUT|APP|WORKER|WEBSOCKET|TLS)_[A-Z0-9_]+"
REPLIES = {name: value for name, value in vars(errors).items() if isinstance(value, ErrorReply)}


@pytest.mark.parametrize(
    ("name", "code", "status", "retry_after_s"),
    [
        ("DRAINING", "SERVERKIT_WORKER_DRAINING", 503, 1),
        ("LIMIT_CONNECTIONS", "SERVERKIT_LIMIT_CONNECTIONS", 503, 5),
        ("LIMIT_CONCURRENCY", "SERVERKIT_LIMIT_CONCURRENCY", 503, 1),
        ("LIMIT_REQUEST_TOO_LARGE", "SERVERKIT_LIMIT_REQUEST_TOO_LARGE", 413, None),
        ("TIMEOUT_REQUEST_HEAD", "SERVERKIT_TIMEOUT_REQUEST_HEAD", 408, None),
        ("TIMEOUT_REQUEST_BODY", "SERVERKIT_TIMEOUT_REQUEST_BODY", 408, None),
        ("TIMEOUT_HANDLER", "SERVERKIT_TIMEOUT_HANDLER", 504, None),
        ("TIMEOUT_WEBSOCKET_HANDSHAKE", "SERVERKIT_TIMEOUT_WEBSOCKET_HANDSHAKE", 504, None),
        ("APP_ERROR", "SERVERKIT_APP_ERROR", 500, None),
        ("APP_NO_RESPONSE", "SERVERKIT_APP_NO_RESPONSE", 500, None),
        ("APP_BAD_RESPONSE", "SERVERKIT_APP_BAD_RESPONSE", 500, None),
    ],
)
def test_a_published_code_keeps_its_meaning(
    name: str, code: str, status: int, retry_after_s: int | None
) -> None:
    """A code, its status and its Retry-After are a contract with clients."""
    reply = REPLIES[name]

    assert (reply.code, reply.status, reply.retry_after_s) == (code, status, retry_after_s)


def test_the_table_has_every_reply_once() -> None:
    """Who looks a code up finds it, and no two replies share one."""
    assert {reply.code: reply for reply in REPLIES.values()} == {**ERROR_REPLIES}
    assert len(ERROR_REPLIES) == len(REPLIES)


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
def test_each_reply_explains_itself(reply: ErrorReply) -> None:
    """There is a sentence for the client and one for who runs the server."""
    assert re.fullmatch(CODE, reply.code)
    assert re.fullmatch(r"[A-Z].+\.", reply.message)
    assert re.fullmatch(r".+\.", reply.hint)


def test_the_replies_cannot_be_changed() -> None:
    """The table is shared by all workers of a process."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        APP_ERROR.status = 200  # type: ignore[misc]
    with pytest.raises(TypeError):
        ERROR_REPLIES["SERVERKIT_APP_ERROR"] = APP_ERROR  # type: ignore[index]


def test_the_response_says_little_to_a_stranger() -> None:
    """Without debug the body has the message alone; the code is in a header."""
    status, headers, body = error_response(errors.LIMIT_CONNECTIONS)

    assert status == 503
    assert body == b"The server has too many connections. Please try again.\n"
    assert headers == [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"x-serverkit-error-code", b"SERVERKIT_LIMIT_CONNECTIONS"),
        (b"retry-after", b"5"),
    ]


def test_the_response_tells_more_in_debug() -> None:
    """In debug the body also has the code and the hint, and its length is right."""
    _, headers, body = error_response(errors.APP_NO_RESPONSE, debug=True)

    assert body == (
        b"The application did not respond.\n\n"
        b"SERVERKIT_APP_NO_RESPONSE: It returned without sending http.response.start.\n"
    )
    assert dict(headers)[b"content-length"] == b"%d" % len(body)
    assert b"retry-after" not in dict(headers)


def test_a_body_of_its_own_gets_the_same_headers() -> None:
    """The debug page comes with the code too."""
    response = text_error_response(APP_ERROR, b"text/html", b"<p>")

    assert response == (
        500,
        [
            (b"content-type", b"text/html"),
            (b"content-length", b"3"),
            (ERROR_CODE_HEADER, b"SERVERKIT_APP_ERROR"),
        ],
        b"<p>",
    )


@pytest.mark.parametrize("status", [400, 414, 431, 501, 505])
def test_a_protocol_error_brings_its_own_answer(status: int) -> None:
    """Code and status come from the error; its message is shown in debug only."""
    error = RemoteProtocolError("no token: '\xe9\ud800'", "SERVERKIT_PARSE_BAD_METHOD", status)

    reply = reply_to_protocol_error(error)

    assert (reply.code, reply.status) == ("SERVERKIT_PARSE_BAD_METHOD", status)
    assert b"token" not in error_response(reply).body
    assert "no token: '\xe9?'".encode() in error_response(reply, debug=True).body


def test_a_wrong_message_is_named_with_the_right_one() -> None:
    """The application's author reads what was expected and what came."""
    error = ASGIMessageError("http.response.start", "http.response.body")

    assert isinstance(error, RuntimeError)
    assert str(error) == "expected http.response.start, the application sent http.response.body"


def test_the_exceptions_can_be_sent_to_another_process() -> None:
    """What a child raises arrives whole in its parent."""
    wrong = pickle.loads(pickle.dumps(ASGIMessageError("a", "b")))
    gone = pickle.loads(pickle.dumps(ClientDisconnected("the client left")))

    assert (wrong.expected, wrong.received, str(wrong)) == (
        "a",
        "b",
        "expected a, the application sent b",
    )
    assert isinstance(gone, OSError)
    assert str(gone) == "the client left"


def codes_in_source() -> set[str]:
    """Every code that proto and worker have in their source."""
    sources = (ROOT / "packages").glob("[pw]*/src/*/**/*.py")
    return {code for path in sources for code in re.findall(rf'"({CODE})"', path.read_text())}


def documented() -> list[tuple[str, str]]:
    """The code and the status of each row of the catalogue, in its order."""
    row = re.compile(rf"^\| `({CODE})` \| (\d{{3}}|-) \| .+ \|$", re.MULTILINE)
    return row.findall(CATALOGUE.read_text())


def test_every_code_is_documented_and_every_documented_code_exists() -> None:
    """The catalogue has each code of the source once, and no other."""
    codes = [code for code, _ in documented()]

    assert set(codes) == codes_in_source()
    assert len(codes) == len(set(codes))


def test_the_catalogue_has_the_status_of_the_tables() -> None:
    """What the catalogue says of a code is what a client gets."""
    statuses = {code: reply.status for code, reply in ERROR_REPLIES.items()}
    statuses |= {code: refusal.status for code, refusal in REFUSALS.items()}

    found = {code: int(status) for code, status in documented() if status != "-"}

    assert found == statuses | {"SERVERKIT_PARSE_MALFORMED": 400}
