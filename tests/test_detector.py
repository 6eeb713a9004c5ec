"""The gate and the runs: a cheap net that must not lose a tone, and whose holes do not depend on chunks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from helpers import label_of, random_presses
from hypothesis import given
from hypothesis import strategies as st

from dtmf_audio import channel
from dtmf_audio.detector import BRIDGED_WINDOWS, FAR, FEWEST_WINDOWS, NO_PAIR, Gate, Runs, RunTracker
from dtmf_audio.profiles import DEFAULT
from dtmf_audio.signals import SAMPLE_SCALE


def labels_of(samples, samplerate=8000, form="matrix"):
    gate = Gate(samplerate, DEFAULT, form=form)
    n_blocks = len(samples) // gate.block_len
    steps = SAMPLE_SCALE * samples[np.newaxis, : n_blocks * gate.block_len]
    return gate.labels(gate.phasors(steps, gate.no_phasors(1)))[:, 0], gate.block_len


@pytest.mark.parametrize("samplerate", [8000, 11025, 16000, 44100, 48000])
@pytest.mark.parametrize("form", ["matrix", "resonator"])
def test_every_window_inside_a_clean_press_is_named(samplerate, form):
    rendering = random_presses(16, 1, samplerate=samplerate)
    labels, block_len = labels_of(rendering.samples, samplerate, form)
    for press in rendering.tones:
        inside = range(-(-press.start // block_len), press.stop // block_len - 1)
        assert len(inside) >= 2
        assert {int(labels[window]) for window in inside} == {label_of(press.tone)}


@pytest.mark.parametrize("level", [0.0, 1e-4])
def test_silence_and_faint_noise_have_no_pair(level):
    noise = level * np.random.default_rng(2).standard_normal(8000)
    labels, _ = labels_of(noise)
    assert set(labels.tolist()) == {NO_PAIR}


@pytest.mark.parametrize("freqs_hz", [(350.0, 440.0), (425.0,), (343.0, 449.0)])
def test_a_dial_tone_22_db_louder_does_not_close_the_gate(freqs_hz):
    rendering = random_presses(160, 3, level_dbm0=-27.0)
    loud = channel.add_dial_tone(rendering.samples, level_dbm0=-5.0, samplerate=8000, freqs_hz=freqs_hz)
    labels, block_len = labels_of(loud)
    for press in rendering.tones:
        around = labels[press.start // block_len - 1 : press.stop // block_len]
        assert np.sum(around == label_of(press.tone)) >= 2


def runs_of(pieces):
    tracker = RunTracker()
    ended = [tracker.update(np.array(piece, np.int8).reshape(-1, n_channels_of(piece))) for piece in pieces]
    n_channels = n_channels_of(pieces[0])
    ended.append(tracker.update(np.full((BRIDGED_WINDOWS + 2, n_channels), NO_PAIR, np.int8)))  # silence ends every run
    runs = Runs.concatenate(ended)
    return sorted(zip(*(column.tolist() for column in (runs.key, runs.first, runs.last, runs.count)), strict=True))


def n_channels_of(labels):
    return np.shape(labels)[1] if np.ndim(labels) == 2 else 1


def plain_runs(labels, channel=0):
    """Runs of one channel, window by window."""
    open_runs, ended = {}, []
    for window, label in enumerate([*labels, *[NO_PAIR] * (BRIDGED_WINDOWS + 2)]):
        for other, (first, last, count) in list(open_runs.items()):
            if window - last > BRIDGED_WINDOWS + 1:
                ended.append((16 * channel + other, first, last, count))
                del open_runs[other]
        if label != NO_PAIR:
            first, _, count = open_runs.get(label, (window, window, 0))
            open_runs[label] = (first, window, count + 1)
    ended += [(16 * channel + other, *run) for other, run in open_runs.items()]
    return sorted(run for run in ended if run[3] >= FEWEST_WINDOWS)


LABELS = st.lists(st.sampled_from([NO_PAIR, NO_PAIR, 3, 3, 3, 7]), min_size=1, max_size=60)


@given(LABELS, st.lists(st.integers(0, 60), max_size=6))
def test_runs_are_those_found_window_by_window_however_labels_are_cut(labels, cuts):
    edges = [0, *sorted(min(cut, len(labels)) for cut in cuts), len(labels)]
    assert runs_of([labels]) == plain_runs(labels)
    assert runs_of([labels[a:b] for a, b in itertools.pairwise(edges)]) == plain_runs(labels)


@given(st.lists(st.tuples(*[st.sampled_from([NO_PAIR, 3, 3, 7])] * 3), min_size=1, max_size=40), st.integers(0, 40))
def test_channels_do_not_touch_each_other(rows, cut):
    labels = np.array(rows)
    wanted = sorted(run for channel in range(3) for run in plain_runs(labels[:, channel].tolist(), channel))
    pieces = [piece for piece in (labels[:cut], labels[cut:]) if len(piece)]
    assert runs_of(pieces) == wanted


def test_a_run_bridges_short_breaks_only_and_knows_its_neighbours():
    tracker = RunTracker()
    x, gap = [5, 5, 5], [NO_PAIR] * BRIDGED_WINDOWS
    labels = [*x, *gap, *x, *gap, NO_PAIR, *x, *gap, NO_PAIR, NO_PAIR]
    bridged = tracker.update(np.array(labels, np.int8)[:, np.newaxis])
    end = 5 + BRIDGED_WINDOWS
    assert bridged.first.tolist() == [0, end + BRIDGED_WINDOWS + 2]
    assert bridged.last.tolist()[0] == end
    assert bridged.count.tolist() == [6, 3]
    previous, following = tracker.neighbours(bridged.key, bridged.first, bridged.last)
    assert previous.tolist() == [-FAR, end]
    assert following.tolist() == [end + BRIDGED_WINDOWS + 2, FAR]
