"""Audio files, pipes and raw PCM in and out; the only module that imports soundfile.

Conventions
-----------
- A *source* is a path, ``"-"`` for standard input, or a binary file object; a path that is no regular file
  (a FIFO, a shell's ``<(...)``) is read as a pipe. A *target* is a path, ``"-"`` or a binary file object.
- Blocks are ``(m, channels)`` in the narrowest dtype of :mod:`dtmf_audio.signals` that loses nothing: int16 for up to
  16 bits and the telephone codecs, int32 for 24 and 32 bits, float64 for doubles, float32 for the rest.
- Samples to write are floats of full scale 1.0 (integers are taken too, by their own full scale). An integer
  file of ``b`` bits holds ``rint(x * 2**(b - 1))``, limited to the largest value: nothing wraps around.
- What is wrong with a file is an :class:`AudioFileError`, ``NAME: problem; remedy``.

Decisions
---------
**libsndfile reads files; a WAV or raw PCM on a pipe is read here.** libsndfile needs to seek, and waits for the end;
here the header is walked chunk by chunk and the samples come out as they arrive, in bounded memory, however
long the pipe stays open. Other containers on a pipe are copied to a temporary file first, with a bound.

**Headers are checked here too.** libsndfile shortens a truncated WAV, AIFF or AU without a word, so the length that
the header declares is compared with the bytes that are there. It also takes a length of 0 for an
empty file, though interrupted recorders and pipes leave 0 behind: such a WAV is read to its end, like a pipe.

**No seeking while reading.** soundfile seeks after each read, to where it already is. In an MP3 that throws
away the decoder's bit reservoir, so that the samples would depend on the size of the blocks; in a FLAC that
breaks off it hides the frames before the break.

**Encoded in memory, written by Python.** libsndfile gives no error when the disk fills up while it
closes a FLAC, OGG, MP3 or GSM file. The encoded file is smaller than the samples, which are in memory already.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import secrets
import shutil
import stat
import struct
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Literal, Protocol, Self, cast

import numpy as np
import numpy.typing as npt
import soundfile as sf

from dtmf_audio.errors import AudioFileError, InvalidSettingError, InvalidSignalError
from dtmf_audio.signals import MAX_CHANNELS, as_channels, check_samplerate, to_float

Source = str | os.PathLike[str] | BinaryIO
Block = npt.NDArray[Any]

BLOCK_FRAMES = 2**18
MAX_BLOCK_SAMPLES = 2**21  # frames times channels: a file of 1024 channels is read in shorter blocks
MAX_HEADER_BYTES = 2**24  # of a WAV on a pipe, up to its samples; recorders' metadata takes some kilobytes
MAX_CHUNKS = 1024  # before the samples; a file of empty chunks must end somewhere
MAX_SPOOL_BYTES = 2**31  # of a pipe copied to a temporary file
BREAK_STEP_FRAMES = 1024  # how exactly the place is known where a compressed stream breaks off
_MAY_BREAK_OFF = ("FLAC", "OGG", "MP3", "CAF")  # libsndfile's formats of such streams
_COPY_BYTES = 2**20
_ENDLESS = 2**62  # libsndfile's frame count of a FLAC that does not know its own is 2**63 - 1

_BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
_INT16_CODECS = (
    *("ULAW", "ALAW", "GSM610", "IMA_ADPCM", "MS_ADPCM", "VOX_ADPCM", "G721_32", "G723_24", "G723_40"),
    *("NMS_ADPCM_16", "NMS_ADPCM_24", "NMS_ADPCM_32", "DWVW_12", "DWVW_16", "DPCM_8", "DPCM_16", "ALAC_16"),
)
_DTYPES: dict[str, type[np.generic]] = {
    **{subtype: np.int16 if bits <= 16 else np.int32 for subtype, bits in _BITS.items()},
    **dict.fromkeys(_INT16_CODECS, np.int16),
    **dict.fromkeys(("DWVW_24", "ALAC_20", "ALAC_24", "ALAC_32"), np.int32),
    "DOUBLE": np.float64,
}  # by libsndfile's name of the subtype; float32 for what is not here


# --- raw PCM -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Encoding:
    """How one sample is stored: bytes, their order, and libsndfile's name."""

    subtype: str
    width: int
    endian: str = "LITTLE"


_ENCODINGS = {
    "s8": _Encoding("PCM_S8", 1),
    "u8": _Encoding("PCM_U8", 1),
    "mulaw": _Encoding("ULAW", 1),
    "alaw": _Encoding("ALAW", 1),
    **{
        f"{name}{suffix}": _Encoding(subtype, width, endian)
        for name, subtype, width in (
            ("s16", "PCM_16", 2),
            ("s24", "PCM_24", 3),
            ("s32", "PCM_32", 4),
            ("f32", "FLOAT", 4),
            ("f64", "DOUBLE", 8),
        )
        for suffix, endian in (("le", "LITTLE"), ("be", "BIG"))
    },
}
RAW_ENCODINGS = tuple(sorted(_ENCODINGS))


@dataclass(frozen=True, slots=True, kw_only=True)
class RawFormat:
    """What a headerless file or pipe holds.

    Parameters
    ----------
    encoding : str
        One of ``RAW_ENCODINGS``.
    samplerate : int
        Hz, from 4000 to 192000.
    channels : int
        Interleaved.

    Raises
    ------
    InvalidSettingError
        One of them is none that can be read.
    """

    encoding: str
    samplerate: int
    channels: int = 1

    def __post_init__(self) -> None:
        if self.encoding not in _ENCODINGS:
            raise InvalidSettingError(
                f"raw encoding is {self.encoding!r}; it must be one of {', '.join(RAW_ENCODINGS)}"
            )
        check_samplerate(self.samplerate)
        if type(self.channels) is not int or not 1 <= self.channels <= MAX_CHANNELS:
            raise InvalidSettingError(
                f"raw channel count is {self.channels!r}; it must be a whole number from 1 to {MAX_CHANNELS}"
            )

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of every channel."""
        return _ENCODINGS[self.encoding].width * self.channels


def _decode_pcm(payload: bytes | bytearray, raw: RawFormat) -> Block:
    """Return whole frames as an array ``(m, channels)``.

    By numpy, not by libsndfile through a file object: an interrupt that arrives in a callback from C is lost.
    """
    encoding = _ENCODINGS[raw.encoding]
    order: Literal["<", ">"] = ">" if encoding.endian == "BIG" else "<"
    dtype = _DTYPES.get(encoding.subtype, np.float32)
    samples: Block
    if encoding.subtype in ("ULAW", "ALAW"):
        samples = _expansion(encoding.subtype)[np.frombuffer(payload, np.uint8)]
    elif encoding.subtype == "PCM_24":
        stored = np.frombuffer(payload, np.uint8).reshape(-1, 3)
        widened = np.zeros((len(stored), 4), np.uint8)
        widened[:, slice(1, 4) if order == "<" else slice(0, 3)] = stored
        samples = widened.view(f"{order}i4")[:, 0].astype(dtype, copy=False)
    elif encoding.subtype == "PCM_U8":
        samples = (np.frombuffer(payload, np.uint8).astype(dtype) - 128) * 256
    elif encoding.subtype == "PCM_S8":
        samples = np.frombuffer(payload, np.int8).astype(dtype) * 256
    else:
        samples = np.frombuffer(payload, np.dtype(dtype).newbyteorder(order)).astype(dtype)
    return samples.reshape(-1, raw.channels)


@functools.cache
def _expansion(subtype: str) -> npt.NDArray[np.int16]:
    """Return the int16 value of each of the 256 µ-law or A-law codes, as libsndfile has them."""
    codes = io.BytesIO(bytes(range(256)))
    with sf.SoundFile(codes, samplerate=8000, channels=1, format="RAW", subtype=subtype) as file:
        values: npt.NDArray[np.int16] = file.read(dtype="int16")
    return values


# --- headers -----------------------------------------------------------------------------------------------------


class _MalformedError(Exception):
    """A header that cannot be what it says it is; the text is the problem, without the file's name."""


class _Front:
    """The front of a stream, read once from start to end.

    From a pipe every byte is kept, within a bound, so that another reader can start over; in a file, what is not
    wanted is skipped by seeking.
    """

    def __init__(self, stream: BinaryIO, *, keep: bool) -> None:
        self._stream = stream
        self._keep = keep
        self.kept = bytearray()
        self.position = 0

    def take(self, count: int) -> bytes:
        """Return exactly ``count`` bytes, fewer only at the end of the stream."""
        if self._keep and len(self.kept) + count > MAX_HEADER_BYTES:
            raise _MalformedError(f"its header goes on past {MAX_HEADER_BYTES} bytes without a sample")
        taken = bytearray()
        while len(taken) < count and (more := self._stream.read(count - len(taken))):
            taken += more
        if self._keep:
            self.kept += taken
        self.position += len(taken)
        return bytes(taken)

    def skip(self, count: int) -> None:
        if self._keep:
            self.take(count)
        else:
            self._stream.seek(count, os.SEEK_CUR)
            self.position += count


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """What a header says of the samples: where they start and how many bytes of them there are."""

    container: str
    data_start: int
    declared: int | None  # bytes; None: the writer did not know
    pcm: RawFormat | None = None  # None: libsndfile must decode it


_WAVE_MAGICS = {b"RIFF": "<", b"RIFX": ">", b"RF64": "<"}
_WAVE_CODECS = {
    (1, 1): "u8",
    (1, 2): "s16",
    (1, 3): "s24",
    (1, 4): "s32",
    (3, 4): "f32",
    (3, 8): "f64",
    (6, 1): "alaw",
    (7, 1): "mulaw",
}  # by format tag and bytes per sample; Microsoft, mmreg.h
_WAVE_EXTENSIBLE = 0xFFFE


def _read_layout(front: _Front) -> _Layout | None:
    """Read a WAV, AIFF or AU header up to its first sample; None for any other container.

    Raises
    ------
    _MalformedError
        The header contradicts itself or ends early.
    InvalidSettingError
        The rate of a WAV is outside 4000 to 192000 Hz.
    """
    magic = front.take(12)
    if magic[:4] in _WAVE_MAGICS and magic[8:] == b"WAVE":
        return _read_wave(front, magic)
    if magic[:4] == b"FORM" and magic[8:] in (b"AIFF", b"AIFC"):
        return _read_aiff(front)
    if magic[:4] in (b".snd", b"dns.") and len(magic) == 12:
        start, size = struct.unpack(">II" if magic[:4] == b".snd" else "<II", magic[4:])
        return _Layout(container="AU", data_start=start, declared=None if _is_placeholder(size) else size)
    return None


def _is_placeholder(size: int) -> bool:
    """Tell whether a length is what a writer puts that cannot go back to fill it in.

    Seen: 0xFFFFFFFF (ffmpeg), 0x7FFFF000 (sox), 0x80000000 (arecord), and those less a header's length.
    """
    return any(top - 2**16 < size <= top for top in (2**31, 2**32))


def _chunks(front: _Front, order: str) -> Iterator[tuple[bytes, int]]:
    """Yield each chunk's name and size, and skip what the caller left of it."""
    for _ in range(MAX_CHUNKS):
        header = front.take(8)
        if len(header) < 8:
            return
        name, size = header[:4], struct.unpack(f"{order}I", header[4:])[0]
        end = front.position + size + size % 2
        yield name, size
        front.skip(end - front.position)
    raise _MalformedError(f"it has over {MAX_CHUNKS} chunks and no sample among them")


def _read_wave(front: _Front, magic: bytes) -> _Layout:
    order = _WAVE_MAGICS[magic[:4]]
    riff_size = struct.unpack(f"{order}I", magic[4:8])[0]
    long_size: int | None = None
    pcm: RawFormat | None = None
    has_format = False
    for name, size in _chunks(front, order):
        if name == b"ds64":  # RF64: the sizes that 32 bits cannot hold
            sizes = front.take(min(size, 24))
            long_size = struct.unpack("<Q", sizes[8:16])[0] if len(sizes) >= 16 else None
        elif name == b"fmt ":
            pcm, has_format = _read_fmt(front.take(min(size, 40)), order), True
        elif name == b"data":
            if not has_format:
                raise _MalformedError("its data chunk comes before any fmt chunk")
            if magic[:4] == b"RF64" and size == 2**32 - 1:
                declared = long_size if long_size and long_size < _ENDLESS else None
            elif size == 0:
                finished = riff_size + 8 > front.position and not _is_placeholder(riff_size)
                declared = 0 if finished else None
            else:
                declared = None if _is_placeholder(size) else size
            return _Layout(container="WAV", data_start=front.position, declared=declared, pcm=pcm)
    raise _MalformedError(f"its header ends without a {'data' if has_format else 'fmt'} chunk")


def _read_fmt(fmt: bytes, order: str) -> RawFormat | None:
    """Read a fmt chunk; None when its codec is one that only libsndfile decodes."""
    if len(fmt) < 16:
        raise _MalformedError(f"its fmt chunk has {len(fmt)} bytes, and 16 are the least")
    tag, channels, samplerate, _, frame_bytes, bits = struct.unpack(f"{order}HHIIHH", fmt[:16])
    if not 1 <= channels <= MAX_CHANNELS:
        raise _MalformedError(f"its header declares {channels} channels, and 1 to {MAX_CHANNELS} are taken")
    check_samplerate(samplerate)
    if tag == _WAVE_EXTENSIBLE and len(fmt) >= 26:
        tag = struct.unpack(f"{order}H", fmt[24:26])[0]
    width = frame_bytes // channels if frame_bytes and frame_bytes % channels == 0 else (bits + 7) // 8
    codec = _WAVE_CODECS.get((tag, width))
    if codec is None:
        return None
    suffix = "" if width == 1 else {"<": "le", ">": "be"}[order]
    return RawFormat(encoding=codec + suffix, samplerate=samplerate, channels=channels)


def _read_aiff(front: _Front) -> _Layout:
    for name, size in _chunks(front, ">"):
        if name == b"SSND":
            front.take(8)  # offset and block size
            declared = None if size >= 0x7F000000 else max(size - 8, 0)  # sox on a pipe: 0x7F000008
            return _Layout(container="AIFF", data_start=front.position, declared=declared)
    raise _MalformedError("its header ends without a SSND chunk")


# --- reading -----------------------------------------------------------------------------------------------------


class _Decoder(Protocol):
    """Gives the next frames, at most so many; none at the end, where it also says what is missing."""

    def read(self, frames: int) -> Block: ...


class _PcmDecoder:
    """Frames of raw PCM from a stream, as soon as they arrive."""

    def __init__(
        self, stream: BinaryIO, name: str, raw: RawFormat, *, declared: int | None, headerless: bool, partial: bool
    ) -> None:
        self._read_some = getattr(stream, "read1", stream.read)
        self._name = name
        self._raw = raw
        self._declared = declared
        self._headerless = headerless
        self._partial = partial
        self._pending = bytearray()
        self._received = 0

    def read(self, frames: int) -> Block:
        size = self._raw.frame_bytes
        while len(self._pending) < size:
            wanted = frames * size - len(self._pending)
            if self._declared is not None:
                wanted = min(wanted, self._declared - self._received)
            try:
                more = self._read_some(wanted) if wanted else b""
            except (OSError, ValueError) as error:
                raise AudioFileError(
                    f"{self._name}: cannot be read ({_reason(error)}); check where it comes from"
                ) from error
            if not more:
                self._check_end()
                self._pending.clear()
                break
            self._received += len(more)
            self._pending += more
        whole = len(self._pending) // size * size
        payload = self._pending[:whole]
        del self._pending[:whole]
        return _decode_pcm(payload, self._raw)

    def _check_end(self) -> None:
        if self._partial:
            return
        if self._declared is not None and self._received < self._declared:
            raise _truncated(self._name, self._declared, self._received)
        if self._headerless and self._pending:
            raise _ragged(self._name, self._raw, self._received)


class _SequentialFile(sf.SoundFile):  # type: ignore[misc]  # soundfile ships no types
    """A SoundFile that soundfile does not seek in after each read; see the module's decisions."""

    def seekable(self) -> bool:
        """Return False, whatever the file could do."""
        return False


class _FileDecoder:
    """Frames of a file that libsndfile reads."""

    def __init__(self, file: _SequentialFile, name: str, *, frames: int | None, partial: bool) -> None:
        self._file = file
        self._name = name
        self._expected = frames
        self._partial = partial
        self._dtype = _DTYPES.get(file.subtype, np.float32)
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
            raise self._breaks_off(_reason(error)) from error

    def _check_end(self) -> None:
        if not self._partial and self._expected is not None and self._position < self._expected:
            raise self._breaks_off(f"its header promises {self._expected / self._file.samplerate:.3f} s")

    def _breaks_off(self, problem: str) -> AudioFileError:
        return AudioFileError(
            f"{self._name}: breaks off after {self._position / self._file.samplerate:.3f} s ({problem}); "
            "fetch it again, or decode what is there with partial=True (--partial)"
        )


class AudioReader:
    """An open source of audio, read in blocks from start to end; a context manager.

    Attributes
    ----------
    name : str
        For messages: the path, or "standard input".
    samplerate : int
        Hz, from 4000 to 192000.
    channels : int
    frames : int or None
        Samples of each channel by the header; None where it does not say. An MP3 may hold a few less.
    """

    def __init__(
        self,
        decoder: _Decoder,
        resources: contextlib.ExitStack,
        *,
        name: str,
        samplerate: int,
        channels: int,
        frames: int | None,
    ) -> None:
        self._decoder = decoder
        self._resources = resources
        self._position = 0
        self.name = name
        self.samplerate = samplerate
        self.channels = channels
        self.frames = frames

    def blocks(self, frames: int = BLOCK_FRAMES) -> Iterator[Block]:
        """Yield the samples in order, a block as soon as it is there.

        Parameters
        ----------
        frames : int
            The most that one block holds; a pipe gives shorter ones as they arrive, many channels too.

        Yields
        ------
        int16, int32, float32 or float64, shape (m, channels), m > 0
            A new array each time; the dtype is the same throughout.

        Raises
        ------
        InvalidSettingError
            ``frames`` is below 1.
        AudioFileError
            The source breaks off, is shorter than it declares, or holds no sample at all.
        """
        if frames < 1:
            raise InvalidSettingError(f"block of {frames} frames asked for; it must have 1 or more")
        most = max(1, min(frames, MAX_BLOCK_SAMPLES // self.channels))
        while len(block := self._decoder.read(most)):
            self._position += len(block)
            yield block
        if not self._position:
            raise _no_samples(self.name)

    def close(self) -> None:
        """Close what was opened; standard input and file objects passed in stay open."""
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_audio(source: Source, *, raw: RawFormat | None = None, partial: bool = False) -> AudioReader:
    """Open audio for reading.

    Parameters
    ----------
    source : str, os.PathLike or binary file object
        A path, or ``"-"`` for standard input. A file object is read as a pipe, from where it stands.
    raw : RawFormat, optional
        The source has no header and holds this.
    partial : bool
        Take what is there of a source that breaks off, instead of refusing it.

    Returns
    -------
    AudioReader
        To be closed, best by ``with``.

    Raises
    ------
    AudioFileError
        It cannot be opened, is no audio, holds no sample, or less than it declares.
    """
    with contextlib.ExitStack() as resources:
        path = _path_of(source)
        if path is None:
            stream, name = _input_stream(source)
        else:
            stream, name = resources.enter_context(_open_path(path)), path
        opening = _Opening(name, raw, partial, resources)
        try:
            if path is not None and stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                return opening.file(stream, path)
            return opening.pipe(stream)
        except AudioFileError:
            raise
        except _MalformedError as error:
            raise AudioFileError(f"{name}: not an audio file that can be read: {error}; {_GIVE_AUDIO}") from error
        except InvalidSettingError as error:
            raise AudioFileError(f"{name}: {error}") from error
        except (OSError, ValueError) as error:
            raise AudioFileError(f"{name}: cannot be read ({_reason(error)}); check where it comes from") from error


def read_audio(source: Source, *, raw: RawFormat | None = None, partial: bool = False) -> tuple[Block, int]:
    """Read all of a source into memory; the parameters and errors are those of :func:`open_audio`.

    Returns
    -------
    samples : int16, int32, float32 or float64, shape (n, channels)
    samplerate : int
        Hz.
    """
    with open_audio(source, raw=raw, partial=partial) as reader:
        return np.concatenate(list(reader.blocks())), reader.samplerate


def _path_of(place: Source) -> str | None:
    """Return the path, or None for ``"-"`` and a file object; refuse one that is empty."""
    if not isinstance(place, (str, os.PathLike)) or os.fspath(place) == "-":
        return None
    if os.fspath(place) == "":
        raise AudioFileError("the name of the file is empty; give a path, or - for standard input and output")
    return os.fspath(place)


def _name_of(place: Source, standard: str) -> str:
    if isinstance(place, (str, os.PathLike)):
        return _path_of(place) or standard
    name = getattr(place, "name", None)
    return name if isinstance(name, str) else "audio stream"


def _open_path(path: str) -> BinaryIO:
    try:
        return Path(path).open("rb")
    except FileNotFoundError as error:
        raise AudioFileError(f"{path}: there is no such file; check the path") from error
    except (OSError, ValueError) as error:
        if Path(path).is_dir():
            raise AudioFileError(f"{path}: is a directory; give the audio files in it by name") from error
        raise AudioFileError(
            f"{path}: cannot be opened ({_reason(error)}); check the path and its permissions"
        ) from error


def _input_stream(source: Source) -> tuple[BinaryIO, str]:
    name = _name_of(source, "standard input")
    if not isinstance(source, (str, os.PathLike)):
        return source, name
    stream: BinaryIO | None = getattr(sys.stdin, "buffer", None)
    if stream is None:
        raise AudioFileError(f"{name}: is closed; give a file instead of -")
    return stream, name


@dataclass(frozen=True, slots=True)
class _Opening:
    """One call of :func:`open_audio`: what the caller asked for, and what must be closed again."""

    name: str
    raw: RawFormat | None
    partial: bool
    resources: contextlib.ExitStack

    def file(self, file: BinaryIO, path: str | None) -> AudioReader:
        """Open a regular file, at its start; without a path, one that was copied from a pipe."""
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            raise _empty(self.name)
        if self.raw is not None:
            if size % self.raw.frame_bytes and not self.partial:
                raise _ragged(self.name, self.raw, size)
            return self.pcm(file, self.raw, declared=size, headerless=True)
        layout, problem = None, None
        try:
            layout = _read_layout(_Front(file, keep=False))
        except _MalformedError as error:
            problem = str(error)  # libsndfile forgives more: it is asked, and this is said if it refuses too
        file.seek(0)
        if layout is not None and layout.container == "WAV" and layout.declared is None:
            return self.pipe(file)
        return self.encoded(file, path, layout, problem)

    def pipe(self, stream: BinaryIO) -> AudioReader:
        """Open a stream that cannot seek, or whose end alone tells its length."""
        if self.raw is not None:
            return self.pcm(stream, self.raw, declared=None, headerless=True)
        front = _Front(stream, keep=True)
        layout = _read_layout(front)
        if not front.kept:
            raise _empty(self.name)
        if layout is None or layout.container != "WAV":
            return self.file(self.spool(front.kept, stream), None)
        if layout.pcm is not None:
            return self.pcm(stream, layout.pcm, declared=layout.declared, headerless=False)
        if layout.declared is None:
            front.kept[-4:] = b"\xff" * 4  # the size of the data chunk: libsndfile reads on at this one, not at 0
        return self.encoded(self.spool(front.kept, stream), None, layout, None)

    def spool(self, front: bytearray, stream: BinaryIO) -> BinaryIO:
        """Copy the front of a stream and its rest to a temporary file that has no name."""
        spool = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the other resources
        self.resources.callback(spool.close)
        spool.write(front)
        copied = len(front)
        while more := stream.read(_COPY_BYTES):
            copied += len(more)
            if copied > MAX_SPOOL_BYTES:
                raise AudioFileError(
                    f"{self.name}: is not a PCM WAV, and goes on past the {MAX_SPOOL_BYTES} bytes that are copied of a "
                    "pipe in another format; save it to a file and give that"
                )
            spool.write(more)
        spool.flush()
        # Unbuffered: libsndfile moves the position of the same descriptor.
        reading = open(spool.fileno(), "rb", buffering=0, closefd=False)  # noqa: SIM115
        reading.seek(0)
        return cast(BinaryIO, reading)

    def pcm(self, stream: BinaryIO, raw: RawFormat, *, declared: int | None, headerless: bool) -> AudioReader:
        """Open a stream that stands at its first sample."""
        if declared is not None and declared < raw.frame_bytes:
            raise _no_samples(self.name)
        decoder = _PcmDecoder(stream, self.name, raw, declared=declared, headerless=headerless, partial=self.partial)
        frames = None if declared is None else declared // raw.frame_bytes
        return self.reader(decoder, raw.samplerate, raw.channels, frames)

    def encoded(self, file: BinaryIO, path: str | None, layout: _Layout | None, problem: str | None) -> AudioReader:
        """Open a regular file with libsndfile; ``problem`` is what was found wrong with its header."""
        if layout is not None and layout.declared is not None and not self.partial:
            held = os.fstat(file.fileno()).st_size - layout.data_start
            if held < layout.declared:
                raise _truncated(self.name, layout.declared, max(held, 0))
        try:
            opened = self.resources.enter_context(_SequentialFile(_handle(file, path), closefd=False))
        except (sf.SoundFileError, OSError, RuntimeError, TypeError, ValueError) as error:
            raise _MalformedError(
                problem or f"it begins with {_first_bytes(file)!r}, and libsndfile says: {_reason(error)}"
            ) from error
        if opened.format == "RAW" and opened.subtype == "ULAW":
            raise _MalformedError("it has no header, and only its name says AU")  # libsndfile would guess µ-law
        frames = opened.frames if 0 <= opened.frames < _ENDLESS else None
        if frames == 0:
            raise _no_samples(self.name)
        estimated = opened.subtype.startswith("MPEG_LAYER")  # from the size of the first frames
        decoder = _FileDecoder(opened, self.name, frames=None if estimated else frames, partial=self.partial)
        return self.reader(decoder, check_samplerate(opened.samplerate), opened.channels, frames)

    def reader(self, decoder: _Decoder, samplerate: int, channels: int, frames: int | None) -> AudioReader:
        """Hand the resources over to a reader; nothing fails after this."""
        return AudioReader(
            decoder,
            self.resources.pop_all(),
            name=self.name,
            samplerate=samplerate,
            channels=channels,
            frames=frames,
        )


def _handle(file: BinaryIO, path: str | None) -> str | int | BinaryIO:
    """Return what libsndfile shall open.

    The path, where there is one: libsndfile knows a few headerless formats by the ending. Otherwise the
    descriptor: in the callbacks to a Python object an interrupt would be lost.
    """
    if path is not None:
        return path
    file.seek(0)
    return file.fileno() if os.name == "posix" else file


_GIVE_AUDIO = (
    "give a WAV, FLAC, OGG, Opus, MP3, AIFF or AU file, or, if it is raw PCM, give its encoding, rate and channels "
    "(--raw s16le --samplerate 8000 --channels 1)"
)


def _first_bytes(file: BinaryIO) -> bytes:
    with contextlib.suppress(OSError, ValueError):
        file.seek(0)
        return file.read(8)
    return b""


def _reason(error: Exception) -> str:
    """Return why, without the name that the message gives already."""
    if isinstance(error, sf.LibsndfileError):
        return str(error.error_string).removeprefix("Error : ").rstrip(".")
    return str(getattr(error, "strerror", None) or error).rstrip(".")


def _empty(name: str) -> AudioFileError:
    return AudioFileError(f"{name}: is empty, 0 bytes; check the program that should have written it")


def _no_samples(name: str) -> AudioFileError:
    return AudioFileError(f"{name}: holds no samples; check the program that should have written them")


def _truncated(name: str, declared: int, held: int) -> AudioFileError:
    return AudioFileError(
        f"{name}: its header declares {declared} bytes of samples, it holds {held}; "
        "fetch it again, or decode what is there with partial=True (--partial)"
    )


def _ragged(name: str, raw: RawFormat, size: int) -> AudioFileError:
    return AudioFileError(
        f"{name}: {size} bytes of {raw.encoding} in {raw.channels} channel{'s' if raw.channels > 1 else ''} are "
        f"not whole frames of {raw.frame_bytes} bytes, {size % raw.frame_bytes} left over; correct the encoding or the "
        "channels, or leave the rest out with partial=True (--partial)"
    )


# --- writing -----------------------------------------------------------------------------------------------------


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
        subtypes={name: _ENCODINGS[name].subtype for name in ("s16le", *RAW_ENCODINGS)},
        endians={name: encoding.endian for name, encoding in _ENCODINGS.items()},
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
    name = _name_of(target, "standard output")
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
    path = _path_of(target)
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
            f"{name}: cannot be written ({_reason(error)}); free space, change permissions, or write elsewhere"
        ) from error


@contextlib.contextmanager
def _renamed_to(path: Path) -> Iterator[BinaryIO]:
    temporary = path.with_name(f".dtmf-audio-{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
        if path.exists():
            shutil.copymode(path, temporary)
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
        raise AudioFileError(f"{name}: cannot be written ({_reason(error)}); write to a file elsewhere") from error


def _choose_format(target: Source, name: str, file_format: str | None, subtype: str | None) -> tuple[_Format, str]:
    """Return the format and the user's name of the subtype."""
    form = _FORMATS["WAV"]
    if file_format is not None:
        if file_format.upper() not in _FORMATS:
            raise InvalidSettingError(
                f"{name}: format {file_format!r} cannot be written; choose one of {', '.join(WRITE_FORMATS)}"
            )
        form = _FORMATS[file_format.upper()]
    elif (path := _path_of(target)) is not None:
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
    encoded = io.BytesIO()
    stored = form.subtypes[subtype]
    try:
        with sf.SoundFile(
            encoded,
            "w",
            samplerate=samplerate,
            channels=columns.shape[1],
            format=form.container,
            subtype=stored,
            endian=form.endians.get(subtype),
        ) as file:
            for start in range(0, len(columns), BLOCK_FRAMES):
                block = columns[start : start + BLOCK_FRAMES]
                full_scale_1 = np.stack([to_float(channel, np.float64, offset=start) for channel in block.T], axis=1)
                file.write(_quantise(full_scale_1, stored))
    except (sf.SoundFileError, OSError, RuntimeError, TypeError, ValueError, AssertionError) as error:
        if isinstance(error, InvalidSignalError):
            raise
        raise AudioFileError(
            f"{name}: {form.container} {subtype} of {columns.shape[1]} channels at {samplerate} Hz cannot be encoded "
            f"({_reason(error)}); choose WAV pcm16"
        ) from error
    return encoded.getvalue()


def _quantise(samples: npt.NDArray[np.float64], stored: str) -> Block:
    """Return what libsndfile shall store: integers in the upper bits of their container, or floats as they are.

    libsndfile's own conversion from floats is not used: it scales by 32767 and truncates to 24 bits.
    """
    if _DTYPES.get(stored, np.float32) not in (np.int16, np.int32):
        return samples.astype(np.float32) if stored == "FLOAT" else samples
    bits = _BITS.get(stored, 16)
    full_scale = 2.0 ** (bits - 1)
    whole = np.clip(np.rint(samples * full_scale), -full_scale, full_scale - 1)
    if bits <= 16:
        return whole.astype(np.int16) * np.int16(2 ** (16 - bits))
    return whole.astype(np.int32) * np.int32(2 ** (32 - bits))
