"""The screen: one short spectrum of each candidate tells the hopeless from the clean, and both from the rest.

Measuring a candidate in full costs as much as a second of audio, and nearly all candidates of speech are hopeless, as
nearly all presses of a line are clean. So each gets a first look: the spectrum of 32 ms in its middle under a Hann
window, 31 Hz a bin. Its two peaks give the frequencies and levels of the pair, the rest of it what else sounds.

Three answers are possible. What is *hopeless*, by a sum of log-odds that promises too little (:func:`odds` up to
:data:`HOPELESS`), is not measured. What is *clean* (:func:`clean`) needs but its edges, which
:mod:`dtmf_audio.clean_edges` finds. The rest is *unsure*, and is measured in full by :mod:`dtmf_audio.measurement`.

Conventions
-----------
- Hann's sidelobes keep the two tones, 268 Hz or more apart, out of each other.
- Samples come in steps of 16 bits; amplitudes here are referred to full scale.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dtmf_audio.columns import Bools, Columns, Ints
from dtmf_audio.keys import PAIRS, TONES_HZ
from dtmf_audio.measures import HUM_BAND_HZ, NOISE_BAND_HZ, TINY, ratio_db
from dtmf_audio.signals import SAMPLE_SCALE, Samples
from dtmf_audio.tones import HIGH_HZ

SCREEN_MS = 32.0  # chosen: what fits into a press of 40 ms whose middle is known to 5 ms
LOBE_HZ = 80.0  # a Hann line reaches 62 Hz to both sides
SIDELOBES_HZ = 170.0  # here its sidelobes are 54 dB down
REACH_PCT = 3.5  # how far from nominal the peak is looked for
BATCH = 1024  # chosen: what is between the steps of so many stays in the cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Glimpses(Columns):
    """What the screen saw, (n,).

    Attributes
    ----------
    low, high : complex128
        Peak amplitude of each tone in the middle of what was looked at, as the tone's phasor.
    low_hz, high_hz : float64
        Frequencies.
    offset_pct : float64
        The larger of the two offsets from nominal, absolute.
    snr_db : float64
        Power of the pair over that of white noise as strong as what lies away from both tones from 500 to 3600 Hz.
    margin_db, hum_margin_db : float64
        As in :class:`~dtmf_audio.measurement.Measurements`.
    """

    low: npt.NDArray[np.complex128]
    high: npt.NDArray[np.complex128]
    low_hz: Samples
    high_hz: Samples
    offset_pct: Samples
    snr_db: Samples
    margin_db: Samples
    hum_margin_db: Samples


# Log-odds of a pair of tones for each unit of each term, from a logistic regression over 36,000 presses under 23
# damages and the 58,000 candidates in 5.8 hours of speech and music and 2 hours of noise, each class of equal weight.
# Tried and left out, since they told nothing beyond these: flatness of the rest, signal to noise.
_BASE = 2.58
TERMS: tuple[tuple[str, float, Callable[[Glimpses], Samples]], ...] = (
    ("margin over other lines, dB", 0.92, lambda g: g.margin_db.clip(-8.0, 15.0)),
    ("margin over lines below 500 Hz, dB", 0.42, lambda g: g.hum_margin_db.clip(-12.0, 10.0)),
    ("offset from nominal, %", -4.78, lambda g: g.offset_pct.clip(1.5, 3.5)),
)
# chosen: drops 29 of 30 candidates of speech and music and 13 of 14 of noise; of presses it loses 1 in 250 under speech
# 5 dB below them, 1 in 1500 after Opus at 8 kbit/s, and none of 1500 under each of the 21 other damages
HOPELESS = -6.0
# chosen: of the 58,000 candidates of speech and music one came as near as 12, 10 and 5 dB; below 20 dB of SNR more than
# 32 ms is worth looking at, for the levels' sake
CLEAN_MARGIN_DB, CLEAN_SNR_DB, CLEAN_HUM_MARGIN_DB = 18.0, 20.0, 10.0
CLEAN_OFFSET_PCT = 1.0  # chosen: senders are off by less, and what is off by more has evidence to bring


def odds(glimpses: Glimpses) -> Samples:
    """Sum of the terms, log-odds, shape (n,)."""
    total = np.full(len(glimpses), _BASE)
    for _, weight, term in TERMS:
        total += weight * term(glimpses)
    return total


def clean(glimpses: Glimpses) -> Bools:
    """Which are pairs of tones beyond doubt, (n,)."""
    is_clean = glimpses.margin_db >= CLEAN_MARGIN_DB
    is_clean &= glimpses.snr_db >= CLEAN_SNR_DB
    is_clean &= glimpses.hum_margin_db >= CLEAN_HUM_MARGIN_DB
    is_clean &= glimpses.offset_pct <= CLEAN_OFFSET_PCT
    return is_clean


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
        self._line = window.sum() ** 2 / (window**2).sum() / 4.0
        self._root_line = math.sqrt(self._line)
        self._bin_hz = samplerate / self._n_fft
        self._spread = self._n_fft / self.length  # bins of the transform in one of the window
        # Between two bins a line is at most half a bin of the transform from the nearer one.
        self._shifts = np.linspace(0.0, 0.5, 65) / self._spread
        self._ratios = _hann_line(1.0 / self._spread - self._shifts) / _hann_line(self._shifts)
        bins_hz = np.arange(self._n_fft // 2 + 1) * self._bin_hz
        top_hz = min(NOISE_BAND_HZ[1], 0.45 * samplerate)
        self._n_bins = int(np.searchsorted(bins_hz, top_hz, side="right"))
        bins_hz = bins_hz[: self._n_bins]
        self._first, self._hum_first = np.searchsorted(bins_hz, (NOISE_BAND_HZ[0], HUM_BAND_HZ[0])).tolist()
        self._to_middle = np.exp(1j * np.pi * bins_hz / samplerate * (self.length - 1))
        away_hz = np.abs(bins_hz[self._first :] - TONES_HZ[PAIRS][..., np.newaxis]).min(axis=1)
        self._foreign = (away_hz > LOBE_HZ).astype(np.float64)  # (16, bins)
        rest = (away_hz > SIDELOBES_HZ).astype(np.float64)
        self._rest = rest / rest.sum(axis=1, keepdims=True)
        reach = math.ceil(REACH_PCT / 100.0 * max(HIGH_HZ) / self._bin_hz)
        self._near = np.rint(TONES_HZ / self._bin_hz).astype(np.int64)[:, np.newaxis] + np.arange(-reach, reach + 1)

    def look(self, pieces: npt.NDArray[Any], label: Ints) -> Glimpses:
        """Look at pieces of candidates.

        Parameters
        ----------
        pieces : float, shape (n, length)
            In steps of 16 bits.
        label : int64, shape (n,)
            Which pair is looked for, as in :mod:`dtmf_audio.keys`.
        """
        begins = range(0, max(1, len(label)), BATCH)
        return Glimpses.concatenate([self._look(pieces[i : i + BATCH], label[i : i + BATCH]) for i in begins])

    def _look(self, pieces: npt.NDArray[Any], label: Ints) -> Glimpses:
        spectrum = np.fft.rfft(pieces * self._window, self._n_fft, axis=1)[:, : self._n_bins]
        power = spectrum.real**2 + spectrum.imag**2
        freq_hz, peak, offset_pct = self._tones(spectrum, power, PAIRS.T[:, label])
        low_power, high_power = np.abs(peak) ** 2
        in_band = power[:, self._first :]
        levels = np.empty((5, len(label)))  # the pair, the noise, the weaker tone, and the strongest other lines
        levels[0] = (low_power + high_power) / 2.0
        np.einsum("ij,ij->i", in_band, self._rest[label], out=levels[1])
        levels[2] = np.minimum(low_power, high_power) * self._line
        (in_band * self._foreign[label]).max(axis=1, out=levels[3])
        power[:, self._hum_first : self._first].max(axis=1, out=levels[4])
        pair_db, noise_db, weaker_db, strongest_db, hum_db = ratio_db(levels)
        return Glimpses(
            low=peak[0],
            high=peak[1],
            low_hz=freq_hz[0],
            high_hz=freq_hz[1],
            offset_pct=np.abs(offset_pct).max(axis=0),
            snr_db=pair_db - noise_db,
            margin_db=weaker_db - strongest_db,
            hum_margin_db=weaker_db - hum_db,
        )

    def _tones(
        self, spectrum: npt.NDArray[np.complex128], power: Samples, tones: Ints
    ) -> tuple[Samples, npt.NDArray[np.complex128], Samples]:
        """Frequency, amplitude and offset in % of the strongest line near each nominal frequency, (2, n) each."""
        rows = np.arange(len(power))
        near = self._near[tones]  # (2, n, 2 reach + 1)
        at_best = power[rows[:, np.newaxis], near].argmax(axis=-1)
        bins = self._near[tones, at_best]
        before, at, after = power[rows, bins - 1], power[rows, bins], power[rows, bins + 1]
        # A Hann line has a fixed ratio of neighbouring amplitudes for each place between the bins.
        ratio = np.sqrt(np.maximum(before, after) / np.maximum(at, TINY))
        shift = np.interp(ratio, self._ratios, self._shifts)
        place = np.where(after > before, shift, -shift)  # in bins of the window
        x = np.pi * np.maximum(shift, TINY)
        gain = 1.0 / (np.sin(x) / x / (1.0 - shift**2))  # of _hann_line(shift), which is half a bin at the most
        freq_hz = (bins + place * self._spread) * self._bin_hz
        peak = spectrum[rows, bins] * self._to_middle[bins] * (gain / self._root_line)
        return freq_hz, peak, 100.0 * (freq_hz / TONES_HZ[tones] - 1.0)


def _hann_line(place: Samples) -> Samples:
    """Height of a Hann window's line so many bins beside its peak, there 1; the limit at one bin is 1/2."""
    at_one = np.abs(np.abs(place) - 1.0) < 1e-9
    safe = np.where(at_one, 0.0, place)
    return np.where(at_one, 0.5, np.sinc(safe) / (1.0 - safe**2))


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
