"""The Goertzel bank: the phasor of every block at every frequency, in two forms that agree to rounding.

The *resonator* is Goertzel's algorithm as he gave it, a second-order recursion run by
``scipy.signal.lfilter`` over each block; it is the definition. Its state at the end of a block has a closed
form, a sum of products with a complex exponential, so a bank over many blocks is one matrix product: the
*matrix* form, which is what the decoder runs by default. A property test holds the two together.

Conventions
-----------
- A phasor is ``sum(x[n] exp(-2j pi f n / samplerate))`` over the block, ``n`` from the block's own start; a
  sine of amplitude ``a`` at ``f`` gives ``|phasor| = a * block_len / 2``. Frequencies need not be whole
  numbers of cycles in the block.
- Frequencies are the first axis of the result: maxima and sums over them then run along contiguous rows.
- A bank may be *deaf* to some frequencies: what a block holds of sines there, by least squares, is taken out of its
  phasors. They stay sums over the block, so the matrix costs no more; the resonator runs at those frequencies, too.
- Phasors of adjacent blocks add up to the phasor of the longer block after a turn of
  ``exp(-2j pi f block_len / samplerate)`` for each block; :attr:`GoertzelBank.turn` holds it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from dtmf_audio.errors import InvalidSettingError, InvalidSignalError

GoertzelForm = Literal["matrix", "resonator"]
Phasors = npt.NDArray[np.complexfloating[Any, Any]]


class GoertzelBank:
    """Goertzel filters at fixed frequencies over blocks of fixed length.

    Parameters
    ----------
    freqs_hz : sequence of float, length n_freqs
        Below ``samplerate / 2``.
    samplerate : float
        Hz.
    block_len : int
        Samples in a block.
    form : {"matrix", "resonator"}
        How phasors are computed; the results agree to rounding.
    dtype : numpy.float32 or numpy.float64
        Of the samples and, as complex, of the phasors. The resonator always recurs in float64.
    deaf_to_hz : sequence of float
        What a block holds of sines at these frequencies is taken out of its phasors.

    Attributes
    ----------
    turn : complex128, shape (n_freqs, 1)
        Phase of one block: multiplies a phasor to refer it to the start of the block before.

    Raises
    ------
    InvalidSettingError
        No samples in a block, an unknown form, or a frequency not between 0 and half the rate.

    References
    ----------
    .. [1] G. Goertzel, "An algorithm for the evaluation of finite trigonometric series", Amer. Math. Monthly
       65 (1958) 34-35.
    """

    def __init__(
        self,
        freqs_hz: Sequence[float] | npt.NDArray[np.float64],
        samplerate: float,
        block_len: int,
        *,
        form: GoertzelForm = "matrix",
        dtype: type[np.floating[Any]] = np.float64,
        deaf_to_hz: Sequence[float] = (),
    ) -> None:
        if form not in ("matrix", "resonator"):
            raise InvalidSettingError(f"goertzel form is {form!r}; it must be 'matrix' or 'resonator'")
        if block_len < 1:
            raise InvalidSettingError(f"block_len is {block_len}; a block must hold at least one sample")
        freqs = np.concatenate([np.asarray(freqs_hz, dtype=np.float64), np.asarray(deaf_to_hz, dtype=np.float64)])
        if not np.all((freqs >= 0) & (freqs < samplerate / 2)):
            raise InvalidSettingError(
                f"frequencies reach from {freqs.min():g} to {freqs.max():g} Hz; at {samplerate:g} Hz they must lie "
                f"from 0 to below {samplerate / 2:g} Hz"
            )
        self.block_len = block_len
        self._form = form
        self._dtype = dtype
        self._omega = 2 * np.pi * freqs / samplerate  # radians per sample
        self._n_freqs = len(freqs) - len(deaf_to_hz)
        basis = np.exp(-1j * np.outer(np.arange(block_len), self._omega))  # (block_len, n_freqs + n_deaf)
        basis, deaf = basis[:, : self._n_freqs], basis[:, self._n_freqs :]
        # How phasors at the deaf frequencies, and their conjugates, make up the others; (2 n_deaf, n_freqs).
        sines = np.concatenate([deaf, np.conj(deaf)], axis=1)
        self._shares = np.linalg.lstsq(sines, basis, rcond=None)[0]
        basis = np.ascontiguousarray(basis - sines @ self._shares)
        self._basis = basis.view(np.float64).astype(dtype)  # (block_len, 2 n_freqs), real and imaginary in turn
        self.turn = np.exp(-1j * self._omega[: self._n_freqs] * block_len)[:, np.newaxis]

    def phasors(self, blocks: npt.NDArray[Any]) -> Phasors:
        """Phasor of each block at each frequency.

        Parameters
        ----------
        blocks : float, shape (..., n_blocks, block_len)

        Returns
        -------
        complex, shape (n_freqs, ..., n_blocks)
            With the phasors of one block next to each other in memory, in the matrix form. Those of a group of blocks
            are the same to the last digit whatever groups come with it; those of a block alone may not be.
        """
        if blocks.ndim < 2 or blocks.shape[-1] != self.block_len:
            raise InvalidSignalError(f"blocks have shape {blocks.shape}; (..., n_blocks, {self.block_len}) is wanted")
        if self._form == "resonator":
            rows = blocks.reshape(math.prod(blocks.shape[:-1]), self.block_len)
            return self._resonator(rows).reshape(self._n_freqs, *blocks.shape[:-1])
        # Blocks first, and turned around in the view: BLAS is twice as fast on this order of the product. It adds up a
        # row in an order that depends on its place among the others, so each group is a product of its own.
        products = np.ascontiguousarray(blocks, self._dtype) @ self._basis  # (..., n_blocks, 2 n_freqs)
        phasors: Phasors = np.moveaxis(products.view(np.result_type(self._dtype, np.complex64)), -1, 0)
        return phasors

    def _resonator(self, blocks: npt.NDArray[Any]) -> Phasors:
        """Run the recursion ``v[n] = x[n] + 2 cos(w) v[n-1] - v[n-2]`` and close it at the block's end."""
        from scipy.signal import lfilter  # 0.6 s to import, and only this form needs it

        phasors = np.empty((len(self._omega), len(blocks)), dtype=np.result_type(self._dtype, np.complex64))
        if not len(blocks):
            return phasors
        for row, omega in enumerate(self._omega):
            v = lfilter([1.0], [1.0, -2 * np.cos(omega), 1.0], blocks.astype(np.float64), axis=1)
            before_last = v[:, -2] if self.block_len > 1 else 0.0
            # v[N-1] - exp(-jw) v[N-2] is the sum referred to the block's last sample; turn it to its first.
            phasors[row] = (v[:, -1] - np.exp(-1j * omega) * before_last) * np.exp(-1j * omega * (self.block_len - 1))
        deaf = phasors[self._n_freqs :]
        heard: Phasors = self._shares.T.astype(phasors.dtype) @ np.concatenate([deaf, np.conj(deaf)])
        return np.subtract(phasors[: self._n_freqs], heard)
