"""Tones of files and pipes: read in blocks, each channel decoded on its own, in bounded memory.

A file of any length is held one block at a time. Tones come out when they are finished; where several channels
finish tones within one block, in the order of their starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Literal, overload

import numpy as np

from dtmf_audio.audio_io import AudioReader, RawFormat, Source, open_audio
from dtmf_audio.calibration import SpeedEstimate, at_rate, corrected_rate, estimate_speed, looks_off, may_hold_pairs
from dtmf_audio.errors import InvalidSettingError, InvalidSignalError
from dtmf_audio.events import DetectedTone, Rejection, ToneStarted
from dtmf_audio.goertzel import GoertzelForm
from dtmf_audio.pcm import Block
from dtmf_audio.profiles import Profile
from dtmf_audio.stream import Event, StreamDecoder

DECODED_FRAMES = 2**21  # chosen: candidates of a block are measured together, which costs 2 ms besides its work

LISTENED_S = 300.0  # of a file or pipe, from its start, for its speed; chosen: who presses keys does so soon
MOST_BLOCKS = 4096  # kept apart
MOST_TONES = 1000  # that are looked at for a common offset
LISTENED_SAMPLES = 2**23  # of all channels, held in memory for it: 16 MB of 16 bits, 87 s of 48 kHz in stereo

Progress = Callable[[int, int | None], None]
Speed = float | Literal["auto"]
OnSpeed = Callable[[SpeedEstimate], None]


@overload
def decode_file(
    source: Source,
    *,
    channel: int | None = None,
    profile: str | Profile = "default",
    goertzel: GoertzelForm = "matrix",
    raw: RawFormat | None = None,
    partial: bool = False,
    speed: Speed | None = None,
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
    speed: Speed | None = None,
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
    speed: Speed | None = None,
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
    speed : float or "auto", optional
        Decode a recording whose tones are this many times as high as they should be: 1.05 is a tape 5 % fast. With
        ``"auto"``, it is estimated from the presses in the first five minutes (or 2**23 samples of all channels, if
        that is less), and is 1 unless these leave no doubt. Places are those of the file as it is; frequencies,
        offsets and limits are of the audio at its right speed.
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
        A channel that the file does not have, a profile or form that does not exist, or a speed that is out of range.
    """
    found = iter_file(
        source,
        channel=channel,
        profile=profile,
        goertzel=goertzel,
        raw=raw,
        partial=partial,
        speed=speed,
        explain=explain,
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
    speed: Speed | None = None,
    on_speed: OnSpeed | None = None,
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
    speed: Speed | None = None,
    on_speed: OnSpeed | None = None,
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
    speed: Speed | None = None,
    on_speed: OnSpeed | None = None,
    explain: bool = False,
) -> Iterator[DetectedTone] | Iterator[DetectedTone | Rejection]:
    """Yield the tones of a file as they finish; a pipe is decoded while it is being written.

    With ``explain``, near misses come among them. The parameters are those of :func:`decode_file`, and two functions:
    ``progress`` is called after each block with the number of frames decoded and, where the header tells it, the number
    in all; ``on_speed`` is called with the estimate of the speed, with ``speed="auto"`` before the first tone, and
    without a speed at the end, and then only where the tones heard, or their lack, called for one. The
    errors are those of :func:`decode_file`; they come while iterating.
    """
    with open_audio(source, raw=raw, partial=partial) as reader:
        yield from iter_reader(
            reader,
            channel=channel,
            profile=profile,
            goertzel=goertzel,
            progress=progress,
            speed=speed,
            on_speed=on_speed,
            explain=explain,
        )


@overload
def iter_reader(
    reader: AudioReader,
    *,
    channel: int | None = None,
    profile: str | Profile = "default",
    goertzel: GoertzelForm = "matrix",
    progress: Progress | None = None,
    speed: Speed | None = None,
    on_speed: OnSpeed | None = None,
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
    speed: Speed | None = None,
    on_speed: OnSpeed | None = None,
    explain: bool,
) -> Iterator[DetectedTone | Rejection]: ...


def iter_reader(
    reader: AudioReader,
    *,
    channel: int | None = None,
    profile: str | Profile = "default",
    goertzel: GoertzelForm = "matrix",
    progress: Progress | None = None,
    speed: Speed | None = None,
    on_speed: OnSpeed | None = None,
    explain: bool = False,
) -> Iterator[DetectedTone] | Iterator[DetectedTone | Rejection]:
    """Yield the tones of an open file, as :func:`iter_file` does; its rate and channels are known beforehand."""
    numbers = channels_of(reader, channel)
    blocks = reader.blocks(DECODED_FRAMES)
    beginning = _Beginning(reader, channel) if on_speed is not None or speed == "auto" else None
    factor = 1.0 if speed is None or speed == "auto" else speed
    if speed == "auto" and beginning is not None:
        first = []
        for block in blocks:
            first.append(block)
            if not beginning.add(block):
                break
        estimate = beginning.estimate()
        if estimate is not None:
            factor = estimate.factor
            if on_speed is not None:
                on_speed(estimate)
        blocks = chain(first, blocks)
        beginning = None
    yield from _decoded(reader, blocks, numbers, factor, profile, goertzel, progress, explain, beginning)
    if beginning is not None and on_speed is not None and speed is None:
        estimate = beginning.estimate_if_off()
        if estimate is not None:
            on_speed(estimate)


def _decoded(
    reader: AudioReader,
    blocks: Iterator[Block],
    numbers: list[int],
    factor: float,
    profile: str | Profile,
    goertzel: GoertzelForm,
    progress: Progress | None,
    explain: bool,
    beginning: _Beginning | None,
) -> Iterator[DetectedTone | Rejection]:
    """Decode blocks at a speed, and let ``beginning`` keep what it needs of them."""
    try:
        rate = corrected_rate(reader.samplerate, factor)
    except InvalidSettingError as error:
        raise InvalidSettingError(f"{reader.name}: {error}") from error
    streams = {
        number: StreamDecoder(rate, channel=number, profile=profile, goertzel=goertzel, announce=False, explain=explain)
        for number in numbers
    }

    def finished(events: list[Event]) -> list[DetectedTone | Rejection]:
        found = _finished(events)
        if beginning is not None:
            beginning.heard(found)
        return found if rate == reader.samplerate else [at_rate(event, reader.samplerate) for event in found]

    frames_done = 0
    for block in blocks:
        events: list[Event] = []
        for number, stream in streams.items():
            try:
                events += stream.feed(block[:, number])
            except InvalidSignalError as error:
                raise InvalidSignalError(f"{line_name(reader, number)}: {error}") from error
        if beginning is not None:
            beginning.add(block)
        yield from finished(events)
        frames_done += len(block)
        if progress is not None:
            progress(frames_done, reader.frames)
    yield from finished([event for stream in streams.values() for event in stream.flush()])


class _Beginning:
    """The first minutes of a file, kept for its speed, and what was heard in the first blocks of it."""

    def __init__(self, reader: AudioReader, channel: int | None) -> None:
        self._samplerate = reader.samplerate
        self._channel = channel
        self._most = max(1, min(round(LISTENED_S * reader.samplerate), LISTENED_SAMPLES // reader.channels))
        self._blocks: list[Block] = []
        self._frames = 0
        self._tones: list[DetectedTone] = []

    def add(self, block: Block) -> bool:
        """Keep a block, or as much of it as is wanted; return whether more is."""
        wanted = self._most - self._frames
        if wanted > 0:
            self._blocks.append(block[:wanted])
            self._frames += len(self._blocks[-1])
            if len(self._blocks) >= MOST_BLOCKS:  # a pipe may give them a sample at a time
                self._blocks = [np.concatenate(self._blocks)]
        return self._frames < self._most

    def heard(self, events: list[DetectedTone | Rejection]) -> None:
        """Keep the first tones that were heard at the file's own rate."""
        if len(self._tones) < MOST_TONES:
            self._tones += [event for event in events if isinstance(event, DetectedTone)]

    def estimate(self) -> SpeedEstimate | None:
        """Estimate the speed; None where the samples are none that can be decoded, which the decoder tells better."""
        try:
            return estimate_speed(np.concatenate(self._blocks), self._samplerate, channel=self._channel)
        except InvalidSignalError:
            return None

    def estimate_if_off(self) -> SpeedEstimate | None:
        """Estimate the speed where the tones are off, or where there are none, and yet pairs of something."""
        samples = np.concatenate(self._blocks)
        if looks_off(self._tones) if self._tones else may_hold_pairs(samples, self._samplerate, channel=self._channel):
            return self.estimate()
        return None


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
