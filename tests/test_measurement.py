"""Measured values against the truth, at the accuracy that the README states."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import NO_ERRORS, at_snr, random_presses, score

from dtmf_audio import channel, decode, render
from dtmf_audio.tones import KEY_TONES


def decoded(rendering, samples=None):
    samples = rendering.samples if samples is None else samples
    found = decode(samples, rendering.samplerate)
    assert score(rendering.tones, found) == NO_ERRORS
    return found


@pytest.mark.parametrize("samplerate", [8000, 11025, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("ramp_ms", [0.0, 2.0])
def test_edges_lie_within_1_5_ms_at_20_db(samplerate, ramp_ms):
    rendering = random_presses(160, 11, samplerate=samplerate, on_ms=50.0, ramp_ms=ramp_ms)
    found = decoded(rendering, at_snr(rendering, 20.0, 12))
    errors = [abs(t.start - p.start) for t, p in zip(found, rendering.tones, strict=True)]
    errors += [abs(t.stop - p.stop) for t, p in zip(found, rendering.tones, strict=True)]
    errors_ms = 1000.0 * np.array(errors) / samplerate
    assert np.median(errors_ms) <= 0.5
    assert np.percentile(errors_ms, 95) <= 1.5


@pytest.mark.parametrize("ramp_ms", [0.0, 2.0, 5.0])
@pytest.mark.parametrize("twist_db", [-15.0, -8.0, 0.0, 8.0, 15.0])
def test_edges_of_clean_audio_lie_at_the_feet_of_the_ramps(twist_db, ramp_ms):
    rendering = random_presses(64, 15, on_ms=50.0, level_dbm0=-15.0, twist_db=twist_db, ramp_ms=ramp_ms)
    for tone, press in zip(decoded(rendering), rendering.tones, strict=True):
        assert abs(tone.start - press.start) <= 4  # 0.5 ms
        assert abs(tone.stop - press.stop) <= 4


def test_level_twist_offset_and_snr_are_right_at_15_db():
    rendering = random_presses(
        320, 13, on_ms=50.0, level_dbm0=-12.0, twist_db=3.0, low_offset_pct=1.2, high_offset_pct=-0.7
    )
    noisy = channel.add_noise_at_snr(
        rendering.samples,
        snr_db=15.0,
        signal_dbm0=channel.pair_dbm0(-12.0, -9.0),
        samplerate=8000,
        rng=np.random.default_rng(14),
    )
    found = decoded(rendering, noisy)

    def share(measured, truth, tolerance):
        return np.mean(np.abs(np.array(measured) - truth) <= tolerance)

    assert share([t.low_level_dbm0 for t in found], -12.0, 0.3) >= 0.95
    assert share([t.high_level_dbm0 for t in found], -9.0, 0.3) >= 0.95
    assert share([t.twist_db for t in found], 3.0, 0.5) >= 0.95
    assert share([t.low_offset_pct for t in found], 1.2, 0.1) >= 0.95
    assert share([t.high_offset_pct for t in found], -0.7, 0.1) >= 0.95
    assert share([t.snr_db for t in found], 15.0, 1.5) >= 0.95


@pytest.mark.parametrize("samplerate", [4000, 8000, 11025, 48000, 192000])
def test_a_clean_tone_is_measured_almost_exactly(samplerate):
    rendering = render(KEY_TONES, samplerate, lead_ms=50.0, tail_ms=50.0)
    for tone, press in zip(decoded(rendering), rendering.tones, strict=True):
        assert abs(tone.start - press.start) <= 0.001 * samplerate
        assert abs(tone.stop - press.stop) <= 0.001 * samplerate
        assert tone.low_level_dbm0 == pytest.approx(-10.0, abs=0.2)  # the ramps are within what is measured
        assert tone.twist_db == pytest.approx(2.0, abs=0.1)
        assert abs(tone.low_offset_pct) < 0.05
        assert abs(tone.high_offset_pct) < 0.05


def test_a_tone_of_ten_seconds_is_one_tone_with_both_edges():
    rendering = render("5", 8000, on_ms=10_000.0, lead_ms=50.0, tail_ms=50.0)
    (tone,) = decoded(rendering)
    assert tone.start == pytest.approx(rendering.tones[0].start, abs=8)
    assert tone.stop == pytest.approx(rendering.tones[0].stop, abs=8)


def test_noise_that_prolongs_a_run_does_not_move_an_edge():
    rendering = render("13579*ABCD", 8000, on_ms=110.0, delay_ms=90.0, lead_ms=200.0, tail_ms=200.0)
    for seed in range(20):
        samples = channel.add_noise(
            rendering.samples, level_dbm0=-48.0, samplerate=8000, rng=np.random.default_rng(seed)
        )
        for tone, press in zip(decoded(rendering, samples), rendering.tones, strict=True):
            assert abs(tone.start - press.start) <= 16
            assert abs(tone.stop - press.stop) <= 16
