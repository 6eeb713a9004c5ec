"""Which files a scan is about: folders, patterns and URLs become a list of files, sorted, each of them once.

Decisions
---------
**A file is seen once**, whatever leads to it: a symbolic link, a hard link, a folder that is given twice or links to
one above it. Files and folders are told apart by device and inode. Of several names that which needs no symbolic link
is taken, and of those the first in the alphabet, so that the results do not depend on the order of the arguments.

**Folders are searched by the ending** of the names, whatever its case; names that begin with a dot are left out, as
shells do. What is named itself, or by a pattern that matches files, is taken whatever its ending.

**Recordings in formats that are not read are counted**, by their endings: a folder of M4A is not a folder without
audio. They are no rows: what else a folder holds, texts and pictures, is none either.

**What cannot be looked at is in the list too**, with its problem: a folder without permission and a link to nowhere
become rows with an error, since in ten thousand files nobody would miss them.

**fsspec is imported for the first URL.** Files of ``memory://`` exist in this process alone, and are decoded here.
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
import stat
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from dtmf_audio.errors import AudioFileError, InvalidSettingError, MissingLibraryError
from dtmf_audio.places import reason
from dtmf_audio.scan_rows import identity_of

ENDINGS = (
    *(".aif", ".aifc", ".aiff", ".au", ".caf", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".rf64", ".snd", ".sph"),
    *(".voc", ".w64", ".wav", ".wave"),
)
UNREAD = (  # of recordings that neither libsndfile nor this package reads, or that have no header to read
    *(".3ga", ".3gp", ".aac", ".ac3", ".alaw", ".amr", ".ape", ".awb", ".ds2", ".dss", ".g722", ".g729", ".gsm"),
    *(".m4a", ".m4b", ".mka", ".mp4", ".pcm", ".ra", ".raw", ".sln", ".ulaw", ".vox", ".webm", ".wma", ".wv"),
)
_HERE = {"memory"}  # file systems that another process has its own of


Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


class Planned(NamedTuple):
    """A file to decode, or to report.

    ``url`` is what fsspec finds the file system by, and ``path`` the place in it; local files have the path alone.
    """

    file: str
    path: str
    size_bytes: int = 0
    identity: str | None = None
    url: str | None = None
    problem: str | None = None
    only_here: bool = False


def find_files(paths: Paths, *, on_unread: Callable[[str], None] | None = None) -> list[Planned]:
    """Find the files of a scan.

    Parameters
    ----------
    paths : str, os.PathLike, or iterable of them
        Files, folders, patterns (``calls/**/*.wav``), and URLs of files, folders and patterns.
    on_unread : callable, optional
        Called with the name of each recording in a folder that is left out since its format is not read.

    Returns
    -------
    list of Planned
        Sorted by name.

    Raises
    ------
    AudioFileError
        A path that does not exist, a pattern that matches nothing, or no audio in all of them.
    MissingLibraryError
        A URL is given, and fsspec, or what it needs for this one, is not installed.
    """
    if isinstance(paths, str | os.PathLike):
        paths = [paths]
    given = sorted({os.fspath(path) for path in paths})
    if not given:
        raise InvalidSettingError("there is nothing to scan; give files, folders, patterns or URLs")
    found: dict[str, Planned] = {}
    unread: list[str] = []
    local: set[str] = set()
    for name in given:
        if "://" in name:
            found |= {planned.file: planned for planned in _at_url(name, unread)}
        else:
            local.update(_named(name))
    walk = _Walk(unread)
    walk.run(sorted(local))
    found |= walk.found
    if not found:
        where = f"{', '.join(given[:3])}{' and more' if len(given) > 3 else ''}"
        if unread:
            raise AudioFileError(f"{where}: there is no audio in it that can be read; {unread_text(unread)}")
        raise AudioFileError(
            f"{where}: there is no audio in it, no name that ends in {', '.join(ENDINGS)}; give another folder, or "
            "files with other endings by a pattern"
        )
    if on_unread is not None:
        for name in sorted(unread):
            on_unread(name)
    return [found[name] for name in sorted(found)]


def unread_text(names: Sequence[str]) -> str:
    """Put into words which recordings are left out since their format is not read."""
    endings = ", ".join(sorted({_ending(name) for name in names}))
    if len(names) == 1:
        return f"1 recording in a format that is not read ({endings}) is left out; convert it to WAV first"
    return f"{len(names)} recordings in formats that are not read ({endings}) are left out; convert them to WAV first"


def _named(name: str) -> list[str]:
    """Return the files and folders that a path or pattern names."""
    if name == "":
        raise AudioFileError("the name of a file is empty; give a path")
    if name == "-":
        raise AudioFileError("-: a scan cannot read standard input; use decode, or give a path")
    try:
        if Path(name).exists() or Path(name).is_symlink():
            return [str(Path(name))]
    except OSError as error:
        raise AudioFileError(
            f"{name}: cannot be opened ({reason(error)}); check the path and its permissions"
        ) from error
    if not glob.has_magic(name):
        raise AudioFileError(f"{name}: there is no such file or folder; check the path")
    matches = sorted({str(Path(match)) for match in _matches(name)})
    if not matches:
        raise AudioFileError(f"{name}: matches no file; check the pattern, and quote it, or let the shell expand it")
    return matches


def _matches(pattern: str) -> Iterator[str]:
    """Yield what a pattern matches, where ``**`` stands for the folder, and all below it whose names have no dot first.

    Each folder is looked into once, whatever links lead to it; ``glob`` would follow two links to the folder that they
    are in along all their sequences, of which there are 2 to the power of 40.
    """
    apart = re.escape(os.sep + (os.altsep or ""))
    parts = re.split(rf"(?:^|(?<=[{apart}]))\*\*(?:[{apart}]+|$)", pattern, maxsplit=1)
    if len(parts) == 1:
        yield from glob.glob(pattern)  # noqa: PTH207  # may be absolute
        return
    above, below = parts
    for root in sorted(glob.glob(above)) if glob.has_magic(above) else [above]:  # noqa: PTH207
        for folder, readable in _folders_below(root):
            if readable:
                yield from _matches(os.path.join(glob.escape(folder), below or "*"))  # noqa: PTH118
            else:
                yield folder  # becomes a row with its problem
        if not below and root:
            yield root


def _folders_below(root: str) -> Iterator[tuple[str, bool]]:
    """Yield a folder and all below it, each once, and whether it can be read; those that need no link come first."""
    seen: set[tuple[int, int]] = set()
    folders, links = deque([root]), deque[str]()
    while folders or links:
        folder = folders.popleft() if folders else links.popleft()
        try:
            status = Path(folder or os.curdir).stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder or os.curdir) as scanned:
                entries = sorted(scanned, key=lambda entry: entry.name)
        except PermissionError:
            yield folder, False
            continue
        except OSError:  # is not there, or no folder
            continue
        yield folder, True
        for entry in entries:
            path = os.path.join(folder, entry.name)  # noqa: PTH118  # as the pattern spells it
            with contextlib.suppress(OSError):  # of a link that leads nowhere
                if not entry.name.startswith(".") and entry.is_dir():
                    (links if entry.is_symlink() else folders).append(path)


class _Walk:
    """Looks into folders, and keeps what it has seen."""

    def __init__(self, unread: list[str]) -> None:
        self.found: dict[str, Planned] = {}
        self._unread = unread
        self._seen: set[tuple[int, int]] = set()
        self._links: list[str] = []

    def run(self, names: list[str]) -> None:
        """Look at what was named, in order, and then at what links lead to, until there is nothing new."""
        roots = [(name, self._stat(name)) for name in names]
        for name, status in roots:  # files that are named go before the same files in folders
            if status is not None and not stat.S_ISDIR(status.st_mode):
                self._file(name, status)
        for name, status in roots:
            if status is not None and stat.S_ISDIR(status.st_mode):
                self._folder(name, status)
        while self._links:
            links, self._links = sorted(self._links), []
            for name in links:
                status = self._stat(name) if _is_audio(name) else self._stat_folder(name)
                if status is not None and stat.S_ISDIR(status.st_mode):
                    self._folder(name, status)
                elif status is not None and _is_audio(name):
                    self._file(name, status)

    def _folder(self, name: str, status: os.stat_result) -> None:
        folders = [(name, status)]
        while folders:
            name, status = folders.pop()
            if not self._is_new(status):
                continue
            try:
                with os.scandir(name) as scanned:
                    entries = sorted(scanned, key=lambda entry: entry.name)
            except OSError as error:
                self._report(name, f"the folder cannot be read ({reason(error)}); change its permissions")
                continue
            below = (self._entry(entry) for entry in entries if not entry.name.startswith("."))
            folders += reversed([(entry, inner) for entry, inner in below if inner is not None])

    def _entry(self, entry: os.DirEntry[str]) -> tuple[str, os.stat_result | None]:
        """Take up a file or a link; return a folder to look into, with its status."""
        try:
            if entry.is_symlink():
                self._links.append(entry.path)
            elif entry.is_dir(follow_symlinks=False):
                return entry.path, self._stat(entry.path)
            elif _is_audio(entry.name) and (status := self._stat(entry.path)) is not None:
                self._file(entry.path, status)
            elif _ending(entry.name) in UNREAD:
                self._unread.append(entry.path)
        except OSError as error:
            self._report(entry.path, f"cannot be looked at ({reason(error)}); check its permissions")
        return entry.path, None

    def _file(self, name: str, status: os.stat_result) -> None:
        if not self._is_new(status):
            return
        if not stat.S_ISREG(status.st_mode):
            self._report(name, "is no regular file; use decode for pipes")
            return
        identity = identity_of(*size_and_mtime(status))
        path = str(Path(name).absolute())  # a cluster's workers stand elsewhere
        self.found[name] = Planned(file=name, path=path, size_bytes=status.st_size, identity=identity)

    def _is_new(self, status: os.stat_result) -> bool:
        key = (status.st_dev, status.st_ino)
        if key in self._seen:
            return False
        self._seen.add(key)
        return True

    def _stat(self, name: str) -> os.stat_result | None:
        try:
            return Path(name).stat()
        except OSError as error:
            self._report(name, f"cannot be opened ({reason(error)}); check the path and its permissions")
            return None

    def _stat_folder(self, name: str) -> os.stat_result | None:
        """Return the status of what a link without an audio's ending leads to; to nowhere, it is no news."""
        try:
            return Path(name).stat()
        except OSError:
            return None

    def _report(self, name: str, problem: str) -> None:
        self.found[name] = Planned(file=name, path=name, problem=problem)


def _is_audio(name: str) -> bool:
    return _ending(name) in ENDINGS


def _ending(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122  # half the time of a Path


def size_and_mtime(status: os.stat_result) -> tuple[int, str]:
    """Return the size in bytes and the time of the last change."""
    return status.st_size, mtime_text(status.st_mtime_ns)


def mtime_text(mtime_ns: int) -> str:
    """Write nanoseconds since 1970 as ISO 8601 in UTC, with all nine digits."""
    seconds, ns = divmod(mtime_ns, 1_000_000_000)
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    except OverflowError:  # of a file system that says nonsense: still the same for the same file
        moment = datetime(9999, 12, 31, tzinfo=UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ns:09}Z"


def mtime_ns(text: str) -> int:
    """Read what :func:`mtime_text` wrote."""
    seconds = (datetime.fromisoformat(text[:19] + "Z") - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    return 1_000_000_000 * seconds + int(text[20:29])


# --- URLs --------------------------------------------------------------------------------------------------------


def file_system(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, and the path in it.

    Raises
    ------
    MissingLibraryError
        fsspec, or what it needs for this URL, is not installed.
    AudioFileError
        It knows no such scheme, or cannot reach the place.
    """
    try:
        import fsspec
    except ImportError as error:
        raise MissingLibraryError(
            f"{url}: URLs are read by fsspec, which is not installed; pip install 'dtmf-audio[remote]'"
        ) from error
    try:
        system, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        raise MissingLibraryError(f"{url}: {reason(error)}") from error
    except Exception as error:  # each file system has its own
        raise AudioFileError(f"{url}: cannot be used ({reason(error)}); check the URL") from error
    return system, path


def facts_of(system: Any, path: str, info: dict[str, Any] | None = None) -> tuple[int | None, str | None, str]:
    """Return the size, the time of the last change and the identity of a file at a URL.

    A store without such a time has something else that changes with the file, which fsspec knows.
    """
    if info is None:
        info = system.info(path)
    size = info.get("size")
    changed = next(
        (info[name] for name in ("mtime", "LastModified", "last_modified", "updated") if info.get(name)), None
    )
    mtime = None
    if isinstance(changed, str):
        with contextlib.suppress(ValueError):
            changed = datetime.fromisoformat(changed)
    if isinstance(changed, datetime):
        whole = changed if changed.tzinfo else changed.replace(tzinfo=UTC)
        mtime = mtime_text(round((whole - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)) * 1000)
    elif isinstance(changed, int | float):
        mtime = mtime_text(round(changed * 1e6) * 1000)  # a float of seconds has no more
    identity = identity_of(size, mtime) if mtime is not None else identity_of(size, system.ukey(path))
    return size, mtime, identity


def _at_url(url: str, unread: list[str]) -> Iterator[Planned]:
    """Yield the files at a URL; of one that is chained, ``zip://*.wav::s3://...``, those in the first part."""
    system, path = file_system(url)
    first, separator, rest = url.partition("::")
    try:
        if any(mark in first for mark in ("*[" if first.startswith("http") else "*?[")):
            held: dict[str, dict[str, Any]] = {}
            for match, info in system.glob(path, detail=True).items():
                held |= _in_folder(system, match, unread) if info.get("type") == "directory" else {match: info}
            if not held:
                raise AudioFileError(f"{url}: matches no file; check the pattern")
        elif system.isdir(path):
            held = _in_folder(system, path, unread)
        elif system.exists(path):
            held = {path: system.info(path)}
        else:
            raise AudioFileError(f"{url}: there is no such file or folder; check the URL")
        protocol = system.protocol if isinstance(system.protocol, str) else system.protocol[0]
        for each, info in held.items():
            size, _, identity = facts_of(system, each, info)
            yield Planned(
                file=system.unstrip_protocol(each) + separator + rest,
                path=each,
                size_bytes=size or 0,
                identity=identity,
                url=url,
                only_here=protocol in _HERE,
            )
    except (AudioFileError, MissingLibraryError):
        raise
    except Exception as error:  # each file system has its own
        raise AudioFileError(f"{url}: cannot be listed ({reason(error)}); check the URL and your rights") from error


def _in_folder(system: Any, folder: str, unread: list[str]) -> dict[str, dict[str, Any]]:
    """Return the audio files below a folder, and what the store says of them; one answer for a thousand of them."""
    held = {
        path: info
        for path, info in system.find(folder, detail=True).items()
        if not any(part.startswith(".") for part in path[len(folder) :].split("/"))
    }
    unread += [path for path in held if _ending(path) in UNREAD]
    return {path: info for path, info in held.items() if _is_audio(path)}
