"""The supervisor, as its users see it: made, run, told what to do."""

import logging
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from socket import socket
from typing import Literal

from serverkit_supervisor.config import DEFAULT_PROCESS_WORKER_TIMEOUT_S, SupervisorConfig
from serverkit_supervisor.contract import WorkerFactory
from serverkit_supervisor.distribution import Distribution
from serverkit_supervisor.distributor import AcceptDistributor
from serverkit_supervisor.engine import Engine
from serverkit_supervisor.events import SupervisorEvent
from serverkit_supervisor.fleet import Fleet
from serverkit_supervisor.generation import Generation
from serverkit_supervisor.group import WorkerGroup
from serverkit_supervisor.interrupt import Interrupt
from serverkit_supervisor.lineage import Lineage
from serverkit_supervisor.mailbox import Mailbox
from serverkit_supervisor.orders import Look, Message, Order, Question
from serverkit_supervisor.patience import Patience
from serverkit_supervisor.processes import ProcessRunner, check_factory
from serverkit_supervisor.restart_policy import RestartHistory
from serverkit_supervisor.runner import RunnerFactory
from serverkit_supervisor.team import make_teams
from serverkit_supervisor.threads import ThreadRunner

_LOG = logging.getLogger("serverkit.supervisor")
_LATE_S = 1.0
type Mode = Literal["thread", "process"]


def _nothing() -> None:
    """Answer to what nobody waits for."""


def _ignore(event: SupervisorEvent, /) -> None:
    """Answer to what nobody listens to."""


class Supervisor:
    """Keeps a number of workers alive, in threads or in processes, until it is told to end.

    Args:
        factory: makes the workers of the first group, which is handed the connections. Or the
            first generation, where there is something to put away when it is over.
        config: how many, how patient, for how long.
        mode: where workers run; None: in threads where Python runs without the GIL, else in
            processes.
        renew: gets what the next generation is made of, at a reload or a restart: for threads the
            place to import the code anew. It is called in a thread of its own. None: the next
            generation is made of the same, which in processes is new code by itself, since each
            imports it when it starts.
        groups: further groups of workers, which are stopped after the first one, in this order.
        on_ready: called once, when all workers of all groups are ready.
        on_event: called with each event.

    `on_ready` and `on_event` are called by the thread that runs the supervisor, which does nothing
    else meanwhile: they return soon.

    Raises:
        ValueError: a setting does not go with the mode. The message names it.
        TypeError: a factory cannot be sent to a process.

    Threads: `run` by one. Everything else by any, also within a signal handler: it leaves word and
    returns at once.
    """

    def __init__(
        self,
        factory: WorkerFactory | Generation,
        config: SupervisorConfig | None = None,
        *,
        mode: Mode | None = None,
        renew: Callable[[], Generation] | None = None,
        groups: Sequence[WorkerGroup] = (),
        on_ready: Callable[[], None] | None = None,
        on_event: Callable[[SupervisorEvent], None] | None = None,
    ) -> None:
        self._config = config or SupervisorConfig()
        self._mode: Mode = mode or _mode_of_this_python()
        self._generation = (
            factory if isinstance(factory, Generation) else Generation(factory=factory)
        )
        self._groups = tuple(groups)
        self._renew = renew
        self._on_ready = on_ready or _nothing
        self._on_event = on_event or _ignore
        self._state: dict[str, object] | None = None
        self._mailbox: Mailbox[Message] = Mailbox()
        self._fleet: Fleet | None = None
        self._is_told_to_end = False
        _check(self._mode, self._config, self._generation, self._groups)

    @property
    def mode(self) -> Mode:
        """Where workers run."""
        return self._mode

    @property
    def worker_count(self) -> int:
        """How many workers the first group is to have at this moment; never 0."""
        fleet = self._fleet
        return len(fleet.teams[0].slots) if fleet is not None else self._config.worker_count

    @property
    def worker_pids(self) -> list[int]:
        """The processes of all workers at this moment; empty for threads. Threads: any."""
        fleet = self._fleet
        runners = fleet.runners if fleet is not None else ()
        return [runner.pid for runner in runners if runner.pid is not None]

    def set_lifespan_state(self, state: dict[str, object]) -> None:
        """Keep what the application's start left behind, and give it to each worker made later.

        Args:
            state: opaque to the supervisor; in threads all workers get this very dictionary, in
                processes each a copy, so it must be picklable there. A `Generation` with a state of
                its own keeps that.
        """
        self._state = state
        if self._fleet is not None:
            self._fleet.state = state

    def run(self, sockets: Sequence[socket], udp_sockets: Sequence[socket] | None = None) -> None:
        """Start all workers and keep them alive until `shutdown`. Blocks; once.

        Args:
            sockets: listening; they stay open, and belong to the caller, who closes them later.
                None at all: no connections are handed to anyone.
            udp_sockets: as many as workers of the group that is to have them, or one for all. They
                go to the first group where no other asks for them.

        Raises:
            ValueError: the number of datagram sockets is wrong. Nothing was started.
            StartupFailed: a worker did not become ready. All are stopped.
            RestartLimitReached: a worker crashed too often. All are stopped.
            OSError: there are no descriptors left, or a socket is closed. Nothing was started.
            Unstopped: the end has come, and not all could be stopped.
            KeyboardInterrupt: Ctrl-C came, and the program has no handler of its own for it. It was
                taken for `shutdown` first, and for `abort` the second time.
        """
        if self._fleet is not None:
            raise RuntimeError("a supervisor runs once; make another one")
        if self._is_told_to_end:
            return
        fleet = self._fleet = self._make_fleet(sockets, udp_sockets or ())
        engine = Engine(
            fleet,
            post=self._mailbox.post,
            renew=self._renew,
            on_ready=partial(_call_out, self._on_ready),
        )
        with Interrupt(self.shutdown, self.abort) as interrupt:
            try:
                engine.begin()
                engine.step(None)
                self._loop(engine, fleet)
            except BaseException:
                self.kill_all()
                raise
        try:
            engine.raise_outcome()
        finally:
            if interrupt.came:
                raise KeyboardInterrupt

    def shutdown(self) -> None:
        """Let all workers stop in order, and then `run` return; before `run`: return at once."""
        self._is_told_to_end = True
        self._mailbox.post(Order.SHUTDOWN)

    def hand_over(self) -> None:
        """End as `shutdown` does, but as patiently as at a reload: others serve already.

        For a process in whose place another one was started, which has the same sockets.
        """
        self._is_told_to_end = True
        self._mailbox.post(Order.HAND_OVER)

    def ask_alive(self, answer: Callable[[], None]) -> None:
        """Have the thread that supervises call something soon; it does so only if it is alive."""
        self._mailbox.post(Question(partial(_call_out, answer)))

    def abort(self) -> None:
        """Let all workers end at once, whatever they are at, and then `run` return."""
        self._is_told_to_end = True
        self._mailbox.post(Order.ABORT)

    def graceful_reload(self) -> None:
        """Replace all workers by those of a new generation, without losing a connection."""
        self._mailbox.post(Order.RELOAD)

    def restart_workers(self) -> None:
        """Stop all workers, then start new ones; connections wait meanwhile."""
        self._mailbox.post(Order.RESTART)

    def add_worker(self) -> None:
        """Have one worker more in the first group."""
        self._mailbox.post(Order.ADD_WORKER)

    def remove_worker(self) -> None:
        """Have one worker less in the first group, but never none."""
        self._mailbox.post(Order.REMOVE_WORKER)

    def reopen_logs(self) -> None:
        """Let every worker open the files of its log anew."""
        self._mailbox.post(Order.REOPEN_LOGS)

    def kill_all(self) -> None:
        """Kill all worker processes, here and now, before this returns; threads are left alone.

        For the way out that waits for nothing.
        """
        fleet = self._fleet
        for runner in fleet.runners if fleet is not None else ():
            runner.kill()

    def _make_fleet(self, sockets: Sequence[socket], udp_sockets: Sequence[socket]) -> Fleet:
        config = self._config
        timeout = config.worker_timeout
        if timeout is None:
            timeout = DEFAULT_PROCESS_WORKER_TIMEOUT_S if self._mode == "process" else 0
        teams = make_teams(config, self._groups, sockets, udp_sockets)
        make_runner: RunnerFactory = ThreadRunner if self._mode == "thread" else ProcessRunner
        look = partial(self._mailbox.post, Look())
        distribution = Distribution(RestartHistory(config.restart), look)
        if teams[0].distribute:
            distribution.distributor = AcceptDistributor(
                sockets,
                max_connections=config.max_connections,
                when_full=config.when_full,
                ended=distribution.note_end,
            )
        fleet = Fleet(
            config=config,
            teams=teams,
            lineage=Lineage(self._generation, look),
            distribution=distribution,
            make_runner=make_runner,
            post=self._mailbox.post,
            clock=time.monotonic,
            patience=Patience(config, timeout),
            announce=lambda event: _call_out(partial(self._on_event, event)),
        )
        fleet.state = self._state
        return fleet

    def _loop(self, engine: Engine, fleet: Fleet) -> None:
        while not engine.is_over:
            deadline = engine.next_deadline()
            message = self._mailbox.receive(
                None if deadline is None else deadline - time.monotonic()
            )
            now = time.monotonic()
            if deadline is not None and now > deadline + _LATE_S:
                # This process was stopped for a while, or starved: what the workers had to say
                # may still be on its way.
                fleet.excuse_silence()
            engine.step(message)


def _mode_of_this_python() -> Mode:
    ask = getattr(sys, "_is_gil_enabled", None)
    return "process" if ask is None or ask() else "thread"


def _call_out(call: Callable[[], None]) -> None:
    """Call what is not ours, and go on whatever it raises."""
    try:
        call()
    except Exception:  # noqa: BLE001 - the workers are not to suffer from it
        _LOG.exception("Who was to be told of something by the supervisor failed")


def _check(
    mode: str, config: SupervisorConfig, generation: Generation, groups: Sequence[WorkerGroup]
) -> None:
    """Judge what does not go together; see `Supervisor` for what it raises."""
    names = [group.name for group in groups]
    if len(set(names)) < len(names):
        raise ValueError(f"groups must have different names, not {', '.join(names)}")
    if mode == "thread":
        if config.worker_max_rss:
            raise ValueError(
                f"worker_max_rss must be 0 in threads, not {config.worker_max_rss}: they share "
                "their memory; use mode='process', or worker_lifetime"
            )
        return
    if mode != "process":
        raise ValueError(f"mode must be 'thread', 'process' or None, not {mode!r}")
    for factory in (generation.factory, *(group.factory for group in groups)):
        check_factory(factory)
