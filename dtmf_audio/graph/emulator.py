"""Graph's calls on a port of this machine, in a thread of its own: start it, point a bot at it, look at what it did.

::

    with Emulator(clock="virtual") as emulator:
        client.request_adapter.base_url = emulator.base_url
        ...
        emulator.advance(12_000)
        assert emulator.call(call_id).far_end_keys == "123"

It runs once: from ``start()`` to ``stop()``. Then it can still be looked at, through ``service``, and nothing happens.

What it does not do: Teams, tenants, users, SIP, RTP; the signature of tokens; prompts, recordings, transfers, mute.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from concurrent.futures import wait as wait_for_futures
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy.typing as npt
import uvicorn

from dtmf_audio.errors import DtmfError, InvalidSettingError
from dtmf_audio.graph.calls import Notification
from dtmf_audio.graph.faults import NotificationFault, RequestFault
from dtmf_audio.graph.media import Direction
from dtmf_audio.graph.models import CallState
from dtmf_audio.graph.operations import Operation
from dtmf_audio.graph.service import LoggedRequest, Service, ServiceSettings
from dtmf_audio.graph.switchboard import A_CALLBACK, CallHandle, ReceivedTone, Switchboard
from dtmf_audio.graph.timeline import TICKS_PER_MS
from dtmf_audio.graph.web import create_app
from dtmf_audio.synthesis import RenderedTone, Rendering
from dtmf_audio.tones import Pause, Tone

_T = TypeVar("_T")
START_TIMEOUT_S = 30.0
KEEP_ALIVE_S = 120  # longer than clients keep a connection that they do not use, lest one be closed as they use it
LIFE_CHECK_S = 0.1  # how soon it is noticed that the emulator was stopped while it was waited for
WAIT_TIMEOUT_S = 10.0


class Emulator:
    """The emulator, served on a port.

    Parameters
    ----------
    host : str
        Address to listen on.
    port : int
        0 for a free one.
    **settings
        Of :class:`~dtmf_audio.graph.service.ServiceSettings`: ``clock``, ``seed``, ``status_case`` and so on.

    Attributes
    ----------
    service : Service
        Lives in the emulator's own thread; use :meth:`do` to reach it.
    """

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, **settings: Any) -> None:
        known = {field.name for field in dataclasses.fields(ServiceSettings)}
        for name in settings:
            if name not in known:
                raise InvalidSettingError(f"{name} is no setting of the emulator; it has {', '.join(sorted(known))}")
        self.settings = ServiceSettings(**settings)
        self.service = Service(self.settings)
        self._host = host
        self._port = port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._address = ""

    # --- running -----------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Listen, and return when it does.

        Raises
        ------
        InvalidSettingError
            It was started before.
        DtmfError
            The address cannot be listened on.
        """
        if self._thread is not None:
            state = "runs already" if self._thread.is_alive() else "has run, and does so once"
            raise InvalidSettingError(f"the emulator {state}; make another one for another start")
        listening = listen(self._host, self._port)
        self._address = f"http://{_reachable(*listening.getsockname()[:2])}"
        config = uvicorn.Config(
            create_app(self.service, hosts={*self.settings.allowed_hosts, self._host}),
            log_level="critical",
            access_log=False,
            lifespan="on",
            ws_max_size=2**20,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=0,  # whoever is being answered when it stops is hung up on
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, args=(listening,), name="dtmf-audio-emulator", daemon=True)
        self._thread.start()
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                self.stop()
                raise DtmfError(f"the emulator did not start on {self._address}; try another port")
            time.sleep(0.002)
        return self

    def stop(self) -> None:
        """Stop listening; calls end with it. Once it has stopped, nothing more is done.

        Raises
        ------
        DtmfError
            It is asked to from the emulator's own thread, which cannot wait for itself.
        """
        if self._server is None or self._thread is None:
            return
        self._check_thread("stop()")
        self._server.should_exit = True
        self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self, listening: socket.socket) -> None:
        assert self._server is not None
        try:
            with asyncio.Runner() as runner:
                self._loop = runner.get_loop()
                runner.run(self._server.serve(sockets=[listening]))
        finally:
            listening.close()

    @property
    def running(self) -> bool:
        """Whether it was started and has not stopped."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def url(self) -> str:
        """The address of the status page and the control API: ``http://127.0.0.1:PORT``."""
        return self._address

    @property
    def base_url(self) -> str:
        """The address for Graph clients: ``http://127.0.0.1:PORT/v1.0``."""
        return f"{self._address}/v1.0"

    # --- reaching in -------------------------------------------------------------------------------------------------

    def do(self, what: Callable[[Switchboard], _T]) -> _T:
        """Do something with the switchboard, in the emulator's thread, and return what it returns.

        In that thread itself, as within a listener of the switchboard, it is done at once.

        Raises
        ------
        DtmfError
            The emulator does not run.
        """
        if self._thread is threading.current_thread():
            return self.service.do(what)

        async def done() -> _T:
            return self.service.do(what)

        return self._wait_for(done())

    def advance(self, ms: float) -> None:
        """Let time pass on the virtual clock, while the bot takes its notifications.

        Raises
        ------
        InvalidSettingError
            The clock is real or goes on already, or the time is no number.
        DtmfError
            The emulator does not run, or it is asked to from its own thread, which cannot wait for itself.
        """
        self._check_thread("advance()")
        self._wait_for(self.service.advance(ms))

    def drain(self) -> None:
        """Wait until every notification was taken or given up."""
        self._check_thread("drain()")
        self._wait_for(self.service.webhooks.drained())

    def _check_thread(self, name: str) -> None:
        if self._thread is threading.current_thread():
            raise DtmfError(f"{name} waits for the emulator's thread and was called in it; call it from another one")

    def _wait_for(self, what: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine in the emulator's thread, and return what it returns."""
        thread, loop = self._thread, self._loop
        future: Future[_T] | None = None
        if thread is not None and loop is not None and thread.is_alive():
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                future = asyncio.run_coroutine_threadsafe(what, loop)
        if thread is None or future is None:
            what.close()
            raise DtmfError("the emulator does not run; " + ("start it first" if thread is None else "it was stopped"))
        while not wait_for_futures([future], timeout=LIFE_CHECK_S).done and thread.is_alive():
            pass
        if not future.done() or future.cancelled():
            what.close()
            raise DtmfError("the emulator was stopped before it had done what it was asked to")
        return future.result()

    def wait_until(self, holds: Callable[[], bool], *, timeout_s: float = WAIT_TIMEOUT_S, what: str = "it") -> None:
        """Wait until something holds; a virtual clock is moved for it, from one event to the next.

        Parameters
        ----------
        holds : callable
        timeout_s : float
            On the emulator's clock. While nothing is due on a virtual one, as when only the bot is at work, it is
            seconds that nothing happens.
        what : str
            What is waited for, for the message.

        Raises
        ------
        TimeoutError
            It does not come true in time.
        """
        __tracebackhide__ = True  # pytest shows the line that waits

        def to_next_due(switchboard: Switchboard) -> float | None:
            due = switchboard.timeline.next_due()
            return None if due is None else (due - switchboard.timeline.now) / TICKS_PER_MS

        told = f"{what} did not come true within {timeout_s:g} s"
        until = self.do(lambda switchboard: switchboard.now_ms) + 1000.0 * timeout_s
        deadline = time.monotonic() + timeout_s
        while not holds():
            wait_ms = self.do(to_next_due) if self.settings.clock == "virtual" else None
            if wait_ms is not None:
                if self.do(lambda switchboard: switchboard.now_ms) + wait_ms > until:
                    raise TimeoutError(f"{told} of the virtual clock")
                self.advance(wait_ms)
                deadline = time.monotonic() + timeout_s
            elif time.monotonic() > deadline:
                raise TimeoutError(told)
            time.sleep(0.001 if wait_ms is not None else 0.005)  # a bot with threads of its own has its turn

    # --- what happened -----------------------------------------------------------------------------------------------

    @property
    def notifications(self) -> list[Notification]:
        """All notifications so far, in order."""
        return self.do(lambda switchboard: list(switchboard.notifications))

    @property
    def requests(self) -> list[LoggedRequest]:
        """All requests so far, in order."""
        return self.do(lambda _: list(self.service.requests))

    def plan_fault(self, fault: RequestFault | NotificationFault) -> None:
        """Plan a fault."""
        self.do(lambda switchboard: switchboard.faults.plan(fault))

    # --- calls -------------------------------------------------------------------------------------------------------

    def call(self, call_id: str) -> EmulatedCall:
        """Return a call, to look at and to press keys in.

        Raises
        ------
        GraphServiceError
            There is no such call any more.
        """
        return EmulatedCall(self, self.do(lambda switchboard: switchboard.call(call_id)))

    def calls(self) -> list[EmulatedCall]:
        """Return the calls that are not over."""

        def live(switchboard: Switchboard) -> list[CallHandle]:
            ids = [call.id for call in switchboard.calls.all() if call.id is not None]
            return [switchboard.call(call_id) for call_id in ids if not switchboard.calls.is_over(call_id)]

        return [EmulatedCall(self, call) for call in self.do(live)]

    def ring(self, callback_uri: str) -> EmulatedCall:
        """Call the bot: it is notified of an incoming call at its address."""
        call_id = self.do(lambda switchboard: switchboard.calls.ring(callback_uri=callback_uri).id)
        assert call_id is not None
        return self.call(call_id)

    def establish(self, *, media: str = "appHosted", callback_uri: str = A_CALLBACK) -> EmulatedCall:
        """Have a call made as if the bot had asked for it, and return it when it is established."""
        call = EmulatedCall(self, self.do(lambda board: board.create(media=media, callback_uri=callback_uri)))
        if self.settings.clock == "virtual":
            self.advance(self.settings.calls.establish_ms)
        self.wait_until(lambda: call.state is CallState.ESTABLISHED, what="the call's establishing")
        return call


class EmulatedCall:
    """A call of an emulator that runs in another thread.

    Attributes
    ----------
    id : str
    """

    def __init__(self, emulator: Emulator, handle: CallHandle) -> None:
        self.id = handle.id
        self._emulator = emulator
        self._handle = handle

    def press(
        self, keys: str | list[Tone | Pause | str], *, speaker: str | None = None, **settings: float
    ) -> tuple[RenderedTone, ...]:
        """Press keys at the bot; as :meth:`~dtmf_audio.graph.switchboard.FarEnd.press`."""
        return self._emulator.do(lambda _: self._handle.far_end.press(keys, speaker=speaker, **settings))  # type: ignore[arg-type]

    def play(self, samples: npt.ArrayLike, samplerate: int = 16_000, *, speaker: str | None = None) -> tuple[int, int]:
        """Play audio at the bot; as :meth:`~dtmf_audio.graph.switchboard.FarEnd.play`."""
        return self._emulator.do(lambda _: self._handle.far_end.play(samples, samplerate, speaker=speaker))

    def hang_up(self) -> None:
        """End the call from the far end."""
        self._emulator.do(lambda _: self._handle.far_end.hang_up())

    @property
    def state(self) -> CallState:
        """Where the call stands."""
        return self._emulator.do(lambda _: self._handle.state)

    @property
    def operations(self) -> list[Operation]:
        """The call's operations, oldest first."""
        return self._emulator.do(lambda _: self._handle.operations)

    @property
    def notifications(self) -> list[Notification]:
        """The call's notifications, oldest first."""
        return self._emulator.do(lambda _: self._handle.notifications)

    @property
    def far_end_keys(self) -> str:
        """The keys that were heard at the far end: ``"12#"``."""
        return self._emulator.do(lambda _: self._handle.far_end.keys)

    @property
    def received(self) -> list[ReceivedTone]:
        """The tones that the bot was told of."""
        return self._emulator.do(lambda _: list(self._handle.bot.received))

    def recording(self, direction: Direction | str) -> Rendering:
        """Return what went over a direction so far, ``"toFarEnd"`` or ``"toBot"``, and the tones in it."""
        end = self._handle.far_end if Direction(direction) is Direction.TO_FAR_END else self._handle.bot
        return self._emulator.do(lambda _: end.recording())


def _reachable(host: str, port: int) -> str:
    """Return where this machine reaches what listens: a wildcard is no address to call."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises
    ------
    DtmfError
        The address cannot be listened on.
    """
    if not host:
        raise InvalidSettingError("the host is empty, which would be every address; give 127.0.0.1, or 0.0.0.0 for all")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sees TCP and sends at once; else the second part of an answer waits 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere it would let two listen on one port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(1024)
    except (OSError, OverflowError, UnicodeError, TypeError) as error:
        listening.close()
        raise DtmfError(f"{host}:{port} cannot be listened on ({error}); choose another address or port") from error
    return listening
