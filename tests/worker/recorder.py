"""An application that keeps what it was called with."""

import threading

from serverkit_worker.asgi import Receive, Scope, Send
from tests.worker.driving import hello


class Recorder:
    """Says hello, and keeps the scopes that it was called with."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []
        self.threads: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or hear of the worker's life."""
        self.scopes.append(scope)
        self.threads.add(threading.current_thread().name)
        if scope["type"] == "http":
            await hello(scope, receive, send)

    def types(self) -> list[str]:
        """Return what it was called for, in order."""
        return [scope["type"].removeprefix("serverkit.worker.") for scope in self.scopes]
