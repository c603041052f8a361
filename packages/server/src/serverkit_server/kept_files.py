"""Keeps what certificate files had in them when they were good, for a process that starts later.

Rules:
    A key is never written to a file that has a name, where the system can do without.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

type KeptFiles = Mapping[str, bytes]
"""What files had in them, by path."""


def read_files(paths: Iterable[str]) -> KeptFiles:
    """Read files; folders, and what cannot be read, are left out."""
    found = {}
    for path in paths:
        with contextlib.suppress(OSError):
            found[path] = Path(path).read_bytes()
    return found


@contextlib.contextmanager
def placed(kept: KeptFiles) -> Iterator[Mapping[str, str]]:
    """Put the contents where they can be read by path; give those paths by the original ones."""
    with contextlib.ExitStack() as stack:
        folder: Path | None = None
        places = {}
        for number, (path, content) in enumerate(kept.items()):
            place = _in_memory(content, stack)
            if place is None:
                folder = folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
                place = str(folder / str(number))
                Path(place).write_bytes(content)  # the folder is for this user alone
            places[path] = place
        yield places


def _in_memory(content: bytes, stack: contextlib.ExitStack) -> str | None:
    """Put a content into a file without a name; None: the system has no such files."""
    if not hasattr(os, "memfd_create"):
        return None
    try:
        descriptor = os.memfd_create("serverkit-certificate", os.MFD_CLOEXEC)
    except OSError:  # some containers do not allow it
        return None
    stack.callback(os.close, descriptor)
    with os.fdopen(descriptor, "wb", closefd=False) as file:
        file.write(content)
    place = f"/proc/self/fd/{descriptor}"
    return place if Path(place).exists() else None
