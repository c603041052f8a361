"""Permessage-deflate as a client does it, from what the server has answered.

Source: RFC 7692 section 7.
"""

import zlib

from tests.conformance.websocket.frames import Frame, cut, fragments

RSV1 = 4
TAIL = b"\x00\x00\xff\xff"


def parameters(answer: str | None) -> dict[str, str | None]:
    """Read the server's answer, which must accept permessage-deflate once."""
    assert answer is not None
    name, *given = [part.strip() for part in answer.split(";")]
    assert name == "permessage-deflate"
    assert "," not in answer
    pairs = [part.partition("=") for part in given]
    assert len({pair[0] for pair in pairs}) == len(pairs)
    return {key: value or None for key, _, value in pairs}


class Deflate:
    """The contexts of one WebSocket, the client's and that for what the server sends."""

    def __init__(self, answer: str | None) -> None:
        agreed = parameters(answer)
        self._own_bits = int(agreed.get("client_max_window_bits") or 15)
        self._server_bits = int(agreed.get("server_max_window_bits") or 15)
        self._own_alone = "client_no_context_takeover" in agreed
        self._server_alone = "server_no_context_takeover" in agreed
        self._new_compressor()
        self._new_decompressor()

    def _new_compressor(self) -> None:
        self._compressor = zlib.compressobj(wbits=-max(self._own_bits, 9))

    def _new_decompressor(self) -> None:
        self._decompressor = zlib.decompressobj(-self._server_bits)

    def deflated(self, payload: bytes) -> bytes:
        """Deflate a message (7.2.1)."""
        octets = self._compressor.compress(payload)
        octets += self._compressor.flush(zlib.Z_SYNC_FLUSH)
        if self._own_alone:
            self._new_compressor()
        assert octets.endswith(TAIL)
        return octets[:-4]

    def message(self, opcode: int, payload: bytes, *, fragment: int | None = None) -> bytes:
        """Make the frames of a message, each with so many octets after deflating."""
        deflated = self.deflated(payload)
        pieces = cut(deflated, fragment or len(deflated) or 1)
        return b"".join(fragments(opcode, *pieces, rsv=RSV1))

    def inflated(self, found: Frame) -> Frame:
        """Take the deflating from a message of the server, if it has any (7.2.2)."""
        if not found.rsv:
            return found
        assert found.rsv == RSV1, "only RSV1 has a meaning (6)"
        payload = self._decompressor.decompress(found.payload + TAIL)
        assert not self._decompressor.unconsumed_tail
        if self._server_alone:
            self._new_decompressor()
        return found._replace(payload=payload, rsv=0)
