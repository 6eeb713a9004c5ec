"""How a command is added to the command line, and the options that several have."""

from __future__ import annotations

import argparse
import contextlib
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dtmf_audio.audio_io import RawFormat

DEFAULT_SAMPLERATE = 8000  # chosen: the telephone's rate, which every receiver takes
RAW_ENCODINGS = (
    *("s8", "u8", "s16le", "s16be", "s24le", "s24be", "s32le", "s32be"),
    *("f32le", "f32be", "f64le", "f64be", "mulaw", "alaw"),
)


def add_command(
    commands: Any,
    run: Callable[[argparse.Namespace], int],
    *,
    usage: str,
    summary: str,
    description: str,
    example: str,
    notes: str = "",
) -> argparse.ArgumentParser:
    """Add a command, and return its parser.

    Parameters
    ----------
    commands : subparsers of argparse
    run : callable
        Takes the arguments and returns the exit status.
    usage : str
        Begins with the command's name.
    summary, description : str
        A line for the list of commands, and what the command's own help begins with.
    example : str
        A command that runs.
    notes : str
        What the help says before the example.
    """
    parser: argparse.ArgumentParser = commands.add_parser(
        usage.split()[0],
        usage=f"dtmf-audio {usage}",
        help=summary,
        description=description,
        epilog=f"{notes}example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run, parser=parser)
    return parser


def add_raw(parser: argparse.ArgumentParser) -> None:
    """Add the options that tell what audio without a header holds."""
    raw = parser.add_argument_group("audio without a header")
    raw.add_argument(
        "--raw", choices=RAW_ENCODINGS, metavar="ENCODING", help=f"its encoding: one of {', '.join(RAW_ENCODINGS)}"
    )
    raw.add_argument("--samplerate", type=int, metavar="HZ", help="its rate, 4000 to 192000; must be given with --raw")
    raw.add_argument("--channels", type=int, metavar="N", help="how many channels it has (default: 1)")


def raw_format(args: argparse.Namespace) -> RawFormat | None:
    """Return what audio without a header holds; None for a file that says it itself."""
    if args.raw is None and (args.samplerate is not None or args.channels is not None):
        option = "--samplerate" if args.samplerate is not None else "--channels"
        args.parser.error(f"argument {option}: is for audio without a header; give --raw too, or leave {option} out")
    if args.raw is not None and args.samplerate is None:
        args.parser.error("argument --raw: the rate must be given too, such as --samplerate 8000")

    from dtmf_audio.audio_io import RawFormat

    if args.raw is None:
        return None
    channels = 1 if args.channels is None else args.channels
    return RawFormat(encoding=args.raw, samplerate=args.samplerate, channels=channels)


def seed(text: str) -> int:
    """Read the value of ``--seed``."""
    with contextlib.suppress(ValueError):
        number = int(text)
        if number < 0:
            raise argparse.ArgumentTypeError(f"{number} is negative; a seed is 0 or more")
        return number
    raise argparse.ArgumentTypeError(f"{text!r} is no whole number; a seed is 0 or more")


def as_options(message: str, names: Sequence[str]) -> str:
    """Write the names of settings in a message as the options that give them."""
    return re.sub(rf"\b({'|'.join(names)})\b", lambda match: f"--{match[0].replace('_', '-')}", message)
