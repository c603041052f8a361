"""One WebSocket on a connection of its own: bytes of a client in, messages of an application out.

Whatever a read completes is delivered within `data_received`.

Rules:
    Nothing has a timer of its own: `expire` looks at what is due.
    Messages are answered before the end that follows them in the same read: a close frame or an
    error is acted on when the application, woken, has had its turn of the loop.
    What waits for the application is bounded: nothing is delivered while its queue is full, and
    nothing read from when something has to wait behind it until all of that has been delivered.

Source: RFC 6455 sections 5.5 and 7.
"""

from serverkit_proto.errors import WebSocketError
from serverkit_proto.websocket import CloseReceived, MessageReceived
from serverkit_proto.websocket_deflate import DeflateParameters
from serverkit_worker.client_transport import ClientTransport
from serverkit_worker.deadlines import NEVER, DrainReason
from serverkit_worker.observation import ConnectionObserver
from serverkit_worker.serving import Serving
from serverkit_worker.websocket_endings import (
    ABORTED,
    BROKEN_BY_CLIENT,
    CLIENT_CLOSED,
    DRAINED,
    IDLE,
    LOST,
    NOT_READING,
    PING_TIMEOUT,
)
from serverkit_worker.websocket_exchange import WebSocketExchange
from serverkit_worker.websocket_output import CLOSED, CLOSING, OPEN, WebSocketOutput


class WebSocketConnection(WebSocketOutput):
    """Carries the WebSocket of one client.

    Owner: the worker's loop thread.
    """

    __slots__ = ("_end_due", "_heard", "_next_ping", "_pong_deadline")

    def __init__(
        self,
        serving: Serving,
        exchange: WebSocketExchange,
        deflate: DeflateParameters | None,
        client: ClientTransport,
        observer: ConnectionObserver | None,
        received: bytes,
    ) -> None:
        """Take over a connection whose 101 is written.

        Args:
            serving: of the worker.
            exchange: has been accepted.
            deflate: what the handshake has agreed on.
            client: the transport.
            observer: is told what happens, if anybody listens.
            received: what the client has sent behind its handshake.
        """
        super().__init__(serving, exchange, deflate, client, observer)
        self._proto.holds_answer = True
        self._end_due: CloseReceived | WebSocketError | None = None  # What waits for a turn.
        self._heard = True  # Something has come since the last ping.
        self._next_ping = serving.sweep.now + serving.timeouts.websocket_ping_interval_s
        self._pong_deadline = NEVER
        self._set_deadline()
        client.transport.set_protocol(self)
        serving.keep(self)
        if observer is not None:
            observer.upgraded(exchange)
        if client.write_paused:
            self._watch_client_read()
        client.resume_reading()
        if received:
            self.data_received(received)
        if serving.draining:
            self._close(DRAINED)

    # What the transport calls

    def data_received(self, data: bytes) -> None:
        """Take bytes of the client, and deliver the messages that they complete."""
        self._heard = True
        self._proto.receive_data(data)
        self._pump()
        if self._phase is not CLOSED and self._exchange.full and self._proto.buffered:
            self._client.pause_reading()

    def eof_received(self) -> bool:
        """Learn that the client sends no more: without a close frame before it, that is a loss.

        Returns:
            Whether the transport stays open for writing: it does not.
        """
        self._end()  # Its answer may still be read.
        self._lose()
        return False

    def pause_writing(self) -> None:
        """Let `send` wait: the client reads more slowly than the application writes."""
        self._client.write_paused = True
        self._watch_client_read()

    def resume_writing(self) -> None:
        """Let `send` go on."""
        self.write_deadline = NEVER
        if self._phase is CLOSED:
            self._watch_client_read()  # It has to read the rest as well.
        self._client.resume_writing()
        self._flush()  # Pongs that have waited, the latest of them.

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        """Forget the connection; an application under way is told."""
        self._serving.forget(self)
        self._client.break_down()
        self._lose()

    # From bytes to messages

    def _pump(self) -> None:
        """Act on all that the protocol makes of the bytes received, up to a full queue."""
        has_turn = False  # The application is given messages, and may answer to them.
        exchange = self._exchange
        next_event = self._proto.next_event
        try:
            while not exchange.full and (event := next_event()) is not None:
                if type(event) is MessageReceived:
                    if self._ending is None:  # Behind our close frame nobody wants any.
                        self._last_message = self._sweep.now
                        exchange.deliver(event.data)
                        has_turn = True
                elif type(event) is CloseReceived:
                    self._end_due = event
        except WebSocketError as error:
            self._end_due = error
        if self._end_due is not None:
            self._end_soon(has_turn=has_turn)
        elif self._is_lost and not exchange.full:
            exchange.peer_gone()
        if self._proto.has_pongs and not (self._flush_due or self._client.write_paused):
            self._write(self._proto.data_to_send())

    def _end_soon(self, *, has_turn: bool) -> None:
        """Act on the end that the client has made, behind the application if that has a turn."""
        if has_turn and not self._is_lost:
            self._serving.loop.call_soon(self._end)
        else:
            self._end()

    def _end(self) -> None:
        """Act on the end that the client has made, once."""
        due, self._end_due = self._end_due, None
        if due is None:
            return
        self._proto.answer()
        if isinstance(due, CloseReceived):
            self._client_closed(due)
        else:
            self._client_broke(due)

    def _client_closed(self, event: CloseReceived) -> None:
        """Close the connection behind a close frame, which the protocol has answered."""
        self._exchange.disconnect(event.code, event.reason)
        self._cancel_left()
        self._finish(self._ending or CLIENT_CLOSED)

    def _client_broke(self, error: WebSocketError) -> None:
        """Tell a client that has broken the protocol, and may go on sending."""
        self._exchange.disconnect(error.close_code, error.reason)
        self._cancel_left()
        self._finish(self._ending or BROKEN_BY_CLIENT[error.close_code], still_sends=True)

    def _lose(self) -> None:
        """Let go of a connection that is lost; what has come before is still delivered."""
        if not self._is_lost:
            self._is_lost = True
            self._end()
            if self._set_closed(self._ending or LOST):
                self._exchange.lose()
                self._cancel_left()
            self._pump()

    # What the exchange calls, see WebSocketOutput

    def read_on(self) -> None:
        """Deliver what has waited, and read again, behind all others whose turn it is.

        Else an application that never waits for anything would take all that one read can hold.
        """
        self._serving.loop.call_soon(self._read_on)

    def _read_on(self) -> None:
        self._pump()
        if not self._exchange.full and self._phase is not CLOSED:
            self._client.resume_reading()

    # Deadlines and drain

    def expire(self) -> None:
        """Do what is due. Called by the sweep."""
        if self.write_deadline <= self._sweep.now:
            self._expire_write()
        elif self._phase is CLOSING:
            self._expire_close()
        elif self._phase is OPEN:
            self._expire_open()

    def _expire_open(self) -> None:
        """Give up a client that is silent, or idle; ask another one whether it is there."""
        now, timeouts = self._sweep.now, self._serving.timeouts
        if self._pong_deadline <= now:
            if not self._is_silent():
                self._pong_deadline = NEVER
            elif self._client.has_more():  # The loop has only not come to it yet.
                self._pong_deadline = now + timeouts.tick_s
            else:
                self._give_up()
                return
        if self._last_message + timeouts.websocket_idle_s <= now:
            self._close(IDLE)
            return
        if self._next_ping <= now:
            self._next_ping = now + timeouts.websocket_ping_interval_s
            if not self._is_silent():
                self._heard = False
                self._pong_deadline = now + timeouts.websocket_ping_timeout_s
            self._proto.ping()
            self._flush()
        self._set_deadline()

    def _is_silent(self) -> bool:
        """Return whether an answer to a ping could have come, and nothing has."""
        return not (self._heard or self._client.read_paused)

    def _give_up(self) -> None:
        """Close the connection of a client that has not answered to a ping."""
        self._proto.close(PING_TIMEOUT.sent or 0, PING_TIMEOUT.reason)
        self._exchange.peer_gone()
        self._cancel_left()
        self._finish(PING_TIMEOUT)

    def _expire_close(self) -> None:
        """Wait no longer for a close frame, unless the client has to read much before ours."""
        if self._client.unsent_bytes:
            if self.write_deadline == NEVER:
                self._watch_client_read()
            self.deadline = self._sweep.now + self._serving.timeouts.websocket_close_s
        elif self._ending is not None:
            self._exchange.peer_gone()
            self._finish(self._ending)

    def _expire_write(self) -> None:
        """Reset a client that does not read, or hardly; let one that reads go on."""
        self.write_deadline = NEVER
        if self._client.unsent_bytes:
            if self._client.has_read(self._serving.timeouts.least_read_bytes):
                self._watch_client_read()
            else:
                self._cancel_left()
                self._reset(NOT_READING)

    def _set_deadline(self) -> None:
        idle = self._last_message + self._serving.timeouts.websocket_idle_s
        self.deadline = min(self._next_ping, self._pong_deadline, idle)

    def start_draining(self, reason: DrainReason) -> None:  # noqa: ARG002  the same for both
        """Close, and tell the application; what it still has to do is not cut off."""
        self._close(DRAINED)

    def abort(self) -> None:
        """Close at once, whatever is under way."""
        self._exchange.peer_gone()
        self._reset(ABORTED)
