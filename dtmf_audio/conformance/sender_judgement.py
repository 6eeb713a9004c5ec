"""What was measured of a sender against limits: findings, each said once for all presses that share it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from dtmf_audio.conformance.sender_limits import CHOSEN, Limit, Quantity, SenderLimits
from dtmf_audio.conformance.sender_measurement import DIAL_TONE_NAME, LONGEST_PAUSE_S, SentTone

# How far a reading may be off, beyond what noise does
OFFSET_GUARD_PCT = 0.02
LEVEL_GUARD_DB = 0.05
TIME_GUARD_MS = 0.5
RISE_GUARD_MS = 0.2
DISTORTION_GUARD_DB = 0.3

SAME_PCT = 0.1  # chosen: offsets from one cause differ by no more, or by 15 % of themselves
SAME_SHARE = 0.15
MOST_KEYS_NAMED = 6
BEST_TWIST_DB = 2.0  # quoted: AS/CA S002:2010 clause 5.5.1.9; within every other limit too
ODD_ONE_PCT = 0.4  # chosen: an offset to remark on if all others are exact; FreeSWITCH's 859 for 852 Hz is 0.82 %


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something to mend.

    Attributes
    ----------
    quantity : str
        What missed its limit, its unit at the end of its name.
    presses : tuple of int
        Which presses, counted from 0.
    keys : str
        Their keys, each once.
    where : str
        The same in words: "every key", "the 852 Hz row (keys 7 8 9)".
    measured : str
        What was measured, in words.
    least, most : float
        The least and the most of it, in the quantity's unit.
    limits : tuple of Limit
        Those that were missed.
    remedy : str
        What to do.
    """

    quantity: Quantity
    presses: tuple[int, ...]
    keys: str
    where: str
    measured: str
    least: float
    most: float
    limits: tuple[Limit, ...]
    remedy: str


def judge(
    tones: list[SentTone], chosen: SenderLimits, samplerate: int, *, heard_pauses: bool
) -> tuple[list[Finding], list[str]]:
    """Return what to mend, and remarks on what is odd or was not judged."""
    if not tones:
        return [], []
    judging = _Judge(tones, (*chosen.limits, *CHOSEN), samplerate, heard_pauses)
    findings = [
        *judging.frequencies(),
        *judging.twist(),
        *judging.levels(),
        *judging.clipping(),
        *judging.distortion(),
        *judging.dc(),
        *judging.times(),
        *judging.edges(),
    ]
    return findings, judging.remarks


Reading = Callable[[SentTone], float | None]


class _Judge:
    """Holds the presses against the limits, one quantity at a time."""

    def __init__(self, tones: list[SentTone], limits: Sequence[Limit], samplerate: int, heard_pauses: bool) -> None:
        self._tones = tones
        self._limits = limits
        self._heard_pauses = heard_pauses
        self._mostly_unsteady = sum(tone.unsteady for tone in tones) > len(tones) / 2
        self._step_ms = 1000.0 / samplerate
        self.remarks: list[str] = []

    # --- frequencies

    def frequencies(self) -> list[Finding]:
        """Find clocks, dividers, table entries and presses that are off."""
        by_frequency: list[dict[float, list[int]]] = [{}, {}]  # of each group: nominal Hz, presses
        for index, tone in enumerate(self._tones):
            for group, hz in enumerate(tone.tone.frequencies_hz):
                by_frequency[group].setdefault(hz, []).append(index)
        missed: list[dict[int, list[Limit]]] = [self._offset_misses(group) for group in (0, 1)]
        medians = [
            {hz: statistics.median(self._offset(group, i) for i in presses) for hz, presses in sorted(rows.items())}
            for group, rows in enumerate(by_frequency)
        ]
        self._remark_on_odd_one({(group, hz): pct for group in (0, 1) for hz, pct in medians[group].items()}, missed)
        every = range(len(self._tones))
        offsets = [[self._offset(group, i) for i in every] for group in (0, 1)]
        if all(len(each) == len(self._tones) for each in missed) and _alike([*offsets[0], *offsets[1]]):
            return [self._clock(missed, [*offsets[0], *offsets[1]])]
        findings = []
        unsteady: list[tuple[int, int]] = []  # group, press
        for group, name in enumerate(("low", "high")):
            if len(missed[group]) == len(self._tones) and len(by_frequency[group]) > 1 and _alike(offsets[group]):
                findings.append(self._group(name, offsets[group], missed[group]))
                continue
            for hz, presses in sorted(by_frequency[group].items()):
                wrong = [i for i in presses if i in missed[group]]
                if wrong and _alike([self._offset(group, i) for i in wrong]):
                    findings.append(self._one_frequency(group, hz, presses, wrong, missed[group]))
                else:
                    unsteady += [(group, i) for i in wrong]
        if unsteady:
            findings.append(self._unsteady(unsteady, missed))
        return findings

    def _offset(self, group: int, index: int) -> float:
        tone = self._tones[index]
        return tone.high_offset_pct if group else tone.low_offset_pct

    def _offset_misses(self, group: int) -> dict[int, list[Limit]]:
        return self._misses(
            "offset_pct",
            lambda tone: tone.high_offset_pct if group else tone.low_offset_pct,
            lambda tone: tone.offset_error_pct + OFFSET_GUARD_PCT,
        )

    def _clock(self, missed: list[dict[int, list[Limit]]], offsets: list[float]) -> Finding:
        pct = statistics.median(offsets)
        return self._finding(
            "offset_pct",
            missed[0],
            offsets,
            _union(limits for each in missed for limits in each.values()),
            f"every tone is {_off(pct)}",
            "one factor in all of them is a clock: correct the sender's (crystal, sample rate), which is "
            f"{abs(pct):.2f} % {'fast' if pct > 0 else 'slow'}, unless it is the recorder's",
        )

    def _group(self, name: str, offsets: list[float], missed: dict[int, list[Limit]]) -> Finding:
        return self._finding(
            "offset_pct",
            missed,
            offsets,
            _union(missed.values()),
            f"all {name} tones are {_off(statistics.median(offsets))}, by the same factor",
            f"correct what they have in common: the clock or the step of the {name} group's oscillator",
        )

    def _one_frequency(
        self, group: int, hz: float, presses: list[int], wrong: list[int], missed: dict[int, list[Limit]]
    ) -> Finding:
        offsets = [self._offset(group, i) for i in wrong]
        sent_hz = statistics.median(self._tones[i].high_hz if group else self._tones[i].low_hz for i in wrong)
        others = [i for i in presses if i not in wrong]
        remedy = f"correct that frequency to {hz:g} Hz"
        if others:
            other_hz = statistics.median(self._tones[i].high_hz if group else self._tones[i].low_hz for i in others)
            remedy += f"; other presses have it at {other_hz:.1f} Hz, so see what differs"
        return self._finding(
            "offset_pct",
            wrong,
            offsets,
            _union(missed[i] for i in wrong),
            f"the {'high' if group else 'low'} tone of {hz:g} Hz is sent as {sent_hz:.1f} Hz, "
            f"{_off(statistics.median(offsets))}",
            remedy,
        )

    def _unsteady(self, places: list[tuple[int, int]], missed: list[dict[int, list[Limit]]]) -> Finding:
        offsets = [self._offset(group, i) for group, i in places]
        return self._finding(
            "offset_pct",
            sorted({i for _, i in places}),
            offsets,
            _union(missed[group][i] for group, i in places),
            f"the same tones are sent now higher, now lower, up to {_range(offsets, '{:+.2f}')} % off",
            "make the oscillators steady: derive them from a crystal, or from one table",
        )

    def _remark_on_odd_one(self, medians: dict[tuple[int, float], float], missed: list[dict[int, list[Limit]]]) -> None:
        """Remark on a frequency that is off within its limits while all others are exact."""
        for (group, hz), pct in medians.items():
            others = [abs(value) for where, value in medians.items() if where != (group, hz)]
            presses = [i for i, tone in enumerate(self._tones) if tone.tone.frequencies_hz[group] == hz]
            if (
                abs(pct) >= ODD_ONE_PCT
                and len(others) > 1
                and max(others) <= SAME_PCT
                and not any(i in missed[group] for i in presses)
            ):
                self.remarks.append(
                    f"{self._where(presses)}: {hz:g} Hz is sent as {hz * (1 + pct / 100):.1f} Hz ({pct:+.2f} %), "
                    "within the limits, but the other frequencies are exact: a wrong entry in a table?"
                )

    # --- levels

    def _unsteady_level(self, tone: SentTone) -> bool:
        """Tell whether a level is hardly the sender's: it varies within the press, or within most presses."""
        return tone.unsteady or self._mostly_unsteady

    def twist(self) -> list[Finding]:
        """Judge the high group against the low group."""
        missed = self._misses(
            "twist_db",
            lambda tone: None if self._unsteady_level(tone) else tone.twist_db,
            lambda tone: 1.5 * tone.level_error_db + LEVEL_GUARD_DB,
        )
        findings = []
        for is_high in (False, True):
            presses = [
                i
                for i, limits in missed.items()
                if any((self._tones[i].twist_db > limit.highest) == is_high for limit in limits)
            ]
            if not presses:
                continue
            limits = _union(missed[i] for i in presses)
            values = [self._tones[i].twist_db for i in presses]
            change_db = BEST_TWIST_DB - statistics.median(values)
            findings.append(
                self._finding(
                    "twist_db",
                    presses,
                    values,
                    limits,
                    f"the high tone less the low one is {_range(values, '{:+.1f}')} dB",
                    f"{'raise' if change_db > 0 else 'lower'} the high group against the low one by "
                    f"{abs(change_db):.1f} dB, to {BEST_TWIST_DB:+g} dB",
                )
            )
        return findings

    def levels(self) -> list[Finding]:
        """Judge what receivers take."""
        findings = []
        readings: dict[bool, Reading] = {
            True: lambda tone: None if self._unsteady_level(tone) else tone.weaker_dbm0,
            False: lambda tone: None if self._unsteady_level(tone) else tone.louder_dbm0,
        }
        for weak, reading in readings.items():
            missed = self._misses(
                "level_dbm0", reading, lambda tone: tone.level_error_db + LEVEL_GUARD_DB, low=weak, high=not weak
            )
            if missed:
                values = [value for i in missed if (value := reading(self._tones[i])) is not None]
                which, change = ("weaker", "raise") if weak else ("stronger", "lower")
                findings.append(
                    self._finding(
                        "level_dbm0",
                        missed,
                        values,
                        _union(missed.values()),
                        f"the {which} tone is at {_range(values, '{:.1f}')} dBm0 as recorded",
                        f"{change} the sender's level, unless the recording was made at another gain",
                    )
                )
        return findings

    def clipping(self) -> list[Finding]:
        """Find presses that are cut off at the top."""
        missed = self._misses("clipped_pct", lambda tone: tone.clipped_pct, lambda _: 0.0)
        if not missed:
            return []
        values = [self._tones[i].clipped_pct for i in missed]
        worst = min(self._tones[i].distortion_db for i in missed)
        return [
            self._finding(
                "clipped_pct",
                missed,
                values,
                _union(missed.values()),
                f"{_range(values, '{:.1f}')} % of the samples are cut off at the top, which leaves everything but the "
                f"tones {worst:.1f} dB below the weaker one",
                "lower the sender's level, or the recorder's gain, and measure again",
            )
        ]

    def distortion(self) -> list[Finding]:
        """Judge everything unwanted, unless clipping, dial tone or the recording's noise explains it."""
        missed = self._misses(
            "distortion_db",
            lambda tone: None if tone.noise_limited or tone.clipped_pct > 0 else tone.distortion_db,
            lambda _: DISTORTION_GUARD_DB,
        )
        dialling = [i for i in missed if self._component_name(i) == DIAL_TONE_NAME]
        if dialling:
            self.remarks.append(f"{self._where(dialling)}: dial tone sounds along; distortion is not judged there")
            missed = {i: limits for i, limits in missed.items() if i not in dialling}
        if not missed:
            return []
        values = [self._tones[i].distortion_db for i in missed]
        named = [i for i in missed if self._tones[i].component is not None]
        # With fewer than half of the presses it is the sender's if it is made of the tones, or comes again with a key
        again = missed.keys() == set(self._with_keys(missed)) and len(missed) > len(self._keys(missed))
        made_of_tones = any(word in self._component_name(i) for i in named for word in ("harmonic", "intermod", "key"))
        few = len(missed) <= len(self._tones) / 2 and not (again or made_of_tones)
        if few or (not named and not self._heard_pauses):
            self.remarks.append(
                f"{self._where(missed)}: something sounds along, {_range(values, '{:.1f}')} dB below the weaker tone; "
                + ("not with most presses: the recording's" if few else "no pause tells whether it is noise")
            )
            return []
        measured = f"everything but the tones lies {_range(values, '{:.1f}')} dB below the weaker one"
        remedy = "find what sounds along with the tones: no single frequency stands out"
        if named:
            worst = min(named, key=lambda i: self._tones[i].distortion_db)
            component = self._tones[worst].component
            assert component is not None
            measured += f", the strongest of it at {component.freq_hz:.0f} Hz"
            measured += f" ({component.name})" if component.name else ""
            remedy = _remedy_for(component.name)
        return [self._finding("distortion_db", missed, values, _union(missed.values()), measured, remedy)]

    def _component_name(self, index: int) -> str:
        component = self._tones[index].component
        return "" if component is None else component.name

    def _with_keys(self, presses: Iterable[int]) -> list[int]:
        """Return every press of the keys of some presses."""
        keys = {self._tones[i].tone for i in presses}
        return [i for i, tone in enumerate(self._tones) if tone.tone in keys]

    def dc(self) -> list[Finding]:
        """Find DC that comes and goes with the tones."""
        missed = self._misses(
            "dc_db", lambda tone: None if tone.noise_limited else tone.dc_db, lambda _: DISTORTION_GUARD_DB
        )
        if len(missed) <= len(self._tones) / 2:
            return []
        values = [self._tones[i].dc_db for i in missed]
        return [
            self._finding(
                "dc_db",
                missed,
                values,
                _union(missed.values()),
                f"a DC comes and goes with the tones, {_range(values, '{:.1f}')} dB below the weaker one",
                "take the constant out of the waveform, or couple the output through a capacitor",
            )
        ]

    # --- times

    def times(self) -> list[Finding]:
        """Judge lengths, pauses and periods."""
        guard: Callable[[SentTone], float] = lambda tone: 2 * tone.edge_error_ms + TIME_GUARD_MS + self._step_ms  # noqa: E731
        readings: list[tuple[Quantity, Reading, str, str]] = [
            ("on_ms", lambda tone: None if tone.cut else tone.on_ms, "tones last", "lengthen them"),
            (
                "off_ms",
                lambda tone: None if tone.off_ms is None else max(tone.off_ms, 0.0),
                "pauses last",
                "lengthen them",
            ),
            ("period_ms", lambda tone: tone.period_ms, "a tone and its pause last", "dial more slowly"),
        ]
        findings = []
        for quantity, reading, what, remedy in readings:
            missed = self._misses(quantity, reading, guard, high=False)
            if missed:
                values = [value for i in missed if (value := reading(self._tones[i])) is not None]
                limits = _union(missed.values())
                short_ms = max(limit.lowest for limit in limits) - min(values)
                findings.append(
                    self._finding(
                        quantity,
                        missed,
                        values,
                        limits,
                        f"{what} {_range(values, '{:.1f}')} ms",
                        f"{remedy}, by {short_ms:.0f} ms; 100 ms on and 100 ms off keep every limit here",
                        [i for i, tone in enumerate(self._tones) if reading(tone) is not None],
                    )
                )
        return findings + self._long_pauses()

    def _long_pauses(self) -> list[Finding]:
        """Judge pauses that are too long, if most are; a single one may part two numbers."""
        missed = self._misses("off_ms", lambda tone: tone.off_ms, lambda _: TIME_GUARD_MS, low=False)
        if not missed:
            return []
        pauses = [tone.off_ms for tone in self._tones if tone.off_ms is not None]
        values = [value for i in missed if (value := self._tones[i].off_ms) is not None]
        if len(missed) <= len(pauses) / 2:
            self.remarks.append(
                f"{count(len(missed), 'pause')} of more than {LONGEST_PAUSE_S:g} s: taken for the end of a "
                "number, not judged"
            )
            return []
        return [
            self._finding(
                "off_ms",
                missed,
                values,
                _union(missed.values()),
                f"pauses last {_range(values, '{:.0f}')} ms",
                "shorten them",
            )
        ]

    def edges(self) -> list[Finding]:
        """Judge rise and fall by what most presses do: a sender has one way to switch its tones."""
        findings = []
        readings: list[tuple[Quantity, Reading, str]] = [
            ("rise_ms", lambda tone: tone.rise_ms, "rise"),
            ("fall_ms", lambda tone: tone.fall_ms, "fall"),
        ]
        for quantity, reading, what in readings:
            missed = self._misses(quantity, reading, lambda tone: tone.edge_error_ms + RISE_GUARD_MS)
            clear = [value for tone in self._tones if (value := reading(tone)) is not None]
            if len(missed) <= len(clear) / 2 or len(clear) < len(self._tones) / 2:
                continue
            values = [value for i in missed if (value := reading(self._tones[i])) is not None]
            findings.append(
                self._finding(
                    quantity,
                    missed,
                    values,
                    _union(missed.values()),
                    f"tones {what} in {_range(values, '{:.1f}')} ms, 10 to 90 %",
                    f"switch them {'on' if what == 'rise' else 'off'} faster",
                )
            )
        return findings

    # --- all

    def _misses(
        self,
        quantity: Quantity,
        reading: Reading,
        guard: Callable[[SentTone], float],
        *,
        low: bool = True,
        high: bool = True,
    ) -> dict[int, list[Limit]]:
        """Return the presses that miss limits by more than the guard, and which limits."""
        limits = [limit for limit in self._limits if limit.quantity == quantity]
        missed: dict[int, list[Limit]] = {}
        for index, tone in enumerate(self._tones):
            value = reading(tone)
            if value is None:
                continue
            margin = guard(tone)
            wrong = [
                limit
                for limit in limits
                if (low and value < limit.lowest - margin) or (high and value > limit.highest + margin)
            ]
            if wrong:
                missed[index] = wrong
        return missed

    def _finding(
        self,
        quantity: Quantity,
        presses: Iterable[int],
        values: Sequence[float],
        limits: tuple[Limit, ...],
        measured: str,
        remedy: str,
        among: Iterable[int] | None = None,
    ) -> Finding:
        which = tuple(presses)
        return Finding(
            quantity=quantity,
            presses=which,
            keys=self._keys(which),
            where=self._where(which, among),
            measured=measured,
            least=min(values),
            most=max(values),
            limits=limits,
            remedy=remedy,
        )

    def _keys(self, presses: Iterable[int]) -> str:
        return "".join(dict.fromkeys(self._tones[i].tone.key for i in presses))

    def _where(self, presses: Iterable[int], among: Iterable[int] | None = None) -> str:
        """Say which presses: all (of those that were judged), a row, a column, keys, or some presses of keys."""
        which = set(presses)
        judged = set(range(len(self._tones))) if among is None else set(among)
        keys = self._keys(sorted(which))
        named = f"key {keys}" if len(keys) == 1 else f"keys {' '.join(keys)}"
        if which == judged:
            return named if len(which) == 1 else "every key"
        if which != {i for i in judged if self._tones[i].tone.key in keys}:
            if len(which) == 1:
                return f"{named} (press {min(which) + 1} of {len(self._tones)})"
            few = f" ({named})" if len(keys) <= MOST_KEYS_NAMED else ""
            return f"{len(which)} of {len(judged)} presses{few}"
        for group, line in enumerate(("row", "column")):
            lines = {self._tones[i].tone.frequencies_hz[group] for i in which}
            members = {i for i in judged if self._tones[i].tone.frequencies_hz[group] in lines}
            if len(lines) == 1 and members == which:
                return f"the {min(lines):g} Hz {line} ({named})"
        return named


def _remedy_for(component: str) -> str:
    """Say what to do about an unwanted component."""
    if "harmonic" in component or "intermodulation" in component:
        return "keep what makes the tones linear: lower its level, or shape a square or stepped wave better"
    if "hum" in component:
        return "keep the mains out of the sender: it hums only while a key is pressed"
    if "key" in component:
        return "a tone of another key sounds along: keep oscillators or keys apart"
    return "find what makes it while a key is pressed"


def _alike(offsets: Sequence[float]) -> bool:
    """Tell whether offsets are one, within what one cause gives."""
    spread = max(offsets) - min(offsets)
    return spread <= max(SAME_PCT, SAME_SHARE * abs(statistics.median(offsets)))


def _union(limits: Iterable[Iterable[Limit]]) -> tuple[Limit, ...]:
    """Return each limit once, the strictest first."""
    once = dict.fromkeys(limit for each in limits for limit in each)
    return tuple(sorted(once, key=lambda limit: (limit.highest, -limit.lowest)))


def _off(pct: float) -> str:
    return f"{abs(pct):.2f} % {'sharp' if pct > 0 else 'flat'}"


def _range(values: Sequence[float], form: str) -> str:
    """Write a value, or two where they differ as written."""
    least, most = (form.format(value) for value in (min(values), max(values)))
    if not least.strip("+-0.") and not most.strip("+-0."):
        return form.format(0.0)
    return least if least == most else f"{least} to {most}"


def count(n: int, noun: str) -> str:
    """Write a number of things."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{n} {noun if n == 1 else plural}"
