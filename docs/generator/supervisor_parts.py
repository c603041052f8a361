"""Parts of docs/guides/supervisor.md, from the supervisor and the example that is built on it."""

from collections.abc import Iterator
from dataclasses import Field, fields

from docs.generator.parts import table
from serverkit_supervisor import RestartPolicy, SupervisorConfig
from tests.architecture.rules import ROOT

ECHO = ROOT / "examples" / "echo_supervised.py"


def echo_example() -> str:
    """The example, as a file that the blocks after it find."""
    return f'```python title="{ECHO.name}"\n{ECHO.read_text("utf-8")}```\n'


def supervisor_settings() -> str:
    """What a supervisor lets a deployment decide."""
    rows = (_row(each) for each in fields(SupervisorConfig) if each.name != "restart")
    policy = ", ".join(f"`{each.name}={each.default:g}`" for each in fields(RestartPolicy))
    restart = ("`restart`", f"`RestartPolicy` of {policy}", "When one that crashed starts again.")
    return table(("setting", "default", "what it says"), (*rows, restart))


def _row(setting: Field[object]) -> tuple[str, str, str]:
    return f"`{setting.name}`", " ".join(_default(setting)), setting.metadata["help"]


def _default(setting: Field[object]) -> Iterator[str]:
    match setting.default:
        case None:
            yield "left out"
        case float() | int() as number:
            yield f"`{number:g}`"
            unit = setting.metadata.get("unit")
            if unit:
                yield unit
        case other:
            yield f"`{other}`"
