"""The floor: receive and send in one epoll loop, with no HTTP in it and nothing else either.

Whatever a server in Python spends beyond this, it spends on being a server. Run as
`python -m benchmarks.floor APP PORT` with the name of an app of benchmarks/apps.py.
"""

import select
import socket
import sys

from benchmarks.apps import HELLO, TEN_KIBIBYTES

DATE = b"Thu, 01 Jan 2026 00:00:00 GMT"
RECEIVED_AT_ONCE = 65_536


def response(body: bytes) -> bytes:
    """Return a response as long as that of a server, made once and for all."""
    fields = (
        b"content-type: text/plain",
        b"content-length: %d" % len(body),
        b"server: floor",
        b"date: " + DATE,
    )
    return b"HTTP/1.1 200 OK\r\n" + b"\r\n".join(fields) + b"\r\n\r\n" + body


def serve(listener: socket.socket, answer: bytes, body_length: int) -> None:
    """Answer each request with the same bytes, or with its body when it has one; never returns.

    A request without a body must come in one piece, which is what wrk sends.
    """
    poll = select.epoll()
    poll.register(listener.fileno(), select.EPOLLIN)
    connections: dict[int, socket.socket] = {}
    partial: dict[int, bytes] = {}
    while True:
        for descriptor, _events in poll.poll():
            if descriptor == listener.fileno():
                connection, _address = listener.accept()
                connections[connection.fileno()] = connection
                poll.register(connection.fileno(), select.EPOLLIN)
                continue
            connection = connections[descriptor]
            try:
                data = connection.recv(RECEIVED_AT_ONCE)
                if data and body_length:
                    data = partial.pop(descriptor, b"") + data
                    head = data.find(b"\r\n\r\n") + 4
                    if head < 4 or len(data) < head + body_length:
                        partial[descriptor] = data
                        continue
                    answer = response(data[head:])
                if data:
                    connection.sendall(answer)
                    continue
            except OSError:  # the client is gone
                pass
            poll.unregister(descriptor)
            partial.pop(descriptor, None)
            connections.pop(descriptor).close()


def main() -> None:
    """Serve one of three apps."""
    app, port = sys.argv[1], int(sys.argv[2])
    bodies = {"hello": HELLO, "ten_kibibytes": TEN_KIBIBYTES, "echo": TEN_KIBIBYTES}
    with socket.create_server(("127.0.0.1", port), backlog=1024) as listener:
        serve(listener, response(bodies[app]), len(TEN_KIBIBYTES) if app == "echo" else 0)


if __name__ == "__main__":
    main()
