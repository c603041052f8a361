"""Every block of code in the documentation does what the page says."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, page_files, read_page
from tests.docs.playground import Playground

PAGES = {path.relative_to(ROOT).as_posix(): path for path in page_files()}
WITH_BLOCKS = {name: page for name, path in PAGES.items() if (page := read_page(path)).snippets}


@pytest.fixture
def playground() -> Iterator[Playground]:
    """A folder to run blocks in; what still serves must come to a clean end."""
    folder = Path(tempfile.mkdtemp(prefix="docs-"))  # short: unix sockets may be in it
    try:
        ground = Playground(folder)
        yield ground
        ground.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", WITH_BLOCKS)
def test_the_blocks_of_a_page_hold(name: str, playground: Playground) -> None:
    """Run in order, in one folder, all blocks of a page do what the page says of them."""
    playground.run_page(WITH_BLOCKS[name])

    if playground.missing:
        pytest.skip(f"NOT INSTALLED, so its lines were not run: {', '.join(playground.missing)}")
