"""The contract of a worker, and its context."""

import dataclasses
import functools
import pickle
import socket
import subprocess
import sys
import threading

import pytest

from serverkit_supervisor import TCPWorker, WorkerContext, WorkerFactory

METHODS = ("run", "set_lifespan_state", "start_draining", "is_idle")
BOUND_S = 30


class EchoOnce:
    """A worker of the smallest kind: it echoes each connection's first bytes until drained."""

    def __init__(self, context: WorkerContext, prefix: bytes = b"") -> None:
        self._context = context
        self._prefix = prefix
        self._draining = threading.Event()
        self._busy = threading.Event()

    def run(self) -> None:
        (listener,) = self._context.sockets
        self._context.ready()
        connection, _ = listener.accept()
        self._busy.set()
        with connection:
            connection.sendall(self._prefix + connection.recv(100))
        self._busy.clear()
        self._draining.wait(BOUND_S)

    def set_lifespan_state(self, state: dict[str, object]) -> None:
        self._prefix = str(state["prefix"]).encode()

    def start_draining(self) -> None:
        self._draining.set()

    def is_idle(self) -> bool:
        return not self._busy.is_set()


def make_echo(context: WorkerContext, *, prefix: bytes = b"") -> EchoOnce:
    """Make a worker; at the top level of its module, so that it can be pickled."""
    return EchoOnce(context, prefix)


def context(**changes: object) -> WorkerContext:
    """A context that is right but for the changes."""
    fields: dict[str, object] = {"worker_id": 0, "sockets": (), "ready": lambda: None}
    return WorkerContext(**(fields | changes))  # type: ignore[arg-type]


def test_a_worker_conforms_by_its_shape() -> None:
    """A class with the four methods is a worker, though it never heard of the contract."""
    assert isinstance(make_echo(context()), TCPWorker)


@pytest.mark.parametrize("missing", METHODS)
def test_a_worker_without_one_of_the_methods_is_none(missing: str) -> None:
    """Each of the four methods is required."""
    methods = {name: lambda self: None for name in METHODS if name != missing}

    broken = type("Broken", (), methods)()

    assert not isinstance(broken, TCPWorker)


def test_the_contract_has_these_methods_and_no_others() -> None:
    """Nothing is asked of a worker beyond the four methods."""
    public = {name for name in vars(TCPWorker) if not name.startswith("_")}

    assert public == set(METHODS)


@pytest.mark.parametrize("method", METHODS)
def test_each_method_says_who_may_call_it(method: str) -> None:
    """The contract names the threads for each of its methods."""
    assert "Threads:" in (getattr(TCPWorker, method).__doc__ or "")


def test_a_context_is_frozen() -> None:
    """What a worker was told cannot be changed behind its back."""
    told = context(worker_id=3)

    with pytest.raises(dataclasses.FrozenInstanceError):
        told.worker_id = 4  # type: ignore[misc]


@pytest.mark.parametrize("field", ["worker_id", "generation"])
@pytest.mark.parametrize(("value", "accepted"), [(-1, False), (0, True), (1, True)])
def test_a_context_counts_from_zero(field: str, value: int, *, accepted: bool) -> None:
    """A number below 0 is refused, and the message names the field and the value."""
    if accepted:
        assert getattr(context(**{field: value}), field) == value
    else:
        with pytest.raises(ValueError, match=rf"{field} must be 0 or more, not -1"):
            context(**{field: value})


def test_a_factory_can_be_sent_to_a_process() -> None:
    """A partial of a function at the top level of a module survives pickling."""
    factory: WorkerFactory = functools.partial(make_echo, prefix=b"> ")

    travelled = pickle.loads(pickle.dumps(factory))

    assert isinstance(travelled(context()), TCPWorker)


def live_through(factory: WorkerFactory, listener: socket.socket) -> bytes:
    """Lead one worker through the life the contract describes; give what its client was sent."""
    ready = threading.Event()
    worker = factory(context(sockets=(listener,), ready=ready.set))
    worker.set_lifespan_state({"prefix": "state "})
    assert worker.is_idle()
    thread = threading.Thread(target=worker.run)
    thread.start()
    assert ready.wait(BOUND_S)
    with socket.create_connection(listener.getsockname(), BOUND_S) as client:
        client.sendall(b"hello")
        answer = b"".join(iter(lambda: client.recv(100), b""))
    worker.start_draining()
    thread.join(BOUND_S)
    assert not thread.is_alive()
    assert worker.is_idle()
    return answer


def test_a_worker_lives_as_the_contract_says() -> None:
    """Made, given state, run, ready, drained: in this order, with the socket open to the end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        first = live_through(make_echo, listener)
        second = live_through(make_echo, listener)

    assert [first, second] == [b"state hello"] * 2


def imported_by(module: str) -> set[str]:
    """The top-level names that importing the module adds in a fresh interpreter."""
    script = (
        "import sys; before = set(sys.modules)\n"
        f"import {module}\n"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    names = subprocess.check_output([sys.executable, "-c", script], text=True, timeout=BOUND_S)
    return set(names.split())


def test_it_stands_alone() -> None:
    """Importing it imports the standard library and itself: nothing of ours, no third party."""
    foreign = imported_by("serverkit_supervisor.contract") - sys.stdlib_module_names

    assert foreign == {"serverkit_supervisor"}
