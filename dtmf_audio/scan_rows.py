"""What a scan finds in a file, as a row: JSON, CSV and back again; pure.

A file is one row of JSON lines. In CSV and Parquet each tone is a row, and a file without tones, or with an error, is
one row whose columns of tones are empty. The columns are those of ``decode`` first, then those of the file:

==============  ================================================================================================
key             what it is
==============  ================================================================================================
``file``        its path, below what was asked for; or its URL
``size_bytes``  as it was read
``mtime``       when it was last changed, ISO 8601 in UTC to the nanosecond; null where a store does not know
``samplerate``  Hz
``channels``    how many it has, decoded or not
``duration_s``  seconds that were decoded
``status``      ``ok`` or ``error``
``error``       what is wrong with it and what to do; null if nothing is
``settings``    digest of what the scan was asked for, and of the version: rows with the same one can be compared
``tones``       JSON alone: the tones in the order of their starts, each as :func:`dtmf_audio.formats.json_object`
==============  ================================================================================================

Nothing in a row depends on when, where or in which order it was made, so that a scan ends in the same bytes whatever
happened on the way.
"""

from __future__ import annotations

import csv
import functools
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, NamedTuple

from dtmf_audio.formats import CSV_COLUMNS, csv_field
from dtmf_audio.profiles import Profile

Outcome = Literal["tones", "none", "error"]

_OF_FILE = ("channels", "duration_s", "size_bytes", "mtime", "status", "error", "settings")
COLUMNS = (*CSV_COLUMNS, *_OF_FILE)
_OF_TONE = CSV_COLUMNS[1:]
TEXTS = {"file", "tone", "key", "mtime", "status", "error", "settings"}
WHOLE = {"channel", "start_sample", "stop_sample", "samplerate", "channels", "size_bytes"}  # all others are floats


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSettings:
    """What every file of a scan is decoded with.

    Attributes
    ----------
    profile : Profile
    channel : int, optional
        Decode this channel alone, counted from 0.
    mask : bool
        Hide which keys they are, and all that was measured.
    partial : bool
        Take what is there of a file that breaks off.
    max_duration_h : float
        Longer files are errors.
    timeout_s : float, optional
        How long one file may take. It is not part of the digest: it changes no row but its own errors.
    version : str
        Of dtmf_audio.
    """

    profile: Profile
    channel: int | None
    mask: bool
    partial: bool
    max_duration_h: float
    timeout_s: float | None
    version: str

    def told(self) -> dict[str, Any]:
        """Return what the rows depend on, ready for JSON."""
        limits = {name: str(value) for name, value in asdict(self.profile).items()}
        rest = {field.name: getattr(self, field.name) for field in fields(self)}
        del rest["timeout_s"]
        return rest | {"profile": limits}

    def digest(self) -> str:
        """Return twelve characters that differ where the rows may."""
        return _digest(self)


@functools.cache
def _digest(settings: ScanSettings) -> str:
    return hashlib.sha256(json.dumps(settings.told(), sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileResult:
    """What a scan found in one file; the module says what each attribute is.

    Attributes
    ----------
    file : str
    size_bytes : int, optional
    mtime : str, optional
    samplerate, channels : int, optional
    duration_s : float, optional
    status : {"ok", "error"}
    error : str, optional
    settings : str
    tones : tuple of dict
    """

    file: str
    size_bytes: int | None = None
    mtime: str | None = None
    samplerate: int | None = None
    channels: int | None = None
    duration_s: float | None = None
    status: Literal["ok", "error"]
    error: str | None = None
    settings: str
    tones: tuple[dict[str, Any], ...] = ()

    def to_json(self) -> str:
        """Return it as one line of JSON, in ASCII, without its newline."""
        return json.dumps({name: getattr(self, name) for name in _NAMES}, allow_nan=False)

    @classmethod
    def from_json(cls, line: str | bytes) -> FileResult:
        """Read it back.

        Raises
        ------
        ValueError
            It is not such a line.
        """
        told = json.loads(line)
        if not isinstance(told, dict) or set(told) != set(_NAMES) or not isinstance(told["tones"], list):
            raise ValueError("not a row of a scan")
        return cls(**told | {"tones": tuple(told["tones"])})

    @property
    def outcome(self) -> Outcome:
        """Whether there are tones in it, none, or an error."""
        if self.status == "error":
            return "error"
        return "tones" if self.tones else "none"


_NAMES = tuple(field.name for field in fields(FileResult))


class Row(NamedTuple):
    """A result on its way to the journal, in the form that passes between processes most cheaply.

    ``identity`` tells whether the file is still what was decoded. It is None where another attempt may end otherwise:
    the worker died, the time was up, the file changed or could not be opened.
    """

    file: str
    identity: str | None
    outcome: Outcome
    text: str


def row_of(result: FileResult, identity: str | None) -> Row:
    """Make a row of a result."""
    return Row(result.file, identity, result.outcome, result.to_json())


def identity_of(size_bytes: int | None, mtime: str | None) -> str:
    """Return what a file is told by, besides its name."""
    return f"{size_bytes} {mtime}"


# --- tables ------------------------------------------------------------------------------------------------------


def flat_rows(result: FileResult) -> Iterator[dict[str, Any]]:
    """Yield a row of :data:`COLUMNS` for each tone, or the one of a file without."""
    of_file = {name: getattr(result, name) for name in ("file", "samplerate", *_OF_FILE)}
    for tone in result.tones or ({},):
        yield dict.fromkeys(COLUMNS) | of_file | tone


def unflattened(rows: Iterable[dict[str, Any]]) -> Iterator[FileResult]:
    """Put the rows of a table together again; those of a file follow each other."""
    told: dict[str, Any] | None = None
    tones: list[dict[str, Any]] = []
    for row in rows:
        if told is None or row["file"] != told["file"]:
            if told is not None:
                yield FileResult(**told, tones=tuple(tones))
            told = {name: row[name] for name in ("file", "samplerate", *_OF_FILE)}
            tones = []
        if row["tone"] is not None:
            tones.append({name: row[name] for name in _OF_TONE})
    if told is not None:
        yield FileResult(**told, tones=tuple(tones))


def csv_header() -> str:
    """Return the first line of the CSV."""
    return ",".join(COLUMNS)


def csv_lines(result: FileResult) -> Iterator[str]:
    """Yield the lines of a file, without their newlines: RFC 4180, but lines end in LF."""
    for row in flat_rows(result):
        yield ",".join(csv_field(row[name]) for name in COLUMNS)


def csv_results(lines: Iterable[str]) -> Iterator[FileResult]:
    """Read the CSV of a scan back.

    Raises
    ------
    ValueError
        It is another CSV.
    """
    reader = csv.reader(lines, strict=True)
    try:
        if tuple(next(reader, ())) != COLUMNS:
            raise ValueError("not the columns of a scan")
        yield from unflattened(
            {name: _parsed(name, field) for name, field in zip(COLUMNS, row, strict=True)} for row in reader
        )
    except csv.Error as error:
        raise ValueError(str(error)) from error


def _parsed(name: str, field: str) -> Any:
    if field == "":
        return None
    if name in TEXTS:
        return field
    return int(field) if name in WHOLE else float(field)
