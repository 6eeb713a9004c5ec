"""What ``decode`` prints: the options for it, which of them go together, and the lines of each format.

The formats themselves, and the meaning of every key, are in :mod:`dtmf_audio.formats`.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dtmf_audio.errors import InvalidSettingError

if TYPE_CHECKING:
    from dtmf_audio.audio_io import AudioReader
    from dtmf_audio.events import DetectedTone, Rejection

FORMATS = {  # what messages call it
    "text": "text",
    "timeline": "a timeline",
    "json": "JSON",
    "csv": "CSV",
    "rttm": "RTTM",
    "audacity": "labels of Audacity",
    "webvtt": "WebVTT",
    "srt": "SRT",
}
OF_ONE_CHANNEL = ("audacity", "webvtt", "srt")  # they have no place for a name
EXPLAINED = ("text", "json", "csv", "audacity")
GROUPED = ("text", "timeline", "json", "csv", "webvtt", "srt")

KEYS_HELP = """\
keys of JSON and columns of CSV:
  file            as given; in JSON where there are several files
  tone, key       Graph's name, and the key of the telephone
  channel         counted from 0
  start_s, stop_s, duration_ms, start_sample, stop_sample, samplerate (Hz)
  low_hz, high_hz, low_level_dbm0, high_level_dbm0, twist_db (high less low),
  low_offset_pct, high_offset_pct, snr_db
  group           with --group-gap: which dialled number of the channel, from 0
  refused         of a near miss: limit, measured, wanted, unit, missed_by,
                  reason, against; in CSV refused_limit and so on

"""


class _PrintSchema(argparse.Action):
    """Print the JSON Schema and end, as ``--version`` does."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> None:
        schema = Path(__file__).parent / "schemas" / "tone.schema.json"
        if sys.stdout is not None:
            sys.stdout.write(schema.read_text(encoding="utf-8"))  # a full disk is told, unlike by argparse's own
        parser.exit()


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose what is printed."""
    answer = parser.add_mutually_exclusive_group()
    answer.add_argument("--tones", action="store_true", help="print Graph's names, tone1 star, instead of keys, 1*")
    answer.add_argument(
        "--json",
        action="store_const",
        dest="format",
        const="json",
        help="print one JSON object a line for each tone, as soon as it has ended: times, samples, measurements",
    )
    answer.add_argument(
        "--timeline",
        action="store_const",
        dest="format",
        const="timeline",
        help="print a line for each dialled number: when it begins, then the keys, with a dot for 0.2 s of pause, at "
        "most 20; a pause of 2 s, or of --group-gap, begins a new line",
    )
    answer.add_argument(
        "--format",
        choices=FORMATS,
        help="text, the keys; timeline and json, as above; csv, the same as json under a header; rttm; or for one "
        "channel of one file audacity, labels with their frequencies, and the subtitles webvtt and srt",
    )
    parser.set_defaults(format=None)
    parser.add_argument(
        "--explain",
        action="store_true",
        help="print a line for each tone and for each near miss, a sound that may have been a key and was refused, "
        "with the reason; with json, csv or audacity, near misses among the tones, in json with a member named "
        "refused. What never looked like a key is not listed: most single tones, less than 15 ms, levels and twists "
        "10 dB beyond the limit, many keys 3 %% off pitch or more",
    )
    parser.add_argument(
        "--group-gap",
        type=_gap_s,
        metavar="SECONDS",
        help="take a pause of so long for the end of a dialled number: parts them in text and timeline, adds group to "
        "json and csv, and makes one subtitle of a number",
    )
    parser.add_argument(
        "--mask",
        action="store_true",
        help="hide which keys they are, and all that was measured, from which it could be told: each is a bullet, or "
        "masked where it has a name; when, how long and on which channel stays",
    )
    parser.add_argument(
        "--schema", action=_PrintSchema, nargs=0, help="print the JSON Schema of a line of --json, and nothing else"
    )


def _gap_s(text: str) -> float:
    with contextlib.suppress(ValueError):
        gap_s = float(text)
        if math.isfinite(gap_s) and gap_s > 0:
            return gap_s
    raise argparse.ArgumentTypeError(f"{text!r} is no pause; give seconds above 0, such as 2")


def check_options(args: argparse.Namespace) -> None:
    """Settle the format, and refuse options that do not go together."""
    if args.explain and args.tones:
        args.parser.error("argument --explain: not allowed with argument --tones")
    args.format = args.format or "text"
    name = FORMATS[args.format]
    if args.explain and args.format not in EXPLAINED:
        args.parser.error(f"argument --explain: {name} has no place for near misses; use {_choices(EXPLAINED)}")
    if args.group_gap is not None and (args.format not in GROUPED or (args.explain and args.format == "text")):
        what = "the list of --explain" if args.explain and args.format == "text" else name
        args.parser.error(f"argument --group-gap: {what} has no place for groups; use {_choices(GROUPED)}")
    if len(args.files) > 1 and args.format in OF_ONE_CHANNEL:
        args.parser.error(
            f"argument --format: {name} cannot name files, and {len(args.files)} are given; decode each on its own, or "
            "use csv"
        )


def _choices(formats: Iterable[str]) -> str:
    *first, last = formats
    return f"{', '.join(first)} or {last}"


def heading(args: argparse.Namespace) -> Iterator[str]:
    """Yield the line that comes once, before those of the first file that can be opened."""
    if args.format == "csv":
        from dtmf_audio.formats import csv_header

        yield csv_header(groups=args.group_gap is not None, explain=args.explain)


def lines(
    events: Iterable[DetectedTone | Rejection],
    reader: AudioReader,
    file: str,
    channels: list[int],
    args: argparse.Namespace,
) -> Iterator[str]:
    """Yield what is printed for one file, as its events come."""
    import dtmf_audio.formats as formats
    from dtmf_audio.events import DetectedTone
    from dtmf_audio.files import line_name

    if args.format in OF_ONE_CHANNEL and len(channels) > 1:
        raise InvalidSettingError(
            f"{reader.name}: has {len(channels)} channels, which {FORMATS[args.format]} cannot tell apart; choose one, "
            f"such as --channel {channels[0]}, or use csv"
        )
    tones = (event for event in events if isinstance(event, DetectedTone))
    several = len(args.files) > 1
    grouping: dict[str, Any] = {"group_gap_s": args.group_gap, "mask": args.mask}
    names = dict.fromkeys(channels, "")
    if several or len(channels) > 1:
        names = {channel: f"{formats.one_line(line_name(reader, channel))}: " for channel in channels}

    if args.format == "json":
        yield from formats.json_lines(events, file=file if several else None, **grouping)
    elif args.format == "csv":
        yield from formats.csv_lines(events, file=file, explain=args.explain, **grouping)
    elif args.format == "rttm":
        yield from formats.rttm_lines(tones, file=file, mask=args.mask)
    elif args.format == "audacity":
        yield from formats.audacity_lines(events, mask=args.mask)
    elif args.format == "webvtt":
        yield from formats.webvtt_lines(tones, **grouping)
    elif args.format == "srt":
        yield from formats.srt_lines(tones, **grouping)
    elif args.format == "timeline":
        for channel, line in formats.timeline_lines(tones, **grouping):
            yield names[channel] + line
    elif args.explain:
        told = sorted(events, key=lambda event: (event.start, event.channel))
        for event in told:
            yield names[event.channel] + formats.explained_line(event, mask=args.mask)
        for channel in sorted(names.keys() - {event.channel for event in told}):
            yield names[channel] + "no tone and nothing near one"
    else:
        for channel, answer in formats.text_answers(tones, channels, names=args.tones, **grouping).items():
            if names[channel] or answer:
                yield f"{names[channel]}{answer}".rstrip()
