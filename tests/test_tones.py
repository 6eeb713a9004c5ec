"""Tones against tables written out here: Graph's names, RFC 4733's codes, Q.23's frequencies."""

from __future__ import annotations

import enum
import importlib
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtmf_audio.errors import DtmfError, InvalidSettingError, InvalidToneError
from dtmf_audio.tones import HIGH_HZ, KEY_TONES, LOW_HZ, Pause, Tone, keys_of, parse_keys

# Name in Graph, key, event code in RFC 4733 table 7, row and column in Q.23 figure 1.
TABLE = [
    ("tone0", "0", 0, 941, 1336),
    ("tone1", "1", 1, 697, 1209),
    ("tone2", "2", 2, 697, 1336),
    ("tone3", "3", 3, 697, 1477),
    ("tone4", "4", 4, 770, 1209),
    ("tone5", "5", 5, 770, 1336),
    ("tone6", "6", 6, 770, 1477),
    ("tone7", "7", 7, 852, 1209),
    ("tone8", "8", 8, 852, 1336),
    ("tone9", "9", 9, 852, 1477),
    ("star", "*", 10, 941, 1209),
    ("pound", "#", 11, 941, 1477),
    ("a", "A", 12, 697, 1633),
    ("b", "B", 13, 770, 1633),
    ("c", "C", 14, 852, 1633),
    ("d", "D", 15, 941, 1633),
]
NAMES = [row[0] for row in TABLE]
FLASH_CODE = 16  # RFC 2833 section 3.10; RFC 4733 reserves it


class SdkTone(str, enum.Enum):  # noqa: UP042  as Microsoft's SDK spells it, so no StrEnum
    """The ``Tone`` enum of Microsoft's Python SDK, which is not needed to run these tests."""

    Tone0 = "tone0"
    Tone1 = "tone1"
    Tone2 = "tone2"
    Tone3 = "tone3"
    Tone4 = "tone4"
    Tone5 = "tone5"
    Tone6 = "tone6"
    Tone7 = "tone7"
    Tone8 = "tone8"
    Tone9 = "tone9"
    Star = "star"
    Pound = "pound"
    A = "a"
    B = "b"
    C = "c"
    D = "d"
    Flash = "flash"


class OtherEnum(enum.Enum):
    ONE = 1


def sdk_enums() -> list[type[enum.Enum]]:
    """Give the stand-in, and the SDK's own enum where the SDK is installed."""
    try:
        return [SdkTone, importlib.import_module("msgraph.generated.models.tone").Tone]
    except ImportError:
        return [SdkTone]


def test_tones_are_graphs_17_names_and_nothing_else() -> None:
    assert [str(tone) for tone in Tone] == [*NAMES, "flash"]
    assert all(isinstance(tone, str) for tone in Tone)
    assert Tone.TONE1 == "tone1"
    assert f"{Tone.POUND}" == "pound"


def test_key_tones_are_the_16_that_sound_in_order_of_their_codes() -> None:
    assert list(KEY_TONES) == NAMES


@pytest.mark.parametrize(("name", "key", "code", "low_hz", "high_hz"), TABLE)
def test_each_tone_has_its_key_code_and_frequencies(name: str, key: str, code: int, low_hz: int, high_hz: int) -> None:
    tone = Tone(name)
    assert tone.key == key
    assert tone.event_code == code
    assert tone.frequencies_hz == (low_hz, high_hz)


@pytest.mark.parametrize(("name", "key", "code", "low_hz", "high_hz"), TABLE)
def test_each_tone_is_found_by_its_key_name_code_and_frequencies(
    name: str, key: str, code: int, low_hz: int, high_hz: int
) -> None:
    tone = Tone(name)
    assert Tone.from_key(key) is tone
    assert Tone.from_key(key.lower()) is tone
    assert Tone.from_name(name) is tone
    assert Tone.from_name(tone) is tone
    assert Tone.from_event_code(code) is tone
    assert Tone.from_event_code(np.uint8(code)) is tone  # type: ignore[arg-type]
    assert Tone.from_frequencies(LOW_HZ.index(low_hz), HIGH_HZ.index(high_hz)) is tone


def test_flash_has_a_name_and_a_code() -> None:
    assert Tone.from_name("flash") is Tone.FLASH
    assert Tone.FLASH.event_code == FLASH_CODE
    assert Tone.from_event_code(FLASH_CODE) is Tone.FLASH


def test_flash_has_no_key_and_its_error_says_so() -> None:
    with pytest.raises(InvalidToneError, match=r"^flash is a hook flash and has no key; write its name, or leave"):
        _ = Tone.FLASH.key


def test_flash_has_no_frequencies_and_its_error_says_so() -> None:
    with pytest.raises(InvalidToneError, match=r"^flash has no frequencies: it is a hook flash, .* makes no sound$"):
        _ = Tone.FLASH.frequencies_hz


@pytest.mark.parametrize("sdk_enum", sdk_enums(), ids=lambda e: e.__module__)
def test_every_member_of_microsofts_enum_is_the_tone_of_its_name(sdk_enum: type[enum.Enum]) -> None:
    assert {Tone.from_name(member) for member in sdk_enum} == set(Tone)  # type: ignore[arg-type]
    assert all(Tone.from_name(member) == member.value for member in sdk_enum)  # type: ignore[arg-type]


@pytest.mark.parametrize("key", ["", "12", "e", "E", "tone1", "flash", "²", "A ", " ", "ä", "*#", 1, None, b"1"])
def test_what_is_no_key_is_refused_and_shown(key: object) -> None:
    with pytest.raises(InvalidToneError) as caught:
        Tone.from_key(key)  # type: ignore[arg-type]
    assert str(caught.value) == f"{key!r} is not a key; the keys are 0-9, *, #, A-D (or a-d)"


@pytest.mark.parametrize(
    "name", ["", "tone10", "tone", "hash", "tone 1", "e", 1, None, b"tone1", ["tone1"], OtherEnum.ONE]
)
def test_what_is_no_name_is_refused_and_the_names_are_listed(name: object) -> None:
    shown = name.value if isinstance(name, enum.Enum) else name
    with pytest.raises(InvalidToneError) as caught:
        Tone.from_name(name)  # type: ignore[arg-type]
    assert str(caught.value) == (
        f"{shown!r} is not a tone name; the names are tone0-tone9, star, pound, a, b, c, d and flash"
    )


@pytest.mark.parametrize(("key", "name"), [("1", "tone1"), ("*", "star"), ("#", "pound"), ("A", "a")])
def test_a_key_given_for_a_name_is_told_its_name(key: str, name: str) -> None:
    with pytest.raises(InvalidToneError, match=rf"\(the key {'[*]' if key == '*' else key} is written '{name}'\)$"):
        Tone.from_name(key)


@pytest.mark.parametrize("name", ["Tone1", "TONE1", "Star", "FLASH"])
def test_names_in_upper_case_are_refused_and_told_so(name: str) -> None:
    with pytest.raises(InvalidToneError, match=r"and flash, in lower case$"):
        Tone.from_name(name)


@pytest.mark.parametrize("code", [-1, 17, 255, True, False, 1.0, "1", None])
def test_what_is_no_event_code_is_refused_and_the_codes_are_listed(code: object) -> None:
    with pytest.raises(InvalidToneError) as caught:
        Tone.from_event_code(code)  # type: ignore[arg-type]
    assert str(caught.value) == (
        f"{code!r} is not a DTMF event code; the codes are 0-9, 10 for *, 11 for #, 12-15 for A-D and 16 for flash"
    )


def test_tone_errors_are_dtmf_errors_and_value_errors() -> None:
    assert issubclass(InvalidToneError, DtmfError)
    assert issubclass(InvalidToneError, ValueError)


def test_a_telephone_number_is_read_without_its_dressing() -> None:
    assert keys_of(tone for tone in parse_keys("(425) 555-01.9#") if isinstance(tone, Tone)) == "425555019#"
    assert parse_keys(" -.()") == []
    assert parse_keys("") == []


def test_small_letters_are_keys_in_a_dial_string_and_w_is_none() -> None:
    assert parse_keys("aBcD") == [Tone.A, Tone.B, Tone.C, Tone.D]


def test_small_w_is_half_a_second_and_large_w_a_second() -> None:
    assert parse_keys("1wW2") == [Tone.TONE1, Pause(duration_ms=500), Pause(duration_ms=1000), Tone.TONE2]


def test_a_comma_is_as_long_as_the_caller_says() -> None:
    assert parse_keys("1,2", comma_ms=2000) == [Tone.TONE1, Pause(duration_ms=2000), Tone.TONE2]
    assert parse_keys(",", comma_ms=0) == [Pause(duration_ms=0)]


def test_a_comma_without_a_length_is_refused_at_its_position() -> None:
    with pytest.raises(InvalidToneError) as caught:
        parse_keys("12,3")
    assert str(caught.value) == (
        "',' at position 3 of '12,3' has no agreed length (0.5, 1 or 2 s, by vendor); give its length (comma_ms, --comma-ms), or write w "
        "for 0.5 s or W for 1 s"
    )


@given(before=st.text("0123456789*#ABCDabcdwW -.()"), after=st.text(), bad=st.characters())
def test_any_other_character_is_refused_with_its_position(before: str, after: str, bad: str) -> None:
    if bad in "0123456789*#ABCDabcdwW -.(),":
        bad = "x"
    text = before + bad + after
    with pytest.raises(InvalidToneError) as caught:
        parse_keys(text)
    assert str(caught.value).startswith(f"{bad!r} at position {len(before) + 1} of {text!r} is not a key; the keys are")


@pytest.mark.parametrize("comma_ms", [-1, math.inf, math.nan, "500", True])
def test_a_pause_that_is_no_length_of_time_is_refused(comma_ms: object) -> None:
    with pytest.raises(InvalidSettingError) as caught:
        parse_keys(",", comma_ms=comma_ms)  # type: ignore[arg-type]
    assert str(caught.value) == (
        f"a pause of {comma_ms!r} ms was asked for; it must be a number of ms, 0 or more, and finite"
    )


def test_flash_cannot_be_written_as_keys() -> None:
    with pytest.raises(InvalidToneError, match="no key"):
        keys_of([Tone.TONE1, Tone.FLASH])


@given(tones=st.lists(st.sampled_from(KEY_TONES)))
def test_tones_written_as_keys_are_read_back(tones: list[Tone]) -> None:
    assert parse_keys(keys_of(tones)) == tones
    assert parse_keys(keys_of(tones).lower()) == tones


@given(keys=st.text("0123456789*#ABCD"), data=st.data())
def test_dressing_anywhere_changes_no_key(keys: str, data: st.DataObject) -> None:
    dressing = st.text(" -.()", max_size=3)
    dressed = "".join(data.draw(dressing) + key for key in keys) + data.draw(dressing)
    assert [tone.key for tone in parse_keys(dressed) if isinstance(tone, Tone)] == list(keys)
