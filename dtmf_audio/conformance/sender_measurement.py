"""Each press of a recording, measured as a sender's: what it sent, apart from what the recording added.

Conventions
-----------
- A press is on from half of its height to half of its height; its pause lasts until the next one's half height, its
  period from start to start. Rise and fall are from 10 to 90 % of the envelope.
- Frequencies, levels and everything unwanted are of the steady part, between the end of the rise and the start of
  the fall, at most a second of it.
- *Unwanted* is everything from 0 to 4 kHz (or half the rate) but DC and the two tones themselves. What lies in the
  pauses is the recording's, and is taken off before the sender is blamed. Where the two are alike, a press is
  ``noise_limited``: then ``distortion_db`` says no more than that the distortion is no worse.
- Errors (``..._error_...``) are three standard deviations under white noise as strong as everything unwanted.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dtmf_audio.conformance.sender_edges import (
    FIT_S,
    UNCLEAR_SETTLE_S,
    EdgeFinder,
    Pair,
    columns_at,
    fit_pair,
    hann,
    middle,
)
from dtmf_audio.events import DetectedTone
from dtmf_audio.signals import Samples
from dtmf_audio.tones import HIGH_HZ, LOW_HZ, Tone
from dtmf_audio.units import db_from_power_ratio, dbm0_from_amplitude, dbm0_from_power

BAND_HZ = 4000.0  # quoted: the band of ITU-T G.711 at 8000 Hz
SHORTEST_STEADY_S = 0.01
SHORTEST_RAMP_S = 0.002  # chosen: a shorter one scatters no less, at 20 dB
NEAR_HZ = 20.0  # chosen: closer to a tone than this, or than the main lobe, is its unsteadiness and no product

PAUSE_INSET_S = (0.015, 0.005)  # chosen: after a tone rooms and codecs ring, before it filters do
SHORTEST_PIECE_S, LONGEST_PIECE_S = 0.01, 1.0
LONGEST_PAUSE_S = 3.0  # a longer one is no pause within a number: other things may sound in it
LOUD_QUANTILE = 0.9  # chosen: noise comes and goes; a press is not blamed for what some pauses have too
NOISE_LIMITED_RATIO = 2.0  # chosen: below it, more than half of what is unwanted is in the pauses as well

DISTORTION_FLOOR_DB = 120.0  # what float64 and the fit leave over says nothing

UNSTEADY_DB = 3.0  # chosen: then a level is that of an echo, a room or a gain control as much as of the sender
SWING_BLOCK_S = 0.010  # a fit of two tones 268 Hz apart or more, in 10 ms
FLAT = 1e-3  # chosen: samples within 0.1 % of the largest are as large
CLIPPED_SHARE = 0.005  # chosen: an unclipped pair has 0.06 % of its samples there, under µ-law 4 %
CLIPPED_EXCESS = 1.03  # chosen: and its fit does not pass them; µ-law's steps are random around it

COMPONENT_SHARE = 0.2  # chosen: of what is unwanted; no line of noise reaches it in 40 ms
HUM_HZ = (50.0, 60.0)
DIAL_TONE_HZ = (350.0, 400.0, 425.0, 440.0)
DIAL_TONE_NAME = "where dial tones lie"


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """The strongest single unwanted component of a press.

    Attributes
    ----------
    freq_hz : float
    below_db : float
        How far below the weaker tone.
    name : str
        What it is likely to be, such as "2nd harmonic of 941 Hz"; empty if nothing fits.
    """

    freq_hz: float
    below_db: float
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SentTone:
    """One press as its sender sent it.

    Attributes
    ----------
    tone : Tone
    start_s : float
    low_hz, high_hz, low_offset_pct, high_offset_pct : float
        Frequencies, and relative to nominal.
    low_level_dbm0, high_level_dbm0 : float
        As recorded.
    on_ms : float
    cut : bool
        The recording begins or ends within the press, which lasted longer than ``on_ms``.
    off_ms, period_ms : float or None
        Pause until the next press, and time from start to start; None for the last one.
    rise_ms, fall_ms : float or None
        10 to 90 %; None where the edge is not one clear ramp.
    distortion_db : float
        Weaker tone over everything unwanted that is not in the pauses too; at most 120.
    noise_limited : bool
        Noise hides the distortion, which may be less than ``distortion_db`` says.
    component : Component or None
        The strongest single unwanted component, if one stands out that is not in the pauses.
    dc_db : float
        Weaker tone over the DC that comes with the press, at most 120.
    clipped_pct : float
        Samples cut off at the top.
    swing_db : float
        Strongest over weakest 10 ms of the steady part, of the tone for which that is more.
    offset_error_pct, level_error_db, edge_error_ms : float
        How far noise may have moved frequencies, levels, and times.
    """

    tone: Tone
    start_s: float
    low_hz: float
    high_hz: float
    low_offset_pct: float
    high_offset_pct: float
    low_level_dbm0: float
    high_level_dbm0: float
    on_ms: float
    cut: bool
    off_ms: float | None
    period_ms: float | None
    rise_ms: float | None
    fall_ms: float | None
    distortion_db: float
    noise_limited: bool
    component: Component | None
    dc_db: float
    clipped_pct: float
    swing_db: float
    offset_error_pct: float
    level_error_db: float
    edge_error_ms: float

    @property
    def twist_db(self) -> float:
        """High group less low group."""
        return self.high_level_dbm0 - self.low_level_dbm0

    @property
    def unsteady(self) -> bool:
        """Whether the levels vary too much within the press to be called the sender's."""
        return self.swing_db > UNSTEADY_DB + 3 * self.level_error_db

    @property
    def weaker_dbm0(self) -> float:
        """Level of the weaker tone."""
        return min(self.low_level_dbm0, self.high_level_dbm0)

    @property
    def louder_dbm0(self) -> float:
        """Level of the stronger tone."""
        return max(self.low_level_dbm0, self.high_level_dbm0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """What the recording has in the pauses.

    Attributes
    ----------
    noise_dbm0 : float or None
        Median power from 0 to 4 kHz, without DC; None if there is no pause to listen in.
    line : Component or None
        Its strongest line, if it stands out.
    dc_pct : float
        Of full scale.
    """

    noise_dbm0: float | None
    line: Component | None
    dc_pct: float


def measure_tones(
    samples: Samples, samplerate: int, found: Sequence[DetectedTone]
) -> tuple[list[SentTone], Background]:
    """Measure the presses that a decoder found.

    Parameters
    ----------
    samples : float64, shape (n,)
        Full scale 1.0.
    samplerate : int
        Hz.
    found : sequence of DetectedTone
        In order. Where two of one key touch, they are one press.

    Returns
    -------
    list of SentTone
        As many as there are presses.
    Background
    """
    presses = _joined(found, samplerate)
    pauses = _Pauses(samples, samplerate, [(press.start, press.stop) for press in presses])
    edges = EdgeFinder(samplerate)
    sent: list[SentTone] = []
    bounds: list[tuple[float, float]] = []
    for index, press in enumerate(presses):
        before = presses[index - 1].stop if index else -math.inf
        after = presses[index + 1].start if index + 1 < len(presses) else math.inf
        room = (round(max(0.0, (before + press.start) / 2)), round(min(float(len(samples)), (press.stop + after) / 2)))
        tone, start, stop = _measure(samples, samplerate, press, room, pauses, edges)
        sent.append(tone)
        bounds.append((start, stop))
    for index in range(len(sent) - 1):
        (start, stop), (following, _) = bounds[index : index + 2]
        sent[index] = replace(
            sent[index],
            off_ms=1000.0 * (following - stop) / samplerate,
            period_ms=None if sent[index].cut else 1000.0 * (following - start) / samplerate,
        )
    return sent, pauses.background()


def _joined(found: Sequence[DetectedTone], samplerate: int) -> list[DetectedTone]:
    """Join what is one press: the same key again before anything could be called a pause."""
    presses: list[DetectedTone] = []
    for tone in found:
        last = presses[-1] if presses else None
        if last is not None and last.tone is tone.tone and tone.start - last.stop < 0.005 * samplerate:
            presses[-1] = replace(last, stop=max(last.stop, tone.stop))
        else:
            presses.append(tone)
    return presses


def _measure(
    samples: Samples, rate: int, press: DetectedTone, room: tuple[int, int], pauses: _Pauses, edges: EdgeFinder
) -> tuple[SentTone, float, float]:
    """Measure one press; also return its start and its stop, in samples."""
    nominal = press.tone.frequencies_hz
    guess = (nominal[0] * (1 + press.low_offset_pct / 100), nominal[1] * (1 + press.high_offset_pct / 100))
    start, stop = float(press.start), float(press.stop)
    inset = min(0.006 * rate, (stop - start) / 4)
    steady = _at_least(start + inset, stop - inset, room, rate)
    for fine in (False, True):
        pair = fit_pair(samples, rate, steady, guess)
        guess = pair.freqs_hz
        rise = edges.find(samples, pair, press.start, room, falling=False, dc=pauses.dc, fine=fine)
        fall = edges.find(samples, pair, press.stop, room, falling=True, dc=pauses.dc, fine=fine)
        start = rise.at if rise.clear else float(max(press.start, 0))
        stop = fall.at if fall.clear else float(min(press.stop, len(samples)))
        steady = _at_least(
            start + (rise.settle_s if rise.clear else UNCLEAR_SETTLE_S) * rate + 1,
            stop - (fall.settle_s if fall.clear else UNCLEAR_SETTLE_S) * rate - 1,
            room,
            rate,
        )
    pair = fit_pair(samples, rate, steady, guess)
    first, last = middle(steady, FIT_S[-1], rate)
    part = samples[first:last]
    rest = part - pair.wave(first, last) - pair.coefficients[0]
    unwanted = _band_power(rest, rate, pair.freqs_hz)
    own = max(unwanted - pauses.loud_power, 0.0)
    weaker, n = pair.weaker_power(), last - first
    limited = unwanted > 0 and pauses.loud_power > 0 and unwanted < NOISE_LIMITED_RATIO * pauses.loud_power
    per_sample = unwanted * (rate / 2) / min(BAND_HZ, rate / 2)  # of white noise as dense, over the whole band
    ratio = per_sample / weaker  # its variance over the power of the weaker tone
    ramp_s = max(rise.rise_s, fall.rise_s, SHORTEST_RAMP_S)
    low, high = pair.amplitudes()
    dc = float(pair.coefficients[0]) - pauses.dc if pauses.dc_known else 0.0
    tone = SentTone(
        tone=press.tone,
        start_s=start / rate,
        low_hz=pair.freqs_hz[0],
        high_hz=pair.freqs_hz[1],
        low_offset_pct=100.0 * (pair.freqs_hz[0] / nominal[0] - 1),
        high_offset_pct=100.0 * (pair.freqs_hz[1] / nominal[1] - 1),
        low_level_dbm0=dbm0_from_amplitude(low),
        high_level_dbm0=dbm0_from_amplitude(high),
        on_ms=1000.0 * (stop - start) / rate,
        cut=rise.cut or fall.cut,
        off_ms=None,
        period_ms=None,
        rise_ms=1000.0 * rise.rise_s if rise.clear else None,
        fall_ms=1000.0 * fall.rise_s if fall.clear else None,
        distortion_db=min(db_from_power_ratio(weaker / max(unwanted if limited else own, 1e-30)), DISTORTION_FLOOR_DB),
        noise_limited=limited,
        component=_component(rest, pair, unwanted, pauses),
        dc_db=min(db_from_power_ratio(weaker / max(dc * dc, 1e-30)), DISTORTION_FLOOR_DB),
        clipped_pct=_clipped_pct(part, part - rest),
        swing_db=_swing_db(samples, pair, steady),
        # Cramer-Rao bounds, times 3, times 1.5 or more for the Hann weights of the fit
        offset_error_pct=100.0 * 4.5 * rate / (2 * math.pi) * math.sqrt(12 * ratio / n**3) / nominal[0],
        level_error_db=8.69 * 4.5 * math.sqrt(ratio / n),
        edge_error_ms=1000.0 * 3 * math.sqrt(12 * ramp_s * per_sample / (pair.power() * rate)),
    )
    return tone, start, stop


def _at_least(start: float, stop: float, room: tuple[int, int], rate: int) -> tuple[int, int]:
    """Return whole samples, widened about their middle to what a fit needs."""
    if stop - start < SHORTEST_STEADY_S * rate:
        middle = (start + stop) / 2
        start, stop = middle - SHORTEST_STEADY_S * rate / 2, middle + SHORTEST_STEADY_S * rate / 2
    return max(math.ceil(start), room[0], 0), min(math.floor(stop), room[1])


def _swing_db(samples: Samples, pair: Pair, steady: tuple[int, int]) -> float:
    """Largest level over smallest among blocks of 10 ms, of the tone for which that is more."""
    n = round(SWING_BLOCK_S * pair.rate)
    first, last = middle(steady, FIT_S[-1], pair.rate)
    starts = range(first, last - n + 1, n)
    if len(starts) < 2:
        return 0.0
    columns = columns_at(np.asarray(np.arange(n) - n / 2, np.float64), pair.freqs_hz, pair.rate)
    blocks = np.stack([samples[start : start + n] for start in starts], axis=1)
    fitted = np.linalg.lstsq(columns, blocks, rcond=None)[0]  # (5, n_blocks)
    levels = np.maximum(np.stack([np.hypot(fitted[1], fitted[2]), np.hypot(fitted[3], fitted[4])]), 1e-12)
    return float(np.max(20 * np.log10(levels.max(axis=1) / levels.min(axis=1))))


def _clipped_pct(part: Samples, fitted: Samples) -> float:
    """Share of the samples that are as large as any, if the fitted tones would go on beyond them."""
    size = np.abs(part)
    flat = size >= size.max() * (1 - FLAT)
    share = float(np.mean(flat))
    if share < CLIPPED_SHARE:
        return 0.0
    excess = float(np.mean(fitted[flat] * np.sign(part[flat])) / size.max())
    return 100.0 * share if excess > CLIPPED_EXCESS else 0.0


# --- everything else ---------------------------------------------------------------------------------------------


def _band_power(x: Samples, rate: int, freqs_hz: Sequence[float] = ()) -> float:
    """Mean square from 0 to 4 kHz, without what lies close to some frequencies."""
    window = hann(len(x))
    power = np.abs(np.fft.rfft(x * window)) ** 2 * 2 / (len(x) * float(np.sum(window**2)))
    bins_hz = np.fft.rfftfreq(len(x), 1 / rate)
    inside = bins_hz <= BAND_HZ
    for freq_hz in freqs_hz:
        inside &= np.abs(bins_hz - freq_hz) > max(NEAR_HZ, 2 * rate / len(x))
    power[0] /= 2
    return float(np.sum(power[inside]))


def _lines(x: Samples, rate: int, freqs_hz: Sequence[float] = ()) -> list[tuple[float, float]]:
    """Strongest lines to 4 kHz, the strongest first: frequency, and mean square if it is a sine."""
    window = hann(len(x))
    n_fft = 1 << math.ceil(math.log2(4 * len(x)))
    power = 2 * np.abs(np.fft.rfft(x * window, n_fft)) ** 2 / float(np.sum(window)) ** 2
    bins_hz = np.fft.rfftfreq(n_fft, 1 / rate)
    power[(bins_hz > BAND_HZ) | (bins_hz < NEAR_HZ)] = 0.0
    for freq_hz in freqs_hz:
        power[np.abs(bins_hz - freq_hz) <= max(NEAR_HZ, 2 * rate / len(x))] = 0.0
    peaks = np.flatnonzero((power[1:-1] > power[:-2]) & (power[1:-1] >= power[2:])) + 1
    strongest = peaks[np.argsort(power[peaks])[::-1][:5]]
    return [(float(bins_hz[peak]), float(power[peak])) for peak in strongest]


def _component(rest: Samples, pair: Pair, unwanted: float, pauses: _Pauses) -> Component | None:
    """Find the strongest line of what is left over that is not in the pauses as well."""
    rate = pair.rate
    tolerance_hz = 1.0 + 0.5 * rate / len(rest)
    for freq_hz, power in _lines(rest, rate, pair.freqs_hz):
        if power < COMPONENT_SHARE * unwanted or power <= 0:
            return None
        if pauses.power_near(freq_hz) < power / 2:
            below_db = db_from_power_ratio(pair.weaker_power() / power)
            if below_db > DISTORTION_FLOOR_DB:
                return None
            return Component(
                freq_hz=freq_hz, below_db=below_db, name=_product(freq_hz, pair.freqs_hz, rate, tolerance_hz)
            )
    return None


def _product(freq_hz: float, freqs_hz: tuple[float, float], rate: int, tolerance_hz: float) -> str:
    """Name a component by what it is close to; the simplest that fits."""
    low, high = freqs_hz
    low_name, high_name = f"{low:.0f} Hz", f"{high:.0f} Hz"
    named: list[tuple[float, str]] = []
    for order, ordinal in ((2, "2nd"), (3, "3rd")):
        named += [
            (order * low, f"{ordinal} harmonic of {low_name}"),
            (order * high, f"{ordinal} harmonic of {high_name}"),
        ]
    named += [
        (high - low, f"intermodulation, {high_name} - {low_name}"),
        (high + low, f"intermodulation, {high_name} + {low_name}"),
    ]
    for n_low, n_high in ((2, 1), (1, 2)):
        sums = f"{n_low}*{low_name}".removeprefix("1*"), f"{n_high}*{high_name}".removeprefix("1*")
        named.append((n_low * low + n_high * high, f"intermodulation, {sums[0]} + {sums[1]}"))
        named.append((abs(n_low * low - n_high * high), f"intermodulation of {sums[0]} with {sums[1]}"))
    for mains_hz in HUM_HZ:
        named += [(order * mains_hz, f"hum of {mains_hz:g} Hz mains") for order in (1, 2, 3)]
    named += [(hz, "a tone of another key") for hz in LOW_HZ + HIGH_HZ]
    named += [(hz, DIAL_TONE_NAME) for hz in DIAL_TONE_HZ]
    for order in (4, 5):
        named += [
            (order * low, f"{order}th harmonic of {low_name}"),
            (order * high, f"{order}th harmonic of {high_name}"),
        ]
    for at_hz, name in named:
        folded_hz = abs((at_hz + rate / 2) % rate - rate / 2)  # what a converter makes of it
        if abs(folded_hz - freq_hz) <= tolerance_hz:
            return name if abs(folded_hz - at_hz) < 1e-6 else f"{name}, folded at half the sample rate"
    return ""


class _Pauses:
    """What is heard where no key is pressed: between the presses, or else before and after them."""

    def __init__(self, samples: Samples, rate: int, presses: Sequence[tuple[int, int]]) -> None:
        gaps = [(stop, start) for (_, stop), (start, _) in itertools.pairwise(presses)]
        between = [gap for gap in gaps if gap[1] - gap[0] <= LONGEST_PAUSE_S * rate]
        outside = [(0, presses[0][0]), (presses[-1][1], len(samples))] if presses else []
        self._rate = rate
        self._pieces = _pieces(samples, rate, between) or _pieces(samples, rate, outside + gaps)
        self.dc_known = bool(self._pieces)
        self.dc = float(np.mean(np.concatenate(self._pieces))) if self._pieces else 0.0
        powers = [_band_power(piece - self.dc, rate) for piece in self._pieces]
        self._power = float(np.median(powers)) if powers else 0.0
        self.loud_power = float(np.quantile(powers, LOUD_QUANTILE)) if powers else 0.0

    def power_near(self, freq_hz: float) -> float:
        """Mean square around a frequency."""
        powers = []
        for piece in self._pieces:
            window = hann(len(piece))
            reach_hz = max(NEAR_HZ, 2 * self._rate / len(piece))
            power = np.abs(np.fft.rfft((piece - self.dc) * window)) ** 2 * 2 / (len(piece) * float(np.sum(window**2)))
            bins_hz = np.fft.rfftfreq(len(piece), 1 / self._rate)
            powers.append(float(np.sum(power[np.abs(bins_hz - freq_hz) <= reach_hz])))
        return float(np.median(powers)) if powers else 0.0

    def background(self) -> Background:
        """Sum up."""
        if not self._pieces:
            return Background(noise_dbm0=None, line=None, dc_pct=0.0)
        line = None
        piece = max(self._pieces, key=len) - self.dc
        lines = _lines(piece, self._rate)
        if lines and lines[0][1] > max(COMPONENT_SHARE * _band_power(piece, self._rate), 1e-12):
            freq_hz, power = lines[0]
            tolerance_hz = 1.0 + 0.5 * self._rate / len(piece)
            near = [hz * order for hz in HUM_HZ for order in (1, 2, 3) if abs(hz * order - freq_hz) <= tolerance_hz]
            name = "hum" if near else ""
            line = Component(freq_hz=freq_hz, below_db=-dbm0_from_power(power), name=name)
        return Background(noise_dbm0=dbm0_from_power(self._power), line=line, dc_pct=100.0 * self.dc)


def _pieces(samples: Samples, rate: int, gaps: Sequence[tuple[int, int]]) -> list[Samples]:
    """Return what is in the gaps, clear of the tones around them, in pieces of a second at most."""
    after, before = (round(inset * rate) for inset in PAUSE_INSET_S)
    pieces = []
    for start, stop in gaps:
        first = start + after if start else start
        last = stop - before if stop < len(samples) else stop
        if last - first >= SHORTEST_PIECE_S * rate:
            first, last = middle((first, last), LONGEST_PIECE_S, rate)
            pieces.append(samples[first:last])
    return pieces
