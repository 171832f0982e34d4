"""What a design can carry, in closed form, beside what it is offered: which limit binds, and which knob moves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from .analysis.theory import lane_capacity_per_s, read_capacity_per_s
from .aws import limits

if TYPE_CHECKING:
    from .result import Result
    from .scenario import EventSourceMapping, Scenario

__all__ = ["KNOBS", "allowed_per_s", "capacity", "full_batch"]

KNOBS = {
    "lanes": "parallelization_factor, batch_size or a shorter duration",
    "concurrency": "reserved_concurrency or the account's concurrency",
    "reads": "fewer bytes per record (view type) or more partitions",
    "hottest item": "spread the hot item's writes: no setting splits one item",
    "hottest lane": "spread the hot item's writes: no setting splits one item",
    "timeout": "timeout_s, or a smaller batch_size",
}
_MOSTLY_SENT = 0.9


def capacity(result: Result) -> pd.DataFrame:
    """Return, per mapping and limit, the records per second that it allows and how much of that is offered.

    Parameters
    ----------
    result
        A run: its rates and sizes, after the warm-up, are what is offered.

    Returns
    -------
    DataFrame
        event_source_mapping, limit ("lanes", "concurrency", "reads", "hottest lane", and "timeout" if a full batch
        takes longer), records_per_s, offered_per_s, load (offered / allowed; above 1 the backlog grows), knob.

    Notes
    -----
    A saturated lane sends full batches back to back: batch / (duration + turnaround). Failures, throttles and cold
    starts only lower it.
    """
    rows = [row for mapping in result.scenario.mappings for row in _rows(result, mapping)]
    return pd.DataFrame(
        rows, columns=["event_source_mapping", "limit", "records_per_s", "offered_per_s", "load", "knob"]
    )


def _rows(result: Result, mapping: EventSourceMapping) -> list[tuple[str, str, float, float, float, str]]:
    scenario = result.scenario
    log = result.stream_log
    # an interrupted run knows writes that it never came to, and may have ended within its warm-up
    begin_s = scenario.warmup_s if scenario.warmup_s < result.ended_s else 0.0
    written_s = log["written_s"]
    inside = (written_s >= begin_s) & (written_s < result.ended_s)
    mine = log[(log["event_source_mapping"] == mapping.label) & inside]
    offered = len(mine) / (result.ended_s - begin_s) if result.ended_s > begin_s else 0.0
    size = float(mine["size_bytes"].mean()) if len(mine) else 0.0
    allowed = allowed_per_s(scenario, mapping, size)
    rows = []
    for limit, per_s in allowed.items():
        rows.append((mapping.label, limit, per_s, offered, offered / per_s if per_s else float("inf"), KNOBS[limit]))
    hottest = offered * _hottest_share(mine, result, mapping)
    lanes = scenario.table.partitions * mapping.parallelization_factor
    one_lane = allowed["lanes"] / lanes
    if lanes > 1 and one_lane > 0:
        rows.append((mapping.label, "hottest lane", one_lane, hottest, hottest / one_lane, KNOBS["hottest lane"]))
    return rows


def full_batch(scenario: Scenario, mapping: EventSourceMapping, record_bytes: float) -> tuple[float, float]:
    """Return the most records that an invocation of a mapping can have, and how long it takes on average, seconds."""
    stream, function = scenario.stream, mapping.function
    payload = stream.event_record_overhead_bytes + stream.event_bytes_per_stored_byte * record_bytes
    batch = max(1.0, min(mapping.batch_size, limits.INVOCATION_PAYLOAD_BYTES.value / payload))
    if mapping.maximum_batching_window_in_seconds == 0:
        # without a window a batch comes from what has been read, and reading stops a batch ahead
        batch = min(batch, max(mapping.poller.records_per_read, 1))
    return batch, function.law.mean_s(batch, batch * payload, function.memory_mb)


def allowed_per_s(scenario: Scenario, mapping: EventSourceMapping, record_bytes: float) -> dict[str, float]:
    """Return the records per second that each limit allows a mapping, if its records have `record_bytes` on average."""
    poller, function = mapping.poller, mapping.function
    batch, duration_s = full_batch(scenario, mapping, record_bytes)
    lanes = scenario.table.partitions * mapping.parallelization_factor
    limit = scenario.account_concurrency if function.reserved_concurrency is None else function.reserved_concurrency
    allowed = {
        "lanes": lane_capacity_per_s(lanes, batch, duration_s, poller.turnaround_s),
        "concurrency": lane_capacity_per_s(limit, batch, duration_s),
        "reads": read_capacity_per_s(
            scenario.table.partitions,
            record_bytes,
            poller.backlog_interval_s,
            poller.records_per_read,
            poller.bytes_per_read,
        ),
    }
    if duration_s > function.timeout_s:
        allowed["timeout"] = 0.0
    return allowed


def _hottest_share(mine: pd.DataFrame, result: Result, mapping: EventSourceMapping) -> float:
    """Return the share of a mapping's records that its busiest lane gets."""
    if mine.empty:
        return 0.0
    # at the least: its fair part of the busiest shard, or the hottest item alone, which stays in one lane
    shard = float(mine["shard_id"].value_counts().iloc[0]) / mapping.parallelization_factor
    item = float(mine["item_id"].value_counts().iloc[0])
    return max(shard / len(mine), item / len(mine), _hottest_sent(mine, result, mapping))


def _hottest_sent(mine: pd.DataFrame, result: Result, mapping: EventSourceMapping) -> float:
    """Return the share of the busiest lane in what was sent; 0 where much was not, and so cannot be told by lane."""
    if mapping.parallelization_factor == 1 or mine["received_s"].notna().mean() < _MOSTLY_SENT:
        return 0.0
    invocations = result.invocations
    first = invocations[(invocations["event_source_mapping"] == mapping.label) & (invocations["attempt"] == 1)]
    by_lane = first.groupby(["shard_id", "lane"], observed=True)["records"].sum()
    return float(by_lane.max() / by_lane.sum())
