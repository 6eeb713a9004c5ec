"""Time: samples go in as they come, tones come out as they start and end, of one channel or of many at once.

Both decoders here are faces of one :class:`~dtmf_audio.receiver.Receiver`, which does the work and says why any
chunking gives the same tones at the same samples. Here arguments are checked, and a stream that has ended stays ended.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dtmf_audio.errors import InvalidSettingError, InvalidSignalError
from dtmf_audio.events import DetectedTone, Rejection, ToneStarted
from dtmf_audio.goertzel import GoertzelForm
from dtmf_audio.profiles import Profile, get_profile
from dtmf_audio.receiver import Receiver
from dtmf_audio.signals import as_channels, as_dtype, check_samplerate

Event = ToneStarted | DetectedTone | Rejection

LONGEST_GAP_MS = 500.0  # a longer gap ends everything before it
BANK_HOLD_MS = 80.0  # chosen: tests/benchmarks/speed.py --rows bank; less than a pause between two keys
MOST_CHANNELS = 2**20  # of a bank


class DecoderBank:
    """Decodes many channels that are fed together, as a media server does every 20 ms.

    The events are those of as many :class:`StreamDecoder`, those of a channel in the same order, at a fraction of their
    cost. To measure many at a time, a bank tells of finished tones a little later, unless another one starts before.

    Parameters
    ----------
    channels : int
        How many; their numbers in events are 0 to ``channels - 1``.
    samplerate : int
        Hz, 4000 to 192000.
    profile : str or Profile
        Name of a profile, or one of your own.
    goertzel : {"matrix", "resonator"}
        Form of the Goertzel bank; the tones are the same, the resonator is slower.
    announce : bool
        Whether to tell :class:`ToneStarted`. It comes 27 to 41 ms after the start of a clear tone, plus what the
        chunk adds; without it decoding is faster.
    explain : bool
        Whether to tell a :class:`Rejection` for every near miss: what may have been a press of a key, and which limit
        refused it. The tones are the same; decoding takes longer. What is never taken for a key in the first place is
        no near miss: most single tones, whatever lasts less than 15 ms, levels and twists 10 dB beyond the limit, and
        many keys 3 % off pitch or more, which beyond 5 % look like their neighbours.
    hold_ms : float
        How much later than a stream it may tell of a finished tone, 0 to 80; more is faster. With ``explain`` nothing
        is held.

    Raises
    ------
    InvalidSettingError
        A number of channels, rate, profile or form that is not known, or a time out of range.
    """

    def __init__(
        self,
        channels: int,
        samplerate: int,
        *,
        profile: str | Profile = "default",
        goertzel: GoertzelForm = "matrix",
        announce: bool = True,
        explain: bool = False,
        hold_ms: float = BANK_HOLD_MS,
    ) -> None:
        if (
            isinstance(channels, bool)
            or not isinstance(channels, int | np.integer)
            or not 1 <= channels <= MOST_CHANNELS
        ):
            raise InvalidSettingError(
                f"a bank of {channels!r} channels was asked for; it must be a whole number from 1 to {MOST_CHANNELS}"
            )
        if not 0.0 <= hold_ms <= BANK_HOLD_MS:
            raise InvalidSettingError(f"hold_ms is {hold_ms!r}; it must be from 0 to {BANK_HOLD_MS:g}")
        self.channels = int(channels)
        self.samplerate = check_samplerate(samplerate)
        self.profile = get_profile(profile)
        self._receiver = Receiver(
            self.channels,
            self.samplerate,
            self.profile,
            form=goertzel,
            announce=announce,
            explain=explain,
            hold_ms=hold_ms,
        )
        self._flushed = False

    def feed(self, samples: npt.ArrayLike) -> list[Event]:
        """Take the next samples of all channels.

        Parameters
        ----------
        samples : int16, int32, uint8, float32 or float64, shape (channels, n)
            May hold no samples.

        Returns
        -------
        list of ToneStarted, DetectedTone and Rejection
            What is known now, of each channel in the order in which it was settled.

        Raises
        ------
        InvalidSignalError
            Samples that are not audio, another number of channels, or the stream was flushed.
        """
        _check_open(self._flushed)
        array = as_dtype(samples)
        if array.ndim != 2 or array.shape[0] != self.channels:
            raise InvalidSignalError(
                f"samples of shape {array.shape} were fed; the bank takes ({self.channels}, n): one row a channel"
            )
        return self._receiver.feed(array)

    def gap(self, n_samples: int) -> list[Event]:
        """Tell that the next ``n_samples`` samples of all channels were lost; as :meth:`StreamDecoder.gap`."""
        _check_open(self._flushed)
        return _gap(self._receiver, n_samples)

    def flush(self) -> list[Event]:
        """End the streams: return everything that was still open."""
        if self._flushed:
            return []
        self._flushed = True
        return self._receiver.finish()


class StreamDecoder:
    """Decodes one channel, fed in chunks of any size.

    Parameters
    ----------
    samplerate : int
        Hz, 4000 to 192000.
    channel : int
        Number that events carry.
    profile, goertzel, announce, explain
        As in :class:`DecoderBank`.

    Raises
    ------
    InvalidSettingError
        A rate, profile or form that is not known.
    """

    def __init__(
        self,
        samplerate: int,
        *,
        channel: int = 0,
        profile: str | Profile = "default",
        goertzel: GoertzelForm = "matrix",
        announce: bool = True,
        explain: bool = False,
    ) -> None:
        self.samplerate = check_samplerate(samplerate)
        self.channel = channel
        self.profile = get_profile(profile)
        self._receiver = Receiver(
            1, self.samplerate, self.profile, form=goertzel, announce=announce, explain=explain, first_channel=channel
        )
        self._flushed = False

    def feed(self, samples: npt.ArrayLike) -> list[Event]:
        """Take the next samples.

        Parameters
        ----------
        samples : int16, int32, uint8, float32 or float64, shape (n,) or (n, 1)
            May be empty.

        Returns
        -------
        list of ToneStarted, DetectedTone and Rejection
            What is known now, in the order in which it was settled. A Rejection takes back a ToneStarted, or with
            ``explain`` tells of a near miss.

        Raises
        ------
        InvalidSignalError
            Samples that are not audio, more than one channel, or the stream was flushed.
        """
        _check_open(self._flushed)
        channels = as_channels(samples)
        if channels.shape[1] != 1:
            raise InvalidSignalError(
                f"samples of {channels.shape[1]} channels were fed; a stream is one channel: make a decoder for each"
            )
        return self._receiver.feed(channels.T)

    def gap(self, n_samples: int) -> list[Event]:
        """Tell that the next ``n_samples`` samples were lost.

        Positions go on behind them. A press is not ended by what was not heard: of a hole with lost samples in
        it, only the silence that was heard counts, against half of ``bridge_ms``.
        """
        _check_open(self._flushed)
        return _gap(self._receiver, n_samples)

    def flush(self) -> list[Event]:
        """End the stream: return everything that was still open."""
        if self._flushed:
            return []
        self._flushed = True
        return self._receiver.finish()


def _check_open(flushed: bool) -> None:
    if flushed:
        raise InvalidSignalError("the stream was flushed and has ended; make a new decoder for the next one")


def _gap(receiver: Receiver, n_samples: int) -> list[Event]:
    """Tell a receiver of lost samples."""
    if isinstance(n_samples, bool) or not isinstance(n_samples, int | np.integer) or n_samples < 0:
        raise InvalidSettingError(f"a gap of {n_samples!r} samples was told; it must be a whole number, 0 or more")
    longest = round(LONGEST_GAP_MS * receiver.samplerate / 1000.0)
    return receiver.restart(int(n_samples)) if n_samples > longest else receiver.lose(int(n_samples))
