"""What an exchange needs of whatever carries its response: the seam between ASGI and HTTP.

The connection of HTTP/1.1 is one; a stream of a later version of HTTP would be another.
"""

from typing import Protocol

from serverkit_proto.response import ResponseHead
from serverkit_worker.errors import ErrorReply


class ResponseStream(Protocol):
    """The connection, or the stream of one, that carries the response to one request.

    Its methods raise LocalProtocolError for what would break HTTP, such as a body longer than
    declared; nothing of it is sent then.

    Threads: the loop thread only.
    """

    def respond(self, head: ResponseHead, body: bytes) -> None:
        """Send the complete response."""

    def start_response(self, head: ResponseHead, *, trailers: bool) -> None:
        """Prepare the head, which leaves together with the first bytes of the body.

        Args:
            head: of the response.
            trailers: `send_trailers` will end the response.
        """

    def send_body(self, data: bytes, *, more: bool) -> bool:
        """Send a part of the body; without `more` and without trailers the response is complete.

        Returns:
            Whether to wait in `drained` before the next part.

        Raises:
            ClientDisconnected: the client is gone.
        """

    def send_trailers(self, trailers: tuple[tuple[bytes, bytes], ...]) -> None:
        """Send the trailers, which complete the response."""

    def send_early_hint(self, fields: list[tuple[bytes, bytes]]) -> None:
        """Send a 103 response at once."""

    async def drained(self) -> None:
        """Wait until more may be sent: the client has read enough, and others had their turn.

        Raises:
            ClientDisconnected: it never will.
        """

    def body_awaited(self) -> None:
        """Note that the application waits for the request's body."""

    def body_taken(self, size: int) -> None:
        """Note that the application has been given `size` bytes of the request's body."""

    def fail(self, reply: ErrorReply, exc: BaseException | None) -> None:
        """Answer with an error where nothing was sent yet, else cut the response off.

        Args:
            reply: what to answer.
            exc: what the application has raised; None where it has only returned early.
        """
