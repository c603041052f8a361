"""A worker that is handed its connections serves them as those that it accepts itself."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from serverkit_worker.asgi import Receive, Scope, Send
from serverkit_worker.config import WorkerConfig
from tests.worker.certificates import authority
from tests.worker.driving import GET, hello
from tests.worker.gate import Gate
from tests.worker.handing import Handing
from tests.worker.recorder import Recorder
from tests.worker.running import WAIT_S, Client, RunningWorker, eventually

ROUNDS = 150


def test_handed_connections_are_served(any_loop: WorkerConfig) -> None:
    """The scope says who talks to whom, and each is let go once it is over."""
    app = Recorder()
    with Handing() as handing, RunningWorker(app, config=any_loop, connections=handing):
        with handing.client() as client:
            assert client.ask(GET).body == client.ask(GET).body == b"hello"
            ours, theirs = client.socket.getsockname(), client.socket.getpeername()
            assert handing.ended == []
        eventually(lambda: handing.ended)

    assert handing.ended == ["closed"]
    http = [scope for scope in app.scopes if scope["type"] == "http"]
    assert [(scope["client"], scope["server"]) for scope in http] == [(ours, theirs)] * 2


def test_handed_connections_are_let_go_whoever_closes(any_loop: WorkerConfig) -> None:
    """By the worker after the last response, by a reset, by an abort."""
    config = replace(any_loop, max_requests_per_connection=1)
    with Handing() as handing, RunningWorker(hello, config=config, connections=handing) as running:
        with handing.client() as client:
            assert client.ask(GET).closes
            assert client.read_to_end() == b""
            eventually(lambda: len(handing.ended) == 1)
        with handing.client() as client:
            client.send(b"nonsense\r\n\r\n")
            assert client.read().status == 400
        eventually(lambda: len(handing.ended) == 2)
        with handing.client() as client:
            eventually(lambda: not running.worker.is_idle())
            running.worker.abort()
            running.join()
            eventually(lambda: len(handing.ended) == 3)

    assert set(handing.ended) == {"closed"}


def test_handed_connections_shake_hands_in_the_worker(any_loop: WorkerConfig) -> None:
    """Those that cannot are let go as well."""
    context = authority().server()
    with (
        Handing() as handing,
        RunningWorker(hello, config=any_loop, connections=handing, ssl_context=context) as running,
        ThreadPoolExecutor(1) as pool,
    ):
        accepting = pool.submit(handing.hand_over)
        address = handing.listener.getsockname()
        with Client(address, ssl_context=authority().client()) as client:
            accepting.result(WAIT_S)
            assert client.ask(GET).body == b"hello"
        eventually(lambda: len(handing.ended) == 1)
        with handing.client() as stranger:
            stranger.send(GET)
            eventually(lambda: len(handing.ended) == 2)
        with handing.client() as leaving:
            leaving.socket.close()
            eventually(lambda: len(handing.ended) == 3)
        eventually(running.worker.is_idle)


def test_one_too_many_is_told_so_by_tls(any_loop: WorkerConfig) -> None:
    """After its handshake, in the words of HTTP."""
    context = authority().server()
    with (
        Handing() as handing,
        RunningWorker(hello, config=any_loop, connections=handing, ssl_context=context),
        handing.client(surplus=True) as client,
    ):
        client.socket = authority().client().wrap_socket(client.socket, server_hostname="localhost")
        response = client.ask(GET)
        assert (response.status, response.code) == (503, "LIMIT_CONNECTIONS")
        assert client.read_to_end() == b""


def test_one_too_many_is_refused(any_loop: WorkerConfig) -> None:
    """In the words of the protocol, without being counted."""
    app = Recorder()
    with Handing() as handing, RunningWorker(app, config=any_loop, connections=handing) as running:
        with handing.client(surplus=True) as client:
            eventually(lambda: running.worker._serving and running.worker._serving.endings)
            assert running.worker.is_idle()
            response = client.ask(GET)
            assert (response.status, response.code) == (503, "LIMIT_CONNECTIONS")
            assert response["retry-after"] == "5"
            assert client.read_to_end() == b""
        eventually(lambda: len(handing.ended) == 1)

    assert "http" not in app.types()


def test_the_limit_is_for_who_hands_them_over(any_loop: WorkerConfig) -> None:
    """The worker's own counts for nothing."""
    config = replace(any_loop, max_connections=1)
    with (
        Handing() as handing,
        RunningWorker(hello, config=config, connections=handing, max_connections=1),
        handing.client() as first,
        handing.client() as second,
    ):
        assert first.ask(GET).status == second.ask(GET).status == 200


@pytest.mark.parametrize("name", ["start_draining", "shutdown"])
def test_what_was_handed_over_is_served_to_the_end(any_loop: WorkerConfig, name: str) -> None:
    """Also what comes during a drain: whoever hands it over knows."""
    app = Gate()
    with Handing() as handing, RunningWorker(app, config=any_loop, connections=handing) as running:
        first = handing.client()
        first.send(GET)
        eventually(lambda: app.entered == 1)
        getattr(running.worker, name)()
        eventually(lambda: running.worker._serving and running.worker._serving.draining)
        late = handing.client()
        late.send(GET)
        eventually(lambda: app.entered == 2)
        app.let_go()
        with running.ended_within(WAIT_S):
            found = [client.read() for client in (first, late)]
        assert [(each.status, each.closes) for each in found] == [(200, True)] * 2
        for client in (first, late):
            client.socket.close()


def test_what_waits_when_the_end_begins_is_served(any_loop: WorkerConfig) -> None:
    """Though the loop had no turn to take it."""
    with Handing() as handing:

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["path"] == "/end":
                # Both are waiting before the loop looks again.
                clients.append(handing.client())
                running.worker.start_draining()
            if scope["type"] == "http":
                await hello(scope, receive, send)

        clients: list[Client] = []
        running = RunningWorker(app, config=any_loop, connections=handing)
        with running, handing.client() as client:
            client.send(GET.replace(b"/ ", b"/end ", 1))
            assert client.read().status == 200
            with clients[0]:
                assert clients[0].ask(GET).status == 200
                assert clients[0].read_to_end() == b""  # It said so, or was done before.


def test_what_comes_in_the_last_moment_is_served(any_loop: WorkerConfig) -> None:
    """It looks once more before it ends."""
    app = Gate()
    with (
        Handing() as handing,
        RunningWorker(app, config=any_loop, connections=handing) as running,
        handing.client() as first,
        Client(handing.listener.getsockname()) as last,
    ):
        first.send(GET)
        last.send(GET)
        eventually(lambda: app.entered == 1)
        running.worker.start_draining()
        eventually(lambda: running.worker._serving and running.worker._serving.draining)
        handing.give(handing.listener.accept()[0], wakes=False)
        app.let_go()
        with running.ended_within(WAIT_S):
            assert first.read().status == last.read().status == 200


def test_what_is_handed_to_a_worker_that_has_ended_can_be_taken_back(
    any_loop: WorkerConfig,
) -> None:
    """It takes nothing any more."""
    with Handing() as handing:
        with RunningWorker(hello, config=any_loop, connections=handing):
            pass
        with handing.client():
            (handed,) = handing.take_back()
            assert handed.socket.fileno() >= 0
            handed.socket.close()


def test_many_are_handed_over_while_others_are_served(any_loop: WorkerConfig) -> None:
    """By another thread; each is served and let go once."""
    with Handing() as handing, RunningWorker(hello, config=any_loop, connections=handing):

        def talk() -> int:
            right = 0
            for _ in range(ROUNDS):
                with Client(handing.listener.getsockname()) as client:
                    right += client.ask(GET).body == client.ask(GET).body == b"hello"
            return right

        with ThreadPoolExecutor(4) as pool:
            talks = [pool.submit(talk) for _ in range(4)]
            for _ in range(4 * ROUNDS):
                handing.hand_over()
            assert [each.result(WAIT_S) for each in talks] == [ROUNDS] * 4
        eventually(lambda: len(handing.ended) == 4 * ROUNDS)

    assert set(handing.ended) == {"closed"}


def test_a_worker_may_accept_and_be_handed_connections(any_loop: WorkerConfig) -> None:
    """Both at once."""
    own = Handing()
    with own, Handing() as handing:
        running = RunningWorker(hello, config=any_loop, sockets=[own.listener], connections=handing)
        with running, running.client() as accepted, handing.client() as handed:
            assert accepted.ask(GET).status == handed.ask(GET).status == 200
