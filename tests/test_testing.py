"""assert_dtmf: what it takes, what it says, and where it points."""

from __future__ import annotations

import enum
import functools
import io
import os
import re
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dtmf_audio import (
    AudioFileError,
    InvalidSettingError,
    InvalidSignalError,
    InvalidToneError,
    Press,
    RenderedTone,
    Tone,
    decode,
    keys_of,
    render,
    testing,
)
from dtmf_audio.audio_io import write_audio
from dtmf_audio.profiles import DEFAULT, PROFILES
from dtmf_audio.signals import to_pcm16
from dtmf_audio.testing import assert_dtmf
from dtmf_audio.tones import KEY_TONES

ROOT = Path(__file__).resolve().parents[1]
CALL = render("123#", 8000, lead_ms=100, tail_ms=100)  # starts: 0.1, 0.3, 0.5 and 0.7 s
SILENCE = np.zeros(16_000)
WEAK_3 = [Tone.TONE1, Tone.TONE2, Press(tone=Tone.TONE3, level_dbm0=-20, twist_db=8), Tone.POUND]


class SdkTone(str, enum.Enum):  # noqa: UP042
    """Like ``msgraph.generated.models.tone.Tone``, which is a ``str`` enum too."""

    Tone1 = "tone1"
    Tone2 = "tone2"
    Tone3 = "tone3"
    Pound = "pound"


SDK_NAMES = [SdkTone.Tone1, SdkTone.Tone2, SdkTone.Tone3, SdkTone.Pound]


def message_of(audio, expected, **arguments):
    with pytest.raises(AssertionError) as caught:
        assert_dtmf(audio, expected, **arguments)
    return str(caught.value)


def words(text):
    """A message, as it is written in a test."""
    return textwrap.dedent(text).strip("\n")


def differences(message):
    """Of every row that has a note: what was expected, what was heard, and the note."""
    rows = [
        (line[2:10].strip(), line[12:17].strip(), line[17:]) for line in message.splitlines()[2:] if "…" not in line
    ]
    noted = ((left, right, re.match(r" *(?:[\d.]+ s)? *(.*)", rest).group(1)) for left, right, rest in rows)
    return [(left, right, note) for left, right, note in noted if note]


@pytest.fixture
def call_wav(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_audio("call.wav", CALL.samples, CALL.samplerate)
    return Path("call.wav")


# What it takes


def test_takes_a_path_of_every_kind(call_wav):
    for audio in (call_wav, str(call_wav), io.BytesIO(call_wav.read_bytes())):
        assert keys_of(tone.tone for tone in assert_dtmf(audio, "123#")) == "123#"


def test_takes_other_containers(tmp_path):
    path = tmp_path / "call.flac"
    write_audio(path, CALL.samples, CALL.samplerate)
    assert_dtmf(path, "123#", samplerate=8000)


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32, np.float64])
def test_takes_arrays(dtype):
    scale = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1
    assert_dtmf((CALL.samples * scale).astype(dtype), "123#", samplerate=8000)


def test_takes_one_channel_of_several_and_looks_at_no_other():
    both = np.stack([CALL.samples, SILENCE[: len(CALL.samples)]], axis=1)
    assert_dtmf(both, "123#", samplerate=8000)
    assert_dtmf(both, "", samplerate=8000, channel=1)
    assert_dtmf(ROOT / "samples" / "two_parties.wav", "13579*ABCD")
    assert_dtmf(ROOT / "samples" / "two_parties.wav", "2468013#97", channel=1)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_takes_bytes(kind):
    assert_dtmf(kind(to_pcm16(CALL.samples).astype("<i2").tobytes()), "123#", samplerate=8000)


def test_takes_a_rendering_and_returns_what_decode_does():
    assert assert_dtmf(CALL, "123#") == decode(CALL.samples, CALL.samplerate)


@pytest.mark.parametrize(
    "expected",
    [
        "123#",
        "(1) 2-3.#",
        [Tone.TONE1, Tone.TONE2, Tone.TONE3, Tone.POUND],
        iter(["tone1", "tone2", "tone3", "pound"]),
        SDK_NAMES,
        CALL,
        CALL.tones,
        decode(CALL.samples, CALL.samplerate),
    ],
)
def test_takes_every_kind_of_expectation(expected):
    assert_dtmf(CALL, expected)


@pytest.mark.parametrize("expected", [Tone.TONE1, SdkTone.Tone1, ["tone1"]])
def test_one_tone_needs_no_list(expected):
    assert_dtmf(render("1", 8000), expected)


@pytest.mark.parametrize("expected", ["", [], " - "])
def test_empty_means_no_tone(expected):
    assert assert_dtmf(SILENCE, expected, samplerate=8000) == []


def test_places_of_a_rendering_are_at_its_own_rate():
    assert_dtmf(render("123#", 16_000, lead_ms=100), CALL, within_ms=2)


def test_a_profile_is_taken_by_name_and_whole():
    weak = render(WEAK_3, 8000)
    assert_dtmf(weak, "12#", profile="att")
    assert_dtmf(weak, "12#", profile=PROFILES["att"])
    assert_dtmf(weak, "123#", profile=DEFAULT)


def test_within_ms_is_a_limit_on_both_sides():
    later = render("123#", 8000, lead_ms=150)
    assert_dtmf(later, CALL, within_ms=50)
    assert_dtmf(CALL, later, within_ms=50)
    assert_dtmf(CALL, "123#", within_ms=700)
    for audio, expected, within_ms in ((later, CALL, 49), (CALL, later, 49), (CALL, "123#", 699)):
        with pytest.raises(AssertionError):
            assert_dtmf(audio, expected, within_ms=within_ms)


# What it says


def test_says_what_is_wrong_late_and_extra_in_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    keys = [Tone.TONE1, Tone.TONE2, Press(tone=Tone.TONE2, delay_ms=1300), Tone.POUND, Tone.TONE5]
    write_audio("call.wav", render(keys, 8000, lead_ms=100).samples, 8000)
    assert message_of("call.wav", "123#", within_ms=1500) == words(
        """
        DTMF differs: expected 1 2 3 #, heard 1 2 2 # 5 (call.wav, channel 0)
          expected  heard   at
          1         1      0.100 s
          2         2      0.300 s
          3         2      0.500 s   wrong: expected 3
          #         #      1.900 s   late: 400 ms after 1.500 s
                    5      2.100 s   extra
        """
    )


def test_says_what_is_missing_and_that_nothing_like_it_was_there():
    assert message_of(CALL, "0129*3#A") == words(
        """
        DTMF differs: expected 0 1 2 9 * 3 # A, heard 1 2 3 # (rendering, channel 0)
          expected  heard   at
          0                          missing; nothing like it before 0.100 s
          1         1      0.100 s
          2         2      0.300 s
          9                          missing; nothing like it between 0.400 s and 0.500 s
          *                          missing; nothing like it between 0.400 s and 0.500 s
          3         3      0.500 s
          #         #      0.700 s
          A                          missing; nothing like it after 0.800 s
        """
    )


def test_says_why_a_near_miss_was_refused():
    weak = render(WEAK_3, 8000, lead_ms=100)
    assert message_of(weak.samples, "123#", samplerate=8000, profile="att") == words(
        """
        DTMF differs: expected 1 2 3 #, heard 1 2 # (array, channel 0, profile att)
          expected  heard   at
          1         1      0.100 s
          2         2      0.300 s
          3                          missing; near miss at 0.500 s: the high group is 8.0 dB louder than the low group, at most 6.0 dB is allowed
          #         #      0.700 s
        """
    )


def test_says_where_a_missing_tone_should_have_been():
    short = render(["tone1", Press(tone=Tone.TONE2, on_ms=20), "tone3"], 8000, lead_ms=100)
    assert message_of(short, short) == words(
        """
        DTMF differs: expected 1 2 3, heard 1 3 (rendering, channel 0)
          expected  heard   at
          1         1      0.100 s
          2                          missing at 0.300 s; near miss at 0.300 s: on for 20.2 ms, at least 27.0 ms are wanted
          3         3      0.420 s
        """
    )


def test_says_which_key_a_near_miss_looked_like():
    short = render(["tone1", Press(tone=Tone.TONE2, on_ms=20), "tone3"], 8000, lead_ms=100)
    assert differences(message_of(short, "163")) == [
        ("6", "", "missing; near miss, as 2, at 0.300 s: on for 20.2 ms, at least 27.0 ms are wanted")
    ]


def test_a_near_miss_tells_which_of_equal_keys_is_missing():
    short = render(["tone5", Press(tone=Tone.TONE5, on_ms=20), "tone5"], 8000, lead_ms=100)
    assert message_of(short, "555") == words(
        """
        DTMF differs: expected 5 5 5, heard 5 5 (rendering, channel 0)
          expected  heard   at
          5         5      0.100 s
          5                          missing; near miss at 0.300 s: on for 20.1 ms, at least 27.0 ms are wanted
          5         5      0.420 s
        """
    )


def test_each_missing_tone_has_a_near_miss_of_its_own():
    short = render(["tone1", "tone2", "tone3"], 8000, on_ms=20, lead_ms=100, tail_ms=100)
    found = differences(message_of(short, "321"))
    assert [re.search(r"near miss(?:, as .,)? at (\S+) s", note).group(1) for _, _, note in found] == [
        "0.340",
        "0.220",
        "0.100",
    ]


def test_says_what_is_late_and_early_of_places():
    moved = [
        RenderedTone(tone=tone.tone, start=tone.start + shift, stop=tone.stop)
        for tone, shift in zip(CALL.tones, (0, 320, -400, 0), strict=True)
    ]
    assert message_of(CALL, moved, within_ms=20) == words(
        """
        DTMF differs: expected 1 2 3 #, heard 1 2 3 # (rendering, channel 0)
          expected  heard   at
          1         1      0.100 s
          2         2      0.300 s   early: 40 ms before 0.340 s, at most 20 ms is allowed
          3         3      0.500 s   late: 50 ms after 0.450 s, at most 20 ms is allowed
          #         #      0.700 s
        """
    )


def test_times_are_told_apart_from_their_limit():
    message = message_of(CALL, render("123#", 8000, lead_ms=150.25), within_ms=50)
    assert differences(message)[0] == ("1", "1", "early: 50.2 ms before 0.150 s, at most 50 ms is allowed")
    assert differences(message_of(CALL, "123#", within_ms=699.875))[0][2] == "late: 0.1 ms after 0.700 s"


def test_a_wrong_tone_may_be_late_too():
    assert differences(message_of(CALL, "1239", within_ms=600)) == [
        ("9", "#", "wrong: expected 9; late: 100 ms after 0.600 s")
    ]


def test_says_what_is_there_though_nothing_should_be():
    assert message_of(to_pcm16(render("55", 8000, lead_ms=100).samples).tobytes(), "", samplerate=8000) == words(
        """
        DTMF differs: expected no tones, heard 5 5 (bytes, channel 0)
          expected  heard   at
                    5      0.100 s   extra
                    5      0.300 s   extra
        """
    )


def test_says_that_nothing_was_heard_and_in_how_much():
    assert message_of(SILENCE, "12", samplerate=8000) == words(
        """
        DTMF differs: expected 1 2, heard nothing in 2.000 s (array, channel 0)
          expected  heard
          1                   missing; nothing like it anywhere
          2                   missing; nothing like it anywhere
        """
    )


def test_the_length_of_a_file_is_told_too(tmp_path):
    path = tmp_path / "silence.wav"
    write_audio(path, SILENCE, 8000)
    assert message_of(path, "1").startswith(f"DTMF differs: expected 1, heard nothing in 2.000 s ({path}, channel 0)\n")


def test_two_keys_that_changed_places_leave_one_of_them_right():
    assert [row[:2] for row in differences(message_of(render("1324", 8000), "1234"))] == [("2", ""), ("", "2")]


def test_a_long_sequence_shows_only_what_is_near_a_difference():
    keys = "1234567890" * 20
    message = message_of(render(keys, 8000), keys[:100] + "A" + keys[100:150] + "B" + keys[151:199])
    assert message == words(
        """
        DTMF differs: expected 200 tones, heard 200 tones, 3 differences (rendering, channel 0)
          expected  heard   at
          … 98 tones as expected …
          9         9      19.600 s
          0         0      19.800 s
          A                           missing; nothing like it between 19.900 s and 20.000 s
          1         1      20.000 s
          2         2      20.200 s
          … 46 tones as expected …
          9         9      29.600 s
          0         0      29.800 s
          B         1      30.000 s   wrong: expected B
          2         2      30.200 s
          3         3      30.400 s
          … 44 tones as expected …
          8         8      39.400 s
          9         9      39.600 s
                    0      39.800 s   extra
        """
    )


def test_many_differences_are_counted():
    lines = message_of(render("1" * 1000, 8000, on_ms=50, delay_ms=50), "2" * 1000).splitlines()
    assert lines[0] == "DTMF differs: expected 1,000 tones, heard 1,000 tones, 1,000 differences (rendering, channel 0)"
    assert lines[-2:] == ["  2         1       2.900 s   wrong: expected 2", "  … and 970 more differences"]
    assert len(lines) == 33


def test_sequences_too_long_to_align_are_paired_in_order(monkeypatch):
    monkeypatch.setattr(testing, "MAX_CELLS", 0)
    assert [row[:2] for row in differences(message_of(render("1234", 8000), "15674"))] == [
        ("5", "2"),
        ("6", "3"),
        ("7", ""),
    ]
    assert [row[:2] for row in differences(message_of(render("1234", 8000), "14"))] == [("", "2"), ("", "3")]
    assert [row[:2] for row in differences(message_of(render("1111", 8000), "11"))] == [("", "1"), ("", "1")]


# Hypothesis: whatever is rendered is heard, and whatever is edited is named

SEQUENCES = st.lists(st.sampled_from(KEY_TONES), min_size=1, max_size=8)


def rendered(tones):
    return render(tones, 8000, on_ms=50, delay_ms=50, lead_ms=100, tail_ms=50)


@given(SEQUENCES)
@settings(max_examples=40)
def test_what_is_rendered_passes(tones):
    rendering = rendered(tones)
    for expected in (tones, keys_of(tones), rendering, rendering.tones):
        assert [tone.tone for tone in assert_dtmf(rendering, expected)] == tones
    assert_dtmf(rendering, rendering, within_ms=5)


@given(SEQUENCES, st.data())
@settings(max_examples=60)
def test_an_edit_is_named(tones, data):
    rendering = rendered(tones)
    at = data.draw(st.integers(0, len(tones) - 1))
    other = data.draw(st.sampled_from(KEY_TONES))
    assert [row[:2] for row in differences(message_of(rendering, tones[:at] + tones[at + 1 :]))] == [
        ("", tones[at].key)
    ]
    assert [row[:2] for row in differences(message_of(rendering, [*tones[:at], other, *tones[at:]]))] == [
        (other.key, "")
    ]
    if other is not tones[at]:
        assert differences(message_of(rendering, [*tones[:at], other, *tones[at + 1 :]])) == [
            (other.key, tones[at].key, f"wrong: expected {other.key}")
        ]


@given(SEQUENCES, st.data())
@settings(max_examples=60)
def test_with_places_an_edit_is_named_where_it_is(tones, data):
    rendering = rendered(tones)
    places = list(rendering.tones)
    at = data.draw(st.integers(0, len(tones) - 1))
    extra = message_of(rendering, places[:at] + places[at + 1 :], within_ms=data.draw(st.sampled_from([None, 5])))
    (line,) = (line for line in extra.splitlines() if line.endswith("extra"))
    assert line.split()[0] == tones[at].key
    assert abs(float(line.split()[1]) - places[at].start / 8000) < 0.005
    inserted = RenderedTone(tone=tones[at], start=places[at].stop + 200, stop=places[at].stop + 300)
    missing = differences(message_of(rendering, [*places[: at + 1], inserted, *places[at + 1 :]], within_ms=5))
    assert [row[:2] for row in missing] == [(tones[at].key, "")]
    assert missing[0][2].startswith(f"missing at {inserted.start / 8000:.3f} s; ")


def slowest_alignment_cost(wanted, tones, traces, within_ms):
    """Every alignment tried."""

    @functools.cache
    def cost(i, j):
        choices = [0] if (i, j) == (len(wanted), len(tones)) else []
        if i < len(wanted) and j < len(tones):
            choices.append(testing._pair_cost(wanted[i], tones[j], within_ms) + cost(i + 1, j + 1))
        if i < len(wanted):
            choices.append(testing._missing_cost(wanted[i], traces[j]) + cost(i + 1, j))
        if j < len(tones):
            choices.append(testing._EXTRA_COST + cost(i, j + 1))
        return min(choices)

    return cost(0, 0)


@given(
    st.text("12", max_size=12),
    st.text("12", min_size=1, max_size=12),
    st.sampled_from([None, 20.0]),
    st.booleans(),
    st.integers(0, 3000),
)
@settings(max_examples=150)
def test_a_narrow_alignment_costs_no_more_than_the_best_of_all(expected, heard, within_ms, placed, shift):
    tones = decode(rendered([Tone.from_key(key) for key in heard]).samples, 8000)
    wanted = [
        testing._Placed(tone=Tone.from_key(key), place_s=(shift + 800 * k) / 8000 if placed else None)
        for k, key in enumerate(expected)
    ]
    listened = testing._Heard(name="", samplerate=8000, duration_s=0.0, tones=tones, near_misses=[])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(testing, "FIRST_WIDTH", 1)
        pairs = testing._align(wanted, listened, within_ms)
    assert [i for i, _ in pairs if i is not None] == list(range(len(wanted)))
    assert [j for _, j in pairs if j is not None] == list(range(len(tones)))
    total = 0
    for i, j in pairs:
        if i is not None and j is not None:
            total += testing._pair_cost(wanted[i], tones[j], within_ms)
        else:
            total += testing._EXTRA_COST if i is None else testing._missing_cost(wanted[i], set())
    assert total == slowest_alignment_cost(wanted, tones, [set()] * (len(tones) + 1), within_ms)


# What it refuses


@pytest.mark.parametrize(
    ("expected", "error", "message"),
    [
        ("12w3", InvalidToneError, "'w' at position 3 of '12w3' is a pause, which no tone shows; leave it out, and to check when the tones start, expect a Rendering and give within_ms"),
        ("1,2", InvalidToneError, "',' at position 2 of '1,2' is a pause, which no tone shows; leave it out, and to check when the tones start, expect a Rendering and give within_ms"),
        ("12x", InvalidToneError, "'x' at position 3 of '12x' is not a key; the keys are 0-9, *, #, A-D (or a-d), with w and W for pauses of 0.5 and 1 s"),
        (["tone1", "2"], InvalidToneError, "expected[1]: '2' is not a tone name; the names are tone0-tone9, star, pound, a, b, c, d and flash (the key 2 is written 'tone2')"),
        (["tone1", "flash"], InvalidToneError, "expected[1] is a flash, which makes no sound to be heard; leave it out"),
        (["tone1", CALL.tones[1]], InvalidToneError, "expected[0] and expected[1]: one has a place, the other has none; give places for all of the tones, or for none"),
        (123, InvalidToneError, "expected is 123; it must be a dial string such as '123#', tones, or a Rendering ('' if no tone must be heard)"),
        (None, InvalidToneError, "expected is None; it must be a dial string such as '123#', tones, or a Rendering ('' if no tone must be heard)"),
        (b"12", InvalidToneError, "expected is b'12'; it must be a dial string such as '123#', tones, or a Rendering ('' if no tone must be heard)"),
    ],
)  # fmt: skip
def test_refuses_expectations(expected, error, message):
    with pytest.raises(error) as caught:
        assert_dtmf(CALL, expected)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("audio", "arguments", "error", "message"),
    [
        (CALL.samples, {}, InvalidSettingError, "audio is of type ndarray, which carries no sample rate; give samplerate, in Hz"),
        (b"\0\0", {}, InvalidSettingError, "audio is of type bytes, which carries no sample rate; give samplerate, in Hz"),
        (None, {}, InvalidSettingError, "audio is of type NoneType, which carries no sample rate; give samplerate, in Hz"),
        (CALL.samples, {"samplerate": 800}, InvalidSettingError, "sample rate is 800; it must be a whole number of Hz from 4000 to 192000: resample the audio first"),
        (CALL, {"samplerate": 16_000}, InvalidSettingError, "samplerate is 16000, the rendering has 8000 Hz; leave samplerate out"),
        (CALL, {"channel": None}, InvalidSettingError, "channel is None; it must be a whole number, 0 for the first channel"),
        (CALL, {"channel": -1}, InvalidSettingError, "channel is -1; it must be a whole number, 0 for the first channel"),
        (CALL, {"channel": True}, InvalidSettingError, "channel is True; it must be a whole number, 0 for the first channel"),
        (CALL, {"channel": 1}, InvalidSettingError, "channel 1 asked for, the signal has 1 (0 to 0); leave channel out to decode all"),
        (CALL, {"within_ms": -1}, InvalidSettingError, "within_ms is -1; it must be a number of ms, 0 or more, and finite"),
        (CALL, {"within_ms": True}, InvalidSettingError, "within_ms is True; it must be a number of ms, 0 or more, and finite"),
        (CALL, {"within_ms": "50"}, InvalidSettingError, "within_ms is '50'; it must be a number of ms, 0 or more, and finite"),
        (CALL, {"within_ms": float("nan")}, InvalidSettingError, "within_ms is nan; it must be a number of ms, 0 or more, and finite"),
        (CALL, {"profile": "x"}, InvalidSettingError, "profile 'x' is not known; the profiles are " + ", ".join(PROFILES)),
        (b"\0\0\0", {"samplerate": 8000}, InvalidSignalError, "audio is 3 bytes long, no whole number of 16-bit samples; give 16-bit little-endian mono, or an array of another dtype"),
        (b"RIFF\0\0", {"samplerate": 8000}, InvalidSignalError, "audio begins with b'RIFF': it is a whole file, not samples alone; give its path, or io.BytesIO(audio)"),
        (b"", {"samplerate": 8000}, InvalidSignalError, "the signal has no samples; give at least one"),
        (None, {"samplerate": 8000}, InvalidSignalError, "samples are object; they must be int16, int32, uint8, float32 or float64: convert them first"),
        ("no.wav", {}, AudioFileError, "no.wav: there is no such file; check the path"),
    ],
)  # fmt: skip
def test_refuses_audio_and_settings(audio, arguments, error, message):
    with pytest.raises(error) as caught:
        assert_dtmf(audio, "123#", **arguments)
    assert str(caught.value) == message


def test_refuses_a_rate_or_a_channel_that_a_file_does_not_have(call_wav):
    with pytest.raises(InvalidSettingError, match=r"^samplerate is 16000, call.wav has 8000 Hz; leave samplerate out$"):
        assert_dtmf(call_wav, "123#", samplerate=16_000)
    with pytest.raises(InvalidSettingError, match=r"^call.wav: channel 1 asked for, the file has 1 \(0\)"):
        assert_dtmf(call_wav, "123#", channel=1)


# How it works in people's test-suites

USERS_TEST = """
import unittest

from dtmf_audio import render
from dtmf_audio.testing import assert_dtmf


class TestBot(unittest.TestCase):
    def test_it_dials(self):
        audio = render("12", 8000, lead_ms=100)
        assert_dtmf(audio, "13")
"""
TABLE = [
    "AssertionError: DTMF differs: expected 1 3, heard 1 2 (rendering, channel 0)",
    "  expected  heard   at",
    "  1         1      0.100 s",
    "  3         2      0.300 s   wrong: expected 3",
]


def run(arguments, folder):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "COLUMNS": "120"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60)


PYTEST = ["-m", "pytest", "-p", "dtmf_audio.testing_plugin", "-p", "no:cacheprovider"]


def test_pytest_shows_the_table_and_the_users_line(tmp_path):
    (tmp_path / "test_bot.py").write_text(USERS_TEST)
    result = run([*PYTEST, "test_bot.py"], tmp_path)
    assert result.returncode == 1, result.stderr
    lines = result.stdout.splitlines()
    told = [line.removeprefix("E").lstrip() for line in lines if line.startswith("E ")]
    assert told == [line.lstrip() for line in TABLE]
    assert '>       assert_dtmf(audio, "13")' in lines
    assert "test_bot.py:11: AssertionError" in lines
    assert "testing.py:" not in result.stdout


def test_unittest_shows_the_table_and_the_users_line(tmp_path):
    (tmp_path / "test_bot.py").write_text(USERS_TEST)
    result = run(["-m", "unittest", "test_bot"], tmp_path)
    assert result.returncode == 1
    assert "\n".join(TABLE) in result.stderr
    assert '    assert_dtmf(audio, "13")' in result.stderr
    assert "testing.py" not in result.stderr


def test_neither_runner_is_imported():
    check = "import sys, dtmf_audio.testing; print(sorted({'pytest', '_pytest', 'unittest'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    loaded_by_numpy = subprocess.run(
        [sys.executable, "-c", check.replace("dtmf_audio.testing", "numpy")], capture_output=True, text=True, check=True
    )
    assert result.stdout == loaded_by_numpy.stdout


def test_the_plugin_does_not_make_pytest_load_numpy(tmp_path):
    (tmp_path / "test_light.py").write_text(
        "import sys\n\ndef test_light():\n    assert 'dtmf_audio.testing_plugin' in sys.modules\n"
        "    assert not {'numpy', 'scipy', 'soundfile', 'dtmf_audio.testing'} & set(sys.modules)\n"
    )
    result = run([*PYTEST, "-W", "error", "test_light.py"], tmp_path)
    assert result.returncode == 0, result.stdout


def test_pytest_finds_the_plugin_by_itself():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"dtmf_audio": "dtmf_audio.testing_plugin"}
