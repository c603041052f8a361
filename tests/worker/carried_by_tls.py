"""A transport in memory whose client speaks TLS, where tests expect one in plain text."""

import contextlib
import ssl
from collections.abc import Mapping
from typing import Any, cast

from serverkit_worker.encryption import Encryption
from serverkit_worker.http1_connection import HTTP1Connection
from serverkit_worker.serving import Serving
from serverkit_worker.tls_transport import TLSTransport
from tests.worker.certificates import authority
from tests.worker.fake_transport import FakeTransport
from tests.worker.tls_peer import TLSPeer


class SecuredTransport:
    """What a `FakeTransport` tells tests and lets them do, seen from within TLS."""

    def __init__(self, carrier: FakeTransport, peer: TLSPeer) -> None:
        object.__setattr__(self, "_carrier", carrier)
        object.__setattr__(self, "_peer", peer)
        object.__setattr__(self, "_read", 0)
        object.__setattr__(self, "_said", bytearray())

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever the carrier has
        return getattr(self._carrier, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._carrier, name, value)

    @property
    def sent(self) -> bytearray:
        """What the client has read."""
        fresh = bytes(self._carrier.sent[self._read :])
        object.__setattr__(self, "_read", len(self._carrier.sent))
        self._said.extend(self._peer.decrypt(fresh))
        said: bytearray = self._said
        return said

    @property
    def protocol(self) -> Any:  # noqa: ANN401  of the connection
        """Who is told what the client says."""
        carried = self._carrier.protocol
        return carried.get_protocol() if isinstance(carried, TLSTransport) else carried

    def client_sends(self, data: bytes) -> None:
        """Say something."""
        self._carrier.client_sends(self._peer.encrypt(data))

    def client_ends(self) -> None:
        """Say that nothing more will come, by TLS and by TCP."""
        self._carrier.client_sends(self._peer.goodbye())
        self._carrier.client_ends()


def carry_by_tls(
    serving: Serving,
    connection: HTTP1Connection,
    extra: Mapping[str, object] | None,
) -> FakeTransport:
    """Give a connection a transport, after a handshake."""
    carrier, peer = FakeTransport(extra), TLSPeer()
    encryption = Encryption(authority().server())
    for _ in range(3):  # Flights of TLS 1.3, and one more for the tickets that follow.
        encryption.incoming.write(peer.shake(encryption.outgoing.read()))
        with contextlib.suppress(ssl.SSLWantReadError):
            encryption.ssl_object.do_handshake()
    peer.incoming.write(encryption.outgoing.read())
    transport = TLSTransport(carrier, encryption, connection)
    transport.start()
    return cast(FakeTransport, SecuredTransport(carrier, peer))
