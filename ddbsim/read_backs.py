"""What handlers read from the table because their records lacked it: calls, items and read units."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .analysis.request_units import read_units
from .aws import limits
from .log.frames import Consumer, Names, categories, frame
from .scenario import ReadBack, Scenario, served
from .workload import REMOVE, WriteColumns

__all__ = ["read_backs", "sizes_at"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def read_backs(scenario: Scenario, writes: WriteColumns, consumers: Sequence[Consumer], names: Names) -> pd.DataFrame:
    """Return a row per invocation that read anything back.

    Parameters
    ----------
    scenario
        What each function needs, and how it reads.
    writes
        From which the size of an item at any instant follows.
    consumers, names
        The mappings' views of the stream.
    """
    made = [
        _of_mapping(consumer, mapping.function.read_back, writes, names)
        for consumer, mapping in zip(consumers, scenario.mappings, strict=True)
        if served(mapping.function.needs, scenario.stream.view_type) == "by a read-back"
    ]
    return pd.concat(made, ignore_index=True) if made else _frame(0, dict.fromkeys(_VALUES, np.empty(0)), names)


_VALUES = ("batch_id", "attempt", "started_s", "requests", "items", "bytes", "read_units")


def _of_mapping(consumer: Consumer, how: ReadBack, writes: WriteColumns, names: Names) -> pd.DataFrame:
    row, record = consumer.delivered()
    stream, column = consumer.recording.stream, consumer.attempts.column
    readable = stream.operation[record] != REMOVE
    row, item = row[readable], stream.item_id[record[readable]]
    if how.batched:
        row, item = _each_once(row, item)
    size = sizes_at(writes, item, column["handler_s"][row])
    rows, place = np.unique(row, return_inverse=True)
    items = np.bincount(place, minlength=len(rows))
    values = {
        "batch_id": column["batch"][rows],
        "attempt": column["attempt"][rows],
        "started_s": column["started_s"][rows],
        "requests": -(-items // limits.BATCH_GET_ITEMS.value) if how.batched else items,
        "items": items,
        "bytes": np.bincount(place, weights=size, minlength=len(rows)),
        "read_units": np.bincount(place, weights=read_units(size, how.consistency), minlength=len(rows)),
    }
    return _frame(consumer.mapping, values, names)


def _frame(mapping: int, values: dict[str, npt.NDArray[Any]], names: Names) -> pd.DataFrame:
    which = np.full(len(values["items"]), mapping)
    return frame(
        "read_backs",
        event_source_mapping=categories(which, names.mappings),
        function=categories(names.function_of[which], names.functions),
        **values,
    )


def _each_once(row: Ints, item: Ints) -> tuple[Ints, Ints]:
    """Return the pairs without repeats: one call takes each key once."""
    order = np.lexsort((item, row))
    row, item = row[order], item[order]
    new = np.ones(len(row), dtype=bool)
    new[1:] = (row[1:] != row[:-1]) | (item[1:] != item[:-1])
    return row[new], item[new]


def sizes_at(writes: WriteColumns, item: Ints, at_s: Floats) -> Ints:
    """Return the size that each item has at an instant, bytes; each was written before."""
    items, code = np.unique(writes.item_id, return_inverse=True)
    # one number orders the writes by item, then by time; asked for is the last at or before each instant
    stride = len(writes) + 1
    key = code * stride + np.arange(len(writes))
    order = np.argsort(code, kind="stable")
    asked = np.searchsorted(items, item) * stride + np.searchsorted(writes.at_s, at_s, side="right")
    last = order[np.searchsorted(key[order], asked) - 1]
    return writes.bytes_after[last].astype(np.int64)
