"""What a receiver must and must not do, by profile: the columns of the standards, each figure once.

A profile of :mod:`dtmf_audio.profiles` holds the edge that this library's receiver draws; here is what the edge is
judged by, "must operate" and "must not operate", for this receiver or any other. ``None`` means that the source
forbids nothing there. Levels are Q.24's dBm at the exchange, taken as dBm0, as is usual on a digital path.

``q24`` is the joint column: what any column asks for, it asks for. No two columns contradict each other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from dtmf_audio.errors import InvalidSettingError


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The two sides of every limit, and where they are written.

    Attributes
    ----------
    name, source : str
    offsets : tuple of (percent, Hz)
        Must operate: each tone off by the percentage and the hertz together.
    reject_offsets_pct : tuple of float
        Must not operate from here, measured from the nearest nominal frequency.
    top_dbm0, bottom_dbm0 : float
        Must operate: level of each tone.
    more_levels_dbm0 : tuple of (float, str)
        Further levels that must operate, and who asks for them.
    reject_level_dbm0 : float, optional
        Must not operate: both tones at this level.
    high_louder_db, low_louder_db : float
        Must operate: twist.
    on_ms, reject_on_ms : float
        Must operate, must not: length of a tone.
    pause_ms, bridge_ms : float
        A gap that must be recognised, and one that must be bridged.
    velocities : tuple of (period, pause) in ms
        Shortest period of the digits that is promised, with the pause that goes with it.
    echo : bool
        Whether an echo of 20 ms at -10 dB must be tolerated.
    speech : tuple of (level in dBm0, false tones an hour), optional
        Speech simulation.
    calls : bool
        Whether speech simulation is limited by the call, as AT&T does.
    judges_false : bool
        Whether tones in signals that hold no key fail a row, or are only counted.
    """

    name: str
    source: str
    offsets: tuple[tuple[float, float], ...]
    reject_offsets_pct: tuple[float, ...]
    top_dbm0: float
    bottom_dbm0: float
    more_levels_dbm0: tuple[tuple[float, str], ...] = ()
    reject_level_dbm0: float | None
    high_louder_db: float
    low_louder_db: float
    on_ms: float = 40.0
    reject_on_ms: float | None
    pause_ms: float
    bridge_ms: float
    velocities: tuple[tuple[float, float], ...]
    echo: bool = False
    speech: tuple[float, float] | None = None
    calls: bool = False
    judges_false: bool = True


_TABLE = "ITU-T Q.24 table A-1"
_RFC_2833 = ((-36.0, "RFC 2833 section 3.5"),)

NTT = Limits(
    name="ntt",
    source=f"{_TABLE}, NTT",
    offsets=((1.8, 0.0),),
    reject_offsets_pct=(3.0,),
    top_dbm0=-3.0,
    bottom_dbm0=-24.0,
    reject_level_dbm0=-29.0,
    high_louder_db=5.0,
    low_louder_db=5.0,
    reject_on_ms=24.0,
    pause_ms=30.0,
    bridge_ms=10.0,  # analogue receivers only
    velocities=((120.0, 30.0),),
    speech=(-15.0, 6 / 46),
)
ATT = Limits(
    name="att",
    source=f"{_TABLE}, AT&T",
    offsets=((1.5, 0.0),),
    reject_offsets_pct=(3.5,),
    top_dbm0=0.0,
    bottom_dbm0=-25.0,
    more_levels_dbm0=_RFC_2833,
    reject_level_dbm0=-55.0,
    high_louder_db=4.0,
    low_louder_db=8.0,
    reject_on_ms=23.0,
    pause_ms=40.0,
    bridge_ms=10.0,
    velocities=((93.0, 40.0),),
    echo=True,
    calls=True,
)
DENMARK = Limits(
    name="denmark",
    source=f"{_TABLE}, Denmark with A = -27 dBm",
    offsets=((1.5, 2.0),),
    reject_offsets_pct=(),
    top_dbm0=-2.0,
    bottom_dbm0=-27.0,
    reject_level_dbm0=-36.0,
    high_louder_db=6.0,
    low_louder_db=6.0,
    reject_on_ms=20.0,
    pause_ms=40.0,
    bridge_ms=20.0,
    velocities=((100.0, 40.0),),
    speech=(-12.0, 46 / 100),
)
AUSTRALIA = Limits(
    name="australia",
    source=f"{_TABLE}, Australia",
    offsets=((1.5, 4.0),),
    reject_offsets_pct=(7.0,),
    top_dbm0=-5.0,
    bottom_dbm0=-27.0,
    reject_level_dbm0=-30.0,
    high_louder_db=10.0,
    low_louder_db=10.0,
    reject_on_ms=25.0,
    pause_ms=70.0,
    bridge_ms=12.0,
    velocities=((125.0, 70.0),),
)
BRAZIL = Limits(
    name="brazil",
    source=f"{_TABLE}, Brazil",
    offsets=((1.8, 0.0),),
    reject_offsets_pct=(3.0,),
    top_dbm0=-3.0,
    bottom_dbm0=-25.0,
    reject_level_dbm0=-50.0,
    high_louder_db=9.0,
    low_louder_db=9.0,
    reject_on_ms=20.0,
    pause_ms=30.0,
    bridge_ms=10.0,
    velocities=((120.0, 30.0),),
    speech=(-13.0, 5 / 50),
)
ETSI = replace(
    DENMARK,
    name="etsi",
    source="ETSI ES 201 235-3, as reported by others",
    top_dbm0=-4.0,
    bottom_dbm0=-30.0,
    reject_level_dbm0=-40.0,  # reports disagree: none below -30, or none below -40 dBm
    speech=None,
)
_COLUMNS = (NTT, ATT, DENMARK, AUSTRALIA, BRAZIL)
Q24 = Limits(
    name="q24",
    source=f"{_TABLE}, all columns",
    offsets=((1.5, 2.0), (1.8, 0.0), (1.5, 4.0)),
    reject_offsets_pct=(3.0, 3.5),
    top_dbm0=max(column.top_dbm0 for column in _COLUMNS),
    bottom_dbm0=min(column.bottom_dbm0 for column in _COLUMNS),
    reject_level_dbm0=-29.0,
    high_louder_db=max(column.high_louder_db for column in _COLUMNS),
    low_louder_db=max(column.low_louder_db for column in _COLUMNS),
    reject_on_ms=25.0,
    pause_ms=min(column.pause_ms for column in _COLUMNS),
    bridge_ms=max(column.bridge_ms for column in _COLUMNS),
    velocities=tuple(dict.fromkeys(pair for column in _COLUMNS for pair in column.velocities)),
    echo=True,
    speech=(-13.0, 5 / 50),
    calls=True,
)
DEFAULT = replace(
    Q24,
    name="default",
    source=f"{_TABLE}, all columns; weak tones are welcome",
    reject_offsets_pct=(3.0,),
    reject_level_dbm0=None,
    more_levels_dbm0=_RFC_2833,
)
SENSITIVE = replace(
    DEFAULT,
    name="sensitive",
    source=f"{_TABLE}, all columns; whatever might be a tone is welcome",
    reject_offsets_pct=(),
    reject_on_ms=None,
    bridge_ms=12.0,  # it parts from 20 ms on, as ETSI allows
    judges_false=False,
)

LIMITS: dict[str, Limits] = {
    limits.name: limits for limits in (DEFAULT, Q24, ATT, NTT, DENMARK, AUSTRALIA, BRAZIL, ETSI, SENSITIVE)
}


def limits_of(profile: str) -> Limits:
    """Return the limits that a profile is judged by.

    Raises
    ------
    InvalidSettingError
        The profile is not one of :data:`LIMITS`.
    """
    limits = LIMITS.get(profile) if isinstance(profile, str) else None
    if limits is None:
        raise InvalidSettingError(
            f"profile {profile!r} has no limits to judge by; those that have: {', '.join(LIMITS)}"
        )
    return limits
