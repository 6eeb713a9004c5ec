"""What the screen, the clean edges and the full measurement have in common: bands, decibels, and shapes of edges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dtmf_audio.columns import Ints
from dtmf_audio.signals import Samples

NOISE_BAND_HZ = (500.0, 3600.0)  # where other lines are looked for
HUM_BAND_HZ = (100.0, 500.0)  # where dial tone and hum lie, and voices
TINY = 1e-20  # power, or amplitude, that stands for none: it keeps quotients and logarithms finite


def ratio_db(power: npt.NDArray[np.floating[Any]], reference: npt.NDArray[np.floating[Any]] | float = 1.0) -> Samples:
    """Ratio of powers in dB, float64, kept finite where either is 0."""
    ratio = np.maximum(power, TINY, dtype=np.float64) / np.maximum(reference, TINY, dtype=np.float64)
    return np.asarray(10.0 * np.log10(ratio))


def rising_edges(ramps: Sequence[int], shifts: Ints, at: Ints) -> tuple[Ints, Samples]:
    """Gains of edges with raised-cosine ramps, each ramp with its middle at each shift.

    Parameters
    ----------
    ramps : sequence of int, length n_ramps
        Their lengths in samples; 0 is a hard edge.
    shifts : int64, shape (n_shifts,)
        Samples.
    at : int64, shape (n,)
        Samples where the gains are wanted.

    Returns
    -------
    feet : int64, shape (n_ramps * n_shifts,)
        First sample of each ramp: all shifts of the first ramp, then those of the next.
    gains : float64, shape (n_ramps * n_shifts, n)
        From 0 before the foot to 1 behind the ramp.
    """
    feet, gains = [], []
    for n_ramp in ramps:
        for foot in (shifts - n_ramp // 2).tolist():
            progress = np.clip((at + 0.5 - foot) / max(n_ramp, 1e-9), 0.0, 1.0)
            feet.append(foot)
            gains.append(0.5 - 0.5 * np.cos(np.pi * progress))
    return np.array(feet), np.array(gains)
