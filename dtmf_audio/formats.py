r"""Detected and rendered tones and near misses, written for programs and for people; pure, text in lines.

=============  ======================================================  ===========================================
format         what a tone is                                          several files, several channels
=============  ======================================================  ===========================================
``text``       its key, all keys of a channel in a line                a line each, with its name in front
``timeline``   its key, a line for each dialled number, with dots      as text, in the order of time
``json``       an object in a line                                     ``file``, ``channel``
``csv``        a row under a header (RFC 4180, but lines end in LF)    ``file``, ``channel``
``rttm``       a line ``SPEAKER`` whose speaker is the key             file, channel counted from 1, as in RTTM
``audacity``   a label, and a line with the box of its frequencies     one file and one channel alone
``webvtt``     a cue, to the millisecond                               one file and one channel alone
``srt``        a cue, to the millisecond                               one file and one channel alone
=============  ======================================================  ===========================================

JSON and CSV use the same names for the same things, a rendering's truth too, so that what was heard can be compared:

=======================================  =========================================================================
key                                      what it is
=======================================  =========================================================================
``file``                                 as it was given; JSON has it where there are several files
``tone``, ``key``                        Graph's name, and the key of the telephone
``channel``                              counted from 0
``start_s``, ``stop_s``                  seconds from the start of the stream
``duration_ms``                          from start to stop
``start_sample``, ``stop_sample``        the same places as sample indices, half-open
``samplerate``                           Hz
``low_hz``, ``high_hz``                  measured frequency of each group
``low_level_dbm0``, ``high_level_dbm0``  level of each group
``twist_db``                             level of the high group less that of the low group
``low_offset_pct``, ``high_offset_pct``  measured frequency relative to nominal
``snr_db``                               power of the pair over that of everything else
``group``                                which dialled number of its channel the tone belongs to, from 0, if asked for
``refused``                              of a near miss alone, instead of what was measured of a tone: the ``limit``
                                         that refused it, what was ``measured`` and ``wanted`` in ``unit``, how much
                                         it was ``missed_by``, the ``reason`` in words, and what spoke most
                                         ``against`` a pair of tones, each ``term`` with what it took from the
                                         ``evidence``; in CSV ``refused_limit`` and so on, each a column
=======================================  =========================================================================

``schemas/tone.schema.json`` says the same of the JSON in JSON Schema.

Sample indices are exact, and times have six digits, which tell one sample from the next at 192 kHz; subtitles have
three. The other numbers are rounded to a little more than a measurement can mean. What JSON has no number for, such as
the infinite SNR of a tone without any noise, is ``null``, and empty in CSV.

**Masked**, a tone is when and how long it was, and nothing else: its key is ``•`` and its name ``masked``. All that was
measured is ``null``. Not only the frequencies would tell the key: a dialler that divides its frequencies from one
crystal has an error of its own at each of the eight, and a line has a loss of its own, so that offsets and levels fall
into as many heaps as there are keys. Of a near miss the limit that refused it stays.

**Names of files** never break a row. JSON and CSV hold them as they are, by their own rules of quoting; RTTM, which
parts its fields by spaces, has ``%20`` and the like; text has ``\n`` and the like for what no terminal can show.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from dtmf_audio.events import DetectedTone, Rejection
from dtmf_audio.units import ms_from_samples

if TYPE_CHECKING:
    from dtmf_audio.synthesis import RenderedTone, Rendering

Event = DetectedTone | Rejection
_Event = TypeVar("_Event", bound=Event)

MASKED_KEY, MASKED_TONE = "•", "masked"
TIMELINE_GAP_S = 2.0  # chosen: longer than anybody looks for the next key of a number
DOT_S = 0.2  # chosen: a pause of a timeline that is a dot; between keys dialled by a machine there is none
MAX_DOTS = 20  # chosen: a longer pause is seen to be long

_MEASURED = (
    *("low_hz", "high_hz", "low_level_dbm0", "high_level_dbm0", "twist_db", "low_offset_pct", "high_offset_pct"),
    "snr_db",
)
_REFUSED = ("limit", "measured", "wanted", "unit", "missed_by", "reason", "against")
_ECHOES = ("echo_db", "other_echo_db")
_PLACE = ("start_s", "stop_s", "duration_ms", "start_sample", "stop_sample")
CSV_COLUMNS = ("file", "tone", "key", "channel", *_PLACE, "samplerate", *_MEASURED)


# --- JSON --------------------------------------------------------------------------------------------------------


def json_object(tone: Event, *, group: int | None = None, mask: bool = False) -> dict[str, Any]:
    """Return a detected tone or a near miss as an object, ready for :func:`json.dumps`."""
    common = {
        "tone": MASKED_TONE if mask else tone.tone.value,
        "key": _key(tone, mask),
        "channel": tone.channel,
        **_place(tone, tone.samplerate),
        "samplerate": tone.samplerate,
    }
    if isinstance(tone, Rejection):
        return common | {"refused": _refused(tone, mask)}
    in_group = {} if group is None else {"group": group}
    if mask:
        return common | dict.fromkeys(_MEASURED) | in_group
    low_hz, high_hz = measured_hz(tone)
    return (
        common
        | {
            "low_hz": _rounded(low_hz, 2),
            "high_hz": _rounded(high_hz, 2),
            "low_level_dbm0": _rounded(tone.low_level_dbm0, 2),
            "high_level_dbm0": _rounded(tone.high_level_dbm0, 2),
            "twist_db": _rounded(tone.twist_db, 2),
            "low_offset_pct": _rounded(tone.low_offset_pct, 3),
            "high_offset_pct": _rounded(tone.high_offset_pct, 3),
            "snr_db": _rounded(tone.snr_db, 1),
        }
        | in_group
    )


def json_line(tone: Event, *, file: str | None = None, group: int | None = None, mask: bool = False) -> str:
    """Return a tone or a near miss as one line of JSON, without its newline; ``file`` is put in front, if given."""
    source = {} if file is None else {"file": file}
    return json.dumps(source | json_object(tone, group=group, mask=mask), allow_nan=False)


def json_lines(
    events: Iterable[Event], *, file: str | None = None, group_gap_s: float | None = None, mask: bool = False
) -> Iterator[str]:
    """Yield a line of JSON for each event; with ``group_gap_s``, tones have a ``group``."""
    for event, group in _grouped(events, group_gap_s):
        yield json_line(event, file=file, group=group, mask=mask)


def truth_json(rendering: Rendering) -> str:
    """Return where each tone of a rendering lies, as a JSON document with one tone a line."""
    tones = [
        {"tone": tone.tone.value, "key": tone.tone.key, **_place(tone, rendering.samplerate)}
        for tone in rendering.tones
    ]
    lines = ",\n".join(f"  {json.dumps(tone, allow_nan=False)}" for tone in tones)
    return f'{{"samplerate": {rendering.samplerate}, "tones": [\n{lines}\n]}}\n'


# --- CSV and RTTM ------------------------------------------------------------------------------------------------


def csv_header(*, groups: bool = False, explain: bool = False) -> str:
    """Return the first line: :data:`CSV_COLUMNS`, then the columns that are asked for."""
    return ",".join((*CSV_COLUMNS, *_extra_columns(groups, explain)))


def csv_lines(
    events: Iterable[Event], *, file: str, group_gap_s: float | None = None, explain: bool = False, mask: bool = False
) -> Iterator[str]:
    """Yield a row for each event, without its newline; near misses among them need ``explain``."""
    columns = (*CSV_COLUMNS, *_extra_columns(group_gap_s is not None, explain))
    for event, group in _grouped(events, group_gap_s):
        told = {"file": file} | json_object(event, group=group, mask=mask)
        refused = told.pop("refused", None)
        if refused:
            terms = (f"{each['term']} {_plain(each['evidence'])}" for each in refused["against"])
            told |= {f"refused_{name}": value for name, value in refused.items()}
            told["refused_against"] = "; ".join(terms)
        yield ",".join(csv_field(told.get(name)) for name in columns)


def rttm_lines(tones: Iterable[DetectedTone], *, file: str, mask: bool = False) -> Iterator[str]:
    """Yield a line of Rich Transcription Time Marked for each tone: start and length in seconds, the key as speaker.

    ``file`` is percent-encoded where a field may not have its characters; :func:`urllib.parse.unquote` undoes it.
    """
    name = "".join(_percent(character) for character in file)
    for tone in tones:
        key = MASKED_TONE if mask else tone.tone.key
        length_s = (tone.stop - tone.start) / tone.samplerate
        yield f"SPEAKER {name} {tone.channel + 1} {tone.start_s:.6f} {length_s:.6f} <NA> <NA> {key} <NA> <NA>"


def _extra_columns(groups: bool, explain: bool) -> tuple[str, ...]:
    return (*(("group",) if groups else ()), *((f"refused_{name}" for name in _REFUSED) if explain else ()))


def _plain(value: float | str | None) -> str:
    """Write a value without an exponent and with no more digits than it has."""
    if isinstance(value, float):
        text = f"{value:.6f}".rstrip("0")
        return text + "0" if text.endswith(".") else text
    return "" if value is None else str(value)


def csv_field(value: float | str | None) -> str:
    """Write a value as a field: empty for None, numbers without an exponent, and texts quoted if they must be."""
    return _csv_field(_plain(value))


def _csv_field(text: str) -> str:
    """Quote a field if it must be: by RFC 4180 for commas, quotes and ends of lines, and for spaces at its ends."""
    text = in_utf8(text)
    if any(mark in text for mark in ',"\r\n') or text != text.strip():
        text = '"' + text.replace('"', '""') + '"'
    return text


def _percent(character: str) -> str:
    """Write a character as its bytes in UTF-8, ``%20`` for a space, unless RTTM can have it in a field."""
    if character.isprintable() and character not in " %;<>":
        return character
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogateescape"))


# --- labels and subtitles ----------------------------------------------------------------------------------------


def audacity_lines(events: Iterable[Event], *, mask: bool = False) -> Iterator[str]:
    """Yield a label of Audacity for each event of one channel, without its last newline.

    The second line of a label says where its box lies on the spectrogram: from the low group's frequency, as measured,
    to the high group's; of a near miss, from nominal to nominal. Masked, there is no box.
    """
    for event in events:
        text = _key(event, mask)
        if isinstance(event, Rejection):
            text += f" refused: {_reason(event, mask)}"
            low_hz, high_hz = event.tone.frequencies_hz
        else:
            low_hz, high_hz = measured_hz(event)
        box = "" if mask else f"\n\\\t{low_hz:.2f}\t{high_hz:.2f}"
        yield f"{event.start_s:.6f}\t{event.stop_s:.6f}\t{text}{box}"


def webvtt_lines(
    tones: Iterable[DetectedTone], *, group_gap_s: float | None = None, mask: bool = False
) -> Iterator[str]:
    """Yield WebVTT: its first line, then a cue for each tone of one channel, or for each dialled number."""
    yield "WEBVTT"
    for start_ms, stop_ms, text in _cues(tones, group_gap_s, mask):
        yield f"\n{_cue_time(start_ms, '.')} --> {_cue_time(stop_ms, '.')}\n{text}"


def srt_lines(tones: Iterable[DetectedTone], *, group_gap_s: float | None = None, mask: bool = False) -> Iterator[str]:
    """Yield a numbered cue of SubRip for each tone of one channel, or for each dialled number."""
    for number, (start_ms, stop_ms, text) in enumerate(_cues(tones, group_gap_s, mask), start=1):
        yield f"{number}\n{_cue_time(start_ms, ',')} --> {_cue_time(stop_ms, ',')}\n{text}\n"


def _cues(tones: Iterable[DetectedTone], group_gap_s: float | None, mask: bool) -> Iterator[tuple[int, int, str]]:
    """Yield start and stop in milliseconds, and the keys: of each tone, or with a gap of each dialled number."""
    start_ms, stop_ms, keys, last = 0, 0, "", -1
    for number, (tone, group) in enumerate(_grouped(tones, group_gap_s)):
        here = number if group is None else group
        if keys and here != last:
            yield start_ms, stop_ms, keys
            keys = ""
        if not keys:
            start_ms = round(1000 * tone.start_s)
        stop_ms = max(round(1000 * tone.stop_s), start_ms + 1)  # a cue that lasts no time is none
        keys, last = keys + _key(tone, mask), here
    if keys:
        yield start_ms, stop_ms, keys


def _cue_time(ms: int, point: str) -> str:
    seconds, ms = divmod(ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{ms:03}"


# --- text --------------------------------------------------------------------------------------------------------


def text_answers(
    tones: Iterable[DetectedTone],
    channels: Sequence[int],
    *,
    names: bool = False,
    group_gap_s: float | None = None,
    mask: bool = False,
) -> dict[int, str]:
    """Return the keys of each channel, or with ``names`` Graph's names.

    Dialled numbers are parted by a space, ``5551234 42``; of names, by a comma: ``tone5 tone1, tone4``.
    """
    parts: dict[int, list[str]] = {channel: [] for channel in channels}
    groups: dict[int, int | None] = {}
    between, apart = (" ", ", ") if names else ("", " ")
    for tone, group in _grouped(tones, group_gap_s):
        said = parts[tone.channel]
        if said:
            said.append(between if groups[tone.channel] == group else apart)
        groups[tone.channel] = group
        said.append((MASKED_TONE if mask else tone.tone.value) if names else _key(tone, mask))
    return {channel: "".join(said) for channel, said in parts.items()}


def timeline_lines(
    tones: Iterable[DetectedTone], *, group_gap_s: float | None = None, mask: bool = False
) -> list[tuple[int, str]]:
    """Return each dialled number with its channel, in the order of time: when it begins, then its keys.

    ``0:03 33..7....44`` begins in the third second; a dot is a pause of :data:`DOT_S`, and a pause of ``group_gap_s``
    begins a new line.
    """
    lines: list[tuple[int, int, list[str]]] = []  # start, channel, what is in it
    open_lines: dict[int, tuple[int | None, int, list[str]]] = {}  # by channel: group, last stop, what is in it
    for tone, group in _grouped(tones, TIMELINE_GAP_S if group_gap_s is None else group_gap_s):
        last_group, last_stop, parts = open_lines.get(tone.channel, (None, 0, []))
        if group != last_group:
            parts = [f"{_clock(math.floor(tone.start_s))} "]
            lines.append((tone.start, tone.channel, parts))
        else:
            pause_s = (tone.start - last_stop) / tone.samplerate
            parts.append("." * min(int(pause_s / DOT_S), MAX_DOTS))
        parts.append(_key(tone, mask))
        open_lines[tone.channel] = (group, tone.stop, parts)
    return [(channel, "".join(parts)) for _, channel, parts in sorted(lines, key=lambda line: line[:2])]


def explained_line(event: Event, *, mask: bool = False) -> str:
    """Return a tone or a near miss as a line for people: when, which key, how long, and heard, or refused and why."""
    if isinstance(event, Rejection):
        verdict = f"refused: {_reason(event, mask)}"
    elif mask:
        verdict = "heard"
    else:
        # 0.0 makes a plus of what is rounded to minus zero
        low_pct, high_pct = (round(pct, 1) + 0.0 for pct in (event.low_offset_pct, event.high_offset_pct))
        verdict = (
            f"heard: {event.low_level_dbm0:.1f} and {event.high_level_dbm0:.1f} dBm0, "
            f"{low_pct:+.1f} and {high_pct:+.1f} % off, "
            + (f"SNR {event.snr_db:.0f} dB" if math.isfinite(event.snr_db) else "no noise")
        ).replace("-", "−")
    when = _clock(event.start_s, ms=True)
    return f"{when}  {_key(event, mask)}  {event.duration_ms:7.1f} ms  {verdict}"


def one_line(name: str) -> str:
    r"""Return a name with what breaks a line, or moves a terminal's cursor, as in Python's strings: ``\n``."""
    return "".join(
        character if character.isprintable() or "\ud800" <= character <= "\udfff" else repr(character)[1:-1]
        for character in name
    )


def in_utf8(text: str) -> str:
    r"""Return a text that UTF-8 can write: bytes of a name that are none become ``\udce9`` and the like."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


# --- what they share ---------------------------------------------------------------------------------------------


def measured_hz(tone: DetectedTone) -> tuple[float, float]:
    """Return the measured frequencies of both groups."""
    low_hz, high_hz = tone.tone.frequencies_hz
    return low_hz * (1 + tone.low_offset_pct / 100), high_hz * (1 + tone.high_offset_pct / 100)


class _Dialled:
    """Tells which dialled number of its channel a tone belongs to; a pause of ``gap_s`` or more begins the next."""

    def __init__(self, gap_s: float) -> None:
        self._gap_s = gap_s
        self._last: dict[int, tuple[int, int]] = {}  # by channel: the number, and the stop of its last tone

    def number(self, tone: DetectedTone) -> int:
        number, stop = self._last.get(tone.channel, (0, tone.start))
        if tone.start - stop >= self._gap_s * tone.samplerate:
            number += 1
        self._last[tone.channel] = (number, tone.stop)
        return number


def _grouped(events: Iterable[_Event], group_gap_s: float | None) -> Iterator[tuple[_Event, int | None]]:
    """Yield each event with the number that it belongs to; None for a near miss, and for all without a gap."""
    dialled = None if group_gap_s is None else _Dialled(group_gap_s)
    for event in events:
        yield event, dialled.number(event) if dialled is not None and isinstance(event, DetectedTone) else None


def _key(event: Event, mask: bool) -> str:
    return MASKED_KEY if mask else event.tone.key


def _reason(near_miss: Rejection, mask: bool) -> str:
    """Return why it was refused; masked, without what was measured, and without whose tone it was."""
    if not mask:
        return near_miss.reason
    limit, wanted = _masked_limit(near_miss)
    if wanted is None:
        return "taken for an echo"
    return f"misses {limit} of {wanted:g} {near_miss.unit}".rstrip().replace("-", "−")


def _masked_limit(near_miss: Rejection) -> tuple[str, float | None]:
    """Return the limit and what it wants; for echoes not which, since it tells whether the key before was the same."""
    return ("echo_db", None) if near_miss.limit in _ECHOES else (near_miss.limit, near_miss.wanted)


def _clock(seconds: float, *, ms: bool = False) -> str:
    """Return a time as minutes and seconds, or hours, minutes and seconds; with ``ms``, to the millisecond."""
    minutes, rest_ms = divmod(round(1000 * seconds), 60_000)
    hours, minutes = divmod(minutes, 60)
    clock = f"{minutes}:{rest_ms / 1000:06.3f}" if ms else f"{minutes}:{rest_ms // 1000:02}"
    return f"{hours}:{clock:0>{9 if ms else 5}}" if hours else clock


def _refused(near_miss: Rejection, mask: bool) -> dict[str, Any]:
    limit, wanted = _masked_limit(near_miss) if mask else (near_miss.limit, near_miss.wanted)
    against = () if mask else near_miss.against
    return {
        "limit": limit,
        "measured": None if mask else _rounded(near_miss.measured, 4),
        "wanted": wanted,
        "unit": near_miss.unit,
        "missed_by": None if mask else _rounded(near_miss.missed_by, 4),
        "reason": _reason(near_miss, mask),
        "against": [{"term": term, "evidence": _rounded(value, 2)} for term, value in against],
    }


def _place(tone: DetectedTone | Rejection | RenderedTone, samplerate: int) -> dict[str, Any]:
    return {
        "start_s": _rounded(tone.start / samplerate, 6),
        "stop_s": _rounded(tone.stop / samplerate, 6),
        "duration_ms": _rounded(ms_from_samples(tone.stop - tone.start, samplerate), 3),
        "start_sample": tone.start,
        "stop_sample": tone.stop,
    }


def _rounded(value: float, digits: int) -> float | None:
    """Return the value to so many digits after the point, never minus zero; None where it is not finite."""
    return round(value, digits) + 0.0 if math.isfinite(value) else None
