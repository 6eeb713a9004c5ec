"""JSON of Microsoft Graph as frozen dataclasses; camelCase and wire names stay in this module.

Conventions
-----------
- A body is read strictly. The service answers most mistakes with a bare 400, so each one is refused here by name:
  the property, for a list the index, what was found, what to write. Where no captured answer shows what the
  service does (an empty list, a negative delay), it is refused too.
- A property that the schema does not have is refused, as the service does: ``delayBetweenTonesMS`` left out
  without a word would give other audio than was meant. OData's annotations (``@odata.type``) are ignored.
- ``null`` for a nullable property is the same as leaving it out; on the way out it is left out.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from typing import Any, NoReturn, Self

from dtmf_audio.errors import InvalidRequestError, InvalidToneError
from dtmf_audio.tones import Tone

MAX_BODY_BYTES = 2**20  # chosen: some 100,000 tones, hours of dialling
MAX_CLIENT_CONTEXT = 256  # characters; quoted: Graph's documentation of call: sendDtmfTones
MAX_INT32 = 2**31 - 1  # Edm.Int32
_MAX_SHOWN = 40  # characters of a value in a message

# --- sendDtmfTones -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SendDtmfTonesRequest:
    """Body of ``POST /communications/calls/{id}/sendDtmfTones``; what is no such body cannot be made.

    Attributes
    ----------
    tones : tuple of Tone
        One or more. Graph has no length for them.
    delay_between_tones_ms : int or None
        Silence between two tones, 0 to 2147483647; None where the request leaves it to the service.
    client_context : str or None
        At most 256 characters; the notification of the end brings it back.

    Raises
    ------
    InvalidRequestError
        A value that the service's schema or documentation does not allow.
    """

    tones: tuple[Tone, ...]
    delay_between_tones_ms: int | None = None
    client_context: str | None = None

    def __post_init__(self) -> None:
        """Check the values, by the names that they have on the wire."""
        object.__setattr__(self, "tones", _read_tones(self.tones))
        _check_delay(self.delay_between_tones_ms)
        _check_client_context(self.client_context)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read a body as it came: UTF-8, at most 1 MiB.

        Raises
        ------
        InvalidRequestError
            It is not JSON, or no ``sendDtmfTones`` request.
        """
        return cls.from_dict(_load_json(text))

    @classmethod
    def from_dict(cls, body: object) -> Self:
        """Read a body that is parsed already.

        Raises
        ------
        InvalidRequestError
            It is no ``sendDtmfTones`` request.
        """
        if not isinstance(body, dict):
            raise InvalidRequestError(
                f'the request is {_shown(body)}; it must be an object, such as {{"tones": ["tone1"]}}'
            )
        _check_names(body)
        if "tones" not in body:
            raise InvalidRequestError(f"tones is missing; {_WRITE_A_LIST}")
        return cls(
            tones=body["tones"],
            delay_between_tones_ms=body.get("delayBetweenTonesMs"),
            client_context=body.get("clientContext"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the body, ready for :func:`json.dumps`."""
        body: dict[str, Any] = {"tones": [tone.value for tone in self.tones]}
        if self.delay_between_tones_ms is not None:
            body["delayBetweenTonesMs"] = self.delay_between_tones_ms
        if self.client_context is not None:
            body["clientContext"] = self.client_context
        return body


_NAMES = ("tones", "delayBetweenTonesMs", "clientContext")
_WRITE_A_LIST = 'write a list of tone names, such as ["tone1", "star"]'


def _check_names(body: dict[Any, Any]) -> None:
    for name in body:
        if name in _NAMES or (isinstance(name, str) and "@odata." in name):
            continue
        near = {known.lower(): known for known in _NAMES}
        match = difflib.get_close_matches(str(name)[:_MAX_SHOWN].lower(), near, n=1)
        remedy = f"write {near[match[0]]}" if match else f"it takes {', '.join(_NAMES)}: leave this one out"
        raise InvalidRequestError(f"{_shown(name)} is no property of sendDtmfTones; {remedy}")


def _read_tones(tones: object) -> tuple[Tone, ...]:
    if isinstance(tones, str):
        raise InvalidRequestError(
            f"tones is the string {_shown(tones)}, as an older TypeScript SDK sends it; {_WRITE_A_LIST}"
        )
    if not isinstance(tones, list | tuple):
        raise InvalidRequestError(f"tones is {_shown(tones)}; {_WRITE_A_LIST}")
    if not tones:
        raise InvalidRequestError('tones is empty; give at least one tone name, such as ["tone1"]')
    return tuple(_read_tone(element, index) for index, element in enumerate(tones))


def _read_tone(element: object, index: int) -> Tone:
    place = f"tones[{index}]"
    if isinstance(element, str):
        try:
            return Tone.from_name(element if len(element) <= _MAX_SHOWN else f"{element[:_MAX_SHOWN]}…")
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
        remedy = f"write the name of the tone, {_shown(Tone.from_event_code(element))}"
    raise InvalidRequestError(f"{place} is {_shown(element)}; {remedy}")


def _check_delay(delay_ms: object) -> None:
    if delay_ms is None or (type(delay_ms) is int and 0 <= delay_ms <= MAX_INT32):
        return
    raise InvalidRequestError(
        f"delayBetweenTonesMs is {_shown(delay_ms)}; "
        f"write a whole number of milliseconds from 0 to {MAX_INT32}, such as 1000, or leave it out"
    )


def _check_client_context(context: object) -> None:
    if context is None or (isinstance(context, str) and len(context) <= MAX_CLIENT_CONTEXT):
        return
    found = f"{len(context)} characters long" if isinstance(context, str) else _shown(context)
    raise InvalidRequestError(
        f"clientContext is {found}; write a string of at most {MAX_CLIENT_CONTEXT} characters, or leave it out"
    )


# --- JSON --------------------------------------------------------------------------------------------------------


def _load_json(text: str | bytes) -> Any:
    """Parse JSON and nothing but JSON: Python's reader also takes NaN and the same name twice."""
    if len(text) > MAX_BODY_BYTES:
        raise InvalidRequestError(
            f"the request is over {MAX_BODY_BYTES} bytes long; send its tones in several requests"
        )
    try:
        decoded = text.decode("utf-8-sig") if isinstance(text, bytes) else text.removeprefix("\ufeff")
        return json.loads(decoded, parse_constant=_refuse_constant, object_pairs_hook=_object)
    except InvalidRequestError:
        raise
    except UnicodeDecodeError as error:
        raise InvalidRequestError(
            f"the request is not UTF-8 (byte 0x{error.object[error.start]:02x} at offset {error.start}); "
            "save it as UTF-8"
        ) from error
    except json.JSONDecodeError as error:
        raise InvalidRequestError(
            f"the request is not JSON ({error.msg}, line {error.lineno}, column {error.colno}); "
            'write an object, such as {"tones": ["tone1"]}'
        ) from error
    except RecursionError as error:
        raise InvalidRequestError(
            'the request is nested too deeply; write an object with a list in it, such as {"tones": ["tone1"]}'
        ) from error
    except ValueError as error:  # Python's limit on the digits of an integer
        raise InvalidRequestError(
            f"the request holds a number of thousands of digits; the largest that it can hold is {MAX_INT32}"
        ) from error


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidRequestError(f"the request holds {name}, which is not JSON; write a number, or leave the property out")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise InvalidRequestError(f"the request has {_shown(name)} twice in one object; keep one of them")
        found[name] = value
    return found


def _shown(value: object) -> str:
    """Return a value as JSON writes it, cut short."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"
