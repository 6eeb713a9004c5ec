"""Others understand what the project sends, and the project what others send; skipped for those not installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dtmf_audio import decode, keys_of, render
from dtmf_audio.signals import to_pcm16

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))

from peer_decoders import EVENT_KEYS, RECEIVERS, TRANSMITTERS


@pytest.mark.parametrize("name", RECEIVERS)
def test_a_peer_hears_every_key_at_default_settings(name):
    receive, available = RECEIVERS[name]
    if not available():
        pytest.skip(f"{name} is not installed")
    assert receive(to_pcm16(render(EVENT_KEYS, 8000, lead_ms=100, tail_ms=200).samples)) == EVENT_KEYS


@pytest.mark.parametrize("name", TRANSMITTERS)
def test_every_key_that_a_peer_sends_is_heard(name):
    transmit, available = TRANSMITTERS[name]
    if not available():
        pytest.skip(f"{name} is not installed")
    assert keys_of(tone.tone for tone in decode(transmit(EVENT_KEYS), 8000)) == EVENT_KEYS
