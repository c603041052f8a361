"""The client of idle_connections: opens connections, asks once on each, and holds them.

A process of its own, so that it has its own file descriptors. It prints how many it holds, then
answers each line on stdin with how many of them are still open, and lets go at the end of stdin.
Run as `python -m benchmarks.connection_holder PORT COUNT`.
"""

import contextlib
import resource
import socket
import sys

from benchmarks.busy_connection import first_answer

# Ports of one source address do not suffice for several times ten thousand.
SOURCES = [f"127.0.0.{number}" for number in range(2, 18)]
# <linux/in.h>: the port is chosen when the destination is known.
IP_BIND_ADDRESS_NO_PORT = 24
CONNECTED_WITHIN_S = 30.0
SPARE_DESCRIPTORS = 200


def raise_descriptor_limit() -> int:
    """Allow this process and its children as many files as it may, and return how many."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def connect(port: int, source: str) -> socket.socket:
    """Open a connection from a source address, and have one request answered on it."""
    connection = socket.socket()
    try:
        connection.settimeout(CONNECTED_WITHIN_S)
        connection.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        connection.bind((source, 0))
        connection.connect(("127.0.0.1", port))
        first_answer(connection)
    except BaseException:
        connection.close()
        raise
    connection.settimeout(0)
    return connection


def is_open(connection: socket.socket) -> bool:
    """Say whether the server has left the connection alone."""
    try:
        connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def main() -> None:
    """Hold them until told to let go."""
    port, count = int(sys.argv[1]), int(sys.argv[2])
    raise_descriptor_limit()
    with contextlib.ExitStack() as held:
        connections = [
            held.enter_context(connect(port, SOURCES[number % len(SOURCES)]))
            for number in range(count)
        ]
        print(len(connections), flush=True)
        for _line in sys.stdin:
            print(sum(map(is_open, connections)), flush=True)


if __name__ == "__main__":
    main()
