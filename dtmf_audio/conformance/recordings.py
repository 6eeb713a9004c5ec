"""Speech and music for the rows of talk-off: a user's recordings, or voices made here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import scipy.signal

from dtmf_audio.audio_io import read_audio
from dtmf_audio.conformance.cases import Bench
from dtmf_audio.conformance.judge import Clip
from dtmf_audio.conformance.stimuli import vowel
from dtmf_audio.errors import AudioFileError
from dtmf_audio.signals import Samples, to_float
from dtmf_audio.units import amplitude_ratio_from_db, dbm0_from_power, power_from_dbm0

ENDINGS = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".aiff", ".au")
MUSIC = "music"  # recordings in a folder of this name are no speech


def find_recordings(folder: str) -> tuple[str, ...]:
    """Audio files in a folder and below, in order.

    Raises
    ------
    AudioFileError
        It is no folder, or holds no audio file.
    """
    if not Path(folder).is_dir():
        raise AudioFileError(f"{folder}: is no folder; give one with recordings in which no key is pressed")
    found = sorted(str(path) for path in Path(folder).rglob("*") if path.suffix.lower() in ENDINGS and path.is_file())
    if not found:
        raise AudioFileError(f"{folder}: holds no audio file; those that end in {', '.join(ENDINGS)} are taken")
    return tuple(found)


def is_music(path: str) -> bool:
    """Whether a recording lies in a folder named for music."""
    return any(part.lower() == MUSIC for part in Path(path).parts[:-1])


def clips_of(paths: tuple[str, ...], level_dbm0: float | None) -> Iterator[Clip]:
    """Every channel of every recording at its own rate, brought to a mean level."""
    for path in paths:
        signal, samplerate = read_audio(path, partial=True)
        for column in signal.T:
            samples: Samples = to_float(column, np.float64)
            power = float(np.mean(samples**2))
            if level_dbm0 is not None and power > 0.0:
                samples *= np.sqrt(power_from_dbm0(level_dbm0) / power)
            yield Clip(samples=samples, samplerate=samplerate)


def speech_under(bench: Bench, rng: np.random.Generator, n: int, *, level_dbm0: float) -> Samples:
    """So many samples of speech at a mean level: of recordings, or else of made voices."""
    pieces: list[Samples] = []
    length = 0
    spoken = [path for path in bench.recordings if not is_music(path)]
    while length < n:
        if spoken:
            clip = next(clips_of((str(rng.choice(spoken)),), -20.0))
            piece = np.asarray(scipy.signal.resample_poly(clip.samples, bench.samplerate, clip.samplerate))
        else:
            voice = vowel(rng, bench.samplerate, on_ms=rng.uniform(60.0, 300.0), level_dbm0=-10.0)
            piece = np.concatenate([voice, np.zeros(int(rng.uniform(0.0, 0.1) * bench.samplerate))])
        pieces.append(piece)
        length += len(piece)
    speech = np.concatenate(pieces)[:n]
    level = dbm0_from_power(float(np.mean(speech**2)))
    return speech * amplitude_ratio_from_db(level_dbm0 - level)
