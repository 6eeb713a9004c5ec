"""Requests, operations, calls and errors of Graph: what is read, what is written, every refusal word for word.

The bodies are those of Microsoft's documentation, with its ids; where it differs from itself, the test says so.
"""

from __future__ import annotations

import contextlib
import enum
import json
from pathlib import Path
from typing import Any

import pytest
from graph_bodies import (
    CANCELLED,
    PROMPT_PLAYED,
    RUNNING,
    SUBSCRIBED,
    calls,
    json_values,
    likely_values,
    media_configs,
    objects,
    operations,
    texts,
    tone_infos,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from dtmf_audio import InvalidRequestError, InvalidSettingError, Tone
from dtmf_audio.graph.models import (
    MODALITIES,
    AppHostedMediaConfig,
    Call,
    CallDirection,
    CallState,
    GraphError,
    MediaState,
    ResultInfo,
    ServiceHostedMediaConfig,
    ToneInfo,
    media_config_from_dict,
)
from dtmf_audio.graph.operations import (
    CancelMediaProcessingOperation,
    CompletionReason,
    OperationStatus,
    SendDtmfTonesOperation,
    SubscribeToToneOperation,
    UnknownOperation,
    operation_from_dict,
    operation_from_json,
)
from dtmf_audio.graph.requests import (
    MAX_TARGETS,
    MAX_TONES,
    CancelMediaProcessingRequest,
    CreateCallRequest,
    SendDtmfTonesRequest,
    SubscribeToToneRequest,
)
from dtmf_audio.graph.wire import MAX_BODY_BYTES

A_LIST = 'write a list of tone names, such as ["tone1", "star"]'
NAMES = "the names are tone0-tone9, star, pound, a, b, c, d and flash"
A_NAME = 'write a tone name, such as "tone1"'
A_DELAY = "write a whole number of milliseconds from 0 to 2147483647, such as 1000, or leave it out"
A_CONTEXT = "write a string of at most 256 characters, or leave it out"


def request(**properties: Any) -> dict[str, Any]:
    return {"tones": ["tone1"], **properties}


def message_of(body: object) -> str:
    with pytest.raises(InvalidRequestError) as refused:
        SendDtmfTonesRequest.from_json(json.dumps(body))
    assert len(str(refused.value)) < 300  # however long the body
    return str(refused.value)


def message_of_text(text: str | bytes) -> str:
    with pytest.raises(InvalidRequestError) as refused:
        SendDtmfTonesRequest.from_json(text)
    return str(refused.value)


# --- what is read ------------------------------------------------------------------------------------------------


def test_reads_the_documentations_request() -> None:
    text = (Path(__file__).parent.parent / "samples" / "senddtmftones.json").read_bytes()
    read = SendDtmfTonesRequest.from_json(text)
    assert "".join(tone.key for tone in read.tones) == "1234567890*#"
    assert read.delay_between_tones_ms == 1000
    assert read.to_dict() == json.loads(text)


@pytest.mark.parametrize("tone", Tone)
def test_reads_every_name_of_graph(tone: Tone) -> None:
    assert SendDtmfTonesRequest.from_dict({"tones": [tone.value]}).tones == (tone,)


@pytest.mark.parametrize("properties", [{}, {"delayBetweenTonesMs": None, "clientContext": None}])
def test_what_is_missing_or_null_is_none_and_not_written(properties: dict[str, Any]) -> None:
    read = SendDtmfTonesRequest.from_dict(request(**properties))
    assert read.delay_between_tones_ms is None
    assert read.client_context is None
    assert read.to_dict() == {"tones": ["tone1"]}


@pytest.mark.parametrize("delay_ms", [0, 1, 2147483647])
def test_takes_delays_from_0_to_the_largest_int32(delay_ms: int) -> None:
    assert SendDtmfTonesRequest.from_dict(request(delayBetweenTonesMs=delay_ms)).delay_between_tones_ms == delay_ms


def test_takes_a_client_context_of_256_characters() -> None:
    assert SendDtmfTonesRequest.from_dict(request(clientContext="é" * 256)).client_context == "é" * 256


def test_ignores_annotations_of_odata() -> None:
    body = request() | {"@odata.type": "#x", "tones@odata.type": "#Collection(microsoft.graph.tone)"}
    assert SendDtmfTonesRequest.from_dict(body).tones == (Tone.TONE1,)


def test_reads_bytes_with_a_byte_order_mark() -> None:
    assert SendDtmfTonesRequest.from_json(b'\xef\xbb\xbf{"tones": ["star"]}').tones == (Tone.STAR,)
    assert SendDtmfTonesRequest.from_json('\ufeff{"tones": ["star"]}').tones == (Tone.STAR,)


def test_takes_members_of_the_python_sdks_enum() -> None:
    sdk_tone = enum.Enum("Tone", {"Tone1": "tone1", "Star": "star"}, type=str)
    built = SendDtmfTonesRequest.from_dict({"tones": [sdk_tone.Tone1, sdk_tone.Star]})  # type: ignore[attr-defined]
    assert built.tones == (Tone.TONE1, Tone.STAR)


@given(
    tones=st.lists(st.sampled_from(Tone), min_size=1).map(tuple),
    delay_ms=st.none() | st.integers(0, 2**31 - 1),
    context=st.none() | st.text(max_size=256),
)
def test_what_is_written_reads_back_the_same(
    tones: tuple[Tone, ...], delay_ms: int | None, context: str | None
) -> None:
    made = SendDtmfTonesRequest(tones=tones, delay_between_tones_ms=delay_ms, client_context=context)
    assert SendDtmfTonesRequest.from_json(json.dumps(made.to_dict())) == made


# --- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [[], ["tone1"], "tone1", 5, None, True])
def test_refuses_json_that_is_not_an_object(body: object) -> None:
    assert message_of(body) == (
        f'the request is {json.dumps(body)}; it must be an object, such as {{"tones": ["tone1"]}}'
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param({}, f"tones is missing; {A_LIST}", id="missing"),
        pytest.param({"tones": None}, f"tones is null; {A_LIST}", id="null"),
        pytest.param({"tones": 1}, f"tones is 1; {A_LIST}", id="number"),
        pytest.param({"tones": {"tone": "tone1"}}, f'tones is {{"tone": "tone1"}}; {A_LIST}', id="object"),
        pytest.param(
            {"tones": "tone1, star"},
            f'tones is the string "tone1, star", as an older TypeScript SDK sends it; {A_LIST}',
            id="string",
        ),
        pytest.param({"tones": []}, 'tones is empty; give at least one tone name, such as ["tone1"]', id="empty"),
    ],
)
def test_refuses_tones_that_are_no_list_of_names(body: dict[str, Any], message: str) -> None:
    assert message_of(body) == message


@pytest.mark.parametrize(
    ("element", "message"),
    [
        (
            None,
            f"tones[2] is null; {A_NAME} (Microsoft's Python SDK sends null when it is given a str: "
            "give it Tone.Tone1)",
        ),
        (1, 'tones[2] is 1; write the name of the tone, "tone1"'),
        (11, 'tones[2] is 11; write the name of the tone, "pound"'),
        (17, f"tones[2] is 17; {A_NAME}"),
        (-1, f"tones[2] is -1; {A_NAME}"),
        (1.5, f"tones[2] is 1.5; {A_NAME}"),
        (True, f"tones[2] is true; {A_NAME}"),
        (["tone1"], f'tones[2] is ["tone1"]; {A_NAME}'),
        (
            {"sequenceId": 1, "tone": "tone1"},
            'tones[2] is {"sequenceId": 1, "tone": "tone1"}; write the name of its tone alone, such as "tone1" '
            "(toneInfo is for notifications)",
        ),
        ("1", f"tones[2]: '1' is not a tone name; {NAMES} (the key 1 is written 'tone1')"),
        ("*", f"tones[2]: '*' is not a tone name; {NAMES} (the key * is written 'star')"),
        ("A", f"tones[2]: 'A' is not a tone name; {NAMES} (the key A is written 'a')"),
        ("Tone1", f"tones[2]: 'Tone1' is not a tone name; {NAMES}, in lower case"),
        ("hash", f"tones[2]: 'hash' is not a tone name; {NAMES}"),
        ("", f"tones[2]: '' is not a tone name; {NAMES}"),
        ("x" * 1000, f"tones[2]: '{'x' * 40}…' is not a tone name; {NAMES}"),
    ],
)
def test_refuses_an_element_that_is_no_name_and_tells_its_index(element: object, message: str) -> None:
    assert message_of({"tones": ["tone1", "star", element]}) == message


def test_takes_10000_tones_and_refuses_10001() -> None:
    assert len(SendDtmfTonesRequest.from_dict({"tones": ["a"] * MAX_TONES}).tones) == MAX_TONES == 10_000
    assert message_of({"tones": ["a"] * 10_001}) == (
        "tones has 10001 elements; send at most 10000 in one request (the bound is this project's, not Graph's)"
    )


@pytest.mark.parametrize("delay", [-1, 2147483648, 1000.5, 1000.0, True, False, "1000", [], {}])
def test_refuses_a_delay_that_is_no_int32_from_0(delay: object) -> None:
    assert message_of(request(delayBetweenTonesMs=delay)) == f"delayBetweenTonesMs is {json.dumps(delay)}; {A_DELAY}"


def test_refuses_a_delay_that_is_too_large_for_a_float() -> None:
    text = '{"tones": ["tone1"], "delayBetweenTonesMs": 1e999}'
    assert message_of_text(text) == f"delayBetweenTonesMs is Infinity; {A_DELAY}"


@pytest.mark.parametrize("context", [5, True, [], {}])
def test_refuses_a_client_context_that_is_no_string(context: object) -> None:
    assert message_of(request(clientContext=context)) == f"clientContext is {json.dumps(context)}; {A_CONTEXT}"


def test_refuses_a_client_context_of_257_characters() -> None:
    assert message_of(request(clientContext="x" * 257)) == f"clientContext is 257 characters long; {A_CONTEXT}"


def test_refuses_a_property_that_graph_does_not_have() -> None:
    assert message_of(request(volume=3)) == (
        '"volume" is no property of sendDtmfTones; it takes tones, delayBetweenTonesMs, clientContext: '
        "leave this one out"
    )


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("delayBetweenTonesMS", "delayBetweenTonesMs"),
        ("delayBetweenTones", "delayBetweenTonesMs"),
        ("Tones", "tones"),
        ("client_context", "clientContext"),
    ],
)
def test_refuses_a_misspelt_property_and_tells_the_right_one(name: str, meant: str) -> None:
    assert message_of(request(**{name: 1})) == f'"{name}" is no property of sendDtmfTones; write {meant}'


def test_refuses_what_is_not_json_and_tells_the_place() -> None:
    assert message_of_text('{\n  "tones": ["tone1",]\n}') == (
        'the request is not JSON (Expecting value, line 2, column 21); write an object, such as {"tones": ["tone1"]}'
    )


@pytest.mark.parametrize("text", ["", b"", " ", "{", "tone1", '{"tones": ["tone1"]} x'])
def test_refuses_what_is_not_json(text: str | bytes) -> None:
    assert message_of_text(text).startswith("the request is not JSON (")


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_refuses_numbers_that_json_does_not_have(constant: str) -> None:
    text = f'{{"tones": ["tone1"], "delayBetweenTonesMs": {constant}}}'
    assert message_of_text(text) == (
        f"the request holds {constant}, which is not JSON; write a number, or leave the property out"
    )


def test_refuses_the_same_property_twice() -> None:
    assert message_of_text('{"tones": ["tone1"], "tones": ["tone2"]}') == (
        'the request has "tones" twice in one object; keep one of them'
    )


def test_refuses_bytes_that_are_not_utf8() -> None:
    assert message_of_text('{"tones": ["tone1"]}'.encode("utf-16")) == (
        "the request is not UTF-8 (byte 0xff at offset 0); save it as UTF-8"
    )


def test_refuses_a_body_of_over_1_mib_and_takes_one_of_1_mib() -> None:
    body = b'{"tones": ["tone1"]}'
    assert SendDtmfTonesRequest.from_json(body.ljust(MAX_BODY_BYTES)).tones == (Tone.TONE1,)
    assert message_of_text(body.ljust(MAX_BODY_BYTES + 1)) == (
        "the request is over 1048576 bytes long; send its tones in several requests"
    )


@pytest.mark.parametrize("times", [65, 100_000])
@pytest.mark.parametrize("opening", ["[", '{"tones":'])
def test_refuses_a_body_that_is_nested_too_deeply(opening: str, times: int) -> None:
    assert message_of_text(opening * times) == (
        'the request is nested too deeply; write an object with a list in it, such as {"tones": ["tone1"]}'
    )


def test_refuses_a_number_that_python_does_not_read() -> None:
    assert message_of_text(f'{{"tones": [{"9" * 5000}]}}') == (
        "the request holds a number of thousands of digits; the largest that it can hold is 2147483647"
    )


@given(st.text() | st.binary())
def test_any_text_is_read_or_refused(text: str | bytes) -> None:
    with contextlib.suppress(InvalidRequestError):  # hypothesis draws right bodies too, from the constants in the code
        SendDtmfTonesRequest.from_json(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_json_is_a_request_or_refused_with_a_remedy(body: object) -> None:
    refusal = None
    try:
        SendDtmfTonesRequest.from_dict(body)
    except InvalidRequestError as error:
        refusal = str(error)
    assert refusal is None or "; " in refusal


def test_a_request_that_would_be_refused_cannot_be_made() -> None:
    with pytest.raises(InvalidRequestError, match="delayBetweenTonesMs is -1"):
        SendDtmfTonesRequest(tones=(Tone.TONE1,), delay_between_tones_ms=-1)
    with pytest.raises(InvalidRequestError, match="tones is empty"):
        SendDtmfTonesRequest(tones=())


# --- subscribeToTone, cancelMediaProcessing ----------------------------------------------------------------------

ContextRequest = type[SubscribeToToneRequest] | type[CancelMediaProcessingRequest]
CONTEXT_REQUESTS = pytest.mark.parametrize(
    ("kind", "action"),
    [(SubscribeToToneRequest, "subscribeToTone"), (CancelMediaProcessingRequest, "cancelMediaProcessing")],
)


@CONTEXT_REQUESTS
def test_reads_and_writes_a_request_of_a_context_alone(kind: ContextRequest, action: str) -> None:
    body = {"clientContext": "fd1c7836-4d84-4e24-b6aa-23188688cc54"}
    assert kind.from_json(json.dumps(body)).client_context == "fd1c7836-4d84-4e24-b6aa-23188688cc54"
    assert kind.from_dict(body).to_dict() == body
    assert kind.from_json("{}").to_dict() == kind.from_dict({"clientContext": None, "@odata.type": "x"}).to_dict() == {}


@CONTEXT_REQUESTS
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (["1"], 'the request is ["1"]; it must be an object, such as {"clientContext": "1"}'),
        (None, 'the request is null; it must be an object, such as {"clientContext": "1"}'),
        ({"clientContext": 5}, f"clientContext is 5; {A_CONTEXT}"),
        ({"clientContext": "x" * 257}, f"clientContext is 257 characters long; {A_CONTEXT}"),
        ({"clientcontext": "1"}, '"clientcontext" is no property of ACTION; write clientContext'),
        ({"tones": []}, '"tones" is no property of ACTION; it takes clientContext: leave this one out'),
    ],
)
def test_refuses_a_request_of_a_context_alone(kind: ContextRequest, action: str, body: object, message: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        kind.from_json(json.dumps(body))
    assert str(refused.value) == message.replace("ACTION", action)
    with pytest.raises(InvalidRequestError, match=r"^the request is not JSON"):
        kind.from_json(b"")


# --- creating a call ---------------------------------------------------------------------------------------------

SERVICE_HOSTED = {"@odata.type": "#microsoft.graph.serviceHostedMediaConfig"}
TARGET = {
    "@odata.type": "#microsoft.graph.invitationParticipantInfo",
    "identity": {
        "@odata.type": "#microsoft.graph.identitySet",
        "user": {
            "@odata.type": "#microsoft.graph.identity",
            "displayName": "John",
            "id": "112f7296-5fa4-42ca-bae8-6a692b15d4b8",
        },
    },
}
SOURCE = {
    "@odata.type": "#microsoft.graph.participantInfo",
    "identity": {
        "@odata.type": "#microsoft.graph.identitySet",
        "application": {
            "@odata.type": "#microsoft.graph.identity",
            "displayName": "Calling Bot",
            "id": "2891555a-92ff-42e6-80fa-6e1300c6b5c6",
        },
    },
    "region": None,
    "languageId": None,
}
CREATE = {
    "@odata.type": "#microsoft.graph.call",
    "callbackUri": "https://bot.contoso.com/callback",
    "source": SOURCE,
    "targets": [TARGET],
    "requestedModalities": ["audio"],
    "callOptions": {
        "@odata.type": "#microsoft.graph.outgoingCallOptions",
        "isContentSharingNotificationEnabled": True,
    },
    "mediaConfig": {
        "@odata.type": "#microsoft.graph.appHostedMediaConfig",
        "blob": "<Media Session Configuration>",
    },
    "tenantId": "aa67bd4c-8475-432d-bd41-39f255720e0a",
}
LEAST = {
    "callbackUri": "http://127.0.0.1:8080/callback",
    "requestedModalities": ["audio"],
    "mediaConfig": SERVICE_HOSTED,
}
A_URI = 'write the address that takes the notifications, such as "https://bot.contoso.com/callback"'
SOME_MODALITIES = 'write a list of audio, video, videoBasedScreenSharing, data, such as ["audio"]'
A_MEDIA_CONFIG = (
    'write {"@odata.type": "#microsoft.graph.serviceHostedMediaConfig"}, '
    'or "#microsoft.graph.appHostedMediaConfig" and its blob'
)
A_TARGET = '{"identity": {"user": {"id": "112f7296-5fa4-42ca-bae8-6a692b15d4b8"}}}'


def without(body: dict[str, Any], name: str) -> dict[str, Any]:
    return {other: value for other, value in body.items() if other != name}


def message_of_call(body: object) -> str:
    with pytest.raises(InvalidRequestError) as refused:
        CreateCallRequest.from_json(json.dumps(body))
    return str(refused.value)


def test_reads_the_documentations_request_for_a_call() -> None:
    read = CreateCallRequest.from_json(json.dumps(CREATE))
    assert read.callback_uri == "https://bot.contoso.com/callback"
    assert read.media_config == AppHostedMediaConfig(blob="<Media Session Configuration>")
    assert read.requested_modalities == ("audio",)
    assert read.tenant_id == "aa67bd4c-8475-432d-bd41-39f255720e0a"
    assert read.targets == (TARGET,)
    assert read.source == SOURCE
    assert read.extra == {"callOptions": CREATE["callOptions"]}
    assert read.to_dict() == CREATE


def test_reads_a_call_without_type_targets_or_tenant() -> None:
    read = CreateCallRequest.from_dict(LEAST)
    assert (read.targets, read.tenant_id, read.source, read.subject) == ((), None, None, None)
    assert read.media_config == ServiceHostedMediaConfig()
    assert read.to_dict() == {"@odata.type": "#microsoft.graph.call", **LEAST}


@pytest.mark.parametrize("name", ["tenantId", "targets", "source", "subject", "chatInfo", "@odata.type"])
def test_null_is_as_if_left_out(name: str) -> None:
    assert CreateCallRequest.from_dict({**LEAST, name: None}) == CreateCallRequest.from_dict(LEAST)


@pytest.mark.parametrize("name", ["chatInfo", "meetingInfo", "incomingContext", "state", "ringingTimeoutInSeconds"])
def test_keeps_other_properties_of_a_call_as_they_came(name: str) -> None:
    read = CreateCallRequest.from_dict({**LEAST, name: {"threadId": None}})
    assert read.extra == {name: {"threadId": None}}
    assert read.to_dict()[name] == {"threadId": None}


@pytest.mark.parametrize("kind", ["appHostedMediaConfig", "serviceHostedMediaConfig"])
def test_takes_a_type_of_media_config_without_its_sign(kind: str) -> None:
    read = CreateCallRequest.from_dict({**LEAST, "mediaConfig": {"@odata.type": f"microsoft.graph.{kind}"}})
    assert read.media_config.to_dict() == {"@odata.type": f"#microsoft.graph.{kind}"}


def test_keeps_the_media_to_fetch_and_the_property_that_beta_has() -> None:
    media = [{"uri": "https://cdn.contoso.com/beep.wav", "resourceId": "f8971b04-b53e-418c-9222-c82ce681a582"}]
    service = {"@odata.type": "#microsoft.graph.serviceHostedMediaConfig", "preFetchMedia": media}
    app = {"@odata.type": "#microsoft.graph.appHostedMediaConfig", "removeFromDefaultAudioGroup": False}
    for config in (service, app):
        assert CreateCallRequest.from_dict({**LEAST, "mediaConfig": config}).to_dict()["mediaConfig"] == config
    assert CreateCallRequest.from_dict({**LEAST, "mediaConfig": {**service, "preFetchMedia": None}})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(
            [],
            'the request is []; it must be an object, such as {"callbackUri": "https://bot.contoso.com/callback", '
            '"requestedModalities": ["audio"], '
            '"mediaConfig": {"@odata.type": "#microsoft.graph.serviceHostedMediaConfig"}}',
            id="list",
        ),
        pytest.param(
            {**LEAST, "@odata.type": "#microsoft.graph.onlineMeeting"},
            '@odata.type is "#microsoft.graph.onlineMeeting"; a call has "#microsoft.graph.call", or none',
            id="another type",
        ),
        pytest.param(
            {**LEAST, "@odata.type": 5}, '@odata.type is 5; a call has "#microsoft.graph.call", or none', id="type 5"
        ),
        pytest.param(
            {**LEAST, "callBackURL": "x"}, '"callBackURL" is no property of a call; write callbackUri', id="misspelt"
        ),
        pytest.param(
            {**LEAST, "volume": 3},
            '"volume" is no property of a call; it takes callbackUri, requestedModalities, mediaConfig, targets, '
            "tenantId, source, subject, chatInfo, meetingInfo and the other properties of Graph's call: "
            "leave this one out",
            id="unknown",
        ),
        pytest.param(without(LEAST, "callbackUri"), f"callbackUri is missing; {A_URI}", id="no callbackUri"),
        pytest.param({**LEAST, "callbackUri": None}, f"callbackUri is null; {A_URI}", id="callbackUri null"),
        pytest.param(
            without(LEAST, "requestedModalities"),
            f"requestedModalities is missing; {SOME_MODALITIES}",
            id="no modalities",
        ),
        pytest.param(
            {**LEAST, "requestedModalities": None},
            f"requestedModalities is null; {SOME_MODALITIES}",
            id="modalities null",
        ),
        pytest.param(
            {**LEAST, "requestedModalities": "audio"},
            f'requestedModalities is "audio"; {SOME_MODALITIES}',
            id="modalities a string",
        ),
        pytest.param(
            {**LEAST, "requestedModalities": []},
            f"requestedModalities is empty; {SOME_MODALITIES}",
            id="no modality",
        ),
        pytest.param(
            {**LEAST, "requestedModalities": ["audio", "Video"]},
            f'requestedModalities[1] is "Video"; {SOME_MODALITIES}',
            id="modality in another case",
        ),
        pytest.param(
            {**LEAST, "requestedModalities": [None]},
            f"requestedModalities[0] is null; {SOME_MODALITIES}",
            id="modality null",
        ),
        pytest.param(without(LEAST, "mediaConfig"), f"mediaConfig is missing; {A_MEDIA_CONFIG}", id="no media"),
        pytest.param({**LEAST, "mediaConfig": None}, f"mediaConfig is null; {A_MEDIA_CONFIG}", id="media null"),
        pytest.param({**LEAST, "mediaConfig": "x"}, f'mediaConfig is "x"; {A_MEDIA_CONFIG}', id="media a string"),
        pytest.param(
            {**LEAST, "mediaConfig": {}}, f"mediaConfig has no @odata.type; {A_MEDIA_CONFIG}", id="media without type"
        ),
        pytest.param(
            {**LEAST, "mediaConfig": {"@odata.type": "#microsoft.graph.mediaConfig"}},
            f'mediaConfig.@odata.type is "#microsoft.graph.mediaConfig"; {A_MEDIA_CONFIG}',
            id="media of another type",
        ),
        pytest.param(
            {**LEAST, "mediaConfig": {"@odata.type": 1}},
            f"mediaConfig.@odata.type is 1; {A_MEDIA_CONFIG}",
            id="media of type 1",
        ),
        pytest.param(
            {**LEAST, "mediaConfig": {**SERVICE_HOSTED, "blob": "x"}},
            '"blob" is no property of serviceHostedMediaConfig; it takes preFetchMedia: leave this one out',
            id="blob in the other",
        ),
        pytest.param(
            {**LEAST, "mediaConfig": {"@odata.type": "#microsoft.graph.appHostedMediaConfig", "Blob": "x"}},
            '"Blob" is no property of appHostedMediaConfig; write blob',
            id="blob misspelt",
        ),
        pytest.param(
            {**LEAST, "mediaConfig": {"@odata.type": "#microsoft.graph.appHostedMediaConfig", "blob": {}}},
            'mediaConfig.blob is {}; write a string, such as "<Media Session Configuration>", or leave it out',
            id="blob an object",
        ),
        pytest.param(
            {**LEAST, "mediaConfig": {**SERVICE_HOSTED, "preFetchMedia": "x"}},
            'mediaConfig.preFetchMedia is "x"; write a list of objects, '
            'such as [{"uri": "https://cdn.contoso.com/beep.wav"}]',
            id="media to fetch a string",
        ),
        pytest.param(
            {**LEAST, "mediaConfig": {**SERVICE_HOSTED, "preFetchMedia": ["x"]}},
            'mediaConfig.preFetchMedia[0] is "x"; write an object, such as {"uri": "https://cdn.contoso.com/beep.wav"}',
            id="media to fetch strings",
        ),
        pytest.param(
            {**LEAST, "tenantId": 1},
            'tenantId is 1; write a string, such as "aa67bd4c-8475-432d-bd41-39f255720e0a", or leave it out',
            id="tenant",
        ),
        pytest.param(
            {**LEAST, "targets": TARGET["identity"]},
            f'targets is {{"@odata.type": "#microsoft.graph.identi…; write a list of objects, such as [{A_TARGET}]',
            id="targets an object",
        ),
        pytest.param(
            {**LEAST, "targets": [TARGET, "John"]},
            f'targets[1] is "John"; write an object, such as {A_TARGET}',
            id="target a string",
        ),
        pytest.param(
            {**LEAST, "targets": [TARGET] * (MAX_TARGETS + 1)},
            "targets has 101 elements; write at most 100 (the bound is this project's, not Graph's)",
            id="too many targets",
        ),
        pytest.param(
            {**LEAST, "source": "bot"},
            'source is "bot"; write an object, such as {"identity": {"application": {"id": "1"}}}, or leave it out',
            id="source",
        ),
        pytest.param(
            {**LEAST, "subject": ["x"]},
            'subject is ["x"]; write a string, such as "Support", or leave it out',
            id="subject",
        ),
    ],
)
def test_refuses_a_request_for_a_call(body: object, message: str) -> None:
    assert message_of_call(body) == message


@pytest.mark.parametrize(
    "uri",
    [
        *(5, True, [], "", "callbackUri-value", "/callback", "//bot.contoso.com/callback", "bot.contoso.com/callback"),
        *("ftp://bot.contoso.com/", "ws://bot.contoso.com", "https://", "https:///callback", "https://:443/"),
        *("https://bot.contoso.com:port/", "https://bot.contoso.com:99999/", "https://[::1/", "https:bot.contoso.com"),
        "http://h*/",
        *("https://bot.contoso.com/a b", "https://bot.contoso.com/a\r\nHost: x", " https://bot.contoso.com/"),
    ],
)
def test_refuses_a_callback_uri_that_is_no_absolute_http_uri(uri: object) -> None:
    assert message_of_call({**LEAST, "callbackUri": uri}) == f"callbackUri is {json.dumps(uri)}; {A_URI}"


@pytest.mark.parametrize(
    "uri", ["https://bot.contoso.com", "HTTPS://BOT/", "http://[::1]:8080/x?y=1", "http://127.0.0.1:1/"]
)
def test_takes_an_absolute_http_uri(uri: str) -> None:
    assert CreateCallRequest.from_dict({**LEAST, "callbackUri": uri}).callback_uri == uri


def test_takes_100_targets() -> None:
    assert len(CreateCallRequest.from_dict({**LEAST, "targets": [TARGET] * MAX_TARGETS}).targets) == 100


def test_a_call_that_would_be_refused_cannot_be_made() -> None:
    arguments: dict[str, Any] = {
        "callback_uri": "http://127.0.0.1/",
        "media_config": ServiceHostedMediaConfig(),
        "requested_modalities": ("audio",),
    }
    CreateCallRequest(**arguments)
    for wrong, message in [
        ({"callback_uri": "x"}, "^callbackUri is "),
        ({"media_config": {}}, "^mediaConfig is {}; "),
        ({"requested_modalities": ()}, "^requestedModalities is empty; "),
        ({"extra": {"volume": 1}}, '^"volume" is no property of a call; '),
        ({"extra": {"tenantId": "1"}}, "^extra has tenantId, which has a field of its own; give it there$"),
    ]:
        with pytest.raises(InvalidRequestError, match=message):
            CreateCallRequest(**{**arguments, **wrong})


# --- operations --------------------------------------------------------------------------------------------------

OPERATIONS = [RUNNING, SUBSCRIBED, CANCELLED, PROMPT_PLAYED]
KINDS = [SendDtmfTonesOperation, SubscribeToToneOperation, CancelMediaProcessingOperation, UnknownOperation]


@pytest.mark.parametrize(("body", "kind"), list(zip(OPERATIONS, KINDS, strict=True)))
def test_reads_and_writes_the_documentations_answers(body: dict[str, Any], kind: type) -> None:
    read = operation_from_json(json.dumps(body))
    assert type(read) is kind
    assert (read.id, read.client_context) == (body["id"], body["clientContext"])
    assert read.status == body["status"]
    assert read.to_dict() == body
    assert kind.from_json(json.dumps(body)) == read  # type: ignore[attr-defined]


@pytest.mark.parametrize("body", OPERATIONS[:3])
def test_writes_the_documentations_order(body: dict[str, Any]) -> None:
    assert list(operation_from_dict(body).to_dict()) == list(body)


def test_writes_an_operation_that_has_ended() -> None:
    ended = SendDtmfTonesOperation(
        id="1",
        status=OperationStatus.COMPLETED,
        completion_reason=CompletionReason.MEDIA_OPERATION_CANCELED,
        result_info=ResultInfo(code=400, subcode=8508),
    )
    assert ended.to_dict() == {
        "@odata.type": "#microsoft.graph.sendDtmfTonesOperation",
        "status": "completed",
        "completionReason": "mediaOperationCanceled",
        "id": "1",
        "resultInfo": {"@odata.type": "#microsoft.graph.resultInfo", "code": 400, "subcode": 8508},
    }


@pytest.mark.parametrize("status", OperationStatus)
@pytest.mark.parametrize("body", OPERATIONS)
def test_writes_and_reads_the_status_in_both_cases(body: dict[str, Any], status: OperationStatus) -> None:
    operation = operation_from_dict({**body, "status": status.value})
    written = operation.to_dict(status_case="PascalCase")
    assert (
        written["status"]
        == {
            "notStarted": "NotStarted",
            "running": "Running",
            "completed": "Completed",
            "failed": "Failed",
        }[status.value]
    )
    assert written == {**operation.to_dict(), "status": written["status"]}
    assert operation_from_dict(written) == operation


def test_refuses_another_case_of_status() -> None:
    with pytest.raises(InvalidSettingError) as refused:
        operation_from_dict(RUNNING).to_dict(status_case="upper")  # type: ignore[arg-type]
    assert str(refused.value) == "status_case is 'upper'; give 'camelCase' or 'PascalCase'"


@pytest.mark.parametrize("status", ["paused", 5, [], {}])
def test_a_status_without_a_name_is_none_and_kept(status: object) -> None:
    read = operation_from_dict({**RUNNING, "status": status})
    assert read.status is None
    assert read.extra == {"status": status}
    assert read.to_dict() == {**RUNNING, "status": status}
    assert read.to_dict(status_case="PascalCase") == {**RUNNING, "status": status}


def test_a_reason_without_a_name_is_none_and_kept() -> None:
    read = SendDtmfTonesOperation.from_dict({**RUNNING, "completionReason": "unknownFutureValue"})
    assert read.completion_reason is None
    assert read.extra == {"completionReason": "unknownFutureValue"}


def test_null_and_no_status_are_none() -> None:
    assert operation_from_dict({**RUNNING, "status": None}) == operation_from_dict(without(RUNNING, "status"))
    assert operation_from_dict(without(RUNNING, "status")).status is None


def test_keeps_the_type_of_another_operation() -> None:
    for name, kept in [
        ("#microsoft.graph.playPromptOperation", "playPromptOperation"),
        ("microsoft.graph.recordOperation", "recordOperation"),
        ("#other.thingOperation", "#other.thingOperation"),
        (None, None),
    ]:
        read = operation_from_dict({"@odata.type": name, "id": "1", "recordingLocation": ""})
        assert isinstance(read, UnknownOperation)
        assert read.type_name == kept
        assert read.extra == {"recordingLocation": ""}
        assert operation_from_dict(read.to_dict()) == read


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            5,
            'the operation is 5; it must be an object, such as {"@odata.type": "#microsoft.graph.playPromptOperation", '
            '"id": "1", "status": "running"}',
        ),
        (without(RUNNING, "id"), "id is missing; an operation has an id, a string"),
        ({**RUNNING, "id": None}, "id is null; an operation has an id, a string"),
        ({**RUNNING, "id": 5}, "id is 5; an operation has an id, a string"),
        ({**RUNNING, "clientContext": "x" * 257}, f"clientContext is 257 characters long; {A_CONTEXT}"),
        ({**SUBSCRIBED, "clientContext": "x" * 257}, f"clientContext is 257 characters long; {A_CONTEXT}"),
        ({**PROMPT_PLAYED, "clientContext": "x" * 257}, f"clientContext is 257 characters long; {A_CONTEXT}"),
    ],
)
def test_refuses_what_is_no_operation(body: object, message: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        operation_from_dict(body)
    assert str(refused.value) == message


def test_refuses_another_operation_where_one_is_asked_for() -> None:
    with pytest.raises(InvalidRequestError) as refused:
        SendDtmfTonesOperation.from_dict(SUBSCRIBED)
    assert str(refused.value) == (
        '@odata.type is "#microsoft.graph.subscribeToToneOperation"; '
        'this operation has "#microsoft.graph.sendDtmfTonesOperation", or none'
    )


def test_an_operation_that_would_be_refused_cannot_be_made() -> None:
    with pytest.raises(InvalidRequestError, match=r"^clientContext is 257 characters long; "):
        CancelMediaProcessingOperation(id="1", status=None, client_context="x" * 257)
    with pytest.raises(InvalidRequestError, match=r"^id is null; an operation has an id, a string$"):
        UnknownOperation(id=None, status=None)  # type: ignore[arg-type]


# --- parts -------------------------------------------------------------------------------------------------------


def test_reads_codes_that_are_strings_and_writes_integers() -> None:
    body = {
        "@odata.type": "#microsoft.graph.resultInfo",
        "code": "200",
        "subcode": "5001",
        "message": "The conversation has ended.",
    }
    read = ResultInfo.from_dict(body)
    assert read == ResultInfo(code=200, subcode=5001, message="The conversation has ended.")
    assert read.to_dict() == {**body, "code": 200, "subcode": 5001}
    assert list(read.to_dict()) == list(body)


def test_no_subcode_is_0_and_what_has_no_field_is_kept() -> None:
    assert ResultInfo.from_dict({"code": 500}) == ResultInfo(code=500, subcode=0)
    assert ResultInfo.from_dict({"code": 500, "message": 5, "place": "x"}).extra == {"message": 5, "place": "x"}


INT32 = "write a whole number from -2147483648 to 2147483647"
INT64 = "write a whole number from -9223372036854775808 to 9223372036854775807"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (5, 'resultInfo is 5; it must be an object, such as {"code": 200, "subcode": 0}'),
        ({}, f"code is null; {INT32}"),
        ({"code": 200.0}, f"code is 200.0; {INT32}"),
        ({"code": True}, f"code is true; {INT32}"),
        ({"code": "２００"}, f'code is "２００"; {INT32}'),
        ({"code": "2_0"}, f'code is "2_0"; {INT32}'),
        ({"code": 2147483648}, f"code is 2147483648; {INT32}"),
        ({"code": "2147483648"}, f"code is 2147483648; {INT32}"),
        ({"code": 200, "subcode": "x"}, f'subcode is "x"; {INT32}'),
        (
            {"@odata.type": "#microsoft.graph.toneInfo", "code": 200},
            '@odata.type is "#microsoft.graph.toneInfo"; a resultInfo has "#microsoft.graph.resultInfo", or none',
        ),
    ],
)
def test_refuses_what_is_no_result_info(body: object, message: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        ResultInfo.from_dict(body)
    assert str(refused.value) == message


def test_refuses_a_message_that_is_no_text() -> None:
    with pytest.raises(InvalidRequestError) as refused:
        ResultInfo(code=200, subcode=0, message=5)  # type: ignore[arg-type]
    assert str(refused.value) == 'message is 5; write a string, such as "Call ended.", or leave it out'


@pytest.mark.parametrize("tone", Tone)
def test_reads_and_writes_tone_info(tone: Tone) -> None:
    body = {"@odata.type": "#microsoft.graph.toneInfo", "sequenceId": 1, "tone": tone.value}
    assert ToneInfo.from_dict(body) == ToneInfo(sequence_id=1, tone=tone)
    assert ToneInfo.from_dict({"sequenceId": "1", "tone": tone.value.capitalize()}).to_dict() == body
    assert list(ToneInfo(sequence_id=1, tone=tone).to_dict()) == list(body)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([], 'toneInfo is []; it must be an object, such as {"sequenceId": 1, "tone": "tone1"}'),
        ({"tone": "tone1"}, f"sequenceId is null; {INT64}"),
        ({"sequenceId": 2**63, "tone": "tone1"}, f"sequenceId is 9223372036854775808; {INT64}"),
        ({"sequenceId": 1}, 'tone is null; write a tone name, such as "tone1"'),
        ({"sequenceId": 1, "tone": 1}, 'tone is 1; write a tone name, such as "tone1"'),
        ({"sequenceId": 1, "tone": "*"}, f"tone: '*' is not a tone name; {NAMES} (the key * is written 'star')"),
        ({"sequenceId": 1, "tone": "x" * 99}, f"tone: '{'x' * 40}…' is not a tone name; {NAMES}"),
    ],
)
def test_refuses_what_is_no_tone_info(body: object, message: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        ToneInfo.from_dict(body)
    assert str(refused.value) == message


def test_refuses_a_media_config_that_is_none() -> None:
    with pytest.raises(InvalidRequestError) as refused:
        media_config_from_dict([])
    assert str(refused.value) == f"mediaConfig is []; {A_MEDIA_CONFIG}"


# --- the call ----------------------------------------------------------------------------------------------------

CREATED = {  # the documentation's answer, nulls and all
    "@odata.type": "#microsoft.graph.call",
    "state": "establishing",
    "direction": "outgoing",
    "callbackUri": "https://bot.contoso.com/callback",
    "callChainId": "d8217646-3110-40b1-bae6-e9ac6c3a9f74",
    "source": SOURCE,
    "targets": [{**TARGET, "endpointType": None, "replacesCallId": None}],
    "requestedModalities": ["audio"],
    "mediaConfig": {
        "@odata.type": "#microsoft.graph.serviceHostedMediaConfig",
        "preFetchMedia": [
            {"uri": "https://cdn.contoso.com/beep.wav", "resourceId": "f8971b04-b53e-418c-9222-c82ce681a582"}
        ],
    },
    "myParticipantId": "499ff390-7a72-40e8-83a0-8fac6295ae7e",
    "id": "2e1a0b00-2db4-4022-9570-243709c565ab",
    "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#app/calls/$entity",
    "subject": None,
    "ringingTimeoutInSeconds": None,
    "mediaState": None,
    "resultInfo": None,
    "answeredBy": None,
    "chatInfo": None,
    "meetingInfo": None,
    "transcription": None,
    "toneInfo": None,
}


def test_reads_the_documentations_answer_and_writes_it_without_nulls() -> None:
    read = Call.from_json(json.dumps(CREATED))
    assert read.id == "2e1a0b00-2db4-4022-9570-243709c565ab"
    assert (read.state, read.direction) == (CallState.ESTABLISHING, CallDirection.OUTGOING)
    assert read.callback_uri == "https://bot.contoso.com/callback"
    assert read.call_chain_id == "d8217646-3110-40b1-bae6-e9ac6c3a9f74"
    assert read.my_participant_id == "499ff390-7a72-40e8-83a0-8fac6295ae7e"
    assert read.requested_modalities == ("audio",)
    assert isinstance(read.media_config, ServiceHostedMediaConfig)
    assert read.source == SOURCE
    assert (read.audio, read.result_info, read.tone_info, read.subject, read.tenant_id) == (None,) * 5
    assert read.extra == {"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#app/calls/$entity"}
    written = {name: value for name, value in CREATED.items() if value is not None}
    assert read.to_dict() == written
    assert list(read.to_dict()) == list(written)


@pytest.mark.parametrize("state", CallState)
def test_reads_every_state_in_any_case(state: CallState) -> None:
    for text in (state.value, state.value[0].upper() + state.value[1:], state.value.upper()):
        assert Call.from_dict({"state": text}).state is state


def test_reads_and_writes_the_state_of_the_audio() -> None:
    body = {
        "@odata.type": "#microsoft.graph.call",
        "mediaState": {"@odata.type": "#microsoft.graph.callMediaState", "audio": "active"},
    }
    assert Call.from_dict(body) == Call(audio=MediaState.ACTIVE)
    assert Call(audio=MediaState.ACTIVE).to_dict() == body
    assert Call.from_dict({"mediaState": {"audio": "Inactive"}}).audio is MediaState.INACTIVE


def test_keeps_what_else_the_state_of_the_media_tells() -> None:
    body = {"@odata.type": "#microsoft.graph.call", "mediaState": {"audio": "active", "video": "inactive"}}
    read = Call.from_dict(body)
    assert read.audio is MediaState.ACTIVE
    assert read.extra == {"mediaState": body["mediaState"]}
    assert Call.from_dict(read.to_dict()).audio is MediaState.ACTIVE
    assert read.to_dict()["mediaState"]["video"] == "inactive"


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("state", "unknownFutureValue", "state"),
        ("state", 5, "state"),
        ("direction", "sideways", "direction"),
        ("mediaState", {"audio": "unknownFutureValue"}, "audio"),
        ("mediaState", [], "audio"),
        ("mediaConfig", {"@odata.type": "#microsoft.graph.newMediaConfig"}, "media_config"),
        ("mediaConfig", {"blob": "x"}, "media_config"),
        ("resultInfo", {"code": "many"}, "result_info"),
        ("toneInfo", {"sequenceId": 1, "tone": "tone99"}, "tone_info"),
        ("toneInfo", "tone1", "tone_info"),
        ("source", "bot", "source"),
        ("subject", 5, "subject"),
        ("id", 5, "id"),
        ("callbackUri", {}, "callback_uri"),
        ("callChainId", 0, "call_chain_id"),
        ("myParticipantId", False, "my_participant_id"),
        ("tenantId", [], "tenant_id"),
    ],
)
def test_a_value_without_a_meaning_is_none_and_kept(name: str, value: object, field: str) -> None:
    body = {"@odata.type": "#microsoft.graph.call", name: value}
    read = Call.from_dict(body)
    assert getattr(read, field) is None
    assert read.extra == {name: value}
    assert read.to_dict() == body


@pytest.mark.parametrize("name", ["targets", "requestedModalities"])
@pytest.mark.parametrize("value", ["audio", {}, [5]])
def test_a_list_without_a_meaning_is_empty_and_kept(name: str, value: object) -> None:
    read = Call.from_dict({name: value})
    assert (read.targets, read.requested_modalities) == ((), ())
    assert read.extra == {name: value}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "x",
            'the call is "x"; it must be an object, '
            'such as {"@odata.type": "#microsoft.graph.call", "state": "established", "id": "1"}',
        ),
        (
            {"@odata.type": "#microsoft.graph.participant"},
            '@odata.type is "#microsoft.graph.participant"; a call has "#microsoft.graph.call", or none',
        ),
    ],
)
def test_refuses_what_is_no_call(body: object, message: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        Call.from_json(json.dumps(body))
    assert str(refused.value) == message


# --- errors ------------------------------------------------------------------------------------------------------

NOT_FOUND = {
    "error": {
        "code": "8522",
        "message": "Call not found.",
        "innerError": {
            "request-id": "7f1bb1d2-7bb3-4a5f-9ff5-1c7a3e2ad0c0",
            "date": "2024-04-04T12:00:00",
            "client-request-id": "1",
        },
    }
}


def test_reads_and_writes_an_error() -> None:
    read = GraphError.from_json(json.dumps(NOT_FOUND), status=404)
    assert read == GraphError(
        status=404,
        code="8522",
        message="Call not found.",
        request_id="7f1bb1d2-7bb3-4a5f-9ff5-1c7a3e2ad0c0",
        date="2024-04-04T12:00:00",
        client_request_id="1",
    )
    assert read.to_dict() == NOT_FOUND


def test_reads_the_other_spelling_of_inner_error_and_writes_the_one_that_sdks_read() -> None:
    inner = NOT_FOUND["error"]["innerError"]
    body = {"error": {"code": "8522", "message": "Call not found.", "innererror": inner}}
    assert GraphError.from_dict(body, status=404).to_dict() == NOT_FOUND


@pytest.mark.parametrize("inner", [None, "x", [], {"request-id": 5}])
def test_reads_an_error_without_ids(inner: object) -> None:
    read = GraphError.from_dict({"error": {"code": 8522, "message": None, "innerError": inner}}, status=404)
    assert read == GraphError(status=404, code="8522", message="")
    assert read.to_dict() == {"error": {"code": "8522", "message": ""}}


AN_ERROR = 'such as {"error": {"code": "BadRequest", "message": "…"}}'


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([], f"the error is []; it must be an object, {AN_ERROR}"),
        ({}, f"error is missing; write an object with a code and a message, {AN_ERROR}"),
        ({"error": "x"}, f'error is "x"; write an object with a code and a message, {AN_ERROR}'),
        ({"error": {}}, 'error.code is null; write a string, such as "BadRequest"'),
        ({"error": {"code": 1.5}}, 'error.code is 1.5; write a string, such as "BadRequest"'),
    ],
)
def test_refuses_what_is_no_error(body: object, message: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        GraphError.from_json(json.dumps(body), status=400)
    assert str(refused.value) == message


# --- Microsoft's SDK ---------------------------------------------------------------------------------------------


def read_by_sdk(body: dict[str, Any], module: str, name: str) -> Any:
    """What Microsoft's Python SDK makes of a body; the test is skipped where it is not installed."""
    models = pytest.importorskip(f"msgraph.generated.models.{module}")
    factory = pytest.importorskip("kiota_serialization_json.json_parse_node_factory").JsonParseNodeFactory()
    node = factory.get_root_parse_node("application/json", json.dumps(body).encode())
    return node.get_object_value(getattr(models, name))


@pytest.mark.parametrize("case", ["camelCase", "PascalCase"])
def test_the_python_sdk_reads_what_is_written_of_an_operation(case: Any) -> None:
    ended = SendDtmfTonesOperation(
        id="1", status=OperationStatus.NOT_STARTED, completion_reason=CompletionReason.UNKNOWN, client_context="x"
    )
    read = read_by_sdk(ended.to_dict(status_case=case), "comms_operation", "CommsOperation")
    assert type(read).__name__ == "SendDtmfTonesOperation"
    assert (read.status.name, read.completion_reason.name, read.client_context) == ("NotStarted", "Unknown", "x")


def test_the_python_sdk_reads_what_is_written_of_a_call_and_an_error() -> None:
    call = Call(
        state=CallState.ESTABLISHED,
        audio=MediaState.ACTIVE,
        media_config=AppHostedMediaConfig(blob="x"),
        result_info=ResultInfo(code=200, subcode=0),
        tone_info=ToneInfo(sequence_id=1, tone=Tone.STAR),
    )
    read = read_by_sdk(call.to_dict(), "call", "Call")
    assert (read.state.name, read.media_state.audio.name, read.media_config.blob) == ("Established", "Active", "x")
    assert (read.result_info.code, read.tone_info.sequence_id, read.tone_info.tone.name) == (200, 1, "Star")
    error = read_by_sdk(NOT_FOUND, "o_data_errors.o_data_error", "ODataError").error
    assert (error.code, error.inner_error.client_request_id) == ("8522", "1")


# --- all of them -------------------------------------------------------------------------------------------------

READERS = [
    *(SubscribeToToneRequest.from_json, CancelMediaProcessingRequest.from_json, CreateCallRequest.from_json),
    *(SendDtmfTonesOperation.from_json, SubscribeToToneOperation.from_json, CancelMediaProcessingOperation.from_json),
    *(UnknownOperation.from_json, operation_from_json, Call.from_json, ResultInfo.from_json, ToneInfo.from_json),
    *(AppHostedMediaConfig.from_json, ServiceHostedMediaConfig.from_json),
    lambda text: GraphError.from_json(text, status=400),
]


@pytest.mark.parametrize("read", READERS)
@settings(max_examples=40)  # for each of the 14 readers
@given(body=json_values | likely_values)
def test_any_json_is_read_and_written_or_refused_with_a_remedy(read: Any, body: object) -> None:
    refusal = None
    try:
        found = read(json.dumps(body))
    except InvalidRequestError as error:
        refusal = str(error)
    else:
        text = json.dumps(found.to_dict(), allow_nan=False)
        assert read(text).to_dict() == found.to_dict()
        hash(found)
    assert refusal is None or "; " in refusal


requests_for_calls = st.builds(
    CreateCallRequest,
    callback_uri=st.sampled_from(["https://bot.contoso.com/callback", "http://127.0.0.1:8080"]),
    media_config=media_configs,
    requested_modalities=st.lists(st.sampled_from(MODALITIES), min_size=1).map(tuple),
    tenant_id=texts,
    targets=st.lists(objects, max_size=2).map(tuple),
    source=st.none() | objects,
    subject=texts,
    extra=st.dictionaries(st.sampled_from(["chatInfo", "meetingInfo"]), objects),
)


@given(made=operations)
def test_any_operation_reads_back_the_same(made: Any) -> None:
    assert operation_from_json(json.dumps(made.to_dict())) == made
    assert operation_from_json(json.dumps(made.to_dict(status_case="PascalCase"))) == made


@given(made=calls | tone_infos)
def test_any_call_reads_back_the_same(made: Any) -> None:
    assert type(made).from_json(json.dumps(made.to_dict())) == made


@given(made=st.builds(GraphError, status=st.just(400), code=texts.map(str), message=texts.map(str), request_id=texts))
def test_any_error_reads_back_the_same(made: GraphError) -> None:
    assert GraphError.from_json(json.dumps(made.to_dict()), status=400) == made


@given(made=requests_for_calls)
def test_any_request_for_a_call_reads_back_the_same(made: CreateCallRequest) -> None:
    assert CreateCallRequest.from_json(json.dumps(made.to_dict())) == made
