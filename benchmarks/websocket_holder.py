"""The client of idle_websockets: opens WebSockets, has one message echoed on each, and holds them.

A process of its own, so that it has its own file descriptors. Pings are answered. It prints how
many it holds, then answers each line on stdin with how many of them are still open and how many
pings have come, and lets go at the end of stdin. Run as
`python -m benchmarks.websocket_holder PORT COUNT deflate|plain`.
"""

import contextlib
import json
import select
import sys

from benchmarks import websocket_frames as frames
from benchmarks.connection_holder import SOURCES, raise_descriptor_limit
from benchmarks.websocket_frames import WrongAnswerError

MESSAGE_BYTES = 1024
RECEIVED_AT_ONCE = 65_536


class Held:
    """One open WebSocket. Owner: the loop of this process.

    Attributes:
        pings: How many have come.
    """

    def __init__(self, port: int, source: str, *, deflate: bool) -> None:
        self.socket, extensions = frames.open_websocket(port, deflate=deflate, source=source)
        self.pings = 0
        self._received = bytearray()
        try:
            self._have_one_echoed(extensions, deflate=deflate)
        except BaseException:
            self.socket.close()
            raise

    def _have_one_echoed(self, extensions: str, *, deflate: bool) -> None:
        if bool(extensions) != deflate:
            raise WrongAnswerError("it declines permessage-deflate")
        payload = frames.message(MESSAGE_BYTES)
        if deflate:
            payload = frames.deflated(payload, frames.client_window_bits(extensions))
        self.socket.sendall(frames.client_frame(frames.TEXT, payload, rsv1=deflate))
        while not self.read():
            pass

    def read(self) -> bool:
        """Receive once, answer pings, and say whether a message came.

        Raises:
            WrongAnswerError: The server has closed the connection.
        """
        data = self.socket.recv(RECEIVED_AT_ONCE)
        self._received += data
        message = False
        while (frame := frames.take_frame(self._received)) is not None:
            if frame.opcode == frames.PING:
                self.pings += 1
                self.socket.sendall(frames.client_frame(frames.PONG, frame.payload))
            elif frame.opcode == frames.CLOSE:
                data = b""
            else:
                message = True
        if not data:
            raise WrongAnswerError("the server closed a connection")
        return message


def hold(held: dict[int, Held]) -> None:
    """Answer pings, and lines on stdin, until its end."""
    opened = len(held)
    pings = 0
    with select.epoll() as poll:
        poll.register(sys.stdin.fileno(), select.EPOLLIN)
        for descriptor in held:
            poll.register(descriptor, select.EPOLLIN)
        while True:
            for descriptor, _event in poll.poll():
                if descriptor == sys.stdin.fileno():
                    if not sys.stdin.readline():
                        return
                    pings = sum(one.pings for one in held.values())
                    print(json.dumps({"open": opened, "pings": pings}), flush=True)
                    continue
                try:
                    held[descriptor].read()
                except (OSError, WrongAnswerError):
                    poll.unregister(descriptor)
                    opened -= 1


def main() -> int:
    """Hold them until told to let go."""
    port, count, deflate = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "deflate"
    raise_descriptor_limit()
    with contextlib.ExitStack() as stack:
        held: dict[int, Held] = {}
        try:
            for number in range(count):
                one = Held(port, SOURCES[number % len(SOURCES)], deflate=deflate)
                stack.enter_context(one.socket)
                held[one.socket.fileno()] = one
        except (OSError, WrongAnswerError) as error:
            print(f"after {len(held)} connections: {error}", file=sys.stderr)
            return 1
        print(len(held), flush=True)
        hold(held)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
