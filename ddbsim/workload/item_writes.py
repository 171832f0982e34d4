"""Writes that carry real items."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ddbsim.checks.bounds import LARGEST
from ddbsim.checks.wording import shown
from ddbsim.items import Change, ItemTable
from ddbsim.randomness import RandomStreams

from .checks import listed
from .columns import INSERT, MODIFY, NO_OP, REMOVE, WriteColumns
from .means import WriteMeans
from .writes import Workload

__all__ = ["ItemWrites"]

_CODES = {"INSERT": INSERT, "MODIFY": MODIFY, "REMOVE": REMOVE, None: NO_OP}


@dataclass(frozen=True, slots=True, eq=False)
class ItemWrites(Workload):
    """Given writes of real items: what filters, handlers and events need.

    The items are followed as the table would: a put over an equal item changes nothing and makes no record, an update
    of a missing key is an INSERT.

    Parameters
    ----------
    writes
        Rows ``(at_s, operation, item)``, in the order of their times; operation is "put", "update" or "delete"; the
        item is in plain Python values or DynamoDB JSON. An update's item holds the key and the attributes to set, a
        delete's the key.
    key
        Names of the partition key and, if there is one, of the sort key.

    Raises
    ------
    ValueError
        Naming the row, and what is allowed there.

    Examples
    --------
    >>> workload = ItemWrites([(0.0, "put", {"pk": "a", "n": 1}), (1.0, "put", {"pk": "a", "n": 1})])
    >>> [change.event_name for change in workload.changes]
    ['INSERT', None]
    """

    writes: Iterable[tuple[float, str, Mapping[str, Any]]]
    key: tuple[str, ...] = ("pk",)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", listed("ItemWrites: key", self.key, of="attribute names"))
        rows = listed("ItemWrites: writes", self.writes, of="rows (at_s, operation, item)")
        try:
            table = ItemTable(self.key)
        except ValueError as error:
            raise ValueError(f"ItemWrites: {error}") from None
        object.__setattr__(self, "writes", tuple(_followed(rows, table)))

    @property
    def _rows(self) -> tuple[tuple[float, Change], ...]:
        return self.writes  # type: ignore[return-value]

    @property
    def changes(self) -> tuple[Change, ...]:
        """What each write did to its item."""
        return tuple(change for _, change in self._rows)

    def rows(self) -> Iterator[tuple[float, str, dict[str, Any]]]:
        """Yield rows that make the same changes, as puts and deletes of items in DynamoDB JSON."""
        for at_s, change in self._rows:
            # what changed nothing put what was there, or deleted what was not
            left = change.new_image
            yield (at_s, "delete", change.keys) if left is None else (at_s, "put", left)

    @property
    def carries_items(self) -> bool:
        """Whether the writes have real items: yes."""
        return True

    @property
    def mean_item_bytes(self) -> float:
        """The mean size of an item after a write that left one; 0 without such."""
        sizes = [change.bytes_after for change in self.changes if change.bytes_after]
        return sum(sizes) / len(sizes) if sizes else 0.0

    def may_write(self, item_id: int) -> bool:
        """Whether a given write goes to an item."""
        return any(change.item_id == item_id for change in self.changes)

    @property
    def means(self) -> WriteMeans:
        """What the given writes are like on average."""
        return _means_of(self)

    @property
    def steady(self) -> bool:
        """Whether writes come at one rate all the time: given ones need not."""
        return False

    @property
    def rate_field(self) -> str | None:
        """None: given writes come when they came."""
        return None

    def expected_writes(self, duration_s: float, *, answer_s: float = 0.0) -> float:
        """Return how many writes there are in [0, duration_s)."""
        return float(sum(at_s < duration_s for at_s, _ in self._rows))

    def draw(self, duration_s: float, streams: RandomStreams) -> WriteColumns:
        """Return the writes of [0, duration_s); `streams` is left untouched."""
        return self._columns().until(duration_s)

    def _columns(self) -> WriteColumns:
        changes = self.changes
        return WriteColumns(
            at_s=np.array([at_s for at_s, _ in self._rows], dtype=np.float64),
            item_id=np.array([change.item_id for change in changes], dtype=np.int64),
            operation=np.array([_CODES[change.event_name] for change in changes], dtype=np.int8),
            bytes_before=np.array([change.bytes_before for change in changes], dtype=np.int32),
            bytes_after=np.array([change.bytes_after for change in changes], dtype=np.int32),
            key_bytes=np.array([change.key_bytes for change in changes], dtype=np.int32),
            changes=changes,
        )


@lru_cache(maxsize=8)
def _means_of(workload: ItemWrites) -> WriteMeans:
    return WriteMeans.given(workload._columns())


def _followed(rows: Iterable[Any], table: ItemTable) -> Iterable[tuple[float, Change]]:
    latest_s = 0.0
    for number, row in enumerate(rows):
        try:
            at_s, operation, item = row
            at_s = float(at_s)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(
                f"ItemWrites: writes[{number}] must be (at_s, operation, item), got {shown(row)}"
            ) from None
        if not latest_s <= at_s <= LARGEST:
            raise ValueError(
                f"ItemWrites: writes[{number}]: at_s must be a number >= {latest_s:g} "
                f"({'the row before: rows go by time' if number else 'where the run begins'}) and <= {LARGEST:g}, "
                f"got {at_s:g}"
            )
        latest_s = at_s
        try:
            yield at_s, table.apply(operation, item)
        except (TypeError, ValueError) as error:
            raise ValueError(f"ItemWrites: writes[{number}]: {error}") from error
