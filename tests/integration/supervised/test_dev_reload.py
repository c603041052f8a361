"""A server that serves new code as soon as files change, and the old code until it can."""

import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.exact_client import FRESH_PROBE, PROBE
from tests.integration.conftest import Serve
from tests.support.probe import request
from tests.support.raw_client import RawClient
from tests.support.server_process import ROOT, WAIT_S, ServerProcess
from tests.support.supervised import load_on, until

pytestmark = pytest.mark.slow

APP = """
from pathlib import Path

import parts

HERE = Path(__file__).parent
PAGE = (HERE / "page.html").read_text()
EXTRA = (HERE / "extra.txt").read_text()
try:
    import optional
except ImportError:
    optional = None
BODY = f"{VERSION} {PAGE} {EXTRA} {parts.SUM} {optional.NAME if optional else '-'}".encode()


async def app(scope, receive, send):
    if scope["type"] == "http":
        length = str(len(BODY)).encode()
        fields = [(b"content-length", length)]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": BODY})
    elif scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
"""
PARTS = "import importlib\nSUM = sum(importlib.import_module(f'part{n}').N for n in range(10))\n"
# What is looked at, and what counts, is decided in the server, whatever its workers are. Threads
# import the code anew in a process that knows the old; a new process has an easier time.
in_threads = pytest.mark.parametrize("mode", ["thread"])
EDITS = {"thread": 20, "process": 6}  # each of these costs a start of Python
RELOADING = "Reloading, for these have changed: "


class Project:
    """The folder of an application, and the server that serves it while it is being written."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / ".venv").mkdir()
        self.write("page.html", "page")
        self.write("extra.txt", "extra")
        self.write("parts.py", PARTS)
        self.write_parts(0)
        self.write_app("00")

    def write(self, name: str, text: str) -> None:
        """Save a file, as an editor does that writes into it."""
        (self.root / name).write_text(text)

    def write_app(self, version: str, *, before: str = "") -> None:
        """Save the application, as an editor does that replaces the file."""
        self.write("app.py.tmp", f"{before}\nVERSION = '{version}'\n{APP}")
        (self.root / "app.py.tmp").replace(self.root / "app.py")

    def write_parts(self, number: int) -> None:
        """Save many files at once, as git does."""
        for part in range(10):
            self.write(f"part{part}.py", f"N = {number}\n")


def ask(server: ServerProcess) -> str:
    """Return the answer on a connection of its own."""
    with RawClient(server.address) as client:
        client.send(request("/", "Connection: close"))
        return client.read_answer().body.decode()


def until_answer(server: ServerProcess, wanted: str) -> None:
    """Wait until a word stands in the answer."""
    until(lambda: wanted in ask(server).split(" "), f"the answer {wanted}")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return the folder of an application."""
    return Project(tmp_path)


type Develop = Callable[..., ServerProcess]


@pytest.fixture
def develop(serve: Serve, project: Project, mode: str) -> Develop:
    """Serve the application in each kind of worker, with reload on."""

    def start(*flags: str) -> ServerProcess:
        where = ("--app-dir", str(project.root), "--no-access-log", "--log-format", "text")
        return serve("app:app", "--reload", "--worker-mode", mode, *where, *flags)

    return start


def test_edits_take_effect_and_lose_nothing(develop: Develop, project: Project, mode: str) -> None:
    """Each of many edits is served, of the same size in the same second too; nothing is lost."""
    server = develop()
    with load_on(server, {PROBE: 2, FRESH_PROBE: 2}) as load:
        for number in range(1, EDITS[mode] + 1):
            project.write_app(f"{number:02}")
            until_answer(server, f"{number:02}")
    assert load.lost == []


def test_several_workers_reload_together(develop: Develop, project: Project) -> None:
    """With two workers, none has the old code once the reload is done."""
    server = develop("--workers", "2")
    project.write_app("01")
    until(lambda: all(ask(server).startswith("01") for _ in range(8)), "new code everywhere")


@pytest.mark.parametrize("broken", ["def app(:", "raise ValueError('SyntaxError')"])
def test_code_that_cannot_be_imported_changes_nothing(
    develop: Develop, project: Project, broken: str
) -> None:
    """The old code serves on, the error is printed once, and when it is mended the new serves."""
    server = develop()
    with load_on(server, {PROBE: 1, FRESH_PROBE: 1}) as load:
        project.write_app("01", before=broken)
        server.wait_for_output("SyntaxError")
        assert ask(server).startswith("00")
        project.write_app("02")
        until_answer(server, "02")
    assert load.lost == []
    assert sum("SyntaxError" in line for line in server.output.splitlines()) <= 2
    assert server.output.count("Traceback") <= 1
    assert server.stop() == 0


@in_threads
def test_only_what_counts_is_reloaded(develop: Develop, project: Project) -> None:
    """Neither an environment nor data nor temporary files lead to a reload; a template does."""
    server = develop()
    project.write(".venv/x.py", "")
    project.write("data.sqlite3", "")
    project.write("app.py~", "")
    project.write("page.html", "new-page")
    until_answer(server, "new-page")
    # More than once, where a busy machine takes its time between the opening and the writing.
    told = set(re.findall(f"{RELOADING}(.*)", server.output))
    assert told == {str(project.root / "page.html")}


@in_threads
def test_other_files_count_when_they_are_included(develop: Develop, project: Project) -> None:
    """A pattern to include makes files count, and one to exclude makes them not count."""
    server = develop("--reload-include", "*.txt", "--reload-exclude", "*.html")
    project.write("page.html", "new-page")
    project.write("extra.txt", "new-extra")
    until_answer(server, "new-extra")
    assert "page.html" not in server.output


@in_threads
def test_files_may_come_and_go(develop: Develop, project: Project) -> None:
    """A new module is found, and one that is deleted is missed."""
    server = develop()
    assert ask(server).endswith(" -")
    project.write("optional.py", "NAME = 'here'")
    until_answer(server, "here")
    (project.root / "optional.py").unlink()
    until_answer(server, "-")


@in_threads
def test_a_package_may_come_in_a_new_folder(develop: Develop, project: Project) -> None:
    """A folder that is made while the server runs is watched too."""
    server = develop()
    (project.root / "optional").mkdir()
    project.write("optional/__init__.py", "NAME = 'one'")
    until_answer(server, "one")
    project.write("optional/__init__.py", "NAME = 'two'")
    until_answer(server, "two")


@in_threads
def test_many_files_at_once(develop: Develop, project: Project) -> None:
    """After many files have changed, as with git, all of them are served as they are."""
    server = develop()
    for number in (1, 2, 3):
        project.write_parts(number)
        until_answer(server, str(10 * number))


def test_a_change_during_a_reload_is_served(develop: Develop, project: Project) -> None:
    """What changes while new code is being imported leads to one reload more."""
    server = develop()
    waiting = project.root / "waiting"
    slow = f"from pathlib import Path\nimport time\nPath({str(waiting)!r}).touch()\ntime.sleep(0.5)"
    project.write_app("01", before=slow)
    until(waiting.exists, "the import")
    project.write_app("02")
    until_answer(server, "02")


def test_a_change_during_the_start_is_served(develop: Develop, project: Project) -> None:
    """What changes while the application starts is noticed: the file is not what was read."""
    file = str(project.root / "page.html")
    reads_then_changes = (
        f"from pathlib import Path\nfile = Path({file!r})\nREAD = file.read_text()\n"
        "if READ == 'early': file.write_text('late')"
    )
    project.write("page.html", "early")
    project.write_app("01", before=reads_then_changes)
    app = (project.root / "app.py").read_text()
    project.write("app.py", app.replace('(HERE / "page.html").read_text()', "READ"))
    until_answer(develop(), "late")


def test_it_ends_at_the_first_signal(develop: Develop) -> None:
    """A server that watches files ends as cleanly as any other."""
    server = develop()
    server.send_signal(signal.SIGTERM)
    assert server.wait() == 0


def test_a_single_worker_reloads_without_further_settings(serve: Serve, project: Project) -> None:
    """--reload alone is enough."""
    server = serve("app:app", "--reload", "--app-dir", str(project.root), "--no-access-log")
    project.write_app("01")
    until_answer(server, "01")


def test_a_folder_that_is_not_there_is_an_error(project: Project) -> None:
    """The server does not start, and says which folder it is."""
    missing = str(project.root / "missing")
    flags = ("--reload", "--reload-dir", missing, "--app-dir", str(project.root))
    done = subprocess.run(
        ServerProcess.command_for("app:app", *flags),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_S,
    )
    assert done.returncode == 1
    assert missing in done.stderr
    assert "--reload-dir" in done.stderr or "reload_dir" in done.stderr


def test_settings_without_reload_are_told(serve: Serve, project: Project) -> None:
    """What says how to reload has no effect without --reload, and the log says so."""
    server = serve("app:app", "--reload-include", "*.txt", "--app-dir", str(project.root))
    server.wait_for_output("reload_include has no effect without reload")
