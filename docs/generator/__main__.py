"""Writes what the pages take from the code: `python -m docs.generator`, from the top folder.

With `--check` it writes nothing, shows what would change, and ends with 1 where something would.
"""

import difflib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from docs.generator.cli_page import cli_page
from docs.generator.module_list import module_list
from docs.generator.moving_tables import moving_tables
from docs.generator.parts import replace_parts
from docs.generator.settings_page import settings_page
from docs.generator.signal_table import signal_table
from docs.generator.state_tables import (
    connection_phases,
    reading_states,
    response_order,
    worker_events,
    worker_state_diagram,
    worker_states,
    writing_states,
)
from docs.generator.supervisor_parts import echo_example, supervisor_settings
from docs.generator.websocket_tables import (
    websocket_endings,
    websocket_order,
    websocket_state_diagram,
    websocket_states,
)

DOCS = Path(__file__).resolve().parents[1]
PARTS: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "design/architecture.md": {
        "connection-phases": connection_phases,
        "modules": module_list,
        "reading-states": reading_states,
        "response-order": response_order,
        "websocket-state-diagram": websocket_state_diagram,
        "websocket-states": websocket_states,
        "worker-events": worker_events,
        "worker-state-diagram": worker_state_diagram,
        "worker-states": worker_states,
        "writing-states": writing_states,
    },
    "guides/moving.md": moving_tables(),
    "guides/reload.md": {"signals": signal_table},
    "guides/supervisor.md": {
        "echo-example": echo_example,
        "supervisor-settings": supervisor_settings,
    },
    "guides/websocket.md": {
        "websocket-endings": websocket_endings,
        "websocket-order": websocket_order,
    },
}


def pages() -> Iterator[tuple[Path, str]]:
    """Yield each page that comes from the code, or has parts that do, as it should be."""
    yield DOCS / "reference" / "settings.md", settings_page()
    yield DOCS / "reference" / "cli.md", cli_page()
    for name, parts in PARTS.items():
        page = DOCS / name
        yield page, replace_parts(page.read_text("utf-8"), parts)


def main(arguments: list[str]) -> int:
    """Write the pages, or check them; give the exit code."""
    changed = False
    for path, text in pages():
        before = path.read_text("utf-8") if path.exists() else ""
        if before == text:
            continue
        changed = True
        if "--check" in arguments:
            lines = (before.splitlines(keepends=True), text.splitlines(keepends=True))
            sys.stdout.writelines(difflib.unified_diff(*lines, str(path), "from the code"))
        else:
            path.write_text(text, "utf-8")
            print(f"written: {path}")
    return 1 if changed and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
