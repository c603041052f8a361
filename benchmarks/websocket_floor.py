"""The floor of a WebSocket echo: receive, unmask and send in one epoll loop, and nothing else.

Whatever a server in Python spends beyond this, it spends on being a server. Run as
`python -m benchmarks.websocket_floor PORT`.
"""

import base64
import hashlib
import re
import select
import socket
import sys

from websockets.speedups import apply_mask

from benchmarks.websocket_frames import MAGIC, head

RECEIVED_AT_ONCE = 131_072
KEY = re.compile(rb"sec-websocket-key: *(\S+)", re.IGNORECASE)


def accept(request: bytes) -> bytes:
    """Return the answer to a handshake that came in one piece; what has no key gets an end."""
    found = KEY.search(request)
    if found is None:
        return b""
    digest = base64.b64encode(hashlib.sha1(found[1] + MAGIC).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + digest + b"\r\n\r\n"
    )


def echoed(received: bytes) -> bytes | None:
    """Return the frame that answers one whole frame; None until it is whole."""
    length, begin = received[1] & 0x7F, 2
    if length == 126:
        length, begin = int.from_bytes(received[2:4]), 4
    elif length == 127:
        length, begin = int.from_bytes(received[2:10]), 10
    if len(received) < begin + 4 + length:
        return None
    payload = apply_mask(received[begin + 4 :], received[begin : begin + 4])
    return head(received[0], length, 0) + payload


class Floor:
    """All connections of the server. Owner: the one thread."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._poll = select.epoll()
        self._poll.register(listener.fileno(), select.EPOLLIN)
        self._connections: dict[int, socket.socket] = {}
        self._partial: dict[int, bytes] = {}

    def serve(self) -> None:
        """Answer each message with itself; never returns."""
        while True:
            for descriptor, _events in self._poll.poll():
                if descriptor == self._listener.fileno():
                    connection, _address = self._listener.accept()
                    self._connections[connection.fileno()] = connection
                    self._poll.register(connection.fileno(), select.EPOLLIN)
                elif not self._answered(descriptor, self._connections[descriptor]):
                    self._poll.unregister(descriptor)
                    self._partial.pop(descriptor, None)
                    self._connections.pop(descriptor).close()

    def _answered(self, descriptor: int, connection: socket.socket) -> bool:
        """Say whether the connection goes on."""
        try:
            data = connection.recv(RECEIVED_AT_ONCE)
            if not data:
                return False
            if data.startswith(b"GET "):
                answer: bytes | None = accept(data)
            else:
                data = self._partial.pop(descriptor, b"") + data
                answer = echoed(data)
            if answer is None:
                self._partial[descriptor] = data
            elif answer:
                connection.sendall(answer)
        except OSError:  # the client is gone
            return False
        return answer != b""


def main() -> None:
    """Serve until killed."""
    with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=1024) as listener:
        Floor(listener).serve()


if __name__ == "__main__":
    main()
