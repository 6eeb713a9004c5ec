"""Conversions against figures of the standards and against exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtmf_audio.signals import MAX_SAMPLERATE, MIN_SAMPLERATE
from dtmf_audio.units import (
    amplitude_from_dbm0,
    amplitude_ratio_from_db,
    db_from_power_ratio,
    dbm0_from_amplitude,
    dbm0_from_power,
    ms_from_samples,
    power_from_dbm0,
    power_ratio_from_db,
    ps_from_ms,
    samples_from_ms,
)

ROUNDING = 1e-12  # relative; a handful of float64 operations, of 1.1e-16 each, on values of at most some hundred
LEVELS = st.floats(-120, 40)
RATES = st.integers(MIN_SAMPLERATE, MAX_SAMPLERATE)

# A-law's G.711 digital milliwatt: these octets, over and over, are a sine of 0 dBm0 at 1000 Hz. Their values on the
# 16-bit scale are written out here after G.711's table 1a.
A_LAW_MILLIWATT = (-8960, -20992, -20992, -8960, 8960, 20992, 20992, 8960)


def test_a_full_scale_sine_is_3_14_dbm0() -> None:
    assert dbm0_from_amplitude(1.0) == 3.14
    assert dbm0_from_power(0.5) == 3.14
    assert amplitude_from_dbm0(3.14) == 1.0
    assert power_from_dbm0(3.14) == 0.5


def test_the_a_law_digital_milliwatt_reads_0_dbm0() -> None:
    power = sum((value / 32768) ** 2 for value in A_LAW_MILLIWATT) / len(A_LAW_MILLIWATT)
    # The octets are quantised: their own power is 3.141 dB below full scale, and 3.14 has two decimals.
    assert dbm0_from_power(power) == pytest.approx(0.0, abs=0.005)


def test_0_dbm0_peaks_at_22827_of_32768() -> None:
    assert round(32768 * amplitude_from_dbm0(0.0)) == 22827  # 32768 / 10**(3.14 / 20)


def test_10_times_the_amplitude_is_20_db_and_100_times_the_power() -> None:
    assert amplitude_ratio_from_db(20.0) == pytest.approx(10.0, rel=ROUNDING)
    assert power_ratio_from_db(20.0) == pytest.approx(100.0, rel=ROUNDING)
    assert db_from_power_ratio(100.0) == pytest.approx(20.0, rel=ROUNDING)
    assert dbm0_from_amplitude(0.1) == pytest.approx(3.14 - 20.0, rel=ROUNDING)
    assert dbm0_from_power(0.005) == pytest.approx(3.14 - 20.0, rel=ROUNDING)


@pytest.mark.parametrize("of_nothing", [dbm0_from_amplitude, dbm0_from_power, db_from_power_ratio])
def test_nothing_is_minus_infinity(of_nothing: type[float]) -> None:
    assert of_nothing(0.0) == -math.inf


@given(level_dbm0=LEVELS)
def test_levels_survive_amplitude_and_power(level_dbm0: float) -> None:
    assert dbm0_from_amplitude(amplitude_from_dbm0(level_dbm0)) == pytest.approx(level_dbm0, rel=ROUNDING, abs=ROUNDING)
    assert dbm0_from_power(power_from_dbm0(level_dbm0)) == pytest.approx(level_dbm0, rel=ROUNDING, abs=ROUNDING)


@given(level_dbm0=LEVELS)
def test_the_power_of_a_sine_is_half_its_amplitude_squared(level_dbm0: float) -> None:
    assert power_from_dbm0(level_dbm0) == pytest.approx(amplitude_from_dbm0(level_dbm0) ** 2 / 2, rel=ROUNDING)


@given(ratio_db=st.floats(-120, 120))
def test_ratios_survive_the_decibel(ratio_db: float) -> None:
    assert db_from_power_ratio(power_ratio_from_db(ratio_db)) == pytest.approx(ratio_db, rel=ROUNDING, abs=ROUNDING)
    assert amplitude_ratio_from_db(ratio_db) ** 2 == pytest.approx(power_ratio_from_db(ratio_db), rel=ROUNDING)


@pytest.mark.parametrize(
    ("duration_ms", "samplerate", "samples"),
    [
        (0, 8000, 0),
        (20, 16000, 320),
        (100, 11025, 1103),  # 1102.5: a half rounds up
        (0.1, 5000, 1),  # 0.5
        (0.3, 5000, 2),  # 1.5; in binary 0.3 is a little less, and the decimal counts
        (33.3, 8000, 266),  # 266.4
        (33.3, 44100, 1469),  # 1468.53
        (86_400_000, 192_000, 16_588_800_000),
    ],
)
def test_durations_become_the_nearest_whole_samples(duration_ms: float, samplerate: int, samples: int) -> None:
    assert samples_from_ms(duration_ms, samplerate) == samples


@given(tenths=st.integers(0, 10**9), samplerate=RATES)
def test_a_decimal_duration_rounds_as_its_exact_fraction_does(tenths: int, samplerate: int) -> None:
    exact = Fraction(tenths, 10_000) * samplerate  # samples
    assert samples_from_ms(tenths / 10, samplerate) == math.floor(exact + Fraction(1, 2))


@given(duration_ms=st.floats(0, 1e6))
def test_a_duration_is_within_half_a_picosecond(duration_ms: float) -> None:
    # Half a picosecond, and the last bit of the fraction's product with 1e9, which is 2**-24.
    assert abs(ps_from_ms(duration_ms) - Fraction(duration_ms) * 10**9) <= Fraction(1, 2) + Fraction(1, 2**23)


def test_a_duration_of_any_size_has_picoseconds() -> None:
    assert ps_from_ms(1e308) == int(1e308) * 10**9


@given(samples=st.integers(0, 10**9), samplerate=RATES)
def test_samples_survive_milliseconds(samples: int, samplerate: int) -> None:
    assert samples_from_ms(ms_from_samples(samples, samplerate), samplerate) == samples
