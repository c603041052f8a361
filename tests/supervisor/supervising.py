"""A program that runs workers in processes and goes on until it is killed.

Usage: python -m tests.supervisor.supervising NAME ...
Each name is that of something `Acting` may do. A line is printed for what each worker says first,
with the number of its process. `fork` as a name lets the program fork off a copy of itself.
"""

import os
import queue
import sys
import threading

from serverkit_supervisor.notices import Notice, Ready, RecycleWanted
from serverkit_supervisor.processes import ProcessRunner
from tests.supervisor import process_workers
from tests.supervisor.process_workers import BOUND_S
from tests.supervisor.runs import acting, spec_of


def main() -> None:
    """Start the workers, say who they are, and wait."""
    notices: queue.SimpleQueue[Notice] = queue.SimpleQueue()
    for name in sys.argv[1:]:
        if name == "fork":
            if (pid := os.fork()) == 0:
                threading.Event().wait(BOUND_S)
                os._exit(0)
            print(pid, flush=True)  # noqa: T201 - it is what the program is for
            continue
        runner = ProcessRunner(spec_of(acting(getattr(process_workers, name))), notices.put)
        runner.start()
        while not isinstance(notice := notices.get(timeout=BOUND_S), Ready | RecycleWanted):
            pass
        said = notice.reason if isinstance(notice, RecycleWanted) else ""
        print(runner.pid, said, flush=True)  # noqa: T201 - it is what the program is for
    threading.Event().wait(BOUND_S)


if __name__ == "__main__":
    main()
