"""The framework tests' application in Starlette."""

import asyncio
import hashlib
import threading
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route

from tests.integration.frameworks import starlette_sockets

done: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, str]]:
    """Give the state that requests see."""
    yield {"greeting": "from startup"}


async def read_json(request: Request) -> JSONResponse:
    """Answer JSON with JSON."""
    return JSONResponse({"got": await request.json()})


async def item(request: Request) -> JSONResponse:
    """Answer with the parameters of path and query."""
    tags = request.query_params.getlist("tag")
    found = {"id": request.path_params["item_id"], "name": request.path_params["name"]}
    return JSONResponse(found | {"tags": tags})


async def form(request: Request) -> JSONResponse:
    """Answer with the fields of a form."""
    return JSONResponse({key: str(value) for key, value in (await request.form()).items()})


async def upload(request: Request) -> JSONResponse:
    """Answer with what is known of an uploaded file."""
    async with request.form() as fields:
        file = fields["file"]
        assert isinstance(file, UploadFile)
        digest = hashlib.sha256(await file.read()).hexdigest()
        found = {"filename": file.filename, "sha256": digest, "note": str(fields["note"])}
    return JSONResponse(found)


async def stream(request: Request) -> StreamingResponse:
    """Answer with numbered lines, one at a time."""

    async def lines() -> AsyncIterator[str]:
        for number in range(int(request.query_params["lines"])):
            yield f"line {number}\n"
            await asyncio.sleep(0)

    return StreamingResponse(lines(), media_type="text/plain")


async def total(request: Request) -> JSONResponse:
    """Answer with the size of a body that is read piece by piece."""
    size = 0
    async for piece in request.stream():
        size += len(piece)
    return JSONResponse({"size": size})


async def background(request: Request) -> JSONResponse:
    """Answer, then do the work."""

    async def work() -> None:
        await asyncio.sleep(0)
        done[request.path_params["name"]].set()

    return JSONResponse({"accepted": True}, 202, background=BackgroundTask(work))


async def background_done(request: Request) -> JSONResponse:
    """Answer when the work is done."""
    async with asyncio.timeout(10):
        await done[request.path_params["name"]].wait()
    return JSONResponse({"done": True})


async def state(request: Request) -> JSONResponse:
    """Answer with what the lifespan left for requests."""
    return JSONResponse({"greeting": request.state.greeting})


def in_thread(request: Request) -> JSONResponse:
    """Answer from a thread of the framework's."""
    main = threading.current_thread() is threading.main_thread()
    return JSONResponse({"in_main_thread": main})


async def error(request: Request) -> PlainTextResponse:
    """Fail."""
    raise RuntimeError("told by the application")


async def cookies(request: Request) -> PlainTextResponse:
    """Set two cookies."""
    response = PlainTextResponse("set")
    response.set_cookie("one", "1")
    response.set_cookie("two", "2")
    return response


app = Starlette(
    routes=[
        Route("/json", read_json, methods=["POST"]),
        Route("/items/{item_id:int}/{name}", item),
        Route("/form", form, methods=["POST"]),
        Route("/upload", upload, methods=["POST"]),
        Route("/stream", stream),
        Route("/total", total, methods=["POST"]),
        Route("/background/{name}", background, methods=["POST"]),
        Route("/background/{name}", background_done),
        Route("/state", state),
        Route("/thread", in_thread),
        Route("/error", error),
        Route("/cookies", cookies),
        *starlette_sockets.routes,
    ],
    lifespan=lifespan,
)
