"""A worker's process: it greets each connection with its pid, until its standard input ends.

Usage: greeting_child.py <descriptor of the handover> close|keep
"""

import os
import socket
import sys
import threading

from serverkit_supervisor.contract import HandedConnection
from serverkit_supervisor.process_source import ProcessConnectionSource


def main() -> None:
    """Greet, and close the connection or keep it."""
    source = ProcessConnectionSource(socket.socket(fileno=int(sys.argv[1])))
    keeps = sys.argv[2] == "keep"
    kept: list[HandedConnection] = []

    def wait() -> None:
        sys.stdin.buffer.read()
        source.stop()

    threading.Thread(target=wait, daemon=True).start()
    while (connection := source.accept()) is not None:
        connection.socket.send(b"%d" % os.getpid())
        if keeps:
            kept.append(connection)
        else:
            connection.socket.close()


if __name__ == "__main__":
    main()
