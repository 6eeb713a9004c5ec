"""The command ``plot``: its options, and what it passes on."""

from __future__ import annotations

import argparse
import contextlib
import logging
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dtmf_audio.profiles import PROFILES

if TYPE_CHECKING:
    from dtmf_audio.audio_io import RawFormat

Progress = Callable[[int, int | None], None]


def add(commands: Any) -> argparse.ArgumentParser:
    """Add the command; what it has in common with others, and what runs it, is for the caller to add."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "plot",
        usage="dtmf-audio plot FILE -o PICTURE [options]",
        help="draw a recording, its keys and its near misses",
        description="Draw the waveform and the spectrogram of a recording, with the keys that were heard in it,\n"
        "the eight frequencies, and the near misses with the reasons why they were refused.\n"
        "A picture cannot be masked: it shows which keys they are.\n"
        "It needs matplotlib: pip install 'dtmf-audio[plot]'.\n\n"
        "Exit status: 0 if the picture is written, 2 if a file or the arguments cannot be used.",
        epilog="example:\n  dtmf-audio render '12A#' -o - | dtmf-audio plot - -o keys.png",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", help="as of decode, of any length; - is standard input")
    parser.add_argument(
        "-o",
        "--output",
        metavar="PICTURE",
        required=True,
        help="file to write, by its ending .png, .svg, or .html: one page with the picture and tables of the tones and "
        "near misses",
    )
    parser.add_argument(
        "--channel", type=int, metavar="N", help="draw this channel alone, counted from 0 (default: all, at most 4)"
    )
    parser.add_argument("--start", type=_seconds, metavar="SECONDS", default=0.0, help="where to begin (default: 0)")
    parser.add_argument("--stop", type=_seconds, metavar="SECONDS", help="where to end (default: where the file ends)")
    parser.add_argument(
        "--profile", choices=PROFILES, default="default", help="what counts as a tone, as of decode (default: default)"
    )
    parser.add_argument("--dark", action="store_true", help="draw for a dark screen, instead of for paper")
    parser.add_argument("--partial", action="store_true", help="draw what is there of a file that breaks off")
    return parser


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        seconds = float(text)
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    raise argparse.ArgumentTypeError(f"{text!r} is no time in a recording; give seconds, 0 or more, such as 90.5")


def run(args: argparse.Namespace, raw: RawFormat | None, progress: Progress) -> None:
    """Draw the picture."""
    if args.stop is not None and args.stop <= args.start:
        args.parser.error(f"argument --stop: {args.stop:g} s is not after --start, {args.start:g} s")

    from dtmf_audio.plot_files import plot_file

    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # its caches are no news to whoever wants a picture
    plot_file(
        args.file,
        args.output,
        channel=args.channel,
        start_s=args.start,
        stop_s=args.stop,
        profile=args.profile,
        dark=args.dark,
        raw=raw,
        partial=args.partial,
        progress=progress,
    )
