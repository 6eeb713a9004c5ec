"""What can be asked of the emulated service, in one table: routes answers by it, openapi describes it.

Conventions
-----------
- A path is that below ``/communications/calls``; ``{call-id}`` and ``{operation-id}`` stand for any one segment.
- Requests and answers are named as the schemas of ``openapi`` are: as Graph names its types, and ``…Request`` for
  the parameters of an action.
- What Graph has on a call and the emulator has not is listed too, so that it is refused as that, and not as a slip.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

VERSIONS = ("v1.0", "beta")
ROOTS = (("communications", "calls"), ("app", "calls"))  # the second: deprecated, and still documented
PREFIX = "microsoft.graph."  # an action may be written with its namespace


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A method of a resource, or an action.

    Attributes
    ----------
    action : str
        What it is called, here and in faults and logs: ``sendDtmfTones``, ``createCall``.
    method, path : str
    summary : str
        What it does.
    request : str
        Schema of the body; empty if it takes none.
    needs_body : bool
        Whether a request without a body is refused.
    example : dict
        A body that is right.
    status : int
        Of the answer to what is right.
    answer : str
        Schema of the answer's body; empty if it has none.
    located : bool
        Whether the answer has a ``Location``.
    errors : tuple of int
        Statuses of errors that only this one has.
    """

    action: str
    method: str
    path: str
    summary: str
    request: str = ""
    needs_body: bool = False
    example: Mapping[str, Any] | None = None
    status: int = 200
    answer: str = ""
    located: bool = False
    errors: tuple[int, ...] = ()

    @property
    def is_action(self) -> bool:
        """Whether it is an action of a call."""
        return self.method == "POST" and self.path != ""


_MEDIA = {"@odata.type": "#microsoft.graph.serviceHostedMediaConfig"}
_CALLBACK = "https://bot.contoso.com/callback"

ENDPOINTS = (
    Endpoint(
        action="createCall",
        method="POST",
        path="",
        summary="Call somebody; the call is establishing.",
        request="createCallRequest",
        needs_body=True,
        example={"callbackUri": _CALLBACK, "requestedModalities": ["audio"], "mediaConfig": _MEDIA},
        status=201,
        answer="call",
        located=True,
        errors=(429,),
    ),
    Endpoint(
        action="getCall",
        method="GET",
        path="/{call-id}",
        summary="Read a call.",
        answer="call",
    ),
    Endpoint(
        action="deleteCall",
        method="DELETE",
        path="/{call-id}",
        summary="Hang up.",
        status=204,
    ),
    Endpoint(
        action="getOperation",
        method="GET",
        path="/{call-id}/operations/{operation-id}",
        summary="Read an operation of a call.",
        answer="commsOperation",
    ),
    Endpoint(
        action="sendDtmfTones",
        method="POST",
        path="/{call-id}/sendDtmfTones",
        summary="Send tones to the far end, after those that are being sent.",
        request="sendDtmfTonesRequest",
        needs_body=True,
        example={"tones": ["tone1", "star"], "delayBetweenTonesMs": 1000, "clientContext": "1"},
        answer="sendDtmfTonesOperation",
        located=True,
        errors=(429,),
    ),
    Endpoint(
        action="subscribeToTone",
        method="POST",
        path="/{call-id}/subscribeToTone",
        summary="Be notified of the tones of the far end; for service-hosted media alone, 500 otherwise.",
        request="subscribeToToneRequest",
        example={"clientContext": "1"},
        answer="subscribeToToneOperation",
        located=True,
        errors=(500,),
    ),
    Endpoint(
        action="cancelMediaProcessing",
        method="POST",
        path="/{call-id}/cancelMediaProcessing",
        summary="End the tones that are being sent and those that wait.",
        request="cancelMediaProcessingRequest",
        example={"clientContext": "1"},
        answer="cancelMediaProcessingOperation",
        located=True,
    ),
    Endpoint(
        action="keepAlive",
        method="POST",
        path="/{call-id}/keepAlive",
        summary="Say that the call is still wanted; whatever the body is, it is not read.",
    ),
    Endpoint(
        action="answer",
        method="POST",
        path="/{call-id}/answer",
        summary="Take an incoming call.",
        request="answerRequest",
        needs_body=True,
        example={"callbackUri": _CALLBACK, "acceptedModalities": ["audio"], "mediaConfig": _MEDIA},
        status=202,
    ),
    Endpoint(
        action="reject",
        method="POST",
        path="/{call-id}/reject",
        summary="Refuse an incoming call.",
        request="rejectRequest",
        example={"reason": "busy"},
        status=202,
    ),
)
BY_ACTION = {endpoint.action: endpoint for endpoint in ENDPOINTS}
CALL_ACTIONS = tuple(endpoint.action for endpoint in ENDPOINTS if endpoint.is_action)

NOT_DONE_ACTIONS = (  # quoted: CSDL, actions bound to graph.call; record: beta alone
    *("addLargeGalleryView", "changeScreenSharingRole", "mute", "playPrompt", "record", "recordResponse", "redirect"),
    *("transfer", "unmute", "updateRecordingStatus"),
)
NOT_DONE_RESOURCES = ("audioRoutingGroups", "contentSharingSessions", "participants")  # quoted: CSDL, graph.call
NOT_DONE_COLLECTION_ACTIONS = ("logTeleconferenceDeviceQuality",)  # quoted: CSDL, bound to a collection of graph.call


def endpoints_at(segments: Sequence[str]) -> tuple[dict[str, Endpoint], dict[str, str]]:
    """Return the endpoints of a path below ``calls``, by method, and what stands in its placeholders."""
    by_method: dict[str, Endpoint] = {}
    values: dict[str, str] = {}
    for endpoint in ENDPOINTS:
        wanted = endpoint.path.split("/")[1:]
        if len(wanted) != len(segments):
            continue
        pairs = list(zip(wanted, segments, strict=True))
        if all(name.startswith("{") or name == found for name, found in pairs):
            by_method[endpoint.method] = endpoint
            values = {name[1:-1]: found for name, found in pairs if name.startswith("{")}
    return by_method, values
