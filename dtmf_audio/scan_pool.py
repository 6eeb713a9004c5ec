"""Worker processes of a scan, each of which may die without taking more with it than one attempt at one file.

Decisions
---------
**Not concurrent.futures.** There a worker that is killed breaks the whole pool, nobody knows at which file, and one
that hangs cannot be stopped. Here each worker has a pipe of its own: what was sent and did not come back was in it.

**Processes are spawned**, on every system: nothing is inherited that a thread may hold, and BLAS is told to use one
thread before it is loaded. As always with spawning, a script that calls this must have its
``if __name__ == "__main__":``.

**Small files are sent ahead**, up to :data:`AHEAD_FILES` and :data:`AHEAD_BYTES`, so that no worker waits for the next
name; of large ones a worker has one, so that none waits behind another while a worker is idle.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING

from dtmf_audio.errors import ScanError

if TYPE_CHECKING:
    from dtmf_audio.scan_find import Planned
    from dtmf_audio.scan_rows import Row, ScanSettings

    Decode = Callable[[Planned, ScanSettings], Row]

AHEAD_FILES = 8  # chosen: beyond it nothing is gained with files of 1 s
AHEAD_BYTES = 2**20  # chosen: a few milliseconds of work
ATTEMPTS = 2
FAILED_STARTS = 3  # in a row, of workers that die before their first file
GRACE_S = 1.0  # chosen: for the worker to stop between two blocks by itself, before it is killed
BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "BLIS_NUM_THREADS")


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def decode_in_processes(
    files: Sequence[Planned], settings: ScanSettings, jobs: int, decode: Decode | None = None
) -> Iterator[Row]:
    """Yield a row for each file, as they finish.

    Parameters
    ----------
    files : sequence of Planned
    settings : ScanSettings
    jobs : int
        How many processes, 1 or more.
    decode : callable, optional
        What turns a file into its row, for tests; a function of a module.

    Raises
    ------
    ScanError
        Workers do not start.
    """
    pool = _Pool(files, settings, jobs, decode)
    try:
        yield from pool.rows()
    finally:
        pool.stop()


class _Worker:
    """A process, its pipe, and the files that it has; the first of them is the one it is at."""

    def __init__(self, settings: ScanSettings, decode: Decode | None) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.files: deque[Planned] = deque()
        self.ready = False
        self.since_s = 0.0
        self.timed_out = False
        self.process = context.Process(target=_work, args=(theirs, settings, decode), daemon=True)
        with _uninterrupted(), _one_thread_each():
            self.process.start()
        theirs.close()

    def has_room_for(self, planned: Planned) -> bool:
        """Whether the file can be sent; the first always."""
        if not self.files:
            return True
        held = sum(each.size_bytes for each in self.files)
        return self.ready and len(self.files) < AHEAD_FILES and held + planned.size_bytes <= AHEAD_BYTES

    def send(self, planned: Planned) -> None:
        """Send a file; a worker that is dead is found out by its pipe's end."""
        if not self.files:
            self.since_s = time.monotonic()
        self.files.append(planned)
        with contextlib.suppress(OSError):
            self.connection.send(planned)

    def kill(self) -> None:
        self.process.kill()

    def close(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()
        self.process.close()


class _Pool:
    def __init__(self, files: Sequence[Planned], settings: ScanSettings, jobs: int, decode: Decode | None) -> None:
        self._queue = deque(files)
        self._settings = settings
        self._jobs = jobs
        self._decode = decode
        self._workers: list[_Worker] = []
        self._attempts: dict[str, int] = {}
        self._failed_starts = 0

    def rows(self) -> Iterator[Row]:
        while self._queue or any(worker.files for worker in self._workers):
            self._hand_out()
            busy = {worker.connection: worker for worker in self._workers if worker.files}
            for connection in wait(list(busy), self._until_next_deadline()):
                yield from self._heard(busy[connection])  # type: ignore[index]  # a connection is what was waited for
            self._stop_late()

    def stop(self) -> None:
        """End every worker at once, whatever it is doing."""
        for worker in self._workers:
            worker.kill()
        for worker in self._workers:
            worker.close()
        self._workers = []

    def _hand_out(self) -> None:
        for worker in [each for each in self._workers if not each.files and not each.process.is_alive()]:
            self._workers.remove(worker)  # died with nothing to do
            worker.close()
        idle = sum(not worker.files for worker in self._workers)
        for _ in range(min(self._jobs - len(self._workers), len(self._queue) - idle)):
            self._workers.append(_Worker(self._settings, self._decode))
        for worker in sorted(self._workers, key=lambda each: len(each.files)):
            while self._queue and worker.has_room_for(self._queue[0]):
                worker.send(self._queue.popleft())

    def _heard(self, worker: _Worker) -> Iterator[Row]:
        """Yield the row that a worker has sent, or what comes of its end."""
        try:
            row = worker.connection.recv()
        except (EOFError, OSError):
            yield from self._died(worker)
            return
        worker.since_s = time.monotonic()
        if row is None:
            worker.ready = True
            self._failed_starts = 0
        else:
            worker.files.popleft()
            yield row

    def _died(self, worker: _Worker) -> Iterator[Row]:
        """Put back what a dead worker had; the file that it was at has one attempt less."""
        from dtmf_audio.scan_decode import given_up, took_too_long

        self._workers.remove(worker)
        worker.process.join()
        code = worker.process.exitcode
        worker.close()
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= FAILED_STARTS:
                raise ScanError(
                    f"the worker processes do not start (the last one ended with {code}); if this is called from a "
                    'script, call it under if __name__ == "__main__":, and otherwise use fewer jobs'
                )
            self._queue.extendleft(reversed(worker.files))
            return
        planned = worker.files.popleft()
        self._queue.extendleft(reversed(worker.files))
        if worker.timed_out and self._settings.timeout_s is not None:
            yield given_up(planned, self._settings, took_too_long(self._settings.timeout_s))
            return
        attempts = self._attempts.get(planned.file, 0) + 1
        self._attempts[planned.file] = attempts
        if attempts < ATTEMPTS:
            self._queue.append(planned)
        else:
            yield given_up(
                planned,
                self._settings,
                f"the process that decoded it died {attempts} times ({_end(code)}); scan it alone, with more memory",
            )

    def _until_next_deadline(self) -> float | None:
        """Return the seconds until a file has to be done; None if there is no such time."""
        if self._settings.timeout_s is None:
            return None
        allowed_s = self._settings.timeout_s + GRACE_S
        due_s = [worker.since_s + allowed_s for worker in self._workers if worker.files and worker.ready]
        return max(0.0, min(due_s) - time.monotonic()) if due_s else None

    def _stop_late(self) -> None:
        """Kill the workers whose time is up; their pipes tell the rest."""
        if self._settings.timeout_s is None:
            return
        for worker in self._workers:
            late_s = time.monotonic() - worker.since_s - self._settings.timeout_s
            if worker.files and worker.ready and late_s >= GRACE_S and not worker.connection.poll():
                worker.timed_out = True
                worker.kill()


def _end(code: int | None) -> str:
    """Say how a process ended."""
    if code is None or code >= 0:
        return f"exit status {code}"
    with contextlib.suppress(ValueError):
        if -code == signal.Signals.SIGKILL:
            return "killed, as when memory runs out"
        return signal.Signals(-code).name
    return f"signal {-code}"


def _work(connection: Connection, settings: ScanSettings, decode: Decode | None) -> None:
    """Decode what comes through the pipe until it is closed: what a worker does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to all; who started the scan decides
    if decode is None:
        from dtmf_audio.scan_decode import decode_planned

        decode = decode_planned
    _silence()
    with contextlib.suppress(EOFError, OSError):
        connection.send(None)
        while True:
            connection.send(decode(connection.recv(), settings))


def _silence() -> None:
    """Drop what libraries in C write to standard error, as one for MP3 does: it would lie across the progress bar.

    Not before the worker is loaded, so that a script that cannot be loaded says why.
    """
    with contextlib.suppress(OSError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        os.close(null)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold SIGINT back from a process that is being started, until it ignores it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # it would let the signal through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """Hold BLAS to one thread in the processes that are started: there is one for each core."""
    before = {name: os.environ.get(name) for name in BLAS_THREADS}
    os.environ.update(dict.fromkeys(BLAS_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
