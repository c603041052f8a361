"""Tells an application that the server starts and stops, and learns whether it could.

How it runs, in a task of its own on the loop that serves the requests::

    startup() ── lifespan.startup ──> app ── startup.complete ──> returns, the state is filled
                                          ── startup.failed, or it raises ──> LifespanError
    shutdown() ─ lifespan.shutdown ─> app ── shutdown.complete ─> returns
                                          ── shutdown.failed, or it raises ─> ShutdownError

Rules:
    Only an application that does not know the scope is let off, and only in mode `auto`. That is
    one that leaves without having answered: it returns, it answers as if it had been sent a
    request, or it raises before it asked for a message and what it raises is about the scope.
    Everything else that goes wrong ends the server. Every wait is bounded.

Source: ASGI specification, "Lifespan Protocol" 2.0. Where it lets a server continue after any
exception, this one is stricter: an application that cannot start does not serve.
"""

import asyncio
import logging
import re
from collections.abc import Mapping
from typing import Any, Literal, Self

from serverkit_server.app_import import app_traceback
from serverkit_server.config import ServerConfig
from serverkit_server.errors import LifespanError, ShutdownError
from serverkit_worker.asgi import ASGIApp, Message

_LOG = logging.getLogger("serverkit.server")

# What applications look up in the scope of a request, and do not find in this one.
_REQUEST_KEYS = frozenset(
    {"method", "path", "raw_path", "query_string", "headers", "scheme", "server", "client"}
    | {"http_version", "root_path", "subprotocols", "extensions"}
)
_ABOUT_THE_SCOPE = re.compile(r"\b(lifespan|scope)\b", re.IGNORECASE)
# What each message of the server can be answered with.
_ANSWERS = {
    "lifespan.startup": ("lifespan.startup.complete", "lifespan.startup.failed"),
    "lifespan.shutdown": ("lifespan.shutdown.complete", "lifespan.shutdown.failed"),
}
_OFF_REMEDY = "If the application has nothing to start, say lifespan=off."


class Lifespan:
    """One start and one stop of one application.

    Args:
        app: called once, unless the mode is off.
        mode: `on`: it must know the scope; `auto`: it may; `off`: it is not asked.
        startup_timeout: seconds until a start has failed.
        shutdown_timeout: seconds until a stop has failed.

    Attributes:
        state: what the application puts into `scope["state"]`, for every request.

    Threads: those of the loop in which `startup` is called.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        mode: Literal["auto", "on", "off"],
        startup_timeout: float,
        shutdown_timeout: float,
    ) -> None:
        self.state: dict[str, Any] = {}
        self._app = app
        self._mode = mode
        self._startup_timeout = startup_timeout
        self._shutdown_timeout = shutdown_timeout
        self._task: asyncio.Task[None] | None = None
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        self._asked = ""  # the message that waits for an answer
        self._answer: asyncio.Future[Mapping[str, Any]] | None = None
        self._is_up = False  # between the answers to startup and to shutdown
        self._is_over = False  # after its last word
        self._has_received = False
        self._took_for_request = False
        self._error: BaseException | None = None

    @classmethod
    def of(cls, config: ServerConfig, app: ASGIApp) -> Self:
        """Make the lifespan of an application as a server is configured."""
        return cls(
            app,
            mode=config.lifespan,
            startup_timeout=config.startup_timeout,
            shutdown_timeout=config.shutdown_timeout,
        )

    async def startup_unless(self, stop: asyncio.Event) -> bool:
        """Start the application, unless it is to stop before; say whether it has started.

        Args:
            stop: may be set at any time. A start that is under way is cancelled.

        Raises:
            LifespanError: as `startup` does.
        """
        if stop.is_set():
            return False
        starting = asyncio.create_task(self.startup())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            if not starting.done():
                starting.cancel()
                await asyncio.wait({starting})  # which bounds its own end
        if starting.cancelled():
            return False
        starting.result()
        return True

    async def startup(self) -> None:
        """Let the application start; return when it has, or has nothing to start.

        Raises:
            LifespanError: it failed, did not answer in time, or must know the scope and does not.
        """
        if self._mode == "off":
            return
        self._task = asyncio.create_task(self._run(), name="serverkit-lifespan")
        try:
            answer = await self._ask("lifespan.startup", self._startup_timeout)
        except TimeoutError:
            raise LifespanError(
                f"The application did not start within {self._startup_timeout:g} s.",
                setting="startup_timeout",
                remedy=f"Allow it more time with startup_timeout. {_OFF_REMEDY}",
            ) from None
        if answer is None:
            self._judge_end_without_answer()
        elif answer["type"] == "lifespan.startup.failed":
            await self._end(self._task)
            raise LifespanError(
                _with_reason("The application failed to start", answer),
                details=self._details(answer),
            )

    async def shutdown(self) -> None:
        """Let the application stop. Does nothing if it was not started.

        Raises:
            ShutdownError: it failed, or took too long and was cancelled.
        """
        if self._task is None or not self._is_up:
            return
        self._is_up = False
        if self._task.done():
            if self._error is not None:  # logged when it happened
                raise ShutdownError("The lifespan of the application failed while it served.")
            return
        try:
            answer = await self._ask("lifespan.shutdown", self._shutdown_timeout)
        except TimeoutError:
            raise ShutdownError(
                f"The application did not shut down within {self._shutdown_timeout:g} s.",
                setting="shutdown_timeout",
            ) from None
        await self._end(self._task)
        if answer is not None and answer["type"] == "lifespan.shutdown.failed":
            raise ShutdownError(
                _with_reason("The application failed to shut down", answer),
                details=self._details(answer),
            )
        if self._error is not None:
            raise ShutdownError(
                "The application failed while it shut down.", details=self._details({})
            )

    async def _run(self) -> None:
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        try:
            await self._app(scope, self._receive, self._send)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - judged by who asked
            self._error = error
            if self._is_up:
                _LOG.error(
                    "The lifespan of the application failed:\n%s", app_traceback(error, __file__)
                )

    async def _receive(self) -> Message:
        self._has_received = True
        if self._is_over and self._task is not None:
            self._task.cancel()  # It has been told all there is, and would wait for ever.
        return await self._messages.get()

    async def _send(self, message: Mapping[str, Any]) -> None:
        kind = message.get("type")
        if not str(kind).startswith("lifespan."):
            self._took_for_request = True
        if self._answer is None or self._answer.done() or kind not in _ANSWERS[self._asked]:
            raise RuntimeError(f"{kind!r} cannot be sent now in the lifespan scope")
        if kind == "lifespan.startup.complete":
            self._is_up = True
        else:
            self._is_over = True
        self._answer.set_result(message)

    async def _ask(self, kind: str, timeout_s: float) -> Mapping[str, Any] | None:
        """Send a message and wait for the answer; None: the application ended without one.

        Raises:
            TimeoutError: there is no answer yet. The application was cancelled.
        """
        task = self._task
        if task is None:
            raise AssertionError("nothing can be asked before the application is called")
        self._asked = kind
        self._answer = asyncio.get_running_loop().create_future()
        self._messages.put_nowait({"type": kind})
        either: set[asyncio.Future[Any]] = {task, self._answer}
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except BaseException:
            self._answer.cancel()
            task.cancel()
            await self._end(task)
            raise
        return self._answer.result() if self._answer.done() else None

    async def _end(self, task: asyncio.Task[None]) -> None:
        """Let the application leave after its answer; cancel it where it does not."""
        for _ in range(2):
            done, _ = await asyncio.wait({task}, timeout=self._shutdown_timeout)
            if done:
                return
            task.cancel()
        _LOG.warning("The lifespan of the application does not end, though it was cancelled.")

    def _judge_end_without_answer(self) -> None:
        """Let an application off that does not know the scope, if it need not.

        Raises:
            LifespanError: it must know the scope, or knows it and failed.
        """
        error = self._error
        is_unknown = self._took_for_request or error is None
        if error is not None and not self._has_received:
            is_unknown = is_unknown or _is_about_the_scope(error)
        if not is_unknown:
            raise LifespanError(
                f"The application failed to start: {_last_line(str(error)) or repr(error)}",
                remedy=_OFF_REMEDY,
                details=self._details({}),
            )
        if self._mode == "on":
            raise LifespanError(
                "The application does not know the lifespan scope.",
                setting="lifespan",
                remedy="Say lifespan=auto or lifespan=off, or let it handle the scope.",
                details=self._details({}),
            )
        _LOG.debug("The application has no lifespan%s.", f" ({error!r})" if error else "")

    def _details(self, answer: Mapping[str, Any]) -> str:
        if self._error is not None:
            return app_traceback(self._error, __file__)
        reason = str(answer.get("message", ""))
        return reason.rstrip() if "\n" in reason.strip() else ""


def _is_about_the_scope(error: BaseException) -> bool:
    """Say whether an application raised because it does not know the type of the scope."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    text = str(error)
    match error:
        case KeyError():
            return bool(error.args) and error.args[0] in _REQUEST_KEYS
        case NotImplementedError() | AssertionError():
            return not text or bool(_ABOUT_THE_SCOPE.search(text))
        case ValueError() | TypeError() | LookupError() | AttributeError():
            return bool(_ABOUT_THE_SCOPE.search(text))
        case _:
            return type(error) is Exception and bool(_ABOUT_THE_SCOPE.search(text))


def _with_reason(text: str, answer: Mapping[str, Any]) -> str:
    reason = _last_line(str(answer.get("message", "")))
    return f"{text}: {reason}" if reason else f"{text}."


def _last_line(text: str) -> str:
    """Give what a traceback ends with: frameworks send all of it as the reason."""
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""
