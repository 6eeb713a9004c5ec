"""DTMF transmitter and receiver: tones to audio, audio to tones.

Every name is imported when it is first asked for, so that the command line has its say before numpy is loaded.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dtmf_audio.calibration import SpeedEstimate, corrected_rate, estimate_speed
    from dtmf_audio.decoder import decode
    from dtmf_audio.errors import (
        AudioFileError,
        DecoderError,
        DtmfError,
        InvalidRequestError,
        InvalidSettingError,
        InvalidSignalError,
        InvalidToneError,
        MissingLibraryError,
        RedactionError,
        ScanError,
    )
    from dtmf_audio.events import DetectedTone, Rejection, ToneStarted
    from dtmf_audio.files import decode_file
    from dtmf_audio.profiles import PROFILES, Profile
    from dtmf_audio.redaction import RedactedAudio, redact
    from dtmf_audio.redaction_files import RedactionReport, redact_file
    from dtmf_audio.stream import DecoderBank, StreamDecoder
    from dtmf_audio.synthesis import AudioFrame, Press, RenderedTone, Rendering, frames, render
    from dtmf_audio.tones import Pause, Tone, keys_of, parse_keys

__version__ = "0.1.0"

__all__ = [
    "PROFILES",
    "AudioFileError",
    "AudioFrame",
    "DecoderBank",
    "DecoderError",
    "DetectedTone",
    "DtmfError",
    "InvalidRequestError",
    "InvalidSettingError",
    "InvalidSignalError",
    "InvalidToneError",
    "MissingLibraryError",
    "Pause",
    "Press",
    "Profile",
    "RedactedAudio",
    "RedactionError",
    "RedactionReport",
    "Rejection",
    "RenderedTone",
    "Rendering",
    "ScanError",
    "SpeedEstimate",
    "StreamDecoder",
    "Tone",
    "ToneStarted",
    "corrected_rate",
    "decode",
    "decode_file",
    "estimate_speed",
    "frames",
    "keys_of",
    "parse_keys",
    "redact",
    "redact_file",
    "render",
]

_NAMES_IN = {
    "calibration": ["SpeedEstimate", "corrected_rate", "estimate_speed"],
    "decoder": ["decode"],
    "errors": [name for name in __all__ if name.endswith("Error")],
    "events": ["DetectedTone", "Rejection", "ToneStarted"],
    "files": ["decode_file"],
    "profiles": ["PROFILES", "Profile"],
    "redaction": ["RedactedAudio", "redact"],
    "redaction_files": ["RedactionReport", "redact_file"],
    "stream": ["DecoderBank", "StreamDecoder"],
    "synthesis": ["AudioFrame", "Press", "RenderedTone", "Rendering", "frames", "render"],
    "tones": ["Pause", "Tone", "keys_of", "parse_keys"],
}
_MODULE_OF = {name: module for module, names in _NAMES_IN.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name from its module, and keep it."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
