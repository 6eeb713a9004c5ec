"""Recordings made by other people, with what was dialled in them: a ``manifest.csv`` with a row for each, and the files."""

from __future__ import annotations

import csv
from pathlib import Path

from dtmf_audio import keys_of
from dtmf_audio.audio_io import RawFormat
from dtmf_audio.files import decode_file

Row = dict[str, str]

# What is beyond every administration's limits, and must not be heard as the key that it was made from.
TOO_FAR_OFF = {
    "697+1336_350_11.wav": "both tones are 3.3 % off nominal",
    "697+1633_142_3.wav": "the tones are 6.6 % and 3.2 % off nominal",
}


def scored_rows(folder: Path) -> list[Row]:
    """Rows of the manifest whose truth is safe."""
    with (folder / "manifest.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["scored"] == "1"]


def wanted_keys(row: Row) -> str:
    """Keys that must be heard."""
    return "" if Path(row["path"]).name in TOO_FAR_OFF else row["keys"]


def raw_format(row: Row) -> RawFormat | None:
    """What a file without a header holds; None for the others."""
    if not row["path"].endswith(".raw"):
        return None
    return RawFormat(encoding="s16le", samplerate=int(row["samplerate"]), channels=int(row["channels"]))


def keys_by_channel(folder: Path, row: Row, *, profile: str = "default") -> list[str]:
    """Keys that the library hears in each channel of a recording."""
    tones = decode_file(folder / row["path"], raw=raw_format(row), profile=profile)
    return [keys_of(t.tone for t in tones if t.channel == c) for c in range(int(row["channels"]))]


def is_right(row: Row, heard: list[str]) -> bool:
    """Whether what was heard in each channel is what was dialled.

    Where the same keys are in all channels, nothing in all of them, or the keys in one.
    """
    wanted = wanted_keys(row)
    if row["channel"] == "mix":
        return set(heard) == {""} if wanted == "" else wanted in heard
    return heard[int(row["channel"].removeprefix("c"))] == wanted
