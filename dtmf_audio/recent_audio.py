"""Recent audio: what may still be looked at of all channels, in one buffer."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dtmf_audio.columns import Ints, rows_where, windows_of
from dtmf_audio.keys import channel_of


class RecentAudio:
    """The last samples of all channels, float32 in steps of 16 bits; before the start of the stream it was silent.

    Parameters
    ----------
    n_channels : int
    before : int
        Samples before the start of the stream that may be asked for.
    beyond : int
        Samples behind the last one that may be asked for; they are silent.

    Attributes
    ----------
    n_heard : int
        Samples of the stream so far.
    """

    def __init__(self, n_channels: int, *, before: int, beyond: int) -> None:
        self.n_heard = 0
        self._beyond = beyond
        self._base = -before  # sample at which the buffer begins
        self._buffer = np.zeros((n_channels, before + beyond), np.float32)

    def has_room_for(self, n_samples: int) -> bool:
        """Whether the next samples go into the buffer as it is."""
        return self.n_heard - self._base + n_samples <= self._buffer.shape[1] - self._beyond

    def room_for(self, n_samples: int, oldest: int, reserve: int) -> npt.NDArray[np.float32]:
        """Where the next samples go, shape (n_channels, n_samples), to be taken in by :meth:`advance`.

        Samples before ``oldest`` may be dropped. If the buffer is too small, there will be room for three times as many
        as must be kept, at least ``reserve``, so that moving these costs less than a copy of what comes.
        """
        width = self._buffer.shape[1] - self._beyond
        used = self.n_heard - self._base
        if used + n_samples > width:
            drop = max(0, oldest - self._base)
            kept = self._buffer[:, drop:used]
            if kept.shape[1] + n_samples > width or drop < kept.shape[1]:
                width = 3 * max(reserve, kept.shape[1]) + n_samples
                self._buffer = np.zeros((len(self._buffer), width + self._beyond), np.float32)
            self._buffer[:, : kept.shape[1]] = kept
            self._base += drop
            used -= drop
        return self._buffer[:, used : used + n_samples]

    def advance(self, n_samples: int) -> None:
        """Take in samples that were written where :meth:`room_for` said."""
        self.n_heard += n_samples

    def between(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """All channels from one sample to another, shape (n_channels, stop - start), as a view."""
        return self._buffer[:, start - self._base : stop - self._base]

    def pieces(self, key: Ints, begin: Ints, length: int, *, until: Ints | None = None) -> npt.NDArray[np.float32]:
        """Copy the audio of each key's channel from a sample on.

        Parameters
        ----------
        key, begin : int64, shape (n,)
        length : int
        until : int64, shape (n,), optional
            Samples from here on are silent; without it, those that were not heard yet.

        Returns
        -------
        float32, shape (n, length)
        """
        begin_at = (0, begin - self._base) if len(self._buffer) == 1 else (channel_of(key), begin - self._base)
        pieces: npt.NDArray[np.float32] = windows_of(self._buffer, length)[begin_at]
        heard = (self.n_heard if until is None else np.minimum(until, self.n_heard)) - begin  # of each piece
        ahead = rows_where(heard < length)
        if len(ahead):
            pieces[ahead] *= np.arange(length) < heard[ahead, np.newaxis]
        return pieces
