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
- What the emulator does not do (``playPrompt`` and its like) is 501 ``NotImplemented``.
"""

from __future__ import annotations

import base64
import binascii
import difflib
import json
import re
import urllib.parse
import uuid
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dtmf_audio.errors import GraphServiceError, InvalidRequestError
from dtmf_audio.graph.models import (
    AnswerRequest,
    AppHostedMediaConfig,
    CancelMediaProcessingRequest,
    CreateCallRequest,
    GraphError,
    Operation,
    SendDtmfTonesRequest,
    SubscribeToToneRequest,
)
from dtmf_audio.graph.switchboard import Switchboard
from dtmf_audio.graph.wire import MAX_BODY_BYTES, StatusCase, load_json

JSON_TYPE = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
VERSIONS = ("v1.0", "beta")
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
MEDIA_ROLE = "Calls.AccessMedia.All"
NOT_DONE = ("playPrompt", "recordResponse", "mute", "unmute", "transfer", "redirect", "addLargeGalleryView")


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
            if self.require_bearer:
                _roles_of(request)
            answer = self._actions[action](request, route)
            return HttpResponse(
                status=answer.status,
                headers=answer.headers | headers,
                body=answer.body,
                delay_ms=delay_ms,
                action=action,
            )
        except InvalidRequestError as refused:
            error = GraphServiceError(400, "BadRequest", str(refused))
        except GraphServiceError as refused:
            error = refused
        told = GraphError(
            status=error.status,
            code=error.code,
            message=error.message,
            request_id=request_id,
            client_request_id=headers.get("client-request-id", request_id),
            date=self._date_of(self.switchboard.timeline.now),
        )
        if error.retry_after_s is not None:
            headers["Retry-After"] = str(error.retry_after_s)
        if isinstance(error, _MethodNotAllowed):
            headers["Allow"] = error.allowed
        answer = _json(error.status, told.to_dict())
        return HttpResponse(
            status=answer.status, headers=answer.headers | headers, body=answer.body, delay_ms=delay_ms, action=action
        )

    # --- what is asked for -------------------------------------------------------------------------------------------

    def _route(self, request: HttpRequest) -> _Route:
        """Find out what a path asks for."""
        segments = [urllib.parse.unquote(part) for part in request.path.split("/") if part]
        version, *rest = segments or [""]
        if version not in VERSIONS or rest[:2] not in (["communications", "calls"], ["app", "calls"]):
            raise GraphServiceError(
                404,
                "UnknownError",
                f"No HTTP resource was found that matches the request URI {request.path[:200]!r}. "
                f"The emulator serves /{VERSIONS[0]}/communications/calls and what is below it.",
            )
        below = rest[2:]
        match below:
            case []:
                return _Route(_by_method(request.method, {"POST": "createCall"}), version)
            case [call_id]:
                return _Route(_by_method(request.method, {"GET": "getCall", "DELETE": "deleteCall"}), version, call_id)
            case [call_id, "operations", operation_id]:
                return _Route(_by_method(request.method, {"GET": "getOperation"}), version, call_id, operation_id)
            case [call_id, action]:
                name = action.removeprefix("microsoft.graph.")
                return _Route(_by_method(request.method, {"POST": self._action(name)}), version, call_id)
        raise _no_segment(below[2], "")

    def _action(self, name: str) -> str:
        known = [known for known in self._actions if known not in _OF_METHODS]
        if name in NOT_DONE:
            raise GraphServiceError(
                501, "NotImplemented", f"The emulator does not do {name}. It does {', '.join(known)}."
            )
        if name not in known:
            near = difflib.get_close_matches(name[:40], known, n=1, cutoff=0.5)
            raise _no_segment(name, f"Did you mean {near[0]}?" if near else f"A call has {', '.join(known)}.")
        return name

    # --- actions -----------------------------------------------------------------------------------------------------

    def _create_call(self, request: HttpRequest, route: _Route) -> HttpResponse:
        wanted = CreateCallRequest.from_dict(_body(request, '{"callbackUri": "https://…", …}'))
        if self.require_bearer:
            roles = _roles_of(request)
            app_hosted = isinstance(wanted.media_config, AppHostedMediaConfig)
            if not roles & set(CALLING_ROLES) or (app_hosted and MEDIA_ROLE not in roles):
                needed = f"one of {', '.join(CALLING_ROLES)}" + (f", and {MEDIA_ROLE}" if app_hosted else "")
                raise GraphServiceError(*NO_ROLE[:2], f"{NO_ROLE[2]} The token's roles need {needed}.")
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
        wanted = SendDtmfTonesRequest.from_dict(_body(request, '{"tones": ["tone1"]}'))
        return self._operation(request, route, self.switchboard.calls.send_dtmf_tones(route.call_id, wanted))

    def _subscribe_to_tone(self, request: HttpRequest, route: _Route) -> HttpResponse:
        self.switchboard.calls.get(route.call_id)
        wanted = SubscribeToToneRequest.from_dict(_body(request, '{"clientContext": "…"}', may_be_empty=True))
        return self._operation(request, route, self.switchboard.calls.subscribe_to_tone(route.call_id, wanted))

    def _cancel_media_processing(self, request: HttpRequest, route: _Route) -> HttpResponse:
        self.switchboard.calls.get(route.call_id)
        wanted = CancelMediaProcessingRequest.from_dict(_body(request, '{"clientContext": "…"}', may_be_empty=True))
        return self._operation(request, route, self.switchboard.calls.cancel_media_processing(route.call_id, wanted))

    def _keep_alive(self, _request: HttpRequest, route: _Route) -> HttpResponse:
        self.switchboard.calls.keep_alive(route.call_id)
        return HttpResponse(status=200)

    def _answer(self, request: HttpRequest, route: _Route) -> HttpResponse:
        self.switchboard.calls.get(route.call_id)
        self.switchboard.calls.answer(
            route.call_id, AnswerRequest.from_dict(_body(request, '{"callbackUri": "https://…", …}'))
        )
        return HttpResponse(status=202)

    def _reject(self, _request: HttpRequest, route: _Route) -> HttpResponse:
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


_OF_METHODS = ("createCall", "getCall", "deleteCall", "getOperation")


class _MethodNotAllowed(GraphServiceError):
    """A method that a resource does not have."""

    def __init__(self, method: str, allowed: str) -> None:
        super().__init__(
            405, "MethodNotAllowed", f"The method {method[:20]!r} is not allowed on this resource; use {allowed}."
        )
        self.allowed = allowed


def _by_method(method: str, actions: dict[str, str]) -> str:
    if method not in actions:
        raise _MethodNotAllowed(method, ", ".join(actions))
    return actions[method]


def _no_segment(segment: str, hint: str) -> GraphServiceError:
    return GraphServiceError(400, "BadRequest", f"Resource not found for the segment '{segment[:60]}'. {hint}".rstrip())


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
    return HttpResponse(status=status, headers=headers, body=json.dumps(body, ensure_ascii=False).encode())


# --- bodies ----------------------------------------------------------------------------------------------------------


def _body(request: HttpRequest, example: str, *, may_be_empty: bool = False) -> Any:
    """Return a request's body, parsed."""
    content = _unpacked(request)
    if not content and may_be_empty:
        return {}
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" or not content:
        found = "the body is empty" if not content else f"Content-Type is {media_type[:60]!r}"
        raise GraphServiceError(
            400, "BadRequest", f"{UNREADABLE} ({found}; send {example} with Content-Type: application/json.)"
        )
    try:
        return load_json(content, what="the body", example=example)
    except InvalidRequestError as error:
        raise GraphServiceError(400, "BadRequest", f"{UNREADABLE} ({error}.)") from error


def _unpacked(request: HttpRequest) -> bytes:
    """Return a body without its encoding."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    body = request.body
    if encoding == "gzip":
        unpacker = zlib.decompressobj(wbits=31)  # 31: gzip alone
        try:
            body = unpacker.decompress(body, MAX_BODY_BYTES + 1)
        except zlib.error as error:
            raise GraphServiceError(400, "BadRequest", f"{UNREADABLE} (The body is not gzip: {error}.)") from error
        if len(body) <= MAX_BODY_BYTES and not unpacker.eof:
            raise GraphServiceError(400, "BadRequest", f"{UNREADABLE} (The body is gzip that ends too early.)")
    elif encoding not in ("", "identity"):
        raise GraphServiceError(
            415, "UnsupportedMediaType", f"Content-Encoding is {encoding[:40]!r}; send gzip, or none."
        )
    if len(body) > MAX_BODY_BYTES:
        raise GraphServiceError(
            413,
            "RequestEntityTooLarge",
            f"The body is over {MAX_BODY_BYTES} bytes; send its tones in several requests.",
        )
    return body


# --- tokens ----------------------------------------------------------------------------------------------------------


def _roles_of(request: HttpRequest) -> set[str]:
    """Return the application roles in a request's token."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise GraphServiceError(401, "InvalidAuthenticationToken", "Access token is empty.")
    parts = token.strip().split(".")
    try:
        if len(parts) != 3:
            raise ValueError("it has not three parts")
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        claims = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        roles = claims.get("roles", []) if isinstance(claims, dict) else []
        if not isinstance(roles, list):
            raise ValueError("roles is not a list")
    except (ValueError, binascii.Error, RecursionError) as error:
        raise GraphServiceError(
            401,
            "InvalidAuthenticationToken",
            f"Access token is not a JWT ({error}). Give one whose claims hold roles; its signature is not looked at.",
        ) from error
    return {role for role in roles if isinstance(role, str)}
