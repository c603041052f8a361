"""A load generator of ours: a process of its own, which loads the server when it is told to."""

import json
import subprocess
from typing import Self

from benchmarks.load import Load, LoadError
from benchmarks.server_process import ROOT
from benchmarks.servers import PYTHON

ENDED_WITHIN_S = 20.0


class ClientProcess:
    """Runs a module that says `ready`, and answers seconds on its stdin with JSON: a `Loader`.

    The module bounds all that it waits for. Owner: whoever entered it.

    Attributes:
        greeting: What the module said beyond `ready`.
    """

    def __init__(self, module: str, *words: str, core: int) -> None:
        self.greeting = ""
        self._words = ["taskset", "-c", str(core), PYTHON, "-m", module, *words]
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._words,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            self.greeting = self._line().removeprefix("ready").strip()
        except LoadError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        """End it with its stdin, by force when it takes too long."""
        if self._process is None:
            return
        try:
            self._process.communicate(timeout=ENDED_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def command(self, seconds: int) -> list[str]:
        """Return the command line, with what is written to its stdin."""
        return ["echo", str(seconds), "|", *self._words]

    def run(self, seconds: int) -> Load:
        """Load the server for that long, and return what was seen.

        Raises:
            LoadError: The client failed.
        """
        if self._process is None or self._process.stdin is None:
            raise RuntimeError("the client was not started")
        try:
            self._process.stdin.write(f"{seconds}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise LoadError(self._last_words()) from None
        return Load(**json.loads(self._line()))

    def _line(self) -> str:
        line = ""
        if self._process is not None and self._process.stdout is not None:
            line = self._process.stdout.readline()
        if not line:
            raise LoadError(self._last_words())
        return line

    def _last_words(self) -> str:
        if self._process is None:
            return ""
        _stdout, stderr = self._process.communicate(timeout=ENDED_WITHIN_S)
        return f"the client ended: {stderr[-500:].strip()}"
