"""sendDtmfTones as tones in time: delays, the least of them, flash, and the plan that is the audio's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtmf_audio import InvalidSettingError, InvalidToneError, Tone, decode, render
from dtmf_audio.graph.lines import Line, truth_of
from dtmf_audio.graph.rendering import plan_request, render_request
from dtmf_audio.graph.requests import SendDtmfTonesRequest
from dtmf_audio.signals import to_pcm16


def request(*tones: Tone | str, delay_ms: int | None = 50) -> SendDtmfTonesRequest:
    return SendDtmfTonesRequest(tones=tuple(map(Tone, tones)), delay_between_tones_ms=delay_ms)


def gaps_ms(request: SendDtmfTonesRequest, **settings: Any) -> list[float]:
    plan = plan_request(request, **{"rng": np.random.default_rng(0), **settings})
    return [(after.start - before.stop) / 16 for before, after in zip(plan.tones[:-1], plan.tones[1:], strict=True)]


def test_a_delay_that_is_asked_for_is_the_silence_between_tones() -> None:
    assert gaps_ms(request("tone1", "tone2", "tone2", delay_ms=123)) == [123, 123]


@pytest.mark.parametrize("asked", [0, 1, 39])
def test_a_delay_too_short_to_be_heard_is_lengthened(asked: int) -> None:
    assert gaps_ms(request("tone1", "tone1", delay_ms=asked)) == [40]
    assert gaps_ms(request("tone1", "tone1", delay_ms=asked), least_delay_ms=0.0) == [asked]


def test_a_missing_delay_is_drawn_from_0_to_500_ms_and_lengthened_to_the_least() -> None:
    drawn = gaps_ms(request(*["tone5"] * 5000, delay_ms=None), least_delay_ms=0.0)
    assert set(drawn) == set(range(501))
    lengthened = gaps_ms(request(*["tone5"] * 5000, delay_ms=None))
    assert lengthened == [max(40, gap) for gap in drawn]


def test_equal_seeds_draw_equal_delays_and_others_do_not() -> None:
    sent = request("tone1", "tone2", "tone3", "tone4", delay_ms=None)
    audio = [render_request(sent, rng=np.random.default_rng(seed)).samples for seed in (1, 1, 2)]
    assert np.array_equal(audio[0], audio[1])
    assert not np.array_equal(audio[0], audio[2])


def test_requests_with_a_delay_draw_nothing() -> None:
    rng = np.random.default_rng(0)
    plan_request(request("tone1", "tone2"), rng=rng)
    assert rng.random() == np.random.default_rng(0).random()


def test_a_rendered_request_decodes_to_its_tones() -> None:
    sent = request("tone1", "tone1", "star", "a", "pound", delay_ms=0)
    rendering = render_request(sent, rng=np.random.default_rng(0))
    assert tuple(tone.tone for tone in decode(rendering.samples, 16_000)) == sent.tones


@given(
    st.lists(st.sampled_from(list(Tone)), min_size=1, max_size=12),
    st.none() | st.integers(0, 300),
    st.floats(4.0, 120.0),
    st.floats(1.0, 60.0),
    st.floats(0.0, 100.0),
)
def test_a_plans_audio_is_bit_for_bit_that_of_the_rendered_request(
    tones: list[Tone], delay_ms: int | None, on_ms: float, least_delay_ms: float, flash_ms: float
) -> None:
    sent = request(*tones, delay_ms=delay_ms)
    settings = {"on_ms": on_ms, "least_delay_ms": least_delay_ms, "flash_ms": flash_ms}
    rendering = render_request(sent, rng=np.random.default_rng(3), **settings)  # type: ignore[arg-type]
    plan = plan_request(sent, rng=np.random.default_rng(3), **settings)  # type: ignore[arg-type]
    assert plan.n_samples == len(rendering.samples)
    assert tuple(truth_of(plan, 0)) == rendering.tones
    line = Line()
    line.lay_tones(0, plan, owner="a")
    n_samples = max(plan.n_samples, 1)
    said = line.take(0, n_samples)
    expected = to_pcm16(rendering.samples)
    assert np.array_equal(np.zeros(n_samples, np.int16) if said is None else said, np.resize(expected, n_samples))


def test_a_flash_is_a_silent_gap_in_its_place_and_no_tone_of_the_truth() -> None:
    sent = request("tone1", "flash", "tone2")
    plan = plan_request(sent, rng=np.random.default_rng(0), flash_ms=200.0)
    assert [tone.start / 16 for tone in plan.tones] == [0, 150, 400]
    assert [tone.tone for tone in truth_of(plan, 0)] == [Tone.TONE1, Tone.TONE2]


def test_a_flash_counts_at_the_end_too() -> None:
    plan = plan_request(request("tone1", "flash"), rng=np.random.default_rng(0), flash_ms=200.0)
    assert plan.n_samples == 350 * 16


@pytest.mark.parametrize("make", [plan_request, render_request])
def test_a_flash_is_refused_without_a_length(make: Any) -> None:
    with pytest.raises(InvalidToneError, match=r"flash.*leave it out, or give flash_ms for a silent gap"):
        make(request("tone1", "flash"), rng=np.random.default_rng(0))


def test_the_delay_after_the_last_tone_is_not_waited_for() -> None:
    assert plan_request(request("tone1", delay_ms=5000), rng=np.random.default_rng(0)).n_samples == 1600


def test_a_plan_of_months_costs_nothing() -> None:
    plan = plan_request(request("tone1", "tone2", delay_ms=2**31 - 1), rng=np.random.default_rng(0))
    assert plan.tones[1].start == 16 * (100 + 2**31 - 1)


def test_hours_of_audio_are_refused_when_rendered() -> None:
    with pytest.raises(
        InvalidSettingError, match=r"the rendering would last .* render it in parts, or shorten the delays"
    ):
        render_request(request("tone1", "tone2", delay_ms=2**31 - 1), rng=np.random.default_rng(0))


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0, 3.9, 60_001.0, True, "100"])
def test_lengths_that_no_tone_has_are_refused(value: Any) -> None:
    with pytest.raises(InvalidSettingError, match=r"on_ms is .*; it must be"):
        plan_request(request("tone1"), rng=np.random.default_rng(0), on_ms=value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0, 60_001.0, True, "100"])
def test_lengths_that_no_flash_has_are_refused(value: Any) -> None:
    with pytest.raises(InvalidSettingError, match=r"flash_ms is .*; it must be"):
        plan_request(request("tone1"), rng=np.random.default_rng(0), flash_ms=value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0, True, None])
def test_a_least_delay_that_is_none_is_refused(value: Any) -> None:
    with pytest.raises(InvalidSettingError, match=r"least_delay_ms is .*; it must be"):
        plan_request(request("tone1"), rng=np.random.default_rng(0), least_delay_ms=value)


def test_a_plan_lays_equal_tones_side_by_side_where_audio_refuses_them() -> None:
    sent = request("tone1", "tone1", delay_ms=0)
    plan = plan_request(sent, rng=np.random.default_rng(0), least_delay_ms=0.0)
    assert plan.tones[0].stop == plan.tones[1].start
    with pytest.raises(InvalidSettingError, match="both tone1 with no silence between them"):
        render_request(sent, rng=np.random.default_rng(0), least_delay_ms=0.0)


def test_the_default_tone_is_the_librarys() -> None:
    assert np.array_equal(
        render_request(request("tone7"), rng=np.random.default_rng(0)).samples, render("7", 16_000).samples
    )
