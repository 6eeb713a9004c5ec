"""All that is asked of libsndfile; the only module that imports soundfile."""

from __future__ import annotations

import functools
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO

import numpy as np
import numpy.typing as npt
import soundfile as sf

from dtmf_audio.errors import AudioFileError
from dtmf_audio.pcm import DTYPES, Block
from dtmf_audio.places import reason

BREAK_STEP_FRAMES = 1024  # how exactly the place is known where a compressed stream breaks off
_MAY_BREAK_OFF = ("FLAC", "OGG", "MP3", "CAF")  # libsndfile's formats of such streams
ERRORS = (sf.SoundFileError, OSError, RuntimeError, TypeError, ValueError, AssertionError)


@functools.cache
def expansion(subtype: str) -> npt.NDArray[np.int16]:
    """Return the int16 value of each of the 256 µ-law or A-law codes, as libsndfile has them."""
    codes = io.BytesIO(bytes(range(256)))
    with sf.SoundFile(codes, samplerate=8000, channels=1, format="RAW", subtype=subtype) as file:
        values: npt.NDArray[np.int16] = file.read(dtype="int16")
    return values


class SequentialFile(sf.SoundFile):  # type: ignore[misc]  # soundfile ships no types
    """A SoundFile that soundfile does not seek in after each read; see the module's decisions."""

    def seekable(self) -> bool:
        """Return False, whatever the file could do."""
        return False


class FileDecoder:
    """Frames of a file that libsndfile reads."""

    def __init__(self, file: SequentialFile, name: str, *, frames: int | None, partial: bool) -> None:
        self._file = file
        self._name = name
        self._expected = frames
        self._partial = partial
        self._dtype = DTYPES.get(file.subtype, np.float32)
        self._position = 0
        self._ended = False

    def read(self, frames: int) -> Block:
        block = np.empty((frames, self._file.channels), self._dtype)
        step = BREAK_STEP_FRAMES if self._file.format in _MAY_BREAK_OFF else frames
        filled = 0
        while filled < frames and not self._ended:
            part = block[filled : filled + step]
            got = self._read_into(part)
            self._ended = got < len(part)
            filled += got
            self._position += got
        if self._ended and not filled:
            self._check_end()
        return block[:filled]

    def _read_into(self, part: Block) -> int:
        """Fill an array from its start; return how far, which is short only at the end."""
        try:
            return len(self._file.read(out=part))
        except (sf.SoundFileError, OSError, RuntimeError) as error:
            if self._partial:
                return 0
            raise self._breaks_off(reason(error)) from error

    def _check_end(self) -> None:
        if not self._partial and self._expected is not None and self._position < self._expected:
            raise self._breaks_off(f"its header promises {self._expected / self._file.samplerate:.3f} s")

    def _breaks_off(self, problem: str) -> AudioFileError:
        return AudioFileError(
            f"{self._name}: breaks off after {self._position / self._file.samplerate:.3f} s ({problem}); "
            "fetch it again, or decode what is there with partial=True (--partial)"
        )


def encode(
    blocks: Iterable[Block], *, samplerate: int, channels: int, container: str, subtype: str, endian: str | None
) -> bytes:
    """Return a whole file of blocks ``(m, channels)`` that hold what shall be stored."""
    encoded = io.BytesIO()
    with sf.SoundFile(
        encoded, "w", samplerate=samplerate, channels=channels, format=container, subtype=subtype, endian=endian
    ) as file:
        for block in blocks:
            file.write(block)
    return encoded.getvalue()


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What libsndfile calls the parts of a file's format."""

    container: str
    subtype: str
    endian: str
    samplerate: int
    channels: int


def describe(path: str) -> About:
    """Return what kind of file it is; it must be one that libsndfile reads."""
    with sf.SoundFile(path) as file:
        return About(
            container=file.format,
            subtype=file.subtype,
            endian=file.endian,
            samplerate=file.samplerate,
            channels=file.channels,
        )


def encode_file(target: IO[bytes], blocks: Iterable[Block], about: About) -> None:
    """Write a whole file of blocks ``(m, channels)`` that hold what shall be stored into one that is open."""
    handle = target.fileno() if os.name == "posix" else target
    with sf.SoundFile(
        handle,
        "w",
        samplerate=about.samplerate,
        channels=about.channels,
        format=about.container,
        subtype=about.subtype,
        closefd=False,
    ) as file:
        for block in blocks:
            file.write(block)
