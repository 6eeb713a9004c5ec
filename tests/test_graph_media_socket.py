"""Both ends of a call over a WebSocket, with the client that most bots in Python would use."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time

import httpx
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from dtmf_audio import decode, render
from dtmf_audio.graph import emulator as emulator_module
from dtmf_audio.graph.emulator import Emulator
from dtmf_audio.graph.media import Direction, LineConditions
from dtmf_audio.graph.media_socket import MAX_WAITING, PATIENCE_S, Outbox
from dtmf_audio.signals import to_pcm16
from dtmf_audio.synthesis import AudioFrame
from dtmf_audio.tones import keys_of


@pytest.fixture
def emulator():
    with Emulator(clock="virtual", retries=0) as running:
        yield running


def join(emulator, call_id, query="", **settings):
    address = emulator.url.replace("http", "ws", 1)
    settings = {"max_queue": None, "proxy": None} | settings  # one that has stopped reading closes late
    return connect(f"{address}/media/calls/{call_id}{query}", **settings)


def take(client, *, frames=0, until=None, timeout=10.0):
    """The frames' samples and the messages, up to so many frames, or the first message of a type."""
    audio, messages = [], []
    while (until is None and len(audio) < frames) or (until is not None and until not in [m["type"] for m in messages]):
        message = client.recv(timeout=timeout)
        if isinstance(message, bytes):
            audio.append(np.frombuffer(message, "<i2"))
        else:
            messages.append(json.loads(message))
    return np.concatenate([np.zeros(0, np.int16), *audio]), messages


def pcm(keys, **settings):
    return to_pcm16(render(keys, 16000, **settings).samples).astype("<i2").tobytes()


def keys_in(samples):
    return keys_of(tone.tone for tone in decode(samples, 16000))


def error_of(client):
    """The message of the error that comes next, however many frames come before it."""
    return take(client, until="error")[1][-1]["message"]


# --- what comes ------------------------------------------------------------------------------------------------------


def test_the_bot_has_50_frames_a_second_with_the_far_ends_keys_in_them(emulator):
    call = emulator.establish()
    with join(emulator, call.id) as bot:
        call.press("15#")
        assert take(bot, until="started")[1] == [
            {"type": "started", "callId": call.id, "end": "bot", "samplerate": 16000, "timestamp": 0}
        ]
        emulator.advance(2000)
        audio, messages = take(bot, frames=100)
        assert len(audio) == 2 * 16000
        assert keys_in(audio) == "15#"
        told = [(m["type"], m["tone"], m["sequenceId"], m["speaker"]) for m in messages]
        assert told == [
            ("toneReceived", "tone1", 1, "caller"),
            ("toneReceived", "tone5", 2, "caller"),
            ("toneReceived", "pound", 3, "caller"),
        ]
        starts_ms = [m["timestamp"] / 10_000 for m in messages]
        assert starts_ms == pytest.approx([0, 200, 400], abs=2)
        assert [m["durationMs"] for m in messages] == pytest.approx([100] * 3, abs=2)


def test_a_real_clock_sends_a_frame_every_20_ms():
    with Emulator(clock="real", retries=0) as emulator:
        call = emulator.establish()
        with join(emulator, call.id) as bot:
            call.press("7")
            begun = time.monotonic()
            audio, messages = take(bot, frames=50)
            assert time.monotonic() - begun > 0.8  # how much longer it takes is the machine's affair
            assert keys_in(audio) == "7"
            assert [m["type"] for m in messages] == ["started", "toneReceived"]


def test_the_first_frames_timestamp_is_its_place_in_the_call(emulator):
    call = emulator.establish()
    emulator.advance(130)
    with join(emulator, call.id) as bot:
        assert take(bot, until="started")[1][0]["timestamp"] == 6 * 200_000


def test_a_virtual_clock_waits_for_a_client_that_reads(emulator):
    call = emulator.establish()
    with join(emulator, call.id) as bot:
        call.press("12345678")
        emulator.advance(30_000)  # far more than may wait
        audio, messages = take(bot, frames=1500)
        assert keys_in(audio) == "12345678"
        assert "dropped" not in [m["type"] for m in messages]


# --- what goes -------------------------------------------------------------------------------------------------------


def wait_for_sound(emulator, call, direction):
    """What a client has sent is on its way: wait until it was laid out."""
    path = call._handle.media.paths[direction]
    emulator.wait_until(
        lambda: emulator.do(lambda _: any(line.next_start() is not None for line in path.lines.values()))
    )


def test_the_far_end_hears_the_keys_in_the_bots_audio(emulator):
    call = emulator.establish()
    with join(emulator, call.id) as bot, join(emulator, call.id, "?end=farEnd") as far_end:
        bot.send(pcm("90*"))
        wait_for_sound(emulator, call, Direction.TO_FAR_END)
        emulator.advance(1000)
        assert call.far_end_keys == "90*"
        audio, messages = take(far_end, frames=50)
        assert keys_in(audio) == "90*"
        assert [m.get("tone") for m in messages] == [None, "tone9", "tone0", "star"]
        assert all("sequenceId" not in m for m in messages)
        assert messages[0]["end"] == "farEnd"


def test_speakers_at_the_far_end_are_told_apart(emulator):
    call = emulator.establish()
    with (
        join(emulator, call.id, "?end=farEnd&speaker=Adele") as adele,
        join(emulator, call.id, "?end=farEnd&speaker=Alex%20W") as alex,
    ):
        adele.send(pcm("1"))
        wait_for_sound(emulator, call, Direction.TO_BOT)
        emulator.advance(500)
        alex.send(pcm("2"))
        wait_for_sound(emulator, call, Direction.TO_BOT)
        emulator.advance(500)
    assert [(tone.tone.key, tone.speaker) for tone in call.received] == [("1", "Adele"), ("2", "Alex W")]


def test_messages_of_any_length_are_played_one_after_the_other(emulator):
    call = emulator.establish()
    sound = pcm("4", on_ms=200)
    with join(emulator, call.id) as bot:
        for cut in range(0, len(sound), 998):  # no whole number of frames
            bot.send(sound[cut : cut + 998])
        bot.send(b"")
        bot.send("and now?")
        assert error_of(bot) == "send audio in binary messages"  # so all before it has come
        emulator.advance(500)
    assert call.far_end_keys == "4"
    assert call.recording("toFarEnd").samples[: len(sound) // 2].tolist() == pytest.approx(
        (np.frombuffer(sound, "<i2") / 32768).tolist()
    )


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ("hello", "send audio in binary messages"),
        ("", "send audio in binary messages"),
        (b"123", "3 bytes are no whole number of 16-bit samples"),
        (bytes(5 * 32000), "5.00 s of audio wait to be played"),
    ],
)
def test_what_cannot_be_played_is_told_and_the_rest_goes_on(emulator, sent, message):
    call = emulator.establish()
    with join(emulator, call.id) as bot:
        bot.send(sent)
        assert message in error_of(bot)
        bot.send(pcm("3"))
        wait_for_sound(emulator, call, Direction.TO_FAR_END)
        emulator.advance(300)
    assert call.far_end_keys == "3"


def test_a_fifth_speaker_is_told_that_there_is_no_room(emulator):
    call = emulator.establish()
    for name in "abc":
        call.press("1", speaker=name)  # and the caller makes four
    with join(emulator, call.id, "?end=farEnd&speaker=e") as fifth:
        fifth.send(bytes(640))
        assert "at most 4 can be told apart" in error_of(fifth)


# --- several clients -------------------------------------------------------------------------------------------------


def test_a_second_client_listens_too_and_speaks_once_the_first_has_left(emulator):
    call = emulator.establish()
    with join(emulator, call.id) as second:
        with join(emulator, call.id) as first:
            first.send(bytes(640))
            wait_for_sound(emulator, call, Direction.TO_FAR_END)
            second.send(pcm("8"))
            assert "another client speaks here" in error_of(second)
            call.press("6")
            emulator.advance(400)
            assert keys_in(take(first, frames=20)[0]) == keys_in(take(second, frames=20)[0]) == "6"
        path = call._handle.media.paths[Direction.TO_BOT]
        emulator.wait_until(lambda: emulator.do(lambda _: len(path.sinks)) == 1)
        second.send(pcm("8"))
        wait_for_sound(emulator, call, Direction.TO_FAR_END)
        emulator.advance(400)
    assert call.far_end_keys == "8"


def test_a_client_that_leaves_without_a_word_is_forgotten(emulator):
    call = emulator.establish()
    path = call._handle.media.paths[Direction.TO_BOT]
    with join(emulator, call.id) as client:
        take(client, until="started")
        assert emulator.do(lambda _: len(path.sinks)) == 1
        client.socket.shutdown(socket.SHUT_RDWR)
        emulator.wait_until(lambda: emulator.do(lambda _: not path.sinks))
    assert emulator.do(lambda board: board.on_tone) == []
    assert emulator.service.gates == []
    emulator.advance(1000)


def test_a_client_that_does_not_read_is_told_how_many_frames_it_missed(monkeypatch):
    listen = emulator_module.listen

    def listen_narrowly(host, port):  # what is accepted inherits it; else the system keeps minutes of audio
        listening = listen(host, port)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        return listening

    monkeypatch.setattr(emulator_module, "listen", listen_narrowly)
    with Emulator(clock="virtual", retries=0) as emulator, socket.socket() as narrow:
        call = emulator.establish()
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        narrow.connect(("127.0.0.1", int(emulator.url.rpartition(":")[2])))
        missed_by_the_slow(emulator, call, narrow)


def missed_by_the_slow(emulator, call, narrow):
    with join(emulator, call.id, sock=narrow, max_queue=1, compression=None) as slow:
        emulator.advance(60_000)
        taken = 0
        with contextlib.suppress(TimeoutError):
            while True:
                taken += isinstance(slow.recv(timeout=1.0), bytes)
        assert MAX_WAITING < taken < 2500
        call.press("1")
        emulator.advance(200)  # there is room again
        audio, messages = take(slow, frames=10)
        assert messages[0] == {"type": "dropped", "frames": 3000 - taken}
        assert keys_in(audio) == "1"


def frame():
    return AudioFrame(data=bytes(640), timestamp=0)


def test_the_number_of_dropped_frames_stands_where_they_are_missing():
    sent = []

    class Client:
        async def send_bytes(self, data):
            sent.append(len(data))

        async def send_text(self, text):
            sent.append(json.loads(text))

    async def run():
        outbox = Outbox()
        for _ in range(MAX_WAITING + 7):
            outbox.frame(frame())
        outbox.tell({"type": "toneReceived"})
        task = asyncio.create_task(outbox.send_all(Client()))
        await outbox.has_room()
        outbox.frame(frame())
        outbox.end()
        await task

    asyncio.run(run())
    tail = [{"type": "toneReceived"}, {"type": "dropped", "frames": 7}, 640, {"type": "ended"}]
    assert [message for message in sent if message != 640] == [tail[0], tail[1], tail[3]]
    assert sent.index(tail[1]) < len(sent) - 2
    assert sent.count(640) == MAX_WAITING + 1


def test_nobody_waits_for_a_client_that_has_left():
    async def run():
        outbox = Outbox()
        for _ in range(MAX_WAITING):
            outbox.frame(frame())
        waiting = asyncio.create_task(outbox.has_room())
        await asyncio.sleep(0)
        assert not waiting.done()
        outbox.close()
        begun = time.monotonic()
        await waiting
        return time.monotonic() - begun

    assert asyncio.run(run()) < PATIENCE_S / 2


# --- the end ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["", "?end=farEnd"])
def test_the_end_of_the_call_is_told_and_the_socket_closed(emulator, query):
    call = emulator.establish()
    with join(emulator, call.id, query) as client:
        emulator.advance(100)
        call.hang_up()
        assert take(client, until="ended")[1][-1] == {"type": "ended"}
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=10)
        assert closed.value.rcvd.code == 1000


def test_what_is_sent_after_the_call_is_laid_nowhere(emulator):
    call = emulator.establish()
    with join(emulator, call.id, "?end=farEnd&speaker=late") as late:
        take(late, until="started")
        path = call._handle.media.paths[Direction.TO_BOT]

        def hang_up_first(board):  # the emulator's thread is held, so the audio is in the socket when the call ends
            late.send(bytes(640))
            call._handle.far_end.hang_up()

        emulator.do(hang_up_first)
        assert take(late, until="ended")
        assert emulator.do(lambda _: list(path.lines)) == ["caller"]


def test_the_emulator_stops_with_clients_joined():
    with Emulator(clock="virtual", retries=0) as emulator:
        call = emulator.establish()
        with join(emulator, call.id) as client:
            take(client, until="started")
            emulator.stop()
            with pytest.raises(ConnectionClosed):
                client.recv(timeout=10)


# --- who is refused --------------------------------------------------------------------------------------------------


def refused(emulator, call_id, query=""):
    with join(emulator, call_id, query) as client:
        message = error_of(client)
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=10)
    assert closed.value.rcvd.code == 1008
    return message


def test_an_unknown_call_is_refused(emulator):
    assert "Call not found" in refused(emulator, "nobody")


def test_a_call_that_is_not_established_is_refused(emulator):
    call_id = emulator.do(lambda board: board.create().id)
    assert "is establishing and has no audio" in refused(emulator, call_id)


def test_a_call_that_is_over_is_refused(emulator):
    call = emulator.establish()
    call.hang_up()
    assert "its audio has ended" in refused(emulator, call.id)
    emulator.advance(1000)
    assert "Call not found" in refused(emulator, call.id)


def test_the_bot_has_no_audio_of_a_service_hosted_call(emulator):
    call = emulator.establish(media="serviceHosted")
    assert "Graph has its audio" in refused(emulator, call.id)
    with join(emulator, call.id, "?end=farEnd") as far_end:
        assert take(far_end, until="started")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("?end=both", "end is 'both'; it must be bot or farEnd"),
        ("?speaker=me", "speaker is a name"),
        (f"?end=farEnd&speaker={'x' * 65}", "at most 64 characters"),
    ],
)
def test_an_end_that_is_none_is_refused(emulator, query, message):
    assert message in refused(emulator, emulator.establish().id, query)


@pytest.mark.parametrize("origin", ["http://example.com", "null", "http://[", "http://127.0.0.1:1"])
def test_a_page_of_another_origin_is_refused(emulator, origin):
    call = emulator.establish()
    with pytest.raises(InvalidStatus) as error, join(emulator, call.id, origin=origin):
        pass
    assert error.value.response.status_code == 403
    assert "another origin" in error.value.response.body.decode()


def test_the_emulators_own_page_is_not_refused(emulator):
    call = emulator.establish()
    with join(emulator, call.id, origin=emulator.url) as client:
        assert take(client, until="started")


@pytest.mark.parametrize("host", ["example.com", "127.0.0.1.example.com", "0177.0.0.1", "[", "", "localhost.example"])
def test_another_host_is_refused_everywhere(emulator, host):
    call = emulator.establish()
    port = int(emulator.url.rpartition(":")[2])
    upgrade = (
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
    for path, more in [
        ("/", ""),
        ("/control/calls", ""),
        (f"/v1.0/communications/calls/{call.id}", ""),
        (f"/media/calls/{call.id}", upgrade),
    ]:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n".encode())
            assert client.recv(100).split(b" ")[1] == b"421", path
    assert call.state == "established"


def test_hosts_that_are_allowed_by_name_are_own():
    with Emulator(clock="virtual", allowed_hosts=("bot.test",)) as emulator:
        for host in ("bot.test", "BOT.test:80", "localhost:1", "[::1]", "127.0.0.1"):
            assert httpx.get(f"{emulator.url}/control/calls", headers={"Host": host}).status_code == 200


# --- the web's other edges -------------------------------------------------------------------------------------------


def test_a_body_that_is_too_long_is_answered_and_the_connection_goes_on(emulator):
    with httpx.Client(base_url=emulator.url) as client:
        graph = client.post(
            "/v1.0/communications/calls", content=bytes(2**21), headers={"Content-Type": "application/json"}
        )
        assert graph.status_code == 413
        control = client.post("/control/calls", content=b" " * 2**21, headers={"Content-Type": "application/json"})
        assert control.status_code == 413
        assert client.get("/control/calls").status_code == 200


def test_a_client_that_leaves_within_its_request_harms_nothing(emulator):
    port = int(emulator.url.rpartition(":")[2])
    for path in ("/v1.0/communications/calls", "/control/calls"):
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{{".encode())
    assert httpx.get(f"{emulator.url}/control/calls").json()["calls"] == []


def test_noise_on_the_line_does_not_stop_a_call_from_being_heard():
    hiss = {Direction.TO_BOT: LineConditions(noise_dbm0=-40.0)}
    with Emulator(clock="virtual", retries=0, conditions=hiss) as emulator:
        call = emulator.establish()
        with join(emulator, call.id) as bot:
            call.press("5")
            emulator.advance(400)
            audio, _ = take(bot, frames=20)
    assert np.abs(audio[3200:].astype(int)).max() > 100
    assert keys_in(audio) == "5"
