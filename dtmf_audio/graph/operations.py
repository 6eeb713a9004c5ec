"""Operations of Microsoft Graph's calls, as frozen dataclasses: what answers an action, and ends in a notification.

They are read leniently and written exactly, as all that Graph sends; see :mod:`dtmf_audio.graph.models`.

``status`` is written ``running``, as every documented body has it. The schema's own names are ``Running``, and
clients generated from it for TypeScript, Go, Java and PHP know no other: hence ``status_case``.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeAlias

from dtmf_audio.errors import InvalidRequestError
from dtmf_audio.graph.models import FromJson, ResultInfo, kept
from dtmf_audio.graph.wire import (
    Properties,
    StatusCase,
    check_client_context,
    check_type,
    in_case,
    load_json,
    odata_type,
    read_member,
    read_text,
    shown,
    type_name,
    written,
)


class OperationStatus(enum.StrEnum):
    """``operationStatus``; not started, running or null: a notification of the end follows."""

    NOT_STARTED = "notStarted"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class CompletionReason(enum.StrEnum):
    """``sendDtmfCompletionReason``: how a sendDtmfTones ended; its status is completed each time."""

    UNKNOWN = "unknown"
    COMPLETED_SUCCESSFULLY = "completedSuccessfully"
    MEDIA_OPERATION_CANCELED = "mediaOperationCanceled"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Operation(FromJson):
    """What operations share: the properties of ``commsOperation``, told at :class:`SendDtmfTonesOperation`."""

    _WHAT = "the operation"
    _TYPE: ClassVar[str]

    id: str
    status: OperationStatus | None
    client_context: str | None = None
    result_info: ResultInfo | None = None
    extra: Mapping[str, Any] = kept()

    def __post_init__(self) -> None:
        """Check the id and the context."""
        if not isinstance(self.id, str):
            raise InvalidRequestError(f"id is {shown(self.id)}; an operation has an id, a string")
        check_client_context(self.client_context)

    @classmethod
    def _common(cls, body: object) -> tuple[dict[str, Any], Properties]:
        """Arguments that every operation has, and the properties that are left."""
        found = cls._object(body)
        properties = Properties(found)
        operation_id = found.get("id")
        if not isinstance(operation_id, str):
            raise InvalidRequestError(
                f"id is {'missing' if 'id' not in found else shown(operation_id)}; an operation has an id, a string"
            )
        del properties.rest["id"]
        return {
            "id": operation_id,
            "status": properties.take("status", read_member(OperationStatus)),
            "client_context": properties.take("clientContext", read_text),
            "result_info": properties.take("resultInfo", ResultInfo.from_dict),
        }, properties

    def _written(self, name: str | None, status_case: StatusCase) -> dict[str, Any]:
        """The properties that every operation has, under the name of a type."""
        known = {
            "@odata.type": None if name is None else odata_type(name),
            "clientContext": self.client_context,
            "id": self.id,
            "status": in_case(self.status, status_case),
            "resultInfo": self.result_info and self.result_info.to_dict(),
        }
        return written(known, self.extra)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendDtmfTonesOperation(_Operation):
    """``sendDtmfTonesOperation``: the answer to sendDtmfTones, and its end in a notification.

    Attributes
    ----------
    id : str
        Of the operation.
    status : OperationStatus or None
        None where a body has null, or a status that nobody knows (then it is in ``extra``).
    client_context : str or None
        As the request had it.
    completion_reason : CompletionReason or None
        How it ended; None while it runs.
    result_info : ResultInfo or None
        The documentation's notifications have none.
    extra : mapping
        Properties without a field, as they came.
    """

    _EXAMPLE = '{"@odata.type": "#microsoft.graph.sendDtmfTonesOperation", "status": "running", "id": "1"}'
    _TYPE = "sendDtmfTonesOperation"

    completion_reason: CompletionReason | None = None

    @classmethod
    def from_dict(cls, body: object) -> Self:
        """Read it as Graph sends it.

        Raises
        ------
        InvalidRequestError
            It is no such operation, or has no id.
        """
        check_type(cls._object(body), cls._TYPE, of="this operation")
        arguments, properties = cls._common(body)
        reason = properties.take("completionReason", read_member(CompletionReason))
        return cls(**arguments, completion_reason=reason, extra=properties.without())

    def to_dict(self, *, status_case: StatusCase = "camelCase") -> dict[str, Any]:
        """Return it ready for :func:`json.dumps`."""
        known = {
            "@odata.type": odata_type(self._TYPE),
            "status": in_case(self.status, status_case),
            "completionReason": self.completion_reason and self.completion_reason.value,
            "clientContext": self.client_context,
            "id": self.id,
            "resultInfo": self.result_info and self.result_info.to_dict(),
        }
        return written(known, self.extra)


class _CompletedAtOnce(_Operation):
    """An operation that is completed when it is answered, and has no properties of its own."""

    __slots__ = ()
    _FIRST: ClassVar[tuple[str, ...]] = ()  # properties that the documentation writes before the others

    @classmethod
    def from_dict(cls, body: object) -> Self:
        """Read it as Graph sends it.

        Raises
        ------
        InvalidRequestError
            It is no such operation, or has no id.
        """
        check_type(cls._object(body), cls._TYPE, of="this operation")
        arguments, properties = cls._common(body)
        return cls(**arguments, extra=properties.without())

    def to_dict(self, *, status_case: StatusCase = "camelCase") -> dict[str, Any]:
        """Return it ready for :func:`json.dumps`."""
        body = self._written(self._TYPE, status_case)
        return {name: body[name] for name in self._FIRST if name in body} | body


class SubscribeToToneOperation(_CompletedAtOnce):
    """``subscribeToToneOperation``: the answer to subscribeToTone, completed at once.

    The attributes are those of :class:`SendDtmfTonesOperation`, without the reason.
    """

    __slots__ = ()
    _EXAMPLE = '{"@odata.type": "#microsoft.graph.subscribeToToneOperation", "id": "1", "status": "completed"}'
    _TYPE = "subscribeToToneOperation"


class CancelMediaProcessingOperation(_CompletedAtOnce):
    """``cancelMediaProcessingOperation``: the answer to cancelMediaProcessing, completed at once.

    The attributes are those of :class:`SendDtmfTonesOperation`, without the reason.
    """

    __slots__ = ()
    _EXAMPLE = '{"@odata.type": "#microsoft.graph.cancelMediaProcessingOperation", "id": "1", "status": "completed"}'
    _TYPE = "cancelMediaProcessingOperation"
    _FIRST = ("@odata.type", "status", "clientContext", "id")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownOperation(_Operation):
    """Another operation, such as ``playPromptOperation``; its own properties are in ``extra``.

    The attributes are those of :class:`SendDtmfTonesOperation`, without the reason, and:

    Attributes
    ----------
    type_name : str or None
        Its type, without the namespace; None where the body names none.
    """

    _EXAMPLE = '{"@odata.type": "#microsoft.graph.playPromptOperation", "id": "1", "status": "running"}'

    type_name: str | None = None

    @classmethod
    def from_dict(cls, body: object) -> Self:
        """Read it as Graph sends it.

        Raises
        ------
        InvalidRequestError
            It is no object, or has no id.
        """
        name = type_name(cls._object(body))
        arguments, properties = cls._common(body)
        return cls(**arguments, type_name=name, extra=properties.without())

    def to_dict(self, *, status_case: StatusCase = "camelCase") -> dict[str, Any]:
        """Return it ready for :func:`json.dumps`."""
        return self._written(self.type_name, status_case)


Operation: TypeAlias = (
    SendDtmfTonesOperation | SubscribeToToneOperation | CancelMediaProcessingOperation | UnknownOperation
)
_OPERATIONS: tuple[
    type[SendDtmfTonesOperation] | type[SubscribeToToneOperation] | type[CancelMediaProcessingOperation], ...
] = (SendDtmfTonesOperation, SubscribeToToneOperation, CancelMediaProcessingOperation)
_OPERATION_OF_TYPE = {kind._TYPE.lower(): kind for kind in _OPERATIONS}


def operation_from_dict(body: object) -> Operation:
    """Read an operation of whichever type, as Graph sends it.

    Raises
    ------
    InvalidRequestError
        It is no object, or has no id.
    """
    found = UnknownOperation._object(body)
    kind = _OPERATION_OF_TYPE.get((type_name(found) or "").lower())
    return UnknownOperation.from_dict(found) if kind is None else kind.from_dict(found)


def operation_from_json(text: str | bytes) -> Operation:
    """Read the answer to an action, or to ``GET …/operations/{id}``.

    Raises
    ------
    InvalidRequestError
        It is not JSON, or no operation.
    """
    return operation_from_dict(load_json(text, what=UnknownOperation._WHAT, example=UnknownOperation._EXAMPLE))
