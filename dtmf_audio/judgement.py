"""Judgement: from measurements to a verdict, and for a refusal the limit that refused.

First the limits of the profile, each of which is a fact about the press: its length, frequencies, levels and
twist. Then the evidence that it is a pair of tones at all. Evidence adds up: each term says how much more
likely, as a natural logarithm of the odds, a measured value makes a tone pair than speech, music or noise.
So a press that is less pure has to be longer, steadier and more exact, and a clean one is accepted at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dtmf_audio.columns import Bools
from dtmf_audio.measurement import Measurements
from dtmf_audio.profiles import Profile
from dtmf_audio.signals import Samples

_Term = Callable[[Measurements], Samples]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Which limit of the profile refused, what was measured and what was wanted, in ``unit``."""

    limit: str
    measured: float
    wanted: float
    unit: str


def _largest_offset(m: Measurements) -> Samples:
    return np.maximum(np.abs(m.low_offset_pct), np.abs(m.high_offset_pct))


# Log-odds for each unit of each term, from a logistic regression: 16,000 presses under 41 impairments against the
# 40,000 candidates that pass the gate in 12.7 hours of speech and music. With half of the files held out at a time,
# the weights of the halves agree in sign and size, but for the length, which tells little; and the sum does as well
# as boosted trees on the same values. Values are clipped where more of the same tells no more. Tried and left out,
# since they told nothing beyond these: sidebands near the tones, curvature of the phase, wobble, twist.
_BASE = -8.3  # chosen: 0.8 stricter than even odds, so that none of those candidates passes
SLACK = 3.0  # evidence that a rough measurement may lack
TERMS: tuple[tuple[str, float, _Term], ...] = (
    ("margin over other lines, dB", 0.52, lambda m: np.clip(m.margin_db, -5.0, 20.0)),
    ("margin over lines below 500 Hz, dB", 0.40, lambda m: np.clip(m.hum_margin_db, -10.0, 10.0)),
    ("signal to noise, dB", 0.17, lambda m: np.clip(m.snr_db, -8.0, 15.0)),
    ("flatness of the residual, dB", 0.42, lambda m: np.clip(m.flatness_db, -12.0, 0.0)),
    ("logarithm of the length in ms", 0.70, lambda m: np.log(np.clip(m.on_ms, 20.0, 100.0))),
    ("offset from nominal, %", -3.46, lambda m: np.minimum(_largest_offset(m), 2.6)),
    ("swell, dB", -0.19, lambda m: np.minimum(m.swell_db, 8.0)),
    ("fall outside the press, dB", 0.57, lambda m: np.clip(m.outside_db, 0.0, 12.0)),
)


def evidence(measurements: Measurements) -> Samples:
    """Sum of the evidence for a tone pair, log-odds, shape (n,)."""
    total = np.full(len(measurements), _BASE)
    for _, weight, term in TERMS:
        total += weight * term(measurements)
    return total


def promising(measurements: Measurements, profile: Profile, *, min_evidence: float | None = None) -> Bools:
    """Whether a rough measurement leaves a chance that the finished one has the evidence, shape (n,)."""
    least = profile.min_evidence if min_evidence is None else min_evidence
    return np.asarray(evidence(measurements) >= least - SLACK)


@dataclass(frozen=True, slots=True)
class _Limit:
    """One limit of a profile against what was measured of each press; ``is_most`` tells an upper bound."""

    name: str
    measured: Samples
    wanted: float
    unit: str
    is_most: bool = False


class Verdicts:
    """Presses held against a profile.

    Parameters
    ----------
    measurements : Measurements, length n
    proof : float64, shape (n,)
        Their :func:`evidence`.
    profile : Profile
    min_evidence : float, optional
        Replaces the profile's.

    Attributes
    ----------
    accepted : bool, shape (n,)
    """

    def __init__(
        self, measurements: Measurements, proof: Samples, profile: Profile, *, min_evidence: float | None = None
    ) -> None:
        m = measurements
        least = profile.min_evidence if min_evidence is None else min_evidence
        weaker, louder = np.minimum(m.low_dbm0, m.high_dbm0), np.maximum(m.low_dbm0, m.high_dbm0)
        self._limits = (
            _Limit("min_on_ms", m.on_ms, profile.min_on_ms, "ms"),
            _Limit("max_offset_pct", _largest_offset(m), profile.max_offset_pct, "%", is_most=True),
            _Limit("min_level_dbm0", weaker, profile.min_level_dbm0, "dBm0"),
            _Limit("max_level_dbm0", louder, profile.max_level_dbm0, "dBm0", is_most=True),
            _Limit("max_twist_db", m.twist_db, profile.max_twist_db, "dB", is_most=True),
            _Limit("max_reverse_twist_db", -m.twist_db, profile.max_reverse_twist_db, "dB", is_most=True),
            _Limit("min_evidence", proof, least, ""),
        )
        self._kept = np.array(
            [
                limit.measured <= limit.wanted if limit.is_most else limit.measured >= limit.wanted
                for limit in self._limits
            ]
        )
        self.accepted: Bools = np.asarray(self._kept.all(axis=0))

    def refusal(self, row: int) -> Refusal:
        """First limit that refuses a press."""
        limit = self._limits[int(self._kept[:, row].argmin())]
        return Refusal(limit.name, float(limit.measured[row]), limit.wanted, limit.unit)
