"""The command ``conformance``: the standards as tests, for this receiver or any other decoder."""

from __future__ import annotations

import argparse
import contextlib
from typing import Any

from dtmf_audio.cli_console import EXIT_FOUND, EXIT_NONE, ProgressBar, print_answer
from dtmf_audio.cli_options import DEFAULT_SAMPLERATE, add_command, seed
from dtmf_audio.profiles import PROFILES

PROGRESS_LABEL = 40  # characters of what is being done


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        run,
        usage="conformance [options]",
        summary="judge this receiver, or any other decoder, by the standards",
        description="Run the tests of ITU-T Q.23 and Q.24, ETSI, AT&T and the Mitel cassette, and print\n"
        "what was sent, what was heard, and what was asked: G1-G12 of the sender, R1-R25 that must\n"
        "operate, N1-N13 that must not, M2-M7 of the cassette.\n\n"
        "Exit status: 0 if no row failed, 1 if one did, 2 if the decoder or the arguments cannot be\n"
        "used.",
        example="dtmf-audio conformance --only R3,N3 --quick --decoder 'dtmf-audio decode --profile q24 {}'",
    )
    parser.add_argument(
        "--profile",
        choices=PROFILES,
        default="q24",
        help="whose limits to judge by, and the profile of this receiver (default: q24, all of ITU-T Q.24)",
    )
    parser.add_argument(
        "--decoder",
        metavar="COMMAND",
        help="judge this program instead: it gets the path of a WAV file in the place of {}, or as its last argument, "
        "and prints the keys",
    )
    parser.add_argument("--only", metavar="IDS", help="run these tests alone, such as R2,R3,N1")
    parser.add_argument("--quick", action="store_true", help="48 presses a point instead of 1008, and wide bounds")
    parser.add_argument(
        "--seed", type=seed, metavar="N", default=0, help="the same seed, the same signals (default: 0)"
    )
    parser.add_argument(
        "--samplerate", type=int, metavar="HZ", default=DEFAULT_SAMPLERATE, help="8000 to 192000 (default: 8000)"
    )
    parser.add_argument(
        "--talk-off",
        metavar="FOLDER",
        help="recordings in which no key is pressed, for the tests of speech; those in a folder named music are music",
    )
    parser.add_argument("--json", metavar="FILE", help="also write rows and curves as JSON; - is standard output alone")
    parser.add_argument("--html", metavar="FILE", help="also write one page with the rows and the curves")


def run(args: argparse.Namespace) -> int:
    """Run the command and return its exit status."""
    if args.html == "-":
        args.parser.error("argument --html: must be a file; only --json can go to standard output")
    if args.html is not None and args.html == args.json:
        args.parser.error(f"argument --html: {args.html} is where the JSON goes; give another file")

    from dtmf_audio import conformance
    from dtmf_audio.audio_io import replace_file
    from dtmf_audio.conformance.page import to_html

    with contextlib.ExitStack() as files, ProgressBar() as bar:

        def progress(done: int, total: int, label: str) -> None:
            bar.show(done, total, lambda drawn: f"{drawn}{done} of {total}: {label[:PROGRESS_LABEL]}")

        outputs = {  # opened before the work, so that a bad path is told at once
            path: files.enter_context(replace_file(path)) for path in (args.json, args.html) if path not in (None, "-")
        }
        report = conformance.run(
            args.decoder,
            profile=args.profile,
            only=[] if args.only is None else [case.strip().upper() for case in args.only.split(",")],
            quick=args.quick,
            seed=args.seed,
            samplerate=args.samplerate,
            talk_off=args.talk_off,
            curves=args.json is not None or args.html is not None,
            progress=progress,
        )
        for path, write in ((args.json, report.to_json), (args.html, lambda: to_html(report))):
            if path in outputs:
                outputs[path].write(write().encode())
    print_answer(report.to_json() if args.json == "-" else report.to_table(), end="")
    return EXIT_FOUND if report.passed else EXIT_NONE
