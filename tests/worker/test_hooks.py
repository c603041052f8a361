"""The scopes by which an application learns of its worker."""

import asyncio
import logging

import pytest

from serverkit_worker.asgi import Message, Receive, Scope, Send
from serverkit_worker.hooks import DRAINING, SHUTDOWN, STARTUP, call_hook
from tests.worker.driving import stepped

SCOPE = {"type": STARTUP, "worker_id": 1}


def raising(exc: Exception) -> object:
    """Return an application that raises."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise exc

    return app


@pytest.mark.parametrize("kind", [STARTUP, DRAINING, SHUTDOWN])
@stepped
async def test_an_application_that_knows_the_scope_is_told(kind: str) -> None:
    """It has nothing to receive, and may send what it likes."""
    seen: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        seen.extend([await receive(), await receive()])
        await send({"type": "anything"})

    scope = {"type": kind, "worker_id": 7}
    assert await call_hook(app, scope, timeout_s=1) is None

    assert seen == [scope, {"type": "http.disconnect"}, {"type": "http.disconnect"}]


@pytest.mark.parametrize(
    "exc",
    [
        AssertionError(),
        KeyError("path"),
        NotImplementedError("x"),
        ValueError("Unknown scope type"),
        RuntimeError(f"only http, not {STARTUP}"),
    ],
)
@stepped
async def test_an_application_that_does_not_know_the_scope_has_not_failed(
    exc: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """Frameworks raise this or that; it is noted for who looks for it."""
    caplog.set_level(logging.DEBUG, "serverkit.error")

    assert await call_hook(raising(exc), SCOPE, timeout_s=1) is None  # type: ignore[arg-type]

    (record,) = caplog.records
    assert record.levelno == logging.DEBUG
    assert STARTUP in record.getMessage()


@pytest.mark.parametrize("exc", [ValueError("no database"), OSError(), RuntimeError("x")])
@stepped
async def test_a_failure_is_handed_on(exc: Exception) -> None:
    """What to do about it is the worker's."""
    assert await call_hook(raising(exc), SCOPE, timeout_s=1) is exc  # type: ignore[arg-type]


@stepped
async def test_an_application_that_takes_too_long_is_cancelled() -> None:
    """Its hook has failed then."""
    cancelled: list[bool] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(True)

    assert isinstance(await call_hook(app, SCOPE, timeout_s=0), TimeoutError)
    assert cancelled == [True]
