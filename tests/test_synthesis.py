"""Renderings measured: frequencies, levels, edges, places and messages, against what was asked for.

Measurements are made here by least squares at frequencies written out here, and share nothing with the code that
renders. "Steady" is a tone without its ramps.
"""

from __future__ import annotations

import dataclasses
import enum
import itertools
import math
import pickle
import struct
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dtmf_audio import synthesis
from dtmf_audio.errors import DtmfError, InvalidSettingError, InvalidSignalError, InvalidToneError
from dtmf_audio.signals import Samples, to_pcm16
from dtmf_audio.synthesis import Press, RenderedTone, Rendering, frames, highest_level_dbm0, render
from dtmf_audio.tones import KEY_TONES, Pause, Tone

FREQUENCIES_HZ = {  # ITU-T Q.23
    "1": (697, 1209), "2": (697, 1336), "3": (697, 1477), "A": (697, 1633),
    "4": (770, 1209), "5": (770, 1336), "6": (770, 1477), "B": (770, 1633),
    "7": (852, 1209), "8": (852, 1336), "9": (852, 1477), "C": (852, 1633),
    "*": (941, 1209), "0": (941, 1336), "#": (941, 1477), "D": (941, 1633),
}  # fmt: skip
KEYS = tuple(FREQUENCIES_HZ)
RATES = (4000, 8000, 11025, 16000, 44100, 48000, 192_000)
FULL_SCALE_DBM0 = 3.14  # of a sine that peaks at 1.0: ITU-T G.711, A-law
LOUDEST_PEAK = 32767 / 32768  # the largest 16-bit sample

by_key = pytest.mark.parametrize("key", KEYS)
by_rate = pytest.mark.parametrize("samplerate", RATES)


class SdkTone(str, enum.Enum):  # noqa: UP042  as Microsoft's SDK spells it, so no StrEnum
    """A part of the ``Tone`` enum of Microsoft's Python SDK."""

    Tone1 = "tone1"
    Pound = "pound"


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def part(rendering: Rendering, index: int = 0, *, ramp_ms: float = 2.0) -> Samples:
    """Cut out one tone without its ramps."""
    place = rendering.tones[index]
    n_ramp = math.ceil(ramp_ms * rendering.samplerate / 1000)
    return rendering.samples[place.start + n_ramp : place.stop - n_ramp]


def fit(samples: Samples, freqs_hz: Sequence[float], samplerate: int) -> tuple[Samples, Samples]:
    """Fit sines of these frequencies; return their levels in dBm0 and what is left of the samples."""
    angle = 2 * np.pi * np.outer(np.arange(len(samples)) / samplerate, freqs_hz)  # (n, n_freqs)
    basis = np.concatenate([np.cos(angle), np.sin(angle)], axis=1)  # (n, 2 n_freqs)
    parts = np.linalg.lstsq(basis, samples, rcond=None)[0]
    amplitudes = np.hypot(parts[: len(freqs_hz)], parts[len(freqs_hz) :])
    return 20 * np.log10(amplitudes) + FULL_SCALE_DBM0, samples - basis @ parts


def levels(samples: Samples, key: str, samplerate: int) -> tuple[float, float]:
    """Levels of the low and of the high tone in dBm0."""
    low, high = fit(samples, FREQUENCIES_HZ[key], samplerate)[0]
    return float(low), float(high)


def frequencies(samples: Samples, samplerate: int) -> tuple[float, float]:
    """Frequency of the strongest tone below and above 1075 Hz, with no idea of what it should be.

    The peak of the spectrum gives it to half a bin; the phase that it gains from the first half of the samples to
    the second gives the rest, without ambiguity, since half a bin is a quarter of a turn in that time.
    """
    half = len(samples) // 2
    window = np.hanning(half + 2)[1:-1]  # its side lobes keep the tones of a pair apart
    halves = samples[: 2 * half].reshape(2, half) * window
    times = np.arange(2 * half).reshape(2, half) / samplerate
    bins_hz = np.fft.rfftfreq(2 * half, 1 / samplerate)
    spectrum = np.abs(np.fft.rfft(samples[: 2 * half]))
    found = []
    for in_group in (bins_hz < 1075, bins_hz >= 1075):
        coarse_hz = float(bins_hz[in_group][np.argmax(spectrum[in_group])])
        first, second = (halves * np.exp(-2j * np.pi * coarse_hz * times)).sum(axis=1)
        found.append(coarse_hz + float(np.angle(second * np.conj(first))) / (2 * np.pi * half / samplerate))
    return found[0], found[1]


def leftover_db(samples: Samples, key: str, samplerate: int) -> float:
    """Power of everything but the two tones, at all frequencies, relative to the weaker tone."""
    tone_levels, rest = fit(samples, FREQUENCIES_HZ[key], samplerate)
    weaker_power = 0.5 * 10 ** ((min(tone_levels) - FULL_SCALE_DBM0) / 10)
    return 10 * math.log10(float(np.mean(rest**2)) / weaker_power)


def envelope(ramp_ms: float, samplerate: int) -> Samples:
    """Envelope of a press of 30 ms, steady part 1.0: root mean square over 4000 presses of random phases.

    At any one sample the square of such a press scatters by 0.8 of its mean, so the envelope scatters by
    0.8 / 2 / sqrt(4000) = 0.6 %.
    """
    rendering = render("5" * 4000, samplerate, on_ms=30, delay_ms=10, ramp_ms=ramp_ms, rng=rng())
    presses = np.stack([rendering.samples[tone.start : tone.stop] for tone in rendering.tones])
    rms: Samples = np.sqrt(np.mean(presses**2, axis=0))
    return rms / float(np.median(rms))


# ------------------------------------------------------------------------------------------------ frequency


@by_rate
@by_key
def test_frequencies_are_within_0_01_percent(key: str, samplerate: int) -> None:
    rendering = render(key, samplerate, on_ms=1000)
    for measured_hz, nominal_hz in zip(frequencies(part(rendering), samplerate), FREQUENCIES_HZ[key], strict=True):
        assert measured_hz == pytest.approx(nominal_hz, rel=1e-4)


@pytest.mark.parametrize(("low_pct", "high_pct"), [(1.8, -1.8), (-3.5, 3.5), (10, -10), (0, 0.05)])
@by_key
def test_offsets_move_each_frequency_by_what_was_asked(key: str, low_pct: float, high_pct: float) -> None:
    rendering = render(key, 8000, on_ms=1000, low_offset_pct=low_pct, high_offset_pct=high_pct)
    low_hz, high_hz = FREQUENCIES_HZ[key]
    measured_low_hz, measured_high_hz = frequencies(part(rendering), 8000)
    assert measured_low_hz == pytest.approx(low_hz * (1 + low_pct / 100), rel=1e-4)
    assert measured_high_hz == pytest.approx(high_hz * (1 + high_pct / 100), rel=1e-4)


# ------------------------------------------------------------------------------------------------ purity


@by_rate
@by_key
def test_everything_but_the_two_tones_is_70_db_down(key: str, samplerate: int) -> None:
    # All frequencies are summed up, which is more than the 0 to 4 kHz that the claim is about.
    rendering = render(key, samplerate, on_ms=500)
    assert leftover_db(part(rendering), key, samplerate) <= -70


@by_key
def test_at_16_bits_only_the_85_db_of_quantisation_are_left(key: str) -> None:
    rendering = render(key, 8000, on_ms=2000)  # low tone, the weaker one, at the default of -10 dBm0
    samples = to_pcm16(part(rendering)) / 32768
    step_power = 2.0**-30 / 12  # of rounding errors that are spread evenly over one step
    tone_power = 0.5 * 10 ** ((-10 - FULL_SCALE_DBM0) / 10)
    wanted_db = 10 * math.log10(step_power / tone_power)
    assert wanted_db == pytest.approx(-85, abs=0.1)
    # 8000 different rounding errors give their mean square to 1 %, 0.04 dB; 0.3 dB leaves room for their pattern.
    assert leftover_db(samples, key, 8000) == pytest.approx(wanted_db, abs=0.3)


@pytest.mark.parametrize("samplerate", [8000, 48000])
@by_key
def test_phase_is_continuous_within_a_tone(key: str, samplerate: int) -> None:
    samples = part(render(key, samplerate, on_ms=5000))
    n = samplerate // 50  # 20 ms; the tone of the first 20 ms, continued, is the tone of the last
    angle = 2 * np.pi * np.outer(np.arange(len(samples)) / samplerate, FREQUENCIES_HZ[key])
    basis = np.concatenate([np.cos(angle), np.sin(angle)], axis=1)
    parts = np.linalg.lstsq(basis[:n], samples[:n], rcond=None)[0]
    # Angles reach 2 pi 1633 5 = 51,000 radians, where float64 has steps of 7e-12.
    assert np.max(np.abs(basis[-n:] @ parts - samples[-n:])) < 1e-10


# ------------------------------------------------------------------------------------------------ level and twist


@pytest.mark.parametrize("level_dbm0", [-60, -36, -24.5, -10, -6, -4.2])
@by_key
def test_level_is_within_0_1_db_and_twist_within_0_05_db(key: str, level_dbm0: float) -> None:
    rendering = render(key, 8000, level_dbm0=level_dbm0, twist_db=2)
    low, high = levels(part(rendering), key, 8000)
    assert low == pytest.approx(level_dbm0, abs=0.1)
    assert high - low == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize("twist_db", [-40, -9, -8, 0, 4, 10, 40])
@by_key
def test_twist_is_high_group_minus_low_group(key: str, twist_db: float) -> None:
    low, high = levels(part(render(key, 48000, level_dbm0=-45, twist_db=twist_db)), key, 48000)
    assert low == pytest.approx(-45, abs=0.1)
    assert high - low == pytest.approx(twist_db, abs=0.05)


@by_key
def test_default_levels_and_twist_lie_in_every_senders_range(key: str) -> None:
    low, high = levels(part(render(key, 8000)), key, 8000)
    assert -13.0 <= low <= -8.5  # ETSI's low group, -13 to -8.5
    assert -11.5 <= high <= -7.0  # ETSI's high group, -11.5 to -7
    assert 1.0 <= high - low <= 4.0  # ETSI and BT: high group louder by 1 to 4 dB


def test_default_timing_satisfies_every_receiver() -> None:
    first, second = render("12", 8000).tones
    assert first.stop - first.start >= 65 * 8  # ETSI, on: 65 ms
    assert second.start - first.stop >= 70 * 8  # Australia, pause: 70 ms
    assert second.start - first.start >= 125 * 8  # Australia, period: 125 ms


@settings(max_examples=60)  # each fits 50 to 200 ms of audio
@given(
    key=st.sampled_from(KEYS),
    samplerate=st.sampled_from(RATES),
    on_ms=st.floats(50, 200),
    level_dbm0=st.floats(-60, -30),
    twist_db=st.floats(-20, 20),
    low_pct=st.floats(-4, 4),
    high_pct=st.floats(-4, 4),
    seed=st.integers(0, 1000),
)
def test_any_pair_is_as_asked(
    key: str,
    samplerate: int,
    on_ms: float,
    level_dbm0: float,
    twist_db: float,
    low_pct: float,
    high_pct: float,
    seed: int,
) -> None:
    rendering = render(
        key,
        samplerate,
        on_ms=on_ms,
        level_dbm0=level_dbm0,
        twist_db=twist_db,
        low_offset_pct=low_pct,
        high_offset_pct=high_pct,
        rng=rng(seed),
    )
    low_hz, high_hz = FREQUENCIES_HZ[key]
    asked_hz = (low_hz * (1 + low_pct / 100), high_hz * (1 + high_pct / 100))
    (low, high), rest = fit(part(rendering), asked_hz, samplerate)
    assert low == pytest.approx(level_dbm0, abs=0.1)
    assert high - low == pytest.approx(twist_db, abs=0.05)
    assert np.max(np.abs(rest)) < 1e-9  # rounding; the weakest tone, at -80 dBm0, peaks at 7e-5


# ------------------------------------------------------------------------------------------------ edges


@pytest.mark.parametrize("samplerate", [8000, 48000])
@pytest.mark.parametrize("ramp_ms", [2, 5])
def test_rise_and_fall_take_at_most_5_ms_from_10_to_90_percent(ramp_ms: float, samplerate: int) -> None:
    shape = envelope(ramp_ms, samplerate)
    for edge in (shape, shape[::-1]):
        over_10, over_90 = int(np.argmax(edge > 0.1)), int(np.argmax(edge > 0.9))
        assert 0 < over_90 - over_10 <= 0.005 * samplerate
        assert over_90 < ramp_ms / 1000 * samplerate  # and steady after the ramp
        assert edge[math.ceil(ramp_ms / 1000 * samplerate) :][: samplerate // 100].min() > 0.95  # 8 times the scatter


@by_key
def test_edges_make_no_click_outside_the_telephone_band(key: str) -> None:
    # BT's limit, -40 dBm outside the band, on the loudest 5 ms; ramps of the default length.
    rendering = render(key, 48000, lead_ms=20, tail_ms=20)
    spectrum = np.fft.rfft(rendering.samples)
    freqs_hz = np.fft.rfftfreq(len(rendering.samples), 1 / 48000)
    spectrum[(freqs_hz >= 300) & (freqs_hz <= 3400)] = 0
    outside = np.fft.irfft(spectrum, len(rendering.samples))
    power = np.mean(outside.reshape(-1, 240) ** 2, axis=1)
    assert 10 * math.log10(2 * power.max()) + FULL_SCALE_DBM0 < -40


@by_key
def test_a_steady_tone_has_no_dc(key: str) -> None:
    samples = part(render(key, 8000, on_ms=500))
    dc, _, _ = fit(samples, (0.0, *FREQUENCIES_HZ[key]), 8000)[0]
    assert dc < 3.14 - 120  # a thirtieth of a 16-bit step; some generators add 64 steps, -51 dB


@by_rate
@by_key
def test_with_ramps_of_2_5_ms_the_mean_of_a_burst_is_below_one_16_bit_step(key: str, samplerate: int) -> None:
    # Ramps of the default 2 ms leave up to 2 steps: theirs is the part of the edges that lies at 0 Hz.
    rendering = render([Tone.from_key(key)] * 20, samplerate, ramp_ms=2.5, rng=rng())
    for tone in rendering.tones:
        assert abs(float(np.mean(rendering.samples[tone.start : tone.stop]))) < 2.0**-15


@by_key
def test_without_ramps_and_rng_both_tones_are_sines_from_phase_0(key: str) -> None:
    low_hz, high_hz = FREQUENCIES_HZ[key]
    t = np.arange(800) / 8000
    wanted = 10 ** ((-10 - FULL_SCALE_DBM0) / 20) * np.sin(2 * np.pi * low_hz * t)
    wanted += 10 ** ((-8 - FULL_SCALE_DBM0) / 20) * np.sin(2 * np.pi * high_hz * t)
    # Angles reach 1000 radians, where float64 has steps of 1e-13.
    assert np.max(np.abs(render(key, 8000, ramp_ms=0).samples - wanted)) < 1e-12


# ------------------------------------------------------------------------------------------------ time


@by_rate
def test_silence_is_exact_and_every_tone_fills_its_place(samplerate: int) -> None:
    keys = "".join(KEYS)
    rendering = render(keys, samplerate, on_ms=50, delay_ms=20, lead_ms=10, tail_ms=30, rng=rng())
    sounding = np.zeros(len(rendering.samples), dtype=bool)
    for tone in rendering.tones:
        sounding[tone.start : tone.stop] = True
        # Random phases: neither the first nor the last sample is zero, as a sine's first would be.
        assert rendering.samples[tone.start] != 0
        assert rendering.samples[tone.stop - 1] != 0
    assert not rendering.samples[~sounding].any()


@by_rate
def test_whole_millisecond_lengths_and_gaps_are_exact(samplerate: int) -> None:
    # 40 ms and 80 ms are whole numbers of samples at each of the rates.
    rendering = render("1123", samplerate, on_ms=40, delay_ms=80, lead_ms=120, tail_ms=160)
    on = samplerate * 40 // 1000
    assert [tone.start for tone in rendering.tones] == [3 * on, 6 * on, 9 * on, 12 * on]
    assert [tone.stop - tone.start for tone in rendering.tones] == [on] * 4
    assert len(rendering.samples) == 13 * on + 4 * on
    assert [tone.tone for tone in rendering.tones] == [Tone.TONE1, Tone.TONE1, Tone.TONE2, Tone.TONE3]


def test_the_delay_is_not_added_after_the_last_tone() -> None:
    assert len(render("1", 8000, on_ms=100, delay_ms=5000).samples) == 800


@by_rate
def test_both_tones_are_within_1_db_for_the_asked_length_less_the_ramps(samplerate: int) -> None:
    rendering = render("8", samplerate, on_ms=60, ramp_ms=2)
    n_10_ms = samplerate // 100
    for samples in (part(rendering)[:n_10_ms], part(rendering)[-n_10_ms:]):
        low, high = levels(samples, "8", samplerate)
        assert low == pytest.approx(-10, abs=1)
        assert high == pytest.approx(-8, abs=1)


@pytest.mark.parametrize("samplerate", [8000, 11025, 22050, 44100, 48000])
@pytest.mark.parametrize(("on_ms", "delay_ms"), [("5.7", "33.3"), ("7.01", "9.999")])
def test_10000_tones_do_not_drift(on_ms: str, delay_ms: str, samplerate: int) -> None:
    tones = list(itertools.islice(itertools.cycle(KEY_TONES), 10_000))
    rendering = render(tones, samplerate, on_ms=float(on_ms), delay_ms=float(delay_ms), ramp_ms=1)
    on, delay = Fraction(on_ms) * samplerate / 1000, Fraction(delay_ms) * samplerate / 1000  # samples
    assert len(rendering.tones) == 10_000
    for index, tone in enumerate(rendering.tones):
        start = index * (on + delay)
        assert abs(tone.start - start) <= Fraction(1, 2)
        assert abs(tone.stop - (start + on)) <= Fraction(1, 2)


def test_10000_tones_do_not_drift_when_the_delay_is_no_decimal() -> None:
    third_ms = 10 / 3
    rendering = render([Tone.TONE1, Tone.TONE2] * 5000, 192_000, on_ms=third_ms, delay_ms=third_ms, ramp_ms=1)
    last = rendering.tones[-1]
    # Each duration is off by a third of a picosecond; 20,000 of them by 0.0013 samples.
    assert abs(last.stop - 19_999 * Fraction(third_ms) * 192) <= Fraction(1, 2) + Fraction(13, 10_000)


def test_places_of_more_tones_than_64_bits_count_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = render("159D*0#" * 20, 11025, on_ms=10 / 3, delay_ms=33.3, lead_ms=1 / 3, ramp_ms=1)
    monkeypatch.setattr(synthesis, "MOST_IN_INT64", 1)
    rendering = render("159D*0#" * 20, 11025, on_ms=10 / 3, delay_ms=33.3, lead_ms=1 / 3, ramp_ms=1)
    assert rendering.tones == wanted.tones
    assert rendering.samples.tobytes() == wanted.samples.tobytes()


def test_a_copy_with_other_samples_keeps_the_tones() -> None:
    rendering = render("12", 8000)
    copy = pickle.loads(pickle.dumps(dataclasses.replace(rendering, samples=-rendering.samples)))
    assert copy.tones == rendering.tones
    assert np.array_equal(copy.samples, -rendering.samples)


@settings(max_examples=60)
@given(
    presses=st.lists(
        st.tuples(st.sampled_from(KEY_TONES), st.integers(50, 400), st.integers(1, 1000), st.integers(0, 500)),
        min_size=1,
        max_size=20,
    ),
    samplerate=st.sampled_from(RATES),
    lead=st.integers(0, 1000),
    tail=st.integers(0, 1000),
)
@example(presses=[(Tone.TONE1, 125, 125, 0)] * 3, samplerate=4000, lead=0, tail=0)
def test_every_edge_is_the_nearest_sample(
    presses: list[tuple[Tone, int, int, int]], samplerate: int, lead: int, tail: int
) -> None:
    """Times are drawn in tenths of a millisecond, so that the fractions are exact."""
    sequence: list[Press | Pause] = []
    edges: list[RenderedTone] = []
    now = Fraction(lead)
    for tone, on, delay, pause in presses:
        sequence += [Press(tone=tone, on_ms=on / 10, delay_ms=delay / 10), Pause(duration_ms=pause / 10)]
        edges.append(RenderedTone(tone=tone, start=nearest(now, samplerate), stop=nearest(now + on, samplerate)))
        now += on + delay + pause
    length = nearest(now - presses[-1][2] + tail, samplerate)
    # Gaps of 0.1 ms hold no sample at low rates, and the same key on both sides is then refused.
    if any(a.tone is b.tone and a.stop == b.start for a, b in itertools.pairwise(edges)):
        with pytest.raises(InvalidSettingError, match="as one press"):
            render(sequence, samplerate, ramp_ms=1, lead_ms=lead / 10, tail_ms=tail / 10)
        return
    rendering = render(sequence, samplerate, ramp_ms=1, lead_ms=lead / 10, tail_ms=tail / 10)
    assert rendering.tones == tuple(edges)
    assert len(rendering.samples) == length


def nearest(tenths_ms: Fraction, samplerate: int) -> int:
    """Sample nearest to a time; a half rounds up."""
    return math.floor(tenths_ms * samplerate / 10_000 + Fraction(1, 2))


# ------------------------------------------------------------------------------------------------ full scale


@pytest.mark.parametrize("twist_db", [-40, -20, -8, -0.5, 0, 2, 4, 10.3, 40])
def test_the_highest_level_that_fits_never_clips(twist_db: float) -> None:
    highest = highest_level_dbm0(twist_db)
    samples = render(
        "".join(KEYS) * 20, 8000, on_ms=100, level_dbm0=highest, twist_db=twist_db, ramp_ms=0, rng=rng()
    ).samples
    assert np.max(np.abs(samples)) <= LOUDEST_PEAK
    assert np.array_equal(to_pcm16(samples), np.rint(samples * 32768).astype(np.int16))  # nothing was limited


@pytest.mark.parametrize("twist_db", [-40, -20, -8, -0.5, 0, 2, 4, 10.3, 40])
def test_the_highest_level_is_within_0_01_db_of_full_scale(twist_db: float) -> None:
    low = 10 ** ((highest_level_dbm0(twist_db) - FULL_SCALE_DBM0) / 20)
    peak = low * (1 + 10 ** (twist_db / 20))  # of the two sines when their crests meet
    assert -0.01 - 1e-9 <= 20 * math.log10(peak / LOUDEST_PEAK) <= 1e-9  # 1e-9: rounding


def test_two_equal_tones_fit_up_to_minus_2_89_dbm0() -> None:
    assert highest_level_dbm0(0) == -2.89  # half of full scale is -2.881, and the level is told to 0.01 dB


@pytest.mark.parametrize("twist_db", [-40, -20, -8, -0.5, 0, 2, 4, 10.3, 40])
def test_one_step_above_the_highest_level_is_refused_with_that_level(twist_db: float) -> None:
    highest = highest_level_dbm0(twist_db)
    with pytest.raises(InvalidSettingError) as caught:
        render("1", 8000, level_dbm0=highest + 0.01, twist_db=twist_db)
    assert str(caught.value) == (
        f"level_dbm0 is {highest + 0.01:g} with twist_db {twist_db:g}: the pair would clip; the highest level that "
        f"fits is {highest:.2f} dBm0"
    )


# ------------------------------------------------------------------------------------------------ repeatable


def test_equal_arguments_give_equal_samples_bit_for_bit() -> None:
    first, second = (render("159D*0#", 11025, on_ms=51.3, delay_ms=33.3, twist_db=1.7) for _ in range(2))
    assert first.samples.tobytes() == second.samples.tobytes()
    assert first.tones == second.tones


def test_repeated_tones_are_the_same_samples() -> None:
    rendering = render("5252", 8000)
    five, two, again, too = (rendering.samples[tone.start : tone.stop] for tone in rendering.tones)
    assert np.array_equal(five, again)
    assert np.array_equal(two, too)
    assert not np.array_equal(five, two)


def test_equal_seeds_give_equal_phases_and_others_give_others() -> None:
    first, second, other = (render("11", 8000, rng=rng(seed)).samples for seed in (7, 7, 8))
    assert first.tobytes() == second.tobytes()
    assert not np.array_equal(first, other)
    assert not np.array_equal(first[:800], first[1600:])  # each press has phases of its own


def test_phases_from_rng_leave_places_as_they_are() -> None:
    assert render("159D", 11025, delay_ms=33.3, rng=rng()).tones == render("159D", 11025, delay_ms=33.3).tones


# ------------------------------------------------------------------------------------------------ what is taken


@pytest.mark.parametrize(
    "tones",
    [
        "1#",
        "(1) #",
        [Tone.TONE1, Tone.POUND],
        (Tone.TONE1, Tone.POUND),
        iter([Tone.TONE1, Tone.POUND]),
        ["tone1", "pound"],
        [SdkTone.Tone1, SdkTone.Pound],
        [Press(tone=Tone.TONE1), Press(tone=Tone.POUND)],
        [Press(tone=SdkTone.Tone1), Tone.POUND],  # type: ignore[arg-type]
        [Press(tone=Tone.TONE1, on_ms=100, twist_db=2), "pound"],
    ],
    ids=lambda tones: "an iterator" if isinstance(tones, Iterator) else repr(tones),
)
def test_keys_tones_names_presses_and_microsofts_enum_render_alike(tones: Any) -> None:
    wanted = render("1#", 8000)
    rendering = render(tones, 8000)
    assert rendering.tones == wanted.tones
    assert all(type(tone.tone) is Tone for tone in rendering.tones)
    assert rendering.samples.tobytes() == wanted.samples.tobytes()


def test_a_single_tone_is_a_sequence_of_one() -> None:
    assert [tone.tone for tone in render(Tone.STAR, 8000).tones] == [Tone.STAR]


def test_a_rate_of_any_integer_type_is_told_as_int() -> None:
    assert type(render("1", np.int32(8000)).samplerate) is int  # type: ignore[arg-type]


OVERRIDES: list[tuple[dict[str, float], str]] = [
    ({"on_ms": 60}, "length"),
    ({"delay_ms": 60}, "delay"),
    ({"level_dbm0": -20}, "level"),
    ({"twist_db": -3}, "twist"),
    ({"low_offset_pct": 1.5}, "low frequency"),
    ({"high_offset_pct": -1.5}, "high frequency"),
]


@pytest.mark.parametrize(("override", "changed"), OVERRIDES)
def test_a_press_overrides_one_setting_of_its_own_and_of_no_other(override: dict[str, float], changed: str) -> None:
    def measured(rendering: Rendering, index: int) -> dict[str, float]:
        tone = rendering.tones[index]
        low_pct, high_pct = (
            (override.get("low_offset_pct", 0), override.get("high_offset_pct", 0)) if index == 1 else (0, 0)
        )
        asked_hz = (770 * (1 + low_pct / 100), 1336 * (1 + high_pct / 100))
        (low, high), rest = fit(part(rendering, index), asked_hz, 8000)
        assert np.max(np.abs(rest)) < 1e-9, "the frequencies are not as asked"  # rounding
        return {
            "length": (tone.stop - tone.start) / 8,
            "delay": (rendering.tones[index + 1].start - tone.stop) / 8,
            "level": low,
            "twist": high - low,
            "low frequency": asked_hz[0],
            "high frequency": asked_hz[1],
        }

    rendering = render([Tone.TONE5, Press(tone=Tone.TONE5, **override), Tone.TONE5, Tone.TONE5], 8000)
    plain = {
        "length": 100, "delay": 100, "level": -10, "twist": 2, "low frequency": 770, "high frequency": 1336,
    }  # fmt: skip
    (value,) = override.values()
    asked = {
        "low frequency": 770 * 1.015,
        "high frequency": 1336 * 0.985,
    }.get(changed, value)
    # 1e-6: rounding of the least squares, in ms, dB or Hz
    assert measured(rendering, 0) == pytest.approx(plain, abs=1e-6)
    assert measured(rendering, 1) == pytest.approx({**plain, changed: asked}, abs=1e-6)
    assert measured(rendering, 2) == pytest.approx(plain, abs=1e-6)


def test_pauses_add_to_the_delay() -> None:
    one, two, three = render("1w2wW3", 8000, on_ms=100, delay_ms=100).tones
    assert two.start - one.stop == (100 + 500) * 8
    assert three.start - two.stop == (100 + 500 + 1000) * 8


def test_pauses_at_the_ends_add_to_lead_and_tail() -> None:
    pause = Pause(duration_ms=250)
    rendering = render([pause, Tone.TONE1, pause], 8000, lead_ms=10, tail_ms=20)
    assert rendering.tones == (RenderedTone(tone=Tone.TONE1, start=260 * 8, stop=360 * 8),)
    assert len(rendering.samples) == (360 + 250 + 20) * 8


def test_without_delay_different_tones_touch() -> None:
    one, two, three = render("121", 8000, delay_ms=0).tones
    assert (one.stop, two.stop) == (two.start, three.start)


def test_a_pause_or_a_flash_keeps_repeated_tones_apart_without_delay() -> None:
    assert len(render([Tone.TONE1, Pause(duration_ms=40), Tone.TONE1], 8000, delay_ms=0).tones) == 2
    assert len(render([Tone.TONE1, Tone.FLASH, Tone.TONE1], 8000, delay_ms=0, flash_ms=40).tones) == 2


def test_a_flash_is_a_silent_gap_and_no_tone_of_the_truth() -> None:
    rendering = render([Tone.TONE1, Tone.FLASH, Tone.TONE2], 8000, on_ms=100, delay_ms=30, flash_ms=550)
    one, two = rendering.tones
    assert (one.tone, two.tone) == (Tone.TONE1, Tone.TONE2)
    assert two.start - one.stop == (30 + 550 + 30) * 8
    assert not rendering.samples[one.stop : two.start].any()


def test_a_flash_alone_is_silence() -> None:
    rendering = render([Tone.FLASH], 8000, flash_ms=550)
    assert rendering.tones == ()
    assert np.array_equal(rendering.samples, np.zeros(550 * 8))


# ------------------------------------------------------------------------------------------------ what is refused

NAMES = "the names are tone0-tone9, star, pound, a, b, c, d and flash"
REFUSED: list[tuple[Any, dict[str, Any], str]] = [
    ("1", {"on_ms": -1}, "on_ms is -1; it must be 0 or more, and finite"),
    ("1", {"on_ms": math.nan}, "on_ms is nan; it must be 0 or more, and finite"),
    ("1", {"on_ms": math.inf}, "on_ms is inf; it must be 0 or more, and finite"),
    ("1", {"on_ms": "100"}, "on_ms is '100'; it must be a number"),
    ("1", {"on_ms": True}, "on_ms is True; it must be a number"),
    ("1", {"delay_ms": -0.1}, "delay_ms is -0.1; it must be 0 or more, and finite"),
    ("1", {"delay_ms": None}, "delay_ms is None; it must be a number"),
    ("1", {"lead_ms": -5}, "lead_ms is -5; it must be 0 or more, and finite"),
    ("1", {"tail_ms": math.inf}, "tail_ms is inf; it must be 0 or more, and finite"),
    ("1", {"ramp_ms": 5.1}, "ramp_ms is 5.1; it must be from 0 to 5"),
    ("1", {"ramp_ms": -1}, "ramp_ms is -1; it must be from 0 to 5"),
    ("1", {"twist_db": 40.5}, "twist_db is 40.5; it must be from -40 to 40"),
    ("1", {"twist_db": -41}, "twist_db is -41; it must be from -40 to 40"),
    ("1", {"level_dbm0": -91}, "level_dbm0 is -91; it must be -90 or more, and finite"),
    ("1", {"level_dbm0": math.inf}, "level_dbm0 is inf; it must be -90 or more, and finite"),
    ("1", {"low_offset_pct": 10.1}, "low_offset_pct is 10.1; it must be from -10 to 10"),
    ("1", {"high_offset_pct": -11}, "high_offset_pct is -11; it must be from -10 to 10"),
    ([Press(tone=Tone.TONE1, on_ms=-1)], {}, "on_ms is -1; it must be 0 or more, and finite"),
    ([Press(tone=Tone.TONE1, delay_ms=math.nan)], {}, "delay_ms is nan; it must be 0 or more, and finite"),
    (
        "1",
        {"on_ms": 0},
        "on_ms is 0, 0 samples at 8000 Hz; a tone must hold at least one sample and its two ramps of 2 ms: lengthen "
        "it, or shorten ramp_ms",
    ),
    (
        "1",
        {"on_ms": 0.05, "ramp_ms": 0},
        "on_ms is 0.05, 0 samples at 8000 Hz; a tone must hold at least one sample and its two ramps of 0 ms: "
        "lengthen it, or shorten ramp_ms",
    ),
    (
        "1",
        {"on_ms": 3.875},
        "on_ms is 3.875, 31 samples at 8000 Hz; a tone must hold at least one sample and its two ramps of 2 ms: "
        "lengthen it, or shorten ramp_ms",
    ),
    (
        "1233",
        {"delay_ms": 0},
        "tones 3 and 4 are both tone3 with no silence between them, and would be heard as one press; give a "
        "delay_ms of 40 or more",
    ),
    (
        "11",
        {"delay_ms": 0.05},  # less than half a sample
        "tones 1 and 2 are both tone1 with no silence between them, and would be heard as one press; give a "
        "delay_ms of 40 or more",
    ),
    (
        [Tone.TONE1, Tone.FLASH, Tone.TONE1],
        {"delay_ms": 0, "flash_ms": 0},
        "tones 1 and 2 are both tone1 with no silence between them, and would be heard as one press; give a "
        "delay_ms of 40 or more",
    ),
    (
        "12",
        {"delay_ms": 86_400_000},
        "the rendering would last 86400.2 s; at 8000 Hz at most 33554.4 s (268435456 samples) are rendered at once: "
        "render it in parts, or shorten the delays",
    ),
    (
        "12",
        {"delay_ms": 1e308},
        "the rendering would last 1e+305 s; at 8000 Hz at most 33554.4 s (268435456 samples) are rendered at once: "
        "render it in parts, or shorten the delays",
    ),
    ("", {}, "there are no tones to render; give at least one"),
    ("(-)", {}, "there are no tones to render; give at least one"),
    ([], {}, "there are no tones to render; give at least one"),
    ([Pause(duration_ms=500)], {}, "there are no tones to render; give at least one"),
    (
        [Tone.FLASH],
        {},
        "flash makes no sound and cannot be rendered; leave it out, or give flash_ms for a silent gap",
    ),
    ([Tone.FLASH], {"flash_ms": -1}, "on_ms is -1; it must be 0 or more, and finite"),
    (["tone10"], {}, f"'tone10' is not a tone name; {NAMES}"),
    (["#"], {}, f"'#' is not a tone name; {NAMES} (the key # is written 'pound')"),
    ([None], {}, f"None is not a tone name; {NAMES}"),
    ([["tone1"]], {}, f"['tone1'] is not a tone name; {NAMES}"),
    (
        "1x",
        {},
        "'x' at position 2 of '1x' is not a key; the keys are 0-9, *, #, A-D (or a-d), with w and W for pauses of "
        "0.5 and 1 s",
    ),
    (
        "1,2",
        {},
        "',' at position 2 of '1,2' has no agreed length (0.5, 1 or 2 s, by vendor); give its length (comma_ms, --comma-ms), or write w "
        "for 0.5 s or W for 1 s",
    ),
]


@pytest.mark.parametrize(("tones", "options", "message"), REFUSED)
def test_what_cannot_be_rendered_is_refused_with_problem_place_and_remedy(
    tones: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DtmfError) as caught:
        render(tones, 8000, **options)
    assert str(caught.value) == message
    assert isinstance(caught.value, ValueError)


def test_what_is_no_tone_is_a_tone_error_and_what_is_no_setting_a_setting_error() -> None:
    for tones in ("", "x", ["tone10"], [Tone.FLASH]):
        with pytest.raises(InvalidToneError):
            render(tones, 8000)
    with pytest.raises(InvalidSettingError):
        render("1", 8000, on_ms=-1)


@pytest.mark.parametrize("samplerate", [0, 3999, 192_001, 8000.0, True])
def test_other_rates_are_refused(samplerate: Any) -> None:
    with pytest.raises(InvalidSettingError, match=r"^sample rate is .*; it must be a whole number of Hz from 4000 to"):
        render("1", samplerate)


def test_the_shortest_tone_is_its_two_ramps() -> None:
    assert len(render("1", 8000, on_ms=4, ramp_ms=2).samples) == 32
    assert len(render("1", 8000, on_ms=0.125, ramp_ms=0).samples) == 1


# ------------------------------------------------------------------------------------------------ frames


@given(n_samples=st.integers(0, 2000), timestamp=st.integers(0, 2**62))
@example(n_samples=319, timestamp=0)
@example(n_samples=320, timestamp=0)
@example(n_samples=321, timestamp=0)
def test_frames_are_640_bytes_every_200000_ticks_and_hold_every_sample(n_samples: int, timestamp: int) -> None:
    values = rng(n_samples).integers(-32768, 32768, n_samples)
    cut = list(frames(values / 32768, 16_000, timestamp=timestamp))
    assert len(cut) == math.ceil(n_samples / 320)
    assert all(len(frame.data) == 640 for frame in cut)
    assert [frame.timestamp for frame in cut] == [timestamp + 200_000 * index for index in range(len(cut))]
    unpacked = [value for frame in cut for value in struct.unpack("<320h", frame.data)]  # little-endian
    assert unpacked[:n_samples] == values.tolist()
    assert not any(unpacked[n_samples:])


def test_the_first_frame_is_at_0_unless_told() -> None:
    assert next(frames(np.zeros(1), 16_000)).timestamp == 0


def test_frames_of_a_rendering_give_back_its_samples() -> None:
    rendering = render("159D", 16_000)
    data = b"".join(frame.data for frame in frames(rendering.samples, rendering.samplerate))
    read_back = np.frombuffer(data, dtype="<i2")[: len(rendering.samples)] / 32768
    assert np.max(np.abs(read_back - rendering.samples)) <= 2.0**-16  # half a step


@pytest.mark.parametrize("samplerate", [8000, 48000, 16_000.5])
def test_frames_at_another_rate_are_refused_at_the_call(samplerate: Any) -> None:
    with pytest.raises(InvalidSettingError) as caught:
        frames(np.zeros(320), samplerate)
    assert str(caught.value) == (f"sample rate is {samplerate}; the media platform takes 16000 Hz: render at 16000")


def test_frames_of_two_channels_are_refused_at_the_call() -> None:
    with pytest.raises(InvalidSignalError) as caught:
        frames(np.zeros((320, 2)), 16_000)
    assert str(caught.value) == (
        "samples of shape (320, 2) were given; a frame holds one channel, (n,): give one channel"
    )


def test_frames_beyond_full_scale_are_refused_at_the_call() -> None:
    with pytest.raises(InvalidSignalError, match=r"^sample 400 is 1\.5; 16-bit audio holds -1\.0 to 1\.0: lower"):
        frames(np.append(np.zeros(400), 1.5), 16_000)
