"""Tones: Microsoft Graph's 17 names, the keys of a telephone, RFC 4733 event codes, the frequency pairs.

A *tone* is a member of :class:`Tone`; a *key* is its one-character form (``"1"``, ``"*"``, ``"#"``,
``"A"``). The values of :class:`Tone` are the names that Graph's ``sendDtmfTones`` takes, and they are all
the library passes around: keys and codes are read at the edge and written at the edge.

Graph numbers its tones as RFC 2833 numbers its telephone events: 0-9, ``*`` 10, ``#`` 11, A-D 12-15,
flash 16. RFC 4733 keeps 0-15 and reserves 16. *Flash* is a hook flash, a break of the line: it has an
event code and no sound.
"""

from __future__ import annotations

import enum
import math
import numbers
import operator
from collections.abc import Iterable
from dataclasses import dataclass

from dtmf_audio.errors import InvalidSettingError, InvalidToneError

LOW_HZ = (697.0, 770.0, 852.0, 941.0)  # quoted: ITU-T Q.23 clause 6
HIGH_HZ = (1209.0, 1336.0, 1477.0, 1633.0)  # quoted: ITU-T Q.23 clause 6
KEYPAD = ("123A", "456B", "789C", "*0#D")  # quoted: ITU-T Q.23 figure 1; row = low group, column = high group

DRESSING = " -.()"  # how people write telephone numbers; stands for nothing
PAUSE_MS = {"w": 500.0, "W": 1000.0}  # as Asterisk, Twilio and Telnyx have it


class Tone(enum.StrEnum):
    """A tone, by the name that Microsoft Graph gives it (``graph.tone``)."""

    TONE0 = "tone0"
    TONE1 = "tone1"
    TONE2 = "tone2"
    TONE3 = "tone3"
    TONE4 = "tone4"
    TONE5 = "tone5"
    TONE6 = "tone6"
    TONE7 = "tone7"
    TONE8 = "tone8"
    TONE9 = "tone9"
    STAR = "star"
    POUND = "pound"
    A = "a"
    B = "b"
    C = "c"
    D = "d"
    FLASH = "flash"

    @property
    def event_code(self) -> int:
        """RFC 4733 event code: 0-15, and 16 for flash (RFC 2833; reserved in RFC 4733)."""
        return _CODES[self]

    @property
    def key(self) -> str:
        """The key: ``0``-``9``, ``*``, ``#``, ``A``-``D``.

        Raises
        ------
        InvalidToneError
            For flash, which no key of the keypad sends.
        """
        if self is Tone.FLASH:
            raise InvalidToneError("flash is a hook flash and has no key; write its name, or leave it out")
        return _KEYS[self]

    @property
    def frequencies_hz(self) -> tuple[float, float]:
        """Nominal frequencies in Hz: low group, high group.

        Raises
        ------
        InvalidToneError
            For flash, which has no sound.
        """
        if self is Tone.FLASH:
            raise InvalidToneError(
                "flash has no frequencies: it is a hook flash, a break of the line that makes no sound"
            )
        return _FREQUENCIES[self]

    @classmethod
    def from_key(cls, key: str) -> Tone:
        """Tone of a key: ``0``-``9``, ``*``, ``#``, ``A``-``D`` or ``a``-``d``.

        Raises
        ------
        InvalidToneError
            The text is not one of the 16 keys.
        """
        tone = _BY_KEY.get(key.upper()) if isinstance(key, str) else None
        if tone is None:
            raise InvalidToneError(f"{key!r} is not a key; the keys are 0-9, *, #, A-D (or a-d)")
        return tone

    @classmethod
    def from_name(cls, name: str) -> Tone:
        """Tone of a Graph name, exactly as Graph spells it, or of a member of another ``str`` enum.

        The ``Tone`` enum of Microsoft's Python SDK is such an enum, so its members pass straight in.

        Raises
        ------
        InvalidToneError
            The text is not one of the 17 names.
        """
        if isinstance(name, cls):
            return name
        text = name.value if isinstance(name, enum.Enum) else name
        tone = _BY_NAME.get(text) if isinstance(text, str) else None
        if tone is None:
            raise InvalidToneError(f"{text!r} is not a tone name; {_name_hint(text)}")
        return tone

    @classmethod
    def from_event_code(cls, code: int) -> Tone:
        """Tone of an RFC 4733 event code, 0-16.

        Raises
        ------
        InvalidToneError
            The number is not one of the 17 codes.
        """
        try:
            index = -1 if isinstance(code, bool) else operator.index(code)
        except TypeError:
            index = -1
        if not 0 <= index < len(_BY_CODE):
            raise InvalidToneError(
                f"{code!r} is not a DTMF event code; the codes are 0-9, 10 for *, 11 for #, 12-15 for A-D "
                "and 16 for flash"
            )
        return _BY_CODE[index]

    @classmethod
    def from_frequencies(cls, low: int, high: int) -> Tone:
        """Tone of a row (0-3, index into ``LOW_HZ``) and a column (0-3, index into ``HIGH_HZ``)."""
        return _BY_KEY[KEYPAD[low][high]]


_BY_CODE = tuple(Tone)
_CODES = {tone: code for code, tone in enumerate(_BY_CODE)}
_KEYS = dict(zip(_BY_CODE, "0123456789*#ABCD", strict=False))
_BY_KEY = {key: tone for tone, key in _KEYS.items()}
_BY_CHARACTER = _BY_KEY | {key.lower(): tone for key, tone in _BY_KEY.items()}
_BY_NAME = {tone.value: tone for tone in Tone}
_FREQUENCIES = {
    _BY_KEY[key]: (low_hz, high_hz)
    for low_hz, row in zip(LOW_HZ, KEYPAD, strict=True)
    for high_hz, key in zip(HIGH_HZ, row, strict=True)
}

KEY_TONES = _BY_CODE[:16]  # the tones that have a sound, in the order of their event codes


def _name_hint(text: object) -> str:
    """What to write instead of a tone name that is none."""
    names = "the names are tone0-tone9, star, pound, a, b, c, d and flash"
    if isinstance(text, str):
        if text.upper() in _BY_KEY:
            return f"{names} (the key {text} is written {_BY_KEY[text.upper()].value!r})"
        if text.lower() in _BY_NAME:
            return f"{names}, in lower case"
    return names


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Extra silence in a dial string, in addition to the delay between tones."""

    duration_ms: float

    def __post_init__(self) -> None:
        """Refuse a pause that is not a length of time."""
        is_number = isinstance(self.duration_ms, numbers.Real) and not isinstance(self.duration_ms, bool)
        if not (is_number and math.isfinite(self.duration_ms) and self.duration_ms >= 0):
            raise InvalidSettingError(
                f"a pause of {self.duration_ms!r} ms was asked for; it must be a number of ms, 0 or more, and finite"
            )


def parse_keys(dial_string: str, *, comma_ms: float | None = None) -> list[Tone | Pause]:
    """Read a dial string as people write it: ``"(425) 555-01#"``.

    Parameters
    ----------
    dial_string : str
        Keys ``0``-``9 * # A``-``D`` (or ``a``-``d``); spaces, ``-``, ``.`` and parentheses are ignored;
        ``w`` is a pause of 0.5 s and ``W`` of 1 s.
    comma_ms : float, optional
        Length of ``,`` in milliseconds. Vendors disagree (0.5, 1 or 2 s), so there is no default.

    Returns
    -------
    list of Tone and Pause
        In the order of the text; empty for a text of dressing alone.

    Raises
    ------
    InvalidToneError
        Another character, or a comma without ``comma_ms``; the message shows the character and where it is.
    """
    parsed: list[Tone | Pause] = []
    if _BY_CHARACTER.keys() >= set(dial_string):
        parsed += map(_BY_CHARACTER.__getitem__, dial_string)
        return parsed
    for position, character in enumerate(dial_string, start=1):
        if character.upper() in _BY_KEY:
            parsed.append(_BY_KEY[character.upper()])
        elif character in PAUSE_MS:
            parsed.append(Pause(duration_ms=PAUSE_MS[character]))
        elif character == "," and comma_ms is not None:
            parsed.append(Pause(duration_ms=comma_ms))
        elif character == ",":
            raise InvalidToneError(
                f"',' at position {position} of {dial_string!r} has no agreed length (0.5, 1 or 2 s, by vendor); "
                "give its length (comma_ms, --comma-ms), or write w for 0.5 s or W for 1 s"
            )
        elif character not in DRESSING:
            raise InvalidToneError(
                f"{character!r} at position {position} of {dial_string!r} is not a key; the keys are 0-9, *, #, "
                "A-D (or a-d), with w and W for pauses of 0.5 and 1 s"
            )
    return parsed


def keys_of(tones: Iterable[Tone]) -> str:
    """Keys of tones as one string: ``"425555#"``."""
    return "".join(tone.key for tone in tones)
