"""Tables of a few arrays of the same length: what is known of many things at a time, one array an attribute.

Python loops cost more than the arithmetic on a press, so runs, candidates, measurements and presses are kept as
columns and handled all at once; a row becomes an object only when it leaves the decoder as an event.

A stream that is fed 20 ms at a time has tables of a row or two, where what counts is the number of calls. So rows are
taken and joined by the slots of the class, in half the time of calls of the class, and :func:`rows_where` and
:func:`windows_of` stand in for numpy's functions, which cost five times as much on a few elements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Base of the tables; every field of a subclass is an array of shape (n,)."""

    def __len__(self) -> int:
        return len(_slots(type(self))[0](self)[0])

    def take(self, rows: npt.NDArray[Any] | slice) -> Self:
        """Return the rows of these indices, of a slice, or where a mask holds, as a table of the same kind."""
        if isinstance(rows, np.ndarray) and rows.dtype == np.bool_:
            rows = rows_where(rows)
        columns, setters = _slots(type(self))
        table = object.__new__(type(self))
        for fill, column in zip(setters, columns(self), strict=True):
            fill(table, column[rows])
        return table

    def replaced(self, **columns: npt.NDArray[Any]) -> Self:
        """Return the table with some of its columns replaced."""
        read, setters = _slots(type(self))
        table = object.__new__(type(self))
        for name, fill, column in zip(self.__dataclass_fields__, setters, read(self), strict=True):
            fill(table, columns.pop(name, column))
        if columns:
            raise TypeError(f"{type(self).__name__} has no {', '.join(columns)}")
        return table

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Join tables end to end; at least one."""
        if len(parts) == 1:
            return parts[0]
        columns, setters = _slots(cls)
        table = object.__new__(cls)
        for fill, several in zip(setters, zip(*map(columns, parts), strict=True), strict=True):
            fill(table, np.concatenate(several))
        return table


_Slots = tuple[Callable[[Columns], tuple[Any, ...]], list[Callable[[Columns, Any], None]]]
_KNOWN: dict[type[Any], _Slots] = {}


def _slots(cls: type[Any]) -> _Slots:
    """What reads all columns of a table at once, and what fills each."""
    slots = _KNOWN.get(cls)
    if slots is None:
        names = list(cls.__dataclass_fields__)
        slots = _KNOWN[cls] = attrgetter(*names), [getattr(cls, name).__set__ for name in names]
    return slots


def rows_where(mask: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """Indices at which an array of shape (n,) is true."""
    return mask.nonzero()[0]


def windows_of(rows: npt.NDArray[Any], length: int) -> npt.NDArray[Any]:
    """All stretches of so many samples of each row, (n, n_samples - length + 1, length), as a view."""
    n, n_samples = rows.shape
    step, stride = rows.strides
    if rows.flags.c_contiguous:
        return np.ndarray((n, n_samples - length + 1, length), rows.dtype, rows, 0, (step, stride, stride))
    return np.lib.stride_tricks.as_strided(rows, (n, n_samples - length + 1, length), (step, stride, stride))
