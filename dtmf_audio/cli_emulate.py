"""The command ``emulate``: the emulator of Graph's calls in the foreground, its log, and recordings of its calls.

Conventions
-----------
- Standard output holds one line, the base URL, so that a script can read where it is. Everything else is said on
  standard error; after the interrupt or SIGTERM that ends it, nothing is but what went wrong.
- Files are written in the main thread, which has nothing else to do but wait for a signal. A recording is named by
  its call's id alone, which the emulator draws; it takes its place when it is complete, and never another file's.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import itertools
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from dtmf_audio.cli_console import print_answer, to_stderr
from dtmf_audio.cli_options import add_command, as_options, seed
from dtmf_audio.errors import AudioFileError, DtmfError, InvalidSettingError

if TYPE_CHECKING:
    from dtmf_audio.graph.calls import Notification
    from dtmf_audio.graph.media import HeardTone
    from dtmf_audio.graph.switchboard import CallHandle, ReceivedTone, Switchboard
    from dtmf_audio.synthesis import Rendering

DEFAULT_PORT = 8080
CLOCKS = ("real", "virtual")
STATUS_CASES = ("camelCase", "PascalCase")
RECORDED_S = 600  # of each direction of a call
KEPT_TONES = 200  # of each direction of a call, as many as the status page looks at
PACKAGES = ("httpx", "starlette", "uvicorn", "websockets")  # what the extra installs, and is not done without
LIFE_CHECK_S = 0.5
SWEEP_CALLS = 100
EXIT_TERMINATED, EXIT_UNWRITTEN, EXIT_INTERRUPT = 0, 2, 130

_DESCRIPTION = (
    "Serve the calls of Microsoft Graph on a port of this machine: create, answer and end calls, sendDtmfTones,\n"
    "subscribeToTone, cancelMediaProcessing, with their notifications and their audio. Give a client the\n"
    "base URL that is printed, the only line on standard output; the log goes to standard error.\n"
    "It needs more packages than the rest: pip install 'dtmf-audio[emulator]'.\n\n"
    "/ is a status page, with each call's tones and waveforms and a dial pad that presses keys at the bot.\n"
    "Below /control all of it is HTTP, and so are faults on demand: dtmf_audio/graph/control.py has the table.\n"
    "ws://HOST:PORT/media/calls/ID carries a call's audio, 640 bytes every 20 ms, both ways.\n\n"
    "It runs until it is interrupted (Ctrl-C, exit status 130) or terminated (exit status 0)."
)


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        run,
        usage="emulate [options]",
        summary="serve Microsoft Graph's calls on this machine, to test a bot with",
        description=_DESCRIPTION,
        example="dtmf-audio emulate --port 0 --quiet > url.txt & sleep 2; cat url.txt; kill $!",
    )
    parser.add_argument(
        "--host",
        metavar="ADDRESS",
        default="127.0.0.1",
        help="address to listen on; others than this machine's can be reached from elsewhere (default: 127.0.0.1)",
    )
    parser.add_argument(
        "--port", type=int, metavar="N", default=DEFAULT_PORT, help=f"0 is a free one (default: {DEFAULT_PORT})"
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        metavar="HOST",
        default=[],
        help="a host besides this machine that notifications are sent to, and that the emulator may be addressed as; "
        "may be given several times",
    )
    parser.add_argument(
        "--clock",
        choices=CLOCKS,
        default="real",
        help="virtual stands still until the control API moves it (default: real)",
    )
    parser.add_argument(
        "--status-case",
        choices=STATUS_CASES,
        default="camelCase",
        help="spelling of an operation's status: running, as documented, or Running, which the SDKs for TypeScript, "
        "Go, Java and PHP need (default: camelCase)",
    )
    parser.add_argument(
        "--require-bearer", action="store_true", help="refuse requests without a token; its signature is not looked at"
    )
    parser.add_argument(
        "--established-first",
        action="store_true",
        help="notify of established before establishing, as Graph's documentation warns that it may come",
    )
    parser.add_argument(
        "--record",
        metavar="DIR",
        help="write each call that has ended, or is cut short by the end: ID.toFarEnd.wav and ID.toBot.wav, at most "
        f"{RECORDED_S} s, and where their tones lie, ID.toFarEnd.json and ID.toBot.json; nothing is overwritten",
    )
    parser.add_argument("--quiet", action="store_true", help="no log on standard error, only warnings and errors")
    line = parser.add_argument_group("lines, both ways")
    line.add_argument("--noise-dbm0", type=float, metavar="DBM0", help="white noise, -90 to 3 (default: none)")
    line.add_argument(
        "--loss-pct", type=float, metavar="PCT", default=0.0, help="frames of 20 ms that are lost (default: 0)"
    )
    line.add_argument(
        "--twist-db", type=float, metavar="DB", default=0.0, help="added to the twist of tones, -20 to 20 (default: 0)"
    )
    parser.add_argument(
        "--seed",
        type=seed,
        metavar="N",
        default=0,
        help="of ids, noise, loss and the delays that requests leave open: the same seed, the same (default: 0)",
    )


def run(args: argparse.Namespace) -> int:
    """Run the emulator until it is ended, and return the exit status."""
    try:
        return _emulate(args)
    except InvalidSettingError as error:
        raise InvalidSettingError(as_options(str(error), ("noise_dbm0", "loss_pct", "twist_db"))) from error


def _emulate(args: argparse.Namespace) -> int:
    events: queue.SimpleQueue[CallHandle | int] = queue.SimpleQueue()
    with _signals(events):
        _check_packages()

        from dtmf_audio.graph.calls import CallSettings
        from dtmf_audio.graph.emulator import Emulator
        from dtmf_audio.graph.media import Direction, LineConditions
        from dtmf_audio.graph.webhooks import is_loopback

        folder = None if args.record is None else _make_folder(args.record)
        line = LineConditions(noise_dbm0=args.noise_dbm0, loss_pct=args.loss_pct, twist_db=args.twist_db)
        emulator = Emulator(
            host=args.host,
            port=args.port,
            clock=args.clock,
            seed=args.seed,
            calls=CallSettings(established_first=args.established_first),
            conditions=dict.fromkeys(Direction, line) if line != LineConditions() else None,
            record_s=float(RECORDED_S),
            kept_tones=KEPT_TONES,
            status_case=args.status_case,
            require_bearer=args.require_bearer,
            allowed_hosts=tuple(args.allow_host),
        )
        board = emulator.service.switchboard
        log = _Log(to_stderr, quiet=args.quiet)
        if not args.quiet:
            emulator.service.on_log.append(log.line)
            board.on_tone.append(
                lambda heard, told: log.line(_tone_line(emulator.service.date(heard.ticks), heard, told))
            )
        recorder = _Recorder(board, events)
        if folder is not None:
            board.on_notification.append(recorder.note)
            board.on_tone.append(lambda heard, _: recorder.note(heard))
        with emulator:
            if not is_loopback(args.host):
                log.warn(
                    f"{args.host} can be reached from other machines, and whoever reaches it can use it; they must "
                    "address it by a name that is allowed with --allow-host"
                )
            print_answer(emulator.base_url)
            log.line(f"status page: {emulator.url}/")
            status, unwritten = None, 0
            while status is None:
                with contextlib.suppress(queue.Empty):
                    event = events.get(timeout=LIFE_CHECK_S)
                    if isinstance(event, int):
                        status = event
                    elif folder is not None:
                        unwritten += _write(folder, event, log)
                if status is None and not emulator.running:
                    raise DtmfError("the emulator has stopped by itself; start it again, and report what it did last")
            log.quiet = True
            emulator.do(lambda _: recorder.look())
        if folder is not None:
            for handle in (*_waiting(events), *recorder.handles.values()):
                unwritten += _write(folder, handle, log)
    return EXIT_UNWRITTEN if unwritten and status == EXIT_TERMINATED else status


def _check_packages() -> None:
    for name in PACKAGES:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise DtmfError(f"emulate needs {name}, which is not here: pip install 'dtmf-audio[emulator]'") from error


@contextlib.contextmanager
def _signals(events: queue.SimpleQueue[CallHandle | int]) -> Iterator[None]:
    """Have an interrupt and SIGTERM put the exit status among the events; a second one acts as ever."""
    statuses = {signal.SIGINT: EXIT_INTERRUPT, signal.SIGTERM: EXIT_TERMINATED}
    before = {number: signal.getsignal(number) for number in statuses}
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's
        return

    def restore() -> None:
        for number, handler in before.items():
            if handler is not None:  # it was not set from Python
                signal.signal(number, handler)

    def end(number: int, _frame: FrameType | None) -> None:
        restore()
        events.put(statuses[signal.Signals(number)])

    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # as a shell starts what runs in the background
            signal.signal(number, end)
    try:
        yield
    finally:
        restore()


# --- the log -----------------------------------------------------------------------------------------------------


class _Log:
    """Lines on standard error.

    Attributes
    ----------
    quiet : bool
        Whether nothing but warnings is written.
    """

    def __init__(self, tell: Callable[[str], None], *, quiet: bool) -> None:
        self.quiet = quiet
        self._tell = tell

    def line(self, text: str) -> None:
        """Write a line."""
        if not self.quiet:
            self._tell(f"{text}\n")

    def warn(self, text: str) -> None:
        """Write a warning."""
        self._tell(f"dtmf-audio: warning: {text}\n")


def _tone_line(date: str, heard: HeardTone, received: ReceivedTone | None) -> str:
    """Return what is told of a tone that was heard on a line."""
    from dtmf_audio.graph.media import Direction
    from dtmf_audio.graph.service import printable

    tone = heard.detected
    measured = f"{tone.duration_ms:.0f} ms, {tone.low_level_dbm0:.1f} and {tone.high_level_dbm0:.1f} dBm0"
    call = f"{date} call {heard.call_id}"
    if heard.direction is Direction.TO_FAR_END:
        return f"{call}: sent {heard.tone.key} to the far end, {measured}"
    told = "the bot is not told" if received is None else f"told to the bot as {received.sequence_id}"
    return f"{call}: heard {heard.tone.key} from {printable(heard.speaker)}, {measured}, {told}"


# --- recordings --------------------------------------------------------------------------------------------------


class _Recorder:
    """Takes note of calls, in the emulator's thread, and passes them on when they have ended.

    Attributes
    ----------
    handles : dict of str and CallHandle
        Calls that were not passed on yet.
    """

    def __init__(self, board: Switchboard, events: queue.SimpleQueue[CallHandle | int]) -> None:
        self.handles: dict[str, CallHandle] = {}
        self._board = board
        self._events = events
        self._sweep_at = SWEEP_CALLS

    def note(self, sign: Notification | HeardTone) -> None:
        """Take note of a sign of life of a call: it goes on, or has ended."""
        handle = self.handles.get(sign.call_id)
        if handle is None:
            self._add(sign.call_id)
        elif handle.media is not None and handle.media.stop is not None:
            self._events.put(self.handles.pop(sign.call_id))
        if len(self.handles) > self._sweep_at:
            self._sweep()

    def _sweep(self) -> None:
        """Pass on, or forget, what has ended without a sign: notifications may be lost on purpose."""
        for call_id, handle in list(self.handles.items()):
            if handle.media is not None and handle.media.stop is not None:
                self._events.put(self.handles.pop(call_id))
            elif handle.media is None and self._board.calls.is_over(call_id):
                del self.handles[call_id]
        self._sweep_at = 2 * len(self.handles) + SWEEP_CALLS

    def look(self) -> None:
        """Take note of every call there is, whatever signs were lost."""
        for call in self._board.calls.all():
            if call.id is not None and call.id not in self.handles:
                self._add(call.id)

    def _add(self, call_id: str) -> None:
        calls = self._board.calls
        if calls.is_over(call_id) or calls.get(call_id).state == "terminated":
            return  # the switchboard has let go of it
        handle = self._board.call(call_id)
        if handle.media is None or handle.media.stop is None:
            self.handles[call_id] = handle


def _waiting(events: queue.SimpleQueue[CallHandle | int]) -> Iterator[CallHandle]:
    while not events.empty():
        event = events.get()
        if not isinstance(event, int):
            yield event


def _make_folder(name: str) -> Path:
    folder = Path(name)
    try:
        folder.mkdir(exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        raise AudioFileError(
            f"{name}: recordings cannot be written there ({error.strerror}); give a directory, or the name of one in "
            "a directory that exists"
        ) from error
    return folder


def _write(folder: Path, call: CallHandle, log: _Log) -> int:
    """Write the recordings of a call; returns how many could not be."""
    from dtmf_audio.graph.media import Direction

    if call.media is None:
        return 0  # it was never established
    try:
        recordings = {
            Direction.TO_FAR_END: call.far_end.recording(),
            Direction.TO_BOT: call.bot.recording(),
        }
    except InvalidSettingError as error:  # many calls have ended at once, and this one's turn came too late
        log.warn(str(error))
        return 1
    files = {
        f".{direction}{ending}": content
        for direction, recording in recordings.items()
        if len(recording.samples)
        for ending, content in _encoded(recording).items()
    }
    if not files:
        return 0
    try:
        stem = write_together(folder, call.id, files)
    except OSError as error:
        log.warn(f"the recordings of call {call.id} cannot be written to {folder} ({error.strerror or error})")
        return 1
    taps = [path.tap for path in call.media.paths.values()]
    cut = f", its first {RECORDED_S} s" if any(tap is not None and tap.full for tap in taps) else ""
    log.line(f"recorded call {call.id}{cut}: {', '.join(str(folder / f'{stem}{ending}') for ending in files)}")
    return 0


def _encoded(recording: Rendering) -> dict[str, bytes]:
    """Return a recording's files by their endings."""
    from dtmf_audio.audio_io import write_audio
    from dtmf_audio.formats import truth_json

    audio = io.BytesIO()
    write_audio(audio, recording.samples, recording.samplerate, file_format="wav")
    return {".wav": audio.getvalue(), ".json": truth_json(recording).encode()}


def write_together(folder: Path, stem: str, files: dict[str, bytes]) -> str:
    """Write files of one stem and several endings, under another stem if one of them exists; returns the stem.

    Each is written beside its place and renamed, so none is ever seen half written; none takes the place of another.
    """
    for number in itertools.count(1):
        tried = stem if number == 1 else f"{stem}-{number}"
        written: list[Path] = []
        try:
            if any(os.path.lexists(folder / f"{tried}{ending}") for ending in files):
                continue
            for ending, content in files.items():
                _write_new(folder / f"{tried}{ending}", content)
                written.append(folder / f"{tried}{ending}")
        except FileExistsError:  # somebody was faster
            for path in written:
                path.unlink()
            continue
        return tried
    raise AssertionError("numbers do not end")


def _write_new(path: Path, content: bytes) -> None:
    """Write a file that is complete as soon as it is there.

    Raises
    ------
    FileExistsError
        There is one already.
    """
    temporary = path.with_name(f".dtmf-audio-{os.urandom(8).hex()}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(content)
        try:
            os.link(temporary, path)  # unlike a renaming, it never replaces
        except FileExistsError:
            raise
        except (OSError, NotImplementedError, AttributeError):  # a file system without links
            if os.path.lexists(path):
                raise FileExistsError(17, "File exists") from None
            temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)
