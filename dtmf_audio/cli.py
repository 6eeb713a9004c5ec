"""Command line: arguments, files and exit statuses; what is computed is computed elsewhere.

Conventions
-----------
- Standard output holds the answer alone; errors and progress go to standard error, progress only to a terminal.
- Exit status 0: done, and tones were found, or no test failed; 1: decoded, and there were none, or a test failed;
  2: unusable input or arguments.
  For check, 0: nothing to mend; 1: something; 2: no tones too, since nothing can then be said of their sender.
  A reader that goes away and an interrupt end it in silence, with 141 and 130, as a shell reports SIGPIPE and SIGINT.
- ``emulate`` runs until it is ended: by an interrupt with 130, by SIGTERM with 0. Its body is ``cli_emulate``.
- numpy and all that needs it is imported in the commands, so that help, usage errors and the table come at once.
  What the options' help says of the library's defaults and choices is therefore written out here, and tested.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dtmf_audio import cli_emulate, cli_outputs, cli_plot, cli_redact, cli_scan
from dtmf_audio.cli_speed import add_speed, speed_told
from dtmf_audio.conformance.sender_limits import SENDER_LIMITS
from dtmf_audio.errors import AudioFileError, DtmfError, InvalidRequestError, InvalidSettingError, InvalidSignalError
from dtmf_audio.profiles import PROFILES
from dtmf_audio.tones import Pause, Tone, parse_keys

if TYPE_CHECKING:
    from dtmf_audio.audio_io import RawFormat
    from dtmf_audio.calibration import SpeedEstimate
    from dtmf_audio.conformance.sender import SenderReport
    from dtmf_audio.events import DetectedTone, Rejection
    from dtmf_audio.synthesis import Press, Rendering

EXIT_FOUND, EXIT_NONE, EXIT_UNUSABLE, EXIT_INTERRUPT, EXIT_BROKEN_PIPE = 0, 1, 2, 130, 141

DEFAULT_SAMPLERATE = 8000  # chosen: the telephone's rate, which every receiver takes
FORMATS = ("aiff", "au", "flac", "mp3", "ogg", "opus", "raw", "wav")
RAW_ENCODINGS = (
    *("s8", "u8", "s16le", "s16be", "s24le", "s24be", "s32le", "s32be"),
    *("f32le", "f32be", "f64le", "f64be", "mulaw", "alaw"),
)

PROGRESS_AFTER_S = 1.0  # chosen: whoever waits for less needs no bar
PROGRESS_WIDTH = 30
PROGRESS_LABEL = 40  # characters of what is being done


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments, without the program's name; without it, those of the process.
    """
    try:
        try:
            parser = _parser()
            if not (sys.argv[1:] if argv is None else argv):
                parser.print_help(sys.stderr)
                return EXIT_UNUSABLE
            args, unknown = parser.parse_known_args(argv)
            if unknown:  # told with the usage of the command, which argparse would not
                args.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
            _hold_threads()
            status: int = args.run(args)
        except SystemExit as stop:  # argparse: help, the version, or a usage error that it has told
            status = EXIT_UNUSABLE if stop.code else EXIT_FOUND
        if sys.stdout is not None:
            sys.stdout.flush()
        return status
    except BrokenPipeError:
        status = EXIT_BROKEN_PIPE
    except KeyboardInterrupt:
        status = EXIT_INTERRUPT
    except MemoryError:
        _report("there is not enough memory for this; render it in parts")
        status = EXIT_UNUSABLE
    except (DtmfError, _OutputError) as error:
        _report(error)
        status = EXIT_UNUSABLE
    except OSError as error:  # of the flush above: all else that is opened has errors of its own
        _report(_OutputError(error))
        status = EXIT_UNUSABLE
    _drop_unwritten()
    return status


def _hold_threads() -> None:
    """Hold numpy's matrix products to one thread, unless told otherwise: they are small, and threads double the work.

    Takes effect only where numpy is not imported yet, in a process of its own.
    """
    if "numpy" not in sys.modules:
        for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ.setdefault(name, "1")


# --- arguments ---------------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    from dtmf_audio import __version__

    parser = argparse.ArgumentParser(
        prog="dtmf-audio",
        description="Render DTMF tones to audio, and decode audio back into tones.\n\n"
        "Exit status: 0 if all went well, 1 if decode found no tones, check found something to mend or\n"
        "a conformance test failed, 2 if the input or the arguments cannot be used.",
        epilog="example:\n  dtmf-audio render '425-555-01#' -o keys.wav && dtmf-audio decode keys.wav",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"dtmf-audio {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_render(commands)
    _add_decode(commands)
    _add_check(commands)
    plot = cli_plot.add(commands)
    plot.set_defaults(run=_plot, parser=plot)
    _add_raw(plot)
    cli_scan.add(commands)
    cli_redact.add(commands).set_defaults(run=_redact)
    _add_tones(commands)
    _add_conformance(commands)
    _add_emulate(commands)
    return parser


def _add_command(
    commands: Any, run: Callable[[argparse.Namespace], int], *, usage: str, summary: str, description: str, example: str
) -> argparse.ArgumentParser:
    name = usage.split()[0]
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        usage=f"dtmf-audio {usage}",
        help=summary,
        description=description,
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run, parser=parser)
    return parser


def _add_render(commands: Any) -> None:
    parser = _add_command(
        commands,
        _render,
        usage="render KEYS_OR_JSON -o FILE [options]",
        summary="render keys, or a sendDtmfTones request, to audio",
        description="Render a dial string, or the JSON body of a sendDtmfTones request, to audio.",
        example="dtmf-audio render '(425) 555-01#' --delay-ms 250 -o keys.wav --truth keys.json",
    )
    parser.add_argument(
        "keys_or_json",
        metavar="KEYS_OR_JSON",
        help="keys 0-9 * # A-D, with w and W for pauses of 0.5 and 1 s, and spaces - . ( ) ignored (quote them: "
        "the shell has uses of its own for * and #); or a request: its JSON, a file whose name ends in .json, or - "
        "for standard input",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        required=True,
        help="audio file to write, its format by its ending; - is standard output, as WAV unless --format tells",
    )
    parser.add_argument(
        "--truth", metavar="FILE", help="also write where each tone starts and stops, as JSON; - is standard output"
    )

    timing = parser.add_argument_group("timing")
    timing.add_argument("--on-ms", type=float, metavar="MS", help="length of each tone (default: 100)")
    timing.add_argument(
        "--delay-ms",
        type=float,
        metavar="MS",
        help="silence from the end of a tone to the start of the next (default: 100; of a request, its "
        "delayBetweenTonesMs, at least 40, and without one 0 to 500 at random)",
    )
    timing.add_argument(
        "--ramp-ms", type=float, metavar="MS", help="length of each tone's rise, and of its fall (default: 2)"
    )
    timing.add_argument("--lead-ms", type=float, metavar="MS", help="silence before the first tone (default: 0)")
    timing.add_argument("--tail-ms", type=float, metavar="MS", help="silence after the last tone (default: 0)")
    timing.add_argument("--comma-ms", type=float, metavar="MS", help="length of a comma in KEYS (default: refuse it)")
    timing.add_argument(
        "--flash-ms", type=float, metavar="MS", help="silence that stands for a flash in a request (default: refuse it)"
    )

    level = parser.add_argument_group("level and noise")
    level.add_argument(
        "--level-dbm0",
        type=float,
        metavar="DBM0",
        help="level of the lower tone of each pair; a full-scale sine is 3.14 (default: -10)",
    )
    level.add_argument(
        "--twist-db", type=float, metavar="DB", help="how much louder the higher tone of each pair is (default: 2)"
    )
    level.add_argument(
        "--snr-db",
        type=float,
        metavar="DB",
        help="add white noise, this far below the pair of tones, from 0 to 4 kHz (default: none)",
    )
    parser.add_argument(
        "--seed",
        type=_seed,
        metavar="N",
        default=0,
        help="of the noise, and of the delays of a request that tells none: the same seed, the same (default: 0)",
    )

    output = parser.add_argument_group("output format")
    output.add_argument(
        "--samplerate",
        type=int,
        metavar="HZ",
        default=DEFAULT_SAMPLERATE,
        help="4000 to 192000 (default: 8000, the telephone's; app-hosted media takes 16000)",
    )
    output.add_argument(
        "--format",
        type=str.lower,
        choices=FORMATS,
        metavar="NAME",
        help=f"one of {', '.join(FORMATS)} (default: by the ending)",
    )
    output.add_argument(
        "--subtype",
        metavar="NAME",
        help="how samples are stored, such as pcm16, pcm24, float, mulaw or alaw (default: pcm16, or what the format "
        "has)",
    )
    output.add_argument(
        "--raw",
        choices=RAW_ENCODINGS,
        metavar="ENCODING",
        help=f"write samples alone, without a header: one of {', '.join(RAW_ENCODINGS)}",
    )


def _add_decode(commands: Any) -> None:
    parser = _add_command(
        commands,
        _decode,
        usage="decode FILE... [options]",
        summary="find the keys in audio",
        description="Print the keys that are pressed in audio files: a line for each file, and for each\n"
        "channel of a file that has several. Where there are several files or channels, the\n"
        "line begins with its name; where there is one, and no tone in it, there is no line.\n\n"
        "Exit status: 0 if tones were found, 1 if there were none, 2 if a file cannot be used.",
        example="dtmf-audio render '12A#' -o - | dtmf-audio decode - --json",
    )
    parser.epilog = cli_outputs.KEYS_HELP + (parser.epilog or "")
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="WAV, FLAC, OGG, Opus, MP3, AIFF, AU and others, or raw samples with --raw; - is standard input",
    )
    cli_outputs.add_options(parser)
    parser.add_argument("--channel", type=int, metavar="N", help="decode this channel alone, counted from 0")
    parser.add_argument(
        "--profile",
        choices=PROFILES,
        default="default",
        help="what counts as a tone: default is for recordings of any origin, sensitive for whatever might be one; "
        "q24 has the limits of ITU-T Q.24, the others those of an administration or of ETSI",
    )
    parser.add_argument("--partial", action="store_true", help="decode what is there of a file that breaks off")
    add_speed(parser)
    parser.add_argument(
        "--goertzel",
        choices=("matrix", "resonator"),
        default="matrix",
        help="form of the Goertzel bank; both find the same tones, matrix faster (default: matrix)",
    )
    _add_raw(parser)


def _add_check(commands: Any) -> None:
    parser = _add_command(
        commands,
        _check,
        usage="check FILE [options]",
        summary="measure a sender of tones against its limits, and say what to mend",
        description="Measure the sender of the tones in a recording (a dialler, a tone generator): frequencies,\n"
        "levels, twist, lengths, pauses, rise and fall, distortion. Print a line for each press, then\n"
        "what misses a limit and what to do about it, then what could not be judged.\n\n"
        "Exit status: 0 if there is nothing to mend, 1 if there is, 2 if the file cannot be used or\n"
        "has no tones in it.",
        example="dtmf-audio render '12A#' -o - | dtmf-audio check - --limits etsi",
    )
    parser.add_argument("file", metavar="FILE", help="as of decode; best recorded at the sender, with no line between")
    parser.add_argument(
        "--limits",
        choices=SENDER_LIMITS,
        default="all",
        help="whose limits: q23, of ITU-T Q.23, and of Q.24 what AT&T's receivers need; etsi, of ES 201 235-2 as "
        "reported; australia, of AS/CA S002; uk, of BT SIN 351 as reported; or all of them (default: all)",
    )
    parser.add_argument("--channel", type=int, metavar="N", help="check this channel alone, counted from 0")
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object a line for each channel: tones, findings and notes"
    )
    parser.add_argument("--partial", action="store_true", help="check what is there of a file that breaks off")
    _add_raw(parser)


def _add_raw(parser: argparse.ArgumentParser) -> None:
    raw = parser.add_argument_group("audio without a header")
    raw.add_argument(
        "--raw", choices=RAW_ENCODINGS, metavar="ENCODING", help=f"its encoding: one of {', '.join(RAW_ENCODINGS)}"
    )
    raw.add_argument("--samplerate", type=int, metavar="HZ", help="its rate, 4000 to 192000; must be given with --raw")
    raw.add_argument("--channels", type=int, metavar="N", help="how many channels it has (default: 1)")


def _add_tones(commands: Any) -> None:
    _add_command(
        commands,
        _tones,
        usage="tones",
        summary="print the table of tones",
        description="Print every tone: its key, its name in Graph, its RFC 4733 event code and its two frequencies.",
        example="dtmf-audio tones",
    )


def _add_conformance(commands: Any) -> None:
    parser = _add_command(
        commands,
        _conformance,
        usage="conformance [options]",
        summary="judge this receiver, or any other decoder, by the standards",
        description="Run the tests of ITU-T Q.23 and Q.24, ETSI, AT&T and the Mitel cassette, and print\n"
        "what was sent, what was heard, and what was asked: G1-G12 of the sender, R1-R25 that must\n"
        "operate, N1-N13 that must not, M2-M7 of the cassette.\n\n"
        "Exit status: 0 if no row failed, 1 if one did, 2 if the decoder or the arguments cannot be\n"
        "used.",
        example="dtmf-audio conformance --only R3,N3 --quick --decoder 'dtmf-audio decode --profile q24 {}'",
    )
    parser.add_argument(
        "--profile",
        choices=PROFILES,
        default="q24",
        help="whose limits to judge by, and the profile of this receiver (default: q24, all of ITU-T Q.24)",
    )
    parser.add_argument(
        "--decoder",
        metavar="COMMAND",
        help="judge this program instead: it gets the path of a WAV file in the place of {}, or as its last argument, "
        "and prints the keys",
    )
    parser.add_argument("--only", metavar="IDS", help="run these tests alone, such as R2,R3,N1")
    parser.add_argument("--quick", action="store_true", help="48 presses a point instead of 1008, and wide bounds")
    parser.add_argument(
        "--seed", type=_seed, metavar="N", default=0, help="the same seed, the same signals (default: 0)"
    )
    parser.add_argument(
        "--samplerate", type=int, metavar="HZ", default=DEFAULT_SAMPLERATE, help="8000 to 192000 (default: 8000)"
    )
    parser.add_argument(
        "--talk-off",
        metavar="FOLDER",
        help="recordings in which no key is pressed, for the tests of speech; those in a folder named music are music",
    )
    parser.add_argument("--json", metavar="FILE", help="also write rows and curves as JSON; - is standard output alone")
    parser.add_argument("--html", metavar="FILE", help="also write one page with the rows and the curves")


def _add_emulate(commands: Any) -> None:
    parser = _add_command(
        commands,
        _emulate,
        usage="emulate [options]",
        summary="serve Microsoft Graph's calls on this machine, to test a bot with",
        description=cli_emulate.DESCRIPTION,
        example=cli_emulate.EXAMPLE,
    )
    cli_emulate.add_arguments(parser)
    parser.add_argument(
        "--seed",
        type=_seed,
        metavar="N",
        default=0,
        help="of ids, noise, loss and the delays that requests leave open: the same seed, the same (default: 0)",
    )


def _seed(text: str) -> int:
    with contextlib.suppress(ValueError):
        seed = int(text)
        if seed < 0:
            raise argparse.ArgumentTypeError(f"{seed} is negative; a seed is 0 or more")
        return seed
    raise argparse.ArgumentTypeError(f"{text!r} is no whole number; a seed is 0 or more")


# --- render ------------------------------------------------------------------------------------------------------


def _render(args: argparse.Namespace) -> int:
    if args.raw is not None and (args.format is not None or args.subtype is not None):
        args.parser.error("argument --raw: tells the format and the subtype; leave --format and --subtype out")
    if args.truth is not None and args.truth == args.output:
        args.parser.error(f"argument --truth: {args.truth} is where the audio goes; give another file")
    if args.output == "-" and sys.stdout is not None and sys.stdout.isatty():
        raise AudioFileError("standard output: is a terminal, which cannot play audio; give a file, or pipe it on")

    from dtmf_audio.audio_io import replace_file, write_audio
    from dtmf_audio.formats import truth_json

    rendering = _rendering(args)
    with contextlib.ExitStack() as files:
        if args.truth is not None and args.truth != "-":
            truth = files.enter_context(replace_file(args.truth))  # not in place until the audio is, too
            truth.write(truth_json(rendering).encode())
            truth.flush()
        write_audio(
            args.output,
            rendering.samples,
            rendering.samplerate,
            file_format="raw" if args.raw is not None else args.format,
            subtype=args.raw if args.raw is not None else args.subtype,
        )
    if args.truth == "-":
        _print(truth_json(rendering), end="")
    return EXIT_FOUND


def _rendering(args: argparse.Namespace) -> Rendering:
    import dataclasses

    import numpy as np

    from dtmf_audio import channel, synthesis

    tones = _what_to_render(args)
    given = {
        "on_ms": args.on_ms,
        "delay_ms": args.delay_ms,
        "level_dbm0": args.level_dbm0,
        "twist_db": args.twist_db,
        "ramp_ms": args.ramp_ms,
        "lead_ms": args.lead_ms,
        "tail_ms": args.tail_ms,
        "flash_ms": args.flash_ms,
    }
    settings = {name: value for name, value in given.items() if value is not None}
    try:
        rendering = synthesis.render(tones, args.samplerate, **settings)
        if args.snr_db is None:
            return rendering
        low_dbm0 = settings.get("level_dbm0", synthesis.DEFAULT_LEVEL_DBM0)
        high_dbm0 = low_dbm0 + settings.get("twist_db", synthesis.DEFAULT_TWIST_DB)
        noisy = channel.add_noise_at_snr(
            rendering.samples,
            snr_db=args.snr_db,
            signal_dbm0=channel.pair_dbm0(low_dbm0, high_dbm0),
            samplerate=rendering.samplerate,
            rng=np.random.default_rng(args.seed),
        )
    except DtmfError as error:
        message = str(error).replace("sample rate is", "samplerate is").removesuffix(": resample the audio first")
        raise type(error)(_as_options(message, (*given, "snr_db", "samplerate"))) from error
    loudest = float(np.abs(noisy).max())
    if loudest > 1.0:
        raise InvalidSettingError(
            f"--snr-db is {args.snr_db:g} with --level-dbm0 {low_dbm0:g}: tones and noise would reach {loudest:.2f} of "
            "full scale and clip; lower --level-dbm0, or raise --snr-db"
        )
    return dataclasses.replace(rendering, samples=noisy)


def _as_options(message: str, names: Sequence[str]) -> str:
    """Write the names of settings in a message as the options that give them."""
    return re.sub(rf"\b({'|'.join(names)})\b", lambda match: f"--{match[0].replace('_', '-')}", message)


def _what_to_render(args: argparse.Namespace) -> Sequence[Tone | Pause | Press]:
    """Return the tones; those of a request with the delays that it gets, unless the options tell them."""
    from dtmf_audio.graph.requests import SendDtmfTonesRequest

    text: str = args.keys_or_json
    place = ""
    body: str | bytes = text
    if text == "-":
        place, body = "standard input: ", _read_request(None)
    elif text.lower().endswith(".json"):
        place, body = f"{text}: ", _read_request(text)
    elif not text.lstrip().startswith(("{", "[")):
        return parse_keys(text, comma_ms=args.comma_ms)
    try:
        request = SendDtmfTonesRequest.from_json(body)
    except InvalidRequestError as error:
        raise InvalidRequestError(f"{place}{error}") from error
    if args.delay_ms is not None:
        return request.tones

    import numpy as np

    from dtmf_audio.graph.rendering import LEAST_DELAY_MS, delays_ms
    from dtmf_audio.synthesis import Press

    delays = delays_ms(request, rng=np.random.default_rng(args.seed), least_delay_ms=LEAST_DELAY_MS)
    return [Press(tone=tone, delay_ms=delay_ms) for tone, delay_ms in zip(request.tones, delays, strict=True)]


def _read_request(path: str | None) -> bytes:
    """Read a file, or standard input, no further than shows that it is too long."""
    from dtmf_audio.graph.models import MAX_BODY_BYTES

    name = "standard input" if path is None else path
    try:
        if path is not None:
            with Path(path).open("rb") as file:
                return file.read(MAX_BODY_BYTES + 1)
        if sys.stdin is None:
            raise InvalidRequestError(f"{name}: is closed; give the request as a file")
        return sys.stdin.buffer.read(MAX_BODY_BYTES + 1)
    except FileNotFoundError as error:
        raise InvalidRequestError(f"{name}: there is no such file; check the path") from error
    except OSError as error:
        raise InvalidRequestError(
            f"{name}: cannot be read ({error.strerror}); check the path and its permissions"
        ) from error


# --- decode ------------------------------------------------------------------------------------------------------


def _decode(args: argparse.Namespace) -> int:
    cli_outputs.check_options(args)
    raw = _raw_format(args)
    heading = cli_outputs.heading(args)
    status = EXIT_NONE
    for file in args.files:
        try:
            if _decode_file(file, raw, heading, args) and status == EXIT_NONE:
                status = EXIT_FOUND
        except DtmfError as error:
            _report(error)
            status = EXIT_UNUSABLE
    return status


def _decode_file(file: str, raw: RawFormat | None, heading: Iterator[str], args: argparse.Namespace) -> bool:
    """Print the answer for one file; return whether there is a tone in it."""
    from dtmf_audio.audio_io import open_audio
    from dtmf_audio.events import DetectedTone
    from dtmf_audio.files import channels_of, iter_reader

    found = False
    with open_audio(file, raw=raw, partial=args.partial) as reader, _ProgressBar() as bar:

        def progress(done: int, total: int | None) -> None:
            seconds = f"{done / reader.samplerate:.0f} s"
            of = f" of {total / reader.samplerate:.0f} s" if total else ""
            bar.show(done, total, lambda drawn: f"{reader.name}: {drawn}{seconds}{of}")

        def tell(estimate: SpeedEstimate) -> None:
            bar.erase()
            _to_stderr(speed_told(estimate, reader.name, asked=args.speed == "auto"))

        def events() -> Iterator[DetectedTone | Rejection]:
            nonlocal found
            for event in iter_reader(
                reader,
                channel=args.channel,
                profile=args.profile,
                goertzel=args.goertzel,
                progress=progress,
                speed=args.speed,
                on_speed=tell,
                explain=args.explain,
            ):
                found = found or isinstance(event, DetectedTone)
                yield event

        lines = cli_outputs.lines(events(), reader, file, channels_of(reader, args.channel), args)
        for line in itertools.chain(heading, lines):
            bar.erase()
            _print(line)
    return found


def _raw_format(args: argparse.Namespace) -> RawFormat | None:
    """Return what audio without a header holds; None for a file that says it itself."""
    if args.raw is None and (args.samplerate is not None or args.channels is not None):
        option = "--samplerate" if args.samplerate is not None else "--channels"
        args.parser.error(f"argument {option}: is for audio without a header; give --raw too, or leave {option} out")
    if args.raw is not None and args.samplerate is None:
        args.parser.error("argument --raw: the rate must be given too, such as --samplerate 8000")

    from dtmf_audio.audio_io import RawFormat

    if args.raw is None:
        return None
    channels = 1 if args.channels is None else args.channels
    return RawFormat(encoding=args.raw, samplerate=args.samplerate, channels=channels)


class _ProgressBar:
    """How far something long is, on standard error if that is a terminal; erased in the end."""

    def __init__(self) -> None:
        self._on_terminal = sys.stderr is not None and sys.stderr.isatty()
        self._begin_s = time.monotonic()
        self._shown = False

    def show(self, done: int, total: int | None, text: Callable[[str], str]) -> None:
        """Show how much is done, of how much in all if that is known; ``text`` puts the bar into words."""
        if not self._on_terminal or time.monotonic() - self._begin_s < PROGRESS_AFTER_S:
            return
        filled = min(PROGRESS_WIDTH, PROGRESS_WIDTH * done // total) if total else 0
        bar = f"[{'#' * filled}{'.' * (PROGRESS_WIDTH - filled)}] " if total else ""
        _to_stderr(f"\r{text(bar)}\x1b[K")
        self._shown = True

    def erase(self) -> None:
        """Make room for other output; the next update shows it again."""
        if self._shown:
            _to_stderr("\r\x1b[K")
            self._shown = False

    def __enter__(self) -> _ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        self.erase()


# --- check -------------------------------------------------------------------------------------------------------


def _check(args: argparse.Namespace) -> int:
    raw = _raw_format(args)

    import numpy as np

    from dtmf_audio.audio_io import open_audio
    from dtmf_audio.conformance.sender import check_sender
    from dtmf_audio.conformance.sender_text import report_json, report_text
    from dtmf_audio.files import channels_of, line_name

    reports: list[SenderReport] = []
    with open_audio(args.file, raw=raw, partial=args.partial) as reader:
        numbers = channels_of(reader, args.channel)
        samples = np.concatenate(list(reader.blocks()))
        for number in numbers:
            name = line_name(reader, number)
            try:
                report = check_sender(samples, reader.samplerate, limits=args.limits, channel=number)
            except InvalidSignalError as error:
                raise InvalidSignalError(f"{name}: {error}") from error
            if not report.tones:
                continue
            if args.json:
                _print(report_json(report))
            else:
                _print(("\n" if reports else "") + report_text(report, name), end="")
            reports.append(report)
        if not reports:
            raise InvalidSignalError(
                f"{reader.name}: there are no tones in it to check; give a recording of keys being pressed"
            )
    return EXIT_NONE if any(report.findings for report in reports) else EXIT_FOUND


# --- plot --------------------------------------------------------------------------------------------------------


def _plot(args: argparse.Namespace) -> int:
    raw = _raw_format(args)
    with _ProgressBar() as bar:
        cli_plot.run(args, raw, lambda done, total: bar.show(done, total, lambda drawn: f"{args.file}: {drawn}"))
    return EXIT_FOUND


# --- redact ------------------------------------------------------------------------------------------------------


def _redact(args: argparse.Namespace) -> int:
    with _ProgressBar() as bar:
        return cli_redact.run(args, bar)


# --- tones -------------------------------------------------------------------------------------------------------


def _tones(_args: argparse.Namespace) -> int:
    _print(f"{'key':<5}{'tone':<7}{'event code':>10}{'low Hz':>8}{'high Hz':>9}")
    for tone in Tone:
        silent = tone is Tone.FLASH
        key, low_hz, high_hz = ("-", "-", "-") if silent else (tone.key, *(f"{hz:g}" for hz in tone.frequencies_hz))
        _print(f"{key:<5}{tone.value:<7}{tone.event_code:>10}{low_hz:>8}{high_hz:>9}")
    return EXIT_FOUND


# --- conformance -------------------------------------------------------------------------------------------------


def _conformance(args: argparse.Namespace) -> int:
    if args.html == "-":
        args.parser.error("argument --html: must be a file; only --json can go to standard output")
    if args.html is not None and args.html == args.json:
        args.parser.error(f"argument --html: {args.html} is where the JSON goes; give another file")

    from dtmf_audio import conformance
    from dtmf_audio.audio_io import replace_file
    from dtmf_audio.conformance.page import to_html

    with contextlib.ExitStack() as files, _ProgressBar() as bar:

        def progress(done: int, total: int, label: str) -> None:
            bar.show(done, total, lambda drawn: f"{drawn}{done} of {total}: {label[:PROGRESS_LABEL]}")

        outputs = {  # opened before the work, so that a bad path is told at once
            path: files.enter_context(replace_file(path)) for path in (args.json, args.html) if path not in (None, "-")
        }
        report = conformance.run(
            args.decoder,
            profile=args.profile,
            only=[] if args.only is None else [case.strip().upper() for case in args.only.split(",")],
            quick=args.quick,
            seed=args.seed,
            samplerate=args.samplerate,
            talk_off=args.talk_off,
            curves=args.json is not None or args.html is not None,
            progress=progress,
        )
        for path, write in ((args.json, report.to_json), (args.html, lambda: to_html(report))):
            if path in outputs:
                outputs[path].write(write().encode())
    _print(report.to_json() if args.json == "-" else report.to_table(), end="")
    return EXIT_FOUND if report.passed else EXIT_NONE


# --- emulate -----------------------------------------------------------------------------------------------------


def _emulate(args: argparse.Namespace) -> int:
    try:
        return cli_emulate.emulate(args, answer=_print, tell=_to_stderr)
    except InvalidSettingError as error:
        raise InvalidSettingError(_as_options(str(error), ("noise_dbm0", "loss_pct", "twist_db"))) from error


# --- standard output and error -----------------------------------------------------------------------------------


class _OutputError(Exception):
    """Standard output cannot be written; unlike a bad file, it ends the command."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"standard output: cannot be written ({error.strerror or error}); write to a file elsewhere")


def _print(text: str, end: str = "\n") -> None:
    """Write a line of the answer, at once: who reads it may be waiting."""
    if sys.stdout is None:
        raise _OutputError(OSError("it is closed"))
    try:
        try:
            print(text, end=end, flush=True)
        except UnicodeEncodeError:  # a file's name that the terminal has no characters for
            encoding = sys.stdout.encoding
            print(text.encode(encoding, "backslashreplace").decode(encoding), end=end, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _OutputError(error) from error


def _report(problem: object) -> None:
    _to_stderr(f"dtmf-audio: error: {problem}\n")


def _to_stderr(text: str) -> None:
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            sys.stderr.write(text)
            sys.stderr.flush()


def _drop_unwritten() -> None:
    """Drop what standard output did not take; the interpreter would try once more at exit, and complain."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, sys.stdout.fileno())
            os.close(null)
