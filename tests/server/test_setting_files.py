"""Files of settings and of variables."""

from pathlib import Path

import pytest

from serverkit_server.setting_files import ConfigError, read_config_file, read_env_file


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("A=1", "A", "1"),
        ("A=", "A", ""),
        ("  A = two words  ", "A", "two words"),
        ("export A=1", "A", "1"),
        ("A=1 # comment", "A", "1"),
        ("A= # comment", "A", ""),
        ("A=a#b", "A", "a#b"),
        ("A=a=b", "A", "a=b"),
        ("A='single # \\n $B'", "A", "single # \\n $B"),
        ("A='single' # comment", "A", "single"),
        ('A="double # \\"x\\" \\\\ \\n" # comment', "A", 'double # "x" \\ \n'),
        ('A=""', "A", ""),
        ("A=it's", "A", "it's"),
        ("A=naïve", "A", "naïve"),
    ],
)
def test_a_line_of_an_env_file(tmp_path: Path, line: str, key: str, value: str) -> None:
    """Quotes, comments and export are understood; nothing else is interpreted."""
    path = tmp_path / "env"
    path.write_text(f"# comment\n\n{line}\n", "utf-8")

    assert read_env_file(path) == {key: (value, f"{path}:3")}


@pytest.mark.parametrize("line", ["A", "=1", "1A=1", "A B=1", "A='open", 'A="open', "A='x' y"])
def test_a_line_that_is_no_assignment_is_refused(tmp_path: Path, line: str) -> None:
    """A line that cannot be understood is an error that shows it, with its number."""
    path = tmp_path / "env"
    path.write_text(f"B=1\n{line}\n")

    with pytest.raises(ConfigError) as caught:
        read_env_file(path)

    assert str(caught.value).startswith(f"{path}:2 must be KEY=VALUE")
    assert repr(line) in str(caught.value)


def test_a_file_that_is_no_toml_is_refused_with_the_place(tmp_path: Path) -> None:
    """The parser's own words, which hold line and column, are passed on."""
    path = tmp_path / "serverkit.toml"
    path.write_text("port = \n")

    with pytest.raises(ConfigError, match=r"serverkit\.toml is not TOML: .*line 1"):
        read_config_file(path)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 give a message, not a traceback."""
    path = tmp_path / "serverkit.toml"
    path.write_bytes(b"\xff")

    with pytest.raises(ConfigError, match="cannot be read: it is not UTF-8"):
        read_config_file(path)


def test_settings_of_a_project_must_be_a_table(tmp_path: Path) -> None:
    """A [tool] serverkit that is no table is refused."""
    path = tmp_path / "pyproject.toml"
    path.write_text("[tool]\nserverkit = 1\n")

    with pytest.raises(ConfigError, match=r"\[tool\.serverkit\] in .* must be a table, not 1"):
        read_config_file(path)


def test_lines_are_found_in_their_table_only(tmp_path: Path) -> None:
    """A key of the same name in another table is not taken for ours."""
    path = tmp_path / "pyproject.toml"
    path.write_text('[x]\nport = 1\n\n[tool.serverkit] # ours\n"port" = 2\n[tool.y]\nport = 3\n')

    found = read_config_file(path)

    assert found.place("port") == f"{path}:5"
    assert found.settings == {"port": 2}
    assert found.place("other") == str(path)
