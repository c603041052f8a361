"""Checks that a worker keeps the contract: for the tests of whoever writes one.

    from serverkit_supervisor.testing import check_worker

    def test_my_worker_keeps_the_contract():
        check_worker(MyWorker)

Each rule has a name, which the failure says. In threads the worker is looked at from within; in a
process it is seen as the supervisor sees it.
"""

import socket
from collections.abc import Sequence
from typing import Literal

from serverkit_supervisor.check_in_process import ProcessLife
from serverkit_supervisor.check_in_thread import Life
from serverkit_supervisor.contract import WorkerFactory
from serverkit_supervisor.contract_rules import Rule, broken

__all__ = ("Rule", "check_worker")


def check_worker(
    factory: WorkerFactory,
    *,
    mode: Literal["thread", "process"] | None = None,
    sockets: Sequence[socket.socket] | None = None,
    state: dict[str, object] | None = None,
    timeout_s: float = 30.0,
) -> None:
    """Lead workers through all that may happen to them, and check each rule of the contract.

    Args:
        factory: makes the workers.
        mode: where to run them; None: in threads and in processes.
        sockets: what they serve, listening or for datagrams; None: they are handed connections.
        state: for `set_lifespan_state`.
        timeout_s: how long a worker may take for each step, such as being ready or draining.

    Raises:
        AssertionError: a rule is broken. The message names it and says what happened.
    """
    if mode != "process":
        lives = [Life(factory, sockets, state, timeout_s) for _ in range(3)]
        lives[0].check("start_draining")
        if hasattr(lives[0].worker, "shutdown"):
            lives[1].check("shutdown")
        lives[2].check_early_drain()
        workers = [life.worker for life in lives if life.worker is not None]
        if len({id(worker) for worker in workers}) < len(workers):
            broken(Rule.NEW_EACH_TIME, f"It made {workers[0]!r} twice.")
    if mode != "thread":
        for drain in (True, False):
            ProcessLife(factory, sockets, state, timeout_s).check(drain=drain)
