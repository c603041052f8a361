"""Finding the folders in which changes count."""

from pathlib import Path

import pytest

from serverkit_server.reload_filter import ReloadFilter
from serverkit_server.reload_tree import Tree, stamps_of, walk

requires_links = pytest.mark.skipif(not hasattr(Path, "symlink_to"), reason="no links here")


def make(root: Path, *paths: str) -> None:
    """Make files, with the folders they are in."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("")


def walked(*roots: Path, exclude: tuple[str, ...] = ()) -> Tree:
    """Walk from some folders."""
    counts = ReloadFilter(exclude=exclude, base=str(roots[0]))
    return walk([str(root) for root in roots], counts)


def folders(root: Path, tree: Tree) -> set[str]:
    """Name the folders of a tree from a root."""
    return {str(Path(each).relative_to(root)) for each in tree.watched}


def test_finds_folders_and_their_files(tmp_path: Path) -> None:
    """Every folder that counts is found, with the files in it that count."""
    make(tmp_path, "app.py", "notes.md", "a/b/c.py", "node_modules/x/y.py", ".git/config.py")
    (tmp_path / "empty").mkdir()

    tree = walked(tmp_path)

    assert folders(tmp_path, tree) == {".", "a", "a/b", "empty"}
    assert tree.folders[str(tmp_path)] == (str(tmp_path / "app.py"),)
    assert tree.folders[str(tmp_path / "a/b")] == (str(tmp_path / "a/b/c.py"),)
    assert tree.missing == ()


def test_an_environment_of_any_name_is_left_out(tmp_path: Path) -> None:
    """A folder with a Python of its own is left out with all below it."""
    make(tmp_path, "app.py", "py312/pyvenv.cfg", "py312/lib/thing/x.py", "build/lib/app.py")

    assert folders(tmp_path, walked(tmp_path)) == {"."}


def test_what_is_asked_for_by_name_counts(tmp_path: Path) -> None:
    """A folder that is named as root counts though it would be left out on the way to it."""
    make(tmp_path, "py312/pyvenv.cfg", "py312/lib/x.py", "node_modules/ours/y.py")

    tree = walked(tmp_path, tmp_path / "py312", tmp_path / "node_modules" / "ours")

    assert folders(tmp_path, tree) == {".", "py312", "py312/lib", "node_modules/ours"}


def test_excluded_folders_are_not_entered(tmp_path: Path) -> None:
    """A folder that a setting excludes is left out."""
    make(tmp_path, "data/x.json", "src/data/y.json", "src/app.py")

    assert folders(tmp_path, walked(tmp_path, exclude=("data/**",))) == {".", "src", "src/data"}


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    """A root that is not there is named, and the others count."""
    make(tmp_path, "a/x.py")

    tree = walked(tmp_path / "a", tmp_path / "b")

    assert tree.missing == (str(tmp_path / "b"),)
    assert folders(tmp_path, tree) == {"a"}


@requires_links
def test_links_to_folders_are_followed_once(tmp_path: Path) -> None:
    """A linked folder counts; links in a circle end, and no folder is there twice."""
    make(tmp_path, "app/x.py", "shared/y.py")
    (tmp_path / "app" / "up").symlink_to(tmp_path / "app")
    (tmp_path / "app" / "shared").symlink_to(tmp_path / "shared")
    (tmp_path / "app" / "again").symlink_to(tmp_path / "shared")
    (tmp_path / "app" / "self").symlink_to("self")

    tree = walked(tmp_path / "app")

    assert len(tree.watched) == 2
    assert sum(map(len, tree.folders.values())) == 2


@requires_links
def test_a_link_into_what_is_left_out_is_not_followed(tmp_path: Path) -> None:
    """A link does not bring in what would be skipped on the way there; where both are does."""
    make(tmp_path, ".dev/app/x.py", ".dev/lib/y.py", ".dev/.venv/lib/site-packages/z/a.py")
    app = tmp_path / ".dev" / "app"
    (app / "lib").symlink_to(tmp_path / ".dev" / "lib")
    (app / "z").symlink_to(tmp_path / ".dev" / ".venv" / "lib" / "site-packages" / "z")

    assert folders(app, walked(app)) == {".", "lib"}


@requires_links
def test_a_link_to_a_file_counts_as_the_file(tmp_path: Path) -> None:
    """The folder in which a linked file lies is looked at, for that file alone."""
    make(tmp_path, "app/x.py", "store/real.py", "store/other.py")
    link = tmp_path / "app" / "linked.py"
    link.symlink_to(tmp_path / "store" / "real.py")

    tree = walked(tmp_path / "app")

    assert tree.targets == {str((tmp_path / "store/real.py").resolve()): str(link)}
    assert tree.elsewhere == {str((tmp_path / "store").resolve())}


def test_files_have_stamps_that_change_with_them(tmp_path: Path) -> None:
    """A file that is written, or replaced by another of the same size, has another one."""
    make(tmp_path, "same.py", "written.py", "replaced.py", "gone.py", "notes.md")
    tree = walked(tmp_path)
    before = stamps_of(tree)
    (tmp_path / "written.py").write_text("more")
    make(tmp_path, "other.py")
    (tmp_path / "other.py").replace(tmp_path / "replaced.py")
    (tmp_path / "gone.py").unlink()

    after = stamps_of(tree)

    assert before.keys() == after.keys()
    changed = {Path(path).name for path in before if before[path] != after[path]}
    assert changed == {"written.py", "replaced.py", "gone.py"}
    assert after[str(tmp_path / "gone.py")] is None
