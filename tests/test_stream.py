"""The stream: any chunking, lost samples, tones told while they sound."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from helpers import NO_ERRORS, at_snr, random_presses, score
from hypothesis import given, settings
from hypothesis import strategies as st

from dtmf_audio import (
    DetectedTone,
    InvalidSettingError,
    InvalidSignalError,
    Rejection,
    StreamDecoder,
    ToneStarted,
    channel,
    decode,
    render,
)
from dtmf_audio.signals import to_pcm16


def run(samples, cuts=(), samplerate=8000, **options):
    stream = StreamDecoder(samplerate, **options)
    edges = [0, *sorted(cuts), len(samples)]
    events = [e for a, b in itertools.pairwise(edges) for e in stream.feed(samples[a:b])]
    return events + stream.flush()


def places(events):
    """What must be equal to the sample, in the order in which it was told."""
    return [
        (type(e), e.tone, e.start, e.heard_until if isinstance(e, ToneStarted) else e.stop, e.channel) for e in events
    ]


def noisy_presses(seed, snr_db):
    return at_snr(random_presses(12, seed), snr_db, seed)


NOISY = {snr_db: noisy_presses(41, snr_db) for snr_db in (20.0, 0.0)}


@settings(max_examples=25)
@given(st.data())
@pytest.mark.parametrize("snr_db", NOISY)
def test_any_chunking_gives_the_same_events(snr_db, data):
    samples = NOISY[snr_db]
    cuts = data.draw(st.lists(st.integers(0, len(samples)), max_size=40))
    explain = data.draw(st.booleans())
    assert places(run(samples, cuts, explain=explain)) == places(run(samples, explain=explain))


@pytest.mark.parametrize("snr_db", [6.0, 0.0, -3.0])
def test_explain_adds_near_misses_and_changes_nothing_else(snr_db):
    samples = noisy_presses(49, snr_db)
    explained, plain = (run(samples, range(160, len(samples), 160), explain=explain) for explain in (True, False))
    assert [e for e in explained if not isinstance(e, Rejection)] == [e for e in plain if not isinstance(e, Rejection)]
    assert {e for e in plain if isinstance(e, Rejection)} <= set(explained)


@pytest.mark.parametrize("chunk", [1, 7, 80, 160, 4096])
def test_chunks_of_fixed_length_give_the_same_events(chunk):
    samples = NOISY[0.0][: 4000 if chunk == 1 else None]
    assert places(run(samples, range(chunk, len(samples), chunk))) == places(run(samples))


def mixed(seed):
    """Presses of all lengths and gaps with holes in them, under noise that swells and stops as speech does."""
    rng = np.random.default_rng(seed)
    rendering = random_presses(
        12, seed, on_ms=rng.choice([40.0, 60.0, 120.0, 300.0]), delay_ms=rng.choice([20.0, 80.0])
    )
    noise = channel.noise(len(rendering.samples), level_dbm0=-18.0, samplerate=8000, rng=rng, color="speech")
    swell = np.repeat(rng.uniform(0.0, 1.5, len(noise) // 800 + 1), 800)[: len(noise)]
    samples = rendering.samples + swell * noise
    for press in rendering.tones:
        if rng.random() < 0.5:
            start = int(rng.integers(press.start, press.stop))
            samples[start : start + int(rng.integers(40, 240))] = 0.0
    return samples


@settings(max_examples=25)
@given(st.integers(0, 30), st.integers(1, 400), st.booleans())
def test_chunks_do_not_change_what_is_told_of_holes_long_presses_and_speech(seed, chunk, explain):
    samples = mixed(seed)
    wanted = places(run(samples, explain=explain))
    assert places(run(samples, range(chunk, len(samples), chunk), explain=explain)) == wanted


@pytest.mark.parametrize("samplerate", [7619, 8000, 44100])
@pytest.mark.parametrize("noise_db", [None, 15.0])
def test_how_many_presses_come_together_changes_no_digit_of_what_is_measured(samplerate, noise_db):
    """A sine from phase 0 begins with a sample of 0, so its edges tie; BLAS rounds by how many rows it is given."""
    twists = np.random.default_rng(50).uniform(-6.0, 6.0, 12)
    renderings = [
        render("159D*03B6", samplerate, on_ms=47.3, delay_ms=61.9, ramp_ms=0.0, twist_db=twist) for twist in twists
    ]
    samples = np.concatenate([rendering.samples for rendering in renderings])
    if noise_db is not None:
        samples = channel.add_noise_at_snr(
            samples, snr_db=noise_db, signal_dbm0=-6.0, samplerate=samplerate, rng=np.random.default_rng(51)
        )
    cuts = np.random.default_rng(52).integers(0, len(samples), 40)
    assert len(decode(samples, samplerate)) == 12 * 9
    streamed = [e for e in run(samples, cuts, samplerate) if isinstance(e, DetectedTone)]
    assert streamed == decode(samples, samplerate)


@pytest.mark.parametrize("samplerate", [8000, 11025, 44100])
def test_decode_is_the_stream_fed_once(samplerate):
    samples = random_presses(16, 42, samplerate=samplerate).samples
    streamed = [e for e in run(samples, samplerate=samplerate) if isinstance(e, DetectedTone)]
    assert places(streamed) == places(decode(samples, samplerate))


@pytest.mark.parametrize("snr_db", NOISY)
def test_both_goertzel_forms_give_the_same_tones_at_the_same_samples(snr_db):
    matrix, resonator = (decode(NOISY[snr_db], 8000, goertzel=form) for form in ("matrix", "resonator"))
    assert places(matrix) == places(resonator)
    for a, b in zip(matrix, resonator, strict=True):
        assert a.low_level_dbm0 == pytest.approx(b.low_level_dbm0, abs=1e-5)  # single precision
        assert a.high_offset_pct == pytest.approx(b.high_offset_pct, abs=1e-5)


@pytest.mark.parametrize("samplerate", [8000, 16000, 48000])
def test_a_clear_tone_is_told_within_45_ms_of_its_start_and_before_its_end(samplerate):
    rendering = random_presses(64, 43, samplerate=samplerate, on_ms=60.0)
    events = run(rendering.samples, range(0, len(rendering.samples), samplerate // 50), samplerate)
    started = [e for e in events if isinstance(e, ToneStarted)]
    assert [e.tone for e in started] == [press.tone for press in rendering.tones]
    latency_ms = [1000 * (e.heard_until - p.start) / samplerate for e, p in zip(started, rendering.tones, strict=True)]
    assert np.percentile(latency_ms, 95) <= 45.0
    assert max(latency_ms) < 70.0


def test_every_finished_tone_was_told_to_have_started_and_none_is_taken_back():
    samples = noisy_presses(44, 6.0)
    open_tones = []
    for event in run(samples, range(160, len(samples), 160)):
        if isinstance(event, ToneStarted):
            open_tones.append(event.tone)
        else:
            assert isinstance(event, DetectedTone)
            open_tones.remove(event.tone)
    assert open_tones == []


def test_a_tone_that_turns_out_too_weak_in_evidence_is_taken_back_with_its_limit():
    # 100 ms of a pair, then 2 s in which the pair goes on under louder noise: still one tone, never a traceback.
    pair = render("5", 8000, on_ms=2000.0, lead_ms=50.0, tail_ms=50.0).samples
    rng = np.random.default_rng(45)
    pair[1200:] += 0.5 * rng.standard_normal(len(pair) - 1200)
    for event in run(pair):
        assert isinstance(event, ToneStarted | DetectedTone | Rejection)
        if isinstance(event, Rejection):
            assert event.limit
            assert event.start < event.stop


def test_lost_samples_do_not_end_a_press():
    rendering = random_presses(160, 46, on_ms=100.0, delay_ms=100.0)
    samples = rendering.samples
    n_frames = len(samples) // 160
    lost = channel.lost_frames(n_frames, loss_pct=5.0, rng=np.random.default_rng(47))
    assert lost.sum() > 50
    stream, events = StreamDecoder(8000, announce=False), []
    for index in range(n_frames):
        frame = samples[160 * index : 160 * (index + 1)]
        events += stream.gap(160) if lost[index] else stream.feed(frame)
    events += stream.flush()
    assert score(rendering.tones, events) == NO_ERRORS


@pytest.mark.parametrize("gap_ms", [20, 50, 100, 200, 400])
def test_every_tone_on_both_sides_of_a_gap_was_told_to_have_started(gap_ms):
    samples = render("5", 8000, on_ms=900.0, lead_ms=50.0, tail_ms=100.0).samples
    lost = 8 * gap_ms
    stream = StreamDecoder(8000)
    events = stream.feed(samples[:2400]) + stream.gap(lost) + stream.feed(samples[2400 + lost :]) + stream.flush()
    started, finished = ([e for e in events if isinstance(e, kind)] for kind in (ToneStarted, DetectedTone))
    assert len(started) == len(finished) == (1 if gap_ms <= 50 else 2)


def test_a_long_gap_keeps_positions_and_costs_no_memory():
    rendering = render("1", 8000, lead_ms=50.0, tail_ms=50.0)
    stream = StreamDecoder(8000, announce=False)
    events = stream.feed(rendering.samples) + stream.gap(10**12) + stream.feed(rendering.samples) + stream.flush()
    length = len(rendering.samples)
    assert [e.start for e in events] == pytest.approx([400, length + 10**12 + 400], abs=8)


def test_a_tone_cut_off_by_the_end_of_the_stream_stops_there():
    samples = render("7", 8000, on_ms=100.0, ramp_ms=0.0).samples[:640]
    (tone,) = decode(samples, 8000)
    assert tone.start == pytest.approx(0, abs=8)
    assert 632 <= tone.stop <= 640


def test_nothing_is_told_of_what_lies_past_the_end():
    samples = render("7", 8000, on_ms=100.0, ramp_ms=0.0).samples
    for length in range(160, 400, 24):
        for event in run(samples[:length], explain=True):
            assert (event.heard_until if isinstance(event, ToneStarted) else event.stop) <= length


def test_dtypes_give_the_same_tones_at_the_same_samples():
    pcm = to_pcm16(random_presses(16, 48).samples)
    wanted = places(decode(pcm, 8000))
    assert len(wanted) == 16
    assert places(decode(pcm / 32768, 8000)) == wanted
    assert places(decode((pcm / 32768).astype(np.float32), 8000)) == wanted
    assert places(decode(pcm.astype(np.int32) * 65536, 8000)) == wanted
    coarse = decode((pcm // 256 + 128).astype(np.uint8), 8000)
    assert [tone.tone for tone in coarse] == [place[1] for place in wanted]


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((10, 2)), "samples of 2 channels were fed; a stream is one channel: make a decoder for each"),
        (np.array([0.0, np.nan]), "sample 1001 is nan; every sample must be finite"),
        (np.array([0.0, -np.inf]), "sample 1001 is -inf; every sample must be finite"),
        (np.zeros(3, complex), "samples are complex128; they must be int16, int32, uint8, float32 or float64"),
    ],
)
def test_feed_refuses_what_is_not_audio(samples, message):
    stream = StreamDecoder(8000)
    stream.feed(np.zeros(1000))
    with pytest.raises(InvalidSignalError) as error:
        stream.feed(samples)
    assert message in str(error.value)


@pytest.mark.parametrize("n_samples", [-1, 1.5, True, "160"])
def test_gap_refuses_what_is_no_number_of_samples(n_samples):
    with pytest.raises(InvalidSettingError, match=r"a gap of .* samples was told; it must be a whole number"):
        StreamDecoder(8000).gap(n_samples)


def test_a_flushed_stream_refuses_more():
    stream = StreamDecoder(8000)
    stream.flush()
    assert stream.flush() == []
    with pytest.raises(InvalidSignalError, match="the stream was flushed and has ended; make a new decoder"):
        stream.feed(np.zeros(160))
