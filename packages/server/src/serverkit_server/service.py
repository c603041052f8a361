"""The server as a service of the system: its signals, its pid file, systemd, and its successor.

In order::

    sockets and the pid file are claimed ── signals are heard ── sockets are opened ── it serves,
    and says so: to systemd, and to the process in whose place it was started ── ... ── the end, or
    a successor that serves on the same sockets

Rules:
    What belongs to the service and not to the process, such as the file of a unix socket, is left
    to the successor as soon as that serves, and not before.
"""

import contextlib
import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Final, Protocol, Self

from serverkit_server.address import Address, SystemdSocket
from serverkit_server.bind import open_listeners
from serverkit_server.config import ServerConfig
from serverkit_server.errors import BindError, StartupError
from serverkit_server.inherited_sockets import InheritedSockets
from serverkit_server.listeners import Listeners
from serverkit_supervisor import SupervisorEvent
from serverkit_supervisor.pid_file import PidFile, PidFileError
from serverkit_supervisor.reaper import Reaper, is_process_1
from serverkit_supervisor.signals import SignalTarget, supervised
from serverkit_supervisor.systemd import Notifier
from serverkit_supervisor.upgrade import Upgrade

_LOG = logging.getLogger("serverkit.server")
# What a successor needs before its own startup_timeout begins: Python, imports, sockets.
_PROCESS_START_S: Final = 10.0
# Dead children of process 1, where only workers are started, and where an application lives: its
# own children are nobody else's to wait for, however late that happens.
_PATIENCE_S: Final = 5.0
_PATIENCE_WITH_APPLICATION_S: Final = 600.0


class Served(SignalTarget, Protocol):
    """The server, as far as it is commanded by the system."""

    @property
    def worker_pids(self) -> Sequence[int]:
        """The processes of its workers; empty where they are threads of this one."""
        ...

    def hand_over(self) -> None:
        """Finish what is accepted, and leave whoever connects from now on to the successor."""
        ...

    def ask_alive(self, answer: Callable[[], None]) -> None:
        """Have something called by who does the work, which happens only if that is alive."""
        ...


class Service:
    """Ties a server to the system around it. Use it as a context manager.

    Args:
        config: of the server.
        served: is commanded.

    Owner: the server. `say_ready` and `hear` may be called by any thread.

    Raises:
        StartupError: when entered: the pid file is held by another process, or cannot be written.
    """

    def __init__(self, config: ServerConfig, served: Served) -> None:
        self._config = config
        self._served = served
        self._inherited = InheritedSockets.of_process()
        self._notifier = Notifier()
        self._pid_file = PidFile(config.pid_file) if config.pid_file is not None else None
        self._listeners = Listeners()
        self._is_ready = False
        self._is_ending = False
        self._is_gone = threading.Event()
        self._upgrade = Upgrade(
            sockets=lambda: self._listeners.by_address,
            notes=lambda: dict(self._listeners.files),
            on_ready=self._be_succeeded_by,
            startup_timeout=config.startup_timeout + _PROCESS_START_S,
        )

    def __enter__(self) -> Self:
        """Claim the pid file, unless a predecessor holds it that will hand it over."""
        if self._inherited.before is None:
            self._write_pid_file(successor_of=0)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        """Give back what this process still owns."""
        self.expect_end()
        self._is_gone.set()
        self._inherited.close_rest()
        if self._inherited.before is not None and not self._is_ready:
            with contextlib.suppress(OSError):
                os.close(self._inherited.before.ready_fd)
        if self._pid_file is not None:
            self._pid_file.remove()

    def open_listeners(self) -> Listeners:
        """Open what the settings ask for, or take over what was passed on.

        Raises:
            BindError: an address cannot be listened on.
        """
        config = self._config
        try:
            self._listeners = open_listeners(
                self._addresses(),
                backlog=config.backlog,
                unix_mode=config.uds_permissions,
                inherited=self._inherited,
                redirects=config.redirect_addresses(),
                scheme="https" if config.has_tls else "http",
            )
        except BindError as error:
            if error.setting in _instead_of_bind(config):
                error.setting = "bind"
            raise
        return self._listeners

    @contextlib.contextmanager
    def signals(self, *, app_lives_here: bool) -> Iterator[None]:
        """Let signals command the server while the block runs, where this is the main thread.

        Args:
            app_lives_here: the application runs in this process, and not in those of workers.
        """
        with contextlib.ExitStack() as stack:
            reap = None
            if is_process_1():
                patience_s = _PATIENCE_WITH_APPLICATION_S if app_lives_here else _PATIENCE_S
                reaper = Reaper(own=lambda: self._served.worker_pids, patience_s=patience_s)
                reap = stack.enter_context(reaper).wake
            stack.enter_context(
                supervised(
                    self._served,
                    on_second=self._clean_up,
                    upgrade=self._start_upgrade,
                    reap=reap,
                )
            )
            yield

    def say_ready(self) -> None:
        """Tell everybody that the server serves. Once."""
        self._is_ready = True
        before = self._inherited.before
        if before is not None:
            try:
                self._write_pid_file(successor_of=before.predecessor)
            except StartupError as error:  # to serve is more important
                _LOG.error("%s", error)
            before.say_ready()
        self._notifier.ready(self._status())
        interval_s = self._notifier.watchdog_interval_s
        if interval_s is not None:
            threading.Thread(
                target=self._watch, args=(interval_s,), name="serverkit-watchdog", daemon=True
            ).start()

    def hear(self, event: SupervisorEvent) -> None:
        """Pass on to systemd what happens to the workers."""
        match event.kind:
            case "reloading":
                self._notifier.reloading()
            case "reloaded":
                self._notifier.ready(self._status())
            case "reload_failed":
                self._notifier.ready(f"{self._status()}; the last reload failed")
            case "stopping":
                self.expect_end()

    def expect_end(self) -> None:
        """Tell everybody that the server ends. Repeatable. Threads: any."""
        if not self._is_ending:
            self._is_ending = True
            self._upgrade.cancel()
            self._notifier.stopping()

    def _addresses(self) -> tuple[Address, ...]:
        """What to listen on: what the settings say, or else what systemd has opened."""
        if not self._config.says_where and self._inherited.has_systemd_sockets:
            return (SystemdSocket(""),)
        return self._config.addresses()

    def _status(self) -> str:
        return f"Serving at {', '.join(self._listeners.urls)}"

    def _write_pid_file(self, *, successor_of: int) -> None:
        if self._pid_file is None:
            return
        try:
            self._pid_file.write(successor_of=successor_of)
        except PidFileError as error:
            remedy = (
                "Stop it first, or choose another path."
                if error.holder
                else "Name a file in a folder that is there, and where this user may write."
            )
            raise StartupError(
                f"{error.message[:1].upper()}{error.message[1:]}.",
                setting="pid_file",
                remedy=remedy,
            ) from error

    def _start_upgrade(self) -> None:
        if self._is_ready:
            self._upgrade.start()
        else:
            _LOG.warning("No upgrade: the server starts still.")

    def _be_succeeded_by(self, pid: int) -> None:
        """Leave the service to another process, which serves. Called by a thread of its own."""
        self._notifier.main_pid(pid)
        self._listeners.leave_paths()
        self._served.hand_over()

    def _clean_up(self) -> None:
        """Leave nothing behind, for the process ends at once."""
        self._upgrade.cancel()
        self._listeners.remove_paths()
        if self._pid_file is not None:
            self._pid_file.remove()

    def _watch(self, interval_s: float) -> None:
        """Let systemd's watchdog hear who does the work, as often as it wants."""
        self._served.ask_alive(self._notifier.watchdog)
        while not self._is_gone.wait(interval_s):
            self._served.ask_alive(self._notifier.watchdog)


def _instead_of_bind(config: ServerConfig) -> list[str]:
    """Name the settings that could say where to listen, where `bind` does it in their place."""
    if not config.bind:
        return []
    unsaid = [name for name in ("uds", "fd") if getattr(config, name) is None]
    return ["host", "port", *unsaid]
