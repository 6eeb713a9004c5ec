"""Notifications on their way to bots: POSTed to the call-back address, each call's in order.

Conventions
-----------
- A call's next notification waits until the one before was taken, or given up. Those of other calls do not wait.
- Taken means any 2xx; samples of bots answer 202. A bot that cannot be reached, or answers 408, 429 or 5xx, is tried
  again after waits that double; any other answer is its last word. Redirects are not followed.
- The status of an answer is all that counts: of its body no more is read than keeps a connection in use.
- Only the machine's own addresses are called, unless a host is allowed by name: whoever can create a call could
  otherwise have the emulator POST to anybody. What counts is the host that the client would connect to, as it reads
  the address itself; no name is looked up to find out, and proxies are not asked.
- What is not sent is told in the log, and can be read in process.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

import httpx

from dtmf_audio.graph.calls import Notification
from dtmf_audio.graph.wire import StatusCase

FIRST_WAIT_S = 0.25  # chosen: a bot that is starting up is not kept waiting
TIMEOUT_S = 10.0  # from the beginning of an attempt to the status of its answer
MAX_AT_ONCE = 100  # notifications under way; more wait for their turn, their time does not run yet
MAX_WAITING = 1000  # notifications of one call
MAX_ANSWER_BYTES = 65_536  # of an answer's body; whoever says more loses the connection, not the notification
ANSWER_TIMEOUT_S = 1.0  # for an answer's body
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
    timeout_s : float
        How long an attempt waits for the status of its answer.
    status_case : {"camelCase", "PascalCase"}
    sleep : callable
        Waits for so many seconds.
    """

    def __init__(
        self,
        on_delivery: Callable[[Delivery], None],
        *,
        allowed_hosts: Collection[str] = (),
        retries: int = 4,
        first_wait_s: float = FIRST_WAIT_S,
        timeout_s: float = TIMEOUT_S,
        status_case: StatusCase = "camelCase",
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._on_delivery = on_delivery
        self._allowed_hosts = {host.lower() for host in allowed_hosts}
        self._retries = retries
        self._first_wait_s = first_wait_s
        self._timeout_s = timeout_s
        self._status_case: StatusCase = status_case
        self._sleep = sleep
        self._waiting: dict[str, deque[Notification]] = {}  # by call, while its worker runs; the first is under way
        self._workers: set[asyncio.Task[None]] = set()
        self._turns = asyncio.Semaphore(MAX_AT_ONCE)
        self._clients: dict[str, httpx.AsyncClient] = {}  # by scheme
        self._closed = False

    def send(self, notification: Notification) -> None:
        """Send a notification after those of its call that wait; to be called in the event loop."""
        problem = self._refusal(notification)
        if problem:
            self._on_delivery(Delivery(notification=notification, status=None, attempts=0, problem=problem))
            return
        call_id = notification.call_id
        if call_id not in self._waiting:
            self._waiting[call_id] = deque()
            worker = asyncio.get_running_loop().create_task(self._work(call_id))
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
        self._waiting[call_id].append(notification)

    def _refusal(self, notification: Notification) -> str:
        """Tell why a notification is not sent at all; nothing if it is."""
        if self._closed:
            return "the emulator has stopped"
        try:
            address = httpx.URL(notification.callback_uri)
        except (httpx.InvalidURL, ValueError) as error:
            return f"the call-back address cannot be read ({error})"
        host = address.host.lower()
        if address.scheme not in ("http", "https") or not host:
            return "the call-back address is no http:// or https:// address of a host"
        if address.port is not None and not 0 < address.port < 65_536:
            return f"the call-back address has port {address.port}; ports are 1 to 65535"
        if not (is_loopback(host) or host in self._allowed_hosts):
            return f"{host} is not this machine; allow the host by name to have it called"
        if len(self._waiting.get(notification.call_id, ())) >= MAX_WAITING:
            return f"{MAX_WAITING} notifications of the call wait already"
        return ""

    async def drained(self) -> None:
        """Wait until every notification was taken or given up."""
        while self._workers:
            await asyncio.wait(self._workers)

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        return not self._workers

    async def close(self) -> None:
        """Give up what is under way and what waits, and send nothing any more."""
        self._closed = True
        for worker in list(self._workers):
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        left = [notification for waiting in self._waiting.values() for notification in waiting]
        self._waiting.clear()
        for notification in left:
            problem = "the emulator has stopped"
            self._on_delivery(Delivery(notification=notification, status=None, attempts=0, problem=problem))
        for client in self._clients.values():
            await client.aclose()

    async def _work(self, call_id: str) -> None:
        """Send what waits for a call, until nothing does."""
        waiting = self._waiting[call_id]
        while waiting:
            try:
                delivery = await self._deliver(waiting[0])
            except Exception as error:  # whatever it is, those behind it go on, and it is told
                problem = f"it cannot be sent ({type(error).__name__}: {error})"
                delivery = Delivery(notification=waiting[0], status=None, attempts=0, problem=problem)
            waiting.popleft()
            if not waiting:
                del self._waiting[call_id]  # before anybody is told: what is sent next has a worker of its own
            try:
                self._on_delivery(delivery)
            except Exception as error:  # of whoever looks on; the notifications that wait go on
                asyncio.get_running_loop().call_exception_handler(
                    {"message": "a listener to deliveries failed", "exception": error}
                )

    async def _deliver(self, notification: Notification) -> Delivery:
        """Send a notification, again and again if need be."""
        body = json.dumps(notification.body.to_dict(status_case=self._status_case)).encode()
        wait_s, status, attempt = self._first_wait_s, None, 0
        while True:
            attempt += 1
            try:
                async with self._turns:
                    status = await self._attempt(notification, body)
                problem = f"the bot answered {status}"
                if 200 <= status < 300:
                    return Delivery(notification=notification, status=status, attempts=attempt)
                if status < 500 and status not in RETRIED:
                    break
            except TimeoutError:
                problem = f"the bot did not answer within {self._timeout_s:g} s"
            except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
                problem = f"the bot cannot be reached ({type(error).__name__}: {error})"
            if attempt > self._retries:
                break
            await self._sleep(wait_s)
            wait_s *= 2
        return Delivery(notification=notification, status=status, attempts=attempt, problem=problem)

    async def _attempt(self, notification: Notification, body: bytes) -> int:
        """Send a notification once; returns the status of the answer."""
        client = self._client_for(httpx.URL(notification.callback_uri).scheme)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "dtmf-audio-emulator",
            "X-Microsoft-Skype-Message-ID": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{notification.call_id}{body!r}")),
        }
        request = client.build_request("POST", notification.callback_uri, content=body, headers=headers)
        async with asyncio.timeout(self._timeout_s):
            answer = await client.send(request, stream=True)
        try:
            await _read_to_the_end(answer)
        finally:
            await answer.aclose()
        return answer.status_code

    def _client_for(self, scheme: str) -> httpx.AsyncClient:
        """Return the client of a scheme; that of http does without certificates, which take 0.1 s to load."""
        if scheme not in self._clients:
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=MAX_AT_ONCE)
            self._clients[scheme] = httpx.AsyncClient(
                trust_env=False, timeout=None, limits=limits, verify=scheme == "https"
            )
        return self._clients[scheme]


async def _read_to_the_end(answer: httpx.Response) -> None:
    """Read an answer's body, so that the connection can be used again; not if it is long or slow."""
    n_bytes = 0
    with contextlib.suppress(httpx.HTTPError, TimeoutError):
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            async for chunk in answer.aiter_raw():
                n_bytes += len(chunk)
                if n_bytes > MAX_ANSWER_BYTES:
                    return


def is_loopback(host: str) -> bool:
    """Tell whether a host, as it stands in an address, is this machine; no name but ``localhost`` is."""
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback
