"""Time that is told, not read: what is due when, on a clock that somebody else moves.

Conventions
-----------
- Time is a whole number of ticks of 100 ns, the unit of the media platform's timestamps, from the start of the
  timeline. A sample at 16 kHz is 625 ticks and a millisecond 10,000, so nothing is ever rounded twice.
- Nothing happens by itself. A test moves the clock with :meth:`Timeline.advance_to`, a server does as its own clock
  goes on, and both get the same events in the same order: of time, and of what is due at once, of asking.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

from dtmf_audio.errors import InvalidSettingError

TICKS_PER_MS = 10_000
TICKS_PER_S = 1000 * TICKS_PER_MS
TICKS_PER_SAMPLE = 625  # at 16 kHz


class Appointment:
    """Something that is to be done at a time, unless it is cancelled before."""

    __slots__ = ("action", "ticks")

    def __init__(self, ticks: int, action: Callable[[], None]) -> None:
        self.ticks = ticks
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """Forget it; what was done or cancelled already stays so."""
        self.action = None


class Timeline:
    """Appointments in their order.

    Attributes
    ----------
    now : int
        Ticks since the start. While an action runs, it is the time that the action was due.
    """

    def __init__(self) -> None:
        self.now = 0
        self._due: list[tuple[int, int, Appointment]] = []
        self._order = itertools.count()

    def at(self, ticks: int, action: Callable[[], None]) -> Appointment:
        """Have something done at a time; what is past is done as soon as the clock moves."""
        appointment = Appointment(max(ticks, self.now), action)
        heapq.heappush(self._due, (appointment.ticks, next(self._order), appointment))
        return appointment

    def next_due(self) -> int | None:
        """Tell when something is next to be done; ``None`` if nothing is."""
        while self._due and self._due[0][2].action is None:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def advance_to(self, ticks: int) -> None:
        """Move the clock, and do all that is due on the way, at its time; an action may ask for more.

        Raises
        ------
        InvalidSettingError
            The time lies in the past.
        """
        if ticks < self.now:
            raise InvalidSettingError(
                f"the clock stands at {self.now / TICKS_PER_MS:g} ms and was to be set back to "
                f"{ticks / TICKS_PER_MS:g} ms; it only goes on"
            )
        while (due := self.next_due()) is not None and due <= ticks:
            appointment = heapq.heappop(self._due)[2]
            action, appointment.action = appointment.action, None
            self.now = due
            assert action is not None  # next_due() has dropped what was cancelled
            action()
        self.now = ticks
