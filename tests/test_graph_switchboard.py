"""The switchboard: both ends of calls on a clock, and whatever is done to it in whatever order."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from dtmf_audio import Tone, render
from dtmf_audio.errors import GraphServiceError, InvalidRequestError, InvalidSettingError, InvalidSignalError
from dtmf_audio.graph.calls import CallSettings, Notification
from dtmf_audio.graph.faults import NotificationFault
from dtmf_audio.graph.media import KEPT_RECORDINGS, MAX_HEARD, Direction, HeardTone
from dtmf_audio.graph.models import AppHostedMediaConfig, Call, CallState, ServiceHostedMediaConfig
from dtmf_audio.graph.operations import OperationStatus, SendDtmfTonesOperation
from dtmf_audio.graph.requests import AnswerRequest
from dtmf_audio.graph.switchboard import CallHandle, ReceivedTone, Switchboard, as_pcm16k
from dtmf_audio.synthesis import RenderedTone

MS = 16  # samples


def entity(notification: Notification) -> Any:
    (told,) = notification.body.value
    (what,) = told.resource_data
    return what


# --- a call from both ends -----------------------------------------------------------------------------------------


def test_what_the_bot_sends_the_far_end_hears_and_the_other_way_round() -> None:
    board = Switchboard()
    call = board.establish()
    call.send_dtmf_tones("12#", client_context="c")
    call.far_end.press("90*")
    board.advance(3000)
    assert call.far_end.keys == "12#"
    assert call.bot.keys == "90*"
    assert [(tone.sequence_id, tone.tone.key) for tone in call.bot.received] == [(1, "9"), (2, "0"), (3, "*")]
    assert [tone.speaker for tone in call.bot.received] == ["caller"] * 3


def test_tones_are_given_as_names_tones_or_a_dial_string() -> None:
    board = Switchboard()
    call = board.establish()
    for tones in ("1*", ["tone1", "star"], [Tone.TONE1, Tone.STAR], iter(["tone1", Tone.STAR])):
        call.send_dtmf_tones(tones)
    board.advance(10_000)
    assert call.far_end.keys == "1*" * 4


def test_a_pause_in_what_is_sent_is_refused() -> None:
    call = Switchboard().establish()
    with pytest.raises(
        InvalidSettingError, match="sendDtmfTones has no pauses; give delay_between_tones_ms, or several"
    ):
        call.send_dtmf_tones("1w2")


@pytest.mark.parametrize("tones", ["", [], [None], ["tone17"], [3], [Tone.TONE1] * 10_001])
def test_tones_that_are_none_are_refused_and_nothing_is_sent(tones: Any) -> None:
    call = Switchboard().establish()
    with pytest.raises((InvalidRequestError, ValueError)):
        call.send_dtmf_tones(tones)
    assert call.operations == []


def test_service_hosted_calls_are_told_of_tones_only_after_subscribing() -> None:
    board = Switchboard()
    call = board.establish(media="serviceHosted")
    call.far_end.press("1")
    board.advance(1000)
    told = len(call.notifications)
    assert call.bot.keys == "1"
    assert call.bot.received == []
    assert told == 2  # establishing, established
    call.subscribe_to_tone(client_context="c")
    call.far_end.press("23")
    board.advance(1000)
    assert [entity(sent).tone_info.sequence_id for sent in call.notifications[told:]] == [1, 2]
    assert [(tone.sequence_id, tone.tone.key) for tone in call.bot.received] == [(1, "2"), (2, "3")]


def test_app_hosted_calls_get_no_notification_of_tones() -> None:
    board = Switchboard()
    call = board.establish()
    with pytest.raises(GraphServiceError, match="9999"):
        call.subscribe_to_tone()
    told = len(call.notifications)
    call.far_end.press("1")
    board.advance(1000)
    assert len(call.bot.received) == 1
    assert len(call.notifications) == told


def test_listeners_are_told_what_was_heard_and_what_the_bot_is_told_of_it() -> None:
    board = Switchboard()
    told: list[tuple[str, str, int | None]] = []

    def hear(heard: HeardTone, received: ReceivedTone | None) -> None:
        told.append((str(heard.direction), heard.tone.key, received and received.sequence_id))

    board.on_tone.append(hear)
    app, service = board.establish(), board.establish(media="serviceHosted")
    for call in (app, service):
        call.far_end.press("1")
        board.advance(1000)
    app.send_dtmf_tones("2")
    board.advance(1000)
    assert told == [("toBot", "1", 1), ("toBot", "1", None), ("toFarEnd", "2", None)]


def test_a_call_can_be_read_after_it_is_over() -> None:
    board = Switchboard()
    call = board.establish()
    operation = call.send_dtmf_tones("1")
    board.advance(1000)
    call.delete()
    board.advance(1000)
    assert call.state is CallState.TERMINATED
    assert call.far_end.keys == "1"
    assert call.operation(operation.id).status is OperationStatus.COMPLETED
    assert len(call.far_end.recording().samples) == 16_000
    with pytest.raises(GraphServiceError, match="8522"):
        board.call(call.id)
    with pytest.raises(InvalidSettingError, match="has no operation 'x'"):
        call.operation("x")


def test_a_call_that_is_not_established_has_no_audio() -> None:
    call = Switchboard().create()
    assert call.bot.heard == []
    assert call.bot.keys == ""
    for refused in (lambda: call.far_end.press("1"), call.bot.recording, lambda: call.bot.play(np.ones(5, np.int16))):
        with pytest.raises(InvalidSettingError, match="is establishing and has no audio; wait until it is established"):
            refused()


def test_media_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidSettingError, match="media is 'video'; it must be one of appHosted, serviceHosted"):
        Switchboard().create(media="video")


# --- the clock -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ms", [-1.0, math.nan, math.inf, 1e30, True, "1", None])
def test_a_time_that_is_none_is_refused_and_the_clock_stands(ms: Any) -> None:
    board = Switchboard()
    board.advance(5)
    with pytest.raises(InvalidSettingError, match=r"ms is .*; it must be"):
        board.advance(ms)
    assert board.now_ms == 5.0


def test_ten_years_can_pass_and_calls_go_on() -> None:
    board = Switchboard()
    call = board.establish()
    for _ in range(5):
        board.advance(315_576_000_000)
        call.far_end.press("5")
        board.advance(1000)
    assert call.bot.keys == "55555"


def test_a_listener_cannot_move_the_clock() -> None:
    board = Switchboard()
    board.on_notification.append(lambda _: board.advance(10))
    with pytest.raises(InvalidSettingError, match="the clock is being moved already"):
        board.establish()


@pytest.mark.parametrize("seed", [-1, True, 1.5, "1", None])
def test_a_seed_that_is_none_is_refused(seed: Any) -> None:
    with pytest.raises(InvalidSettingError, match=r"seed is .*; it must be a whole number, 0 or more"):
        Switchboard(seed=seed)


# --- notifications -------------------------------------------------------------------------------------------------


def test_every_listener_is_told_in_the_order_of_what_happened() -> None:
    board = Switchboard()
    told: tuple[list[str], list[str]] = ([], [])

    def hang_up(notification: Notification) -> None:
        told[0].append(str(entity(notification).state))
        if entity(notification).state is CallState.ESTABLISHED:
            board.calls.delete(notification.call_id)

    board.on_notification += [hang_up, lambda sent: told[1].append(str(entity(sent).state))]
    call = board.create()
    board.advance(1000)
    assert told[0] == told[1] == ["establishing", "established", "terminating", "terminated"]
    assert [entity(sent).state for sent in call.notifications] == told[0]


def test_a_listener_that_raises_keeps_nobody_from_what_comes_later() -> None:
    board = Switchboard()
    told: list[str] = []

    def fail(_: Notification) -> None:
        board.on_notification.remove(fail)
        raise RuntimeError

    board.on_notification += [fail, lambda sent: told.append(str(entity(sent).state))]
    board.create()
    with pytest.raises(RuntimeError):
        board.advance(1000)
    board.advance(1000)
    assert told == ["established"]


def test_faults_drop_double_and_swap_what_the_bot_is_told() -> None:
    for kind, states in {
        "drop": ["established"],
        "double": ["establishing", "establishing", "established"],
        "swap": ["established", "establishing"],
    }.items():
        board = Switchboard()
        board.faults.plan(NotificationFault(kind=kind))  # type: ignore[arg-type]
        call = board.establish()
        assert [str(entity(sent).state) for sent in call.notifications] == states


# --- what is pressed and played ------------------------------------------------------------------------------------


def test_presses_take_the_settings_of_a_rendering_and_damage() -> None:
    board = Switchboard()
    call = board.establish()
    board.advance(10)
    (tone,) = call.far_end.press("5", on_ms=70.0, lead_ms=10.0, twist_db=0.0, damage=lambda audio: audio / 2)
    assert (tone.start, tone.stop) == (20 * MS, 90 * MS)
    board.advance(1000)
    (heard,) = call.bot.heard
    assert heard.detected.low_level_dbm0 == pytest.approx(-16.0, abs=0.1)
    assert heard.detected.twist_db == pytest.approx(0.0, abs=0.1)


def test_damage_may_return_integers_and_may_be_too_loud() -> None:
    board = Switchboard()
    call = board.establish()
    for damage in (lambda audio: np.round(audio * 8000).astype(np.int16), lambda audio: 3.0 * audio):
        call.far_end.press("5", damage=damage)
        board.advance(500)
    assert call.bot.keys == "55"
    assert call.bot.recording().samples.max() == 32767 / 32768


def test_damage_that_returns_no_audio_is_refused_and_no_truth_is_noted() -> None:
    board = Switchboard()
    call = board.establish()
    with pytest.raises(InvalidSignalError, match="must be finite"):
        call.far_end.press("5", damage=lambda audio: audio * np.nan)
    board.advance(1000)
    assert call.bot.recording().tones == ()


@pytest.mark.parametrize(("name", "value"), [("on_ms", math.nan), ("on_ms", True), ("level_dbm0", 30.0)])
def test_presses_that_cannot_be_rendered_are_refused(name: str, value: Any) -> None:
    call = Switchboard().establish()
    with pytest.raises(InvalidSettingError, match=f"{name} is"):
        call.far_end.press("5", **{name: value})


def test_audio_of_other_rates_and_types_is_played_at_16_khz() -> None:
    board = Switchboard()
    call = board.establish()
    for rate in (8000, 44_100, 48_000):
        call.far_end.play(render("5", rate).samples, rate)
        board.advance(500)
    call.far_end.play(np.round(render("6", 16_000).samples * 2**31).astype(np.int32))
    board.advance(500)
    assert call.bot.keys == "5556"


def test_audio_is_taken_as_it_is_when_it_is_given() -> None:
    board = Switchboard()
    call = board.establish()
    samples = np.ones(320, np.int16)
    call.far_end.play(samples)
    samples[:] = 9
    board.advance(20)
    assert (call.bot.recording().samples * 32768).tolist() == [1] * 320


@pytest.mark.parametrize("rate", [0, -1, 1, True, 16_000.0, math.nan, "16000", None, 10**9])
def test_a_rate_that_is_none_is_refused(rate: Any) -> None:
    with pytest.raises(InvalidSettingError, match="sample rate is"):
        as_pcm16k(np.zeros(5, np.int16), rate)


@pytest.mark.parametrize(
    "samples", [np.zeros((5, 2), np.int16), np.zeros((2, 2, 2)), np.array([math.nan]), np.array(["a"]), [1, 2], 5.0]
)
def test_what_is_no_audio_is_refused(samples: Any) -> None:
    with pytest.raises(InvalidSignalError):
        as_pcm16k(samples, 16_000)


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100])
def test_no_samples_are_no_audio_to_wait_for(rate: int) -> None:
    board = Switchboard()
    call = board.establish()
    start, stop = call.far_end.play(np.zeros(0, np.int16), rate)
    assert start == stop
    call.far_end.play_live(np.zeros(0))
    assert board.timeline.next_due() is None


# --- what is bounded -----------------------------------------------------------------------------------------------


def test_calls_that_end_leave_nothing_behind() -> None:
    board = Switchboard(record_s=0.0, settings=CallSettings(kept_calls=5, kept_operations=3))
    for _ in range(30):
        call = board.establish(media="serviceHosted")
        call.subscribe_to_tone()
        call.far_end.press("1")
        call.send_dtmf_tones("12", delay_between_tones_ms=10**9)
        board.advance(300)
        call.delete()
    board.advance(5000)
    assert len(board.calls._calls) == 0
    assert len(board.calls._ended) == 5
    assert not board._handles
    assert not board.media._media
    assert not board.media._draining
    assert len(board.timeline._due) < 200
    assert board.timeline.next_due() is None


def test_the_tones_of_an_operation_are_remembered_as_long_as_it_is() -> None:
    board = Switchboard(settings=CallSettings(kept_operations=2))
    call = board.establish()
    for keys in "123":
        call.send_dtmf_tones(keys)
    assert [tones[0].key for tones in call.tones.values()] == ["1", "2", "3"]
    board.advance(5000)
    assert [tones[0].key for tones in call.tones.values()] == ["2", "3"]
    assert list(call.tones) == [operation.id for operation in call.operations]


def test_a_recording_that_is_not_kept_any_more_is_said_to_be_forgotten() -> None:
    board = Switchboard(record_s=1.0)
    calls = [board.establish() for _ in range(KEPT_RECORDINGS + 2)]
    for call in calls[1:]:
        call.delete()
        board.advance(200)
    with pytest.raises(
        InvalidSettingError, match=rf"of call {calls[1].id} was forgotten; .* the latest 20 have theirs"
    ):
        calls[1].bot.recording()
    for call in (calls[0], *calls[2:]):
        assert len(call.bot.recording().samples)


def test_the_latest_10_000_tones_are_remembered() -> None:
    board = Switchboard()
    call = board.establish()
    call.far_end.press("1")
    board.advance(500)
    (tone,) = call.bot.received
    for _ in range(MAX_HEARD + 5):
        call.bot.receive(tone)
    assert len(call.bot.received) == MAX_HEARD


def test_equal_seeds_give_equal_ids_notifications_and_audio() -> None:
    def story(seed: int) -> list[Any]:
        board = Switchboard(seed=seed)
        call = board.establish(media="serviceHosted")
        call.subscribe_to_tone()
        call.send_dtmf_tones("1234")
        call.far_end.press("99")
        board.advance(5000)
        call.delete()
        board.advance(500)
        return [list(board.notifications), call.far_end.recording().samples.tobytes()]

    assert story(1) == story(1)
    one, two = story(1), story(2)
    assert one[1] != two[1]  # the delays are drawn
    assert one[0][0].call_id != two[0][0].call_id


# --- whatever is done ----------------------------------------------------------------------------------------------

REFUSALS = (GraphServiceError, InvalidSettingError)
KEYS = st.text("0123456789*#ABCD", min_size=1, max_size=4)


class Bots(RuleBasedStateMachine):
    """Whatever bots and far ends do, whenever they do it."""

    calls = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.board = Switchboard(seed=1, settings=CallSettings(max_calls=5, max_waiting=4), frames_per_feed=2)
        self.board.media._max_recorded = 10**12  # frames: the truth of weeks
        self.board.on_notification.append(self._react)
        self.told: list[Notification] = []
        self.handles: list[CallHandle] = []
        self.operations: dict[str, list[str]] = {}
        self.pressed: dict[str, list[RenderedTone]] = {}
        self.free_at: dict[tuple[str, str], float] = {}
        self.reaction: Callable[[str], object] | None = None

    def _react(self, notification: Notification) -> None:
        self.told.append(notification)
        if self.reaction is not None:
            reaction, self.reaction = self.reaction, None
            self._try(lambda: reaction(notification.call_id))

    def _try(self, action: Callable[[], object]) -> Any:
        try:
            return action()
        except REFUSALS:
            return None

    def _keep(self, handle: CallHandle | None) -> Any:
        if handle is None:
            return multiple()
        self.handles.append(handle)
        self.operations[handle.id] = []
        self.pressed[handle.id] = []
        return handle

    @rule(target=calls, media=st.sampled_from(["appHosted", "serviceHosted"]), established=st.booleans())
    def create(self, media: str, established: bool) -> Any:
        make = self.board.establish if established else self.board.create
        return self._keep(self._try(lambda: make(media=media)))

    @rule(target=calls)
    def ring(self) -> Any:
        return self._keep(
            self._try(lambda: self.board.call(self.board.calls.ring(callback_uri="http://127.0.0.1:9/in").id or ""))
        )

    @rule(call=calls, app=st.booleans())
    def answer(self, call: CallHandle, app: bool) -> None:
        config = AppHostedMediaConfig() if app else ServiceHostedMediaConfig()
        request = AnswerRequest(callback_uri="http://127.0.0.1:9/answered", media_config=config)
        self._try(lambda: self.board.calls.answer(call.id, request))

    @rule(call=calls)
    def reject(self, call: CallHandle) -> None:
        self._try(lambda: self.board.calls.reject(call.id))

    def _send(self, call: CallHandle, keys: str, delay_ms: int | None) -> None:
        operation = call.send_dtmf_tones(keys, delay_between_tones_ms=delay_ms, client_context="c")
        assert operation.id is not None
        self.operations[call.id].append(operation.id)

    @rule(call=calls, keys=KEYS, delay_ms=st.sampled_from([None, 0, 40, 100, 777, 2**31 - 1]))
    def send(self, call: CallHandle, keys: str, delay_ms: int | None) -> None:
        self._try(lambda: self._send(call, keys, delay_ms))

    @rule(call=calls, keys=KEYS, what=st.sampled_from(["send", "cancel", "delete", "press", "play", "create"]))
    def react_to_the_next_notification(self, call: CallHandle, keys: str, what: str) -> None:
        reactions: dict[str, Callable[[str], object]] = {
            "send": lambda _: self._send(call, keys, 50),
            "cancel": lambda _: call.cancel_media_processing(),
            "delete": self.board.calls.delete,
            "press": lambda _: self._press(call, keys, "caller"),
            "play": lambda _: call.bot.play(np.ones(700, np.int16), speaker="music"),
            "create": lambda _: self._keep(self.board.create()),
        }
        self.reaction = reactions[what]

    def _press(self, call: CallHandle, keys: str, speaker: str) -> None:
        if self.free_at.get((call.id, speaker), 0.0) <= self.board.now_ms:
            self.pressed[call.id] += call.far_end.press(keys, speaker=speaker)
            self.free_at[call.id, speaker] = self.board.now_ms + 200.0 * len(keys)

    @rule(call=calls, keys=KEYS, speaker=st.sampled_from(["caller", "ann", "bob"]))
    def press(self, call: CallHandle, keys: str, speaker: str) -> None:
        self._try(lambda: self._press(call, keys, speaker))

    @rule(call=calls)
    def cancel(self, call: CallHandle) -> None:
        self._try(call.cancel_media_processing)

    @rule(call=calls)
    def subscribe(self, call: CallHandle) -> None:
        self._try(call.subscribe_to_tone)

    @rule(call=calls)
    def hang_up(self, call: CallHandle) -> None:
        self._try(call.far_end.hang_up)

    @rule(call=calls)
    def delete(self, call: CallHandle) -> None:
        self._try(call.delete)

    @rule(call=calls, after_ms=st.sampled_from([0.0, 30.0, 1e6]))
    def fault(self, call: CallHandle, after_ms: float) -> None:
        self._try(lambda: self.board.calls.fail_next_operation(call.id, after_ms=after_ms))

    @rule(ms=st.sampled_from([0.0, 0.05, 1.0, 20.0, 99.95, 100.0, 333.3, 2000.0]) | st.floats(0.0, 500.0))
    def advance(self, ms: float) -> None:
        self.board.advance(ms)

    @rule()
    def wait_for_weeks(self) -> None:
        self.board.advance(2**32)

    @invariant()
    def notifications_are_in_order_of_time(self) -> None:
        ticks = [notification.ticks for notification in self.told]
        assert ticks == sorted(ticks)

    @invariant()
    def all_that_is_kept_is_bounded(self) -> None:
        assert len(self.board.calls._calls) <= 5
        assert set(self.board._handles) >= set(self.board.media._media)

    def teardown(self) -> None:
        self.reaction = None
        self.board.on_notification.append(lambda _: None)
        self.board.advance(2**34)  # longer than three tones and their longest delays
        for call in self.handles:
            self._try(call.delete)
        self.board.advance(3000)
        for call in self.handles:
            told = [entity(sent) for sent in self.told if sent.call_id == call.id]
            self._check_end(told)
            self._check_operations(call, told)
            self._check_tones(call)
        assert not self.board.media._busy
        assert not self.board.media._draining
        assert not self.board._handles
        assert self.board.timeline.next_due() is None

    def _check_end(self, told: list[Any]) -> None:
        states = [what.state for what in told if isinstance(what, Call)]
        assert states.count(CallState.TERMINATED) == 1
        assert isinstance(told[-1], Call)
        assert told[-1].state is CallState.TERMINATED
        if CallState.TERMINATING in states:
            assert states[-2] is CallState.TERMINATING
        live = [state for state in states if state not in (CallState.TERMINATING, CallState.TERMINATED)]
        order = [CallState.INCOMING, CallState.ESTABLISHING, CallState.ESTABLISHED]
        assert live == sorted(live, key=order.index)

    def _check_operations(self, call: CallHandle, told: list[Any]) -> None:
        ended = [what.id for what in told if isinstance(what, SendDtmfTonesOperation)]
        assert sorted(ended) == sorted(self.operations[call.id])
        sent = [what for what in call.operations if isinstance(what, SendDtmfTonesOperation)]
        assert all(what.status is OperationStatus.COMPLETED and what.completion_reason for what in sent)
        sequence = [what.tone_info.sequence_id for what in told if isinstance(what, Call) and what.tone_info]
        if sequence:
            assert sequence == list(range(1, len(sequence) + 1))
        assert [tone.sequence_id for tone in call.bot.received] == list(range(1, len(call.bot.received) + 1))

    def _check_tones(self, call: CallHandle) -> None:
        if call.media is None:
            return
        assert call.media.stop is not None
        length = call.media.stop - call.media.start
        sent = [*call.media.paths[Direction.TO_FAR_END].truth]
        pressed = [
            RenderedTone(tone=tone.tone, start=tone.start, stop=min(tone.stop, length))
            for tone in self.pressed[call.id]
            if tone.start < length
        ]
        for truth, heard in ((sent, call.far_end.heard), (pressed, call.bot.heard)):
            left = list(heard)
            for tone in truth:
                hits = [
                    one
                    for one in left
                    if one.tone is tone.tone
                    and one.detected.start < tone.stop
                    and one.detected.stop > tone.start
                    and abs(one.detected.start - tone.start) <= MS
                ]
                duration_ms = (tone.stop - tone.start) / MS
                assert len(hits) <= (duration_ms >= 20.0) + (len(truth) > 1 and self._others(tone, truth))
                if duration_ms >= 60.0:
                    assert hits
                if hits:
                    left.remove(hits[0])
            assert not left

    def _others(self, tone: RenderedTone, truth: list[RenderedTone]) -> int:
        """How many equal tones began with it, by other speakers."""
        return sum(
            other is not tone and other.tone is tone.tone and abs(other.start - tone.start) <= MS for other in truth
        )


TestBots = Bots.TestCase
TestBots.settings = settings(max_examples=60, stateful_step_count=30, deadline=None, derandomize=True)
