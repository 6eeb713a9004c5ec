"""Other people's DTMF transmitters and receivers, where they are installed: one function for each, samples in, keys out.

Debian has them all: multimon-ng, dtmf2num, libspandsp2, gstreamer1.0-plugins-bad, sox. Nothing here is needed to use
or to test the project; what is not installed is left out, and named.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dtmf_audio.audio_io import write_audio
from dtmf_audio.tones import HIGH_HZ, KEYPAD, LOW_HZ

Pcm = npt.NDArray[np.int16]  # 8 kHz, one channel

EVENT_KEYS = "0123456789*#ABCD"
SPANDSP_BLOCK = 8000  # samples for each call; its queue holds 128 digits, more than fit into a second


def _run(command: list[str], **options: Any) -> str:
    result = subprocess.run(command, capture_output=True, check=False, timeout=600, **options)
    return str(result.stdout.decode("latin-1"))


def _with_wav(pcm: Pcm, decode: Callable[[str], str]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "peer.wav")
        write_audio(path, pcm / 32768.0, 8000)
        return decode(path)


@cache
def _spandsp() -> Any:
    """The library, its functions typed; None where it is not installed."""
    name = ctypes.util.find_library("spandsp")
    if name is None:
        return None
    library = ctypes.CDLL(name)
    library.dtmf_rx_init.restype = library.dtmf_tx_init.restype = ctypes.c_void_p
    library.dtmf_rx_init.argtypes = [ctypes.c_void_p] * 3
    library.dtmf_rx.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int]
    library.dtmf_rx_get.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
    library.dtmf_rx_free.argtypes = library.dtmf_tx_free.argtypes = [ctypes.c_void_p]
    library.dtmf_tx_init.argtypes = [ctypes.c_void_p] * 3
    library.dtmf_tx_put.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
    library.dtmf_tx.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int]
    return library


def spandsp(pcm: Pcm) -> str:
    """Keys that spandsp hears, fed a second at a time."""
    library = _spandsp()
    state = library.dtmf_rx_init(None, None, None)
    digits = ctypes.create_string_buffer(129)
    keys = ""
    for start in range(0, len(pcm), SPANDSP_BLOCK):
        block = np.ascontiguousarray(pcm[start : start + SPANDSP_BLOCK])
        library.dtmf_rx(state, block.ctypes.data, len(block))
        library.dtmf_rx_get(state, digits, 128)
        keys += digits.value.decode()
    library.dtmf_rx_free(state)
    return keys


def multimon(pcm: Pcm) -> str:
    """Keys that multimon-ng hears, resampled by sox to its 22050 Hz."""
    raw = ["sox", "-q", "-t", "raw", "-e", "signed", "-b", "16", "-c", "1", "-r"]
    at_its_rate = subprocess.run(
        [*raw, "8000", "-", *raw[2:], "22050", "-"], input=pcm.tobytes(), capture_output=True, check=True
    ).stdout
    return "".join(
        re.findall(r"DTMF: (.)", _run(["multimon-ng", "-q", "-a", "DTMF", "-t", "raw", "-"], input=at_its_rate))
    )


def dtmf2num(pcm: Pcm) -> str:
    """Keys that dtmf2num hears."""
    found = _with_wav(pcm, lambda path: _run(["dtmf2num", path]))
    match = re.search(r"DTMF numbers:\s*(\S*)", found)
    return match[1] if match and match[1] != "none" else ""


def gstreamer(pcm: Pcm) -> str:
    """Keys that GStreamer's dtmfdetect hears."""
    caps = "audio/x-raw,rate=8000,format=S16LE,channels=1"
    found = _with_wav(
        pcm,
        lambda path: _run(
            [
                "gst-launch-1.0",
                "-m",
                "filesrc",
                f"location={path}",
                "!",
                "wavparse",
                "!",
                caps,
                "!",
                "dtmfdetect",
                "!",
                "fakesink",
            ]
        ),
    )
    return "".join(EVENT_KEYS[int(code)] for code in re.findall(r"dtmf-event.*number=\(int\)(\d+)", found))


def spandsp_audio(keys: str) -> Pcm:
    """What spandsp's transmitter sends: -10 dBm0 each, 50 ms on, 55 ms off."""
    library = _spandsp()
    state = library.dtmf_tx_init(None, None, None)
    pcm = np.zeros(8000 + 840 * len(keys), np.int16)
    library.dtmf_tx_put(state, keys.encode(), -1)
    n = library.dtmf_tx(state, pcm.ctypes.data, len(pcm))
    library.dtmf_tx_free(state)
    pcm[n:] = 0
    return pcm


def sox_audio(keys: str) -> Pcm:
    """What sox makes of two sines: 100 ms on, 100 ms off."""
    parts = [np.zeros(800, np.int16)]
    for key in keys:
        row = next(i for i, of_row in enumerate(KEYPAD) if key in of_row)
        low, high = LOW_HZ[row], HIGH_HZ[KEYPAD[row].index(key)]
        command = ["sox", "-q", "-r", "8000", "-c", "2", "-n", "-b", "16", "-e", "signed", "-t", "raw", "-"]
        tones = ["synth", "0.1", "sine", f"{low:g}", "sine", f"{high:g}", "remix", "-"]
        parts += [np.frombuffer(subprocess.run(command + tones, capture_output=True, check=True).stdout, "<i2")]
        parts += [np.zeros(800, np.int16)]
    return np.concatenate(parts)


def _installed(*programs: str) -> Callable[[], bool]:
    return lambda: all(shutil.which(program) is not None for program in programs)


RECEIVERS: dict[str, tuple[Callable[[Pcm], str], Callable[[], bool]]] = {
    "spandsp": (spandsp, lambda: _spandsp() is not None),
    "multimon-ng": (multimon, _installed("multimon-ng", "sox")),
    "dtmf2num": (dtmf2num, _installed("dtmf2num")),
    "GStreamer dtmfdetect": (gstreamer, _installed("gst-launch-1.0")),
}
TRANSMITTERS: dict[str, tuple[Callable[[str], Pcm], Callable[[], bool]]] = {
    "spandsp dtmf_tx": (spandsp_audio, lambda: _spandsp() is not None),
    "sox synth": (sox_audio, _installed("sox")),
}
