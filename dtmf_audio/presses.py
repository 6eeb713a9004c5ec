"""Presses: examined parts joined to what one finger did, and louder presses' echoes told from presses.

Parts come from :mod:`dtmf_audio.examination` in three kinds, each as a press of one part: *clean* ones, beyond doubt,
whose evidence is infinite; *measured* ones, with the evidence of their measurement; and *hopeless* ones of longer runs,
with an evidence of minus infinity, which only say where what they belong to ends. Joined, the best part speaks for all.

What happens to one press (a window is 20 ms, one every 10 ms; ``x`` carries the pair, ``.`` does not)::

    . . x x x x . .              one run, one part, one press
    x x . x x . . x x            three runs; the holes between the measured edges decide:
                                 up to bridge_ms one press, beyond it two
    x x x x ... x x x            longer than 100 ms: cut into parts of 60 ms, each measured;
                                 the best part speaks for the press
    1 1 1 1 2 2 2 2              another pair at once: two runs of different pairs, two presses

What is not tolerated: a hole longer than ``bridge_ms``, whatever made it, ends a press, unless the caller says that
samples were lost there.

Everything here follows from the parts and their places alone, so it does not depend on how the stream was cut.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from dtmf_audio.columns import Bools, Columns, Ints, rows_where
from dtmf_audio.detector import BLOCK_MS, SETTLE_WINDOWS, WINDOW_BLOCKS, run_ids
from dtmf_audio.judgement import Refusal
from dtmf_audio.keys import PAIRS, TONES_HZ, channel_of, label_of
from dtmf_audio.measurement import Measurements
from dtmf_audio.profiles import Profile
from dtmf_audio.screen import Glimpses
from dtmf_audio.signals import Samples
from dtmf_audio.units import FULL_SCALE_SINE_DBM0

JOIN_SLACK_MS = 30.0  # breaks between runs are this much longer than the hole at the most
JOIN_LEVEL_DB = 12.0  # parts of one press that follow on each other differ by no more in level
LONGEST_ECHO_MS = 1500.0
FAINT_DBM0 = -200.0  # stands for a level that was not measured
SURE = 3.0  # evidence beyond which more does not matter
EVIDENCE_PER_DB = 0.2  # what a dB of level weighs against evidence: a part 20 dB down is the tail, not the press


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts(Columns):
    """Stretches of runs to be measured.

    Attributes
    ----------
    key : int64
        As in :mod:`dtmf_audio.keys`.
    run_first : int64
        First window of the run.
    start_block, stop_block : int64
        Blocks of the part, half-open.
    has_start, has_stop : bool
        Whether the run starts, and stops, with it; a part of a longer run has no edge where it was cut.
    """

    key: Ints
    run_first: Ints
    start_block: Ints
    stop_block: Ints
    has_start: Bools
    has_stop: Bools

    @property
    def settled_at(self) -> Ints:
        """Window that must be known before a part is measured."""
        return self.stop_block - WINDOW_BLOCKS + SETTLE_WINDOWS


@dataclass(frozen=True, slots=True, kw_only=True)
class Presses(Measurements):
    """Parts joined so far: the measurements of the best one, and where the first began and the last ended.

    Attributes
    ----------
    key : int64
        As in :mod:`dtmf_audio.keys`.
    first_window, last_window : int64
        First window of the first part, and last one of the last part.
    has_start, has_stop : bool
        Of the first part, and of the last.
    evidence : float64
        Of the best part.
    last_low_dbm0, last_high_dbm0 : float64
        Levels of the last part.
    """

    key: Ints
    first_window: Ints
    last_window: Ints
    has_start: Bools
    has_stop: Bools
    evidence: Samples
    last_low_dbm0: Samples
    last_high_dbm0: Samples


_MEASURED = tuple(field.name for field in fields(Measurements))


def presses_of(parts: Parts, measured: Measurements, evidence: Samples) -> Presses:
    """Each part as a press of its own."""
    return _presses(parts, {name: getattr(measured, name) for name in _MEASURED}, evidence)


def clean_presses(parts: Parts, seen: Glimpses, start: Ints, stop: Ints, samplerate: int) -> Presses:
    """Each clean part as a press of its own, beyond doubt: what evidence is made of is not measured."""
    low_hz, high_hz = TONES_HZ[PAIRS[label_of(parts.key)]].T
    values = _not_measured(len(parts)) | {
        "start": start,
        "stop": stop,
        "on_ms": 1000.0 * (stop - start) / samplerate,
        "low_dbm0": _dbm0(seen.low),
        "high_dbm0": _dbm0(seen.high),
        "low_offset_pct": 100.0 * (seen.low_hz / low_hz - 1.0),
        "high_offset_pct": 100.0 * (seen.high_hz / high_hz - 1.0),
        "snr_db": seen.snr_db,
        "margin_db": seen.margin_db,
        "hum_margin_db": seen.hum_margin_db,
    }
    return _presses(parts, values, np.full(len(parts), np.inf))


def hopeless_presses(parts: Parts, block_len: int) -> Presses:
    """Each hopeless part of a longer run as a press of its own, that at most ends what is not hopeless."""
    edge = np.where(parts.has_stop, parts.start_block, parts.stop_block) * block_len
    faint = np.full(len(parts), FAINT_DBM0)
    values = _not_measured(len(parts)) | {"start": edge, "stop": edge, "low_dbm0": faint, "high_dbm0": faint}
    return _presses(parts, values, np.full(len(parts), -np.inf))


def _presses(parts: Parts, measured: dict[str, Any], evidence: Samples) -> Presses:
    return Presses(
        **measured,
        key=parts.key,
        first_window=parts.start_block,
        last_window=parts.stop_block - WINDOW_BLOCKS,
        has_start=parts.has_start,
        has_stop=parts.has_stop,
        evidence=evidence,
        last_low_dbm0=measured["low_dbm0"],
        last_high_dbm0=measured["high_dbm0"],
    )


def _not_measured(n: int) -> dict[str, Any]:
    return dict.fromkeys(_MEASURED, np.full(n, np.nan))  # one array: columns of presses are never written to


def _dbm0(amplitude: npt.NDArray[np.complex128]) -> Samples:
    return np.asarray(20.0 * np.log10(np.abs(amplitude)) + FULL_SCALE_SINE_DBM0)


def _no_parts() -> Parts:
    none, nothing = np.zeros(0, np.int64), np.zeros(0, np.bool_)
    return Parts(key=none, run_first=none, start_block=none, stop_block=none, has_start=nothing, has_stop=nothing)


NO_PARTS = _no_parts()
NO_PRESSES = hopeless_presses(NO_PARTS, 0)


def join(presses: Presses, bridged: Holes) -> Presses:
    """Join presses of the same key that are one; return what there is then, ordered by key and place.

    What begins later than ``bridged.windows`` after the last window of a press is not waited for, and does not join.
    """
    presses = presses.take(np.argsort(run_ids(presses.key, presses.first_window), kind="stable"))
    low_step = np.abs(presses.low_dbm0[1:] - presses.last_low_dbm0[:-1])
    high_step = np.abs(presses.high_dbm0[1:] - presses.last_high_dbm0[:-1])
    goes_on = bridged(presses.stop[:-1], presses.start[1:]) & (np.maximum(low_step, high_step) <= JOIN_LEVEL_DB)
    goes_on &= presses.first_window[1:] <= presses.last_window[:-1] + bridged.windows
    joins = (presses.key[1:] == presses.key[:-1]) & (goes_on | ~presses.has_start[1:])
    if not joins.any():
        return presses
    group = np.concatenate([[0], np.cumsum(~joins)])
    firsts = rows_where(np.concatenate([[True], ~joins]))
    lasts = np.append(firsts[1:], len(presses)) - 1
    score = np.minimum(presses.evidence, SURE) + EVIDENCE_PER_DB * presses.pair_dbm0
    best = np.lexsort((score, group))[lasts]
    # What is hopeless at the ends has no edges.
    heard = presses.low_dbm0 > FAINT_DBM0
    at = np.arange(len(presses))
    first_heard = np.minimum.reduceat(np.where(heard, at, len(at)), firsts)
    first_heard = np.where(first_heard < len(at), first_heard, firsts)
    last_heard = np.maximum.reduceat(np.where(heard, at, -1), firsts)
    last_heard = np.where(last_heard >= 0, last_heard, lasts)
    return presses.take(best).replaced(
        start=presses.start[first_heard],
        stop=presses.stop[last_heard],
        first_window=presses.first_window[firsts],
        last_window=presses.last_window[lasts],
        has_start=presses.has_start[firsts],
        has_stop=presses.has_stop[lasts],
        last_low_dbm0=presses.last_low_dbm0[lasts],
        last_high_dbm0=presses.last_high_dbm0[lasts],
    )


@dataclass(frozen=True, slots=True)
class Holes:
    """Which holes lie within one press.

    Parameters
    ----------
    bridge_ms : float
        Longest hole.
    samplerate : int
        Hz.
    lost : sequence of (int, int)
        Samples that were lost, half-open. Of a hole with lost samples in it, only the silence that was heard counts,
        against half of ``bridge_ms``: a press is not ended by what was not heard.
    """

    bridge_ms: float
    samplerate: int
    lost: Sequence[tuple[int, int]]

    @property
    def windows(self) -> int:
        """Windows without the pair that there can be between two parts that a hole of this length is between."""
        return max(SETTLE_WINDOWS, math.ceil((self.bridge_ms + JOIN_SLACK_MS) / BLOCK_MS))

    def __call__(self, stop: Ints, start: Ints) -> Bools:
        """Whether each hole from ``stop`` to ``start`` is within one press."""
        lost = np.zeros(len(stop), np.int64)
        for begin, end in self.lost:
            lost += np.maximum(0, np.minimum(start, end) - np.maximum(stop, begin))
        hole_ms = 1000.0 * (start - stop - lost) / self.samplerate
        return np.asarray(hole_ms <= np.where(lost > 0, self.bridge_ms / 2, self.bridge_ms))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loud(Columns):
    """Parts that an echo may be the echo of."""

    key: Ints
    first_window: Ints
    last_window: Ints
    stop: Ints
    pair_dbm0: Samples


class EchoFinder:
    """Tells the echo or the trace of a much louder press from a press.

    A press is refused if a sound part that began before it and ended no later, at most ``echo_ms`` before, is louder
    by more than ``echo_db``, of the same key, or ``other_echo_db``, of another one on the same channel. What goes on
    for :data:`LONGEST_ECHO_MS` after the louder part is no echo.
    """

    def __init__(self, profile: Profile, samplerate: int) -> None:
        self._profile = profile
        self._within = profile.echo_ms * samplerate / 1000.0
        self._longest = LONGEST_ECHO_MS * samplerate / 1000.0
        self._loud: _Loud | None = None

    def note(self, parts: Presses) -> None:
        """Take note of sound parts."""
        if self._within <= 0 or not len(parts):
            return
        loud = _Loud(
            key=parts.key,
            first_window=parts.first_window,
            last_window=parts.last_window,
            stop=parts.stop,
            pair_dbm0=parts.pair_dbm0,
        )
        self._loud = loud if self._loud is None else _Loud.concatenate([self._loud, loud])

    def forget(self, before: int) -> None:
        """Drop parts of which no press that goes on at a sample can be the echo."""
        if self._loud is not None and self._loud.stop[0] + 2 * self._longest < before:
            kept = self._loud.take(self._loud.stop + self._longest >= before)
            self._loud = kept if len(kept) else None

    def refusals(self, presses: Presses, rows: Ints, known: Ints) -> dict[int, Refusal]:
        """Which of some presses are echoes.

        Parameters
        ----------
        presses : Presses, length n
        rows : int64, shape (n_rows,)
            Those that are asked about.
        known : int64, shape (n,)
            How many windows were known when each was settled: what was measured later does not count.

        Returns
        -------
        dict of int to Refusal
            By row; what is no echo is left out.
        """
        loud = self._loud
        if loud is None or not len(rows):
            return {}
        least_db = min(self._profile.echo_db, self._profile.other_echo_db)
        level = presses.pair_dbm0
        faint = rows[level[rows] < loud.pair_dbm0.max() - least_db]
        refusals: dict[int, Refusal] = {}
        for row in faint.tolist():
            key, channel = presses.key[row], channel_of(presses.key[row])
            heard = (
                (channel_of(loud.key) == channel)
                & (loud.first_window < presses.first_window[row])
                & (loud.last_window <= np.minimum(presses.last_window[row], known[row] - SETTLE_WINDOWS - 1))
                & (presses.start[row] - loud.stop < self._within)
                & (presses.stop[row] - loud.stop < self._longest)
            )
            over_db = loud.pair_dbm0 - level[row]
            for name, same in (("echo_db", True), ("other_echo_db", False)):
                most = getattr(self._profile, name)
                if over := over_db[heard & ((loud.key == key) == same) & (over_db > most)].tolist():
                    refusals.setdefault(row, Refusal(name, max(over), most, "dB"))
        return refusals
