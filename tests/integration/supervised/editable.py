"""An application whose source a test can change, and what it says of itself."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.probe import request
from tests.support.raw_client import Answer, RawClient
from tests.support.server_process import ServerProcess

NAME = "editable_app"
SOURCE = """
import asyncio
import json
import os
import threading
import time
from pathlib import Path

VERSION = {version!r}
NOTES = Path(__file__).with_name("notes")

def note(*words):
    with NOTES.open("a") as file:
        file.write(" ".join(map(str, words)) + "\\n")

def who():
    return f"{{os.getpid()}}/{{threading.get_ident()}}"

{on_import}

async def app(scope, receive, send):
    match scope["type"]:
        case "lifespan":
            await live(scope, receive, send)
        case "http":
            await answer(scope, send)
        case kind if kind.startswith("serverkit.worker."):
            {on_hook}
            name = kind.rpartition(".")[2]
            reason = scope.get("reason", "-")
            note(name, VERSION, scope["worker_id"], scope["generation"], who(), reason)
        case _:
            raise NotImplementedError(scope["type"])

async def live(scope, receive, send):
    await receive()
    {on_start}
    scope["state"]["started"] = f"{{VERSION}} {{who()}}"
    note("started", VERSION, who())
    await send({{"type": "lifespan.startup.complete"}})
    await receive()
    note("stopped", VERSION, who())
    await send({{"type": "lifespan.shutdown.complete"}})

async def answer(scope, send):
    if scope["path"] == "/hold":
        print("held", flush=True)
        await asyncio.sleep(600)
    if scope["path"] == "/block":
        print("blocked", flush=True)
        time.sleep(600)
    if scope["path"] == "/wait":
        print("waiting", flush=True)
        while not Path(__file__).with_name("gate").exists():
            await asyncio.sleep(0.01)
    facts = {{
        "version": VERSION,
        "pid": os.getpid(),
        "thread": threading.get_ident(),
        "started": scope["state"].get("started"),
        "cpus": sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [],
    }}
    body = json.dumps(facts).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({{"type": "http.response.start", "status": 200, "headers": headers}})
    await send({{"type": "http.response.body", "body": body}})
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a worker says of itself."""

    version: str
    pid: int
    thread: int
    started: str | None
    cpus: tuple[int, ...]


class EditableApp:
    """The source of an application in a folder of its own.

    Owner: one test.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("first")

    @property
    def flags(self) -> Sequence[str]:
        """Return the flags by which a server finds it."""
        return ("--app-dir", str(self.folder))

    def write(
        self,
        version: str,
        *,
        on_import: str = "",
        on_start: str = "pass",
        on_hook: str = "pass",
    ) -> None:
        """Write the source, with code for where it may fail."""
        text = SOURCE.format(
            version=version, on_import=on_import, on_start=on_start, on_hook=on_hook
        )
        self.source.write_text(text, "utf-8")

    @property
    def source(self) -> Path:
        """Return the file of the source."""
        return self.folder / f"{NAME}.py"

    def notes(self, kind: str) -> list[list[str]]:
        """Return what it noted of one kind: the words after the kind."""
        file = self.folder / "notes"
        lines = file.read_text("utf-8").splitlines() if file.exists() else []
        return [words for word, *words in map(str.split, lines) if word == kind]


def facts_of(answer: Answer) -> Facts:
    """Return what a worker says of itself in an answer."""
    assert answer.status == 200, answer
    found = json.loads(answer.body)
    return Facts(**{**found, "cpus": tuple(found["cpus"])})


def ask(server: ServerProcess) -> Facts:
    """Ask on a connection of its own."""
    with RawClient(server.address) as client:
        client.send_what_is_taken(request("/", "Connection: close"))
        return facts_of(client.read_answer())


def ask_all(server: ServerProcess, count: int) -> list[Facts]:
    """Ask on so many connections that are open at the same time, and so spread over the workers."""
    clients = [RawClient(server.address) for _ in range(count)]
    try:
        for client in clients:
            client.send_what_is_taken(request("/"))
        return [facts_of(client.read_answer()) for client in clients]
    finally:
        for client in clients:
            client.close()
