"""The command ``decode``: the keys in files and pipes, as they are heard."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dtmf_audio import cli_outputs
from dtmf_audio.cli_console import (
    EXIT_FOUND,
    EXIT_NONE,
    EXIT_UNUSABLE,
    ProgressBar,
    print_answer,
    report,
    to_stderr,
)
from dtmf_audio.cli_options import add_command, add_raw, raw_format
from dtmf_audio.cli_speed import add_speed, speed_told
from dtmf_audio.errors import DtmfError
from dtmf_audio.profiles import PROFILES

if TYPE_CHECKING:
    from dtmf_audio.audio_io import RawFormat
    from dtmf_audio.calibration import SpeedEstimate
    from dtmf_audio.events import DetectedTone, Rejection


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        run,
        usage="decode FILE... [options]",
        summary="find the keys in audio",
        description="Print the keys that are pressed in audio files: a line for each file, and for each\n"
        "channel of a file that has several. Where there are several files or channels, the\n"
        "line begins with its name; where there is one, and no tone in it, there is no line.\n\n"
        "Exit status: 0 if tones were found, 1 if there were none, 2 if a file cannot be used.",
        notes=cli_outputs.KEYS_HELP,
        example="dtmf-audio render '12A#' -o - | dtmf-audio decode - --json",
    )
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="WAV, FLAC, OGG, Opus, MP3, AIFF, AU and others, or raw samples with --raw; - is standard input",
    )
    cli_outputs.add_options(parser)
    parser.add_argument("--channel", type=int, metavar="N", help="decode this channel alone, counted from 0")
    parser.add_argument(
        "--profile",
        choices=PROFILES,
        default="default",
        help="what counts as a tone: default is for recordings of any origin, sensitive for whatever might be one; "
        "q24 has the limits of ITU-T Q.24, the others those of an administration or of ETSI",
    )
    parser.add_argument("--partial", action="store_true", help="decode what is there of a file that breaks off")
    add_speed(parser)
    parser.add_argument(
        "--goertzel",
        choices=("matrix", "resonator"),
        default="matrix",
        help="form of the Goertzel bank; both find the same tones, matrix faster (default: matrix)",
    )
    add_raw(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command and return its exit status."""
    cli_outputs.check_options(args)
    raw = raw_format(args)
    heading = cli_outputs.heading(args)
    status = EXIT_NONE
    for file in args.files:
        try:
            if _decode_file(file, raw, heading, args) and status == EXIT_NONE:
                status = EXIT_FOUND
        except DtmfError as error:
            report(error)
            status = EXIT_UNUSABLE
    return status


def _decode_file(file: str, raw: RawFormat | None, heading: Iterator[str], args: argparse.Namespace) -> bool:
    """Print the answer for one file; return whether there is a tone in it."""
    from dtmf_audio.audio_io import open_audio
    from dtmf_audio.events import DetectedTone
    from dtmf_audio.files import channels_of, iter_reader

    found = False
    with open_audio(file, raw=raw, partial=args.partial) as reader, ProgressBar() as bar:

        def progress(done: int, total: int | None) -> None:
            seconds = f"{done / reader.samplerate:.0f} s"
            of = f" of {total / reader.samplerate:.0f} s" if total else ""
            bar.show(done, total, lambda drawn: f"{reader.name}: {drawn}{seconds}{of}")

        def tell(estimate: SpeedEstimate) -> None:
            bar.erase()
            to_stderr(speed_told(estimate, reader.name, asked=args.speed == "auto"))

        def events() -> Iterator[DetectedTone | Rejection]:
            nonlocal found
            for event in iter_reader(
                reader,
                channel=args.channel,
                profile=args.profile,
                goertzel=args.goertzel,
                progress=progress,
                speed=args.speed,
                on_speed=tell,
                explain=args.explain,
            ):
                found = found or isinstance(event, DetectedTone)
                yield event

        lines = cli_outputs.lines(events(), reader, file, channels_of(reader, args.channel), args)
        for line in itertools.chain(heading, lines):
            bar.erase()
            print_answer(line)
    return found
