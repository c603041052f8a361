"""The tables of docs/guides/moving.md: what each option of another server is here."""

import re
from collections.abc import Callable
from functools import partial

from docs.generator.parts import table
from serverkit_cli.other_servers import OTHER_SERVERS, Counterpart

_FLAG = re.compile(r"--(?:no-)?([a-z0-9-]+)")
_NO_SETTINGS = ("--config", "--env-file")


def moving_tables() -> dict[str, Callable[[], str]]:
    """Give the table of each server, by its name."""
    return {server: partial(_options_of, server) for server in OTHER_SERVERS}


def _options_of(server: str) -> str:
    rows = OTHER_SERVERS[server]
    same = [row.theirs for row in rows if not row.here and not row.note]
    different = [_cells(row) for row in rows if row.here or row.note]
    return f"The same here: {_listed(' '.join(same))}.\n\n" + table(
        (server, "here", "what is different"), different
    )


def _cells(row: Counterpart) -> tuple[str, str, str]:
    return _listed(row.theirs), _linked(row.here) or "-", _FLAG.sub(r"`\g<0>`", row.note)


def _listed(options: str) -> str:
    return ", ".join(f"`{option}`" for option in sorted(options.split(), key=_by_name))


def _by_name(option: str) -> tuple[str, str]:
    return option.lstrip("-").removeprefix("no-"), option


def _linked(here: str) -> str:
    found = _FLAG.fullmatch(here)
    if not found or here in _NO_SETTINGS:
        return f"`{here}`" if here else ""
    return f"[`{here}`](../reference/settings.md#{found[1].replace('-', '_')})"
