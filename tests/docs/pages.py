"""The pages of the documentation, taken apart: code blocks, headings, links.

A comment of HTML directly before a block says what is special about it:

    <!-- fragment: why -->   a piece of Python that does not stand alone; it is compiled only
    <!-- output -->          what the command before it prints; `...` stands for anything
    <!-- exit: 1 -->         the last command of the block ends with this exit code

The first word behind the fence is the language. `title="hello.py"` behind it gives the block a
file name, under which the blocks after it find it.
"""

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[2]
_MARKER = re.compile(r"<!--\s*(?P<word>fragment|output|exit)(?::\s*(?P<text>[^>]*?))?\s*-->")
_COMMENT = re.compile(r"<!--\s*(\w+)")
_KNOWN_COMMENTS = frozenset({"fragment", "output", "exit", "generated", "end"})
_TITLE = re.compile(r'title="([^"]+)"')
_ANCHOR = re.compile(r'<a id="([^"]+)">')
_NOT_IN_ANCHORS = re.compile(r"[^\w\- ]")
_MARKDOWN = MarkdownIt("commonmark").enable("table")


class PageError(AssertionError):
    """A page has something that the tests of the documentation do not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """One fenced block.

    Attributes:
        place: page and line, counted from 1.
        language: the first word behind the fence.
        title: the name of the file it stands for; empty: none.
        text: what stands between the fences.
        marker: the word of the marker before it; empty: none.
        note: what the marker says behind its colon.
    """

    place: str
    language: str
    title: str
    text: str
    marker: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One link of a page."""

    place: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page.

    Attributes:
        path: of its file.
        snippets: its code blocks, in order.
        links: its links, in order.
        anchors: what a link can point to within it.
    """

    path: Path
    snippets: Sequence[Snippet]
    links: Sequence[Link]
    anchors: frozenset[str]

    @property
    def name(self) -> str:
        """The path within the project."""
        return self.path.relative_to(ROOT).as_posix() if ROOT in self.path.parents else "page"


def page_files() -> list[Path]:
    """Name the files of all pages, sorted."""
    return sorted(
        [
            *ROOT.glob("docs/**/*.md"),
            *ROOT.glob("packages/*/README.md"),
            *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "benchmarks/README.md")),
        ]
    )


@functools.cache  # every link to an anchor asks for a page
def read_page(path: Path) -> Page:
    """Read the page of a file, once."""
    return parse_page(path, path.read_text("utf-8"))


def parse_page(path: Path, text: str) -> Page:
    """Take a page apart.

    Raises:
        PageError: a comment is misspelt, or a marker stands before no block.
    """
    tokens = _MARKDOWN.parse(text)
    name = path.relative_to(ROOT).as_posix() if ROOT in path.parents else path.name
    return Page(
        path=path,
        snippets=tuple(_snippets(name, tokens)),
        links=tuple(_links(name, tokens)),
        anchors=frozenset(_anchors(tokens)),
    )


def _snippets(name: str, tokens: Sequence[Token]) -> Iterator[Snippet]:
    waiting: re.Match[str] | None = None
    for token in tokens:
        place = f"{name}:{token.map[0] + 1}" if token.map else name
        if token.type == "html_block":
            _check_comments(token.content, place)
        found = _MARKER.fullmatch(token.content.strip()) if token.type == "html_block" else None
        if waiting and token.type != "fence":
            raise PageError(f"{place}: the marker before it stands before no block")
        if token.type == "fence":
            language, _, rest = token.info.partition(" ")
            title = _TITLE.search(rest)
            yield Snippet(
                place=place,
                language=language,
                title=title[1] if title else "",
                text=token.content,
                marker=waiting["word"] if waiting else "",
                note=(waiting["text"] or "") if waiting else "",
            )
        elif token.type == "code_block":
            raise PageError(f"{place}: an indented block has no language; write a fence")
        waiting = found
    if waiting:
        raise PageError(f"{name}: a marker at the end stands before no block")


def _check_comments(html: str, place: str) -> None:
    for word in _COMMENT.findall(html):
        if word not in _KNOWN_COMMENTS:
            raise PageError(f"{place}: no marker is called {word!r}")


def _links(name: str, tokens: Sequence[Token]) -> Iterator[Link]:
    for token in tokens:
        line = token.map[0] + 1 if token.map else 0
        for child in token.children or ():
            target = child.attrGet("href" if child.type == "link_open" else "src")
            if target is not None:
                yield Link(place=f"{name}:{line}", target=str(target))


def _anchors(tokens: Sequence[Token]) -> Iterator[str]:
    taken: dict[str, int] = {}
    for before, token in zip([None, *tokens], tokens, strict=False):
        yield from _ANCHOR.findall(token.content)
        if before is not None and before.type == "heading_open":
            slug = slug_of(token)
            number = taken.get(slug, 0)
            taken[slug] = number + 1
            yield f"{slug}-{number}" if number else slug


def slug_of(heading: Token) -> str:
    """Make the anchor of a heading as the usual hosts of code do."""
    text = "".join(child.content for child in heading.children or ())
    return _NOT_IN_ANCHORS.sub("", text.strip().lower()).replace(" ", "-")
