"""What the smaller benchmarks write: an artifact, a table, a section of a page with others."""

import argparse
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import environment
from benchmarks.command import among
from benchmarks.supervised_servers import NAMES


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page that is committed, with a section for each of some benchmarks.

    Attributes:
        title: Its first line.
        file: Its name.
    """

    title: str
    file: str


SUPERVISED = Page(title="# Benchmarks of several workers", file="latest-supervised.md")


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One benchmark of the page.

    Attributes:
        kind: Name of the benchmark, and of its artifact.
        title: Heading.
        how_to_read: What the columns mean.
        header: Names of the columns.
        rows: Cells.
        verdicts: What is to be said of the bars, a line each.
    """

    kind: str
    title: str
    how_to_read: str
    header: Sequence[str]
    rows: Sequence[Sequence[object]]
    verdicts: Sequence[str] = ()

    def render(self, about: Iterable[str]) -> str:
        """Return the section with some lines about machine and settings."""
        lines = [f"## {self.title}", "", self.how_to_read, "", *(f"- {line}" for line in about), ""]
        cells = [self.header, ["---"] * len(self.header), *self.rows]
        lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in cells]
        if self.verdicts:
            lines += ["", *(f"- {verdict}" for verdict in self.verdicts)]
        return "\n".join(lines) + "\n"


def publish(
    section: Section,
    artifact: Mapping[str, object],
    *,
    folder: Path,
    latest: bool,
    page: Page = SUPERVISED,
) -> None:
    """Write what was measured, and print it.

    Args:
        section: The table.
        artifact: All that is known, for machines.
        folder: Where to write.
        latest: Whether to put the section into the page that is committed, in place of its last.
        page: That page.
    """
    described = environment.describe()
    about = [f"{name}: {described[name]}" for name in ("cpu", "cores", "python", "gil", "git")]
    text = section.render(about)
    path = environment.save(folder, section.kind, artifact)
    path.with_suffix(".md").write_text(f"{page.title}\n\n{text}")
    if latest:
        file = folder / page.file
        before = file.read_text() if file.exists() else f"{page.title}\n"
        file.write_text(with_section(before, section.title, text))
    print(f"{text}\nArtifact: {path}")


def with_section(page: str, title: str, text: str) -> str:
    """Return a page with a section in place of the one of that title, or at its end."""
    parts = re.split(r"(?m)^(?=## )", page)
    kept = [part.rstrip() + "\n" for part in parts]
    for at, part in enumerate(kept):
        if part.startswith(f"## {title}\n"):
            kept[at] = text
            break
    else:
        kept.append(text)
    return "\n".join(kept)


def verdict(text: str, holds: bool) -> str:  # noqa: FBT001 - it is the whole question
    """Return a line about a bar."""
    return f"{text}: {'holds' if holds else '**MISSED**'}"


def parser(
    name: str,
    description: str | None,
    *,
    servers: Sequence[str] = NAMES,
    page: Page = SUPERVISED,
) -> argparse.ArgumentParser:
    """Return a command line with what all these benchmarks have."""
    made = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "--servers",
        type=lambda text: among(list(servers), text),
        default=list(servers),
        metavar="NAME,...",
        help=f"only these, of {', '.join(servers)}",
    )
    made.add_argument("--output", type=Path, default=environment.RESULTS)
    made.add_argument(
        "--latest", action="store_true", help=f"put the table into {page.file}, to be committed"
    )
    return made


def _cell(value: object) -> str:
    text = f"{value:.1f}" if isinstance(value, float) else str(value)
    return text.replace("|", "/").replace("\n", " ")
