"""Events: what a near miss says of itself."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from dtmf_audio import Profile, Rejection, Tone
from dtmf_audio.judgement import Verdicts
from dtmf_audio.measurement import Measurements
from dtmf_audio.profiles import DEFAULT

NO_LIMITS = {"name", "bridge_ms", "echo_ms"}  # of a profile: these refuse nothing by themselves
REASONS = {  # limit: measured, wanted, unit, whose, the sentence
    "min_on_ms": (24.06, 30.0, "ms", None, "on for 24.1 ms, at least 30.0 ms are wanted"),
    "max_offset_pct": (
        *(3.31, 2.4, "%", "high"),
        "the tone of the high group is 3.3 % off its frequency, at most 2.4 % is allowed",
    ),
    "min_level_dbm0": (
        *(-62.04, -60.0, "dBm0", "low"),
        "the tone of the low group is at −62.0 dBm0, at least −60.0 dBm0 is wanted",
    ),
    "max_level_dbm0": (-3.0, -5.0, "dBm0", None, "one tone is at −3.0 dBm0, at most −5.0 dBm0 is allowed"),
    "max_twist_db": (
        *(14.0, 11.0, "dB", None),
        "the high group is 14.0 dB louder than the low group, at most 11.0 dB is allowed",
    ),
    "max_reverse_twist_db": (
        *(14.0, 11.0, "dB", None),
        "the low group is 14.0 dB louder than the high group, at most 11.0 dB is allowed",
    ),
    "min_evidence": (-3.21, 0.0, "", None, "the evidence for a pair of tones is −3.2, at least 0.0 is wanted"),
    "echo_db": (
        *(19.1, 15.0, "dB", None),
        "19.1 dB weaker than a press of the same key just before it, more than 15.0 dB: taken for its echo",
    ),
    "other_echo_db": (
        *(29.1, 25.0, "dB", None),
        "29.1 dB weaker than a press of another key just before it, more than 25.0 dB: taken for a trace of it",
    ),
}


def rejection(limit: str, **changes: Any) -> Rejection:
    measured, wanted, unit, group, _ = REASONS[limit]
    place: dict[str, Any] = {"tone": Tone.TONE7, "start": 800, "stop": 1000, "samplerate": 8000, "channel": 0}
    told = {"limit": limit, "measured": measured, "wanted": wanted, "unit": unit, "group": group}
    return Rejection(**(place | told | changes))


def test_every_limit_has_its_reason() -> None:
    nothing = np.zeros(1)
    presses = Measurements(**{field.name: nothing for field in fields(Measurements)})  # type: ignore[arg-type]
    judged = {limit.name for limit in Verdicts(presses, nothing, DEFAULT)._limits}
    assert judged | {"echo_db", "other_echo_db"} == {field.name for field in fields(Profile)} - NO_LIMITS
    assert set(REASONS) == {field.name for field in fields(Profile)} - NO_LIMITS
    for limit, (*_, reason) in REASONS.items():
        assert rejection(limit).reason == reason


def test_missed_by_is_positive_for_upper_and_lower_bounds() -> None:
    assert rejection("min_on_ms").missed_by == pytest.approx(5.94)
    assert rejection("max_twist_db").missed_by == pytest.approx(3.0)
    assert rejection("min_level_dbm0").missed_by == pytest.approx(2.04)


def test_the_reason_names_what_spoke_most_against_it() -> None:
    reason = rejection("min_evidence", against=(("attack", -9.06), ("flatness", -4.0))).reason
    assert reason.endswith("at least 0.0 is wanted; most against it: attack (−9.1), flatness (−4.0)")


@pytest.mark.parametrize(
    ("measured", "wanted", "numbers"),
    [(29.96, 30.0, ("29.96", "30.00")), (29.9996, 30.0, ("29.9996", "30.0000")), (-0.01, 0.0, ("−0.01", "0.00"))],
)
def test_a_bound_missed_by_little_is_told_with_the_digits_that_show_it(
    measured: float, wanted: float, numbers: tuple[str, str]
) -> None:
    reason = rejection("min_evidence", measured=measured, wanted=wanted).reason
    assert reason == f"the evidence for a pair of tones is {numbers[0]}, at least {numbers[1]} is wanted"


def test_what_was_not_measured_has_a_reason_without_numbers() -> None:
    taken_back = rejection("min_evidence", measured=-np.inf)
    assert taken_back.reason == "looked too little like a pair of tones to be measured"


def test_a_near_miss_has_its_place_in_seconds() -> None:
    near_miss = rejection("min_on_ms")
    assert (near_miss.start_s, near_miss.stop_s, near_miss.duration_ms) == (0.1, 0.125, 25.0)
