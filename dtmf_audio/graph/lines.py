"""Audio of one speaker, laid out in time and taken frame by frame.

Conventions
-----------
- Time is in samples at 16 kHz from the start of the timeline; a frame is 320 of them, 20 ms.
- Samples are int16, as the media platform has them. Where clips overlap, their sum is limited to full scale.
- A clip lies where it was laid, however the line is read: cut it at a sample, and it is silent from there on. Tones are
  laid as their places, and rendered as they are read: a request may last for weeks, and each kind of tone is rendered
  once.
"""

from __future__ import annotations

import functools
import heapq
import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dtmf_audio.graph.rendering import TonePlan
from dtmf_audio.signals import to_pcm16
from dtmf_audio.synthesis import (
    DEFAULT_LEVEL_DBM0,
    DEFAULT_TWIST_DB,
    FRAME_SAMPLERATE,
    FRAME_SAMPLES,
    RenderedTone,
    render,
)
from dtmf_audio.tones import Tone

Pcm = npt.NDArray[np.int16]


@dataclass(slots=True)
class _Clip:
    start: int
    stop: int  # where it is silent again: its end, or where it was cut
    samples: Pcm
    owner: str


class Line:
    """What one speaker says.

    Parameters
    ----------
    twist_db : float
        Added to the twist of tones that are laid as a plan.
    """

    def __init__(self, *, twist_db: float = 0.0) -> None:
        self.twist_db = twist_db
        self._waiting: list[tuple[int, int, _Clip]] = []  # a heap, by start
        self._sounding: list[_Clip] = []
        self._plans: dict[str, tuple[int, TonePlan, int]] = {}  # by owner: start, tones, the next of them
        self._order = itertools.count()

    def lay(self, start: int, samples: Pcm, *, owner: str = "") -> None:
        """Lay out audio, (n,), from a sample on; ``owner`` is a name to cut it by."""
        if len(samples):
            clip = _Clip(start, start + len(samples), samples, owner)
            heapq.heappush(self._waiting, (start, next(self._order), clip))

    def lay_tones(self, start: int, plan: TonePlan, *, owner: str) -> None:
        """Lay out the tones of a plan from a sample on."""
        self._plans[owner] = (start, plan, 0)
        self._next_tone(owner)

    def cut(self, at: int, *, owner: str | None = None) -> None:
        """Silence what is laid out from a sample on: all of it, or what one owner laid."""
        for name in [name for name in self._plans if owner in (None, name)]:
            del self._plans[name]
        for clip in (*self._sounding, *(clip for _, _, clip in self._waiting)):
            if owner in (None, clip.owner):
                clip.stop = min(clip.stop, at)
        self._waiting = [entry for entry in self._waiting if entry[2].start < entry[2].stop]
        heapq.heapify(self._waiting)

    def left(self, at: int) -> tuple[int, int]:
        """Tell how many clips, and how many samples of them, are still to be heard from a sample on."""
        clips = (*self._sounding, *(clip for _, _, clip in self._waiting))
        return len(clips), sum(max(0, clip.stop - max(clip.start, at)) for clip in clips)

    def next_start(self) -> int | None:
        """Tell where the next audio begins; ``None`` if there is none."""
        if self._sounding:
            return self._sounding[0].start
        return self._waiting[0][0] if self._waiting else None

    def take(self, start: int, n_samples: int = FRAME_SAMPLES) -> Pcm | None:
        """Return the audio from a sample on, (n_samples,), ``None`` for silence; to be read in order."""
        stop = start + n_samples
        while self._waiting and self._waiting[0][0] < stop:
            clip = heapq.heappop(self._waiting)[2]
            self._sounding.append(clip)
            if clip.owner in self._plans:
                self._next_tone(clip.owner)
        if not self._sounding:
            return None
        heard = [clip for clip in self._sounding if clip.stop > start and clip.stop > clip.start]
        self._sounding = [clip for clip in heard if clip.stop > stop]
        if not heard:
            return None
        first = heard[0]
        if len(heard) == 1 and first.start <= start and first.stop >= stop:
            return first.samples[start - first.start : stop - first.start]
        total = np.zeros(n_samples, np.int32)
        for clip in heard:
            begin, end = max(clip.start, start), min(clip.stop, stop)
            total[begin - start : end - start] += clip.samples[begin - clip.start : end - clip.start]
        return limited(total) if len(heard) > 1 else total.astype(np.int16)

    def _next_tone(self, owner: str) -> None:
        """Lay out the next tone of a plan that sounds."""
        start, plan, index = self._plans.pop(owner)
        while index < len(plan.tones) and plan.tones[index].tone is Tone.FLASH:
            index += 1
        if index == len(plan.tones):
            return
        tone = plan.tones[index]
        self._plans[owner] = (start, plan, index + 1)
        self.lay(start + tone.start, tone_wave(tone.tone, tone.stop - tone.start, self.twist_db), owner=owner)


def limited(total: npt.NDArray[np.int32]) -> Pcm:
    """Return a sum of int16 samples, limited to full scale."""
    return np.clip(total, -32768, 32767).astype(np.int16)


def twisted(
    line_twist_db: float, level_dbm0: float = DEFAULT_LEVEL_DBM0, twist_db: float = DEFAULT_TWIST_DB
) -> tuple[float, float]:
    """Return the level and the twist of a pair after a line with twist: it weakens one group."""
    return level_dbm0 - max(0.0, line_twist_db), twist_db + line_twist_db


@functools.lru_cache(maxsize=256)
def tone_wave(tone: Tone, n_samples: int, line_twist_db: float) -> Pcm:
    """Return one tone at 16 kHz, (n_samples,), int16, as :func:`~dtmf_audio.synthesis.render` makes it."""
    on_ms = 1000.0 * n_samples / FRAME_SAMPLERATE
    level_dbm0, twist_db = twisted(line_twist_db)
    rendering = render([tone], FRAME_SAMPLERATE, on_ms=on_ms, level_dbm0=level_dbm0, twist_db=twist_db)
    wave = to_pcm16(rendering.samples)
    wave.flags.writeable = False
    return wave


def truth_of(plan: TonePlan, start: int, cut: int | None = None) -> list[RenderedTone]:
    """Return where the tones of a plan that was laid from a sample on do sound, up to where it was cut."""
    found = []
    for tone in plan.tones:
        begin, end = start + tone.start, start + tone.stop
        if cut is not None:
            end = min(end, cut)
        if begin < end and tone.tone is not Tone.FLASH:
            found.append(RenderedTone(tone=tone.tone, start=begin, stop=end))
    return found
