"""Make every sample of this folder from the library's own synthesis and channel, with the truth about each.

    python samples/make_samples.py [FOLDER]

Everything random is seeded and no format used here stamps a time, so running it again gives the same files.
Another release of numpy may round differently or draw other noise; then the difference is to be reviewed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dtmf_audio import channel
from dtmf_audio.audio_io import write_audio
from dtmf_audio.synthesis import FRAME_SAMPLERATE, Press, RenderedTone, Rendering, frames, render
from dtmf_audio.tones import HIGH_HZ, KEY_TONES, LOW_HZ, parse_keys

Samples = npt.NDArray[np.float64]

TONES = (
    *("tone1", "tone2", "tone3", "tone4", "tone5", "tone6", "tone7", "tone8", "tone9"),
    *("tone0", "star", "pound"),
)
DELAY_MS = 1000
REQUEST = {
    "tones": list(TONES),
    "delayBetweenTonesMs": DELAY_MS,
    "clientContext": "e0be71f1-a14f-4cec-b65a-e7aba5db7c53",
}  # quoted: the example of Microsoft Graph's documentation of sendDtmfTones


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One file: its audio, shape (n, channels), and the tones of each channel."""

    file: str
    encoding: str
    samplerate: int
    samples: Samples
    tones: tuple[tuple[RenderedTone, ...], ...]

    @property
    def truth(self) -> dict[str, Any]:
        """What ``expected.json`` says of the file."""
        return {
            "file": self.file,
            "encoding": self.encoding,
            "samplerate": self.samplerate,
            "channels": len(self.tones),
            "tones": [[_place(tone, self.samplerate) for tone in tones] for tones in self.tones],
        }


def _place(tone: RenderedTone, samplerate: int) -> dict[str, Any]:
    return {
        "key": tone.tone.key,
        "tone": tone.tone.value,
        "start_s": round(tone.start / samplerate, 6),
        "stop_s": round(tone.stop / samplerate, 6),
    }


def _mono(file: str, encoding: str, rendering: Rendering, samples: Samples | None = None) -> Sample:
    return Sample(
        file=file,
        encoding=encoding,
        samplerate=rendering.samplerate,
        samples=(rendering.samples if samples is None else samples)[:, np.newaxis],
        tones=(rendering.tones,),
    )


def senddtmftones() -> Sample:
    """Return the documentation's request as the library renders it: 12 tones of 100 ms, 1000 ms apart."""
    return _mono("senddtmftones.wav", "pcm16", render(TONES, 8000, delay_ms=DELAY_MS))


def telephone() -> Sample:
    """Return a number dialled by hand over a line: dial tone until the first key, hum, noise, 300 to 3400 Hz."""
    rng = np.random.default_rng(1963)
    presses = [
        Press(tone=tone, on_ms=float(rng.integers(70, 180)), delay_ms=float(rng.integers(80, 260)))
        for tone in parse_keys("(425) 555-0123#")
    ]
    rate, hang_up = 8000, 6000  # dial tone stops after 750 ms, when the first key goes down
    dialled = render(presses, rate, level_dbm0=-16.0, lead_ms=750.0, tail_ms=250.0)
    line = dialled.samples.copy()
    line[:hang_up] += channel.add_dial_tone(np.zeros(hang_up), level_dbm0=-20.0, samplerate=rate)
    line = channel.slope(line, slope_db=-3.0, samplerate=rate)
    line = channel.add_noise(line, level_dbm0=-40.0, samplerate=rate, rng=rng, color="speech")
    line = channel.band_pass(line, samplerate=rate)
    line = channel.add_hum(line, level_dbm0=-36.0, samplerate=rate, freq_hz=60.0, harmonics_db=(-10.0, -6.0))
    return _mono("telephone.wav", "mulaw", dialled, line)


def two_parties() -> Sample:
    """Return a call with the caller on channel 0 and the callee on channel 1, both pressing at the same time."""
    rate = 8000
    rng = np.random.default_rng(2)
    caller = render("13579*ABCD", rate, on_ms=110.0, delay_ms=90.0, lead_ms=200.0, tail_ms=200.0)
    callee = render("2468013#97", rate, on_ms=130.0, delay_ms=65.0, lead_ms=230.0, level_dbm0=-18.0)
    sides = np.zeros((max(len(caller.samples), len(callee.samples)), 2))
    for number, side in enumerate((caller, callee)):
        sides[: len(side.samples), number] = side.samples
        sides[:, number] = channel.add_noise(sides[:, number], level_dbm0=-48.0, samplerate=rate, rng=rng)
    return Sample(
        file="two_parties.wav",
        encoding="pcm16",
        samplerate=rate,
        samples=sides,
        tones=(caller.tones, callee.tones),
    )


def media_stream() -> Sample:
    """Return what an app-hosted media session carries: 16 kHz, to be cut into frames of 20 ms."""
    rate = FRAME_SAMPLERATE
    entered = render("314159#", rate, on_ms=130.0, delay_ms=115.0, lead_ms=137.0, tail_ms=150.0)
    rng = np.random.default_rng(16)
    return _mono(
        "media_stream.s16le",
        "s16le",
        entered,
        channel.add_noise(entered.samples, level_dbm0=-55.0, samplerate=rate, rng=rng, color="pink"),
    )


def torture() -> Sample:
    """Return all keys four times at 40/40 ms: both frequencies 1.8 % off, 8 dB of twist, each with both signs."""
    rate, level_dbm0 = 8000, -16.0
    presses = [
        Press(
            tone=tone,
            level_dbm0=level_dbm0 - max(twist_db, 0.0),
            twist_db=twist_db,
            low_offset_pct=low_pct,
            high_offset_pct=high_pct,
        )
        for low_pct, high_pct, twist_db in ((1.8, 1.8, 8.0), (-1.8, -1.8, -8.0), (1.8, -1.8, -8.0), (-1.8, 1.8, 8.0))
        for tone in KEY_TONES
    ]
    rng = np.random.default_rng(40)
    rendering = render(presses, rate, on_ms=40.0, delay_ms=40.0, lead_ms=60.0, tail_ms=60.0, rng=rng)
    noisy = channel.add_noise_at_snr(
        rendering.samples,
        snr_db=20.0,
        signal_dbm0=channel.pair_dbm0(level_dbm0, level_dbm0 - 8.0),
        samplerate=rate,
        rng=rng,
    )
    return _mono("torture.wav", "pcm16", rendering, noisy)


def no_tones() -> Sample:
    """Return what is not a key: call progress tones, noise, sweeps, DTMF frequencies alone and paired wrongly."""
    rate = 8000
    rng = np.random.default_rng(0)

    def steady(*freqs_hz: float, duration_s: float) -> Samples:
        return channel.add_dial_tone(
            np.zeros(round(duration_s * rate)), level_dbm0=-13.0, samplerate=rate, freqs_hz=freqs_hz
        )

    def sweep(start_hz: float, stop_hz: float, duration_s: float) -> Samples:
        t = np.arange(round(duration_s * rate)) / rate
        return 0.2 * np.sin(2 * np.pi * (start_hz * t + (stop_hz - start_hz) / (2 * duration_s) * t**2))

    parts = [steady(350.0, 440.0, duration_s=0.5), steady(425.0, duration_s=0.4), steady(480.0, 620.0, duration_s=0.3)]
    parts += [
        channel.noise(rate // 5, level_dbm0=-20.0, samplerate=rate, rng=rng, color=color)
        for color in ("white", "pink", "speech")
    ]
    parts += [sweep(300.0, 3400.0, 0.8), sweep(1800.0, 600.0, 0.4)]
    parts += [steady(freq_hz, duration_s=0.12) for freq_hz in LOW_HZ + HIGH_HZ]
    parts += [steady(*pair, duration_s=0.12) for pair in ((LOW_HZ[0], LOW_HZ[3]), (HIGH_HZ[1], HIGH_HZ[2]))]
    silence = np.zeros(rate // 25)
    samples = np.concatenate([piece for part in parts for piece in (part, silence)])
    samples = channel.add_noise(samples, level_dbm0=-55.0, samplerate=rate, rng=rng)
    return _mono("no_tones.wav", "pcm16", Rendering(samples=samples, samplerate=rate, tones=()))


SAMPLES = (senddtmftones, telephone, two_parties, media_stream, torture, no_tones)


def write(sample: Sample, folder: Path) -> None:
    """Write the audio of one sample."""
    path = folder / sample.file
    if sample.encoding == "s16le":  # the platform's own buffers, one after the other
        path.write_bytes(b"".join(frame.data for frame in frames(sample.samples[:, 0], sample.samplerate)))
    else:
        write_audio(path, sample.samples, sample.samplerate, subtype=sample.encoding)


def write_json(path: Path, content: object) -> None:
    """Write JSON, indented, with the line ends of every system alike."""
    path.write_bytes((json.dumps(content, indent=2) + "\n").encode())


def main(arguments: Sequence[str]) -> None:
    """Write every sample and the truth into a folder: the first argument, or the script's own."""
    folder = Path(arguments[0]) if arguments else Path(__file__).resolve().parent
    folder.mkdir(parents=True, exist_ok=True)
    samples = [make() for make in SAMPLES]
    for sample in samples:
        write(sample, folder)
    write_json(folder / "senddtmftones.json", REQUEST)
    write_json(folder / "expected.json", {"samples": [sample.truth for sample in samples]})


if __name__ == "__main__":
    main(sys.argv[1:])
