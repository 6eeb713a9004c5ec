"""The emulator as a process sees it: starting and stopping, its clocks, threads that reach in, and HTTP as it comes."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from dtmf_audio.errors import DtmfError, GraphServiceError, InvalidSettingError
from dtmf_audio.graph import service
from dtmf_audio.graph.calls import CallSettings
from dtmf_audio.graph.emulator import Emulator, listen
from dtmf_audio.graph.faults import NotificationFault, RequestFault
from dtmf_audio.graph.media import Direction, LineConditions
from dtmf_audio.graph.models import CallState
from dtmf_audio.graph.service import ServiceSettings
from dtmf_audio.graph.switchboard import A_CALLBACK

SOON_S = 2.0  # much more than anything here takes, and less than a time-out


class Bot:
    """A bot's webhook in a thread of its own, which does something when it is notified, before it answers."""

    def __init__(self, does: Callable[[dict[str, Any]], None] = lambda told: None) -> None:
        bot = self
        self.told: list[dict[str, Any]] = []
        self.problems: list[BaseException] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                (told,) = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["value"]
                bot.told.append(told)
                try:
                    does(told)
                except BaseException as error:
                    bot.problems.append(error)
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/api/calling"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def __enter__(self) -> Bot:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        assert self.problems == []

    @property
    def states(self) -> list[str]:
        return [told["resourceData"]["state"] for told in self.told if "state" in told["resourceData"]]


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(clock="virtual") as running:
        yield running


@pytest.fixture(scope="module")
def http_client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=10) as client:
        yield client


def create_body(callback_uri: str = A_CALLBACK, media: str = "appHosted") -> dict[str, Any]:
    return {
        "@odata.type": "#microsoft.graph.call",
        "callbackUri": callback_uri,
        "requestedModalities": ["audio"],
        "mediaConfig": {"@odata.type": f"#microsoft.graph.{media}MediaConfig"},
    }


def create(client: httpx.Client, emulator: Emulator, **settings: str) -> str:
    answer = client.post(f"{emulator.base_url}/communications/calls", json=create_body(**settings))
    assert answer.status_code == 201, answer.text
    call_id: str = answer.json()["id"]
    return call_id


def act(client: httpx.Client, emulator: Emulator, call_id: str, action: str, **body: Any) -> httpx.Response:
    return client.post(f"{emulator.base_url}/communications/calls/{call_id}/{action}", json=body)


# --- starting and stopping ---------------------------------------------------------------------------------------


def test_it_starts_on_a_free_port_and_stops_at_once() -> None:
    took = []
    for _ in range(5):  # what is imported at the first start does not count, nor what else the machine does
        began = time.monotonic()
        emulator = Emulator().start()
        assert emulator.running
        assert emulator.url == f"http://127.0.0.1:{urlsplit(emulator.url).port}"
        assert emulator.base_url == f"{emulator.url}/v1.0"
        started = time.monotonic()
        emulator.stop()
        took.append((started - began, time.monotonic() - started))
        assert not emulator.running
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", urlsplit(emulator.url).port or 0))
    assert not [thread for thread in threading.enumerate() if thread.name == "dtmf-audio-emulator"]
    starts, stops = zip(*took, strict=True)
    assert min(starts) < 0.5
    assert min(stops) < 0.5


def test_it_stops_at_once_with_connections_open_answers_due_and_a_bot_that_hangs() -> None:
    def hang(_told: object) -> None:
        hanging.set()
        released.wait(10)

    hanging, released = threading.Event(), threading.Event()
    with Bot(hang) as bot, Emulator() as emulator:
        address = ("127.0.0.1", urlsplit(emulator.url).port or 0)
        idle, half, slow = (socket.create_connection(address) for _ in range(3))
        half.sendall(b"POST /v1.0/communications/calls HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n12")
        emulator.plan_fault(RequestFault(kind="slow", delay_ms=60_000, action="getCall"))
        slow.sendall(b"GET /v1.0/communications/calls/1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        emulator.ring(bot.url)
        emulator.wait_until(lambda: len(emulator.requests) == 1, what="the slow request")
        assert hanging.wait(SOON_S)
        began = time.monotonic()
        emulator.stop()
        assert time.monotonic() - began < SOON_S
        problems = {delivery.problem for delivery in emulator.service.deliveries}
        assert problems == {"the emulator has stopped"}  # the application was shut down, not cut off
        released.set()
        for connection in (idle, half, slow):
            connection.close()


def test_stopping_twice_or_before_the_start_does_nothing() -> None:
    emulator = Emulator()
    emulator.stop()
    emulator.start()
    emulator.stop()
    emulator.stop()


def test_starting_twice_is_told() -> None:
    emulator = Emulator()
    with emulator:
        with pytest.raises(
            InvalidSettingError, match=r"^the emulator runs already; make another one for another start$"
        ):
            emulator.start()
        assert httpx.get(emulator.url, trust_env=False).status_code == 200  # and goes on
    with pytest.raises(InvalidSettingError, match=r"^the emulator has run, and does so once; make another one"):
        emulator.start()


def test_a_taken_port_is_told_and_can_be_tried_again() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        emulator = Emulator(port=port)
        with pytest.raises(DtmfError, match=rf"^127\.0\.0\.1:{port} cannot be listened on \(.*\); choose another "):
            emulator.start()
    with emulator:
        assert emulator.url == f"http://127.0.0.1:{port}"


@pytest.mark.parametrize(
    "host", ["no.such.host.invalid", "[::1]", "http://127.0.0.1", "192.0.2.1", "x" * 300, "\ud800"]
)
def test_a_bad_host_is_told(host: str) -> None:
    with pytest.raises(DtmfError, match=r"cannot be listened on \(.*\); choose another address or port"):
        Emulator(host=host).start()


def test_no_host_is_not_every_host() -> None:
    with pytest.raises(InvalidSettingError, match="the host is empty, which would be every address"):
        Emulator(host="").start()


@pytest.mark.parametrize("port", [-1, 65_536, 10**20, "http"])
def test_a_bad_port_is_told(port: Any) -> None:
    with pytest.raises(DtmfError, match="cannot be listened on"):
        Emulator(port=port).start()


def test_a_wildcard_is_reached_as_this_machine(http_client: httpx.Client) -> None:
    with Emulator(host="0.0.0.0") as emulator:
        assert emulator.url.startswith("http://127.0.0.1:")
        assert http_client.get(emulator.url).status_code == 200


def test_ipv6_addresses_are_written_in_brackets(http_client: httpx.Client) -> None:
    try:
        emulator = Emulator(host="::1").start()
    except DtmfError:
        pytest.skip("this machine has no ::1")
    try:
        assert emulator.url.startswith("http://[::1]:")
        assert http_client.get(emulator.url).status_code == 200
    finally:
        emulator.stop()


def test_it_leaves_signals_alone(emulator: Emulator) -> None:
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_two_emulators_know_nothing_of_each_other(http_client: httpx.Client) -> None:
    with Emulator(clock="virtual", seed=1) as one, Emulator(clock="virtual", seed=2) as other:
        call_id = create(http_client, one)
        one.advance(1000)
        assert one.call(call_id).state is CallState.ESTABLISHED
        assert other.calls() == []
        with pytest.raises(GraphServiceError, match="Call not found"):
            other.call(call_id)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"speed": 2}, "speed is no setting of the emulator; it has allowed_hosts, calls, clock, "),
        ({"clock": "fast"}, "clock is 'fast'; it must be real or virtual"),
        ({"status_case": "UPPER"}, "status_case is 'UPPER'; it must be camelCase or PascalCase"),
        ({"seed": -1}, "seed is -1; it must be a whole number, 0 or more"),
        ({"seed": 1.0}, "seed is 1.0; it must be a whole number, 0 or more"),
        ({"retries": -1}, "retries is -1; it must be a whole number, 0 or more"),
        ({"frames_per_feed": 0}, "frames_per_feed is 0; it must be a whole number from 1 to 10"),
        ({"frames_per_feed": True}, "frames_per_feed is True; it must be a whole number from 1 to 10"),
        ({"record_s": -1.0}, "record_s is -1; it must be from 0 to 86400"),
        ({"record_s": float("nan")}, "record_s is nan; it must be from 0 to 86400"),
        ({"allowed_hosts": "bot.example"}, "allowed_hosts is the string 'bot.example'; give several, in a tuple"),
    ],
)
def test_a_setting_that_is_none_is_told(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSettingError) as raised:
        Emulator(**settings)
    assert str(raised.value).startswith(message)


# --- clocks ------------------------------------------------------------------------------------------------------


def test_the_real_clock_goes_on_by_itself(http_client: httpx.Client) -> None:
    with Bot() as bot, Emulator(calls=CallSettings(establish_ms=20, terminate_ms=10)) as emulator:
        call_id = create(http_client, emulator, callback_uri=bot.url)
        emulator.wait_until(lambda: bot.states == ["establishing", "established"])
        answer = act(http_client, emulator, call_id, "sendDtmfTones", tones=["tone1", "tone2"], delayBetweenTonesMs=50)
        assert answer.json()["status"] == "running"
        emulator.wait_until(lambda: len(bot.told) == 3)
        assert bot.told[2]["resourceData"]["completionReason"] == "completedSuccessfully"
        call = emulator.call(call_id)
        emulator.wait_until(lambda: call.far_end_keys == "12")
        http_client.delete(f"{emulator.base_url}/communications/calls/{call_id}")
        emulator.wait_until(lambda: bot.states[2:] == ["terminating", "terminated"])


def test_the_virtual_clock_stands_until_it_is_advanced(emulator: Emulator, http_client: httpx.Client) -> None:
    call_id = create(http_client, emulator)
    time.sleep(0.3)  # longer than establishing takes on a real clock
    assert emulator.call(call_id).state is CallState.ESTABLISHING
    emulator.advance(199.9)
    assert emulator.call(call_id).state is CallState.ESTABLISHING
    emulator.advance(0.1)
    assert emulator.call(call_id).state is CallState.ESTABLISHED
    assert emulator.do(lambda switchboard: switchboard.now_ms) == 200.0


def test_advancing_waits_for_the_bot_at_each_event_and_hears_it_at_that_time(http_client: httpx.Client) -> None:
    """Each completed sending has the bot send the next, four in all: with no more between them than must be."""

    def send_another(told: dict[str, Any]) -> None:
        data = told["resourceData"]
        if data.get("state") == "established" or data.get("completionReason"):
            time.sleep(0.05)  # time that does not count
            if len(sent) < 4:
                tone = f"tone{len(sent) + 1}"
                call_id = told["resourceUrl"].split("/")[3]
                sent.append(act(http_client, emulator, call_id, "sendDtmfTones", tones=[tone]).json()["id"])

    sent: list[str] = []
    with Bot(send_another) as bot, Emulator(clock="virtual") as emulator:
        call_id = create(http_client, emulator, callback_uri=bot.url)
        emulator.advance(2000)
        assert len(sent) == 4
        ends = [told.ticks / 10_000 for told in emulator.notifications if "/operations/" in resource_of(told)]
        every_ms = 100.0 + CallSettings().operation_gap_ms
        assert ends == [300.0 + k * every_ms for k in range(4)]
        truth = emulator.call(call_id).recording("toFarEnd").tones
        assert [tone.start for tone in truth] == [16 * every_ms * k for k in range(4)]
        assert len(bot.told) == 6


def resource_of(told: Any) -> str:
    return str(told.body.value[0].resource_url)


def test_advancing_a_real_clock_is_refused() -> None:
    with Emulator() as emulator, pytest.raises(InvalidSettingError, match="start the emulator with a virtual one"):
        emulator.advance(1)


@pytest.mark.parametrize("ms", [-1, float("nan"), float("inf"), 1e13, "1", None, True])
def test_time_that_is_none_is_refused(emulator: Emulator, ms: Any) -> None:
    with pytest.raises(InvalidSettingError, match="it must be a number from 0 to 1e"):
        emulator.advance(ms)


def test_a_clock_beyond_the_calendar_still_answers(emulator: Emulator, http_client: httpx.Client) -> None:
    for _ in range(300):  # 32 years each
        emulator.advance(1e12)
    answer = http_client.get(f"{emulator.base_url}/communications/calls/1")
    assert answer.json()["error"]["innerError"]["date"] == "9999-12-31T23:59:59"


def test_advancing_within_a_notification_is_refused_instead_of_waited_for() -> None:
    def advance(_told: object) -> None:
        try:
            emulator.advance(10)
        except InvalidSettingError as error:
            refused.append(str(error))

    refused: list[str] = []
    with Bot(advance) as bot, Emulator(clock="virtual") as emulator:
        emulator.do(lambda board: board.create(callback_uri=bot.url))
        emulator.advance(100)  # on the way, the bot is told that the call is establishing
    assert refused == [
        "the clock goes on already, and waits for what the bot does meanwhile; advance it when that is over"
    ]


def test_requests_are_answered_while_a_long_advance_is_under_way(http_client: httpx.Client) -> None:
    def advance() -> None:
        with pytest.raises(DtmfError, match="the emulator was stopped before it had done what it was asked to"):
            emulator.advance(1e12)

    noisy = dict.fromkeys(Direction, LineConditions(noise_dbm0=-60))
    emulator = Emulator(clock="virtual", conditions=noisy, record_s=0.0).start()
    emulator.establish().press("1")
    advancing = threading.Thread(target=advance)
    advancing.start()
    for _ in range(5):
        assert http_client.get(f"{emulator.base_url}/communications/calls/1").status_code == 404
    began = time.monotonic()
    emulator.stop()
    advancing.join(SOON_S)
    assert not advancing.is_alive()
    assert time.monotonic() - began < SOON_S


def test_calls_without_a_callback_wait_for_nobody(emulator: Emulator) -> None:
    began = time.monotonic()
    call = emulator.establish()
    call.hang_up()
    emulator.advance(1000)
    assert time.monotonic() - began < SOON_S  # to be refused by port 9 four times would take 3.75 s each
    states = [told.body.value[0].resource_data[0].state for told in call.notifications]
    assert states == ["establishing", "established", "terminating", "terminated"]
    assert emulator.do(lambda _: list(emulator.service.deliveries)) == []


# --- reaching in from threads ------------------------------------------------------------------------------------


def test_do_returns_what_is_returned_and_raises_what_is_raised(emulator: Emulator) -> None:
    assert emulator.do(lambda switchboard: switchboard.now_ms) == 0.0
    assert emulator.do(lambda _: threading.current_thread().name) == "dtmf-audio-emulator"
    for error in (KeyError("x"), TimeoutError("late"), GraphServiceError(404, "8522", "Call not found.")):
        with pytest.raises(type(error)) as raised:
            emulator.do(lambda _, error=error: throw(error))
        assert raised.value.args == error.args


def throw(error: Exception) -> None:
    raise error


def test_do_within_the_emulators_own_thread_is_done_at_once(emulator: Emulator) -> None:
    call = emulator.establish()
    seen: list[str] = []
    emulator.do(lambda board: board.on_tone.append(lambda heard, _: seen.append(f"{heard.tone} {call.state}")))
    call.press("12")
    emulator.advance(1000)
    assert seen == ["tone1 established", "tone2 established"]


def test_a_listener_that_does_something_on_a_real_clock_does_not_turn_it_back() -> None:
    times: list[float] = []

    def look(*_: object) -> None:
        time.sleep(0.03)  # what is due meanwhile waits
        times.append(emulator.do(lambda board: board.now_ms))

    with Emulator(calls=CallSettings(establish_ms=20)) as emulator:
        emulator.do(lambda board: board.on_notification.append(look))
        calls = [emulator.do(lambda board: board.create().id) for _ in range(5)]
        emulator.wait_until(lambda: len(times) == 10)
        times.append(emulator.do(lambda board: board.now_ms))
        assert times == sorted(times)
        assert [emulator.call(call_id).state for call_id in calls] == [CallState.ESTABLISHED] * 5


def test_a_listener_that_fails_does_not_stop_the_clock() -> None:
    def fail(*_: object) -> None:
        seen.append(1)
        raise ValueError("not my day")

    seen: list[int] = []
    with Emulator(calls=CallSettings(establish_ms=20)) as emulator:
        emulator.do(lambda _: emulator.service.switchboard.on_notification.append(fail))
        emulator._loop.call_soon_threadsafe(emulator._loop.set_exception_handler, lambda *_: None)  # type: ignore[union-attr]
        emulator.do(lambda board: board.create())
        deadline = time.monotonic() + SOON_S
        while len(seen) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert len(seen) == 2


@pytest.mark.parametrize("name", ["advance", "drain", "stop"])
def test_waiting_for_the_emulator_in_its_own_thread_is_refused(emulator: Emulator, name: str) -> None:
    waits = {"advance": lambda: emulator.advance(1), "drain": emulator.drain, "stop": emulator.stop}[name]
    with pytest.raises(DtmfError, match=rf"^{name}\(\) waits for the emulator's thread and was called in it"):
        emulator.do(lambda _: waits())


def test_reaching_in_before_the_start_and_after_the_stop_is_told() -> None:
    emulator = Emulator()
    with pytest.raises(DtmfError, match=r"^the emulator does not run; start it first$"):
        emulator.do(lambda _: None)
    emulator.start()
    call = emulator.establish()
    emulator.stop()
    for reach in (lambda: emulator.do(lambda _: None), lambda: call.state, lambda: call.press("1"), emulator.drain):
        with pytest.raises(DtmfError, match=r"^the emulator does not run; it was stopped$"):
            reach()
    assert emulator.service.switchboard.call(call.id).state is CallState.ESTABLISHED  # and can be looked at


def test_many_threads_reach_in_while_it_stops_and_none_hangs() -> None:
    def reach() -> None:
        while True:
            try:
                emulator.do(lambda _: time.sleep(0.001))
            except DtmfError as error:
                ends.append(str(error))
                return

    ends: list[str] = []
    emulator = Emulator().start()
    threads = [threading.Thread(target=reach) for _ in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    emulator.stop()
    for thread in threads:
        thread.join(SOON_S)
    assert not any(thread.is_alive() for thread in threads)
    assert len(ends) == 8


def test_what_does_not_come_true_is_told(emulator: Emulator) -> None:
    with pytest.raises(TimeoutError, match=r"^the moon did not come true within 0\.01 s$"):
        emulator.wait_until(lambda: False, timeout_s=0.01, what="the moon")


def test_ringing_and_answering(http_client: httpx.Client) -> None:
    def answer(told: dict[str, Any]) -> None:
        if told["resourceData"]["state"] == "incoming":
            call_id = told["resourceUrl"].split("/")[3]
            body = {"callbackUri": bot.url, "mediaConfig": {"@odata.type": "#microsoft.graph.appHostedMediaConfig"}}
            assert act(http_client, emulator, call_id, "answer", **body).status_code == 202

    with Bot(answer) as bot, Emulator(clock="virtual") as emulator:
        call = emulator.ring(bot.url)
        emulator.advance(200)
        assert bot.states == ["incoming", "establishing", "established"]
        assert [call.id for call in emulator.calls()] == [call.id]
        call.press("12#")
        emulator.advance(1000)
        assert [(tone.sequence_id, tone.tone) for tone in call.received] == [(1, "tone1"), (2, "tone2"), (3, "pound")]
        call.hang_up()
        emulator.advance(100)
        assert (emulator.calls(), call.state) == ([], CallState.TERMINATED)


# --- what is remembered, what is the same again ------------------------------------------------------------------


def test_equal_seeds_give_equal_ids(http_client: httpx.Client) -> None:
    def ids(seed: int) -> list[str]:
        with Emulator(clock="virtual", seed=seed) as emulator:
            call_id = create(http_client, emulator)
            emulator.advance(200)
            answers = [act(http_client, emulator, call_id, "sendDtmfTones", tones=["tone1"]) for _ in range(3)]
            return [call_id, *(x for answer in answers for x in (answer.json()["id"], answer.headers["request-id"]))]

    assert ids(1) == ids(1)
    assert not set(ids(1)) & set(ids(2))


def test_the_memory_of_requests_and_deliveries_is_bounded(
    monkeypatch: pytest.MonkeyPatch, http_client: httpx.Client
) -> None:
    monkeypatch.setattr(service, "MAX_LOGGED", 3)
    with Emulator(clock="virtual", retries=0) as emulator:
        for number in range(5):
            url = f"{emulator.base_url}/communications/calls/{number}{'x' * 5000}/sendDtmfTones"
            http_client.post(url, content=b"[" * 100_000, headers={"Content-Type": "application/json"})
            emulator.ring("http://bot.example/")
        requests = emulator.requests
        assert len(requests) == 3
        assert requests[-1].path.startswith("/v1.0/communications/calls/4x")
        assert max(len(logged.body) for logged in requests) == service.MAX_LOGGED_BODY
        assert max(len(logged.path) for logged in requests) == service.MAX_LOGGED_TEXT
        deliveries = emulator.do(lambda _: list(emulator.service.deliveries))
        assert [(each.status, each.attempts) for each in deliveries] == [(None, 0)] * 3


def test_the_log_has_a_line_for_each_request_and_each_notification_that_was_not_delivered(
    http_client: httpx.Client,
) -> None:
    lines: list[str] = []
    with Emulator(clock="virtual", retries=0, record_s=0.0) as emulator:
        emulator.do(lambda _: emulator.service.on_log.append(lines.append))
        call_id = create(http_client, emulator, callback_uri="http://bot.example/")
        emulator.advance(200)
        emulator.ring("http://bot.example/\u202e")
        act(http_client, emulator, call_id, "sendDtmfTones", tones=["tone1", "star", "flash", "d"])
        act(http_client, emulator, call_id, "sendDtmfTones", tones=["1\x1b[31m"])
        act(http_client, emulator, call_id, "sendDtmfTones", tones=["tone1"] * 41)
        http_client.get(f"{emulator.base_url}/communications/calls/%1b[31m")
    assert all(line.isprintable() for line in lines)
    told = [line.split(" ", 1)[1] for line in lines]
    calls = "/v1.0/communications/calls"
    unsent = "was not delivered: bot.example is not this machine; allow the host by name to have it called"
    assert told[0] == f"POST {calls} 201"
    assert told[1:3] == [f"notification to http://bot.example/ {unsent}"] * 2
    assert told.pop(3) == f"notification to http://bot.example/\\u202e {unsent}"
    assert told[3] == f"POST {calls}/{call_id}/sendDtmfTones 200: 1 * flash D"
    assert told[4].startswith(f"POST {calls}/{call_id}/sendDtmfTones 400: tones[0]")
    assert told[5] == f"POST {calls}/{call_id}/sendDtmfTones 200: {'1 ' * 40}…"
    assert told[6].startswith(f"GET {calls}/%1b[31m 404: Call not found.")
    assert len(told) == 7


def test_notification_faults_reach_the_bot(http_client: httpx.Client) -> None:
    with Bot() as bot, Emulator(clock="virtual") as emulator:
        emulator.plan_fault(NotificationFault(kind="swap"))
        create(http_client, emulator, callback_uri=bot.url)
        emulator.advance(200)
        assert bot.states == ["established", "establishing"]


def test_pascal_case_is_for_answers_and_notifications(http_client: httpx.Client) -> None:
    with Bot() as bot, Emulator(clock="virtual", status_case="PascalCase") as emulator:
        call_id = create(http_client, emulator, callback_uri=bot.url)
        emulator.advance(200)
        assert act(http_client, emulator, call_id, "sendDtmfTones", tones=["tone1"]).json()["status"] == "Running"
        emulator.advance(100)
        assert bot.told[-1]["resourceData"]["status"] == "Completed"


# --- HTTP as it comes --------------------------------------------------------------------------------------------


@pytest.fixture
def connection(emulator: Emulator) -> Iterator[http.client.HTTPConnection]:
    opened = http.client.HTTPConnection("127.0.0.1", urlsplit(emulator.url).port, timeout=10)
    yield opened
    opened.close()


def ask(connection: http.client.HTTPConnection, method: str, path: str, **rest: Any) -> tuple[Any, bytes]:
    connection.request(method, path, **rest)
    answer = connection.getresponse()
    return answer, answer.read()


CALLS = "/v1.0/communications/calls"
JSON = {"Content-Type": "application/json"}


def test_a_connection_is_kept(connection: http.client.HTTPConnection) -> None:
    connection.connect()
    first = connection.sock
    for _ in range(3):
        answer, _ = ask(connection, "POST", CALLS, body=json.dumps(create_body()), headers=JSON)
        assert answer.status == 201
        assert connection.sock is first


def test_answers_do_not_wait_for_an_acknowledgement(connection: http.client.HTTPConnection) -> None:
    """Nagle's algorithm and delayed acknowledgements make 40 ms of each, 4 s of a hundred."""
    began = time.monotonic()
    for _ in range(100):
        assert ask(connection, "GET", f"{CALLS}/1")[0].status == 404
    assert time.monotonic() - began < SOON_S


def test_a_chunked_body_is_read(connection: http.client.HTTPConnection) -> None:
    text = json.dumps(create_body()).encode()
    chunks = iter([text[:7], text[7:8], text[8:]])
    answer, _ = ask(connection, "POST", CALLS, body=chunks, headers=JSON, encode_chunked=True)
    assert answer.status == 201


def test_head_has_no_body_and_options_none_of_the_methods(connection: http.client.HTTPConnection) -> None:
    for method in ("HEAD", "OPTIONS"):
        answer, body = ask(connection, method, f"{CALLS}/1")
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, DELETE")
        assert (body == b"") is (method == "HEAD")
    answer, _ = ask(connection, "GET", f"{CALLS}/1")  # the connection is in step
    assert answer.status == 404


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_1_mib_is_refused_unread(
    emulator: Emulator, connection: http.client.HTTPConnection, chunked: bool
) -> None:
    call = emulator.establish()
    path = f"{CALLS}/{call.id}/sendDtmfTones"
    size = 2**20 + 1
    body: Any = iter([b"["] * 2 + [b"[" * 4096] * (size // 4096)) if chunked else b"[" * size
    answer, told = ask(connection, "POST", path, body=body, headers=JSON, encode_chunked=chunked)
    assert answer.status == 413
    assert json.loads(told)["error"]["code"] == "RequestEntityTooLarge"
    connection.close()
    answer, _ = ask(connection, "GET", f"{CALLS}/{call.id}")
    assert answer.status == 200


def test_a_slow_answer_keeps_nobody_else_waiting(emulator: Emulator, http_client: httpx.Client) -> None:
    emulator.plan_fault(RequestFault(kind="slow", delay_ms=1000, action="getCall"))
    call = emulator.establish()
    url = f"{emulator.base_url}/communications/calls/{call.id}"
    took: list[float] = []

    def ask_slowly() -> None:
        began = time.monotonic()
        assert httpx.get(url, trust_env=False).status_code == 200
        took.append(time.monotonic() - began)

    asking = threading.Thread(target=ask_slowly)
    asking.start()
    emulator.wait_until(lambda: len(emulator.requests) == 1)
    assert http_client.get(url).status_code == 200
    assert took == []
    asking.join()
    assert took[0] >= 1.0


@pytest.mark.parametrize("host", ["bot.example", "127.0.0.1.bot.example", "", "[", "127.0.0.1@bot.example"])
def test_a_host_that_is_none_of_its_own_is_refused(connection: http.client.HTTPConnection, host: str) -> None:
    answer, _ = ask(connection, "GET", f"{CALLS}/1", headers={"Host": host})
    assert answer.status == 421


def test_hosts_that_are_allowed_by_name_are_its_own(http_client: httpx.Client) -> None:
    with Emulator(allowed_hosts=("host.docker.internal",)) as emulator:
        url = f"{emulator.base_url}/communications/calls/1"
        assert http_client.get(url, headers={"Host": "host.docker.internal:8080"}).status_code == 404
        assert http_client.get(url, headers={"Host": "docker.internal:8080"}).status_code == 421


def test_what_is_no_http_gets_a_400_and_the_rest_goes_on(emulator: Emulator, http_client: httpx.Client) -> None:
    with socket.create_connection(("127.0.0.1", urlsplit(emulator.url).port or 0), timeout=10) as raw:
        raw.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 400 ")
    assert http_client.get(emulator.url).status_code == 200


def test_settings_are_those_of_the_service() -> None:
    settings = ServiceSettings(clock="virtual", seed=5)
    assert Emulator(clock="virtual", seed=5).settings == settings
