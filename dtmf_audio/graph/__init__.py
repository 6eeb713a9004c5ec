"""Microsoft Graph's cloud communications: ``sendDtmfTones`` and what belongs to it.

Every name is imported when it is first asked for: the models need nothing but this package, the emulator what
``pip install 'dtmf-audio[emulator]'`` brings.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dtmf_audio.graph.calls import CallSettings, Notification
    from dtmf_audio.graph.emulator import EmulatedCall, Emulator
    from dtmf_audio.graph.faults import NotificationFault, RequestFault
    from dtmf_audio.graph.media import Direction, HeardTone, LineConditions
    from dtmf_audio.graph.models import (
        AppHostedMediaConfig,
        Call,
        CallDirection,
        CallState,
        ChangeType,
        GraphError,
        MediaState,
        ResultInfo,
        ServiceHostedMediaConfig,
        ToneInfo,
    )
    from dtmf_audio.graph.notifications import CommsNotification, CommsNotifications, UnknownResource
    from dtmf_audio.graph.operations import (
        CancelMediaProcessingOperation,
        CompletionReason,
        OperationStatus,
        SendDtmfTonesOperation,
        SubscribeToToneOperation,
        UnknownOperation,
        operation_from_dict,
        operation_from_json,
    )
    from dtmf_audio.graph.rendering import TonePlan, plan_request, render_request
    from dtmf_audio.graph.requests import (
        AnswerRequest,
        CancelMediaProcessingRequest,
        CreateCallRequest,
        SendDtmfTonesRequest,
        SubscribeToToneRequest,
    )
    from dtmf_audio.graph.service import LoggedRequest, ServiceSettings
    from dtmf_audio.graph.switchboard import BotEnd, CallHandle, FarEnd, ReceivedTone, Switchboard
    from dtmf_audio.graph.webhooks import Delivery

__all__ = [
    "AnswerRequest",
    "AppHostedMediaConfig",
    "BotEnd",
    "Call",
    "CallDirection",
    "CallHandle",
    "CallSettings",
    "CallState",
    "CancelMediaProcessingOperation",
    "CancelMediaProcessingRequest",
    "ChangeType",
    "CommsNotification",
    "CommsNotifications",
    "CompletionReason",
    "CreateCallRequest",
    "Delivery",
    "Direction",
    "EmulatedCall",
    "Emulator",
    "FarEnd",
    "GraphError",
    "HeardTone",
    "LineConditions",
    "LoggedRequest",
    "MediaState",
    "Notification",
    "NotificationFault",
    "OperationStatus",
    "ReceivedTone",
    "RequestFault",
    "ResultInfo",
    "SendDtmfTonesOperation",
    "SendDtmfTonesRequest",
    "ServiceHostedMediaConfig",
    "ServiceSettings",
    "SubscribeToToneOperation",
    "SubscribeToToneRequest",
    "Switchboard",
    "ToneInfo",
    "TonePlan",
    "UnknownOperation",
    "UnknownResource",
    "operation_from_dict",
    "operation_from_json",
    "plan_request",
    "render_request",
]

_NAMES_IN = {
    "calls": ["CallSettings", "Notification"],
    "emulator": ["EmulatedCall", "Emulator"],
    "faults": ["NotificationFault", "RequestFault"],
    "media": ["Direction", "HeardTone", "LineConditions"],
    "notifications": ["CommsNotification", "CommsNotifications", "UnknownResource"],
    "operations": [
        *("CancelMediaProcessingOperation", "CompletionReason", "OperationStatus", "SendDtmfTonesOperation"),
        *("SubscribeToToneOperation", "UnknownOperation", "operation_from_dict", "operation_from_json"),
    ],
    "rendering": ["TonePlan", "plan_request", "render_request"],
    "requests": [
        *("AnswerRequest", "CancelMediaProcessingRequest", "CreateCallRequest", "SendDtmfTonesRequest"),
        "SubscribeToToneRequest",
    ],
    "service": ["LoggedRequest", "ServiceSettings"],
    "switchboard": ["BotEnd", "CallHandle", "FarEnd", "ReceivedTone", "Switchboard"],
    "webhooks": ["Delivery"],
}
_MODULE_OF = dict.fromkeys(__all__, "models") | {name: module for module, names in _NAMES_IN.items() for name in names}
_OF_THE_EXTRA = ("httpx", "starlette", "uvicorn", "websockets", "httptools")


def __getattr__(name: str) -> Any:
    """Import a public name from its module, and keep it."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = importlib.import_module(f"{__name__}.{_MODULE_OF[name]}")
    except ModuleNotFoundError as error:
        if error.name not in _OF_THE_EXTRA:
            raise
        told = f"{name} needs {error.name}, which is not installed; run: pip install 'dtmf-audio[emulator]'"
        raise ModuleNotFoundError(told, name=error.name) from None
    value = getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
