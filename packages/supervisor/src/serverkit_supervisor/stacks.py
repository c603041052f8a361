"""What threads are doing at this moment, as text for people."""

import sys
import threading
import traceback
from collections.abc import Collection

_DEEPEST = 50
"""So many of the innermost calls of each thread are shown."""

_MAX_TEXT = 500_000


def stacks_of(threads: Collection[int] | None = None, *, but: int | None = None) -> str:
    """Write down the stack of each thread, the innermost call last.

    Args:
        threads: their `threading.get_ident`; None: all, but for the one that asks.
        but: one that is left out.

    Threads: any. The others go on meanwhile, so a stack may be a moment old.
    """
    frames = sys._current_frames()  # noqa: SLF001 - documented, for this very use
    names = {each.ident: each.name for each in threading.enumerate()}
    shown = frames.keys() - {threading.get_ident(), but} if threads is None else threads
    parts = []
    for ident, frame in frames.items():
        if ident not in shown:
            continue
        parts.append(f"Thread {names.get(ident, 'without a name')} ({ident}):\n")
        parts.extend(traceback.format_stack(frame, limit=_DEEPEST))
    return "".join(parts)[:_MAX_TEXT]
