"""Requests that no client should send, by the thousand, at the emulator's port: none may make it fail.

Half are requests that were right until something in them was changed: the method, the path, a header, a value of the body
or a byte of it; the others are put together at random, or are no HTTP at all. Calls are made, answered, dialled in and
ended meanwhile, so that they meet the emulator in every state. An answer of 500 or above counts, except what is
asked for: 501 for what the emulator says it does not do, and 500 with code 9999 for subscribeToTone on app-hosted media.

    python tests/benchmarks/fuzz_emulator.py --requests 20000 --seed 0
"""

from __future__ import annotations

import argparse
import copy
import gzip
import http.client
import json
import random
import socket
import sys
from collections import Counter
from typing import Any

from dtmf_audio.graph.calls import CallSettings
from dtmf_audio.graph.emulator import Emulator
from dtmf_audio.graph.endpoints import ENDPOINTS
from dtmf_audio.graph.switchboard import A_CALLBACK

CREATE: dict[str, Any] = {
    "callbackUri": A_CALLBACK,
    "requestedModalities": ["audio"],
    "mediaConfig": {"@odata.type": "#microsoft.graph.appHostedMediaConfig", "blob": "x"},
}
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 2**31, 2**63, 1e308, "", "tone1", "tone1, star", "\ud800", "\x00", "x" * 300),
    *([], {}, [None], [[]], [{"tone": "tone1"}], ["tone1"] * 5000, {"@odata.type": "#microsoft.graph.call"}),
)
ODD_SEGMENTS = ("", "..", "%2e%2e", "%00", "%ff", "%", "a" * 2000, "é", "'", "$metadata", "operations", "sendDtmfTones")
ODD_HEADERS = {
    "content-type": ("", "text/plain", "application/json; charset=utf-16", "application/x-www-form-urlencoded", "\xff"),
    "content-encoding": ("gzip", "br", "gzip, gzip", "identity", "GZIP"),
    "authorization": ("Bearer", "Bearer a.b.c", "Bearer eyJhIjoxfQ.eyJyb2xlcyI6MX0.x", "Basic eDp5"),
    "client-request-id": ("x" * 5000, "a b", "\t"),
    "accept": ("text/html", "*/*;q=0"),
    "accept-encoding": ("", "*"),
    "expect": ("100-continue",),
    "if-match": ("*",),
    "x-http-method-override": ("DELETE",),
}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "get")
CONTROLS = ("calls", "calls/{id}", "calls/{id}/press", "calls/{id}/play", "calls/{id}/hangUp", "calls/{id}/line")
MORE_CONTROLS = ("faults", "clock/advance", "notifications", "requests", "calls/{id}/recordings/toBot.wav")
NO_HTTP = (
    *(
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"\x00" * 100,
        b"POST / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 500,
    ),
    b"POST /v1.0/communications/calls HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -5\r\n\r\n",
    b"POST /v1.0/communications/calls HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /v1.0/communications/calls HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999\r\n\r\n{",
)


class Fuzzer:
    """Makes requests; what it makes depends on the seed and on the ids that it was told."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.ids: list[str] = ["57dab8b1-894c-409a-b240-bd8beae78896"]

    def request(self) -> tuple[str, str, dict[str, str], bytes]:
        """Return method, path, headers and body."""
        draw = self.random
        endpoint = draw.choice(ENDPOINTS)
        method, body = endpoint.method, copy.deepcopy(dict(endpoint.example or {}))
        path = f"/{draw.choice(('v1.0', 'beta'))}/{draw.choice(('communications', 'app'))}/calls{endpoint.path}"
        if draw.random() < 0.25:
            method, body = draw.choice(METHODS), {"keys": "12#", "ms": 10, "kind": "drop", "direction": "toBot"}
            path = f"/control/{draw.choice(CONTROLS + MORE_CONTROLS)}"
        elif endpoint.action == "createCall":
            body = copy.deepcopy(CREATE)
        path = path.replace("{call-id}", draw.choice(self.ids)).replace("{id}", draw.choice(self.ids))
        path = path.replace("{operation-id}", draw.choice(self.ids))
        headers = {"content-type": "application/json"}
        content = json.dumps(body).encode()
        for _ in range(draw.choice((0, 1, 1, 2, 3))):
            match draw.randrange(6):
                case 0:
                    method = draw.choice(METHODS)
                case 1:
                    segments = path.split("/")
                    segments[draw.randrange(len(segments))] = draw.choice(ODD_SEGMENTS)
                    path = "/".join(segments)
                case 2:
                    name = draw.choice(list(ODD_HEADERS))
                    headers[name] = draw.choice(ODD_HEADERS[name])
                case 3:
                    key = draw.choice(
                        [*body, "tones", "delayBetweenTonesMs", "clientContext", "mediaConfig", "x" * 100]
                    )
                    body[key] = draw.choice(ODD_VALUES)
                    content = json.dumps(body).encode()
                case 4:
                    spoilt = bytearray(content or b"{}")
                    for _ in range(draw.randrange(1, 4)):
                        spoilt[draw.randrange(len(spoilt))] = draw.randrange(256)
                    content = bytes(spoilt)
                case 5:
                    choices = (b"", b"[" * 10_000, b"{}", b"null", draw.randbytes(200), b" " * 2**20 + b"{}")
                    content = draw.choice((*choices, gzip.compress(content)))
                    if content[:2] == b"\x1f\x8b":
                        headers["content-encoding"] = "gzip"
        return method, path, headers, content


class Client:
    """Sends whatever it is given, on one connection for as long as that is kept."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._socket: socket.socket | None = None

    def send(self, method: str, path: str, headers: dict[str, str], content: bytes) -> tuple[int, bytes]:
        """Return the status and the body of the answer; 0 if there is none."""
        head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(content)}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        if self._socket is None:
            self._socket = socket.create_connection(self._address, timeout=30.0)
        try:
            self._socket.sendall(head.encode("utf-8", "surrogatepass") + b"\r\n" + content)
            answer = http.client.HTTPResponse(self._socket, method=method)
            answer.begin()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            return 0, b""
        if answer.will_close:
            self.close()
        return answer.status, body

    def raw(self, data: bytes) -> tuple[int, bytes]:
        """Send bytes that are no request; return what is answered."""
        with socket.create_connection(self._address, timeout=30.0) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(4096)
        return (int(answer[9:12]) if answer[9:12].isdigit() else 0), answer

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def run(n_requests: int, seed: int) -> int:
    """Send the requests and print what came of them; returns the exit status."""
    fuzzer = Fuzzer(seed)
    answers: Counter[int] = Counter()
    failures: list[str] = []
    with Emulator(record_s=10.0, seed=seed, calls=CallSettings(establish_ms=1.0)) as emulator:
        host, _, port = emulator.url.removeprefix("http://").rpartition(":")
        client = Client(host, int(port))
        for number in range(n_requests):
            if number % 50 == 0:
                emulator.establish(media=fuzzer.random.choice(("appHosted", "serviceHosted")))
                emulator.ring(A_CALLBACK)
                fuzzer.ids = [call.id for call in emulator.calls()][-5:] + fuzzer.ids[:1]
            if number % 40 == 0:
                shown, (status, body) = "no HTTP", client.raw(fuzzer.random.choice(NO_HTTP))
            else:
                method, path, headers, content = fuzzer.request()
                shown = f"{method} {path} {headers} {content[:200]!r}"
                status, body = client.send(method, path, headers, content)
            answers[status] += 1
            asked_for = status == 501 or (status == 500 and b'"9999"' in body)
            if status >= 500 and not asked_for:
                failures.append(f"{status} for {shown}: {body[:200]!r}")
        create = json.dumps(CREATE).encode()
        path = "/v1.0/communications/calls"
        alive = client.send("POST", path, {"content-type": "application/json"}, create)[0] in (201, 429)
        client.close()
    counts = ", ".join(f"{status or 'closed'}: {count}" for status, count in sorted(answers.items()))
    print(f"{n_requests} requests, seed {seed}; answers {counts}")
    print(f"answers of 500 and above that were not asked for: {len(failures)}; works afterwards: {alive}")
    for failure in failures[:10]:
        print(f"  {failure}")
    return int(bool(failures) or not alive)


def main() -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    return run(args.requests, args.seed)


if __name__ == "__main__":
    sys.exit(main())
