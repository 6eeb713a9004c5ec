"""Recordings without their digits: found, cut, decoded again, and only then put in place.

Decisions
---------
**Headers are not understood but copied.** Of a WAV, AIFF or AU with PCM, floats, µ-law or A-law, and of raw PCM, every
byte is copied, but for the samples within cuts, which are encoded as the file's others are. A FLAC is encoded
anew, and its metadata blocks are copied, all but the seek table. What lies after the samples must be whole chunks:
a recorder that crashed leaves a header that declares too little, and what follows is audio in which nobody looked.
One of 76 public recordings of DTMF is such a file.

**Lossy files are refused.** Decoding and encoding them again changes every sample, and what is left of a tone after
it can be anything.

**Nothing is in place before it is verified.** The result is written beside the output under a random name, readable by
the owner alone; it is decoded again, compared with the input outside the cuts, and then takes its name at once.

**A file that changes meanwhile is refused**, since two readings of it must be of the same bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import struct
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal, cast

import numpy as np

from dtmf_audio.audio_io import AudioReader, open_audio
from dtmf_audio.errors import AudioFileError, DtmfError, InvalidSettingError, RedactionError
from dtmf_audio.events import DetectedTone, Rejection
from dtmf_audio.files import iter_reader
from dtmf_audio.pcm import BITS, BLOCK_FRAMES, ENCODINGS, Block, RawFormat
from dtmf_audio.places import Source, input_stream, name_of, open_path, path_of, reason
from dtmf_audio.redaction import (
    ECHO_MS,
    GUARD_MS,
    JOIN_MS,
    PROFILE,
    Cut,
    Fill,
    Filler,
    Only,
    Outcome,
    RedactionSettings,
    settle,
    stored,
)
from dtmf_audio.redaction_bytes import CONVERT, Patched, splice_flac
from dtmf_audio.signals import to_float
from dtmf_audio.wav_header import Front, Layout, MalformedError, read_layout

Progress = Callable[[Literal["searching", "checking"], float, float | None], None]

_COPY_BYTES = 2**20
_STRAY_BYTES = 64  # fewer than that hold no press: 8 ms at least
_LOSSY = {
    "VORBIS": "Ogg Vorbis",
    "OPUS": "Opus",
    "MPEG_LAYER_I": "MP1",
    "MPEG_LAYER_II": "MP2",
    "MPEG_LAYER_III": "MP3",
    "GSM610": "GSM",
}
_LOSSLESS = ("ALAC", "DWVW")
_ENDINGS = {  # what names promise
    **dict.fromkeys((".wav", ".wave", ".rf64"), "WAV"),
    **dict.fromkeys((".aif", ".aiff", ".aifc"), "AIFF"),
    **dict.fromkeys((".au", ".snd"), "AU"),
    **{".flac": "FLAC", ".mp3": "MP3", ".m4a": "M4A", ".ogg": "Ogg", ".oga": "Ogg", ".opus": "Opus"},
}
_CODECS = {
    "PCM_S8": "s8",
    "PCM_U8": "u8",
    "PCM_16": "s16",
    "PCM_24": "s24",
    "PCM_32": "s32",
    "FLOAT": "f32",
    "DOUBLE": "f64",
    "ULAW": "mulaw",
    "ALAW": "alaw",
}  # our name of the encoding by libsndfile's, without the order of the bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactionReport:
    """What was done to a recording.

    Attributes
    ----------
    source, target : str
        Names of the files, or "standard input" and "standard output".
    samplerate, channels, frames : int
    settings : RedactionSettings
    outcome : Outcome
    source_sha256, target_sha256 : str
        Of the whole files, in hexadecimal digits; equal if nothing was cut.
    """

    source: str
    target: str
    samplerate: int
    channels: int
    frames: int
    settings: RedactionSettings
    outcome: Outcome = field(repr=False)
    source_sha256: str
    target_sha256: str


def redact_file(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    fill: Fill = "silence",
    guard_ms: float = GUARD_MS,
    echo_ms: float = ECHO_MS,
    join_ms: float = JOIN_MS,
    own_channel: bool = False,
    only: Only | None = None,
    seed: int = 0,
    raw: RawFormat | None = None,
    partial: bool = False,
    replace: bool = False,
    progress: Progress | None = None,
) -> RedactionReport:
    """Write a copy of a recording without its presses; without any, a copy byte for byte.

    Parameters
    ----------
    source : str or os.PathLike
        A path, or ``"-"`` for standard input, which must be WAV, or raw.
    target : str or os.PathLike
        A path, or ``"-"`` for standard output. It has the format of the source, and no ending of another.
    fill, guard_ms, echo_ms, join_ms, own_channel, only, seed
        As of :class:`~dtmf_audio.redaction.RedactionSettings`.
    raw : RawFormat, optional
        The source has no header and holds this.
    partial : bool
        Take what is there of a source that breaks off, instead of refusing it.
    replace : bool
        Replace a target that exists, which may be the source.
    progress : callable, optional
        Called with what is being done, ``"searching"`` or, for each round of cutting, ``"checking"``, how many seconds
        of the recording are done, and of how many, where the header tells it.

    Returns
    -------
    RedactionReport

    Raises
    ------
    AudioFileError
        The source cannot be read, is in a format that cannot be changed in places, or changes while it is read; or the
        target exists, cannot be written, or has the ending of another format. What was there before is untouched.
    InvalidSignalError
        It holds a sample that is not finite.
    InvalidSettingError
        A setting that does not exist.
    RedactionError
        A press is still heard after all rounds, or a sample outside the cuts is not as it was. There is no target then.
    """
    settings = RedactionSettings(
        fill=fill, guard_ms=guard_ms, echo_ms=echo_ms, join_ms=join_ms, own_channel=own_channel, only=only, seed=seed
    )
    place = _Place.of(source, target, replace=replace)
    with contextlib.ExitStack() as resources:
        file = resources.enter_context(_opened(source, place))
        state = _state(file)
        job = _Job(file, place, settings, raw, partial, progress)
        outcome, job_frames = job.run(resources)
        if _state(file) != state or (job.path is not None and _state_of(job.path) != state):
            raise AudioFileError(
                f"{place.source}: changed while it was read; wait until it is finished, or redact a copy of it"
            )
        job.deliver()
        return RedactionReport(
            source=place.source,
            target=place.target,
            samplerate=job.samplerate,
            channels=job.channels,
            frames=job_frames,
            settings=settings,
            outcome=outcome,
            source_sha256=job.source_sha256,
            target_sha256=job.target_sha256,
        )


# ---- Places --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a recording comes from and where it goes; checked before anything is read."""

    source: str
    source_path: str | None
    target: str
    target_path: Path | None  # symbolic links resolved; None: standard output
    folder: Path  # of temporary files
    replace: bool

    @classmethod
    def of(cls, source: Source, target: Source, *, replace: bool) -> _Place:
        name, source_path = name_of(target, "standard output"), path_of(source)
        target_path = path_of(target)
        path = None if target_path is None else Path(os.path.realpath(target_path))
        if path is not None:
            cls._check(path, name, source_path, replace=replace)
        return cls(
            source=name_of(source, "standard input"),
            source_path=source_path,
            target=name,
            target_path=path,
            folder=Path(tempfile.gettempdir()) if path is None else path.parent,
            replace=replace,
        )

    @staticmethod
    def _check(path: Path, name: str, source_path: str | None, *, replace: bool) -> None:
        if path.is_dir():
            raise AudioFileError(f"{name}: is a directory; give the path of a file in it")
        if not path.parent.is_dir():
            raise AudioFileError(f"{name}: directory {str(path.parent)!r} does not exist; create it first")
        if path.exists():
            if not path.is_file():
                raise AudioFileError(f"{name}: is no regular file; give the path of one, or - for standard output")
            if not replace and source_path is not None and Path(source_path).exists() and path.samefile(source_path):
                raise AudioFileError(
                    f"{name}: is the recording itself; give another name, or replace it with replace=True (--force)"
                )
            if not replace:
                raise _exists(name)


def _exists(name: str) -> AudioFileError:
    return AudioFileError(f"{name}: exists already; give another name, or replace it with replace=True (--force)")


@contextlib.contextmanager
def _opened(source: Source, place: _Place) -> Iterator[BinaryIO]:
    """Open a regular file, or copy what comes from a pipe to a file beside the target that has no name."""
    if place.source_path is not None:
        with open_path(place.source_path) as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                yield file
                return
            with _spooled(file, place) as spool:
                yield spool
        return
    stream, _ = input_stream(source)
    with _spooled(stream, place) as spool:
        yield spool


@contextlib.contextmanager
def _spooled(stream: BinaryIO, place: _Place) -> Iterator[BinaryIO]:
    with _writing(place.target), tempfile.TemporaryFile(dir=place.folder) as spool:
        while more := stream.read(_COPY_BYTES):
            spool.write(more)
        spool.flush()
        yield spool


@contextlib.contextmanager
def _writing(name: str) -> Iterator[None]:
    try:
        yield
    except (AudioFileError, BrokenPipeError):
        raise
    except OSError as error:
        raise AudioFileError(
            f"{name}: cannot be written ({reason(error)}); free space, change permissions, or write elsewhere"
        ) from error


def _state(file: BinaryIO) -> tuple[int, ...]:
    found = os.fstat(file.fileno())
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _state_of(path: str) -> tuple[int, ...] | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


# ---- Work ----------------------------------------------------------------------------------------


class _Job:
    """One recording: its layout, its cuts, and the file that is being made of it."""

    def __init__(
        self,
        file: BinaryIO,
        place: _Place,
        settings: RedactionSettings,
        raw: RawFormat | None,
        partial: bool,
        progress: Progress | None,
    ) -> None:
        regular = place.source_path is not None and _state_of(place.source_path) == _state(file)
        self.path = place.source_path if regular else None  # None: what was read is in a file without a name
        self._file = file
        self._place = place
        self._settings = settings
        self._raw = raw
        self._partial = partial
        self._progress = progress
        self._temporary: Path | None = None
        self.samplerate = self.channels = self._frames = 0
        self.source_sha256 = self.target_sha256 = ""

    def run(self, resources: contextlib.ExitStack) -> tuple[Outcome, int]:
        """Make the temporary file, verified."""
        form = self._form()
        self._check_ending("FLAC" if form is None else form.container)
        found = self._decode_source()
        if form is not None:
            self._check_length(form)
        resources.callback(self._remove)
        filler = Filler(self._settings, self.samplerate)

        def attempt(cuts: Sequence[Cut]) -> list[DetectedTone]:
            self._write(cuts, form, filler)
            return self._verify(cuts)

        outcome = settle(found, self.samplerate, self.channels, self._frames, self._settings, attempt)
        if not outcome.cuts:
            self._write((), form, filler)
        return outcome, self._frames

    def deliver(self) -> None:
        """Give the temporary file its name, or send it to standard output."""
        assert self._temporary is not None
        target = self._place.target_path
        if target is None:
            self._send(self._temporary)
            return
        with _writing(self._place.target):
            if target.exists():
                mode = stat.S_IMODE(target.stat().st_mode)
            else:
                mode = stat.S_IMODE(os.fstat(self._file.fileno()).st_mode) & 0o666
            self._temporary.chmod(mode)
            if self._place.replace:
                self._temporary.replace(target)
                return
            try:
                os.link(self._temporary, target)  # unlike a rename, refuses to replace what has come meanwhile
            except FileExistsError as error:
                raise _exists(self._place.target) from error
            except OSError:  # a file system without links
                if target.exists():
                    raise _exists(self._place.target) from None
                self._temporary.replace(target)

    def _send(self, path: Path) -> None:
        stream = getattr(sys.stdout, "buffer", None)
        if stream is None:
            raise AudioFileError(f"{self._place.target}: is closed; give a file instead of -")
        with path.open("rb") as file, _writing(self._place.target):
            while more := file.read(_COPY_BYTES):
                stream.write(more)
            stream.flush()

    def _remove(self) -> None:
        if self._temporary is not None:
            with contextlib.suppress(OSError):
                self._temporary.unlink(missing_ok=True)

    # -- what the source is

    def _check_ending(self, container: str) -> None:
        """Refuse a target whose name promises another format, unless the source's does so too."""
        target = self._place.target_path
        ending = "" if target is None else target.suffix.lower()
        promised = _ENDINGS.get(ending, container)
        if promised == container or ending == Path(self._place.source).suffix.lower():
            return
        held = "raw samples" if container == "RAW" else container
        name, source = self._place.target, self._place.source
        raise AudioFileError(
            f"{name}: its ending says {promised}, and it would hold {held}, as {source} does; end its name in "
            f".{container.lower()}, and convert it afterwards"
        )

    def _form(self) -> Patched | None:
        """Return where the samples lie; None for a FLAC, which is encoded anew."""
        name = self._place.source
        if self._raw is not None:
            return Patched(self._raw, 0, None, "RAW")
        self._file.seek(0)
        try:
            layout = read_layout(Front(self._file, keep=False))
        except MalformedError as error:
            if os.fstat(self._file.fileno()).st_size == 0:
                layout = None  # told by who reads it
            else:
                raise AudioFileError(f"{name}: not an audio file that can be redacted: {error}; {CONVERT}") from error
        except InvalidSettingError as error:
            raise AudioFileError(f"{name}: {error}") from error
        if layout is not None and layout.pcm is not None:
            return Patched(layout.pcm, layout.data_start, layout.declared, layout.container)
        if self.path is None:
            if layout is None and os.fstat(self._file.fileno()).st_size > 0:
                raise AudioFileError(f"{name}: is no WAV, and no other format is taken from a pipe; give it as a file")
            if layout is None:
                return None
        return self._encoded_form(layout)

    def _encoded_form(self, layout: Layout | None) -> Patched | None:
        from dtmf_audio.libsndfile import describe

        name = self._place.source
        with open_audio(self.path or self._rewound(), raw=self._raw, partial=self._partial):
            pass  # what cannot be read at all is told as elsewhere
        if self.path is None:
            raise AudioFileError(f"{name}: is a WAV that is not PCM, float, µ-law or A-law; {CONVERT}")
        about = describe(self.path)
        if about.container == "FLAC":
            return None
        codec = _CODECS.get(about.subtype)
        if layout is not None and codec is not None and layout.container in ("AIFF", "AU"):
            little = about.endian == "LITTLE" or (layout.container == "AU" and self._begins_with(b"dns."))
            suffix = "" if ENCODINGS.get(codec) else ("le" if little else "be")
            pcm = RawFormat(encoding=codec + suffix, samplerate=about.samplerate, channels=about.channels)
            return Patched(pcm, layout.data_start, layout.declared, layout.container)
        if codec is None and not about.subtype.startswith(_LOSSLESS):
            kind = _LOSSY.get(about.subtype, "ADPCM" if "ADPCM" in about.subtype else about.subtype)
            raise AudioFileError(
                f"{name}: is {kind}, which is lossy: encoding it again would change every sample, not "
                f"the digits alone; {CONVERT}"
            )
        raise AudioFileError(f"{name}: is {about.container}, which is not changed in places; {CONVERT}")

    def _begins_with(self, magic: bytes) -> bool:
        self._file.seek(0)
        return self._file.read(len(magic)) == magic

    def _rewound(self) -> BinaryIO:
        self._file.seek(0)
        return self._file

    def _open(self) -> AudioReader:
        unnamed = cast(BinaryIO, _Named(self._rewound(), self._place.source))
        return open_audio(self.path or unnamed, raw=self._raw, partial=self._partial)

    def _decode_source(self) -> list[DetectedTone | Rejection]:
        with self._open() as reader:
            self.samplerate, self.channels = reader.samplerate, reader.channels
            found: list[DetectedTone | Rejection] = list(
                iter_reader(reader, profile=PROFILE, explain=True, progress=self._count)
            )
        return sorted(found, key=lambda event: (event.start, event.channel))

    def _count(self, done: int, total: int | None) -> None:
        self._frames = done
        if self._progress is not None:
            self._progress("searching", done / self.samplerate, None if total is None else total / self.samplerate)

    def _checked(self, done: int, _total: int | None) -> None:
        if self._progress is not None:
            self._progress("checking", done / self.samplerate, self._frames / self.samplerate)

    def _check_length(self, form: Patched) -> None:
        """Refuse audio that is not among what was decoded: its digits would stay."""
        name = self._place.source
        size = os.fstat(self._file.fileno()).st_size
        stop = form.start + self._frames * form.pcm.frame_bytes
        if form.declared is None:
            after = size - stop
            if after >= _STRAY_BYTES:
                raise _unread(name, after)
            return
        held = min(form.declared, size - form.start)
        if held - self._frames * form.pcm.frame_bytes >= max(_STRAY_BYTES, form.pcm.frame_bytes):
            raise _unread(name, held - self._frames * form.pcm.frame_bytes)
        after = size - form.start - form.declared
        if after > 0:
            self._check_tail(form, form.start + form.declared, after)

    def _check_tail(self, form: Patched, at: int, after: int) -> None:
        """Walk the chunks after the samples; padding of zeros is none."""
        order = ">" if form.container == "AIFF" else "<"
        if form.container == "WAV" and self._begins_with(b"RIFX"):
            order = ">"
        end = at + after
        place = at + form.declared_odd
        while form.container in ("WAV", "AIFF") and place + 8 <= end:
            self._file.seek(place)
            name, size = struct.unpack(f"{order}4sI", self._file.read(8))
            if not all(0x20 <= octet < 0x7F for octet in name) or place + 8 + size > end:
                break
            if name in (b"data", b"SSND"):
                break
            place = min(place + 8 + size + size % 2, end)
        self._file.seek(place)
        while end - place >= _STRAY_BYTES and (more := self._file.read(_COPY_BYTES)):
            if any(more):
                raise _unread(self._place.source, end - place)

    # -- what is made of it

    def _write(self, cuts: Sequence[Cut], form: Patched | None, filler: Filler) -> None:
        """Write the temporary file from the start."""
        self._remove()
        self._temporary = self._place.folder / f".dtmf-audio-{os.urandom(8).hex()}.tmp"
        with _writing(self._place.target):
            descriptor = os.open(
                self._temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600
            )
            with os.fdopen(descriptor, "wb") as out:
                target = _Hashing(out)
                if form is not None:
                    self._patch(target, cuts, form, filler)
                elif cuts:
                    self._encode_flac(target, cuts, filler)
                else:
                    self._patch(target, (), None, filler)
                out.flush()
                os.fsync(out.fileno())
                self.target_sha256 = target.sha256.hexdigest()

    def _patch(self, target: _Hashing, cuts: Sequence[Cut], form: Patched | None, filler: Filler) -> None:
        """Copy every byte but those of samples within cuts."""
        read = hashlib.sha256()
        self._file.seek(0)

        def copied(count: int | None) -> None:
            while (count is None or count > 0) and (
                more := self._file.read(_COPY_BYTES if count is None else min(count, _COPY_BYTES))
            ):
                read.update(more)
                target.write(more)
                count = None if count is None else count - len(more)

        if form is not None:
            copied(form.start)
            size = form.pcm.frame_bytes
            frames = max(1, BLOCK_FRAMES // form.pcm.channels)
            by_start = sorted(cuts, key=lambda cut: cut.start)
            for start in range(0, self._frames, frames):
                stop = min(start + frames, self._frames)
                payload = self._file.read((stop - start) * size)
                read.update(payload)
                touched = [cut for cut in by_start if cut.start < stop and start < cut.stop]
                target.write(form.replaced(payload, start, touched, filler, self._frames) if touched else payload)
        copied(None)
        self.source_sha256 = read.hexdigest()

    def _encode_flac(self, target: _Hashing, cuts: Sequence[Cut], filler: Filler) -> None:
        from dtmf_audio.libsndfile import ERRORS, describe, encode_file

        assert self.path is not None
        about = describe(self.path)
        self._file.seek(0)
        with tempfile.TemporaryFile(dir=self._place.folder) as encoded:
            try:
                with self._open() as reader:
                    blocks = self._cut_blocks(reader, cuts, filler, BITS.get(about.subtype))
                    encode_file(encoded, blocks, about)
            except DtmfError:
                raise
            except ERRORS as error:
                raise AudioFileError(
                    f"{self._place.target}: cannot be encoded ({reason(error)}); free space, or {CONVERT}"
                ) from error
            encoded.seek(0)
            splice_flac(self._rewound(), encoded, target)
        self.source_sha256 = _sha256(self._rewound())

    def _cut_blocks(
        self, reader: AudioReader, cuts: Sequence[Cut], filler: Filler, bits: int | None
    ) -> Iterator[Block]:
        start = 0
        for block in reader.blocks():
            stop = start + len(block)
            for cut in cuts:
                first, last = max(cut.start, start), min(cut.stop, stop)
                if first < last:
                    part = block[first - start : last - start, cut.channel]
                    part[:] = stored(
                        filler.replaced(to_float(part, np.float64), cut, first, self._frames), block.dtype, bits
                    )
            yield block
            start = stop

    def _verify(self, cuts: Sequence[Cut]) -> list[DetectedTone]:
        """Return what is heard in the temporary file, whose samples outside the cuts must be the source's."""
        path = str(self._temporary)
        with self._open() as source, open_audio(path, raw=self._raw, partial=self._partial) as made:
            if (made.samplerate, made.channels) != (self.samplerate, self.channels):
                raise self._differs(0)
            start = 0
            theirs = made.blocks()
            waiting: Block | None = None
            for block in source.blocks():
                while waiting is None or len(waiting) < len(block):
                    more = next(theirs, None)
                    if more is None:
                        raise self._differs(start + (0 if waiting is None else len(waiting)))
                    waiting = more if waiting is None else np.concatenate([waiting, more])
                differs = block != waiting[: len(block)]
                for cut in cuts:
                    differs[max(cut.start - start, 0) : max(cut.stop - start, 0), cut.channel] = False
                if differs.any():
                    raise self._differs(start + int(np.argmax(differs.any(axis=1))))
                waiting = waiting[len(block) :]
                start += len(block)
            if (waiting is not None and len(waiting)) or next(theirs, None) is not None:
                raise self._differs(start)
        with open_audio(path, raw=self._raw, partial=self._partial) as made:
            return list(iter_reader(made, profile=PROFILE, progress=self._checked))

    def _differs(self, frame: int) -> RedactionError:
        return RedactionError(
            f"{self._place.source}: what was written differs from it at {frame / self.samplerate:.3f} s, outside "
            f"of all cuts; {CONVERT}"
        )


def _unread(name: str, count: int) -> AudioFileError:
    return AudioFileError(
        f"{name}: {count} bytes after its samples may be audio in which no digit would be found; correct the lengths "
        "in its header first (sox --ignore-length)"
    )


class _Hashing:
    """A file that is written from start to end, and its hash."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self.sha256.update(data)


class _Named:
    """A file object that reads as another and has a name for messages."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.name = name
        self.read = file.read


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while more := file.read(_COPY_BYTES):
        digest.update(more)
    return digest.hexdigest()
