"""Recordings made by other people, with what was dialled in them; skipped where they are not at hand.

They are looked for in the folder that ``DTMF_AUDIO_RECORDINGS`` names, or else beside the checkout: a ``manifest.csv``
with a row for each file or channel, and the files.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from dtmf_audio import InvalidSettingError, keys_of
from dtmf_audio.audio_io import RawFormat
from dtmf_audio.errors import AudioFileError
from dtmf_audio.files import decode_file

FOLDER = Path(os.environ.get("DTMF_AUDIO_RECORDINGS", Path(__file__).resolve().parents[2] / "shared" / "recordings"))
MANIFEST = FOLDER / "manifest.csv"
if not MANIFEST.is_file():
    pytest.skip("the recordings are not at hand", allow_module_level=True)

# What is beyond every administration's limits, and must not be heard as the key that it was made from.
TOO_FAR_OFF = {
    "697+1336_350_11.wav": "both tones are 3.3 % off nominal",
    "697+1633_142_3.wav": "the tones are 6.6 % and 3.2 % off nominal",
}
TOO_FAST = {"x10rf.wav": "its rate is 2,048,000 Hz"}


def rows():
    with MANIFEST.open(newline="") as file:
        for row in csv.DictReader(file):
            if row["scored"] == "1":
                yield pytest.param(row, id=f"{row['path']}:{row['channel']}")


def keys_by_channel(row):
    path = FOLDER / row["path"]
    raw = None
    if path.suffix == ".raw":
        raw = RawFormat(encoding="s16le", samplerate=int(row["samplerate"]), channels=int(row["channels"]))
    tones = decode_file(path, raw=raw)
    return [keys_of(t.tone for t in tones if t.channel == c) for c in range(int(row["channels"]))]


@pytest.mark.parametrize("row", list(rows()))
def test_the_keys_of_a_recording_are_heard(row):
    name = Path(row["path"]).name
    if name in TOO_FAST:
        with pytest.raises((AudioFileError, InvalidSettingError), match="sample rate is 2048000; it must be"):
            keys_by_channel(row)
        return
    wanted = "" if name in TOO_FAR_OFF else row["keys"]
    heard = keys_by_channel(row)
    if row["channel"] == "mix":  # the same keys in all channels: all of nothing, or one that has them
        assert set(heard) == {""} if wanted == "" else wanted in heard
    else:
        assert heard[int(row["channel"].removeprefix("c"))] == wanted
