"""Each damage is measured against what its docstring promises; no expected value is taken from its output."""

from __future__ import annotations

import io
import math
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
import soundfile

from dtmf_audio import channel
from dtmf_audio.errors import InvalidSettingError, InvalidSignalError
from dtmf_audio.signals import Samples
from dtmf_audio.units import amplitude_from_dbm0, dbm0_from_power

RATE = 8000
RATES = (4000, 8000, 11025, 16000, 48000)
RANDOM_DB = 0.1  # 30 s of noise is 100,000 independent values or more when white: 0.01 dB standard deviation


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def sine(freq_hz: float, *, n: int = RATE, samplerate: int = RATE, level_dbm0: float = -10.0) -> Samples:
    return amplitude_from_dbm0(level_dbm0) * np.sin(2 * np.pi * freq_hz * np.arange(n) / samplerate)


def level(samples: Samples) -> float:
    """Level of the whole, in dBm0."""
    return dbm0_from_power(float(np.mean(np.square(samples))))


def band_level(samples: Samples, low_hz: float, high_hz: float, samplerate: int = RATE) -> float:
    """Level of what lies from ``low_hz`` to ``high_hz``, by the plain periodogram."""
    spectrum = np.abs(np.fft.fft(samples) / len(samples)) ** 2
    freqs_hz = np.abs(np.fft.fftfreq(len(samples), 1 / samplerate))
    return dbm0_from_power(float(spectrum[(freqs_hz >= low_hz) & (freqs_hz < high_hz)].sum()))


def tone_level(samples: Samples, freq_hz: float, samplerate: int = RATE) -> float:
    """Level of one sine in the middle half of a signal, by least squares over its two phases."""
    middle = samples[len(samples) // 4 : -len(samples) // 4]
    angle = 2 * np.pi * freq_hz * np.arange(len(middle)) / samplerate
    basis = np.column_stack((np.cos(angle), np.sin(angle)))
    fitted = basis @ np.linalg.lstsq(basis, middle, rcond=None)[0]
    return level(fitted)


def ratio_db(wanted: Samples, got: Samples) -> float:
    """Power of the error relative to the power wanted."""
    return 10 * math.log10(np.mean(np.square(got - wanted)) / np.mean(np.square(wanted)))


# Every function that damages a signal, at 8000 Hz, with ordinary settings.
DAMAGES: dict[str, Callable[[Samples, int], Samples]] = {
    "white": lambda x, seed: channel.add_noise(x, level_dbm0=-30, samplerate=RATE, rng=rng(seed)),
    "pink": lambda x, seed: channel.add_noise(x, level_dbm0=-30, samplerate=RATE, rng=rng(seed), color="pink"),
    "speech": lambda x, seed: channel.add_noise(x, level_dbm0=-30, samplerate=RATE, rng=rng(seed), color="speech"),
    "snr": lambda x, seed: channel.add_noise_at_snr(x, snr_db=15, signal_dbm0=-7, samplerate=RATE, rng=rng(seed)),
    "impulses": lambda x, seed: channel.add_impulses(x, rate_per_s=50, level_dbm0=3, samplerate=RATE, rng=rng(seed)),
    "tone": lambda x, _: channel.add_tone(x, freq_hz=1000, level_dbm0=-26, samplerate=RATE),
    "hum": lambda x, _: channel.add_hum(x, level_dbm0=-20, samplerate=RATE, harmonics_db=(-6, -12)),
    "dial tone": lambda x, _: channel.add_dial_tone(x, level_dbm0=-20, samplerate=RATE),
    "dc": lambda x, _: channel.add_dc(x, offset=0.002),
    "echo": lambda x, _: channel.add_echo(x, delay_ms=7, level_db=-10, samplerate=RATE),
    "clip": lambda x, _: channel.clip(x, drive_db=20),
    "band-pass": lambda x, _: channel.band_pass(x, samplerate=RATE),
    "slope": lambda x, _: channel.slope(x, slope_db=-8, samplerate=RATE),
    "frequency shift": lambda x, _: channel.frequency_shift(x, shift_hz=7, samplerate=RATE),
    "clock": lambda x, _: channel.clock_error(x, offset_pct=1),
    "mu-law": lambda x, _: channel.mu_law(x),
    "A-law": lambda x, _: channel.a_law(x),
    "dropout": lambda x, _: channel.dropout(x, start=len(x) // 4, stop=len(x) // 2),
    "loss": lambda x, seed: lose(x, seed, "zeros"),
    "repetition": lambda x, seed: lose(x, seed, "repeat"),
}
RANDOM = ("white", "pink", "speech", "snr", "impulses", "loss", "repetition")
every_damage = pytest.mark.parametrize("name", DAMAGES)


def lose(samples: Samples, seed: int, mode: channel.LossMode) -> Samples:
    lost = channel.lost_frames(len(channel.frame_edges(len(samples), RATE)) - 1, loss_pct=30, rng=rng(seed))
    return channel.conceal(samples, lost, samplerate=RATE, mode=mode)


# ---- What holds for all ----------------------------------------------------------------------------


@every_damage
def test_every_damage_changes_a_copy_and_leaves_the_input(name: str) -> None:
    clean = sine(697.0)
    before = clean.copy()
    damaged = DAMAGES[name](clean, 1)
    np.testing.assert_array_equal(clean, before)
    assert damaged.dtype == np.float64
    assert not np.shares_memory(damaged, clean)
    assert not np.array_equal(damaged, before)


@every_damage
def test_every_damage_but_the_clock_keeps_the_length(name: str) -> None:
    for n in (0, 1, 2, 159, 161, 999):
        damaged = DAMAGES[name](sine(697.0, n=n), 1)
        assert damaged.shape == ((round(n / 1.01) if name == "clock" else n),)


@every_damage
def test_equal_seeds_give_equal_samples_and_others_differ(name: str) -> None:
    clean = sine(697.0)
    first, again, other = (DAMAGES[name](clean, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.array_equal(first, other) == (name not in RANDOM)


def test_sixteen_bit_samples_are_scaled_by_the_gate() -> None:
    clipped = channel.clip(np.array([16384, -32768], dtype=np.int16))  # type: ignore[arg-type]
    np.testing.assert_array_equal(clipped, [0.5, -1.0])


@every_damage
def test_two_channels_are_refused(name: str) -> None:
    with pytest.raises(InvalidSignalError, match=r"signal has shape \(100, 2\); a line carries one channel, \(n,\)"):
        DAMAGES[name](np.zeros((100, 2)), 1)


def test_a_sample_that_is_not_finite_is_refused() -> None:
    with pytest.raises(InvalidSignalError, match="sample 1 is nan; every sample must be finite"):
        channel.mu_law(np.array([0.0, np.nan]))


def test_importing_the_module_does_not_import_scipy() -> None:
    code = "import sys, dtmf_audio.channel; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ---- Noise -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("samplerate", RATES)
@pytest.mark.parametrize("color", ["white", "speech"])
def test_noise_has_its_level_from_0_to_4_khz_at_every_rate(color: channel.NoiseColor, samplerate: int) -> None:
    # 30 s of speech spectrum has some 30,000 independent values: 0.035 dB standard deviation.
    noise = channel.noise(30 * samplerate, level_dbm0=-23, samplerate=samplerate, rng=rng(), color=color)
    assert band_level(noise, 0, 4000, samplerate) == pytest.approx(-23, abs=RANDOM_DB)


def test_pink_noise_has_its_level_on_average() -> None:
    # Half of its power is below 300 Hz, so one stretch varies more: 40 of 5 s are averaged.
    powers = [
        np.mean(np.square(channel.noise(5 * RATE, level_dbm0=-23, samplerate=RATE, rng=rng(seed), color="pink")))
        for seed in range(40)
    ]
    assert dbm0_from_power(float(np.mean(powers))) == pytest.approx(-23, abs=RANDOM_DB)


def test_white_noise_is_flat_to_half_the_rate() -> None:
    noise = channel.noise(160_000, level_dbm0=-20, samplerate=16000, rng=rng())
    bands = [band_level(noise, low_hz, low_hz + 2000, 16000) for low_hz in range(0, 8000, 2000)]
    assert bands == pytest.approx([-20 - 10 * math.log10(2)] * 4, abs=0.2)  # 40,000 values a band: 0.03 dB, 6 sigma


def test_pink_noise_has_equal_power_in_each_octave() -> None:
    noise = channel.noise(60 * RATE, level_dbm0=-20, samplerate=RATE, rng=rng(), color="pink")
    octaves = [band_level(noise, low_hz, 2 * low_hz) for low_hz in (125, 250, 500, 1000, 2000)]
    assert octaves == pytest.approx([np.mean(octaves)] * 5, abs=0.25)  # 7500 values at 125 Hz: 0.05 dB


def test_speech_density_adds_up_to_the_level_of_the_artificial_voice() -> None:
    # ITU-T P.50: -4.7 dBPa at the mouth reference point, which is 89.3 dB over 20 µPa.
    freqs_hz = np.arange(100.0, 8000.0)
    total_db = 10 * math.log10(channel._speech_density(freqs_hz).sum())
    assert total_db == pytest.approx(-4.7 + 20 * math.log10(1 / 20e-6), abs=0.1)


def test_speech_noise_is_loudest_at_the_voice_and_absent_outside_its_band() -> None:
    noise = channel.noise(30 * 48000, level_dbm0=-20, samplerate=48000, rng=rng(), color="speech")
    windowed = noise * np.hanning(len(noise))  # else the cut ends leak more than there is outside
    density = [band_level(windowed, hz, hz + 80, 48000) for hz in (0, 250, 1000, 3000)]
    assert density[1] > density[2] + 8  # P.50's densities: 63.0 at 250 Hz, 51.4 at 1000, 37.4 at 3000
    assert density[2] > density[3] + 10
    assert density[0] < density[3] - 30
    assert band_level(windowed, 8100, 24000, 48000) < -80


def test_noise_shorter_than_a_period_of_its_lowest_frequency_has_its_level_on_average() -> None:
    noises = [channel.noise(20, level_dbm0=-20, samplerate=RATE, rng=rng(k), color="speech") for k in range(3000)]
    # 3000 short stretches of some 5 independent values each: 0.05 dB, 5 sigma.
    assert level(np.concatenate(noises)) == pytest.approx(-20, abs=0.25)


@pytest.mark.parametrize("samplerate", RATES)
@pytest.mark.parametrize("snr_db", [-3.0, 15.0])
def test_snr_is_pair_over_noise_from_0_to_4_khz(snr_db: float, samplerate: int) -> None:
    n = 30 * samplerate
    pair = sine(770, n=n, samplerate=samplerate, level_dbm0=-11) + sine(1336, n=n, samplerate=samplerate, level_dbm0=-9)
    signal_dbm0 = channel.pair_dbm0(-11, -9)
    noisy = channel.add_noise_at_snr(pair, snr_db=snr_db, signal_dbm0=signal_dbm0, samplerate=samplerate, rng=rng())
    measured_db = level(pair) - band_level(noisy - pair, 0, 4000, samplerate)
    assert measured_db == pytest.approx(snr_db, abs=RANDOM_DB)


def test_level_while_on_leaves_out_the_silence() -> None:
    presses = np.zeros(3 * RATE)
    on = [(0, RATE // 2), (RATE, 2 * RATE)]
    for start, stop in on:
        presses[start:stop] = (sine(697) + sine(1209))[: stop - start]
    # Half a second holds no whole number of periods of 697 Hz, hence not closer.
    assert channel.level_while_on(presses, on) == pytest.approx(channel.pair_dbm0(-10, -10), abs=0.01)


def test_two_equal_tones_make_a_pair_3_db_stronger() -> None:
    assert channel.pair_dbm0(-10, -10) == pytest.approx(-10 + 10 * math.log10(2))


def test_impulses_come_at_their_rate_with_their_lengths_and_level() -> None:
    n = 400 * RATE
    clicks = channel.add_impulses(np.zeros(n), rate_per_s=5, level_dbm0=-4, samplerate=RATE, rng=rng())
    inside = np.concatenate(([False], clicks != 0, [False]))
    edges = np.flatnonzero(np.diff(inside.astype(int)))
    lengths_ms = (edges[1::2] - edges[::2]) * 1000 / RATE
    # 2000 expected, Poisson: standard deviation 45; 1.4 % of them overlap another.
    assert len(lengths_ms) == pytest.approx(2000, abs=200)
    assert lengths_ms.min() == pytest.approx(0.5, abs=0.1)
    assert np.quantile(lengths_ms, 0.95) == pytest.approx(4.8, abs=0.2)
    assert level(clicks[clicks != 0]) == pytest.approx(-4, abs=0.2)


def test_impulses_leave_the_samples_between_them_alone() -> None:
    clean = sine(697, n=10 * RATE)
    clicked = channel.add_impulses(clean, rate_per_s=5, level_dbm0=0, samplerate=RATE, rng=rng())
    assert 0 < np.mean(clicked != clean) < 5 * 0.005  # 5 a second of at most 5 ms each


# ---- Tones that do not belong there ------------------------------------------------------------------


@pytest.mark.parametrize("freq_hz", [300.0, 1000.0, 3400.0])
def test_third_tone_has_its_frequency_and_level(freq_hz: float) -> None:
    clean = sine(697)
    added = channel.add_tone(clean, freq_hz=freq_hz, level_dbm0=-26, samplerate=RATE) - clean
    assert tone_level(added, freq_hz) == pytest.approx(-26, abs=0.001)
    assert ratio_db(sine(freq_hz, level_dbm0=-26), added) < -150


def test_third_tone_starts_at_its_phase() -> None:
    added = channel.add_tone(np.zeros(4), freq_hz=2000, level_dbm0=3.14, samplerate=RATE, phase_rad=math.pi / 2)
    np.testing.assert_allclose(added, [1, 0, -1, 0], atol=1e-12)


@pytest.mark.parametrize("freq_hz", [50.0, 60.0, 180.0])
def test_hum_has_its_level_and_its_harmonics(freq_hz: float) -> None:
    hum = channel.add_hum(np.zeros(RATE), freq_hz=freq_hz, level_dbm0=-9, samplerate=RATE, harmonics_db=(-6, -20))
    levels = [tone_level(hum, order * freq_hz) for order in (1, 2, 3)]
    assert levels == pytest.approx([-9, -15, -29], abs=0.01)


@pytest.mark.parametrize("where", channel.DIAL_TONES_HZ)
def test_each_frequency_of_a_dial_tone_has_the_level(where: str) -> None:
    freqs_hz = channel.DIAL_TONES_HZ[where]
    tone = channel.add_dial_tone(np.zeros(RATE), freqs_hz=freqs_hz, level_dbm0=-13, samplerate=RATE)
    for freq_hz in freqs_hz:
        assert band_level(tone, freq_hz - 20, freq_hz + 20) == pytest.approx(-13, abs=0.01)
    assert level(tone) == pytest.approx(-13 + 10 * math.log10(len(freqs_hz)), abs=0.01)


# ---- What the line does to the signal itself -----------------------------------------------------------


def test_dc_moves_the_mean_by_the_offset() -> None:
    clean = sine(1000)
    np.testing.assert_allclose(channel.add_dc(clean, offset=64 / 32768) - clean, 64 / 32768, atol=1e-15)


@pytest.mark.parametrize(("delay_ms", "delay"), [(0.5, 4), (20.0, 160), (0.0625, 1)])
def test_echo_of_a_click_is_one_later_weaker_click(delay_ms: float, delay: int) -> None:
    click = np.zeros(400)
    click[10] = 1.0
    wanted = click.copy()
    wanted[10 + delay] = 10 ** (-10 / 20)
    echoed = channel.add_echo(click, delay_ms=delay_ms, level_db=-10, samplerate=RATE)
    np.testing.assert_allclose(echoed, wanted, atol=1e-15)


def test_echo_later_than_the_end_changes_nothing() -> None:
    np.testing.assert_array_equal(
        channel.add_echo(sine(697, n=80), delay_ms=20, level_db=0, samplerate=RATE), sine(697, n=80)
    )


def test_clip_drives_then_cuts_at_the_limit() -> None:
    clipped = channel.clip(np.array([-1.0, -0.1, 0.02, 0.04, 0.3]), drive_db=20, limit=0.5)
    np.testing.assert_allclose(clipped, [-0.5, -0.5, 0.2, 0.4, 0.5])


@pytest.mark.parametrize("samplerate", [4000, 8000, 44100])
def test_band_pass_keeps_the_tones_and_removes_what_is_outside(samplerate: int) -> None:
    def loss_db(freq_hz: float) -> float:
        clean = sine(freq_hz, n=samplerate, samplerate=samplerate)
        return -10 - tone_level(channel.band_pass(clean, samplerate=samplerate), freq_hz, samplerate)

    below_half = [hz for hz in (50, 60, 180, 300, 400, 697, 1633, 3300, 3400, 3500, 5000) if hz < samplerate / 2]
    for freq_hz in below_half:
        if 400 <= freq_hz <= 3300:
            assert abs(loss_db(freq_hz)) < 0.01
        elif freq_hz in (300, 3400):
            assert loss_db(freq_hz) == pytest.approx(6.02, abs=0.05)
        else:
            assert loss_db(freq_hz) > 60


@pytest.mark.parametrize("name", ["band-pass", "slope"])
def test_filters_delay_nothing(name: str) -> None:
    click = np.zeros(2001)
    click[1000] = 1.0
    response = DAMAGES[name](click, 1)
    assert int(np.argmax(np.abs(response))) == 1000
    np.testing.assert_allclose(response, response[::-1], atol=1e-12)


@pytest.mark.parametrize("slope_db", [-8.0, 8.0, 20.0])
@pytest.mark.parametrize("samplerate", [8000, 44100])
def test_slope_changes_each_tone_by_its_place_on_the_line(slope_db: float, samplerate: int) -> None:
    for freq_hz in (200, 300, 697, 1020, 1633, 3400, 3700):
        clean = sine(freq_hz, n=samplerate, samplerate=samplerate)
        gain_db = tone_level(channel.slope(clean, slope_db=slope_db, samplerate=samplerate), freq_hz, samplerate) + 10
        on_line_hz = min(max(freq_hz, 300), 3400)
        assert gain_db == pytest.approx(slope_db * (on_line_hz - 1020) / 3100, abs=0.1)


@pytest.mark.parametrize("shift_hz", [-7.0, 7.0])
def test_frequency_shift_moves_low_and_high_tones_alike(shift_hz: float) -> None:
    clean = sine(697) + sine(1633, level_dbm0=-14)
    shifted = channel.frequency_shift(clean, shift_hz=shift_hz, samplerate=RATE)
    wanted = sine(697 + shift_hz) + sine(1633 + shift_hz, level_dbm0=-14)
    assert ratio_db(wanted[800:-800], shifted[800:-800]) < -60
    assert ratio_db(wanted[:400], shifted[:400]) < -45


@pytest.mark.parametrize("offset_pct", [-10.0, -1.0, 0.005, 1.0])
@pytest.mark.parametrize("freq_hz", [300.0, 697.0, 1633.0, 3600.0])
def test_clock_error_is_exact_to_100_db_up_to_0_45_of_the_rate(freq_hz: float, offset_pct: float) -> None:
    factor = 1 + offset_pct / 100
    heard = channel.clock_error(sine(freq_hz), offset_pct=offset_pct)
    assert len(heard) == round(RATE / factor)
    wanted = sine(freq_hz * factor, n=len(heard))  # the tone, its frequency times the factor
    assert ratio_db(wanted[50:-50], heard[50:-50]) < -100


def test_clock_error_of_zero_changes_nothing() -> None:
    clean = channel.noise(40_000, level_dbm0=-10, samplerate=RATE, rng=rng())  # more than two blocks
    np.testing.assert_allclose(channel.clock_error(clean, offset_pct=0), clean, atol=1e-14)


# ---- Companding --------------------------------------------------------------------------------------

LAWS = {"ULAW": (channel.mu_law_encode, channel.mu_law_decode), "ALAW": (channel.a_law_encode, channel.a_law_decode)}
EVERY_OCTET = np.arange(256, dtype=np.uint8)
EVERY_SAMPLE = np.arange(-32768, 32768).astype(np.int16)


@pytest.mark.parametrize("law", LAWS)
def test_all_256_octets_decode_as_libsndfile_decodes_them(law: str) -> None:
    raw = io.BytesIO(EVERY_OCTET.tobytes())
    theirs, _ = soundfile.read(raw, dtype="int16", format="RAW", subtype=law, samplerate=RATE, channels=1)
    np.testing.assert_array_equal(LAWS[law][1](EVERY_OCTET), theirs)


@pytest.mark.parametrize("law", LAWS)
def test_all_65536_samples_encode_as_libsndfile_encodes_them(law: str) -> None:
    raw = io.BytesIO()
    soundfile.write(raw, EVERY_SAMPLE, RATE, format="RAW", subtype=law)
    np.testing.assert_array_equal(LAWS[law][0](EVERY_SAMPLE), np.frombuffer(raw.getvalue(), dtype=np.uint8))


@pytest.mark.parametrize("law", LAWS)
def test_decoded_octets_encode_to_themselves(law: str) -> None:
    encode, decode = LAWS[law]
    negative_zero = 0x7F if law == "ULAW" else None  # µ-law has two zeros; a decoded sample has one
    for octet in EVERY_OCTET:
        if octet != negative_zero:
            assert encode(decode(np.array([octet], dtype=np.uint8)))[0] == octet


@pytest.mark.parametrize(
    ("law", "octets", "reference_dbm0"),
    # 0 dBm0 where full scale is the law's own: +3.14 for A-law; +3.17 at an overload of 8159 * 4 for µ-law.
    [
        ("ALAW", "34212134B4A1A1B4", 0.0),
        ("ULAW", "1E0B0B1E9E8B8B9E", 3.14 - 3.17 + 20 * math.log10(8159 * 4 / 32768)),
    ],
)
def test_digital_milliwatt_has_0_dbm0(law: str, octets: str, reference_dbm0: float) -> None:
    milliwatt = LAWS[law][1](np.frombuffer(bytes.fromhex(octets), dtype=np.uint8)) / 32768
    assert level(milliwatt) == pytest.approx(reference_dbm0, abs=0.005)
    assert tone_level(np.tile(milliwatt, 100), 1000) == pytest.approx(reference_dbm0, abs=0.02)


@pytest.mark.parametrize(("law", "largest"), [(channel.mu_law, 32124), (channel.a_law, 32256)])
def test_companding_saturates_at_the_largest_decoded_sample(law: Callable[[Samples], Samples], largest: int) -> None:
    np.testing.assert_array_equal(law(np.array([-2.0, -1.0, 1.0, 2.0])) * 32768, [-largest, -largest, largest, largest])


@pytest.mark.parametrize("law", [channel.mu_law, channel.a_law])
@pytest.mark.parametrize("level_dbm0", [-30.0, -10.0, 0.0])
def test_companding_a_sine_adds_distortion_33_db_down(law: Callable[[Samples], Samples], level_dbm0: float) -> None:
    # ITU-T G.712: 33 dB of signal to total distortion from -30 to 0 dBm0, for a sine.
    clean = sine(1020.1, level_dbm0=level_dbm0)
    assert -45 < ratio_db(clean, law(clean)) < -33


# ---- Losses ------------------------------------------------------------------------------------------


def test_dropout_silences_its_samples_and_no_other() -> None:
    clean = np.ones(10)
    np.testing.assert_array_equal(channel.dropout(clean, start=3, stop=5), [1, 1, 1, 0, 0, 1, 1, 1, 1, 1])


@pytest.mark.parametrize("samplerate", [8000, 16000, 44100, 48000])
def test_frames_are_20_ms_and_the_last_may_be_short(samplerate: int) -> None:
    edges = channel.frame_edges(samplerate + 1, samplerate)
    np.testing.assert_array_equal(edges, [*range(0, samplerate + 1, samplerate // 50), samplerate + 1])


def test_frames_do_not_drift_where_20_ms_is_no_whole_number_of_samples() -> None:
    edges = channel.frame_edges(3600 * 11025, 11025)
    assert len(edges) - 1 == 3600 * 50
    assert np.abs(edges - np.arange(len(edges)) * 220.5).max() <= 0.5


@pytest.mark.parametrize("samplerate", [8000, 11025])
@pytest.mark.parametrize("n", [0, 1, 2, 159, 160, 161, 220, 221, 440, 441, 442])
def test_frames_cover_every_sample_once(n: int, samplerate: int) -> None:
    edges = channel.frame_edges(n, samplerate)
    assert edges[-1] == n
    assert len(edges) == 1 or edges[0] == 0
    assert np.all(np.diff(edges) > 0)


def test_frames_are_lost_at_their_rate_and_independently() -> None:
    lost = channel.lost_frames(100_000, loss_pct=5, rng=rng())
    assert lost.mean() == pytest.approx(0.05, abs=0.004)  # standard deviation 0.0007
    assert np.mean(lost[1:] & lost[:-1]) == pytest.approx(0.05**2, abs=0.001)
    assert not channel.lost_frames(1000, loss_pct=0, rng=rng()).any()
    assert channel.lost_frames(1000, loss_pct=100, rng=rng()).all()


def test_lost_frames_are_silent_and_the_others_untouched() -> None:
    clean = 1.0 + np.arange(4 * 160 + 10)
    lost = np.array([False, True, False, True, True])
    damaged = channel.conceal(clean / 1000, lost, samplerate=RATE) * 1000
    silent = np.repeat(lost, 160)[: len(clean)]
    np.testing.assert_allclose(damaged, np.where(silent, 0, clean))


def test_repetition_plays_the_last_frame_that_came() -> None:
    frames = [np.full(160, 0.1), np.full(160, 0.2), np.full(160, 0.3), np.full(160, 0.4), np.full(10, 0.5)]
    lost = np.array([True, False, True, True, True])
    repeated = channel.conceal(np.concatenate(frames), lost, samplerate=RATE, mode="repeat")
    np.testing.assert_array_equal(repeated, np.repeat([0, 0.2, 0.2, 0.2, 0.2], [160, 160, 160, 160, 10]))


def test_repetition_begins_at_the_start_of_the_frame() -> None:
    clean = np.arange(330) / 1000
    repeated = channel.conceal(clean, np.array([False, True, True]), samplerate=RATE, mode="repeat")
    np.testing.assert_array_equal(repeated, np.concatenate((clean[:160], clean[:160], clean[:10])))


# ---- What is refused -----------------------------------------------------------------------------------

SILENCE = np.zeros(800)
REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "seed for rng": (
        lambda: channel.noise(8, level_dbm0=-20, samplerate=RATE, rng=1),  # type: ignore[arg-type]
        r"rng is 1; it must be a numpy.random.Generator: numpy.random.default_rng\(seed\) makes one",
    ),
    "color": (
        lambda: channel.noise(8, level_dbm0=-20, samplerate=RATE, rng=rng(), color="brown"),  # type: ignore[arg-type]
        "color is 'brown'; it must be one of white, pink, speech",
    ),
    "negative length": (
        lambda: channel.noise(-1, level_dbm0=-20, samplerate=RATE, rng=rng()),
        "n is -1; it must be from 0 to inf: it is the number of samples wanted",
    ),
    "level not a number": (
        lambda: channel.add_noise(SILENCE, level_dbm0=math.nan, samplerate=RATE, rng=rng()),
        r"level_dbm0 is nan; it must be from -200 to 39: levels are in dBm0, and a full-scale sine is \+3.14",
    ),
    "rate": (
        lambda: channel.add_noise(SILENCE, level_dbm0=-20, samplerate=3999, rng=rng()),
        "sample rate is 3999; it must be a whole number of Hz from 4000 to 192000",
    ),
    "snr": (
        lambda: channel.add_noise_at_snr(SILENCE, snr_db=math.inf, signal_dbm0=-7, samplerate=RATE, rng=rng()),
        "snr_db is inf; it must be from -46 to 193: leave the noise out for none",
    ),
    "no intervals": (
        lambda: channel.level_while_on(SILENCE, []),
        "no intervals were given; give the start and stop of each tone to measure",
    ),
    "interval outside": (
        lambda: channel.level_while_on(SILENCE, [(700, 801)]),
        "samples 700 to 801 were asked for; .* inside the signal's 0 to 800",
    ),
    "empty interval": (
        lambda: channel.level_while_on(SILENCE, [(700, 700)]),
        "samples 700 to 700 were asked for; .* at least 1 between them",
    ),
    "impulse rate": (
        lambda: channel.add_impulses(SILENCE, rate_per_s=-1, level_dbm0=0, samplerate=RATE, rng=rng()),
        "rate_per_s is -1; it must be from 0 to 8000: 5 in a second is a bad line",
    ),
    "impulse lengths": (
        lambda: channel.add_impulses(SILENCE, rate_per_s=1, level_dbm0=0, samplerate=RATE, rng=rng(), shortest_ms=6),
        "shortest_ms is 6; it must be from 0 to 5: keep it at or below longest_ms",
    ),
    "tone at half the rate": (
        lambda: channel.add_tone(SILENCE, freq_hz=4000, level_dbm0=-20, samplerate=RATE),
        "freq_hz is 4000 at 8000 Hz; it must be above 0 and below 4000: lower it, or raise the sample rate",
    ),
    "dc": (
        lambda: channel.add_dc(SILENCE, offset=64),
        "offset is 64; it must be from -1 to 1: divide 16-bit values by 32768",
    ),
    "echo before its sound": (
        lambda: channel.add_echo(SILENCE, delay_ms=-1, level_db=-10, samplerate=RATE),
        "delay_ms is -1; it must be from 0 to 10000: echoes come after 0.5 to 500 ms",
    ),
    "clip limit": (
        lambda: channel.clip(SILENCE, limit=0),
        "limit is 0; it must be above 0 and at most 1, which is full scale",
    ),
    "narrow band": (
        lambda: channel.band_pass(SILENCE, samplerate=RATE, low_hz=1000, high_hz=1100),
        "a band from 1000 to 1100 Hz was asked for at 8000 Hz; it must begin at 100 Hz or more and hold 200 Hz",
    ),
    "slope": (
        lambda: channel.slope(SILENCE, slope_db=21, samplerate=RATE),
        "slope_db is 21; it must be from -20 to 20: 8 dB is a long line",
    ),
    "shift": (
        lambda: channel.frequency_shift(SILENCE, shift_hz=301, samplerate=RATE),
        "shift_hz is 301; it must be from -300 to 300: 7 Hz is a bad carrier",
    ),
    "clock": (
        lambda: channel.clock_error(SILENCE, offset_pct=11),
        "offset_pct is 11; it must be from -10 to 10: resample the audio for another sample rate",
    ),
    "dropout": (
        lambda: channel.dropout(SILENCE, start=5, stop=4),
        "samples 5 to 4 were asked for; start and stop are sample indices with at least 0 between them",
    ),
    "loss": (
        lambda: channel.lost_frames(10, loss_pct=101, rng=rng()),
        "loss_pct is 101; it must be from 0 to 100: it is a percentage of the frames",
    ),
    "mask": (
        lambda: channel.conceal(SILENCE, np.zeros(4, dtype=bool), samplerate=RATE),
        r"lost is bool of shape \(4,\); 800 samples at 8000 Hz have 5 frames, so it must be bool of shape \(5,\)",
    ),
    "mode": (
        lambda: channel.conceal(SILENCE, np.zeros(5, dtype=bool), samplerate=RATE, mode="noise"),  # type: ignore[arg-type]
        "mode is 'noise'; it must be one of zeros, repeat",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_nonsense_is_refused_with_the_remedy(case: str) -> None:
    call, message = REFUSED[case]
    with pytest.raises(InvalidSettingError, match=message):
        call()


def test_a_level_is_not_measured_over_silence() -> None:
    with pytest.raises(InvalidSignalError, match=r"the intervals given \(2\) hold only silence; give those where"):
        channel.level_while_on(SILENCE, [(0, 10), (20, 30)])


def test_companding_refuses_arrays_of_another_scale() -> None:
    with pytest.raises(InvalidSignalError, match="pcm are float64; they must be int16: convert them first"):
        channel.mu_law_encode(SILENCE)  # type: ignore[arg-type]
    with pytest.raises(InvalidSignalError, match="octets are int16; they must be uint8: convert them first"):
        channel.a_law_decode(EVERY_SAMPLE)  # type: ignore[arg-type]
