"""The handshake of a WebSocket over HTTP/1.1 (RFC 6455 section 4.2)."""

import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from serverkit_proto.config import ProtoConfig
from serverkit_proto.errors import LocalProtocolError, refuse_handshake
from serverkit_proto.events import Headers, RequestReceived
from serverkit_proto.headers import TOKEN_CHARACTERS, split_list, validate_fields
from serverkit_proto.response import InformationalHead, ResponseHeads
from serverkit_proto.websocket_deflate import DeflateParameters, Extension, negotiate

VERSION = b"13"

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==").fullmatch
_TOKEN = re.compile(rb"[%b]+" % TOKEN_CHARACTERS).fullmatch
_NAME = re.compile(rb"[ \t]*([%b]+)[ \t]*" % TOKEN_CHARACTERS).match
# A parameter: its name, its value as a token or within quotes.
_PARAMETER = re.compile(
    rb";[ \t]*([%b]+)[ \t]*(?:=[ \t]*(?:([%b]+)|\"((?:[^\"\\]|\\.)*)\")[ \t]*)?"
    % (TOKEN_CHARACTERS, TOKEN_CHARACTERS)
).match
_UNQUOTE = re.compile(rb"\\(.)").sub
_EMPTY = re.compile(rb"[ \t,]*").match
_COMMA = ord(",")
_OURS = frozenset({b"sec-websocket-accept", b"sec-websocket-extensions"})
_WRONG_VERSION = (
    (b"sec-websocket-version", VERSION),
    (b"upgrade", b"websocket"),
    (b"connection", b"Upgrade, close"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """What a client asks for, checked.

    Attributes:
        accept: The value of Sec-WebSocket-Accept that proves that we understood.
        subprotocols: What the client offers, in its order.
        deflate: How messages are deflated, if they are.
    """

    accept: bytes
    subprotocols: tuple[str, ...]
    deflate: DeflateParameters | None


def is_websocket_upgrade(request: RequestReceived) -> bool:
    """Tell whether a request asks to go on with WebSocket on its connection."""
    return request.upgrade and any(
        name == b"upgrade" and b"websocket" in split_list(value) for name, value in request.headers
    )


def read_handshake(request: RequestReceived, config: ProtoConfig) -> Handshake:
    """Check a request for which is_websocket_upgrade holds.

    Raises:
        RemoteProtocolError: It breaks RFC 6455 section 4.2.1 (400), or asks for a version other
            than 13 (426, with the fields that go with it).
    """
    if request.method != "GET":
        raise refuse_handshake("BAD_METHOD")
    if not request.end:
        raise refuse_handshake("BODY")
    headers = request.headers
    if _values(headers, b"sec-websocket-version") != [VERSION]:
        raise refuse_handshake("BAD_VERSION", _WRONG_VERSION)
    keys = _values(headers, b"sec-websocket-key")
    if len(keys) != 1 or _KEY(keys[0]) is None:
        raise refuse_handshake("BAD_KEY")
    subprotocols = read_subprotocols(headers)
    extensions = read_extensions(headers)
    deflate = negotiate(extensions) if config.websocket_compression else None
    return Handshake(accept=accept_key(keys[0]), subprotocols=subprotocols, deflate=deflate)


def accept_key(key: bytes) -> bytes:
    """Give the Sec-WebSocket-Accept for a Sec-WebSocket-Key.

    Source: RFC 6455 section 4.2.2 step 5.4.
    """
    digest = hashlib.sha1(key + _MAGIC, usedforsecurity=False).digest()
    return binascii.b2a_base64(digest, newline=False)


def read_subprotocols(headers: Headers) -> tuple[str, ...]:
    """Read what subprotocols a client offers, whatever HTTP it speaks.

    Raises:
        RemoteProtocolError: They are not tokens, not different, or there is none in the field.

    Source: RFC 6455 section 11.3.4.
    """
    values = _values(headers, b"sec-websocket-protocol")
    if not values:
        return ()
    members = [member.strip(b" \t") for member in b",".join(values).split(b",")]
    members = [member for member in members if member]
    if not members or len(set(members)) < len(members):
        raise refuse_handshake("BAD_SUBPROTOCOL")
    if any(_TOKEN(member) is None for member in members):
        raise refuse_handshake("BAD_SUBPROTOCOL")
    return tuple(member.decode("ascii") for member in members)


def read_extensions(headers: Headers) -> tuple[Extension, ...]:
    """Read what extensions a client offers, in its order, whatever HTTP it speaks.

    Raises:
        RemoteProtocolError: The grammar is broken.

    Source: RFC 6455 section 9.1.
    """
    values = _values(headers, b"sec-websocket-extensions")
    if not values:
        return ()
    value = b",".join(values)
    extensions = []
    position = _skip(value, 0)
    while position < len(value):
        extension, position = _read_extension(value, position)
        extensions.append(extension)
        if position < len(value) and value[position] != _COMMA:
            raise refuse_handshake("BAD_EXTENSION")
        position = _skip(value, position)
    if not extensions:
        raise refuse_handshake("BAD_EXTENSION")
    return tuple(extensions)


def accept_head(
    heads: ResponseHeads,
    handshake: Handshake,
    *,
    subprotocol: str | None,
    fields: Iterable[tuple[bytes, bytes]],
) -> InformationalHead:
    """Make the head of the response that accepts, for switch_protocols.

    Args:
        heads: Validates the fields and adds its own.
        handshake: What read_handshake gave.
        subprotocol: What the application chose of those offered.
        fields: What the application adds.

    Raises:
        LocalProtocolError: A field is malformed, frames a message or is one of the handshake's
            own; or the subprotocol is not one of those offered.

    Source: RFC 6455 section 4.2.2.
    """
    given = validate_fields(fields)
    for name, _ in given:
        if name in _OURS:
            raise LocalProtocolError(
                f"{name!r} is the handshake's own to send", "SERVERKIT_APP_BAD_HEADER"
            )
    chosen = [value.decode("latin-1") for value in _values(given, b"sec-websocket-protocol")]
    if len(chosen) + (subprotocol is not None) > 1:
        raise LocalProtocolError(
            "a WebSocket has one subprotocol at most", "SERVERKIT_APP_BAD_HEADER"
        )
    for each in chosen:
        _check_offered(each, handshake)
    ours: list[tuple[bytes, bytes]] = [
        (b"upgrade", b"websocket"),
        (b"connection", b"Upgrade"),
        (b"sec-websocket-accept", handshake.accept),
    ]
    if subprotocol is not None:
        _check_offered(subprotocol, handshake)
        ours.append((b"sec-websocket-protocol", subprotocol.encode("ascii")))
    if handshake.deflate is not None:
        ours.append((b"sec-websocket-extensions", handshake.deflate.answer))
    return heads.switching(tuple(ours), given)


def _check_offered(subprotocol: str, handshake: Handshake) -> None:
    if subprotocol not in handshake.subprotocols:
        raise LocalProtocolError(
            f"the subprotocol {subprotocol!r} is not among those the client offered: "
            f"{', '.join(handshake.subprotocols) or 'none'}",
            "SERVERKIT_APP_BAD_SUBPROTOCOL",
        )


def _values(headers: Headers, wanted: bytes) -> list[bytes]:
    return [value for name, value in headers if name == wanted]


def _skip(value: bytes, position: int) -> int:
    """Give the position after white space and commas, of which a list may have too many."""
    found = _EMPTY(value, position)
    return position if found is None else found.end()


def _read_extension(value: bytes, position: int) -> tuple[Extension, int]:
    """Read one extension with its parameters; give it and the position after it."""
    found = _NAME(value, position)
    if found is None:
        raise refuse_handshake("BAD_EXTENSION")
    name = found[1].decode("ascii")
    position = found.end()
    parameters: list[tuple[str, str | None]] = []
    while (found := _PARAMETER(value, position)) is not None:
        token = found[2]
        if found[3] is not None:
            token = _UNQUOTE(rb"\1", found[3])
            if _TOKEN(token) is None:
                raise refuse_handshake("BAD_EXTENSION")
        text = None if token is None else token.decode("ascii")
        parameters.append((found[1].decode("ascii"), text))
        position = found.end()
    return Extension(name, tuple(parameters)), position
