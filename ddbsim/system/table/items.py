"""What each write finds: an item as the last write that was taken left it, unless it has expired since.

A client plans its writes: this one inserts, that one changes, a third removes. When the insert is lost, or comes after
the change, or the item has expired in between, the table does what it does: a put of a missing item inserts, a delete
of a missing one does nothing.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ddbsim.aws import limits
from ddbsim.workload import INSERT, MODIFY, NO_OP, REMOVE, WriteColumns

from .capacity.units import units_of
from .expiry import Expiry

__all__ = ["Found", "Items", "ItemsNow", "ItemsOnDemand", "numbered"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def numbered(item_id: Ints) -> tuple[Ints, int]:
    """Return a number for each row that tells its item, and how many numbers there are at most.

    Ids that lie close together are their own numbers; others, of which the highest may be beyond any memory, are
    counted through.
    """
    highest = int(item_id.max(initial=-1))
    if highest < 2 * len(item_id):
        return item_id, highest + 1
    distinct, number = np.unique(item_id, return_inverse=True)
    return number, len(distinct)


class Found(NamedTuple):
    """What writes turn out to do: operation, and the item's size before and after."""

    operation: npt.NDArray[np.int8]
    before: npt.NDArray[np.int32]
    after: npt.NDArray[np.int32]


class Items:
    """The items of the planned writes.

    Parameters
    ----------
    planned
        What the clients intend, in the order of their requests: what each write does is consistent there. A planned
        NO_OP stays one.
    expiry
        When items expire; None: never.

    Attributes
    ----------
    planned
        As given.
    number, count
        Number of each planned write's item, below `count`.
    sets
        Whether each planned write is to change its item.
    left
        The size at which each planned write that sets its item leaves it.
    at_start
        Size of each item before its first planned write, by number.
    """

    def __init__(self, planned: WriteColumns, expiry: Expiry | None) -> None:
        self.planned, self._expiry = planned, expiry
        self.number, self.count = numbered(planned.item_id)
        self.sets: Bools = planned.operation != NO_OP
        self.left: npt.NDArray[np.int32] = np.where(planned.operation == REMOVE, 0, planned.bytes_after).astype(
            np.int32
        )
        self.at_start = np.zeros(self.count, dtype=np.int32)
        # written backwards, the first one stays
        self.at_start[self.number[::-1]] = planned.bytes_before[::-1]

    @property
    def expires(self) -> bool:
        """Whether items expire."""
        return self._expiry is not None

    def disturbed(self, rows: Ints) -> Bools:
        """Return, by item number, whether a write to it is not among the rows, or not in the planned order."""
        touched = np.zeros(self.count, dtype=np.bool_)
        taken = np.zeros(len(self.planned), dtype=np.bool_)
        taken[rows] = True
        touched[self.number[~taken]] = True
        # a write that some earlier planned one comes after
        late = np.maximum.accumulate(rows) > rows if len(rows) else np.zeros(0, dtype=np.bool_)
        touched[self.number[rows[late]]] = True
        return touched

    def found(self, rows: Ints, at_s: Floats, taken: Bools | None = None, now: ItemsNow | None = None) -> Found:
        """Return what planned writes turn out to do.

        Parameters
        ----------
        rows, at_s
            Which, in the order in which they reach the table, and when.
        taken
            Which of them the table takes; None: all.
        now
            What became of the items before; None: nothing, these are the first.
        """
        order = np.argsort(self.number[rows], kind="stable")
        last_row, last_s = self._last(rows[order], at_s[order], None if taken is None else taken[order], now)
        before = self.size(rows[order], at_s[order], last_row, last_s)
        back = np.empty(len(rows), dtype=np.int64)
        back[order] = np.arange(len(rows))
        return self.done(rows, before[back])

    def _last(self, rows: Ints, at_s: Floats, taken: Bools | None, now: ItemsNow | None) -> tuple[Ints, Floats]:
        """Return the write that set each one's item last (-1: none), and when; rows by item, then in their order."""
        item, place = self.number[rows], np.arange(len(rows))
        sets = self.sets[rows] if taken is None else self.sets[rows] & taken
        begins = np.maximum.accumulate(np.where(np.diff(item, prepend=-1) != 0, place, 0))
        setter = np.full(len(rows), -1, dtype=np.int64)
        np.maximum.accumulate(np.where(sets, place, -1)[:-1], out=setter[1:])
        among = setter >= begins
        if now is None:
            return np.where(among, rows[setter], -1), np.where(among, at_s[setter], 0.0)
        return np.where(among, rows[setter], now.row[item]), np.where(among, at_s[setter], now.at_s[item])

    def size(self, rows: Ints, at_s: Floats, last_row: Ints, last_s: Floats) -> npt.NDArray[np.int32]:
        """Return the size at some instants of the items of planned writes that others set last."""
        before = np.where(last_row < 0, self.at_start[self.number[rows]], self.left[last_row])
        if self._expiry is not None:
            before[(last_row >= 0) & (self._expiry.due_s(last_row, last_s) < at_s)] = 0
        return before

    def is_gone(self, row: int, set_s: float, at_s: float) -> bool:
        """Whether an item that a planned write set at an instant has expired at another."""
        return self._expiry is not None and bool(self._expiry.due_s(np.array([row]), np.array([set_s]))[0] < at_s)

    def done(self, rows: Ints, before: npt.NDArray[np.int32]) -> Found:
        """Return what planned writes turn out to do that find items of given sizes."""
        operation = np.where(before == 0, INSERT, MODIFY)
        removes = self.planned.operation[rows] == REMOVE
        operation[removes] = np.where(before[removes] == 0, NO_OP, REMOVE)
        operation[~self.sets[rows]] = NO_OP
        return Found(operation.astype(np.int8), before, np.where(self.sets[rows], self.left[rows], before))

    @property
    def all_small(self) -> bool:
        """Whether no size makes a write take more than one unit."""
        most = max(int(self.planned.bytes_before.max(initial=0)), int(self.planned.bytes_after.max(initial=0)))
        return bool(most <= limits.WRITE_UNIT_BYTES.value)

    def units(self, rows: Ints, found: Found) -> npt.NDArray[np.int32]:
        """Return the write units of planned writes that turn out to do something else."""
        kind = self.planned.kind
        return units_of(found.before, found.after, None if kind is None else kind[rows])


class ItemsOnDemand:
    """The items of planned writes, made when they are asked for: where nothing is refused or expires they are not."""

    def __init__(self, planned: WriteColumns, expiry: Expiry | None) -> None:
        self._planned, self._expiry = planned, expiry

    @cached_property
    def made(self) -> Items:
        """The items."""
        return Items(self._planned, self._expiry)


class ItemsNow:
    """What became of the items so far.

    Parameters
    ----------
    items
        The items.
    taken_s
        When the first so many planned writes were taken, in the order in which they were planned.

    Attributes
    ----------
    row, at_s
        The planned write that set each item last, -1 for none, and when it was taken.
    disturbed
        The items of which a write was refused: what later ones do is no longer what was planned.
    """

    def __init__(self, items: Items, taken_s: Floats) -> None:
        self._items = items
        self.row = np.full(items.count, -1, dtype=np.int64)
        self.at_s = np.zeros(items.count)
        self.disturbed = np.zeros(items.count, dtype=np.bool_)
        self.take(np.arange(len(taken_s)), taken_s)
        self._planned_row = self.row.copy()

    def take(self, rows: Ints, at_s: Floats) -> None:
        """Take in writes, in their order."""
        sets = self._items.sets[rows]
        item = self._items.number[rows[sets]]
        # of several to one item, the last one stays
        self.row[item], self.at_s[item] = rows[sets], at_s[sets]

    def settle(self, first: int, last: int, waiting: Ints) -> None:
        """Take in that the writes [first, last) have been tried, and which wait by now.

        An item that the last write planned for it has set is again as planned, unless another is still to come. One
        that expires is not: its time began later.
        """
        rows = np.arange(first, last)
        rows = rows[self._items.sets[rows]]
        self._planned_row[self._items.number[rows]] = rows
        if not self._items.expires:
            np.not_equal(self._planned_row, self.row, out=self.disturbed)
            self.refuse(waiting)

    def refuse(self, rows: Ints) -> None:
        """Take in that writes were refused."""
        self.disturbed[self._items.number[rows]] = True

    def are_disturbed(self, rows: Ints) -> Bools:
        """Return which planned writes are to items of which one was refused."""
        return np.asarray(self.disturbed[self._items.number[rows]])

    def sizes_of(self, row: int, at_s: float) -> tuple[int, int]:
        """Return the size that a planned write finds now, and the one that it leaves: arrays of one would be slow."""
        items, item = self._items, self._items.number[row]
        last = int(self.row[item])
        before = int(items.at_start[item] if last < 0 else items.left[last])
        if last >= 0 and items.is_gone(last, float(self.at_s[item]), at_s):
            before = 0
        return before, int(items.left[row]) if items.sets[row] else before
