"""What a receiver accepts: limits by administration, each number with its source.

A limit of a standard is a pair, "must operate" and "must not operate", with freedom between them. A
:class:`Profile` holds one edge for each, put between the two, since what is measured scatters to both sides.

``default`` is for recordings of unknown origin: wide limits, and the evidence decides. ``q24`` meets all five
columns of table A-1/Q.24 at once, which no two columns of the table forbid; ``att``, ``ntt``, ``denmark``,
``australia`` and ``brazil`` are those columns, and ``etsi`` is ES 201 235-3. ``sensitive`` finds everything
that might be a tone, for people who will look at each hit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

from dtmf_audio.errors import InvalidSettingError


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Limits of a receiver. Take one and change a limit with :func:`dataclasses.replace`.

    Attributes
    ----------
    name : str
    min_on_ms : float
        Shortest tone; a hole that is bridged counts as tone.
    bridge_ms : float
        Longest hole within one press; after a longer one the same key is a new press.
    max_offset_pct : float
        Largest deviation of either tone from its nominal frequency.
    min_level_dbm0, max_level_dbm0 : float
        Range of the level of each tone.
    max_twist_db, max_reverse_twist_db : float
        How much louder the high group may be than the low group, and the low group than the high group.
    echo_ms : float
        How long after a press a much weaker one is taken for its echo or a trace of it; 0 for never.
    echo_db, other_echo_db : float
        How much weaker that is, for the same key and for another key.
    min_evidence : float
        Least sum of the evidence that the sound is a pair of tones and not speech, music or noise, in units of
        the natural logarithm of the odds (:mod:`dtmf_audio.judgement`). A press that is clean at first sight
        (:mod:`dtmf_audio.screen`) is beyond doubt, whatever the least is.
    """

    name: str
    min_on_ms: float
    bridge_ms: float
    max_offset_pct: float
    min_level_dbm0: float
    max_level_dbm0: float
    max_twist_db: float
    max_reverse_twist_db: float
    echo_ms: float
    echo_db: float
    other_echo_db: float
    min_evidence: float

    def __post_init__(self) -> None:
        """Refuse a limit that is no number, or of the wrong sign."""
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "name":
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
                raise InvalidSettingError(f"{field.name} of profile {self.name!r} is {value!r}; it must be a number")
            if value < 0 and not field.name.endswith(("_dbm0", "_evidence")):
                raise InvalidSettingError(f"{field.name} of profile {self.name!r} is {value:g}; it must be 0 or more")


# Chosen: even odds. In 19 hours of speech and music nothing is heard at 0 or at 1, and at 0 a third fewer presses are
# missed under speech 5 dB below them and in white noise 2 dB louder; in 18 hours that it was not chosen on, there are 2
# false tones at 0 and 1 at 1.
_EVIDENCE = 0.0

DEFAULT = Profile(
    name="default",
    min_on_ms=27.0,  # chosen: 25 ms, which no column of table A-1/Q.24 lets operate, is measured as 26.4 ms at most
    bridge_ms=25.0,  # chosen: between 20 ms, which Denmark bridges, and 30 ms, which NTT and Brazil count as pause
    max_offset_pct=2.4,  # chosen: between Australia's 1.5 % + 4 Hz at 697 Hz, 2.07 %, and NTT's and Brazil's 3 %
    min_level_dbm0=-60.0,  # chosen: what is left of a key pressed across a room from the telephone
    max_level_dbm0=math.inf,
    max_twist_db=25.0,  # chosen: loudspeakers held to microphones give 16 to 23 dB
    max_reverse_twist_db=25.0,  # chosen: likewise
    echo_ms=500.0,  # chosen: rooms and key-up transients repeat a key for up to 0.4 s
    echo_db=15.0,  # chosen: more than a hand's or a line's unsteadiness, less than the 20 dB of such echoes
    other_echo_db=25.0,  # chosen: cross-talk and coding traces of a press lie 29 dB and more below it
    min_evidence=_EVIDENCE,
)
Q24 = Profile(
    name="q24",
    min_on_ms=32.5,  # chosen: middle of 25 ms (Australia, must not) and 40 ms (all, must)
    bridge_ms=25.0,  # chosen: middle of 20 ms (Denmark, bridge) and 30 ms (NTT, Brazil, pause)
    max_offset_pct=2.5,  # chosen: middle of 2.07 % (Australia at 697 Hz, must) and 3.0 % (NTT, Brazil, must not)
    min_level_dbm0=-28.0,  # chosen: middle of -27 (Denmark, Australia, must) and -29 dBm (NTT, must not)
    max_level_dbm0=math.inf,
    max_twist_db=11.0,  # chosen: 1 dB beyond the 10 dB of Australia, the widest
    max_reverse_twist_db=11.0,  # chosen: likewise
    echo_ms=0.0,  # the standard knows levels of tones, not of what went before them
    echo_db=15.0,
    other_echo_db=30.0,
    min_evidence=_EVIDENCE,
)

# The columns of table A-1/Q.24, each on its own: first what must operate and must not, then the edge between.
NTT = replace(
    Q24,
    name="ntt",
    min_on_ms=32.0,  # must from 40 ms, must not to 24 ms
    bridge_ms=20.0,  # bridges 10 ms (analogue receivers), counts 30 ms as a pause
    max_offset_pct=2.4,  # must to 1.8 %, must not from 3.0 %
    min_level_dbm0=-26.5,  # must from -24 dBm, must not from -29 dBm down
    max_twist_db=6.0,  # must to 5 dB either way; the table forbids none
    max_reverse_twist_db=6.0,
)
ATT = replace(
    Q24,
    name="att",
    min_on_ms=31.5,  # must from 40 ms, must not to 23 ms
    bridge_ms=25.0,  # bridges 10 ms, counts 40 ms
    max_offset_pct=2.5,  # must to 1.5 %, must not from 3.5 %
    min_level_dbm0=-40.0,  # must from -25 dBm, must not from -55 dBm down; RFC 2833 asks for -36 dBm0
    max_twist_db=6.0,  # must to 4 dB with the high group louder; echoes at -10 dB add up to 5.7 dB to none
    max_reverse_twist_db=9.0,  # must to 8 dB with the low group louder
)
DENMARK = replace(
    Q24,
    name="denmark",
    min_on_ms=30.0,  # must from 40 ms, must not to 20 ms
    bridge_ms=30.0,  # bridges 20 ms, counts 40 ms
    max_offset_pct=2.5,  # must to 1.5 % + 2 Hz, which is 1.79 % at 697 Hz; forbids none
    min_level_dbm0=-31.5,  # with A = -27 dBm: must from A, must not from A - 9 down
    max_twist_db=7.0,  # must to 6 dB either way
    max_reverse_twist_db=7.0,
)
AUSTRALIA = replace(
    Q24,
    name="australia",
    min_on_ms=32.5,  # must from 40 ms, must not to 25 ms
    bridge_ms=41.0,  # bridges 12 ms, counts 70 ms
    max_offset_pct=2.6,  # must to 1.5 % + 4 Hz, which is 2.07 % at 697 Hz; must not from 7 %
    min_level_dbm0=-28.5,  # must from -27 dBm, must not from -30 dBm down
    max_twist_db=11.0,  # must to 10 dB either way
    max_reverse_twist_db=11.0,
)
BRAZIL = replace(
    Q24,
    name="brazil",
    min_on_ms=30.0,  # must from 40 ms, must not to 20 ms
    bridge_ms=20.0,  # bridges 10 ms, counts 30 ms
    max_offset_pct=2.4,  # must to 1.8 %, must not from 3 %
    min_level_dbm0=-37.5,  # must from -25 dBm, must not from -50 dBm down
    max_twist_db=10.0,  # must to 9 dB either way
    max_reverse_twist_db=10.0,
)
# ETSI ES 201 235-3 as others report it: 40 ms must be recognised and 20 ms must not, breaks alike; 1.5 % + 2 Hz;
# twist 6 dB. Reports of the level disagree: down to -30 dBm must operate, and none below -30 or none below -40 dBm.
ETSI = replace(DENMARK, name="etsi", min_level_dbm0=-35.0)
SENSITIVE = Profile(
    name="sensitive",
    min_on_ms=20.0,  # quoted: ETSI ES 201 235-3, reported: shorter tones shall not be recognised
    bridge_ms=20.0,  # quoted: ETSI ES 201 235-3, reported: shorter breaks shall not end a digit
    max_offset_pct=3.5,  # quoted: table A-1/Q.24, AT&T column: must not operate from here
    min_level_dbm0=-75.0,  # chosen: 15 dB below the default
    max_level_dbm0=math.inf,
    max_twist_db=26.0,  # chosen: beyond it the weaker tone drowns in the leakage of the stronger
    max_reverse_twist_db=26.0,
    echo_ms=0.0,  # echoes are hits to look at, too
    echo_db=15.0,
    other_echo_db=30.0,
    min_evidence=_EVIDENCE - 4.0,  # chosen: takes what is fifty times less likely
)

PROFILES: dict[str, Profile] = {
    profile.name: profile for profile in (DEFAULT, Q24, ATT, NTT, DENMARK, AUSTRALIA, BRAZIL, ETSI, SENSITIVE)
}


def get_profile(profile: str | Profile) -> Profile:
    """Return the profile of a name, or the profile itself.

    Raises
    ------
    InvalidSettingError
        The name is not one of :data:`PROFILES`.
    """
    if isinstance(profile, Profile):
        return profile
    found = PROFILES.get(profile) if isinstance(profile, str) else None
    if found is None:
        raise InvalidSettingError(f"profile {profile!r} is not known; the profiles are {', '.join(PROFILES)}")
    return found
