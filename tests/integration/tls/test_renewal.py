"""Certificates are renewed while the server serves: by good pairs, bad ones, reloads."""

import os
import signal
import threading

import pytest

from tests.integration.tls.conftest import (
    Start,
    ask,
    connects_plainly,
    presents,
    presents_all,
    redirect_port,
    wait_for_certificate,
    wait_for_complaint,
)
from tests.server.key_pairs import Issuer, Pair
from tests.support.server_process import WAIT_S, ServerProcess
from tests.support.supervised import lives, until

pytestmark = pytest.mark.slow
CLIENTS = 3
FLIPS = 12


def born(server: ServerProcess, issuer: Issuer) -> set[int]:
    """Return when the code of the workers was imported: of those that answer, mostly all."""
    return {ask(server, issuer.trusting())["born"] for _ in range(8)}


def born_all(server: ServerProcess, issuer: Issuer, mode: str) -> set[int]:
    """Return when the code of all workers was imported, once each has answered."""
    found: set[int] = set()

    def is_complete() -> bool:
        found.update(born(server, issuer))
        return len(found) == (2 if mode == "process" else 1)

    until(is_complete, "an answer of each worker")
    return found


def test_a_renewed_certificate_is_served(
    start: Start, issuer: Issuer, pair: Pair, mode: str
) -> None:
    """Without a restart or a signal, by every worker; connections before it stay as they are."""
    old = pair.der
    server = start()
    assert presents_all(server) == {old}
    code = born_all(server, issuer, mode)
    issuer.write("renewed").copy_to(pair)
    wait_for_certificate(server, pair, old)
    assert born(server, issuer) <= code
    server.wait_for_output("has changed and is loaded, for new connections")


def test_certbot_moves_links(start: Start, issuer: Issuer, pair: Pair) -> None:
    """One link after the other leads to the renewed files."""
    first, second = issuer.write("archive1"), issuer.write("archive2")
    first.link_to(pair)
    server = start()
    assert presents(server) == first.der
    second.link_to(pair)
    wait_for_certificate(server, second, first.der)


def test_half_a_renewal_keeps_the_certificate_before(
    start: Start, issuer: Issuer, pair: Pair
) -> None:
    """As long as only one of the two files has changed; the log says that they do not match."""
    old = pair.der
    server = start()
    renewed = issuer.write("renewed")
    pair.certfile.write_bytes(renewed.certfile.read_bytes())
    wait_for_complaint(server, "do not belong together")
    assert presents_all(server) == {old}
    pair.keyfile.write_bytes(renewed.keyfile.read_bytes())
    wait_for_certificate(server, pair, old)


def test_files_that_are_removed_keep_the_certificate_before(
    start: Start, issuer: Issuer, pair: Pair
) -> None:
    """And are loaded when they are back."""
    old, gone = pair.der, "There is no file"
    server = start()
    for path in pair:
        path.unlink()
    wait_for_complaint(server, gone)
    assert presents_all(server) == {old}
    issuer.write("renewed").copy_to(pair)
    wait_for_certificate(server, pair, old)


def test_nobody_is_refused_while_links_are_moved(start: Start, issuer: Issuer, pair: Pair) -> None:
    """However often: each connection is made, with one of the two certificates."""
    both = [issuer.write("archive1"), issuer.write("archive2")]
    both[0].link_to(pair)
    server = start()
    allowed = {each.der for each in both}
    is_over = threading.Event()
    shown: list[set[bytes]] = [set() for _ in range(CLIENTS)]
    errors: list[Exception] = []

    def connect(mine: set[bytes]) -> None:
        while not is_over.is_set() and not errors:
            try:
                mine.add(presents(server))
            except OSError as error:
                errors.append(error)

    threads = [threading.Thread(target=connect, args=(each,)) for each in shown]
    for thread in threads:
        thread.start()
    try:
        for number in range(FLIPS):
            both[(number + 1) % 2].link_to(pair)
            is_over.wait(0.1)  # between two renewals time passes
    finally:
        is_over.set()
        for thread in threads:
            thread.join(WAIT_S)
    assert errors == []
    assert set[bytes]().union(*shown) <= allowed
    wait_for_certificate(server, both[0], both[1].der)


def test_a_reload_loads_certificates_too(
    start: Start, issuer: Issuer, pair: Pair, mode: str
) -> None:
    """SIGHUP, as hooks of renewals send it: new code where that can be, and new certificates."""
    old = pair.der
    server = start()
    code = born_all(server, issuer, mode)
    issuer.write("renewed").copy_to(pair)
    server.send_signal(signal.SIGHUP)
    wait_for_certificate(server, pair, old)
    if mode == "single":
        server.wait_for_output("A reload is not possible")
        assert born(server, issuer) == code
    else:
        until(lambda: not born(server, issuer) & code, "new workers")


def test_a_reload_with_bad_files_keeps_the_certificate_before(
    start: Start, issuer: Issuer, pair: Pair, mode: str
) -> None:
    """New code is served all the same, with the old certificate, and the log says why."""
    old = pair.der
    server = start()
    code = born_all(server, issuer, mode)
    pair.certfile.write_bytes(issuer.write("renewed").certfile.read_bytes())
    server.send_signal(signal.SIGHUP)
    server.wait_for_output("do not belong together")
    if mode != "single":
        until(lambda: not born(server, issuer) & code, "new workers")
    assert presents_all(server) == {old}


def test_a_worker_that_is_killed_comes_back_in_spite_of_bad_files(
    start: Start, issuer: Issuer, pair: Pair, mode: str
) -> None:
    """A renewal that has gone wrong must not end a server whose workers are replaced."""
    old = pair.der
    server = start()
    pair.keyfile.unlink()
    if mode == "process":
        pids = {ask(server, issuer.trusting())["pid"] for _ in range(8)}
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        until(lambda: not any(map(lives, pids)), "the end of the workers")
        server.wait_for_output("so the one before serves on")
    assert presents_all(server) == {old}


def test_a_successor_speaks_tls_on_the_same_sockets(
    start: Start, issuer: Issuer, pair: Pair
) -> None:
    """SIGUSR2: another process, the renewed certificate, and the listener that redirects."""
    old = pair.der
    server = start("--redirect-bind", "127.0.0.1:0")
    plain = redirect_port(server)
    pid = server.pid
    issuer.write("renewed").copy_to(pair)
    server.send_signal(signal.SIGUSR2)
    successor = int(server.wait_for_output(r"Upgrade: process (\d+) serves")[1])
    try:
        until(lambda: not lives(pid), "the end of the predecessor")
        assert presents_all(server) == {pair.der} != {old}
        assert connects_plainly(plain).startswith(b"HTTP/1.1 308 ")
    finally:
        os.kill(successor, signal.SIGTERM)
        until(lambda: not lives(successor), "the end of the successor")


def test_an_upgrade_with_bad_files_fails(start: Start, pair: Pair) -> None:
    """The server goes on with what it has, and says what is wrong."""
    old = pair.der
    server = start()
    pair.keyfile.unlink()
    server.send_signal(signal.SIGUSR2)
    server.wait_for_output("The upgrade failed, this process goes on to serve")
    assert "There is no file" in server.output
    assert presents_all(server) == {old}
