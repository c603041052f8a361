"""How the WebSockets of an application ended, kept for the test to ask."""

import asyncio
from collections import defaultdict
from concurrent.futures import Future
from dataclasses import asdict, dataclass

PATIENCE_S = 45.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What a framework let its handler know of the end."""

    code: int | None = None
    reason: str | None = None


class Endings:
    """The end of each WebSocket by the name that the test gave it; a second end is an error.

    Threads: `tell` may be called from any, `of` from that of an event loop.
    """

    def __init__(self) -> None:
        self._told: defaultdict[str, Future[Ending]] = defaultdict(Future)

    def tell(self, name: str, code: int | None = None, reason: str | None = None) -> None:
        """Note the end of the WebSocket of that name."""
        self._told[name].set_result(Ending(code=code, reason=reason))

    async def of(self, name: str) -> dict[str, int | str | None]:
        """Return how the WebSocket of that name ended, once it has."""
        async with asyncio.timeout(PATIENCE_S):
            ending: Ending = await asyncio.wrap_future(self._told[name])
        return asdict(ending)
