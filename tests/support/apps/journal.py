"""What an application under test saw, kept for the test to ask, and gates it waits at."""

import asyncio
from collections import defaultdict

PATIENCE_S = 45.0


class Journal:
    """Notes by name, and gates by name that a request waits at until the test opens them.

    Owner: the event loop of the application; everything is called there.
    """

    def __init__(self) -> None:
        self.calls = 0
        self._notes: defaultdict[str, list[str]] = defaultdict(list)
        self._gates: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._everything_open = False
        self._news = asyncio.Event()

    def note(self, name: str, text: str) -> None:
        """Add a note, and wake who waits for it."""
        self._notes[name].append(text)
        self._news.set()
        self._news = asyncio.Event()

    async def notes(self, name: str, until: str, count: int = 1) -> list[str]:
        """Return the notes of `name` as soon as `until` is there `count` times, or too late."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while until and self._notes[name].count(until) < count:
                    await self._news.wait()
        except TimeoutError:
            pass
        return list(self._notes[name])

    async def pass_gate(self, name: str) -> None:
        """Wait until the gate is open."""
        if not self._everything_open:
            await self._gates[name].wait()

    def open_gate(self, name: str) -> None:
        """Let pass who waits at the gate or comes later."""
        self._gates[name].set()

    def open_every_gate(self) -> None:
        """Let everybody pass from now on."""
        self._everything_open = True
        for gate in self._gates.values():
            gate.set()
