"""Tones of files: the same as of the signal, channel by channel, as they finish."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from helpers import NO_ERRORS, random_presses, score

from dtmf_audio import InvalidSettingError, InvalidSignalError, Tone, decode, files, keys_of, render
from dtmf_audio.audio_io import BLOCK_FRAMES, RawFormat, open_audio, read_audio, write_audio
from dtmf_audio.files import decode_file, iter_file, iter_reader

SAMPLES = Path(__file__).parent.parent / "samples"


def of_channels(*keys: str) -> np.ndarray:
    """Render each string on a channel of its own, each channel 20 ms after the one before."""
    rendered = [render(each, 8000, lead_ms=20.0 * number).samples for number, each in enumerate(keys)]
    longest = max(map(len, rendered))
    return np.stack([np.pad(samples, (0, longest - len(samples))) for samples in rendered], axis=1)


@pytest.fixture(autouse=True)
def short_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decode in blocks that a test of seconds can have several of."""
    monkeypatch.setattr(files, "DECODED_FRAMES", BLOCK_FRAMES)


@pytest.mark.parametrize("name", ["telephone.wav", "two_parties.wav", "no_tones.wav"])
@pytest.mark.parametrize("channel", [None, 0])
def test_a_file_gives_the_tones_of_its_samples(name: str, channel: int | None) -> None:
    samples, samplerate = read_audio(SAMPLES / name)
    assert decode_file(SAMPLES / name, channel=channel) == decode(samples, samplerate, channel=channel)
    explained = decode(samples, samplerate, channel=channel, profile="att", explain=True)
    assert decode_file(SAMPLES / name, channel=channel, profile="att", explain=True) == explained


def test_a_file_of_several_blocks_gives_the_tones_of_the_whole(tmp_path: Path) -> None:
    rendering = random_presses(600, 51, samplerate=8000, on_ms=60.0)
    assert len(rendering.samples) > BLOCK_FRAMES
    write_audio(tmp_path / "long.flac", rendering.samples, 8000)
    found = decode_file(tmp_path / "long.flac")
    assert score(rendering.tones, found) == NO_ERRORS
    pcm = np.rint(rendering.samples * 32768).astype(np.int16)
    assert [(t.tone, t.start, t.stop) for t in found] == [(t.tone, t.start, t.stop) for t in decode(pcm, 8000)]


def test_a_file_of_many_blocks_gives_the_keys_across_their_seams(tmp_path: Path) -> None:
    seam = BLOCK_FRAMES / 8000 * 1000.0  # ms
    rendering = render("1234", 8000, on_ms=100, delay_ms=seam - 100 + 1, lead_ms=seam - 50)
    write_audio(tmp_path / "long.wav", rendering.samples, 8000)
    found = decode_file(tmp_path / "long.wav")
    assert keys_of(tone.tone for tone in found) == "1234"
    assert all(abs(tone.start - truth.start) <= 8 for tone, truth in zip(found, rendering.tones, strict=True))  # 1 ms


def test_channels_are_decoded_on_their_own_in_the_order_of_starts(tmp_path: Path) -> None:
    write_audio(tmp_path / "three.wav", of_channels("12", "A", "39#"), 8000)
    found = decode_file(tmp_path / "three.wav")
    assert [(tone.channel, tone.tone.key) for tone in found] == [
        *((0, "1"), (1, "A"), (2, "3")),
        *((0, "2"), (2, "9")),
        (2, "#"),
    ]
    assert [tone.tone for tone in decode_file(tmp_path / "three.wav", channel=1)] == [Tone.A]


@pytest.mark.parametrize(
    ("channels", "channel", "message"),
    [
        (1, 1, "channel 1 asked for, the file has 1 (0); leave --channel out to decode it"),
        (2, 2, "channel 2 asked for, the file has 2 (0 and 1); leave --channel out to decode both"),
        (3, -1, "channel -1 asked for, the file has 3 (0 to 2); leave --channel out to decode all"),
    ],
)
def test_refuses_a_channel_that_the_file_does_not_have(
    tmp_path: Path, channels: int, channel: int, message: str
) -> None:
    path = tmp_path / "call.wav"
    write_audio(path, np.zeros((800, channels)), 8000)
    with pytest.raises(InvalidSettingError) as refused:
        decode_file(path, channel=channel)
    assert str(refused.value) == f"{path}: {message}"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_refuses_a_sample_that_is_not_finite_and_names_file_channel_and_sample(tmp_path: Path, value: float) -> None:
    samples = np.zeros((8000, 2))
    samples[5, 1] = value
    sf.write(tmp_path / "bad.wav", samples, 8000, subtype="FLOAT")
    with pytest.raises(InvalidSignalError) as refused:
        decode_file(tmp_path / "bad.wav")
    assert str(refused.value).startswith(f"{tmp_path / 'bad.wav'} [channel 1]: sample 5 is {value}; ")


def test_a_tone_comes_while_the_pipe_is_still_open() -> None:
    pcm = (render("1", 8000, tail_ms=500).samples * 32767).astype("<i2").tobytes()

    class OpenPipe(io.RawIOBase):
        """Gives its bytes once; whoever reads on, would wait for ever."""

        given = False

        def readable(self) -> bool:
            return True

        def read(self, _size: int = -1) -> bytes:
            assert not self.given, "read on before telling the tone"
            self.given = True
            return pcm

    tones = iter_file(OpenPipe(), raw=RawFormat(encoding="s16le", samplerate=8000))  # type: ignore[arg-type]
    assert next(tones).tone is Tone.TONE1


def test_progress_tells_the_frames_done_and_in_all(tmp_path: Path) -> None:
    n = 2 * BLOCK_FRAMES + 5
    write_audio(tmp_path / "long.wav", np.zeros(n), 8000)
    told: list[tuple[int, int | None]] = []
    assert not list(iter_file(tmp_path / "long.wav", progress=lambda done, total: told.append((done, total))))
    assert told == [(BLOCK_FRAMES, n), (2 * BLOCK_FRAMES, n), (n, n)]


def test_progress_tells_none_where_the_length_is_not_known() -> None:
    told: list[tuple[int, int | None]] = []
    raw = RawFormat(encoding="s16le", samplerate=8000)
    list(iter_file(io.BytesIO(bytes(1600)), raw=raw, progress=lambda done, total: told.append((done, total))))
    assert told[-1] == (800, None)


def test_partial_gives_the_tones_before_the_break(tmp_path: Path) -> None:
    whole = io.BytesIO()
    write_audio(whole, render("123", 8000).samples, 8000)
    broken = whole.getvalue()[: 44 + 2 * 2400]  # 1, 2 and their pauses of 100 ms each, less the last
    (tmp_path / "broken.wav").write_bytes(broken)
    assert struct.unpack("<I", broken[40:44])[0] > len(broken)
    assert [tone.tone.key for tone in decode_file(tmp_path / "broken.wav", partial=True)] == ["1", "2"]


def test_both_forms_and_every_profile_are_passed_on() -> None:
    path = SAMPLES / "senddtmftones.wav"
    assert [t.tone for t in decode_file(path, goertzel="resonator")] == [t.tone for t in decode_file(path)]
    with pytest.raises(InvalidSettingError, match="profile 'x' is not known"):
        decode_file(path, profile="x")


def test_an_open_file_is_decoded_and_left_open() -> None:
    with open_audio(SAMPLES / "two_parties.wav") as reader:
        assert reader.channels == 2
        assert {tone.channel for tone in iter_reader(reader)} == {0, 1}
