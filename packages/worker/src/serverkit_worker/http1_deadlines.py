"""The deadlines of an HTTP/1.1 connection, and its end where the worker wants it.

Source: RFC 9110 section 15.5.9 (408).
"""

from serverkit_proto.events import RequestReceived
from serverkit_worker.asgi import ASGIApp
from serverkit_worker.deadlines import NEVER, DrainReason
from serverkit_worker.errors import TIMEOUT_HANDLER, TIMEOUT_REQUEST_BODY, TIMEOUT_REQUEST_HEAD
from serverkit_worker.http1_output import HTTP1Output
from serverkit_worker.phases import BODY, HEAD, IDLE
from serverkit_worker.serving import Serving


class HTTP1Deadlines(HTTP1Output):
    """What a connection does when somebody has waited long enough: itself, or the worker.

    Owner: the worker's loop thread.
    """

    __slots__ = ("_unasked",)

    def __init__(self, serving: Serving, app: ASGIApp) -> None:
        super().__init__(serving, app)
        self._unasked = False  # The client waits to be asked for the body.

    def expire(self) -> None:
        """Act on a deadline that has passed. Called by the sweep."""
        if self.write_deadline <= self._serving.sweep.now:
            self._expire_write()
        elif self.phase is HEAD and self._proto.head_bytes_seen:
            self._cut_off(TIMEOUT_REQUEST_HEAD)
        elif self.phase is HEAD or self.phase is IDLE:
            self._expire_idle()
        elif self.phase is BODY and self._exchange is None:
            self._linger("timeout")
        elif self.phase is BODY and not (self._client.read_paused or self._unasked):
            self._cut_off(TIMEOUT_REQUEST_BODY)
        else:
            self._expire_handler()

    def _expire_handler(self) -> None:
        """Answer for an application that takes too long, and cancel it."""
        exchange = self._exchange
        task = exchange.task if exchange is not None else None
        self._cut_off(TIMEOUT_HANDLER if exchange is None else exchange.timeout_reply)
        if task is not None:
            task.cancel()

    def _expire_write(self) -> None:
        """Reset a client that does not read, or hardly; let one that reads go on."""
        self.write_deadline = NEVER
        if self._client.unsent_bytes:
            if self._client.has_read(self._serving.timeouts.least_read_bytes):
                self._watch_client_read()
            else:
                self._reset("write_timeout")
        elif self.phase is IDLE and self.deadline == NEVER:
            self._close("timeout")

    def _expire_idle(self) -> None:
        """Close, but not while the last response is not read: that has its own deadline."""
        if self._client.unsent_bytes:
            self.deadline = NEVER
            if self.write_deadline == NEVER:
                self._watch_client_read()
        elif self._client.has_more():  # The loop has only not come to it yet.
            self.deadline = self._serving.sweep.now + self._serving.timeouts.tick_s
        else:
            self._close("timeout")

    def _has_pipelined(self, request: RequestReceived) -> bool:
        """Return whether its client has sent another request behind it already."""
        return request.end and self._proto.buffered > 0

    def start_draining(self, reason: DrainReason) -> None:
        """Answer the last request that is here with `Connection: close`; close soon without any.

        What a client has sent before it could know is still read and answered: hence a moment of
        grace, also behind a response whose head has left already. An application that streams is
        told to come to an end by `http.disconnect`.
        """
        now, timeouts = self._serving.sweep.now, self._serving.timeouts
        exchange = self._exchange
        if exchange is not None:
            if not (self._proto.response_started or self._has_pipelined(exchange.request)):
                self._proto.set_close()
            if exchange.streaming:
                exchange.peer_left()
        elif self.phase is IDLE:
            self.deadline = min(self.deadline, now + timeouts.keep_alive_s)
        elif self.phase is HEAD and not self._proto.head_bytes_seen:
            self.deadline = min(self.deadline, now + timeouts.fresh_s)
        elif self.phase is BODY and reason == "shutdown":
            self._linger("complete")

    def abort(self) -> None:
        """Close at once, whatever is under way."""
        self._abandon("drain" if self._serving.draining else "error")
        self._reset("error")
