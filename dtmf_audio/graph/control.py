"""The control API: the far end's hands, and a look behind the scenes, over HTTP."""

from __future__ import annotations

import json

from dtmf_audio.graph.routes import HttpRequest, HttpResponse
from dtmf_audio.graph.service import Service


class ControlApi:
    """Answers requests below ``/control``."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        return HttpResponse(status=404, body=json.dumps({}).encode())
