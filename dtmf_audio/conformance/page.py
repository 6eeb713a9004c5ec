"""The report as one page of HTML: nothing is loaded from elsewhere, and it is as readable in the dark.

The curves are inline SVG that takes its colours from the page. On a logarithmic axis, a place without a single miss
is drawn hollow at the upper bound of its share.
"""

from __future__ import annotations

import html
import itertools
import math
from collections.abc import Sequence

from dtmf_audio.conformance.cases import Verdict
from dtmf_audio.conformance.judge import upper_share
from dtmf_audio.conformance.report import Curve, CurvePoint, Report, Row

WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 12, 46  # margins around the plot
LOWEST_SHARE = 1e-6  # of a logarithmic axis
X_MARKS = 8
NARROWEST_NAMED = 60  # zone with its name in it

SECTIONS = {
    "R": ("Must operate", "Every press is to be heard, once."),
    "N": ("Must not operate", "Nothing of this is a key."),
    "M": ("Mitel CM7291", "Scores on the numbered tests of the cassette, on exact digital signals."),
    "G": ("Generator", "What this library renders, measured."),
}

STYLE = """
:root { color-scheme: light dark; --back: #fff; --panel: #f5f6f8; --text: #1c2024; --dim: #5a636e; --line: #d5dae0;
  --good: #1a7f37; --bad: #c4232c; --curve: #0b62c4; --theory: #8250df; --must: #1a7f3722; --not: #c4232c1f; }
@media (prefers-color-scheme: dark) { :root { --back: #14171b; --panel: #1c2026; --text: #e4e8ec; --dim: #98a2ae;
  --line: #363d46; --good: #57c46c; --bad: #ff7b72; --curve: #69aef8; --theory: #c297ff; --must: #57c46c26;
  --not: #ff7b7226; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 75rem; padding: 1.5rem; background: var(--back); color: var(--text);
  font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .2rem; }
p { margin: .2rem 0 .8rem; color: var(--dim); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 1rem 0; }
dt { color: var(--dim); } dd { margin: 0; overflow-wrap: anywhere; }
.tally { display: flex; flex-wrap: wrap; gap: .6rem; margin: 1rem 0; padding: 0; list-style: none; }
.tally li { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; padding: .4rem .9rem; }
.tally b { font-size: 1.3rem; margin-right: .3rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .3rem .7rem .3rem 0; border-bottom: 1px solid var(--line); }
thead th { color: var(--dim); font-weight: 600; }
tbody th { white-space: nowrap; font-weight: 600; }
.group td { padding-top: .9rem; border-bottom-color: transparent; font-weight: 600; }
.group small { font-weight: 400; margin-left: .5rem; }
small { color: var(--dim); }
.pass { color: var(--good); } .fail { color: var(--bad); font-weight: 700; } .reported, .not-run { color: var(--dim); }
.verdict { white-space: nowrap; }
th:nth-child(1) { width: 3.5rem; } th:nth-child(3) { width: 19%; } th:nth-child(4) { width: 27%; }
th:nth-child(5) { width: 5rem; }
.curves { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); gap: 1rem; }
figure { margin: 0; background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; padding: .8rem; }
figcaption { font-weight: 600; margin-bottom: .3rem; }
svg { width: 100%; height: auto; display: block; }
svg text { fill: var(--dim); font: 12px system-ui, sans-serif; }
.grid { stroke: var(--line); stroke-width: 1; } .must { fill: var(--must); } .not { fill: var(--not); }
.curve { fill: none; stroke: var(--curve); stroke-width: 2; } .dot { fill: var(--curve); }
.hollow { fill: var(--panel); stroke: var(--curve); stroke-width: 1.5; }
.theory { fill: none; stroke: var(--theory); stroke-width: 1.6; stroke-dasharray: 6 4; }
.theory.second { stroke-dasharray: 2 3; }
.key { display: flex; flex-wrap: wrap; gap: .1rem 1.1rem; font-size: .85rem; color: var(--dim); margin-top: .3rem; }
.key i { display: inline-block; width: 1.1rem; margin-right: .35rem; }
.key .line { height: 0; vertical-align: middle; border-top: 2px solid var(--curve); }
.key .dash { border-top: 2px dashed var(--theory); } .key .dots { border-top: 2px dotted var(--theory); }
"""


def to_html(report: Report) -> str:
    """Write the report as one page."""
    name = html.escape(report.decoder)
    told = {
        "Limits": f"{report.profile}: {report.limits}",
        "Audio": f"{report.samplerate} Hz, 16 bits, one channel; seed {report.seed}",
        "Size": "quick: too few presses for close bounds" if report.quick else "full",
    }
    facts = "".join(f"<dt>{term}</dt><dd>{html.escape(text)}</dd>" for term, text in told.items())
    tally = "".join(
        f'<li class="{_class(verdict)}"><b>{report.n(verdict)}</b>{verdict}</li>'
        for verdict in Verdict
        if report.n(verdict)
    )
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>DTMF conformance: {name}</title><style>{STYLE}</style></head><body>",
        f"<h1>DTMF conformance of {name}</h1>",
        f'<dl>{facts}</dl><ul class="tally">{tally}</ul>',
        _failures(report.failed),
        _curves(report.curves),
        *(
            _section(title, about, [row for row in report.rows if row.id.startswith(letter)])
            for letter, (title, about) in SECTIONS.items()
        ),
        "<p>Bounds are one-sided, 95 %, exact. Levels are in dBm0, of each tone, a full-scale sine being +3.14; SNR is "
        "of each tone. The same seed gives the same page.</p>",
        "</body></html>",
    ]
    return "\n".join(filter(None, parts)).replace(" %", "\u00a0%") + "\n"


def _class(verdict: Verdict) -> str:
    return verdict.value.replace(" ", "-")


def _failures(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    return f"<h2>Failed</h2>\n{_table(rows)}"


def _section(title: str, about: str, rows: Sequence[Row]) -> str:
    return f"<h2>{title}</h2><p>{about}</p>\n{_table(rows)}" if rows else ""


def _table(rows: Sequence[Row]) -> str:
    heads = "".join(f"<th>{head}</th>" for head in ("id", "signal", "asked", "result", ""))
    lines = [f'<div class="wide"><table><thead><tr>{heads}</tr></thead>']
    groups = itertools.groupby(rows, key=lambda row: (row.id, row.title, row.source))
    for (case, title, source), members in groups:
        lines.append(
            f'<tbody><tr class="group"><td>{case}</td><td colspan="4">{html.escape(title)}'
            f"<small>{html.escape(source)}</small></td></tr>"
        )
        lines += [_line(row) for row in members]
        lines.append("</tbody>")
    return "\n".join([*lines, "</table></div>"])


def _line(row: Row) -> str:
    note = f"<br><small>{html.escape(row.note)}</small>" if row.note and row.unit != "/h" else ""
    return (
        f"<tr><td></td><td>{html.escape(row.what)}</td><td>{html.escape(row.criterion)}</td>"
        f'<td>{html.escape(row.result)}{note}</td><td class="verdict {_class(row.verdict)}">{row.verdict}</td></tr>'
    )


# ---- Curves --------------------------------------------------------------------------------------


def _curves(curves: Sequence[Curve]) -> str:
    if not curves:
        return ""
    figures = "\n".join(_figure(curve) for curve in curves)
    return f'<h2>Curves</h2><p>Rest your pointer on a dot for its count.</p>\n<div class="curves">{figures}</div>'


def _figure(curve: Curve) -> str:
    shares = [_shown(point, curve) for point in curve.points]
    xs = [point.x for point in curve.points]

    def at(x: float, share: float) -> tuple[float, float]:
        high = 1.0 - math.log10(max(share, LOWEST_SHARE)) / math.log10(LOWEST_SHARE) if curve.logarithmic else share
        across = (x - xs[0]) / (xs[-1] - xs[0]) * (WIDTH - LEFT - RIGHT)
        return round(LEFT + across, 1), round(TOP + (1.0 - high) * (HEIGHT - TOP - BOTTOM), 1)

    def path(values: Sequence[float]) -> str:
        return " ".join(f"{x},{y}" for x, y in (at(*place) for place in zip(xs, values, strict=False)))

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(curve.title)}">']
    foot = HEIGHT - BOTTOM
    for zone, kind, name in ((curve.must, "must", "must"), (curve.must_not, "not", "must not")):
        if zone is not None:
            left, right = (at(min(max(x, xs[0]), xs[-1]), 1.0)[0] for x in zone)
            width = round(right - left, 1)
            parts.append(f'<rect class="{kind}" x="{left}" y="{TOP}" width="{width}" height="{foot - TOP}"/>')
            if width > NARROWEST_NAMED:
                place = f'x="{left + width / 2:.1f}" y="{(TOP + foot) / 2}" text-anchor="middle"'
                parts.append(f"<text {place}>{name}</text>")
    for share, label in _y_marks(curve):
        left, y = at(xs[0], share)
        parts.append(f'<line class="grid" x1="{left}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4}" text-anchor="end">{label}</text>')
    for mark in _x_marks(xs[0], xs[-1]):
        x, _ = at(mark, 1.0)
        parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{TOP}" y2="{foot}"/>')
        parts.append(f'<text x="{x}" y="{foot + 17}" text-anchor="middle">{mark:g}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">{html.escape(curve.x_label)}</text>')
    for (_, values), kind in zip(curve.theory, ("theory", "theory second"), strict=False):
        seen = next((index for index, share in enumerate(values) if share < LOWEST_SHARE), len(values) - 1) + 1
        parts.append(f'<polyline class="{kind}" points="{path(values[:seen])}"/>')
    parts.append(f'<polyline class="curve" points="{path(shares)}"/>')
    for point, share in zip(curve.points, shares, strict=True):
        x, y = at(point.x, share)
        hollow = curve.logarithmic and point.hits == point.trials
        parts.append(
            f'<circle class="{"hollow" if hollow else "dot"}" cx="{x}" cy="{y}" r="3.2">'
            f"<title>{point.x:g}: {point.hits} of {point.trials} heard</title></circle>"
        )
    parts.append("</svg>")
    caption = f"<figcaption>{html.escape(curve.title)}: {html.escape(curve.y_label)}</figcaption>"
    return f"<figure>{caption}{''.join(parts)}{_key(curve)}</figure>"


def _shown(point: CurvePoint, curve: Curve) -> float:
    """Share to draw: of hits, or on a logarithmic axis of misses, or their bound where there are none."""
    if not curve.logarithmic:
        return point.hits / point.trials
    missed = point.trials - point.hits
    return missed / point.trials if missed else upper_share(0, point.trials)


def _key(curve: Curve) -> str:
    if not curve.theory:
        return ""
    names = [name for name, _ in curve.theory]
    items = ['<span><i class="line"></i>measured; hollow: no miss, at the 95 % bound</span>']
    items += [
        f'<span><i class="{kind}"></i>{html.escape(name)}</span>'
        for name, kind in zip(names, ("dash", "dots"), strict=False)
    ]
    return f'<div class="key">{"".join(items)}</div>'


def _y_marks(curve: Curve) -> list[tuple[float, str]]:
    if curve.logarithmic:
        return [(1.0, "1"), *((10.0**-power, f"1e-{power}") for power in range(1, 7))]
    return [(share / 4, f"{25 * share} %") for share in range(5)]


def _x_marks(low: float, high: float) -> list[float]:
    """Round numbers between two ends, X_MARKS or fewer."""
    rough = (high - low) / X_MARKS
    decade = 10.0 ** math.floor(math.log10(rough))
    step = next(decade * factor for factor in (1.0, 2.0, 2.5, 5.0, 10.0) if decade * factor >= rough)
    first = math.ceil(low / step - 1e-9)
    return [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]
