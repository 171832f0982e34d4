"""From ranges to rows: columns recorded once per batch become columns per record."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["coverage", "expand_ranges"]

Ints = npt.NDArray[np.int64]


def expand_ranges(first: Ints, last: Ints, values: npt.NDArray[Any], length: int, fill: Any) -> npt.NDArray[Any]:
    """Return an array of `length` with ``values[i]`` at positions first[i]..last[i]-1, and `fill` elsewhere.

    The ranges are disjoint, in any order; those without positions (the call that ends a tumbling window) give nothing.
    """
    filling = last > first
    if not filling.all():
        first, last, values = first[filling], last[filling], values[filling]
    order = np.argsort(first, kind="stable")
    first, last = first[order], last[order]
    # the gap before each range becomes a range of its own, of the fill: then all is one repeat
    counts = np.empty(2 * len(first) + 1, dtype=np.int64)
    counts[1::2] = last - first
    counts[0:-1:2] = first - np.concatenate(([0], last[:-1])) if len(first) else first
    counts[-1] = length - last[-1] if len(last) else length
    filled = np.full(len(counts), fill, dtype=values.dtype)
    filled[1::2] = values[order]
    return np.repeat(filled, counts)


def coverage(first: Ints, last: Ints, length: int) -> Ints:
    """Return how many of the ranges first[i]..last[i]-1 cover each of `length` positions."""
    steps = np.bincount(first, minlength=length + 1) - np.bincount(last, minlength=length + 1)
    return np.cumsum(steps[:length])
