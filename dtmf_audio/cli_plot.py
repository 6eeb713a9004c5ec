"""The command ``plot``: its options, and what it passes on."""

from __future__ import annotations

import argparse
import contextlib
import logging
import math
from typing import Any

from dtmf_audio.cli_console import EXIT_FOUND, ProgressBar
from dtmf_audio.cli_options import add_command, add_raw, raw_format
from dtmf_audio.profiles import PROFILES


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        run,
        usage="plot FILE -o PICTURE [options]",
        summary="draw a recording, its keys and its near misses",
        description="Draw the waveform and the spectrogram of a recording, with the keys that were heard in it,\n"
        "the eight frequencies, and the near misses with the reasons why they were refused.\n"
        "A picture cannot be masked: it shows which keys they are.\n"
        "It needs matplotlib: pip install 'dtmf-audio[plot]'.\n\n"
        "Exit status: 0 if the picture is written, 2 if a file or the arguments cannot be used.",
        example="dtmf-audio render '12A#' -o - | dtmf-audio plot - -o keys.png",
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
    add_raw(parser)


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        seconds = float(text)
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    raise argparse.ArgumentTypeError(f"{text!r} is no time in a recording; give seconds, 0 or more, such as 90.5")


def run(args: argparse.Namespace) -> int:
    """Run the command and return its exit status."""
    raw = raw_format(args)
    if args.stop is not None and args.stop <= args.start:
        args.parser.error(f"argument --stop: {args.stop:g} s is not after --start, {args.start:g} s")

    from dtmf_audio.plot_files import plot_file

    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # its caches are no news to whoever wants a picture
    with ProgressBar() as bar:
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
            progress=lambda done, total: bar.show(done, total, lambda drawn: f"{args.file}: {drawn}"),
        )
    return EXIT_FOUND
