"""The load generator for TLS handshakes counts connections that were answered, and sessions."""

import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from benchmarks import certificate
from benchmarks.client_process import ClientProcess
from benchmarks.load import Load, LoadError
from tests.support.server_process import WAIT_S

pytest.importorskip("trustme")
pytestmark = pytest.mark.slow
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@contextmanager
def serving(folder: Path, answer: bytes) -> Iterator[int]:
    """Run a TLS server that gives one answer on each connection, one after another."""
    pair = certificate.write(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    stopping = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            while not stopping.is_set():
                connection, _peer = listener.accept()
                connection.settimeout(WAIT_S)
                with connection, suppress(OSError):
                    if stopping.is_set():
                        return
                    with context.wrap_socket(connection, server_side=True) as secured:
                        secured.recv(65_536)
                        secured.sendall(answer)
                        secured.unwrap()  # an end without it spoils the session

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            stopping.set()
            socket.create_connection(listener.getsockname(), WAIT_S).close()
            thread.join(WAIT_S)


def load(port: int, kind: str) -> Load:
    """Load a server for a second, one connection at a time."""
    core = min(os.sched_getaffinity(0))
    with ClientProcess("benchmarks.tls_load", str(port), "1", kind, core=core) as client:
        return client.run(1)


@pytest.mark.parametrize(("kind", "resumed"), [("new", "0%"), ("resumed", "100%")])
def test_connections_and_sessions_are_counted(tmp_path: Path, kind: str, resumed: str) -> None:
    """Each connection is answered and ended, with or without the session of the one before."""
    with serving(tmp_path, OK) as port:
        seen = load(port, kind)

    assert seen.requests >= 1
    assert seen.remark.startswith("TLSv1.")
    assert seen.remark.endswith(f", {resumed} resumed")


def test_another_status_ends_the_measurement(tmp_path: Path) -> None:
    """A server that refuses is not measured, and the reason is told."""
    with (
        serving(tmp_path, OK.replace(b"200 OK", b"503 No")) as port,
        pytest.raises(LoadError, match="503 No"),
    ):
        load(port, "new")
