"""Runs Autobahn|Testsuite, the public suite of WebSocket, against serverkit.

    python -m tests.conformance.websocket.public_suite [--loop uvloop] [--cases 1.* 9.*] -- wstest

starts a worker with an application that sends back what it receives, has the suite's fuzzing
client run its cases, and fails where one of them is neither "OK" nor "INFORMATIONAL". What stands
behind `--` is the command of the suite as it is called on this machine; `{folder}` in it stands
for the folder with its settings and reports, which has to be the same to it where it runs in a
container of its own:

    docker run --rm --network host -v {folder}:{folder} -w {folder} IMAGE wstest

The cases 12 and 13 send half a million messages: leave them minutes, or name others.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from serverkit_worker.config import WorkerConfig
from tests.conformance.websocket.serving import echo
from tests.worker.running import RunningWorker

AGENT = "serverkit"
SETTINGS, REPORTS, INDEX = "fuzzingclient.json", "reports", "index.json"
PASSED = frozenset({"OK", "INFORMATIONAL"})


def settings(url: str, cases: list[str]) -> dict[str, object]:
    """Return what the fuzzing client is told."""
    return {
        "outdir": f"./{REPORTS}",
        "servers": [{"agent": AGENT, "url": url}],
        "cases": cases,
        "exclude-cases": [],
        "exclude-agent-cases": {},
    }


def failures(index: dict[str, dict[str, dict[str, str]]]) -> list[str]:
    """Return a line for each case that has not passed: how it behaved, and how it closed."""
    return [
        f"{case}: {result['behavior']}, closing {result['behaviorClose']}"
        for case, result in index[AGENT].items()
        if not {result["behavior"], result["behaviorClose"]} <= PASSED
    ]


def run(command: list[str], cases: list[str], config: WorkerConfig) -> str:
    """Run the cases; return what is to be said of them, or exit where one has not passed."""
    with (
        tempfile.TemporaryDirectory(prefix="websocket-suite-", delete=False) as folder,
        RunningWorker(echo, config=config) as running,
    ):
        url = f"ws://127.0.0.1:{running.address[1]}"
        Path(folder, SETTINGS).write_text(json.dumps(settings(url, cases)))
        words = [word.replace("{folder}", folder) for word in command]
        subprocess.run([*words, "-m", "fuzzingclient", "-s", SETTINGS], cwd=folder, check=True)
    reports = Path(folder, REPORTS)
    index = json.loads((reports / INDEX).read_text())
    failed = failures(index)
    counts = Counter(result["behavior"] for result in index[AGENT].values())
    said = ", ".join(f"{count} {behavior}" for behavior, count in sorted(counts.items()))
    if failed:
        sys.exit("\n".join([*failed, said, f"Reports: {reports}"]))
    return f"{said}\nReports: {reports}\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Runs the public suite of WebSocket.")
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="asyncio")
    parser.add_argument("--cases", nargs="+", default=["*"], help="patterns such as 9.*")
    parser.add_argument("command", nargs="+", help="how the suite is called here, behind --")
    given = parser.parse_args()
    sys.stdout.write(run(given.command, given.cases, WorkerConfig(loop=given.loop)))
