"""Load on the emulator: many calls at once, each sending and receiving tones, all of it checked.

The emulator runs in a process of its own, held to one core; this process is the bots, their webhooks and the hands at the
far ends. Half the calls are app-hosted; the other half are service-hosted and subscribed, so their tones come as
notifications. Every call in turn sends four random tones by HTTP and has four random keys pressed at it.

Told at the end: tones lost or doubled either way, notifications missing, doubled or out of order, requests refused, the
emulator's share of its core, and its memory over time.

    python tests/benchmarks/emulator_load.py --calls 500 --minutes 10
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np

SERVER = """
import os, sys, time
os.sched_setaffinity(0, {{min(os.sched_getaffinity(0))}})
from dtmf_audio.graph.emulator import Emulator
emulator = Emulator(record_s=0, kept_tones=20, seed=0).start()
print(emulator.url, flush=True)
sys.stdin.read()
emulator.stop()
""".replace("{{", "{").replace("}}", "}")
PERIOD_S = 5.0
TONES = 4
NAMES = [f"tone{digit}" for digit in range(10)] + ["star", "pound"]
KEYS = dict(zip(NAMES, "0123456789*#", strict=True))


@dataclass
class Bot:
    """A call, what was done in it and what was told of it."""

    call_id: str = ""
    subscribed: bool = False
    sent: list[str] = field(default_factory=list)
    pressed: list[str] = field(default_factory=list)
    operations: list[str] = field(default_factory=list)
    completed: list[str] = field(default_factory=list)
    told: list[tuple[int, str]] = field(default_factory=list)
    states: list[str] = field(default_factory=list)


class Hook:
    """The bots' webhook: as little HTTP as does."""

    def __init__(self) -> None:
        self.bots: dict[str, Bot] = {}
        self.early: list[dict[str, Any]] = []
        self.received = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(line.partition(b":")[2])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length:")
                )
                self.take(json.loads(await reader.readexactly(length)))
                writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            writer.close()

    def take(self, body: dict[str, Any]) -> None:
        for notification in body["value"]:
            self.received += 1
            call_id = notification["resourceUrl"].split("/")[3]
            bot = self.bots.get(call_id)
            if bot is None:
                self.early.append(notification)
                continue
            what = notification["resourceData"]
            if "toneInfo" in what:
                bot.told.append((what["toneInfo"]["sequenceId"], what["toneInfo"]["tone"]))
            elif "completionReason" in what:
                bot.completed.append(f"{what['id']} {what['completionReason']}")
            else:
                bot.states.append(what["state"])


async def play(
    bot: Bot, client: httpx.AsyncClient, refused: Counter[str], until: float, rng: np.random.Generator
) -> None:
    """Send and press in turn until time is over."""
    await asyncio.sleep(rng.uniform(0, PERIOD_S))
    while time.monotonic() < until:
        began = time.monotonic()
        tones = [NAMES[index] for index in rng.integers(0, len(NAMES), TONES)]
        keys = [NAMES[index] for index in rng.integers(0, len(NAMES), TONES)]
        answer = await client.post(
            f"/v1.0/communications/calls/{bot.call_id}/sendDtmfTones",
            json={"tones": tones, "delayBetweenTonesMs": 100, "clientContext": str(len(bot.operations))},
        )
        if answer.status_code == 200:
            bot.sent += tones
            bot.operations.append(answer.json()["id"])
        else:
            refused[f"send {answer.status_code}"] += 1
        answer = await client.post(
            f"/control/calls/{bot.call_id}/press", json={"keys": "".join(KEYS[name] for name in keys)}
        )
        if answer.is_success:
            bot.pressed += keys
        else:
            refused[f"press {answer.status_code}"] += 1
        await asyncio.sleep(max(0.0, began + PERIOD_S - time.monotonic()))


def used(pid: int) -> tuple[float, float]:
    """Return a process's CPU seconds and its memory in MB."""
    with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
        fields = file.read().rpartition(")")[2].split()
    with open(f"/proc/{pid}/statm") as file:  # noqa: PTH123
        pages = int(file.read().split()[1])
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def run(n_calls: int, minutes: float, seed: int) -> int:
    """Run the load and print what it showed; returns the exit status."""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    assert server.stdout is not None
    url = server.stdout.readline().strip()
    cores = os.sched_getaffinity(0)
    if len(cores) > 1:
        os.sched_setaffinity(0, cores - {min(cores)})
    hook = Hook()
    listening = await asyncio.start_server(hook.serve, "127.0.0.1", 0, backlog=1024)
    callback = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/api/calling"
    refused: Counter[str] = Counter()
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
    rngs = np.random.default_rng(seed).spawn(n_calls)
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60.0, limits=limits) as client:
        bots = []
        for number in range(n_calls):
            hosted = "appHosted" if number % 2 else "serviceHosted"
            answer = await client.post(
                "/v1.0/communications/calls",
                json={
                    "callbackUri": callback,
                    "requestedModalities": ["audio"],
                    "mediaConfig": {"@odata.type": f"#microsoft.graph.{hosted}MediaConfig"},
                },
            )
            bot = Bot(call_id=answer.json()["id"], subscribed=hosted == "serviceHosted")
            hook.bots[bot.call_id] = bot
            bots.append(bot)
        await asyncio.sleep(1.0)
        for bot in bots:
            if bot.subscribed:
                url_of = f"/v1.0/communications/calls/{bot.call_id}/subscribeToTone"
                assert (await client.post(url_of, json={})).status_code == 200
        began, (cpu, memory) = time.monotonic(), used(server.pid)
        until = began + 60.0 * minutes
        print(f"{n_calls} calls, {minutes:g} min; memory {memory:.0f} MB at the start", flush=True)
        playing = [
            asyncio.create_task(play(bot, client, refused, until, rng)) for bot, rng in zip(bots, rngs, strict=True)
        ]
        while time.monotonic() < until:
            await asyncio.sleep(min(60.0, max(0.1, until - time.monotonic())))
            now_cpu, now_memory = used(server.pid)
            passed = time.monotonic() - began
            print(
                f"  {passed / 60:5.1f} min: {(now_cpu - cpu) / passed:.0%} of a core, {now_memory:.0f} MB, "
                f"{hook.received} notifications",
                flush=True,
            )
        await asyncio.gather(*playing)
        passed, now_cpu = time.monotonic() - began, used(server.pid)[0]
        await asyncio.sleep(3.0)
        heard = {}
        for call in (await client.get("/control/calls", params={"limit": 1000})).json()["calls"]:
            heard[call["id"]] = call
        for bot in bots:
            await client.delete(f"/v1.0/communications/calls/{bot.call_id}")
        await asyncio.sleep(2.0)
        memory = used(server.pid)[1]
    server.communicate("")
    return report(bots, heard, hook, refused, (now_cpu - cpu) / passed, memory)


def report(
    bots: list[Bot], heard: dict[str, Any], hook: Hook, refused: Counter[str], share: float, memory: float
) -> int:
    """Print what was lost, doubled or out of order; returns the exit status."""
    wrong: Counter[str] = Counter()
    for bot in bots:
        call = heard[bot.call_id]
        wrong["calls whose sent tones were not heard exactly"] += call["keysHeardAtFarEnd"] != "".join(
            map(KEYS.get, bot.sent)
        )
        pressed = "".join(map(KEYS.get, bot.pressed))
        wrong["calls whose pressed keys were not told exactly"] += call["keysToldToBot"] != pressed
        if bot.subscribed:
            expected = list(enumerate(bot.pressed, start=1))
            wrong["calls with tone notifications missing, doubled or out of order"] += bot.told != expected
        expected_ends = [f"{operation} completedSuccessfully" for operation in bot.operations]
        wrong["calls with completions missing, doubled or out of order"] += bot.completed != expected_ends
        if bot.completed != expected_ends:
            print(f"  {bot.call_id}: {len(expected_ends)} operations, {len(bot.completed)} completions told")
            for told, expected in itertools.zip_longest(bot.completed, expected_ends):
                if told != expected:
                    print(f"    told {told}, expected {expected}")
                    break
        wrong["calls with states out of order"] += bot.states[-2:] != ["terminating", "terminated"]
    tones = sum(len(bot.sent) + len(bot.pressed) for bot in bots)
    print(f"{tones} tones, {hook.received} notifications; {share:.0%} of a core; {memory:.0f} MB after the calls' end")
    for what, count in (wrong + Counter(dict.fromkeys(wrong, 0))).items():
        print(f"  {what}: {count}")
    for what in wrong:
        if not wrong[what]:
            print(f"  {what}: 0")
    print(f"  requests refused: {dict(refused) or 0}; notifications before their call was known: {len(hook.early)}")
    return int(any(wrong.values()) or bool(refused))


def main() -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    return asyncio.run(run(args.calls, args.minutes, args.seed))


if __name__ == "__main__":
    sys.exit(main())
