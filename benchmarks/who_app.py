"""Who answers: generation, process and thread, so that a client sees which worker it met."""

import asyncio
import os
import threading

from benchmarks.apps import Message, Receive, Send, answer, lifespan, query_number

GENERATION = os.urandom(4).hex()
"""Another one for each time that this module is imported: for each process, for each reload."""


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """Answer who this is, after about `?burn=` microseconds of work and `?sleep=` milliseconds."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    if scope["query_string"]:
        burn(query_number(scope, "burn"))
        await asyncio.sleep(query_number(scope, "sleep") / 1e3)
    await answer(send, f"{GENERATION} {os.getpid()} {threading.get_native_id()}".encode())


def burn(microseconds: int) -> None:
    """Compute for about that long; the same steps at any load, so that more CPU means more work."""
    total = 0
    for number in range(microseconds * 25):
        total += number
