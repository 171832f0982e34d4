"""The columns of writes: what a workload draws and the table gets.

A write is four numbers and a name, no item: what kind of change it was, to which item, when, and how large the item was
before and after. The stream record of every view type, the write units and the partition follow from these alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ddbsim.aws import limits
from ddbsim.checks.wording import shown
from ddbsim.items import Change

__all__ = [
    "BATCH",
    "CONDITION_FAILED",
    "INSERT",
    "MODIFY",
    "NO_OP",
    "OPERATIONS",
    "REMOVE",
    "SINGLE",
    "TRANSACTION",
    "TTL",
    "WRITE_KINDS",
    "Floats",
    "Ints",
    "Operations",
    "Sizes",
    "WriteColumns",
]

INSERT, MODIFY, REMOVE, NO_OP = 0, 1, 2, 3
OPERATIONS = ("INSERT", "MODIFY", "REMOVE", "NO_OP")
SINGLE, BATCH, TRANSACTION, CONDITION_FAILED, TTL = 0, 1, 2, 3, 4
WRITE_KINDS = ("single", "batch", "transaction", "condition failed", "ttl")

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Operations: TypeAlias = NDArray[np.int8]
Sizes: TypeAlias = NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WriteColumns:
    """Writes in the order in which the table gets them, a column per property; the arrays become read-only.

    Parameters
    ----------
    at_s
        When each write reaches the table, seconds from 0, ascending; float64.
    item_id
        Which item it writes; int64.
    operation
        `INSERT`, `MODIFY`, `REMOVE` or `NO_OP` (an index into `OPERATIONS`); int8. A NO_OP changes nothing, and so
        makes no stream record: a put of what is already there, or a delete of a missing item.
    bytes_before, bytes_after
        The item's size before and after the write, its key included, 0 where the item does not exist; int32.
        A NO_OP has the same size before and after.
    key_bytes
        The size of the key attributes, names included: one for all, or one a write; int32.
    changes
        What each write did to its item, where the workload carries real items; else None.
    kind
        How each write came: `SINGLE`, `BATCH`, `TRANSACTION`, `CONDITION_FAILED` (its condition did not hold: a NO_OP)
        or `TTL` (an index into `WRITE_KINDS`); int8. None: all single.
    request
        Number of the request that each write is part of; int64. Writes of one request follow one another. None: each
        is a request of its own.
    client, think_s
        Where clients wait for one write before the next: whose it is, and how long after the answer to the client's
        write before it is sent; int64, float64. None: nobody waits.
    """

    at_s: Floats
    item_id: Ints
    operation: Operations
    bytes_before: Sizes
    bytes_after: Sizes
    key_bytes: int | Sizes
    changes: tuple[Change, ...] | None = None
    kind: Operations | None = None
    request: Ints | None = None
    client: Ints | None = None
    think_s: Floats | None = None

    def __post_init__(self) -> None:
        for column in self._arrays.values():
            column.setflags(write=False)

    @property
    def _arrays(self) -> dict[str, NDArray[Any]]:
        """The columns that are there, by name."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}

    @property
    def ttl(self) -> NDArray[np.bool_] | None:
        """Which writes are deletes of expired items, whose records carry a userIdentity; None if none can be."""
        return None if self.kind is None else self.kind == TTL

    def take(self, rows: NDArray[np.intp] | slice, **replaced: Any) -> WriteColumns:
        """Return some of the writes, in the order of `rows`, with some columns replaced."""
        if isinstance(rows, slice):
            changes = None if self.changes is None else self.changes[rows]
        else:
            changes = None if self.changes is None else tuple(self.changes[row] for row in rows.tolist())
        taken = {name: column[rows] for name, column in self._arrays.items() if name not in replaced}
        return WriteColumns(**{"key_bytes": self.key_bytes, "changes": changes, **taken, **replaced})

    def __len__(self) -> int:
        return len(self.at_s)

    def until(self, duration_s: float) -> WriteColumns:
        """Return the writes of [0, duration_s), as views of these columns."""
        return self.take(slice(0, int(np.searchsorted(self.at_s, duration_s, side="left"))))

    @classmethod
    def from_columns(cls, columns: Mapping[str, Any], *, key_bytes: int) -> WriteColumns:
        """Return the checked copy of a DataFrame or mapping of columns.

        Parameters
        ----------
        columns
            `at_s`, `item_id`, `operation` (names or codes), `bytes_before`, `bytes_after`; others are ignored.
        key_bytes
            The size of the key attributes; no existing item may be smaller.

        Raises
        ------
        ValueError
            If a column is missing, of another length, or holds a value that no write can have; the first is told.
        """
        names = ("at_s", "item_id", "operation", "bytes_before", "bytes_after")
        missing = [name for name in names if name not in columns]
        if missing:
            raise ValueError(f"columns must be {', '.join(names)}, got none named {', '.join(missing)}")
        at_s = _numbers("at_s", columns["at_s"], np.float64)
        writes = cls(
            at_s=at_s,
            item_id=_numbers("item_id", columns["item_id"], np.int64),
            operation=_codes(columns["operation"]),
            bytes_before=_numbers("bytes_before", columns["bytes_before"], np.int32),
            bytes_after=_numbers("bytes_after", columns["bytes_after"], np.int32),
            key_bytes=key_bytes,
        )
        writes._check()
        return writes

    def _check(self) -> None:
        columns = {name: getattr(self, name) for name in ("item_id", "operation", "bytes_before", "bytes_after")}
        for name, column in columns.items():
            if len(column) != len(self):
                raise ValueError(f"{name} must have as many rows as at_s ({len(self)}), got {len(column)}")
        late = np.diff(self.at_s, prepend=0.0)
        _refuse("at_s must be finite, >= 0 and ascending", ~(late >= 0) | ~np.isfinite(self.at_s), self.at_s)
        _refuse("item_id must be >= 0", self.item_id < 0, self.item_id)
        self._check_sizes()

    def _check_sizes(self) -> None:
        low, high = self.key_bytes, int(limits.ITEM_BYTES.value)
        for name, sizes in (("bytes_before", self.bytes_before), ("bytes_after", self.bytes_after)):
            outside = (sizes != 0) & ((sizes < low) | (sizes > high))
            _refuse(f"{name} must be 0 (no item) or {low}..{high} (key_bytes to the largest item)", outside, sizes)
        absent_before, absent_after = self.bytes_before == 0, self.bytes_after == 0
        inserts, removes = self.operation == INSERT, self.operation == REMOVE
        changes = self.operation != NO_OP
        before, after = self.bytes_before, self.bytes_after
        _refuse(
            "bytes_before must be 0 for an INSERT, > 0 for MODIFY, REMOVE", changes & (absent_before != inserts), before
        )
        _refuse(
            "bytes_after must be 0 for a REMOVE, > 0 for INSERT, MODIFY", changes & (absent_after != removes), after
        )
        _refuse("bytes_after must equal bytes_before for a NO_OP", ~changes & (before != after), after)


def _numbers(name: str, values: Any, dtype: type[np.generic]) -> NDArray[Any]:
    array = np.asarray(values)
    whole = np.issubdtype(dtype, np.integer)
    if array.ndim != 1 or (array.size and array.dtype.kind not in ("iu" if whole else "iuf")):
        raise ValueError(
            f"{name} must be a column of {'whole ' if whole else ''}numbers, got {array.dtype} {array.shape}"
        )
    return array.astype(dtype)


def _codes(values: Any) -> Operations:
    array = np.asarray(values)
    if array.dtype.kind not in "iu" and array.size:
        codes = {name: code for code, name in enumerate(OPERATIONS)}
        array = np.array([codes.get(str(value), -1) for value in values])
    _refuse(
        f"operation must be one of {', '.join(OPERATIONS)} or 0..3", (array < 0) | (array > NO_OP), np.asarray(values)
    )
    return array.astype(np.int8)


def _refuse(rule: str, wrong: NDArray[np.bool_], values: NDArray[Any]) -> None:
    rows = np.flatnonzero(wrong)
    if rows.size:
        raise ValueError(f"{rule}, got {shown(values.tolist()[rows[0]])} in row {rows[0]}")
