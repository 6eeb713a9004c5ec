"""The speed of a recording on the command line: the option, and what is said of an estimate."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from dtmf_audio.calibration import SpeedEstimate


def add_speed(parser: argparse.ArgumentParser) -> None:
    """Add ``--speed`` to a command that decodes."""
    parser.add_argument(
        "--speed",
        type=_speed,
        metavar="auto|FACTOR",
        help="decode a recording that runs this many times as fast as it should, such as 1.05, or whose stated rate is "
        "this many times the true one; auto estimates it from the presses in each file, in the first 5 minutes of it, "
        "and leaves a file alone that is not clearly off (default: 1, with a warning if the tones are off)",
    )


def speed_told(estimate: SpeedEstimate, name: str, *, asked: bool) -> str:
    """Return what to tell of an estimate on standard error: a line, or nothing.

    Parameters
    ----------
    estimate : SpeedEstimate
    name : str
        Of the file.
    asked : bool
        The file is decoded at the speed that is estimated.
    """
    told = f"dtmf-audio: warning: {name}: "
    if estimate.verdict == "other" and asked:
        return f"dtmf-audio: {name}: the tones are {estimate.reason}; decoded at speed {_short(estimate.factor)}\n"
    if estimate.verdict == "other":
        return (
            f"{told}the tones are {estimate.reason}; decode with --speed auto, or --speed {_short(estimate.factor)}\n"
        )
    if estimate.verdict == "ambiguous":
        others = " or ".join(f"--speed {_short(factor)}" for factor in estimate.alternatives if factor != 1.0)
        return f"{told}the speed is {estimate.reason}; decoded as it is, give {others} if that is right\n"
    if estimate.verdict == "unknown" and asked:
        return f"{told}the speed cannot be told: {estimate.reason}; decoded as it is\n"
    return ""


def _short(factor: float) -> str:
    """Write a factor to about a twentieth of a percent, which is more than decoding needs."""
    return f"{factor:.3f}".rstrip("0").rstrip(".") if factor >= 0.5 else f"{factor:.4g}"


def _speed(text: str) -> float | Literal["auto"]:
    """Read the option's value."""
    if text == "auto":
        return "auto"
    try:
        factor = float(text)
    except ValueError:
        factor = math.nan
    if not (math.isfinite(factor) and factor > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is neither auto nor a number above 0, such as 1.05 for 5 % fast")
    return factor
