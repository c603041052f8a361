"""The client's side of a WebSocket, no more than a load generator needs (RFC 6455, RFC 7692).

Frames are made once and sent again and again, so one key masks them all: that is nothing that a
client in earnest may do.
"""

import base64
import hashlib
import json
import socket
import zlib
from dataclasses import dataclass

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
CONTINUATION = 0x0
FIN, RSV1, MASK = 0x80, 0x40, 0x80
MASKING_KEY = b"\x37\xfa\x21\x3d"
HANDSHAKE_KEY = base64.b64encode(bytes(range(16))).decode()
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
OFFER = "permessage-deflate; client_max_window_bits"  # as browsers do
DEFLATE_TAIL = b"\x00\x00\xff\xff"


class WrongAnswerError(Exception):
    """The server did not answer as it should. Says what came."""


def message(size: int) -> bytes:
    """Return ASCII of that many bytes as applications send it: records in JSON, none like another.

    It deflates to a fifth or so, where noise would not at all, and one letter to nothing.
    """
    records: list[str] = []
    length = number = 0
    while length < size:
        state = hashlib.sha256(str(number).encode()).hexdigest()
        fields = {"id": number, "user": state[:8], "amount": int(state[8:12], 16), "open": True}
        records.append(json.dumps(fields) + "\n")
        length += len(records[-1])
        number += 1
    return "".join(records).encode("ascii")[:size]


def masked(payload: bytes) -> bytes:
    """Return a payload masked by our one key."""
    key = (MASKING_KEY * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload) ^ int.from_bytes(key)).to_bytes(len(payload))


def head(first: int, length: int, mask: int) -> bytes:
    """Return the two to ten bytes at the beginning of a frame."""
    if length < 126:
        return bytes((first, mask | length))
    if length < 65_536:
        return bytes((first, mask | 126)) + length.to_bytes(2)
    return bytes((first, mask | 127)) + length.to_bytes(8)


def client_frame(opcode: int, payload: bytes, *, rsv1: bool = False) -> bytes:
    """Return one final frame of a client."""
    first = FIN | opcode | (RSV1 if rsv1 else 0)
    return head(first, len(payload), MASK) + MASKING_KEY + masked(payload)


def server_frame(opcode: int, payload: bytes) -> bytes:
    """Return one final frame of a server."""
    return head(FIN | opcode, len(payload), 0) + payload


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One frame as it came."""

    final: bool
    rsv1: bool
    opcode: int
    payload: bytes


def take_frame(received: bytearray) -> Frame | None:
    """Take the first frame of a server out of what was received; None until it is complete."""
    if len(received) < 2:
        return None
    length, begin = received[1], 2
    if length == 126:
        length, begin = int.from_bytes(received[2:4]), 4
    elif length == 127:
        length, begin = int.from_bytes(received[2:10]), 10
    if len(received) < begin + length or len(received) < begin:
        return None
    first = received[0]
    payload = bytes(received[begin : begin + length])
    del received[: begin + length]
    return Frame(
        final=bool(first & FIN), rsv1=bool(first & RSV1), opcode=first & 0xF, payload=payload
    )


def deflated(payload: bytes, window_bits: int) -> bytes:
    """Return a message deflated so that nothing before it is needed to inflate it."""
    deflate = zlib.compressobj(wbits=-window_bits)
    data = deflate.compress(payload) + deflate.flush(zlib.Z_SYNC_FLUSH)
    return data.removesuffix(DEFLATE_TAIL)


def open_websocket(
    port: int, *, deflate: bool, source: str = "127.0.0.1"
) -> tuple[socket.socket, str]:
    """Connect and shake hands.

    Returns:
        The socket, and the extensions that the server has agreed to.

    Raises:
        OSError: It could not be reached.
        WrongAnswerError: It does not agree.
    """
    connection = socket.socket()
    try:
        # A whole message fits, so that no send has to wait for the server.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 262_144)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(10)
        connection.bind((source, 0))
        connection.connect(("127.0.0.1", port))
        connection.sendall(handshake(port, deflate=deflate))
        return connection, agreed(read_head(connection))
    except BaseException:
        connection.close()
        raise


def read_head(connection: socket.socket) -> bytes:
    """Return the head of a response, up to its end: a frame may follow at once.

    Raises:
        WrongAnswerError: It ends before that.
    """
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        data = connection.recv(1)
        if not data:
            raise WrongAnswerError(f"the end after {answer!r}")
        answer += data
    return answer


def handshake(port: int, *, deflate: bool) -> bytes:
    """Return the request of a client."""
    lines = [
        "GET / HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {HANDSHAKE_KEY}",
        "Sec-WebSocket-Version: 13",
        *([f"Sec-WebSocket-Extensions: {OFFER}"] if deflate else []),
    ]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()


def agreed(answer: bytes) -> str:
    """Return the extensions of the answer to a handshake.

    Raises:
        WrongAnswerError: It is none that agrees.
    """
    status, *lines = answer.decode("latin-1").split("\r\n")
    pairs = [line.partition(":")[::2] for line in lines if line]
    fields = {name.lower(): value.strip() for name, value in pairs}
    accept = base64.b64encode(hashlib.sha1(HANDSHAKE_KEY.encode() + MAGIC).digest()).decode()
    if status.split(" ")[1:2] != ["101"] or fields.get("sec-websocket-accept") != accept:
        raise WrongAnswerError(f"no agreement in {answer[:300]!r}")
    return fields.get("sec-websocket-extensions", "")


def client_window_bits(extensions: str) -> int:
    """Return how far back a client may refer by what was agreed."""
    for part in extensions.split(";"):
        name, _, value = part.strip().partition("=")
        if name == "client_max_window_bits" and value:
            return int(value.strip('"'))
    return 15
