"""Edges of clean presses: where a pair that is known exactly begins and ends, for hundreds of presses at a time.

The screen gives a clean press its frequencies, levels and phases. What is left to find is where it starts and stops,
and that takes two short looks at each edge:

1. The energy around the rough edge over the power of the pair is how long the pair is on there: the edge to 1 ms.
2. Around it, each of some hundred edges, of ramps of 0 to 5 ms, is held against the samples. With the pair ``s`` and
   the gain ``g`` of an edge, ``sum(2 x g s - (g s)**2)`` is the log-likelihood ratio but for a factor; the greatest
   wins.

What the best edge leaves over tells whether the press is as clean as it seemed. If it is not, :meth:`CleanEdges.find`
says so and the press is measured like any other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from dtmf_audio.columns import Bools, Ints, rows_where
from dtmf_audio.keys import PAIRS, TONES_HZ, label_of
from dtmf_audio.measures import rising_edges
from dtmf_audio.screen import Glimpses
from dtmf_audio.signals import SAMPLE_SCALE, Samples

OUTSIDE_MS, INSIDE_MS = 4.0, 22.0  # a window that carries the pair reaches past the edge by up to 15 ms
FEWEST_MS = 4.0  # less of the pair around an edge is no edge
RAMPS_MS = (0.0, 1.0, 2.0, 3.0, 5.0)
SEARCH_MS = 1.25  # what beats and ramps can shift the first look by
STEP_MS = 0.125  # edges are looked for so finely, or to the sample
RAMP_GAIN = 12.0  # what a ramp must win over a hard edge, in variances of the noise, and beyond them
# chosen: the pair's energy in this time, which is not known to the last digit; with 0.0125 a ramp of 2 ms is taken for
# none once in 200 edges
MODEL_ERROR_MS = 0.006
FEW = 32  # presses; chosen: their pairs, and what these are made of, stay in the cache
ROUNDING = 3e-5  # of the energy; a sum of some hundred products in single precision is off by less
LEFT_OVER = 0.04  # share of the pair's power around an edge that may be left over

Read = Callable[[Ints, Ints, int], npt.NDArray[np.float32]]


class CleanEdges:
    """Finds the edges of clean presses at one sample rate.

    Parameters
    ----------
    samplerate : int
        Hz.
    """

    def __init__(self, samplerate: int) -> None:
        self._omega_per_hz = 2 * np.pi / samplerate
        self._outside, self._inside, self._fewest = (
            round(ms * samplerate / 1000.0) for ms in (OUTSIDE_MS, INSIDE_MS, FEWEST_MS)
        )
        self._reach = round((max(RAMPS_MS) / 2 + SEARCH_MS + 0.5) * samplerate / 1000.0)
        at = np.arange(-self._reach, self._reach)
        step = max(1, round(STEP_MS * samplerate / 1000.0))
        n_steps = round(SEARCH_MS * samplerate / 1000.0) // step
        ramps = [round(ms * samplerate / 1000.0) for ms in RAMPS_MS]
        self._feet, gains = rising_edges(ramps, step * np.arange(-n_steps, n_steps + 1), at)
        single = gains.astype(np.float32).T
        self._templates = np.concatenate([2.0 * single, -(single**2)])  # (4 reach, n_edges): of x s, and of s s
        self._exact_templates = np.ascontiguousarray(self._templates.T, np.float64)
        self._forwards = np.full(4, SAMPLE_SCALE, np.float32)
        self._backwards = self._forwards * np.array([1, -1, 1, -1], np.float32)  # phasors turn the other way
        self._model_error = MODEL_ERROR_MS * samplerate / 1000.0
        self._n_hard = len(gains) // len(RAMPS_MS)
        waves = np.exp(1j * self._omega_per_hz * np.outer(TONES_HZ, at + 0.5))
        parts = np.stack([waves.real, -waves.imag], axis=1).astype(np.float32)  # (8, 2, 2 reach)
        self._waves = parts[PAIRS].reshape(len(PAIRS), 4, 2 * self._reach)

    def find(
        self,
        read: Read,
        key: Ints,
        seen: Glimpses,
        middle: npt.NDArray[np.floating[Any]],
        rough: Ints,
        *,
        rising: bool | Bools,
    ) -> tuple[Ints, Bools]:
        """Find one edge of each press.

        Parameters
        ----------
        read : callable
            Gives the audio of each key's channel from a sample on, (n, length), in steps of 16 bits.
        key : int64, shape (n,)
            As in :mod:`dtmf_audio.keys`.
        seen : Glimpses, length n
            What the screen saw of each.
        middle : float, shape (n,)
            Sample of the stream at which the phasors in ``seen`` are: the middle of what the screen looked at.
        rough : int64, shape (n,)
            Where the windows with the pair begin, or end.
        rising : bool, or one of shape (n,)
            Whether it is the start that is looked for, of all or of each.

        Returns
        -------
        edges : int64, shape (n,)
            Sample of the stream at which each starts, or stops, half-open.
        found : bool, shape (n,)
            Whether the press is clean there; otherwise the edge says nothing.
        """
        if isinstance(rising, bool):
            rising = np.full(len(key), rising)
        power = (np.abs(seen.low) ** 2 + np.abs(seen.high) ** 2) / 2.0
        noise = power / 10.0 ** (seen.snr_db / 10.0)
        near, found = self._to_1_ms(read, key, power, noise, rough, rising)
        window = read(key, near - self._reach, 2 * self._reach)
        falling = rows_where(~rising)
        if len(falling):
            window[falling] = window[falling, ::-1]
        turn = (near - 0.5 - middle) * self._omega_per_hz
        low, high = seen.low * np.exp(1j * seen.low_hz * turn), seen.high * np.exp(1j * seen.high_hz * turn)
        amplitudes = np.empty((len(key), 4), np.float32)
        amplitudes[:, 0], amplitudes[:, 1], amplitudes[:, 2], amplitudes[:, 3] = (
            low.real,
            low.imag,
            high.real,
            high.imag,
        )
        amplitudes *= np.where(rising[:, np.newaxis], self._forwards, self._backwards)
        label, pair = label_of(key), np.empty((len(key), 2 * self._reach), np.float32)
        for i in range(0, len(key), FEW):
            np.einsum("ij,ijk->ik", amplitudes[i : i + FEW], self._waves[label[i : i + FEW]], out=pair[i : i + FEW])
        products = np.empty((len(pair), 2, 2 * self._reach), np.float32)
        np.multiply(window, pair, out=products[:, 0])
        np.multiply(pair, pair, out=products[:, 1])
        hard = SAMPLE_SCALE**2 * (RAMP_GAIN * noise + self._model_error * power)
        rounding = SAMPLE_SCALE**2 * ROUNDING * 2 * self._reach * power
        best, likelihood = self._best(products.reshape(len(pair), 4 * self._reach), hard, rounding)
        left_over = _energy(window) - likelihood / SAMPLE_SCALE**2
        found &= left_over <= (LEFT_OVER * power + RAMP_GAIN * noise) * 2 * self._reach
        return near + np.where(rising, self._feet[best], -self._feet[best]), found

    def _best(self, products: npt.NDArray[np.float32], hard: Samples, rounding: Samples) -> tuple[Ints, Samples]:
        """Which edge is the most likely, (n,), and how likely it is, of products (n, 4 reach).

        BLAS adds up in an order that depends on how many presses there are, and edges often tie but for rounding: a
        sine begins with a sample of 0. So what is within rounding of the best is added up again, each press alone.
        """
        likelihood = products @ self._templates  # (n, n_edges)
        likelihood[:, : self._n_hard] += hard[:, np.newaxis]
        best = likelihood.argmax(axis=1)
        greatest = likelihood[np.arange(len(best)), best].astype(np.float64)
        ties = likelihood >= (greatest - rounding)[:, np.newaxis]
        tied = rows_where(np.count_nonzero(ties, axis=1) > 1)
        if len(tied):
            of, edge = ties[tied].nonzero()
            exact = np.einsum("ij,ij->i", products[tied[of]], self._exact_templates[edge], dtype=np.float64)
            exact[edge < self._n_hard] += hard[tied[of[edge < self._n_hard]]]
            winner = np.lexsort((-edge, exact, of))[np.cumsum(np.bincount(of)) - 1]
            best[tied], greatest[tied] = edge[winner], exact[winner]
        return best, greatest

    def _to_1_ms(
        self, read: Read, key: Ints, power: Samples, noise: Samples, rough: Ints, rising: Bools
    ) -> tuple[Ints, Bools]:
        """Edges by the energy around them, (n,), and whether the pair is on there long enough and not too long."""
        length = self._outside + self._inside
        begin = rough - np.where(rising, self._outside, self._inside)
        covered = (_energy(read(key, begin, length)) - noise * length) / power  # samples
        found = (covered >= self._fewest) & (covered <= length)
        n_covered = np.rint(covered.clip(self._fewest, length)).astype(np.int64)
        return begin + np.where(rising, length - n_covered, n_covered), np.asarray(found)


def _energy(samples: npt.NDArray[Any]) -> Samples:
    """Sum of squares, full scale 1.0, (n,)."""
    return np.asarray(np.einsum("ij,ij->i", samples, samples) / SAMPLE_SCALE**2, np.float64)
