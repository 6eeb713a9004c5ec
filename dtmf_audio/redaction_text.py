"""The report of a redaction, as text and as JSON; without the digits, unless they are asked for.

Of JSON, with times in seconds and places in samples, half-open: ``input``, ``output``, and their ``sha256``;
``samplerate``, ``channels``, ``duration_s``; ``fill``, ``guard_ms``, ``echo_ms``, ``join_ms``, ``own_channel``,
``only``; ``rounds`` of decoding the result; ``presses``, each with its ``channel`` and place, and its ``key`` if that
is asked for; ``doubtful``, near misses that were cut with them; ``kept``, how many presses were left; and ``cuts``,
each with its ``channel`` and place, and how many ``presses`` were heard there.
"""

from __future__ import annotations

import json
from typing import Any

from dtmf_audio.redaction import Cut
from dtmf_audio.redaction_files import RedactionReport
from dtmf_audio.units import ms_from_samples

_PUT = {"silence": "silence", "beep": "a beep", "noise": "noise"}


def report_text(report: RedactionReport, *, mask: bool = True) -> str:
    """Return the report for people: what was cut, a line for each place, and the hashes.

    Parameters
    ----------
    report : RedactionReport
    mask : bool
        Leave the digits out.
    """
    outcome = report.outcome
    if outcome.cuts:
        doubtful = f" and {_count(outcome.doubtful, 'near miss', 'near misses')}" if outcome.doubtful else ""
        lines = [
            f"{report.source}: {_count(len(outcome.presses), 'press', 'presses')}{doubtful} cut in "
            f"{_count(len(outcome.cuts), 'place', 'places')}, replaced by {_PUT[report.settings.fill]}{_left(report)}"
        ]
        lines += [
            _cut_line(cut, report, mask) for cut in sorted(outcome.cuts, key=lambda cut: (cut.start, cut.channel))
        ]
    else:
        what = "nothing that may be a card number" if report.settings.only == "pan" else "no press"
        lines = [f"{report.source}: {what} found{_left(report)}; {report.target} is the same byte for byte"]
    lines += [
        f"sha256 of {report.source}: {report.source_sha256}",
        f"sha256 of {report.target}: {report.target_sha256}",
    ]
    return "\n".join(lines) + "\n"


def report_json(report: RedactionReport, *, mask: bool = True) -> str:
    """Return the report as a JSON document of one line; the parameters are those of :func:`report_text`."""
    outcome, settings = report.outcome, report.settings
    return (
        json.dumps(
            {
                "input": report.source,
                "output": report.target,
                "input_sha256": report.source_sha256,
                "output_sha256": report.target_sha256,
                "samplerate": report.samplerate,
                "channels": report.channels,
                "duration_s": round(report.frames / report.samplerate, 6),
                "fill": settings.fill,
                "guard_ms": settings.guard_ms,
                "echo_ms": settings.echo_ms,
                "join_ms": settings.join_ms,
                "own_channel": settings.own_channel,
                "only": settings.only,
                "rounds": outcome.rounds,
                "presses": [
                    {
                        "channel": press.channel,
                        **_place(press.start, press.stop, report.samplerate),
                        **({} if mask else {"key": press.tone.key}),
                    }
                    for press in outcome.presses
                ],
                "doubtful": outcome.doubtful,
                "kept": len(outcome.kept),
                "cuts": [
                    {
                        "channel": cut.channel,
                        **_place(cut.start, cut.stop, report.samplerate),
                        "presses": cut.presses,
                    }
                    for cut in outcome.cuts
                ],
            },
            allow_nan=False,
        )
        + "\n"
    )


def _cut_line(cut: Cut, report: RedactionReport, mask: bool) -> str:
    start_s, stop_s = cut.start / report.samplerate, cut.stop / report.samplerate
    why = _count(cut.presses, "press", "presses") if cut.presses else "echo or near miss"
    keys = [
        press.tone.key
        for press in report.outcome.presses
        if press.channel == cut.channel and press.start < cut.stop and cut.start < press.stop
    ]
    told = "" if mask or not keys else f": {''.join(keys)}"
    return f"  {start_s:.3f} s to {stop_s:.3f} s, channel {cut.channel}, {why}{told}"


def _left(report: RedactionReport) -> str:
    kept = len(report.outcome.kept)
    return f", {_count(kept, 'press', 'presses')} left" if report.settings.only is not None else ""


def _count(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"


def _place(start: int, stop: int, samplerate: int) -> dict[str, Any]:
    return {
        "start_s": round(start / samplerate, 6),
        "stop_s": round(stop / samplerate, 6),
        "duration_ms": round(ms_from_samples(stop - start, samplerate), 3),
        "start_sample": start,
        "stop_sample": stop,
    }
