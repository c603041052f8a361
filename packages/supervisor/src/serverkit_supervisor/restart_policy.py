"""Whether and when a worker that crashed is started again.

Pure: the time is an argument, in seconds of any clock that only goes forward.
"""

import math
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy:
    """How patient a supervisor is with a worker that crashes.

    Args:
        backoff_s: seconds to wait before the first restart; doubled with each further one.
        backoff_max_s: seconds to wait at most.
        budget: how many restarts a worker is given within the window; with one crash more the
            supervisor gives up. 0: it gives up at once.
        window_s: seconds; crashes longer ago than this are forgotten.

    Raises:
        ValueError: a value is out of bounds. The message names it.

    Threads: any; it never changes.
    """

    backoff_s: float = 0.5
    backoff_max_s: float = 30.0
    budget: int = 5
    window_s: float = 60.0

    def __post_init__(self) -> None:
        if not 0 <= self.backoff_s < math.inf:
            raise ValueError(f"backoff_s must be 0 seconds or more, not {self.backoff_s!r}")
        if not self.backoff_s <= self.backoff_max_s < math.inf:
            raise ValueError(
                f"backoff_max_s must be backoff_s ({self.backoff_s:g}) or more, "
                f"not {self.backoff_max_s!r}"
            )
        if self.budget < 0:
            raise ValueError(f"budget must be 0 restarts or more, not {self.budget!r}")
        if not 0 < self.window_s < math.inf:
            raise ValueError(f"window_s must be above 0 seconds, not {self.window_s!r}")


@dataclass(slots=True)
class RestartHistory:
    """The crashes of one worker, whatever threads or processes it ran in.

    Owned by the worker's slot, which outlives each run of it.
    """

    policy: RestartPolicy
    _crashes: list[float] = field(default_factory=list)

    def count(self, now: float) -> int:
        """Count the crashes within the window."""
        since = now - self.policy.window_s
        return sum(crash > since for crash in self._crashes)

    def crashed(self, now: float) -> float | None:
        """Take down a crash.

        Returns:
            The seconds to wait until the worker is started again; None: the budget is spent.
        """
        policy = self.policy
        since = now - policy.window_s
        self._crashes = [crash for crash in self._crashes if crash > since]
        self._crashes.append(now)
        crashes = len(self._crashes)
        if crashes > policy.budget:
            return None
        # Not 2**n at once: with a large budget that is more than a float can hold.
        return min(policy.backoff_max_s, math.ldexp(policy.backoff_s, min(crashes - 1, 64)))

    def forget(self) -> None:
        """Start anew, as after a reload: other code, other luck."""
        self._crashes.clear()
