"""The steady pair of a press by least squares, and its edges.

The envelope of two tones beats, and no filter follows a rise of 1 ms without blurring it. So no envelope is
taken: the steady pair, extended over the edge, is multiplied by ramps of three shapes (straight, raised cosine,
exponential), and the one that leaves least of the samples is the edge. On clean audio it is exact to 0.1 ms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dtmf_audio.signals import Samples

FIT_S = (0.06, 0.24, 1.0)  # chosen: each is short enough for the frequency that the one before it gives
FIT_STEPS = 4  # Gauss-Newton; two are enough from a start within 0.2 of a bin
EDGE_BEFORE_S, EDGE_AFTER_S = 0.020, 0.030  # what is looked at around half height; a rise of 20 ms still fits
EDGE_BIN_S = 1 / 8000
EDGE_SEARCH_MS = 12.0
RISES_MS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.5, 8.0, 10.0, 13.0, 16.0, 20.0)
REFINEMENTS = ((0.125, 0.06), (0.03, 0.015))  # steps of place, in ms, and of rise, in shares of itself or of 1 ms
SHAPES = ("straight", "cosine", "exponential")
STEADY_AFTER = {"straight": 0.625, "cosine": 0.85, "exponential": 1.8}  # half height to 99 %, over 10 to 90 %
SEEN_S = 0.003  # chosen: an edge is told only with as much of what lies outside it
QUIET_SHARE = 0.1  # of the pair's power, in the first or last half millisecond: the press has not begun, or is over
UNCLEAR_SETTLE_S = 0.006
EDGE_UNCLEAR = 0.1  # chosen: share of the pair's energy around the edge that no ramp explains


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """DC and two tones, fitted; phases are at sample ``centre``."""

    rate: int
    freqs_hz: tuple[float, float]
    coefficients: Samples  # (5,): DC, cosine and sine of the low tone, of the high tone
    centre: float

    def amplitudes(self) -> tuple[float, float]:
        """Peak amplitude of each tone."""
        _, a, b, c, d = self.coefficients
        return math.hypot(a, b), math.hypot(c, d)

    def power(self) -> float:
        """Mean square of both tones."""
        return float(np.sum(self.coefficients[1:] ** 2) / 2)

    def weaker_power(self) -> float:
        """Mean square of the weaker tone."""
        return min(self.amplitudes()) ** 2 / 2

    def wave(self, start: int, stop: int) -> Samples:
        """Both tones without the DC, shape (stop - start,)."""
        return columns_at(_around(start, stop, self.centre), self.freqs_hz, self.rate)[:, 1:] @ self.coefficients[1:]


@dataclass(frozen=True, slots=True)
class Edge:
    """A ramp: sample of its half height, its 10 to 90 % time, seconds from half height to steady.

    ``clear`` if a ramp explains the samples; ``cut`` if the recording begins or ends within the press.
    """

    at: float
    rise_s: float
    settle_s: float
    clear: bool
    cut: bool = False


def columns_at(at: Samples, freqs_hz: Sequence[float], rate: int) -> Samples:
    """1, then cosine and sine of each frequency, at samples ``at``: shape (n, 1 + 2 n_freqs)."""
    phases = 2 * np.pi / rate * np.outer(at, freqs_hz)  # (n, n_freqs)
    waves = np.stack([np.cos(phases), np.sin(phases)], axis=2).reshape(len(at), 2 * len(freqs_hz))
    return np.concatenate([np.ones((len(at), 1)), waves], axis=1)


def fit_pair(samples: Samples, rate: int, steady: tuple[int, int], freqs_hz: tuple[float, float]) -> Pair:
    """Fit DC and two tones by least squares with Hann weights, which keep hum and harmonics out of it."""
    low_hz, high_hz = freqs_hz
    for longest_s in FIT_S:
        start, stop = middle(steady, longest_s, rate)
        x = samples[start:stop]
        centre = (start + stop - 1) / 2
        at = _around(start, stop, centre)
        weight = hann(len(x))[:, np.newaxis]
        for _ in range(FIT_STEPS):
            columns = columns_at(at, (low_hz, high_hz), rate)
            values = _solve(columns, weight, x)
            slopes = [values[n] * columns[:, n - 1] - values[n - 1] * columns[:, n] for n in (2, 4)]
            turned = (at / len(x))[:, np.newaxis] * np.stack(slopes, axis=1)  # change for a turn of 1 rad in all
            values = _solve(np.concatenate([columns, turned], axis=1), weight, x)
            steps_hz = np.clip(values[5:] / (2 * np.pi), -0.5, 0.5) * rate / len(x)  # half a bin at most
            low_hz, high_hz = low_hz + float(steps_hz[0]), high_hz + float(steps_hz[1])
        values = _solve(columns_at(at, (low_hz, high_hz), rate), weight, x)
        if longest_s * rate >= steady[1] - steady[0]:
            break
    return Pair(rate, (low_hz, high_hz), values, centre)


def _solve(columns: Samples, weight: Samples, x: Samples) -> Samples:
    """Weighted least squares by the normal equations: a handful of columns, nearly orthogonal."""
    weighted = (columns * weight).T
    return np.asarray(np.linalg.lstsq(weighted @ columns, weighted @ x, rcond=None)[0], np.float64)


def _around(start: int, stop: int, centre: float) -> Samples:
    """Samples of a stretch, counted from its centre."""
    return np.asarray(np.arange(start, stop) - centre, np.float64)


def hann(n: int) -> Samples:
    """Hann window without its zeros, shape (n,)."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(n) + 0.5) / n)


def middle(bounds: tuple[int, int], longest_s: float, rate: int) -> tuple[int, int]:
    """Return the middle of a stretch, no longer than so many seconds."""
    start, stop = bounds
    spare = max(0, stop - start - round(longest_s * rate))
    return start + spare // 2, stop - (spare - spare // 2)


class EdgeFinder:
    """Fits ramps to the edges of presses; the coarse grid of ramps depends on the rate alone."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._bin = max(1, round(rate * EDGE_BIN_S))
        self._bin_ms = 1000.0 * self._bin / rate
        self._before = round(EDGE_BEFORE_S * rate / self._bin)
        self._n_bins = self._before + round(EDGE_AFTER_S * rate / self._bin)
        at = np.arange(-EDGE_SEARCH_MS, EDGE_SEARCH_MS + 0.25, 0.5)
        self._coarse = [(shape, *_grid(at, np.array(RISES_MS))) for shape in SHAPES]
        self._gains = [self._ramps(shape, at_ms, rise_ms) for shape, at_ms, rise_ms in self._coarse]

    def find(
        self, samples: Samples, pair: Pair, rough: int, room: tuple[int, int], *, falling: bool, dc: float, fine: bool
    ) -> Edge:
        """Find the edge near a sample.

        With ``s`` the steady pair and ``g`` a ramp, the squares of ``x - g s`` sum to a constant less
        ``2 g (x s) - g**2 s**2``; as ``g`` changes slowly, ``x s`` and ``s**2`` are summed over bins of 1/8 ms first.
        """
        n, ahead = self._n_bins * self._bin, self._before * self._bin
        start = rough - ahead if not falling else rough + ahead - n + 1
        first, last = max(start, room[0]), min(start + n, room[1])
        seen = rough - room[0] if not falling else room[1] - rough  # samples outside the press
        at_end = room[0] == 0 if not falling else room[1] == len(samples)
        quiet = False
        if at_end:
            ms = max(2, self._rate // 2000)
            outermost = samples[:ms] if not falling else samples[-ms:]
            quiet = float(np.mean((outermost - dc) ** 2)) < QUIET_SHARE * pair.power()
        if last - first < 2 or (seen < SEEN_S * self._rate and not quiet):
            return Edge(at=float(rough), rise_s=0.0, settle_s=UNCLEAR_SETTLE_S, clear=False, cut=at_end)
        x, s = np.zeros(n), np.zeros(n)
        x[first - start : last - start] = samples[first:last] - dc
        s[first - start : last - start] = pair.wave(first, last)
        if quiet and not falling:  # nothing was sent before the recording began
            s[: first - start] = pair.wave(start, first)
        elif quiet:
            s[last - start :] = pair.wave(last, start + n)
        if falling:
            x, s = x[::-1], s[::-1]
        cross, energy = ((x * s).reshape(-1, self._bin).sum(axis=1), (s * s).reshape(-1, self._bin).sum(axis=1))
        best = max(
            _best(gains, cross, energy, shape, at_ms, rise_ms)
            for (shape, at_ms, rise_ms), gains in zip(self._coarse, self._gains, strict=True)
        )
        for step_ms, share in REFINEMENTS if fine else ():
            _, _, at, rise = best
            rises = np.maximum(rise + max(rise, 1.0) * share * np.arange(-4, 5), 0.0)
            for shape in SHAPES:
                at_ms, rise_ms = _grid(at + step_ms * np.arange(-4.0, 5.0), rises)
                best = max(best, _best(self._ramps(shape, at_ms, rise_ms), cross, energy, shape, at_ms, rise_ms))
        gain, shape, at, rise = best
        unexplained = (float(np.sum(x * x)) - gain) / max(float(np.sum(energy)), 1e-30)
        offset = ahead + at * self._rate / 1000.0
        return Edge(
            at=start + n - 1 - offset if falling else start + offset,
            rise_s=rise / 1000.0,
            settle_s=rise / 1000.0 * STEADY_AFTER[shape],
            clear=unexplained < EDGE_UNCLEAR and rise < RISES_MS[-1],
        )

    def _ramps(self, shape: str, at_ms: Samples, rise_ms: Samples) -> Samples:
        """Ramps by their half heights and their 10 to 90 % times, shape (n_ramps, n_bins)."""
        t = (np.arange(self._n_bins) - self._before + (self._bin - 1) / (2 * self._bin)) * self._bin_ms
        since = t - at_ms[:, np.newaxis]
        rise = np.maximum(rise_ms, 1e-6)[:, np.newaxis]
        if shape == "straight":
            return np.asarray(np.clip(0.5 + 0.8 * since / rise, 0.0, 1.0))
        if shape == "cosine":
            progress = np.clip(0.5 + since * (math.acos(-0.8) - math.acos(0.8)) / math.pi / rise, 0.0, 1.0)
            return np.asarray(0.5 - 0.5 * np.cos(np.pi * progress))
        times = np.maximum(since * math.log(9.0) / rise + math.log(2.0), 0.0)
        return np.asarray(1.0 - np.exp(-times))


def _grid(at_ms: Samples, rise_ms: Samples) -> tuple[Samples, Samples]:
    """Every place with every rise, both of shape (n,)."""
    places, rises = np.meshgrid(at_ms, rise_ms, indexing="ij")
    return places.ravel(), rises.ravel()


def _best(
    gains: Samples, cross: Samples, energy: Samples, shape: str, at_ms: Samples, rise_ms: Samples
) -> tuple[float, str, float, float]:
    """Return the ramp that explains most: what it explains, its shape, its half height and its rise."""
    explained = 2 * gains @ cross - gains**2 @ energy
    as_good = np.flatnonzero(explained >= explained.max() - 1e-9 * float(np.sum(energy)))
    steepest = as_good[rise_ms[as_good] <= rise_ms[as_good].min() + 1e-9]
    index = int(steepest[len(steepest) // 2])  # a step lies anywhere between two samples: in the middle
    return float(explained[index]), shape, float(at_ms[index]), float(rise_ms[index])
