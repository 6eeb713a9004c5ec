"""The gate and the runs: a cheap net that must not lose a tone, and whose holes do not depend on chunks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from helpers import random_presses
from hypothesis import given
from hypothesis import strategies as st

from dtmf_audio import channel
from dtmf_audio.detector import BRIDGED_WINDOWS, NO_PAIR, Gate, RunTracker
from dtmf_audio.profiles import DEFAULT
from dtmf_audio.tones import KEYPAD


def labels_of(samples, samplerate=8000, form="matrix"):
    gate = Gate(samplerate, DEFAULT, form=form)
    n_blocks = len(samples) // gate.block_len
    return gate.labels(gate.phasors(samples[: n_blocks * gate.block_len])), gate.block_len


def label_of(tone):
    row = next(i for i, keys in enumerate(KEYPAD) if tone.key in keys)
    return 4 * row + KEYPAD[row].index(tone.key)


@pytest.mark.parametrize("samplerate", [8000, 11025, 16000, 44100, 48000])
@pytest.mark.parametrize("form", ["matrix", "resonator"])
def test_every_window_inside_a_clean_press_is_named(samplerate, form):
    rendering = random_presses(16, 1, samplerate=samplerate)
    labels, block_len = labels_of(rendering.samples, samplerate, form)
    for press in rendering.tones:
        inside = range(-(-press.start // block_len), press.stop // block_len - 3)
        assert len(inside) >= 3
        assert {int(labels[window]) for window in inside} == {label_of(press.tone)}


@pytest.mark.parametrize("level", [0.0, 1e-4])
def test_silence_and_faint_noise_have_no_pair(level):
    noise = level * np.random.default_rng(2).standard_normal(8000)
    labels, _ = labels_of(noise * 1e-4)
    assert set(labels.tolist()) == {NO_PAIR}


def test_dial_tone_ten_db_louder_does_not_close_the_gate():
    rendering = random_presses(160, 3, level_dbm0=-22.0)
    loud = channel.add_dial_tone(rendering.samples, level_dbm0=-12.0, samplerate=8000)
    labels, block_len = labels_of(loud)
    for press in rendering.tones:
        around = labels[press.start // block_len - 3 : press.stop // block_len]
        assert np.sum(around == label_of(press.tone)) >= 2


@given(
    st.lists(st.sampled_from([NO_PAIR, NO_PAIR, 3, 3, 3, 7]), max_size=60),
    st.lists(st.integers(0, 60), max_size=6),
)
def test_runs_do_not_depend_on_how_labels_are_cut(labels, cuts):
    def runs(pieces):
        tracker = RunTracker()
        ended = [run for piece in pieces for run in tracker.update(np.array(piece, np.int8))]
        ended += tracker.update(np.full(BRIDGED_WINDOWS + 2, NO_PAIR, np.int8))  # silence ends every run
        return sorted((run.first, run.last, run.label, run.count, run.previous_last) for run in ended)

    edges = [0, *sorted(min(cut, len(labels)) for cut in cuts), len(labels)]
    assert runs([labels]) == runs([labels[a:b] for a, b in itertools.pairwise(edges)])


def test_a_run_bridges_short_breaks_only():
    tracker = RunTracker()
    x, gap = [5, 5, 5], [NO_PAIR] * BRIDGED_WINDOWS
    bridged = tracker.update(np.array([*x, *gap, *x, *gap, NO_PAIR, *x, *gap, NO_PAIR, NO_PAIR], np.int8))
    assert [(run.first, run.last, run.count) for run in bridged] == [(0, 7, 6), (11, 13, 3)]
    assert bridged[1].previous_last == 7
