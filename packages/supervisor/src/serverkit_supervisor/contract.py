"""What a supervisor asks of a worker, and what a worker is told about its place.

Rules:
    Nothing here is about HTTP, asyncio or any other use of a worker.
    Nothing here is about threads or processes: the same worker runs in either.
    A worker conforms by its shape. It need not import this module.
"""

from collections.abc import Callable
from dataclasses import dataclass
from socket import socket
from typing import Protocol, runtime_checkable


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


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerContext:
    """What a worker is told when it is made: who it is, what it serves, whom to tell.

    It does not travel: in a process it is made inside the child, from the sockets that were
    passed to it.

    Args:
        worker_id: 0 and up; its number among its siblings. A worker started in the place of one
            that crashed has the same number.
        generation: 0 and up; one more with every reload.
        sockets: the listening sockets to serve, open and bound. They stay open when the worker
            is gone. None at all where connections are handed to the worker one by one.
        ready: to be called once, as soon as the worker can answer its first client. Any thread.

    Raises:
        ValueError: worker_id or generation is below 0.
    """

    worker_id: int
    generation: int = 0
    sockets: tuple[socket, ...]
    ready: Callable[[], None]

    def __post_init__(self) -> None:
        for name, value in (("worker_id", self.worker_id), ("generation", self.generation)):
            if value < 0:
                raise ValueError(f"{name} must be 0 or more, not {value}")


type WorkerFactory = Callable[[WorkerContext], TCPWorker]
"""Makes one worker, where it will run: in the thread or in the process that calls its `run`.

It is called again for every worker, every restart and every generation, so it gives a new worker
each time. For processes it must be picklable: a function at the top level of a module, a
`functools.partial` of one, or an instance of such a class with picklable fields.
"""
