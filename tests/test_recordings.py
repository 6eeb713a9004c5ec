"""Recordings made by other people, with what was dialled in them; skipped where they are not at hand.

They are looked for in the folder that ``DTMF_AUDIO_RECORDINGS`` names: a ``manifest.csv`` with a row for each file or
channel, and the files.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from recordings import is_right, keys_by_channel, scored_rows

from dtmf_audio import InvalidSettingError
from dtmf_audio.errors import AudioFileError

if "DTMF_AUDIO_RECORDINGS" not in os.environ:
    pytest.skip("DTMF_AUDIO_RECORDINGS names no folder of recordings", allow_module_level=True)
FOLDER = Path(os.environ["DTMF_AUDIO_RECORDINGS"])

TOO_FAST = {"x10rf.wav": "its rate is 2,048,000 Hz"}
FADING = {
    "test1.wav": "a tone of its last key fades for 51 ms and for 83 ms: heard as two presses, as a pause of 30 ms must be"
}


def parameter(row):
    name = Path(row["path"]).name
    marks = [pytest.mark.xfail(reason=FADING[name], strict=True)] if name in FADING else []
    return pytest.param(row, id=f"{row['path']}:{row['channel']}", marks=marks)


ROWS = [parameter(row) for row in scored_rows(FOLDER)]


@pytest.mark.parametrize("row", ROWS)
def test_the_keys_of_a_recording_are_heard(row):
    if Path(row["path"]).name in TOO_FAST:
        with pytest.raises((AudioFileError, InvalidSettingError), match="sample rate is 2048000; it must be"):
            keys_by_channel(FOLDER, row)
        return
    heard = keys_by_channel(FOLDER, row)
    assert is_right(row, heard), f"heard {heard}, dialled {row['keys']!r}"
