"""Tables of columns: rows taken, joined and replaced, and what stands in for numpy's own functions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from dtmf_audio.columns import Columns, Ints, rows_where, windows_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Columns):
    """Two columns."""

    first: Ints
    second: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class WiderTable(Table):
    """A column more."""

    third: Ints


TABLE = WiderTable(first=np.arange(4), second=10 * np.arange(4), third=100 * np.arange(4))


def rows(table):
    return list(zip(table.first.tolist(), table.second.tolist(), table.third.tolist(), strict=True))


@pytest.mark.parametrize("which", [np.array([1, 3]), np.array([False, True, False, True]), slice(1, 4, 2)])
def test_rows_are_taken_by_index_mask_or_slice(which):
    taken = TABLE.take(which)
    assert type(taken) is WiderTable
    assert len(taken) == 2
    assert rows(taken) == [(1, 10, 100), (3, 30, 300)]


def test_tables_are_joined_end_to_end():
    assert rows(WiderTable.concatenate([TABLE, TABLE.take(slice(0)), TABLE])) == 2 * rows(TABLE)
    assert WiderTable.concatenate([TABLE]) is TABLE


def test_columns_are_replaced_in_a_copy():
    replaced = TABLE.replaced(second=np.zeros(4, np.int64))
    assert rows(replaced) == [(0, 0, 0), (1, 0, 100), (2, 0, 200), (3, 0, 300)]
    assert rows(TABLE)[1] == (1, 10, 100)


def test_a_column_that_is_not_there_cannot_be_replaced():
    with pytest.raises(TypeError, match="fourth"):
        TABLE.replaced(fourth=np.zeros(4))


def test_rows_where_gives_what_flatnonzero_gives():
    mask = np.array([False, True, True, False])
    assert rows_where(mask).tolist() == np.flatnonzero(mask).tolist() == [1, 2]


@pytest.mark.parametrize("part", [slice(None), slice(3, 40)])
def test_windows_are_those_of_numpy(part):
    samples = np.random.default_rng(1).standard_normal((3, 50)).astype(np.float32)[:, part]
    assert (windows_of(samples, 7) == sliding_window_view(samples, 7, axis=1)).all()
