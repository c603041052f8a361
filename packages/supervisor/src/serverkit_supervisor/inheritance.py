"""What a program that is started anew in the place of another one is handed over by that.

It comes in a variable of the environment, as JSON; listening sockets and the pipe to say "ready" by
are descriptors that the new process inherits. See `upgrade` for the process that hands over.
"""

import contextlib
import json
import logging
import os
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Final

_LOG = logging.getLogger("serverkit.supervisor")

UPGRADE_VARIABLE: Final = "SERVERKIT_UPGRADE"
READY: Final = b"ready"
"""What the new process says once it serves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inheritance:
    """What the process before this one hands over.

    Attributes:
        sockets: the listening sockets, each with the address it was opened for. They are the
            owner's now, who must close those it does not use.
        predecessor: the process id of the one before.
        notes: what it has to say to its successor, as JSON.

    Owner: who called `inherited`.
    """

    sockets: tuple[tuple[str, int], ...]
    predecessor: int
    notes: Mapping[str, object] = field(default_factory=dict)
    ready_fd: int

    def say_ready(self) -> None:
        """Tell the one before that this process serves, so that it may end. Once."""
        with contextlib.suppress(OSError):  # it has ended already
            os.write(self.ready_fd, READY)
        with contextlib.suppress(OSError):
            os.close(self.ready_fd)


def inherited(environ: MutableMapping[str, str] | None = None) -> Inheritance | None:
    """Take over from the process before this one; None: there is none, or it was done already.

    The variable is removed and the descriptors are closed in children, so neither gets any further.

    Args:
        environ: the environment; None: that of the process.
    """
    variables = os.environ if environ is None else environ
    text = variables.pop(UPGRADE_VARIABLE, "")
    if not text:
        return None
    try:
        said = json.loads(text)
        found = Inheritance(
            sockets=tuple((str(address), int(fd)) for address, fd in said["sockets"]),
            predecessor=int(said["pid"]),
            notes=dict(said["notes"]),
            ready_fd=int(said["ready"]),
        )
        for fd in (found.ready_fd, *(fd for _, fd in found.sockets)):
            os.set_inheritable(fd, False)  # noqa: FBT003 - the standard library's signature
    except (ValueError, TypeError, KeyError, OSError) as error:
        _LOG.warning("%s is ignored, it does not make sense: %r", UPGRADE_VARIABLE, error)
        return None
    return found


def bequest(
    sockets: Sequence[tuple[str, int]], *, notes: Mapping[str, object], ready_fd: int
) -> str:
    """Write what `inherited` reads in the new process: the value of the variable.

    Args:
        sockets: listening, each with the address it was opened for; the new process inherits them.
        notes: what it is to know, as JSON.
        ready_fd: where it says that it serves; it inherits this too.
    """
    message = {"sockets": sockets, "pid": os.getpid(), "notes": dict(notes), "ready": ready_fd}
    return json.dumps(message)
