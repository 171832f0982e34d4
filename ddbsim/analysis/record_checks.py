"""Find what contradicts the rules for records: their states, order and times, and why some were lost."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.log.outcomes import RECORD_OUTCOMES

from .evidence import CLOSE_S, CONSUMER, CheckInput, Violation, Violations, codes, contradictions, same_values

__all__ = [
    "at_least_once",
    "consumers_agree",
    "instants_in_order",
    "littles_law",
    "no_early_loss",
    "one_state_per_record",
    "order_per_item",
    "records_match",
    "sequence_numbers_rise",
]

_RECORD = "record {record_id} of {event_source_mapping}"
_OF_RECORDS = (
    "record_id",
    "item_id",
    "shard_id",
    "sequence_number",
    "event_name",
    "written_s",
    "visible_s",
    "size_bytes",
)
_CONDITIONS = ("RetryAttemptsExhausted", "RecordAgeExceeded", "TrimmedByRetention")


def one_state_per_record(seen: CheckInput) -> Violations:
    """Find records with no row or two, in no known state, or whose columns contradict it."""
    log, records = seen.stream_log, int(seen.shards["records"].sum())
    yield from contradictions(log, log.duplicated([CONSUMER, "record_id"]), f"{_RECORD} has two rows")
    for name, rows in log[CONSUMER].value_counts(sort=False).items():
        if rows != records:
            yield Violation(abs(rows - records), f"{name} has {rows:,} records of the {records:,} in the shards")
    changes = int((seen.taken()["operation"] != "NO_OP").sum())
    if records > changes:
        yield Violation(
            records - changes, f"the shards hold {records:,} records of {changes:,} writes that changed items"
        )
    outcome = log["outcome"]
    yield from contradictions(log, ~outcome.isin(RECORD_OUTCOMES), f"{_RECORD} is in the unknown state {{outcome}}")
    wrong = (outcome == "processed") != log["completed_s"].notna()
    yield from contradictions(log, wrong, f"{_RECORD} is {{outcome}}, and completed_s is {{completed_s}}")


def consumers_agree(seen: CheckInput) -> Violations:
    """Find records of which one consumer's row says something else than another's."""
    first: pd.DataFrame | None = None
    for _, rows in seen.stream_log.groupby(CONSUMER, observed=True, sort=False):
        mine = rows if rows["record_id"].is_monotonic_increasing else rows.sort_values("record_id", kind="stable")
        if first is None:
            first = mine
        elif len(mine) == len(first):  # "one state per record" tells of rows that are missing
            for name in _OF_RECORDS:
                wrong = ~same_values(mine[name], first[name])
                what = f"record {{record_id}} of {{{CONSUMER}}}: {name} is {{{name}}}, and not so for another consumer"
                yield from contradictions(mine, wrong, what)


def records_match(seen: CheckInput) -> Violations:
    """Find records that are not those of the writes, or that do not lie in their shard."""
    log = seen.records().sort_values("record_id", kind="stable")
    writes = seen.taken()
    writes = writes[writes["operation"] != "NO_OP"]
    both = min(len(writes), len(log))  # "one state per record" tells of rows that are missing
    for name, of_write in (("written_s", "written_s"), ("item_id", "item_id"), ("event_name", "operation")):
        wrong = ~same_values(log[name].iloc[:both], writes[of_write].iloc[:both])
        what = f"record {{record_id}}: {name} is {{{name}}}, and not so for its write"
        yield from contradictions(log.iloc[:both], wrong, what)
    yield from _in_their_shards(log, seen.shards)


def _in_their_shards(log: pd.DataFrame, shards: pd.DataFrame) -> Violations:
    twice = shards.duplicated("shard_id")
    yield from contradictions(shards, twice, "{shard_id} has two rows")
    shards = shards[~twice]
    # the place of each record's shard in the frame; -1, for one that it lacks, takes the NaN at the end
    shard = log["shard_id"].astype("category")
    place = pd.Index(shards["shard_id"].astype("str")).get_indexer(pd.Index(shard.cat.categories.astype("str")))
    of_record = np.append(place, -1)[np.asarray(shard.cat.codes)]
    opened_s, closed_s = (np.append(shards[name], np.nan)[of_record] for name in ("opened_s", "closed_s"))
    outside = ~(log["written_s"].to_numpy() >= opened_s) | (log["written_s"].to_numpy() >= closed_s)
    what = "record {record_id} was written at {written_s:.6f} s, when there was no {shard_id}"
    yield from contradictions(log, outside, what)
    grouped = log[["sequence_number", "size_bytes"]].groupby(of_record)
    told = {"records": grouped.size(), "bytes": grouped["size_bytes"].sum()}
    for name, found in told.items():
        wrong = shards[name].to_numpy() != found.reindex(range(len(shards)), fill_value=0).to_numpy()
        yield from contradictions(shards, wrong, f"{{shard_id}}: {name} is {{{name}}}, the log says otherwise")
    lowest = grouped["sequence_number"].min().reindex(range(len(shards))).to_numpy()
    wrong = ~np.isnan(lowest) & (lowest != shards["first_sequence_number"].to_numpy())
    what = "{shard_id}: first_sequence_number is {first_sequence_number}, the log says otherwise"
    yield from contradictions(shards, wrong, what)


def at_least_once(seen: CheckInput) -> Violations:
    """Find processed records that were never sent, filtered ones that were, and ones passed over by later ones."""
    log = seen.stream_log
    sent, outcome = (log["deliveries"] > 0).to_numpy(), log["outcome"]
    yield from contradictions(log, (outcome == "processed") & ~sent, f"{_RECORD} is processed but was never sent")
    yield from contradictions(log, (outcome == "filtered") & sent, f"{_RECORD} is filtered but was sent")
    wrong = log["received_s"].notna() != sent
    yield from contradictions(log, wrong, f"{_RECORD}: {{deliveries}} deliveries, received at {{received_s}} s")
    order, item = _by_item(log)
    sent = sent[order]
    last_sent = np.full(item.max(initial=-1) + 1, -1)
    last_sent[item[sent]] = np.flatnonzero(sent)  # the places ascend: the last one stays
    waiting = (outcome == "waiting").to_numpy()[order] & ~sent
    passed = waiting & (np.arange(len(log)) < last_sent[item])
    yield from contradictions(log.iloc[order], passed, f"{_RECORD} waits, and a later record of its item was sent")


def order_per_item(seen: CheckInput) -> Violations:
    """Find records that were first delivered before an earlier record of their item."""
    log = seen.stream_log[seen.stream_log["received_s"].notna()]
    order, item = _by_item(log)
    earlier = np.diff(log["received_s"].to_numpy()[order]) < 0
    wrong = _after_first(earlier & (np.diff(item) == 0), len(log))
    what = f"{_RECORD} was received before the record of item {{item_id}} that precedes it"
    yield from contradictions(log.iloc[order], wrong, what)


def _by_item(log: pd.DataFrame) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int64]]:
    """Return the order by consumer, item and record, and a number per consumer and item along it."""
    consumer, item = codes(log[CONSUMER]), log["item_id"].to_numpy()
    order = np.lexsort((log["record_id"], item, consumer))
    changes = (np.diff(consumer[order]) != 0) | (np.diff(item[order]) != 0)
    return order, np.cumsum(_after_first(changes, len(log)))


def _after_first(steps: npt.NDArray[Any], rows: int) -> npt.NDArray[Any]:
    """Return what holds from each row to the next as a column: false for the first row."""
    return np.concatenate((np.zeros(min(rows, 1), dtype=bool), steps))


def instants_in_order(seen: CheckInput) -> Violations:
    """Find records whose instants are not in the order written, visible, received, completed, within the run."""
    log = seen.stream_log
    yield from contradictions(log, ~(log["written_s"] >= 0), f"{_RECORD} was written at {{written_s}} s")
    for before, after in pairwise(("written_s", "visible_s", "received_s", "completed_s")):
        what = f"{after.removesuffix('_s')} at {{{after}:.6f}} s, before it was {before.removesuffix('_s')}"
        yield from contradictions(log, log[after] < log[before], f"{_RECORD} was {what}")
    late = log["completed_s"] > seen.ended_s
    yield from contradictions(log, late, f"{_RECORD} was completed at {{completed_s:.6f}} s, after the run")


def sequence_numbers_rise(seen: CheckInput) -> Violations:
    """Find records whose number is not above the one before in their shard, or in its parent."""
    log = seen.stream_log
    consumer, shard = codes(log[CONSUMER]), codes(log["shard_id"])
    order = np.lexsort((log["record_id"], shard, consumer))
    same = (np.diff(shard[order]) == 0) & (np.diff(consumer[order]) == 0)
    falls = same & (np.diff(log["sequence_number"].to_numpy()[order]) <= 0)
    what = f"{_RECORD}: its sequence number {{sequence_number}} is not above the one before"
    yield from contradictions(log.iloc[order], _after_first(falls, len(log)), what)
    last = log.groupby("shard_id", observed=True)["sequence_number"].max()
    children = seen.shards[seen.shards["parent_shard_id"].notna()]
    of_parent = last.set_axis(last.index.astype("str")).reindex(
        children["parent_shard_id"].astype("str"), fill_value=-1
    )
    below = children["first_sequence_number"].to_numpy() <= of_parent.to_numpy()
    what = "shard {shard_id} begins at the number {first_sequence_number}, which its parent has passed"
    yield from contradictions(children, below, what)


def no_early_loss(seen: CheckInput) -> Violations:
    """Find drops before the stream's retention that no limit on age or attempts explains."""
    drops = seen.discards
    what = "batch {batch_id} of {event_source_mapping} was dropped ({condition})"
    yield from contradictions(drops, ~drops["condition"].isin(_CONDITIONS), f"{what}: there is no such condition")
    for name, mine in drops.groupby(CONSUMER, observed=True):
        most_age_s = seen.maximum_record_age_in_seconds.get(str(name), -1)
        retries = seen.maximum_retry_attempts.get(str(name), -1)
        age_s = _youngest_s(seen.stream_log[seen.stream_log[CONSUMER] == name], mine)
        condition, invokes = mine["condition"], mine["approximate_invoke_count"]
        early = (condition == "TrimmedByRetention") & (age_s < seen.retention_s - CLOSE_S)
        yield from contradictions(mine, early, f"{what} before the retention of {seen.retention_s:g} s")
        early = (condition == "RecordAgeExceeded") & ((most_age_s < 0) | (age_s < most_age_s - CLOSE_S))
        yield from contradictions(mine, early, f"{what}, and its age limit of {most_age_s} s does not say so")
        early = (condition == "RetryAttemptsExhausted") & ((retries < 0) | (invokes <= retries))
        yield from contradictions(mine, early, f"{what} after {{approximate_invoke_count}} of {retries} + 1 attempts")


def _youngest_s(log: pd.DataFrame, drops: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return the age at its drop of the last record of each, seconds; NaN if there is no such record."""
    ages_s = np.full(len(drops), np.nan)
    shard = codes(drops["shard_id"])
    for place in np.unique(shard):
        mine = np.flatnonzero(shard == place)
        of_shard = log[log["shard_id"] == drops["shard_id"].iloc[mine[0]]].sort_values("sequence_number")
        written = pd.Series(of_shard["written_s"].to_numpy(), index=of_shard["sequence_number"])
        last = drops["last_sequence_number"].iloc[mine]
        ages_s[mine] = drops["discarded_s"].iloc[mine].to_numpy() - written[~written.index.duplicated()].reindex(last)
    return ages_s


def littles_law(seen: CheckInput) -> Violations:
    """Find consumers whose mean number of records in the system is not their rate times their mean time in it.

    Counted over the records that were processed or still wait. The number comes from the instants in the log; the
    times from the latencies in their own frame and, for those that wait, from the end of the run.
    """
    for name, mine, latency_s in _unlost(seen):
        waited_s = seen.ended_s - mine.loc[mine["outcome"] == "waiting", "written_s"].to_numpy()
        times_s = np.concatenate((latency_s, waited_s))
        area_s = _record_seconds(mine["written_s"].to_numpy(), mine["completed_s"].to_numpy(), seen.ended_s)
        total_s = float(times_s.sum())
        if not np.isclose(area_s, total_s, rtol=1e-6, atol=1e-9 * seen.ended_s):
            number, rate, mean_s = area_s / seen.ended_s, len(times_s) / seen.ended_s, total_s / max(len(times_s), 1)
            law = f"{number:.6g} records in the system on average, and {rate:.6g} records/s x {mean_s:.6g} s"
            yield Violation(1, f"{name}: {law}")


def _unlost(seen: CheckInput) -> Iterator[tuple[str, pd.DataFrame, npt.NDArray[np.float64]]]:
    """Yield each consumer, its records that were processed or wait, and the latencies of its processed ones."""
    log, parts = seen.stream_log, seen.latency_parts
    # an interrupted run knows writes that it never came to
    inside = log[log["outcome"].isin(("processed", "waiting")) & (log["written_s"] < seen.ended_s)]
    for name, mine in inside.groupby(CONSUMER, observed=True, sort=False):
        yield str(name), mine, parts.loc[parts[CONSUMER] == name, "latency_s"].to_numpy()


def _record_seconds(written: npt.NDArray[np.float64], completed: npt.NDArray[np.float64], ended_s: float) -> float:
    """Return the integral over [0, ended_s] of how many records were written and not completed, seconds."""
    left = completed[~np.isnan(completed)]
    at_s = np.concatenate((written, left))
    order = np.argsort(at_s, kind="stable")
    steps = np.concatenate((np.ones(len(written)), -np.ones(len(left))))[order]
    lasting_s = np.diff(np.append(at_s[order], ended_s))
    return float((np.cumsum(steps) * lasting_s).sum())
