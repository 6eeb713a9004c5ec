"""Bodies of Graph that several tests read: the documentation's answers, and what hypothesis makes of the names."""

from __future__ import annotations

from hypothesis import strategies as st

from dtmf_audio import Tone
from dtmf_audio.graph.models import (
    AppHostedMediaConfig,
    Call,
    CallDirection,
    CallState,
    MediaState,
    ResultInfo,
    ServiceHostedMediaConfig,
    ToneInfo,
)
from dtmf_audio.graph.operations import (
    CancelMediaProcessingOperation,
    CompletionReason,
    OperationStatus,
    SendDtmfTonesOperation,
    SubscribeToToneOperation,
    UnknownOperation,
)

RUNNING = {
    "@odata.type": "#microsoft.graph.sendDtmfTonesOperation",
    "status": "running",
    "clientContext": "e0be71f1-a14f-4cec-b65a-e7aba5db7c53",
    "id": "d36fe651-9f50-484d-bd4b-1e6415eae448",
}
SUBSCRIBED = {
    "@odata.type": "#microsoft.graph.subscribeToToneOperation",
    "clientContext": "clientContext-value",
    "id": "0fe0623f-d628-42ed-b4bd-8ac290072cc5",
    "status": "completed",
}
CANCELLED = {
    "@odata.type": "#microsoft.graph.cancelMediaProcessingOperation",
    "status": "completed",
    "clientContext": "d45324c1-fcb5-430a-902c-f20af696537c",
    "id": "0fe0623f-d628-42ed-b4bd-8ac290072cc5",
}
PROMPT_PLAYED = {
    "@odata.type": "#microsoft.graph.playPromptOperation",
    "@odata.etag": 'W/"54451"',
    "id": "0fe0623f-d628-42ed-b4bd-8ac290072cc5",
    "resultInfo": {
        "@odata.type": "#microsoft.graph.resultInfo",
        "code": 200,
        "subcode": 0,
        "message": "Action completed successfully.",
    },
    "clientContext": "d45324c1-fcb5-430a-902c-f20af696537c",
    "status": "completed",
}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
WIRE_NAMES = (
    *("@odata.type", "id", "status", "completionReason", "clientContext", "resultInfo", "code", "subcode", "message"),
    *("state", "direction", "callbackUri", "mediaConfig", "mediaState", "audio", "blob", "preFetchMedia", "targets"),
    *("requestedModalities", "toneInfo", "sequenceId", "tone", "source", "subject", "tenantId", "error", "innerError"),
)
WIRE_VALUES = (
    *("running", "Completed", "established", "active", "unknown", "incoming", "200", "tone1", "audio", "1"),
    *("#microsoft.graph.call", "#microsoft.graph.sendDtmfTonesOperation", "microsoft.graph.appHostedMediaConfig"),
    *("#microsoft.graph.serviceHostedMediaConfig", "#microsoft.graph.resultInfo", "https://bot.contoso.com", "x" * 257),
)
likely_values = st.recursive(
    st.sampled_from(WIRE_VALUES) | st.none() | st.integers(-1, 300) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WIRE_NAMES), inner, max_size=6),
    max_leaves=16,
)

contexts = st.none() | st.text(max_size=256)
texts = st.none() | st.text(max_size=8)
results = st.none() | st.builds(
    ResultInfo, code=st.integers(-(2**31), 2**31 - 1), subcode=st.integers(0, 999), message=texts
)
tone_infos = st.builds(ToneInfo, sequence_id=st.integers(-(2**63), 2**63 - 1), tone=st.sampled_from(Tone))
objects = st.dictionaries(st.text(max_size=3), json_values, max_size=3)
media_configs = st.builds(AppHostedMediaConfig, blob=texts) | st.builds(
    ServiceHostedMediaConfig, pre_fetch_media=st.lists(objects, max_size=2).map(tuple)
)
kept = st.dictionaries(
    st.sampled_from(["@odata.context", "chatInfo", "x"]), json_values.filter(lambda x: x is not None)
)
common = {
    "id": st.text(max_size=8),
    "status": st.none() | st.sampled_from(OperationStatus),
    "client_context": contexts,
    "result_info": results,
    "extra": kept,
}
operations = (
    st.builds(SendDtmfTonesOperation, completion_reason=st.none() | st.sampled_from(CompletionReason), **common)
    | st.builds(SubscribeToToneOperation, **common)
    | st.builds(CancelMediaProcessingOperation, **common)
    | st.builds(UnknownOperation, type_name=st.sampled_from(["playPromptOperation", "recordOperation"]), **common)
)
calls = st.builds(
    Call,
    id=st.text(max_size=8),
    state=st.none() | st.sampled_from(CallState),
    callback_uri=texts,
    direction=st.none() | st.sampled_from(CallDirection),
    media_config=st.none() | media_configs,
    audio=st.none() | st.sampled_from(MediaState),
    requested_modalities=st.lists(st.text(max_size=8), max_size=2).map(tuple),
    call_chain_id=texts,
    my_participant_id=texts,
    tenant_id=texts,
    subject=texts,
    source=st.none() | objects,
    targets=st.lists(objects, max_size=2).map(tuple),
    result_info=results,
    tone_info=st.none() | tone_infos,
    extra=kept,
)
