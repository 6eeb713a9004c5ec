"""Detection: a cheap gate over everything, then the runs in which one pair stands out, cut into candidates.

The *gate* looks at windows of 20 ms, one every 5 ms. A window passes with the pair whose tones are each
strongest in their group and stand out from the other three by :data:`DOMINANCE_DB`. Comparing tones with
their own group, rather than with the energy of the window, makes the gate blind to dial tone, hum, DC and
anything else out of the groups' bands, at any level, and costs no pass over the samples for their energy.
What was tried: 10 ms windows for the high group (a quarter of the presses lost at a twist of -19 dB); tapered
windows (no better than rectangular ones). Not taken: a share of the energy, which a dial tone 10 dB up would close.

A *run* is a stretch of windows with the same pair, short breaks ignored. Runs become candidates for
:mod:`dtmf_audio.measurement`, which finds the true edges, and :mod:`dtmf_audio.judgement`.

Windows are built from Goertzel phasors of 5 ms blocks, and are numbered by their first block. Everything here
depends on window numbers, not on how the stream was cut into chunks.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dtmf_audio.goertzel import GoertzelBank, GoertzelForm, Phasors
from dtmf_audio.profiles import Profile
from dtmf_audio.tones import HIGH_HZ, LOW_HZ
from dtmf_audio.units import amplitude_from_dbm0, power_ratio_from_db

BLOCK_MS = 5.0  # chosen: fine enough to see a gap of 30 ms, and the window slides for free
WINDOW_BLOCKS = 4  # chosen: 20 ms resolves 73 Hz, the closest neighbours
DOMINANCE_DB = 4.8  # chosen: loses 1 press of 1000 at -2 dB SNR and none at -19 dB twist; 6 dB loses 9 and 14
LEVEL_MARGIN_DB = 10.0  # the gate's floor and twist are this much wider than the profile's
BRIDGED_WINDOWS = 2  # windows without the pair that do not end a run
FEWEST_WINDOWS = 3  # a run of fewer is no candidate; chosen: halves the work on speech and loses no press in 3000
NO_PAIR = -1

Labels = npt.NDArray[np.int8]


class Gate:
    """Names the pair that stands out in each window, or none.

    Parameters
    ----------
    samplerate : int
        Hz.
    profile : Profile
        Its levels and twists, widened, bound what passes.
    form : {"matrix", "resonator"}
        Of the Goertzel bank.
    """

    def __init__(self, samplerate: int, profile: Profile, *, form: GoertzelForm = "matrix") -> None:
        self.block_len = round(BLOCK_MS * samplerate / 1000.0)
        dtype = np.float32 if form == "matrix" else np.float64
        self._bank = GoertzelBank(LOW_HZ + HIGH_HZ, samplerate, self.block_len, form=form, dtype=dtype)
        self._turn = self._bank.turn.astype(np.complex64 if form == "matrix" else np.complex128)
        self._dominance = power_ratio_from_db(DOMINANCE_DB)
        floor = amplitude_from_dbm0(profile.min_level_dbm0 - LEVEL_MARGIN_DB)
        self._floor = (floor * self.block_len * WINDOW_BLOCKS / 2.0) ** 2
        self._high_over_low = power_ratio_from_db(profile.max_twist_db + LEVEL_MARGIN_DB)
        self._low_over_high = power_ratio_from_db(profile.max_reverse_twist_db + LEVEL_MARGIN_DB)

    def phasors(self, samples: npt.NDArray[Any]) -> Phasors:
        """Phasors of whole blocks, complex, shape (8, n_blocks)."""
        return self._bank.phasors(samples.reshape(-1, self.block_len))

    def labels(self, phasors: Phasors) -> Labels:
        """Label of each window: ``4 * row + column`` of the keypad, or -1; int8, shape (n_blocks - 3,)."""
        pairs = phasors[:, :-1] + phasors[:, 1:] * self._turn
        windows = pairs[:, :-2] + pairs[:, 2:] * self._turn**2  # (8, n_blocks - 3)
        power = windows.real**2 + windows.imag**2
        low, low_second, row = _strongest(power[:4])
        high, high_second, column = _strongest(power[4:])
        passed = (low > self._dominance * low_second) & (high > self._dominance * high_second)
        passed &= (low > self._floor) & (high > self._floor)
        passed &= (high < self._high_over_low * low) & (low < self._low_over_high * high)
        return np.where(passed, 4 * row + column, NO_PAIR).astype(np.int8)


def _strongest(power: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[np.int8]]:
    """Greatest and second greatest of four rows, and which row is the greatest; comparisons of whole rows."""
    first, second, third, fourth = power
    upper, lower = np.maximum(first, second), np.maximum(third, fourth)
    greatest = np.maximum(upper, lower)
    runner_up = np.maximum(np.minimum(upper, lower), np.maximum(np.minimum(first, second), np.minimum(third, fourth)))
    which = np.where(upper >= lower, second > first, 2 + (fourth > third)).astype(np.int8)
    return greatest, runner_up, which


@dataclass(slots=True)
class Run:
    """Windows ``first`` to ``last`` with the same pair, ``count`` of them.

    ``previous_last`` is where the run before it with the same pair ended; ``cut`` is the first window that is
    not in a candidate yet.
    """

    label: int
    first: int
    last: int
    count: int
    previous_last: int | None
    cut: int


class RunTracker:
    """Joins labels into runs as they come.

    Attributes
    ----------
    open : dict of int to Run
        Runs that may go on, by label.
    known : int
        Number of windows seen.
    """

    def __init__(self) -> None:
        self.open: dict[int, Run] = {}
        self.known = 0
        self._last_seen: dict[int, int] = {}
        self._firsts: dict[int, list[int]] = {}

    def next_first(self, label: int, after: int) -> int | None:
        """First window of the next run with this pair that begins after window ``after``, if one has begun."""
        firsts = self._firsts[label]
        index = bisect.bisect_right(firsts, after)
        return firsts[index] if index < len(firsts) else None

    def forget(self, before: int) -> None:
        """Drop what is only of use for windows before ``before``."""
        for firsts in self._firsts.values():
            del firsts[: bisect.bisect_left(firsts, before)]

    def update(self, labels: Labels) -> list[Run]:
        """Take the labels of the next windows; return the runs that have ended, in the order of their starts."""
        offset, self.known = self.known, self.known + len(labels)
        ended: list[Run] = []
        present = np.flatnonzero(labels != NO_PAIR)
        if len(present):
            values = labels[present]
            for label in np.unique(values).tolist():
                ended += self._extend(label, present[values == label] + offset)
        for label, run in list(self.open.items()):
            if run.last + BRIDGED_WINDOWS + 1 < self.known:
                ended.append(self._end(label))
        return sorted(ended, key=lambda run: (run.first, run.label))

    def _extend(self, label: int, windows: npt.NDArray[np.intp]) -> list[Run]:
        """Add windows of one label; return the runs that a break among them ended."""
        ended: list[Run] = []
        breaks = np.flatnonzero(np.diff(windows) > BRIDGED_WINDOWS + 1) + 1
        for group in np.split(windows, breaks):
            first, last = int(group[0]), int(group[-1])
            run = self.open.get(label)
            if run is not None and first - run.last <= BRIDGED_WINDOWS + 1:
                run.last, run.count = last, run.count + len(group)
                continue
            if run is not None:
                ended.append(self._end(label))
            self.open[label] = Run(label, first, last, len(group), self._last_seen.get(label), first)
            self._firsts.setdefault(label, []).append(first)
        return ended

    def _end(self, label: int) -> Run:
        run = self.open.pop(label)
        self._last_seen[label] = run.last
        return run
