"""Makes the event loop that a worker runs on."""

import asyncio
import sys


def new_event_loop(loop: str) -> asyncio.AbstractEventLoop:
    """Make an event loop. It is not set as the current one, and the caller closes it.

    Args:
        loop: "asyncio": the standard library's, whatever policy somebody has set; "uvloop";
            "auto": uvloop where it is installed, or else the standard library's.

    Raises:
        ValueError: there is no such loop.
        ImportError: uvloop is asked for and cannot be imported.

    Threads: any; the loop belongs to the thread that runs it.
    """
    if loop not in {"asyncio", "uvloop", "auto"}:
        raise ValueError(f"loop must be one of asyncio, uvloop, auto, not {loop!r}")
    if loop != "asyncio":
        try:
            import uvloop  # noqa: PLC0415 - an extra, and costly to import
        except ImportError as error:
            if loop == "uvloop":
                raise ImportError(
                    'loop="uvloop" needs uvloop, which cannot be imported; '
                    "pip install uvloop, or leave loop at asyncio",
                    name="uvloop",
                ) from error
        else:
            return uvloop.new_event_loop()
    if sys.platform == "win32":
        return asyncio.ProactorEventLoop()
    return asyncio.SelectorEventLoop()
