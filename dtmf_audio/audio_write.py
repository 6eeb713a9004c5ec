"""Audio into files and pipes: whole, or not at all.

Samples to write are floats of full scale 1.0 (integers are taken too, by their own full scale). An integer file of
``b`` bits holds ``rint(x * 2**(b - 1))``, limited to the largest value: nothing wraps around.

**Encoded in memory, written by Python.** libsndfile gives no error when the disk fills up while it
closes a FLAC, OGG, MP3 or GSM file. The encoded file is smaller than the samples, which are in memory already.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from dtmf_audio.errors import AudioFileError, InvalidSettingError, InvalidSignalError
from dtmf_audio.pcm import BITS, BLOCK_FRAMES, DTYPES, ENCODINGS, RAW_ENCODINGS, Block
from dtmf_audio.places import Source, name_of, path_of, reason
from dtmf_audio.signals import as_channels, check_samplerate, to_float, whole_steps


@dataclass(frozen=True, slots=True, kw_only=True)
class _Format:
    """A format that can be written; its first subtype is the default."""

    container: str  # libsndfile's name
    endings: tuple[str, ...]
    subtypes: dict[str, str]  # libsndfile's name by the user's
    endians: dict[str, str] = field(default_factory=dict)  # by the user's name of the subtype
    rates: tuple[int, ...] = ()  # Hz; empty: any


_PCM = {"pcm16": "PCM_16", "pcm24": "PCM_24", "pcm32": "PCM_32"}
_OTHER = {"float": "FLOAT", "double": "DOUBLE", "mulaw": "ULAW", "alaw": "ALAW"}
_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)  # MPEG 1, 2 and 2.5

_FORMATS = {
    "WAV": _Format(
        container="WAV",
        endings=(".wav", ".wave"),
        subtypes={
            **_PCM,
            "pcm8": "PCM_U8",
            **_OTHER,
            "gsm": "GSM610",
            "ima-adpcm": "IMA_ADPCM",
            "ms-adpcm": "MS_ADPCM",
        },
    ),
    "FLAC": _Format(
        container="FLAC", endings=(".flac",), subtypes={"pcm16": "PCM_16", "pcm24": "PCM_24", "pcm8": "PCM_S8"}
    ),
    "AIFF": _Format(
        container="AIFF", endings=(".aiff", ".aif", ".aifc"), subtypes={**_PCM, "pcm8": "PCM_S8", **_OTHER}
    ),
    "AU": _Format(container="AU", endings=(".au", ".snd"), subtypes={**_PCM, "pcm8": "PCM_S8", **_OTHER}),
    "OGG": _Format(container="OGG", endings=(".ogg", ".oga"), subtypes={"vorbis": "VORBIS"}),
    "OPUS": _Format(
        container="OGG", endings=(".opus",), subtypes={"opus": "OPUS"}, rates=(8000, 12000, 16000, 24000, 48000)
    ),
    "MP3": _Format(container="MP3", endings=(".mp3",), subtypes={"mp3": "MPEG_LAYER_III"}, rates=_MP3_RATES),
    "RAW": _Format(
        container="RAW",
        endings=(".raw", ".pcm"),
        subtypes={name: ENCODINGS[name].subtype for name in ("s16le", *RAW_ENCODINGS)},
        endians={name: encoding.endian for name, encoding in ENCODINGS.items()},
    ),
}
WRITE_FORMATS = tuple(sorted(_FORMATS))
WRITE_SUBTYPES = {name: tuple(sorted(form.subtypes)) for name, form in sorted(_FORMATS.items())}


def write_audio(
    target: Source,
    samples: npt.ArrayLike,
    samplerate: int,
    *,
    file_format: str | None = None,
    subtype: str | None = None,
) -> None:
    """Write a whole file; a path holds it complete, or what it held before.

    Parameters
    ----------
    target : str, os.PathLike or binary file object
        A path, or ``"-"`` for standard output.
    samples : float, shape (n,) or (n, channels)
        Full scale 1.0; beyond it integer formats are limited. Integers are taken by their own full scale.
    samplerate : int
        Hz, from 4000 to 192000.
    file_format : str, optional
        One of ``WRITE_FORMATS``, in any case. Without it the path's ending tells, and ``"-"`` is WAV.
    subtype : str, optional
        One of ``WRITE_SUBTYPES[file_format]``; without it 16-bit PCM, or the format's only
        one. For RAW it is the encoding.

    Raises
    ------
    InvalidSettingError
        The format, the subtype or the rate is none that can be written.
    InvalidSignalError
        The samples are no audio, or there are none.
    AudioFileError
        The target cannot be written; what was there before is untouched.
    BrokenPipeError
        The reader of the pipe has gone.
    """
    name = name_of(target, "standard output")
    form, subtype = _choose_format(target, name, file_format, subtype)
    rate = check_samplerate(samplerate)
    if form.rates and rate not in form.rates:
        raise InvalidSettingError(
            f"{name}: sample rate is {rate}; {subtype} takes {', '.join(map(str, form.rates))}: choose one of them, "
            "or WAV"
        )
    columns = as_channels(samples)
    if not len(columns):
        raise InvalidSignalError(f"{name}: signal of shape {columns.shape} has no samples to write; give 1 or more")
    encoded = _encode(columns, rate, form, subtype, name)
    path = path_of(target)
    if path is None:
        _write_stream(target, name, encoded)
    else:
        with replace_file(path) as file:
            file.write(encoded)


@contextlib.contextmanager
def replace_file(target: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file for writing that takes its place only when the ``with`` block ends without an exception.

    The bytes go to a temporary file in the same directory, which is renamed at the end and removed on any
    exception. A target that exists and is no regular file (``/dev/null``, a FIFO) is written directly; of a
    symbolic link, the file that it points to is replaced.

    Parameters
    ----------
    target : str or os.PathLike

    Yields
    ------
    binary file object, open for writing

    Raises
    ------
    AudioFileError
        The directory is missing, or the system refuses to write (the disk is full, for one).
    BrokenPipeError
        The target is a FIFO and its reader has gone.
    """
    name = os.fspath(target)
    try:
        if Path(name).is_dir():
            raise AudioFileError(f"{name}: is a directory; give the path of a file in it")
        if Path(name).exists() and not Path(name).is_file():
            with Path(name).open("wb") as device:
                yield device
            return
        path = Path(os.path.realpath(name))
        if not path.parent.is_dir():
            raise AudioFileError(f"{name}: directory {str(path.parent)!r} does not exist; create it first")
        with _renamed_to(path) as file:
            yield file
    except (AudioFileError, BrokenPipeError):
        raise
    except OSError as error:
        raise AudioFileError(
            f"{name}: cannot be written ({reason(error)}); free space, change permissions, or write elsewhere"
        ) from error


@contextlib.contextmanager
def _renamed_to(path: Path) -> Iterator[BinaryIO]:
    temporary = path.with_name(f".dtmf-audio-{os.urandom(8).hex()}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
        if path.exists():
            temporary.chmod(stat.S_IMODE(path.stat().st_mode))
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def _write_stream(target: Source, name: str, encoded: bytes) -> None:
    stream = getattr(sys.stdout, "buffer", None) if isinstance(target, (str, os.PathLike)) else target
    if stream is None:
        raise AudioFileError(f"{name}: is closed; give a file instead of -")
    try:
        stream.write(encoded)
        stream.flush()
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:
        raise AudioFileError(f"{name}: cannot be written ({reason(error)}); write to a file elsewhere") from error


def _choose_format(target: Source, name: str, file_format: str | None, subtype: str | None) -> tuple[_Format, str]:
    """Return the format and the user's name of the subtype."""
    form = _FORMATS["WAV"]
    if file_format is not None:
        if file_format.upper() not in _FORMATS:
            raise InvalidSettingError(
                f"{name}: format {file_format!r} cannot be written; choose one of {', '.join(WRITE_FORMATS)}"
            )
        form = _FORMATS[file_format.upper()]
    elif (path := path_of(target)) is not None:
        by_ending = {ending: each for each in _FORMATS.values() for ending in each.endings}
        ending = Path(path).suffix.lower()
        if ending not in by_ending:
            raise InvalidSettingError(
                f"{name}: its ending {ending!r} tells no format; use one of {', '.join(by_ending)}, or name the format"
            )
        form = by_ending[ending]
    chosen = subtype.lower() if subtype is not None else next(iter(form.subtypes))
    if chosen not in form.subtypes:
        raise InvalidSettingError(
            f"{name}: subtype {subtype!r} is not one of this format; choose one of {', '.join(form.subtypes)}"
        )
    return form, chosen


def _encode(columns: Block, samplerate: int, form: _Format, subtype: str, name: str) -> bytes:
    """Return the whole file. In blocks: a long signal in one call overflows the stack in libvorbis."""
    from dtmf_audio.libsndfile import ERRORS, encode

    stored = form.subtypes[subtype]
    starts = range(0, len(columns), BLOCK_FRAMES)
    blocks = (_quantise(_full_scale_1(columns[start : start + BLOCK_FRAMES], start), stored) for start in starts)
    try:
        return encode(
            blocks,
            samplerate=samplerate,
            channels=columns.shape[1],
            container=form.container,
            subtype=stored,
            endian=form.endians.get(subtype),
        )
    except ERRORS as error:
        if isinstance(error, InvalidSignalError):
            raise
        raise AudioFileError(
            f"{name}: {form.container} {subtype} of {columns.shape[1]} channels at {samplerate} Hz cannot be encoded "
            f"({reason(error)}); choose WAV pcm16"
        ) from error


def _full_scale_1(block: Block, start: int) -> npt.NDArray[np.float64]:
    return np.stack([to_float(channel, np.float64, offset=start) for channel in block.T], axis=1)


def _quantise(samples: npt.NDArray[np.float64], stored: str) -> Block:
    """Return what libsndfile shall store: integers in the upper bits of their container, or floats as they are.

    libsndfile's own conversion from floats is not used: it scales by 32767 and truncates to 24 bits.
    """
    if DTYPES.get(stored, np.float32) not in (np.int16, np.int32):
        return samples.astype(np.float32) if stored == "FLOAT" else samples
    bits = BITS.get(stored, 16)
    whole = whole_steps(samples, bits)
    if bits <= 16:
        return whole.astype(np.int16) * np.int16(2 ** (16 - bits))
    return whole.astype(np.int32) * np.int32(2 ** (32 - bits))
