"""The checks of the documentation see what is wrong: a check that passes all proves nothing."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.deployment_files import (
    FileError,
    check_command,
    check_container,
    check_nginx,
    check_unit,
)
from tests.docs.installable import InstallError, check_pip
from tests.docs.pages import PageError, parse_page
from tests.docs.playground import Playground, check_diagram
from tests.docs.processes import BANNER
from tests.docs.shell_lines import ShellError, shell_lines

APP = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"made here"})
"""


def block(language: str, text: str, before: str = "") -> str:
    """Write a page with one block."""
    return f"{before}\n```{language}\n{text}\n```\n"


@pytest.fixture
def ground() -> Iterator[Playground]:
    """A folder to run blocks in."""
    with tempfile.TemporaryDirectory(prefix="docs-") as folder:
        playground = Playground(Path(folder))
        yield playground
        playground.close()


# What is right.


@pytest.mark.slow
def test_a_served_file_of_the_page_is_asked(ground: Playground) -> None:
    """A titled block is the file that the next one serves, and curl reaches that server."""
    pages = [
        block('python title="mine.py"', APP),
        block("sh", "serverkit serve mine:app --port 8123"),
        block("sh", "curl -s http://127.0.0.1:8000/"),
        block("text", "made ...", "<!-- output -->"),
    ]

    ground.run_page(parse_page(Path("page"), "\n".join(pages)))


@pytest.mark.slow
def test_a_block_that_serves_forever_is_ended(ground: Playground) -> None:
    """`serverkit.run` in a block of Python is asked and ended like a command."""
    text = 'import serverkit\nserverkit.run("package.module:app", port=8000)'

    ground.run_page(parse_page(Path("page"), block("python", text)))


def test_a_banner_counts_when_it_is_whole() -> None:
    """It is read line by line, and where plain clients are sent on from stands below the rest."""
    lines = [
        "serverkit 0.1.0\n",
        "  serves at  https://127.0.0.1:8443\n",
        "             http://127.0.0.1:8080, which redirects there\n",
        "  tls        1.2 and newer\n",
        "  process    7, Ctrl-C stops it, a second time at once\n",
    ]
    parts = ["".join(lines[:count]) for count in range(len(lines))]

    assert [BANNER.search(part) for part in parts] == [None] * len(lines)
    found = BANNER.search("".join(lines))
    assert found is not None
    assert (found["port"], found["redirecting"]) == ("8443", "127.0.0.1:8080")


# What is wrong.


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (block("python", "raise SystemExit(3)"), "exit 3"),
        (block("python", "import warnings; warnings.warn('old', DeprecationWarning)"), "exit 1"),
        (block("python", "def f(:"), "exit 1"),
        (block("python", "def f(:", "<!-- fragment: half -->"), "invalid syntax"),
        (block("python", "pass", "<!-- fragment -->"), "needs a reason"),
        (block("sh", "serverkit serve hello:nothing"), "no attribute"),
        (block("sh", "serverkit serve hello:app --prot 1"), "No such option"),
        (block("sh", "serverkit check hello:app", "<!-- exit: 1 -->"), "exit 0"),
        (block("sh", "serverkit serve hello:app", "<!-- exit: 1 -->"), "instead of ending"),
        (block("sh", "echo a") + block("text", "b", "<!-- output -->"), "not what it prints"),
        (block("sh", "rm -r x"), "knows nothing of rm|know nothing"),
        (block("sh", "if then"), "returned non-zero"),
        (block("sh", "pip install serverkit-nothing"), "nothing the tests run with"),
        (block("sh", "python3 -m nox -s nothing"), "no session"),
        (block("toml", "prot = 1"), "no setting"),
        (block("toml", ""), "nothing in it"),
        (block('toml title="logging.toml"', "a = 1"), "no configuration of logging"),
        (block("json", "{"), "Expecting"),
        (block("ini", "[Service]\nExecStrat=x"), "no directive"),
        (block("yaml", "kind: Pod"), "no command"),
        (block("perl", "1"), "nothing of the language"),
        (block("", "1"), "nothing of the language"),
    ],
)
def test_a_page_that_does_not_hold_fails(page: str, reason: str, ground: Playground) -> None:
    """Each mistake is an error that names its line and says what is wrong."""
    with pytest.raises(AssertionError, match=rf"page:\d+: [\s\S]*(?:{reason})"):
        ground.run_page(parse_page(Path("page"), page))


@pytest.mark.parametrize(
    "text",
    [
        "<!-- fragmnt: x -->\n\n```python\n```\n",
        "<!-- output -->\n\ntext\n",
        "    indented\n",
        "<!-- output -->\n",
    ],
)
def test_a_misplaced_marker_is_seen(text: str) -> None:
    """A marker that means nothing would let a block go untested."""
    with pytest.raises(PageError):
        parse_page(Path("page"), text)


def test_shell_is_taken_apart() -> None:
    """Comments go, lines that go on are joined, variables and pipes are told from programs."""
    serve, piped = shell_lines(
        "# how\nSERVERKIT_PORT=1 serverkit serve a:b \\\n  --debug\n"
        "serverkit config show | jq .port\n"
    )

    assert serve.commands[0].variables == {"SERVERKIT_PORT": "1"}
    assert serve.commands[0].serves
    assert list(serve.commands[0].words) == ["serverkit", "serve", "a:b", "--debug"]
    assert [command.program for command in piped.commands] == ["serverkit", "jq"]
    assert not piped.may_run


@pytest.mark.parametrize("line", ["A=1", "echo 'a", "echo a && "])
def test_a_line_that_is_none_is_seen(line: str) -> None:
    """An assignment alone, an open quote and a command that is missing are no lines of a page."""
    with pytest.raises(ShellError):
        shell_lines(line)


@pytest.mark.parametrize(
    ("line", "serves"),
    [
        ("serverkit a:b", True),
        ("serverkit --port 1 a:b", True),
        ("python -m serverkit serve a:b", True),
        ("serverkit serve --help", False),
        ("serverkit check a:b", False),
        ("echo serverkit a:b", False),
    ],
)
def test_what_serves_is_known(line: str, *, serves: bool) -> None:
    """A command that serves is told from one that ends by itself."""
    assert shell_lines(line)[0].commands[0].serves is serves


@pytest.mark.parametrize(
    "text",
    [
        "[Service]\nExecStart=/srv/x/serverkit serve a:b --prot 1",
        "[Service]\nExecStart=/srv/x/serverkit serve",
        "[Service]\nExecStart=/srv/x/serverkit check a:b",
        "[Service]\nEnvironment=SERVERKIT_PRT=1",
        "[Service]\nEnvironment=SERVERKIT_PORT=http",
        "[Sevice]\nUser=x",
        "[Service]\nuser=x",
    ],
)
def test_a_wrong_unit_is_seen(text: str) -> None:
    """Sections, directives, our options and our variables are checked."""
    with pytest.raises(FileError):
        check_unit(text)


@pytest.mark.parametrize(
    "text",
    [
        "server { listen 80;",
        "server { listen 80 }",
        "server { lisn 80; }",
        "server { location / { proxy_pass http://nobody; } }",
        "listen",
    ],
)
def test_a_wrong_nginx_is_seen(text: str, tmp_path: Path) -> None:
    """Braces, ends of statements, names of directives and of upstreams are checked."""
    with pytest.raises(FileError):
        check_nginx(text, tmp_path)


@pytest.mark.parametrize(
    "text", ['CMD ["serverkit", "serve", "--prot"]', "ENV SERVERKIT_PRT=1", "FORM python"]
)
def test_a_wrong_container_is_seen(text: str) -> None:
    """Instructions, our options and our variables are checked."""
    with pytest.raises(FileError):
        check_container(text)


@pytest.mark.parametrize("text", ["graph TD", "stateDiagram-v2\n    A -> B", "stateDiagram-v2\n a"])
def test_a_wrong_diagram_is_seen(text: str) -> None:
    """A diagram of another kind, and a line that is no arrow, are refused."""
    check_diagram("stateDiagram-v2\n    [*] --> A\n    A --> B: ready or late\n")
    with pytest.raises(AssertionError):
        check_diagram(text)


def test_a_right_command_is_let_pass() -> None:
    """The checks do not refuse everything."""
    check_command(["/srv/x/serverkit", "serve", "a:b", "--port", "1"])
    check_pip(["pip", "install", "./packages/*", "starlette", "--quiet"])
    check_pip(["pip", "install", "./packages/serverkit[uvloop]", "./*.whl"])
    check_pip(["echo", "install"])


@pytest.mark.parametrize(
    "requirement",
    [
        *("serverkit", "serverkit[uvloop]", "serverkit-x", "starlette[full]"),
        *("./packages/nothing", "./packages/cli[uvloop]", "./docs/*"),
    ],
)
def test_a_wrong_requirement_is_seen(requirement: str) -> None:
    """What is not there, not tested with, or would fetch a stranger under our name is refused."""
    with pytest.raises(InstallError):
        check_pip(["pip", "install", requirement])
