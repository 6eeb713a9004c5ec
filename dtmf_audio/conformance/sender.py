"""Somebody's dialler from a recording: what it sends, which limits that misses, and what to mend.

A finding is made only where a limit is missed by more than the measurement can be wrong, so that a sender exactly at
a limit passes, and noise alone fails nobody. What many keys share is said once, and by its cause where that shows:
one factor in all frequencies is a clock, one in a group its divider, one wrong frequency a wrong table entry. What
lies in the pauses too is the recording's, and becomes a note.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from dtmf_audio.conformance.sender_judgement import Finding, count, judge
from dtmf_audio.conformance.sender_limits import SenderLimits, get_sender_limits
from dtmf_audio.conformance.sender_measurement import Background, SentTone, measure_tones
from dtmf_audio.decoder import decode
from dtmf_audio.errors import InvalidSettingError
from dtmf_audio.profiles import DEFAULT
from dtmf_audio.signals import as_channels, to_float

# Whatever may be a press: what is wrong with it is the question. Echoes of presses are left out, as by default.
PROFILE = replace(
    DEFAULT,
    name="check",
    min_on_ms=20.0,  # chosen: as "sensitive"
    bridge_ms=20.0,  # chosen: as "sensitive"
    max_offset_pct=4.0,  # chosen: nearly half way to the neighbour; measured to 3.5 % on clean tones
    min_evidence=-20.0,  # chosen: tones 3 % off weigh as little; nothing more is heard in samples/ for it
)
LEAST_PURITY_DB = 0.0  # chosen: what is louder than the weaker tone leaves too little of it to measure
LEAST_PURITY_IF_DOUBTFUL_DB = 10.0  # chosen: likewise, for what a receiver would not take for a press; speech is below
DC_PCT = 0.5  # of full scale
MOST_DISTORTION_DB = 20.0  # what every limit asks for


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderReport:
    """What a recording says of the sender.

    Attributes
    ----------
    samplerate : int
        Hz.
    channel : int
    limits : SenderLimits
    tones : tuple of SentTone
        Each press; empty if there is none.
    background : Background
        What the recording has in the pauses.
    findings : tuple of Finding
        What to mend; empty if every limit is kept.
    notes : tuple of str
        What was not judged, and why; what is odd but within the limits.
    """

    samplerate: int
    channel: int
    limits: SenderLimits
    tones: tuple[SentTone, ...]
    background: Background
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]


def check_sender(
    signal: npt.ArrayLike, samplerate: int, *, limits: str | SenderLimits = "all", channel: int | None = None
) -> SenderReport:
    """Measure the sender of the tones in a signal, and judge it.

    Parameters
    ----------
    signal : int16, int32, uint8, float32 or float64, shape (n,) or (n, channels)
    samplerate : int
        Hz, 4000 to 192000.
    limits : str or SenderLimits
        A name of :data:`~dtmf_audio.conformance.sender_limits.SENDER_LIMITS`, or limits of your own.
    channel : int, optional
        Which channel; may be left out if there is one.

    Returns
    -------
    SenderReport

    Raises
    ------
    InvalidSignalError
        The signal has no samples, another dtype or shape, or a sample that is not finite.
    InvalidSettingError
        A rate, channel or limits that do not exist, or several channels and none chosen.
    """
    chosen = get_sender_limits(limits)
    columns = as_channels(signal)
    n_channels = columns.shape[1]
    if channel is None and n_channels > 1:
        raise InvalidSettingError(f"the signal has {n_channels} channels, each a sender of its own; say which channel")
    number = 0 if channel is None else channel
    found = decode(columns, samplerate, channel=number, profile=PROFILE)
    sure = decode(columns, samplerate, channel=number)
    samples = to_float(columns[:, number], np.float64)
    measured, background = measure_tones(samples, samplerate, found)
    tones = _presses(measured, [(each.start_s, each.stop_s) for each in sure])
    findings, remarks = judge(tones, chosen, samplerate, heard_pauses=background.noise_dbm0 is not None)
    left_out = len(measured) - len(tones)
    if left_out:
        remarks.append(f"{count(left_out, 'press')} left out: too much else sounds along, or it is no press")
    return SenderReport(
        samplerate=samplerate,
        channel=number,
        limits=chosen,
        tones=tuple(tones),
        background=background,
        findings=tuple(findings),
        notes=(*_notes(tones, background), *remarks),
    )


def _presses(measured: list[SentTone], sure: list[tuple[float, float]]) -> list[SentTone]:
    """Choose the presses that say something of their sender; ``sure`` is what a receiver takes for one."""
    doubtful = []
    for tone in measured:
        middle_s = tone.start_s + tone.on_ms / 2000
        doubtful.append(not any(start_s <= middle_s < stop_s for start_s, stop_s in sure))
    mostly_sure = sum(doubtful) < len(measured) / 2
    return [
        tone
        for tone, is_doubtful in zip(measured, doubtful, strict=True)
        if (
            tone.distortion_db >= LEAST_PURITY_IF_DOUBTFUL_DB
            and max(abs(tone.low_offset_pct), abs(tone.high_offset_pct)) <= PROFILE.max_offset_pct
            and not (mostly_sure and tone.on_ms < DEFAULT.min_on_ms)  # a splinter, among presses that are none
            if is_doubtful
            else tone.distortion_db >= LEAST_PURITY_DB
        )
    ]


def _notes(tones: list[SentTone], background: Background) -> list[str]:
    """Say what was not judged, and why."""
    notes: list[str] = []
    if not tones:
        return notes
    cut = [tone.tone.key for tone in tones if tone.cut]
    if cut:
        notes.append(f"the recording begins or ends within a press of {' '.join(cut)}: its length is not judged")
    limited = [tone for tone in tones if tone.noise_limited and tone.distortion_db < MOST_DISTORTION_DB]
    if limited:
        which = "" if len(limited) == len(tones) else f" of {len(limited)} of {len(tones)} presses"
        notes.append(
            f"distortion{which} cannot be told from the noise in the pauses ({background.noise_dbm0:.1f} dBm0): record "
            "with less noise to have it judged"
        )
    if background.noise_dbm0 is None:
        notes.append("there is no pause to listen in: what is noise of the recording may count as the sender's")
    if abs(background.dc_pct) >= DC_PCT:
        notes.append(
            f"a DC of {background.dc_pct:+.1f} % of full scale is in the pauses too: the recorder's, not judged"
        )
    unclear = [tone for tone in tones if not tone.cut and (tone.rise_ms is None or tone.fall_ms is None)]
    if unclear:
        notes.append(
            f"rise and fall of {len(unclear)} of {len(tones)} presses are not judged: no single ramp fits them (noise, "
            "echo, a room, or the next tone close by)"
        )
    swinging = [tone for tone in tones if tone.unsteady]
    if swinging:
        judged_out = len(tones) if len(swinging) > len(tones) / 2 else len(swinging)
        notes.append(
            f"level and twist of {judged_out} of {len(tones)} presses are not judged: levels vary by up to "
            f"{max(tone.swing_db for tone in swinging):.1f} dB within one (an unsteady sender, or gain control, echo "
            "or a room between it and the recorder)"
        )
    return notes
