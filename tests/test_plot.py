"""Pictures: what is in them, the same bytes each time, whole or not at all; and the command that draws them."""

from __future__ import annotations

import html.parser
import importlib.util
import io
import itertools
import os
import re
import subprocess
import sys
import wave
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from test_cli import SAMPLES, Run, dtmf, error, posix, write_keys, write_presses

from dtmf_audio import (
    AudioFileError,
    DetectedTone,
    InvalidSettingError,
    InvalidSignalError,
    MissingLibraryError,
    Rejection,
    decode,
    render,
)
from dtmf_audio.plot import figure, save
from dtmf_audio.plot_files import plot_file

__all__ = ["dtmf"]

drawing = pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="matplotlib is not installed")


def texts(drawn: Any) -> list[str]:
    """Return every text in a figure that is not empty."""
    from matplotlib.text import Text

    return [text.get_text() for text in drawn.findobj(Text) if text.get_text()]


def refused(**changes: Any) -> Rejection:
    settings: dict[str, Any] = {
        **{"start": 1000, "stop": 1200, "samplerate": 8000, "channel": 0, "limit": "min_on_ms"},
        **{"measured": 25.0, "wanted": 30.0, "unit": "ms"},
    }
    return Rejection(tone=decode(render("7", 8000).samples, 8000)[0].tone, **(settings | changes))


# --- figures -----------------------------------------------------------------------------------------------------


@drawing
def test_a_figure_shows_keys_frequencies_and_near_misses_with_their_reasons() -> None:
    samples = np.concatenate([render("5", 8000, on_ms=24, lead_ms=100, tail_ms=200).samples, render("9", 8000).samples])
    events = decode(samples, 8000, explain=True)
    assert [type(event) for event in events] == [Rejection, DetectedTone]
    said = texts(figure(samples, 8000, events, title="a call"))
    assert {"a call", "9", "1", "heard (keys above)", "refused (numbers below)"} <= set(said)
    assert {"697", "770", "852", "941", "1209", "1336", "1477", "1633"} <= set(said)
    (reason,) = (text for text in said if "refused: " in text)
    assert re.fullmatch(
        r"  1  0:00\.\d+  5 +24\.\d ms  refused: on for 24\.\d ms, at least 27\.0 ms are wanted", reason
    )


@drawing
def test_a_figure_has_a_panel_for_each_channel_and_numbers_near_misses_throughout() -> None:
    samples = np.zeros((8000, 2))
    events = [refused(start=800, stop=1000), refused(channel=1), refused(start=4000, stop=4200)]
    said = texts(figure(samples, 8000, events))
    assert {"channel 0", "channel 1", "1", "2", "3"} <= set(said)
    reasons = [text for text in said if "refused: " in text]
    assert [text.split()[:3] for text in reasons] == [
        *(["1", "channel", "0"], ["2", "channel", "1"], ["3", "channel", "0"])
    ]
    alone = texts(figure(samples, 8000, events, channel=1))
    assert "channel 1" not in alone
    assert "no key heard" in alone
    assert sum("refused: " in text for text in alone) == 1


@drawing
def test_the_legend_has_only_what_there_is_in_the_picture() -> None:
    keys, nothing = render("12", 8000).samples, np.zeros(8000)
    legends = {"heard (keys above)", "refused (numbers below)"}
    assert legends & set(texts(figure(keys, 8000, decode(keys, 8000)))) == {"heard (keys above)"}
    assert legends & set(texts(figure(nothing, 8000, [refused()]))) == {"refused (numbers below)"}
    assert not legends & set(texts(figure(nothing, 8000, [])))


@drawing
def test_of_a_title_that_is_too_long_the_end_is_kept() -> None:
    path = f"/archive/{'deep/' * 20}call-17.wav"
    (title,) = (text for text in texts(figure(np.zeros(800), 8000, [], title=path)) if "call" in text)
    assert len(title) == 60
    assert title.startswith("…")
    assert path.endswith(title[1:])


@drawing
def test_many_near_misses_are_numbered_and_the_first_explained() -> None:
    events = [refused(start=800 * n, stop=800 * n + 200) for n in range(1, 100)]
    said = texts(figure(np.zeros(80_000), 8000, events))
    assert sum("refused: " in text for text in said) == 13
    assert "     and 86 more" in said
    assert any(re.fullmatch(r"\d+–99", text) for text in said)


@drawing
def test_what_is_out_of_sight_is_left_out() -> None:
    call = render("123456", 8000, on_ms=100, delay_ms=100)
    said = texts(figure(call.samples[4000:5600], 8000, decode(call.samples, 8000), start=4000))  # 0.5 to 0.7 s
    assert "3" not in said  # 0.4 to 0.5 s
    assert "4" in said  # 0.6 to 0.7 s
    assert {"0:00.50", "0:00.70"} <= set(said)


@drawing
@pytest.mark.parametrize("n_keys", [1, 100, 2000])
@pytest.mark.parametrize("dark", [False, True])
def test_labels_of_keys_do_not_overlap(n_keys: int, dark: bool) -> None:
    rng = np.random.default_rng(n_keys)
    keys = "".join(rng.choice(list("0123456789*#ABCD"), n_keys))
    call = render(keys, 8000, on_ms=40, delay_ms=40, tail_ms=300)
    drawn = figure(call.samples, 8000, decode(call.samples, 8000), dark=dark)
    drawn.canvas.draw()
    row = [text for text in drawn.axes[0].texts if text.get_text()]
    boxes = sorted((text.get_window_extent() for text in row), key=lambda box: box.x0)
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))
    shown = drawn.axes[0].get_window_extent()
    assert shown.x0 - 2 <= boxes[0].x0 <= boxes[-1].x1 <= shown.x1 + 2
    assert n_keys == sum(
        int(many[1]) if (many := re.search(r"\((\d+)\)", t.get_text())) else len(t.get_text()) for t in row
    )


@drawing
@pytest.mark.parametrize(
    "samples",
    [np.zeros(1), np.zeros(20_000), np.full(100, 1.0), np.full(5, -(2**15), np.int16), np.full(3000, 1e-7)],
)
def test_any_signal_can_be_drawn(samples: np.ndarray, tmp_path: Path) -> None:
    save(figure(samples, 8000, []), tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


@drawing
def test_unusable_arguments_are_told() -> None:
    with pytest.raises(InvalidSignalError, match="the signal has no samples"):
        figure(np.zeros(0), 8000, [])
    with pytest.raises(InvalidSettingError, match=r"channel 2 asked for, the signal has 2 \(0 to 1\)"):
        figure(np.zeros((9, 2)), 8000, [], channel=2)
    with pytest.raises(InvalidSettingError, match="5 channels cannot be drawn in one picture, at most 4; choose one"):
        figure(np.zeros((9, 5)), 8000, [])
    with pytest.raises(InvalidSettingError, match="sample rate is 1000"):
        figure(np.zeros(9), 1000, [])


@drawing
def test_the_users_settings_of_matplotlib_change_nothing(tmp_path: Path) -> None:
    import matplotlib

    drawn = []
    for size in (10, 20):
        with matplotlib.rc_context({"font.size": size, "axes.grid": size == 20, "savefig.bbox": "tight"}):
            save(figure(np.zeros(800), 8000, []), tmp_path / "x.svg")
        drawn.append((tmp_path / "x.svg").read_bytes())
    assert drawn[0] == drawn[1]


@drawing
def test_a_figure_is_saved_whole_or_not_at_all(tmp_path: Path) -> None:
    drawn = figure(np.zeros(800), 8000, [])
    with pytest.raises(InvalidSettingError, match=r"x\.gif: its ending '\.gif' is not one of \.png and \.svg"):
        save(drawn, tmp_path / "x.gif")
    with pytest.raises(AudioFileError, match=r"directory '.*nowhere' does not exist"):
        save(drawn, tmp_path / "nowhere" / "x.png")
    assert list(tmp_path.iterdir()) == []


# --- files -------------------------------------------------------------------------------------------------------


@drawing
@pytest.mark.parametrize("ending", ["png", "svg", "html"])
def test_the_same_file_gives_the_same_bytes_and_no_date(tmp_path: Path, ending: str) -> None:
    write_presses(tmp_path / "call.wav", (("5", 24.0), ("7", 100.0)))
    pictures = []
    for name in ("first", "again"):
        plot_file(tmp_path / "call.wav", tmp_path / f"{name}.{ending}")
        pictures.append((tmp_path / f"{name}.{ending}").read_bytes())
    assert pictures[0] == pictures[1]
    assert not re.search(rb"20\d\d-\d\d-\d\dT|[Mm]atplotlib v", pictures[0])


class Page(html.parser.HTMLParser):
    """The cells of a page's tables, by row, and everything that it would load."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.loaded: list[str] = []
        self.tags: set[str] = set()
        self._in_cell = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Iterable[tuple[str, str | None]]) -> None:
        """Begin a row or a cell."""
        self.tags.add(tag)
        self.loaded += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self._in_cell = True
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        """End a cell."""
        self._in_cell = self._in_cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        """Add to a cell."""
        if self._in_cell:
            self.rows[-1][-1] += data


@drawing
def test_a_page_has_the_picture_and_tables_and_loads_nothing(tmp_path: Path) -> None:
    write_presses(tmp_path / "call.wav", (("5", 24.0), ("7", 100.0)))
    shown = plot_file(tmp_path / "call.wav", tmp_path / "x.html")
    text = (tmp_path / "x.html").read_text(encoding="utf-8")
    page = Page(text)
    assert [type(event) for event in shown] == [Rejection, DetectedTone]
    tone, miss = (row for row in page.rows if row[0] in ("7", "1"))
    assert tone[:5] == ["7", "0", "0.224000", "0.324000", "100.0"]
    assert miss[:3] == ["1", "5", "0"]
    assert miss[5] == "min_on_ms"
    assert miss[6] == shown[0].reason
    assert "svg" in page.tags
    assert not page.tags & {"script", "link", "iframe"}
    assert all(url.startswith(("#", "data:image/png;base64,")) for url in page.loaded)
    svg = text[text.index("<svg") : text.index("</svg>") + len("</svg>")]
    assert ElementTree.fromstring(svg).attrib["role"] == "img"


@drawing
@posix
@pytest.mark.parametrize("name", [b"<b>&amp;\"'.wav", b"two\nlines $x_1$.wav", b"caf\xe9.wav", "漢字.wav".encode()])
@pytest.mark.skipif(sys.platform == "darwin", reason="the file system takes names in UTF-8 alone")
def test_any_name_can_be_a_title(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    write_keys(path, "1")
    for ending in ("svg", "html", "png"):
        plot_file(path, tmp_path / f"x.{ending}")
    page = Page((tmp_path / "x.html").read_text(encoding="utf-8"))
    assert "b" not in page.tags
    assert [row[0] for row in page.rows] == ["key", "1"]


@drawing
def test_a_part_has_the_keys_of_the_whole_at_their_times(tmp_path: Path) -> None:
    call = render("123456", 8000, on_ms=100, delay_ms=100, tail_ms=5000)
    with wave.open(str(tmp_path / "call.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes((call.samples * 2**15).astype("<i2").tobytes())
    shown = plot_file(tmp_path / "call.wav", tmp_path / "x.png", start_s=0.35, stop_s=0.85)
    assert shown == decode((call.samples * 2**15).astype(np.int16), 8000)[2:5]  # 0.4 to 0.9 s


@drawing
def test_a_pipe_and_raw_samples_can_be_drawn(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    write_keys(tmp_path / "call.wav", "12")
    content = (tmp_path / "call.wav").read_bytes()
    assert dtmf("plot", "-", "-o", "pipe.html", stdin=content) == Run(0, "", "")
    raw = ("--raw", "s16le", "--samplerate", "8000")
    assert dtmf("plot", "-", "-o", "raw.html", *raw, stdin=content[44:]) == Run(0, "", "")
    assert (tmp_path / "pipe.html").read_bytes() == (tmp_path / "raw.html").read_bytes()
    assert b"<h1>standard input</h1>" in (tmp_path / "raw.html").read_bytes()


# --- the command -------------------------------------------------------------------------------------------------


@drawing
def test_options_are_passed_on(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    call = str(SAMPLES / "two_parties.wav")
    assert dtmf("plot", call, "-o", "all.html") == Run(0, "", "")
    part = ("--channel", "1", "--start", "0.5", "--stop", "1.5", "--profile", "q24", "--dark")
    assert dtmf("plot", call, "-o", "part.html", *part) == Run(0, "", "")
    every, some = ((tmp_path / name).read_text(encoding="utf-8") for name in ("all.html", "part.html"))
    assert len(Page(every).rows) == 21
    assert "channels 0, 1 of 2, 8000 Hz, from 0.000 s to 2.3" in every
    assert "channel 1 of 2, 8000 Hz, from 0.500 s to 1.500 s; judged by the profile q24" in some
    assert {row[1] for row in Page(some).rows[1:]} == {"1"}
    assert "class=dark" in some


@drawing
def test_a_picture_without_keys_is_a_picture(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    assert dtmf("plot", str(SAMPLES / "no_tones.wav"), "-o", "x.svg") == Run(0, "", "")
    assert ElementTree.parse(tmp_path / "x.svg").getroot().tag.endswith("svg")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("plot x.wav", "the following arguments are required: -o/--output"),
        ("plot x.wav -o x.png --stop 1 --start 2", "argument --stop: 1 s is not after --start, 2 s"),
        *(
            (
                f"plot x.wav -o x.png {option} {value}",
                f"argument {option}: '{value}' is no time in a recording; give seconds, 0 or more, such as 90.5",
            )
            for option, value in (("--start", "-1"), ("--stop", "nan"), ("--start", "1:30"))
        ),
        (
            "plot x.wav -o x.png --channels 2",
            "argument --channels: is for audio without a header; give --raw too, or leave --channels out",
        ),
    ],
)
def test_usage_errors_name_the_argument(dtmf: Callable[..., Run], arguments: str, message: str) -> None:
    run = dtmf(*arguments.split())
    assert (run.status, run.out) == (2, "")
    assert run.err.startswith("usage: dtmf-audio plot FILE -o PICTURE")
    assert run.err.endswith(f"error: {message}\n")


@drawing
def test_what_cannot_be_drawn_is_told_and_nothing_is_left(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    write_keys(tmp_path / "call.wav", "12")
    write_keys(tmp_path / "many.wav", *"12345")
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "old.png").write_bytes(b"old")
    before = sorted(tmp_path.iterdir())
    endings = "tells no format; use one of .png, .svg, .html"
    for arguments, message in (
        ("missing.wav -o old.png", "missing.wav: there is no such file; check the path"),
        ("empty.wav -o old.png", "empty.wav: is empty, 0 bytes; check the program that should have written it"),
        ("call.wav -o x.jpg", f"x.jpg: its ending '.jpg' {endings}"),
        ("call.wav -o -", f"-: its ending '' {endings}"),
        ("call.wav -o nowhere/x.png", "nowhere/x.png: directory '{}/nowhere' does not exist; create it first"),
        ("call.wav -o old.png --start 9", "call.wav: ends at 0.4 s, before the start, 9 s"),
        (
            "call.wav -o old.png --channel 1",
            "call.wav: channel 1 asked for, the file has 1 (0); leave --channel out to decode it",
        ),
        (
            "many.wav -o old.png",
            "many.wav: 5 channels cannot be drawn in one picture, at most 4; choose one, such as --channel 0",
        ),
    ):
        assert dtmf("plot", *arguments.split()) == Run(2, "", error(message.replace("{}", str(tmp_path)))), arguments
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "old.png").read_bytes() == b"old"


def test_without_matplotlib_it_says_how_to_get_it(
    dtmf: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    write_keys(tmp_path / "call.wav", "12")
    message = "pictures need matplotlib, which is not installed; run: pip install 'dtmf-audio[plot]'"
    assert dtmf("plot", "call.wav", "-o", "x.png") == Run(2, "", error(message))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["call.wav"]
    with pytest.raises(MissingLibraryError, match="pip install"):
        figure(np.zeros(9), 8000, [])
    assert dtmf("plot", "--help").status == 0


def test_matplotlib_is_loaded_when_a_picture_is_drawn_and_not_before() -> None:
    code = (
        "import sys, dtmf_audio.plot, dtmf_audio.plot_files, dtmf_audio.plot_page; print('matplotlib' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


@drawing
def test_the_same_picture_comes_from_a_file_object(tmp_path: Path) -> None:
    write_keys(tmp_path / "call.wav", "12")
    shown = plot_file(io.BytesIO((tmp_path / "call.wav").read_bytes()), tmp_path / "x.svg")
    assert [event.tone.key for event in shown] == ["1", "2"]
