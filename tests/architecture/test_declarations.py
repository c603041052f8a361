"""What the distributions declare; and that the checks see what is wrong."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.architecture import declarations
from tests.architecture.rules import PACKAGES, RULES, Rule, folder_of, source_of

PROJECTS = {
    package: tomllib.loads((folder_of(package) / "pyproject.toml").read_text("utf-8"))
    for package in RULES
}
FILES = ("README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml")


@pytest.fixture
def project(package: str) -> dict[str, Any]:
    """The metadata of the package's distribution."""
    return dict(PROJECTS[package]["project"])


def test_every_folder_is_a_distribution_of_the_table() -> None:
    """There is a rule for each folder and a folder for each rule."""
    assert {path.name for path in PACKAGES.iterdir()} == {folder_of(name).name for name in RULES}


def test_declared_is_what_may_be_imported(package: str, project: dict[str, Any]) -> None:
    """The requirements are those of the table, in both directions."""
    assert list(declarations.undeclared_rights(project, RULES[package])) == []


def test_siblings_are_required_as_the_compatible_range(project: dict[str, Any]) -> None:
    """A distribution takes any patch of its siblings and no other minor version."""
    assert list(declarations.loose_siblings(project)) == []


def test_the_metadata_is_complete(project: dict[str, Any]) -> None:
    """A distribution says all that a reader of the index wants to know."""
    assert list(declarations.missing_metadata(project)) == []


def test_the_name_follows_from_the_package(package: str, project: dict[str, Any]) -> None:
    """Distribution and package have one name, with a hyphen and an underscore."""
    assert project["name"] == package.replace("_", "-")


def test_all_have_one_version() -> None:
    """The distributions are released together."""
    assert len({each["project"]["version"] for each in PROJECTS.values()}) == 1


@pytest.mark.parametrize("name", FILES)
def test_a_distribution_has_its_own_papers(package: str, name: str) -> None:
    """Each folder can be published as it stands."""
    assert (folder_of(package) / name).read_text("utf-8").strip()


def test_the_license_is_the_same_everywhere(package: str) -> None:
    """Each distribution carries the license of the project."""
    ours = (PACKAGES.parent / "LICENSE").read_text("utf-8")

    assert (folder_of(package) / "LICENSE").read_text("utf-8") == ours


def test_a_package_is_typed(package: str) -> None:
    """Type checkers of users are told to believe our annotations (PEP 561)."""
    assert (source_of(package) / "py.typed").is_file()


def test_hatchling_builds_it(package: str) -> None:
    """Every distribution is built by hatchling, with the files of its package."""
    assert PROJECTS[package]["build-system"]["build-backend"] == "hatchling.build"
    wheel = PROJECTS[package]["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["packages"] == [Path("src", package).as_posix()]


# The checks themselves.

GOOD: dict[str, Any] = {
    "version": "0.1.0",
    "dependencies": ["h11>=0.16,<1", "serverkit-proto>=0.1,<0.2"],
    "optional-dependencies": {
        "uvloop": ["uvloop>=0.22; sys_platform != 'win32'", "serverkit-proto[x]>=0.1,<0.2"]
    },
}
RULE = Rule(
    ours=frozenset({"serverkit_proto"}),
    third_party=frozenset({"h11"}),
    optional=frozenset({"uvloop"}),
)


@pytest.mark.parametrize(
    ("change", "breaches"),
    [
        ({}, []),
        (
            {"dependencies": ["serverkit-proto>=0.1,<0.2", "Left-Pad"]},
            ["h11 is not in dependencies", "left_pad is in dependencies without a right"],
        ),
        ({"optional-dependencies": {}}, ["uvloop is not in optional-dependencies"]),
        (
            {"optional-dependencies": {"a": ["uvloop", "b"]}},
            ["b is in optional-dependencies without a right"],
        ),
    ],
)
def test_wrong_requirements_are_seen(change: dict[str, Any], breaches: list[str]) -> None:
    """What is missing and what is too much are told apart."""
    assert list(declarations.undeclared_rights(GOOD | change, RULE)) == breaches


@pytest.mark.parametrize(
    ("requirement", "breaches"),
    [
        ("h11", []),
        ("serverkit-proto>=0.1,<0.2", []),
        ("serverkit-proto", ["serverkit-proto is not >=0.1,<0.2"]),
        ("serverkit[x]==0.1.0", ["serverkit[x]==0.1.0 is not >=0.1,<0.2"]),
        ("serverkit-proto>=0.1,<0.3", ["serverkit-proto>=0.1,<0.3 is not >=0.1,<0.2"]),
    ],
)
def test_loose_siblings_are_seen(requirement: str, breaches: list[str]) -> None:
    """Any other range than the compatible one is named, in extras too."""
    required = GOOD | {"dependencies": [requirement], "optional-dependencies": {}}
    extra = GOOD | {"dependencies": [], "optional-dependencies": {"a": [requirement]}}

    assert list(declarations.loose_siblings(required)) == breaches
    assert list(declarations.loose_siblings(extra)) == breaches


def test_missing_metadata_is_seen() -> None:
    """Of an empty project everything is missed."""
    missed = list(declarations.missing_metadata({}))

    assert len(missed) == 11
    assert "no description" in missed
    assert "no classifier with Typing :: Typed" in missed
