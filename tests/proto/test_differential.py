"""What we accept, h11 accepts too, with the same meaning."""

from typing import NamedTuple

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


class Reading(NamedTuple):
    """What is compared of a request."""

    method: bytes
    target: bytes
    version: bytes
    fields: list[tuple[bytes, bytes]]
    body: bytes
    trailers: tuple[tuple[bytes, bytes], ...]


def read_with_h11(data: bytes, count: int) -> list[Reading]:
    """Let h11 read as many requests, each with a new connection of h11."""
    readings = []
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
        assert isinstance(event, h11.EndOfMessage)
        readings.append(
            Reading(
                request.method,
                request.target,
                request.http_version,
                list(request.headers),
                body,
                tuple(event.headers),
            )
        )
        data = connection.trailing_data[0]
    return readings


def as_h11_gives_it(message: Message) -> Reading:
    """Take the named differences out of what we read."""
    request = message.request
    fields = [
        (name, value.lower() if name == b"transfer-encoding" else value)
        for name, value in request.headers
    ]
    return Reading(
        request.method.encode(),
        request.target,
        request.http_version.encode(),
        fields,
        message.body,
        message.trailers,
    )


def without_host(reading: Reading) -> Reading:
    """Leave out the field that a target in absolute form replaces."""
    return reading._replace(fields=[field for field in reading.fields if field[0] != b"host"])


@given(data=ANY)
def test_what_we_accept_h11_accepts(data: bytes) -> None:
    """Method, target, version, fields, body and trailers are the same, but for named exceptions."""
    outcome, _ = drive([data], ProtoConfig())
    complete = [message for message in outcome.messages if message.complete]
    theirs = read_with_h11(data, len(complete))
    for our, their in zip(map(as_h11_gives_it, complete), theirs, strict=True):
        if our.target.startswith((b"/", b"*")):
            assert our == their
        else:
            assert without_host(our) == without_host(their)


def test_the_exceptions_are_named() -> None:
    """The list is what a reader looks for; each entry is shown to be true here."""
    assert len(NAMED_EXCEPTIONS) == 4
    ours, _ = drive([b"\r\nGET http://b/ HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"])
    assert (b"host", b"b") in ours.only.request.headers
    theirs = read_with_h11(b"\r\nGET http://b/ HTTP/1.0\r\nHost: a\r\n\r\n", 1)
    assert (b"host", b"a") in theirs[0].fields
