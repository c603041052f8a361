"""Reads the names that clients ask for before their handshake does.

The `ssl` module takes a name for ASCII before it calls an `sni_callback`. One that is not ends in a
traceback on standard error, so whoever connects could fill the log.

Source: RFC 8446 section 4.1.2 (ClientHello), RFC 6066 section 3 (server_name).
"""

from collections.abc import Iterator
from typing import Final

_CHANGE_CIPHER_SPEC: Final = 20
_HANDSHAKE: Final = 22
_CLIENT_HELLO: Final = 1
_SERVER_NAME: Final = 0
_RECORD_HEAD: Final = 5
_MESSAGE_HEAD: Final = 4
_BEHIND_RANDOM: Final = 34
# OpenSSL takes no larger one.
_LARGEST: Final = 131_396


class NamesAskedFor:
    """Finds the names in what a client sends, up to the first message that has none.

    A client says ClientHello twice if it is asked to.

    Owner: the handshake.
    """

    __slots__ = ("_is_over", "_messages", "_records")

    def __init__(self) -> None:
        self._records = bytearray()
        self._messages = bytearray()
        self._is_over = False

    def receive(self, data: bytes) -> list[bytes]:
        """Return the names in all messages that are complete now, and were not before."""
        if self._is_over:
            return []
        self._records += data
        self._unpack()
        found: list[bytes] = []
        messages = self._messages
        while len(messages) >= _MESSAGE_HEAD:
            end = _MESSAGE_HEAD + int.from_bytes(messages[1:_MESSAGE_HEAD])
            if messages[0] != _CLIENT_HELLO or end > _LARGEST:
                self._is_over = True
                break
            if len(messages) < end:
                break
            found += _names(bytes(messages[_MESSAGE_HEAD:end]))
            del messages[:end]
        return found

    def _unpack(self) -> None:
        """Take what is in complete records."""
        records = self._records
        while len(records) >= _RECORD_HEAD:
            end = _RECORD_HEAD + int.from_bytes(records[3:_RECORD_HEAD])
            if records[0] not in (_HANDSHAKE, _CHANGE_CIPHER_SPEC):
                self._is_over = True
                return
            if len(records) < end:
                return
            if records[0] == _HANDSHAKE:
                self._messages += records[_RECORD_HEAD:end]
            del records[:end]


def _names(hello: bytes) -> Iterator[bytes]:
    """Yield the names in a ClientHello, as far as it is well-formed: the handshake says if not."""
    at = _BEHIND_RANDOM
    at += 1 + int.from_bytes(hello[at : at + 1])  # the session
    at += 2 + int.from_bytes(hello[at : at + 2])  # the ciphers
    at += 1 + int.from_bytes(hello[at : at + 1])  # the compressions
    at += 2
    while at < len(hello):
        kind, size = int.from_bytes(hello[at : at + 2]), int.from_bytes(hello[at + 2 : at + 4])
        at += 4
        if kind == _SERVER_NAME:
            yield hello[at + 5 : at + size]  # behind two lengths and the type of the name
        at += size
