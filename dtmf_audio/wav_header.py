"""The headers of WAV, AIFF and AU files, walked chunk by chunk up to the first sample, from a file or a pipe."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from dtmf_audio.pcm import RawFormat
from dtmf_audio.signals import MAX_CHANNELS, check_samplerate

MAX_HEADER_BYTES = 2**24  # of a WAV on a pipe, up to its samples; recorders' metadata takes some kilobytes
MAX_CHUNKS = 1024  # before the samples; a file of empty chunks must end somewhere
ENDLESS = 2**62  # libsndfile's frame count of a FLAC that does not know its own is 2**63 - 1


class MalformedError(Exception):
    """A header that cannot be what it says it is; the text is the problem, without the file's name."""


class Front:
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
            raise MalformedError(f"its header goes on past {MAX_HEADER_BYTES} bytes without a sample")
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
class Layout:
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


def read_layout(front: Front) -> Layout | None:
    """Read a WAV, AIFF or AU header up to its first sample; None for any other container.

    Raises
    ------
    MalformedError
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
        return Layout(container="AU", data_start=start, declared=None if _is_placeholder(size) else size)
    return None


def _is_placeholder(size: int) -> bool:
    """Tell whether a length is what a writer puts that cannot go back to fill it in.

    Seen: 0xFFFFFFFF (ffmpeg), 0x7FFFF000 (sox), 0x80000000 (arecord), and those less a header's length.
    """
    return any(top - 2**16 < size <= top for top in (2**31, 2**32))


def _chunks(front: Front, order: str) -> Iterator[tuple[bytes, int]]:
    """Yield each chunk's name and size, and skip what the caller left of it."""
    for _ in range(MAX_CHUNKS):
        header = front.take(8)
        if len(header) < 8:
            return
        name, size = header[:4], struct.unpack(f"{order}I", header[4:])[0]
        end = front.position + size + size % 2
        yield name, size
        front.skip(end - front.position)
    raise MalformedError(f"it has over {MAX_CHUNKS} chunks and no sample among them")


def _read_wave(front: Front, magic: bytes) -> Layout:
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
                raise MalformedError("its data chunk comes before any fmt chunk")
            if magic[:4] == b"RF64" and size == 2**32 - 1:
                declared = long_size if long_size and long_size < ENDLESS else None
            elif size == 0:
                finished = riff_size + 8 > front.position and not _is_placeholder(riff_size)
                declared = 0 if finished else None
            else:
                declared = None if _is_placeholder(size) else size
            return Layout(container="WAV", data_start=front.position, declared=declared, pcm=pcm)
    raise MalformedError(f"its header ends without a {'data' if has_format else 'fmt'} chunk")


def _read_fmt(fmt: bytes, order: str) -> RawFormat | None:
    """Read a fmt chunk; None when its codec is one that only libsndfile decodes."""
    if len(fmt) < 16:
        raise MalformedError(f"its fmt chunk has {len(fmt)} bytes, and 16 are the least")
    tag, channels, samplerate, _, frame_bytes, bits = struct.unpack(f"{order}HHIIHH", fmt[:16])
    if not 1 <= channels <= MAX_CHANNELS:
        raise MalformedError(f"its header declares {channels} channels, and 1 to {MAX_CHANNELS} are taken")
    check_samplerate(samplerate)
    if tag == _WAVE_EXTENSIBLE and len(fmt) >= 26:
        tag = struct.unpack(f"{order}H", fmt[24:26])[0]
    width = frame_bytes // channels if frame_bytes and frame_bytes % channels == 0 else (bits + 7) // 8
    codec = _WAVE_CODECS.get((tag, width))
    if codec is None:
        return None
    suffix = "" if width == 1 else {"<": "le", ">": "be"}[order]
    return RawFormat(encoding=codec + suffix, samplerate=samplerate, channels=channels)


def _read_aiff(front: Front) -> Layout:
    for name, size in _chunks(front, ">"):
        if name == b"SSND":
            front.take(8)  # offset and block size
            declared = None if size >= 0x7F000000 else max(size - 8, 0)  # sox on a pipe: 0x7F000008
            return Layout(container="AIFF", data_start=front.position, declared=declared)
    raise MalformedError("its header ends without a SSND chunk")
