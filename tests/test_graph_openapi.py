"""The OpenAPI document: it is one, and it tells of the routes what they do."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from graph_service import APP_HOSTED, CALLBACK, CALLS, SERVICE_HOSTED, Service

from dtmf_audio import Tone
from dtmf_audio.graph.endpoints import BY_ACTION, CALL_ACTIONS, ENDPOINTS, endpoints_at
from dtmf_audio.graph.openapi import openapi_document

DOCUMENT = openapi_document()
OPERATIONS = {
    operation["operationId"]: operation
    for path in DOCUMENT["paths"].values()
    for method, operation in path.items()
    if method != "parameters"
}


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["components"]["schemas"][name]
    return found


def references(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [name for value in part.values() for name in references(value)]
    return [name for value in part for name in references(value)] if isinstance(part, list) else []


def faults(value: Any, wanted: Any) -> list[str]:
    """What is wrong with a value by a schema, as far as the document's own schemas go."""
    if "$ref" in wanted:
        return faults(value, schema(wanted["$ref"].rpartition("/")[2]))
    found = []
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "null": type(None)}
    if "type" in wanted:
        types = [wanted["type"]] if isinstance(wanted["type"], str) else wanted["type"]
        if not isinstance(value, tuple(kinds[name] for name in types)) or isinstance(value, bool):
            return [f"{value!r} is none of {types}"]
    for word, fits in {
        "enum": lambda limit: value in limit,
        "const": lambda limit: value == limit,
        "minLength": lambda limit: len(value) >= limit,
        "maxLength": lambda limit: len(value) <= limit,
        "minItems": lambda limit: len(value) >= limit,
        "maxItems": lambda limit: len(value) <= limit,
        "minimum": lambda limit: value >= limit,
        "maximum": lambda limit: value <= limit,
        "pattern": lambda limit: re.search(limit, value),
        "required": lambda limit: set(limit) <= set(value),
    }.items():
        if word in wanted and value is not None and not fits(wanted[word]):
            found.append(f"{value!r} against {word} {wanted[word]!r}")
    for word, least, most in (("oneOf", 1, 1), ("anyOf", 1, 99)):
        if word in wanted and not least <= sum(not faults(value, choice) for choice in wanted[word]) <= most:
            found.append(f"{value!r} against {word}")
    if isinstance(value, dict):
        for name, element in value.items():
            if name in wanted.get("properties", {}):
                found += faults(element, wanted["properties"][name])
            elif wanted.get("additionalProperties") is False and "@odata." not in name:
                found.append(f"{name!r} is no property")
    if isinstance(value, list):
        found += [fault for element in value for fault in faults(element, wanted.get("items", {}))]
    return found


def test_it_is_an_openapi_document() -> None:
    validator = pytest.importorskip("openapi_spec_validator")
    validator.validate(DOCUMENT)
    validator.validate(openapi_document(status_case="PascalCase"))


def test_it_can_be_written_and_every_reference_in_it_leads_somewhere() -> None:
    assert json.loads(json.dumps(DOCUMENT)) == DOCUMENT
    names = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    assert set(references(DOCUMENT)) <= names
    assert set(references(DOCUMENT)) | {"#/components/schemas/"} >= {
        f"#/components/schemas/{name}" for endpoint in ENDPOINTS for name in (endpoint.request, endpoint.answer)
    }


def test_it_has_every_route_and_no_other() -> None:
    assert set(OPERATIONS) == set(BY_ACTION) == set(Service().api._actions)
    for endpoint in ENDPOINTS:
        path = DOCUMENT["paths"][f"/communications/calls{endpoint.path}"]
        assert path[endpoint.method.lower()]["operationId"] == endpoint.action
        placeholders = re.findall(r"{(.*?)}", endpoint.path)
        assert [parameter["name"] for parameter in path["parameters"]] == placeholders
    assert len({(endpoint.method, endpoint.path) for endpoint in ENDPOINTS}) == len(ENDPOINTS)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.action)
def test_a_path_of_the_table_leads_to_its_endpoint(endpoint: Any) -> None:
    segments = endpoint.path.replace("{call-id}", "1").replace("{operation-id}", "2").split("/")[1:]
    by_method, ids = endpoints_at(segments)
    assert by_method[endpoint.method] is endpoint
    assert ids == {"call-id": "1", "operation-id": "2"} if len(segments) == 3 else ids.get("call-id", "1") == "1"


@pytest.mark.parametrize("segments", [["1", "2"], ["1", "operations"], ["1", "operations", "2", "3"], ["1", "2", "3"]])
def test_another_path_leads_nowhere(segments: list[str]) -> None:
    assert endpoints_at(segments) == ({}, {})


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.action)
def test_the_example_is_answered_as_the_document_says(endpoint: Any) -> None:
    service = Service()
    call_id, operation_id = service.call.id, service.send().json()["id"]
    if endpoint.action in ("answer", "reject"):
        call_id = str(service.switchboard.calls.ring(callback_uri=CALLBACK).id)
    path = f"{CALLS}{endpoint.path}".replace("{call-id}", call_id).replace("{operation-id}", operation_id)
    bodies = [dict(endpoint.example)] if endpoint.example else []
    if not endpoint.needs_body:
        bodies.append(None)
    for body in bodies[:1] if endpoint.action in ("reject", "deleteCall") else bodies:
        answer = service.ask(endpoint.method, path, body)
        said = OPERATIONS[endpoint.action]["responses"][str(answer.status)]
        assert answer.status == endpoint.status
        assert set(answer.headers) - {"Content-Type"} == set(said["headers"]) - {"client-request-id"}
        assert ("content" in said) == bool(answer.body)
        if answer.body:
            assert faults(answer.json(), said["content"]["application/json"]["schema"]) == []
        if body is not None:
            assert (
                faults(body, OPERATIONS[endpoint.action]["requestBody"]["content"]["application/json"]["schema"]) == []
            )


def test_an_error_is_as_the_document_says() -> None:
    answer = Service().ask("GET", f"{CALLS}/1")
    said = OPERATIONS["getCall"]["responses"]["404"]["content"]["application/json"]["schema"]
    assert faults(answer.json(), said) == []
    assert faults({"error": {"code": 8522}}, said) != []


BODIES: list[tuple[str, Any]] = [
    *(("sendDtmfTones", {"tones": [tone.value]}) for tone in Tone),
    ("sendDtmfTones", {"tones": ["tone1"], "delayBetweenTonesMs": 0, "clientContext": None, "@odata.type": "x"}),
    ("sendDtmfTones", {"tones": ["tone1"], "delayBetweenTonesMs": None, "tones@odata.type": "x"}),
    ("sendDtmfTones", {"tones": ["tone1"], "delayBetweenTonesMs": 2**31 - 1}),
    ("sendDtmfTones", {"tones": ["tone1"], "delayBetweenTonesMs": 2**31}),
    ("sendDtmfTones", {"tones": ["tone1"], "delayBetweenTonesMs": -1}),
    ("sendDtmfTones", {"tones": ["tone1"], "delayBetweenTonesMs": "1"}),
    ("sendDtmfTones", {"tones": ["tone1"], "delayBetweenTonesMs": True}),
    ("sendDtmfTones", {"tones": ["tone1"], "clientContext": "x" * 256}),
    ("sendDtmfTones", {"tones": ["tone1"], "clientContext": "x" * 257}),
    ("sendDtmfTones", {"tones": ["tone1"], "volume": 1}),
    ("sendDtmfTones", {"tones": ["tone1"] * 10_000}),
    ("sendDtmfTones", {"tones": ["tone1"] * 10_001}),
    *(("sendDtmfTones", {"tones": tones}) for tones in ([], None, "tone1", ["1"], [None], [1], {}, ["Tone1"])),
    *(("sendDtmfTones", body) for body in ({}, [], None, "tone1")),
    *((action, {"clientContext": 1}) for action in ("subscribeToTone", "cancelMediaProcessing")),
    *((action, {"clientContext": None}) for action in ("subscribeToTone", "cancelMediaProcessing")),
    *((action, {"tones": []}) for action in ("subscribeToTone", "cancelMediaProcessing", "reject", "answer")),
    *(("reject", {"reason": reason}) for reason in (None, "none", "busy", "forbidden", "bussy", 1)),
    *(("reject", {"callbackUri": uri}) for uri in (None, CALLBACK, "x", 1, "ftp://h")),
    *(
        (action, {"callbackUri": CALLBACK, "mediaConfig": media, name: ["audio"]} | more)
        for action, name in (("createCall", "requestedModalities"), ("answer", "acceptedModalities"))
        for media, more in [
            (SERVICE_HOSTED, {}),
            (APP_HOSTED, {}),
            (APP_HOSTED | {"blob": None}, {}),
            (APP_HOSTED | {"blob": 1}, {}),
            (SERVICE_HOSTED | {"blob": "1"}, {}),
            (SERVICE_HOSTED | {"preFetchMedia": [{"uri": "x"}]}, {}),
            (SERVICE_HOSTED | {"preFetchMedia": ["x"]}, {}),
            ({}, {}),
            (None, {}),
            (SERVICE_HOSTED, {name: []}),
            (SERVICE_HOSTED, {name: None}),
            (SERVICE_HOSTED, {name: ["smell"]}),
            (SERVICE_HOSTED, {name: "audio"}),
            (SERVICE_HOSTED, {"callbackUri": None}),
            (SERVICE_HOSTED, {"callbackUri": "bot.contoso.com"}),
            (SERVICE_HOSTED, {"callbackUri": "http://127.0.0.1:80/x?y=z"}),
            (SERVICE_HOSTED, {"targets": [{}]}),
            (SERVICE_HOSTED, {"targets": [1]}),
            (SERVICE_HOSTED, {"targets": [{}] * 101}),
            (SERVICE_HOSTED, {"source": 1}),
            (SERVICE_HOSTED, {"subject": 1}),
            (SERVICE_HOSTED, {"tenantId": {}}),
            (SERVICE_HOSTED, {"chatInfo": {"threadId": "1"}}),
            (SERVICE_HOSTED, {"@odata.type": "#microsoft.graph.call"}),
            (SERVICE_HOSTED, {"participantCapacity": 1}),
            (SERVICE_HOSTED, {"participantCapacity": "1"}),
            (SERVICE_HOSTED, {"callOptions": {}}),
        ]
    ),
]


@pytest.mark.parametrize(("action", "body"), BODIES, ids=lambda value: str(value)[:60])
def test_the_document_takes_what_the_service_takes(action: str, body: Any) -> None:
    service = Service()
    call_id = service.call.id
    if action in ("answer", "reject"):
        call_id = str(service.switchboard.calls.ring(callback_uri=CALLBACK).id)
    path = f"{CALLS}{BY_ACTION[action].path}".replace("{call-id}", call_id)
    answer = service.ask("POST", path, json.dumps(body).encode(), headers={"content-type": "application/json"})
    wrong = faults(body, OPERATIONS[action]["requestBody"]["content"]["application/json"]["schema"])
    assert answer.status == (400 if wrong else BY_ACTION[action].status), (wrong, answer.json())


@pytest.mark.parametrize(("case", "name"), [("camelCase", "notStarted"), ("PascalCase", "NotStarted")])
def test_the_status_is_spelled_as_the_emulator_is_told(case: Any, name: str) -> None:
    document = openapi_document(status_case=case)
    found = document["components"]["schemas"]["sendDtmfTonesOperation"]["properties"]["status"]["enum"]
    assert found[0] == name


def test_a_link_leads_from_a_new_call_to_everything_that_can_be_done_with_it() -> None:
    links = OPERATIONS["createCall"]["responses"]["201"]["links"]
    assert set(links) == {"getCall", "deleteCall", *CALL_ACTIONS}
    for link in links.values():
        assert link["operationId"] in OPERATIONS
    assert "getOperation" in OPERATIONS["sendDtmfTones"]["responses"]["200"]["links"]
