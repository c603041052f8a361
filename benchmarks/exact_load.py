"""Many exact clients at once, in one thread, for as long as somebody wants load."""

import contextlib
import heapq
import selectors
import socket
import threading
import time
from collections import Counter
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from benchmarks.exact_client import ClientKind, ExactClient
from benchmarks.tally import LostRequest, Tally

SWEEP_NS = 50_000_000
SPARE_S = 10.0


class LoadFailedError(Exception):
    """The clients themselves failed, or did not do what was awaited of them."""


class ExactLoad:
    """Runs clients against an address; a context manager. Owner: whoever entered it.

    Attributes:
        tallies: What was counted, by the kind of client. Complete after `stop`.
    """

    def __init__(
        self,
        address: tuple[str, int],
        clients: Mapping[ClientKind, int],
        *,
        path: str = "/",
        patience_s: float = 10.0,
    ) -> None:
        """Prepare the clients.

        Args:
            address: Host and port of the server.
            clients: How many of each kind.
            path: What they ask for.
            patience_s: How long each waits for an answer before it counts as lost.
        """
        self.tallies = {kind: Tally() for kind in clients}
        self._selector = selectors.DefaultSelector()
        self._patience_s = patience_s
        self._clients = [
            ExactClient(
                address,
                kind,
                self.tallies[kind],
                self._selector,
                number=number,
                path=path,
                patience_s=patience_s,
            )
            for number, kind in enumerate(Counter(clients).elements())
        ]
        self._due: list[tuple[int, int]] = []
        self._queued: set[int] = set()
        self._stopping = threading.Event()
        self._failure: BaseException | None = None
        self._awaited = 0
        self._news = threading.Condition()
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="exact clients", daemon=True)

    def __enter__(self) -> Self:
        """Begin, and return when each client has had an answer."""
        self._thread.start()
        try:
            self.wait_for_answers()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def answered(self) -> int:
        """How many requests were answered."""
        return sum(tally.answered for tally in self.tallies.values())

    @property
    def lost(self) -> list[LostRequest]:
        """The requests that were not answered."""
        return [one for tally in self.tallies.values() for one in tally.lost]

    @property
    def longest_stall_s(self) -> float:
        """The longest time that any client was without an answer that was due, in seconds."""
        return max(tally.longest_stall_ns for tally in self.tallies.values()) / 1e9

    def wait_for_answers(self, each: int = 1, *, within_s: float = 60.0) -> None:
        """Return when every client has had that many more answers.

        Raises:
            LoadFailedError: That does not happen in time.
        """
        wanted = [client.answered + each for client in self._clients]
        deadline = time.monotonic() + within_s
        short = len(wanted)
        with self._news:
            self._awaited += 1
            try:
                while self._failure is None:
                    short = sum(
                        client.answered < count
                        for client, count in zip(self._clients, wanted, strict=True)
                    )
                    if not short:
                        return
                    if not self._news.wait(deadline - time.monotonic()):
                        break
            finally:
                self._awaited -= 1
        raise LoadFailedError(
            f"{short} of {len(wanted)} clients had no {each} answers in {within_s:g} s;"
            f" {len(self.lost)} requests are lost: {self.lost[:3]}"
        ) from self._failure

    def stop(self) -> None:
        """Begin nothing more, wait for what was begun, and end. May be called again.

        Raises:
            LoadFailedError: The clients failed.
        """
        self._stopping.set()
        with contextlib.suppress(OSError):  # it may have ended by itself
            self._wake.send(b"x")
        self._thread.join(self._patience_s + SPARE_S)
        if self._thread.is_alive():
            raise LoadFailedError("the clients did not end")
        if self._failure is not None:
            raise LoadFailedError("the clients failed") from self._failure

    def _run(self) -> None:
        try:
            with self._selector, self._wake, self._woken:
                self._selector.register(self._woken, selectors.EVENT_READ)
                try:
                    self._serve()
                finally:
                    for client in self._clients:
                        client.close()
        except BaseException as error:  # noqa: BLE001 - told to who asks
            self._failure = error
        with self._news:
            self._news.notify_all()

    def _serve(self) -> None:
        for number in range(len(self._clients)):
            self._go_on(number)
        next_sweep_ns = time.monotonic_ns() + SWEEP_NS
        while not (self._stopping.is_set() and self._all_rest()):
            events = self._selector.select(self._until_due_s(next_sweep_ns))
            for key, _events in events:
                if key.data is None:
                    self._woken.recv(64)
                else:
                    key.data.on_event()
                    self._go_on(key.data.number)
            now = time.monotonic_ns()
            while self._due and self._due[0][0] <= now:
                _due, number = heapq.heappop(self._due)
                self._queued.discard(number)
                self._go_on(number)
            if now >= next_sweep_ns:
                next_sweep_ns = now + SWEEP_NS
                self._sweep(now)
            if self._awaited:
                with self._news:
                    self._news.notify_all()

    def _all_rest(self) -> bool:
        return all(client.rests() for client in self._clients)

    def _go_on(self, number: int) -> None:
        """Let a client begin its next request, or note when that is due."""
        client = self._clients[number]
        if not client.rests() or self._stopping.is_set():
            return
        now = time.monotonic_ns()
        if client.due_ns <= now:
            client.begin(now)
        if client.rests() and number not in self._queued:
            self._queued.add(number)
            heapq.heappush(self._due, (client.due_ns, number))

    def _sweep(self, now_ns: int) -> None:
        for number, client in enumerate(self._clients):
            if not client.rests() and client.deadline_ns <= now_ns:
                client.lose_patience()
                self._go_on(number)

    def _until_due_s(self, next_sweep_ns: int) -> float:
        first = min(next_sweep_ns, self._due[0][0]) if self._due else next_sweep_ns
        return max(0, first - time.monotonic_ns()) / 1e9
