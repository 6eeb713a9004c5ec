"""How far below the noise a tone pair can be and still be found: the limit that no receiver passes.

Model: two sines of known frequencies, equal level and unknown phase, N samples at 8000 Hz with known timing, in
white Gaussian noise of known power from 0 to 4 kHz. SNR is of each tone over all the noise. The energy of each of
the eight frequencies is scaled to chi-square with 2 degrees of freedom in noise alone; a tone makes it noncentral
with parameter N times SNR.

- The *sum* test adds the strongest of each group: the likelihood-ratio test for free amplitudes.
- The *both* test asks each group to pass the threshold: what "one and only one of each" forces.

Not knowing the frequency within 1.5 %, the noise power and the timing within 10 ms costs a receiver about 2 dB more.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import scipy.optimize
import scipy.special

from dtmf_audio.signals import Samples

Test = Literal["sum", "both"]

_GRID_STEP = 0.005  # of chi-square; chosen: thresholds are within 0.01 of those of a finer grid
_FREQUENCIES_IN_GROUP = 4


def threshold(false_rate: float, test: Test = "sum") -> float:
    """Threshold on the statistic at which noise alone passes with this probability a decision."""
    if test == "both":
        return -2.0 * math.log(1.0 - (1.0 - math.sqrt(false_rate)) ** (1 / _FREQUENCIES_IN_GROUP))
    found = scipy.optimize.brentq(lambda eta: math.log(_false_rate_sum(eta) / false_rate), 1.0, 200.0)
    return float(found)


def miss_rate(snr_db: float, n: int, *, false_rate: float = 1e-6, test: Test = "sum") -> float:
    """Least probability of missing a pair.

    Parameters
    ----------
    snr_db : float
        Of each tone, over the noise from 0 to 4 kHz.
    n : int
        Samples at 8000 Hz: 320 are 40 ms.
    false_rate : float
        Probability, a decision, that noise alone passes.
    test : {"sum", "both"}
    """
    eta = threshold(false_rate, test)
    energy = n * 10.0 ** (snr_db / 10.0)
    if test == "sum":
        return float(scipy.special.chndtr(eta, 4, 2 * energy))
    return 1.0 - (1.0 - float(scipy.special.chndtr(eta, 2, energy))) ** 2


def wrong_key_rate(snr_db: float, n: int) -> float:
    """Probability that a pair which is there is taken for another one: noncoherent detection, one of four twice."""
    energy = n * 10.0 ** (snr_db / 10.0) / 2
    group = sum(
        (-1) ** (k + 1) * math.comb(3, k) / (k + 1) * math.exp(-k * energy / (k + 1))
        for k in range(1, _FREQUENCIES_IN_GROUP)
    )
    return 1.0 - (1.0 - float(group)) ** 2


def snr_for(miss: float, n: int, *, false_rate: float = 1e-6, test: Test = "sum") -> float:
    """SNR in dB at which a pair is missed with this probability; the arguments are those of :func:`miss_rate`."""
    found = scipy.optimize.brentq(
        lambda snr_db: math.log(max(miss_rate(snr_db, n, false_rate=false_rate, test=test), 1e-300) / miss), -30.0, 20.0
    )
    return float(found)


def _strongest_below(x: Samples) -> Samples:
    """Probability that the strongest of four noise energies is below x; shape kept."""
    return np.asarray((-np.expm1(-x / 2)) ** _FREQUENCIES_IN_GROUP)


def _strongest_above(x: Samples | float) -> Samples:
    """One less :func:`_strongest_below`, exact where it is tiny."""
    tail = np.exp(-np.asarray(x) / 2)
    return np.asarray(-np.expm1(_FREQUENCIES_IN_GROUP * np.log1p(-np.minimum(tail, 1.0 - 1e-16))))


def _false_rate_sum(eta: float) -> float:
    """Probability that the strongest of each group, in noise, add to more than eta."""
    x = np.linspace(0.0, eta, 1 + max(2, int(eta / _GRID_STEP)))  # (n_grid,)
    middle = (x[1:] + x[:-1]) / 2
    chance = np.diff(_strongest_below(x))  # of each cell of the grid
    return float(np.sum(chance * _strongest_above(eta - middle)) + _strongest_above(eta))
