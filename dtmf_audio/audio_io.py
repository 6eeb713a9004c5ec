"""Audio files, pipes and raw PCM read in blocks; what writes them, :mod:`dtmf_audio.audio_write`, is found here too.

Conventions
-----------
- A *source* is a path, ``"-"`` for standard input, or a binary file object; a path that is no regular file
  (a FIFO, a shell's ``<(...)``) is read as a pipe.
- Blocks are ``(m, channels)`` in the narrowest dtype of :mod:`dtmf_audio.signals` that loses nothing: int16 for up to
  16 bits and the telephone codecs, int32 for 24 and 32 bits, float64 for doubles, float32 for the rest.
- What is wrong with a file is an :class:`AudioFileError`, ``NAME: problem; remedy``.

Decisions
---------
**WAV with PCM, floats or G.711, and raw PCM, are read here; libsndfile reads the rest.** libsndfile needs to seek, and
waits for the end; here the header is walked chunk by chunk and the samples come out as they arrive, in bounded
memory, however long a pipe stays open. A file takes the same way, which spares its reader the loading of
libsndfile. Other containers on a pipe are copied to a temporary file first, with a bound.

**Headers are checked here too.** libsndfile shortens a truncated WAV, AIFF or AU without a word, so the length that
the header declares is compared with the bytes that are there. It also takes a length of 0 for an
empty file, though interrupted recorders and pipes leave 0 behind: such a WAV is read to its end, like a pipe.

**No seeking while reading.** soundfile seeks after each read, to where it already is. In an MP3 that throws
away the decoder's bit reservoir, so that the samples would depend on the size of the blocks; in a FLAC that
breaks off it hides the frames before the break.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO, Protocol, Self, cast

import numpy as np

from dtmf_audio.audio_write import WRITE_FORMATS, WRITE_SUBTYPES, replace_file, write_audio
from dtmf_audio.errors import AudioFileError, InvalidSettingError
from dtmf_audio.pcm import BLOCK_FRAMES, RAW_ENCODINGS, Block, RawFormat
from dtmf_audio.pcm_stream import PcmDecoder, ragged, truncated
from dtmf_audio.places import Source, input_stream, open_path, path_of, reason
from dtmf_audio.signals import check_samplerate
from dtmf_audio.wav_header import ENDLESS, Front, Layout, MalformedError, read_layout

__all__ = [
    "BLOCK_FRAMES",
    "RAW_ENCODINGS",
    "WRITE_FORMATS",
    "WRITE_SUBTYPES",
    "AudioReader",
    "RawFormat",
    "Source",
    "open_audio",
    "read_audio",
    "replace_file",
    "write_audio",
]

MAX_BLOCK_SAMPLES = 2**21  # frames times channels: a file of 1024 channels is read in shorter blocks
MAX_SPOOL_BYTES = 2**31  # of a pipe copied to a temporary file
_COPY_BYTES = 2**20


class _Decoder(Protocol):
    """Gives the next frames, at most so many; none at the end, where it also says what is missing."""

    def read(self, frames: int) -> Block: ...


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
        path = path_of(source)
        if path is None:
            stream, name = input_stream(source)
        else:
            stream, name = resources.enter_context(open_path(path)), path
        opening = _Opening(name, raw, partial, resources)
        try:
            if path is not None and stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                return opening.file(stream, path)
            return opening.pipe(stream)
        except AudioFileError:
            raise
        except MalformedError as error:
            raise AudioFileError(f"{name}: not an audio file that can be read: {error}; {_GIVE_AUDIO}") from error
        except InvalidSettingError as error:
            raise AudioFileError(f"{name}: {error}") from error
        except (OSError, ValueError) as error:
            raise AudioFileError(f"{name}: cannot be read ({reason(error)}); check where it comes from") from error


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
                raise ragged(self.name, self.raw, size)
            return self.pcm(file.read, self.raw, declared=size, headerless=True)
        layout, problem = None, None
        try:
            layout = read_layout(Front(file, keep=False))
        except MalformedError as error:
            problem = str(error)  # libsndfile forgives more: it is asked, and this is said if it refuses too
        file.seek(0)
        if layout is not None and layout.container == "WAV" and layout.declared is None:
            return self.pipe(file)
        if layout is not None and layout.pcm is not None:
            held = self.held(file, layout)
            file.seek(layout.data_start)
            return self.pcm(file.read, layout.pcm, declared=held, headerless=False)
        return self.encoded(file, path, layout, problem)

    def pipe(self, stream: BinaryIO) -> AudioReader:
        """Open a stream that cannot seek, or whose end alone tells its length."""
        arriving = getattr(stream, "read1", stream.read)
        if self.raw is not None:
            return self.pcm(arriving, self.raw, declared=None, headerless=True)
        front = Front(stream, keep=True)
        layout = read_layout(front)
        if not front.kept:
            raise _empty(self.name)
        if layout is None or layout.container != "WAV":
            return self.file(self.spool(front.kept, stream), None)
        if layout.pcm is not None:
            return self.pcm(arriving, layout.pcm, declared=layout.declared, headerless=False)
        if layout.declared is None:
            front.kept[-4:] = b"\xff" * 4  # the size of the data chunk: libsndfile reads on at this one, not at 0
        return self.encoded(self.spool(front.kept, stream), None, layout, None)

    def spool(self, front: bytearray, stream: BinaryIO) -> BinaryIO:
        """Copy the front of a stream and its rest to a temporary file that has no name."""
        import tempfile

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

    def held(self, file: BinaryIO, layout: Layout | None) -> int | None:
        """Return how many of the declared bytes of samples a regular file holds; refuse one that holds less."""
        if layout is None or layout.declared is None:
            return None
        held = max(os.fstat(file.fileno()).st_size - layout.data_start, 0)
        if held < layout.declared and not self.partial:
            raise truncated(self.name, layout.declared, held)
        return min(held, layout.declared)

    def pcm(
        self, read: Callable[[int], bytes], raw: RawFormat, *, declared: int | None, headerless: bool
    ) -> AudioReader:
        """Open a stream that stands at its first sample, by its method of reading."""
        if declared is not None and declared < raw.frame_bytes:
            raise _no_samples(self.name)
        decoder = PcmDecoder(read, self.name, raw, declared=declared, headerless=headerless, partial=self.partial)
        frames = None if declared is None else declared // raw.frame_bytes
        return self.reader(decoder, raw.samplerate, raw.channels, frames)

    def encoded(self, file: BinaryIO, path: str | None, layout: Layout | None, problem: str | None) -> AudioReader:
        """Open a regular file with libsndfile; ``problem`` is what was found wrong with its header."""
        self.held(file, layout)
        from dtmf_audio.libsndfile import ERRORS, FileDecoder, SequentialFile

        try:
            opened = self.resources.enter_context(SequentialFile(_handle(file, path), closefd=False))
        except ERRORS as error:
            raise MalformedError(
                problem or f"it begins with {_first_bytes(file)!r}, and libsndfile says: {reason(error)}"
            ) from error
        if opened.format == "RAW" and opened.subtype == "ULAW":
            raise MalformedError("it has no header, and only its name says AU")  # libsndfile would guess µ-law
        frames = opened.frames if 0 <= opened.frames < ENDLESS else None
        if frames == 0:
            raise _no_samples(self.name)
        estimated = opened.subtype.startswith("MPEG_LAYER")  # from the size of the first frames
        decoder = FileDecoder(opened, self.name, frames=None if estimated else frames, partial=self.partial)
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


def _empty(name: str) -> AudioFileError:
    return AudioFileError(f"{name}: is empty, 0 bytes; check the program that should have written it")


def _no_samples(name: str) -> AudioFileError:
    return AudioFileError(f"{name}: holds no samples; check the program that should have written them")
