"""Other signals that telephones carry, none of which is a key: call progress, modems, other signalling, sweeps."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np

from dtmf_audio.conformance.stimuli import sines
from dtmf_audio.signals import Samples
from dtmf_audio.units import amplitude_from_dbm0

Rng = np.random.Generator

LEVEL_DBM0 = -10.0
CALL_PROGRESS_HZ: tuple[
    tuple[float, ...], ...
] = (  # dial, ringing, busy, congestion; Europe's, Japan's and Britain's; test tone; fax; billing
    *((350, 440), (440, 480), (480, 620), (425,), (400,), (400, 450), (330, 440), (440,)),
    *((1004,), (1020,), (1100,), (2100,), (2600,), (2000,), (1800,), (950,), (1400,)),
)
SPECIAL_INFORMATION_HZ: tuple[tuple[float, ...], ...] = (
    (950.0, 1400.0, 1800.0),
    (913.8, 1370.6, 1776.7),
    (985.2, 1428.5, 1776.7),
)
MODEMS = {  # mark and space in Hz, and bauds
    "Bell 202": (1200.0, 2200.0, 1200),
    "V.23": (1300.0, 2100.0, 1200),
    "V.23, back channel": (390.0, 450.0, 75),
    "V.21, caller": (980.0, 1180.0, 300),
    "V.21, called": (1650.0, 1850.0, 300),
    "Bell 103, caller": (1270.0, 1070.0, 300),
    "Bell 103, called": (2225.0, 2025.0, 300),
}
MF_R1_HZ = (700.0, 900.0, 1100.0, 1300.0, 1500.0, 1700.0)
MF_R1_LIKE_A_KEY = (700.0, 1500.0)  # within 0.5 and 1.6 % of 697 and 1477 Hz: key 3, which must operate
MFC_R2_HZ = ((1380.0, 1500.0, 1620.0, 1740.0, 1860.0, 1980.0), (1140.0, 1020.0, 900.0, 780.0, 660.0, 540.0))
SWEEP_HZ = (300.0, 3400.0)


def _call_progress(rng: Rng, samplerate: int, quick: bool) -> Iterator[Samples]:
    for level in (-3.0, LEVEL_DBM0) if quick else (-3.0, LEVEL_DBM0, -20.0):
        for freqs_hz in CALL_PROGRESS_HZ:
            for seconds in (0.25, 1.0):
                yield sines(rng, freqs_hz, int(seconds * samplerate), samplerate, level)
        for freqs_hz in SPECIAL_INFORMATION_HZ:
            n = int(0.33 * samplerate)
            yield np.concatenate([sines(rng, [freq_hz], n, samplerate, level) for freq_hz in freqs_hz])


def _modems(rng: Rng, samplerate: int, quick: bool) -> Iterator[Samples]:
    seconds = 4 if quick else 60
    for mark_hz, space_hz, bauds in MODEMS.values():
        bits = rng.integers(0, 2, seconds * bauds)
        index = np.minimum(np.arange(seconds * samplerate) * bauds // samplerate, len(bits) - 1)
        phase = 2 * np.pi * np.cumsum(np.where(bits[index] == 1, mark_hz, space_hz)) / samplerate
        yield amplitude_from_dbm0(LEVEL_DBM0) * np.sin(phase)


def _signalling(rng: Rng, samplerate: int, quick: bool) -> Iterator[Samples]:
    n = int(0.07 * samplerate)
    for _ in range(2 if quick else 20):
        for group in (MF_R1_HZ, *MFC_R2_HZ):
            for pair in itertools.combinations(group, 2):
                if pair != MF_R1_LIKE_A_KEY:
                    yield sines(rng, pair, n, samplerate, LEVEL_DBM0)


def _sweeps(_rng: Rng, samplerate: int, quick: bool) -> Iterator[Samples]:
    low_hz, high_hz = SWEEP_HZ
    for rate in (500.0, 5000.0) if quick else (50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0):
        t = np.arange(int((high_hz - low_hz) / rate * samplerate)) / samplerate
        for start_hz, slope in ((low_hz, rate), (high_hz, -rate)):
            yield amplitude_from_dbm0(LEVEL_DBM0) * np.sin(2 * np.pi * (start_hz * t + slope * t**2 / 2))


OTHERS: dict[str, Callable[[Rng, int, bool], Iterator[Samples]]] = {
    "call progress, special information, fax and test tones": _call_progress,
    "modems: Bell 103 and 202, V.21, V.23": _modems,
    "MF-R1 but 700 + 1500 Hz, which is key 3; MFC-R2": _signalling,
    "sweeps, 300 to 3400 Hz and back": _sweeps,
}
