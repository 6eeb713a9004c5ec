"""Calls and their operations: what each request changes, what it is answered, and what is notified when.

It is a state machine on a :class:`~dtmf_audio.graph.timeline.Timeline`: no socket, no clock, no audio. A method is a
request that was understood; it returns what the answer tells, or raises :class:`~dtmf_audio.errors.GraphServiceError`
with the error that Graph would answer. What happens later is put on the timeline. The world is told through a
:class:`Listener`: notifications for the bot, and what the media plane has to play.

::

    create  ->  establishing  --establish_ms-->  established  --delete-->   terminating  --terminate_ms-->  terminated
    ring    ->  incoming  --answer-->  establishing           --hang_up-->                                 (and gone)
                          --reject-->  terminated

    sendDtmfTones  ->  notStarted (behind another)  ->  running  ->  completed: completedSuccessfully
                                                                     completed: mediaOperationCanceled (cancel, hang-up)
                                                                     completed: unknown (injected fault)

What the service does where nobody has captured it, and is decided here
------------------------------------------------------------------------
- A ``sendDtmfTones`` before the call is established is refused with 400, as the tones could not be heard.
- The tones of one begin ``operation_gap_ms`` after the last tone of the one before it, lest two equal tones become
  one. Behind another that is not completed it is ``notStarted``; else it runs at once, and its tones begin in time.
- ``cancelMediaProcessing`` ends running and waiting ``sendDtmfTones``: the only documented way for them to end as
  ``mediaOperationCanceled``, besides hanging up.
- A call that is over is unknown, 404 and 8522, as a call that never was; while it terminates it can be read, and
  every action on it is answered likewise.
- A tone's ``sequenceId`` counts from 1 those that the bot is told of. Tones before ``subscribeToTone`` do not count.
- The text of ``resultInfo`` at a call's end.
- Limits, of calls, of operations and tones that wait, are this project's: 429 with ``Retry-After``.
"""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from dtmf_audio.errors import GraphServiceError, InvalidSettingError
from dtmf_audio.graph.models import (
    AppHostedMediaConfig,
    Call,
    CallDirection,
    CallState,
    ChangeType,
    MediaState,
    ResultInfo,
    ToneInfo,
)
from dtmf_audio.graph.notifications import CommsNotification, CommsNotifications
from dtmf_audio.graph.operations import (
    CancelMediaProcessingOperation,
    CompletionReason,
    Operation,
    OperationStatus,
    SendDtmfTonesOperation,
    SubscribeToToneOperation,
)
from dtmf_audio.graph.rendering import LEAST_DELAY_MS, MAX_PLANNED_MS, SHORTEST_ON_MS, TonePlan, plan_request
from dtmf_audio.graph.requests import (
    AnswerRequest,
    CancelMediaProcessingRequest,
    CreateCallRequest,
    SendDtmfTonesRequest,
    SubscribeToToneRequest,
)
from dtmf_audio.graph.timeline import TICKS_PER_MS, TICKS_PER_SAMPLE, Appointment, Timeline
from dtmf_audio.synthesis import DEFAULT_ON_MS, check_range, check_whole
from dtmf_audio.tones import Tone

CALL_NOT_FOUND = ("8522", "Call not found.")  # reported: microsoft-graph-comms-samples #330, #173, #191
MAX_SETTING_MS = 86_400_000.0  # a day
MAX_PLANNED_FAULTS = 1000  # of one call
SERVICE_WRITES = (  # properties of a call that a bot may send and only the service decides
    *("id", "state", "direction", "callChainId", "myParticipantId", "mediaState", "resultInfo", "toneInfo"),
)
ENDED_BY_BOT = ResultInfo(code=200, subcode=5001, message="The call was ended by the bot.")
ENDED_BY_PEER = ResultInfo(code=200, subcode=4097, message="The call was ended by the other side.")
REJECTED = ResultInfo(code=200, subcode=5001, message="The call was rejected by the bot.")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSettings:
    """Times and limits of calls.

    Attributes
    ----------
    establish_ms, terminate_ms : float
        From ``POST /communications/calls`` to established, and from the end of a call to terminated.
    established_first : bool
        Whether the notification of ``established`` comes before that of ``establishing``, as Graph's documentation
        warns that it may.
    on_ms, least_delay_ms, flash_ms : float
        Of :func:`~dtmf_audio.graph.rendering.plan_request`.
    operation_gap_ms : float
        Silence between the tones of two ``sendDtmfTones``.
    max_calls : int
        At once.
    max_waiting, max_waiting_tones : int
        Operations of one call that are not completed, and tones in them.
    kept_operations, kept_calls : int
        How many that are over are remembered: operations of each call, and calls.

    Raises
    ------
    InvalidSettingError
        A time that is none, or a limit below 1.
    """

    establish_ms: float = 200.0
    terminate_ms: float = 100.0
    established_first: bool = False
    on_ms: float = DEFAULT_ON_MS
    least_delay_ms: float = LEAST_DELAY_MS
    flash_ms: float = 500.0
    operation_gap_ms: float = 100.0
    max_calls: int = 2000
    max_waiting: int = 100
    max_waiting_tones: int = 10_000
    kept_operations: int = 100
    kept_calls: int = 100

    def __post_init__(self) -> None:
        """Refuse what no call could have."""
        for name in ("establish_ms", "terminate_ms", "operation_gap_ms", "least_delay_ms"):
            check_range(name, getattr(self, name), 0.0, MAX_SETTING_MS)
        check_range("on_ms", self.on_ms, SHORTEST_ON_MS, MAX_PLANNED_MS)
        check_range("flash_ms", self.flash_ms, 0.0, MAX_PLANNED_MS)
        for name in ("max_calls", "max_waiting", "max_waiting_tones", "kept_operations", "kept_calls"):
            check_whole(name, getattr(self, name), 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A ``commsNotifications`` body on its way to a bot.

    Attributes
    ----------
    call_id, callback_uri : str
    ticks : int
        When it was sent, in ticks of the timeline.
    body : CommsNotifications
    """

    call_id: str
    callback_uri: str
    ticks: int
    body: CommsNotifications


class Listener(Protocol):
    """Who is told of what calls do."""

    def notify(self, notification: Notification) -> None:
        """Tell the bot."""

    def open_media(self, call_id: str) -> None:
        """Begin the audio of a call, both ways."""

    def close_media(self, call_id: str) -> None:
        """End the audio of a call, both ways."""

    def play_tones(self, call_id: str, operation_id: str, plan: TonePlan, start: int) -> None:
        """Lay out tones from the bot to the far end, ``start`` in ticks."""

    def cut_tones(self, call_id: str, operation_id: str) -> None:
        """Stop the tones of an operation now."""

    def forget_tones(self, call_id: str, operation_id: str) -> None:
        """Forget the tones of an operation that is not remembered any more."""


@dataclass(slots=True)
class _Sending:
    """A ``sendDtmfTones`` that is not completed."""

    operation: SendDtmfTonesOperation
    plan: TonePlan
    start: int  # ticks
    stop: int
    appointments: list[Appointment] = field(default_factory=list)


@dataclass(slots=True)
class _CallRecord:
    """A call, and what goes on in it."""

    call: Call
    subscribed: bool = False
    told_tones: int = 0
    quiet_until: int = 0  # ticks: before then no tone of another operation begins
    sending: OrderedDict[str, _Sending] = field(default_factory=OrderedDict)  # by operation, in order of time
    operations: OrderedDict[str, Operation] = field(default_factory=OrderedDict)
    faults: list[float] = field(default_factory=list)  # of the next operations: after how many ms they fail
    appointments: list[Appointment] = field(default_factory=list)

    @property
    def app_hosted(self) -> bool:
        """Whether the bot has the audio, rather than Graph."""
        return isinstance(self.call.media_config, AppHostedMediaConfig)


class Calls:
    """All calls of an emulator.

    Parameters
    ----------
    timeline : Timeline
    listener : Listener
    settings : CallSettings
    rng : numpy.random.Generator
        Draws ids, and the delays of requests that leave them to the service.
    """

    def __init__(
        self, timeline: Timeline, listener: Listener, *, rng: np.random.Generator, settings: CallSettings | None = None
    ) -> None:
        self.settings = CallSettings() if settings is None else settings
        self._timeline = timeline
        self._listener = listener
        self._rng = rng
        self._calls: dict[str, _CallRecord] = {}
        self._ended: OrderedDict[str, _CallRecord] = OrderedDict()

    # --- what a bot asks for -----------------------------------------------------------------------------------------

    def create(self, request: CreateCallRequest) -> Call:
        """Call the targets of a request; answered with the call, establishing."""
        self._check_room()
        call = Call(
            id=self._new_id(),
            state=CallState.ESTABLISHING,
            direction=CallDirection.OUTGOING,
            callback_uri=request.callback_uri,
            call_chain_id=self._new_id(),
            my_participant_id=self._new_id(),
            media_config=request.media_config,
            requested_modalities=request.requested_modalities,
            tenant_id=request.tenant_id,
            subject=request.subject,
            source=request.source,
            targets=request.targets,
            extra={name: value for name, value in request.extra.items() if name not in SERVICE_WRITES},
        )
        record = self._calls[_known_id(call)] = _CallRecord(call=call)
        self._establish(record)
        return call

    def get(self, call_id: str) -> Call:
        """Return a call as it stands."""
        return self._record(call_id).call

    def operation(self, call_id: str, operation_id: str) -> Operation:
        """Return an operation of a call as it stands."""
        record = self._record(call_id)
        if operation_id not in record.operations:
            raise GraphServiceError(
                404,
                "NotFound",
                f"Operation {operation_id[:60]!r} not found: call {call_id} has none of this id, or it has ended long "
                "ago. Read the id from the Location header of the answer.",
            )
        return record.operations[operation_id]

    def delete(self, call_id: str) -> None:
        """Hang up."""
        self._end(self._active(call_id), ENDED_BY_BOT)

    def keep_alive(self, call_id: str) -> None:
        """Do nothing, for a call that is there."""
        self._active(call_id)

    def send_dtmf_tones(self, call_id: str, request: SendDtmfTonesRequest) -> SendDtmfTonesOperation:
        """Send tones to the far end, after those that are being sent."""
        record = self._established(call_id, "sendDtmfTones")
        settings = self.settings
        waiting = sum(len(sending.plan.tones) for sending in record.sending.values())
        if len(record.sending) >= settings.max_waiting:
            raise _too_many(f"{len(record.sending)} operations of this call are not completed")
        if waiting + len(request.tones) > settings.max_waiting_tones:
            raise _too_many(f"{waiting} tones of this call wait and {len(request.tones)} more were given")
        plan = plan_request(
            request,
            rng=self._rng,
            on_ms=settings.on_ms,
            least_delay_ms=settings.least_delay_ms,
            flash_ms=settings.flash_ms,
        )
        earliest = max(self._timeline.now, record.quiet_until)
        if record.sending:
            last = next(reversed(record.sending.values()))
            earliest = max(earliest, last.stop + _ticks(settings.operation_gap_ms))
        start = -(-earliest // TICKS_PER_SAMPLE) * TICKS_PER_SAMPLE  # the next sample
        operation = SendDtmfTonesOperation(
            id=self._new_id(),
            status=OperationStatus.NOT_STARTED if record.sending else OperationStatus.RUNNING,
            client_context=request.client_context,
        )
        sending = _Sending(operation=operation, plan=plan, start=start, stop=start + plan.n_samples * TICKS_PER_SAMPLE)
        record.sending[operation.id] = sending
        self._remember(record, operation)
        self._listener.play_tones(call_id, operation.id, plan, start)
        self._follow(record, sending)
        return operation

    def subscribe_to_tone(self, call_id: str, request: SubscribeToToneRequest) -> SubscribeToToneOperation:
        """Be told of the far end's tones from now on; refused where the bot hears them itself."""
        record = self._established(call_id, "subscribeToTone")
        if record.app_hosted:  # reported: microsoft-graph-comms-samples #325
            raise GraphServiceError(
                500,
                "9999",
                "Encountered Exception during ToneSubscription. The call has appHostedMediaConfig, where the bot's own "
                "media platform hears the tones; subscribeToTone is for serviceHostedMediaConfig.",
            )
        record.subscribed = True
        operation = SubscribeToToneOperation(
            id=self._new_id(), status=OperationStatus.COMPLETED, client_context=request.client_context
        )
        self._remember(record, operation)
        return operation

    def cancel_media_processing(
        self, call_id: str, request: CancelMediaProcessingRequest
    ) -> CancelMediaProcessingOperation:
        """End the tones that are being sent and those that wait; a subscription goes on."""
        record = self._established(call_id, "cancelMediaProcessing")
        operation = CancelMediaProcessingOperation(
            id=self._new_id(), status=OperationStatus.COMPLETED, client_context=request.client_context
        )
        self._remember(record, operation)
        self._cancel_all(record)
        return operation

    # --- what the far end does ---------------------------------------------------------------------------------------

    def ring(self, *, callback_uri: str, source: dict[str, object] | None = None) -> Call:
        """Call the bot: it is notified of an incoming call, and may answer it."""
        self._check_room()
        call = Call(
            id=self._new_id(),
            state=CallState.INCOMING,
            direction=CallDirection.INCOMING,
            callback_uri=callback_uri,
            call_chain_id=self._new_id(),
            my_participant_id=self._new_id(),
            source=source,
        )
        record = self._calls[_known_id(call)] = _CallRecord(call=call)
        self._tell(record, ChangeType.CREATED, call)
        return call

    def answer(self, call_id: str, request: AnswerRequest) -> None:
        """Take an incoming call."""
        record = self._incoming(call_id, "answer")
        record.call = replace(
            record.call,
            state=CallState.ESTABLISHING,
            callback_uri=request.callback_uri,
            media_config=request.media_config,
            requested_modalities=request.accepted_modalities or record.call.requested_modalities,
        )
        self._establish(record)

    def reject(self, call_id: str) -> None:
        """Refuse an incoming call."""
        self._over(self._incoming(call_id, "reject"), REJECTED)

    def hang_up(self, call_id: str) -> None:
        """End a call from the far end's side."""
        self._end(self._active(call_id), ENDED_BY_PEER)

    def tone_received(self, call_id: str, tone: Tone) -> ToneInfo | None:
        """Take note that the far end pressed a key; returns what the bot is told, if it is told."""
        record = self._calls.get(call_id)
        if record is None or record.call.state is not CallState.ESTABLISHED:
            return None
        if not record.app_hosted and not record.subscribed:
            return None
        record.told_tones += 1
        info = ToneInfo(sequence_id=record.told_tones, tone=tone)
        if record.subscribed:
            told = Call(id=call_id, state=CallState.ESTABLISHED, tone_info=info)
            self._tell(record, ChangeType.UPDATED, told)
        return info

    def fail_next_operation(self, call_id: str, *, after_ms: float = 0.0) -> None:
        """Have the next ``sendDtmfTones`` end with the reason ``unknown``, so long after its beginning.

        Raises
        ------
        GraphServiceError
            There is no such call any more.
        InvalidSettingError
            A time that is none, or 1000 faults wait already.
        """
        check_range("after_ms", after_ms, 0.0, MAX_SETTING_MS)
        faults = self._active(call_id).faults
        if len(faults) >= MAX_PLANNED_FAULTS:
            raise InvalidSettingError(
                f"{len(faults)} operations of call {call_id} are to fail already; send some before planning more"
            )
        faults.append(after_ms)

    # --- for whoever looks on ----------------------------------------------------------------------------------------

    def all(self) -> list[Call]:
        """Return every call that is remembered, the ended ones first."""
        return [record.call for record in (*self._ended.values(), *self._calls.values())]

    def operations(self, call_id: str) -> list[Operation]:
        """Return the operations of a call, ended or not, that are remembered."""
        record = self._calls.get(call_id) or self._ended.get(call_id)
        return list(record.operations.values()) if record else []

    def is_over(self, call_id: str) -> bool:
        """Tell whether a call is terminated, or never was."""
        return call_id not in self._calls

    # --- within ------------------------------------------------------------------------------------------------------

    def _new_id(self) -> str:
        return str(uuid.UUID(bytes=self._rng.bytes(16), version=4))

    def _record(self, call_id: str) -> _CallRecord:
        record = self._calls.get(call_id)
        if record is None:
            raise GraphServiceError(404, *CALL_NOT_FOUND)
        return record

    def _active(self, call_id: str) -> _CallRecord:
        record = self._record(call_id)
        if record.call.state is CallState.TERMINATING:
            raise GraphServiceError(404, *CALL_NOT_FOUND)
        return record

    def _established(self, call_id: str, action: str) -> _CallRecord:
        record = self._active(call_id)
        if record.call.state is not CallState.ESTABLISHED:
            raise GraphServiceError(
                400,
                "BadRequest",
                f"The call is {record.call.state}: {action} needs one that is established. "
                "Wait for the notification with state established and mediaState audio active.",
            )
        return record

    def _incoming(self, call_id: str, action: str) -> _CallRecord:
        record = self._active(call_id)
        if record.call.state is not CallState.INCOMING:
            raise GraphServiceError(
                400, "BadRequest", f"The call is {record.call.state}: {action} needs one that is incoming."
            )
        return record

    def _check_room(self) -> None:
        if len(self._calls) >= self.settings.max_calls:
            raise _too_many(f"there are {len(self._calls)} calls")

    def _after(self, record: _CallRecord, ms: float, action: Callable[[], None]) -> None:
        record.appointments.append(self._timeline.at(self._timeline.now + _ticks(ms), action))

    def _establish(self, record: _CallRecord) -> None:
        def tell_establishing() -> None:
            self._tell(record, ChangeType.UPDATED, replace(record.call, state=CallState.ESTABLISHING, audio=None))

        def establish() -> None:
            record.call = replace(record.call, state=CallState.ESTABLISHED, audio=MediaState.ACTIVE)
            self._listener.open_media(_known_id(record.call))
            if self.settings.established_first:
                self._after(record, 0.0, tell_establishing)  # unless the call is hung up before
            self._tell(record, ChangeType.UPDATED, record.call)

        if not self.settings.established_first:
            self._after(record, self.settings.establish_ms / 2, tell_establishing)
        self._after(record, self.settings.establish_ms, establish)

    def _follow(self, record: _CallRecord, sending: _Sending) -> None:
        """Put on the timeline what becomes of an operation."""
        operation_id = sending.operation.id

        def run() -> None:
            sending.operation = replace(sending.operation, status=OperationStatus.RUNNING)
            record.operations[operation_id] = sending.operation

        def complete() -> None:
            self._complete(record, operation_id, CompletionReason.COMPLETED_SUCCESSFULLY)

        def fail() -> None:
            self._complete(record, operation_id, CompletionReason.UNKNOWN)

        if sending.operation.status is OperationStatus.NOT_STARTED:
            sending.appointments.append(self._timeline.at(sending.start, run))
        if record.faults:
            failing = min(sending.stop, sending.start + _ticks(record.faults.pop(0)))
            sending.appointments.append(self._timeline.at(failing, fail))
        else:
            sending.appointments.append(self._timeline.at(sending.stop, complete))

    def _complete(self, record: _CallRecord, operation_id: str, reason: CompletionReason) -> None:
        """End an operation: always ``completed``, the reason alone tells how."""
        sending = record.sending.pop(operation_id)
        for appointment in sending.appointments:
            appointment.cancel()
        if reason is not CompletionReason.COMPLETED_SUCCESSFULLY:
            self._listener.cut_tones(_known_id(record.call), operation_id)
        now = self._timeline.now
        if sending.start < now:
            record.quiet_until = now + _ticks(self.settings.operation_gap_ms)
        operation = replace(sending.operation, status=OperationStatus.COMPLETED, completion_reason=reason)
        self._remember(record, operation)
        self._tell(record, ChangeType.DELETED, operation)

    def _cancel_all(self, record: _CallRecord) -> None:
        for operation_id in list(record.sending):
            if operation_id in record.sending:  # else whoever was told of the one before has ended it
                self._complete(record, operation_id, CompletionReason.MEDIA_OPERATION_CANCELED)

    def _end(self, record: _CallRecord, why: ResultInfo) -> None:
        for appointment in record.appointments:
            appointment.cancel()
        was_established = record.call.state is CallState.ESTABLISHED
        record.call = replace(record.call, state=CallState.TERMINATING, audio=None)  # nothing can be sent any more
        self._cancel_all(record)
        if was_established:
            self._listener.close_media(_known_id(record.call))
        self._tell(record, ChangeType.UPDATED, record.call)
        self._after(record, self.settings.terminate_ms, lambda: self._over(record, why))

    def _over(self, record: _CallRecord, why: ResultInfo) -> None:
        call_id = _known_id(record.call)
        record.call = replace(record.call, state=CallState.TERMINATED, result_info=why)
        self._ended[call_id] = self._calls.pop(call_id)
        while len(self._ended) > self.settings.kept_calls:
            self._ended.popitem(last=False)
        self._tell(record, ChangeType.DELETED, record.call)

    def _remember(self, record: _CallRecord, operation: Operation) -> None:
        """Keep an operation as it stands, and forget the oldest of those that are completed."""
        record.operations[operation.id] = operation
        if len(record.operations) - len(record.sending) > self.settings.kept_operations:
            oldest = next(known for known in record.operations if known not in record.sending)
            del record.operations[oldest]
            self._listener.forget_tones(_known_id(record.call), oldest)

    def _tell(self, record: _CallRecord, change: ChangeType, what: Call | Operation) -> None:
        call_id = _known_id(record.call)
        place = f"/communications/calls/{call_id}"
        if not isinstance(what, Call):
            place += f"/operations/{what.id}"
        told = CommsNotification(change_type=change, resource_url=place, resource_data=(what,))
        self._listener.notify(
            Notification(
                call_id=call_id,
                callback_uri=record.call.callback_uri or "",
                ticks=self._timeline.now,
                body=CommsNotifications(value=(told,)),
            )
        )


def _known_id(call: Call) -> str:
    assert call.id is not None  # calls that are made here have one
    return call.id


def _ticks(ms: float) -> int:
    return round(ms * TICKS_PER_MS)


def _too_many(what: str) -> GraphServiceError:
    return GraphServiceError(
        429, "TooManyRequests", f"Too many at once: {what}. Wait until some have ended.", retry_after_s=1
    )
