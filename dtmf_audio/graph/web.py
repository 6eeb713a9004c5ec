"""The emulator as an ASGI application: bytes to requests and answers to bytes, nothing more.

Conventions
-----------
- A request whose Host is not an address of this emulator is refused, and so is a WebSocket from a page of another
  origin: a web page that somebody looks at must not be able to reach the emulator on the same machine.
- Bodies are read no further than shows that they are too long.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from dtmf_audio.graph.control import MAX_WAV_BYTES, ControlApi
from dtmf_audio.graph.media_socket import Speakers, serve_media
from dtmf_audio.graph.openapi import openapi_document
from dtmf_audio.graph.routes import HttpRequest, HttpResponse
from dtmf_audio.graph.service import Service
from dtmf_audio.graph.status_page import status_page
from dtmf_audio.graph.webhooks import is_loopback
from dtmf_audio.graph.wire import MAX_BODY_BYTES

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def create_app(service: Service, *, hosts: Collection[str] = ()) -> Starlette:
    """Make the application.

    Parameters
    ----------
    service : Service
    hosts : collection of str
        Names besides those of this machine that it may be addressed as.
    """
    names = {host.lower() for host in hosts}
    controls = ControlApi(service)
    speakers: Speakers = {}

    def is_own(host: str) -> bool:
        with contextlib.suppress(ValueError):
            name = (urlsplit(f"//{host}").hostname or "").lower()
            return is_loopback(name) or name in names
        return False

    async def graph(request: Request) -> Response:
        if not is_own(request.headers.get("host", "")):
            return _not_own()
        answer = service.handle(await _read(request, MAX_BODY_BYTES))
        if answer.delay_ms:
            await asyncio.sleep(answer.delay_ms / 1000.0)
        return _written(answer)

    async def control(request: Request) -> Response:
        if not is_own(request.headers.get("host", "")):
            return _not_own()
        return _written(await controls.handle(await _read(request, MAX_WAV_BYTES)))

    async def page(request: Request) -> Response:
        return _written(status_page()) if is_own(request.headers.get("host", "")) else _not_own()

    async def openapi(request: Request) -> Response:
        if not is_own(request.headers.get("host", "")):
            return _not_own()
        return JSONResponse(openapi_document(status_case=service.settings.status_case))

    async def media(socket: WebSocket) -> None:
        host = socket.headers.get("host", "")
        if not is_own(host):
            await socket.send_denial_response(_not_own())
        elif not _is_same_origin(socket.headers.get("origin"), host):
            await socket.send_denial_response(
                Response("A page of another origin may not join a call.\n", status_code=403, media_type="text/plain")
            )
        else:
            await serve_media(service, socket, speakers)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        service.rearm()
        try:
            yield
        finally:
            await service.close()

    return Starlette(
        routes=[
            Route("/", page, methods=["GET"]),
            Route("/openapi.json", openapi, methods=["GET"]),
            WebSocketRoute("/media/calls/{call_id}", media),
            Route("/control", control, methods=METHODS),
            Route("/control/{path:path}", control, methods=METHODS),
            Route("/{path:path}", graph, methods=METHODS),
        ],
        lifespan=lifespan,
        exception_handlers={ClientDisconnect: _gone},
    )


async def _read(request: Request, max_bytes: int) -> HttpRequest:
    """Read a request, its body no further than shows that it is too long."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            break
    raw_path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return HttpRequest(
        method=request.method,
        path=raw_path.decode("latin-1").partition("?")[0],
        query=request.scope["query_string"].decode("latin-1"),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=bytes(body),
        scheme=request.url.scheme,
    )


def _is_same_origin(origin: str | None, host: str) -> bool:
    """Tell whether a request comes from a page of this emulator, or from no page at all."""
    if origin is None:
        return True
    with contextlib.suppress(ValueError):
        return urlsplit(origin).netloc.lower() == host.lower()
    return False


def _written(answer: HttpResponse) -> Response:
    return Response(answer.body or None, status_code=answer.status, headers=answer.headers)


async def _gone(_request: Request, _error: Exception) -> Response:
    """Answer a client that has left before its request was whole: it is an everyday thing, and nobody reads this."""
    return Response(status_code=400)


def _not_own() -> Response:
    return Response(
        "The Host of the request is none of this emulator's; address it as 127.0.0.1 or localhost, "
        "or allow the host by name.\n",
        status_code=421,
        media_type="text/plain",
    )
