"""Reload, restart, recycling, more and fewer: with real workers, in threads and in processes."""

import functools
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from serverkit_supervisor import (
    Generation,
    RestartPolicy,
)
from serverkit_supervisor.supervisor import Mode
from tests.supervisor.echo_workers import (
    LET_GO,
    Echo,
    make_by_file,
)
from tests.supervisor.supervised import BOUND_S, Supervised

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
def test_a_reload_loses_nothing(mode: Mode) -> None:
    """What the old worker has in hand it finishes, while the new one serves."""
    with Supervised(Echo, mode, worker_count=2) as served, served.client() as slow:
        slow.sendall(b"slow")
        assert slow.recv(1) == b"?"
        served.supervisor.graceful_reload()
        served.wait_for("reloaded")
        fresh = [served.ask() for _ in range(4)]
        slow.sendall(b"!")
        late = slow.recv(1000)

    assert {answer.generation for answer in fresh} == {"1"}
    assert late.split(b" ")[1] == b"0"
    assert served.outcome is None


@both_modes
def test_no_connection_is_lost_over_reloads(mode: Mode) -> None:
    """Clients that come without a pause are all answered, through reload after reload."""
    answers = []
    reloads = 5
    with Supervised(Echo, mode, worker_count=2) as served:
        is_over = threading.Event()

        def come() -> None:
            while not is_over.is_set():
                answers.append(served.ask())

        clients = [threading.Thread(target=come) for _ in range(3)]
        for client in clients:
            client.start()
        try:
            for number in range(1, reloads + 1):
                served.supervisor.graceful_reload()
                served.wait_for("reloaded", number)
                answers.append(served.ask())  # of this generation, however slow the others are
        finally:
            is_over.set()
            for client in clients:
                client.join(BOUND_S)

    assert [answer for answer in answers if answer.is_empty] == []
    assert {answer.said for answer in answers} == {"hello"}
    assert len({answer.generation for answer in answers}) >= reloads
    assert served.outcome is None


@both_modes
@pytest.mark.parametrize("how", ["raise", "hang"])
def test_a_reload_that_fails_leaves_the_old_generation_serving(
    mode: Mode, how: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """New code that raises or hangs changes nothing; when it is mended, the next reload works."""
    path = tmp_path / "how"
    path.write_text("")
    factory = functools.partial(make_by_file, path=str(path))
    timeout = 4 if mode == "thread" else 12  # a process has to come up first
    with Supervised(factory, mode, startup_timeout=timeout, shutdown_timeout=2) as served:
        path.write_text(how)
        served.supervisor.graceful_reload()
        failed = served.wait_for("reload_failed")
        LET_GO.set()
        meanwhile = served.ask()
        path.write_text("")
        served.supervisor.graceful_reload()
        served.wait_for("reloaded")
        after = served.ask()

    evidence = "the new code is broken" if how == "raise" else "hang_in_import"
    assert evidence in str(failed.error) + getattr(failed.error, "traceback", "")
    assert evidence in caplog.text
    assert meanwhile.generation == "0"
    assert after.generation == "2"


def test_an_import_that_hangs_in_this_process_leaves_the_old_generation_serving() -> None:
    """It is left behind after startup_timeout, and what comes of it is put away."""
    put_away = threading.Event()

    def renew() -> Generation:
        LET_GO.wait(BOUND_S)
        return Generation(factory=Echo, retire=put_away.set)

    with Supervised(Echo, "thread", renew=renew, startup_timeout=1) as served:
        served.supervisor.graceful_reload()
        failed = served.wait_for("reload_failed")
        answer = served.ask()
        LET_GO.set()
        assert put_away.wait(BOUND_S)

    assert "LET_GO.wait" in getattr(failed.error, "traceback", "")
    assert answer.generation == "0"


@both_modes
def test_a_restart_makes_clients_wait_but_loses_none(mode: Mode) -> None:
    """Who comes while there is no worker is served by the new ones."""
    with Supervised(Echo, mode, worker_count=2) as served, served.client() as slow:
        slow.sendall(b"slow")
        assert slow.recv(1) == b"?"
        served.supervisor.restart_workers()
        with served.client() as waiting:
            waiting.sendall(b"hello")
            slow.sendall(b"!")
            late = slow.recv(1000)
            answer = waiting.recv(1000)
        served.wait_for("reloaded")

    assert late.split(b" ")[1] == b"0"
    assert answer.split(b" ")[-1] == b"hello"
    assert served.outcome is None


@both_modes
def test_workers_come_and_go(mode: Mode) -> None:
    """One more and one less, on demand."""
    with Supervised(Echo, mode, worker_count=1) as served:
        served.supervisor.add_worker()
        served.wait_for("worker_started", 2)
        two = {served.ask().worker_id for _ in range(4)}
        count = served.supervisor.worker_count
        served.supervisor.remove_worker()
        served.wait_for("worker_exited")
        one = {served.ask().worker_id for _ in range(4)}

    assert (two, count, one) == ({"0", "1"}, 2, {"0"})
    assert served.supervisor.worker_count == 1


@both_modes
def test_old_workers_are_replaced(mode: Mode) -> None:
    """After their lifetime, without losing a connection."""
    with Supervised(Echo, mode, worker_lifetime=0.5, recycle_jitter=0) as served:
        first = served.ask()
        served.wait_for("worker_exited", 2)
        last = served.ask()

    assert (first.generation, last.generation) == ("0", "0")
    assert served.count("worker_exited") >= 2
    assert served.outcome is None


def test_a_process_that_grows_too_large_is_replaced() -> None:
    """Any Python is larger than a byte."""
    with Supervised(Echo, "process", worker_max_rss=1) as served:
        first = served.ask().pid
        served.wait_for("worker_exited")
        assert served.ask_until(lambda answer: answer.pid != first).said == "hello"
