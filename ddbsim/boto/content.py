"""A simulated stream as its readers see it: shards at an instant, and records as GetRecords gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.items import (
    TIME_TO_LIVE_IDENTITY,
    Change,
    ViewType,
    bare_change,
    event_id,
    record_sequence_number,
    stream_arn,
    stream_record,
    to_dynamodb,
)
from ddbsim.items.types import binary_bytes

__all__ = ["ShardContent", "StreamContent"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_KEY = "item_id"
# the names of the API, which are not those of the event that Lambda gets
_TIME_TO_LIVE = {"PrincipalId": TIME_TO_LIVE_IDENTITY["principalId"], "Type": TIME_TO_LIVE_IDENTITY["type"]}


@dataclass(frozen=True, slots=True)
class ShardContent:
    """One shard: its life, and its records as columns in their order.

    Attributes
    ----------
    index
        Its place among the stream's shards.
    shard_id, parent_shard_id
        Their names; None for one without a parent.
    opened_s, closed_s
        Its life, seconds; infinity while it is open.
    first_number
        Sequence number of its first record, as the log counts them.
    record
        record_id of each.
    written_s, visible_s, size_bytes
        Of each record.
    """

    index: int
    shard_id: str
    parent_shard_id: str | None
    opened_s: float
    closed_s: float
    first_number: int
    record: Ints
    written_s: Floats
    visible_s: Floats
    size_bytes: Ints

    def number(self, position: int) -> str:
        """Return the SequenceNumber of the record at a position, or that the next one would have."""
        return record_sequence_number(self.shard_id, self.first_number + position)

    def visible(self, now_s: float) -> int:
        """Return how many of the records can be seen at an instant."""
        return int(np.searchsorted(self.visible_s, now_s, side="right"))

    def trimmed(self, now_s: float, retention_s: float) -> int:
        """Return how many of the records are gone at an instant."""
        return int(np.searchsorted(self.written_s, now_s - retention_s, side="left"))


class StreamContent:
    """All that the stream of a run held.

    Parameters
    ----------
    log
        The records, a row each.
    shards, writes
        Frames of the run.
    changes
        What each write that the table took did to its item, where the workload has real items; else None.
    view_type, retention_s, disabled_s
        Of the stream; infinity where it is never disabled.
    region, table_name
        Of the table.
    start_epoch_s
        The date of time 0, seconds since 1970.
    """

    def __init__(
        self,
        log: pd.DataFrame,
        shards: pd.DataFrame,
        writes: pd.DataFrame,
        changes: Sequence[Change] | None = None,
        *,
        view_type: ViewType,
        retention_s: float,
        disabled_s: float,
        region: str,
        table_name: str,
        start_epoch_s: float,
    ) -> None:
        self.view_type = view_type
        self.retention_s = retention_s
        self.disabled_s = disabled_s
        self.region = region
        self.table_name = table_name
        self.start_epoch_s = start_epoch_s
        self.arn = stream_arn(self.region, self.table_name, self.start_epoch_s)
        self.label = self.arn.rpartition("/")[2]
        self._changes = None if changes is None else [one for one in changes if one.event_name is not None]
        self.key = tuple(self._changes[0].keys) if self._changes else (_KEY,)
        self._item_id = log["item_id"].to_numpy()
        self._event_name = log["event_name"].astype("str").to_numpy()
        recorded = writes[(writes["outcome"] == "admitted") & (writes["operation"] != "NO_OP")]
        self._expired = (recorded["kind"] == "ttl").to_numpy()
        self.shards = tuple(_shards(log, shards))

    def record(self, shard: ShardContent, position: int) -> dict[str, Any]:
        """Return one record as boto3 gives it: times as datetime, binary values as bytes."""
        number, written_s = shard.number(position), float(shard.written_s[position])
        place = int(shard.record[position])
        made = stream_record(
            self._change(place, int(shard.size_bytes[position])),
            view_type=self.view_type,
            sequence_number=number,
            event_id=event_id(self.arn, shard.shard_id, shard.first_number + position),
            at_epoch_s=self.start_epoch_s + written_s,
            region=self.region,
        )
        created = datetime.fromtimestamp(made["dynamodb"]["ApproximateCreationDateTime"], UTC)
        parts = {
            name: {key: _decoded(value) for key, value in part.items()} if isinstance(part, dict) else part
            for name, part in made["dynamodb"].items()
        }
        record = {**made, "dynamodb": {**parts, "ApproximateCreationDateTime": created}}
        return {**record, "userIdentity": _TIME_TO_LIVE} if self._expired[place] else record

    def _change(self, place: int, size_bytes: int) -> Change:
        """Return what a record tells of; a write of which only sizes are known shows its key, no images."""
        if self._changes is not None:
            return self._changes[place]
        keys = to_dynamodb({_KEY: int(self._item_id[place])})
        return bare_change(str(self._event_name[place]), keys, size_bytes)  # type: ignore[arg-type]


def _shards(log: pd.DataFrame, shards: pd.DataFrame) -> list[ShardContent]:
    of_shard = dict(list(log.groupby("shard_id", observed=True)))
    contents = []
    for index, row in enumerate(shards.to_dict("records")):
        mine = of_shard.get(row["shard_id"], log.iloc[:0])
        contents.append(
            ShardContent(
                index=index,
                shard_id=row["shard_id"],
                parent_shard_id=None if pd.isna(row["parent_shard_id"]) else row["parent_shard_id"],
                opened_s=row["opened_s"],
                closed_s=np.inf if np.isnan(row["closed_s"]) else row["closed_s"],
                first_number=row["first_sequence_number"],
                record=mine["record_id"].to_numpy(),
                written_s=mine["written_s"].to_numpy(),
                visible_s=mine["visible_s"].to_numpy(),
                size_bytes=mine["size_bytes"].to_numpy(dtype=np.int64),
            )
        )
    return contents


def _decoded(value: dict[str, Any]) -> dict[str, Any]:
    """Return a value in DynamoDB JSON with its binary parts as bytes."""
    ((code, content),) = value.items()
    if code == "B":
        return {"B": binary_bytes(content)}
    if code == "BS":
        return {"BS": [binary_bytes(one) for one in content]}
    if code == "L":
        return {"L": [_decoded(one) for one in content]}
    if code == "M":
        return {"M": {name: _decoded(one) for name, one in content.items()}}
    return {code: content}
