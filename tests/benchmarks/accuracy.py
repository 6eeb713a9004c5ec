"""Error rates of the receiver under one damage at a time, with 95 % bounds; and false tones in your own recordings.

    python tests/benchmarks/accuracy.py [--presses 1000] [--seed 100] [--profile default] [--talk-off FOLDER]

Every press is a random key at random phases, not aligned with any block; 8 kHz, -10 dBm0 a tone, 40 ms on, 40 to
45 ms off, unless the row says otherwise. An error is a press missed, a press heard twice, or a tone that nobody
pressed. Seeds below 100 were used while the receiver was made; report on others.
"""

from __future__ import annotations

import argparse
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from helpers import random_presses, score

from dtmf_audio import Rendering, channel, decode
from dtmf_audio.files import decode_file

Damage = Callable[[Rendering, np.random.Generator], np.ndarray]


def at_snr(snr_db: float) -> Damage:
    """White noise; SNR is the power of the pair over the noise from 0 to 4 kHz."""
    level = channel.pair_dbm0(-10.0, -10.0)
    return lambda r, rng: channel.add_noise_at_snr(
        r.samples, snr_db=snr_db, signal_dbm0=level, samplerate=r.samplerate, rng=rng
    )


def hole(length_ms: int) -> Damage:
    """One silent hole at a random place inside each press."""

    def damage(r: Rendering, rng: np.random.Generator) -> np.ndarray:
        samples = r.samples
        for press in r.tones:
            start = int(rng.integers(press.start, press.stop - 8 * length_ms))
            samples = channel.dropout(samples, start=start, stop=start + 8 * length_ms)
        return samples

    return damage


def loss(mode: channel.LossMode) -> Damage:
    """5 % of the 20 ms frames lost."""

    def damage(r: Rendering, rng: np.random.Generator) -> np.ndarray:
        lost = channel.lost_frames(len(channel.frame_edges(len(r.samples), 8000)) - 1, loss_pct=5.0, rng=rng)
        return channel.conceal(r.samples, lost, samplerate=8000, mode=mode)

    return damage


def dial_tone(name: str, level_dbm0: float) -> Damage:
    """A continuous dial tone."""
    freqs_hz = channel.DIAL_TONES_HZ[name]
    return lambda r, _: channel.add_dial_tone(r.samples, level_dbm0=level_dbm0, samplerate=8000, freqs_hz=freqs_hz)


LONG = {"on_ms": 100.0, "delay_ms": 100.0}
ROWS: list[tuple[str, dict[str, float], Damage]] = [
    ("clean", {}, lambda r, _: r.samples),
    ("white noise, SNR +3 dB", {}, at_snr(3.0)),
    ("white noise, SNR 0 dB", {}, at_snr(0.0)),
    ("white noise, SNR -2 dB", {}, at_snr(-2.0)),
    ("both tones 1.8 % off, same sign, 15 dB", {"low_offset_pct": 1.8, "high_offset_pct": 1.8}, at_snr(15.0)),
    ("both tones 1.8 % off, other sign, 15 dB", {"low_offset_pct": -1.8, "high_offset_pct": 1.8}, at_snr(15.0)),
    ("high group 10 dB louder", {"level_dbm0": -25.0, "twist_db": 10.0}, lambda r, _: r.samples),
    ("low group 10 dB louder", {"level_dbm0": -15.0, "twist_db": -10.0}, lambda r, _: r.samples),
    ("dial tone 350 + 440 Hz, 10 dB louder", {"level_dbm0": -22.0}, dial_tone("north_america", -12.0)),
    ("dial tone 425 Hz, 10 dB louder", {"level_dbm0": -22.0}, dial_tone("europe", -12.0)),
    ("hum, 50 Hz, as loud", {}, lambda r, _: channel.add_hum(r.samples, level_dbm0=-10.0, samplerate=8000)),
    ("DC of 0.3", {}, lambda r, _: channel.add_dc(r.samples, offset=0.3)),
    ("clipped, drive 29.5 dB", {}, lambda r, _: channel.clip(r.samples, drive_db=29.5)),
    (
        "echo of 10 ms at -10 dB",
        {},
        lambda r, _: channel.add_echo(r.samples, delay_ms=10, level_db=-10, samplerate=8000),
    ),
    (
        "echo of 20 ms at -10 dB",
        {},
        lambda r, _: channel.add_echo(r.samples, delay_ms=20, level_db=-10, samplerate=8000),
    ),
    ("µ-law", {}, lambda r, _: channel.mu_law(r.samples)),
    ("A-law", {}, lambda r, _: channel.a_law(r.samples)),
    ("hole of 10 ms in each press of 100 ms", LONG, hole(10)),
    ("hole of 20 ms in each press of 100 ms", LONG, hole(20)),
    ("5 % of frames lost to zeros, 100/100 ms", LONG, loss("zeros")),
    ("5 % of frames lost to repetition, 100/100 ms", LONG, loss("repeat")),
]


def bound(errors: int, trials: int) -> float:
    """Upper end of the 95 % interval of an error rate (Clopper and Pearson, two-sided)."""
    from scipy.stats import beta

    return 1.0 if errors >= trials else float(beta.ppf(0.975, errors + 1, trials - errors))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--presses", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--profile", default="default")
    parser.add_argument("--talk-off", type=Path, metavar="FOLDER", help="count the tones in audio files that have none")
    arguments = parser.parse_args()

    print(f"{arguments.presses} presses a row, seed {arguments.seed}, profile {arguments.profile}")
    print(f"{'':46}  missed  doubled  false  error rate, at most (95 %)")
    for name, timing, damage in ROWS:
        seed = [arguments.seed, zlib.crc32(name.encode())]
        rendering = random_presses(arguments.presses, seed, **timing)
        samples = damage(rendering, np.random.default_rng([*seed, 1]))
        found = score(rendering.tones, decode(samples, 8000, profile=arguments.profile))
        errors = found.missed + found.doubled + found.false
        print(
            f"{name:46}  {found.missed:6}  {found.doubled:7}  {found.false:5}  {bound(errors, arguments.presses):.2%}",
            flush=True,
        )
    if arguments.talk_off:
        files = sorted(
            path for path in arguments.talk_off.rglob("*") if path.suffix in {".wav", ".flac", ".ogg", ".mp3"}
        )
        n_found = seconds = 0.0
        for path in files:
            from dtmf_audio.audio_io import open_audio

            with open_audio(path) as reader:
                seconds += (reader.frames or 0) / reader.samplerate
            n_found += len(decode_file(path, profile=arguments.profile))
        print(f"{n_found:.0f} tones in {seconds / 3600:.2f} h of {len(files)} files without tones")


if __name__ == "__main__":
    main()
