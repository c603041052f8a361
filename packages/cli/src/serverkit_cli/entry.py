"""The way into the program: importing it takes a moment, and Ctrl-C within that is no traceback."""

import sys

try:
    from serverkit_cli.main import main
except KeyboardInterrupt:
    sys.stderr.write("Interrupted.\n")
    sys.exit(130)  # as `main` does later

__all__ = ["main"]
