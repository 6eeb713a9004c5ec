"""Pictures of recordings: waveform and spectrogram with the keys that were heard, and near misses with their reasons.

::

    from dtmf_audio import decode, render
    from dtmf_audio.plot import figure, save

    call = render("0123456789*#ABCD", 8000)
    events = decode(call.samples, 8000, explain=True)
    save(figure(call.samples, 8000, events, title="sixteen keys"), "keys.png")

matplotlib is needed for it (the extra ``plot``), and imported when it is first used.

Conventions
-----------
- A tone that was heard is a solid box around each of its two frequencies; one that was refused, a dashed one, around
  the nominal frequencies. Too narrow to be a box, it is its upper and lower edge. In grey they are told apart by the
  keys above and the numbers below, which the list of reasons explains.
- The louder, the darker; on a dark ground, the lighter.
- The same input gives the same bytes: no date, no version of a program, identifiers from a fixed seed.
"""

from __future__ import annotations

import math
import os
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dtmf_audio.audio_write import replace_file
from dtmf_audio.errors import InvalidSettingError, MissingLibraryError
from dtmf_audio.events import DetectedTone, Rejection
from dtmf_audio.formats import explained_line, in_utf8, measured_hz, one_line
from dtmf_audio.overview import TOP_HZ, Overview, Overviewer
from dtmf_audio.plot_labels import keys_text, number_text, place_labels
from dtmf_audio.signals import check_samplerate, chosen_channels
from dtmf_audio.tones import KEY_TONES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ENDINGS = (".png", ".svg", ".html")
DPI = 150
WIDTH_IN = 12.0
LEFT_IN, RIGHT_IN = 0.62, 1.18  # margins beside the pictures
TITLE_IN, KEYS_IN, WAVE_IN, BANDS_IN, MISSES_IN, TIME_IN, GAP_IN = 0.42, 0.30, 0.85, 3.0, 0.24, 0.42, 0.12
LINE_IN = 0.165  # of the list of reasons
MOST_REASONS = 14  # chosen: a picture that still fits on a page
LINE_CHARS = 180  # of the list, in its font
TITLE_CHARS = 60
MOST_CHANNELS = 4
NUMBER_GAP_S = 1.0  # chosen: a pause that parts keys which are written as one label
KEY_PT, SMALL_PT = 10.0, 7.5
CHAR_EM = 0.602  # width of DejaVu Sans Mono, which comes with matplotlib
RANGE_DB = 60.0  # from the loudest down; what is below is as silence
LOUDEST_AT_LEAST_DBM0 = -40.0  # chosen: the noise of a silent line is not drawn as if it were loud
NARROW_PT = 5.0  # of boxes whose upper and lower edges alone are drawn
BOX_HZ = 33.0  # from the middle of a box to its edge: rows of keys are 73 Hz apart
STEPS_S = (
    0.001,
    0.002,
    0.005,
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
)
MOST_TICKS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class _Theme:
    ground: str
    text: str
    dim: str
    line: str
    wave: str
    heard: str
    refused: str
    colours: str  # matplotlib's name of a map from quiet to loud


_LIGHT = _Theme(
    ground="#ffffff",
    text="#1c2024",
    dim="#59626d",
    line="#aab2bc",
    wave="#59626d",
    heard="#0b50a8",
    refused="#b3261e",
    colours="Greys",
)
_DARK = _Theme(
    ground="#14171b",
    text="#e8ebef",
    dim="#9aa4b0",
    line="#4a525d",
    wave="#9aa4b0",
    heard="#58b6ff",
    refused="#ffab57",
    colours="gray",
)


def figure(
    samples: npt.ArrayLike,
    samplerate: int,
    events: Sequence[DetectedTone | Rejection],
    *,
    channel: int | None = None,
    start: int = 0,
    title: str = "",
    dark: bool = False,
) -> Figure:
    """Draw a signal with what was heard in it.

    Parameters
    ----------
    samples : int16, int32, uint8, float32 or float64, shape (n,) or (n, channels)
        The part of the signal to show.
    samplerate : int
        Hz.
    events : sequence of DetectedTone and Rejection
        As from :func:`~dtmf_audio.decoder.decode`, with ``explain=True`` for the near misses too.
    channel : int, optional
        Draw this channel alone; without it, all, of which there may be four.
    start : int
        Where in the stream of the events the first sample lies, as a sample index.
    title : str
    dark : bool
        Draw for a dark screen, instead of for paper.

    Returns
    -------
    matplotlib.figure.Figure
        For :func:`save`, or for matplotlib's own ways.

    Raises
    ------
    InvalidSignalError
        The samples are no audio, or there are none.
    InvalidSettingError
        A rate or channel that cannot be; more than four channels.
    MissingLibraryError
        matplotlib is not installed.
    """
    columns, numbers = chosen_channels(samples, channel, to="draw")
    rate = check_samplerate(samplerate)
    overviews: dict[int, Overview] = {}
    for number in numbers:
        overviewer = Overviewer(rate, start=start)
        overviewer.feed(columns[:, number])
        overviews[number] = overviewer.finish()
    return draw(overviews, events, title=title, dark=dark)


def draw(
    overviews: dict[int, Overview],
    events: Sequence[DetectedTone | Rejection],
    *,
    title: str = "",
    dark: bool = False,
    reasons: bool = True,
) -> Figure:
    """Draw channels that are reduced already, as :func:`figure` does.

    Parameters
    ----------
    overviews : dict of int to Overview
        By number of the channel; all of the same stretch of time.
    events : sequence of DetectedTone and Rejection
        Those of other channels or times are left out.
    title : str
    dark : bool
    reasons : bool
        Write the reasons of the near misses below.

    Returns
    -------
    matplotlib.figure.Figure
    """
    check_channels(len(overviews))
    with matplotlib_settings():
        from matplotlib.figure import Figure

        theme = _DARK if dark else _LIGHT
        shown = in_view(overviews, events)
        misses = [event for event in shown if isinstance(event, Rejection)]
        listed = _reasons(misses, several=len(overviews) > 1) if reasons else []
        panel_in = KEYS_IN + WAVE_IN + GAP_IN + BANDS_IN + MISSES_IN + TIME_IN
        list_in = LINE_IN * (len(listed) + 1) if listed else 0.05
        height_in = TITLE_IN + panel_in * len(overviews) + list_in
        drawn = Figure(figsize=(WIDTH_IN, height_in), dpi=DPI, facecolor=theme.ground)
        page = _Page(drawn, height_in, theme)
        page.write(0.14, 0.12, _shortened(in_utf8(one_line(title)), TITLE_CHARS), size=12, weight="bold")
        page.legend(heard=len(misses) < len(shown), misses=bool(misses))
        top_in = TITLE_IN
        for number, overview in overviews.items():
            name = f"channel {number}" if len(overviews) > 1 else ""
            of_channel = [event for event in shown if event.channel == number]
            numbers = [place for place, near_miss in enumerate(misses) if near_miss.channel == number]
            page.panel(top_in, overview, of_channel, numbers, name)
            top_in += panel_in
        for number, line in enumerate(listed):
            page.write(0.14, top_in + 0.1 + number * LINE_IN, line, size=SMALL_PT, family="DejaVu Sans Mono")
    return drawn


def check_channels(n: int) -> None:
    """Refuse more channels than a picture holds."""
    if n > MOST_CHANNELS:
        raise InvalidSettingError(f"{n} channels cannot be drawn in one picture, at most {MOST_CHANNELS}; choose one")


def in_view(
    overviews: dict[int, Overview], events: Sequence[DetectedTone | Rejection]
) -> list[DetectedTone | Rejection]:
    """Return the events that the picture shows, in the order of time."""
    within = (
        event
        for event in events
        if (view := overviews.get(event.channel)) is not None and event.stop > view.start and event.start < view.stop
    )
    return sorted(within, key=lambda event: (event.start, event.channel))


def save(drawn: Figure, target: str | os.PathLike[str]) -> None:
    """Write a figure as PNG or SVG, by the ending of the name: whole, or not at all.

    Raises
    ------
    InvalidSettingError
        The ending is neither ``.png`` nor ``.svg``.
    AudioFileError
        The target cannot be written; what was there before is untouched.
    """
    ending = Path(target).suffix.lower()
    if ending not in (".png", ".svg"):
        raise InvalidSettingError(f"{os.fspath(target)}: its ending {ending!r} is not one of .png and .svg")
    encoded = encode(drawn, ending)
    with replace_file(target) as file:
        file.write(encoded)


def encode(drawn: Figure, ending: str) -> bytes:
    """Return a figure as the bytes of a PNG or SVG file, always the same."""
    import io

    nothing = ("Date", "Creator", "Format", "Type") if ending == ".svg" else ("Software",)
    file = io.BytesIO()
    with matplotlib_settings():
        drawn.savefig(
            file, format=ending[1:], dpi=DPI, metadata=dict.fromkeys(nothing), facecolor=drawn.get_facecolor()
        )
    return file.getvalue()


@contextmanager
def matplotlib_settings() -> Iterator[None]:
    """Hold matplotlib to its own defaults, whatever the user has set, and to output without chance.

    Raises
    ------
    MissingLibraryError
        matplotlib is not installed.
    """
    try:
        import matplotlib.style
    except ImportError as error:
        raise MissingLibraryError(
            "pictures need matplotlib, which is not installed; run: pip install 'dtmf-audio[plot]'"
        ) from error
    chosen = {
        "svg.hashsalt": "dtmf_audio",
        "svg.fonttype": "path",
        "font.family": "DejaVu Sans",
        "text.hinting": "none",  # characters as wide as the font says, for labels that must not touch
        "path.simplify": False,
    }
    with matplotlib.style.context(["default", chosen]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # of a file's name
        yield


class _Page:
    """A figure, measured in inches from its upper left corner."""

    def __init__(self, drawn: Figure, height_in: float, theme: _Theme) -> None:
        self._figure = drawn
        self._height_in = height_in
        self._theme = theme

    def write(self, left_in: float, top_in: float, text: str, *, size: float, **how: Any) -> None:
        self._figure.text(
            left_in / WIDTH_IN,
            1 - top_in / self._height_in,
            text,
            fontsize=size,
            va="top",
            parse_math=False,
            **({"color": self._theme.text} | how),
        )

    def legend(self, *, heard: bool, misses: bool) -> None:
        """Say at the upper right what the boxes mean that there are."""
        from matplotlib.patches import Rectangle

        right_in = WIDTH_IN - RIGHT_IN
        entries = [("refused (numbers below)", "refused", "--")] if misses else []
        entries += [("heard (keys above)", "heard", "-")] if heard else []
        for text, colour, style in entries:
            right_in -= 0.058 * len(text)  # as wide as it comes out, or a little more
            self.write(right_in, 0.15, text, size=8, color=self._theme.dim)
            right_in -= 0.3
            self._figure.add_artist(
                Rectangle(
                    (right_in / WIDTH_IN, 1 - 0.265 / self._height_in),
                    0.22 / WIDTH_IN,
                    0.11 / self._height_in,
                    fill=False,
                    edgecolor=getattr(self._theme, colour),
                    linestyle=style,
                    linewidth=1.2,
                )
            )
            right_in -= 0.25

    def axes(self, top_in: float, height_in: float, overview: Overview) -> Axes:
        """Add a picture of the whole width, with time along it."""
        axes = self._figure.add_axes(
            (
                LEFT_IN / WIDTH_IN,
                1 - (top_in + height_in) / self._height_in,
                (WIDTH_IN - LEFT_IN - RIGHT_IN) / WIDTH_IN,
                height_in / self._height_in,
            ),
            facecolor="none",
        )
        axes.set_xlim(*_span_s(overview))
        axes.set_xticks([])
        axes.set_yticks([])
        axes.tick_params(colors=self._theme.dim, labelsize=SMALL_PT, length=3)
        for spine in axes.spines.values():
            spine.set_color(self._theme.line)
        return axes

    def panel(
        self,
        top_in: float,
        overview: Overview,
        events: list[DetectedTone | Rejection],
        numbers: list[int],
        name: str,
    ) -> None:
        """Draw one channel; ``numbers`` are those of its near misses, from 0."""
        tones = [event for event in events if isinstance(event, DetectedTone)]
        misses = [event for event in events if isinstance(event, Rejection)]
        keys = self.axes(top_in, KEYS_IN, overview)
        stops_s = [-math.inf, *(tone.stop_s for tone in tones)]
        begins = [tone.start_s - stop_s >= NUMBER_GAP_S for tone, stop_s in zip(tones, stops_s, strict=False)]
        written = keys_text([tone.tone.key for tone in tones], begins)
        self.label(keys, KEYS_IN, overview, tones, "heard", written)
        top_in += KEYS_IN
        self.wave(self.axes(top_in, WAVE_IN, overview), overview, tones, misses, name)
        top_in += WAVE_IN + GAP_IN
        self.bands(self.axes(top_in, BANDS_IN, overview), overview, tones, misses)
        top_in += BANDS_IN
        below = self.axes(top_in, MISSES_IN, overview)

        def numbered(first: int, last: int) -> str:
            if numbers[last] - numbers[first] == last - first:
                return number_text(numbers[first], numbers[last])
            return f"{number_text(numbers[first], numbers[first])}…{number_text(numbers[last], numbers[last])}"

        self.label(below, MISSES_IN, overview, misses, "refused", numbered)
        self.time(below, overview)

    def label(
        self,
        axes: Axes,
        height_in: float,
        overview: Overview,
        events: Sequence[DetectedTone | Rejection],
        colour: str,
        text_of: Any,
    ) -> None:
        """Write what names the events along a line, none over another, with the length of each under or over it."""
        for side in ("left", "right", "top", "bottom"):
            axes.spines[side].set_visible(False)
        axes.set_ylim(0, height_in)
        above = colour == "heard"
        size = KEY_PT if above else SMALL_PT
        start_s, stop_s = _span_s(overview)
        points = 72 * (WIDTH_IN - LEFT_IN - RIGHT_IN)
        per_point = (stop_s - start_s) / points
        middles = [((event.start_s + event.stop_s) / 2 - start_s) / per_point for event in events]
        if above and not events:
            axes.text(start_s, 0.07, "no key heard", fontsize=SMALL_PT, va="bottom", color=self._theme.dim)
        labels = place_labels(
            middles, text_of, char_width=CHAR_EM * size, gap=0.35 * size if above else 0.6 * size, width=points
        )
        bar_in = 0.03
        lengths = [(event.start_s, max(event.duration_ms / 1000, per_point)) for event in events]
        axes.broken_barh(
            lengths, (0.02 if above else height_in - 0.02 - bar_in, bar_in), facecolors=getattr(self._theme, colour)
        )
        for label in labels:
            axes.text(
                start_s + label.x * per_point,
                0.07 if above else height_in - 0.07,
                label.text,
                ha="center",
                va="bottom" if above else "top",
                fontsize=size,
                family="DejaVu Sans Mono",
                weight="bold" if above else "normal",
                color=getattr(self._theme, colour),
                parse_math=False,
            )

    def wave(
        self,
        axes: Axes,
        overview: Overview,
        tones: Sequence[DetectedTone],
        misses: Sequence[Rejection],
        name: str,
    ) -> None:
        """Draw the peaks, with the tones behind them."""
        edges_s = _edges_s(overview)
        most = max(float(np.abs([overview.lowest, overview.highest]).max()), 1e-4)
        for events, colour in ((tones, "heard"), (misses, "refused")):
            axes.broken_barh(
                [(event.start_s, event.duration_ms / 1000) for event in events],
                (-1.1 * most, 2.2 * most),
                facecolors=getattr(self._theme, colour),
                alpha=0.22,
                linewidth=0,
            )
        lowest, highest = (np.append(each, each[-1:]) for each in (overview.lowest, overview.highest))
        hair = 0.006 * most  # silence is a line, too
        axes.fill_between(
            edges_s, lowest - hair, highest + hair, step="post", color=self._theme.wave, linewidth=0, rasterized=False
        )
        axes.set_ylim(-1.1 * most, 1.1 * most)
        axes.set_yticks([-most, 0, most], [f"−{most:.2g}", "0", f"{most:.2g}"])
        axes.set_ylabel(name, fontsize=9, color=self._theme.text, parse_math=False)

    def bands(self, axes: Axes, overview: Overview, tones: Sequence[DetectedTone], misses: Sequence[Rejection]) -> None:
        """Draw the spectrogram with the eight frequencies and a box around each tone."""
        from matplotlib.collections import PatchCollection
        from matplotlib.patches import Rectangle

        theme = self._theme
        loudest = max(float(overview.level_dbm0.max()), LOUDEST_AT_LEAST_DBM0)
        edges_s = _edges_s(overview)
        half_hz = overview.freqs_hz[1] / 2
        image = axes.imshow(
            overview.level_dbm0,
            aspect="auto",
            origin="lower",
            extent=(edges_s[0], edges_s[-1], -half_hz, overview.freqs_hz[-1] + half_hz),
            cmap=theme.colours,
            vmin=loudest - RANGE_DB,
            vmax=loudest,
            interpolation="nearest",
        )
        start_s, stop_s = _span_s(overview)
        axes.set_xlim(start_s, stop_s)
        axes.set_ylim(0, TOP_HZ)
        nominal_hz = sorted({hz for tone in KEY_TONES for hz in tone.frequencies_hz})
        axes.hlines(nominal_hz, start_s, stop_s, colors=theme.dim, linewidth=0.5, linestyles=(0, (1, 5)))
        narrowest_s = (stop_s - start_s) / 1500
        points_per_s = 72 * (WIDTH_IN - LEFT_IN - RIGHT_IN) / (stop_s - start_s)
        for events, colour, style in ((misses, theme.refused, "--"), (tones, theme.heard, "-")):
            boxes = [
                (event.start_s, max(event.stop_s - event.start_s, narrowest_s), hz)
                for event in events
                for hz in (measured_hz(event) if isinstance(event, DetectedTone) else event.tone.frequencies_hz)
                if math.isfinite(hz)
            ]
            if not boxes:
                continue
            lefts, widths, hz = np.array(boxes).T
            if points_per_s * np.median(widths) < NARROW_PT:  # between the sides there would be nothing left to see
                for edge, line in ((theme.ground, 3.2), (colour, 1.6)):
                    for edge_hz in (hz - BOX_HZ, hz + BOX_HZ):
                        axes.hlines(edge_hz, lefts, lefts + widths, colors=edge, linewidth=line)
                continue
            rectangles = [Rectangle((left, at - BOX_HZ), width, 2 * BOX_HZ) for left, width, at in boxes]
            for edge, line, dashes in ((theme.ground, 2.6, "-"), (colour, 1.1, style)):
                axes.add_collection(
                    PatchCollection(rectangles, facecolor="none", edgecolor=edge, linewidth=line, linestyle=dashes),
                    autolim=False,
                )
        axes.set_yticks([0, 500, 1000, 1500, 2000], ["0", "500", "1000", "1500", "2000 Hz"])
        right = axes.secondary_yaxis("right")
        right.set_yticks(nominal_hz, [f"{hz:g}" for hz in nominal_hz])
        right.tick_params(colors=theme.dim, labelsize=6.5, length=3)
        right.spines["right"].set_visible(False)
        self.levels(axes, image)

    def levels(self, axes: Axes, image: Any) -> None:
        """Say beside the spectrogram how loud its greys are."""
        box = axes.get_position()
        beside = self._figure.add_axes((1 - 0.62 / WIDTH_IN, box.y0, 0.09 / WIDTH_IN, box.height))
        bar = self._figure.colorbar(image, cax=beside)
        bar.ax.tick_params(colors=self._theme.dim, labelsize=6.5, length=2)
        bar.outline.set_edgecolor(self._theme.line)
        low, high = image.get_clim()
        marks = [mark for mark in range(-200, 20, 10) if low <= mark <= high]
        bar.set_ticks(marks, labels=[f"{mark}".replace("-", "−") for mark in marks])
        bar.ax.set_title("dBm0", fontsize=6.5, color=self._theme.dim, pad=4)

    def time(self, axes: Axes, overview: Overview) -> None:
        """Mark the time under a panel."""
        start_s, stop_s = _span_s(overview)
        step_s = next((step for step in STEPS_S if (stop_s - start_s) / step <= MOST_TICKS), 2 * STEPS_S[-1])
        while (stop_s - start_s) / step_s > MOST_TICKS:
            step_s *= 2
        ticks = [number * step_s for number in range(math.ceil(start_s / step_s), math.floor(stop_s / step_s) + 1)]
        axes.spines["bottom"].set_visible(True)
        axes.set_xticks(ticks, [_clock(tick, step_s) for tick in ticks])


def _span_s(overview: Overview) -> tuple[float, float]:
    return overview.start / overview.samplerate, overview.stop / overview.samplerate


def _edges_s(overview: Overview) -> npt.NDArray[np.float64]:
    """Where each column begins, and the last one ends, in seconds."""
    n = len(overview.lowest)
    return (overview.start + np.arange(n + 1) * overview.column) / overview.samplerate


def _clock(seconds: float, step_s: float) -> str:
    """Return minutes and seconds, with as many digits as tell one mark from the next; from an hour on, hours too."""
    digits = max(0, -math.floor(math.log10(step_s) + 1e-9))
    minutes, rest_s = divmod(round(seconds, digits), 60)
    hours, minutes = divmod(int(minutes), 60)
    text = f"{rest_s:0{3 + digits if digits else 2}.{digits}f}"
    return f"{hours}:{minutes:02}:{text}" if hours else f"{minutes}:{text}"


def _reasons(misses: Sequence[Rejection], *, several: bool) -> list[str]:
    """Return lines for the near misses, as there is room, and then one that says how many are left out."""
    lines: list[str] = []
    for number, near_miss in enumerate(misses, start=1):
        channel = f"channel {near_miss.channel}  " if several else ""
        line = f"{number:>3}  {channel}{explained_line(near_miss)}"
        more = textwrap.wrap(line, LINE_CHARS, subsequent_indent=" " * line.index("refused:"))
        if len(lines) + len(more) > MOST_REASONS - (number < len(misses)):
            return [*lines, f"     and {len(misses) - number + 1} more"]
        lines += more
    return lines


def _shortened(text: str, most: int) -> str:
    """Leave out the beginning of a text that is too long: the end of a path tells files apart."""
    return text if len(text) <= most else f"…{text[1 - most :]}"
