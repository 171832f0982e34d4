"""The records of a stream as functions get them, made anew for each delivery from the changes that they tell of.

A handler may change what it is given. A workload of columns alone has no items: its records show an `item_id` as their
key.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from ddbsim.items import (
    TIME_TO_LIVE_IDENTITY,
    Change,
    Item,
    bare_change,
    compact_json,
    event_id,
    event_ids,
    lambda_record,
    record_sequence_numbers,
    stream_arn,
    stream_record,
    to_dynamodb,
)
from ddbsim.record.stream import Shard, StreamLog
from ddbsim.scenario import Scenario
from ddbsim.workload import INSERT, OPERATIONS, REMOVE, WriteColumns

__all__ = ["EventRecords"]


class _Kind(NamedTuple):
    """What records of a kind share: what they hold, and how many bytes of JSON that is but for what is their own."""

    record: dict[str, Any]
    dynamodb: dict[str, Any]
    shows_new: bool
    shows_old: bool
    bytes: int


class _BareChanges(Sequence[Change]):
    """The changes of items of which only the ids are known, each made when it is asked for."""

    def __init__(self, item_id: npt.NDArray[np.int64]) -> None:
        self._item_id = item_id

    def __len__(self) -> int:
        return len(self._item_id)

    def __getitem__(self, place: Any) -> Any:
        return bare_change("MODIFY", to_dynamodb({"item_id": int(self._item_id[place])}))


class _ShardRecords(NamedTuple):
    """The records of a shard, in its order, as columns.

    Attributes
    ----------
    kinds, changes
        What each shares with others, and the change that it tells of.
    event_ids, created_s, numbers, size_bytes
        eventID, ApproximateCreationDateTime, SequenceNumber and SizeBytes.
    """

    kinds: list[_Kind]
    changes: Sequence[Change]
    event_ids: list[str]
    created_s: list[float]
    numbers: list[str]
    size_bytes: list[int]


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
    pick
        Picks from the writes those that made the records.
    """

    def __init__(
        self, scenario: Scenario, stream: StreamLog, writes: WriteColumns, pick: slice | npt.NDArray[np.intp]
    ) -> None:
        self.arn = stream_arn(scenario.region, scenario.table.name, scenario.start_epoch_s)
        self._region = scenario.region
        self._view_type = scenario.stream.view_type
        self._epoch_s = scenario.start_epoch_s
        self._stream, self._writes, self._pick = stream, writes, pick
        self._shards: dict[int, _ShardRecords] = {}

    @cached_property
    def _picked(self) -> npt.NDArray[np.intp]:
        """Which write made each record; 8 bytes per record, so only where somebody asks."""
        return np.arange(len(self._writes))[self._pick]

    @property
    def carries_items(self) -> bool:
        """Whether the records show real items."""
        return self._writes.changes is not None

    def record(self, shard: Shard, place: int) -> dict[str, Any]:
        """Return a fresh copy of the record at a place of a shard."""
        kinds, changes, event_ids, created_s, numbers, size_bytes = self._held(shard)
        kind, change = kinds[place], changes[place]
        # the layout is the kind's; filling in copies takes half the time of parsing JSON
        dynamodb = kind.dynamodb.copy()
        dynamodb["ApproximateCreationDateTime"] = created_s[place]
        dynamodb["Keys"] = _fresh(change.keys, change.keys_json)
        if kind.shows_new:
            dynamodb["NewImage"] = _fresh(change.new_image, change.new_json)
        if kind.shows_old:
            dynamodb["OldImage"] = _fresh(change.old_image, change.old_json)
        dynamodb["SequenceNumber"] = numbers[place]
        dynamodb["SizeBytes"] = size_bytes[place]
        record = kind.record.copy()
        record["eventID"] = event_ids[place]
        record["dynamodb"] = dynamodb
        if "userIdentity" in record:
            record["userIdentity"] = record["userIdentity"].copy()
        return record

    def sizes(self) -> npt.NDArray[np.int32]:
        """Return the bytes of each record in an event, the comma behind it included, in the stream's order."""
        sizes = np.zeros(len(self._stream), dtype=np.int32)
        for shard in self._stream.shards:
            kinds, changes, _, created_s, numbers, size_bytes = self._held(shard)
            digits = {second: len(repr(second)) for second in set(created_s)}
            sizes[shard.record] = [
                kind.bytes
                + digits[second]
                + len(change.keys_json.encode())
                + (len(change.new_json.encode()) if kind.shows_new else 0)
                + (len(change.old_json.encode()) if kind.shows_old else 0)
                + len(number)
                + len(str(size))
                for kind, change, second, number, size in zip(
                    kinds, changes, created_s, numbers, size_bytes, strict=True
                )
            ]
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

    def _held(self, shard: Shard) -> _ShardRecords:
        """Return a shard's records, made at once for all and kept."""
        held = self._shards.get(shard.index)
        if held is None:
            held = self._shards[shard.index] = self._made(shard)
        return held

    def _made(self, shard: Shard) -> _ShardRecords:
        record, count = shard.record, len(shard.record)
        expired = (
            np.zeros(count, dtype=np.bool_) if self._writes.ttl is None else self._writes.ttl[self._picked[record]]
        )
        kinds = list(zip(self._stream.operation[record].tolist(), expired.tolist(), strict=True))
        made = {kind: self._kind(*kind) for kind in set(kinds)}
        return _ShardRecords(
            [made[kind] for kind in kinds],
            self._changes(record),
            event_ids(self.arn, shard.name, shard.first_number, count),
            np.floor(self._epoch_s + self._stream.written_s[record]).tolist(),
            record_sequence_numbers(shard.name, shard.first_number, count),
            self._stream.size_bytes[record].tolist(),
        )

    def _changes(self, record: npt.NDArray[np.int32]) -> Sequence[Change]:
        changes = self._writes.changes
        if changes is not None:
            return [changes[write] for write in self._picked[record].tolist()]
        return _BareChanges(self._stream.item_id[record])

    def _kind(self, operation: int, expired: bool) -> _Kind:
        record = stream_record(
            replace(
                bare_change(OPERATIONS[operation], {}),  # type: ignore[arg-type]
                new_image={} if self.carries_items and operation != REMOVE else None,
                old_image={} if self.carries_items and operation != INSERT else None,
            ),
            view_type=self._view_type,
            sequence_number="",
            event_id=event_id(self.arn, "", 0),
            at_epoch_s=0,
            region=self._region,
            user_identity=TIME_TO_LIVE_IDENTITY if expired else None,
        )
        record = lambda_record(record, stream_arn=self.arn)
        dynamodb = record["dynamodb"]
        shows_new, shows_old = "NewImage" in dynamodb, "OldImage" in dynamodb
        # less the braces of keys and images, the time 0.0 and the size 0; more by a comma
        shared = len(compact_json(record).encode()) - 2 * (1 + shows_new + shows_old) - 3 - 1 + 1
        return _Kind(record, dynamodb, shows_new, shows_old, shared)


def _fresh(item: Item | None, text: str) -> Item:
    """Return a copy of an item whose JSON is `text`, to be changed at will."""
    if "[" in text or '{"M":' in text:
        return cast("Item", json.loads(text))
    assert item is not None
    # nothing lies in its values but texts and truths
    return {name: value.copy() for name, value in item.items()}
