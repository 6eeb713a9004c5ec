"""Edges of clean presses: right to the sample, and not claimed where the press is not clean."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import label_of, random_presses
from numpy.lib.stride_tricks import sliding_window_view

from dtmf_audio.clean_edges import CleanEdges
from dtmf_audio.screen import Screen
from dtmf_audio.signals import SAMPLE_SCALE


def found_edges(rendering, samples, seed=0):
    """Starts and stops, and whether they were found; rough edges are off as those of windows are, by -2 to 14 ms."""
    rate = rendering.samplerate
    screen, edges = Screen(rate), CleanEdges(rate)
    pad = rate // 10
    steps = np.pad((SAMPLE_SCALE * samples).astype(np.float32), pad)

    def read(key, begin, length):
        assert len(key) == len(begin)
        return sliding_window_view(steps, length)[begin + pad]

    rng = np.random.default_rng(seed)
    key = np.array([label_of(press.tone) for press in rendering.tones])
    start, stop = (np.array([getattr(p, name) for p in rendering.tones]) for name in ("start", "stop"))
    begin = (start + stop - screen.length) // 2
    seen = screen.look(read(key, begin, screen.length), key)
    middle = begin + (screen.length - 1) / 2
    results = []
    for truth, sign, rising in ((start, -1, True), (stop, 1, False)):
        rough = truth + sign * (rng.uniform(-2, 14, len(key)) * rate / 1000).astype(np.int64)
        results.append((truth, *edges.find(read, key, seen, middle, rough, rising=rising)))
    return results


@pytest.mark.parametrize("samplerate", [8000, 11025, 16000, 44100, 48000])
@pytest.mark.parametrize("ramp_ms", [0.0, 1.0, 2.0, 3.0, 5.0])
def test_edges_of_clean_presses_are_right_to_half_a_millisecond(samplerate, ramp_ms):
    rendering = random_presses(160, 1, samplerate=samplerate, on_ms=50.0, ramp_ms=ramp_ms)
    for truth, edge, found in found_edges(rendering, rendering.samples):
        assert found.all()
        errors_ms = np.abs(edge - truth) * 1000 / samplerate
        assert np.median(errors_ms) <= 0.125  # the step of the search
        assert np.percentile(errors_ms, 95) <= 0.75  # a ramp of 1 ms may be taken for none, at half its height


@pytest.mark.parametrize("offset_pct", [-0.7, 0.7])
def test_tones_a_little_off_their_frequencies_have_the_same_edges(offset_pct):
    rendering = random_presses(160, 2, on_ms=60.0, low_offset_pct=offset_pct, high_offset_pct=-offset_pct)
    for truth, edge, found in found_edges(rendering, rendering.samples):
        assert found.all()
        assert np.abs(edge - truth).max() <= 4


def test_what_abuts_on_another_sound_is_not_called_clean():
    rendering = random_presses(160, 3, on_ms=60.0, delay_ms=40.0)
    loud = rendering.samples.copy()
    t = np.arange(len(loud)) / 8000
    outside = np.ones(len(loud), np.bool_)
    for press in rendering.tones:
        outside[press.start : press.stop] = False
    loud += outside * 0.2 * np.sin(2 * np.pi * 1800.0 * t)
    for _, _, found in found_edges(rendering, loud):
        assert not found.any()


def test_an_edge_that_is_not_there_is_not_found():
    rendering = random_presses(16, 4, on_ms=200.0)
    samples = rendering.samples
    middles = [(press.start + press.stop) // 2 for press in rendering.tones]
    screen, edges = Screen(8000), CleanEdges(8000)
    steps = np.pad((SAMPLE_SCALE * samples).astype(np.float32), 800)
    key = np.array([label_of(press.tone) for press in rendering.tones])

    def read(key, begin, length):
        return sliding_window_view(steps, length)[begin + 800]

    begin = np.array(middles) - screen.length // 2
    seen = screen.look(read(key, begin, screen.length), key)
    _, found = edges.find(read, key, seen, begin + (screen.length - 1) / 2, np.array(middles) - 200, rising=True)
    assert not found.any()
