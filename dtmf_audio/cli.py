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
    drop_unwritten,
    report,
)
from dtmf_audio.errors import DtmfError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments, without the program's name; without it, those of the process.
    """
    try:
        try:
            parser = _parser()
            if not (sys.argv[1:] if argv is None else argv):
                parser.print_help(sys.stderr)
                return EXIT_UNUSABLE
            args, unknown = parser.parse_known_args(argv)
            if unknown:  # told with the usage of the command, which argparse would not
                args.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
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
        "Exit status: 0 if all went well; 1 if decode or scan found no tones, redact found none to take\n"
        "out, check found something to mend or a conformance test failed; 2 if the input or the\n"
        "arguments cannot be used, or redact cannot take a digit out.",
        epilog="example:\n  dtmf-audio render '425-555-01#' -o keys.wav && dtmf-audio decode keys.wav",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"dtmf-audio {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    cli_render.add(commands)
    cli_decode.add(commands)
    cli_check.add(commands)
    cli_plot.add(commands)
    cli_scan.add(commands)
    cli_redact.add(commands)
    cli_tones.add(commands)
    cli_conformance.add(commands)
    cli_emulate.add(commands)
    return parser
