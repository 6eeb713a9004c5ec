"""A bot's webhook on this machine: takes notifications and remembers them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from dtmf_audio.graph.models import Call
from dtmf_audio.graph.notifications import CommsNotification, CommsNotifications
from dtmf_audio.graph.operations import SendDtmfTonesOperation


class BotWebhook:
    """Listens while it is entered, on a free port.

    ``on_notification`` is called before the notification is answered with 202, as a bot's own code would be.
    """

    def __init__(self, on_notification: Callable[[CommsNotification], None] = lambda _: None) -> None:
        self.bodies: list[bytes] = []
        self.notifications: list[CommsNotification] = []
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                webhook.bodies.append(body)
                for notification in CommsNotifications.from_json(body).value:
                    webhook.notifications.append(notification)
                    on_notification(notification)
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}/api/calling"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def states(self) -> list[str]:
        """What the bot was told of the state of its calls."""
        return [str(each.state) for note in self.notifications for each in note.resource_data if isinstance(each, Call)]

    @property
    def endings(self) -> list[SendDtmfTonesOperation]:
        """The ``sendDtmfTones`` that the bot was told have ended."""
        told = [each for note in self.notifications for each in note.resource_data]
        return [each for each in told if isinstance(each, SendDtmfTonesOperation)]
