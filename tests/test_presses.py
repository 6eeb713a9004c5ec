"""Parts joined to presses, whatever the order in which they come, and echoes told from presses."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtmf_audio.measurement import Measurements
from dtmf_audio.presses import EchoFinder, Holes, Parts, Presses, hopeless_presses, join, presses_of
from dtmf_audio.profiles import DEFAULT, Q24

BLOCK = 80
LATER = np.array([10_000])  # windows


def parts(*rows):
    """Presses of one part each: key, start and stop in ms, level, evidence, has_start, has_stop."""
    key, start_ms, stop_ms, level, proof, has_start, has_stop = (np.array(column) for column in zip(*rows, strict=True))
    start, stop = 8 * start_ms, 8 * stop_ms
    table = Parts(
        key=key,
        run_first=start // BLOCK,
        start_block=start // BLOCK,
        stop_block=-(-stop // BLOCK),
        has_start=has_start,
        has_stop=has_stop,
    )
    values = {f.name: np.zeros(len(key)) for f in fields(Measurements)}
    values |= {"start": start, "stop": stop, "low_dbm0": level.astype(float), "high_dbm0": level.astype(float)}
    return presses_of(table, Measurements(**values), proof.astype(float))


HOLES = Holes(bridge_ms=25.0, samplerate=8000, lost=[])


def extents(presses):
    return [(k, a // 8, b // 8) for k, a, b in zip(presses.key.tolist(), presses.start, presses.stop, strict=True)]


def test_a_hole_of_25_ms_is_bridged_and_one_of_26_is_not():
    near = parts((3, 100, 150, -10, 5, True, True), (3, 175, 250, -10, 5, True, True))
    far = parts((3, 100, 150, -10, 5, True, True), (3, 176, 250, -10, 5, True, True))
    assert extents(join(near, HOLES)) == [(3, 100, 250)]
    assert extents(join(far, HOLES)) == [(3, 100, 150), (3, 176, 250)]


def test_other_keys_other_levels_and_other_channels_do_not_join():
    rows = (3, 100, 150, -10, 5, True, True)
    for other in (
        (4, 155, 200, -10, 5, True, True),
        (19, 155, 200, -10, 5, True, True),
        (3, 155, 200, -23, 5, True, True),
    ):
        assert len(join(parts(rows, other), HOLES)) == 2


def test_parts_of_one_run_are_one_press_whatever_their_levels():
    three = parts(
        (3, 100, 160, -10, 5, True, False), (3, 160, 220, -40, 5, False, False), (3, 220, 260, -10, 5, False, True)
    )
    assert extents(join(three, HOLES)) == [(3, 100, 260)]


def test_of_a_hole_with_lost_samples_only_what_was_heard_counts():
    presses = parts((3, 100, 150, -10, 5, True, True), (3, 180, 250, -10, 5, True, True))
    assert len(join(presses, replace(HOLES, lost=[(8 * 155, 8 * 175)]))) == 1
    assert len(join(presses, replace(HOLES, lost=[(8 * 155, 8 * 160)]))) == 2


def test_the_surest_part_speaks_for_a_press_unless_it_is_much_fainter():
    attack, body = (3, 100, 160, -10, -1, True, False), (3, 160, 220, -12, 6, False, True)
    assert join(parts(attack, body), HOLES).evidence.tolist() == [6.0]
    tail = (3, 160, 220, -35, 6, False, True)
    assert join(parts(attack, tail), HOLES).evidence.tolist() == [-1.0]


def test_a_hopeless_end_says_where_the_press_ended():
    whole = parts((3, 100, 160, -10, 5, True, False))
    end = Parts(
        key=np.array([3]),
        run_first=np.array([10]),
        start_block=np.array([16]),
        stop_block=np.array([20]),
        has_start=np.array([False]),
        has_stop=np.array([True]),
    )
    joined = join(Presses.concatenate([whole, hopeless_presses(end, BLOCK)]), HOLES)
    assert extents(joined) == [(3, 100, 160)]
    assert joined.has_stop.tolist() == [True]
    assert joined.evidence.tolist() == [5.0]


ROWS = st.lists(
    st.tuples(st.sampled_from([3, 7, 19]), st.integers(0, 12), st.integers(20, 60), st.sampled_from([-10, -15, -30])),
    min_size=1,
    max_size=12,
    unique_by=lambda row: (row[0], row[1]),
)


@given(ROWS, st.data())
def test_joining_early_or_late_gives_the_same_presses(rows, data):
    every = sorted(
        ((k, 80 * n, 80 * n + length, level, 5, True, True) for k, n, length, level in rows), key=lambda r: r[1]
    )
    cut = data.draw(st.integers(0, len(every)))
    at_once = join(parts(*every), HOLES)
    if 0 < cut < len(every):
        early = join(parts(*every[:cut]), HOLES)
        late = join(Presses.concatenate([early, parts(*every[cut:])]), HOLES)
        assert extents(late) == extents(at_once)
        assert late.low_dbm0.tolist() == at_once.low_dbm0.tolist()


@pytest.mark.parametrize(
    ("key", "gap_ms", "fainter_db", "limit"),
    [
        (3, 80, 16, "echo_db"),
        (3, 80, 14, None),
        (3, 600, 40, None),
        (7, 80, 26, "other_echo_db"),
        (7, 80, 24, None),
        (19, 80, 40, None),  # another channel
    ],
)
def test_much_fainter_presses_soon_after_a_loud_one_are_its_echo(key, gap_ms, fainter_db, limit):
    loud = parts((3, 100, 160, -10, 5, True, True))
    faint = parts((key, 160 + gap_ms, 220 + gap_ms, -10 - fainter_db, 5, True, True))
    finder = EchoFinder(DEFAULT, 8000)
    finder.note(loud)
    refusals = finder.refusals(faint, np.array([0]), LATER)
    assert [refusal.limit for refusal in refusals.values()] == ([limit] if limit else [])
    strict = EchoFinder(Q24, 8000)  # the standard knows no echoes of this kind
    strict.note(loud)
    assert strict.refusals(faint, np.array([0]), LATER) == {}


def test_loud_parts_are_forgotten_when_no_echo_can_follow():
    finder = EchoFinder(DEFAULT, 8000)
    finder.note(parts((3, 100, 160, -10, 5, True, True)))
    faint = parts((3, 240, 300, -40, 5, True, True))
    finder.forget(8 * 1000)
    assert len(finder.refusals(faint, np.array([0]), LATER)) == 1
    finder.forget(8 * 10_000)
    assert finder.refusals(faint, np.array([0]), LATER) == {}
