"""The status page: which calls there are, what was sent and heard, and a dial pad to press keys at the bot.

The page is ``status_page.html``, with its script and its style inside. The ``Content-Security-Policy`` that it is
served with names the two by their hashes and allows nothing else: whatever a bot writes into a subject or a
clientContext can run nothing, even if the page were to show it as HTML, which Trusted Types forbid besides.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import importlib.resources
import re

from dtmf_audio.graph.routes import HttpResponse


@functools.cache
def status_page() -> HttpResponse:
    """Return the page."""
    page = importlib.resources.files("dtmf_audio.graph").joinpath("status_page.html").read_text("utf-8")
    policy = [
        "default-src 'none'",
        f"script-src {_hash_of('script', page)}",
        f"style-src {_hash_of('style', page)}",
        "connect-src 'self'",
        "img-src data:",  # the empty icon, which spares a request for one
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": "; ".join(policy),
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return HttpResponse(status=200, headers=headers, body=page.encode())


def _hash_of(element: str, page: str) -> str:
    """Return the source expression of the page's one script or style."""
    (inside,) = re.findall(f"<{element}>(.*?)</{element}>", page, re.DOTALL)
    return f"'sha256-{base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()}'"
