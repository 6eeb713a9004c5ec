"""Scan of 2,000 recordings of which 5 % are broken in ten ways: the same bytes whatever happens, and how fast.

    python tests/benchmarks/scan.py [--files 2000] [--kills 5] [--seconds 30] [--speed-files 400]

It scans with 1 process, 2 processes, on a Dask cluster of which a worker is killed (if distributed is installed), and
with SIGKILL at random moments, and compares the finished files byte by byte. Then it prints the throughput with the
files in the cache beside that of as many processes that read and decode their share of the files and do nothing else:
the ratio is what the scan loses, by the clock, and in processor time, which other work on the machine disturbs less. It exits with 1 if any file differs.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before numpy is loaded
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np  # noqa: E402
from scan_corpus import MAX_DURATION_H, make_corpus, pressed, wav  # noqa: E402

from dtmf_audio import decode_file  # noqa: E402
from dtmf_audio.scan import scan_to_file  # noqa: E402
from dtmf_audio.scan_pool import cores  # noqa: E402

ROUNDS = 3


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
        if not part.exists():
            print("  finished before it was killed")
            break
        print(f"  killed with {len(part.read_bytes().splitlines()) - 1} files done")
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
    output = folder / "speed.jsonl"
    print(
        f"throughput: {n_files} files of {seconds:g} s, {jobs} processes, in the cache; load {os.getloadavg()[0]:.1f}"
    )
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        shares = [paths[start::jobs] for start in range(jobs)]
        pool.map(plain, shares, chunksize=1)
        start_cpu_s, _, _ = timed(paths[:jobs], output, jobs)
        for _ in range(ROUNDS):
            begin_s = time.perf_counter()
            plain_cpu_s = sum(pool.map(plain, shares, chunksize=1))
            plain_s = time.perf_counter() - begin_s
            cpu_s, running_s, whole_s = timed(paths, output, jobs)
            cpu_s -= start_cpu_s
            print(
                f"  by the clock: read and decoded {n_files / plain_s:.0f} files a second, "
                f"scanned {n_files / running_s:.0f}, ratio {plain_s / running_s:.2f}, "
                f"with the start of the workers {n_files / whole_s:.0f}, ratio {plain_s / whole_s:.2f}; "
                f"processor time: {1000 * plain_cpu_s / n_files:.2f} and {1000 * cpu_s / n_files:.2f} ms a file, "
                f"ratio {plain_cpu_s / cpu_s:.2f}, and {start_cpu_s:.1f} s for the start"
            )


def timed(paths: list[Path], output: Path, jobs: int) -> tuple[float, float, float]:
    """Scan, and return the processor time in all, and the seconds from the first file on and in all."""
    told_s: list[float] = []
    begin_s, begin_cpu_s = time.perf_counter(), used_s()
    scan_to_file(paths, output, jobs=jobs, force=True, progress=lambda _: told_s.append(time.perf_counter()))
    end_s = time.perf_counter()
    return used_s() - begin_cpu_s, end_s - told_s[1], end_s - begin_s  # told_s[0] is when the files are known


def plain(paths: list[Path]) -> float:
    """Read and decode files, and return the processor time it took."""
    begin_s = time.process_time()
    for path in paths:
        decode_file(path)
    return time.process_time() - begin_s


def used_s() -> float:
    """Processor time of this process and of its workers that have ended."""
    own, workers = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + workers.ru_utime + workers.ru_stime


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
