"""Signals reduced to a picture's worth: nothing lost that must be seen, in bounded memory, however they come."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtmf_audio import InvalidSignalError, render
from dtmf_audio.overview import LOWEST_DBM0, Overview, Overviewer


def overview(
    samples: np.ndarray, samplerate: int = 8000, *, cuts: list[int] | None = None, columns: int = 50
) -> Overview:
    overviewer = Overviewer(samplerate, columns=columns)
    for part in np.split(samples, sorted(cuts or [])):
        overviewer.feed(part)
    return overviewer.finish()


def noise(n: int) -> np.ndarray:
    return (0.1 * np.random.default_rng(n).standard_normal(n)).astype(np.float32)


@pytest.mark.parametrize("n", [1, 15, 16, 17, 1000, 1600, 1601, 1700, 1856, 1857, 24_007, 400_003])
def test_peaks_are_those_of_each_column(n: int) -> None:
    samples = noise(n)
    reduced = overview(samples)
    padded = np.pad(samples, (0, -n % reduced.column), mode="edge").reshape(-1, reduced.column)
    np.testing.assert_array_equal(reduced.lowest, padded.min(axis=1))
    np.testing.assert_array_equal(reduced.highest, padded.max(axis=1))
    assert reduced.level_dbm0.shape == (len(reduced.freqs_hz), len(padded))
    assert len(padded) <= 100 + 16  # twice the columns that were asked for, and those that a window holds back
    assert (reduced.start, reduced.stop) == (0, n)


@given(cuts=st.lists(st.integers(0, 20_000), max_size=8))
def test_any_chunking_gives_the_same_overview(cuts: list[int]) -> None:
    samples = noise(20_000)
    whole, cut = overview(samples), overview(samples, cuts=cuts)
    np.testing.assert_array_equal(cut.lowest, whole.lowest)
    np.testing.assert_array_equal(cut.highest, whole.highest)
    # matrix products over other numbers of windows differ in the last bits
    np.testing.assert_allclose(cut.level_dbm0, whole.level_dbm0, atol=0.05)


@pytest.mark.parametrize("samplerate", [4000, 8000, 11_025, 44_100, 192_000])
@pytest.mark.parametrize("freq_hz", [697.0, 1633.0])
def test_a_full_scale_sine_is_at_its_place_with_3_dbm0(samplerate: int, freq_hz: float) -> None:
    samples = np.sin(2 * np.pi * freq_hz * np.arange(samplerate // 2) / samplerate)
    reduced = overview(samples, samplerate)
    middle = reduced.level_dbm0[:, len(reduced.lowest) // 2]
    assert middle.max() == pytest.approx(3.14, abs=0.4)  # between two bins it is 0.36 dB less
    assert reduced.freqs_hz[middle.argmax()] == pytest.approx(freq_hz, abs=reduced.freqs_hz[1])


def test_a_short_press_is_as_bright_in_a_long_signal() -> None:
    press = render("5", 8000, on_ms=40, level_dbm0=-10, twist_db=0).samples
    samples = np.concatenate([np.zeros(8000 * 100), press, np.zeros(8000 * 100)])
    reduced = overview(samples)
    assert reduced.column / 8000 > 2  # seconds
    loudest = reduced.level_dbm0.max(axis=1)
    for freq_hz in (770, 1336):
        assert loudest[np.abs(reduced.freqs_hz - freq_hz).argmin()] == pytest.approx(-10, abs=1.5)


def test_silence_is_the_lowest_level() -> None:
    assert (overview(np.zeros(5000)).level_dbm0 == LOWEST_DBM0).all()


def test_memory_does_not_grow_with_the_signal() -> None:
    block = noise(8000 * 60)
    peaks = []
    for minutes in (5, 20):
        tracemalloc.start()
        overviewer = Overviewer(8000)
        for _ in range(minutes):
            overviewer.feed(block)
        overviewer.finish()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
    assert peaks[1] < 20e6


def test_integers_are_taken_by_their_full_scale_and_bad_samples_told_with_their_place() -> None:
    reduced = overview(np.array([-(2**15), 2**14], np.int16))
    assert (reduced.lowest[0], reduced.highest[0]) == (-1.0, 0.5)
    overviewer = Overviewer(8000, start=1000)
    overviewer.feed(np.zeros(10))
    with pytest.raises(InvalidSignalError, match="sample 1012 is nan"):
        overviewer.feed(np.array([0, 0, np.nan]))
