"""Speed: one common factor by which all tones of a recording are sharp or flat, from the presses in it.

A tape that runs fast, or a header that states another rate than the audio has, moves every frequency by one *factor*:
above 1 the tones are sharp, the recording runs fast. Receivers allow 2 % and print the wrong key, or none, beyond.

How it is found
---------------
The receiver itself looks for the presses, for it is the best judge of what a press is: the signal is decoded again and
again, each time as if its rate were another one: at steps of 4 %, from 12 % slow to 12 % fast (:func:`tape_rates`),
and at the rates that files have (:func:`file_rates`). Each tone it hears gives two frequencies, to a few hundredths of
a percent, and these are right whatever key it took them for. Then every factor that puts some press on a key is tried
on all presses (:func:`fits`): the likelihood is that of presses which scatter around the sixteen keys, all moved by
the factor, by what they are seen to scatter, among which a few are anything at all.

What cannot be told
-------------------
The frequencies of DTMF are almost a geometric series: 770/697, 852/770, 941/852, 1336/1209, 1477/1336 and 1633/1477
all lie from 1.1045 to 1.1065. Sped up by 1.105, 1 becomes 5 and 5 becomes 9. The keys at the edges tell, since they
leave the keypad; else the steps of 1.1045 and 1.1065 do, if the sender keeps its frequencies to about 0.1 %. What is
left is *ambiguous* and says so. And a recording whose presses are all heard within 1.8 % of keys at its own rate is
never called anything but right, or ambiguous: the same sound may be 5555 at the right speed or 1111 on a fast tape.

One or two different keys never make a speed: other signalling has pairs of tones too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from dtmf_audio.errors import InvalidSettingError
from dtmf_audio.events import DetectedTone, Rejection
from dtmf_audio.signals import (
    MAX_SAMPLERATE,
    MIN_SAMPLERATE,
    Samples,
    as_channels,
    check_samplerate,
    chosen_channels,
    to_float,
)
from dtmf_audio.stream import DecoderBank
from dtmf_audio.tones import HIGH_HZ, LOW_HZ

TAPE_STEPS = (0.885, 0.92, 0.96, 1.0, 1.04, 1.08, 1.12)  # chosen: 2.1 % apart from the middle; 2.4 % is heard
TAPE_PCT = 12.0  # how far from 1 a tape may run; beyond, only the ratios of files' rates are believed
RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)  # Hz, that files have
RATIOS = (0.5, 2 / 3, 1.5, 2.0, 44100 / 48000, 48000 / 44100, 11025 / 16000, 16000 / 11025)
NEAR_PCT = 2.4  # around a trial, what the receiver hears
RATE_PCT = 0.5  # chosen: clocks and senders are better; R2 backward is four keys at 0.694, 0.7 % from 11025/16000

RIGHT_PCT = 1.8  # quoted: ITU-T Q.24 table A-1, NTT's and Brazil's column: must operate; no speed at all is no less
RIGHT_PRESS_PCT = 2.4  # of one press at the right speed: what the default profile takes
SENDER_PCT = 1.0  # chosen: between the 0.75 % of the worst chips for senders and the half step of the keypad, 5 %
LEAST_SCATTER_PCT = 0.02  # of measured frequencies, at 20 dB SNR (chosen: tests/benchmarks/calibration.py)
STRAY_ODDS = 0.02  # that a press is anything at all
STRAY_AREA = 1.5  # of the natural logarithms of both frequencies, over which it may lie anywhere
RIGHT_PRIOR = 7.0  # logarithm of the odds for the right speed, before anything is heard: a thousand to one
RIVAL_MARGIN = 4.0  # chosen: likelihoods that differ by less than this logarithm are both possible: fifty to one
LEAST_KEYS = 3  # different ones; see above
LEAST_SHARE = 0.75  # of the presses that must lie on keys

COMMON_OFFSET_PCT = 0.2  # chosen: clocks are better, and presses that are off by less need a tape of 1.103 to 1.107
PAIR_WINDOW_MS = 24.0  # fits into a press of 45 ms wherever it begins
PAIR_WINDOW_SAMPLES = 256  # where the rate is far too high for the audio, a press is short
PAIR_SHARE = 0.8  # of the power, in two lines: SNR of 8 dB
PAIR_WEAKER = 0.02  # -17 dB: the twist that is looked for
PAIR_LEAST_DB = -66.0  # of full scale: two steps of a 16-bit sample are no tone

MOST_PRESSES = 500  # more tell nothing new
BLOCK_SAMPLES = 2**20  # of the signal, decoded together

Logs = npt.NDArray[np.float64]

_LOW, _HIGH = np.log(LOW_HZ), np.log(HIGH_HZ)


class Verdict(StrEnum):
    """What is known about the speed."""

    RIGHT = "right"
    OTHER = "other"
    AMBIGUOUS = "ambiguous"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedEstimate:
    """How fast a recording runs.

    Attributes
    ----------
    factor : float
        Frequencies of the recording over those that were sent; 1.0 unless the verdict is ``OTHER``.
    uncertainty : float
        Of the factor, one standard deviation, as far as the presses scatter; NaN where no press tells.
    n_presses, n_keys : int
        Presses that speak for it, and on how many different keys.
    reason : str
        In words.
    verdict : Verdict
        ``RIGHT``, ``OTHER``; ``AMBIGUOUS``, several factors explain the presses; ``UNKNOWN``, too few presses do.
    alternatives : tuple of float
        Of what is ambiguous, the factors that it may be.
    """

    factor: float
    uncertainty: float
    n_presses: int
    n_keys: int
    reason: str
    verdict: Verdict
    alternatives: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PressPitch:
    """A press heard at some trial rate: where it is, and its frequencies at the signal's own rate."""

    channel: int
    start: int
    stop: int
    low_hz: float
    high_hz: float
    snr_db: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How well one factor explains the presses.

    Attributes
    ----------
    factor, uncertainty : float
    log_likelihood : float
    n_presses, n_keys : int
        Presses that lie on keys; and on how many different keys.
    """

    factor: float
    uncertainty: float
    log_likelihood: float
    n_presses: int
    n_keys: int


def estimate_speed(signal: npt.ArrayLike, samplerate: int, *, channel: int | None = None) -> SpeedEstimate:
    """Estimate the speed of a signal from the presses in it.

    Parameters
    ----------
    signal : int16, int32, uint8, float32 or float64, shape (n,) or (n, channels)
        All channels run at one speed, but are never mixed.
    samplerate : int
        Hz, 4000 to 192000, as stated.
    channel : int, optional
        Hear this channel alone; without it, all.

    Returns
    -------
    SpeedEstimate
        The signal is decoded at its right speed by ``decode(signal, corrected_rate(samplerate, estimate.factor))``:
        sample indices are then those of the signal, and seconds those of what was recorded.

    Raises
    ------
    InvalidSignalError
        The signal has no samples, another dtype or shape, or a sample that is not finite.
    InvalidSettingError
        A rate or channel that does not exist.
    """
    rate = check_samplerate(samplerate)
    columns, _ = chosen_channels(signal, channel, to="hear")
    if channel is not None:
        columns = columns[:, channel : channel + 1]
    heard: list[PressPitch] = []
    for trials in (tape_rates(rate), file_rates(rate)):
        heard += (press for trial in trials for press in _heard(columns, rate, trial))
        presses = distinct(heard)
        estimate = judge(presses, rate)
        if _beyond_doubt(estimate, len(presses)):
            break
    return estimate


def corrected_rate(samplerate: int, speed: float) -> int:
    """Rate at which a signal is to be decoded that runs at a speed other than 1.

    Raises
    ------
    InvalidSettingError
        The speed is no positive number, or the rate would lie outside 4000 to 192000 Hz.
    """
    if isinstance(speed, bool) or not isinstance(speed, int | float | np.floating) or not math.isfinite(speed):
        raise InvalidSettingError(f"speed is {speed!r}; it must be 'auto' or a number, such as 1.05 for 5 % fast")
    if speed <= 0:
        raise InvalidSettingError(f"speed is {speed:g}; it must be above 0, such as 1.05 for 5 % fast")
    rate = samplerate / speed
    if not MIN_SAMPLERATE <= rate <= MAX_SAMPLERATE:
        raise InvalidSettingError(
            f"speed is {speed:g}: audio of {samplerate} Hz would be decoded as of {rate:.0f} Hz; from {MIN_SAMPLERATE} "
            f"to {MAX_SAMPLERATE} are possible, which here is a speed of {samplerate / MAX_SAMPLERATE:.3g} to "
            f"{samplerate / MIN_SAMPLERATE:.3g}"
        )
    return round(rate)


def at_rate(event: DetectedTone | Rejection, samplerate: int) -> DetectedTone | Rejection:
    """Return what was heard at a corrected rate with the signal's own: its places are in that rate's seconds again."""
    return replace(event, samplerate=samplerate)


def looks_off(tones: Sequence[DetectedTone]) -> bool:
    """Whether tones that were heard may be others, sped up by a whole step of the keypad: all are off by as much.

    A tape of just one step, 1.105, escapes; to look at every recording would make decoding several times as slow.
    """
    offsets = [offset for tone in tones for offset in (tone.low_offset_pct, tone.high_offset_pct)]
    if not offsets:
        return False
    offsets.sort()  # numpy.median() would import numpy.ma, 15 ms of the start of every command
    half = len(offsets) // 2
    return abs((offsets[half] + offsets[~half]) / 2.0) > COMMON_OFFSET_PCT


def may_hold_pairs(signal: npt.ArrayLike, samplerate: int, *, channel: int | None = None) -> bool:
    """Whether some windows of a signal hold little but two tones, whatever their frequencies: the least of presses.

    It spares speech and silence the search for presses. Whatever is not sure of its answer says yes.
    """
    columns = as_channels(signal)
    lengths = {round(PAIR_WINDOW_MS * samplerate / 1000), min(PAIR_WINDOW_SAMPLES, len(columns))}
    for number in range(columns.shape[1]) if channel is None else [channel]:
        for length in lengths:
            found = 0
            step = length * (BLOCK_SAMPLES // 16 // length + 1)
            for first in range(0, len(columns) - length + 1, step):
                part = columns[first : first + step, number]
                windows = to_float(part[: len(part) // length * length], np.float32).reshape(-1, length)
                found += int(_holds_pair(windows).sum())
                if found >= LEAST_KEYS:
                    return True
    return False


def _holds_pair(windows: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Whether two lines hold nearly all of the power of each window, (n, length)."""
    length = windows.shape[1]
    loud = np.abs(windows).max(axis=1, initial=0.0) > 10 ** (PAIR_LEAST_DB / 20)
    held = np.zeros(len(windows), dtype=np.bool_)
    if not loud.any() or length < 32:
        return held
    power = np.abs(np.fft.rfft(windows[loud] * np.hanning(length).astype(np.float32), axis=1)) ** 2  # (n, bins)
    power[:, :2] = 0.0  # DC
    total = power.sum(axis=1)
    lines = []
    for _ in range(2):
        peak = np.argmax(power, axis=1)
        bins = np.clip(peak[:, np.newaxis] + np.arange(-2, 3), 0, power.shape[1] - 1)
        lines.append(np.take_along_axis(power, bins, axis=1).sum(axis=1))
        np.put_along_axis(power, bins, 0.0, axis=1)
    held[loud] = (lines[0] + lines[1] > PAIR_SHARE * total) & (lines[1] > PAIR_WEAKER * lines[0])
    return held


def tape_rates(samplerate: int) -> list[int]:
    """Rates at which to look for presses on tapes that run fast or slow."""
    return [rate for rate in (round(samplerate / step) for step in TAPE_STEPS) if _possible(rate)]


def file_rates(samplerate: int) -> list[int]:
    """Rates at which to look for presses in files whose headers are wrong, none where a tape is looked for."""
    trials = [samplerate / step for step in TAPE_STEPS]
    for rate in _true_rates(samplerate):
        if all(abs(math.log(rate / trial)) > NEAR_PCT / 200 for trial in trials):
            trials.append(rate)
    return [rate for rate in map(round, trials[len(TAPE_STEPS) :]) if _possible(rate)]


def _true_rates(samplerate: int) -> list[float]:
    """Rates that the audio of a file may have whose header states another one."""
    return [*RATES, *(samplerate / ratio for ratio in RATIOS)]


def _possible(samplerate: int) -> bool:
    return MIN_SAMPLERATE <= samplerate <= MAX_SAMPLERATE


def _beyond_doubt(estimate: SpeedEstimate, n_presses: int) -> bool:
    """Whether the presses on tapes alone tell the speed.

    Some keys at the rate of another file are keys on a tape as well, but no more than four different ones: those in
    the corner of the keypad that two of its steps lead to.
    """
    keys = {Verdict.RIGHT: 2, Verdict.OTHER: 5}.get(estimate.verdict, 17)
    return estimate.n_presses == n_presses and estimate.n_keys >= keys


def _heard(columns: npt.NDArray[np.generic], samplerate: int, trial: int) -> list[PressPitch]:
    """Return the presses that are heard in all channels, (n, channels), as if the rate were the trial's."""
    bank = DecoderBank(columns.shape[1], trial, announce=False)
    tones: list[PressPitch] = []
    step = max(1, BLOCK_SAMPLES // columns.shape[1])
    for first in range(0, len(columns), step):
        tones += pitches(bank.feed(columns[first : first + step].T), samplerate)
        if len(tones) >= MOST_PRESSES:
            return tones[:MOST_PRESSES]
    return tones + pitches(bank.flush(), samplerate)


def pitches(events: Iterable[object], samplerate: int) -> list[PressPitch]:
    """Return the tones among events of a trial as places and frequencies at the signal's own rate."""
    found = []
    for tone in events:
        if isinstance(tone, DetectedTone):
            low_hz, high_hz = tone.tone.frequencies_hz
            scale = samplerate / tone.samplerate
            found.append(
                PressPitch(
                    channel=tone.channel,
                    start=tone.start,
                    stop=tone.stop,
                    low_hz=low_hz * (1 + tone.low_offset_pct / 100) * scale,
                    high_hz=high_hz * (1 + tone.high_offset_pct / 100) * scale,
                    snr_db=tone.snr_db,
                )
            )
    return found


def distinct(presses: Iterable[PressPitch]) -> list[PressPitch]:
    """Return each press once that was heard at several trial rates: of those that overlap, the purest."""
    kept: list[PressPitch] = []
    best: PressPitch | None = None
    for press in sorted(presses, key=lambda press: (press.channel, press.start)):
        if best is not None and press.channel == best.channel and press.start < best.stop:
            if press.snr_db > best.snr_db:
                best = press
            continue
        if best is not None:
            kept.append(best)
        best = press
    return kept if best is None else [*kept, best]


def fits(low: Logs, high: Logs, factors: Logs) -> list[Fit]:
    """How well each factor explains the presses, once it has moved to where it explains them best.

    Parameters
    ----------
    low, high : float64, shape (n,)
        Natural logarithms of the frequencies of each press.
    factors : float64, shape (m,)
        Natural logarithms of the factors, to begin with.

    Returns
    -------
    list of Fit
        The best first; factors that move to the same place are one.
    """
    found: list[Fit] = []
    for begin in np.unique(np.round(factors, 3)):  # a tenth of a percent apart: all would move to the same places
        fit = _fitted(low, high, float(begin))
        if fit is not None and all(abs(math.log(fit.factor / other.factor)) > 0.02 for other in found):
            found.append(fit)
        elif fit is not None:
            near = next(i for i, other in enumerate(found) if abs(math.log(fit.factor / other.factor)) <= 0.02)
            found[near] = max(found[near], fit, key=lambda each: each.log_likelihood)
    return sorted(found, key=lambda fit: -fit.log_likelihood)


def _fitted(low: Logs, high: Logs, begin: float) -> Fit | None:
    """Fit a factor by turns: which presses lie on keys, and where their mean is."""
    moved = begin
    for _ in range(4):
        right = abs(moved) <= RIGHT_PCT / 100
        limit = (RIGHT_PRESS_PCT if right else SENDER_PCT) / 100
        rows, low_off = _nearest(low - moved, _LOW)
        columns, high_off = _nearest(high - moved, _HIGH)
        on_key = np.maximum(np.abs(low_off), np.abs(high_off)) <= limit
        if not on_key.any():
            return None
        step = float(np.mean(np.concatenate([low_off[on_key], high_off[on_key]])))
        moved += step
    offsets = np.concatenate([low_off[on_key], high_off[on_key]]) - step
    n = int(on_key.sum())
    freedom = max(1, 2 * n - 1)
    scatter = max(LEAST_SCATTER_PCT / 100, math.sqrt(float(offsets @ offsets) / freedom))
    of_key = (math.log((1 - STRAY_ODDS) / 16) - math.log(2 * math.pi * scatter**2)) * n - float(
        offsets @ offsets
    ) / 2 / scatter**2
    stray = math.log(STRAY_ODDS / STRAY_AREA) * (len(low) - n)
    return Fit(
        factor=math.exp(moved),
        uncertainty=math.exp(moved) * scatter / math.sqrt(2 * n),
        log_likelihood=of_key + stray,
        n_presses=n,
        n_keys=len(np.unique(4 * rows[on_key] + columns[on_key])),
    )


def _nearest(logs: Logs, nominal: Logs) -> tuple[npt.NDArray[np.intp], Samples]:
    """Return which nominal frequency is nearest to each, and how far off it is."""
    off = logs[:, np.newaxis] - nominal  # (n, 4)
    index = np.argmin(np.abs(off), axis=1)
    return index, off[np.arange(len(logs)), index]


def judge(presses: Sequence[PressPitch], samplerate: int) -> SpeedEstimate:
    """Judge from the presses, each told once, how fast a signal of this rate runs."""
    total = len(presses)
    if not total:
        return _estimate(Verdict.UNKNOWN, 0, "no press of a key is heard at any speed")
    low = np.log([press.low_hz for press in presses])
    high = np.log([press.high_hz for press in presses])
    # Wherever some key explains some press: low and high group must agree.
    of_low = (low[:, np.newaxis] - _LOW)[:, :, np.newaxis]  # (n, 4, 1)
    of_high = (high[:, np.newaxis] - _HIGH)[:, np.newaxis, :]  # (n, 1, 4)
    agree = np.abs(of_low - of_high) <= 2 * SENDER_PCT / 100
    factors = ((of_low + of_high) / 2)[agree]
    possible = [fit for fit in fits(low, high, np.append(factors, 0.0)) if _believable(fit.factor, samplerate)]

    at_one = (np.abs(_nearest(low, _LOW)[1]) <= RIGHT_PRESS_PCT / 100) & (
        np.abs(_nearest(high, _HIGH)[1]) <= RIGHT_PRESS_PCT / 100
    )
    right = next((fit for fit in possible if _is_right(fit)), None)
    others = [fit for fit in possible if not _is_right(fit)]
    best = others[0] if others else None
    if right is not None and (best is None or right.n_presses == total):
        heavier = best is not None and best.log_likelihood > right.log_likelihood + RIGHT_PRIOR
        if best is not None and heavier and best.n_keys >= LEAST_KEYS and best.n_presses == total:
            return _ambiguous([right, best])
        return _right(right, total)
    if best is None or best.n_keys < LEAST_KEYS:
        return _estimate(
            Verdict.UNKNOWN,
            total,
            f"{_presses(total)} on too few different keys to tell a speed by; {LEAST_KEYS} are wanted at one speed",
        )
    if right is not None and right.log_likelihood + RIGHT_PRIOR >= best.log_likelihood:
        return _right(right, total)
    if best.n_presses < LEAST_SHARE * total:
        return _estimate(Verdict.UNKNOWN, total, f"no speed explains more than {best.n_presses} of {_presses(total)}")
    rivals = [fit for fit in others[1:] if best.log_likelihood - fit.log_likelihood < RIVAL_MARGIN]
    if rivals:
        return _ambiguous([best, *rivals])
    if right is not None and best.n_presses <= int(at_one.sum()) and abs(best.factor - 1) > 0.05:
        return _right(right, total)
    return SpeedEstimate(
        factor=best.factor,
        uncertainty=best.uncertainty,
        n_presses=best.n_presses,
        n_keys=best.n_keys,
        reason=f"{in_words(best.factor, samplerate)}: {_of(best.n_presses, total)} fit",
        verdict=Verdict.OTHER,
    )


def _is_right(fit: Fit) -> bool:
    """Whether a factor is 1 within the tolerance, and what it is not known to."""
    return abs(fit.factor - 1) <= RIGHT_PCT / 100 + 2 * fit.uncertainty


def _believable(factor: float, samplerate: int) -> bool:
    """Whether a tape or a wrong header can make such a factor, and presses at it are heard in full."""
    if abs(factor - 1) <= TAPE_PCT / 100:
        return True
    return any(abs(math.log(samplerate / factor / rate)) <= RATE_PCT / 100 for rate in _true_rates(samplerate))


def _estimate(verdict: Verdict, n_presses: int, reason: str) -> SpeedEstimate:
    return SpeedEstimate(
        factor=1.0, uncertainty=math.nan, n_presses=n_presses, n_keys=0, reason=reason, verdict=verdict
    )


def _right(fit: Fit, total: int) -> SpeedEstimate:
    reason = f"{_of(fit.n_presses, total)} {'is' if fit.n_presses == 1 else 'are'} at the right speed"
    return replace(_estimate(Verdict.RIGHT, fit.n_presses, reason), uncertainty=fit.uncertainty, n_keys=fit.n_keys)


def _ambiguous(rivals: Sequence[Fit]) -> SpeedEstimate:
    factors = tuple(sorted(1.0 if _is_right(fit) else fit.factor for fit in rivals))
    names = " or ".join(f"{factor:.3f}" for factor in factors)
    return replace(
        _estimate(Verdict.AMBIGUOUS, max(fit.n_presses for fit in rivals), f"ambiguous: {names}"), alternatives=factors
    )


def _presses(n: int) -> str:
    return f"{n} press" if n == 1 else f"{n} presses"


def _of(n: int, total: int) -> str:
    return f"{n} of {_presses(total)}"


def in_words(factor: float, samplerate: int) -> str:
    """Say how fast: ``5.1 % fast``, or ``2 times as high as they should be, as if 8000 Hz were marked 16000 Hz``."""
    if abs(factor - 1) <= TAPE_PCT / 100:
        how = f"{100 * abs(factor - 1):.1f} % {'fast' if factor > 1 else 'slow'}"
    else:
        how = f"{factor:.4g} times as high as they should be"
    for rate in RATES:
        if rate != samplerate and abs(samplerate / factor / rate - 1) <= RATE_PCT / 100:
            return f"{how}, as if {rate} Hz were marked {samplerate} Hz"
    return how
