"""The command ``redact``: dialled digits taken out of a recording, and a report that does not tell them.

Exit status 0: presses were cut; 1: there was nothing to cut, and the output is the input byte for byte; 2: unusable
input or arguments, or digits that could not be taken out, and no output.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from dtmf_audio.cli_console import EXIT_FOUND, EXIT_NONE, ProgressBar, print_answer, to_stderr
from dtmf_audio.cli_options import add_command, add_raw, raw_format, seed
from dtmf_audio.errors import DtmfError

FILLS = ("silence", "beep", "noise")


def add(commands: Any) -> None:
    """Add the command to the parser's subparsers."""
    parser = add_command(
        commands,
        run,
        usage="redact IN -o OUT [options]",
        summary="take dialled digits out of a recording",
        description="Copy a recording without its key presses: each one is found at the sensitive profile and\n"
        "replaced, with guard time and with its echo on the other channels; all else stays bit for bit,\n"
        "metadata too. The copy is decoded again before it is put in place. The report never tells the\n"
        "digits.\n\n"
        "Exit status: 0 if presses were cut; 1 if there were none, and OUT is IN byte for byte; 2 if a\n"
        "file cannot be used or a digit cannot be taken out, and there is no OUT.",
        example="dtmf-audio render '12A#' -o call.wav && dtmf-audio redact call.wav -o safe.wav --fill beep",
    )
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
    fill.add_argument("--seed", type=seed, metavar="N", default=0, help="of the noise (default: 0)")

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

    add_raw(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command and return its exit status."""
    if args.output == "-" and args.json == "-":
        args.parser.error("argument --json: standard output is where the audio goes; give a file")
    if args.json is not None and args.json != "-" and args.json in (args.output, args.file):
        args.parser.error(f"argument --json: {args.json} is a recording; give another file")
    raw = raw_format(args)

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
    with contextlib.ExitStack() as files, ProgressBar() as bar:
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
    if args.json == "-":
        _print(report_json(report, mask=args.mask))
    elif args.output == "-":
        to_stderr(report_text(report, mask=args.mask))
    else:
        _print(report_text(report, mask=args.mask))
    return EXIT_FOUND if report.outcome.cuts else EXIT_NONE


def _print(text: str) -> None:
    """Write the report, unless standard output is closed: the recording is in place all the same."""
    if sys.stdout is not None:
        print_answer(text, end="")
