"""One call for a whole signal: the stream fed once, each channel on its own."""

from __future__ import annotations

from operator import attrgetter
from typing import Literal, overload

import numpy.typing as npt

from dtmf_audio.events import DetectedTone, Rejection, ToneStarted
from dtmf_audio.goertzel import GoertzelForm
from dtmf_audio.profiles import Profile
from dtmf_audio.signals import chosen_channels
from dtmf_audio.stream import StreamDecoder


@overload
def decode(
    signal: npt.ArrayLike,
    samplerate: int,
    *,
    channel: int | None = None,
    profile: str | Profile = "default",
    goertzel: GoertzelForm = "matrix",
    explain: Literal[False] = False,
) -> list[DetectedTone]: ...


@overload
def decode(
    signal: npt.ArrayLike,
    samplerate: int,
    *,
    channel: int | None = None,
    profile: str | Profile = "default",
    goertzel: GoertzelForm = "matrix",
    explain: bool,
) -> list[DetectedTone | Rejection]: ...


def decode(
    signal: npt.ArrayLike,
    samplerate: int,
    *,
    channel: int | None = None,
    profile: str | Profile = "default",
    goertzel: GoertzelForm = "matrix",
    explain: bool = False,
) -> list[DetectedTone] | list[DetectedTone | Rejection]:
    """Find the tones in a signal, and with ``explain`` what was nearly one.

    Parameters
    ----------
    signal : int16, int32, uint8, float32 or float64, shape (n,) or (n, channels)
        Channels are decoded on their own and never mixed.
    samplerate : int
        Hz, 4000 to 192000.
    channel : int, optional
        Decode this channel alone; without it, all.
    profile : str or Profile
        Limits of the receiver: a name of :data:`~dtmf_audio.profiles.PROFILES`, or a profile of your own.
    goertzel : {"matrix", "resonator"}
        Form of the Goertzel bank; both find the same tones.
    explain : bool
        Return the near misses too: what may have been a press of a key, and which limit refused it. The tones are the
        same; decoding takes longer. What is never taken for a key in the first place is no near miss: most single
        tones, whatever lasts less than 15 ms, levels and twists 10 dB beyond the limit, and many keys 3 % off pitch or
        more, which beyond 5 % look like their neighbours.

    Returns
    -------
    list of DetectedTone, and with ``explain`` of Rejection
        In the order of their starts; at equal starts, of their channels.

    Raises
    ------
    InvalidSignalError
        The signal has no samples, another dtype or shape, or a sample that is not finite.
    InvalidSettingError
        A rate, channel, profile or form that does not exist.
    """
    columns, numbers = chosen_channels(signal, channel, to="decode")
    found: list[DetectedTone | Rejection] = []
    for number in numbers:
        stream = StreamDecoder(
            samplerate, channel=number, profile=profile, goertzel=goertzel, announce=False, explain=explain
        )
        events = stream.feed(columns[:, number]) + stream.flush()
        found += [event for event in events if not isinstance(event, ToneStarted)]
    return sorted(found, key=attrgetter("start", "channel"))
