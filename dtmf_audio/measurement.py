"""Measurement: from a stretch of audio that may hold a tone pair to the pair's frequencies, levels, edges and purity.

It is for what the screen is unsure of, and, to explain, for what it found hopeless; clean presses do without. A
candidate comes with the key that is strongest in it and a rough start and stop. It is measured as a whole:

1. *Prepare.* The stretch is decimated to a rate of 8 to 16 kHz and freed of everything below 560 Hz, so that
   dial tone, hum and DC do not matter. The filter's delay is taken out.
2. *Frequencies and levels.* Goertzel phasors of 2.5 ms blocks turn by the offset from nominal; the offset is the
   one that makes them add up best over the press. What leaks over from the other tone, and from the negative
   frequencies, has a closed form and is taken out, or a tone 19 dB weaker would be found where the sidelobes of
   the stronger are. Steps of Newton's method then fit both tones together by least squares.
3. *Edges.* With the fitted pair ``s``, ``sum(2 x s - s**2)`` is the log-likelihood ratio, but for a factor, of
   "the pair is on" against "there is only white noise". Its running sum is lowest where the tone starts and
   highest where it stops: first to the block, which costs little over a wide range, then to the sample around
   it, with what the high-pass does to an edge taken into account, and at last with the ramps.
4. *Purity.* What the fit leaves over is noise, speech or music; its spectrum tells which.

Edges and pair depend on each other, so both are found twice. In between, the purity of the rough fit tells the
caller, who may drop at once what has no promise: most candidates of speech end there.

All steps work on many candidates at a time, at the decimated rate: arrays are ``(n, ...)`` over candidates and
``(2, n, ...)`` over the low and the high tone of each. Long arrays are single precision, 140 dB of it; what is
solved for, ``(2, n)``, is double.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from dtmf_audio.columns import Bools, Columns, Ints, windows_of
from dtmf_audio.goertzel import GoertzelBank, GoertzelForm
from dtmf_audio.keys import TONES_HZ
from dtmf_audio.measures import HUM_BAND_HZ, NOISE_BAND_HZ, TINY, ratio_db, rising_edges
from dtmf_audio.signals import Samples
from dtmf_audio.tones import HIGH_HZ
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
SWEEPS = 3  # of taking out what one tone leaks into the other; each leaves a tenth or less of the error
RAMPS_MS = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0)
RAMP_SEARCH_MS = 1.0
SHARPEN_MS = 5.0  # how far from the best block boundary the best sample is looked for: two blocks
RAMP_GAIN = 6.0  # log-likelihood that a ramp must win over a hard edge
QUIETEST = 0.001  # noise is not taken to be weaker, of the pair's power

SUBBAND_HZ = 200.0
NOISE_REFERENCE_HZ = 4000.0
OUTSIDE_MS = (4.0, 24.0)  # past the ends of the press
ATTACK_MS = 7.5  # within the ends: three Goertzel blocks
INAUDIBLE = 10**-2.5  # of the pair's power: a residual below it is taken to be flat, and tells nothing
SURROUNDINGS_DB = (-5.0, 35.0)  # beyond, a tone tells no more for the other one
SURROUNDINGS_HZ = 350.0  # a voice has a partial or two within it
SPECTRUM_MS = 128.0  # of a longer press, the middle
MAIN_LOBE_BINS = 2.0  # half width of a Hann window's main lobe

Phases = npt.NDArray[np.complex128]
Track = npt.NDArray[np.complex64]
Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates(Columns):
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurements(Columns):
    """What was measured, arrays of shape (n,) over candidates.

    Attributes
    ----------
    start, stop : int64
        Samples of the stream.
    on_ms : float64
        Length.
    low_dbm0, high_dbm0 : float64
        Level of each tone.
    low_offset_pct, high_offset_pct : float64
        Frequency of each relative to nominal, positive if sharp.
    snr_db : float64
        Power of the pair over that of white noise from 0 to 4 kHz (or to half the rate) that is as strong as what the
        fit leaves over from 500 to 3600 Hz.
    margin_db : float64
        Weaker tone over the strongest other line from 500 to 3600 Hz.
    hum_margin_db : float64
        Weaker tone over the strongest line from 100 to 500 Hz: where dial tone and hum lie, and voices.
    flatness_db : float64
        Geometric over arithmetic mean of the residual's spectrum: near 0 for white noise, far below for speech.
    surroundings_db : float64
        Tone over the mean of what is within 350 Hz of it, mean of both tones.
    outside_db : float64
        How far the tones fall off from the press to the 20 ms before its start and after its stop, dB: the least of
        both tones and of the ends that there are. NaN for a part that has neither end.
    attack : float64
        Share of its amplitude that a tone has in the first and the last 7.5 ms: the least of both tones and of the
        ends that there are. NaN for a part that has neither end.
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
    surroundings_db: Samples
    outside_db: Samples
    attack: Samples

    @property
    def twist_db(self) -> Samples:
        """High group minus low group."""
        return self.high_dbm0 - self.low_dbm0

    @property
    def pair_dbm0(self) -> Samples:
        """Level of both tones together."""
        powers = 10.0 ** (self.low_dbm0 / 10.0) + 10.0 ** (self.high_dbm0 / 10.0)
        return np.asarray(10.0 * np.log10(powers))


Promise = Callable[[Measurements], Bools]


class Measurer:
    """Measures candidates of one sample rate; everything that depends on the rate alone is computed once.

    Parameters
    ----------
    samplerate : int
        Hz.
    form : {"matrix", "resonator"}
        Of the Goertzel bank.

    Attributes
    ----------
    decimation : int
        Samples of the stream for one of the work.
    rate : float
        Hz, after decimation.
    n_samples : int
        Length of the stretch that is worked on, after decimation.
    samples_before, samples_after : int
        How much of the stream a candidate needs, before its start and after its (latest) stop.
    piece_len : int
        Samples of the stream that are taken for each candidate.
    """

    BATCH = 128  # chosen: a candidate costs 0.12 ms in batches of 64 and 0.094 ms in these

    def __init__(self, samplerate: int, *, form: GoertzelForm = "matrix") -> None:
        self.decimation = max(1, samplerate // WORK_RATE_HZ)
        self.rate = samplerate / self.decimation
        self._block_len = self._samples(GOERTZEL_MS)
        self._lead = self._samples(LEAD_MS)
        self._n_blocks = math.ceil((2 * self._lead + self._samples(BODY_MS)) / self._block_len)
        self.n_samples = self._n_blocks * self._block_len
        self._bank = GoertzelBank(TONES_HZ, self.rate, self._block_len, form=form, dtype=np.float32)
        self._omega = 2 * np.pi * TONES_HZ / self.rate
        self._origin_turn = _exp(-np.outer(self._omega * self._block_len, np.arange(self._n_blocks)))
        reach_hz = SEARCH_PCT / 100.0 * max(HIGH_HZ) + SEARCH_STEP_HZ
        self._block_rad = 2 * np.pi * self._block_len / self.rate  # turn of one block for each Hz
        offsets_hz = np.arange(-reach_hz, reach_hz + SEARCH_STEP_HZ, SEARCH_STEP_HZ)
        self._offsets = 2 * np.pi * offsets_hz / self.rate  # rad for each sample
        self._offset_turn = _exp(-np.outer(np.arange(self._n_blocks), self._offsets * self._block_len))
        self._out_of_reach = np.abs(self._offsets) > SEARCH_PCT / 100.0 * self._omega[:, np.newaxis]  # (8, n_offsets)
        self._decimator = _decimator(self.decimation)
        self._high_pass = _high_pass(self.rate)
        self._high_pass_matrix = _convolution_matrix(self._high_pass, self._block_len * 4)
        half = (len(self._high_pass) - 1) // 2
        # One side of the high-pass's response at each tone: what the filter takes from a sample next to an edge.
        self._one_side = np.exp(1j * np.outer(self._omega, np.arange(1, half + 1))) @ self._high_pass[half + 1 :]
        self._template_feet, self._template_gains, self._template_energies = _ramp_templates(self.rate)
        self._n_fft = 32 * math.ceil(self._samples(SPECTRUM_MS) / 32)
        self._bins_hz = np.fft.rfftfreq(self._n_fft, 1.0 / self.rate).astype(np.float32)
        top_hz = min(NOISE_BAND_HZ[1], 0.45 * self.rate)
        n_subbands = int((top_hz - NOISE_BAND_HZ[0]) // SUBBAND_HZ)
        self._subbands = np.searchsorted(
            self._bins_hz, NOISE_BAND_HZ[0] + SUBBAND_HZ * np.arange(n_subbands + 1)
        )  # first bins, and the end
        self._hum = slice(*np.searchsorted(self._bins_hz, HUM_BAND_HZ).tolist())
        self._band = slice(int(self._subbands[0]), int(np.searchsorted(self._bins_hz, top_hz, side="right")))

        half_filters = half * self.decimation + (len(self._decimator) - 1) // 2
        self.samples_before = self._lead * self.decimation + half_filters
        self.piece_len = (self.n_samples - 1) * self.decimation + 1 + 2 * half_filters
        self.samples_after = self._lead * self.decimation + half_filters + self.decimation

    def measure(
        self, pieces: npt.NDArray[Any], candidates: Candidates, *, promising: Promise | None = None
    ) -> Measurements:
        """Measure candidates.

        Parameters
        ----------
        pieces : float32 or float64, shape (n, piece_len)
            The stream from ``samples_before`` samples before each candidate's start.
        candidates : Candidates
            None longer than :data:`BODY_MS`.
        promising : callable, Measurements to bool of shape (n,)
            Whether it is worth while to go on, from the rough fit alone: edges are to the block, and what is not
            measured yet is as favourable as can be. Without it, all are measured to the end.

        Returns
        -------
        Measurements, length n
            Rough ones of those that are not promising.
        """
        parts = [
            self._measure(
                pieces[i : i + self.BATCH].astype(np.float32), candidates.take(slice(i, i + self.BATCH)), promising
            )
            for i in range(0, len(candidates), self.BATCH)
        ]
        return Measurements.concatenate(parts)

    def _samples(self, ms: float) -> int:
        return round(ms * self.rate / 1000.0)

    def _measure(self, pieces: Floats, candidates: Candidates, promising: Promise | None) -> Measurements:
        """Measure one batch."""
        wide, clean = self._prepare(pieces)
        work = self._work(wide, clean, candidates)
        inset = self._samples(6.0)
        start = np.where(work.has_start, work.start + inset, work.start)
        stop = np.where(work.has_stop, work.stop - inset, work.stop)
        body = self._body(start, stop)
        pair = self._rough_pair(work, body)
        start, stop, _ = self._edges(work, pair, (start + stop) // 2)
        pair = self._fit(work, pair, self._body(start, stop))
        purity = self._purity(work, pair, start, stop)
        rough = self._measurements(work, candidates, pair, purity, start, stop)
        if promising is None:
            return self._finish(work, candidates, pair, start, stop)
        keep = promising(rough)
        if not keep.any():
            return rough
        finished = self._finish(
            work[keep],
            candidates.take(keep),
            _Pair(pair.omega[:, keep], pair.amplitude[:, keep]),
            start[keep],
            stop[keep],
        )
        for field in fields(rough):
            getattr(rough, field.name)[keep] = getattr(finished, field.name)
        return rough

    def _finish(self, work: _Work, candidates: Candidates, pair: _Pair, start: Ints, stop: Ints) -> Measurements:
        """Measure again from the rough fit, now to the sample."""
        start, stop, together = self._edges(work, pair, (start + stop) // 2)
        edges = self._around_edges(work, pair, start, stop)
        start, stop = self._sharpen(work, edges, start, stop, together)
        stop = np.maximum(stop, start + self._samples(SHORTEST_MS))
        pair = self._fit(work, pair, self._body(start, stop))
        purity = self._purity(work, pair, start, stop)
        shape = self._shape(work, pair, start, stop)
        start, stop = self._ramp_feet(
            work, edges, start, stop, np.abs(pair.amplitude).sum(axis=0) ** 2 / 2.0, purity.noise
        )
        measured = self._measurements(work, candidates, pair, purity, start, stop)
        return replace(measured, outside_db=shape.outside_db, attack=shape.attack)

    def _measurements(
        self, work: _Work, candidates: Candidates, pair: _Pair, purity: _Purity, start: Ints, stop: Ints
    ) -> Measurements:
        """In the units of the outside; the shape of the press is not known yet, and taken to be perfect."""
        dbm0 = 20.0 * np.log10(np.maximum(np.abs(pair.amplitude), TINY)) + FULL_SCALE_SINE_DBM0
        offset_pct = 100.0 * (pair.omega / work.omega - 1.0)
        return Measurements(
            start=candidates.start + (start - self._lead) * self.decimation,
            stop=candidates.start + (stop - self._lead) * self.decimation,
            on_ms=np.asarray(1000.0 * (stop - start) / self.rate, np.float64),
            low_dbm0=dbm0[0],
            high_dbm0=dbm0[1],
            low_offset_pct=offset_pct[0],
            high_offset_pct=offset_pct[1],
            snr_db=purity.snr_db,
            margin_db=purity.margin_db,
            hum_margin_db=purity.hum_margin_db,
            flatness_db=purity.flatness_db,
            surroundings_db=purity.surroundings_db,
            outside_db=np.full(len(start), np.inf),
            attack=np.ones(len(start)),
        )

    def _work(self, wide: Floats, clean: Floats, candidates: Candidates) -> _Work:
        """Bring candidates to the decimated rate; a piece begins ``lead`` before its candidate."""
        tones = np.stack([candidates.low, 4 + candidates.high])
        rows = np.arange(len(candidates))
        phasors = self._bank.phasors(clean.reshape(len(clean), -1, self._block_len))
        start = np.full(len(candidates), self._lead)
        earliest = self._lead - (candidates.start - candidates.earliest) // self.decimation
        latest = self._lead + (candidates.latest - candidates.start) // self.decimation
        return _Work(
            wide=wide,
            clean=clean,
            tracks=(phasors[tones, rows] * self._origin_turn[tones]).astype(np.complex64),
            omega=self._omega[tones],
            tones=tones,
            start=start,
            stop=start + (candidates.stop - candidates.start) // self.decimation,
            earliest=np.maximum(earliest, 0),
            latest=np.minimum(latest, self.n_samples),
            has_start=candidates.has_start,
            has_stop=candidates.has_stop,
        )

    def _prepare(self, pieces: Floats) -> tuple[Floats, Floats]:
        """Decimate; return the stretch as it is, and freed of everything below the tones, (n, n_samples)."""
        if self.decimation > 1:
            k, taps = self.decimation, self._decimator
            n_out = (pieces.shape[1] - len(taps)) // k + 1
            n_phases = len(taps) // k + 1
            padded = np.zeros((len(pieces), (n_out + n_phases) * k), np.float32)
            padded[:, : pieces.shape[1]] = pieces[:, : padded.shape[1]]
            steps = padded.reshape(len(pieces), -1, k)
            by_phase = np.pad(taps, (0, n_phases * k - len(taps))).reshape(n_phases, k).astype(np.float32)
            products = steps @ by_phase.T  # (n, n_steps, n_phases)
            decimated = np.zeros((len(pieces), n_out), np.float32)
            for phase in range(n_phases):
                decimated += products[:, phase : phase + n_out, phase]
        else:
            decimated = pieces
        half = (len(self._high_pass) - 1) // 2
        hop = self._high_pass_matrix.shape[1]
        n_hops = -(-self.n_samples // hop)
        padded = np.zeros((len(pieces), (n_hops - 1) * hop + self._high_pass_matrix.shape[0]), np.float32)
        width = min(padded.shape[1], decimated.shape[1])
        padded[:, :width] = decimated[:, :width]
        windows = windows_of(padded, self._high_pass_matrix.shape[0])[:, ::hop]
        # A product a piece: of one over all, the last digits would depend on how many pieces there are.
        clean = (np.ascontiguousarray(windows) @ self._high_pass_matrix).reshape(len(pieces), -1)
        return decimated[:, half : half + self.n_samples], np.ascontiguousarray(clean[:, : self.n_samples])

    def _body(self, start: Ints, stop: Ints) -> _Body:
        """Goertzel blocks that lie within, at least one."""
        first, last = -(-start // self._block_len), stop // self._block_len
        empty = last <= first
        middle = (start + stop) // 2 // self._block_len
        return _Body(np.where(empty, middle, first), np.where(empty, middle + 1, last))

    def _rough_pair(self, work: _Work, body: _Body) -> _Pair:
        """Estimate both tones on their own, then the weaker one with the leakage of the stronger taken out."""
        inside = body.mask(self._n_blocks)
        rows = np.arange(len(inside))
        pair = self._on_grid(work.tracks * inside, work.omega, work.tones, body)
        weaker = (np.abs(pair.amplitude[0]) >= np.abs(pair.amplitude[1])).astype(np.int64)  # which tone, (n,)
        strong_omega, strong = pair.omega[1 - weaker, rows], pair.amplitude[1 - weaker, rows]
        omega = work.omega[weaker, rows]
        apart = np.stack([strong_omega, -strong_omega]) - omega  # the stronger tone, and its negative frequency
        gain = 0.5 * np.stack([strong, np.conj(strong)]) * _geometric_sum(apart, self._block_len)
        leaks = gain.astype(np.complex64)[..., np.newaxis] * _turns(apart * self._block_len, self._n_blocks)
        leak = leaks[0] + leaks[1]
        alone = (work.tracks[weaker, rows] - leak) * inside
        better = self._on_grid(alone[np.newaxis], omega[np.newaxis], work.tones[weaker, rows][np.newaxis], body)
        pair.omega[weaker, rows], pair.amplitude[weaker, rows] = better.omega[0], better.amplitude[0]
        return pair

    def _on_grid(self, tracks: Track, omega: Samples, tones: Ints, body: _Body) -> _Pair:
        """Tones at which the phasors add up best, to a fraction of the grid, each on its own, (tones, n)."""
        twice = np.repeat(tracks[..., np.newaxis, :], 2, axis=-2)  # BLAS adds up a single row in another order
        sums = (twice @ self._offset_turn)[..., 0, :]
        power = sums.real**2 + sums.imag**2
        power[self._out_of_reach[tones]] = 0.0
        best = power.argmax(axis=-1).clip(1, len(self._offsets) - 2)
        which, rows = np.arange(len(best))[:, np.newaxis], np.arange(best.shape[1])
        before, at, after = (power[which, rows, best + i].astype(np.float64) for i in (-1, 0, 1))
        curvature = np.minimum(before - 2.0 * at + after, -TINY)
        step = self._offsets[1] - self._offsets[0]
        offset = self._offsets[best] + ((before - after) / (2.0 * curvature)).clip(-1, 1) * step
        total = (tracks * _turns(-offset * self._block_len, self._n_blocks)).sum(axis=-1)
        return _Pair(omega + offset, 2.0 * total / (body.count * _geometric_sum(offset, self._block_len)))

    def _leaks(self, nominal: Samples, omega: Samples, body: _Body) -> tuple[Phases, Phases]:
        """What tones of amplitude 1 and angular frequencies ``omega`` leak into each other's sum over a body.

        For each tone, three sources: the other tone, its negative frequency, the tone's own; their share in the sum
        of the turned phasors, and in the moment about the middle block. Sources are the first axis, tones the second.
        """
        middle = (body.first + body.last - 1) / 2.0
        sources = np.stack([omega[::-1], -omega[::-1], -omega])
        turn = (sources - omega) * self._block_len
        gain = 0.5 * _geometric_sum(sources - nominal, self._block_len) * np.exp(1j * turn * middle)
        total, slope = _dirichlet(turn, body.count)
        return gain * total, -1j * gain * slope

    def _fit(self, work: _Work, pair: _Pair, body: _Body) -> _Pair:
        """Fit both tones together by least squares over the body: one step from a pair that is nearly right."""
        inside, count = body.mask(self._n_blocks), body.count
        middle = (body.first + body.last - 1) / 2.0
        spread = np.maximum(count * (count**2 - 1.0) / 12.0, TINY)
        centred = inside * (np.arange(self._n_blocks) - middle[:, np.newaxis]).astype(np.float32)
        most = 2 * np.pi * SEARCH_STEP_HZ / self.rate * self._block_len
        turned = work.tracks * _turns((work.omega - pair.omega) * self._block_len, self._n_blocks)
        whole_sum, whole_moment = (turned * inside).sum(axis=-1), (turned * centred).sum(axis=-1)
        sums, moments = self._leaks(work.omega, pair.omega, body)
        omega, amplitude = pair.omega, pair.amplitude
        for _ in range(SWEEPS):
            other = amplitude[::-1]
            parts = np.stack([other, np.conj(other), np.conj(amplitude)])
            total = whole_sum - (parts * sums).sum(axis=0)
            moment = whole_moment - (parts * moments).sum(axis=0)
            slope = np.imag(np.conj(total) * moment) / np.maximum(np.abs(total) ** 2, TINY)
            step = (slope * count / spread).clip(-most, most)  # rad for each block
            total = np.exp(-1j * step * middle) * (total - 1j * step * moment - 0.5 * step**2 * spread / count * total)
            omega = pair.omega + step / self._block_len
            amplitude = 2.0 * total / (count * _geometric_sum(omega - work.omega, self._block_len))
        return _Pair(omega, amplitude)

    def _edges(self, work: _Work, pair: _Pair, middle: Ints) -> tuple[Ints, Ints, Bools]:
        """Start and stop to the block, and whether both tones agree in them, (2, n)."""
        sums = self._likelihoods(work, pair)  # (3, n, n_blocks + 1)
        at = self._block_len * np.arange(self._n_blocks + 1)
        skew = self._samples(SKEW_MS)

        def within(first: Ints, last: Ints) -> Bools:
            return np.asarray((at >= first[:, np.newaxis]) & (at <= np.maximum(last, first)[:, np.newaxis]))

        early, late = self._samples(EARLY_MS), self._samples(LATE_MS)
        allowed = within(np.maximum(work.start - early, work.earliest), np.minimum(middle, work.start + late))
        both, low, high = at[np.where(allowed, sums, np.inf).argmin(axis=-1)]
        apart = np.abs(low - high) > skew
        start = np.where(work.has_start, np.where(apart, np.maximum(low, high), both), work.start)
        allowed = within(np.maximum(work.stop - late, middle), np.minimum(work.stop + early, work.latest))
        both, low, high = at[np.where(allowed, sums, -np.inf).argmax(axis=-1)]
        apart_at_stop = np.abs(low - high) > skew
        stop = np.where(work.has_stop, np.where(apart_at_stop, np.minimum(low, high), both), work.stop)
        return start, np.maximum(stop, start + self._samples(SHORTEST_MS)), ~np.stack([apart, apart_at_stop])

    def _likelihoods(self, work: _Work, pair: _Pair) -> Floats:
        """Running sums over blocks, of both tones and of the low and the high alone, (3, n, n_blocks + 1)."""
        offset = pair.omega - work.omega
        turned = work.tracks * _turns(-offset * self._block_len, self._n_blocks)
        reference = np.conj(pair.amplitude * np.exp(0.5j * (self._block_len - 1) * offset)).astype(np.complex64)
        along = (turned * reference[..., np.newaxis]).real  # sum of x s over each block
        energy = (0.5 * self._block_len * np.abs(pair.amplitude) ** 2).astype(np.float32)[..., np.newaxis]
        apart = pair.omega[0] - pair.omega[1]
        beat = pair.amplitude[0] * np.conj(pair.amplitude[1]) * _geometric_sum(apart, self._block_len)
        cross = (beat.astype(np.complex64)[:, np.newaxis] * _turns(apart * self._block_len, self._n_blocks)).real
        alone = 2.0 * along - energy  # (2, n, n_blocks)
        sums = np.zeros((3, len(beat), self._n_blocks + 1), np.float32)
        np.cumsum(alone[0] + alone[1] - cross, axis=-1, out=sums[0, :, 1:])
        np.cumsum(alone - cross, axis=-1, out=sums[1:, :, 1:])
        return sums

    def _around_edges(self, work: _Work, pair: _Pair, start: Ints, stop: Ints) -> _Edges:
        """What the edges are found from: samples around the start, and around the stop turned back in time.

        A gate ``g`` on the pair ``s`` is heard through the high-pass ``r`` as ``r * (g s)``. Taken as a whitening
        filter applied twice, ``r`` gives the log-likelihood ratio ``sum(2 x g s) - sum(g s (r * (g s)))``; when a
        hard edge moves by one sample, the latter changes by ``s (r[0] s + w)``, where ``w`` is what one side of
        the filter gives.
        """
        reach = self._samples(SHARPEN_MS) + self._template_gains.shape[0] // 2
        count = 2 * reach
        n = len(start)
        edges = np.concatenate([start, stop])
        first = edges - reach
        omega, amplitude = np.tile(pair.omega, 2), np.tile(pair.amplitude, 2)
        side = self._one_side[work.tones]
        s = _waves(omega, amplitude, first, count)
        w = _waves(omega, 2.0 * amplitude * np.concatenate([side, np.conj(side)], axis=1), first, count)
        padded = np.pad(work.clean, ((0, 0), (reach, reach)))
        rows = np.tile(np.arange(n), 2)
        x = windows_of(padded, count)[rows, (first + reach).clip(0, self.n_samples)]
        centre = self._high_pass[(len(self._high_pass) - 1) // 2]
        gain = 2.0 * x * s
        gained = gain - s * s - s * (np.float32(centre - 1.0) * s + w)
        for array in (gain, gained):
            array[n:] = array[n:, ::-1].copy()
        return _Edges(reach, edges, pair, gain, gained)

    def _sharpen(self, work: _Work, edges: _Edges, start: Ints, stop: Ints, together: Bools) -> tuple[Ints, Ints]:
        """Move edges that lie on blocks to the sample, where both tones have them."""
        search = self._samples(SHARPEN_MS)
        n, around = len(start), slice(edges.reach - search, edges.reach + search)
        sums = np.zeros((2 * n, 2 * search + 1), np.float32)
        np.cumsum(edges.gained[:, around], axis=1, out=sums[:, 1:])
        at = np.arange(-search, search + 1)
        middle = (start + stop) // 2
        first = np.concatenate([np.maximum(work.earliest, 0) - start, stop - work.latest])
        last = np.concatenate([middle - start, stop - middle])
        allowed = (at >= first[:, np.newaxis]) & (at <= np.maximum(first, last)[:, np.newaxis])
        moved = at[np.where(allowed, sums, np.inf).argmin(axis=-1)]
        return (
            np.where(work.has_start & together[0], start + moved[:n], start),
            np.where(work.has_stop & together[1], stop - moved[n:], stop),
        )

    def _ramp_feet(
        self, work: _Work, edges: _Edges, start: Ints, stop: Ints, power: Samples, noise: Samples
    ) -> tuple[Ints, Ints]:
        """Move hard edges to the feet of ramps, where the ramps can be told from the noise."""
        n, span = len(start), self._template_gains.shape[0]
        first = np.clip(edges.reach + np.concatenate([start - edges.at[:n], edges.at[n:] - stop]) - span // 2, 0, None)
        at = np.minimum(first, 2 * edges.reach - span)[:, np.newaxis] + np.arange(span)
        gain = np.take_along_axis(edges.gain, at, axis=1)
        # Amplitudes at the first sample on the tone's side of the edge; time runs backwards from a stop.
        omega = np.tile(edges.pair.omega, 2)
        inner = np.concatenate([start, stop - 1])
        low, high = np.tile(edges.pair.amplitude, 2) * np.exp(1j * omega * inner)
        low[n:], high[n:] = np.conj(low[n:]), np.conj(high[n:])
        energies = self._template_energies[np.tile(work.tones[0], 2), np.tile(work.tones[1] - 4, 2)]
        energy = (_products(low, high)[:, np.newaxis] @ energies)[:, 0]
        # In double precision, or what ties would be told apart by how many are measured at a time.
        likelihood = gain.astype(np.float64) @ self._template_gains.astype(np.float64) - energy  # (2 n, n_templates)
        likelihood /= 2.0 * np.tile(np.maximum(noise, power * QUIETEST), 2)[:, np.newaxis]
        n_hard = len(self._template_feet) // len(RAMPS_MS)
        likelihood[:, :n_hard] += RAMP_GAIN
        foot = self._template_feet[likelihood.argmax(axis=1)]
        return (
            np.where(work.has_start, start + foot[:n], start),
            np.where(work.has_stop, stop - foot[n:], stop),
        )

    def _purity(self, work: _Work, pair: _Pair, start: Ints, stop: Ints) -> _Purity:
        """Compare the pair with the spectrum of what it leaves over in the body."""
        middle = (start + stop) // 2
        length = np.minimum(stop - start, self._n_fft)
        first = (middle - length // 2).clip(0, self.n_samples - self._n_fft)
        phase = np.arange(self._n_fft, dtype=np.float32) + (first - middle + 0.5).astype(np.float32)[:, np.newaxis]
        phase /= length.astype(np.float32)[:, np.newaxis]
        window = np.where(
            np.abs(phase) < 0.5,
            np.float32(0.5) + np.float32(0.5) * np.cos(np.float32(2 * np.pi) * phase),
            np.float32(0.0),
        )
        energy = 0.375 * length
        views = windows_of(work.wide, self._n_fft)
        left_over = views[np.arange(len(first)), first] - _waves(pair.omega, pair.amplitude, first, self._n_fft)
        spectrum = np.fft.rfft(left_over * window, axis=1)
        power = (spectrum.real**2 + spectrum.imag**2) / energy.astype(np.float32)[:, np.newaxis]

        in_band = power[:, self._band]
        lobe_hz = (MAIN_LOBE_BINS * self.rate / length).astype(np.float32)[:, np.newaxis]
        freq_hz = (pair.omega * self.rate / (2 * np.pi)).astype(np.float32)[..., np.newaxis]
        away = np.abs(self._bins_hz[self._band] - freq_hz) > lobe_hz  # (2, n, n_bins)
        foreign = in_band * (away[0] & away[1])
        # A tone of amplitude a has a line of height a**2 * line.
        line = (0.5 * length) ** 2 / energy / 4.0
        low_power, high_power = np.abs(pair.amplitude) ** 2 / 2.0
        weaker = 2.0 * np.minimum(low_power, high_power) * line
        levels_db = []
        for own, power_of_one in zip(freq_hz, (low_power, high_power), strict=True):
            around = foreign * (np.abs(self._bins_hz[self._band] - own) < SURROUNDINGS_HZ)
            mean = around.sum(axis=1) / np.maximum(np.count_nonzero(around, axis=1), 1)
            levels_db.append(ratio_db(2.0 * power_of_one * line, mean).clip(*SURROUNDINGS_DB))
        noise = in_band.mean(axis=1, dtype=np.float64)  # variance of a sample, if the noise is white
        edges = self._subbands
        subbands = np.add.reduceat(power[:, : edges[-1]], edges[:-1], axis=1) / np.diff(edges)
        subbands += ((low_power + high_power) * INAUDIBLE).astype(np.float32)[:, np.newaxis]
        in_reference = noise * min(1.0, 2 * NOISE_REFERENCE_HZ / self.rate)
        return _Purity(
            noise=noise,
            snr_db=ratio_db(low_power + high_power, in_reference),
            margin_db=ratio_db(weaker, foreign.max(axis=1)),
            surroundings_db=(levels_db[0] + levels_db[1]) / 2.0,
            hum_margin_db=ratio_db(weaker, power[:, self._hum].max(axis=1)),
            flatness_db=10.0 * (np.log10(subbands).mean(axis=1) - np.log10(subbands.mean(axis=1))),
        )

    def _shape(self, work: _Work, pair: _Pair, start: Ints, stop: Ints) -> _Shape:
        """Compare each tone, alone, at the ends of the press and past them with its mean over the press."""
        turned = work.tracks * _turns((work.omega - pair.omega) * self._block_len, self._n_blocks)
        sums = np.zeros((2, len(start), self._n_blocks + 1), np.complex64)
        np.cumsum(turned, axis=-1, out=sums[..., 1:])
        near, far, brief = (self._samples(ms) for ms in (*OUTSIDE_MS, ATTACK_MS))
        first = np.stack([start, start - far, stop + near, start, stop - brief])  # (5, n)
        last = np.stack([stop, start - near, stop + far, start + brief, stop])
        blocks = [np.ceil(edge / self._block_len - 0.5).astype(np.int64) for edge in (first, last)]
        body = _Body(*(block.clip(0, self._n_blocks) for block in blocks))  # whose middles lie within
        leaks, _ = self._leaks(work.omega[:, np.newaxis], pair.omega[:, np.newaxis], body)
        other = pair.amplitude[::-1, np.newaxis]
        rows = np.arange(len(start))
        total = sums[:, rows, body.last] - sums[:, rows, body.first] - other * leaks[0] - np.conj(other) * leaks[1]
        means = np.moveaxis(total / np.maximum(body.count, 1), 1, 0)  # (5, 2, n)
        whole, before, after = np.abs(means[:3]) ** 2
        ends = np.stack([work.has_start, work.has_stop])
        outside = np.where(
            ends, np.stack([ratio_db(whole, before).min(axis=0), ratio_db(whole, after).min(axis=0)]), np.nan
        )
        shares = ((means[3:] * np.conj(means[0])).real / np.maximum(whole, TINY)).min(axis=1)
        return _Shape(
            outside_db=np.fmin(*outside),
            attack=np.fmin(*np.where(ends, shares, np.nan)),
        )


@dataclass(frozen=True, slots=True)
class _Work:
    """A batch at the decimated rate, in samples from the start of each piece.

    ``wide`` and ``clean`` are (n, n_samples), ``tracks`` the phasors at the nominal frequencies, referred to the
    start of the piece, (2, n, n_blocks), ``omega`` those frequencies in rad for each sample, (2, n).
    """

    wide: Floats
    clean: Floats
    tracks: Track
    omega: Samples
    tones: Ints
    start: Ints
    stop: Ints
    earliest: Ints
    latest: Ints
    has_start: Bools
    has_stop: Bools

    def __getitem__(self, rows: Bools) -> _Work:
        by_tone = ("tracks", "omega", "tones")
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return _Work(**{name: v[:, rows] if name in by_tone else v[rows] for name, v in values.items()})


@dataclass(frozen=True, slots=True)
class _Body:
    """Goertzel blocks ``first`` to ``last``, half-open, (n,)."""

    first: Ints
    last: Ints

    @property
    def count(self) -> Samples:
        return (self.last - self.first).astype(np.float64)

    def mask(self, n_blocks: int) -> npt.NDArray[np.float32]:
        """1 within, (n, n_blocks)."""
        at = np.arange(n_blocks)
        inside = (at >= self.first[:, np.newaxis]) & (at < self.last[:, np.newaxis])
        return inside.astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Pair:
    """Both tones of each candidate, (2, n): rad for each sample, and complex peak amplitude at the piece's start."""

    omega: Samples
    amplitude: Phases


@dataclass(frozen=True, slots=True)
class _Edges:
    """Terms of the likelihood around the edges ``at``, (2 n,): of the starts, then of the stops, turned back in time.

    ``gain`` is what each sample gives with the pair on, ``gained`` what an edge before it gains over one behind it;
    both (2 n, 2 reach), of the ``reach`` samples before and after.
    """

    reach: int
    at: Ints
    pair: _Pair
    gain: Floats
    gained: Floats


@dataclass(frozen=True, slots=True)
class _Purity:
    """What the pair leaves over, (n,) each; ``noise`` is the variance of a sample."""

    noise: Samples
    snr_db: Samples
    margin_db: Samples
    hum_margin_db: Samples
    flatness_db: Samples
    surroundings_db: Samples


@dataclass(frozen=True, slots=True)
class _Shape:
    """How the tones begin and end, (n,) each; as in :class:`Measurements`."""

    outside_db: Samples
    attack: Samples


def _turns(step_rad: Floats, count: int) -> Track:
    """``exp(1j step k)`` for ``k`` below ``count``, (..., count), from a coarse and a fine one: few exponentials."""
    n_fine = math.isqrt(count - 1) + 1
    fine = _exp(step_rad[..., np.newaxis] * np.arange(n_fine))
    coarse = _exp(step_rad[..., np.newaxis] * (n_fine * np.arange(-(-count // n_fine))))
    turns = coarse[..., :, np.newaxis] * fine[..., np.newaxis, :]
    return turns.reshape(*step_rad.shape, -1)[..., :count]


def _exp(phase_rad: Floats) -> Track:
    """``exp(1j phase)`` in single precision."""
    result = np.empty(phase_rad.shape, np.complex64)
    result.real, result.imag = np.cos(phase_rad), np.sin(phase_rad)
    return result


def _waves(omega: Floats, amplitude: Phases, first: Ints, count: int) -> Floats:
    """Samples ``first`` to ``first + count`` of the sum of tones, (n, count); tones are the first axis.

    The real part of a sum of products of coarse and fine exponentials is a product of real matrices.
    """
    n_fine = math.isqrt(count - 1) + 1
    fine = omega[..., np.newaxis] * np.arange(n_fine)  # (tones, n, n_fine)
    coarse = amplitude[..., np.newaxis] * np.exp(
        1j * omega[..., np.newaxis] * (first[:, np.newaxis] + n_fine * np.arange(-(-count // n_fine)))
    )
    left = np.concatenate([coarse.real, -coarse.imag]).transpose(1, 2, 0).astype(np.float32)
    right = np.concatenate([np.cos(fine), np.sin(fine)]).transpose(1, 0, 2).astype(np.float32)
    return np.asarray((left @ right).reshape(len(first), -1)[:, :count])


def _geometric_sum(omega: Floats, n: int) -> Phases:
    """``sum(exp(1j omega k))`` over ``k`` from 0 to ``n - 1``."""
    turn = np.exp(1j * np.where(np.abs(omega) < 1e-9, 1e-9, omega))
    return np.asarray((1.0 - turn**n) / (1.0 - turn))


def _dirichlet(omega: Floats, n: Floats) -> tuple[Samples, Samples]:
    """Sum of ``cos(omega k)`` over ``n`` values of ``k`` around 0, one apart, and its derivative by omega."""
    half = 0.5 * omega
    below = np.sin(half)
    singular = np.abs(below) < 1e-4
    if singular.any():
        half = np.where(singular, half + 2e-4, half)
        below = np.sin(half)
    total = np.sin(n * half) / below
    slope = 0.5 * (n * np.cos(n * half) - np.cos(half) * total) / below
    return np.asarray(total), np.asarray(slope)


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


def _convolution_matrix(taps: Samples, n_out: int) -> Floats:
    """Matrix, (n_out + len(taps) - 1, n_out), that convolves a window of samples with symmetric taps."""
    matrix = np.zeros((n_out + len(taps) - 1, n_out), np.float32)
    for column in range(n_out):
        matrix[column : column + len(taps), column] = taps
    return matrix


@lru_cache(maxsize=16)
def _ramp_templates(rate: float) -> tuple[Ints, Floats, Floats]:
    """Rising edges ``g``: feet, gains, and the energy of a gated pair behind the high-pass.

    Returns
    -------
    feet : int64, shape (n_templates,)
        Foot of each, in samples from the edge found before; hard edges come first.
    gains : float32, shape (2 reach, n_templates)
        Gain around that edge.
    energies : float32, shape (4, 4, 10, n_templates)
        For each key, ``sum(g s (r * (g s)))`` as a linear form in the ten products of the pair's amplitudes that
        :func:`_products` gives, but for a constant that all edges have in common.
    """
    shifts = np.arange(-round(RAMP_SEARCH_MS * rate / 1000.0), round(RAMP_SEARCH_MS * rate / 1000.0) + 1)
    reach = round((max(RAMPS_MS) / 2 + RAMP_SEARCH_MS + 1.0) * rate / 1000.0)
    high_pass = _high_pass(rate)
    half = len(high_pass) // 2
    at = np.arange(-reach, reach + half)  # beyond the templates as far as the filter feels them
    feet, gain = rising_edges([round(ms * rate / 1000.0) for ms in RAMPS_MS], shifts, at)  # (n_templates, n)
    omega = 2 * np.pi * TONES_HZ / rate
    waves = gain * np.exp(1j * omega[:, np.newaxis, np.newaxis] * at)  # (8, n_templates, n)
    n_fft = 32 * math.ceil((len(at) + 2 * half) / 32)
    response = np.fft.fft(high_pass, n_fft)
    heard = np.fft.ifft(np.fft.fft(waves, n_fft) * response)[..., half : half + len(at)]
    low, high, heard_low, heard_high = waves[:4], waves[4:], heard[:4], heard[4:]
    energies = np.empty((4, 4, 10, len(feet)), np.float32)
    for first, tone, own in ((0, low, heard_low), (3, high, heard_high)):
        square, power = 0.5 * (tone * own).sum(axis=-1), 0.5 * (np.conj(tone) * own).sum(axis=-1).real
        parts = np.stack([square.real, -square.imag, power], axis=1)  # (4, 3, n_templates)
        energies[:, :, first : first + 3] = parts[:, np.newaxis] if first == 0 else parts
    for row in range(4):
        for column in range(4):
            sum_, difference = (low[row] * heard_high[column]).sum(-1), (low[row] * np.conj(heard_high[column])).sum(-1)
            energies[row, column, 6:] = sum_.real, -sum_.imag, difference.real, -difference.imag
    return feet, gain[:, : 2 * reach].T.astype(np.float32), energies


def _products(low: Phases, high: Phases) -> Floats:
    """Products of the amplitudes of two tones that the energy of a gated pair is made of, (n, 10)."""
    parts = []
    for tone in (low, high):
        square = tone**2
        parts += [square.real, square.imag, np.abs(tone) ** 2]
    for product in (low * high, low * np.conj(high)):
        parts += [product.real, product.imag]
    return np.stack(parts, axis=-1).astype(np.float32)
