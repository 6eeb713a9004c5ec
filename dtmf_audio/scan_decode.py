"""One file of a scan, from its name to its row; whatever is wrong with it becomes a row with an error."""

from __future__ import annotations

import contextlib
import stat
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from dtmf_audio.audio_io import open_audio
from dtmf_audio.errors import AudioFileError, DtmfError, MissingLibraryError
from dtmf_audio.files import iter_reader
from dtmf_audio.formats import json_object
from dtmf_audio.places import Source, name_of, reason
from dtmf_audio.scan_find import Planned, facts_of, file_system, size_and_mtime
from dtmf_audio.scan_rows import FileResult, Row, ScanSettings, identity_of, row_of


class _StopError(Exception):
    """The file is given up in the middle."""

    def __init__(self, problem: str, *, again: bool) -> None:
        super().__init__(problem)
        self.again = again


def decode_planned(planned: Planned, settings: ScanSettings) -> Row:
    """Decode a file, and never raise but for an interrupt."""
    result = FileResult(file=planned.file, status="error", settings=settings.digest())
    identity: str | None = None
    known_as = planned.file
    try:
        if planned.problem is not None:
            raise _StopError(planned.problem, again=True)
        size, mtime, identity = _facts(planned)
        result = replace(result, size_bytes=size, mtime=mtime)
        try:
            with _opened(planned) as source:
                known_as = name_of(source, "")
                result = _decoded(source, result, settings)
        finally:  # a file that is still being written breaks off, too
            if _facts(planned)[2] != identity:
                raise _StopError("changed while it was read; scan again when it is finished", again=True)
    except _StopError as stop:
        result, identity = _failed(result, str(stop)), None if stop.again else identity
    except DtmfError as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno is not None:
            identity = None  # of the system, not of what is in the file
        result = _failed(result, _without_name(str(error), planned.file, known_as))
    except MemoryError:
        result, identity = _failed(result, "there is not enough memory to decode it; use fewer jobs"), None
    except Exception as error:  # a mistake of this library, or whatever a store raises
        told = type(error).__name__ if settings.mask else f"{type(error).__name__}: {reason(error)}"
        result, identity = _failed(result, f"cannot be decoded ({told})"), None
    return row_of(result, identity)


def given_up(planned: Planned, settings: ScanSettings, problem: str) -> Row:
    """Return the row of a file that no worker came back from; it will be tried again."""
    return row_of(FileResult(file=planned.file, status="error", settings=settings.digest(), error=problem), None)


def took_too_long(timeout_s: float) -> str:
    """Return what is said of a file whose time was up."""
    return f"took longer than {timeout_s:g} s; if it is worth it, allow more with --timeout-s"


def _failed(result: FileResult, problem: str) -> FileResult:
    return replace(result, status="error", error=problem, duration_s=None, tones=())


def _facts(planned: Planned) -> tuple[int | None, str | None, str]:
    if planned.url is not None:
        system, _ = file_system(planned.url)
        try:
            system.invalidate_cache()
            return facts_of(system, planned.path)
        except Exception as error:  # each file system has its own
            raise _StopError(f"cannot be opened ({reason(error)}); check your rights", again=True) from None
    try:
        status = Path(planned.path).stat()
    except FileNotFoundError:
        raise _StopError("there is no such file any more; scan again", again=True) from None
    except OSError as error:
        raise _StopError(f"cannot be opened ({reason(error)}); check its permissions", again=True) from None
    if not stat.S_ISREG(status.st_mode):
        raise _StopError("is no regular file; use decode for pipes", again=True)
    size, mtime = size_and_mtime(status)
    return size, mtime, identity_of(size, mtime)


@contextlib.contextmanager
def _opened(planned: Planned) -> Iterator[Source]:
    if planned.url is None:
        yield planned.path
        return
    system, _ = file_system(planned.url)
    stream: BinaryIO
    try:
        stream = system.open(planned.path, "rb")
    except MissingLibraryError:
        raise
    except Exception as error:
        raise AudioFileError(f"{planned.file}: cannot be opened ({reason(error)}); check your rights") from error
    with stream:
        yield stream


def _decoded(source: Source, result: FileResult, settings: ScanSettings) -> FileResult:
    begin_s = time.monotonic()
    frames = 0
    with open_audio(source, partial=settings.partial) as reader:
        most_frames = settings.max_duration_h * 3600 * reader.samplerate

        def check(done: int, total: int | None) -> None:
            nonlocal frames
            frames = done
            if max(done, total or 0) > most_frames:
                raise _StopError(
                    f"is longer than {settings.max_duration_h:g} h; if it is meant to be, allow more with "
                    "--max-duration-h",
                    again=False,
                )
            if settings.timeout_s is not None and time.monotonic() - begin_s > settings.timeout_s:
                raise _StopError(took_too_long(settings.timeout_s), again=True)

        check(0, reader.frames)
        found = list(iter_reader(reader, channel=settings.channel, profile=settings.profile, progress=check))
    found.sort(key=lambda tone: (tone.start, tone.channel))
    return replace(
        result,
        status="ok",
        samplerate=reader.samplerate,
        channels=reader.channels,
        duration_s=round(frames / reader.samplerate, 6),
        tones=tuple(json_object(tone, mask=settings.mask) for tone in found),
    )


def _without_name(problem: str, *names: str) -> str:
    """Leave out the name, which the row has."""
    for name in names:
        if name and problem.startswith(name):
            return problem[len(name) :].lstrip(": ")
    return problem
