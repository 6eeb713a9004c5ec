"""Files decoded in blocks: the tones of the whole, in the memory of a block."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import NO_ERRORS, random_presses, score

import dtmf_audio
from dtmf_audio import InvalidSettingError, InvalidSignalError, decode, decode_file
from dtmf_audio.audio_io import BLOCK_FRAMES, write_audio
from dtmf_audio.files import iter_file


def test_a_file_of_several_blocks_gives_the_tones_of_the_whole(tmp_path):
    rendering = random_presses(600, 51, samplerate=8000, on_ms=60.0)
    assert len(rendering.samples) > 2 * BLOCK_FRAMES / 8
    path = tmp_path / "long.flac"
    write_audio(path, rendering.samples, 8000)
    found = decode_file(path)
    assert score(rendering.tones, found) == NO_ERRORS
    pcm = np.rint(rendering.samples * 32768).astype(np.int16)
    assert [(t.tone, t.start, t.stop) for t in found] == [(t.tone, t.start, t.stop) for t in decode(pcm, 8000)]


def test_progress_ends_at_the_length_of_the_file(tmp_path):
    path = tmp_path / "x.wav"
    write_audio(path, np.zeros(BLOCK_FRAMES + 100), 8000)
    seen = []
    assert list(iter_file(path, progress=lambda done, total: seen.append((done, total)))) == []
    assert seen == [(BLOCK_FRAMES, BLOCK_FRAMES + 100), (BLOCK_FRAMES + 100, BLOCK_FRAMES + 100)]


def test_channels_of_a_file_are_decoded_on_their_own(tmp_path):
    path = tmp_path / "call.wav"
    left, right = (dtmf_audio.render(keys, 8000).samples for keys in ("12", "34"))
    write_audio(path, np.stack([left, right], axis=1), 8000)
    tones = decode_file(path)
    assert [(t.tone.key, t.channel) for t in tones] == [("1", 0), ("3", 1), ("2", 0), ("4", 1)]
    assert [t.tone.key for t in decode_file(path, channel=1)] == ["3", "4"]
    with pytest.raises(InvalidSettingError) as error:
        decode_file(path, channel=2)
    assert str(error.value) == (
        f"{path}: channel 2 asked for, the file has 2 (0 and 1); leave --channel out to decode both"
    )


def test_a_sample_that_is_not_finite_is_told_with_the_file_and_its_place(tmp_path):
    path = tmp_path / "x.wav"
    samples = np.zeros((1000, 2), "<f4")
    samples[700, 1] = np.nan
    import soundfile

    soundfile.write(path, samples, 8000, subtype="FLOAT")
    with pytest.raises(InvalidSignalError) as error:
        decode_file(path)
    assert str(error.value).startswith(f"{path} [channel 1]: sample 700 is nan; every sample must be finite")
