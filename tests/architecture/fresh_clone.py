"""Runs the two commands of README in a clean clone, with an empty environment and home.

    python3 tests/architecture/fresh_clone.py

Nothing of this machine is let through but the programs on its PATH, the configuration of pip, and
a port that nobody uses. Runs on any Python 3.9, with nothing installed.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FIRST_SCREEN_LINES = 25
SERVING_WITHIN_S = 300
TESTED_WITHIN_S = 1800


def readme_commands(text: str) -> "list[str]":
    """Give the commands on the first screen of README: the one that serves, the one that tests."""
    screen = "\n".join(text.splitlines()[:FIRST_SCREEN_LINES])
    return re.findall(r"^```sh\n(.+)\n```$", screen, re.MULTILINE)


def empty_environment(home: Path) -> "dict[str, str]":
    """Give an environment with nothing but the way to programs and to the package index."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    return {"PATH": os.environ["PATH"], "HOME": str(home), **kept}


def get(url: str, accept: str) -> str:
    """Fetch a text."""
    request = urllib.request.Request(url, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=10) as response:
        return str(response.read().decode())


def page_when_served(server: "subprocess.Popen[bytes]", url: str) -> str:
    """Fetch the page as soon as somebody answers.

    Raises:
        RuntimeError: the command ended instead of serving, or did not serve in time.
    """
    deadline = time.monotonic() + SERVING_WITHIN_S
    while server.poll() is None and time.monotonic() < deadline:
        try:
            return get(url, "text/html")
        except OSError:
            time.sleep(0.2)  # the way to know that somebody else's server is up is to ask it
    raise RuntimeError(f"nothing is served at {url}; exit code {server.poll()}")


def try_serving(command: str, folder: Path, environment: "dict[str, str]", url: str) -> None:
    """See the page, end the server as Ctrl-C does, and see that it took that for a wish."""
    server = subprocess.Popen(
        command, shell=True, cwd=folder, env=environment, start_new_session=True
    )
    try:
        page = page_when_served(server, url)
        line = get(url, "*/*")
        os.killpg(server.pid, signal.SIGINT)
        code = server.wait(60)
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
    if "<h1>" not in page or "Hello" not in line or "<" in line:
        raise RuntimeError(f"not what examples/hello.py answers: {page!r}, {line!r}")
    print(f"=== served, and ended with exit code {code}", flush=True)


def main() -> None:
    """Clone, serve, test."""
    serve, test = readme_commands((ROOT / "README.md").read_text("utf-8"))
    where = Path(tempfile.mkdtemp(prefix="fresh-clone-"))
    clone, home = where / "clone", where / "home"
    home.mkdir()
    environment = empty_environment(home)
    try:
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        print(f"=== {serve}", flush=True)
        try_serving(serve, clone, environment, "http://127.0.0.1:8000/")
        print(f"=== {test}", flush=True)
        subprocess.run(
            test, shell=True, cwd=clone, env=environment, check=True, timeout=TESTED_WITHIN_S
        )
    finally:
        shutil.rmtree(where, ignore_errors=True)
    print(f"=== both commands of README hold, with {sys.executable}", flush=True)


if __name__ == "__main__":
    main()
