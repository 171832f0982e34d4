"""The life of shards: they split with their partition, they roll over, and a reader has to follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ddbsim.scenario import Poller, Split, Table

from .classroom import LAMBDA_GUIDE, STREAMS, function, mapping, scenario, writes
from .lesson import Finding, Lesson
from .order import items_in_order

if TYPE_CHECKING:
    import pandas as pd

    from ddbsim.result.result import Result

__all__ = ["LESSONS"]

_DISCOVERY_S = 30.0


def _parent_before_child(result: Result) -> Finding:
    log, shards = result.stream_log, result.shards
    last_s = log.groupby("shard_id", observed=True)["completed_s"].max()
    first_s = log.groupby("shard_id", observed=True)["received_s"].min()
    children = shards.dropna(subset=["parent_shard_id"])
    parents_end_s = children["parent_shard_id"].astype(str).map(last_s.rename(index=str))
    gaps_s = (children["shard_id"].astype(str).map(first_s.rename(index=str)) - parents_end_s).dropna()
    return Finding(
        "A parent is read to its end before its children.",
        f"{len(gaps_s)} children with records began {gaps_s.min():.2f} s or more after their parent's last was done",
        bool(len(gaps_s) and gaps_s.min() >= 0),
    )


def _split(result: Result) -> list[Finding]:
    shards, log = result.shards, result.stream_log
    moved = log.groupby("item_id")["shard_id"].nunique()
    return [
        Finding(
            "The split closes the shard, and each half goes on in a new one.",
            f"{len(shards)} shards, {int(shards['closed_s'].isna().sum())} of them open",
            len(shards) == 3 and int(shards["closed_s"].isna().sum()) == 2,
        ),
        _parent_before_child(result),
        Finding(
            "Items have records in both generations.",
            f"{int((moved > 1).sum())} of {len(moved)} items have records in a parent and in its child",
            bool((moved > 1).any()),
        ),
        items_in_order(log),
    ]


def _rolled(result: Result) -> list[Finding]:
    shards, log = result.shards, result.stream_log
    return [
        Finding(
            "One partition has had several shards.",
            f"{len(shards)} shards, {int(shards['closed_s'].isna().sum())} of them open",
            len(shards) > 1 and set(shards["partition"]) == {0},
        ),
        Finding(
            "The table was never split, and sequence numbers go on.",
            f"{log['sequence_number'].nunique()} rising sequence numbers",
            bool(log.sort_values("record_id")["sequence_number"].is_monotonic_increasing),
        ),
        _parent_before_child(result),
        items_in_order(log),
    ]


def _oldest_s(result: Result) -> float:
    return float(result.invocations["iterator_age_s"].max())


def _not_the_function(result: Result) -> list[Finding]:
    slowest: pd.Series = result.latency_parts.sort_values("latency_s").iloc[-1]
    return [
        Finding(
            "The iterator age rises to the time in which the child was not yet read.",
            f"the oldest batch was {_oldest_s(result):.1f} s old when it was sent",
            _oldest_s(result) > 0.8 * _DISCOVERY_S,
        ),
        Finding(
            "The function is quick.",
            f"its longest invocation took {result.invocations['duration_s'].max():.2f} s",
            bool(result.invocations["duration_s"].max() < 0.5),
        ),
        Finding(
            "The slowest record waited for its read, not for the function.",
            f"of {slowest['latency_s']:.1f} s it spent {slowest['handler_s']:.2f} s in the handler",
            bool(slowest["handler_s"] < 0.02 * slowest["latency_s"]),
        ),
    ]


LESSONS = (
    Lesson(
        name="shard_splits",
        claim="When a partition splits, its shard closes and two children go on. A reader must finish the parent "
        "first, or it sees later changes of an item before earlier ones. Lambda does so.",
        prediction="A partition splits at 6 s while the function is behind. Is any record of a child handed to the "
        "function before the parent is done?",
        belief=True,
        hint="Compare received_s of the children with the last completed_s of the parent in result.stream_log.",
        source=STREAMS,
        scenario=scenario(
            "split",
            writes(48, every_s=0.25, items=6),
            mapping(function(base_s=0.5), batch_size=1),
            duration_s=60,
            table=Table(partitions=1, splits=Split(at_s=6.1)),
        ),
        decide=_split,
        answer=lambda result: not _parent_before_child(result).holds,
    ),
    Lesson(
        name="shards_roll_over",
        claim="A shard is not for ever: after about four hours it closes, and one child takes its place. A client that "
        "lists the shards once goes silent. (Here a shard lives for 20 s.)",
        prediction="A table with one partition that never splits; shards live for 20 s. How many shards has the stream "
        "had after 70 s?",
        belief=1,
        hint="Look at result.shards.",
        source="https://stackoverflow.com/questions/41965786",
        scenario=scenario("rollover", writes(30, every_s=2.0, items=5), mapping(), duration_s=70, shard_lifetime=20.0),
        decide=_rolled,
        answer=lambda result: len(result.shards),
    ),
    Lesson(
        name="age_without_fault",
        claim="The iterator age can rise though the function is quick: when a shard rolls over, records wait until "
        "its child is found. (Here after 30 s; such spikes are reported, the time is assumed.)",
        prediction="A function of 0.02 s, one shard rollover at 50 s. What is the greatest iterator age, in seconds "
        "(to about 5 s)?",
        belief=0.5,
        hint="Look at iterator_age_s in result.invocations, around the shard's end.",
        source=f"{LAMBDA_GUIDE}/services-dynamodb-eventsourcemapping.html; measured: "
        "https://phpout.com/questions/amazon-web-sevices/amazon-web-services-dynamodb-stream-lambda-iterator-age",
        scenario=scenario(
            "rollover and iterator age",
            writes(45, every_s=2.0, items=9),
            mapping(function(base_s=0.02), batch_size=1, poller=Poller(shard_discovery_delay=_DISCOVERY_S)),
            duration_s=98,
            shard_lifetime=50.0,
        ),
        decide=_not_the_function,
        answer=_oldest_s,
        tolerance=5.0,
    ),
)
