"""JSON off the wire: what is no JSON, or over a bound, is refused word for word, whatever the body is."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtmf_audio import InvalidRequestError
from dtmf_audio.graph.wire import (
    MAX_BODY_BYTES,
    MAX_DEPTH,
    Properties,
    check_integer,
    load_json,
    odata_type,
    read_text,
    shown,
    type_name,
    written,
)


def message_of(text: str | bytes, **wording: Any) -> str:
    with pytest.raises(InvalidRequestError) as refused:
        load_json(text, what="the body", example='{"value": []}', **wording)
    return str(refused.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'the body is not JSON (Expecting value, line 1, column 1); write an object, such as {"value": []}'),
        (b"\xff{}", "the body is not UTF-8 (byte 0xff at offset 0); save it as UTF-8"),
        ("[NaN]", "the body holds NaN, which is not JSON; write a number, or leave the property out"),
        ("[1e999]", "the body holds 1e999, which no float can hold; write a smaller number"),
        ("[-1e999]", "the body holds -1e999, which no float can hold; write a smaller number"),
        (
            f"[1{'0' * 400}.0]",
            f"the body holds 1{'0' * 39}…, which no float can hold; write a smaller number",
        ),
        (
            "9" * 5000,
            "the body holds a number of thousands of digits; the largest that it can hold is 9223372036854775807",
        ),
        ('[{"id": 1, "id": 2}]', 'the body has "id" twice in one object; keep one of them'),
        ("[" * 65, 'the body is nested too deeply; write at most 64 levels, such as {"value": []}'),
        ("x" * (MAX_BODY_BYTES + 1), "the body is over 1048576 bytes long; leave something out"),
    ],
)
def test_refuses_what_is_no_json_in_the_words_of_the_body(text: str | bytes, message: str) -> None:
    assert message_of(text) == message


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_takes_64_levels_and_refuses_65(opening: str, closing: str) -> None:
    times = MAX_DEPTH // (opening.count("[") + opening.count("{"))
    load_json(opening * times + "1" + closing * times)
    deeper = f"[{opening * times}1{closing * times}]"
    assert message_of(deeper).startswith("the body is nested too deeply; ")
    assert message_of(deeper.encode()).startswith("the body is nested too deeply; ")


def test_brackets_side_by_side_and_in_strings_are_not_levels() -> None:
    load_json(f"[{','.join(['[]'] * 1000)}]")
    for text in ("[" * 1000, '"' + "[{" * 1000, "\\" + "[" * 1000, "\\\\" + '"' + "[" * 1000):
        assert load_json(json.dumps({text: [text]})) == {text: [text]}


def test_counts_bytes_of_utf8_and_not_characters() -> None:
    half = MAX_BODY_BYTES // 2
    assert load_json(f'"{"é" * (half - 1)}"') == "é" * (half - 1)
    assert message_of(f'"{"é" * half}"') == "the body is over 1048576 bytes long; leave something out"
    assert message_of(f'"{"é" * half}"'.encode()) == "the body is over 1048576 bytes long; leave something out"


def test_a_number_too_large_is_infinity_where_that_is_asked_for() -> None:
    assert load_json("1e999", finite=False) == float("inf")


@given(st.text() | st.binary())
def test_any_text_is_parsed_or_refused(text: str | bytes) -> None:
    with contextlib.suppress(InvalidRequestError):
        load_json(text)


nested = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(nested)
def test_any_json_is_parsed_as_python_does(value: object) -> None:
    for text in (json.dumps(value), json.dumps(value, indent=1), json.dumps(value, ensure_ascii=False).encode()):
        assert load_json(text) == value


@given(nested)
def test_what_is_shown_is_short_and_printable(value: object) -> None:
    assert len(shown(value)) <= 41
    assert shown(value).isprintable()


def test_shows_what_cannot_be_shown() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert shown(deep) == "a value too large to show (list)"
    assert shown(10**5000) == "a value too large to show (int)"
    assert shown(object).startswith("<class 'object'>")
    assert shown("\u202e\ud800\x7f") == '"\\u202e\\ud800\\u007f"'


def test_what_is_taken_is_gone_and_what_cannot_be_read_stays() -> None:
    properties = Properties({"@odata.type": "#x", "id": "1", "state": 5, "subject": None, "other": [], 7: "x"})
    assert properties.take("id", read_text) == "1"
    assert properties.take("id", read_text) is None
    assert properties.take("state", read_text) is None
    assert properties.take("subject", read_text) is None
    assert properties.without() == {"state": 5, "other": []}
    assert properties.without("other") == {"state": 5}
    assert Properties({"@odata.type": 5}).without() == {"@odata.type": 5}


@pytest.mark.parametrize(
    ("text", "name", "again"),
    [
        ("#microsoft.graph.call", "call", "#microsoft.graph.call"),
        ("microsoft.graph.call", "call", "#microsoft.graph.call"),
        ("#Microsoft.Graph.call", "call", "#microsoft.graph.call"),
        ("#microsoft.graph.callRecords.session", "callRecords.session", "#microsoft.graph.callRecords.session"),
        ("#other.call", "#other.call", "#other.call"),
        ("call", "#call", "#call"),
    ],
)
def test_reads_and_writes_the_name_of_a_type(text: str, name: str, again: str) -> None:
    assert type_name({"@odata.type": text}) == name
    assert odata_type(name) == again


def test_what_is_known_wins_over_what_was_kept() -> None:
    assert written({"id": "1", "state": None}, {"id": "2", "state": "x"}) == {"id": "1", "state": "x"}


@pytest.mark.parametrize("value", [1.0, "1", True, None, 128, -129])
def test_refuses_what_is_no_integer_of_the_size(value: object) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        check_integer(value, "code", 127)
    assert str(refused.value) == f"code is {json.dumps(value)}; write a whole number from -128 to 127"


@pytest.mark.parametrize("value", [127, -128])
def test_takes_the_ends_of_the_size(value: int) -> None:
    check_integer(value, "code", 127)
