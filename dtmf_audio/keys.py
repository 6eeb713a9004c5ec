"""Numbers of keys: which of the 16 pairs it is, and on which channel.

A *label* is ``4 * row + column`` of the keypad, 0 to 15. A *key* is ``16 * channel + label``: presses of one key on one
channel belong together. Tones are numbered 0 to 7, those of the low group first.
"""

from __future__ import annotations

import numpy as np

from dtmf_audio.columns import Ints
from dtmf_audio.tones import HIGH_HZ, LOW_HZ, Tone

N_KEYS = 16  # of one channel
TONES_HZ = np.array(LOW_HZ + HIGH_HZ)  # (8,)
PAIRS = np.array([(row, 4 + column) for row in range(4) for column in range(4)])  # (16, 2): tones of each label
TONES_HZ.setflags(write=False)
PAIRS.setflags(write=False)


def label_of(key: Ints) -> Ints:
    """Label of each key."""
    return key % N_KEYS


def tone_of(label: int) -> Tone:
    """Tone of a label."""
    return Tone.from_frequencies(*divmod(label, 4))


def channel_of(key: Ints) -> Ints:
    """Channel of each key."""
    return key // N_KEYS
