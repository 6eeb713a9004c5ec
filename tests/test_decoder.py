"""decode(): channels on their own, arguments checked."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from helpers import random_presses
from hypothesis import given, settings
from hypothesis import strategies as st

from dtmf_audio import (
    PROFILES,
    DetectedTone,
    InvalidSettingError,
    InvalidSignalError,
    Press,
    Rejection,
    channel,
    decode,
    keys_of,
    render,
)
from dtmf_audio.audio_io import read_audio
from dtmf_audio.tones import Tone

SAMPLES = Path(__file__).parent.parent / "samples"


def stereo():
    left = render("13579", 8000, lead_ms=50.0, tail_ms=50.0).samples
    right = render("24680", 8000, lead_ms=50.0, tail_ms=50.0).samples
    return np.stack([left, right], axis=1)


def test_channels_pressing_at_the_same_time_are_both_heard():
    tones = decode(stereo(), 8000)
    assert keys_of(t.tone for t in tones if t.channel == 0) == "13579"
    assert keys_of(t.tone for t in tones if t.channel == 1) == "24680"
    assert [(t.start, t.channel) for t in tones] == sorted((t.start, t.channel) for t in tones)


def test_channels_of_opposite_phase_do_not_cancel():
    mono = render("42", 8000).samples
    tones = decode(np.stack([mono, -mono], axis=1), 8000)
    assert [keys_of(t.tone for t in tones if t.channel == c) for c in (0, 1)] == ["42", "42"]


def test_one_channel_can_be_asked_for():
    tones = decode(stereo(), 8000, channel=1)
    assert keys_of(t.tone for t in tones) == "24680"
    assert {t.channel for t in tones} == {1}


def test_a_profile_can_be_taken_and_one_limit_changed():
    samples = render("1", 8000, on_ms=60.0).samples
    longer = dataclasses.replace(PROFILES["default"], name="slow", min_on_ms=80.0)
    assert keys_of(t.tone for t in decode(samples, 8000, profile=longer)) == ""
    assert keys_of(t.tone for t in decode(samples, 8000, profile="default")) == "1"


@pytest.mark.parametrize("samples", [np.zeros(8000), np.zeros(1), np.zeros(8000, np.int16), np.full(8000, 0.3)])
@pytest.mark.parametrize("explain", [False, True])
def test_silence_and_constants_hold_no_tones(samples, explain):
    assert decode(samples, 8000, explain=explain) == []


def changed(**limits):
    return dataclasses.replace(PROFILES["default"], name="changed", **limits)


def keys(*presses):
    return [Press(tone=tone, delay_ms=100.0, **settings) for tone, settings in presses]


def noisy(samples, snr_db, seed=0):
    level_dbm0 = channel.pair_dbm0(-10.0, -10.0)
    rng = np.random.default_rng(seed)
    return channel.add_noise_at_snr(samples, snr_db=snr_db, signal_dbm0=level_dbm0, samplerate=8000, rng=rng)


LOUD, FAINT = {"level_dbm0": -6.0}, {"level_dbm0": -45.0}
NEAR_MISSES = [  # what is rendered, the profile, the limit that refuses its last key, about how far off, whose
    ("5", {"on_ms": 22.0}, "default", "min_on_ms", 5.0, None),
    ("5", {"low_offset_pct": 3.0}, "default", "max_offset_pct", 0.6, "low"),
    ("5", {"high_offset_pct": -3.0}, "default", "max_offset_pct", 0.6, "high"),
    ("5", {"level_dbm0": -34.0, "twist_db": 3.0}, "q24", "min_level_dbm0", 6.0, "low"),
    ("5", {"level_dbm0": -10.0, "twist_db": 3.0}, changed(max_level_dbm0=-20.0), "max_level_dbm0", 13.0, "high"),
    ("5", {"twist_db": 8.0}, "att", "max_twist_db", 2.0, None),
    ("5", {"twist_db": -12.0}, "att", "max_reverse_twist_db", 3.0, None),
    (keys((Tone.TONE5, LOUD), (Tone.TONE5, FAINT)), {}, "default", "echo_db", 24.0, None),
    (keys((Tone.TONE5, LOUD), (Tone.TONE9, FAINT)), {}, "default", "other_echo_db", 14.0, None),
]


@pytest.mark.parametrize(("pressed", "how", "profile", "limit", "missed_by", "group"), NEAR_MISSES)
def test_explain_tells_the_limit_and_by_how_much_it_was_missed(pressed, how, profile, limit, missed_by, group):
    samples = render(pressed, 8000, lead_ms=50.0, tail_ms=50.0, **how).samples
    *heard, near_miss = decode(samples, 8000, profile=profile, explain=True)
    assert isinstance(near_miss, Rejection)
    assert heard == decode(samples, 8000, profile=profile)
    assert (near_miss.limit, near_miss.group, near_miss.against) == (limit, group, ())
    assert near_miss.missed_by == pytest.approx(missed_by, rel=0.15)
    assert near_miss.wanted == getattr(PROFILES[profile] if isinstance(profile, str) else profile, limit)
    assert near_miss.duration_ms == pytest.approx(how.get("on_ms", 100.0), abs=2.0)


def test_explain_tells_what_spoke_most_against_a_pair_of_tones():
    samples = noisy(render("5", 8000, level_dbm0=-10.0, lead_ms=50.0, tail_ms=50.0).samples, 6.0)
    (tone,) = decode(samples, 8000)
    (near_miss,) = decode(samples, 8000, profile=changed(min_evidence=20.0), explain=True)
    assert isinstance(near_miss, Rejection)
    assert (near_miss.limit, near_miss.tone, near_miss.start, near_miss.stop) == (
        *("min_evidence", tone.tone, tone.start, tone.stop),
    )
    assert near_miss.measured + near_miss.missed_by == pytest.approx(20.0)
    assert len(near_miss.against) == 3


@settings(max_examples=25)
@given(
    snr_db=st.sampled_from([15.0, 3.0, -3.0]),
    seed=st.integers(0, 10**6),
    profile=st.sampled_from(["default", "att", "sensitive"]),
    off_pct=st.sampled_from([0.0, 2.3, 3.0]),
)
def test_the_tones_are_the_same_with_and_without_explain(snr_db, seed, profile, off_pct):
    presses = random_presses(32, seed, low_offset_pct=off_pct, vary=lambda rng: {"on_ms": rng.uniform(15.0, 120.0)})
    samples = noisy(presses.samples, snr_db, seed)
    explained = decode(samples, 8000, profile=profile, explain=True)
    assert [event for event in explained if isinstance(event, DetectedTone)] == decode(samples, 8000, profile=profile)
    assert [(event.start, event.channel) for event in explained] == sorted((e.start, e.channel) for e in explained)


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.wav")), ids=lambda path: path.name)
@pytest.mark.parametrize("profile", ["default", "att"])
def test_the_tones_of_the_samples_are_the_same_with_and_without_explain(path, profile):
    samples, samplerate = read_audio(path)
    explained = decode(samples, samplerate, profile=profile, explain=True)
    assert [event for event in explained if isinstance(event, DetectedTone)] == decode(
        samples, samplerate, profile=profile
    )


def test_near_misses_of_noise_are_few():
    noise = np.random.default_rng(7).normal(0.0, 0.1, 60 * 8000)
    assert len(decode(noise, 8000, explain=True)) <= 5


@pytest.mark.parametrize(
    ("signal", "message"),
    [
        (np.zeros(0), "the signal has no samples; give at least one"),
        (np.zeros((0, 2)), "the signal has no samples; give at least one"),
        (np.float64(0.0), "signal has 0 dimensions; it must have 1, (n,), or 2, (n, channels)"),
        (np.zeros((2, 2, 2)), "signal has 3 dimensions; it must have 1, (n,), or 2, (n, channels)"),
        (np.array([0.0, np.nan]), "sample 1 is nan; every sample must be finite"),
        (np.array([np.inf]), "sample 0 is inf; every sample must be finite"),
        (np.array([0.0, 12000.0]), "sample 1 is 12000.0; floats must have full scale 1.0: divide by 32768"),
        (np.zeros((2, 8000)), "signal of shape (2, 8000) has 8000 channels"),
        (np.zeros(10, np.int64), "samples are int64; they must be int16, int32, uint8, float32 or float64"),
    ],
)
def test_what_is_not_audio_is_refused(signal, message):
    with pytest.raises(InvalidSignalError) as error:
        decode(signal, 8000)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samplerate": 0}, "sample rate is 0; it must be a whole number of Hz from 4000 to 192000"),
        ({"samplerate": 3999}, "sample rate is 3999; it must be a whole number of Hz from 4000 to 192000"),
        ({"channel": 2}, "channel 2 asked for, the signal has 1 (0 to 0); leave channel out to decode all"),
        ({"channel": -1}, "channel -1 asked for"),
        ({"profile": "itu"}, "profile 'itu' is not known; the profiles are default, q24, att, ntt, denmark, "),
        ({"goertzel": "fft"}, "goertzel form is 'fft'; it must be 'matrix' or 'resonator'"),
    ],
)
def test_settings_that_do_not_exist_are_refused(options, message):
    with pytest.raises(InvalidSettingError) as error:
        decode(np.zeros(100), **{"samplerate": 8000, **options})
    assert message in str(error.value)
