"""For other people's tests: :func:`assert_dtmf` says in one line which keys a piece of audio must hold.

Conventions
-----------
- Nothing here knows pytest or unittest: a failure is an :class:`AssertionError`, whose message is a table of what was
  expected beside what was heard. Both runners leave the frames of this module out and show the caller's line.
- A *place* is where an expected tone starts, in seconds from the start of the audio.
- What is expected is aligned with what was heard so that as little as possible is wrong: a missing, an extra, a wrong
  and a late tone count one each. What ties is settled by the number of tones that are right, then by the distance from
  the places if they are known, and last by near misses, which tell *which* of three fives was lost.
- Near misses are always asked for: that costs at most as much again as decoding does, and the audio of a test is short.
"""

from __future__ import annotations

import enum
import math
import operator
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from dtmf_audio.audio_io import Source, open_audio
from dtmf_audio.decoder import decode
from dtmf_audio.errors import InvalidSettingError, InvalidSignalError, InvalidToneError
from dtmf_audio.events import DetectedTone, Rejection
from dtmf_audio.files import iter_reader
from dtmf_audio.profiles import Profile
from dtmf_audio.signals import check_samplerate
from dtmf_audio.synthesis import RenderedTone, Rendering
from dtmf_audio.tones import PAUSE_MS, Tone, parse_keys

__all__ = ["assert_dtmf"]
__unittest = True  # unittest leaves out frames of modules that have this, and so points at the caller's line

Audio = Source | Rendering | npt.ArrayLike
Expected = str | Rendering | Iterable[str | RenderedTone | DetectedTone]

LISTED_KEYS = 24  # chosen: one line of a terminal holds both sequences, and one screen all of the table
CONTEXT_ROWS = 2  # chosen: as little as shows between which keys a difference lies
SHOWN_DIFFERENCES = 30  # chosen: about a screenful
FIRST_WIDTH = 8  # of the alignment, in tones beyond the difference in length
MAX_CELLS = 2**18  # chosen: of the alignment, 4 µs each; longer sequences that differ a lot are paired in order

# What an alignment costs, in one whole number: faults first, then what is not matched, then microseconds, then misses
# of which nothing was heard. Each is out of reach of the sum of those after it.
_FAULT, _UNMATCHED, _MICROSECOND, _WITHOUT_TRACE = 1 << 120, 1 << 90, 1 << 30, 1

_Pair = tuple[int | None, int | None]  # index of what was expected, and of what was heard


def assert_dtmf(
    audio: Audio,
    expected: Expected,
    *,
    samplerate: int | None = None,
    channel: int = 0,
    within_ms: float | None = None,
    profile: str | Profile = "default",
) -> list[DetectedTone]:
    """Assert that the audio holds the expected tones, all of them, in order, and no others.

    Parameters
    ----------
    audio : path or binary file object, array, bytes or Rendering
        A file of any format that :func:`~dtmf_audio.files.decode_file` reads; samples of shape (n,) or (n, channels)
        in int16, int32, uint8, float32 or float64, with ``samplerate``; raw 16-bit little-endian mono as ``bytes``,
        with ``samplerate``; or what :func:`~dtmf_audio.synthesis.render` returned.
    expected : str, iterable or Rendering
        A dial string such as ``"123#"``, in which spaces, dashes, dots and parentheses stand for nothing; or tones, by
        :class:`~dtmf_audio.tones.Tone`, Graph's name or member of the ``Tone`` enum of Microsoft's Python SDK. Empty:
        no tone at all must be heard. With places: a Rendering, its RenderedTones (sample indices at the rate of the
        audio), or DetectedTones.
    samplerate : int, optional
        Hz, of an array and of bytes. A file and a Rendering carry their own, and it is refused if it is another.
    channel : int
        The channel to decode, counted from 0; the others are not looked at.
    within_ms : float, optional
        With places, each tone must start within this of its place, before or after. Without, each must have started
        within this of the start of the audio.
    profile : str or Profile
        Limits of the receiver.

    Returns
    -------
    list of DetectedTone
        The tones, in order.

    Raises
    ------
    AssertionError
        Other tones were heard, or in other places; the message shows which.
    InvalidToneError
        ``expected`` names no tones, or holds a pause or a flash, which nobody can hear.
    InvalidSettingError
        A setting outside its range, a channel that the audio does not have, or a rate that is missing or wrong.
    InvalidSignalError
        An array or bytes that are not audio.
    AudioFileError
        A file that cannot be read as audio.

    Examples
    --------
    >>> from dtmf_audio import render
    >>> tones = assert_dtmf(render("123#", 8000), "123#", within_ms=700)
    """
    __tracebackhide__ = True
    wanted = _read_expected(expected)
    number = _check_channel(channel)
    limit_ms = _check_within(within_ms)
    heard = _listen(audio, samplerate, number, profile)
    placed = [tone.at(heard.samplerate) for tone in wanted]
    message = _difference(placed, heard, limit_ms)
    if message is not None:
        raise AssertionError(message)
    return heard.tones


# What is expected


@dataclass(frozen=True, slots=True, kw_only=True)
class _Expected:
    """A tone, and where it starts if that is known: a sample index, at a rate of its own or that of the audio."""

    tone: Tone
    start: int | None = None
    samplerate: int | None = None

    def at(self, samplerate: int) -> _Placed:
        place_s = None if self.start is None else self.start / (self.samplerate or samplerate)
        return _Placed(tone=self.tone, place_s=place_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    """A tone, and where it starts in seconds if that is known."""

    tone: Tone
    place_s: float | None


def _read_expected(expected: Expected) -> list[_Expected]:
    """Read what the caller expects, whatever it is given as."""
    wanted: list[_Expected]
    if isinstance(expected, Rendering):
        wanted = [
            _Expected(tone=tone.tone, start=tone.start, samplerate=expected.samplerate) for tone in expected.tones
        ]
    elif isinstance(expected, enum.Enum):
        wanted = [_read_item(expected, 0)]
    elif isinstance(expected, str):
        wanted = [_Expected(tone=tone) for tone in _read_dial_string(expected)]
    elif isinstance(expected, Iterable) and not isinstance(expected, bytes | bytearray):
        wanted = [_read_item(item, position) for position, item in enumerate(expected)]
    else:
        raise InvalidToneError(
            f"expected is {expected!r}; it must be a dial string such as '123#', tones, or a Rendering "
            "('' if no tone must be heard)"
        )
    for position, item in enumerate(wanted):
        if item.tone is Tone.FLASH:
            raise InvalidToneError(f"expected[{position}] is a flash, which makes no sound to be heard; leave it out")
        if (item.start is None) != (wanted[0].start is None):
            raise InvalidToneError(
                f"expected[0] and expected[{position}]: one has a place, the other has none; give places for all "
                "of the tones, or for none"
            )
    return wanted


def _read_dial_string(text: str) -> list[Tone]:
    for position, character in enumerate(text, start=1):
        if character in PAUSE_MS or character == ",":
            raise InvalidToneError(
                f"{character!r} at position {position} of {text!r} is a pause, which no tone shows; leave it out, and "
                "to check when the tones start, expect a Rendering and give within_ms"
            )
    return [tone for tone in parse_keys(text) if isinstance(tone, Tone)]


def _read_item(item: Any, position: int) -> _Expected:
    if isinstance(item, RenderedTone | DetectedTone):
        return _Expected(tone=item.tone, start=item.start, samplerate=getattr(item, "samplerate", None))
    try:
        return _Expected(tone=Tone.from_name(item))
    except InvalidToneError as error:
        raise InvalidToneError(f"expected[{position}]: {error}") from None


def _check_channel(channel: int) -> int:
    try:
        number = -1 if isinstance(channel, bool) else operator.index(channel)
    except TypeError:
        number = -1
    if number < 0:
        raise InvalidSettingError(f"channel is {channel!r}; it must be a whole number, 0 for the first channel")
    return number


def _check_within(within_ms: float | None) -> float | None:
    if within_ms is None:
        return None
    is_number = isinstance(within_ms, int | float | np.integer | np.floating) and not isinstance(within_ms, bool)
    if not (is_number and math.isfinite(within_ms) and within_ms >= 0):
        raise InvalidSettingError(f"within_ms is {within_ms!r}; it must be a number of ms, 0 or more, and finite")
    return float(within_ms)


# What was heard


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """The tones and near misses of one channel, and what to call it."""

    name: str
    samplerate: int
    duration_s: float
    tones: list[DetectedTone]
    near_misses: list[Rejection]


def _listen(audio: Audio, samplerate: int | None, channel: int, profile: str | Profile) -> _Heard:
    """Decode one channel of whatever the caller gave."""
    events: list[DetectedTone | Rejection]
    signal: npt.NDArray[Any]
    if isinstance(audio, str | os.PathLike) or hasattr(audio, "read"):
        n_frames = 0

        def count(frames_done: int, _: int | None) -> None:
            nonlocal n_frames
            n_frames = frames_done

        with open_audio(cast(Source, audio)) as reader:
            name, rate = reader.name, _own_rate(reader.name, reader.samplerate, samplerate)
            events = list(iter_reader(reader, channel=channel, profile=profile, progress=count, explain=True))
        events.sort(key=operator.attrgetter("start"))
    else:
        if isinstance(audio, Rendering):
            name, signal = "rendering", np.asarray(audio.samples)
            rate = _own_rate("the rendering", audio.samplerate, samplerate)
        else:
            if samplerate is None:
                raise InvalidSettingError(
                    f"audio is of type {type(audio).__name__}, which carries no sample rate; give samplerate, in Hz"
                )
            rate = check_samplerate(samplerate)
            if isinstance(audio, bytes | bytearray | memoryview):
                name, signal = "bytes", _from_bytes(audio)
            else:
                name, signal = "array", np.asarray(audio)
        events = decode(signal, rate, channel=channel, profile=profile, explain=True)
        n_frames = len(signal)
    label = f"{name}, channel {channel}"
    limits = profile if isinstance(profile, str) else profile.name
    return _Heard(
        name=label if limits == "default" else f"{label}, profile {limits}",
        samplerate=rate,
        duration_s=n_frames / rate,
        tones=[event for event in events if isinstance(event, DetectedTone)],
        near_misses=[event for event in events if isinstance(event, Rejection)],
    )


def _own_rate(name: str, own: int, given: int | None) -> int:
    """Return the rate that the audio carries; refuse another."""
    if given is not None and given != own:
        raise InvalidSettingError(f"samplerate is {given!r}, {name} has {own} Hz; leave samplerate out")
    return own


def _from_bytes(audio: bytes | bytearray | memoryview) -> npt.NDArray[np.int16]:
    data = bytes(audio)
    if data[:4] in (b"RIFF", b"fLaC", b"OggS"):
        raise InvalidSignalError(
            f"audio begins with {data[:4]!r}: it is a whole file, not samples alone; give its path, or "
            "io.BytesIO(audio)"
        )
    if len(data) % 2:
        raise InvalidSignalError(
            f"audio is {len(data)} bytes long, no whole number of 16-bit samples; give 16-bit little-endian mono, or "
            "an array of another dtype"
        )
    return np.frombuffer(data, "<i2")


# Whether and how they differ


def _difference(wanted: Sequence[_Placed], heard: _Heard, within_ms: float | None) -> str | None:
    """Return a message for people, or None if all is as expected."""
    expected_tones, heard_tones = ([tone.tone for tone in tones] for tones in (wanted, heard.tones))
    if expected_tones == heard_tones and not any(
        _mistimed(*pair, within_ms) for pair in zip(wanted, heard.tones, strict=True)
    ):
        return None
    pairs = _align(wanted, heard, within_ms)
    notes = _notes(pairs, wanted, heard, within_ms)
    few = max(len(wanted), len(heard.tones)) <= LISTED_KEYS
    expected_text = _listed(expected_tones, few) or "no tones"
    heard_text = _listed(heard_tones, few) or f"nothing in {heard.duration_s:.3f} s"
    count = "" if few else f", {_counted(sum(map(bool, notes)), 'difference')}"
    head = f"DTMF differs: expected {expected_text}, heard {heard_text}{count} ({heard.name})"
    return "\n".join([head, *_table(pairs, notes, wanted, heard.tones)])


def _off_ms(wanted: _Placed, heard: DetectedTone) -> float:
    """How much later than its place a tone starts; without a place, than the audio. Rounded, so that 50 ms are 50."""
    return round(1000.0 * (heard.start_s - (wanted.place_s or 0.0)), 6)


def _mistimed(wanted: _Placed, heard: DetectedTone, within_ms: float | None) -> str:
    """Say that a tone is late or early, and by how much; nothing if it is neither."""
    if within_ms is None:
        return ""
    off_ms = _off_ms(wanted, heard)
    if wanted.place_s is None:
        excess_ms = off_ms - within_ms
        if excess_ms <= 0:
            return ""
        return f"late: {_told_apart(excess_ms, 0.0)[0]} ms after {within_ms / 1000:.3f} s"
    if abs(off_ms) <= within_ms:
        return ""
    off, most = _told_apart(abs(off_ms), within_ms)
    when = f"late: {off} ms after" if off_ms > 0 else f"early: {off} ms before"
    return f"{when} {wanted.place_s:.3f} s, at most {most} ms is allowed"


def _told_apart(value: float, bound: float) -> tuple[str, str]:
    """Write a number with as many digits after the point as the bound has, or as tell it from the bound."""
    bound_text = f"{bound:.6f}".rstrip("0").rstrip(".")
    digits = len(bound_text.partition(".")[2])
    while round(value, digits) == round(bound, digits) and digits < 6:
        digits += 1
    return f"{value:.{digits}f}", bound_text


# Alignment


def _align(wanted: Sequence[_Placed], heard: _Heard, within_ms: float | None) -> list[_Pair]:
    """Pair what was expected with what was heard, in order, at the least cost.

    Only alignments are tried in which the two never run apart by more than ``width`` tones. Each tone by which they
    run apart is a fault, so that a result with no more faults than that is the best of all; else ``width`` grows.
    """
    n_wanted, n_heard = len(wanted), len(heard.tones)
    traces = [{near.tone for near in gap} for gap in _gaps(heard)]
    width = abs(n_wanted - n_heard) + FIRST_WIDTH
    while (n_wanted + 1) * min(n_heard + 1, 2 * width + 1) <= MAX_CELLS:
        costs = _costs(wanted, heard.tones, traces, within_ms, width)
        if costs[0][0] // _FAULT <= width or width >= max(n_wanted, n_heard):
            return list(_cheapest(costs, wanted, heard.tones, traces, within_ms))
        width *= 2
    return _in_order(wanted, heard.tones)


def _gaps(heard: _Heard) -> list[list[Rejection]]:
    """Near misses before the first tone, between each and the next, and after the last."""
    gaps: list[list[Rejection]] = [[] for _ in range(len(heard.tones) + 1)]
    gap = 0
    for near in heard.near_misses:
        while gap < len(heard.tones) and heard.tones[gap].start <= near.start:
            gap += 1
        gaps[gap].append(near)
    return gaps


def _pair_cost(wanted: _Placed, heard: DetectedTone, within_ms: float | None) -> int:
    cost = 0 if wanted.tone is heard.tone else _FAULT + 2 * _UNMATCHED
    if wanted.place_s is not None:
        off_ms = abs(_off_ms(wanted, heard))
        cost += round(1000 * off_ms) * _MICROSECOND
        if within_ms is not None and off_ms > within_ms:
            cost += _FAULT
    return cost


def _missing_cost(wanted: _Placed, traces: set[Tone]) -> int:
    return _FAULT + _UNMATCHED + (0 if wanted.tone in traces else _WITHOUT_TRACE)


_EXTRA_COST = _FAULT + _UNMATCHED


def _costs(
    wanted: Sequence[_Placed],
    tones: Sequence[DetectedTone],
    traces: Sequence[set[Tone]],
    within_ms: float | None,
    width: int,
) -> list[dict[int, int]]:
    """Least cost of pairing what follows, from each of what was expected (row) and of what was heard (key)."""
    below: dict[int, int] = {}
    rows = []
    for i in range(len(wanted), -1, -1):
        row: dict[int, int] = {}
        for j in range(min(len(tones), i + width), max(0, i - width) - 1, -1):
            choices = []
            if i < len(wanted) and j + 1 in below:
                choices.append(below[j + 1] + _pair_cost(wanted[i], tones[j], within_ms))
            if i < len(wanted) and j in below:
                choices.append(below[j] + _missing_cost(wanted[i], traces[j]))
            if j + 1 in row:
                choices.append(row[j + 1] + _EXTRA_COST)
            row[j] = min(choices, default=0)
        rows.append(row)
        below = row
    return rows[::-1]


def _cheapest(
    costs: Sequence[dict[int, int]],
    wanted: Sequence[_Placed],
    tones: Sequence[DetectedTone],
    traces: Sequence[set[Tone]],
    within_ms: float | None,
) -> Iterator[_Pair]:
    """Walk along the least cost; where it forks, pair first, so that what is missing of equal keys is the last."""
    i = j = 0
    while i < len(wanted) or j < len(tones):
        cost = costs[i][j]
        if i < len(wanted) and j < len(tones):
            after = costs[i + 1].get(j + 1)
            if after is not None and after + _pair_cost(wanted[i], tones[j], within_ms) == cost:
                yield i, j
                i, j = i + 1, j + 1
                continue
        below = costs[i + 1].get(j) if i < len(wanted) else None
        right = costs[i].get(j + 1)
        missing = below is not None and below + _missing_cost(wanted[i], traces[j]) == cost
        extra = right is not None and right + _EXTRA_COST == cost
        if missing and extra:  # in the order of time, if it is known
            place_s = wanted[i].place_s
            missing = place_s is None or place_s <= tones[j].start_s
        if missing:
            yield i, None
            i += 1
        else:
            yield None, j
            j += 1


def _in_order(wanted: Sequence[_Placed], tones: Sequence[DetectedTone]) -> list[_Pair]:
    """Pair the equal beginnings and ends, and what lies between one by one."""
    shorter = min(len(wanted), len(tones))
    head = next((k for k in range(shorter) if wanted[k].tone is not tones[k].tone), shorter)
    rest = shorter - head
    tail = next((k for k in range(rest) if wanted[-1 - k].tone is not tones[-1 - k].tone), rest)
    ends = len(wanted) - tail, len(tones) - tail
    return [
        *((k, k) for k in range(head)),
        *zip_longest(range(head, ends[0]), range(head, ends[1])),
        *((ends[0] + k, ends[1] + k) for k in range(tail)),
    ]


# Words


def _listed(tones: Sequence[Tone], few: bool) -> str:
    """Keys of tones, with spaces between; of many, only how many they are."""
    return " ".join(tone.key for tone in tones) if few or not tones else _counted(len(tones), "tone")


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _table(
    pairs: Sequence[_Pair], notes: Sequence[str], wanted: Sequence[_Placed], tones: Sequence[DetectedTone]
) -> list[str]:
    """Return the lines of the table; of a long one the rows that differ, those about them, and how many lie between."""
    differing = [row for row, note in enumerate(notes) if note]
    told = differing[:SHOWN_DIFFERENCES]
    untold = len(differing) - len(told)
    near = {row for at in told for row in range(at - CONTEXT_ROWS, at + CONTEXT_ROWS + 1)}
    if len(notes) <= LISTED_KEYS:
        near = set(range(len(notes)))
    times = [f"{tone.start_s:.3f} s" for tone in tones]
    wide = max(map(len, times), default=0)
    lines = [f"  expected  heard  {' at' if times else ''}"]
    for shown, group in groupby(range(told[-1] + 1 if untold else len(notes)), near.__contains__):
        rows = list(group)
        if not shown and len(rows) > 1:
            lines.append(f"  … {len(rows):,} tones as expected …")
            continue
        for row in rows:
            i, j = pairs[row]
            left = "" if i is None else wanted[i].tone.key
            right, at = ("", "") if j is None else (tones[j].tone.key, times[j])
            lines.append(f"  {left:<8}  {right:<5}  {at:>{wide}}   {notes[row]}")
    if untold:
        lines.append(f"  … and {_counted(untold, 'more difference')}")
    return [line.rstrip() for line in lines]


def _notes(pairs: Sequence[_Pair], wanted: Sequence[_Placed], heard: _Heard, within_ms: float | None) -> list[str]:
    """Say what is wrong with each pair; nothing if all is right."""
    near_misses = _near_misses_of(pairs, wanted, _gaps(heard))
    notes = []
    passed = 0
    for i, j in pairs:
        if i is not None and j is not None:
            wrong = "" if wanted[i].tone is heard.tones[j].tone else f"wrong: expected {wanted[i].tone.key}"
            notes.append("; ".join(filter(None, [wrong, _mistimed(wanted[i], heard.tones[j], within_ms)])))
        elif i is not None:
            notes.append(_missing(wanted[i], near_misses.get(i), heard.tones, passed))
        else:
            notes.append("extra")
        passed += j is not None
    return notes


def _near_misses_of(
    pairs: Sequence[_Pair], wanted: Sequence[_Placed], gaps: Sequence[Sequence[Rejection]]
) -> dict[int, Rejection]:
    """Give each missing tone a near miss of its gap: one of its own key, or else what nobody else claims."""
    missing: dict[int, list[int]] = {}
    passed = 0
    for i, j in pairs:
        if i is not None and j is None:
            missing.setdefault(passed, []).append(i)
        passed += j is not None
    given: dict[int, Rejection] = {}
    for gap, lost in missing.items():
        left = list(gaps[gap])
        for own_key in (True, False):
            for i in lost:
                place_s = wanted[i].place_s
                fitting = [near for near in left if not own_key or near.tone is wanted[i].tone]
                if i in given or not fitting:
                    continue
                if place_s is not None:
                    given[i] = min(fitting, key=lambda near, at=place_s: abs(near.start_s - at))  # type: ignore[misc]
                else:
                    given[i] = fitting[0] if own_key else max(fitting, key=operator.attrgetter("duration_ms"))
                left.remove(given[i])
    return given


def _missing(wanted: _Placed, near: Rejection | None, tones: Sequence[DetectedTone], gap: int) -> str:
    missing = "missing" if wanted.place_s is None else f"missing at {wanted.place_s:.3f} s"
    if near is not None:
        other = "" if near.tone is wanted.tone else f", as {near.tone.key},"
        return f"{missing}; near miss{other} at {near.start_s:.3f} s: {near.reason}"
    after = f"{tones[gap - 1].stop_s:.3f} s" if gap else ""
    before = f"{tones[gap].start_s:.3f} s" if gap < len(tones) else ""
    if after and before:
        where = f"between {after} and {before}"
    elif after or before:
        where = f"after {after}" if after else f"before {before}"
    else:
        where = "anywhere"
    return f"{missing}; nothing like it {where}"
