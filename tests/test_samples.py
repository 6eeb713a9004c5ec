"""The sample files: what each decodes to, and that the script beside them makes them."""

from __future__ import annotations

import itertools
import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from dtmf_audio import DetectedTone, decode
from dtmf_audio.audio_io import RAW_ENCODINGS, RawFormat, read_audio
from dtmf_audio.tones import Tone

FOLDER = Path(__file__).resolve().parent.parent / "samples"
EXPECTED: list[dict[str, Any]] = json.loads((FOLDER / "expected.json").read_text())["samples"]
POSITION_S = 0.005  # off-frequency tones of 40 ms in noise are found within 2 ms; cut files within less
MAX_BYTES = 600_000  # of the whole folder: it is cloned and packaged with the project


def expected_of(name: str) -> dict[str, Any]:
    return next(sample for sample in EXPECTED if sample["file"] == name)


def read(folder: Path, sample: dict[str, Any]) -> npt.NDArray[Any]:
    """Samples in their own dtype, shape (n, channels); the rate and the channels must be those expected."""
    raw = None
    if sample["encoding"] in RAW_ENCODINGS and not sample["file"].endswith(".wav"):
        raw = RawFormat(encoding=sample["encoding"], samplerate=sample["samplerate"], channels=sample["channels"])
    signal, samplerate = read_audio(folder / sample["file"], raw=raw)
    assert samplerate == sample["samplerate"]
    assert signal.shape[1] == sample["channels"]
    return signal


def each_channel(sample: dict[str, Any]) -> list[list[DetectedTone]]:
    tones = decode(read(FOLDER, sample), sample["samplerate"])
    return [[tone for tone in tones if tone.channel == number] for number in range(sample["channels"])]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder into which the script was just run."""
    folder = tmp_path_factory.mktemp("samples")
    run_script(folder)
    return folder


def run_script(folder: Path) -> None:
    runpy.run_path(str(FOLDER / "make_samples.py"), run_name="make_samples")["main"]([str(folder)])


@pytest.mark.parametrize("sample", EXPECTED, ids=lambda sample: sample["file"])
def test_sample_gives_its_tones_at_their_places(sample: dict[str, Any]) -> None:
    for found, expected in zip(each_channel(sample), sample["tones"], strict=True):
        assert [tone.tone.value for tone in found] == [tone["tone"] for tone in expected]
        for tone, truth in zip(found, expected, strict=True):
            assert tone.start_s == pytest.approx(truth["start_s"], abs=POSITION_S)
            assert tone.stop_s == pytest.approx(truth["stop_s"], abs=POSITION_S)


def test_keys_and_tone_names_of_the_truth_agree() -> None:
    for sample in EXPECTED:
        for tone in (tone for tones in sample["tones"] for tone in tones):
            assert Tone.from_key(tone["key"]).value == tone["tone"]


def test_request_and_its_rendering_hold_the_same_tones_1000_ms_apart() -> None:
    request = json.loads((FOLDER / "senddtmftones.json").read_text())
    (found,) = each_channel(expected_of("senddtmftones.wav"))
    assert [tone.tone.value for tone in found] == request["tones"]
    gaps_ms = [1000.0 * (after.start_s - before.stop_s) for before, after in itertools.pairwise(found)]
    assert gaps_ms == pytest.approx([request["delayBetweenTonesMs"]] * 11, abs=1.0)


def test_two_parties_press_at_the_same_time() -> None:
    caller, callee = expected_of("two_parties.wav")["tones"]
    overlaps = [
        (one["key"], other["key"])
        for one in caller
        for other in callee
        if min(one["stop_s"], other["stop_s"]) - max(one["start_s"], other["start_s"]) >= 0.040
    ]
    assert len(overlaps) >= 8
    assert all(one != other for one, other in overlaps)


def test_media_stream_is_whole_frames_of_640_bytes() -> None:
    assert (FOLDER / "media_stream.s16le").stat().st_size % 640 == 0


def test_samples_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir() if path.is_file()) < MAX_BYTES


def test_readme_names_every_sample_its_keys_and_the_rate() -> None:
    lines = (FOLDER / "README.md").read_text(encoding="utf-8").splitlines()
    for sample in EXPECTED:
        row = next(line for line in lines if line.startswith(f"| `{sample['file']}`"))
        for tones in sample["tones"]:
            assert "".join(tone["key"] for tone in tones) in row
        assert f"{sample['samplerate']} Hz" in row
        assert f"samples/{sample['file']}" in row  # the command


def test_script_gives_the_same_bytes_twice(made: Path, tmp_path: Path) -> None:
    run_script(tmp_path)
    for path in sorted(tmp_path.iterdir()):
        assert path.read_bytes() == (made / path.name).read_bytes(), path.name


@pytest.mark.parametrize("name", ["expected.json", "senddtmftones.json"])
def test_script_writes_the_committed_truth(made: Path, name: str) -> None:
    """Positions are integers, so that these are equal to the byte."""
    assert json.loads((made / name).read_text()) == json.loads((FOLDER / name).read_text())


@pytest.mark.parametrize("sample", EXPECTED, ids=lambda sample: sample["file"])
def test_script_writes_the_committed_audio(made: Path, sample: dict[str, Any]) -> None:
    """Equal but for rounding.

    Sines, logarithms and Fourier transforms differ in the last bit from one build of numpy, scipy or libm to
    another; that tips a sample to the next 16-bit value or µ-law code now and then. So audio is compared, not bytes.
    """
    committed, remade = (read(folder, sample).astype(np.int64) for folder in (FOLDER, made))
    assert remade.shape == committed.shape
    step = (np.abs(committed) + 132) // 16 if sample["encoding"] == "mulaw" else 1  # 132: G.711's bias
    differs = remade != committed
    assert np.all(np.abs(remade - committed) <= step)
    assert np.count_nonzero(differs) <= 0.001 * differs.size
