"""What the scoreboard measures with: its own arithmetic, on cases small enough to see through."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import random_presses
from hypothesis import given
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).resolve().parent / "benchmarks"))
import scoreboard


@pytest.mark.parametrize(
    ("sent", "heard", "missed", "extra"),
    [
        ("123", "123", 0, 0),
        ("123", "13", 1, 0),
        ("123", "1223", 0, 1),
        ("123", "1A3", 1, 1),
        ("112", "12", 1, 0),
        ("123", "", 3, 0),
        ("", "12", 0, 2),
        ("1234", "2341", 1, 1),
    ],
)
def test_keys_are_aligned_with_the_fewest_missed_and_too_many(sent, heard, missed, extra):
    assert scoreboard.aligned(sent, heard) == (missed, extra)


def slow_common(a, b):
    lengths = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            lengths[i + 1][j + 1] = lengths[i][j] + 1 if x == y else max(lengths[i][j + 1], lengths[i + 1][j])
    return lengths[-1][-1]


@given(st.text("12*D", max_size=40), st.text("12*D", max_size=40))
def test_alignment_is_the_longest_common_subsequence(sent, heard):
    common = slow_common(sent, heard)
    assert scoreboard.aligned(sent, heard) == (len(sent) - common, len(heard) - common)


def holes(jump):
    rendering = random_presses(16, 3, on_ms=100.0, delay_ms=100.0)
    samples = scoreboard.hole(10, jump=jump)(rendering, np.random.default_rng(4))
    for press in rendering.tones:
        clean, holed = rendering.samples[press.start : press.stop], samples[press.start : press.stop]
        silent = np.flatnonzero(holed == 0.0)
        runs = np.split(silent, np.flatnonzero(np.diff(silent) > 1) + 1)
        yield clean, holed, max(runs, key=len)


def test_a_hole_is_as_long_as_asked_and_the_rest_is_kept():
    for clean, holed, hole in holes(jump=False):
        assert 80 <= len(hole) <= 82  # a sample beside it may be zero by itself
        outside = np.delete(np.arange(len(clean)), hole)
        assert np.array_equal(clean[outside], holed[outside])


def test_after_a_jump_the_tones_have_their_level_and_new_phases():
    n_changed = 0
    for clean, holed, hole in holes(jump=True):
        before, after = slice(0, hole[0]), slice(hole[-1] + 1, None)
        assert np.array_equal(clean[before], holed[before])
        if len(holed[after]) >= 400:
            power = np.square(holed[after]).mean() / np.square(clean[after]).mean()
            assert 0.8 < power < 1.25  # 50 ms hold no whole periods of the beat
            n_changed += np.abs(clean[after] - holed[after]).max() > 0.1
    assert n_changed >= 4


@pytest.mark.parametrize("delay_ms", [-40, 0, 65])
def test_a_codec_s_delay_is_taken_out(delay_ms):
    samples = random_presses(32, 5).samples
    rng = np.random.default_rng(6)
    late = np.roll(samples, 8 * delay_ms) + 0.01 * rng.standard_normal(len(samples))
    moved = scoreboard.without_delay(late, samples, 8000)
    assert moved.shape == samples.shape
    assert np.abs(moved - samples)[400:-600].max() < 0.1


def test_each_row_has_what_it_says():
    assert len(scoreboard.ROWS) == len(list(scoreboard._rows()))  # no two of one name
    for name in ("clean", "must reject: 25 ms on, 60 ms off", "5 % of frames lost: gap(n) told, 100/100 ms"):
        case = scoreboard.ROWS[name].make(20, scoreboard.rng_of(1, name))
        assert len(case.truth) == 20
        assert case.pcm.dtype == np.int16
        assert {press.stop - press.start for press in case.truth} <= {200, 320, 800}


@pytest.mark.parametrize("pct", [1.8, 3.0])
def test_one_off_takes_each_group_and_sign(pct):
    drawn = {tuple(scoreboard.one_off(pct)["vary"](np.random.default_rng(seed)).items()) for seed in range(40)}
    assert drawn == {((f"{group}_offset_pct", sign * pct),) for group in ("low", "high") for sign in (-1, 1)}


def test_rows_count_errors_both_ways(monkeypatch):
    deaf = SimpleNamespace(decode_pcm=lambda pcm: "")
    eager = SimpleNamespace(decode_pcm=lambda pcm: "1" * 99)
    monkeypatch.setattr(scoreboard, "PEERS", {"deaf": deaf, "eager": eager})
    clean = scoreboard.run_row("clean", ["own", "deaf", "eager"], 16, 1)
    assert [clean[name].errors for name in ("own", "deaf", "eager")] == [0, 16, 16]
    assert (clean["eager"].missed, clean["eager"].extra) == (15, 98)
    short = scoreboard.run_row("must reject: 20 ms on, 60 ms off", ["own", "deaf", "eager"], 16, 1)
    assert [short[name].errors for name in ("own", "deaf", "eager")] == [0, 0, 16]


def test_bounds_are_those_of_clopper_and_pearson():
    assert scoreboard.Errors(1000).bounds() == pytest.approx((0.0, 0.003682), abs=1e-5)
    assert scoreboard.Errors(10, missed=10).bounds() == pytest.approx((0.6915, 1.0), abs=1e-4)
    assert scoreboard.per_hour(0, 1.0) == pytest.approx((0.0, 3.689), abs=1e-3)


def test_speech_has_the_level_that_is_asked_for(monkeypatch, tmp_path):
    from dtmf_audio.audio_io import write_audio

    rng = np.random.default_rng(7)
    speech = 0.1 * rng.standard_normal(160_000) * (np.arange(160_000) // 4000 % 2)  # half of it is silent
    write_audio(tmp_path / "speech.wav", speech, 8000)
    monkeypatch.setenv("DTMF_AUDIO_SCOREBOARD_SPEECH", str(tmp_path))
    rendering = random_presses(160, 8)
    added = scoreboard.speech_below(10.0)(rendering, rng) - rendering.samples
    active = np.square(added).reshape(-1)[np.abs(added) > 0].mean()
    wanted = scoreboard.power_from_dbm0(scoreboard.PAIR_DBM0 - 10.0)
    assert active == pytest.approx(wanted, rel=0.2)


def test_the_table_marks_the_best_in_bold():
    got = {name: scoreboard.Errors(100, missed=missed).as_json() for name, missed in (("own", 0), ("peer", 5))}
    line = {"name": "clean", "target": 0.0, "reject": False, "results": got}
    results = {"presses": 100, "seed": 1, "decoders": ["own", "peer"], "rows": [line], "talk_off": [], "recordings": {}}
    assert "| clean | **0 (3.6)** | 5.0 (11.3) |" in scoreboard.markdown(results)
