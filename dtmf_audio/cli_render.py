"""The command ``render``: keys or a request to audio, with noise if that is asked for, and where its tones lie."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dtmf_audio.cli_console import EXIT_FOUND, print_answer
from dtmf_audio.cli_options import DEFAULT_SAMPLERATE, RAW_ENCODINGS, add_command, as_options, seed
from dtmf_audio.errors import AudioFileError, DtmfError, InvalidRequestError, InvalidSettingError
from dtmf_audio.tones import Pause, Tone, parse_keys

if TYPE_CHECKING:
    from dtmf_audio.synthesis import Press, Rendering

FORMATS = ("aiff", "au", "flac", "mp3", "ogg", "opus", "raw", "wav")


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        run,
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
        type=seed,
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


def run(args: argparse.Namespace) -> int:
    """Run the command and return its exit status."""
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
        print_answer(truth_json(rendering), end="")
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
        raise type(error)(as_options(message, (*given, "snr_db", "samplerate"))) from error
    loudest = float(np.abs(noisy).max())
    if loudest > 1.0:
        raise InvalidSettingError(
            f"--snr-db is {args.snr_db:g} with --level-dbm0 {low_dbm0:g}: tones and noise would reach {loudest:.2f} of "
            "full scale and clip; lower --level-dbm0, or raise --snr-db"
        )
    return dataclasses.replace(rendering, samples=noisy)


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
    from dtmf_audio.graph.wire import MAX_BODY_BYTES

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
