"""The audio of calls: 20 ms frames both ways, each speaker decoded by a receiver of its own.

Conventions
-----------
- Everything happens at the ends of frames, 320 samples at 16 kHz, that all calls share: frame ``k`` is due at
  ``(k + 1) * 200,000`` ticks, before anything else at that time, and what is cut before that is not in it. A call's
  audio begins with the frame that goes on when it is opened. Its last frame may end early: it is made when it closes.
- ``TO_FAR_END`` is what the bot says, ``TO_BOT`` what the far end does. There may be several speakers at the far
  end; the bot hears their sum, and each is decoded apart, so who pressed a key is known.
- Places of tones are samples from the beginning of their call's audio.
- All speakers of all calls are the channels of a few :class:`~dtmf_audio.stream.DecoderBank`, since a thousand
  streams fed together cost a tenth of as many fed one by one. A channel is used again once it has been silent for
  ``SETTLE_FRAMES``. While nothing sounds anywhere and nobody listens, no frame is made at all.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from dtmf_audio.channel import noise
from dtmf_audio.errors import InvalidSettingError, InvalidSignalError
from dtmf_audio.events import DetectedTone
from dtmf_audio.graph.lines import Line, Pcm, limited, truth_of
from dtmf_audio.graph.rendering import TonePlan
from dtmf_audio.graph.timeline import TICKS_PER_SAMPLE, Appointment, Timeline
from dtmf_audio.signals import to_pcm16
from dtmf_audio.stream import DecoderBank, Event
from dtmf_audio.synthesis import (
    FRAME_SAMPLERATE,
    FRAME_SAMPLES,
    FRAME_TICKS,
    AudioFrame,
    RenderedTone,
    Rendering,
    check_range,
    check_whole,
)
from dtmf_audio.tones import Tone, keys_of

BOT = "bot"  # the speaker in the direction of the far end
CALLER = "caller"  # the speaker in the other direction, unless others are named
MAX_SPEAKERS = 4  # quoted: Microsoft.Skype.Bots.Media, UnmixedAudioBuffers
MAX_QUEUED_SAMPLES = 100 * FRAME_SAMPLES  # quoted: IAudioSocket.Send refuses more than 100 buffers, 2 s
SETTLE_FRAMES = 50  # chosen: 1 s, after which no press is open in a receiver
# Channels; further banks double what there is. Chosen: 500 busy calls cost 40 % less than in banks that double from
# the first, since each has a fixed cost; a channel that is silent costs 80 kB and nearly no time.
BANK_SIZES = (16, 240, 768)
ENVELOPE_FRAMES = 3000  # a minute
MAX_KEPT_FRAMES = 2**18  # of all recordings, silence not counted: 87 minutes of sound, 0.2 GB
KEPT_RECORDINGS = 20  # of calls that are over, the latest; ten noisy minutes are 19 MB a direction
MAX_HEARD = 10_000  # tones of a direction that are remembered unless fewer are asked for, the latest
MAX_KEYS = 100_000  # keys of a direction, a byte each
MAX_FRAMES_PER_FEED = (
    10  # chosen: what is told of later than 200 ms is of no use, and SETTLE_FRAMES must be many times it
)
MAX_RECORD_S = 86_400.0
MAX_CLIPS = 1000  # of one speaker that are not over; chosen: each costs a sum in every frame in which it sounds
MAX_LAID_SAMPLES = 3600 * FRAME_SAMPLERATE  # of one speaker that are still to be heard: 115 MB


class Direction(enum.StrEnum):
    """Which way audio goes."""

    TO_FAR_END = "toFarEnd"
    TO_BOT = "toBot"


@dataclass(frozen=True, slots=True, kw_only=True)
class LineConditions:
    """What a line does to everything on it.

    Attributes
    ----------
    noise_dbm0 : float or None
        White noise, its power from 0 to 4 kHz.
    loss_pct : float
        Frames lost, each on its own; a lost frame is silent.
    twist_db : float
        Added to the twist of tones that the emulator renders: positive, the low group is that much weaker; negative,
        the high group.
    """

    noise_dbm0: float | None = None
    loss_pct: float = 0.0
    twist_db: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is no line."""
        if self.noise_dbm0 is not None:
            check_range("noise_dbm0", self.noise_dbm0, -90.0, 3.0)
        check_range("loss_pct", self.loss_pct, 0.0, 100.0)
        check_range("twist_db", self.twist_db, -20.0, 20.0)


CLEAN_LINE = LineConditions()


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardTone:
    """A tone that was decoded on a line.

    Attributes
    ----------
    call_id : str
    direction : Direction
    speaker : str
        Who pressed it.
    ticks : int
        When it was known, in ticks of the timeline.
    detected : DetectedTone
        Its places are samples from the beginning of the call's audio.
    """

    call_id: str
    direction: Direction
    speaker: str
    ticks: int
    detected: DetectedTone

    @property
    def tone(self) -> Tone:
        """Which tone."""
        return self.detected.tone


class Shelf:
    """Room for frames that all recordings share; a recording that is dropped gives back its part."""

    def __init__(self, frames: int) -> None:
        self.frames_left = frames


class Tap:
    """Keeps what goes over one direction of a call, silence at no cost.

    Parameters
    ----------
    max_frames : int
        Frames from the beginning of the call, silent ones too.
    shelf : Shelf

    Attributes
    ----------
    full : bool
        Whether there was more than it may keep: the recording then ends where it became full.
    """

    def __init__(self, max_frames: int, shelf: Shelf) -> None:
        self.full = False
        self.max_samples = max_frames * FRAME_SAMPLES
        self._shelf = shelf
        self._frames: dict[int, Pcm] = {}

    def keep(self, index: int, frame: Pcm) -> None:
        """Keep a frame that is not silent; indices count from the beginning of the call's audio."""
        if index * FRAME_SAMPLES >= self.max_samples:
            self.full = True
        elif self._shelf.frames_left:
            self._shelf.frames_left -= 1
            self._frames[index] = frame
        else:
            self.full = True
            self.max_samples = index * FRAME_SAMPLES

    def __del__(self) -> None:
        """Give back the room."""
        self._shelf.frames_left += len(self._frames)

    def samples(self, n_samples: int) -> Pcm:
        """Return the audio up to a sample, (n_samples,), int16, or as far as it was kept."""
        kept = np.zeros(min(n_samples, self.max_samples), np.int16)
        for index, frame in self._frames.items():
            room = kept[index * FRAME_SAMPLES : (index + 1) * FRAME_SAMPLES]
            room[:] = frame[: len(room)]
        return kept


class Envelope:
    """The peak of each frame of the last minute, in 255ths of full scale."""

    def __init__(self) -> None:
        self._peaks = bytearray(ENVELOPE_FRAMES)
        self._last = -1

    def note(self, index: int, frame: Pcm) -> None:
        """Take note of a frame; those that were skipped were silent."""
        if index == self._last + 1:
            self._last = index
        else:
            self._go_on(index)
        peak = max(int(np.maximum.reduce(frame)), -int(np.minimum.reduce(frame)))
        self._peaks[index % ENVELOPE_FRAMES] = min(peak * 255 // 32768, 255)

    def peaks(self, index: int) -> list[int]:
        """Return the peaks of the frames before one, at most ``ENVELOPE_FRAMES`` of them."""
        self._go_on(index - 1)
        return [self._peaks[frame % ENVELOPE_FRAMES] for frame in range(max(0, index - ENVELOPE_FRAMES), index)]

    def _go_on(self, index: int) -> None:
        """Take note of silence up to a frame."""
        for silent in range(max(self._last + 1, index - ENVELOPE_FRAMES + 1), index + 1):
            self._peaks[silent % ENVELOPE_FRAMES] = 0
        self._last = max(self._last, index)


class KeyLog:
    """Keys in their order, the latest ``MAX_KEYS``, at a byte each."""

    def __init__(self) -> None:
        self._keys = bytearray()

    def add(self, tone: Tone) -> None:
        """Add the key of a tone."""
        self._keys += tone.key.encode()
        if len(self._keys) >= 2 * MAX_KEYS:
            del self._keys[:-MAX_KEYS]

    def __str__(self) -> str:
        """Return the keys: ``"12#"``."""
        return self._keys[-MAX_KEYS:].decode()


FrameSink = Callable[[AudioFrame], None]
_Made = tuple[FrameSink, AudioFrame]  # a frame, and who is to have it


class Path:
    """One direction of one call.

    Attributes
    ----------
    lines : dict of str and Line
        By speaker.
    heard : deque of HeardTone
        What was decoded, the latest of it.
    keys : KeyLog
        The keys of what was decoded.
    conditions : LineConditions
    tap : Tap or None
    envelope : Envelope
    sinks : dict of callables
        Called with every frame, an :class:`~dtmf_audio.synthesis.AudioFrame`, silent ones too; each with what is
        called when the call ends, if anything is.
    """

    def __init__(self, conditions: LineConditions, max_recorded_frames: int, shelf: Shelf, kept_tones: int) -> None:
        self.conditions = conditions
        self.lines: dict[str, Line] = {}
        self.slots: dict[str, _Slot] = {}
        self.heard: deque[HeardTone] = deque(maxlen=kept_tones)
        self.keys = KeyLog()
        self.truth: list[RenderedTone] = []
        self.plans: dict[str, tuple[int, TonePlan]] = {}
        self.tap = Tap(max_recorded_frames, shelf) if max_recorded_frames else None
        self.envelope = Envelope()
        self.sinks: dict[FrameSink, Callable[[], None] | None] = {}
        self.live_until: dict[str, int] = {}  # by speaker: where the next live audio begins at the earliest

    def next_start(self) -> int | None:
        """Tell where the next audio begins: 0 if every frame has something in it, ``None`` if none has."""
        if self.sinks or self.conditions.noise_dbm0 is not None:
            return 0
        return min((start for line in self.lines.values() if (start := line.next_start()) is not None), default=None)


class CallMedia:
    """The audio of one call.

    Attributes
    ----------
    call_id : str
    start : int
        Sample of the timeline at which it begins, at the beginning of a frame.
    paths : dict of Direction and Path
    stop : int or None
        Sample of the timeline at which it ended.
    forgotten : bool
        Whether what was recorded of it is not kept any more.
    """

    def __init__(self, call_id: str, start: int, paths: dict[Direction, Path]) -> None:
        self.call_id = call_id
        self.start = start
        self.stop: int | None = None
        self.forgotten = False
        self.paths = paths

    def keys(self, direction: Direction, speaker: str | None = None) -> str:
        """Return the keys that were heard in a direction, of one speaker or of all, in order."""
        path = self.paths[direction]
        if speaker is None:
            return str(path.keys)
        return keys_of(tone.tone for tone in path.heard if tone.speaker == speaker)


@dataclass(slots=True)
class _Slot:
    """A channel of a bank."""

    bank: _Bank
    channel: int
    owner: tuple[CallMedia, Direction, str] | None = None


class _Bank:
    """A decoder bank, where its stream begins, and the frames that it has not been fed yet."""

    def __init__(self, n_channels: int, first_frame: int, frames_per_feed: int) -> None:
        self.decoder = DecoderBank(n_channels, FRAME_SAMPLERATE, announce=False, hold_ms=0.0)
        self.first_sample = first_frame * FRAME_SAMPLES
        self.slots = [_Slot(self, channel) for channel in range(n_channels)]
        self._room = np.zeros((n_channels, frames_per_feed * FRAME_SAMPLES), np.int16)
        self._filled = 0  # samples

    def put(self, channel: int, frame: Pcm) -> None:
        """Put a channel's part of the next frame in its place; without it, the channel is silent."""
        self._room[channel, self._filled : self._filled + FRAME_SAMPLES] = frame

    def next(self) -> list[DetectedTone]:
        """End the frame; returns what was heard, if it is time to listen."""
        self._filled += FRAME_SAMPLES
        return self._feed() if self._filled == self._room.shape[1] else []

    def skip(self, n_frames: int) -> list[DetectedTone]:
        """Go on after so many frames that were not made, since all was silent."""
        heard = self._feed() if self._filled else []
        return heard + _finished(self.decoder.gap(n_frames * FRAME_SAMPLES))

    def _feed(self) -> list[DetectedTone]:
        events = self.decoder.feed(self._room[:, : self._filled])
        self._room[:] = 0
        self._filled = 0
        return _finished(events)


def _finished(events: list[Event]) -> list[DetectedTone]:
    return [event for event in events if isinstance(event, DetectedTone)]


class MediaPlane:
    """The audio of all calls.

    Parameters
    ----------
    timeline : Timeline
    on_tone : callable
        Called with each :class:`HeardTone`.
    rng : numpy.random.Generator
        Of noise and loss.
    conditions : dict of Direction and LineConditions, optional
        Of new calls.
    record_s : float
        How much of each direction of a call is kept, in seconds; 0 for nothing.
    frames_per_feed : int
        How many frames the receivers hear at a time, 1 to 10. More are faster, and tell of a tone later; the tones are
        the same.
    kept_tones : int
        How many of the tones heard in each direction of a call are remembered with all that was measured.

    Raises
    ------
    InvalidSettingError
        A setting out of range.
    """

    def __init__(
        self,
        timeline: Timeline,
        on_tone: Callable[[HeardTone], None],
        *,
        rng: np.random.Generator,
        conditions: dict[Direction, LineConditions] | None = None,
        record_s: float = 0.0,
        frames_per_feed: int = 1,
        kept_tones: int = MAX_HEARD,
    ) -> None:
        check_range("record_s", record_s, 0.0, MAX_RECORD_S)
        check_whole("frames_per_feed", frames_per_feed, 1, MAX_FRAMES_PER_FEED)
        check_whole("kept_tones", kept_tones, 0, MAX_HEARD)
        for direction, line in (conditions or {}).items():
            if direction not in list(Direction):
                raise InvalidSettingError(
                    f"conditions are of direction {direction!r}; the directions are {' and '.join(Direction)}"
                )
            _check_conditions(line)
        self.conditions = dict.fromkeys(Direction, CLEAN_LINE) | (conditions or {})
        self._timeline = timeline
        self._on_tone = on_tone
        self._rng = rng
        self._max_recorded = round(record_s * FRAME_SAMPLERATE / FRAME_SAMPLES)
        self._shelf = Shelf(MAX_KEPT_FRAMES)
        self.kept_tones = kept_tones
        self._frames_per_feed = frames_per_feed
        self._media: dict[str, CallMedia] = {}
        self._busy: dict[Path, CallMedia] = {}  # paths with anything to be heard, now or later
        self._banks: list[_Bank] = []
        self._free: list[_Slot] = []
        self._draining: deque[tuple[int, _Slot]] = deque()  # by frame
        self._next_frame = 0  # the first that was not made
        self._awake_until = 0  # frame
        self._tick: Appointment | None = None

    # --- calls -------------------------------------------------------------------------------------------------------

    def open(self, call_id: str) -> CallMedia:
        """Begin the audio of a call with the frame that goes on now."""
        paths = {
            direction: Path(self.conditions[direction], self._max_recorded, self._shelf, self.kept_tones)
            for direction in Direction
        }
        media = self._media[call_id] = CallMedia(call_id, self._frame_now() * FRAME_SAMPLES, paths)
        self.line(media, Direction.TO_FAR_END, BOT)
        self.line(media, Direction.TO_BOT, CALLER)
        for path in paths.values():
            self._wake(media, path)
        return media

    def close(self, call_id: str) -> None:
        """End the audio of a call at this very sample."""
        media = self._media.pop(call_id, None)
        if media is None:
            return
        stop = media.stop = self.now_sample
        frame = self._frame_now()
        made: list[_Made] = []
        heard: list[HeardTone] = []
        ends: list[Callable[[], None]] = []
        for path in media.paths.values():
            for line in path.lines.values():
                line.cut(stop)
            if frame * FRAME_SAMPLES < stop and path in self._busy:
                heard += self._catch_up(frame)
                self._take(media, path, frame, made)
            self._busy.pop(path, None)
            ends += [on_end for on_end in path.sinks.values() if on_end is not None]
            path.sinks.clear()
            for owner in list(path.plans):
                self._settle_plan(path, owner, media)
            for slot in path.slots.values():
                self._draining.append((frame + SETTLE_FRAMES, slot))
        self._awake_until = max(self._awake_until, frame + SETTLE_FRAMES)
        self._set_tick()
        self._tell(made, heard)
        for on_end in ends:
            on_end()

    @property
    def now_sample(self) -> int:
        """The first sample of the timeline that is not past."""
        return -(-self._timeline.now // TICKS_PER_SAMPLE)

    # --- what is said ------------------------------------------------------------------------------------------------

    def line(self, media: CallMedia, direction: Direction, speaker: str) -> Line:
        """Return the line of a speaker, a new one if nobody of this name has spoken.

        Raises
        ------
        InvalidSettingError
            More than four speakers.
        """
        path = media.paths[direction]
        if speaker not in path.lines:
            self._check_open(media)
            if not isinstance(speaker, str):
                raise InvalidSettingError(f"the speaker is {speaker!r}; give a name, such as 'caller'")
            if len(path.lines) >= MAX_SPEAKERS:
                raise InvalidSettingError(
                    f"{speaker!r} would be speaker {len(path.lines) + 1} of the call; at most {MAX_SPEAKERS} can be "
                    f"told apart: use one of {', '.join(map(repr, path.lines))}"
                )
            path.lines[speaker] = Line(twist_db=path.conditions.twist_db)
            path.slots[speaker] = self._slot(media, direction, speaker)
        return path.lines[speaker]

    def lay(self, media: CallMedia, direction: Direction, speaker: str, samples: Pcm) -> tuple[int, int]:
        """Say something now; returns where it lies, in samples of the call.

        Raises
        ------
        InvalidSettingError
            The call is over, or too much of the speaker waits.
        """
        start = self.now_sample
        self._lay(media, direction, speaker, samples, start)
        return start - media.start, start - media.start + len(samples)

    def lay_live(self, media: CallMedia, direction: Direction, speaker: str, samples: Pcm) -> None:
        """Say what comes next of a live stream, right after what came before it.

        Raises
        ------
        InvalidSignalError
            More than 2 s of it wait.
        InvalidSettingError
            The call is over, or too much of the speaker waits.
        """
        live_until = media.paths[direction].live_until
        start = max(self.now_sample, live_until.get(speaker, 0))
        stop = start + len(samples)
        if stop - self.now_sample > MAX_QUEUED_SAMPLES:
            raise InvalidSignalError(
                f"{(stop - self.now_sample) / FRAME_SAMPLERATE:.2f} s of audio wait to be played; the media "
                "platform takes at most 100 buffers, 2 s: send one buffer every 20 ms"
            )
        self._lay(media, direction, speaker, samples, start)
        live_until[speaker] = stop

    def _lay(self, media: CallMedia, direction: Direction, speaker: str, samples: Pcm, start: int) -> None:
        self._check_open(media)
        line = self.line(media, direction, speaker)
        n_clips, n_samples = line.left(start)
        if n_clips >= MAX_CLIPS or n_samples + len(samples) > MAX_LAID_SAMPLES:
            raise InvalidSettingError(
                f"{n_clips} clips, {n_samples / FRAME_SAMPLERATE:g} s, of {speaker!r} wait to be played and "
                f"{len(samples) / FRAME_SAMPLERATE:g} s more were given; at most {MAX_CLIPS} clips and "
                f"{MAX_LAID_SAMPLES / FRAME_SAMPLERATE:g} s can wait: let some be played first"
            )
        line.lay(start, samples)
        self._wake(media, media.paths[direction])

    def lay_tones(self, media: CallMedia, plan: TonePlan, start: int, *, owner: str) -> None:
        """Lay out the bot's tones, ``start`` in samples of the timeline, of what is not past."""
        path = media.paths[Direction.TO_FAR_END]
        for name, (begin, laid) in list(path.plans.items()):
            if begin + laid.n_samples <= self.now_sample:
                self._settle_plan(path, name, media)
        if path.tap is not None:
            path.plans[owner] = (start, plan)
        path.lines[BOT].lay_tones(start, plan, owner=owner)
        self._wake(media, path)

    def cut(self, media: CallMedia, *, owner: str) -> None:
        """Silence what an owner laid out, from now on."""
        path = media.paths[Direction.TO_FAR_END]
        path.lines[BOT].cut(self.now_sample, owner=owner)
        self._settle_plan(path, owner, media)

    def note_truth(self, media: CallMedia, direction: Direction, tones: Iterable[RenderedTone]) -> None:
        """Take note of tones in what was laid, in samples of the call."""
        path = media.paths[direction]
        if path.tap is not None:
            path.truth.extend(_before(path.tap.max_samples, tones))

    def set_conditions(self, media: CallMedia, direction: Direction, conditions: LineConditions) -> None:
        """Change what the line of a call does; tones that sound already keep their twist."""
        self._check_open(media)
        _check_conditions(conditions)
        path = media.paths[direction]
        path.conditions = conditions
        for line in path.lines.values():
            line.twist_db = conditions.twist_db
        self._wake(media, path)

    # --- who listens -------------------------------------------------------------------------------------------------

    def listen(
        self,
        media: CallMedia,
        direction: Direction,
        sink: FrameSink,
        *,
        on_end: Callable[[], None] | None = None,
    ) -> None:
        """Have every frame of a direction from now on; ``on_end`` is called when the call ends."""
        self._check_open(media)
        if not callable(sink):
            raise InvalidSettingError(f"the listener is {sink!r}; give what can be called with a frame")
        path = media.paths[direction]
        path.sinks[sink] = on_end
        self._wake(media, path)

    def unlisten(self, media: CallMedia, direction: Direction, sink: FrameSink) -> None:
        """Have no more frames; whoever has none already is left alone."""
        media.paths[direction].sinks.pop(sink, None)

    @property
    def next_sample(self) -> int:
        """The first sample of the timeline in a frame that is not made."""
        return max(self._frame_now(), self._next_frame) * FRAME_SAMPLES

    def recording(self, media: CallMedia, direction: Direction) -> Rendering:
        """Return what went over a direction up to the last whole frame, or to the call's end, and its known tones.

        Raises
        ------
        InvalidSettingError
            Nothing is recorded, or it is not kept any more.
        """
        path = media.paths[direction]
        if media.forgotten:
            raise InvalidSettingError(
                f"the recording of call {media.call_id} was forgotten; of the calls that are over, the latest "
                f"{KEPT_RECORDINGS} have theirs kept: read it sooner"
            )
        if path.tap is None:
            raise InvalidSettingError("the call is not recorded; give record_s, how many seconds to keep")
        stop = self._frame_now() * FRAME_SAMPLES if media.stop is None else media.stop
        pcm = path.tap.samples(stop - media.start)
        truth = [*path.truth]
        for start, plan in path.plans.values():
            truth += _in_call(truth_of(plan, start), media.start)
        tones = sorted(_before(len(pcm), truth), key=lambda tone: tone.start)
        return Rendering(samples=pcm / 32768.0, samplerate=FRAME_SAMPLERATE, tones=tuple(tones))

    def forget_recording(self, media: CallMedia) -> None:
        """Drop what was recorded of a call that is over."""
        for path in media.paths.values():
            media.forgotten |= path.tap is not None
            path.tap = None

    # --- frames ------------------------------------------------------------------------------------------------------

    def _frame_now(self) -> int:
        return self._timeline.now // FRAME_TICKS

    def _check_open(self, media: CallMedia) -> None:
        if media.stop is not None:
            raise InvalidSettingError(
                f"call {media.call_id} is over and nothing goes over its lines any more; what went is still to be read"
            )

    def _wake(self, media: CallMedia, path: Path) -> None:
        """See to it that frames are made while there is anything to be heard on a path."""
        if path.next_start() is not None:
            self._busy[path] = media
            self._set_tick()

    def _set_tick(self) -> None:
        """See to it that the next frame with anything in it is made."""
        due = self._next_due()
        if due is None or (self._tick is not None and self._tick.action is not None and self._tick.ticks <= due):
            return
        if self._tick is not None:
            self._tick.cancel()
        self._tick = self._timeline.at(due, self._make_frame, first=True)

    def _next_due(self) -> int | None:
        """Tell when the next frame is to be made: its end, in ticks."""
        frame = max(self._frame_now(), self._next_frame)
        if frame > self._awake_until:
            starts = (start for path in self._busy if (start := path.next_start()) is not None)
            first = min(starts, default=None)
            if first is None:
                return None
            frame = max(frame, first // FRAME_SAMPLES)
        return (frame + 1) * FRAME_TICKS

    def _make_frame(self) -> None:
        """Make the frame that ends now, of every call, and tell what was heard in it.

        Whoever is told may do anything, to calls too, so they are told when all is done.
        """
        frame = self._timeline.now // FRAME_TICKS - 1
        heard = self._catch_up(frame)
        made: list[_Made] = []
        for path, media in list(self._busy.items()):
            if self._take(media, path, frame, made) is None and path.next_start() is None:
                del self._busy[path]
        self._next_frame = frame + 1
        for bank in self._banks:
            heard += self._heard(bank, bank.next())
        while self._draining and self._draining[0][0] <= frame:
            slot = self._draining.popleft()[1]
            slot.owner = None
            self._free.append(slot)
        self._tick = None
        self._set_tick()
        self._tell(made, heard)

    def _catch_up(self, frame: int) -> list[HeardTone]:
        """Let the receivers know of frames before one that were not made, since all was silent."""
        n_frames, self._next_frame = frame - self._next_frame, frame
        return [heard for bank in self._banks if n_frames for heard in self._heard(bank, bank.skip(n_frames))]

    def _take(self, media: CallMedia, path: Path, frame: int, made: list[_Made]) -> Pcm | None:
        """Make one frame of one direction of one call, for those who listen; ``None`` if it is silent."""
        start = frame * FRAME_SAMPLES
        mixed: Pcm | None = None
        parts: list[Pcm] = []
        for speaker, line in path.lines.items():
            said = line.take(start)
            if path.conditions is not CLEAN_LINE:
                said = self._damage(said, path.conditions)
            if said is not None:
                slot = path.slots[speaker]
                slot.bank.put(slot.channel, said)
                parts.append(said)
        index = frame - media.start // FRAME_SAMPLES
        if parts:
            self._awake_until = max(self._awake_until, frame + SETTLE_FRAMES)
            mixed = parts[0] if len(parts) == 1 else limited(np.array(parts).sum(axis=0, dtype=np.int32))
            path.envelope.note(index, mixed)
            if path.tap is not None:
                path.tap.keep(index, mixed)
        if path.sinks:
            data = bytes(2 * FRAME_SAMPLES) if mixed is None else mixed.astype("<i2").tobytes()
            audio = AudioFrame(data=data, timestamp=index * FRAME_TICKS)
            made += [(sink, audio) for sink in path.sinks]
        return mixed

    def _damage(self, said: Pcm | None, conditions: LineConditions) -> Pcm | None:
        if conditions.noise_dbm0 is not None:
            hiss = noise(FRAME_SAMPLES, level_dbm0=conditions.noise_dbm0, samplerate=FRAME_SAMPLERATE, rng=self._rng)
            clean = 0.0 if said is None else said / 32768.0
            said = to_pcm16(np.clip(clean + hiss, -1.0, 1.0 - 2.0**-15))
        if said is not None and conditions.loss_pct and self._rng.random() * 100.0 < conditions.loss_pct:
            return None
        return said

    def _heard(self, bank: _Bank, tones: list[DetectedTone]) -> list[HeardTone]:
        """Say whose tones they are, and where they lie in their calls."""
        found = []
        for tone in tones:
            owner = bank.slots[tone.channel].owner
            if owner is not None:
                media, direction, speaker = owner
                shift = bank.first_sample - media.start
                detected = replace(tone, start=tone.start + shift, stop=tone.stop + shift, channel=0)
                ticks = self._timeline.now
                found.append(
                    HeardTone(
                        call_id=media.call_id, direction=direction, speaker=speaker, ticks=ticks, detected=detected
                    )
                )
                media.paths[direction].heard.append(found[-1])
                media.paths[direction].keys.add(found[-1].tone)
        return found

    def _tell(self, made: list[_Made], heard: list[HeardTone]) -> None:
        for sink, audio in made:
            sink(audio)
        for tone in heard:
            self._on_tone(tone)

    def _slot(self, media: CallMedia, direction: Direction, speaker: str) -> _Slot:
        if not self._free:
            n_banks = len(self._banks)
            n_channels = BANK_SIZES[n_banks] if n_banks < len(BANK_SIZES) else sum(len(it.slots) for it in self._banks)
            bank = _Bank(n_channels, self._next_frame, self._frames_per_feed)
            self._banks.append(bank)
            self._free.extend(reversed(bank.slots))
        slot = self._free.pop()
        slot.owner = (media, direction, speaker)
        return slot

    def _settle_plan(self, path: Path, owner: str, media: CallMedia) -> None:
        """Move the tones of a plan that has come to its end to the truth."""
        laid = path.plans.pop(owner, None)
        if laid is not None and path.tap is not None:
            start, plan = laid
            tones = _in_call(truth_of(plan, start, self.now_sample), media.start)
            path.truth.extend(_before(path.tap.max_samples, tones))


def _check_conditions(conditions: LineConditions) -> None:
    if not isinstance(conditions, LineConditions):
        raise InvalidSettingError(f"the conditions are {conditions!r}; give LineConditions")


def _in_call(tones: list[RenderedTone], start: int) -> list[RenderedTone]:
    """Count places from the beginning of a call's audio."""
    return [replace(tone, start=tone.start - start, stop=tone.stop - start) for tone in tones]


def _before(stop: int, tones: Iterable[RenderedTone]) -> list[RenderedTone]:
    """Return what of tones lies before a sample."""
    return [replace(tone, stop=min(tone.stop, stop)) for tone in tones if tone.start < stop]
