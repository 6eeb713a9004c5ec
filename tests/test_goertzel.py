"""Both forms of the bank against each other, against the plain sum and against Goertzel's plain recursion."""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dtmf_audio.errors import InvalidSettingError, InvalidSignalError
from dtmf_audio.goertzel import GoertzelBank, GoertzelForm

FORMS: tuple[GoertzelForm, ...] = ("matrix", "resonator")
by_form = pytest.mark.parametrize("form", FORMS)


def plain_sum(block: Sequence[float], freq_hz: float, samplerate: float) -> complex:
    """Sum up the definition, sample by sample."""
    return math.fsum(x * math.cos(2 * math.pi * freq_hz * n / samplerate) for n, x in enumerate(block)) - 1j * (
        math.fsum(x * math.sin(2 * math.pi * freq_hz * n / samplerate) for n, x in enumerate(block))
    )


def plain_goertzel(block: Sequence[float], freq_hz: float, samplerate: float) -> complex:
    """Goertzel's recursion as he gave it, and the phase of a frequency that need not be a bin."""
    omega = 2 * math.pi * freq_hz / samplerate
    last = before_last = 0.0
    for x in block:
        last, before_last = x + 2 * math.cos(omega) * last - before_last, last
    return (last - cmath.exp(-1j * omega) * before_last) * cmath.exp(-1j * omega * (len(block) - 1))


def rounding(block_len: int) -> float:
    """Largest difference that rounding explains, for samples up to 1.0.

    The recursion multiplies an error by as much as the number of samples that follow it, near 0 Hz and half the
    rate, so n errors grow to n**2 of them; each is 1e-16 of a state that is itself as large as n.
    """
    return 1e-15 * (1 + block_len**3)


blocks_of_noise = st.builds(
    lambda n_blocks, block_len, seed: np.random.default_rng(seed).uniform(-1, 1, (n_blocks, block_len)),
    st.integers(0, 4),
    st.integers(1, 400),
    st.integers(0, 10_000),
)
fractions_of_half_the_rate = st.lists(st.floats(0, 0.999), min_size=1, max_size=9)


@settings(max_examples=150)
@given(blocks=blocks_of_noise, fractions=fractions_of_half_the_rate, samplerate=st.floats(4000, 192_000))
@example(blocks=np.ones((2, 1)), fractions=[0.0, 0.999], samplerate=8000)
@example(blocks=np.ones((3, 400)), fractions=[0.0], samplerate=8000)
def test_both_forms_agree_for_any_block_rate_and_frequency(
    blocks: np.ndarray[Any, np.dtype[np.float64]], fractions: list[float], samplerate: float
) -> None:
    freqs_hz = [fraction * samplerate / 2 for fraction in fractions]
    matrix, resonator = (
        GoertzelBank(freqs_hz, samplerate, blocks.shape[1], form=form).phasors(blocks) for form in FORMS
    )
    assert matrix.shape == resonator.shape == (len(freqs_hz), len(blocks))
    assert np.max(np.abs(matrix - resonator), initial=0) <= rounding(blocks.shape[1])


@settings(max_examples=60)  # each walks sample by sample in Python
@given(
    block_len=st.integers(1, 200),
    fraction=st.floats(0, 0.999),
    samplerate=st.floats(4000, 192_000),
    seed=st.integers(0, 10_000),
)
def test_both_forms_match_the_plain_sum_and_plain_goertzel(
    block_len: int, fraction: float, samplerate: float, seed: int
) -> None:
    blocks = np.random.default_rng(seed).uniform(-1, 1, (2, block_len))
    freq_hz = fraction * samplerate / 2
    for slow in (plain_sum, plain_goertzel):
        wanted = [slow(block.tolist(), freq_hz, samplerate) for block in blocks]
        for form in FORMS:
            phasors = GoertzelBank([freq_hz], samplerate, block_len, form=form).phasors(blocks)[0]
            assert np.max(np.abs(phasors - wanted)) <= rounding(block_len)


@by_form
@pytest.mark.parametrize("block_len", [102, 205, 160])  # common ones at 8000 Hz
def test_at_dtmf_frequencies_rounding_stays_below_1e_10(block_len: int, form: GoertzelForm) -> None:
    # Far from 0 Hz and half the rate the recursion multiplies errors by 1 / sin(w) only, at most 2 here.
    blocks = np.random.default_rng(1).uniform(-1, 1, (5, block_len))
    freqs_hz = (697, 770, 852, 941, 1209, 1336, 1477, 1633)
    wanted = [[plain_sum(block.tolist(), freq_hz, 8000) for block in blocks] for freq_hz in freqs_hz]
    assert np.max(np.abs(GoertzelBank(freqs_hz, 8000, block_len, form=form).phasors(blocks) - wanted)) < 1e-10


@by_form
def test_a_sine_of_whole_periods_gives_half_its_amplitude_times_the_block(form: GoertzelForm) -> None:
    n = np.arange(160)  # 20 ms: 20 periods of 1000 Hz, 24 of 1200 Hz
    blocks = np.stack([0.3 * np.sin(2 * np.pi * 1000 * n / 8000 + phase) for phase in (0.0, 1.0, 2.0)])
    phasors = GoertzelBank([1000, 1200], 8000, 160, form=form).phasors(blocks)
    assert np.abs(phasors[0]) == pytest.approx(0.3 * 160 / 2, rel=1e-12)
    assert np.abs(phasors[1]) == pytest.approx(0, abs=1e-10)  # rounding


@by_form
def test_turned_phasors_of_blocks_add_up_to_the_phasor_of_the_whole(form: GoertzelForm) -> None:
    signal = np.random.default_rng(2).uniform(-1, 1, 4 * 50)
    freqs_hz = [697.0, 1234.5]
    bank = GoertzelBank(freqs_hz, 8000, 50, form=form)
    whole = GoertzelBank(freqs_hz, 8000, 200, form=form).phasors(signal[np.newaxis])[:, 0]
    turned = bank.phasors(signal.reshape(4, 50)) * bank.turn ** np.arange(4)
    assert turned.sum(axis=1) == pytest.approx(whole, abs=1e-10)  # rounding


@by_form
def test_single_precision_is_good_to_its_last_bits(form: GoertzelForm) -> None:
    blocks = np.random.default_rng(3).uniform(-1, 1, (4, 102))
    freqs_hz = [697.0, 1633.0]
    wanted = GoertzelBank(freqs_hz, 8000, 102, form=form).phasors(blocks)
    single = GoertzelBank(freqs_hz, 8000, 102, form=form, dtype=np.float32).phasors(blocks.astype(np.float32))
    assert single.dtype == np.complex64
    assert np.max(np.abs(single - wanted)) < 102 * 2.0**-23  # each of 102 products off by a step


@by_form
@pytest.mark.parametrize("samplerate", [8000, 48000])
def test_a_deaf_bank_hears_the_tones_and_not_the_sines_it_is_deaf_to(samplerate: int, form: GoertzelForm) -> None:
    block_len, deaf_to_hz, tone_hz = samplerate // 100, (340.0, 450.0), 770.0
    bank = GoertzelBank([tone_hz], samplerate, block_len, form=form, deaf_to_hz=deaf_to_hz)
    t = np.arange(block_len) / samplerate
    deaf = [np.cos(2 * np.pi * hz * t + phase) for hz in deaf_to_hz for phase in (0.0, 1.0)]
    tone = np.cos(2 * np.pi * tone_hz * t)
    assert bank.turn.shape == (1, 1)
    np.testing.assert_allclose(np.abs(bank.phasors(np.array(deaf))), 0.0, atol=1e-8 * block_len)
    assert np.abs(bank.phasors(tone[np.newaxis]))[0, 0] == pytest.approx(block_len / 2, rel=0.1)
    both = bank.phasors((tone + 30.0 * deaf[0])[np.newaxis])
    np.testing.assert_allclose(both, bank.phasors(tone[np.newaxis]), atol=1e-8 * block_len)


@by_form
def test_no_blocks_give_no_phasors(form: GoertzelForm) -> None:
    assert GoertzelBank([697.0, 770.0], 8000, 102, form=form).phasors(np.zeros((0, 102))).shape == (2, 0)


@by_form
def test_groups_of_blocks_have_the_phasors_of_each_group_alone_to_the_last_digit(form: GoertzelForm) -> None:
    groups = np.random.default_rng(5).normal(size=(9, 73, 19)).astype(np.float32)
    bank = GoertzelBank([697.0, 770.0, 1209.0], 8000, 19, form=form, dtype=np.float32)
    phasors = bank.phasors(groups)
    assert phasors.shape == (3, 9, 73)
    for number, group in enumerate(groups):
        np.testing.assert_array_equal(bank.phasors(group), phasors[:, number])


@by_form
@pytest.mark.parametrize("shape", [(3, 101), (3, 103), (102,), (1, 102, 3)])
def test_blocks_of_another_shape_are_refused(shape: tuple[int, ...], form: GoertzelForm) -> None:
    with pytest.raises(InvalidSignalError) as caught:
        GoertzelBank([697.0], 8000, 102, form=form).phasors(np.zeros(shape))
    assert str(caught.value) == f"blocks have shape {shape}; (..., n_blocks, 102) is wanted"


@pytest.mark.parametrize("freqs_hz", [[697.0, 4000.0], [697.0, 5000.0], [697.0, -1.0], [697.0, math.nan]])
def test_frequencies_outside_half_the_rate_are_refused(freqs_hz: list[float]) -> None:
    with pytest.raises(InvalidSettingError) as caught:
        GoertzelBank(freqs_hz, 8000, 102)
    assert str(caught.value) == (
        f"frequencies reach from {np.min(freqs_hz):g} to {np.max(freqs_hz):g} Hz; at 8000 Hz they must lie from 0 to "
        "below 4000 Hz"
    )


@pytest.mark.parametrize("block_len", [0, -1])
def test_a_block_without_samples_is_refused(block_len: int) -> None:
    with pytest.raises(InvalidSettingError) as caught:
        GoertzelBank([697.0], 8000, block_len)
    assert str(caught.value) == f"block_len is {block_len}; a block must hold at least one sample"


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(InvalidSettingError) as caught:
        GoertzelBank([697.0], 8000, 102, form="fft")  # type: ignore[arg-type]
    assert str(caught.value) == "goertzel form is 'fft'; it must be 'matrix' or 'resonator'"
