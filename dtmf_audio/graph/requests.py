"""Bodies of requests to Microsoft Graph's calls, as frozen dataclasses, read strictly.

Conventions
-----------
- The service answers most mistakes with a bare 400, so each one is refused here by name: the property, for a list the
  index, what was found, what to write. Where no captured answer shows what the service does (an empty list, a negative
  delay), it is refused too. A request that would be refused cannot be made.
- A property that the schema does not have is refused, as the service does: ``delayBetweenTonesMS`` left out
  without a word would give other audio than was meant. OData's annotations (``@odata.type``) are ignored.
- ``null`` for a nullable property is the same as leaving it out; on the way out it is left out.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from dtmf_audio.errors import InvalidRequestError, InvalidToneError
from dtmf_audio.graph.models import (
    MODALITIES,
    WRITE_A_MEDIA_CONFIG,
    AppHostedMediaConfig,
    FromJson,
    MediaConfig,
    ServiceHostedMediaConfig,
    _short,
    kept,
    media_config_from_dict,
)
from dtmf_audio.graph.wire import (
    MAX_INT32,
    check_client_context,
    check_integer,
    check_names,
    check_objects,
    check_text,
    check_type,
    odata_type,
    shown,
    type_name,
    written,
)
from dtmf_audio.tones import Tone

MAX_TONES = 10_000  # chosen: this project's bound, 25 minutes of tones of 100 ms with 50 ms between; Graph tells none
MAX_TARGETS = 100  # chosen: this project's bound; Graph's own for a call is not published


# --- requests ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SendDtmfTonesRequest(FromJson):
    """Body of ``POST /communications/calls/{id}/sendDtmfTones``; what is no such body cannot be made.

    Attributes
    ----------
    tones : tuple of Tone
        One to 10,000; the upper bound is this project's. Graph has no length for them.
    delay_between_tones_ms : int or None
        Silence between two tones, 0 to 2147483647; None where the request leaves it to the service.
    client_context : str or None
        At most 256 characters; the notification of the end brings it back.

    Raises
    ------
    InvalidRequestError
        A value that the service's schema or documentation does not allow.
    """

    _WHAT = "the request"
    _EXAMPLE = '{"tones": ["tone1"]}'
    _READING: ClassVar[dict[str, Any]] = {
        "shorten": "send its tones in several requests",
        "flatten": "write an object with a list in it",
        "largest": MAX_INT32,
        "finite": False,
    }

    tones: tuple[Tone, ...]
    delay_between_tones_ms: int | None = None
    client_context: str | None = None

    def __post_init__(self) -> None:
        """Check the values, by the names that they have on the wire."""
        object.__setattr__(self, "tones", _read_tones(self.tones))
        _check_delay(self.delay_between_tones_ms)
        check_client_context(self.client_context)

    @classmethod
    def from_dict(cls, body: object) -> Self:
        """Read a body that is parsed already.

        Raises
        ------
        InvalidRequestError
            It is no ``sendDtmfTones`` request.
        """
        found = cls._object(body)
        check_names(found, _SEND_NAMES, of="sendDtmfTones")
        if "tones" not in found:
            raise InvalidRequestError(f"tones is missing; {_WRITE_A_LIST}")
        return cls(
            tones=found["tones"],
            delay_between_tones_ms=found.get("delayBetweenTonesMs"),
            client_context=found.get("clientContext"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the body, ready for :func:`json.dumps`."""
        return written(
            {
                "tones": [tone.value for tone in self.tones],
                "delayBetweenTonesMs": self.delay_between_tones_ms,
                "clientContext": self.client_context,
            }
        )


_SEND_NAMES = ("tones", "delayBetweenTonesMs", "clientContext")
_WRITE_A_LIST = 'write a list of tone names, such as ["tone1", "star"]'


def _read_tones(tones: object) -> tuple[Tone, ...]:
    if isinstance(tones, str):
        raise InvalidRequestError(
            f"tones is the string {shown(tones)}, as an older TypeScript SDK sends it; {_WRITE_A_LIST}"
        )
    if not isinstance(tones, list | tuple):
        raise InvalidRequestError(f"tones is {shown(tones)}; {_WRITE_A_LIST}")
    if not tones:
        raise InvalidRequestError('tones is empty; give at least one tone name, such as ["tone1"]')
    if len(tones) > MAX_TONES:
        raise InvalidRequestError(
            f"tones has {len(tones)} elements; send at most {MAX_TONES} in one request "
            "(the bound is this project's, not Graph's)"
        )
    return tuple(_read_tone(element, index) for index, element in enumerate(tones))


def _read_tone(element: object, index: int) -> Tone:
    place = f"tones[{index}]"
    if isinstance(element, str):
        try:
            return Tone.from_name(_short(element))
        except InvalidToneError as error:
            raise InvalidRequestError(f"{place}: {error}") from error
    if element is None:
        raise InvalidRequestError(
            f'{place} is null; write a tone name, such as "tone1" '
            "(Microsoft's Python SDK sends null when it is given a str: give it Tone.Tone1)"
        )
    remedy = 'write a tone name, such as "tone1"'
    if isinstance(element, dict):
        remedy = 'write the name of its tone alone, such as "tone1" (toneInfo is for notifications)'
    elif isinstance(element, int) and not isinstance(element, bool) and 0 <= element < len(Tone):
        remedy = f"write the name of the tone, {shown(Tone.from_event_code(element))}"
    raise InvalidRequestError(f"{place} is {shown(element)}; {remedy}")


def _check_delay(delay_ms: object) -> None:
    if delay_ms is None or (type(delay_ms) is int and 0 <= delay_ms <= MAX_INT32):
        return
    raise InvalidRequestError(
        f"delayBetweenTonesMs is {shown(delay_ms)}; "
        f"write a whole number of milliseconds from 0 to {MAX_INT32}, such as 1000, or leave it out"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _ContextAlone(FromJson):
    """A request whose one parameter is clientContext: at most 256 characters, which the answer brings back."""

    _WHAT = "the request"
    _EXAMPLE = '{"clientContext": "1"}'
    _ACTION: ClassVar[str]

    client_context: str | None = None

    def __post_init__(self) -> None:
        """Check the context."""
        check_client_context(self.client_context)

    @classmethod
    def from_dict(cls, body: object) -> Self:
        """Read a body that is parsed already.

        Raises
        ------
        InvalidRequestError
            It is no such request.
        """
        found = cls._object(body)
        check_names(found, ("clientContext",), of=cls._ACTION)
        return cls(client_context=found.get("clientContext"))

    def to_dict(self) -> dict[str, Any]:
        """Return the body, ready for :func:`json.dumps`."""
        return written({"clientContext": self.client_context})


class SubscribeToToneRequest(_ContextAlone):
    """Body of ``POST /communications/calls/{id}/subscribeToTone``; ``client_context`` is a str or None."""

    __slots__ = ()
    _ACTION = "subscribeToTone"


class CancelMediaProcessingRequest(_ContextAlone):
    """Body of ``POST /communications/calls/{id}/cancelMediaProcessing``; ``client_context`` is a str or None."""

    __slots__ = ()
    _ACTION = "cancelMediaProcessing"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateCallRequest(FromJson):
    """Body of ``POST /communications/calls``; what is no such body cannot be made.

    The service wants whom to call and in which tenant. Neither is needed here: a test of tones has no tenant and
    calls nobody, so ``targets`` and ``tenantId`` may be missing. What is there must be right.

    Attributes
    ----------
    callback_uri : str
        Absolute http or https URI; the notifications go there. (The service takes https alone.)
    media_config : AppHostedMediaConfig or ServiceHostedMediaConfig
        Who handles the audio.
    requested_modalities : tuple of str
        One or more of audio, video, videoBasedScreenSharing, data.
    tenant_id, subject : str or None
        As they came.
    targets : tuple of dict
        Whom to call: at most 100 ``invitationParticipantInfo``, as they came. The bound is this project's.
    source : dict or None
        ``participantInfo`` of the caller, as it came.
    extra : mapping
        Other properties of a call, by their names on the wire, as they came: ``chatInfo``, ``meetingInfo``,
        ``callOptions`` and the like, also those that only the service writes (``id``, ``state``).

    Raises
    ------
    InvalidRequestError
        A value that the service's schema or documentation does not allow.
    """

    _WHAT = "the request"
    _EXAMPLE = (
        '{"callbackUri": "https://bot.contoso.com/callback", "requestedModalities": ["audio"], '
        '"mediaConfig": {"@odata.type": "#microsoft.graph.serviceHostedMediaConfig"}}'
    )

    callback_uri: str
    media_config: MediaConfig
    requested_modalities: tuple[str, ...]
    tenant_id: str | None = None
    targets: tuple[dict[str, Any], ...] = field(default=(), hash=False)
    source: dict[str, Any] | None = field(default=None, hash=False)
    subject: str | None = None
    extra: Mapping[str, Any] = kept()

    def __post_init__(self) -> None:
        """Check the values, by the names that they have on the wire."""
        _check_callback_uri(self.callback_uri)
        object.__setattr__(self, "requested_modalities", _read_modalities(self.requested_modalities))
        if not isinstance(self.media_config, AppHostedMediaConfig | ServiceHostedMediaConfig):
            raise InvalidRequestError(f"mediaConfig is {shown(self.media_config)}; {WRITE_A_MEDIA_CONFIG}")
        check_text(self.tenant_id, "tenantId", example='"aa67bd4c-8475-432d-bd41-39f255720e0a"')
        targets = check_objects(self.targets, "targets", example=_TARGET, at_most=MAX_TARGETS)
        object.__setattr__(self, "targets", targets)
        if self.source is not None and not isinstance(self.source, dict):
            raise InvalidRequestError(
                f"source is {shown(self.source)}; "
                'write an object, such as {"identity": {"application": {"id": "1"}}}, or leave it out'
            )
        check_text(self.subject, "subject", example='"Support"')
        for name in _CALL_FIELDS:
            if name in self.extra:
                raise InvalidRequestError(f"extra has {name}, which has a field of its own; give it there")
        check_names(self.extra, _CALL_OTHERS, of="a call", takes=_CALL_TAKES)

    @classmethod
    def from_dict(cls, body: object) -> Self:
        """Read a body that is parsed already.

        Raises
        ------
        InvalidRequestError
            It is no request for a call.
        """
        found = cls._object(body)
        check_type(found, "call", of="a call")
        check_names(found, CALL_PROPERTIES, of="a call", takes=_CALL_TAKES)
        for name, remedy in _CALL_NEEDS.items():
            if found.get(name) is None:
                raise InvalidRequestError(f"{name} is {'null' if name in found else 'missing'}; {remedy}")
        _check_callback_uri(found["callbackUri"])
        modalities = _read_modalities(found["requestedModalities"])
        media_config = media_config_from_dict(found["mediaConfig"])
        check_names(found["mediaConfig"], media_config._NAMES, of=type_name(media_config.to_dict()) or "mediaConfig")
        return cls(
            callback_uri=found["callbackUri"],
            media_config=media_config,
            requested_modalities=modalities,
            tenant_id=found.get("tenantId"),
            targets=() if found.get("targets") is None else found["targets"],
            source=found.get("source"),
            subject=found.get("subject"),
            extra={name: found[name] for name in found if name in _CALL_OTHERS and found[name] is not None},
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the body, ready for :func:`json.dumps`."""
        known = {
            "@odata.type": odata_type("call"),
            "callbackUri": self.callback_uri,
            "source": self.source,
            "targets": list(self.targets) or None,
            "requestedModalities": list(self.requested_modalities),
            "mediaConfig": self.media_config.to_dict(),
            "subject": self.subject,
            "tenantId": self.tenant_id,
        }
        return written(known, self.extra)


_TARGET = '{"identity": {"user": {"id": "112f7296-5fa4-42ca-bae8-6a692b15d4b8"}}}'
_CALL_FIELDS = (
    "callbackUri",
    "requestedModalities",
    "mediaConfig",
    "targets",
    "tenantId",
    "source",
    "subject",
)
_CALL_OTHERS = (  # the other properties of graph.call, v1.0 and, from answeredBy on, beta
    *("callChainId", "callOptions", "callRoutes", "chatInfo", "direction", "id", "incomingContext", "mediaState"),
    *("meetingInfo", "myParticipantId", "resultInfo", "state", "toneInfo", "transcription"),
    *("answeredBy", "activeModalities", "meetingCapability", "ringingTimeoutInSeconds", "routingPolicies"),
    "terminationReason",
)
CALL_PROPERTIES = (*_CALL_FIELDS, *_CALL_OTHERS)
_CALL_TAKES = f"{', '.join(_CALL_FIELDS)}, chatInfo, meetingInfo and the other properties of Graph's call"
_WRITE_A_URI = 'write the address that takes the notifications, such as "https://bot.contoso.com/callback"'
_WRITE_MODALITIES = f'write a list of {", ".join(MODALITIES)}, such as ["audio"]'
_CALL_NEEDS = {
    "callbackUri": _WRITE_A_URI,
    "requestedModalities": _WRITE_MODALITIES,
    "mediaConfig": WRITE_A_MEDIA_CONFIG,
}


def _check_callback_uri(uri: object) -> None:
    if not isinstance(uri, str) or not _is_absolute(uri):
        raise InvalidRequestError(f"callbackUri is {shown(uri)}; {_WRITE_A_URI}")


_PORT = r"[1-5]?[0-9]{1,4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"
_USER = r"[A-Za-z0-9._~!$&'()*+,;=:%-]*@"
_NAME = r"[A-Za-z0-9._-]+"
_REST = rf"(?::(?:{_PORT})?)?(?:[/?#][!-~]*)?"
_BEGIN = rf"[Hh][Tt][Tt][Pp][Ss]?://(?:{_USER})?"
CALLBACK_URI = rf"^{_BEGIN}(?:{_NAME}|\[::1\]){_REST}$"  # for a schema, which cannot tell what an IPv6 address is
_CALLBACK_URI = re.compile(rf"{_BEGIN}(?:{_NAME}|\[[0-9A-Fa-f:.]+\]){_REST}")


def _is_absolute(uri: str) -> bool:
    """Whether a URI is one that a request can be sent to: in ASCII, as RFC 3986 has it."""
    if not _CALLBACK_URI.fullmatch(uri):
        return False
    try:
        return bool(urlsplit(uri).hostname)
    except ValueError:  # an IPv6 address that is none
        return False


def _read_modalities(modalities: object, name: str = "requestedModalities") -> tuple[str, ...]:
    if not isinstance(modalities, list | tuple):
        raise InvalidRequestError(f"{name} is {shown(modalities)}; {_WRITE_MODALITIES}")
    if not modalities:
        raise InvalidRequestError(f"{name} is empty; {_WRITE_MODALITIES}")
    for index, element in enumerate(modalities):
        if element not in MODALITIES:
            raise InvalidRequestError(f"{name}[{index}] is {shown(element)}; {_WRITE_MODALITIES}")
    return tuple(modalities)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRequest(FromJson):
    """Body of ``POST /communications/calls/{id}/answer``; what is no such body cannot be made.

    Attributes
    ----------
    callback_uri : str
        Absolute http or https URI; the call's notifications go there from now on.
    media_config : AppHostedMediaConfig or ServiceHostedMediaConfig
    accepted_modalities : tuple of str
        Of audio, video, videoBasedScreenSharing, data; may be empty.

    Raises
    ------
    InvalidRequestError
        A value that the service's schema does not allow.
    """

    _WHAT = "the request"
    _EXAMPLE = CreateCallRequest._EXAMPLE.replace("requestedModalities", "acceptedModalities")

    callback_uri: str
    media_config: MediaConfig
    accepted_modalities: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the values, by the names that they have on the wire."""
        _check_callback_uri(self.callback_uri)
        accepted = self.accepted_modalities
        if not isinstance(accepted, list | tuple) or accepted:
            accepted = _read_modalities(accepted, "acceptedModalities")
        object.__setattr__(self, "accepted_modalities", tuple(accepted))
        if not isinstance(self.media_config, AppHostedMediaConfig | ServiceHostedMediaConfig):
            raise InvalidRequestError(f"mediaConfig is {shown(self.media_config)}; {WRITE_A_MEDIA_CONFIG}")

    @classmethod
    def from_dict(cls, body: object) -> Self:
        """Read a body that is parsed already.

        Raises
        ------
        InvalidRequestError
            It is no answer to a call.
        """
        found = cls._object(body)
        check_names(found, _ANSWER_FIELDS, of="answer")
        for name in ("callbackUri", "mediaConfig"):
            if found.get(name) is None:
                remedy = _CALL_NEEDS[name]
                raise InvalidRequestError(f"{name} is {'null' if name in found else 'missing'}; {remedy}")
        media_config = media_config_from_dict(found["mediaConfig"])
        check_names(found["mediaConfig"], media_config._NAMES, of=type_name(media_config.to_dict()) or "mediaConfig")
        if found.get("participantCapacity") is not None:
            check_integer(found["participantCapacity"], "participantCapacity", MAX_INT32)
        return cls(
            callback_uri=found["callbackUri"],
            media_config=media_config,
            accepted_modalities=() if found.get("acceptedModalities") is None else found["acceptedModalities"],
        )


_ANSWER_FIELDS = ("callbackUri", "mediaConfig", "acceptedModalities", "participantCapacity", "callOptions")


class RejectReason(enum.StrEnum):
    """``rejectReason``: why the bot does not take a call."""

    NONE = "none"
    BUSY = "busy"
    FORBIDDEN = "forbidden"


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectRequest(FromJson):
    """Body of ``POST /communications/calls/{id}/reject``; what is no such body cannot be made.

    Attributes
    ----------
    reason : RejectReason or None
        Read in any case: the documentation's table has ``Busy``, its example ``busy``.
    callback_uri : str or None
        Absolute http or https URI.

    Raises
    ------
    InvalidRequestError
        A value that the service's schema does not allow.
    """

    _WHAT = "the request"
    _EXAMPLE = '{"reason": "busy"}'

    reason: RejectReason | None = None
    callback_uri: str | None = None

    def __post_init__(self) -> None:
        """Check the values, by the names that they have on the wire."""
        if self.reason is not None:
            names = {member.value: member for member in RejectReason}
            name = self.reason.lower() if isinstance(self.reason, str) else ""
            if name not in names:
                raise InvalidRequestError(f"reason is {shown(self.reason)}; write one of {', '.join(RejectReason)}")
            object.__setattr__(self, "reason", names[name])
        if self.callback_uri is not None:
            _check_callback_uri(self.callback_uri)

    @classmethod
    def from_dict(cls, body: object) -> Self:
        """Read a body that is parsed already.

        Raises
        ------
        InvalidRequestError
            It is no ``reject`` request.
        """
        found = cls._object(body)
        check_names(found, ("reason", "callbackUri"), of="reject")
        return cls(reason=found.get("reason"), callback_uri=found.get("callbackUri"))
