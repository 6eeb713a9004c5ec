"""Calls and errors of Microsoft Graph as frozen dataclasses; their operations are in ``operations``.

camelCase and the names of the wire stay in this package's ``wire``, ``models``, ``operations``, ``requests`` and
``notifications``.

Conventions
-----------
- What Graph sends (calls, operations, their parts) is read leniently, since a bot cannot mend it: names of
  enums in any case, numbers in strings. What has no field, or no meaning in it, is kept as it came in ``extra``,
  and written again from there; the field is None. Writing is exact: ``@odata.type`` on every entity and complex
  value, integers as integers, the documentation's order.
- ``null`` for a nullable property is the same as leaving it out; on the way out it is left out.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self, TypeAlias

from dtmf_audio.errors import InvalidRequestError, InvalidToneError
from dtmf_audio.graph.wire import (
    MAX_INT32,
    MAX_INT64,
    Properties,
    check_integer,
    check_object,
    check_objects,
    check_text,
    check_type,
    load_json,
    odata_type,
    read_integer,
    read_member,
    read_object,
    read_objects,
    read_text,
    read_texts,
    shown,
    type_name,
    written,
)
from dtmf_audio.tones import Tone

_MAX_NAME = 40  # characters of a tone name in a message

# --- names of the wire -------------------------------------------------------------------------------------------


class CallState(enum.StrEnum):
    """``callState``; ringing is in the documentation alone."""

    INCOMING = "incoming"
    ESTABLISHING = "establishing"
    RINGING = "ringing"
    ESTABLISHED = "established"
    HOLD = "hold"
    TRANSFERRING = "transferring"
    TRANSFER_ACCEPTED = "transferAccepted"
    REDIRECTING = "redirecting"
    TERMINATING = "terminating"
    TERMINATED = "terminated"


class MediaState(enum.StrEnum):
    """``mediaState``: whether audio flows."""

    ACTIVE = "active"
    INACTIVE = "inactive"


class CallDirection(enum.StrEnum):
    """``callDirection``, as seen from the bot."""

    INCOMING = "incoming"
    OUTGOING = "outgoing"


class ChangeType(enum.StrEnum):
    """``changeType`` of a notification; an operation that has ended is deleted."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"


MODALITIES = ("audio", "video", "videoBasedScreenSharing", "data")  # quoted: CSDL, graph.modality


def kept() -> Any:
    """Field of what has no field of its own; equal objects have equal hashes without it."""
    return field(default_factory=dict, hash=False)


class FromJson:
    """What is read from a whole body: how the messages call it, a body that is right, and what else they say."""

    __slots__ = ()
    _WHAT: ClassVar[str]
    _EXAMPLE: ClassVar[str]
    _READING: ClassVar[dict[str, Any]] = {}  # further arguments of load_json

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read a body as it came: UTF-8, at most 1 MiB, at most 64 levels deep.

        Raises
        ------
        InvalidRequestError
            It is not JSON, or no such body.
        """
        return cls.from_dict(load_json(text, what=cls._WHAT, example=cls._EXAMPLE, **cls._READING))

    @classmethod
    def from_dict(cls, body: object) -> Self:
        raise NotImplementedError

    @classmethod
    def _object(cls, body: object) -> dict[str, Any]:
        return check_object(body, what=cls._WHAT, example=cls._EXAMPLE)


# --- parts -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultInfo(FromJson):
    """``resultInfo``: why a call or an operation ended.

    Attributes
    ----------
    code : int
        200, 4xx or 5xx.
    subcode : int
        Which of them; 0 where nothing is to tell.
    message : str or None
        In words.
    extra : mapping
        Properties without a field, as they came.
    """

    _WHAT = "resultInfo"
    _EXAMPLE = '{"code": 200, "subcode": 0}'

    code: int
    subcode: int
    message: str | None = None
    extra: Mapping[str, Any] = kept()

    def __post_init__(self) -> None:
        """Check that the codes are Int32."""
        check_integer(self.code, "code", MAX_INT32)
        check_integer(self.subcode, "subcode", MAX_INT32)
        check_text(self.message, "message", example='"Call ended."')

    @classmethod
    def from_dict(cls, body: object) -> Self:
        """Read it as Graph sends it: codes may be strings, and no subcode is 0.

        Raises
        ------
        InvalidRequestError
            It is no object, or a code is missing or no Int32.
        """
        found = cls._object(body)
        check_type(found, "resultInfo", of="a resultInfo")
        properties = Properties(found)
        code = read_integer(found.get("code"), "code", MAX_INT32)
        subcode = 0 if found.get("subcode") is None else read_integer(found["subcode"], "subcode", MAX_INT32)
        message = properties.take("message", read_text)
        return cls(code=code, subcode=subcode, message=message, extra=properties.without("code", "subcode"))

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for :func:`json.dumps`."""
        known = {"code": self.code, "subcode": self.subcode, "message": self.message}
        return written({"@odata.type": odata_type("resultInfo")} | known, self.extra)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToneInfo(FromJson):
    """``toneInfo``: one tone that the far end pressed, in the notification of a call.

    Attributes
    ----------
    sequence_id : int
        Grows by one with each tone of the call, from 1.
    tone : Tone
        The tone.
    extra : mapping
        Properties without a field, as they came.
    """

    _WHAT = "toneInfo"
    _EXAMPLE = '{"sequenceId": 1, "tone": "tone1"}'

    sequence_id: int
    tone: Tone
    extra: Mapping[str, Any] = kept()

    def __post_init__(self) -> None:
        """Check that the sequence id is an Int64 and the tone a tone."""
        check_integer(self.sequence_id, "sequenceId", MAX_INT64)
        object.__setattr__(self, "tone", _tone(self.tone))

    @classmethod
    def from_dict(cls, body: object) -> Self:
        """Read it as Graph sends it.

        Raises
        ------
        InvalidRequestError
            It is no object, or one of its two properties is missing or wrong.
        """
        found = cls._object(body)
        check_type(found, "toneInfo", of="a toneInfo")
        properties = Properties(found)
        sequence_id = read_integer(found.get("sequenceId"), "sequenceId", MAX_INT64)
        name = found.get("tone")
        tone = _tone(name.lower() if isinstance(name, str) else name)
        return cls(sequence_id=sequence_id, tone=tone, extra=properties.without("sequenceId", "tone"))

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for :func:`json.dumps`."""
        known = {"sequenceId": self.sequence_id, "tone": self.tone.value}
        return written({"@odata.type": odata_type("toneInfo")} | known, self.extra)


def _tone(name: object) -> Tone:
    if not isinstance(name, str):
        raise InvalidRequestError(f'tone is {shown(name)}; write a tone name, such as "tone1"')
    try:
        return Tone.from_name(_short(name))
    except InvalidToneError as error:
        raise InvalidRequestError(f"tone: {error}") from error


def _short(name: str) -> str:
    return name if len(name) <= _MAX_NAME else f"{name[:_MAX_NAME]}…"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppHostedMediaConfig(FromJson):
    """``appHostedMediaConfig``: the bot's own media platform sends and receives the audio.

    Attributes
    ----------
    blob : str or None
        What the media platform gave the bot; nothing is read from it here.
    extra : mapping
        Properties without a field, as they came.
    """

    _WHAT = "mediaConfig"
    _EXAMPLE = '{"@odata.type": "#microsoft.graph.appHostedMediaConfig", "blob": "…"}'
    _NAMES: ClassVar[tuple[str, ...]] = ("blob", "removeFromDefaultAudioGroup")  # the second: beta

    blob: str | None = None
    extra: Mapping[str, Any] = kept()

    def __post_init__(self) -> None:
        """Check that the blob is text."""
        check_text(self.blob, "blob", example='"<Media Session Configuration>"')

    @classmethod
    def from_dict(cls, body: object) -> Self:
        """Read it as Graph sends it.

        Raises
        ------
        InvalidRequestError
            It is no object, of another type, or its blob is no string.
        """
        found = cls._object(body)
        check_type(found, "appHostedMediaConfig", of="an appHostedMediaConfig")
        return cls(blob=found.get("blob"), extra=Properties(found).without("blob"))

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for :func:`json.dumps`."""
        return written({"@odata.type": odata_type("appHostedMediaConfig"), "blob": self.blob}, self.extra)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceHostedMediaConfig(FromJson):
    """``serviceHostedMediaConfig``: the service plays prompts and hears tones for the bot.

    Attributes
    ----------
    pre_fetch_media : tuple of dict
        ``mediaInfo`` objects, as they came.
    extra : mapping
        Properties without a field, as they came.
    """

    _WHAT = "mediaConfig"
    _EXAMPLE = '{"@odata.type": "#microsoft.graph.serviceHostedMediaConfig"}'
    _NAMES: ClassVar[tuple[str, ...]] = ("preFetchMedia",)

    pre_fetch_media: tuple[dict[str, Any], ...] = field(default=(), hash=False)
    extra: Mapping[str, Any] = kept()

    def __post_init__(self) -> None:
        """Check that the media are objects."""
        media = check_objects(
            self.pre_fetch_media, "preFetchMedia", example='{"uri": "https://cdn.contoso.com/beep.wav"}'
        )
        object.__setattr__(self, "pre_fetch_media", media)

    @classmethod
    def from_dict(cls, body: object) -> Self:
        """Read it as Graph sends it.

        Raises
        ------
        InvalidRequestError
            It is no object, of another type, or its media are no list of objects.
        """
        found = cls._object(body)
        check_type(found, "serviceHostedMediaConfig", of="a serviceHostedMediaConfig")
        media = found.get("preFetchMedia")
        return cls(pre_fetch_media=() if media is None else media, extra=Properties(found).without("preFetchMedia"))

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for :func:`json.dumps`."""
        media = list(self.pre_fetch_media) or None
        return written({"@odata.type": odata_type("serviceHostedMediaConfig"), "preFetchMedia": media}, self.extra)


MediaConfig: TypeAlias = AppHostedMediaConfig | ServiceHostedMediaConfig
_MEDIA_CONFIGS: dict[str, type[AppHostedMediaConfig] | type[ServiceHostedMediaConfig]] = {
    "apphostedmediaconfig": AppHostedMediaConfig,
    "servicehostedmediaconfig": ServiceHostedMediaConfig,
}
WRITE_A_MEDIA_CONFIG = (
    'write {"@odata.type": "#microsoft.graph.serviceHostedMediaConfig"}, '
    'or "#microsoft.graph.appHostedMediaConfig" and its blob'
)


def media_config_from_dict(body: object) -> MediaConfig:
    """Read a ``mediaConfig``, of whichever of the two types.

    Raises
    ------
    InvalidRequestError
        It is none, or does not say which.
    """
    if not isinstance(body, dict):
        raise InvalidRequestError(f"mediaConfig is {shown(body)}; {WRITE_A_MEDIA_CONFIG}")
    if body.get("@odata.type") is None:
        raise InvalidRequestError(f"mediaConfig has no @odata.type; {WRITE_A_MEDIA_CONFIG}")
    kind = _MEDIA_CONFIGS.get((type_name(body) or "").lower())
    if kind is None:
        raise InvalidRequestError(f"mediaConfig.@odata.type is {shown(body['@odata.type'])}; {WRITE_A_MEDIA_CONFIG}")
    try:
        return kind.from_dict(body)
    except InvalidRequestError as error:
        raise InvalidRequestError(f"mediaConfig.{error}") from error


# --- the call ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(FromJson):
    """``call``: the answer to creating one, and what notifications tell of it.

    A notification has a few of the properties only; what is missing is None, or empty.

    Attributes
    ----------
    id : str or None
        None inside some notifications, whose ``resourceUrl`` has it.
    state : CallState or None
        Where the call is.
    callback_uri, call_chain_id, my_participant_id, tenant_id, subject : str or None
        As they came.
    direction : CallDirection or None
        Incoming or outgoing, for the bot.
    media_config : AppHostedMediaConfig or ServiceHostedMediaConfig or None
        Who handles the audio.
    audio : MediaState or None
        ``mediaState.audio``: whether audio flows.
    requested_modalities : tuple of str
        As they came.
    source : dict or None
        ``participantInfo``, as it came.
    targets : tuple of dict
        ``invitationParticipantInfo``, as they came.
    result_info : ResultInfo or None
        Why it ended.
    tone_info : ToneInfo or None
        The tone that the far end pressed.
    extra : mapping
        Properties without a field, and values without a meaning, as they came.
    """

    _WHAT = "the call"
    _EXAMPLE = '{"@odata.type": "#microsoft.graph.call", "state": "established", "id": "1"}'

    id: str | None = None
    state: CallState | None = None
    callback_uri: str | None = None
    direction: CallDirection | None = None
    media_config: MediaConfig | None = None
    audio: MediaState | None = None
    requested_modalities: tuple[str, ...] = ()
    call_chain_id: str | None = None
    my_participant_id: str | None = None
    tenant_id: str | None = None
    subject: str | None = None
    source: dict[str, Any] | None = field(default=None, hash=False)
    targets: tuple[dict[str, Any], ...] = field(default=(), hash=False)
    result_info: ResultInfo | None = None
    tone_info: ToneInfo | None = None
    extra: Mapping[str, Any] = kept()

    @classmethod
    def from_dict(cls, body: object) -> Self:
        """Read it as Graph sends it.

        Raises
        ------
        InvalidRequestError
            It is no object, or says that it is something else.
        """
        found = cls._object(body)
        check_type(found, "call", of="a call")
        properties = Properties(found)
        take = properties.take
        state_of_media = properties.rest.get("mediaState")
        audio = take("mediaState", _read_audio)
        if audio is not None and not set(state_of_media or ()) <= {"@odata.type", "audio"}:
            properties.rest["mediaState"] = state_of_media  # it tells more than there is a field for
        return cls(
            id=take("id", read_text),
            state=take("state", read_member(CallState)),
            callback_uri=take("callbackUri", read_text),
            direction=take("direction", read_member(CallDirection)),
            media_config=take("mediaConfig", media_config_from_dict),
            audio=audio,
            requested_modalities=take("requestedModalities", read_texts) or (),
            call_chain_id=take("callChainId", read_text),
            my_participant_id=take("myParticipantId", read_text),
            tenant_id=take("tenantId", read_text),
            subject=take("subject", read_text),
            source=take("source", read_object),
            targets=take("targets", read_objects) or (),
            result_info=take("resultInfo", ResultInfo.from_dict),
            tone_info=take("toneInfo", ToneInfo.from_dict),
            extra=properties.without(),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for :func:`json.dumps`."""
        media_state = None
        if self.audio is not None:
            kept = self.extra.get("mediaState")
            media_state = {"@odata.type": odata_type("callMediaState")} | (kept if isinstance(kept, dict) else {})
            media_state["audio"] = self.audio.value
        known = {
            "@odata.type": odata_type("call"),
            "state": self.state and self.state.value,
            "direction": self.direction and self.direction.value,
            "callbackUri": self.callback_uri,
            "callChainId": self.call_chain_id,
            "source": self.source,
            "targets": list(self.targets) or None,
            "requestedModalities": list(self.requested_modalities) or None,
            "mediaConfig": self.media_config and self.media_config.to_dict(),
            "myParticipantId": self.my_participant_id,
            "id": self.id,
            "subject": self.subject,
            "tenantId": self.tenant_id,
            "mediaState": media_state,
            "resultInfo": self.result_info and self.result_info.to_dict(),
            "toneInfo": self.tone_info and self.tone_info.to_dict(),
        }
        return written(known, self.extra)


def _read_audio(media_state: object) -> MediaState:
    return read_member(MediaState)(read_object(media_state).get("audio"))


# --- errors ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphError:
    """Body of an answer that is an error.

    Attributes
    ----------
    status : int
        Of the HTTP answer; it is not in the body.
    code : str
        Such as ``BadRequest``; of cloud communications often digits, ``8522``.
    message : str
        In words.
    request_id, client_request_id, date : str or None
        ``innerError``: the service's id of the request, the client's, and when (``2024-04-04T12:00:00``, UTC).
    """

    status: int
    code: str
    message: str
    request_id: str | None = None
    client_request_id: str | None = None
    date: str | None = None

    @classmethod
    def from_json(cls, text: str | bytes, *, status: int) -> Self:
        """Read a body as it came.

        Raises
        ------
        InvalidRequestError
            It is not JSON, or no error of Graph.
        """
        return cls.from_dict(load_json(text, what="the error", example=_ERROR_EXAMPLE), status=status)

    @classmethod
    def from_dict(cls, body: object, *, status: int) -> Self:
        """Read a body that is parsed already; ``innererror`` is read too.

        Raises
        ------
        InvalidRequestError
            It is no error of Graph.
        """
        found = check_object(body, what="the error", example=_ERROR_EXAMPLE)
        error = found.get("error")
        if not isinstance(error, dict):
            raise InvalidRequestError(
                f"error is {shown(error) if 'error' in found else 'missing'}; "
                f"write an object with a code and a message, such as {_ERROR_EXAMPLE}"
            )
        code = error.get("code")
        code = str(code) if type(code) is int and abs(code) <= MAX_INT64 else code
        if not isinstance(code, str):
            raise InvalidRequestError(f'error.code is {shown(code)}; write a string, such as "BadRequest"')
        message = error.get("message")
        inner = error.get("innerError") or error.get("innererror")
        ids = Properties(inner if isinstance(inner, dict) else {})
        return cls(
            status=status,
            code=code,
            message=message if isinstance(message, str) else "",
            request_id=ids.take("request-id", read_text),
            client_request_id=ids.take("client-request-id", read_text),
            date=ids.take("date", read_text),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the body, ready for :func:`json.dumps`.

        The documentation spells ``innererror`` as well; the SDKs for Python and JavaScript read ``innerError`` alone.
        """
        inner = {"request-id": self.request_id, "date": self.date, "client-request-id": self.client_request_id}
        error = {"code": self.code, "message": self.message, "innerError": written(inner) or None}
        return {"error": written(error)}


_ERROR_EXAMPLE = '{"error": {"code": "BadRequest", "message": "…"}}'
