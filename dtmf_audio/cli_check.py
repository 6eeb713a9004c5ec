"""The command ``check``: a sender measured against its limits, and what to mend.

Exit status 0: nothing to mend; 1: something; 2: no tones too, since nothing can then be said of their sender.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from dtmf_audio.cli_console import EXIT_FOUND, EXIT_NONE, print_answer
from dtmf_audio.cli_options import add_command, add_raw, raw_format
from dtmf_audio.conformance.sender_limits import SENDER_LIMITS
from dtmf_audio.errors import InvalidSignalError

if TYPE_CHECKING:
    from dtmf_audio.conformance.sender import SenderReport


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        run,
        usage="check FILE [options]",
        summary="measure a sender of tones against its limits, and say what to mend",
        description="Measure the sender of the tones in a recording (a dialler, a tone generator): frequencies,\n"
        "levels, twist, lengths, pauses, rise and fall, distortion. Print a line for each press, then\n"
        "what misses a limit and what to do about it, then what could not be judged.\n\n"
        "Exit status: 0 if there is nothing to mend, 1 if there is, 2 if the file cannot be used or\n"
        "has no tones in it.",
        example="dtmf-audio render '12A#' -o - | dtmf-audio check - --limits etsi",
    )
    parser.add_argument("file", metavar="FILE", help="as of decode; best recorded at the sender, with no line between")
    parser.add_argument(
        "--limits",
        choices=SENDER_LIMITS,
        default="all",
        help="whose limits: q23, of ITU-T Q.23, and of Q.24 what AT&T's receivers need; etsi, of ES 201 235-2 as "
        "reported; australia, of AS/CA S002; uk, of BT SIN 351 as reported; or all of them (default: all)",
    )
    parser.add_argument("--channel", type=int, metavar="N", help="check this channel alone, counted from 0")
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object a line for each channel: tones, findings and notes"
    )
    parser.add_argument("--partial", action="store_true", help="check what is there of a file that breaks off")
    add_raw(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command and return its exit status."""
    raw = raw_format(args)

    import numpy as np

    from dtmf_audio.audio_io import open_audio
    from dtmf_audio.conformance.sender import check_sender
    from dtmf_audio.conformance.sender_text import report_json, report_text
    from dtmf_audio.files import channels_of, line_name

    reports: list[SenderReport] = []
    with open_audio(args.file, raw=raw, partial=args.partial) as reader:
        numbers = channels_of(reader, args.channel)
        samples = np.concatenate(list(reader.blocks()))
        for number in numbers:
            name = line_name(reader, number)
            try:
                report = check_sender(samples, reader.samplerate, limits=args.limits, channel=number)
            except InvalidSignalError as error:
                raise InvalidSignalError(f"{name}: {error}") from error
            if not report.tones:
                continue
            if args.json:
                print_answer(report_json(report))
            else:
                print_answer(("\n" if reports else "") + report_text(report, name), end="")
            reports.append(report)
        if not reports:
            raise InvalidSignalError(
                f"{reader.name}: there are no tones in it to check; give a recording of keys being pressed"
            )
    return EXIT_NONE if any(report.findings for report in reports) else EXIT_FOUND
