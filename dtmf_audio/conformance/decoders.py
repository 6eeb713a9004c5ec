"""Decoders that can be judged: this library's, a Python callable, or any program.

A program is started once for each clip, with the path of a WAV file of one channel of 16 bits in the place of ``{}``,
or after its arguments. Of what it prints, these lines hold keys, the first kind alone where there is any:

- ``DTMF: 5``, as multimon-ng prints it, and ``- DTMF numbers: 123``, as dtmf2num does;
- JSON objects with a ``key``;
- lines of nothing but keys, spaces, commas and hyphens.

It has failed if it cannot be started, takes too long, ends with a status of 2 or more or by a signal, or ends with
status 1 and a complaint: a program may say "no keys" by status 1, as ``grep`` and ``dtmf-audio decode`` do.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from dtmf_audio.audio_io import write_audio
from dtmf_audio.conformance.judge import Clip, Heard
from dtmf_audio.decoder import decode
from dtmf_audio.errors import DecoderError, InvalidSettingError
from dtmf_audio.events import DetectedTone
from dtmf_audio.tones import KEY_TONES, keys_of

Pcm = npt.NDArray[np.int16]
Function = Callable[[Pcm, int], str | Sequence[DetectedTone]]

PLACE = "{}"  # of the path, in a command
STARTUP_S = 60.0  # chosen: a program may load a model; beyond it and the length of the audio it is taken to hang

_KEYS = frozenset(tone.key for tone in KEY_TONES)
_LABELLED = re.compile(r"^\W*DTMF(?:[ \t]+[a-z]+)*[ \t]*:[ \t]*([0-9A-D*# ]*)$", re.IGNORECASE)
_BARE = re.compile(r"^[0-9A-D*#][0-9A-D*# ,-]*$")


class Decoder(Protocol):
    """What is judged."""

    @property
    def name(self) -> str:
        """As it stands in the report."""

    def hear(self, clip: Clip) -> Heard:
        """Decode a clip."""


class OwnDecoder:
    """This library's receiver in one of its profiles."""

    def __init__(self, profile: str) -> None:
        self.name = f"dtmf_audio, profile {profile}"
        self._profile = profile

    def hear(self, clip: Clip) -> Heard:
        """Decode a clip."""
        tones = decode(as_pcm(clip), clip.samplerate, profile=self._profile)
        return Heard(keys=keys_of(tone.tone for tone in tones), tones=tuple(tones))


class FunctionDecoder:
    """A Python callable: 16-bit samples of shape (n,) and their rate in; keys, or DetectedTone objects, out."""

    def __init__(self, function: Function, name: str | None = None) -> None:
        self.name = name or str(getattr(function, "__qualname__", function))
        self._function = function

    def hear(self, clip: Clip) -> Heard:
        """Decode a clip."""
        found = self._function(as_pcm(clip), clip.samplerate)
        if isinstance(found, str):
            keys = "".join(found.split())
            strangers = sorted(set(keys) - _KEYS)
            if strangers:
                raise DecoderError(f"{self.name}: returned {strangers[0]!r}, which is no key; return 0-9, A-D, * and #")
            return Heard(keys=keys)
        tones = [tone for tone in found if isinstance(tone, DetectedTone)] if isinstance(found, Sequence) else None
        if tones is None or len(tones) < len(found):
            raise DecoderError(
                f"{self.name}: returned {type(found).__name__}; return a str of keys, or a list of DetectedTone"
            )
        ordered = tuple(sorted(tones, key=lambda tone: tone.start))
        return Heard(keys=keys_of(tone.tone for tone in ordered), tones=ordered)


class CommandDecoder:
    """A program that reads a WAV file and prints keys."""

    def __init__(self, command: str, name: str | None = None) -> None:
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise InvalidSettingError(f"decoder {command!r}: cannot be read ({error}); check its quotes") from error
        if not self._words:
            raise InvalidSettingError("the decoder's command is empty; give a program and its arguments")
        self.name = name or command

    def hear(self, clip: Clip) -> Heard:
        """Decode a clip."""
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "clip.wav")
            write_audio(path, as_pcm(clip), clip.samplerate)
            words = [word.replace(PLACE, path) for word in self._words]
            said = self._run(words if words != self._words else [*words, path], STARTUP_S + clip.seconds)
        return Heard(keys=printed_keys(said))

    def _run(self, words: Sequence[str], timeout_s: float) -> str:
        program = words[0]
        try:
            run = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s, check=False)
        except FileNotFoundError as error:
            raise DecoderError(f"{program}: there is no such program; install it, or give its whole path") from error
        except OSError as error:
            raise DecoderError(f"{program}: cannot be started ({error.strerror}); check the command") from error
        except subprocess.TimeoutExpired as error:
            raise DecoderError(
                f"{program}: was still running after {timeout_s:.0f} s; try the command on a WAV file by hand"
            ) from error
        said, complaint = run.stdout.decode(errors="replace"), run.stderr.decode(errors="replace").strip()
        if run.returncode < 0 or run.returncode > 1 or (run.returncode == 1 and complaint):
            last = complaint.splitlines()[-1] if complaint else "it said nothing on standard error"
            raise DecoderError(
                f"{program}: ended with status {run.returncode} ({last}); try the command on a WAV file by hand"
            )
        return said


def as_pcm(clip: Clip) -> Pcm:
    """Samples of the clip as 16 bits; what lies beyond full scale is limited, as in a converter."""
    return np.clip(np.rint(clip.samples * 2.0**15), -(2**15), 2**15 - 1).astype(np.int16)


def printed_keys(text: str) -> str:
    """Keys in what a program printed; the module says in which lines."""
    lines = [line.strip() for line in text.splitlines()]
    labelled = [match[1] for match in map(_LABELLED.match, lines) if match]
    if labelled:
        return "".join("".join(labelled).upper().split())
    return "".join(_json_key(line) if line.startswith("{") else _bare_keys(line) for line in lines)


def _bare_keys(line: str) -> str:
    return re.sub(r"[ ,-]", "", line) if _BARE.match(line) else ""


def _json_key(line: str) -> str:
    try:
        key = json.loads(line).get("key")
    except ValueError:
        return ""
    return key if key in _KEYS else ""
