"""Other decoders read what the library renders, and it reads what they render; a peer that is missing is skipped."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dtmf_audio import decode, keys_of, render
from dtmf_audio.audio_io import write_audio
from dtmf_audio.signals import to_pcm16

sys.path.append(str(Path(__file__).resolve().parent / "benchmarks"))
from peer_decoders import DECODERS, KEYS, RATE, SENDERS, Decoder, Sender


def need(peer: Decoder | Sender) -> None:
    if not peer.available():
        pytest.skip(f"{peer.name} is not on this machine")


@pytest.mark.parametrize("decoder", DECODERS, ids=lambda peer: peer.name)
def test_peer_decodes_what_is_rendered_at_default_settings(decoder: Decoder) -> None:
    need(decoder)
    rendered = render(KEYS, RATE, lead_ms=100.0, tail_ms=100.0)
    assert decoder.decode(to_pcm16(rendered.samples)) == KEYS


@pytest.mark.parametrize("decoder", DECODERS, ids=lambda peer: peer.name)
def test_peer_tells_repeated_presses_apart(decoder: Decoder) -> None:
    need(decoder)
    keys = "".join(key * 2 for key in KEYS)
    rendered = render(keys, RATE, lead_ms=100.0, tail_ms=100.0)
    assert decoder.decode(to_pcm16(rendered.samples)) == keys


@pytest.mark.parametrize("decoder", DECODERS, ids=lambda peer: peer.name)
def test_peer_decodes_a_file_at_another_rate(decoder: Decoder, tmp_path: Path) -> None:
    need(decoder)
    rendered = render(KEYS, 44100, lead_ms=100.0, tail_ms=100.0)
    write_audio(tmp_path / "keys.wav", rendered.samples, 44100)
    assert decoder.decode(tmp_path / "keys.wav") == KEYS


@pytest.mark.parametrize(("on_ms", "off_ms"), [(100, 100), (50, 50), (40, 40)])
@pytest.mark.parametrize("sender", SENDERS, ids=lambda peer: peer.name)
def test_what_a_peer_renders_is_decoded(sender: Sender, on_ms: int, off_ms: int) -> None:
    need(sender)
    pcm = sender.render(KEYS * 2, on_ms=on_ms, off_ms=off_ms)
    assert keys_of(tone.tone for tone in decode(pcm, RATE)) == KEYS * 2
