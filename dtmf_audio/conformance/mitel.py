"""M2 to M7: the numbered tests of the Mitel CM7291 cassette, as spandsp documents them, on exact digital signals.

They are scores. What is good is judged where the profile's own limits say what that is: a receiver of Q.24 must refuse
tones of -29 dBm0, and cannot have a range of 35 dB as well.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dtmf_audio.conformance.cases import Bench, Case, Outcome, Point, Verdict, must, value
from dtmf_audio.conformance.judge import Clip, Ear, count
from dtmf_audio.conformance.must_operate import MITEL_LEVEL_DBM0
from dtmf_audio.conformance.must_survive import mitel_noise
from dtmf_audio.conformance.stimuli import dial
from dtmf_audio.tones import KEY_TONES, Tone

Rng = np.random.Generator

DIAGONAL = tuple(Tone.from_key(key) for key in "159D")  # these visit every frequency once
SIX_BELOW_CLIP_DBM0 = -3.0  # as spandsp has it; exactly it is -2.88
TWENTY_BELOW_CLIP_DBM0 = -17.0
LOWEST_OF_35_DBM0 = SIX_BELOW_CLIP_DBM0 - 34.0


def _recognised(ear: Ear, clip: Clip) -> int:
    """How many of the bursts were heard."""
    found = count(clip, ear(clip))
    return found.presses - found.missed


def _decode(bench: Bench) -> list[Point]:
    def make(rng: Rng) -> Clip:
        tones = [tone for tone in KEY_TONES for _ in range(10)]
        return dial(rng, tones, bench.samplerate, low_dbm0=MITEL_LEVEL_DBM0, high_dbm0=MITEL_LEVEL_DBM0, spread_ms=0.0)

    return [must("test 2: each key 10 times in a row, 50/50 ms", make)]


def _sections(ear: Ear, rng: Rng, bench: Bench, steps: int) -> list[tuple[int, int]]:
    """N+ and N-, the bursts recognised in steps of 0.1 % upwards and downwards, for each of the eight frequencies."""
    climb = 0.1 * np.arange(1, steps + 1)
    found = []
    for tone in DIAGONAL:
        for moved in ("low_offset_pct", "high_offset_pct"):
            up, down = (
                _recognised(
                    ear,
                    dial(
                        rng,
                        [tone] * steps,
                        bench.samplerate,
                        low_dbm0=TWENTY_BELOW_CLIP_DBM0,
                        high_dbm0=TWENTY_BELOW_CLIP_DBM0,
                        **{moved: sign * climb},  # type: ignore[arg-type]
                    ),
                )
                for sign in (1.0, -1.0)
            )
            found.append((up, down))
    return found


def _bandwidth(bench: Bench) -> list[Point]:
    sections: dict[int, list[tuple[int, int]]] = {}  # both quantities come from one measurement

    def measure_of(steps: int, centre: bool) -> Point:
        def measure(ear: Ear, _rng: Rng) -> Outcome:
            if steps not in sections:
                sections[steps] = _sections(ear, bench.rng("M3", f"{steps}"), bench, steps)
            found = sections[steps]
            widths = [(up + down) / 10.0 for up, down in found]
            offsets = [(up - down) / 20.0 for up, down in found]
            worst = max(offsets, key=abs) if centre else min(widths)
            good = (abs(worst) <= 0.2 and min(widths) > 0) if centre else all(3.6 <= width <= 6.0 for width in widths)
            each = offsets if centre else widths
            verdict = Verdict.PASS if good else Verdict.FAIL
            return Outcome(
                verdict=verdict if bench.limits.judges_false else Verdict.REPORTED,
                trials=16 * steps,
                value=worst,
                unit="%",
                note="697 1209 770 1336 852 1477 941 1633 Hz: " + " ".join(f"{width:.2f}" for width in each),
            )

        return Point(
            what=f"test 3: {'centre offset, farthest' if centre else 'bandwidth, narrowest'}, {steps} steps of 0.1 %",
            criterion="at most 0.2 % from 0" if centre else "3.6 to 6 % for every frequency",
            measure=measure,
        )

    return [measure_of(steps, centre) for steps in ((40,) if bench.quick else (40, 60)) for centre in (False, True)]


def _twist(bench: Bench) -> list[Point]:
    limits = bench.limits
    step_db = 0.5 if bench.quick else 0.1
    fall = SIX_BELOW_CLIP_DBM0 - step_db * np.arange(round(20.0 / step_db))

    def reached(falling: str, held: str) -> Point:
        def take(ear: Ear, rng: Rng) -> float:
            levels = {falling: fall, held: SIX_BELOW_CLIP_DBM0}
            return min(
                _recognised(ear, dial(rng, [tone] * len(fall), bench.samplerate, **levels)) * step_db  # type: ignore[arg-type]
                for tone in DIAGONAL
            )

        wanted = limits.low_louder_db if falling == "high_dbm0" else limits.high_louder_db
        group = "high" if falling == "high_dbm0" else "low"
        note = "CM7291 by spandsp: 8" if group == "high" else "CM7291 by spandsp: 4"
        return value(f"test 4: {group} group falls in steps of {step_db:g} dB", take, unit="dB", low=wanted, note=note)

    return [reached("high_dbm0", "low_dbm0"), reached("low_dbm0", "high_dbm0")]


def _range(bench: Bench) -> list[Point]:
    def take(top_dbm0: float, bursts: int, ear: Ear, rng: Rng) -> float:
        levels = top_dbm0 - np.arange(float(bursts))
        tones = [Tone.TONE1] * bursts
        return float(_recognised(ear, dial(rng, tones, bench.samplerate, low_dbm0=levels, high_dbm0=levels)))

    forbidden = bench.limits.reject_level_dbm0
    possible = forbidden is None or forbidden < LOWEST_OF_35_DBM0
    note = "" if possible else f"{bench.limits.name} forbids {forbidden:g} dBm0 and less, and with it 35"
    return [
        value(
            "test 5: 35 bursts in steps of 1 dB, from -3 dBm0",
            lambda ear, rng: take(SIX_BELOW_CLIP_DBM0, 35, ear, rng),
            unit="dB",
            low=35.0,
            judged=possible,
            note=note,
        ),
        value(
            "test 5 by spandsp: 54 bursts, from +3 dBm0",
            lambda ear, rng: take(3.0, 54, ear, rng),
            unit="dB",
            judged=False,
            note=note,
        ),
    ]


def _guard(bench: Bench) -> list[Point]:
    step_ms = 0.5 if bench.quick else 0.1
    lengths = np.round(50.0 - step_ms * np.arange(1, round(40.0 / step_ms) + 1), 1)

    def take(ear: Ear, rng: Rng) -> float:
        clip = dial(
            rng,
            [Tone.TONE1] * len(lengths),
            bench.samplerate,
            on_ms=lengths,
            low_dbm0=SIX_BELOW_CLIP_DBM0,
            high_dbm0=SIX_BELOW_CLIP_DBM0,
        )
        return 50.0 - step_ms * _recognised(ear, clip)

    low, high = bench.limits.reject_on_ms, bench.limits.on_ms
    return [
        value(
            f"test 6: guard time, lengths from 50 to 10 ms in steps of {step_ms:g} ms",
            take,
            unit="ms",
            low=low,
            high=high,
            note="reported: spandsp 27.8, S&S 28.4",
        )
    ]


def _lowest_snr(bench: Bench) -> list[Point]:
    n = 50 if bench.quick else 1000

    def whole(ear: Ear, rng: Rng, snr_db: float) -> bool:
        clip = mitel_noise(rng, n, bench.samplerate, snr_db)
        return count(clip, ear(clip)).errors == 0

    def take(ear: Ear, rng: Rng) -> float | None:
        good = [snr_db for snr_db in (12.0, 18.0, 24.0, 26.0) if whole(ear, rng, snr_db)][:1]
        while good and good[-1] > -12.0 and whole(ear, rng, good[-1] - 1.0):
            good.append(good[-1] - 1.0)
        return good[-1] if good else None

    return [value(f"test 7: lowest SNR at which {n} of {n} are heard", take, unit="dB", high=12.0)]


MITEL: Sequence[Case] = (
    Case(id="M2", title="Mitel: decode check", source="CM7291, as spandsp documents it", points=_decode),
    Case(id="M3", title="Mitel: bandwidth and centre", source="CM7291; bounds from ITU-T Q.24", points=_bandwidth),
    Case(id="M4", title="Mitel: twist", source="", points=_twist),
    Case(id="M5", title="Mitel: dynamic range", source="CM7291, as spandsp documents it", points=_range),
    Case(id="M6", title="Mitel: guard time", source="", points=_guard),
    Case(id="M7", title="Mitel: noise", source="CM7291; S&S and others reported", points=_lowest_snr),
)
