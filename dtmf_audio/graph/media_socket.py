"""The audio of a call over a WebSocket: 20 ms frames both ways, so that a bot in any language can join.

Protocol
--------
- ``ws://HOST:PORT/media/calls/{id}`` is the bot's end of an established call. ``?end=farEnd`` is the other end, and
  there ``&speaker=NAME`` says who speaks.
- Binary messages are audio: 640 bytes, 320 samples of 16-bit little-endian PCM at 16 kHz, one every 20 ms. What is
  sent is played in order, right after what was sent before, in messages of any number of samples; up to 2 s may wait.
- Text messages are JSON objects with a ``type``, from the emulator alone:
  ``started`` (first of all: ``callId``, ``end``, ``samplerate``, ``timestamp`` of the first frame, in units of 100 ns
  from the beginning of the call's audio), ``toneReceived`` (``tone``, ``sequenceId`` for the bot, ``speaker``,
  ``timestamp``, ``durationMs``), ``dropped`` (``frames``: the client was too slow for so many), ``error``
  (``message``: what was sent could not be played) and ``ended`` (the call is over; the socket closes).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import numpy as np
from starlette.websockets import WebSocket, WebSocketDisconnect

from dtmf_audio.errors import DtmfError
from dtmf_audio.graph.media import Direction, HeardTone
from dtmf_audio.graph.service import Service
from dtmf_audio.graph.switchboard import CallHandle, ReceivedTone, Switchboard
from dtmf_audio.graph.timeline import TICKS_PER_SAMPLE
from dtmf_audio.synthesis import FRAME_SAMPLERATE, FRAME_SAMPLES, FRAME_TICKS, AudioFrame

FRAME_BYTES = 2 * FRAME_SAMPLES
MAX_WAITING = 250  # messages to a client that is too slow, 5 s
MAX_SPEAKER_NAME = 64


class _Outbox:
    """Messages on their way to a client; the oldest frames are dropped if it is too slow."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[bytes | dict[str, Any] | None] = asyncio.Queue()
        self._dropped = 0

    def frame(self, frame: AudioFrame) -> None:
        if self._waiting.qsize() >= MAX_WAITING:
            self._dropped += 1
            return
        if self._dropped:
            self.tell({"type": "dropped", "frames": self._dropped})
            self._dropped = 0
        self._waiting.put_nowait(frame.data)

    def tell(self, message: dict[str, Any]) -> None:
        if self._waiting.qsize() < 2 * MAX_WAITING:
            self._waiting.put_nowait(message)

    def end(self) -> None:
        self._waiting.put_nowait({"type": "ended"})
        self._waiting.put_nowait(None)

    async def send_all(self, socket: WebSocket) -> None:
        while (message := await self._waiting.get()) is not None:
            if isinstance(message, bytes):
                await socket.send_bytes(message)
            else:
                await socket.send_text(json.dumps(message))


async def serve_media(service: Service, socket: WebSocket) -> None:
    """Serve one client until it leaves or the call ends."""
    end_name = socket.query_params.get("end", "bot")
    speaker = socket.query_params.get("speaker") or None
    await socket.accept()
    try:
        call = service.do(lambda switchboard: switchboard.call(socket.path_params["call_id"]))
        if end_name not in ("bot", "farEnd"):
            raise ValueError(f"end is {end_name!r}; it must be bot or farEnd")
        if speaker is not None and (end_name == "bot" or len(speaker) > MAX_SPEAKER_NAME):
            raise ValueError(f"speaker is a name of at most {MAX_SPEAKER_NAME} characters, at the far end alone")
        audio = call.audio
        if audio.stop is not None:
            raise ValueError("the call is over")
    except (DtmfError, ValueError) as error:
        await socket.send_text(json.dumps({"type": "error", "message": str(error)}))
        await socket.close(code=1008)
        return
    end = call.bot if end_name == "bot" else call.far_end
    outbox = _Outbox()

    def hear(heard: HeardTone, received: ReceivedTone | None) -> None:
        if heard.call_id != call.id or heard.direction is not end.hears:
            return
        if end.hears is Direction.TO_BOT and received is None:
            return
        told: dict[str, Any] = {"type": "toneReceived", "tone": heard.tone.value, "speaker": heard.speaker}
        told |= {"sequenceId": received.sequence_id} if received is not None else {}
        told |= {"timestamp": heard.detected.start * TICKS_PER_SAMPLE, "durationMs": heard.detected.duration_ms}
        outbox.tell(told)

    def join(switchboard: Switchboard) -> int:
        switchboard.on_tone.append(hear)
        end.listen(outbox.frame, on_end=outbox.end)
        return max(switchboard.media.next_sample - audio.start, 0) // FRAME_SAMPLES * FRAME_TICKS

    def leave(switchboard: Switchboard) -> None:
        switchboard.on_tone.remove(hear)
        end.unlisten(outbox.frame)

    outbox.tell(
        {
            "type": "started",
            "callId": call.id,
            "end": end_name,
            "samplerate": FRAME_SAMPLERATE,
            "timestamp": service.do(join),
        }
    )
    sending = asyncio.create_task(outbox.send_all(socket))
    receiving = asyncio.create_task(_receive(service, socket, call, end_name, speaker, outbox))
    try:
        await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        service.do(leave)
        for task in (sending, receiving):
            task.cancel()
        await asyncio.gather(sending, receiving, return_exceptions=True)
        with contextlib.suppress(RuntimeError):
            await socket.close()


async def _receive(
    service: Service, socket: WebSocket, call: CallHandle, end_name: str, speaker: str | None, outbox: _Outbox
) -> None:
    """Play what a client sends, until it leaves."""
    end = call.bot if end_name == "bot" else call.far_end
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            data = message.get("bytes")
            if not data:
                outbox.tell({"type": "error", "message": "send audio in binary messages"})
                continue
            if len(data) % 2:
                outbox.tell({"type": "error", "message": f"{len(data)} bytes are no whole number of 16-bit samples"})
                continue
            pcm = np.frombuffer(data, "<i2").astype(np.int16)
            try:
                service.do(lambda _, pcm=pcm: end.play_live(pcm, speaker=speaker))  # type: ignore[misc]
            except DtmfError as error:
                outbox.tell({"type": "error", "message": str(error)})
