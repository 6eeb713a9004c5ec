"""Raw PCM out of a stream, with or without a header before it: samples as soon as their bytes arrive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from dtmf_audio.errors import AudioFileError
from dtmf_audio.pcm import DTYPES, ENCODINGS, Block, RawFormat
from dtmf_audio.places import reason


class PcmDecoder:
    """Frames of raw PCM from a stream, as soon as they arrive."""

    def __init__(
        self,
        read: Callable[[int], bytes],
        name: str,
        raw: RawFormat,
        *,
        declared: int | None,
        headerless: bool,
        partial: bool,
    ) -> None:
        self._read_some = read
        self._name = name
        self._raw = raw
        self._declared = declared
        self._headerless = headerless
        self._partial = partial
        self._pending = b""  # less than a frame between reads
        self._received = 0

    def read(self, frames: int) -> Block:
        size = self._raw.frame_bytes
        while len(self._pending) < size:
            wanted = frames * size - len(self._pending)
            if self._declared is not None:
                wanted = min(wanted, self._declared - self._received)
            try:
                more = self._read_some(wanted) if wanted else b""
            except (OSError, ValueError) as error:
                raise AudioFileError(
                    f"{self._name}: cannot be read ({reason(error)}); check where it comes from"
                ) from error
            if not more:
                self._check_end()
                self._pending = b""
                break
            self._received += len(more)
            self._pending += more
        whole = len(self._pending) // size * size
        payload, self._pending = self._pending[:whole], self._pending[whole:]
        return decode_pcm(payload, self._raw)

    def _check_end(self) -> None:
        if self._partial:
            return
        if self._declared is not None and self._received < self._declared:
            raise truncated(self._name, self._declared, self._received)
        if self._headerless and self._pending:
            raise ragged(self._name, self._raw, self._received)


def decode_pcm(payload: bytes, raw: RawFormat) -> Block:
    """Return whole frames as an array ``(m, channels)``.

    By numpy, not by libsndfile through a file object: an interrupt that arrives in a callback from C is lost.
    """
    encoding = ENCODINGS[raw.encoding]
    order: Literal["<", ">"] = ">" if encoding.endian == "BIG" else "<"
    dtype = DTYPES.get(encoding.subtype, np.float32)
    samples: Block
    if encoding.subtype in ("ULAW", "ALAW"):
        from dtmf_audio.libsndfile import expansion

        samples = expansion(encoding.subtype)[np.frombuffer(payload, np.uint8)]
    elif encoding.subtype == "PCM_24":
        stored = np.frombuffer(payload, np.uint8).reshape(-1, 3)
        widened = np.zeros((len(stored), 4), np.uint8)
        widened[:, slice(1, 4) if order == "<" else slice(0, 3)] = stored
        samples = widened.view(f"{order}i4")[:, 0].astype(dtype, copy=False)
    elif encoding.subtype == "PCM_U8":
        samples = (np.frombuffer(payload, np.uint8).astype(dtype) - 128) * 256
    elif encoding.subtype == "PCM_S8":
        samples = np.frombuffer(payload, np.int8).astype(dtype) * 256
    else:
        samples = np.frombuffer(payload, np.dtype(dtype).newbyteorder(order)).astype(dtype)
    return samples.reshape(-1, raw.channels)


def truncated(name: str, declared: int, held: int) -> AudioFileError:
    return AudioFileError(
        f"{name}: its header declares {declared} bytes of samples, it holds {held}; "
        "fetch it again, or decode what is there with partial=True (--partial)"
    )


def ragged(name: str, raw: RawFormat, size: int) -> AudioFileError:
    return AudioFileError(
        f"{name}: {size} bytes of {raw.encoding} in {raw.channels} channel{'s' if raw.channels > 1 else ''} are "
        f"not whole frames of {raw.frame_bytes} bytes, {size % raw.frame_bytes} left over; correct the encoding or the "
        "channels, or leave the rest out with partial=True (--partial)"
    )
