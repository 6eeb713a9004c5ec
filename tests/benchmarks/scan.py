"""Scan of 2,000 recordings of which 5 % are broken in ten ways: the same bytes whatever happens, and how fast.

    python tests/benchmarks/scan.py [--files 2000] [--kills 5] [--seconds 30] [--speed-files 400]

It scans with 1 process, 2 processes, on a Dask cluster of which a worker is killed (if distributed is installed), and
with SIGKILL at random moments, and compares the finished files byte by byte. Then it prints the throughput with the
files in the cache beside that of one process that only reads and decodes, times the processes: the ratio is what the
scan loses. It exits with 1 if any file differs.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
from scan_corpus import MAX_DURATION_H, make_corpus, pressed, wav

from dtmf_audio import decode_file
from dtmf_audio.scan import scan_to_file
from dtmf_audio.scan_pool import cores


def scan(corpus: Path, output: Path, **options: object) -> bytes:
    begin_s = time.perf_counter()
    end = scan_to_file([corpus], output, max_duration_h=MAX_DURATION_H, **options)  # type: ignore[arg-type]
    print(f"  {end.files} files, {end.errors} errors, {time.perf_counter() - begin_s:.1f} s")
    return output.read_bytes()


def killed_and_resumed(corpus: Path, output: Path, kills: int, rng: random.Random) -> bytes:
    """Kill the command so many times at random moments, and then let it finish."""
    command = [sys.executable, "-m", "dtmf_audio", "scan", str(corpus), "-o", str(output), "--jobs", "2"]
    command += ["--max-duration-h", str(MAX_DURATION_H)]
    part = output.with_name(output.name + ".part")
    for _ in range(kills):
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            before = part.stat().st_size if part.exists() else 0
            while process.poll() is None and (part.stat().st_size if part.exists() else 0) <= before:
                time.sleep(0.002)
            time.sleep(rng.uniform(0.0, 0.5))
            process.kill()
        print(f"  killed; {part.read_bytes().count(b'\n') - 1 if part.exists() else 'all'} files are done")
        if not part.exists():
            break
    subprocess.run(command, check=False, stderr=subprocess.DEVNULL)
    return output.read_bytes()


def on_cluster(corpus: Path, output: Path) -> bytes | None:
    try:
        import distributed
    except ImportError:
        print("  distributed is not installed: left out")
        return None
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as cluster:
        killed: list[int] = []

        def progress(state) -> None:
            if state.done > state.files // 4 and not killed:
                killed.append(next(iter(cluster.workers.values())).pid)
                os.kill(killed[0], signal.SIGKILL)

        data = scan(corpus, output, dask=cluster.scheduler_address, progress=progress)
        assert killed
        return data


def throughput(folder: Path, n_files: int, seconds: float) -> None:
    corpus = folder / "speed"
    corpus.mkdir()
    rng = np.random.default_rng(3)
    keys = np.concatenate(
        [pressed("".join(rng.choice(list("0123456789*#"), 8)), 2.0), np.zeros(round(8000 * (seconds - 2)))]
    )
    data = wav(keys + 0.003 * rng.standard_normal(len(keys)))
    paths = [corpus / f"{number:05}.wav" for number in range(n_files)]
    for path in paths:
        path.write_bytes(data)
    jobs = cores()

    def plain() -> float:
        """Seconds to read and decode the files in this process, one after the other."""
        begin_s = time.process_time()
        for path in paths:
            decode_file(path)
        return time.process_time() - begin_s

    def scanned() -> tuple[float, float]:
        """Seconds from the start, and from the first file on."""
        first_s: list[float] = []
        begin_s = time.perf_counter()

        def progress(state) -> None:
            if state.done == 1:
                first_s.append(time.perf_counter())

        output = folder / "speed.jsonl"
        scan_to_file([corpus], output, jobs=jobs, force=True, progress=progress)
        end_s = time.perf_counter()
        return end_s - begin_s, end_s - first_s[0]

    print(
        f"throughput: {n_files} files of {seconds:g} s, {jobs} processes, in the cache; load {os.getloadavg()[0]:.1f}"
    )
    plain()
    for _ in range(3):
        plain_s, (whole_s, running_s) = plain(), scanned()
        ideal = n_files / plain_s * jobs
        print(
            f"  reading and decoding: {n_files / plain_s:.0f} files a second of processor time, x {jobs} = {ideal:.0f}; "
            f"scan: {n_files / running_s:.0f} after the start of the workers (ratio {n_files / running_s / ideal:.2f}), "
            f"{n_files / whole_s:.0f} with it (ratio {n_files / whole_s / ideal:.2f})"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--speed-files", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    differ = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if args.files:
            corpus = make_corpus(folder / "calls", args.files, seed=args.seed)
            print("1 process")
            truth = scan(corpus, folder / "1.jsonl", jobs=1)
            print("2 processes")
            results = {"2 processes": scan(corpus, folder / "2.jsonl", jobs=2)}
            print("Dask, 2 workers, one of them killed")
            results["Dask"] = on_cluster(corpus, folder / "dask.jsonl") or truth
            print(f"2 processes, killed {args.kills} times")
            results["killed"] = killed_and_resumed(corpus, folder / "k.jsonl", args.kills, random.Random(args.seed))
            differ = [what for what, data in results.items() if data != truth]
            print(f"all the same, {len(truth)} bytes" if not differ else f"DIFFERENT: {', '.join(differ)}")
        if args.speed_files:
            throughput(folder, args.speed_files, args.seconds)
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
