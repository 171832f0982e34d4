"""Writes from a log that somebody kept: what each did to its item follows from the rows before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ddbsim.aws import limits
from ddbsim.checks.arguments import checked
from ddbsim.checks.wording import shown
from ddbsim.workload.columns import INSERT, MODIFY, NO_OP, REMOVE, Floats, Ints, Operations, Sizes, WriteColumns
from ddbsim.workload.writes import ReplayWrites

from .checks import whole_number

__all__ = ["replay"]

COLUMNS = ("time", "item", "operation", "bytes")
# What a log calls a request (it does what it finds) or a change (it must find what it says)
PUT, DELETE = -1, -2
NAMES = {"PUT": PUT, "UPDATE": PUT, "DELETE": DELETE, "INSERT": INSERT, "MODIFY": MODIFY, "REMOVE": REMOVE}


@checked
def replay(frame: pd.DataFrame, *, start: Any = None, existing: bool = False, key_bytes: int = 36) -> ReplayWrites:
    """Return the writes of a log, as a workload.

    Parameters
    ----------
    frame
        A row per write, in any order; rows of the same time keep theirs. Other columns are ignored.

        time
            Seconds, or instants (datetime64, with or without a zone).
        item
            Any hashable identity of the item, its key for example.
        operation
            A request (put, update, delete) or a change (INSERT, MODIFY, REMOVE), in any case of letters. A put or
            update inserts an item that is missing; a delete of a missing item changes nothing. A change that
            contradicts the rows before is refused.
        bytes
            The item's size after the write, key included. For a delete or REMOVE its size before, of which only that
            of an item's first row matters; 0 or missing: none.
    start
        The time in the log that is 0 s of the run. None: 0 for seconds, the first write for instants.
    existing
        Whether items exist, at the size they are first given, before the log first puts or updates them. The log of a
        new table has none; that of an old one mostly does.
    key_bytes
        The size of the key attributes, names included, bytes, >= 1.

    Returns
    -------
    ReplayWrites
        Items numbered by their first write. What its log does not say is assumed: an item whose first row is a MODIFY
        had the same size before.

    Raises
    ------
    ValueError
        If a column is missing or a row cannot be; the first such row is told, counted from 0.

    Examples
    --------
    >>> log = pd.DataFrame({
    ...     "time": [0.5, 2.0, 3.0], "item": ["a", "b", "a"], "operation": ["put", "put", "delete"],
    ...     "bytes": [300, 200, 0],
    ... })
    >>> writes = replay(log).columns
    >>> writes.operation.tolist(), writes.bytes_before.tolist()
    ([0, 0, 2], [0, 0, 300])
    """
    key_bytes = whole_number("replay: key_bytes", key_bytes, low=1)
    missing = [name for name in COLUMNS if name not in frame]
    if missing:
        raise ValueError(f"replay: frame must have the columns {', '.join(COLUMNS)}, got none named {missing[0]}")
    at_s = _seconds(frame["time"], start)
    stated = _operations(frame["operation"])
    sizes = _sizes(frame["bytes"], stated, key_bytes)
    order = np.argsort(at_s, kind="stable")
    item_id = _item_ids(frame["item"], order)
    before, after = _chains(item_id, stated[order], sizes[order], existing)
    operation = _found(stated, before, after, order)
    columns = WriteColumns(
        at_s=at_s[order],
        item_id=item_id,
        operation=operation,
        bytes_before=before,
        bytes_after=after,
        key_bytes=key_bytes,
    )
    return ReplayWrites(columns=columns)


def _seconds(times: pd.Series, start: Any) -> Floats:
    """Return the times in seconds from the start."""
    instants = pd.api.types.is_datetime64_any_dtype(times)
    if not instants and not _numeric(times):
        raise ValueError(f"replay: time must hold seconds or datetime64 instants, got {times.dtype}")
    try:
        zero = start if start is not None else (times.min() if instants else 0.0)
        zero = pd.Timestamp(zero) if instants else float(zero)
        since = times - zero
    except (TypeError, ValueError):
        raise ValueError(f"replay: start must be a time like those of the log, got {shown(start)}") from None
    at_s = np.array(since.dt.total_seconds() if instants else since, dtype=np.float64)
    _refuse("time must be finite and not before the start", ~(np.isfinite(at_s) & (at_s >= 0)), times)
    return at_s


def _operations(operations: pd.Series) -> Operations:
    codes = np.array([NAMES.get(str(name).upper(), NO_OP) for name in operations], dtype=np.int8)
    _refuse("operation must be put, update, delete, INSERT, MODIFY or REMOVE", codes == NO_OP, operations)
    return codes


def _sizes(sizes: pd.Series, stated: Operations, key_bytes: int) -> Sizes:
    if not _numeric(sizes):
        raise ValueError(f"replay: bytes must hold numbers, got {sizes.dtype}")
    numbers = sizes.to_numpy(dtype=np.float64, na_value=np.nan)
    removes = _removes(stated)
    numbers = np.where(removes & np.isnan(numbers), 0.0, numbers)
    most = int(limits.ITEM_BYTES.value)
    possible = (numbers >= key_bytes) & (numbers <= most) & (numbers == np.rint(numbers))
    rule = f"bytes must be a whole number in {key_bytes}..{most} (key_bytes to the largest item)"
    _refuse(f"{rule}, or 0 for a delete", ~(possible | (removes & (numbers == 0))), sizes)
    return numbers.astype(np.int32)


def _item_ids(items: pd.Series, order: NDArray[np.intp]) -> Ints:
    """Return a number per item, in the order of time."""
    try:
        codes = pd.factorize(items.iloc[order])[0]
    except TypeError:
        raise ValueError("replay: item must hold hashable values, got one that is not") from None
    unnamed = np.zeros(len(items), dtype=bool)
    unnamed[order] = codes < 0
    _refuse("item must not be missing", unnamed, items)
    return codes.astype(np.int64)


def _chains(item_id: Ints, stated: Operations, sizes: Sizes, existing: bool) -> tuple[Sizes, Sizes]:
    """Return the sizes before and after each write, in the order of time."""
    by_item = np.argsort(item_id, kind="stable")
    first = np.flatnonzero(np.diff(item_id[by_item], prepend=-1))
    after = np.where(_removes(stated), np.int32(0), sizes)
    before = np.empty_like(after)
    before[by_item[1:]] = after[by_item[:-1]]
    opening = by_item[first]
    new = (stated[opening] == INSERT) | ((stated[opening] == PUT) & (not existing))
    before[opening] = np.where(new, 0, sizes[opening])
    return before, after


def _found(stated: Operations, before: Sizes, after: Sizes, order: NDArray[np.intp]) -> Operations:
    """Return what each write did, in the order of time; refuse a change that its item's past rules out."""
    existed, exists = before > 0, after > 0
    found = np.select([existed & exists, existed, exists], [MODIFY, REMOVE, INSERT], NO_OP).astype(np.int8)
    for code, name, state in (
        (INSERT, "INSERT", "is missing"),
        (MODIFY, "MODIFY", "exists"),
        (REMOVE, "REMOVE", "exists"),
    ):
        wrong = np.zeros(len(stated), dtype=bool)
        wrong[order] = (stated[order] == code) & (found != code)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise ValueError(
                f"replay: operation must be {name} only where the item {state} at that time (by the rows "
                f"before, or by its bytes in a first row), got {name} in row {row}"
            )
    return found


def _removes(stated: Operations) -> NDArray[np.bool_]:
    return np.isin(stated, (REMOVE, DELETE))


def _numeric(values: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values))


def _refuse(rule: str, wrong: NDArray[np.bool_], values: pd.Series) -> None:
    rows = np.flatnonzero(wrong)
    if rows.size:
        raise ValueError(f"replay: {rule}, got {shown(values.iloc[rows[:1]].tolist()[0])} in row {rows[0]}")
