"""How long each state of a run may last, and what is said of one that lasts longer.

Pure: nothing here looks at a clock.
"""

from serverkit_supervisor.config import SupervisorConfig
from serverkit_supervisor.states import State

STACKS_S = 1.0
"""How long a worker that is late may take to say what it does."""
TERMINATE_S = 2.0
"""How long a process may take to end after SIGTERM."""
KILL_S = 5.0
"""How long the system may take to end a process after SIGKILL."""


class Patience:
    """The bounds of all states.

    Args:
        config: the timeouts.
        worker_timeout_s: how long a worker may give no sign of life, in seconds; 0: any time.
    """

    def __init__(self, config: SupervisorConfig, worker_timeout_s: float) -> None:
        self._bounds_s = {
            State.STARTING: config.startup_timeout,
            State.DRAINING: config.reload_timeout,
            State.STOPPING: config.shutdown_timeout,
            State.STUCK: STACKS_S,
            State.TERMINATED: TERMINATE_S,
            State.KILLED: KILL_S,
        }
        self.worker_timeout_s = worker_timeout_s

    def with_state(self, state: State, *, is_watched: bool) -> float | None:
        """Give the seconds that a state may last; None: any time.

        Args:
            state: of the run.
            is_watched: the worker gives signs of life.
        """
        if state is State.SERVING:
            return self.worker_timeout_s or None if is_watched else None
        return self._bounds_s.get(state)

    def lateness(self, state: State) -> str:
        """Say what a run is late with, and which setting bounds it, as the rest of a sentence.

        Args:
            state: the one that has lasted too long.
        """
        match state:
            case State.STARTING:
                return f"it was not ready within {self._bounds_s[state]:g} s (startup_timeout)"
            case State.SERVING:
                return f"it gave no sign of life for {self.worker_timeout_s:g} s (worker_timeout)"
        return f"it did not stop within {self._bounds_s[State.STOPPING]:g} s (shutdown_timeout)"
