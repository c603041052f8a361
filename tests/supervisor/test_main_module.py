"""Workers that are defined in the main module of a program."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import queue
import sys
from serverkit_supervisor.notices import Exited, Failed, RecycleWanted
from serverkit_supervisor.processes import ProcessRunner, check_factory
from tests.supervisor.process_workers import Waiting
from tests.supervisor.runs import BOUND_S, Run
{imports}

class MainError(Exception):
    pass

class Worker(Waiting):
    def run(self):
        is_main = sys.modules["__main__"].Worker is Worker
        self.context.recycle(f"{{__name__}} {{Worker.__module__}} {{is_main}} {{GREETING}}")
        self.asked.wait()
        raise MainError("from the main module")

GREETING = "hello"

{guard}
    with Run(Worker) as run:
        print(run.wait_for(RecycleWanted).reason)
        run.runner.drain()
        print(type(run.wait_for(Failed).error) is MainError)
        run.exit()
"""
GUARDED = 'if __name__ == "__main__":'
SAID = "__mp_main__ __mp_main__ True hello\nTrue\n"


def run_python(*arguments: str, cwd: Path, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run Python, with the path of this process."""
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        check=False,
        capture_output=True,
        cwd=cwd,
        input=text,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each)},
    )


def test_a_script(tmp_path: Path) -> None:
    """A worker of a script is found in the process, and its exceptions by the script."""
    (tmp_path / "script.py").write_text(PROGRAM.format(imports="", guard=GUARDED))
    done = run_python("script.py", cwd=tmp_path)
    assert (done.stdout, done.stderr) == (SAID, "")


def test_a_script_that_has_moved_on(tmp_path: Path) -> None:
    """The script is found also when the program has gone to another directory."""
    (tmp_path / "elsewhere").mkdir()
    guard = f'{GUARDED}\n    import os; os.chdir("elsewhere")'
    (tmp_path / "script.py").write_text(PROGRAM.format(imports="", guard=guard))
    done = run_python("script.py", cwd=tmp_path)
    assert (done.stdout, done.stderr) == (SAID, "")


@pytest.mark.parametrize("name", ["package", "package.module"])
def test_a_module_of_a_package(tmp_path: Path, name: str) -> None:
    """`python -m` works likewise, with imports from the same package."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "neighbour.py").write_text("")
    text = PROGRAM.format(imports="from . import neighbour", guard=GUARDED)
    (folder / ("__main__.py" if name == "package" else "module.py")).write_text(text)
    done = run_python("-m", name, cwd=tmp_path)
    assert (done.stdout, done.stderr) == (SAID, "")


def test_a_program_that_has_no_file(tmp_path: Path) -> None:
    """What is typed into a prompt, or piped in, cannot be imported: that is said in advance."""
    text = PROGRAM.format(imports="", guard="if True:").replace("    with Run", "    with  Run")
    text += "\ncheck_factory(Worker)\n"
    for arguments in (("-",), ("-c", text)):
        done = run_python(*arguments, cwd=tmp_path, text=text)
        assert done.stdout == ""
        assert "main module that has no file" in done.stderr
        assert "top level of a module" in done.stderr


UNGUARDED = """
from serverkit_supervisor.notices import Ready
from tests.supervisor.process_workers import Waiting
from tests.supervisor.runs import Run
print("once")
with Run(Waiting) as run:
    run.wait_for(Ready)
    run.drained()
"""


def test_a_script_is_run_again_only_where_it_must(tmp_path: Path) -> None:
    """A script without a guard works where the worker comes from another module."""
    (tmp_path / "script.py").write_text(UNGUARDED)
    done = run_python("script.py", cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("once\n", "")


def test_a_main_module_that_fails_is_a_worker_that_fails(tmp_path: Path) -> None:
    """What the main module raises in the process is told with its traceback."""
    text = PROGRAM.format(imports="assert __name__ == '__main__', 'only once'", guard=GUARDED)
    text = text.replace("run.wait_for(RecycleWanted).reason", "run.wait_for(Failed).traceback")
    text = text.replace("        run.runner.drain()\n", "        raise SystemExit\n")
    (tmp_path / "script.py").write_text(text)
    done = run_python("script.py", cwd=tmp_path)
    assert "AssertionError: only once" in done.stdout
    assert "script.py" in done.stdout
