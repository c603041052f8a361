"""The generations: the one that serves, the one to come, and those that are not over yet."""

from collections.abc import Callable

from serverkit_supervisor.generation import Generation, GenerationLife


class Lineage:
    """All generations, from the first on.

    Owner: the engine. Threads: the supervisor's.

    Args:
        made_of: what the first one is made of.
        when_retired: called when one has retired, by any thread.
    """

    def __init__(self, made_of: Generation, when_retired: Callable[[], None]) -> None:
        self.current = GenerationLife(0, made_of)
        self._when_retired = when_retired
        self._lives = [self.current]
        self._next_number = 1

    def conceive(self, made_of: Generation) -> GenerationLife:
        """Begin a generation that is made of something, as yet without workers."""
        before = self.current if made_of is self.current.made_of else None
        life = GenerationLife(self._next_number, made_of, before)
        self._next_number += 1
        self._lives = [each for each in self._lives if not each.is_over]
        self._lives.append(life)
        return life

    def succeed(self, life: GenerationLife) -> None:
        """Let a generation take the place of the current one, which gets no more workers."""
        old, self.current = self.current, life
        self.give_up(old)

    def give_up(self, life: GenerationLife) -> None:
        """Let a generation get no more workers, and retire when its last is gone."""
        life.is_wanted = False
        life.retire_if_over(self._when_retired)

    def give_up_all(self) -> None:
        """Let no generation get any more workers."""
        for life in self._lives:
            self.give_up(life)

    def leave(self, life: GenerationLife) -> None:
        """Take down that a worker of a generation is gone."""
        life.leave(self._when_retired)

    def retiring(self) -> list[GenerationLife]:
        """List those whose retirement has begun and is not over."""
        return [life for life in self._lives if life.is_retiring]
