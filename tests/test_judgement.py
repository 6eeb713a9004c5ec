"""Evidence: what a measured value is worth, and that a rough measurement drops no press."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from helpers import NO_ERRORS, at_snr, random_presses, score

from dtmf_audio import decode, examination, judgement
from dtmf_audio.judgement import TERMS, Verdicts, evidence, promising
from dtmf_audio.measurement import Measurements
from dtmf_audio.profiles import DEFAULT

CLEAR = {
    "start": 0,
    "stop": 400,
    "on_ms": 50.0,
    "low_dbm0": -10.0,
    "high_dbm0": -10.0,
    "low_offset_pct": 0.1,
    "high_offset_pct": -0.1,
    "snr_db": 20.0,
    "margin_db": 20.0,
    "hum_margin_db": 20.0,
    "flatness_db": -1.0,
    "surroundings_db": 25.0,
    "outside_db": 12.0,
    "attack": 1.0,
}
VOICE = CLEAR | {"margin_db": -2.0, "hum_margin_db": -8.0, "flatness_db": -9.0, "surroundings_db": 8.0}

IMPURE = {"margin_db": -5.0, "hum_margin_db": -10.0, "flatness_db": -3.0, "surroundings_db": 0.0, "attack": 0.0}


def measured(values):
    return Measurements(**{f.name: np.array([values[f.name]]) for f in fields(Measurements)})


def verdicts(press, profile):
    return Verdicts(press, evidence(press), profile)


def test_a_clear_press_has_evidence_and_a_voice_has_not():
    assert verdicts(measured(CLEAR), DEFAULT).accepted.all()
    refused = verdicts(measured(VOICE), DEFAULT)
    assert not refused.accepted.any()
    refusal = refused.refusal(0)
    assert refusal.limit == "min_evidence"
    assert refusal.measured == pytest.approx(evidence(measured(VOICE))[0])


def test_the_evidence_is_the_sum_of_its_terms():
    clear, voice = measured(CLEAR), measured(VOICE)
    terms = sum(weight * (term(clear) - term(voice))[0] for _, weight, term in TERMS)
    assert evidence(clear)[0] - evidence(voice)[0] == pytest.approx(terms)


def test_a_profile_that_asks_for_no_evidence_takes_a_voice_within_its_limits():
    assert verdicts(measured(VOICE), replace(DEFAULT, min_evidence=-100.0)).accepted.all()


def test_a_part_without_ends_is_worth_less_than_one_with_clear_ends_and_more_than_one_with_none():
    unknown = CLEAR | {"outside_db": np.nan, "attack": np.nan}
    unclear = CLEAR | {"outside_db": 0.0, "attack": 0.0}
    worth = [float(evidence(measured(values))[0]) for values in (unclear, unknown, CLEAR)]
    assert worth == sorted(worth)
    assert np.isfinite(worth).all()


def test_what_speaks_against_a_press_are_its_worst_terms():
    worst = judgement.against(measured(VOICE))
    assert {name for name, _ in worst} == {
        *("flatness of the residual", "margin over other lines", "margin over lines below 500 Hz")
    }
    assert [value for _, value in worst] == sorted(value for _, value in worst)
    best = {name: max(weight * term(measured(values))[0] for values in (CLEAR, VOICE)) for name, weight, term in TERMS}
    for name, weight, term in TERMS:
        for shown, value in worst:
            if name.startswith(shown):
                assert value <= weight * term(measured(VOICE))[0] - best[name]


def test_no_term_is_better_than_its_best():
    perfect = CLEAR | {"on_ms": 1e3, "low_offset_pct": 0.0, "high_offset_pct": 0.0, "flatness_db": 0.0}
    perfect |= {"hum_margin_db": 40.0, "margin_db": 40.0, "surroundings_db": 40.0, "outside_db": 40.0}
    assert sum(value for _, value in judgement.against(measured(perfect))) == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("changes", "near"),
    [
        ({}, True),
        ({"on_ms": 20.0}, True),
        ({"on_ms": 14.0}, False),
        ({"low_offset_pct": 3.5, "high_offset_pct": 3.5}, True),  # it would be heard if it were on pitch
        (IMPURE, False),
        (IMPURE | {"low_offset_pct": 3.5, "high_offset_pct": 3.5}, False),
    ],
)
def test_a_near_miss_is_not_too_short_and_has_evidence_or_lacks_but_its_pitch(changes, near):
    assert verdicts(measured(CLEAR | changes), DEFAULT).near.tolist() == [near]


def test_no_press_is_dropped_after_the_rough_measurement(monkeypatch):
    rendering = random_presses(320, 41, on_ms=40.0)
    noisy = at_snr(rendering, 0.0, 42)
    found = decode(noisy, 8000)
    assert score(rendering.tones, found) == NO_ERRORS
    monkeypatch.setattr(judgement, "SLACK", 1000.0)
    assert promising(measured(VOICE), DEFAULT).all()
    assert decode(noisy, 8000) == found


def test_a_refused_part_gets_a_second_chance(monkeypatch):
    rendering = random_presses(640, 46)
    noisy = at_snr(rendering, -2.0, 46)
    missed = score(rendering.tones, decode(noisy, 8000)).missed
    monkeypatch.setattr(examination, "AGAIN_ODDS", np.inf)
    assert missed < score(rendering.tones, decode(noisy, 8000)).missed


@pytest.mark.parametrize("signs", [(1, 1), (1, -1), (-1, 1), (-1, -1)])
def test_presses_off_nominal_are_heard_in_noise_too(signs):
    rendering = random_presses(320, 47, low_offset_pct=1.8 * signs[0], high_offset_pct=1.8 * signs[1])
    assert score(rendering.tones, decode(at_snr(rendering, 6.0, 48), 8000)) == NO_ERRORS
