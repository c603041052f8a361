"""JSON through Starlette: one framework that is not measured, the same for every server."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from benchmarks.apps import Message, Receive, Send, hello


async def message(_request: Request) -> JSONResponse:
    """Answer a small object."""
    return JSONResponse({"message": "Hello, World!"})


# The lifespan goes to an app of ours, which leaves its note about the runtime.
routed = Starlette(routes=[Route("/", message)])


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """Serve one connection by ASGI."""
    if scope["type"] == "lifespan":
        await hello(scope, receive, send)
    else:
        await routed(scope, receive, send)
