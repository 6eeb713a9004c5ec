"""The control API, asked directly, without a socket."""

from __future__ import annotations

import asyncio
import io
import json
import urllib.parse

import httpx
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from dtmf_audio import decode, render
from dtmf_audio.graph import control as control_module
from dtmf_audio.graph.calls import CallSettings
from dtmf_audio.graph.control import ControlApi
from dtmf_audio.graph.emulator import Emulator
from dtmf_audio.graph.endpoints import BY_ACTION
from dtmf_audio.graph.routes import GraphApi, HttpRequest
from dtmf_audio.graph.service import Service, ServiceSettings
from dtmf_audio.tones import keys_of

JSON = {"content-type": "application/json"}
WAV = {"content-type": "audio/wav"}
ELSEWHERE = "https://bot.example/callback"  # no notification leaves the machine: each is undelivered at once


class Desk:
    """A service on a virtual clock, and its control API, asked from code that does not wait."""

    def __init__(self, **settings):
        self.loop = asyncio.new_event_loop()
        self.service = Service(ServiceSettings(**{"clock": "virtual", "retries": 0} | settings))
        self.board = self.service.switchboard
        self.api = ControlApi(self.service)

    def close(self):
        self.run(self.service.close())
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    def run(self, what):
        return self.loop.run_until_complete(what)

    def send(self, method, path, body=None, *, headers=None):
        path, _, query = path.partition("?")
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        headers = JSON if headers is None else headers
        request = HttpRequest(method=method, path=path, query=query, headers=headers, body=content)
        return self.run(self.api.handle(request))

    def ask(self, method, path, body=None, *, status=200, **more):
        answer = self.send(method, path, body, **more)
        assert answer.status == status, answer.body
        return answer.json()

    def refused(self, status, method, path, body=None, **more):
        error = self.ask(method, path, body, status=status, **more)["error"]
        assert set(error) == {"code", "message"}
        return error["message"]

    def advance(self, ms):
        return self.ask("POST", "/control/clock/advance", {"ms": ms})

    def establish(self, **settings):
        async def made():
            return self.board.create(callback_uri=ELSEWHERE, **settings)

        call = self.run(made())
        self.advance(200)
        return call

    def call(self, call_id):
        return self.ask("GET", f"/control/calls/{call_id}")


@pytest.fixture
def desk():
    desk = Desk()
    yield desk
    desk.close()


def wav(samples, samplerate=16000, **settings):
    file = io.BytesIO()
    soundfile.write(file, samples, samplerate, format="WAV", **settings)
    return file.getvalue()


# --- calls -----------------------------------------------------------------------------------------------------------


def test_calls_are_listed_with_what_was_sent_and_heard_live_ones_first(desk):
    old, call = desk.establish(), desk.establish()
    old.far_end.hang_up()
    desk.advance(200)
    call.send_dtmf_tones(["tone4", "star", "flash", "a"], delay_between_tones_ms=100, client_context="<b>")
    desk.ask("POST", f"/control/calls/{call.id}/press", {"keys": "12"})
    desk.advance(2000)
    told = desk.ask("GET", "/control/calls")
    assert told["clock"]["kind"] == "virtual"
    assert told["clock"]["nowMs"] == 2600
    assert (told["liveCalls"], told["endedCalls"]) == (1, 1)
    assert [each["state"] for each in told["calls"]] == ["established", "terminated"]
    live, ended = told["calls"]
    assert live["id"] == call.id
    assert live["direction"] == "outgoing"
    assert live["media"] == "appHosted"
    assert live["keysHeardAtFarEnd"] == "4*A"
    assert [tone["startMs"] for tone in live["tonesHeardAtFarEnd"]] == pytest.approx([200, 400, 1200], abs=1)
    assert [(tone["key"], tone["sequenceId"], tone["speaker"]) for tone in live["tonesToldToBot"]] == [
        ("1", 1, "caller"),
        ("2", 2, "caller"),
    ]
    assert live["operations"] == [
        {
            "id": live["operations"][0]["id"],
            "kind": "sendDtmfTones",
            "status": "completed",
            "clientContext": "<b>",
            "completionReason": "completedSuccessfully",
            "nTones": 4,
            "tones": ["tone4", "star", "flash", "a"],
            "keys": ["4", "*", None, "A"],
        }
    ]
    assert ended["resultInfo"]["subcode"] == 4097
    envelope = live["envelopes"]["toFarEnd"]
    assert envelope["frameMs"] == 20
    assert len(envelope["peaks"]) == live["audioMs"] / 20 == 110
    assert envelope["peaks"][12] > 50 > 0 == envelope["peaks"][17]


def test_a_short_list_has_the_last_operations_and_one_call_has_all(desk):
    call = desk.establish()
    for _ in range(30):
        call.send_dtmf_tones("1" * 300, delay_between_tones_ms=0)
        call.cancel_media_processing()
    assert len(desk.ask("GET", "/control/calls?limit=1")["calls"][0]["operations"]) == 20
    operations = desk.call(call.id)["operations"]
    assert len(operations) == 60
    assert [len(each["tones"]) for each in operations[::2]] == [300] * 30


def test_what_is_polled_stays_short_whatever_bots_write(desk):
    body = {
        "callbackUri": "http://bot.example/" + "x" * 100_000,
        "subject": "y" * 100_000,
        "requestedModalities": ["audio"],
        "mediaConfig": {"@odata.type": "#microsoft.graph.serviceHostedMediaConfig"},
    }
    assert graph_post(desk, "/communications/calls", body).status == 201
    graph_post(desk, "/communications/calls/" + "z" * 60_000, {})
    desk.advance(1000)
    answer = desk.send("GET", "/control/calls")
    assert len(answer.body) < 10_000
    told = answer.json()
    assert told["calls"][0]["subject"] == "y" * 300 + "…"
    assert [len(told[log]) for log in ("requests", "notifications")] == [2, 2]
    assert desk.call(told["calls"][0]["id"])["subject"] == "y" * 100_000


def test_the_envelope_is_as_long_as_was_asked_for(desk):
    call = desk.establish()
    desk.advance(5000)
    for ms, n in [(20, 1), (1000, 50), (60_000, 250)]:
        peaks = desk.ask("GET", f"/control/calls/{call.id}?envelopeMs={ms}")["envelopes"]["toBot"]
        assert len(peaks["peaks"]) == n
        assert peaks["startMs"] == 5000 - 20 * n


def test_looking_on_does_not_change_what_is_seen(desk):
    call = desk.establish()
    desk.ask("POST", f"/control/calls/{call.id}/press", {"keys": "1"})
    desk.advance(50)
    before = desk.call(call.id)["envelopes"]["toBot"]["peaks"]
    for _ in range(5):
        desk.call(call.id)
    desk.advance(10)
    assert desk.call(call.id)["envelopes"]["toBot"]["peaks"][:2] == before
    assert desk.call(call.id)["envelopes"]["toBot"]["peaks"][2] > 50


def test_the_bot_is_rung_and_the_call_hung_up(desk):
    rung = desk.ask("POST", "/control/calls", {"callbackUri": ELSEWHERE}, status=201)
    assert (rung["state"], rung["direction"], rung["callbackUri"]) == ("incoming", "incoming", ELSEWHERE)
    assert desk.ask("POST", f"/control/calls/{rung['id']}/hangUp", {})["state"] == "terminating"
    assert "is terminating" in desk.refused(409, "POST", f"/control/calls/{rung['id']}/hangUp")
    desk.advance(1000)
    assert desk.call(rung["id"])["state"] == "terminated"
    assert "is terminated" in desk.refused(409, "POST", f"/control/calls/{rung['id']}/hangUp")


@pytest.mark.parametrize("uri", [None, "", "bot", 3, "ftp://127.0.0.1/", "http://"])
def test_ringing_needs_an_address(desk, uri):
    assert "callbackUri is" in desk.refused(400, "POST", "/control/calls", {"callbackUri": uri})


# --- audio -----------------------------------------------------------------------------------------------------------


def test_keys_are_pressed_as_they_were_asked_for(desk):
    call = desk.establish()
    body = {"keys": "1w2", "onMs": 60, "delayMs": 80, "levelDbm0": -20, "twistDb": 0, "speaker": "Adele"}
    tones = desk.ask("POST", f"/control/calls/{call.id}/press", body)["tones"]
    assert tones == [
        {"tone": "tone1", "key": "1", "startMs": 0, "stopMs": 60},
        {"tone": "tone2", "key": "2", "startMs": 640, "stopMs": 700},
    ]
    desk.advance(1000)
    heard = call.bot.received
    assert [(tone.tone.key, tone.speaker) for tone in heard] == [("1", "Adele"), ("2", "Adele")]
    assert heard[0].heard.detected.low_level_dbm0 == pytest.approx(-20, abs=0.3)
    assert heard[0].heard.detected.twist_db == pytest.approx(0, abs=0.3)


def test_keys_that_are_pressed_at_once_are_heard_one_after_the_other(desk):
    call = desk.establish()
    press = f"/control/calls/{call.id}/press"
    starts = [desk.ask("POST", press, {"keys": key})["tones"][0]["startMs"] for key in "1234"]
    assert starts == [0, 200, 400, 600]
    assert desk.ask("POST", press, {"keys": "5", "speaker": "Alex"})["tones"][0]["startMs"] == 0
    desk.advance(2000)
    assert [tone.tone.key for tone in call.bot.received if tone.speaker == "caller"] == list("1234")
    assert desk.ask("POST", press, {"keys": "9"})["tones"][0]["startMs"] == 2000


def test_too_many_keys_at_a_time_are_refused(desk):
    call = desk.establish()
    press = f"/control/calls/{call.id}/press"
    assert "press at most 120 s" in desk.refused(400, "POST", press, {"keys": "1" * 1000})
    assert "press at most 120 s" in desk.refused(400, "POST", press, {"keys": "1", "onMs": 1e300})
    for _ in range(2):
        desk.ask("POST", press, {"keys": "1" * 600})
    assert "are still to be pressed" in desk.refused(409, "POST", press, {"keys": "1"})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "keys is null; write the keys as a string"),
        ({"keys": 12}, "keys is 12"),
        ({"keys": ""}, ""),
        ({"keys": "12x"}, "'x'"),
        ({"keys": "1", "onMs": "60"}, 'onMs is "60"; write a number'),
        ({"keys": "1", "onMs": True}, "onMs is true"),
        ({"keys": "1", "onMs": 10**400}, "write a smaller number"),
        ({"keys": "1", "onMs": -1}, "on_ms"),
        ({"keys": "1", "levelDbm0": 10}, "would clip"),
        ({"keys": "1", "speaker": ""}, "speaker is"),
        ({"keys": "1", "speaker": "x" * 65}, "1 to 64 characters"),
        ({"keys": "1", "onMS": 60}, "write onMs"),
        ([], "it must be an object"),
    ],
)
def test_a_press_that_is_none_is_refused(desk, body, message):
    call = desk.establish()
    assert message in desk.refused(400, "POST", f"/control/calls/{call.id}/press", body)


@pytest.mark.parametrize(("samplerate", "subtype"), [(16000, "PCM_16"), (8000, "ULAW"), (44100, "FLOAT")])
def test_a_wav_file_is_played_at_the_bot(desk, samplerate, subtype):
    call = desk.establish()
    file = wav(render("36", samplerate).samples, samplerate, subtype=subtype)
    path = f"/control/calls/{call.id}/play?speaker=Adele"
    place = desk.ask("POST", path, file, headers=WAV)
    assert place == {"startMs": 0, "stopMs": pytest.approx(300, abs=0.1)}
    desk.advance(1000)
    assert [(tone.tone.key, tone.speaker) for tone in call.bot.received] == [("3", "Adele"), ("6", "Adele")]


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (400, b"", "is no WAV file"),
        (400, b"RIFF\x00\x00\x00\x00WAVE", "the body"),
        (400, wav(np.zeros(1000))[:600], "the body"),
        (400, wav(np.zeros((1000, 2))), "has 2 channels; send one"),
        (400, b"fLaC" + bytes(100), "is no WAV file"),
        (413, wav(np.zeros(601 * 4000), 4000, subtype="PCM_U8"), "over 600 s long"),
    ],
)
def test_what_is_no_file_to_play_is_refused(desk, status, body, message):
    call = desk.establish()
    assert message in desk.refused(status, "POST", f"/control/calls/{call.id}/play", body, headers=WAV)


def test_a_file_that_is_too_long_is_refused(desk, monkeypatch):
    call = desk.establish()
    monkeypatch.setattr(control_module, "MAX_WAV_BYTES", 1000)
    file = wav(np.zeros(1000))
    assert "over 1000 bytes" in desk.refused(413, "POST", f"/control/calls/{call.id}/play", file, headers=WAV)


def test_a_line_is_made_worse_and_mended(desk):
    call = desk.establish()
    path = f"/control/calls/{call.id}/line"
    line = desk.ask("PUT", path, {"direction": "toBot", "noiseDbm0": -40, "lossPct": 5, "twistDb": 3})
    assert line == {"direction": "toBot", "noiseDbm0": -40, "lossPct": 5, "twistDb": 3}
    desk.ask("POST", f"/control/calls/{call.id}/press", {"keys": "1"})
    desk.advance(500)
    assert call.bot.received[0].heard.detected.twist_db == pytest.approx(5, abs=0.5)
    assert desk.call(call.id)["lines"]["toBot"] == {"noiseDbm0": -40, "lossPct": 5, "twistDb": 3}
    assert desk.call(call.id)["lines"]["toFarEnd"] == {"noiseDbm0": None, "lossPct": 0, "twistDb": 0}
    desk.ask("PUT", path, {"direction": "toBot", "noiseDbm0": None})
    assert desk.call(call.id)["lines"]["toBot"] == {"noiseDbm0": None, "lossPct": 0, "twistDb": 0}
    assert "direction is null" in desk.refused(400, "PUT", path, {})
    assert "direction is [" in desk.refused(400, "PUT", path, {"direction": []})
    assert "loss_pct" in desk.refused(400, "PUT", path, {"direction": "toBot", "lossPct": 101})


def test_recordings_hold_both_directions_and_the_truth(desk):
    call = desk.establish()
    call.send_dtmf_tones("123", delay_between_tones_ms=100)
    desk.ask("POST", f"/control/calls/{call.id}/press", {"keys": "9#"})
    desk.advance(1000)
    for direction, keys in [("toFarEnd", "123"), ("toBot", "9#")]:
        path = f"/control/calls/{call.id}/recordings/{direction}"
        answer = desk.send("GET", f"{path}.wav")
        assert answer.headers["Content-Type"] == "audio/wav"
        samples, samplerate = soundfile.read(io.BytesIO(answer.body))
        assert (len(samples), samplerate) == (16000, 16000)
        assert keys_of(tone.tone for tone in decode(samples, samplerate)) == keys
        truth = desk.ask("GET", f"{path}.json")
        assert "".join(tone["key"] for tone in truth["tones"]) == keys
    call.far_end.hang_up()
    desk.advance(1000)
    assert desk.send("GET", f"/control/calls/{call.id}/recordings/toBot.wav").status == 200
    assert "no recording" in desk.refused(404, "GET", f"/control/calls/{call.id}/recordings/toBot.mp3")


def test_a_call_without_audio_says_so(desk):
    rung = desk.ask("POST", "/control/calls", {"callbackUri": ELSEWHERE}, status=201)["id"]
    assert "wait until it is established" in desk.refused(409, "POST", f"/control/calls/{rung}/press", {"keys": "1"})
    assert "has had no audio" in desk.refused(409, "GET", f"/control/calls/{rung}/recordings/toBot.wav")
    call = desk.establish()
    assert "has no audio yet" in desk.refused(409, "GET", f"/control/calls/{call.id}/recordings/toBot.wav")
    call.far_end.hang_up()
    for method, action, body in [("POST", "press", {"keys": "1"}), ("PUT", "line", {"direction": "toBot"})]:
        assert "it is over" in desk.refused(409, method, f"/control/calls/{call.id}/{action}", body)


def test_a_service_that_records_nothing_says_so():
    desk = Desk(record_s=0.0)
    call = desk.establish()
    desk.advance(100)
    assert "record_s" in desk.refused(400, "GET", f"/control/calls/{call.id}/recordings/toBot.wav")
    desk.close()


def test_calls_that_are_over_are_remembered_and_their_audio_not_so_long(desk):
    calls = []
    for _ in range(22):
        calls.append(desk.establish())
        desk.advance(20)
        calls[-1].far_end.hang_up()
        desk.advance(200)
    assert desk.ask("GET", "/control/calls")["endedCalls"] == 22
    path = "/control/calls/{}/recordings/toBot.wav"
    assert [desk.send("GET", path.format(call.id)).status for call in calls] == [400] * 2 + [200] * 20


# --- faults and the clock --------------------------------------------------------------------------------------------


def graph_post(desk, path, body):
    request = HttpRequest(method="POST", path=f"/v1.0{path}", headers=JSON, body=json.dumps(body).encode())

    async def answered():
        return desk.service.handle(request)

    return desk.run(answered())


def test_requests_fail_as_planned_and_no_longer(desk):
    call = desk.establish()
    path = f"/communications/calls/{call.id}/sendDtmfTones"
    fault = {"kind": "serviceUnavailable", "times": 2, "action": "sendDtmfTones", "retryAfterS": 3}
    assert desk.ask("POST", "/control/faults", fault, status=201) == fault | {"delayMs": 0}
    answers = [graph_post(desk, path, {"tones": ["tone1"]}) for _ in range(3)]
    assert [answer.status for answer in answers] == [503, 503, 200]
    assert answers[0].headers["Retry-After"] == "3"
    desk.ask("POST", "/control/faults", {"kind": "serverError", "times": 5}, status=201)
    assert desk.send("DELETE", "/control/faults", headers={}).status == 204
    assert graph_post(desk, path, {"tones": ["tone1"]}).status == 200
    logged = desk.ask("GET", f"/control/requests?callId={call.id}")["requests"]
    assert [each["status"] for each in logged] == [503, 503, 200, 200]
    assert logged[0]["note"] == "The service is temporarily unavailable."
    assert logged[0]["body"] == '{"tones": ["tone1"]}'
    assert [each["callId"] for each in logged] == [call.id] * 4
    assert len(desk.ask("GET", "/control/requests?limit=1")["requests"]) == 1
    assert desk.ask("GET", "/control/requests?callId=nobody")["requests"] == []


def test_an_operation_fails_as_planned(desk):
    call = desk.establish()
    desk.ask("POST", "/control/faults", {"kind": "failOperation", "callId": call.id, "afterMs": 150}, status=201)
    call.send_dtmf_tones("123", delay_between_tones_ms=100)
    desk.advance(1000)
    (operation,) = desk.call(call.id)["operations"]
    assert operation["completionReason"] == "unknown"
    assert desk.call(call.id)["keysHeardAtFarEnd"] == "1"


@pytest.mark.parametrize(("kind", "states"), [("drop", []), ("double", ["deleted"] * 2)])
def test_notifications_are_dropped_and_doubled(desk, kind, states):
    call = desk.establish()
    last = desk.ask("GET", "/control/notifications")["last"]
    desk.ask("POST", "/control/faults", {"kind": kind, "callId": call.id}, status=201)
    call.send_dtmf_tones("1")
    desk.advance(1000)
    told = desk.ask("GET", f"/control/notifications?after={last}")["notifications"]
    assert [each["body"]["value"][0]["changeType"] for each in told] == states


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "kind is null; write one of failOperation, unauthorized"),
        ({"kind": ["drop"]}, "kind is"),
        ({"kind": "drop", "times": 0}, "times is 0"),
        ({"kind": "drop", "times": 1.5}, "times is 1.5"),
        ({"kind": "drop", "delayMs": 1}, '"delayMs" is no property of the fault drop'),
        ({"kind": "slow", "delayMs": "1"}, 'delayMs is "1"'),
        ({"kind": "slow", "delayMs": -1}, "delay_ms is -1"),
        ({"kind": "slow", "action": "sendDTMFTones"}, "write one of createCall"),
        ({"kind": "slow", "action": ["x"]}, "write a string"),
        ({"kind": "tooManyRequests", "retryAfterS": 0.5}, "whole seconds"),
        ({"kind": "failOperation"}, "callId is null"),
    ],
)
def test_a_fault_that_is_none_is_refused(desk, body, message):
    assert message in desk.refused(400, "POST", "/control/faults", body)


def test_a_fault_of_a_call_needs_the_call(desk):
    for kind in ("failOperation", "swap"):
        assert "no call" in desk.refused(404, "POST", "/control/faults", {"kind": kind, "callId": "x"})
    call = desk.establish()
    body = {"kind": "failOperation", "callId": call.id, "afterMs": -1}
    assert "from 0 to 600000" in desk.refused(400, "POST", "/control/faults", body)


def test_every_action_can_be_made_to_fail(desk):
    assert set(BY_ACTION) == set(desk.service.graph._actions)
    assert isinstance(desk.service.graph, GraphApi)


def test_the_clock_is_moved(desk):
    assert desk.advance(1500) == {"nowMs": 1500}
    assert desk.advance(0) == {"nowMs": 1500}
    for ms in (-1, 3_600_001):
        assert "from 0 to 3.6e+06" in desk.refused(400, "POST", "/control/clock/advance", {"ms": ms})
    assert "ms is null" in desk.refused(400, "POST", "/control/clock/advance", {})


def test_a_clock_that_is_being_moved_is_not_moved_twice_at_once(desk):
    """Both are answered; whether the second waits or is refused is the service's affair."""

    async def both():
        request = HttpRequest(method="POST", path="/control/clock/advance", headers=JSON, body=b'{"ms": 1000}')
        return await asyncio.gather(desk.api.handle(request), desk.api.handle(request))

    assert {answer.status for answer in desk.run(both())} <= {200, 409}
    assert desk.board.now_ms in (1000, 2000)


def test_a_real_clock_is_not_moved():
    desk = Desk(clock="real")
    assert "the clock is real" in desk.refused(409, "POST", "/control/clock/advance", {"ms": 1})
    desk.close()


# --- notifications ---------------------------------------------------------------------------------------------------


def test_notifications_are_numbered_and_told_with_their_fate(desk):
    one, other = desk.establish(), desk.establish()
    everything = desk.ask("GET", "/control/notifications")
    assert everything["last"] == 4
    assert [each["sequence"] for each in everything["notifications"]] == [1, 2, 3, 4]
    assert [each["callId"] for each in everything["notifications"]] == [one.id] * 2 + [other.id] * 2
    first = everything["notifications"][0]
    assert first["delivery"] == "undelivered"
    assert "bot.example is not this machine" in first["problem"]
    assert (first["sentMs"], first["attempts"], first["status"]) == (100, 0, None)
    assert first["summary"] == "updated: call establishing"
    assert first["body"]["value"][0]["resourceUrl"] == f"/communications/calls/{one.id}"

    def numbers(query):
        told = desk.ask("GET", f"/control/notifications?{query}")["notifications"]
        return [each["sequence"] for each in told]

    assert numbers("after=2") == [3, 4]
    assert numbers("after=0&limit=3") == [1, 2, 3]
    assert numbers("limit=3") == [2, 3, 4]
    assert numbers(f"callId={one.id}") == [1, 2]
    assert numbers(f"callId={other.id}&limit=1") == [4]
    assert numbers("after=4") == numbers("callId=nobody") == []


def test_notifications_that_nobody_is_to_have_are_kept(desk):
    desk.board.on_notification.remove(desk.service._notify)
    desk.board.establish()
    told = desk.ask("GET", "/control/notifications")["notifications"]
    assert [each["delivery"] for each in told] == ["kept", "kept"]


def test_numbers_go_on_when_the_oldest_are_forgotten(desk, monkeypatch):
    from collections import deque

    monkeypatch.setattr(desk.board, "notifications", deque(maxlen=3))
    for _ in range(3):
        desk.establish()
    told = desk.ask("GET", "/control/notifications?after=0")
    assert told["last"] == 6
    assert [each["sequence"] for each in told["notifications"]] == [4, 5, 6]


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/control", "/control/nothing", "/control/calls/x/sing", "/control/calls/a/b/c/d"])
def test_what_is_not_there_is_404(desk, path):
    assert "GET /control/calls lists the calls" in desk.refused(404, "GET", path)


@pytest.mark.parametrize("path", ["", "/press", "/play", "/hangUp", "/line", "/recordings/toBot.wav"])
def test_a_call_that_is_not_there_is_404(desk, path):
    method = {"/line": "PUT", "": "GET", "/recordings/toBot.wav": "GET"}.get(path, "POST")
    assert 'no call "a b"' in desk.refused(404, method, f"/control/calls/a%20b{path}", {})


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/control/calls", "GET, POST"),
        ("OPTIONS", "/control/calls", "GET, POST"),
        ("GET", "/control/calls/x/press", "POST"),
        ("POST", "/control/calls/x/line", "PUT"),
        ("PUT", "/control/faults", "POST, DELETE"),
    ],
)
def test_another_method_is_405_and_a_preflight_never_allowed(desk, method, path, allowed):
    answer = desk.send(method, path)
    assert answer.status == 405
    assert answer.headers["Allow"] == allowed
    assert not any(name.lower().startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_what_a_page_of_another_origin_can_send_is_415(desk, content_type):
    call = desk.establish()
    headers = {"content-type": content_type} if content_type else {}
    for path in ("/control/calls", f"/control/calls/{call.id}/press", f"/control/calls/{call.id}/hangUp"):
        assert "send application/json" in desk.refused(415, "POST", path, b'{"keys": "1"}', headers=headers)
    for path in ("/control/faults", "/control/clock/advance"):
        assert "send application/json" in desk.refused(415, "POST", path, b"", headers=headers)
    assert "send audio/wav" in desk.refused(415, "POST", f"/control/calls/{call.id}/play", b"", headers=headers)
    assert desk.call(call.id)["state"] == "established"


def test_a_packed_body_is_415(desk):
    headers = JSON | {"content-encoding": "gzip"}
    assert "Content-Encoding" in desk.refused(415, "POST", "/control/calls", {}, headers=headers)


def test_a_body_that_is_too_long_is_413(desk):
    assert "over 1048576 bytes" in desk.refused(413, "POST", "/control/calls", b" " * (2**20 + 1))


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=",
        "limit=x",
        "limit=1&limit=2",
        "limits=1",
        "limit=-1",
        "limit=%D9%A1",
        "a&" * 30,
    ],
)
def test_a_query_that_cannot_be_read_is_400(desk, query):
    assert desk.refused(400, "GET", f"/control/calls?{query}")


def test_too_many_calls_are_429():
    desk = Desk(calls=CallSettings(max_calls=1))
    desk.establish()
    answer = desk.send("POST", "/control/calls", {"callbackUri": ELSEWHERE})
    assert answer.status == 429
    assert answer.headers["Retry-After"] == "1"
    assert answer.json()["error"]["code"] == "tooManyRequests"
    desk.close()


def test_head_is_answered_as_get(desk):
    assert desk.send("HEAD", "/control/calls").status == 200


# --- whatever comes --------------------------------------------------------------------------------------------------

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3))
NAMES = st.sampled_from(
    [
        *("callbackUri", "keys", "onMs", "delayMs", "levelDbm0", "twistDb", "speaker", "direction", "noiseDbm0"),
        *("lossPct", "kind", "times", "action", "retryAfterS", "callId", "afterMs", "ms"),
    ]
)
LIKELY = st.sampled_from(
    ["toBot", "12#", "drop", "slow", "swap", "failOperation", "sendDtmfTones", "http://[::1]/", 0, 1, 40]
)
BODIES = st.dictionaries(NAMES, VALUES | LIKELY, max_size=4).map(lambda body: json.dumps(body).encode())


@pytest.fixture(scope="module")
def busy():
    desk = Desk()
    call = desk.establish()
    desk.advance(40)
    yield desk, call.id
    desk.close()


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "BREW"]),
    path=st.sampled_from(["", "/calls", "/calls/{}", "/calls/{}/press", "/calls/{}/line", "/calls/{}/play", "/faults"])
    | st.sampled_from(["/clock/advance", "/notifications", "/requests", "/calls/{}/recordings/toBot.json"])
    | st.text(max_size=20).map(lambda text: "/" + urllib.parse.quote(text, safe="/{}")),
    query=st.text(max_size=20).map(urllib.parse.quote)
    | st.sampled_from(["limit=5", "after=1", "envelopeMs=40", "speaker=x"]),
    content_type=st.sampled_from(["application/json"] * 4 + ["audio/wav", "text/plain", ""]) | st.text(max_size=10),
    body=BODIES | st.binary(max_size=60) | st.binary(max_size=60).map(lambda tail: b"RIFF\x24\0\0\0WAVEfmt " + tail),
)
def test_whatever_comes_is_answered_with_json_and_no_traceback(busy, method, path, query, content_type, body):
    desk, call_id = busy
    path = f"/control{path.replace('{}', call_id)}"
    request = HttpRequest(method=method, path=path, query=query, headers={"content-type": content_type}, body=body)
    answer = desk.run(desk.api.handle(request))
    assert answer.status in (200, 201, 204, 400, 404, 405, 409, 413, 415, 429)
    assert b"Traceback" not in answer.body
    told = answer.json() if answer.body else None
    if answer.status >= 400:
        assert set(told) == {"error"}
        assert set(told["error"]) == {"code", "message"}
        assert told["error"]["message"]


# --- over HTTP -------------------------------------------------------------------------------------------------------


def test_it_is_all_there_over_http():
    with Emulator(clock="virtual", retries=0) as emulator, httpx.Client(base_url=emulator.url) as client:
        assert client.get("/control").json()["error"]["code"] == "notFound"
        rung = client.post("/control/calls", json={"callbackUri": ELSEWHERE})
        assert rung.status_code == 201
        call = emulator.establish(media="serviceHosted", callback_uri=ELSEWHERE)
        path = f"/control/calls/{call.id}"
        assert client.post(f"{path}/press", json={"keys": "1"}).status_code == 200
        played = client.post(f"{path}/play?speaker=Adele", content=wav(render("2", 8000).samples, 8000), headers=WAV)
        assert played.status_code == 200
        assert client.put(f"{path}/line", json={"direction": "toFarEnd", "lossPct": 1}).status_code == 200
        assert client.post("/control/clock/advance", json={"ms": 500}).json()["nowMs"] == 700
        recording = client.get(f"{path}/recordings/toBot.wav")
        assert recording.headers["content-type"] == "audio/wav"
        assert recording.headers["cache-control"] == "no-store"
        samples, samplerate = soundfile.read(io.BytesIO(recording.content))
        assert (len(samples), samplerate) == (8000, 16000)
        assert client.head(f"{path}/recordings/toBot.wav").headers["content-length"] == str(len(recording.content))
        assert client.delete("/control/faults").status_code == 204
        assert client.options("/control/calls").status_code == 405
        assert client.post(f"{path}/hangUp", headers=JSON).json()["state"] == "terminating"
        assert client.get("/control/requests").json() == {"requests": []}
