"""R1 to R12: frequency, level, twist, times and echoes that every receiver within the limits must accept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dtmf_audio import channel
from dtmf_audio.conformance.cases import Bench, Case, Make, Point, must
from dtmf_audio.conformance.judge import Clip
from dtmf_audio.conformance.stimuli import GAP_MS, dial, offsets_pct, per_press, random_keys
from dtmf_audio.signals import Samples
from dtmf_audio.tones import KEY_TONES
from dtmf_audio.units import amplitude_ratio_from_db, samples_from_ms

Rng = np.random.Generator

MITEL_LEVEL_DBM0 = -4.0  # as spandsp's tests have it; two tones of -2.88 would reach full scale
CORNER_MISSES = 0.001  # of R6: 99.9 % of everything at its worst together


def signs(n: int) -> tuple[Samples, Samples]:
    """All four combinations of signs for the low and the high tone, changing after each round of the 16 keys."""
    turn = np.arange(n) // 16 + np.arange(n)
    return np.where(turn & 1, 1.0, -1.0), np.where(turn & 2, 1.0, -1.0)


def offset_name(percent: float, hertz: float) -> str:
    """Return how the standards write an offset."""
    return f"±({percent:g} % + {hertz:g} Hz)" if hertz else f"±{percent:g} %"


def _decode(_bench: Bench) -> list[Point]:
    def make(rng: Rng) -> Clip:
        tones = [KEY_TONES[code] for _ in range(10) for code in rng.permutation(16)]
        return dial(rng, tones, _bench.samplerate, low_dbm0=MITEL_LEVEL_DBM0, high_dbm0=MITEL_LEVEL_DBM0)

    return [must("16 keys, 10 times each", make)]


def _one_offset(bench: Bench) -> list[Point]:
    def make(percent: float, hertz: float) -> Make:
        def clip(rng: Rng) -> Clip:
            tones = random_keys(rng, bench.n)
            low, high = offsets_pct(tones, percent, hertz)
            sign, group = signs(len(tones))
            return dial(
                rng,
                tones,
                bench.samplerate,
                low_offset_pct=np.where(group > 0, sign * low, 0.0),
                high_offset_pct=np.where(group > 0, 0.0, sign * high),
            )

        return clip

    return [must(f"one tone {offset_name(*offset)}", make(*offset)) for offset in bench.limits.offsets]


def _both_offset(bench: Bench) -> list[Point]:
    def make(percent: float, hertz: float) -> Make:
        def clip(rng: Rng) -> Clip:
            tones = random_keys(rng, bench.n)
            low, high = offsets_pct(tones, percent, hertz)
            low_sign, high_sign = signs(len(tones))
            return dial(rng, tones, bench.samplerate, low_offset_pct=low_sign * low, high_offset_pct=high_sign * high)

        return clip

    return [must(f"both tones {offset_name(*offset)}, all signs", make(*offset)) for offset in bench.limits.offsets]


def _level(bench: Bench) -> list[Point]:
    limits = bench.limits

    def at(level_dbm0: float) -> Make:
        return lambda rng: dial(
            rng, random_keys(rng, bench.n), bench.samplerate, low_dbm0=level_dbm0, high_dbm0=level_dbm0
        )

    def between(rng: Rng) -> Clip:
        steps = np.arange(limits.bottom_dbm0, limits.top_dbm0 + 0.5)
        rounds = 1 if bench.quick else 4
        levels = np.repeat(steps, 16 * rounds)
        return dial(rng, random_keys(rng, len(levels)), bench.samplerate, low_dbm0=levels, high_dbm0=levels)

    top, bottom = limits.top_dbm0, limits.bottom_dbm0
    return [
        must(f"top of the range, {top:g} dBm0{', clipped' if top > -2.88 else ''}", at(top)),
        must(f"bottom of the range, {bottom:g} dBm0", at(bottom)),
        must("every 1 dB between", between),
        *(must(f"{level:g} dBm0", at(level), source=source) for level, source in limits.more_levels_dbm0),
    ]


def _twist(bench: Bench) -> list[Point]:
    limits = bench.limits

    def make(low_dbm0: float, high_dbm0: float) -> Make:
        return lambda rng: dial(
            rng, random_keys(rng, bench.n), bench.samplerate, low_dbm0=low_dbm0, high_dbm0=high_dbm0
        )

    top, bottom, high_db, low_db = limits.top_dbm0, limits.bottom_dbm0, limits.high_louder_db, limits.low_louder_db
    return [
        must(f"high group {high_db:g} dB louder, at {top:g} dBm0", make(top - high_db, top)),
        must(f"high group {high_db:g} dB louder, low at {bottom:g} dBm0", make(bottom, bottom + high_db)),
        must(f"low group {low_db:g} dB louder, at {top:g} dBm0", make(top, top - low_db)),
        must(f"low group {low_db:g} dB louder, high at {bottom:g} dBm0", make(bottom + low_db, bottom)),
    ]


def _corner(bench: Bench) -> list[Point]:
    limits = bench.limits

    def make(percent: float, hertz: float) -> Make:
        def clip(rng: Rng) -> Clip:
            tones = random_keys(rng, bench.n)
            low, high = offsets_pct(tones, percent, hertz)
            low_sign, high_sign = signs(len(tones))
            high_louder = (np.arange(len(tones)) // 4) % 2 == 0
            return dial(
                rng,
                tones,
                bench.samplerate,
                on_ms=limits.on_ms,
                gap_ms=max(GAP_MS, limits.pause_ms),
                low_offset_pct=low_sign * low,
                high_offset_pct=high_sign * high,
                low_dbm0=limits.bottom_dbm0 + np.where(high_louder, 0.0, limits.low_louder_db),
                high_dbm0=limits.bottom_dbm0 + np.where(high_louder, limits.high_louder_db, 0.0),
            )

        return clip

    return [
        must(
            f"{offset_name(*offset)}, utmost twist, lowest level, {limits.on_ms:g} ms, all signs",
            make(*offset),
            allowed=CORNER_MISSES,
        )
        for offset in limits.offsets
    ]


def _tone_length(bench: Bench) -> list[Point]:
    on_ms, off_ms = bench.limits.on_ms, max(40.0, bench.limits.pause_ms)
    return [
        must(
            f"{on_ms:g} ms on, {off_ms:g} ms off",
            lambda rng: dial(rng, random_keys(rng, bench.n), bench.samplerate, on_ms=on_ms, gap_ms=off_ms),
        )
    ]


def twice(rng: Rng, n: int, samplerate: int, gap_ms: float) -> Clip:
    """Every key twice, with a gap of exactly so much within the pair."""
    tones = [tone for tone in random_keys(rng, n // 2) for _ in range(2)]
    gaps = np.where(np.arange(len(tones)) % 2 == 0, gap_ms, 80.0 + rng.uniform(0.0, 20.0, len(tones)))
    return dial(rng, tones, samplerate, gap_ms=gaps, spread_ms=0.0)


def _pause(bench: Bench) -> list[Point]:
    gap_ms = bench.limits.pause_ms
    return [must(f"the same key twice, {gap_ms:g} ms apart", lambda rng: twice(rng, bench.n, bench.samplerate, gap_ms))]


def interrupted(
    rng: Rng,
    n: int,
    samplerate: int,
    hole_ms: float,
    *,
    jump: bool = False,
    noise_dbm0: float | None = None,
    on_ms: float = 100.0,
    beside_ms: float = 0.0,
) -> Clip:
    """Presses with a hole at a random place each, with so much of the press on both sides of it at least.

    After the hole the tones go on as if there had been none, or jump to other phases; in it there is silence or noise.
    """
    clip = dial(rng, random_keys(rng, n), samplerate, on_ms=on_ms, gap_ms=80.0)
    after = _at_other_phases(rng, clip, on_ms) if jump else clip.samples
    hole, beside = (samples_from_ms(length_ms, samplerate) for length_ms in (hole_ms, beside_ms))
    samples = clip.samples.copy()
    for press in clip.presses:
        first = press.start + beside
        start = int(rng.integers(first, max(first, press.stop - beside - hole) + 1))
        samples[start + hole : press.stop] = after[start + hole : press.stop]
        filling = np.zeros(hole)
        if noise_dbm0 is not None:
            filling = channel.noise(hole, level_dbm0=noise_dbm0, samplerate=samplerate, rng=rng)
        samples[start : start + hole] = filling
    return replace(clip, samples=samples)


def _at_other_phases(rng: Rng, clip: Clip, on_ms: float) -> Samples:
    """Return the same presses at the same places once more, but for their phases."""
    again = dial(rng, [press.tone for press in clip.presses], clip.samplerate, on_ms=on_ms + 1.0)
    samples = np.zeros(len(clip.samples))
    for old, new in zip(clip.presses, again.presses, strict=True):
        samples[old.start : old.stop] = again.samples[new.start :][: old.stop - old.start]
    return samples


def _interruption(bench: Bench) -> list[Point]:
    def make(hole_ms: float, jump: bool, noise_dbm0: float | None, beside_ms: float) -> Make:
        return lambda rng: interrupted(
            rng, bench.n, bench.samplerate, hole_ms, jump=jump, noise_dbm0=noise_dbm0, beside_ms=beside_ms
        )

    kinds = [  # the phase jumps; level of what is in the hole; least length of both sides, ms
        *((jump, noise_dbm0, 0.0) for jump in (False, True) for noise_dbm0 in (None, -25.0)),
        (False, None, 40.0),  # the hardest: each side is a press of its own
    ]
    return [
        must(
            f"a hole of {hole_ms:g} ms in 100 ms{', 40 ms on both sides' if beside_ms else ''}, "
            f"{'phase jumps' if jump else 'phase goes on'}, "
            f"{'silent' if noise_dbm0 is None else f'noise at {noise_dbm0:g} dBm0'}",
            make(hole_ms, jump, noise_dbm0, beside_ms),
        )
        for hole_ms in sorted({10.0, bench.limits.bridge_ms})
        for jump, noise_dbm0, beside_ms in kinds
    ]


def _velocity(bench: Bench) -> list[Point]:
    def make(period_ms: float, pause_ms: float) -> Make:
        def clip(rng: Rng) -> Clip:
            tones = [KEY_TONES[code] for code in rng.integers(0, 16, bench.n)]  # the same key twice is among them
            on_ms = rng.uniform(bench.limits.on_ms, period_ms - pause_ms, len(tones))
            return dial(rng, tones, bench.samplerate, on_ms=on_ms, gap_ms=period_ms - on_ms, spread_ms=0.0)

        return clip

    return [
        must(
            f"random keys every {period:g} ms, {bench.limits.on_ms:g} to {period - pause:g} ms on", make(period, pause)
        )
        for period, pause in bench.limits.velocities
    ]


def _no_gap(bench: Bench) -> list[Point]:
    def make(rng: Rng) -> Clip:
        gaps = np.where(np.arange(bench.n) % 2 == 0, 0.0, 80.0 + rng.uniform(0.0, 20.0, bench.n))
        return dial(rng, random_keys(rng, bench.n), bench.samplerate, gap_ms=gaps, spread_ms=0.0)

    return [must("two different keys of 50 ms, no gap between", make)]


def _echo(bench: Bench) -> list[Point]:
    rate, longest_ms, echo = bench.samplerate, 20.0, amplitude_ratio_from_db(-10.0)

    def make(on_ms: float, off_ms: float, shortest_ms: float) -> Make:
        def clip(rng: Rng) -> Clip:
            clean = dial(rng, random_keys(rng, bench.n), rate, on_ms=on_ms, gap_ms=off_ms)

            def echoed(part: Samples, _index: int) -> Samples:
                delay = samples_from_ms(rng.uniform(shortest_ms, longest_ms), rate)
                later = np.concatenate([np.zeros(delay), part[: len(part) - delay]])
                return part + echo * later

            return per_press(clean, echoed, around_ms=longest_ms)

        return clip

    timings = ((40.0, 40.0), (53.0, 40.0), (40.0, 53.0))
    return [
        must(
            f"{on_ms:g}/{off_ms:g} ms, echo {name} ms later at -10 dB",
            make(on_ms, off_ms, shortest_ms),
            judged=bench.limits.echo,
        )
        for on_ms, off_ms in timings
        for name, shortest_ms in (("0.5 to 20", 0.5), ("20", 20.0))
    ]


MUST_OPERATE: Sequence[Case] = (
    Case(id="R1", title="Decode check", source="Mitel CM7291 test 2", points=_decode),
    Case(id="R2", title="Frequency, one tone", source="", points=_one_offset),
    Case(id="R3", title="Frequency, both tones", source="", points=_both_offset),
    Case(id="R4", title="Level", source="", points=_level),
    Case(id="R5", title="Twist", source="", points=_twist),
    Case(id="R6", title="All at their worst together", source="", points=_corner),
    Case(id="R7", title="Shortest tone", source="", points=_tone_length),
    Case(id="R8", title="Shortest pause", source="", points=_pause),
    Case(id="R9", title="Interruption", source="", points=_interruption),
    Case(id="R10", title="Signalling velocity", source="", points=_velocity),
    Case(id="R11", title="No gap between keys", source="claimed by Dialogic, reported", points=_no_gap),
    Case(id="R12", title="Echo", source="ITU-T Q.24 table A-1, AT&T alone", points=_echo),
)
