"""What is looked for in a scenario: each rule suspects by its settings, and tells only what a run has shown."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from ddbsim.aws import limits
from ddbsim.experiment.outage.drain import fluid_drain_s
from ddbsim.experiment.solve.screening import closed_form
from ddbsim.experiment.solve.slo import SLO
from ddbsim.log import outcomes
from ddbsim.log.sentences import count_of
from ddbsim.result.result import Result
from ddbsim.scenario import VIEW_TYPES, EventSourceMapping, Scenario, images_needed, served, ways

from .failures import (
    bad_records_stop_a_lane,
    discards_in_silence,
    failing_functions,
    full_batches_fail,
    images_that_are_not_there,
    neighbours_of_bad_records,
)
from .findings import (
    Finding,
    Rule,
    account_needed,
    bounded,
    function_settings,
    lanes_of,
    mapping_settings,
    per_mapping,
    whole,
    with_room,
)
from .proofs import Reproduction, ended_s, latencies, rows_of
from .readers import falls_behind, filters_that_match_nothing, records_before_the_first_poll, trailing_readers
from .table import caps_that_are_passed, writes_that_are_refused

__all__ = ["RULES", "rules"]

# a batch that 6 MB cut is closer to them than one more record would be
_NEAR = 0.9
# of a shard's records: beyond it, other lanes can at best halve the work
_HOT_SHARE = 0.5
_LATER_S = 0.001
_BACKLOG_S = 20.0
_STRETCHES = 6
_SPARE = 1.25


def _window_beyond_slo(bench: Reproduction, mapping: EventSourceMapping, slo: SLO | None) -> Finding | None:
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
    return Finding(
        danger="delay",
        happens=f"{len(late):,} of {len(parts):,} records were later than {target_s:g} s {bench.within(length_s)}, and "
        f"would have been in time had their batch not waited{bench.aside(mapping)}.",
        how_long_s=float(late["window_s"].max()),
        records=len(late),
        change=f"set maximum_batching_window_in_seconds below {target_s:g}",
        settings=mapping_settings(mapping, maximum_batching_window_in_seconds=int(target_s / 2.0)),
    )


def _readers(bench: Reproduction, mapping: EventSourceMapping) -> Finding | None:
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
    return Finding(
        danger="delay",
        happens=f"{readers} readers share each shard, and reads are refused beyond {allowed}: {int(late.sum()):,} "
        f"records came later than to a mapping that reads alone, by {later_s[late].mean():.3g} s on average "
        f"{bench.within(length_s)}{bench.aside(mapping)}.",
        how_long_s=float(later_s[late].max()),
        records=int(late.sum()),
        change=f"let at most {allowed} readers have the stream, and let one of them fan out",
    )


def _payload(bench: Reproduction, mapping: EventSourceMapping) -> Finding | None:
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
    fits = max(int(most / size), 1)
    return Finding(
        danger="waste",
        happens=f"No batch will hold the {mapping.batch_size:,} records of batch_size, because an event of 6 MB holds "
        f"about {fits:,}: of a backlog of {outage_s * 0.9:.3g} s, {len(cut):,} invocations were cut there, the fullest "
        f"at {cut['records'].max()} records{bench.aside(mapping)}.",
        how_long_s=float(cut["duration_s"].max()),
        records=int(cut["records"].sum()),
        change=f"set batch_size to {fits:,} or less, or choose a view type with smaller records",
        settings=mapping_settings(mapping, batch_size=fits),
    )


def _few_keys(bench: Reproduction, mapping: EventSourceMapping) -> Finding | None:
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
    queue_wait_s = parts[parts["record_id"].isin(shard["record_id"])]["queue_wait_s"]
    used = min(len(by_lane), factor)
    return Finding(
        danger="waste",
        happens=f"The busiest shard has {count_of(len(items), 'item')}, the hottest with {hottest:.0%} of its records: "
        f"{len(by_lane)} of {factor} lanes got any, and the busiest took {by_lane.max() / by_lane.sum():.0%} of them "
        f"{bench.within(bench.length_s)}{bench.aside(mapping)}; a record waited behind others for as long as stated.",
        how_long_s=float(queue_wait_s.max()) if len(queue_wait_s) else math.nan,
        records=int(by_lane.max()),
        change=f"spread the writes over more items; a parallelization_factor of {used} does the same",
        # fewer lanes than items may still leave one empty, as a hash decides: one lane for all never does
        settings=whole(bench.typed, mapping_settings(mapping, parallelization_factor=1)),
    )


def _drain(bench: Reproduction, mapping: EventSourceMapping) -> Finding | None:
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
    by_age = name != "retention"
    return Finding(
        danger="loss",
        happens=f"After an outage of {bench.outage_s:,.0f} s records are older than the {limit_s:,.0f} s of {name} "
        f"before their turn comes ({drained}): {len(lost):,} of {len(log):,} were lost{shrunk}{bench.aside(mapping)}.",
        how_long_s=float(lost["written_s"].max() - lost["written_s"].min()),
        records=len(lost),
        change=_longer_age(mapping)
        if by_age
        else f"carry more than {offered:,.0f} records/s ({capacity['remedy']}), or keep the changes elsewhere",
        settings=_older(bench, mapping, bench.outage_s + drain_s) if by_age else {},
    )


def _longer_age(mapping: EventSourceMapping) -> str:
    also = ", and bound the retries (maximum_retry_attempts)" if mapping.maximum_retry_attempts < 0 else ""
    return f"raise maximum_record_age_in_seconds above the outage and its drain{also}"


def _older(bench: Reproduction, mapping: EventSourceMapping, needed_s: float) -> dict[str, Any]:
    """Return an age that an outage and its drain do not reach, and what bounds the retries that the age bounded."""
    if needed_s * _SPARE >= bench.scenario.stream.retention_s:
        return {}
    age = mapping_settings(mapping, maximum_record_age_in_seconds=math.ceil(needed_s * _SPARE))
    return age | bounded(bench, mapping) if mapping.maximum_retry_attempts < 0 else age


def _ageless(mapping: EventSourceMapping) -> EventSourceMapping:
    """Return the mapping without its own limit of age: in a shrunk proof the stream's retention stands for it."""
    return replace(mapping, maximum_record_age_in_seconds=-1)


def _view_type(bench: Reproduction, mapping: EventSourceMapping) -> Finding | None:
    needs, view_type = mapping.function.needs, bench.scenario.stream.view_type
    events = [event for event, way in ways(needs, view_type).items() if way == "not at all"]
    log = rows_of(bench.as_it_is.stream_log, mapping)
    blind = log[log["received_s"].notna() & log["event_name"].isin(events)]
    if blind.empty:
        return None
    return Finding(
        danger="loss",
        happens=f"The handler needs {images_needed(needs, events)}, {view_type} leaves that out and no read-back "
        f"brings it: {len(blind):,} of {len(log):,} records came without {bench.within(bench.length_s)}"
        f"{bench.aside(mapping)}.",
        how_long_s=float(blind["received_s"].max() - blind["received_s"].min()),
        records=len(blind),
        change=f"set the view type to {' or '.join(one for one in VIEW_TYPES if served(needs, one) == 'directly')}",
        settings=_view_type_for_all(bench.typed),
    )


def _view_type_for_all(scenario: Scenario) -> dict[str, Any]:
    """Return the view type with which no mapping lacks an image; with both images if a handler may ask for either."""
    functions = [mapping.function for mapping in scenario.mappings]
    serve = [one for one in VIEW_TYPES if all(served(function.needs, one) == "directly" for function in functions)]
    own = any(function.handler is not None for function in functions)
    return whole(scenario, {"stream.view_type": "NEW_AND_OLD_IMAGES" if own or not serve else serve[0]})


def _concurrency(bench: Reproduction, mapping: EventSourceMapping) -> Finding | None:
    name, scenario = mapping.function.name, bench.scenario
    reserved = mapping.function.reserved_concurrency
    functions = {one.function.name: one.function for one in scenario.mappings}
    # without a reservation it shares what the account has left with every other function that has none
    sharing = {name} if reserved is not None else {n for n, f in functions.items() if f.reserved_concurrency is None}
    lanes = sum(lanes_of(scenario, one) for one in sharing)
    committed_concurrency = sum(
        one.committed_concurrency for one in functions.values() if one.reserved_concurrency is not None
    )
    limit = scenario.account_concurrency - committed_concurrency if reserved is None else reserved
    if lanes < limit or (lanes == limit and reserved is not None):
        return None
    length_s = bench.length_s
    away_s = min(_BACKLOG_S, length_s / 3.0)
    result = bench.away(frozenset(sharing), away_s, length_s)
    invocations = rows_of(result.invocations, mapping)
    if reserved is None:
        return _account(bench, result, mapping, lanes, limit)
    waited = _waits(invocations, length_s)
    if waited.empty:
        return None
    batches = invocations["batch_id"].nunique()
    return Finding(
        danger="delay" if reserved else "standstill",
        happens=f"{lanes} lanes compete for {reserved} invocations at once: after {away_s:.3g} s away, {len(waited)} "
        f"of {batches} batches were throttled {bench.within(length_s)}{bench.aside(mapping)}.",
        how_long_s=float(waited["waits_s"].max()),
        records=int(waited["records"].sum()),
        change=f"set reserved_concurrency to {lanes} or more, or use fewer lanes",
        settings=whole(
            bench.typed,
            with_room(bench.typed, function_settings(bench.typed, name, reserved_concurrency=lanes)),
        ),
    )


def _account(
    bench: Reproduction, result: Result, mapping: EventSourceMapping, lanes: int, limit: int
) -> Finding | None:
    invocations = rows_of(result.invocations, mapping)
    waited = _waits(invocations, result.ended_s)
    most = _most_at_once(result.invocations)
    if waited.empty and most < limit:
        return None
    refused = (
        f", and {len(waited)} of {invocations['batch_id'].nunique()} batches were throttled" if len(waited) else ""
    )
    needed = account_needed(bench.typed)
    return Finding(
        danger="delay",
        happens=f"{lanes} lanes of functions without reserved concurrency share the {limit:,} invocations at once "
        f"that the account has left for them: after an interruption they took {most:,}{refused}; every other function "
        f"of the account is throttled meanwhile{bench.aside(mapping)}.",
        how_long_s=float(waited["waits_s"].max()) if len(waited) else _BACKLOG_S,
        records=int(waited["records"].sum()) if len(waited) else int(invocations["records"].max()),
        change=f"have the account's concurrency raised to {needed:,} or more, use fewer lanes, or set "
        "reserved_concurrency",
        settings={"account_concurrency": needed},
    )


def _waits(invocations: pd.DataFrame, length_s: float) -> pd.DataFrame:
    """Return the batches that were throttled: records, and how long they then waited, waits_s."""
    batches = invocations.groupby("batch_id", sort=False)
    waited = pd.DataFrame(
        {
            "refused_s": invocations[outcomes.throttled(invocations)].groupby("batch_id")["started_s"].min(),
            "records": batches["records"].first(),
            "ran_s": invocations[outcomes.ran(invocations)].groupby("batch_id")["started_s"].min(),
        }
    ).dropna(subset=["refused_s"])
    return waited.assign(waits_s=waited["ran_s"].fillna(length_s) - waited["refused_s"])


def _most_at_once(invocations: pd.DataFrame) -> int:
    ran = invocations[outcomes.ran(invocations)]
    starts, ends = ran["started_s"].to_numpy(), ended_s(ran).fillna(math.inf).to_numpy()
    at_s = np.concatenate((ends, starts))
    change = np.concatenate((np.full(len(ends), -1), np.full(len(starts), 1)))
    return int(np.cumsum(change[np.argsort(at_s, kind="stable")]).max(initial=0))


RULES: dict[str, Rule] = {
    "unlimited retries": per_mapping(bad_records_stop_a_lane),
    "good records given up with a bad one": per_mapping(neighbours_of_bad_records),
    "discards without a destination": per_mapping(discards_in_silence),
    "failing function": per_mapping(failing_functions),
    "image that is not there": per_mapping(images_that_are_not_there),
    "full batch fails": per_mapping(full_batches_fail),
    "does not keep up": per_mapping(falls_behind),
    "age or retention below the drain": per_mapping(_drain),
    "starting at LATEST": per_mapping(records_before_the_first_poll),
    "filter matches nothing": per_mapping(filters_that_match_nothing),
    "concurrency below the lanes": per_mapping(_concurrency),
    "few keys for the lanes": per_mapping(_few_keys),
    "6 MB reachable": per_mapping(_payload),
    "view type does not serve": per_mapping(_view_type),
    "table over its limits": writes_that_are_refused,
    "table beyond the service's caps": caps_that_are_passed,
    "more than two readers": per_mapping(_readers),
    "reader falls behind": trailing_readers,
}


def rules(slo: SLO | None) -> dict[str, Rule]:
    """Return the rules by name; that of the batching window only where there is an SLO to hold it against."""
    if slo is None:
        return RULES
    return RULES | {"window beyond the SLO": per_mapping(partial(_window_beyond_slo, slo=slo))}
