"""Notifications on their way: their order, what is tried again, who is called at all, and what a bot cannot do to us."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from dtmf_audio.graph import webhooks
from dtmf_audio.graph.calls import Notification
from dtmf_audio.graph.models import ChangeType
from dtmf_audio.graph.notifications import CommsNotification, CommsNotifications
from dtmf_audio.graph.operations import CompletionReason, OperationStatus, SendDtmfTonesOperation
from dtmf_audio.graph.webhooks import Delivery, Webhooks, is_loopback

NOWHERE = "http://127.0.0.1:1/api"  # refused: nobody listens on port 1

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter, dict[str, Any]], Awaitable[None]]


def notification(number: int, callback_uri: str, call_id: str = "call") -> Notification:
    operation = SendDtmfTonesOperation(
        id=str(number),
        status=OperationStatus.COMPLETED,
        completion_reason=CompletionReason.COMPLETED_SUCCESSFULLY,
        client_context="ø\ud800",  # half a character is JSON too
    )
    told = CommsNotification(
        change_type=ChangeType.DELETED,
        resource_url=f"/communications/calls/{call_id}/operations/{number}",
        resource_data=(operation,),
    )
    return Notification(call_id=call_id, callback_uri=callback_uri, ticks=0, body=CommsNotifications(value=(told,)))


def number_of(body: dict[str, Any]) -> int:
    return int(body["value"][0]["resourceUrl"].rpartition("/")[2])


@dataclass
class Bot:
    """A bot that answers what it is told to; the last answer again and again."""

    statuses: list[int] = field(default_factory=lambda: [202])
    answer: Answer | None = None
    bodies: list[dict[str, Any]] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    connections: int = 0
    url: str = ""

    @contextlib.asynccontextmanager
    async def listening(self, host: str = "127.0.0.1") -> Any:
        server = await asyncio.start_server(self._serve, host, 0)
        port = server.sockets[0].getsockname()[1]
        self.url = f"http://[{host}]:{port}/api" if ":" in host else f"http://{host}:{port}/api"
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = int(head.lower().partition("content-length: ")[2].split("\r\n")[0])
                body = json.loads(await reader.readexactly(length))
                self.heads.append(head)
                self.bodies.append(body)
                if self.answer is not None:
                    await self.answer(reader, writer, body)
                else:
                    status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
                    writer.write(f"HTTP/1.1 {status} x\r\nContent-Length: 0\r\nLocation: {self.url}/2\r\n\r\n".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    @property
    def numbers(self) -> list[int]:
        return [number_of(body) for body in self.bodies]


@dataclass
class Sent:
    """Webhooks whose waits pass at once, what became of the notifications, and how long the waits would have been."""

    deliveries: list[Delivery] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    def webhooks(self, **settings: Any) -> Webhooks:
        async def sleep(seconds: float) -> None:
            self.waits.append(seconds)
            await asyncio.sleep(0)

        return Webhooks(self.deliveries.append, **{"sleep": sleep, **settings})

    @property
    def results(self) -> list[tuple[int | None, int]]:
        return [(delivery.status, delivery.attempts) for delivery in self.deliveries]


def send_to(bot: Bot, *numbers: int, **settings: Any) -> Sent:
    """Send a call's notifications to a bot, and wait for the end of it."""

    async def run() -> Sent:
        sent = Sent()
        async with bot.listening():
            hooks = sent.webhooks(**settings)
            for number in numbers or (1,):
                hooks.send(notification(number, bot.url))
            assert not hooks.idle
            await hooks.drained()
            assert hooks.idle
            await hooks.close()
        return sent

    return asyncio.run(asyncio.wait_for(run(), 30))


def refuse(callback_uri: str, **settings: Any) -> Delivery:
    """Send to an address that is not called, and return what is told of it at once."""

    async def run() -> Delivery:
        sent = Sent()
        hooks = sent.webhooks(**settings)
        hooks.send(notification(1, callback_uri))
        assert hooks.idle
        (delivery,) = sent.deliveries
        await hooks.close()
        return delivery

    return asyncio.run(run())


# --- what is taken, what is tried again --------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_any_2xx_takes_a_notification(status: int) -> None:
    bot = Bot([status])
    sent = send_to(bot)
    assert (sent.results, sent.waits) == ([(status, 1)], [])
    assert sent.deliveries[0].problem == ""
    assert sent.deliveries[0].notification.callback_uri == bot.url


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again_after_waits_that_double(status: int) -> None:
    bot = Bot([status, status, status, 202])
    sent = send_to(bot)
    assert (sent.results, sent.waits) == ([(202, 4)], [0.25, 0.5, 1.0])
    assert bot.numbers == [1] * 4


def test_a_notification_is_given_up_after_the_last_try() -> None:
    bot = Bot([503])
    sent = send_to(bot, 1, 2, retries=2)
    assert (sent.results, sent.waits) == ([(503, 3)] * 2, [0.25, 0.5] * 2)
    assert {delivery.problem for delivery in sent.deliveries} == {"the bot answered 503"}
    assert bot.numbers == [1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413])
def test_another_refusal_is_the_bots_last_word(status: int) -> None:
    bot = Bot([status, 202])
    sent = send_to(bot, 1, 2)
    assert (sent.results, sent.waits) == ([(status, 1), (202, 1)], [])
    assert [delivery.problem for delivery in sent.deliveries] == [f"the bot answered {status}", ""]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    bot = Bot([status])
    sent = send_to(bot)
    assert sent.results == [(status, 1)]
    assert len(bot.heads) == 1


def test_a_bot_that_cannot_be_reached_is_tried_again() -> None:
    async def run() -> Sent:
        sent = Sent()
        hooks = sent.webhooks(retries=1)
        hooks.send(notification(1, NOWHERE))
        await hooks.drained()
        await hooks.close()
        return sent

    sent = asyncio.run(run())
    assert (sent.results, sent.waits) == ([(None, 2)], [0.25])
    assert sent.deliveries[0].problem.startswith("the bot cannot be reached (ConnectError: ")


def test_the_status_is_that_of_the_last_answer_though_a_later_try_had_none() -> None:
    bot = Bot()

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _body: dict[str, Any]) -> None:
        if len(bot.heads) == 1:
            writer.write(b"HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n")
        else:
            writer.close()

    bot.answer = answer
    sent = send_to(bot, retries=1)
    assert sent.results == [(503, 2)]
    assert sent.deliveries[0].problem.startswith("the bot cannot be reached (RemoteProtocolError: ")


def test_what_is_no_http_is_a_bot_that_cannot_be_reached() -> None:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _body: dict[str, Any]) -> None:
        writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")

    sent = send_to(Bot(answer=answer), retries=0)
    assert sent.results == [(None, 1)]


# --- order and company -------------------------------------------------------------------------------------------


def test_the_notifications_of_a_call_come_in_order_over_one_connection() -> None:
    bot = Bot([503, 202, 500, 202])
    sent = send_to(bot, *range(20))
    assert [number_of(each.notification.body.to_dict()) for each in sent.deliveries] == list(range(20))
    assert bot.numbers == [0, 0, 1, 1, *range(2, 20)]
    assert bot.connections == 1


def test_other_calls_do_not_wait_for_one_whose_bot_is_slow() -> None:
    async def run() -> None:
        released = asyncio.Event()
        came: dict[str, list[int]] = defaultdict(list)

        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter, body: dict[str, Any]) -> None:
            call_id = body["value"][0]["resourceUrl"].split("/")[3]
            came[call_id].append(number_of(body))
            if call_id == "slow":
                await released.wait()
            writer.write(b"HTTP/1.1 202 x\r\nContent-Length: 0\r\n\r\n")

        sent = Sent()
        async with Bot(answer=answer).listening() as bot:
            hooks = sent.webhooks()
            for number in range(10):
                for call_id in ("slow", "one", "two"):
                    hooks.send(notification(number, bot.url, call_id))
            while len(sent.deliveries) < 20:
                await asyncio.sleep(0)
            assert came == {"slow": [0], "one": list(range(10)), "two": list(range(10))}
            released.set()
            await hooks.drained()
            assert came["slow"] == list(range(10))
            await hooks.close()

    asyncio.run(asyncio.wait_for(run(), 30))


def test_more_calls_than_are_sent_at_once_wait_for_a_turn_not_for_a_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "MAX_AT_ONCE", 2)

    async def run() -> None:
        now = most = 0

        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter, _body: dict[str, Any]) -> None:
            nonlocal now, most
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.02)
            now -= 1
            writer.write(b"HTTP/1.1 202 x\r\nContent-Length: 0\r\n\r\n")

        sent = Sent()
        async with Bot(answer=answer).listening() as bot:
            hooks = sent.webhooks(timeout_s=0.1)  # ten turns take 200 ms
            for number in range(20):
                hooks.send(notification(number, bot.url, f"call {number}"))
            await hooks.drained()
            await hooks.close()
        assert sent.results == [(202, 1)] * 20
        assert most == 2

    asyncio.run(asyncio.wait_for(run(), 30))


def test_what_would_wait_behind_too_many_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "MAX_WAITING", 3)
    sent = send_to(Bot(), 1, 2, 3, 4)
    assert sent.results == [(None, 0), (202, 1), (202, 1), (202, 1)]
    assert sent.deliveries[0].problem == "3 notifications of the call wait already"
    assert number_of(sent.deliveries[0].notification.body.to_dict()) == 4


def test_a_listener_that_sends_or_fails_does_not_end_a_calls_notifications() -> None:
    async def run() -> None:
        failed: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failed.append(str(context["exception"])))
        seen: list[int] = []

        def listen(delivery: Delivery) -> None:
            number = number_of(delivery.notification.body.to_dict())
            seen.append(number)
            if number == 2:
                hooks.send(notification(3, bot.url))
            raise ValueError("not my day")

        async with Bot().listening() as bot:
            hooks = Webhooks(listen)
            hooks.send(notification(1, bot.url))
            hooks.send(notification(2, bot.url))
            await hooks.drained()
            await hooks.close()
        assert (seen, bot.numbers, failed) == ([1, 2, 3], [1, 2, 3], ["not my day"] * 3)

    asyncio.run(asyncio.wait_for(run(), 30))


def test_a_notification_that_cannot_be_written_does_not_end_its_calls_others() -> None:
    async def run() -> None:
        sent = Sent()
        async with Bot().listening() as bot:
            hooks = sent.webhooks()
            hooks.send(replace(notification(1, bot.url), body=None))  # type: ignore[arg-type]
            hooks.send(notification(2, bot.url))
            await hooks.drained()
            await hooks.close()
        assert sent.results == [(None, 0), (202, 1)]
        assert sent.deliveries[0].problem.startswith("it cannot be sent (AttributeError: ")

    asyncio.run(asyncio.wait_for(run(), 30))


# --- who is called -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1"])
def test_every_address_of_this_machine_is_called(host: str) -> None:
    async def run() -> Sent:
        sent, bot = Sent(), Bot()
        try:
            async with bot.listening(host):
                hooks = sent.webhooks(retries=0)
                hooks.send(notification(1, bot.url))
                await hooks.drained()
                await hooks.close()
        except OSError:
            pytest.skip(f"this machine has no {host}")
        return sent

    assert asyncio.run(run()).results == [(202, 1)]


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.0.0.2", "127.255.255.254", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1"),
        *("localhost", "LOCALHOST", "LocalHost"),
    ],
)
def test_loopback_is_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        *("", "0.0.0.0", "::", "126.255.255.255", "128.0.0.1", "10.0.0.1", "169.254.169.254", "fe80::1"),
        *("::ffff:10.0.0.1", "::127.0.0.1", "::2"),
        *("2130706433", "0x7f000001", "017700000001", "127.1", "127.0.1", "0177.0.0.1", "127.0.0.01", "127.0.0.1."),
        *("localhost.", "localhost.example", "example.localhost", "127.0.0.1.example", "bot.example", " 127.0.0.1"),
    ],
)
def test_what_is_not_plainly_this_machine_is_not(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("callback_uri", "host"),
    [
        ("http://bot.example/api", "bot.example"),
        ("https://BOT.Example:8443/api", "bot.example"),
        ("http://127.0.0.1@bot.example/", "bot.example"),
        ("http://127.0.0.1:80@bot.example/", "bot.example"),
        ("http://127.0.0.1\\@bot.example/", "bot.example"),
        ("http://localhost.bot.example/", "localhost.bot.example"),
        ("http://localhost./", "localhost."),
        ("http://127.0.0.1./", "127.0.0.1."),
        ("http://2130706433/", "2130706433"),
        ("http://0x7f000001/", "0x7f000001"),
        ("http://127.1/", "127.1"),
        ("http://0.0.0.0/", "0.0.0.0"),
        ("http://[::ffff:10.0.0.1]/", "::ffff:10.0.0.1"),
        ("http://169.254.169.254/latest/meta-data", "169.254.169.254"),
    ],
)
def test_another_host_is_not_called(callback_uri: str, host: str) -> None:
    delivery = refuse(callback_uri)
    assert (delivery.status, delivery.attempts) == (None, 0)
    assert delivery.problem == f"{host} is not this machine; allow the host by name to have it called"


@pytest.mark.parametrize(
    ("callback_uri", "problem"),
    [
        *((uri, "is no http:// or https:// address of a host") for uri in ("", "/api", "http:///api", "//127.0.0.1/")),
        *((uri, "is no http:// or https:// address of a host") for uri in ("ftp://127.0.0.1/", "file:///etc/passwd")),
        ("127.0.0.1:8080/api", "is no http:// or https:// address of a host"),
        ("http://127.0.0.1:0/", "has port 0; ports are 1 to 65535"),
        ("http://127.0.0.1:99999/", "has port 99999; ports are 1 to 65535"),
        ("http://127.0.0.1:eighty/", "cannot be read (Invalid port: 'eighty')"),
        ("http://127.0.0.1\nHost: bot.example/", "cannot be read (Invalid non-printable ASCII character in URL"),
        ("http://" + "a" * 100_000, "cannot be read (URL too long)"),
        ("http://０.0.0.1/", "cannot be read (Invalid IDNA hostname"),
        ("http://\ud800/", "cannot be read ("),
    ],
)
def test_what_is_no_address_is_told_and_not_called(callback_uri: str, problem: str) -> None:
    delivery = refuse(callback_uri)
    assert (delivery.status, delivery.attempts) == (None, 0)
    assert delivery.problem.startswith(f"the call-back address {problem}")


def test_a_host_is_called_if_it_is_allowed_by_name_and_by_no_other() -> None:
    async def run() -> Sent:
        sent = Sent()
        hooks = sent.webhooks(allowed_hosts=["Nobody.Invalid"], retries=0)  # a name that never resolves: RFC 6761
        for uri in ("http://nobody.invalid:8080/", "http://NOBODY.invalid/", "http://x.nobody.invalid/"):
            hooks.send(notification(1, uri, call_id=uri))
        await hooks.drained()
        await hooks.close()
        return sent

    assert asyncio.run(run()).results == [(None, 0), (None, 1), (None, 1)]


def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert send_to(Bot(), retries=0).results == [(202, 1)]


# --- bots that behave badly --------------------------------------------------------------------------------------


def test_a_bot_that_never_answers_is_given_up() -> None:
    async def answer(*_: object) -> None:
        await asyncio.sleep(5)

    sent = send_to(Bot(answer=answer), retries=1, timeout_s=0.05)
    assert (sent.results, sent.waits) == ([(None, 2)], [0.25])
    assert sent.deliveries[0].problem == "the bot did not answer within 0.05 s"


def test_a_bot_that_answers_one_byte_at_a_time_has_no_more_time() -> None:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _body: dict[str, Any]) -> None:
        for byte in b"HTTP/1.1 202 x\r\n" + b"X: y\r\n" * 100:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.01)

    sent = send_to(Bot(answer=answer), retries=0, timeout_s=0.1)
    assert sent.results == [(None, 1)]


@pytest.mark.parametrize("headers", ["Content-Length: 99999999999", "Transfer-Encoding: chunked"])
def test_an_answer_without_end_is_not_read(headers: str) -> None:
    written = 0

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _body: dict[str, Any]) -> None:
        nonlocal written
        writer.write(f"HTTP/1.1 202 x\r\n{headers}\r\n\r\n".encode())
        while True:
            writer.write(b"2000\r\n" + bytes(0x2000) + b"\r\n")
            await writer.drain()
            written += 0x2000

    bot = Bot(answer=answer)
    sent = send_to(bot, 1, 2)
    assert sent.results == [(202, 1)] * 2
    assert bot.connections == 2  # each was closed
    assert written < 40 * 2**20  # what the sockets hold


def test_an_answer_whose_body_never_comes_was_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "ANSWER_TIMEOUT_S", 0.05)

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _body: dict[str, Any]) -> None:
        writer.write(b"HTTP/1.1 202 x\r\nContent-Length: 10\r\n\r\n12345")

    assert send_to(Bot(answer=answer), 1, 2).results == [(202, 1)] * 2


def test_a_small_answer_is_read_and_the_connection_used_again() -> None:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _body: dict[str, Any]) -> None:
        writer.write(b"HTTP/1.1 200 x\r\nContent-Length: 5\r\nContent-Encoding: gzip\r\n\r\nhello")  # it is not gzip

    bot = Bot(answer=answer)
    assert send_to(bot, 1, 2, 3).results == [(200, 1)] * 3
    assert bot.connections == 1


def test_closing_gives_up_what_is_under_way_and_what_waits() -> None:
    async def run() -> None:
        async def answer(*_: object) -> None:
            came.set()
            await asyncio.sleep(5)

        came, sent = asyncio.Event(), Sent()
        async with Bot(answer=answer).listening() as bot:
            hooks = sent.webhooks()
            hooks.send(notification(1, bot.url))
            hooks.send(notification(2, bot.url))
            await came.wait()
            hooks.send(notification(3, bot.url, "not begun"))
            await asyncio.wait_for(hooks.close(), 1)
            assert hooks.idle
            hooks.send(notification(4, bot.url))
            assert hooks.idle
        assert sent.results == [(None, 0)] * 4
        assert {delivery.problem for delivery in sent.deliveries} == {"the emulator has stopped"}

    asyncio.run(asyncio.wait_for(run(), 30))


# --- what is sent ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("case", "status"), [("camelCase", "completed"), ("PascalCase", "Completed")])
def test_the_body_is_the_notification_with_its_status_in_the_case_that_is_set(case: str, status: str) -> None:
    bot = Bot()
    send_to(bot, 7, status_case=case)
    (told,) = bot.bodies[0]["value"]
    assert told["resourceData"]["status"] == status
    assert told["resourceData"]["completionReason"] == "completedSuccessfully"
    assert told["resourceData"]["clientContext"] == "ø\ud800"


def test_the_head_says_what_it_is() -> None:
    bot = Bot([503, 202])
    send_to(bot, 1, 2)
    first, again, other = bot.heads
    lines = first.split("\r\n")
    assert lines[0] == "POST /api HTTP/1.1"
    assert {"Content-Type: application/json; charset=utf-8", "User-Agent: dtmf-audio-emulator"} <= set(lines)
    ids = [head.partition("X-Microsoft-Skype-Message-ID: ")[2].split("\r\n")[0] for head in (first, again, other)]
    assert ids[0] == ids[1] != ids[2]
