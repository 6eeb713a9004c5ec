"""Notifications on their way to bots: POSTed to the call-back address, each call's in order.

Conventions
-----------
- A call's next notification waits until the one before was taken, or given up. Those of other calls do not wait.
- Taken means any 2xx; samples of bots answer 202. A bot that cannot be reached, or answers 408, 429 or 5xx, is tried
  again after waits that double; any other answer is its last word. Redirects are not followed.
- Only the machine's own addresses are called, unless a host is allowed by name: whoever can create a call could
  otherwise have the emulator POST to anybody. What is not sent is told in the log, and can be read in process.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import uuid
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from dtmf_audio.graph.calls import Notification
from dtmf_audio.graph.wire import StatusCase

FIRST_WAIT_S = 0.25  # chosen: a bot that is starting up is not kept waiting
TIMEOUT_S = 10.0
MAX_WAITING = 1000  # notifications of one call
RETRIED = (408, 429)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What became of a notification.

    Attributes
    ----------
    notification : Notification
    status : int or None
        Of the bot's last answer; None if there was none.
    attempts : int
        0 if it was not sent at all.
    problem : str
        Why it was given up; empty if it was taken.
    """

    notification: Notification
    status: int | None
    attempts: int
    problem: str = ""


class Webhooks:
    """Sends notifications; all of it in one event loop.

    Parameters
    ----------
    on_delivery : callable
        Called with each :class:`Delivery`.
    allowed_hosts : collection of str
        Hosts besides loopback that may be called, as they stand in call-back addresses.
    retries : int
        How often a notification is tried again.
    first_wait_s : float
        Before the first of them; each following wait is twice as long.
    status_case : {"camelCase", "PascalCase"}
    """

    def __init__(
        self,
        on_delivery: Callable[[Delivery], None],
        *,
        allowed_hosts: Collection[str] = (),
        retries: int = 4,
        first_wait_s: float = FIRST_WAIT_S,
        status_case: StatusCase = "camelCase",
    ) -> None:
        self._on_delivery = on_delivery
        self._allowed_hosts = {host.lower() for host in allowed_hosts}
        self._retries = retries
        self._first_wait_s = first_wait_s
        self._status_case: StatusCase = status_case
        self._waiting: dict[str, deque[Notification]] = {}  # by call, while its worker runs
        self._workers: set[asyncio.Task[None]] = set()
        self._client: httpx.AsyncClient | None = None

    def send(self, notification: Notification) -> None:
        """Send a notification after those of its call that wait; to be called in the event loop."""
        host = urlsplit(notification.callback_uri).hostname or ""
        if not (is_loopback(host) or host.lower() in self._allowed_hosts):
            problem = f"{host} is not this machine; allow the host by name to have it called"
            self._on_delivery(Delivery(notification=notification, status=None, attempts=0, problem=problem))
            return
        call_id = notification.call_id
        if call_id not in self._waiting:
            self._waiting[call_id] = deque()
            worker = asyncio.get_running_loop().create_task(self._work(call_id))
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
        if len(self._waiting[call_id]) >= MAX_WAITING:
            problem = f"{MAX_WAITING} notifications of the call wait already"
            self._on_delivery(Delivery(notification=notification, status=None, attempts=0, problem=problem))
            return
        self._waiting[call_id].append(notification)

    async def drained(self) -> None:
        """Wait until every notification was taken or given up."""
        while self._workers:
            await asyncio.wait(self._workers)

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        return not self._workers

    async def close(self) -> None:
        """Give up what is under way."""
        for worker in list(self._workers):
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()

    async def _work(self, call_id: str) -> None:
        """Send what waits for a call, until nothing does."""
        waiting = self._waiting[call_id]
        try:
            while waiting:
                self._on_delivery(await self._deliver(waiting[0]))
                waiting.popleft()
        finally:
            del self._waiting[call_id]

    async def _deliver(self, notification: Notification) -> Delivery:
        if self._client is None:
            limits = httpx.Limits(max_connections=100, max_keepalive_connections=100)
            self._client = httpx.AsyncClient(trust_env=False, timeout=TIMEOUT_S, limits=limits)
        body = json.dumps(notification.body.to_dict(status_case=self._status_case), ensure_ascii=False).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "dtmf-audio-emulator",
            "X-Microsoft-Skype-Message-ID": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{notification.call_id}{body!r}")),
        }
        wait_s, status, problem = self._first_wait_s, None, ""
        for attempt in range(1, self._retries + 2):
            try:
                answer = await self._client.post(notification.callback_uri, content=body, headers=headers)
                status, problem = answer.status_code, f"the bot answered {answer.status_code}"
                if answer.is_success:
                    return Delivery(notification=notification, status=status, attempts=attempt)
                if status < 500 and status not in RETRIED:
                    break
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                status, problem = None, f"the bot cannot be reached ({type(error).__name__}: {error})"
            if attempt <= self._retries:
                await asyncio.sleep(wait_s)
                wait_s *= 2
        return Delivery(notification=notification, status=status, attempts=attempt, problem=problem)


def is_loopback(host: str) -> bool:
    """Tell whether a host, as it stands in an address, is this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
