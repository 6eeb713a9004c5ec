"""How samples are stored: the encodings of raw PCM, and the dtype in which each is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dtmf_audio.errors import InvalidSettingError
from dtmf_audio.signals import MAX_CHANNELS, check_samplerate

Block = npt.NDArray[Any]

BLOCK_FRAMES = 2**18

BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
_INT16_CODECS = (
    *("ULAW", "ALAW", "GSM610", "IMA_ADPCM", "MS_ADPCM", "VOX_ADPCM", "G721_32", "G723_24", "G723_40"),
    *("NMS_ADPCM_16", "NMS_ADPCM_24", "NMS_ADPCM_32", "DWVW_12", "DWVW_16", "DPCM_8", "DPCM_16", "ALAC_16"),
)
DTYPES: dict[str, type[np.generic]] = {
    **{subtype: np.int16 if bits <= 16 else np.int32 for subtype, bits in BITS.items()},
    **dict.fromkeys(_INT16_CODECS, np.int16),
    **dict.fromkeys(("DWVW_24", "ALAC_20", "ALAC_24", "ALAC_32"), np.int32),
    "DOUBLE": np.float64,
}  # by libsndfile's name of the subtype; float32 for what is not here


@dataclass(frozen=True, slots=True)
class Encoding:
    """How one sample is stored: bytes, their order, and libsndfile's name."""

    subtype: str
    width: int
    endian: str = "LITTLE"


ENCODINGS = {
    "s8": Encoding("PCM_S8", 1),
    "u8": Encoding("PCM_U8", 1),
    "mulaw": Encoding("ULAW", 1),
    "alaw": Encoding("ALAW", 1),
    **{
        f"{name}{suffix}": Encoding(subtype, width, endian)
        for name, subtype, width in (
            ("s16", "PCM_16", 2),
            ("s24", "PCM_24", 3),
            ("s32", "PCM_32", 4),
            ("f32", "FLOAT", 4),
            ("f64", "DOUBLE", 8),
        )
        for suffix, endian in (("le", "LITTLE"), ("be", "BIG"))
    },
}
RAW_ENCODINGS = tuple(sorted(ENCODINGS))


@dataclass(frozen=True, slots=True, kw_only=True)
class RawFormat:
    """What a headerless file or pipe holds.

    Parameters
    ----------
    encoding : str
        One of ``RAW_ENCODINGS``.
    samplerate : int
        Hz, from 4000 to 192000.
    channels : int
        Interleaved.

    Raises
    ------
    InvalidSettingError
        One of them is none that can be read.
    """

    encoding: str
    samplerate: int
    channels: int = 1

    def __post_init__(self) -> None:
        if self.encoding not in ENCODINGS:
            raise InvalidSettingError(
                f"raw encoding is {self.encoding!r}; it must be one of {', '.join(RAW_ENCODINGS)}"
            )
        check_samplerate(self.samplerate)
        if type(self.channels) is not int or not 1 <= self.channels <= MAX_CHANNELS:
            raise InvalidSettingError(
                f"raw channel count is {self.channels!r}; it must be a whole number from 1 to {MAX_CHANNELS}"
            )

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of every channel."""
        return ENCODINGS[self.encoding].width * self.channels
