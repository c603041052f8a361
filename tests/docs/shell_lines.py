"""Takes blocks of shell apart, and knows which of their commands a test may run.

Rules:
    Nothing is passed over in silence: a program that stands in neither table is an error.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

# Run as they stand.
RUN = frozenset(
    {"cat", "curl", "echo", "mkdir", "openssl", "printf", "pytest", "python", "serverkit", "test"}
)
# Only looked at: they change the machine, or need what a test cannot have.
LOOKED_AT = frozenset(
    {"cd", "docker", "eval", "git", "jq", "kill", "nox", "pip", "python3", "source", "sudo"}
    | {"apt", "systemctl", "taskset", "tshark"}
)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*")
_BETWEEN_COMMANDS = frozenset({"|", "||", "&&", ";"})


class ShellError(AssertionError):
    """A line of shell has something that the tests of the documentation do not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command: its words, with the variables that stand before it."""

    words: Sequence[str]
    variables: dict[str, str]

    @property
    def program(self) -> str:
        """The name of the program."""
        return self.words[0]

    @property
    def serves(self) -> bool:
        """Whether it is `serverkit serve APP`, in any of its forms."""
        words = list(self.words)
        if words[:3] == ["python", "-m", "serverkit"]:
            words = words[2:]
        if words[0] != "serverkit" or len(words) < 2 or {"--help", "-h"} & set(words):
            return False
        return words[1] == "serve" or ":" in words[1] or words[1].startswith("--")

    @property
    def arguments(self) -> list[str]:
        """What stands behind the name of the program `serverkit`."""
        return list(self.words[self.words.index("serverkit") + 1 :])


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of shell."""

    text: str
    commands: Sequence[Command]

    @property
    def may_run(self) -> bool:
        """Whether a test may run all of it."""
        return all(command.program in RUN for command in self.commands)


def shell_lines(text: str) -> list[Line]:
    """Take a block apart.

    Raises:
        ShellError: a program is not known, or a line cannot be read.
    """
    joined = re.sub(r"\\\n\s*", "", text)
    lines = [line.strip() for line in joined.splitlines()]
    return [
        Line(text=line, commands=_commands(line))
        for line in lines
        if line and not line.startswith("#")
    ]


def _commands(line: str) -> list[Command]:
    try:
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        lexer.commenters = "#"
        words = list(lexer)
    except ValueError as error:
        raise ShellError(f"{line!r} is no line of shell: {error}") from None
    groups: list[list[str]] = [[]]
    for word in words:
        if word in _BETWEEN_COMMANDS:
            groups.append([])
        else:
            groups[-1].append(word)
    return [_command(group, line) for group in groups]


def _command(words: list[str], line: str) -> Command:
    count = next((n for n, word in enumerate(words) if not _ASSIGNMENT.fullmatch(word)), len(words))
    if count == len(words):
        raise ShellError(f"{line!r} has an empty command")
    if words[count] not in RUN | LOOKED_AT:
        raise ShellError(f"{line!r} calls {words[count]}, of which the tests know nothing")
    variables = dict(word.split("=", 1) for word in words[:count])
    return Command(words=words[count:], variables=variables)
