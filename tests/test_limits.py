"""What must operate and what must not, in pairs, every key, both signs: ITU-T Q.24 table A-1 and its neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import NO_ERRORS, Score, random_presses, score

from dtmf_audio import Press, channel, decode, render
from dtmf_audio.tones import HIGH_HZ, KEY_TONES, LOW_HZ, Tone

SIGNS = [(1, 1), (1, -1), (-1, 1), (-1, -1)]
PROFILES = ["default", "q24"]


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(("low", "high"), SIGNS)
def test_accepts_both_tones_1_8_percent_off(profile, low, high):
    rendering = random_presses(64, 21, low_offset_pct=1.8 * low, high_offset_pct=1.8 * high)
    assert score(rendering.tones, decode(rendering.samples, 8000, profile=profile)) == NO_ERRORS


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(("low", "high"), [*SIGNS, (1, 0), (-1, 0), (0, 1), (0, -1)])
def test_rejects_3_percent_off(profile, low, high):
    rendering = random_presses(64, 22, low_offset_pct=3.0 * low, high_offset_pct=3.0 * high)
    assert decode(rendering.samples, 8000, profile=profile) == []


@pytest.mark.parametrize("profile", PROFILES)
def test_accepts_40_ms(profile):
    rendering = random_presses(160, 23, on_ms=40.0, delay_ms=40.0)
    assert score(rendering.tones, decode(rendering.samples, 8000, profile=profile)) == NO_ERRORS


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("on_ms", [20.0, 24.0, 25.0])
def test_rejects_25_ms(profile, on_ms):
    rendering = random_presses(160, 24, on_ms=on_ms, delay_ms=60.0)
    assert decode(rendering.samples, 8000, profile=profile) == []


# Table A-1/Q.24, by column: must operate and must not, of frequency (fraction and Hz; %), level (dBm, here dBm0),
# twist (high group louder, low group louder; dB), length (ms), and hole (bridge, part; ms).
COLUMNS = {
    "ntt": ((0.018, 0.0), 3.0, -24.0, -29.0, (5.0, 5.0), 24.0, 10.0, 30.0),
    "att": ((0.015, 0.0), 3.5, -25.0, -55.0, (4.0, 8.0), 23.0, 10.0, 40.0),
    "denmark": ((0.015, 2.0), None, -27.0, -36.0, (6.0, 6.0), 20.0, 20.0, 40.0),
    "australia": ((0.015, 4.0), None, -27.0, -30.0, (10.0, 10.0), 25.0, 12.0, 70.0),
    "brazil": ((0.018, 0.0), 3.0, -25.0, -50.0, (9.0, 9.0), 20.0, 10.0, 30.0),
}


def every_key(profile, gap_ms=60.0, **settings):
    """Whether every key, pressed on its own, is heard once; 16 presses."""
    rendering = render(KEY_TONES, 8000, delay_ms=gap_ms, lead_ms=50.0, tail_ms=50.0, ramp_ms=0.0, **settings)
    return score(rendering.tones, decode(rendering.samples, 8000, profile=profile))


@pytest.mark.parametrize("column", COLUMNS)
def test_each_administration_accepts_what_it_must(column):
    (fraction, hertz), _, level_dbm0, _, (high_louder_db, low_louder_db), _, bridge_ms, part_ms = COLUMNS[column]
    for low, high in SIGNS:
        presses = [
            Press(
                tone=tone,
                low_offset_pct=low * 100 * (fraction + hertz / tone.frequencies_hz[0]),
                high_offset_pct=high * 100 * (fraction + hertz / tone.frequencies_hz[1]),
            )
            for tone in KEY_TONES
        ]
        for twist_db in (high_louder_db, -low_louder_db):
            faint = level_dbm0 - min(0.0, twist_db)  # the weaker tone at the least level
            rendering = render(
                presses, 8000, on_ms=40.0, delay_ms=part_ms, level_dbm0=faint, twist_db=twist_db, lead_ms=50, tail_ms=50
            )
            assert score(rendering.tones, decode(rendering.samples, 8000, profile=column)) == NO_ERRORS
    twice = [Press(tone=tone, delay_ms=gap) for tone in KEY_TONES for gap in (part_ms, 100.0)]
    rendering = render(twice, 8000, on_ms=40.0, twist_db=0.0, ramp_ms=0.0, lead_ms=50.0, tail_ms=50.0)
    assert score(rendering.tones, decode(rendering.samples, 8000, profile=column)) == NO_ERRORS
    held = render(KEY_TONES, 8000, on_ms=100.0, twist_db=0.0, lead_ms=50.0, tail_ms=50.0)
    samples = held.samples
    for press in held.tones:
        samples = channel.dropout(samples, start=press.start + 300, stop=press.start + 300 + int(8 * bridge_ms))
    assert score(held.tones, decode(samples, 8000, profile=column)) == NO_ERRORS


@pytest.mark.parametrize("column", COLUMNS)
def test_each_administration_refuses_what_it_must(column):
    _, offset_pct, _, level_dbm0, _, on_ms, _, _ = COLUMNS[column]
    nothing = Score(missed=16, doubled=0, false=0)
    if offset_pct is not None:
        for low, high in [*SIGNS, (1, 0), (-1, 0), (0, 1), (0, -1)]:
            offsets = {"low_offset_pct": offset_pct * low, "high_offset_pct": offset_pct * high}
            assert every_key(column, twist_db=0.0, **offsets) == nothing
    assert every_key(column, level_dbm0=level_dbm0, twist_db=0.0) == nothing
    assert every_key(column, on_ms=on_ms, twist_db=0.0) == nothing


@pytest.mark.parametrize("twist_db", [-10.0, 10.0])
def test_accepts_10_db_of_twist(twist_db):
    level_dbm0 = -27.0 - min(0.0, twist_db)
    rendering = random_presses(64, 25, level_dbm0=level_dbm0, twist_db=twist_db)
    assert score(rendering.tones, decode(rendering.samples, 8000, profile="q24")) == NO_ERRORS


def test_accepts_minus_27_dbm0_and_rejects_minus_29():
    loud, faint = random_presses(64, 26, level_dbm0=-27.0), random_presses(64, 26, level_dbm0=-29.0)
    assert score(loud.tones, decode(loud.samples, 8000, profile="q24")) == NO_ERRORS
    assert decode(faint.samples, 8000, profile="q24") == []


def test_default_hears_minus_55_dbm0():
    rendering = random_presses(64, 27, level_dbm0=-55.0)
    assert score(rendering.tones, decode(rendering.samples, 8000)) == NO_ERRORS


@pytest.mark.parametrize("gap_ms", [30.0, 40.0, 70.0])
def test_the_same_key_after_30_ms_is_a_new_press(gap_ms):
    presses = [Press(tone=tone, delay_ms=gap) for tone in KEY_TONES for gap in (gap_ms, 100.0)]
    rendering = render(presses, 8000, on_ms=50.0, lead_ms=50.0, tail_ms=50.0, rng=np.random.default_rng(28))
    assert score(rendering.tones, decode(rendering.samples, 8000)) == NO_ERRORS


@pytest.mark.parametrize("hole_ms", [5, 10, 15, 20])
def test_a_hole_of_20_ms_is_within_one_press(hole_ms):
    rendering = random_presses(64, 29, on_ms=100.0, delay_ms=80.0)
    samples, rng = rendering.samples, np.random.default_rng(30)
    for press in rendering.tones:
        start = int(rng.integers(press.start, press.stop - 8 * hole_ms))
        samples = channel.dropout(samples, start=start, stop=start + 8 * hole_ms)
    assert score(rendering.tones, decode(samples, 8000)) == NO_ERRORS


def test_different_keys_without_a_gap_are_both_heard():
    tones = [KEY_TONES[i] for i in (1, 5, 9, 15, 10, 0, 11, 2, 3, 6, 12, 13, 7, 4, 8, 14)]
    rendering = render(tones, 8000, on_ms=50.0, delay_ms=0.0, lead_ms=50.0, tail_ms=50.0)
    assert score(rendering.tones, decode(rendering.samples, 8000)) == NO_ERRORS


@pytest.mark.parametrize("freq_hz", [*LOW_HZ, *HIGH_HZ])
def test_a_single_tone_is_no_key(freq_hz):
    silence = np.zeros(8000)
    assert decode(channel.add_tone(silence, freq_hz=freq_hz, level_dbm0=-5.0, samplerate=8000), 8000) == []


@pytest.mark.parametrize("group", [LOW_HZ, HIGH_HZ])
def test_two_tones_of_one_group_are_no_key(group):
    for i in range(4):
        for j in range(i):
            pair = np.zeros(4000)
            for freq_hz in (group[i], group[j]):
                pair = channel.add_tone(pair, freq_hz=freq_hz, level_dbm0=-10.0, samplerate=8000)
            assert decode(pair, 8000) == []


@pytest.mark.parametrize(
    "freqs_hz",
    [(350, 440), (480, 620), (440, 480), (425,), (400,), (1100,), (2100,), (1004,), (950,), (1400,), (2600,)],
)
def test_call_progress_tones_are_no_keys(freqs_hz):
    samples = np.zeros(16000)
    for freq_hz in freqs_hz:
        samples = channel.add_tone(samples, freq_hz=freq_hz, level_dbm0=-10.0, samplerate=8000)
    samples[4000:8000] = 0.0
    assert decode(samples, 8000) == []


@pytest.mark.parametrize("color", ["white", "pink", "speech"])
def test_five_minutes_of_noise_hold_no_tones(color):
    noise = channel.noise(300 * 8000, level_dbm0=-10.0, samplerate=8000, rng=np.random.default_rng(31), color=color)
    assert decode(noise, 8000) == []


def test_a_tone_next_to_a_much_louder_one_of_its_key_is_its_echo():
    presses = [Press(tone=Tone.TONE5, level_dbm0=-10.0, delay_ms=80.0), Press(tone=Tone.TONE5, level_dbm0=-35.0)]
    rendering = render(presses, 8000, lead_ms=50.0, tail_ms=50.0)
    assert [tone.start for tone in decode(rendering.samples, 8000)] == pytest.approx([400], abs=8)
    assert len(decode(rendering.samples, 8000, profile="sensitive")) == 2


DAMAGES = {
    "white noise at 3 dB": lambda x, rng: channel.add_noise_at_snr(
        x, snr_db=3.0, signal_dbm0=channel.pair_dbm0(-10.0, -10.0), samplerate=8000, rng=rng
    ),
    "white noise at 0 dB": lambda x, rng: channel.add_noise_at_snr(
        x, snr_db=0.0, signal_dbm0=channel.pair_dbm0(-10.0, -10.0), samplerate=8000, rng=rng
    ),
    "50 Hz hum at the level of the tones": lambda x, rng: channel.add_hum(x, level_dbm0=-10.0, samplerate=8000),
    "60 Hz hum at the level of the tones": lambda x, rng: channel.add_hum(
        x, level_dbm0=-10.0, samplerate=8000, freq_hz=60.0
    ),
    "180 Hz hum at the level of the tones": lambda x, rng: channel.add_hum(
        x, level_dbm0=-10.0, samplerate=8000, freq_hz=180.0
    ),
    "DC of 0.3": lambda x, rng: channel.add_dc(x, offset=0.3),
    "dial tone at the level of the tones": lambda x, rng: channel.add_dial_tone(x, level_dbm0=-10.0, samplerate=8000),
    "clipping x30": lambda x, rng: channel.clip(x, drive_db=29.5),
    "echo of 20 ms at -10 dB": lambda x, rng: channel.add_echo(x, delay_ms=20.0, level_db=-10.0, samplerate=8000),
    "third tone 16 dB down": lambda x, rng: channel.add_tone(x, freq_hz=2000.0, level_dbm0=-26.0, samplerate=8000),
    "band-pass": lambda x, rng: channel.band_pass(x, samplerate=8000),
    "mu-law": lambda x, rng: channel.mu_law(x),
    "A-law": lambda x, rng: channel.a_law(x),
    "frequency shift of 7 Hz": lambda x, rng: channel.frequency_shift(x, shift_hz=7.0, samplerate=8000),
    "slope of 8 dB": lambda x, rng: channel.slope(x, slope_db=-8.0, samplerate=8000),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_survives(damage):
    rendering = random_presses(160, 32, on_ms=40.0, delay_ms=45.0)
    samples = DAMAGES[damage](rendering.samples, np.random.default_rng(33))
    assert score(rendering.tones, decode(samples, 8000)) == NO_ERRORS
