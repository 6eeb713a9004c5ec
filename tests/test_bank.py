"""A bank of channels fed together: the events of as many streams, whatever the channels hold and the chunks are."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from helpers import random_presses
from hypothesis import given, settings
from hypothesis import strategies as st

from dtmf_audio import (
    DecoderBank,
    InvalidSettingError,
    InvalidSignalError,
    StreamDecoder,
    ToneStarted,
    channel,
)
from dtmf_audio.signals import to_pcm16

LENGTH = 8000


def one_channel(kind, seed):
    rng = np.random.default_rng(seed)
    if kind == "silence":
        return np.zeros(LENGTH)
    if kind == "noise":
        return channel.noise(LENGTH, level_dbm0=-20.0, samplerate=8000, rng=rng)
    rendering = random_presses(10, seed, on_ms=float(rng.uniform(30, 60)), delay_ms=float(rng.uniform(0, 40)))
    samples = np.resize(np.pad(rendering.samples, (0, LENGTH)), LENGTH)
    level = channel.pair_dbm0(-10.0, -10.0)
    return channel.add_noise_at_snr(samples, snr_db=kind, signal_dbm0=level, samplerate=8000, rng=rng)


KINDS = ["silence", "noise", 40.0, 10.0, 0.0]


def what(event):
    """What must be equal to the sample."""
    end = event.heard_until if isinstance(event, ToneStarted) else event.stop
    return type(event).__name__, event.tone, event.start, end


def events_by_channel(decoder, samples, cuts, n_channels):
    edges = [0, *sorted(cuts), samples.shape[-1]]
    events = [e for a, b in itertools.pairwise(edges) for e in decoder.feed(samples[..., a:b])] + decoder.flush()
    return [[what(e) for e in events if e.channel == number] for number in range(n_channels)]


@settings(max_examples=20)
@given(
    st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 50)), min_size=1, max_size=4),
    st.lists(st.integers(0, LENGTH), max_size=12),
    st.booleans(),
)
def test_a_bank_tells_what_as_many_streams_tell(channels, cuts, announce):
    samples = np.array([one_channel(*what) for what in channels])
    bank = DecoderBank(len(channels), 8000, announce=announce)
    told = events_by_channel(bank, samples, cuts, len(channels))
    for number, row in enumerate(samples):
        stream = StreamDecoder(8000, channel=number, announce=announce)
        assert told[number] == events_by_channel(stream, row, [], len(channels))[number]


def test_a_hundred_channels_in_20_ms_frames_keep_their_keys_apart():
    renderings = [random_presses(6, seed, on_ms=50.0, delay_ms=50.0) for seed in range(100)]
    length = max(len(r.samples) for r in renderings)
    samples = np.stack([to_pcm16(np.pad(r.samples, (0, length - len(r.samples)))) for r in renderings])
    bank = DecoderBank(100, 8000, announce=False)
    found = events_by_channel(bank, samples, range(160, length, 160), 100)
    for rendering, tones in zip(renderings, found, strict=True):
        assert [tone for _, tone, _, _ in tones] == [press.tone for press in rendering.tones]


def test_a_bank_tells_a_start_with_the_streams_and_an_end_at_most_80_ms_after_them():
    n_channels, frame = 8, 160
    samples = np.array([one_channel(40.0, seed) for seed in range(n_channels)])
    frames = [samples[:, start : start + frame] for start in range(0, LENGTH, frame)]

    def heard(decoder, frames):
        """Frame after which each event is told."""
        return {(what(e), e.channel): number for number, f in enumerate(frames) for e in decoder.feed(f)}

    of_bank = heard(DecoderBank(n_channels, 8000), frames)
    of_streams = {}
    for number in range(n_channels):
        of_streams |= heard(StreamDecoder(8000, channel=number), [f[number] for f in frames])
    late = {event: told - of_streams[event] for event, told in of_bank.items()}
    assert {late[event] for event in late if event[0][0] == "ToneStarted"} == {0}
    assert {late[event] for event in late if event[0][0] == "DetectedTone"} <= {0, 1, 2, 3, 4}
    assert len(of_bank) > 100


def test_a_gap_is_a_gap_in_all_channels():
    samples = np.array([one_channel(40.0, seed) for seed in (1, 2)])
    bank = DecoderBank(2, 8000)
    events = bank.feed(samples) + bank.gap(80_000) + bank.feed(samples) + bank.flush()
    for number in range(2):
        stream = StreamDecoder(8000, channel=number)
        alone = stream.feed(samples[number]) + stream.gap(80_000) + stream.feed(samples[number]) + stream.flush()
        assert [what(e) for e in events if e.channel == number] == [what(e) for e in alone]


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((3, 160)), r"samples of shape \(3, 160\) were fed; the bank takes \(2, n\): one row a channel"),
        (np.zeros(160), r"samples of shape \(160,\) were fed; the bank takes \(2, n\)"),
        (np.zeros((2, 160), complex), "samples are complex128; they must be int16, int32, uint8, float32 or float64"),
        (np.array([[0.0, 0.0], [0.0, np.nan]]), "sample 161 is nan; every sample must be finite"),
    ],
)
def test_feed_refuses_what_is_not_audio_of_its_channels(samples, message):
    bank = DecoderBank(2, 8000)
    bank.feed(np.zeros((2, 160)))
    with pytest.raises(InvalidSignalError, match=message):
        bank.feed(samples)


@pytest.mark.parametrize("channels", [0, -1, 1.5, True, "2", 2**20 + 1])
def test_a_bank_needs_channels(channels):
    with pytest.raises(InvalidSettingError, match=r"a bank of .* channels was asked for; it must be a whole number"):
        DecoderBank(channels, 8000)


def test_a_flushed_bank_refuses_more():
    bank = DecoderBank(1, 8000)
    bank.flush()
    assert bank.flush() == []
    with pytest.raises(InvalidSignalError, match="the stream was flushed and has ended"):
        bank.feed(np.zeros((1, 160)))


def test_a_bank_that_holds_nothing_tells_as_soon_as_a_stream():
    samples = to_pcm16(np.tile(one_channel(40.0, 3), (3, 1)))
    bank, stream = DecoderBank(3, 8000, announce=False, hold_ms=0.0), StreamDecoder(8000, announce=False)
    for start in range(0, LENGTH, 160):
        told = [what(e) for e in bank.feed(samples[:, start : start + 160]) if e.channel == 0]
        assert told == [what(e) for e in stream.feed(samples[0, start : start + 160])]


@pytest.mark.parametrize("hold_ms", [-1.0, 80.5, float("nan")])
def test_a_hold_out_of_range_is_refused(hold_ms):
    with pytest.raises(InvalidSettingError, match=f"hold_ms is {hold_ms}; it must be from 0 to 80"):
        DecoderBank(1, 8000, hold_ms=hold_ms)
