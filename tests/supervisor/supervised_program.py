"""A program with a supervisor: `python -m tests.supervisor.supervised_program MODE [signals]`.

It prints its port, and then, for each worker that starts, its process. With "signals" they are
commands; without, it leaves them as they are.
"""

import contextlib
import os
import signal
import socket
import sys

from serverkit_supervisor import Supervisor, SupervisorConfig, SupervisorEvent, supervised
from tests.supervisor.echo_workers import Echo


def say(*words: object) -> None:
    """Print a line at once."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def main(mode: str, *options: str) -> None:
    """Serve until told to end."""
    # Python keeps SIGINT ignored where whoever started this has ignored it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def tell(event: SupervisorEvent) -> None:
        say(event.kind, *supervisor.worker_pids)

    supervisor = Supervisor(
        Echo,
        SupervisorConfig(worker_count=2, shutdown_timeout=30),
        mode="thread" if mode == "thread" else "process",
        on_event=tell,
    )
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        say(os.getpid(), listener.getsockname()[1])
        if "signals" in options:
            stack.enter_context(supervised(supervisor))
        supervisor.run([listener])
    say("over")


if __name__ == "__main__":
    main(*sys.argv[1:])
