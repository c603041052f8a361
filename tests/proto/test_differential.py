"""What we accept, h11 accepts too, with the same meaning."""

import h11
from hypothesis import given

from serverkit_proto.config import ProtoConfig
from tests.proto.driving import Message, drive
from tests.proto.streams import ANY

# Where h11 and we differ on purpose. Each is a function below or named in one.
NAMED_EXCEPTIONS = (
    "h11 refuses empty lines before a request line; we skip some (RFC 9112 section 2.2)",
    "h11 ends every HTTP/1.0 connection; we go on after `Connection: keep-alive`",
    "h11 gives the Transfer-Encoding in lower case; we give it as sent",
    "h11 leaves the Host alone when the target names one; we replace it (section 3.2.2)",
)


def read_with_h11(data: bytes, count: int) -> list[Message]:
    """Let h11 read as many requests, each with a new connection of h11."""
    messages: list[Message] = []
    for _ in range(count):
        while data.startswith(b"\r\n"):
            data = data[2:]
        connection = h11.Connection(h11.SERVER, 1_000_000)
        connection.receive_data(data)
        request = connection.next_event()
        assert isinstance(request, h11.Request)
        body = b""
        while isinstance(event := connection.next_event(), h11.Data):
            body += event.data
        trailers = tuple(event.headers) if isinstance(event, h11.EndOfMessage) else ()
        messages.append(Message(request, body, trailers, isinstance(event, h11.EndOfMessage)))  # type: ignore[arg-type]
        data = connection.trailing_data[0]
    return messages


def without_coding_case(headers: object) -> list[tuple[bytes, bytes]]:
    """Return the fields as h11 gives them."""
    return [
        (name, value.lower() if name == b"transfer-encoding" else value)
        for name, value in headers  # type: ignore[attr-defined]
    ]


@given(data=ANY)
def test_what_we_accept_h11_accepts(data: bytes) -> None:
    """Method, target, version, fields, body and trailers are the same, but for named exceptions."""
    outcome, _ = drive([data], ProtoConfig())
    complete = [message for message in outcome.messages if message.complete]
    for ours, theirs in zip(complete, read_with_h11(data, len(complete)), strict=True):
        assert ours.request.method.encode() == theirs.request.method  # type: ignore[comparison-overlap]
        assert ours.request.target == theirs.request.target
        assert ours.request.http_version.encode() == theirs.request.http_version  # type: ignore[comparison-overlap]
        fields = without_coding_case(ours.request.headers)
        expected = list(theirs.request.headers)
        if not ours.request.target.startswith((b"/", b"*")):
            fields = [field for field in fields if field[0] != b"host"]
            expected = [field for field in expected if field[0] != b"host"]
        assert fields == expected
        assert (ours.body, ours.trailers, ours.complete) == (
            theirs.body,
            theirs.trailers,
            theirs.complete,
        )


def test_the_exceptions_are_named() -> None:
    """The list is what a reader looks for; each entry is shown to be true here."""
    assert len(NAMED_EXCEPTIONS) == 4
    ours, _ = drive([b"\r\nGET http://b/ HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"])
    assert (b"host", b"b") in ours.only.request.headers
    theirs = read_with_h11(b"\r\nGET http://b/ HTTP/1.0\r\nHost: a\r\n\r\n", 1)
    assert (b"host", b"a") in list(theirs[0].request.headers)
