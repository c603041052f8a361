"""The engine "h11": requests are read by h11, after our own checks.

h11 accepts what should be refused (obsolete folding, lines that end with LF alone, lists of
lengths, any chunk extension), so no byte reaches it that our checks have not passed. Both have to
understand the same, or the request is refused: whoever wants the engine wants no surprises.
"""

import h11

from serverkit_proto.config import ProtoConfig
from serverkit_proto.errors import RemoteProtocolError, refuse
from serverkit_proto.events import BodyReceived, Event, RequestReceived
from serverkit_proto.http1_reader import HEAD_END, RequestReader


class H11Connection(RequestReader):
    """The server's side of an HTTP/1 connection whose requests h11 reads."""

    __slots__ = ("_h11",)

    def __init__(self, config: ProtoConfig) -> None:
        super().__init__(config)
        self._h11 = self._new_reader()

    def _read_head(self, end: int) -> Event | None:
        head = bytes(self._buffer[self._position : end + len(HEAD_END)])
        event = super()._read_head(end)
        if isinstance(event, RequestReceived) and not head.startswith(b"\r\n"):
            return self._read_again(head, event)
        return event

    def _new_reader(self) -> h11.Connection:
        # Sizes are checked before; this only bounds what is fed in one piece.
        return h11.Connection(h11.SERVER, 2 * self._config.max_header_size)

    def _read_again(self, head: bytes, ours: RequestReceived) -> RequestReceived:
        """Let h11 read a head that we accept."""
        self._h11 = self._new_reader()
        try:
            self._h11.receive_data(head)
            request = self._h11.next_event()
        except h11.RemoteProtocolError as error:
            raise self._reject(str(error)) from None
        if not isinstance(request, h11.Request):
            raise self._reject("it found no request")
        theirs = ours._replace(
            method=request.method.decode("ascii"),
            target=request.target,
            http_version=request.http_version.decode("ascii"),
        )
        if ours.target.startswith((b"/", b"*")):  # else the target has replaced the Host
            theirs = theirs._replace(headers=list(request.headers))
            # h11 has lowered the case of one value.
            known = [(n, v.lower() if n == b"transfer-encoding" else v) for n, v in ours.headers]
        else:
            known = ours.headers
        if theirs != ours._replace(headers=known):
            raise self._reject("it was understood differently")
        if ours.end:
            self._feed(b"", BodyReceived(b"", more=False))
        return ours

    def _take_counted(self) -> BodyReceived:
        event = super()._take_counted()
        return self._feed(event.data, event)

    def _take_chunks(self) -> BodyReceived | None:
        raw = bytes(self._buffer[self._position :])
        event = super()._take_chunks()
        taken = raw[: len(raw) - self.buffered]
        if event is not None:
            return self._feed(taken, event)
        self._feed(taken, BodyReceived(b"", more=True))
        return None

    def _feed(self, raw: bytes, ours: BodyReceived) -> BodyReceived:
        """Let h11 read a part of a body that we have understood."""
        data: list[bytes] = []
        trailers: tuple[tuple[bytes, bytes], ...] = ()
        more = True
        try:
            if raw:
                self._h11.receive_data(raw)
            while more:
                event = self._h11.next_event()
                if isinstance(event, h11.Data):
                    data.append(bytes(event.data))
                elif isinstance(event, h11.EndOfMessage):
                    trailers = tuple(event.headers)
                    more = False
                else:
                    break
        except h11.RemoteProtocolError as error:
            raise self._reject(str(error)) from None
        theirs = BodyReceived(b"".join(data), more, trailers)
        if theirs != ours:
            raise self._reject("its body was understood differently")
        return theirs

    def _reject(self, reason: str) -> RemoteProtocolError:
        refusal = refuse("H11_REJECTED")
        message = f"{refusal.message}: {reason}"
        return self._fail(RemoteProtocolError(message, refusal.code, refusal.status))
