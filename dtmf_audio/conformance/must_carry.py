"""R20 to R25: codecs, lines, losses and speech that a receiver must hear through; and what it tells of a press."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from dtmf_audio import channel
from dtmf_audio.audio_io import read_audio, write_audio
from dtmf_audio.conformance.cases import Bench, Case, Make, Measure, Outcome, Point, Verdict, must, not_run
from dtmf_audio.conformance.judge import Clip, Ear, count
from dtmf_audio.conformance.must_survive import Damage, in_noise, survives
from dtmf_audio.conformance.recordings import speech_under
from dtmf_audio.conformance.stimuli import GAP_MS, LEVEL_DBM0, damaged, dial, random_keys
from dtmf_audio.decoder import decode
from dtmf_audio.events import DetectedTone
from dtmf_audio.signals import Samples, to_float
from dtmf_audio.stream import StreamDecoder
from dtmf_audio.synthesis import RenderedTone
from dtmf_audio.units import ms_from_samples

Rng = np.random.Generator


def _through_file(samples: Samples, samplerate: int, file_format: str, subtype: str | None) -> Samples:
    """Write with a codec, and read back."""
    file = io.BytesIO()
    write_audio(file, samples, samplerate, file_format=file_format, subtype=subtype)
    file.seek(0)
    decoded, _ = read_audio(file)
    return to_float(decoded[:, 0], np.float64)


def _codecs(bench: Bench) -> list[Point]:
    def through(file_format: str, subtype: str | None) -> Make:
        return survives(
            bench,
            lambda x, _rng: _through_file(x, bench.samplerate, file_format, subtype),
            on_ms=50.0,
            gap_ms=GAP_MS,
        )

    points = [
        must("A-law", survives(bench, lambda x, _rng: channel.a_law(x), on_ms=50.0, gap_ms=GAP_MS)),
        must("µ-law", survives(bench, lambda x, _rng: channel.mu_law(x), on_ms=50.0, gap_ms=GAP_MS)),
    ]
    coded = (("GSM full rate", "WAV", "gsm"), ("IMA ADPCM", "WAV", "ima-adpcm"), ("Opus", "OPUS", None))
    for name, file_format, subtype in (*coded, ("MP3", "MP3", None), ("Ogg Vorbis", "OGG", None)):
        try:
            _through_file(np.zeros(bench.samplerate), bench.samplerate, file_format, subtype)
        except (ValueError, OSError) as error:
            points.append(not_run(name, f"cannot be encoded here: {error}"))
        else:
            points.append(must(name, through(file_format, subtype), judged=False, by_keys=True))
    return [*points, not_run("G.726, AMR", "libsndfile has no encoder")]


def _line(bench: Bench) -> list[Point]:
    rate = bench.samplerate

    def faster(offset_pct: float) -> Make:
        def make(rng: Rng) -> Clip:
            clip = dial(rng, random_keys(rng, bench.n), rate)
            ratio = 1.0 + offset_pct / 100.0
            presses = tuple(
                RenderedTone(tone=press.tone, start=round(press.start / ratio), stop=round(press.stop / ratio))
                for press in clip.presses
            )
            return replace(clip, samples=channel.clock_error(clip.samples, offset_pct=offset_pct), presses=presses)

        return make

    def clipped(rng: Rng) -> Clip:
        return damaged(
            dial(rng, random_keys(rng, bench.n), rate, low_dbm0=-4.0, high_dbm0=-4.0),
            lambda x: channel.clip(x, limit=0.5),
        )

    def line(damage: Damage) -> Make:
        return survives(bench, damage, on_ms=50.0, gap_ms=GAP_MS)

    return [
        must("300 to 3400 Hz band-pass", line(lambda x, _rng: channel.band_pass(x, samplerate=rate))),
        must("shifted by +7 Hz", line(lambda x, _rng: channel.frequency_shift(x, shift_hz=7.0, samplerate=rate))),
        must("shifted by -7 Hz", line(lambda x, _rng: channel.frequency_shift(x, shift_hz=-7.0, samplerate=rate))),
        must("played 1 % fast", faster(1.0)),
        must("played 1 % slow", faster(-1.0)),
        must("slope of +8 dB", line(lambda x, _rng: channel.slope(x, slope_db=8.0, samplerate=rate))),
        must("slope of -8 dB", line(lambda x, _rng: channel.slope(x, slope_db=-8.0, samplerate=rate))),
        must("tones of -4 dBm0 clipped at -6 dBFS", clipped),
    ]


def _losses(bench: Bench) -> list[Point]:
    def make(loss_pct: float, mode: channel.LossMode) -> Make:
        def lose(samples: Samples, rng: Rng) -> Samples:
            n_frames = len(channel.frame_edges(len(samples), bench.samplerate)) - 1
            lost = channel.lost_frames(n_frames, loss_pct=loss_pct, rng=rng)
            return channel.conceal(samples, lost, samplerate=bench.samplerate, mode=mode)

        return survives(bench, lose, on_ms=100.0, gap_ms=100.0)

    names: dict[channel.LossMode, str] = {"zeros": "silence", "repeat": "repetition"}
    return [
        must(f"{loss_pct:g} % of 20 ms frames lost, {name}, 100/100 ms", make(loss_pct, mode), judged=False)
        for loss_pct in (1.0, 5.0)
        for mode, name in names.items()
    ]


def _talk_through(bench: Bench) -> list[Point]:
    def make(rng: Rng) -> Clip:
        clip = dial(rng, random_keys(rng, bench.n), bench.samplerate)
        return damaged(clip, lambda x: x + speech_under(bench, rng, len(x), level_dbm0=LEVEL_DBM0 - 20.0))

    voices = "recordings" if bench.recordings else "made voices"
    return [must(f"speech 20 dB below the tones ({voices})", make, allowed=0.01)]


def _chunking(bench: Bench) -> list[Point]:
    profile = bench.own_profile
    if profile is None:
        return [not_run("chunks of 1, 7, 80, 160 and 4096 samples", "is for this library's stream decoder")]

    def measure_of(chunk: int) -> Measure:
        def measure(_ear: Ear, rng: Rng) -> Outcome:
            clip = in_noise(rng, dial(rng, random_keys(rng, 32), bench.samplerate), 20.0)
            whole = [
                (tone.tone, tone.start, tone.stop) for tone in decode(clip.samples, clip.samplerate, profile=profile)
            ]
            stream = StreamDecoder(clip.samplerate, profile=profile)
            events = [
                event
                for start in range(0, len(clip.samples), chunk)
                for event in stream.feed(clip.samples[start : start + chunk])
            ]
            events += stream.flush()
            pieces = [(tone.tone, tone.start, tone.stop) for tone in events if isinstance(tone, DetectedTone)]
            missed, extra = len([tone for tone in whole if tone not in pieces]), len(pieces)
            false = extra - (len(whole) - missed)
            verdict = Verdict.PASS if pieces == whole else Verdict.FAIL
            return Outcome(verdict=verdict, trials=len(whole), missed=missed, false=false)

        return measure

    return [
        Point(
            what=f"chunks of {chunk} samples", criterion="the same tones at the same samples", measure=measure_of(chunk)
        )
        for chunk in (1, 7, 80, 160, 4096)
    ]


def _measured(bench: Bench) -> list[Point]:
    def measure_of(of: Callable[[DetectedTone, RenderedTone], float], high: float, unit: str) -> Measure:
        def measure(ear: Ear, rng: Rng) -> Outcome:
            clip = in_noise(rng, dial(rng, random_keys(rng, bench.n), bench.samplerate), 30.0)
            heard = ear(clip)
            if heard.tones is None:
                return Outcome(verdict=Verdict.NOT_RUN, note="the decoder tells keys alone")
            found = count(clip, heard)
            if found.errors:  # then there is no telling which tone is which press
                return Outcome(verdict=Verdict.FAIL, trials=found.presses, unit=unit, note=f"{found.errors} errors")
            worst = max(of(tone, press) for tone, press in zip(heard.tones, clip.presses, strict=True))
            verdict = Verdict.PASS if worst <= high else Verdict.FAIL
            return Outcome(verdict=verdict, trials=found.presses, value=worst, unit=unit)

        return measure

    rate = bench.samplerate
    quantities: tuple[tuple[str, Callable[[DetectedTone, RenderedTone], float], float, str], ...] = (
        ("start, worst error", lambda tone, press: ms_from_samples(abs(tone.start - press.start), rate), 3.0, "ms"),
        ("stop, worst error", lambda tone, press: ms_from_samples(abs(tone.stop - press.stop), rate), 3.0, "ms"),
        ("level of either tone, worst error", _level_error, 0.5, "dB"),
    )
    return [
        Point(what=what, criterion=f"at most {high:g} {unit} at 30 dB", measure=measure_of(of, high, unit))
        for what, of, high, unit in quantities
    ]


def _level_error(tone: DetectedTone, _press: RenderedTone) -> float:
    return max(abs(tone.low_level_dbm0 - LEVEL_DBM0), abs(tone.high_level_dbm0 - LEVEL_DBM0))


MUST_CARRY: Sequence[Case] = (
    Case(id="R20", title="Codecs", source="ITU-T G.711; others reported", points=_codecs),
    Case(id="R21", title="Line", source="ITU-T Q.24 sections 2.3 and 2.4", points=_line),
    Case(id="R22", title="Packet loss", source="this project", points=_losses),
    Case(id="R23", title="Talking at the same time", source="ITU-T Q.24 section 2.6", points=_talk_through),
    Case(id="R24", title="Chunking", source="this project", points=_chunking),
    Case(id="R25", title="Measured values", source="stricter than spandsp's callback tests", points=_measured),
)
