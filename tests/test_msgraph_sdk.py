"""Microsoft's SDK for Python at the emulator: the documentation's own example, and nothing changed but the address.

Skipped only where the SDK is not installed; it is part of the ``test`` extra.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import importlib.util
import itertools
import json
import time
from types import SimpleNamespace

import pytest
from bot_webhook import BotWebhook

from dtmf_audio.graph.calls import CallSettings
from dtmf_audio.graph.emulator import Emulator
from dtmf_audio.graph.faults import RequestFault
from dtmf_audio.testing import assert_dtmf

if importlib.util.find_spec("msgraph") is None:
    pytest.skip("msgraph-sdk is not installed (it is in the test extra)", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the SDK's generated code warns of itself

CONTEXT = "e0be71f1-a14f-4cec-b65a-e7aba5db7c53"
KEYS = "1234567890*#"
TONES_MS = 12 * 100 + 11 * 1000  # 100 ms a tone, and delay_between_tones_ms between two
MODELS = {
    "app_hosted_media_config": "AppHostedMediaConfig",
    "call": "Call",
    "call_state": "CallState",
    "identity": "Identity",
    "identity_set": "IdentitySet",
    "invitation_participant_info": "InvitationParticipantInfo",
    "modality": "Modality",
    "operation_status": "OperationStatus",
    "send_dtmf_completion_reason": "SendDtmfCompletionReason",
    "send_dtmf_tones_operation": "SendDtmfTonesOperation",
    "service_hosted_media_config": "ServiceHostedMediaConfig",
    "tone": "Tone",
}
ACTIONS = {
    "send_dtmf_tones": "SendDtmfTonesPostRequestBody",
    "subscribe_to_tone": "SubscribeToTonePostRequestBody",
    "cancel_media_processing": "CancelMediaProcessingPostRequestBody",
}


@functools.cache
def graph():
    """Return the names of the SDK that are used here; importing it takes a while, so it happens once and not sooner."""
    from kiota_abstractions.authentication import AnonymousAuthenticationProvider
    from msgraph import GraphRequestAdapter, GraphServiceClient
    from msgraph.generated.models.o_data_errors.o_data_error import ODataError

    names = SimpleNamespace(
        AnonymousAuthenticationProvider=AnonymousAuthenticationProvider,
        GraphRequestAdapter=GraphRequestAdapter,
        GraphServiceClient=GraphServiceClient,
        ODataError=ODataError,
    )
    for module, name in MODELS.items():
        setattr(names, name, getattr(importlib.import_module(f"msgraph.generated.models.{module}"), name))
    for action, name in ACTIONS.items():
        place = f"msgraph.generated.communications.calls.item.{action}.{action}_post_request_body"
        setattr(names, name, getattr(importlib.import_module(place), name))
    return names


def documented_request():
    """Return the request of the documentation of call: sendDtmfTones, as its tab for Python has it."""
    SendDtmfTonesPostRequestBody, Tone = graph().SendDtmfTonesPostRequestBody, graph().Tone
    return SendDtmfTonesPostRequestBody(
        tones = [
            Tone.Tone1,
            Tone.Tone2,
            Tone.Tone3,
            Tone.Tone4,
            Tone.Tone5,
            Tone.Tone6,
            Tone.Tone7,
            Tone.Tone8,
            Tone.Tone9,
            Tone.Tone0,
            Tone.Star,
            Tone.Pound,
        ],
        delay_between_tones_ms = 1000,
        client_context = "e0be71f1-a14f-4cec-b65a-e7aba5db7c53",
    )  # fmt: skip


class Bot:
    """A bot that is built on the SDK, its webhook, and the emulator that it talks to.

    The SDK is asynchronous; everything it does here is waited for.
    """

    def __init__(self, emulator, webhook, *, credential=None):
        sdk = graph()
        if credential is None:
            self.client = sdk.GraphServiceClient(
                request_adapter=sdk.GraphRequestAdapter(sdk.AnonymousAuthenticationProvider())
            )
        else:
            self.client = sdk.GraphServiceClient(credential, scopes=["https://graph.microsoft.com/.default"])
        self.client.request_adapter.base_url = emulator.base_url  # all that a user changes
        self.emulator, self.webhook = emulator, webhook
        self._runner = asyncio.Runner()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        transport = (
            self.client.request_adapter._http_client._transport
        )  # whose closing closes nothing (msgraph-core 1.5)
        self._runner.run(transport.transport.aclose())
        self._runner.close()

    def does(self, coroutine):
        return self._runner.run(coroutine)

    def call(self, call_id):
        return self.client.communications.calls.by_call_id(call_id)

    def places_call(self, media_config=None):
        sdk = graph()
        call = sdk.Call(
            callback_uri=self.webhook.url,
            requested_modalities=[sdk.Modality.Audio],
            media_config=media_config
            or sdk.AppHostedMediaConfig(
                odata_type="#microsoft.graph.appHostedMediaConfig", blob="<Media Session Configuration>"
            ),
            targets=[
                sdk.InvitationParticipantInfo(
                    odata_type="#microsoft.graph.invitationParticipantInfo",
                    identity=sdk.IdentitySet(
                        user=sdk.Identity(id="112f7296-5fa4-42ca-bae8-6a692b15d4b8", display_name="John")
                    ),
                )
            ],
            tenant_id="aa67bd4c-8475-432d-bd41-39f255720e0a",
        )
        return self.does(self.client.communications.calls.post(call))

    def places_established_call(self, media_config=None):
        call = self.places_call(media_config)
        self.emulator.advance(200)
        assert self.webhook.states == ["establishing", "established"]
        return call

    def sends(self, call_id, **body):
        return self.does(self.call(call_id).send_dtmf_tones.post(graph().SendDtmfTonesPostRequestBody(**body)))

    def is_refused(self, coroutine):
        """Do what must be refused; returns the status, the code and the message, and checks the rest of the error."""
        with pytest.raises(graph().ODataError) as caught:
            self.does(coroutine)
        refused = caught.value
        inner = refused.error.inner_error
        assert len(inner.request_id) == 36
        assert inner.client_request_id == inner.request_id
        assert inner.date is not None
        return refused.response_status_code, refused.error.code, refused.error.message


@pytest.fixture
def bot():
    with Emulator(clock="virtual") as emulator, BotWebhook() as webhook, Bot(emulator, webhook) as bot:
        yield bot


# The documentation's example


def test_the_documented_example_is_heard_at_the_far_end_and_told_to_the_bot(bot):
    call = bot.places_established_call()
    call_id = call.id
    graph_client, request_body = bot.client, documented_request()

    result = bot.does(graph_client.communications.calls.by_call_id(call_id).send_dtmf_tones.post(request_body))

    sdk = graph()
    assert isinstance(result, sdk.SendDtmfTonesOperation)
    assert (result.status, result.completion_reason) == (sdk.OperationStatus.Running, None)
    assert result.client_context == CONTEXT
    bot.emulator.advance(TONES_MS - 0.1)
    assert bot.webhook.endings == []
    bot.emulator.advance(0.1)
    (ending,) = bot.webhook.endings
    assert (ending.id, ending.status, ending.completion_reason, ending.client_context) == (
        result.id,
        "completed",
        "completedSuccessfully",
        CONTEXT,
    )
    assert json.loads(bot.webhook.bodies[-1]) == {
        "@odata.type": "#microsoft.graph.commsNotifications",
        "value": [
            {
                "@odata.type": "#microsoft.graph.commsNotification",
                "changeType": "deleted",
                "resourceUrl": f"/communications/calls/{call_id}/operations/{result.id}",
                "resourceData": {
                    "@odata.type": "#microsoft.graph.sendDtmfTonesOperation",
                    "status": "completed",
                    "completionReason": "completedSuccessfully",
                    "clientContext": CONTEXT,
                    "id": result.id,
                },
            }
        ],
    }
    bot.emulator.advance(100)
    far_end = bot.emulator.call(call_id)
    recording = far_end.recording("toFarEnd")
    tones = assert_dtmf(recording, recording, within_ms=5)  # every tone where the emulator laid it
    assert_dtmf(recording, KEYS)
    assert [after.start - before.start for before, after in itertools.pairwise(tones)] == pytest.approx(
        [1100 * 16] * 11, abs=80
    )
    assert far_end.far_end_keys == KEYS


def test_the_documented_request_as_it_is_sent(bot):
    call_id = bot.places_established_call().id
    bot.does(bot.call(call_id).send_dtmf_tones.post(documented_request()))
    sent = bot.emulator.requests[-1]
    assert (sent.method, sent.path) == ("POST", f"/v1.0/communications/calls/{call_id}/sendDtmfTones")
    assert json.loads(sent.body) == {
        "clientContext": CONTEXT,
        "delayBetweenTonesMs": 1000,
        "tones": [f"tone{key}" for key in "1234567890"] + ["star", "pound"],
    }


def test_on_the_real_clock_it_takes_the_time_that_the_tones_take():
    settings = CallSettings(establish_ms=10)
    with Emulator(calls=settings) as emulator, BotWebhook() as webhook, Bot(emulator, webhook) as bot:
        call_id = bot.places_call().id
        emulator.wait_until(lambda: "established" in webhook.states, what="the call's establishing")
        began = time.monotonic()
        tone = graph().Tone
        bot.sends(call_id, tones=[tone.Tone4, tone.Tone2, tone.Pound], delay_between_tones_ms=50)
        emulator.wait_until(lambda: len(webhook.endings) == 1, what="the operation's completion")
        assert time.monotonic() - began >= 0.400
        assert webhook.endings[0].completion_reason == "completedSuccessfully"
        emulator.wait_until(lambda: emulator.call(call_id).far_end_keys == "42#", what="42# at the far end")
        assert_dtmf(emulator.call(call_id).recording("toFarEnd"), "42#")


# Calls


def test_a_call_is_created_read_and_deleted(bot):
    sdk = graph()
    call = bot.places_call()
    assert call.state is sdk.CallState.Establishing
    assert isinstance(call.media_config, sdk.AppHostedMediaConfig)
    assert call.media_config.blob == "<Media Session Configuration>"
    assert (call.callback_uri, call.direction.value, call.targets[0].identity.user.display_name) == (
        bot.webhook.url,
        "outgoing",
        "John",
    )
    bot.emulator.advance(200)
    read = bot.does(bot.call(call.id).get())
    assert (read.id, read.state, read.media_state.audio.value) == (call.id, sdk.CallState.Established, "active")
    assert bot.does(bot.call(call.id).delete()) is None
    assert bot.does(bot.call(call.id).get()).state is sdk.CallState.Terminating
    bot.emulator.advance(100)
    assert bot.webhook.states == ["establishing", "established", "terminating", "terminated"]
    terminated = bot.webhook.notifications[-1]
    assert terminated.change_type == "deleted"
    assert (terminated.call_id, terminated.resource_data[0].result_info.subcode) == (call.id, 5001)
    assert bot.is_refused(bot.call(call.id).get()) == (404, "8522", "Call not found.")


def test_hanging_up_cancels_what_is_being_sent(bot):
    call_id = bot.places_established_call().id
    bot.does(bot.call(call_id).send_dtmf_tones.post(documented_request()))
    bot.emulator.advance(1150)
    bot.does(bot.call(call_id).delete())
    bot.emulator.drain()
    assert [ending.completion_reason for ending in bot.webhook.endings] == ["mediaOperationCanceled"]


def test_keep_alive_is_answered_with_nothing(bot):
    call_id = bot.places_established_call().id
    assert bot.does(bot.call(call_id).keep_alive.post()) is None


# Operations


def test_an_operation_is_read_as_what_it_is(bot):
    sdk = graph()
    call_id = bot.places_established_call().id
    sent = bot.sends(call_id, tones=[sdk.Tone.Tone1], client_context="one")
    operation = bot.call(call_id).operations.by_comms_operation_id(sent.id)
    assert bot.does(operation.get()).status is sdk.OperationStatus.Running
    bot.emulator.advance(100)
    read = bot.does(operation.get())
    assert isinstance(read, sdk.SendDtmfTonesOperation)
    assert read.status is sdk.OperationStatus.Completed
    assert read.completion_reason is sdk.SendDtmfCompletionReason.CompletedSuccessfully
    assert read.client_context == "one"


def test_a_second_operation_waits_for_the_first(bot):
    sdk = graph()
    call_id = bot.places_established_call().id
    first = bot.sends(call_id, tones=[sdk.Tone.Tone1, sdk.Tone.Tone1], delay_between_tones_ms=100)
    second = bot.sends(call_id, tones=[sdk.Tone.Tone1])
    assert [first.status, second.status] == [sdk.OperationStatus.Running, sdk.OperationStatus.NotStarted]
    bot.emulator.advance(600)
    assert [ending.id for ending in bot.webhook.endings] == [first.id, second.id]
    assert bot.emulator.call(call_id).far_end_keys == "111"


def test_cancel_media_processing_cuts_the_tones_short(bot):
    sdk = graph()
    call_id = bot.places_established_call().id
    sent = bot.does(bot.call(call_id).send_dtmf_tones.post(documented_request()))
    bot.emulator.advance(2250)
    cancelled = bot.does(
        bot.call(call_id).cancel_media_processing.post(
            sdk.CancelMediaProcessingPostRequestBody(client_context="enough")
        )
    )
    assert (cancelled.status, cancelled.client_context) == (sdk.OperationStatus.Completed, "enough")
    bot.emulator.advance(2000)
    assert [(ending.id, ending.completion_reason) for ending in bot.webhook.endings] == [
        (sent.id, "mediaOperationCanceled")
    ]
    assert_dtmf(bot.emulator.call(call_id).recording("toFarEnd"), "123")
    read = bot.does(bot.call(call_id).operations.by_comms_operation_id(sent.id).get())
    assert read.completion_reason is sdk.SendDtmfCompletionReason.MediaOperationCanceled


def test_subscribe_to_tone_needs_service_hosted_media(bot):
    sdk = graph()
    call_id = bot.places_established_call().id
    body = sdk.SubscribeToTonePostRequestBody(client_context="keys")
    status, code, message = bot.is_refused(bot.call(call_id).subscribe_to_tone.post(body))
    assert (status, code) == (500, "9999")
    assert message.startswith("Encountered Exception during ToneSubscription")


def test_a_service_hosted_call_tells_of_keys(bot):
    sdk = graph()
    media = sdk.ServiceHostedMediaConfig(odata_type="#microsoft.graph.serviceHostedMediaConfig")
    call_id = bot.places_established_call(media).id
    body = sdk.SubscribeToTonePostRequestBody(client_context="keys")
    assert bot.does(bot.call(call_id).subscribe_to_tone.post(body)).status is sdk.OperationStatus.Completed
    bot.emulator.call(call_id).press("1#")
    bot.emulator.advance(1000)
    told = [note.resource_data[0].tone_info for note in bot.webhook.notifications[-2:]]
    assert [(info.sequence_id, info.tone) for info in told] == [(1, "tone1"), (2, "pound")]


# What is refused


def test_an_unknown_call_is_not_found(bot):
    call = bot.call("57dab8b1-894c-409a-b240-bd8beae78896")
    assert bot.is_refused(call.get()) == (404, "8522", "Call not found.")
    assert bot.is_refused(call.send_dtmf_tones.post(documented_request())) == (404, "8522", "Call not found.")
    assert bot.is_refused(bot.call("a b/c:d@e").get())[0] == 404


def test_a_call_that_is_not_established_takes_no_tones(bot):
    call_id = bot.places_call().id
    status, code, message = bot.is_refused(bot.call(call_id).send_dtmf_tones.post(documented_request()))
    assert (status, code) == (400, "BadRequest")
    assert message.startswith("The call is establishing: sendDtmfTones needs one that is established.")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"tones": ["tone1", "star"]}, "Tone.Tone1"),  # the SDK sends [null, null] for strings
        ({"client_context": "no tones"}, "tones is missing"),
        ({"tones": []}, "tones is empty"),
        ({"tones": ["Tone1"], "delay_between_tones_ms": -1}, "delayBetweenTonesMs is -1"),
        ({"tones": ["Tone1"], "client_context": 257 * "x"}, "clientContext is 257 characters long"),
    ],
)  # fmt: skip
def test_bad_requests_say_what_is_wrong(bot, body, said):
    sdk = graph()
    body = body | {"tones": [getattr(sdk.Tone, tone, tone) for tone in body["tones"]]} if "tones" in body else body
    call_id = bot.places_established_call().id
    request = bot.call(call_id).send_dtmf_tones.post(sdk.SendDtmfTonesPostRequestBody(**body))
    status, code, message = bot.is_refused(request)
    assert (status, code) == (400, "BadRequest")
    assert said in message
    assert bot.emulator.call(call_id).operations == []


# Faults and tokens


def test_the_sdk_tries_again_after_429(bot):
    sdk = graph()
    call_id = bot.places_established_call().id
    bot.emulator.plan_fault(RequestFault(kind="tooManyRequests", action="sendDtmfTones", retry_after_s=1))
    assert bot.sends(call_id, tones=[sdk.Tone.Tone1]).status is sdk.OperationStatus.Running
    assert [(each.action, each.status) for each in bot.emulator.requests[-2:]] == [
        ("sendDtmfTones", 429),
        ("sendDtmfTones", 200),
    ]
    bot.emulator.advance(200)
    assert bot.emulator.call(call_id).far_end_keys == "1"  # once


def test_a_planned_error_reaches_the_bot(bot):
    call_id = bot.places_established_call().id
    bot.emulator.plan_fault(RequestFault(kind="serverError", action="sendDtmfTones"))
    refused = bot.is_refused(bot.call(call_id).send_dtmf_tones.post(documented_request()))
    assert refused == (500, "9999", "Server internal error.")


class Credential:
    """What azure-identity's credentials do, without anybody to ask."""

    def __init__(self, *roles):
        claims = base64.urlsafe_b64encode(json.dumps({"roles": roles}).encode()).rstrip(b"=").decode()
        self.token = f"e30.{claims}.c2lnbmF0dXJl"

    def get_token(self, *_scopes, **_):
        from azure.core.credentials import AccessToken

        return AccessToken(self.token, int(time.time()) + 3600)


@pytest.mark.parametrize(
    ("roles", "status"),
    [
        (("Calls.Initiate.All", "Calls.AccessMedia.All"), None),
        (("Calls.Initiate.All",), 403),
        ((), 403),
    ],
)  # fmt: skip
def test_a_credential_gives_its_token_to_the_emulator(roles, status):
    with (
        Emulator(clock="virtual", require_bearer=True) as emulator,
        BotWebhook() as webhook,
        Bot(emulator, webhook, credential=Credential(*roles)) as bot,
    ):
        if status is None:
            call_id = bot.places_established_call().id
            assert bot.does(bot.call(call_id).send_dtmf_tones.post(documented_request())).client_context == CONTEXT
        else:
            with pytest.raises(graph().ODataError) as caught:
                bot.places_call()
            assert (caught.value.response_status_code, caught.value.error.code) == (status, "7504")


def test_without_a_token_where_one_is_needed():
    with (
        Emulator(clock="virtual", require_bearer=True) as emulator,
        BotWebhook() as webhook,
        Bot(emulator, webhook) as bot,
    ):
        status, code, message = bot.is_refused(bot.call("x").get())
        assert (status, code) == (401, "InvalidAuthenticationToken")
        assert message.startswith("Access token is empty.")


def test_the_client_may_be_built_with_a_trailing_slash(bot):
    bot.client.request_adapter.base_url = bot.emulator.base_url + "/"
    assert bot.places_established_call().id is not None
