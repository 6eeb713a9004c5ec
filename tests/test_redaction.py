"""Digits taken out: none is left, nothing else is changed, and nobody tells them."""

from __future__ import annotations

import errno
import hashlib
import io
import itertools
import json
import os
import stat
import struct
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pytest
import soundfile as sf

from dtmf_audio import (
    AudioFileError,
    DetectedTone,
    InvalidSettingError,
    InvalidSignalError,
    RedactedAudio,
    RedactionError,
    Rejection,
    Tone,
    channel,
    cli,
    cli_console,
    cli_redact,
    decode,
    decode_file,
    keys_of,
    redact,
    redact_file,
    redaction,
    redaction_files,
    render,
)
from dtmf_audio.audio_io import RawFormat, read_audio, write_audio
from dtmf_audio.pan import card_number_spans, passes_luhn
from dtmf_audio.pcm import RAW_ENCODINGS
from dtmf_audio.redaction import Cut, Filler, RedactionSettings, plan_cuts, settle
from dtmf_audio.redaction_bytes import encode_pcm
from dtmf_audio.signals import MAX_SAMPLERATE, MIN_SAMPLERATE

sys.path.append(str(Path(__file__).resolve().parent / "benchmarks"))
from peer_decoders import DECODERS, Decoder
from test_cli import Terminal

SAMPLES = Path(__file__).parent.parent / "samples"
KEYS = "0123456789*#ABCD"
CARD = "4111111111111111"  # the number that card schemes publish for tests; passes Luhn
FILLS = ("silence", "beep", "noise")

posix = pytest.mark.skipif(os.name != "posix", reason="permissions as POSIX has them")


def a_call(keys: str = KEYS, samplerate: int = 8000, seed: int = 1, **settings: float) -> npt.NDArray[np.float64]:
    """Keys in a little noise, with a second of noise before and after."""
    settings = {"lead_ms": 1000.0, "tail_ms": 1000.0, "delay_ms": 120.0} | settings
    samples = render(keys, samplerate, **settings).samples if keys else np.zeros(3 * samplerate)
    return samples + channel.noise(
        len(samples), level_dbm0=-50.0, samplerate=samplerate, rng=np.random.default_rng(seed), color="pink"
    )


def heard(samples: npt.NDArray[Any], samplerate: int = 8000) -> str:
    return keys_of(tone.tone for tone in decode(samples, samplerate, profile="sensitive"))


def changed(before: npt.NDArray[Any], result: RedactedAudio) -> npt.NDArray[np.bool_]:
    """Where samples outside all cuts are not as they were."""
    differs = np.atleast_2d(before.T).T != np.atleast_2d(result.samples.T).T
    for cut in result.cuts:
        differs[cut.start : cut.stop, cut.channel] = False
    return differs


# --- arrays ------------------------------------------------------------------------------------------------------


def as_dtype(samples: npt.NDArray[np.float64], dtype: str) -> npt.NDArray[Any]:
    scale = {"int16": 2.0**15, "int32": 2.0**31, "uint8": 2.0**7}.get(dtype, 1.0)
    stored = np.clip(samples, -1.0, 1.0 - 1.0 / 2**15) * scale
    return (np.rint(stored) + (128 if dtype == "uint8" else 0)).astype(dtype) if scale > 1 else stored.astype(dtype)


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("dtype", ["int16", "int32", "uint8", "float32", "float64"])
def test_no_key_is_left_and_all_else_is_bit_for_bit(dtype: str, fill: Any) -> None:
    before = as_dtype(a_call(), dtype)
    copy = before.copy()
    result = redact(before, 8000, fill=fill)
    assert heard(before) == KEYS
    assert heard(result.samples) == ""
    assert result.samples.dtype == before.dtype
    assert result.samples.shape == before.shape
    assert not changed(before, result).any()
    np.testing.assert_array_equal(before, copy)  # what came in is not touched
    assert len(result.outcome.presses) == len(KEYS)


@pytest.mark.parametrize("samplerate", [MIN_SAMPLERATE, 8000, 11025, 44100, MAX_SAMPLERATE])
@pytest.mark.parametrize("fill", FILLS)
def test_no_key_is_left_at_any_rate(samplerate: int, fill: Any) -> None:
    result = redact(a_call("159D", samplerate), samplerate, fill=fill)
    assert len(result.outcome.presses) == 4
    assert heard(result.samples, samplerate) == ""


def test_nothing_of_a_press_is_left_and_the_guard_is_as_asked() -> None:
    rendering = render("5", 8000, lead_ms=1000.0, tail_ms=1000.0)
    (press,) = rendering.tones
    (cut,) = redact(rendering.samples, 8000, guard_ms=50.0, own_channel=True).cuts
    assert (press.start - cut.start, cut.stop - press.stop) == pytest.approx((400, 400), abs=16)  # edges within 2 ms
    result = redact(rendering.samples, 8000, guard_ms=50.0, own_channel=True)
    assert not result.samples[press.start - 300 : press.stop + 300].any()  # silence, but for fades of 5 ms


def test_the_fades_lie_inside_the_guard() -> None:
    before = np.full(8000, 0.25)
    cut = Cut(channel=0, start=1000, stop=3000, fade=40, presses=1)
    after = Filler(RedactionSettings(), 8000).replaced(before[1000:3000], cut, 1000, 8000)
    assert after[0] == 0.25  # goes on where it stood
    assert np.all(np.diff(after[:41]) < 0)
    assert not after[40:-40].any()
    np.testing.assert_allclose(after, after[::-1], atol=1e-15)


def test_at_the_start_and_the_end_of_a_recording_nothing_of_a_press_fades() -> None:
    samples = render("57", 8000, ramp_ms=0.0, delay_ms=600.0).samples
    result = redact(samples, 8000, own_channel=True)
    assert result.cuts[0].start == 0
    assert result.cuts[-1].stop == len(samples)
    assert not result.samples[:800].any()
    assert not result.samples[-800:].any()


@pytest.mark.parametrize("fill", FILLS)
def test_any_blocks_give_the_same_fill(fill: Any) -> None:
    before = a_call("")[:12000]
    cut = Cut(channel=1, start=500, stop=11000, fade=40, presses=1)
    filler = Filler(RedactionSettings(fill=fill), 8000)
    whole = filler.replaced(before[500:11000], cut, 500, 12000)
    edges = [500, 501, 530, 4096, 8192, 10990, 11000]
    parts = [filler.replaced(before[a:b], cut, a, 12000) for a, b in itertools.pairwise(edges)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("decoder", [None, *DECODERS], ids=lambda peer: peer.name if peer else "dtmf_audio")
def test_no_decoder_hears_a_key_in_the_fill(decoder: Decoder | None, fill: Any) -> None:
    if decoder is not None and not decoder.available():
        pytest.skip(f"{decoder.name} is not on this machine")
    rng = np.random.default_rng(5)
    n = 8000 * 30
    before = 0.003 * rng.standard_normal(n)
    edges = np.cumsum(rng.integers(700, 4000, 400))
    filler = Filler(RedactionSettings(fill=fill), 8000)
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        if stop < n:
            cut = Cut(channel=0, start=int(start), stop=int(stop), fade=40, presses=1)
            before[start:stop] = filler.replaced(before[start:stop], cut, int(start), n)
    pcm = np.rint(before * 2**15).astype(np.int16)
    assert (heard(pcm) if decoder is None else decoder.decode(pcm)) == ""


def test_the_noise_is_that_of_its_seed() -> None:
    before = a_call("12")
    one, same, other = (redact(before, 8000, fill="noise", seed=seed).samples for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_a_press_is_cut_on_the_other_channels_with_its_echo() -> None:
    left = a_call("1234")
    right = np.roll(left, 1200) * 0.1
    both = np.stack([left, right], axis=1)
    result = redact(both, 8000)
    assert heard(result.samples) == ""
    assert not changed(both, result).any()
    assert {cut.channel for cut in result.cuts} == {0, 1}


@pytest.mark.parametrize(("channels", "own", "echo_ms"), [(2, 0, 300), (1, 300, None)])
def test_echo_is_cut_on_the_other_channel_or_on_the_only_one(channels: int, own: int, echo_ms: int | None) -> None:
    tone = a_tone("1", 8000)
    cuts = plan_cuts([tone], 8000, channels, 80_000, RedactionSettings())
    assert [(cut.start, cut.presses) for cut in cuts] == [(8000 - 320, 1), (8000 - 320, 0)][:channels]
    assert [cut.stop - tone.stop - 320 for cut in cuts] == [8 * ms for ms in (own, echo_ms) if ms is not None]


def test_own_channel_leaves_the_others_alone() -> None:
    both = np.stack([a_call("1234"), a_call("1234")[::-1] * 0.0 + 0.001], axis=1)
    result = redact(both, 8000, own_channel=True)
    np.testing.assert_array_equal(result.samples[:, 1], both[:, 1])
    assert heard(result.samples) == ""


def test_the_guard_is_three_times_as_wide_where_the_edges_are_unsure() -> None:
    sure, unsure = a_tone("1", 8000, snr_db=10.0), a_tone("1", 8000, snr_db=9.9)
    starts = [plan_cuts([tone], 8000, 1, 80_000, RedactionSettings())[0].start for tone in (sure, unsure)]
    assert starts == [8000 - 320, 8000 - 960]


def test_a_call_without_keys_is_as_it_was() -> None:
    before = a_call("")
    result = redact(before, 8000)
    np.testing.assert_array_equal(result.samples, before)
    assert (result.cuts, result.outcome.rounds) == ((), 0)


def test_what_is_shown_of_a_result_tells_no_digit() -> None:
    one, other = (repr(redact(render(keys, 8000, lead_ms=500.0).samples, 8000)) for keys in ("739", "174"))
    assert one == other


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fill": "music"}, "fill is 'music'; it must be one of silence, beep, noise"),
        ({"only": "pin"}, "only is 'pin'; it must be pan, or left out"),
        ({"guard_ms": 9}, "guard_ms is 9; it must be a number from 10 to 1000"),
        ({"guard_ms": float("nan")}, "guard_ms is nan; it must be a number from 10 to 1000"),
        ({"echo_ms": -1.0}, "echo_ms is -1.0; it must be a number from 0 to 5000"),
        ({"join_ms": 10001}, "join_ms is 10001; it must be a number from 0 to 10000"),
        ({"seed": -1}, "seed is -1; it must be a whole number, 0 or more"),
    ],
)
def test_settings_that_do_not_exist_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSettingError) as refused:
        redact(a_call("1"), 8000, **settings)
    assert str(refused.value) == message


def test_no_samples_are_refused() -> None:
    with pytest.raises(InvalidSignalError, match="the signal has no samples; give at least one"):
        redact(np.zeros(0), 8000)


# --- rounds ------------------------------------------------------------------------------------------------------


def a_tone(
    key: str, start: int, *, on: int = 800, number: int = 0, level: float = -10.0, snr_db: float = 30.0
) -> DetectedTone:
    return DetectedTone(
        tone=Tone.from_key(key),
        start=start,
        stop=start + on,
        samplerate=8000,
        channel=number,
        low_level_dbm0=level,
        high_level_dbm0=level,
        low_offset_pct=0.0,
        high_offset_pct=0.0,
        snr_db=snr_db,
    )


def near_miss(start: int, number: int = 0) -> Rejection:
    return Rejection(
        tone=Tone.TONE0,
        start=start,
        stop=start + 400,
        samplerate=8000,
        channel=number,
        limit="min_evidence",
        measured=-9.0,
        wanted=-4.0,
        unit="",
    )


def test_what_is_still_heard_is_cut_too_with_a_wider_guard() -> None:
    tried: list[Sequence[Cut]] = []
    answers = [[a_tone("7", 40_000)], []]

    def attempt(cuts: Sequence[Cut]) -> list[DetectedTone]:
        tried.append(cuts)
        return answers[len(tried) - 1]

    outcome = settle([a_tone("1", 8000)], 8000, 1, 80_000, RedactionSettings(), attempt)
    assert [[cut.start for cut in cuts] for cuts in tried] == [[8000 - 320], [8000 - 480, 40_000 - 480]]
    assert (outcome.rounds, keys_of(tone.tone for tone in outcome.presses)) == (2, "17")


def test_after_five_rounds_it_is_refused_and_no_digit_told() -> None:
    rounds = itertools.count(1)
    with pytest.raises(RedactionError) as refused:
        settle([a_tone("1", 8000)], 8000, 1, 80_000, RedactionSettings(), lambda _: [a_tone("7", 8000 * next(rounds))])
    assert next(rounds) == 6
    assert str(refused.value) == (
        "1 press is still heard after 5 rounds of cutting, at 5.000 s; widen the guard (guard_ms, --guard-ms), now 40 ms"
    )


def test_near_misses_are_cut_while_somebody_dials_and_elsewhere_if_they_are_nearly_presses() -> None:
    far = 8800 + 24_000
    found = [a_tone("1", 8000), near_miss(1000), near_miss(far - 1), near_miss(far + 1), near_miss(8200, 1)]
    outcome = settle(found, 8000, 2, 80_000, RedactionSettings(own_channel=True), lambda _: [])
    assert outcome.doubtful == 2
    assert sum(cut.presses for cut in outcome.cuts) == 1
    for measured, doubtful in ((-5.9, 1), (-6.1, 0)):  # 2 below the limit of the evidence
        alone = [replace(near_miss(1000), measured=measured)]
        assert settle(alone, 8000, 1, 80_000, RedactionSettings(), lambda _: []).doubtful == doubtful


@pytest.mark.parametrize("join_ms", [0.0, 100.0, 1000.0])
def test_cuts_are_joined_where_less_would_be_left_than_asked(join_ms: float) -> None:
    settings = RedactionSettings(own_channel=True, join_ms=join_ms)
    for gap, places in ((round(8 * join_ms) - 1, 1), (round(8 * join_ms), 2 if join_ms else 1)):
        found = [a_tone("1", 8000), a_tone("2", 8800 + 320 + gap + 320)]
        assert len(plan_cuts(found, 8000, 1, 80_000, settings)) == places


def test_no_cut_is_joined_across_a_press_that_is_kept() -> None:
    found, kept = [a_tone("1", 8000), a_tone("2", 12_000)], [a_tone("7", 10_000)]
    settings = RedactionSettings(own_channel=True, join_ms=1000.0)
    assert len(plan_cuts(found, 8000, 1, 80_000, settings)) == 1
    assert len(plan_cuts(found, 8000, 1, 80_000, settings, kept=kept)) == 2


# --- card numbers ------------------------------------------------------------------------------------------------


def slow_luhn(digits: str) -> bool:
    """Luhn as it is told: from the right, double every second digit, add up the digits of all that."""
    text = ""
    for place, digit in enumerate(reversed(digits)):
        text += str(2 * int(digit)) if place % 2 else digit
    return sum(int(digit) for digit in text) % 10 == 0


def test_luhn_is_what_the_slow_one_says() -> None:
    rng = np.random.default_rng(8)
    for length in range(1, 20):
        for _ in range(200):
            digits = rng.integers(0, 10, length).tolist()
            assert passes_luhn(digits) == slow_luhn("".join(map(str, digits)))
    assert passes_luhn([int(digit) for digit in CARD])


def dialled(keys: str, *, start: int = 8000, step: int = 2400, number: int = 0, level: float = -10.0) -> list[Any]:
    """Presses, one every 300 ms; a dot is a near miss, and an underline a pause of 9.9 s more."""
    events: list[Any] = []
    for key in keys:
        if key == "_":
            start += 79_200
            continue
        events.append(near_miss(start, number) if key == "." else a_tone(key, start, number=number, level=level))
        start += step
    return events


def cut_of(events: list[Any], **settings: Any) -> str:
    """Keys of the presses that are cut, those of near misses as dots."""
    at = max(event.stop for event in events) + 8000
    outcome = settle(events, 8000, 4, at, RedactionSettings(only="pan", **settings), lambda _: [])
    return keys_of(tone.tone for tone in outcome.presses) + "." * outcome.doubtful


NO_CARD = "4111111111111112"


def test_a_card_number_is_cut_and_other_digits_are_kept() -> None:
    assert cut_of(dialled("12__" + CARD + "__345")) == CARD
    assert cut_of(dialled("123456789012")) == ""  # twelve digits
    for length in range(13, 20):  # each length, with the check digit that makes it pass; digits before it fail
        body = "9" * (length - 1)
        (check,) = (digit for digit in "0123456789" if slow_luhn(body + digit))
        assert cut_of(dialled(body + check)).endswith(check)


def test_digits_that_do_not_pass_are_kept() -> None:
    kept = "1234567890124"  # thirteen digits, so one window
    assert not slow_luhn(kept)
    assert cut_of(dialled(kept)) == ""


@pytest.mark.parametrize("between", ["*", "#", "A", "*#"])
def test_other_keys_do_not_end_a_card_number(between: str) -> None:
    keys = CARD[:4] + between + CARD[4:]
    assert cut_of(dialled(keys)) == keys


def test_a_pause_of_more_than_10_s_ends_a_card_number_and_a_shorter_one_does_not() -> None:
    assert cut_of(dialled(CARD[:4] + "_" + CARD[4:], step=1600)) == CARD  # 9.9 s and 0.1 s
    assert cut_of(dialled(CARD[:4] + "_" + CARD[4:], step=1601)) == ""


def test_windows_overlap_in_a_longer_run() -> None:
    run = "55" + CARD + "66"
    windows = [
        (start, stop)
        for start in range(len(run))
        for stop in range(start + 13, min(start + 19, len(run)) + 1)
        if slow_luhn(run[start:stop])
    ]
    assert len(windows) > 1
    assert cut_of(dialled(run)) == run[min(start for start, _ in windows) : max(stop for _, stop in windows)]


def test_a_near_miss_in_a_number_may_be_any_digit_or_none() -> None:
    assert cut_of(dialled(NO_CARD[:7] + "." + NO_CARD[8:])) == NO_CARD[:7] + NO_CARD[8:] + "."
    assert cut_of(dialled("123456789" + ".....")) == ""  # nine digits for sure: a PIN or an extension in talk


def test_an_echo_between_the_digits_does_not_hide_a_card_number() -> None:
    events = dialled("4929123456789015", step=4000)
    assert slow_luhn("4929123456789015")
    echoes = [a_tone(event.tone.key, event.start + 1200, level=-30.0) for event in events]
    assert len(cut_of(sorted(events + echoes, key=lambda event: event.start))) == 32


def test_a_card_number_is_cut_on_both_channels_and_the_other_partys_keys_with_it() -> None:
    own = dialled(CARD, step=4000)
    crosstalk = dialled(CARD, start=8100, step=4000, number=1, level=-30.0)
    assert len(cut_of(own + crosstalk)) == 32
    assert cut_of(own + dialled("7", start=20_000, number=1)).count("7") == 1


def test_a_card_number_that_changes_channels_is_found() -> None:
    first, second = dialled(CARD[:9]), dialled(CARD[9:], start=8000 + 9 * 2400, number=1)
    assert cut_of(first + second) == CARD
    assert cut_of(first + second, own_channel=True) == ""


def test_a_press_heard_twice_does_not_hide_a_card_number() -> None:
    number = "4929123456789015"
    events = dialled(number, step=4000)
    assert set(number) <= set(cut_of([*events, a_tone("9", events[3].start + 900)]))


def test_spans_are_those_of_their_channel_if_asked() -> None:
    assert [span[2] for span in card_number_spans(dialled(CARD, number=3), apart=True)] == [3]


def test_only_pan_keeps_the_other_digits_of_a_recording(tmp_path: Path) -> None:
    keys = "42w" + "w" * 22 + CARD + "w" * 22 + "99#"
    write_audio(tmp_path / "in.wav", a_call(keys, on_ms=80.0, delay_ms=80.0), 8000)
    report = redact_file(tmp_path / "in.wav", tmp_path / "out.wav", only="pan")
    assert keys_of(tone.tone for tone in decode_file(tmp_path / "out.wav", profile="sensitive")) == "4299#"
    assert keys_of(tone.tone for tone in report.outcome.presses) == CARD
    assert keys_of(tone.tone for tone in report.outcome.kept) == "4299#"


# --- files -------------------------------------------------------------------------------------------------------


def chunk(name: bytes, body: bytes, order: str = "<") -> bytes:
    return name + struct.pack(f"{order}I", len(body)) + body + b"\0" * (len(body) % 2)


TAGS = {"u8": 1, "s16": 1, "s24": 1, "s32": 1, "f32": 3, "f64": 3, "alaw": 6, "mulaw": 7}
WIDTHS = {"u8": 1, "s16": 2, "s24": 3, "s32": 4, "f32": 4, "f64": 8, "alaw": 1, "mulaw": 1}


def fmt_chunk(encoding: str, channels: int, *, extensible: bool = False, order: str = "<") -> bytes:
    width = WIDTHS[encoding]
    tag = 0xFFFE if extensible else TAGS[encoding]
    body = struct.pack(f"{order}HHIIHH", tag, channels, 8000, 8000 * width * channels, width * channels, 8 * width)
    if extensible:
        guid = struct.pack(f"{order}H", TAGS[encoding]) + bytes.fromhex("000000001000800000aa00389b71")
        body += struct.pack(f"{order}HHI", 22, 8 * width, 0) + guid
    return chunk(b"fmt ", body, order)


BEFORE = chunk(b"bext", b"Recorded by hand".ljust(603, b"\0")) + chunk(b"LIST", b"INFOINAM\x05\0\0\0call\0\0")
AFTER = chunk(b"cue ", struct.pack("<I", 0)) + chunk(b"LIST", b"adtllabl\x04\0\0\0\1\0\0\0") + chunk(b"xyz ", b"odd")


def wav_bytes(payload: bytes, fmt: bytes) -> tuple[bytes, int]:
    """A WAV with chunks on all sides, and where its samples start."""
    front = b"WAVE" + fmt + BEFORE + b"data" + struct.pack("<I", len(payload))
    body = front + payload + b"\0" * (len(payload) % 2) + AFTER
    return b"RIFF" + struct.pack("<I", len(body)) + body, 8 + len(front)


def payload_of(samples: npt.NDArray[np.float64], encoding: str) -> bytes:
    suffix = "" if WIDTHS[encoding] == 1 else "le"
    columns = np.atleast_2d(samples.T)
    octets = np.stack([encode_pcm(column, encoding + suffix) for column in columns], axis=1)
    return octets.tobytes()


def check_bytes(before: bytes, after: bytes, report: redaction_files.RedactionReport, start: int, width: int) -> None:
    """Compare the bytes of two files, all but those of samples within cuts."""
    assert len(before) == len(after)
    old, new = (np.frombuffer(data, np.uint8) for data in (before, after))
    differs = old != new
    inside = np.zeros((report.frames, report.channels, width), bool)
    for cut in report.outcome.cuts:
        inside[cut.start : cut.stop, cut.channel] = True
    stop = start + inside.size
    assert not differs[:start].any()
    assert not differs[stop:].any()
    assert not (differs[start:stop] & ~inside.ravel()).any()
    assert (differs[start:stop] & inside.ravel()).any()


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("extensible", [False, True])
@pytest.mark.parametrize("encoding", TAGS)
def test_every_byte_of_a_wav_is_as_it_was_outside_the_cuts(
    tmp_path: Path, encoding: str, extensible: bool, fill: Any
) -> None:
    samples = a_call("159*")[:-1] if WIDTHS[encoding] % 2 else a_call("159*")
    samples = samples[: len(samples) // 2 * 2 - 1]  # an odd number: data of odd length is padded
    data, start = wav_bytes(payload_of(samples, encoding), fmt_chunk(encoding, 1, extensible=extensible))
    (tmp_path / "in.wav").write_bytes(data)
    report = redact_file(tmp_path / "in.wav", tmp_path / "out.wav", fill=fill)
    check_bytes(data, (tmp_path / "out.wav").read_bytes(), report, start, WIDTHS[encoding])
    assert len(report.outcome.presses) == 4
    assert decode_file(tmp_path / "out.wav", profile="sensitive") == []
    assert (tmp_path / "in.wav").read_bytes() == data


@pytest.mark.parametrize("encoding", TAGS)
def test_channels_are_cut_each_in_its_own_bytes(tmp_path: Path, encoding: str) -> None:
    keyed = a_call("15")
    samples = np.stack([keyed, a_call("", seed=3)[: len(keyed)], 0.5 * keyed], axis=1)
    data, start = wav_bytes(payload_of(samples, encoding), fmt_chunk(encoding, 3))
    (tmp_path / "in.wav").write_bytes(data)
    report = redact_file(tmp_path / "in.wav", tmp_path / "out.wav", own_channel=True)
    check_bytes(data, (tmp_path / "out.wav").read_bytes(), report, start, WIDTHS[encoding])
    assert {cut.channel for cut in report.outcome.cuts} == {0, 2}


def test_rf64_and_rifx_are_patched_in_place(tmp_path: Path) -> None:
    samples = a_call("159")
    payload = payload_of(samples, "s16")
    sizes = struct.pack("<QQQI", len(payload) + 100, len(payload), len(samples), 0)
    rf64 = b"RF64\xff\xff\xff\xffWAVE" + chunk(b"ds64", sizes) + fmt_chunk("s16", 1) + b"data\xff\xff\xff\xff"
    swapped = np.frombuffer(payload, "<i2").astype(">i2").tobytes()
    rifx = b"RIFX" + struct.pack(">I", len(swapped) + 36) + b"WAVE" + fmt_chunk("s16", 1, order=">") + b"data"
    rifx += struct.pack(">I", len(swapped))
    for front, body in ((rf64, payload), (rifx, swapped)):
        (tmp_path / "in.wav").write_bytes(front + body)
        report = redact_file(tmp_path / "in.wav", tmp_path / "out.wav", replace=True)
        check_bytes(front + body, (tmp_path / "out.wav").read_bytes(), report, len(front), 2)
        assert decode_file(tmp_path / "out.wav", profile="sensitive") == []


@pytest.mark.parametrize("declared", [0, 0xFFFFFFFF])
def test_a_wav_that_does_not_know_its_length_is_redacted_to_its_end(tmp_path: Path, declared: int) -> None:
    payload = payload_of(a_call("159"), "s16")
    front = (
        b"RIFF" + struct.pack("<I", declared) + b"WAVE" + fmt_chunk("s16", 1) + b"data" + struct.pack("<I", declared)
    )
    (tmp_path / "in.wav").write_bytes(front + payload)
    report = redact_file(tmp_path / "in.wav", tmp_path / "out.wav")
    check_bytes(front + payload, (tmp_path / "out.wav").read_bytes(), report, len(front), 2)


@pytest.mark.parametrize("subtype", ["pcm8", "pcm16", "pcm24", "pcm32", "float", "double", "mulaw", "alaw"])
@pytest.mark.parametrize("ending", ["aiff", "au"])
def test_aiff_and_au_keep_every_other_byte(tmp_path: Path, ending: str, subtype: str) -> None:
    before, after = tmp_path / f"in.{ending}", tmp_path / f"out.{ending}"
    write_audio(before, a_call("159"), 8000, subtype=subtype)
    report = redact_file(before, after)
    old, new = (np.frombuffer(path.read_bytes(), np.uint8) for path in (before, after))
    assert len(old) == len(new)
    width = {"pcm16": 2, "pcm24": 3, "pcm32": 4, "float": 4, "double": 8}.get(subtype, 1)
    touched = np.flatnonzero(old != new)
    cuts = report.outcome.cuts
    assert touched[0] >= width * cuts[0].start
    assert (touched[-1] - touched[0]) <= width * (cuts[-1].stop - cuts[0].start)
    assert decode_file(after, profile="sensitive") == []


def test_a_little_endian_aiff_is_patched_in_its_own_order(tmp_path: Path) -> None:
    pcm = np.rint(a_call("159") * 2**15).astype(np.int16)
    sf.write(tmp_path / "in.aiff", pcm, 8000, subtype="PCM_16", endian="LITTLE")
    redact_file(tmp_path / "in.aiff", tmp_path / "out.aiff")
    assert decode_file(tmp_path / "out.aiff", profile="sensitive") == []


@pytest.mark.parametrize("subtype", ["PCM_S8", "PCM_16", "PCM_24"])
def test_a_flac_keeps_its_samples_its_subtype_and_its_metadata(tmp_path: Path, subtype: str) -> None:
    samples = a_call("159")
    with sf.SoundFile(tmp_path / "in.flac", "w", 8000, 1, subtype, format="FLAC") as file:
        file.title, file.artist, file.comment = "A call", "Somebody", "kept"
        file.write(samples)
    report = redact_file(tmp_path / "in.flac", tmp_path / "out.flac", fill="noise")
    before, after = read_audio(tmp_path / "in.flac")[0], read_audio(tmp_path / "out.flac")[0]
    result = RedactedAudio(samples=after, samplerate=8000, outcome=report.outcome)
    assert not changed(before, result).any()
    assert decode_file(tmp_path / "out.flac", profile="sensitive") == []
    with sf.SoundFile(tmp_path / "out.flac") as made, sf.SoundFile(tmp_path / "in.flac") as original:
        assert made.subtype == original.subtype == subtype
        assert made.copy_metadata() == original.copy_metadata()
        assert made.frames == original.frames


def test_raw_samples_are_redacted_in_every_encoding(tmp_path: Path) -> None:
    for encoding in RAW_ENCODINGS:
        data = encode_pcm(a_call("15"), encoding).tobytes()
        (tmp_path / "in.raw").write_bytes(data)
        raw = RawFormat(encoding=encoding, samplerate=8000)
        report = redact_file(tmp_path / "in.raw", tmp_path / "out.raw", raw=raw, replace=True)
        check_bytes(data, (tmp_path / "out.raw").read_bytes(), report, 0, len(data) // report.frames)
        assert decode_file(tmp_path / "out.raw", raw=raw, profile="sensitive") == []


def test_a_recording_longer_than_a_block_is_cut_as_its_array(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pcm = np.rint(a_call() * 2**15).astype(np.int16)
    monkeypatch.setattr(redaction_files, "BLOCK_FRAMES", 777)
    write_audio(tmp_path / "in.wav", pcm, 8000)
    redact_file(tmp_path / "in.wav", tmp_path / "out.wav", fill="noise")
    np.testing.assert_array_equal(read_audio(tmp_path / "out.wav")[0][:, 0], redact(pcm, 8000, fill="noise").samples)


def test_without_a_press_the_copy_is_byte_for_byte(tmp_path: Path) -> None:
    write_audio(tmp_path / "in.flac", a_call(""), 8000)
    for name in (tmp_path / "in.flac", SAMPLES / "no_tones.wav"):
        report = redact_file(name, tmp_path / "out", replace=True)
        assert (tmp_path / "out").read_bytes() == name.read_bytes()
        assert report.source_sha256 == report.target_sha256


# --- refusals ----------------------------------------------------------------------------------------------------


def refusal(source: Path | str, target: Path | str, **settings: Any) -> str:
    with pytest.raises((AudioFileError, RedactionError)) as refused:
        redact_file(source, target, **settings)
    return str(refused.value)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a recording in it."""
    monkeypatch.chdir(tmp_path)
    write_audio("in.wav", a_call("159"), 8000)
    return tmp_path


LOSSY = "which is lossy: encoding it again would change every sample, not the digits alone; "
CONVERT = "convert it to a WAV of PCM first, then redact that and delete this"


@pytest.mark.parametrize(
    ("name", "subtype", "kind"),
    [
        ("in.ogg", None, "Ogg Vorbis"),
        ("in.opus", None, "Opus"),
        ("in.mp3", None, "MP3"),
        ("gsm.wav", "gsm", "GSM"),
        ("ima.wav", "ima-adpcm", "ADPCM"),
    ],
)
def test_lossy_formats_are_refused(folder: Path, name: str, subtype: str | None, kind: str) -> None:
    write_audio(name, a_call("159"), 8000, subtype=subtype)
    assert refusal(name, "out.wav") == f"{name}: is {kind}, {LOSSY}{CONVERT}"
    assert sorted(path.name for path in folder.iterdir()) == sorted({"in.wav", name})


def test_other_containers_are_refused(folder: Path) -> None:
    for subtype in ("PCM_16", "ALAC_16"):
        sf.write("in.caf", a_call("159"), 8000, subtype=subtype)
        assert refusal("in.caf", "out.wav") == f"in.caf: is CAF, which is not changed in places; {CONVERT}"


def test_what_exists_is_not_replaced_unless_asked(folder: Path) -> None:
    Path("out.wav").write_bytes(b"precious")
    expected = "out.wav: exists already; give another name, or replace it with replace=True (--force)"
    assert refusal("in.wav", "out.wav") == expected
    assert Path("out.wav").read_bytes() == b"precious"
    redact_file("in.wav", "out.wav", replace=True)
    assert decode_file("out.wav", profile="sensitive") == []


def test_what_comes_into_being_meanwhile_is_not_replaced(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = redaction_files.settle

    def settle_and_write(*arguments: Any) -> Any:
        Path("out.wav").write_bytes(b"precious")
        return whole(*arguments)

    monkeypatch.setattr(redaction_files, "settle", settle_and_write)
    assert refusal("in.wav", "out.wav").startswith("out.wav: exists already; ")
    assert Path("out.wav").read_bytes() == b"precious"
    assert sorted(path.name for path in folder.iterdir()) == ["in.wav", "out.wav"]


def test_the_recording_itself_is_replaced_only_if_asked(folder: Path) -> None:
    before = Path("in.wav").read_bytes()
    Path("link.wav").symlink_to("in.wav")
    for name in ("in.wav", "./in.wav", "link.wav"):
        expected = f"{name}: is the recording itself; give another name, or replace it with replace=True (--force)"
        assert refusal("in.wav", name) == expected
    assert Path("in.wav").read_bytes() == before
    report = redact_file("in.wav", "link.wav", replace=True)
    assert Path("link.wav").is_symlink()
    assert decode_file("in.wav", profile="sensitive") == []
    assert report.source_sha256 != report.target_sha256


def test_targets_that_cannot_be_are_refused(folder: Path) -> None:
    assert refusal("in.wav", folder) == f"{folder}: is a directory; give the path of a file in it"
    nowhere = folder / "nowhere" / "out.wav"
    assert refusal("in.wav", nowhere) == f"{nowhere}: directory {str(nowhere.parent)!r} does not exist; create it first"
    if Path("/dev/null").exists():
        expected = "/dev/null: is no regular file; give the path of one, or - for standard output"
        assert refusal("in.wav", "/dev/null") == expected


@pytest.mark.parametrize(("ending", "promised"), [("flac", "FLAC"), ("MP3", "MP3"), ("aif", "AIFF"), ("au", "AU")])
def test_a_target_with_the_ending_of_another_format_is_refused(folder: Path, ending: str, promised: str) -> None:
    assert refusal("in.wav", f"out.{ending}") == (
        f"out.{ending}: its ending says {promised}, and it would hold WAV, as in.wav does; end its name in .wav, "
        "and convert it afterwards"
    )
    assert [path.name for path in folder.iterdir()] == ["in.wav"]


def test_a_target_may_have_an_ending_that_says_nothing_or_that_of_the_source(folder: Path) -> None:
    Path("in.wav").rename("in.flac")  # is none
    for name in ("out.wave", "out.bak", "out", "out.flac"):
        assert redact_file("in.flac", name).outcome.cuts
    raw = RawFormat(encoding="s16le", samplerate=8000)
    write_audio("in.raw", a_call("159"), 8000)
    assert redact_file("in.raw", "out.pcm", raw=raw).outcome.cuts
    assert "would hold raw samples, as in.raw does" in refusal("in.raw", "other.wav", raw=raw)


def test_a_recording_that_changes_meanwhile_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = redaction_files.settle

    def settle_and_touch(*arguments: Any) -> Any:
        os.utime("in.wav", ns=(1, 1))
        return whole(*arguments)

    monkeypatch.setattr(redaction_files, "settle", settle_and_touch)
    expected = "in.wav: changed while it was read; wait until it is finished, or redact a copy of it"
    assert refusal("in.wav", "out.wav") == expected
    assert [path.name for path in folder.iterdir()] == ["in.wav"]


def test_audio_after_the_samples_that_are_declared_is_refused(folder: Path) -> None:
    payload = payload_of(a_call("159"), "s16")
    front = b"RIFF" + struct.pack("<I", 8036) + b"WAVE" + fmt_chunk("s16", 1) + b"data" + struct.pack("<I", 8000)
    Path("cut.wav").write_bytes(front + payload)
    count = len(payload) - 8000
    assert refusal("cut.wav", "out.wav") == (
        f"cut.wav: {count} bytes after its samples may be audio in which no digit would be found; correct the lengths in "
        "its header first (sox --ignore-length)"
    )
    second = chunk(b"data", payload)
    Path("two.wav").write_bytes(front + payload[:8000] + second)
    assert f"{len(second)} bytes after its samples" in refusal("two.wav", "out.wav")
    Path("zeros.wav").write_bytes(front + payload[:8000] + bytes(4096))
    redact_file("zeros.wav", "out.wav")
    Path("stray.wav").write_bytes(front + payload[:8000] + b" ")
    redact_file("stray.wav", "out.wav", replace=True)


def test_what_is_no_audio_is_refused_as_elsewhere(folder: Path) -> None:
    Path("empty.wav").write_bytes(b"")
    expected = "empty.wav: is empty, 0 bytes; check the program that should have written it"
    assert refusal("empty.wav", "out.wav") == expected
    Path("none.wav").write_bytes(wav_bytes(b"", fmt_chunk("s16", 1))[0])
    expected = "none.wav: holds no samples; check the program that should have written them"
    assert refusal("none.wav", "out.wav") == expected
    Path("text.wav").write_bytes(b"not audio at all, but text")
    assert refusal("text.wav", "out.wav").startswith("text.wav: not an audio file that can be read: ")
    fast = fmt_chunk("s16", 1).replace(struct.pack("<I", 8000), struct.pack("<I", 300_000))
    Path("fast.wav").write_bytes(wav_bytes(bytes(100), fast)[0])
    assert refusal("fast.wav", "out.wav").startswith(
        "fast.wav: sample rate is 300000; it must be a whole number of Hz "
    )
    assert refusal("gone.wav", "out.wav") == "gone.wav: there is no such file; check the path"
    assert not Path("out.wav").exists()


def test_a_file_that_breaks_off_is_refused_or_taken_as_far_as_it_goes(folder: Path) -> None:
    data = Path("in.wav").read_bytes()
    Path("short.wav").write_bytes(data[:-2000])
    assert refusal("short.wav", "out.wav").startswith("short.wav: its header declares ")
    report = redact_file("short.wav", "out.wav", partial=True)
    check_bytes(data[:-2000], Path("out.wav").read_bytes(), report, 44, 2)


def test_a_press_that_is_left_leaves_no_output(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = redaction_files.iter_reader

    def hears_more(reader: Any, **settings: Any) -> Any:
        yield from whole(reader, **settings)
        if not settings.get("explain"):
            yield a_tone("7", 1000)

    monkeypatch.setattr(redaction_files, "iter_reader", hears_more)
    assert refusal("in.wav", "out.wav").startswith("1 press is still heard after 5 rounds of cutting, at 0.125 s; ")
    assert [path.name for path in folder.iterdir()] == ["in.wav"]


def test_a_sample_that_changed_and_should_not_have_leaves_no_output(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = redaction_files.Patched.replaced

    def spoiled(self: Any, payload: bytes, *arguments: Any) -> bytes:
        made = bytearray(whole(self, payload, *arguments))
        made[-1] ^= 1
        return bytes(made)

    monkeypatch.setattr(redaction_files.Patched, "replaced", spoiled)
    at = (len(read_audio("in.wav")[0]) - 1) / 8000
    expected = f"in.wav: what was written differs from it at {at:.3f} s, outside of all cuts; {CONVERT}"
    assert refusal("in.wav", "out.wav") == expected
    assert [path.name for path in folder.iterdir()] == ["in.wav"]


@posix
def test_the_copy_may_be_read_by_whom_the_recording_may_be(folder: Path) -> None:
    Path("in.wav").chmod(0o640)
    redact_file("in.wav", "out.wav")
    assert stat.S_IMODE(Path("out.wav").stat().st_mode) == 0o640


@posix
def test_what_is_unfinished_can_be_read_by_its_owner_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, int]] = []
    whole = redaction_files._Job._verify

    def look(self: Any, cuts: Any) -> Any:
        seen.extend((path.name, stat.S_IMODE(path.stat().st_mode)) for path in folder.glob(".dtmf-audio-*"))
        return whole(self, cuts)

    monkeypatch.setattr(redaction_files._Job, "_verify", look)
    redact_file("in.wav", "out.wav")
    ((name, mode),) = seen
    assert mode == 0o600
    assert "in" not in name.removeprefix(".dtmf-audio-")


# --- the command -------------------------------------------------------------------------------------------------


@pytest.fixture
def dtmf(folder: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: Any) -> Callable[..., tuple[int, bytes, str]]:
    """Run a command beside the recording."""

    def run(*arguments: str, stdin: bytes = b"") -> tuple[int, bytes, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capfdbinary.readouterr()
        status = cli.main(arguments)
        captured = capfdbinary.readouterr()
        return status, captured.out, captured.err.decode()

    return run


def digests(text: str) -> str:
    """The text with its hashes taken out."""
    words = text.replace('"', " ").replace(",", " ").split()
    for word in words:
        if len(word) == 64:
            text = text.replace(word, "HASH")
    return text


def test_the_report_says_where_and_how_much(dtmf: Callable[..., Any]) -> None:
    write_audio("in.wav", render("15w9", 8000, lead_ms=1000.0, delay_ms=100.0).samples, 8000)
    status, out, err = dtmf("redact", "in.wav", "-o", "out.wav", "--own-channel")
    assert (status, err) == (0, "")
    assert digests(out.decode()) == (
        "in.wav: 3 presses cut in 2 places, replaced by silence\n"
        "  0.960 s to 1.340 s, channel 0, 2 presses\n"
        "  1.860 s to 2.000 s, channel 0, 1 press\n"
        "sha256 of in.wav: HASH\n"
        "sha256 of out.wav: HASH\n"
    )


@pytest.mark.parametrize("options", [[], ["--json", "-"], ["--only", "pan"]])
def test_the_report_is_the_same_whatever_the_digits(dtmf: Callable[..., Any], options: list[str]) -> None:
    told = []
    for keys in ("4111111111111111", "5105105105105100"):
        write_audio("call.wav", render(keys, 8000, lead_ms=500.0, tail_ms=500.0).samples, 8000)
        status, out, err = dtmf("redact", "call.wav", "-o", "out.wav", "--force", *options)
        assert (status, err) == (0, "")
        told.append(digests(out.decode()))
    assert told[0] == told[1]


def test_digits_are_told_if_asked(dtmf: Callable[..., Any]) -> None:
    out = dtmf("redact", "in.wav", "-o", "out.wav", "--no-mask")[1].decode()
    assert out.splitlines()[1].endswith("3 presses: 159")
    out = dtmf("redact", "in.wav", "-o", "out.wav", "--no-mask", "--json", "-", "--force")[1].decode()
    assert [press["key"] for press in json.loads(out)["presses"]] == ["1", "5", "9"]


def test_the_json_report_is_complete(dtmf: Callable[..., Any]) -> None:
    status, out, err = dtmf("redact", "in.wav", "-o", "out.wav", "--json", "report.json", "--fill", "beep")
    assert (status, err) == (0, "")
    assert out.startswith(b"in.wav: 3 presses cut")
    report = json.loads(Path("report.json").read_text())
    assert report["output_sha256"] == hashlib.sha256(Path("out.wav").read_bytes()).hexdigest()
    assert report["input_sha256"] == hashlib.sha256(Path("in.wav").read_bytes()).hexdigest()
    assert (report["fill"], report["guard_ms"], report["echo_ms"], report["only"]) == ("beep", 40.0, 300.0, None)
    assert (report["rounds"], report["kept"], len(report["presses"])) == (1, 0, 3)
    (cut,) = report["cuts"]
    assert cut == {
        "channel": 0,
        "start_s": cut["start_sample"] / 8000,
        "stop_s": cut["stop_sample"] / 8000,
        "duration_ms": (cut["stop_sample"] - cut["start_sample"]) / 8,
        "start_sample": cut["start_sample"],
        "stop_sample": cut["stop_sample"],
        "presses": 3,
    }


def test_without_a_press_it_says_so_and_exits_with_1(dtmf: Callable[..., Any]) -> None:
    write_audio("talk.wav", a_call(""), 8000)
    status, out, err = dtmf("redact", "talk.wav", "-o", "out.wav")
    assert (status, err) == (1, "")
    assert out.decode().splitlines()[0] == "talk.wav: no press found; out.wav is the same byte for byte"
    status, out, err = dtmf("redact", "in.wav", "-o", "pan.wav", "--only", "pan")
    assert (status, err) == (1, "")
    expected = "in.wav: nothing that may be a card number found, 3 presses left; pan.wav is the same byte for byte"
    assert out.decode().splitlines()[0] == expected


def test_standard_input_and_output_are_taken(dtmf: Callable[..., Any], folder: Path) -> None:
    data = Path("in.wav").read_bytes()
    status, out, err = dtmf("redact", "-", "-o", "-", stdin=data)
    assert status == 0
    assert err.startswith("standard input: 3 presses cut in 1 place, replaced by silence\n")
    Path("piped.wav").write_bytes(out)
    redact_file("in.wav", "out.wav")
    assert out == Path("out.wav").read_bytes()
    status, _, err = dtmf("redact", "-", "-o", "x.wav", stdin=data)
    assert (status, err) == (0, "")
    assert Path("x.wav").read_bytes() == out
    assert sorted(path.name for path in folder.iterdir()) == ["in.wav", "out.wav", "piped.wav", "x.wav"]


def test_only_wav_is_taken_from_a_pipe(dtmf: Callable[..., Any]) -> None:
    write_audio("in.flac", a_call("1"), 8000)
    expected = "standard input: is no WAV, and no other format is taken from a pipe; give it as a file"
    assert dtmf("redact", "-", "-o", "x.wav", stdin=Path("in.flac").read_bytes()) == (
        2,
        b"",
        f"dtmf-audio: error: {expected}\n",
    )
    write_audio("gsm.wav", a_call("1"), 8000, subtype="gsm")
    expected = f"standard input: is a WAV that is not PCM, float, µ-law or A-law; {CONVERT}"
    assert (
        dtmf("redact", "-", "-o", "x.wav", stdin=Path("gsm.wav").read_bytes())[2] == f"dtmf-audio: error: {expected}\n"
    )


@posix
def test_a_fifo_is_read_as_a_pipe(dtmf: Callable[..., Any]) -> None:
    os.mkfifo("pipe")
    data = Path("in.wav").read_bytes()
    writer = threading.Thread(target=lambda: Path("pipe").write_bytes(data))
    writer.start()
    status, out, err = dtmf("redact", "pipe", "-o", "out.wav")
    writer.join()
    assert (status, err) == (0, "")
    assert out.startswith(b"pipe: 3 presses cut in 1 place, ")


@posix
def test_a_full_disk_leaves_no_output(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    expected = (
        "out.wav: cannot be written (No space left on device); free space, change permissions, or write elsewhere"
    )
    assert refusal("in.wav", "out.wav") == expected
    assert [path.name for path in folder.iterdir()] == ["in.wav"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("redact in.wav", "the following arguments are required: -o/--output"),
        ("redact in.wav -o - --json -", "argument --json: standard output is where the audio goes; give a file"),
        ("redact in.wav -o x.wav --json in.wav", "argument --json: in.wav is a recording; give another file"),
        ("redact in.wav -o x.wav --seed -1", "argument --seed: -1 is negative; a seed is 0 or more"),
        (
            "redact in.wav -o x.wav --samplerate 8000",
            "argument --samplerate: is for audio without a header; give --raw too, or leave --samplerate out",
        ),
        ("redact in.wav -o x.wav --raw s16le", "argument --raw: the rate must be given too, such as --samplerate 8000"),
        ("redact in.wav -o x.wav --guard-ms 5", "--guard-ms is 5.0; it must be a number from 10 to 1000"),
    ],
)
def test_usage_errors_name_the_argument(dtmf: Callable[..., Any], arguments: str, message: str) -> None:
    status, out, err = dtmf(*arguments.split())
    assert (status, out) == (2, b"")
    assert err.endswith(f"error: {message}\n")
    assert not Path("x.wav").exists()


@pytest.mark.usefixtures("folder")
def test_progress_is_shown_on_a_terminal_and_erased_before_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_console, "PROGRESS_AFTER_S", 0.0)
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setattr(sys, "stdout", terminal)  # as both are, mostly
    assert cli.main(["redact", "in.wav", "-o", "out.wav"]) == 0
    bars, _, report = terminal.getvalue().rpartition("\r\x1b[K")
    assert f"\rin.wav: searching [{'#' * 30}] 3 s of 3 s\x1b[K" in bars
    assert f"\rin.wav: checking [{'#' * 30}] 3 s of 3 s\x1b[K" in bars
    assert report.startswith("in.wav: ")


def test_help_names_the_choices_and_defaults_of_the_library() -> None:
    assert list(cli_redact.FILLS) == list(get_args(redaction.Fill))
    help_text = Path(cli_redact.__file__).read_text()
    assert f"(default: {redaction.GUARD_MS:g})" in help_text
    assert f"(default: {redaction.ECHO_MS:g})" in help_text
    assert f"(default: {redaction.JOIN_MS:g})" in help_text
