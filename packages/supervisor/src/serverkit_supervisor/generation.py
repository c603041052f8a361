"""The workers that were made from the same code, and what is left to do when the last is gone."""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from serverkit_supervisor.contract import WorkerFactory

_LOG = logging.getLogger("serverkit.supervisor")


def _keep() -> None:
    """Leave nothing behind, since nothing was taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """What all workers of one generation are made of. A reload replaces it as a whole.

    Args:
        factory: makes the workers of the first group.
        factories: make those of further groups, by the group's name; a group that is not named
            keeps the factory it was declared with.
        state: what the application's start left behind, for each worker; None: what
            `set_lifespan_state` was given.
        retire: called once, in a thread of its own, when the last worker of the generation is
            gone: the time to give back what the workers shared. `run` waits for it at the end.

    Threads: any; it never changes.
    """

    factory: WorkerFactory
    factories: Mapping[str, WorkerFactory] = field(default_factory=lambda: MappingProxyType({}))
    state: dict[str, object] | None = None
    retire: Callable[[], None] = _keep


class GenerationLife:
    """One generation, from before its first worker to after its last.

    Owner: the engine. Threads: the supervisor's.

    Args:
        number: 0 and up.
        made_of: what its workers are made of.
        before: the generation that is made of the very same; None: none is. What they share is
            put away when the last of them is over.
    """

    def __init__(
        self, number: int, made_of: Generation, before: "GenerationLife | None" = None
    ) -> None:
        self.number = number
        self.made_of = made_of
        self.is_wanted = True
        self.sharers: set[GenerationLife] = before.sharers if before is not None else set()
        self.sharers.add(self)
        self._runs = 0
        self._retirement: threading.Thread | None = None
        self._retired = threading.Event()

    def __str__(self) -> str:
        return f"generation {self.number}"

    def factory_of(self, group: str, declared: WorkerFactory | None) -> WorkerFactory:
        """Give what makes the workers of a group; `declared` is None for the first group."""
        if declared is None:
            return self.made_of.factory
        return self.made_of.factories.get(group, declared)

    def enter(self) -> None:
        """Count one more worker."""
        self._runs += 1

    def leave(self, when_retired: Callable[[], None]) -> None:
        """Count one worker less; see `retire_if_over`."""
        self._runs -= 1
        self.retire_if_over(when_retired)

    def retire_if_over(self, when_retired: Callable[[], None]) -> None:
        """Retire the generation where it has no worker, gets none any more, and was not retired.

        Args:
            when_retired: called when that is done, by the thread that did it.
        """
        if self.is_wanted or self._runs or self not in self.sharers:
            return
        self.sharers.remove(self)
        if self.sharers:
            return
        self._retirement = threading.Thread(
            target=self._retire,
            args=(when_retired,),
            name=f"serverkit-retire-{self.number}",
            daemon=True,
        )
        self._retirement.start()

    @property
    def is_over(self) -> bool:
        """Whether nothing is left of it: it has retired, or another needs what it was made of."""
        return self not in self.sharers and not self.is_retiring

    @property
    def is_retiring(self) -> bool:
        """Whether its retirement has begun and is not over."""
        return self._retirement is not None and not self._retired.is_set()

    def _retire(self, when_retired: Callable[[], None]) -> None:
        try:
            self.made_of.retire()
        except Exception:  # noqa: BLE001 - whatever it is, the supervisor goes on
            _LOG.exception("What %s left behind could not be put away", self)
        finally:
            self._retired.set()
            when_retired()
