"""DTMF transmitter and receiver: tones to audio, audio to tones."""

from typing import TYPE_CHECKING, Any

from dtmf_audio.decoder import decode
from dtmf_audio.errors import (
    AudioFileError,
    DtmfError,
    InvalidRequestError,
    InvalidSettingError,
    InvalidSignalError,
    InvalidToneError,
)
from dtmf_audio.events import DetectedTone, Rejection, ToneStarted
from dtmf_audio.profiles import PROFILES, Profile
from dtmf_audio.stream import StreamDecoder
from dtmf_audio.synthesis import AudioFrame, Press, RenderedTone, Rendering, frames, render
from dtmf_audio.tones import Pause, Tone, keys_of, parse_keys

if TYPE_CHECKING:
    from dtmf_audio.files import decode_file

__version__ = "0.1.0"

__all__ = [
    "PROFILES",
    "AudioFileError",
    "AudioFrame",
    "DetectedTone",
    "DtmfError",
    "InvalidRequestError",
    "InvalidSettingError",
    "InvalidSignalError",
    "InvalidToneError",
    "Pause",
    "Press",
    "Profile",
    "Rejection",
    "RenderedTone",
    "Rendering",
    "StreamDecoder",
    "Tone",
    "ToneStarted",
    "decode",
    "decode_file",
    "frames",
    "keys_of",
    "parse_keys",
    "render",
]


def __getattr__(name: str) -> Any:
    """Import what reads files when it is first asked for: soundfile takes a while, and arrays do without it."""
    if name == "decode_file":
        from dtmf_audio.files import decode_file

        return decode_file
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
