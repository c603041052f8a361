"""Exact clients drop no request: each ends as answered or as lost in one way, and both are seen."""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from benchmarks.exact_client import KEEP_ALIVE, PROBE, SHORT, ClientKind
from benchmarks.exact_load import ExactLoad, LoadFailedError
from benchmarks.tally import Loss, Tally, latencies, split
from tests.support.server_process import WAIT_S

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CLOSING = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
type Serve = Callable[[socket.socket, int], None]


def read_request(connection: socket.socket) -> bool:
    """Read one request; say whether there was one."""
    received = b""
    while b"\r\n\r\n" not in received:
        data = connection.recv(4096)
        if not data:
            return False
        received += data
    return True


def well(connection: socket.socket, number: int) -> None:
    """Answer all requests, and close when asked to."""
    while read_request(connection):
        connection.sendall(ANSWER)


def once(connection: socket.socket, number: int) -> None:
    """Answer one request and close, as was asked: the end comes with the answer, not later."""
    read_request(connection)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    connection.sendall(ANSWER)


def reset(connection: socket.socket) -> None:
    """Close with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@contextmanager
def serving(serve: Serve) -> Iterator[tuple[str, int]]:
    """Run a server whose connections, numbered from 0, are served one after another."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stopping = threading.Event()

        def run() -> None:
            number = 0
            while not stopping.is_set():
                connection, _peer = listener.accept()
                connection.settimeout(WAIT_S)
                with connection:
                    with suppress(ConnectionError):
                        serve(connection, number)
                    number += 1

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            stopping.set()
            socket.create_connection(listener.getsockname(), WAIT_S).close()
            thread.join(WAIT_S)


def first_fails(fail: Serve, then: Serve = once) -> Serve:
    """Return a server that fails on its second connection only."""

    def serve(connection: socket.socket, number: int) -> None:
        (fail if number == 1 else then)(connection, number)

    return serve


def run_load(
    serve: Serve, kind: ClientKind, answers: int = 4, *, patience_s: float = WAIT_S
) -> ExactLoad:
    """Let one client have some answers of a server, and return what it saw."""
    with serving(serve) as address:
        with ExactLoad(address, {kind: 1}, patience_s=patience_s) as load:
            load.wait_for_answers(answers)
        return load


@pytest.mark.parametrize(("serve", "kind"), [(well, KEEP_ALIVE), (well, PROBE), (once, SHORT)])
def test_nothing_is_lost_where_all_is_answered(serve: Serve, kind: ClientKind) -> None:
    """A server that answers everything loses nothing, whatever the kind of client."""
    load = run_load(serve, kind)

    assert load.lost == []
    assert load.answered >= 5
    assert load.tallies[kind].bodies == {b"ok": load.answered}


def cut_at_once(connection: socket.socket, number: int) -> None:
    """Close after the request."""
    read_request(connection)


def cut_midway(connection: socket.socket, number: int) -> None:
    """Close in the midst of the answer."""
    read_request(connection)
    connection.sendall(ANSWER[:-1])


def reset_at_once(connection: socket.socket, number: int) -> None:
    """Reset after the request."""
    read_request(connection)
    reset(connection)


def refuse_politely(connection: socket.socket, number: int) -> None:
    """Answer 503."""
    read_request(connection)
    connection.sendall(ANSWER.replace(b"200 OK", b"503 No"))


def answer_too_much(connection: socket.socket, number: int) -> None:
    """Answer more than was declared."""
    read_request(connection)
    connection.sendall(ANSWER + b"!")


@pytest.mark.parametrize(
    ("fail", "kind", "received"),
    [
        (cut_at_once, Loss.CUT, 0),
        (cut_midway, Loss.CUT, len(ANSWER) - 1),
        (reset_at_once, Loss.CUT, 0),
        (refuse_politely, Loss.WRONG, len(ANSWER)),
        (answer_too_much, Loss.WRONG, len(ANSWER) + 1),
    ],
)
def test_one_failed_answer_is_one_loss(fail: Serve, kind: Loss, received: int) -> None:
    """Of many requests the one that was not answered is counted, once and for what it was."""
    load = run_load(first_fails(fail), SHORT)

    assert [(one.kind, one.received) for one in load.lost] == [(kind, received)]


def test_a_request_without_an_answer_is_lost_in_time() -> None:
    """A client that waits in vain gives up, counts it, and goes on."""

    def silent(connection: socket.socket, number: int) -> None:
        read_request(connection)
        connection.recv(1)

    load = run_load(first_fails(silent), SHORT, patience_s=1.0)

    # More than one where the machine was too busy to answer another in that time.
    assert {one.kind for one in load.lost} == {Loss.TIMEOUT}
    assert load.longest_stall_s >= 1.0


def test_a_connection_closed_under_a_request_is_a_loss() -> None:
    """A server that closes a kept connection instead of answering loses that request."""

    def two_of_three(connection: socket.socket, number: int) -> None:
        for answer in (ANSWER, ANSWER, b""):
            read_request(connection)
            connection.sendall(answer)

    load = run_load(two_of_three, KEEP_ALIVE)

    assert load.lost
    assert {(one.kind, one.last_body) for one in load.lost} == {(Loss.CUT, b"ok")}
    assert load.tallies[KEEP_ALIVE].closed_idle == 0


def test_a_connection_closed_between_requests_is_no_loss() -> None:
    """A server may close what is idle; a client that sees it in time asks on a new connection."""
    rare = ClientKind(name="rare", interval_s=0.1)
    load = run_load(once, rare)

    assert load.lost == []
    assert load.tallies[rare].closed_idle >= 3


def test_a_connection_whose_end_was_told_is_no_loss() -> None:
    """`Connection: close` is heeded, and counted."""

    def told(connection: socket.socket, number: int) -> None:
        read_request(connection)
        connection.sendall(CLOSING)

    load = run_load(told, KEEP_ALIVE)

    assert load.lost == []
    assert load.tallies[KEEP_ALIVE].told_to_close == load.answered


def test_refused_connections_are_lost_requests() -> None:
    """While nobody listens each try counts, and the stall lasts until somebody answers again."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))  # nobody else can listen there
        load = ExactLoad(deaf.getsockname(), {SHORT: 1})
        load._thread.start()
        with pytest.raises(LoadFailedError, match="1 of 1 clients had no 1 answers"):
            load.wait_for_answers(within_s=0.2)
        load.stop()

    assert {one.kind for one in load.lost} == {Loss.REFUSED}
    assert load.longest_stall_s >= 0.2


def test_a_stall_lasts_from_when_the_answer_was_due() -> None:
    """A client that asks at a steady pace is late by all that it was kept from asking."""

    def pause_once(connection: socket.socket, number: int) -> None:
        for answered in range(1000):
            if not read_request(connection):
                return
            if answered == 2:
                time.sleep(0.3)
            connection.sendall(ANSWER)

    load = run_load(pause_once, PROBE)

    assert load.lost == []
    assert load.longest_stall_s >= 0.3
    assert load.tallies[PROBE].stall_ended_ns in load.tallies[PROBE].ended_ns


def test_requests_are_told_apart_by_when_they_were_under_way() -> None:
    """A request is within a window if any part of it is."""
    tally = Tally()
    for ended, took in ((100, 10), (195, 10), (205, 10), (305, 10), (320, 10)):
        tally.ended_ns.append(ended)
        tally.took_ns.append(took)

    inside, outside = split(tally, [(200, 300)])

    assert (inside.answered, outside.answered) == (2, 3)
    assert split(tally, [])[1].answered == 5


def test_percentiles_are_of_what_was_seen() -> None:
    """Milliseconds from nanoseconds, and zeros where nothing was answered."""
    seen = latencies([1_000_000] * 98 + [5_000_000, 9_000_000])

    assert (seen.answered, seen.p50_ms, seen.p99_ms, seen.max_ms) == (100, 1.0, 9.0, 9.0)
    assert latencies([]).max_ms == 0.0
