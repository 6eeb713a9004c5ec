"""Command line: its commands, and how each of them ends.

A command's arguments, files and exit statuses are in a module of its own; what is computed is computed elsewhere. What
all of them keep to on standard output and error is told in ``cli_console``.

numpy and all that needs it is imported where a command runs, so that help, usage errors and the table come at once.
What the options' help says of the library's defaults and choices is therefore written out there, and tested.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from dtmf_audio import (
    cli_check,
    cli_conformance,
    cli_decode,
    cli_emulate,
    cli_plot,
    cli_redact,
    cli_render,
    cli_scan,
    cli_tones,
)
from dtmf_audio.cli_console import (
    EXIT_BROKEN_PIPE,
    EXIT_FOUND,
    EXIT_INTERRUPT,
    EXIT_UNUSABLE,
    OutputError,
    ProgressBar,
    drop_unwritten,
    print_answer,
    report,
    to_stderr,
)
from dtmf_audio.cli_options import add_command, add_raw, as_options, raw_format, seed
from dtmf_audio.errors import DtmfError, InvalidSettingError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments, without the program's name; without it, those of the process.
    """
    try:
        try:
            args = _parser().parse_args(argv)
            _hold_threads()
            status: int = args.run(args)
        except SystemExit as stop:  # argparse: help, the version, or a usage error that it has told
            status = EXIT_UNUSABLE if stop.code else EXIT_FOUND
        if sys.stdout is not None:
            sys.stdout.flush()
        return status
    except BrokenPipeError:
        status = EXIT_BROKEN_PIPE
    except KeyboardInterrupt:
        status = EXIT_INTERRUPT
    except MemoryError:
        report("there is not enough memory for this; render it in parts")
        status = EXIT_UNUSABLE
    except (DtmfError, OutputError) as error:
        report(error)
        status = EXIT_UNUSABLE
    except OSError as error:  # of the flush above: all else that is opened has errors of its own
        report(OutputError(error))
        status = EXIT_UNUSABLE
    drop_unwritten()
    return status


def _hold_threads() -> None:
    """Hold numpy's matrix products to one thread, unless told otherwise: they are small, and threads double the work.

    Takes effect only where numpy is not imported yet, in a process of its own.
    """
    if "numpy" not in sys.modules:
        for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ.setdefault(name, "1")


def _parser() -> argparse.ArgumentParser:
    from dtmf_audio import __version__

    parser = argparse.ArgumentParser(
        prog="dtmf-audio",
        description="Render DTMF tones to audio, and decode audio back into tones.\n\n"
        "Exit status: 0 if all went well, 1 if decode found no tones, check found something to mend or\n"
        "a conformance test failed, 2 if the input or the arguments cannot be used.",
        epilog="example:\n  dtmf-audio render '425-555-01#' -o keys.wav && dtmf-audio decode keys.wav",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"dtmf-audio {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    cli_render.add(commands)
    cli_decode.add(commands)
    cli_check.add(commands)
    plot = cli_plot.add(commands)
    plot.set_defaults(run=_plot, parser=plot)
    add_raw(plot)
    cli_scan.add(commands)
    cli_redact.add(commands)
    cli_tones.add(commands)
    cli_conformance.add(commands)
    _add_emulate(commands)
    return parser


def _add_emulate(commands: Any) -> None:
    parser = add_command(
        commands,
        _emulate,
        usage="emulate [options]",
        summary="serve Microsoft Graph's calls on this machine, to test a bot with",
        description=cli_emulate.DESCRIPTION,
        example=cli_emulate.EXAMPLE,
    )
    cli_emulate.add_arguments(parser)
    parser.add_argument(
        "--seed",
        type=seed,
        metavar="N",
        default=0,
        help="of ids, noise, loss and the delays that requests leave open: the same seed, the same (default: 0)",
    )


def _plot(args: argparse.Namespace) -> int:
    raw = raw_format(args)
    with ProgressBar() as bar:
        cli_plot.run(args, raw, lambda done, total: bar.show(done, total, lambda drawn: f"{args.file}: {drawn}"))
    return EXIT_FOUND


def _emulate(args: argparse.Namespace) -> int:
    try:
        return cli_emulate.emulate(args, answer=print_answer, tell=to_stderr)
    except InvalidSettingError as error:
        raise InvalidSettingError(as_options(str(error), ("noise_dbm0", "loss_pct", "twist_db"))) from error
