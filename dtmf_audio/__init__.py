"""DTMF transmitter and receiver: tones to audio, audio to tones."""

from dtmf_audio.errors import DtmfError
from dtmf_audio.tones import Pause, Tone, keys_of, parse_keys

__all__ = ["DtmfError", "Pause", "Tone", "keys_of", "parse_keys"]
__version__ = "0.1.0"
