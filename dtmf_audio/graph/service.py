"""The emulator without a socket: the switchboard on a clock, its notifications sent, its requests logged.

Everything runs in one event loop. The real clock moves the timeline whenever something is due or asked for. A virtual
one stands still until :meth:`Service.advance`, which goes on from one event to the next and waits each time until the
bot has taken the notifications: what a bot asks for while it takes one happens at the notification's time.

Calls of which nobody is to be notified, those with the call-back address ``A_CALLBACK``, have their notifications
remembered alone.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeVar, get_args

import numpy as np

from dtmf_audio.errors import InvalidSettingError
from dtmf_audio.graph.calls import CallSettings, Notification
from dtmf_audio.graph.media import Direction, LineConditions
from dtmf_audio.graph.routes import GraphApi, HttpRequest, HttpResponse
from dtmf_audio.graph.switchboard import A_CALLBACK, Switchboard
from dtmf_audio.graph.timeline import TICKS_PER_MS, TICKS_PER_S
from dtmf_audio.graph.webhooks import Delivery, Webhooks
from dtmf_audio.graph.wire import StatusCase
from dtmf_audio.synthesis import check_whole
from dtmf_audio.tones import Tone

_T = TypeVar("_T")
Clock = Literal["real", "virtual"]
MAX_LOGGED = 10_000  # requests and deliveries that are remembered, the latest
MAX_LOGGED_BODY = 2000  # bytes
MAX_LOGGED_TEXT = 1000  # characters of a path or of a message
MAX_LOGGED_KEYS = 40
MAX_ADVANCE_MS = 1e12
BREATH_S = 0.02  # chosen: how long a virtual clock may go on before requests have their turn


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """How the emulator behaves.

    Attributes
    ----------
    clock : {"real", "virtual"}
    seed : int
        Of ids, of delays that requests leave to the service, of noise and loss.
    calls : CallSettings
    conditions : dict of Direction and LineConditions
        Of the lines of new calls.
    record_s : float
        How much audio of each direction of each call is kept, in seconds.
    status_case : {"camelCase", "PascalCase"}
        How the status of operations is spelled; Microsoft's SDKs for TypeScript, Go, Java and PHP need ``PascalCase``.
    require_bearer : bool
        Whether requests need a token.
    allowed_hosts : tuple of str
        Hosts besides this machine that notifications are sent to, and that the emulator may be addressed as.
    retries : int
        How often a notification that was not taken is tried again.
    frames_per_feed : int
        How many 20 ms frames the receivers hear at a time; more are faster, and tell of a tone later.
    kept_tones : int
        How many of the tones heard in each direction of a call are remembered with all that was measured.
    """

    clock: Clock = "real"
    seed: int = 0
    calls: CallSettings = field(default_factory=CallSettings)
    conditions: dict[Direction, LineConditions] | None = None
    record_s: float = 600.0
    status_case: StatusCase = "camelCase"
    require_bearer: bool = False
    allowed_hosts: tuple[str, ...] = ()
    retries: int = 4
    frames_per_feed: int = 3
    kept_tones: int = 10_000

    def __post_init__(self) -> None:
        """Refuse what is no setting; the switchboard refuses what is none of its own."""
        if self.clock not in get_args(Clock):
            raise InvalidSettingError(f"clock is {self.clock!r}; it must be real or virtual")
        if self.status_case not in get_args(StatusCase):
            raise InvalidSettingError(f"status_case is {self.status_case!r}; it must be camelCase or PascalCase")
        check_whole("retries", self.retries, 0)
        if isinstance(self.allowed_hosts, str):
            raise InvalidSettingError(f"allowed_hosts is the string {self.allowed_hosts!r}; give several, in a tuple")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRequest:
    """A request that was answered.

    Attributes
    ----------
    date : str
        Date and time, UTC.
    method, path : str
        As they came; of a path, at most ``MAX_LOGGED_TEXT``.
    status : int
    action : str
        What was asked for: ``sendDtmfTones``, ``createCall``; empty if it was nothing known.
    body : bytes
        As it came, at most ``MAX_LOGGED_BODY`` of it.
    note : str
        The message of an error.
    """

    date: str
    method: str
    path: str
    status: int
    action: str
    body: bytes
    note: str


class Service:
    """What the emulator does, in one event loop.

    Attributes
    ----------
    settings : ServiceSettings
    switchboard : Switchboard
    requests : deque of LoggedRequest
    deliveries : deque of Delivery
    on_log : list of callables
        Called with a line of text for every request and every delivery that failed; nothing in it is a control
        character, whatever the client sent.
    gates : list of callables
        Awaited before each step of a virtual clock: what cannot keep up with it is waited for.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings = settings
        self.switchboard = Switchboard(
            seed=settings.seed,
            settings=settings.calls,
            conditions=settings.conditions,
            record_s=settings.record_s,
            frames_per_feed=settings.frames_per_feed,
            kept_tones=settings.kept_tones,
        )
        self._epoch = datetime.now(UTC)
        self._started = time.monotonic_ns()
        self.graph = GraphApi(
            self.switchboard,
            rng=np.random.default_rng([settings.seed, 1]),
            date_of=lambda ticks: self.date(ticks),
            status_case=settings.status_case,
            require_bearer=settings.require_bearer,
        )
        self.requests: deque[LoggedRequest] = deque(maxlen=MAX_LOGGED)
        self.deliveries: deque[Delivery] = deque(maxlen=MAX_LOGGED)
        self.on_log: list[Callable[[str], None]] = []
        self.gates: list[Callable[[], Awaitable[None]]] = []
        self.webhooks = Webhooks(
            self._delivered,
            allowed_hosts=settings.allowed_hosts,
            retries=settings.retries,
            status_case=settings.status_case,
        )
        self.switchboard.on_notification.append(self._notify)
        self._timer: asyncio.TimerHandle | None = None
        self._advancing = False
        self._doing = False
        self._closed = False

    def date(self, ticks: int) -> str:
        """Return the date and time of ticks of the timeline, UTC, as Graph writes them in errors."""
        try:
            date = self._epoch + timedelta(milliseconds=ticks / TICKS_PER_MS)
        except OverflowError:  # a virtual clock can be set beyond the calendar
            date = datetime.max
        return date.strftime("%Y-%m-%dT%H:%M:%S")

    # --- time --------------------------------------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Let everything happen that the real clock says is due."""
        if self.settings.clock == "real":
            now = (time.monotonic_ns() - self._started) // 100
            self.switchboard.timeline.advance_to(max(now, self.switchboard.timeline.now))

    def rearm(self) -> None:
        """See to it that what is due next happens when it is."""
        if self.settings.clock != "real" or self._closed:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self.switchboard.timeline.next_due()
        if due is not None:
            now = (time.monotonic_ns() - self._started) // 100
            wait_s = max(0.0, (due - now) / TICKS_PER_S)
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._tick)

    def _tick(self) -> None:
        self.do(lambda _: None)

    async def advance(self, ms: float) -> None:
        """Let time pass on a virtual clock, as the bot takes its notifications.

        Raises
        ------
        InvalidSettingError
            The clock is real or goes on already, or the time is no number.
        """
        if self.settings.clock == "real":
            raise InvalidSettingError("the clock is real and goes on by itself; start the emulator with a virtual one")
        if isinstance(ms, bool) or not isinstance(ms, (int, float)) or not 0 <= ms <= MAX_ADVANCE_MS:
            raise InvalidSettingError(
                f"the clock was to go on by {ms!r} ms; it must be a number from 0 to {MAX_ADVANCE_MS:g}"
            )
        if self._advancing:
            raise InvalidSettingError(
                "the clock goes on already, and waits for what the bot does meanwhile; advance it when that is over"
            )
        self._advancing = True
        try:
            await self._advance(round(ms * TICKS_PER_MS))
        finally:
            self._advancing = False

    async def _advance(self, ticks: int) -> None:
        timeline = self.switchboard.timeline
        await self.webhooks.drained()
        target = timeline.now + ticks
        breath = time.monotonic() + BREATH_S
        while (due := timeline.next_due()) is not None and due <= target:
            timeline.advance_to(due)
            if not self.webhooks.idle:
                await self.webhooks.drained()
            for gate in list(self.gates):
                await gate()
            if time.monotonic() > breath:
                await asyncio.sleep(0)
                breath = time.monotonic() + BREATH_S
        timeline.advance_to(max(target, timeline.now))

    def do(self, what: Callable[[Switchboard], _T]) -> _T:
        """Do something with the switchboard, at the time it is; in the event loop.

        From within something that happens there already, such as a listener, it is done at that thing's time.
        """
        if self._doing:
            return what(self.switchboard)
        self._doing = True
        try:
            self.catch_up()
            return what(self.switchboard)
        finally:
            self._doing = False
            self.rearm()  # after an exception too: what one listener does wrong does not stop the clock

    async def close(self) -> None:
        """Stop: nothing happens any more, nobody is notified."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        await self.webhooks.close()

    # --- requests ----------------------------------------------------------------------------------------------------

    def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer a request to Graph."""
        answer = self.do(lambda _: self.graph.handle(request))
        note = answer.json()["error"]["message"][:MAX_LOGGED_TEXT] if answer.status >= 400 and answer.body else ""
        date = self.date(self.switchboard.timeline.now)
        logged = LoggedRequest(
            date=date,
            method=request.method,
            path=request.path[:MAX_LOGGED_TEXT],
            status=answer.status,
            action=answer.action,
            body=request.body[:MAX_LOGGED_BODY],
            note=note,
        )
        self.requests.append(logged)
        told = note or self._keys_sent(answer)
        self._log(f"{date} {logged.method} {logged.path} {logged.status}{': ' if told else ''}{told}")
        return answer

    def _keys_sent(self, answer: HttpResponse) -> str:
        """Return the keys that a ``sendDtmfTones`` was taken for."""
        if answer.action != "sendDtmfTones" or answer.status != 200:
            return ""
        *_, call_id, _, operation_id = answer.headers["Location"].split("/")
        tones = self.switchboard.call(call_id).tones[operation_id]
        keys = [tone.value if tone is Tone.FLASH else tone.key for tone in tones[:MAX_LOGGED_KEYS]]
        return " ".join(keys) + (" …" if len(tones) > MAX_LOGGED_KEYS else "")

    def _notify(self, notification: Notification) -> None:
        if notification.callback_uri != A_CALLBACK:
            self.webhooks.send(notification)

    def _delivered(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)
        if delivery.problem:
            date = self.date(self.switchboard.timeline.now)
            where = delivery.notification.callback_uri[:MAX_LOGGED_TEXT]
            self._log(f"{date} notification to {where} was not delivered: {delivery.problem}")

    def _log(self, line: str) -> None:
        shown = printable(line)
        for listener in list(self.on_log):
            listener(shown)


def printable(text: str) -> str:
    """Return a text with what would move a terminal's cursor, or break a line, written as an escape."""
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)
