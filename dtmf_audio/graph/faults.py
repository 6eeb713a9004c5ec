"""Faults on demand: what goes wrong in the service while a bot is tested, and how often.

Nothing fails by itself. A test, or a person at the control API, plans a fault; it strikes the next requests or
notifications that fit it, as often as it was asked for, and is used up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from dtmf_audio.errors import GraphServiceError, InvalidSettingError
from dtmf_audio.graph.calls import CALL_NOT_FOUND, Notification
from dtmf_audio.graph.endpoints import BY_ACTION
from dtmf_audio.synthesis import check_range, check_whole

RequestFaultKind = Literal[
    "unauthorized", "forbidden", "callNotFound", "tooManyRequests", "serverError", "serviceUnavailable", "slow"
]
NotificationFaultKind = Literal["drop", "double", "swap"]

MAX_PLANNED = 1000
MAX_DELAY_MS = 600_000.0

_ANSWERS: dict[str, tuple[int, str, str]] = {
    "unauthorized": (401, "InvalidAuthenticationToken", "Access token is empty."),
    "forbidden": (403, "7504", "Insufficient enterprise tenant permissions, cannot access this API."),
    "callNotFound": (404, *CALL_NOT_FOUND),
    "tooManyRequests": (429, "TooManyRequests", "Too many requests."),
    "serverError": (500, "9999", "Server internal error."),
    "serviceUnavailable": (503, "ServiceUnavailable", "The service is temporarily unavailable."),
}
_TEMPORARY = ("tooManyRequests", "serviceUnavailable")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFault:
    """What a request is answered instead.

    Attributes
    ----------
    kind : str
        One of ``unauthorized`` (401), ``forbidden`` (403, 7504), ``callNotFound`` (404, 8522), ``tooManyRequests``
        (429), ``serverError`` (500, 9999), ``serviceUnavailable`` (503), and ``slow``: the right answer, late.
    times : int
        How many requests it strikes.
    action : str or None
        Only requests of this action, such as ``sendDtmfTones``, ``createCall``, ``getCall``, ``deleteCall``.
    retry_after_s : int
        ``Retry-After`` of 429 and 503.
    delay_ms : float
        How late the answer comes.
    """

    kind: RequestFaultKind
    times: int = 1
    action: str | None = None
    retry_after_s: int = 1
    delay_ms: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is no fault."""
        _check_kind(self.kind, RequestFaultKind)
        check_whole("times", self.times, 1, MAX_PLANNED)
        if self.action is not None and self.action not in BY_ACTION:
            raise InvalidSettingError(f"action is {self.action!r}; it must be one of {', '.join(BY_ACTION)}")
        check_whole("retry_after_s", self.retry_after_s, 0, what="whole seconds")
        check_range("delay_ms", self.delay_ms, 0.0, MAX_DELAY_MS)

    def answer(self) -> GraphServiceError | None:
        """Return the error that it answers; ``None`` if it is only slow."""
        if self.kind == "slow":
            return None
        return GraphServiceError(
            *_ANSWERS[self.kind], retry_after_s=self.retry_after_s if self.kind in _TEMPORARY else None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationFault:
    """What becomes of a notification.

    Attributes
    ----------
    kind : {"drop", "double", "swap"}
        It never comes; it comes twice; it comes after the call's next one. A call's last has no next one, so it is
        not swapped, and the fault stays planned.
    times : int
        How many notifications it strikes.
    call_id : str or None
        Only those of one call.
    """

    kind: NotificationFaultKind
    times: int = 1
    call_id: str | None = None

    def __post_init__(self) -> None:
        """Refuse what is no fault."""
        _check_kind(self.kind, NotificationFaultKind)
        check_whole("times", self.times, 1, MAX_PLANNED)


class Faults:
    """Faults that are planned."""

    def __init__(self) -> None:
        self._planned_requests: list[RequestFault] = []
        self._planned_notifications: list[NotificationFault] = []
        self._held: dict[str, Notification] = {}  # by call: what comes after its next one

    def plan(self, fault: RequestFault | NotificationFault) -> None:
        """Plan a fault, after those that are planned."""
        planned = len(self._planned_requests) + len(self._planned_notifications)
        if planned + fault.times > MAX_PLANNED:
            raise InvalidSettingError(
                f"{planned} faults are planned and {fault.times} more were given; at most {MAX_PLANNED} can wait"
            )
        if isinstance(fault, RequestFault):
            self._planned_requests.extend([fault] * fault.times)
        else:
            self._planned_notifications.extend([fault] * fault.times)

    def clear(self) -> None:
        """Forget every fault that is planned; what is held back still comes after the call's next notification."""
        self._planned_requests.clear()
        self._planned_notifications.clear()

    def strike(self, action: str) -> RequestFault | None:
        """Return the fault that a request meets, and use it up."""
        for index, fault in enumerate(self._planned_requests):
            if fault.action in (None, action):
                return self._planned_requests.pop(index)
        return None

    def deliver(self, notification: Notification, *, is_last: bool = False) -> list[Notification]:
        """Return what is sent in the place of a notification, the last one of its call or not."""
        call_id = notification.call_id
        held = self._held.pop(call_id, None)
        after = [] if held is None else [held]
        for index, fault in enumerate(self._planned_notifications):
            if fault.call_id not in (None, call_id) or (is_last and fault.kind == "swap"):
                continue
            del self._planned_notifications[index]
            if fault.kind == "drop":
                return after
            if fault.kind == "double":
                return [notification, notification, *after]
            self._held[call_id] = notification
            return after
        return [notification, *after]


def _check_kind(kind: object, kinds: object) -> None:
    known = get_args(kinds)
    if kind not in known:
        raise InvalidSettingError(f"the fault is {kind!r}; it must be one of {', '.join(known)}")
