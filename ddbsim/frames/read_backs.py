"""What handlers read from the table because their records lacked it: calls, items, read units, and what was refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.analysis.request_units import read_units
from ddbsim.aws import limits
from ddbsim.log.schema import categories, frame
from ddbsim.log.throttling import READ_THROTTLE_REASONS
from ddbsim.scenario import Function, ReadBack, Scenario, Table, ViewType, are_read_back, read_back_events
from ddbsim.workload import WriteColumns

from .stream_log import Consumer, Names

__all__ = ["Refused", "minute_reads", "read_backs", "sizes_at"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


#: Why a table refuses reads, 0 for those served: of its settings and number of partitions, and of each read, in the
#: order of time, its instant, partition and read units.
Refused: TypeAlias = Callable[[Table, int, Floats, Ints, Floats], npt.NDArray[np.int8]]


def read_backs(
    scenario: Scenario, writes: WriteColumns, consumers: Sequence[Consumer], names: Names, refused: Refused
) -> pd.DataFrame:
    """Return a row per invocation that read anything back.

    What the table's capacity does not serve is refused, and told with its reason. The handler's course does not depend
    on it (assumed): an SDK would try again, and the invocation last longer or fail.

    Parameters
    ----------
    scenario
        What each function needs, how it reads, and what the table serves.
    writes
        From which the size of an item at any instant follows.
    consumers, names
        The mappings' views of the stream.
    refused
        Which reads the table refuses.
    """
    asked = [
        _asked(consumer, mapping.function, scenario.stream.view_type, writes)
        for consumer, mapping in zip(consumers, scenario.mappings, strict=True)
        if read_back_events(mapping.function.needs, scenario.stream.view_type)
    ]
    if not asked:
        return _frame(0, dict.fromkeys(_VALUES, np.empty(0)), names)
    reasons = _throttled(scenario, asked, refused)
    made = [_rows(reads, reason, names) for reads, reason in zip(asked, reasons, strict=True)]
    return pd.concat(made, ignore_index=True)


_VALUES = ("batch_id", "attempt", "started_s", "requests", "items", "bytes", "read_units", "throttles")


@dataclass(frozen=True, slots=True, eq=False)
class _Reads:
    """What a mapping's invocations read: the attempt's row, the partition, size and read units of each item."""

    consumer: Consumer
    how: ReadBack
    row: Ints
    partition: Ints
    size: Ints
    units: Floats

    @property
    def started_s(self) -> Floats:
        return np.asarray(self.consumer.attempts.column["handler_s"][self.row], dtype=np.float64)


def _asked(consumer: Consumer, function: Function, view_type: ViewType, writes: WriteColumns) -> _Reads:
    row, record = consumer.delivered()
    stream, how = consumer.recording.stream, function.read_back
    readable = are_read_back(function.needs, view_type, stream.operation[record])
    row, record = row[readable], record[readable]
    if how.batched:
        first = _each_once(row, stream.item_id[record])
        row, record = row[first], record[first]
    # the item is where the record's shard has it: a split in between goes unseen
    partition = np.zeros(len(stream.item_id), dtype=np.int64)
    for shard in stream.shards:
        partition[shard.record] = shard.partition
    size = sizes_at(writes, stream.item_id[record], consumer.attempts.column["handler_s"][row])
    return _Reads(consumer, how, row, partition[record], size, read_units(size, how.consistency))


def _throttled(scenario: Scenario, asked: Sequence[_Reads], refused: Refused) -> list[npt.NDArray[np.int8]]:
    """Return why each mapping's reads were refused, code 0 for those served; they share the table's capacity.

    All reads of an invocation count for the second in which it starts.
    """
    at_s = np.concatenate([reads.started_s for reads in asked])
    partition = np.concatenate([reads.partition for reads in asked])
    units = np.concatenate([reads.units for reads in asked])
    order = np.argsort(at_s, kind="stable")
    codes = np.zeros(len(at_s), dtype=np.int8)
    partitions = int(partition.max(initial=0)) + 1
    codes[order] = refused(scenario.table, partitions, at_s[order], partition[order], units[order])
    return np.split(codes, np.cumsum([len(reads.row) for reads in asked])[:-1])


def _rows(reads: _Reads, code: npt.NDArray[np.int8], names: Names) -> pd.DataFrame:
    column, how = reads.consumer.attempts.column, reads.how
    rows, place = np.unique(reads.row, return_inverse=True)
    items = np.bincount(place, minlength=len(rows))
    last = np.zeros(len(rows), dtype=np.int8)
    last[place[code > 0]] = code[code > 0]
    values = {
        "batch_id": column["batch"][rows],
        "attempt": column["attempt"][rows],
        "started_s": column["handler_s"][rows],
        "requests": -(-items // limits.BATCH_GET_ITEMS.value) if how.batched else items,
        "items": items,
        "bytes": np.bincount(place, weights=reads.size, minlength=len(rows)),
        "read_units": np.bincount(place, weights=reads.units * (code == 0), minlength=len(rows)),
        "throttles": np.bincount(place[code > 0], minlength=len(rows)),
    }
    return _frame(reads.consumer.mapping, values, names, last)


def _frame(
    mapping: int, values: dict[str, npt.NDArray[Any]], names: Names, reason: npt.NDArray[np.int8] | None = None
) -> pd.DataFrame:
    which = np.full(len(values["items"]), mapping)
    return frame(
        "read_backs",
        event_source_mapping=categories(which, names.mappings),
        function=categories(names.function_of[which], names.functions),
        throttle_reason=categories(np.zeros(0, dtype=np.int8) if reason is None else reason, READ_THROTTLE_REASONS),
        **values,
    )


def minute_reads(read_backs: pd.DataFrame, minutes: int) -> dict[str, npt.NDArray[Any]]:
    """Return CloudWatch's metrics of the table's reads, by minute, under their names."""
    minute = np.minimum((read_backs["started_s"].to_numpy() // 60).astype(np.int64), minutes - 1)
    return {
        name: np.bincount(minute, weights=read_backs[column].to_numpy(dtype=np.float64), minlength=minutes)
        for name, column in (("ConsumedReadCapacityUnits", "read_units"), ("ReadThrottleEvents", "throttles"))
    }


def _each_once(row: Ints, item: Ints) -> Ints:
    """Return the places of the pairs without repeats, in the order of both: one call takes each key once."""
    order = np.lexsort((item, row))
    row, item = row[order], item[order]
    new = np.ones(len(row), dtype=bool)
    new[1:] = (row[1:] != row[:-1]) | (item[1:] != item[:-1])
    return order[new]


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
