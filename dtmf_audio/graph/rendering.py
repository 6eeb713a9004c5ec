"""A ``sendDtmfTones`` request as tones in time, and as audio.

What Graph does not say is decided here, once:

- *How long a tone lasts* is nowhere in the documentation: ``DEFAULT_ON_MS``, 100 ms, which every receiver takes.
- *A missing delayBetweenTonesMs* is read as the -1 of the media platform's ``SendDtmfTones``, the only one documented:
  a random pause of 0 to 500 ms after each tone, drawn in whole milliseconds from ``rng``.
- *A pause too short to be heard as one* is lengthened to ``LEAST_DELAY_MS``. Graph sends tones beside the audio, where
  two of the same key stay two; in audio they would be one long press. ITU-T Q.24 has 30 ms the pause that
  must be heard. ``least_delay_ms=0`` renders what was asked for.
- *flash* is a hook flash and has no sound. It is refused, or with ``flash_ms`` a silent gap of that length.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dtmf_audio.errors import InvalidToneError
from dtmf_audio.graph.requests import SendDtmfTonesRequest
from dtmf_audio.synthesis import (
    DEFAULT_ON_MS,
    DEFAULT_RAMP_MS,
    FRAME_SAMPLERATE,
    Press,
    RenderedTone,
    Rendering,
    check_range,
    render,
)
from dtmf_audio.tones import Tone
from dtmf_audio.units import PICOSECONDS_PER_S, ps_from_ms

LEAST_DELAY_MS = 40.0  # chosen: 30 ms must be heard as a pause (ITU-T Q.24), and ramps and lines take their share
SHORTEST_ON_MS = 2 * DEFAULT_RAMP_MS  # a tone holds its two ramps
MAX_PLANNED_MS = 60_000.0  # chosen: of a tone or a flash in a plan; no key is pressed for longer
LONGEST_DRAWN_DELAY_MS = 500  # quoted: Microsoft.Skype.Bots.Media, SendDtmfTones, delay -1


@dataclass(frozen=True, slots=True, kw_only=True)
class TonePlan:
    """When each tone of a request sounds, before any of it is rendered.

    Attributes
    ----------
    tones : tuple of RenderedTone
        In order, from sample 0 on; ``flash`` among them, which is silent.
    n_samples : int
        Length of the whole: it ends with its last tone.
    samplerate : int
        Hz; 16000, the media platform's.
    """

    tones: tuple[RenderedTone, ...]
    n_samples: int
    samplerate: int = FRAME_SAMPLERATE


def plan_request(
    request: SendDtmfTonesRequest,
    *,
    rng: np.random.Generator,
    on_ms: float = DEFAULT_ON_MS,
    least_delay_ms: float = LEAST_DELAY_MS,
    flash_ms: float | None = None,
) -> TonePlan:
    """Tell when each tone of a request sounds at 16 kHz; as :func:`render_request`, whose audio it is.

    However long the delays are, it costs no audio: a request may last for weeks. Equal tones without any silence
    between them, which ``render_request`` refuses, lie side by side.

    Raises
    ------
    InvalidToneError
        The request holds a ``flash`` and there is no ``flash_ms``.
    InvalidSettingError
        A length out of range: a tone lasts from 4 ms to a minute, a flash from 0.
    """
    check_range("on_ms", on_ms, SHORTEST_ON_MS, MAX_PLANNED_MS)
    if flash_ms is not None:
        check_range("flash_ms", flash_ms, 0.0, MAX_PLANNED_MS)
    tones: list[RenderedTone] = []
    start = stop = PICOSECONDS_PER_S // 2  # as `render` counts: a sample is PICOSECONDS_PER_S, edges are rounded
    for tone, delay_ms in zip(request.tones, delays_ms(request, rng=rng, least_delay_ms=least_delay_ms), strict=True):
        stop = start + ps_from_ms(_length_ms(tone, on_ms, flash_ms)) * FRAME_SAMPLERATE
        tones.append(RenderedTone(tone=tone, start=start // PICOSECONDS_PER_S, stop=stop // PICOSECONDS_PER_S))
        start = stop + ps_from_ms(delay_ms) * FRAME_SAMPLERATE
    return TonePlan(tones=tuple(tones), n_samples=stop // PICOSECONDS_PER_S)


def render_request(
    request: SendDtmfTonesRequest,
    samplerate: int = FRAME_SAMPLERATE,
    *,
    rng: np.random.Generator,
    on_ms: float = DEFAULT_ON_MS,
    least_delay_ms: float = LEAST_DELAY_MS,
    flash_ms: float | None = None,
) -> Rendering:
    """Render a request to audio, and the truth about it.

    Parameters
    ----------
    request : SendDtmfTonesRequest
    samplerate : int
        Hz, 4000 to 192000.
    rng : numpy.random.Generator
        Draws the delays of a request without ``delayBetweenTonesMs``; the same seed gives the same audio.
    on_ms : float
        Length of each tone.
    least_delay_ms : float
        A shorter delay is lengthened to this.
    flash_ms : float, optional
        Silence for a ``flash``, which is refused without it.

    Raises
    ------
    InvalidToneError
        The request holds a ``flash`` and there is no ``flash_ms``.
    InvalidSettingError
        A length out of range, or hours of audio.
    """
    delays = delays_ms(request, rng=rng, least_delay_ms=least_delay_ms)
    presses = [Press(tone=tone, delay_ms=delay_ms) for tone, delay_ms in zip(request.tones, delays, strict=True)]
    return render(presses, samplerate, on_ms=on_ms, flash_ms=flash_ms)


def delays_ms(request: SendDtmfTonesRequest, *, rng: np.random.Generator, least_delay_ms: float) -> list[float]:
    """Return the delay after each tone of a request; that after the last one is never heard."""
    check_range("least_delay_ms", least_delay_ms, 0.0, math.inf)
    asked = request.delay_between_tones_ms
    n = len(request.tones)
    drawn = [asked] * n if asked is not None else rng.integers(0, LONGEST_DRAWN_DELAY_MS, n, endpoint=True).tolist()
    return [max(float(delay), least_delay_ms) for delay in drawn]


def _length_ms(tone: Tone, on_ms: float, flash_ms: float | None) -> float:
    if tone is not Tone.FLASH:
        return on_ms
    if flash_ms is None:
        raise InvalidToneError(
            "flash is a hook flash and has no sound; leave it out, or give flash_ms for a silent gap in its place"
        )
    return flash_ms
