"""A transport that speaks TLS, on top of a transport that carries bytes.

The event loops have one of their own, but each another one, and neither does what a connection asks
of its transport: they cut off a response that is read slowly when it is the last one, say that
nothing waits while some does, cannot end one direction alone, and keep 256 KiB per connection.

Rules:
    Nothing is kept here: what is written is handed to the carrier at once, in whose buffer it
    counts; what is read is handed on at once, but for what would take too long for one turn of the
    loop: it waits for the next, and nothing is read meanwhile.
    What TLS itself answers to a client is bounded too: nothing is read while it reads no answers.
    Both directions end on their own, as those of TCP do.

Source: RFC 8446 section 6.1 (close_notify), RFC 9112 section 9.8 (incomplete closes).
"""

import asyncio
import ssl
from collections.abc import Iterable
from typing import Any, Final, override

from serverkit_worker.encryption import ENCRYPTED_BYTES, Encryption

# Why nothing is read from the client: the protocol wants it so; the client has to read first what
# TLS itself has answered; it has sent so much that others have their turn first.
BY_PROTOCOL: Final = 1
BY_ANSWERS: Final = 2
BY_TURN: Final = 4


class TLSTransport(asyncio.Transport, asyncio.Protocol):
    """The transport for what is said by TLS; at the same time the protocol of its carrier.

    Owner: the worker's loop thread.
    """

    __slots__ = (
        "_carrier",
        "_discards",
        "_encryption",
        "_error",
        "_has_eof",
        "_holds",
        "_is_closing",
        "_is_eof_written",
        "_is_full",
        "_is_pause_due",
        "_is_writing",
        "_protocol",
        "_write",
    )

    def __init__(
        self, carrier: asyncio.Transport, encryption: Encryption, protocol: asyncio.Protocol
    ) -> None:
        """Take over a carrier.

        Args:
            carrier: of the encrypted bytes.
            encryption: whose handshake is done.
            protocol: for what is said within.
        """
        super().__init__()
        self._carrier = carrier
        self._encryption = encryption
        self._protocol = protocol
        self._write = encryption.ssl_object.write
        self._is_writing = False
        self._is_pause_due = False
        self._is_full = False  # The client has to read before more is written.
        self._holds = 0  # Why nothing is read.
        self._is_closing = False
        self._is_eof_written = False
        self._has_eof = False  # The client has ended its direction.
        self._discards = False  # For that, or because nobody wants it.
        self._error: Exception | None = None
        carrier.set_protocol(self)

    def start(self, data: bytes = b"") -> None:
        """Let the protocol begin.

        Args:
            data: what came together with the end of the handshake and is not decrypted yet.
        """
        self._protocol.connection_made(self)
        if (data or self._encryption.incoming.pending) and not self._is_closing:
            self.data_received(data)
        self._encryption.flush(self._carrier)

    # What the carrier calls

    @override
    def data_received(self, data: bytes) -> None:
        """Hand on what it says; behind many records others have their turn."""
        if self._discards:
            return
        self._hand_on(data)
        if self._encryption.rest and not self._is_closing:
            self._hold(BY_TURN)
            asyncio.get_running_loop().call_soon(self._end_turn)

    @override
    def eof_received(self) -> bool:
        """Hand on that the client sends no more. It need not have said so by TLS before."""
        if self._has_eof and self._is_eof_written:
            self.close()
        else:
            self._peer_ended()
        return True  # It is for the protocol to decide, which may have closed it already.

    @override
    def pause_writing(self) -> None:
        """Hand it on, but not before all that is being written can be measured."""
        self._is_full = True
        if self._is_writing:
            self._is_pause_due = True
        else:
            self._protocol.pause_writing()

    @override
    def resume_writing(self) -> None:
        """Hand it on."""
        self._is_full = False
        if self._holds & BY_ANSWERS:
            self._release(BY_ANSWERS)
        self._protocol.resume_writing()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """Hand it on, and let go of everything."""
        self._is_closing = self._discards = True
        protocol, self._protocol = self._protocol, asyncio.Protocol()
        protocol.connection_lost(self._error or exc)

    def _end_turn(self) -> None:
        """Go on behind the others, first with what has come already."""
        if self._holds == BY_TURN and not self._discards and self._encryption.rest:
            self._hand_on(self._encryption.take_rest())
            if self._encryption.rest:
                asyncio.get_running_loop().call_soon(self._end_turn)
                return
        self._release(BY_TURN)

    def _hold(self, hold: int) -> None:
        """Read nothing until `_release`."""
        if not self._holds:
            self._carrier.pause_reading()
        self._holds |= hold

    def _release(self, hold: int) -> None:
        """Read again, unless there is another reason not to."""
        self._holds &= ~hold
        if self._holds or self._is_closing:
            return
        if self._encryption.rest and not self._discards:
            self._holds = BY_TURN
            asyncio.get_running_loop().call_soon(self._end_turn)
        else:
            self._carrier.resume_reading()

    def _hand_on(self, data: bytes | memoryview) -> None:
        """Decrypt what has come, and give it to the protocol in one piece."""
        pieces: list[bytes] = []
        error = None
        encryption = self._encryption
        try:
            encryption.decrypt(data, pieces)
        except ssl.SSLError as exc:
            error = exc
        if encryption.outgoing.pending:
            self._answer()
        if pieces:
            self._protocol.data_received(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        if encryption.has_ended:
            self._peer_ended()
        elif error is not None:
            self._break(error)

    def _answer(self) -> None:
        """Write what TLS itself has to say, which clients may ask for without end."""
        self._encryption.flush(self._carrier)
        if self._is_full and not self._is_closing:
            self._hold(BY_ANSWERS)

    def _peer_ended(self) -> None:
        """Tell the protocol, once, that nothing more will come."""
        if self._has_eof or self._is_closing:
            return
        self._has_eof = self._discards = True
        if not self._protocol.eof_received():
            self.close()

    def _break(self, error: Exception) -> None:
        """Let go of a client that breaks TLS. What tells it so is written already."""
        if not self._is_closing:
            self._error = error
            self.abort()

    # What the protocol calls

    @override
    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return the `ssl_object`, or what the carrier knows."""
        if name == "ssl_object":
            return self._encryption.ssl_object
        return self._carrier.get_extra_info(name, default)

    @override
    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write; bytes are encrypted from where they are."""
        self.writelines((data,))

    @override
    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """Write all, in as few packets as possible."""
        if self._is_eof_written:
            raise RuntimeError("nothing can be written behind the end")
        self._is_writing = True
        for data in list_of_data:
            self._encrypt(data)
        self._encryption.flush(self._carrier)
        self._is_writing = False
        if self._is_pause_due:
            self._is_pause_due = False
            self._protocol.pause_writing()

    def _encrypt(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt; a lot of it is written as it goes."""
        if self._is_closing or not data:
            return
        write = self._write
        try:
            done = write(data) if len(data) <= ENCRYPTED_BYTES else 0
            # One that is gone already would be written to in vain, and the loop would log it.
            while done < len(data) and not self._carrier.is_closing():
                done += write(memoryview(data)[done : done + ENCRYPTED_BYTES])
                self._encryption.flush(self._carrier)
        except ssl.SSLError as exc:
            self._break(exc)

    @override
    def can_write_eof(self) -> bool:
        """Return whether the carrier can end its direction; TLS can."""
        return self._carrier.can_write_eof()

    @override
    def write_eof(self) -> None:
        """Say that nothing more will come. What the client still sends is thrown away undecrypted.

        Raises:
            OSError: the client has reset the connection.
        """
        if self._is_eof_written or self._is_closing:
            return
        if self._has_eof:  # Both directions have ended.
            self.close()
            return
        self._say_goodbye()
        self._is_eof_written = self._discards = True
        self._carrier.write_eof()

    def _say_goodbye(self) -> None:
        self._encryption.say_goodbye()
        self._encryption.flush(self._carrier)

    @override
    def close(self) -> None:
        """Close once all that was written is sent. The client's goodbye is not waited for."""
        if self._is_closing:
            return
        if not self._is_eof_written:
            self._say_goodbye()
        self._is_closing = self._discards = True
        self._carrier.close()

    @override
    def abort(self) -> None:
        """Close at once."""
        self._is_closing = self._discards = True
        self._carrier.abort()

    @override
    def is_closing(self) -> bool:
        """Return whether it is closed, or about to be."""
        return self._is_closing or self._carrier.is_closing()

    @override
    def get_write_buffer_size(self) -> int:
        """Return how many encrypted bytes the kernel has not taken yet."""
        return self._carrier.get_write_buffer_size()

    @override
    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return those of the carrier."""
        return self._carrier.get_write_buffer_limits()

    @override
    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set those of the carrier."""
        self._carrier.set_write_buffer_limits(high, low)

    @override
    def pause_reading(self) -> None:
        """Read nothing until `resume_reading`."""
        if not self._is_closing:
            self._hold(BY_PROTOCOL)

    @override
    def resume_reading(self) -> None:
        """Read again."""
        if not self._is_closing:
            self._release(BY_PROTOCOL)

    @override
    def is_reading(self) -> bool:
        """Return whether it reads."""
        return self._carrier.is_reading()

    @override
    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Let another protocol go on, which is no `BufferedProtocol`."""
        if not isinstance(protocol, asyncio.Protocol):
            raise TypeError("the protocol must be an asyncio.Protocol")
        self._protocol = protocol

    @override
    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return who is told what happens."""
        return self._protocol
