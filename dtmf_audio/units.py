"""Conversions between the units of the field: decibels, milliseconds, samples, dBFS and dBm0.

Conventions
-----------
- Samples have full scale 1.0. A *full-scale sine* peaks at 1.0 and has the mean square 0.5.
- **dBm0** is referred to A-law: a full-scale sine is +3.14 dBm0 (ITU-T G.711). µ-law's figure is +3.17,
  and its overload point lies a little below 16-bit full scale. The library uses 3.14 everywhere, so the reading
  of a µ-law source is up to 0.07 dB low.
- Ratios in dB are of power, ``10 log10``; an amplitude ratio is converted with ``20 log10``.
"""

from __future__ import annotations

import math

FULL_SCALE_SINE_DBM0 = 3.14  # quoted: ITU-T G.711, A-law
PICOSECONDS_PER_MS = 1_000_000_000
PICOSECONDS_PER_S = 1_000_000_000_000


def amplitude_from_dbm0(level_dbm0: float) -> float:
    """Peak amplitude of a sine of this level, full scale 1.0."""
    return float(10.0 ** ((level_dbm0 - FULL_SCALE_SINE_DBM0) / 20.0))


def dbm0_from_amplitude(amplitude: float) -> float:
    """Level in dBm0 of a sine of this peak amplitude; minus infinity for 0."""
    return 20.0 * math.log10(amplitude) + FULL_SCALE_SINE_DBM0 if amplitude > 0 else -math.inf


def power_from_dbm0(level_dbm0: float) -> float:
    """Mean square, full scale 1.0, of any signal of this level."""
    return float(0.5 * 10.0 ** ((level_dbm0 - FULL_SCALE_SINE_DBM0) / 10.0))


def dbm0_from_power(power: float) -> float:
    """Level in dBm0 of any signal of this mean square; minus infinity for 0."""
    return 10.0 * math.log10(2.0 * power) + FULL_SCALE_SINE_DBM0 if power > 0 else -math.inf


def amplitude_ratio_from_db(ratio_db: float) -> float:
    """Amplitude ratio of a ratio in dB: 20 dB gives 10."""
    return float(10.0 ** (ratio_db / 20.0))


def power_ratio_from_db(ratio_db: float) -> float:
    """Power ratio of a ratio in dB: 20 dB gives 100."""
    return float(10.0 ** (ratio_db / 10.0))


def db_from_power_ratio(ratio: float) -> float:
    """Ratio in dB of a ratio of powers; minus infinity for 0."""
    return 10.0 * math.log10(ratio) if ratio > 0 else -math.inf


def samples_from_ms(duration_ms: float, samplerate: int) -> int:
    """Whole samples nearest to a duration in milliseconds, in integer arithmetic; a half rounds up."""
    return (ps_from_ms(duration_ms) * samplerate + PICOSECONDS_PER_S // 2) // PICOSECONDS_PER_S


def ps_from_ms(duration_ms: float) -> int:
    """Whole picoseconds nearest to a duration in milliseconds, however long."""
    whole_ms = math.floor(duration_ms)
    return whole_ms * PICOSECONDS_PER_MS + round(float(duration_ms - whole_ms) * PICOSECONDS_PER_MS)


def ms_from_samples(samples: float, samplerate: int) -> float:
    """Milliseconds of a number of samples."""
    return 1000.0 * samples / samplerate
