"""Microsoft's JavaScript client at the emulator: the documentation's own example, on node.

It is not Python's to install: ``.ci/run`` does where ``node`` and ``npm`` are there. By hand::

    npm install --prefix .ci/node --no-audit --no-fund --ignore-scripts @microsoft/microsoft-graph-client@3.0.7
    DTMF_AUDIO_NODE_MODULES=.ci/node/node_modules python -m pytest tests/test_node_client.py
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from bot_webhook import BotWebhook

from dtmf_audio.graph.emulator import Emulator
from dtmf_audio.graph.faults import RequestFault
from dtmf_audio.testing import assert_dtmf

SCRIPT = Path(__file__).parent / "node" / "graph_client.mjs"
MODULES = Path(os.environ.get("DTMF_AUDIO_NODE_MODULES", "no such folder")).absolute()
CONTEXT = "e0be71f1-a14f-4cec-b65a-e7aba5db7c53"
TONES_MS = 12 * 100 + 11 * 1000


def what_is_missing() -> str:
    if not (MODULES / "@microsoft" / "microsoft-graph-client").is_dir():
        return "DTMF_AUDIO_NODE_MODULES names no folder with @microsoft/microsoft-graph-client"
    if shutil.which("node") is None:
        return "there is no node on PATH"
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return "" if int(version.lstrip("v").split(".")[0]) >= 18 else f"node is {version} and has no fetch; 18 has"


MISSING = what_is_missing()
pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)


class Thrown(Exception):
    """What the client threw: its ``error`` has name, statusCode, code, message, requestId and date."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.error = error


class NodeBot:
    """A bot in a process of its own."""

    def __init__(self, base_url: str) -> None:
        self._process = subprocess.Popen(
            ["node", str(SCRIPT), base_url],
            env=os.environ | {"DTMF_AUDIO_NODE_MODULES": str(MODULES)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def does(self, name: str, *given: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": name, "with": given}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "node has ended; its standard error tells why"
        answer = json.loads(line)
        if "thrown" in answer:
            raise Thrown(answer["thrown"])
        return answer["returned"]

    def is_refused(self, name: str, *given: Any) -> dict[str, Any]:
        """Do what must be refused; returns the error, and checks what every error has."""
        with pytest.raises(Thrown) as caught:
            self.does(name, *given)
        error = caught.value.error
        assert error["name"] == "GraphError"
        assert len(error["requestId"]) == 36
        assert error["date"] is not None
        return error

    def close(self) -> None:
        self._process.communicate(timeout=30)


@pytest.fixture
def emulator():
    with Emulator(clock="virtual") as emulator:
        yield emulator


@pytest.fixture
def webhook():
    with BotWebhook() as webhook:
        yield webhook


@pytest.fixture
def bot(emulator):
    bot = NodeBot(emulator.url)
    yield bot
    bot.close()


@pytest.fixture
def call_id(emulator, webhook, bot):
    call = bot.does("createCall", webhook.url)
    assert (call["state"], call["direction"]) == ("establishing", "outgoing")
    emulator.advance(200)
    assert webhook.states == ["establishing", "established"]
    return call["id"]


def test_the_documented_example_is_heard_at_the_far_end_and_told_to_the_bot(emulator, webhook, bot, call_id):
    operation = bot.does("documentedExample", call_id)
    assert operation == {
        "@odata.type": "#microsoft.graph.sendDtmfTonesOperation",
        "status": "running",
        "clientContext": CONTEXT,
        "id": operation["id"],
    }
    sent = emulator.requests[-1]
    assert sent.path == f"/v1.0/communications/calls/{call_id}/microsoft.graph.sendDtmfTones"
    emulator.advance(TONES_MS - 0.1)
    assert webhook.endings == []
    emulator.advance(0.1)
    (ending,) = webhook.endings
    assert (ending.id, ending.completion_reason, ending.client_context) == (
        operation["id"],
        "completedSuccessfully",
        CONTEXT,
    )
    recording = emulator.call(call_id).recording("toFarEnd")
    assert_dtmf(recording, "1234567890*#")
    assert_dtmf(recording, recording, within_ms=5)


def test_both_spellings_of_an_action_and_the_older_path(emulator, bot, call_id):
    body = {"tones": ["tone7"], "delayBetweenTonesMs": 100}
    for path in ("/communications/calls/{}/sendDtmfTones", "/app/calls/{}/microsoft.graph.sendDtmfTones"):
        assert bot.does("post", path.format(call_id), body)["@odata.type"] == "#microsoft.graph.sendDtmfTonesOperation"
    emulator.advance(500)
    assert emulator.call(call_id).far_end_keys == "77"


def test_an_operation_is_read(emulator, bot, call_id):
    path = f"/communications/calls/{call_id}"
    operation_id = bot.does("post", f"{path}/sendDtmfTones", {"tones": ["tone1"]})["id"]
    assert bot.does("get", f"{path}/operations/{operation_id}")["status"] == "running"
    emulator.advance(100)
    read = bot.does("get", f"{path}/operations/{operation_id}")
    assert (read["status"], read["completionReason"]) == ("completed", "completedSuccessfully")


def test_cancelling(emulator, webhook, bot, call_id):
    bot.does("documentedExample", call_id)
    emulator.advance(1250)
    path = f"/communications/calls/{call_id}/cancelMediaProcessing"
    assert bot.does("post", path, {"clientContext": "enough"})["status"] == "completed"
    emulator.advance(1000)
    assert [ending.completion_reason for ending in webhook.endings] == ["mediaOperationCanceled"]
    assert_dtmf(emulator.call(call_id).recording("toFarEnd"), "12")


def test_keep_alive_gives_no_error_for_its_empty_answer(bot, call_id):
    assert not bot.does("post", f"/communications/calls/{call_id}/keepAlive", {})


def test_hanging_up(emulator, webhook, bot, call_id):
    path = f"/communications/calls/{call_id}"
    assert bot.does("get", path)["state"] == "established"
    assert bot.does("delete", path) == "undefined"
    emulator.advance(100)
    assert webhook.states[-2:] == ["terminating", "terminated"]
    error = bot.is_refused("get", path)
    assert (error["statusCode"], error["code"], error["message"]) == (404, "8522", "Call not found.")


def test_refusals(bot, call_id):
    error = bot.is_refused("documentedExample", "57dab8b1-894c-409a-b240-bd8beae78896")
    assert (error["statusCode"], error["code"]) == (404, "8522")
    error = bot.is_refused("post", f"/communications/calls/{call_id}/sendDtmfTones", {"tones": ["1"]})
    assert (error["statusCode"], error["code"]) == (400, "BadRequest")
    assert "tone1" in error["message"]
    error = bot.is_refused("post", f"/communications/calls/{call_id}/subscribeToTone", {"clientContext": "keys"})
    assert (error["statusCode"], error["code"]) == (500, "9999")


def test_the_client_tries_again_after_429(emulator, bot, call_id):
    emulator.plan_fault(RequestFault(kind="tooManyRequests", action="getCall", retry_after_s=1))
    assert bot.does("get", f"/communications/calls/{call_id}")["id"] == call_id
    assert [request.status for request in emulator.requests[-2:]] == [429, 200]


def test_the_client_has_no_token_for_an_address_without_tls(bot, call_id):
    """So an emulator that needs tokens, ``require_bearer``, is of no use to it."""
    assert bot.does("tokensAskedFor") == 0
