"""Thousands of recordings at once: decoded by all cores, or by a cluster, with a row for each, whatever is in it.

``scan`` yields what it finds; ``scan_to_file`` writes it, and can be interrupted at any time and called again. The rows
are described in :mod:`dtmf_audio.scan_rows`, what is found in :mod:`dtmf_audio.scan_find`, what is written in
:mod:`dtmf_audio.scan_output`.

One file never ends a scan: a broken one, one that changes while it is read, one whose decoding takes too long, and one
that kills the process that decodes it, twice, are rows with an error. Only what would fail for every file is raised.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dtmf_audio.errors import InvalidSettingError
from dtmf_audio.profiles import Profile, get_profile
from dtmf_audio.scan_cluster import decode_on_cluster
from dtmf_audio.scan_find import Paths, Planned, find_files
from dtmf_audio.scan_output import Journal
from dtmf_audio.scan_pool import cores, decode_in_processes
from dtmf_audio.scan_rows import FileResult, Row, ScanSettings

__all__ = ["FileResult", "ScanState", "scan", "scan_to_file"]

TIMEOUT_S = 600.0  # chosen: a day of stereo MP3 takes a quarter of it
MAX_DURATION_H = 24.0  # chosen: the longest loggers begin a new file every day


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanState:
    """How far a scan is, in files.

    Attributes
    ----------
    files : int
        In all.
    with_tones, without_tones, errors : int
        What is done.
    resumed : int
        How many of these were done when it began.
    unread : tuple of str
        Names of recordings in the folders that are not among these, since their format is not read.
    """

    files: int
    with_tones: int
    without_tones: int
    errors: int
    resumed: int
    unread: tuple[str, ...] = ()

    @property
    def done(self) -> int:
        """How many files are done."""
        return self.with_tones + self.without_tones + self.errors


def scan(
    paths: Paths,
    *,
    profile: str | Profile = "default",
    channel: int | None = None,
    mask: bool = False,
    partial: bool = False,
    max_duration_h: float = MAX_DURATION_H,
    timeout_s: float | None = TIMEOUT_S,
    jobs: int | None = None,
    dask: str | None = None,
) -> Iterator[FileResult]:
    """Decode many recordings, and yield what is in each, as they finish.

    It starts processes: a script that calls it must do so under ``if __name__ == "__main__":``.

    Parameters
    ----------
    paths : str, os.PathLike, or iterable of them
        Files, folders with all below them, patterns (``calls/**/*.wav``), and URLs that fsspec knows.
    profile : str or Profile
        Limits of the receiver.
    channel : int, optional
        Decode this channel alone, counted from 0; without it, all.
    mask : bool
        Hide which keys they are, and all that was measured.
    partial : bool
        Take what is there of a file that breaks off, instead of an error.
    max_duration_h : float
        Longer files are errors; a compressed file of a few bytes may go on without end.
    timeout_s : float, optional
        How long one file may take; None for as long as it likes.
    jobs : int, optional
        Processes; by default as many as cores. With 0, files are decoded here, one after the other, and one that
        hangs or kills its process is then the end.
    dask : str, optional
        Address of a Dask scheduler, ``tcp://scheduler:8786``; its workers decode.

    Yields
    ------
    FileResult
        One for each file, in the order in which they finish.

    Raises
    ------
    AudioFileError
        A path that does not exist, a pattern that matches nothing, or no audio at all.
    InvalidSettingError
        A profile, a number of jobs or a limit that does not exist.
    MissingLibraryError
        fsspec or distributed is needed, and not installed.
    ScanError
        Workers do not start, or the scheduler is not there or goes away.
    """
    settings = _settings(profile, channel, mask, partial, max_duration_h, timeout_s)
    jobs = _checked_jobs(jobs)
    for row in _rows(find_files(paths), settings, jobs, dask):
        yield FileResult.from_json(row.text)


def scan_to_file(
    paths: Paths,
    output: str | os.PathLike[str],
    *,
    profile: str | Profile = "default",
    channel: int | None = None,
    mask: bool = False,
    partial: bool = False,
    max_duration_h: float = MAX_DURATION_H,
    timeout_s: float | None = TIMEOUT_S,
    jobs: int | None = None,
    dask: str | None = None,
    force: bool = False,
    progress: Callable[[ScanState], None] | None = None,
) -> ScanState:
    """Decode many recordings into a file, and go on where an earlier call was interrupted.

    The finished file is the same, byte by byte, whatever the number of jobs and the interruptions. Until it is finished
    the rows are in ``OUTPUT.part`` beside it. The other parameters and errors are those of :func:`scan`.

    Parameters
    ----------
    output : str or os.PathLike
        Ends in ``.jsonl``, ``.csv`` or ``.parquet``.
    force : bool
        Begin anew, and replace what is there, whatever it is.
    progress : callable, optional
        Called when the files are known, and after each of them.

    Returns
    -------
    ScanState
        What came out.

    Raises
    ------
    InvalidSettingError
        What is there was made with other settings, or is no result of a scan.
    AudioFileError
        The output cannot be written, which is told before the work if it is known then.
    """
    settings = _settings(profile, channel, mask, partial, max_duration_h, timeout_s)
    jobs = _checked_jobs(jobs)
    with Journal(output, settings, force=force) as journal:
        left_out: list[str] = []
        files = find_files(paths, on_unread=left_out.append)
        unread = tuple(left_out)
        counts = {"tones": 0, "none": 0, "error": 0}
        todo: list[Planned] = []
        for planned in files:
            outcome = journal.outcome_of(planned.file, planned.identity)
            if outcome is None:
                todo.append(planned)
            else:
                counts[outcome] += 1
        resumed = sum(counts.values())

        def state() -> ScanState:
            return ScanState(
                files=len(files),
                with_tones=counts["tones"],
                without_tones=counts["none"],
                errors=counts["error"],
                resumed=resumed,
                unread=unread,
            )

        if progress is not None:
            progress(state())
        for row in _rows(todo, settings, jobs, dask):
            journal.append(row)
            counts[row.outcome] += 1
            if progress is not None:
                progress(state())
        journal.finish(planned.file for planned in files)
        return state()


def _rows(files: list[Planned], settings: ScanSettings, jobs: int, dask: str | None) -> Iterator[Row]:
    here = files if jobs == 0 and dask is None else [planned for planned in files if planned.only_here]
    elsewhere = [] if here is files else [planned for planned in files if not planned.only_here]
    if elsewhere and dask is not None:
        yield from decode_on_cluster(elsewhere, settings, dask)
    elif elsewhere:
        yield from decode_in_processes(elsewhere, settings, jobs)
    if here:
        from dtmf_audio.scan_decode import decode_planned

        yield from (decode_planned(planned, settings) for planned in here)


def _settings(
    profile: str | Profile,
    channel: int | None,
    mask: bool,
    partial: bool,
    max_duration_h: float,
    timeout_s: float | None,
) -> ScanSettings:
    from dtmf_audio import __version__

    if channel is not None and channel < 0:
        raise InvalidSettingError(f"channel {channel} asked for; channels are counted from 0")
    for name, value in (("max_duration_h", max_duration_h), ("timeout_s", timeout_s)):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise InvalidSettingError(f"{name} is {value:g}; it must be above 0")
    return ScanSettings(
        profile=get_profile(profile),
        channel=channel,
        mask=mask,
        partial=partial,
        max_duration_h=float(max_duration_h),
        timeout_s=timeout_s,
        version=__version__,
    )


def _checked_jobs(jobs: int | None) -> int:
    if jobs is None:
        return cores()
    if jobs < 0:
        raise InvalidSettingError(f"{jobs} jobs asked for; give 1 or more, or 0 to decode without other processes")
    return jobs
