"""What serverkit promises about its speed, as ratios of CPU time per request in one run."""

from dataclasses import dataclass

from benchmarks.samples import Results, Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """`server` on `workload` costs at most `limit` times what `peer` costs on `peer_workload`."""

    server: str
    workload: str
    limit: float
    peer: str
    peer_workload: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a run says about a bar.

    Attributes:
        bar: The bar.
        ratio: What was measured; None when one of the two was not.
        holds: Whether the ratio is within the limit; None when the run cannot say.
        reason: Why it cannot say; empty otherwise.
        noise: The largest share that others took of the core in any sample of the two.
    """

    bar: Bar
    ratio: Spread | None
    holds: bool | None
    reason: str = ""
    noise: float = 0.0


def beside(server: str, workload: str, limit: float, peer: str) -> Bar:
    """Return a bar on one workload for both."""
    return Bar(server=server, workload=workload, limit=limit, peer=peer, peer_workload=workload)


OURS = ("serverkit", "serverkit-uvloop")
BARS = (
    beside("serverkit", "hello", 0.80, "granian"),
    beside("serverkit-uvloop", "hello", 0.70, "granian"),
    *(beside(ours, "hello", 0.60, "uvicorn") for ours in OURS),
    *(beside(ours, kind, 1.0, "granian") for kind in ("get-10k", "post-10k") for ours in OURS),
    *(beside(ours, kind, 0.70, "uvicorn") for kind in ("get-10k", "post-10k") for ours in OURS),
    *(
        Bar(server=ours, workload="hello-log", limit=1.25, peer=ours, peer_workload="hello")
        for ours in OURS
    ),
)


def judge(bar: Bar, results: Results) -> Verdict:
    """Hold the results against a bar."""
    rows = ((bar.server, bar.workload), (bar.peer, bar.peer_workload))
    ratio = results.ratio(*rows)
    if ratio is None:
        return Verdict(bar=bar, ratio=None, holds=None, reason="not measured")
    noise = max(results.noise(*row) for row in rows)
    wrong = [
        f"{server}: {error}" for server, kind in rows for error in results.errors(server, kind)
    ]
    if wrong:
        return Verdict(bar=bar, ratio=ratio, holds=None, reason="; ".join(wrong), noise=noise)
    return Verdict(bar=bar, ratio=ratio, holds=ratio.median <= bar.limit, noise=noise)
