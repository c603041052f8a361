"""Accepts from several listening sockets, when told to, as many as can be used.

Rules:
    Where descriptors or memory have run out it pauses, for trying again at once would fail again
    and take the processor from those who are served. It says so once per shortage.
"""

import logging
import selectors
from collections.abc import Sequence
from socket import socket
from typing import Final

from serverkit_supervisor.handover import LISTENERS, Accepted
from serverkit_supervisor.listening import Listener
from serverkit_supervisor.shortage import PAUSE_S, SHORTAGES, Shortage

logger = logging.getLogger("serverkit.supervisor")

# So many from each listening socket in one go, then they are handed out.
_BATCH: Final = 64


class Intake:
    """The listening sockets, and when they are listened to.

    Owner: the distributor; who holds its lock.

    Attributes:
        rests_until: nothing is accepted before.
    """

    def __init__(self, sockets: Sequence[socket], selector: selectors.BaseSelector) -> None:
        """Duplicate the sockets.

        Args:
            sockets: that listen. They stay the caller's.
            selector: wakes whoever calls `accept`.

        Raises:
            OSError: no descriptors are left, or a socket is closed.
            ValueError: a socket does not listen, or there are too many.
        """
        if len(sockets) > LISTENERS:
            raise ValueError(f"No more than {LISTENERS} listening sockets, not {len(sockets)}")
        self._listeners: list[Listener] = []
        try:
            for index, each in enumerate(sockets):
                self._listeners.append(Listener(each, index))
        except BaseException:
            self.close()
            raise
        self._selector = selector
        self._is_listening = False
        self._shortage = Shortage()
        self._unswept = set(self._listeners)
        self.rests_until = 0.0

    def listen(self, wanted: bool) -> None:  # noqa: FBT001  it is what it says
        """Wake by the selector when connections wait, or let them wait."""
        if wanted is self._is_listening:
            return
        known = self._selector.get_map()
        for each in self._listeners:
            if wanted and each not in known:
                self._selector.register(each, selectors.EVENT_READ)
            elif not wanted and each in known:
                self._selector.unregister(each)
        self._is_listening = wanted

    def accept(
        self,
        ready: Sequence[Listener],
        accepted: list[Accepted],
        *,
        room: float,
        refuses: bool,
        now: float,
    ) -> None:
        """Accept those who wait, but no more in one go than leaves others their turn.

        Args:
            ready: the listening sockets that have connections, as far as it is known.
            accepted: where to put them.
            room: so many more can be used.
            refuses: accept even more, as surplus.
            now: monotonic seconds.

        Raises:
            OSError: accepting is impossible, and not for a shortage.
        """
        # Whoever could not listen tries all: there is most likely somebody who waits.
        for each in ready if self._is_listening else self._listeners:
            count = _BATCH if refuses else min(_BATCH, room - len(accepted))
            self._accept_from(each, accepted, int(count), room, now)

    def sweep(self, accepted: list[Accepted], *, room: float, now: float) -> bool:
        """Accept those who wait, a batch at a time, and close what nobody waits at any more.

        Args:
            accepted: where to put them.
            room: those beyond it are surplus.
            now: monotonic seconds.

        Returns:
            whether to hand out and sweep again.

        Raises:
            OSError: as `accept`.
        """
        for each in tuple(self._unswept):
            if self._accept_from(each, accepted, _BATCH, room, now):
                # At once: who comes between this and the end of listening waits for nothing.
                each.close()
                self._unswept.discard(each)
        return bool(accepted)

    def close(self) -> None:
        """Close the duplicates. Repeatable."""
        for each in self._listeners:
            each.close()

    def _accept_from(
        self, listener: Listener, accepted: list[Accepted], count: int, room: float, now: float
    ) -> bool:
        """Accept up to so many; return whether nobody waits any more."""
        try:
            return listener.accept_into(accepted, count, room)
        except OSError as exc:
            if exc.errno not in SHORTAGES:
                raise
            if self._shortage.is_new(now):
                logger.error(  # noqa: TRY400  where in the code it happened helps nobody
                    "Cannot accept connections (%s); trying again every %g s. "
                    "Raise the limit of open files (ulimit -n), or lower max_connections.",
                    exc.strerror,
                    PAUSE_S,
                )
            self.rests_until = now + PAUSE_S
            return False
