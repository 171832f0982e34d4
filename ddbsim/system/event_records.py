"""The records of a stream as the JSON that functions get, made once and kept packed.

A fresh copy of a record is unpacked for each delivery: a handler may change what it is given. A workload of columns
alone has no items: its records show an `item_id` as their key.
"""

from __future__ import annotations

import json
import marshal
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from ddbsim.items import (
    TIME_TO_LIVE_IDENTITY,
    Change,
    event_id,
    lambda_record,
    record_sequence_number,
    stream_arn,
    stream_record,
    to_dynamodb,
)
from ddbsim.scenario import Scenario
from ddbsim.workload import OPERATIONS, TTL, WriteColumns

from .stream import Shard, StreamLog

__all__ = ["EventRecords"]

# one encoder for all: `json.dumps` would make a new one for each record
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class EventRecords:
    """Makes the records of one run.

    Parameters
    ----------
    scenario
        Gives the region, the view type and the date of time 0.
    stream
        The records.
    writes
        The writes that made them.
    picked
        Which write made each record.
    """

    def __init__(
        self, scenario: Scenario, stream: StreamLog, writes: WriteColumns, picked: npt.NDArray[np.intp]
    ) -> None:
        self.arn = stream_arn(scenario.region, scenario.table.name, scenario.start_epoch_s)
        self._region = scenario.region
        self._view_type = scenario.stream.view_type
        self._epoch_s = scenario.start_epoch_s
        self._stream, self._writes, self._picked = stream, writes, picked
        self._kept: dict[int, bytes] = {}

    @property
    def carries_items(self) -> bool:
        """Whether the records show real items."""
        return self._writes.changes is not None

    def record(self, shard: Shard, place: int) -> dict[str, Any]:
        """Return a fresh copy of the record at a place of a shard."""
        # never leaves the process, and takes a third of the time of JSON
        return cast("dict[str, Any]", marshal.loads(self._packed(shard, place)))

    def _packed(self, shard: Shard, place: int) -> bytes:
        number = int(shard.record[place])
        if number not in self._kept:
            self._kept[number] = _pack(self._made(shard, place, number))
        return self._kept[number]

    def sizes(self) -> npt.NDArray[np.int32]:
        """Return the bytes of each record in an event, the comma behind it included, in the stream's order."""
        sizes = np.zeros(len(self._stream), dtype=np.int32)
        for shard in self._stream.shards:
            for place, number in enumerate(shard.record.tolist()):
                record = self._made(shard, place, number)
                self._kept[number] = _pack(record)
                sizes[number] = len(_encode(record).encode()) + 1
        return sizes

    def envelope(self, event_name: str) -> dict[str, Any]:
        """Return what records of a kind share, all that a filter on `eventName` looks at."""
        return {
            "eventName": event_name,
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": self._region,
            "eventSourceARN": self.arn,
        }

    def _made(self, shard: Shard, place: int, number: int) -> dict[str, Any]:
        sequence_number = record_sequence_number(shard.name, shard.first_number + place)
        record = stream_record(
            self._change(number),
            view_type=self._view_type,
            sequence_number=sequence_number,
            event_id=event_id(self.arn, sequence_number),
            at_epoch_s=self._epoch_s + float(self._stream.written_s[number]),
            region=self._region,
            user_identity=TIME_TO_LIVE_IDENTITY if self._expired(number) else None,
        )
        return lambda_record(record, stream_arn=self.arn)

    def _expired(self, number: int) -> bool:
        """Whether the write was the deletion of an expired item."""
        kind = self._writes.kind
        return kind is not None and bool(kind[self._picked[number]] == TTL)

    def _change(self, number: int) -> Change:
        write = int(self._picked[number])
        if self._writes.changes is not None:
            return self._writes.changes[write]
        item_id = int(self._stream.item_id[number])
        return Change(
            event_name=OPERATIONS[self._stream.operation[number]],  # type: ignore[arg-type]
            item_id=item_id,
            keys=to_dynamodb({"item_id": item_id}),
            old_image=None,
            new_image=None,
            key_bytes=self._writes.key_bytes,
            bytes_before=int(self._writes.bytes_before[write]),
            bytes_after=int(self._writes.bytes_after[write]),
        )


def _pack(record: dict[str, Any]) -> bytes:
    # version 2 knows no references: what keys and images share in the table is apart in the copies
    return marshal.dumps(record, 2)
