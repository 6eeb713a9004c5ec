"""``wait_until``: a virtual clock is moved for it, and stands where the thing came true."""

from __future__ import annotations

import threading

import pytest

from dtmf_audio.graph import CallSettings, Emulator, Switchboard


def test_a_switchboard_goes_on_from_event_to_event():
    calls = Switchboard()
    call = calls.create()
    calls.wait_until(lambda: call.state == "established")
    assert calls.now_ms == 200.0
    sent = call.send_dtmf_tones("12#", delay_between_tones_ms=100)
    calls.wait_until(lambda: call.operation(sent.id).status == "completed")
    assert calls.now_ms == 700.0
    calls.wait_until(lambda: call.far_end.keys == "12#")
    assert calls.now_ms < 800.0


def test_a_switchboard_waits_no_longer_than_it_may():
    calls = Switchboard()
    call = calls.establish()
    with pytest.raises(TimeoutError, match=r"^the key 9 did not come true within 1.5 s of the virtual clock$"):
        calls.wait_until(lambda: call.far_end.keys == "9", timeout_s=1.5, what="the key 9")
    assert calls.now_ms == 1700.0


def test_a_switchboard_waits_for_the_time_itself():
    calls = Switchboard()
    calls.wait_until(lambda: calls.now_ms >= 10_000)
    assert calls.now_ms == 10_000.0


def test_an_emulator_moves_its_virtual_clock():
    with Emulator(clock="virtual", retries=0) as emulator:
        call = emulator.establish()
        call.press("1w2")
        emulator.wait_until(lambda: [tone.tone.key for tone in call.received] == ["1", "2"])
        assert 1000.0 < emulator.do(lambda calls: calls.now_ms) < 1200.0
        with pytest.raises(TimeoutError, match=r"^the key 9 did not come true within 0.2 s of the virtual clock$"):
            emulator.wait_until(lambda: call.far_end_keys == "9", timeout_s=0.2, what="the key 9")


def test_an_emulator_on_whose_virtual_clock_nothing_is_due_waits_for_the_bot():
    with Emulator(clock="virtual") as emulator:
        bot_is_done = threading.Event()
        timer = threading.Timer(0.05, bot_is_done.set)
        timer.start()
        emulator.wait_until(bot_is_done.is_set)
        with pytest.raises(TimeoutError, match=r"^it did not come true within 0.02 s$"):
            emulator.wait_until(lambda: False, timeout_s=0.02)
        assert emulator.do(lambda calls: calls.now_ms) == 0.0
        timer.join()


def test_an_emulator_waits_on_the_real_clock():
    with Emulator(calls=CallSettings(establish_ms=30), retries=0) as emulator:
        call = emulator.establish()
        assert call.state == "established"
        with pytest.raises(TimeoutError, match=r"^the call's end did not come true within 0.02 s$"):
            emulator.wait_until(lambda: call.state == "terminated", timeout_s=0.02, what="the call's end")
