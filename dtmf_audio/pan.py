"""Card numbers among presses: which of them might be a primary account number, of 13 to 19 digits that pass Luhn.

What cannot be told for sure is taken for a card number. That makes three choices:

- **Any** 13 to 19 digits in a row that pass count, also inside a longer run, and windows may overlap: where a number
  begins and ends is not told by anything. A tenth of all windows passes by chance, and a run of 16 digits has ten: of
  longer numbers that are no card's, many are taken too.
- ``*``, ``#`` and A to D between digits do not end a number, nor does a pause of up to ten seconds.
- Presses are read in several ways: each channel alone and all together, with what may be an echo of the press before
  it or cross-talk of another channel, and without. One reading that passes is enough. Where a near miss stands in a
  run of at least ten digits, it may be any digit or none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dtmf_audio.events import DetectedTone, Rejection

SHORTEST, LONGEST = 13, 19  # quoted: of card numbers in use, within the 8 to 19 digits of ISO/IEC 7812-1
LEAST_CERTAIN = 10  # chosen: with fewer digits for sure, near misses, which speech has too, do not make a card number
PAUSE_S = 10.0  # chosen: reading a group of four off a card, or turning it over, takes less
ECHO_S = 0.5  # chosen: as the default profile's echo_ms
ECHO_DB = 6.0  # chosen: weaker than the 15 dB of the default profile, since one reading more costs nothing
CHATTER_S = 0.06  # chosen: nobody presses one key again so soon, a press with a hole in it looks so


def passes_luhn(digits: Sequence[int]) -> bool:
    """Tell whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    doubled = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
    odd = len(digits) % 2
    return sum(doubled[digit] if place % 2 == odd else digit for place, digit in enumerate(digits)) % 10 == 0


def card_number_spans(
    events: Iterable[DetectedTone | Rejection], *, apart: bool = False
) -> list[tuple[int, int, int | None]]:
    """Find where a card number may have been pressed.

    Parameters
    ----------
    events : iterable of DetectedTone and Rejection
        Presses and near misses of one recording, of all its channels.
    apart : bool
        Read each channel on its own only, not all together.

    Returns
    -------
    list of (int, int, int or None)
        Start of the first and stop of the last press, in samples, and the channel, None for all.
    """
    in_order = sorted(events, key=lambda event: (event.start, event.channel))
    spans: list[tuple[int, int, int | None]] = []
    for channel in sorted({event.channel for event in in_order}):
        own = [event for event in in_order if event.channel == channel]
        presses = [event for event in own if isinstance(event, DetectedTone)]
        echoless = _without_echoes(presses)
        for reading in (_without_shadowed(own), presses, echoless, _without_chatter(echoless)):
            spans += [(start, stop, channel if apart else None) for start, stop in _windows(reading)]
    if not apart:
        together = [event for event in in_order if isinstance(event, DetectedTone)]
        single = _without_crosstalk(together)
        for reading in (together, single, _without_echoes(single), _without_chatter(_without_echoes(single))):
            spans += [(start, stop, None) for start, stop in _windows(reading)]
    return sorted(set(spans), key=lambda span: span[:2])


def may_be_echo(press: DetectedTone, later: DetectedTone) -> bool:
    """Tell whether a press may be the echo of one of the same key: on another channel, or weaker."""
    return later.channel != press.channel or _level(press) - _level(later) >= ECHO_DB


def _windows(reading: Sequence[DetectedTone | Rejection]) -> list[tuple[int, int]]:
    """Return where windows of one reading may be card numbers; a near miss is any digit or none."""
    found: list[tuple[int, int]] = []
    for run in _runs([event for event in reading if event.tone.key.isdigit() or isinstance(event, Rejection)]):
        for first in range(len(run)):
            digits: list[int] = []
            doubtful = 0
            for event in run[first:]:
                if isinstance(event, Rejection):
                    doubtful += 1
                else:
                    digits.append(int(event.tone.key))
                if len(digits) > LONGEST:
                    break
                if doubtful:
                    fits = len(digits) >= LEAST_CERTAIN and len(digits) + doubtful >= SHORTEST
                else:
                    fits = len(digits) >= SHORTEST and passes_luhn(digits)
                if fits:
                    found.append((run[first].start, event.stop))
    return found


def _runs(events: Sequence[DetectedTone | Rejection]) -> list[list[DetectedTone | Rejection]]:
    """Split presses where the pause between them is longer than within a number."""
    runs: list[list[DetectedTone | Rejection]] = []
    until = 0
    for event in events:
        if runs and event.start - until <= PAUSE_S * event.samplerate:
            runs[-1].append(event)
        else:
            runs.append([event])
        until = max(until, event.stop)
    return runs


def _without_shadowed(events: Sequence[DetectedTone | Rejection]) -> list[DetectedTone | Rejection]:
    """Leave out near misses that overlap a press: they are traces of it."""
    presses = [event for event in events if isinstance(event, DetectedTone)]
    kept: list[DetectedTone | Rejection] = []
    place = 0
    for event in events:
        if isinstance(event, Rejection):
            while place < len(presses) and presses[place].stop <= event.start:
                place += 1
            if place < len(presses) and presses[place].start < event.stop:
                continue
        kept.append(event)
    return kept


def _without_echoes(presses: Sequence[DetectedTone]) -> list[DetectedTone]:
    """Leave out presses that may be the echo of a louder one of the same key shortly before."""
    kept: list[DetectedTone] = []
    for press in presses:
        recent = (other for other in kept[-8:] if press.start - other.stop <= ECHO_S * press.samplerate)
        if not any(other.tone is press.tone and may_be_echo(other, press) for other in recent):
            kept.append(press)
    return kept


def _without_chatter(presses: Sequence[DetectedTone]) -> list[DetectedTone]:
    """Take one press for two of the same key that follow each other too soon."""
    kept: list[DetectedTone] = []
    for press in presses:
        last = kept[-1] if kept else None
        if last is None or last.tone is not press.tone or press.start - last.stop > CHATTER_S * press.samplerate:
            kept.append(press)
    return kept


def _without_crosstalk(presses: Sequence[DetectedTone]) -> list[DetectedTone]:
    """Leave out what is heard on another channel at the same time, or shortly before, and louder."""
    return [
        press
        for place, press in enumerate(presses)
        if not any(
            other.tone is press.tone
            and other.channel != press.channel
            and other.start < press.stop + CHATTER_S * press.samplerate
            and press.start - other.stop <= ECHO_S * press.samplerate
            and (_level(other), -other.channel) > (_level(press), -press.channel)
            for other in presses[max(0, place - 8) : place + 9]
        )
    ]


def _level(press: DetectedTone) -> float:
    return press.low_level_dbm0 + press.high_level_dbm0
