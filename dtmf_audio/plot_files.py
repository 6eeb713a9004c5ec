"""Pictures of files and pipes: read once, in blocks, each decoded and reduced as it comes, in bounded memory."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path

from dtmf_audio.audio_io import AudioReader, RawFormat, Source, open_audio, replace_file
from dtmf_audio.errors import InvalidSettingError, InvalidSignalError
from dtmf_audio.events import DetectedTone, Rejection, ToneStarted
from dtmf_audio.files import DECODED_FRAMES, channels_of, line_name
from dtmf_audio.overview import Overview, Overviewer
from dtmf_audio.plot import ENDINGS, check_channels, draw, encode, in_view, matplotlib_settings
from dtmf_audio.plot_page import to_html
from dtmf_audio.profiles import Profile, get_profile
from dtmf_audio.stream import StreamDecoder

AFTER_STOP_S = 1.0  # a tone is finished long before, unless it lasts

Progress = Callable[[int, int | None], None]


def plot_file(
    source: Source,
    target: str | os.PathLike[str],
    *,
    channel: int | None = None,
    start_s: float = 0.0,
    stop_s: float | None = None,
    profile: str | Profile = "default",
    dark: bool = False,
    raw: RawFormat | None = None,
    partial: bool = False,
    progress: Progress | None = None,
) -> list[DetectedTone | Rejection]:
    """Draw a file with what was heard in it, and the near misses.

    Parameters
    ----------
    source : str, os.PathLike or binary file object
        A path, or ``"-"`` for standard input.
    target : str or os.PathLike
        Ends in ``.png``, ``.svg`` or ``.html``; a path holds the whole picture, or what it held before.
    channel : int, optional
        Draw this channel alone, counted from 0; without it, all, of which there may be four.
    start_s, stop_s : float
        Draw this part alone, in seconds. What lies before it is decoded all the same.
    profile : str or Profile
        Limits of the receiver.
    dark : bool
        Draw for a dark screen, instead of for paper.
    raw : RawFormat, optional
        The source has no header and holds this.
    partial : bool
        Take what is there of a source that breaks off, instead of refusing it.
    progress : function of (int, int or None), optional
        Called after each block with the number of frames done, and, where the header tells it, the number in all.

    Returns
    -------
    list of DetectedTone and Rejection
        What the picture shows, in the order of time.

    Raises
    ------
    AudioFileError
        The source cannot be read, or the target cannot be written.
    InvalidSignalError
        The source holds a sample that is not finite.
    InvalidSettingError
        An ending, a part, a channel or a profile that cannot be; more than four channels.
    MissingLibraryError
        matplotlib is not installed.
    """
    ending = Path(target).suffix.lower()
    if ending not in ENDINGS:
        raise InvalidSettingError(
            f"{os.fspath(target)}: its ending {ending!r} tells no format; use one of {', '.join(ENDINGS)}"
        )
    if not (math.isfinite(start_s) and start_s >= 0):
        raise InvalidSettingError(f"start is {start_s:g} s; it must be 0 s or later")
    if stop_s is not None and not (math.isfinite(stop_s) and stop_s > start_s):
        raise InvalidSettingError(f"stop is {stop_s:g} s; it must be later than the start, {start_s:g} s")
    limits = get_profile(profile)
    with matplotlib_settings():
        pass  # so that it is said at once if matplotlib is missing
    with open_audio(source, raw=raw, partial=partial) as reader, replace_file(target) as file:
        overviews, events = _read(reader, channels_of(reader, channel), start_s, stop_s, limits, progress)
        shown = in_view(overviews, events)
        alone = ending != ".html"  # a page has a title and a table of reasons of its own
        drawn = draw(overviews, shown, title=reader.name if alone else "", dark=dark, reasons=alone)
        if not alone:
            page = to_html(drawn, shown, title=reader.name, about=_about(reader, overviews, limits), dark=dark)
            file.write(page.encode())
        else:
            file.write(encode(drawn, ending))
    return shown


def _read(
    reader: AudioReader,
    channels: list[int],
    start_s: float,
    stop_s: float | None,
    profile: Profile,
    progress: Progress | None,
) -> tuple[dict[int, Overview], list[DetectedTone | Rejection]]:
    try:
        check_channels(len(channels))
    except InvalidSettingError as error:
        raise InvalidSettingError(f"{reader.name}: {error}, such as --channel 0") from error
    rate = reader.samplerate
    start = round(start_s * rate)
    stop = None if stop_s is None else max(round(stop_s * rate), start + 1)
    streams = {
        number: StreamDecoder(rate, channel=number, profile=profile, announce=False, explain=True)
        for number in channels
    }
    overviewers = {number: Overviewer(rate, start=start) for number in channels}
    events: list[DetectedTone | Rejection] = []
    done = 0
    for block in reader.blocks(DECODED_FRAMES):
        for number in channels:
            try:
                found = streams[number].feed(block[:, number])
            except InvalidSignalError as error:
                raise InvalidSignalError(f"{line_name(reader, number)}: {error}") from error
            events += [event for event in found if not isinstance(event, ToneStarted)]
            until = len(block) if stop is None else max(stop - done, 0)
            overviewers[number].feed(block[max(start - done, 0) : until, number])
        done += len(block)
        if progress is not None:
            progress(done, reader.frames)
        if stop is not None and done > stop + AFTER_STOP_S * rate:
            break
    if done <= start:
        raise InvalidSettingError(f"{reader.name}: ends at {done / rate:g} s, before the start, {start_s:g} s")
    for stream in streams.values():
        events += [event for event in stream.flush() if not isinstance(event, ToneStarted)]
    return {number: overviewer.finish() for number, overviewer in overviewers.items()}, events


def _about(reader: AudioReader, overviews: dict[int, Overview], profile: Profile) -> str:
    view = next(iter(overviews.values()))
    channels = ", ".join(map(str, overviews))
    which = f"channel {channels}" if len(overviews) == 1 else f"channels {channels}"
    from_s, to_s = view.start / view.samplerate, view.stop / view.samplerate
    return (
        f"{which} of {reader.channels}, {reader.samplerate} Hz, from {from_s:.3f} s to {to_s:.3f} s; "
        f"judged by the profile {profile.name}"
    )
