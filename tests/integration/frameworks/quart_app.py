"""The framework tests' application in Quart."""

import asyncio
import hashlib
import threading
from collections import defaultdict
from collections.abc import AsyncIterator

from quart import Quart, Response, jsonify, request
from werkzeug.datastructures import FileStorage

from tests.integration.frameworks import quart_sockets

app = Quart(__name__)
app.register_blueprint(quart_sockets.blueprint)
done: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)


@app.before_serving
async def startup() -> None:
    """Prepare, in the lifespan, what requests see."""
    app.config["GREETING"] = "from startup"


@app.post("/json")
async def read_json() -> Response:
    """Answer JSON with JSON."""
    return jsonify(got=await request.get_json())


@app.get("/items/<int:item_id>/<name>")
async def item(item_id: int, name: str) -> Response:
    """Answer with the parameters of path and query."""
    return jsonify(id=item_id, name=name, tags=request.args.getlist("tag"))


@app.post("/form")
async def form() -> Response:
    """Answer with the fields of a form."""
    return jsonify((await request.form).to_dict())


@app.post("/upload")
async def upload() -> Response:
    """Answer with what is known of an uploaded file."""
    file: FileStorage = (await request.files)["file"]
    digest = hashlib.sha256(file.read()).hexdigest()
    return jsonify(filename=file.filename, sha256=digest, note=(await request.form)["note"])


@app.get("/stream")
async def stream() -> Response:
    """Answer with numbered lines, one at a time."""
    count = int(request.args["lines"])

    async def lines() -> AsyncIterator[str]:
        for number in range(count):
            yield f"line {number}\n"
            await asyncio.sleep(0)

    return Response(lines(), mimetype="text/plain")


@app.post("/total")
async def total() -> Response:
    """Answer with the size of a body that is read piece by piece."""
    size = 0
    async for piece in request.body:
        size += len(piece)
    return jsonify(size=size)


@app.post("/background/<name>")
async def background(name: str) -> tuple[Response, int]:
    """Answer, then do the work."""

    async def work() -> None:
        await asyncio.sleep(0)
        done[name].set()

    app.add_background_task(work)
    return jsonify(accepted=True), 202


@app.get("/background/<name>")
async def background_done(name: str) -> Response:
    """Answer when the work is done."""
    async with asyncio.timeout(10):
        await done[name].wait()
    return jsonify(done=True)


@app.get("/state")
async def state() -> Response:
    """Answer with what the lifespan left for requests."""
    return jsonify(greeting=app.config["GREETING"])


@app.get("/thread")
def in_thread() -> Response:
    """Answer from a thread of the framework's."""
    return jsonify(in_main_thread=threading.current_thread() is threading.main_thread())


@app.get("/error")
async def error() -> Response:
    """Fail."""
    raise RuntimeError("told by the application")


@app.get("/cookies")
async def cookies() -> Response:
    """Set two cookies."""
    response = Response("set")
    response.set_cookie("one", "1")
    response.set_cookie("two", "2")
    return response
