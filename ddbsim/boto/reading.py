"""Read a real stream through boto3 into the columns of a simulated one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ddbsim.checks.arguments import checked
from ddbsim.log.outcomes import RECORD_OUTCOMES, Settled
from ddbsim.log.schema import categories, frame

__all__ = ["ThrottledReadError", "read_stream"]

_EVENT_NAMES = ("INSERT", "MODIFY", "REMOVE")
_THROTTLES = ("LimitExceededException", "ThrottlingException", "ProvisionedThroughputExceededException")
_PAUSE_S = 0.2  # five reads a second of one shard are said to be let through
_EMPTY_READS = 5
_TRIES = 8


class ThrottledReadError(RuntimeError):
    """The service went on throttling the reads."""


@dataclass(slots=True)
class _Record:
    """A record as it was read: what it says, when it was read, and its place among those of its line of shards."""

    content: Mapping[str, Any]
    shard_id: str
    number: int
    created_s: float
    read_s: float


@checked
def read_stream(
    client: Any,
    stream_arn: str,
    *,
    consumer: str = "read_stream",
    clock: Callable[[], float] | None = None,
    sleep: Callable[[float], object] | None = None,
) -> pd.DataFrame:
    """Read all that a stream holds now, and return it as the `stream_log` of a run.

    Every shard is read from its oldest record, a parent before its children. A closed shard is read to its end; an
    open one until five reads in a row bring nothing. Reads that the service throttles are tried again, each time after
    twice as long.

    Parameters
    ----------
    client
        ``boto3.client("dynamodbstreams")``, or the `stream_client` of a result.
    stream_arn
        The stream (`LatestStreamArn` of the table).
    consumer
        What the column `event_source_mapping` is to say.
    clock
        Returns the time as seconds since 1970; the client's own if it is a simulated one, else `time.time`.
    sleep
        Waits for some seconds; with a simulated client nothing, else `time.sleep`.

    Returns
    -------
    DataFrame
        The columns of `stream_log`. Time 0 is the creation of the oldest record, and `written_s` is in whole seconds,
        because the service tells no more. `received_s` is when the record was read. `record_id` counts the records by
        their creation, and `item_id` the keys by their first record. `sequence_number` counts the records of a shard
        and on into its children, from 1: the service's own numbers do not fit into 64 bits. `visible_s` and
        `completed_s` are NaN, `deliveries` is 1 and `outcome` is "waiting", because a read is no processing.

    Raises
    ------
    ThrottledReadError
        If one call was throttled eight times in a row.
    botocore.exceptions.ClientError
        What else the service refuses, such as a stream that does not exist.

    Examples
    --------
    >>> import ddbsim as ds
    >>> scenario = ds.Scenario(workload=ds.ConstantWrites(rate_per_s=2), duration_s=5)
    >>> client = ds.simulate(scenario, rng=7, progress=False).stream_client()
    >>> log = ds.read_stream(client, client.stream_arn)
    >>> log["written_s"].tolist()
    [0.0, 0.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0]
    """
    simulated = getattr(client, "now_epoch_s", None)
    reader = _Reader(
        client,
        stream_arn,
        clock or simulated or time.time,
        sleep or (_no_sleep if simulated is not None else time.sleep),
    )
    return _log(list(reader.read()), consumer)


def _no_sleep(seconds: float) -> None:
    """Wait for nothing: a simulated stream gets nothing new while its clock stands."""


class _Reader:
    def __init__(
        self, client: Any, stream_arn: str, clock: Callable[[], float], sleep: Callable[[float], object]
    ) -> None:
        self._client = client
        self._arn = stream_arn
        self._clock = clock
        self._sleep = sleep
        self._numbers: dict[str, int] = {}
        self._created_s: dict[str, float] = {}

    def read(self) -> Iterator[_Record]:
        """Yield every record, shard after shard, parents first."""
        # a shard that splits while it is read has children that were not listed before
        while shards := [shard for shard in self._shards() if shard["ShardId"] not in self._numbers]:
            for shard in _parents_first(shards):
                yield from self._read_shard(shard["ShardId"], shard.get("ParentShardId"))

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Call the service; if it throttles, again and again."""
        for turn in range(_TRIES):
            try:
                answer: dict[str, Any] = getattr(self._client, operation)(**arguments)
                return answer
            except Exception as error:
                if _code_of(error) not in _THROTTLES:
                    raise
                self._sleep(_PAUSE_S * 2**turn)
        raise ThrottledReadError(f"{operation} on {self._arn} was throttled {_TRIES} times in a row")

    def _shards(self) -> Iterator[dict[str, Any]]:
        start: dict[str, str] = {}
        while True:
            description = self._call("describe_stream", StreamArn=self._arn, **start)["StreamDescription"]
            yield from description["Shards"]
            if "LastEvaluatedShardId" not in description:
                return
            start = {"ExclusiveStartShardId": description["LastEvaluatedShardId"]}

    def _read_shard(self, shard_id: str, parent: str | None) -> Iterator[_Record]:
        number, latest_s = self._numbers.get(parent or "", 0), self._created_s.get(parent or "", -np.inf)
        for page in self._pages(shard_id):
            read_s = self._clock()
            for record in page:
                number += 1
                # never older than the record before it: what order there is, is that of the shard
                latest_s = max(latest_s, record["dynamodb"]["ApproximateCreationDateTime"].timestamp())
                yield _Record(record, shard_id, number, latest_s, read_s)
        self._numbers[shard_id], self._created_s[shard_id] = number, latest_s

    def _pages(self, shard_id: str) -> Iterator[list[dict[str, Any]]]:
        """Yield pages until the shard's end or, of an open shard, until several in a row were empty."""
        iterator = self._oldest(shard_id)
        empty = 0
        while iterator is not None and empty < _EMPTY_READS:
            try:
                answer = self._call("get_records", ShardIterator=iterator)
            except Exception as error:
                if _code_of(error) != "TrimmedDataAccessException":
                    raise
                # the oldest records went between the two calls: what is left begins at a new horizon
                iterator = self._oldest(shard_id)
                continue
            iterator = answer.get("NextShardIterator")
            empty = 0 if answer["Records"] else empty + 1
            yield answer["Records"]
            if empty and iterator is not None:
                self._sleep(_PAUSE_S)

    def _oldest(self, shard_id: str) -> str | None:
        arguments = {"StreamArn": self._arn, "ShardId": shard_id, "ShardIteratorType": "TRIM_HORIZON"}
        iterator: str = self._call("get_shard_iterator", **arguments)["ShardIterator"]
        return iterator


def _code_of(error: Exception) -> str:
    """Return the service's code of an error, "" if it is none of the service's."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def _parents_first(shards: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield shards so that each comes after its parent, if that is among them."""
    waiting = {shard["ShardId"]: shard for shard in shards}
    while waiting:
        ready = [shard for shard in waiting.values() if shard.get("ParentShardId") not in waiting]
        for shard in ready:
            del waiting[shard["ShardId"]]
        yield from ready


def _log(records: list[_Record], consumer: str) -> pd.DataFrame:
    # the sort is stable: records of one second stay in the order in which their shards were read
    records = sorted(records, key=lambda record: record.created_s)
    start_s = records[0].created_s if records else 0.0
    shards = list(dict.fromkeys(record.shard_id for record in records))
    items: dict[str, int] = {}
    item_id = [items.setdefault(_key_of(record.content), len(items)) for record in records]
    count = len(records)
    return frame(
        "stream_log",
        event_source_mapping=categories(np.zeros(count, dtype=np.int8), [consumer]),
        record_id=np.arange(count),
        item_id=item_id,
        shard_id=categories(np.array([shards.index(one.shard_id) for one in records], dtype=np.int64), shards),
        sequence_number=[one.number for one in records],
        event_name=categories(
            np.array([_EVENT_NAMES.index(one.content["eventName"]) for one in records], dtype=np.int8), _EVENT_NAMES
        ),
        written_s=[one.created_s - start_s for one in records],
        visible_s=np.full(count, np.nan),
        size_bytes=[one.content["dynamodb"]["SizeBytes"] for one in records],
        received_s=[one.read_s - start_s for one in records],
        completed_s=np.full(count, np.nan),
        deliveries=np.ones(count),
        outcome=categories(np.full(count, Settled.WAITING, dtype=np.int8), RECORD_OUTCOMES),
    )


def _key_of(content: Mapping[str, Any]) -> str:
    """Return the item's key as text; binary values are no JSON, and keep their repr."""
    return json.dumps(content["dynamodb"]["Keys"], sort_keys=True, default=repr)
