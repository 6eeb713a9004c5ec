"""Faults on demand: what is struck, how often, and that a call's end leaves nothing behind."""

from __future__ import annotations

import math
from typing import Any

import pytest

from dtmf_audio.errors import GraphServiceError, InvalidSettingError
from dtmf_audio.graph.calls import Notification
from dtmf_audio.graph.faults import MAX_PLANNED, Faults, NotificationFault, RequestFault
from dtmf_audio.graph.notifications import CommsNotifications
from dtmf_audio.graph.switchboard import Switchboard


def notification(ticks: int, call_id: str = "a") -> Notification:
    return Notification(call_id=call_id, callback_uri="", ticks=ticks, body=CommsNotifications(value=()))


def delivered(faults: Faults, *notifications: Notification) -> list[int]:
    return [sent.ticks for one in notifications for sent in faults.deliver(one)]


def test_nothing_fails_by_itself() -> None:
    faults = Faults()
    assert faults.strike("sendDtmfTones") is None
    assert delivered(faults, *map(notification, range(5))) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("kind", "status", "code", "retry_after_s"),
    [
        ("unauthorized", 401, "InvalidAuthenticationToken", None),
        ("forbidden", 403, "7504", None),
        ("callNotFound", 404, "8522", None),
        ("tooManyRequests", 429, "TooManyRequests", 7),
        ("serverError", 500, "9999", None),
        ("serviceUnavailable", 503, "ServiceUnavailable", 7),
    ],
)
def test_a_request_fault_answers_what_the_service_does(
    kind: Any, status: int, code: str, retry_after_s: int | None
) -> None:
    error = RequestFault(kind=kind, retry_after_s=7).answer()
    assert isinstance(error, GraphServiceError)
    assert (error.status, error.code, error.retry_after_s) == (status, code, retry_after_s)


def test_a_slow_answer_is_no_error() -> None:
    assert RequestFault(kind="slow", delay_ms=100.0).answer() is None


def test_a_request_fault_strikes_as_often_as_planned_and_only_its_action() -> None:
    faults = Faults()
    fault = RequestFault(kind="serverError", times=2, action="sendDtmfTones")
    faults.plan(fault)
    assert faults.strike("getCall") is None
    assert faults.strike("sendDtmfTones") is fault
    assert faults.strike("sendDtmfTones") is fault
    assert faults.strike("sendDtmfTones") is None


def test_the_first_fault_that_fits_strikes_first() -> None:
    faults = Faults()
    for action in ("getCall", None, "sendDtmfTones"):
        faults.plan(RequestFault(kind="serverError", action=action))
    struck = [faults.strike("sendDtmfTones"), faults.strike("sendDtmfTones"), faults.strike("getCall")]
    assert [fault.action for fault in struck if fault is not None] == [None, "sendDtmfTones", "getCall"]


@pytest.mark.parametrize(("kind", "came"), [("drop", [1, 2]), ("double", [0, 0, 1, 2]), ("swap", [1, 0, 2])])
def test_a_notification_never_comes_or_twice_or_after_the_next(kind: Any, came: list[int]) -> None:
    faults = Faults()
    faults.plan(NotificationFault(kind=kind))
    assert delivered(faults, *map(notification, range(3))) == came


def test_a_notification_fault_of_a_call_spares_the_others() -> None:
    faults = Faults()
    faults.plan(NotificationFault(kind="drop", call_id="b"))
    assert delivered(faults, notification(0, "a"), notification(1, "b"), notification(2, "b")) == [0, 2]


def test_a_swapped_notification_comes_after_the_next_of_its_own_call() -> None:
    faults = Faults()
    faults.plan(NotificationFault(kind="swap"))
    assert delivered(faults, notification(0, "a"), notification(1, "b"), notification(2, "a")) == [1, 2, 0]


def test_a_swapped_notification_that_meets_another_swap_still_comes_after_the_next() -> None:
    faults = Faults()
    faults.plan(NotificationFault(kind="swap", times=2))
    assert delivered(faults, *map(notification, range(3))) == [0, 2, 1]


def test_the_last_notification_of_a_call_is_not_held_back() -> None:
    faults = Faults()
    faults.plan(NotificationFault(kind="swap", times=2))
    assert faults.deliver(notification(0)) == []
    assert [sent.ticks for sent in faults.deliver(notification(1), is_last=True)] == [1, 0]
    assert faults.deliver(notification(2, "b")) == []  # the fault is still planned


def test_a_call_that_ended_leaves_nothing_held_back() -> None:
    board = Switchboard()
    for _ in range(20):
        call = board.establish()
        board.faults.plan(NotificationFault(kind="swap", times=2))
        call.delete()
        board.advance(1000)
        assert [sent.body.value[0].resource_data[0].state.value for sent in call.notifications[-2:]] == [  # type: ignore[union-attr]
            "terminated",
            "terminating",
        ]
        board.faults.clear()
        assert not board.faults._held


def test_clear_forgets_what_is_planned_and_keeps_what_is_held() -> None:
    faults = Faults()
    faults.plan(NotificationFault(kind="swap"))
    faults.plan(NotificationFault(kind="drop", times=5))
    faults.plan(RequestFault(kind="serverError"))
    assert faults.deliver(notification(0)) == []
    faults.clear()
    assert faults.strike("getCall") is None
    assert delivered(faults, notification(1)) == [1, 0]


def test_no_more_than_1000_faults_can_wait() -> None:
    faults = Faults()
    faults.plan(RequestFault(kind="serverError", times=600))
    faults.plan(NotificationFault(kind="drop", times=400))
    with pytest.raises(
        InvalidSettingError, match="1000 faults are planned and 1 more were given; at most 1000 can wait"
    ):
        faults.plan(RequestFault(kind="serverError"))


@pytest.mark.parametrize("make", [RequestFault, NotificationFault])
@pytest.mark.parametrize("kind", ["explode", None, 3])
def test_an_unknown_fault_is_refused_with_the_known_ones(make: Any, kind: Any) -> None:
    with pytest.raises(InvalidSettingError, match=r"the fault is .*; it must be one of .*, s"):
        make(kind=kind)


@pytest.mark.parametrize("times", [0, -1, True, 1.0, math.nan, "1", MAX_PLANNED + 1])
def test_a_number_of_times_that_is_none_is_refused(times: Any) -> None:
    with pytest.raises(InvalidSettingError, match=r"times is .*; it must be a whole number from 1 to 1000"):
        NotificationFault(kind="drop", times=times)


@pytest.mark.parametrize(
    "settings",
    [{"delay_ms": value} for value in (math.nan, -1.0, 600_001.0, True, "1")]
    + [{"retry_after_s": value} for value in (1.5, -1, True, "1", None)],
)
def test_a_time_of_a_request_fault_that_is_none_is_refused(settings: Any) -> None:
    with pytest.raises(InvalidSettingError, match=r"is .*; it must be"):
        RequestFault(kind="slow", **settings)


def test_a_fault_of_an_action_that_does_not_exist_would_never_strike_and_is_refused() -> None:
    with pytest.raises(InvalidSettingError, match="action is 'sendDtmf'; it must be one of createCall, "):
        RequestFault(kind="slow", action="sendDtmf")
