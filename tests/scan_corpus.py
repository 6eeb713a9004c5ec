"""A corpus to scan, with files that are broken in ten ways, and decoders that misbehave in the workers."""

from __future__ import annotations

import io
import os
import signal
import struct
import time
from pathlib import Path

import numpy as np
import soundfile as sf

from dtmf_audio import render
from dtmf_audio.scan_decode import decode_planned
from dtmf_audio.scan_find import Planned
from dtmf_audio.scan_rows import Row, ScanSettings

KEYS = "0123456789*#ABCD"


def wav(samples, samplerate: int = 8000, *, declared: int | None = None) -> bytes:
    """Bytes of a WAV of int16, which may declare more than it holds."""
    data = np.asarray(samples)
    channels = 1 if data.ndim == 1 else data.shape[1]
    held = (data * 32767).astype("<i2").tobytes()
    size = len(held) if declared is None else declared
    layout = struct.pack("<HHIIHH", 1, channels, samplerate, 2 * channels * samplerate, 2 * channels, 16)
    return (
        b"RIFF"
        + struct.pack("<I", 36 + size)
        + b"WAVEfmt \x10\0\0\0"
        + layout
        + struct.pack("<4sI", b"data", size)
        + held
    )


def encoded(samples, samplerate: int, form: str, subtype: str | None = None) -> bytes:
    file = io.BytesIO()
    sf.write(file, samples, samplerate, format=form, subtype=subtype)
    return file.getvalue()


def pressed(keys: str, seconds: float = 0.5, samplerate: int = 8000):
    """Samples of some keys, 50 ms each, and silence to the end."""
    samples = np.zeros(round(seconds * samplerate))
    rendered = render(keys, samplerate, on_ms=50, delay_ms=50, lead_ms=20).samples
    samples[: len(rendered)] = rendered
    return samples


def broken_ways() -> dict[str, bytes]:
    """Ten files that cannot be decoded, by name, and what is in them."""
    keys = pressed("159")
    not_finite = keys.astype(np.float32)
    not_finite[2000] = np.nan
    flac, ogg = encoded(np.tile(keys, 8), 8000, "FLAC"), encoded(np.tile(keys, 8), 8000, "OGG", "VORBIS")
    return {
        "empty.wav": b"",
        "text.wav": b"this is a note, not a recording\n" * 4,
        "truncated.wav": wav(keys, declared=99_000),
        "no_samples.wav": wav([]),
        "not_finite.wav": encoded(not_finite, 8000, "WAV", "FLOAT"),
        "breaks_off.flac": flac[: len(flac) // 2],
        "damaged.ogg": ogg[:40] + bytes(len(ogg) - 40),
        "noise.mp3": np.random.default_rng(1).bytes(3000),
        "slow_rate.wav": wav(keys, 1000),
        "too_long.wav": wav(np.zeros(8000 * 40)),  # with 0.01 h allowed
    }


MAX_DURATION_H = 0.01


def make_corpus(folder: Path, n_files: int, *, broken_share: float = 0.05, seed: int = 1) -> Path:
    """Write so many files into folders of 100, a share of them broken; the rest have no keys, a few, or two channels."""
    rng = np.random.default_rng(seed)
    good = [wav(pressed("".join(rng.choice(list(KEYS), 3)))) for _ in range(16)]
    good += [wav(np.zeros(4000)), wav(np.stack([pressed("12"), pressed("AB")], axis=1))]
    good += [encoded(pressed("42"), 16000, "FLAC"), wav(np.tile(pressed("7#", 1.0), 10))]
    kinds = [f".{'flac' if data.startswith(b'fLaC') else 'wav'}" for data in good]
    broken = list(broken_ways().items())
    n_broken = round(broken_share * n_files)
    which = set(rng.choice(n_files, n_broken, replace=False).tolist())
    broken_so_far = 0
    for number in range(n_files):
        place = folder / f"{number // 100:03}"
        if number % 100 == 0:
            place.mkdir(parents=True)
        if number in which:
            name, data = broken[broken_so_far % len(broken)]
            broken_so_far += 1
        else:
            kind = number % len(good)
            name, data = f"call{kinds[kind]}", good[kind]
        (place / f"{number:05}_{name}").write_bytes(data)
    return folder


# --- decoders that a test puts into the workers ---


def kill_at_killers(planned: Planned, settings: ScanSettings) -> Row:
    """Die at every file whose name says so, as by the kernel when memory runs out."""
    if "killer" in planned.file:
        os.kill(os.getpid(), signal.SIGKILL)
    return decode_planned(planned, settings)


def kill_once(planned: Planned, settings: ScanSettings) -> Row:
    """Die at a file's first attempt, and leave a mark of it beside it."""
    mark = Path(planned.file + ".tried")
    if "killer" in planned.file and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return decode_planned(planned, settings)


def hang_at_hangers(planned: Planned, settings: ScanSettings) -> Row:
    if "hanger" in planned.file:
        time.sleep(600)
    return decode_planned(planned, settings)


def never_start(planned: Planned, settings: ScanSettings) -> Row:
    raise AssertionError


class _CannotLoad:
    def __reduce__(self):
        return os._exit, (3,)


cannot_load = _CannotLoad()
