"""Judgement: from measurements to a verdict, and for a refusal the limit that refused.

First the limits of the profile, each of which is a fact about the press: its length, frequencies, levels and
twist. Then the evidence that it is a pair of tones at all. Evidence adds up: each term says how much more
likely, as a natural logarithm of the odds, a measured value makes a tone pair than speech, music or noise.
So a press that is less pure has to be longer, steadier and more exact.

The same evidence decides twice before: of a rough measurement, whether to go on (:func:`promising`), and of a finished
one, whether it gets a second chance (:mod:`dtmf_audio.examination`). What the screen found clean comes with an
evidence of infinity, and has but the limits to pass; whether a press is an echo is :mod:`dtmf_audio.presses`' affair.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np

from dtmf_audio.columns import Bools
from dtmf_audio.events import Group
from dtmf_audio.measurement import Measurements
from dtmf_audio.profiles import Profile
from dtmf_audio.signals import Samples

_Term = Callable[[Measurements], Samples]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Which limit of the profile refused, and the rest of what :class:`~dtmf_audio.events.Rejection` tells of it."""

    limit: str
    measured: float
    wanted: float
    unit: str
    group: Group | None = None
    against: tuple[tuple[str, float], ...] = ()


def _largest_offset(m: Measurements) -> Samples:
    return np.maximum(np.abs(m.low_offset_pct), np.abs(m.high_offset_pct))


def _smallest_offset(m: Measurements) -> Samples:
    return np.minimum(np.abs(m.low_offset_pct), np.abs(m.high_offset_pct))


def _known(values: Samples, otherwise: float) -> Samples:
    """Values, and for the parts of a long press that have no end, what they are taken for."""
    return np.where(np.isnan(values), otherwise, values)


# Log-odds for each unit of each term, from a logistic regression in which no weight may have the wrong sign: 77,500
# presses under 89 impairments and of real recordings, against the 22,700 candidates within the limits of the default
# profile in 12 hours of speech and music, as they are and played 10 % slower and 5 and 10 % faster; presses and
# candidates near the border count more. Values are clipped where more of the same tells no more. Tried and left out,
# since they told nothing beyond these: what falls more of what is outside, length beyond 40 ms, signal to noise, swell,
# level just past the ends, coherence over 10 ms, the twelfth strongest line. Not taken: twist, which tells speech from
# a pair as sent, but not from one through a loudspeaker. What has no ends to measure is worth little more than what has
# none: held notes of music are long.
# Chosen: none of those candidates has evidence; two lack less than 0.6. With each half of the files judged by a fit to
# the other, one candidate of each half passes, both at a changed speed.
_BASE = -7.3
SLACK = 3.0  # chosen: of 9000 presses under six impairments none lacks more, and one, under speech, more than 1.5
# chosen: a near miss lacks no more; with what would be heard if its frequencies were right, these are 61 an hour in 5.8
# hours of speech and music, of 11,000 candidates; if that might lack as much, too, it would be 890
NEAR_MISS_EVIDENCE = 8.0
NEAR_MISS_MS = 15.0  # chosen: half of the shortest press; shorter ones are clicks
MOST_AGAINST = 3  # terms that explain a lack of evidence
TERMS: tuple[tuple[str, float, _Term], ...] = (
    ("margin over other lines, dB", 0.444, lambda m: m.margin_db.clip(-5.0, 20.0)),
    ("margin over lines below 500 Hz, dB", 0.207, lambda m: m.hum_margin_db.clip(-10.0, 25.0)),
    ("margin over the surroundings, dB", 0.154, lambda m: m.surroundings_db.clip(-5.0, 25.0)),
    ("flatness of the residual, dB", 1.12, lambda m: m.flatness_db.clip(-3.0, 0.0)),
    ("larger offset from nominal, %", -3.54, lambda m: np.minimum(_largest_offset(m), 2.6)),
    ("larger offset, its first 0.6 %", -0.495, lambda m: np.minimum(_largest_offset(m), 0.6)),
    ("smaller offset from nominal, %", -1.41, lambda m: np.minimum(_smallest_offset(m), 2.6)),
    ("least fall outside the press, dB", 0.382, lambda m: _known(m.outside_db.clip(0.0, 12.0), 0.0)),
    ("its fall beyond 12 dB", 0.058, lambda m: _known(m.outside_db.clip(12.0, 25.0), 12.0) - 12.0),
    ("louder outside the press, dB", 0.8, lambda m: _known(m.outside_db.clip(-10.0, 0.0), 0.0)),
    ("length up to 40 ms", 0.135, lambda m: m.on_ms.clip(20.0, 40.0) - 40.0),
    ("attack, share of the amplitude", 2.85, lambda m: _known(m.attack.clip(-0.5, 1.0), 0.3)),
)


def evidence(measurements: Measurements) -> Samples:
    """Sum of the evidence for a tone pair, log-odds, shape (n,)."""
    total = np.full(len(measurements), _BASE)
    for _, weight, term in TERMS:
        total += weight * term(measurements)
    return total


def against(press: Measurements) -> tuple[tuple[str, float], ...]:
    """What speaks most against one press: terms, worst first, and how far each is below the best it can be (< 0)."""
    floats = [f.name for f in fields(Measurements) if f.name not in ("start", "stop")]
    extremes = np.array([-1e3, 0.0, 1e3])  # of everything that is measured; offsets are best at 0, the rest at an end
    places = np.zeros(len(extremes), np.int64)
    best = Measurements(start=places, stop=places, **dict.fromkeys(floats, extremes))
    costs = []
    with np.errstate(all="ignore"):
        for name, weight, term in TERMS:
            cost = weight * float(term(press)[0]) - float(np.nanmax(weight * term(best)))
            costs.append((name.removesuffix(", dB").removesuffix(", %"), cost))
    return tuple(sorted((c for c in costs if c[1] < 0), key=lambda c: c[1])[:MOST_AGAINST])


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
    high: Bools | None = None  # whether it is the high group's that was measured; None for what is of both


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
    near : bool, shape (n,)
        Which are accepted or nearly so: not too short, with evidence that is not far too little; or what would be
        accepted if its frequencies were right, which count for much of the evidence.
    """

    def __init__(
        self, measurements: Measurements, proof: Samples, profile: Profile, *, min_evidence: float | None = None
    ) -> None:
        m = measurements
        self._measurements, self._proof, self._profile = measurements, proof, profile
        self._least = least = profile.min_evidence if min_evidence is None else min_evidence
        weaker, louder = np.minimum(m.low_dbm0, m.high_dbm0), np.maximum(m.low_dbm0, m.high_dbm0)
        high_weaker, high_off = m.high_dbm0 < m.low_dbm0, np.abs(m.high_offset_pct) > np.abs(m.low_offset_pct)
        self._limits = (
            _Limit("min_on_ms", m.on_ms, profile.min_on_ms, "ms"),
            _Limit("max_offset_pct", _largest_offset(m), profile.max_offset_pct, "%", is_most=True, high=high_off),
            _Limit("min_level_dbm0", weaker, profile.min_level_dbm0, "dBm0", high=high_weaker),
            _Limit("max_level_dbm0", louder, profile.max_level_dbm0, "dBm0", is_most=True, high=~high_weaker),
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

    @property
    def near(self) -> Bools:
        m = self._measurements
        nothing = np.zeros(len(m))
        on_pitch = evidence(replace(m, low_offset_pct=nothing, high_offset_pct=nothing)) >= self._least
        kept = {limit.name: kept for limit, kept in zip(self._limits, self._kept, strict=True)}
        is_off = ~kept.pop("max_offset_pct")
        proved = self._proof >= self._least - NEAR_MISS_EVIDENCE
        del kept["min_evidence"]
        only_off = is_off & on_pitch & np.all(list(kept.values()), axis=0)
        return np.asarray((m.on_ms >= NEAR_MISS_MS) & (proved | only_off))

    def refusal(self, row: int) -> Refusal:
        """First limit that refuses a press, which is one that is not accepted."""
        limit = self._limits[int(self._kept[:, row].argmin())]
        if not np.isfinite(self._proof[row]) and self._proof[row] < 0:
            return Refusal("min_evidence", -np.inf, self._least, "")  # dropped at first look: nothing was measured
        return Refusal(
            limit.name,
            float(limit.measured[row]),
            limit.wanted,
            limit.unit,
            group=None if limit.high is None else "high" if limit.high[row] else "low",
            against=against(self._measurements.take(slice(row, row + 1))) if limit.name == "min_evidence" else (),
        )
