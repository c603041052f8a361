"""What the worker drives, whatever engine is behind it."""

from typing import Protocol

from serverkit_proto.config import ProtoConfig
from serverkit_proto.events import Event
from serverkit_proto.http1 import Http1Connection
from serverkit_proto.response import Fields, InformationalHead, ResponseHead


class HTTPConnection(Protocol):
    """The server's side of one connection: bytes in, events out; responses in, bytes out.

    The order of steps is always: receive_data, next_event until it gives None, answer,
    data_to_send, and next_event again once the response is complete (a pipelined request may
    wait).

    Threads: one owner at a time.
    """

    def receive_data(self, data: bytes) -> None:
        """Take what was read. Only buffers it; how much may wait is the caller's to bound."""

    def receive_eof(self) -> None:
        """Take note that the peer sends no more."""

    def next_event(self) -> Event | None:
        """Give what came next.

        Returns:
            None when more data is needed, or the current response is not complete yet, or
            nothing is read any more.

        Raises:
            RemoteProtocolError: The peer broke the protocol. From then on nothing is read; one
                response may be sent if the error's recovery says so.
        """

    @property
    def buffered(self) -> int:
        """How many bytes have been received and not been made events."""

    @property
    def head_bytes_seen(self) -> bool:
        """Whether a request head has begun to come and is not complete."""

    @property
    def body_remaining(self) -> int | None:
        """How much of a body of declared length is still to come; None for a chunked one."""

    @property
    def keep_alive(self) -> bool:
        """Whether the connection may go on after this response."""

    @property
    def response_started(self) -> bool:
        """Whether the head of the response to the last request has been sent."""

    @property
    def response_complete(self) -> bool:
        """Whether the response to the last request has been sent."""

    @property
    def response_truncated(self) -> bool:
        """Whether the last response ended before its declared length."""

    def send_continue(self) -> None:
        """Send 100 (Continue), once, if the client still waits for it."""

    def send_informational(self, head: InformationalHead) -> None:
        """Send an interim response; nothing to an HTTP/1.0 client.

        Raises:
            LocalProtocolError: The response has been started already, or there is no request.
        """

    def send_response(self, head: ResponseHead, body: bytes, *, close: bool = False) -> None:
        """Send a complete response, with a Content-Length added if it has none.

        Also without a request if the connection closes with it: for a head that came too late.

        Raises:
            LocalProtocolError: A response has been started already, or there is no request, or
                the body is longer than declared. Nothing is sent then.
        """

    def start_response(
        self, head: ResponseHead, *, trailers: bool = False, close: bool = False
    ) -> None:
        """Send a response head; send_body sends the body.

        Raises:
            LocalProtocolError: A response has been started already, or there is no request.
        """

    def send_body(self, data: bytes, *, more: bool) -> None:
        """Send a piece of the body; `more=False` ends it.

        Raises:
            LocalProtocolError: The body is longer than declared, or there is no response.
        """

    def send_trailers(self, trailers: Fields) -> None:
        """Send the trailers and end the response; dropped where the body is not chunked.

        Raises:
            LocalProtocolError: There is no response to have trailers.
        """

    def switch_protocols(self, head: InformationalHead) -> bytes:
        """End HTTP on this connection: send a 101, instead of the response to the last request.

        Args:
            head: What accept_head gave.

        Returns:
            What has come after the request. Nothing is read any more.

        Raises:
            LocalProtocolError: The response has been started already, or there is no request, or
                it is not complete. Nothing is sent then.
        """

    def data_to_send(self) -> list[bytes]:
        """Take the bytes to write now, in order: small ones joined, large ones not copied."""

    def set_close(self) -> None:
        """Close after the current or the next response, and say so in its head."""


def new_connection(config: ProtoConfig) -> HTTPConnection:
    """Make the server's side of a new HTTP/1 connection, read by the configured engine."""
    if config.http1 == "fast":
        return Http1Connection(config)
    from serverkit_proto.http1_h11 import H11Connection  # noqa: PLC0415  # loaded where asked for

    return H11Connection(config)
