"""What a command tells whoever ran it: its answer, its errors, how far it is, and its exit status.

Conventions
-----------
- Standard output holds the answer alone; errors and progress go to standard error, progress only to a terminal.
- Exit status 0: done, and what was looked for was found; 1: done, and it was not, or a test failed; 2: unusable input
  or arguments. What that is for a command, its help says.
- A reader that goes away and an interrupt end it in silence, with 141 and 130, as a shell reports SIGPIPE and SIGINT.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable

EXIT_FOUND, EXIT_NONE, EXIT_UNUSABLE, EXIT_INTERRUPT, EXIT_BROKEN_PIPE = 0, 1, 2, 130, 141

PROGRESS_AFTER_S = 1.0  # chosen: whoever waits for less needs no bar
PROGRESS_WIDTH = 30


class OutputError(Exception):
    """Standard output cannot be written; unlike a bad file, it ends the command."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"standard output: cannot be written ({error.strerror or error}); write to a file elsewhere")


def print_answer(text: str, end: str = "\n") -> None:
    """Write a line of the answer, at once: who reads it may be waiting."""
    if sys.stdout is None:
        raise OutputError(OSError("it is closed"))
    try:
        try:
            print(text, end=end, flush=True)
        except UnicodeEncodeError:  # a file's name that the terminal has no characters for
            encoding = sys.stdout.encoding
            print(text.encode(encoding, "backslashreplace").decode(encoding), end=end, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(error) from error


def report(problem: object) -> None:
    """Tell of an error."""
    to_stderr(f"dtmf-audio: error: {problem}\n")


def to_stderr(text: str) -> None:
    """Write to standard error, if it is there."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            sys.stderr.write(text)
            sys.stderr.flush()


def drop_unwritten() -> None:
    """Drop what standard output did not take; the interpreter would try once more at exit, and complain."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, sys.stdout.fileno())
            os.close(null)


class ProgressBar:
    """How far something long is, on standard error if that is a terminal; erased in the end."""

    def __init__(self) -> None:
        self._on_terminal = sys.stderr is not None and sys.stderr.isatty()
        self._begin_s = time.monotonic()
        self._shown = False

    def show(self, done: int, total: int | None, text: Callable[[str], str]) -> None:
        """Show how much is done, of how much in all if that is known; ``text`` puts the bar into words."""
        if not self._on_terminal or time.monotonic() - self._begin_s < PROGRESS_AFTER_S:
            return
        filled = min(PROGRESS_WIDTH, PROGRESS_WIDTH * done // total) if total else 0
        bar = f"[{'#' * filled}{'.' * (PROGRESS_WIDTH - filled)}] " if total else ""
        to_stderr(f"\r{text(bar)}\x1b[K")
        self._shown = True

    def erase(self) -> None:
        """Make room for other output; the next update shows it again."""
        if self._shown:
            to_stderr("\r\x1b[K")
            self._shown = False

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        self.erase()
