"""An application that is slow to start, to answer, or to end, as the path says."""

import asyncio
import os
import sys
import threading
import time
from pathlib import Path

from serverkit_worker.asgi import Receive, Scope, Send

FOR_EVER_S = 600.0


async def respond(send: Send, body: bytes) -> None:
    """Send a whole response."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer, or do what a server has to cope with."""
    if scope["type"] != "http":
        raise NotImplementedError
    sys.stderr.write(f"got {scope['path']}\n")
    match scope["path"]:
        case "/hang":
            await asyncio.sleep(FOR_EVER_S)
        case "/block":
            time.sleep(FOR_EVER_S)  # noqa: ASYNC251 - what it is for
        case "/thread":
            asyncio.get_running_loop().run_in_executor(None, threading.Event().wait, FOR_EVER_S)
    await respond(send, b"done")


async def never_starts(scope: Scope, receive: Receive, send: Send) -> None:
    """Take for ever to start, and say when that begins."""
    if scope["type"] == "lifespan":
        sys.stderr.write("starting\n")
        await asyncio.sleep(FOR_EVER_S)


async def notes_its_end(scope: Scope, receive: Receive, send: Send) -> None:
    """Write a file when the application is told to stop."""
    if scope["type"] != "lifespan":
        raise NotImplementedError
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await asyncio.to_thread(Path(os.environ["NOTE"]).write_text, "stopped", "utf-8")
    await send({"type": "lifespan.shutdown.complete"})
