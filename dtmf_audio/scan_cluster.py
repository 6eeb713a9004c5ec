"""A scan on a cluster of Dask: the same rows, decoded elsewhere.

The workers need this package in the same version, and the files under the same names. A worker that is lost costs
nothing but time: what it had is decoded again by another. A file that takes several workers with it is tried once more
alone, and then reported. A worker's thread cannot be killed from outside, so that a file whose time is up is given up
between two blocks, and one that hangs in a read is not.
"""

from __future__ import annotations

import contextlib
import queue
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from dtmf_audio.errors import MissingLibraryError, ScanError

if TYPE_CHECKING:
    from dtmf_audio.scan_find import Planned
    from dtmf_audio.scan_rows import Row, ScanSettings

BATCH_FILES = 32  # chosen: a task costs the scheduler about 1 ms, a file of 1 s as much
BATCH_BYTES = 2**23
AHEAD = 3  # batches for each thread: none waits, and the scheduler holds little
CONNECT_S = 10.0
LOST_S = 10.0  # how long the scheduler may be away
STAFFED_S = 60.0  # how long there may be no worker: clusters start them when there is work
RESULT_S = 60.0  # for the rows of a batch to come here


def decode_on_cluster(files: Sequence[Planned], settings: ScanSettings, address: str) -> Iterator[Row]:
    """Yield a row for each file, as the cluster finishes them.

    Parameters
    ----------
    files : sequence of Planned
    settings : ScanSettings
    address : str
        Of the scheduler: ``tcp://scheduler:8786``.

    Raises
    ------
    MissingLibraryError
        distributed is not installed.
    ScanError
        The scheduler is not there, goes away, has no workers, or they cannot do it.
    """
    try:
        import distributed
    except ImportError as error:
        raise MissingLibraryError(
            "a cluster needs distributed, which is not installed; pip install 'dtmf-audio[cluster]'"
        ) from error

    class Client(distributed.Client):
        def __del__(self) -> None:
            """Do nothing: one with a bad address would wait here for 20 s, and complain once more with a traceback."""

    try:
        connect: Any = Client
        client = connect(address, timeout=CONNECT_S, set_as_default=False, name="dtmf-audio-scan")
    except Exception as error:  # no address, no such scheme, nobody there, no certificates
        raise ScanError(
            f"{address}: there is no scheduler of Dask ({_first_line(error)}); check the address"
        ) from error
    try:
        yield from _Batches(client, address, files, settings).rows()
    finally:
        with contextlib.suppress(Exception):  # the scheduler may be gone, and what it says then is no news
            client.close(timeout=2)


class _Batches:
    def __init__(self, client: Any, address: str, files: Sequence[Planned], settings: ScanSettings) -> None:
        self._client = client
        self._address = address
        self._settings = settings
        self._batches = _batches(files)
        self._running: dict[Any, list[Planned]] = {}
        self._done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._alone: set[str] = set()  # files that were lost with a batch, and get one more attempt

    def rows(self) -> Iterator[Row]:
        threads = self._threads()
        answered_s = staffed_s = time.monotonic()
        while self._batches or self._running:
            while self._batches and len(self._running) < AHEAD * max(1, threads):
                self._submit(self._batches.popleft())
            try:
                future = self._done.get(timeout=1.0)
            except queue.Empty:
                if self._client.status != "running":
                    if self._client.status == "closed" or time.monotonic() - answered_s > LOST_S:
                        raise self._lost() from None
                    continue
                answered_s = time.monotonic()
                threads = self._threads()
                if threads:
                    staffed_s = answered_s
                elif answered_s - staffed_s > STAFFED_S:
                    raise ScanError(
                        f"{self._address}: the scheduler has no workers; start some, dask worker {self._address}"
                    ) from None
                continue
            answered_s = staffed_s = time.monotonic()
            yield from self._finished(future)

    def _submit(self, batch: list[Planned]) -> None:
        try:
            future = self._client.submit(decode_batch, batch, self._settings, pure=False)
            self._running[future] = batch
            future.add_done_callback(self._done.put)
        except Exception as error:
            raise self._lost() from error

    def _finished(self, future: Any) -> Iterator[Row]:
        from distributed.scheduler import KilledWorker

        from dtmf_audio.scan_decode import given_up

        batch = self._running.pop(future)
        if future.status in ("cancelled", "lost"):
            raise self._lost()
        try:
            rows: list[Row] = future.result(timeout=RESULT_S)
        except KilledWorker:
            for planned in batch:
                if planned.file not in self._alone:
                    self._alone.add(planned.file)
                    self._batches.append([planned])
                else:
                    problem = "the workers that decoded it died; scan it alone, with more memory"
                    yield given_up(planned, self._settings, problem)
            return
        except (OSError, TimeoutError) as error:
            raise self._lost() from error
        except Exception as error:
            raise ScanError(
                f"{self._address}: a worker cannot do it ({type(error).__name__}: {_first_line(error)}); install "
                f"dtmf-audio {self._settings.version} on the workers"
            ) from error
        yield from rows

    def _threads(self) -> int:
        try:
            threads: int = sum(self._client.nthreads().values())
        except Exception as error:
            raise self._lost() from error
        return threads

    def _lost(self) -> ScanError:
        return ScanError(
            f"{self._address}: the scheduler went away; what is done is kept, and the same command goes on"
        )


def decode_batch(batch: list[Planned], settings: ScanSettings) -> list[Row]:
    """Decode some files: what a worker does.

    Raises
    ------
    ScanError
        The worker has another version of this package.
    """
    from dtmf_audio import __version__
    from dtmf_audio.scan_decode import decode_planned

    if __version__ != settings.version:
        raise ScanError(f"it has dtmf-audio {__version__}")
    return [decode_planned(planned, settings) for planned in batch]


def _batches(files: Sequence[Planned]) -> deque[list[Planned]]:
    """Put small files together."""
    batches: deque[list[Planned]] = deque()
    held = BATCH_BYTES
    for planned in files:
        if not batches or len(batches[-1]) >= BATCH_FILES or held + planned.size_bytes > BATCH_BYTES:
            batches.append([])
            held = 0
        batches[-1].append(planned)
        held += planned.size_bytes
    return batches


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
