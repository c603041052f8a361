"""What a server asks of whoever does its work: one worker in itself, or many elsewhere."""

from collections.abc import Callable, Sequence
from typing import Protocol


class Serving(Protocol):
    """Serves, once, on listening sockets that it was made with.

    Threads: `run` by that of the main loop; everything else by any, at any time. Every method but
    `run` returns at once.
    """

    @property
    def worker_pids(self) -> Sequence[int]:
        """The processes of the workers; empty where they are in the server's own."""
        ...

    async def run(self) -> None:
        """Serve until `shutdown`; return when everything has come to its end.

        Raises:
            StartupError: it could not start; nothing was served.
            ShutdownError: it served, but not everything came to its end.
        """
        ...

    def shutdown(self) -> None:
        """Let requests in flight finish, then end. Safe in signal handlers."""
        ...

    def hand_over(self) -> None:
        """Finish what is accepted, as patiently as at a reload, then end.

        Another process listens on the same sockets: whoever is not accepted yet is left to it.
        """
        ...

    def ask_alive(self, answer: Callable[[], None]) -> None:
        """Have something called by who does the work, which happens only if that is alive."""
        ...

    def kill_all(self) -> None:
        """End the processes of all workers, whatever they do. Safe in signal handlers."""
        ...

    def graceful_reload(self) -> None:
        """Replace all workers by new ones with new code, without losing a request."""
        ...

    def add_worker(self) -> None:
        """Have one worker more."""
        ...

    def remove_worker(self) -> None:
        """Have one worker less, at least one."""
        ...

    def reopen_logs(self) -> None:
        """Go on in new files, after the old ones were moved away."""
        ...
