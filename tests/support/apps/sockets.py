"""The application for tests of WebSockets beside several workers; by HTTP it says who answers.

Every socket is greeted with who serves it, then what it says comes back. The end of `?name=` is
printed, after a moment. `/stubborn` does not return after its end; `/flood` sends all the time;
`/note` writes what it hears to the file that the environment names as NOTES before it answers.
"""

import asyncio
import json
import os
from pathlib import Path
from urllib.parse import parse_qs

from benchmarks import who_app
from benchmarks.apps import Message, Receive, Send
from benchmarks.who_app import GENERATION

FLOOD = bytes(65_536)


async def flood(send: Send) -> None:
    """Send without end; say so when the client does not read any more."""
    while True:
        sending = asyncio.ensure_future(send({"type": "websocket.send", "bytes": FLOOD}))
        done, _ = await asyncio.wait({sending}, timeout=0.2)
        if not done:
            os.write(1, b"the flood stands\n")
        await sending


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """Serve one connection by ASGI."""
    if scope["type"] != "websocket":
        await who_app.app(scope, receive, send)
        if scope["type"] == "lifespan":
            os.write(1, b"lifespan over\n")
        return
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept"})
    await say(send, json.dumps([GENERATION, os.getpid()]))
    if scope["path"] == "/flood":
        await flood(send)
    while (message := await receive())["type"] == "websocket.receive":
        if scope["path"] == "/note":
            note(message["text"])
        await send({**message, "type": "websocket.send"})
    await asyncio.sleep(0.1)  # there may be something to put in order
    name = parse_qs(scope["query_string"].decode()).get("name", ["?"])[0]
    ending = json.dumps([message["code"], message["reason"]])
    os.write(1, f"ending {name} {ending} end\n".encode())  # in one piece
    if scope["path"] == "/stubborn":
        await asyncio.Event().wait()


async def say(send: Send, text: str) -> None:
    """Send a text."""
    await send({"type": "websocket.send", "text": text})


def note(text: str) -> None:
    """Write a line in one piece, whoever else writes at the same time."""
    with Path(os.environ["NOTES"]).open("ab", buffering=0) as notes:
        notes.write(f"{text}\n".encode())
