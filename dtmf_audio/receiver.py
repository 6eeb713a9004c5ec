"""The receiver of one or many channels: audio in as it comes, events out, in whole arrays.

What becomes of samples:

1. *Gate* (:mod:`dtmf_audio.detector`): a label for each window of 20 ms, the pair that stands out in it, or none.
2. *Runs*: stretches of windows with the same label.
3. *Parts*: runs, cut every 60 ms if longer than 100 ms. They wait until their surroundings are known.
4. *Examination* (:mod:`dtmf_audio.examination`): the screen tells the hopeless parts, which are dropped, from the clean
   ones, which need but their edges, and the unsure, which are measured in full, some of them twice.
5. *Presses* (:mod:`dtmf_audio.presses`): parts of one press are joined; it is over when nothing can join it any more.
6. *Verdict* (:mod:`dtmf_audio.judgement`): limits and evidence, and for what is accepted, whether it is an echo.

Each step works on everything that is there, so one channel fed an hour at a time and thousands fed 20 ms at a time are
the same code.

Candidates, edges and verdicts depend on the place of a sample in the stream alone, so any chunking gives the same tones
at the same samples. :class:`ToneStarted` is decided at fixed ages of a run, on the audio up to then; it does not
influence the finished tone. Events are told in the order in which they were settled.

To explain, what the screen or a rough measurement drops is measured in full all the same. Better measured, it could
join a press and move its ends, so it goes a way of its own, on which nothing is heard and only near misses are told:
the tones are those that are heard without.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from dtmf_audio.columns import Bools, Ints, rows_where
from dtmf_audio.detector import (
    BLOCK_MS,
    BRIDGED_WINDOWS,
    FAR,
    FEWEST_WINDOWS,
    SETTLE_WINDOWS,
    WINDOW_BLOCKS,
    Gate,
    Labels,
    Runs,
    RunTracker,
    run_ids,
)
from dtmf_audio.events import DetectedTone, Rejection, ToneStarted, detected_tones
from dtmf_audio.examination import LONGEST_PART, PART, Examiner
from dtmf_audio.goertzel import GoertzelForm
from dtmf_audio.judgement import Refusal, Verdicts
from dtmf_audio.keys import N_KEYS, channel_of, label_of, tone_of
from dtmf_audio.presses import NO_PARTS, NO_PRESSES, EchoFinder, Holes, Parts, Presses, join
from dtmf_audio.profiles import Profile
from dtmf_audio.recent_audio import RecentAudio
from dtmf_audio.signals import to_steps

Event = ToneStarted | DetectedTone | Rejection

TILE_SAMPLES = 2**19  # of all channels; chosen: calls cost little beside the work, and samples stay in the cache
STEP_SAMPLES = 2**22  # candidates of so many samples are measured together: a batch costs 2 ms besides its work
SHORTEST_STEP_MS = 100  # of many channels: a step costs a fixed time besides
ANNOUNCE_MS = (42, 46, 50, 55, 60, 70, 80, 90, 100, 120, 140)  # ages of a run at which it may be told to have started
ANNOUNCE_EVIDENCE = 2.0  # evidence that a started tone must have beyond the profile's, lest it be taken back
ANNOUNCED = len(ANNOUNCE_MS)


@dataclass(slots=True)
class _Way:
    """What parts go through after they were measured: joined to presses, and held against louder ones."""

    echoes: EchoFinder
    pending: Presses | None = None

    def add(self, parts: Presses, holes: Holes, min_evidence: float) -> None:
        """Join measured parts to what is there."""
        self.echoes.note(parts.take(parts.evidence >= min_evidence))
        self.pending = join(parts if self.pending is None else Presses.concatenate([self.pending, parts]), holes)


_TONES = tuple(tone_of(label) for label in range(N_KEYS))


class Receiver:
    """Decodes channels that are fed together.

    Parameters
    ----------
    n_channels : int
    samplerate : int
        Hz.
    profile : Profile
    form : {"matrix", "resonator"}
        Of the Goertzel bank.
    announce : bool
        Whether to tell :class:`ToneStarted`.
    explain : bool
        Whether to tell a :class:`Rejection` for every near miss.
    first_channel : int
        Number that events of the first channel carry; those of the others follow.
    hold_ms : float
        How long what is settled may be kept, so that more is measured together: finished tones are told so much later,
        started ones as soon as without. To explain, nothing is kept.
    """

    def __init__(
        self,
        n_channels: int,
        samplerate: int,
        profile: Profile,
        *,
        form: GoertzelForm = "matrix",
        announce: bool = True,
        explain: bool = False,
        first_channel: int = 0,
        hold_ms: float = 0.0,
    ) -> None:
        self.samplerate = samplerate
        self._n_channels = n_channels
        self._profile = profile
        self._announce = announce
        self._explain = explain
        self._first_channel = first_channel
        self._gate = Gate(samplerate, profile, form=form)
        self._block_len = self._gate.block_len
        self._examiner = Examiner(samplerate, profile, self._block_len, form=form)
        self._join_windows = Holes(profile.bridge_ms, samplerate, ()).windows
        self._ages = np.array([round(ms / BLOCK_MS * self._block_len) for ms in ANNOUNCE_MS])
        self._shortest_told = int(self._ages[0]) // self._block_len - WINDOW_BLOCKS - BRIDGED_WINDOWS
        self._hold = 0 if explain else round(hold_ms / BLOCK_MS)  # windows
        self._origin = 0  # where in the stream the numbering of samples and windows below begins
        self._begin()

    def _begin(self) -> None:
        """Start numbering samples and windows at 0."""
        self._tracker = RunTracker()
        self._lost: list[tuple[int, int]] = []
        before, beyond = self._examiner.samples_before, self._examiner.piece_len
        self._audio = RecentAudio(self._n_channels, before=before, beyond=beyond)
        self._examiner.listen_to(self._audio, self._tracker)
        self._n_blocks = 0
        self._phasors = self._gate.no_phasors(self._n_channels)
        self._waiting = NO_PARTS
        self._held_until = 0  # window
        self._told = np.zeros(0, np.int64)  # run_ids of runs told to have started
        self._stops: dict[int, int] = {}  # measured stop, by run_ids of key and last window
        self._heard = _Way(EchoFinder(self._profile, self.samplerate))
        self._explained = _Way(EchoFinder(self._profile, self.samplerate))
        self._settled: list[tuple[int, int, Rejection | DetectedTone]] = []  # to explain: as of `_step`, lately

    @property
    def position(self) -> int:
        """Samples of the stream so far."""
        return self._origin + self._audio.n_heard

    def feed(self, samples: npt.NDArray[Any]) -> list[Event]:
        """Take the next samples, (n_channels, n).

        Parameters
        ----------
        samples : int16, int32, uint8, float32 or float64, shape (n_channels, n)

        Raises
        ------
        InvalidSignalError
            A sample is NaN, infinite, or far beyond full scale.
        """
        events: list[Event] = []
        least = SHORTEST_STEP_MS * self.samplerate // 1000
        step, tile = (max(least, n // self._n_channels) for n in (STEP_SAMPLES, TILE_SAMPLES))
        for start in range(0, samples.shape[1], step):
            stop = min(start + step, samples.shape[1])
            room = self._room_for(stop - start)
            labels = []
            for begin in range(start, stop, tile):
                end = min(begin + tile, stop)
                to_steps(samples[:, begin:end], room[:, begin - start : end - start], offset=self.position)
                labels.append(self._label(end - begin))
            events += self._settle(labels[0] if len(labels) == 1 else np.concatenate(labels))
        return events

    def lose(self, n_samples: int) -> list[Event]:
        """Take note that the next samples of all channels were lost, fewer than matter to memory."""
        if not n_samples:
            return []
        self._lost.append((self._audio.n_heard, self._audio.n_heard + n_samples))
        return self._silence(n_samples)

    def restart(self, n_samples: int) -> list[Event]:
        """End everything that is open, and go on after as many lost samples."""
        position = self.position + n_samples
        events = self.finish()
        self._begin()
        self._origin = position
        return events

    def finish(self) -> list[Event]:
        """Feed silence until every run, part and press is over; nothing is told of what lies past the last sample."""
        end = self.position
        n_windows = SETTLE_WINDOWS + self._join_windows + LONGEST_PART
        events = self._silence(self._block_len * n_windows + self._examiner.samples_after)
        return [_until(event, end) for event in events]

    def _silence(self, n_samples: int) -> list[Event]:
        self._held_until = 0
        self._room_for(n_samples)[:] = 0.0
        return self._settle(self._label(n_samples))

    def _room_for(self, n_samples: int) -> npt.NDArray[np.float32]:
        """Where the next samples go, (n_channels, n_samples); what nothing to come can need is dropped."""
        if self._audio.has_room_for(n_samples):
            return self._audio.room_for(n_samples, 0, 0)
        oldest = min(
            self._tracker.known - LONGEST_PART - WINDOW_BLOCKS,  # what a run may be told to have started on
            int(self._waiting.start_block.min(initial=FAR)),
            int(self._tracker.open.cut.min(initial=FAR)),
        )
        before = self._examiner.samples_before
        reserve = before + (LONGEST_PART + 2 * SETTLE_WINDOWS) * self._block_len
        return self._audio.room_for(n_samples, oldest * self._block_len - before, reserve)

    def _label(self, n_samples: int) -> Labels:
        """Label the windows that samples just written to the buffer complete."""
        self._audio.advance(n_samples)
        begin = self._n_blocks * self._block_len
        n_new = (self._audio.n_heard - begin) // self._block_len
        if not n_new:
            return np.zeros((0, self._n_channels), np.int8)
        phasors = self._gate.phasors(self._audio.between(begin, begin + n_new * self._block_len), self._phasors)
        self._n_blocks += n_new
        self._phasors = phasors[:, -(WINDOW_BLOCKS - 1) :]
        return self._gate.labels(phasors)

    def _settle(self, labels: Labels) -> list[Event]:
        """Take the labels of the next windows, if any; tell what is settled by them, and by the samples since."""
        ended = self._tracker.update(labels)
        pending = self._heard.pending is not None or self._explained.pending is not None
        if not (len(ended) or len(self._tracker.open) or len(self._waiting) or pending):
            return []
        settled: list[tuple[int, int, Event]] = []  # sample at which it was settled, key, and the event
        is_held = self._tracker.known < self._held_until
        if len(labels):
            self._cut(ended)
            if not is_held:
                self._measure_ready()
        if self._announce:
            settled += self._started(ended)
        if not len(labels) or is_held:
            settled.sort(key=itemgetter(0, 1))
            return [event for _, _, event in settled]
        self._held_until = self._tracker.known + self._hold
        settled += self._verdicts(*self._finished(self._heard))
        if self._explain:
            self._settled += [(at, key, e) for at, key, e in settled if not isinstance(e, ToneStarted)]
            settled += self._near_misses(*self._finished(self._explained))
        self._forget()
        if self._announce or self._explain:  # else there are tones alone, and these are in order
            settled.sort(key=itemgetter(0, 1))
        return [event for _, _, event in settled]

    def _cut(self, ended: Runs) -> None:
        """Cut what can be cut from runs into parts that wait to be measured."""
        parts = [self._waiting]
        for runs, over in ((ended, True), (self._tracker.open, False)):
            if not len(runs):
                continue
            spare = runs.last + WINDOW_BLOCKS - runs.cut - LONGEST_PART
            n_cut = np.maximum(0, -(-spare // PART))
            if n_cut.any():
                rows = np.repeat(np.arange(len(runs)), n_cut)
                nth = np.arange(len(rows)) - np.repeat(np.cumsum(n_cut) - n_cut, n_cut)
                parts.append(_parts(runs.take(rows), runs.cut[rows] + PART * nth, PART))
                runs.cut[:] += PART * n_cut
            if over:
                parts.append(_parts(runs, runs.cut, None))
        self._waiting = Parts.concatenate(parts)

    def _measure_ready(self, channels: Ints | None = None) -> None:
        """Measure the parts whose surroundings are known, of all channels or of some, and join them to presses."""
        is_ready = self._waiting.settled_at < self._tracker.known
        if channels is not None:
            is_ready &= np.isin(channel_of(self._waiting.key), channels)
        if not is_ready.any():
            return
        ready = self._waiting.take(is_ready)
        self._waiting = self._waiting.take(~is_ready)
        heard, measured = self._examiner.examine(ready, in_full=self._explain)
        if self._announce:
            ended = heard.take(heard.has_stop)
            ids = run_ids(ended.key, ended.last_window)
            self._stops.update(zip(ids.tolist(), ended.stop.tolist(), strict=True))
        holes, least = Holes(self._profile.bridge_ms, self.samplerate, self._lost), self._profile.min_evidence
        if len(heard):
            self._heard.add(heard, holes, least)
        if self._explain:
            self._explained.add(measured, holes, least)

    def _catch_up(self, channels: Ints) -> list[tuple[int, int, Event]]:
        """Measure and tell what was kept of some channels, in which something else is to be told."""
        if self._tracker.known >= self._held_until:
            return []  # nothing is kept
        self._measure_ready(channels)
        return self._verdicts(*self._finished(self._heard, channels))

    def _finished(self, way: _Way, channels: Ints | None = None) -> tuple[Presses, Ints]:
        """Take the presses that nothing can join any more, and the windows at which that was settled."""
        if way.pending is None:
            return NO_PRESSES, NO_PRESSES.key
        pending = way.pending
        horizon = pending.last_window + self._join_windows  # what begins later does not join
        settled = horizon + BRIDGED_WINDOWS + 1  # by then it is known which windows by the horizon make a run
        is_over = pending.has_stop & (settled < self._tracker.known)
        if channels is not None:
            is_over &= np.isin(channel_of(pending.key), channels)
        if not is_over.any():
            return NO_PRESSES, NO_PRESSES.key
        # What began by the horizon had to be measured first, if only to find that it does not join.
        first, last = self._tracker.latest(pending.key, horizon)
        is_long = last + WINDOW_BLOCKS - first > LONGEST_PART
        measured = np.where(is_long, first + PART, last + WINDOW_BLOCKS) - WINDOW_BLOCKS + SETTLE_WINDOWS
        settled = np.where(first > pending.last_window, np.maximum(settled, measured), settled)
        is_over &= ~self._may_follow(pending.key, pending.first_window, horizon)
        finished, settled = pending.take(is_over), settled[is_over]
        way.pending = None if is_over.all() else pending.take(~is_over)
        return finished, settled

    def _may_follow(self, key: Ints, after: Ints, until: Ints) -> Bools:
        """Whether something of each key that is not measured yet begins from one window until another."""
        runs, waiting = self._tracker.open, self._waiting
        runs = runs.take((runs.count >= FEWEST_WINDOWS) & (runs.cut == runs.first))
        waiting = waiting.take(waiting.has_start)
        ids = np.sort(np.concatenate([runs.ids, run_ids(waiting.key, waiting.run_first)]))
        return np.asarray(ids.searchsorted(run_ids(key, after)) < ids.searchsorted(run_ids(key, until), "right"))

    def _judged(self, way: _Way, presses: Presses, settled: Ints) -> tuple[Presses, Verdicts, dict[int, Refusal]]:
        """Judge finished presses: with their lengths, the verdicts, and those refused as echoes of louder ones."""
        presses = presses.replaced(on_ms=1000.0 * (presses.stop - presses.start) / self.samplerate)
        verdicts = Verdicts(presses, presses.evidence, self._profile)
        return presses, verdicts, way.echoes.refusals(presses, rows_where(verdicts.accepted), settled)

    def _verdicts(self, presses: Presses, settled: Ints) -> list[tuple[int, int, Event]]:
        """What is told of presses that were heard out."""
        if not len(presses):
            return []
        order = np.lexsort((presses.key, settled))
        presses, settled = presses.take(order), settled[order]
        presses, verdicts, echoes = self._judged(self._heard, presses, settled)
        accepted = verdicts.accepted
        for row in echoes:
            accepted[row] = False
        heard_until = (settled + WINDOW_BLOCKS) * self._block_len
        told = self._were_told(presses) if self._announce else accepted
        events: list[tuple[int, int, Event]] = []
        for row in rows_where(~accepted & told).tolist():
            refusal = echoes.get(row) or verdicts.refusal(row)
            events.append((int(heard_until[row]), int(presses.key[row]), self._rejection(presses, row, refusal)))
        for row in rows_where(accepted & ~told).tolist():
            key, until = int(presses.key[row]), int(heard_until[row])
            events.append((until, key, self._tone_started(key, int(presses.start[row]), until)))
        good = presses.take(accepted)
        tones = detected_tones(
            [_TONES[label] for label in label_of(good.key).tolist()],
            self._origin + good.start,
            self._origin + good.stop,
            self.samplerate,
            self._first_channel + channel_of(good.key),
            good.low_dbm0,
            good.high_dbm0,
            good.low_offset_pct,
            good.high_offset_pct,
            good.snr_db,
        )
        events += zip(heard_until[accepted].tolist(), good.key.tolist(), tones, strict=True)
        return events

    def _near_misses(self, presses: Presses, settled: Ints) -> list[tuple[int, int, Event]]:
        """What explains presses: near misses that are no part of what was told of the same key anyway."""
        if not len(presses):
            return []
        presses, verdicts, echoes = self._judged(self._explained, presses, settled)
        heard_until = (settled + WINDOW_BLOCKS) * self._block_len
        refused = ~verdicts.accepted
        refused[list(echoes)] = True
        events: list[tuple[int, int, Event]] = []
        for row in rows_where(refused & verdicts.near).tolist():
            until, key = int(heard_until[row]), int(presses.key[row])
            rejection = self._rejection(presses, row, echoes.get(row) or verdicts.refusal(row))
            if not any(
                of == key and at <= until and told.start < rejection.stop and told.stop > rejection.start
                for at, of, told in self._settled
            ):
                events.append((until, key, rejection))
        return events

    def _were_told(self, presses: Presses) -> Bools:
        """Whether a run of each press was told to have started."""
        first = self._told.searchsorted(run_ids(presses.key, presses.first_window))
        return np.asarray(self._told.searchsorted(run_ids(presses.key, presses.last_window), "right") > first)

    def _started(self, ended: Runs) -> list[tuple[int, int, Event]]:
        """Tell the tones that have become sure."""
        runs = Runs.concatenate([ended, self._tracker.open])
        is_due = runs.first * self._block_len + self._ages[np.minimum(runs.age, ANNOUNCED - 1)] <= self._audio.n_heard
        is_due &= runs.age < ANNOUNCED
        is_due &= runs.last - runs.first >= self._shortest_told
        rows = rows_where(is_due)
        if not len(rows):
            return []
        some = runs.take(rows)
        events = self._told_of(some)
        is_open = rows >= len(ended)
        self._tracker.open.age[rows[is_open] - len(ended)] = some.age[is_open]
        return events

    def _told_of(self, runs: Runs) -> list[tuple[int, int, Event]]:
        """Tell which of these runs have become sure at ages that they have reached, and bring the ages up to date.

        What is hopeless at one age is hardly a tone 5 ms later, and the next is passed over. What is to be looked at
        if all is hopeless is looked at together: most of it is.
        """
        events: list[tuple[int, int, Event]] = []
        previous, _ = self._tracker.neighbours(runs.key, runs.first, runs.last)
        before, first, last = (column[:, np.newaxis] for column in (previous, runs.first, runs.last))
        heard_until = first * self._block_len + self._ages  # (n, ANNOUNCED)
        window = heard_until // self._block_len - WINDOW_BLOCKS  # the last that is known then
        reached = heard_until <= self._audio.n_heard
        due = (first - before > self._join_windows) | (before + SETTLE_WINDOWS < window)
        due &= reached & (last >= window - BRIDGED_WINDOWS)
        columns = rows_where(due.any(axis=0)).tolist()
        while True:
            looks, age = np.zeros_like(due), runs.age.copy()
            for column in columns:
                looks[:, column] = look = due[:, column] & (age <= column)
                age[look] = column + 2
            rows, ages = looks.nonzero()
            if not len(rows):
                break
            until = heard_until[rows, ages]
            start_block = np.maximum(runs.first[rows], until // self._block_len - LONGEST_PART)
            parts = _parts(runs.take(rows), start_block, -(-until // self._block_len) - start_block)
            parts = parts.replaced(has_stop=np.zeros(len(rows), np.bool_))
            seen, worth_it = self._examiner.glance(parts, until)
            at = rows_where(worth_it)
            at = at[np.unique(rows[at], return_index=True)[1]]  # the first of each run
            runs.age[:] = age
            if not len(at):
                break
            rows, ages, until = rows[at], ages[at], until[at]
            openings, rows_of = self._examiner.openings(parts.take(at), seen.take(at), until)
            runs.age[rows] = ages + 2
            runs.age[rows[rows_of]] = ages[rows_of] + 1
            rows, until = rows[rows_of], until[rows_of]
            told, sure = self._told_openings(openings, runs.first[rows], previous[rows], until)
            runs.age[rows[sure]] = ANNOUNCED
            events += told
        np.maximum(runs.age, reached.sum(axis=1), out=runs.age)
        return events

    def _told_openings(
        self, openings: Presses, first: Ints, previous: Ints, heard_until: Ints
    ) -> tuple[list[tuple[int, int, Event]], Ints]:
        """Tell which of these beginnings of runs, heard until a sample, are sure to be tones; and which they are."""
        least = self._profile.min_evidence + ANNOUNCE_EVIDENCE
        verdicts = Verdicts(openings, openings.evidence, self._profile, min_evidence=least)
        sure = rows_where(verdicts.accepted)
        if not len(sure):
            return [], sure
        events = self._catch_up(channel_of(openings.key[sure]))
        known = heard_until // self._block_len - WINDOW_BLOCKS + 1
        echoes = self._heard.echoes.refusals(openings, sure, known)
        if echoes:
            sure = np.array([row for row in sure.tolist() if row not in echoes], np.int64)
        if not len(sure):
            return events, sure
        holes = Holes(self._profile.bridge_ms, self.samplerate, self._lost)
        key, start = openings.key[sure], openings.start[sure]
        self._told = np.sort(np.append(self._told, run_ids(key, first[sure])))
        ids = run_ids(key, previous[sure])
        joins = first[sure] - previous[sure] <= self._join_windows  # else it is a press of its own, whatever was lost
        columns = (ids.tolist(), joins.tolist(), key.tolist(), start.tolist(), heard_until[sure].tolist())
        for of, may_join, one, begin, until in zip(*columns, strict=True):
            stop = self._stops.get(of) if may_join else None
            if stop is None or not holes(np.array([stop]), np.array([begin]))[0]:
                events.append((until, one, self._tone_started(one, begin, until)))
        return events, sure

    def _tone_started(self, key: int, start: int, heard_until: int) -> ToneStarted:
        return ToneStarted(
            tone=_TONES[key % N_KEYS],
            start=self._origin + start,
            heard_until=self._origin + heard_until,
            samplerate=self.samplerate,
            channel=self._first_channel + key // N_KEYS,
        )

    def _rejection(self, presses: Presses, row: int, refusal: Refusal) -> Rejection:
        key = int(presses.key[row])
        return Rejection(
            tone=_TONES[key % N_KEYS],
            start=self._origin + int(presses.start[row]),
            stop=self._origin + int(presses.stop[row]),
            samplerate=self.samplerate,
            channel=self._first_channel + key // N_KEYS,
            limit=refusal.limit,
            measured=refusal.measured,
            wanted=refusal.wanted,
            unit=refusal.unit,
            group=refusal.group,
            against=refusal.against,
        )

    def _forget(self) -> None:
        """Drop notes that nothing to come can need."""
        horizon = self._tracker.known - 4 * LONGEST_PART - self._join_windows
        self._tracker.forget(horizon)
        for way in (self._heard, self._explained):
            way.echoes.forget(horizon * self._block_len)
        if len(self._settled) > 64:
            oldest = horizon * self._block_len
            self._settled = [item for item in self._settled if item[0] >= oldest]
        if len(self._stops) > 64:
            self._stops = {run: stop for run, stop in self._stops.items() if run % FAR >= horizon}
        if len(self._told) > 64:
            in_use = np.concatenate([self._tracker.open.key, self._waiting.key])
            if self._heard.pending is not None:
                in_use = np.concatenate([in_use, self._heard.pending.key])
            self._told = self._told[(self._told % FAR >= horizon) | np.isin(self._told // FAR, in_use)]
        if self._lost:
            oldest = self._audio.n_heard - 10 * LONGEST_PART * self._block_len
            self._lost = [(begin, end) for begin, end in self._lost if end >= oldest]


def _parts(runs: Runs, start_block: Ints, n_blocks: Ints | int | None) -> Parts:
    """Parts of runs from a block on: as many blocks, or with None all that is left of the run, its stop included."""
    to_the_end = n_blocks is None
    return Parts(
        key=runs.key,
        run_first=runs.first,
        start_block=start_block,
        stop_block=runs.last + WINDOW_BLOCKS if n_blocks is None else start_block + n_blocks,
        has_start=start_block == runs.first,
        has_stop=np.full(len(runs), to_the_end),
    )


def _until(event: Event, end: int) -> Event:
    """An event with no place past the end of the stream."""
    if isinstance(event, ToneStarted):
        return event if event.heard_until <= end else replace(event, heard_until=end)
    return event if event.stop <= end else replace(event, stop=end)
