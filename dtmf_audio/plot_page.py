"""A picture of a recording as one page of HTML: inline SVG, and tables of the tones and of the near misses.

Nothing is loaded from elsewhere, there is no script, and what comes from outside, such as names of files, is escaped.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dtmf_audio.events import DetectedTone, Rejection
from dtmf_audio.formats import in_utf8, measured_hz, one_line
from dtmf_audio.plot import encode

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE = """
:root { color-scheme: light; --back: #fff; --text: #1c2024; --dim: #59626d; --line: #d5dae0; --heard: #0b50a8;
  --refused: #b3261e; }
:root.dark { color-scheme: dark; --back: #14171b; --text: #e8ebef; --dim: #9aa4b0; --line: #363d46; --heard: #58b6ff;
  --refused: #ffab57; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 80rem; padding: 1.2rem; background: var(--back); color: var(--text);
  font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.4rem; margin: 0 0 .3rem; overflow-wrap: anywhere; } h2 { font-size: 1.1rem; margin: 1.8rem 0 .3rem; }
p { margin: .2rem 0 .8rem; color: var(--dim); }
svg { width: 100%; height: auto; display: block; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; vertical-align: top; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th.text, td.text { text-align: left; } td.long { white-space: normal; min-width: 24rem; }
thead th { color: var(--dim); font-weight: 600; }
.key { font: 600 1rem/1.2 ui-monospace, monospace; color: var(--heard); } .refused .key { color: var(--refused); }
@media print { body { max-width: none; padding: 0; } tr { break-inside: avoid; } }
"""


def to_html(
    drawn: Figure, shown: Sequence[DetectedTone | Rejection], *, title: str, about: str, dark: bool = False
) -> str:
    """Write a page.

    Parameters
    ----------
    drawn : matplotlib.figure.Figure
        Drawn without its own list of reasons.
    shown : sequence of DetectedTone and Rejection
        What it shows, in the order of time.
    title, about : str
        Name of the recording, and a sentence about it.
    dark : bool
        As the figure.
    """
    name = html.escape(in_utf8(one_line(title)))
    tones = [event for event in shown if isinstance(event, DetectedTone)]
    misses = [event for event in shown if isinstance(event, Rejection)]
    _, _, svg = encode(drawn, ".svg").decode().partition("<svg ")
    parts = [
        "<!DOCTYPE html>",
        f'<html lang="en"{" class=dark" if dark else ""}><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{name}</title><style>{STYLE}</style></head><body>",
        f"<h1>{name}</h1><p>{html.escape(in_utf8(about))}</p>",
        f'<svg role="img" aria-label="waveform and spectrogram of {name}" {svg}',
        f"<h2>Tones: {len(tones)}</h2>",
        _tones(tones),
        f"<h2>Near misses: {len(misses)}</h2>",
        "<p>Sounds that may have been a key, and the limit that refused each.</p>" if misses else "",
        _misses(misses),
        "</body></html>",
    ]
    return "\n".join(filter(None, parts)) + "\n"


def _tones(tones: Sequence[DetectedTone]) -> str:
    heads = ["key", "channel", "start s", "stop s", "length ms", "low Hz", "high Hz", "low dBm0", "high dBm0"]
    rows = []
    for tone in tones:
        low_hz, high_hz = measured_hz(tone)
        numbers = [
            *(
                f"{tone.start_s:.6f}",
                f"{tone.stop_s:.6f}",
                f"{tone.duration_ms:.1f}",
                f"{low_hz:.1f}",
                f"{high_hz:.1f}",
            ),
            *(_signed(value) for value in (tone.low_level_dbm0, tone.high_level_dbm0, tone.twist_db)),
            _signed(tone.snr_db) if math.isfinite(tone.snr_db) else "no noise",
        ]
        cells = "".join(f"<td>{number}</td>" for number in (tone.channel, *numbers))
        rows.append(f'<tr><td class="text key">{tone.tone.key}</td>{cells}</tr>')
    return _table([*heads, "twist dB", "SNR dB"], {"key"}, rows, "")


def _misses(misses: Sequence[Rejection]) -> str:
    rows = []
    for number, event in enumerate(misses, start=1):
        cells = "".join(
            f"<td>{each}</td>" for each in (event.channel, f"{event.start_s:.6f}", f"{event.duration_ms:.1f}")
        )
        rows.append(
            f'<tr><td>{number}</td><td class="text key">{event.tone.key}</td>{cells}'
            f'<td class="text">{html.escape(event.limit)}</td>'
            f'<td class="text long">{html.escape(event.reason)}</td></tr>'
        )
    heads = ["number", "key", "channel", "start s", "length ms", "limit", "reason"]
    return _table(heads, {"key", "limit", "reason"}, rows, ' class="refused"')


def _table(heads: Sequence[str], text: set[str], rows: Sequence[str], kind: str) -> str:
    if not rows:
        return "<p>None.</p>"
    head = "".join(f'<th class="text">{name}</th>' if name in text else f"<th>{name}</th>" for name in heads)
    body = "\n".join(rows)
    return f'<div class="wide"><table{kind}><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div>'


def _signed(value: float) -> str:
    """Write a number of dB with one digit and a proper minus, never minus zero."""
    return f"{round(value, 1) + 0.0:.1f}".replace("-", "−")
