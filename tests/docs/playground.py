"""A folder in which the blocks of one page are run, one after the other, as a reader would.

Rules:
    What a page says of a machine is turned to this one: ports become free ports, and what is said
    to lie in /etc, /run, /srv or /var lies below the folder.
    A command that serves goes on until the next one, or the end of the page. It is asked for `/`
    as soon as it is up, and must end with exit code 0 when it is told to.
"""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

import trustme

from serverkit_server.config import ServerConfig
from serverkit_server.load import load
from tests.docs.deployment_files import check_container, check_nginx, check_pod, check_unit
from tests.docs.installable import check_pip
from tests.docs.pages import ROOT, Page, PageError, Snippet
from tests.docs.processes import WAIT_S, Program, environment, status_at
from tests.docs.shell_lines import Command, Line, shell_lines

_PORT_OPTION = re.compile(
    r"(--port[ =]|\bport=|SERVERKIT_PORT=|--redirect-bind 127\.0\.0\.1:)[1-9]\d*"
)
_DEPLOYED = re.compile(r"(?<![\w./])/((?:etc|run|srv|var)/(?:[\w.-]+/)*)")
_URL = "http://127.0.0.1:8000"
_SECURE_URL = "https://localhost:8000"
_REDIRECTING_URL = "http://localhost:8080"
_WHERE = ("--uds", "--bind", "--fd", "--port")
_FACTORY = "from package.module import app\n\n\ndef make_app():\n    return app\n"
_FAILURES = (AssertionError, OSError, SyntaxError, ValueError, subprocess.SubprocessError)
_ARROW = re.compile(r"(?:\[\*\]|[A-Z]+) --> (?:\[\*\]|[A-Z]+)(?:: [a-z ]+)?")
_SHIM = '#!/bin/sh\nexec "{python}" -W error {module} "$@"\n'


class Playground:
    """Runs the blocks of one page.

    Args:
        folder: an empty folder, of a short path: unix sockets may be in it.

    Attributes:
        missing: programs that pages call and this machine lacks; their lines were not run.

    Owner: the test of the page, which closes it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: Program | None = None
        self._url = _URL
        self._secure_url = _SECURE_URL
        self._redirecting_url = _REDIRECTING_URL
        self._last_output: Callable[[str], str] = lambda _wanted: ""
        self.missing: set[str] = set()
        self._environment = environment(
            PATH=f"{folder / '.bin'}:{environment()['PATH']}",
            PYTHONDONTWRITEBYTECODE="1",
            SERVERKIT_LOG_FORMAT="text",  # as on a terminal
            SERVERKIT_PORT="0",
        )
        self._fill()

    def run_page(self, page: Page) -> None:
        """Run all the blocks of a page, in order.

        Raises:
            AssertionError: one of them does not do what it should; the message names its place.
        """
        for snippet in page.snippets:
            try:
                self._run(snippet)
            except _FAILURES as error:
                raise AssertionError(f"{snippet.place}: {error}") from error

    def close(self) -> None:
        """End what still serves."""
        server, self._server, self._url = self._server, None, _URL
        if server is not None:
            code = server.stop()
            assert code == 0, f"{server} ended with {code}:\n{server.output}"

    def _fill(self) -> None:
        """Put in what readers have: the programs, the example, and what placeholders stand for."""
        for name in ("examples", "package", "shop", ".bin"):
            (self._folder / name).mkdir()
        example = ROOT / "examples" / "hello.py"
        for copy in ("examples/hello.py", "package/module.py", "module.py", "hello.py"):
            shutil.copy(example, self._folder / copy)
        (self._folder / "shop" / "web.py").write_text(_FACTORY)
        certificate = trustme.CA().issue_cert("localhost")
        certificate.cert_chain_pems[0].write_to_path(self._folder / "c.pem")
        certificate.private_key_pem.write_to_path(self._folder / "k.pem")
        (self._folder / "production.toml").write_text('log_level = "warning"\n')
        shims = {
            "python": "",
            "serverkit": "-m serverkit",
            "pytest": "-m pytest -p no:cacheprovider",
        }
        for name, module in shims.items():
            shim = self._folder / ".bin" / name
            shim.write_text(_SHIM.format(python=sys.executable, module=module))
            shim.chmod(0o755)

    def _run(self, snippet: Snippet) -> None:
        handlers: Mapping[str, Callable[[Snippet, str], None]] = {
            "python": self._run_python,
            "sh": self._run_shell,
            "toml": self._load_toml,
            "json": self._read_json,
            "text": self._compare,
            "ini": lambda _, text: check_unit(text),
            "nginx": lambda _, text: check_nginx(text, self._folder),
            "dockerfile": lambda _, text: check_container(text),
            "yaml": lambda _, text: check_pod(text),
            "mermaid": lambda _, text: check_diagram(text),
        }
        if snippet.language not in handlers:
            raise PageError(f"the tests know nothing of the language {snippet.language!r}")
        is_for_here = snippet.language in ("python", "sh", "toml")
        text = self._localised(snippet.text) if is_for_here else snippet.text
        handlers[snippet.language](snippet, text)

    def _localised(self, text: str) -> str:
        """Turn ports and places to this machine."""
        text = _PORT_OPTION.sub(r"\g<1>0", text)
        return _DEPLOYED.sub(self._made, text)

    def _made(self, found: re.Match[str]) -> str:
        folder = self._folder / found[1]
        folder.mkdir(parents=True, exist_ok=True)
        return f"{folder}/"

    # Python

    def _run_python(self, snippet: Snippet, text: str) -> None:
        if snippet.marker == "fragment":
            if not snippet.note:
                raise PageError("a fragment needs a reason")
            compile(text, snippet.place, "exec")
            return
        name = snippet.title or "block.py"
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if snippet.title:
            compile(text, snippet.place, "exec")  # the blocks that follow use it
        else:
            self._start(["python", "-W", "error", name], {})

    # Shell

    def _run_shell(self, snippet: Snippet, text: str) -> None:
        subprocess.run(["sh", "-n", "-c", text], check=True, timeout=WAIT_S)
        wanted = int(snippet.note) if snippet.marker == "exit" else 0
        for line in shell_lines(text):
            for command in line.commands:
                check_pip(command.words)
                self._check_nox(command)
            absent = {each.program for each in line.commands if not self._find(each.program)}
            if line.may_run and absent:
                self.missing |= absent
                self._last_output = lambda wanted: wanted
            if absent or not line.may_run:
                continue
            if line.commands[0].serves and len(line.commands) == 1:
                self._serve(line.commands[0], wanted)
            else:
                self._run_line(line, wanted)

    def _find(self, program: str) -> str | None:
        return shutil.which(program, path=self._environment["PATH"])

    def _check_nox(self, command: Command) -> None:
        words = list(command.words)
        if "nox" in words and "-s" in words:
            session = words[words.index("-s") + 1].partition("-")[0]
            if f"\ndef {session}(" not in (ROOT / "noxfile.py").read_text("utf-8"):
                raise PageError(f"noxfile.py has no session {session!r}")

    def _run_line(self, line: Line, wanted: int) -> None:
        done = subprocess.run(
            ["sh", "-c", self._at_server(line.text)],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=WAIT_S,
        )
        self._last_output = lambda _wanted: done.stdout
        assert done.returncode == wanted, f"{line.text}: exit {done.returncode}\n{done.stdout}"

    def _at_server(self, text: str) -> str:
        """Put the URLs of the server that runs in the place of those of the page."""
        text = text.replace(_REDIRECTING_URL, self._redirecting_url)
        return text.replace(_SECURE_URL, self._secure_url).replace(_URL, self._url)

    def _serve(self, command: Command, wanted: int) -> None:
        words = list(command.words)
        elsewhere = any(word.partition("=")[0] in _WHERE for word in words)
        variables = dict(command.variables)
        if elsewhere:
            variables.setdefault("SERVERKIT_PORT", "")
        self._start(words, variables, wanted)

    def _start(self, words: list[str], variables: Mapping[str, str], wanted: int = 0) -> None:
        """Run a program to its end, or until it serves."""
        self.close()
        given = {**self._environment, **variables}
        program = Program(words, self._folder, {k: v for k, v in given.items() if v})
        banner = program.wait_for_banner()
        if banner is None:
            code = program.stop()
            self._last_output = lambda _wanted: program.output
            assert code == wanted, f"exit {code}:\n{program.output}"
            return
        self._server = program
        if banner["port"]:
            self._url = f"{banner['scheme']}://{banner['host']}:{banner['port']}"
            self._secure_url = f"https://localhost:{banner['port']}"
        if banner["redirecting"]:
            self._redirecting_url = f"http://{banner['redirecting']}"
        self._last_output = self._output_of_server
        assert not wanted, f"{program} serves instead of ending with {wanted}"
        assert status_at(banner) < 500, program.output

    def _output_of_server(self, wanted: str) -> str:
        """Give what the server has written, once it is what is wanted or time is up."""
        server = self._server
        assert server is not None, "no server runs any more"
        server.wait_for(wanted)
        return server.output

    # What is not run

    def _compare(self, snippet: Snippet, text: str) -> None:
        """Compare output with that of the last command: all of it, `...` for anything."""
        if snippet.marker != "output":
            return  # a picture
        own = re.escape(self._at_server(text.strip()))
        wanted = own.replace(re.escape("..."), r"[\s\S]*?")
        output = self._last_output(wanted).strip()
        assert re.search(rf"\A[\s\S]*^{wanted}$", output, re.MULTILINE), (
            f"this is not what it prints:\n{output}"
        )

    def _read_json(self, snippet: Snippet, text: str) -> None:
        if snippet.marker == "output":
            self._compare(snippet, text)
            return
        for line in text.splitlines():
            json.loads(line)

    def _load_toml(self, snippet: Snippet, text: str) -> None:
        path = self._folder / self._localised(snippet.title or ".loaded/serverkit.toml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        settings = tomllib.loads(text)
        if path.name in ("serverkit.toml", "pyproject.toml"):
            found = load(ServerConfig, config_file=path, environ={})
            layers = {source.layer for source in found.sources.values()}
            assert "file" in layers, "nothing in it is a setting"
        else:
            assert settings.get("version") == 1, f"{path.name} is no configuration of logging"


def check_diagram(text: str) -> None:
    """Check a diagram of states: its kind, and an arrow in every line."""
    kind, *arrows = (line.strip() for line in text.splitlines())
    assert kind == "stateDiagram-v2", f"no diagram of states: {kind}"
    for arrow in arrows:
        assert _ARROW.fullmatch(arrow), f"no arrow: {arrow}"
