"""Certificates, servers that speak TLS in every mode, and what asks them."""

import json
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import Serve
from tests.server.key_pairs import Issuer, Pair, get_over_tls, served
from tests.support.server_process import WAIT_S, ServerProcess
from tests.support.supervised import port_of, until

APP = "tests.integration.tls.tls_app:app"
MODES = {
    "single": (),
    "thread": ("--worker-mode", "thread", "--workers", "2"),
    "process": ("--worker-mode", "process", "--workers", "2"),
}
SAME_IN_A_ROW = 12
"""So many connections reach every one of two workers: they are spread evenly."""

type Start = Callable[..., ServerProcess]


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    """Somebody who issues certificates."""
    return Issuer(tmp_path)


@pytest.fixture
def pair(issuer: Issuer) -> Pair:
    """A certificate for loopback and its key."""
    return issuer.write("live")


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    """Return a kind of worker."""
    name: str = request.param
    return name


@pytest.fixture
def start(serve: Serve, mode: str, pair: Pair) -> Start:
    """Start servers of that kind with the certificate and more flags."""

    def start_one(*flags: str) -> ServerProcess:
        return serve(APP, "--no-access-log", *MODES[mode], *pair.flags, *flags)

    return start_one


def needs(program: str) -> str:
    """Return the path of a program; without it the test is skipped."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


def command(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program that ends by itself."""
    return subprocess.run(
        [needs(words[0]), *words[1:]],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=check,
    )


def ask(server: ServerProcess, trust: ssl.SSLContext, path: str = "/") -> dict[str, Any]:
    """Send a request on a connection of its own; give the facts of the answer."""
    facts: dict[str, Any] = json.loads(get_over_tls(("127.0.0.1", port_of(server)), trust, path))
    return facts


def presents(server: ServerProcess, name: str | None = None) -> bytes:
    """Return the certificate that a new connection is shown."""
    return served(("127.0.0.1", port_of(server)), name)


def presents_all(server: ServerProcess) -> set[bytes]:
    """Return the certificates that all workers show."""
    return {presents(server) for _ in range(SAME_IN_A_ROW)}


def wait_for_certificate(server: ServerProcess, pair: Pair, before: bytes) -> None:
    """Connect until all workers show a certificate; nobody is shown anything but that or before."""

    def all_show_it() -> bool:
        shown = presents_all(server)
        assert shown <= {before, pair.der}
        return shown == {pair.der}

    until(all_show_it, "the new certificate")


def wait_for_complaint(server: ServerProcess, text: str) -> None:
    """Connect until the log has a text: the files are looked at by who connects."""

    def is_said() -> bool:
        presents(server)
        return text in server.output

    until(is_said, f"{text} in the log")


def redirect_port(server: ServerProcess) -> int:
    """Return the port on which a server only sends clients on."""
    found = server.wait_for_output(r'"redirect_urls": \["http://127\.0\.0\.1:(\d+)"')
    return int(found[1])


def connects_plainly(port: int) -> bytes:
    """Send a request without TLS; give all that comes back."""
    with socket.create_connection(("127.0.0.1", port), WAIT_S) as client:
        client.sendall(b"GET /a?b=c HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: client.recv(4096), b""))
