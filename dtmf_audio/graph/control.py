"""The control API: the far end's hands, and a look behind the scenes, over HTTP.

Bodies are JSON with the names below, and so are answers. A query's ``limit`` is the most of a list that is returned.

========================================  ============================================================================
Request                                   What it does, and what it takes
========================================  ============================================================================
GET /control/calls                        Calls, those that are not over first; the last requests and notifications.
                                          ``?limit=`` (50) calls, ``?envelopeMs=`` (10000) of audio. Shortened, to be
                                          polled: the last 20 operations and 200 tones, 300 characters of any text,
                                          no bodies.
POST /control/calls                       Ring the bot: ``callbackUri``. Answered 201 with the call.
GET /control/calls/{id}                   One call, with all that is known of it. ``?envelopeMs=``
POST /control/calls/{id}/press            Press keys at the bot: ``keys`` (``"12#"``; ``w`` and ``W`` pause 0.5 and
                                          1 s), ``onMs``, ``delayMs``, ``levelDbm0`` of the low group, ``twistDb``
                                          (high less low), ``speaker``. They begin now, or after those that this
                                          speaker was still to press. Answered with where they lie.
POST /control/calls/{id}/play             Play a WAV file of one channel at the bot; ``?speaker=``
POST /control/calls/{id}/hangUp           End the call from the far end; ``{}``
PUT /control/calls/{id}/line              What the line does from now on: ``direction`` (``toBot``, ``toFarEnd``),
                                          ``noiseDbm0`` (null: none), ``lossPct`` of frames, ``twistDb``
GET /control/calls/{id}/recordings/…      ``toFarEnd.wav``, ``toBot.wav``: what was said in that direction;
                                          ``toFarEnd.json``, ``toBot.json``: the tones in it that the emulator made
POST /control/faults                      Plan what goes wrong. Of requests: ``kind`` ``unauthorized``, ``forbidden``,
                                          ``callNotFound``, ``tooManyRequests``, ``serverError``,
                                          ``serviceUnavailable``, ``slow``; ``times``, ``action``, ``retryAfterS``,
                                          ``delayMs``. Of notifications: ``drop``, ``double``, ``swap``; ``times``,
                                          ``callId``. Of a call's next ``sendDtmfTones``: ``failOperation``;
                                          ``callId``, ``afterMs``
DELETE /control/faults                    Forget the faults of requests and notifications that are planned
POST /control/clock/advance               Let ``ms`` pass on a virtual clock, at most an hour at a time
GET /control/notifications                ``?callId=``, ``?after=`` the ``sequence`` of the last one seen, ``?limit=``
                                          (100). ``delivery`` is ``waiting``, ``delivered``, ``undelivered``, or
                                          ``kept`` if nobody is to have it; ``summary`` says in words what the
                                          ``body`` tells
GET /control/requests                     Requests that bots made: ``?callId=``, ``?limit=`` (100)
========================================  ============================================================================

Times of tones are milliseconds from the beginning of their call's audio; ``nowMs`` and ``sentMs`` are milliseconds
from the emulator's start. An envelope has the peak of each 20 ms, 255 for full scale.

What is wrong is told as ``{"error": {"code", "message"}}``: 400 of what was sent, 404 of what is not there, 405, 409
of what cannot be done now, 413 of what is too long, 415 of another ``Content-Type``, 429 of too many at once.

Pages of other origins
----------------------
A POST or PUT needs ``Content-Type: application/json``, or ``audio/wav`` to play, even without a body. A browser lets
no page of another origin send that, nor a PUT or DELETE, unless a preflight request allows it, and none is ever
allowed here. The answers have no CORS headers, so such a page cannot read either.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import math
import re
import urllib.parse
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar, get_args

import numpy as np

from dtmf_audio.audio_io import open_audio, write_audio
from dtmf_audio.errors import AudioFileError, DtmfError, GraphServiceError, InvalidSettingError
from dtmf_audio.formats import truth_json
from dtmf_audio.graph.calls import Notification
from dtmf_audio.graph.endpoints import BY_ACTION
from dtmf_audio.graph.faults import (
    MAX_DELAY_MS,
    NotificationFault,
    NotificationFaultKind,
    RequestFault,
    RequestFaultKind,
)
from dtmf_audio.graph.lines import Pcm
from dtmf_audio.graph.media import CALLER, ENVELOPE_FRAMES, CallMedia, Direction, HeardTone, LineConditions, Path
from dtmf_audio.graph.models import AppHostedMediaConfig, Call, CallState, ServiceHostedMediaConfig
from dtmf_audio.graph.notifications import UnknownResource
from dtmf_audio.graph.operations import Operation, SendDtmfTonesOperation, SubscribeToToneOperation
from dtmf_audio.graph.requests import CreateCallRequest
from dtmf_audio.graph.routes import HttpRequest, HttpResponse
from dtmf_audio.graph.service import LoggedRequest, Service
from dtmf_audio.graph.switchboard import A_CALLBACK, CallHandle, ReceivedTone, as_pcm16k
from dtmf_audio.graph.timeline import TICKS_PER_MS
from dtmf_audio.graph.webhooks import Delivery
from dtmf_audio.graph.wire import MAX_BODY_BYTES, check_names, check_object, load_json, shown
from dtmf_audio.signals import Samples
from dtmf_audio.synthesis import DEFAULT_DELAY_MS, DEFAULT_ON_MS, FRAME_SAMPLERATE, FRAME_SAMPLES, RenderedTone
from dtmf_audio.tones import Pause, Tone, parse_keys

_T = TypeVar("_T")
FRAME_MS = 1000 * FRAME_SAMPLES // FRAME_SAMPLERATE
MAX_WAV_BYTES = 32 * 2**20
MAX_PLAYED_S = 600.0  # chosen: what is kept of a call by default
MAX_PRESSED_S = 120.0
MAX_ADVANCE_MS = 3_600_000.0
MAX_SPEAKER_NAME = 64  # characters
MAX_LISTED = 1000  # of anything in one answer
LISTED_CALLS, LISTED_LOG = 50, 50  # in the answer that the status page polls
SHORT_OPERATIONS, SHORT_TONES, SHORT_TEXT = 20, 200, 300
_REQUEST_FAULTS, _NOTIFICATION_FAULTS = get_args(RequestFaultKind), get_args(NotificationFaultKind)
_CODES = {
    400: "badRequest",
    404: "notFound",
    405: "methodNotAllowed",
    409: "conflict",
    413: "payloadTooLarge",
    415: "unsupportedMediaType",
    429: "tooManyRequests",
}
_Handler = Callable[..., Awaitable[HttpResponse]]


class _RefusedError(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers


class ControlApi:
    """Answers requests below ``/control``; in the service's event loop."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._board = service.switchboard
        self._n_notifications = len(self._board.notifications)  # that were ever sent
        self._board.on_notification.append(self._count)
        # By call and speaker: the sample of the call where the last key ends.
        self._pressed_until: weakref.WeakKeyDictionary[CallHandle, dict[str, int]] = weakref.WeakKeyDictionary()
        call = r"/control/calls/([^/]+)"
        routes: dict[str, dict[str, _Handler]] = {
            r"/control/calls": {"GET": self._get_calls, "POST": self._ring},
            call: {"GET": self._get_call},
            rf"{call}/press": {"POST": self._press},
            rf"{call}/play": {"POST": self._play},
            rf"{call}/hangUp": {"POST": self._hang_up},
            rf"{call}/line": {"PUT": self._set_line},
            rf"{call}/recordings/([^/]+)": {"GET": self._get_recording},
            r"/control/faults": {"POST": self._plan_fault, "DELETE": self._clear_faults},
            r"/control/clock/advance": {"POST": self._advance},
            r"/control/notifications": {"GET": self._get_notifications},
            r"/control/requests": {"GET": self._get_requests},
        }
        self._routes = [(re.compile(pattern), methods) for pattern, methods in routes.items()]

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer a request, whatever it is."""
        try:
            handler, names = self._route(request)
            return await handler(request, *names)
        except _RefusedError as refused:
            return _error(refused.status, refused.message, refused.headers)
        except GraphServiceError as refused:
            headers = {} if refused.retry_after_s is None else {"Retry-After": str(refused.retry_after_s)}
            return _error(refused.status, refused.message, headers)
        except DtmfError as refused:
            return _error(400, str(refused), {})

    def _count(self, _notification: Notification) -> None:
        self._n_notifications += 1

    def _route(self, request: HttpRequest) -> tuple[_Handler, list[str]]:
        path = request.path.rstrip("/")
        for pattern, methods in self._routes:
            found = pattern.fullmatch(path)
            if found is None:
                continue
            method = "GET" if request.method == "HEAD" else request.method
            if method not in methods:
                allowed = ", ".join(methods)
                raise _RefusedError(
                    405, f"{request.method[:20]} is no method of {path[:100]}; use {allowed}", Allow=allowed
                )
            return methods[method], [urllib.parse.unquote(name) for name in found.groups()]
        raise _RefusedError(
            404, f"There is nothing at {path[:100]}. GET /control/calls lists the calls; what else there is stands in "
            "the documentation of dtmf_audio.graph.control."
        )  # fmt: skip

    # --- calls -------------------------------------------------------------------------------------------------------

    async def _get_calls(self, request: HttpRequest) -> HttpResponse:
        query = _query(request, "limit", "envelopeMs")
        limit = _whole(query, "limit", LISTED_CALLS, MAX_LISTED)
        n_frames = _whole(query, "envelopeMs", 10_000, ENVELOPE_FRAMES * FRAME_MS) // FRAME_MS
        self._service.do(lambda _: None)  # it is now
        known = self._known()
        handles = self._board.remembered()
        n_live = sum(not self._board.calls.is_over(call.id) for call in handles)
        ticks = self._board.timeline.now
        return _json(
            200,
            {
                "clock": {
                    "kind": self._service.settings.clock,
                    "nowMs": ticks / TICKS_PER_MS,
                    "date": f"{self._service.date(ticks)}Z",
                },
                "liveCalls": n_live,
                "endedCalls": len(handles) - n_live,
                "calls": [self._described(call, known.get(call.id), n_frames, short=True) for call in handles[:limit]],
                "requests": self._requests(LISTED_LOG, None, short=True),
                "notifications": self._notifications(LISTED_LOG, None, None, short=True),
            },
        )

    async def _get_call(self, request: HttpRequest, call_id: str) -> HttpResponse:
        n_frames = _whole(_query(request, "envelopeMs"), "envelopeMs", 10_000, ENVELOPE_FRAMES * FRAME_MS) // FRAME_MS
        return self._answer_with(200, self._find(call_id), n_frames)

    async def _ring(self, request: HttpRequest) -> HttpResponse:
        body = _body(
            request, ("callbackUri",), of="a call to the bot", example='{"callbackUri": "http://127.0.0.1:3978/"}'
        )
        # What Graph's own requests are held to, this one is too.
        asked = CreateCallRequest(
            callback_uri=body.get("callbackUri"),  # type: ignore[arg-type]
            media_config=ServiceHostedMediaConfig(),
            requested_modalities=("audio",),
        )
        rung = self._service.do(lambda board: board.calls.ring(callback_uri=asked.callback_uri))
        assert rung.id is not None
        return self._answer_with(201, self._board.call(rung.id))

    async def _hang_up(self, request: HttpRequest, call_id: str) -> HttpResponse:
        call = self._find(call_id)
        _body(request, (), of="hangUp", example="{}", may_be_empty=True)
        if call.state in (CallState.TERMINATING, CallState.TERMINATED):
            raise _RefusedError(409, f"call {call_id} is {call.state}: it cannot be hung up again")
        self._service.do(lambda _: call.far_end.hang_up())
        return self._answer_with(200, call)

    async def _press(self, request: HttpRequest, call_id: str) -> HttpResponse:
        call = self._find(call_id)
        numbers = {"onMs": "on_ms", "delayMs": "delay_ms", "levelDbm0": "level_dbm0", "twistDb": "twist_db"}
        body = _body(request, ("keys", *numbers, "speaker"), of="press", example='{"keys": "12#"}')
        keys = body.get("keys")
        if not isinstance(keys, str):
            raise _RefusedError(400, f'keys is {shown(keys)}; write the keys as a string, such as "12#"')
        parsed = parse_keys(keys)
        settings = {to: _number(body, name) for name, to in numbers.items() if body.get(name) is not None}
        each_ms = settings.get("on_ms", DEFAULT_ON_MS) + settings.get("delay_ms", DEFAULT_DELAY_MS)
        total_s = sum(key.duration_ms if isinstance(key, Pause) else each_ms for key in parsed) / 1000.0
        if total_s > MAX_PRESSED_S:
            raise _RefusedError(
                400, f"{len(parsed)} keys take {total_s:.0f} s; press at most {MAX_PRESSED_S:.0f} s of keys at a time"
            )
        speaker = _speaker(body.get("speaker")) or CALLER
        self._check_talking(call)
        tones = self._service.do(lambda _: self._press_next(call, parsed, speaker, settings))
        return _json(200, {"tones": [_rendered(tone) for tone in tones]})

    def _press_next(
        self, call: CallHandle, keys: list[Tone | Pause], speaker: str, settings: dict[str, float]
    ) -> tuple[RenderedTone, ...]:
        """Press keys after those that a speaker is still pressing: nobody presses two at once."""
        until = self._pressed_until.setdefault(call, {})
        now = max(self._board.media.now_sample - call.audio.start, 0)
        gap = round(settings.get("delay_ms", DEFAULT_DELAY_MS) * FRAME_SAMPLERATE / 1000.0)
        wait = max(until.get(speaker, -gap) + gap - now, 0)
        if wait > MAX_PRESSED_S * FRAME_SAMPLERATE:
            raise _RefusedError(409, f"{wait / FRAME_SAMPLERATE:.0f} s of keys are still to be pressed; wait for them")
        tones = call.far_end.press(keys, speaker=speaker, lead_ms=_ms(wait), **settings)  # type: ignore[arg-type]
        if tones:
            until[speaker] = tones[-1].stop
        return tones

    async def _play(self, request: HttpRequest, call_id: str) -> HttpResponse:
        call = self._find(call_id)
        _check_type(request, "audio/wav", ("audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"))
        speaker = _speaker(_query(request, "speaker").get("speaker"))
        if len(request.body) > MAX_WAV_BYTES:
            raise _RefusedError(413, f"the file is over {MAX_WAV_BYTES} bytes long; play it in parts")
        self._check_talking(call)
        pcm = await asyncio.to_thread(_read_wav, request.body)
        self._check_talking(call)
        start, stop = self._service.do(lambda _: call.far_end.play(pcm, speaker=speaker))
        return _json(200, {"startMs": _ms(start), "stopMs": _ms(stop)})

    async def _set_line(self, request: HttpRequest, call_id: str) -> HttpResponse:
        call = self._find(call_id)
        numbers = {"noiseDbm0": "noise_dbm0", "lossPct": "loss_pct", "twistDb": "twist_db"}
        body = _body(request, ("direction", *numbers), of="a line", example='{"direction": "toBot", "noiseDbm0": -40}')
        direction = body.get("direction")
        if direction not in tuple(Direction):
            raise _RefusedError(400, f"direction is {shown(direction)}; write one of {', '.join(Direction)}")
        settings = {to: _number(body, name) for name, to in numbers.items() if body.get(name) is not None}
        conditions = LineConditions(**settings)
        self._check_talking(call)
        end = call.far_end if direction == Direction.TO_BOT else call.bot
        self._service.do(lambda _: end.set_conditions(conditions))
        return _json(200, {"direction": direction, **_line(conditions)})

    async def _get_recording(self, _request: HttpRequest, call_id: str, name: str) -> HttpResponse:
        call = self._find(call_id)
        direction, _, kind = name.partition(".")
        if direction not in tuple(Direction) or kind not in ("wav", "json"):
            names = ", ".join(f"{each}.{ending}" for each in Direction for ending in ("wav", "json"))
            raise _RefusedError(404, f"There is no recording {shown(name)}; a call has {names}")
        if call.media is None:
            raise _RefusedError(409, f"call {call_id} is {call.state} and has had no audio")
        end = call.far_end if direction == Direction.TO_FAR_END else call.bot
        recording = self._service.do(lambda _: end.recording())
        if kind == "json":
            return _answer(200, "application/json", truth_json(recording).encode())
        if not len(recording.samples):
            raise _RefusedError(409, f"call {call_id} has no audio yet; wait, or advance the clock")
        wav = await asyncio.to_thread(_write_wav, recording.samples)
        return _answer(200, "audio/wav", wav)

    # --- faults and the clock ----------------------------------------------------------------------------------------

    async def _plan_fault(self, request: HttpRequest) -> HttpResponse:
        takes: dict[str, tuple[str, ...]] = {"failOperation": ("callId", "afterMs")}
        takes |= dict.fromkeys(_REQUEST_FAULTS, ("times", "action", "retryAfterS", "delayMs"))
        takes |= dict.fromkeys(_NOTIFICATION_FAULTS, ("times", "callId"))
        every = ("kind", *dict.fromkeys(name for names in takes.values() for name in names))
        body = _body(request, every, of="a fault", example='{"kind": "serviceUnavailable", "times": 2}')
        kind = body.get("kind")
        if not isinstance(kind, str) or kind not in takes:
            raise _RefusedError(400, f"kind is {shown(kind)}; write one of {', '.join(takes)}")
        check_names(body, ("kind", *takes[kind]), of=f"the fault {kind}")
        given = {name: value for name, value in body.items() if value is not None}
        if kind == "failOperation":
            call = self._find(_text(given, "callId"))
            after_ms = _number(given, "afterMs") if "afterMs" in given else 0.0
            if not 0.0 <= after_ms <= MAX_DELAY_MS:
                raise _RefusedError(400, f"afterMs is {after_ms:g}; write a number from 0 to {MAX_DELAY_MS:g}")
            self._service.do(lambda board: board.calls.fail_next_operation(call.id, after_ms=after_ms))
            return _json(201, {"kind": kind, "callId": call.id, "afterMs": after_ms})
        times = given.get("times", 1)
        fault: RequestFault | NotificationFault
        if kind in _NOTIFICATION_FAULTS:
            call_id = self._find(_text(given, "callId")).id if "callId" in given else None
            fault = NotificationFault(kind=kind, times=times, call_id=call_id)  # type: ignore[arg-type]
            planned = {"kind": kind, "times": times, "callId": call_id}
        else:
            action = _text(given, "action") if "action" in given else None
            if action not in (None, *BY_ACTION):
                raise _RefusedError(400, f"action is {shown(action)}; write one of {', '.join(BY_ACTION)}")
            fault = RequestFault(
                kind=kind,  # type: ignore[arg-type]
                times=times,
                action=action,
                retry_after_s=given.get("retryAfterS", 1),
                delay_ms=_number(given, "delayMs") if "delayMs" in given else 0.0,
            )
            planned = {"kind": kind, "times": times, "action": action}
            planned |= {"retryAfterS": fault.retry_after_s, "delayMs": fault.delay_ms}
        self._service.do(lambda board: board.faults.plan(fault))
        return _json(201, planned)

    async def _clear_faults(self, _request: HttpRequest) -> HttpResponse:
        self._service.do(lambda board: board.faults.clear())
        return HttpResponse(status=204)

    async def _advance(self, request: HttpRequest) -> HttpResponse:
        body = _body(request, ("ms",), of="advance", example='{"ms": 1000}')
        ms = _number(body, "ms")
        if self._service.settings.clock == "real":
            raise _RefusedError(
                409, "the clock is real and goes on by itself; start the emulator with a virtual clock to move it"
            )
        if not 0.0 <= ms <= MAX_ADVANCE_MS:
            raise _RefusedError(
                400, f"ms is {ms:g}; write a number from 0 to {MAX_ADVANCE_MS:g}, and ask again for more"
            )
        try:
            await self._service.advance(ms)
        except InvalidSettingError as error:  # the clock is being moved already
            raise _RefusedError(409, str(error)) from error
        return _json(200, {"nowMs": self._board.now_ms})

    # --- logs --------------------------------------------------------------------------------------------------------

    async def _get_notifications(self, request: HttpRequest) -> HttpResponse:
        query = _query(request, "callId", "after", "limit")
        limit = _whole(query, "limit", 100, MAX_LISTED)
        after = _whole(query, "after", 0, 2**53, least=0) if "after" in query else None
        self._service.do(lambda _: None)
        told = self._notifications(limit, query.get("callId"), after)
        return _json(200, {"last": self._n_notifications, "notifications": told})

    async def _get_requests(self, request: HttpRequest) -> HttpResponse:
        query = _query(request, "callId", "limit")
        return _json(200, {"requests": self._requests(_whole(query, "limit", 100, MAX_LISTED), query.get("callId"))})

    def _notifications(
        self, limit: int, call_id: str | None, after: int | None, *, short: bool = False
    ) -> list[dict[str, Any]]:
        """Describe the latest notifications, or the first after a number, oldest first."""
        kept = self._board.notifications
        first = self._n_notifications - len(kept) + 1
        numbered: Iterable[tuple[int, Notification]]
        if after is None:
            backwards = zip(itertools.count(self._n_notifications, -1), reversed(kept), strict=False)
            fitting = ((number, sent) for number, sent in backwards if call_id in (None, sent.call_id))
            numbered = list(itertools.islice(fitting, limit))[::-1]
        else:
            fitting = ((number, sent) for number, sent in enumerate(kept, first) if call_id in (None, sent.call_id))
            numbered = itertools.islice(((number, sent) for number, sent in fitting if number > after), limit)
        deliveries: dict[int, deque[Delivery]] = {}
        for each in self._service.deliveries:
            deliveries.setdefault(id(each.notification), deque()).append(each)
        case = self._service.settings.status_case
        told = []
        for number, sent in numbered:
            mine = deliveries.get(id(sent))
            # One that was doubled is sent twice, and delivered twice.
            delivery = None if not mine else mine.popleft() if len(mine) > 1 else mine[0]
            if delivery is None:
                state = "kept" if sent.callback_uri == A_CALLBACK else "waiting"
            else:
                state = "undelivered" if delivery.problem else "delivered"
            told.append(
                {
                    "sequence": number,
                    "callId": sent.call_id,
                    "callbackUri": _cut(sent.callback_uri, short),
                    "sentMs": sent.ticks / TICKS_PER_MS,
                    "delivery": state,
                    "status": delivery and delivery.status,
                    "attempts": delivery.attempts if delivery else 0,
                    "problem": _cut(delivery.problem, short) if delivery else "",
                    "summary": _summary(sent),
                }
                | ({} if short else {"body": sent.body.to_dict(status_case=case)})
            )
        return told

    def _requests(self, limit: int, call_id: str | None, *, short: bool = False) -> list[dict[str, Any]]:
        """Describe the latest requests, oldest first."""
        fitting = (logged for logged in reversed(self._service.requests) if call_id in (None, _call_of(logged)))
        return [_logged(request, short=short) for request in list(itertools.islice(fitting, limit))[::-1]]

    # --- what there is -----------------------------------------------------------------------------------------------

    def _known(self) -> dict[str | None, Call]:
        return {call.id: call for call in self._board.calls.all()}

    def _find(self, call_id: str) -> CallHandle:
        self._service.do(lambda _: None)
        for call in self._board.remembered():
            if call.id == call_id:
                return call
        raise _RefusedError(404, f"There is no call {shown(call_id)}; GET /control/calls lists those that there are")

    def _check_talking(self, call: CallHandle) -> None:
        """Refuse a call that has no audio now."""
        self._service.do(lambda _: None)
        if call.media is None or call.media.stop is not None:
            hint = "it is over" if call.media is not None else "wait until it is established"
            raise _RefusedError(409, f"call {call.id} is {call.state} and has no audio; {hint}")

    def _answer_with(self, status: int, call: CallHandle, n_frames: int = 500) -> HttpResponse:
        return _json(status, self._described(call, self._known().get(call.id), n_frames, short=False))

    def _described(self, call: CallHandle, known: Call | None, n_frames: int, *, short: bool) -> dict[str, Any]:
        known = Call() if known is None else known
        last, last_tones = (SHORT_OPERATIONS, SHORT_TONES) if short else (None, None)
        hosted = {AppHostedMediaConfig: "appHosted", ServiceHostedMediaConfig: "serviceHosted"}
        told: dict[str, Any] = {
            "id": call.id,
            "state": call.state,
            "direction": known.direction,
            "media": hosted.get(type(known.media_config)),
            "subject": _cut(known.subject, short),
            "callbackUri": _cut(known.callback_uri, short),
            "resultInfo": known.result_info and known.result_info.to_dict(),
            "operations": [
                _operation(operation, call.tones.get(operation.id), last_tones)
                for operation in _last(call.operations, last)
            ],
            "keysHeardAtFarEnd": call.far_end.keys,
            "keysToldToBot": str(call.bot.told),
            "tonesHeardAtFarEnd": [_heard(tone) for tone in _last(call.far_end.heard, last_tones)],
            "tonesToldToBot": [_told(tone) for tone in _last(call.bot.received, last_tones)],
        }
        if call.media is not None:
            frames = self._n_frames(call.media)
            told["audioMs"] = frames * FRAME_MS
            told["lines"] = {direction: _line(path.conditions) for direction, path in call.media.paths.items()}
            told["envelopes"] = {
                direction: _envelope(path, frames, n_frames) for direction, path in call.media.paths.items()
            }
        if not short:
            told["requests"] = self._requests(LISTED_LOG, call.id)
        return told

    def _n_frames(self, media: CallMedia) -> int:
        """Tell how many frames of a call's audio are past."""
        end = self._board.media.now_sample if media.stop is None else media.stop
        return max(end - media.start, 0) // FRAME_SAMPLES


# --- audio -----------------------------------------------------------------------------------------------------------


def _read_wav(body: bytes) -> Pcm:
    """Return the audio of a WAV file, (n,), int16 at 16 kHz."""
    if body[:4] not in (b"RIFF", b"RIFX", b"RF64") or body[8:12] != b"WAVE":
        raise _RefusedError(400, f"the body begins with {body[:12]!r} and is no WAV file; send one, of one channel")
    try:
        with open_audio(_Named(body)) as reader:
            if reader.channels != 1:
                raise _RefusedError(400, f"the file has {reader.channels} channels; send one")
            blocks, n_samples = [], 0
            for block in reader.blocks():
                blocks.append(block)
                n_samples += len(block)
                if n_samples > MAX_PLAYED_S * reader.samplerate:
                    raise _RefusedError(413, f"the file is over {MAX_PLAYED_S:g} s long; play it in parts")
            return as_pcm16k(np.concatenate(blocks), reader.samplerate)
    except AudioFileError as error:
        raise _RefusedError(400, str(error)) from error


class _Named(io.BytesIO):
    """Bytes with a name, for messages."""

    name = "the body"


def _write_wav(samples: Samples) -> bytes:
    file = io.BytesIO()
    write_audio(file, samples, FRAME_SAMPLERATE, file_format="WAV")
    return file.getvalue()


def _envelope(path: Path, n_frames: int, at_most: int) -> dict[str, Any]:
    peaks = path.envelope.peaks(n_frames)[-at_most:]
    return {"startMs": (n_frames - len(peaks)) * FRAME_MS, "frameMs": FRAME_MS, "peaks": peaks}


# --- descriptions ----------------------------------------------------------------------------------------------------


def _last(things: Iterable[_T], n: int | None) -> list[_T]:
    return list(things) if n is None else list(things)[-n:]


def _ms(samples: int) -> float:
    return samples * 1000.0 / FRAME_SAMPLERATE


def _key(tone: Tone) -> str | None:
    return None if tone is Tone.FLASH else tone.key


def _operation(operation: Operation, tones: tuple[Tone, ...] | None, last_tones: int | None) -> dict[str, Any]:
    kind = {SendDtmfTonesOperation: "sendDtmfTones", SubscribeToToneOperation: "subscribeToTone"}
    told: dict[str, Any] = {
        "id": operation.id,
        "kind": kind.get(type(operation), "cancelMediaProcessing"),
        "status": operation.status,
        "clientContext": operation.client_context,
    }
    if isinstance(operation, SendDtmfTonesOperation):
        told["completionReason"] = operation.completion_reason
    if tones is not None:
        told["nTones"] = len(tones)
        told["tones"] = [tone.value for tone in tones[:last_tones]]
        told["keys"] = [_key(tone) for tone in tones[:last_tones]]
    return told


def _heard(heard: HeardTone) -> dict[str, Any]:
    return {
        "tone": heard.tone.value,
        "key": heard.tone.key,
        "startMs": _ms(heard.detected.start),
        "stopMs": _ms(heard.detected.stop),
        "speaker": heard.speaker,
    }


def _told(received: ReceivedTone) -> dict[str, Any]:
    return {"sequenceId": received.sequence_id, **_heard(received.heard)}


def _rendered(tone: RenderedTone) -> dict[str, Any]:
    return {"tone": tone.tone.value, "key": tone.tone.key, "startMs": _ms(tone.start), "stopMs": _ms(tone.stop)}


def _line(conditions: LineConditions) -> dict[str, Any]:
    return {
        "noiseDbm0": conditions.noise_dbm0,
        "lossPct": conditions.loss_pct,
        "twistDb": conditions.twist_db,
    }


def _logged(logged: LoggedRequest, *, short: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "date": f"{logged.date}Z",
        "callId": _cut(_call_of(logged), short),
        "method": _cut(logged.method, short),
        "path": _cut(logged.path, short),
        "status": logged.status,
        "action": logged.action,
        "note": _cut(logged.note, short),
    }
    return told if short else told | {"body": logged.body.decode("utf-8", "replace")}


def _summary(sent: Notification) -> str:
    """Say in words what a notification tells."""
    (told,) = sent.body.value
    (what,) = told.resource_data
    if isinstance(what, Call):
        if what.tone_info is not None:
            return f"{told.change_type}: tone {what.tone_info.tone}, sequenceId {what.tone_info.sequence_id}"
        return f"{told.change_type}: call {what.state}"
    reason = what.completion_reason if isinstance(what, SendDtmfTonesOperation) else None
    status = what.status if not isinstance(what, UnknownResource) else ""
    return f"{told.change_type}: operation {status}" + (f", {reason}" if reason else "")


def _cut(text: str | None, short: bool) -> str | None:
    return text if text is None or not short or len(text) <= SHORT_TEXT else f"{text[:SHORT_TEXT]}…"


def _call_of(logged: LoggedRequest) -> str | None:
    """Return the id of the call in a request's path."""
    segments = [part for part in logged.path.split("/") if part]
    return urllib.parse.unquote(segments[3]) if len(segments) > 3 else None


# --- what was sent ---------------------------------------------------------------------------------------------------


def _check_type(request: HttpRequest, wanted: str, taken: tuple[str, ...]) -> None:
    found = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if found not in taken:
        raise _RefusedError(415, f"Content-Type is {shown(found)}; send {wanted}")
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise _RefusedError(415, f"Content-Encoding is {shown(encoding)}; send the body as it is")


def _body(
    request: HttpRequest, names: tuple[str, ...], *, of: str, example: str, may_be_empty: bool = False
) -> dict[str, Any]:
    """Return a request's body: a JSON object that has no other properties than these."""
    _check_type(request, "application/json", ("application/json",))
    if len(request.body) > MAX_BODY_BYTES:
        raise _RefusedError(413, f"the body is over {MAX_BODY_BYTES} bytes long; send less at a time")
    if may_be_empty and not request.body:
        return {}
    body = check_object(load_json(request.body, what="the body", example=example), what="the body", example=example)
    check_names(body, names, of=of, takes=None if names else "nothing")
    return body


def _number(body: Mapping[str, Any], name: str) -> float:
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _RefusedError(400, f"{name} is {shown(value)}; write a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _RefusedError(400, f"{name} is {shown(value)}; write a smaller number")
    return number


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise _RefusedError(400, f"{name} is {shown(value)}; write a string")
    return value


def _speaker(name: object) -> str | None:
    if name is None:
        return None
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_SPEAKER_NAME:
        raise _RefusedError(400, f"speaker is {shown(name)}; write a name of 1 to {MAX_SPEAKER_NAME} characters")
    return name


def _query(request: HttpRequest, *names: str) -> dict[str, str]:
    """Return the query, in which nothing else stands than these names, each once."""
    try:
        pairs = urllib.parse.parse_qsl(request.query, keep_blank_values=True, max_num_fields=20)
    except ValueError as error:
        raise _RefusedError(400, f"the query cannot be read ({error}); it takes {', '.join(names)}") from error
    found: dict[str, str] = {}
    for name, value in pairs:
        if name not in names or name in found:
            what = "stands twice in the query" if name in found else "is nothing that can be asked for here"
            raise _RefusedError(400, f"{shown(name)} {what}; it takes {', '.join(names)}, each once")
        found[name] = value
    return found


def _whole(query: Mapping[str, str], name: str, default: int, most: int, *, least: int = 1) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not re.fullmatch("[0-9]{1,16}", text) or not least <= int(text) <= most:
        raise _RefusedError(400, f"{name} is {shown(text)}; write a whole number from {least} to {most}")
    return int(text)


# --- answers ---------------------------------------------------------------------------------------------------------


def _json(status: int, body: dict[str, Any]) -> HttpResponse:
    return _answer(status, "application/json", json.dumps(body, ensure_ascii=False).encode("utf-8", "backslashreplace"))


def _answer(status: int, content_type: str, body: bytes) -> HttpResponse:
    headers = {"Content-Type": content_type, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return HttpResponse(status=status, headers=headers, body=body)


def _error(status: int, message: str, headers: Mapping[str, str]) -> HttpResponse:
    answer = _json(status, {"error": {"code": _CODES.get(status, "error"), "message": message}})
    return HttpResponse(status=status, headers=answer.headers | dict(headers), body=answer.body)
