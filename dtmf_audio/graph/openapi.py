"""The emulated service as an OpenAPI 3.1 document, for tools that read one: fuzzers, viewers, generators of clients.

It is made from the table in ``endpoints`` that the routes go by, and from the bounds and names that requests are read
by, so that it cannot say anything else than they do. It describes what the emulator does, not all that Graph does.

Conventions
-----------
- A request's schema takes what the emulator takes and, as far as a schema can tell, nothing else: no property that it
  does not have, but for OData's annotations. What a schema cannot tell: a name twice in one object, 1.0 for 1, a body
  over 1 MiB or nested deeper than 64 levels.
- An answer's schema is open, as Graph's types are.
- Where one answer leads to another request, a link says how, so that a fuzzer reaches calls that exist.
"""

from __future__ import annotations

from typing import Any

from dtmf_audio.graph.endpoints import ENDPOINTS, VERSIONS, Endpoint
from dtmf_audio.graph.models import MODALITIES, CallDirection, CallState, MediaState
from dtmf_audio.graph.operations import CompletionReason, OperationStatus
from dtmf_audio.graph.requests import CALL_PROPERTIES, CALLBACK_URI, MAX_TARGETS, MAX_TONES, RejectReason
from dtmf_audio.graph.wire import MAX_CLIENT_CONTEXT, MAX_INT32, StatusCase, in_case, odata_type
from dtmf_audio.tones import Tone

Json = dict[str, Any]

_ERRORS = {
    400: "The path, the body or the state of the call is wrong; the message says what to do.",
    401: "There is no token, where tokens are needed.",
    403: "The token lacks a role, where tokens are needed.",
    404: "There is no such call, or no such operation; a call that is over is unknown.",
    405: "The resource does not have this method.",
    413: "The body is over 1 MiB.",
    415: "The body has an encoding that is not gzip.",
    429: "Too many at once: a bound of the emulator's; or planned.",
    500: "The service failed: for subscribeToTone, the bot has the audio itself; or planned.",
    503: "The service is not there: planned.",
}
_PARAMETERS = {
    "call-id": "The id of a call, from the answer that made it or from a notification.",
    "operation-id": "The id of an operation, from the answer that made it.",
}
_HEADERS: Json = {
    "request-id": {"description": "The service's id of the request.", "schema": {"type": "string", "format": "uuid"}},
    "client-request-id": {"description": "As the request had it.", "schema": {"type": "string"}},
}
_LOCATION: Json = {
    "Location": {"description": "Where to read what was made.", "schema": {"type": "string", "format": "uri"}}
}


def openapi_document(*, status_case: StatusCase = "camelCase") -> Json:
    """Return the document, ready for :func:`json.dumps`.

    Parameters
    ----------
    status_case : {"camelCase", "PascalCase"}
        How the emulator spells the status of operations.
    """
    paths: dict[str, Json] = {}
    for endpoint in ENDPOINTS:
        path = f"/communications/calls{endpoint.path}"
        paths.setdefault(path, {"parameters": [_parameter(name) for name in _placeholders(endpoint.path)]})
        paths[path][endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Calls of Microsoft Graph, emulated",
            "version": "1.0.0",
            "description": "What the emulator of dtmf_audio answers; it is not Microsoft's, nor all of Graph's calls.",
        },
        "servers": [{"url": f"/{version}"} for version in VERSIONS],
        "tags": [{"name": "calls", "description": "Calls, and what is done in them."}],
        "paths": paths,
        "components": {
            "schemas": _requests() | _answers(status_case),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
        "security": [{}, {"bearer": []}],
    }


def _placeholders(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def _parameter(name: str) -> Json:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": _PARAMETERS[name],
        "schema": {"type": "string", "minLength": 1},
    }


def _operation(endpoint: Endpoint) -> Json:
    """Return the document's part on a method of a path."""
    right: Json = {
        "description": "Done." if endpoint.status != 202 else "Taken; what follows is notified.",
        "headers": _HEADERS | (_LOCATION if endpoint.located else {}),
    }
    if endpoint.answer:
        right["content"] = {"application/json": {"schema": _ref(endpoint.answer)}}
    links = _links(endpoint)
    if links:
        right["links"] = links
    found: Json = {
        "operationId": endpoint.action,
        "summary": endpoint.summary,
        "tags": ["calls"],
        "responses": {str(endpoint.status): right},
    }
    for status in _errors_of(endpoint):
        found["responses"][str(status)] = _error(status)
    if endpoint.request:
        body: Json = {"schema": _ref(endpoint.request), "example": dict(endpoint.example or {})}
        found["requestBody"] = {"required": endpoint.needs_body, "content": {"application/json": body}}
    return found


def _errors_of(endpoint: Endpoint) -> list[int]:
    """Return the statuses of the errors that a request can be answered, planned ones included."""
    of_bodies = {413, 415} if endpoint.request else set()
    of_calls = {404} if endpoint.path else set()
    return sorted({400, 401, 403, 404, 429, 500, 503} | of_bodies | of_calls | set(endpoint.errors))


def _error(status: int) -> Json:
    headers = dict(_HEADERS)
    if status in (429, 503):
        headers["Retry-After"] = {
            "description": "Seconds after which it is worth trying again.",
            "schema": {"type": "integer", "minimum": 0},
        }
    return {
        "description": _ERRORS[status],
        "headers": headers,
        "content": {"application/json": {"schema": _ref("error")}},
    }


def _links(endpoint: Endpoint) -> Json:
    """Return the requests that an answer gives the ids for."""
    if endpoint.action == "createCall":
        return {
            other.action: {"operationId": other.action, "parameters": {"call-id": "$response.body#/id"}}
            for other in ENDPOINTS
            if _placeholders(other.path) == ["call-id"]
        }
    if endpoint.located:
        ids = {"call-id": "$request.path.call-id", "operation-id": "$response.body#/id"}
        return {"getOperation": {"operationId": "getOperation", "parameters": ids}}
    return {}


# --- schemas ---------------------------------------------------------------------------------------------------------


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _or_null(schema: Json) -> Json:
    """Return a schema that takes null as well."""
    if "type" in schema and "enum" not in schema:
        return schema | {"type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def _closed(properties: Json, required: tuple[str, ...] = ()) -> Json:
    """Return the schema of what a client sends: an object without other properties, but for OData's annotations."""
    schema: Json = {
        "type": "object",
        "properties": properties,
        "patternProperties": {r"@odata\.": {}},
        "additionalProperties": False,
    }
    return schema | ({"required": list(required)} if required else {})


def _open(kind: str, properties: Json, required: tuple[str, ...] = ()) -> Json:
    """Return the schema of what the service sends, an object of a type of Graph's."""
    types: Json = {"@odata.type": {"type": "string", "const": odata_type(kind)}}
    return {"type": "object", "properties": types | properties, "required": ["@odata.type", *required]}


def _names(members: Any) -> Json:
    return {"type": "string", "enum": [str(member) for member in members]}


_TEXT: Json = {"type": "string"}
_CONTEXT: Json = {"type": "string", "maxLength": MAX_CLIENT_CONTEXT}
_URI: Json = {
    "type": "string",
    "pattern": CALLBACK_URI,
    "description": "An absolute http or https URI in ASCII. (IPv6 addresses are taken that the pattern does not know.)",
}


def _media_config() -> Json:
    app_hosted = _closed({"@odata.type": {"const": odata_type("appHostedMediaConfig")}}, ("@odata.type",))
    app_hosted["properties"] |= {"blob": _or_null(_TEXT), "removeFromDefaultAudioGroup": {}}
    service_hosted = _closed({"@odata.type": {"const": odata_type("serviceHostedMediaConfig")}}, ("@odata.type",))
    service_hosted["properties"]["preFetchMedia"] = _or_null({"type": "array", "items": {"type": "object"}})
    return {"oneOf": [app_hosted, service_hosted]}


def _requests() -> Json:
    modalities = {"type": "array", "items": _names(MODALITIES)}
    call: Json = {name: {} for name in CALL_PROPERTIES}
    call |= {
        "@odata.type": _or_null({"type": "string", "enum": [odata_type("call")]}),
        "callbackUri": _URI,
        "requestedModalities": modalities | {"minItems": 1},
        "mediaConfig": _ref("mediaConfig"),
        "targets": _or_null({"type": "array", "items": {"type": "object"}, "maxItems": MAX_TARGETS}),
        "tenantId": _or_null(_TEXT),
        "source": _or_null({"type": "object"}),
        "subject": _or_null(_TEXT),
    }
    return {
        "mediaConfig": _media_config(),
        "createCallRequest": _closed(call, ("callbackUri", "requestedModalities", "mediaConfig")),
        "sendDtmfTonesRequest": _closed(
            {
                "tones": {"type": "array", "items": _names(Tone), "minItems": 1, "maxItems": MAX_TONES},
                "delayBetweenTonesMs": _or_null({"type": "integer", "minimum": 0, "maximum": MAX_INT32}),
                "clientContext": _or_null(_CONTEXT),
            },
            ("tones",),
        ),
        "subscribeToToneRequest": _closed({"clientContext": _or_null(_CONTEXT)}),
        "cancelMediaProcessingRequest": _closed({"clientContext": _or_null(_CONTEXT)}),
        "answerRequest": _closed(
            {
                "callbackUri": _URI,
                "mediaConfig": _ref("mediaConfig"),
                "acceptedModalities": _or_null(modalities),
                "participantCapacity": _or_null({"type": "integer", "minimum": -MAX_INT32 - 1, "maximum": MAX_INT32}),
                "callOptions": {},
            },
            ("callbackUri", "mediaConfig"),
        ),
        "rejectRequest": _closed({"reason": _or_null(_names(RejectReason)), "callbackUri": _or_null(_URI)}),
    }


def _answers(status_case: StatusCase) -> Json:
    status = _names(in_case(member, status_case) for member in OperationStatus)
    integer: Json = {"type": "integer", "minimum": -MAX_INT32 - 1, "maximum": MAX_INT32}
    result = _open("resultInfo", {"code": integer, "subcode": integer, "message": _TEXT}, ("code", "subcode"))
    operation: Json = {"id": _TEXT, "status": status, "clientContext": _CONTEXT, "resultInfo": _ref("resultInfo")}
    sent = operation | {"completionReason": _names(CompletionReason)}
    inner = dict.fromkeys(("request-id", "client-request-id", "date"), _TEXT)
    kinds = ("sendDtmfTonesOperation", "subscribeToToneOperation", "cancelMediaProcessingOperation")
    return {
        "resultInfo": result,
        "call": _open(
            "call",
            {
                "id": _TEXT,
                "state": _names(CallState),
                "direction": _names(CallDirection),
                "callbackUri": _TEXT,
                "callChainId": _TEXT,
                "myParticipantId": _TEXT,
                "requestedModalities": {"type": "array", "items": _TEXT},
                "mediaState": _open("callMediaState", {"audio": _names(MediaState)}, ("audio",)),
                "resultInfo": _ref("resultInfo"),
            },
            ("id", "state"),
        ),
        **{kind: _open(kind, sent if kind == kinds[0] else operation, ("id", "status")) for kind in kinds},
        "commsOperation": {"oneOf": [_ref(kind) for kind in kinds]},
        "error": {
            "type": "object",
            "required": ["error"],
            "properties": {
                "error": {
                    "type": "object",
                    "required": ["code", "message", "innerError"],
                    "properties": {
                        "code": _TEXT,
                        "message": _TEXT,
                        "innerError": {"type": "object", "required": list(inner), "properties": inner},
                    },
                }
            },
        },
    }
