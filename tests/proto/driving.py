"""Drives a connection with byte strings and answers each request, as a server would."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from serverkit_proto.config import ProtoConfig
from serverkit_proto.connection import HTTPConnection, new_connection
from serverkit_proto.errors import RemoteProtocolError
from serverkit_proto.events import BodyReceived, RequestReceived
from serverkit_proto.response import ResponseHead, ResponseHeads

HEADS = ResponseHeads(server=None)
OK = HEADS.make(200, [(b"content-length", b"2")])
UNDECLARED = HEADS.make(200, [])
FAST = ProtoConfig()


@dataclass
class Message:
    """A request with all that came of its body."""

    request: RequestReceived
    body: bytes = b""
    trailers: tuple[tuple[bytes, bytes], ...] = ()
    complete: bool = False


@dataclass
class Outcome:
    """What a connection made of what it was fed."""

    messages: list[Message] = field(default_factory=list)
    error: RemoteProtocolError | None = None
    sent: bytes = b""

    @property
    def code(self) -> str | None:
        """The code of the error, without its prefix."""
        return None if self.error is None else self.error.code.removeprefix("SERVERKIT_PARSE_")

    @property
    def only(self) -> Message:
        """The one message."""
        assert self.error is None
        (message,) = self.messages
        return message


def octets(data: bytes) -> Iterator[bytes]:
    """Yield the bytes one at a time."""
    for position in range(len(data)):
        yield data[position : position + 1]


def drive(
    pieces: Iterable[bytes], config: ProtoConfig = FAST, *, eof: bool = False
) -> tuple[Outcome, HTTPConnection]:
    """Feed the pieces, answer each complete request with 200, stop at an error."""
    connection = new_connection(config)
    outcome = Outcome()
    for piece in pieces:
        connection.receive_data(piece)
        if not take(connection, outcome):
            return outcome, connection
    if eof:
        connection.receive_eof()
        take(connection, outcome)
    return outcome, connection


def take(connection: HTTPConnection, outcome: Outcome) -> bool:
    """Take all events that are there; say whether no error was among them."""
    try:
        while (event := connection.next_event()) is not None:
            note(event, outcome)
            if outcome.messages[-1].complete:
                connection.send_response(OK, b"ok")
                outcome.sent += b"".join(connection.data_to_send())
    except RemoteProtocolError as error:
        outcome.error = error
        return False
    return True


def note(event: RequestReceived | BodyReceived, outcome: Outcome) -> None:
    """Put an event where it belongs, and check that it has the types it promises."""
    if isinstance(event, RequestReceived):
        for part in (event.target, event.raw_path, event.query_string):
            assert type(part) is bytes
        assert all(type(part) is bytes for pair in event.headers for part in pair)
        outcome.messages.append(Message(event, complete=event.end))
        return
    message = outcome.messages[-1]
    assert not message.complete
    assert type(event.data) is bytes
    message.body += event.data
    message.trailers += event.trailers
    message.complete = not event.more


def ready(data: bytes, config: ProtoConfig = FAST) -> HTTPConnection:
    """Return a connection that has read one request, whose events are taken."""
    connection = new_connection(config)
    connection.receive_data(data)
    while connection.next_event() is not None:
        pass
    return connection


def sent(connection: HTTPConnection) -> bytes:
    """Return what the connection wants written."""
    return b"".join(connection.data_to_send())


def head(status: int, *fields: tuple[bytes, bytes]) -> ResponseHead:
    """Return a response head."""
    return HEADS.make(status, fields)
