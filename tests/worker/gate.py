"""An application whose calls a test holds up."""

import asyncio
import gc

from serverkit_worker.asgi import Receive, Scope, Send
from tests.worker.driving import hello
from tests.worker.running import RunningWorker


class Gate:
    """An application whose calls wait until the test lets them go."""

    def __init__(self, *, stubborn: bool = False) -> None:
        self.entered = 0
        self.cancelled = 0
        self._stubborn = stubborn
        self._open = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiters: list[asyncio.Event] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        self._loop = asyncio.get_running_loop()
        event = asyncio.Event()
        self._waiters.append(event)
        self.entered += 1
        while not self._open:
            try:
                await event.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                if not self._stubborn:
                    raise
        await hello(scope, receive, send)

    def let_go(self) -> None:
        """Let every call go on. Any thread."""
        self._open = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._set)

    def _set(self) -> None:
        for event in self._waiters:
            event.set()

    def forget(self, running: RunningWorker) -> None:
        """Let calls that were left behind be collected, and reported, here."""
        self._waiters.clear()
        assert running.worker._serving is not None
        running.worker._serving.tasks.clear()
        gc.collect()
