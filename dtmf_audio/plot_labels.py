"""Labels along a line: near what they name, and never over one another, however dense it is.

Where two labels would touch they become one, in the middle of what both name, which may then touch the one before it.
This is the pooling of adjacent violators, and takes one pass. A label of many is shortened, so that it stays near.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

LONGEST_WHOLE = 20  # keys in one label that are all written out
HEAD, TAIL = 4, 3  # of more, so many are


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A label that names the items ``first`` to ``last``, both included, with its middle at ``x``."""

    x: float
    width: float
    text: str
    first: int
    last: int


def place_labels(
    xs: Sequence[float], text_of: Callable[[int, int], str], *, char_width: float, gap: float, width: float
) -> list[Label]:
    """Place labels on a line from 0 to ``width``.

    Parameters
    ----------
    xs : sequence of float
        Where the items are, ascending.
    text_of : function of (int, int)
        What to write for the items from the first to the last, both included.
    char_width, gap : float
        Of a character, and at least between two labels.
    width : float

    Returns
    -------
    list of Label
        From left to right; together they name every item once.
    """
    placed: list[Label] = []
    for number in range(len(xs)):
        label = _label(xs, number, number, text_of, char_width, width)
        while placed and placed[-1].x + placed[-1].width / 2 + gap > label.x - label.width / 2:
            label = _label(xs, placed.pop().first, number, text_of, char_width, width)
        placed.append(label)
    return placed


def _label(
    xs: Sequence[float], first: int, last: int, text_of: Callable[[int, int], str], char_width: float, width: float
) -> Label:
    text = text_of(first, last)
    wide = len(text) * char_width
    middle = (xs[first] + xs[last]) / 2
    return Label(x=max(wide / 2, min(middle, width - wide / 2)), width=wide, text=text, first=first, last=last)


def keys_text(keys: Sequence[str], begins: Sequence[bool]) -> Callable[[int, int], str]:
    """Return what writes keys one after the other, with a space before each that ``begins`` a number.

    Of many, the first and the last, and how many they are.
    """

    def text(first: int, last: int) -> str:
        n = last - first + 1
        if n <= LONGEST_WHOLE:
            later = range(first + 1, last + 1)
            return keys[first] + "".join(f" {keys[each]}" if begins[each] else keys[each] for each in later)
        return f"{''.join(keys[first : first + HEAD])}…{''.join(keys[last + 1 - TAIL : last + 1])} ({n})"

    return text


def number_text(first: int, last: int) -> str:
    """Write the numbers of items, counted from 1."""
    return f"{first + 1}" if first == last else f"{first + 1}–{last + 1}"
