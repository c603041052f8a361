"""The framework tests' application in Litestar."""

import asyncio
import hashlib
import threading
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from litestar import Litestar, Request, get, post
from litestar.background_tasks import BackgroundTask
from litestar.datastructures import State, UploadFile
from litestar.logging import LoggingConfig
from litestar.params import FromPath, FromQuery, JSONBody, MultipartBody, URLEncodedBody
from litestar.response import Response, Stream

from tests.integration.frameworks import litestar_sockets

done: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)


@asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    """Give the state that requests see."""
    app.state.greeting = "from startup"
    yield


@dataclass
class Sent:
    """What the tests send as JSON."""

    text: str
    numbers: list[int]


@dataclass
class Fields:
    """What the tests send as a form."""

    user: str
    text: str


@dataclass
class Uploaded:
    """What the tests send as a form with a file."""

    file: UploadFile
    note: str


@post("/json", status_code=200)
async def read_json(data: JSONBody[Sent]) -> dict[str, Sent]:
    """Answer JSON with JSON."""
    return {"got": data}


@get("/items/{item_id:int}/{name:str}")
async def item(
    item_id: FromPath[int], name: FromPath[str], tag: FromQuery[list[str]]
) -> dict[str, int | str | list[str]]:
    """Answer with the parameters of path and query."""
    return {"id": item_id, "name": name, "tags": tag}


@post("/form", status_code=200)
async def form(
    data: URLEncodedBody[Fields],
) -> Fields:
    """Answer with the fields of a form."""
    return data


@post("/upload", status_code=200)
async def upload(
    data: MultipartBody[Uploaded],
) -> dict[str, str]:
    """Answer with what is known of an uploaded file."""
    digest = hashlib.sha256(await data.file.read()).hexdigest()
    return {"filename": data.file.filename, "sha256": digest, "note": data.note}


@get("/stream")
async def stream(lines: FromQuery[int]) -> Stream:
    """Answer with numbered lines, one at a time."""

    async def numbered() -> AsyncIterator[str]:
        for number in range(lines):
            yield f"line {number}\n"
            await asyncio.sleep(0)

    return Stream(numbered(), media_type="text/plain")


@post("/total", status_code=200)
async def total(request: Request[None, None, State]) -> dict[str, int]:
    """Answer with the size of a body that is read piece by piece."""
    size = 0
    async for piece in request.stream():
        size += len(piece)
    return {"size": size}


@post("/background/{name:str}")
async def background(name: FromPath[str]) -> Response[dict[str, bool]]:
    """Answer, then do the work."""

    async def work() -> None:
        await asyncio.sleep(0)
        done[name].set()

    return Response({"accepted": True}, status_code=202, background=BackgroundTask(work))


@get("/background/{name:str}")
async def background_done(name: FromPath[str]) -> dict[str, bool]:
    """Answer when the work is done."""
    async with asyncio.timeout(10):
        await done[name].wait()
    return {"done": True}


@get("/state")
async def show_state(state: State) -> dict[str, str]:
    """Answer with what the lifespan left for requests."""
    return {"greeting": state.greeting}


@get("/thread", sync_to_thread=True)
def in_thread() -> dict[str, bool]:
    """Answer from a thread of the framework's."""
    return {"in_main_thread": threading.current_thread() is threading.main_thread()}


@get("/error")
async def error() -> None:
    """Fail."""
    raise RuntimeError("told by the application")


@get("/cookies")
async def cookies() -> Response[str]:
    """Set two cookies."""
    response = Response("set")
    response.set_cookie("one", "1")
    response.set_cookie("two", "2")
    return response


app = Litestar(
    [
        *(read_json, item, form, upload, stream, total, background, background_done),
        *(show_state, in_thread, error, cookies),
        *litestar_sockets.handlers,
    ],
    lifespan=[lifespan],
    logging_config=LoggingConfig(log_exceptions="always"),
)
