"""The start and the stop of an application."""

import asyncio
import logging
from typing import Literal

import pytest

from serverkit_server.errors import LifespanError, ShutdownError
from serverkit_server.lifespan import Lifespan
from serverkit_worker.asgi import ASGIApp, Receive, Scope, Send

BOUND_S = 30.0


def lifespan_of(
    app: ASGIApp,
    mode: Literal["auto", "on", "off"] = "auto",
    *,
    startup_timeout: float = BOUND_S,
    shutdown_timeout: float = BOUND_S,
) -> Lifespan:
    """Make a lifespan whose waits do not end a test that goes well."""
    return Lifespan(
        app, mode=mode, startup_timeout=startup_timeout, shutdown_timeout=shutdown_timeout
    )


def run(app: ASGIApp, mode: Literal["auto", "on", "off"] = "auto", **timeouts: float) -> Lifespan:
    """Start and stop an application in a loop of its own."""

    async def main() -> Lifespan:
        lifespan = lifespan_of(app, mode, **timeouts)
        async with asyncio.timeout(BOUND_S):
            await lifespan.startup()
            await lifespan.shutdown()
        assert len(asyncio.all_tasks()) == 1
        return lifespan

    return asyncio.run(main())


def refusal_of(
    app: ASGIApp, mode: Literal["auto", "on", "off"] = "auto", **timeouts: float
) -> LifespanError:
    """Start what cannot start, and give the error."""
    with pytest.raises(LifespanError) as caught:
        run(app, mode, **timeouts)
    return caught.value


def test_tells_of_start_and_stop_and_shares_the_state() -> None:
    """The application gets one scope, two messages, and its state is there after the start."""
    seen: list[object] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append({key: scope[key] for key in ("type", "asgi")})
        seen.append(await receive())
        scope["state"]["pool"] = "open"
        await send({"type": "lifespan.startup.complete"})
        seen.append(await receive())
        await send({"type": "lifespan.shutdown.complete"})
        seen.append("left")

    lifespan = run(app)
    assert seen == [
        {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}},
        {"type": "lifespan.startup"},
        {"type": "lifespan.shutdown"},
        "left",
    ]
    assert lifespan.state == {"pool": "open"}


def test_is_not_called_when_off() -> None:
    """In mode off the application is not called at all."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("called")

    assert run(app, "off").state == {}


def raising(error: BaseException, *, after_receive: bool = False) -> ASGIApp:
    """Make an application that raises."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if after_receive:
            await receive()
        raise type(error)(*error.args)

    return app


async def returns(scope: Scope, receive: Receive, send: Send) -> None:
    """Leave without having looked at a message, as `if scope["type"] != "http": return`."""


async def looks_for_a_path(scope: Scope, receive: Receive, send: Send) -> None:
    """Take every scope for that of a request."""
    await send({"type": scope["path"]})


async def answers_a_request(scope: Scope, receive: Receive, send: Send) -> None:
    """Read a body and respond, whatever the scope."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})


async def asserts(scope: Scope, receive: Receive, send: Send) -> None:
    """Insist on requests."""
    if scope["type"] != "http":
        raise AssertionError


UNKNOWING = [
    returns,
    looks_for_a_path,
    answers_a_request,
    asserts,
    raising(NotImplementedError()),
    raising(NotImplementedError("this application does not speak lifespan")),
    raising(ValueError("Django can only handle ASGI/HTTP connections, not lifespan.")),
    raising(ValueError("WSGI wrapper received a non-HTTP scope")),
    raising(TypeError("unknown scope type")),
    raising(Exception("Unsupported scope: lifespan")),
    raising(KeyError("method")),
    raising(ExceptionGroup("tasks", [AssertionError()])),
]


@pytest.mark.parametrize("app", UNKNOWING)
def test_lets_off_who_does_not_know_the_scope(
    app: ASGIApp, caplog: pytest.LogCaptureFixture
) -> None:
    """In mode auto an application that knows only requests is served, and the log says so."""
    with caplog.at_level(logging.DEBUG, "serverkit"):
        run(app)
    assert any("no lifespan" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("app", UNKNOWING)
def test_insists_when_on(app: ASGIApp) -> None:
    """In mode on the same application is refused, with the way out."""
    error = refusal_of(app, "on")
    assert error.message == "The application does not know the lifespan scope."
    assert error.setting == "lifespan"


@pytest.mark.parametrize("mode", ["auto", "on"])
@pytest.mark.parametrize(
    "app",
    [
        raising(RuntimeError("no database")),
        raising(RuntimeError("no database"), after_receive=True),
        raising(ValueError("no database"), after_receive=True),
        raising(NotImplementedError("no database"), after_receive=True),
        raising(KeyError("path"), after_receive=True),
        raising(AssertionError("no database"), after_receive=True),
        raising(ValueError("no database")),
        raising(KeyError("DATABASE_URL")),
        raising(ConnectionError("no database")),
        raising(SystemExit("no database")),
        raising(ExceptionGroup("tasks", [RuntimeError("no database")])),
    ],
)
def test_a_failing_start_stops_the_server(app: ASGIApp, mode: Literal["auto", "on"]) -> None:
    """An application that fails to start is not served, whatever it raises, and says why."""
    error = refusal_of(app, mode)
    assert error.message.startswith("The application failed to start: ")
    assert "test_lifespan.py" in error.details
    assert "serverkit_server" not in error.details
    assert error.exit_code == 1


def test_a_call_that_is_no_coroutine_fails() -> None:
    """An application that is no coroutine function is told as a failure, not as a crash."""
    error = refusal_of(lambda *_: None)  # type: ignore[arg-type]
    assert "await" in error.message


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("no database", "The application failed to start: no database"),
        ("Traceback:\n  ...\nOSError: gone\n", "The application failed to start: OSError: gone"),
        ("", "The application failed to start."),
    ],
)
@pytest.mark.parametrize("raises", [False, True])
def test_a_refused_start_stops_the_server(reason: str, message: str, *, raises: bool) -> None:
    """An application that reports failure is not served; its reason is told in one line."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": reason})
        if raises:
            raise OSError("gone")

    error = refusal_of(app)
    assert message == error.message
    assert ("Traceback" in error.details) is (raises or "Traceback" in reason)


@pytest.mark.parametrize("refuses", ["startup", "shutdown", None])
def test_who_waits_for_more_after_the_last_word_delays_nothing(refuses: str | None) -> None:
    """An endless loop over the messages, without a return."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while True:
            kind = (await receive())["type"].removeprefix("lifespan.")
            outcome = "failed" if kind == refuses else "complete"
            await send({"type": f"lifespan.{kind}.{outcome}", "message": "no database"})

    long_s = 10 * BOUND_S  # more than `run` waits for all of it
    if refuses is None:
        run(app, shutdown_timeout=long_s)
        return
    with pytest.raises((LifespanError, ShutdownError), match="no database"):
        run(app, shutdown_timeout=long_s)


def test_a_start_takes_no_longer_than_allowed() -> None:
    """An application that does not answer is cancelled and not served."""
    ends: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ends.append("cancelled")

    error = refusal_of(app, startup_timeout=0.01)
    assert error.message == "The application did not start within 0.01 s."
    assert error.setting == "startup_timeout"
    assert ends == ["cancelled"]


def test_a_start_that_ignores_its_end_is_left(caplog: pytest.LogCaptureFixture) -> None:
    """An application that cannot even be cancelled does not keep the server from ending."""

    async def main() -> None:
        release = asyncio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            while not release.is_set():
                try:
                    await release.wait()
                except asyncio.CancelledError:
                    continue

        lifespan = lifespan_of(app, startup_timeout=0.01, shutdown_timeout=0.01)
        with pytest.raises(LifespanError):
            await lifespan.startup()
        release.set()

    asyncio.run(main())
    assert "though it was cancelled" in caplog.text


def test_a_start_can_be_cancelled() -> None:
    """Who waits for a start can be cancelled, and the application is so too."""
    ends: list[str] = []

    async def main() -> None:
        entered = asyncio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            entered.set()
            try:
                await asyncio.Event().wait()
            finally:
                ends.append("cancelled")

        starting = asyncio.create_task(lifespan_of(app).startup())
        await entered.wait()
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting

    asyncio.run(main())
    assert ends == ["cancelled"]


def stopping(
    kind: str, *, error: Exception | None = None, hang: bool = False, reason: str = ""
) -> ASGIApp:
    """Make an application that starts, and stops as told."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if hang:
            await asyncio.Event().wait()
        if kind:
            await send({"type": kind, "message": reason})
        if error:
            raise error

    return app


@pytest.mark.parametrize(
    ("app", "message"),
    [
        (
            stopping("lifespan.shutdown.failed", reason="disk full"),
            "The application failed to shut down: disk full",
        ),
        (stopping("", error=OSError("disk full")), "The application failed while it shut down."),
        (
            stopping("lifespan.shutdown.complete", error=OSError("disk full")),
            "The application failed while it shut down.",
        ),
    ],
)
def test_a_failing_stop_is_told(app: ASGIApp, message: str) -> None:
    """A stop that fails ends the server all the same, and is reported."""
    with pytest.raises(ShutdownError) as caught:
        run(app)
    assert message == caught.value.message


def test_a_stop_takes_no_longer_than_allowed() -> None:
    """An application that hangs as it stops is cancelled, and that is reported."""
    with pytest.raises(ShutdownError) as caught:
        run(stopping("", hang=True), shutdown_timeout=0.05)
    assert caught.value.message == "The application did not shut down within 0.05 s."


def test_a_stop_without_answer_is_a_stop() -> None:
    """An application that just leaves when told to stop has stopped."""
    run(stopping(""))


def test_a_lifespan_that_fails_while_serving_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """What the application's lifespan raises between start and stop is logged when it happens."""

    async def main() -> None:
        fail = asyncio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await fail.wait()
            raise OSError("the pool is gone")

        lifespan = lifespan_of(app)
        await lifespan.startup()
        fail.set()
        await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()})
        with pytest.raises(ShutdownError, match="while it served"):
            await lifespan.shutdown()

    asyncio.run(asyncio.wait_for(main(), BOUND_S))
    assert "OSError: the pool is gone" in caplog.text


@pytest.mark.parametrize(
    "kinds",
    [
        ["lifespan.shutdown.complete"],
        ["lifespan.startup.complete", "lifespan.startup.complete"],
        ["lifespan.nonsense"],
    ],
)
def test_messages_have_an_order(kinds: list[str]) -> None:
    """A message that is not the answer to what was asked is an error to the application."""
    refused: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        for kind in kinds:
            try:
                await send({"type": kind})
            except RuntimeError as error:
                refused.append(str(error))
        if "lifespan.startup.complete" not in kinds:
            await send({"type": "lifespan.startup.complete"})

    run(app)
    assert [text.split("'")[1] for text in refused] == kinds[-1:]
