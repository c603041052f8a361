"""Speaks with systemd: takes the sockets it has opened, and tells it how the service is.

Rules:
    Telling never raises and never blocks for long: a service goes on when nobody listens.
    What was meant for this process is not passed on to its children.

Source: sd_notify(3), sd_listen_fds(3), sd_watchdog_enabled(3).
"""

import contextlib
import logging
import os
import socket
import time
from collections.abc import Mapping, MutableMapping
from typing import Final, NamedTuple

_LOG = logging.getLogger("serverkit.supervisor")
_FIRST_FD: Final = 3
# systemd reads at once; this is for one that is stuck.
_SEND_S: Final = 1.0


class ListenFd(NamedTuple):
    """A socket that systemd has opened for this process.

    Attributes:
        fd: its descriptor, which is the caller's from now on.
        name: `FileDescriptorName=` of the socket unit, by default the name of the unit itself.
            Several sockets may have the same one.
    """

    fd: int
    name: str


def listen_fds(environ: MutableMapping[str, str] | None = None) -> list[ListenFd]:
    """Take the sockets that systemd has opened for this process; [] where there are none.

    The variables are removed and the descriptors are closed in children, so neither gets any
    further. A second call gives nothing.

    Args:
        environ: the environment; None: that of the process.
    """
    variables = os.environ if environ is None else environ
    pid, count, names = (
        variables.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
    )
    if pid != str(os.getpid()):
        if pid:
            _LOG.info("LISTEN_FDS is for process %s and not for this one; it is ignored.", pid)
        return []
    if not (count.isascii() and count.isdigit()):
        _LOG.warning("LISTEN_FDS should be a number and is %r; it is ignored.", count)
        return []
    found = []
    each_name = names.split(":") if names else []
    for index in range(int(count)):
        fd = _FIRST_FD + index
        try:
            os.set_inheritable(fd, False)  # noqa: FBT003 - the standard library's signature
        except OSError:
            _LOG.warning("LISTEN_FDS says %s, but descriptor %d is not open.", count, fd)
            break
        found.append(ListenFd(fd, each_name[index] if index < len(each_name) else "unknown"))
    return found


class Notifier:
    """Tells systemd how the service is; does nothing where nobody asked to be told.

    Attributes:
        is_enabled: systemd listens.
        watchdog_interval_s: `watchdog` is to be called so often, half as long as systemd waits;
            None where it does not watch.

    Args:
        environ: the environment; None: that of the process. It stays as it is: a program started
            anew in the place of this one needs it too.

    Threads: any.
    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        variables = os.environ if environ is None else environ
        self._address = _address_of(variables.get("NOTIFY_SOCKET", ""))
        self.watchdog_interval_s = _watchdog_interval(variables) if self._address else None

    @property
    def is_enabled(self) -> bool:
        """Whether systemd listens, and to this process."""
        return bool(self._address)

    def ready(self, status: str = "") -> None:
        """Say that the service has started, or has finished reloading."""
        self._send("READY=1", *_status_of(status))

    def reloading(self) -> None:
        """Say that the service is about to take over new code; `ready` ends it."""
        now_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send("RELOADING=1", f"MONOTONIC_USEC={now_us}")

    def stopping(self) -> None:
        """Say that the service is about to end."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """Say how it goes, in one line for people."""
        self._send(*_status_of(text))

    def main_pid(self, pid: int) -> None:
        """Say that another process is the service from now on, and say nothing more after that."""
        self._send(f"MAINPID={pid}")
        self._address = ""
        self.watchdog_interval_s = None

    def watchdog(self) -> None:
        """Say that the service is alive. Never waits: it is called where others wait."""
        self._send("WATCHDOG=1", timeout_s=0.0)

    def _send(self, *lines: str, timeout_s: float = _SEND_S) -> None:
        address = self._address
        if not address:
            return
        # Not kept open: systemd may have been started anew, with another socket of that name.
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaker,
        ):
            speaker.settimeout(timeout_s)
            speaker.sendto("\n".join(lines).encode(), address)


def _address_of(text: str) -> str:
    """Give the address of a socket of that name; empty: there is none that can be spoken to."""
    if text.startswith("@"):
        return "\0" + text[1:]
    return text if text.startswith("/") else ""


def _watchdog_interval(variables: Mapping[str, str]) -> float | None:
    usec, pid = variables.get("WATCHDOG_USEC", ""), variables.get("WATCHDOG_PID", "")
    if not (usec.isascii() and usec.isdigit()) or int(usec) == 0:
        return None
    return int(usec) / 2_000_000 if pid in ("", str(os.getpid())) else None


def _status_of(text: str) -> tuple[str, ...]:
    return (f"STATUS={' '.join(text.split())}",) if text else ()
