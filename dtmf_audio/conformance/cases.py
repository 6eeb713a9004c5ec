"""What a test is: an id, a source, and points, each of which makes signals and judges what a decoder makes of them.

Everything random comes from a generator seeded by the seed, the id and the name of the point, so that a point is the
same whatever else is run.
"""

from __future__ import annotations

import enum
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dtmf_audio.conformance.judge import Clip, Count, Ear, count, upper_per_hour, upper_share
from dtmf_audio.conformance.limits import Limits

FULL_PRESSES, QUICK_PRESSES = 1008, 48  # a point; whole rounds of the 16 keys


class Verdict(enum.StrEnum):
    """What a row says."""

    PASS = "pass"
    FAIL = "fail"
    REPORTED = "reported"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one point came to.

    Attributes
    ----------
    verdict : Verdict
    trials : int
        Presses, or signals that are no press.
    missed, doubled, false : int
        Presses not heard, heard again, and tones that nobody sent.
    value : float, optional
        What was measured: a share of errors in percent, or anything else in ``unit``.
    unit : str
    bound : float, optional
        Highest value that the count is compatible with, one-sided, 95 %.
    note : str
        What there is to know besides; where it was not run, why.
    """

    verdict: Verdict
    trials: int = 0
    missed: int = 0
    doubled: int = 0
    false: int = 0
    value: float | None = None
    unit: str = ""
    bound: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What a run is for: the limits to judge by, and how much of everything.

    Attributes
    ----------
    limits : Limits
    samplerate : int
        Hz, of all audio.
    quick : bool
    seed : int
    own_profile : str, optional
        Profile of this library's receiver where that is judged; None for another decoder.
    recordings : tuple of str
        Audio files without keys, for the rows of speech and music.
    """

    limits: Limits
    samplerate: int
    quick: bool
    seed: int
    own_profile: str | None
    recordings: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """Presses at a point."""
        return QUICK_PRESSES if self.quick else FULL_PRESSES

    def rng(self, *names: str) -> np.random.Generator:
        """Return the generator of a point: the same for the same seed and names."""
        return np.random.default_rng([self.seed, *(zlib.crc32(name.encode()) for name in names)])


Make = Callable[[np.random.Generator], Clip]
Measure = Callable[[Ear, np.random.Generator], Outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One row to be: what is sent, what is asked of it, how it is measured, and a source if the case's is another."""

    what: str
    criterion: str
    measure: Measure
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test of the plan."""

    id: str
    title: str
    source: str
    points: Callable[[Bench], Sequence[Point]]


def must(
    what: str, make: Make, *, allowed: float = 0.0, judged: bool = True, by_keys: bool = False, source: str = ""
) -> Point:
    """Every press of the clip is heard once, but for the allowed share."""

    def measure(ear: Ear, rng: np.random.Generator) -> Outcome:
        clip = make(rng)
        return _share(count(clip, ear(clip), by_keys=by_keys), allowed, judged)

    if not judged:
        criterion = "reported"
    elif allowed:
        criterion = f"errors at most {100 * allowed:g} %"
    else:
        criterion = "every press once"
    return Point(what=what, criterion=criterion, measure=measure, source=source)


def _share(found: Count, allowed: float, judged: bool) -> Outcome:
    passed = found.errors <= allowed * found.presses
    return Outcome(
        verdict=(Verdict.PASS if passed else Verdict.FAIL) if judged else Verdict.REPORTED,
        trials=found.presses,
        missed=found.missed,
        doubled=found.doubled,
        false=found.false,
        value=100.0 * found.errors / max(1, found.presses),
        unit="%",
        bound=100.0 * upper_share(found.errors, found.presses),
    )


def never(
    what: str, make: Callable[[np.random.Generator], tuple[Clip, int]], *, judged: bool = True, source: str = ""
) -> Point:
    """Nothing is heard; ``make`` tells how many signals there are as well."""

    def measure(ear: Ear, rng: np.random.Generator) -> Outcome:
        clip, trials = make(rng)
        false = len(ear(clip).keys)
        return Outcome(
            verdict=_verdict(false == 0, judged),
            trials=trials,
            false=false,
            value=100.0 * false / trials,
            unit="%",
            bound=100.0 * upper_share(false, trials),
        )

    return Point(what=what, criterion="never" if judged else "reported", measure=measure, source=source)


def per_hour(
    what: str,
    make: Callable[[np.random.Generator], Sequence[Clip]] | Callable[[np.random.Generator], object],
    *,
    allowed: float | None,
    source: str = "",
) -> Point:
    """Tones in audio that holds none, by the hour; ``make`` gives an iterable of clips."""

    def measure(ear: Ear, rng: np.random.Generator) -> Outcome:
        false, seconds = 0, 0.0
        for clip in make(rng):  # type: ignore[attr-defined]
            false += len(ear(clip).keys)
            seconds += clip.seconds
        hours = seconds / 3600.0
        return Outcome(
            verdict=Verdict.REPORTED if allowed is None else _verdict(false / hours <= allowed, True),
            trials=round(seconds),
            false=false,
            value=false / hours,
            unit="/h",
            bound=upper_per_hour(false, hours),
            note=f"{hours:.3g} h",
        )

    criterion = "reported" if allowed is None else "never" if allowed == 0 else f"at most {allowed:.3g} an hour"
    return Point(what=what, criterion=criterion, measure=measure, source=source)


def value(
    what: str,
    take: Callable[[Ear, np.random.Generator], float | None],
    *,
    unit: str,
    low: float | None = None,
    high: float | None = None,
    judged: bool = True,
    note: str = "",
    source: str = "",
) -> Point:
    """A measurement between two bounds, either of which may be missing; None is out of them."""

    def measure(ear: Ear, rng: np.random.Generator) -> Outcome:
        taken = take(ear, rng)
        inside = taken is not None and (low is None or taken >= low) and (high is None or taken <= high)
        return Outcome(verdict=_verdict(inside, judged), value=taken, unit=unit, note=note)

    if not judged or low is high is None:
        judged, criterion = False, "reported"
    elif low is None:
        criterion = f"at most {high:g} {unit}"
    elif high is None:
        criterion = f"at least {low:g} {unit}"
    else:
        criterion = f"{low:g} to {high:g} {unit}"
    return Point(what=what, criterion=criterion.strip(), measure=measure, source=source)


def not_run(what: str, why: str) -> Point:
    """Return a point that says why there is nothing to measure."""
    return Point(what=what, criterion="", measure=lambda _ear, _rng: Outcome(verdict=Verdict.NOT_RUN, note=why))


def _verdict(passed: bool, judged: bool) -> Verdict:
    if not judged:
        return Verdict.REPORTED
    return Verdict.PASS if passed else Verdict.FAIL
