"""Graph's calls without a socket: a service on a clock that stands, and requests to it."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np

from dtmf_audio.graph.routes import GraphApi, HttpRequest, HttpResponse
from dtmf_audio.graph.switchboard import CallHandle, Switchboard

CALLS = "/v1.0/communications/calls"
JSON = {"content-type": "application/json"}
CALLBACK = "https://bot.contoso.com/callback"
SERVICE_HOSTED = {"@odata.type": "#microsoft.graph.serviceHostedMediaConfig"}
APP_HOSTED = {"@odata.type": "#microsoft.graph.appHostedMediaConfig", "blob": "<Media Session Configuration>"}
A_CALL = {"callbackUri": CALLBACK, "requestedModalities": ["audio"], "mediaConfig": SERVICE_HOSTED}
NOW = "2026-11-25T12:00:00"


class Service:
    """A service with one established call, ``call``."""

    def __init__(self, *, media: str = "serviceHosted", **settings: Any) -> None:
        self.switchboard = Switchboard(seed=1)
        self.api = GraphApi(self.switchboard, rng=np.random.default_rng(2), date_of=lambda ticks: NOW, **settings)
        self.call: CallHandle = self.switchboard.establish(media=media)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        scheme: str = "http",
    ) -> HttpResponse:
        """Send a request; a body that is not bytes is sent as JSON."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        wanted = JSON if headers is None and content else headers or {}
        return self.api.handle(HttpRequest(method=method, path=path, headers=wanted, body=content, scheme=scheme))

    def act(self, action: str, body: Any = None, *, headers: dict[str, str] | None = None) -> HttpResponse:
        """Ask for an action of the call."""
        return self.ask("POST", f"{CALLS}/{self.call.id}/{action}", body, headers=headers)

    def send(self, body: Any = None, **headers: str) -> HttpResponse:
        """Send tones; headers, such as ``content_encoding``, besides those of JSON."""
        named = JSON | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.act("sendDtmfTones", {"tones": ["tone1"]} if body is None else body, headers=named)


def message(answer: HttpResponse, status: int = 400, code: str = "BadRequest") -> str:
    """Return the message of an error, which must be one in Graph's shape."""
    body = check_error(answer)
    assert (answer.status, body["error"]["code"]) == (status, code), body
    said: str = body["error"]["message"]
    return said


def check_error(answer: HttpResponse) -> dict[str, Any]:
    """Return an error's body; an error that is not in Graph's shape fails."""
    assert answer.headers["Content-Type"].startswith("application/json;")
    body: dict[str, Any] = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "innerError"}
    inner = body["error"]["innerError"]
    assert inner["request-id"] == answer.headers["request-id"]
    assert inner["client-request-id"] == answer.headers.get("client-request-id", inner["request-id"])
    assert inner["date"] == NOW
    assert body["error"]["code"]
    assert 10 < len(body["error"]["message"]) < 1000
    return body


def bearer(claims: Any = None, *, roles: list[str] | None = None) -> dict[str, str]:
    """Return the header of a token with claims, or with roles."""
    body = {"roles": roles or []} if claims is None else claims
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({}, body)]
    return {"authorization": f"Bearer {'.'.join([*parts, 'signature'])}"}
