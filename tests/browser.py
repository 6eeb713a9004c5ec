"""Chromium, driven over WebDriver's HTTP: no more of it than the tests of the status page need."""

from __future__ import annotations

import base64
import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx

CHROMIUM, CHROMEDRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # quoted: W3C WebDriver, 12.1, the key of an element's reference
WAIT_S = 20.0


class Browser:
    """One session."""

    def __init__(self, client: httpx.Client, session: str) -> None:
        self._client = client
        self._session = f"/session/{session}"

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = self._client.request(method, f"{self._session}{path}", json=body)
        value = answer.json()["value"]
        assert answer.is_success, value
        return value

    def open(self, url: str) -> None:
        """Open a page, and forget what the one before it said."""
        self.ask("POST", "/url", {"url": "about:blank"})
        self.log()
        self.ask("POST", "/url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        return self.ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def find(self, selector: str, *, text: str = "") -> str:
        """The first element that fits and holds a text, as soon as there is one."""
        script = "return [...document.querySelectorAll(arguments[0])].find(e => e.textContent.includes(arguments[1]))"
        return self.wait(lambda: self.run(script, selector, text), f"{selector} with {text!r}")[ELEMENT]

    def text_of(self, selector: str) -> str:
        """The text of an element, seen or not."""
        return self.run("return document.querySelector(arguments[0]).textContent", selector)

    def click(self, selector: str, *, text: str = "") -> None:
        self.ask("POST", f"/element/{self.find(selector, text=text)}/click", {})

    def type(self, selector: str, keys: str) -> None:
        self.ask("POST", f"/element/{self.find(selector)}/value", {"text": keys})

    def cdp(self, command: str, **parameters: Any) -> Any:
        return self.ask("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def screenshot(self) -> bytes:
        return base64.b64decode(self.cdp("Page.captureScreenshot", captureBeyondViewport=True)["data"])

    def log(self) -> list[str]:
        """What the console said since the last time."""
        return [entry["message"] for entry in self.ask("POST", "/se/log", {"type": "browser"})]

    def wait(self, found: Callable[[], Any], what: str) -> Any:
        deadline = time.monotonic() + WAIT_S
        while not (value := found()):
            assert time.monotonic() < deadline, f"no {what} within {WAIT_S:g} s"
            time.sleep(0.02)
        return value


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A browser with a profile of its own, ended with its driver."""
    assert CHROMIUM
    assert CHROMEDRIVER
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as profile:
        driver = subprocess.Popen(
            [CHROMEDRIVER, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60.0, trust_env=False) as client:
                _wait_for(client)
                options = {"binary": CHROMIUM, "args": [*FLAGS, f"--user-data-dir={profile}"]}
                wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
                answer = client.post("/session", json={"capabilities": {"alwaysMatch": wanted}}).json()["value"]
                assert "sessionId" in answer, answer
                try:
                    yield Browser(client, answer["sessionId"])
                finally:
                    client.delete(f"/session/{answer['sessionId']}")
        finally:
            driver.terminate()
            driver.wait()


def _wait_for(client: httpx.Client) -> None:
    deadline = time.monotonic() + WAIT_S
    while True:
        with contextlib.suppress(httpx.TransportError):
            if client.get("/status").json()["value"]["ready"]:
                return
        assert time.monotonic() < deadline, "chromedriver does not answer"
        time.sleep(0.02)
