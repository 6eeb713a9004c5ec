"""G1 to G12: what this library renders, measured; only G12 hears it with the decoder that is judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from dtmf_audio import channel, synthesis
from dtmf_audio.conformance.cases import Bench, Case, Point, must, not_run, value
from dtmf_audio.conformance.judge import Clip, Ear
from dtmf_audio.errors import InvalidSettingError
from dtmf_audio.signals import Samples, to_pcm16
from dtmf_audio.synthesis import Rendering, highest_level_dbm0, render
from dtmf_audio.tones import KEY_TONES, Tone
from dtmf_audio.units import dbm0_from_amplitude, dbm0_from_power, ms_from_samples, samples_from_ms

Rng = np.random.Generator

DBV_OF_DBM = -2.22  # into 600 ohms
STEADY_MS = 10.0  # left out at both ends
OFF_DBM0 = -55.0
TELEPHONE_HZ = (300.0, 3400.0)


def _fit(samples: Samples, tone: Tone, samplerate: int) -> tuple[Samples, float]:
    """Least squares of the two nominal tones: their amplitudes, shape (2,), and the power of what is left."""
    turns = 2 * np.pi * np.arange(len(samples)) / samplerate
    waves = [wave(freq_hz * turns) for freq_hz in tone.frequencies_hz for wave in (np.cos, np.sin)]
    matrix = np.stack(waves, axis=1)  # (n, 4)
    found = np.linalg.lstsq(matrix, samples, rcond=None)[0]
    amplitudes = np.hypot(found[::2], found[1::2])
    return amplitudes, float(np.mean((samples - matrix @ found) ** 2))


def _steady(rendering: Rendering) -> Samples:
    """Steady part of a rendering's only tone, through 16 bits."""
    margin = samples_from_ms(STEADY_MS, rendering.samplerate)
    place = rendering.tones[0]
    return to_pcm16(rendering.samples)[place.start + margin : place.stop - margin] / 2.0**15


def _frequency_error_pct(samples: Samples, freq_hz: float, samplerate: int) -> float:
    """Frequency relative to nominal, from the phase of two windowed halves."""
    n = len(samples) // 2
    window = np.hanning(n) * np.exp(-2j * np.pi * freq_hz * np.arange(n) / samplerate)
    first, second = (np.sum(window * samples[start : start + n]) for start in (0, n))
    turned = np.angle(second * np.conj(first) * np.exp(-2j * np.pi * freq_hz * n / samplerate))
    return float(100.0 * turned / (2 * np.pi * n / samplerate) / freq_hz)


def _envelope(samplerate: int) -> Samples:
    """Rise and fall of a tone of 40 ms: each sample over that of the same tone hard-switched; NaN near its zeros."""
    ramps = (synthesis.DEFAULT_RAMP_MS, 0.0)
    soft, hard = (render([Tone.TONE5], samplerate, on_ms=40.0, ramp_ms=ramp_ms) for ramp_ms in ramps)
    loud = np.abs(hard.samples) > 0.2 * np.abs(hard.samples).max()
    envelope: Samples = np.divide(soft.samples, hard.samples, out=np.full(len(loud), np.nan), where=loud)
    return envelope


def _worst(of: Callable[[Tone], float]) -> Callable[[Ear, Rng], float]:
    return lambda _ear, _rng: max(of(tone) for tone in KEY_TONES)


def _constant(number: float) -> Callable[[Ear, Rng], float]:
    return lambda _ear, _rng: number


def _frequency(bench: Bench) -> list[Point]:
    def error(tone: Tone) -> float:
        steady = _steady(render([tone], bench.samplerate, on_ms=1000.0))
        return max(abs(_frequency_error_pct(steady, hz, bench.samplerate)) for hz in tone.frequencies_hz)

    return [value("each key, 1 s: farthest from nominal (by rule 1.5 %)", _worst(error), unit="%", high=0.01)]


def _distortion(bench: Bench) -> list[Point]:
    def below(tone: Tone) -> float:
        amplitudes, rest = _fit(_steady(render([tone], bench.samplerate, on_ms=1000.0)), tone, bench.samplerate)
        return dbm0_from_power(rest) - dbm0_from_amplitude(float(amplitudes.min()))

    return [value("all but the two tones, re the weaker (by rule -20 dB)", _worst(below), unit="dB", high=-70.0)]


def _level(bench: Bench) -> list[Point]:
    def levels(tone: Tone, level_dbm0: float) -> tuple[float, float]:
        amplitudes, _ = _fit(
            _steady(render([tone], bench.samplerate, on_ms=200.0, level_dbm0=level_dbm0)), tone, bench.samplerate
        )
        return dbm0_from_amplitude(float(amplitudes[0])), dbm0_from_amplitude(float(amplitudes[1]))

    def level_error(tone: Tone) -> float:
        return max(abs(levels(tone, asked)[0] - asked) for asked in (-30.0, -20.0, -10.0, -6.0))

    low, high = synthesis.DEFAULT_LEVEL_DBM0, synthesis.DEFAULT_LEVEL_DBM0 + synthesis.DEFAULT_TWIST_DB
    return [
        value("asked for -30 to -6 dBm0: worst error", _worst(level_error), unit="dB", high=0.1),
        value("low group by default", _constant(low + DBV_OF_DBM), unit="dBV", low=-13.0, high=-8.5),
        value("high group by default", _constant(high + DBV_OF_DBM), unit="dBV", low=-11.5, high=-7.0),
    ]


def _twist(bench: Bench) -> list[Point]:
    def error(tone: Tone) -> float:
        worst = 0.0
        for asked in (-10.0, -4.0, 0.0, 2.0, 8.0):
            rendering = render([tone], bench.samplerate, on_ms=200.0, level_dbm0=-15.0, twist_db=asked)
            amplitudes, _ = _fit(_steady(rendering), tone, bench.samplerate)
            worst = max(worst, abs(float(20 * np.log10(amplitudes[1] / amplitudes[0])) - asked))
        return worst

    return [
        value("asked for -10 to +8 dB: worst error", _worst(error), unit="dB", high=0.05),
        value("by default", _constant(synthesis.DEFAULT_TWIST_DB), unit="dB", low=1.0, high=4.0),
    ]


def _rise(_bench: Bench) -> list[Point]:
    rate = 48_000

    def rise_ms(_ear: Ear, _rng: Rng) -> float:
        envelope = _envelope(rate)
        worst = 0
        for half in (envelope, envelope[::-1]):
            known = np.flatnonzero(np.isfinite(half[: len(half) // 2]))
            above_10, above_90 = (int(known[np.argmax(half[known] >= share)]) for share in (0.1, 0.9))
            worst = max(worst, above_90 - above_10)
        return ms_from_samples(worst, rate)

    return [value("10 to 90 % of the height, the longer of rise and fall", rise_ms, unit="ms", high=5.0)]


def _length(bench: Bench) -> list[Point]:
    def error(_ear: Ear, _rng: Rng) -> float:
        worst = 0.0
        for on_ms in (40.0, 65.3, 100.0, 250.0):
            place = render([Tone.TONE5], bench.samplerate, on_ms=on_ms).tones[0]
            worst = max(worst, abs(place.stop - place.start - on_ms * bench.samplerate / 1000.0))
        return worst

    def within_1_db(_ear: Ear, _rng: Rng) -> float:
        known = np.flatnonzero(_envelope(48_000) >= 10.0 ** (-1.0 / 20.0))
        return ms_from_samples(int(known[-1] - known[0] + 1), 48_000)

    return [
        value("from first to last sample less what was asked, samples", error, unit="samples", high=1.0),
        value(
            "40 ms asked: time within 1 dB of steady",
            within_1_db,
            unit="ms",
            low=40.0,
            note="ramps lie inside the tone",
        ),
    ]


def _off(bench: Bench) -> list[Point]:
    def gap_dbm0(_ear: Ear, _rng: Rng) -> float:
        first, second = (rendering := render("55", bench.samplerate)).tones
        power = float(np.mean(rendering.samples[first.stop : second.start] ** 2))
        return max(dbm0_from_power(power), synthesis.MIN_LEVEL_DBM0)

    return [value("level between two presses", gap_dbm0, unit="dBm0", high=OFF_DBM0)]


def _clip(bench: Bench) -> list[Point]:
    def peak(_ear: Ear, _rng: Rng) -> float:
        worst = 0.0
        for twist_db in (-10.0, 0.0, 2.0, 10.0):
            level = highest_level_dbm0(twist_db)
            samples = render(KEY_TONES, bench.samplerate, level_dbm0=level, twist_db=twist_db, ramp_ms=0.0).samples
            worst = max(worst, float(np.abs(samples).max()))
            try:
                render(KEY_TONES, bench.samplerate, level_dbm0=level + 0.1, twist_db=twist_db)
            except InvalidSettingError:
                continue
            return float("inf")  # what clips was not refused
        return worst

    return [value("peak at the highest level taken; more is refused", peak, unit="of full scale", high=1.0)]


def _edges(bench: Bench) -> list[Point]:
    def mean_lsb(tone: Tone) -> float:
        return abs(float(np.mean(render([tone], bench.samplerate, on_ms=1000.0).samples))) * 2.0**15

    def outside_dbm0(tone: Tone) -> float:
        samples = render([tone], bench.samplerate, lead_ms=50.0, tail_ms=50.0).samples
        spectrum = np.abs(np.fft.rfft(samples)) ** 2 * 2.0 / len(samples)
        freqs_hz = np.fft.rfftfreq(len(samples), 1.0 / bench.samplerate)
        outside = (freqs_hz < TELEPHONE_HZ[0]) | (freqs_hz > TELEPHONE_HZ[1])
        on = samples_from_ms(synthesis.DEFAULT_ON_MS, bench.samplerate)
        return dbm0_from_power(float(spectrum[outside].sum()) / on)

    return [
        value("mean over 1 s", _worst(mean_lsb), unit="LSB", high=1.0),
        value("outside 300 to 3400 Hz, edges and all", _worst(outside_dbm0), unit="dBm0", high=-40.0),
    ]


def _codec(bench: Bench) -> list[Point]:
    def below(law: Callable[[Samples], Samples]) -> Callable[[Tone], float]:
        def of(tone: Tone) -> float:
            rendering = render([tone], bench.samplerate, on_ms=1000.0)
            amplitudes, rest = _fit(law(_steady(rendering)), tone, bench.samplerate)
            return dbm0_from_power(rest) - channel.pair_dbm0(*(dbm0_from_amplitude(float(a)) for a in amplitudes))

        return of

    laws = (("A-law", channel.a_law), ("µ-law", channel.mu_law))
    return [value(f"{name}: distortion re the pair", _worst(below(law)), unit="dB", high=-30.0) for name, law in laws]


def _defaults(_bench: Bench) -> list[Point]:
    on_ms, off_ms = synthesis.DEFAULT_ON_MS, synthesis.DEFAULT_DELAY_MS
    return [
        value("tone by default", _constant(on_ms), unit="ms", low=65.0),
        value("pause by default", _constant(off_ms), unit="ms", low=70.0),
        value("period by default", _constant(on_ms + off_ms), unit="ms", low=125.0),
    ]


def _round_trip(bench: Bench) -> list[Point]:
    def make(rng: Rng) -> Clip:
        keys = [KEY_TONES[code] for code in rng.integers(0, 16, 32 * (4 if bench.quick else 32))]
        rendering = render(keys, bench.samplerate, lead_ms=100.0, tail_ms=300.0)
        return Clip(samples=rendering.samples, samplerate=rendering.samplerate, presses=rendering.tones)

    return [must("random keys at default timing and level, heard by the decoder", make)]


def _own(points: Callable[[Bench], list[Point]]) -> Callable[[Bench], list[Point]]:
    """Leave the generator out where another decoder is judged: it is not that decoder's."""

    def of(bench: Bench) -> list[Point]:
        if bench.own_profile is None:
            return [not_run("of this library's renderer", "another decoder is judged")]
        return points(bench)

    return of


GENERATOR: Sequence[Case] = (
    Case(id="G1", title="Frequency sent", source="ITU-T Q.23 clause 7.1; target ours", points=_own(_frequency)),
    Case(id="G2", title="Distortion sent", source="ITU-T Q.23 clause 7.2; target ours", points=_own(_distortion)),
    Case(id="G3", title="Level sent", source="ETSI ES 201 235-2, reported; error ours", points=_own(_level)),
    Case(id="G4", title="Twist sent", source="ETSI ES 201 235-2 and BT SIN 351, reported", points=_own(_twist)),
    Case(id="G5", title="Rise and fall", source="AS/CA S002:2010 clause 5.5.1.9", points=_own(_rise)),
    Case(id="G6", title="Length sent", source="TIA and Bellcore, reported", points=_own(_length)),
    Case(id="G7", title="Silence between", source="TIA and Bellcore, reported", points=_own(_off)),
    Case(id="G8", title="No clipping", source="this project", points=_own(_clip)),
    Case(id="G9", title="DC and clicks", source="BT SIN 351, reported; DC ours", points=_own(_edges)),
    Case(id="G10", title="Through G.711", source="ITU-T G.711, whose quantising gives some 38 dB", points=_own(_codec)),
    Case(id="G11", title="Default timing", source="ETSI, reported; ITU-T Q.24; AS/CA S002", points=_own(_defaults)),
    Case(id="G12", title="Round trip", source="this project", points=_round_trip),
)
