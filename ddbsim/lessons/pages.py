"""What a reader of one's own gets from GetRecords: pages, empty ones among them, and times in whole seconds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ddbsim.workload import ConstantWrites, SequentialKeys, Steps

from .classroom import mapping, scenario, writes
from .lesson import Finding, Lesson

if TYPE_CHECKING:
    from ddbsim.result.result import Result

__all__ = ["LESSONS"]

_API = "https://docs.aws.amazon.com/amazondynamodb/latest/APIReference"
_EVERY_S, _SHARD_LIFE_S = 1.0, 30.0
# a dozen records, ten seconds of nothing, another dozen
_TWO_BURSTS = ConstantWrites(
    rate_per_s=Steps((0.0, 3.0, 13.0, 16.0), (4.0, 0.0, 4.0, 0.0)), keys=SequentialKeys(items=24)
)


def _pages(result: Result) -> Iterator[dict[str, Any]]:
    """Yield what GetRecords answers on the first shard, once a second, until there is no next iterator."""
    client = result.stream_client(at_s=_EVERY_S)
    (shard, *_) = result.shards["shard_id"]
    answer = client.get_shard_iterator(StreamArn=client.stream_arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    iterator = answer["ShardIterator"]
    while iterator is not None:
        page = client.get_records(ShardIterator=iterator)
        yield page
        iterator = page.get("NextShardIterator")
        client.advance(_EVERY_S)


def _read_until_empty(result: Result) -> int:
    """Return how many records a reader has that takes the first empty page for the end."""
    read = 0
    for page in _pages(result):
        if not page["Records"]:
            break
        read += len(page["Records"])
    return read


def _not_the_end(result: Result) -> list[Finding]:
    pages = list(_pages(result))
    counts = [len(page["Records"]) for page in pages]
    last_full = max(number for number, count in enumerate(counts) if count)
    empty = [page for page in pages[:last_full] if not page["Records"]]
    return [
        Finding(
            "An empty page comes before records that are yet to be read, and hands on an iterator.",
            f"{len(empty)} empty pages before the last record, each with a NextShardIterator",
            bool(empty) and all("NextShardIterator" in page for page in empty),
        ),
        Finding(
            "Who follows the iterators to the end has every record.",
            f"{sum(counts)} of {len(result.stream_log)} records in {len(pages)} reads",
            sum(counts) == len(result.stream_log),
        ),
        Finding(
            "Only the end of a closed shard has no next iterator.",
            f"{sum('NextShardIterator' not in page for page in pages)} answer without one, after the shard had closed "
            f"at {_SHARD_LIFE_S:g} s",
            ["NextShardIterator" in page for page in pages].count(False) == 1
            and len(pages) * _EVERY_S >= _SHARD_LIFE_S,
        ),
    ]


def _said(result: Result) -> list[dict[str, Any]]:
    """Return what each record says of itself, as it was read."""
    return [record["dynamodb"] for page in _pages(result) for record in page["Records"]]


def _times(result: Result) -> int:
    return len({record["ApproximateCreationDateTime"] for record in _said(result)})


def _whole_seconds(result: Result) -> list[Finding]:
    records = _said(result)
    numbers = [int(record["SequenceNumber"]) for record in records]
    # as one might find them in a table of one's own, the newest first
    found = records[::-1]
    found.sort(key=lambda record: record["ApproximateCreationDateTime"])
    misplaced = sum(one is not other for one, other in zip(records, found, strict=True))
    return [
        Finding(
            "The time is cut to the second: many records share it.",
            f"{len(records)} records have {_times(result)} different times, none with a fraction of a second",
            _times(result) < len(records)
            and all(record["ApproximateCreationDateTime"].microsecond == 0 for record in records),
        ),
        Finding(
            "To sort by it does not bring the order back.",
            f"{misplaced} of {len(records)} records are out of place after sorting by time",
            misplaced > 0,
        ),
        Finding(
            "The sequence number does, within a shard.",
            f"{len(set(numbers))} different numbers, in the order of the writes",
            numbers == sorted(set(numbers)),
        ),
    ]


LESSONS = (
    Lesson(
        name="empty_read",
        claim="An empty GetRecords is not the end of the shard, only a moment without news: what ends a shard is an "
        "answer without NextShardIterator. (Here a shard lives for 30 s.)",
        prediction="A dozen records are written in 3 s, nothing for 10 s, and another dozen. A reader of your own asks "
        "once a second, and stops at the first empty answer. How many records does it get?",
        belief=24,
        hint="Walk through the pages of result.stream_client(at_s=1), with advance(1) after each.",
        source=f"{_API}/API_streams_GetRecords.html",
        scenario=scenario("an empty read", _TWO_BURSTS, mapping(), duration_s=40, shard_lifetime=_SHARD_LIFE_S),
        decide=_not_the_end,
        answer=_read_until_empty,
    ),
    Lesson(
        name="creation_time",
        claim="ApproximateCreationDateTime is in whole seconds, rounded down, so it does not order records; within a "
        "shard SequenceNumber does.",
        prediction="Twenty records are written to one shard, a tenth of a second apart. How many different "
        "ApproximateCreationDateTime do they have?",
        belief=20,
        hint="Collect it from the records of result.stream_client().get_records.",
        source=f"{_API}/API_streams_StreamRecord.html",
        scenario=scenario(
            "times of creation",
            writes(20, every_s=0.1, items=20),
            mapping(),
            duration_s=40,
            shard_lifetime=_SHARD_LIFE_S,
        ),
        decide=_whole_seconds,
        answer=_times,
    ),
)
