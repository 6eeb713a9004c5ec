"""The audio of calls: frames, who said what where, line conditions, recordings, and what costs nothing."""

from __future__ import annotations

import gc
import math
import time
import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dtmf_audio import Tone, decode
from dtmf_audio.errors import InvalidSettingError, InvalidSignalError
from dtmf_audio.graph.calls import CallSettings
from dtmf_audio.graph.media import (
    ENVELOPE_FRAMES,
    Direction,
    Envelope,
    HeardTone,
    LineConditions,
    Shelf,
    Tap,
)
from dtmf_audio.graph.switchboard import CallHandle, Switchboard
from dtmf_audio.signals import to_pcm16
from dtmf_audio.synthesis import AudioFrame, RenderedTone, render
from dtmf_audio.tones import KEY_TONES

MS = 16  # samples
NOISY = LineConditions(noise_dbm0=-45.0)


def places(heard: list[HeardTone], speaker: str | None = None) -> list[tuple[Tone, int, int]]:
    found = [tone.detected for tone in heard if speaker in (None, tone.speaker)]
    return sorted(((tone.tone, tone.start, tone.stop) for tone in found), key=lambda tone: tone[1])


def assert_heard(truth: list[RenderedTone], heard: list[HeardTone], speaker: str | None = None) -> None:
    """Every tone once, none besides, each edge within 1 ms."""
    found = places(heard, speaker)
    truth = sorted(truth, key=lambda tone: tone.start)
    assert [tone for tone, _, _ in found] == [tone.tone for tone in truth]
    for (_, start, stop), tone in zip(found, truth, strict=True):
        assert abs(start - tone.start) <= MS
        assert abs(stop - tone.stop) <= MS


def two_calls(**arguments: Any) -> tuple[Switchboard, CallHandle, CallHandle]:
    board = Switchboard(**arguments)
    return board, board.establish(), board.establish()


# --- who said what where -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("frames_per_feed", [1, 3])
def test_every_key_is_heard_once_at_its_place_both_ways(frames_per_feed: int) -> None:
    board = Switchboard(frames_per_feed=frames_per_feed)
    call = board.establish()
    board.advance(7.3)
    keys = "".join(tone.key for tone in KEY_TONES)
    truth = call.far_end.press(keys, on_ms=50.0, delay_ms=50.0)
    call.send_dtmf_tones(keys, delay_between_tones_ms=45)
    board.advance(5000)
    assert_heard(list(truth), call.bot.heard)
    assert_heard(list(call.far_end.recording().tones), call.far_end.heard)
    assert call.bot.keys == call.far_end.keys == keys


@pytest.mark.parametrize("frames_per_feed", [1, 3])
@settings(max_examples=12)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["caller", "ann", "bob", "eve"]),
            st.text("0123456789*#ABCD", min_size=1, max_size=5),
            st.floats(0.0, 400.0),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_every_key_of_four_speakers_at_once_is_heard_once_from_the_right_one(
    frames_per_feed: int, presses: list[tuple[str, str, float]]
) -> None:
    board = Switchboard(frames_per_feed=frames_per_feed, record_s=0.0)
    call, other = board.establish(), board.establish()
    truth: dict[str, list[RenderedTone]] = {"caller": [], "ann": [], "bob": [], "eve": []}
    free_at = dict.fromkeys(truth, 0.0)  # a speaker has one finger
    for speaker, keys, pause_ms in presses:
        board.advance(max(0.0, pause_ms, free_at[speaker] - board.now_ms))
        tones = call.far_end.press(keys, speaker=speaker, on_ms=60.0, delay_ms=60.0)
        truth[speaker] += tones
        free_at[speaker] = board.now_ms + 120.0 * len(keys) + 60.0
    board.advance(3000)
    for speaker, tones in truth.items():
        assert_heard(tones, call.bot.heard, speaker)
    assert len(call.bot.received) == sum(map(len, truth.values()))
    assert [tone.sequence_id for tone in call.bot.received] == list(range(1, len(call.bot.received) + 1))
    assert other.bot.heard == other.far_end.heard == call.far_end.heard == []


def test_two_equal_keys_of_two_speakers_at_once_are_two_presses() -> None:
    board = Switchboard()
    call = board.establish()
    for speaker in ("ann", "bob"):
        call.far_end.press("5", speaker=speaker)
    board.advance(1000)
    assert sorted(tone.speaker for tone in call.bot.received) == ["ann", "bob"]


def test_a_tone_right_after_a_long_silence_is_at_its_place() -> None:
    board = Switchboard()
    call = board.establish()
    truth: list[RenderedTone] = []
    for silence_ms in (0, 250, 499, 500, 501, 1000, 1234.56, 10_000, 3_600_000, 1e9):
        board.advance(silence_ms + 900)
        truth += call.far_end.press("7", on_ms=60.0)
    board.advance(1000)
    assert_heard(truth, call.bot.heard)


@pytest.mark.parametrize("frames_per_feed", [1, 2, 3, 10])
def test_calls_that_come_and_go_reuse_receivers_and_hear_only_their_own(frames_per_feed: int) -> None:
    board = Switchboard(frames_per_feed=frames_per_feed, record_s=0.0)
    rng = np.random.default_rng(0)
    for _ in range(15):
        calls = [board.establish() for _ in range(3)]
        truth: list[list[RenderedTone]] = [[], [], []]
        for nth, call in enumerate(calls):
            truth[nth] += call.far_end.press("".join(rng.choice(list("0123456789"), 3)))
            board.advance(float(rng.uniform(0, 40)))
        board.advance(900 + float(rng.uniform(0, 40)))
        for nth, call in enumerate(calls):
            call.far_end.press("99999")  # the call ends in the midst of them
            call.send_dtmf_tones("1111")
            board.advance(float(rng.uniform(0, 30)))
            call.delete()
            assert_heard(truth[nth], call.bot.heard)
    n_channels = sum(len(bank.slots) for bank in board.media._banks)
    assert n_channels <= 64
    board.advance(2000)
    assert len(board.media._free) == n_channels
    assert not board.media._draining
    assert not board.media._media
    assert not board.media._busy


# --- cut at the sample ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["cancel", "delete", "hang_up", "fault"])
@pytest.mark.parametrize("after_ms", [0.0, 13.1, 20.0, 47.3, 60.0, 99.9375])
def test_the_audio_of_a_cancelled_operation_is_cut_at_that_very_sample(how: str, after_ms: float) -> None:
    board = Switchboard()
    call = board.establish()
    board.advance(3.1)
    if how == "fault":
        board.calls.fail_next_operation(call.id, after_ms=after_ms)
    call.send_dtmf_tones("11")
    before = board.media.now_sample
    board.advance(after_ms)
    assert call.media is not None
    cut = board.media.now_sample - call.media.start
    if how == "cancel":
        call.cancel_media_processing()
    elif how == "delete":
        call.delete()
    elif how == "hang_up":
        call.far_end.hang_up()
    board.advance(500)
    recording = call.far_end.recording()
    start = before - call.media.start
    tone = to_pcm16(render("1", 16_000).samples)
    heard = to_pcm16(recording.samples)
    assert np.array_equal(heard[start:cut], tone[: cut - start])
    assert not heard[cut:].any()
    assert [(tone.start, tone.stop) for tone in recording.tones] == ([(start, cut)] if cut > start else [])


def test_two_equal_tones_of_queued_operations_are_two_presses() -> None:
    board = Switchboard()
    call = board.establish()
    for _ in range(5):
        call.send_dtmf_tones("44", delay_between_tones_ms=0)
    board.advance(5000)
    assert call.far_end.keys == "4" * 10


def test_equal_tones_sent_at_each_completion_are_as_many_presses() -> None:
    board = Switchboard()
    call = board.establish()
    sent = 1

    def send_again(_: object) -> None:
        nonlocal sent
        if sent < 5 and call.operations[-1].status == "completed":
            sent += 1
            call.send_dtmf_tones("4")

    board.on_notification.append(send_again)
    call.send_dtmf_tones("4")
    board.advance(3000)
    assert call.far_end.keys == "44444"


# --- frames --------------------------------------------------------------------------------------------------------


def test_a_listener_has_every_frame_with_timestamps_200_000_apart() -> None:
    board = Switchboard()
    call = board.establish()
    board.advance(105)
    frames: list[AudioFrame] = []
    call.bot.listen(frames.append)
    start, _ = call.far_end.play(np.arange(1000, dtype=np.int16))
    board.advance(500)
    assert len(frames) == 25
    assert [frame.timestamp for frame in frames] == [200_000 * (5 + nth) for nth in range(25)]
    samples = np.concatenate([frame.samples for frame in frames])
    offset = start - 5 * 320
    assert np.array_equal(samples[offset : offset + 1000], np.arange(1000))
    assert np.count_nonzero(samples) == 999
    call.bot.unlisten(frames.append)


def test_a_listener_has_the_last_part_of_a_frame_when_the_call_ends_and_no_more() -> None:
    board = Switchboard()
    call = board.establish()
    frames: list[AudioFrame] = []
    events: list[str] = []
    call.far_end.listen(frames.append, on_end=lambda: events.append(f"end after {len(frames)}"))
    call.bot.play(np.full(10_000, 5, np.int16))
    board.advance(105)
    call.delete()
    board.advance(1000)
    assert [int(np.count_nonzero(frame.samples)) for frame in frames] == [320] * 5 + [80]
    assert events == ["end after 6"]


def test_calls_that_end_within_a_frame_leave_the_others_in_place() -> None:
    board = Switchboard()
    first, second, third = (board.establish() for _ in range(3))
    board.advance(12_345.0)  # all is silent, no frame is made
    for call in (first, second):
        call.bot.play(np.full(800, 5, np.int16))
        board.advance(1)
        call.delete()
    truth = third.far_end.press("159")
    board.advance(2000)
    for call, n_samples in ((first, 16), (second, 16)):
        samples = call.far_end.recording().samples
        assert np.count_nonzero(samples) == np.count_nonzero(samples[-16:]) == n_samples
    assert_heard(list(truth), third.bot.heard)


def test_a_listener_that_has_enough_has_no_more() -> None:
    board = Switchboard()
    call = board.establish()
    frames: list[AudioFrame] = []
    sink = frames.append
    call.bot.listen(sink)
    board.advance(100)
    call.bot.unlisten(sink)
    call.bot.unlisten(sink)
    board.advance(100)
    assert len(frames) == 5
    board.advance(5000)
    assert board.timeline.next_due() is None  # no frame is made any more


def test_a_listener_may_do_anything_while_it_is_told() -> None:
    board, call, other = two_calls()
    seen: list[str] = []

    def act(_: AudioFrame) -> None:
        seen.append("frame")
        if len(seen) == 2:
            call.far_end.press("1", speaker=f"s{len(seen)}")
            other.bot.listen(lambda _: seen.append("other"))
            board.create()
        if len(seen) == 5:
            call.far_end.hang_up()
            other.delete()

    call.bot.listen(act)
    board.advance(2000)
    assert seen == ["frame", "frame", "frame", "other", "frame"] or "other" in seen
    assert call.state == other.state == "terminated"


def test_a_listener_that_raises_leaves_receivers_in_step() -> None:
    board = Switchboard(record_s=0.0)
    calls = [board.establish() for _ in range(30)]  # several banks

    def fail(heard: HeardTone, _: object) -> None:
        raise RuntimeError(heard.tone.key)

    board.on_tone.append(fail)
    first = [call.far_end.press("1")[0] for call in calls]
    with pytest.raises(RuntimeError, match="1"):
        board.advance(1000)
    board.on_tone.clear()
    board.advance(2000)
    second = [call.far_end.press("2")[0] for call in calls]
    board.advance(1000)
    for call, *truth in zip(calls, first, second, strict=True):
        assert_heard(truth, call.bot.heard)


def test_a_call_established_within_a_frame_plays_at_the_time_it_says() -> None:
    board = Switchboard()
    board.advance(7.25)
    call = board.establish()
    operation = call.send_dtmf_tones("1")
    board.advance(100)
    assert call.operation(operation.id).status == "completed"
    (tone,) = call.far_end.recording().tones
    board.advance(1000)
    (heard,) = call.far_end.heard
    assert call.media is not None
    assert (tone.start + call.media.start) / MS == 207.25
    assert abs(heard.detected.start - tone.start) <= MS


def test_overlapping_clips_of_speakers_are_added_and_limited() -> None:
    board = Switchboard()
    call = board.establish()
    for speaker, value in (("ann", 20_000), ("bob", 20_000), ("eve", -30_000)):
        call.far_end.play(np.full(320, value, np.int16), speaker=speaker)
    board.advance(20)
    for speaker in ("ann", "bob"):
        call.far_end.play(np.full(320, 20_000, np.int16), speaker=speaker)
    board.advance(20)
    pcm = to_pcm16(call.bot.recording().samples)
    assert pcm[:320].tolist() == [10_000] * 320
    assert pcm[320:640].tolist() == [32_767] * 320


# --- live audio ----------------------------------------------------------------------------------------------------


def test_live_buffers_follow_each_other_without_a_gap() -> None:
    board = Switchboard()
    call = board.establish()
    samples = to_pcm16(render("159", 16_000).samples)
    for start in range(0, len(samples), 320):
        call.far_end.play_live(samples[start : start + 320])
        board.advance(3)  # faster than they are played
    board.advance(2000)
    assert call.bot.keys == "159"
    recording = to_pcm16(call.bot.recording().samples)
    assert np.array_equal(recording[: len(samples)], samples)


def test_live_audio_of_more_than_2_s_is_refused_and_goes_on_when_some_was_played() -> None:
    board = Switchboard()
    call = board.establish()
    for _ in range(100):
        call.far_end.play_live(np.ones(320, np.int16))
    with pytest.raises(InvalidSignalError, match=r"2\.02 s of audio wait to be played; .* 100 buffers, 2 s: send one"):
        call.far_end.play_live(np.ones(320, np.int16))
    board.advance(20)
    call.far_end.play_live(np.ones(320, np.int16))
    board.advance(3000)
    assert np.count_nonzero(call.bot.recording().samples) == 101 * 320


def test_live_audio_of_a_fifth_speaker_is_refused_and_leaves_nothing() -> None:
    board = Switchboard()
    call = board.establish()
    for speaker in "abc":
        call.far_end.play_live(np.ones(320, np.int16), speaker=speaker)
    with pytest.raises(InvalidSettingError, match=r"'d' would be speaker 5 .* at most 4 .*: use one of 'caller', 'a'"):
        call.far_end.play_live(np.ones(320, np.int16), speaker="d")
    assert "d" not in call.audio.paths[Direction.TO_BOT].live_until


# --- line conditions -----------------------------------------------------------------------------------------------


def test_noise_is_heard_at_its_level_and_tones_in_it() -> None:
    board = Switchboard(conditions={Direction.TO_BOT: NOISY}, seed=3)
    call = board.establish()
    truth = call.far_end.press("159D")
    board.advance(2000)
    assert_heard(list(truth), call.bot.heard)
    hiss = call.bot.recording().samples[-16_000:]
    # White noise to 8 kHz has twice the power that it has to 4 kHz; a full-scale sine, 3.17 dBm0, has 0.5.
    level_dbm0 = 10 * math.log10(float(np.mean(hiss**2)) / 2 / 0.5) + 3.17
    assert level_dbm0 == pytest.approx(-45.0, abs=0.5)
    assert not call.far_end.recording().samples.any()


def test_lost_frames_are_silent_and_as_many_as_asked_for() -> None:
    board = Switchboard(conditions={Direction.TO_BOT: LineConditions(loss_pct=20.0)}, seed=1)
    call = board.establish()
    call.far_end.play(np.ones(320 * 1000, np.int16))
    board.advance(20_000)
    frames = call.bot.recording().samples.reshape(-1, 320)
    lost = 1000 - int(np.count_nonzero(frames.any(axis=1)))
    assert np.array_equal(frames.any(axis=1), frames.all(axis=1))
    assert 150 < lost < 250


def test_a_line_that_loses_everything_is_silent() -> None:
    board = Switchboard(conditions={Direction.TO_FAR_END: LineConditions(loss_pct=100.0)})
    call = board.establish()
    call.send_dtmf_tones("123")
    board.advance(2000)
    assert call.far_end.keys == ""
    assert not call.far_end.recording().samples.any()


@pytest.mark.parametrize("twist_db", [-20.0, -3.0, 3.0, 20.0])
def test_a_line_with_twist_adds_it_to_what_is_sent_and_pressed(twist_db: float) -> None:
    board = Switchboard(conditions=dict.fromkeys(Direction, LineConditions(twist_db=twist_db)))
    call = board.establish()
    call.send_dtmf_tones("5")
    call.far_end.press("5")
    board.advance(1000)
    for end in (call.bot, call.far_end):
        for tone in end.heard:  # twists of 20 dB may be beyond what a receiver takes
            assert tone.detected.twist_db == pytest.approx(2.0 + twist_db, abs=0.2)
        assert end.heard or abs(twist_db) == 20.0
    pressed, sent = call.bot.recording().samples, call.far_end.recording().samples
    assert np.array_equal(pressed, sent)


def test_conditions_can_change_while_the_call_goes_on() -> None:
    board = Switchboard()
    call = board.establish()
    call.bot.set_conditions(LineConditions(loss_pct=100.0))
    call.send_dtmf_tones("1")
    board.advance(500)
    call.bot.set_conditions(LineConditions())
    call.send_dtmf_tones("2")
    board.advance(500)
    assert call.far_end.keys == "2"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("noise_dbm0", [-90.1, 3.1, math.nan, True, "1"]),
        ("loss_pct", [-0.1, 100.1, math.nan, True, "1", None]),
        ("twist_db", [-20.1, 20.1, math.nan, True, "1", None]),
    ],
)
def test_conditions_that_no_line_has_are_refused(name: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(InvalidSettingError, match=rf"{name} is .*; it must be"):
            LineConditions(**{name: value})


# --- recordings ----------------------------------------------------------------------------------------------------


def test_a_recording_holds_the_truth_and_decodes_to_it() -> None:
    board = Switchboard()
    call = board.establish()
    call.send_dtmf_tones(["tone1", "flash", "tone2"], delay_between_tones_ms=80)
    board.advance(33)
    call.send_dtmf_tones("3A*")
    call.far_end.press("77#", speaker="ann")
    board.advance(4000)
    for end, keys in ((call.far_end, "123A*"), (call.bot, "77#")):
        recording = end.recording()
        assert "".join(tone.tone.key for tone in recording.tones) == keys
        found = decode(recording.samples, recording.samplerate)
        assert [tone.tone for tone in found] == [tone.tone for tone in recording.tones]
        for tone, truth in zip(found, recording.tones, strict=True):
            assert abs(tone.start - truth.start) <= MS
            assert abs(tone.stop - truth.stop) <= MS


@pytest.mark.parametrize("at_ms", [0.0, 10.0, 50.0, 110.0, 130.0, 1000.0])
def test_a_recording_ends_with_the_last_whole_frame_and_so_does_its_truth(at_ms: float) -> None:
    board = Switchboard()
    call = board.establish()
    call.send_dtmf_tones("12")
    call.far_end.press("12")
    board.advance(at_ms)
    for end in (call.bot, call.far_end):
        recording = end.recording()
        assert len(recording.samples) == int(at_ms // 20) * 320
        assert all(tone.start < tone.stop <= len(recording.samples) for tone in recording.tones)


def test_a_recording_ends_with_the_call_and_stays() -> None:
    board = Switchboard()
    call = board.establish()
    call.far_end.press("12")
    board.advance(150.5)
    call.far_end.hang_up()
    board.advance(60_000)
    recording = call.bot.recording()
    assert len(recording.samples) == 150.5 * MS
    assert [(tone.tone.key, tone.stop) for tone in recording.tones] == [("1", 1600)]


def test_a_recording_keeps_so_many_seconds_and_the_truth_of_them() -> None:
    board = Switchboard(record_s=0.3)
    call = board.establish()
    for _ in range(5):
        call.send_dtmf_tones("12", delay_between_tones_ms=100)
        call.far_end.press("12")
        board.advance(500)
    for end in (call.bot, call.far_end):
        recording = end.recording()
        assert len(recording.samples) == 0.3 * 16_000
        assert [tone.stop for tone in recording.tones] == [1600, 4800]
    path = call.audio.paths[Direction.TO_FAR_END]
    assert path.tap is not None
    assert path.tap.full
    assert len(path.truth) + len(path.plans) <= 4


def test_nothing_is_recorded_unless_asked_for() -> None:
    board = Switchboard(record_s=0.0)
    call = board.establish()
    call.send_dtmf_tones("12")
    call.far_end.press("12")
    board.advance(1000)
    with pytest.raises(InvalidSettingError, match="the call is not recorded; give record_s"):
        call.bot.recording()
    for path in call.audio.paths.values():
        assert path.truth == []
        assert path.plans == {}


def test_silence_is_kept_at_no_cost() -> None:
    tap = Tap(1000, Shelf(10))
    tap.keep(3, np.ones(320, np.int16))
    tap.keep(1000, np.ones(320, np.int16))
    assert tap.full
    samples = tap.samples(10**9)
    assert len(samples) == 320_000
    assert np.flatnonzero(samples).tolist() == list(range(960, 1280))
    assert len(tap.samples(1000)) == 1000


def test_recordings_share_their_room_and_end_where_there_is_none() -> None:
    shelf = Shelf(3)
    one, other = Tap(1000, shelf), Tap(1000, shelf)
    frame = np.ones(320, np.int16)
    for index in (0, 5):
        one.keep(index, frame)
    other.keep(7, frame)
    other.keep(9, frame)
    assert (one.full, other.full) == (False, True)
    assert len(other.samples(10**9)) == 9 * 320  # no silence that was none
    del one, other
    assert shelf.frames_left == 3


# --- the envelope --------------------------------------------------------------------------------------------------


def test_the_envelope_tells_the_peak_of_each_frame_of_the_last_minute() -> None:
    envelope = Envelope()
    envelope.note(2, np.full(320, -32768, np.int16))
    envelope.note(4, np.array([0, 16384] * 160, np.int16))
    assert envelope.peaks(6) == [0, 0, 255, 0, 127, 0]
    assert envelope.peaks(6) == envelope.peaks(6)
    assert envelope.peaks(3) == [0, 0, 255]
    assert envelope.peaks(0) == []
    envelope.note(6, np.full(320, 32767, np.int16))
    assert envelope.peaks(7)[-1] == 254
    assert len(envelope.peaks(10**9)) == ENVELOPE_FRAMES
    assert not any(envelope.peaks(10**9))


# --- what costs nothing, and what is bounded -----------------------------------------------------------------------


def test_a_month_of_silence_costs_nothing() -> None:
    board = Switchboard()
    call = board.establish()
    operation = call.send_dtmf_tones("12", delay_between_tones_ms=2**31 - 1)
    began = time.process_time()
    board.advance(2**31 + 1000)
    assert time.process_time() - began < 1.0  # some hundred frames: a month has 107 million
    assert call.operation(operation.id).status == "completed"
    assert call.far_end.keys == "12"
    first, second = call.far_end.heard
    assert abs(second.detected.start - first.detected.stop - (2**31 - 1) * MS) <= 2 * MS


def test_while_all_is_silent_nothing_is_due() -> None:
    board = Switchboard()
    call = board.establish()
    assert board.timeline.next_due() is None
    call.far_end.press("1")
    board.advance(5000)
    assert board.timeline.next_due() is None


def test_a_call_that_ended_is_forgotten_when_its_handle_is() -> None:
    board = Switchboard(record_s=0.0, settings=CallSettings(kept_calls=3))
    call = board.establish()
    media = weakref.ref(call.audio)
    call.far_end.press("1")
    board.advance(50)
    call.delete()
    board.advance(5000)
    del call
    gc.collect()
    assert media() is not None  # calls that are over are kept, the latest
    for _ in range(3):
        board.establish().delete()
        board.advance(5000)
    gc.collect()
    assert media() is None
    assert not board._handles


def test_a_call_that_ended_takes_no_more_audio_and_no_more_listeners() -> None:
    board = Switchboard()
    call = board.establish()
    call.delete()
    board.advance(2000)
    free = len(board.media._free)
    for refused in (
        lambda: call.far_end.press("1"),
        lambda: call.bot.play(np.ones(10, np.int16)),
        lambda: call.far_end.play(np.ones(10, np.int16), speaker="new"),
        lambda: call.far_end.play_live(np.ones(10, np.int16)),
        lambda: call.bot.listen(lambda _: None),
        lambda: call.bot.set_conditions(NOISY),
    ):
        with pytest.raises(InvalidSettingError, match=f"call {call.id} is over and nothing goes over its lines"):
            refused()
    assert len(board.media._free) == free
    assert board.timeline.next_due() is None


def test_too_much_audio_at_once_is_refused() -> None:
    board = Switchboard()
    call = board.establish()
    for _ in range(1000):
        call.far_end.play(np.ones(10, np.int16))
    with pytest.raises(InvalidSettingError, match=r"1000 clips, .* of 'caller' wait .*: let some be played first"):
        call.far_end.play(np.ones(10, np.int16))
    with pytest.raises(InvalidSettingError, match=r"3601 s more were given; at most 1000 clips and 3600 s can wait"):
        call.bot.play(np.ones(3601 * 16_000, np.int16))
    board.advance(100)
    call.far_end.play(np.ones(10, np.int16))


@pytest.mark.parametrize("value", [0, 11, -1, True, 1.0, math.nan, "1", None])
def test_a_number_of_frames_that_is_none_is_refused(value: Any) -> None:
    with pytest.raises(InvalidSettingError, match=r"frames_per_feed is .*; it must be a whole number from 1 to 10"):
        Switchboard(frames_per_feed=value)


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf, True, "1", None])
def test_a_length_of_recordings_that_is_none_is_refused(value: Any) -> None:
    with pytest.raises(InvalidSettingError, match=r"record_s is .*; it must be"):
        Switchboard(record_s=value)


def test_conditions_of_an_unknown_direction_are_refused() -> None:
    with pytest.raises(InvalidSettingError, match="direction 'up'; the directions are toFarEnd and toBot"):
        Switchboard(conditions={"up": NOISY})  # type: ignore[dict-item]


@pytest.mark.parametrize("conditions", [None, {}, "noisy"])
def test_conditions_that_are_none_are_refused_and_the_line_stays(conditions: Any) -> None:
    with pytest.raises(InvalidSettingError, match=r"the conditions are .*; give LineConditions"):
        Switchboard(conditions={Direction.TO_BOT: conditions})
    board = Switchboard()
    call = board.establish()
    with pytest.raises(InvalidSettingError, match=r"the conditions are .*; give LineConditions"):
        call.far_end.set_conditions(conditions)
    call.far_end.press("1")
    board.advance(500)
    assert call.bot.keys == "1"


def test_a_listener_that_cannot_be_called_is_refused() -> None:
    call = Switchboard().establish()
    with pytest.raises(InvalidSettingError, match="the listener is 5; give what can be called with a frame"):
        call.bot.listen(5)  # type: ignore[arg-type]


@pytest.mark.parametrize("speaker", [5, ("a",), b"a"])
def test_a_speaker_without_a_name_is_refused(speaker: Any) -> None:
    call = Switchboard().establish()
    with pytest.raises(InvalidSettingError, match=r"the speaker is .*; give a name, such as 'caller'"):
        call.far_end.press("1", speaker=speaker)


# --- the same again ------------------------------------------------------------------------------------------------


def story(seed: int, frames_per_feed: int, conditions: LineConditions) -> tuple[list[Any], list[Any]]:
    """What is heard where, and every sample, of some calls."""
    board = Switchboard(seed=seed, frames_per_feed=frames_per_feed, conditions=dict.fromkeys(Direction, conditions))
    calls = [board.establish() for _ in range(3)]
    for nth, call in enumerate(calls):
        call.send_dtmf_tones("159#")
        board.advance(33.3 * nth)
        call.far_end.press("2580", speaker="ab"[nth % 2])
    board.advance(4000)
    ends = [end for call in calls for end in (call.bot, call.far_end)]
    return [places(end.heard) for end in ends], [end.recording().samples.tobytes() for end in ends]


@pytest.mark.parametrize("conditions", [LineConditions(), NOISY, LineConditions(noise_dbm0=-40.0, loss_pct=2.0)])
def test_frames_fed_together_give_the_same_tones_at_the_same_places(conditions: LineConditions) -> None:
    one, three = story(5, 1, conditions), story(5, 3, conditions)
    assert one == three
    assert any(one[0])


def test_equal_seeds_give_equal_audio_and_others_do_not() -> None:
    assert story(1, 1, NOISY) == story(1, 1, NOISY)
    assert story(1, 1, NOISY)[1] != story(2, 1, NOISY)[1]


def test_media_of_a_call_that_is_not_there_closes_without_a_word() -> None:
    Switchboard().media.close("nope")


def test_fewer_tones_are_kept_when_asked_and_their_keys_all_the_same() -> None:
    board = Switchboard(kept_tones=2)
    call = board.establish()
    call.far_end.press("1234")
    call.send_dtmf_tones("5678")
    board.advance(3000)
    assert (call.far_end.keys, call.bot.keys, str(call.bot.told)) == ("5678", "1234", "1234")
    assert [tone.tone.key for tone in call.far_end.heard] == ["7", "8"]
    assert [(tone.sequence_id, tone.tone.key) for tone in call.bot.received] == [(3, "3"), (4, "4")]


@pytest.mark.parametrize("kept_tones", [-1, 10_001, True, 1.5])
def test_a_number_of_kept_tones_out_of_range_is_refused(kept_tones: Any) -> None:
    with pytest.raises(InvalidSettingError, match=f"kept_tones is {kept_tones}; it must be a whole number from 0 to"):
        Switchboard(kept_tones=kept_tones)
