"""The report: rows and curves, as a table for a terminal and as JSON; :mod:`~dtmf_audio.conformance.page` has HTML.

JSON is one object: what was judged and how (``decoder``, ``profile``, ``limits``, ``samplerate``, ``seed``,
``quick``), ``passed``, ``rows`` and ``curves``. A row has

- ``id``, ``title``, ``what``, ``criterion``, ``source``: of the test
- ``verdict``: ``pass``, ``fail``, ``reported`` (no criterion) or ``not run`` (``note`` has the reason)
- ``trials``: presses, or signals that are none; for noise and recordings seconds
- ``missed``, ``doubled``, ``false``: presses not heard, heard again; tones that nobody sent
- ``value``, ``unit``: what is judged, errors in percent for most; ``bound``: its 95 % upper bound, or null
- ``note``: what there is to know besides

A curve has the points ``x``, ``trials`` and ``hits``, and ``must`` and ``must_not``, from where to where on x
that is asked, or null. The same seed gives the same report.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dtmf_audio.conformance.cases import Verdict
from dtmf_audio.errors import InvalidRequestError

WIDE, WHAT_WIDE = 120, 58  # columns of the table, and of what was sent in it


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the report; the module tells what is in it."""

    id: str
    title: str
    what: str
    criterion: str
    source: str
    verdict: Verdict
    trials: int = 0
    missed: int = 0
    doubled: int = 0
    false: int = 0
    value: float | None = None
    unit: str = ""
    bound: float | None = None
    note: str = ""

    @property
    def errors(self) -> int:
        """Presses missed and heard again, and tones that nobody sent."""
        return self.missed + self.doubled + self.false

    @property
    def result(self) -> str:
        """What came of it, in words."""
        if self.verdict is Verdict.NOT_RUN:
            return ""
        if self.bound is None and self.unit:
            return "none" if self.value is None else f"{_number(self.value)} {self.unit}"
        kinds = ((self.missed, "missed"), (self.doubled, "doubled"), (self.false, "false"))
        told = ", ".join(f"{n} {kind}" for n, kind in kinds if n) or "0 errors"
        of = f"{told} of {self.trials}" if self.unit != "/h" else f"{told} in {self.note}"
        return of if self.bound is None else f"{of}, at most {_number(self.bound)}{_spaced(self.unit)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """Presses at one place, and those that were heard as the curve counts it."""

    x: float
    trials: int
    hits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A share over a quantity.

    Attributes
    ----------
    id, title, x_label, y_label : str
    points : tuple of CurvePoint
        In ascending order of x.
    must, must_not : (float, float), optional
        From where to where on x it must operate, and must not.
    theory : tuple of (name, tuple of y)
        Shares at the same places that no receiver can better, where there is a theory.
    logarithmic : bool
        Whether small shares matter.
    """

    id: str
    title: str
    x_label: str
    y_label: str
    points: tuple[CurvePoint, ...]
    must: tuple[float, float] | None = None
    must_not: tuple[float, float] | None = None
    theory: tuple[tuple[str, tuple[float, ...]], ...] = ()
    logarithmic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a run came to."""

    decoder: str
    profile: str
    limits: str
    samplerate: int
    seed: int
    quick: bool
    rows: tuple[Row, ...]
    curves: tuple[Curve, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether no row failed."""
        return not self.failed

    @property
    def failed(self) -> tuple[Row, ...]:
        """The rows that failed."""
        return tuple(row for row in self.rows if row.verdict is Verdict.FAIL)

    def n(self, verdict: Verdict) -> int:
        """How many rows have the verdict."""
        return sum(row.verdict is verdict for row in self.rows)

    @property
    def summary(self) -> str:
        """Return one line: how many rows of each verdict."""
        return ", ".join(f"{self.n(verdict)} {verdict}" for verdict in Verdict if self.n(verdict))

    def to_json(self) -> str:
        """Write the report as one JSON document."""
        found = {"passed": self.passed, **dataclasses.asdict(self)}
        return json.dumps(_finite(found), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Read what :meth:`to_json` wrote.

        Raises
        ------
        InvalidRequestError
            It is no such report.
        """
        try:
            found = json.loads(text)
            found.pop("passed")
            rows = tuple(Row(**{**row, "verdict": Verdict(row["verdict"])}) for row in found.pop("rows"))
            return cls(rows=rows, curves=tuple(_curve(curve) for curve in found.pop("curves")), **found)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InvalidRequestError(
                f"the text is no conformance report ({error}); give what dtmf-audio conformance --json wrote"
            ) from error

    def to_table(self) -> str:
        """Write the report for a terminal."""
        how = ", quick" if self.quick else ""
        lines = [
            f"decoder: {self.decoder}",
            f"limits:  {self.profile} ({self.limits}); {self.samplerate} Hz, seed {self.seed}{how}",
        ]
        heading = ""
        for row in self.rows:
            if heading != (heading := f"{row.id}  {row.title}  [{row.source}]"):
                lines += ["", heading]
            lines += _table_lines(row)
        return "\n".join([*lines, "", self.summary]) + "\n"


def _table_lines(row: Row) -> list[str]:
    mark = {Verdict.PASS: "pass", Verdict.FAIL: "FAIL", Verdict.REPORTED: "   -", Verdict.NOT_RUN: "   -"}[row.verdict]
    wanted = f"; asked: {row.criterion}" if row.verdict is Verdict.FAIL else ""
    note = f"; {row.note}" if row.note and row.unit != "/h" else ""
    told = f"not run: {row.note}" if row.verdict is Verdict.NOT_RUN else f"{row.result}{wanted}{note}"
    what = textwrap.wrap(row.what, WHAT_WIDE)
    words = textwrap.wrap(told, WIDE - WHAT_WIDE - 10)
    pairs = itertools.zip_longest([f"  {mark}  {what[0]}", *(" " * 8 + more for more in what[1:])], words, fillvalue="")
    return [f"{left:<{WHAT_WIDE + 10}}{right}".rstrip() for left, right in pairs]


def _number(number: float) -> str:
    if math.isinf(number):
        return "without limit" if number > 0 else "nothing"
    return f"{number:.3g}" if abs(number) < 1000 else f"{number:.0f}"


def _spaced(unit: str) -> str:
    return unit if unit == "/h" else f" {unit}"


def _curve(found: dict[str, Any]) -> Curve:
    points = tuple(CurvePoint(**point) for point in found.pop("points"))
    theory = tuple((name, tuple(values)) for name, values in found.pop("theory"))
    must, must_not = (None if zone is None else (zone[0], zone[1]) for zone in map(found.pop, ("must", "must_not")))
    return Curve(points=points, theory=theory, must=must, must_not=must_not, **found)


def _finite(found: Any) -> Any:
    """JSON has no infinity: null stands for it."""
    if isinstance(found, dict):
        return {name: _finite(value) for name, value in found.items()}
    if isinstance(found, Sequence) and not isinstance(found, str):
        return [_finite(value) for value in found]
    return None if isinstance(found, float) and not math.isfinite(found) else found
