"""Sockets of systemd that speak TLS, or redirect to it."""

import re

import pytest

from tests.integration.server.test_systemd import Activated
from tests.integration.tls.conftest import connects_plainly, presents, redirect_port
from tests.server.key_pairs import Pair


@pytest.mark.parametrize("order", ["https:http", "http:https"])
@pytest.mark.parametrize("own", [("--bind", "systemd:https"), ()], ids=["named", "the rest"])
def test_sockets_have_their_jobs_by_name(pair: Pair, order: str, own: tuple[str, ...]) -> None:
    """Those that are to redirect do, all others speak TLS, in whatever order they come."""
    flags = (*pair.flags, *own, "--redirect-bind", "systemd:http")
    with Activated(order, *flags) as server:
        assert presents(server) == pair.der
        assert connects_plainly(redirect_port(server)).startswith(b"HTTP/1.1 308 ")
        urls = re.findall(r'"urls": \[([^\]]*)\]', server.output)[0]
        assert urls.count("https://") == 1
    assert "Traceback" not in server.output
