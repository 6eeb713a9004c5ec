"""R13 to R19: noise and other sounds that a receiver must hear through."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from dtmf_audio import channel
from dtmf_audio.conformance.cases import (
    Bench,
    Case,
    Make,
    Point,
    must,
    never,
    value,
)
from dtmf_audio.conformance.judge import Clip, Ear, count
from dtmf_audio.conformance.stimuli import (
    GAP_MS,
    LEVEL_DBM0,
    damaged,
    dial,
    distance_pct,
    low_pass,
    per_press,
    random_keys,
    sines,
    spaced,
)
from dtmf_audio.signals import Samples
from dtmf_audio.tones import Tone
from dtmf_audio.units import power_from_dbm0

Rng = np.random.Generator
Damage = Callable[[Samples, Rng], Samples]

NARROW_HZ = 3000.0  # the other band in which noise is quoted
DIGIT_UNDER_DIAL_DBM0, DIAL_LOUDER_DB = -18.0, 12.0  # 3 dB below spandsp's, so that digits and dial tone do not clip
DIAL_OVER_WEAKEST_DB = 22.0  # MT8870, data sheet: over the lowest level that is accepted
LOUDEST_DIAL_DBM0 = -5.0
THIRD_TONE_DB, THIRD_TONE_CLEAR_PCT = -16.0, 7.0
DISTORTION_DB = -20.0  # quoted: ITU-T Q.23 clause 7.2
PRODUCTS = ((2, 0), (0, 2), (3, 0), (1, 1), (-1, 1), (2, -1), (-1, 2))  # low and high frequency times these, added

DIAL_TONES: dict[str, tuple[tuple[float, ...], float]] = {  # frequencies, and how often a second the level swings
    "350 + 440 Hz": ((350.0, 440.0), 0.0),
    "350 + 440 Hz, 2 % sharp": ((357.0, 448.8), 0.0),
    "350 + 440 Hz, 2 % flat": ((343.0, 431.2), 0.0),
    "330 + 440 Hz": ((330.0, 440.0), 0.0),
    "425 Hz": ((425.0,), 0.0),
    "400 Hz": ((400.0,), 0.0),
    "425 Hz modulated by 25 Hz": ((425.0,), 25.0),
    "425 Hz modulated by 50 Hz": ((425.0,), 50.0),
}


def in_noise(rng: Rng, clip: Clip, snr_db: float, *, tone_dbm0: float = LEVEL_DBM0, narrow: bool = False) -> Clip:
    """Add white noise so far below each tone; its power is that from 0 to 4 kHz, or to 3 kHz with nothing above."""
    rate = clip.samplerate
    level_dbm0 = tone_dbm0 - snr_db
    if not narrow:
        return damaged(clip, lambda x: channel.add_noise(x, level_dbm0=level_dbm0, samplerate=rate, rng=rng))
    wider_db = 10.0 * np.log10(channel.NOISE_BAND_HZ / NARROW_HZ)
    noise = channel.noise(len(clip.samples), level_dbm0=level_dbm0 + wider_db, samplerate=rate, rng=rng)
    return damaged(clip, lambda x: x + low_pass(noise, rate, NARROW_HZ))


def survives(bench: Bench, damage: Damage, *, n: int | None = None, on_ms: float = 40.0, gap_ms: float = 40.0) -> Make:
    """Every key after a damage; 40/40 ms unless the limits ask for a longer pause."""

    def make(rng: Rng) -> Clip:
        clip = dial(
            rng,
            random_keys(rng, n or bench.n),
            bench.samplerate,
            on_ms=on_ms,
            gap_ms=max(gap_ms, bench.limits.pause_ms),
        )
        return damaged(clip, lambda x: damage(x, rng))

    return make


def _white_noise(bench: Bench) -> list[Point]:
    def make(snr_db: float, narrow: bool, n: int) -> Make:
        return lambda rng: in_noise(
            rng,
            dial(rng, random_keys(rng, n), bench.samplerate, on_ms=40.0, gap_ms=max(40.0, bench.limits.pause_ms)),
            snr_db,
            narrow=narrow,
        )

    demands = (
        (15.0, 0.0, True, "AT&T, reported"),
        (12.0, 1e-4, True, "MT8870 and others, data sheets"),
        (10.0, 0.0, False, "CMX869, Dialogic, reported"),
    )
    return [
        must(
            f"SNR {snr_db:g} dB re each tone, noise to {3 if narrow else 4} kHz",
            make(snr_db, narrow, bench.n if bench.quick or not allowed else 10 * bench.n),
            allowed=allowed,
            judged=judged,
            source=source,
        )
        for snr_db, allowed, judged, source in demands
        for narrow in (False, True)
    ]


def mitel_noise(rng: Rng, n: int, samplerate: int, snr_db: float) -> Clip:
    """Mitel test 7: digit 1, again and again, in white noise."""
    clip = dial(rng, [Tone.TONE1] * n, samplerate, low_dbm0=-4.0, high_dbm0=-4.0)
    return in_noise(rng, clip, snr_db, tone_dbm0=-4.0)


def _mitel_noise(bench: Bench) -> list[Point]:
    def make(snr_db: float) -> Make:
        return lambda rng: mitel_noise(rng, 100 if bench.quick else 1000, bench.samplerate, snr_db)

    return [must(f"digit 1 in noise, SNR {snr_db:g} dB", make(snr_db)) for snr_db in (24.0, 18.0, 12.0)]


def _dial_tone(name: str, rng: Rng, n: int, samplerate: int, level_dbm0: float) -> Samples:
    """Make one of :data:`DIAL_TONES`; modulation is between nothing and twice, whose mean amplitude is the level's."""
    freqs_hz, swing_hz = DIAL_TONES[name]
    steady = sines(rng, freqs_hz, n, samplerate, level_dbm0)
    if not swing_hz:
        return steady
    swing = 0.5 * np.sin(2 * np.pi * swing_hz * np.arange(n) / samplerate)
    return steady * (1.0 + swing)


def _under_dial_tone(bench: Bench) -> list[Point]:
    limits = bench.limits
    floor_dbm0 = limits.bottom_dbm0

    def make(name: str, digit_dbm0: float, dial_dbm0: float) -> Make:
        def clip(rng: Rng) -> Clip:
            keys = dial(rng, random_keys(rng, bench.n), bench.samplerate, low_dbm0=digit_dbm0, high_dbm0=digit_dbm0)
            return damaged(keys, lambda x: x + _dial_tone(name, rng, len(x), bench.samplerate, dial_dbm0))

        return clip

    def alone(rng: Rng) -> tuple[Clip, int]:
        seconds = 2 if bench.quick else 20
        return spaced(
            (
                _dial_tone(name, rng, seconds * bench.samplerate, bench.samplerate, level)
                for name in DIAL_TONES
                for level in (-22.0, -10.0, LOUDEST_DIAL_DBM0)
            ),
            bench.samplerate,
        )

    def limit(ear: Ear, rng: Rng) -> float | None:
        reached = None
        for ratio_db in np.arange(0.0, LOUDEST_DIAL_DBM0 - floor_dbm0 + 0.5, 2.0):
            clip = make("350 + 440 Hz", LOUDEST_DIAL_DBM0 - ratio_db, LOUDEST_DIAL_DBM0)(rng)
            if count(clip, ear(clip)).errors:
                break
            reached = float(ratio_db)
        return reached

    loud = DIGIT_UNDER_DIAL_DBM0 + DIAL_LOUDER_DB
    return [
        *(
            must(
                f"{name}, {DIAL_LOUDER_DB:g} dB louder than keys of {DIGIT_UNDER_DIAL_DBM0:g} dBm0",
                make(name, DIGIT_UNDER_DIAL_DBM0, loud),
                source="spandsp's test with its dial-tone filter",
            )
            for name in DIAL_TONES
        ),
        must(
            f"350 + 440 Hz, {DIAL_OVER_WEAKEST_DB:g} dB louder than keys of {floor_dbm0:g} dBm0",
            make("350 + 440 Hz", floor_dbm0, floor_dbm0 + DIAL_OVER_WEAKEST_DB),
            source="MT8870, data sheet: 22 dB over the weakest tone",
        ),
        never("dial tones alone", alone, source="ITU-T Q.24 section 2.7"),
        value("350 + 440 Hz, loudest over keys without an error", limit, unit="dB", judged=False),
    ]


def _third_tone(bench: Bench) -> list[Point]:
    def make(rng: Rng) -> Clip:
        def with_third(part: Samples, _index: int) -> Samples:
            freq_hz = rng.uniform(300.0, 3400.0)
            while distance_pct(freq_hz) < THIRD_TONE_CLEAR_PCT:
                freq_hz = rng.uniform(300.0, 3400.0)
            return part + sines(rng, [freq_hz], len(part), bench.samplerate, LEVEL_DBM0 + THIRD_TONE_DB)

        return per_press(dial(rng, random_keys(rng, bench.n), bench.samplerate), with_third, around_ms=10.0)

    return [must("a tone 16 dB below, 300 to 3400 Hz, 7 % and more from every nominal", make)]


def _distortion(bench: Bench) -> list[Point]:
    def make(rng: Rng) -> Clip:
        clip = dial(rng, random_keys(rng, bench.n), bench.samplerate)
        total_dbm0 = channel.pair_dbm0(LEVEL_DBM0, LEVEL_DBM0) + DISTORTION_DB

        def distort(part: Samples, index: int) -> Samples:
            low_hz, high_hz = clip.presses[index].tone.frequencies_hz
            freqs_hz = [a * low_hz + b * high_hz for a, b in PRODUCTS]
            kept = [abs(freq_hz) for freq_hz in freqs_hz if abs(freq_hz) < 0.475 * bench.samplerate]
            products = sines(rng, kept, len(part), bench.samplerate, rng.uniform(-10.0, 0.0, len(kept)).tolist())
            return part + products * math.sqrt(power_from_dbm0(total_dbm0) / float(np.mean(products**2)))

        return per_press(clip, distort)

    return [must("harmonics and intermodulation, 20 dB below the pair in all", make)]


def _hum(bench: Bench) -> list[Point]:
    def make(freq_hz: float) -> Make:
        return survives(
            bench,
            lambda x, rng: x + sines(rng, [freq_hz], len(x), bench.samplerate, LEVEL_DBM0),
            on_ms=50.0,
            gap_ms=GAP_MS,
        )

    return [must(f"{freq_hz:g} Hz, as loud as each tone", make(freq_hz)) for freq_hz in (50.0, 60.0, 180.0)]


def _impulses(bench: Bench) -> list[Point]:
    pair_dbm0 = channel.pair_dbm0(LEVEL_DBM0, LEVEL_DBM0)
    clicks = survives(
        bench,
        lambda x, rng: channel.add_impulses(
            x, rate_per_s=5.0, level_dbm0=pair_dbm0 + 10.0, samplerate=bench.samplerate, rng=rng
        ),
        n=bench.n if bench.quick else 10 * bench.n,
        on_ms=50.0,
        gap_ms=GAP_MS,
    )
    return [must("5 clicks a second of 0.5 to 5 ms, 10 dB over the pair", clicks, judged=False)]


MUST_SURVIVE: Sequence[Case] = (
    Case(id="R13", title="White noise", source="AT&T, data sheets", points=_white_noise),
    Case(id="R14", title="Mitel's noise", source="Mitel CM7291 test 7", points=_mitel_noise),
    Case(id="R15", title="Dial tone", source="ITU-T Q.24 section 2.7", points=_under_dial_tone),
    Case(id="R16", title="Third tone", source="MT8870, data sheet", points=_third_tone),
    Case(
        id="R17", title="Distortion of the sender", source="ITU-T Q.23 clause 7.2, Q.24 section 2.9", points=_distortion
    ),
    Case(id="R18", title="Hum", source="this project", points=_hum),
    Case(id="R19", title="Impulses", source="this project", points=_impulses),
)
