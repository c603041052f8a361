"""A supervisor and real workers, in threads and in processes."""

import contextlib
import functools
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from serverkit_supervisor import (
    RestartLimitReached,
    RestartPolicy,
    StartupFailed,
    Supervisor,
    SupervisorConfig,
    Unstopped,
    WorkerGroup,
)
from serverkit_supervisor.distributor import AcceptDistributor
from serverkit_supervisor.supervisor import Mode
from tests.supervisor.echo_workers import (
    LET_GO,
    Accepting,
    Datagrams,
    Echo,
    Idle,
    make_broken,
    make_by_file,
)
from tests.supervisor.supervised import BOUND_S, Supervised, is_alive

pytestmark = pytest.mark.slow
MODES: tuple[Mode, ...] = ("thread", "process")
both_modes = pytest.mark.parametrize("mode", MODES)
QUICK = RestartPolicy(backoff_s=0.05)


@pytest.fixture(autouse=True)
def let_go() -> Iterator[None]:
    """Let hang who is to hang, until the end of the test."""
    LET_GO.clear()
    yield
    LET_GO.set()


@both_modes
def test_workers_serve_and_stop(mode: Mode) -> None:
    """All of them have their share, and at the end the sockets are still their owner's."""
    with Supervised(Echo, mode, worker_count=3) as served:
        answers = [served.ask() for _ in range(6)]
        served.supervisor.shutdown()
        served.thread.join(BOUND_S)
        assert served.listener is not None
        assert served.listener.fileno() >= 0

    assert {answer.worker_id for answer in answers} == {"0", "1", "2"}
    assert {answer.said for answer in answers} == {"hello"}
    assert len({answer.pid for answer in answers}) == (1 if mode == "thread" else 3)
    assert served.outcome is None


@both_modes
def test_a_worker_that_raises_is_replaced(mode: Mode, caplog: pytest.LogCaptureFixture) -> None:
    """Its client is cut off, all others are served, and the log has the worker's traceback."""
    with Supervised(Echo, mode, worker_count=2, restart=QUICK) as served:
        crashed = served.ask("crash")
        meanwhile = [served.ask() for _ in range(4)]
        served.wait_for("worker_started", 3)
        after = {served.ask().worker_id for _ in range(4)}

    assert crashed.is_empty
    assert {answer.said for answer in meanwhile} == {"hello"}
    assert after == {"0", "1"}
    assert "crashed: it raised ValueError: told to crash; again in 0.05 s" in caplog.text
    assert "in serve" in caplog.text  # a line of the traceback
    assert served.outcome is None


def test_a_process_that_leaves_or_is_killed_is_replaced(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log names the exit code, and the signal."""
    with Supervised(Echo, "process", worker_count=2, restart=QUICK) as served:
        assert served.ask("exit").is_empty
        served.wait_for("worker_started", 3)
        os.kill(served.supervisor.worker_pids[0], signal.SIGKILL)
        served.wait_for("worker_started", 4)
        answers = {served.ask().worker_id for _ in range(4)}

    assert answers == {"0", "1"}
    assert "it ended with exit code 3; again in" in caplog.text
    assert "it was killed by SIGKILL; again in" in caplog.text


@both_modes
def test_a_worker_that_hangs_is_replaced(mode: Mode, caplog: pytest.LogCaptureFixture) -> None:
    """Where it hangs is logged. A process is killed, a thread is left behind and named."""
    with Supervised(Echo, mode, worker_timeout=5, shutdown_timeout=2, restart=QUICK) as served:
        first = served.ask()
        with served.client() as client:
            client.sendall(b"hang")
            served.wait_for("worker_started", 2)
            second = served.ask()

    assert "gave no sign of life for 5 s (worker_timeout). Its threads:" in caplog.text
    assert "in hang" in caplog.text
    if mode == "process":
        assert second.pid != first.pid
        assert served.outcome is None
    else:
        assert isinstance(served.outcome, Unstopped)
        assert served.outcome.names == ("worker 0 (thread serverkit-worker-0)",)


@both_modes
def test_a_worker_that_cannot_be_made_ends_the_start(mode: Mode) -> None:
    """The failure holds the worker's own error and traceback."""
    served = Supervised(make_broken, mode, worker_count=2)
    served.run()
    assert served.listener is not None
    served.listener.close()

    assert isinstance(served.outcome, StartupFailed)
    assert isinstance(served.outcome.error, RuntimeError)
    assert "cannot be made" in str(served.outcome.error)
    assert "in make_broken" in served.outcome.traceback
    assert "did not start: it raised RuntimeError: worker" in str(served.outcome)


@both_modes
def test_a_worker_that_hangs_at_the_start_ends_it(mode: Mode, tmp_path: Path) -> None:
    """The failure holds what the worker was doing."""
    path = tmp_path / "how"
    path.write_text("hang")
    factory = functools.partial(make_by_file, path=str(path))
    timeout = 3 if mode == "thread" else 12  # a process has to come up first
    served = Supervised(factory, mode, startup_timeout=timeout, shutdown_timeout=2)
    served.run()
    LET_GO.set()
    assert served.listener is not None
    served.listener.close()

    assert isinstance(served.outcome, StartupFailed)
    assert f"not ready within {timeout} s (startup_timeout)" in str(served.outcome)
    assert "hang_in_import" in served.outcome.traceback


@both_modes
def test_a_worker_that_crashes_too_often_ends_it_all(mode: Mode) -> None:
    """With the reason; the others were stopped in order."""
    policy = RestartPolicy(backoff_s=0.01, budget=2)
    with Supervised(Echo, mode, worker_count=1, restart=policy) as served:
        for _ in range(3):
            served.ask("crash")
        served.thread.join(BOUND_S)

    assert isinstance(served.outcome, RestartLimitReached)
    assert served.outcome.reason == "it raised ValueError: told to crash"


@both_modes
def test_the_state_reaches_every_worker(mode: Mode) -> None:
    """Also those that are made later."""
    with Supervised(Echo, mode, restart=QUICK) as served:
        served.supervisor.set_lifespan_state({"name": "state"})
        served.ask("crash")
        served.wait_for("worker_started", 2)
        respawned = served.ask()
        served.supervisor.graceful_reload()
        served.wait_for("reloaded")
        reloaded = served.ask()

    assert (respawned.state, reloaded.state) == ("state", "state")


@both_modes
def test_workers_may_accept_by_themselves(mode: Mode) -> None:
    """From the listening socket, which all of them share."""
    with Supervised(Accepting, mode, worker_count=2, accept="share") as served:
        assert served.ask().said == "hello"

    assert served.outcome is None


@both_modes
def test_groups_have_names_and_counts_of_their_own(mode: Mode) -> None:
    """And end after the first one."""
    pool = WorkerGroup(name="pool", factory=Idle, worker_count=2)
    with Supervised(Echo, mode, groups=(pool,)) as served:
        assert served.ask().said == "hello"

    exited = [event.worker for event in served.events if event.kind == "worker_exited"]
    assert [name.split(" (")[0] for name in exited[:1]] == ["worker 0"]
    assert {name.split(" (")[0] for name in exited[1:]} == {"pool worker 0", "pool worker 1"}


def udp(count: int) -> list[socket.socket]:
    """Open datagram sockets."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    return sockets


def ask_udp(to: socket.socket) -> list[str]:
    """Send a datagram, and give the words of the answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(BOUND_S)
        client.sendto(b"hello", to.getsockname())
        return client.recv(100).decode().split(" ")


@both_modes
def test_each_worker_has_its_datagram_socket(mode: Mode) -> None:
    """Where there are as many as workers, in the group that asks for them."""
    sockets = udp(2)
    group = WorkerGroup(name="h3", factory=Datagrams, worker_count=2, sockets="udp")
    with Supervised(Echo, mode, groups=(group,), udp_sockets=sockets) as served:
        answers = [ask_udp(each) for each in sockets]
        assert served.ask().said == "hello"
    for each in sockets:
        each.close()

    assert answers == [["h3", "0", "hello"], ["h3", "1", "hello"]]


@both_modes
def test_one_datagram_socket_is_for_all(mode: Mode) -> None:
    """Of the first group, where no other asks for it; there need be no listening socket."""
    (only,) = udp(1)
    with Supervised(Datagrams, mode, worker_count=2, listen=False, udp_sockets=[only]) as served:
        answer = ask_udp(only)
        served.supervisor.graceful_reload()
        served.wait_for("reloaded")
        after = ask_udp(only)
    only.close()

    assert (answer[0], after[0]) == ("tcp", "tcp")
    assert served.outcome is None


def test_datagram_sockets_are_counted() -> None:
    """Neither as many as workers nor one: nothing is started, and the message says why."""
    sockets = udp(3)
    supervisor = Supervisor(Datagrams, SupervisorConfig(worker_count=2), mode="thread")

    with pytest.raises(ValueError, match="SOCKET_COUNT_MISMATCH: 3 datagram sockets for 2 workers"):
        supervisor.run([], sockets)
    for each in sockets:
        each.close()


# The end.


def test_all_processes_can_be_killed_at_once() -> None:
    """`kill_all` has done so when it returns."""
    with Supervised(Echo, "process", worker_count=2) as served:
        pids = served.supervisor.worker_pids
        served.supervisor.shutdown()
        served.supervisor.kill_all()
        served.thread.join(BOUND_S)

    assert len(pids) == 2
    assert not any(is_alive(pid) for pid in pids)


@both_modes
def test_an_abort_waits_for_nobody(mode: Mode) -> None:
    """A process is killed; a thread is left behind and named."""
    with Supervised(Echo, mode, shutdown_timeout=1000) as served, served.client() as slow:
        slow.sendall(b"slow")
        assert slow.recv(1) == b"?"
        served.supervisor.abort()
        served.thread.join(BOUND_S)
        is_over = not served.thread.is_alive()

    assert is_over
    assert isinstance(served.outcome, Unstopped if mode == "thread" else type(None))


def test_an_abort_lets_the_distributor_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that ends a moment after the workers is not named as what did not stop."""
    stop = AcceptDistributor.stop

    def stop_last(distributor: AcceptDistributor, *, within_s: float) -> None:
        served.wait_for("worker_exited", 2)
        served.thread.join(0.1)  # it must not end before this is over
        stop(distributor, within_s=within_s)

    monkeypatch.setattr(AcceptDistributor, "stop", stop_last)
    with Supervised(Echo, "process", worker_count=2) as served:
        served.supervisor.abort()
        served.thread.join(BOUND_S)

    assert served.outcome is None


@both_modes
def test_who_waits_when_the_end_begins_is_served(mode: Mode) -> None:
    """In the queue of the kernel, or of a worker that has something in hand."""
    with Supervised(Echo, mode, worker_count=1) as served, contextlib.ExitStack() as clients:
        slow = clients.enter_context(served.client())
        slow.sendall(b"slow")
        assert slow.recv(1) == b"?"
        waiting = [clients.enter_context(served.client()) for _ in range(20)]
        for client in waiting:
            client.sendall(b"hello")
        served.supervisor.shutdown()
        served.wait_for("closed")
        slow.sendall(b"!")
        answers = [client.recv(100) for client in (slow, *waiting)]

    assert [answer.split(b" ")[-1] for answer in answers] == [b"slow", *[b"hello"] * 20]
    assert served.outcome is None


def test_a_shutdown_before_the_run_makes_it_return_at_once() -> None:
    """Nothing is started."""
    supervisor = Supervisor(make_broken, mode="thread")

    supervisor.shutdown()
    supervisor.run([])


def test_a_supervisor_runs_once() -> None:
    """The second time is refused."""
    with Supervised(Echo, "thread") as served, pytest.raises(RuntimeError, match="runs once"):
        served.supervisor.run([])


@both_modes
def test_nothing_is_left_over(mode: Mode) -> None:
    """After crashes, reloads and the end there are no more descriptors, threads or processes."""

    def live() -> None:
        with Supervised(Echo, mode, worker_count=2, restart=QUICK) as served:
            served.ask("crash")
            served.wait_for("worker_started", 3)
            served.supervisor.graceful_reload()
            served.wait_for("reloaded")
            pids.extend(served.supervisor.worker_pids)

    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    pids: list[int] = []
    live()
    before = (descriptors(), threading.active_count())
    live()
    for thread in threading.enumerate():  # Some have said their last word, and are about to end.
        if thread.name.startswith(("serverkit-stop-", "serverkit-retire-")):
            thread.join(BOUND_S)

    assert descriptors() <= before[0]
    assert threading.active_count() <= before[1]
    assert not any(is_alive(pid) for pid in pids)


def test_what_listeners_raise_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and the workers serve."""

    def fail(*told: object) -> None:
        raise ValueError("told and failed")

    served = Supervised(Echo, "thread")
    supervisor = Supervisor(Echo, mode="thread", on_ready=fail, on_event=fail)
    served.supervisor = supervisor
    caplog.set_level(logging.ERROR)
    served.thread.start()
    supervisor.ask_alive(fail)
    assert served.ask().said == "hello"
    supervisor.shutdown()
    served.thread.join(BOUND_S)
    assert served.listener is not None
    served.listener.close()

    assert "told and failed" in caplog.text
    assert served.outcome is None
