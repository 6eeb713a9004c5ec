"""What is rendered is decoded: every key, rate, sample format and dtype, and sequences that hypothesis draws."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dtmf_audio import DetectedTone, Press, RenderedTone, Rendering, decode, render
from dtmf_audio.audio_io import WRITE_FORMATS, WRITE_SUBTYPES, RawFormat, read_audio, write_audio
from dtmf_audio.synthesis import highest_level_dbm0
from dtmf_audio.tones import KEY_TONES

KEYS = "0123456789*#ABCD"
RATES = (4000, 8000, 11025, 16000, 22050, 44100, 48000, 96000, 192_000)
DTYPES = (np.int16, np.int32, np.uint8, np.float32, np.float64)
LOSSY = ("gsm", "ima-adpcm", "ms-adpcm", "vorbis", "opus", "mp3")

POSITION_MS = 1.0  # clean audio with the default ramps, phases of 0
# At other phases and twists a ramp of 2 ms is as short as the beat of the pair (2 to 3 ms for the nearest two), and
# where its envelope passes half is less sure: 1.45 ms was the largest error of 2,200 random tones at ramps of 2 ms.
DRAWN_POSITION_MS = 2.0
LOSSY_POSITION_MS = 12.0  # codecs smear an edge over a frame: 10 ms is the worst that these do


def assert_is_truth(
    found: Sequence[DetectedTone], truth: Sequence[RenderedTone], samplerate: int, *, within_ms: float
) -> None:
    """The same tones in the same order, each edge within ``within_ms`` of where it was put."""
    assert [tone.tone.key for tone in found] == [tone.tone.key for tone in truth]
    for tone, true in zip(found, truth, strict=True):
        place = f"{true.tone.key} at {true.start / samplerate:.3f} s"
        assert abs(tone.start - true.start) * 1000.0 <= within_ms * samplerate, place
        assert abs(tone.stop - true.stop) * 1000.0 <= within_ms * samplerate, place


def as_dtype(samples: npt.NDArray[np.float64], dtype: type[np.generic]) -> npt.NDArray[Any]:
    """Samples of full scale 1.0 as another dtype would hold them, rounded."""
    if np.issubdtype(dtype, np.floating):
        return samples.astype(dtype)
    bits = 8 * np.dtype(dtype).itemsize
    zero = 128 if dtype is np.uint8 else 0
    return (np.rint(samples * 2.0 ** (bits - 1)) + zero).astype(dtype)


# ---- Keys and rates ------------------------------------------------------------------------------


@pytest.mark.parametrize("samplerate", RATES)
@pytest.mark.parametrize("on_ms", [40.0, 100.0])
def test_all_keys_come_back_at_every_rate(samplerate: int, on_ms: float) -> None:
    rendered = render(KEYS, samplerate, on_ms=on_ms, delay_ms=on_ms, lead_ms=50.0, tail_ms=50.0)
    assert_is_truth(decode(rendered.samples, samplerate), rendered.tones, samplerate, within_ms=POSITION_MS)


@pytest.mark.parametrize("samplerate", RATES)
def test_signal_may_begin_and_end_with_a_tone(samplerate: int) -> None:
    rendered = render(KEYS, samplerate)
    assert rendered.tones[0].start == 0
    assert rendered.tones[-1].stop == len(rendered.samples)
    assert_is_truth(decode(rendered.samples, samplerate), rendered.tones, samplerate, within_ms=POSITION_MS)


@pytest.mark.parametrize("key", KEYS)
def test_repeated_key_is_as_many_presses(key: str) -> None:
    rendered = render(key * 5, 8000, on_ms=60.0, delay_ms=40.0, lead_ms=30.0, tail_ms=30.0)
    assert_is_truth(decode(rendered.samples, 8000), rendered.tones, 8000, within_ms=POSITION_MS)


def test_every_key_comes_back_after_every_other() -> None:
    pairs = "".join(before + after for before in KEYS for after in KEYS)
    rendered = render(pairs, 8000, on_ms=50.0, delay_ms=45.0)
    assert_is_truth(decode(rendered.samples, 8000), rendered.tones, 8000, within_ms=POSITION_MS)


# ---- Dtypes and files ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("samplerate", [8000, 44100])
def test_all_keys_come_back_in_every_dtype(dtype: type[np.generic], samplerate: int) -> None:
    rendered = render(KEYS, samplerate, lead_ms=50.0, tail_ms=50.0)
    signal = as_dtype(rendered.samples, dtype)
    assert signal.dtype == dtype
    assert_is_truth(decode(signal, samplerate), rendered.tones, samplerate, within_ms=POSITION_MS)


def through_file(
    folder: Path, samples: npt.NDArray[np.float64], samplerate: int, file_format: str, subtype: str
) -> npt.NDArray[Any]:
    """What is read back of samples that were written."""
    path = folder / f"tones.{file_format.lower()}"
    write_audio(path, samples, samplerate, file_format=file_format, subtype=subtype)
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    raw = RawFormat(encoding=subtype, samplerate=samplerate, channels=channels) if file_format == "RAW" else None
    signal, rate = read_audio(path, raw=raw)
    assert rate == samplerate
    assert signal.shape[1] == channels
    return signal


EVERY_FORMAT = [(file_format, subtype) for file_format in WRITE_FORMATS for subtype in WRITE_SUBTYPES[file_format]]


@pytest.mark.parametrize(("file_format", "subtype"), EVERY_FORMAT)
@pytest.mark.parametrize("samplerate", [8000, 48000])
def test_all_keys_come_back_through_every_file_format(
    file_format: str, subtype: str, samplerate: int, tmp_path: Path
) -> None:
    rendered = render(KEYS, samplerate, lead_ms=50.0, tail_ms=50.0)
    signal = through_file(tmp_path, rendered.samples, samplerate, file_format, subtype)
    within_ms = LOSSY_POSITION_MS if subtype in LOSSY else POSITION_MS
    assert_is_truth(decode(signal, samplerate), rendered.tones, samplerate, within_ms=within_ms)


@pytest.mark.parametrize(("file_format", "subtype"), [each for each in EVERY_FORMAT if each[1] not in LOSSY])
def test_both_channels_come_back_on_their_own(file_format: str, subtype: str, tmp_path: Path) -> None:
    sides = [render(keys, 8000, lead_ms=50.0, tail_ms=50.0) for keys in (KEYS, KEYS[::-1])]
    both = np.stack([side.samples for side in sides], axis=1)
    signal = through_file(tmp_path, both, 8000, file_format, subtype)
    tones = decode(signal, 8000)
    for number, side in enumerate(sides):
        found = [tone for tone in tones if tone.channel == number]
        assert_is_truth(found, side.tones, 8000, within_ms=POSITION_MS)
        assert found == decode(signal, 8000, channel=number)


# ---- Drawn sequences -----------------------------------------------------------------------------

on_or_off_ms = st.just(40.0) | st.floats(40.0, 250.0)  # the least that receivers must take, and longer


@st.composite
def renderings(draw: st.DrawFn) -> Rendering:
    """One person's presses on one line: keys, timings and twists of any sort, levels within 6 dB of each other."""
    base_dbm0 = draw(st.floats(-40.0, -6.0))
    presses = []
    for tone in draw(st.lists(st.sampled_from(KEY_TONES), min_size=1, max_size=8)):
        twist_db = draw(st.floats(-6.0, 6.0))
        level_dbm0 = base_dbm0 + draw(st.floats(-3.0, 3.0))
        presses.append(
            Press(
                tone=tone,
                on_ms=draw(on_or_off_ms),
                delay_ms=draw(on_or_off_ms),
                twist_db=twist_db,
                level_dbm0=min(level_dbm0, highest_level_dbm0(twist_db)),
            )
        )
    return render(
        presses,
        draw(st.sampled_from(RATES[:-2])),
        ramp_ms=draw(st.floats(2.0, 5.0)),
        lead_ms=draw(st.floats(0.0, 60.0)),
        tail_ms=draw(st.floats(0.0, 60.0)),
        rng=np.random.default_rng(draw(st.integers(0, 2**32 - 1))),
    )


@settings(max_examples=150, deadline=None, derandomize=True)
@given(rendered=renderings())
def test_drawn_sequences_come_back(rendered: Rendering) -> None:
    rate = rendered.samplerate
    assert_is_truth(decode(rendered.samples, rate), rendered.tones, rate, within_ms=DRAWN_POSITION_MS)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(rendered=renderings(), dtype=st.sampled_from(DTYPES[:2] + DTYPES[3:]))
def test_drawn_sequences_come_back_in_every_dtype(rendered: Rendering, dtype: type[np.generic]) -> None:
    """But in uint8, where -43 dBm0 is not one step: it has the test above."""
    rate = rendered.samplerate
    found = decode(as_dtype(rendered.samples, dtype), rate)
    assert_is_truth(found, rendered.tones, rate, within_ms=DRAWN_POSITION_MS)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(rendered=renderings())
def test_drawn_sequences_come_back_from_the_resonators(rendered: Rendering) -> None:
    rate = rendered.samplerate
    found = decode(rendered.samples, rate, goertzel="resonator")
    assert_is_truth(found, rendered.tones, rate, within_ms=DRAWN_POSITION_MS)
