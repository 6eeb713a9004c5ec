"""A bot at a gate: whoever calls it hears two notes, presses 1, and the bot opens the gate by sending 4 2 # as tones.

It is an ordinary bot for Microsoft Graph's calls: a webhook of the standard library, and three requests with httpx. The
call is app-hosted, so the bot itself has the audio: it plays its prompt, and hears keys, over the media WebSocket that
the emulator has in the place of Microsoft's media platform. Two notes stand for a voice that says "press 1"; give
``prompt``, PCM of 16 bits at 16 kHz, for a real one. tests/test_ivr_bot.py is its test.
"""

import contextlib
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import numpy as np
from websockets import ConnectionClosed
from websockets.sync.client import connect

CODE = ["tone4", "tone2", "pound"]
TRIES = 2
NOTE = np.arange(4000) / 16_000  # 0.25 s
NOTES = np.concatenate([0.2 * np.hanning(4000) ** 0.25 * np.sin(2 * np.pi * hz * NOTE) for hz in (523.25, 659.26)])


class GateBot:
    """The bot. It runs while it is entered, and takes notifications at ``url``."""

    def __init__(self, graph_url: str, *, prompt: bytes = (32767 * NOTES).astype("<i2").tobytes()) -> None:
        bot = self

        class Webhook(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                for notification in body["value"]:
                    bot.take(notification)
                self.send_response(202)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._graph = httpx.Client(base_url=graph_url)
        self._media_url = graph_url.replace("http", "ws", 1).removesuffix("/v1.0") + "/media/calls"
        self._prompt = prompt
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
        self.url = f"http://127.0.0.1:{self._server.server_port}/api/calling"

    def __enter__(self) -> "GateBot":
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._graph.close()

    def take(self, notification: dict) -> None:
        """Do what a notification asks for."""
        call_id = notification["resourceUrl"].split("/")[3]
        told = notification["resourceData"]
        if told["@odata.type"] == "#microsoft.graph.sendDtmfTonesOperation":
            if told["completionReason"] == "completedSuccessfully":  # else the caller has hung up
                self._request("DELETE", call_id)
        elif told["state"] == "incoming":
            media = {"@odata.type": "#microsoft.graph.appHostedMediaConfig", "blob": "the media session's"}
            answer = {"callbackUri": self.url, "mediaConfig": media, "acceptedModalities": ["audio"]}
            self._request("POST", call_id, "answer", answer)
        elif told["state"] == "established":
            threading.Thread(target=self._talk, args=(call_id,), daemon=True).start()

    def _talk(self, call_id: str) -> None:
        """Say what to press, and do what is pressed, until the gate is opened or the call ends."""
        tries = TRIES
        with contextlib.suppress(ConnectionClosed), connect(f"{self._media_url}/{call_id}") as media:
            media.send(self._prompt)
            for message in media:
                event = json.loads(message) if isinstance(message, str) else {"type": "audio"}  # 20 ms of the caller
                if event["type"] != "toneReceived":
                    continue
                tries -= 1
                if event["tone"] == "tone1":
                    self._request("POST", call_id, "sendDtmfTones", {"tones": CODE, "delayBetweenTonesMs": 100})
                    return
                if not tries:
                    self._request("DELETE", call_id)
                    return
                media.send(self._prompt)

    def _request(self, method: str, call_id: str, action: str = "", body: dict | None = None) -> None:
        path = f"/communications/calls/{call_id}/{action}".rstrip("/")
        self._graph.request(method, path, json=body).raise_for_status()


if __name__ == "__main__":
    with GateBot(sys.argv[1]) as gate:  # such as http://127.0.0.1:8000/v1.0
        print(f"The bot's callback address is {gate.url}")
        threading.Event().wait()
