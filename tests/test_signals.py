"""The gate: what is let in, on which scale, and what is told to those it keeps out."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtmf_audio.errors import InvalidSettingError, InvalidSignalError
from dtmf_audio.signals import as_channels, check_samplerate, to_float, to_pcm16

WORK_TYPES = (np.float32, np.float64)
STEP_16 = 2.0**-15
STEP_32 = 2.0**-31

# Type, value, and what it stands for where full scale is 1.0.
SCALES = [
    ("int16", -32768, -1.0),
    ("int16", 0, 0.0),
    ("int16", 1, STEP_16),
    ("int16", 32767, 1.0 - STEP_16),
    ("int32", -(2**31), -1.0),
    ("int32", 0, 0.0),
    ("int32", 1, STEP_32),
    ("int32", 2**31 - 1, 1.0 - STEP_32),
    ("uint8", 0, -1.0),
    ("uint8", 128, 0.0),  # offset binary: silence is 128
    ("uint8", 129, 2.0**-7),
    ("uint8", 255, 1.0 - 2.0**-7),
    ("float32", -1.0, -1.0),
    ("float32", 0.5, 0.5),
    ("float64", 0.1, 0.1),
    ("float64", 1.5, 1.5),  # floats may exceed full scale; they do not clip here
    (">i2", -32768, -1.0),
    (">i4", 2**30, 0.5),
    (">f4", 0.5, 0.5),
    (">f8", 0.1, 0.1),
]


@pytest.mark.parametrize(("dtype", "value", "wanted"), SCALES)
def test_each_type_has_its_scale(dtype: str, value: float, wanted: float) -> None:
    samples = as_channels(np.array([value], dtype=dtype))[:, 0]
    assert to_float(samples, np.float64)[0] == wanted


@pytest.mark.parametrize(("dtype", "value", "wanted"), SCALES)
def test_float32_holds_the_nearest_value(dtype: str, value: float, wanted: float) -> None:
    assert to_float(np.array([value], dtype=dtype), np.float32)[0] == np.float32(wanted)


@pytest.mark.parametrize("work_type", WORK_TYPES)
@pytest.mark.parametrize("dtype", ["int16", "int32", "uint8", "float32", "float64"])
def test_the_result_is_a_new_array_of_the_type_asked_for(dtype: str, work_type: type[np.floating[Any]]) -> None:
    samples = np.full(3, 100, dtype=dtype) if dtype in ("int16", "int32", "uint8") else np.full(3, 0.5, dtype=dtype)
    before = samples.copy()
    result = to_float(samples, work_type)
    assert result.dtype == work_type
    result[:] = 0
    assert np.array_equal(samples, before)


@pytest.mark.parametrize("work_type", WORK_TYPES)
@pytest.mark.parametrize("dtype", ["int16", "int32", "uint8", "float32", "float64"])
def test_no_samples_are_no_samples(dtype: str, work_type: type[np.floating[Any]]) -> None:
    assert to_float(np.array([], dtype=dtype), work_type).shape == (0,)


@pytest.mark.parametrize("work_type", WORK_TYPES)
def test_every_16_bit_value_survives_the_round_trip(work_type: type[np.floating[Any]]) -> None:
    values = np.arange(-32768, 32768).astype(np.int16)
    assert np.array_equal(to_pcm16(to_float(values, work_type).astype(np.float64)), values)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (1.0, 32767),
        (-1.0, -32768),
        (1.0 - STEP_16, 32767),
        (0.49 * STEP_16, 0),
        (0.51 * STEP_16, 1),
        (-0.51 * STEP_16, -1),
    ],
)
def test_16_bit_samples_are_the_nearest_and_plus_one_is_the_largest(value: float, wanted: int) -> None:
    result = to_pcm16(np.array([value]))
    assert result.dtype == np.int16
    assert result[0] == wanted


@pytest.mark.parametrize("value", [1.0000001, -1.0000001, 2.0, 1e300, np.inf, -np.inf, np.nan])
def test_16_bit_audio_refuses_what_lies_outside_full_scale_with_its_position(value: float) -> None:
    samples = np.zeros(10)
    samples[[7, 9]] = value
    with pytest.raises(InvalidSignalError) as caught:
        to_pcm16(samples)
    assert str(caught.value) == (f"sample 7 is {np.float64(value)}; 16-bit audio holds -1.0 to 1.0: lower the level")


@pytest.mark.parametrize("work_type", WORK_TYPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_sample_that_is_not_finite_is_refused_with_its_position_in_the_stream(
    value: float, dtype: str, work_type: type[np.floating[Any]]
) -> None:
    samples = np.zeros(10, dtype=dtype)
    samples[[3, 5]] = value
    with pytest.raises(InvalidSignalError) as caught:
        to_float(samples, work_type, offset=1000)
    assert str(caught.value) == (
        f"sample 1003 is {value}; every sample must be finite: replace it by 0 or by its neighbours"
    )


@pytest.mark.parametrize("work_type", WORK_TYPES)
@pytest.mark.parametrize("value", [64.1, -12345.0, 32767.0, 1e300])
def test_16_bit_values_in_floats_are_refused_with_the_remedy(value: float, work_type: type[np.floating[Any]]) -> None:
    with pytest.raises(InvalidSignalError) as caught:
        to_float(np.array([0.0, value]), work_type)
    assert str(caught.value) == (
        f"sample 1 is {value}; floats must have full scale 1.0: divide by 32768 if these are 16-bit values"
    )


@pytest.mark.parametrize("value", [64.0, -64.0])
def test_floats_36_db_over_full_scale_are_still_taken(value: float) -> None:
    assert to_float(np.array([value]), np.float32)[0] == value


def test_one_dimension_is_one_channel_and_shares_its_memory() -> None:
    signal = np.arange(5, dtype=np.int16)
    columns = as_channels(signal)
    assert columns.shape == (5, 1)
    assert np.shares_memory(columns, signal)


def test_channels_stay_apart_and_keep_their_type() -> None:
    signal = np.array([[1, -1], [2, -2], [3, -3]], dtype=np.int16)
    columns = as_channels(signal)
    assert columns.dtype == np.int16
    assert columns[:, 0].tolist() == [1, 2, 3]
    assert columns[:, 1].tolist() == [-1, -2, -3]


@pytest.mark.parametrize("shape", [(0,), (0, 2), (1, 1), (1, 1024)])
def test_any_number_of_samples_and_up_to_1024_channels_are_taken(shape: tuple[int, ...]) -> None:
    assert len(as_channels(np.zeros(shape))) == shape[0]


@pytest.mark.parametrize(
    ("signal", "n_dimensions"), [(np.float64(0.5), 0), (np.zeros((2, 2, 2)), 3), (np.zeros((1, 1, 1, 1)), 4)]
)
def test_zero_and_three_dimensions_are_refused(signal: npt.NDArray[np.float64], n_dimensions: int) -> None:
    with pytest.raises(InvalidSignalError) as caught:
        as_channels(signal)
    assert str(caught.value) == (
        f"signal has {n_dimensions} dimensions; it must have 1, (n,), or 2, (n, channels): reshape it first"
    )


@pytest.mark.parametrize("n_channels", [0, 1025, 8000])
def test_no_channels_and_a_turned_array_are_refused(n_channels: int) -> None:
    with pytest.raises(InvalidSignalError) as caught:
        as_channels(np.zeros((2, n_channels)))
    assert str(caught.value) == (
        f"signal of shape (2, {n_channels}) has {n_channels} channels; from 1 to 1024 are taken, as (n, channels): "
        "transpose it if it is (channels, n)"
    )


@pytest.mark.parametrize(
    "dtype", ["bool", "int8", "uint16", "uint32", "int64", "float16", "complex128", "object", "U1", "S1"]
)
def test_other_types_are_refused_by_name(dtype: str) -> None:
    signal = np.zeros(3, dtype=dtype)
    with pytest.raises(InvalidSignalError) as caught:
        as_channels(signal)
    assert str(caught.value) == (
        f"samples are {signal.dtype}; they must be int16, int32, uint8, float32 or float64: convert them first"
    )


@pytest.mark.parametrize("samplerate", [4000, 8000, 11025, 44100, 192_000, np.int32(8000), np.uint16(4000)])
def test_whole_rates_from_4000_to_192000_are_taken_as_int(samplerate: int) -> None:
    assert check_samplerate(samplerate) == samplerate
    assert type(check_samplerate(samplerate)) is int


@pytest.mark.parametrize(
    "samplerate", [0, -8000, 1, 3999, 192_001, True, False, 8000.0, np.float64(8000), np.bool_(True), "8000", None]
)
def test_other_rates_are_refused_and_the_range_is_told(samplerate: object) -> None:
    with pytest.raises(InvalidSettingError) as caught:
        check_samplerate(samplerate)  # type: ignore[arg-type]
    assert str(caught.value) == (
        f"sample rate is {samplerate!r}; it must be a whole number of Hz from 4000 to 192000: resample the audio first"
    )


@given(samplerate=st.integers())
def test_a_whole_rate_is_taken_exactly_when_it_is_in_range(samplerate: int) -> None:
    if 4000 <= samplerate <= 192_000:
        assert check_samplerate(samplerate) == samplerate
    else:
        with pytest.raises(InvalidSettingError):
            check_samplerate(samplerate)
