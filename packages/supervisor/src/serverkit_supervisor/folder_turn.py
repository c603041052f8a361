"""Lets processes take turns in a folder, while each looks at a file there and replaces it.

Source: flock(2).
"""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_TIMEOUT_S: Final = 5.0
_RETRY_S: Final = 0.02


@contextlib.contextmanager
def folder_turn(folder: Path) -> Iterator[None]:
    """Hold the lock on a folder while the block runs, where the system can lock one.

    Whoever cannot have it in 5 seconds goes on without: it is held for moments, so something is
    wrong with it.
    """
    try:
        import fcntl  # noqa: PLC0415 - not everywhere

        handle = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):
        yield  # where it cannot be opened nothing can be made either, and that will say so
        return
    try:
        end = time.monotonic() + _TIMEOUT_S
        while time.monotonic() < end:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(_RETRY_S)
            except OSError:
                break  # a file system without locks
        yield
    finally:
        os.close(handle)
