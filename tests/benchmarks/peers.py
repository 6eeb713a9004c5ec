"""Side by side with the peers on this machine: who reads whose tones, and how long ten minutes of audio take.

    python tests/benchmarks/peers.py

A peer that is missing is named and left out. Times are printed and nothing is concluded from them; those of programs
include their start.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from peer_decoders import DECODERS, KEYS, RATE, SENDERS, Pcm

from dtmf_audio import decode, keys_of, render
from dtmf_audio.signals import to_pcm16

SEQUENCES = {"16 keys": KEYS, "each twice": "".join(key * 2 for key in KEYS)}
LONG_S = 600


def rendered(keys: str) -> Pcm:
    """Keys at the library's default settings, with silence around them, 16 bits at 8000 Hz."""
    return to_pcm16(render(keys, RATE, lead_ms=100.0, tail_ms=100.0).samples)


def own(pcm: Pcm) -> str:
    """Keys that the library finds."""
    return keys_of(tone.tone for tone in decode(pcm, RATE))


def verdict(found: str, sent: str) -> str:
    """Say whether keys came back exactly, or what came back."""
    return "exact" if found == sent else f"{found or '-'} (sent {sent})"


def table(title: str, rows: list[tuple[str, ...]]) -> None:
    """Print rows in columns under a title."""
    print(f"\n{title}")
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def timed(decoder: Callable[[Pcm], str], pcm: Pcm) -> tuple[str, float]:
    """Return what a decoder finds, and the least of three runs in seconds."""
    least, found = float("inf"), ""
    for _ in range(3):
        begin = time.perf_counter()
        found = decoder(pcm)
        least = min(least, time.perf_counter() - begin)
    return found, least


def main() -> None:
    """Print the three tables."""
    decoders: list[tuple[str, Callable[[Pcm], str]]] = [("dtmf_audio", own)]
    decoders += [(peer.name, peer.decode_pcm) for peer in DECODERS if peer.available()]
    senders = [peer for peer in SENDERS if peer.available()]
    missing = [peer.name for peer in (*DECODERS, *SENDERS) if not peer.available()]

    rows = [("decoder", *SEQUENCES)]
    rows += [
        (name, *(verdict(decoder(rendered(keys)), keys) for keys in SEQUENCES.values())) for name, decoder in decoders
    ]
    table("dtmf_audio renders (default settings, 8000 Hz), they decode", rows)

    rows = [("sender", *(f"{on_ms}/{off_ms} ms" for on_ms, off_ms in ((100, 100), (50, 50))))]
    for sender in senders:
        sent = [sender.render(KEYS * 2, on_ms=on_ms, off_ms=on_ms) for on_ms in (100, 50)]
        rows.append((sender.name, *(verdict(own(pcm), KEYS * 2) for pcm in sent)))
    table("they render, dtmf_audio decodes", rows)

    keys = KEYS * (LONG_S * 5 // len(KEYS))  # five keys a second
    pcm = rendered(keys)
    rows = [("decoder", "keys right", "seconds")]
    for name, decoder in decoders:
        found, seconds = timed(decoder, pcm)
        rows.append((name, "all" if found == keys else f"{len(found)} found of {len(keys)}", f"{seconds:.2f}"))
    table(f"{len(pcm) / RATE:.0f} s of rendered tones at {RATE} Hz", rows)
    print(f"\nmissing on this machine: {', '.join(missing) or 'none'}")


if __name__ == "__main__":
    main()
