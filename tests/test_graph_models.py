"""sendDtmfTones requests: what real clients send is read, what they get wrong is refused by name."""

from __future__ import annotations

import enum
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtmf_audio import InvalidRequestError, Tone
from dtmf_audio.graph.models import MAX_BODY_BYTES, SendDtmfTonesRequest

DOCUMENTED = {  # the documentation's example
    "tones": [*(f"tone{digit}" for digit in "1234567890"), "star", "pound"],
    "delayBetweenTonesMs": 1000,
    "clientContext": "e0be71f1-a14f-4cec-b65a-e7aba5db7c53",
}


def test_the_request_of_the_documentation_is_read_and_written_back():
    request = SendDtmfTonesRequest.from_json(json.dumps(DOCUMENTED))
    assert [tone.key for tone in request.tones] == list("1234567890*#")
    assert request.delay_between_tones_ms == 1000
    assert request.client_context == "e0be71f1-a14f-4cec-b65a-e7aba5db7c53"
    assert request.to_dict() == DOCUMENTED


@given(
    st.lists(st.sampled_from(Tone), min_size=1),
    st.none() | st.integers(0, 2**31 - 1),
    st.none() | st.text(max_size=256),
)
def test_any_request_survives_the_wire(tones, delay_ms, context):
    request = SendDtmfTonesRequest(tones=tuple(tones), delay_between_tones_ms=delay_ms, client_context=context)
    assert SendDtmfTonesRequest.from_json(json.dumps(request.to_dict()).encode()) == request


@pytest.mark.parametrize(
    "body", [{"tones": ["a"]}, {"tones": ["a"], "delayBetweenTonesMs": None, "clientContext": None}]
)
def test_what_is_left_out_is_none_and_stays_out(body):
    request = SendDtmfTonesRequest.from_dict(body)
    assert (request.delay_between_tones_ms, request.client_context) == (None, None)
    assert request.to_dict() == {"tones": ["a"]}


def test_annotations_of_odata_are_ignored():
    assert SendDtmfTonesRequest.from_dict({"@odata.type": "#x", "tones": ["b"]}).tones == (Tone.B,)


def test_members_of_the_python_sdk_pass_straight_in():
    class SdkTone(enum.StrEnum):  # as msgraph.generated.models.tone has it
        Tone1 = "tone1"
        Star = "star"

    assert SendDtmfTonesRequest(tones=(SdkTone.Tone1, SdkTone.Star)).tones == (Tone.TONE1, Tone.STAR)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"\xff\xfe", "the request is not UTF-8 (byte 0xff at offset 0); save it as UTF-8"),
        ("", "the request is not JSON (Expecting value, line 1, column 1)"),
        ('{"tones": ["tone1"]', "the request is not JSON (Expecting ',' delimiter, line 1, column 20)"),
        ("null", "the request is null; it must be an object"),
        ('{"tones": [NaN]}', "the request holds NaN, which is not JSON"),
        ('{"tones": ["a"], "tones": ["b"]}', 'the request has "tones" twice in one object; keep one of them'),
        ('{"tones": ["a"], "delayBetweenTonesMS": 5}', "is no property of sendDtmfTones; write delayBetweenTonesMs"),
        ('{"tones": ["a"], "loud": 5}', '"loud" is no property of sendDtmfTones; it takes tones, delayBetweenTonesMs'),
        ('{"tones": {"0": "a"}}', 'tones is {"0": "a"}; write a list of tone names'),
        ('{"tones": [true]}', 'tones[0] is true; write a tone name, such as "tone1"'),
        ('{"tones": [["a"]]}', 'tones[0] is ["a"]; write a tone name'),
        ('{"tones": ["a"], "delayBetweenTonesMs": "5"}', 'delayBetweenTonesMs is "5"; write a whole number'),
        ('{"tones": ["a"], "clientContext": 5}', "clientContext is 5; write a string of at most 256 characters"),
        ("[" * 100_000, "the request is nested too deeply"),
        ("9" * 10_000, "the request holds a number of thousands of digits"),
        (" " * (MAX_BODY_BYTES + 1), "the request is over 1048576 bytes long; send its tones in several requests"),
    ],
)
def test_what_is_no_request_is_refused_by_name(body, message):
    with pytest.raises(InvalidRequestError) as error:
        SendDtmfTonesRequest.from_json(body)
    assert message in str(error.value)
    assert len(str(error.value)) < 300


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_any_json_is_a_request_or_refused_and_nothing_else(body):
    assert "; " in refusal(body)


def refusal(body):
    try:
        SendDtmfTonesRequest.from_dict(body)
    except InvalidRequestError as error:
        return str(error)
    return "none; it is a request"
