"""Find what contradicts the rules between frames: sums that agree, batches in turn, bills for what ran."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.log.outcomes import NOT_RUN

from .evidence import CLOSE_S, CONSUMER, CheckInput, Violation, Violations, codes, contradictions
from .latency import PARTS

__all__ = [
    "attempts_follow",
    "deliveries_add_up",
    "discards_match_the_log",
    "latency_parts_sum",
    "one_batch_at_a_time",
    "sizes_positive",
    "what_ran_is_billed",
]

_INVOCATION = "attempt {attempt} of batch {batch_id} of {event_source_mapping}"


def deliveries_add_up(seen: CheckInput) -> Violations:
    """Find deliveries that no invocation accounts for, and invocations whose records nobody got."""
    ran = seen.ran()
    starts_s = ran["started_s"] + ran["init_s"]
    for name in seen.maximum_retry_attempts:
        log = seen.stream_log[seen.stream_log[CONSUMER] == name]
        mine = (ran[CONSUMER] == name).to_numpy()
        counted, sent = int(log["deliveries"].sum()), int(ran.loc[mine, "records"].sum())
        if counted != sent:
            yield Violation(abs(counted - sent), f"{name}: {counted:,} deliveries of records, {sent:,} in invocations")
        times = {"received_s": starts_s[mine], "completed_s": starts_s[mine] + ran.loc[mine, "duration_s"]}
        for column, instants in times.items():
            record = "record {record_id} of {event_source_mapping}"
            what = f"{record}: no invocation accounts for {column} = {{{column}:.6f}}"
            yield from contradictions(log, _unexplained(log[column], instants), what)


def _unexplained(instants: pd.Series[float], known: pd.Series[float]) -> npt.NDArray[np.bool_]:
    """Return which of the instants are known and lie at none of the others."""
    values, sorted_s = instants.to_numpy(), np.sort(known.dropna().to_numpy())
    padded = np.concatenate(([-np.inf], sorted_s, [np.inf]))
    place = np.searchsorted(sorted_s, values)
    nearest = np.minimum(np.abs(values - padded[place]), np.abs(padded[place + 1] - values))
    return np.asarray(nearest > CLOSE_S, dtype=bool)


def one_batch_at_a_time(seen: CheckInput) -> Violations:
    """Find invocations that started while another one of their lane ran."""
    ran = seen.ran()
    lane = np.stack([codes(ran[CONSUMER]), codes(ran["shard_id"]), ran["lane"].to_numpy()])
    started_s = ran["started_s"].to_numpy()
    order = np.lexsort((ran["attempt"], ran["batch_id"], started_s, *lane))
    ends_s = (started_s + ran["init_s"] + ran["duration_s"]).to_numpy()[order]
    same = (np.diff(lane[:, order]) == 0).all(axis=0)
    # NaN: what was still running when the run ended
    overlaps = same & ~(started_s[order][1:] >= ends_s[:-1] - CLOSE_S)
    yield from _breaks(ran.iloc[order], overlaps, f"{_INVOCATION} started while another one of its lane ran")


def attempts_follow(seen: CheckInput) -> Violations:
    """Find attempts of a batch on another lane, of other records, or that are not numbered from 1 in their order."""
    rows = seen.invocations.sort_values([CONSUMER, "batch_id", "attempt", "started_s"], kind="stable")
    what = f"{_INVOCATION} on lane {{lane}} of {{shard_id}}"
    same = (np.diff(codes(rows[CONSUMER])) == 0) & (np.diff(rows["batch_id"]) == 0)
    place = np.stack([codes(rows[name]) for name in ("function", "shard_id", "lane")])
    yield from _breaks(rows, same & (np.diff(place, axis=1) != 0).any(axis=0), f"{what}: another has another lane")
    content = rows[["records", "payload_bytes"]].to_numpy()
    yield from _breaks(rows, same & (np.diff(content, axis=0) != 0).any(axis=1), f"{what}: another has other records")
    attempt, started_s = rows["attempt"].to_numpy(), rows["started_s"].to_numpy()
    gaps = same & ((np.diff(attempt) > 1) | (np.diff(started_s) < -CLOSE_S))
    yield from _breaks(rows, gaps, f"{what} does not follow the one before")
    firsts = np.concatenate((np.ones(min(len(rows), 1), dtype=bool), ~same))
    yield from contradictions(rows, firsts & (attempt != 1), f"{what} has none before it")
    names = rows.groupby(CONSUMER, observed=True)["function"].nunique()
    for name in names.index[names > 1]:
        yield Violation(int(names[name]), f"{name} has invoked {names[name]} functions")


def _breaks(rows: pd.DataFrame, steps: npt.NDArray[np.bool_], sentence: str) -> Violations:
    """Yield a finding if anything is wrong from one row to the next; the latter is told."""
    yield from contradictions(rows, np.concatenate((np.zeros(min(len(rows), 1), dtype=bool), steps)), sentence)


def what_ran_is_billed(seen: CheckInput) -> Violations:
    """Find invocations whose bill is not their init and duration, rounded up to whole milliseconds."""
    rows = seen.invocations
    busy_ms = np.nan_to_num((rows["init_s"] + rows["duration_s"]).to_numpy() * 1000.0)
    free = rows["outcome"].isin((*NOT_RUN, "running")).to_numpy()
    short = rows["billed_ms"].to_numpy() - np.where(free, 0.0, busy_ms)
    wrong = (short < -1e-5) | (short >= np.where(free, 1e-5, 1.0))
    yield from contradictions(rows, wrong, f"{_INVOCATION} is billed {{billed_ms}} ms")


def latency_parts_sum(seen: CheckInput) -> Violations:
    """Find latencies and waits that are not the log's, or not the sum of their parts, and parts below zero."""
    log = seen.stream_log
    done, waits = log[log["outcome"] == "processed"], log[log["outcome"] == "waiting"]
    # an interrupted run knows writes that it never came to
    waits = waits[waits["written_s"] < seen.ended_s]
    latency_s, waited_s = done["completed_s"] - done["written_s"], seen.ended_s - waits["written_s"]
    yield from _parts_sum(seen.latency_parts, "latency_s")
    yield from _parts_sum(seen.waiting_parts, "waited_s")
    yield from _same_times(done.assign(s=latency_s), seen.latency_parts, "latency_s", "latency_parts", "processed")
    yield from _same_times(waits.assign(s=waited_s), seen.waiting_parts, "waited_s", "waiting_parts", "still waiting")


def _parts_sum(parts: pd.DataFrame, whole: str) -> Violations:
    what = "record {record_id} of {event_source_mapping}"
    apart = (parts[list(PARTS)].sum(axis=1) - parts[whole]).abs() > CLOSE_S
    yield from contradictions(parts, apart, f"{what}: the parts do not sum to {whole} = {{{whole}:.6f}}")
    negative = (parts[list(PARTS)] < -CLOSE_S).any(axis=1)
    yield from contradictions(parts, negative, f"{what} has a negative part")


def _same_times(log: pd.DataFrame, parts: pd.DataFrame, whole: str, frame: str, which: str) -> Violations:
    """Yield a finding if a frame of parts has other records than the log, or another time of one; that is in `s`."""
    for name in sorted({*log[CONSUMER].unique(), *parts[CONSUMER].unique()}):
        mine = log[log[CONSUMER] == name].sort_values("record_id")
        told = parts[parts[CONSUMER] == name].sort_values("record_id")
        ours, theirs = mine["record_id"].to_numpy(), told["record_id"].to_numpy()
        if not np.array_equal(ours, theirs):
            missing = max(len(np.setxor1d(ours, theirs)), abs(len(ours) - len(theirs)))
            yield Violation(missing, f"{name}: the records in {frame} are not those that were {which}")
            continue
        apart = np.abs(mine["s"].to_numpy() - told[whole].to_numpy()) > CLOSE_S
        what = f"record {{record_id}} of {{event_source_mapping}}: {whole} = {{{whole}:.6f}} is not the log's"
        yield from contradictions(told, apart, what)


def sizes_positive(seen: CheckInput) -> Violations:
    """Find records, batches and writes without a size, and durations below zero."""
    log, rows, writes = seen.stream_log, seen.invocations, seen.taken()
    yield from contradictions(log, log["size_bytes"] <= 0, "record {record_id} has {size_bytes} bytes")
    yield from contradictions(log, log["deliveries"] < 0, "record {record_id} has {deliveries} deliveries")
    # the call that ends a tumbling window has neither records nor bytes
    records, payload_bytes = rows["records"], rows["payload_bytes"]
    empty = (records < 0) | (payload_bytes < 0) | ((records == 0) != (payload_bytes == 0))
    yield from contradictions(rows, empty, f"{_INVOCATION}: {{records}} records, {{payload_bytes}} bytes")
    negative = (rows["duration_s"] < 0) | (rows["init_s"] < 0)
    yield from contradictions(rows, negative, f"{_INVOCATION} took {{duration_s}} s after {{init_s}} s of init")
    # the delete of an expired item is free, and nothing else is
    free = writes["write_units"] == 0
    unsized = (writes[["bytes_before", "bytes_after"]] < 0).any(axis=1) | (free != (writes["kind"] == "ttl"))
    unsized |= writes["write_units"] < 0
    yield from contradictions(
        writes, unsized, "the write of item {item_id} at {written_s} s has no size, or the wrong units"
    )


def discards_match_the_log(seen: CheckInput) -> Violations:
    """Find records given up that no drop tells of, and drops of other records than the log says."""
    keys = [CONSUMER, "shard_id"]
    trimmed = seen.discards["condition"] == "TrimmedByRetention"
    for outcome, drops in (("discarded", seen.discards[~trimmed]), ("expired", seen.discards[trimmed])):
        logged = seen.stream_log[seen.stream_log["outcome"] == outcome]
        if logged.empty and drops.empty:
            continue
        counts = logged.groupby(keys, observed=True).size()
        said = drops.groupby(keys, observed=True)["records"].sum()
        for key in sorted({*counts.index, *said.index}):
            found, stated = int(counts.get(key, 0)), int(said.get(key, 0))
            if found != stated:
                where = f"{key[0]} on {key[1]}"
                yield Violation(
                    abs(found - stated), f"{where}: {found:,} records are {outcome}, {stated:,} in discards"
                )
        yield from _outside(logged, drops, keys)


def _outside(logged: pd.DataFrame, drops: pd.DataFrame, keys: list[str]) -> Violations:
    ranges = dict(list(drops.groupby(keys, observed=True)))
    for key, mine in logged.groupby(keys, observed=True):
        rows = ranges.get(key, drops.iloc[:0])
        number = mine["sequence_number"].to_numpy()
        # how many ranges have begun at a number, less how many have ended before it
        begun = np.searchsorted(np.sort(rows["first_sequence_number"]), number, side="right")
        ended = np.searchsorted(np.sort(rows["last_sequence_number"]), number, side="left")
        what = "record {record_id} of {event_source_mapping} is {outcome}, and lies in no drop"
        yield from contradictions(mine, begun <= ended, what)
