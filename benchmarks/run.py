"""Measure serverkit beside its peers: CPU time per request, throughput, latency, memory.

Run as `nox -s bench`, or `python -m benchmarks.run` where all of it is installed. Reports only:
a missed bar is shown, and is no failure.
"""

from benchmarks import command
from benchmarks.bars import BARS
from benchmarks.servers import SERVERS
from benchmarks.suite import Suite
from benchmarks.workloads import WORKLOADS

SUITE = Suite(
    name="run",
    description=__doc__,
    title="Benchmark",
    how_to_read=(
        "Median (lowest to highest) of the rounds. *CPU us per request* is user and system time "
        "of the server's whole process tree, divided by the requests answered; *of granian* and "
        "*of uvicorn* are ratios of its medians, lower is better (the range: rounds paired). p99 "
        "is that of a saturated server with a client that waits for each answer."
    ),
    peers=("granian", "uvicorn"),
    servers=SERVERS,
    workloads=WORKLOADS,
    bars=BARS,
    tools=("wrk", "taskset"),
    latest="latest.md",
)


if __name__ == "__main__":
    raise SystemExit(command.main(SUITE))
