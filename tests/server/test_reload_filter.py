"""Which files and folders count while an application is being written."""

import pytest

from serverkit_server.reload_filter import ReloadFilter

HERE = "/srv/me/pro[je]ct"
DEFAULT = ReloadFilter(base=HERE)


@pytest.mark.parametrize(
    "path",
    ["app.py", "pages/home.html", "a.jinja2", "settings.toml", "b.yaml", "x/.env", ".env.local"],
)
def test_sources_templates_and_configuration_count(path: str) -> None:
    """Without any setting, what an application is made of counts."""
    assert DEFAULT.wants_file(f"{HERE}/{path}")


@pytest.mark.parametrize(
    "path",
    [
        *("app.py~", ".app.py.swp", ".#app.py", "#app.py#", "4913", "app.pyc", "flycheck_app.py"),
        *(".hidden.py", "app.log", "data.sqlite3", "app.py___jb_tmp___", "a.tmp", "pyvenv.cfg"),
    ],
)
def test_what_is_written_on_the_way_does_not_count(path: str) -> None:
    """Temporary files of editors, hidden files and data are no change of an application."""
    assert not DEFAULT.wants_file(f"{HERE}/{path}")


@pytest.mark.parametrize(
    "name",
    [
        *(".git", ".venv", "venv", "node_modules", "__pycache__", "site-packages", ".tox"),
        *(".mypy_cache", ".pytest_cache", "my.egg-info"),
    ],
)
def test_folders_of_tools_are_left_out(name: str) -> None:
    """Environments, caches and what belongs to tools are not looked into."""
    assert DEFAULT.skips_folder(f"{HERE}/sub/{name}")


def test_other_folders_are_looked_into() -> None:
    """A folder of any other name counts, whatever lies above it."""
    assert not DEFAULT.skips_folder(f"{HERE}/environments")
    assert not DEFAULT.skips_folder("/srv/me/.config/app/package")


@pytest.mark.parametrize("mark", ["pyvenv.cfg", "conda-meta"])
def test_an_environment_is_known_by_what_is_in_it(mark: str) -> None:
    """A Python of its own is left out whatever it is called."""
    assert DEFAULT.skips_content(f"{HERE}/my-env", {"bin", "lib", mark})
    assert not DEFAULT.skips_content(f"{HERE}/my-env", {"bin", "lib"})


@pytest.mark.parametrize("name", ["build", "dist"])
def test_a_package_may_be_called_as_what_is_built(name: str) -> None:
    """A folder for what is built is left out; a package of that name is not."""
    assert DEFAULT.skips_content(f"{HERE}/{name}", {"lib"})
    assert not DEFAULT.skips_content(f"{HERE}/app/{name}", {"__init__.py", "tasks.py"})


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("*.txt", f"{HERE}/a/b.txt", True),
        ("*.txt", f"{HERE}/a/b.txt.gz", False),
        ("a/*.txt", f"{HERE}/a/b.txt", True),
        ("./a/*.txt", f"{HERE}/a/b.txt", True),
        ("a/*.txt", f"{HERE}/a/c/b.txt", False),
        ("a/*.txt", f"{HERE}/x/a/b.txt", False),
        ("a/**/*.txt", f"{HERE}/a/b.txt", True),
        ("a/**/*.txt", f"{HERE}/a/c/d/b.txt", True),
        ("a/**", f"{HERE}/a/c/d", True),
        ("**/a/?.txt", f"{HERE}/x/y/a/b.txt", True),
        ("/var/*.txt", "/var/b.txt", True),
        ("/var/*.txt", f"{HERE}/var/b.txt", False),
        ("[ab].txt", f"{HERE}/a.txt", True),
        ("[!ab].txt", f"{HERE}/a.txt", False),
        ("[!ab].txt", f"{HERE}/c.txt", True),
        ("[^a].txt", f"{HERE}/^.txt", True),
        ("[\\].txt", f"{HERE}/\\.txt", True),
        ("a[.txt", f"{HERE}/a[.txt", True),
        ("a+(b)|c.txt", f"{HERE}/a+(b)|c.txt", True),
        (".flaskenv", f"{HERE}/.flaskenv", True),
    ],
)
def test_patterns_are_those_of_a_shell(pattern: str, path: str, *, expected: bool) -> None:
    """A pattern is for a name, or with a slash for a path from the current folder."""
    assert ReloadFilter(include=[pattern], base=HERE).wants_file(path) is expected


@pytest.mark.parametrize("pattern", ["data", "data/", "data/**", "./data/**", "/srv/**/data"])
def test_a_folder_can_be_excluded(pattern: str) -> None:
    """A pattern to exclude is for folders too, and is then not looked into."""
    assert ReloadFilter(exclude=[pattern], base=HERE).skips_folder(f"{HERE}/data")


def test_excluding_wins_over_including() -> None:
    """What both settings name does not count, nor do temporary files that one includes."""
    both = ReloadFilter(include=["*"], exclude=["*.txt"], base=HERE)
    assert not both.wants_file(f"{HERE}/a.txt")
    assert not both.wants_file(f"{HERE}/a.css~")
    assert both.wants_file(f"{HERE}/a.css")
