"""When a worker has served long enough and is replaced by a fresh one.

Pure: time, size and chance are arguments.
"""

import random
from dataclasses import dataclass

RSS_CHECK_INTERVAL_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecycleLimits:
    """The bounds of one run of a worker.

    Args:
        lifetime_s: seconds from being ready; None: any.
        rss_bytes: resident memory; 0: any.
    """

    lifetime_s: float | None = None
    rss_bytes: int = 0

    def drawn(self, jitter: float, chance: random.Random) -> "RecycleLimits":
        """Give the bounds, each raised at random by up to the part `jitter` of itself."""
        lifetime_s = self.lifetime_s
        if lifetime_s is not None:
            lifetime_s *= 1 + jitter * chance.random()
        rss_bytes = int(self.rss_bytes * (1 + jitter * chance.random()))
        return RecycleLimits(lifetime_s=lifetime_s, rss_bytes=rss_bytes)

    def ends_at(self, ready_at: float) -> float | None:
        """Give the time at which the lifetime of a run is over; None: never."""
        return None if self.lifetime_s is None else ready_at + self.lifetime_s

    def reason(self, *, ready_at: float, now: float, rss_bytes: int | None) -> str:
        """Say which bound is passed, as the rest of a sentence; empty: none.

        Args:
            ready_at: when it became ready, by the clock of `now`.
            now: the time, in seconds.
            rss_bytes: its resident memory; None: not known.
        """
        # Not by the age: what is left of a difference after rounding may be less than the lifetime
        # at the very time that `ends_at` gives.
        ends_at = self.ends_at(ready_at)
        if ends_at is not None and now >= ends_at:
            return f"it has served for {now - ready_at:.0f} s"
        if self.rss_bytes and rss_bytes is not None and rss_bytes > self.rss_bytes:
            return f"it holds {rss_bytes / 2**20:.0f} MiB of memory"
        return ""
