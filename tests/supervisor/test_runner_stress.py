"""Many workers that begin and end in any order."""

import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from serverkit_supervisor import WorkerFactory
from serverkit_supervisor.notices import Exited, Ready
from serverkit_supervisor.processes import ProcessRunner
from serverkit_supervisor.runner import RunnerFactory
from serverkit_supervisor.threads import ThreadRunner
from tests.supervisor import process_workers as workers
from tests.supervisor.process_workers import Waiting
from tests.supervisor.runs import Run, acting, open_descriptors

FACTORIES: list[WorkerFactory] = [
    Waiting,
    Waiting,
    acting(workers.raise_value_error),
    acting(workers.return_at_once),
    acting(workers.leave_at_once, code=4),
    workers.fail_in_factory,
]
ACTIONS: list[Callable[[Run], object]] = [
    lambda run: run.runner.kill(),
    lambda run: run.runner.terminate(),
    lambda run: run.runner.drain(),
    lambda run: run.runner.stop(),
    lambda run: run.runner.ask_status(),
    lambda run: run.runner.ask_stacks(),
    lambda run: run.runner.rss_bytes(),
    lambda run: run.runner.reopen_logs(),
]


def children() -> set[str]:
    """The processes that this one has started, those included that have ended."""
    lists = Path("/proc/self/task").glob("*/children")
    return {pid for each in lists for pid in each.read_text("ascii").split()}


def begin_and_end(kind: RunnerFactory, total: int, at_once: int, seed: int) -> None:
    """Run workers, some at a time, and do things to them in any order."""
    chance = random.Random(seed)
    live: list[Run] = []
    for number in range(total):
        factories = FACTORIES if kind is ProcessRunner else [*FACTORIES[:4], FACTORIES[5]]
        run = Run(chance.choice(factories), kind, distribute=chance.random() < 0.5)
        run.__enter__()
        live.append(run)
        for _ in range(chance.randrange(4)):
            chance.choice(ACTIONS)(chance.choice(live))
        if len(live) >= at_once or number == total - 1:
            chance.shuffle(live)
            while len(live) > (0 if number == total - 1 else at_once // 2):
                finish(live.pop(), chance)


def finish(run: Run, chance: random.Random) -> None:
    """End a run, and check what it has told."""
    if not chance.choice((run.runner.kill, run.runner.terminate))():
        run.runner.drain()
    while not isinstance(run.next(), Exited):
        pass
    run.runner.close()
    assert run.silent
    assert sum(isinstance(each, Ready) for each in run.heard) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("kind", "total"), [(ProcessRunner, 12), (ThreadRunner, 200)], ids=["processes", "threads"]
)
def test_nothing_is_left_behind(kind: RunnerFactory, total: int, seed: int) -> None:
    """However workers begin and end, no descriptor, no thread and no zombie stays."""
    descriptors, threads, before = open_descriptors(), threading.active_count(), children()
    begin_and_end(kind, total, at_once=8, seed=seed)
    assert open_descriptors() == descriptors
    assert threading.active_count() == threads
    assert children() <= before
