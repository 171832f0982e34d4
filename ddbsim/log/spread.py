"""From ranges to rows: columns recorded once per batch become columns per record."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["coverage", "spread"]

Ints = npt.NDArray[np.int64]


def spread(first: Ints, last: Ints, values: npt.NDArray[Any], length: int, fill: Any) -> npt.NDArray[Any]:
    """Return an array of `length` with ``values[i]`` at positions first[i]..last[i]-1, and `fill` elsewhere.

    The ranges are disjoint, in any order.
    """
    order = np.argsort(first, kind="stable")
    first, counts, values = first[order], (last - first)[order], values[order]
    covered = int(counts.sum())
    repeated = np.repeat(values, counts)
    if covered == length:
        return repeated
    out = np.full(length, fill, dtype=values.dtype)
    # the n-th covered position lies as far from n as its range has gaps before it
    shift = first - np.concatenate(([0], np.cumsum(counts)[:-1])) if len(first) else first
    out[np.repeat(shift, counts) + np.arange(covered)] = repeated
    return out


def coverage(first: Ints, last: Ints, length: int) -> Ints:
    """Return how many of the ranges first[i]..last[i]-1 cover each of `length` positions."""
    steps = np.bincount(first, minlength=length + 1) - np.bincount(last, minlength=length + 1)
    return np.cumsum(steps[:length])
