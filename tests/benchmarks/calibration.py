"""How surely the speed of a recording is told, and how surely one at the right speed is left alone.

    python tests/benchmarks/calibration.py --seed 700 --files 1000 --right 3000 --speech FOLDER

Each file has a generator of its own, drawn from the seed, the row and its number. The limits of the estimate were
chosen on seeds below 100. A file is *right* if it is decoded into exactly the keys that were sent, at the speed that is
estimated; it is *touched* if that speed is not 1. Bounds are of 95 %.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dtmf_audio import Press, channel, decode, examination, keys_of, measurement, render
from dtmf_audio.audio_io import read_audio
from dtmf_audio.calibration import SpeedEstimate, corrected_rate, estimate_speed
from dtmf_audio.conformance.judge import upper_share
from dtmf_audio.tones import HIGH_HZ, KEY_TONES, LOW_HZ

Audio = npt.NDArray[np.float64]
Rng = np.random.Generator

RATE = 8000
LEVEL_DBM0 = -13.0
MF_HZ = (700, 900, 1100, 1300, 1500, 1700)
R2_FORWARD_HZ = (1380, 1500, 1620, 1740, 1860, 1980)
R2_BACKWARD_HZ = (1140, 1020, 900, 780, 660, 540)
PROGRESS_HZ = ((350, 440), (440, 480), (480, 620), (400, 450), (425, 425), (440, 440), (2100, 2100), (1100, 1100))
# header's rate, true rate
WRONG_RATES = (
    *((16000, 8000), (8000, 16000), (44100, 22050), (12000, 8000), (8000, 12000), (24000, 16000), (16000, 24000)),
    *((48000, 44100), (44100, 48000), (16000, 11025), (11025, 16000), (8000, 11025), (11025, 8000)),
    *((44100, 8000), (8000, 44100), (48000, 8000), (8000, 48000), (32000, 16000)),
)


def pressed(
    rng: Rng,
    *,
    speed: float,
    rate: int = RATE,
    fewest: int = 6,
    keys: int = 16,
    offset_pct: float = 0.0,
    clock_pct: float = 0.0,
    lowest_snr_db: float = 15.0,
) -> tuple[Audio, str]:
    """Random keys in noise, recorded right and played at a speed; samples at the stated rate, and the keys."""
    chosen = rng.integers(0, keys, rng.integers(fewest, 17))
    on_ms, twist_db, snr_db = rng.uniform(50, 150), rng.uniform(-6, 6), rng.uniform(lowest_snr_db, 30)
    common = 100 * (speed - 1) + clock_pct
    true_rate = round(rate / speed)
    # Within what a rendering can be off, the speed moves the frequencies; beyond, the header is wrong.
    at_rate = rate if abs(speed - 1) <= 0.1001 else true_rate
    sent = [
        Press(
            tone=KEY_TONES[key],
            on_ms=on_ms / speed if at_rate == rate else on_ms,
            delay_ms=rng.uniform(50, 150),
            low_offset_pct=(common if at_rate == rate else 0.0) + rng.uniform(-offset_pct, offset_pct),
            high_offset_pct=(common if at_rate == rate else 0.0) + rng.uniform(-offset_pct, offset_pct),
            twist_db=twist_db,
            level_dbm0=LEVEL_DBM0,
        )
        for key in chosen
    ]
    audio = render(sent, at_rate, lead_ms=100, tail_ms=100, rng=rng).samples
    power = channel.pair_dbm0(LEVEL_DBM0, LEVEL_DBM0 + twist_db)
    noisy = channel.add_noise_at_snr(audio, snr_db=snr_db, signal_dbm0=power, samplerate=at_rate, rng=rng)
    return noisy, keys_of(KEY_TONES[key] for key in chosen)


def tones(rng: Rng, pairs: list[tuple[float, ...]], *, on_ms: tuple[float, float] = (50, 150)) -> Audio:
    """Sounds of some sines each, one after the other, in noise."""
    parts = []
    for frequencies in pairs:
        t = np.arange(int(rng.uniform(*on_ms) * RATE / 1000)) / RATE
        sound = sum(0.15 * np.sin(2 * np.pi * hz * t + rng.uniform(0, 6.28)) for hz in frequencies)
        parts += [np.zeros(int(rng.uniform(0.04, 0.12) * RATE)), np.asarray(sound)]
    audio = np.concatenate([*parts, np.zeros(RATE // 10)])
    return audio + rng.normal(0, 10 ** (-rng.uniform(15, 40) / 20) * 0.15, len(audio))


def two_of(rng: Rng, frequencies: tuple[int, ...]) -> list[tuple[float, ...]]:
    n = rng.integers(4, 20)
    return [tuple(map(float, rng.choice(frequencies, 2, replace=False))) for _ in range(n)]


def progress(rng: Rng) -> Audio:
    pair = tuple(map(float, PROGRESS_HZ[rng.integers(len(PROGRESS_HZ))]))
    return tones(rng, [pair] * int(rng.integers(1, 12)), on_ms=(100, 600))


def chords(rng: Rng) -> Audio:
    """Two notes, three or four of equal temperament at a time, some with partials."""
    partials = rng.choice([1, 1, 2, 4])
    sounds = []
    for _ in range(rng.integers(6, 25)):
        notes = 440 * 2 ** (rng.choice(np.arange(-9, 25), rng.choice([2, 2, 2, 3, 4]), replace=False) / 12)
        sounds.append(tuple(float(k * note) for note in notes for k in range(1, partials + 1) if k * note < 3900))
    return tones(rng, sounds, on_ms=(60, 400))


def any_pairs(rng: Rng) -> Audio:
    """Pairs of frequencies of a system that nobody has: six random ones, two at a time."""
    return tones(rng, two_of(rng, tuple(rng.integers(400, 2200, 6).tolist())))


def noise(rng: Rng) -> Audio:
    return channel.noise(
        8 * RATE, level_dbm0=-20, samplerate=RATE, rng=rng, color=rng.choice(["white", "pink", "speech"])
    )


def speechlike(rng: Rng) -> Audio:
    """Voiced sounds: partials of a gliding pitch under two moving formants, and pauses."""
    n = 8 * RATE
    t = np.arange(n) / RATE
    pitch = 140 * np.exp(0.3 * np.sin(2 * np.pi * rng.uniform(0.3, 1) * t + rng.uniform(0, 6)) + rng.uniform(-0.4, 0.6))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    first = 500 + 250 * np.sin(2 * np.pi * rng.uniform(1, 3) * t)
    second = 1500 + 600 * np.sin(2 * np.pi * rng.uniform(1, 3) * t)
    audio = np.zeros(n)
    for k in range(1, 20):
        hz = k * pitch
        gain = np.exp(-(((hz - first) / 120) ** 2)) + 0.5 * np.exp(-(((hz - second) / 160) ** 2))
        audio += gain * np.sin(k * phase) * (hz < 3800)
    return 0.1 * audio * (np.sin(2 * np.pi * rng.uniform(1, 4) * t) > -0.5) + rng.normal(0, 0.0005, n)


NOT_DTMF: dict[str, Callable[[Rng], Audio]] = {
    "MF (R1) digits": lambda rng: tones(rng, two_of(rng, MF_HZ)),
    "R2 forward": lambda rng: tones(rng, two_of(rng, R2_FORWARD_HZ)),
    "R2 backward": lambda rng: tones(rng, two_of(rng, R2_BACKWARD_HZ)),
    "pairs of six random frequencies": any_pairs,
    "call progress, fax": progress,
    "chords": chords,
    "noise": noise,
    "synthetic speech": speechlike,
}


class Table:
    """Counts errors, and prints a row for each kind of file."""

    def __init__(self, show: bool) -> None:
        self.show = show
        print(f"{'':<52}{'files':>6}{'errors':>8}{'bound':>9}   verdicts")

    def row(self, label: str, outcomes: list[tuple[bool, SpeedEstimate]]) -> None:
        if not outcomes:
            return
        errors = sum(not right for right, _ in outcomes)
        verdicts = ", ".join(f"{n} {verdict}" for verdict, n in Counter(e.verdict for _, e in outcomes).items())
        bound = 100 * upper_share(errors, len(outcomes))
        print(f"{label:<52}{len(outcomes):>6}{errors:>8}{bound:>7.2f} %   {verdicts}", flush=True)
        if self.show:
            for number, (right, estimate) in enumerate(outcomes):
                if not right:
                    print(f"    {number}: {estimate.factor:.4f}, {estimate.reason}")


def outcome(audio: Audio, rate: int, sent: str) -> tuple[bool, SpeedEstimate]:
    estimate = estimate_speed(audio, rate)
    found = decode(audio, corrected_rate(rate, estimate.factor))
    return keys_of(tone.tone for tone in found) == sent, estimate


def untouched(audio: Audio, rate: int = RATE) -> tuple[bool, SpeedEstimate]:
    estimate = estimate_speed(audio, rate)
    return estimate.factor == 1.0, estimate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=700)
    parser.add_argument("--files", type=int, default=1000, help="on tapes, each of the two rows")
    parser.add_argument("--right", type=int, default=3000, help="presses at the right speed")
    parser.add_argument("--others", type=int, default=200, help="of each kind that is no DTMF")
    parser.add_argument("--wrong", type=int, default=30, help="of each pair of rates")
    parser.add_argument("--show", action="store_true", help="what was said of each file that is an error")
    parser.add_argument("--speech", type=Path, help="folder of recordings with no tones in them")
    args = parser.parse_args()
    # The receiver keeps what it needs of eight rates; here nineteen take turns. Results are the same.
    for module, names in ((examination, ("_screen", "_edges", "_measurer")), (measurement, ("_ramp_templates",))):
        for name in names:
            if hasattr(module, name):
                setattr(module, name, lru_cache(64)(getattr(module, name).__wrapped__))
    table, begin = Table(args.show), time.process_time()

    def rngs(row: int, n: int) -> list[Rng]:
        return [np.random.default_rng([args.seed, row, number]) for number in range(n)]

    for row, keys in ((0, 16), (1, 12)):
        made = (pressed(rng, speed=1 + rng.uniform(-0.1, 0.1), keys=keys) for rng in rngs(row, args.files))
        table.row(f"speed ±10 %, 6 to 16 presses of {keys} keys: wrong", [outcome(a, RATE, sent) for a, sent in made])
    for row, (stated, true) in enumerate(WRONG_RATES, start=10):
        made = (pressed(rng, speed=stated / true, rate=stated) for rng in rngs(row, args.wrong))
        table.row(f"{true} Hz marked {stated} Hz: wrong", [outcome(a, stated, sent) for a, sent in made])
    right = []
    for rng in rngs(2, args.right):
        spread, clock = float(rng.choice([0.0, 0.2, 0.75, 1.5])), rng.uniform(-0.3, 0.3)
        audio, _ = pressed(
            rng,
            speed=1.0,
            fewest=1,
            keys=int(rng.choice([4, 12, 16])),
            offset_pct=spread,
            clock_pct=clock,
            lowest_snr_db=10.0,
        )
        right.append(untouched(audio))
    table.row("right speed, each tone ±1.5 %, clock ±0.3 %: touched", right)
    for row, (label, make) in enumerate(NOT_DTMF.items(), start=40):
        table.row(f"{label}: touched", [untouched(make(rng)) for rng in rngs(row, args.others)])
    if args.speech is not None:
        read = [read_audio(path) for path in sorted(args.speech.rglob("*")) if path.suffix in (".wav", ".flac")]
        table.row(f"{args.speech.name}: touched", [untouched(audio, rate) for audio, rate in read])
    print(f"{time.process_time() - begin:.0f} s of one core; keys are of {len(LOW_HZ)} × {len(HIGH_HZ)} frequencies")


if __name__ == "__main__":
    main()
