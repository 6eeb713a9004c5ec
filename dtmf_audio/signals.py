"""The gate for audio that comes in as arrays: its rate, dtype, shape and values are checked here, once.

Conventions
-----------
- A signal is ``(n,)``, one channel, or ``(n, channels)``, as soundfile gives it. Channels are never mixed:
  mixing loses keys pressed at the same time, and channels of opposite phase cancel.
- Full scale is 1.0 after conversion: int16 is divided by 2**15, int32 by 2**31, uint8 is offset binary
  (128 is zero) divided by 2**7; float32 and float64 are taken as they are.
- Work is done in the dtype that the caller of :func:`to_float` names; 16-bit samples are exact in float32.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import numpy.typing as npt

from dtmf_audio.errors import InvalidSettingError, InvalidSignalError

Samples = npt.NDArray[np.float64]

MIN_SAMPLERATE = 4000  # the least that holds 1633 Hz with room for its tolerance and a filter's slope
MAX_SAMPLERATE = 192_000
MAX_CHANNELS = 1024  # libsndfile's own limit; a (channels, n) array by mistake has far more
LARGEST_FLOAT = 64.0  # +36 dB over full scale: no mistaken gain is this large, 16-bit values in floats are

SAMPLE_SCALE = 2.0**15  # the decoder's own unit is a step of 16 bits: int16 samples are converted without a product

_SCALES: dict[np.dtype[Any], float] = {
    np.dtype(np.int16): 2.0**15,
    np.dtype(np.int32): 2.0**31,
    np.dtype(np.uint8): 2.0**7,
    np.dtype(np.float32): 1.0,
    np.dtype(np.float64): 1.0,
}
_UINT8_ZERO = 128.0


def check_samplerate(samplerate: int) -> int:
    """Return the rate as an ``int``.

    Raises
    ------
    InvalidSettingError
        Not a whole number of Hz from 4000 to 192000.
    """
    try:
        rate = None if isinstance(samplerate, bool | np.bool_) else operator.index(samplerate)
    except TypeError:
        rate = None
    if rate is None or not MIN_SAMPLERATE <= rate <= MAX_SAMPLERATE:
        raise InvalidSettingError(
            f"sample rate is {samplerate!r}; it must be a whole number of Hz from {MIN_SAMPLERATE} to "
            f"{MAX_SAMPLERATE}: resample the audio first"
        )
    return rate


def as_dtype(samples: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return samples as an array, its dtype unchanged.

    Raises
    ------
    InvalidSignalError
        The dtype is none of int16, int32, uint8, float32 and float64.
    """
    array = np.asarray(samples)
    if array.dtype not in _SCALES and array.dtype.newbyteorder("=") not in _SCALES:
        raise InvalidSignalError(
            f"samples are {array.dtype}; they must be int16, int32, uint8, float32 or float64: convert them first"
        )
    return array


def as_channels(signal: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return the signal as ``(n, channels)``, a view where possible, its dtype unchanged.

    Raises
    ------
    InvalidSignalError
        The dtype is none of int16, int32, uint8, float32 and float64, or the shape is neither ``(n,)`` nor
        ``(n, channels)``.
    """
    array = as_dtype(signal)
    if array.ndim not in (1, 2):
        raise InvalidSignalError(
            f"signal has {array.ndim} dimensions; it must have 1, (n,), or 2, (n, channels): reshape it first"
        )
    columns = array[:, np.newaxis] if array.ndim == 1 else array
    if not 1 <= columns.shape[1] <= MAX_CHANNELS:
        raise InvalidSignalError(
            f"signal of shape {array.shape} has {columns.shape[1]} channels; from 1 to {MAX_CHANNELS} are taken, "
            "as (n, channels): transpose it if it is (channels, n)"
        )
    return columns


def chosen_channels(signal: npt.ArrayLike, channel: int | None, *, to: str) -> tuple[npt.NDArray[Any], list[int]]:
    """Return the signal as :func:`as_channels` does, and the numbers of the channels that are asked for.

    Parameters
    ----------
    signal : int16, int32, uint8, float32 or float64, shape (n,) or (n, channels)
    channel : int, optional
        This one alone; without it, all.
    to : str
        What they are asked for, for the message: ``"decode"``.

    Raises
    ------
    InvalidSignalError
        The signal has no samples, or another dtype or shape.
    InvalidSettingError
        A channel that the signal does not have.
    """
    columns = as_channels(signal)
    if not len(columns):
        raise InvalidSignalError("the signal has no samples; give at least one")
    n_channels = columns.shape[1]
    if channel is None:
        return columns, list(range(n_channels))
    if not 0 <= channel < n_channels:
        raise InvalidSettingError(
            f"channel {channel} asked for, the signal has {n_channels} (0 to {n_channels - 1}); "
            f"leave channel out to {to} all"
        )
    return columns, [channel]


def to_float(samples: npt.NDArray[Any], dtype: type[np.floating[Any]], *, offset: int = 0) -> npt.NDArray[Any]:
    """Return one channel's samples as floats of full scale 1.0, in a new array.

    Parameters
    ----------
    samples : int16, int32, uint8, float32 or float64, shape (n,)
    dtype : numpy.float32 or numpy.float64
        Of the result.
    offset : int
        Index of the first sample in its stream, for the message.

    Raises
    ------
    InvalidSignalError
        A sample is NaN, infinite, or so large that full scale cannot be 1.0.
    """
    scale = _SCALES[samples.dtype.newbyteorder("=")]
    if scale == 1.0 and samples.size:
        _check_floats(samples, offset)  # before the conversion, which overflows for what float32 cannot hold
    scaled = samples.astype(dtype)
    if samples.dtype == np.uint8:
        scaled -= _UINT8_ZERO
    if scale != 1.0:
        scaled *= dtype(1.0 / scale)
    return scaled


def to_steps(samples: npt.NDArray[Any], out: npt.NDArray[np.float32], *, offset: int = 0) -> None:
    """Convert samples to float32 in steps of 16 bits, full scale 32768, into an array of the same shape.

    Parameters and errors are those of :func:`to_float`; the shape is any, with time last.
    """
    scale = SAMPLE_SCALE / _SCALES[samples.dtype.newbyteorder("=")]
    if scale == SAMPLE_SCALE and samples.size:
        for row in samples.reshape(-1, samples.shape[-1]):
            _check_floats(row, offset)
    np.copyto(out, samples, casting="unsafe")
    if samples.dtype == np.uint8:
        out -= np.float32(_UINT8_ZERO)
    if scale != 1.0:
        out *= np.float32(scale)


def to_pcm16(samples: Samples) -> npt.NDArray[np.int16]:
    """Return samples as 16-bit integers: ``rint(32768 x)``, +1.0 itself becoming 32767.

    Raises
    ------
    InvalidSignalError
        A sample lies outside full scale or is NaN: it would wrap around, or clip in silence.
    """
    outside = ~(np.abs(samples) <= 1.0)
    if outside.any():
        index = int(np.argmax(outside.ravel()))
        raise InvalidSignalError(
            f"sample {index} is {samples.ravel()[index]}; 16-bit audio holds -1.0 to 1.0: lower the level"
        )
    return whole_steps(samples, 16).astype(np.int16)


def whole_steps(samples: Samples, bits: int) -> Samples:
    """Return samples in whole steps of so many bits, the nearest ones, limited to what the bits hold."""
    full_scale = 2.0 ** (bits - 1)
    return np.clip(np.rint(samples * full_scale), -full_scale, full_scale - 1)


def _check_floats(samples: npt.NDArray[Any], offset: int) -> None:
    """Refuse floats that are not samples; a NaN spreads to minimum and maximum, so two passes find all."""
    low, high = samples.min(), samples.max()
    if low >= -LARGEST_FLOAT and high <= LARGEST_FLOAT:
        return
    bad = ~(np.abs(samples) <= LARGEST_FLOAT)
    where = int(np.argmax(bad))
    value = float(samples[where])
    place = f"sample {offset + where} is {value}"
    if np.isfinite(value):
        raise InvalidSignalError(
            f"{place}; floats must have full scale 1.0: divide by 32768 if these are 16-bit values"
        )
    raise InvalidSignalError(f"{place}; every sample must be finite: replace it by 0 or by its neighbours")
