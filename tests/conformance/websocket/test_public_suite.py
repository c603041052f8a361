"""What runs the public suite: told by a suite that runs no case and claims results."""

import json
import sys
from pathlib import Path

import pytest

from serverkit_worker.config import WorkerConfig
from tests.conformance.websocket.public_suite import run

SUITE = """
import json, pathlib, socket, sys, urllib.parse
assert sys.argv[2:4] == ["-m", "fuzzingclient"]
told = json.loads(pathlib.Path(sys.argv[5]).read_text())
where = urllib.parse.urlsplit(told["servers"][0]["url"])
socket.create_connection((where.hostname, where.port)).close()
results = json.loads(sys.argv[1])
index = {case: {"behavior": how, "behaviorClose": "OK"} for case, how in results.items()}
folder = pathlib.Path(told["outdir"])
folder.mkdir()
(folder / "index.json").write_text(json.dumps({told["servers"][0]["agent"]: index}))
"""


def claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **results: str) -> str:
    """Run the suite that claims these results."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    suite = tmp_path / "suite.py"
    suite.write_text(SUITE)
    return run([sys.executable, str(suite), json.dumps(results)], ["*"], WorkerConfig())


def test_it_counts_what_has_passed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Informational cases cannot fail."""
    said = claimed(tmp_path, monkeypatch, a="OK", b="OK", c="INFORMATIONAL")
    assert said.startswith("1 INFORMATIONAL, 2 OK\n")


@pytest.mark.parametrize("how", ["FAILED", "NON-STRICT", "UNIMPLEMENTED"])
def test_one_case_that_has_not_passed_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """It is named, with what became of it."""
    with pytest.raises(SystemExit, match=f"^b: {how}, closing OK\n"):
        claimed(tmp_path, monkeypatch, a="OK", b=how)
