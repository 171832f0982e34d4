"""What writes turn out to do once it is known which of them the table took, and in which order.

A client plans its writes: this one inserts, that one changes, a third removes. When the insert is lost, or comes
after the change, the table does what it does: a put of a missing item inserts, a delete of a missing one does nothing.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ddbsim.items import Change, EventName, Item, same_item
from ddbsim.workload import INSERT, MODIFY, NO_OP, REMOVE, WriteColumns

__all__ = ["as_taken", "resolve"]

Ints = npt.NDArray[np.int64]


def as_taken(planned: WriteColumns, rows: Ints, at_s: npt.NDArray[np.float64]) -> WriteColumns:
    """Return the writes that the table took.

    Parameters
    ----------
    planned
        What the clients intend, in the order of their requests: what each write does is consistent there.
    rows
        Which of them were taken, in that order.
    at_s
        When.

    Returns
    -------
    WriteColumns
        Consistent in the new order. A planned NO_OP stays one.
    """
    writes = planned.take(rows, at_s=at_s)
    return resolve(planned, writes, _disturbed(planned, rows))


def resolve(planned: WriteColumns, writes: WriteColumns, touched: npt.NDArray[np.bool_]) -> WriteColumns:
    """Return writes with what they turn out to do, where a write to their item was lost, late or put in between.

    Parameters
    ----------
    planned
        Tells each item's size before its first write.
    writes
        In the order in which they happened.
    touched
        The items that are looked at, by id.
    """
    if not touched.any():
        return writes
    mine = np.flatnonzero(touched[writes.item_id])
    operation, before, after = writes.operation.copy(), writes.bytes_before.copy(), writes.bytes_after.copy()
    operation[mine], before[mine], after[mine] = _resolved(planned, writes, mine)
    changes = writes.changes
    if changes is not None and planned.changes is not None:
        changes = _replayed(planned.changes, changes, set(np.flatnonzero(touched).tolist()))
        operation[mine] = [_CODES[changes[row].event_name] for row in mine.tolist()]
        before[mine] = [changes[row].bytes_before for row in mine.tolist()]
        after[mine] = [changes[row].bytes_after for row in mine.tolist()]
    return writes.take(slice(None), operation=operation, bytes_before=before, bytes_after=after, changes=changes)


_CODES = {"INSERT": INSERT, "MODIFY": MODIFY, "REMOVE": REMOVE, None: NO_OP}


def _disturbed(planned: WriteColumns, rows: Ints) -> npt.NDArray[np.bool_]:
    """Return, by item id, whether a write to it was lost or came in another order."""
    touched = np.zeros(int(planned.item_id.max(initial=-1)) + 1, dtype=np.bool_)
    taken = np.zeros(len(planned), dtype=np.bool_)
    taken[rows] = True
    touched[planned.item_id[~taken]] = True
    # a write that some earlier planned one comes after
    late = np.maximum.accumulate(rows) > rows if len(rows) else np.zeros(0, dtype=np.bool_)
    touched[planned.item_id[rows[late]]] = True
    return touched


def _resolved(planned: WriteColumns, writes: WriteColumns, mine: Ints) -> tuple[npt.NDArray[np.generic], ...]:
    """Return operation and sizes of the writes `mine`: each finds its item as the last one left it."""
    order = np.argsort(writes.item_id[mine], kind="stable")
    item, planned_operation = writes.item_id[mine][order], writes.operation[mine][order]
    count = len(item)
    begins = np.diff(item, prepend=-1) != 0
    begin_of = np.maximum.accumulate(np.where(begins, np.arange(count), 0))
    sets = planned_operation != NO_OP
    left = np.where(planned_operation == REMOVE, 0, writes.bytes_after[mine][order])
    # the row that last set the item, before each row
    setter = np.zeros(count, dtype=np.int64)
    np.maximum.accumulate(np.where(sets, np.arange(count), -1)[:-1], out=setter[1:])
    setter[:1] = -1
    at_start = _at_start(planned)[item]
    before = np.where(setter >= begin_of, left[setter], at_start).astype(np.int32)
    operation = np.where(before == 0, INSERT, MODIFY)
    operation[planned_operation == REMOVE] = REMOVE
    operation[(planned_operation == REMOVE) & (before == 0)] = NO_OP
    operation[~sets] = NO_OP
    after = np.where(sets, left, before).astype(np.int32)
    back = np.empty(count, dtype=np.int64)
    back[order] = np.arange(count)
    return operation.astype(np.int8)[back], before[back], after[back]


def _at_start(planned: WriteColumns) -> npt.NDArray[np.int32]:
    """Return each item's size before the first write planned for it, by item id."""
    sizes = np.zeros(int(planned.item_id.max(initial=-1)) + 1, dtype=np.int32)
    # written backwards, the first one stays
    sizes[planned.item_id[::-1]] = planned.bytes_before[::-1]
    return sizes


def _replayed(planned: tuple[Change, ...], taken: tuple[Change, ...], items: set[int]) -> tuple[Change, ...]:
    """Return changes of real items as they come out in the order in which they were taken."""
    images: dict[int, tuple[Item | None, int]] = {}
    for change in reversed(planned):
        images[change.item_id] = (change.old_image, change.bytes_before)
    made = []
    for change in taken:
        if change.item_id in items:
            old, size = images[change.item_id]
            change = _onto(change, old, size)
            images[change.item_id] = (change.new_image, change.bytes_after)
        made.append(change)
    return tuple(made)


def _onto(change: Change, old: Item | None, size: int) -> Change:
    """Return a change as it comes out on an item that is `old` by then."""
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
    )
