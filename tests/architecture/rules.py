"""What each package may import. One row a package; a right that nobody uses is taken away."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ROOT / "packages"
IO_AND_CLOCK = frozenset(
    {
        *("asyncio", "concurrent", "logging", "multiprocessing", "os", "pathlib", "select"),
        *("selectors", "signal", "socket", "ssl", "subprocess", "threading", "time"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The rights of one package.

    Args:
        ours: packages of ours it depends on and imports.
        third_party: distributions it depends on, by the name they are imported by.
        optional: the same, but in an extra of the distribution.
        forbidden_stdlib: top-level modules of the standard library it must do without.
    """

    ours: frozenset[str] = frozenset()
    third_party: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    forbidden_stdlib: frozenset[str] = frozenset()


RULES = {
    "serverkit_proto": Rule(
        third_party=frozenset({"h11", "websockets", "wsproto"}), forbidden_stdlib=IO_AND_CLOCK
    ),
    "serverkit_worker": Rule(
        ours=frozenset({"serverkit_proto"}),
        optional=frozenset({"uvloop"}),
        forbidden_stdlib=frozenset({"argparse", "multiprocessing", "signal", "subprocess"}),
    ),
    "serverkit_supervisor": Rule(
        forbidden_stdlib=frozenset({"argparse", "asyncio", "http", "ssl", "urllib"})
    ),
    "serverkit_server": Rule(
        ours=frozenset({"serverkit_proto", "serverkit_supervisor", "serverkit_worker"}),
        third_party=frozenset({"watchfiles"}),
        forbidden_stdlib=frozenset({"argparse"}),
    ),
    "serverkit_cli": Rule(ours=frozenset({"serverkit_server"}), third_party=frozenset({"click"})),
    "serverkit": Rule(ours=frozenset({"serverkit_cli", "serverkit_server"})),
}

# Imported by one module only, which translates its errors and hides its types.
WRAPPED = {
    "h11": "serverkit_proto.http1_h11",
    "websockets": "serverkit_proto.websocket_masking",
    "wsproto": "serverkit_proto.websocket_wsproto",
    "watchfiles": "serverkit_server.reload_changes",
}

# Modules that only a tool imports, which brings the package that the module asks for.
UNDECLARED = {("serverkit_server.testing.pytest_plugin", "pytest")}


def folder_of(package: str) -> Path:
    """The folder of a package's distribution."""
    return PACKAGES / (package.removeprefix("serverkit_") or package)


def source_of(package: str) -> Path:
    """The folder of a package's modules."""
    return folder_of(package) / "src" / package
