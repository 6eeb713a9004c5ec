"""The scoreboard: error rates of this library and of the peers on this machine, one damage at a time, on the same samples.

    python tests/benchmarks/scoreboard.py [--presses 1000] [--seed 100] [--decoders own,own:q24,spandsp] [--only TEXT]
        [--talk-off FOLDER] [--recordings FOLDER] [--speech FOLDER] [--json PATH] [--markdown PATH] [--jobs 2]

Every press is a random key at random phases, not aligned with any block; 8 kHz, -10 dBm0 a tone, 40 ms on, 40 to
45 ms off, unless the row says otherwise. SNR is the power of the pair over the power of the noise from 0 to 4 kHz. All
decoders get the same samples of 16 bits, the peers at 8 kHz. An error is a press missed, a press heard twice, or a tone
that nobody pressed; a wrong key is two. This library's tones are compared with the truth by their times; the peers give
none, so their string is aligned with the keys that were pressed, which is the milder of the two. In a row of what must
be rejected each tone heard is an error. Bounds are of 95 % (Clopper and Pearson, or Poisson where time is counted).

``own`` is the profile ``default``, ``own:NAME`` another one. A decoder or an input that is missing is named and left
out. Seeds below 100 were used while the receiver was made; report on others.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from helpers import Score, random_presses, score
from peer_decoders import DECODERS, PYPI_DECODERS, RATE, Decoder, as_pcm, load, resample
from recordings import is_right, keys_by_channel, raw_format, scored_rows, wanted_keys

from dtmf_audio import (
    DetectedTone,
    DtmfError,
    Press,
    RenderedTone,
    Rendering,
    StreamDecoder,
    ToneStarted,
    channel,
    decode,
    render,
)
from dtmf_audio.audio_io import read_audio
from dtmf_audio.signals import to_float
from dtmf_audio.tones import KEY_TONES
from dtmf_audio.units import amplitude_from_dbm0, power_from_dbm0

Samples = npt.NDArray[np.float64]
Pcm = npt.NDArray[np.int16]
Rng = np.random.Generator
Damage = Callable[[Rendering, Rng], Samples]

LEVEL_DBM0 = -10.0
PAIR_DBM0 = channel.pair_dbm0(LEVEL_DBM0, LEVEL_DBM0)
FRAME_MS = 20
SPEECH_PART_S = 10.0
SPEECH_RANGE_DB = 25.0  # 20 ms frames that lie less below the loudest 5 % count as speech, for its level
AUDIO_SUFFIXES = {".wav", ".flac", ".ogg", ".mp3"}


# ---- A row: what is sent, and what is wanted -----------------------------------------------------


@dataclass(frozen=True)
class Case:
    """What all decoders of a row get, and the truth about it."""

    pcm: Pcm
    samplerate: int
    truth: tuple[RenderedTone, ...]
    lost: npt.NDArray[np.bool_] | None = None  # 20 ms frames that ``StreamDecoder.gap`` is to be told of


@dataclass(frozen=True)
class Row:
    """One line of the table.

    ``target`` is the highest error rate that is good enough; ``needs`` names what the machine must have.
    """

    name: str
    make: Callable[[int, Rng], Case]
    target: float = 0.0
    reject: bool = False
    own_only: bool = False
    own_profile: str | None = None
    needs: tuple[str, ...] = ()


def row(
    name: str,
    damage: Damage | None = None,
    *,
    presses: Callable[..., Rendering] = random_presses,
    samplerate: int = RATE,
    target: float = 0.0,
    reject: bool = False,
    own_profile: str | None = None,
    needs: tuple[str, ...] = (),
    **settings: Any,
) -> Row:
    """Presses at some settings, and what happens to them."""

    def make(n: int, rng: Rng) -> Case:
        rendering = presses(n, rng, samplerate=samplerate, **settings)
        samples = damage(rendering, rng) if damage else rendering.samples
        return Case(as_pcm(samples), samplerate, tuple(rendering.tones))

    return Row(name, make, target, reject, own_only=own_profile is not None, own_profile=own_profile, needs=needs)


# ---- Damages -------------------------------------------------------------------------------------


def at_snr(snr_db: float) -> Damage:
    """White noise under tones of the usual level."""
    return lambda r, rng: channel.add_noise_at_snr(
        r.samples, snr_db=snr_db, signal_dbm0=PAIR_DBM0, samplerate=r.samplerate, rng=rng
    )


def dial_tone(freqs_hz: Sequence[float], level_dbm0: float) -> Damage:
    """A continuous dial tone."""
    return lambda r, _: channel.add_dial_tone(
        r.samples, level_dbm0=level_dbm0, samplerate=r.samplerate, freqs_hz=freqs_hz
    )


def hum(freq_hz: float) -> Damage:
    """Mains hum as loud as each of the tones."""
    return lambda r, rng: channel.add_hum(
        r.samples, level_dbm0=LEVEL_DBM0, samplerate=r.samplerate, freq_hz=freq_hz, phase_rad=rng.uniform(0, 2 * np.pi)
    )


def echo(delay_ms: float) -> Damage:
    """One echo at -10 dB."""
    return lambda r, _: channel.add_echo(r.samples, delay_ms=delay_ms, level_db=-10.0, samplerate=r.samplerate)


def third_tone(r: Rendering, rng: Rng) -> Samples:
    """With each press a third tone 16 dB below each of the two, 300 to 3400 Hz, 6 % or more away from both."""
    samples = r.samples.copy()
    for press in r.tones:
        while True:
            freq_hz = rng.uniform(300.0, 3400.0)
            if all(abs(freq_hz / own_hz - 1) > 0.06 for own_hz in press.tone.frequencies_hz):
                break
        t = np.arange(press.stop - press.start) / r.samplerate
        phase = 2 * np.pi * freq_hz * t + rng.uniform(0, 2 * np.pi)
        samples[press.start : press.stop] += amplitude_from_dbm0(LEVEL_DBM0 - 16.0) * np.sin(phase)
    return samples


def hole(length_ms: float, *, jump: bool = False) -> Damage:
    """One silent hole at a random place inside each press; with ``jump`` the tones come back at new random phases."""

    def damage(r: Rendering, rng: Rng) -> Samples:
        samples = r.samples.copy()
        n = round(length_ms * r.samplerate / 1000)
        for press in r.tones:
            start = int(rng.integers(press.start, press.stop - n))
            samples[start : start + n] = 0.0
            if jump:
                samples[start + n : press.stop] = pair(press, press.stop - start - n, r.samplerate, rng)
        return samples

    return damage


def pair(press: RenderedTone, n: int, samplerate: int, rng: Rng) -> Samples:
    """The tones of a press at their usual level and at random phases, shape (n,)."""
    t = np.arange(n) / samplerate
    tones = [np.sin(2 * np.pi * (hz * t + rng.uniform())) for hz in press.tone.frequencies_hz]
    return np.asarray(amplitude_from_dbm0(LEVEL_DBM0) * np.sum(tones, axis=0))


def speech_below(db: float) -> Damage:
    """Speech whose active level lies this far below the power of the pair."""

    def damage(r: Rendering, rng: Rng) -> Samples:
        files = speech_files()
        parts: list[Samples] = []
        wanted = len(r.samples)
        while wanted > 0:
            part = speech_part(load_speech(files[rng.integers(len(files))]), rng)
            parts.append(resample(part, RATE, r.samplerate))
            wanted -= len(parts[-1])
        speech = np.concatenate(parts)[: len(r.samples)]
        return r.samples + speech * math.sqrt(power_from_dbm0(PAIR_DBM0 - db))

    return damage


def speech_part(speech: Samples, rng: Rng) -> Samples:
    """Some seconds of speech, scaled so that the mean power is 1 while there is speech; shape (n,)."""
    n = min(len(speech), round(SPEECH_PART_S * RATE))
    start = int(rng.integers(0, len(speech) - n + 1))
    part = speech[start : start + n]
    frames = np.square(part[: n - n % 160]).reshape(-1, 160).mean(axis=1)
    active = frames[frames > np.quantile(frames, 0.95) * 10 ** (-SPEECH_RANGE_DB / 10)]
    return part / math.sqrt(active.mean()) if active.size else part * 0.0


def lost_frames(r: Rendering, rng: Rng) -> npt.NDArray[np.bool_]:
    """5 % of the 20 ms frames."""
    n_frames = len(channel.frame_edges(len(r.samples), r.samplerate)) - 1
    return channel.lost_frames(n_frames, loss_pct=5.0, rng=rng)


def loss(mode: channel.LossMode) -> Damage:
    """Lose 5 % of the 20 ms frames, and put something in their place."""
    return lambda r, rng: channel.conceal(r.samples, lost_frames(r, rng), samplerate=r.samplerate, mode=mode)


def told_loss(n: int, rng: Rng) -> Case:
    """5 % of the 20 ms frames lost, and the decoder told so."""
    rendering = random_presses(n, rng, **LONG)
    lost = lost_frames(rendering, rng)
    samples = channel.conceal(rendering.samples, lost, samplerate=RATE, mode="zeros")
    return Case(as_pcm(samples), RATE, tuple(rendering.tones), lost)


def pairs_of_keys(n: int, rng: Rng, *, samplerate: int, gap_ms: float) -> Rendering:
    """Each key twice, ``gap_ms`` apart, then 60 to 65 ms of silence."""
    presses = []
    for index in range(n):
        if index % 2 == 0:
            tone = KEY_TONES[rng.integers(16)]
        presses.append(Press(tone=tone, delay_ms=60.0 + rng.uniform(0.0, 5.0) if index % 2 else gap_ms))
    return render(
        presses, samplerate, on_ms=40.0, ramp_ms=0.0, level_dbm0=LEVEL_DBM0, lead_ms=70.0, tail_ms=60.0, rng=rng
    )


# ---- Codecs --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Codec:
    """How ffmpeg sends samples through a codec."""

    encoder: str
    suffix: str
    options: tuple[str, ...] = ()
    samplerate: int = RATE


CODECS = {
    "G.726 32 kbit/s": Codec("g726", ".wav", ("-b:a", "32k")),
    "G.722": Codec("g722", ".wav", (), 16_000),
    "GSM full rate": Codec("libgsm", ".gsm"),
    "Speex 11 kbit/s": Codec("libspeex", ".spx", ("-b:a", "11k")),
    "Opus 24 kbit/s": Codec("libopus", ".opus", ("-b:a", "24k", "-application", "voip")),
    "Opus 12 kbit/s": Codec("libopus", ".opus", ("-b:a", "12k", "-application", "voip")),
    "Opus 8 kbit/s": Codec("libopus", ".opus", ("-b:a", "8k", "-application", "voip")),
    "MP3 32 kbit/s": Codec("libmp3lame", ".mp3", ("-b:a", "32k")),
    "MP3 16 kbit/s": Codec("libmp3lame", ".mp3", ("-b:a", "16k")),
    "MP3 8 kbit/s": Codec("libmp3lame", ".mp3", ("-b:a", "8k")),
    "AAC 24 kbit/s": Codec("aac", ".m4a", ("-b:a", "24k")),
    "Vorbis q0": Codec("libvorbis", ".ogg", ("-q:a", "0")),
}


def through(codec: Codec) -> Damage:
    """Encode and decode; the codec's delay is taken out."""

    def damage(r: Rendering, _: Rng) -> Samples:
        raw = ["-f", "s16le", "-ar", str(r.samplerate), "-ac", "1"]
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / f"coded{codec.suffix}")
            encode = [*raw, "-i", "-", "-ar", str(codec.samplerate), "-c:a", codec.encoder, *codec.options, path]
            ffmpeg(encode, as_pcm(r.samples).tobytes())
            decoded = np.frombuffer(ffmpeg(["-i", path, *raw, "-"]), "<i2") / 2.0**15
        return without_delay(decoded, r.samples, r.samplerate)

    return damage


def ffmpeg(arguments: list[str], stdin: bytes = b"") -> bytes:
    """Standard output of ffmpeg."""
    command = ["ffmpeg", "-v", "error", "-nostdin" if not stdin else "-y", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, check=True, timeout=600).stdout


@functools.cache
def ffmpeg_encoders() -> frozenset[str]:
    """Names of the encoders of the ffmpeg on this machine; none without one."""
    if shutil.which("ffmpeg") is None:
        return frozenset()
    said = subprocess.run(["ffmpeg", "-hide_banner", "-encoders"], capture_output=True, text=True, check=True).stdout
    return frozenset(re.findall(r"^ A\S{5} (\S+)", said, re.MULTILINE))


def without_delay(late: Samples, samples: Samples, samplerate: int, *, longest_ms: int = 300) -> Samples:
    """Move a signal to where another lies, by their envelopes, to the millisecond; shape of the other."""
    step = samplerate // 1000
    n = max(len(late), len(samples)) // step + longest_ms
    envelopes = []
    for signal in (late, samples):
        padded = np.zeros(n * step)
        padded[: len(signal)] = signal[: n * step]
        envelopes.append(np.fft.rfft(np.sqrt(np.square(padded).reshape(n, step).mean(axis=1)), 2 * n))
    likeness = np.fft.irfft(envelopes[0] * np.conj(envelopes[1]))
    delays = np.arange(-longest_ms, longest_ms + 1)
    delay = int(delays[np.argmax(likeness[delays])]) * step
    moved = np.zeros(len(samples))
    source = late[max(0, delay) :][: len(samples) - max(0, -delay)]
    moved[max(0, -delay) :][: len(source)] = source
    return moved


# ---- The rows ------------------------------------------------------------------------------------

LONG = {"on_ms": 100.0, "delay_ms": 100.0}
CODED = {"on_ms": 50.0, "delay_ms": 50.0}
LOW = {"level_dbm0": -22.0}  # so that what is 10 dB louder does not clip
AMERICA, EUROPE, JAPAN = channel.DIAL_TONES_HZ["north_america"], channel.DIAL_TONES_HZ["europe"], (400.0,)


def both_off(pct: float) -> dict[str, Any]:
    """Both tones off nominal, every combination of signs."""
    return {"vary": lambda rng: {f"{group}_offset_pct": pct * rng.choice((-1, 1)) for group in ("low", "high")}}


def one_off(pct: float) -> dict[str, Any]:
    """One tone off nominal, either one, either way."""
    return {"vary": lambda rng: {f"{rng.choice(('low', 'high'))}_offset_pct": pct * rng.choice((-1, 1))}}


def _rows() -> Iterable[Row]:
    yield row("clean")
    for snr_db, target in ((6, 0.0), (3, 0.0), (0, 0.001), (-2, 0.01)):
        yield row(
            f"white noise, SNR {snr_db:+d} dB".replace("-", "−").replace("+0", "0"), at_snr(snr_db), target=target
        )
    for pct in (1.5, 1.8):
        yield row(f"both tones {pct} % off, all signs", **both_off(pct))
    yield row("both tones 1.8 % off, all signs, SNR 15 dB", at_snr(15.0), **both_off(1.8))
    yield row("one tone 1.8 % off", **one_off(1.8))
    yield row("high group 10 dB louder", level_dbm0=-25.0, twist_db=10.0)
    yield row("high group 4 dB louder", level_dbm0=-15.0, twist_db=4.0)
    yield row("low group 8 dB louder", twist_db=-8.0)
    yield row("low group 10 dB louder", twist_db=-10.0)

    yield row("must reject: both tones 3.0 % off", reject=True, **both_off(3.0))
    yield row("must reject: both tones 3.5 % off", reject=True, **both_off(3.5))
    yield row("must reject: one tone 3.0 % off", reject=True, **one_off(3.0))
    yield row("must reject: one tone 3.5 % off", reject=True, **one_off(3.5))
    for on_ms in (25, 23, 20):
        yield row(f"must reject: {on_ms} ms on, 60 ms off", reject=True, on_ms=on_ms, delay_ms=60.0)
    yield row("must reject: −29 dBm0 a tone (profile q24)", reject=True, own_profile="q24", level_dbm0=-29.0)

    yield row("dial tone 350 + 440 Hz, each 10 dB louder", dial_tone(AMERICA, -12.0), **LOW)
    yield row("dial tone 425 Hz, 10 dB louder", dial_tone(EUROPE, -12.0), **LOW)
    yield row("dial tone 400 Hz, 10 dB louder", dial_tone(JAPAN, -12.0), **LOW)
    for hz in (50, 60, 180):
        yield row(f"hum of {hz} Hz, as loud as each tone", hum(hz))
    yield row("DC of 0.3 of full scale", lambda r, _: channel.add_dc(r.samples, offset=0.3))
    yield row("clipped, ×30", lambda r, _: channel.clip(r.samples, drive_db=20 * math.log10(30)))
    yield row("third tone 16 dB down", third_tone)
    for delay_ms in (5, 10, 20):
        yield row(f"echo of {delay_ms} ms at −10 dB", echo(delay_ms))
    yield row("speech 10 dB below the tones", speech_below(10.0), needs=("speech",))
    yield row("speech 5 dB below the tones", speech_below(5.0), needs=("speech",), target=0.01)

    yield row("same key again after 30 ms", presses=pairs_of_keys, gap_ms=30.0)
    for jump in (False, True):
        for ms in (5, 10, 15, 20):
            kept = "new phases after it" if jump else "phases kept"
            yield row(f"hole of {ms} ms in 100 ms, {kept}", hole(ms, jump=jump), **LONG)
    yield row("5 % of frames lost: zeros, 100/100 ms", loss("zeros"), target=0.02, **LONG)
    yield row("5 % of frames lost: repetition, 100/100 ms", loss("repeat"), target=0.005, **LONG)
    yield Row("5 % of frames lost: gap(n) told, 100/100 ms", told_loss, target=0.005, own_only=True)

    yield row("µ-law, 50/50 ms", lambda r, _: channel.mu_law(r.samples), **CODED)
    yield row("A-law, 50/50 ms", lambda r, _: channel.a_law(r.samples), **CODED)
    for name, codec in CODECS.items():
        target = 0.005 if name in {"GSM full rate", "Opus 8 kbit/s"} else 0.0
        needs = (f"ffmpeg with {codec.encoder}",)
        yield row(f"{name}, 50/50 ms", through(codec), target=target, needs=needs, **CODED)

    for samplerate in (16_000, 44_100, 48_000):
        at = f"{samplerate / 1000:g} kHz: "
        yield row(f"{at}clean", samplerate=samplerate)
        yield row(f"{at}white noise, SNR 0 dB", at_snr(0), samplerate=samplerate, target=0.001)
        yield row(f"{at}both tones 1.8 % off, SNR 15 dB", at_snr(15), samplerate=samplerate, **both_off(1.8))
        yield row(f"{at}must reject: both tones 3.0 % off", reject=True, samplerate=samplerate, **both_off(3.0))
        yield row(f"{at}must reject: 25 ms on", reject=True, samplerate=samplerate, on_ms=25.0, delay_ms=60.0)
        yield row(f"{at}high group 10 dB louder", samplerate=samplerate, level_dbm0=-25.0, twist_db=10.0)
        yield row(f"{at}dial tone, each 10 dB louder", dial_tone(AMERICA, -12.0), samplerate=samplerate, **LOW)
        yield row(f"{at}hum of 50 Hz", hum(50), samplerate=samplerate)
        yield row(f"{at}speech 10 dB below", speech_below(10.0), samplerate=samplerate, needs=("speech",))
        yield row(f"{at}hole of 20 ms, new phases after it", hole(20, jump=True), samplerate=samplerate, **LONG)
        yield row(f"{at}5 % of frames lost: zeros", loss("zeros"), samplerate=samplerate, target=0.02, **LONG)


ROWS = {line.name: line for line in _rows()}


# ---- Decoders and errors -------------------------------------------------------------------------

PEERS: dict[str, Decoder] = {peer.name: peer for peer in (*DECODERS, *PYPI_DECODERS)}


def is_own(decoder: str) -> bool:
    """Whether a name on the command line means this library."""
    return decoder.partition(":")[0] == "own"


def profile_of(decoder: str) -> str:
    """Profile in ``own:NAME``."""
    return decoder.partition(":")[2] or "default"


def is_available(decoder: str) -> bool:
    """Whether the decoder is on this machine."""
    return is_own(decoder) or PEERS[decoder].available()


def peer_keys(decoder: str, pcm: Pcm, samplerate: int) -> str:
    """Keys that a peer hears."""
    return PEERS[decoder].decode_pcm(as_pcm(resample(pcm / 2.0**15, samplerate, RATE)) if samplerate != RATE else pcm)


def own_tones(case: Case, profile: str) -> list[DetectedTone]:
    """Tones that this library hears."""
    if case.lost is None:
        return decode(case.pcm, case.samplerate, profile=profile)
    decoder = StreamDecoder(case.samplerate, profile=profile, announce=False)
    events: list[Any] = []
    edges = channel.frame_edges(len(case.pcm), case.samplerate)
    for start, stop, is_lost in zip(edges, edges[1:], case.lost, strict=False):
        events += decoder.gap(int(stop - start)) if is_lost else decoder.feed(case.pcm[start:stop])
    return [event for event in events + decoder.flush() if isinstance(event, DetectedTone)]


def aligned(sent: str, heard: str) -> tuple[int, int]:
    """Keys missed and keys too many, by the longest common subsequence (Hyyrö's bits; exact)."""
    places = {key: sum(1 << i for i, other in enumerate(sent) if other == key) for key in set(sent)}
    mask = (1 << len(sent)) - 1
    bits = mask
    for key in heard:
        match = bits & places.get(key, 0)
        bits = ((bits + match) | (bits - match)) & mask
    common = len(sent) - bits.bit_count()
    return len(sent) - common, len(heard) - common


@dataclass(frozen=True)
class Errors:
    """Errors of one decoder in one row."""

    trials: int
    missed: int = 0
    extra: int = 0

    @property
    def errors(self) -> int:
        """All of them, at most one a press."""
        return min(self.trials, self.missed + self.extra)

    @property
    def rate(self) -> float:
        """Errors a press."""
        return self.errors / self.trials

    def bounds(self) -> tuple[float, float]:
        """95 % interval of the rate (Clopper and Pearson, two-sided)."""
        from scipy.stats import beta

        k, n = self.errors, self.trials
        low = 0.0 if k == 0 else float(beta.ppf(0.025, k, n - k + 1))
        return low, 1.0 if k == n else float(beta.ppf(0.975, k + 1, n - k))

    def as_json(self) -> dict[str, Any]:
        """For the file."""
        low, high = self.bounds()
        return {**asdict(self), "errors": self.errors, "rate": self.rate, "low95": low, "high95": high}


def errors_of(decoder: str, line: Row, case: Case) -> Errors:
    """What a decoder gets wrong in a row."""
    n = len(case.truth)
    if is_own(decoder):
        tones = own_tones(case, line.own_profile or profile_of(decoder))
        if line.reject:
            return Errors(n, extra=len(tones))
        found: Score = score(case.truth, tones)
        return Errors(n, found.missed, found.doubled + found.false)
    heard = peer_keys(decoder, case.pcm, case.samplerate)
    if line.reject:
        return Errors(n, extra=len(heard))
    missed, extra = aligned("".join(press.tone.key for press in case.truth), heard)
    return Errors(n, missed, extra)


def rng_of(seed: int, name: str) -> Rng:
    """Randomness of one row, whichever others are run."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def run_row(name: str, decoders: Sequence[str], presses: int, seed: int) -> dict[str, Errors]:
    """All decoders on one row."""
    line = ROWS[name]
    case = line.make(presses, rng_of(seed, name))
    return {name: errors_of(name, line, case) for name in decoders if is_own(name) or not line.own_only}


# ---- Edges, measurements, latency: of this library alone -----------------------------------------


@dataclass(frozen=True)
class Figure:
    """Something measured that is no error rate; ``values`` with their units in their names."""

    name: str
    trials: int
    values: dict[str, float]
    targets: dict[str, float] = field(default_factory=dict)

    def is_met(self) -> bool:
        """Whether every value with a target is good enough."""
        return all(self.values[name] <= target for name, target in self.targets.items())


def matched(truth: Sequence[RenderedTone], found: Sequence[DetectedTone]) -> list[tuple[RenderedTone, DetectedTone]]:
    """Each press with the first tone of its key that overlaps it."""
    pairs, left = [], list(found)
    for press in truth:
        left = [tone for tone in left if tone.stop > press.start]
        hits = [tone for tone in left if tone.tone is press.tone and tone.start < press.stop]
        pairs += [(press, hits[0])] if hits else []
    return pairs


def edges(profile: str, presses: int, rng: Rng, *, samplerate: int, snr_db: float | None) -> Figure:
    """How far starts and stops are from the truth."""
    rendering = random_presses(presses, rng, samplerate=samplerate, **CODED)
    samples = rendering.samples if snr_db is None else at_snr(snr_db)(rendering, rng)
    pairs = matched(rendering.tones, decode(as_pcm(samples), samplerate, profile=profile))
    off = 1000.0 / samplerate * np.abs([(t.start - p.start, t.stop - p.stop) for p, t in pairs])
    values = {}
    for column, end in enumerate(("start", "stop")):
        values[f"{end}_median_ms"] = float(np.median(off[:, column]))
        values[f"{end}_p95_ms"] = float(np.quantile(off[:, column], 0.95))
    targets = {name: 0.5 if "median" in name else 1.5 for name in values}
    where = "clean" if snr_db is None else f"SNR {snr_db:g} dB"
    return Figure(f"edges, 50 ms, {where}, {samplerate / 1000:g} kHz", len(pairs), values, targets)


def measurement(profile: str, presses: int, rng: Rng) -> Figure:
    """Share of the presses, in percent, that are measured rightly.

    Twist is up to 6 dB and both tones are up to 1.5 % off; the power of the pair is the same. At 50 ms and 15 dB no
    unbiased estimator has the level of a weaker tone to better than 0.11 dB (Cramér and Rao; 0.16 dB with 6 dB of
    twist), nor the twist to better than 0.16 dB: some presses lie beyond 0.3 dB with any receiver.
    """

    def vary(rng: Rng) -> dict[str, float]:
        twist_db = rng.uniform(-6.0, 6.0)
        level_dbm0 = PAIR_DBM0 - 10 * math.log10(1 + 10 ** (twist_db / 10))
        offsets = {f"{group}_offset_pct": rng.uniform(-1.5, 1.5) for group in ("low", "high")}
        wanted.append({"twist_db": twist_db, "level_dbm0": level_dbm0, **offsets})
        return wanted[-1]

    wanted: list[dict[str, float]] = []
    rendering = random_presses(presses, rng, vary=vary, **CODED)
    tones = decode(as_pcm(at_snr(15.0)(rendering, rng)), RATE, profile=profile)
    truth = dict(zip(rendering.tones, wanted, strict=True))
    pairs = [(truth[press], tone) for press, tone in matched(rendering.tones, tones)]
    low_db = np.array([t.low_level_dbm0 - w["level_dbm0"] for w, t in pairs])
    high_db = np.array([t.high_level_dbm0 - w["level_dbm0"] - w["twist_db"] for w, t in pairs])
    off_pct = np.array(
        [(t.low_offset_pct - w["low_offset_pct"], t.high_offset_pct - w["high_offset_pct"]) for w, t in pairs]
    )
    snr_db = np.array([t.snr_db - 15.0 for _, t in pairs])
    values = {
        "both_levels_within_0.3_db_pct": 100 * np.mean((np.abs(low_db) <= 0.3) & (np.abs(high_db) <= 0.3)),
        "twist_within_0.3_db_pct": 100 * np.mean(np.abs(high_db - low_db) <= 0.3),
        "both_frequencies_within_0.1_pct_pct": 100 * np.mean(np.max(np.abs(off_pct), axis=1) <= 0.1),
        "snr_within_1.5_db_pct": 100 * np.mean(np.abs(snr_db) <= 1.5),
        "level_std_db": np.std(np.concatenate([low_db, high_db])),
        "level_mean_db": np.mean(np.concatenate([low_db, high_db])),
        "twist_std_db": np.std(high_db - low_db),
        "frequency_std_pct": np.std(off_pct),
        "snr_std_db": np.std(snr_db),
        "snr_mean_db": np.mean(snr_db),
    }
    return Figure("measured values, 50 ms, SNR 15 dB", len(pairs), {name: float(v) for name, v in values.items()})


def latency(profile: str, presses: int, rng: Rng, *, snr_db: float | None) -> Figure:
    """How long after the start of a tone it is told, fed 1 ms at a time; and how many are not told, or taken back."""
    rendering = random_presses(presses, rng)
    pcm = as_pcm(rendering.samples if snr_db is None else at_snr(snr_db)(rendering, rng))
    decoder = StreamDecoder(RATE, profile=profile)
    told: list[tuple[ToneStarted, int]] = []
    tones: list[DetectedTone] = []
    for begin in range(0, len(pcm), 8):
        for event in decoder.feed(pcm[begin : begin + 8]):
            if isinstance(event, ToneStarted):
                told.append((event, min(begin + 8, len(pcm))))
            elif isinstance(event, DetectedTone):
                tones.append(event)
    tones += [event for event in decoder.flush() if isinstance(event, DetectedTone)]
    starts = np.array([press.start for press in rendering.tones])
    late_ms, first = [], set()
    for event, fed in told:
        press = int(np.argmin(np.abs(starts - event.start)))
        if rendering.tones[press].tone is event.tone and press not in first:
            first.add(press)
            late_ms.append((fed - starts[press]) / 8)
    kept = sum(
        any(tone.tone is event.tone and abs(tone.start - event.start) < 20 * 8 for tone in tones) for event, _ in told
    )
    late = np.array(late_ms or [math.inf])
    values = {
        "median_ms": float(np.median(late)),
        "longest_ms": float(np.max(late)),
        "after_45_ms_pct": 100 * float(np.mean(late > 45.0)),
        "not_told_pct": 100 * (1 - len(first) / presses),
        "taken_back_pct": 100 * (1 - kept / max(1, len(told))),
    }
    where = "clean" if snr_db is None else f"SNR {snr_db:g} dB"
    targets = {"longest_ms": 45.0, "not_told_pct": 0.0, "taken_back_pct": 0.0}
    return Figure(f"ToneStarted after the start, 40/40 ms, {where}", presses, values, targets)


def _figures() -> Iterable[tuple[str, Callable[[str, int, Rng], Figure]]]:
    for samplerate in (8000, 11_025, 16_000, 22_050, 44_100, 48_000):
        for snr_db in (None, 20.0):
            where = "clean" if snr_db is None else f"SNR {snr_db:g} dB"
            yield (
                f"edges, 50 ms, {where}, {samplerate / 1000:g} kHz",
                functools.partial(edges, samplerate=samplerate, snr_db=snr_db),
            )
    yield "measured values, 50 ms, SNR 15 dB", measurement
    for snr_db in (None, 20.0, 10.0):
        where = "clean" if snr_db is None else f"SNR {snr_db:g} dB"
        yield f"ToneStarted after the start, 40/40 ms, {where}", functools.partial(latency, snr_db=snr_db)


FIGURES = dict(_figures())


def run_figure(name: str, decoder: str, presses: int, seed: int) -> Figure:
    """One measurement of this library."""
    return FIGURES[name](profile_of(decoder), presses, rng_of(seed, name))


# ---- Speech, talk-off, recordings ----------------------------------------------------------------

SPOKEN = (
    ("en-us", 150, 50),
    ("en-gb+f3", 180, 60),
    ("en-us+m3", 165, 30),
    ("en-gb-scotland+m1", 140, 45),
    ("en+f2", 200, 70),
)


def speak(folder: Path) -> bool:
    """Have espeak-ng read the project's own texts in some voices; tells whether there is such a program."""
    if shutil.which("espeak-ng") is None:
        return False
    root = Path(__file__).resolve().parents[2]
    for index, (voice, speed, pitch) in enumerate(SPOKEN):
        text = str(root / ("LICENSE" if index % 2 else "README.md"))
        path = folder / f"{index}.wav"
        command = ["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "-f", text, "-w", str(path)]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
    return True


def speech_files() -> list[Path]:
    """Files of the folder that speech is taken from, which the environment names to every process."""
    return audio_files(Path(os.environ["DTMF_AUDIO_SCOREBOARD_SPEECH"]))


@functools.lru_cache(maxsize=8)
def load_speech(path: Path) -> Samples:
    """Speech at 8 kHz, shape (n,)."""
    return load(path) / 2.0**15


def audio_files(folder: Path) -> list[Path]:
    """Audio files in a folder and those below it, in order."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES)


def false_tones(path: Path, decoders: Sequence[str]) -> tuple[float, dict[str, list[str]]]:
    """Seconds of a file, and what each decoder hears in it, this library with the second; all get it mixed, at 8 kHz.

    A file that cannot be read is named, and has no seconds.
    """
    heard: dict[str, list[str]] = {name: [] for name in decoders}
    try:
        pcm = load(path)
    except DtmfError as error:
        print(f"left out: {error}", file=sys.stderr, flush=True)
        return 0.0, heard
    for name in decoders:
        if is_own(name):
            tones = decode(pcm, RATE, profile=profile_of(name))
            heard[name] = [f"{tone.tone.key} at {tone.start_s:.3f}, {tone.duration_ms:.0f} ms" for tone in tones]
        else:
            heard[name] = list(peer_keys(name, pcm, RATE))
    return len(pcm) / RATE, heard


def per_hour(n: int, hours: float) -> tuple[float, float]:
    """95 % interval of a rate of Poisson events."""
    from scipy.stats import chi2

    return (0.0 if n == 0 else float(chi2.ppf(0.025, 2 * n)) / 2 / hours, float(chi2.ppf(0.975, 2 * n + 2)) / 2 / hours)


def recordings_right(folder: Path, index: int, decoders: Sequence[str]) -> dict[str, bool]:
    """Whether each decoder reads one row of the manifest exactly."""
    line = scored_rows(folder)[index]
    right = {}
    for name in decoders:
        try:
            if is_own(name):
                right[name] = is_right(line, keys_by_channel(folder, line, profile=profile_of(name)))
            else:
                right[name] = peer_keys(name, *channel_of(folder, line)) == wanted_keys(line)
        except (DtmfError, ZeroDivisionError, subprocess.SubprocessError):
            right[name] = wanted_keys(line) == ""  # it refuses the file, and hears nothing
    return right


def channel_of(folder: Path, line: dict[str, str]) -> tuple[Pcm, int]:
    """What a peer gets of a recording: the channel that the row speaks of, or all mixed, at 8 kHz."""
    if line["channel"] == "mix" and raw_format(line) is None:
        return load(folder / line["path"]), RATE
    signal, samplerate = read_audio(folder / line["path"], raw=raw_format(line))
    channels = signal.T if line["channel"] == "mix" else signal.T[[int(line["channel"].removeprefix("c"))]]
    mixed = np.mean([to_float(one, np.float64) for one in channels], axis=0)
    return as_pcm(resample(mixed, samplerate, RATE)), RATE


# ---- Output --------------------------------------------------------------------------------------


def percent(rate: float) -> str:
    """A rate in percent."""
    return "100" if rate > 0.9995 else short(100 * rate)


def short(value: float) -> str:
    """A number with as many digits as it is worth."""
    return "0" if value == 0 else f"{value:.2f}" if value < 1 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def table(rows: Sequence[Sequence[str]], file: Any = None) -> None:
    """Print rows in columns."""
    widths = [max(len(line[column]) for line in rows) for column in range(len(rows[0]))]
    for line in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip(), file=file)


def terminal(results: dict[str, Any]) -> None:
    """Print everything."""
    decoders = results["decoders"]
    if results["rows"]:
        print(
            f"\n{results['presses']} presses a row, seed {results['seed']}: errors, and the rate in % with its 95 % bounds"
        )
        lines = [("", *decoders)]
        for line in results["rows"]:
            cells = []
            for name in decoders:
                got = line["results"].get(name)
                cells.append(
                    f"{got['errors']}: {percent(got['rate'])} ({percent(got['low95'])}-{percent(got['high95'])})"
                    if got
                    else "-"
                )
            missed = any(is_own(n) and got["rate"] > line["target"] for n, got in line["results"].items())
            lines.append((f"{'!' if missed else ' '} {line['name']}", *cells))
        table(lines)
    for figure in results["figures"]:
        values = ", ".join(f"{name} {value:.3g}" for name, value in figure["values"].items())
        print(
            f"{' ' if figure['met'] else '!'} {figure['decoder']}: {figure['name']} ({figure['trials']} presses): {values}"
        )
    if results["talk_off"]:
        print("\ntones in audio without tones: how many, and an hour with 95 % bounds")
        lines = [("", "hours", *decoders)]
        for line in results["talk_off"]:
            cells = [
                f"{got['tones']}: {short(got['per_hour'])} ({short(got['low95'])}-{short(got['high95'])})"
                for got in (line["results"][name] for name in decoders)
            ]
            lines.append((line["folder"], f"{line['hours']:.2f}", *cells))
        table(lines)
    if results["recordings"]:
        print("\nrecordings read exactly")
        table(
            [("kind", "files", *decoders)]
            + [
                (kind, str(got["trials"]), *(str(got["right"][name]) for name in decoders))
                for kind, got in results["recordings"].items()
            ]
        )
    for name, why in results["skipped"].items():
        print(f"skipped: {name}: {why}")


def markdown(results: dict[str, Any]) -> str:
    """The table for the README: error rates in %, with the upper end of the 95 % interval, the best of a row in bold."""
    decoders = results["decoders"]
    title = f"error rate in % (at most, 95 %); {results['presses']} presses a cell, seed {results['seed']}"
    lines = [f"| {title} | " + " | ".join(decoders) + " |", "|---|" + "---|" * len(decoders)]

    def add(name: str, cells: dict[str, tuple[float, str]]) -> None:
        best = min((value for value, _ in cells.values()), default=0)
        texts = [
            "–" if (cell := cells.get(d)) is None else f"**{cell[1]}**" if cell[0] == best else cell[1]
            for d in decoders
        ]
        lines.append(f"| {name} | " + " | ".join(texts) + " |")

    for line in results["rows"]:
        add(
            line["name"],
            {d: (g["rate"], f"{percent(g['rate'])} ({percent(g['high95'])})") for d, g in line["results"].items()},
        )
    for line in results["talk_off"]:
        cells = {
            d: (g["tones"], f"{g['tones']} ({short(g['low95'])}–{short(g['high95'])} an hour)")
            for d, g in line["results"].items()
        }
        add(f"false tones in {line['hours']:.1f} h of {line['folder']}", cells)
    for kind, got in results["recordings"].items():
        wrong = {d: got["trials"] - got["right"][d] for d in decoders}
        add(f"recordings ({kind}) not read exactly, of {got['trials']}", {d: (n, str(n)) for d, n in wrong.items()})
    return "\n".join(lines) + "\n"


# ---- The program ---------------------------------------------------------------------------------


def missing_need(line: Row, has_speech: bool) -> str | None:
    """What a row needs and the machine has not."""
    for need in line.needs:
        if need == "speech" and not has_speech:
            return "no speech: give --speech, or install espeak-ng"
        if need.startswith("ffmpeg with ") and need.removeprefix("ffmpeg with ") not in ffmpeg_encoders():
            return f"no {need}"
    return None


def measure(arguments: argparse.Namespace, has_speech: bool) -> dict[str, Any]:
    """Run everything that was asked for."""
    wanted = arguments.decoders.split(",") if arguments.decoders else ["own", *PEERS]
    unknown = [name for name in wanted if not is_own(name) and name not in PEERS]
    if unknown:
        raise SystemExit(f"no decoder {', '.join(unknown)}; there are own, own:PROFILE, {', '.join(PEERS)}")
    decoders = [name for name in wanted if is_available(name)]
    skipped = {name: "not on this machine" for name in wanted if name not in decoders}
    own = [name for name in decoders if is_own(name)]
    results: dict[str, Any] = {
        "presses": arguments.presses,
        "seed": arguments.seed,
        "decoders": decoders,
        "rows": [],
        "figures": [],
        "talk_off": [],
        "false_tones": {},
        "recordings": {},
        "skipped": skipped,
    }
    only = arguments.only.lower()
    n, seed = arguments.presses, arguments.seed
    with ProcessPoolExecutor(arguments.jobs) as pool:
        rows = {}
        for name, line in ROWS.items():
            if n == 0 or only not in name.lower() or (line.own_only and not own):
                continue
            if why := missing_need(line, has_speech):
                skipped[name] = why
            else:
                rows[name] = pool.submit(run_row, name, decoders, n, seed)
        figures = [
            (decoder, pool.submit(run_figure, name, decoder, n, seed))
            for name in FIGURES
            if n > 0 and only in name.lower()
            for decoder in own
        ]
        talk = {
            folder: [(path, pool.submit(false_tones, path, decoders)) for path in audio_files(folder)]
            for folder in arguments.talk_off
        }
        scored = scored_rows(arguments.recordings) if arguments.recordings else []
        read = [pool.submit(recordings_right, arguments.recordings, index, decoders) for index in range(len(scored))]

        for name, job in rows.items():
            got = {decoder: errors.as_json() for decoder, errors in job.result().items()}
            line = ROWS[name]
            results["rows"].append({"name": name, "target": line.target, "reject": line.reject, "results": got})
            print(f"{name}: " + ", ".join(f"{d} {g['errors']}" for d, g in got.items()), file=sys.stderr, flush=True)
        for decoder, job in figures:
            figure = job.result()
            results["figures"].append({**asdict(figure), "decoder": decoder, "met": figure.is_met()})
        for folder, files in talk.items():
            counted = [(path, *job.result()) for path, job in files]
            results["talk_off"] += talk_off_lines(folder, counted, decoders)
            results["false_tones"] |= {
                str(path.relative_to(folder.parent)): heard for path, _, heard in counted if any(heard.values())
            }
        for line, job in zip(scored, read, strict=True):
            for kind in (line["kind"], "all"):
                entry = results["recordings"].setdefault(kind, {"trials": 0, "right": dict.fromkeys(decoders, 0)})
                entry["trials"] += 1
                for decoder, right in job.result().items():
                    entry["right"][decoder] += right
    return results


def talk_off_lines(
    folder: Path, files: Sequence[tuple[Path, float, dict[str, list[str]]]], decoders: Sequence[str]
) -> list[dict[str, Any]]:
    """Tones an hour in a folder, in what lies directly in it, and in each that lies in one of these."""
    lines = []
    below = [path.relative_to(folder).parts[:-1] for path, _, _ in files]
    groups = sorted({parts[:depth] for parts in below for depth in range(3)})
    for group in groups:
        inside = [file for file, parts in zip(files, below, strict=True) if parts[: len(group)] == group]
        hours = sum(seconds for _, seconds, _ in inside) / 3600
        if not hours:
            continue  # nothing in it could be read
        got = {}
        for name in decoders:
            tones = sum(len(heard[name]) for _, _, heard in inside)
            low, high = per_hour(tones, hours)
            got[name] = {"tones": tones, "per_hour": tones / hours, "low95": low, "high95": high}
        name = "/".join((folder.name, *group))
        lines.append({"folder": name, "hours": hours, "files": len(inside), "results": got})
    return lines


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--presses", type=int, default=1000, metavar="N", help="presses a row (1000); 0 for no rows")
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument(
        "--decoders", metavar="NAMES", help=f"of own, own:PROFILE, {', '.join(PEERS)}; separated by commas"
    )
    parser.add_argument("--only", default="", metavar="TEXT", help="only rows with this in their name")
    parser.add_argument(
        "--speech", type=Path, metavar="FOLDER", help="speech to lay under the tones (espeak-ng's else)"
    )
    parser.add_argument(
        "--talk-off",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="count tones in audio without tones",
    )
    parser.add_argument("--recordings", type=Path, metavar="FOLDER", help="recordings with their manifest.csv")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write all results there")
    parser.add_argument("--markdown", type=Path, metavar="PATH", help="write the table for the README there")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()

    with contextlib.ExitStack() as stack:
        speech = arguments.speech or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        has_speech = bool(arguments.speech) or speak(speech)
        os.environ["DTMF_AUDIO_SCOREBOARD_SPEECH"] = str(speech)
        results = measure(arguments, has_speech)
    terminal(results)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")
    if arguments.markdown:
        arguments.markdown.write_text(markdown(results))


if __name__ == "__main__":
    main()
