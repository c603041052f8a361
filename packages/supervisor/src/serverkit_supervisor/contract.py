"""What a supervisor asks of a worker, and what a worker is told about its place.

Rules:
    Nothing here is about HTTP, asyncio or any other use of a worker.
    Nothing here is about threads or processes: the same worker runs in either.
    A worker conforms by its shape. It need not import this module.
"""

from collections.abc import Callable
from dataclasses import dataclass
from socket import socket
from typing import NamedTuple, Protocol, runtime_checkable

type Socket = socket
"""A socket, also where a field is called `socket`."""


@runtime_checkable
class TCPWorker(Protocol):
    """One worker: something that serves until it is told to drain.

    Its life, as the supervisor sees it::

        factory(context)  ->  set_lifespan_state(state)  ->  run() ......... returns
                                                              |                ^
                                             context.ready() -+                |
                                                     start_draining() ... is_idle() is true

    1. The factory makes the worker where it will run, from a `WorkerContext`. Making it is cheap:
       no loop, no thread, no bytes read.
    2. `set_lifespan_state` hands over what the application's start left behind. At most once,
       before `run`.
    3. `run` is called once. As soon as the worker can answer its first client it calls
       `context.ready`. Before that it counts as starting, and is given up after a while.
    4. `start_draining` may come at any time, also before `run` and after its end, and more than
       once. The worker takes nothing new, finishes what it has, and then `run` returns.
    5. `is_idle` may be asked at any time.

    How it ends tells the supervisor what to do. `run` returns after `start_draining`: the worker is
    gone, as wished. It returns without having been asked, or raises: the worker crashed, and may
    be started again.

    Two more methods may be there; a worker without them is asked in the other way:

    `shutdown()` is called in the place of `start_draining` when all workers end, not just this
    one to make room for another: there may be less time. Returns at once; any thread.

    `reopen_logs()` asks for the files of the log to be opened anew. Returns at once; any thread.

    What a worker does not do: it does not close the sockets of its context (they belong to who
    opened them and outlive it), installs no signal handlers, and starts no other workers.
    """

    def run(self) -> None:
        """Serve until drained; return when the last piece of work is finished.

        Blocks. Every wait in it is bounded, so that after `start_draining` it returns within
        a time the worker knows.

        Raises:
            Exception: the worker could not start or could not go on. Whatever it is, the
                supervisor reports it with its traceback and counts it as a crash.

        Threads: called once, by the one thread the worker runs in.
        """
        ...

    def set_lifespan_state(self, state: dict[str, object]) -> None:
        """Take over what the application's start has put down for its requests.

        Args:
            state: opaque to the supervisor. In threads every worker is given the same dictionary,
                not a copy; in processes each has its own.

        Threads: before `run`, by the thread that made the worker or by that of the supervisor.
        """
        ...

    def start_draining(self) -> None:
        """Accept nothing more, finish what was accepted, then let `run` return.

        Returns at once, having only left word. Harmless before `run`, after its end, and when
        repeated. It is not a shutdown: nothing that was accepted is dropped.

        Threads: any.
        """
        ...

    def is_idle(self) -> bool:
        """Say whether there is nothing in hand at this moment.

        True before the first piece of work, between two, and after the last. No side effect, and
        no lock held for long. An idle worker that is draining is about to return from `run`.

        Threads: any.
        """
        ...


class HandedConnection(NamedTuple):
    """A connection that was accepted elsewhere and is this worker's from now on.

    Args:
        socket: connected and non-blocking. The worker closes it, or detaches it, which tells the
            supervisor that there is room for another.
        listener: which of the listening sockets it came from, counted from 0.
        surplus: it is one more than is wished. To be refused in the words of the protocol; it does
            not count as open.

    Owner: the worker that has received it.
    """

    socket: Socket
    listener: int
    surplus: bool


class ConnectionSource(Protocol):
    """Where a worker takes the connections that are handed to it.

    A worker with an event loop watches `fileno` and calls `receive`; one of plain threads calls
    `accept` in a loop.
    """

    def fileno(self) -> int:
        """Give a descriptor that is readable while connections wait. Threads: any."""
        ...

    def receive(self) -> list[HandedConnection]:
        """Take the connections that wait; an empty list where there are none.

        Never blocks and raises nothing. Threads: one at a time.
        """
        ...

    def accept(self) -> HandedConnection | None:
        """Wait for a connection and take it; None once `stop` was called and none waits.

        Threads: any, also several at once.
        """
        ...

    def stop(self) -> None:
        """Let `accept` return None when it has given what waits already. Threads: any.

        Before a worker is told to drain, what it has not taken is given to others. At the end of
        all there are no others: what waits then is for it to serve.
        """
        ...


def _unheard() -> None:
    """Take word that nobody waits for."""


def _unheard_reason(reason: str, /) -> None:
    """Take word that nobody waits for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerContext:
    """What a worker is told when it is made: who it is, what it serves, whom to tell.

    It does not travel: in a process it is made inside the child, from the sockets that were
    passed to it.

    Args:
        worker_id: 0 and up; its number among its siblings. A worker started in the place of one
            that crashed has the same number.
        generation: 0 and up; one more with every reload.
        sockets: what to serve, open and bound: listening sockets, or datagram sockets. They stay
            open when the worker is gone. None at all where connections are handed to the worker.
        connections: where to take the connections that are handed to the worker; None where it
            accepts from `sockets` by itself, or serves something else.
        group: the name of its group; "tcp" is the first one.
        ready: to be called once, as soon as the worker can answer its first client. Any thread.
        alive: says "I am not hung". From the first call on, the next one is expected within the
            worker timeout; a worker that never calls it is never taken for hung. Any thread.
        alive_interval: seconds; call `alive` at least this often. None: nobody watches.
        recycle: asks for a replacement, with the reason as the log should tell it, such as "it has
            served 1000 requests". The worker goes on; `start_draining` comes when the replacement
            is ready. Any thread.

    Raises:
        ValueError: worker_id or generation is below 0.
    """

    worker_id: int
    generation: int = 0
    sockets: tuple[socket, ...] = ()
    connections: ConnectionSource | None = None
    group: str = "tcp"
    ready: Callable[[], None]
    alive: Callable[[], None] = _unheard
    alive_interval: float | None = None
    recycle: Callable[[str], None] = _unheard_reason

    def __post_init__(self) -> None:
        for name, value in (("worker_id", self.worker_id), ("generation", self.generation)):
            if value < 0:
                raise ValueError(f"{name} must be 0 or more, not {value}")


type WorkerFactory = Callable[[WorkerContext], TCPWorker]
"""Makes one worker, where it will run: in the thread or in the process that calls its `run`.

It is called again for every worker, every restart and every generation, so it gives a new worker
each time. For processes it must be picklable: a function at the top level of a module, a
`functools.partial` of one, or an instance of such a class with picklable fields.

Threads: that of the worker; so several at the same time, where workers are threads.
"""
