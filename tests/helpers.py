"""What several test modules need: random presses, and the comparison of what was found with the truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dtmf_audio import DetectedTone, Press, RenderedTone, Rendering, Tone, channel, render
from dtmf_audio.tones import KEY_TONES, KEYPAD


def label_of(tone: Tone) -> int:
    """Number of a tone within a channel, as the detector labels windows: 4 row + column of the keypad."""
    row = next(i for i, keys in enumerate(KEYPAD) if tone.key in keys)
    return 4 * row + KEYPAD[row].index(tone.key)


def at_snr(rendering: Rendering, snr_db: float, seed: int) -> npt.NDArray[np.float64]:
    """The samples in white noise, so far below pairs of -10 dBm0 a tone."""
    return channel.add_noise_at_snr(
        rendering.samples,
        snr_db=snr_db,
        signal_dbm0=channel.pair_dbm0(-10.0, -10.0),
        samplerate=rendering.samplerate,
        rng=np.random.default_rng(seed),
    )


def random_presses(
    n: int,
    seed: int | Sequence[int] | np.random.Generator,
    *,
    samplerate: int = 8000,
    on_ms: float = 40.0,
    delay_ms: float = 40.0,
    level_dbm0: float = -10.0,
    twist_db: float = 0.0,
    low_offset_pct: float = 0.0,
    high_offset_pct: float = 0.0,
    ramp_ms: float = 0.0,
    vary: Callable[[np.random.Generator], dict[str, float]] | None = None,
) -> Rendering:
    """Every key in turn, in random order, at random phases, not aligned with any block of 5 ms.

    ``vary`` draws settings of each press that go before the others.
    """
    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(16) for _ in range(-(-n // 16))])[:n]
    drawn = [{} if vary is None else vary(rng) for _ in order]
    presses = [
        Press(tone=KEY_TONES[code], **{"delay_ms": delay_ms + rng.uniform(0.0, 5.0), **settings})
        for code, settings in zip(order, drawn, strict=True)
    ]
    return render(
        presses,
        samplerate,
        on_ms=on_ms,
        level_dbm0=level_dbm0,
        twist_db=twist_db,
        low_offset_pct=low_offset_pct,
        high_offset_pct=high_offset_pct,
        ramp_ms=ramp_ms,
        lead_ms=60.0 + rng.uniform(0.0, 20.0),
        tail_ms=60.0,
        rng=rng,
    )


@dataclass(frozen=True)
class Score:
    """Presses missed, heard more than once, and tones heard where there was no such press."""

    missed: int
    doubled: int
    false: int


NO_ERRORS = Score(0, 0, 0)


def score(truth: Sequence[RenderedTone], found: Sequence[DetectedTone]) -> Score:
    """Match each press with the tones of its key that overlap it."""
    left = list(found)
    missed = doubled = 0
    for press in truth:
        hits = [
            tone for tone in left if tone.tone is press.tone and tone.start < press.stop and tone.stop > press.start
        ]
        missed += not hits
        doubled += max(0, len(hits) - 1)
        for hit in hits:
            left.remove(hit)
    return Score(missed, doubled, len(left))
