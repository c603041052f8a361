"""Workers of many kinds, for processes and threads; nothing is imported but the contract."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from serverkit_supervisor import WorkerContext

BOUND_S = 60


class Waiting:
    """A worker that is ready at once, and does nothing until it is asked to end."""

    def __init__(self, context: WorkerContext) -> None:
        self.context = context
        self.state: dict[str, object] | None = None
        self.asked = threading.Event()

    def run(self) -> None:
        self.context.ready()
        self.asked.wait()

    def set_lifespan_state(self, state: dict[str, object]) -> None:
        self.state = state

    def start_draining(self) -> None:
        self.asked.set()

    def is_idle(self) -> bool:
        return not self.asked.is_set()


class Writing(Waiting):
    """A worker that writes down what it is asked, and ends when it was asked to stop."""

    def __init__(self, context: WorkerContext, path: str) -> None:
        super().__init__(context)
        self.path = path

    def write(self, text: str) -> None:
        with Path(self.path).open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")

    def start_draining(self) -> None:
        self.write("drain")
        self.context.recycle("drained")  # so that the test hears of it

    def shutdown(self) -> None:
        self.write("stop")
        self.asked.set()

    def reopen_logs(self) -> None:
        self.write("reopen")
        self.context.recycle("reopened")


class Closing(Waiting):
    """A worker that closes all descriptors, as programs that turn themselves into daemons do."""

    def reopen_logs(self) -> None:
        os.closerange(3, 100)


class Acting(Waiting):
    """A worker that does something in `run`, where others wait.

    Args:
        context: the context.
        act: is called with the worker.
    """

    def __init__(self, context: WorkerContext, act: Callable[["Acting"], None]) -> None:
        super().__init__(context)
        self.act = act

    def run(self) -> None:
        self.act(self)


class OddError(Exception):
    """An exception that can be packed, and cannot be unpacked."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


class Unpackable(Exception):
    """An exception that holds what cannot be packed."""

    def __init__(self) -> None:
        super().__init__("holds a lock", threading.Lock())


def fail_in_factory(context: WorkerContext) -> Waiting:
    """Raise."""
    raise ValueError(f"no worker {context.worker_id}")


def hang_in_factory(context: WorkerContext) -> Waiting:
    """Hang."""
    context.recycle("about to hang")
    threading.Event().wait(BOUND_S)
    raise AssertionError("nobody ended it")


def slow_in_factory(context: WorkerContext, gate: str) -> Waiting:
    """Come out of the factory when the gate, a named pipe, is opened for writing."""
    context.recycle("in the factory")
    with Path(gate).open("rb") as file:
        file.read()
    return Waiting(context)


def say(worker: Acting, text: str) -> None:
    """Tell the test something, by the one notice that has a text."""
    worker.context.recycle(text)


# What `Acting` may do.


def wait(worker: Acting) -> None:
    """Do nothing until asked to end."""
    worker.context.ready()
    worker.asked.wait()


def return_at_once(worker: Acting) -> None:
    """Return, unasked."""
    worker.context.ready()


def raise_value_error(worker: Acting) -> None:
    """Crash."""
    worker.context.ready()
    raise ValueError("the port is gone")


def raise_odd(worker: Acting) -> None:
    """Crash in a way that cannot be told as it is."""
    raise OddError("two", "words")


def raise_unpackable(worker: Acting) -> None:
    """Crash in a way that cannot be told as it is."""
    raise Unpackable


def raise_keyboard_interrupt(worker: Acting) -> None:
    """Raise what is no Exception."""
    raise KeyboardInterrupt


def exit_with(worker: Acting, code: object) -> None:
    """Leave as programs do."""
    sys.exit(code)  # type: ignore[arg-type]


def leave_at_once(worker: Acting, code: int) -> NoReturn:
    """Leave without a word."""
    os._exit(code)


def say_all(worker: Acting) -> None:
    """Be ready twice, be alive, and say who it is."""
    context = worker.context
    context.ready()
    context.ready()
    context.alive()
    say(worker, f"{context.group} {context.worker_id} {context.generation} {worker.state}")
    worker.asked.wait()


def say_surroundings(worker: Acting) -> None:
    """Say what the interpreter is like."""
    flags = sys.flags
    say(worker, f"{sys.warnoptions} {sys._xoptions} {flags.optimize} {flags.dev_mode}")
    say(worker, f"{flags.isolated} {flags.dont_write_bytecode}")
    say(worker, repr(sys.path))
    say(worker, str(Path.cwd()))
    say(worker, repr(sys.argv))
    say(worker, os.environ.get("SERVERKIT_TEST_VARIABLE", ""))
    worker.asked.wait()


def leave_thread(worker: Acting) -> None:
    """Return, and leave a thread behind that does not end."""
    sys.stdout.write("last words\n")
    threading.Thread(target=threading.Event().wait, args=(BOUND_S,), name="clinging").start()


def fork_and_return(worker: Acting) -> None:
    """Return, and leave a fork behind that holds everything and does not end."""
    pid = os.fork()
    if pid == 0:
        threading.Event().wait(BOUND_S)
        os._exit(0)
    say(worker, str(pid))
    worker.asked.wait()


def fork_and_exit(worker: Acting) -> None:
    """Let a fork end as programs do: through everything that stands around the worker."""
    pid = os.fork()
    if pid == 0:
        sys.exit(7)
    _, status = os.waitpid(pid, 0)
    say(worker, str(os.waitstatus_to_exitcode(status)))
    worker.asked.wait()


def fork_and_terminate(worker: Acting) -> None:
    """Let a fork wait, and say how it takes a SIGTERM."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writing, b"x")
        threading.Event().wait(BOUND_S)
        os._exit(0)
    os.read(reading, 1)
    os.kill(pid, 15)
    _, status = os.waitpid(pid, 0)
    say(worker, str(os.waitstatus_to_exitcode(status)))
    worker.asked.wait()


def fork_and_raise(worker: Acting) -> None:
    """Let a fork end by an exception."""
    pid = os.fork()
    if pid == 0:
        raise ValueError("of the fork")
    _, status = os.waitpid(pid, 0)
    say(worker, str(os.waitstatus_to_exitcode(status)))
    worker.asked.wait()


def fork_unnoticed(worker: Acting) -> None:
    """Leave a fork behind of which Python knows nothing, as libraries in C can make them."""
    import ctypes

    pid = ctypes.PyDLL(None).fork()
    if pid == 0:
        while True:
            signal.pause()
    say(worker, str(pid))
    worker.asked.wait()


def start_program(worker: Acting) -> None:
    """Start a program that goes on when the worker is gone, with all that can be inherited."""
    command = ["sleep", str(BOUND_S)]
    say(worker, str(os.posix_spawnp(command[0], command, os.environ)))
    worker.asked.wait()


def term_elsewhere(worker: Acting) -> None:
    """Wait, while another thread is the one that takes a SIGTERM."""

    def take() -> None:
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

    worker.context.ready()
    threading.Timer(0.1, take).start()
    worker.asked.wait()


def print_and_spin(worker: Acting) -> None:
    """Hang, with something left to be written."""
    sys.stdout.write("last words\n")
    spin(worker)


def spin(worker: Acting) -> None:
    """Hang, in Python code."""
    worker.context.ready()
    while True:
        pass


def run_loop(worker: Acting) -> None:
    """Run an event loop that sleeps until the worker is asked to end."""
    import asyncio

    async def wait() -> None:
        worker.context.ready()
        await asyncio.get_running_loop().run_in_executor(None, worker.asked.wait)

    asyncio.run(wait())


def sleep_in_loop(worker: Acting) -> None:
    """Run an event loop that sleeps, and is not to be asked for anything."""
    import asyncio

    async def sleep() -> None:
        worker.context.ready()
        await asyncio.sleep(BOUND_S)

    asyncio.run(sleep())


def ignore_everything(worker: Acting) -> None:
    """Hang, and never end by being asked."""
    worker.context.ready()
    while True:
        threading.Event().wait(BOUND_S)


def write_garbage(worker: Acting) -> None:
    """Write into the channel what does not belong there."""
    for descriptor in _sockets():
        os.write(descriptor, b'garbage\n{"notice": "ready"}\n\xff\xfe\n[1]\n{"notice":\n')
    worker.context.ready()
    worker.asked.wait()


def _sockets() -> list[int]:
    """Find the descriptors of sockets of this process."""
    return [
        int(each.name)
        for each in Path("/proc/self/fd").iterdir()
        if each.is_symlink() and str(each.readlink()).startswith("socket:")
    ]
