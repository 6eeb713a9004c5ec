"""Measurement: from a stretch of audio that may hold a tone pair to the pair's frequencies, levels, edges and purity.

A candidate comes with the key that is strongest in it and a rough start and stop. It is measured as a whole:

1. *Prepare.* The stretch is decimated to a rate of 8 to 16 kHz and freed of everything below 560 Hz, so that
   dial tone, hum and DC do not matter. The filter's delay is taken out.
2. *Frequencies.* Goertzel phasors of 2.5 ms blocks turn by the offset from nominal; the offset is the one that
   makes them add up best over the press. What leaks over from the other tone is taken out first, or a tone 19 dB
   weaker would be found where the sidelobes of the stronger are.
3. *Levels.* Both tones are fitted together by least squares, so that neither leaks into the other.
4. *Edges.* With the fitted pair ``s``, ``sum(2 x s - s**2)`` is the log-likelihood ratio, but for a factor, of
   "the pair is on" against "there is only white noise". Its running sum is lowest where the tone starts and
   highest where it stops: an estimate to the sample, not to the block. The ramps are then fitted the same way.
5. *Purity.* What the fit leaves over is noise, speech or music; its spectrum tells which.

Frequencies, levels and edges depend on each other, so steps 2 to 4 are repeated. All steps work on many
candidates at a time: arrays are ``(n, ...)`` over candidates, in float64, at the decimated rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from dtmf_audio.goertzel import GoertzelBank, GoertzelForm
from dtmf_audio.signals import Samples
from dtmf_audio.tones import HIGH_HZ, LOW_HZ
from dtmf_audio.units import FULL_SCALE_SINE_DBM0

LEAD_MS = 40.0  # audio looked at before and after the body
BODY_MS = 100.0  # longest body; a longer press is measured in parts
SHORTEST_MS = 5.0  # a body is never taken to be shorter than this
GOERTZEL_MS = 2.5
WORK_RATE_HZ = 8000  # lowest rate after decimation, for inputs at or above it

HIGH_PASS_HZ = 560.0  # chosen: between dial tone (440 Hz + 2 %) and 697 Hz - 2.4 %
HIGH_PASS_MS = 12.0  # length of the filter; 40 dB down at 450 Hz
SEARCH_PCT = 6.0  # offsets looked at: well past every limit, short of the neighbour
SEARCH_STEP_HZ = 4.0  # a third of the main lobe of the longest body
EARLY_MS, LATE_MS = 30.0, 40.0  # how far outside and inside the rough edges true ones may lie: noise prolongs runs
SKEW_MS = 12.0  # tones whose edges differ by more are not on together: take the later start, the earlier stop
RAMPS_MS = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0)
RAMP_SEARCH_MS = 1.0
RAMP_GAIN = 6.0  # log-likelihood that a ramp must win over a hard edge

NOISE_BAND_HZ = (500.0, 3600.0)
SUBBAND_HZ = 200.0
HUM_BAND_HZ = (100.0, 500.0)
NOISE_REFERENCE_HZ = 4000.0
OUTSIDE_MS = (4.0, 24.0)  # past the ends of the press
MAIN_LOBE_BINS = 2.0  # half width of a Hann window's main lobe
TINY = 1e-20

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Phases = npt.NDArray[np.complex128]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Stretches of the stream that may hold a pair, arrays of shape (n,).

    Attributes
    ----------
    low, high : int64
        Row and column of the key that is strongest.
    start, stop : int64
        Extent of the windows in which the pair stood out, in samples of the stream.
    earliest, latest : int64
        The true edges are looked for around the extent, but not beyond these, where the same pair may stand out
        again.
    has_start, has_stop : bool
        A part of a longer press has no edge where it was cut.
    """

    low: Ints
    high: Ints
    start: Ints
    stop: Ints
    earliest: Ints
    latest: Ints
    has_start: Bools
    has_stop: Bools

    def __len__(self) -> int:
        return len(self.start)

    def __getitem__(self, rows: slice | Bools) -> Candidates:
        return Candidates(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurements:
    """What was measured, arrays of shape (n,) over candidates.

    Attributes
    ----------
    start, stop : int64
        Samples of the stream.
    low_dbm0, high_dbm0, low_offset_pct, high_offset_pct, snr_db : float64
        As in :class:`~dtmf_audio.events.DetectedTone`.
    on_ms : float64
        Length.
    margin_db : float64
        Weaker tone over the strongest other line from 500 to 3600 Hz.
    hum_margin_db : float64
        Weaker tone over the strongest line from 100 to 500 Hz: where dial tone and hum lie, and voices.
    flatness_db : float64
        Geometric over arithmetic mean of the residual's spectrum: near 0 for white noise, far below for speech.
    swell_db : float64
        Level of the first third against that of the last, absolute, largest of the two tones.
    outside_db : float64
        How far the tones' frequencies fall off in the 20 ms before or after the press, whichever is less, for
        the tone that falls off less.
    """

    start: Ints
    stop: Ints
    on_ms: Samples
    low_dbm0: Samples
    high_dbm0: Samples
    low_offset_pct: Samples
    high_offset_pct: Samples
    snr_db: Samples
    margin_db: Samples
    hum_margin_db: Samples
    flatness_db: Samples
    swell_db: Samples
    outside_db: Samples

    @property
    def twist_db(self) -> Samples:
        """High group minus low group."""
        return self.high_dbm0 - self.low_dbm0

    @property
    def pair_dbm0(self) -> Samples:
        """Level of both tones together."""
        powers = 10.0 ** (self.low_dbm0 / 10.0) + 10.0 ** (self.high_dbm0 / 10.0)
        return np.asarray(10.0 * np.log10(powers))

    def __len__(self) -> int:
        return len(self.start)


def concatenate(parts: list[Measurements]) -> Measurements:
    """Join measurements end to end."""
    return Measurements(**{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Measurements)})


class Measurer:
    """Measures candidates of one sample rate; everything that depends on the rate alone is computed once."""

    BATCH = 64  # chosen: fewer calls cost more than arrays in the cache save, up to here

    def __init__(self, samplerate: int, *, form: GoertzelForm = "matrix") -> None:
        self.decimation = max(1, samplerate // WORK_RATE_HZ)
        self.rate = samplerate / self.decimation
        self._block_len = self._samples(GOERTZEL_MS)
        self._lead = self._samples(LEAD_MS)
        n_blocks = math.ceil((2 * self._lead + self._samples(BODY_MS)) / self._block_len)
        self.n_samples = n_blocks * self._block_len
        self._bank = GoertzelBank(LOW_HZ + HIGH_HZ, self.rate, self._block_len, form=form)
        self._nominal_hz = np.array(LOW_HZ + HIGH_HZ)
        self._block_times = np.arange(n_blocks) * self._block_len / self.rate  # s
        self._origin_turn = np.exp(-2j * np.pi * np.outer(self._nominal_hz, self._block_times))
        reach_hz = SEARCH_PCT / 100.0 * max(HIGH_HZ) + SEARCH_STEP_HZ
        self._offsets_hz = np.arange(-reach_hz, reach_hz + SEARCH_STEP_HZ, SEARCH_STEP_HZ)
        self._offset_turn = np.exp(-2j * np.pi * np.outer(self._block_times, self._offsets_hz))
        self._decimator = _decimator(self.decimation)
        self._high_pass = _high_pass(self.rate)
        self._high_pass_matrix = _convolution_matrix(self._high_pass, self._block_len * 4)
        self._template_feet, self._template_gains = _ramp_templates(self.rate)
        n_fft = 1 << math.ceil(math.log2(1.5 * self._samples(BODY_MS + LEAD_MS)))
        self._bins_hz = np.fft.rfftfreq(n_fft, 1.0 / self.rate)
        self._n_fft = n_fft

        # How much of the stream a candidate needs, before its start and after its (latest) stop.
        half_filters = (len(self._high_pass) - 1) // 2 * self.decimation + (len(self._decimator) - 1) // 2
        self.samples_before = self._lead * self.decimation + half_filters
        self.piece_len = (self.n_samples - 1) * self.decimation + 1 + 2 * half_filters
        self.samples_after = self._lead * self.decimation + half_filters + self.decimation

    def measure(self, pieces: npt.NDArray[Any], candidates: Candidates) -> Measurements:
        """Measure candidates.

        Parameters
        ----------
        pieces : float32 or float64, shape (n, piece_len)
            The stream from ``samples_before`` samples before each candidate's start.
        candidates : Candidates
            None longer than :data:`BODY_MS`.
        """
        parts = [
            self._measure(pieces[i : i + self.BATCH].astype(np.float64), candidates[i : i + self.BATCH])
            for i in range(0, len(candidates), self.BATCH)
        ]
        return concatenate(parts)

    def _samples(self, ms: float) -> int:
        return round(ms * self.rate / 1000.0)

    def _measure(self, pieces: Samples, candidates: Candidates) -> Measurements:
        """Measure one batch."""
        low, high = candidates.low, 4 + candidates.high
        starts, stops = candidates.start, candidates.stop
        has_start, has_stop = candidates.has_start, candidates.has_stop
        # From here on, time is in samples at the decimated rate, and a piece begins `lead` before its candidate.
        rough_start = np.full(len(candidates), self._lead)
        rough_stop = self._lead + (stops - starts) // self.decimation
        earliest = self._lead - (starts - candidates.earliest) // self.decimation
        latest = self._lead + (candidates.latest - starts) // self.decimation

        wide, clean = self._prepare(pieces)
        phasors = self._phasors(clean)  # (8, n, n_blocks)
        rows = np.arange(len(candidates))
        low_phasors, high_phasors = phasors[low, rows], phasors[high, rows]

        inset = self._samples(6.0)
        start = np.where(has_start, rough_start + inset, rough_start)
        stop = np.where(has_stop, rough_stop - inset, rough_stop)
        low_nominal, high_nominal = self._nominal_hz[low], self._nominal_hz[high]
        body = self._body_blocks(start, stop)
        pair = self._rough_pair(low_phasors, high_phasors, body, low_nominal, high_nominal)
        for _ in range(2):
            middle = (start + stop) // 2
            found = self._find_start(clean, pair, rough_start, np.maximum(earliest, 0), middle)
            start = np.where(has_start, found, rough_start)
            found = self._find_stop(clean, pair, rough_stop, middle, latest)
            stop = np.maximum(np.where(has_stop, found, rough_stop), start + self._samples(SHORTEST_MS))
            body = self._body_blocks(start, stop)
            pair = self._fit(low_phasors, high_phasors, body, pair, low_nominal, high_nominal)
        purity = self._purity(wide, pair, start, stop)
        low_shape = self._shape(
            low_phasors - self._response(pair.high, low_nominal), pair.low, low_nominal, start, stop
        )
        high_shape = self._shape(
            high_phasors - self._response(pair.low, high_nominal), pair.high, high_nominal, start, stop
        )
        start = np.where(has_start, self._ramp_foot(clean, pair, start, purity.noise, falling=False), start)
        stop = np.where(has_stop, self._ramp_foot(clean, pair, stop, purity.noise, falling=True), stop)
        return Measurements(
            start=starts + (start - self._lead) * self.decimation,
            stop=starts + (stop - self._lead) * self.decimation,
            on_ms=1000.0 * (stop - start) / self.rate,
            low_dbm0=20.0 * np.log10(np.maximum(np.abs(pair.low.amplitude), TINY)) + FULL_SCALE_SINE_DBM0,
            high_dbm0=20.0 * np.log10(np.maximum(np.abs(pair.high.amplitude), TINY)) + FULL_SCALE_SINE_DBM0,
            low_offset_pct=100.0 * (pair.low.freq_hz / low_nominal - 1.0),
            high_offset_pct=100.0 * (pair.high.freq_hz / high_nominal - 1.0),
            snr_db=purity.snr_db,
            margin_db=purity.margin_db,
            hum_margin_db=purity.hum_margin_db,
            flatness_db=purity.flatness_db,
            swell_db=np.maximum(low_shape.swell_db, high_shape.swell_db),
            outside_db=np.minimum(low_shape.outside_db, high_shape.outside_db),
        )

    def _prepare(self, pieces: Samples) -> tuple[Samples, Samples]:
        """Decimate; return the stretch as it is, and freed of everything below the tones, (n, n_samples)."""
        if self.decimation > 1:
            k, taps = self.decimation, self._decimator
            n_out = (pieces.shape[1] - len(taps)) // k + 1
            n_phases = len(taps) // k + 1
            padded = np.zeros((len(pieces), (n_out + n_phases) * k))
            padded[:, : pieces.shape[1]] = pieces[:, : padded.shape[1]]
            steps = padded.reshape(len(pieces), -1, k)
            by_phase = np.pad(taps, (0, n_phases * k - len(taps))).reshape(n_phases, k)
            decimated = np.zeros((len(pieces), n_out))
            for phase in range(n_phases):
                decimated += steps[:, phase : phase + n_out] @ by_phase[phase]
        else:
            decimated = pieces
        half = (len(self._high_pass) - 1) // 2
        hop = self._high_pass_matrix.shape[1]
        n_hops = -(-self.n_samples // hop)
        padded = np.zeros((len(pieces), (n_hops - 1) * hop + self._high_pass_matrix.shape[0]))
        width = min(padded.shape[1], decimated.shape[1])
        padded[:, :width] = decimated[:, :width]
        windows = np.lib.stride_tricks.sliding_window_view(padded, self._high_pass_matrix.shape[0], axis=1)[:, ::hop]
        clean = (windows @ self._high_pass_matrix).reshape(len(pieces), -1)[:, : self.n_samples]
        return decimated[:, half : half + self.n_samples], clean

    def _phasors(self, clean: Samples) -> npt.NDArray[np.complex128]:
        """Goertzel phasors referred to the start of the piece, (8, n, n_blocks)."""
        phasors = self._bank.phasors(clean.reshape(-1, self._block_len))
        return np.asarray(phasors.reshape(8, len(clean), -1) * self._origin_turn[:, np.newaxis], np.complex128)

    def _body_blocks(self, start: Ints, stop: Ints) -> Samples:
        """Weight 1 for the Goertzel blocks that lie in the body, (n, n_blocks)."""
        at = np.arange(len(self._block_times)) * self._block_len
        inside = (at >= start[:, np.newaxis]) & (at + self._block_len <= stop[:, np.newaxis])
        inside[np.arange(len(inside)), (start + stop) // 2 // self._block_len] = True  # never empty
        return inside.astype(np.float64)

    def _rough_pair(
        self, low_phasors: Phases, high_phasors: Phases, body: Samples, low_nominal: Samples, high_nominal: Samples
    ) -> _Pair:
        """Estimate both tones on their own, then the weaker one with the leakage of the stronger taken out."""
        low = self._tone(low_phasors, body, low_nominal, self._grid_offset(low_phasors, body, low_nominal))
        high = self._tone(high_phasors, body, high_nominal, self._grid_offset(high_phasors, body, high_nominal))
        is_low = np.abs(low.amplitude) < np.abs(high.amplitude)  # whether the low tone is the weaker one
        nominal = np.where(is_low, low_nominal, high_nominal)
        phasors = np.where(is_low[:, np.newaxis], low_phasors, high_phasors)
        phasors = phasors - self._response(_choose(is_low, high, low), nominal)
        weaker = self._tone(phasors, body, nominal, self._grid_offset(phasors, body, nominal))
        return _Pair(_choose(is_low, weaker, low), _choose(is_low, high, weaker))

    def _fit(
        self,
        low_phasors: Phases,
        high_phasors: Phases,
        body: Samples,
        pair: _Pair,
        low_nominal: Samples,
        high_nominal: Samples,
    ) -> _Pair:
        """Fit both tones together by least squares over the blocks of the body, from a pair that is nearly right."""
        low, high = pair.low, pair.high
        for _ in range(2):
            alone = low_phasors - self._response(high, low_nominal)
            low = self._tone(alone, body, low_nominal, self._newton_offset(alone, body, low.freq_hz - low_nominal))
            alone = high_phasors - self._response(low, high_nominal)
            high = self._tone(alone, body, high_nominal, self._newton_offset(alone, body, high.freq_hz - high_nominal))
        return _Pair(low, high)

    def _grid_offset(self, phasors: Phases, body: Samples, nominal_hz: Samples) -> Samples:
        """Offset in Hz, to a fraction of the grid, at which the phasors of the body add up best, (n,)."""
        power = np.abs((phasors * body) @ self._offset_turn) ** 2  # (n, n_offsets)
        power[np.abs(self._offsets_hz) > SEARCH_PCT / 100.0 * nominal_hz[:, np.newaxis]] = 0.0
        best = np.clip(power.argmax(axis=1), 1, len(self._offsets_hz) - 2)
        rows = np.arange(len(best))
        before, at, after = power[rows, best - 1], power[rows, best], power[rows, best + 1]
        curvature = np.minimum(before - 2.0 * at + after, -TINY)
        return np.asarray(
            self._offsets_hz[best] + np.clip((before - after) / (2.0 * curvature), -1, 1) * SEARCH_STEP_HZ
        )

    def _newton_offset(self, phasors: Phases, body: Samples, offset_hz: Samples) -> Samples:
        """Improve an offset by a step of Newton's method on the power of the sum, (n,)."""
        n_within = body.sum(axis=1)
        middle = (body * self._block_times).sum(axis=1) / n_within
        centred = body * (self._block_times - middle[:, np.newaxis])  # s
        spread = (centred**2).sum(axis=1)
        turned = phasors * self._block_turns(-offset_hz)
        total, moment = (turned * body).sum(axis=1), (turned * centred).sum(axis=1)
        slope = np.imag(np.conj(total) * moment) / np.maximum(np.abs(total) ** 2, TINY)
        step_hz = slope * n_within / np.maximum(spread, TINY) / (2 * np.pi)
        return np.asarray(offset_hz + np.clip(step_hz, -SEARCH_STEP_HZ, SEARCH_STEP_HZ))

    def _tone(self, phasors: Phases, body: Samples, nominal_hz: Samples, offset_hz: Samples) -> _Tone:
        """Tone of this offset that fits the phasors of the body best."""
        total = (phasors * self._block_turns(-offset_hz) * body).sum(axis=1)
        one_block = _geometric_sum(2 * np.pi * offset_hz / self.rate, self._block_len)
        return _Tone(nominal_hz + offset_hz, 2.0 * total / (body.sum(axis=1) * one_block))

    def _response(self, tone: _Tone, nominal_hz: Samples) -> Phases:
        """Phasors at ``nominal_hz`` of a tone that never stops, (n, n_blocks)."""
        down, up = tone.freq_hz - nominal_hz, -tone.freq_hz - nominal_hz
        direct = tone.amplitude * _geometric_sum(2 * np.pi * down / self.rate, self._block_len)
        image = np.conj(tone.amplitude) * _geometric_sum(2 * np.pi * up / self.rate, self._block_len)
        response = direct[:, np.newaxis] * self._block_turns(down) + image[:, np.newaxis] * self._block_turns(up)
        return np.asarray(response / 2.0)

    def _block_turns(self, freq_hz: Samples) -> Phases:
        """``exp(2j pi f t)`` at the start of each block, (n, n_blocks)."""
        return _turns(2 * np.pi * freq_hz * self._block_len / self.rate, len(self._block_times))

    def _waves(self, tone: _Tone, first: Ints, count: int) -> Samples:
        """Samples ``first`` to ``first + count`` of a tone, (n, count)."""
        omega = 2 * np.pi * tone.freq_hz / self.rate
        phasors = (tone.amplitude * np.exp(1j * omega * first))[:, np.newaxis] * _turns(omega, count)
        return np.asarray(phasors.real)

    def _find_start(self, clean: Samples, pair: _Pair, rough: Ints, earliest: Ints, latest: Ints) -> Ints:
        """Where the pair starts, near a rough start: where the running log-likelihood ratio is lowest, (n,)."""
        first = rough - self._samples(EARLY_MS)
        sums = self._likelihoods(clean, pair, first)
        at = first[:, np.newaxis] + np.arange(sums.shape[2])
        allowed = (at >= earliest[:, np.newaxis]) & (at <= np.maximum(latest, first)[:, np.newaxis])
        together, low, high = first + np.where(allowed, sums, np.inf).argmin(axis=2)
        return np.asarray(np.where(np.abs(low - high) > self._samples(SKEW_MS), np.maximum(low, high), together))

    def _find_stop(self, clean: Samples, pair: _Pair, rough: Ints, earliest: Ints, latest: Ints) -> Ints:
        """Where the pair stops, near a rough stop: where the running log-likelihood ratio is highest, (n,)."""
        first = rough - self._samples(LATE_MS)
        sums = self._likelihoods(clean, pair, first)
        at = first[:, np.newaxis] + np.arange(sums.shape[2])
        last = np.minimum(np.maximum(latest, first), self.n_samples)
        allowed = (at >= earliest[:, np.newaxis]) & (at <= last[:, np.newaxis])
        together, low, high = first + np.where(allowed, sums, -np.inf).argmax(axis=2)
        return np.asarray(np.where(np.abs(low - high) > self._samples(SKEW_MS), np.minimum(low, high), together))

    def _likelihoods(self, clean: Samples, pair: _Pair, first: Ints) -> Samples:
        """Running sums from ``first`` on, of both tones and of the low and the high alone, (3, n, n_edge + 1)."""
        count = self._samples(EARLY_MS + LATE_MS)
        x = self._cut(clean, first, count)
        low, high = self._waves(pair.low, first, count), self._waves(pair.high, first, count)
        sums = np.zeros((3, len(x), count + 1))
        np.cumsum((2.0 * (x - high) - low) * low, axis=1, out=sums[1, :, 1:])
        np.cumsum((2.0 * (x - low) - high) * high, axis=1, out=sums[2, :, 1:])
        both = low + high
        np.cumsum((2.0 * x - both) * both, axis=1, out=sums[0, :, 1:])
        return sums

    def _cut(self, samples: Samples, first: Ints, count: int) -> Samples:
        """Samples ``first`` to ``first + count`` of each row, zeros outside the piece, (n, count)."""
        at = first[:, np.newaxis] + np.arange(count)
        known = (at >= 0) & (at < self.n_samples)
        return np.where(known, samples[np.arange(len(first))[:, np.newaxis], np.clip(at, 0, self.n_samples - 1)], 0.0)

    def _purity(self, wide: Samples, pair: _Pair, start: Ints, stop: Ints) -> _Purity:
        """Compare the pair with the spectrum of what it leaves over in the body."""
        length = (stop - start)[:, np.newaxis]
        first = np.full(len(start), self._lead - self._samples(EARLY_MS))
        count = self._samples(BODY_MS + 2 * EARLY_MS)
        phase = (np.arange(count) + (first - start)[:, np.newaxis] + 0.5) / length
        window = np.where((phase > 0) & (phase < 1), 0.5 - 0.5 * np.cos(2 * np.pi * phase), 0.0)
        energy = (window**2).sum(axis=1)
        left_over = wide[:, first[0] : first[0] + count] - self._waves(pair.low, first, count)
        left_over -= self._waves(pair.high, first, count)
        power = np.abs(np.fft.rfft(left_over * window, self._n_fft, axis=1)) ** 2 / energy[:, np.newaxis]

        top_hz = min(NOISE_BAND_HZ[1], 0.45 * self.rate)
        in_band = (self._bins_hz >= NOISE_BAND_HZ[0]) & (self._bins_hz <= top_hz)
        in_hum = (self._bins_hz >= HUM_BAND_HZ[0]) & (self._bins_hz < HUM_BAND_HZ[1])
        bin_hz = self.rate / length
        away = np.minimum(*(np.abs(self._bins_hz - tone.freq_hz[:, np.newaxis]) for tone in (pair.low, pair.high)))
        foreign = in_band & (away > MAIN_LOBE_BINS * bin_hz)
        # A tone of amplitude a has a line of height a**2 * line.
        line = window.sum(axis=1) ** 2 / energy / 4.0
        low_power, high_power = np.abs(pair.low.amplitude) ** 2 / 2.0, np.abs(pair.high.amplitude) ** 2 / 2.0
        weaker = 2.0 * np.minimum(low_power, high_power) * line
        noise = power[:, in_band].mean(axis=1)  # variance of a sample, if the noise is white
        n_subbands = int((top_hz - NOISE_BAND_HZ[0]) // SUBBAND_HZ)
        edges_hz = NOISE_BAND_HZ[0] + SUBBAND_HZ * np.arange(n_subbands + 1)
        edges = np.searchsorted(self._bins_hz, edges_hz)
        subbands = np.add.reduceat(power[:, : edges[-1]], edges[:-1], axis=1) / np.diff(edges) + TINY
        in_reference = noise * min(1.0, 2 * NOISE_REFERENCE_HZ / self.rate)
        return _Purity(
            noise=noise,
            snr_db=_db(low_power + high_power, in_reference),
            margin_db=_db(weaker, np.where(foreign, power, 0.0).max(axis=1)),
            hum_margin_db=_db(weaker, power[:, in_hum].max(axis=1)),
            flatness_db=10.0 * (np.log10(subbands).mean(axis=1) - np.log10(subbands.mean(axis=1))),
        )

    def _shape(self, phasors: Phases, tone: _Tone, nominal_hz: Samples, start: Ints, stop: Ints) -> _Shape:
        """Follow one tone, alone in the phasors, through the press in thirds, and past its ends."""
        turned = phasors * self._block_turns(nominal_hz - tone.freq_hz)
        at = self._block_len * np.arange(turned.shape[1]) + self._block_len // 2  # middles of the blocks

        def mean_between(first: npt.NDArray[Any], last: npt.NDArray[Any]) -> npt.NDArray[np.complex128]:
            inside = (at >= first[:, np.newaxis]) & (at < last[:, np.newaxis])
            return np.asarray((turned * inside).sum(axis=1) / np.maximum(inside.sum(axis=1), 1))

        third = (stop - start) / 3.0
        first, last = mean_between(start, start + third), mean_between(stop - third, stop)
        near, far = self._samples(OUTSIDE_MS[0]), self._samples(OUTSIDE_MS[1])
        inside_power = np.abs(mean_between(start, stop)) ** 2
        outside_power = np.maximum(
            np.abs(mean_between(start - far, start - near)) ** 2, np.abs(mean_between(stop + near, stop + far)) ** 2
        )
        return _Shape(
            swell_db=np.abs(_db(np.abs(first) ** 2, np.abs(last) ** 2)),
            outside_db=_db(inside_power, outside_power),
        )

    def _ramp_foot(self, clean: Samples, pair: _Pair, edge: Ints, noise: Samples, *, falling: bool) -> Ints:
        """Move an edge from half height to the foot of its ramp, where the ramp can be told from the noise."""
        reach = self._template_gains.shape[0] // 2
        first = edge - reach
        s = self._waves(pair.low, first, 2 * reach) + self._waves(pair.high, first, 2 * reach)
        gain, cost = 2.0 * self._cut(clean, first, 2 * reach) * s, s**2
        if falling:
            gain, cost = gain[:, ::-1], cost[:, ::-1]
        likelihood = gain @ self._template_gains - cost @ self._template_gains**2  # (n, n_templates)
        likelihood /= 2.0 * np.maximum(noise, 1e-12)[:, np.newaxis]
        n_hard = len(self._template_feet) // len(RAMPS_MS)
        likelihood[:, :n_hard] += RAMP_GAIN
        foot = self._template_feet[likelihood.argmax(axis=1)]
        return np.asarray(edge - foot if falling else edge + foot)


@dataclass(frozen=True, slots=True)
class _Tone:
    """One tone of each candidate, (n,): frequency, and complex peak amplitude at the start of the piece."""

    freq_hz: Samples
    amplitude: Phases


@dataclass(frozen=True, slots=True)
class _Pair:
    """The low and the high tone."""

    low: _Tone
    high: _Tone


@dataclass(frozen=True, slots=True)
class _Purity:
    """What the pair leaves over, (n,) each; ``noise`` is the variance of a sample."""

    noise: Samples
    snr_db: Samples
    margin_db: Samples
    hum_margin_db: Samples
    flatness_db: Samples


@dataclass(frozen=True, slots=True)
class _Shape:
    """How one tone goes through the press, (n,) each; as in :class:`Measurements`."""

    swell_db: Samples
    outside_db: Samples


def _choose(first: Bools, one: _Tone, other: _Tone) -> _Tone:
    """One tone where ``first`` holds, the other elsewhere."""
    return _Tone(np.where(first, one.freq_hz, other.freq_hz), np.where(first, one.amplitude, other.amplitude))


def _turns(step_rad: Samples, count: int) -> Phases:
    """``exp(1j step k)`` for ``k`` below ``count``, (n, count), from a coarse and a fine one: few exponentials."""
    n_fine = math.isqrt(count - 1) + 1
    fine = np.exp(1j * np.outer(step_rad, np.arange(n_fine)))
    coarse = np.exp(1j * np.outer(step_rad * n_fine, np.arange(-(-count // n_fine))))
    return np.asarray((coarse[:, :, np.newaxis] * fine[:, np.newaxis]).reshape(len(step_rad), -1)[:, :count])


def _geometric_sum(omega: Samples, n: int) -> npt.NDArray[np.complex128]:
    """``sum(exp(1j omega k))`` over ``k`` from 0 to ``n - 1``."""
    turn = np.exp(1j * np.where(np.abs(omega) < 1e-9, 1e-9, omega))
    return np.asarray((1.0 - turn**n) / (1.0 - turn))


def _db(power: Samples, reference: Samples) -> Samples:
    """Ratio of powers in dB, kept finite."""
    return 10.0 * np.log10(np.maximum(power, TINY) / np.maximum(reference, TINY))


def _decimator(factor: int) -> Samples:
    """Low-pass for decimation, odd length: flat to 3400 Hz and 50 dB down from 4600 Hz at an 8 kHz output."""
    if factor == 1:
        return np.ones(1)
    half = 10 * factor
    taps = np.sinc(np.arange(-half, half + 1) / factor) * np.kaiser(2 * half + 1, 5.0)
    return np.asarray(taps / taps.sum())


def _high_pass(rate: float) -> Samples:
    """Linear-phase high-pass, odd length: a unit impulse less a low-pass."""
    half = round(HIGH_PASS_MS * rate / 2000.0)
    taps = -np.sinc(2 * HIGH_PASS_HZ / rate * np.arange(-half, half + 1)) * np.kaiser(2 * half + 1, 4.0)
    taps /= -taps.sum()
    taps[half] += 1.0
    return np.asarray(taps)


def _convolution_matrix(taps: Samples, n_out: int) -> Samples:
    """Matrix, (n_out + len(taps) - 1, n_out), that convolves a window of samples with symmetric taps."""
    matrix = np.zeros((n_out + len(taps) - 1, n_out))
    for column in range(n_out):
        matrix[column : column + len(taps), column] = taps
    return matrix


def _ramp_templates(rate: float) -> tuple[Ints, Samples]:
    """Rising edges: the foot of each, in samples from the edge at half height, and its gain around that edge.

    Returns (n_templates,) and (2 reach, n_templates), ``len(RAMPS_MS)`` equal groups, hard edges first.
    """
    shifts = np.arange(-round(RAMP_SEARCH_MS * rate / 1000.0), round(RAMP_SEARCH_MS * rate / 1000.0) + 1)
    reach = round((max(RAMPS_MS) / 2 + RAMP_SEARCH_MS + 1.0) * rate / 1000.0)
    at = np.arange(-reach, reach) + 0.5
    feet, gains = [], []
    for ramp_ms in RAMPS_MS:
        n_ramp = round(ramp_ms * rate / 1000.0)
        for shift in shifts:
            foot = shift - n_ramp // 2
            progress = np.clip((at - foot) / max(n_ramp, 1e-9), 0.0, 1.0)
            feet.append(foot)
            gains.append(0.5 - 0.5 * np.cos(np.pi * progress))
    return np.array(feet), np.array(gains).T
