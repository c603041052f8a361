"""What holds whatever happens to an engine, in whatever order."""

import collections
from unittest import mock

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from serverkit_supervisor.errors import RestartLimitReached, StartupFailed, Unstopped
from serverkit_supervisor.exit_reason import ExitReason
from serverkit_supervisor.generation import Generation
from serverkit_supervisor.group import WorkerGroup
from serverkit_supervisor.orders import Order
from serverkit_supervisor.reloading import Reload
from serverkit_supervisor.renewal import Renewal
from serverkit_supervisor.restart_policy import RestartPolicy
from serverkit_supervisor.restarting import Restart
from serverkit_supervisor.runner import RunSpec
from serverkit_supervisor.states import OVER
from tests.supervisor.rig import FakeRunner, Rig, no_worker

POOL = WorkerGroup(name="pool", factory=no_worker)
BUDGET = 3
LAST_ORDERS = {Order.SHUTDOWN, Order.HAND_OVER, Order.ABORT}
RUNNERS = st.integers(0, 30)


class Life(RuleBasedStateMachine):
    """A supervisor whose workers and owner do anything at any time."""

    @initialize(
        count=st.integers(1, 3),
        threads=st.booleans(),
        pool=st.booleans(),
        renews=st.booleans(),
    )
    def begin(self, *, count: int, threads: bool, pool: bool, renews: bool) -> None:
        """Start."""
        self.spawned_late: list[FakeRunner] = []
        self.put_away: list[int] = []
        # Without a thread, so that the same example runs in the same way each time.
        self.patch = mock.patch.object(Renewal, "start", lambda renewal, now: renewal._run())
        self.patch.start()
        self.is_ending = False
        self.rig = Rig(
            count,
            threads=threads,
            groups=(POOL,) if pool else (),
            renew=self.renew if renews else None,
            generation=self.renew(),
            worker_timeout=20,
            restart=RestartPolicy(budget=BUDGET),
            worker_lifetime=200,
            worker_max_rss=0 if threads else 1000,
        )
        for runner in self.rig.live():
            runner.ready()
        self.rig.settle()
        start = FakeRunner.start

        def watched_start(runner: FakeRunner) -> None:
            if self.is_ending:
                self.spawned_late.append(runner)
            if isinstance(self.rig.engine._change, Restart):
                assert {r.spec.generation for r in self.live()} <= {runner.spec.generation}
            start(runner)

        self.rig.fleet._make_runner = self.make_runner
        self.watched_start = watched_start

    def make_runner(self, spec: RunSpec, post: object) -> FakeRunner:
        """Make a runner whose start is watched."""
        runner = FakeRunner(self.rig, spec)
        runner.start = lambda: self.watched_start(runner)  # type: ignore[method-assign]
        return runner

    def renew(self) -> Generation:
        """Make a generation."""
        number = len(getattr(self, "made", []))
        self.made = [*getattr(self, "made", []), number]
        return Generation(factory=no_worker, retire=lambda: self.put_away.append(number))

    def live(self) -> list[FakeRunner]:
        """List the runners that are not gone, nor left behind."""
        states = {run.runner: run.state for run in self.rig.fleet.runs.values()}
        return [r for r in self.rig.live() if states.get(r) not in OVER]

    def pick(self, number: int) -> FakeRunner | None:
        """Choose a runner that is not gone."""
        live = self.rig.live()
        return live[number % len(live)] if live else None

    def is_open(self) -> bool:
        """Whether there is anything left to happen."""
        return not self.rig.engine.is_over

    @rule(number=RUNNERS)
    def a_worker_is_ready(self, number: int) -> None:
        """Maybe not for the first time."""
        if runner := self.pick(number):
            runner.ready()
            self.rig.settle()

    @rule()
    def all_are_ready(self) -> None:
        """Those that start."""
        for runner in self.rig.live():
            runner.ready()
        self.rig.settle()

    @rule(number=RUNNERS, kind=st.sampled_from(["crash", "killed", "end"]))
    def a_worker_ends(self, number: int, kind: str) -> None:
        """In one way or another."""
        if runner := self.pick(number):
            getattr(runner, kind)()
            self.rig.settle()

    @rule(number=RUNNERS)
    def a_worker_says_something(self, number: int) -> None:
        """Of its life, its stacks, its age."""
        if runner := self.pick(number):
            runner.alive()
            runner.say_stacks("stacks")
            self.rig.settle()

    @rule(number=RUNNERS)
    def a_worker_is_old(self, number: int) -> None:
        """It asks for a replacement, or is too large."""
        if runner := self.pick(number):
            runner.want_recycling("it is old")
            runner.rss = 10_000
            self.rig.settle()

    @rule()
    def those_that_were_told_end(self) -> None:
        """As they should."""
        self.rig.end_all()

    @rule(seconds=st.sampled_from([0.1, 0.5, 2.0, 11.0, 31.0, 70.0]))
    def time_passes(self, seconds: float) -> None:
        """Deadlines pass."""
        self.rig.pass_time(seconds)

    @rule(order=st.sampled_from(sorted(set(Order) - LAST_ORDERS, key=str)))
    @precondition(lambda self: not self.is_ending)
    def an_order_comes(self, order: Order) -> None:
        """Any but the last."""
        self.rig.order(order)

    @rule(several=st.lists(st.sampled_from([Order.RELOAD, Order.RESTART, Order.ADD_WORKER])))
    @precondition(lambda self: not self.is_ending)
    def orders_come_at_once(self, several: list[Order]) -> None:
        """Before the engine has taken the first of them."""
        for order in several:
            self.rig.post(order)
        self.rig.settle()

    @rule(order=st.sampled_from(sorted(LAST_ORDERS, key=str)))
    @precondition(lambda self: len(self.rig.runners) > 6)
    def the_end_comes(self, order: Order) -> None:
        """Nothing starts from now on."""
        self.is_ending = True
        self.rig.order(order)

    @invariant()
    def nothing_starts_after_the_end(self) -> None:
        """Whatever comes."""
        assert self.spawned_late == []

    @invariant()
    def no_place_is_served_twice(self) -> None:
        """Of those in service, each has a number of its own."""
        served = collections.Counter(
            (r.spec.group, r.spec.worker_id) for r in self.rig.live() if r.is_in_service
        )
        assert all(count == 1 for count in served.values())

    @invariant()
    def those_in_service_were_not_told_to_end(self) -> None:
        """Except that at the very end they keep what waits for them."""
        if self.rig.engine._stopping is None:
            assert not [r for r in self.rig.live() if r.is_in_service and r.is_told_to_end]

    @invariant()
    def the_gone_are_closed(self) -> None:
        """And the distributor has none of them."""
        gone = [runner for runner in self.rig.runners if runner.is_gone]
        assert all(runner.is_closed and not runner.is_in_service for runner in gone)

    @invariant()
    def the_budget_holds(self) -> None:
        """Who crashed too often ends it all, unless a reload may bring better code."""
        engine = self.rig.engine
        if engine._stopping is None and not isinstance(engine._change, Reload):
            for team in self.rig.fleet.teams:
                for slot in team.slots:
                    assert slot.history.count(self.rig.now) <= BUDGET

    @invariant()
    def every_place_is_taken_or_about_to_be(self) -> None:
        """No worker is forgotten."""
        engine = self.rig.engine
        if engine._stopping is None and engine._starting is None and engine._change is None:
            for team in self.rig.fleet.teams:
                for slot in team.slots:
                    assert slot.current is not None or slot.start_at is not None

    def teardown(self) -> None:
        """It ends, in bounded time, though no worker does as it is told."""
        if not hasattr(self, "rig"):
            return
        rig = self.rig
        self.patch.stop()
        self.is_ending = True
        rig.order(Order.SHUTDOWN)
        rig.wait_until_swept()
        for _ in range(200):
            if rig.engine.is_over:
                break
            for runner in rig.live():
                if "kill" in runner.told and not rig.threads:
                    runner.end(ExitReason(signal="SIGKILL"))
            rig.pass_time(1)
            rig.wait_for(lambda: not rig.fleet.lineage.retiring())
        assert rig.engine.is_over
        outcome = rig.outcome()
        assert outcome is None or isinstance(
            outcome, Unstopped | RestartLimitReached | StartupFailed
        )
        assert bool(rig.live()) == bool(rig.fleet.left_behind())
        self.nothing_starts_after_the_end()
        if not rig.live():
            assert sorted(self.put_away) == self.made
        else:
            assert len(set(self.put_away)) == len(self.put_away)


Life.TestCase.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
TestLife = pytest.mark.slow(Life.TestCase)
