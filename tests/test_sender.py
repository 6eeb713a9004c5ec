"""The sender's check: known faults measured, named, and nothing else blamed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dtmf_audio import InvalidSettingError, InvalidSignalError, Press, Tone, channel, render
from dtmf_audio.conformance.sender import check_sender
from dtmf_audio.conformance.sender_limits import SENDER_LIMITS
from dtmf_audio.conformance.sender_text import finding_text, report_json, report_text

RATE = 8000
KEYS = "147258#"


def sent(keys=KEYS, samplerate=RATE, **settings):
    """Render keys with silence around them, at random phases."""
    settings = {"lead_ms": 50, "tail_ms": 50, "rng": np.random.default_rng(7), **settings}
    return render(keys, samplerate, **settings).samples


def found(report):
    return [finding.quantity for finding in report.findings]


def only(report, quantity):
    assert found(report) == [quantity], [finding_text(finding) for finding in report.findings]
    return report.findings[0]


def ramped(ramp_ms, keys="159#", samplerate=RATE):
    """Tones of 100 ms with straight ramps: 10 to 90 % takes 0.8 of the ramp."""
    hard = render(keys, samplerate, ramp_ms=0, lead_ms=50, tail_ms=50, rng=np.random.default_rng(3))
    gain = np.zeros(len(hard.samples))
    n_ramp = max(1, round(ramp_ms * samplerate / 1000))
    for tone in hard.tones:
        length = tone.stop - tone.start
        up = (np.arange(length) + 0.5) / n_ramp
        gain[tone.start : tone.stop] = np.minimum(1, np.minimum(up, up[::-1]))
    return hard.samples * gain


def with_harmonic(level_db, keys=KEYS, order=2):
    """Add a harmonic of the low tone to each press, so far from the low tone, which is the weaker one."""
    rendering = render(keys, RATE, lead_ms=50, tail_ms=50)
    samples = rendering.samples.copy()
    for tone in rendering.tones:
        at = np.arange(tone.stop - tone.start) / RATE
        wave = np.sin(2 * np.pi * order * tone.tone.frequencies_hz[0] * at + 1.0)
        samples[tone.start : tone.stop] += 10 ** ((-10 - 3.14 + level_db) / 20) * wave
    return samples


# --- what is measured


@pytest.mark.parametrize("samplerate", [8000, 11025, 16000, 44100, 48000])
def test_a_clean_press_is_measured_as_it_was_rendered(samplerate):
    report = check_sender(sent("159#", samplerate, low_offset_pct=0.7, high_offset_pct=-0.4), samplerate)
    assert [tone.tone.key for tone in report.tones] == list("159#")
    for tone in report.tones:
        assert tone.low_offset_pct == pytest.approx(0.7, abs=0.001)  # least squares on float samples
        assert tone.high_offset_pct == pytest.approx(-0.4, abs=0.001)
        assert tone.low_level_dbm0 == pytest.approx(-10.0, abs=0.01)
        assert tone.twist_db == pytest.approx(2.0, abs=0.01)
        assert tone.on_ms == pytest.approx(98.0, abs=0.15)  # 100 ms less half of each ramp of 2 ms; one bin of 1/8 ms
        assert tone.rise_ms == pytest.approx(1.18, abs=0.15)  # a raised cosine of 2 ms; likewise
        assert tone.fall_ms == pytest.approx(1.18, abs=0.15)
        assert tone.distortion_db > 80
    for tone in report.tones[:-1]:
        assert tone.off_ms == pytest.approx(102.0, abs=0.25)
        assert tone.period_ms == pytest.approx(200.0, abs=0.25)


@pytest.mark.parametrize("ramp_ms", [0, 2, 5, 8])
def test_rise_and_fall_are_10_to_90_percent_of_the_ramp(ramp_ms):
    tones = check_sender(ramped(ramp_ms), RATE).tones
    assert len(tones) == 4
    errors_ms = np.array([(tone.rise_ms, tone.fall_ms) for tone in tones]) - 0.8 * ramp_ms
    assert np.median(np.abs(errors_ms)) <= 0.2  # 2 samples: as steep as the samples can tell
    assert (
        np.abs(errors_ms).max() <= 0.8
    )  # an edge in which both tones happen to pass zero can be steeper than it looks


def test_at_20_db_readings_stay_within_their_stated_errors():
    clean = sent(KEYS * 4)
    rng = np.random.default_rng(5)
    noisy = channel.add_noise_at_snr(clean, snr_db=20, signal_dbm0=channel.pair_dbm0(-10, -8), samplerate=RATE, rng=rng)
    report = check_sender(noisy, RATE)
    assert len(report.tones) == 28
    errors = [
        (
            3 * tone.low_offset_pct / tone.offset_error_pct,
            3 * (tone.low_level_dbm0 + 10.0) / tone.level_error_db,
            3 * (tone.on_ms - 98.0) / tone.edge_error_ms,
            3 * (tone.rise_ms - 1.18) / tone.edge_error_ms,
        )
        for tone in report.tones
    ]
    rms = np.sqrt(np.mean(np.square(errors), axis=0))  # in stated standard deviations
    assert np.all(rms < 1.4), rms  # 28 presses: 1 +/- 0.13
    assert all(tone.noise_limited for tone in report.tones)
    assert report.findings == ()
    assert any("cannot be told from the noise" in note for note in report.notes)


# --- what passes


@pytest.mark.parametrize(("limits", "samplerate"), [*((limits, 8000) for limits in SENDER_LIMITS), ("all", 16000)])
def test_renderings_keep_every_limit(limits, samplerate):
    report = check_sender(render("0123456789*#ABCD", samplerate).samples, samplerate, limits=limits)
    assert len(report.tones) == 16
    assert (report.findings, report.notes) == ((), ())


@pytest.mark.parametrize("damage", [channel.mu_law, channel.a_law])
def test_companding_is_no_fault(damage):
    assert check_sender(damage(sent()), RATE).findings == ()


def test_hum_and_noise_and_dc_of_the_recording_are_not_the_senders():
    noisy = channel.add_noise(sent(), level_dbm0=-30, samplerate=RATE, rng=np.random.default_rng(2))
    report = check_sender(channel.add_dc(channel.add_hum(noisy, level_dbm0=-24, samplerate=RATE), offset=0.03), RATE)
    assert report.findings == ()
    assert report.background.noise_dbm0 == pytest.approx(-23.0, abs=1.0)  # both together, in pieces of 80 ms
    assert "hum at 50 Hz" in report_text(report, "x.wav").replace("hum at 51", "hum at 50")
    assert any("DC of +3.0 % of full scale" in note for note in report.notes)


# --- frequencies, in pairs about each limit


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("limits", "passing", "failing"), [("q23", 1.8, 1.9), ("etsi", 1.5, 1.6), ("uk", 1.5, 1.6)])
def test_one_factor_in_all_frequencies_is_one_finding_about_the_clock(limits, passing, failing, sign):
    def at(pct):
        return check_sender(sent(low_offset_pct=sign * pct, high_offset_pct=sign * pct), RATE, limits=limits)

    assert at(passing).findings == ()
    finding = only(at(failing), "offset_pct")
    assert (finding.where, len(finding.presses)) == ("every key", len(KEYS))
    assert finding.measured == f"every tone is {failing:.2f} % {'sharp' if sign > 0 else 'flat'}"
    assert "is a clock" in finding.remedy


def test_one_group_off_by_one_factor_is_one_finding_about_that_group():
    finding = only(check_sender(sent(high_offset_pct=2.5), RATE), "offset_pct")
    assert finding.measured == "all high tones are 2.50 % sharp, by the same factor"
    assert {limit.source for limit in finding.limits} == {
        "ETSI ES 201 235-2 as reported",
        "AS/CA S002:2010",
        "BT SIN 351 as reported",
        "ITU-T Q.23",
    }


def wrong_row(pct):
    return [
        Press(tone=tone, low_offset_pct=pct if tone.key in "789C" else 0.0) for tone in map(Tone.from_key, KEYS + "9")
    ]


def test_one_wrong_row_is_one_finding_about_that_frequency():
    finding = only(check_sender(sent(wrong_row(2.0)), RATE), "offset_pct")
    assert finding.where == "the 852 Hz row (keys 7 8 9)"
    assert finding.measured == "the low tone of 852 Hz is sent as 869.0 Hz, 2.00 % sharp"
    assert finding.remedy == "correct that frequency to 852 Hz"


def test_859_for_852_hz_is_within_the_limits_and_noted():
    report = check_sender(sent(wrong_row(100 * (859 / 852 - 1))), RATE)
    assert report.findings == ()
    (note,) = report.notes
    assert note.startswith("the 852 Hz row (keys 7 8 9): 852 Hz is sent as 859.0 Hz (+0.82 %)")


def test_an_unsteady_oscillator_is_one_finding():
    rng = np.random.default_rng(4)
    presses = [
        Press(tone=Tone.from_key(key), low_offset_pct=float(rng.choice([-2.2, 2.2]))) for key in "1111222255558888"
    ]
    assert "now higher, now lower" in only(check_sender(sent(presses), RATE), "offset_pct").measured


# --- twist, level, distortion


@pytest.mark.parametrize(
    ("limits", "passing", "failing"),
    [("etsi", 1.0, 0.8), ("etsi", 4.0, 4.2), ("australia", 0.0, -0.2), ("uk", 4.0, 4.2), ("q23", -8.0, -8.2)],
)
def test_twist_is_judged_by_each_limit(limits, passing, failing):
    assert check_sender(sent(twist_db=passing), RATE, limits=limits).findings == ()
    finding = only(check_sender(sent(twist_db=failing), RATE, limits=limits), "twist_db")
    assert finding.least == pytest.approx(failing, abs=0.02)
    assert finding.remedy.endswith(f"by {abs(2 - failing):.1f} dB, to +2 dB")


def test_a_level_that_receivers_need_not_hear_is_found():
    assert check_sender(sent(level_dbm0=-25), RATE).findings == ()
    assert only(check_sender(sent(level_dbm0=-25.2), RATE), "level_dbm0").most == pytest.approx(-25.2, abs=0.02)


@pytest.mark.parametrize("order", [2, 3])
def test_a_harmonic_is_found_at_18_db_and_not_at_25(order):
    assert check_sender(with_harmonic(-25, order=order), RATE).findings == ()
    finding = only(check_sender(with_harmonic(-18, order=order), RATE), "distortion_db")
    assert (finding.least, finding.most) == pytest.approx((18, 18), abs=0.2)  # the window's edges, for 90 ms
    assert f"{['2nd', '3rd'][order - 2]} harmonic of " in finding.measured


def test_clipping_is_found_and_not_counted_as_distortion_too():
    finding = only(check_sender(channel.clip(sent(level_dbm0=-5), limit=0.5), RATE), "clipped_pct")
    assert finding.where == "every key"
    assert check_sender(channel.clip(sent(level_dbm0=-5), limit=0.9), RATE).findings == ()  # it peaks at 0.88


def test_dc_that_comes_with_the_tones_is_found():
    def with_dc(offset):
        rendering = render(KEYS, RATE, lead_ms=50, tail_ms=50)
        samples = rendering.samples.copy()
        for tone in rendering.tones:
            samples[tone.start : tone.stop] += offset
        return check_sender(samples, RATE)

    low_rms = 10 ** ((-10 - 3.14) / 20) / np.sqrt(2)
    assert with_dc(low_rms * 10 ** (-21 / 20)).findings == ()
    assert only(with_dc(low_rms * 10 ** (-19 / 20)), "dc_db").least == pytest.approx(19, abs=0.2)


def test_levels_that_a_room_gives_are_noted_and_not_judged():
    clean = sent(twist_db=5.0, on_ms=200)
    at = np.arange(len(clean)) / RATE
    report = check_sender(clean * (1 + 0.3 * np.sin(2 * np.pi * 7 * at)), RATE, limits="etsi")  # 5.4 dB up and down
    assert "twist_db" not in found(report)
    assert any(note.startswith("level and twist of 7 of 7 presses are not judged") for note in report.notes)


def test_a_sound_along_with_one_press_is_not_the_senders():
    samples = sent()
    samples[3500:4100] += 0.1 * np.sin(2 * np.pi * 2345 * np.arange(600) / RATE)
    report = check_sender(samples, RATE)
    assert report.findings == ()
    assert any("something sounds along" in note for note in report.notes)


# --- times, in pairs; half of each ramp of 2 ms counts as pause


@pytest.mark.parametrize(("limits", "least"), [("q23", 40.0), ("etsi", 65.0), ("australia", 50.0), ("uk", 40.0)])
def test_short_tones_are_found(limits, least):
    assert check_sender(sent(on_ms=least + 2), RATE, limits=limits).findings == ()
    finding = only(check_sender(sent(on_ms=least), RATE, limits=limits), "on_ms")
    assert finding.least == pytest.approx(least - 2, abs=0.2)
    assert finding.where == "every key"


@pytest.mark.parametrize(("limits", "least"), [("q23", 40.0), ("etsi", 65.0), ("australia", 70.0), ("uk", 40.0)])
def test_short_pauses_are_found(limits, least):
    assert check_sender(sent(delay_ms=least - 2), RATE, limits=limits).findings == ()
    finding = only(check_sender(sent(delay_ms=least - 4), RATE, limits=limits), "off_ms")
    assert finding.most == pytest.approx(least - 2, abs=0.25)
    assert finding.where == "every key"


@pytest.mark.parametrize(("limits", "least"), [("q23", 93.0), ("etsi", 100.0), ("australia", 125.0)])
def test_dialling_too_fast_is_found(limits, least):
    on_ms = {"q23": 45.0, "etsi": 67.0, "australia": 54.0}[limits]
    assert "period_ms" not in found(check_sender(sent(on_ms=on_ms, delay_ms=least - on_ms), RATE, limits=limits))
    assert "period_ms" in found(check_sender(sent(on_ms=on_ms, delay_ms=least - on_ms - 2), RATE, limits=limits))


def test_slow_ramps_are_found_by_the_australian_limits_alone():
    assert check_sender(ramped(6), RATE, limits="australia").findings == ()  # 4.8 ms
    report = check_sender(ramped(8), RATE, limits="australia")
    assert found(report) == ["rise_ms", "fall_ms"]
    assert report.findings[0].most == pytest.approx(6.4, abs=0.2)
    assert check_sender(ramped(8), RATE, limits="etsi").findings == ()


def test_a_press_that_the_recording_cuts_is_not_judged_by_its_length():
    whole = sent("123", on_ms=100, ramp_ms=0)
    report = check_sender(whole[RATE // 8 : -RATE // 8], RATE)  # 25 ms into the first, 25 ms before the end of the last
    assert [tone.cut for tone in report.tones] == [True, False, True]
    assert report.findings == ()
    assert "begins or ends within a press of 1 3" in report.notes[0]


# --- what is refused, and how it is told


def test_no_tones_is_an_empty_report():
    report = check_sender(np.zeros(RATE), RATE)
    assert (report.tones, report.findings, report.notes) == ((), (), ())


def test_what_cannot_be_checked_is_refused():
    with pytest.raises(
        InvalidSettingError, match="limits 'itu' are not known; there are q23, etsi, australia, uk, all"
    ):
        check_sender(sent(), RATE, limits="itu")
    with pytest.raises(InvalidSettingError, match="2 channels, each a sender of its own; say which channel"):
        check_sender(np.stack([sent(), sent()], axis=1), RATE)
    with pytest.raises(InvalidSignalError, match="every sample must be finite"):
        check_sender(np.full(100, np.nan), RATE)


def test_json_keys_carry_their_units_and_findings_their_text():
    report = check_sender(sent(twist_db=5.0), RATE)
    answer = json.loads(report_json(report, file="x.wav"))
    assert list(answer) == ["file", "channel", "samplerate", "limits", "tones", "background", "findings", "notes"]
    bare = {"tone", "key", "cut", "noise_limited", "component"}
    units = ("_s", "_hz", "_pct", "_dbm0", "_db", "_ms")
    assert all(name in bare or name.endswith(units) for name in answer["tones"][0])
    assert answer["tones"][-1]["off_ms"] is None
    assert answer["background"] == {"noise_dbm0": None, "line": None, "dc_pct": 0.0}  # silence has no level
    (finding,) = answer["findings"]
    assert (finding["quantity"], finding["least"], finding["most"]) == ("twist_db", 5.0, 5.0)
    assert finding["text"] == (
        "every key: the high tone less the low one is +5.0 dB (1 to 4 dB: ETSI ES 201 235-2 as reported, BT SIN 351 as "
        "reported; 0 to 4 dB: AS/CA S002:2010; -8 to 4 dB: ITU-T Q.24, AT&T receivers). Lower the high group against the "
        "low one by 3.0 dB, to +2 dB."
    )


def test_the_text_has_a_row_for_each_press_and_no_line_too_wide():
    text = report_text(check_sender(sent(twist_db=5.0), RATE), "x.wav")
    assert [line[0] for line in text.splitlines()[4 : 4 + len(KEYS)]] == list(KEYS)
    assert max(map(len, text.splitlines())) <= 100
    assert "to mend:\n- every key: " in text
