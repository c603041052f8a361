"""The workers of one group, as the engine sees them: their slots, and the sockets they get."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from socket import socket

from serverkit_supervisor.config import SupervisorConfig
from serverkit_supervisor.contract import WorkerFactory
from serverkit_supervisor.group import FIRST_GROUP, WorkerGroup
from serverkit_supervisor.handle import Slot
from serverkit_supervisor.restart_policy import RestartHistory, RestartPolicy

SOCKET_COUNT_MISMATCH = "SERVERKIT_SUPERVISOR_SOCKET_COUNT_MISMATCH"


@dataclass(slots=True, eq=False, kw_only=True)
class Team:
    """One group at work.

    Owner: the engine.

    Args:
        name: of the group.
        policy: how patient to be with its workers.
        factory: what it was declared with; None for the first group, whose factory is that of the
            generation.
        distribute: its workers are handed connections.
        shared: sockets that each of its workers gets.
        own: sockets of which each worker gets one, by its number; empty: none does.
        slots: in the order of their numbers.
    """

    name: str
    policy: RestartPolicy
    factory: WorkerFactory | None = None
    distribute: bool = False
    shared: tuple[socket, ...] = ()
    own: tuple[socket, ...] = ()
    slots: list[Slot] = field(default_factory=list)

    def sockets_of(self, worker_id: int) -> tuple[socket, ...]:
        """Give the sockets for one of its workers."""
        return (*self.shared, self.own[worker_id]) if self.own else self.shared

    @property
    def is_full(self) -> bool:
        """Whether there is no socket for one worker more."""
        return bool(self.own) and len(self.slots) >= len(self.own)

    def add_slot(self) -> Slot:
        """Make the place of one worker more. Its number is the lowest that is free."""
        slot = Slot(
            group=self.name,
            worker_id=len(self.slots),
            history=RestartHistory(self.policy),
            recycle_history=RestartHistory(self.policy),
        )
        self.slots.append(slot)
        return slot


def make_teams(
    config: SupervisorConfig,
    groups: Sequence[WorkerGroup],
    sockets: Sequence[socket],
    udp_sockets: Sequence[socket],
) -> list[Team]:
    """Make the teams, with their slots, in the order in which they are stopped.

    The datagram sockets go to the groups that ask for them, and to the first where none does.

    Raises:
        ValueError: there are neither as many datagram sockets as workers that get one, nor one.
    """
    distribute = bool(sockets) and config.accept == "distribute"
    first = Team(
        name=FIRST_GROUP,
        policy=config.restart,
        distribute=distribute,
        shared=() if distribute else tuple(sockets),
    )
    further = [Team(name=each.name, policy=config.restart, factory=each.factory) for each in groups]
    counts = [config.worker_count, *(group.worker_count for group in groups)]
    serve_udp = [False, *(group.sockets == "udp" for group in groups)]
    if not any(serve_udp):
        serve_udp[0] = True
    for team, count, udp in zip((first, *further), counts, serve_udp, strict=True):
        if udp:
            _give_datagram_sockets(team, count, tuple(udp_sockets))
        for _ in range(count):
            team.add_slot()
    return [first, *further]


def _give_datagram_sockets(team: Team, count: int, sockets: tuple[socket, ...]) -> None:
    if len(sockets) <= 1:
        team.shared += sockets
    elif len(sockets) == count:
        team.own = sockets
    else:
        raise ValueError(
            f"{SOCKET_COUNT_MISMATCH}: {len(sockets)} datagram sockets for {count} workers of the "
            f"group {team.name!r}; give as many as workers, or a single one that all share"
        )
