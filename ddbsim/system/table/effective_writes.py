"""What writes turn out to do once it is known which of them the table took, and in which order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ddbsim.items import Change, EventName, Item, same_item
from ddbsim.workload import INSERT, MODIFY, NO_OP, REMOVE, WriteColumns

from .expiry import Expiry, with_deletes
from .items import Items

__all__ = ["effective_writes"]

Ints = npt.NDArray[np.int64]


def effective_writes(
    items: Items, rows: Ints, at_s: npt.NDArray[np.float64], expiry: Expiry | None, length_s: float
) -> tuple[WriteColumns, Ints]:
    """Return what happened at the table, and the planned write behind each (-1: the delete of an expired item).

    Parameters
    ----------
    items
        Those of the planned writes.
    rows
        Which of the planned writes were taken, in that order.
    at_s
        When.
    expiry
        When items expire; None: never.
    length_s
        The end of the run.

    Returns
    -------
    WriteColumns, int64 array
        Consistent in the new order. A planned NO_OP stays one.
    """
    planned, length = items.planned, len(rows)
    writes, disturbed = planned.take(rows, at_s=at_s), items.disturbed(rows)
    mine = np.arange(length) if expiry is not None else np.flatnonzero(disturbed[items.number[rows]])
    touched = planned.item_id[disturbed[items.number]]
    if len(mine):
        writes = _as_found(items, writes, rows, mine)
    if expiry is not None:
        left = np.where(items.sets[rows], items.left[rows], -1)
        writes, source = with_deletes(expiry, writes, rows, items.number[rows], left, length_s)
        touched = np.concatenate((touched, writes.item_id[source < 0]))
        rows = np.where(source < 0, -1, rows[source]) if length else source
    return _with_images(planned, writes, touched), rows


def _as_found(items: Items, writes: WriteColumns, rows: Ints, mine: Ints) -> WriteColumns:
    """Return the writes with what those in the places `mine` turn out to do; they hold all writes of their items."""
    found = items.found(rows[mine], writes.at_s[mine])
    operation, before, after = writes.operation.copy(), writes.bytes_before.copy(), writes.bytes_after.copy()
    operation[mine], before[mine], after[mine] = found
    return writes.take(slice(None), operation=operation, bytes_before=before, bytes_after=after)


_CODES = {"INSERT": INSERT, "MODIFY": MODIFY, "REMOVE": REMOVE, None: NO_OP}


def _with_images(planned: WriteColumns, writes: WriteColumns, touched: Ints) -> WriteColumns:
    """Return the writes with what those to the touched items do to real items; as they are if there are none."""
    if writes.changes is None or planned.changes is None or not len(touched):
        return writes
    changes = _replayed(planned.changes, writes.changes, set(touched.tolist()))
    mine = np.flatnonzero(np.isin(writes.item_id, touched))
    done = [changes[row] for row in mine.tolist()]
    operation, before, after = writes.operation.copy(), writes.bytes_before.copy(), writes.bytes_after.copy()
    operation[mine] = [_CODES[change.event_name] for change in done]
    before[mine] = [change.bytes_before for change in done]
    after[mine] = [change.bytes_after for change in done]
    return writes.take(slice(None), operation=operation, bytes_before=before, bytes_after=after, changes=changes)


def _replayed(planned: tuple[Change, ...], taken: tuple[Change, ...], items: set[int]) -> tuple[Change, ...]:
    """Return changes of real items as they come out in the order in which they were taken."""
    images: dict[int, tuple[Item | None, str, int]] = {}
    for change in reversed(planned):
        images[change.item_id] = (change.old_image, change.old_json, change.bytes_before)
    made = []
    for change in taken:
        if change.item_id in items:
            change = _onto(change, *images[change.item_id])
            images[change.item_id] = (change.new_image, change.new_json, change.bytes_after)
        made.append(change)
    return tuple(made)


def _onto(change: Change, old: Item | None, text: str, size: int) -> Change:
    """Return a change as it comes out on an item that is `old` by then, in JSON `text`."""
    new, new_size = (old, size) if change.event_name is None else (change.new_image, change.bytes_after)
    same = (old is None and new is None) or (old is not None and new is not None and same_item(old, new))
    name: EventName | None = None if same else "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
    return replace(
        change,
        event_name=name,
        old_image=old,
        new_image=old if name is None else new,
        bytes_before=size,
        bytes_after=size if name is None else new_size,
        old_json=text,
        new_json=text if name is None or change.event_name is None else change.new_json,
    )
