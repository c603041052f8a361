"""Carries an exception from the process that raised it to the one that reports it.

Rules:
    What cannot come over is left out, and never becomes an error of its own.
    The receiver imports nothing and calls nothing but exception classes that it has already: a
    worker that was taken over gets no hold on the process that supervises it this way.
"""

import io
import pickle
import sys
import traceback

MAX_PICKLE = 65_536
MAX_TRACEBACK = 200_000
_MAX_SUMMARY = 1000


def dump_error(error: BaseException) -> bytes:
    """Pack an exception, without traceback, cause and context; empty where it does not pack."""
    try:
        packed = pickle.dumps(error)
    except Exception:  # noqa: BLE001 - it may have any code of its own for this
        return b""
    return packed if len(packed) <= MAX_PICKLE and load_error(packed) is not None else b""


def load_error(packed: bytes) -> BaseException | None:
    """Unpack an exception; None where that is not possible here."""
    if not packed:
        return None
    try:
        error = _Unpickler(io.BytesIO(packed)).load()
    except Exception:  # noqa: BLE001 - its class may have any code of its own for this
        return None
    return error if isinstance(error, BaseException) else None


def traceback_text(error: BaseException) -> str:
    """Write down an exception with its traceback; the middle of a huge one is left out.

    An exception that is meant for people may say itself what to write beside its message: as the
    string `worker_report`, which may be empty.
    """
    report = getattr(error, "worker_report", None)
    if isinstance(report, str):
        return report
    try:
        text = "".join(traceback.format_exception(error))
    except Exception:  # noqa: BLE001 - its class may have any code of its own for this
        text = f"{type(error).__name__}\n"
    if len(text) <= MAX_TRACEBACK:
        return text
    half = MAX_TRACEBACK // 2
    return f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"


def summary_of(error: BaseException) -> str:
    """Write down an exception in one line, such as "ValueError: no such port"."""
    try:
        lines = str(error).strip().splitlines()
    except Exception:  # noqa: BLE001 - its class may have any code of its own for this
        lines = []
    name = type(error).__name__
    return f"{name}: {lines[0]}"[:_MAX_SUMMARY] if lines else name


class _Unpickler(pickle.Unpickler):
    """Finds the exception classes of modules that this process has imported, and nothing else."""

    def find_class(self, module: str, name: str) -> type[BaseException]:
        """Look up a class."""
        # In a worker's process the main module of this one has another name.
        home = sys.modules.get("__main__" if module == "__mp_main__" else module)
        found: object = home
        for part in name.split("."):
            found = getattr(found, part, None)
        if isinstance(found, type) and issubclass(found, BaseException):
            return found
        raise pickle.UnpicklingError(f"{module}.{name} is no exception class known here")
