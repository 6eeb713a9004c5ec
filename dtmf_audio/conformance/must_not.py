"""N1 to N13: what no receiver within the limits may take for a key."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from dtmf_audio import channel
from dtmf_audio.conformance.cases import Bench, Case, Outcome, Point, Verdict, never, not_run, per_hour
from dtmf_audio.conformance.judge import Clip, Ear, upper_share
from dtmf_audio.conformance.must_survive import in_noise
from dtmf_audio.conformance.others import OTHERS
from dtmf_audio.conformance.recordings import clips_of, is_music
from dtmf_audio.conformance.stimuli import dial, distance_pct, random_keys, sines, spaced, vowel
from dtmf_audio.signals import Samples
from dtmf_audio.tones import HIGH_HZ, KEY_TONES, LOW_HZ, Tone
from dtmf_audio.units import samples_from_ms

Rng = np.random.Generator
Stimulus = Callable[[Rng], tuple[Clip, int]]

EDGE = 1e-9  # of a percentage that is computed from itself
NOISE_S = 7200.0  # of each kind; a user in earnest runs several seeds
NOISE_PART = 4_800_000  # samples in memory at once: 10 minutes at 8000 Hz
NEEDS_RECORDINGS = "needs recordings: --talk-off FOLDER"
CALL_S = 180.0  # chosen: a call is taken to hold 3 minutes of connected speech
CALL_LIMITS = (  # quoted: ITU-T Q.24 table A-1, AT&T: keys, and the calls among which they may be simulated once
    ("0-9", "0123456789", 3000),
    ("0-9 * #", "0123456789*#", 2000),
    ("all 16", "0123456789*#ABCD", 1500),
)


def _keys_of(clip: Clip) -> tuple[Clip, int]:
    """Return presses that are none: the audio without its truth, and how many."""
    return Clip(samples=clip.samples, samplerate=clip.samplerate), len(clip.presses)


def _forbidden(what: str, why: bool, bench: Bench, make: Stimulus) -> Point:
    """Return the point, or word that this profile does not forbid it."""
    if not why:
        return not_run(what, f"{bench.limits.name} forbids none")
    return never(what, make, judged=bench.limits.judges_false)


def _off_frequency(bench: Bench) -> list[Point]:
    def off_by(percent: float) -> list[tuple[Tone, float, float]]:
        """Keys with one tone or both so far off, and no nearer to another nominal frequency."""

        def clear(tone: Tone, group: int, offset: float) -> bool:
            nominals = (LOW_HZ, HIGH_HZ)[group]
            return distance_pct(tone.frequencies_hz[group] * (1 + offset / 100), nominals) >= percent - EDGE

        shifts = [(sign * percent, 0.0) for sign in (1, -1)] + [(0.0, sign * percent) for sign in (1, -1)]
        shifts += [(low * percent, high * percent) for low in (1, -1) for high in (1, -1)]
        return [
            (tone, low, high)
            for tone in KEY_TONES
            for low, high in shifts
            if (not low or clear(tone, 0, low)) and (not high or clear(tone, 1, high))
        ]

    def make(percent: float, both: bool) -> Stimulus:
        def clip(rng: Rng) -> tuple[Clip, int]:
            kinds = [kind for kind in off_by(percent) if (kind[1] != 0.0 and kind[2] != 0.0) is both]
            drawn = [kinds[index % len(kinds)] for index in rng.permutation(max(bench.n, len(kinds)))]
            tones, low, high = zip(*drawn, strict=True)
            return _keys_of(
                dial(rng, tones, bench.samplerate, low_offset_pct=np.array(low), high_offset_pct=np.array(high))
            )

        return clip

    if not bench.limits.reject_offsets_pct:
        return [not_run("off frequency", f"{bench.limits.name} forbids none")]
    return [
        never(
            f"{'both tones' if both else 'one tone'} ±{percent:g} %",
            make(percent, both),
            judged=bench.limits.judges_false,
        )
        for percent in bench.limits.reject_offsets_pct
        for both in (False, True)
    ]


def _faint(bench: Bench) -> list[Point]:
    level = bench.limits.reject_level_dbm0
    if level is None:
        return [not_run("faint tones", f"{bench.limits.name} forbids none")]
    return [
        never(
            f"both tones at {dbm0:g} dBm0",
            lambda rng, dbm0=dbm0: _keys_of(  # type: ignore[misc]
                dial(rng, random_keys(rng, bench.n), bench.samplerate, low_dbm0=dbm0, high_dbm0=dbm0)
            ),
        )
        for dbm0 in (level, level - 3.0)
    ]


def _short(bench: Bench) -> list[Point]:
    longest = bench.limits.reject_on_ms
    if longest is None:
        return [not_run("short tones", f"{bench.limits.name} forbids none")]

    def make(shortest_ms: float, snr_db: float | None) -> Stimulus:
        def clip(rng: Rng) -> tuple[Clip, int]:
            on_ms = rng.uniform(shortest_ms, longest, bench.n)
            keys = dial(rng, random_keys(rng, bench.n), bench.samplerate, on_ms=on_ms, gap_ms=80.0)
            return _keys_of(keys if snr_db is None else in_noise(rng, keys, snr_db))

        return clip

    return [
        never(f"{longest:g} ms", make(longest, None)),
        never(f"{longest:g} ms, SNR 20 dB", make(longest, 20.0)),
        never(f"10 to {longest:g} ms", make(10.0, None)),
    ]


def _steady(bench: Bench, what: str, sets: Sequence[Sequence[float]], levels: Sequence[float], on_ms: float) -> Point:
    """Sets of steady sines, each at each level, with silence between."""

    def make(rng: Rng) -> tuple[Clip, int]:
        n = samples_from_ms(on_ms, bench.samplerate)
        return spaced(
            (sines(rng, freqs_hz, n, bench.samplerate, level) for level in levels for freqs_hz in sets),
            bench.samplerate,
        )

    return never(what, make, judged=bench.limits.judges_false)


def _one_tone(bench: Bench) -> list[Point]:
    levels = (0.0, -10.0, -20.0, -30.0) if bench.quick else tuple(range(0, -31, -2))
    return [_steady(bench, "each of the 8, 0 to -30 dBm0, 1 s", [(hz,) for hz in (*LOW_HZ, *HIGH_HZ)], levels, 1000.0)]


def _one_group(bench: Bench) -> list[Point]:
    pairs = [pair for group in (LOW_HZ, HIGH_HZ) for pair in itertools.combinations(group, 2)]
    levels = (-3.0, -10.0, -20.0) if bench.quick else tuple(range(-3, -28, -2))
    return [_steady(bench, "every pair within a group, -3 to -27 dBm0 each, 0.5 s", pairs, levels, 500.0)]


def _many_tones(bench: Bench) -> list[Point]:
    def chosen(low: int, high: int) -> list[tuple[float, ...]]:
        return [
            (*lows, *highs)
            for lows in itertools.combinations(LOW_HZ, low)
            for highs in itertools.combinations(HIGH_HZ, high)
        ]

    rounds = 1 if bench.quick else 10
    return [
        _steady(bench, name, chosen(low, high) * rounds, (-10.0,), 100.0)
        for name, low, high in (
            ("one low and two high, equal levels", 1, 2),
            ("two low and one high, equal levels", 2, 1),
            ("two low and two high, equal levels", 2, 2),
        )
    ]


def _others(bench: Bench) -> list[Point]:
    def make(sounds: Callable[[Rng, int, bool], Iterator[Samples]]) -> Stimulus:
        return lambda rng: spaced(sounds(rng, bench.samplerate, bench.quick), bench.samplerate)

    return [never(name, make(sounds), judged=bench.limits.judges_false) for name, sounds in OTHERS.items()]


def _noise(bench: Bench) -> list[Point]:
    seconds = 60.0 if bench.quick else NOISE_S

    def make(color: channel.NoiseColor) -> Callable[[Rng], Iterator[Clip]]:
        def clips(rng: Rng) -> Iterator[Clip]:
            rate = bench.samplerate
            left = int(seconds * rate)
            while left:
                n = min(left, NOISE_PART)
                left -= n
                noise = channel.noise(n, level_dbm0=-10.0, samplerate=rate, rng=rng, color=color)
                yield Clip(samples=noise, samplerate=rate)

        return clips

    allowed = 0.0 if bench.limits.judges_false else None
    names: tuple[tuple[str, channel.NoiseColor], ...] = (
        ("white", "white"),
        ("pink", "pink"),
        ("babble-shaped", "speech"),
    )
    return [per_hour(f"{name} noise at -10 dBm0", make(color), allowed=allowed) for name, color in names]


def _grid(bench: Bench) -> list[Point]:
    if not bench.limits.reject_offsets_pct:
        return [not_run("pairs in steps of 5 Hz", f"{bench.limits.name} forbids none")]
    percent = min(bench.limits.reject_offsets_pct)

    def make(rng: Rng) -> tuple[Clip, int]:
        pairs = [
            (low, high)
            for low in np.arange(600.0, 1101.0, 5.0)
            for high in np.arange(1100.0, 1801.0, 5.0)
            if distance_pct(low, LOW_HZ) >= percent or distance_pct(high, HIGH_HZ) >= percent
        ]
        order = rng.permutation(len(pairs))[: len(pairs) // 16 if bench.quick else len(pairs)]
        n = samples_from_ms(60.0, bench.samplerate)
        sounds = (sines(rng, pairs[index], n, bench.samplerate, -10.0) for index in order)
        return spaced(sounds, bench.samplerate, gap_ms=60.0)

    what = f"600-1100 Hz with 1100-1800 Hz in steps of 5 Hz, one of them {percent:g} % off or more, 60 ms"
    return [never(what, make, judged=bench.limits.judges_false)]


def _speech(bench: Bench) -> list[Point]:
    paths = tuple(path for path in bench.recordings if not is_music(path))
    level, allowed = bench.limits.speech or (-12.0, None)
    what = f"recorded speech at {level:g} dBm0 mean"
    if not paths:
        return [not_run(what, NEEDS_RECORDINGS)]
    return [per_hour(what, lambda _rng: clips_of(paths, level), allowed=allowed)]


def _speech_calls(bench: Bench) -> list[Point]:
    paths = tuple(path for path in bench.recordings if not is_music(path))
    if not paths:
        return [not_run("recorded speech, by the call of 3 minutes", NEEDS_RECORDINGS)]

    def measure(ear: Ear, keys: str, calls_allowed: int) -> Outcome:
        false, seconds = 0, 0.0
        for clip in clips_of(paths, -13.0):
            false += sum(key in keys for key in ear(clip).keys)
            seconds += clip.seconds
        calls = max(1, round(seconds / CALL_S))
        passed = false * calls_allowed <= calls
        return Outcome(
            verdict=(Verdict.PASS if passed else Verdict.FAIL) if bench.limits.calls else Verdict.REPORTED,
            trials=calls,
            false=false,
            value=100.0 * false / calls,
            unit="%",
            bound=100.0 * upper_share(false, calls),
        )

    return [
        Point(
            what=f"recorded speech, calls of 3 minutes, {name}",
            criterion=f"at most 1 in {calls} calls" if bench.limits.calls else "reported",
            measure=lambda ear, _rng, keys=keys, calls=calls: measure(ear, keys, calls),  # type: ignore[misc]
        )
        for name, keys, calls in CALL_LIMITS
    ]


def _music(bench: Bench) -> list[Point]:
    paths = tuple(path for path in bench.recordings if is_music(path))
    if not paths:
        return [not_run("recorded music, singing, bells", f"{NEEDS_RECORDINGS}, in a folder named music in it")]
    return [per_hour("recorded music", lambda _rng: clips_of(paths, -12.0), allowed=None)]


def _vowels(bench: Bench) -> list[Point]:
    def make(shortest_ms: float, longest_ms: float) -> Stimulus:
        def clip(rng: Rng) -> tuple[Clip, int]:
            lengths = rng.uniform(shortest_ms, longest_ms, 4 * bench.n)
            sounds = (vowel(rng, bench.samplerate, on_ms=on_ms, level_dbm0=-10.0) for on_ms in lengths)
            return spaced(sounds, bench.samplerate)

        return clip

    return [
        never(f"made vowels with harmonics on a pair, {a:g} to {b:g} ms", make(a, b), judged=False)
        for a, b in ((20.0, 40.0), (40.0, 200.0))
    ]


MUST_NOT: Sequence[Case] = (
    Case(id="N1", title="Off frequency", source="", points=_off_frequency),
    Case(id="N2", title="Too faint", source="", points=_faint),
    Case(id="N3", title="Too short", source="", points=_short),
    Case(id="N4", title="One tone alone", source="ITU-T Q.24 section 2.2", points=_one_tone),
    Case(id="N5", title="Two tones of one group", source="ITU-T Q.24 section 2.2", points=_one_group),
    Case(id="N6", title="Three and four tones", source="ITU-T Q.24 section 2.2", points=_many_tones),
    Case(id="N7", title="Other signals of the telephone", source="good practice", points=_others),
    Case(id="N8", title="Noise", source="good practice", points=_noise),
    Case(id="N9", title="Pairs of any frequencies", source="", points=_grid),
    Case(id="N10", title="Speech", source="", points=_speech),
    Case(id="N11", title="Speech, by the call", source="ITU-T Q.24 table A-1, AT&T", points=_speech_calls),
    Case(id="N12", title="Music", source="ITU-T Q.24 section 2.6", points=_music),
    Case(id="N13", title="Worst-case speech", source="this project, in place of recorded tapes", points=_vowels),
)
