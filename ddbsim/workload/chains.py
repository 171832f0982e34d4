"""What writes turn out to do: each finds its item as the last write to it left it.

Per item the writes form a chain of two states, missing and existing. All chains are resolved at once: sorted by item, a
PUT sets the state to existing and a FLIP turns it over, so the state before a write is the one last set, turned over
as often as there were flips since. Consistent by construction: only what exists is modified or removed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ddbsim.workload.columns import INSERT, MODIFY, NO_OP, REMOVE, Ints, Operations, Sizes
from ddbsim.workload.operations import CREATE, FLIP, IDLE, PUT

__all__ = ["Changes", "chained", "unchained"]

DrawSizes: TypeAlias = Callable[[int], Sizes]


class Changes(NamedTuple):
    """What writes did, in the order of time."""

    operation: Operations
    bytes_before: Sizes
    bytes_after: Sizes


def unchained(intents: Operations, size: int) -> Changes:
    """Return what writes did where every item but the brand-new ones existed all along, at one size."""
    operation = np.full(len(intents), MODIFY, dtype=np.int8)
    operation[intents == CREATE] = INSERT
    operation[intents == IDLE] = NO_OP
    before = np.where(operation == INSERT, np.int32(0), np.int32(size))
    return Changes(operation, before, np.full(len(intents), size, dtype=np.int32))


def chained(intents: Operations, item_id: Ints, sizes: Sizes, sizes_at_start: DrawSizes) -> Changes:
    """Return what writes did.

    Parameters
    ----------
    intents
        What each write intends, in the order of time.
    item_id
        The item of each; those of CREATE are higher than all others.
    sizes
        The size that each would give its item, bytes; overwritten by the size after it.
    sizes_at_start
        Draws the sizes at the start of that many items, 0 where one is missing.
    """
    order, starts = _by_item(item_id)
    created = int(np.count_nonzero(intents == CREATE))
    first = np.zeros(len(starts), dtype=np.int32)
    first[: len(starts) - created] = sizes_at_start(len(starts) - created)
    by_item = intents[order]
    by_item[by_item == CREATE] = PUT
    operation = _operations(by_item, _existed(by_item, starts, first > 0))
    before = _sizes_before(operation, sizes[order], starts, first)
    return _in_time(order, operation, before, sizes)


def _by_item(item_id: Ints) -> tuple[Ints, Ints]:
    """Return the order by item, then time, and where in it each item's writes start."""
    highest = int(item_id.max(initial=0))
    order = _stable_order(item_id, highest)
    if highest < 2 * len(item_id):
        counts = np.bincount(item_id)
        ends = np.cumsum(counts[counts > 0])
        return order, np.concatenate(([0], ends[:-1])) if len(ends) else ends
    return order, np.flatnonzero(np.diff(item_id[order], prepend=-1))


def _stable_order(item_id: Ints, highest: int) -> Ints:
    """Return what a stable argsort does, 16 bits at a time: those numpy sorts by radix, several times as fast."""
    # a byte is half the work of two
    upper = np.uint8 if highest < 2**24 else np.uint16
    if highest >= 2**32:
        return np.argsort(item_id, kind="stable")
    order = np.argsort(item_id.astype(np.uint16), kind="stable")
    if highest >= 2**16:
        order = order[np.argsort((item_id >> 16).astype(upper)[order], kind="stable")]
    return order


def _existed(intents: Operations, starts: Ints, at_start: NDArray[np.bool_]) -> Operations:
    """Return whether the item existed (1) or not (0) before each write, in the order by item."""
    if not len(intents):
        return intents
    flips = np.zeros(len(intents), dtype=np.int8)  # how often flipped before, odd or even
    np.bitwise_xor.accumulate((intents[:-1] == FLIP).view(np.int8), out=flips[1:])
    # The state last set, forward-filled: a row's number and state in one number, of which the highest so far counts
    last = np.arange(0, 2 * len(intents), 2)
    last += flips ^ np.int8(1)
    last[1:] *= intents[:-1] == PUT
    last[starts] = 2 * starts + (flips[starts] ^ at_start)
    np.maximum.accumulate(last, out=last)
    flips ^= (last & 1).astype(np.int8)
    return flips


def _operations(intents: Operations, existed: Operations) -> Operations:
    """Return what each intent becomes: PUT of an existing item a MODIFY, FLIP a REMOVE, either an INSERT otherwise."""
    operation = np.left_shift(existed, intents)  # existed << PUT is MODIFY, existed << FLIP is REMOVE, 0 is INSERT
    operation[intents == IDLE] = NO_OP
    return operation


def _sizes_before(operation: Operations, sizes: Sizes, starts: Ints, first: Sizes) -> Sizes:
    """Return the size before each write, in the order by item; `sizes` are overwritten."""
    before = np.empty_like(sizes)
    sizes *= operation != REMOVE
    idle = operation == NO_OP
    if idle.any():
        idle_starts = idle[starts]
        sizes[starts[idle_starts]] = first[idle_starts]
        idle[starts] = False
        last = np.arange(len(sizes)) * ~idle
        sizes = sizes[np.maximum.accumulate(last)]
    before[1:] = sizes[:-1]
    before[starts] = first
    return before


def _in_time(order: Ints, operation: Operations, before: Sizes, sizes: Sizes) -> Changes:
    """Return the changes in the order of time."""
    operation_in_time, before_in_time = np.empty_like(operation), np.empty_like(before)
    operation_in_time[order] = operation
    before_in_time[order] = before
    sizes *= operation_in_time != REMOVE
    np.copyto(sizes, before_in_time, where=operation_in_time == NO_OP)
    return Changes(operation_in_time, before_in_time, sizes)
