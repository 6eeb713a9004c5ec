"""A bot at a gate: whoever calls it hears two notes, presses 1, and the bot opens the gate by sending 4 2 # as tones.

It is an ordinary bot for Microsoft Graph's calls: a webhook of the standard library, and a few requests with httpx. The
prompt alone is the emulator's. Graph would be told to playPrompt a recording of "press 1", which the emulator does not
do, so the bot plays audio over the call's media WebSocket. Two notes stand for the voice; give ``prompt``, PCM of 16
bits at 16 kHz, for a real one. tests/test_ivr_bot.py is its test.
"""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import numpy as np
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
        self._tries: dict[str, int] = {}  # by call: how many keys may still be pressed
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
            media = {"@odata.type": "#microsoft.graph.serviceHostedMediaConfig"}
            answer = {"callbackUri": self.url, "mediaConfig": media, "acceptedModalities": ["audio"]}
            self._request("POST", call_id, "answer", answer)
        elif told.get("toneInfo"):
            self._key_pressed(call_id, told["toneInfo"]["tone"])
        elif told["state"] == "established" and call_id not in self._tries:
            self._tries[call_id] = TRIES
            self._request("POST", call_id, "subscribeToTone", {"clientContext": "menu"})
            self._play_prompt(call_id)

    def _key_pressed(self, call_id: str, tone: str) -> None:
        self._tries[call_id] -= 1
        if tone == "tone1":
            self._request("POST", call_id, "sendDtmfTones", {"tones": CODE, "delayBetweenTonesMs": 100})
        elif self._tries[call_id]:
            self._play_prompt(call_id)
        else:
            self._request("DELETE", call_id)

    def _play_prompt(self, call_id: str) -> None:
        with connect(f"{self._media_url}/{call_id}") as media:
            media.send(self._prompt)

    def _request(self, method: str, call_id: str, action: str = "", body: dict | None = None) -> None:
        path = f"/communications/calls/{call_id}/{action}".rstrip("/")
        self._graph.request(method, path, json=body).raise_for_status()


if __name__ == "__main__":
    with GateBot(sys.argv[1]) as gate:  # such as http://127.0.0.1:8000/v1.0
        print(f"The bot's callback address is {gate.url}")
        threading.Event().wait()
