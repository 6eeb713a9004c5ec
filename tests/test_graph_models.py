"""The sendDtmfTones request: what is read, what is written, and every refusal word for word."""

from __future__ import annotations

import enum
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtmf_audio import InvalidRequestError, Tone
from dtmf_audio.graph.models import MAX_BODY_BYTES, SendDtmfTonesRequest

A_LIST = 'write a list of tone names, such as ["tone1", "star"]'
NAMES = "the names are tone0-tone9, star, pound, a, b, c, d and flash"
A_NAME = 'write a tone name, such as "tone1"'
A_DELAY = "write a whole number of milliseconds from 0 to 2147483647, such as 1000, or leave it out"
A_CONTEXT = "write a string of at most 256 characters, or leave it out"


def request(**properties: Any) -> dict[str, Any]:
    return {"tones": ["tone1"], **properties}


def message_of(body: object) -> str:
    with pytest.raises(InvalidRequestError) as refused:
        SendDtmfTonesRequest.from_json(json.dumps(body))
    assert len(str(refused.value)) < 300  # however long the body
    return str(refused.value)


def message_of_text(text: str | bytes) -> str:
    with pytest.raises(InvalidRequestError) as refused:
        SendDtmfTonesRequest.from_json(text)
    return str(refused.value)


# --- what is read ------------------------------------------------------------------------------------------------


def test_reads_the_documentations_request() -> None:
    text = (Path(__file__).parent.parent / "samples" / "senddtmftones.json").read_bytes()
    read = SendDtmfTonesRequest.from_json(text)
    assert "".join(tone.key for tone in read.tones) == "1234567890*#"
    assert read.delay_between_tones_ms == 1000
    assert read.to_dict() == json.loads(text)


@pytest.mark.parametrize("tone", Tone)
def test_reads_every_name_of_graph(tone: Tone) -> None:
    assert SendDtmfTonesRequest.from_dict({"tones": [tone.value]}).tones == (tone,)


@pytest.mark.parametrize("properties", [{}, {"delayBetweenTonesMs": None, "clientContext": None}])
def test_what_is_missing_or_null_is_none_and_not_written(properties: dict[str, Any]) -> None:
    read = SendDtmfTonesRequest.from_dict(request(**properties))
    assert read.delay_between_tones_ms is None
    assert read.client_context is None
    assert read.to_dict() == {"tones": ["tone1"]}


@pytest.mark.parametrize("delay_ms", [0, 1, 2147483647])
def test_takes_delays_from_0_to_the_largest_int32(delay_ms: int) -> None:
    assert SendDtmfTonesRequest.from_dict(request(delayBetweenTonesMs=delay_ms)).delay_between_tones_ms == delay_ms


def test_takes_a_client_context_of_256_characters() -> None:
    assert SendDtmfTonesRequest.from_dict(request(clientContext="é" * 256)).client_context == "é" * 256


def test_ignores_annotations_of_odata() -> None:
    body = request() | {"@odata.type": "#x", "tones@odata.type": "#Collection(microsoft.graph.tone)"}
    assert SendDtmfTonesRequest.from_dict(body).tones == (Tone.TONE1,)


def test_reads_bytes_with_a_byte_order_mark() -> None:
    assert SendDtmfTonesRequest.from_json(b'\xef\xbb\xbf{"tones": ["star"]}').tones == (Tone.STAR,)
    assert SendDtmfTonesRequest.from_json('\ufeff{"tones": ["star"]}').tones == (Tone.STAR,)


def test_takes_members_of_the_python_sdks_enum() -> None:
    sdk_tone = enum.Enum("Tone", {"Tone1": "tone1", "Star": "star"}, type=str)
    built = SendDtmfTonesRequest.from_dict({"tones": [sdk_tone.Tone1, sdk_tone.Star]})  # type: ignore[attr-defined]
    assert built.tones == (Tone.TONE1, Tone.STAR)


@given(
    tones=st.lists(st.sampled_from(Tone), min_size=1).map(tuple),
    delay_ms=st.none() | st.integers(0, 2**31 - 1),
    context=st.none() | st.text(max_size=256),
)
def test_what_is_written_reads_back_the_same(
    tones: tuple[Tone, ...], delay_ms: int | None, context: str | None
) -> None:
    made = SendDtmfTonesRequest(tones=tones, delay_between_tones_ms=delay_ms, client_context=context)
    assert SendDtmfTonesRequest.from_json(json.dumps(made.to_dict())) == made


# --- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [[], ["tone1"], "tone1", 5, None, True])
def test_refuses_json_that_is_not_an_object(body: object) -> None:
    assert message_of(body) == (
        f'the request is {json.dumps(body)}; it must be an object, such as {{"tones": ["tone1"]}}'
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param({}, f"tones is missing; {A_LIST}", id="missing"),
        pytest.param({"tones": None}, f"tones is null; {A_LIST}", id="null"),
        pytest.param({"tones": 1}, f"tones is 1; {A_LIST}", id="number"),
        pytest.param({"tones": {"tone": "tone1"}}, f'tones is {{"tone": "tone1"}}; {A_LIST}', id="object"),
        pytest.param(
            {"tones": "tone1, star"},
            f'tones is the string "tone1, star", as an older TypeScript SDK sends it; {A_LIST}',
            id="string",
        ),
        pytest.param({"tones": []}, 'tones is empty; give at least one tone name, such as ["tone1"]', id="empty"),
    ],
)
def test_refuses_tones_that_are_no_list_of_names(body: dict[str, Any], message: str) -> None:
    assert message_of(body) == message


@pytest.mark.parametrize(
    ("element", "message"),
    [
        (
            None,
            f"tones[2] is null; {A_NAME} (Microsoft's Python SDK sends null when it is given a str: "
            "give it Tone.Tone1)",
        ),
        (1, 'tones[2] is 1; write the name of the tone, "tone1"'),
        (11, 'tones[2] is 11; write the name of the tone, "pound"'),
        (17, f"tones[2] is 17; {A_NAME}"),
        (-1, f"tones[2] is -1; {A_NAME}"),
        (1.5, f"tones[2] is 1.5; {A_NAME}"),
        (True, f"tones[2] is true; {A_NAME}"),
        (["tone1"], f'tones[2] is ["tone1"]; {A_NAME}'),
        (
            {"sequenceId": 1, "tone": "tone1"},
            'tones[2] is {"sequenceId": 1, "tone": "tone1"}; write the name of its tone alone, such as "tone1" '
            "(toneInfo is for notifications)",
        ),
        ("1", f"tones[2]: '1' is not a tone name; {NAMES} (the key 1 is written 'tone1')"),
        ("*", f"tones[2]: '*' is not a tone name; {NAMES} (the key * is written 'star')"),
        ("A", f"tones[2]: 'A' is not a tone name; {NAMES} (the key A is written 'a')"),
        ("Tone1", f"tones[2]: 'Tone1' is not a tone name; {NAMES}, in lower case"),
        ("hash", f"tones[2]: 'hash' is not a tone name; {NAMES}"),
        ("", f"tones[2]: '' is not a tone name; {NAMES}"),
        ("x" * 1000, f"tones[2]: '{'x' * 40}…' is not a tone name; {NAMES}"),
    ],
)
def test_refuses_an_element_that_is_no_name_and_tells_its_index(element: object, message: str) -> None:
    assert message_of({"tones": ["tone1", "star", element]}) == message


@pytest.mark.parametrize("delay", [-1, 2147483648, 1000.5, 1000.0, True, False, "1000", [], {}])
def test_refuses_a_delay_that_is_no_int32_from_0(delay: object) -> None:
    assert message_of(request(delayBetweenTonesMs=delay)) == f"delayBetweenTonesMs is {json.dumps(delay)}; {A_DELAY}"


def test_refuses_a_delay_that_is_too_large_for_a_float() -> None:
    text = '{"tones": ["tone1"], "delayBetweenTonesMs": 1e999}'
    assert message_of_text(text) == f"delayBetweenTonesMs is Infinity; {A_DELAY}"


@pytest.mark.parametrize("context", [5, True, [], {}])
def test_refuses_a_client_context_that_is_no_string(context: object) -> None:
    assert message_of(request(clientContext=context)) == f"clientContext is {json.dumps(context)}; {A_CONTEXT}"


def test_refuses_a_client_context_of_257_characters() -> None:
    assert message_of(request(clientContext="x" * 257)) == f"clientContext is 257 characters long; {A_CONTEXT}"


def test_refuses_a_property_that_graph_does_not_have() -> None:
    assert message_of(request(volume=3)) == (
        '"volume" is no property of sendDtmfTones; it takes tones, delayBetweenTonesMs, clientContext: '
        "leave this one out"
    )


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("delayBetweenTonesMS", "delayBetweenTonesMs"),
        ("delayBetweenTones", "delayBetweenTonesMs"),
        ("Tones", "tones"),
        ("client_context", "clientContext"),
    ],
)
def test_refuses_a_misspelt_property_and_tells_the_right_one(name: str, meant: str) -> None:
    assert message_of(request(**{name: 1})) == f'"{name}" is no property of sendDtmfTones; write {meant}'


def test_refuses_what_is_not_json_and_tells_the_place() -> None:
    assert message_of_text('{\n  "tones": ["tone1",]\n}') == (
        'the request is not JSON (Expecting value, line 2, column 21); write an object, such as {"tones": ["tone1"]}'
    )


@pytest.mark.parametrize("text", ["", b"", " ", "{", "tone1", '{"tones": ["tone1"]} x'])
def test_refuses_what_is_not_json(text: str | bytes) -> None:
    assert message_of_text(text).startswith("the request is not JSON (")


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_refuses_numbers_that_json_does_not_have(constant: str) -> None:
    text = f'{{"tones": ["tone1"], "delayBetweenTonesMs": {constant}}}'
    assert message_of_text(text) == (
        f"the request holds {constant}, which is not JSON; write a number, or leave the property out"
    )


def test_refuses_the_same_property_twice() -> None:
    assert message_of_text('{"tones": ["tone1"], "tones": ["tone2"]}') == (
        'the request has "tones" twice in one object; keep one of them'
    )


def test_refuses_bytes_that_are_not_utf8() -> None:
    assert message_of_text('{"tones": ["tone1"]}'.encode("utf-16")) == (
        "the request is not UTF-8 (byte 0xff at offset 0); save it as UTF-8"
    )


def test_refuses_a_body_of_over_1_mib_and_takes_one_of_1_mib() -> None:
    body = b'{"tones": ["tone1"]}'
    assert SendDtmfTonesRequest.from_json(body.ljust(MAX_BODY_BYTES)).tones == (Tone.TONE1,)
    assert message_of_text(body.ljust(MAX_BODY_BYTES + 1)) == (
        "the request is over 1048576 bytes long; send its tones in several requests"
    )


@pytest.mark.parametrize("opening", ["[", '{"tones":'])
def test_refuses_a_body_that_is_nested_too_deeply(opening: str) -> None:
    assert message_of_text(opening * 100_000) == (
        'the request is nested too deeply; write an object with a list in it, such as {"tones": ["tone1"]}'
    )


def test_refuses_a_number_that_python_does_not_read() -> None:
    assert message_of_text(f'{{"tones": [{"9" * 5000}]}}') == (
        "the request holds a number of thousands of digits; the largest that it can hold is 2147483647"
    )


@given(st.text() | st.binary())
def test_any_text_is_read_or_refused(text: str | bytes) -> None:
    with pytest.raises(InvalidRequestError):
        SendDtmfTonesRequest.from_json(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_json_is_a_request_or_refused_with_a_remedy(body: object) -> None:
    refusal = None
    try:
        SendDtmfTonesRequest.from_dict(body)
    except InvalidRequestError as error:
        refusal = str(error)
    assert refusal is None or "; " in refusal


def test_a_request_that_would_be_refused_cannot_be_made() -> None:
    with pytest.raises(InvalidRequestError, match="delayBetweenTonesMs is -1"):
        SendDtmfTonesRequest(tones=(Tone.TONE1,), delay_between_tones_ms=-1)
    with pytest.raises(InvalidRequestError, match="tones is empty"):
        SendDtmfTonesRequest(tones=())
