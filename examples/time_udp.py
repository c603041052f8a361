"""A UDP server on the supervisor alone: answers each datagram with the time (RFC 868).

Run `python -m examples.time_udp --mode process`; ask it: `echo | nc -u -w 1 127.0.0.1 3737 | xxd`.
`kill -HUP` replaces its workers by new ones; no datagram is lost, since the socket stays open.
"""

import argparse
import logging
import selectors
import socket
import time

from serverkit_supervisor import Supervisor, SupervisorConfig, WorkerContext, supervised

SECONDS_1900_TO_1970 = 2_208_988_800


class Time:
    """Answers datagrams from a socket that all workers share."""

    def __init__(self, context: WorkerContext) -> None:
        self._ready = context.ready
        (self._socket,) = context.sockets
        self._asked, self._ask = socket.socketpair()

    def run(self) -> None:
        """Answer until drained."""
        self._socket.settimeout(0)
        with selectors.DefaultSelector() as selector, self._asked, self._ask:
            selector.register(self._socket, selectors.EVENT_READ)
            selector.register(self._asked, selectors.EVENT_READ)
            self._ready()
            while all(key.fileobj is self._socket for key, _ in selector.select()):
                self._answer()

    def _answer(self) -> None:
        try:
            _, client = self._socket.recvfrom(1)
        except BlockingIOError:  # another worker was faster
            return
        seconds = (int(time.time()) + SECONDS_1900_TO_1970) % 2**32
        self._socket.sendto(seconds.to_bytes(4), client)

    def set_lifespan_state(self, state: dict[str, object]) -> None:
        """There is none."""

    def start_draining(self) -> None:
        """Answer no more; what comes is for another worker."""
        if self._ask.fileno() >= 0:
            self._ask.send(b"!")

    def is_idle(self) -> bool:
        """Answering takes no time."""
        return True


def main() -> None:
    """Serve until told to end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", choices=("thread", "process"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--port", type=int, default=3737)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    supervisor = Supervisor(Time, SupervisorConfig(worker_count=options.workers), mode=options.mode)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server, supervised(supervisor):
        server.bind(("127.0.0.1", options.port))
        print(f"Telling the time on port {server.getsockname()[1]}", flush=True)
        supervisor.run([], [server])


if __name__ == "__main__":
    main()
