"""The audio of a call over a WebSocket: 20 ms frames both ways, so that a bot in any language can join.

Protocol
--------
- ``ws://HOST:PORT/media/calls/{id}`` is the bot's end of an established call whose audio the bot has (``appHosted``).
  ``?end=farEnd`` is the other end of any established call, and there ``&speaker=NAME`` says who speaks.
- Binary messages are audio: 640 bytes, 320 samples of 16-bit little-endian PCM at 16 kHz, one every 20 ms. What is
  sent is played in order, right after what was sent before, in messages of any number of samples; up to 2 s may wait.
- Text messages are JSON objects with a ``type``, from the emulator alone:
  ``started`` (first of all: ``callId``, ``end``, ``samplerate``, ``timestamp`` of the first frame, in units of 100 ns
  from the beginning of the call's audio), ``toneReceived`` (``tone``, ``sequenceId`` for the bot, ``speaker``,
  ``timestamp``, ``durationMs``), ``dropped`` (``frames``: so many are missing here, as the client was too slow),
  ``error`` (``message``: what was sent could not be played) and ``ended`` (the call is over; the socket closes).

Decisions
---------
- Any number of clients may listen at an end. One alone speaks for a speaker there, the first that sends something,
  until it leaves: two streams in one place would be played by turns.
- A client that lets 5 s of frames wait, besides what the network holds, gets none of the next until it has caught
  up, and is told how many it missed. A virtual clock does not outrun a client: it waits up to 2 s for one to take
  what it has been sent.
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
from dtmf_audio.graph.models import AppHostedMediaConfig
from dtmf_audio.graph.service import Service
from dtmf_audio.graph.switchboard import BotEnd, CallHandle, FarEnd, ReceivedTone, Switchboard
from dtmf_audio.graph.timeline import TICKS_PER_SAMPLE
from dtmf_audio.synthesis import FRAME_SAMPLERATE, FRAME_SAMPLES, FRAME_TICKS, AudioFrame

FRAME_BYTES = 2 * FRAME_SAMPLES
MAX_WAITING = 250  # frames to a client that is too slow, 5 s
MAX_WAITING_TEXTS = 1000
MAX_SPEAKER_NAME = 64
PATIENCE_S = 2.0  # chosen: a virtual clock waits for a client no longer

Speakers = dict[tuple[str, str, str], object]  # who speaks: call, end and speaker, and their outbox


class Outbox:
    """Messages on their way to a client.

    A frame that finds 5 s of them waiting is dropped; the next that goes on its way comes after a message that
    tells how many were.
    """

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[bytes | dict[str, Any] | None] = asyncio.Queue()
        self._frames = 0  # of those that wait
        self._dropped = 0
        self._taken = asyncio.Event()
        self._too_slow = False

    def frame(self, frame: AudioFrame) -> None:
        """Send a frame, or drop it."""
        if self._frames >= MAX_WAITING:
            self._dropped += 1
            return
        self._tell_dropped()
        self._frames += 1
        self._waiting.put_nowait(frame.data)

    def tell(self, message: dict[str, Any]) -> None:
        """Send a message; a client that takes none at all misses those after the first thousand."""
        if self._waiting.qsize() - self._frames < MAX_WAITING_TEXTS:
            self._waiting.put_nowait(message)

    def end(self) -> None:
        """Send no more after this."""
        self._tell_dropped()
        self._waiting.put_nowait({"type": "ended"})
        self._waiting.put_nowait(None)

    async def has_room(self) -> None:
        """Wait until the client has taken half of what may wait; not for one that was waited for in vain."""
        if self._frames <= MAX_WAITING // 2:
            self._too_slow = False
        while self._frames > MAX_WAITING // 2 and not self._too_slow:
            self._taken.clear()
            try:
                await asyncio.wait_for(self._taken.wait(), PATIENCE_S)
            except TimeoutError:
                self._too_slow = True

    def close(self) -> None:
        """Have nobody wait any more for a client that has left."""
        self._too_slow = True
        self._taken.set()

    async def send_all(self, socket: WebSocket) -> None:
        """Send what there is, until the end."""
        while (message := await self._waiting.get()) is not None:
            if isinstance(message, bytes):
                self._frames -= 1
                await socket.send_bytes(message)
                self._taken.set()
            else:
                await socket.send_text(json.dumps(message))

    def _tell_dropped(self) -> None:
        if self._dropped:
            self._waiting.put_nowait({"type": "dropped", "frames": self._dropped})
            self._dropped = 0


async def serve_media(service: Service, socket: WebSocket, speakers: Speakers) -> None:
    """Serve one client until it leaves or the call ends.

    Parameters
    ----------
    service : Service
    socket : WebSocket
        Not accepted yet.
    speakers : dict
        Who speaks where, of all clients.
    """
    end_name = socket.query_params.get("end", "bot")
    speaker = socket.query_params.get("speaker") or None
    outbox = Outbox()
    call: CallHandle
    end: BotEnd | FarEnd

    def hear(heard: HeardTone, received: ReceivedTone | None) -> None:
        if heard.call_id != call.id or heard.direction is not end.hears:
            return
        if end.hears is Direction.TO_BOT and received is None:
            return
        told: dict[str, Any] = {"type": "toneReceived", "tone": heard.tone.value, "speaker": heard.speaker}
        told |= {"sequenceId": received.sequence_id} if received is not None else {}
        told |= {"timestamp": heard.detected.start * TICKS_PER_SAMPLE, "durationMs": heard.detected.duration_ms}
        outbox.tell(told)

    def join(switchboard: Switchboard) -> None:
        nonlocal call, end
        call = switchboard.call(socket.path_params["call_id"])
        end = _end_of(call, end_name, speaker)
        end.listen(outbox.frame, on_end=outbox.end)
        switchboard.on_tone.append(hear)
        first = max(switchboard.media.next_sample - call.audio.start, 0) // FRAME_SAMPLES * FRAME_TICKS
        started = {"type": "started", "callId": call.id, "end": end_name, "samplerate": FRAME_SAMPLERATE}
        outbox.tell(started | {"timestamp": first})

    def leave(switchboard: Switchboard) -> None:
        switchboard.on_tone.remove(hear)
        end.unlisten(outbox.frame)

    await socket.accept()
    try:
        service.do(join)  # at one moment: a call that is there when it is looked for has not ended when it is joined
    except (DtmfError, ValueError) as error:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await socket.send_text(json.dumps({"type": "error", "message": str(error)}))
            await socket.close(code=1008)
        return
    place = (call.id, end_name, speaker or end.speaker)
    service.gates.append(outbox.has_room)
    sending = asyncio.create_task(outbox.send_all(socket))
    receiving = asyncio.create_task(_receive(service, socket, end, speaker, call, outbox, speakers, place))
    try:
        await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        service.gates.remove(outbox.has_room)
        outbox.close()
        if speakers.get(place) is outbox:
            del speakers[place]
        service.do(leave)
        for task in (sending, receiving):
            task.cancel()
        await asyncio.gather(sending, receiving, return_exceptions=True)
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await socket.close()


def _end_of(call: CallHandle, end_name: str, speaker: str | None) -> BotEnd | FarEnd:
    """Return the end of a call that a client asks for, or refuse it."""
    if end_name not in ("bot", "farEnd"):
        raise ValueError(f"end is {end_name!r}; it must be bot or farEnd")
    if speaker is not None and (end_name == "bot" or len(speaker) > MAX_SPEAKER_NAME):
        raise ValueError(f"speaker is a name of at most {MAX_SPEAKER_NAME} characters, at the far end alone")
    if call.audio.stop is not None:
        raise ValueError(f"call {call.id} is {call.state}: its audio has ended")
    media = call.switchboard.calls.get(call.id).media_config
    if end_name == "bot" and not isinstance(media, AppHostedMediaConfig):
        raise ValueError(
            f"call {call.id} is service-hosted: Graph has its audio, not the bot. Create the call with "
            "appHostedMediaConfig, or join the other end with ?end=farEnd"
        )
    return call.bot if end_name == "bot" else call.far_end


async def _receive(
    service: Service,
    socket: WebSocket,
    end: BotEnd | FarEnd,
    speaker: str | None,
    call: CallHandle,
    outbox: Outbox,
    speakers: Speakers,
    place: tuple[str, str, str],
) -> None:
    """Play what a client sends, until it leaves."""

    def refuse(message: str) -> None:
        outbox.tell({"type": "error", "message": message})

    with contextlib.suppress(WebSocketDisconnect):
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            data = message.get("bytes")
            if data is None:
                refuse("send audio in binary messages")
            elif len(data) % 2:
                refuse(f"{len(data)} bytes are no whole number of 16-bit samples")
            elif not data or call.audio.stop is not None:
                continue  # what is under way when the call ends is lost
            elif speakers.setdefault(place, outbox) is not outbox:
                refuse("another client speaks here; wait until it has left, or join as another speaker")
            else:
                pcm = np.frombuffer(data, "<i2").astype(np.int16)
                try:
                    service.do(lambda _, pcm=pcm: end.play_live(pcm, speaker=speaker))  # type: ignore[misc]
                except DtmfError as error:
                    refuse(str(error))
