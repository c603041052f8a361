"""The only door: every check and every chore of the project is a session here.

Runs on any Python that nox runs on, also one too old for serverkit itself.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import nox

PYTHONS = ["3.12", "3.14t"]
LOWEST, FREE_THREADED = PYTHONS
DISTRIBUTIONS = ["proto", "worker", "supervisor", "server", "cli", "serverkit"]
EDITABLE = [argument for name in DISTRIBUTIONS for argument in ("-e", f"packages/{name}")]
CHECKED = ["packages", "tests", "examples", "benchmarks", "docs", "noxfile.py"]
IN_CI = bool(os.environ.get("CI"))
# The tests mostly wait, for each other's processes or for a deadline: more at once than cores.
TESTS_AT_ONCE = 4
IMPORT_ALL = """
import importlib, pkgutil, sys
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if not module.name.endswith(".__main__"):
        importlib.import_module(module.name)
"""

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["tests", "lint", "types"]

# The way in, as README has it, puts the tools on this path. No session may see them.
os.environ.pop("PYTHONPATH", None)
# The tests start a thousand servers. Without bytecode each would compile all that it imports,
# which takes as long as everything else that it does.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
UV = shutil.which("uv") or shutil.which("uv", path=".tools/bin") or "uv"


def use_index_of_pip() -> None:
    """Let uv ask the package index that this machine's pip is told to ask, unless it was told."""
    names = {
        "index-url": "UV_DEFAULT_INDEX",
        "extra-index-url": "UV_INDEX",
        "find-links": "UV_FIND_LINKS",
        "cert": "SSL_CERT_FILE",
    }
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    for line in listed.stdout.splitlines():
        key, _, value = line.partition("=")
        name = names.get(key.rpartition(".")[2])
        if name:
            values = value.strip("'\"").replace("\\n", " ").split()
            os.environ.setdefault(name, ("," if name == "UV_FIND_LINKS" else " ").join(values))
    os.environ.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")  # as pip: the newest of all


use_index_of_pip()


def describe(session: nox.Session) -> None:
    """Print which Python the session runs on and whether its GIL is on."""
    session.run(
        "python",
        "-c",
        "import sys; gil = getattr(sys, '_is_gil_enabled', lambda: True)();"
        "print('Python', sys.version, '| GIL', 'on' if gil else 'off', flush=True)",
    )


@nox.session(python=False)
def hello(session: nox.Session) -> None:
    """Serve examples/hello.py; arguments after -- go to the server."""
    packages = [word.replace("-e", "--with-editable") for word in EDITABLE]
    session.run(
        *(UV, "run", "--quiet", "--no-project", "--python", ">=3.12", *packages),
        *("python", "-m", "serverkit", "serve", "examples.hello:app", *session.posargs),
        external=True,
    )


@nox.session(python=False)
def pythons(session: nox.Session) -> None:
    """Find or fetch the Pythons of the test matrix, and say which are missing."""
    missing = []
    for version in PYTHONS:
        for verb in ("find", "install"):
            command = [UV, "python", verb, version]
            if subprocess.run(command, capture_output=True, check=False).returncode == 0:
                break
        else:
            missing.append(version)
            session.warn(f"MISSING: Python {version} is not here and cannot be fetched.")
    if missing and (IN_CI or missing == PYTHONS):
        session.error(f"The tests need Python {' and '.join(missing)}.")
    if missing:
        session.warn(f"The tests are NOT run on Python {' and '.join(missing)}.")


def run_pytest(session: nox.Session, *arguments: str, env: dict[str, str] | None = None) -> None:
    """Run tests, several at once; in one process, for debuggers, where somebody names them."""
    python = shlex.quote(str(Path(session.bin, "python")))
    at_once = (f"--tx={TESTS_AT_ONCE}*popen//python={python} -W error", "--dist=worksteal")
    options = () if session.posargs else at_once
    session.run("python", "-W", "error", "-m", "pytest", *options, *arguments, env=env)


@nox.session(python=PYTHONS, requires=["pythons"])
def tests(session: nox.Session) -> None:
    """Run all the tests, or those named after --; the last Python reports branches not taken."""
    session.install("--group", "tests", *EDITABLE)
    describe(session)
    which = session.posargs or ["tests"]
    if session.python != FREE_THREADED:  # before 3.14, tracing takes half as long as the tests
        run_pytest(session, *which)
        return
    data = {"COVERAGE_FILE": str(Path(session.virtualenv.location, "coverage").resolve())}
    session.run("coverage", "erase", env=data)
    # Told by this, coverage begins before all else: our plugin for pytest is imported early.
    settings = {"COVERAGE_PROCESS_START": str(Path("pyproject.toml").resolve())}
    run_pytest(session, *which, env=data | settings)
    session.run("coverage", "combine", "--quiet", env=data)
    session.run("coverage", "report", env=data)


@nox.session(python=PYTHONS, requires=["pythons", "build"])
@nox.parametrize("name", DISTRIBUTIONS, ids=DISTRIBUTIONS)
def alone(session: nox.Session, name: str) -> None:
    """Use one distribution as a wheel, with nothing installed that it does not declare.

    What it declares may depend on the Python, so each imports all its modules. That its tests
    hold without the other distributions does not: the lowest runs them, but for the slow ones,
    which import nothing else. All of them on both is what `tests` is for.
    """
    wheels = {
        path.name.split("-")[0]: path.resolve().as_uri() for path in Path("dist").glob("*.whl")
    }
    ours = Path(session.virtualenv.location, "ours.txt")
    ours.write_text("".join(f"{wheel} @ {uri}\n" for wheel, uri in wheels.items()))
    distribution = "serverkit" if name == "serverkit" else f"serverkit_{name}"
    session.install(
        *("--group", "alone", "--constraint", str(ours)), f"{distribution} @ {wheels[distribution]}"
    )
    describe(session)
    session.run(UV, "pip", "list", "--quiet", external=True)
    session.run("python", "-W", "error", "-c", IMPORT_ALL, distribution)
    if session.python == LOWEST:
        run_pytest(session, f"tests/{name}", "-m", "not slow", *session.posargs)


@nox.session(python=LOWEST)
def lint(session: nox.Session) -> None:
    """Check style and form with ruff."""
    session.install("--group", "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session(python=LOWEST)
def types(session: nox.Session) -> None:
    """Check types with mypy --strict."""
    session.install("--group", "types", *EDITABLE)
    session.run("mypy", *(path for path in CHECKED if Path(path).exists()))


@nox.session(python=LOWEST)
def build(session: nox.Session) -> None:
    """Build the wheels and sdists into dist/, and check what their metadata shows."""
    session.install("--group", "build")
    shutil.rmtree("dist", ignore_errors=True)
    for name in DISTRIBUTIONS:
        command = ("python", "-m", "build", "--no-isolation", "--outdir", "dist")
        session.run(*command, f"packages/{name}", silent=True)
    session.run("twine", "check", "--strict", *map(str, sorted(Path("dist").iterdir())))


@nox.session(python=FREE_THREADED)
def bench(session: nox.Session) -> None:
    """Measure serverkit beside its peers; arguments after -- go to benchmarks.run."""
    session.install("--group", "bench", *EDITABLE)
    describe(session)
    session.run("python", "-m", "benchmarks.run", *session.posargs)


@nox.session(python=LOWEST)
def docs(session: nox.Session) -> None:
    """Run every snippet of the documentation."""
    session.install("--group", "tests", *EDITABLE)
    run_pytest(session, "tests/docs", *session.posargs)


@nox.session(python=FREE_THREADED)
def browser(session: nox.Session) -> None:
    """Look at WebSockets with the eyes of a real browser; without one it fails."""
    session.install("--group", "tests", *EDITABLE)
    search = "from tests.support.browser import *; print(find_browser() or f'NONE; try {INSTALL}')"
    found = str(session.run("python", "-c", search, silent=True)).strip()
    if found.startswith("NONE"):
        session.error(f"Chromium: {found}")
    session.log(found)
    session.run("python", "-W", "error", "-m", "pytest", "tests/integration/browser")


@nox.session(python=FREE_THREADED)
def websocket_suite(session: nox.Session) -> None:
    """Run Autobahn|Testsuite on serverkit; its command stands after --, `wstest` if not said."""
    session.install("--group", "tests", *EDITABLE)
    module = "tests.conformance.websocket.public_suite"
    session.run("python", "-m", module, *(session.posargs or ("--", "wstest")))


@nox.session(python=False)
def fresh(session: nox.Session) -> None:
    """Run the two commands of README in a clean clone, an empty environment and an empty home."""
    session.run(
        sys.executable, "tests/architecture/fresh_clone.py", *session.posargs, external=True
    )
