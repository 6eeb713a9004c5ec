"""samples/ivr_bot.py is tested here as a user tests a bot: call it, press keys, listen."""

import numpy as np
import pytest
from ivr_bot import GateBot

from dtmf_audio.testing import assert_dtmf


@pytest.fixture
def bot(graph_emulator):
    with GateBot(graph_emulator.base_url) as bot:
        yield bot


@pytest.fixture
def call(graph_emulator, bot):
    """Call the bot, which answers, and listen to what it says first."""
    call = graph_emulator.ring(bot.url)
    graph_emulator.wait_until(lambda: call.state == "established")
    graph_emulator.wait_until(lambda: prompts_heard(call) == 1)
    return call


def prompts_heard(call):
    """How often the caller has heard the prompt to its end, which is half a second of sound."""
    samples = call.recording("toFarEnd").samples
    loud = np.abs(samples[: len(samples) // 320 * 320]).reshape(-1, 320).max(axis=1) > 0.05
    return np.count_nonzero(loud) // 24  # frames of 20 ms; the softest are not counted


def test_1_opens_the_gate(graph_emulator, call):
    call.press("1")
    graph_emulator.wait_until(lambda: call.state == "terminated")
    assert_dtmf(call.recording("toFarEnd"), "42#")


def test_another_key_repeats_the_prompt_and_the_next_one_hangs_up(graph_emulator, call):
    call.press("2")
    graph_emulator.wait_until(lambda: prompts_heard(call) == 2)
    assert call.state == "established"
    call.press("3")
    graph_emulator.wait_until(lambda: call.state == "terminated")
    assert_dtmf(call.recording("toFarEnd"), "")  # the gate stays shut


def test_the_caller_may_press_1_at_last(graph_emulator, call):
    call.press("2w1")
    graph_emulator.wait_until(lambda: call.state == "terminated")
    assert_dtmf(call.recording("toFarEnd"), "42#")


def test_a_caller_who_hangs_up_too_soon_gets_half_a_code(graph_emulator, call):
    call.press("1")
    graph_emulator.wait_until(lambda: call.operations)
    graph_emulator.advance(150)
    call.hang_up()
    graph_emulator.wait_until(lambda: call.state == "terminated")
    assert call.operations[0].completion_reason == "mediaOperationCanceled"
    assert_dtmf(call.recording("toFarEnd"), "4")
    assert all(
        request.status < 300 for request in graph_emulator.requests
    )  # the bot asks nothing of a call that is over
