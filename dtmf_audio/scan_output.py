"""Results of a scan on disk: a journal while it runs, and the finished file.

Decisions
---------
**The journal** ``results.jsonl.part`` is a line for what the scan was asked for, and then a line for each file in the
order in which they finish: what the file was told by, a tab, and the row. Each line is written whole; what a crash or
a full disk leaves of a line is cut when it is opened again, and what is on disk is never older than :data:`SYNC_S`.
**The finished file** is made of it at the end: sorted by the names of the files, beside the output, and renamed. So it
is there whole or not at all, and its bytes do not depend on the order, the number of workers or interruptions.

**A finished file is gone on from as well**: its rows become those of a new journal, but for errors, which are tried
again. New files of a growing archive are then all that is decoded.

Two scans into one file would mix: the journal is locked.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self

from dtmf_audio.audio_write import replace_file
from dtmf_audio.errors import AudioFileError, InvalidSettingError, MissingLibraryError
from dtmf_audio.formats import in_utf8
from dtmf_audio.places import reason
from dtmf_audio.scan_find import mtime_ns, mtime_text
from dtmf_audio.scan_rows import (
    COLUMNS,
    TEXTS,
    WHOLE,
    FileResult,
    Outcome,
    Row,
    ScanSettings,
    csv_header,
    csv_lines,
    csv_results,
    flat_rows,
    identity_of,
    row_of,
    unflattened,
)

ENDINGS = (".jsonl", ".csv", ".parquet")
JOURNAL_ENDING = ".part"
SYNC_S = 5.0  # chosen: a crash of the machine costs so much work; to sync after each file would cost most of the time
TABLE_ROWS = 2**16  # of Parquet held at a time

_FORMAT = 1
_HEADER_BEGINS = b'{"scan": '


class _Entry(NamedTuple):
    identity: str | None
    outcome: Outcome
    start: int
    length: int


class Journal:
    """The rows of a scan that is running; a context manager.

    Parameters
    ----------
    output : str or os.PathLike
        The file to be made, its format by its ending.
    settings : ScanSettings
    force : bool
        Begin anew, whatever there is.

    Raises
    ------
    InvalidSettingError
        The ending tells no format, or what is there was made with other settings, or is something else.
    AudioFileError
        It cannot be written, or another scan is writing it.
    MissingLibraryError
        Parquet is asked for, and pyarrow is not installed.
    """

    def __init__(self, output: str | os.PathLike[str], settings: ScanSettings, *, force: bool = False) -> None:
        self._output = Path(output)
        self._name = str(self._output)
        self._settings = settings
        self._entries: dict[str, _Entry] = {}
        self._end = 0
        self._synced_s = time.monotonic()
        self._remove_when_closed = False
        self._worth_keeping = True  # what the journal holds, until it is known to be nothing
        ending = self._output.suffix.lower()
        if ending not in ENDINGS:
            raise InvalidSettingError(
                f"{self._name}: its ending {ending!r} tells no format; use one of {', '.join(ENDINGS)}"
            )
        if ending == ".parquet":
            _pyarrow(self._name)
        try:
            is_other = self._output.exists() and not self._output.is_file()
        except OSError as error:
            raise AudioFileError(f"{self._name}: cannot be looked at ({reason(error)}); write elsewhere") from error
        if is_other:
            raise AudioFileError(f"{self._name}: is no regular file; give the path of one, or of one to be made")
        if not self._output.parent.is_dir():
            raise AudioFileError(
                f"{self._name}: directory {str(self._output.parent)!r} does not exist; create it first"
            )
        self._path = self._output.with_name(self._output.name + JOURNAL_ENDING)
        try:
            self._descriptor = _open_locked(self._path, self._name)
        except AudioFileError:
            raise
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            self._end = self._begin(force)
        except BaseException:
            self.close()
            raise

    # --- what is there already ---

    def _begin(self, force: bool) -> int:
        """Read what there is; return where to go on writing."""
        if force:
            self._cut(0)
        size = os.fstat(self._descriptor).st_size
        if size and (end := self._read()):
            self._cut(end)
            return end
        self._worth_keeping = False
        held = None if force else self._finished_rows()
        self._cut(0)
        header = {"scan": _FORMAT, "settings": self._settings.digest(), "made_with": self._settings.told()}
        self._write(json.dumps(header).encode() + b"\n")
        try:
            for result in held or ():
                if result.outcome != "error" and result.mtime is not None:
                    self.append(row_of(result, identity_of(result.size_bytes, result.mtime)))
        except ValueError as error:
            raise InvalidSettingError(self._not_a_scan()) from error
        self._worth_keeping = False  # it is all in the output
        return self._end

    def _read(self) -> int:
        """Read the journal; return where its last whole line ends, 0 if there is none."""
        with os.fdopen(os.dup(self._descriptor), "rb") as file:
            file.seek(0)
            line = file.readline()
            if _is_torn_header(line):
                return 0
            self._check_header(line)
            end = len(line)
            for line in file:
                identity, tab, text = line.partition(b"\t")
                if not line.endswith(b"\n") or not tab:
                    break
                try:
                    known, result = json.loads(identity), FileResult.from_json(text)
                except ValueError:
                    break  # of a machine that went down: what comes after is decoded again
                start = end + len(identity) + 1
                self._entries[result.file] = _Entry(known, result.outcome, start, len(text) - 1)
                end += len(line)
        return end

    def _check_header(self, line: bytes) -> None:
        try:
            header = json.loads(line)
            made_with, digest, form = header["made_with"], header["settings"], header["scan"]
        except (ValueError, TypeError, KeyError):
            raise InvalidSettingError(
                f"{self._path}: is not the journal of a scan; move it away, or begin anew with --force"
            ) from None
        if form == _FORMAT and digest == self._settings.digest():
            return
        wanted = self._settings.told()
        other = [name for name in wanted if made_with.get(name) != wanted[name]]
        raise InvalidSettingError(
            f"{self._name}: its scan was begun with another {' and '.join(other) or 'format'}; go on as it was begun, "
            "begin anew with --force, or give another output"
        )

    def _finished_rows(self) -> Iterator[FileResult] | None:
        """Return the rows of a finished output; None if there is no output."""
        if not self._output.exists() or not self._output.stat().st_size:
            return None
        rows = _read_finished(self._output)
        try:
            first = next(rows, None)
        except (OSError, ValueError) as error:
            raise InvalidSettingError(self._not_a_scan()) from error
        if first is None or first.settings != self._settings.digest():
            raise InvalidSettingError(
                f"{self._name}: exists, made with other settings or another version; replace it with --force, or give "
                "another output"
            )
        return _read_finished(self._output)

    def _not_a_scan(self) -> str:
        return f"{self._name}: exists, and is not the result of a scan; replace it with --force, or give another output"

    def outcome_of(self, file: str, identity: str | None) -> Outcome | None:
        """Return what came out for a file; None if it is to be decoded, for the first time or again."""
        entry = self._entries.get(file)
        return entry.outcome if entry is not None and identity is not None and entry.identity == identity else None

    # --- writing ---

    def append(self, row: Row) -> None:
        """Add a row.

        Raises
        ------
        AudioFileError
            The disk is full, or gone. The journal ends with a whole line.
        """
        front = json.dumps(row.identity).encode() + b"\t"
        text = row.text.encode()
        start = self._end + len(front)
        self._write(front + text + b"\n")
        self._entries[row.file] = _Entry(row.identity, row.outcome, start, len(text))
        self._worth_keeping = True
        if time.monotonic() - self._synced_s > SYNC_S:
            self._sync()

    def _write(self, line: bytes) -> None:
        rest = memoryview(line)
        try:
            os.lseek(self._descriptor, self._end, os.SEEK_SET)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._end)
            raise self._unwritable(error) from error
        self._end += len(line)

    def _sync(self) -> None:
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise self._unwritable(error) from error
        self._synced_s = time.monotonic()

    def _cut(self, end: int) -> None:
        if os.fstat(self._descriptor).st_size > end:
            os.ftruncate(self._descriptor, end)

    def _unwritable(self, error: OSError) -> AudioFileError:
        kept = (
            f"; {len(self._entries)} files are done, and the same command goes on from there" if self._entries else ""
        )
        return AudioFileError(
            f"{self._path}: cannot be written ({reason(error)}); free space, change permissions, or write "
            f"elsewhere{kept}"
        )

    # --- the end ---

    def finish(self, files: Iterable[str]) -> None:
        """Make the output of the rows of these files, in this order, and remove the journal.

        Raises
        ------
        AudioFileError
            It cannot be written; the journal stays.
        """
        with os.fdopen(os.dup(self._descriptor), "rb") as journal:
            lines = self._lines(journal, files)
            with replace_file(self._output) as file:
                _write_finished(file, self._output.suffix.lower(), lines)
                file.flush()
                os.fsync(file.fileno())
        self._worth_keeping = False

    def _lines(self, journal: BinaryIO, files: Iterable[str]) -> Iterator[bytes]:
        for file in files:
            entry = self._entries[file]
            journal.seek(entry.start)
            yield journal.read(entry.length)

    def close(self) -> None:
        """Close the journal, and remove it if nothing is lost with it."""
        if self._worth_keeping:
            with contextlib.suppress(AudioFileError):
                self._sync()
        else:
            self._remove()
        os.close(self._descriptor)
        if self._remove_when_closed:
            with contextlib.suppress(OSError):
                self._path.unlink()

    def _remove(self) -> None:
        try:
            self._path.unlink()
        except OSError:  # Windows, as long as it is open
            self._remove_when_closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _is_torn_header(line: bytes) -> bool:
    """Whether the first line is all that a crash left of a header, or the zeros that it left instead."""
    if line.endswith(b"\n"):
        return False
    return line.startswith(_HEADER_BEGINS) or _HEADER_BEGINS.startswith(line) or not line.strip(b"\0")


def _open_locked(path: Path, name: str) -> int:
    """Open the journal for this process alone."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        try:
            _lock(descriptor, name)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), path.stat()):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # another scan finished and removed it in between


def _lock(descriptor: int, name: str) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise AudioFileError(f"{name}: another scan is writing it; wait for it, or give another output") from error
    except OSError:  # a file system without locks
        return


# --- finished files ----------------------------------------------------------------------------------------------


def _write_finished(file: BinaryIO, ending: str, lines: Iterable[bytes]) -> None:
    if ending == ".jsonl":
        for line in lines:
            file.write(line + b"\n")
    elif ending == ".csv":
        file.write(csv_header().encode() + b"\n")
        for line in lines:
            for row in csv_lines(FileResult.from_json(line)):
                file.write(row.encode() + b"\n")
    else:
        _write_parquet(file, (FileResult.from_json(line) for line in lines))


def _read_finished(path: Path) -> Iterator[FileResult]:
    """Yield the rows of a finished output; ValueError if it is something else."""
    ending = path.suffix.lower()
    if ending == ".jsonl":
        with path.open("rb") as file:
            yield from (FileResult.from_json(line) for line in file)
    elif ending == ".csv":
        with path.open(encoding="utf-8", newline="") as text:
            yield from csv_results(text)
    else:
        yield from _parquet_results(path)


def _pyarrow(name: str) -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingLibraryError(
            f"{name}: Parquet is written by pyarrow, which is not installed; pip install 'dtmf-audio[parquet]', or "
            "give a name that ends in .csv or .jsonl"
        ) from error
    return pyarrow


def _write_parquet(file: BinaryIO, results: Iterable[FileResult]) -> None:
    pa = _pyarrow("")

    def kind(name: str) -> Any:
        if name == "mtime":
            return pa.timestamp("ns", tz="UTC")
        return pa.string() if name in TEXTS else pa.int64() if name in WHOLE else pa.float64()

    schema = pa.schema([(name, kind(name)) for name in COLUMNS])
    with pa.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        rows: list[dict[str, Any]] = []
        for result in results:
            rows += flat_rows(result)
            if len(rows) >= TABLE_ROWS:
                writer.write_table(_table(pa, schema, rows))
                rows = []
        writer.write_table(_table(pa, schema, rows))


def _table(pa: Any, schema: Any, rows: list[dict[str, Any]]) -> Any:
    columns = {name: [row[name] for row in rows] for name in COLUMNS}
    for name in ("file", "error"):
        columns[name] = [None if text is None else in_utf8(text) for text in columns[name]]
    columns["mtime"] = pa.array([_within_int64(text) for text in columns["mtime"]], pa.int64()).cast(
        schema.field("mtime").type
    )
    return pa.table(columns, schema=schema)


def _within_int64(mtime: str | None) -> int | None:
    """Return nanoseconds since 1970; None before 1678 and after 2262, which Parquet cannot tell."""
    ns = None if mtime is None else mtime_ns(mtime)
    return ns if ns is not None and -(2**63) <= ns < 2**63 else None


def _parquet_results(path: Path) -> Iterator[FileResult]:
    pa = _pyarrow(str(path))
    with pa.parquet.ParquetFile(path) as file:
        if tuple(file.schema_arrow.names) != COLUMNS:
            raise ValueError("not the columns of a scan")
        yield from unflattened(row for batch in file.iter_batches() for row in _dicts(pa, batch))


def _dicts(pa: Any, batch: Any) -> Iterator[dict[str, Any]]:
    place = batch.schema.get_field_index("mtime")
    whole = batch.set_column(place, "mtime", batch.column(place).cast(pa.int64()))  # Python's times have no ns
    for row in whole.to_pylist():
        yield row | {"mtime": None if row["mtime"] is None else mtime_text(row["mtime"])}
