"""The framework tests' application in FastAPI."""

import asyncio
import hashlib
import threading
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import BackgroundTasks, FastAPI, File, Form, Query, Request, Response, UploadFile
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from tests.integration.frameworks import fastapi_sockets

done: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, str]]:
    """Give the state that requests see."""
    yield {"greeting": "from startup"}


app = FastAPI(lifespan=lifespan)
app.include_router(fastapi_sockets.router)


class Sent(BaseModel):
    """What the tests send as JSON."""

    text: str
    numbers: list[int]


@app.post("/json")
async def read_json(sent: Sent) -> dict[str, Sent]:
    """Answer JSON with JSON."""
    return {"got": sent}


@app.get("/items/{item_id}/{name}")
async def item(
    item_id: int, name: str, tag: Annotated[list[str], Query()]
) -> dict[str, int | str | list[str]]:
    """Answer with the parameters of path and query."""
    return {"id": item_id, "name": name, "tags": tag}


@app.post("/form")
async def form(user: Annotated[str, Form()], text: Annotated[str, Form()]) -> dict[str, str]:
    """Answer with the fields of a form."""
    return {"user": user, "text": text}


@app.post("/upload")
async def upload(
    file: Annotated[UploadFile, File()], note: Annotated[str, Form()]
) -> dict[str, str | None]:
    """Answer with what is known of an uploaded file."""
    digest = hashlib.sha256(await file.read()).hexdigest()
    return {"filename": file.filename, "sha256": digest, "note": note}


@app.get("/stream")
async def stream(lines: int) -> StreamingResponse:
    """Answer with numbered lines, one at a time."""

    async def numbered() -> AsyncIterator[str]:
        for number in range(lines):
            yield f"line {number}\n"
            await asyncio.sleep(0)

    return StreamingResponse(numbered(), media_type="text/plain")


@app.post("/total")
async def total(request: Request) -> dict[str, int]:
    """Answer with the size of a body that is read piece by piece."""
    size = 0
    async for piece in request.stream():
        size += len(piece)
    return {"size": size}


@app.post("/background/{name}", status_code=202)
async def background(name: str, tasks: BackgroundTasks) -> dict[str, bool]:
    """Answer, then do the work."""

    async def work() -> None:
        await asyncio.sleep(0)
        done[name].set()

    tasks.add_task(work)
    return {"accepted": True}


@app.get("/background/{name}")
async def background_done(name: str) -> dict[str, bool]:
    """Answer when the work is done."""
    async with asyncio.timeout(10):
        await done[name].wait()
    return {"done": True}


@app.get("/state")
async def state(request: Request) -> dict[str, str]:
    """Answer with what the lifespan left for requests."""
    return {"greeting": request.state.greeting}


@app.get("/thread")
def in_thread() -> dict[str, bool]:
    """Answer from a thread of the framework's."""
    return {"in_main_thread": threading.current_thread() is threading.main_thread()}


@app.get("/error")
async def error() -> None:
    """Fail."""
    raise RuntimeError("told by the application")


@app.get("/cookies")
async def cookies(response: Response) -> str:
    """Set two cookies."""
    response.set_cookie("one", "1")
    response.set_cookie("two", "2")
    return "set"
