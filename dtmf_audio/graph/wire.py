"""JSON as it comes off the wire, and the readers of properties that every body of Graph shares.

Conventions
-----------
- JSON is read strictly whatever the body is: UTF-8, at most 1 MiB, at most 64 levels deep, no NaN, no name twice.
  Python's own reader takes the last of two names in silence and fails at a depth that depends on its version, so
  the depth is counted before it reads. Both bounds are this project's; Graph publishes none.
- There are two ways to read a property, and this module holds the tools of both. *Strict*, for requests: a mistake
  is refused, and the message says the property, what was found and what to write. *Lenient*, for what Graph sends:
  a :class:`Properties` gives up what it can read and keeps the rest, as it came, for the ``extra`` of the result.
- ``null`` is the same as a property left out, both ways; nothing here writes a null. The documentation's answers
  carry some, which no client needs.
"""

from __future__ import annotations

import difflib
import enum
import json
import math
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal, NoReturn, TypeVar

from dtmf_audio.errors import InvalidRequestError, InvalidSettingError

MAX_BODY_BYTES = 2**20  # chosen: this project's bound; 10,000 tones and their commas are 90 kB
MAX_DEPTH = 64  # chosen: this project's bound; the deepest documented body has 8 levels
MAX_CLIENT_CONTEXT = 256  # characters; quoted: Graph's documentation of call: sendDtmfTones
MAX_INT32 = 2**31 - 1  # Edm.Int32
MAX_INT64 = 2**63 - 1  # Edm.Int64

StatusCase = Literal["camelCase", "PascalCase"]

_MAX_SHOWN = 40  # characters of a value in a message
_NAMESPACE = "microsoft.graph."
_T = TypeVar("_T")
_E = TypeVar("_E", bound=enum.StrEnum)

# --- JSON --------------------------------------------------------------------------------------------------------


def load_json(
    text: str | bytes,
    *,
    what: str = "the request",
    example: str = "{}",
    shorten: str = "leave something out",
    flatten: str = f"write at most {MAX_DEPTH} levels",
    largest: int = MAX_INT64,
    finite: bool = True,
) -> Any:
    """Parse JSON and nothing but JSON: Python's reader also takes NaN and the same name twice.

    Parameters
    ----------
    text : str or bytes
        At most 1 MiB; bytes are UTF-8. A byte order mark is skipped.
    what : str
        What the messages call the body.
    example : str
        A body that is right, for the messages.
    shorten, flatten : str
        Remedies for a body that is too long and for one that is nested deeper than 64 levels.
    largest : int
        The largest number that such a body can hold, for a message.
    finite : bool
        Refuse a number that is too large for a float (``1e999``), which otherwise is read as infinity.

    Raises
    ------
    InvalidRequestError
        It is not JSON, or is over a bound.
    """
    if _is_too_long(text):
        raise InvalidRequestError(f"{what} is over {MAX_BODY_BYTES} bytes long; {shorten}")

    def refuse_constant(name: str) -> NoReturn:
        raise InvalidRequestError(f"{what} holds {name}, which is not JSON; write a number, or leave the property out")

    def read_float(digits: str) -> float:
        number = float(digits)
        if finite and not math.isfinite(number):
            raise InvalidRequestError(f"{what} holds {_cut(digits)}, which no float can hold; write a smaller number")
        return number

    def read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            if name in found:
                raise InvalidRequestError(f"{what} has {shown(name)} twice in one object; keep one of them")
            found[name] = value
        return found

    try:
        decoded = text.decode("utf-8-sig") if isinstance(text, bytes) else text.removeprefix("\ufeff")
        if _is_too_deep(decoded):
            raise InvalidRequestError(f"{what} is nested too deeply; {flatten}, such as {example}")
        return json.loads(
            decoded, parse_constant=refuse_constant, parse_float=read_float, object_pairs_hook=read_object
        )
    except InvalidRequestError:
        raise
    except UnicodeDecodeError as error:
        raise InvalidRequestError(
            f"{what} is not UTF-8 (byte 0x{error.object[error.start]:02x} at offset {error.start}); save it as UTF-8"
        ) from error
    except json.JSONDecodeError as error:
        raise InvalidRequestError(
            f"{what} is not JSON ({error.msg}, line {error.lineno}, column {error.colno}); "
            f"write an object, such as {example}"
        ) from error
    except ValueError as error:  # Python's limit on the digits of an integer
        raise InvalidRequestError(
            f"{what} holds a number of thousands of digits; the largest that it can hold is {largest}"
        ) from error


def _is_too_long(text: str | bytes) -> bool:
    if len(text) > MAX_BODY_BYTES:
        return True
    if isinstance(text, bytes) or text.isascii():
        return False
    return len(text.encode("utf-8", "surrogatepass")) > MAX_BODY_BYTES


_STRING_OR_BRACKET = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{]|[\]}]', re.DOTALL)


def _is_too_deep(text: str) -> bool:
    if text.count("[") + text.count("{") <= MAX_DEPTH:  # nearly every body
        return False
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        character = text[match.start()]
        if character in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif character in "]}":
            depth -= 1
    return False


def shown(value: object, *, at_most: int = _MAX_SHOWN) -> str:
    """Return a value as JSON writes it, cut short, on one line and printable."""
    try:
        text = json.dumps(value, ensure_ascii=False)
        if not text.isprintable():
            text = json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        try:
            text = repr(value)
        except (ValueError, RecursionError):  # an integer of thousands of digits; a list in a list in a list …
            text = f"a value too large to show ({type(value).__name__})"
    return _cut(text, at_most)


def _cut(text: str, at_most: int = _MAX_SHOWN) -> str:
    return text if len(text) <= at_most else f"{text[:at_most]}…"


# --- strict: requests --------------------------------------------------------------------------------------------


def check_object(body: object, *, what: str, example: str) -> dict[str, Any]:
    """Return a body that is a JSON object, or refuse it."""
    if not isinstance(body, dict):
        raise InvalidRequestError(f"{what} is {shown(body)}; it must be an object, such as {example}")
    return body


def check_names(body: Mapping[Any, Any], names: Collection[str], *, of: str, takes: str | None = None) -> None:
    """Refuse a property that the schema does not have, with the one that was meant.

    OData's annotations (``@odata.type``) are passed over.

    Parameters
    ----------
    body : dict
        An object.
    names : collection of str
        The properties that it may have.
    of : str
        What it is, for the message.
    takes : str, optional
        What it takes, for the message; the names themselves where left out.
    """
    for name in body:
        if name in names or (isinstance(name, str) and "@odata." in name):
            continue
        near = {known.lower(): known for known in names}
        match = difflib.get_close_matches(str(name)[:_MAX_SHOWN].lower(), near, n=1)
        remedy = f"write {near[match[0]]}" if match else f"it takes {takes or ', '.join(names)}: leave this one out"
        raise InvalidRequestError(f"{shown(name)} is no property of {of}; {remedy}")


def check_client_context(context: object) -> None:
    """Refuse a clientContext that is no string of at most 256 characters."""
    if context is None or (isinstance(context, str) and len(context) <= MAX_CLIENT_CONTEXT):
        return
    found = f"{len(context)} characters long" if isinstance(context, str) else shown(context)
    raise InvalidRequestError(
        f"clientContext is {found}; write a string of at most {MAX_CLIENT_CONTEXT} characters, or leave it out"
    )


def check_integer(value: object, name: str, largest: int) -> None:
    """Refuse what is no integer from ``-largest - 1`` to ``largest``."""
    if type(value) is not int or not -largest - 1 <= value <= largest:
        raise InvalidRequestError(f"{name} is {shown(value)}; write a whole number from {-largest - 1} to {largest}")


def check_text(value: object, name: str, *, example: str) -> None:
    """Refuse what is neither a string nor None."""
    if value is not None and not isinstance(value, str):
        raise InvalidRequestError(f"{name} is {shown(value)}; write a string, such as {example}, or leave it out")


def check_objects(value: object, name: str, *, example: str, at_most: int | None = None) -> tuple[dict[str, Any], ...]:
    """Return a list of JSON objects as a tuple, or refuse it."""
    if not isinstance(value, list | tuple):
        raise InvalidRequestError(f"{name} is {shown(value)}; write a list of objects, such as [{example}]")
    if at_most is not None and len(value) > at_most:
        raise InvalidRequestError(
            f"{name} has {len(value)} elements; write at most {at_most} (the bound is this project's, not Graph's)"
        )
    for index, element in enumerate(value):
        if not isinstance(element, dict):
            raise InvalidRequestError(f"{name}[{index}] is {shown(element)}; write an object, such as {example}")
    return tuple(value)


# --- lenient: what Graph sends -----------------------------------------------------------------------------------


class Properties:
    """An object whose properties are taken out one by one.

    Attributes
    ----------
    rest : dict
        What was not taken: the properties that nobody asked for, and those that could not be read. Without nulls.
    """

    __slots__ = ("rest",)

    def __init__(self, body: Mapping[Any, Any]) -> None:
        self.rest: dict[str, Any] = {
            name: value for name, value in body.items() if isinstance(name, str) and value is not None
        }

    def take(self, name: str, read: Callable[[Any], _T]) -> _T | None:
        """Take a property out and return what ``read`` makes of it.

        None where there is no such property, and where ``read`` refuses its value, which then stays.
        """
        if name not in self.rest:
            return None
        try:
            found = read(self.rest[name])
        except InvalidRequestError:
            return None
        del self.rest[name]
        return found

    def without(self, *names: str) -> dict[str, Any]:
        """What is left, but for these names and the type, which has been read."""
        taken = {*names, "@odata.type"} if isinstance(self.rest.get("@odata.type"), str) else set(names)
        return {name: value for name, value in self.rest.items() if name not in taken}


def read_text(value: object) -> str:
    """Return a string, or refuse."""
    if not isinstance(value, str):
        raise InvalidRequestError(f"{shown(value)} is no string; write one")
    return value


def read_object(value: object) -> dict[str, Any]:
    """Return an object, or refuse."""
    if not isinstance(value, dict):
        raise InvalidRequestError(f"{shown(value)} is no object; write one")
    return value


def read_texts(value: object) -> tuple[str, ...]:
    """Return a list of strings as a tuple, or refuse."""
    if not isinstance(value, list | tuple):
        raise InvalidRequestError(f"{shown(value)} is no list; write one")
    return tuple(read_text(element) for element in value)


def read_objects(value: object) -> tuple[dict[str, Any], ...]:
    """Return a list of objects as a tuple, or refuse."""
    if not isinstance(value, list | tuple):
        raise InvalidRequestError(f"{shown(value)} is no list; write one")
    return tuple(read_object(element) for element in value)


def read_member(members: type[_E]) -> Callable[[Any], _E]:
    """Return a reader of the members of an enum, in any case: ``Running`` and ``running`` are both seen."""
    by_name = {member.value.lower(): member for member in members}

    def read(value: object) -> _E:
        member = by_name.get(value.lower()) if isinstance(value, str) else None
        if member is None:
            raise InvalidRequestError(f"{shown(value)} is none of {', '.join(members)}; write one of them")
        return member

    return read


_DIGITS = re.compile(r"[+-]?[0-9]{1,19}")


def read_integer(value: object, name: str, largest: int) -> int:
    """Return an integer, or one in a string (``"200"``), as some of the documentation's samples have it."""
    number = int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else value
    check_integer(number, name, largest)
    assert isinstance(number, int)
    return number


# --- OData -------------------------------------------------------------------------------------------------------


def odata_type(name: str) -> str:
    """Value of ``@odata.type`` for a type of Graph: ``#microsoft.graph.call``; the inverse of :func:`type_name`."""
    return name if name.startswith("#") else f"#{_NAMESPACE}{name}"


def type_name(body: Mapping[str, Any]) -> str | None:
    """Type of an entity without its namespace (``call``), whole where the namespace is not Graph's (``#other.type``).

    None where it names none. The leading ``#`` may be missing.
    """
    name = body.get("@odata.type")
    if not isinstance(name, str):
        return None
    name = name.removeprefix("#")
    return name[len(_NAMESPACE) :] if name.lower().startswith(_NAMESPACE) else f"#{name}"


def check_type(body: Mapping[str, Any], name: str, *, of: str) -> None:
    """Refuse an object that says that it is something else; one that says nothing is taken."""
    if "@odata.type" not in body or body["@odata.type"] is None:
        return
    found = type_name(body)
    if found is None or found.lower() != name.lower():
        raise InvalidRequestError(
            f'@odata.type is {shown(body["@odata.type"], at_most=80)}; {of} has "{odata_type(name)}", or none'
        )


def written(known: Mapping[str, Any], extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Join what is known, without what is None, and what was kept; what is known wins."""
    body = {name: value for name, value in known.items() if value is not None}
    for name, value in (extra or {}).items():
        body.setdefault(name, value)
    return body


def in_case(status: enum.StrEnum | None, case: StatusCase) -> str | None:
    """Status as the server is told to write it: ``running`` or ``Running``."""
    if case not in ("camelCase", "PascalCase"):
        raise InvalidSettingError(f"status_case is {case!r}; give 'camelCase' or 'PascalCase'")
    if status is None:
        return None
    return status.value if case == "camelCase" else status.value[0].upper() + status.value[1:]
