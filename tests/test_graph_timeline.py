"""The timeline: what is due when, in which order, and what it refuses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtmf_audio import InvalidSettingError
from dtmf_audio.graph.timeline import TICKS_PER_MS, TICKS_PER_S, TICKS_PER_SAMPLE, Timeline


def test_a_tick_is_100_ns_and_divides_samples_and_milliseconds() -> None:
    assert TICKS_PER_S == 10_000_000
    assert TICKS_PER_S == 16_000 * TICKS_PER_SAMPLE == 1000 * TICKS_PER_MS


@given(st.lists(st.integers(0, 20)), st.lists(st.integers(0, 20)))
def test_what_is_due_is_done_in_order_of_time_and_then_of_asking(due: list[int], stops: list[int]) -> None:
    timeline = Timeline()
    done: list[tuple[int, int]] = []
    for nth, ticks in enumerate(due):
        timeline.at(ticks, lambda nth=nth: done.append((timeline.now, nth)))  # type: ignore[misc]
    for stop in sorted(stops):  # however far the clock goes at a time
        timeline.advance_to(stop)
        assert timeline.now == stop
    timeline.advance_to(21)
    assert done == sorted((ticks, nth) for nth, ticks in enumerate(due))


def test_what_is_to_go_first_goes_before_all_that_is_due_with_it() -> None:
    timeline, done = Timeline(), ""

    def note(letter: str) -> None:
        nonlocal done
        done += letter

    timeline.at(5, lambda: note("b"))
    timeline.at(5, lambda: note("a"), first=True)
    timeline.at(4, lambda: note("0"))
    timeline.advance_to(5)
    assert done == "0ab"


def test_an_action_may_ask_for_more_at_its_own_time() -> None:
    timeline, done = Timeline(), []
    timeline.at(5, lambda: timeline.at(5, lambda: timeline.at(9, lambda: done.append(timeline.now))) and None)
    timeline.advance_to(10)
    assert done == [9]


def test_what_is_past_is_done_as_soon_as_the_clock_moves() -> None:
    timeline, done = Timeline(), []
    timeline.advance_to(10)
    timeline.at(3, lambda: done.append(timeline.now))
    assert not done
    timeline.advance_to(10)
    assert done == [10]


def test_what_is_cancelled_is_not_done() -> None:
    timeline, done = Timeline(), []
    appointment = timeline.at(5, lambda: done.append(5))
    timeline.at(3, appointment.cancel)
    assert timeline.next_due() == 3
    timeline.advance_to(4)
    assert timeline.next_due() is None
    timeline.advance_to(5)
    appointment.cancel()
    assert not done


def test_what_was_cancelled_is_forgotten_long_before_its_time() -> None:
    timeline = Timeline()
    kept = [timeline.at(10**15, lambda: None) for _ in range(10)]
    for _ in range(10_000):
        timeline.at(10**15, lambda: None).cancel()
    assert len(timeline._due) < 200
    assert all(appointment.action is not None for appointment in kept)


def test_the_clock_only_goes_on() -> None:
    timeline = Timeline()
    timeline.advance_to(20_000)
    with pytest.raises(InvalidSettingError, match=r"stands at 2 ms and was to be set back to 1 ms; it only goes on"):
        timeline.advance_to(10_000)


def test_an_action_cannot_move_the_clock() -> None:
    timeline = Timeline()
    timeline.at(5, lambda: timeline.advance_to(100))
    with pytest.raises(InvalidSettingError, match="the clock is being moved already"):
        timeline.advance_to(10)
    assert timeline.now == 5


def test_an_action_that_raises_leaves_a_clock_that_goes_on() -> None:
    timeline, done = Timeline(), []
    timeline.at(5, lambda: 1 // 0 and None)
    timeline.at(6, lambda: done.append(6))
    with pytest.raises(ZeroDivisionError):
        timeline.advance_to(10)
    assert timeline.now == 5
    timeline.advance_to(10)
    assert done == [6]
