"""One client that knows of each of its requests how it ended. It never blocks."""

import errno
import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from benchmarks.tally import Loss, LostRequest, Tally

RETRY_NS = 10_000_000
"""A client that lost a request asks again after this long, so that it does not spin."""
OURS = frozenset({errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE, errno.ENOBUFS})
"""What a connection fails with for want of something on our side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientKind:
    """How a client behaves.

    Attributes:
        name: What the tables call it.
        reuse: Whether it keeps its connection; otherwise each request has a connection of its own.
        interval_s: Time between two requests; 0 for one as soon as the last is answered.
    """

    name: str
    reuse: bool = True
    interval_s: float = 0.0


KEEP_ALIVE = ClientKind(name="keep-alive")
SHORT = ClientKind(name="short", reuse=False)
PROBE = ClientKind(name="probe", interval_s=0.01)
FRESH_PROBE = ClientKind(name="fresh-probe", interval_s=0.02, reuse=False)
KINDS = {kind.name: kind for kind in (KEEP_ALIVE, SHORT, PROBE, FRESH_PROBE)}


class OutOfPortsError(Exception):
    """This machine, not the server, could not make another connection."""


class State(Enum):
    """What a client does."""

    RESTING = auto()
    CONNECTING = auto()
    AWAITING = auto()
    SEEING_OFF = auto()


class ExactClient:
    """One client. Owner: the thread that runs the selector.

    Attributes:
        kind: How it behaves.
        number: Which of its owner's clients it is.
        state: What it does.
        due_ns: When it will begin the next request, by the monotonic clock.
        answered: How many of its requests were answered.
        deadline_ns: When it loses its patience with what it waits for.
    """

    def __init__(
        self,
        address: tuple[str, int],
        kind: ClientKind,
        tally: Tally,
        selector: selectors.BaseSelector,
        *,
        number: int = 0,
        path: str = "/",
        patience_s: float = 10.0,
    ) -> None:
        """Begin with nothing: the first request is due at once."""
        self.kind = kind
        self.number = number
        self.state = State.RESTING
        self.due_ns = time.monotonic_ns()
        self.answered = 0
        self.deadline_ns = 0
        self._address = address
        self._tally = tally
        self._selector = selector
        self._patience_ns = int(patience_s * 1e9)
        closes = "" if kind.reuse else "Connection: close\r\n"
        self._request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{closes}\r\n".encode()
        self._socket: socket.socket | None = None
        self._received = b""
        self._last_body: bytes | None = None
        self._began_ns = 0
        self._unmet_since_ns = 0

    def rests(self) -> bool:
        """Say whether it waits for nothing but its turn."""
        return self.state is State.RESTING

    def begin(self, now_ns: int) -> None:
        """Send the next request, on a connection that is there or a new one."""
        self._began_ns = self.due_ns
        if not self._unmet_since_ns:
            self._unmet_since_ns = self.due_ns
        self.deadline_ns = now_ns + self._patience_ns
        if self._socket is not None:
            self._notice_end_while_idle()
        if self._socket is None:
            self._connect()
        elif self.state is State.RESTING:
            self.state = State.AWAITING
            self._send()

    def on_event(self) -> None:
        """Do what the readiness of the socket allows."""
        handlers: dict[State, Callable[[], None]] = {
            State.RESTING: self._notice_end_while_idle,
            State.CONNECTING: self._connected,
            State.AWAITING: self._receive,
            State.SEEING_OFF: self._see_off,
        }
        handlers[self.state]()

    def lose_patience(self) -> None:
        """Give up what is awaited."""
        if self.state is State.SEEING_OFF:
            self._rest(time.monotonic_ns())
        else:
            self._lose(Loss.TIMEOUT, f"{self.state.name.lower()} for too long")

    def close(self) -> None:
        """Let go of the connection; a client without an answer that was due says for how long."""
        if self._unmet_since_ns:
            self._tally.note_stall(self._unmet_since_ns, time.monotonic_ns())
        self._drop()

    def _connect(self) -> None:
        made = socket.socket()
        made.settimeout(0)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = made
        self._last_body = None
        problem = made.connect_ex(self._address)
        if problem in OURS:
            self._drop()
            raise OutOfPortsError(errno.errorcode[problem])
        if problem not in (0, errno.EINPROGRESS):
            self._lose(Loss.REFUSED, errno.errorcode[problem])
            return
        self.state = State.CONNECTING
        self._selector.register(made, selectors.EVENT_WRITE, self)

    def _connected(self) -> None:
        made = self._open()
        problem = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if problem:
            self._lose(Loss.REFUSED, errno.errorcode[problem])
            return
        self._selector.modify(made, selectors.EVENT_READ, self)
        self.state = State.AWAITING
        self._send()

    def _send(self) -> None:
        """Send the request, which is far smaller than any buffer."""
        try:
            self._open().sendall(self._request)
        except OSError as error:
            self._lose(Loss.CUT, f"send: {error!r}")

    def _receive(self) -> None:
        try:
            data = self._open().recv(65_536)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(Loss.CUT, repr(error))
            return
        if not data:
            self._lose(Loss.CUT, "closed")
            return
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if found:
            self._judge(head.lower(), body)

    def _judge(self, head: bytes, body: bytes) -> None:
        """Take an answer whose head is complete."""
        _, has_length, rest = head.partition(b"\r\ncontent-length:")
        if not head.startswith(b"http/1.1 200") or not has_length:
            self._lose(Loss.WRONG, head[:200].decode("latin-1"))
            return
        length = int(rest.partition(b"\r\n")[0])
        if len(body) < length:
            return
        if len(body) > length:
            self._lose(Loss.WRONG, f"{len(body)} bytes for a body of {length}")
            return
        now = time.monotonic_ns()
        self._take(body, now)
        if not self.kind.reuse:
            self.state = State.SEEING_OFF
            self._see_off()
        elif b"\r\nconnection: close" in head:
            self._tally.told_to_close += 1
            self._drop()
            self._rest(now)
        else:
            self._last_body = body
            self._rest(now)

    def _take(self, body: bytes, now_ns: int) -> None:
        tally = self._tally
        tally.bodies[body] += 1
        tally.ended_ns.append(now_ns)
        tally.took_ns.append(now_ns - self._began_ns)
        tally.note_stall(self._unmet_since_ns, now_ns)
        self._unmet_since_ns = 0
        self._received = b""
        self.answered += 1

    def _see_off(self) -> None:
        """Wait until the server has closed the connection, as it was asked to."""
        try:
            more = self._open().recv(1)
        except BlockingIOError:
            return
        except ConnectionError:
            more = b""
        if more:
            self._lose(Loss.WRONG, "more than one answer")
        else:
            self._drop()
            self._rest(time.monotonic_ns())

    def _notice_end_while_idle(self) -> None:
        """Look whether the server has closed a connection on which nothing was asked."""
        try:
            data = self._open().recv(1)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        if data:
            self._lose(Loss.WRONG, "an answer to nothing")
        else:
            self._tally.closed_idle += 1
            self._drop()

    def _lose(self, kind: Loss, detail: str) -> None:
        self._tally.lost.append(
            LostRequest(
                kind=kind,
                detail=detail,
                received=len(self._received),
                last_body=self._last_body,
            )
        )
        self._drop()
        now = time.monotonic_ns()
        self._rest(now)
        self.due_ns = max(self.due_ns, now + RETRY_NS)

    def _rest(self, now_ns: int) -> None:
        """Say when the next request is due. Those that a stall left out are not made up for."""
        if not self.kind.reuse:
            self._drop()
        self.state = State.RESTING
        self.due_ns = max(self.due_ns + int(self.kind.interval_s * 1e9), now_ns)

    def _drop(self) -> None:
        self._received = b""
        self._last_body = None
        if self._socket is None:
            return
        if self._socket in self._selector.get_map():
            self._selector.unregister(self._socket)
        self._socket.close()
        self._socket = None

    def _open(self) -> socket.socket:
        if self._socket is None:
            raise RuntimeError("the client has no connection")
        return self._socket
