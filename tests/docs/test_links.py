"""Every link between pages leads somewhere, and every page can be found."""

from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Link, page_files, parse_page, read_page

PAGES = {path.relative_to(ROOT).as_posix(): path for path in page_files()}
INDEX = ROOT / "docs" / "index.md"


def broken(page: Path, link: Link) -> str:
    """Say what is wrong with a link; empty: nothing."""
    target, _, anchor = link.target.partition("#")
    if target.startswith(("https://", "http://", "mailto:")):
        return "" if target.startswith("https://") else f"{link.place}: {target} is not https"
    path = (page.parent / target).resolve() if target else page
    if not path.exists():
        return f"{link.place}: there is no {link.target}"
    if anchor and (path.suffix != ".md" or anchor not in read_page(path).anchors):
        return f"{link.place}: there is no anchor {link.target}"
    return ""


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    """Each link within the project leads to a file, and to an anchor that is in it."""
    page = read_page(PAGES[name])

    assert [found for link in page.links if (found := broken(page.path, link))] == []


def test_every_page_can_be_reached() -> None:
    """Who starts at docs/index.md can get to every page below docs by links."""
    reached: set[Path] = set()
    waiting = [INDEX]
    while waiting:
        path = waiting.pop()
        if path in reached or path.suffix != ".md" or ROOT / "docs" not in path.parents:
            continue
        reached.add(path)
        for link in read_page(path).links:
            target = link.target.partition("#")[0]
            if target and "://" not in target:
                waiting.append((path.parent / target).resolve())

    assert set((ROOT / "docs").glob("**/*.md")) - reached == set()


@pytest.mark.parametrize(
    "target", ["no-such.md", "#no-such", "index.md#no-such", "http://insecure.example/"]
)
def test_a_broken_link_is_seen(target: str) -> None:
    """A missing page, a missing anchor and an insecure address are named with their line."""
    page = parse_page(INDEX, f"# Title\n\n[a]({target})\n")

    assert broken(page.path, page.links[0]).startswith("docs/index.md:3: ")


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [("A plain one", "a-plain-one"), ("`code`, and: more", "code-and-more"), ("A-b c", "a-b-c")],
)
def test_anchors_are_made_as_hosts_make_them(heading: str, anchor: str) -> None:
    """Lower case, hyphens for spaces, no punctuation; the second of a name has a number."""
    page = parse_page(INDEX, f'# {heading}\n\n## {heading}\n\n<a id="own"></a>\n')

    assert page.anchors == {anchor, f"{anchor}-1", "own"}
