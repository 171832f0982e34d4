"""Stated splits of a table's partitions, and what they must keep to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ddbsim.checks.wording import shown

from .checks import check_number, check_whole, take_numpy_numbers

__all__ = ["HASH_SPACE", "MOST_OPEN_PARTITIONS", "Split", "check_splits", "first_bounds"]

HASH_SPACE = 2**32
# two halves for each split of so many: the numbers of all that ever were fit into 16 bits
MOST_OPEN_PARTITIONS = 2**15


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A partition splits in two: its shard closes, and each half of its items goes on in a new shard.

    Parameters
    ----------
    at_s
        When, seconds > 0; under a billing mode it takes effect at the next whole second. A half may split in turn, but
        not at the instant at which it begins.
    partition
        Which: 0, 1, ... for those at the start; the two halves of each split get the next two numbers.
    """

    at_s: float
    partition: int = 0

    def __post_init__(self) -> None:
        take_numpy_numbers(self)
        check_number("Split.at_s", self.at_s, open_low=True)
        check_whole(self, "partition")


class _Slice(NamedTuple):
    low: int
    high: int
    opened_s: float


def first_bounds(count: int) -> list[int]:
    """Return where the equal slices of a new table's partitions begin, and where the last one ends."""
    return [-(-index * HASH_SPACE // count) for index in range(count + 1)]


def check_splits(splits: Sequence[Split], partitions: int, *, whole_seconds: bool) -> None:
    """Raise ValueError unless each split, in the order of time, finds its partition open and wide enough to be cut.

    Parameters
    ----------
    splits
        By their time.
    partitions
        How many there are at the start.
    whole_seconds
        Whether they take effect at the next whole second, as under a billing mode.
    """
    if partitions + len(splits) > MOST_OPEN_PARTITIONS:
        raise ValueError(
            f"Table.splits must leave at most {MOST_OPEN_PARTITIONS:,} partitions, got {len(splits):,} splits of "
            f"{partitions:,} partitions"
        )
    bounds = first_bounds(partitions)
    slices = [_Slice(bounds[index], bounds[index + 1], 0.0) for index in range(partitions)]
    closed: set[int] = set()
    for split in splits:
        _check_open(split, len(slices), closed)
        closed.add(split.partition)
        slices += _halves(split, slices[split.partition], whole_seconds)


def _check_open(split: Split, known: int, closed: set[int]) -> None:
    if split.partition >= known or split.partition in closed:
        raise ValueError(
            f"Table.splits must each name a partition that is open at that time (there are {known} numbers by then), "
            f"got {shown(split)}"
        )


def _halves(split: Split, old: _Slice, whole_seconds: bool) -> tuple[_Slice, _Slice]:
    at_s = float(math.ceil(split.at_s)) if whole_seconds else split.at_s
    if at_s <= old.opened_s:
        rounding = ", as splits take effect at whole seconds under a billing mode" if whole_seconds else ""
        raise ValueError(
            f"Table.splits must split a half later than the {old.opened_s:g} s at which it begins{rounding}, got "
            f"{split!r}"
        )
    if old.high - old.low < 2:
        raise ValueError(f"Table.splits must leave something to split: a single hash is left, got {shown(split)}")
    middle = (old.low + old.high) // 2
    return _Slice(old.low, middle, at_s), _Slice(middle, old.high, at_s)
