"""The application for tests of several workers: on most paths it says who answers.

`/slow?ms=` notes its process in the file that the environment names as CALLS, waits, and says who
it is; `/slow?until=` waits until there is a file of that path. `/die` ends its worker at once: the
process by SIGKILL, or with `?thread` the event loop.
"""

import asyncio
import os
import signal
from pathlib import Path
from urllib.parse import parse_qs

from benchmarks import who_app
from benchmarks.apps import Message, Receive, Send


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """Serve one connection by ASGI."""
    query = parse_qs(scope.get("query_string", b"").decode(), keep_blank_values=True)
    match scope.get("path"):
        case "/slow":
            with Path(os.environ["CALLS"]).open("a") as calls:  # noqa: ASYNC230 - a few bytes
                calls.write(f"{os.getpid()}\n")
            if "until" in query:
                while not Path(query["until"][0]).exists():  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.01)
            else:
                await asyncio.sleep(int(query["ms"][0]) / 1e3)
        case "/die" if "thread" in query:
            asyncio.get_running_loop().stop()
        case "/die":
            os.kill(os.getpid(), signal.SIGKILL)
    await who_app.app({**scope, "query_string": b""}, receive, send)
