"""The WebSockets of the framework tests' application in Django: consumers of Channels."""

from typing import Any
from urllib.parse import parse_qs

from channels.generic.websocket import (  # type: ignore[import-untyped]
    AsyncJsonWebsocketConsumer,
    AsyncWebsocketConsumer,
    WebsocketConsumer,
)
from django.http import HttpRequest, JsonResponse  # type: ignore[import-untyped]
from django.urls import path  # type: ignore[import-untyped]

from tests.integration.frameworks.endings import Endings

endings = Endings()


def query_of(scope: dict[str, Any]) -> dict[str, list[str]]:
    """Return the parameters of the query; Channels leaves that to the application."""
    return parse_qs(scope["query_string"].decode(), keep_blank_values=True)


async def ending(request: HttpRequest, name: str) -> JsonResponse:
    """Answer how a WebSocket ended."""
    return JsonResponse(await endings.of(name))


class Echo(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Sends back what comes, text as text and bytes as bytes; tells how it ended."""

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self.send(text_data=text_data, bytes_data=bytes_data)

    async def disconnect(self, code: int) -> None:
        endings.tell(query_of(self.scope)["name"][0], code)


class SyncEcho(WebsocketConsumer):  # type: ignore[misc]
    """Does the same in a thread of the framework's."""

    def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        self.send(text_data=text_data, bytes_data=bytes_data)

    def disconnect(self, code: int) -> None:
        endings.tell(query_of(self.scope)["name"][0], code)


class Json(AsyncJsonWebsocketConsumer):  # type: ignore[misc]
    """Answers JSON with JSON."""

    async def receive_json(self, content: object) -> None:
        await self.send_json({"got": content})


class Chosen(AsyncJsonWebsocketConsumer):  # type: ignore[misc]
    """Chooses the second version of the protocol where it is offered, and none otherwise."""

    async def connect(self) -> None:
        offered = self.scope["subprotocols"]
        await self.accept("chat.v2" if "chat.v2" in offered else None)
        await self.send_json(offered, close=True)


class Handshake(AsyncJsonWebsocketConsumer):  # type: ignore[misc]
    """Says what the handshake had, and adds fields to the answer."""

    async def connect(self) -> None:
        await self.accept(headers=[(b"x-answer", b"yes"), (b"set-cookie", b"seen=1")])
        await self.send_json(
            {
                "room": self.scope["url_route"]["kwargs"]["room"],
                "tags": query_of(self.scope)["tag"],
                "cookie": self.scope["cookies"].get("flavour"),
                "field": dict(self.scope["headers"]).get(b"x-field", b"").decode(),
                "scheme": self.scope["scheme"],
            },
            close=True,
        )


class Close(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Closes as the query says, upon the first message."""

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        query = query_of(self.scope)
        await self.close(int(query["code"][0]), query["reason"][0])


class Refused(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Closes without accepting."""

    async def connect(self) -> None:
        await self.close(1008, "not you")


class Error(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Fails upon the first message."""

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        raise RuntimeError("told by the application")


class ErrorBefore(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Fails without accepting."""

    async def connect(self) -> None:
        raise RuntimeError("told before accepting")


class Numbers(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Sends many messages, then closes."""

    async def connect(self) -> None:
        await self.accept()
        for number in range(int(query_of(self.scope)["count"][0])):
            await self.send(f"number {number}")
        await self.close()


class Talk(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Sends what comes to all who are in the room, through the layer of Channels."""

    async def connect(self) -> None:
        self.room = self.scope["url_route"]["kwargs"]["room"]
        await self.channel_layer.group_add(self.room, self.channel_name)
        await self.accept()
        await self.send("welcome")

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self.channel_layer.group_send(self.room, {"type": "said", "text": text_data})

    async def said(self, event: dict[str, str]) -> None:
        """Pass on what somebody said."""
        await self.send(event["text"])

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(self.room, self.channel_name)


http_patterns = [path("endings/<str:name>", ending)]
websocket_patterns = [
    path("ws/echo", Echo.as_asgi()),
    path("ws/sync-echo", SyncEcho.as_asgi()),
    path("ws/json", Json.as_asgi()),
    path("ws/chosen", Chosen.as_asgi()),
    path("ws/handshake/<str:room>", Handshake.as_asgi()),
    path("ws/close", Close.as_asgi()),
    path("ws/refused", Refused.as_asgi()),
    path("ws/error", Error.as_asgi()),
    path("ws/error-before", ErrorBefore.as_asgi()),
    path("ws/numbers", Numbers.as_asgi()),
    path("ws/rooms/<str:room>", Talk.as_asgi()),
]
