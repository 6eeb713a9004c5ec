"""Tones as JSON: every name and number, worked out by hand."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtmf_audio import DetectedTone, RenderedTone, Rendering, Tone
from dtmf_audio.formats import json_line, json_object, truth_json
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
