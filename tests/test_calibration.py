"""Speed: told where the presses tell it, left alone where it is right, and never guessed."""

from __future__ import annotations

import io
import itertools
import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dtmf_audio import InvalidSettingError, InvalidSignalError, Press, channel, cli, decode, files, keys_of, render
from dtmf_audio.audio_io import RawFormat, write_audio
from dtmf_audio.calibration import (
    NEAR_PCT,
    TAPE_PCT,
    PressPitch,
    SpeedEstimate,
    Verdict,
    corrected_rate,
    distinct,
    estimate_speed,
    file_rates,
    fits,
    in_words,
    looks_off,
    may_hold_pairs,
    tape_rates,
)
from dtmf_audio.files import decode_file
from dtmf_audio.signals import MAX_SAMPLERATE, MIN_SAMPLERATE, to_pcm16
from dtmf_audio.tones import HIGH_HZ, LOW_HZ, parse_keys

SAMPLES = Path(__file__).parent.parent / "samples"
KEYS = "1590*#3D"
# header's rate, true rate
WRONG_RATES = [
    *((16000, 8000), (8000, 16000), (12000, 8000), (8000, 12000), (24000, 16000), (16000, 24000)),
    *((48000, 44100), (44100, 48000), (16000, 11025), (11025, 16000), (8000, 11025), (11025, 8000)),
    *((44100, 8000), (8000, 44100), (48000, 8000), (8000, 48000), (32000, 16000), (44100, 22050)),
]


def tape(keys: str, speed: float, *, offset_pct: float = 0.0, seed: int = 0, samplerate: int = 8000) -> np.ndarray:
    """Keys in noise at 20 dB SNR, sent with frequencies as exact as that, recorded, and played at a speed."""
    rng = np.random.default_rng(seed)
    common = 100 * (speed - 1)
    presses = [
        Press(
            tone=tone,
            low_offset_pct=common + rng.uniform(-offset_pct, offset_pct),
            high_offset_pct=common + rng.uniform(-offset_pct, offset_pct),
        )
        for tone in parse_keys(keys)
    ]
    played = render(presses, samplerate, on_ms=70, delay_ms=80, lead_ms=50, tail_ms=50, rng=rng).samples
    return channel.add_noise_at_snr(
        played, snr_db=20, signal_dbm0=channel.pair_dbm0(-10, -8), samplerate=samplerate, rng=rng
    )


def heard(signal: np.ndarray, samplerate: int = 8000) -> str:
    return keys_of(tone.tone for tone in decode(signal, samplerate))


# --- what is told -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("speed", [0.905, 0.95, 0.97, 1.03, 1.051, 1.095])
def test_the_speed_of_a_tape_is_told_to_a_twentieth_of_a_percent(speed: float) -> None:
    signal = tape(KEYS, speed)
    estimate = estimate_speed(signal, 8000)
    assert estimate.verdict is Verdict.OTHER
    assert estimate.factor == pytest.approx(speed, rel=0.0005)
    assert abs(estimate.factor - speed) < 5 * estimate.uncertainty
    assert (estimate.n_presses, estimate.n_keys) == (len(KEYS), len(KEYS))
    assert heard(signal) != KEYS
    assert heard(signal, corrected_rate(8000, estimate.factor)) == KEYS


@pytest.mark.parametrize(("stated", "true"), WRONG_RATES)
def test_every_wrong_rate_is_told(stated: int, true: int) -> None:
    signal = tape(KEYS, 1.0, samplerate=true)
    estimate = estimate_speed(signal, stated)
    assert estimate.verdict is Verdict.OTHER
    assert estimate.factor == pytest.approx(stated / true, rel=0.0005)
    assert f"as if {true} Hz were marked {stated} Hz: 8 of 8 presses fit" in estimate.reason
    assert heard(signal, corrected_rate(stated, estimate.factor)) == KEYS


def test_keys_at_the_edges_tell_a_tape_that_is_a_step_of_the_keypad_fast() -> None:
    signal = tape("1245780D", 1.098)
    assert heard(signal) == "56890#"  # confident and wrong
    estimate = estimate_speed(signal, 8000)
    assert estimate.factor == pytest.approx(1.098, rel=0.0005)


def test_keys_that_leave_no_edge_are_told_by_exact_frequencies() -> None:
    estimate = estimate_speed(tape("124578", 1.05), 8000)
    assert estimate.factor == pytest.approx(1.05, rel=0.0005)


def test_keys_that_leave_no_edge_of_an_inexact_sender_are_ambiguous() -> None:
    estimate = estimate_speed(tape("124578", 1.05, offset_pct=0.5), 8000)
    assert estimate.verdict is Verdict.AMBIGUOUS
    assert estimate.factor == 1.0
    assert len(estimate.alternatives) == 2
    assert estimate.alternatives == pytest.approx((0.95, 1.05), abs=0.005)


def test_what_is_right_within_the_tolerance_is_ambiguous_at_most() -> None:
    signal = tape("124578", 1.098)
    assert heard(signal) == "56890#"
    estimate = estimate_speed(signal, 8000)
    assert (estimate.verdict, estimate.factor, estimate.reason) == (
        Verdict.AMBIGUOUS,
        1.0,
        "ambiguous: 1.000 or 1.098",
    )


def test_both_channels_tell_one_speed() -> None:
    signal = np.stack([tape("159", 1.05), tape("*0D", 1.05, seed=1)], axis=1)
    estimate = estimate_speed(signal, 8000)
    assert (estimate.factor, estimate.n_presses) == (pytest.approx(1.05, rel=0.0005), 6)
    assert estimate_speed(signal, 8000, channel=1).n_presses == 3


# --- what is left alone -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("clock_pct", [-0.3, 0.0, 0.3])
@pytest.mark.parametrize("keys", ["5", "11", "5689", "0123456789*#ABCD"])
@pytest.mark.parametrize("offset_pct", [0.0, 1.5])
def test_presses_within_1_5_percent_are_at_the_right_speed(clock_pct: float, keys: str, offset_pct: float) -> None:
    estimate = estimate_speed(tape(keys, 1 + clock_pct / 100, offset_pct=offset_pct), 8000)
    assert (estimate.verdict, estimate.factor) == (Verdict.RIGHT, 1.0)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("pct", [1.0, 1.5, 1.75])
def test_a_speed_within_1_8_percent_is_right(sign: int, pct: float) -> None:
    assert estimate_speed(tape(KEYS, 1 + sign * pct / 100), 8000).verdict is Verdict.RIGHT


@pytest.mark.parametrize(
    "pairs",
    [
        [(700, 1100), (900, 1300), (700, 1300), (1100, 1500), (900, 1500), (700, 900)] * 2,  # MF
        [(1380, 1980), (1500, 1980), (1380, 1860), (1620, 1980), (1380, 1740)] * 2,  # R2 forward
        [(540, 1020), (540, 1140), (660, 1020), (660, 1140), (780, 900)] * 2,  # R2 backward: four keys 30 % slow
        [(350, 440), (480, 620), (440, 480), (400, 450), (480, 620), (480, 620)],  # call progress
        [(440, 554.37), (523.25, 739.99), (659.26, 880), (440, 622.25), (587.33, 830.61)] * 2,  # thirds and fifths
    ],
)
def test_other_signalling_and_music_are_no_dtmf_at_another_speed(pairs: list[tuple[float, float]]) -> None:
    t = np.arange(800) / 8000
    sounds = [
        np.append(0.2 * np.sin(2 * np.pi * a * t) + 0.2 * np.sin(2 * np.pi * b * t), np.zeros(800)) for a, b in pairs
    ]
    estimate = estimate_speed(np.concatenate(sounds), 8000)
    assert (estimate.verdict in (Verdict.UNKNOWN, Verdict.RIGHT), estimate.factor) == (True, 1.0)


@pytest.mark.parametrize("keys", ["3", "*D", "A*A*A*"])
def test_one_or_two_keys_make_no_speed(keys: str) -> None:
    estimate = estimate_speed(tape(keys, 1.05), 8000)
    assert (estimate.verdict, estimate.factor) == (Verdict.UNKNOWN, 1.0)
    assert estimate.reason.endswith("on too few different keys to tell a speed by; 3 are wanted at one speed")


def test_nothing_is_unknown() -> None:
    estimate = estimate_speed(np.zeros(8000), 8000)
    assert (estimate.verdict, estimate.n_presses, estimate.reason) == (
        Verdict.UNKNOWN,
        0,
        "no press of a key is heard at any speed",
    )
    assert math.isnan(estimate.uncertainty)


@pytest.mark.parametrize("name", ["telephone.wav", "two_parties.wav", "senddtmftones.wav", "no_tones.wav"])
def test_the_samples_are_left_alone(name: str) -> None:
    assert decode_file(SAMPLES / name, speed="auto") == decode_file(SAMPLES / name)


# --- parts --------------------------------------------------------------------------------------------------------


def test_the_steps_of_tapes_leave_no_gap() -> None:
    steps = sorted(8000 / rate for rate in tape_rates(8000))
    assert steps[0] * (1 - NEAR_PCT / 100) < 1 - TAPE_PCT / 100
    assert steps[-1] * (1 + NEAR_PCT / 100) > 1 + TAPE_PCT / 100
    assert all(low * (1 + NEAR_PCT / 100) > high * (1 - NEAR_PCT / 100) for low, high in itertools.pairwise(steps))


@pytest.mark.parametrize("samplerate", [MIN_SAMPLERATE, 8000, 11025, 48000, MAX_SAMPLERATE])
def test_every_trial_is_a_rate_that_can_be_decoded(samplerate: int) -> None:
    trials = [*tape_rates(samplerate), *file_rates(samplerate)]
    assert len(trials) == len(set(trials))
    assert all(MIN_SAMPLERATE <= rate <= MAX_SAMPLERATE for rate in trials)
    assert samplerate in trials


def test_the_likelihood_is_that_of_the_obvious_sum() -> None:
    rng = np.random.default_rng(1)
    rows, columns = rng.integers(0, 4, 12), rng.integers(0, 4, 12)
    low = np.log(np.array(LOW_HZ)[rows] * 1.05) + rng.normal(0, 0.001, 12)
    high = np.log(np.array(HIGH_HZ)[columns] * 1.05) + rng.normal(0, 0.001, 12)
    low[0] += 0.05  # a stray
    best = fits(low, high, np.array([math.log(1.05)]))[0]
    offsets = [
        math.log(math.exp(each) / hz / best.factor)
        for logs, chosen, nominal in ((low, rows, LOW_HZ), (high, columns, HIGH_HZ))
        for each, hz in zip(logs[1:], np.array(nominal)[chosen[1:]], strict=True)
    ]
    assert sum(offsets) == pytest.approx(0, abs=1e-9)
    scatter = math.sqrt(sum(off**2 for off in offsets) / 21)
    wanted = math.log(0.02 / 1.5) + 11 * math.log(0.98 / 16)
    for off in offsets:
        wanted += math.log(math.exp(-(off**2) / 2 / scatter**2) / scatter / math.sqrt(2 * math.pi))
    assert best.log_likelihood == pytest.approx(wanted)
    assert best.n_presses == 11
    assert best.uncertainty == pytest.approx(best.factor * scatter / math.sqrt(22))


def test_a_press_heard_at_several_rates_is_one() -> None:
    def press(start: int, snr_db: float, channel: int = 0) -> PressPitch:
        return PressPitch(channel=channel, start=start, stop=start + 400, low_hz=697, high_hz=1209, snr_db=snr_db)

    heard = [press(0, 10), press(800, 20), press(20, 15), press(810, 12), press(0, 1, channel=1)]
    assert distinct(heard) == [press(20, 15), press(800, 20), press(0, 1, channel=1)]
    assert distinct([]) == []


@pytest.mark.parametrize(
    ("factor", "samplerate", "words"),
    [
        (1.0512, 8000, "5.1 % fast"),
        (0.951, 8000, "4.9 % slow"),
        (2.001, 16000, "2.001 times as high as they should be, as if 8000 Hz were marked 16000 Hz"),
        (48000 / 44100, 48000, "8.8 % fast, as if 44100 Hz were marked 48000 Hz"),
        (0.5, 5000, "0.5 times as high as they should be"),
    ],
)
def test_a_factor_in_words(factor: float, samplerate: int, words: str) -> None:
    assert in_words(factor, samplerate) == words


def test_only_what_holds_pairs_is_looked_at() -> None:
    rng = np.random.default_rng(0)
    assert may_hold_pairs(tape("123", 1.05), 8000)
    assert may_hold_pairs(tape("123", 1.0, samplerate=8000), 44100)
    assert may_hold_pairs(tape("123", 1.0, samplerate=44100), 8000)
    assert may_hold_pairs(np.stack([np.zeros(3000), tape("123", 1.05)[:3000]], axis=1), 8000)
    assert not may_hold_pairs(np.zeros(8000), 8000)
    assert not may_hold_pairs(rng.normal(0, 0.1, 80000), 8000)
    assert not may_hold_pairs(np.sin(np.arange(8000)), 8000)
    assert not may_hold_pairs(np.zeros(3), 8000)


def test_only_a_common_offset_looks_off() -> None:
    assert not looks_off(decode(tape(KEYS, 1.0, offset_pct=0.2), 8000))
    assert looks_off(decode(tape("1245", 1.098), 8000))
    assert not looks_off([])


# --- refusals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("speed", "message"),
    [
        ("fast", "speed is 'fast'; it must be 'auto' or a number, such as 1.05 for 5 % fast"),
        (math.nan, "speed is nan; it must be 'auto' or a number, such as 1.05 for 5 % fast"),
        (True, "speed is True; it must be 'auto' or a number, such as 1.05 for 5 % fast"),
        (0, "speed is 0; it must be above 0, such as 1.05 for 5 % fast"),
        (
            2.5,
            "speed is 2.5: audio of 8000 Hz would be decoded as of 3200 Hz; from 4000 to 192000 are possible, which here "
            "is a speed of 0.0417 to 2",
        ),
    ],
)
def test_a_speed_that_cannot_be_is_refused(speed: object, message: str) -> None:
    with pytest.raises(InvalidSettingError) as refusal:
        corrected_rate(8000, speed)  # type: ignore[arg-type]
    assert str(refusal.value) == message
    with pytest.raises(InvalidSettingError) as refusal:
        decode_file(SAMPLES / "telephone.wav", speed=speed)  # type: ignore[arg-type]
    assert str(refusal.value) == f"{SAMPLES / 'telephone.wav'}: {message}"


def test_an_estimate_refuses_what_decode_refuses() -> None:
    with pytest.raises(InvalidSignalError, match=r"^the signal has no samples; give at least one$"):
        estimate_speed(np.zeros(0), 8000)
    with pytest.raises(InvalidSettingError, match=r"^channel 1 asked for, the signal has 1 "):
        estimate_speed(np.zeros(8), 8000, channel=1)
    with pytest.raises(InvalidSignalError, match="every sample must be finite"):
        estimate_speed(np.full(8, np.nan), 8000)


# --- files --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("explain", [False, True])
def test_speed_1_decodes_bit_by_bit_as_ever(explain: bool) -> None:
    for name in ("telephone.wav", "torture.wav"):
        plain = decode_file(SAMPLES / name, explain=explain)
        assert decode_file(SAMPLES / name, speed=1, explain=explain) == plain
        assert decode_file(SAMPLES / name, speed=1.0, explain=explain) == plain


@pytest.mark.parametrize("speed", ["auto", 1.05])
@pytest.mark.parametrize("pipe", [False, True])
def test_places_are_those_of_the_file(speed: float | str, pipe: bool, tmp_path: Path) -> None:
    rendering = render(KEYS, 8000, lead_ms=500)
    raw = RawFormat(encoding="s16le", samplerate=8400)
    data = to_pcm16(rendering.samples).astype("<i2").tobytes()
    (tmp_path / "tape.raw").write_bytes(data)
    found = decode_file(io.BytesIO(data) if pipe else tmp_path / "tape.raw", raw=raw, speed=speed)  # type: ignore[arg-type]
    assert keys_of(tone.tone for tone in found) == KEYS
    for tone, truth in zip(found, rendering.tones, strict=True):
        assert tone.samplerate == 8400
        assert abs(tone.start - truth.start) <= 8
        assert abs(tone.stop - truth.stop) <= 8
        assert abs(tone.low_offset_pct) < 0.05
        assert tone.start_s == tone.start / 8400


def test_near_misses_have_places_of_the_file_too(tmp_path: Path) -> None:
    write_audio(tmp_path / "short.wav", render("1", 8000, on_ms=24, lead_ms=100, tail_ms=100).samples, 8000)
    plain = decode_file(tmp_path / "short.wav", explain=True)
    found = decode_file(tmp_path / "short.wav", speed=1.01, explain=True)
    assert [event.samplerate for event in found] == [8000]
    assert abs(found[0].start - plain[0].start) <= 16


def test_only_the_beginning_is_listened_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_audio(tmp_path / "late.wav", np.append(np.zeros(16000), tape(KEYS, 1.05)), 8000)
    monkeypatch.setattr(files, "LISTENED_S", 2.0)
    told: list[SpeedEstimate] = []
    late = list(files.iter_file(tmp_path / "late.wav", speed="auto", on_speed=told.append))
    assert (late, [estimate.n_presses for estimate in told]) == ([], [0])
    monkeypatch.setattr(files, "LISTENED_S", 4.0)
    assert keys_of(tone.tone for tone in decode_file(tmp_path / "late.wav", speed="auto")) == KEYS


def test_blocks_of_a_sample_are_not_kept_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_audio(tmp_path / "tape.wav", tape(KEYS, 1.05)[:12000], 8000)
    whole = decode_file(tmp_path / "tape.wav", speed="auto")
    monkeypatch.setattr(files, "DECODED_FRAMES", 3)
    monkeypatch.setattr(files, "MOST_BLOCKS", 16)
    assert decode_file(tmp_path / "tape.wav", speed="auto") == whole


@pytest.mark.parametrize("speed", ["auto", 1.05, None])
def test_a_sample_that_is_not_finite_is_told_as_ever(tmp_path: Path, speed: float | str | None) -> None:
    samples = np.zeros(800, dtype=np.float32)
    samples[7] = np.nan
    source = io.BytesIO(samples.astype("<f4").tobytes())
    raw = RawFormat(encoding="f32le", samplerate=8000)
    with pytest.raises(InvalidSignalError, match="sample 7 is nan; every sample must be finite"):
        decode_file(source, raw=raw, speed=speed)  # type: ignore[arg-type]


# --- command line -------------------------------------------------------------------------------------------------

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def dtmf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Run a command in an empty directory that has a few tapes."""
    monkeypatch.chdir(tmp_path)
    for name, keys, speed in (
        *(("fast.wav", KEYS, 1.051), ("slow.wav", KEYS, 0.95), ("right.wav", KEYS, 1.0)),
        *(("inner.wav", "124578", 1.098), ("few.wav", "*D", 1.05)),
    ):
        write_audio(name, tape(keys, speed), 8000)
    write_audio("rate.wav", tape(KEYS, 1.0, samplerate=16000), 8000)
    write_audio("silence.wav", np.zeros(8000), 8000)

    def run(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        status = cli.main(list(arguments))
        captured = capfd.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.mark.parametrize(
    ("name", "status", "message"),
    [
        (
            "fast.wav",
            1,
            "dtmf-audio: warning: fast.wav: the tones are 5.1 % fast: 8 of 8 presses fit; decode with --speed auto, or "
            "--speed 1.051\n",
        ),
        (
            "slow.wav",
            1,
            "dtmf-audio: warning: slow.wav: the tones are 5.0 % slow: 8 of 8 presses fit; decode with --speed auto, or "
            "--speed 0.95\n",
        ),
        (
            "rate.wav",
            1,
            "dtmf-audio: warning: rate.wav: the tones are 0.5 times as high as they should be, as if 16000 Hz were marked "
            "8000 Hz: 8 of 8 presses fit; decode with --speed auto, or --speed 0.5\n",
        ),
        (
            "inner.wav",
            0,
            "dtmf-audio: warning: inner.wav: the speed is ambiguous: 1.000 or 1.098; decoded as it is, give --speed 1.098 "
            "if that is right\n",
        ),
        ("right.wav", 0, ""),
        ("few.wav", 1, ""),
        ("silence.wav", 1, ""),
    ],
)
def test_tones_that_are_off_are_warned_of(dtmf: Command, name: str, status: int, message: str) -> None:
    told = dtmf("decode", name)
    assert (told[0], told[2]) == (status, message)
    assert dtmf("decode", name, "--speed", "1") == (*told[:2], "")


@pytest.mark.parametrize(
    ("name", "answer", "message"),
    [
        (
            "fast.wav",
            KEYS,
            "dtmf-audio: fast.wav: the tones are 5.1 % fast: 8 of 8 presses fit; decoded at speed 1.051\n",
        ),
        (
            "rate.wav",
            KEYS,
            "dtmf-audio: rate.wav: the tones are 0.5 times as high as they should be, as if 16000 Hz were marked 8000 Hz: 8 "
            "of 8 presses fit; decoded at speed 0.5\n",
        ),
        ("right.wav", KEYS, ""),
        (
            "few.wav",
            "",
            "dtmf-audio: warning: few.wav: the speed cannot be told: 2 presses on too few different keys to tell a speed "
            "by; 3 are wanted at one speed; decoded as it is\n",
        ),
        (
            "silence.wav",
            "",
            "dtmf-audio: warning: silence.wav: the speed cannot be told: no press of a key is heard at any speed; decoded "
            "as it is\n",
        ),
    ],
)
def test_speed_auto_corrects_what_is_sure(dtmf: Command, name: str, answer: str, message: str) -> None:
    expected = (0, f"{answer}\n", message) if answer else (1, "", message)
    assert dtmf("decode", name, "--speed", "auto") == expected


def test_a_speed_of_ones_own_says_nothing(dtmf: Command) -> None:
    assert dtmf("decode", "fast.wav", "--speed", "1.05") == (0, f"{KEYS}\n", "")
    assert dtmf("decode", "inner.wav", "--speed", "1.1") == (0, "124578\n", "")


def test_each_file_has_a_speed_of_its_own(dtmf: Command) -> None:
    status, answer, told = dtmf("decode", "fast.wav", "right.wav", "slow.wav", "--speed", "auto")
    assert (status, answer) == (0, f"fast.wav: {KEYS}\nright.wav: {KEYS}\nslow.wav: {KEYS}\n")
    assert [line.split(": ")[1] for line in told.splitlines()] == ["fast.wav", "slow.wav"]


def test_speeds_that_cannot_be_are_refused(dtmf: Command) -> None:
    status, answer, told = dtmf("decode", "fast.wav", "--speed", "9")
    assert (status, answer) == (2, "")
    assert told == (
        "dtmf-audio: error: fast.wav: speed is 9: audio of 8000 Hz would be decoded as of 889 Hz; from 4000 to 192000 are "
        "possible, which here is a speed of 0.0417 to 2\n"
    )
    for text in ("fast", "0", "-1", "nan", "inf", ""):
        status, answer, told = dtmf("decode", "fast.wav", f"--speed={text}")
        assert (status, answer) == (2, "")
        assert told.endswith(
            f"argument --speed: {text!r} is neither auto nor a number above 0, such as 1.05 for 5 % fast\n"
        )


def test_a_pipe_is_warned_of_as_a_file_is(dtmf: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments in ([], ["--speed", "auto"]):
        told = dtmf("decode", "fast.wav", *arguments)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(Path("fast.wav").read_bytes())))
        piped = dtmf("decode", "-", *arguments)
        assert (piped[0], piped[1], piped[2].replace("standard input", "fast.wav")) == told
