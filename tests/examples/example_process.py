"""An example that runs in a process of its own, as its page says, on any free port."""

import contextlib
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

from tests.architecture.rules import ROOT

BOUND_S = 60


class ExampleProcess:
    """An example that has said on which port it serves.

    Args:
        module: the name of the example.
        arguments: those of its command line.
    """

    def __init__(self, module: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", module, "--port", "0", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self.changed = threading.Condition()
        assert self.process.stdout is not None
        found = re.search(r"port (\d+)", self.process.stdout.readline())
        assert found, self.process.communicate(timeout=BOUND_S)[1]
        self.port = int(found[1])
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self.changed:
                self.lines.append(line)
                self.changed.notify_all()

    def wait_for(self, text: str) -> None:
        """Wait until a line of its log has the text."""
        with self.changed:
            found = self.changed.wait_for(lambda: any(text in line for line in self.lines), BOUND_S)
        assert found, "".join(self.lines)

    def tell(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def end(self) -> int:
        """Wait for its end; give its exit code."""
        code = self.process.wait(BOUND_S)
        self.reader.join(BOUND_S)
        return code


@contextlib.contextmanager
def example(module: str, *arguments: str) -> Iterator[ExampleProcess]:
    """Run an example for the length of the block."""
    running = ExampleProcess(module, *arguments)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
        running.end()
        for pipe in (running.process.stdout, running.process.stderr):
            if pipe is not None:
                pipe.close()
