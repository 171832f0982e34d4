"""The records of a stream as the JSON that functions get, made anew for each delivery from the JSON of their items.

A handler may change what it is given. A workload of columns alone has no items: its records show an `item_id` as their
key.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from ddbsim.items import (
    TIME_TO_LIVE_IDENTITY,
    Change,
    compact_json,
    event_id,
    image_bytes,
    lambda_record,
    record_sequence_numbers,
    stream_arn,
    stream_record,
    to_dynamodb,
)
from ddbsim.scenario import Scenario
from ddbsim.workload import OPERATIONS, TTL, WriteColumns

from .stream import Shard, StreamLog

__all__ = ["EventRecords"]

_SIZE_HOLE = -1  # no record's SizeBytes


class _Frame(NamedTuple):
    """A record's text with holes for what is its own: eventID, Keys, the images shown, SequenceNumber, SizeBytes.

    `bytes` counts the text with its eventID and the comma behind it, the other holes empty.
    """

    text: str
    shows_new: bool
    shows_old: bool
    bytes: int


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
        self._sequence_numbers: dict[str, list[str]] = {}
        self._frames: dict[tuple[Any, ...], tuple[int, _Frame]] = {}

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
        return cast("dict[str, Any]", json.loads(self._text(shard, place)))

    def records(self, shard: Shard, places: Iterable[int]) -> list[dict[str, Any]]:
        """Return fresh copies of the records at some places of a shard."""
        # parsed as one text, as Lambda's runtime does: a call per record takes a third longer
        return cast("list[dict[str, Any]]", json.loads(f"[{','.join([self._text(shard, n) for n in places])}]"))

    def _text(self, shard: Shard, place: int) -> str:
        frame, own = self._parts(shard, place, int(shard.record[place]))
        return frame.text % (event_id(self.arn, self._numbers(shard)[place]), *own)

    def sizes(self) -> npt.NDArray[np.int32]:
        """Return the bytes of each record in an event, the comma behind it included, in the stream's order."""
        sizes = np.zeros(len(self._stream), dtype=np.int32)
        for shard in self._stream.shards:
            for place, number in enumerate(shard.record.tolist()):
                frame, own = self._parts(shard, place, number)
                text = "".join(own)
                sizes[number] = frame.bytes + (len(text) if text.isascii() else len(text.encode()))
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

    def _parts(self, shard: Shard, place: int, number: int) -> tuple[_Frame, tuple[str, ...]]:
        """Return the frame of a record and what fills its holes after the eventID."""
        change = self._change(number)
        frame = self._frame(change, self._expired(number), self._epoch_s + float(self._stream.written_s[number]))
        new = (change.new_json,) if frame.shows_new else ()
        old = (change.old_json,) if frame.shows_old else ()
        size = image_bytes(
            self._view_type, change.event_name, change.key_bytes, change.bytes_before, change.bytes_after
        )
        return frame, (change.keys_json, *new, *old, self._numbers(shard)[place], str(size))

    def _numbers(self, shard: Shard) -> list[str]:
        numbers = self._sequence_numbers.get(shard.name)
        if numbers is None:
            numbers = record_sequence_numbers(shard.name, shard.first_number, len(shard.record))
            self._sequence_numbers[shard.name] = numbers
        return numbers

    def _frame(self, change: Change, expired: bool, at_epoch_s: float) -> _Frame:
        """Return the frame of a record; those of a kind in one second share it."""
        second = math.floor(at_epoch_s)
        kind = change.event_name, change.new_image is None, change.old_image is None, expired
        held = self._frames.get(kind)
        if held is None or held[0] != second:
            held = self._frames[kind] = second, self._framed(change, expired, second)
        return held[1]

    def _framed(self, change: Change, expired: bool, second: int) -> _Frame:
        holes: dict[str, Any] = {"keys": "@keys"}
        holes |= {"new_image": "@new"} if change.new_image is not None else {}
        holes |= {"old_image": "@old"} if change.old_image is not None else {}
        record = stream_record(
            replace(change, **holes, key_bytes=_SIZE_HOLE, bytes_before=0, bytes_after=0),
            view_type=self._view_type,
            sequence_number="@number",
            event_id="@id",
            at_epoch_s=second,
            region=self._region,
            user_identity=TIME_TO_LIVE_IDENTITY if expired else None,
        )
        text = compact_json(lambda_record(record, stream_arn=self.arn)).replace("%", "%%")
        shows_new, shows_old = '"@new"' in text, '"@old"' in text
        for image in ('"@keys"', '"@new"', '"@old"'):
            text = text.replace(image, "%s")
        text = text.replace("@number", "%s").replace("@id", "%s").replace(f'"SizeBytes":{_SIZE_HOLE}', '"SizeBytes":%s')
        # eventIDs are all of one length
        sized = text % (event_id(self.arn, ""), *[""] * (3 + shows_new + shows_old))
        return _Frame(text, shows_new, shows_old, len(sized.encode()) + 1)

    def _expired(self, number: int) -> bool:
        """Whether the write was the deletion of an expired item."""
        kind = self._writes.kind
        return kind is not None and bool(kind[self._picked[number]] == TTL)

    def _change(self, number: int) -> Change:
        write = int(self._picked[number])
        if self._writes.changes is not None:
            return self._writes.changes[write]
        item_id = int(self._stream.item_id[number])
        keys = to_dynamodb({"item_id": item_id})
        return Change(
            event_name=OPERATIONS[self._stream.operation[number]],  # type: ignore[arg-type]
            item_id=item_id,
            keys=keys,
            keys_json=compact_json(keys),
            old_image=None,
            new_image=None,
            key_bytes=self._writes.key_bytes,
            bytes_before=int(self._writes.bytes_before[write]),
            bytes_after=int(self._writes.bytes_after[write]),
        )
