"""What a sender of tones must keep to, by document; each number once, with its source.

"As reported" marks what others quote from a document whose own text was not at hand. Absolute levels in dBm or dBV
(ETSI, BT, AS/CA) are left out, since no file says what voltage its full scale was; so are BT's limits of single
components in dBm. Receivers' limits are there where a sender that misses them is not heard: a pause too short for
any receiver of table A-1/Q.24 is the sender's fault.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from dtmf_audio.errors import InvalidSettingError

Quantity = Literal[
    "offset_pct",
    "twist_db",
    "level_dbm0",
    "clipped_pct",
    "distortion_db",
    "dc_db",
    "on_ms",
    "off_ms",
    "period_ms",
    "rise_ms",
    "fall_ms",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One limit: the quantity must be ``lowest`` to ``highest``, in the unit at the end of its name.

    Quantities are those of :class:`~dtmf_audio.conformance.sender_measurement.SentTone`; ``level_dbm0`` is of each
    tone, ``offset_pct`` of both, and ``distortion_db`` is how far everything else lies below the weaker tone.
    """

    quantity: Quantity
    source: str
    lowest: float = -math.inf
    highest: float = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderLimits:
    """A set of limits: its name, its documents in words, and the limits."""

    name: str
    title: str
    limits: tuple[Limit, ...]


_Q23 = "ITU-T Q.23"
_ATT = "ITU-T Q.24, AT&T receivers"
_DENMARK = "ITU-T Q.24, Danish receivers"
_AUSTRALIA = "ITU-T Q.24, Australian receivers"
_ETSI = "ETSI ES 201 235-2 as reported"
_ASCA = "AS/CA S002:2010"
_SIN351 = "BT SIN 351 as reported"

Q23 = SenderLimits(
    name="q23",
    title="ITU-T Q.23, and Q.24 (AT&T)",
    limits=(
        Limit(quantity="offset_pct", lowest=-1.8, highest=1.8, source=_Q23),  # quoted: clause 7.1
        Limit(quantity="distortion_db", lowest=20.0, source=_Q23),  # quoted: clause 7.2
        # Q.23 has no level, twist or time. What follows is table A-1/Q.24, the AT&T column, "must operate".
        Limit(quantity="twist_db", lowest=-8.0, highest=4.0, source=_ATT),
        Limit(quantity="level_dbm0", lowest=-25.0, highest=0.0, source=_ATT),  # quoted in dBm
        Limit(quantity="on_ms", lowest=40.0, source=_ATT),  # all columns
        Limit(quantity="off_ms", lowest=40.0, source=_ATT),  # the columns have 30, 40 and 70
        Limit(quantity="period_ms", lowest=93.0, source=_ATT),  # the columns have 93 to 125
    ),
)
ETSI = SenderLimits(
    name="etsi",
    title="ETSI ES 201 235-2 as reported",
    limits=(
        Limit(quantity="offset_pct", lowest=-1.5, highest=1.5, source=_ETSI),
        Limit(quantity="twist_db", lowest=1.0, highest=4.0, source=_ETSI),
        Limit(quantity="distortion_db", lowest=20.0, source=_ETSI),
        Limit(quantity="on_ms", lowest=65.0, source=_ETSI),  # automatic dialling; another report says 25 ms
        Limit(quantity="off_ms", lowest=65.0, source=_ETSI),  # automatic dialling
        Limit(quantity="period_ms", lowest=100.0, source=_DENMARK),  # quoted: table A-1/Q.24, whose times ETSI's equal
    ),
)
AUSTRALIA = SenderLimits(
    name="australia",
    title="AS/CA S002:2010",
    limits=(  # quoted: clause 5.5.1.9
        Limit(quantity="offset_pct", lowest=-1.5, highest=1.5, source=_ASCA),
        Limit(quantity="twist_db", lowest=0.0, highest=4.0, source=_ASCA),  # 2 +/- 2 dB, with no line between
        Limit(quantity="distortion_db", lowest=20.0, source=_ASCA),
        Limit(quantity="on_ms", lowest=50.0, source=_ASCA),
        Limit(quantity="off_ms", lowest=70.0, source=_ASCA),
        Limit(quantity="off_ms", highest=3000.0, source=_ASCA),
        Limit(quantity="rise_ms", highest=5.0, source=_ASCA),
        Limit(quantity="fall_ms", highest=5.0, source=_ASCA),
        Limit(quantity="period_ms", lowest=125.0, source=_AUSTRALIA),  # quoted: table A-1/Q.24
    ),
)
UK = SenderLimits(
    name="uk",
    title="BT SIN 351 as reported",
    limits=(
        Limit(quantity="offset_pct", lowest=-1.5, highest=1.5, source=_SIN351),
        Limit(quantity="twist_db", lowest=1.0, highest=4.0, source=_SIN351),
        Limit(quantity="distortion_db", lowest=20.0, source=_SIN351),
        Limit(quantity="on_ms", lowest=40.0, source=_SIN351),
        Limit(quantity="off_ms", lowest=40.0, source=_SIN351),
    ),
)
# What no document limits, and what a sender must not do all the same.
CHOSEN = (
    Limit(quantity="clipped_pct", highest=0.0, source="chosen: nothing is to be cut off"),
    Limit(quantity="dc_db", lowest=20.0, source="chosen: as for everything unwanted"),
)
_EACH = (Q23, ETSI, AUSTRALIA, UK)
ALL = SenderLimits(
    name="all",
    title="; ".join(each.title for each in _EACH),
    limits=tuple(limit for each in _EACH for limit in each.limits),
)

SENDER_LIMITS: dict[str, SenderLimits] = {each.name: each for each in (*_EACH, ALL)}


def get_sender_limits(limits: str | SenderLimits) -> SenderLimits:
    """Return the limits of a name, or the limits themselves.

    Raises
    ------
    InvalidSettingError
        The name is not one of :data:`SENDER_LIMITS`.
    """
    if isinstance(limits, SenderLimits):
        return limits
    found = SENDER_LIMITS.get(limits) if isinstance(limits, str) else None
    if found is None:
        raise InvalidSettingError(f"limits {limits!r} are not known; there are {', '.join(SENDER_LIMITS)}")
    return found
