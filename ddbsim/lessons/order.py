"""What order a stream keeps: per item, whatever the shards and lanes; and no more than that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ddbsim.distributions import LogNormal
from ddbsim.scenario import Scenario, Table
from ddbsim.workload import MODIFY, TRANSACTION, ReplayWrites, WriteColumns

from .classroom import GUIDE, LAMBDA_GUIDE, STREAMS, function, mapping, scenario, writes
from .lesson import Finding, Lesson

if TYPE_CHECKING:
    import pandas as pd

    from ddbsim.result.result import Result

__all__ = ["LESSONS", "items_in_order", "overtakings"]


def overtakings(log: pd.DataFrame) -> int:
    """Return how many records were completed before one that was written earlier."""
    completed_s = log.sort_values("record_id")["completed_s"].dropna().to_numpy()
    # what is completed after it, among the earlier ones
    return int((completed_s < np.maximum.accumulate(completed_s)).sum())


def items_in_order(log: pd.DataFrame) -> Finding:
    """Return whether the records of each item were completed in the order of their writes."""
    late = sum(overtakings(own) for _, own in log.groupby("item_id"))
    items = log["item_id"].nunique()
    return Finding(
        "The records of one item are completed in the order of their writes.",
        f"{late} of {len(log)} records, of {items} items, overtook an earlier one of their item",
        late == 0,
    )


def _no_order_across(result: Result) -> Finding:
    overtook = overtakings(result.stream_log)
    return Finding(
        "Records of different items overtake each other.",
        f"{overtook} of {len(result.stream_log)} records were completed before one written earlier",
        overtook > 0,
    )


def _only_per_item(result: Result) -> list[Finding]:
    return [items_in_order(result.stream_log), _no_order_across(result)]


def _lanes(result: Result) -> list[Finding]:
    log, invocations = result.stream_log, result.invocations
    shards, lanes = log["shard_id"].nunique(), invocations["lane"].nunique()
    most = int(result.metrics["ConcurrentExecutions"].max())
    return [
        items_in_order(log),
        _no_order_across(result),
        Finding(
            "One shard has several invocations at once.", f"{shards} shard, {lanes} lanes, {most} at once", most > 1
        ),
    ]


def _transaction() -> WriteColumns:
    """Return three transactions of four items each."""
    at_s = np.repeat([1.0, 3.0, 5.0], 4)
    size = np.full(12, 500, dtype=np.int32)
    return WriteColumns(
        at_s=at_s,
        item_id=np.tile(np.arange(4), 3),
        operation=np.full(12, MODIFY, dtype=np.int8),
        bytes_before=size,
        bytes_after=size,
        key_bytes=36,
        kind=np.full(12, TRANSACTION, dtype=np.int8),
        request=np.repeat(np.arange(3), 4),
    )


def _handed_over(result: Result) -> pd.Series:
    """Return at how many different instants the records of each transaction reached the function."""
    log = result.stream_log
    return log.groupby("written_s")["received_s"].nunique()


def _not_a_batch(result: Result) -> list[Finding]:
    parts = _handed_over(result)
    units = int(result.writes["write_units"].sum())
    return [
        Finding(
            "The records of a transaction come in several invocations.",
            f"{len(parts)} transactions reached the function in {', '.join(map(str, parts))} parts",
            bool((parts > 1).all()),
        ),
        Finding(
            "A write in a transaction takes twice the write units.",
            f"{units} write units for {len(result.writes)} writes of less than 1 KB",
            units == 2 * len(result.writes),
        ),
    ]


def _uneven() -> Scenario:
    reader = function(base_s=0.2, noise=LogNormal(median=1.0, sigma=0.8))
    return scenario(
        "order per item",
        writes(40, every_s=0.1, items=8),
        mapping(reader, batch_size=2),
        duration_s=15,
        table=Table(partitions=4),
    )


def _in_lanes() -> Scenario:
    reader = function(base_s=0.4, noise=LogNormal(median=1.0, sigma=0.8))
    lanes = mapping(reader, batch_size=1, parallelization_factor=4)
    return scenario("lanes", writes(40, every_s=0.1, items=8), lanes, duration_s=60)


LESSONS = (
    Lesson(
        name="order_per_item",
        claim="A stream keeps the order of the changes of one item, and no order between items.",
        prediction="Forty changes of eight items are spread over four shards. Does the function finish them in the "
        "order in which they were written?",
        belief=True,
        hint="Sort result.stream_log by record_id and look whether completed_s only rises.",
        source=STREAMS,
        scenario=_uneven(),
        decide=_only_per_item,
        answer=lambda result: overtakings(result.stream_log) == 0,
    ),
    Lesson(
        name="lanes_keep_item_order",
        claim="A parallelization factor gives a shard several lanes: invocations run at once, records of different "
        "items overtake each other, and those of one item stay in one lane, in order.",
        prediction="One shard, parallelization factor 4, one record per invocation. Are changes of the same item ever "
        "finished in the wrong order?",
        belief=True,
        hint="Group result.stream_log by item_id and look at completed_s within each group.",
        source=f"{LAMBDA_GUIDE}/services-dynamodb-eventsourcemapping.html",
        scenario=_in_lanes(),
        decide=_lanes,
        answer=lambda result: not items_in_order(result.stream_log).holds,
    ),
    Lesson(
        name="transaction_is_no_batch",
        claim="The records of a transaction are separate: they go to the shards of their items, and nothing says that "
        "they belong together.",
        prediction="A transaction changes four items. In how many parts does the first one reach the function?",
        belief=1,
        hint="Take the records of result.stream_log with the first written_s and count the different received_s.",
        source=f"{GUIDE}/transaction-apis.html",
        scenario=scenario(
            "a transaction",
            ReplayWrites(columns=_transaction()),
            mapping(),
            duration_s=10,
            table=Table(partitions=4),
        ),
        decide=_not_a_batch,
        answer=lambda result: int(_handed_over(result).iloc[0]),
    ),
)
