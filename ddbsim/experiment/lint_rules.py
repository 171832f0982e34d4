"""What is looked for in a scenario: each rule suspects by its settings, and tells only what a run has shown."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from ddbsim.aws import limits
from ddbsim.log import outcomes
from ddbsim.scenario import VIEW_TYPES, EventSourceMapping, images_needed, served, ways

from .drain import fluid_drain_s
from .lint_proofs import Bench, latencies, rows_of
from .screening import closed_form
from .slo import SLO

__all__ = ["RULES", "Found", "Rule", "rules"]

# a batch that 6 MB cut is closer to them than one more record would be
_NEAR = 0.9
# of a shard's records: beyond it, other lanes can at best halve the work
_HOT_SHARE = 0.5
_LATER_S = 0.001
_BACKLOG_S = 20.0
_STRETCHES = 6


@dataclass(frozen=True, slots=True)
class Found:
    """What a proof has shown: what happens, how long and to how many records, and what to change."""

    happens: str
    how_long_s: float
    records: int
    change: str


Rule = Callable[[Bench, EventSourceMapping], Found | None]


def _unlimited_retries(bench: Bench, mapping: EventSourceMapping) -> Found | None:
    if mapping.maximum_retry_attempts != -1 or mapping.maximum_record_age_in_seconds != -1:
        return None
    usual = rows_of(bench.alone(mapping).stream_log, mapping)
    done = usual[usual["outcome"] == "processed"].sort_values("received_s", kind="stable")
    if done.empty:
        return None
    item_id = int(done["item_id"].iloc[len(done) // 10])
    result = bench.poisoned(mapping, item_id)
    log = rows_of(result.stream_log, mapping)
    poison = log[(log["item_id"] == item_id) & log["received_s"].notna()].iloc[0]
    behind = (usual["completed_s"].notna() & log["completed_s"].isna()).to_numpy() & (log["item_id"] != item_id)
    trimmed = result.discards[result.discards["shard_id"] == poison["shard_id"]]["discarded_s"]
    end_s = float(trimmed.min()) if len(trimmed) else bench.length_s
    none = "" if mapping.on_failure is None else " The destination hears nothing of it."
    return Found(
        f"One record that always fails stops its lane: sent {poison['deliveries']} times {bench.within(bench.length_s)}"
        f", and {int(behind.sum())} good records had to stay. Nothing ends it before the record is "
        f"{bench.scenario.stream.retention_s:,.0f} s old, and then it is lost.{none}",
        end_s - float(poison["received_s"]),
        int(behind.sum()),
        "set maximum_retry_attempts, and an on_failure destination; bisect_batch_on_function_error or "
        "ReportBatchItemFailures spare the good records of its batch",
    )


def _window_beyond_slo(bench: Bench, mapping: EventSourceMapping, slo: SLO | None) -> Found | None:
    window_s = mapping.maximum_batching_window_in_seconds
    if slo is None or slo.event_source_mapping not in (None, mapping.label):
        return None
    target_s = min((value for name, value in slo.targets if name.startswith("latency_")), default=math.inf)
    if window_s <= target_s:
        return None
    length_s = bench.affordable_s(max(bench.length_s, 4.0 * window_s))
    result = bench.as_it_is if length_s <= bench.length_s else bench.run(length_s=length_s)
    parts = rows_of(result.latency_parts, mapping)
    late = parts[(parts["latency_s"] > target_s) & (parts["latency_s"] - parts["window_s"] <= target_s)]
    if late.empty:
        return None
    return Found(
        f"{len(late)} of {len(parts)} records were later than {target_s:g} s {bench.within(length_s)}, and would have "
        "been in time had their batch not waited.",
        float(late["window_s"].max()),
        len(late),
        f"set maximum_batching_window_in_seconds below {target_s:g}",
    )


def _readers(bench: Bench, mapping: EventSourceMapping) -> Found | None:
    readers = len(bench.scenario.mappings) + len(bench.scenario.other_readers)
    allowed = limits.READERS_PER_SHARD.value
    if readers <= allowed:
        return None
    # long enough to hold stretches of either kind
    length_s = bench.affordable_s(max(bench.length_s, _STRETCHES * bench.scenario.stream.throttled_read_stretch_s))
    together, alone = bench.run(length_s=length_s), bench.alone(mapping, length_s=length_s)
    later_s = latencies(together, mapping) - latencies(alone, mapping)
    late = later_s > _LATER_S
    if not late.any():
        return None
    return Found(
        f"{readers} readers share each shard, and reads are refused beyond {allowed}: {int(late.sum())} records came "
        f"later than to a mapping that reads alone, by {later_s[late].mean():.3g} s on average "
        f"{bench.within(length_s)}.",
        float(later_s[late].max()),
        int(late.sum()),
        f"let at most {allowed} readers have the stream, and let one of them fan out",
    )


def _payload(bench: Bench, mapping: EventSourceMapping) -> Found | None:
    stream, most = bench.scenario.stream, int(limits.INVOCATION_PAYLOAD_BYTES.value)
    log = rows_of(bench.as_it_is.stream_log, mapping)
    if log.empty:
        return None
    size = stream.event_record_overhead_bytes + stream.event_bytes_per_stored_byte * log["size_bytes"].mean()
    if mapping.batch_size * size <= most:
        return None
    # three batches of 6 MB in every shard
    outage_s = bench.affordable_s(3.0 * most / size * bench.scenario.table.initial_partitions / bench.rate_per_s)
    length_s = bench.affordable_s(outage_s + _BACKLOG_S)
    invocations = rows_of(bench.after_outage(mapping, outage_s * 0.9, length_s).invocations, mapping)
    cut = invocations[(invocations["payload_bytes"] > _NEAR * most) & (invocations["records"] < mapping.batch_size)]
    if cut.empty:
        return None
    return Found(
        f"Events reach 6 MB: of a backlog of {outage_s * 0.9:.3g} s, {len(cut)} invocations were cut there, the "
        f"fullest at {cut['records'].max()} records where batch_size says {mapping.batch_size}.",
        float(cut["duration_s"].max()),
        int(cut["records"].sum()),
        f"set batch_size to {max(int(most / size), 1)} or less, or choose a view type with smaller records",
    )


def _few_keys(bench: Bench, mapping: EventSourceMapping) -> Found | None:
    factor = mapping.parallelization_factor
    log = rows_of(bench.as_it_is.stream_log, mapping)
    if factor == 1 or log.empty:
        return None
    shard = log[log["shard_id"] == log["shard_id"].value_counts().index[0]]
    items = shard["item_id"].value_counts()
    hottest = float(items.iloc[0] / len(shard))
    if len(items) >= factor and hottest < _HOT_SHARE:
        return None
    invocations = rows_of(bench.as_it_is.invocations, mapping)
    mine = invocations[(invocations["shard_id"] == shard["shard_id"].iloc[0]) & (invocations["attempt"] == 1)]
    by_lane = mine.groupby("lane")["records"].sum()
    if by_lane.empty:
        return None
    parts = rows_of(bench.as_it_is.latency_parts, mapping)
    behind_s = parts[parts["record_id"].isin(shard["record_id"])]["behind_s"]
    return Found(
        f"The busiest shard has {len(items)} items, the hottest with {hottest:.0%} of its records: {len(by_lane)} of "
        f"{factor} lanes got any, and the busiest took {by_lane.max() / by_lane.sum():.0%} of them "
        f"{bench.within(bench.length_s)}; a record waited behind others for as long as stated.",
        float(behind_s.max()) if len(behind_s) else math.nan,
        int(by_lane.max()),
        f"spread the writes over more items; a parallelization_factor of {min(len(by_lane), factor)} does the same",
    )


def _drain(bench: Bench, mapping: EventSourceMapping) -> Found | None:
    age_s, retention_s = mapping.maximum_record_age_in_seconds, bench.scenario.stream.retention_s
    name, limit_s = (
        ("maximum_record_age_in_seconds", float(age_s)) if 0 <= age_s < retention_s else ("retention", retention_s)
    )
    capacity = rows_of(closed_form(bench.scenario), mapping).iloc[0]
    offered, allowed = float(capacity["offered_per_s"]), float(capacity["records_per_s"])
    drain_s = fluid_drain_s(bench.outage_s, offered, allowed)
    if limit_s >= bench.outage_s + drain_s or not allowed:
        return None
    # the lag grows from the outage to the limit where more comes than goes, and shrinks else
    growth_s = max(limit_s - bench.outage_s, 0.0) / (1.0 - allowed / offered) if allowed < offered else 0.0
    whole_s = 1.25 * (bench.outage_s + growth_s)
    scale = min(bench.affordable_s(whole_s) / whole_s, 1.0)
    length_s, outage_s = whole_s * scale, bench.outage_s * scale
    result = bench.after_outage(_ageless(mapping), outage_s, length_s, retention_s=limit_s * scale)
    log = rows_of(result.stream_log, mapping)
    lost = log[outcomes.lost(log)]
    if lost.empty:
        return None
    shrunk = "" if scale == 1.0 else f" (all times shrunk to {scale:.2%}; how long and how many are of this run)"
    drained = f"it drains in {drain_s:,.0f} s" if math.isfinite(drain_s) else "it never drains"
    return Found(
        f"After an outage of {bench.outage_s:,.0f} s records are older than the {limit_s:,.0f} s of {name} before "
        f"their turn comes ({drained}): {len(lost)} of {len(log)} were lost{shrunk}.",
        float(lost["written_s"].max() - lost["written_s"].min()),
        len(lost),
        "raise maximum_record_age_in_seconds above the outage and its drain"
        if name != "retention"
        else f"carry more than {offered:,.0f} records/s ({capacity['knob']}), or keep the changes elsewhere",
    )


def _ageless(mapping: EventSourceMapping) -> EventSourceMapping:
    """Return the mapping without its own limit of age: in a shrunk proof the stream's retention stands for it."""
    return replace(mapping, maximum_record_age_in_seconds=-1)


def _view_type(bench: Bench, mapping: EventSourceMapping) -> Found | None:
    needs, view_type = mapping.function.needs, bench.scenario.stream.view_type
    events = [event for event, way in ways(needs, view_type).items() if way == "not at all"]
    log = rows_of(bench.as_it_is.stream_log, mapping)
    blind = log[log["received_s"].notna() & log["event_name"].isin(events)]
    if blind.empty:
        return None
    return Found(
        f"The handler needs {images_needed(needs, events)}, {view_type} leaves that out and "
        f"no read-back brings it: {len(blind)} of {len(log)} records came without {bench.within(bench.length_s)}.",
        float(blind["received_s"].max() - blind["received_s"].min()),
        len(blind),
        f"set the view type to {' or '.join(one for one in VIEW_TYPES if served(needs, one) == 'directly')}",
    )


def _concurrency(bench: Bench, mapping: EventSourceMapping) -> Found | None:
    reserved, name = mapping.function.reserved_concurrency, mapping.function.name
    sharing = [one for one in bench.scenario.mappings if one.function.name == name]
    lanes = bench.scenario.table.initial_partitions * sum(one.parallelization_factor for one in sharing)
    if reserved is None or reserved >= lanes:
        return None
    length_s = bench.length_s
    away_s = min(_BACKLOG_S, length_s / 3.0)
    result = bench.function_after_outage(name, away_s, length_s)
    invocations = rows_of(result.invocations, mapping)
    batches = invocations.groupby("batch_id", sort=False)
    waited = pd.DataFrame(
        {
            "refused_s": invocations[outcomes.throttled(invocations)].groupby("batch_id")["started_s"].min(),
            "records": batches["records"].first(),
            "ran_s": invocations[outcomes.ran(invocations)].groupby("batch_id")["started_s"].min(),
        }
    ).dropna(subset=["refused_s"])
    if waited.empty:
        return None
    waits_s = waited["ran_s"].fillna(length_s) - waited["refused_s"]
    return Found(
        f"{lanes} lanes compete for {reserved} invocations at once: after {away_s:.3g} s away, {len(waited)} of "
        f"{len(batches)} batches were throttled {bench.within(length_s)}.",
        float(np.max(waits_s)),
        int(waited["records"].sum()),
        f"set reserved_concurrency to {lanes} or more, or use fewer lanes",
    )


RULES: dict[str, Rule] = {
    "unlimited retries": _unlimited_retries,
    "more than two readers": _readers,
    "6 MB reachable": _payload,
    "few keys for the lanes": _few_keys,
    "age or retention below the drain": _drain,
    "view type does not serve": _view_type,
    "concurrency below the lanes": _concurrency,
}


def rules(slo: SLO | None) -> dict[str, Rule]:
    """Return the rules by name; that of the batching window only where there is an SLO to hold it against."""
    if slo is None:
        return RULES
    return RULES | {"window beyond the SLO": partial(_window_beyond_slo, slo=slo)}
