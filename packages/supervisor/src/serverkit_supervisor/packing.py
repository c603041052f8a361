"""Packs what the process of a worker is given at its start into a file without a name."""

import contextlib
import marshal
import os
import pickle
import sys
import tempfile
from collections.abc import Sequence
from socket import socket
from typing import BinaryIO

from serverkit_supervisor.contract import WorkerFactory
from serverkit_supervisor.main_module import find_main
from serverkit_supervisor.payload import PassedSocket, Payload
from serverkit_supervisor.runner import RunSpec

REMEDY = (
    "The factory of workers in processes must be picklable: a function at the top level of a "
    "module, a functools.partial of one, or an instance of a class at the top level of a module, "
    "with picklable arguments and attributes."
)


def pack_work(factory: WorkerFactory, state: dict[str, object] | None) -> bytes:
    """Pickle what makes the worker, and what it is given.

    Raises:
        TypeError: one of them cannot be pickled, or comes from a main module that cannot be run
            again elsewhere. The message has the remedy.
    """
    try:
        packed = pickle.dumps((factory, state))  # as one: what both refer to stays one thing
    except Exception:
        _blame("worker factory", factory, REMEDY)
        _blame("lifespan state", state, "What workers in processes are given must be picklable.")
        raise
    if _names_main(packed) and find_main() is None:
        raise TypeError(
            f"the worker factory {factory!r} is defined in a main module that has no file, so "
            f"that no other process can import it.\n{REMEDY}"
        )
    return packed


def write_payload(spec: RunSpec, work: bytes) -> BinaryIO:
    """Write the file that the child reads.

    Args:
        spec: what is to be run.
        work: its factory and state, by `pack_work`.

    Returns:
        the file, at its beginning. The caller passes it on, and closes it.

    Raises:
        OSError: there is no room.
    """
    payload = Payload(
        argv=tuple(sys.argv),
        parent_pid=os.getpid(),
        main=find_main() if _names_main(work) else None,
        work=work,
        sockets=_passed(spec.sockets),
        worker_id=spec.worker_id,
        generation=spec.generation,
        group=spec.group,
        alive_interval=spec.alive_interval,
    )
    file = _nameless_file()
    try:
        file.write(marshal.dumps([each for each in sys.path if type(each) is str]))
        file.write(pickle.dumps(payload))
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def _blame(what: str, value: object, remedy: str) -> None:
    """Raise if it is this one that cannot be pickled."""
    try:
        pickle.dumps(value)
    except Exception as error:
        raise TypeError(
            f"the {what} {value!r} cannot be sent to a process: {error}\n{remedy}"
        ) from error


def _names_main(work: bytes) -> bool:
    """Whether the pickle has a name of the main module; it may just have the word as a text."""
    return b"__main__" in work


def _passed(sockets: Sequence[socket]) -> tuple[PassedSocket, ...]:
    return tuple(
        PassedSocket(descriptor=each.fileno(), timeout=each.gettimeout()) for each in sockets
    )


def _nameless_file() -> BinaryIO:
    if hasattr(os, "memfd_create"):
        with contextlib.suppress(OSError):  # Some containers do not allow it.
            return os.fdopen(os.memfd_create("serverkit-worker", os.MFD_CLOEXEC), "w+b")
    file: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    return file
