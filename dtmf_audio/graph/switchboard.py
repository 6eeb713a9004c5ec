"""Calls, their audio and their notifications in one: the service without the web, and both ends of every call.

A test drives it directly, with a clock that it moves itself; the emulator drives it by the real clock and speaks HTTP
for it. Nothing in it waits, and nothing is random that a seed does not give again.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from dtmf_audio.errors import InvalidSettingError, InvalidSignalError
from dtmf_audio.graph.calls import Calls, CallSettings, Notification
from dtmf_audio.graph.faults import Faults
from dtmf_audio.graph.lines import Pcm, twisted
from dtmf_audio.graph.media import (
    BOT,
    CALLER,
    KEPT_RECORDINGS,
    MAX_HEARD,
    CallMedia,
    Direction,
    FrameSink,
    HeardTone,
    KeyLog,
    LineConditions,
    MediaPlane,
)
from dtmf_audio.graph.models import AppHostedMediaConfig, Call, CallState, MediaConfig, ServiceHostedMediaConfig
from dtmf_audio.graph.operations import (
    CancelMediaProcessingOperation,
    Operation,
    SendDtmfTonesOperation,
    SubscribeToToneOperation,
)
from dtmf_audio.graph.rendering import TonePlan
from dtmf_audio.graph.requests import (
    CancelMediaProcessingRequest,
    CreateCallRequest,
    SendDtmfTonesRequest,
    SubscribeToToneRequest,
)
from dtmf_audio.graph.timeline import TICKS_PER_MS, TICKS_PER_SAMPLE, Timeline
from dtmf_audio.signals import Samples, as_channels, check_samplerate, to_float, to_pcm16
from dtmf_audio.synthesis import (
    DEFAULT_LEVEL_DBM0,
    DEFAULT_TWIST_DB,
    FRAME_SAMPLERATE,
    RenderedTone,
    Rendering,
    check_range,
    check_whole,
    render,
)
from dtmf_audio.tones import Pause, Tone, parse_keys

A_CALLBACK = "http://127.0.0.1:9/api/calling"  # of calls whose notifications are read in process
WAIT_TIMEOUT_S = 10.0
MAX_NOTIFICATIONS = 10_000  # that are remembered, the latest
MAX_ADVANCE_MS = 10 * 365.25 * 86_400_000.0  # at a time; samples are counted in 64 bits

Damage = Callable[[Samples], Samples]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedTone:
    """A tone as the bot is told of it.

    Attributes
    ----------
    sequence_id : int
        Counts from 1 within the call.
    tone : Tone
    speaker : str
        Who pressed it.
    heard : HeardTone
        Its place and its measurements.
    """

    sequence_id: int
    tone: Tone
    speaker: str
    heard: HeardTone


class Switchboard:
    """Calls on a clock of their own.

    Parameters
    ----------
    seed : int
        Of ids, of delays that requests leave to the service, of noise and loss.
    settings : CallSettings, optional
    conditions : dict of Direction and LineConditions, optional
        Of the lines of new calls.
    record_s : float
        How much audio of each direction of each call is kept, in seconds.
    frames_per_feed : int
        How many 20 ms frames the receivers hear at a time, 1 to 10.
    kept_tones : int
        How many of the tones heard in each direction of a call are remembered with all that was measured, the latest;
        of the others the keys.

    Raises
    ------
    InvalidSettingError
        A setting out of range.

    Attributes
    ----------
    timeline : Timeline
    calls : Calls
        What the bot's requests do.
    media : MediaPlane
    faults : Faults
        What is planned to go wrong.
    notifications : deque of Notification
        All that were sent, in order, the latest 10,000.
    on_notification, on_tone : list of callables
        Called with every :class:`~dtmf_audio.graph.calls.Notification`; with every
        :class:`~dtmf_audio.graph.media.HeardTone`, and what the bot is told of it, a :class:`ReceivedTone` or None.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        settings: CallSettings | None = None,
        conditions: dict[Direction, LineConditions] | None = None,
        record_s: float = 600.0,
        frames_per_feed: int = 1,
        kept_tones: int = MAX_HEARD,
    ) -> None:
        check_whole("seed", seed, 0)
        ids, line = np.random.default_rng(seed).spawn(2)
        self.timeline = Timeline()
        self.media = MediaPlane(
            self.timeline,
            self._heard,
            rng=line,
            conditions=conditions,
            record_s=record_s,
            frames_per_feed=frames_per_feed,
            kept_tones=kept_tones,
        )
        self.calls = Calls(self.timeline, self, rng=ids, settings=settings)
        self.faults = Faults()
        self.notifications: deque[Notification] = deque(maxlen=MAX_NOTIFICATIONS)
        self.on_notification: list[Callable[[Notification], None]] = []
        self.on_tone: list[Callable[[HeardTone, ReceivedTone | None], None]] = []
        self._handles: dict[str, CallHandle] = {}
        self._ended: OrderedDict[str, CallHandle] = OrderedDict()
        self._untold: deque[Notification] = deque()
        self._is_telling = False

    # --- time --------------------------------------------------------------------------------------------------------

    @property
    def now_ms(self) -> float:
        """Milliseconds since the beginning."""
        return self.timeline.now / TICKS_PER_MS

    def advance(self, ms: float) -> None:
        """Let time pass: all that is due happens, in its order.

        Raises
        ------
        InvalidSettingError
            No number of milliseconds from 0 to 10 years, or a listener asks that is told of what happens.
        """
        check_range("ms", ms, 0.0, MAX_ADVANCE_MS)
        self.timeline.advance_to(self.timeline.now + round(ms * TICKS_PER_MS))

    # --- calls -------------------------------------------------------------------------------------------------------

    def create(
        self,
        request: CreateCallRequest | None = None,
        *,
        media: str = "appHosted",
        callback_uri: str = A_CALLBACK,
    ) -> CallHandle:
        """Have the bot call somebody; the call is establishing.

        Parameters
        ----------
        request : CreateCallRequest, optional
            Without it, one is made of the other two.
        media : {"appHosted", "serviceHosted"}
            Who has the audio: the bot, or Graph.
        callback_uri : str
        """
        if request is None:
            configs: dict[str, MediaConfig] = {
                "appHosted": AppHostedMediaConfig(),
                "serviceHosted": ServiceHostedMediaConfig(),
            }
            if media not in configs:
                raise InvalidSettingError(f"media is {media!r}; it must be one of {', '.join(configs)}")
            request = CreateCallRequest(
                callback_uri=callback_uri, media_config=configs[media], requested_modalities=("audio",)
            )
        call = self.calls.create(request)
        assert call.id is not None
        return self.call(call.id)

    def establish(self, *, media: str = "appHosted", callback_uri: str = A_CALLBACK) -> CallHandle:
        """Have the bot call somebody, and wait until the call is established."""
        call = self.create(media=media, callback_uri=callback_uri)
        self.advance(self.calls.settings.establish_ms)
        return call

    def wait_until(self, holds: Callable[[], bool], *, timeout_s: float = WAIT_TIMEOUT_S, what: str = "it") -> None:
        """Let time pass until something holds, from one event to the next.

        Parameters
        ----------
        holds : callable
        timeout_s : float
            On this clock.
        what : str
            What is waited for, for the message.

        Raises
        ------
        TimeoutError
            It does not come true in time.
        """
        __tracebackhide__ = True  # pytest shows the line that waits
        until = self.timeline.now + round(1000.0 * timeout_s * TICKS_PER_MS)
        while not holds():
            due = self.timeline.next_due()
            if due is None or due > until:
                self.timeline.advance_to(until)
                if holds():
                    return
                raise TimeoutError(f"{what} did not come true within {timeout_s:g} s of the virtual clock")
            self.timeline.advance_to(due)

    def call(self, call_id: str) -> CallHandle:
        """Return the handle of a call.

        Raises
        ------
        GraphServiceError
            There is no such call any more.
        """
        if call_id not in self._handles:
            self.calls.get(call_id)
            self._handles[call_id] = CallHandle(self, call_id)
        return self._handles[call_id]

    def remembered(self) -> list[CallHandle]:
        """Return the handles of the calls that are not over, then of those that are, the latest first."""
        live = [self.call(call.id) for call in self.calls.all() if call.id and not self.calls.is_over(call.id)]
        return live[::-1] + list(self._ended.values())[::-1]

    # --- what calls tell ---------------------------------------------------------------------------------------------

    def notify(self, notification: Notification) -> None:
        """Take a notification from the calls, and send what the faults make of it.

        A listener may do what makes another notification; everybody is told of that one after this one.
        """
        (told,) = notification.body.value
        (what,) = told.resource_data
        is_last = isinstance(what, Call) and what.state is CallState.TERMINATED
        if is_last:
            self._keep_ended(notification.call_id)
        sent = self.faults.deliver(notification, is_last=is_last)
        self.notifications.extend(sent)
        self._untold.extend(sent)
        if self._is_telling:
            return
        self._is_telling = True
        try:
            while self._untold:
                next_one = self._untold.popleft()
                for listener in list(self.on_notification):
                    listener(next_one)
        finally:
            self._is_telling = False

    def open_media(self, call_id: str) -> None:
        """Begin the audio of a call."""
        self.call(call_id).media = self.media.open(call_id)

    def close_media(self, call_id: str) -> None:
        """End the audio of a call."""
        self.media.close(call_id)

    def play_tones(self, call_id: str, operation_id: str, plan: TonePlan, start: int) -> None:
        """Lay out the tones of an operation."""
        call = self.call(call_id)
        call.tones[operation_id] = tuple(tone.tone for tone in plan.tones)
        self.media.lay_tones(call.audio, plan, start // TICKS_PER_SAMPLE, owner=operation_id)

    def cut_tones(self, call_id: str, operation_id: str) -> None:
        """Stop the tones of an operation."""
        self.media.cut(self.call(call_id).audio, owner=operation_id)

    def forget_tones(self, call_id: str, operation_id: str) -> None:
        """Forget what an operation was asked to send."""
        self.call(call_id).tones.pop(operation_id, None)

    def _keep_ended(self, call_id: str) -> None:
        """Keep the handle of a call that is over as long as the call is remembered, its audio not so long."""
        ended = self._handles.pop(call_id, None) or CallHandle(self, call_id)
        self._ended[call_id] = ended
        while len(self._ended) > self.calls.settings.kept_calls:
            self._ended.popitem(last=False)
        for old in list(self._ended.values())[:-KEPT_RECORDINGS]:
            if old.media is not None:
                self.media.forget_recording(old.media)

    def _heard(self, heard: HeardTone) -> None:
        received = None
        if heard.direction is Direction.TO_BOT:
            info = self.calls.tone_received(heard.call_id, heard.tone)
            if info is not None:
                received = ReceivedTone(
                    sequence_id=info.sequence_id, tone=info.tone, speaker=heard.speaker, heard=heard
                )
                self.call(heard.call_id).bot.receive(received)
        for listener in list(self.on_tone):
            listener(heard, received)


class CallHandle:
    """A call, from both ends; it can be read after the call is over.

    Attributes
    ----------
    id : str
    bot : BotEnd
    far_end : FarEnd
    media : CallMedia or None
        Once the call is established.
    tones : dict of str and tuple of Tone
        What each ``sendDtmfTones`` that is remembered was asked to send, by operation.
    """

    def __init__(self, switchboard: Switchboard, call_id: str) -> None:
        self.id = call_id
        self.switchboard = switchboard
        self.media: CallMedia | None = None
        self.tones: dict[str, tuple[Tone, ...]] = {}
        self.bot = BotEnd(self)
        self.far_end = FarEnd(self)

    # --- what the bot's requests do ----------------------------------------------------------------------------------

    def send_dtmf_tones(
        self,
        tones: str | Iterable[Tone | str],
        *,
        delay_between_tones_ms: int | None = None,
        client_context: str | None = None,
    ) -> SendDtmfTonesOperation:
        """Send tones, names (``["tone1", "star"]``) or a dial string (``"1*"``), as the request of that name does."""
        named = list(parse_keys(tones)) if isinstance(tones, str) else list(tones)
        if any(isinstance(tone, Pause) for tone in named):
            raise InvalidSettingError("sendDtmfTones has no pauses; give delay_between_tones_ms, or several requests")
        request = SendDtmfTonesRequest(
            tones=tuple(named),  # type: ignore[arg-type]  # names are read
            delay_between_tones_ms=delay_between_tones_ms,
            client_context=client_context,
        )
        return self.switchboard.calls.send_dtmf_tones(self.id, request)

    def subscribe_to_tone(self, *, client_context: str | None = None) -> SubscribeToToneOperation:
        """Have the bot notified of tones."""
        return self.switchboard.calls.subscribe_to_tone(self.id, SubscribeToToneRequest(client_context=client_context))

    def cancel_media_processing(self, *, client_context: str | None = None) -> CancelMediaProcessingOperation:
        """End the tones that are being sent."""
        request = CancelMediaProcessingRequest(client_context=client_context)
        return self.switchboard.calls.cancel_media_processing(self.id, request)

    def delete(self) -> None:
        """Hang up, as the bot."""
        self.switchboard.calls.delete(self.id)

    # --- what can be read --------------------------------------------------------------------------------------------

    @property
    def state(self) -> CallState:
        """Where the call stands."""
        calls = self.switchboard.calls
        state = CallState.TERMINATED if calls.is_over(self.id) else calls.get(self.id).state
        assert state is not None
        return state

    @property
    def operations(self) -> list[Operation]:
        """The call's operations, oldest first."""
        return self.switchboard.calls.operations(self.id)

    def operation(self, operation_id: str) -> Operation:
        """Return an operation as it stands, after the call's end too."""
        for operation in self.operations:
            if operation.id == operation_id:
                return operation
        raise InvalidSettingError(f"call {self.id} has no operation {operation_id!r}")

    @property
    def notifications(self) -> list[Notification]:
        """The call's notifications, oldest first."""
        return [sent for sent in self.switchboard.notifications if sent.call_id == self.id]

    @property
    def audio(self) -> CallMedia:
        """The call's audio.

        Raises
        ------
        InvalidSettingError
            The call is not established yet.
        """
        if self.media is None:
            raise InvalidSettingError(f"call {self.id} is {self.state} and has no audio; wait until it is established")
        return self.media


class _End:
    """One end of a call."""

    says: Direction
    hears: Direction
    speaker: str

    def __init__(self, call: CallHandle) -> None:
        self._call = call

    @property
    def heard(self) -> list[HeardTone]:
        """The tones that were heard here, in order."""
        return [] if self._call.media is None else list(self._call.media.paths[self.hears].heard)

    @property
    def keys(self) -> str:
        """The keys that were heard here: ``"12#"``."""
        return "" if self._call.media is None else self._call.media.keys(self.hears)

    def recording(self) -> Rendering:
        """Return what was heard here so far, and the tones in it that the emulator made."""
        return self._call.switchboard.media.recording(self._call.audio, self.hears)

    def listen(self, sink: FrameSink, *, on_end: Callable[[], None] | None = None) -> None:
        """Have every 20 ms frame that comes here from now on; ``on_end`` is called when the call ends."""
        self._call.switchboard.media.listen(self._call.audio, self.hears, sink, on_end=on_end)

    def unlisten(self, sink: FrameSink) -> None:
        """Have no more frames."""
        self._call.switchboard.media.unlisten(self._call.audio, self.hears, sink)

    def play(
        self, samples: npt.ArrayLike, samplerate: int = FRAME_SAMPLERATE, *, speaker: str | None = None
    ) -> tuple[int, int]:
        """Play audio from now on, beside what is being played.

        Parameters
        ----------
        samples : int16, int32, uint8, float32 or float64, shape (n,)
        samplerate : int
            Hz; anything but 16000 is resampled.
        speaker : str, optional
            Who says it; another one has another line, with a receiver of its own.

        Returns
        -------
        (int, int)
            Where it lies, in samples of the call at 16 kHz, half-open.
        """
        pcm = as_pcm16k(samples, samplerate)
        call = self._call
        return call.switchboard.media.lay(call.audio, self.says, speaker or self.speaker, pcm)

    def play_live(self, samples: npt.ArrayLike, *, speaker: str | None = None) -> None:
        """Play the next buffer of a live stream at 16 kHz, right after the one before.

        Raises
        ------
        InvalidSignalError
            More than 2 s wait to be played.
        """
        pcm = as_pcm16k(samples, FRAME_SAMPLERATE)
        call = self._call
        call.switchboard.media.lay_live(call.audio, self.says, speaker or self.speaker, pcm)

    def set_conditions(self, conditions: LineConditions) -> None:
        """Change what the line does to what is said here."""
        self._call.switchboard.media.set_conditions(self._call.audio, self.says, conditions)


class BotEnd(_End):
    """The bot's end of a call, as its media platform has it.

    Attributes
    ----------
    received : list of ReceivedTone
        The tones that the bot was told of: all where the bot has the audio, else those after ``subscribeToTone``. The
        latest of them.
    told : KeyLog
        Their keys.
    """

    says, hears, speaker = Direction.TO_FAR_END, Direction.TO_BOT, BOT

    def __init__(self, call: CallHandle) -> None:
        super().__init__(call)
        self.received: list[ReceivedTone] = []
        self.told = KeyLog()

    def receive(self, tone: ReceivedTone) -> None:
        """Take note of a tone that the bot is told of."""
        self.told.add(tone.tone)
        self.received.append(tone)
        if len(self.received) > self._call.switchboard.media.kept_tones:
            del self.received[0]


class FarEnd(_End):
    """The other end of a call: a person with a telephone, or several."""

    says, hears, speaker = Direction.TO_BOT, Direction.TO_FAR_END, CALLER

    def press(
        self,
        keys: str | Iterable[Tone | Pause | str],
        *,
        speaker: str | None = None,
        damage: Damage | None = None,
        **settings: float,
    ) -> tuple[RenderedTone, ...]:
        """Press keys at the bot, from now on.

        Parameters
        ----------
        keys : str or iterable of Tone, Pause or str
            A dial string, or tones.
        speaker : str, optional
            Who presses them.
        damage : callable, optional
            Takes the keys' audio, (n,) float64 at 16 kHz, and returns what arrives of it: a function of
            :mod:`dtmf_audio.channel` with its settings filled in.
        **settings
            Of :func:`dtmf_audio.render`: ``on_ms``, ``delay_ms``, ``level_dbm0``, ``twist_db`` and so on.

        Returns
        -------
        tuple of RenderedTone
            Where they lie, in samples of the call at 16 kHz.
        """
        call = self._call
        line = call.audio.paths[self.says].conditions
        if line.twist_db:
            level_dbm0 = settings.get("level_dbm0", DEFAULT_LEVEL_DBM0)
            twist_db = settings.get("twist_db", DEFAULT_TWIST_DB)
            settings["level_dbm0"], settings["twist_db"] = twisted(line.twist_db, level_dbm0, twist_db)
        rendering = render(keys, FRAME_SAMPLERATE, **settings)  # type: ignore[arg-type]
        samples = rendering.samples if damage is None else damage(rendering.samples)
        start, _ = self.play(samples, speaker=speaker)
        truth = tuple(replace(tone, start=tone.start + start, stop=tone.stop + start) for tone in rendering.tones)
        call.switchboard.media.note_truth(call.audio, self.says, truth)
        return truth

    def hang_up(self) -> None:
        """End the call from this end."""
        self._call.switchboard.calls.hang_up(self._call.id)


def as_pcm16k(samples: npt.ArrayLike, samplerate: int) -> Pcm:
    """Return audio as the media platform has it: int16 at 16 kHz, one channel, (n,), limited to full scale."""
    check_samplerate(samplerate)
    columns = as_channels(samples)
    if columns.shape[1] != 1:
        raise InvalidSignalError(f"audio of {columns.shape[1]} channels was given; give one channel")
    if columns.dtype == np.int16 and samplerate == FRAME_SAMPLERATE:
        return np.array(columns[:, 0])
    audio = to_float(columns[:, 0], np.float64)
    if samplerate != FRAME_SAMPLERATE:
        import scipy.signal

        audio = scipy.signal.resample_poly(audio, FRAME_SAMPLERATE, samplerate)
    return to_pcm16(np.clip(audio, -1.0, 1.0 - 2.0**-15))
