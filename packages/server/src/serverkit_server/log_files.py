"""Opens the files that logging writes to anew, after they have been moved away.

Only those of handlers that have a name: all that a configuration for `logging.config` makes. Who
makes a handler in code can use `logging.handlers.WatchedFileHandler`, which looks by itself.
"""

import logging
import logging.handlers

_LOG = logging.getLogger("serverkit.server")


def reopen_log_files() -> None:
    """Let every handler that writes to a file go on in a new one of the same path.

    Where that cannot be opened it goes on in the old one, and the log says so.

    Threads: any.
    """
    for name in logging.getHandlerNames():
        handler = logging.getHandlerByName(name)
        looks_by_itself = isinstance(handler, logging.handlers.WatchedFileHandler)
        if isinstance(handler, logging.FileHandler) and not looks_by_itself:
            _reopen(handler)


def _reopen(handler: logging.FileHandler) -> None:
    path = handler.baseFilename
    try:
        new = open(path, "a", encoding=handler.encoding, errors=handler.errors)  # noqa: PTH123, SIM115
    except OSError as error:
        _LOG.error("The log %s cannot be opened anew, it goes on as it was: %s", path, error)
        return
    old = handler.setStream(new)
    if old is None or old is new:  # None: it had not begun to write
        return
    old.close()
