"""A run as Markdown, for people."""

from benchmarks.bars import BARS, Verdict, judge
from benchmarks.samples import NOISY_SHARE, Results, Sample, Spread
from benchmarks.servers import SERVERS, by_name
from benchmarks.workloads import WORKLOADS, Workload

PEERS = ("granian", "uvicorn")
HEADER = (
    "| server | CPU us per request | requests/s | p99 ms | PSS MiB "
    "| of granian | of uvicorn | remarks |",
    "|---|---|---|---|---|---|---|---|",
)
HOW_TO_READ = (
    "Median (lowest to highest) of the rounds. *CPU us per request* is user and system time of "
    "the server's whole process tree, divided by the requests answered; *of granian* and *of "
    "uvicorn* are ratios of its medians, lower is better (the range: rounds paired). p99 is that "
    "of a saturated server with a client that waits for each answer."
)


def render(results: Results, environment: dict[str, object], settings: dict[str, object]) -> str:
    """Return the whole report."""
    lines = ["# Benchmark", "", HOW_TO_READ, ""]
    lines += [f"- {name}: {value}" for name, value in (*environment.items(), *settings.items())]
    for workload in WORKLOADS:
        lines += _table(results, workload)
    lines += _bars([judge(bar, results) for bar in BARS])
    return "\n".join(lines) + "\n"


def _table(results: Results, workload: Workload) -> list[str]:
    rows = [
        _row(results, server.name, workload)
        for server in SERVERS
        if results.of(server.name, workload.name) or results.failures_of(server.name, workload.name)
    ]
    return ["", f"## {workload.title}", "", *HEADER, *rows] if rows else []


def _row(results: Results, server: str, workload: Workload) -> str:
    def shown(number: str, digits: int) -> str:
        return _spread(results.spread(server, workload.name, lambda one: _get(one, number)), digits)

    here = (server, workload.name)
    cells = [
        by_name(server).title,
        shown("cpu_us", 1),
        shown("requests_per_s", 0),
        shown("p99_ms", 2),
        shown("pss_mib", 1),
        *(_spread(results.ratio(here, (peer, workload.name)), 2) for peer in PEERS),
        "; ".join(_remarks(results, server, workload)),
    ]
    return "| " + " | ".join(cells) + " |"


def _get(sample: Sample, number: str) -> float:
    value: float = getattr(sample, number)
    return value


def _spread(spread: Spread | None, digits: int) -> str:
    if spread is None:
        return "-"
    if f"{spread.low:.{digits}f}" == f"{spread.high:.{digits}f}":
        return f"**{spread.median:.{digits}f}**"
    return f"**{spread.median:.{digits}f}** ({spread.low:.{digits}f} to {spread.high:.{digits}f})"


def _remarks(results: Results, server: str, workload: Workload) -> list[str]:
    remarks = [f"**DOES NOT COUNT**: {error}" for error in results.errors(server, workload.name)]
    failures = results.failures_of(server, workload.name)
    remarks += [f"**FAILED**: {' '.join(reason.split())[:200]}" for reason in failures]
    noise = results.noise(server, workload.name)
    if noise > NOISY_SHARE:
        remarks.append(f"others took up to {noise:.0%} of its core")
    return [remark.replace("|", "/") for remark in remarks]


def _bars(verdicts: list[Verdict]) -> list[str]:
    lines = ["", "## Bars", "", "| bar | limit | measured | verdict |", "|---|---|---|---|"]
    for verdict in verdicts:
        bar = verdict.bar
        noisy = f", on cores shared up to {verdict.noise:.0%}"
        if verdict.noise <= NOISY_SHARE:
            noisy = ""
        answers = {True: "holds", False: "**MISSED**", None: f"open: {verdict.reason}"}
        lines.append(
            f"| {bar.server}, {bar.workload}: CPU per request as a part of {bar.peer}, "
            f"{bar.peer_workload} | {bar.limit:.2f} | {_spread(verdict.ratio, 3)} "
            f"| {answers[verdict.holds]}{noisy} |"
        )
    return lines
