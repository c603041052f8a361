"""The server, as its users see it: made, run, told what to do.

What needs no loop is prepared first, then workers serve, and all of it is undone on every way out.
"""

import asyncio
import contextlib
import importlib.metadata
import logging
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self

from serverkit_server.banner import print_banner
from serverkit_server.config import ServerConfig
from serverkit_server.errors import ServerError
from serverkit_server.log_files import reopen_log_files
from serverkit_server.log_setup import resolve_log_format
from serverkit_server.preparation import Prepared, prepare
from serverkit_server.serving import Serving
from serverkit_server.signal_wakeup import woken_by_signals
from serverkit_server.single import Single
from serverkit_server.supervised import Supervised
from serverkit_server.supervised_worker import check_threads
from serverkit_worker.asgi import ASGIApp
from serverkit_worker.collectors import LifecycleCollector
from serverkit_worker.own_loop import run_in_own_loop

_LOG = logging.getLogger("serverkit.server")


class Server:
    """Serves one application, once.

    Three ways to use it::

        Server(config, "package.module:app").run()      # blocks, until a signal or shutdown()

        await Server(config, app).serve()               # the same in a running loop

        async with Server(config, app) as server:       # serves while the block runs
            print(server.url)

    Args:
        config: its settings.
        app: an ASGI application, or the name of one, as `module:attribute`, which is imported when
            the server starts.
        app_path: the name of an application that is given as an object, by which processes import
            it, and threads import it anew. Without a name there is no reload in threads.
        lifecycle_collector: is told of connections and requests.
        sync_app: not available yet.

    Raises:
        ValueError: a `sync_app` is given.

    Threads: `run`, `serve` or `async with` by one; everything else by any.
    """

    def __init__(
        self,
        config: ServerConfig,
        app: ASGIApp | str,
        *,
        app_path: str | None = None,
        lifecycle_collector: LifecycleCollector | None = None,
        sync_app: object = None,
    ) -> None:
        if sync_app is not None:
            raise ValueError("sync_app cannot be used: applications of this kind are not there yet")
        self.config = config
        self._app = app
        self._app_path = app if isinstance(app, str) else app_path
        self._collector = lifecycle_collector
        self._prepared: Prepared | None = None
        self._executor_name = f"serverkit-{id(self):x}-exec"
        self._is_stop_wanted = False
        self._is_used = False
        self._serving: Serving | None = None
        self._background: asyncio.Task[None] | None = None

    @property
    def bound_addr(self) -> tuple[str, int] | None:
        """Host and port of the first socket, or the path of a unix socket and 0.

        None before the sockets are open and after they are closed.
        """
        prepared = self._prepared
        return prepared.listeners.bound_addrs[0] if prepared else None

    @property
    def bound_addrs(self) -> tuple[tuple[str, int], ...]:
        """The same for all sockets, in order."""
        prepared = self._prepared
        return tuple(prepared.listeners.bound_addrs) if prepared else ()

    @property
    def url(self) -> str | None:
        """Where the first socket is found: `http://host:port`, `https://...`, or `unix:path`."""
        prepared = self._prepared
        return prepared.listeners.urls[0] if prepared else None

    def run(self) -> None:
        """Serve on an event loop of its own until a signal or `shutdown`. Blocks.

        The first SIGINT or SIGTERM lets requests in flight finish, the second ends the process;
        other signals command it too. Off the main thread no signals are watched. The process should
        end with 0 when this returns, and with the `exit_code` of the error when it raises.

        Raises:
            StartupError: it could not start; nothing was served.
            ShutdownError: it served, but not everything came to its end.
            RuntimeError: a loop runs in this thread already, or the server has served before.
        """
        if _is_in_loop():
            raise RuntimeError("run() needs a thread without a running loop; use await serve()")
        if self._is_stop_wanted:
            return
        with self._prepare(install_signals=True) as prepared:
            run_in_own_loop(
                self._serve(prepared, self._print_banner),
                loop=self.config.loop,
                executor_threads=self.config.executor_threads_per_worker,
                executor_name=self._executor_name,
                shutdown_timeout_s=self.config.shutdown_timeout,
            )
        check_threads(self._executor_name)

    async def serve(self, *, install_signals: bool = True) -> None:
        """Serve on the running loop until a signal or `shutdown`, or until cancelled.

        Args:
            install_signals: handle signals as `run` does, on the main thread.

        Raises:
            StartupError: it could not start; nothing was served.
            ShutdownError: it served, but not everything came to its end.
        """
        await self._serve_here(self._log_addresses, install_signals=install_signals)

    async def wait_stopped(self) -> None:
        """Within `async with`: wait until the server has ended, whoever told it to."""
        if self._background is not None:
            await asyncio.wait({self._background})

    def shutdown(self) -> None:
        """Let the requests in flight finish, then end. Returns at once; may be repeated.

        Before the start it makes `run` and `serve` return at once.

        Threads: any; also from a signal handler.
        """
        self._is_stop_wanted = True
        prepared = self._prepared
        if prepared is not None:
            prepared.service.expect_end()
        serving = self._serving
        if serving is not None:
            serving.shutdown()

    def graceful_reload(self) -> None:
        """Have new workers with new code ready, then let the old ones finish. Returns at once.

        Where the new code cannot be imported or started, the old goes on to serve, and the log says
        why. One worker in the server itself cannot be replaced: the log says that.

        Threads: any.
        """
        if self._serving is not None:
            self._serving.graceful_reload()

    def add_worker(self) -> None:
        """Have one worker more. Returns at once. Threads: any."""
        if self._serving is not None:
            self._serving.add_worker()

    def remove_worker(self) -> None:
        """Have one worker less, but at least one. Returns at once. Threads: any."""
        if self._serving is not None:
            self._serving.remove_worker()

    def reopen_logs(self) -> None:
        """Go on in new log files, after the old ones were moved away. Threads: any."""
        reopen_log_files()
        if self._serving is not None:
            self._serving.reopen_logs()

    def hand_over(self) -> None:
        """Finish what is accepted, then end; another process serves on the same sockets already.

        Returns at once. Threads: any.
        """
        if self._serving is not None:
            self._serving.hand_over()

    def ask_alive(self, answer: Callable[[], None]) -> None:
        """Have something called soon by who does the work. Threads: any."""
        if self._serving is not None:
            self._serving.ask_alive(answer)

    @property
    def worker_pids(self) -> Sequence[int]:
        """The processes of the workers; empty where they are in this one."""
        return self._serving.worker_pids if self._serving is not None else ()

    def kill_all(self) -> None:
        """End the processes of all workers, whatever they do. Threads: any; signal handlers."""
        if self._serving is not None:
            self._serving.kill_all()

    async def __aenter__(self) -> Self:
        ready = asyncio.Event()

        def on_ready() -> None:
            self._log_addresses()
            ready.set()

        self._background = asyncio.create_task(
            self._serve_here(on_ready, install_signals=False), name="serverkit-server"
        )
        waiting = asyncio.create_task(ready.wait())
        try:
            await asyncio.wait({self._background, waiting}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self.shutdown()
            await asyncio.wait({self._background})
            raise
        finally:
            waiting.cancel()
        if self._background.done():
            self._background.result()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.shutdown()
        if self._background is None:
            return
        try:
            await self._background
        except ServerError:
            if error is None:
                raise
            _LOG.exception("The server did not come to a clean end.")

    async def _serve_here(self, on_ready: Callable[[], None], *, install_signals: bool) -> None:
        if self._is_stop_wanted:
            return
        with self._prepare(install_signals=install_signals) as prepared:
            await self._serve(prepared, on_ready)

    async def _serve(self, prepared: Prepared, on_ready: Callable[[], None]) -> None:
        def tell_ready() -> None:
            prepared.service.say_ready()
            prepared.watcher.allow()
            on_ready()  # last: who reads the banner may rely on all of it

        serving = self._serving = self._make_serving(prepared, tell_ready)
        if self._is_stop_wanted:  # since before there was somebody to tell
            serving.shutdown()
        prepared.early.send_again()
        try:
            with woken_by_signals():
                await serving.run()
        finally:
            self._serving = None

    def _make_serving(self, prepared: Prepared, on_ready: Callable[[], None]) -> Serving:
        plan, app = prepared.plan, prepared.app
        if plan.place != "single":
            return Supervised(
                self.config,
                plan,
                app,
                self._app_path,
                prepared.listeners,
                lifecycle_collector=self._collector,
                on_ready=on_ready,
                on_event=prepared.service.hear,
                tls=prepared.tls,
            )
        if isinstance(app, str):
            raise AssertionError("a single worker is given what is imported")  # noqa: TRY004
        return Single(
            self.config,
            app,
            prepared.listeners,
            lifecycle_collector=self._collector,
            on_ready=on_ready,
            on_event=prepared.service.hear,
            tls=prepared.tls,
        )

    @contextlib.contextmanager
    def _prepare(self, *, install_signals: bool) -> Iterator[Prepared]:
        """Do what needs no loop, and undo it."""
        if self._is_used:
            raise RuntimeError("a server serves once: make another one")
        self._is_used = True
        with prepare(
            self.config, self._app, self._app_path, self, install_signals=install_signals
        ) as made:
            self._prepared = made
            try:
                yield made
            finally:
                self._prepared = None

    def _print_banner(self) -> None:
        prepared, serving = self._prepared, self._serving
        if prepared is None or serving is None:
            raise AssertionError("the banner tells who serves where")
        print_banner(
            self.config,
            prepared.listeners.urls,
            plan=prepared.plan,
            worker_pids=serving.worker_pids,
            version=_find_version(),
            app=self._app_path or _name_of(self._app),
            loop=type(asyncio.get_running_loop()).__module__.partition(".")[0],
            log_format=resolve_log_format(self.config.log_format),
            redirect_urls=prepared.listeners.redirect_urls,
        )

    def _log_addresses(self) -> None:
        if self._prepared is not None:
            _LOG.info("Serving at %s", ", ".join(self._prepared.listeners.urls))


def _name_of(app: object) -> str:
    name = getattr(app, "__qualname__", None) or type(app).__qualname__
    return f"{getattr(app, '__module__', None) or type(app).__module__}:{name}"


def _is_in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _find_version() -> str:
    try:
        return importlib.metadata.version("serverkit-server")
    except importlib.metadata.PackageNotFoundError:  # run from a folder, never installed
        return "0.0.0"
