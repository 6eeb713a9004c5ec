"""The command ``scan``: its options, its progress and its exit status."""

from __future__ import annotations

import argparse
import contextlib
import logging
import math
import sys
import time
from typing import TYPE_CHECKING, Any

from dtmf_audio.cli_console import EXIT_FOUND, EXIT_NONE, EXIT_UNUSABLE, PROGRESS_AFTER_S, PROGRESS_WIDTH, to_stderr
from dtmf_audio.cli_options import add_command
from dtmf_audio.profiles import PROFILES

if TYPE_CHECKING:
    from dtmf_audio.scan import ScanState

BETWEEN_S = 0.1  # of two drawings of the bar


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        run,
        usage="scan PATH... -o RESULTS [options]",
        summary="decode thousands of recordings into one table",
        description="Decode many recordings with all cores, into one file with a row for each, or in CSV and\n"
        "Parquet for each tone. A file that cannot be used is a row with its error. Interrupted, the\n"
        "same command goes on; until it is finished the rows are in RESULTS.part. The finished file\n"
        "is the same whatever happened on the way. Repeated, it decodes what is new, and tries\n"
        "errors again.\n\n"
        "Exit status: 0 if tones were found, 1 if there were none, also if some files have errors,\n"
        "which standard error then counts; 2 if no file could be used, or the arguments or the\n"
        "output cannot; 130 if interrupted.",
        notes="columns of CSV and Parquet, keys of JSON:\n"
        "  those of decode, then\n"
        "  channels, duration_s, size_bytes, mtime (UTC), status (ok or error), error,\n"
        "  settings (a digest of the options and the version)\n"
        "  in JSON the tones of a file are a list, tones\n\n",
        example="mkdir -p calls && dtmf-audio render '12A#' -o calls/1.wav && dtmf-audio scan calls -o tones.csv",
    )
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="files, folders with all below them, patterns in quotes ('calls/**/*.wav'), and URLs that fsspec knows, "
        "such as s3://bucket/calls; what is not read, such as M4A, is counted on standard error",
    )
    parser.add_argument(
        "-o", "--output", metavar="RESULTS", required=True, help="file to write, by its ending .jsonl, .csv or .parquet"
    )
    parser.add_argument("--force", action="store_true", help="begin anew, and replace what is there")
    parser.add_argument("--channel", type=_whole, metavar="N", help="decode this channel alone, counted from 0")
    parser.add_argument(
        "--profile", choices=PROFILES, default="default", help="what counts as a tone, as of decode (default: default)"
    )
    parser.add_argument("--partial", action="store_true", help="decode what is there of files that break off")
    parser.add_argument(
        "--mask", action="store_true", help="hide which keys they are, and all that was measured, as of decode"
    )
    limits = parser.add_argument_group("limits of each file")
    limits.add_argument(
        "--timeout-s", type=_positive, metavar="S", default=600.0, help="how long it may take (default: 600)"
    )
    limits.add_argument(
        "--max-duration-h", type=_positive, metavar="H", default=24.0, help="how long it may be (default: 24)"
    )
    work = parser.add_argument_group("who does the work")
    work.add_argument("--jobs", type=_whole, metavar="N", help="processes (default: one for each core)")
    work.add_argument(
        "--dask", metavar="ADDRESS", help="a Dask cluster, by its scheduler's address, such as tcp://scheduler:8786"
    )


def _whole(text: str) -> int:
    with contextlib.suppress(ValueError):
        if int(text) >= 0:
            return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")


def _positive(text: str) -> float:
    with contextlib.suppress(ValueError):
        if math.isfinite(float(text)) and float(text) > 0:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")


def run(args: argparse.Namespace) -> int:
    """Scan, and return the exit status."""
    if args.jobs == 0:
        args.parser.error("argument --jobs: there must be one process or more")
    if args.dask is not None and args.jobs is not None:
        args.parser.error("argument --jobs: is not for a cluster, whose workers are what they are")

    from dtmf_audio.scan import scan_to_file

    bar = _Bar()
    logged = logging.root.manager.disable
    try:
        if args.dask is not None:
            logging.disable()  # distributed tells of a lost scheduler with tracebacks; the error says it in a line
        end = scan_to_file(
            args.paths,
            args.output,
            profile=args.profile,
            channel=args.channel,
            mask=args.mask,
            partial=args.partial,
            max_duration_h=args.max_duration_h,
            timeout_s=args.timeout_s,
            jobs=args.jobs,
            dask=args.dask,
            force=args.force,
            progress=bar.show,
        )
    except KeyboardInterrupt:
        bar.erase()
        if bar.state is not None:
            _say(f"stopped: {bar.state.done} of {bar.state.files} files are done; the same command goes on from there")
        raise
    finally:
        bar.erase()
        logging.disable(logged)
    if end.errors:
        which = "its row says why" if end.errors == 1 else "their rows say why"
        _say(f"{end.errors} of {end.files} files could not be used; {which} (status error)")
    if end.unread:
        from dtmf_audio.scan_find import unread_text

        _say(unread_text(end.unread))
    if end.errors == end.files:
        return EXIT_UNUSABLE
    return EXIT_FOUND if end.with_tones else EXIT_NONE


class _Bar:
    """How far it is, on standard error if that is a terminal; erased in the end."""

    def __init__(self) -> None:
        self.state: ScanState | None = None
        self._on_terminal = sys.stderr is not None and sys.stderr.isatty()
        self._begin_s = time.monotonic()
        self._drawn_s = self._begin_s + PROGRESS_AFTER_S - BETWEEN_S
        self._shown = False

    def show(self, state: ScanState) -> None:
        if state.done - state.resumed <= 1:
            self._begin_s = time.monotonic()  # the files are found, or the workers have started
        self.state = state
        now_s = time.monotonic()
        if self._on_terminal and now_s - self._drawn_s >= BETWEEN_S:
            self._drawn_s = now_s
            self._shown = True
            to_stderr(f"\r{bar_text(state, now_s - self._begin_s)}\x1b[K")

    def erase(self) -> None:
        if self._shown:
            to_stderr("\r\x1b[K")
            self._shown = False


def bar_text(state: ScanState, seconds: float) -> str:
    """Put into words how far a scan is after so many seconds: the rate, and the time that is left."""
    filled = PROGRESS_WIDTH * state.done // state.files
    text = f"[{'#' * filled}{'.' * (PROGRESS_WIDTH - filled)}] {state.done} of {state.files} files"
    fresh = state.done - state.resumed
    if fresh and seconds > 0:
        rate = fresh / seconds
        minutes, rest_s = divmod(round((state.files - state.done) / rate), 60)
        hours, minutes = divmod(minutes, 60)
        left = f"{hours}:{minutes:02}:{rest_s:02}" if hours else f"{minutes}:{rest_s:02}"
        text += f", {rate:.{0 if rate >= 10 else 1}f} a second, {left} left"
    return text + (f", {state.errors} with errors" if state.errors else "")


def _say(text: str) -> None:
    to_stderr(f"dtmf-audio: {text}\n")
