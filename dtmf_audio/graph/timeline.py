"""Time that is told, not read: what is due when, on a clock that somebody else moves.

Conventions
-----------
- Time is a whole number of ticks of 100 ns, the unit of the media platform's timestamps, from the start of the
  timeline. A sample at 16 kHz is 625 ticks and a millisecond 10,000, so nothing is ever rounded twice.
- Nothing happens by itself. A test moves the clock with :meth:`Timeline.advance_to`, a server does as its own clock
  goes on, and both get the same events in the same order: of time, and of what is due at once, of asking. What is to
  go first goes before all that is due with it: audio is heard up to a time before anything is changed at that time.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

from dtmf_audio.errors import InvalidSettingError

TICKS_PER_MS = 10_000
TICKS_PER_S = 1000 * TICKS_PER_MS
TICKS_PER_SAMPLE = 625  # at 16 kHz

_FEWEST_SWEPT = 64  # appointments; fewer are not worth looking for those that were cancelled


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
        self._due: list[tuple[int, bool, int, Appointment]] = []  # time, whether it need not go first, order
        self._order = itertools.count()
        self._sweep_at = _FEWEST_SWEPT
        self._is_moving = False

    def at(self, ticks: int, action: Callable[[], None], *, first: bool = False) -> Appointment:
        """Have something done at a time, ``first`` of all that is due then; what is past, as it next moves."""
        appointment = Appointment(max(ticks, self.now), action)
        heapq.heappush(self._due, (appointment.ticks, not first, next(self._order), appointment))
        if len(self._due) > self._sweep_at:  # what was cancelled would wait for its time, which may be weeks away
            self._due = [entry for entry in self._due if entry[-1].action is not None]
            heapq.heapify(self._due)
            self._sweep_at = max(_FEWEST_SWEPT, 2 * len(self._due))
        return appointment

    def next_due(self) -> int | None:
        """Tell when something is next to be done; ``None`` if nothing is."""
        while self._due and self._due[0][-1].action is None:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def advance_to(self, ticks: int) -> None:
        """Move the clock, and do all that is due on the way, at its time; an action may ask for more.

        An action that raises ends the way at its time; the clock can go on from there.

        Raises
        ------
        InvalidSettingError
            The time lies in the past, or an action of this timeline asks.
        """
        if self._is_moving:
            raise InvalidSettingError(
                "the clock is being moved already, and what is due on its way cannot move it; "
                "ask for what comes later with at(), or advance after the event"
            )
        if ticks < self.now:
            raise InvalidSettingError(
                f"the clock stands at {self.now / TICKS_PER_MS:g} ms and was to be set back to "
                f"{ticks / TICKS_PER_MS:g} ms; it only goes on"
            )
        self._is_moving = True
        try:
            while (due := self.next_due()) is not None and due <= ticks:
                appointment = heapq.heappop(self._due)[-1]
                action, appointment.action = appointment.action, None
                self.now = due
                assert action is not None  # next_due() has dropped what was cancelled
                action()
            self.now = ticks
        finally:
            self._is_moving = False
