"""Finding the application by its name."""

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from serverkit_server.app_import import AppName, check_app, import_app, parse_app_name
from serverkit_server.errors import AppImportError


class Folder:
    """A folder with modules of a test's own."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, source: str) -> None:
        """Write one module."""
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(source), "utf-8")

    def load(self, name: str, *, factory: bool = False) -> object:
        """Import an application from the folder."""
        return import_app(name, factory=factory, app_dir=str(self.path))

    def refusal_of(self, name: str, *, factory: bool = False) -> AppImportError:
        """Import what cannot be imported, and give the error."""
        with pytest.raises(AppImportError) as caught:
            self.load(name, factory=factory)
        return caught.value


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    """Give a folder whose modules are forgotten after the test."""
    monkeypatch.setattr(sys, "path", sys.path.copy())
    before = set(sys.modules)
    yield Folder(tmp_path)
    for name in set(sys.modules) - before:
        del sys.modules[name]


APP = """
    async def app(scope, receive, send): ...
    def make(): return app
    def make_two(): return app
    async def make_async(): return app
    def needs(arguments): return app
    def fails(): return 1 / 0
    class Held:
        app = app
    class Handler:
        async def __call__(self, scope, receive, send): ...
    class Endpoint:
        def __init__(self, scope, receive, send): ...
        def __await__(self): yield
    class Asgi2:
        def __init__(self, scope): ...
        async def __call__(self, receive, send): ...
    def wsgi(environ, start_response): ...
    handler = Handler()
    takes_anything = lambda *args: None
    number = 5
"""


@pytest.mark.parametrize(
    "name",
    ["one:app", "one:Held.app", "one:make()", "one:handler", "one:Endpoint", "one:takes_anything"],
)
def test_finds_an_application(folder: Folder, name: str) -> None:
    """Attributes, dotted ones too, factories, instances and endpoint classes are found."""
    folder.write("one.py", APP)
    assert callable(folder.load(name))


def test_calls_a_factory_when_told_to(folder: Folder) -> None:
    """The setting says what the parentheses say, and both together say it once."""
    folder.write("one.py", APP)
    app = folder.load("one:app")
    assert app is folder.load("one:make", factory=True)
    assert app is folder.load("one:make()", factory=True)


def test_leaves_the_folder_on_the_path(folder: Folder) -> None:
    """The application can import its neighbours later; the path gets its folder once."""
    folder.write("one.py", APP)
    folder.load("one:app")
    folder.load("one:app")
    assert str(folder.path) == sys.path[0]
    assert sys.path.count(str(folder.path)) == 1


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("app", "Write app:app, or how the application is called in it"),
        ("shop.web", "Write shop.web:app, or how the application is called in it"),
        ("", "Write module:attribute"),
        (":app", "Write module:attribute"),
        ("one:", "Write module:attribute"),
        ("one:app(1)", "Write module:attribute"),
        ("one:a-b", "Write module:attribute"),
        ("one.py", "Write one:app"),
        ("src/one.py:web", "Write src.one:web"),
        ("./one:web", "Write one:web"),
    ],
)
def test_explains_the_form(text: str, remedy: str) -> None:
    """What is no name of an application is refused, with the name that was probably meant."""
    with pytest.raises(AppImportError) as caught:
        parse_app_name(text)
    assert caught.value.remedy.startswith(remedy)


def test_takes_a_name_apart() -> None:
    """A name has a module, an attribute, and perhaps parentheses."""
    assert parse_app_name("a.b:c.d()") == AppName("a.b", "c.d", is_factory=True)
    assert str(parse_app_name("a.b:c.d()")) == "a.b:c.d()"


@pytest.mark.parametrize(
    ("name", "message", "remedy"),
    [
        ("onr:app", "no module 'onr'", "Did you mean one:app?"),
        ("pack.webb:app", "no module 'pack.webb'", "Did you mean pack.web:app?"),
        ("one:ap", "'one' has no attribute 'ap'", "Did you mean one:app?"),
        ("one:Held.ap", "'one.Held' has no attribute 'ap'", "Did you mean one:Held.app?"),
        ("one:qqqqq", "'one' has no attribute 'qqqqq'", "Did you mean one:app?"),
        ("one:make_twoo()", "no attribute 'make_twoo'", "Did you mean one:make_two()?"),
        ("one.py:app", "no module 'one.py'", "Write one:app: the name to import, not the file."),
        ("one:number", "an object of the type int cannot be called", "Write module:attribute"),
        ("one:make", "does not take scope, receive, send", "write one:make()"),
        ("one:Handler", "does not take scope, receive, send", "an instance of it: one:Handler()"),
        ("one:Asgi2", "ASGI 2", "guarantee_single_callable"),
        ("one:wsgi", "looks like a WSGI application", "a2wsgi"),
        ("one:needs()", "needs arguments", ""),
        ("one:app()", "needs arguments", "write one:app"),
        ("one:number()", "an object of the type int cannot be called", "write one:number"),
        ("one:make_async", "does not take scope, receive, send", "Make it a plain function"),
        ("one:make_async()", "is async", "plain function"),
    ],
)
def test_says_what_is_wrong(folder: Folder, name: str, message: str, remedy: str) -> None:
    """Each mistake in a name has a message of its own, and a suggestion where there can be one."""
    folder.write("one.py", APP)
    folder.write("pack/__init__.py", "")
    folder.write("pack/web.py", APP)
    error = folder.refusal_of(name)
    assert message in error.message
    assert remedy in error.remedy


def test_wants_the_folder_to_be_there(tmp_path: Path) -> None:
    """A folder to import from that does not exist is named, with its setting."""
    with pytest.raises(AppImportError, match="There is no folder") as caught:
        import_app("one:app", app_dir=str(tmp_path / "gone"))
    assert caught.value.setting == "app_dir"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def go():\n    raise ValueError('boom')\ngo()", "ValueError: boom"),
        ("import a_module_that_is_missing", "No module named 'a_module_that_is_missing'"),
        ("import sys\nsys.exit('no database')", "SystemExit: no database"),
        ("import helper", "ZeroDivisionError"),
    ],
)
def test_shows_only_frames_of_the_application(folder: Folder, source: str, expected: str) -> None:
    """A failing import shows the traceback of the application, without server and import system."""
    folder.write("one.py", source)
    folder.write("helper.py", "1 / 0")
    error = folder.refusal_of("one:app")
    assert "one fails" in error.message
    assert error.details.splitlines()[-1].endswith(expected) or expected in error.details
    assert str(folder.path / "one.py") in error.details
    assert "serverkit_server" not in error.details
    assert "importlib" not in error.details


def test_shows_a_syntax_error(folder: Folder) -> None:
    """A file that is no Python is shown with the line at fault."""
    folder.write("one.py", "def app(:\n")
    assert "line 1" in folder.refusal_of("one:app").details


def test_shows_why_a_factory_fails(folder: Folder) -> None:
    """A factory that raises is told with its own frames alone."""
    folder.write("one.py", APP)
    error = folder.refusal_of("one:fails()")
    assert "The factory one:fails() fails." in error.message
    assert "ZeroDivisionError" in error.details
    assert "app_import.py" not in error.details


def test_checks_an_object() -> None:
    """An application given as an object is judged as one given by name."""

    async def app(scope: object, receive: object, send: object) -> None: ...

    check_app(app, "app")
    with pytest.raises(AppImportError, match="the type str cannot be called"):
        check_app("app", "this")
