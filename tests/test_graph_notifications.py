"""Notifications: built as documented, read as they really come, and refused when they are none.

The bodies are those of Microsoft's documentation, with its ids, and of logs that bot authors have published.
"""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from graph_bodies import PROMPT_PLAYED, RUNNING, calls, kept, likely_values, operations
from hypothesis import given
from hypothesis import strategies as st

from dtmf_audio import InvalidRequestError, Tone
from dtmf_audio.graph.models import Call, CallDirection, CallState, ChangeType, MediaState, ResultInfo, ToneInfo
from dtmf_audio.graph.notifications import (
    MAX_NOTIFICATIONS,
    CommsNotification,
    CommsNotifications,
    UnknownResource,
    same_id,
)
from dtmf_audio.graph.operations import CompletionReason, OperationStatus, SendDtmfTonesOperation, UnknownOperation

CALL_ID = "481f3600-983e-4276-9b59-c1b30ec8d125"
OPERATION_ID = "d36fe651-9f50-484d-bd4b-1e6415eae448"
CONTEXT = "e0be71f1-a14f-4cec-b65a-e7aba5db7c53"
CALL_URL = f"/communications/calls/{CALL_ID}"
OPERATION_URL = f"{CALL_URL}/operations/{OPERATION_ID}"
CALL: dict[str, Any] = {"@odata.type": "#microsoft.graph.call", "state": "established", "id": CALL_ID}


def body_of(*notifications: dict[str, Any]) -> dict[str, Any]:
    return {
        "@odata.type": "#microsoft.graph.commsNotifications",
        "value": [{"@odata.type": "#microsoft.graph.commsNotification", **one} for one in notifications],
    }


def read_one(notification: dict[str, Any]) -> CommsNotification:
    (read,) = CommsNotifications.from_json(json.dumps(body_of(notification))).value
    return read


def in_order(value: object) -> object:
    """Objects as lists of pairs, whose equality minds the order."""
    if isinstance(value, dict):
        return [(name, in_order(inner)) for name, inner in value.items()]
    return [in_order(element) for element in value] if isinstance(value, list) else value


# --- building ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", CompletionReason)
def test_builds_the_documentations_end_of_send_dtmf_tones(reason: CompletionReason) -> None:
    operation = SendDtmfTonesOperation(
        id=OPERATION_ID, status=OperationStatus.COMPLETED, completion_reason=reason, client_context=CONTEXT
    )
    built = CommsNotifications(
        value=(
            CommsNotification(change_type=ChangeType.DELETED, resource_url=OPERATION_URL, resource_data=(operation,)),
        )
    )
    body = body_of(
        {
            "changeType": "deleted",
            "resourceUrl": OPERATION_URL,
            "resourceData": {
                "@odata.type": "#microsoft.graph.sendDtmfTonesOperation",
                "status": "completed",
                "completionReason": reason.value,
                "clientContext": CONTEXT,
                "id": OPERATION_ID,
            },
        }
    )
    assert in_order(built.to_dict()) == in_order(body)
    assert CommsNotifications.from_json(json.dumps(body)) == built
    body["value"][0]["resourceData"]["status"] = "Completed"
    assert in_order(built.to_dict(status_case="PascalCase")) == in_order(body)
    assert CommsNotifications.from_json(json.dumps(body)) == built


def test_builds_the_documentations_tone_without_an_id() -> None:
    call = Call(state=CallState.ESTABLISHED, tone_info=ToneInfo(sequence_id=1, tone=Tone.TONE1))
    url = "/communications/calls/57dab8b1-894c-409a-b240-bd8beae78896"
    built = CommsNotification(change_type=ChangeType.UPDATED, resource_url=url, resource_data=(call,))
    body = {
        "@odata.type": "#microsoft.graph.commsNotification",
        "changeType": "updated",
        "resourceUrl": url,
        "resourceData": {
            "@odata.type": "#microsoft.graph.call",
            "state": "established",
            "toneInfo": {"@odata.type": "#microsoft.graph.toneInfo", "sequenceId": 1, "tone": "tone1"},
        },
    }
    assert in_order(built.to_dict()) == in_order(body)


def test_builds_the_documentations_establishing_with_a_callback_uri() -> None:
    built = CommsNotification(
        change_type=ChangeType.UPDATED,
        resource_url=CALL_URL,
        resource_data=(Call(id=CALL_ID, state=CallState.ESTABLISHING),),
        extra={"callbackUri": "https://bot.contoso.com/callback"},
    )
    body = {
        "@odata.type": "#microsoft.graph.commsNotification",
        "changeType": "updated",
        "resourceUrl": CALL_URL,
        "callbackUri": "https://bot.contoso.com/callback",
        "resourceData": {"@odata.type": "#microsoft.graph.call", "state": "establishing", "id": CALL_ID},
    }
    assert in_order(built.to_dict()) == in_order(body)
    assert CommsNotification.from_dict(body) == built


def test_builds_codes_as_integers() -> None:
    ended = Call(state=CallState.TERMINATED, result_info=ResultInfo(code=200, subcode=7000))
    built = CommsNotification(change_type=ChangeType.DELETED, resource_url=CALL_URL, resource_data=(ended,))
    assert built.to_dict()["resourceData"]["resultInfo"] == {
        "@odata.type": "#microsoft.graph.resultInfo",
        "code": 200,
        "subcode": 7000,
    }


def test_builds_one_entity_as_an_object_or_as_an_array_and_more_as_an_array() -> None:
    def data(**how: Any) -> object:
        built = CommsNotification(change_type=ChangeType.UPDATED, resource_url=CALL_URL, **how)
        return built.to_dict().get("resourceData", "none")

    call = Call(id="1")
    written = {"@odata.type": "#microsoft.graph.call", "id": "1"}
    assert data(resource_data=(call,)) == written
    assert data(resource_data=(call,), as_array=True) == [written]
    assert data(resource_data=(call, call)) == [written, written]
    assert data() == "none"
    assert data(as_array=True) == []


def test_more_than_one_entity_is_an_array() -> None:
    many = CommsNotification(change_type=None, resource_url=CALL_URL, resource_data=(Call(), Call()))
    assert many.as_array


# --- the documentation's bodies, read ----------------------------------------------------------------------------


def test_reads_the_documentations_tone_and_takes_the_id_from_the_url() -> None:
    read = read_one(
        {
            "changeType": "updated",
            "resourceUrl": "/communications/calls/57dab8b1-894c-409a-b240-bd8beae78896",
            "resourceData": {
                "@odata.type": "#microsoft.graph.call",
                "state": "established",
                "toneInfo": {"@odata.type": "#microsoft.graph.toneInfo", "sequenceId": 1, "tone": "tone1"},
            },
        }
    )
    (call,) = read.resource_data
    assert call == Call(
        id="57dab8b1-894c-409a-b240-bd8beae78896",
        state=CallState.ESTABLISHED,
        tone_info=ToneInfo(sequence_id=1, tone=Tone.TONE1),
    )
    assert read.call_id == "57dab8b1-894c-409a-b240-bd8beae78896"
    assert read.operation_id is None


def test_reads_the_documentations_incoming_call_with_an_id_without_dashes() -> None:
    source = {"identity": {"user": {"displayName": "Test User"}}, "region": "westus", "languageId": "en-US"}
    target = {"identity": {"application": {"displayName": "Test BOT"}}}
    read = read_one(
        {
            "changeType": "created",
            "resourceUrl": "/communications/calls/57DAB8B1894C409AB240BD8BEAE78896",
            "resourceData": {
                "@odata.type": "#microsoft.graph.call",
                "@odata.id": "/communications/calls/57DAB8B1894C409AB240BD8BEAE78896",
                "@odata.etag": 'W/"5445"',
                "state": "incoming",
                "direction": "incoming",
                "source": source,
                "targets": [target],
                "requestedModalities": ["audio"],
            },
        }
    )
    (call,) = read.resource_data
    assert isinstance(call, Call)
    assert call.id == read.call_id == "57DAB8B1894C409AB240BD8BEAE78896"  # kept as it is
    assert same_id(call.id or "", "57dab8b1-894c-409a-b240-bd8beae78896")
    assert read.same_id(call.id or "", "57dab8b1-894c-409a-b240-bd8beae78896")
    assert (call.state, call.direction) == (CallState.INCOMING, CallDirection.INCOMING)
    assert (call.source, call.targets, call.requested_modalities) == (source, (target,), ("audio",))
    assert set(call.extra) == {"@odata.id", "@odata.etag"}


def test_reads_the_documentations_end_of_a_call_with_codes_in_strings() -> None:
    read = read_one(
        {
            "changeType": "deleted",
            "resourceUrl": CALL_URL,
            "resourceData": {
                "@odata.type": "#microsoft.graph.call",
                "state": "terminated",
                "resultInfo": {
                    "@odata.type": "#microsoft.graph.resultInfo",
                    "code": "200",
                    "subcode": "5001",
                    "message": "The conversation has ended.",
                },
            },
        }
    )
    result = ResultInfo(code=200, subcode=5001, message="The conversation has ended.")
    assert read.change_type is ChangeType.DELETED
    assert read.resource_data == (Call(id=CALL_ID, state=CallState.TERMINATED, result_info=result),)


def test_reads_the_documentations_end_of_a_prompt_and_takes_the_operations_id_from_the_url() -> None:
    url = "/communications/calls/57DAB8B1894C409AB240BD8BEAE78896/operations/0FE0623FD62842EDB4BD8AC290072CC5"
    data = {name: value for name, value in PROMPT_PLAYED.items() if name != "id"}
    read = read_one({"changeType": "deleted", "resourceUrl": url, "resourceData": data})
    (operation,) = read.resource_data
    assert isinstance(operation, UnknownOperation)
    assert operation.type_name == "playPromptOperation"
    assert operation.id == read.operation_id == "0FE0623FD62842EDB4BD8AC290072CC5"
    assert same_id(operation.id, str(PROMPT_PLAYED["id"]))
    assert operation.result_info == ResultInfo(code=200, subcode=0, message="Action completed successfully.")


def test_reads_the_documentations_cancelled_recording() -> None:
    read = read_one(
        {
            "changeType": "deleted",
            "resourceUrl": OPERATION_URL,
            "resourceData": {
                "@odata.type": "#microsoft.graph.recordOperation",
                "id": OPERATION_ID,
                "clientContext": CONTEXT,
                "status": "failed",
                "resultInfo": {
                    "@odata.type": "#microsoft.graph.resultInfo",
                    "code": 400,
                    "subcode": 8508,
                    "message": "Action failed, the operation was cancelled.",
                },
                "recordingLocation": "",
                "recordingAccessToken": "",
                "completionReason": "operationCanceled",
            },
        }
    )
    assert read.resource_data == (
        UnknownOperation(
            type_name="recordOperation",
            id=OPERATION_ID,
            client_context=CONTEXT,
            status=OperationStatus.FAILED,
            result_info=ResultInfo(code=400, subcode=8508, message="Action failed, the operation was cancelled."),
            extra={"recordingLocation": "", "recordingAccessToken": "", "completionReason": "operationCanceled"},
        ),
    )


def test_reads_the_documentations_array_of_another_resource() -> None:
    session = "F7D9EF30FF0A9BD3F64B274387FB8FF8E96B6CFBA8F87F8305A74DE99AF007BC"
    notification = {
        "@odata.type": "#microsoft.graph.commsNotification",
        "changeType": "created",
        "resourceUrl": f"{CALL_URL}/contentsharingsessions",
        "resourceData": [{"@odata.type": "#microsoft.graph.contentSharingSession", "id": session}],
    }
    read = CommsNotification.from_dict(notification)
    assert read.as_array
    assert read.resource_data == (UnknownResource(type_name="contentSharingSession", id=session),)
    assert (read.call_id, read.operation_id) == (CALL_ID, None)
    assert in_order(read.to_dict()) == in_order(notification)


# --- what the service really sends -------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["Created", "created", "CREATED"])
def test_reads_a_change_type_in_any_case(text: str) -> None:
    assert read_one({"changeType": text, "resourceUrl": CALL_URL}).change_type is ChangeType.CREATED


def test_reads_the_older_resource_instead_of_the_url() -> None:
    read = read_one(
        {"changeType": "updated", "resource": f"/app/calls/{CALL_ID}", "resourceData": {**CALL, "id": None}}
    )
    assert read.resource_url == f"/app/calls/{CALL_ID}"
    assert read.call_id == CALL_ID
    assert read.resource_data == (Call(id=CALL_ID, state=CallState.ESTABLISHED),)
    assert read.extra == {}


def test_reads_the_older_resource_beside_the_url_and_keeps_it() -> None:
    read = read_one(
        {"changeType": "Created", "resource": f"/app/calls/{CALL_ID}", "resourceUrl": CALL_URL, "resourceData": CALL}
    )
    assert read.resource_url == CALL_URL
    assert read.extra == {"resource": f"/app/calls/{CALL_ID}"}
    assert read.to_dict()["resource"] == f"/app/calls/{CALL_ID}"


@pytest.mark.parametrize("url", [None, "", 5])
def test_reads_the_older_resource_where_the_url_is_nothing(url: object) -> None:
    read = read_one({"changeType": "updated", "resourceUrl": url, "resource": f"/app/calls/{CALL_ID}"})
    assert read.resource_url == f"/app/calls/{CALL_ID}"
    assert read.to_dict()["resourceUrl"] == f"/app/calls/{CALL_ID}"


def test_reads_an_array_of_one_call_and_takes_its_id_from_the_url() -> None:
    read = read_one(
        {"changeType": "updated", "resourceUrl": CALL_URL, "resourceData": [{"@odata.type": "#microsoft.graph.call"}]}
    )
    assert read.as_array
    assert read.resource_data == (Call(id=CALL_ID),)


def test_takes_no_id_from_the_url_where_there_are_several_entities() -> None:
    entity = {"@odata.type": "#microsoft.graph.call"}
    read = read_one({"changeType": "updated", "resourceUrl": CALL_URL, "resourceData": [entity, entity]})
    assert read.resource_data == (Call(), Call())


def test_takes_no_id_of_a_call_from_the_url_of_something_else() -> None:
    entity = {"@odata.type": "#microsoft.graph.call"}
    read = read_one({"changeType": "updated", "resourceUrl": f"{CALL_URL}/participants", "resourceData": entity})
    assert read.resource_data == (Call(),)


def test_keeps_the_id_that_an_entity_has() -> None:
    read = read_one({"changeType": "updated", "resourceUrl": CALL_URL, "resourceData": {**CALL, "id": "other"}})
    assert read.resource_data == (Call(id="other", state=CallState.ESTABLISHED),)


def test_keeps_an_id_that_is_no_string() -> None:
    read = read_one({"changeType": "updated", "resourceUrl": CALL_URL, "resourceData": {**CALL, "id": []}})
    assert read.resource_data == (Call(state=CallState.ESTABLISHED, extra={"id": []}),)
    assert read.to_dict()["resourceData"] == {**CALL, "id": []}


@pytest.mark.parametrize("status", ["running", "Running", "RUNNING"])
def test_reads_a_status_in_any_case(status: str) -> None:
    read = read_one(
        {"changeType": "updated", "resourceUrl": OPERATION_URL, "resourceData": {**RUNNING, "status": status}}
    )
    assert read.resource_data[0].status is OperationStatus.RUNNING  # type: ignore[union-attr]


def test_reads_an_entity_without_a_type_by_its_url() -> None:
    call = read_one({"changeType": "updated", "resourceUrl": CALL_URL, "resourceData": {"state": "established"}})
    assert call.resource_data == (Call(id=CALL_ID, state=CallState.ESTABLISHED),)
    operation = read_one({"changeType": "deleted", "resourceUrl": OPERATION_URL, "resourceData": {"status": "failed"}})
    assert operation.resource_data == (UnknownOperation(id=OPERATION_ID, status=OperationStatus.FAILED),)
    other = read_one({"changeType": "updated", "resourceUrl": "/x", "resourceData": {"state": "established"}})
    assert other.resource_data == (UnknownResource(extra={"state": "established"}),)


def test_an_operation_without_an_id_anywhere_is_an_unknown_resource() -> None:
    data = {"@odata.type": "#microsoft.graph.sendDtmfTonesOperation", "status": "completed"}
    read = read_one({"changeType": "deleted", "resourceUrl": CALL_URL, "resourceData": data})
    assert read.resource_data == (UnknownResource(type_name="sendDtmfTonesOperation", extra={"status": "completed"}),)
    assert read.to_dict()["resourceData"] == data


def test_waits_for_the_audio_as_bots_do() -> None:
    data = {**CALL, "mediaState": {"@odata.type": "#microsoft.graph.callMediaState", "audio": "active"}}
    read = read_one({"changeType": "updated", "resourceUrl": CALL_URL, "resourceData": data})
    (call,) = read.resource_data
    assert isinstance(call, Call)
    assert call.audio is MediaState.ACTIVE


@pytest.mark.parametrize("change", ["unknownFutureValue", "moved"])
def test_a_change_type_without_a_name_is_none_and_kept(change: str) -> None:
    read = read_one({"changeType": change, "resourceUrl": CALL_URL})
    assert read.change_type is None
    assert read.extra == {"changeType": change}
    assert read.to_dict()["changeType"] == change


@pytest.mark.parametrize("data", ["x", 5, False, ["x"], [CALL, None], [[]]])
def test_keeps_resource_data_that_is_no_entity(data: object) -> None:
    read = read_one({"changeType": "updated", "resourceUrl": CALL_URL, "resourceData": data})
    assert (read.resource_data, read.as_array) == ((), False)
    assert read.extra == {"resourceData": data}
    assert read.to_dict()["resourceData"] == data


@pytest.mark.parametrize("notification", [{"resourceData": None}, {}])
def test_reads_a_notification_without_resource_data(notification: dict[str, Any]) -> None:
    read = read_one({"changeType": "deleted", "resourceUrl": CALL_URL, **notification})
    assert (read.resource_data, read.as_array, read.extra) == ((), False, {})
    assert "resourceData" not in read.to_dict()


def test_reads_an_empty_array() -> None:
    read = read_one({"changeType": "updated", "resourceUrl": f"{CALL_URL}/participants", "resourceData": []})
    assert (read.resource_data, read.as_array) == ((), True)


def test_keeps_properties_that_have_no_field_at_every_level() -> None:
    body = body_of(
        {
            "changeType": "updated",
            "resourceUrl": CALL_URL,
            "tenantId": "t",
            "resourceData": {
                **CALL,
                "incomingContext": {"x": 1},
                "resultInfo": {"@odata.type": "#microsoft.graph.resultInfo", "code": 0, "subcode": 0, "phrase": "x"},
                "toneInfo": {"@odata.type": "#microsoft.graph.toneInfo", "sequenceId": 1, "tone": "a", "ms": 80},
            },
        }
    )
    body["validationTokens"] = ["x"]
    assert CommsNotifications.from_dict(body).to_dict() == body


def test_reads_bodies_without_types_and_types_without_their_sign() -> None:
    notification = {"changeType": "updated", "resourceUrl": CALL_URL, "resourceData": CALL}
    signed = CommsNotifications.from_dict(body_of(notification))
    assert CommsNotifications.from_dict({"value": [notification]}) == signed
    bare = json.dumps(body_of(notification)).replace("#microsoft", "microsoft")
    assert CommsNotifications.from_json(bare) == signed


def test_reads_several_notifications_in_order_and_none() -> None:
    several = [{"changeType": "updated", "resourceUrl": f"/communications/calls/{n}"} for n in range(3)]
    read = CommsNotifications.from_json(json.dumps(body_of(*several)).encode())
    assert [one.call_id for one in read.value] == ["0", "1", "2"]
    assert CommsNotifications.from_dict(body_of()).value == ()


# --- ids ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "call_id", "operation_id"),
    [
        ("/communications/calls/1", "1", None),
        ("communications/calls/1/", "1", None),
        ("/app/calls/1", "1", None),
        ("/app/calls/1/operations/2", "1", "2"),
        ("/communications/calls/1/operations/2/", "1", "2"),
        ("/communications//calls/1//operations/2", "1", "2"),
        ("/Communications/Calls/AB/Operations/CD", "AB", "CD"),
        ("/communications/calls/1/operations", "1", None),
        ("/communications/calls/1/participants/2", "1", None),
        ("/communications/calls/a%20b%2Fc%3Ad%40e/operations/%C3%A9", "a b/c:d@e", "é"),
        ("https://graph.microsoft.com/v1.0/communications/calls/1/operations/2", "1", "2"),
        ("HTTP://127.0.0.1:8080/beta/app/calls/1?x=/communications/calls/2#3", "1", None),
        ("/communications/calls/communications/operations/calls", "communications", "calls"),
        ("/communications/calls/", None, None),
        ("/communications/calls?id=1", None, None),
        ("/communications/callRecords/1", None, None),
        ("/calls/1", None, None),
        ("https://app/calls/1", None, None),
        ("https://[/app/calls/1", "1", None),
        ("/", None, None),
        ("x", None, None),
    ],
)
def test_reads_the_ids_in_a_url(url: str, call_id: str | None, operation_id: str | None) -> None:
    read = CommsNotification(change_type=ChangeType.UPDATED, resource_url=url)
    assert (read.call_id, read.operation_id) == (call_id, operation_id)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("57dab8b1-894c-409a-b240-bd8beae78896", "57DAB8B1894C409AB240BD8BEAE78896", True),
        ("57dab8b1-894c-409a-b240-bd8beae78896", "57DAB8B1-894C-409A-B240-BD8BEAE78896", True),
        ("57dab8b1894c409ab240bd8beae78896", "57DAB8B1894C409AB240BD8BEAE78896", True),
        ("57dab8b1-894c-409a-b240-bd8beae78896", "57dab8b1-894c-409a-b240-bd8beae78897", False),
        ("57dab8b1-894c409a-b240-bd8beae78896", "57dab8b1-894c-409a-b240-bd8beae78896", False),
        ("call-1", "call-1", True),
        ("call-1", "CALL-1", False),
        ("call-1", "call1", False),
        ("", "", True),
    ],
)
def test_compares_guids_without_dashes_and_case_and_others_to_the_letter(one: str, other: str, same: bool) -> None:
    assert same_id(one, other) is same_id(other, one) is same


# --- what is refused ---------------------------------------------------------------------------------------------

A_BODY = '{"@odata.type": "#microsoft.graph.commsNotifications", "value": []}'
A_NOTIFICATION = (
    'write an object, such as {"@odata.type": "#microsoft.graph.commsNotification", "changeType": "updated", '
    '"resourceUrl": "/communications/calls/1"}'
)
A_URL = 'it is the path of what changed, such as "/communications/calls/1"'
A_CHANGE = "it is one of created, updated, deleted"
GOOD = {"changeType": "updated", "resourceUrl": CALL_URL}


def message_of(body: object) -> str:
    with pytest.raises(InvalidRequestError) as refused:
        CommsNotifications.from_json(json.dumps(body))
    return str(refused.value)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param([], f"the body is []; it must be an object, such as {A_BODY}", id="list"),
        pytest.param(None, f"the body is null; it must be an object, such as {A_BODY}", id="null"),
        pytest.param({}, f"value is missing; write a list of notifications, such as {A_BODY}", id="no value"),
        pytest.param(
            {"value": {}}, f"value is {{}}; write a list of notifications, such as {A_BODY}", id="value an object"
        ),
        pytest.param(
            RUNNING,
            '@odata.type is "#microsoft.graph.sendDtmfTonesOperation"; '
            'a body of notifications has "#microsoft.graph.commsNotifications", or none',
            id="an operation",
        ),
        pytest.param({"value": [GOOD, 5]}, f"value[1] is 5; {A_NOTIFICATION}", id="a number"),
        pytest.param({"value": [None]}, f"value[0] is null; {A_NOTIFICATION}", id="a null"),
        pytest.param(
            {"value": [{**GOOD, "@odata.type": "#microsoft.graph.call"}]},
            'value[0].@odata.type is "#microsoft.graph.call"; '
            'a notification has "#microsoft.graph.commsNotification", or none',
            id="a call",
        ),
        pytest.param(
            {"value": [GOOD, {"changeType": "updated"}]}, f"value[1].resourceUrl is missing; {A_URL}", id="no URL"
        ),
        pytest.param({"value": [{**GOOD, "resourceUrl": 5}]}, f"value[0].resourceUrl is 5; {A_URL}", id="URL a number"),
        pytest.param({"value": [{**GOOD, "resourceUrl": ""}]}, f'value[0].resourceUrl is ""; {A_URL}', id="no path"),
        pytest.param(
            {"value": [{"resourceUrl": CALL_URL}]}, f"value[0].changeType is missing; {A_CHANGE}", id="no change"
        ),
        pytest.param(
            {"value": [{**GOOD, "changeType": 1}]}, f"value[0].changeType is 1; {A_CHANGE}", id="change a number"
        ),
        pytest.param(
            {"value": [{"subscriptionId": "1", "changeType": "created", "resource": "communications/callRecords/1"}]},
            "value[0].subscriptionId is that of a change notification of a subscription; "
            "a commsNotification comes to the callback URI of a call, and has none",
            id="a subscription's",
        ),
        pytest.param(
            {"value": [{**GOOD, "resourceData": {**RUNNING, "clientContext": "x" * 257}}]},
            "value[0].resourceData.clientContext is 257 characters long; "
            "write a string of at most 256 characters, or leave it out",
            id="a long context",
        ),
        pytest.param(
            {"value": [{**GOOD, "resourceData": [CALL, {**RUNNING, "clientContext": "x" * 257}]}]},
            "value[0].resourceData[1].clientContext is 257 characters long; "
            "write a string of at most 256 characters, or leave it out",
            id="a long context in an array",
        ),
        pytest.param(
            {"value": [GOOD] * (MAX_NOTIFICATIONS + 1)},
            "value has 1001 elements; post at most 1000 at once (the bound is this project's, not Graph's)",
            id="too many",
        ),
    ],
)
def test_refuses_what_is_no_notifications(body: object, message: str) -> None:
    assert message_of(body) == message


def test_takes_1000_notifications() -> None:
    assert len(CommsNotifications.from_dict({"value": [GOOD] * MAX_NOTIFICATIONS}).value) == 1000


def test_refuses_what_is_no_json() -> None:
    for text, message in [
        (b"", f"the body is not JSON (Expecting value, line 1, column 1); write an object, such as {A_BODY}"),
        ("[" * 100_000, f"the body is nested too deeply; write at most 64 levels, such as {A_BODY}"),
        (" " * 2_000_000, "the body is over 1048576 bytes long; post at most 1000 notifications at once"),
        ('{"value": 1e999}', "the body holds 1e999, which no float can hold; write a smaller number"),
    ]:
        with pytest.raises(InvalidRequestError) as refused:
            CommsNotifications.from_json(text)
        assert str(refused.value) == message


def test_refuses_a_notification_or_a_resource_that_is_no_object() -> None:
    with pytest.raises(InvalidRequestError) as refused:
        CommsNotification.from_dict([])
    assert str(refused.value) == f"the notification is []; {A_NOTIFICATION}"
    with pytest.raises(InvalidRequestError) as refused:
        UnknownResource.from_dict([])
    assert str(refused.value) == (
        'the resource is []; it must be an object, such as {"@odata.type": "#microsoft.graph.participant"}'
    )


def test_more_notifications_than_can_be_read_cannot_be_made() -> None:
    one = CommsNotification(change_type=ChangeType.UPDATED, resource_url=CALL_URL)
    with pytest.raises(InvalidRequestError, match="value has 1001 elements"):
        CommsNotifications(value=(one,) * (MAX_NOTIFICATIONS + 1))


# --- anything ----------------------------------------------------------------------------------------------------

URLS = st.sampled_from(
    ["/x", CALL_URL, OPERATION_URL, f"{CALL_URL}/participants", "/app/calls/1", "/communications/calls/"]
)
unknown_resources = st.builds(
    UnknownResource,
    type_name=st.sampled_from(["participant", "contentSharingSession"]),
    id=st.none() | st.text(max_size=8),
    extra=kept,
)
notifications = st.builds(
    CommsNotifications,
    value=st.lists(
        st.builds(
            CommsNotification,
            change_type=st.sampled_from(ChangeType),
            resource_url=URLS,
            resource_data=st.lists(calls | operations | unknown_resources, max_size=3).map(tuple),
            as_array=st.booleans(),
            extra=kept,
        ),
        max_size=3,
    ).map(tuple),
    extra=kept,
)


@given(made=notifications)
def test_what_is_written_reads_back_the_same(made: CommsNotifications) -> None:
    assert CommsNotifications.from_json(json.dumps(made.to_dict())) == made
    assert CommsNotifications.from_json(json.dumps(made.to_dict(status_case="PascalCase"))) == made
    assert hash(CommsNotifications.from_dict(made.to_dict())) == hash(made)


def read_or_refuse(body: object) -> CommsNotifications | None:
    try:
        read = CommsNotifications.from_json(json.dumps(body))
    except InvalidRequestError as error:
        refusal = str(error)
    else:
        for one in read.value:
            assert isinstance(one.call_id, str | None)
            assert isinstance(one.operation_id, str | None)
        return read
    assert "; " in refusal
    return None


@given(body=likely_values | st.dictionaries(st.just("value"), likely_values))
def test_any_json_is_read_or_refused(body: object) -> None:
    read_or_refuse(body)


@given(
    value=st.lists(
        st.fixed_dictionaries(
            {"changeType": st.sampled_from(["created", "Deleted", "moved"]), "resourceUrl": URLS | st.text(min_size=1)},
            optional={"resourceData": likely_values, "resource": likely_values, "tenantId": likely_values},
        ),
        max_size=3,
    )
)
def test_any_notification_is_read_and_reads_back_the_same(value: list[Any]) -> None:
    read = read_or_refuse({"value": value})
    if read is not None:  # a clientContext may be too long
        assert CommsNotifications.from_json(json.dumps(read.to_dict(), allow_nan=False)) == read


@given(text=st.text() | st.binary())
def test_any_text_is_read_or_refused(text: str | bytes) -> None:
    with contextlib.suppress(InvalidRequestError):
        CommsNotifications.from_json(text)


@given(url=st.text())
def test_any_url_has_ids_or_none(url: str) -> None:
    read = CommsNotification(change_type=ChangeType.UPDATED, resource_url=url)
    assert read.operation_id is None or read.call_id is not None
