"""Runs one worker in a process of its own.

The process is seen to by one thread here: it reads the control channel, waits for the end, and
posts what it learns.
"""

import contextlib
import os
import select
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from serverkit_supervisor.channel import Command, Lines, command_line, read_notice
from serverkit_supervisor.contract import WorkerFactory
from serverkit_supervisor.exit_reason import of_process
from serverkit_supervisor.handover import Outlet
from serverkit_supervisor.launch import Launched, launch
from serverkit_supervisor.memory_events import KillCount
from serverkit_supervisor.notices import Exited, Failed, Notice, Ready, Stacks, Status
from serverkit_supervisor.packing import pack_work, write_payload
from serverkit_supervisor.process_handover import ProcessHandover
from serverkit_supervisor.runner import RunSpec

_PIECE = 65_536
_LAST_WORDS = 16 * 1024 * 1024
_JOIN_S = 5.0


def check_factory(factory: WorkerFactory) -> None:
    """Check that workers can be made by this factory in other processes.

    Raises:
        TypeError: it cannot be pickled, or not be found from another process. The message says
            what can be done.
    """
    pack_work(factory, None)


class ProcessRunner:
    """A worker in a process of its own, which runs a fresh interpreter.

    Implements `serverkit_supervisor.runner.Runner`.

    Args:
        spec: what to run.
        post: takes the notices.
        kills: how it is found out that a process was killed for want of memory.
    """

    def __init__(
        self, spec: RunSpec, post: Callable[[Notice], None], *, kills: KillCount | None = None
    ) -> None:
        self._spec = spec
        self._post = post
        self._kills = kills or KillCount()
        self._handover = ProcessHandover() if spec.distribute else None
        self._lock = threading.RLock()
        self._control: socket.socket | None = None
        self._process: Launched | None = None
        self._watcher: threading.Thread | None = None
        self._unanswered: set[Command] = set()
        self._asked = False
        self._exited = False

    @property
    def outlet(self) -> Outlet | None:
        """Where connections for the worker are put; None where it is not handed any."""
        return None if self._handover is None else self._handover.outlet

    @property
    def pid(self) -> int | None:
        """The process; None before the start."""
        return None if self._process is None else self._process.pid

    @property
    def identity(self) -> str:
        """Such as "process 1234"."""
        return f"process {self.pid or '(not started)'}"

    def start(self) -> None:
        """Start the process; the worker is made there.

        Raises:
            OSError: the system gives no process. No notice will come.
            TypeError: the factory or the state cannot be pickled. No notice will come.
        """
        work = pack_work(self._spec.factory, self._spec.state)
        sockets = [each.fileno() for each in self._spec.sockets]
        handover = -1 if self._handover is None else self._handover.child_socket.fileno()
        ours, theirs = socket.socketpair()
        try:
            with theirs, write_payload(self._spec, work) as payload:
                descriptors = (theirs.fileno(), handover, payload.fileno())
                process = launch(descriptors, sockets, _label(self._spec))
        except BaseException:
            ours.close()
            raise
        self._control, self._process = ours, process
        watcher = threading.Thread(
            target=self._watch,
            args=(ours, process),
            name=f"serverkit-watch-{process.pid}",
            daemon=True,
        )
        try:
            watcher.start()
        except RuntimeError as error:  # what CPython raises when there is no thread to be had
            process.send_signal(signal.SIGKILL)
            process.wait()
            self._let_go(ours)
            raise OSError(f"{self.identity}: {error}") from error
        self._watcher = watcher

    def drain(self) -> None:
        """Ask the worker to finish what it has."""
        self._asked = True
        self._send(Command.DRAIN)

    def stop(self) -> None:
        """Ask the worker to stop."""
        self._asked = True
        self._send(Command.STOP)

    def ask_status(self) -> None:
        """Ask whether the worker is idle; the answer comes as `Status`."""
        self._send_unless_unanswered(Command.STATUS)

    def ask_stacks(self) -> None:
        """Ask what all threads of the worker do; the answer comes as `Stacks`."""
        self._send_unless_unanswered(Command.STACKS)

    def reopen_logs(self) -> None:
        """Ask the worker to open the files of its log anew."""
        self._send(Command.REOPEN_LOGS)

    def terminate(self) -> bool:
        """End it, by an exception in its main thread; False: there is no process.

        A process that did not answer when asked for its stacks writes them to its standard error,
        as far as its interpreter can without running Python code.
        """
        self._send(Command.TERMINATE)
        if Command.STACKS in self._unanswered:
            self._signal(signal.SIGUSR2)
        return self._signal(signal.SIGTERM)

    def kill(self) -> bool:
        """End it at once; False: there is no process."""
        return self._signal(signal.SIGKILL)

    def rss_bytes(self) -> int | None:
        """Measure the resident memory of the process; None where the system does not tell."""
        if self.pid is None or self._exited:
            return None
        try:
            pages = int(Path(f"/proc/{self.pid}/statm").read_text("ascii").split()[1])
        except (OSError, ValueError, IndexError):
            return None
        return pages * os.sysconf("SC_PAGE_SIZE")

    def close(self) -> None:
        """Release the descriptors, after `Exited`. Idempotent."""
        if self._watcher is not None and self._exited:
            self._watcher.join(_JOIN_S)  # It has said its last word, and is at its last line.
        if self._handover is not None:
            self._handover.close()

    def _signal(self, number: int) -> bool:
        return self._process is not None and self._process.send_signal(number)

    def _send_unless_unanswered(self, command: Command) -> None:
        with self._lock:
            if command not in self._unanswered:
                self._unanswered.add(command)
                self._send(command)

    def _send(self, command: Command) -> None:
        """Send a command, without waiting. The process may be gone: that is told otherwise."""
        with self._lock:
            if self._control is not None:
                with contextlib.suppress(OSError):
                    self._control.send(command_line(command), socket.MSG_DONTWAIT)

    def _let_go(self, control: socket.socket) -> None:
        with self._lock:
            self._control = None
            control.close()

    # What follows is run by the watcher.

    def _watch(self, control: socket.socket, process: Launched) -> None:
        """Post what the process says, then how it ended."""
        told_ready = False
        error = ""
        killed_before = self._kills.read()
        for notice in self._listen(control, process):
            killed_before = self._kills.read()
            match notice:
                case Ready():
                    if told_ready:
                        continue
                    told_ready = True
                case Failed(summary=summary):
                    error = summary or "an error that has no text"
                case Status():
                    self._unanswered.discard(Command.STATUS)
                case Stacks():
                    self._unanswered.discard(Command.STACKS)
            self._post(notice)
        status = process.wait()
        self._let_go(control)
        killed = self._kills.read()
        out_of_memory = None not in (killed, killed_before) and killed != killed_before
        reason = of_process(status, asked=self._asked, error=error, out_of_memory=out_of_memory)
        self._exited = True
        self._post(Exited(self, reason))

    def _listen(self, control: socket.socket, process: Launched) -> Iterator[Notice]:
        """Give the notices of the process, until it has ended or closed its end of the channel."""
        if process.fileno() < 0:
            _shut_at_end(control, process)
        lines = Lines()
        for data in _pieces(control, process.fileno()):
            for line in lines.feed(data):
                notice = read_notice(line, self)
                if notice is not None:
                    yield notice


def _pieces(control: socket.socket, process: int) -> Iterator[bytes]:
    """Give what arrives.

    Args:
        control: the channel.
        process: the descriptor that tells the end of the process. The channel's own end tells too
            little: the process may have left forks behind that hold it. -1: there is none.
    """
    poll = select.poll()
    poll.register(control, select.POLLIN)
    if process >= 0:
        poll.register(process, select.POLLIN)
    last_words = _LAST_WORDS  # of forks there may be no end
    while last_words > 0:
        is_over = process in {descriptor for descriptor, _ in poll.poll()}
        try:
            data = control.recv(_PIECE, socket.MSG_DONTWAIT)
        except BlockingIOError:
            if is_over:
                return
            continue
        except OSError:
            return  # reset
        if not data:
            return
        yield data
        last_words -= len(data) if is_over else 0


def _shut_at_end(control: socket.socket, process: Launched) -> None:
    """End the channel when the process ends, where the system gives no descriptor of it."""

    def shut() -> None:
        process.await_end()
        with contextlib.suppress(OSError):
            control.shutdown(socket.SHUT_RDWR)

    threading.Thread(target=shut, name=f"serverkit-wait-{process.pid}", daemon=True).start()


def _label(spec: RunSpec) -> str:
    """Say which worker a process is, in the list of processes."""
    return f"serverkit worker {spec.group} {spec.worker_id} generation {spec.generation}"
