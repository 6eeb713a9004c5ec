"""Tables of a few arrays of the same length: what is known of many things at a time, one array an attribute.

Python loops cost more than the arithmetic on a press, so runs, candidates, measurements and presses are kept as
columns and handled all at once; a row becomes an object only when it leaves the decoder as an event.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Base of the tables; every field of a subclass is an array of shape (n,)."""

    def __len__(self) -> int:
        return len(getattr(self, next(iter(self.__dataclass_fields__))))

    def take(self, rows: npt.NDArray[Any] | slice) -> Self:
        """Return the rows of these indices, of a slice, or where a mask holds, as a table of the same kind."""
        return type(self)(**{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Join tables end to end; at least one."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            **{name: np.concatenate([getattr(part, name) for part in parts]) for name in cls.__dataclass_fields__}
        )
