"""curl asks for a WebSocket as for any other change of the protocol, and shows what it is told."""

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.server_process import WAIT_S, ServerProcess

CURL = shutil.which("curl")
pytestmark = pytest.mark.skipif(CURL is None, reason="CURL IS NOT INSTALLED")
# The example of RFC 6455 section 1.3.
HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.fixture(scope="module")
def server(server: ServerProcess) -> Iterator[ServerProcess]:
    """Return a server that does not wait long for curl, who answers no close."""
    with ServerProcess(*server.arguments, "--websocket-close-timeout", "0.2") as impatient:
        yield impatient


def curl(server: ServerProcess, path: str, **fields: str) -> bytes:
    """Return fields and all the rest that the server answers to a handshake."""
    changed = HANDSHAKE | {name.replace("_", "-"): value for name, value in fields.items()}
    command = [str(CURL), "--silent", "--include", "--no-buffer", "--max-time", str(WAIT_S)]
    for name, value in changed.items():
        command += ["--header", f"{name}: {value}"]
    trusted = {"CURL_CA_BUNDLE": str(server.authority)} if server.authority else {}
    done = subprocess.run(
        [*command, server.url + path],
        env=os.environ | trusted,
        capture_output=True,
        timeout=2 * WAIT_S,
        check=False,
    )
    return done.stdout


def test_the_handshake_is_that_of_the_rfc(server: ServerProcess) -> None:
    """The answer to the key of RFC 6455 is the one that stands there; then come the frames."""
    answer = curl(server, "/ws/numbers?count=2")
    head, _, frames = answer.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert lines[0].startswith(b"http/1.1 101 ")
    assert {b"upgrade: websocket", b"connection: upgrade"} <= set(lines)
    assert b"sec-websocket-accept: " + ACCEPT.lower() in lines
    assert not [line for line in lines if line.startswith((b"content-length", b"transfer-"))]
    assert frames == b"\x81\x08number 0\x81\x08number 1\x88\x02\x03\xe8"


def test_another_version_is_refused(server: ServerProcess) -> None:
    """The answer says which version is spoken (RFC 6455 section 4.4)."""
    answer = curl(server, "/ws/numbers?count=0", Sec_WebSocket_Version="12").lower()
    assert answer.startswith(b"http/1.1 426 ")
    assert b"\r\nsec-websocket-version: 13\r\n" in answer


def test_a_handshake_without_upgrade_is_a_request(server: ServerProcess) -> None:
    """Who does not ask for another protocol gets HTTP."""
    answer = curl(server, "/thread", Connection="keep-alive")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b'{"in_main_thread":false}')
