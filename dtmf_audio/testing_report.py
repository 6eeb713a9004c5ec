"""What went on in the calls of a test that failed, in a few lines: the report of the pytest plugin.

Conventions
-----------
- Times are seconds on the clock of the switchboard, for tones as for notifications, so that they can be compared.
- Of everything that may be long, the latest is told, and how much came before it.
- A report must not make a failure worse: what cannot be told is told as that, and it is not waited for long.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

from dtmf_audio.errors import DtmfError, InvalidSettingError
from dtmf_audio.graph.calls import Notification
from dtmf_audio.graph.models import AppHostedMediaConfig, Call
from dtmf_audio.graph.notifications import UnknownResource
from dtmf_audio.graph.operations import Operation, SendDtmfTonesOperation
from dtmf_audio.graph.switchboard import A_CALLBACK, CallHandle, Switchboard
from dtmf_audio.graph.timeline import TICKS_PER_S
from dtmf_audio.synthesis import FRAME_SAMPLERATE
from dtmf_audio.tones import Tone

if TYPE_CHECKING:  # they need the extra, which a switchboard does not
    from dtmf_audio.graph.emulator import Emulator
    from dtmf_audio.graph.service import Service

_T = TypeVar("_T")
TOLD_CALLS, TOLD_OPERATIONS, TOLD_TONES, TOLD_NOTIFICATIONS, TOLD_REQUESTS, TOLD_LOST = 5, 10, 10, 8, 10, 5
TOLD_BODY = 300  # characters
PATIENCE_S = 5.0


class Watch:
    """Watches a switchboard: it keeps the calls that are over, which the switchboard forgets."""

    def __init__(self, switchboard: Switchboard) -> None:
        self._switchboard = switchboard
        self._seen: dict[str, CallHandle] = {}
        switchboard.on_notification.append(lambda notification: self._see(notification.call_id))

    def _see(self, call_id: str) -> None:
        if call_id not in self._seen and not self._switchboard.calls.is_over(call_id):
            self._seen[call_id] = self._switchboard.call(call_id)

    def lines(self) -> list[str]:
        """Tell of the calls."""
        switchboard = self._switchboard
        calls = {call.id: call for call in switchboard.calls.all() if call.id is not None}
        for call_id in calls:
            self._see(call_id)
        told = [f"the clock stands at {switchboard.now_ms / 1000.0:.3f} s"]
        if not calls:
            told.append("there was no call")
        for call in _latest(list(calls.values()), TOLD_CALLS, told, "calls"):
            told += _call_lines(switchboard, call, self._seen.get(call.id or ""))
        return told


def tell(watch: Watch) -> str:
    """Tell what went on at a switchboard."""
    return "\n".join(_or_why_not(watch.lines))


def tell_of_emulator(emulator: Emulator, watch: Watch) -> str:
    """Tell what went on in an emulator, which runs, or has been stopped."""

    def lines(_: Switchboard) -> list[str]:
        return watch.lines() + _request_lines(emulator.service) + _lost_lines(emulator.service)

    def done() -> list[str]:
        try:
            return emulator.do(lines)
        except DtmfError:  # it was stopped: nothing moves any more
            return lines(emulator.service.switchboard)

    told: list[str] = []
    thread = threading.Thread(target=lambda: told.extend(_or_why_not(done)), daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    return "\n".join(told) or f"the emulator told nothing within {PATIENCE_S:g} s"


def _or_why_not(lines: Callable[[], list[str]]) -> list[str]:
    try:
        return lines()
    except Exception as error:
        return [f"this cannot be told: {type(error).__name__}: {error}"]


# --- calls -----------------------------------------------------------------------------------------------------------


def _call_lines(switchboard: Switchboard, call: Call, handle: CallHandle | None) -> list[str]:
    hosted = "appHosted" if isinstance(call.media_config, AppHostedMediaConfig) else "serviceHosted"
    media = f", {hosted} media" if call.media_config is not None else ""
    ending = f": {call.result_info.message}" if call.result_info is not None else ""
    told = ["", f"call {call.id}: {call.direction}{media}, {call.state}{ending}"]
    operations = switchboard.calls.operations(call.id or "")
    if operations:
        told.append("  operations")
        told += [f"    {_operation(each)}" for each in _latest(operations, TOLD_OPERATIONS, told, "operations")]
    if handle is not None and handle.media is not None:
        told.append("  tones")
        told += [f"    {name:<24} {_tones(tones)}" for name, tones in _heard(handle)]
    sent = [each for each in switchboard.notifications if each.call_id == call.id]
    if sent:
        told.append("  notifications")
        told += [f"    {_notification(each)}" for each in _latest(sent, TOLD_NOTIFICATIONS, told, "notifications")]
    return told


def _heard(handle: CallHandle) -> list[tuple[str, list[tuple[Tone, int]] | None]]:
    """Return the tones of both directions, each with the sample of its call; None where they are not known."""
    assert handle.media is not None
    start = handle.media.start

    def rendered(end: Callable[[], Iterable[tuple[Tone, int]]]) -> list[tuple[Tone, int]] | None:
        try:
            return [(tone, start + at) for tone, at in end()]
        except InvalidSettingError:
            return None

    return [
        ("the bot sent", rendered(lambda: [(t.tone, t.start) for t in handle.far_end.recording().tones])),
        ("the far end heard", [(each.tone, start + each.detected.start) for each in handle.far_end.heard]),
        ("the far end pressed", rendered(lambda: [(t.tone, t.start) for t in handle.bot.recording().tones])),
        ("the bot's side heard", [(each.tone, start + each.detected.start) for each in handle.bot.heard]),
        ("the bot was told", [(each.tone, start + each.heard.detected.start) for each in handle.bot.received]),
    ]


def _tones(tones: list[tuple[Tone, int]] | None) -> str:
    if tones is None:
        return "(not recorded)"
    before = f"… {len(tones) - TOLD_TONES} more, " if len(tones) > TOLD_TONES else ""
    told = (f"{tone.key or tone.value} at {at / FRAME_SAMPLERATE:.3f}" for tone, at in tones[-TOLD_TONES:])
    return f"{before}{', '.join(told)} s" if tones else "-"


def _operation(operation: Operation) -> str:
    name = type(operation).__name__.removesuffix("Operation")
    told = [f"{name[0].lower()}{name[1:]} {operation.id[:8]}", str(operation.status)]
    if isinstance(operation, SendDtmfTonesOperation) and operation.completion_reason is not None:
        told.append(str(operation.completion_reason))
    if operation.client_context is not None:
        told.append(f"clientContext {operation.client_context!r}")
    return ", ".join(told)


def _notification(notification: Notification) -> str:
    told = []
    for each in notification.body.value:
        what = []
        for resource in each.resource_data:
            if isinstance(resource, UnknownResource):
                what.append(str(resource.type_name))
            elif not isinstance(resource, Call):
                what.append(_operation(resource))
            elif resource.tone_info is not None:
                what.append(f"tone {resource.tone_info.tone} ({resource.tone_info.sequence_id})")
            else:
                what.append(f"call {resource.state}")
        told.append(f"{each.change_type} {', '.join(what)}")
    return f"{notification.ticks / TICKS_PER_S:.3f} s  {'; '.join(told)}"


# --- HTTP ------------------------------------------------------------------------------------------------------------


def _request_lines(service: Service) -> list[str]:
    if not service.requests:
        return ["", "there was no request"]
    told = ["", "requests"]
    for request in _latest(list(service.requests), TOLD_REQUESTS, told, "requests"):
        told.append(f"  {request.status} {request.method} {request.path}")
        if request.status >= 400:
            told.append(f"      {request.note}")
            if request.body:
                body = request.body.decode("utf-8", "replace")
                told.append(f"      {body[:TOLD_BODY]}{'…' if len(body) > TOLD_BODY else ''}")
    return told


def _lost_lines(service: Service) -> list[str]:
    lost = [
        delivery
        for delivery in service.deliveries
        if delivery.problem and delivery.notification.callback_uri != A_CALLBACK
    ]
    if not lost:
        return []
    told = ["", "notifications that the bot did not take"]
    for delivery in _latest(lost, TOLD_LOST, told, "notifications"):
        told.append(f"  {_notification(delivery.notification)}")
        tries = f", tried {delivery.attempts} times" if delivery.attempts > 1 else ""
        told.append(f"      to {delivery.notification.callback_uri}: {delivery.problem}{tries}")
    return told


def _latest(items: Sequence[_T], at_most: int, told: list[str], name: str) -> Sequence[_T]:
    """Return the latest of something, having told how many came before."""
    if len(items) > at_most:
        told.append(f"    … {len(items) - at_most} {name} before these")
    return items[-at_most:]
