"""One call for a whole signal: the stream fed once, each channel on its own."""

from __future__ import annotations

from operator import attrgetter

import numpy.typing as npt

from dtmf_audio.errors import InvalidSettingError, InvalidSignalError
from dtmf_audio.events import DetectedTone
from dtmf_audio.goertzel import GoertzelForm
from dtmf_audio.profiles import Profile
from dtmf_audio.signals import as_channels
from dtmf_audio.stream import StreamDecoder


def decode(
    signal: npt.ArrayLike,
    samplerate: int,
    *,
    channel: int | None = None,
    profile: str | Profile = "default",
    goertzel: GoertzelForm = "matrix",
) -> list[DetectedTone]:
    """Find the tones in a signal.

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

    Returns
    -------
    list of DetectedTone
        In the order of their starts; at equal starts, of their channels.

    Raises
    ------
    InvalidSignalError
        The signal has no samples, another dtype or shape, or a sample that is not finite.
    InvalidSettingError
        A rate, channel, profile or form that does not exist.
    """
    channels = as_channels(signal)
    if not len(channels):
        raise InvalidSignalError("the signal has no samples; give at least one")
    n_channels = channels.shape[1]
    if channel is not None and not 0 <= channel < n_channels:
        raise InvalidSettingError(
            f"channel {channel} asked for, the signal has {n_channels} (0 to {n_channels - 1}); "
            "leave channel out to decode all"
        )
    tones: list[DetectedTone] = []
    for number in range(n_channels) if channel is None else [channel]:
        stream = StreamDecoder(samplerate, channel=number, profile=profile, goertzel=goertzel, announce=False)
        events = stream.feed(channels[:, number]) + stream.flush()
        tones += [event for event in events if isinstance(event, DetectedTone)]
    return sorted(tones, key=attrgetter("start", "channel"))
