"""A TCP echo server on the supervisor alone, in threads or in processes.

Run `python -m examples.echo_supervised --mode process`, and talk to it with `nc 127.0.0.1 7000`.
`kill -HUP` replaces its workers by new ones without losing a connection; Ctrl-C ends it.
"""

import argparse
import contextlib
import logging
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

from serverkit_supervisor import Supervisor, SupervisorConfig, WorkerContext, supervised


class Echo:
    """Sends back what its clients send, each in a thread of its own."""

    def __init__(self, context: WorkerContext) -> None:
        assert context.connections is not None
        self._connections, self._ready = context.connections, context.ready
        self._clients: set[socket.socket] = set()
        self._grace = threading.Timer(2, self._read_no_more)

    def run(self) -> None:
        """Serve until drained; return when the last client is gone."""
        with ThreadPoolExecutor(max_workers=100) as threads:
            self._ready()
            while (connection := self._connections.accept()) is not None:
                self._clients.add(connection.socket)
                threads.submit(self._echo, connection.socket)
        self._grace.cancel()

    def _echo(self, client: socket.socket) -> None:
        try:
            client.settimeout(60)
            while data := client.recv(65_536):
                client.sendall(data)
        finally:
            client.close()
            self._clients.discard(client)

    def set_lifespan_state(self, state: dict[str, object]) -> None:
        """There is none."""

    def start_draining(self) -> None:
        """Take no more clients; those that are here have two seconds to send what they want."""
        self._connections.stop()
        with contextlib.suppress(RuntimeError):  # it has been asked to before
            self._grace.start()

    def _read_no_more(self) -> None:
        for client in self._clients.copy():
            with contextlib.suppress(OSError):  # it may be gone meanwhile
                client.shutdown(socket.SHUT_RD)

    def is_idle(self) -> bool:
        """Say whether there is no client."""
        return not self._clients


def main() -> None:
    """Serve until told to end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", choices=("thread", "process"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--port", type=int, default=7000)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    supervisor = Supervisor(Echo, SupervisorConfig(worker_count=options.workers), mode=options.mode)
    with socket.create_server(("127.0.0.1", options.port)) as listener, supervised(supervisor):
        print(f"Echoing on port {listener.getsockname()[1]}", flush=True)
        supervisor.run([listener])


if __name__ == "__main__":
    main()
