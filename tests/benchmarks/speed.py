"""How fast the library is: beside its peers in one process on one core, and as a program beside theirs.

    python tests/benchmarks/speed.py [--rows decode render ...] [--repeats 5] [--seconds 3600] [--markdown]

Arrays and ctypes are timed by the processor time of this process, held to one core and numpy to one thread, so that
other work on the machine counts little. Programs are timed by the clock on the wall, start included. Every figure with a
``×`` is the median of ratios of runs that took turns, ours and the peer's. A peer that is missing is named
and left out. Targets are what the project wants, printed beside what was measured; nothing is asserted.
"""

# ruff: noqa: E402  # numpy reads its number of threads when it is imported
from __future__ import annotations

import os

for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[variable] = "1"

import argparse
import contextlib
import ctypes
import functools
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import numpy as np
from peer_decoders import (
    KEYS,
    RATE,
    Dtmf2num,
    GStreamer,
    MultimonNg,
    Pcm,
    Spandsp,
    _need_spandsp,
    as_pcm,
    load,
    resample,
    write_wav,
)

from dtmf_audio import StreamDecoder, decode, render
from dtmf_audio.errors import DtmfError
from dtmf_audio.signals import to_pcm16

RATE_48 = 48_000
SPEECH_FOLDERS = (Path("/usr/share/asterisk/sounds/en"), Path("/usr/share/asterisk/sounds"))
FRAME = RATE // 50  # 20 ms
BANK_CHANNELS = 1000
Figure = TypeVar("Figure")
TEXT = Path(__file__).resolve().parents[2] / "README.md"  # for espeak-ng to read aloud


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One line of the table."""

    row: str
    what: str
    target: str
    measured: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for."""

    repeats: int
    seconds: int
    memory_hours: float
    speech: Path | None


# ---- What is timed, and how ----------------------------------------------------------------------


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """Hold this process to one of its cores, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def cpu_s(action: Callable[[], object]) -> float:
    """Processor time of a call; what it returns is dropped after the clock was read."""
    begin = time.process_time()
    result = action()
    taken = time.process_time() - begin
    del result
    return taken


def in_turns(actions: Sequence[Callable[[], Figure]], repeats: int) -> list[list[Figure]]:
    """What each action measures; they run one after the other, over and over, after a turn that is not counted."""
    for action in actions:
        action()
    turns = [[action() for action in actions] for _ in range(repeats)]
    return [list(times) for times in zip(*turns, strict=True)]


def ratio(ours: list[float], theirs: list[float]) -> float:
    """Median of how many times as long theirs took, turn by turn."""
    return statistics.median(their / our for our, their in zip(ours, theirs, strict=True))


def beside(
    row: str, what: str, target: float, ours: Callable[[], object], theirs: Callable[[], object], repeats: int
) -> Result:
    """Time ours beside spandsp's in this process."""
    with one_core():
        our_s, their_s = in_turns([functools.partial(cpu_s, ours), functools.partial(cpu_s, theirs)], repeats)
    detail = f"ours {statistics.median(our_s):.4g} s, spandsp {statistics.median(their_s):.4g} s"
    return Result(
        row=row, what=what, target=f"≥ {target:g} ×", measured=f"{ratio(our_s, their_s):.2f} ×", detail=detail
    )


def skipped(row: str, what: str, target: str, why: str) -> Result:
    return Result(row=row, what=what, target=target, measured="skipped", detail=why)


# ---- Audio ---------------------------------------------------------------------------------------


@functools.cache
def spoken(folder: Path | None) -> tuple[Pcm, str] | None:
    """Some minutes of speech at 8 kHz and where it is from, or None."""
    for place in (folder,) if folder is not None else SPEECH_FOLDERS:
        recordings = []
        for path in sorted(place.rglob("*")) if place.is_dir() else []:
            with contextlib.suppress(DtmfError, OSError):
                recordings.append(load(path))
        if recordings:
            return np.concatenate(recordings), f"{len(recordings)} recordings"
    if shutil.which("espeak-ng") is None or folder is not None:
        return None
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "speech.wav"
        subprocess.run(["espeak-ng", "-f", str(TEXT), "-w", str(path)], check=True, capture_output=True)
        return load(path), "espeak-ng"


def repeated(pcm: Pcm, seconds: int) -> Pcm:
    return np.resize(pcm, seconds * RATE)


def noise(seconds: int) -> Pcm:
    """White noise of -30 dBFS."""
    return as_pcm(np.random.default_rng(1).normal(0.0, 10 ** (-30 / 20), seconds * RATE))


def dialling(seconds: int) -> Pcm:
    """Ten keys a second, 50 ms on and 50 ms off."""
    keys = np.random.default_rng(2).choice(list(KEYS), seconds * 10)
    return to_pcm16(render("".join(keys), RATE, on_ms=50, delay_ms=50, tail_ms=50).samples)


def call(options: Options, seconds: int) -> Pcm:
    """Speech, or else noise, with sixteen keys in each minute."""
    speech = spoken(options.speech)
    pcm = noise(seconds) if speech is None else repeated(speech[0], seconds)
    keys = to_pcm16(render(KEYS, RATE).samples)
    for start in range(RATE, len(pcm) - len(keys), 60 * RATE):
        pcm[start : start + len(keys)] = keys
    return pcm


def signals(options: Options, seconds: int) -> Iterator[tuple[str, Callable[[], Pcm] | None]]:
    """Kinds of audio without keys; None for speech where there is none."""
    speech = spoken(options.speech)
    yield "speech", None if speech is None else functools.partial(repeated, speech[0], seconds)
    yield "noise", functools.partial(noise, seconds)
    yield "silence", lambda: np.zeros(seconds * RATE, np.int16)


# ---- Rows ----------------------------------------------------------------------------------------


def spandsp_decode(pcm: Pcm) -> None:
    """Give spandsp's receiver blocks of 1 s."""
    library = _need_spandsp()
    state = library.dtmf_rx_init(None, None, None)
    digits = ctypes.create_string_buffer(129)
    for start in range(0, len(pcm), RATE):
        block = pcm[start : start + RATE]
        library.dtmf_rx(state, block.ctypes.data, len(block))
        library.dtmf_rx_get(state, digits, 128)
    library.dtmf_rx_free(state)


def decode_row(options: Options) -> Iterator[Result]:
    """decode() beside spandsp's dtmf_rx: speech, noise, silence; then ten keys a second."""
    several = [(name, audio, 5.0) for name, audio in signals(options, options.seconds)]
    several.append(("ten keys a second", functools.partial(dialling, options.seconds), 2.0))
    for name, audio, target in several:
        what = f"decode() of {options.seconds} s of {name}, 8 kHz"
        if audio is None or not Spandsp().available():
            yield skipped("decode", what, f"≥ {target:g} ×", "no speech" if audio is None else "no spandsp")
            continue
        pcm = audio()
        ours, theirs = functools.partial(decode, pcm, RATE), functools.partial(spandsp_decode, pcm)
        yield beside("decode", what, target, ours, theirs, options.repeats)


def decode48_row(options: Options) -> Iterator[Result]:
    """decode() at 48 kHz, in multiples of real time."""
    seconds = min(options.seconds, 600)
    for name, audio in signals(options, seconds):
        what = f"decode() of {seconds} s of {name}, 48 kHz"
        if audio is None:
            yield skipped("decode48", what, "≥ 20000 × real time", "no speech")
            continue
        pcm = as_pcm(resample(audio() / 2.0**15, RATE, RATE_48))
        with one_core():
            (times,) = in_turns([lambda pcm=pcm: cpu_s(lambda: decode(pcm, RATE_48))], options.repeats)
        taken = statistics.median(times)
        yield Result(
            row="decode48",
            what=what,
            target="≥ 20000 × real time",
            measured=f"{seconds / taken:.0f} × real time",
            detail=f"{taken:.4g} s",
        )


def bank_row(options: Options) -> Iterator[Result]:
    """DecoderBank.feed() of 20 ms of many channels, and spandsp fed channel by channel."""
    what = f"DecoderBank.feed() of 20 ms of {BANK_CHANNELS} calls, 16 keys a minute, 8 kHz"
    target = "≥ 40000 channels in real time"
    try:
        from dtmf_audio.stream import DecoderBank
    except ImportError:
        yield skipped("bank", what, target, "no DecoderBank in dtmf_audio.stream")
        return
    seconds = 4
    pcm = call(options, seconds * BANK_CHANNELS).reshape(BANK_CHANNELS, seconds * RATE)  # each another part of it
    frames = [np.ascontiguousarray(pcm[:, start : start + FRAME]) for start in range(0, seconds * RATE, FRAME)]

    def ours() -> float:
        bank = DecoderBank(BANK_CHANNELS, RATE)
        return cpu_s(lambda: [bank.feed(frame) for frame in frames])

    def theirs() -> float:
        library = _need_spandsp()
        states = [library.dtmf_rx_init(None, None, None) for _ in range(BANK_CHANNELS)]
        addresses = [[channel.ctypes.data for channel in frame] for frame in frames]
        taken = cpu_s(
            lambda: [
                library.dtmf_rx(state, address, FRAME)
                for frame in addresses
                for state, address in zip(states, frame, strict=True)
            ]
        )
        for state in states:
            library.dtmf_rx_free(state)
        return taken

    actions = [ours, theirs] if Spandsp().available() else [ours]
    with one_core():
        times = in_turns(actions, options.repeats)
    channels = [BANK_CHANNELS * seconds / statistics.median(each) for each in times]
    detail = (
        f"spandsp, one call a channel: {channels[1]:.0f}, ours {ratio(*times):.2f} ×" if times[1:] else "no spandsp"
    )
    yield Result(row="bank", what=what, target=target, measured=f"{channels[0]:.0f} channels", detail=detail)


def feed_row(options: Options) -> Iterator[Result]:
    """StreamDecoder.feed() of 20 ms: speech, noise and dialling, and the mean of them."""
    seconds = min(options.seconds, 60)
    target = "≤ 60 µs"
    named = [*signals(options, seconds), ("ten keys a second", functools.partial(dialling, seconds))]
    means = []
    for name, audio in named:
        if name == "silence":
            continue
        what = f"StreamDecoder.feed() of 20 ms of {name}, 8 kHz"
        if audio is None:
            yield skipped("feed", what, target, "no speech")
            continue
        frames = audio().reshape(-1, FRAME)

        def ours(frames: Pcm = frames) -> float:
            decoder = StreamDecoder(RATE)
            return cpu_s(lambda: [decoder.feed(frame) for frame in frames])

        with one_core():
            (times,) = in_turns([ours], options.repeats)
        means.append(1e6 * statistics.median(times) / len(frames))
        yield Result(row="feed", what=what, target="", measured=f"{means[-1]:.1f} µs")
    what = "StreamDecoder.feed() of 20 ms, mean of these"
    yield Result(row="feed", what=what, target=target, measured=f"{statistics.mean(means):.1f} µs")


def render_row(options: Options) -> Iterator[Result]:
    """render() beside spandsp's dtmf_tx at the same timing, which writes int16 where we write float64."""
    n_tones, period = 10_000, RATE // 10
    keys = (KEYS * n_tones)[:n_tones]
    what, target = f"render() of {n_tones} tones, 50/50 ms, 8 kHz", 2.0
    if not Spandsp().available():
        yield skipped("render", what, f"≥ {target:g} ×", "no spandsp")
        return
    library = _need_spandsp()
    batches = [keys[start : start + 100].encode() for start in range(0, n_tones, 100)]  # its queue holds 128

    def theirs() -> Pcm:
        samples = np.empty(n_tones * period, np.int16)
        state = library.dtmf_tx_init(None, None, None)
        library.dtmf_tx_set_timing(state, 50, 50)
        done = 0
        for batch in batches:
            library.dtmf_tx_put(state, batch, len(batch))
            done += library.dtmf_tx(state, samples.ctypes.data + 2 * done, len(batch) * period)
        library.dtmf_tx_free(state)
        assert done == len(samples)
        return samples

    repeats = max(options.repeats, 15)  # of some milliseconds each
    ours = functools.partial(render, keys, RATE, on_ms=50, delay_ms=50)
    yield beside("render", what, target, ours, theirs, repeats)
    told = beside("render", f"{what}, and its .tones", target, lambda: ours().tones, theirs, repeats)
    yield Result(row="render", what=told.what, target="", measured=told.measured, detail=told.detail)


# A small process starts each program: a child's greatest memory is at least that of the process which starts it.
START = """
import os, sys, time
begin = time.perf_counter()
pid = os.spawnvp(os.P_NOWAIT, sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(pid, 0)
taken = time.perf_counter() - begin
print()
print(taken, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, os.waitstatus_to_exitcode(status))
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """What the system says of a program that has ended."""

    wall_s: float
    cpu_s: float
    peak_bytes: int


def program(command: Sequence[str]) -> Ran:
    """Run a program to its end."""
    starter = [sys.executable, "-I", "-S", "-c", START, *command]
    said = subprocess.run(starter, env=environment(), capture_output=True, check=True, text=True, errors="replace")
    wall_s, cpu_s, peak, status = said.stdout.splitlines()[-1].split()
    if int(status):
        raise RuntimeError(f"{command[0]} ended with status {status}: {said.stderr}")
    return Ran(float(wall_s), float(cpu_s), int(peak) * (1 if sys.platform == "darwin" else 1024))


def environment() -> dict[str, str]:
    """Return the environment, with compiled modules kept as an installed package keeps them."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def own_command(path: Path) -> list[str]:
    return [sys.executable, "-m", "dtmf_audio", "decode", str(path)]


def program_row(options: Options) -> Iterator[Result]:
    """`dtmf-audio decode` of a WAV file beside other programs, each as its manual has it."""
    peers = [
        (MultimonNg(), lambda wav: ["multimon-ng", "-q", "-m", "-a", "DTMF", "-t", "wav", wav]),  # sox converts it
        (Dtmf2num(), lambda wav: ["dtmf2num", wav]),
        (
            GStreamer(),
            lambda wav: [
                *("gst-launch-1.0", "-m", "filesrc", f"location={wav}", "!", "wavparse", "!", "audioconvert", "!"),
                *(f"audio/x-raw,rate={RATE},format=S16LE,channels=1", "!", "dtmfdetect", "!", "fakesink"),
            ],
        ),
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "call.wav"
        write_wav(path, call(options, options.seconds))
        for peer, command in peers:
            what = f"dtmf-audio decode of {options.seconds} s, beside {peer.name}"
            if not peer.available():
                yield skipped("program", what, "> 1 ×", f"no {peer.name}")
                continue
            actions = [lambda: program(own_command(path)), lambda run=command: program(run(str(path)))]
            ours, theirs = in_turns(actions, options.repeats)
            faster = statistics.median(their.wall_s / our.wall_s for our, their in zip(ours, theirs, strict=True))
            yield Result(
                row="program",
                what=what,
                target="> 1 ×",
                measured=f"{faster:.2f} ×",
                detail=f"ours {seconds_of(ours)}, theirs {seconds_of(theirs)}",
            )


def seconds_of(runs: list[Ran]) -> str:
    wall_s, cpu_s = (statistics.median(times) for times in zip(*((run.wall_s, run.cpu_s) for run in runs), strict=True))
    return f"{wall_s:.3g} s ({cpu_s:.3g} s of a processor)"


def memory_row(options: Options) -> Iterator[Result]:
    """Greatest memory of `dtmf-audio decode`, of a short and of a long WAV file."""
    for seconds in (options.seconds, round(options.memory_hours * 3600)):
        what = f"memory of dtmf-audio decode, WAV of {seconds / 3600:g} h"
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "call.wav"
            if shutil.disk_usage(folder).free < 3 * 2 * RATE * seconds:
                yield skipped("memory", what, "≤ 120 MB", "the disk is too full")
                continue
            write_wav(path, call(options, seconds))
            ran = program(own_command(path))
        yield Result(
            row="memory",
            what=what,
            target="≤ 120 MB",
            measured=f"{ran.peak_bytes / 1e6:.0f} MB",
            detail=f"in {ran.wall_s:.3g} s",
        )


def import_row(options: Options) -> Iterator[Result]:
    """Import in a fresh process, interpreter's start not counted; and whether scipy.signal comes with it."""
    timed = (
        "import time; wall, cpu = time.perf_counter(), time.process_time(); {}; "
        "print(time.perf_counter() - wall, time.process_time() - cpu)"
    )
    for code, target in (("import dtmf_audio", "≤ 120 ms"), ("from dtmf_audio import decode, render", "")):
        script = [sys.executable, "-c", timed.format(code)]
        runs = [subprocess.run(script, env=environment(), capture_output=True, check=True).stdout for _ in range(13)]
        wall_s, cpu_s = (
            statistics.median(map(float, times)) for times in zip(*map(bytes.split, runs[1:]), strict=True)
        )
        yield Result(
            row="import",
            what=code,
            target=target,
            measured=f"{1e3 * wall_s:.1f} ms",
            detail=f"{1e3 * cpu_s:.1f} ms of a processor",
        )
    use = "from dtmf_audio import decode, render; decode(render('12', 8000).samples, 8000)"
    check = f"import sys; {use}; print('scipy.signal' in sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", check], capture_output=True, check=True, text=True).stdout.strip()
    answer = "yes" if loaded == "True" else "no"
    yield Result(row="import", what="scipy.signal loaded by render() and decode()", target="no", measured=answer)


ROWS: dict[str, Callable[[Options], Iterator[Result]]] = {
    "decode": decode_row,
    "decode48": decode48_row,
    "bank": bank_row,
    "feed": feed_row,
    "render": render_row,
    "program": program_row,
    "memory": memory_row,
    "import": import_row,
}


# ---- The table -----------------------------------------------------------------------------------


def machine() -> str:
    """Processor and versions."""
    processor = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next((line.split(": ")[1] for line in lines if line.startswith("model name")), processor)
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "soundfile"))
    return f"{processor}, {os.cpu_count()} cores; Python {platform.python_version()}, {versions}"


def line(result: Result, *, markdown: bool) -> str:
    if markdown:
        return f"| {result.what} | {result.target} | {result.measured} | {result.detail} |"
    target = f"target {result.target}: " if result.target else ""
    return f"{result.what}: {target}{result.measured}" + (f"  ({result.detail})" if result.detail else "")


def main() -> None:
    """Print the machine and a line for each figure, as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--repeats", type=int, default=5, help="turns of each comparison (default: 5)")
    parser.add_argument("--seconds", type=int, default=3600, help="length of the audio (default: 3600)")
    parser.add_argument("--memory-hours", type=float, default=24.0, help="length of the long file (default: 24)")
    parser.add_argument("--speech", type=Path, metavar="FOLDER", help="recordings of speech without keys")
    parser.add_argument("--markdown", action="store_true", help="print a table in Markdown")
    args = parser.parse_args()
    options = Options(args.repeats, args.seconds, args.memory_hours, args.speech)

    speech = spoken(options.speech)
    source = "no speech" if speech is None else f"speech: {speech[1]}, {len(speech[0]) / RATE:.0f} s, repeated"
    print(f"{machine()}; {source}; median of {options.repeats} turns")
    if args.markdown:
        print("\n| | target | measured | |\n|---|---|---|---|")
    for name in args.rows:
        for result in ROWS[name](options):
            print(line(result, markdown=args.markdown), flush=True)


if __name__ == "__main__":
    main()
