"""The command ``tones``: the table of tones."""

from __future__ import annotations

import argparse
from typing import Any

from dtmf_audio.cli_console import EXIT_FOUND, print_answer
from dtmf_audio.cli_options import add_command
from dtmf_audio.tones import Tone


def add(commands: Any) -> None:
    """Add the command."""
    add_command(
        commands,
        run,
        usage="tones",
        summary="print the table of tones",
        description="Print every tone: its key, its name in Graph, its RFC 4733 event code and its two frequencies.",
        example="dtmf-audio tones",
    )


def run(_args: argparse.Namespace) -> int:
    """Run the command and return its exit status."""
    print_answer(f"{'key':<5}{'tone':<7}{'event code':>10}{'low Hz':>8}{'high Hz':>9}")
    for tone in Tone:
        silent = tone is Tone.FLASH
        key, low_hz, high_hz = ("-", "-", "-") if silent else (tone.key, *(f"{hz:g}" for hz in tone.frequencies_hz))
        print_answer(f"{key:<5}{tone.value:<7}{tone.event_code:>10}{low_hz:>8}{high_hz:>9}")
    return EXIT_FOUND
