"""Other people's clients understand the server, with deflate in every combination of its terms."""

import itertools
import random

import pytest
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import parse_uri
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, TextMessage
from wsproto.events import Ping as WsprotoPing
from wsproto.events import Pong as WsprotoPong
from wsproto.extensions import Extension, PerMessageDeflate

from serverkit_proto.config import ProtoConfig
from serverkit_proto.connection import new_connection
from serverkit_proto.events import RequestReceived
from serverkit_proto.response import ResponseHeads
from serverkit_proto.websocket import CloseReceived, MessageReceived, PongReceived, WebSocket
from serverkit_proto.websocket_handshake import Handshake, accept_head, read_handshake

TERMS = list(
    itertools.product(
        (False, True),
        (False, True),
        (None, 9, 12, 15),
        (None, True, 9, 10, 15),
        ("fast", "wsproto"),
    )
)


def terms_id(terms: tuple[bool, bool, int | None, int | bool | None, str]) -> str:
    """Name one combination."""
    return "-".join(str(term) for term in terms)


def contents(seed: str) -> list[str | bytes]:
    """Return messages of all sizes that matter, alike and unlike each other."""
    rng = random.Random(seed)
    sizes = [0, 63, 64, 125, 126, 1_000, 4_096, 9_000]
    words = [rng.randbytes(rng.randint(1, 30)).hex() for _ in range(50)]
    messages: list[str | bytes] = []
    for size in sizes:
        text = " ".join(rng.choice(words) for _ in range(size // 8 + 1))[:size]
        messages += [text, text.replace("a", "\u00e9"), rng.randbytes(size), text.encode()]
    return messages


def shaken(data: bytes, seed: str) -> list[bytes]:
    """Cut bytes at a few random places."""
    rng = random.Random(seed)
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(3))
    return [data[start:end] for start, end in itertools.pairwise([0, *cuts, len(data)])]


def opened(data: bytes, config: ProtoConfig) -> tuple[Handshake, bytes]:
    """Accept a handshake; return what it says and the answer."""
    connection = new_connection(config)
    connection.receive_data(data)
    request = connection.next_event()
    assert isinstance(request, RequestReceived)
    handshake = read_handshake(request, config)
    head = accept_head(
        ResponseHeads(),
        handshake,
        subprotocol=handshake.subprotocols[0] if handshake.subprotocols else None,
        fields=[(b"x-made-by", b"hand")],
    )
    assert connection.switch_protocols(head) == b""
    return handshake, b"".join(connection.data_to_send())


def echo(websocket: WebSocket, data: bytes, seed: str) -> bytes:
    """Let the server send back what came; return what it wants written."""
    for piece in shaken(data, seed):
        websocket.receive_data(piece)
        while (event := websocket.next_event()) is not None:
            if isinstance(event, MessageReceived):
                websocket.send_message(event.data)
    return b"".join(websocket.data_to_send())


@pytest.mark.parametrize("terms", TERMS, ids=terms_id)
def test_the_client_of_websockets(
    terms: tuple[bool, bool, int | None, int | bool | None, str],
) -> None:
    """It accepts the answer, and gets back all that it sends."""
    server_alone, client_alone, server_bits, client_bits, path = terms
    factory = ClientPerMessageDeflateFactory(
        server_no_context_takeover=server_alone,
        client_no_context_takeover=client_alone,
        server_max_window_bits=server_bits,
        client_max_window_bits=client_bits,
    )
    client = ClientProtocol(
        parse_uri("ws://a/chat"),
        extensions=[factory],
        subprotocols=[Subprotocol("chat"), Subprotocol("other")],
        max_size=None,
    )
    request = client.connect()
    client.send_request(request)
    handshake, answer = opened(b"".join(client.data_to_send()), ProtoConfig())
    assert handshake.deflate is not None
    client.receive_data(answer)
    (response,) = client.events_received()
    assert isinstance(response, Response)
    assert client.handshake_exc is None
    assert client.state is State.OPEN
    assert client.subprotocol == "chat"
    assert len(client.extensions) == 1

    websocket = WebSocket(ProtoConfig(), handshake.deflate, _fast=path == "fast")
    for message in contents(terms_id(terms)):
        if isinstance(message, str):
            client.send_text(message.encode())
        else:
            client.send_binary(message)
        client.receive_data(echo(websocket, b"".join(client.data_to_send()), terms_id(terms)))
        (received,) = client.events_received()
        assert isinstance(received, Frame)
        assert received.opcode is (Opcode.TEXT if isinstance(message, str) else Opcode.BINARY)
        assert received.data == (message.encode() if isinstance(message, str) else message)


def wsproto_client(handshake: Handshake | None) -> Connection:
    """Return the client's side of wsproto, with the terms that were agreed on."""
    extensions: list[Extension] = []
    if handshake is not None and handshake.deflate is not None:
        extension = PerMessageDeflate()
        extension.finalize(handshake.deflate.answer.decode("ascii"))
        extensions.append(extension)
    return Connection(ConnectionType.CLIENT, extensions)


@pytest.mark.parametrize("terms", TERMS, ids=terms_id)
def test_the_client_of_wsproto(
    terms: tuple[bool, bool, int | None, int | bool | None, str],
) -> None:
    """It gets back all that it sends, in fragments as well."""
    server_alone, client_alone, server_bits, client_bits, path = terms
    offer = ["permessage-deflate"]
    offer += ["server_no_context_takeover"] * server_alone
    offer += ["client_no_context_takeover"] * client_alone
    offer += [f"server_max_window_bits={server_bits}"] * (server_bits is not None)
    if client_bits is not None:
        offer.append("client_max_window_bits" + ("" if client_bits is True else f"={client_bits}"))
    request = (
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Extensions: %b\r\n\r\n" % "; ".join(offer).encode()
    )
    handshake, _ = opened(request, ProtoConfig())
    client = wsproto_client(handshake)
    websocket = WebSocket(ProtoConfig(), handshake.deflate, _fast=path == "fast")
    for message in contents(terms_id(terms)):
        half = len(message) // 2
        if isinstance(message, str):
            sent = client.send(TextMessage(message[:half], message_finished=False))
            sent += client.send(TextMessage(message[half:]))
            sent += client.send(TextMessage(message))
        else:
            sent = client.send(BytesMessage(message[:half], message_finished=False))
            sent += client.send(BytesMessage(message[half:]))
            sent += client.send(BytesMessage(message))
        client.receive_data(echo(websocket, sent, terms_id(terms)))
        received = [event.data for event in client.events() if hasattr(event, "data")]
        assert received == [message, message]


@pytest.mark.parametrize("path", ["fast", "wsproto"])
def test_control_frames_of_wsproto(path: str) -> None:
    """Pings, pongs and close frames are understood both ways."""
    client = wsproto_client(None)
    websocket = WebSocket(ProtoConfig(), None, _fast=path == "fast")
    websocket.receive_data(client.send(WsprotoPing(b"theirs")))
    assert websocket.next_event() is None
    websocket.ping(b"ours")
    client.receive_data(b"".join(websocket.data_to_send()))
    ping, pong = client.events()
    assert isinstance(ping, WsprotoPing)
    assert ping.payload == b"ours"
    assert isinstance(pong, WsprotoPong)
    assert pong.payload == b"theirs"
    websocket.receive_data(client.send(ping.response()))
    assert websocket.next_event() == PongReceived(b"ours")
    websocket.close(1012, "restart")
    client.receive_data(b"".join(websocket.data_to_send()))
    (closing,) = client.events()
    assert isinstance(closing, CloseConnection)
    assert (closing.code, closing.reason) == (1012, "restart")
    websocket.receive_data(client.send(closing.response()))
    assert websocket.next_event() == CloseReceived(1012, "restart")
