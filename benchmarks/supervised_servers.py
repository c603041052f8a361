"""The servers with several workers, each as its own users start it."""

import dataclasses

from benchmarks.servers import Server, by_name, version_of

PEERS = {
    "uvicorn": ("--workers", "{workers}"),
    "gunicorn": ("-w", "{workers}"),
    "granian": ("--workers", "{workers}"),
    "hypercorn": ("-w", "{workers}"),
}
MODES = {"threads": "thread", "processes": "process"}
NAMES = (*(f"serverkit-{name}" for name in MODES), *PEERS, "granian-respawn")


def supervised(name: str, workers: int, *further: str) -> Server:
    """Return a server with that many workers.

    Args:
        name: One of `NAMES`.
        workers: How many.
        further: More of its command line.

    Raises:
        KeyError: There is no such server.
    """
    kind, _, variant = name.partition("-")
    if kind == "serverkit":
        flags: tuple[str, ...] = ("--workers", "{workers}", "--worker-mode", MODES[variant])
        title = f"serverkit, {workers} {variant}"
    else:
        flags = PEERS[kind]
        title = f"{kind}, {workers} processes"
    if variant == "respawn":
        flags += ("--respawn-failed-workers",)
        title += " (--respawn-failed-workers)"
    single = by_name(kind)
    filled = (word.replace("{workers}", str(workers)) for word in (*flags, *further))
    return dataclasses.replace(single, name=name, title=title, command=(*single.command, *filled))


def installed(names: list[str]) -> list[str]:
    """Return those of the names whose server is installed, and say which are left out."""
    kept = []
    for name in names:
        missing = [
            one for one in by_name(name.partition("-")[0]).distributions if not version_of(one)
        ]
        if missing:
            print(f"{name} is left out, not installed: {', '.join(missing)}")
        else:
            kept.append(name)
    return kept
