"""Detection: a cheap gate over everything, and the runs of windows in which one pair stands out.

The *gate* looks at windows of 20 ms, one every 10 ms. A window passes with the pair whose tones are each
strongest in their group and stand out from the other three by :data:`DOMINANCE_DB`. Comparing tones with
their own group, rather than with the energy of the window, makes the gate blind to dial tone, hum, DC and
anything else out of the groups' bands, at any level, and costs no pass over the samples for their energy. What
their sidelobes let through of a dial tone is taken out of the phasors (:data:`DIAL_TONE_HZ`).
What was tried: a window every 5 ms (twice the time, and no press more at -2 dB SNR); 10 ms windows for the high
group (a quarter of the presses lost at a twist of -19 dB); tapered windows (no better than rectangular ones).
Not taken: a share of the energy, which a dial tone 10 dB up would close.

A *run* is a stretch of windows with the same pair; breaks of up to :data:`BRIDGED_WINDOWS` windows do not end it. The
gate is a net that loses next to no press and passes much else: :mod:`dtmf_audio.receiver` says what becomes of runs.

Conventions
-----------
- Samples come in steps of 16 bits, ``SAMPLE_SCALE`` times full scale.
- Windows are built from the Goertzel phasors of 10 ms blocks, and are numbered by their first block. Everything
  here depends on window numbers, not on how the stream was cut into chunks, but for a window that is within rounding
  of a limit, 1e-7 of it: BLAS adds up a row in an order that depends on its place among the others.
- Arrays are ``(..., n_blocks, n_channels)``: one channel and many are the same code, and the long axis is last.
- Keys and labels are the numbers of :mod:`dtmf_audio.keys`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dtmf_audio.columns import Bools, Columns, Ints, rows_where
from dtmf_audio.goertzel import GoertzelBank, GoertzelForm, Phasors
from dtmf_audio.keys import N_KEYS, TONES_HZ
from dtmf_audio.profiles import Profile
from dtmf_audio.signals import SAMPLE_SCALE
from dtmf_audio.units import amplitude_from_dbm0, power_ratio_from_db

BLOCK_MS = 10.0  # chosen: half a window; an edge is found in the samples, not here
WINDOW_BLOCKS = 2  # chosen: 20 ms resolves 73 Hz, the closest neighbours
DOMINANCE_DB = 3.5  # chosen: loses 1 press of 3000 at -2 dB SNR; 4 dB loses 4, and 3 dB passes a quarter more speech
# Dial tones of 330 to 460 Hz come through 36 to 70 dB weaker, and white noise 0.1 dB stronger. Without it their
# sidelobes are 25 dB down, which hides keys 22 dB weaker, and prolongs runs into the pauses.
DIAL_TONE_HZ = (340.0, 400.0, 450.0)
LEVEL_MARGIN_DB = 10.0  # the gate's floor and twist are this much wider than the profile's
# Windows without the pair that do not end a run. Chosen: with 1, 9 of 2000 pauses of 30 ms went unseen.
BRIDGED_WINDOWS = 0
FEWEST_WINDOWS = 2  # a run of fewer is no candidate; chosen: takes a fifth of the runs in speech
SETTLE_WINDOWS = 6  # windows after a stretch that must be known before it is measured
NO_PAIR = -1
FAR = 2**40  # more windows than any stream has
MANY_RUNS = 16  # for each that is asked about: beyond it, sorting them all costs more than picking those of its key

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

    Attributes
    ----------
    block_len : int
        Samples of a block.
    """

    def __init__(self, samplerate: int, profile: Profile, *, form: GoertzelForm = "matrix") -> None:
        self.block_len = round(BLOCK_MS * samplerate / 1000.0)
        dtype = np.float32 if form == "matrix" else np.float64
        self._bank = GoertzelBank(TONES_HZ, samplerate, self.block_len, form=form, dtype=dtype, deaf_to_hz=DIAL_TONE_HZ)
        self._turn = self._bank.turn.astype(np.result_type(dtype, np.complex64))[:, :, np.newaxis]
        self._dominance = dtype(power_ratio_from_db(DOMINANCE_DB))
        floor = amplitude_from_dbm0(profile.min_level_dbm0 - LEVEL_MARGIN_DB) * SAMPLE_SCALE
        self._floor = dtype((floor * self.block_len * WINDOW_BLOCKS / 2.0) ** 2)
        self._high_over_low = dtype(power_ratio_from_db(profile.max_twist_db + LEVEL_MARGIN_DB))
        self._low_over_high = dtype(power_ratio_from_db(profile.max_reverse_twist_db + LEVEL_MARGIN_DB))

    def phasors(self, samples: npt.NDArray[Any], before: Phasors) -> Phasors:
        """Phasors of whole blocks, behind those of the blocks before them.

        Parameters
        ----------
        samples : float, shape (n_channels, n_blocks * block_len)
            In steps of 16 bits.
        before : complex, shape (8, n_before, n_channels)
            Phasors that are known already, at least of the last block.

        Returns
        -------
        complex, shape (8, n_before + n_blocks, n_channels)
        """
        n_before, n_channels = before.shape[1:]
        found = self._bank.phasors(samples.reshape(-1, self.block_len))
        phasors = np.empty((len(found), n_before + found.shape[1] // n_channels, n_channels), found.dtype)
        phasors[:, :n_before] = before
        phasors[:, n_before:] = found.reshape(len(found), n_channels, -1).transpose(0, 2, 1)
        return phasors

    def no_phasors(self, n_channels: int) -> Phasors:
        """What stands for the phasors before the first block: none."""
        return np.zeros((8, 0, n_channels), self._turn.dtype)

    def labels(self, phasors: Phasors) -> Labels:
        """Label of each window, or -1: int8, shape (n_blocks - 1, n_channels), of phasors (8, n_blocks, n_channels)."""
        windows = phasors[:, 1:] * self._turn
        windows += phasors[:, :-1]
        squares = windows.view(windows.real.dtype)
        np.square(squares, out=squares)
        power = squares[..., 0::2] + squares[..., 1::2]  # (8, n_windows, n_channels)
        # Both groups at a time: (2, n_windows, n_channels).
        greatest, limit = _greatest_two(power.reshape(2, 4, *power.shape[1:]))
        np.maximum(np.multiply(limit, self._dominance, out=limit), self._floor, out=limit)
        low_passed, high_passed = greatest > limit
        low_passed &= high_passed
        labels = np.empty(low_passed.shape, np.int8)
        labels.fill(NO_PAIR)
        at = rows_where(low_passed.ravel())
        if len(at):
            columns = power.reshape(8, -1)[:, at]
            low, high = greatest.reshape(2, -1)[:, at]
            label = 4 * columns[:4].argmax(axis=0) + columns[4:].argmax(axis=0)
            within = (high < self._high_over_low * low) & (low < self._low_over_high * high)
            labels.ravel()[at] = np.where(within, label, NO_PAIR)
        return labels


def _greatest_two(power: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Greatest and second greatest of four along the second axis, by comparisons of whole rows."""
    first, second, third, fourth = power[:, 0], power[:, 1], power[:, 2], power[:, 3]
    upper, lower = np.maximum(first, second), np.maximum(third, fourth)
    greatest = np.maximum(upper, lower)
    runner_up = np.minimum(upper, lower, out=upper)
    np.maximum(runner_up, np.minimum(first, second, out=lower), out=runner_up)
    np.maximum(runner_up, np.minimum(third, fourth, out=lower), out=runner_up)
    return greatest, runner_up


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs(Columns):
    """Stretches of windows with the same pair.

    Attributes
    ----------
    key : int64
        As in :mod:`dtmf_audio.keys`.
    first, last : int64
        First and last window.
    count : int64
        Windows from first to last that have the pair.
    cut : int64
        First window, or block, that is in no part yet.
    age : int64
        Ages passed at which it may be told to have started.
    """

    key: Ints
    first: Ints
    last: Ints
    count: Ints
    cut: Ints
    age: Ints

    @property
    def ids(self) -> Ints:
        """A number for each run that sorts by key and place."""
        return run_ids(self.key, self.first)


def run_ids(key: Ints, window: Ints) -> Ints:
    """Numbers that sort by key, then by window."""
    return key * FAR + window


_NO_RUN = Runs(**{name: np.array([-1]) for name in ("key", "first", "last", "count", "cut", "age")})  # of no key


class RunTracker:
    """Joins labels into runs as they come.

    Attributes
    ----------
    open : Runs
        That may go on; one of a key at the most.
    known : int
        Number of windows seen.
    """

    def __init__(self) -> None:
        self.open = _NO_RUNS
        self.known = 0
        self._ended = self.open

    def update(self, labels: Labels) -> Runs:
        """Take the labels of the next windows, int8, (n, n_channels); return the long enough runs that have ended."""
        offset, self.known = self.known, self.known + len(labels)
        runs = _stretches(labels, offset)
        if len(self.open):
            runs = _continue(self.open, runs)
        if not len(runs):
            return runs
        goes_on = runs.last + BRIDGED_WINDOWS + 1 >= self.known
        ended = runs.take(~goes_on & (runs.count >= FEWEST_WINDOWS))
        self.open = runs.take(goes_on)
        if len(ended):
            self._ended = Runs.concatenate([self._ended, ended])
        return ended

    def neighbours(self, key: Ints, first: Ints, last: Ints) -> tuple[Ints, Ints]:
        """Where the run of the same key before each run ended, and where the one after it begins.

        Far away if there is none; only runs of enough windows count.
        """
        runs = self._in_order(key)
        before = runs.ids.searchsorted(run_ids(key, first)) - 1
        after = runs.ids.searchsorted(run_ids(key, last), side="right")
        has_before, before = _of_key(runs, before, key)
        has_after, after = _of_key(runs, after, key)
        return np.where(has_before, runs.last[before], -FAR), np.where(has_after, runs.first[after], FAR)

    def latest(self, key: Ints, until: Ints) -> tuple[Ints, Ints]:
        """First and last window of the latest run of each key that begins by a window; far away if there is none."""
        runs = self._in_order(key)
        has_one, at = _of_key(runs, runs.ids.searchsorted(run_ids(key, until), side="right") - 1, key)
        return np.where(has_one, runs.first[at], -FAR), np.where(has_one, runs.last[at], -FAR)

    def _in_order(self, key: Ints) -> Runs:
        """Runs of enough windows, by key and place, of these keys at least; never none at all."""
        runs = Runs.concatenate([self._ended, self.open.take(self.open.count >= FEWEST_WINDOWS)])
        if len(runs) > MANY_RUNS * len(key):
            asked = np.zeros(int(max(runs.key.max(), key.max())) + 1, np.bool_)
            asked[key] = True
            runs = runs.take(asked[runs.key])  # of thousands of channels, few ask
        return runs.take(np.argsort(runs.ids)) if len(runs) else _NO_RUN

    def forget(self, before: int) -> None:
        """Drop runs that ended before a window."""
        if len(self._ended) and self._ended.last.min() < before:
            self._ended = self._ended.take(self._ended.last >= before)


def _of_key(runs: Runs, at: npt.NDArray[np.intp], key: Ints) -> tuple[Bools, npt.NDArray[np.intp]]:
    """Whether there is a run at each place and it has the key, and the places, none beyond the ends."""
    within = at.clip(0, len(runs) - 1)
    return np.asarray((within == at) & (runs.key[within] == key)), within


_NO_RUNS = _NO_RUN.take(slice(0))


def _stretches(labels: Labels, offset: int) -> Runs:
    """Runs within these labels, by key and place."""
    n_channels = labels.shape[1]
    flat = labels.ravel()
    at = rows_where(flat != NO_PAIR)
    if not len(at):
        return _NO_RUNS
    key = flat[at].astype(np.int64)
    window = at
    if n_channels > 1:
        window, channel = np.divmod(at, n_channels)
        key += N_KEYS * channel
    order = np.argsort(key, kind="stable")
    key, window = key[order], window[order] + offset
    begins = np.ones(len(key), np.bool_)
    begins[1:] = (key[1:] != key[:-1]) | (window[1:] - window[:-1] > BRIDGED_WINDOWS + 1)
    starts = rows_where(begins)
    stops = np.append(starts[1:], len(key))[: len(starts)]
    first = window[starts]
    return Runs(
        key=key[starts], first=first, last=window[stops - 1], count=stops - starts, cut=first.copy(), age=0 * first
    )


def _continue(earlier: Runs, runs: Runs) -> Runs:
    """Join runs, ordered by key, to the open runs that they go on with."""
    if not len(runs):
        return earlier
    at = np.minimum(runs.key.searchsorted(earlier.key), len(runs) - 1)  # the first run of the key
    joins = (runs.key[at] == earlier.key) & (runs.first[at] - earlier.last <= BRIDGED_WINDOWS + 1)
    into, joined = at[joins], earlier.take(joins)
    runs.first[into], runs.cut[into], runs.age[into] = joined.first, joined.cut, joined.age
    runs.count[into] += joined.count
    return Runs.concatenate([earlier.take(~joins), runs])
