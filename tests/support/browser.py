"""A real browser without a window, for as long as a test needs it."""

import os
import shutil
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.server_process import WAIT_S

COMMANDS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
INSTALL = "apt-get install -y chromium"
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # it can't be had as root, and only pages of the tests are opened
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-sync",
    "--ignore-certificate-errors",
    "--enable-logging=stderr",  # shows the errors of a page
)


def find_browser() -> str | None:
    """Return the path of a Chromium, None if there is none."""
    return next(filter(None, map(shutil.which, COMMANDS)), None)


class Browser:
    """Runs Chromium with one page and a profile of its own. Owner: one fixture."""

    def __init__(self, path: str, profile: Path, url: str) -> None:
        self._command = [path, *FLAGS, f"--user-data-dir={profile}", url]
        self._log = profile.with_suffix(".log")

    def __enter__(self) -> Self:
        """Start the browser."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the browser and the processes it started."""
        self._process.terminate()
        try:
            self._process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    @property
    def output(self) -> str:
        """What it has written so far, errors of the page among it."""
        return self._log.read_text("utf-8", "replace")
