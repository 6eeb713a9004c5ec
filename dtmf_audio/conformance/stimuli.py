"""Signals of the tests, beyond what :mod:`dtmf_audio.channel` does to them.

Presses are hard-switched, begin at random phases, and are not aligned with anything: the gap before each is longer by
up to ``spread_ms``. Whatever is given as an array has one entry a press.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from dtmf_audio.conformance.judge import Clip
from dtmf_audio.signals import Samples
from dtmf_audio.synthesis import Press, render
from dtmf_audio.tones import HIGH_HZ, KEY_TONES, LOW_HZ, Tone
from dtmf_audio.units import amplitude_from_dbm0, amplitude_ratio_from_db, power_from_dbm0, samples_from_ms

LEVEL_DBM0, ON_MS, GAP_MS = -10.0, 50.0, 50.0  # unless a test says otherwise
SPREAD_MS = 20.0
LEAD_MS, TAIL_MS = 100.0, 300.0  # silence around all; chosen: every receiver is done after it
HEADROOM_DB = 20.0  # tones are rendered lower and amplified, since the renderer refuses what may clip

PerPress = float | Samples


def random_keys(rng: np.random.Generator, n: int) -> list[Tone]:
    """Every key in turn, in random order, no two neighbours the same."""
    tones: list[Tone] = []
    while len(tones) < n:
        turn = [KEY_TONES[code] for code in rng.permutation(16)]
        if tones and turn[0] is tones[-1]:
            turn.reverse()
        tones += turn
    return tones[:n]


def dial(
    rng: np.random.Generator,
    tones: Sequence[Tone],
    samplerate: int,
    *,
    on_ms: PerPress = ON_MS,
    gap_ms: PerPress = GAP_MS,
    spread_ms: float = SPREAD_MS,
    low_dbm0: PerPress = LEVEL_DBM0,
    high_dbm0: PerPress = LEVEL_DBM0,
    low_offset_pct: PerPress = 0.0,
    high_offset_pct: PerPress = 0.0,
) -> Clip:
    """Press the keys, each with settings of its own."""
    n = len(tones)
    gaps = np.broadcast_to(gap_ms, n) + rng.uniform(0.0, spread_ms, n)
    columns = {
        "on_ms": on_ms,
        "delay_ms": gaps,
        "level_dbm0": np.asarray(low_dbm0) - HEADROOM_DB,
        "twist_db": np.asarray(high_dbm0) - np.asarray(low_dbm0),
        "low_offset_pct": low_offset_pct,
        "high_offset_pct": high_offset_pct,
    }
    rows = zip(*(np.broadcast_to(column, n).tolist() for column in columns.values()), strict=True)
    presses = [Press(tone=tone, **dict(zip(columns, row, strict=True))) for tone, row in zip(tones, rows, strict=True)]
    rendering = render(
        presses, samplerate, ramp_ms=0.0, lead_ms=LEAD_MS + rng.uniform(0.0, SPREAD_MS), tail_ms=TAIL_MS, rng=rng
    )
    return Clip(
        samples=rendering.samples * amplitude_ratio_from_db(HEADROOM_DB), samplerate=samplerate, presses=rendering.tones
    )


def offsets_pct(tones: Sequence[Tone], percent: float, hertz: float) -> tuple[Samples, Samples]:
    """Percentage and hertz together, as a percentage of each tone's low and high frequency."""
    low, high = np.array([tone.frequencies_hz for tone in tones]).T
    return percent + 100.0 * hertz / low, percent + 100.0 * hertz / high


def damaged(clip: Clip, damage: Callable[[Samples], Samples]) -> Clip:
    """Return the clip after something that keeps every press in its place."""
    return replace(clip, samples=damage(clip.samples))


def per_press(clip: Clip, change: Callable[[Samples, int], Samples], around_ms: float = 0.0) -> Clip:
    """Return the clip with every press, and so much before and after it, changed on its own."""
    around = samples_from_ms(around_ms, clip.samplerate)
    samples = clip.samples.copy()
    for index, press in enumerate(clip.presses):
        place = slice(max(0, press.start - around), min(len(samples), press.stop + around))
        samples[place] = change(samples[place], index)
    return replace(clip, samples=samples)


def sines(
    rng: np.random.Generator, freqs_hz: Sequence[float], n: int, samplerate: int, level_dbm0: float | Sequence[float]
) -> Samples:
    """Steady sines at random phases, shape (n,)."""
    turns = 2 * np.pi * np.arange(n) / samplerate
    out = np.zeros(n)
    for freq_hz, level in zip(freqs_hz, np.broadcast_to(level_dbm0, len(freqs_hz)), strict=True):
        out += amplitude_from_dbm0(float(level)) * np.sin(freq_hz * turns + rng.uniform(0.0, 2 * np.pi))
    return out


def spaced(parts: Iterable[Samples], samplerate: int, gap_ms: float = 150.0) -> tuple[Clip, int]:
    """Sounds that are no presses, with silence between them, and how many there are."""
    silence = np.zeros(samples_from_ms(gap_ms, samplerate))
    pieces, count = [silence], 0
    for part in parts:
        pieces += [part, silence]
        count += 1
    return Clip(samples=np.concatenate([*pieces, silence]), samplerate=samplerate), count


def low_pass(samples: Samples, samplerate: int, high_hz: float) -> Samples:
    """Remove everything above a frequency, exactly, over the whole length; shape kept."""
    spectrum = np.fft.rfft(samples)
    spectrum[np.fft.rfftfreq(len(samples), 1 / samplerate) > high_hz] = 0.0
    return np.fft.irfft(spectrum, len(samples))


def distance_pct(freq_hz: float, group: Sequence[float] = (*LOW_HZ, *HIGH_HZ)) -> float:
    """Distance from the nearest nominal frequency, in percent of that."""
    return min(100.0 * abs(freq_hz / nominal - 1.0) for nominal in group)


def vowel(rng: np.random.Generator, samplerate: int, *, on_ms: float, level_dbm0: float) -> Samples:
    """Voiced sound that is as near to a key as a voice comes.

    A harmonic series whose pitch puts one harmonic on a low and another near a high nominal frequency, with a formant
    on each of them and a third one above; pitch wanders by up to 3 % at 4 to 7 Hz.
    """
    low_hz, high_hz = KEY_TONES[rng.integers(16)].frequencies_hz
    pitches = [
        low_hz / order
        for order in range(2, 9)
        if 80.0 <= low_hz / order <= 400.0 and distance_pct(round(high_hz * order / low_hz) * low_hz / order) < 4.0
    ]
    pitch_hz = rng.choice(pitches) if pitches else rng.uniform(80.0, 400.0)
    n = samples_from_ms(on_ms, samplerate)
    t = np.arange(n) / samplerate
    depth, rate_hz = rng.uniform(0.0, 0.03), rng.uniform(4.0, 7.0)
    wander = 1.0 + depth * np.sin(2 * np.pi * (rate_hz * t + rng.uniform()))
    phase = 2 * np.pi * pitch_hz * np.cumsum(wander) / samplerate
    orders = np.arange(1, int(min(3800.0, 0.45 * samplerate) / pitch_hz) + 1)
    freqs_hz = orders * pitch_hz
    formants = [(low_hz, rng.uniform(40.0, 90.0)), (high_hz, rng.uniform(50.0, 120.0)), (2600.0, 150.0)]
    strength = [1.0, rng.uniform(0.3, 1.0), rng.uniform(0.05, 0.3)]
    gains = sum(
        weight / np.sqrt(1.0 + ((freqs_hz - centre) / width) ** 2)
        for weight, (centre, width) in zip(strength, formants, strict=True)
    )
    voice = np.sin(np.outer(phase, orders) + rng.uniform(0.0, 2 * np.pi, len(orders))) @ np.asarray(gains)
    rise = np.minimum(1.0, np.minimum(np.arange(n), np.arange(n)[::-1]) / (0.005 * samplerate))
    voiced: Samples = voice * rise
    return voiced * math.sqrt(power_from_dbm0(level_dbm0) / float(np.mean(voiced**2)))
