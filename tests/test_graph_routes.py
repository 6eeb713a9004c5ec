"""Everything that the emulated service answers, without a socket."""

from __future__ import annotations

import base64
import gzip
import json
import re
import tracemalloc
import uuid
import zlib
from typing import Any

import pytest
from graph_service import (
    A_CALL,
    APP_HOSTED,
    CALLBACK,
    CALLS,
    JSON,
    SERVICE_HOSTED,
    Service,
    bearer,
    check_error,
    message,
)

from dtmf_audio import Tone
from dtmf_audio.graph.endpoints import CALL_ACTIONS, NOT_DONE_ACTIONS, NOT_DONE_RESOURCES
from dtmf_audio.graph.faults import RequestFault
from dtmf_audio.graph.requests import CALLBACK_URI, MAX_TONES, AnswerRequest, RejectRequest
from dtmf_audio.graph.routes import CALLING_ROLES, MEDIA_ROLE, UNREADABLE
from dtmf_audio.graph.wire import MAX_BODY_BYTES

TONES = {"tones": ["tone1", "star"], "clientContext": "c"}
UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def service() -> Service:
    return Service()


# --- paths -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/v1.0/communications/calls/{}/sendDtmfTones",
        "/beta/communications/calls/{}/sendDtmfTones",
        "/v1.0/app/calls/{}/sendDtmfTones",
        "/beta/app/calls/{}/microsoft.graph.sendDtmfTones",
        "/v1.0/communications/calls/{}/microsoft.graph.sendDtmfTones",
        "/v1.0//communications/calls/{}/sendDtmfTones",
        "//v1.0/communications//calls/{}//sendDtmfTones//",
        "/v1.0/communications/calls/{}/sendDtmfTones/",
        "/v1.0/communications/calls/{}/send%44tmfTones",
    ],
)
def test_every_way_to_write_a_path_leads_to_the_action(service: Service, path: str) -> None:
    answer = service.ask("POST", path.format(service.call.id), TONES)
    assert (answer.status, answer.action) == (200, "sendDtmfTones")
    assert answer.json()["@odata.type"] == "#microsoft.graph.sendDtmfTonesOperation"


def test_ids_may_be_percent_encoded(service: Service) -> None:
    encoded = "".join(f"%{ord(character):02X}" for character in service.call.id)
    assert service.ask("GET", f"{CALLS}/{encoded}").json()["id"] == service.call.id


@pytest.mark.parametrize("name", ["a%20b%2Fc%3Ad%40e", "%2F", "%ff%fe", "%", "%zz", "..", "é", "\ud800", "a" * 3000])
def test_a_call_of_an_odd_name_is_not_found(service: Service, name: str) -> None:
    assert message(service.ask("GET", f"{CALLS}/{name}"), 404, "8522") == "Call not found."
    assert message(service.ask("POST", f"{CALLS}/{name}/sendDtmfTones", TONES), 404, "8522") == "Call not found."


@pytest.mark.parametrize("path", ["", "/", "/v1.0", "/v1.0/communications", "/v1.0/users", "/v2.0/x", "*", "\ud800"])
def test_a_path_that_leads_nowhere_is_told_where_calls_are(service: Service, path: str) -> None:
    said = message(service.ask("GET", path), 404, "UnknownError")
    assert said.startswith("No HTTP resource was found that matches the request URI ")
    assert said.endswith(" The emulator serves /v1.0/communications/calls and what is below it.")


@pytest.mark.parametrize(
    ("before", "found"),
    [
        ("", "nothing"),
        ("/v1.0/v1.0", "'/v1.0/v1.0'"),
        ("/v1", "'/v1'"),
        ("/V1.0", "'/V1.0'"),
        ("/graph/v1.0", "'/graph/v1.0'"),
    ],
)
def test_a_wrong_base_url_is_named(service: Service, before: str, found: str) -> None:
    said = message(service.ask("POST", f"{before}/communications/calls/1/sendDtmfTones", TONES), 404, "UnknownError")
    assert said.endswith(
        f"Before /communications/calls stands {found}, where /v1.0 or /beta must: check the client's base URL."
    )


@pytest.mark.parametrize(
    ("action", "meant"),
    [
        ("sendDTMFTones", "sendDtmfTones"),
        ("sendDtmfTone", "sendDtmfTones"),
        ("microsoft.graph.senddtmftones", "sendDtmfTones"),
        ("subscribeToTones", "subscribeToTone"),
        ("keepalive", "keepAlive"),
        ("cancelMedia", "cancelMediaProcessing"),
        ("playPrompts", "playPrompt"),
        ("operation", "operations"),
    ],
)
def test_a_misspelled_action_is_told_the_one_that_was_meant(service: Service, action: str, meant: str) -> None:
    said = message(service.act(action, TONES))
    name = action.removeprefix("microsoft.graph.")
    assert said == f"Resource not found for the segment '{name}'. Did you mean {meant}?"


def test_an_action_like_no_other_is_told_them_all(service: Service) -> None:
    said = message(service.act("xyzzy", TONES))
    assert said == f"Resource not found for the segment 'xyzzy'. A call has {', '.join(CALL_ACTIONS)}."


@pytest.mark.parametrize("below", ["operations", "operations/1/2", "sendDtmfTones/1", "xyzzy/1/2/3"])
def test_a_path_that_is_too_short_or_too_deep_is_told_so(service: Service, below: str) -> None:
    assert "Resource not found for the segment" in message(service.ask("GET", f"{CALLS}/{service.call.id}/{below}"))


def test_a_segment_is_shown_cut_and_printable(service: Service) -> None:
    said = message(service.act("\ud800%0d%0aX-Evil:%201" + "x" * 5000, TONES))
    assert said.isprintable()
    assert len(said) < 300


@pytest.mark.parametrize("part", ["x" * 5000, "\U000e0000" * 5000, "'\"" * 5000])
def test_messages_stay_short_whatever_the_request_line_is(service: Service, part: str) -> None:
    for method, path in (
        ("GET", f"/{part}"),
        ("GET", f"/{part}/communications/calls"),
        (part, CALLS),
        ("POST", f"{CALLS}/{service.call.id}/{part}"),
        ("GET", f"{CALLS}/{service.call.id}/operations/{part}"),
    ):
        said = check_error(service.ask(method, path))["error"]["message"]
        assert said.isprintable()
        assert "…" in said or method == part or "operations" in path


@pytest.mark.parametrize("action", ["sendDtmfTones", "microsoft.graph.keepAlive"])
def test_an_action_without_the_id_of_a_call_is_told_so(service: Service, action: str) -> None:
    said = message(service.ask("POST", f"{CALLS}//{action}", TONES))
    assert said == f"{action} is an action of a call, and the path has no id of one before it."


@pytest.mark.parametrize("name", [*NOT_DONE_ACTIONS, *NOT_DONE_RESOURCES])
@pytest.mark.parametrize("prefix", ["", "microsoft.graph."])
def test_what_is_not_done_is_501(service: Service, name: str, prefix: str) -> None:
    said = message(service.act(prefix + name, {}), 501, "NotImplemented")
    assert said.startswith(f"The emulator does not do {name}, which is Graph's. On a call it does sendDtmfTones, ")


@pytest.mark.parametrize("below", ["participants/1", "participants/invite", "participants/1/mute"])
def test_what_is_below_the_not_done_is_501_too(service: Service, below: str) -> None:
    message(service.act(below, {}), 501, "NotImplemented")


def test_an_action_of_all_calls_is_501(service: Service) -> None:
    message(service.ask("POST", f"{CALLS}/logTeleconferenceDeviceQuality", {}), 501, "NotImplemented")


# --- methods ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (CALLS, "POST"),
        (f"{CALLS}/1", "GET, DELETE"),
        (f"{CALLS}/1/operations/2", "GET"),
        *((f"{CALLS}/1/{action}", "POST") for action in CALL_ACTIONS),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "post", "", "\ud800" * 99])
def test_a_method_that_a_resource_has_not_is_405(service: Service, path: str, allowed: str, method: str) -> None:
    answer = service.ask(method, path)
    if method in allowed.split(", "):
        assert answer.status in (400, 404)
        return
    assert message(answer, 405, "MethodNotAllowed").endswith(f"is not allowed on this resource; use {allowed}.")
    assert answer.headers["Allow"] == allowed


@pytest.mark.parametrize("path", [CALLS, f"{CALLS}/1", "/", f"{CALLS}/1/sendDtmfTones"])
def test_an_answer_to_head_has_no_body(service: Service, path: str) -> None:
    answer = service.ask("HEAD", path)
    assert answer.status in (404, 405)
    assert answer.body == b""
    assert "Content-Type" not in answer.headers
    assert uuid.UUID(answer.headers["request-id"])


# --- answers ---------------------------------------------------------------------------------------------------------


def test_create_call(service: Service) -> None:
    answer = service.ask("POST", CALLS, A_CALL | {"tenantId": "t", "subject": "É"}, headers=JSON | {"host": "h:1"})
    call = answer.json()
    assert (answer.status, answer.action) == (201, "createCall")
    assert answer.headers["Location"] == f"http://h:1/v1.0/communications/calls/{call['id']}"
    assert call["@odata.context"] == "http://h:1/v1.0/$metadata#communications/calls/$entity"
    assert call["@odata.type"] == "#microsoft.graph.call"
    assert (call["state"], call["direction"], call["tenantId"]) == ("establishing", "outgoing", "t")
    assert "É".encode() in answer.body  # readable, as UTF-8
    assert service.ask("GET", f"{CALLS}/{call['id']}").json()["state"] == "establishing"


def test_get_call(service: Service) -> None:
    answer = service.ask("GET", f"{CALLS}/{service.call.id}")
    assert (answer.status, answer.action) == (200, "getCall")
    assert answer.json()["mediaState"] == {"@odata.type": "#microsoft.graph.callMediaState", "audio": "active"}
    assert "Location" not in answer.headers


def test_send_dtmf_tones_and_its_operation(service: Service) -> None:
    answer = service.send(TONES)
    operation = answer.json()
    assert operation == {
        "@odata.type": "#microsoft.graph.sendDtmfTonesOperation",
        "status": "running",
        "clientContext": "c",
        "id": operation["id"],
    }
    place = answer.headers["Location"].removeprefix("http://localhost")
    assert place == f"{CALLS}/{service.call.id}/operations/{operation['id']}"
    assert service.ask("GET", place).json() == operation
    service.switchboard.advance(60_000)
    ended = operation | {"status": "completed", "completionReason": "completedSuccessfully"}
    assert service.ask("GET", place).json() == ended


@pytest.mark.parametrize("tone", Tone)
def test_every_tone_is_taken(service: Service, tone: Tone) -> None:
    assert service.send({"tones": [tone.value]}).status == 200


def test_a_request_of_weeks_costs_nothing(service: Service) -> None:
    assert service.send({"tones": ["tone1"] * MAX_TONES, "delayBetweenTonesMs": 2**31 - 1}).status == 200
    service.switchboard.advance(1000)
    assert service.call.far_end.keys == "1"


@pytest.mark.parametrize("action", ["subscribeToTone", "cancelMediaProcessing"])
@pytest.mark.parametrize("body", [None, {}, {"clientContext": None}, {"clientContext": "c"}])
def test_actions_that_are_completed_at_once(service: Service, action: str, body: Any) -> None:
    answer = service.act(action, body)
    assert answer.status == 200
    assert answer.json()["@odata.type"] == f"#microsoft.graph.{action}Operation"
    assert answer.json()["status"] == "completed"
    assert answer.json().get("clientContext") == (body or {}).get("clientContext")
    assert service.ask("GET", answer.headers["Location"].removeprefix("http://localhost")).json() == answer.json()


def test_subscribe_to_tone_fails_where_the_bot_has_the_audio() -> None:
    said = message(Service(media="appHosted").act("subscribeToTone", {}), 500, "9999")
    assert "Encountered Exception during ToneSubscription" in said


@pytest.mark.parametrize(
    ("method", "below", "status"), [("POST", "/keepAlive", 200), ("DELETE", "", 204), ("POST", "/answer", 202)]
)
def test_an_answer_without_a_body_has_no_content_type(method: str, below: str, status: int) -> None:
    service = Service()
    call_id = service.call.id
    body = None
    if below == "/answer":
        call_id = str(service.switchboard.calls.ring(callback_uri=CALLBACK).id)
        body = {"callbackUri": CALLBACK, "mediaConfig": SERVICE_HOSTED}
    answer = service.ask(method, f"{CALLS}/{call_id}{below}", body)
    assert (answer.status, answer.body, answer.json()) == (status, b"", None)
    assert set(answer.headers) == {"request-id"}


@pytest.mark.parametrize("body", [b"", b"{}", b"not json", b"\xff"])
def test_keep_alive_does_not_read_its_body(service: Service, body: bytes) -> None:
    assert service.act("keepAlive", body, headers={}).status == 200


@pytest.mark.parametrize("media", [SERVICE_HOSTED, APP_HOSTED])
@pytest.mark.parametrize("modalities", [{}, {"acceptedModalities": None}, {"acceptedModalities": []}])
def test_answer_an_incoming_call(service: Service, media: dict[str, Any], modalities: dict[str, Any]) -> None:
    ringing = str(service.switchboard.calls.ring(callback_uri=CALLBACK).id)
    body = {"callbackUri": CALLBACK, "mediaConfig": media, "participantCapacity": 1, **modalities}
    assert service.ask("POST", f"{CALLS}/{ringing}/answer", body).status == 202
    service.switchboard.advance(1000)
    assert service.ask("GET", f"{CALLS}/{ringing}").json()["state"] == "established"


@pytest.mark.parametrize("body", [None, {}, {"reason": "busy"}, {"reason": "None", "callbackUri": CALLBACK}])
def test_reject_an_incoming_call(service: Service, body: Any) -> None:
    ringing = str(service.switchboard.calls.ring(callback_uri=CALLBACK).id)
    assert service.ask("POST", f"{CALLS}/{ringing}/reject", body).status == 202
    message(service.ask("GET", f"{CALLS}/{ringing}"), 404, "8522")


@pytest.mark.parametrize(
    ("action", "body", "said"),
    [
        ("reject", {"reason": "bussy"}, 'reason is "bussy"; write one of none, busy, forbidden.'),
        ("reject", {"reason": 1}, "reason is 1; write one of none, busy, forbidden."),
        ("reject", {"callbackUri": "/x"}, 'callbackUri is "/x"; write the address that takes the notifications'),
        ("reject", {"raeson": "busy"}, '"raeson" is no property of reject; write reason.'),
        ("answer", {"mediaConfig": SERVICE_HOSTED}, "callbackUri is missing; write the address"),
        ("answer", {"callbackUri": CALLBACK}, "mediaConfig is missing; write {"),
        ("answer", {"acceptedModalities": ""}, 'acceptedModalities is ""; write a list of audio'),
        ("answer", {"acceptedModalities": 0}, "acceptedModalities is 0; write a list of audio"),
        ("answer", {"participantCapacity": "1"}, 'participantCapacity is "1"; write a whole number'),
        (
            "answer",
            {"mediaConfig": SERVICE_HOSTED | {"blob": "1"}},
            '"blob" is no property of serviceHostedMediaConfig',
        ),
    ],
)
def test_a_wrong_answer_to_a_call_is_refused(service: Service, action: str, body: dict[str, Any], said: str) -> None:
    ringing = str(service.switchboard.calls.ring(callback_uri=CALLBACK).id)
    right = {"callbackUri": CALLBACK, "mediaConfig": SERVICE_HOSTED} if action == "answer" and len(body) == 1 else {}
    if "is missing" in said:
        right = {}
    answer = service.ask("POST", f"{CALLS}/{ringing}/{action}", right | body)
    assert message(answer).startswith(said)
    assert service.switchboard.calls.get(ringing).state == "incoming"


def test_requests_of_the_library_say_what_the_service_reads() -> None:
    assert RejectRequest.from_json('{"reason": "Busy"}') == RejectRequest(reason="busy")  # type: ignore[arg-type]
    read = AnswerRequest.from_dict({"callbackUri": CALLBACK, "mediaConfig": SERVICE_HOSTED})
    assert read.accepted_modalities == ()


@pytest.mark.parametrize("action", ["answer", "reject"])
def test_only_an_incoming_call_is_answered(service: Service, action: str) -> None:
    body = {"callbackUri": CALLBACK, "mediaConfig": SERVICE_HOSTED} if action == "answer" else None
    assert message(service.act(action, body)) == f"The call is established: {action} needs one that is incoming."


def test_tones_before_the_call_is_established_are_refused(service: Service) -> None:
    new = service.ask("POST", CALLS, A_CALL).json()["id"]
    said = message(service.ask("POST", f"{CALLS}/{new}/sendDtmfTones", TONES))
    assert said.startswith("The call is establishing: sendDtmfTones needs one that is established. Wait for ")


# --- headers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8080", "localhost", "[::1]:1", "graph.test_1.example", "graph.microsoft.com"]
)
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("version", ["v1.0", "beta"])
def test_location_has_the_address_that_the_client_used(service: Service, host: str, scheme: str, version: str) -> None:
    path = f"/{version}/app/calls/{service.call.id}/sendDtmfTones"
    answer = service.ask("POST", path, TONES, headers=JSON | {"host": host}, scheme=scheme)
    start = f"{scheme}://{host}/{version}/communications/calls/{service.call.id}/operations/"
    assert answer.headers["Location"] == start + answer.json()["id"]


@pytest.mark.parametrize(
    "host", ["", "a b", "a\r\nX: y", "a/b", "a?b", "u@h", '"><script>', "é", "\ud800", "a" * 256, "h\n"]
)
def test_a_hostile_host_goes_nowhere(service: Service, host: str) -> None:
    answer = service.ask("POST", CALLS, A_CALL, headers=JSON | {"host": host})
    assert answer.headers["Location"] == f"http://localhost{CALLS}/{answer.json()['id']}"
    assert answer.json()["@odata.context"].startswith("http://localhost/v1.0/$metadata")


@pytest.mark.parametrize(("path", "status"), [(f"{CALLS}/1", 404), ("/", 404), (CALLS, 405)])
def test_an_error_has_a_body_in_graphs_shape(service: Service, path: str, status: int) -> None:
    answer = service.ask("GET", path, headers={"client-request-id": "e0be71f1"})
    assert answer.status == status
    assert check_error(answer)["error"]["innerError"]["client-request-id"] == "e0be71f1"


def test_every_request_has_an_id_of_its_own(service: Service) -> None:
    ids = [service.ask("GET", path).headers["request-id"] for path in (CALLS, "/", f"{CALLS}/{service.call.id}") * 5]
    assert len({uuid.UUID(name) for name in ids}) == 15


def test_ids_come_again_with_the_seed() -> None:
    first, second = Service().send(TONES), Service().send(TONES)
    assert first == second


@pytest.mark.parametrize("client_id", ["e0be71f1-a14f", "!~", "x" * 128])
def test_client_request_id_is_echoed(service: Service, client_id: str) -> None:
    headers = {"client-request-id": client_id}
    for path in (f"{CALLS}/{service.call.id}", f"{CALLS}/{UNKNOWN}"):
        assert service.ask("GET", path, headers=headers).headers["client-request-id"] == client_id


@pytest.mark.parametrize("client_id", ["", "a b", "a\r\nX: y", "x" * 129, "é", "a\n"])
def test_a_client_request_id_that_is_no_id_is_not_echoed(service: Service, client_id: str) -> None:
    answer = service.ask("GET", f"{CALLS}/{UNKNOWN}", headers={"client-request-id": client_id})
    assert "client-request-id" not in answer.headers
    assert check_error(answer)


@pytest.mark.parametrize(("case", "status"), [("camelCase", "running"), ("PascalCase", "Running")])
def test_status_case(case: Any, status: str) -> None:
    service = Service(status_case=case)
    answer = service.send(TONES)
    assert answer.json()["status"] == status
    place = answer.headers["Location"].removeprefix("http://localhost")
    assert service.ask("GET", place).json()["status"] == status
    assert service.send(TONES).json()["status"] == ("notStarted" if case == "camelCase" else "NotStarted")
    service.switchboard.advance(60_000)
    ended = service.ask("GET", place).json()
    assert ended["status"] == ("completed" if case == "camelCase" else "Completed")
    assert ended["completionReason"] == "completedSuccessfully"  # the schema's own names, in both


# --- encodings and sizes ---------------------------------------------------------------------------------------------

PACKED = gzip.compress(json.dumps(TONES).encode(), mtime=0)


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", " gzip ", "x-gzip"])
def test_gzip_is_taken(service: Service, encoding: str) -> None:
    assert service.send(PACKED, content_encoding=encoding).json()["clientContext"] == "c"


def test_gzip_of_several_members_is_their_sum(service: Service) -> None:
    text = json.dumps(TONES).encode()
    packed = gzip.compress(text[:9]) + gzip.compress(b"") + gzip.compress(text[9:])
    assert service.send(packed, content_encoding="gzip").json()["clientContext"] == "c"


def test_gzip_of_many_members_is_refused(service: Service) -> None:
    said = message(service.send(gzip.compress(b"") * 50_000, content_encoding="gzip"))
    assert said == f"{UNREADABLE} The body is gzip of more than 100 members; send it in one."


@pytest.mark.parametrize("cut", [1, 5, 10, 15, len(PACKED) - 1])
def test_gzip_that_is_cut_is_refused(service: Service, cut: int) -> None:
    said = message(service.send(PACKED[:cut], content_encoding="gzip"))
    assert said == f"{UNREADABLE} Content-Encoding is gzip and the body ends before the gzip does."


@pytest.mark.parametrize(
    "body",
    [json.dumps(TONES).encode(), zlib.compress(b"{}"), PACKED + b"more", PACKED[:-8] + b"12345678", b"\x1f\x8b\0"],
)
def test_what_is_not_gzip_is_refused(service: Service, body: bytes) -> None:
    said = message(service.send(body, content_encoding="gzip"))
    assert said.startswith(f"{UNREADABLE} Content-Encoding is gzip and the body ")


def test_gzip_without_its_header_is_told_what_is_missing(service: Service) -> None:
    said = message(service.send(PACKED))
    assert said == f"{UNREADABLE} The body is gzip; send Content-Encoding: gzip with it."


def test_a_bomb_of_100_mb_is_not_unpacked(service: Service) -> None:
    bomb = gzip.compress(b" " * 100_000_000, 9)
    assert len(bomb) < 200_000
    tracemalloc.start()
    message(service.send(bomb, content_encoding="gzip"), 413, "RequestEntityTooLarge")
    message(service.send(gzip.compress(b"  ") * 3 + bomb, content_encoding="gzip"), 413, "RequestEntityTooLarge")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 10 * MAX_BODY_BYTES


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip", "compress", "é\ud800"])
def test_another_encoding_is_415_and_told_the_one_that_is_taken(service: Service, encoding: str) -> None:
    answer = service.send(TONES, content_encoding=encoding)
    assert message(answer, 415, "UnsupportedMediaType").endswith("; send gzip, or a body without one.")
    assert answer.headers["Accept-Encoding"] == "gzip"


@pytest.mark.parametrize("encoding", ["", "identity", "Identity"])
def test_no_encoding_is_taken(service: Service, encoding: str) -> None:
    assert service.send(TONES, content_encoding=encoding).status == 200


def test_an_empty_body_has_no_encoding_to_be_wrong(service: Service) -> None:
    headers = JSON | {"content-encoding": "gzip"}
    assert service.act("subscribeToTone", b"", headers=headers).status == 200


def test_a_body_of_1_mib_is_taken_and_one_byte_more_is_413(service: Service) -> None:
    text = json.dumps(TONES).encode()
    most = text + b" " * (MAX_BODY_BYTES - len(text))
    assert service.send(most).status == 200
    said = message(service.send(most + b" "), 413, "RequestEntityTooLarge")
    assert said == "The body is over 1048576 bytes, the most that the emulator takes."
    assert service.send(gzip.compress(most), content_encoding="gzip").status == 200
    message(service.send(gzip.compress(most + b" "), content_encoding="gzip"), 413, "RequestEntityTooLarge")
    for path, method in ((f"{CALLS}/{service.call.id}", "GET"), (f"{CALLS}/{service.call.id}/keepAlive", "POST")):
        message(service.ask(method, path, most + b" "), 413, "RequestEntityTooLarge")


# --- bodies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON;odata.metadata=minimal",
        " application/json ;x",
    ],
)
def test_json_is_taken_with_parameters_in_any_case(service: Service, content_type: str) -> None:
    assert service.act("sendDtmfTones", TONES, headers={"content-type": content_type}).status == 200


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "text/json", "application/jsonx", "é\ud800"]
)
@pytest.mark.parametrize("action", ["sendDtmfTones", "subscribeToTone"])
def test_another_content_type_is_refused_by_name(service: Service, content_type: str, action: str) -> None:
    said = message(service.act(action, {}, headers={"content-type": content_type}))
    assert said.startswith(f"{UNREADABLE} Content-Type is {content_type!r}; send application/json")
    assert ("curl" in said) == ("form" in content_type)


def test_no_content_type_is_refused(service: Service) -> None:
    said = message(service.act("sendDtmfTones", TONES, headers={}))
    assert said == f"{UNREADABLE} There is no Content-Type; send application/json."


@pytest.mark.parametrize("headers", [{}, JSON])
def test_an_empty_body_is_shown_one_that_is_right(service: Service, headers: dict[str, str]) -> None:
    said = message(service.act("sendDtmfTones", headers=headers))
    assert said.startswith(f'{UNREADABLE} The body is empty; send one such as {{"tones": ["tone1", "star"], ')
    example = json.loads(said.partition("such as ")[2].removesuffix("."))
    assert service.send(example).status == 200
    said = message(service.ask("POST", CALLS, headers=headers))
    assert service.ask("POST", CALLS, json.loads(said.partition("such as ")[2].removesuffix("."))).status == 201


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"{", "The body is not JSON (Expecting property name enclosed in double quotes, line 1, column 2)"),
        (b'{"tones": [tone1]}', "The body is not JSON (Expecting value, line 1, column 12)"),
        (b"{'tones': ['tone1']}", "The body is not JSON (Expecting property name enclosed in double quotes"),
        (b'{"tones": ["tone1"],}', "The body is not JSON ("),
        (b"tones=tone1", "The body is not JSON ("),
        (b"   ", "The body is not JSON ("),
        (b'{"tones": []} {}', "The body is not JSON (Extra data"),
        (b'{"tones": ["tone1"], "tones": ["star"]}', 'The body has "tones" twice in one object'),
        (b'{"tones": ["tone1"], "delayBetweenTonesMs": NaN}', "The body holds NaN, which is not JSON"),
        (b'{"tones": ["tone1"], "delayBetweenTonesMs": 1e999}', "The body holds 1e999, which no float can hold"),
        (b'{"tones": ["tone1"], "delayBetweenTonesMs": ' + b"9" * 5000 + b"}", "The body holds a number of thousands"),
        (b"\xff\xfe{\0}\0", "The body is not UTF-8 (byte 0xff at offset 0)"),
        (b'{"clientContext": "\xe9"}', "The body is not UTF-8 (byte 0xe9 at offset 19)"),
        (b"[" * 100_000, "The body is nested too deeply; write at most 64 levels"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "The body is nested too deeply; write at most 64 levels"),
    ],
)
def test_what_is_not_json_is_refused_with_the_place(service: Service, body: bytes, why: str) -> None:
    said = message(service.send(body))
    assert said.startswith(f"{UNREADABLE} {why}")
    assert said.endswith(".")
    assert said.isprintable()


A_LIST = 'write a list of tone names, such as ["tone1", "star"].'
A_NAME = 'write a tone name, such as "tone1"'
A_DELAY = "; write a whole number of milliseconds from 0 to 2147483647, such as 1000, or leave it out."
A_CONTEXT = "; write a string of at most 256 characters, or leave it out."
NAMES = "; the names are tone0-tone9, star, pound, a, b, c, d and flash."


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, f"tones is missing; {A_LIST}"),
        ({"delayBetweenTonesMs": 1}, f"tones is missing; {A_LIST}"),
        ({"tones": None}, f"tones is null; {A_LIST}"),
        ({"tones": []}, 'tones is empty; give at least one tone name, such as ["tone1"].'),
        (
            {"tones": "tone1, star"},
            f'tones is the string "tone1, star", as an older TypeScript SDK sends it; {A_LIST}',
        ),
        ({"tones": {"tone": "tone1"}}, f'tones is {{"tone": "tone1"}}; {A_LIST}'),
        ({"tones": 1}, f"tones is 1; {A_LIST}"),
        (
            {"tones": ["tone1", None]},
            f"tones[1] is null; {A_NAME} (Microsoft's Python SDK sends null when it is given a str: give it Tone.Tone1).",
        ),
        (
            {"tones": [{"@odata.type": "#microsoft.graph.toneInfo", "sequenceId": 1, "tone": "tone1"}]},
            'tones[0] is {"@odata.type": "#microsoft.graph.toneIn…; write the name of its tone alone, '
            'such as "tone1" (toneInfo is for notifications).',
        ),
        ({"tones": [1]}, 'tones[0] is 1; write the name of the tone, "tone1".'),
        ({"tones": [11]}, 'tones[0] is 11; write the name of the tone, "pound".'),
        ({"tones": [17]}, f"tones[0] is 17; {A_NAME}."),
        ({"tones": [True]}, f"tones[0] is true; {A_NAME}."),
        ({"tones": [["tone1"]]}, f'tones[0] is ["tone1"]; {A_NAME}.'),
        ({"tones": ["tone1"] * 10_001}, "tones has 10001 elements; send at most 10000 in one request (the bound "),
        *(
            ({"tones": ["tone1"], "delayBetweenTonesMs": delay}, f"delayBetweenTonesMs is {shown}{A_DELAY}")
            for delay, shown in [
                (True, "true"),
                (1.5, "1.5"),
                (1.0, "1.0"),
                (-1, "-1"),
                (2**31, "2147483648"),
                ("1000", '"1000"'),
                ([1], "[1]"),
            ]
        ),
        ({"tones": ["tone1"], "clientContext": "x" * 257}, f"clientContext is 257 characters long{A_CONTEXT}"),
        ({"tones": ["tone1"], "clientContext": 1}, f"clientContext is 1{A_CONTEXT}"),
        ({"tones": ["tone1"], "clientContext": {}}, f"clientContext is {{}}{A_CONTEXT}"),
        (
            {"tones": ["tone1"], "delayBetweenTonesMS": 1},
            '"delayBetweenTonesMS" is no property of sendDtmfTones; write delayBetweenTonesMs.',
        ),
        (
            {"tones": ["tone1"], "volume": 1},
            '"volume" is no property of sendDtmfTones; it takes tones, delayBetweenTonesMs, clientContext: '
            "leave this one out.",
        ),
        ([], 'the request is []; it must be an object, such as {"tones": ["tone1"]}.'),
        ("tone1", 'the request is "tone1"; it must be an object, such as {"tones": ["tone1"]}.'),
        (None, 'the request is null; it must be an object, such as {"tones": ["tone1"]}.'),
    ],
)
def test_a_bad_request_is_told_what_is_wrong_and_what_to_write(service: Service, body: Any, said: str) -> None:
    assert message(service.send(json.dumps(body).encode())).startswith(said)
    assert not service.call.operations


@pytest.mark.parametrize(
    "name", ["1", "*", "#", "A", "Tone1", "TONE1", "Star", "hash", "asterisk", "tone10", " tone1", ""]
)
def test_a_tone_by_another_name_is_told_the_names(service: Service, name: str) -> None:
    said = message(service.send({"tones": ["tone1", name]}))
    assert said.startswith("tones[1]: ")
    assert json.dumps(name) in said or repr(name) in said
    assert re.search(r"(write|use|did you mean) ", said) or NAMES.strip("; .") in said, said


def test_a_context_of_256_characters_is_taken(service: Service) -> None:
    assert service.send({"tones": ["tone1"], "clientContext": "é" * 256}).json()["clientContext"] == "é" * 256


def test_half_a_surrogate_pair_comes_back_as_it_was_sent(service: Service) -> None:
    answer = service.send(rb'{"tones": ["tone1"], "clientContext": "\ud800"}')
    assert answer.status == 200
    assert rb'"clientContext": "\ud800"' in answer.body


@pytest.mark.parametrize("name", ["callbackUri", "requestedModalities", "mediaConfig"])
def test_a_call_without_what_it_needs_is_refused(service: Service, name: str) -> None:
    body = {key: value for key, value in A_CALL.items() if key != name}
    assert message(service.ask("POST", CALLS, body)).startswith(f"{name} is missing; write ")
    assert message(service.ask("POST", CALLS, body | {name: None})).startswith(f"{name} is null; write ")


@pytest.mark.parametrize(
    "uri",
    [
        "https://bot.contoso.com/callback",
        "HTTP://localhost:3978/api/calling?x=%20#y",
        "http://127.0.0.1:65535",
        "http://[::1]:8080/x",
        "http://[2001:db8::5]/",
        "https://user:pass@my_host-1.example?x",
        "http://h:",
    ],
)
def test_a_callback_uri_that_can_be_called_is_taken(service: Service, uri: str) -> None:
    assert service.ask("POST", CALLS, A_CALL | {"callbackUri": uri}).json()["callbackUri"] == uri
    assert bool(re.search(CALLBACK_URI, uri)) == ("2001" not in uri)


@pytest.mark.parametrize(
    "uri",
    [
        *("", "bot.contoso.com", "/x", "ftp://h/", "https://", "https:///x", "https://h:65536/", "https://h:x/"),
        *(
            "https://a b/",
            "https://h/ x",
            "https://h/\r\nX: y",
            "https://h\n",
            "https://bücher.example/",
            "https://h/é",
        ),
        *("https://h*/", "https://[::1", "https://[:::1]/", "https://[1.2.3.4]/", "https://u@/", "https://\ud800/"),
    ],
)
def test_a_callback_uri_that_cannot_be_called_is_refused(service: Service, uri: str) -> None:
    said = message(service.ask("POST", CALLS, A_CALL | {"callbackUri": uri}))
    assert said.startswith("callbackUri is ")
    assert said.endswith(
        '; write the address that takes the notifications, such as "https://bot.contoso.com/callback".'
    )


# --- what is not there -----------------------------------------------------------------------------------------------

REQUESTS: list[tuple[str, str, Any]] = [
    ("GET", "", None),
    ("DELETE", "", None),
    ("GET", "/operations/1", None),
    ("POST", "/sendDtmfTones", TONES),
    ("POST", "/sendDtmfTones", {"tones": "wrong too"}),
    ("POST", "/subscribeToTone", {}),
    ("POST", "/cancelMediaProcessing", {}),
    ("POST", "/keepAlive", None),
    ("POST", "/answer", {}),
    ("POST", "/reject", {}),
]


@pytest.mark.parametrize(("method", "below", "body"), REQUESTS)
def test_a_call_that_is_not_there_is_404_and_8522(service: Service, method: str, below: str, body: Any) -> None:
    for call_id in (UNKNOWN, "undefined", service.call.id.upper()):
        assert message(service.ask(method, f"{CALLS}/{call_id}{below}", body), 404, "8522") == "Call not found."


@pytest.mark.parametrize(("method", "below", "body"), REQUESTS)
def test_a_call_that_is_over_is_404_and_8522(service: Service, method: str, below: str, body: Any) -> None:
    assert service.ask("DELETE", f"{CALLS}/{service.call.id}").status == 204
    service.switchboard.advance(10_000)
    message(service.ask(method, f"{CALLS}/{service.call.id}{below}", body), 404, "8522")


def test_a_call_that_is_ending_can_be_read_and_nothing_else(service: Service) -> None:
    service.ask("DELETE", f"{CALLS}/{service.call.id}")
    assert service.ask("GET", f"{CALLS}/{service.call.id}").json()["state"] == "terminating"
    for method, below, body in REQUESTS:
        if below in ("/sendDtmfTones", "/keepAlive") and body != {"tones": "wrong too"}:
            message(service.ask(method, f"{CALLS}/{service.call.id}{below}", body), 404, "8522")


def test_an_operation_that_is_not_there_is_404(service: Service) -> None:
    said = message(service.ask("GET", f"{CALLS}/{service.call.id}/operations/{UNKNOWN}"), 404, "NotFound")
    assert "Read the id from the Location header of the answer." in said


def test_too_many_operations_are_429_with_retry_after(service: Service) -> None:
    while (answer := service.send(TONES)).status == 200:
        pass
    assert message(answer, 429, "TooManyRequests").startswith("Too many at once: 100 operations of this call ")
    assert answer.headers["Retry-After"] == "1"


# --- tokens ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def guarded() -> Service:
    return Service(require_bearer=True)


def test_nothing_asks_for_a_token_by_default(service: Service) -> None:
    assert service.send(TONES, authorization="Bearer nonsense").status == 200
    assert service.ask("POST", CALLS, A_CALL).status == 201


@pytest.mark.parametrize("value", [None, "", "Bearer", "Bearer ", "bearer  ", "Basic dXNlcjpwYXNz", "\ud800"])
@pytest.mark.parametrize(("method", "below", "body"), REQUESTS)
def test_without_a_token_nothing_is_done(
    guarded: Service, value: str | None, method: str, below: str, body: Any
) -> None:
    headers = JSON | ({} if value is None else {"authorization": value})
    answer = guarded.ask(method, f"{CALLS}/{guarded.call.id}{below}", body, headers=headers)
    said = message(answer, 401, "InvalidAuthenticationToken")
    assert said.startswith("Access token is empty. ")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm=""'
    assert guarded.call.state == "established"


@pytest.mark.parametrize(
    "token",
    ["x", "a.b", "a.b.c", "..", "a.e30.c.d", "a.W10.c", "a.bnVsbA.c", "a.eyJyb2xlcyI6IDF9.c", "é.é.é", "a.\ud800.c"],
)
def test_a_broken_token_is_401(guarded: Service, token: str) -> None:
    answer = guarded.send(TONES, authorization=f"Bearer {token}")
    said = message(answer, 401, "InvalidAuthenticationToken")
    assert said.startswith("Access token is not a JWT (")
    assert said.endswith("); send one that is, its signature is not looked at.")


def test_a_token_nested_without_end_is_401(guarded: Service) -> None:
    part = base64.urlsafe_b64encode(b"[" * 100_000).decode().rstrip("=")
    message(guarded.send(TONES, authorization=f"Bearer a.{part}.c"), 401, "InvalidAuthenticationToken")


def test_a_token_is_read_as_base64url(guarded: Service) -> None:
    claims = {"roles": ["Calls.Initiate.All"], "name": "~~~???ÿÿÿ>>>"}
    for name in ("", "x", "xy"):
        part = base64.urlsafe_b64encode(json.dumps(claims | {"x": name}, ensure_ascii=False).encode()).decode()
        assert set("-_") & set(part)
        headers = JSON | {"authorization": f"Bearer e30.{part.rstrip('=')}.c"}
        assert guarded.ask("POST", CALLS, A_CALL, headers=headers).status == 201


@pytest.mark.parametrize("role", CALLING_ROLES)
def test_a_role_for_calls_creates_a_call(guarded: Service, role: str) -> None:
    assert guarded.ask("POST", CALLS, A_CALL, headers=JSON | bearer(roles=[role])).status == 201


@pytest.mark.parametrize("roles", [[], ["User.Read.All"], [MEDIA_ROLE], [1, None]])
def test_without_a_role_for_calls_none_is_created(guarded: Service, roles: list[Any]) -> None:
    for body in (A_CALL, {"wrong": "too"}):
        said = message(guarded.ask("POST", CALLS, body, headers=JSON | bearer(roles=roles)), 403, "7504")
        assert said.startswith(
            "Insufficient enterprise tenant permissions, cannot access this API. "
            "Creating a call needs one of the application permissions Calls.Initiate.All, "
        )
        found = ", ".join(role for role in roles if isinstance(role, str)) or "none"
        assert said.endswith(f"; the token's roles are {found}.")


def test_app_hosted_media_needs_a_role_as_well(guarded: Service) -> None:
    body = A_CALL | {"mediaConfig": APP_HOSTED}
    few, enough = ["Calls.Initiate.All"], ["Calls.Initiate.All", MEDIA_ROLE]
    said = message(guarded.ask("POST", CALLS, body, headers=JSON | bearer(roles=few)), 403, "7504")
    assert "A call with appHostedMediaConfig needs Calls.AccessMedia.All as well" in said
    assert guarded.ask("POST", CALLS, body, headers=JSON | bearer(roles=enough)).status == 201


@pytest.mark.parametrize("claims", [{}, {"roles": []}, {"scp": "User.Read"}])
def test_once_there_is_a_call_any_token_will_do(guarded: Service, claims: Any) -> None:
    headers = JSON | bearer(claims)
    assert guarded.act("sendDtmfTones", TONES, headers=headers).status == 200
    assert guarded.act("subscribeToTone", headers=headers).status == 200
    assert guarded.ask("DELETE", f"{CALLS}/{guarded.call.id}", headers=headers).status == 204


# --- faults ----------------------------------------------------------------------------------------------------------

KINDS = [
    ("unauthorized", 401, "InvalidAuthenticationToken"),
    ("forbidden", 403, "7504"),
    ("callNotFound", 404, "8522"),
    ("tooManyRequests", 429, "TooManyRequests"),
    ("serverError", 500, "9999"),
    ("serviceUnavailable", 503, "ServiceUnavailable"),
]


@pytest.mark.parametrize(("kind", "status", "code"), KINDS)
def test_a_fault_strikes_as_often_as_it_is_planned(service: Service, kind: Any, status: int, code: str) -> None:
    service.switchboard.faults.plan(RequestFault(kind=kind, times=2, retry_after_s=7, delay_ms=5.0))
    for _ in range(2):
        answer = service.send(TONES)
        message(answer, status, code)
        assert (answer.action, answer.delay_ms) == ("sendDtmfTones", 5.0)
        assert answer.headers.get("Retry-After") == ("7" if status in (429, 503) else None)
        assert ("WWW-Authenticate" in answer.headers) == (status == 401)
    assert not service.call.operations
    answer = service.send(TONES)
    assert (answer.status, answer.delay_ms) == (200, 0.0)


def test_a_fault_strikes_its_action_alone(service: Service) -> None:
    service.switchboard.faults.plan(RequestFault(kind="serverError", action="getCall"))
    assert service.send(TONES).status == 200
    assert service.ask("POST", CALLS, A_CALL).status == 201
    assert service.ask("GET", f"{CALLS}/{service.call.id}").status == 500
    assert service.ask("GET", f"{CALLS}/{service.call.id}").status == 200


def test_a_fault_is_not_spent_on_a_path_that_leads_nowhere(service: Service) -> None:
    service.switchboard.faults.plan(RequestFault(kind="serverError"))
    for method, path in (("GET", "/"), ("PUT", CALLS), ("POST", f"{CALLS}/1/mute")):
        assert service.ask(method, path).status in (404, 405, 501)
    assert service.send(TONES).status == 500


def test_a_slow_answer_is_the_right_one_late(service: Service) -> None:
    service.switchboard.faults.plan(RequestFault(kind="slow", delay_ms=1500.0, times=2))
    answer = service.send(TONES)
    assert (answer.status, answer.delay_ms) == (200, 1500.0)
    answer = service.send({})
    assert (answer.status, answer.delay_ms) == (400, 1500.0)


def test_a_fault_comes_before_the_token(guarded: Service) -> None:
    guarded.switchboard.faults.plan(RequestFault(kind="serverError"))
    assert guarded.send(TONES).status == 500
