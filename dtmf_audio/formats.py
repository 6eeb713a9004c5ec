"""Detected and rendered tones and near misses as JSON, and for people as lines of text.

All use the same names for the same things, so that what was heard can be compared with the truth:

- ``tone``, ``key``: Graph's name, and the key of the telephone
- ``channel``: counted from 0
- ``start_s``, ``stop_s``: seconds from the start of the stream
- ``duration_ms``: from start to stop
- ``start_sample``, ``stop_sample``: the same places as sample indices, half-open
- ``samplerate``: Hz
- ``low_hz``, ``high_hz``: measured frequency of each group
- ``low_level_dbm0``, ``high_level_dbm0``: level of each group
- ``twist_db``: level of the high group less that of the low group
- ``low_offset_pct``, ``high_offset_pct``: measured frequency relative to nominal
- ``snr_db``: power of the pair over that of everything else
- ``refused``: of a near miss alone, instead of what was measured of a tone: the ``limit`` that refused it, what was
  ``measured`` and ``wanted`` in ``unit``, how much it was ``missed_by``, the ``reason`` in words, and what spoke most
  ``against`` a pair of tones, each ``term`` with what it took from the ``evidence``

Sample indices are exact; the other numbers are rounded to a little more than a measurement can mean. What
JSON has no number for, such as the infinite SNR of a tone without any noise, is ``null``.
"""

from __future__ import annotations

import json
import math
from typing import Any

from dtmf_audio.events import DetectedTone, Rejection
from dtmf_audio.synthesis import RenderedTone, Rendering
from dtmf_audio.units import ms_from_samples


def json_object(tone: DetectedTone | Rejection) -> dict[str, Any]:
    """Return a detected tone or a near miss as an object, ready for :func:`json.dumps`."""
    common = {
        "tone": tone.tone.value,
        "key": tone.tone.key,
        "channel": tone.channel,
        **_place(tone, tone.samplerate),
        "samplerate": tone.samplerate,
    }
    if isinstance(tone, Rejection):
        return common | {"refused": _refused(tone)}
    low_hz, high_hz = tone.tone.frequencies_hz
    return common | {
        "low_hz": _rounded(low_hz * (1 + tone.low_offset_pct / 100), 2),
        "high_hz": _rounded(high_hz * (1 + tone.high_offset_pct / 100), 2),
        "low_level_dbm0": _rounded(tone.low_level_dbm0, 2),
        "high_level_dbm0": _rounded(tone.high_level_dbm0, 2),
        "twist_db": _rounded(tone.twist_db, 2),
        "low_offset_pct": _rounded(tone.low_offset_pct, 3),
        "high_offset_pct": _rounded(tone.high_offset_pct, 3),
        "snr_db": _rounded(tone.snr_db, 1),
    }


def json_line(tone: DetectedTone | Rejection, *, file: str | None = None) -> str:
    """Return a tone or a near miss as one line of JSON, without its newline; ``file`` is put in front, if given."""
    source = {} if file is None else {"file": file}
    return json.dumps(source | json_object(tone), allow_nan=False)


def truth_json(rendering: Rendering) -> str:
    """Return where each tone of a rendering lies, as a JSON document with one tone a line."""
    tones = [
        {"tone": tone.tone.value, "key": tone.tone.key, **_place(tone, rendering.samplerate)}
        for tone in rendering.tones
    ]
    lines = ",\n".join(f"  {json.dumps(tone, allow_nan=False)}" for tone in tones)
    return f'{{"samplerate": {rendering.samplerate}, "tones": [\n{lines}\n]}}\n'


def explained_line(event: DetectedTone | Rejection) -> str:
    """Return a tone or a near miss as a line for people: when, which key, how long, and heard, or refused and why."""
    if isinstance(event, Rejection):
        verdict = f"refused: {event.reason}"
    else:
        # 0.0 makes a plus of what is rounded to minus zero
        low_pct, high_pct = (round(pct, 1) + 0.0 for pct in (event.low_offset_pct, event.high_offset_pct))
        verdict = (
            f"heard: {event.low_level_dbm0:.1f} and {event.high_level_dbm0:.1f} dBm0, "
            f"{low_pct:+.1f} and {high_pct:+.1f} % off, "
            + (f"SNR {event.snr_db:.0f} dB" if math.isfinite(event.snr_db) else "no noise")
        ).replace("-", "−")
    return f"{_clock(event.start_s)}  {event.tone.key}  {event.duration_ms:7.1f} ms  {verdict}"


def _clock(seconds: float) -> str:
    """Return a time as minutes and seconds, or hours, minutes and seconds, to the millisecond."""
    minutes, ms = divmod(round(1000 * seconds), 60_000)
    hours, minutes = divmod(minutes, 60)
    clock = f"{minutes}:{ms / 1000:06.3f}"
    return f"{hours}:{clock:0>9}" if hours else clock


def _refused(near_miss: Rejection) -> dict[str, Any]:
    return {
        "limit": near_miss.limit,
        "measured": _rounded(near_miss.measured, 4),
        "wanted": near_miss.wanted,
        "unit": near_miss.unit,
        "missed_by": _rounded(near_miss.missed_by, 4),
        "reason": near_miss.reason,
        "against": [{"term": term, "evidence": _rounded(value, 2)} for term, value in near_miss.against],
    }


def _place(tone: DetectedTone | Rejection | RenderedTone, samplerate: int) -> dict[str, Any]:
    return {
        "start_s": _rounded(tone.start / samplerate, 6),
        "stop_s": _rounded(tone.stop / samplerate, 6),
        "duration_ms": _rounded(ms_from_samples(tone.stop - tone.start, samplerate), 3),
        "start_sample": tone.start,
        "stop_sample": tone.stop,
    }


def _rounded(value: float, digits: int) -> float | None:
    """Return the value to so many digits after the point, never minus zero; None where it is not finite."""
    return round(value, digits) + 0.0 if math.isfinite(value) else None
