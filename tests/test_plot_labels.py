"""Labels along a line: none over another, none lost."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtmf_audio.plot_labels import keys_text, number_text, place_labels


@given(xs=st.lists(st.floats(0, 700), max_size=200).map(sorted), gap=st.floats(0, 10))
def test_labels_never_touch_and_name_every_item_once(xs: list[float], gap: float) -> None:
    text_of = keys_text("0123456789*#ABCD" * 13, [number % 7 == 0 for number in range(208)])
    labels = place_labels(xs, text_of, char_width=6.0, gap=gap, width=700.0)
    assert [number for label in labels for number in range(label.first, label.last + 1)] == list(range(len(xs)))
    for left, right in itertools.pairwise(labels):
        assert left.x + left.width / 2 + gap <= right.x - right.width / 2
    for label in labels:
        assert label.width == 6.0 * len(label.text)
        assert label.width / 2 <= label.x <= 700.0 - label.width / 2


@pytest.mark.parametrize(
    ("xs", "expected"),
    [
        ([], []),
        ([50.0], [(50.0, "1")]),
        ([0.0, 100.0], [(3.0, "1"), (97.0, "2")]),  # not beyond the ends
        ([50.0, 58.0], [(50.0, "1"), (58.0, "2")]),  # 6 wide, and 2 between
        ([50.0, 57.9], [(53.95, "12")]),
        # 2 and 3 become one that touches 1
        ([43.0, 51.0, 52.0], [(47.5, "123")]),
    ],
)
def test_labels_are_where_what_they_name_is(xs: list[float], expected: list[tuple[float, str]]) -> None:
    labels = place_labels(xs, keys_text("123", [True] + 2 * [False]), char_width=6.0, gap=2.0, width=100.0)
    assert [(label.x, label.text) for label in labels] == [(pytest.approx(x), text) for x, text in expected]


def test_keys_are_parted_where_a_number_begins_and_many_are_shortened() -> None:
    text = keys_text("123456789" * 3, [number in (0, 3) for number in range(27)])
    assert text(0, 4) == "123 45"
    assert text(3, 4) == "45"
    assert text(0, 26) == "1234…789 (27)"


def test_numbers_are_counted_from_1() -> None:
    assert (number_text(0, 0), number_text(2, 4)) == ("1", "3–5")
