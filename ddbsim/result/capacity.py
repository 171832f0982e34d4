"""What a design can carry, in closed form, beside what it is offered: which limit binds, and what moves it.

One set of formulas for two questions: `ddbsim.experiment.closed_form` asks it of a scenario before any run, with the
workload's own averages; `Result.capacity` of a run, with the rates and sizes that came.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

from ddbsim.analysis.keeping_up import DOES_NOT, NO_BACKLOG, TOO_SHORT, KeepingUp, backlogs, keeping_up
from ddbsim.analysis.per_mapping import measured_from_s
from ddbsim.analysis.theory import lane_capacity_per_s, read_capacity_per_s
from ddbsim.aws import limits
from ddbsim.scenario import Provisioned, read_back_events

if TYPE_CHECKING:
    from ddbsim.scenario import Billing, EventSourceMapping, Function, Scenario, Table
    from ddbsim.workload.means import WriteMeans

    from .run import Run

__all__ = [
    "COLUMNS",
    "REMEDIES",
    "THE_TABLE",
    "Asked",
    "FullBatch",
    "Offered",
    "Row",
    "capacity",
    "full_batch",
    "index_units",
    "limits_of",
    "longest_in_time",
    "mappings_keeping_up",
    "reader_limits",
    "table_limits",
]

REMEDIES = {
    "lanes": "parallelization_factor, batch_size or a shorter duration",
    "concurrency": "reserved_concurrency or the account's concurrency",
    "reads": "fewer bytes per record (view type) or more partitions",
    "hottest item": "spread the hot item's writes: no setting splits one item",
    "hottest lane": "spread the hot item's writes: no setting splits one item",
    "timeout": "timeout_s, or a smaller batch_size",
    "table": "more write capacity units, or on demand with a higher warm throughput",
    "index": "more write capacity units for the index, or a smaller projection",
    "partition": "spread the writes over more keys, or more partitions (a higher warm throughput)",
    "item": "spread the hot item's writes: no capacity splits one item",
}
_READ_MORE = "read more often (interval_s), more records a read, or fewer bytes per record (view type)"
# whose limits the table's own are, in the frames
THE_TABLE = ""
COLUMNS = ["event_source_mapping", "limit", "records_per_s", "offered_per_s", "load", "remedy"]
# of the log: a mask of the whole frame would copy every column
_OF_RECORDS = ["shard_id", "item_id", "event_name", "size_bytes", "outcome", "received_s"]
_HELD_BACK = ("filtered", "skipped")
_MOSTLY_SENT = 0.9
# a load measured in a run too short to tell is itself uncertain by some per cent
_PLAINLY = 1.1
# the k-th retry of a batch that fails with probability p happens with p ** k: beyond these, less than 1e-6 of a second
_MOST_RETRIES = 64

Row: TypeAlias = tuple[str, str, float, float, float, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """What a mapping is offered.

    Attributes
    ----------
    records_per_s
        Records written per second; all of them must be read.
    record_bytes
        Their mean SizeBytes.
    passed_share
        Those that the filter lets through, 0..1; None where it cannot be told.
    read_back_share
        Of those, the share whose item the function reads back, 0..1.
    hottest_share
        Of those, the share that the busiest lane gets at the least, 0..1.
    """

    records_per_s: float
    record_bytes: float
    passed_share: float | None = 1.0
    read_back_share: float = 0.0
    hottest_share: float = 0.0


@dataclass(frozen=True, slots=True)
class FullBatch:
    """The invocation that a saturated lane sends.

    Attributes
    ----------
    records
        As many as batch size, event size and a read allow.
    duration_s
        Mean time in the handler, its read-backs included, seconds.
    busy_s
        Mean time until the lane may send the next, its retries and their delays included, turnaround aside, seconds.
    """

    records: float
    duration_s: float
    busy_s: float


def capacity(result: Run) -> pd.DataFrame:
    """Return, per mapping and limit, the records per second that it allows and how much of that is offered.

    Parameters
    ----------
    result
        A run: its rates and sizes, after the warm-up, are what is offered.

    Returns
    -------
    DataFrame
        event_source_mapping (a stream reader's name for its limits, "" for the table's own), limit ("lanes",
        "concurrency", "reads", "hottest lane", and "timeout" if a full batch takes longer; of a reader "reads" and
        "busiest shard"; of a table with a billing mode "table", "index NAME", "partition", "item"), records_per_s,
        offered_per_s, load (offered / allowed; above 1 a consumer's backlog grows, and a table throttles), remedy.

    Notes
    -----
    A saturated lane sends full batches back to back: batch / (duration + turnaround). Poison records, throttles and
    cold starts only lower it.
    """
    scenario = result.scenario
    offered = {mapping.label: _offered(result, mapping) for mapping in scenario.mappings}
    rows = [row for mapping in scenario.mappings for row in limits_of(scenario, mapping, offered, "hottest lane")]
    rows += reader_limits(scenario, _read_of(result))
    rows += table_limits(scenario, _asked(result))
    return pd.DataFrame(rows, columns=COLUMNS)


def _offered(result: Run, mapping: EventSourceMapping) -> Offered:
    log, ended_s = result.stream_log, result.ended_s
    begin_s = measured_from_s(result.scenario.warmup_s, ended_s)
    written_s = log["written_s"]
    # an interrupted run knows writes that it never came to
    inside = (written_s >= begin_s) & (written_s < ended_s)
    own = log["event_source_mapping"] == mapping.label
    mine = log[_OF_RECORDS][own & inside]
    passed = mine[~mine["outcome"].isin(_HELD_BACK)]
    return Offered(
        records_per_s=len(mine) / (ended_s - begin_s) if ended_s > begin_s else 0.0,
        record_bytes=float(mine["size_bytes"].mean()) if len(mine) else 0.0,
        passed_share=_passed_share(log.loc[own, "outcome"]),
        read_back_share=_read_back_share(passed["event_name"], result.scenario, mapping),
        hottest_share=_hottest_share(passed, result, mapping),
    )


def _read_back_share(events: pd.Series[Any], scenario: Scenario, mapping: EventSourceMapping) -> float:
    read = read_back_events(mapping.function.needs, scenario.stream.view_type)
    return float(events.isin(read).mean()) if len(events) else 0.0


def mappings_keeping_up(result: Run) -> dict[str, KeepingUp]:
    """Return whether each mapping of a run keeps up; where the run is too short to tell, the closed form may know."""
    scenario = result.scenario
    found = backlogs(result.stream_log, result.discards, warmup_s=scenario.warmup_s, ended_s=result.ended_s)
    # of a mapping that got no record there is nothing to tell
    told = {
        mapping.label: keeping_up(found.get(mapping.label, NO_BACKLOG), cycle_s=mapping.cycle_s)
        for mapping in scenario.mappings
    }
    if all(one.verdict != TOO_SHORT for one in told.values()):
        return told
    loads = capacity(result).query("limit != 'timeout'").groupby("event_source_mapping")["load"].max()
    return {
        name: replace(one, verdict=DOES_NOT, growing=found[name].shards)
        if one.verdict == TOO_SHORT and float(loads[name]) >= _PLAINLY
        else one
        for name, one in told.items()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What clients ask of the table.

    Attributes
    ----------
    writes_per_s
        Writes per second.
    recorded_share
        Those of them that make a record, 0..1.
    write_units
        Mean write units of one.
    hottest_share
        The item's that gets most of them, 0..1.
    index_units
        Mean write units of one by index.
    """

    writes_per_s: float
    recorded_share: float
    write_units: float
    hottest_share: float
    index_units: dict[str, float]


def table_limits(scenario: Scenario, asked: Asked) -> Iterator[Row]:
    """Yield the limits of the table: a row each, as in `capacity`, in records per second; none without a mode.

    What is asked beyond them is throttled: given up by its clients, or late. On demand the limit is what the table is
    warm for, doubled for each `peak_growth_s` that the scenario is long, up to its maximum.
    """
    table = scenario.table
    if table.billing is None:
        return
    cap, units = table.partition_write_units_per_s, asked.write_units
    modes = [table.billing, *(switch.billing for switch in table.stated_switches)]
    most = max(_units_per_s(mode, table, scenario.length_s) for mode in modes)
    yield _table_row("table", most, units, asked)
    for index in table.indexes:
        own = most if index.billing is None else _units_per_s(index.billing, table, scenario.length_s)
        if each := asked.index_units.get(index.name, 0.0):
            yield _table_row(f"index {index.name}", own, each, asked)
    partitions = table.initial_partitions
    # the partition that has the hottest item has its fair part of the others, too
    share = asked.hottest_share + (1.0 - asked.hottest_share) / partitions
    yield _table_row("partition", cap / share, units, asked)
    if asked.hottest_share:
        yield _table_row("item", cap / asked.hottest_share, units, asked)


def _units_per_s(billing: Billing, table: Table, length_s: float) -> float:
    """Return the write units/s that a mode allows at the most within a time."""
    if isinstance(billing, Provisioned):
        scaling = billing.auto_scaling
        most = billing.write_capacity_units if scaling is None else max(scaling.max_capacity, 1)
        return float(min(most, table.write_quota_per_s))
    doublings = math.floor(length_s / billing.peak_growth_s) if billing.peak_growth_s else math.inf
    grown = billing.warm_write_units_per_s * 2.0 ** min(doublings, 40)
    return float(min(grown, billing.max_write_request_units or math.inf, table.write_quota_per_s))


def _table_row(limit: str, units_per_s: float, each: float, asked: Asked) -> Row:
    writes_per_s = units_per_s / each if each else math.inf
    remedy = REMEDIES[limit.split()[0]]
    load = asked.writes_per_s / writes_per_s
    recorded = asked.recorded_share
    return THE_TABLE, limit, writes_per_s * recorded, asked.writes_per_s * recorded, load, remedy


def limits_of(
    scenario: Scenario, mapping: EventSourceMapping, offered: dict[str, Offered], hottest: str
) -> Iterator[Row]:
    """Yield the limits of a mapping: a row each, as in `capacity`.

    Parameters
    ----------
    scenario, mapping
        The design.
    offered
        What each mapping is offered, by its label: those of one function share its concurrency.
    hottest
        What the busiest lane's limit is called: "hottest lane" where lanes were looked at, else "hottest item".
    """
    mine = offered[mapping.label]
    partitions = scenario.table.initial_partitions
    poller = mapping.poller
    pages = read_capacity_per_s(
        partitions, mine.record_bytes, poller.backlog_interval_s, poller.records_per_read, poller.bytes_per_read
    )
    if mine.passed_share is not None:
        sent = mine.records_per_s * mine.passed_share
        full = full_batch(scenario, mapping, mine)
        lanes = partitions * mapping.parallelization_factor
        one_lane = lane_capacity_per_s(1, full.records, full.busy_s, poller.turnaround_s)
        yield _row(mapping, "lanes", lanes * one_lane, sent)
        yield _row(mapping, "concurrency", _by_concurrency(scenario, mapping, offered, full), sent)
    yield _row(mapping, "reads", pages, mine.records_per_s)
    if mine.passed_share is None:
        return
    if lanes > 1 and mine.hottest_share:
        yield _row(mapping, hottest, one_lane, sent * mine.hottest_share)
    if full.duration_s > mapping.function.timeout_s:
        yield _row(mapping, "timeout", 0.0, sent)


def reader_limits(scenario: Scenario, offered: Offered) -> Iterator[Row]:
    """Yield the limits of the readers that are not Lambda: a row each, as in `capacity`.

    Parameters
    ----------
    scenario
        The design.
    offered
        What is written; its `hottest_share` is that of the busiest shard.
    """
    partitions = scenario.table.initial_partitions
    for reader in scenario.other_readers:
        interval_s, page = reader.rhythm_s[0], reader.records_per_read
        one_shard = read_capacity_per_s(1, offered.record_bytes, interval_s, page, int(limits.BYTES_PER_READ.value))
        yield _limit(reader.name, "reads", partitions * one_shard, offered.records_per_s, _READ_MORE)
        if partitions > 1:
            busiest = offered.records_per_s * offered.hottest_share
            yield _limit(reader.name, "busiest shard", one_shard, busiest, _READ_MORE)


def _read_of(result: Run) -> Offered:
    """Return what a run's readers were offered, after the warm-up."""
    begin_s = measured_from_s(result.scenario.warmup_s, result.ended_s)
    records = result.records()[["shard_id", "written_s", "size_bytes"]]
    mine = records[((records["written_s"] >= begin_s) & (records["written_s"] < result.ended_s)).to_numpy()]
    if mine.empty:
        return Offered(records_per_s=0.0, record_bytes=0.0)
    return Offered(
        records_per_s=len(mine) / (result.ended_s - begin_s),
        record_bytes=float(mine["size_bytes"].mean()),
        hottest_share=float(mine["shard_id"].value_counts(normalize=True).iloc[0]),
    )


def _row(mapping: EventSourceMapping, limit: str, per_s: float, offered_per_s: float) -> Row:
    return _limit(mapping.label, limit, per_s, offered_per_s, REMEDIES[limit])


def _limit(consumer: str, limit: str, per_s: float, offered_per_s: float, remedy: str) -> Row:
    load = offered_per_s / per_s if per_s else (math.inf if offered_per_s else 0.0)
    return consumer, limit, per_s, offered_per_s, load, remedy


def _asked(result: Run) -> Asked:
    """Return what the clients of a run asked of its table, after the warm-up."""
    begin_s = measured_from_s(result.scenario.warmup_s, result.ended_s)
    writes = result.writes
    requested = writes["requested_s"]
    columns = ["item_id", "operation", "outcome", "write_units"]
    mine = writes[columns][((requested >= begin_s) & (requested < result.ended_s)).to_numpy()]
    taken = mine[(mine["outcome"] == "admitted").to_numpy()]
    count, measured_s = len(mine), result.ended_s - begin_s
    hottest = int(np.unique(mine["item_id"].to_numpy(), return_counts=True)[1].max(initial=0))
    means = result.scenario.workload.means
    return Asked(
        writes_per_s=count / measured_s if measured_s > 0 else 0.0,
        recorded_share=float((mine["operation"] != "NO_OP").mean()) if count else 1.0,
        write_units=float(taken["write_units"].mean()) if len(taken) else means.write_units,
        hottest_share=hottest / count if count else 0.0,
        index_units=index_units(result.scenario, means),
    )


def index_units(scenario: Scenario, means: WriteMeans) -> dict[str, float]:
    """Return the write units of each index that a write to the table takes on average."""
    modified = 1.0 - means.insert_share - means.remove_share
    return {
        index.name: means.entry_units(index.projected_share)
        * means.recorded_share
        * (1.0 + modified * (index.key_changed_share - index.untouched_share))
        for index in scenario.table.indexes
    }


def _passed_share(outcomes: pd.Series[Any]) -> float:
    """Return the share of a mapping's records that its filter lets through: not known of those that still wait."""
    judged = int((outcomes != "waiting").sum())
    return 1.0 - int(outcomes.isin(_HELD_BACK).sum()) / judged if judged else 1.0


def _by_concurrency(
    scenario: Scenario, mapping: EventSourceMapping, offered: dict[str, Offered], full: FullBatch
) -> float:
    """Return the records per second that concurrency allows a mapping, in its share of those that use the same."""
    function = mapping.function
    sharing = [one for one in scenario.mappings if _pool(one.function) == _pool(function)]
    needed = [_concurrency_needed(scenario, one, offered[one.label]) for one in sharing]
    mine, total = needed[sharing.index(mapping)], sum(needed)
    limit = function.reserved_concurrency
    if limit is None:
        functions = {one.function.name: one.function for one in scenario.mappings}
        others = sum(one.committed_concurrency for one in functions.values() if _pool(one) != _pool(function))
        limit = scenario.account_concurrency - others
    return lane_capacity_per_s(limit, full.records, full.duration_s) * (mine / total if total else 1.0)


def _pool(function: Function) -> str:
    """Return whose concurrency a function uses: its own if it has reserved some, else the account's."""
    return "" if function.reserved_concurrency is None else function.name


def _concurrency_needed(scenario: Scenario, mapping: EventSourceMapping, offered: Offered) -> float:
    full = full_batch(scenario, mapping, offered)
    return offered.records_per_s * (offered.passed_share or 0.0) * full.duration_s / full.records


def full_batch(scenario: Scenario, mapping: EventSourceMapping, offered: Offered) -> FullBatch:
    """Return the fullest invocation of a mapping, with its mean times."""
    stream, function = scenario.stream, mapping.function
    payload = stream.event_record_overhead_bytes + stream.event_bytes_per_stored_byte * offered.record_bytes
    fits = limits.INVOCATION_PAYLOAD_BYTES.value / payload if payload > 0 else math.inf
    batch = max(1.0, min(mapping.batch_size, fits))
    if mapping.maximum_batching_window_in_seconds == 0:
        # without a window a batch comes from what has been read, and reading stops a batch ahead
        page = mapping.poller.records_per_read * (1.0 if offered.passed_share is None else offered.passed_share)
        batch = min(batch, max(page, 1.0))
    duration_s = function.law.mean_s(batch, batch * payload, function.memory_mb)
    if offered.read_back_share:
        duration_s += function.read_back.mean_s(batch * offered.read_back_share)
    return FullBatch(batch, duration_s, duration_s + _retries_s(mapping, duration_s))


def longest_in_time(result: Run, mapping: EventSourceMapping) -> tuple[int, float]:
    """Return the most records of a batch that ends within the timeout, and how long a full one takes, seconds."""
    full = full_batch(result.scenario, mapping, _offered(result, mapping))
    empty = mapping.function.law.mean_s(0.0, 0.0, mapping.function.memory_mb)
    each_s = (full.duration_s - empty) / full.records
    most = (mapping.function.timeout_s - empty) / each_s if each_s > 0 else 0.0
    return max(math.floor(most), 0), full.duration_s


def _retries_s(mapping: EventSourceMapping, duration_s: float) -> float:
    """Return how long a batch keeps its lane on average because invocations raise at random, seconds."""
    fails = mapping.function.failures.error_probability
    limit = mapping.maximum_retry_attempts
    if not fails:
        return 0.0
    if fails >= 1.0 and limit < 0:
        return math.inf
    backoff = mapping.retry_backoff
    retries = range(1, (_MOST_RETRIES if limit < 0 else min(limit, _MOST_RETRIES)) + 1)
    shortened = 1.0 - backoff.jitter / 2.0
    return sum(fails**retry * (duration_s + backoff.longest_delay_s(retry) * shortened) for retry in retries)


def _hottest_share(mine: pd.DataFrame, result: Run, mapping: EventSourceMapping) -> float:
    """Return the share of a mapping's records that its busiest lane gets."""
    if mine.empty:
        return 0.0
    # at the least: its fair part of the busiest shard, or the hottest item alone, which stays in one lane
    shard = float(mine["shard_id"].value_counts().iloc[0]) / mapping.parallelization_factor
    item = float(mine["item_id"].value_counts().iloc[0])
    return max(shard / len(mine), item / len(mine), _hottest_sent(mine, result, mapping))


def _hottest_sent(mine: pd.DataFrame, result: Run, mapping: EventSourceMapping) -> float:
    """Return the share of the busiest lane in what was sent; 0 where much was not, and so cannot be told by lane."""
    if mapping.parallelization_factor == 1 or mine["received_s"].notna().mean() < _MOSTLY_SENT:
        return 0.0
    invocations = result.invocations
    first = invocations[(invocations["event_source_mapping"] == mapping.label) & (invocations["attempt"] == 1)]
    by_lane = first.groupby(["shard_id", "lane"], observed=True)["records"].sum()
    return float(by_lane.max() / by_lane.sum())
