"""Examination: parts of runs looked at and measured, each as far as it is worth.

A part gets, in turn:

1. *A look* (:mod:`dtmf_audio.screen`) at 32 ms in its middle. What is hopeless in it, and if it is long in two more
   near its ends, goes no further; of a run of several parts, it still says where what is not hopeless ends.
2. If the look is clean, *clean edges* (:mod:`dtmf_audio.clean_edges`); with these, it is measured.
3. If it is not, or its edges are not clean, *the full measurement* (:mod:`dtmf_audio.measurement`).
4. If that leaves it a little short of evidence, or too short, *a second chance*: the 32 ms in it that look most like a
   pair are measured instead.

What is heard of a part depends on its place alone: the full measurement takes audio that comes later than
:data:`~dtmf_audio.detector.SETTLE_WINDOWS` behind it, or after the sample until which a beginning is asked for, for
silence even if it is known; a look and clean edges do not reach so far.
"""

from __future__ import annotations

from dataclasses import fields, replace
from functools import lru_cache, partial

import numpy as np

from dtmf_audio.clean_edges import CleanEdges
from dtmf_audio.columns import Bools, Ints, rows_where
from dtmf_audio.detector import BLOCK_MS, BRIDGED_WINDOWS, FAR, SETTLE_WINDOWS, WINDOW_BLOCKS, RunTracker
from dtmf_audio.goertzel import GoertzelForm
from dtmf_audio.judgement import evidence, promising
from dtmf_audio.keys import PAIRS, label_of
from dtmf_audio.measurement import BODY_MS, Candidates, Measurements, Measurer, Promise
from dtmf_audio.presses import NO_PRESSES, Parts, Presses, clean_presses, hopeless_presses, presses_of
from dtmf_audio.profiles import DEFAULT, Profile
from dtmf_audio.recent_audio import RecentAudio
from dtmf_audio.screen import HOPELESS, Glimpses, Screen, clean, odds
from dtmf_audio.signals import SAMPLE_SCALE

LONGEST_PART = round(BODY_MS / BLOCK_MS)  # blocks
PART = 6  # blocks cut off a longer run at a time: 60 ms are proof enough, and one part is spared a jump of the phase
# A part that lacks no more evidence and has 32 ms that promise as much is measured from there. Chosen: one of 17 that
# are refused in speech and music does, and with all of them no press more is heard under nine impairments but speech.
AGAIN_EVIDENCE, AGAIN_ODDS = 8.0, 2.0
TIE_BREAK = 0.01  # odds for each dB of margin, of looks that are equally good otherwise
LONG_PART_ODDS = 4.0  # how much less a part of 60 ms and more must promise: it may have a hole, and few are so long
ANNOUNCE_ODDS = 4.0  # what it must promise at first look, beyond what a finished one must


# What depends on the rate alone is computed for the first decoder of a rate, and kept: it is never written to. A search
# for the speed of a recording tries 19 rates, which cost 10 ms each to make ready and 0.3 MB to keep.
RATES_KEPT = 32


@lru_cache(maxsize=RATES_KEPT)
def _screen(samplerate: int) -> Screen:
    return Screen(samplerate)


@lru_cache(maxsize=RATES_KEPT)
def _edges(samplerate: int) -> CleanEdges:
    return CleanEdges(samplerate)


@lru_cache(maxsize=RATES_KEPT)
def _measurer(samplerate: int, form: GoertzelForm) -> Measurer:
    return Measurer(samplerate, form=form)


class Examiner:
    """Looks at parts and measures them.

    Parameters
    ----------
    samplerate : int
        Hz.
    profile : Profile
        What has no chance of its evidence is dropped early.
    block_len : int
        Samples of a block of the gate.
    form : {"matrix", "resonator"}
        Of the Goertzel bank.

    Attributes
    ----------
    samples_before : int
        How much of the audio before a part may be looked at.
    samples_after : int
        How much of the audio after it the full measurement reads.
    piece_len : int
        The most that is read of one part, which may reach past what was heard.
    """

    def __init__(self, samplerate: int, profile: Profile, block_len: int, *, form: GoertzelForm = "matrix") -> None:
        self._samplerate = samplerate
        self._profile = profile
        self._block_len = block_len
        self._screen = _screen(samplerate)
        self._edges = _edges(samplerate)
        self._measurer = _measurer(samplerate, form)
        self._hopeless = HOPELESS + profile.min_evidence - DEFAULT.min_evidence
        self._promising = partial(promising, profile=profile)
        self.samples_before = self._measurer.samples_before + self._screen.length
        self.samples_after = self._measurer.samples_after
        self.piece_len = self._measurer.piece_len

    def listen_to(self, audio: RecentAudio, tracker: RunTracker) -> None:
        """Take the audio and the runs of a stream, which go on, for those that parts are from."""
        self._audio, self._tracker = audio, tracker

    def examine(self, parts: Parts, *, in_full: bool) -> tuple[Presses, Presses]:
        """Examine parts whose surroundings are known.

        Parameters
        ----------
        parts : Parts
        in_full : bool
            Whether to measure to the end what would be dropped on the way, too.

        Returns
        -------
        heard : Presses
            Each part that is of use, as a press of its own.
        measured : Presses
            With ``in_full`` every part, as a press of its own; otherwise none.
        """
        seen, clean_ones, is_clean = self._measure_clean(parts)
        presses = [clean_ones]
        worth_it = ~is_clean
        worth_it &= self._are_worth_it(parts, seen)
        # A whole run that is hopeless is dropped; of a longer one, the end of what is not must be known.
        hopeless = ~worth_it & ~is_clean & ~(parts.has_start & parts.has_stop)
        if hopeless.any():
            presses.append(hopeless_presses(parts.take(hopeless), self._block_len))
        if worth_it.any():
            presses.append(self._measured_presses(parts.take(worth_it), self._promising))
        heard = Presses.concatenate(presses)
        if not in_full:
            return heard, NO_PRESSES
        unclean = NO_PRESSES if is_clean.all() else self._measured_presses(parts.take(~is_clean), None)
        return heard, Presses.concatenate([clean_ones, unclean])

    def _measured_presses(self, parts: Parts, promising: Promise | None) -> Presses:
        measured = self._measure(parts, self._candidates(parts), promising)
        self._measure_again(parts, measured, promising)
        return presses_of(parts, measured, evidence(measured))

    def _measure_again(self, parts: Parts, measured: Measurements, promising: Promise | None) -> None:
        """Give what lacks evidence a second chance: measured from the 32 ms of it that look most like a pair.

        Noise, voices and what leaks over from a dial tone prolong runs, and a part that is half of something else
        is no good to begin from.
        """
        proof, least = evidence(measured), self._profile.min_evidence
        is_refused = (proof < least) | (measured.on_ms < self._profile.min_on_ms)
        rows = rows_where(is_refused & (proof >= least - AGAIN_EVIDENCE))
        if not len(rows):
            return
        some, length, step = parts.take(rows), self._screen.length, self._block_len // 2
        start, stop = some.start_block * self._block_len, some.stop_block * self._block_len
        first = start - np.where(some.has_start, length // 4, length // 2)
        last = stop - np.where(some.has_stop, 3 * length // 4, length)
        n_looks = (last - first) // step + 1
        of = np.repeat(np.arange(len(rows)), n_looks)
        begin = first[of] + step * (np.arange(len(of)) - np.repeat(np.cumsum(n_looks) - n_looks, n_looks))
        seen = self._look(some.key[of], begin)
        likeness = odds(seen) + TIE_BREAK * seen.margin_db
        best = np.lexsort((likeness, of))[np.cumsum(n_looks) - 1]
        again = rows_where(likeness[best] > AGAIN_ODDS + least - DEFAULT.min_evidence)
        if not len(again):
            return
        rows, some, begin = rows[again], some.take(again), begin[best[again]]
        candidates = replace(
            self._candidates(some),
            start=begin,
            stop=begin + length,
            has_start=np.ones(len(rows), np.bool_),
            has_stop=np.ones(len(rows), np.bool_),
        )
        better = self._measure(some, candidates, promising)
        # Of a longer press, what is best is not all of it.
        is_whole = some.has_start & some.has_stop
        better.start[:] = np.where(is_whole, better.start, np.minimum(better.start, measured.start[rows]))
        better.stop[:] = np.where(is_whole, better.stop, np.maximum(better.stop, measured.stop[rows]))
        wins = (evidence(better) > proof[rows]) & (better.on_ms >= self._profile.min_on_ms)
        for field in fields(Measurements):
            getattr(measured, field.name)[rows[wins]] = getattr(better, field.name)[wins]

    def _measure_clean(self, parts: Parts) -> tuple[Glimpses, Presses, Bools]:
        """Look at parts: return what was seen, those that are clean as presses, and which they are."""
        start, stop = parts.start_block * self._block_len, parts.stop_block * self._block_len
        length = self._screen.length
        begin = (start + stop - length) // 2
        seen = self._look(parts.key, begin)
        rows = rows_where(clean(seen))
        is_clean = np.zeros(len(parts), np.bool_)
        if not len(rows):
            return seen, NO_PRESSES, is_clean
        some, tones, n = parts.take(rows), seen.take(rows), len(rows)
        # The starts, and behind them the stops.
        twice, rough = np.concatenate([rows, rows]), np.concatenate([start[rows], stop[rows]])
        middle, rising = begin[twice] + (length - 1) / 2.0, np.arange(2 * n) < n
        edges, is_edge = self._edges.find(
            self._audio.pieces, parts.key[twice], seen.take(twice), middle, rough, rising=rising
        )
        starts, stops, found_start, found_stop = edges[:n], edges[n:], is_edge[:n], is_edge[n:]
        found = (found_start | ~some.has_start) & (found_stop | ~some.has_stop)
        starts = np.where(some.has_start, starts, start[rows])
        stops = np.where(some.has_stop, stops, stop[rows])
        found &= stops - starts >= length  # what the screen saw of a shorter press was not all press
        is_clean[rows] = found
        found_ones = clean_presses(some.take(found), tones.take(found), starts[found], stops[found], self._samplerate)
        return seen, found_ones, is_clean

    def _are_worth_it(self, parts: Parts, seen: Glimpses) -> Bools:
        """Which parts are not hopeless at first look: in their middle, or if long near their ends, where no hole is."""
        is_long = (parts.stop_block - parts.start_block >= PART) | ~parts.has_start
        least = self._hopeless - np.where(is_long, LONG_PART_ODDS, 0.0)
        worth_it = odds(seen) > least
        long = rows_where(~worth_it & is_long)
        length = self._screen.length
        inset = length // 4
        start, stop = parts.start_block * self._block_len, parts.stop_block * self._block_len
        for begin in (start + np.where(parts.has_start, inset, -length // 2), stop - inset - length):
            if len(long):
                worth_it[long] = odds(self._look(parts.key[long], begin[long])) > least[long]
                long = long[~worth_it[long]]
        return worth_it

    def glance(self, parts: Parts, heard_until: Ints) -> tuple[Glimpses, Bools]:
        """Look at the last of what was heard of parts that go on; tell what was seen, and what is not hopeless."""
        seen = self._look(parts.key, heard_until - self._screen.length)
        return seen, (clean(seen) & parts.has_start) | (odds(seen) > self._hopeless + ANNOUNCE_ODDS)

    def openings(self, parts: Parts, seen: Glimpses, heard_until: Ints) -> tuple[Presses, Ints]:
        """Measure what was heard of parts that go on.

        Parameters
        ----------
        parts : Parts, length n
        seen : Glimpses, length n
            Of :meth:`glance`.
        heard_until : int64, shape (n,)
            Sample of the stream until which each was heard.

        Returns
        -------
        openings : Presses
            Those that are not hopeless, clean ones first.
        rows : int64, shape (len(openings),)
            Which they are.
        """
        length = self._screen.length
        begin = heard_until - length
        rows = rows_where(clean(seen) & parts.has_start)
        openings, rows_of = [], []
        is_clean = np.zeros(len(parts), np.bool_)
        if len(rows):
            some, tones = parts.take(rows), seen.take(rows)
            middle, rough = begin[rows] + (length - 1) / 2.0, some.start_block * self._block_len
            start, found = self._edges.find(self._audio.pieces, some.key, tones, middle, rough, rising=True)
            is_clean[rows] = found
            rows_of.append(rows[found])
            stop = heard_until[rows[found]]
            openings.append(clean_presses(some.take(found), tones.take(found), start[found], stop, self._samplerate))
        rows = rows_where(~is_clean & (odds(seen) > self._hopeless + ANNOUNCE_ODDS))
        if len(rows):
            some, until = parts.take(rows), heard_until[rows]
            candidates = self._candidates(some, heard_until=until)
            measured = self._measure(some, candidates, self._promising, heard_until=until)
            rows_of.append(rows)
            openings.append(presses_of(some, measured, evidence(measured)))
        if not openings:
            return NO_PRESSES, rows
        return Presses.concatenate(openings), np.concatenate(rows_of)

    def _look(self, key: Ints, begin: Ints) -> Glimpses:
        """What the screen sees of each key's channel from a sample on."""
        return self._screen.look(self._audio.pieces(key, begin, self._screen.length), label_of(key))

    def _candidates(self, parts: Parts, *, heard_until: Ints | None = None) -> Candidates:
        """Parts as the measurer wants them, in samples; without a sample, as far as is known when they are settled."""
        known = (parts.stop_block + SETTLE_WINDOWS) * self._block_len if heard_until is None else heard_until
        last = parts.stop_block - WINDOW_BLOCKS
        previous, following = self._tracker.neighbours(parts.key, parts.run_first, last)
        between = (previous + parts.run_first + WINDOW_BLOCKS) * self._block_len // 2
        earliest = np.where(parts.has_start & (previous > -FAR), between, 0)
        between = (last + following + WINDOW_BLOCKS) * self._block_len // 2
        # By then it is known whether a run that began a little before has enough windows.
        is_known = following <= last + SETTLE_WINDOWS - BRIDGED_WINDOWS - 1
        latest = np.where(parts.has_stop & is_known, between, known)
        low, high = PAIRS[label_of(parts.key)].T
        return Candidates(
            low=low,
            high=high - 4,
            start=parts.start_block * self._block_len,
            stop=parts.stop_block * self._block_len if heard_until is None else heard_until,
            earliest=earliest,
            latest=latest,
            has_start=parts.has_start,
            has_stop=parts.has_stop,
        )

    def _measure(
        self, parts: Parts, candidates: Candidates, promising: Promise | None, *, heard_until: Ints | None = None
    ) -> Measurements:
        """Measure candidates on the audio around them, or on what was heard of it until a sample."""
        begin = candidates.start - self._measurer.samples_before
        known = (parts.stop_block + SETTLE_WINDOWS) * self._block_len if heard_until is None else heard_until
        pieces = self._audio.pieces(parts.key, begin, self._measurer.piece_len, until=known)
        pieces *= np.float32(1.0 / SAMPLE_SCALE)
        return self._measurer.measure(pieces, candidates, promising=promising)
