"""Several workers serve, in threads as in processes, as the settings say."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from serverkit_server.cpus import count_available_cpus
from tests.integration.conftest import Serve
from tests.integration.supervised.editable import NAME, EditableApp, Facts, ask, ask_all, facts_of
from tests.support.probe import request
from tests.support.raw_client import RawClient
from tests.support.server_process import ROOT, WAIT_S, ServerProcess
from tests.support.supervised import until

pytestmark = pytest.mark.slow
APP = f"{NAME}:app"


@pytest.fixture
def app(tmp_path: Path) -> EditableApp:
    """An application in a folder of its own."""
    return EditableApp(tmp_path)


def startup_facts(server: ServerProcess) -> dict[str, object]:
    """Return what the server said when it was up."""
    line = next(line for line in server.output.splitlines() if '"event": "startup"' in line)
    facts: dict[str, object] = json.loads(line)
    return facts


def run_to_end(app: EditableApp, *flags: str) -> subprocess.CompletedProcess[str]:
    """Run a server that ends by itself."""
    return subprocess.run(
        ServerProcess.command_for(APP, *app.flags, "--log-format", "text", *flags),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=3 * WAIT_S,
    )


def workers_of(facts: list[Facts]) -> set[tuple[int, int]]:
    """Return the process and thread of each worker that answered."""
    return {(each.pid, each.thread) for each in facts}


def test_every_worker_serves(serve: Serve, app: EditableApp, mode: str) -> None:
    """Two workers share the connections: threads of the server, or processes that it names."""
    server = serve(APP, *app.flags, "--workers", "2", "--worker-mode", mode)
    workers = workers_of(ask_all(server, 8))
    facts = startup_facts(server)
    assert len(workers) == 2
    assert (facts["workers"], facts["worker_mode"]) == (2, f"{mode} (async)")
    if mode == "thread":
        assert {pid for pid, _ in workers} == {server.pid}
        assert facts["worker_pids"] == []
    else:
        assert {pid for pid, _ in workers} == set(facts["worker_pids"])  # type: ignore[call-overload]
        assert server.pid not in {pid for pid, _ in workers}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_ends_cleanly(
    serve: Serve, app: EditableApp, mode: str, number: signal.Signals
) -> None:
    """At the first signal applications and workers stop in order, and the exit code is 0."""
    server = serve(APP, *app.flags, "--workers", "2", "--worker-mode", mode)
    ask(server)
    server.send_signal(number)
    assert server.wait() == 0
    started, stopped = app.notes("started"), app.notes("stopped")
    assert len(started) == len(stopped) == (1 if mode == "thread" else 2)
    assert len(app.notes("startup")) == len(app.notes("shutdown")) == 2
    assert [words[-1] for words in app.notes("draining")] == ["shutdown"] * 2


def test_one_worker_on_request(serve: Serve, app: EditableApp, mode: str) -> None:
    """One worker is a thread or a process where that is asked for."""
    server = serve(APP, *app.flags, "--worker-mode", mode)
    facts = ask(server)
    assert (facts.pid == server.pid) == (mode == "thread")
    assert startup_facts(server)["workers"] == 1


def test_as_many_workers_as_cpus(serve: Serve, app: EditableApp, mode: str) -> None:
    """`--workers 0` is one worker for each CPU that the server may use."""
    server = serve(APP, *app.flags, "--workers", "0", "--worker-mode", mode)
    count = count_available_cpus()
    assert startup_facts(server)["workers"] == count
    assert len(workers_of(ask_all(server, 4 * count))) == count


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="has no affinity")
def test_workers_are_bound_to_cpus(serve: Serve, app: EditableApp, mode: str) -> None:
    """With `--cpu-affinity` each worker has one CPU, and they are different ones if they can be."""
    allowed = os.sched_getaffinity(0)
    server = serve(APP, *app.flags, "--workers", "2", "--worker-mode", mode, "--cpu-affinity")
    cpus = {each.cpus for each in ask_all(server, 8)}
    assert all(len(each) == 1 and set(each) <= allowed for each in cpus)
    assert len(cpus) == min(2, len(allowed))


def has_room(server: ServerProcess) -> bool:
    """Say whether one more client is served."""
    with RawClient(server.address) as client:
        client.send_what_is_taken(request("/", "Connection: close"))
        return client.read_answer().status == 200


def test_connections_are_counted_for_all(serve: Serve, app: EditableApp, mode: str) -> None:
    """`max_connections` is the total: one more is refused, until one of them has gone."""
    many = ("--workers", "2", "--worker-mode", mode, "--keep-alive-timeout", "600")
    server = serve(APP, *app.flags, *many, "--max-connections", "3")
    clients = [RawClient(server.address) for _ in range(3)]
    for client in clients:
        client.send(request("/"))
        facts_of(client.read_answer())
    with RawClient(server.address) as surplus:
        surplus.send_what_is_taken(request("/"))
        refused = surplus.read_answer()
        assert refused.status == 503
        assert refused.field("x-serverkit-error-code") == "SERVERKIT_LIMIT_CONNECTIONS"
    clients.pop().close()
    until(lambda: has_room(server), "room, after a client has left")
    for client in clients:
        client.close()


def test_a_request_that_is_cut_off_is_told(serve: Serve, app: EditableApp, mode: str) -> None:
    """A request that outlives the shutdown is cut off, and the exit code says so."""
    many = ("--workers", "2", "--worker-mode", mode, "--shutdown-timeout", "0.2")
    server = serve(APP, *app.flags, *many)
    with RawClient(server.address) as client:
        client.send(request("/hold"))
        server.wait_for_output("held")
        server.send_signal(signal.SIGTERM)
        assert server.wait() == 1
    reason = "1 request did not finish within 0.2 s and had to be cut off."
    assert f"Error: {reason}" in server.output


def test_a_worker_that_hangs_at_the_end_is_told(serve: Serve, app: EditableApp, mode: str) -> None:
    """A worker whose loop is blocked does not hold the end up for ever, and the exit code is 1."""
    many = ("--workers", "2", "--worker-mode", mode, "--shutdown-timeout", "0.1")
    server = serve(APP, *app.flags, *many)
    with RawClient(server.address) as client:
        client.send(request("/block"))
        server.wait_for_output("blocked")
        server.send_signal(signal.SIGTERM)
        assert server.wait() == 1
    reason = "did not end well: it did not stop within" if mode == "process" else "Not stopped"
    assert re.search(f"Error: .*{reason}", server.output)


def is_refused(server: ServerProcess) -> bool:
    """Say whether nobody listens any more; who still does answers that the end has begun."""
    try:
        socket.create_connection(server.address, WAIT_S).close()  # type: ignore[arg-type]
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        pass
    return False


def test_new_clients_are_refused_while_it_ends(serve: Serve, app: EditableApp, mode: str) -> None:
    """While workers finish what they have, nobody else can connect and wait for nothing."""
    many = ("--workers", "2", "--worker-mode", mode, "--shutdown-timeout", "60")
    server = serve(APP, *app.flags, *many)
    with RawClient(server.address) as client:
        client.send(request("/hold"))
        server.wait_for_output("held")
        server.send_signal(signal.SIGTERM)
        server.wait_for_output("Stopping")
        until(lambda: is_refused(server), "the end of listening")
        server.stop(signal.SIGTERM)


def test_the_second_signal_ends_at_once(serve: Serve, app: EditableApp, mode: str) -> None:
    """A second signal ends all, workers as well, with 1."""
    many = ("--workers", "2", "--worker-mode", mode, "--shutdown-timeout", "600")
    server = serve(APP, *app.flags, *many)
    with RawClient(server.address) as client:
        client.send(request("/hold"))
        server.wait_for_output("held")
        server.send_signal(signal.SIGTERM)
        server.wait_for_output("Stopping")
        server.send_signal(signal.SIGINT)
        assert server.wait() == 1


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        ({"on_import": "raise ValueError('no database')"}, "The application cannot be imported"),
        ({"on_import": "raise SystemExit(3)"}, "The application cannot be imported"),
        ({"on_import": "def broken(:"}, "The application cannot be imported"),
        ({"on_start": "raise ValueError('no luck')"}, "failed to start: no luck"),
    ],
    ids=["import", "exit", "syntax", "lifespan"],
)
def test_a_start_that_fails_is_told_once(
    app: EditableApp, mode: str, failure: dict[str, str], message: str
) -> None:
    """However many workers fail to start, one message says why, without frames of the server."""
    app.write("broken", **failure)
    done = run_to_end(app, "--workers", "2", "--worker-mode", mode)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(re.findall("^Error: ", done.stderr, re.MULTILINE)) == 1
    assert done.stderr.count(message) == 1
    assert done.stderr.count("Traceback") <= 1
    assert "serverkit_" not in done.stderr
    assert app.notes("startup") == []


def test_an_application_that_does_not_start_in_time(app: EditableApp, mode: str) -> None:
    """A start that takes longer than `startup_timeout` ends the server, and one message says so."""
    app.write("hanging", on_start="await asyncio.sleep(600)")
    done = run_to_end(app, "--workers", "2", "--worker-mode", mode, "--startup-timeout", "10")
    assert done.returncode == 1
    # The second is what a process says that had hardly any time to begin, on a busy machine.
    assert re.search("did not start within 10 s|was not ready within", done.stderr)
    assert len(re.findall("^Error: ", done.stderr, re.MULTILINE)) == 1
    assert app.notes("startup") == []


@pytest.mark.parametrize("many", [(), ("--workers", "2")], ids=["one", "two"])
def test_an_import_that_takes_too_long(app: EditableApp, mode: str, many: tuple[str, ...]) -> None:
    """An import that takes longer than `startup_timeout` is ended; one message shows where."""
    app.write("hanging", on_import="import time\ntime.sleep(600)")
    done = run_to_end(app, *many, "--worker-mode", mode, "--startup-timeout", "10")
    assert done.returncode == 1
    assert len(re.findall("^Error: ", done.stderr, re.MULTILINE)) == 1
    assert "time.sleep(600)" in done.stderr
    # The second is what a process says that had hardly any time to begin, on a busy machine.
    assert re.search("was not imported within 10 s|was not ready within", done.stderr)


@pytest.mark.parametrize("policy", ["shutdown", "ignore"])
def test_a_hook_that_fails(serve: Serve, app: EditableApp, mode: str, policy: str) -> None:
    """A failing start of a worker ends the server, or is a warning, as the settings say."""
    app.write("first", on_hook="if kind.endswith('startup'): raise RuntimeError('no pool')")
    flags = ("--workers", "2", "--worker-mode", mode, "--worker-startup-failure", policy)
    if policy == "shutdown":
        done = run_to_end(app, *flags)
        assert done.returncode == 1
        assert done.stderr.count("RuntimeError: no pool") == 1
        assert done.stderr.count("Error: The application failed on") == 1
        return
    server = serve(APP, *app.flags, *flags)
    assert ask(server).version == "first"
    server.wait_for_output("RuntimeError: no pool")


def test_a_worker_that_crashes_again_and_again_ends_the_server(
    app: EditableApp, serve: Serve
) -> None:
    """When the budget of restarts is spent, the server ends with 1 and with the reason."""
    many = ("--workers", "2", "--worker-mode", "process", "--restart-budget", "0")
    server = serve(APP, *app.flags, *many)
    victim = ask(server).pid
    os.kill(victim, signal.SIGKILL)
    assert server.wait() == 1
    assert "crashed more than 0 times within 60 s" in server.output
    assert "killed by SIGKILL" in server.output


def test_a_worker_that_crashes_is_replaced(app: EditableApp, serve: Serve) -> None:
    """Another worker of the same number takes the place of one that was killed."""
    server = serve(APP, *app.flags, "--workers", "2", "--worker-mode", "process")
    before = {each.pid for each in ask_all(server, 8)}
    os.kill(min(before), signal.SIGKILL)
    server.wait_for_output("takes its place|again in")
    seen: set[int] = set()

    def are_two() -> bool:
        seen.clear()
        seen.update(each.pid for each in ask_all(server, 8))
        return len(seen) == 2

    until(are_two, "two workers")
    assert len(seen - before) == 1
    ids = sorted(words[1] for words in app.notes("startup"))
    assert ids in (["0", "0", "1"], ["0", "1", "1"])


SCRIPT = """
import sys
sys.path.insert(0, {folder!r})
import {name} as module
from serverkit import run

async def in_main(scope, receive, send):
    await module.app(scope, receive, send)

if __name__ == "__main__":
    app = {app}
    run(app, workers=2, worker_mode={mode!r}, port=0)
"""


@pytest.mark.parametrize("given", ["in_main", "module.app"])
def test_an_application_that_is_an_object(
    app: EditableApp, mode: str, given: str, tmp_path: Path
) -> None:
    """A program can give the application itself: threads share it, processes import it anew."""
    script = tmp_path / "program.py"
    script.write_text(SCRIPT.format(folder=str(tmp_path), name=NAME, app=given, mode=mode))
    with Script(script) as server:
        assert len(workers_of(ask_all(server, 8))) == 2
        server.send_signal(signal.SIGTERM)
        assert server.wait() == 0


def test_an_object_that_cannot_travel(app: EditableApp, tmp_path: Path) -> None:
    """An application that cannot be passed to a process is refused, with what to do instead."""
    script = tmp_path / "program.py"
    text = SCRIPT.format(folder=str(tmp_path), name=NAME, app="lambda *args: None", mode="process")
    script.write_text(text)
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        check=False,
        timeout=3 * WAIT_S,
    )
    assert done.returncode == 1
    assert "it was given as an object" in done.stderr
    assert "Give its name instead, as module:attribute" in done.stderr


class Script(ServerProcess):
    """Runs a program that serves by itself."""

    def __init__(self, path: Path) -> None:
        super().__init__("unused")
        self.command = [sys.executable, "-W", "error", str(path)]
