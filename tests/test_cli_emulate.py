"""``dtmf-audio emulate`` as a process: what it prints, how it ends, what it records, and a real bot that it serves."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, get_args

import httpx
import numpy as np
import pytest

from dtmf_audio import cli, cli_emulate, decode_file, keys_of
from dtmf_audio.audio_io import read_audio
from dtmf_audio.errors import DtmfError
from dtmf_audio.graph import emulator as emulator_module
from dtmf_audio.graph.calls import CallSettings
from dtmf_audio.graph.emulator import listen
from dtmf_audio.graph.faults import NotificationFault
from dtmf_audio.graph.media import Direction, LineConditions
from dtmf_audio.graph.service import Clock, ServiceSettings
from dtmf_audio.graph.switchboard import Switchboard
from dtmf_audio.graph.wire import StatusCase

ROOT = Path(__file__).parent.parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
BEARER = "eyJhbGciOiJub25lIn0.eyJyb2xlcyI6WyJDYWxscy5Jbml0aWF0ZS5BbGwiLCJDYWxscy5BY2Nlc3NNZWRpYS5BbGwiXX0.x"

posix = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
pytestmark = posix


class Running:
    """The command in a process of its own, from its first line on."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process = process
        self.line = process.stdout.readline()
        self.base_url = self.line.rstrip("\n")
        self.client = httpx.Client(trust_env=False, timeout=10)

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Send a signal; returns the exit status and what else was printed."""
        began = time.monotonic()
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=30)
        assert time.monotonic() - began < 5.0  # the interpreter's own end, and other work on the machine
        return self.process.returncode, out, err

    def create(self, callback_uri: str = "http://127.0.0.1:9/", media: str = "appHosted", **headers: str) -> Any:
        body = {
            "callbackUri": callback_uri,
            "requestedModalities": ["audio"],
            "mediaConfig": {"@odata.type": f"#microsoft.graph.{media}MediaConfig"},
        }
        return self.client.post(f"{self.base_url}/communications/calls", json=body, headers=headers)

    def act(self, call_id: str, action: str, **body: Any) -> httpx.Response:
        return self.client.post(f"{self.base_url}/communications/calls/{call_id}/{action}", json=body)

    def state(self, call_id: str) -> str:
        answer = self.client.get(f"{self.base_url}/communications/calls/{call_id}")
        return str(answer.json()["state"]) if answer.status_code == 200 else "gone"

    def wait_for(self, call_id: str, state: str) -> None:
        wait_until(lambda: self.state(call_id) == state)


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextlib.contextmanager
def emulating(*arguments: str, **options: Any) -> Iterator[Running]:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": ENVIRONMENT}
    command = [sys.executable, "-m", "dtmf_audio", "emulate", "--port", "0", *arguments]
    with subprocess.Popen(command, **{**pipes, **options}) as process:
        try:
            running = Running(process)
            try:
                yield running
            finally:
                running.client.close()
        finally:
            process.kill()


class Bot:
    """A bot that dials as soon as its call is established, and hangs up soon after that is done."""

    def __init__(self) -> None:
        bot = self
        self.told: list[dict[str, Any]] = []
        self.emulator: Running | None = None

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                (told,) = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["value"]
                bot.told.append(told)
                self.send_response(202)
                self.end_headers()
                bot.go_on(told)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/api/calling"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def go_on(self, told: dict[str, Any]) -> None:
        assert self.emulator is not None
        call_id, data = told["resourceUrl"].split("/")[3], told["resourceData"]
        if data.get("state") == "established":
            self.emulator.act(call_id, "sendDtmfTones", tones=["tone4", "tone2", "pound"], delayBetweenTonesMs=60)
        elif data.get("completionReason"):
            time.sleep(0.2)  # until the far end has heard the last tone out
            self.emulator.client.delete(f"{self.emulator.base_url}/communications/calls/{call_id}")

    def __enter__(self) -> Bot:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


# --- a bot, and how it ends --------------------------------------------------------------------------------------


def test_a_bot_is_served_until_it_is_terminated() -> None:
    with Bot() as bot, emulating("--seed", "7") as running:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/v1\.0\n", running.line)
        bot.emulator = running
        call_id = running.create(bot.url).json()["id"]
        wait_until(lambda: len(bot.told) == 5)
        assert [told["resourceData"].get("state", "operation") for told in bot.told] == [
            *("establishing", "established", "operation", "terminating", "terminated")
        ]
        unreachable = running.create("http://bot.example/").json()["id"]
        running.wait_for(unreachable, "established")
        status, out, err = running.end(signal.SIGTERM)  # with a connection open
    assert (status, out) == (0, "")
    page, *lines = err.splitlines()
    assert page == f"status page: {running.base_url.removesuffix('v1.0')}"
    dates, told = zip(*(line.split(" ", 1) for line in lines), strict=True)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", date) for date in dates)
    calls = "/v1.0/communications/calls"
    assert [line for line in told if "GET" not in line and "bot.example" not in line] == [
        f"POST {calls} 201",
        f"POST {calls}/{call_id}/sendDtmfTones 200: 4 2 #",
        *(f"call {call_id}: sent {key} to the far end, 100 ms, -10.0 and -8.0 dBm0" for key in "42#"),
        f"DELETE {calls}/{call_id} 204",
        f"POST {calls} 201",
    ]
    unsent = "was not delivered: bot.example is not this machine; allow the host by name to have it called"
    assert told.count(f"notification to http://bot.example/ {unsent}") == 2


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_ends_it_in_silence(number: int, status: int) -> None:
    with emulating("--quiet") as running:
        call_id = running.create().json()["id"]
        running.wait_for(call_id, "established")  # its bot is being tried again
        assert running.end(number) == (status, "", "")


def test_an_interrupt_that_is_ignored_stays_so() -> None:
    """As a shell has it for what runs in the background."""
    with emulating("--quiet", preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)) as running:
        running.process.send_signal(signal.SIGINT)
        assert running.state("none") == "gone"  # it answers
        assert running.end() == (0, "", "")


def test_a_reader_that_has_gone_ends_it_in_silence() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        command = [sys.executable, "-m", "dtmf_audio", "emulate", "--port", "0"]
        run = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, env=ENVIRONMENT, timeout=60)
    finally:
        os.close(writing)
    assert (run.returncode, run.stderr) == (141, b"")


def test_another_address_than_this_machines_is_warned_of() -> None:
    with emulating("--host", "0.0.0.0", "--quiet") as running:
        assert running.base_url.startswith("http://127.0.0.1:")
        assert running.state("none") == "gone"
        status, out, err = running.end()
    assert (status, out) == (0, "")
    assert err == (
        "dtmf-audio: warning: 0.0.0.0 can be reached from other machines, and whoever reaches it can use it; they must "
        "address it by a name that is allowed with --allow-host\n"
    )


# --- options -----------------------------------------------------------------------------------------------------


def settings_of(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> dict[str, Any]:
    """Return what the emulator is made with."""

    class NotMade(DtmfError):
        pass

    def make(**settings: Any) -> None:
        made.update(settings)
        raise NotMade

    made: dict[str, Any] = {}
    monkeypatch.setattr(emulator_module, "Emulator", make)
    assert cli.main(["emulate", *arguments]) == 2
    return made


def test_without_options_it_is_the_library_on_port_8080(monkeypatch: pytest.MonkeyPatch) -> None:
    made = settings_of(monkeypatch)
    assert (made.pop("host"), made.pop("port")) == ("127.0.0.1", 8080)
    assert ServiceSettings(**made) == ServiceSettings(kept_tones=200)  # it may run for days


def test_each_option_is_the_setting_of_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    made = settings_of(
        monkeypatch,
        *("--host", "::1", "--port", "99", "--clock", "virtual", "--seed", "3", "--status-case", "PascalCase"),
        *("--require-bearer", "--allow-host", "a.example", "--allow-host", "b.example", "--established-first"),
        *("--noise-dbm0", "-40", "--loss-pct", "2.5", "--twist-db", "-6"),
    )
    line = LineConditions(noise_dbm0=-40, loss_pct=2.5, twist_db=-6)
    assert made == {
        **{"host": "::1", "port": 99, "clock": "virtual", "seed": 3, "status_case": "PascalCase"},
        **{"require_bearer": True, "allowed_hosts": ("a.example", "b.example"), "record_s": 600.0, "kept_tones": 200},
        **{"calls": CallSettings(established_first=True), "conditions": dict.fromkeys(Direction, line)},
    }


def test_help_names_the_choices_and_defaults_of_the_library() -> None:
    assert get_args(Clock) == cli_emulate.CLOCKS
    assert get_args(StatusCase) == cli_emulate.STATUS_CASES
    assert ServiceSettings().record_s == cli_emulate.RECORDED_S


def test_options_reach_the_bot() -> None:
    options = ("--clock", "virtual", "--require-bearer", "--status-case", "PascalCase")
    with emulating(*options, "--quiet") as running:
        assert running.create().json()["error"]["code"] == "InvalidAuthenticationToken"
        answer = running.create(Authorization=f"Bearer {BEARER}")
        assert answer.status_code == 201
        time.sleep(0.4)
        url = f"{running.base_url}/communications/calls/{answer.json()['id']}"
        call = running.client.get(url, headers={"Authorization": f"Bearer {BEARER}"}).json()
        assert call["state"] == "establishing"  # the clock stands


# --- what cannot be done -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--host no.such.host.invalid", r"no\.such\.host\.invalid:8080 cannot be listened on \(.*\); choose another "),
        ("--port 65536", r"127\.0\.0\.1:65536 cannot be listened on \(.*\); choose another address or port"),
        ("--port -1", r"127\.0\.0\.1:-1 cannot be listened on \(.*\); choose another address or port"),
        ("--noise-dbm0 4", r"--noise-dbm0 is 4; it must be from -90 to 3"),
        ("--loss-pct 101", r"--loss-pct is 101; it must be from 0 to 100"),
        ("--twist-db nan", r"--twist-db is nan; it must be from -20 to 20"),
        ("--record none/there", r"none/there: recordings cannot be written there \(No such file or directory\); give "),
        ("--record file", r"file: recordings cannot be written there \(File exists\); give a directory, or the name "),
    ],
)
def test_what_cannot_be_used_is_told_in_a_line(
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: str,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert cli.main(["emulate", *arguments.split()]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert re.match(f"dtmf-audio: error: {message}", err)
    assert err.count("\n") == 1


def test_a_port_that_is_taken_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        assert cli.main(["emulate", "--port", str(port)]) == 2
    assert capfd.readouterr().err.startswith(f"dtmf-audio: error: 127.0.0.1:{port} cannot be listened on (")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize("name", cli_emulate.PACKAGES)
def test_without_the_extra_it_says_what_to_install(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    assert cli.main(["emulate"]) == 2
    message = f"emulate needs {name}, which is not here: pip install 'dtmf-audio[emulator]'"
    assert capfd.readouterr() == ("", f"dtmf-audio: error: {message}\n")


# --- recordings --------------------------------------------------------------------------------------------------


def test_calls_are_recorded_when_they_end_and_at_the_end(tmp_path: Path) -> None:
    folder = tmp_path / "calls"
    ids = []
    for _ in range(2):  # the same seed, the same ids: nothing is overwritten
        with emulating("--record", str(folder)) as running:
            ended = running.create().json()["id"]
            running.wait_for(ended, "established")
            running.act(ended, "sendDtmfTones", tones=["tone1", "star"], delayBetweenTonesMs=50)
            time.sleep(0.5)
            running.client.delete(f"{running.base_url}/communications/calls/{ended}")
            wait_until(lambda: len(list(folder.glob("*.wav"))) % 4 == 2)
            live = running.create(media="serviceHosted").json()["id"]
            running.wait_for(live, "established")
            running.act(live, "sendDtmfTones", tones=["tone7"] * 100)
            time.sleep(0.3)
            status, _, err = running.end()
            assert status == 0
            assert err.count("recorded call ") == 1
            ids.append((ended, live))
    assert ids[0] == ids[1]
    ended, live = ids[0]
    stems = [ended, live, f"{ended}-2", f"{live}-2"]
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        f"{stem}.{way}.{ending}" for stem in stems for way in Direction for ending in ("wav", "json")
    )
    for stem in stems:
        truth = json.loads((folder / f"{stem}.toFarEnd.json").read_text(encoding="utf-8"))
        assert truth["samplerate"] == 16_000
        keys = "".join(tone["key"] for tone in truth["tones"])
        assert keys == "1*" if stem.startswith(ended) else set(keys) == {"7"}
        heard = keys_of(tone.tone for tone in decode_file(folder / f"{stem}.toFarEnd.wav"))
        assert heard in (keys, keys[:-1])  # the last one of a call that was cut may have just begun
        silence, samplerate = read_audio(folder / f"{stem}.toBot.wav")
        assert samplerate == 16_000
        assert not np.any(silence)


def test_the_recorder_passes_on_what_has_ended_and_keeps_what_goes_on(tmp_path: Path) -> None:
    board = Switchboard()
    events: queue.SimpleQueue[Any] = queue.SimpleQueue()
    recorder = cli_emulate._Recorder(board, events)
    board.on_notification.append(recorder.note)
    ended, live = board.establish(), board.establish()
    ended.delete()
    board.advance(1000)
    assert events.get_nowait() is ended
    assert recorder.handles == {live.id: live}
    assert set(board._handles) == {live.id}  # nothing was made anew of what is over

    board.faults.plan(NotificationFault(kind="drop", times=100))
    unheard = board.establish()  # of which no notification comes
    recorder.look()
    unheard.far_end.hang_up()
    never = board.create()
    recorder.look()
    board.advance(50)
    never.delete()
    board.advance(1000)
    assert set(recorder.handles) == {live.id, unheard.id, never.id}
    recorder._sweep()
    assert set(recorder.handles) == {live.id}
    assert events.get_nowait() is unheard

    told: list[str] = []
    assert cli_emulate._write(tmp_path, never, cli_emulate._Log(told.append, quiet=False)) == 0
    assert (told, list(tmp_path.iterdir())) == ([], [])


def test_a_recording_that_is_cut_says_so(tmp_path: Path) -> None:
    board = Switchboard(record_s=0.1)
    call = board.establish()
    call.far_end.press("1", on_ms=200)
    board.advance(1000)
    told: list[str] = []
    assert cli_emulate._write(tmp_path, call, cli_emulate._Log(told.append, quiet=False)) == 0
    assert told[0].startswith(f"recorded call {call.id}, its first 600 s: {tmp_path / call.id}.toFarEnd.wav, ")
    assert len(read_audio(tmp_path / f"{call.id}.toBot.wav")[0]) == 1600


def test_a_recording_that_was_forgotten_before_its_turn_is_told_and_counted(tmp_path: Path) -> None:
    board = Switchboard()
    calls = [board.establish() for _ in range(22)]
    for call in calls:
        call.far_end.press("1", on_ms=200)
    board.advance(400)
    for call in calls:
        call.far_end.hang_up()
    board.advance(100)
    told: list[str] = []
    log = cli_emulate._Log(told.append, quiet=False)
    assert [cli_emulate._write(tmp_path, call, log) for call in calls] == [1, 1] + [0] * 20
    assert f"the recording of call {calls[0].id} was forgotten" in told[0]
    assert len(list(tmp_path.glob("*.toBot.wav"))) == 20


def test_a_recording_that_cannot_be_written_is_told_and_the_exit_status_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "calls"
    with emulating("--record", str(folder), "--quiet") as running:
        call_id = running.create().json()["id"]
        running.wait_for(call_id, "established")
        time.sleep(0.1)
        folder.rmdir()
        status, out, err = running.end()
    assert (status, out) == (2, "")
    assert err == (
        f"dtmf-audio: warning: the recordings of call {call_id} cannot be written to {folder} "
        "(No such file or directory)\n"
    )


def test_files_that_exist_are_left_alone_and_the_others_keep_together(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"old")
    (tmp_path / "a-2.wav").symlink_to("nowhere")
    assert cli_emulate.write_together(tmp_path, "a", {".wav": b"1", ".json": b"2"}) == "a-3"
    assert cli_emulate.write_together(tmp_path, "a", {".wav": b"3"}) == "a"
    assert {path.name for path in tmp_path.iterdir()} == {"a.json", "a-2.wav", "a-3.wav", "a-3.json", "a.wav"}
    assert [(tmp_path / name).read_bytes() for name in ("a.json", "a-3.wav", "a-3.json")] == [b"old", b"1", b"2"]


def test_a_file_that_appears_meanwhile_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = os.link

    def somebody_is_faster(source: Path, target: Path) -> None:
        if target.name == "a.json":
            target.write_bytes(b"theirs")
        link(source, target)

    monkeypatch.setattr(os, "link", somebody_is_faster)
    assert cli_emulate.write_together(tmp_path, "a", {".wav": b"1", ".json": b"2"}) == "a-2"
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        **{"a.json": b"theirs", "a-2.wav": b"1", "a-2.json": b"2"}
    }


def test_a_file_system_without_links_is_renamed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    (tmp_path / "a.wav").write_bytes(b"old")
    for stem in ("a-2", "a-3"):
        assert cli_emulate.write_together(tmp_path, "a", {".wav": b"1"}) == stem
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-2.wav", "a-3.wav", "a.wav"]


def test_a_disk_that_fills_up_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "link", full)
    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(OSError, match="No space left on device"):
        cli_emulate.write_together(tmp_path, "a", {".wav": b"1", ".json": b"2"})
    assert not list(tmp_path.iterdir())
