"""A run as Markdown, for people."""

from collections.abc import Mapping

from benchmarks.bars import Verdict, judge
from benchmarks.rounds import Workload
from benchmarks.samples import NOISY_SHARE, Results, Sample, Spread
from benchmarks.servers import Server
from benchmarks.suite import Suite


def render(suite: Suite, results: Results, about: Mapping[str, object]) -> str:
    """Return the whole report, with some lines about machine and settings."""
    lines = [f"# {suite.title}", "", suite.how_to_read, ""]
    lines += [f"- {name}: {value}" for name, value in about.items()]
    for workload in suite.workloads:
        lines += _table(suite, results, workload)
    lines += _bars([judge(bar, results) for bar in suite.bars])
    return "\n".join(lines) + "\n"


def _table(suite: Suite, results: Results, workload: Workload) -> list[str]:
    rows = [
        _row(suite, results, server, workload)
        for server in suite.servers
        if results.of(server.name, workload.name) or results.failures_of(server.name, workload.name)
    ]
    unit = workload.unit
    header = ("server", f"CPU us per {unit}", f"{unit}s/s", "p99 ms", "PSS MiB")
    compared = (*(f"of {peer}" for peer in suite.peers), "client busy", "remarks")
    cells = [header + compared, ["---"] * len(header + compared)]
    shown = ["| " + " | ".join(row) + " |" for row in cells]
    return ["", f"## {workload.title}", "", *shown, *rows] if rows else []


def _row(suite: Suite, results: Results, server: Server, workload: Workload) -> str:
    def shown(number: str, digits: int) -> str:
        spread = results.spread(server.name, workload.name, lambda one: _get(one, number))
        return _spread(spread, digits)

    here = (server.name, workload.name)
    cells = [
        server.title,
        shown("cpu_us", 1),
        shown("requests_per_s", 0),
        shown("p99_ms", 2),
        shown("pss_mib", 1),
        *(_spread(results.ratio(here, (peer, workload.name)), 2) for peer in suite.peers),
        shown("client_share", 2),
        "; ".join(_remarks(results, server.name, workload)),
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
    remarks += results.remarks(server, workload.name)
    noise = results.noise(server, workload.name)
    if noise > NOISY_SHARE:
        remarks.append(f"others took up to {noise:.0%} of its core")
    return [remark.replace("|", "/") for remark in remarks]


def _bars(verdicts: list[Verdict]) -> list[str]:
    if not verdicts:
        return []
    lines = ["", "## Bars", "", "| bar | limit | measured | verdict |", "|---|---|---|---|"]
    for verdict in verdicts:
        bar = verdict.bar
        noisy = f", on cores shared up to {verdict.noise:.0%}"
        if verdict.noise <= NOISY_SHARE:
            noisy = ""
        answers = {True: "holds", False: "**MISSED**", None: f"open: {verdict.reason}"}
        lines.append(
            f"| {bar.server}, {bar.workload}: CPU as a part of {bar.peer}, "
            f"{bar.peer_workload} | {bar.limit:.2f} | {_spread(verdict.ratio, 3)} "
            f"| {answers[verdict.holds]}{noisy} |"
        )
    return lines
