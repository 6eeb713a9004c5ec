"""JSON of tones: what was heard and what is true, by the same names."""

from __future__ import annotations

import json
import math

from dtmf_audio import DetectedTone, Tone, formats, render

HEARD = DetectedTone(
    tone=Tone.POUND,
    start=400,
    stop=1200,
    samplerate=8000,
    channel=1,
    low_level_dbm0=-10.123456,
    high_level_dbm0=-8.0,
    low_offset_pct=1.0,
    high_offset_pct=-0.00001,
    snr_db=math.inf,
)


def test_a_tone_is_an_object_with_units_in_its_names():
    assert formats.json_object(HEARD) == {
        "tone": "pound",
        "key": "#",
        "channel": 1,
        "start_s": 0.05,
        "stop_s": 0.15,
        "duration_ms": 100.0,
        "start_sample": 400,
        "stop_sample": 1200,
        "samplerate": 8000,
        "low_hz": 950.41,
        "high_hz": 1477.0,
        "low_level_dbm0": -10.12,
        "high_level_dbm0": -8.0,
        "twist_db": 2.12,
        "low_offset_pct": 1.0,
        "high_offset_pct": 0.0,
        "snr_db": None,
    }


def test_a_line_is_strict_json_and_one_line():
    line = formats.json_line(HEARD, file="a\nb.wav")
    assert "\n" not in line
    assert "-0.0" not in line
    assert json.loads(line, parse_constant=lambda name: 1 / 0)["file"] == "a\nb.wav"


def test_the_truth_uses_the_names_of_what_is_heard():
    rendering = render("1#", 8000)
    truth = json.loads(formats.truth_json(rendering))
    assert truth["samplerate"] == 8000
    assert [tone["key"] for tone in truth["tones"]] == ["1", "#"]
    assert [(tone["start_sample"], tone["stop_sample"]) for tone in truth["tones"]] == [(0, 800), (1600, 2400)]
    assert set(truth["tones"][0]) <= set(formats.json_object(HEARD))
