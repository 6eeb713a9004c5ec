"""What a decoder tells: frozen results, each with its place in the stream.

``start`` and ``stop`` are sample indices from the start of the stream, at the stream's own rate, half-open:
the tone is ``signal[start:stop]``. Seconds and milliseconds are derived. Levels are of each tone on its own,
in dBm0 (``units`` says how dBm0 is referred to full scale); twist is high group minus low group.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import repeat
from typing import Literal

import numpy as np
import numpy.typing as npt

from dtmf_audio.tones import Tone

Group = Literal["low", "high"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToneStarted:
    """A tone is on: told while it still sounds, before its end and its full measurements are known.

    Attributes
    ----------
    tone : Tone
    start : int
        Sample index, a first estimate; the finished :class:`DetectedTone` may differ by a few milliseconds.
    heard_until : int
        Sample index up to which the decoder had listened when it decided; less ``start``, the latency.
    samplerate : int
        Hz.
    channel : int
    """

    tone: Tone
    start: int
    heard_until: int
    samplerate: int
    channel: int

    @property
    def start_s(self) -> float:
        """Start in seconds."""
        return self.start / self.samplerate


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectedTone:
    """A finished tone: one press of a key, measured.

    Attributes
    ----------
    tone : Tone
    start, stop : int
        Sample indices, half-open: where its ramps begin and end, as in a rendering, if they can be told from noise.
    samplerate : int
        Hz.
    channel : int
    low_level_dbm0, high_level_dbm0 : float
        Level of the low-group and of the high-group tone.
    low_offset_pct, high_offset_pct : float
        Frequency relative to nominal, in percent; positive is sharp.
    snr_db : float
        Power of the pair over the power of everything else from 0 to 4 kHz (or to half the rate), in dB.
    """

    tone: Tone
    start: int
    stop: int
    samplerate: int
    channel: int
    low_level_dbm0: float
    high_level_dbm0: float
    low_offset_pct: float
    high_offset_pct: float
    snr_db: float

    @property
    def start_s(self) -> float:
        """Start in seconds."""
        return self.start / self.samplerate

    @property
    def stop_s(self) -> float:
        """Stop in seconds."""
        return self.stop / self.samplerate

    @property
    def duration_ms(self) -> float:
        """Length in milliseconds."""
        return 1000.0 * (self.stop - self.start) / self.samplerate

    @property
    def twist_db(self) -> float:
        """Level of the high group minus that of the low group, in dB."""
        return self.high_level_dbm0 - self.low_level_dbm0


def detected_tones(
    tones: Sequence[Tone],
    start: npt.NDArray[np.int64],
    stop: npt.NDArray[np.int64],
    samplerate: int,
    channel: npt.NDArray[np.int64],
    low_level_dbm0: npt.NDArray[np.float64],
    high_level_dbm0: npt.NDArray[np.float64],
    low_offset_pct: npt.NDArray[np.float64],
    high_offset_pct: npt.NDArray[np.float64],
    snr_db: npt.NDArray[np.float64],
) -> list[DetectedTone]:
    """Make many finished tones at once, from arrays of shape (n,).

    It fills the slots column by column, which takes a third of the time of as many calls of ``DetectedTone``.
    """
    columns: list[Iterable[object]] = [tones, start.tolist(), stop.tolist(), repeat(samplerate), channel.tolist()]
    columns += [low_level_dbm0.tolist(), high_level_dbm0.tolist(), low_offset_pct.tolist(), high_offset_pct.tolist()]
    columns += [snr_db.tolist()]
    made = list(map(object.__new__, repeat(DetectedTone, len(tones))))
    for name, column in zip(_SLOTS, columns, strict=True):
        deque(map(getattr(DetectedTone, name).__set__, made, column), maxlen=0)
    return made


_SLOTS = tuple(field.name for field in fields(DetectedTone))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A near miss: a sound like a press of a key that was refused, by which limit and by how much.

    Told if asked to explain, and by a stream for a tone that it had announced and that then turned out to be none.

    Attributes
    ----------
    tone : Tone
        The pair that was strongest.
    start, stop : int
        Sample indices, half-open.
    samplerate : int
        Hz.
    channel : int
    limit : str
        Name of the limit that refused it, as in :class:`~dtmf_audio.profiles.Profile`.
    measured, wanted : float
        What was measured, and the bound it missed, both in ``unit``. Evidence of minus infinity was not measured: the
        sound, taken back after it was announced, looked too little like a pair of tones.
    unit : str
        Unit of both: ``"ms"``, ``"dB"``, ``"dBm0"``, ``"%"`` or ``""``.
    group : {"low", "high"}, optional
        Whose frequency or level it was; None for what is of both groups.
    against : tuple of (str, float)
        Of ``min_evidence``, what spoke most against a pair of tones, worst first, at most three: what it is, and how
        far the evidence from it is below the most that it can give, a negative number. Empty for other limits.
    """

    tone: Tone
    start: int
    stop: int
    samplerate: int
    channel: int
    limit: str
    measured: float
    wanted: float
    unit: str
    group: Group | None = None
    against: tuple[tuple[str, float], ...] = ()

    @property
    def start_s(self) -> float:
        """Start in seconds."""
        return self.start / self.samplerate

    @property
    def stop_s(self) -> float:
        """Stop in seconds."""
        return self.stop / self.samplerate

    @property
    def duration_ms(self) -> float:
        """Length in milliseconds."""
        return 1000.0 * (self.stop - self.start) / self.samplerate

    @property
    def missed_by(self) -> float:
        """How far what was measured is beyond the bound, in ``unit``; positive."""
        return abs(self.measured - self.wanted)

    @property
    def reason(self) -> str:
        """Why it was refused, in words with both numbers."""
        if not math.isfinite(self.measured):
            return "looked too little like a pair of tones to be measured"
        return _REASONS[self.limit](self, *_told_apart(self.measured, self.wanted))


def _told_apart(measured: float, wanted: float) -> tuple[str, str]:
    """Write two numbers with as many digits after the point as tell one from the other, at least one."""
    for digits in range(1, 7):
        if round(measured, digits) != round(wanted, digits):
            break
    measured_text, wanted_text = (f"{value:.{digits}f}".replace("-", "−") for value in (measured, wanted))
    return measured_text, wanted_text


def _too_weak_evidence(refused: Rejection, measured: str, wanted: str) -> str:
    worst = ", ".join(f"{name} ({value:.1f})".replace("(-", "(−") for name, value in refused.against)
    most = f"; most against it: {worst}" if worst else ""
    return f"the evidence for a pair of tones is {measured}, at least {wanted} is wanted{most}"


def _whose(refused: Rejection) -> str:
    return "one tone" if refused.group is None else f"the tone of the {refused.group} group"


# Why each limit refuses, in words: of the rejection, what was measured and what was wanted.
_REASONS: dict[str, Callable[[Rejection, str, str], str]] = {
    "min_on_ms": lambda _, measured, wanted: f"on for {measured} ms, at least {wanted} ms are wanted",
    "max_offset_pct": lambda r, measured, wanted: (
        f"{_whose(r)} is {measured} % off its frequency, at most {wanted} % is allowed"
    ),
    "min_level_dbm0": lambda r, measured, wanted: (
        f"{_whose(r)} is at {measured} dBm0, at least {wanted} dBm0 is wanted"
    ),
    "max_level_dbm0": lambda r, measured, wanted: (
        f"{_whose(r)} is at {measured} dBm0, at most {wanted} dBm0 is allowed"
    ),
    "max_twist_db": lambda _, measured, wanted: (
        f"the high group is {measured} dB louder than the low group, at most {wanted} dB is allowed"
    ),
    "max_reverse_twist_db": lambda _, measured, wanted: (
        f"the low group is {measured} dB louder than the high group, at most {wanted} dB is allowed"
    ),
    "min_evidence": _too_weak_evidence,
    "echo_db": lambda _, measured, wanted: (
        f"{measured} dB weaker than a press of the same key just before it, more than {wanted} dB: taken for its echo"
    ),
    "other_echo_db": lambda _, measured, wanted: (
        f"{measured} dB weaker than a press of another key just before it, more than {wanted} dB: taken for a trace "
        "of it"
    ),
}
