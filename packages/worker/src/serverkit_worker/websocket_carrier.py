"""What the exchange of a WebSocket needs of whatever carries it: the seam to RFC 6455.

The connection of HTTP/1.1 becomes one by a 101; a stream of a later version of HTTP would be
another.
"""

from collections.abc import Iterable
from typing import Protocol


class WebSocketCarrier(Protocol):
    """What an exchange needs of the connection, or the stream of one, that carries the WebSocket.

    Threads: the loop thread only.
    """

    def send_message(self, data: str | bytes, *, more: bool) -> bool:
        """Send a message.

        Args:
            data: text or binary.
            more: there are messages that the application can take at once, and may answer.

        Returns:
            Whether to wait in `drained` before the next one.

        Raises:
            LocalProtocolError: the text cannot be encoded; nothing of it was sent.
        """

    async def drained(self) -> None:
        """Wait until more may be sent: the client has read enough, and others had their turn.

        Raises:
            ClientDisconnected: it never will.
        """

    def read_on(self) -> None:
        """Deliver again: the queue that was full has room."""

    def close(self, code: int, reason: str) -> None:
        """Close, as the application asks for.

        Raises:
            LocalProtocolError: the code must not be sent; the WebSocket stays open.
        """

    def end(self, exc: BaseException | None) -> None:
        """Close behind an application that has returned without closing, or has raised `exc`."""


class Upgrade(Protocol):
    """What turns the request of a handshake into a WebSocket. Threads: the loop thread only."""

    def accept(
        self, subprotocol: str | None, fields: Iterable[tuple[bytes, bytes]]
    ) -> WebSocketCarrier:
        """Accept the handshake.

        Raises:
            LocalProtocolError: subprotocol or fields are not allowed; nothing was sent.
            ClientDisconnected: the client is gone.
        """

    def deny(self) -> None:
        """Note that the application denies by a response, for which it may take its time."""
