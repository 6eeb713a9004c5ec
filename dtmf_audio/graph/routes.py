"""The HTTP of Graph's calls: a request in, an answer out, no socket.

Conventions
-----------
- :meth:`GraphApi.handle` takes any request at all and returns an answer; it raises nothing. What a client did wrong is
  told in Graph's error shape, with a message that says what to do.
- Paths are taken as clients send them: ``/v1.0`` and ``/beta``, ``/communications/calls`` and the older ``/app/calls``,
  actions with and without ``microsoft.graph.``, doubled slashes, percent-encoded ids.
- Bodies may be gzip, which Go sends by itself. They are bounded before and after they are unpacked.
- An answer with a body is JSON with a ``Content-Type``; one without a body has none: Microsoft's JavaScript client
  insists on it.

What the service answers where nobody has captured it, and is decided here
--------------------------------------------------------------------------
- Everything that is wrong with a body is 400 ``BadRequest``, the code of the answers that were captured: an empty list
  of tones and a negative delay too.
- A body over 1 MiB is 413 ``RequestEntityTooLarge``, an encoding that is not gzip 415 ``UnsupportedMediaType``, and a
  method that a resource does not have 405 ``MethodNotAllowed``.
- An action that is not known is 400 ``BadRequest``, "Resource not found for the segment", as elsewhere in Graph.
- What Graph has on a call and the emulator has not (``playPrompt``, ``participants``) is 501 ``NotImplemented``.
- What is wrong is told in this order: the path, the method, a planned fault, the token, the roles, the call, the body.
"""

from __future__ import annotations

import base64
import difflib
import itertools
import json
import re
import urllib.parse
import uuid
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from dtmf_audio.errors import GraphServiceError, InvalidRequestError
from dtmf_audio.graph.endpoints import (
    BY_ACTION,
    CALL_ACTIONS,
    NOT_DONE_ACTIONS,
    NOT_DONE_COLLECTION_ACTIONS,
    NOT_DONE_RESOURCES,
    PREFIX,
    ROOTS,
    VERSIONS,
    endpoints_at,
)
from dtmf_audio.graph.models import AppHostedMediaConfig, GraphError
from dtmf_audio.graph.operations import Operation
from dtmf_audio.graph.requests import (
    AnswerRequest,
    CancelMediaProcessingRequest,
    CreateCallRequest,
    RejectRequest,
    SendDtmfTonesRequest,
    SubscribeToToneRequest,
)
from dtmf_audio.graph.switchboard import Switchboard
from dtmf_audio.graph.wire import MAX_BODY_BYTES, StatusCase, load_json

JSON_TYPE = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
UNREADABLE = (  # reported: microsoft-graph-docs-contrib #6337
    "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format."
)
NO_ROLE = (403, "7504", "Insufficient enterprise tenant permissions, cannot access this API.")
CALLING_ROLES = (  # quoted: Graph's documentation of create call
    "Calls.Initiate.All",
    "Calls.InitiateGroupCall.All",
    "Calls.JoinGroupCall.All",
    "Calls.JoinGroupCallAsGuest.All",
)
FORM_TYPE = "application/x-www-form-urlencoded"
GZIP_BEGINS = b"\x1f\x8b"
MAX_GZIP_MEMBERS = 100  # chosen: this project's bound; clients send one, and each costs a copy of what follows it
MEDIA_ROLE = "Calls.AccessMedia.All"
NO_TOKEN = "Access token is empty."  # reported: #54 of a sample of Graph's, and others


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """A request as it came.

    Attributes
    ----------
    method : str
    path : str
        As it was sent, still percent-encoded, without the query.
    query : str
        What follows the path's question mark, still percent-encoded.
    headers : mapping
        Names in lower case.
    body : bytes
    scheme : {"http", "https"}
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    scheme: str = "http"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    """An answer.

    Attributes
    ----------
    status : int
    headers : dict
    body : bytes
    delay_ms : float
        How long to wait before it is sent.
    action : str
        What was asked for, for a log: ``sendDtmfTones``, ``createCall``; empty if it was nothing known.
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay_ms: float = 0.0
    action: str = ""

    def json(self) -> Any:
        """Return the body, parsed; ``None`` without one."""
        return json.loads(self.body) if self.body else None


@dataclass(frozen=True, slots=True)
class _Route:
    """What a request asks for."""

    action: str
    version: str = "v1.0"
    call_id: str = ""
    operation_id: str = ""


class GraphApi:
    """Graph's calls over HTTP.

    Parameters
    ----------
    switchboard : Switchboard
    rng : numpy.random.Generator
        Draws request ids.
    date_of : callable
        Takes ticks of the timeline, returns the date and time, UTC, that errors carry: ``2026-11-25T12:00:00``.
    status_case : {"camelCase", "PascalCase"}
        How the status of operations is spelled. The documentation has ``running``; Microsoft's SDKs for TypeScript, Go,
        Java and PHP read nothing but ``Running``.
    require_bearer : bool
        Whether requests need a token, and creating a call the roles that the documentation asks for. The token's
        signature is not looked at.
    """

    def __init__(
        self,
        switchboard: Switchboard,
        *,
        rng: np.random.Generator,
        date_of: Callable[[int], str],
        status_case: StatusCase = "camelCase",
        require_bearer: bool = False,
    ) -> None:
        self.switchboard = switchboard
        self.status_case: StatusCase = status_case
        self.require_bearer = require_bearer
        self._rng = rng
        self._date_of = date_of
        self._actions: dict[str, Callable[[HttpRequest, _Route], HttpResponse]] = {
            "createCall": self._create_call,
            "getCall": self._get_call,
            "deleteCall": self._delete_call,
            "getOperation": self._get_operation,
            "sendDtmfTones": self._send_dtmf_tones,
            "subscribeToTone": self._subscribe_to_tone,
            "cancelMediaProcessing": self._cancel_media_processing,
            "keepAlive": self._keep_alive,
            "answer": self._answer,
            "reject": self._reject,
        }

    def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        request_id = str(uuid.UUID(bytes=self._rng.bytes(16), version=4))
        client_id = request.headers.get("client-request-id", "")
        headers = {"request-id": request_id}
        if re.fullmatch(r"[\x21-\x7e]{1,128}", client_id):
            headers["client-request-id"] = client_id
        action, delay_ms = "", 0.0
        try:
            route = self._route(request)
            action = route.action
            fault = self.switchboard.faults.strike(action)
            if fault is not None:
                delay_ms = fault.delay_ms
                struck = fault.answer()
                if struck is not None:
                    raise struck
            if len(request.body) > MAX_BODY_BYTES:
                raise _too_large()
            if self.require_bearer:
                self._check_token(request, route)
            answer = self._actions[action](request, route)
        except InvalidRequestError as refused:
            error = GraphServiceError(400, "BadRequest", f"{refused}.")
            answer = self._error(error, request_id, client_id=headers.get("client-request-id", request_id))
        except GraphServiceError as refused:
            answer = self._error(refused, request_id, client_id=headers.get("client-request-id", request_id))
        if request.method == "HEAD":  # its answer has no body, whatever it is
            answer = replace(answer, body=b"", headers=_without_type(answer.headers))
        return replace(answer, headers=answer.headers | headers, delay_ms=delay_ms, action=action)

    def _error(self, error: GraphServiceError, request_id: str, *, client_id: str) -> HttpResponse:
        """Return the answer that tells an error."""
        told = GraphError(
            status=error.status,
            code=error.code,
            message=error.message,
            request_id=request_id,
            client_request_id=client_id,
            date=self._date_of(self.switchboard.timeline.now),
        )
        answer = _json(error.status, told.to_dict())
        if error.retry_after_s is not None:
            answer.headers["Retry-After"] = str(error.retry_after_s)
        if isinstance(error, _MethodNotAllowed):
            answer.headers["Allow"] = error.allowed
        if error.status == 401:
            answer.headers["WWW-Authenticate"] = 'Bearer realm=""'
        if error.status == 415:
            answer.headers["Accept-Encoding"] = "gzip"
        return answer

    def _check_token(self, request: HttpRequest, route: _Route) -> None:
        """Refuse a request without a token, and a call by one that may not call."""
        roles = _roles_of(request)
        if route.action == "createCall" and not roles & set(CALLING_ROLES):
            raise _no_role(
                f"Creating a call needs one of the application permissions {', '.join(CALLING_ROLES)}", roles
            )

    # --- what is asked for -------------------------------------------------------------------------------------------

    def _route(self, request: HttpRequest) -> _Route:
        """Find out what a path asks for."""
        segments = [urllib.parse.unquote(part) for part in request.path.split("/") if part]
        version, root, below = "".join(segments[:1]), tuple(segments[1:3]), segments[3:]
        if version not in VERSIONS or root not in ROOTS:
            raise _no_resource(request.path, segments)
        if len(below) == 2:
            below[1] = below[1].removeprefix(PREFIX)
        by_method, ids = endpoints_at(below)
        if not by_method:
            raise _no_segment_below(below)
        if request.method not in by_method:
            if below and below[0].removeprefix(PREFIX) in NOT_DONE_COLLECTION_ACTIONS:
                raise _not_done(below[0].removeprefix(PREFIX))
            if below and below[0].removeprefix(PREFIX) in CALL_ACTIONS:
                raise GraphServiceError(
                    400, "BadRequest", f"{below[0]} is an action of a call, and the path has no id of one before it."
                )
            raise _MethodNotAllowed(request.method, ", ".join(by_method))
        return _Route(by_method[request.method].action, version, ids.get("call-id", ""), ids.get("operation-id", ""))

    # --- actions -----------------------------------------------------------------------------------------------------

    def _create_call(self, request: HttpRequest, route: _Route) -> HttpResponse:
        wanted = CreateCallRequest.from_dict(_body(request, route))
        if self.require_bearer and isinstance(wanted.media_config, AppHostedMediaConfig):
            roles = _roles_of(request)
            if MEDIA_ROLE not in roles:
                raise _no_role(f"A call with appHostedMediaConfig needs {MEDIA_ROLE} as well", roles)
        call = self.switchboard.create(wanted)
        base = _base(request, route)
        body = {
            "@odata.context": f"{base}/$metadata#communications/calls/$entity",
            **self.switchboard.calls.get(call.id).to_dict(),
        }
        return _json(201, body, location=f"{base}/communications/calls/{call.id}")

    def _get_call(self, request: HttpRequest, route: _Route) -> HttpResponse:
        call = self.switchboard.calls.get(route.call_id)
        context = f"{_base(request, route)}/$metadata#communications/calls/$entity"
        return _json(200, {"@odata.context": context, **call.to_dict()})

    def _delete_call(self, _request: HttpRequest, route: _Route) -> HttpResponse:
        self.switchboard.calls.delete(route.call_id)
        return HttpResponse(status=204)

    def _get_operation(self, _request: HttpRequest, route: _Route) -> HttpResponse:
        operation = self.switchboard.calls.operation(route.call_id, route.operation_id)
        return _json(200, operation.to_dict(status_case=self.status_case))

    def _send_dtmf_tones(self, request: HttpRequest, route: _Route) -> HttpResponse:
        self.switchboard.calls.get(route.call_id)
        wanted = SendDtmfTonesRequest.from_dict(_body(request, route))
        return self._operation(request, route, self.switchboard.calls.send_dtmf_tones(route.call_id, wanted))

    def _subscribe_to_tone(self, request: HttpRequest, route: _Route) -> HttpResponse:
        self.switchboard.calls.get(route.call_id)
        wanted = SubscribeToToneRequest.from_dict(_body(request, route))
        return self._operation(request, route, self.switchboard.calls.subscribe_to_tone(route.call_id, wanted))

    def _cancel_media_processing(self, request: HttpRequest, route: _Route) -> HttpResponse:
        self.switchboard.calls.get(route.call_id)
        wanted = CancelMediaProcessingRequest.from_dict(_body(request, route))
        return self._operation(request, route, self.switchboard.calls.cancel_media_processing(route.call_id, wanted))

    def _keep_alive(self, _request: HttpRequest, route: _Route) -> HttpResponse:
        self.switchboard.calls.keep_alive(route.call_id)
        return HttpResponse(status=200)

    def _answer(self, request: HttpRequest, route: _Route) -> HttpResponse:
        self.switchboard.calls.get(route.call_id)
        self.switchboard.calls.answer(route.call_id, AnswerRequest.from_dict(_body(request, route)))
        return HttpResponse(status=202)

    def _reject(self, request: HttpRequest, route: _Route) -> HttpResponse:
        self.switchboard.calls.get(route.call_id)
        RejectRequest.from_dict(_body(request, route))
        self.switchboard.calls.reject(route.call_id)
        return HttpResponse(status=202)

    def _operation(self, request: HttpRequest, route: _Route, operation: Operation) -> HttpResponse:
        base = _base(request, route)
        call_id, operation_id = (urllib.parse.quote(name, safe="") for name in (route.call_id, operation.id))
        return _json(
            200,
            operation.to_dict(status_case=self.status_case),
            location=f"{base}/communications/calls/{call_id}/operations/{operation_id}",
        )


class _MethodNotAllowed(GraphServiceError):
    """A method that a resource does not have."""

    def __init__(self, method: str, allowed: str) -> None:
        super().__init__(
            405, "MethodNotAllowed", f"The method {method[:20]!r} is not allowed on this resource; use {allowed}."
        )
        self.allowed = allowed


def _no_resource(path: str, segments: list[str]) -> GraphServiceError:
    """Return the error of a path that leads nowhere, with the slip in a base URL that it may come from."""
    where = f"/{VERSIONS[0]}/communications/calls"
    hint = f"The emulator serves {where} and what is below it."
    for root in ROOTS:
        for at, pair in enumerate(itertools.pairwise(segments)):
            if pair == root:
                found = _shown("/".join(["", *segments[:at]])) if at else "nothing"
                hint = (
                    f"Before /{'/'.join(root)} stands {found}, where /{' or /'.join(VERSIONS)} must: "
                    "check the client's base URL."
                )
    return GraphServiceError(
        404, "UnknownError", f"No HTTP resource was found that matches the request URI {_shown(path, 200)}. {hint}"
    )


def _no_segment_below(below: list[str]) -> GraphServiceError:
    """Return the error of a path below a call that leads nowhere."""
    name = below[1]
    if name in NOT_DONE_ACTIONS or name in NOT_DONE_RESOURCES:
        return _not_done(name)
    if name == "operations":
        hint = "Operations are read one by one: the path of each is in the Location of the answer that made it."
        return _no_segment(below[-1], hint)
    if len(below) > 2:
        return _no_segment(below[2], "A call has nothing at this depth but operations.")
    near = {known.lower(): known for known in (*CALL_ACTIONS, *NOT_DONE_ACTIONS, *NOT_DONE_RESOURCES, "operations")}
    match = difflib.get_close_matches(name[:40].lower(), near, n=1)
    return _no_segment(name, f"Did you mean {near[match[0]]}?" if match else f"A call has {', '.join(CALL_ACTIONS)}.")


def _no_segment(segment: str, hint: str) -> GraphServiceError:
    return GraphServiceError(400, "BadRequest", f"Resource not found for the segment {_shown(segment)}. {hint}")


def _not_done(name: str) -> GraphServiceError:
    return GraphServiceError(
        501,
        "NotImplemented",
        f"The emulator does not do {name}, which is Graph's. On a call it does {', '.join(CALL_ACTIONS)}.",
    )


def _too_large() -> GraphServiceError:
    return GraphServiceError(
        413, "RequestEntityTooLarge", f"The body is over {MAX_BODY_BYTES} bytes, the most that the emulator takes."
    )


def _shown(text: str, at_most: int = 60) -> str:
    """Return what a client sent, in quotes, cut short and printable."""
    quoted = repr(text[:at_most])
    if len(text) <= at_most and len(quoted) <= 2 * at_most:
        return quoted
    return f"{quoted[: 2 * at_most]}…{quoted[0]}" if len(quoted) > 2 * at_most else f"{quoted[:-1]}…{quoted[0]}"


def _without_type(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name != "Content-Type"}


def _base(request: HttpRequest, route: _Route) -> str:
    """Return the address that the client has of the service: that of its own request."""
    host = request.headers.get("host", "")
    if not re.fullmatch(r"[A-Za-z0-9.:_\[\]-]{1,255}", host):
        host = "localhost"
    return f"{request.scheme}://{host}/{route.version}"


def _json(status: int, body: dict[str, Any], *, location: str | None = None) -> HttpResponse:
    headers = {"Content-Type": JSON_TYPE}
    if location is not None:
        headers["Location"] = location
    return HttpResponse(status=status, headers=headers, body=_encoded(body))


def _encoded(body: dict[str, Any]) -> bytes:
    """Return JSON in UTF-8; half a surrogate pair, which UTF-8 has not, as JSON escapes it."""
    return json.dumps(body, ensure_ascii=False).encode(errors="backslashreplace")


# --- bodies ----------------------------------------------------------------------------------------------------------


def _body(request: HttpRequest, route: _Route) -> Any:
    """Return a request's body, parsed."""
    endpoint = BY_ACTION[route.action]
    example = json.dumps(endpoint.example)
    content = _unpacked(request)
    if not content:
        if not endpoint.needs_body:
            return {}
        raise _unreadable(f"The body is empty; send one such as {example}")
    content_type = request.headers.get("content-type", "").strip()
    if content_type.partition(";")[0].strip().lower() != "application/json":
        found = f"Content-Type is {_shown(content_type)}" if content_type else "There is no Content-Type"
        by_curl = " (curl -d says that by itself: give it -H 'Content-Type: application/json')"
        raise _unreadable(f"{found}; send application/json{by_curl if content_type == FORM_TYPE else ''}")
    if content.startswith(GZIP_BEGINS):
        raise _unreadable("The body is gzip; send Content-Encoding: gzip with it")
    try:
        return load_json(content, what="The body", example=example)
    except InvalidRequestError as error:
        raise _unreadable(str(error)) from error


def _unreadable(why: str) -> GraphServiceError:
    return GraphServiceError(400, "BadRequest", f"{UNREADABLE} {why}.")


def _unpacked(request: HttpRequest) -> bytes:
    """Return a body without its encoding."""
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity") or not request.body:
        return request.body
    if encoding not in ("gzip", "x-gzip"):
        raise GraphServiceError(
            415, "UnsupportedMediaType", f"Content-Encoding is {_shown(encoding)}; send gzip, or a body without one."
        )
    unpacked, packed = b"", request.body
    for _ in range(MAX_GZIP_MEMBERS):  # gzip may be several, one after another
        unpacker = zlib.decompressobj(wbits=31)  # 31: gzip alone
        try:
            unpacked += unpacker.decompress(packed, MAX_BODY_BYTES + 1 - len(unpacked))
        except zlib.error as error:
            raise _unreadable(f"Content-Encoding is gzip and the body is not ({error})") from error
        if len(unpacked) > MAX_BODY_BYTES:
            raise _too_large()
        if not unpacker.eof:
            raise _unreadable("Content-Encoding is gzip and the body ends before the gzip does")
        packed = unpacker.unused_data
        if not packed:
            return unpacked
    raise _unreadable(f"The body is gzip of more than {MAX_GZIP_MEMBERS} members; send it in one")


# --- tokens ----------------------------------------------------------------------------------------------------------


def _no_role(what: str, roles: set[str]) -> GraphServiceError:
    found = ", ".join(sorted(roles)) or "none"
    return GraphServiceError(*NO_ROLE[:2], f"{NO_ROLE[2]} {what}; the token's roles are {found[:200]}.")


def _roles_of(request: HttpRequest) -> set[str]:
    """Return the application roles in a request's token."""
    kind, _, token = request.headers.get("authorization", "").strip().partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        found = f"Authorization is of the kind {_shown(kind)}" if kind else "There is no Authorization"
        raise _no_token(f"{NO_TOKEN} {found}; send Bearer and a token, or turn the emulator's require_bearer off.")
    parts = token.strip().split(".")
    if len(parts) != 3:
        raise _no_jwt(f"it has {len(parts)} parts, not 3")
    try:
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        claims = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, RecursionError) as error:
        raise _no_jwt("its second part is not JSON in base64url") from error
    roles = claims.get("roles", []) if isinstance(claims, dict) else None
    if not isinstance(roles, list):
        raise _no_jwt("its claims are no object, or roles among them no list")
    return {role for role in roles if isinstance(role, str)}


def _no_jwt(why: str) -> GraphServiceError:
    return _no_token(f"Access token is not a JWT ({why}); send one that is, its signature is not looked at.")


def _no_token(message: str) -> GraphServiceError:
    return GraphServiceError(401, "InvalidAuthenticationToken", message)
