"""Tells the application about its worker: the `serverkit.worker.*` scopes.

An application that knows them opens and closes what belongs to one worker's loop there. Most
applications don't; what they raise at an unknown scope is no failure.
"""

import asyncio
import logging
from typing import Final

from serverkit_worker.asgi import ASGIApp, Message, Scope

logger = logging.getLogger("serverkit.error")

STARTUP: Final = "serverkit.worker.startup"
DRAINING: Final = "serverkit.worker.draining"
SHUTDOWN: Final = "serverkit.worker.shutdown"

# What frameworks raise at a scope type that they don't know.
_UNKNOWN_SCOPE_ERRORS: Final = (AssertionError, KeyError, NotImplementedError, LookupError)


async def call_hook(app: ASGIApp, scope: Scope, *, timeout_s: float) -> BaseException | None:
    """Call the application with a scope of its worker's life.

    Args:
        app: of the worker.
        scope: `type`, `worker_id`, `generation` and what belongs to the type.
        timeout_s: after which the call is cancelled.

    Returns:
        What the application raised, or a TimeoutError; None where all went well or the
        application does not know such scopes.
    """
    try:
        async with asyncio.timeout(timeout_s):
            await app(scope, _receive, _send)
    except Exception as exc:  # noqa: BLE001  whatever the application raises is its own
        if _does_not_know(exc, scope):
            logger.debug("The application does not know the scope %s: %r", scope["type"], exc)
            return None
        return exc
    return None


def _does_not_know(exc: Exception, scope: Scope) -> bool:
    """Return whether an exception says no more than that the type of the scope is unknown."""
    text = str(exc)
    return (
        isinstance(exc, _UNKNOWN_SCOPE_ERRORS)
        or str(scope["type"]) in text
        or "scope" in text.lower()
    )


async def _receive() -> Message:
    """Let an application that takes the scope for a request find that its client has left."""
    return {"type": "http.disconnect"}


async def _send(message: Message) -> None:
    """Take whatever is sent: there is nobody to send it to."""
