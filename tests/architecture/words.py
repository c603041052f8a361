"""The check for words that say where the project was written and not what it is."""

import re
from collections.abc import Iterator
from pathlib import Path

# Written so that none of the patterns matches its own text.
FORBIDDEN = {
    "a path of one machine": re.compile(
        r"(?<![\w.*/-])/(?:root|work|opt)/[.\w]|(?<![\w.])/home/\w+/"
    ),
    "the host of a package index": re.compile(
        r"[\w.-]*(?:pypi|pythonhosted|artifactory|jfrog)\.\w+"
    ),
}


def forbidden_words(name: str, text: str) -> Iterator[str]:
    """Yield each line with a word that has no place in the project."""
    for number, line in enumerate(text.splitlines(), 1):
        for what, pattern in FORBIDDEN.items():
            match = pattern.search(line)
            if match:
                yield f"{name}:{number} has {what}: {match[0]}"


def text_files(root: Path, ignored: frozenset[str]) -> Iterator[Path]:
    """Yield the text files of a checkout, without what tools leave there."""
    for path in sorted(root.iterdir()):
        if path.name in ignored or path.name.endswith((".egg-info", "_cache")):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from text_files(path, ignored)
        elif path.is_file() and b"\0" not in path.read_bytes():
            yield path
