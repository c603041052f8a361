"""When a worker has served long enough and is replaced by a fresh one.

Pure: age, size and chance are arguments.
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

    def reason(self, *, age_s: float, rss_bytes: int | None) -> str:
        """Say which bound is passed, as the rest of a sentence; empty: none."""
        if self.lifetime_s is not None and age_s >= self.lifetime_s:
            return f"it has served for {age_s:.0f} s"
        if self.rss_bytes and rss_bytes is not None and rss_bytes > self.rss_bytes:
            return f"it holds {rss_bytes / 2**20:.0f} MiB of memory"
        return ""
