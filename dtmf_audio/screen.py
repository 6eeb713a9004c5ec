"""The screen: one short spectrum of each candidate tells the hopeless from the clean, and both from the rest.

Measuring a candidate in full costs as much as a second of audio, and nearly all candidates of speech are hopeless, as
nearly all presses of a line are clean. So each gets a first look: the spectrum of 32 ms in its middle under a Hann
window, 31 Hz a bin. Its two peaks give the frequencies and levels of the pair, the rest of it what else sounds.

Conventions
-----------
- 32 ms is what fits into a press of 40 ms whose middle is known to 5 ms; Hann's sidelobes keep the two tones, 268 Hz or
  more apart, out of each other.
- Samples come in steps of 16 bits; levels and powers here are referred to full scale.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dtmf_audio.columns import Columns, Ints
from dtmf_audio.signals import SAMPLE_SCALE, Samples
from dtmf_audio.tones import HIGH_HZ, LOW_HZ
from dtmf_audio.units import FULL_SCALE_SINE_DBM0

SCREEN_MS = 32.0
NOISE_BAND_HZ = (500.0, 3600.0)
HUM_BAND_HZ = (100.0, 500.0)
LOBE_HZ = 80.0  # a Hann line reaches 62 Hz to both sides
REACH_PCT = 3.5  # how far from nominal the peak is looked for
TINY = 1e-20


@dataclass(frozen=True, slots=True, kw_only=True)
class Glimpses(Columns):
    """What the screen saw, (n,); names as in :class:`~dtmf_audio.measurement.Measurements`."""

    low_dbm0: Samples
    high_dbm0: Samples
    low_offset_pct: Samples
    high_offset_pct: Samples
    snr_db: Samples
    margin_db: Samples
    hum_margin_db: Samples
    flatness_db: Samples

    @property
    def offset_pct(self) -> Samples:
        """The larger of the two offsets, absolute."""
        return np.maximum(np.abs(self.low_offset_pct), np.abs(self.high_offset_pct))


# Log-odds of a pair of tones for each unit of each term, from a logistic regression over 36,000 presses under 23
# damages and the 58,000 candidates in 5.8 hours of speech and music. It only drops what no closer look would save.
_BASE = 1.68
TERMS: tuple[tuple[str, float, Callable[[Glimpses], Samples]], ...] = (
    ("margin over other lines, dB", 1.15, lambda g: np.clip(g.margin_db, -8.0, 15.0)),
    ("margin over lines below 500 Hz, dB", 0.33, lambda g: np.clip(g.hum_margin_db, -12.0, 10.0)),
    ("signal to noise, dB", -0.32, lambda g: np.clip(g.snr_db, -8.0, 15.0)),
    ("flatness of the rest, dB", -0.08, lambda g: np.clip(g.flatness_db, -15.0, 0.0)),
    ("offset from nominal, %", -4.71, lambda g: np.clip(g.offset_pct, 1.5, 3.5)),
)
# chosen: loses 1 press in 300 under speech 5 dB below it and 1 in 1500 after Opus at 8 kbit/s, and one in twenty of the
# candidates in speech and music is left
HOPELESS = -7.0


def odds(glimpses: Glimpses) -> Samples:
    """Sum of the terms, log-odds, shape (n,)."""
    total = np.full(len(glimpses), _BASE)
    for _, weight, term in TERMS:
        total += weight * term(glimpses)
    return total


class Screen:
    """Looks at the middle of candidates.

    Parameters
    ----------
    samplerate : int
        Hz.

    Attributes
    ----------
    length : int
        Samples that it looks at.
    """

    def __init__(self, samplerate: int) -> None:
        self.length = round(SCREEN_MS * samplerate / 1000.0)
        self._n_fft = _fast_length(self.length)
        window = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(self.length) + 0.5) / self.length)
        # Power of a bin of white noise is its variance; of a line of amplitude a it is a**2 * self._line.
        self._window = window / np.sqrt((window**2).sum()) / SAMPLE_SCALE
        self._line = (window.sum() ** 2) / (window**2).sum() / 4.0
        self._bin_hz = samplerate / self._n_fft
        top_hz = min(NOISE_BAND_HZ[1], 0.45 * samplerate)
        self._n_bins = int(top_hz / self._bin_hz) + 2
        bins_hz = np.arange(self._n_bins) * self._bin_hz
        in_band = (bins_hz >= NOISE_BAND_HZ[0]) & (bins_hz <= top_hz)
        self._hum = slice(*np.searchsorted(bins_hz, HUM_BAND_HZ))
        self._nominal_hz = np.array(LOW_HZ + HIGH_HZ)
        pairs = [(row, 4 + column) for row in range(4) for column in range(4)]
        self._pairs = np.array(pairs)  # (16, 2)
        away_hz = np.abs(bins_hz - self._nominal_hz[self._pairs][..., np.newaxis]).min(axis=1)  # (16, n_bins)
        self._foreign = (in_band & (away_hz > LOBE_HZ)).astype(np.float64)
        self._n_foreign = self._foreign.sum(axis=1)
        reach = int(np.ceil((REACH_PCT / 100.0 * max(HIGH_HZ)) / self._bin_hz)) + 1
        self._near = np.rint(self._nominal_hz / self._bin_hz).astype(np.int64)[:, np.newaxis] + np.arange(
            -reach, reach + 1
        )
        self._spread = self._n_fft / self.length
        subband = max(1, round(200.0 / self._bin_hz))
        first = int(np.ceil(NOISE_BAND_HZ[0] / self._bin_hz))
        self._subbands = np.arange(first, self._n_bins - subband + 1, subband)

    def look(self, pieces: npt.NDArray[Any], label: Ints) -> Glimpses:
        """Look at pieces, (n, length), of candidates of these labels."""
        spectrum = np.fft.rfft(pieces * self._window, self._n_fft, axis=1)[:, : self._n_bins]
        power = spectrum.real**2 + spectrum.imag**2
        rows = np.arange(len(label))
        levels, offsets = [], []
        for group in range(2):
            tone = self._pairs[label, group]
            near = self._near[tone]  # (n, reach)
            around = power[rows[:, np.newaxis], near]
            best = np.clip(around.argmax(axis=1), 1, around.shape[1] - 2)
            before, at, after = around[rows, best - 1], around[rows, best], around[rows, best + 1]
            shift, gain = self._peak(before, at, after)
            levels.append(at * gain / self._line)  # amplitude squared
            offsets.append(100.0 * ((near[rows, best] + shift) * self._bin_hz / self._nominal_hz[tone] - 1.0))
        weaker = np.minimum(*levels) * self._line
        foreign = power * self._foreign[label]
        noise = foreign.sum(axis=1) / self._n_foreign[label]
        hum = power[:, self._hum].max(axis=1)
        in_subbands = np.add.reduceat(foreign, self._subbands, axis=1)
        share = np.add.reduceat(self._foreign, self._subbands, axis=1)[label]
        density = np.where(share > 0, in_subbands / np.maximum(share, 1), np.nan)
        log_mean = np.nanmean(np.log10(density + TINY), axis=1)
        return Glimpses(
            low_dbm0=_db(levels[0]) + FULL_SCALE_SINE_DBM0,
            high_dbm0=_db(levels[1]) + FULL_SCALE_SINE_DBM0,
            low_offset_pct=offsets[0],
            high_offset_pct=offsets[1],
            snr_db=_db((levels[0] + levels[1]) / 2.0) - _db(noise),
            margin_db=_db(weaker) - _db(foreign.max(axis=1)),
            hum_margin_db=_db(weaker) - _db(hum),
            flatness_db=10.0 * (log_mean - np.log10(np.nanmean(density, axis=1) + TINY)),
        )

    def _peak(self, before: Samples, at: Samples, after: Samples) -> tuple[Samples, Samples]:
        """Where the line of a Hann window peaks between bins, in bins, and its power there over that of the bin."""
        # Without padding, the ratio of neighbouring amplitudes of a Hann line gives the place exactly.
        upper = after > before
        ratio = np.sqrt(np.maximum(before, after) / np.maximum(at, TINY))
        if self._spread == 1.0:
            shift = np.clip((2.0 * ratio - 1.0) / (ratio + 1.0), -0.5, 1.0)
            x = np.clip(shift, -0.999, 0.999)
            gain = (np.sinc(x) / (1.0 - x**2)) ** -2
        else:
            logs = [np.log(np.maximum(p, TINY)) for p in (before, at, after)]
            curvature = np.minimum(logs[0] - 2.0 * logs[1] + logs[2], -1e-9)
            signed = np.clip((logs[0] - logs[2]) / (2.0 * curvature), -1.0, 1.0)
            return signed, np.exp(-0.25 * (logs[0] - logs[2]) * signed)
        return np.where(upper, shift, -shift), gain


def _fast_length(length: int) -> int:
    """Least length from this on with no prime factor over 5."""
    while True:
        rest = length
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 1


def _db(power: Samples) -> Samples:
    return 10.0 * np.log10(np.maximum(power, TINY))
