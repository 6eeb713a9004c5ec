"""What was heard, compared with what was sent, and what can be concluded from the count.

A decoder that tells times is matched by overlap: a press is heard if a tone of its key overlaps it, a second such
tone doubles it, and every other tone is false. One that tells keys alone is matched by the longest common
subsequence; a key too many is a double if it repeats the key before it, else false. The clips are made so that both
come to the same: no two neighbours are the same key, except where a test is about just that.

Bounds are one-sided, of 95 % confidence and exact: Clopper-Pearson for shares, so that none of n gives about 3 / n;
Poisson for counts an hour.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import scipy.special

from dtmf_audio.events import DetectedTone
from dtmf_audio.signals import Samples
from dtmf_audio.synthesis import RenderedTone
from dtmf_audio.tones import keys_of

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clip:
    """Audio, and the presses in it.

    Attributes
    ----------
    samples : float64, shape (n,)
        Full scale 1.0; what lies beyond is limited when a decoder gets it.
    samplerate : int
        Hz.
    presses : tuple of RenderedTone
        In order; none where nothing may be heard.
    """

    samples: Samples
    samplerate: int
    presses: tuple[RenderedTone, ...] = ()

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.samplerate


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a decoder told: keys in order, and the tones with their times if it tells them."""

    keys: str
    tones: tuple[DetectedTone, ...] | None = None


Ear = Callable[[Clip], Heard]


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Presses, and what became of them."""

    presses: int = 0
    missed: int = 0
    doubled: int = 0
    false: int = 0

    @property
    def errors(self) -> int:
        """Presses missed and heard again, and tones that nobody sent."""
        return self.missed + self.doubled + self.false

    def __add__(self, other: Count) -> Count:
        return Count(
            presses=self.presses + other.presses,
            missed=self.missed + other.missed,
            doubled=self.doubled + other.doubled,
            false=self.false + other.false,
        )


def count(clip: Clip, heard: Heard, *, by_keys: bool = False) -> Count:
    """Compare what was heard with the presses of the clip; ``by_keys`` leaves the times out of it."""
    if heard.tones is None or by_keys:
        return count_keys(keys_of(press.tone for press in clip.presses), heard.keys)
    return count_tones(clip.presses, heard.tones)


def count_tones(presses: Sequence[RenderedTone], tones: Sequence[DetectedTone]) -> Count:
    """Match tones with the presses of their key that they overlap; both are in the order of their starts."""
    hits = [0] * len(presses)
    false = first = 0
    for tone in tones:
        while first < len(presses) and presses[first].stop <= tone.start:
            first += 1
        index = first
        while index < len(presses) and presses[index].start < tone.stop and presses[index].tone is not tone.tone:
            index += 1
        if index < len(presses) and presses[index].start < tone.stop:
            hits[index] += 1
        else:
            false += 1
    return Count(presses=len(presses), missed=hits.count(0), doubled=sum(max(0, n - 1) for n in hits), false=false)


def count_keys(sent: str, heard: str) -> Count:
    """Match keys by their order alone."""
    extra = _left_over(sent, heard)
    doubled = sum(index > 0 and heard[index] == heard[index - 1] for index in extra)
    return Count(
        presses=len(sent),
        missed=len(sent) - (len(heard) - len(extra)),
        doubled=doubled,
        false=len(extra) - doubled,
    )


def _left_over(sent: str, heard: str) -> list[int]:
    """Places in ``heard`` that a longest common subsequence leaves out, in descending order.

    A row of the table of lengths is one integer, a bit for each key sent, 0 where the length grows [1]_.

    References
    ----------
    .. [1] H. Hyyrö, "Bit-parallel LCS-length computation revisited", AWOCA 2004.
    """
    everywhere = (1 << len(sent)) - 1
    places = {key: sum(1 << index for index, one in enumerate(sent) if one == key) for key in set(sent)}
    rows = [everywhere]
    for key in heard:
        row, matching = rows[-1], places.get(key, 0)
        rows.append(((row + (row & matching)) | (row & ~matching)) & everywhere)
    extra = []
    column, index = len(sent), len(heard)
    while index and column:
        if rows[index] >> (column - 1) & 1:
            column -= 1  # this key was not heard
        elif not rows[index - 1] >> (column - 1) & 1:
            index -= 1
            extra.append(index)
        else:
            index, column = index - 1, column - 1
    return extra + list(range(index - 1, -1, -1))


def upper_share(errors: int, trials: int) -> float:
    """Highest share of errors that so few among so many are compatible with."""
    if not trials or errors >= trials:
        return 1.0
    return float(scipy.special.betaincinv(errors + 1, trials - errors, CONFIDENCE))


def upper_per_hour(errors: int, hours: float) -> float:
    """Highest rate an hour that so few in so long are compatible with."""
    return float(scipy.special.gammaincinv(errors + 1, CONFIDENCE)) / hours
