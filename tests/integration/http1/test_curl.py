"""curl as a client that was not written for these tests."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.engines import ON_EVERY_ENGINE_AND_TLS
from tests.support.probe import Probe
from tests.support.server_process import WAIT_S

CURL = shutil.which("curl")
pytestmark = [
    ON_EVERY_ENGINE_AND_TLS,
    pytest.mark.skipif(CURL is None, reason="CURL IS NOT INSTALLED"),
]


def curl(probe: Probe, *arguments: str, data: bytes = b"") -> tuple[bytes, str]:
    """Return what curl wrote and what it told about the talk; an exit code fails the test."""
    command = [str(CURL), "--silent", "--show-error", "--verbose", "--max-time", str(WAIT_S)]
    trusted = {"CURL_CA_BUNDLE": str(probe.server.authority)} if probe.server.authority else {}
    done = subprocess.run(
        [*command, *arguments],
        env=os.environ | trusted,
        input=data,
        capture_output=True,
        timeout=2 * WAIT_S,
        check=False,
    )
    told = done.stderr.decode("utf-8", "replace")
    assert done.returncode == 0, told
    return done.stdout, told


@pytest.fixture
def upload(tmp_path: Path) -> Path:
    """Return a file large enough for curl to expect 100, yet allowed."""
    path = tmp_path / "upload"
    path.write_bytes(bytes(index % 256 for index in range(1_040_000)))
    return path


def test_upload(probe: Probe, upload: Path) -> None:
    """A file with a declared length comes back as it was."""
    body, _ = curl(probe, "-T", str(upload), "-H", "Expect:", f"{probe.server.url}/echo")
    assert body == upload.read_bytes()


def test_chunked_upload(probe: Probe, upload: Path) -> None:
    """A pipe, whose length nobody knows, comes back as it was."""
    body, told = curl(probe, "-T", "-", f"{probe.server.url}/echo", data=upload.read_bytes())
    assert "Transfer-Encoding: chunked" in told
    assert body == upload.read_bytes()


def test_expect_100(probe: Probe, upload: Path) -> None:
    """Curl is told to continue, once."""
    arguments = ("--data-binary", f"@{upload}", "-H", "Expect: 100-continue")
    body, told = curl(
        probe, *arguments, "--expect100-timeout", str(WAIT_S), f"{probe.server.url}/echo"
    )
    assert told.count("HTTP/1.1 100 Continue") == 1
    assert body == upload.read_bytes()


def test_http_1_0(probe: Probe) -> None:
    """HTTP/1.0 gets a stream up to the end of the connection."""
    body, _ = curl(probe, "--http1.0", f"{probe.server.url}/pieces")
    assert body == b"one,two,three"


def test_keep_alive(probe: Probe) -> None:
    """Three requests, one of them HEAD, go over one connection."""
    url = probe.server.url
    body, told = curl(probe, f"{url}/", "--next", "-v", "-I", f"{url}/", "--next", f"{url}/pieces")
    assert body.startswith(b"helloHTTP/1.1 200 OK\r\n")
    assert body.endswith(b"one,two,three")
    assert "Re-using existing connection" in told


def test_trailers_and_early_hints(probe: Probe) -> None:
    """Curl understands a 103, and trailers."""
    url = probe.server.url
    _, told = curl(probe, f"{url}/early-hint")
    assert "HTTP/1.1 103 Early Hints" in told
    told_and_body, _ = curl(probe, "--dump-header", "-", "-H", "TE: trailers", f"{url}/trailers")
    assert told_and_body.endswith(b"\r\n\r\nbodyx-sum: 42\r\nx-last: yes\r\n")


def test_form_and_file(probe: Probe, upload: Path) -> None:
    """A form with a file arrives whole."""
    body, _ = curl(probe, "-F", "name=value", "-F", f"file=@{upload}", f"{probe.server.url}/echo")
    assert upload.read_bytes() in body
