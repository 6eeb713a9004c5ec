"""Curves: the share of presses heard over frequency, time, level and noise, to see where a decoder's edges lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dtmf_audio.conformance.cases import Bench
from dtmf_audio.conformance.judge import Clip, Ear, count
from dtmf_audio.conformance.must_operate import interrupted, signs, twice
from dtmf_audio.conformance.must_survive import in_noise
from dtmf_audio.conformance.report import Curve, CurvePoint
from dtmf_audio.conformance.stimuli import LEVEL_DBM0, dial, random_keys
from dtmf_audio.conformance.theory import Test, miss_rate

Rng = np.random.Generator

ON_MS = 40.0  # of the presses in noise
THEORY_RATE = 8000  # of the theory: its noise ends at 4 kHz
FALSE_RATE = 1e-6  # a decision


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveCase:
    """How a curve is measured."""

    title: str
    measure: Callable[[Ear, Bench], Curve]


def _points(
    ear: Ear,
    bench: Bench,
    name: str,
    xs: Sequence[float],
    make: Callable[[Rng, float], Clip],
    *,
    missed_only: bool = False,
) -> tuple[CurvePoint, ...]:
    """Presses heard once at each place; or, with ``missed_only``, heard at all."""
    points = []
    for x in xs:
        clip = make(bench.rng("curve", name, f"{x:g}"), float(x))
        found = count(clip, ear(clip))
        wrong = found.missed + (0 if missed_only else found.doubled)
        points.append(CurvePoint(x=round(float(x), 6), trials=found.presses, hits=max(0, found.presses - wrong)))
    return tuple(points)


def _n(bench: Bench) -> int:
    """Presses at a place of a curve: fewer than in a row, since there are many."""
    return 16 if bench.quick else 320


def _steps(low: float, high: float, step: float, bench: Bench) -> list[float]:
    """Places from low to high; twice as far apart in a quick run."""
    return list(np.arange(low, high + step / 2, step * (2 if bench.quick else 1)))


def _noise(ear: Ear, bench: Bench) -> Curve:
    xs = _steps(-12.0, 16.0, 1.0, bench)
    n = bench.n

    def make(rng: Rng, snr_db: float) -> Clip:
        return in_noise(rng, dial(rng, random_keys(rng, n), bench.samplerate, on_ms=ON_MS, gap_ms=60.0), snr_db)

    samples = round(ON_MS * THEORY_RATE / 1000)
    tests: tuple[tuple[str, Test], ...] = (("limit: sum of groups", "sum"), ("limit: each group", "both"))
    return Curve(
        id="noise",
        title="Misses in white noise, 40 ms",
        x_label="SNR of each tone over the noise from 0 to 4 kHz, dB",
        y_label="share of presses missed",
        points=_points(ear, bench, "noise", xs, make, missed_only=True),
        theory=tuple(
            (label, tuple(miss_rate(x, samples, false_rate=FALSE_RATE, test=test) for x in xs)) for label, test in tests
        ),
        must=(15.0, xs[-1]),
        logarithmic=True,
    )


def _offset(ear: Ear, bench: Bench, which: str) -> Curve:
    limits = bench.limits

    def make(rng: Rng, offset: float) -> Clip:
        tones = random_keys(rng, _n(bench))
        low_sign, high_sign = signs(len(tones))
        low = np.where((high_sign > 0) | (which == "both"), offset * low_sign, 0.0)
        high = np.where((high_sign < 0) | (which == "both"), offset * (high_sign if which == "both" else low_sign), 0.0)
        return dial(rng, tones, bench.samplerate, low_offset_pct=low, high_offset_pct=high)

    reject = min(limits.reject_offsets_pct, default=None)
    return Curve(
        id=f"offset-{which}",
        title=f"Frequency, {'both tones' if which == 'both' else 'one tone'} off",
        x_label="offset, % (both signs)",
        y_label="share heard once",
        points=_points(ear, bench, f"offset-{which}", _steps(0.0, 5.0, 0.25, bench), make),
        must=(0.0, max(percent for percent, _ in limits.offsets)),
        must_not=None if reject is None else (reject, 5.0),
    )


def _length(ear: Ear, bench: Bench) -> Curve:
    limits = bench.limits

    def make(rng: Rng, on_ms: float) -> Clip:
        return dial(rng, random_keys(rng, _n(bench)), bench.samplerate, on_ms=on_ms, gap_ms=80.0)

    return Curve(
        id="length",
        title="Length of the tone",
        x_label="length, ms",
        y_label="share heard once",
        points=_points(ear, bench, "length", _steps(10.0, 56.0, 1.0, bench), make),
        must=(limits.on_ms, 56.0),
        must_not=None if limits.reject_on_ms is None else (10.0, limits.reject_on_ms),
    )


def _gap(ear: Ear, bench: Bench) -> Curve:
    return Curve(
        id="gap",
        title="Pause between two presses of one key",
        x_label="pause, ms",
        y_label="share of pairs heard as two",
        points=_pairs(_points(ear, bench, "gap", _steps(2.0, 80.0, 2.0, bench), lambda rng, x: _twice(rng, bench, x))),
        must=(bench.limits.pause_ms, 80.0),
    )


def _twice(rng: Rng, bench: Bench, gap_ms: float) -> Clip:
    return twice(rng, 2 * _n(bench), bench.samplerate, gap_ms)


def _pairs(points: tuple[CurvePoint, ...]) -> tuple[CurvePoint, ...]:
    """Of presses in pairs: a pair that was heard as one lacks one press."""
    return tuple(
        CurvePoint(x=point.x, trials=point.trials // 2, hits=max(0, point.hits - point.trials // 2)) for point in points
    )


def _hole(ear: Ear, bench: Bench) -> Curve:
    def make(rng: Rng, hole_ms: float) -> Clip:
        return interrupted(rng, _n(bench), bench.samplerate, hole_ms, on_ms=200.0, beside_ms=40.0)

    return Curve(
        id="hole",
        title="Hole in a press of 200 ms, 40 ms on both sides",
        x_label="hole, ms",
        y_label="share heard once",
        points=_points(ear, bench, "hole", _steps(0.0, 50.0, 2.0, bench), make),
        must=(0.0, bench.limits.bridge_ms),
    )


def _twist(ear: Ear, bench: Bench) -> Curve:
    def make(rng: Rng, twist_db: float) -> Clip:
        low, high = LEVEL_DBM0 - max(0.0, twist_db), LEVEL_DBM0 + min(0.0, twist_db)
        return dial(rng, random_keys(rng, _n(bench)), bench.samplerate, low_dbm0=low, high_dbm0=high)

    return Curve(
        id="twist",
        title="Twist, the louder tone at -10 dBm0",
        x_label="high group less low group, dB",
        y_label="share heard once",
        points=_points(ear, bench, "twist", _steps(-20.0, 20.0, 1.0, bench), make),
        must=(-bench.limits.low_louder_db, bench.limits.high_louder_db),
    )


def _level(ear: Ear, bench: Bench) -> Curve:
    limits = bench.limits

    def make(rng: Rng, level_dbm0: float) -> Clip:
        return dial(rng, random_keys(rng, _n(bench)), bench.samplerate, low_dbm0=level_dbm0, high_dbm0=level_dbm0)

    return Curve(
        id="level",
        title="Level of each tone",
        x_label="level, dBm0 (above -2.9 it clips)",
        y_label="share heard once",
        points=_points(ear, bench, "level", _steps(-60.0, 3.0, 1.0, bench), make),
        must=(limits.bottom_dbm0, limits.top_dbm0),
        must_not=None if limits.reject_level_dbm0 is None else (-60.0, limits.reject_level_dbm0),
    )


CURVES: Sequence[CurveCase] = (
    CurveCase(title="Misses in noise", measure=_noise),
    CurveCase(title="Frequency, one tone", measure=lambda ear, bench: _offset(ear, bench, "one")),
    CurveCase(title="Frequency, both tones", measure=lambda ear, bench: _offset(ear, bench, "both")),
    CurveCase(title="Length", measure=_length),
    CurveCase(title="Pause", measure=_gap),
    CurveCase(title="Hole", measure=_hole),
    CurveCase(title="Twist", measure=_twist),
    CurveCase(title="Level", measure=_level),
)
