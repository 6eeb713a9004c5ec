"""Tones as JSON: every name and number, worked out by hand."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtmf_audio import DetectedTone, Rejection, RenderedTone, Rendering, Tone
from dtmf_audio.formats import explained_line, json_line, json_object, truth_json
from dtmf_audio.tones import KEY_TONES


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
