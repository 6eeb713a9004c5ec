"""decode(): channels on their own, arguments checked."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dtmf_audio import PROFILES, InvalidSettingError, InvalidSignalError, decode, keys_of, render


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
def test_silence_and_constants_hold_no_tones(samples):
    assert decode(samples, 8000) == []


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
