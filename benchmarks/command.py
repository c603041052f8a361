"""The command line of a suite, its run, and what is written down.

Reports only: a missed bar is shown, and is no failure.
"""

import argparse
import dataclasses
import datetime
import functools
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import environment
from benchmarks.bars import judge
from benchmarks.report import render
from benchmarks.rounds import Measurement, Settings, Workload, in_turn, measure
from benchmarks.samples import Failure, Results
from benchmarks.servers import Server, version_of
from benchmarks.suite import Suite

SCHEMA = 1


def main(suite: Suite, words: list[str] | None = None) -> int:
    """Measure what the command line says, and write it down."""
    arguments = parser(suite).parse_args(words)
    try:
        environment.require_tools(*suite.tools)
    except environment.ToolMissingError as error:
        print(error, file=sys.stderr)
        return 2
    servers = [one for one in suite.servers if one.name in arguments.servers]
    workloads = [one for one in suite.workloads if one.name in arguments.workloads]
    for server in list(servers):
        if server.missing():
            print(f"{server.name} is left out, not installed: {', '.join(server.missing())}")
            servers.remove(server)
    run = Run(suite, servers, workloads, settings_of(arguments))
    try:
        run.measure()
    except KeyboardInterrupt:
        print("Interrupted: what was measured is written down.")
    run.write(arguments.output, latest=arguments.latest)
    return 0


def parser(suite: Suite) -> argparse.ArgumentParser:
    """Return the command line."""
    known = {
        "servers": [one.name for one in suite.servers],
        "workloads": [one.name for one in suite.workloads],
    }
    made = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{suite.name}",
        description=suite.description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for kind, names in known.items():
        made.add_argument(
            f"--{kind}",
            type=functools.partial(among, names),
            default=names,
            metavar="NAME,...",
            help=f"only these, of {', '.join(names)}",
        )
    for field in dataclasses.fields(Settings):
        made.add_argument(f"--{field.name.replace('_', '-')}", type=int, default=field.default)
    made.add_argument("--quick", action="store_true", help="one round of one second: a smoke run")
    made.add_argument(
        "--output", type=Path, default=environment.RESULTS, help="folder of the results"
    )
    made.add_argument(
        "--latest",
        action="store_true",
        help=f"write the table to {suite.latest} too, to be committed",
    )
    return made


def among(names: list[str], text: str) -> list[str]:
    """Return a list of known names."""
    chosen = text.split(",")
    for name in chosen:
        if name not in names:
            raise argparse.ArgumentTypeError(f"{name} is none of {', '.join(names)}")
    return chosen


def settings_of(arguments: argparse.Namespace) -> Settings:
    """Return the settings that the command line gives."""
    given = {field.name: getattr(arguments, field.name) for field in dataclasses.fields(Settings)}
    if arguments.quick:
        given |= {"rounds": 1, "seconds": 1, "warmup_s": 1}
    return Settings(**given)


class Run:
    """One run of the benchmark. Owner: the main thread, the only one."""

    def __init__(
        self,
        suite: Suite,
        servers: Sequence[Server],
        workloads: Sequence[Workload],
        settings: Settings,
    ) -> None:
        self._suite = suite
        self._servers = servers
        self._workloads = workloads
        self._settings = settings
        self._results = Results()
        self._complete = False
        self._began = datetime.datetime.now(datetime.UTC)
        self._environment = environment.describe()
        self._seen: dict[str, dict[str, object]] = {
            server.name: {
                "title": server.title,
                "versions": {name: version_of(name) for name in server.distributions},
                "commands": {},
                "runtime": {},
            }
            for server in servers
        }
        self._load_commands: dict[str, str] = {}

    def measure(self) -> None:
        """Measure everything in turn; a server that fails does not stop the rest."""
        turns = list(in_turn(self._servers, self._workloads, self._settings))
        for number, (server, workload, round_number) in enumerate(turns, start=1):
            outcome = measure(server, workload, round_number, self._settings)
            where = f"[{number}/{len(turns)}] {workload.name}, {server.name}:"
            if isinstance(outcome, Failure):
                self._results.failures.append(outcome)
                print(where, "FAILED,", outcome.reason, flush=True)
            else:
                self._take(outcome)
                sample = outcome.sample
                print(
                    f"{where} {sample.cpu_us:.2f} us CPU, {sample.requests_per_s:.0f}"
                    f" {workload.unit}s/s, p99 {sample.p99_ms:.2f} ms {' '.join(sample.errors)}",
                    flush=True,
                )
        self._complete = True

    def _take(self, outcome: Measurement) -> None:
        sample = outcome.sample
        self._results.samples.append(sample)
        seen = self._seen[sample.server]
        seen["runtime"] = outcome.runtime or seen["runtime"]
        commands = seen["commands"]
        if isinstance(commands, dict):
            commands[sample.workload] = outcome.command
        self._load_commands[sample.workload] = outcome.load_command

    def artifact(self) -> dict[str, object]:
        """Return all that is known, for machines."""
        return {
            "schema": SCHEMA,
            "complete": self._complete,
            "began": self._began.isoformat(timespec="seconds"),
            "environment": self._environment,
            "settings": dataclasses.asdict(self._settings),
            "servers": self._seen,
            "workloads": {
                one.name: {
                    "title": one.title,
                    "unit": one.unit,
                    "load": self._load_commands.get(one.name),
                }
                for one in self._workloads
            },
            "samples": [dataclasses.asdict(one) for one in self._results.samples],
            "failures": [dataclasses.asdict(one) for one in self._results.failures],
            "bars": [dataclasses.asdict(judge(bar, self._results)) for bar in self._suite.bars],
        }

    def write(self, folder: Path, *, latest: bool) -> None:
        """Write the artifact and the table into a folder, and print the table."""
        table = render(
            self._suite,
            self._results,
            {**self._summary(), **dataclasses.asdict(self._settings)},
        )
        artifact = environment.save(folder, self._suite.name, self.artifact())
        artifact.with_suffix(".md").write_text(table)
        if latest:
            (folder / self._suite.latest).write_text(table)
        print(table)
        print(f"All samples: {artifact}")

    def _summary(self) -> dict[str, object]:
        servers = {
            f"{one['title']}": f"{one['versions']} {one['runtime']}" for one in self._seen.values()
        }
        return {
            "began": self._began.isoformat(timespec="seconds"),
            "complete": self._complete,
            **self._environment,
            **servers,
        }
