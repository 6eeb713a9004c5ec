"""Tones of files and pipes: read in blocks, each channel decoded on its own, in bounded memory.

A file of any length is held one block at a time. Tones come out when they are finished; where several channels
finish tones within one block, in the order of their starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, overload

from dtmf_audio.audio_io import AudioReader, RawFormat, Source, open_audio
from dtmf_audio.errors import InvalidSettingError, InvalidSignalError
from dtmf_audio.events import DetectedTone, Rejection, ToneStarted
from dtmf_audio.goertzel import GoertzelForm
from dtmf_audio.profiles import Profile
from dtmf_audio.stream import Event, StreamDecoder

DECODED_FRAMES = 2**21  # chosen: candidates of a block are measured together, which costs 2 ms besides its work

Progress = Callable[[int, int | None], None]


@overload
def decode_file(
    source: Source,
    *,
    channel: int | None = None,
    profile: str | Profile = "default",
    goertzel: GoertzelForm = "matrix",
    raw: RawFormat | None = None,
    partial: bool = False,
    explain: Literal[False] = False,
) -> list[DetectedTone]: ...


@overload
def decode_file(
    source: Source,
    *,
    channel: int | None = None,
    profile: str | Profile = "default",
    goertzel: GoertzelForm = "matrix",
    raw: RawFormat | None = None,
    partial: bool = False,
    explain: Literal[True],
) -> list[DetectedTone | Rejection]: ...


@overload
def decode_file(
    source: Source,
    *,
    channel: int | None = None,
    profile: str | Profile = "default",
    goertzel: GoertzelForm = "matrix",
    raw: RawFormat | None = None,
    partial: bool = False,
    explain: bool,
) -> list[DetectedTone | Rejection]: ...


def decode_file(
    source: Source,
    *,
    channel: int | None = None,
    profile: str | Profile = "default",
    goertzel: GoertzelForm = "matrix",
    raw: RawFormat | None = None,
    partial: bool = False,
    explain: bool = False,
) -> list[DetectedTone] | list[DetectedTone | Rejection]:
    """Find the tones in a file, and with ``explain`` what was nearly one.

    Parameters
    ----------
    source : str, os.PathLike or binary file object
        A path, or ``"-"`` for standard input.
    channel : int, optional
        Decode this channel alone, counted from 0; without it, all.
    profile : str or Profile
        Limits of the receiver.
    goertzel : {"matrix", "resonator"}
        Form of the Goertzel bank; both find the same tones.
    raw : RawFormat, optional
        The source has no header and holds this.
    partial : bool
        Take what is there of a source that breaks off, instead of refusing it.
    explain : bool
        Return the near misses too, as :func:`~dtmf_audio.decoder.decode` does.

    Returns
    -------
    list of DetectedTone, and with ``explain`` of Rejection
        In the order of their starts; at equal starts, of their channels.

    Raises
    ------
    AudioFileError
        It cannot be opened, is no audio, holds no sample, or less than it declares.
    InvalidSignalError
        It holds a sample that is not finite.
    InvalidSettingError
        A channel that the file does not have, or a profile or form that does not exist.
    """
    found = iter_file(
        source, channel=channel, profile=profile, goertzel=goertzel, raw=raw, partial=partial, explain=explain
    )
    return sorted(found, key=_by_start)


@overload
def iter_file(
    source: Source,
    *,
    channel: int | None = None,
    profile: str | Profile = "default",
    goertzel: GoertzelForm = "matrix",
    raw: RawFormat | None = None,
    partial: bool = False,
    progress: Progress | None = None,
    explain: Literal[False] = False,
) -> Iterator[DetectedTone]: ...


@overload
def iter_file(
    source: Source,
    *,
    channel: int | None = None,
    profile: str | Profile = "default",
    goertzel: GoertzelForm = "matrix",
    raw: RawFormat | None = None,
    partial: bool = False,
    progress: Progress | None = None,
    explain: Literal[True],
) -> Iterator[DetectedTone | Rejection]: ...


@overload
def iter_file(
    source: Source,
    *,
    channel: int | None = None,
    profile: str | Profile = "default",
    goertzel: GoertzelForm = "matrix",
    raw: RawFormat | None = None,
    partial: bool = False,
    progress: Progress | None = None,
    explain: bool,
) -> Iterator[DetectedTone | Rejection]: ...


def iter_file(
    source: Source,
    *,
    channel: int | None = None,
    profile: str | Profile = "default",
    goertzel: GoertzelForm = "matrix",
    raw: RawFormat | None = None,
    partial: bool = False,
    progress: Progress | None = None,
    explain: bool = False,
) -> Iterator[DetectedTone] | Iterator[DetectedTone | Rejection]:
    """Yield the tones of a file as they finish; a pipe is decoded while it is being written.

    With ``explain``, near misses come among them. The parameters are those of :func:`decode_file`, and ``progress``,
    which is called after each block with the number of frames decoded and, where the header tells it, the number in
    all. The errors are those of :func:`decode_file`; they come while iterating.
    """
    with open_audio(source, raw=raw, partial=partial) as reader:
        yield from iter_reader(
            reader, channel=channel, profile=profile, goertzel=goertzel, progress=progress, explain=explain
        )


@overload
def iter_reader(
    reader: AudioReader,
    *,
    channel: int | None = None,
    profile: str | Profile = "default",
    goertzel: GoertzelForm = "matrix",
    progress: Progress | None = None,
    explain: Literal[False] = False,
) -> Iterator[DetectedTone]: ...


@overload
def iter_reader(
    reader: AudioReader,
    *,
    channel: int | None = None,
    profile: str | Profile = "default",
    goertzel: GoertzelForm = "matrix",
    progress: Progress | None = None,
    explain: Literal[True],
) -> Iterator[DetectedTone | Rejection]: ...


@overload
def iter_reader(
    reader: AudioReader,
    *,
    channel: int | None = None,
    profile: str | Profile = "default",
    goertzel: GoertzelForm = "matrix",
    progress: Progress | None = None,
    explain: bool,
) -> Iterator[DetectedTone | Rejection]: ...


def iter_reader(
    reader: AudioReader,
    *,
    channel: int | None = None,
    profile: str | Profile = "default",
    goertzel: GoertzelForm = "matrix",
    progress: Progress | None = None,
    explain: bool = False,
) -> Iterator[DetectedTone] | Iterator[DetectedTone | Rejection]:
    """Yield the tones of an open file, as :func:`iter_file` does; its rate and channels are known beforehand."""
    streams = {
        number: StreamDecoder(
            reader.samplerate, channel=number, profile=profile, goertzel=goertzel, announce=False, explain=explain
        )
        for number in channels_of(reader, channel)
    }
    frames_done = 0
    for block in reader.blocks(DECODED_FRAMES):
        events: list[Event] = []
        for number, stream in streams.items():
            try:
                events += stream.feed(block[:, number])
            except InvalidSignalError as error:
                raise InvalidSignalError(f"{line_name(reader, number)}: {error}") from error
        yield from _finished(events)
        frames_done += len(block)
        if progress is not None:
            progress(frames_done, reader.frames)
    yield from _finished([event for stream in streams.values() for event in stream.flush()])


def line_name(reader: AudioReader, channel: int) -> str:
    """Return what to call one channel of a file: the file's name alone if it has no other."""
    return reader.name if reader.channels == 1 else f"{reader.name} [channel {channel}]"


def channels_of(reader: AudioReader, channel: int | None) -> list[int]:
    """Return the channels to decode: the one asked for, or all.

    Raises
    ------
    InvalidSettingError
        A channel that the file does not have.
    """
    if channel is None:
        return list(range(reader.channels))
    if 0 <= channel < reader.channels:
        return [channel]
    held, every = {1: ("0", "it"), 2: ("0 and 1", "both")}.get(reader.channels, (f"0 to {reader.channels - 1}", "all"))
    raise InvalidSettingError(
        f"{reader.name}: channel {channel} asked for, the file has {reader.channels} ({held}); "
        f"leave --channel out to decode {every}"
    )


def _finished(events: list[Event]) -> list[DetectedTone | Rejection]:
    """Return the finished tones and near misses among the events, in the order of their starts."""
    return sorted((event for event in events if not isinstance(event, ToneStarted)), key=_by_start)


def _by_start(event: DetectedTone | Rejection) -> tuple[int, int]:
    return event.start, event.channel
