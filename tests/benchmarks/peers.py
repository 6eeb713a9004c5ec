"""Whether others understand the project, and the project others: every key, at everybody's default settings, 8 kHz.

python tests/benchmarks/peers.py
"""

from __future__ import annotations

from peer_decoders import EVENT_KEYS, RECEIVERS, TRANSMITTERS

from dtmf_audio import decode, keys_of, render
from dtmf_audio.signals import to_pcm16


def main() -> None:
    """Print who hears what."""
    rendered = to_pcm16(render(EVENT_KEYS, 8000, lead_ms=100, tail_ms=200).samples)
    print(f"{'sent by':18}  {'heard by':22}  keys (sent: {EVENT_KEYS})")
    for name, (receive, available) in RECEIVERS.items():
        print(f"{'dtmf_audio':18}  {name:22}  {receive(rendered) if available() else 'not installed'}")
    for name, (transmit, available) in TRANSMITTERS.items():
        heard = keys_of(tone.tone for tone in decode(transmit(EVENT_KEYS), 8000)) if available() else "not installed"
        print(f"{name:18}  {'dtmf_audio':22}  {heard}")


if __name__ == "__main__":
    main()
