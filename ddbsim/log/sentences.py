"""How the events of a run are told: one plain English sentence each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

__all__ = ["batch_of", "capital", "count_of", "names_of", "seconds"]

Ids = tuple[int, ...]

_MOST_RUNS = 4


def seconds(value_s: float) -> str:
    """Return a length of time in words, to the millisecond.

    Examples
    --------
    >>> seconds(0.2000001), seconds(86_400.0)
    ('0.2 s', '86400 s')
    """
    return f"{value_s:.3f}".rstrip("0").rstrip(".") + " s"


def capital(text: str) -> str:
    """Return a text with a capital at its beginning."""
    return text[0].upper() + text[1:]


def count_of(number: int, name: str) -> str:
    """Return a number of things: "1 record", "3 records"."""
    return f"{number:,} {name}" if number == 1 else f"{number:,} {name}s"


def names_of(ids: Ids) -> str:
    """Return what records are called in a sentence.

    Examples
    --------
    >>> names_of((3,)), names_of((3, 4, 5, 6)), names_of((3, 5, 6))
    ('record 3', 'records 3-6', 'records 3 and 5-6')
    """
    if len(ids) < 2:
        return f"record {ids[0]}" if ids else "no record"
    runs = [f"{first}-{last}" if last > first else f"{first}" for first, last in _runs(ids)]
    if len(runs) > _MOST_RUNS:
        return f"records {', '.join(runs[:_MOST_RUNS])}, ... ({len(ids):,} in all)"
    return f"records {' and '.join([', '.join(runs[:-1]), runs[-1]]) if runs[1:] else runs[0]}"


def batch_of(ids: Ids) -> str:
    """Return what a batch is called in a sentence: "the batch of records 3-6"."""
    return f"the batch of {names_of(ids)}" if ids else "the call that ends the tumbling window"


def _runs(ids: Sequence[int]) -> list[tuple[int, int]]:
    """Return the first and last of each run of consecutive numbers."""
    starts = [ids[0], *(after for before, after in pairwise(ids) if after != before + 1)]
    ends = [*(before for before, after in pairwise(ids) if after != before + 1), ids[-1]]
    return list(zip(starts, ends, strict=True))
