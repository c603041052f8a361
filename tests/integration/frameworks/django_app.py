"""The framework tests' application in Django: async views, and its own ASGI handler.

WebSockets go to consumers of Channels.
Django takes no part in the lifespan, so it has no state to show. Work after the response is a task
of the event loop.
"""

import asyncio
import hashlib
import json
import threading
from collections import defaultdict
from collections.abc import AsyncIterator

import django  # type: ignore[import-untyped]
from channels.routing import ProtocolTypeRouter, URLRouter  # type: ignore[import-untyped]
from channels.sessions import CookieMiddleware  # type: ignore[import-untyped]
from django.conf import settings  # type: ignore[import-untyped]
from django.core.handlers.asgi import ASGIHandler  # type: ignore[import-untyped]
from django.http import (  # type: ignore[import-untyped]
    HttpRequest,
    HttpResponse,
    JsonResponse,
    StreamingHttpResponse,
)
from django.urls import path  # type: ignore[import-untyped]

from tests.integration.frameworks import django_sockets

settings.configure(
    ALLOWED_HOSTS=["*"],
    DEBUG=False,
    LOGGING={
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"stderr": {"class": "logging.StreamHandler"}},
        "loggers": {"django": {"handlers": ["stderr"]}},
    },
    ROOT_URLCONF=__name__,
    SECRET_KEY="of the tests",
    CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
)
django.setup(set_prefix=False)

done: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
working: set[asyncio.Task[None]] = set()


async def read_json(request: HttpRequest) -> JsonResponse:
    """Answer JSON with JSON."""
    return JsonResponse({"got": json.loads(request.body)})


async def item(request: HttpRequest, item_id: int, name: str) -> JsonResponse:
    """Answer with the parameters of path and query."""
    return JsonResponse({"id": item_id, "name": name, "tags": request.GET.getlist("tag")})


async def form(request: HttpRequest) -> JsonResponse:
    """Answer with the fields of a form."""
    return JsonResponse(request.POST.dict())


async def upload(request: HttpRequest) -> JsonResponse:
    """Answer with what is known of an uploaded file."""
    file = request.FILES["file"]
    digest = hashlib.sha256(file.read()).hexdigest()
    return JsonResponse(
        {"filename": file.name, "sha256": digest, "note": request.POST["note"]},
    )


async def stream(request: HttpRequest) -> StreamingHttpResponse:
    """Answer with numbered lines, one at a time."""

    async def lines() -> AsyncIterator[str]:
        for number in range(int(request.GET["lines"])):
            yield f"line {number}\n"
            await asyncio.sleep(0)

    return StreamingHttpResponse(lines(), content_type="text/plain")


async def total(request: HttpRequest) -> JsonResponse:
    """Answer with the size of a body that is read piece by piece."""
    size = 0
    while piece := request.read(65_536):
        size += len(piece)
    return JsonResponse({"size": size})


async def background(request: HttpRequest, name: str) -> JsonResponse:
    """Wait until the work is done on GET; begin it, and answer, otherwise."""
    if request.method == "GET":
        async with asyncio.timeout(10):
            await done[name].wait()
        return JsonResponse({"done": True})

    async def work() -> None:
        await asyncio.sleep(0)
        done[name].set()

    task = asyncio.create_task(work())
    working.add(task)
    task.add_done_callback(working.discard)
    return JsonResponse({"accepted": True}, status=202)


def in_thread(request: HttpRequest) -> JsonResponse:
    """Answer from a thread of the framework's."""
    main = threading.current_thread() is threading.main_thread()
    return JsonResponse({"in_main_thread": main})


async def error(request: HttpRequest) -> HttpResponse:
    """Fail."""
    raise RuntimeError("told by the application")


async def cookies(request: HttpRequest) -> HttpResponse:
    """Set two cookies."""
    response = HttpResponse("set")
    response.set_cookie("one", "1")
    response.set_cookie("two", "2")
    return response


urlpatterns = [
    path("json", read_json),
    path("items/<int:item_id>/<str:name>", item),
    path("form", form),
    path("upload", upload),
    path("stream", stream),
    path("total", total),
    path("background/<str:name>", background),
    path("thread", in_thread),
    path("error", error),
    path("cookies", cookies),
    *django_sockets.http_patterns,
]
app = ProtocolTypeRouter(
    {
        "http": ASGIHandler(),
        "websocket": CookieMiddleware(URLRouter(django_sockets.websocket_patterns)),
    }
)
