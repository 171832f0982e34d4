"""Find what contradicts the rules for readers that are not Lambda: each record once, in order, and as often as told."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ddbsim.log.outcomes import READ_OUTCOMES

from .evidence import CLOSE_S, CheckInput, Violation, Violations, codes, contradictions, same_values

__all__ = ["readers_see_each_record", "reads_add_up", "reads_in_order"]

_RECORD = "record {record_id} of {reader}"
_OF_RECORDS = ("item_id", "shard_id", "sequence_number", "event_name", "written_s", "visible_s", "size_bytes")
_MINUTE_S = 60.0


def readers_see_each_record(seen: CheckInput) -> Violations:
    """Find readers that lack a record, or have one twice or otherwise than the stream does."""
    records = seen.records().sort_values("record_id", kind="stable")
    for name, rows in seen.read_log.groupby("reader", observed=True, sort=False):
        mine = rows.sort_values("record_id", kind="stable")
        if mine["record_id"].tolist() != records["record_id"].tolist():
            yield Violation(abs(len(mine) - len(records)) or 1, f"{name} has not each of {len(records):,} records once")
            continue
        for column in _OF_RECORDS:
            wrong = ~same_values(mine[column], records[column])
            yield from contradictions(mine, wrong, f"{_RECORD}: {column} is {{{column}}}, and not so in the stream")


def reads_in_order(seen: CheckInput) -> Violations:
    """Find records read before they were visible, out of their shard's order, or in a state that does not fit."""
    log, read_s = seen.read_log, seen.read_log["read_s"]
    yield from contradictions(
        log, ~log["outcome"].isin(READ_OUTCOMES), f"{_RECORD} is in the unknown state {{outcome}}"
    )
    wrong = (log["outcome"] == "read") != read_s.notna()
    yield from contradictions(log, wrong, f"{_RECORD} is {{outcome}}, and read_s is {{read_s}}")
    yield from contradictions(log, read_s < log["visible_s"], f"{_RECORD} was read before it was visible")
    yield from contradictions(log, read_s > seen.ended_s, f"{_RECORD} was read at {{read_s:.6f}} s, after the run")
    age_s = read_s.fillna(seen.ended_s) - log["written_s"]
    late = (log["outcome"] == "read") & (age_s > seen.retention_s + CLOSE_S)
    yield from contradictions(log, late, f"{_RECORD} was read after the stream had trimmed it")
    early = (log["outcome"] == "expired") & (age_s < seen.retention_s - CLOSE_S)
    yield from contradictions(log, early, f"{_RECORD} expired before the retention of {seen.retention_s:g} s")
    read = log[read_s.notna()]
    reader, shard = codes(read["reader"]), codes(read["shard_id"])
    order = np.lexsort((read["sequence_number"], shard, reader))
    same = (np.diff(shard[order]) == 0) & (np.diff(reader[order]) == 0)
    falls = same & (np.diff(read["read_s"].to_numpy()[order]) < 0)
    before = np.concatenate((np.zeros(min(len(read), 1), dtype=bool), falls))
    yield from contradictions(read.iloc[order], before, f"{_RECORD} was read before the one that precedes it")


def reads_add_up(seen: CheckInput) -> Violations:
    """Find minutes in which the calls brought other records than were read in them."""
    reads, read = seen.reads, seen.read_log[seen.read_log["read_s"].notna()]
    minute = (read["read_s"] // _MINUTE_S * _MINUTE_S).rename("minute_s")
    keys = [read["reader"].astype("str"), read["shard_id"].astype("str"), minute]
    rows = pd.MultiIndex.from_arrays(
        [reads["reader"].astype("str"), reads["shard_id"].astype("str"), reads["minute_s"]]
    )
    grouped = read["size_bytes"].astype("int64").groupby(keys)
    what = "{reader}, {shard_id}, minute {minute_s:g} s"
    for name, found in (("records", grouped.size()), ("bytes", grouped.sum())):
        wrong = reads[name].to_numpy() != found.reindex(rows, fill_value=0).to_numpy()
        yield from contradictions(reads, wrong, f"{what}: {name} is {{{name}}}, the log of the reads says otherwise")
    if len(missing := grouped.size().index.difference(rows)):
        yield Violation(len(missing), f"records were read in {len(missing):,} minutes without a call")
