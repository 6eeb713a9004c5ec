"""Time: samples go in as they come, tones come out as they start and end.

What happens to one press (a window is 20 ms, one every 5 ms; ``x`` carries the pair, ``.`` does not)::

    . . x x x x x x x x . . .          one run, one candidate, one press
    . x x x . . x x x . .              two windows missing: still one run
    x x x x . . . . x x x x            two runs; the hole between the measured edges decides:
                                       up to bridge_ms one press, beyond it two
    x x x x x ... x x x x x            longer than 100 ms: cut into parts of 60 ms, each measured;
                                       the best part speaks for the press
    1 1 1 1 1 2 2 2 2 2                another pair at once: two runs of different pairs, two presses

A press waits until nothing can join it any more, then it is judged. What is not tolerated: a hole longer than
``bridge_ms``, whatever made it, ends a press, unless the caller says with :meth:`StreamDecoder.gap` that
samples were lost there.

Candidates, edges and verdicts depend on the place of a sample in the stream alone, so any chunking gives the
same tones at the same samples. :class:`ToneStarted` is decided at fixed ages of a run, on the audio up to
then; it does not influence the finished tone.
"""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dtmf_audio.detector import BLOCK_MS, FEWEST_WINDOWS, NO_PAIR, WINDOW_BLOCKS, Gate, Labels, Run, RunTracker
from dtmf_audio.errors import InvalidSettingError, InvalidSignalError
from dtmf_audio.events import DetectedTone, Rejection, ToneStarted
from dtmf_audio.goertzel import GoertzelForm
from dtmf_audio.judgement import Refusal, evidence, promising, refusals
from dtmf_audio.measurement import Candidates, Measurements, Measurer, concatenate
from dtmf_audio.profiles import Profile, get_profile
from dtmf_audio.signals import as_channels, check_samplerate, to_float
from dtmf_audio.tones import Tone

Event = ToneStarted | DetectedTone | Rejection

STEP_SAMPLES = 2**17  # chosen: samples, phasors and powers of a step stay in the cache
LONGEST_PART = 20  # windows' extent of a candidate in blocks: 100 ms, what a measurer takes
PART = 12  # blocks cut off a longer run at a time: 60 ms are proof enough, and one part is spared a jump of the phase
SETTLE = 12  # windows after a candidate that must be known before it is measured
JOIN_SLACK_MS = 20.0  # breaks between runs are this much longer than the hole at the most
JOIN_LEVEL_DB = 12.0  # parts of one press differ by no more in level
TAIL_DB = 20.0  # a part so much weaker than another is the tail of the press, not the press
SURE = 3.0  # evidence beyond which more does not matter
ANNOUNCE_AGES = (4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24)  # windows after a run's first: 40 to 140 ms of audio
ANNOUNCE_EVIDENCE = 1.0  # evidence that a started tone must have beyond the profile's: it may not be taken back
LONGEST_GAP_MS = 500.0  # a longer gap ends everything before it


class StreamDecoder:
    """Decodes one channel, fed in chunks of any size.

    Parameters
    ----------
    samplerate : int
        Hz, 4000 to 192000.
    channel : int
        Number that events carry.
    profile : str or Profile
        Name of a profile, or one of your own.
    goertzel : {"matrix", "resonator"}
        Form of the Goertzel bank; the tones are the same, the resonator is slower.
    announce : bool
        Whether to tell :class:`ToneStarted`. It comes 35 to 45 ms after the start of a clear tone, plus what the
        chunk adds; without it decoding is faster.

    Raises
    ------
    InvalidSettingError
        A rate, profile or form that is not known.
    """

    def __init__(
        self,
        samplerate: int,
        *,
        channel: int = 0,
        profile: str | Profile = "default",
        goertzel: GoertzelForm = "matrix",
        announce: bool = True,
    ) -> None:
        self.samplerate = check_samplerate(samplerate)
        self.channel = channel
        self.profile = get_profile(profile)
        self._announce = announce
        self._gate = Gate(self.samplerate, self.profile, form=goertzel)
        self._measurer = Measurer(self.samplerate, form=goertzel)
        self._block_len = self._gate.block_len
        join_ms = self.profile.bridge_ms + JOIN_SLACK_MS
        self._join_windows = max(SETTLE, math.ceil(join_ms / BLOCK_MS))
        self._keep = self._measurer.samples_before + self._block_len * (
            LONGEST_PART + PART + SETTLE + 2 * WINDOW_BLOCKS
        )
        self._origin = 0  # where in the stream the numbering of samples and windows below begins
        self._flushed = False
        self._begin()

    def feed(self, samples: npt.ArrayLike) -> list[Event]:
        """Take the next samples.

        Parameters
        ----------
        samples : int16, int32, uint8, float32 or float64, shape (n,) or (n, 1)
            May be empty.

        Returns
        -------
        list of ToneStarted, DetectedTone and Rejection
            What is known now, in the order in which it was settled. A Rejection takes back a ToneStarted.

        Raises
        ------
        InvalidSignalError
            Samples that are not audio, more than one channel, or the stream was flushed.
        """
        if self._flushed:
            raise InvalidSignalError("the stream was flushed and has ended; make a new decoder for the next one")
        channels = as_channels(samples)
        if channels.shape[1] != 1:
            raise InvalidSignalError(
                f"samples of {channels.shape[1]} channels were fed; a stream is one channel: make a decoder for each"
            )
        events: list[Event] = []
        for start in range(0, len(channels), STEP_SAMPLES):
            chunk = channels[start : start + STEP_SAMPLES, 0]
            events += self._step(to_float(chunk, np.float32, offset=self._origin + self._n_fed))
        return events

    def gap(self, n_samples: int) -> list[Event]:
        """Tell that the next ``n_samples`` samples were lost.

        Positions go on behind them. A press is not ended by what was not heard: of a hole with lost samples in
        it, only the silence that was heard counts, against half of ``bridge_ms``.
        """
        if isinstance(n_samples, bool) or not isinstance(n_samples, int | np.integer) or n_samples < 0:
            raise InvalidSettingError(f"a gap of {n_samples!r} samples was told; it must be a whole number, 0 or more")
        longest = round(LONGEST_GAP_MS * self.samplerate / 1000.0)
        if n_samples > longest:
            position = self._origin + self._n_fed + int(n_samples)
            events = self._finish()
            self._begin()
            self._origin = position
            return events
        if n_samples:
            self._lost.append((self._n_fed, self._n_fed + int(n_samples)))
        return self.feed(np.zeros(int(n_samples), np.float32))

    def flush(self) -> list[Event]:
        """End the stream: return everything that was still open."""
        if self._flushed:
            return []
        events = self._finish()
        self._flushed = True
        return events

    def _begin(self) -> None:
        """Start numbering samples and windows at 0."""
        self._tracker = RunTracker()
        self._n_fed = 0
        self._buffer: npt.NDArray[Any] = np.zeros(0, np.float32)  # the last samples fed
        self._n_blocks = 0  # blocks whose phasors were taken
        self._phasors: npt.NDArray[Any] = np.zeros((8, 0), np.complex64)  # of the last blocks, for the next window
        self._waiting: list[_Part] = []
        self._presses: dict[int, _Press] = {}
        self._stops: dict[tuple[int, int], int] = {}  # measured stop, by label and last window
        self._announced: set[tuple[int, int]] = set()  # label and first window
        self._lost: list[tuple[int, int]] = []
        self._recent: list[tuple[int, int, float]] = []  # label, stop and power of the last accepted presses

    def _finish(self) -> list[Event]:
        """Feed silence until every run, part and press is over."""
        n_fed = self._n_fed
        n_silent = self._block_len * (SETTLE + self._join_windows + 4 * WINDOW_BLOCKS) + self._measurer.samples_after
        events = self._step(np.zeros(n_silent, np.float32))
        end = self._origin + n_fed
        return [replace(e, stop=min(e.stop, end)) if isinstance(e, DetectedTone) else e for e in events]

    def _step(self, samples: npt.NDArray[Any]) -> list[Event]:
        """Take samples that fit in the cache."""
        self._buffer = np.concatenate([self._buffer, samples])
        self._n_fed += len(samples)
        labels = self._new_labels()
        events = self._window_by_window(labels) if self._announce else self._advance(labels)
        self._forget()
        return events

    def _window_by_window(self, labels: Labels) -> list[Event]:
        """Advance one window at a time where there is anything in them, so that what is told depends on no chunk."""
        events: list[Event] = []
        marked = np.flatnonzero(labels != NO_PAIR).tolist()
        at = 0
        while at < len(labels):
            step = 1
            if not (self._tracker.open or self._waiting or self._presses):
                following = bisect.bisect_left(marked, at)
                step = max(1, (marked[following] if following < len(marked) else len(labels)) - at)
            events += self._advance(labels[at : at + step])
            at += step
        return events

    def _advance(self, labels: Labels) -> list[Event]:
        """Take the labels of the next windows through runs, parts and presses to events."""
        offset = self._tracker.known
        ended = self._tracker.update(labels)
        if not (ended or self._tracker.open or self._waiting or self._presses):
            return []
        runs = [*ended, *self._tracker.open.values()]
        for run in runs:
            self._cut(run, over=self._tracker.open.get(run.label) is not run)
        finished = self._measure_ready()
        events: list[Event] = list(self._announcements(runs, labels, offset)) if self._announce else []
        return events + self._verdicts(finished + self._take_finished())

    def _new_labels(self) -> Labels:
        """Labels of the windows that the new samples completed."""
        begin = self._n_blocks * self._block_len - (self._n_fed - len(self._buffer))  # in the buffer
        n_new = (len(self._buffer) - begin) // self._block_len
        if n_new == 0:
            return np.zeros(0, np.int8)
        phasors = self._gate.phasors(self._buffer[begin : begin + n_new * self._block_len])
        self._n_blocks += n_new
        joined = np.concatenate([self._phasors, phasors], axis=1)
        self._phasors = joined[:, max(0, joined.shape[1] - (WINDOW_BLOCKS - 1)) :]
        return self._gate.labels(joined) if joined.shape[1] >= WINDOW_BLOCKS else np.zeros(0, np.int8)

    def _cut(self, run: Run, *, over: bool) -> None:
        """Cut what can be cut from a run into parts that wait to be measured."""
        while run.last + WINDOW_BLOCKS - run.cut > LONGEST_PART:
            self._waiting.append(_Part(run, run.cut, run.cut + PART, has_stop=False))
            run.cut += PART
        if over and run.count >= FEWEST_WINDOWS:
            self._waiting.append(_Part(run, run.cut, run.last + WINDOW_BLOCKS, has_stop=True))

    def _measure_ready(self) -> list[_Press]:
        """Measure the parts whose surroundings are known; return the presses that they ended."""
        known = self._tracker.known
        ready = [part for part in self._waiting if part.settled_at < known]
        if not ready:
            return []
        self._waiting = [part for part in self._waiting if part.settled_at >= known]
        ready.sort(key=lambda part: (part.start_block, part.run.label))
        measured = self._measure(self._candidates(ready))
        proof = evidence(measured)
        finished = []
        for i, part in enumerate(ready):
            finished += self._assemble(part, _row(measured, i), float(proof[i]))
        return finished

    def _candidates(self, parts: list[_Part]) -> Candidates:
        """Parts as the measurer wants them, in samples."""
        block_len = self._block_len
        earliest, latest = np.zeros(len(parts), np.int64), np.full(len(parts), self._n_fed)
        for i, part in enumerate(parts):
            run = part.run
            if part.has_start and run.previous_last is not None:
                earliest[i] = (run.previous_last + run.first + WINDOW_BLOCKS) * block_len // 2
            if part.has_stop:
                following = self._tracker.next_first(run.label, run.last)
                if following is not None and following <= run.last + SETTLE:
                    latest[i] = (run.last + following + WINDOW_BLOCKS) * block_len // 2
        labels = np.array([part.run.label for part in parts])
        return Candidates(
            low=labels // 4,
            high=labels % 4,
            start=np.array([part.start_block for part in parts]) * block_len,
            stop=np.array([part.stop_block for part in parts]) * block_len,
            earliest=earliest,
            latest=latest,
            has_start=np.array([part.has_start for part in parts]),
            has_stop=np.array([part.has_stop for part in parts]),
        )

    def _measure(
        self, candidates: Candidates, *, heard_until: int | None = None, min_evidence: float | None = None
    ) -> Measurements:
        """Measure candidates on the audio around them, or on what was heard of it until a sample."""
        length, before = self._measurer.piece_len, self._measurer.samples_before
        pieces = np.zeros((len(candidates), length), np.float32)
        buffer_start = self._n_fed - len(self._buffer)
        for i, first in enumerate((candidates.start - before - buffer_start).tolist()):
            last = first + length
            if heard_until is not None:
                last = min(last, heard_until - buffer_start)
            audio = self._buffer[max(first, 0) : max(last, 0)]
            pieces[i, max(-first, 0) : max(-first, 0) + len(audio)] = audio
        return self._measurer.measure(
            pieces, candidates, promising=lambda rough: promising(rough, self.profile, min_evidence=min_evidence)
        )

    def _assemble(self, part: _Part, measured: Measurements, proof: float) -> list[_Press]:
        """Join a part to the press before it or begin a new one; return the press that this ended."""
        label = part.run.label
        start, stop = int(measured.start[0]), int(measured.stop[0])
        if part.has_stop:
            self._stops[label, part.run.last] = stop
        press = self._presses.get(label)
        if press is not None and (not part.has_start or self._is_one_press(press, measured)):
            press.stop = max(press.stop, stop)
            press.last_window = part.run.last
            press.runs.add(part.run.first)
            if _speaks_better(measured, proof, press):
                press.best, press.proof = measured, proof
            return []
        self._presses[label] = _Press(label, start, stop, part.run.last, measured, proof, runs={part.run.first})
        return [press] if press is not None else []

    def _is_one_press(self, press: _Press, part: Measurements) -> bool:
        """Whether a part that begins after a hole goes on with the press before the hole."""
        start = int(part.start[0])
        if not self._bridges(press.stop, start):
            return False
        low = abs(float(part.low_dbm0[0] - press.best.low_dbm0[0]))
        high = abs(float(part.high_dbm0[0] - press.best.high_dbm0[0]))
        return max(low, high) <= JOIN_LEVEL_DB

    def _bridges(self, stop: int, start: int) -> bool:
        """Whether a hole from ``stop`` to ``start`` is within one press."""
        lost = sum(max(0, min(start, end) - max(stop, begin)) for begin, end in self._lost)
        hole_ms = 1000.0 * (start - stop - lost) / self.samplerate
        return hole_ms <= (self.profile.bridge_ms / 2 if lost else self.profile.bridge_ms)

    def _take_finished(self) -> list[_Press]:
        """Take out the presses that nothing can join any more."""
        finished = []
        for label, press in list(self._presses.items()):
            horizon = press.last_window + self._join_windows
            run = self._tracker.open.get(label)
            if (
                self._tracker.known > horizon
                and not (run is not None and run.first <= horizon)
                and not any(part.run.label == label and part.run.first <= horizon for part in self._waiting)
            ):
                finished.append(self._presses.pop(label))
        return finished

    def _verdicts(self, finished: list[_Press]) -> list[Event]:
        """Judge finished presses."""
        if not finished:
            return []
        finished.sort(key=lambda press: (press.last_window, press.label))
        joined = concatenate([press.best for press in finished])
        start = np.array([press.start for press in finished])
        stop = np.array([press.stop for press in finished])
        joined = replace(joined, start=start, stop=stop, on_ms=1000.0 * (stop - start) / self.samplerate)
        events: list[Event] = []
        power_dbm0 = joined.pair_dbm0
        for i, (press, refusal) in enumerate(zip(finished, refusals(joined, self.profile), strict=True)):
            if refusal is None:
                refusal = self._echo(press.label, press.start, float(power_dbm0[i]))
            told = any((press.label, first) in self._announced for first in press.runs)
            tone = _tone(press.label)
            if refusal is not None:
                if told:
                    events.append(self._rejection(tone, press, refusal))
                continue
            self._recent = [*self._recent[-7:], (press.label, press.stop, float(power_dbm0[i]))]
            if self._announce and not told:
                settled = (press.last_window + SETTLE + WINDOW_BLOCKS) * self._block_len
                events.append(self._tone_started(tone, press.start, settled))
            events.append(
                DetectedTone(
                    tone=tone,
                    start=self._origin + press.start,
                    stop=self._origin + press.stop,
                    samplerate=self.samplerate,
                    channel=self.channel,
                    low_level_dbm0=float(joined.low_dbm0[i]),
                    high_level_dbm0=float(joined.high_dbm0[i]),
                    low_offset_pct=float(joined.low_offset_pct[i]),
                    high_offset_pct=float(joined.high_offset_pct[i]),
                    snr_db=float(joined.snr_db[i]),
                )
            )
        return events

    def _echo(self, label: int, start: int, power_dbm0: float) -> Refusal | None:
        """Whether a press is the echo or a trace of a much louder one shortly before it, as a refusal."""
        within = self.profile.echo_ms * self.samplerate / 1000.0
        for other, stop, louder_dbm0 in self._recent:
            name = "echo_db" if other == label else "other_echo_db"
            most = getattr(self.profile, name)
            if start - stop < within and louder_dbm0 - power_dbm0 > most:
                return Refusal(name, louder_dbm0 - power_dbm0, most, "dB")
        return None

    def _announcements(self, runs: list[Run], labels: Labels, offset: int) -> list[ToneStarted]:
        """Tell the tones that have become sure in this window."""
        window = offset + len(labels) - 1
        due = [
            run
            for run in runs
            if window - run.first in ANNOUNCE_AGES
            and run.last == window
            and (run.label, run.first) not in self._announced
            and self._is_settled_before(run, window)
        ]
        if not due:
            return []
        heard_until = (window + WINDOW_BLOCKS) * self._block_len
        least = self.profile.min_evidence + ANNOUNCE_EVIDENCE
        measured = self._measure(
            self._candidates([_opening(run, window) for run in due]), heard_until=heard_until, min_evidence=least
        )
        told = []
        for i, (run, refusal) in enumerate(zip(due, refusals(measured, self.profile, min_evidence=least), strict=True)):
            start = int(measured.start[i])
            if refusal is not None or self._echo(run.label, start, float(measured.pair_dbm0[i])) is not None:
                continue
            self._announced.add((run.label, run.first))
            stop_before = None if run.previous_last is None else self._stops.get((run.label, run.previous_last))
            if stop_before is None or not self._bridges(stop_before, start):
                told.append(self._tone_started(_tone(run.label), start, heard_until))
        return told

    def _is_settled_before(self, run: Run, window: int) -> bool:
        """Whether it is known at this window where the run of the same pair before this one stopped."""
        previous = run.previous_last
        return previous is None or run.first - previous > self._join_windows or previous + SETTLE < window

    def _tone_started(self, tone: Tone, start: int, heard_until: int) -> ToneStarted:
        return ToneStarted(
            tone=tone,
            start=self._origin + start,
            heard_until=self._origin + heard_until,
            samplerate=self.samplerate,
            channel=self.channel,
        )

    def _rejection(self, tone: Tone, press: _Press, refusal: Refusal) -> Rejection:
        return Rejection(
            tone=tone,
            start=self._origin + press.start,
            stop=self._origin + press.stop,
            samplerate=self.samplerate,
            channel=self.channel,
            limit=refusal.limit,
            measured=refusal.measured,
            wanted=refusal.wanted,
            unit=refusal.unit,
        )

    def _forget(self) -> None:
        """Drop samples and notes that nothing to come can need."""
        oldest = (
            min((part.start_block for part in self._waiting), default=self._tracker.known) * self._block_len
            - self._measurer.samples_before
        )
        oldest = min(oldest, self._n_fed - self._keep, self._n_blocks * self._block_len)
        drop = oldest - (self._n_fed - len(self._buffer))
        if drop > 0:
            self._buffer = self._buffer[drop:]
        horizon = self._tracker.known - 4 * LONGEST_PART
        self._tracker.forget(horizon)
        if len(self._stops) > 64:
            self._stops = {key: stop for key, stop in self._stops.items() if key[1] >= horizon}
        if len(self._announced) > 64:
            needed = {(press.label, first) for press in self._presses.values() for first in press.runs}
            needed |= {(run.label, run.first) for run in self._tracker.open.values()}
            needed |= {(part.run.label, part.run.first) for part in self._waiting}
            self._announced &= needed
        self._lost = [(begin, end) for begin, end in self._lost if end >= self._n_fed - 10 * self._keep]


@dataclass(frozen=True, slots=True)
class _Part:
    """Part of a run that waits to be measured, in blocks."""

    run: Run
    start_block: int
    stop_block: int
    has_stop: bool

    @property
    def settled_at(self) -> int:
        """Window that must be known before the part is measured."""
        return self.stop_block - WINDOW_BLOCKS + SETTLE

    @property
    def has_start(self) -> bool:
        return self.start_block == self.run.first


@dataclass(slots=True)
class _Press:
    """Parts joined so far; ``best`` is the part with the most evidence."""

    label: int
    start: int
    stop: int
    last_window: int
    best: Measurements
    proof: float
    runs: set[int] = field(default_factory=set)  # first windows


def _opening(run: Run, window: int) -> _Part:
    """What was heard of a run by the end of a window, as a part that has not stopped."""
    stop_block = window + WINDOW_BLOCKS
    return _Part(run, max(run.first, stop_block - LONGEST_PART), stop_block, has_stop=False)


def _speaks_better(part: Measurements, proof: float, press: _Press) -> bool:
    """Whether a part speaks for its press rather than the best so far: the surer, of sure ones the louder."""
    louder_db = float(part.pair_dbm0[0] - press.best.pair_dbm0[0])
    if abs(louder_db) > TAIL_DB:
        return louder_db > 0
    return (min(proof, SURE), louder_db) > (min(press.proof, SURE), 0.0)


def _tone(label: int) -> Tone:
    return Tone.from_frequencies(label // 4, label % 4)


def _row(measured: Measurements, index: int) -> Measurements:
    return Measurements(**{f.name: getattr(measured, f.name)[index : index + 1] for f in fields(Measurements)})
