"""Tones to samples: when each tone sounds, how loud, at which frequencies and with which edges.

Conventions
-----------
- Time runs in whole picoseconds from the start, and every edge is the sample nearest to its time, in integer
  arithmetic. So an edge is never more than half a sample from where it was asked to be, however long the
  sequence: there is no drift at any rate. (A duration that is no whole number of picoseconds, such as a third
  of a millisecond, is rounded to one: 10,000 tones then end 0.002 samples off at 192 kHz, at worst.)
- A tone fills ``samples[start:stop]``, its ramps included. The ramps are halves of a raised cosine (Hann).
- ``delay_ms`` is the silence from the end of one tone to the start of the next: Graph's
  ``delayBetweenTonesMs``. How long a tone lasts is nowhere in Graph's documentation; 100 ms is ours.
- ``level_dbm0`` is the level of the low-group tone; the high-group tone is ``twist_db`` louder. The defaults,
  -10 and -8 dBm0, lie within every sender's range that the library knows: ETSI, BT, AS/CA S002 and NEC ask
  for a high group 1 to 4 dB louder (0 to 4 in Australia), and 100 ms on, 100 ms off satisfies all receivers.
- Both tones of a pair start as sines at phase 0, or at phases drawn from ``rng``. Nothing else is random, and
  equal arguments give equal samples bit for bit on one machine.

Equal presses are computed once and copied, since ten thousand tones are seldom more than sixteen kinds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from dtmf_audio.errors import InvalidSettingError, InvalidSignalError, InvalidToneError
from dtmf_audio.signals import Samples, check_samplerate, to_pcm16
from dtmf_audio.tones import Pause, Tone, parse_keys
from dtmf_audio.units import (
    PICOSECONDS_PER_S,
    amplitude_from_dbm0,
    amplitude_ratio_from_db,
    dbm0_from_amplitude,
    ps_from_ms,
)

DEFAULT_ON_MS = 100.0  # chosen: accepted by every receiver in the field
DEFAULT_DELAY_MS = 100.0  # chosen: likewise
DEFAULT_LEVEL_DBM0 = -10.0  # chosen: low group; see above
DEFAULT_TWIST_DB = 2.0  # chosen: as AS/CA S002:2010 clause 5.5.1.9 has it at zero line
DEFAULT_RAMP_MS = 2.0  # chosen: 10-90 % in 1.2 ms
MAX_RAMP_MS = 5.0  # AS/CA S002:2010 clause 5.5.1.9 allows 5 ms for 10-90 %; a Hann ramp of 5 ms takes 3
MAX_OFFSET_PCT = 10.0  # beyond it a tone is nearer to its neighbour in the group
MAX_TWIST_DB = 40.0
MIN_LEVEL_DBM0 = -90.0  # one step of 16-bit PCM
LOUDEST_PEAK = 1.0 - 2.0**-15  # the largest 16-bit sample
MAX_SAMPLES = 2**28  # 2 GiB of float64: 9 hours at 8 kHz
MOST_IN_INT64 = 2**23  # elements whose rests of a sample, each below 1e12, do not overflow

FRAME_SAMPLERATE = 16_000  # app-hosted media: Pcm16K, mono
FRAME_SAMPLES = 320  # 20 ms
FRAME_TICKS = 200_000  # 20 ms in units of 100 ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """One press of a key, with what differs from the rest of its sequence; ``None`` means "as the rest".

    Attributes
    ----------
    tone : Tone
    on_ms : float
        Length of the tone.
    delay_ms : float
        Silence after it.
    level_dbm0 : float
        Level of the low-group tone.
    twist_db : float
        Level of the high-group tone less that of the low-group tone.
    low_offset_pct, high_offset_pct : float
        Frequency relative to nominal, in percent.
    """

    tone: Tone
    on_ms: float | None = None
    delay_ms: float | None = None
    level_dbm0: float | None = None
    twist_db: float | None = None
    low_offset_pct: float | None = None
    high_offset_pct: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedTone:
    """Where a tone lies in a rendering: ``samples[start:stop]``."""

    tone: Tone
    start: int
    stop: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Score:
    """What sounds when.

    Attributes
    ----------
    presses : dict of int and Press
        The different presses, filled in, by their kind.
    kinds : int64, shape (n,)
        Of every press that sounds, in order.
    starts, stops : int64, shape (n,)
        Where it sounds: sample indices, half-open.
    n_samples : int
        Length of the whole.
    """

    presses: dict[int, Press]
    kinds: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    stops: npt.NDArray[np.int64]
    n_samples: int

    def tones(self) -> tuple[RenderedTone, ...]:
        """Tell every tone's place."""
        tones = (self.presses[kind].tone for kind in self.kinds.tolist())
        return tuple(
            RenderedTone(tone=tone, start=start, stop=stop)
            for tone, start, stop in zip(tones, self.starts.tolist(), self.stops.tolist(), strict=True)
        )


class _Truth:
    """The attribute :attr:`Rendering.tones`: given as a score, it becomes tones when they are asked for.

    Ten thousand of them take almost as long to make as their audio, and most renderings are only listened to.
    """

    def __get__(self, rendering: Rendering | None, owner: type[Rendering]) -> tuple[RenderedTone, ...]:
        if rendering is None:
            raise AttributeError("tones")  # no default
        tones = rendering.__dict__["tones"]
        if isinstance(tones, _Score):
            tones = rendering.__dict__["tones"] = tones.tones()
        return cast(tuple[RenderedTone, ...], tones)

    def __set__(self, rendering: Rendering, tones: tuple[RenderedTone, ...] | _Score) -> None:
        rendering.__dict__["tones"] = tones


@dataclass(frozen=True, kw_only=True, eq=False)
class Rendering:
    """Audio, and the truth about it.

    Attributes
    ----------
    samples : float64, shape (n,)
        Full scale 1.0.
    samplerate : int
        Hz.
    tones : tuple of RenderedTone
        Every tone that sounds, in order.
    """

    samples: Samples
    samplerate: int
    tones: _Truth = _Truth()


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioFrame:
    """One buffer of the app-hosted media platform: 20 ms of 16 kHz, 16-bit little-endian mono.

    Attributes
    ----------
    data : bytes
        640 bytes, 320 samples.
    timestamp : int
        Start of the frame in units of 100 ns.
    """

    data: bytes
    timestamp: int

    @property
    def samples(self) -> npt.NDArray[np.int16]:
        """The frame's samples, int16, shape (320,)."""
        return np.frombuffer(self.data, "<i2")


def render(
    tones: str | Iterable[Tone | Press | Pause | str],
    samplerate: int,
    *,
    on_ms: float = DEFAULT_ON_MS,
    delay_ms: float = DEFAULT_DELAY_MS,
    level_dbm0: float = DEFAULT_LEVEL_DBM0,
    twist_db: float = DEFAULT_TWIST_DB,
    low_offset_pct: float = 0.0,
    high_offset_pct: float = 0.0,
    ramp_ms: float = DEFAULT_RAMP_MS,
    lead_ms: float = 0.0,
    tail_ms: float = 0.0,
    flash_ms: float | None = None,
    rng: np.random.Generator | None = None,
) -> Rendering:
    """Render tones to samples.

    Parameters
    ----------
    tones : str or iterable of Tone, Press, Pause or str
        A dial string (:func:`~dtmf_audio.tones.parse_keys`), or a sequence; a ``str`` in a sequence is a Graph
        name, such as a member of the ``Tone`` enum of Microsoft's Python SDK. A pause adds to the silence
        between the tones around it.
    samplerate : int
        Hz, 4000 to 192000.
    on_ms, delay_ms : float
        Length of each tone; silence from the end of one to the start of the next.
    level_dbm0, twist_db : float
        Level of the low-group tone, and how much louder the high-group tone is.
    low_offset_pct, high_offset_pct : float
        Frequency of each group relative to nominal, in percent.
    ramp_ms : float
        Length of the rise and of the fall, 0 to 5, inside the tone.
    lead_ms, tail_ms : float
        Silence before the first and after the last tone.
    flash_ms : float, optional
        Length of the silent gap that stands for a flash; without it, a flash is refused. Since it makes no
        sound, it is not in the truth.
    rng : numpy.random.Generator, optional
        Draws the phase of each tone; without it every tone starts at phase 0.

    Returns
    -------
    Rendering

    Raises
    ------
    InvalidToneError
        No tones, an unknown tone, or a flash without ``flash_ms``.
    InvalidSettingError
        A setting outside its range; a level that would clip (the message has the highest that fits); the same
        tone twice with no silence between, which would sound as one press.
    """
    rate = check_samplerate(samplerate)
    defaults = Press(
        tone=Tone.TONE0,
        on_ms=on_ms,
        delay_ms=delay_ms,
        level_dbm0=level_dbm0,
        twist_db=twist_db,
        low_offset_pct=low_offset_pct,
        high_offset_pct=high_offset_pct,
    )
    check_range("ramp_ms", ramp_ms, 0.0, MAX_RAMP_MS)
    check_range("lead_ms", lead_ms, 0.0, math.inf)
    check_range("tail_ms", tail_ms, 0.0, math.inf)
    score = _lay_out(_elements(tones), defaults, rate, lead_ms=lead_ms, tail_ms=tail_ms, flash_ms=flash_ms)
    _check_edges(score, rate, ramp_ms)

    samples = np.zeros(score.n_samples)
    ramp = _ramp(round(ramp_ms * rate / 1000.0))
    if rng is None:
        _write_equal_waves(samples, score, rate, ramp)
    else:
        for kind, start, stop in zip(score.kinds, score.starts, score.stops, strict=True):
            phases = rng.uniform(0.0, 2 * math.pi, 2)
            samples[start:stop] = _wave(score.presses[kind], stop - start, rate, ramp, phases)
    return Rendering(samples=samples, samplerate=rate, tones=score)


def highest_level_dbm0(twist_db: float) -> float:
    """Highest low-group level in dBm0, to 0.01 dB, at which a pair of this twist cannot clip."""
    highest = dbm0_from_amplitude(LOUDEST_PEAK / (1.0 + amplitude_ratio_from_db(twist_db)))
    return math.floor(100.0 * highest) / 100.0


def frames(samples: Samples, samplerate: int, *, timestamp: int = 0) -> Iterator[AudioFrame]:
    """Cut samples into the buffers of the app-hosted media platform.

    Parameters
    ----------
    samples : float64, shape (n,)
        Full scale 1.0.
    samplerate : int
        Must be 16000, the rate of the platform's ``Pcm16K``; audio at another rate is refused, not resampled.
    timestamp : int
        Of the first frame, in units of 100 ns; each following frame is 200,000 later.

    Yields
    ------
    AudioFrame
        320 samples, 640 bytes each; the last one is filled up with silence.

    Raises
    ------
    InvalidSettingError
        The rate is not 16000.
    InvalidSignalError
        Not one channel, or a sample lies outside full scale.
    """
    if samplerate != FRAME_SAMPLERATE:
        raise InvalidSettingError(
            f"sample rate is {samplerate!r}; the media platform takes {FRAME_SAMPLERATE} Hz: "
            f"render at {FRAME_SAMPLERATE}"
        )
    if samples.ndim != 1:
        raise InvalidSignalError(
            f"samples of shape {samples.shape} were given; a frame holds one channel, (n,): give one channel"
        )
    pcm = to_pcm16(samples).astype("<i2")
    return _frames(pcm, timestamp)


def _frames(pcm: npt.NDArray[np.int16], timestamp: int) -> Iterator[AudioFrame]:
    """Cut; apart from :func:`frames`, so that bad arguments are refused at the call."""
    for index, start in enumerate(range(0, len(pcm), FRAME_SAMPLES)):
        data = pcm[start : start + FRAME_SAMPLES].tobytes()
        yield AudioFrame(data=data.ljust(2 * FRAME_SAMPLES, b"\0"), timestamp=timestamp + index * FRAME_TICKS)


def _elements(tones: str | Iterable[Tone | Press | Pause | str]) -> list[Tone | Press | Pause]:
    """Read what the caller gave as tones, presses and pauses."""
    sequence: list[Any]  # strings too, until they are read
    if isinstance(tones, str) and not isinstance(tones, Tone):
        sequence = list(parse_keys(tones))
    else:
        sequence = [tones] if isinstance(tones, Tone) else list(tones)
        if not set(map(type, sequence)) <= {Tone, Press, Pause}:
            sequence = [item if isinstance(item, (Press, Pause)) else Tone.from_name(item) for item in sequence]
    if all(isinstance(element, Pause) for element in sequence):
        raise InvalidToneError("there are no tones to render; give at least one")
    return sequence


def _lay_out(
    elements: list[Tone | Press | Pause],
    defaults: Press,
    samplerate: int,
    *,
    lead_ms: float,
    tail_ms: float,
    flash_ms: float | None,
) -> _Score:
    """Give every press its settings and its place, and the whole its length in samples.

    Times are in picoseconds times ``samplerate``, so that one sample is ``PICOSECONDS_PER_S``, and half a sample
    late, so that ``//`` finds the nearest sample. They pass 64 bits, so whole samples and the rest are summed up apart.
    """
    kind_of = {element: kind for kind, element in enumerate(dict.fromkeys(elements))}
    presses: dict[int, Press] = {}
    ons, spans = [], []  # by kind: how long it sounds, and how long until the next one starts
    silence = 0
    last = next(element for element in reversed(elements) if not isinstance(element, Pause))
    for element, kind in kind_of.items():
        if isinstance(element, Pause):
            ons.append(0)
            spans.append(ps_from_ms(element.duration_ms) * samplerate)
            continue
        press = _filled_in(element if isinstance(element, Press) else Press(tone=element), defaults, flash_ms)
        assert press.on_ms is not None
        assert press.delay_ms is not None
        delay = ps_from_ms(press.delay_ms) * samplerate
        ons.append(ps_from_ms(press.on_ms) * samplerate)
        spans.append(ons[-1] + delay)
        if element == last:
            silence = delay  # which nothing follows
        if press.tone is not Tone.FLASH:
            presses[kind] = press

    kinds = np.fromiter(map(kind_of.__getitem__, elements), np.int64, len(elements))
    first = ps_from_ms(lead_ms) * samplerate + PICOSECONDS_PER_S // 2
    total = sum(count * span for count, span in zip(np.bincount(kinds).tolist(), spans, strict=True)) - silence
    n_samples = (first + total + ps_from_ms(tail_ms) * samplerate) // PICOSECONDS_PER_S
    if n_samples > MAX_SAMPLES:
        raise InvalidSettingError(
            f"the rendering would last {n_samples / samplerate:g} s; at {samplerate} Hz at most "
            f"{MAX_SAMPLES / samplerate:g} s ({MAX_SAMPLES} samples) are rendered at once: render it in parts, or "
            "shorten the delays"
        )
    whole, rest = _whole_and_rest(spans, kinds)
    on_whole, on_rest = _whole_and_rest(ons, kinds)
    first_whole, first_rest = divmod(first, PICOSECONDS_PER_S)
    whole = np.cumsum(whole) - whole + first_whole
    rest = np.cumsum(rest) - rest + first_rest
    starts = whole + (rest // PICOSECONDS_PER_S).astype(np.int64)
    stops = whole + on_whole + ((rest + on_rest) // PICOSECONDS_PER_S).astype(np.int64)
    sounds = np.array([kind in presses for kind in range(len(spans))])[kinds]
    return _Score(presses=presses, kinds=kinds[sounds], starts=starts[sounds], stops=stops[sounds], n_samples=n_samples)


def _whole_and_rest(times: list[int], kinds: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any]]:
    """Whole samples of the time of each element, and the rest, which is below ``PICOSECONDS_PER_S``."""
    # A delay longer than any rendering has nothing after it.
    whole = np.array([min(time // PICOSECONDS_PER_S, MAX_SAMPLES) for time in times], np.int64)
    exact = np.int64 if len(kinds) < MOST_IN_INT64 else object
    return whole[kinds], np.array([time % PICOSECONDS_PER_S for time in times], exact)[kinds]


def _write_equal_waves(samples: Samples, score: _Score, samplerate: int, ramp: Samples) -> None:
    """Compute each different wave once, and copy it to its places."""
    lengths = score.stops - score.starts
    shapes = 2 * score.kinds + lengths % 2  # presses of one kind are n or n + 1 samples long
    length_of = np.zeros(shapes.max(initial=0) + 1, np.int64)
    length_of[shapes] = lengths
    waves = {  # not by numpy.unique, which loads numpy.ma
        shape: _wave(score.presses[shape // 2], int(length_of[shape]), samplerate, ramp, np.zeros(2)).data
        for shape in np.flatnonzero(length_of).tolist()
    }
    output = samples.data  # its slices take half as long to fill as an array's
    for shape, start, stop in zip(shapes.tolist(), score.starts.tolist(), score.stops.tolist(), strict=True):
        output[start:stop] = waves[shape]


def _filled_in(press: Press, defaults: Press, flash_ms: float | None) -> Press:
    """Take the defaults for what the press leaves open, and check the whole."""
    names = ("on_ms", "delay_ms", "level_dbm0", "twist_db", "low_offset_pct", "high_offset_pct")
    settings = {
        name: getattr(defaults, name) if getattr(press, name) is None else getattr(press, name) for name in names
    }
    tone = Tone.from_name(press.tone)
    if tone is Tone.FLASH:
        if flash_ms is None:
            raise InvalidToneError(
                "flash makes no sound and cannot be rendered; leave it out, or give flash_ms for a silent gap"
            )
        settings["on_ms"] = flash_ms
    check_range("on_ms", settings["on_ms"], 0.0, math.inf)
    check_range("delay_ms", settings["delay_ms"], 0.0, math.inf)
    check_range("twist_db", settings["twist_db"], -MAX_TWIST_DB, MAX_TWIST_DB)
    check_range("low_offset_pct", settings["low_offset_pct"], -MAX_OFFSET_PCT, MAX_OFFSET_PCT)
    check_range("high_offset_pct", settings["high_offset_pct"], -MAX_OFFSET_PCT, MAX_OFFSET_PCT)
    check_range("level_dbm0", settings["level_dbm0"], MIN_LEVEL_DBM0, math.inf)
    highest = highest_level_dbm0(settings["twist_db"])
    if settings["level_dbm0"] > highest:
        raise InvalidSettingError(
            f"level_dbm0 is {settings['level_dbm0']:g} with twist_db {settings['twist_db']:g}: the pair would clip; "
            f"the highest level that fits is {highest:.2f} dBm0"
        )
    return replace(press, tone=tone, **settings)


def check_range(name: str, value: float, lowest: float, highest: float) -> None:
    """Refuse a setting that is not a finite number within its range."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise InvalidSettingError(f"{name} is {value!r}; it must be a number")
    if math.isfinite(value) and lowest <= value <= highest:
        return
    wanted = f"{lowest:g} or more, and finite" if highest == math.inf else f"from {lowest:g} to {highest:g}"
    raise InvalidSettingError(f"{name} is {value:g}; it must be {wanted}")


def check_whole(name: str, value: int, lowest: int, highest: float = math.inf, *, what: str = "a whole number") -> None:
    """Refuse a setting that is not a whole number within its range; ``what`` names its kind in the message."""
    if isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest:
        return
    wanted = f", {lowest} or more" if highest == math.inf else f" from {lowest} to {highest}"
    raise InvalidSettingError(f"{name} is {value!r}; it must be {what}{wanted}")


def _check_edges(score: _Score, samplerate: int, ramp_ms: float) -> None:
    """Refuse tones that have no sample, that their ramps do not fit in, or that run into their like."""
    shortest = max(1, 2 * round(ramp_ms * samplerate / 1000.0))
    lengths = score.stops - score.starts
    for index in np.flatnonzero(lengths < shortest).tolist():
        raise InvalidSettingError(
            f"on_ms is {score.presses[score.kinds[index]].on_ms:g}, {lengths[index]} samples at {samplerate} Hz; a "
            f"tone must hold at least one sample and its two ramps of {ramp_ms:g} ms: lengthen it, or shorten ramp_ms"
        )
    for index in np.flatnonzero(score.stops[:-1] == score.starts[1:]).tolist():
        before, after = (score.presses[kind].tone for kind in score.kinds[index : index + 2].tolist())
        if before is after:
            raise InvalidSettingError(
                f"tones {index + 1} and {index + 2} are both {after.value} with no silence between them, and would "
                "be heard as one press; give a delay_ms of 40 or more"
            )


def _ramp(n_ramp: int) -> Samples:
    """Rising half of a raised cosine, shape (n_ramp,), sampled between its ends."""
    return 0.5 - 0.5 * np.cos(np.pi * (np.arange(n_ramp) + 0.5) / max(1, n_ramp))


def _wave(press: Press, n_on: int, samplerate: int, ramp: Samples, phases: Samples) -> Samples:
    """One press, shape (n_on,); ``phases`` are of the low and the high tone, in radians."""
    assert press.level_dbm0 is not None
    assert press.twist_db is not None
    assert press.low_offset_pct is not None
    assert press.high_offset_pct is not None
    low_hz, high_hz = press.tone.frequencies_hz
    turns = 2 * math.pi * np.arange(n_on) / samplerate  # radians per Hz
    low = np.sin(low_hz * (1 + press.low_offset_pct / 100.0) * turns + phases[0])
    high = np.sin(high_hz * (1 + press.high_offset_pct / 100.0) * turns + phases[1])
    wave: Samples = amplitude_from_dbm0(press.level_dbm0) * low
    wave += amplitude_from_dbm0(press.level_dbm0 + press.twist_db) * high
    if len(ramp):
        wave[: len(ramp)] *= ramp
        wave[-len(ramp) :] *= ramp[::-1]
    return wave
