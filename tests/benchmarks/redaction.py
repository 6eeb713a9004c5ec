"""Acceptance of ``redact``: calls at random, redacted as files, and then given to every decoder there is.

    python tests/benchmarks/redaction.py [--calls 1000] [--seed 1] [--recordings FOLDER] [--json PATH]

Each call has one or two parties who talk (speech-shaped noise in syllables), noise on the line, presses of every kind
on one channel or both, now and then under talk, and cross-talk and echo at -20 dB, up to 200 ms late, on the other;
it is written in one format of all that are redacted, with one fill of all. What is counted, with its 95 % bound:

- **left**: calls in whose output a decoder hears a key, on any channel or in the mix of both. What a peer hears in the
  same call when nobody presses a key, it would hear of any talk: that is counted apart, as its own false hits.
- **uncovered**: presses of which a sample, on their own channel or as cross-talk on the other, is not cut.
- **changed**: calls in which a sample outside the reported cuts is not as it was, or a byte of the file's other parts.
- **too much**: calls with a cut further than 200 ms from any press, or its cross-talk's.

``--recordings`` counts the first in files of yours as well.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.stats
from peer_decoders import DECODERS, RATE, Decoder, as_pcm, resample

from dtmf_audio import DtmfError, Press, channel, decode_file, keys_of, render
from dtmf_audio.audio_io import read_audio, write_audio
from dtmf_audio.redaction_files import RedactionReport, redact_file
from dtmf_audio.signals import to_float
from dtmf_audio.tones import KEY_TONES
from dtmf_audio.units import amplitude_ratio_from_db

Samples = npt.NDArray[np.float64]

FORMATS = (
    *(("wav", kind) for kind in ("pcm8", "pcm16", "pcm24", "pcm32", "float", "double", "mulaw", "alaw")),
    *(("wav", "pcm16"), ("wav", "mulaw")),  # what most recordings are
    *(("flac", "pcm16"), ("flac", "pcm24"), ("aiff", "pcm16"), ("aiff", "mulaw"), ("au", "mulaw"), ("au", "pcm16")),
)
FILLS = ("silence", "beep", "noise")
CROSSTALK_DB = -20.0
NEAR_MS = 200.0
PEERS = tuple(peer for peer in DECODERS if peer.name in ("multimon-ng", "dtmf2num", "spandsp") and peer.available())


@dataclass(frozen=True)
class Call:
    """A call, the same call in which nobody presses a key, and where presses are: channel, start and stop."""

    samples: Samples  # (n, channels)
    quiet: Samples
    presses: list[tuple[int, int, int]]
    echoes: list[tuple[int, int, int]]
    samplerate: int


def talk(n: int, samplerate: int, rng: np.random.Generator) -> Samples:
    """Speech-shaped noise in syllables and sentences, at a level of its own."""
    level = rng.uniform(-35.0, -18.0)
    voice = channel.noise(n, level_dbm0=level, samplerate=samplerate, rng=rng, color="speech")
    grid = np.arange(0, n + samplerate, samplerate // 10)
    syllables = rng.uniform(0.0, 1.6, len(grid)) * np.repeat(rng.random(-(-len(grid) // 15)) < 0.6, 15)[: len(grid)]
    return voice * np.interp(np.arange(n), grid, syllables)


def make_call(rng: np.random.Generator) -> Call:
    """One call at random."""
    samplerate = int(rng.choice([8000, 8000, 8000, 16_000, 44_100, 48_000]))
    stereo = bool(rng.random() < 0.7)
    n = round(rng.uniform(8.0, 20.0) * samplerate)
    double_talk = rng.random() < 0.25
    parties = 2 if rng.random() < 0.3 else 1
    keyed = np.zeros((n, 2))
    presses: list[tuple[int, int, int]] = []
    for party in range(parties):
        lead = rng.uniform(0.0, 2.0)
        keys = [
            Press(
                tone=KEY_TONES[rng.integers(12 if rng.random() < 0.9 else 16)],
                on_ms=rng.uniform(40.0, 250.0),
                delay_ms=rng.uniform(40.0, 400.0),
                twist_db=rng.uniform(-8.0, 8.0),
                low_offset_pct=rng.uniform(-1.5, 1.5),
                high_offset_pct=rng.uniform(-1.5, 1.5),
            )
            for _ in range(rng.integers(1, 20))
        ]
        rendering = render(
            keys,
            samplerate,
            level_dbm0=rng.uniform(-28.0, -9.0),
            ramp_ms=rng.uniform(0.0, 4.0),
            rng=rng,
            lead_ms=1000 * lead,
        )
        held = rendering.samples[:n]
        keyed[: len(held), party] += held
        presses += [(party, tone.start, min(tone.stop, n)) for tone in rendering.tones if tone.start < n]
    talking = np.stack([talk(n, samplerate, rng) for _ in range(2)], axis=1)
    for party, start, stop in presses:
        if not double_talk:
            talking[max(start - samplerate // 20, 0) : stop + samplerate // 20, party] = 0.0
    delay = round(rng.choice([0.0, rng.uniform(0.0, 0.2)]) * samplerate)
    gain = amplitude_ratio_from_db(CROSSTALK_DB)
    noise = [
        channel.noise(
            n,
            level_dbm0=rng.uniform(-65.0, -40.0),
            samplerate=samplerate,
            rng=rng,
            color=rng.choice(["white", "pink", "speech"]),
        )
        for _ in range(2)
    ]

    def line(parts: Samples) -> Samples:
        crossed = np.zeros_like(parts)
        crossed[delay:] = gain * parts[: n - delay, ::-1]
        both = parts + crossed + np.stack(noise, axis=1)
        return np.clip(both if stereo else both.sum(axis=1, keepdims=True), -1.0, 1.0 - 2.0**-15)

    echoes = [(1 - party, start + delay, min(stop + delay, n)) for party, start, stop in presses if start + delay < n]
    if not stereo:
        presses, echoes = [(0, *place) for _, *place in presses], [(0, *place) for _, *place in echoes]
    return Call(line(talking + keyed), line(talking), presses, echoes, samplerate)


def heard(decoder: Decoder, path: Path) -> list[str]:
    """What a peer hears on each channel, and in the mix."""
    signal, samplerate = read_audio(path)
    columns = [to_float(column, np.float64) for column in signal.T]
    mixed = [np.mean(columns, axis=0)] if len(columns) > 1 else []
    return [decoder.decode_pcm(as_pcm(resample(column, samplerate, RATE))) for column in [*columns, *mixed]]


def outside_cuts_is_equal(before: Path, after: Path, report: RedactionReport) -> bool:
    """Whether all samples outside the cuts, and the bytes around the samples, are as they were."""
    one, rate = read_audio(before)
    other, other_rate = read_audio(after)
    if one.shape != other.shape or one.dtype != other.dtype or rate != other_rate:
        return False
    differs = one != other
    for cut in report.outcome.cuts:
        differs[cut.start : cut.stop, cut.channel] = False
    if before.suffix == ".flac":
        return not differs.any()
    old, new = before.read_bytes(), after.read_bytes()
    header = 24 if before.suffix == ".au" else 40  # the least that there is before the samples
    return not differs.any() and len(old) == len(new) and old[:header] == new[:header]


def covered(places: Sequence[tuple[int, int, int]], report: RedactionReport) -> int:
    """How many places are not wholly within a cut."""
    cuts = report.outcome.cuts
    return sum(
        not any(cut.channel == number and cut.start <= start and stop <= cut.stop for cut in cuts)
        for number, start, stop in places
    )


def bound(count: int, n: int) -> str:
    """The count of how many, and the upper end of the exact 95 % interval."""
    return f"{count} of {n} (at most {100 * scipy.stats.beta.ppf(0.975, count + 1, n - count) if count < n else 100:.2f} %)"


def main(argv: Sequence[str] | None = None) -> int:
    """Run it and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="number of the first call")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--recordings", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--every", type=int, default=50, help="print the counts so often")
    args = parser.parse_args(argv)
    counts: Counter[str] = Counter()
    for number in range(args.first, args.first + args.calls):
        rng = np.random.default_rng([args.seed, number])
        call = make_call(rng)
        (ending, subtype), fill = FORMATS[rng.integers(len(FORMATS))], FILLS[rng.integers(len(FILLS))]
        with tempfile.TemporaryDirectory() as folder:
            one_call(call, Path(folder), ending, subtype, fill, counts, f"call {number} ({ending} {subtype}, {fill})")
        if (number + 1 - args.first) % args.every == 0:
            show(counts)
    if args.recordings is not None:
        for path in sorted(
            p for p in args.recordings.rglob("*") if p.suffix.lower() in (".wav", ".flac", ".aiff", ".au")
        ):
            with tempfile.TemporaryDirectory() as folder:
                recording(path, Path(folder), counts)
    show(counts)
    if args.json is not None:
        args.json.write_text(json.dumps(dict(sorted(counts.items())), indent=1) + "\n")
    return 0


def one_call(call: Call, folder: Path, ending: str, subtype: str, fill: str, counts: Counter[str], name: str) -> None:
    """Redact one call and count."""
    before, quiet, after = (folder / f"{stem}.{ending}" for stem in ("before", "quiet", "after"))
    for path, samples in ((before, call.samples), (quiet, call.quiet)):
        write_audio(path, samples, call.samplerate, subtype=subtype)
    counts["calls"] += 1
    counts[f"calls {fill}"] += 1
    counts["presses"] += len(call.presses)
    counts["echoes"] += len(call.echoes)
    try:
        report = redact_file(before, after, fill=fill, seed=1)
    except DtmfError as error:
        counts["refused"] += 1
        print(f"{name}: {error}", flush=True)
        return
    counts["rounds"] += report.outcome.rounds
    counts["more than one round"] += report.outcome.rounds > 1
    counts["changed outside cuts"] += not outside_cuts_is_equal(before, after, report)
    counts["uncovered presses"] += (missed := covered(call.presses, report))
    counts["uncovered echoes"] += covered(call.echoes, report)
    near = round(NEAR_MS * call.samplerate / 1000)
    far = [
        cut
        for cut in report.outcome.cuts
        if not any(
            start - near < cut.stop and cut.start < stop + near for _, start, stop in (*call.presses, *call.echoes)
        )
    ]
    counts["calls cut too much"] += bool(far)
    counts["ms cut too much"] += round(sum(cut.stop - cut.start for cut in far) * 1000 / call.samplerate)
    counts["ms"] += round(len(call.samples) * call.samplerate**-1 * 1000)
    left = keys_of(tone.tone for tone in decode_file(after, profile="sensitive"))
    counts["left for dtmf_audio"] += bool(left)
    told = [f"dtmf_audio {left}"] if left else []
    for peer in PEERS:
        keys = heard(peer, after)
        if any(keys):
            own = heard(peer, quiet)
            counts[f"left for {peer.name}"] += 1
            counts[f"left for {peer.name}, of them heard without presses too"] += any(own)
            counts[f"left for {peer.name}, {fill}"] += 1
            told.append(f"{peer.name} {keys}, without presses {own}")
    if told or missed:
        print(f"{name}: {missed} uncovered; {'; '.join(told)}", flush=True)


def recording(path: Path, folder: Path, counts: Counter[str]) -> None:
    """Redact a recording and count."""
    after = folder / f"after{path.suffix}"
    try:
        report = redact_file(path, after)
    except DtmfError as error:
        counts["recordings refused"] += 1
        print(f"{path.name}: {error}", flush=True)
        return
    counts["recordings"] += 1
    counts["recordings with presses"] += bool(report.outcome.presses)
    told = []
    if any(decode_file(after, profile="sensitive")):
        counts["recordings left for dtmf_audio"] += 1
        told.append("dtmf_audio")
    for peer in PEERS:
        keys = heard(peer, after)
        counts[f"recordings left for {peer.name}"] += any(keys)
        if any(keys):
            told.append(f"{peer.name} {keys}")
    if told:
        print(f"{path.name}: {'; '.join(told)}", flush=True)


def show(counts: Counter[str]) -> None:
    """Print the counts."""
    calls = counts["calls"]
    print(
        f"--- {calls} calls, {counts['ms'] / 3.6e6:.2f} h, {counts['presses']} presses; {', '.join(p.name for p in PEERS)}"
    )
    for name in sorted(counts.keys() | {"refused", "changed outside cuts", "left for dtmf_audio"}):
        of = {"uncovered presses": counts["presses"], "uncovered echoes": counts["echoes"]}.get(name, calls)
        if name in ("calls", "presses", "echoes", "ms", "rounds", "ms cut too much") or "recordings" in name:
            print(f"{name}: {counts[name]}")
        else:
            print(f"{name}: {bound(counts[name], max(of, 1))}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
