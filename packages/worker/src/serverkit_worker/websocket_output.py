"""The outgoing half of a WebSocket on a connection of its own: messages, and how it all ends.

Rules:
    Whoever closes, both ends send a close frame, and then we close the connection first.
    What the application sends is written at once, or once per turn of the loop while more messages
    wait for it.

Source: RFC 6455 section 7.
"""

import abc
import asyncio
import enum
from typing import Final

from serverkit_proto.websocket import WebSocket
from serverkit_proto.websocket_deflate import DeflateParameters
from serverkit_worker.client_transport import ClientTransport
from serverkit_worker.deadlines import NEVER
from serverkit_worker.errors import ClientDisconnected
from serverkit_worker.lingering import LingeringConnection
from serverkit_worker.observation import ConnectionObserver
from serverkit_worker.serving import Serving
from serverkit_worker.websocket_endings import APP_CLOSED, APP_FAILED, APP_RETURNED, Ending
from serverkit_worker.websocket_exchange import WebSocketExchange

# So much is gathered of messages that answer to messages that wait, before it is written.
GATHER_BYTES: Final = 65_536


class WebSocketPhase(enum.Enum):
    """How far a WebSocket is."""

    OPEN = "open"
    CLOSING = "closing: our close frame is sent, the client's is awaited"
    CLOSED = "closed: the connection is closed as soon as all is sent"


OPEN: Final = WebSocketPhase.OPEN
CLOSING: Final = WebSocketPhase.CLOSING
CLOSED: Final = WebSocketPhase.CLOSED


class WebSocketOutput(asyncio.Protocol, abc.ABC):
    """The `WebSocketCarrier` of one exchange, but for the incoming half, which is a subclass.

    Owner: the worker's loop thread.

    Attributes:
        deadline: loop time in seconds at which to look what is due.
        write_deadline: loop time by which the client must have read some of what waits for it.
        requests_served: the handshake, which has been answered.
    """

    __slots__ = (
        "_client",
        "_ending",
        "_exchange",
        "_flush_due",
        "_gathered_bytes",
        "_is_lost",
        "_last_message",
        "_observer",
        "_phase",
        "_proto",
        "_serving",
        "_sweep",
        "deadline",
        "requests_served",
        "write_deadline",
    )

    def __init__(
        self,
        serving: Serving,
        exchange: WebSocketExchange,
        deflate: DeflateParameters | None,
        client: ClientTransport,
        observer: ConnectionObserver | None,
    ) -> None:
        self._serving = serving
        self._sweep = serving.sweep
        self._exchange = exchange
        self._proto = WebSocket(serving.config.proto, deflate)
        self._client = client
        self._observer = observer
        self._phase = OPEN
        self._ending: Ending | None = None  # Why we have sent a close frame.
        self._is_lost = False
        self._flush_due = False
        self._gathered_bytes = 0
        self._last_message = serving.sweep.now
        self.requests_served = 1
        self.deadline = NEVER
        self.write_deadline = NEVER

    # What the exchange calls: websocket_carrier.WebSocketCarrier

    def send_message(self, data: str | bytes, *, more: bool) -> bool:
        """Send a message; return whether to wait in `drained`."""
        self._proto.send_message(data)
        self._last_message = self._sweep.now
        client = self._client
        if more:
            self._gathered_bytes += len(data)
            if self._gathered_bytes < GATHER_BYTES and not client.write_paused:
                if not self._flush_due:
                    self._flush_due = True
                    self._serving.loop.call_soon(self._flush)
                return False
        if self._observer is None and not more:
            client.write(self._proto.data_to_send())
        else:
            self._flush()
        return client.must_wait(len(data))

    async def drained(self) -> None:
        """Wait until the client has read enough, and others had their turn.

        Raises:
            ClientDisconnected: it never will, though the loop may not have told yet.
        """
        try:
            await self._client.drained()
        except ClientDisconnected:
            self._exchange.lose()
            raise

    def close(self, code: int, reason: str) -> None:
        """Close for the application."""
        self._proto.close(code, reason)
        self._await_close(APP_CLOSED)

    def end(self, exc: BaseException | None) -> None:
        """Close behind an application that has ended."""
        if exc is None:
            self._close(APP_RETURNED)
        else:
            debug = self._serving.config.debug
            self._close(APP_FAILED, reason=f"{type(exc).__name__}: {exc}" if debug else "")

    def _flush(self) -> None:
        """Write what is to be sent."""
        self._flush_due = False
        self._gathered_bytes = 0
        self._write(self._proto.data_to_send())

    def _write(self, buffers: list[bytes]) -> None:
        if buffers and not self._is_lost:
            if self._observer is not None:
                self._exchange.bytes_sent += sum(map(len, buffers))
            self._client.write(buffers)

    @abc.abstractmethod
    def _pump(self) -> None:
        """Act on what has been received."""

    # How it ends

    def _cancel_left(self) -> None:
        """Cancel the application, if it is configured so and the client has left first."""
        task = self._exchange.task
        if self._ending is None and self._serving.config.cancel_on_disconnect and task is not None:
            task.cancel()

    def _close(self, ending: Ending, *, reason: str = "") -> None:
        """Send a close frame and await the client's; the application is told, if it is to be."""
        if self._phase is not OPEN:
            return
        reason = reason or ending.reason
        self._proto.close(ending.sent or 1000, reason)
        if ending.told is not None:
            self._exchange.disconnect(ending.told, reason)
        self._await_close(ending)

    def _await_close(self, ending: Ending) -> None:
        """Read on until the client's close frame comes, but not for long."""
        self._flush()
        self._phase = CLOSING
        self._ending = ending
        self.deadline = self._sweep.now + self._serving.timeouts.websocket_close_s
        if self._client.unsent_bytes and self.write_deadline == NEVER:
            self._watch_client_read()
        self._exchange.full = False  # Nothing is delivered any more.
        self._client.resume_reading()
        self._pump()

    def _finish(self, ending: Ending, *, still_sends: bool = False) -> None:
        """Close the connection once all is sent."""
        self._flush()
        if not self._set_closed(ending):
            return
        client = self._client
        client.break_down()
        if self._is_lost:
            return
        if still_sends or client.has_more():
            self._serving.forget(self)
            LingeringConnection(self._serving, client.transport)
            return
        if client.unsent_bytes:
            self._watch_client_read()
        client.transport.close()

    def _reset(self, ending: Ending) -> None:
        """Close at once."""
        self._exchange.lose()
        self._set_closed(ending)
        self._client.reset()

    def _set_closed(self, ending: Ending) -> bool:
        """Wait for nothing any more; return whether this was news."""
        if self._phase is CLOSED:
            return False
        self._phase = CLOSED
        self.deadline = self.write_deadline = NEVER
        if self._observer is not None:
            self._observer.websocket_ended(self._exchange, ending.stream)
            self._observer.closed(ending.connection)
        return True

    def _watch_client_read(self) -> None:
        """Give the client a while to read some of what waits for it."""
        self.write_deadline = self._sweep.now + self._serving.timeouts.write_s
        self._client.note_unread()
