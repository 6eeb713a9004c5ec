"""Other DTMF decoders and senders that may be on this machine, behind one form each.

A decoder takes one channel of 16-bit samples at 8000 Hz, or the path of an audio file, and returns the keys. What a
peer wants otherwise is arranged here as its users would: a file is mixed to one channel and resampled to the peer's
rate. A sender takes keys and returns 16-bit samples at 8000 Hz. ``available()`` tells whether a peer is there; nothing
is installed or downloaded, and none of it is needed by the library.

spandsp is loaded as a shared library of C, the others run as programs. Two are packages of PyPI: they run in the
Python that ``DTMF_AUDIO_PEERS_PYTHON`` names, or in this one, where they are installed.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import wave
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.signal

from dtmf_audio.audio_io import read_audio
from dtmf_audio.signals import to_float
from dtmf_audio.tones import KEY_TONES, Tone

Pcm = npt.NDArray[np.int16]

RATE = 8000
MULTIMON_RATE = 22_050
SOX_RAW = ("-t", "raw", "-e", "signed", "-b", "16", "-L", "-c", "1", "-")  # one channel to standard output
TIMEOUT_S = 120.0
CHUNK = 800  # spandsp keeps at most 128 digits: they are fetched at every 100 ms
KEYS = "".join(tone.key for tone in KEY_TONES)  # in the order of GStreamer's numbers, which are RFC 4733's


class Decoder(ABC):
    """A peer that finds keys in audio."""

    name: str

    @abstractmethod
    def available(self) -> bool:
        """Whether the peer is on this machine."""

    @abstractmethod
    def decode_pcm(self, pcm: Pcm) -> str:
        """Keys in one channel of 16-bit samples at 8000 Hz, shape (n,)."""

    def decode(self, audio: Pcm | Path) -> str:
        """Keys in samples, or in a file."""
        return self.decode_pcm(load(audio) if isinstance(audio, Path) else audio)


class Sender(ABC):
    """A peer that turns keys into audio."""

    name: str

    @abstractmethod
    def available(self) -> bool:
        """Whether the peer is on this machine."""

    @abstractmethod
    def render(self, keys: str, *, on_ms: int = 100, off_ms: int = 100) -> Pcm:
        """16-bit samples at 8000 Hz, shape (n,)."""


def load(path: Path) -> Pcm:
    """Samples of a file as the peers want them: its channels mixed, at 8000 Hz, 16 bits."""
    signal, samplerate = read_audio(path)
    mixed = np.mean([to_float(channel, np.float64) for channel in signal.T], axis=0)
    return as_pcm(resample(mixed, samplerate, RATE))


def resample(samples: npt.NDArray[np.float64], rate: int, wanted: int) -> npt.NDArray[np.float64]:
    """Samples at another rate, shape (about n * wanted / rate,)."""
    return samples if rate == wanted else np.asarray(scipy.signal.resample_poly(samples, wanted, rate))


def as_pcm(samples: npt.NDArray[np.float64]) -> Pcm:
    """Samples of full scale 1.0 as 16 bits; what lies beyond is limited."""
    return np.clip(np.rint(samples * 2.0**15), -(2**15), 2**15 - 1).astype(np.int16)


def write_wav(path: Path, pcm: Pcm) -> None:
    """Write a plain WAV of 8000 Hz; some peers read no other kind."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(pcm.astype("<i2").tobytes())


def run_bytes(command: Sequence[str], stdin: bytes = b"") -> bytes:
    """Standard output of a program."""
    return subprocess.run(command, input=stdin, capture_output=True, check=True, timeout=TIMEOUT_S).stdout


def run(command: Sequence[str], stdin: bytes = b"") -> str:
    """Standard output of a program, as text."""
    return run_bytes(command, stdin).decode(errors="replace")


# ---- Decoders ------------------------------------------------------------------------------------


class MultimonNg(Decoder):
    """multimon-ng, fed raw samples at its own rate."""

    name = "multimon-ng"

    def available(self) -> bool:
        return shutil.which("multimon-ng") is not None

    def decode_pcm(self, pcm: Pcm) -> str:
        raw = as_pcm(resample(pcm / 2.0**15, RATE, MULTIMON_RATE)).astype("<i2").tobytes()
        said = run(["multimon-ng", "-q", "-a", "DTMF", "-t", "raw", "-"], raw)
        return "".join(re.findall(r"^DTMF: (\S)", said, re.MULTILINE))


class Dtmf2num(Decoder):
    """dtmf2num, which finds Bell MF too; that line is left out."""

    name = "dtmf2num"

    def available(self) -> bool:
        return shutil.which("dtmf2num") is not None

    def decode_pcm(self, pcm: Pcm) -> str:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "audio.wav"
            write_wav(path, pcm)
            said = run(["dtmf2num", str(path)])
        found = re.search(r"^- DTMF numbers:\s*([0-9A-D*#]*)\s*$", said, re.MULTILINE)
        return found[1] if found else ""


class GStreamer(Decoder):
    """GStreamer's dtmfdetect, which is spandsp's detector in a pipeline."""

    name = "gstreamer dtmfdetect"

    def available(self) -> bool:
        return _has_dtmfdetect()

    def decode_pcm(self, pcm: Pcm) -> str:
        caps = f"audio/x-raw,rate={RATE},format=S16LE,channels=1"
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "audio.wav"
            write_wav(path, pcm)
            stages = ["filesrc", f"location={path}", "!", "wavparse", "!", "audioconvert", "!", caps]
            said = run(["gst-launch-1.0", "-m", *stages, "!", "dtmfdetect", "!", "fakesink"])
        return "".join(KEYS[int(number)] for number in re.findall(r"dtmf-event.*number=\(int\)(\d+)", said))


class Spandsp(Decoder):
    """The receiver of spandsp, at its own settings."""

    name = "spandsp"

    def available(self) -> bool:
        return _spandsp() is not None

    def decode_pcm(self, pcm: Pcm) -> str:
        library = _need_spandsp()
        state = library.dtmf_rx_init(None, None, None)
        digits = ctypes.create_string_buffer(129)
        found = b""
        try:
            for start in range(0, len(pcm), CHUNK):
                chunk = np.ascontiguousarray(pcm[start : start + CHUNK])
                library.dtmf_rx(state, chunk.ctypes.data, len(chunk))
                library.dtmf_rx_get(state, digits, 128)
                found += digits.value
        finally:
            library.dtmf_rx_free(state)
        return found.decode("ascii")


class _PyPI(Decoder):
    """A package of PyPI, in a Python of its own, which reads samples on standard input and prints keys."""

    module: str
    program: str  # what follows ``samples``, a list of integers; prints the keys

    def available(self) -> bool:
        return _has_module(self.module)

    def decode_pcm(self, pcm: Pcm) -> str:
        read = "import array, sys\nsamples = array.array('h', sys.stdin.buffer.read()).tolist()\n"
        return run([_peers_python(), "-c", read + self.program], pcm.tobytes()).strip()


class PyDtmf(_PyPI):
    """PyDTMF, a translation of dtmf2num into Python."""

    name = "PyDTMF"
    module = "PyDTMF"
    program = "from PyDTMF.core import from_pcm\nprint(from_pcm(samples, 8000)[0])"


class Dtmf(_PyPI):
    """dtmf, which tells the key of each block of 205 samples: blocks of one key that follow each other are a press.

    It divides by the energy of the block, so that digital silence and an empty last block stop it: zeros are
    given a noise of one step, and whole blocks a sample more.
    """

    name = "dtmf"
    module = "dtmf"
    program = """
import itertools
from dtmf import detect
samples = [value or (1, -1, 1, 1, -1)[i % 5] for i, value in enumerate(samples)]
samples += [1] * (len(samples) % 205 == 0)
keys = [str(block.tone or "") for block in detect([value / 32768 for value in samples], 8000)]
print("".join(key for key, _ in itertools.groupby(keys)))
"""


def _peers_python() -> str:
    return os.environ.get("DTMF_AUDIO_PEERS_PYTHON", sys.executable)


@functools.cache
def _has_module(name: str) -> bool:
    asked = subprocess.run([_peers_python(), "-c", f"import {name}"], capture_output=True, timeout=TIMEOUT_S)
    return asked.returncode == 0


@functools.cache
def _has_dtmfdetect() -> bool:
    if shutil.which("gst-launch-1.0") is None or shutil.which("gst-inspect-1.0") is None:
        return False
    asked = subprocess.run(["gst-inspect-1.0", "--exists", "dtmfdetect"], capture_output=True, timeout=TIMEOUT_S)
    return asked.returncode == 0


@functools.cache
def _spandsp() -> Any:
    """The shared library with its functions declared, or None."""
    name = ctypes.util.find_library("spandsp") or "libspandsp.so.2"
    try:
        library = ctypes.CDLL(name)
    except OSError:
        return None
    pointer, integer, text = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
    for function, result, arguments in (
        ("dtmf_rx_init", pointer, [pointer, pointer, pointer]),
        ("dtmf_rx", integer, [pointer, pointer, integer]),
        ("dtmf_rx_get", ctypes.c_size_t, [pointer, text, integer]),
        ("dtmf_rx_free", integer, [pointer]),
        ("dtmf_tx_init", pointer, [pointer, pointer, pointer]),
        ("dtmf_tx_set_timing", None, [pointer, integer, integer]),
        ("dtmf_tx_put", integer, [pointer, text, integer]),
        ("dtmf_tx", integer, [pointer, pointer, integer]),
        ("dtmf_tx_free", integer, [pointer]),
    ):
        declared = getattr(library, function)
        declared.restype, declared.argtypes = result, arguments
    return library


def _need_spandsp() -> Any:
    library = _spandsp()
    if library is None:
        raise RuntimeError("spandsp was asked for and is not on this machine; ask available() first")
    return library


# ---- Senders -------------------------------------------------------------------------------------


class Sox(Sender):
    """sox, one run a key: two sines without ramps, mixed to one channel."""

    name = "sox synth"

    def available(self) -> bool:
        return shutil.which("sox") is not None

    def render(self, keys: str, *, on_ms: int = 100, off_ms: int = 100) -> Pcm:
        silence = np.zeros(off_ms * RATE // 1000, np.int16)
        parts = [silence]
        for key in keys:
            low_hz, high_hz = Tone.from_key(key).frequencies_hz
            sines = ["synth", f"{on_ms / 1000}", "sine", f"{low_hz:g}", "sine", f"{high_hz:g}", "remix", "-"]
            raw = run_bytes(["sox", "-q", "-D", "-r", str(RATE), "-c", "2", "-n", *SOX_RAW, *sines])
            parts += [np.frombuffer(raw, "<i2").astype(np.int16), silence]
        return np.concatenate(parts)


class SpandspSender(Sender):
    """The transmitter of spandsp, at its own levels."""

    name = "spandsp dtmf_tx"

    def available(self) -> bool:
        return _spandsp() is not None

    def render(self, keys: str, *, on_ms: int = 100, off_ms: int = 100) -> Pcm:
        library = _need_spandsp()
        state = library.dtmf_tx_init(None, None, None)
        try:
            library.dtmf_tx_set_timing(state, on_ms, off_ms)
            parts = [np.zeros(off_ms * RATE // 1000, np.int16)]
            for start in range(0, len(keys), 64):  # its queue holds 128
                library.dtmf_tx_put(state, keys[start : start + 64].encode("ascii"), -1)
                chunk = np.zeros(CHUNK, np.int16)
                while (n := library.dtmf_tx(state, chunk.ctypes.data, CHUNK)) > 0:
                    parts.append(chunk[:n].copy())
        finally:
            library.dtmf_tx_free(state)
        return np.concatenate(parts)


DECODERS: tuple[Decoder, ...] = (MultimonNg(), Spandsp(), GStreamer(), Dtmf2num())
PYPI_DECODERS: tuple[Decoder, ...] = (PyDtmf(), Dtmf())
SENDERS: tuple[Sender, ...] = (Sox(), SpandspSender())
