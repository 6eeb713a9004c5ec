"""Calls and operations: what is answered, what is notified when, and what happens to the tones."""

# ruff: noqa: ARG002 - the world has the methods of a Listener, and needs few of their arguments

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dtmf_audio import Tone
from dtmf_audio.errors import GraphServiceError, InvalidSettingError
from dtmf_audio.graph.calls import Calls, CallSettings, Notification
from dtmf_audio.graph.models import (
    AppHostedMediaConfig,
    Call,
    CallDirection,
    CallState,
    MediaState,
    ServiceHostedMediaConfig,
)
from dtmf_audio.graph.operations import CompletionReason, OperationStatus, SendDtmfTonesOperation
from dtmf_audio.graph.rendering import TonePlan
from dtmf_audio.graph.requests import (
    AnswerRequest,
    CancelMediaProcessingRequest,
    CreateCallRequest,
    SendDtmfTonesRequest,
    SubscribeToToneRequest,
)
from dtmf_audio.graph.timeline import TICKS_PER_MS, TICKS_PER_SAMPLE, Timeline

MS = TICKS_PER_MS
CONTEXT = "e0be71f1"


class World:
    """Calls on a timeline, and what they told."""

    def __init__(self, seed: int = 0, **settings: Any) -> None:
        self.timeline = Timeline()
        self.told: list[tuple[float, Notification]] = []
        self.media: list[tuple[Any, ...]] = []
        self.on_notification: Callable[[Notification], None] = lambda _: None
        rng = np.random.default_rng(seed)
        self.calls = Calls(self.timeline, self, rng=rng, settings=CallSettings(**settings))

    def notify(self, notification: Notification) -> None:
        self.told.append((self.timeline.now / MS, notification))
        self.on_notification(notification)

    def open_media(self, call_id: str) -> None:
        self.media.append(("open", self.timeline.now / MS))

    def close_media(self, call_id: str) -> None:
        self.media.append(("close", self.timeline.now / MS))

    def play_tones(self, call_id: str, operation_id: str, plan: TonePlan, start: int) -> None:
        self.media.append(("play", operation_id, start / MS))

    def cut_tones(self, call_id: str, operation_id: str) -> None:
        self.media.append(("cut", operation_id, self.timeline.now / MS))

    def forget_tones(self, call_id: str, operation_id: str) -> None:
        self.media.append(("forget", operation_id))

    def advance(self, ms: float) -> None:
        self.timeline.advance_to(self.timeline.now + round(ms * MS))

    def create(self, *, media: str = "service") -> str:
        config = AppHostedMediaConfig() if media == "app" else ServiceHostedMediaConfig()
        request = CreateCallRequest(
            callback_uri="https://bot.example/api", media_config=config, requested_modalities=("audio",)
        )
        call_id = self.calls.create(request).id
        assert call_id is not None
        return call_id

    def established(self, *, media: str = "service") -> str:
        call_id = self.create(media=media)
        self.advance(self.calls.settings.establish_ms)
        self.told.clear()
        return call_id

    def send(self, call_id: str, n_tones: int = 1, *, delay_ms: int = 50) -> SendDtmfTonesOperation:
        request = SendDtmfTonesRequest(
            tones=(Tone.TONE1,) * n_tones, delay_between_tones_ms=delay_ms, client_context=CONTEXT
        )
        return self.calls.send_dtmf_tones(call_id, request)

    def cancel(self, call_id: str) -> None:
        self.calls.cancel_media_processing(call_id, CancelMediaProcessingRequest())

    def subscribe(self, call_id: str) -> None:
        self.calls.subscribe_to_tone(call_id, SubscribeToToneRequest())

    @property
    def news(self) -> list[tuple[float, str, str]]:
        """When, how and what was notified: the state of a call, or the reason of an operation's end."""
        found = []
        for ms, notification in self.told:
            (told,) = notification.body.value
            (what,) = told.resource_data
            state = what.state if isinstance(what, Call) else what.completion_reason  # type: ignore[union-attr]
            assert told.change_type is not None
            found.append((ms, str(told.change_type), str(state)))
        return found

    def status(self, call_id: str, operation: SendDtmfTonesOperation) -> tuple[str, str | None]:
        assert operation.id is not None
        found = self.calls.operation(call_id, operation.id)
        assert isinstance(found, SendDtmfTonesOperation)
        return str(found.status), found.completion_reason and str(found.completion_reason)


def refused(*arguments: Any) -> GraphServiceError:
    action, *rest = arguments
    with pytest.raises(GraphServiceError) as error:
        action(*rest)
    return error.value


# --- calls ---------------------------------------------------------------------------------------------------------


def test_a_new_call_is_establishing_and_keeps_what_it_was_given() -> None:
    world = World()
    request = CreateCallRequest(
        callback_uri="https://bot.example/api",
        media_config=AppHostedMediaConfig(blob="b"),
        requested_modalities=("audio",),
        tenant_id="t",
        subject="s",
        extra={"chatInfo": {"threadId": "1"}, "id": "mine", "state": "established"},
    )
    call = world.calls.create(request)
    assert (call.state, call.direction) == (CallState.ESTABLISHING, CallDirection.OUTGOING)
    assert (call.callback_uri, call.tenant_id, call.subject) == ("https://bot.example/api", "t", "s")
    assert call.extra == {"chatInfo": {"threadId": "1"}}
    assert call.id not in (None, "mine")
    assert world.calls.get(call.id or "") == call


def test_a_call_is_notified_establishing_and_then_established_with_active_audio() -> None:
    world = World()
    call_id = world.create()
    world.advance(1000)
    assert world.news == [(100.0, "updated", "establishing"), (200.0, "updated", "established")]
    assert world.calls.get(call_id).audio is MediaState.ACTIVE
    assert world.media == [("open", 200.0)]


def test_established_may_be_notified_before_establishing() -> None:
    world = World(established_first=True)
    world.create()
    world.advance(1000)
    assert world.news == [(200.0, "updated", "established"), (200.0, "updated", "establishing")]


def test_a_call_ends_terminating_and_then_terminated_with_the_reason() -> None:
    for end, subcode in (("delete", 5001), ("hang_up", 4097)):
        world = World()
        call_id = world.established()
        getattr(world.calls, end)(call_id)
        world.advance(1000)
        assert world.news == [(200.0, "updated", "terminating"), (300.0, "deleted", "terminated")]
        (told,) = world.told[-1][1].body.value
        (call,) = told.resource_data
        assert isinstance(call, Call)
        assert call.result_info is not None
        assert (call.result_info.code, call.result_info.subcode) == (200, subcode)
        assert world.media == [("open", 200.0), ("close", 200.0)]


def test_a_call_that_is_hung_up_while_establishing_is_never_established() -> None:
    world = World()
    call_id = world.create()
    world.calls.delete(call_id)
    world.advance(1000)
    assert world.news == [(0.0, "updated", "terminating"), (100.0, "deleted", "terminated")]
    assert world.media == []


def test_an_incoming_call_is_notified_and_answered() -> None:
    world = World()
    call_id = world.calls.ring(callback_uri="https://bot.example/in", source={"a": 1}).id or ""
    answer = AnswerRequest(callback_uri="https://bot.example/answered", media_config=AppHostedMediaConfig())
    world.advance(500)
    world.calls.answer(call_id, answer)
    world.advance(500)
    assert world.news == [
        (0.0, "created", "incoming"),
        (600.0, "updated", "establishing"),
        (700.0, "updated", "established"),
    ]
    assert [told.callback_uri.rsplit("/")[-1] for _, told in world.told] == ["in", "answered", "answered"]
    assert world.calls.get(call_id).direction is CallDirection.INCOMING


def test_an_incoming_call_that_is_rejected_is_terminated_at_once() -> None:
    world = World()
    call_id = world.calls.ring(callback_uri="https://bot.example/in").id or ""
    world.calls.reject(call_id)
    assert world.news == [(0.0, "created", "incoming"), (0.0, "deleted", "terminated")]
    assert world.calls.is_over(call_id)


def test_only_an_incoming_call_can_be_answered_or_rejected() -> None:
    world = World()
    call_id = world.established()
    answer = AnswerRequest(callback_uri="https://bot.example", media_config=AppHostedMediaConfig())
    assert refused(world.calls.answer, call_id, answer).status == 400
    error = refused(world.calls.reject, call_id)
    assert (error.status, error.message) == (400, "The call is established: reject needs one that is incoming.")


def test_every_resource_url_names_the_call_and_the_operation() -> None:
    world = World()
    call_id = world.established()
    operation = world.send(call_id)
    world.advance(1000)
    (told,) = world.told[0][1].body.value
    assert told.resource_url == f"/communications/calls/{call_id}/operations/{operation.id}"


# --- calls that are not there --------------------------------------------------------------------------------------

ACTIONS = {
    "delete": lambda world, call_id: world.calls.delete(call_id),
    "keepAlive": lambda world, call_id: world.calls.keep_alive(call_id),
    "sendDtmfTones": lambda world, call_id: world.send(call_id),
    "subscribeToTone": lambda world, call_id: world.subscribe(call_id),
    "cancelMediaProcessing": lambda world, call_id: world.cancel(call_id),
    "reject": lambda world, call_id: world.calls.reject(call_id),
    "hang up": lambda world, call_id: world.calls.hang_up(call_id),
}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("what", ["unknown", "terminating", "terminated"])
def test_a_call_that_is_not_there_is_not_found(action: str, what: str) -> None:
    world = World()
    call_id = "no such call" if what == "unknown" else world.established()
    if what != "unknown":
        world.calls.delete(call_id)
        world.advance(500 if what == "terminated" else 50)
    told = len(world.told)
    error = refused(ACTIONS[action], world, call_id)
    assert (error.status, error.code, error.message) == (404, "8522", "Call not found.")
    assert len(world.told) == told


def test_a_call_can_be_read_while_it_terminates_and_not_after() -> None:
    world = World()
    call_id = world.established()
    operation = world.send(call_id)
    world.calls.delete(call_id)
    assert world.calls.get(call_id).state is CallState.TERMINATING
    assert world.status(call_id, operation) == ("completed", "mediaOperationCanceled")
    world.advance(100)
    assert refused(world.calls.get, call_id).code == "8522"
    assert refused(world.calls.operation, call_id, operation.id).code == "8522"


def test_an_unknown_operation_is_not_found_by_its_id() -> None:
    world = World()
    error = refused(world.calls.operation, world.established(), "nope")
    assert (error.status, error.code) == (404, "NotFound")
    assert "Operation 'nope' not found" in error.message
    assert "Location header" in error.message


@pytest.mark.parametrize("action", ["sendDtmfTones", "subscribeToTone", "cancelMediaProcessing"])
def test_media_actions_before_the_call_is_established_are_refused(action: str) -> None:
    world = World()
    error = refused(ACTIONS[action], world, world.create())
    assert (error.status, error.code) == (400, "BadRequest")
    assert error.message.startswith(f"The call is establishing: {action} needs one that is established. Wait for")


# --- operations ----------------------------------------------------------------------------------------------------


def test_an_operation_runs_at_once_and_brings_the_context_back() -> None:
    world = World()
    operation = world.send(world.established())
    assert (operation.status, operation.client_context) == (OperationStatus.RUNNING, CONTEXT)
    assert operation.completion_reason is None


def test_an_operation_completes_at_exactly_the_time_that_its_tones_take() -> None:
    world = World()
    call_id = world.established()
    operation = world.send(call_id, 3, delay_ms=70)
    world.timeline.advance_to((200 + 3 * 100 + 2 * 70) * MS - 1)
    assert world.status(call_id, operation) == ("running", None)
    assert world.news == []
    world.timeline.advance_to((200 + 3 * 100 + 2 * 70) * MS)
    assert world.status(call_id, operation) == ("completed", "completedSuccessfully")
    assert world.news == [(640.0, "deleted", "completedSuccessfully")]
    (told,) = world.told[0][1].body.value
    (ended,) = told.resource_data
    assert isinstance(ended, SendDtmfTonesOperation)
    assert (ended.id, ended.client_context, ended.status) == (operation.id, CONTEXT, OperationStatus.COMPLETED)


def test_tones_begin_with_the_next_sample() -> None:
    world = World()
    call_id = world.established()
    world.timeline.advance_to(200 * MS + 1)
    operation = world.send(call_id)
    assert operation.status is OperationStatus.RUNNING
    assert world.media[-1] == ("play", operation.id, (200 * MS + TICKS_PER_SAMPLE) / MS)


def test_an_operation_behind_another_is_not_started_until_its_tones_are_due() -> None:
    world = World()
    call_id = world.established()
    world.send(call_id)
    second = world.send(call_id, 2)
    assert second.status is OperationStatus.NOT_STARTED
    world.advance(199)
    assert world.status(call_id, second) == ("notStarted", None)
    world.advance(1)  # 100 ms of tone, 100 ms of silence
    assert world.status(call_id, second) == ("running", None)
    world.advance(250)
    assert world.news == [(300.0, "deleted", "completedSuccessfully"), (650.0, "deleted", "completedSuccessfully")]


def test_tones_sent_at_a_completion_keep_their_distance_from_those_before() -> None:
    for ms_later, starts_ms in ((0, 400), (60, 400), (100, 400), (130, 430)):
        world = World()
        call_id = world.established()
        world.send(call_id)
        world.advance(100 + ms_later)
        operation = world.send(call_id)
        assert operation.status is OperationStatus.RUNNING
        assert world.media[-1] == ("play", operation.id, starts_ms)


def test_tones_sent_after_a_cancel_keep_their_distance_from_those_that_were_cut() -> None:
    world = World()
    call_id = world.established()
    world.send(call_id)
    world.advance(50)
    world.cancel(call_id)
    operation = world.send(call_id)
    assert world.media[-1] == ("play", operation.id, 350)


def test_tones_that_were_cancelled_before_they_sounded_keep_nobody_waiting() -> None:
    world = World()
    call_id = world.established()
    world.send(call_id)
    world.cancel(call_id)
    operation = world.send(call_id)
    assert world.media[-1] == ("play", operation.id, 200)


def test_cancelling_ends_what_runs_and_what_waits_and_nothing_else() -> None:
    world = World()
    call_id, other = world.established(), world.established()
    operations = [world.send(call_id) for _ in range(3)]
    spared = world.send(other)
    world.advance(30)
    cancelled = world.calls.cancel_media_processing(call_id, CancelMediaProcessingRequest(client_context="c"))
    assert (cancelled.status, cancelled.client_context) == (OperationStatus.COMPLETED, "c")
    assert world.news == [(430.0, "deleted", "mediaOperationCanceled")] * 3
    assert [world.status(call_id, operation)[1] for operation in operations] == ["mediaOperationCanceled"] * 3
    assert [cut for cut in world.media if cut[0] == "cut"] == [("cut", op.id, 430.0) for op in operations]
    world.advance(1000)
    assert world.status(other, spared)[1] == "completedSuccessfully"
    assert len(world.told) == 4


def test_a_subscription_outlives_a_cancel() -> None:
    world = World()
    call_id = world.established()
    world.subscribe(call_id)
    world.cancel(call_id)
    assert world.calls.tone_received(call_id, Tone.TONE1) is not None


@pytest.mark.parametrize("end", ["delete", "hang_up"])
def test_the_end_of_a_call_cancels_its_operations_before_it_is_told(end: str) -> None:
    world = World()
    call_id = world.established()
    world.send(call_id)
    world.send(call_id)
    getattr(world.calls, end)(call_id)
    world.advance(1000)
    assert [news[2] for news in world.news] == [
        "mediaOperationCanceled",
        "mediaOperationCanceled",
        "terminating",
        "terminated",
    ]


def test_an_injected_fault_ends_the_next_operation_as_unknown_after_its_time() -> None:
    world = World()
    call_id = world.established()
    world.calls.fail_next_operation(call_id, after_ms=30.0)
    world.calls.fail_next_operation(call_id, after_ms=5000.0)
    operations = [world.send(call_id) for _ in range(3)]
    world.advance(1000)
    assert world.news == [
        (230.0, "deleted", "unknown"),
        (500.0, "deleted", "unknown"),  # at the end of its tones at the latest
        (700.0, "deleted", "completedSuccessfully"),
    ]
    assert ("cut", operations[0].id, 230.0) in world.media


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0, True, "1"])
def test_a_fault_after_a_time_that_is_none_is_refused(value: Any) -> None:
    world = World()
    call_id = world.established()
    with pytest.raises(InvalidSettingError, match=r"after_ms is .*; it must be"):
        world.calls.fail_next_operation(call_id, after_ms=value)
    assert world.send(call_id)


def test_no_more_than_1000_operations_can_be_planned_to_fail() -> None:
    world = World()
    call_id = world.established()
    for _ in range(1000):
        world.calls.fail_next_operation(call_id)
    with pytest.raises(InvalidSettingError, match=r"1000 operations .* are to fail already; send some before"):
        world.calls.fail_next_operation(call_id)


def test_an_operation_of_weeks_is_one_appointment() -> None:
    world = World()
    call_id = world.established()
    operation = world.send(call_id, 2, delay_ms=2**31 - 1)
    world.advance(2**31 - 1)
    assert world.status(call_id, operation)[0] == "running"
    world.advance(200)
    assert world.status(call_id, operation)[0] == "completed"


# --- tones from the far end ----------------------------------------------------------------------------------------


def test_tones_are_told_after_subscribing_and_count_from_1() -> None:
    world = World()
    call_id = world.established()
    assert world.calls.tone_received(call_id, Tone.TONE9) is None
    assert world.told == []
    operation = world.calls.subscribe_to_tone(call_id, SubscribeToToneRequest(client_context="c"))
    assert (operation.status, operation.client_context) == (OperationStatus.COMPLETED, "c")
    for tone in (Tone.TONE1, Tone.POUND):
        world.calls.tone_received(call_id, tone)
    infos = [call.tone_info for _, told in world.told for call in told.body.value[0].resource_data]  # type: ignore[union-attr]
    assert [(info.sequence_id, info.tone) for info in infos if info] == [(1, Tone.TONE1), (2, Tone.POUND)]
    assert [news[1:] for news in world.news] == [("updated", "established")] * 2


def test_the_bot_with_the_audio_hears_tones_itself_and_cannot_subscribe() -> None:
    world = World()
    call_id = world.established(media="app")
    error = refused(world.subscribe, call_id)
    assert (error.status, error.code) == (500, "9999")
    assert error.message.startswith(
        "Encountered Exception during ToneSubscription. The call has appHostedMediaConfig, "
    )
    infos = [world.calls.tone_received(call_id, Tone.TONE1) for _ in range(2)]
    assert [info.sequence_id for info in infos if info] == [1, 2]
    assert world.told == []


def test_a_tone_that_is_heard_after_the_end_is_not_told() -> None:
    world = World()
    call_id = world.established()
    world.subscribe(call_id)
    world.calls.hang_up(call_id)
    assert world.calls.tone_received(call_id, Tone.TONE1) is None
    assert world.calls.tone_received("no such call", Tone.TONE1) is None
    assert "established" not in [news[2] for news in world.news]


# --- limits --------------------------------------------------------------------------------------------------------


def test_too_many_calls_are_refused_until_some_end() -> None:
    world = World(max_calls=2)
    first = world.create()
    world.calls.ring(callback_uri="https://bot.example")
    for make in (world.create, lambda: world.calls.ring(callback_uri="https://bot.example")):
        error = refused(make)
        assert (error.status, error.code, error.retry_after_s) == (429, "TooManyRequests", 1)
        assert "there are 2 calls" in error.message
    world.calls.delete(first)
    world.advance(100)
    assert world.create()


def test_too_many_operations_and_tones_are_refused_until_some_complete() -> None:
    world = World(max_waiting=2, max_waiting_tones=5)
    call_id = world.established()
    world.send(call_id, 2)
    error = refused(world.send, call_id, 4)
    assert (error.status, error.retry_after_s) == (429, 1)
    assert "2 tones of this call wait and 4 more were given" in error.message
    world.send(call_id, 3)
    assert "2 operations of this call are not completed" in refused(world.send, call_id).message
    assert len(world.media) == 3  # nothing was played of what was refused
    world.advance(250)
    assert world.send(call_id)


def test_so_many_completed_operations_are_remembered() -> None:
    world = World(kept_operations=3)
    call_id = world.established()
    waiting = []
    for _ in range(10):
        waiting = [world.send(call_id) for _ in range(5)]
        world.advance(2000)
        world.subscribe(call_id)
        assert len(world.calls.operations(call_id)) == 3
    world.send(call_id)
    assert len(world.calls.operations(call_id)) == 4
    assert world.status(call_id, waiting[-1])[0] == "completed"
    assert refused(world.calls.operation, call_id, waiting[0].id).status == 404


def test_an_operation_that_waits_is_never_forgotten() -> None:
    world = World(kept_operations=1)
    call_id = world.established()
    operation = world.send(call_id, 10)
    for _ in range(10):
        world.subscribe(call_id)
    assert world.status(call_id, operation) == ("running", None)


def test_so_many_ended_calls_are_remembered() -> None:
    world = World(kept_calls=2)
    ids = [world.established() for _ in range(4)]
    for call_id in ids:
        world.calls.delete(call_id)
    world.advance(1000)
    assert [call.id for call in world.calls.all()] == ids[2:]
    assert world.calls.operations(ids[0]) == []


# --- whoever is told may act ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["delete", "hang_up"])
@pytest.mark.parametrize("at", ["establishing", "established", "mediaOperationCanceled", "terminating", "terminated"])
@pytest.mark.parametrize("established_first", [False, True])
def test_a_bot_that_hangs_up_when_it_is_told_of_anything_ends_the_call_once(
    end: str, at: str, established_first: bool
) -> None:
    world = World(established_first=established_first)

    def act(notification: Notification) -> None:
        if world.news[-1][2] == at:
            with contextlib.suppress(GraphServiceError):  # it is over already
                getattr(world.calls, end)(notification.call_id)

    world.on_notification = act
    call_id = world.create()
    world.advance(300)
    if not world.calls.is_over(call_id) and world.calls.get(call_id).state is CallState.ESTABLISHED:
        world.send(call_id)
        world.send(call_id)
        world.cancel(call_id)
    if not world.calls.is_over(call_id) and world.calls.get(call_id).state is CallState.ESTABLISHED:
        world.calls.delete(call_id)
    world.advance(1000)
    states = [news[2] for news in world.news]
    assert states[-2:] == ["terminating", "terminated"]
    assert (states.count("terminating"), states.count("terminated")) == (1, 1)
    assert states.count("mediaOperationCanceled") in (0, 2)
    assert [event[0] for event in world.media].count("close") == [event[0] for event in world.media].count("open")


def test_a_bot_that_sends_again_when_it_is_cancelled_by_the_end_is_refused() -> None:
    world = World()
    call_id = world.established()
    world.send(call_id)
    codes = []

    def act(_: Notification) -> None:
        codes.append(refused(world.send, call_id).code)

    world.on_notification = act
    world.calls.delete(call_id)
    assert codes == ["8522", "8522"]


def test_a_bot_that_sends_again_at_each_end_keeps_going() -> None:
    world = World()
    call_id = world.established()

    def act(notification: Notification) -> None:
        if world.news[-1][2] == "completedSuccessfully":
            world.send(call_id)

    world.on_notification = act
    world.send(call_id)
    world.advance(1000)
    assert [news[0] for news in world.news] == [300, 500, 700, 900, 1100]


# --- settings and seeds --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["establish_ms", "terminate_ms", "on_ms", "least_delay_ms", "flash_ms", "operation_gap_ms"]
)
@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0, True, "1", None])
def test_times_that_are_none_are_refused(name: str, value: Any) -> None:
    with pytest.raises(InvalidSettingError, match=rf"{name} is .*; it must be"):
        CallSettings(**{name: value})


@pytest.mark.parametrize("name", ["max_calls", "max_waiting", "max_waiting_tones", "kept_operations", "kept_calls"])
@pytest.mark.parametrize("value", [0, -1, True, 1.0, "1", None])
def test_limits_that_are_none_are_refused(name: str, value: Any) -> None:
    with pytest.raises(InvalidSettingError, match=rf"{name} is .*; it must be a whole number, 1 or more"):
        CallSettings(**{name: value})


def test_no_time_may_be_nothing() -> None:
    world = World(establish_ms=0, terminate_ms=0, operation_gap_ms=0, least_delay_ms=0, flash_ms=0)
    call_id = world.established()
    world.send(call_id, 2, delay_ms=0)
    world.send(call_id)
    world.advance(300)
    world.calls.delete(call_id)
    world.advance(0)
    assert [news[2] for news in world.news] == ["completedSuccessfully"] * 2 + ["terminating", "terminated"]


def test_equal_seeds_give_equal_ids_and_notifications() -> None:
    def story(seed: int) -> list[tuple[float, Notification]]:
        world = World(seed)
        call_id = world.create()
        world.advance(500)
        world.calls.send_dtmf_tones(call_id, SendDtmfTonesRequest(tones=(Tone.TONE1,) * 5))
        world.advance(5000)
        world.calls.delete(call_id)
        world.advance(500)
        return world.told

    assert story(1) == story(1)
    assert [ms for ms, _ in story(1)] != [ms for ms, _ in story(2)]
    assert story(1)[0][1].call_id != story(2)[0][1].call_id


def test_completion_reasons_are_graphs() -> None:
    assert {str(reason) for reason in CompletionReason} == {
        "unknown",
        "completedSuccessfully",
        "mediaOperationCanceled",
    }
