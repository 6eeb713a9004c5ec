"""Where audio comes from and goes to: paths, standard input and output, file objects, and what to call them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import BinaryIO

from dtmf_audio.errors import AudioFileError

Source = str | os.PathLike[str] | BinaryIO


def path_of(place: Source) -> str | None:
    """Return the path, or None for ``"-"`` and a file object; refuse one that is empty."""
    if not isinstance(place, (str, os.PathLike)) or os.fspath(place) == "-":
        return None
    if os.fspath(place) == "":
        raise AudioFileError("the name of the file is empty; give a path, or - for standard input and output")
    return os.fspath(place)


def name_of(place: Source, standard: str) -> str:
    if isinstance(place, (str, os.PathLike)):
        return path_of(place) or standard
    name = getattr(place, "name", None)
    return name if isinstance(name, str) else "audio stream"


def open_path(path: str) -> BinaryIO:
    try:
        return Path(path).open("rb")
    except FileNotFoundError as error:
        raise AudioFileError(f"{path}: there is no such file; check the path") from error
    except (OSError, ValueError) as error:
        if Path(path).is_dir():
            raise AudioFileError(
                f"{path}: is a directory; give the audio files in it by name, or decode them all with dtmf-audio scan"
            ) from error
        raise AudioFileError(
            f"{path}: cannot be opened ({reason(error)}); check the path and its permissions"
        ) from error


def input_stream(source: Source) -> tuple[BinaryIO, str]:
    name = name_of(source, "standard input")
    if not isinstance(source, (str, os.PathLike)):
        return source, name
    stream: BinaryIO | None = getattr(sys.stdin, "buffer", None)
    if stream is None:
        raise AudioFileError(f"{name}: is closed; give a file instead of -")
    return stream, name


def reason(error: Exception) -> str:
    """Return why, without the name that the message gives already."""
    said = getattr(error, "error_string", None)  # libsndfile's
    if said is not None:
        return str(said).removeprefix("Error : ").rstrip(".")
    return str(getattr(error, "strerror", None) or error).rstrip(".")
