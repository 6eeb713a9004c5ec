"""The command ``redact``: dialled digits taken out of a recording, and a report that does not tell them.

Exit status 0: presses were cut; 1: there was nothing to cut, and the output is the input byte for byte; 2: unusable
input or arguments, or digits that could not be taken out, and no output.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from dtmf_audio.errors import DtmfError

if TYPE_CHECKING:
    from dtmf_audio.audio_io import RawFormat

EXIT_CUT, EXIT_NOTHING = 0, 1

FILLS = ("silence", "beep", "noise")
RAW_ENCODINGS = (
    *("s8", "u8", "s16le", "s16be", "s24le", "s24be", "s32le", "s32be"),
    *("f32le", "f32be", "f64le", "f64be", "mulaw", "alaw"),
)


class Bar(Protocol):
    """How far something long is, on a terminal."""

    def show(self, done: int, total: int | None, text: Callable[[str], str]) -> None:
        """Show how much is done, of how much in all if that is known; ``text`` puts the bar into words."""

    def erase(self) -> None:
        """Make room for other output."""


def add(commands: Any) -> argparse.ArgumentParser:
    """Add the command to the parser's subparsers; what runs it is for the caller to add."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "redact",
        usage="dtmf-audio redact IN -o OUT [options]",
        help="take dialled digits out of a recording",
        description="Copy a recording without its key presses: each one is found at the sensitive profile and\n"
        "replaced, with guard time and with its echo on the other channels; all else stays bit for bit,\n"
        "metadata too. The copy is decoded again before it is put in place. The report never tells the\n"
        "digits.\n\n"
        "Exit status: 0 if presses were cut; 1 if there were none, and OUT is IN byte for byte; 2 if a\n"
        "file cannot be used or a digit cannot be taken out, and there is no OUT.",
        epilog="example:\n  dtmf-audio render '12A#' -o call.wav && dtmf-audio redact call.wav -o safe.wav --fill beep",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(parser=parser)
    parser.add_argument(
        "file",
        metavar="IN",
        help="WAV, AIFF, AU (PCM, float, µ-law, A-law) or FLAC; - is standard input, as WAV. What is lossy, such as "
        "MP3, Ogg and GSM, must be converted first",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        required=True,
        help="in the format of IN, whose ending it needs; - is standard output",
    )
    parser.add_argument("--force", action="store_true", help="replace OUT if it exists, even if it is IN itself")
    parser.add_argument("--partial", action="store_true", help="take what is there of a file that breaks off")

    cut = parser.add_argument_group("what to cut")
    cut.add_argument(
        "--only",
        choices=("pan",),
        help="pan: only what may be a card number, 13 to 19 digits that pass Luhn's check, with other keys and pauses "
        "of up to 10 s between them; when in doubt it is cut. Of an expiry date or security code beside it some or all "
        "may stay",
    )
    cut.add_argument(
        "--guard-ms",
        type=float,
        metavar="MS",
        help="cut before and after each press, 10 to 1000; three times as much where talk or noise lies over it "
        "(default: 40)",
    )
    cut.add_argument(
        "--echo-ms",
        type=float,
        metavar="MS",
        help="cut on the other channels after that, and on the only one, 0 to 5000 (default: 300)",
    )
    cut.add_argument(
        "--join-ms",
        type=float,
        metavar="MS",
        help="cut what is left between two cuts too, if it is shorter, 0 to 10000 (default: 100); 1000 where people "
        "talk while they dial: a press that talk covers is not heard",
    )
    cut.add_argument("--own-channel", action="store_true", help="leave the other channels alone, and cut no echo")

    fill = parser.add_argument_group("what to put there")
    fill.add_argument(
        "--fill", choices=FILLS, default="silence", help="silence, a beep of 2000 Hz, or noise (default: silence)"
    )
    fill.add_argument("--seed", type=int, metavar="N", default=0, help="of the noise (default: 0)")

    report = parser.add_argument_group("report")
    report.add_argument(
        "--mask",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="--no-mask tells the digits that were cut; whoever keeps that keeps the digits (default: --mask)",
    )
    report.add_argument(
        "--json", metavar="FILE", help="also write it as JSON, each press with its place; - is standard output alone"
    )

    raw = parser.add_argument_group("audio without a header")
    raw.add_argument(
        "--raw", choices=RAW_ENCODINGS, metavar="ENCODING", help=f"its encoding: one of {', '.join(RAW_ENCODINGS)}"
    )
    raw.add_argument("--samplerate", type=int, metavar="HZ", help="its rate, 4000 to 192000; must be given with --raw")
    raw.add_argument("--channels", type=int, metavar="N", help="how many channels it has (default: 1)")
    return parser


def run(args: argparse.Namespace, bar: Bar) -> int:
    """Run the command and return its exit status."""
    if args.output == "-" and args.json == "-":
        args.parser.error("argument --json: standard output is where the audio goes; give a file")
    if args.json is not None and args.json != "-" and args.json in (args.output, args.file):
        args.parser.error(f"argument --json: {args.json} is a recording; give another file")
    if args.seed < 0:
        args.parser.error(f"argument --seed: {args.seed} is negative; a seed is 0 or more")
    raw = _raw_format(args)

    import contextlib

    from dtmf_audio.audio_io import replace_file
    from dtmf_audio.redaction_files import redact_file
    from dtmf_audio.redaction_text import report_json, report_text

    recording = "standard input" if args.file == "-" else args.file

    def progress(step: str, done_s: float, total_s: float | None) -> None:
        of = "" if total_s is None else f" of {total_s:.0f} s"
        total_ms = None if total_s is None else round(1000 * total_s)
        bar.show(round(1000 * done_s), total_ms, lambda drawn: f"{recording}: {step} {drawn}{done_s:.0f} s{of}")

    given = {"guard_ms": args.guard_ms, "echo_ms": args.echo_ms, "join_ms": args.join_ms}
    with contextlib.ExitStack() as files:
        json_file = None
        if args.json not in (None, "-"):
            json_file = files.enter_context(replace_file(args.json))  # before the work: a bad path is told at once
        try:
            report = redact_file(
                args.file,
                args.output,
                fill=args.fill,
                own_channel=args.own_channel,
                only=args.only,
                seed=args.seed,
                raw=raw,
                partial=args.partial,
                replace=args.force,
                progress=progress,
                **{name: value for name, value in given.items() if value is not None},
            )
        except DtmfError as error:
            message = str(error)
            for name in given:
                message = message.replace(f"{name} is", f"--{name.replace('_', '-')} is")
            raise type(error)(message) from error
        if json_file is not None:
            json_file.write(report_json(report, mask=args.mask).encode())
    bar.erase()
    if args.json == "-":
        _print(report_json(report, mask=args.mask))
    elif args.output == "-":
        sys.stderr.write(report_text(report, mask=args.mask))
    else:
        _print(report_text(report, mask=args.mask))
    return EXIT_CUT if report.outcome.cuts else EXIT_NOTHING


def _raw_format(args: argparse.Namespace) -> RawFormat | None:
    if args.raw is None and (args.samplerate is not None or args.channels is not None):
        option = "--samplerate" if args.samplerate is not None else "--channels"
        args.parser.error(f"argument {option}: is for audio without a header; give --raw too, or leave {option} out")
    if args.raw is None:
        return None
    if args.samplerate is None:
        args.parser.error("argument --raw: the rate must be given too, such as --samplerate 8000")

    from dtmf_audio.audio_io import RawFormat

    channels = 1 if args.channels is None else args.channels
    return RawFormat(encoding=args.raw, samplerate=args.samplerate, channels=channels)


def _print(text: str) -> None:
    """Write the answer; what standard output refuses is told by the caller."""
    if sys.stdout is None:
        return
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), end="", flush=True)
