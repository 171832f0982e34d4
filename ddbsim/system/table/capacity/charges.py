"""What each write is charged: by the item that it finds, which need not be the one that was planned."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ddbsim.aws import limits
from ddbsim.system.table.items import Found, ItemsNow, ItemsOnDemand

from .index_writes import IndexDemand, index_units

__all__ = ["Charges"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


class Charges:
    """The units of all writes, corrected for those to items of which a write was refused.

    Parameters
    ----------
    units
        Write units of each write if all are taken at once.
    demand
        What they ask of each index then; corrected in place.
    items
        What each write finds otherwise.

    Attributes
    ----------
    units
        Write units of each write, as far as is known.
    """

    def __init__(self, units: npt.NDArray[np.int32], demand: list[IndexDemand], items: ItemsOnDemand) -> None:
        self.units, self._demand, self._items = units.copy(), demand, items
        # None while all goes as planned
        self._now: ItemsNow | None = None
        self._never = False

    def uncertain(self, first: int, last: int) -> bool:
        """Whether some of the writes [first, last) may take other units than planned."""
        return self._now is not None and bool(self._now.are_disturbed(np.arange(first, last)).any())

    def begin(self, taken_s: Floats) -> None:
        """Follow the items from now on, if their sizes can make a difference; so many writes were taken before."""
        self._never = not self._demand and self._items.made.all_small
        if not self._never:
            self._now = ItemsNow(self._items.made, taken_s)

    def refuse(self, rows: Ints, passed: Bools, asked_s: Floats) -> None:
        """Take in which writes of a second were refused.

        Parameters
        ----------
        rows, passed
            All that were tried in it, and whether they passed.
        asked_s
            When each of all writes was asked for. Up to the first refusal all were taken at that instant.
        """
        if self._never or passed.all():
            return
        if self._now is None:
            self.begin(asked_s[: rows[0]])
        if self._now is not None:
            self._now.refuse(rows[~passed])

    def settle(self, first: int, last: int, waiting: Ints) -> None:
        """Take in that the writes [first, last) have been tried, and which writes wait by now."""
        if self._now is not None:
            self._now.settle(first, last, waiting)

    def take(self, rows: Ints, at_s: Floats) -> None:
        """Take in that writes were taken, in this order."""
        if self._now is not None:
            self._now.take(rows, at_s)

    def recharge(self, rows: Ints, at_s: Floats, passed: Bools) -> bool:
        """Charge a second's attempts by what they find if those pass; return whether that changes anything."""
        if self._now is None or not (mine := self._now.are_disturbed(rows)).any():
            return False
        rows = rows[mine]
        return self._charge(rows, self._items.made.found(rows, at_s[mine], passed[mine], self._now))

    def charge_one(self, row: int, at_s: float) -> None:
        """Charge a write by what it finds now."""
        if self._now is None:
            return
        sizes = self._now.sizes_of(row, at_s)
        if self._demand or self._items.made.planned.kind is not None:
            rows, before = np.array([row]), np.array(sizes[:1], dtype=np.int32)
            self._charge(rows, self._items.made.done(rows, before))
        else:
            self.units[row] = max(-(-max(sizes) // limits.WRITE_UNIT_BYTES.value), 1)

    def _charge(self, rows: Ints, found: Found) -> bool:
        units = self._items.made.units(rows, found)
        changes = not np.array_equal(self.units[rows], units)
        self.units[rows] = units
        for demand in self._demand:
            larger = np.maximum(found.before, found.after)
            asked = index_units(demand.of_index, demand.drawn[rows], found.operation, larger)
            changes |= not np.array_equal(demand.units[rows], asked)
            demand.units[rows] = asked
        return changes
