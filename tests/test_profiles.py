"""Limits of the profiles, against the standards' own figures written out here."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import pytest

from dtmf_audio.errors import InvalidSettingError
from dtmf_audio.profiles import PROFILES, Profile, get_profile

# Table A-1/Q.24, by column: NTT, AT&T, Denmark, Australia, Brazil. Denmark's with its A at -27 dBm.
MUST_OPERATE_OFFSET_HZ = {  # fraction of the frequency, and hertz on top
    "NTT": (0.018, 0), "AT&T": (0.015, 0), "Denmark": (0.015, 2), "Australia": (0.015, 4), "Brazil": (0.018, 0),
}  # fmt: skip
MUST_NOT_OPERATE_OFFSET_PCT = {"NTT": 3.0, "AT&T": 3.5, "Australia": 7.0, "Brazil": 3.0}
MUST_OPERATE_LEVEL_DBM = {"NTT": -24, "AT&T": -25, "Denmark": -27, "Australia": -27, "Brazil": -25}
MUST_OPERATE_LOUDEST_DBM = {"NTT": -3, "AT&T": 0, "Denmark": -2, "Australia": -5, "Brazil": -3}
MUST_NOT_OPERATE_LEVEL_DBM = {"NTT": -29, "AT&T": -55, "Denmark": -36, "Australia": -30, "Brazil": -50}
MUST_OPERATE_TWIST_DB = {  # high group louder by, low group louder by
    "NTT": (5, 5), "AT&T": (4, 8), "Denmark": (6, 6), "Australia": (10, 10), "Brazil": (9, 9),
}  # fmt: skip
MUST_OPERATE_ON_MS = 40  # all columns
MUST_NOT_OPERATE_ON_MS = {"NTT": 24, "AT&T": 23, "Denmark": 20, "Australia": 25, "Brazil": 20}
MUST_PART_MS = {"NTT": 30, "AT&T": 40, "Denmark": 40, "Australia": 70, "Brazil": 30}
MUST_BRIDGE_MS = {"NTT": 10, "AT&T": 10, "Denmark": 20, "Australia": 12, "Brazil": 10}

FREQUENCIES_HZ = (697, 770, 852, 941, 1209, 1336, 1477, 1633)
LIMITS = [field.name for field in fields(Profile) if field.name != "name"]
# An evidence and a level may be negative, and an infinite one is no limit; nothing else may be.
MAY_BE_NEGATIVE = [name for name in LIMITS if name.endswith(("_dbm0", "_evidence"))]


NAMES = ["default", "q24", "att", "ntt", "denmark", "australia", "brazil", "etsi", "sensitive"]
ADMINISTRATION = {"NTT": "ntt", "AT&T": "att", "Denmark": "denmark", "Australia": "australia", "Brazil": "brazil"}


def test_the_profiles_are_those_of_the_readme_by_name() -> None:
    assert list(PROFILES) == NAMES
    assert all(profile.name == name for name, profile in PROFILES.items())


@pytest.mark.parametrize("column", MUST_OPERATE_OFFSET_HZ)
def test_q24_and_default_accept_every_frequency_that_a_column_must_operate_at(column: str) -> None:
    fraction, hertz = MUST_OPERATE_OFFSET_HZ[column]
    for name in ("q24", "default"):
        for freq_hz in FREQUENCIES_HZ:
            assert PROFILES[name].max_offset_pct > 100 * (fraction + hertz / freq_hz)


@pytest.mark.parametrize("column", MUST_NOT_OPERATE_OFFSET_PCT)
def test_q24_and_default_refuse_every_frequency_that_a_column_must_not_operate_at(column: str) -> None:
    for name in ("q24", "default"):
        assert PROFILES[name].max_offset_pct < MUST_NOT_OPERATE_OFFSET_PCT[column]


@pytest.mark.parametrize("column", MUST_OPERATE_LEVEL_DBM)
def test_q24_level_lies_between_must_and_must_not_of_every_column(column: str) -> None:
    q24 = PROFILES["q24"]
    assert MUST_NOT_OPERATE_LEVEL_DBM[column] < q24.min_level_dbm0 < MUST_OPERATE_LEVEL_DBM[column]
    assert q24.max_level_dbm0 > MUST_OPERATE_LOUDEST_DBM[column]


@pytest.mark.parametrize("column", MUST_OPERATE_TWIST_DB)
def test_wide_profiles_and_its_own_accept_the_twist_of_a_column(column: str) -> None:
    high_louder_db, low_louder_db = MUST_OPERATE_TWIST_DB[column]
    for name in ("default", "q24", "sensitive", ADMINISTRATION[column]):
        profile = PROFILES[name]
        assert profile.max_twist_db > high_louder_db
        assert profile.max_reverse_twist_db > low_louder_db


@pytest.mark.parametrize("column", MUST_NOT_OPERATE_ON_MS)
def test_q24_and_default_length_lies_between_must_and_must_not_of_every_column(column: str) -> None:
    for name in ("q24", "default"):
        assert MUST_NOT_OPERATE_ON_MS[column] < PROFILES[name].min_on_ms < MUST_OPERATE_ON_MS


@pytest.mark.parametrize("column", MUST_BRIDGE_MS)
def test_q24_and_default_bridge_lies_between_interruption_and_pause_of_every_column(column: str) -> None:
    for name in ("q24", "default"):
        assert MUST_BRIDGE_MS[column] < PROFILES[name].bridge_ms < MUST_PART_MS[column]


@pytest.mark.parametrize("column", ADMINISTRATION)
def test_each_administration_has_its_edges_between_its_own_must_and_must_not(column: str) -> None:
    profile = PROFILES[ADMINISTRATION[column]]
    fraction, hertz = MUST_OPERATE_OFFSET_HZ[column]
    assert profile.max_offset_pct > max(100 * (fraction + hertz / freq_hz) for freq_hz in FREQUENCIES_HZ)
    assert profile.max_offset_pct < MUST_NOT_OPERATE_OFFSET_PCT.get(column, math.inf)
    assert MUST_NOT_OPERATE_LEVEL_DBM[column] < profile.min_level_dbm0 < MUST_OPERATE_LEVEL_DBM[column]
    assert profile.max_level_dbm0 > MUST_OPERATE_LOUDEST_DBM[column]
    assert MUST_NOT_OPERATE_ON_MS[column] < profile.min_on_ms < MUST_OPERATE_ON_MS
    assert MUST_BRIDGE_MS[column] < profile.bridge_ms < MUST_PART_MS[column]


def test_sensitive_lets_in_whatever_the_others_let_in() -> None:
    sensitive = PROFILES["sensitive"]
    for other in (profile for profile in PROFILES.values() if profile is not sensitive):
        for name in LIMITS:
            limit, others = getattr(sensitive, name), getattr(other, name)
            if name.startswith("min_"):
                assert limit <= others, name
            if name.startswith("max_"):
                assert limit >= others, name


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_found_by_name_and_is_taken_as_it_is(name: str) -> None:
    assert get_profile(name) is PROFILES[name]
    assert get_profile(PROFILES[name]) is PROFILES[name]


@pytest.mark.parametrize("limit", LIMITS)
def test_one_limit_can_be_replaced_and_the_rest_stays(limit: str) -> None:
    own = replace(PROFILES["q24"], name="own", **{limit: 1.25})
    assert getattr(own, limit) == 1.25
    assert replace(own, name="q24", **{limit: getattr(PROFILES["q24"], limit)}) == PROFILES["q24"]
    assert get_profile(own) is own


def test_a_profile_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        PROFILES["q24"].min_on_ms = 1.0  # type: ignore[misc]


@pytest.mark.parametrize("name", ["", "Q24", "q.24", None, 24, ["q24"]])
def test_an_unknown_profile_is_refused_and_the_known_ones_are_listed(name: Any) -> None:
    with pytest.raises(InvalidSettingError) as caught:
        get_profile(name)
    assert str(caught.value) == f"profile {name!r} is not known; the profiles are {', '.join(NAMES)}"


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("value", [math.nan, "5", None, True])
def test_a_limit_that_is_no_number_is_refused_by_name(limit: str, value: Any) -> None:
    with pytest.raises(InvalidSettingError) as caught:
        replace(PROFILES["q24"], name="own", **{limit: value})
    assert str(caught.value) == f"{limit} of profile 'own' is {value!r}; it must be a number"


@pytest.mark.parametrize("limit", [name for name in LIMITS if name not in MAY_BE_NEGATIVE])
def test_a_negative_length_ratio_or_offset_is_refused_by_name(limit: str) -> None:
    with pytest.raises(InvalidSettingError) as caught:
        replace(PROFILES["q24"], name="own", **{limit: -0.5})
    assert str(caught.value) == f"{limit} of profile 'own' is -0.5; it must be 0 or more"


@pytest.mark.parametrize("limit", MAY_BE_NEGATIVE)
def test_levels_and_evidence_may_be_negative(limit: str) -> None:
    assert getattr(replace(PROFILES["q24"], **{limit: -0.5}), limit) == -0.5
