"""What a client can make the transport that speaks TLS keep, and for how long."""

import logging
import socket
import struct
import threading
from pathlib import Path

import pytest

from serverkit_worker.asgi import Receive, Scope, Send
from serverkit_worker.config import WorkerConfig
from serverkit_worker.encryption import DECRYPTED_BYTES
from tests.worker.certificates import authority
from tests.worker.driving import GET, hello, stepped, turns
from tests.worker.running import WAIT_S, Client, RunningWorker, eventually
from tests.worker.securing import Noting, SecureLine, noting, secure_line, transport_of
from tests.worker.tls12_records import HANDSHAKE, Forger

BIG = bytes(range(256)) * 4_000
RENEGOTIATE = b"\1\0\0\0"  # As much of a ClientHello as it takes to be refused.
MANY = 20_000
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def renegotiating(forger: Forger) -> tuple[SecureLine, Noting, bytes]:
    """Return a connection that will renegotiate: its protocol, and what its client will send."""
    line = secure_line(hello, client=forger.context)
    line.send_raw(line.peer.shake())
    flight = line.take_raw()
    line.send_raw(line.peer.shake(flight))
    line.peer.shake(line.take_raw())
    transport, protocol = transport_of(line), Noting()
    protocol.connection_made(transport)
    transport.set_protocol(protocol)
    return line, protocol, forger.records(flight, HANDSHAKE, RENEGOTIATE, MANY)


def reads(line: SecureLine) -> bool:
    """Return whether anything is read from the client."""
    return line.carrier.reading


@stepped
async def test_a_client_that_reads_no_answers_of_tls_is_not_read_from(tmp_path: Path) -> None:
    """Each refused renegotiation is an answer: they must not pile up for ever."""
    line, _, asked = renegotiating(Forger(tmp_path / "keys"))
    line.carrier.room = 0
    line.send_raw(asked)
    await turns(100)
    assert line.carrier.get_write_buffer_size() < 262_144 + 65_536
    assert line.carrier.kernel_holds > len(asked) // 2


@stepped
async def test_it_is_read_from_again_when_it_has_read(tmp_path: Path) -> None:
    """Whatever was waited for comes, in order."""
    line, protocol, asked = renegotiating(Forger(tmp_path / "keys"))
    line.carrier.room = 0
    line.send_raw(asked)
    await turns(100)
    line.carrier.client_reads(float("inf"))
    await turns(100)
    assert not line.carrier.kernel_holds
    assert not line.carrier.is_closing()
    assert protocol.told[-1] == "resumed"


@pytest.mark.parametrize("paused_first", [True, False])
@stepped
async def test_a_protocol_that_pauses_reading_is_heeded_meanwhile(
    tmp_path: Path, *, paused_first: bool
) -> None:
    """Two may want nothing to be read; it is read when neither does."""
    line, _, asked = renegotiating(Forger(tmp_path / "keys"))
    transport = transport_of(line)
    line.carrier.room = 0
    line.send_raw(asked)
    await turns(100)
    transport.pause_reading()
    if paused_first:
        line.carrier.client_reads(float("inf"))
        assert not reads(line)
        transport.resume_reading()
    else:
        transport.resume_reading()
        assert not reads(line)
        line.carrier.client_reads(float("inf"))
    await turns(100)
    assert reads(line)
    assert not line.carrier.kernel_holds


@stepped
async def test_what_was_read_leaves_no_large_buffer() -> None:
    """OpenSSL's buffers never shrink, and a connection may then be idle for hours."""
    line, transport, protocol = noting()
    encryption = transport._encryption
    fed: list[int] = []
    incoming = encryption.incoming

    class Counted:
        """Notes how much it is given; there is always more in it, as far as it tells."""

        pending = 1

        def write(self, data: bytes | memoryview) -> int:
            fed.append(len(data))
            return incoming.write(data)

    encryption.incoming = Counted()  # type: ignore[assignment]
    line.send(BIG)
    await turns()
    assert b"".join(each for each in protocol.told if isinstance(each, bytes)) == BIG
    assert max(fed) <= DECRYPTED_BYTES


@stepped
async def test_what_comes_before_the_goodbye_is_handed_on_before() -> None:
    """Also where it was too much to be decrypted at once, and something came behind."""
    line, _, protocol = noting()
    said = line.peer.encrypt(BIG[:100_000])
    line.send_raw(said + line.peer.goodbye() + bytes(100_000))
    assert protocol.told == [BIG[:100_000], "eof"]


def test_a_large_response_to_a_client_that_is_gone_logs_nothing(
    any_loop: WorkerConfig, caplog: pytest.LogCaptureFixture
) -> None:
    """What a client does is no event of the server."""
    called, gone = threading.Event(), threading.Event()

    async def big(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        called.set()
        gone.wait(WAIT_S)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": BIG})

    caplog.set_level(logging.INFO)
    with RunningWorker(big, config=any_loop, ssl_context=authority().server()) as running:
        with Client(running.address, ssl_context=authority().client()) as client:
            client.send(GET)
            assert called.wait(WAIT_S)
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        gone.set()
        eventually(running.worker.is_idle)
    assert not caplog.records
