"""The client of `benchmarks.websocket`: one message in flight on each of many WebSockets.

A process of its own, on a core of its own. The frame that it sends is made beforehand, what comes
back is compared whole with what was sent. Each line on stdin is a number of seconds: for so long it
sends again on each connection whatever was answered there, waits for the last answers, and prints
what it counted as JSON. It ends with stdin. Run as
`python -m benchmarks.websocket_load PORT KIND BYTES CONNECTIONS DEFLATE`.
"""

import contextlib
import gc
import json
import select
import socket
import sys
import time
import zlib
from collections.abc import Callable

from benchmarks import websocket_frames as frames
from benchmarks.tally import latencies
from benchmarks.websocket_frames import WrongAnswerError

SILENT_FOR_S = 10.0
RECEIVED_AT_ONCE = 131_072


class Echo:
    """One connection that sends a message and awaits the same. Owner: the loop of this process."""

    def __init__(self, port: int, opcode: int, payload: bytes, *, deflate: bool) -> None:
        self.socket, self.extensions = frames.open_websocket(port, deflate=deflate)
        self._inflate = zlib.decompressobj(-15).decompress
        self._plain = frames.server_frame(opcode, payload)
        self._frame = frames.client_frame(opcode, payload)
        if self.deflates:
            bits = frames.client_window_bits(self.extensions)
            packed = frames.deflated(payload, bits)
            self._frame = frames.client_frame(opcode, packed, rsv1=True)
        self._opcode, self._payload = opcode, payload
        self._received = bytearray()
        self._recv, self._send = self.socket.recv, self.socket.send
        self.socket.settimeout(0)

    @property
    def deflates(self) -> bool:
        """Whether messages are deflated."""
        return "permessage-deflate" in self.extensions

    def send(self) -> None:
        """Send the message."""
        if self._send(self._frame) != len(self._frame):
            raise WrongAnswerError("the kernel did not take a whole frame")

    def answered(self) -> bool:
        """Read, and say whether the whole answer is there.

        Raises:
            WrongAnswerError: It is another.
        """
        data = self._recv(RECEIVED_AT_ONCE)
        if data == self._plain:
            return True
        if not data:
            raise WrongAnswerError("the server closed a connection")
        self._received += data
        if self._received == self._plain:
            self._received.clear()
            return True
        return self._took_answer()

    def _took_answer(self) -> bool:
        """Say whether what was received is the answer, in one frame of any kind."""
        if self._received[0] == self._plain[0] and len(self._received) < len(self._plain):
            return False
        frame = frames.take_frame(self._received)
        if frame is None:
            return False
        if frame.opcode == frames.PING:
            self.socket.sendall(frames.client_frame(frames.PONG, frame.payload))
            return bool(self._received) and self._took_answer()
        payload = frame.payload
        if frame.rsv1:
            payload = self._inflate(payload + frames.DEFLATE_TAIL)
        if (frame.opcode, payload, frame.final) != (self._opcode, self._payload, True):
            raise WrongAnswerError(f"{frame.opcode:x} {payload[:80]!r} is no echo")
        return True


def run(poll: select.epoll, echoes: dict[int, Echo], seconds: float) -> dict[str, object]:
    """Load the server for that long, and return what was seen.

    Raises:
        WrongAnswerError: An answer was another than the message, or there was none for long.
    """
    timed = next(iter(echoes))  # one of them all also takes the time
    took: list[int] = []
    used, began = time.process_time(), time.monotonic()
    end, sent_ns = began + seconds, time.perf_counter_ns()
    actions: dict[int, tuple[Callable[[], bool], Callable[[], None]]] = {}
    for descriptor, echo in echoes.items():
        actions[descriptor] = echo.answered, echo.send
        echo.send()
    messages, waiting, more = 0, len(echoes), True
    while waiting:
        events = poll.poll(SILENT_FOR_S)
        if not events:
            raise WrongAnswerError(f"{waiting} messages without an answer for {SILENT_FOR_S:.0f} s")
        if more and time.monotonic() > end:
            more = False
        for descriptor, _event in events:
            answered, send = actions[descriptor]
            if not answered():
                continue
            messages += 1
            if descriptor == timed:
                now = time.perf_counter_ns()
                took.append(now - sent_ns)
                sent_ns = now
            if more:
                send()
            else:
                waiting -= 1
    elapsed = time.monotonic() - began
    seen = latencies(took)
    return {
        "requests": messages,
        "seconds": elapsed,
        "p50_ms": seen.p50_ms,
        "p99_ms": seen.p99_ms,
        "max_ms": seen.max_ms,
        "own_cpu_share": (time.process_time() - used) / elapsed,
    }


def serve_lines(port: int, opcode: int, payload: bytes, connections: int, *, deflate: bool) -> None:
    """Open the connections, and do what stdin says."""
    with contextlib.ExitStack() as stack, select.epoll() as poll:
        echoes: dict[int, Echo] = {}
        for _number in range(connections):
            echo = Echo(port, opcode, payload, deflate=deflate)
            stack.callback(close, echo.socket)
            if echo.deflates != deflate:
                raise WrongAnswerError("it declines permessage-deflate")
            echoes[echo.socket.fileno()] = echo
            poll.register(echo.socket.fileno(), select.EPOLLIN)
        print("ready", next(iter(echoes.values())).extensions, flush=True)
        gc.freeze()
        gc.disable()  # nothing here is in a cycle, and a pause of ours is not the server's
        for line in sys.stdin:
            print(json.dumps(run(poll, echoes, float(line))), flush=True)


def close(connection: socket.socket) -> None:
    """Say that we go away, and go."""
    with contextlib.suppress(OSError):
        connection.sendall(frames.client_frame(frames.CLOSE, (1000).to_bytes(2)))
    connection.close()


def main() -> int:
    """Do what the command line says."""
    port, kind, size, connections, deflate = sys.argv[1:]
    opcode = {"text": frames.TEXT, "binary": frames.BINARY}[kind]
    try:
        serve_lines(
            int(port),
            opcode,
            frames.message(int(size)),
            int(connections),
            deflate={"deflate": True, "plain": False}[deflate],
        )
    except (OSError, WrongAnswerError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
