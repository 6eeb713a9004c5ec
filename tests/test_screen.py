"""The screen: one spectrum says what pair there is and what else, and drops no press."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import at_snr, label_of, random_presses

from dtmf_audio import channel, render
from dtmf_audio.screen import HOPELESS, Screen, clean, odds
from dtmf_audio.signals import SAMPLE_SCALE
from dtmf_audio.tones import HIGH_HZ, LOW_HZ

RATES = [8000, 11025, 16000, 22050, 44100, 48000]


def pairs(samplerate, n, seed, offset_pct=2.0):
    """Pairs of random keys, levels, phases and offsets as the screen gets them, and what they are made of."""
    rng = np.random.default_rng(seed)
    screen = Screen(samplerate)
    label = rng.integers(0, 16, n)
    hertz, amplitudes = [], []
    for nominal in (np.array(LOW_HZ)[label // 4], np.array(HIGH_HZ)[label % 4]):
        hertz.append(nominal * (1 + rng.uniform(-offset_pct, offset_pct, n) / 100))
        amplitudes.append(rng.uniform(0.1, 0.3, n) * np.exp(2j * np.pi * rng.uniform(size=n)))
    t = (np.arange(screen.length) - (screen.length - 1) / 2) / samplerate
    waves = sum((a[:, None] * np.exp(2j * np.pi * f[:, None] * t)).real for a, f in zip(amplitudes, hertz, strict=True))
    return screen, (SAMPLE_SCALE * waves).astype(np.float32), label, hertz, amplitudes


@pytest.mark.parametrize("samplerate", RATES)
def test_frequencies_levels_and_phases_of_a_clean_pair_are_known(samplerate):
    screen, pieces, label, hertz, amplitudes = pairs(samplerate, 300, 1)
    seen = screen.look(pieces, label)
    for found_hz, found, wanted_hz, wanted in zip(
        (seen.low_hz, seen.high_hz), (seen.low, seen.high), hertz, amplitudes, strict=True
    ):
        assert np.abs(found_hz - wanted_hz).max() <= 0.15  # what Hann's sidelobes of the other tone leave
        assert np.abs(20 * np.log10(np.abs(found) / np.abs(wanted))).max() <= 0.02
        assert np.abs(np.angle(found / wanted)).max() <= 0.01


def test_pairs_alone_are_clean():
    screen, pieces, label, _, _ = pairs(8000, 300, 8, offset_pct=0.5)
    assert clean(screen.look(pieces, label)).all()


def test_a_look_does_not_depend_on_what_else_is_looked_at():
    screen, pieces, label, _, _ = pairs(8000, 2100, 2)
    together = screen.look(pieces, label)
    alone = screen.look(pieces[2050:2051], label[2050:2051])
    assert together.low_hz[2050] == pytest.approx(alone.low_hz[0], rel=1e-12)
    assert together.margin_db[2050] == pytest.approx(alone.margin_db[0], rel=1e-9)
    assert len(screen.look(pieces[:0], label[:0])) == 0


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 20.0])
def test_snr_is_right_within_2_db(snr_db):
    screen, pieces, label, _, amplitudes = pairs(8000, 400, 3, offset_pct=0.0)
    power = sum(np.abs(a) ** 2 for a in amplitudes) / 2
    rng = np.random.default_rng(4)
    noise = rng.standard_normal(pieces.shape) * np.sqrt(power / 10 ** (snr_db / 10))[:, None] * SAMPLE_SCALE
    errors_db = screen.look(pieces + noise, label).snr_db - snr_db
    assert np.abs(np.mean(errors_db)) <= 0.5
    assert np.percentile(np.abs(errors_db), 95) <= 2.0


def test_a_line_beside_the_pair_is_measured_against_the_weaker_tone():
    silence = np.zeros(256)
    for freq_hz, name in ((2000.0, "margin_db"), (300.0, "hum_margin_db")):
        x = channel.add_tone(silence, freq_hz=697.0, level_dbm0=-10.0, samplerate=8000)
        x = channel.add_tone(x, freq_hz=1209.0, level_dbm0=-14.0, samplerate=8000)
        x = channel.add_tone(x, freq_hz=freq_hz, level_dbm0=-24.0, samplerate=8000)
        seen = Screen(8000).look(SAMPLE_SCALE * x[np.newaxis], np.array([0]))
        assert getattr(seen, name)[0] == pytest.approx(10.0, abs=1.5)  # up to 1.4 dB between two bins


def test_offsets_are_told_up_to_the_limits_of_all_profiles():
    for offset_pct in (-3.0, -1.8, 1.8, 3.0):
        x = render("D", 8000, on_ms=32.0, ramp_ms=0.0, low_offset_pct=offset_pct, high_offset_pct=offset_pct).samples
        seen = Screen(8000).look(SAMPLE_SCALE * x[np.newaxis, :256], np.array([15]))
        assert seen.offset_pct[0] == pytest.approx(abs(offset_pct), abs=0.05)


@pytest.mark.parametrize("snr_db", [-2.0, 3.0])
def test_no_press_in_white_noise_is_hopeless(snr_db):
    rendering = random_presses(640, 5)
    noisy = at_snr(rendering, snr_db, 6)
    label = np.array([label_of(press.tone) for press in rendering.tones])
    for shift in (-40, 0, 40):  # the middle of a run is known to 5 ms
        middle = np.array([(press.start + press.stop) // 2 + shift for press in rendering.tones])
        pieces = np.lib.stride_tricks.sliding_window_view(noisy, 256)[middle - 128]
        assert (odds(Screen(8000).look(SAMPLE_SCALE * pieces, label)) > HOPELESS).all()


def test_noise_is_hopeless_most_of_the_time_and_never_clean():
    rng = np.random.default_rng(7)
    pieces = 3000.0 * rng.standard_normal((4000, 256))
    seen = Screen(8000).look(pieces, rng.integers(0, 16, 4000))
    assert (odds(seen) < HOPELESS).mean() > 0.9
    assert not clean(seen).any()
