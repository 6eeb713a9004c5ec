"""One speaker's audio: laid out in time, added up, cut at a sample, however it is read."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtmf_audio import Tone, decode
from dtmf_audio.graph.lines import Line, limited, tone_wave, truth_of, twisted
from dtmf_audio.graph.rendering import TonePlan, plan_request
from dtmf_audio.graph.requests import SendDtmfTonesRequest
from dtmf_audio.signals import to_pcm16
from dtmf_audio.synthesis import render


def plan_of(*names: str, delay_ms: int = 50) -> TonePlan:
    request = SendDtmfTonesRequest(tones=tuple(map(Tone, names)), delay_between_tones_ms=delay_ms)
    return plan_request(request, rng=np.random.default_rng(0), flash_ms=100.0)


def read(line: Line, *frames: int) -> list[int]:
    """All that a line says, read in frames of these lengths."""
    said: list[int] = []
    for n_samples in frames:
        frame = line.take(len(said), n_samples)
        said += [0] * n_samples if frame is None else frame.tolist()
    return said


clips = st.lists(st.tuples(st.integers(0, 60), st.lists(st.integers(-32768, 32767), max_size=40)), max_size=8)


@given(clips, st.lists(st.integers(1, 30), min_size=1))
def test_clips_are_added_and_their_sum_is_limited_however_the_line_is_read(
    laid: list[tuple[int, list[int]]], frames: list[int]
) -> None:
    line = Line()
    total = np.zeros(sum(frames) + 200, np.int64)
    for start, samples in laid:
        line.lay(start, np.array(samples, np.int16))
        total[start : start + len(samples)] += np.array(samples, np.int64)
    assert read(line, *frames) == np.clip(total, -32768, 32767)[: sum(frames)].tolist()


@given(clips, st.integers(0, 100), st.integers(1, 30))
def test_what_is_cut_is_silent_from_that_very_sample_on(laid: list[tuple[int, list[int]]], at: int, frame: int) -> None:
    line, other = Line(), Line()
    for nth, (start, samples) in enumerate(laid):
        line.lay(start, np.array(samples, np.int16), owner="ab"[nth % 2])
        kept = samples if nth % 2 else samples[: max(0, at - start)]
        other.lay(start, np.array(kept, np.int16))
    line.cut(at, owner="a")
    assert read(line, *[frame] * 12) == read(other, *[frame] * 12)


def test_a_cut_while_it_sounds_takes_the_rest() -> None:
    line = Line()
    line.lay(0, np.full(100, 7, np.int16))
    assert line.take(0, 10) is not None
    line.cut(15)
    assert read_on(line, 10, 10) == [7] * 5 + [0] * 5
    assert line.next_start() is None


def read_on(line: Line, start: int, n_samples: int) -> list[int]:
    frame = line.take(start, n_samples)
    return [0] * n_samples if frame is None else frame.tolist()


def test_what_was_cut_before_it_began_is_forgotten_at_once() -> None:
    line = Line()
    for nth in range(1000):
        line.lay_tones(10**9, plan_of("tone1", "tone2"), owner=str(nth))
        line.cut(5, owner=str(nth))
    assert line.next_start() is None
    assert line.left(0) == (0, 0)
    assert not line._plans


def test_a_line_without_clips_is_silent_and_starts_nowhere() -> None:
    line = Line()
    line.lay(0, np.zeros(0, np.int16))
    assert line.next_start() is None
    assert line.take(0) is None


def test_next_start_is_where_the_next_clip_begins() -> None:
    line = Line()
    line.lay(900, np.ones(10, np.int16))
    line.lay(500, np.ones(10, np.int16))
    assert line.next_start() == 500


@given(st.lists(st.integers(1, 4000), min_size=1, max_size=20))
def test_a_plan_sounds_as_its_request_is_rendered(frames: list[int]) -> None:
    names = ("tone1", "flash", "tone1", "pound")
    line = Line()
    line.lay_tones(123, plan_of(*names), owner="a")
    rendering = render([Tone(name) for name in names], 16_000, delay_ms=50.0, flash_ms=100.0)
    expected = [0] * 123 + to_pcm16(rendering.samples).tolist() + [0] * sum(frames)
    assert read(line, *frames) == expected[: sum(frames)]


def test_a_plan_of_weeks_lays_out_one_tone_at_a_time() -> None:
    line = Line()
    line.lay_tones(0, plan_of(*["tone1"] * 1000, delay_ms=10**9), owner="a")
    assert line.left(0)[0] == 1
    assert line.take(0) is not None
    assert line.left(320)[0] == 2


def test_a_plan_of_flashes_alone_is_silent() -> None:
    line = Line()
    line.lay_tones(0, plan_of("flash", "flash"), owner="a")
    assert line.next_start() is None
    assert not line._plans


def test_a_plan_that_is_cut_lays_out_no_more_tones() -> None:
    line = Line()
    line.lay_tones(0, plan_of("tone1", "tone2"), owner="a")
    assert line.take(0) is not None
    line.cut(320, owner="a")
    assert line.take(320, 16_000) is None


def test_left_counts_what_is_still_to_be_heard() -> None:
    line = Line()
    line.lay(0, np.ones(100, np.int16))
    line.lay(50, np.ones(100, np.int16))
    assert line.left(60) == (2, 40 + 90)


@pytest.mark.parametrize("line_twist_db", [-20.0, -3.0, 0.0, 3.0, 20.0])
def test_a_lines_twist_weakens_one_group_and_amplifies_none(line_twist_db: float) -> None:
    level_dbm0, twist_db = twisted(line_twist_db)
    assert level_dbm0 <= -10.0
    assert level_dbm0 + twist_db <= -8.0 + 1e-9
    assert twist_db == 2.0 + line_twist_db
    assert np.abs(tone_wave(Tone.D, 1600, line_twist_db)).max() < 32768  # it can be rendered


def test_a_twisted_wave_has_that_twist() -> None:
    (tone,) = decode(tone_wave(Tone.TONE5, 1600, 3.0), 16_000)
    assert tone.twist_db == pytest.approx(5.0, abs=0.1)
    assert tone.high_level_dbm0 == pytest.approx(-8.0, abs=0.1)


def test_truth_is_cut_and_has_no_flash() -> None:
    plan = plan_of("tone1", "flash", "tone2")
    assert [(tone.tone.key, tone.start, tone.stop) for tone in truth_of(plan, 10)] == [
        ("1", 10, 1610),
        ("2", 10 + 350 * 16 - 800, 10 + 350 * 16 + 800),
    ]
    assert [(tone.start, tone.stop) for tone in truth_of(plan, 10, 500)] == [(10, 500)]
    assert truth_of(plan, 10, 10) == []


def test_limited_keeps_full_scale() -> None:
    assert limited(np.array([40_000, -40_000, 5], np.int32)).tolist() == [32767, -32768, 5]
