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
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from dtmf_audio.graph.control import ControlApi
from dtmf_audio.graph.media_socket import serve_media
from dtmf_audio.graph.routes import HttpRequest, HttpResponse
from dtmf_audio.graph.service import Service
from dtmf_audio.graph.status_page import status_page
from dtmf_audio.graph.webhooks import is_loopback
from dtmf_audio.graph.wire import MAX_BODY_BYTES

MAX_CONTROL_BODY_BYTES = 32 * 2**20  # a WAV file to play
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
        return _written(await controls.handle(await _read(request, MAX_CONTROL_BODY_BYTES)))

    async def page(request: Request) -> Response:
        return _written(status_page()) if is_own(request.headers.get("host", "")) else _not_own()

    async def media(socket: WebSocket) -> None:
        origin = socket.headers.get("origin")
        host = socket.headers.get("host", "")
        if not is_own(host) or (origin is not None and urlsplit(origin).netloc != host):
            await socket.close(code=1008)
            return
        await serve_media(service, socket)

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
            WebSocketRoute("/media/calls/{call_id}", media),
            Route("/control/{path:path}", control, methods=METHODS),
            Route("/{path:path}", graph, methods=METHODS),
        ],
        lifespan=lifespan,
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


def _written(answer: HttpResponse) -> Response:
    return Response(answer.body or None, status_code=answer.status, headers=answer.headers)


def _not_own() -> Response:
    return Response(
        "The Host of the request is none of this emulator's; address it as 127.0.0.1 or localhost, "
        "or allow the host by name.\n",
        status_code=421,
        media_type="text/plain",
    )
