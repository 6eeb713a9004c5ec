"""A sender's report as text, and as JSON.

JSON has the names of the report's own attributes, each with its unit at the end, numbers rounded to a little more than
they can mean, and null for what is not known: ``tones`` (one a press), ``background``, ``findings`` and ``notes``.
"""

from __future__ import annotations

import json
import math
import textwrap
from dataclasses import asdict
from typing import Any

from dtmf_audio.conformance.sender import SenderReport
from dtmf_audio.conformance.sender_judgement import Finding
from dtmf_audio.conformance.sender_limits import Limit
from dtmf_audio.conformance.sender_measurement import DISTORTION_FLOOR_DB, SentTone

WIDTH = 100
UNITS = {"pct": "%", "db": "dB", "dbm0": "dBm0", "ms": "ms"}
DIGITS = {"s": 6, "hz": 2, "pct": 3, "db": 2, "dbm0": 2, "ms": 2}
HEADER = (
    "         low tone              high tone             twist     on    off  rise  fall  rest\n"
    "key     s      Hz     %  dBm0      Hz     %  dBm0    dB     ms     ms    ms    ms    dB"
)
LEGEND = (
    "twist: high tone less low tone. on, off: at half height. rise, fall: 10 to 90 %. rest: how far all but the "
    "tones lies "
    "below the weaker one, 0 to 4 kHz (> where noise in the pauses hides it). Levels are as recorded; dBm on the line "
    "cannot be told from a file, and a line between sender and recorder changes levels and twist."
)


def report_text(report: SenderReport, name: str) -> str:
    """Return a report as lines for people, ending in a newline."""
    keys = "".join(tone.tone.key for tone in report.tones)
    background = report.background
    noise = "no pause to hear noise in"
    if background.noise_dbm0 is not None:
        silent = background.noise_dbm0 < -90.0
        noise = "pauses are silent" if silent else f"noise in the pauses {background.noise_dbm0:.1f} dBm0"
        if background.line is not None and not silent:
            noise += f", most of it {background.line.name} at {background.line.freq_hz:.0f} Hz".replace("  ", " ")
    lines = [f"{name}: {keys}; {noise}", "", *HEADER.splitlines()]
    lines += [_row(tone) for tone in report.tones]
    lines += ["", *textwrap.wrap(LEGEND, WIDTH), ""]
    if report.findings:
        lines.append("to mend:")
        for finding in report.findings:
            lines += _item(finding_text(finding))
    else:
        lines += textwrap.wrap(f"nothing to mend by {report.limits.title}", WIDTH)
    if report.notes:
        lines += ["", "noted:"]
        for note in report.notes:
            lines += _item(note)
    return "\n".join(lines) + "\n"


def finding_text(finding: Finding) -> str:
    """Return a finding as a sentence: where, what was measured, the limits, what to do."""
    by_range: dict[str, list[str]] = {}
    for limit in finding.limits:
        by_range.setdefault(_wanted(limit), []).append(limit.source)
    wanted = "; ".join(f"{range_}: {', '.join(sources)}" for range_, sources in by_range.items())
    return f"{finding.where}: {finding.measured} ({wanted}). {finding.remedy[0].upper()}{finding.remedy[1:]}."


def report_json(report: SenderReport, *, file: str | None = None) -> str:
    """Return a report as one line of JSON, without its newline."""
    tones = [
        {
            "tone": tone.tone.value,
            "key": tone.tone.key,
            **{name: value for name, value in asdict(tone).items() if name != "tone"},
            "twist_db": tone.twist_db,
        }
        for tone in report.tones
    ]
    findings = [{**asdict(each), "text": finding_text(each)} for each in report.findings]
    source = {} if file is None else {"file": file}
    return json.dumps(
        source
        | _clean(
            {
                "channel": report.channel,
                "samplerate": report.samplerate,
                "limits": report.limits.name,
                "tones": tones,
                "background": asdict(report.background),
                "findings": findings,
                "notes": list(report.notes),
            }
        ),
        allow_nan=False,
    )


def _clean(value: Any, name: str = "") -> Any:
    """Round the numbers of a tree, and make null of what JSON has no number for."""
    if isinstance(value, dict):
        unit = str(value.get("quantity", "")).rpartition("_")[2]
        bare = {"least": unit, "most": unit, "lowest": unit, "highest": unit}
        return {key: _clean(each, bare.get(key, key.rpartition("_")[2])) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(each, name) for each in value]
    if isinstance(value, float):
        return round(value, DIGITS.get(name, 3)) + 0.0 if math.isfinite(value) else None
    return value


def _row(tone: SentTone) -> str:
    hidden = ">" if tone.noise_limited else ""
    rest = "clean" if tone.distortion_db >= DISTORTION_FLOOR_DB else f"{hidden}{tone.distortion_db:.1f}"
    on = f"{'>' if tone.cut else ''}{tone.on_ms:.1f}"
    return (
        f"{tone.tone.key:<3}{tone.start_s:6.2f} {tone.low_hz:7.1f} {_plain(tone.low_offset_pct, '+.2f'):>5} "
        f"{tone.low_level_dbm0:5.1f} {tone.high_hz:7.1f} {_plain(tone.high_offset_pct, '+.2f'):>5} "
        f"{tone.high_level_dbm0:5.1f} {_plain(tone.twist_db, '+.1f'):>5} {on:>6} {_plain(tone.off_ms, '.1f'):>6} "
        f"{_plain(tone.rise_ms, '.1f'):>5} {_plain(tone.fall_ms, '.1f'):>5} {rest:>5}"
    )


def _plain(value: float | None, form: str) -> str:
    """Write a number, never minus zero; a dash for none."""
    if value is None:
        return "-"
    text = format(value, form)
    return text if text.strip("+-0.") else format(0.0, form)


def _item(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False)


def _wanted(limit: Limit) -> str:
    unit = UNITS[limit.quantity.rpartition("_")[2]]
    low, high = limit.lowest, limit.highest
    if math.isinf(low):
        return f"at most {high:g} {unit}"
    if math.isinf(high):
        return f"at least {low:g} {unit}"
    return f"±{high:g} {unit}" if low == -high else f"{low:g} to {high:g} {unit}"
