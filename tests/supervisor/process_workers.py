"""Workers of many kinds, for processes that import this module; it needs nothing but the contract."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable

from serverkit_supervisor import WorkerContext


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
        return True


class Acting(Waiting):
    """A worker that does one thing in `run`, when it is ready, instead of waiting."""

    def __init__(self, context: WorkerContext, act: Callable[["Acting"], None]) -> None:
        super().__init__(context)
        self.act = act

    def run(self) -> None:
        self.context.ready()
        self.act(self)
