"""Notifications that cloud communications post to a bot's callback URI: built exactly, read leniently.

Conventions
-----------
- Built as the documentation's examples are: ``@odata.type`` throughout, ``changeType``, ``resourceUrl`` (a path
  without a host), ``resourceData``, in this order.
- Read as the service really sends them, which is not how they are documented. Bots have logged ``Created``, the
  older ``resource`` (``/app/calls/…``) beside ``resourceUrl`` or instead of it, ids without dashes in upper case,
  calls without an id, arrays of one entity. Each is read as what it means; a bot cannot mend it.
- What has no field, or no meaning in it, is kept as it came in ``extra``. So is a ``resourceData`` that is neither
  an object nor a list of objects.
- What is no commsNotifications at all is refused: no list of ``value``, or an element that says not what changed,
  or not how. So is a clientContext of over 256 characters, which no request can have sent.
- An entity without an id is given the one in the URL, unless there are several.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self, TypeAlias
from urllib.parse import unquote

from dtmf_audio.errors import InvalidRequestError
from dtmf_audio.graph.models import Call, ChangeType, FromJson, kept
from dtmf_audio.graph.operations import (
    CancelMediaProcessingOperation,
    Operation,
    SendDtmfTonesOperation,
    SubscribeToToneOperation,
    UnknownOperation,
    operation_from_dict,
)
from dtmf_audio.graph.wire import (
    Properties,
    StatusCase,
    check_object,
    check_type,
    odata_type,
    read_member,
    read_text,
    shown,
    type_name,
    written,
)

MAX_NOTIFICATIONS = 1000  # in one body; chosen: this project's bound, the documentation shows one

_ONE = (
    'write an object, such as {"@odata.type": "#microsoft.graph.commsNotification", "changeType": "updated", '
    '"resourceUrl": "/communications/calls/1"}'
)

# --- ids ---------------------------------------------------------------------------------------------------------

_GUID = re.compile(r"[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}")
_HOST = re.compile(r"^[a-z][a-z0-9+.-]*://[^/?#]*", re.IGNORECASE)


def same_id(one: str, other: str) -> bool:
    """Whether two ids are the same: GUIDs whatever their case and dashes, others to the letter."""
    return one == other or _plain(one) == _plain(other)


def _plain(name: str) -> str:
    lower = name.lower()
    return lower.replace("-", "") if _GUID.fullmatch(lower) else name


@dataclass(frozen=True, slots=True)
class _Place:
    """What a URL names: a call, an operation of it, or something else of it."""

    call_id: str | None = None
    operation_id: str | None = None
    is_call: bool = False  # the call itself


def _place_of(url: str) -> _Place:
    """Read a path, or a whole URL; ``/app`` is the older name of ``/communications``."""
    path = re.split(r"[?#]", _HOST.sub("", url, count=1), maxsplit=1)[0]
    segments = [unquote(segment) for segment in path.split("/") if segment]
    for at, segment in enumerate(segments[:-2]):
        if segment.lower() in ("communications", "app") and segments[at + 1].lower() == "calls":
            call_id, *below = segments[at + 2 :]
            is_operation = len(below) > 1 and below[0].lower() == "operations"
            return _Place(call_id, below[1] if is_operation else None, not below)
    return _Place()


# --- one notification --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownResource:
    """An entity that has no class here, such as ``participant`` or ``contentSharingSession``.

    Attributes
    ----------
    type_name : str or None
        Its type, without the namespace; None where it names none.
    id : str or None
        Its own; the URL of a collection has none for it.
    extra : mapping
        Its other properties, as they came.
    """

    type_name: str | None = None
    id: str | None = None
    extra: Mapping[str, Any] = kept()

    @classmethod
    def from_dict(cls, body: object) -> Self:
        """Read any object.

        Raises
        ------
        InvalidRequestError
            It is no object.
        """
        found = check_object(body, what="the resource", example='{"@odata.type": "#microsoft.graph.participant"}')
        properties = Properties(found)
        return cls(type_name=type_name(found), id=properties.take("id", read_text), extra=properties.without())

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for :func:`json.dumps`."""
        name = None if self.type_name is None else odata_type(self.type_name)
        return written({"@odata.type": name, "id": self.id}, self.extra)


Resource: TypeAlias = Call | Operation | UnknownResource
_OPERATIONS = (SendDtmfTonesOperation, SubscribeToToneOperation, CancelMediaProcessingOperation, UnknownOperation)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommsNotification:
    """``commsNotification``: one thing that changed.

    Attributes
    ----------
    change_type : ChangeType or None
        None for a change that has no name here (then it is in ``extra``).
    resource_url : str
        What changed: ``/communications/calls/{id}``, ``…/operations/{id}``, or what came instead.
    resource_data : tuple of Call, operation or UnknownResource
        What it is now; a single entity is a tuple of one.
    as_array : bool
        Whether ``resourceData`` is an array even so; more than one entity always are.
    extra : mapping
        Properties without a field, as they came, such as ``callbackUri`` or ``resource``.
    """

    change_type: ChangeType | None
    resource_url: str
    resource_data: tuple[Resource, ...] = ()
    as_array: bool = False
    extra: Mapping[str, Any] = kept()

    def __post_init__(self) -> None:
        """More than one entity is an array."""
        object.__setattr__(self, "resource_data", tuple(self.resource_data))
        if len(self.resource_data) > 1:
            object.__setattr__(self, "as_array", True)

    @property
    def call_id(self) -> str | None:
        """Id of the call in the URL, percent-decoded, in its own case; None where the URL is not of a call."""
        return _place_of(self.resource_url).call_id

    @property
    def operation_id(self) -> str | None:
        """Id of the operation in the URL, percent-decoded, in its own case; None where the URL is not of one."""
        return _place_of(self.resource_url).operation_id

    same_id = staticmethod(same_id)

    @classmethod
    def from_dict(cls, body: object) -> Self:
        """Read it as Graph sends it.

        Raises
        ------
        InvalidRequestError
            It is no commsNotification.
        """
        if not isinstance(body, dict):
            raise InvalidRequestError(f"the notification is {shown(body)}; {_ONE}")
        check_type(body, "commsNotification", of="a notification")
        if "subscriptionId" in body and type_name(body) is None:
            raise InvalidRequestError(
                "subscriptionId is that of a change notification of a subscription; "
                "a commsNotification comes to the callback URI of a call, and has none"
            )
        properties = Properties(body)
        url = properties.take("resourceUrl", read_text) or properties.take("resource", read_text)
        if not url:
            raise InvalidRequestError(
                f"resourceUrl is {shown(body['resourceUrl']) if 'resourceUrl' in body else 'missing'}; "
                'it is the path of what changed, such as "/communications/calls/1"'
            )
        if not isinstance(body.get("changeType"), str):
            raise InvalidRequestError(
                f"changeType is {shown(body['changeType']) if 'changeType' in body else 'missing'}; "
                f"it is one of {', '.join(ChangeType)}"
            )
        resources = _read_resources(properties, url)
        return cls(
            change_type=properties.take("changeType", read_member(ChangeType)),
            resource_url=url,
            resource_data=resources,
            as_array=isinstance(body.get("resourceData"), list) and "resourceData" not in properties.rest,
            extra=properties.without(),
        )

    def to_dict(self, *, status_case: StatusCase = "camelCase") -> dict[str, Any]:
        """Return it ready for :func:`json.dumps`."""
        entities = [
            entity.to_dict(status_case=status_case) if isinstance(entity, _OPERATIONS) else entity.to_dict()
            for entity in self.resource_data
        ]
        head = {
            "@odata.type": odata_type("commsNotification"),
            "changeType": self.change_type and self.change_type.value,
            "resourceUrl": self.resource_url,
        }
        others = {name: value for name, value in self.extra.items() if name != "resourceData"}
        body = written(head, others)
        if self.as_array or entities:
            body["resourceData"] = entities if self.as_array else entities[0]
        elif "resourceData" in self.extra:
            body["resourceData"] = self.extra["resourceData"]
        return body


def _read_resources(properties: Properties, url: str) -> tuple[Resource, ...]:
    """Take the entities out; a ``resourceData`` that holds something else stays."""
    data = properties.rest.get("resourceData")
    entities = data if isinstance(data, list) else [data]
    if not all(isinstance(entity, dict) for entity in entities):
        return ()
    del properties.rest["resourceData"]
    place = _place_of(url) if len(entities) == 1 else _Place()
    resources = []
    for index, entity in enumerate(entities):
        try:
            resources.append(_read_resource(entity, place))
        except InvalidRequestError as error:
            name = f"resourceData[{index}]" if isinstance(data, list) else "resourceData"
            raise InvalidRequestError(f"{name}.{error}") from error
    return tuple(resources)


def _read_resource(entity: dict[str, Any], place: _Place) -> Resource:
    kind = (type_name(entity) or "").lower()
    if kind == "call" or (not kind and place.is_call):
        call = Call.from_dict(entity)
        has_id = call.id is not None or "id" in call.extra
        return call if has_id or not place.is_call else replace(call, id=place.call_id)
    if kind.endswith("operation") or (not kind and place.operation_id is not None):
        if entity.get("id") is None and place.operation_id is not None:
            return operation_from_dict({**entity, "id": place.operation_id})
        if isinstance(entity.get("id"), str):
            return operation_from_dict(entity)
    return UnknownResource.from_dict(entity)


# --- the body ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CommsNotifications(FromJson):
    """``commsNotifications``: the body that a bot's callback URI gets.

    Attributes
    ----------
    value : tuple of CommsNotification
        At most 1000, in the order of the body, which need not be that of the events. The bound is this project's.
    extra : mapping
        Properties without a field, as they came.
    """

    _WHAT = "the body"
    _EXAMPLE = '{"@odata.type": "#microsoft.graph.commsNotifications", "value": []}'
    _READING: ClassVar[dict[str, Any]] = {"shorten": f"post at most {MAX_NOTIFICATIONS} notifications at once"}

    value: tuple[CommsNotification, ...]
    extra: Mapping[str, Any] = kept()

    def __post_init__(self) -> None:
        """Check how many there are."""
        object.__setattr__(self, "value", tuple(self.value))
        _check_count(len(self.value))

    @classmethod
    def from_dict(cls, body: object) -> Self:
        """Read a body that is parsed already.

        Raises
        ------
        InvalidRequestError
            It is no commsNotifications.
        """
        found = cls._object(body)
        check_type(found, "commsNotifications", of="a body of notifications")
        value = found.get("value")
        if not isinstance(value, list | tuple):
            raise InvalidRequestError(
                f"value is {shown(value) if 'value' in found else 'missing'}; "
                f"write a list of notifications, such as {cls._EXAMPLE}"
            )
        _check_count(len(value))
        notifications = []
        for index, element in enumerate(value):
            if not isinstance(element, dict):
                raise InvalidRequestError(f"value[{index}] is {shown(element)}; {_ONE}")
            try:
                notifications.append(CommsNotification.from_dict(element))
            except InvalidRequestError as error:
                raise InvalidRequestError(f"value[{index}].{error}") from error
        return cls(value=tuple(notifications), extra=Properties(found).without("value"))

    def to_dict(self, *, status_case: StatusCase = "camelCase") -> dict[str, Any]:
        """Return the body, ready for :func:`json.dumps`."""
        value = [notification.to_dict(status_case=status_case) for notification in self.value]
        return written({"@odata.type": odata_type("commsNotifications"), "value": value}, self.extra)


def _check_count(count: int) -> None:
    if count > MAX_NOTIFICATIONS:
        raise InvalidRequestError(
            f"value has {count} elements; post at most {MAX_NOTIFICATIONS} at once "
            "(the bound is this project's, not Graph's)"
        )
