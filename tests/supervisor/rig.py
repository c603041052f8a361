"""An engine with fake runners, a fake distributor and a fake clock, which obey a test."""

import collections
import random
import threading
from collections.abc import Callable

from serverkit_supervisor.config import SupervisorConfig
from serverkit_supervisor.contract import TCPWorker, WorkerContext
from serverkit_supervisor.distribution import Distribution
from serverkit_supervisor.engine import Engine
from serverkit_supervisor.errors import SupervisorError
from serverkit_supervisor.events import SupervisorEvent
from serverkit_supervisor.exit_reason import ExitReason
from serverkit_supervisor.fleet import Fleet
from serverkit_supervisor.generation import Generation
from serverkit_supervisor.group import WorkerGroup
from serverkit_supervisor.handover import Outlet
from serverkit_supervisor.lineage import Lineage
from serverkit_supervisor.notices import (
    Alive,
    Exited,
    Failed,
    Notice,
    Ready,
    RecycleWanted,
    Stacks,
)
from serverkit_supervisor.orders import Look, Message, Order
from serverkit_supervisor.patience import Patience
from serverkit_supervisor.restart_policy import RestartHistory
from serverkit_supervisor.runner import RunSpec
from serverkit_supervisor.team import make_teams

BOUND_S = 30


def no_worker(context: WorkerContext) -> TCPWorker:
    """The factory that fake runners do not call."""
    raise AssertionError("a fake runner makes no worker")


class FakeRunner:
    """A runner whose worker does what a test says.

    Args:
        rig: where it lives.
        spec: what it is to run.
    """

    outlet: Outlet | None = None

    def __init__(self, rig: "Rig", spec: RunSpec) -> None:
        self.rig = rig
        self.spec = spec
        self.told: list[str] = []
        self.pid: int | None = 1000 + len(rig.runners)
        self.identity = f"process {self.pid}"
        self.rss: int | None = 1
        self.is_gone = False
        self.is_closed = False
        if spec.distribute:
            self.outlet = object()  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{self.spec.group} {self.spec.worker_id}, generation {self.spec.generation}"

    # What the engine asks.

    def start(self) -> None:
        if self.rig.start_error is not None:
            raise self.rig.start_error
        self.rig.runners.append(self)

    def drain(self) -> None:
        self.told.append("drain")

    def stop(self) -> None:
        self.told.append("stop")

    def ask_status(self) -> None:
        self.told.append("status")

    def ask_stacks(self) -> None:
        self.told.append("stacks")

    def reopen_logs(self) -> None:
        self.told.append("reopen")

    def terminate(self) -> bool:
        self.told.append("terminate")
        return not self.rig.threads

    def kill(self) -> bool:
        self.told.append("kill")
        return not self.rig.threads

    def rss_bytes(self) -> int | None:
        return self.rss

    def close(self) -> None:
        assert self.outlet not in self.rig.distributor.outlets
        self.is_closed = True

    # What the worker does.

    def ready(self) -> None:
        """Be ready."""
        self.rig.post(Ready(self))

    def alive(self) -> None:
        """Give a sign of life."""
        self.rig.post(Alive(self))

    def want_recycling(self, reason: str) -> None:
        """Ask for a replacement."""
        self.rig.post(RecycleWanted(self, reason))

    def say_stacks(self, text: str) -> None:
        """Answer what the threads do."""
        self.rig.post(Stacks(self, text))

    def end(self, reason: ExitReason | None = None) -> None:
        """End; in good order where no reason is given."""
        assert not self.is_gone
        self.is_gone = True
        self.rig.post(Exited(self, reason or ExitReason(code=0, asked=True)))

    def crash(self, error: BaseException | None = None) -> None:
        """Raise."""
        error = error or ValueError("boom")
        self.rig.post(Failed(self, error, f"Traceback: {error!r}"))
        self.end(ExitReason(code=1, error=repr(error)))

    def killed(self) -> None:
        """Be ended by SIGKILL."""
        self.end(ExitReason(signal="SIGKILL"))

    @property
    def is_told_to_end(self) -> bool:
        """Whether it was asked to in any way."""
        return bool({"drain", "stop", "terminate", "kill"} & set(self.told))

    @property
    def is_in_service(self) -> bool:
        """Whether the distributor has its outlet."""
        return self.outlet in self.rig.distributor.outlets


class FakeDistributor:
    """A distributor that knows who is to be given connections."""

    def __init__(self) -> None:
        self.outlets: list[object] = []
        self.starts = 0
        self.outlets_at_start = 0
        self.is_running = False
        self.failure: BaseException | None = None
        self.is_stopped = threading.Event()
        self.may_stop = threading.Event()
        self.may_stop.set()

    def start(self) -> None:
        self.starts += 1
        self.outlets_at_start = len(self.outlets)
        self.is_running = True

    def add(self, outlet: object) -> None:
        assert outlet not in self.outlets
        self.outlets.append(outlet)

    def remove(self, outlet: object) -> None:
        self.outlets.remove(outlet)

    def stop(self, *, within_s: float) -> None:
        assert self.may_stop.wait(BOUND_S)
        self.is_running = False
        self.is_stopped.set()


class Rig:
    """All of it.

    Args:
        count: of workers of the first group.
        groups: further ones.
        threads: runners cannot be ended by force.
        renew: see `Supervisor`.
        generation: the first one; None: one that is made of nothing.
        worker_timeout: in seconds.
        settings: of the configuration.
    """

    def __init__(
        self,
        count: int = 2,
        *,
        groups: tuple[WorkerGroup, ...] = (),
        threads: bool = False,
        renew: Callable[[], Generation] | None = None,
        generation: Generation | None = None,
        worker_timeout: float = 0,
        **settings: object,
    ) -> None:
        self.config = SupervisorConfig(worker_count=count, **settings)  # type: ignore[arg-type]
        self.threads = threads
        self.now = 100.0
        self.inbox: collections.deque[Message] = collections.deque()
        self._posted = threading.Condition()
        self.runners: list[FakeRunner] = []
        self.start_error: Exception | None = None
        self.events: list[SupervisorEvent] = []
        self.ready_calls = 0
        self.distributor = FakeDistributor()
        distribution = Distribution(RestartHistory(self.config.restart), self.look)
        distribution.distributor = self.distributor
        self.distribution = distribution
        teams = make_teams(self.config, groups, (), ())
        teams[0].distribute = True
        self.fleet = Fleet(
            config=self.config,
            teams=teams,
            lineage=Lineage(generation or Generation(factory=no_worker), self.look),
            distribution=distribution,
            make_runner=self._make_runner,
            post=self.post,
            clock=lambda: self.now,
            patience=Patience(self.config, worker_timeout),
            announce=self.events.append,
        )
        self.fleet._chance = random.Random(0)
        self.engine = Engine(self.fleet, post=self.post, renew=renew, on_ready=self._on_ready)
        self.engine.begin()
        self.engine.step(None)

    def _make_runner(self, spec: RunSpec, post: Callable[[Notice], None]) -> FakeRunner:
        return FakeRunner(self, spec)

    def _on_ready(self) -> None:
        self.ready_calls += 1

    def look(self) -> None:
        """Say that something has changed."""
        self.post(Look())

    def post(self, message: Message) -> None:
        """Leave a message for the engine."""
        with self._posted:
            self.inbox.append(message)
            self._posted.notify()

    def settle(self) -> None:
        """Let the engine take all that was posted."""
        while self.inbox:
            self.engine.step(self.inbox.popleft())

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Settle until something holds, which another thread brings about."""
        self.settle()
        while not condition():
            with self._posted:
                assert self._posted.wait_for(lambda: bool(self.inbox), BOUND_S)
            self.settle()

    def wait_until_swept(self) -> None:
        """Let the distributor end, where it was told to, and the engine take note of that."""
        stopper = self.distribution._stopper
        if stopper is not None:
            stopper.join(BOUND_S)
            assert not stopper.is_alive()
        self.settle()

    def order(self, order: Order) -> None:
        """Give an order, and let the engine take it."""
        self.post(order)
        self.settle()

    def pass_time(self, seconds: float) -> None:
        """Let time pass, stopping at each deadline as the loop does."""
        until = self.now + seconds
        for _ in range(1000):
            self.settle()
            deadline = self.engine.next_deadline()
            if self.engine.is_over or deadline is None or deadline > until:
                break
            self.now = max(self.now, deadline)
            self.engine.step(None)
        else:
            raise AssertionError("the engine looks again and again, and nothing happens")
        self.now = until  # and no step: the loop does not look where no deadline has passed

    def start(self) -> "Rig":
        """Let all workers be ready."""
        for runner in self.live():
            runner.ready()
        self.settle()
        assert self.ready_calls == 1
        return self

    def live(self, **traits: object) -> list[FakeRunner]:
        """List the runners that are not gone, with these values in their specs."""
        return [
            runner
            for runner in self.runners
            if not runner.is_gone
            and all(getattr(runner.spec, name) == value for name, value in traits.items())
        ]

    def one(self, **traits: object) -> FakeRunner:
        """Give the only one of them."""
        (runner,) = self.live(**traits)
        return runner

    def kinds(self) -> list[str]:
        """List the kinds of events."""
        return [event.kind for event in self.events]

    def end_all(self) -> None:
        """Let each worker end that was told to."""
        for runner in self.live():
            if runner.is_told_to_end:
                runner.end()
        self.settle()

    def shut_down(self) -> None:
        """Give the order to shut down, and obey it, group by group."""

        def obey() -> bool:
            while any(runner.is_told_to_end for runner in self.live()):
                self.end_all()
            return self.engine.is_over

        self.order(Order.SHUTDOWN)
        self.wait_for(obey)

    def outcome(self) -> SupervisorError | None:
        """Give what the engine raises at its end."""
        assert self.engine.is_over
        try:
            self.engine.raise_outcome()
        except SupervisorError as error:
            return error
        return None
