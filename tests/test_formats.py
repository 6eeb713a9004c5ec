"""Tones in every format: what is written is worked out by hand from the rules of each."""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
import json
import math
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dtmf_audio
from dtmf_audio import DetectedTone, Rejection, RenderedTone, Rendering, Tone
from dtmf_audio.formats import (
    CSV_COLUMNS,
    Event,
    audacity_lines,
    csv_header,
    csv_lines,
    explained_line,
    json_line,
    json_lines,
    json_object,
    one_line,
    rttm_lines,
    srt_lines,
    text_answers,
    timeline_lines,
    truth_json,
    webvtt_lines,
)
from dtmf_audio.tones import KEY_TONES, parse_keys

SCHEMA = json.loads((Path(dtmf_audio.__file__).parent / "schemas" / "tone.schema.json").read_text(encoding="utf-8"))
AWKWARD_NAMES = [
    'a,b "c".wav',
    "two\nlines\r.wav",
    "tab\there.wav",
    " ends ",
    "caf\udce9.wav",
    "100%.wav",
    "\u2028;;<NA>",
]


def detected(**changes: Any) -> DetectedTone:
    settings: dict[str, Any] = {
        "tone": Tone.POUND,
        "start": 800,
        "stop": 1801,
        "samplerate": 8000,
        "channel": 1,
        "low_level_dbm0": -10.004,
        "high_level_dbm0": -8.5,
        "low_offset_pct": 1.0,
        "high_offset_pct": -0.5,
        "snr_db": 31.26,
    }
    return DetectedTone(**(settings | changes))


def test_a_detected_tone_has_its_place_and_measurements() -> None:
    assert json_object(detected()) == {
        "tone": "pound",
        "key": "#",
        "channel": 1,
        "start_s": 0.1,
        "stop_s": 0.225125,
        "duration_ms": 125.125,
        "start_sample": 800,
        "stop_sample": 1801,
        "samplerate": 8000,
        "low_hz": 950.41,  # 941 + 1 %
        "high_hz": 1469.62,  # 1477 - 0.5 % = 1469.615
        "low_level_dbm0": -10.0,
        "high_level_dbm0": -8.5,
        "twist_db": 1.5,  # -8.5 - -10.004
        "low_offset_pct": 1.0,
        "high_offset_pct": -0.5,
        "snr_db": 31.3,
    }


def refused(**changes: Any) -> Rejection:
    settings: dict[str, Any] = {
        "tone": Tone.POUND,
        "start": 800,
        "stop": 1000,
        "samplerate": 8000,
        "channel": 1,
        "limit": "min_evidence",
        "measured": -3.21,
        "wanted": 0.0,
        "unit": "",
        "against": (("attack", -2.05), ("flatness", -1.5)),
    }
    return Rejection(**(settings | changes))


def test_a_near_miss_has_its_place_and_why_it_was_refused() -> None:
    assert json_object(refused()) == {
        "tone": "pound",
        "key": "#",
        "channel": 1,
        "start_s": 0.1,
        "stop_s": 0.125,
        "duration_ms": 25.0,
        "start_sample": 800,
        "stop_sample": 1000,
        "samplerate": 8000,
        "refused": {
            "limit": "min_evidence",
            "measured": -3.21,
            "wanted": 0.0,
            "unit": "",
            "missed_by": 3.21,
            "reason": "the evidence for a pair of tones is −3.2, at least 0.0 is wanted; most against it: attack (−2.0), "
            "flatness (−1.5)",
            "against": [{"term": "attack", "evidence": -2.05}, {"term": "flatness", "evidence": -1.5}],
        },
    }


def test_evidence_that_was_not_measured_is_null() -> None:
    (unmeasured,) = (json.loads(json_line(refused(measured=-math.inf, against=())))["refused"],)
    assert (unmeasured["measured"], unmeasured["missed_by"]) == (None, None)


def test_a_line_for_people_tells_when_which_how_long_and_how_it_was_heard() -> None:
    assert explained_line(detected(low_offset_pct=-0.01)) == (
        "0:00.100  #    125.1 ms  heard: −10.0 and −8.5 dBm0, +0.0 and −0.5 % off, SNR 31 dB"
    )
    assert explained_line(detected(snr_db=math.inf)).endswith("% off, no noise")


@pytest.mark.parametrize(
    ("start", "clock"),
    [
        (0, "0:00.000"),
        (479_999, "1:00.000"),
        (488_004, "1:01.000"),
        (4_799_200, "9:59.900"),
        (28_808_000, "1:00:01.000"),
    ],
)
def test_a_line_for_people_tells_why_it_was_refused(start: int, clock: str) -> None:
    near_miss = refused(start=start, stop=start + 193, limit="min_on_ms", measured=24.125, wanted=30.0, unit="ms")
    assert explained_line(near_miss) == f"{clock}  #     24.1 ms  refused: on for 24.1 ms, at least 30.0 ms are wanted"


def test_a_line_is_one_line_and_puts_the_file_in_front() -> None:
    line = json_line(detected(), file="two\nlines.wav")
    assert "\n" not in line
    assert list(json.loads(line).items()) == [("file", "two\nlines.wav"), *json_object(detected()).items()]
    assert json.loads(json_line(detected())) == json_object(detected())


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_a_number_that_json_does_not_have_is_null(value: float) -> None:
    measured = ("low_level_dbm0", "high_level_dbm0", "low_offset_pct", "high_offset_pct", "snr_db")
    line = json_line(detected(**dict.fromkeys(measured, value)))
    assert all(json.loads(line)[name] is None for name in (*measured, "twist_db", "low_hz", "high_hz"))


def test_minus_zero_is_written_as_zero() -> None:
    assert '"low_offset_pct": 0.0' in json_line(detected(low_offset_pct=-0.0001))


@given(tone=st.sampled_from(KEY_TONES), rate=st.integers(4000, 192_000), start=st.integers(0, 2**40))
def test_the_sample_can_be_found_again_from_the_seconds(tone: Tone, rate: int, start: int) -> None:
    told = json_object(detected(tone=tone, samplerate=rate, start=start, stop=start + 1))
    assert told["start_sample"] == start
    assert round(told["start_s"] * rate) == start  # a sample lasts 5.2 µs or more, and 1 µs is told


def test_the_truth_of_a_rendering_is_a_document_with_a_tone_a_line() -> None:
    rendering = Rendering(
        samples=np.zeros(4000),
        samplerate=8000,
        tones=(
            RenderedTone(tone=Tone.TONE1, start=0, stop=800),
            RenderedTone(tone=Tone.STAR, start=2000, stop=2801),
        ),
    )
    assert truth_json(rendering) == (
        '{"samplerate": 8000, "tones": [\n'
        '  {"tone": "tone1", "key": "1", "start_s": 0.0, "stop_s": 0.1, "duration_ms": 100.0,'
        ' "start_sample": 0, "stop_sample": 800},\n'
        '  {"tone": "star", "key": "*", "start_s": 0.25, "stop_s": 0.350125, "duration_ms": 100.125,'
        ' "start_sample": 2000, "stop_sample": 2801}\n'
        "]}\n"
    )


def test_the_truth_uses_the_names_of_a_detected_tone() -> None:
    rendering = Rendering(samples=np.zeros(9), samplerate=8000, tones=(RenderedTone(tone=Tone.A, start=0, stop=9),))
    (truth,) = json.loads(truth_json(rendering))["tones"]
    assert truth.keys() <= json_object(detected()).keys()


def test_the_truth_of_a_rendering_without_sound_is_a_document_too() -> None:
    assert json.loads(truth_json(Rendering(samples=np.zeros(9), samplerate=8000, tones=()))) == {
        "samplerate": 8000,
        "tones": [],
    }


# --- dialled numbers ---------------------------------------------------------------------------------------------


def pressed(*presses: tuple[str, float], channel: int = 0) -> list[DetectedTone]:
    """Return tones of 100 ms of these keys, each from so many seconds on."""
    return [
        detected(tone=parse_keys(key)[0], start=round(8000 * at), stop=round(8000 * at) + 800, channel=channel)
        for key, at in presses
    ]


NUMBERS = pressed(("3", 3.9), ("3", 4.05), ("7", 4.65), ("4", 6.65), ("*", 3661.0))
# Pauses of 0.05, 0.5, 1.9 and 3654.25 s.


def test_keys_are_one_word_and_a_gap_parts_them() -> None:
    assert text_answers(NUMBERS, [0]) == {0: "3374*"}
    assert text_answers(NUMBERS, [0], group_gap_s=0.5) == {0: "33 7 4 *"}  # a pause as long as the gap is one
    assert text_answers(NUMBERS, [0], group_gap_s=2.0) == {0: "3374 *"}
    assert text_answers(NUMBERS, [0], names=True) == {0: "tone3 tone3 tone7 tone4 star"}
    assert text_answers(NUMBERS, [0], names=True, group_gap_s=1.0) == {0: "tone3 tone3 tone7, tone4, star"}
    assert text_answers(NUMBERS, [0], group_gap_s=1.0, mask=True) == {0: "••• • •"}
    assert text_answers(NUMBERS, [0], names=True, mask=True) == {0: "masked masked masked masked masked"}


def test_each_channel_has_numbers_of_its_own() -> None:
    both = pressed(("1", 0.0), ("2", 0.2)) + pressed(("5", 0.3), ("6", 2.0), channel=2) + pressed(("3", 2.1))
    assert text_answers(both, [0, 1, 2], group_gap_s=1.0) == {0: "12 3", 1: "", 2: "5 6"}
    groups = [json.loads(line)["group"] for line in json_lines(both, group_gap_s=1.0)]
    assert groups == [0, 0, 0, 1, 1]


def test_a_timeline_has_a_line_for_each_number_with_dots_for_pauses() -> None:
    # 0.05 s: no dot; 0.5 s: 2 of 0.2 s; 1.9 s: 9; an hour: a line of its own, which begins in its second
    assert timeline_lines(NUMBERS) == [(0, "0:03 33..7.........4"), (0, "1:01:01 *")]
    assert timeline_lines(NUMBERS, group_gap_s=1.0) == [(0, "0:03 33..7"), (0, "0:06 4"), (0, "1:01:01 *")]
    assert timeline_lines(NUMBERS, group_gap_s=9999.0) == [(0, f"0:03 33..7.........4{'.' * 20}*")]
    assert timeline_lines(NUMBERS, mask=True) == [(0, "0:03 ••..•.........•"), (0, "1:01:01 •")]


def test_a_timeline_of_two_channels_is_in_the_order_of_time() -> None:
    both = pressed(("1", 0.0), ("2", 0.2), ("3", 9.0)) + pressed(("5", 4.0), ("6", 4.2), channel=1)
    assert timeline_lines(both) == [(0, "0:00 12"), (1, "0:04 56"), (0, "0:09 3")]


# --- CSV ---------------------------------------------------------------------------------------------------------


def rows(lines: list[str], header: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("\n".join([header, *lines, ""]), newline="")))


def test_csv_is_a_header_and_a_row_for_each_tone() -> None:
    assert csv_header() == (
        "file,tone,key,channel,start_s,stop_s,duration_ms,start_sample,stop_sample,samplerate,low_hz,high_hz,"
        "low_level_dbm0,high_level_dbm0,twist_db,low_offset_pct,high_offset_pct,snr_db"
    )
    assert list(csv_lines([detected()], file="call.wav")) == [
        "call.wav,pound,#,1,0.1,0.225125,125.125,800,1801,8000,950.41,1469.62,-10.0,-8.5,1.5,1.0,-0.5,31.3"
    ]
    assert next(csv_lines([detected(snr_db=math.inf)], file="call.wav")).endswith(",-0.5,")
    assert csv_header(groups=True, explain=True).removeprefix(csv_header()) == (
        ",group,refused_limit,refused_measured,refused_wanted,refused_unit,refused_missed_by,refused_reason,refused_against"
    )


def test_near_misses_in_csv_have_why_in_columns_of_their_own() -> None:
    heard, missed = csv_lines([detected(), refused()], file="a", group_gap_s=1.0, explain=True)
    assert heard == next(csv_lines([detected()], file="a")) + ",0,,,,,,,"
    assert missed == (
        "a,pound,#,1,0.1,0.125,25.0,800,1000,8000,,,,,,,,,,min_evidence,-3.21,0.0,,3.21,"
        '"the evidence for a pair of tones is −3.2, at least 0.0 is wanted; most against it: attack (−2.0), '
        'flatness (−1.5)",attack -2.05; flatness -1.5'
    )


def test_csv_holds_the_values_of_json() -> None:
    tones = [*pressed(("1", 0.0), ("D", 5.0)), detected(start=1, stop=193, samplerate=192_000)]
    for row, line in zip(rows(list(csv_lines(tones, file="x")), csv_header()), json_lines(tones), strict=True):
        told = json.loads(line)
        assert {name: type(told[name])(row[name]) for name in told} == told
    assert next(csv_lines(tones[-1:], file="x")).startswith("x,pound,#,1,0.000005,0.001005,1.0,1,193,192000,")


@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_no_name_breaks_a_row_of_csv(name: str) -> None:
    for row in rows(list(csv_lines(pressed(("1", 0), ("2", 1)), file=name)), csv_header()):
        assert row["file"] == name.encode("utf-8", "backslashreplace").decode()
        assert set(row) == set(CSV_COLUMNS)
        assert row["key"] in "12"


# --- RTTM, labels and subtitles ----------------------------------------------------------------------------------


def test_rttm_has_ten_fields_with_the_key_as_speaker() -> None:
    assert list(rttm_lines([detected()], file="call.wav")) == [
        "SPEAKER call.wav 2 0.100000 0.125125 <NA> <NA> # <NA> <NA>"  # RTTM counts channels from 1
    ]
    assert list(rttm_lines([detected()], file="call.wav", mask=True)) == [
        "SPEAKER call.wav 2 0.100000 0.125125 <NA> <NA> masked <NA> <NA>"
    ]


@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_no_name_breaks_a_line_of_rttm_and_each_can_be_read_back(name: str) -> None:
    (line,) = rttm_lines([detected()], file=name)
    assert line.splitlines() == [line]
    assert len(line.split()) == 10
    assert unquote_to_bytes(line.split()[1]) == os.fsencode(name)


def test_a_label_of_audacity_has_a_box_between_its_frequencies() -> None:
    # 941 Hz and 1 % more, 1477 Hz and 0.5 % less; of a near miss the nominal ones
    assert list(audacity_lines([detected(), refused(limit="min_on_ms", measured=25.0, wanted=30.0, unit="ms")])) == [
        "0.100000\t0.225125\t#\n\\\t950.41\t1469.62",  # (941 * 1.01 = 950.41)
        "0.100000\t0.125000\t# refused: on for 25.0 ms, at least 30.0 ms are wanted\n\\\t941.00\t1477.00",
    ]
    assert list(audacity_lines([detected()], mask=True)) == ["0.100000\t0.225125\t•"]


def test_webvtt_is_a_cue_for_each_tone_after_its_first_line() -> None:
    assert "\n".join([*webvtt_lines(pressed(("3", 0.0), ("#", 3661.5))), ""]) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:00.100\n3\n\n01:01:01.500 --> 01:01:01.600\n#\n"
    )
    assert list(webvtt_lines([])) == ["WEBVTT"]


def test_srt_numbers_its_cues_and_has_commas() -> None:
    assert "\n".join([*srt_lines(pressed(("3", 0.0), ("#", 3661.5))), ""]) == (
        "1\n00:00:00,000 --> 00:00:00,100\n3\n\n2\n01:01:01,500 --> 01:01:01,600\n#\n\n"
    )


def test_a_subtitle_is_a_dialled_number_if_there_is_a_gap() -> None:
    assert list(srt_lines(NUMBERS, group_gap_s=2.0)) == [
        "1\n00:00:03,900 --> 00:00:06,750\n3374\n",
        "2\n01:01:01,000 --> 01:01:01,100\n*\n",
    ]
    assert list(webvtt_lines(NUMBERS, group_gap_s=2.0, mask=True)) == [
        "WEBVTT",
        "\n00:00:03.900 --> 00:00:06.750\n••••",
        "\n01:01:01.000 --> 01:01:01.100\n•",
    ]


def test_a_cue_lasts_a_millisecond_at_least() -> None:
    (line,) = srt_lines([detected(start=8000, stop=8001)])
    assert "00:00:01,000 --> 00:00:01,001" in line


@given(rate=st.sampled_from([8000, 44_100, 192_000]), start=st.integers(0, 10**9))
def test_labels_csv_and_rttm_tell_one_sample_from_the_next(rate: int, start: int) -> None:
    tone = detected(samplerate=rate, start=start, stop=start + 1)
    label = next(audacity_lines([tone])).split("\t")
    row = next(csv_lines([tone], file="x")).split(",")
    rttm = next(rttm_lines([tone], file="x")).split()
    starts = [label[0], row[CSV_COLUMNS.index("start_s")], rttm[3]]
    assert [round(float(text) * rate) for text in starts] == [start] * 3
    assert round(float(label[1]) * rate) == start + 1


# --- masking -----------------------------------------------------------------------------------------------------


def everything(event: Event, *, mask: bool) -> list[str]:
    """Return an event in every format that takes it."""
    said = [
        *json_lines([event], file="x", group_gap_s=1.0, mask=mask),
        *csv_lines([event], file="x", group_gap_s=1.0, explain=True, mask=mask),
        *audacity_lines([event], mask=mask),
        explained_line(event, mask=mask),
    ]
    if isinstance(event, DetectedTone):
        said += rttm_lines([event], file="x", mask=mask)
        said += [*webvtt_lines([event], mask=mask), *srt_lines([event], mask=mask)]
        said += [text_answers([event], [1], names=names, mask=mask)[1] for names in (False, True)]
        said += [line for _, line in timeline_lines([event], mask=mask)]
    return said


def test_masked_a_tone_is_its_place_and_nothing_else() -> None:
    """Whatever the key was, and whatever was measured of it: the same is written, in every format."""
    measured = {
        "low_level_dbm0": -3.0,
        "high_level_dbm0": -20.0,
        "low_offset_pct": -0.6,
        "high_offset_pct": 0.7,
        "snr_db": 12.0,
    }
    told = [everything(detected(tone=tone, **changes), mask=True) for tone in KEY_TONES for changes in ({}, measured)]
    assert all(each == told[0] for each in told)
    assert len({tuple(everything(detected(tone=tone), mask=False)) for tone in KEY_TONES}) == 16


def test_masked_a_near_miss_is_its_place_and_its_limit() -> None:
    limits = ["min_on_ms", "max_offset_pct", "max_twist_db", "min_evidence", "echo_db"]
    for limit in limits:
        told = [
            everything(refused(tone=tone, limit=limit, measured=measured, group=group), mask=True)
            for tone, measured, group in itertools.product(KEY_TONES, (1.5, 2.5), ("low", "high"))
        ]
        assert all(each == told[0] for each in told)
    # Which of the two it was would tell whether the key before was the same.
    assert everything(refused(limit="echo_db", wanted=15.0, unit="dB"), mask=True) == everything(
        refused(limit="other_echo_db", wanted=25.0, unit="dB"), mask=True
    )


def test_a_masked_line_says_what_is_left() -> None:
    assert explained_line(detected(), mask=True) == "0:00.100  •    125.1 ms  heard"
    near_miss = refused(limit="min_level_dbm0", measured=-45.0, wanted=-42.0, unit="dBm0")
    assert explained_line(near_miss, mask=True) == "0:00.100  •     25.0 ms  refused: misses min_level_dbm0 of −42 dBm0"
    assert json_object(detected(), mask=True) == {
        **{"tone": "masked", "key": "•", "channel": 1, "start_s": 0.1, "stop_s": 0.225125, "duration_ms": 125.125},
        **{"start_sample": 800, "stop_sample": 1801, "samplerate": 8000, "low_hz": None, "high_hz": None},
        **{"low_level_dbm0": None, "high_level_dbm0": None, "twist_db": None, "low_offset_pct": None},
        **{"high_offset_pct": None, "snr_db": None},
    }


# --- schema and documentation ------------------------------------------------------------------------------------


@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("tone", KEY_TONES)
def test_json_is_as_its_schema_says(tone: Tone, mask: bool) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(SCHEMA)
    validator.check_schema(SCHEMA)
    events = [detected(tone=tone), detected(snr_db=math.inf, start=0), refused(tone=tone), refused(measured=-math.inf)]
    for file, gap_s in ((None, None), ("a.wav", 2.0)):
        for line in json_lines(events, file=file, group_gap_s=gap_s, mask=mask):
            validator.validate(json.loads(line))


def test_the_schema_refuses_what_is_no_line() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(SCHEMA)
    good, missed = json_object(detected()), json_object(refused())
    for bad in (
        {name: value for name, value in good.items() if name != "twist_db"},
        good | {"key": "E"},
        good | {"level": -3},
        good | {"refused": missed["refused"]},
        missed | {"group": 0},
        missed | {"refused": missed["refused"] | {"unit": "Hz"}},
    ):
        assert not validator.is_valid(bad), bad


def test_every_key_is_in_the_table_and_in_the_schema() -> None:
    table = dtmf_audio.formats.__doc__ or ""
    documented = set(re.findall(r"``(\w+)``", table))
    told = json_object(detected(), group=0) | json_object(refused())
    assert {*told, *told["refused"], "file"} <= documented
    held = {*SCHEMA["properties"], *(name for each in SCHEMA["$defs"].values() for name in each.get("properties", {}))}
    assert held == {*told, "file"}
    assert {field.name for field in dataclasses.fields(DetectedTone)} - {"start", "stop"} <= set(told)


def test_a_name_in_text_stays_on_its_line() -> None:
    assert one_line("a b.wav") == "a b.wav"
    assert one_line("two\nlines\t\x1b[2J\u2028.wav") == "two\\nlines\\t\\x1b[2J\\u2028.wav"
    assert one_line("caf\udce9 ☃.wav") == "caf\udce9 ☃.wav"
