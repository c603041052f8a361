"""The command of a benchmark that does something to servers under load, one after another."""

import argparse
import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence

from benchmarks import environment
from benchmarks.disturbance import CLIENTS, Settings, add_settings, described, settings_of
from benchmarks.exact_client import ClientKind
from benchmarks.supervised_report import Section, parser, publish
from benchmarks.supervised_servers import NAMES, installed


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Study[Seen]:
    """What such a benchmark does, and how that is told.

    Attributes:
        name: What the command is called.
        description: What `--help` says.
        title: Heading of the section.
        header: Names of the columns.
        how_to_read: Returns what the columns mean, by the command line.
        add_arguments: Adds to the command line what `measure` reads.
        measure: Returns what was seen of the server of that name: a dataclass.
        row: Returns the cells of one server.
        verdicts: Returns what is to be said of the bars.
        servers: Names of the servers, unless the command line names others.
        clients: The exact clients.
    """

    name: str
    description: str | None
    title: str
    header: Sequence[str]
    how_to_read: Callable[[argparse.Namespace], str]
    add_arguments: Callable[[argparse.ArgumentParser], None]
    measure: Callable[[str, argparse.Namespace, Settings], Seen]
    row: Callable[[Seen], list[object]]
    verdicts: Callable[[list[Seen]], list[str]] = lambda _all_seen: []
    servers: Sequence[str] = NAMES
    clients: Mapping[ClientKind, int] = dataclasses.field(default_factory=lambda: CLIENTS)


def main[Seen](study: Study[Seen], words: list[str] | None = None) -> int:
    """Measure what the command line says, and write it down."""
    made = parser(study.name, study.description)
    made.set_defaults(servers=list(study.servers))
    study.add_arguments(made)
    add_settings(made)
    arguments = made.parse_args(words)
    try:
        environment.require_tools("wrk", "taskset")
    except environment.ToolMissingError as error:
        print(error, file=sys.stderr)
        return 2
    settings = dataclasses.replace(settings_of(arguments), clients=study.clients)
    results: list[Seen] = []
    for name in installed(arguments.servers):
        results.append(study.measure(name, arguments, settings))
        print(f"{name}: {study.row(results[-1])[1:]}", flush=True)
    section = Section(
        kind=study.name,
        title=study.title,
        how_to_read=study.how_to_read(arguments),
        header=study.header,
        rows=[study.row(one) for one in results],
        verdicts=study.verdicts(results),
    )
    artifact = {"settings": described(settings), "results": [as_dict(one) for one in results]}
    publish(section, artifact, folder=arguments.output, latest=arguments.latest)
    return 0


def as_dict(seen: object) -> dict[str, object]:
    """Return what was seen, for an artifact.

    Raises:
        TypeError: It is no dataclass.
    """
    if not dataclasses.is_dataclass(seen) or isinstance(seen, type):
        raise TypeError(f"{seen!r} is no instance of a dataclass")
    return dataclasses.asdict(seen)
