"""Dialled digits taken out of audio: which samples, and what is put in their place.

Conventions
-----------
- A *press* is cut on the channel on which it is heard with ``guard_ms`` before and after it, and on every other channel
  with as much and ``echo_ms`` more after it. Where there is one channel, it holds both parties, and is the other
  channel too. Where talk or noise lies over a press, so that its edges are unsure, the guard is three times as wide.
- All other samples stay as they are, bit for bit.
- What is put in is a function of the sample's index in the recording alone, so that any blocks give the same.
- Nothing that is shown of the results (``repr``, messages) tells a digit; who wants them asks for ``presses``.

Decisions
---------
**The profile is** ``sensitive``. What it finds too much costs a piece of audio, what it finds too little is a digit.
While somebody dials (``DOUBT_MS`` before and after a press), every near miss is cut too: under talk, a press is one.
Elsewhere only those are that lack little evidence (``DOUBT_EVIDENCE``); speech gives many others.

**The result is decoded again**, each channel, and what is found is cut too, with a guard half as wide again each
time: what lay beneath a loud press, an echo for one, may be heard only when that is gone. After ``MOST_ROUNDS`` it is
refused.

**300 ms of echo** on the other channels: a far end that is 150 ms away, the most that ITU-T G.114 holds for good,
reflects into its own channel for a round trip. On a press's own channel, and later, an echo that can be decoded is
found as a press of its own.

**What is put in is nothing like a digit**: silence; 2000 Hz, far above both groups, as are its harmonics, and as they
stay when they are aliased at 8 kHz (400 Hz where the rate is too low for it); or noise below 450 Hz and from 2100 Hz
up, which has no power where the tones are. 1000 Hz, the usual beep, leaks into 941 and 1209 Hz: in 12 minutes of it,
cut into beeps, dtmf2num heard ``*`` 25 times. The original fades out and in over 5 ms, inside the guard.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from dtmf_audio.decoder import decode
from dtmf_audio.errors import InvalidSettingError, InvalidSignalError, RedactionError
from dtmf_audio.events import DetectedTone, Rejection
from dtmf_audio.pan import ECHO_S, card_number_spans, may_be_echo
from dtmf_audio.signals import Samples, as_channels, check_samplerate, to_float, whole_steps
from dtmf_audio.units import amplitude_from_dbm0, power_from_dbm0, samples_from_ms

Fill = Literal["silence", "beep", "noise"]
Only = Literal["pan"]

PROFILE = "sensitive"
GUARD_MS = 40.0  # chosen: tests/benchmarks/redaction.py; edges in strong noise are off by 10 ms, rooms ring longer
GUARD_RANGE_MS = (10.0, 1000.0)
ECHO_MS = 300.0  # quoted: twice the 150 ms one way of ITU-T G.114
MOST_ECHO_MS = 5000.0
MOST_JOIN_MS = 10_000.0
UNSURE_SNR_DB = (
    10.0  # chosen: tests/benchmarks/redaction.py; where talk lies over a press, its start or end may be missed
)
UNSURE_WIDER = 3  # chosen: likewise
JOIN_MS = 100.0  # chosen: what is left between two cuts that are closer could be part of a press, and says nothing
DOUBT_MS = 3000.0  # chosen: the pause that dialling by hand makes between groups
DOUBT_EVIDENCE = 2.0  # chosen: tests/benchmarks/redaction.py; synthetic speech has 24 such an hour, and 186 within 5
MOST_ROUNDS = 5
WIDER = 1.5

FADE_MS = 5.0
BEEP_HZ = 2000
LOW_BEEP_HZ = 400  # below LOW_RATE
LOW_RATE = 5000
BEEP_DBM0 = -20.0  # chosen: audible, and no louder than speech
NOISE_DBM0 = -45.0  # chosen: audible, and no louder than a line
NOISE_BANDS_HZ = ((100.0, 450.0), (2100.0, 3400.0))
NOISE_S = 4.0  # its period

_BITS = {np.dtype(np.uint8): 8, np.dtype(np.int16): 16, np.dtype(np.int32): 32}


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactionSettings:
    """What to cut, and what to put there.

    Parameters
    ----------
    fill : {"silence", "beep", "noise"}
    guard_ms : float
        Cut before and after each press, 10 to 1000; three times as much where talk or noise lies over it.
    echo_ms : float
        Cut on the other channels after that, and on the only one, 0 to 5000.
    join_ms : float
        Cut what is left between two cuts too, if it is shorter than this, 0 to 10000. A press that talk covers is
        heard by no decoder; in the middle of a number a second takes it out.
    own_channel : bool
        Cut a press on the channel on which it is heard alone, and no echo.
    only : {"pan"}, optional
        Cut what may be a card number alone, see :mod:`dtmf_audio.pan`; without it, all presses.
    seed : int
        Of the noise.

    Raises
    ------
    InvalidSettingError
        A fill or choice that does not exist, or a number outside its range.
    """

    fill: Fill = "silence"
    guard_ms: float = GUARD_MS
    echo_ms: float = ECHO_MS
    join_ms: float = JOIN_MS
    own_channel: bool = False
    only: Only | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.fill not in get_args(Fill):
            raise InvalidSettingError(f"fill is {self.fill!r}; it must be one of {', '.join(get_args(Fill))}")
        if self.only not in (None, *get_args(Only)):
            raise InvalidSettingError(f"only is {self.only!r}; it must be {', '.join(get_args(Only))}, or left out")
        for name, value, (least, most) in (
            ("guard_ms", self.guard_ms, GUARD_RANGE_MS),
            ("echo_ms", self.echo_ms, (0.0, MOST_ECHO_MS)),
            ("join_ms", self.join_ms, (0.0, MOST_JOIN_MS)),
        ):
            if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
                raise InvalidSettingError(f"{name} is {value!r}; it must be a number from {least:g} to {most:g}")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise InvalidSettingError(f"seed is {self.seed!r}; it must be a whole number, 0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Samples of one channel that are replaced.

    Attributes
    ----------
    channel : int
    start, stop : int
        Sample indices, half-open; up to 5 ms at each end are faded.
    fade : int
        Samples of each fade.
    presses : int
        How many were heard on this channel within it; 0 where it is for those of another channel.
    """

    channel: int
    start: int
    stop: int
    fade: int
    presses: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was cut in the end, and after how many rounds nothing was left.

    Attributes
    ----------
    cuts : tuple of Cut
        By channel, then by start.
    presses : tuple of DetectedTone
        What was cut, in the order of their starts. Not shown by ``repr``.
    doubtful : int
        Near misses that were cut with them.
    kept : tuple of DetectedTone
        Presses that were left, with ``only``. Not shown by ``repr``.
    rounds : int
        How often the result was decoded; 0 if nothing was cut.
    """

    cuts: tuple[Cut, ...]
    presses: tuple[DetectedTone, ...] = field(repr=False)
    doubtful: int
    kept: tuple[DetectedTone, ...] = field(repr=False)
    rounds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactedAudio:
    """Audio without its digits.

    Attributes
    ----------
    samples : the dtype and shape of what came in
        A new array.
    samplerate : int
        Hz.
    outcome : Outcome
        What was cut.
    """

    samples: npt.NDArray[Any] = field(repr=False)
    samplerate: int
    outcome: Outcome

    @property
    def cuts(self) -> tuple[Cut, ...]:
        """What was replaced."""
        return self.outcome.cuts


def redact(
    signal: npt.ArrayLike,
    samplerate: int,
    *,
    fill: Fill = "silence",
    guard_ms: float = GUARD_MS,
    echo_ms: float = ECHO_MS,
    join_ms: float = JOIN_MS,
    own_channel: bool = False,
    only: Only | None = None,
    seed: int = 0,
) -> RedactedAudio:
    """Take the presses of keys out of a signal.

    Parameters
    ----------
    signal : int16, int32, uint8, float32 or float64, shape (n,) or (n, channels)
    samplerate : int
        Hz, 4000 to 192000.
    fill, guard_ms, echo_ms, join_ms, own_channel, only, seed
        As of :class:`RedactionSettings`.

    Returns
    -------
    RedactedAudio
        In which the decoder finds no press any more; with ``only``, none but those that were left.

    Raises
    ------
    InvalidSignalError
        The signal has no samples, another dtype or shape, or a sample that is not finite.
    InvalidSettingError
        A rate or a setting that does not exist.
    RedactionError
        After all rounds, a press is left.
    """
    settings = RedactionSettings(
        fill=fill, guard_ms=guard_ms, echo_ms=echo_ms, join_ms=join_ms, own_channel=own_channel, only=only, seed=seed
    )
    rate = check_samplerate(samplerate)
    array = np.asarray(signal)
    columns = as_channels(array)
    if not len(columns):
        raise InvalidSignalError("the signal has no samples; give at least one")
    found = decode(columns, rate, profile=PROFILE, explain=True)
    filler = Filler(settings, rate)
    samples = columns.copy()

    def attempt(cuts: Sequence[Cut]) -> list[DetectedTone]:
        np.copyto(samples, columns)
        for cut in cuts:
            part = columns[cut.start : cut.stop, cut.channel]
            replaced = filler.replaced(to_float(part, np.float64), cut, cut.start, len(columns))
            samples[cut.start : cut.stop, cut.channel] = stored(replaced, samples.dtype)
        return decode(samples, rate, profile=PROFILE)

    outcome = settle(found, rate, columns.shape[1], len(columns), settings, attempt)
    return RedactedAudio(samples=samples.reshape(array.shape), samplerate=rate, outcome=outcome)


def settle(
    found: Sequence[DetectedTone | Rejection],
    samplerate: int,
    channels: int,
    frames: int,
    settings: RedactionSettings,
    attempt: Callable[[Sequence[Cut]], Sequence[DetectedTone]],
) -> Outcome:
    """Cut what was found, and what is found after that, until nothing is.

    Parameters
    ----------
    found : sequence of DetectedTone and Rejection
        Of the original, each channel at ``PROFILE``.
    samplerate, channels, frames : int
    settings : RedactionSettings
    attempt : callable
        Makes the cuts in the original and returns the presses that are heard then.

    Raises
    ------
    RedactionError
        After ``MOST_ROUNDS``, a press is left.
    """
    chosen, kept = _choose(found, settings, samplerate)
    rounds = 0
    cuts: tuple[Cut, ...] = ()
    while chosen:
        cuts = plan_cuts(chosen, samplerate, channels, frames, settings, kept=kept, wider=WIDER**rounds)
        left = _left(attempt(cuts), kept, settings, samplerate)
        rounds += 1
        if not left:
            break
        if rounds == MOST_ROUNDS:
            where = ", ".join(f"{tone.start_s:.3f} s" for tone in left[:5])
            presses_are = "press is" if len(left) == 1 else "presses are"
            raise RedactionError(
                f"{len(left)} {presses_are} still heard after {rounds} rounds of cutting, "
                f"at {where}{', ...' if len(left) > 5 else ''}; widen the guard (guard_ms, --guard-ms), now "
                f"{settings.guard_ms:g} ms"
            )
        chosen = sorted([*chosen, *left], key=_by_start)
        kept = [tone for tone in kept if not any(_same(tone, other) for other in left)]
    presses = tuple(event for event in chosen if isinstance(event, DetectedTone))
    return Outcome(cuts=cuts, presses=presses, doubtful=len(chosen) - len(presses), kept=tuple(kept), rounds=rounds)


def plan_cuts(
    chosen: Iterable[DetectedTone | Rejection],
    samplerate: int,
    channels: int,
    frames: int,
    settings: RedactionSettings,
    *,
    kept: Sequence[DetectedTone] = (),
    wider: float = 1.0,
) -> tuple[Cut, ...]:
    """Return what to replace, joined where little would be left between, but for presses that are kept.

    Parameters
    ----------
    chosen : iterable of DetectedTone and Rejection
    samplerate, channels, frames : int
    settings : RedactionSettings
    kept : sequence of DetectedTone
        No cut is joined across one of these.
    wider : float
        Factor of the guard.
    """
    guard = samples_from_ms(settings.guard_ms * wider, samplerate)
    echo = samples_from_ms(settings.echo_ms, samplerate)
    join = samples_from_ms(settings.join_ms, samplerate)
    fade = min(samples_from_ms(FADE_MS, samplerate), guard // 2)
    spans: dict[int, list[tuple[int, int, int]]] = {}
    for event in chosen:
        for channel in [event.channel] if settings.own_channel else range(channels):
            own = channel == event.channel
            unsure = isinstance(event, Rejection) or event.snr_db < UNSURE_SNR_DB
            before = guard * UNSURE_WIDER if unsure else guard
            after = before + (0 if settings.own_channel or (own and channels > 1) else echo)
            start, stop = max(event.start - before, 0), min(event.stop + after, frames)
            if start < stop:
                presses = int(own and isinstance(event, DetectedTone))
                spans.setdefault(channel, []).append((start, stop, presses))
    cuts: list[Cut] = []
    for channel in sorted(spans):
        between = [tone for tone in kept if tone.channel == channel]
        joined: list[tuple[int, int, int]] = []
        for start, stop, presses in sorted(spans[channel]):
            if joined:
                begun, until, before = joined[-1]
                split = any(tone.start < start and tone.stop > until for tone in between)
                if start <= until or (start - until < join and not split):
                    joined[-1] = (begun, max(until, stop), before + presses)
                    continue
            joined.append((start, stop, presses))
        cuts += [
            Cut(channel=channel, start=start, stop=stop, fade=fade, presses=presses) for start, stop, presses in joined
        ]
    return tuple(cuts)


class Filler:
    """What is put into cuts, at one rate."""

    def __init__(self, settings: RedactionSettings, samplerate: int) -> None:
        self._settings = settings
        self._samplerate = samplerate
        self._noise: dict[int, Samples] = {}

    def replaced(self, original: Samples, cut: Cut, start: int, frames: int) -> Samples:
        """Return what to store in place of part of a cut.

        Parameters
        ----------
        original : float64, shape (n,)
            Full scale 1.0.
        cut : Cut
        start : int
            Index of the first of these samples, which all lie in the cut.
        frames : int
            Of the whole recording: at its start and its end nothing is faded.

        Returns
        -------
        float64, shape (n,)
        """
        index = np.arange(start, start + len(original))
        into = (index - cut.start) / max(cut.fade, 1) if cut.start > 0 else np.ones(len(index))
        out_of = (cut.stop - 1 - index) / max(cut.fade, 1) if cut.stop < frames else np.ones(len(index))
        weight = 0.5 - 0.5 * np.cos(np.pi * np.clip(np.minimum(into, out_of), 0.0, 1.0))  # of the fill
        fill = self._fill(index, cut.channel)
        return np.where(weight >= 1.0, fill, (1.0 - weight) * original + weight * fill)

    def _fill(self, index: npt.NDArray[np.int64], channel: int) -> Samples:
        if self._settings.fill == "beep":
            beep_hz = BEEP_HZ if self._samplerate >= LOW_RATE else LOW_BEEP_HZ
            phase = index * beep_hz % self._samplerate * (2.0 * math.pi / self._samplerate)
            return np.asarray(amplitude_from_dbm0(BEEP_DBM0) * np.sin(phase))
        if self._settings.fill == "noise":
            if channel not in self._noise:
                self._noise[channel] = _noise(self._samplerate, np.random.default_rng([self._settings.seed, channel]))
            period = self._noise[channel]
            return np.asarray(period[index % len(period)])
        return np.zeros(len(index))


def stored(samples: Samples, dtype: np.dtype[Any], bits: int | None = None) -> npt.NDArray[Any]:
    """Return samples of full scale 1.0 in a dtype; integers of fewer bits lie in the upper ones.

    Parameters
    ----------
    samples : float64, shape (n,)
    dtype : int16, int32, uint8, float32 or float64
    bits : int, optional
        Without it, as many as the dtype has.
    """
    held = _BITS.get(dtype.newbyteorder("="))
    if held is None:
        return samples.astype(dtype)
    whole = whole_steps(samples, bits or held) * 2.0 ** (held - (bits or held))
    return (whole + 128.0 if dtype == np.uint8 else whole).astype(dtype)


def _noise(samplerate: int, rng: np.random.Generator) -> Samples:
    """One period of noise in ``NOISE_BANDS_HZ``; it goes on where it began."""
    n = round(NOISE_S * samplerate)
    freqs_hz = np.fft.rfftfreq(n, 1.0 / samplerate)
    inside = np.any([(low <= freqs_hz) & (freqs_hz <= high) for low, high in NOISE_BANDS_HZ], axis=0)
    spectrum = np.where(inside, rng.standard_normal(len(freqs_hz)) + 1j * rng.standard_normal(len(freqs_hz)), 0.0)
    period = np.fft.irfft(spectrum, n)
    return np.asarray(period * math.sqrt(power_from_dbm0(NOISE_DBM0) / float(np.mean(period**2))))


def _choose(
    found: Sequence[DetectedTone | Rejection], settings: RedactionSettings, samplerate: int
) -> tuple[list[DetectedTone | Rejection], list[DetectedTone]]:
    """Return what to cut, and the presses to leave."""
    if settings.only is not None:
        return _choose_numbers(found, settings, samplerate)
    presses = [event for event in found if isinstance(event, DetectedTone)]
    return sorted([*presses, *_doubtful(found, samplerate)], key=_by_start), []


def _choose_numbers(
    found: Sequence[DetectedTone | Rejection], settings: RedactionSettings, samplerate: int
) -> tuple[list[DetectedTone | Rejection], list[DetectedTone]]:
    """Return all that is pressed while a card number may be, with its echoes, and the presses to leave."""
    spans = card_number_spans(found, apart=settings.own_channel)
    echo = round(ECHO_S * samplerate)
    chosen: list[DetectedTone | Rejection] = []
    kept: list[DetectedTone] = []
    for event in sorted(found, key=_by_start):
        inside = any(
            start < event.stop and event.start < stop and channel in (None, event.channel)
            for start, stop, channel in spans
        )
        echoed = isinstance(event, DetectedTone) and any(
            other.tone is event.tone and event.start - other.stop <= echo and may_be_echo(other, event)
            for other in chosen[-8:]
            if isinstance(other, DetectedTone) and not (settings.own_channel and other.channel != event.channel)
        )
        if inside or echoed:
            chosen.append(event)
        elif isinstance(event, DetectedTone):
            kept.append(event)
    return chosen, kept


def _doubtful(found: Sequence[DetectedTone | Rejection], samplerate: int) -> list[Rejection]:
    """Return the near misses that are near a press of the same channel, or nearly one themselves."""
    reach = samples_from_ms(DOUBT_MS, samplerate)
    near: list[Rejection] = []
    for channel in {event.channel for event in found}:
        presses = [event for event in found if isinstance(event, DetectedTone) and event.channel == channel]
        starts = np.array([press.start for press in presses])
        stops = np.maximum.accumulate(np.array([press.stop for press in presses], np.int64))
        for event in found:
            if isinstance(event, Rejection) and event.channel == channel:
                before = int(np.searchsorted(starts, event.stop + reach, side="right"))  # presses that begin by then
                lacking = event.wanted - event.measured if event.limit == "min_evidence" else math.inf
                if lacking <= DOUBT_EVIDENCE or (before and stops[before - 1] + reach >= event.start):
                    near.append(event)
    return near


def _left(
    heard: Sequence[DetectedTone], kept: Sequence[DetectedTone], settings: RedactionSettings, samplerate: int
) -> list[DetectedTone]:
    """Return the presses heard after cutting that are none of those kept, or that may be a card number still."""
    left = [tone for tone in heard if not any(_same(tone, other) for other in kept)]
    if settings.only is not None:
        left += [tone for tone in _choose(heard, settings, samplerate)[0] if isinstance(tone, DetectedTone)]
    return left


def _same(tone: DetectedTone, other: DetectedTone) -> bool:
    """Tell whether two decodings mean the same press."""
    return (
        tone.tone is other.tone
        and tone.channel == other.channel
        and tone.start < other.stop
        and other.start < tone.stop
    )


def _by_start(event: DetectedTone | Rejection) -> tuple[int, int]:
    return event.start, event.channel
