"""Requests of real clients, byte for byte, and whether each of them can read what it is answered.

The bytes of Microsoft's Python SDK and JavaScript client were recorded (msgraph-sdk 1.65.0 with httpx 0.28.1,
@microsoft/microsoft-graph-client 3.0.7 on Node 20). Those of the others are built by the rules of their generated code,
which was read and not run; a comment says which. How each client reads an answer is written out beside its bytes: a
function that takes the answer and returns what the client's user would see.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from graph_service import Service, check_error
from hypothesis import event, given, settings
from hypothesis import strategies as st

from dtmf_audio.graph.endpoints import BY_ACTION, CALL_ACTIONS, NOT_DONE_ACTIONS
from dtmf_audio.graph.routes import UNREADABLE, HttpRequest, HttpResponse
from dtmf_audio.graph.wire import StatusCase

CALL_ID = "481f3600-983e-4276-9b59-c1b30ec8d125"  # of the recordings; that of the service's call takes its place
CONTEXT = "e0be71f1-a14f-4cec-b65a-e7aba5db7c53"
TONES = [f"tone{digit}" for digit in (1, 2, 3, 4, 5, 6, 7, 8, 9, 0)] + ["star", "pound"]

# --- requests --------------------------------------------------------------------------------------------------------


def parsed(raw: bytes) -> HttpRequest:
    """Read a request as HTTP/1.1 has it: a line, headers, an empty line, and the body that Content-Length tells."""
    head, _, body = raw.partition(b"\r\n\r\n")
    line, *fields = head.decode("ascii").split("\r\n")
    method, target, version = line.split(" ")
    assert version == "HTTP/1.1"
    headers = {}
    for text in fields:
        name, colon, value = text.partition(":")
        assert colon
        headers[name.lower()] = value.strip()
    assert len(body) == int(headers.get("content-length", 0)), "the recording is not whole"
    return HttpRequest(method=method, path=target.partition("?")[0], headers=headers, body=body)


def http(head: str, body: bytes = b"") -> bytes:
    """Join a request as it goes over the wire; ``{n}`` in the head is the length of the body."""
    lines = [line.strip() for line in head.strip().splitlines()]
    return "\r\n".join(lines).format(n=len(body)).encode() + b"\r\n\r\n" + body


def compact(body: dict[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


IN_KIOTAS_ORDER = {"clientContext": CONTEXT, "delayBetweenTonesMs": 1000, "tones": TONES}
PATH = f"/v1.0/communications/calls/{CALL_ID}/sendDtmfTones"

# Recorded.
PYTHON = http(
    f"""
    POST {PATH} HTTP/1.1
    Host: 127.0.0.1:18080
    Accept-Encoding: gzip, deflate
    Connection: keep-alive
    accept: application/json
    content-type: application/json
    Content-Length: 204
    User-Agent: python-httpx/0.28.1 kiota-python/1.16.0
    """,
    b'{"clientContext": "e0be71f1-a14f-4cec-b65a-e7aba5db7c53", "delayBetweenTonesMs": 1000, "tones": ["tone1", '
    b'"tone2", "tone3", "tone4", "tone5", "tone6", "tone7", "tone8", "tone9", "tone0", "star", "pound"]}',
)
JAVASCRIPT = http(
    f"""
    POST /v1.0/communications/calls/{CALL_ID}/microsoft.graph.sendDtmfTones HTTP/1.1
    host: 127.0.0.1:18080
    connection: keep-alive
    Content-Type: application/json
    accept: */*
    accept-language: *
    sec-fetch-mode: cors
    user-agent: node
    accept-encoding: gzip, deflate
    content-length: 188
    """,
    b'{"tones":["tone1","tone2","tone3","tone4","tone5","tone6","tone7","tone8","tone9","tone0","star","pound"],'
    b'"delayBetweenTonesMs":1000,"clientContext":"e0be71f1-a14f-4cec-b65a-e7aba5db7c53"}',
)
# By rule: the adapter was recorded (User-Agent, SdkVersion, compact JSON), the builder was read (path, order).
TYPESCRIPT_HEAD = f"""
    POST {PATH} HTTP/1.1
    host: 127.0.0.1:18080
    connection: keep-alive
    Accept: application/json
    Content-Type: application/json
    SdkVersion: graph-typescript/1.0.0-preview.90
    User-Agent: kiota-typescript/1.0.0
    accept-language: *
    sec-fetch-mode: cors
    accept-encoding: gzip, deflate
    content-length: {{n}}
    """
TYPESCRIPT = http(TYPESCRIPT_HEAD, compact(IN_KIOTAS_ORDER))
# By rule: older generated code wrote a list of an enum with writeEnumValue, which joins it to one string.
OLD_TYPESCRIPT = http(TYPESCRIPT_HEAD, b'{"clientContext":"c","delayBetweenTonesMs":1000,"tones":"tone1, star"}')
# By rule, all that follow: the path, Accept and the order of the generated code; headers as each HTTP client has them.
CSHARP = http(
    f"""
    POST {PATH} HTTP/1.1
    Host: localhost:18080
    Accept: application/json
    User-Agent: kiota-dotnet/1.12.4
    Content-Type: application/json
    Content-Length: {{n}}
    """,
    compact(IN_KIOTAS_ORDER),
)
GO_HEAD = f"""
    POST {PATH} HTTP/1.1
    Host: localhost:18080
    User-Agent: kiota-go/1.4.0
    Content-Length: {{n}}
    Accept: application/json
    Content-Encoding: gzip
    Content-Type: application/json
    Accept-Encoding: gzip
    """
GO = http(GO_HEAD, gzip.compress(compact(IN_KIOTAS_ORDER), mtime=0))  # its CompressionHandler is on by default
GO_PLAIN = http(GO_HEAD.replace("Content-Encoding: gzip\n", "X-Again: 1\n"), compact(IN_KIOTAS_ORDER))  # after a 415
JAVA = http(
    f"""
    POST {PATH} HTTP/1.1
    Accept: application/json
    User-Agent: kiota-java/1.8.0
    Content-Type: application/json
    Content-Length: {{n}}
    Host: localhost:18080
    Connection: Keep-Alive
    Accept-Encoding: gzip
    """,
    compact(IN_KIOTAS_ORDER),
)
PHP = http(
    f"""
    POST {PATH} HTTP/1.1
    Host: localhost:18080
    User-Agent: kiota-php/1.4.0
    Accept: application/json
    Content-Type: application/json
    Content-Length: {{n}}
    """,
    compact(IN_KIOTAS_ORDER),
)
# By rule: BodyParameter passes the user's object on, here in the order of the cmdlet's parameters, indented.
POWERSHELL = http(
    f"""
    POST {PATH} HTTP/1.1
    Host: localhost:18080
    User-Agent: Mozilla/5.0
    SdkVersion: graph-powershell/2.25.0
    client-request-id: 2c0f9c6e-0d53-4d2e-9d0b-7f7b5f5a3f5e
    Accept-Encoding: gzip, deflate, br
    Content-Type: application/json
    Content-Length: {{n}}
    """,
    json.dumps({"tones": TONES, "delayBetweenTonesMs": 1000, "clientContext": CONTEXT}, indent=2).encode(),
)

# --- how each client reads an answer ---------------------------------------------------------------------------------

STATUSES = ("NotStarted", "Running", "Completed", "Failed")  # the schema's names, all that generated code knows


class UnreadableError(Exception):
    """The client throws at its user."""


def json_of(answer: HttpResponse) -> Any:
    """What a client generated by Kiota makes of an answer: it goes by the Content-Type, parameters aside."""
    if answer.status == 204 or not answer.body:
        return None
    media_type = answer.headers.get("Content-Type", "").partition(";")[0]
    if media_type != "application/json":
        raise UnreadableError(f"no parser for {media_type!r}")
    return json.loads(answer.body)


def python_status(text: str) -> str | None:
    """The first letter is made upper case, the rest must fit; what does not is None."""
    name = text[:1].upper() + text[1:]
    return name if name in STATUSES else None


def javascript_status(text: str) -> str | None:
    """A plain object: what came."""
    return text


def typescript_status(text: str) -> str | None:
    """An object is looked up by what came; undefined else."""
    return {name: name for name in STATUSES}.get(text)


def csharp_status(text: str) -> str | None:
    """Enum.TryParse, ignoring case."""
    return {name.lower(): name for name in STATUSES}.get(text.lower())


def go_status(text: str) -> str | None:
    """ParseOperationStatus: a switch over the names, an error else."""
    if text not in STATUSES:
        raise UnreadableError(f"Unknown OperationStatus value: {text}")
    return text


def java_status(text: str) -> str | None:
    """OperationStatus.forValue: a switch over the names, null else."""
    return text if text in STATUSES else None


def php_status(text: str) -> str | None:
    """Enum's constructor throws at what is no constant."""
    if text not in STATUSES:
        raise UnreadableError("Invalid enum value")
    return text


def any_status(text: str) -> str | None:
    """How PowerShell's cmdlet reads it was not looked at: that it is one of the names in any case is all that is asked."""
    return csharp_status(text)


@dataclass(frozen=True)
class Client:
    """A client: what it sends, how it reads a status, and what it does with the documentation's ``running``."""

    name: str
    request: bytes
    read_status: Callable[[str], str | None]
    reads_camel_case: bool = True
    throws: bool = False

    def __str__(self) -> str:
        return self.name


CLIENTS = [
    Client("Python", PYTHON, python_status),
    Client("JavaScript", JAVASCRIPT, javascript_status),
    Client("TypeScript", TYPESCRIPT, typescript_status, reads_camel_case=False),
    Client("C#", CSHARP, csharp_status),
    Client("Go", GO, go_status, reads_camel_case=False, throws=True),
    Client("Go-plain", GO_PLAIN, go_status, reads_camel_case=False, throws=True),
    Client("Java", JAVA, java_status, reads_camel_case=False),
    Client("PHP", PHP, php_status, reads_camel_case=False, throws=True),
    Client("PowerShell", POWERSHELL, any_status),
]
each_client = pytest.mark.parametrize("client", CLIENTS, ids=str)


def answered(service: Service, raw: bytes) -> HttpResponse:
    return service.api.handle(parsed(raw.replace(CALL_ID.encode(), service.call.id.encode())))


@each_client
@pytest.mark.parametrize("case", ["camelCase", "PascalCase"])
def test_tones_are_sent_and_the_answer_is_whole(client: Client, case: StatusCase) -> None:
    service = Service(status_case=case)
    answer = answered(service, client.request)
    host = parsed(client.request).headers["host"]
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("application/json;")
    body = json_of(answer)
    place = f"/v1.0/communications/calls/{service.call.id}/operations/{body['id']}"
    assert answer.headers["Location"] == f"http://{host}{place}"
    assert body == {
        "@odata.type": "#microsoft.graph.sendDtmfTonesOperation",
        "status": "running" if case == "camelCase" else "Running",
        "clientContext": CONTEXT,
        "id": body["id"],
    }
    service.switchboard.advance(26_000)
    assert service.call.far_end.keys == "1234567890*#"


@each_client
def test_the_status_is_read_where_it_is_spelled_as_the_schema_has_it(client: Client) -> None:
    service = Service(status_case="PascalCase")
    first, second = (json_of(answered(service, client.request)) for _ in range(2))
    assert client.read_status(first["status"]) == "Running"
    assert client.read_status(second["status"]) == "NotStarted"
    service.switchboard.advance(26_000)
    read = parsed(http(f"GET {PATH.replace('sendDtmfTones', 'operations')}/{first['id']} HTTP/1.1\nHost: h"))
    path = read.path.replace(CALL_ID, service.call.id)
    ended = json_of(service.api.handle(HttpRequest(method="GET", path=path, headers=read.headers)))
    assert client.read_status(ended["status"]) == "Completed"


@each_client
def test_who_can_read_the_status_as_the_documentation_has_it(client: Client) -> None:
    status = json_of(answered(Service(), client.request))["status"]
    assert status == "running"
    if client.reads_camel_case:
        assert client.read_status(status) in ("Running", "running")
        return
    if client.throws:
        with pytest.raises(UnreadableError, match=r"Unknown OperationStatus value: running|Invalid enum value"):
            client.read_status(status)
    else:
        assert client.read_status(status) is None


@each_client
def test_an_error_is_read_with_its_code_message_and_ids(client: Client) -> None:
    # Kiota's clients and the JavaScript one read error.code, error.message and error.innerError, spelled so.
    answer = Service().api.handle(parsed(client.request))  # the call of the recording is not there
    assert answer.status == 404
    error = json_of(answer)["error"]
    assert (error["code"], error["message"]) == ("8522", "Call not found.")
    assert isinstance(error["code"], str)
    assert error["innerError"]["request-id"] == answer.headers["request-id"]
    assert error["innerError"]["date"] == "2026-11-25T12:00:00"
    asked = parsed(client.request).headers.get("client-request-id")
    assert answer.headers.get("client-request-id") == asked
    assert error["innerError"]["client-request-id"] == (asked or answer.headers["request-id"])


def test_an_older_typescript_sdk_is_told_what_it_did() -> None:
    answer = answered(Service(), OLD_TYPESCRIPT)
    assert answer.status == 400
    assert json_of(answer)["error"]["message"].startswith(
        'tones is the string "tone1, star", as an older TypeScript SDK sends it; write a list of tone names'
    )


def test_a_python_sdk_that_was_given_strings_is_told_what_it_did() -> None:
    raw = http(PYTHON.partition(b"\r\n\r\n")[0].decode().replace("204", "{n}"), b'{"tones": [null, null]}')
    answer = answered(Service(), raw)
    assert answer.status == 400
    assert json_of(answer)["error"]["message"] == (
        'tones[0] is null; write a tone name, such as "tone1" '
        "(Microsoft's Python SDK sends null when it is given a str: give it Tone.Tone1)."
    )


@pytest.mark.parametrize("body", [b"{}", b'{"tones": []}'])
def test_a_python_sdk_without_tones_is_refused(body: bytes) -> None:
    raw = http(PYTHON.partition(b"\r\n\r\n")[0].decode().replace("204", "{n}"), body)
    assert answered(Service(), raw).status == 400


def test_python_finds_the_operation_by_its_type() -> None:
    # GET operations/{id} gives a plain CommsOperation, without a completion reason, unless @odata.type tells more.
    service = Service()
    operation = json_of(answered(service, PYTHON))
    service.switchboard.advance(26_000)
    raw = http(
        f"""
        GET /v1.0/communications/calls/{CALL_ID}/operations/{operation["id"]} HTTP/1.1
        Host: 127.0.0.1:18080
        Accept-Encoding: gzip, deflate
        Connection: keep-alive
        accept: application/json
        User-Agent: python-httpx/0.28.1 kiota-python/1.16.0
        """
    )
    body = json_of(answered(service, raw))
    assert body["@odata.type"] == "#microsoft.graph.sendDtmfTonesOperation"
    assert (python_status(body["status"]), body["completionReason"]) == ("Completed", "completedSuccessfully")


def test_python_creates_a_call_without_a_type_at_the_top() -> None:
    service = Service()
    body = (
        b'{"callbackUri": "https://bot.contoso.com/callback", "mediaConfig": {"@odata.type": '
        b'"#microsoft.graph.appHostedMediaConfig", "blob": "<Media Session Configuration>"}, '
        b'"requestedModalities": ["audio"], "tenantId": "aa67bd4c-8475-432d-bd41-39f255720e0a"}'
    )
    raw = http(
        """
        POST /v1.0/communications/calls HTTP/1.1
        Host: 127.0.0.1:18080
        accept: application/json
        content-type: application/json
        Content-Length: {n}
        User-Agent: python-httpx/0.28.1 kiota-python/1.16.0
        """,
        body,
    )
    answer = answered(service, raw)
    call = json_of(answer)
    assert answer.status == 201
    assert answer.headers["Location"] == f"http://127.0.0.1:18080/v1.0/communications/calls/{call['id']}"
    assert call["mediaConfig"]["@odata.type"] == "#microsoft.graph.appHostedMediaConfig"  # it finds the class by it
    assert call["state"] == "establishing"


def test_a_base_address_with_a_slash_at_its_end_does_no_harm() -> None:
    raw = PYTHON.replace(b"/v1.0/communications", b"/v1.0//communications")
    assert answered(Service(), raw).status == 200


def javascript_response(answer: HttpResponse) -> Any:
    """What the JavaScript client gives its user: it reads JSON wherever the Content-Type says so, empty or not."""
    if answer.status == 204:
        return "undefined"
    if "application/json" in answer.headers.get("Content-Type", ""):
        try:
            return json.loads(answer.body)
        except json.JSONDecodeError as error:
            raise UnreadableError(f"GraphError({answer.status}, SyntaxError)") from error
    return "a stream"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("POST /v1.0/communications/calls/{}/keepAlive", "a stream"),
        ("DELETE /v1.0/communications/calls/{}", "undefined"),
    ],
)
def test_javascript_can_take_an_answer_without_a_body(line: str, found: str) -> None:
    head = f"{line.format(CALL_ID)} HTTP/1.1\nhost: 127.0.0.1:18080\naccept: */*\nuser-agent: node\n"
    assert javascript_response(answered(Service(), http(head))) == found
    assert javascript_response(HttpResponse(status=204)) == "undefined"
    with pytest.raises(UnreadableError, match="SyntaxError"):
        javascript_response(HttpResponse(status=200, headers={"Content-Type": "application/json"}))


def test_javascript_without_a_token_over_http_is_let_in() -> None:
    assert "authorization" not in parsed(JAVASCRIPT).headers
    assert answered(Service(), JAVASCRIPT).status == 200
    assert answered(Service(require_bearer=True), JAVASCRIPT).status == 401


def test_curl_without_a_content_type_is_told_what_to_send() -> None:
    raw = http(
        f"""
        POST {PATH} HTTP/1.1
        Host: localhost:18080
        User-Agent: curl/8.5.0
        Accept: */*
        Content-Length: {{n}}
        Content-Type: application/x-www-form-urlencoded
        """,
        b'{"tones": ["tone1"]}',
    )
    assert json_of(answered(Service(), raw))["error"]["message"] == (
        f"{UNREADABLE} Content-Type is 'application/x-www-form-urlencoded'; send application/json "
        "(curl -d says that by itself: give it -H 'Content-Type: application/json')."
    )


# --- anything at all -------------------------------------------------------------------------------------------------

ASKED_FOR = {501, 500}  # what the emulator has not; subscribeToTone where the bot has the audio

texts = st.text(max_size=30) | st.sampled_from(["", "\ud800", "\r\nX: y", "%00", "a" * 2000])
segments = texts | st.sampled_from(
    ["v1.0", "beta", "communications", "app", "calls", "operations", "{call}", "%2F", "..", "microsoft.graph."]
    + [*CALL_ACTIONS, *NOT_DONE_ACTIONS]
    + [f"microsoft.graph.{action}" for action in CALL_ACTIONS]
)
paths = (
    texts
    | st.lists(segments, max_size=7).map("/".join)
    | st.builds("/{}/communications/calls/{{call}}/{}".format, st.sampled_from(["v1.0", "beta"]), segments)
    | st.builds("/v1.0/communications/calls{}".format, st.sampled_from([e.path for e in BY_ACTION.values()]))
)
methods = st.sampled_from(["GET", "POST", "DELETE", "POST", "POST", "HEAD", "PUT", "PATCH", "OPTIONS"]) | texts
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts | st.sampled_from([*TONES, "a", "flash"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
names = st.sampled_from(
    [
        *("tones", "delayBetweenTonesMs", "clientContext", "callbackUri", "mediaConfig", "requestedModalities"),
        *("@odata.type", "targets", "source", "subject", "tenantId", "acceptedModalities", "participantCapacity"),
        *("reason", "state", "chatInfo"),
    ]
)
right_bodies = st.sampled_from([dict(e.example) for e in BY_ACTION.values() if e.example])


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A request that is right, with some of it changed, as JSON or as bytes."""
    body: dict[str, Any] = dict(draw(right_bodies))
    for name in draw(st.lists(names, max_size=3)):
        body[name] = draw(values)
    for name in draw(st.lists(st.sampled_from(sorted(body)), max_size=1)):
        del body[name]
    raw = json.dumps(body).encode()
    if draw(st.booleans()):
        at = draw(st.integers(0, len(raw)))
        raw = raw[:at] + draw(st.binary(max_size=4)) + raw[at + draw(st.integers(0, 3)) :]
    return raw


bodies = (
    st.binary(max_size=100)
    | values.map(lambda value: json.dumps(value).encode())
    | mutated()
    | mutated().map(gzip.compress)
    | st.builds(lambda raw, cut: gzip.compress(raw)[:cut], mutated(), st.integers(0, 60))
)
headers = st.fixed_dictionaries(
    {},
    optional={
        "content-type": st.sampled_from(["application/json"] * 5 + ["application/json; charset=utf-16", "text/plain"])
        | texts,
        "content-encoding": st.sampled_from(["gzip", "identity", "br"]) | texts,
        "host": st.sampled_from(["localhost:1", "[::1]"]) | texts,
        "authorization": texts | texts.map(lambda text: f"Bearer a.{text}.b"),
        "client-request-id": texts,
        "x-other": texts,
    },
)


@st.composite
def requests(draw: st.DrawFn) -> HttpRequest:
    """A request that is right; or one part of it is anything; or all of them are."""
    endpoint = draw(st.sampled_from(list(BY_ACTION.values())))
    wrong = draw(st.sampled_from(["nothing", "method", "path", "headers", "body", "body", "body", "all"]))

    def part(name: str, right: Any, other: st.SearchStrategy[Any]) -> Any:
        return draw(other) if wrong in (name, "all") else right

    body = json.dumps(dict(endpoint.example)).encode() if endpoint.example else b""
    return HttpRequest(
        method=part("method", endpoint.method, methods),
        path=part("path", f"/v1.0/communications/calls{endpoint.path}", paths),
        headers=part("headers", {"content-type": "application/json"}, headers),
        body=part("body", body, bodies),
    )


@given(
    asked=requests(),
    media=st.sampled_from(["serviceHosted", "appHosted"]),
    guarded=st.sampled_from([False] * 3 + [True]),
)
@settings(max_examples=400)
def test_whatever_comes_is_answered(asked: HttpRequest, media: str, guarded: bool) -> None:
    service = Service(media=media)
    call_id = service.call.id
    if asked.path.endswith(("/answer", "/reject")):
        call_id = str(service.switchboard.calls.ring(callback_uri="https://bot.contoso.com/callback").id)
    operation_id = service.send().json()["id"]
    service.api.require_bearer = guarded
    path = asked.path.replace("{call}", call_id).replace("{call-id}", call_id).replace("{operation-id}", operation_id)
    answer = service.api.handle(replace(asked, path=path))
    event(f"{answer.status} {answer.action}")
    check_any(answer, asked.method)
    service.switchboard.advance(100)  # what it left behind does no harm either
    for notification in service.switchboard.notifications:
        json.dumps(notification.body.to_dict())


def check_any(answer: HttpResponse, method: str) -> None:
    """Check what every answer has, whatever the request was."""
    assert answer.status < 500 or answer.status in ASKED_FOR
    if answer.status == 500:
        assert answer.action == "subscribeToTone"
    assert len(answer.headers["request-id"]) == 36
    for name, value in answer.headers.items():
        assert f"{name}{value}".isascii()
        assert f"{name}{value}".isprintable()
    if answer.status >= 400 and method != "HEAD":
        check_error(answer)
    elif answer.body:
        assert answer.headers["Content-Type"].startswith("application/json;")
        assert isinstance(answer.json(), dict)
    else:
        assert "Content-Type" not in answer.headers
