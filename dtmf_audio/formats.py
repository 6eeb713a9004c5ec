"""Detected and rendered tones as JSON.

Both use the same names for the same things, so that what was heard can be compared with the truth:

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

Sample indices are exact; the other numbers are rounded to a little more than a measurement can mean. What
JSON has no number for, such as the infinite SNR of a tone without any noise, is ``null``.
"""

from __future__ import annotations

import json
import math
from typing import Any

from dtmf_audio.events import DetectedTone
from dtmf_audio.synthesis import RenderedTone, Rendering
from dtmf_audio.units import ms_from_samples


def json_object(tone: DetectedTone) -> dict[str, Any]:
    """Return a detected tone as an object, ready for :func:`json.dumps`."""
    low_hz, high_hz = tone.tone.frequencies_hz
    return {
        "tone": tone.tone.value,
        "key": tone.tone.key,
        "channel": tone.channel,
        **_place(tone, tone.samplerate),
        "samplerate": tone.samplerate,
        "low_hz": _rounded(low_hz * (1 + tone.low_offset_pct / 100), 2),
        "high_hz": _rounded(high_hz * (1 + tone.high_offset_pct / 100), 2),
        "low_level_dbm0": _rounded(tone.low_level_dbm0, 2),
        "high_level_dbm0": _rounded(tone.high_level_dbm0, 2),
        "twist_db": _rounded(tone.twist_db, 2),
        "low_offset_pct": _rounded(tone.low_offset_pct, 3),
        "high_offset_pct": _rounded(tone.high_offset_pct, 3),
        "snr_db": _rounded(tone.snr_db, 1),
    }


def json_line(tone: DetectedTone, *, file: str | None = None) -> str:
    """Return a detected tone as one line of JSON, without its newline; ``file`` is put in front of it, if given."""
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


def _place(tone: DetectedTone | RenderedTone, samplerate: int) -> dict[str, Any]:
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
