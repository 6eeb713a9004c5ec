"""Cuts in the bytes of a recording: samples that lie in it as they are, and a FLAC's metadata around new frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

import numpy as np
import numpy.typing as npt

from dtmf_audio.channel import a_law_encode, mu_law_encode
from dtmf_audio.errors import RedactionError
from dtmf_audio.pcm import BITS, ENCODINGS, RawFormat
from dtmf_audio.pcm_stream import decode_pcm
from dtmf_audio.redaction import Cut, Filler
from dtmf_audio.signals import Samples, to_float, whole_steps

CONVERT = "convert it to a WAV of PCM first, then redact that and delete this"
_COPY_BYTES = 2**20


class Writable(Protocol):
    """What takes bytes."""

    def write(self, data: bytes) -> object: ...


@dataclass(frozen=True, slots=True)
class Patched:
    """Samples that lie in a file as they are: their encoding, their place, and how many bytes are declared."""

    pcm: RawFormat
    start: int
    declared: int | None
    container: str

    @property
    def declared_odd(self) -> int:
        """The byte of padding after an odd number of bytes."""
        return (self.declared or 0) % 2

    def replaced(self, payload: bytes, start: int, cuts: Sequence[Cut], filler: Filler, frames: int) -> bytes:
        """Return the bytes of a block of whole frames with its cuts made; all others are as they were."""
        width = ENCODINGS[self.pcm.encoding].width
        octets = np.frombuffer(payload, np.uint8).reshape(-1, self.pcm.channels, width).copy()
        for cut in cuts:
            first, last = max(cut.start - start, 0), min(cut.stop - start, len(octets))
            part = octets[first:last, cut.channel]
            one = RawFormat(encoding=self.pcm.encoding, samplerate=self.pcm.samplerate)
            original = to_float(decode_pcm(part.tobytes(), one)[:, 0], np.float64, offset=start + first)
            octets[first:last, cut.channel] = encode_pcm(
                filler.replaced(original, cut, start + first, frames), self.pcm.encoding
            )
        return octets.tobytes()


def encode_pcm(samples: Samples, encoding: str) -> npt.NDArray[np.uint8]:
    """Return samples of full scale 1.0 as the bytes of an encoding.

    Parameters
    ----------
    samples : float64, shape (n,)
    encoding : str
        One of ``RAW_ENCODINGS``.

    Returns
    -------
    uint8, shape (n, width)
    """
    form = ENCODINGS[encoding]
    order = ">" if form.endian == "BIG" else "<"
    if form.subtype in ("ULAW", "ALAW"):
        pcm = whole_steps(samples, 16).astype(np.int16)
        return (mu_law_encode(pcm) if form.subtype == "ULAW" else a_law_encode(pcm))[:, np.newaxis]
    if form.subtype in ("FLOAT", "DOUBLE"):
        return _octets(samples.astype(f"{order}f{form.width}"), form.width)
    whole = whole_steps(samples, BITS[form.subtype]).astype(np.int32)
    if form.subtype == "PCM_U8":
        return (whole + 128).astype(np.uint8)[:, np.newaxis]
    if form.subtype == "PCM_24":
        return _octets(whole.astype(f"{order}i4"), 4)[:, slice(0, 3) if order == "<" else slice(1, 4)]
    return _octets(whole.astype(f"{order}i{form.width}"), form.width)


def _octets(values: npt.NDArray[Any], width: int) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(values).view(np.uint8).reshape(-1, width)


_STREAMINFO, _SEEKTABLE = 0, 3  # types of metadata blocks, RFC 9639


def splice_flac(original: BinaryIO, encoded: BinaryIO, target: Writable) -> None:
    """Write a FLAC of the new frames, the new description of the stream and the other metadata of the original."""
    blocks = [(kind, body) for kind, body in _flac_blocks(encoded) if kind == _STREAMINFO]
    blocks += [(kind, body) for kind, body in _flac_blocks(original) if kind not in (_STREAMINFO, _SEEKTABLE)]
    target.write(b"fLaC")
    for number, (kind, body) in enumerate(blocks, start=1):
        target.write(bytes([kind | (0x80 if number == len(blocks) else 0)]) + len(body).to_bytes(3, "big") + body)
    while more := encoded.read(_COPY_BYTES):
        target.write(more)


def _flac_blocks(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield type and content of each metadata block; the file then stands at the first frame."""
    if file.read(4) != b"fLaC":
        raise RedactionError(f"a FLAC does not begin with its mark, fLaC; {CONVERT}")
    last = False
    while not last:
        head = file.read(4)
        last, kind = bool(head[0] & 0x80), head[0] & 0x7F
        yield kind, file.read(int.from_bytes(head[1:], "big"))
