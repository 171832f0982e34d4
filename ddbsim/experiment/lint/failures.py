"""Rules of what fails: bad records, whole batches, functions, and the handlers of one's own."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from ddbsim.aws import limits
from ddbsim.log import outcomes
from ddbsim.log.reasons import Reason, sentence
from ddbsim.log.sentences import count_of
from ddbsim.scenario import Destination, EventSourceMapping, Function

from .findings import Finding, bounded, function_settings, mapping_settings, whole
from .proofs import Reproduction, changed, retries_last_s, rows_of, span_s

__all__ = [
    "bad_records_stop_a_lane",
    "discards_in_silence",
    "failing_functions",
    "full_batches_fail",
    "images_that_are_not_there",
    "neighbours_of_bad_records",
]

_BOUNDS = (
    "set maximum_retry_attempts together with bisect_batch_on_function_error (or ReportBatchItemFailures), so that the "
    "good records of its batch are spared, and with an on_failure destination, so that you learn of it"
)
_SPARES = "set bisect_batch_on_function_error, or ReportBatchItemFailures and a handler that names the failed records"
_TELLS = "an on_failure destination, so that you learn of it"
_MARGIN = 1.5
_LATER_S = 30.0


def bad_records_stop_a_lane(bench: Reproduction, mapping: EventSourceMapping) -> Finding | None:
    """Look for retries without a bound."""
    if not bench.outlasts(mapping):
        return None
    met = bench.poisoned(mapping)
    if met is None:
        return None
    usual, log = bench.usual(mapping), met.log
    poison = log[(log["item_id"] == met.item_id) & log["received_s"].notna()].iloc[0]
    behind = (usual["completed_s"].notna() & log["completed_s"].isna()).to_numpy() & (log["item_id"] != met.item_id)
    if not behind.any():
        return None
    trimmed = met.result.discards[met.result.discards["shard_id"] == poison["shard_id"]]["discarded_s"]
    end_s = float(trimmed.min()) if len(trimmed) else bench.length_s
    none = "" if mapping.on_failure is None else " The destination hears nothing of it."
    return Finding(
        danger="standstill",
        happens=f"One record that always fails was sent {poison['deliveries']:,} times "
        f"{bench.within(bench.length_s)}, blocking {int(behind.sum()):,} good records behind it{met.aside}. Nothing "
        f"ends it before the record is {bench.scenario.stream.retention_s:,.0f} s old, and then it is lost.{none}",
        how_long_s=end_s - float(poison["received_s"]),
        records=int(behind.sum()),
        change=_BOUNDS,
        settings=bounded(bench, mapping),
    )


def neighbours_of_bad_records(bench: Reproduction, mapping: EventSourceMapping) -> Finding | None:
    """Look for retries with a bound, and nothing that spares the good records of a failing batch."""
    spared = mapping.bisect_batch_on_function_error or mapping.reports_item_failures
    if mapping.batch_size == 1 or spared or bench.outlasts(mapping):
        return None
    met = bench.poisoned(mapping)
    if met is not None and not met.good_lost.any():
        # batches are full when there is a backlog, as after every interruption
        met = bench.poisoned(mapping, behind=True)
    if met is None or not met.good_lost.any():
        return None
    lost = met.log[met.good_lost]
    also = "" if mapping.on_failure is not None else f"; also {_TELLS}"
    return Finding(
        danger="loss",
        happens=f"One record that always fails takes its batch with it: {count_of(len(lost), 'good record')} "
        f"{'was' if len(lost) == 1 else 'were'} given up beside it, after {_attempts(met.result.discards)}{met.aside}.",
        how_long_s=float(lost["written_s"].max() - lost["written_s"].min()),
        records=len(lost),
        change=f"{_SPARES}{also}",
        settings=bounded(bench, mapping),
    )


def _attempts(discards: pd.DataFrame) -> str:
    return count_of(int(discards["approximate_invoke_count"].max()), "invocation")


def discards_in_silence(bench: Reproduction, mapping: EventSourceMapping) -> Finding | None:
    """Look for records that are given up with nobody told."""
    if mapping.on_failure is not None or bench.outlasts(mapping):
        return None
    met = bench.poisoned(mapping)
    if met is None:
        return None
    lost = met.log[met.log["outcome"] == "discarded"]
    if lost.empty:
        return None
    full_s = bench.full_batch(mapping).duration_s
    last_s = min(retries_last_s(mapping, full_s), _age_s(mapping))
    return Finding(
        danger="loss",
        happens=f"With one record that always fails, {count_of(len(lost), 'record')} {_was(len(lost))} given up and "
        f"nothing tells which{met.aside}. The same comes of every batch when the function fails for longer than its "
        f"retries last, {last_s:,.3g} s.",
        how_long_s=float(lost["written_s"].max() - lost["written_s"].min()),
        records=len(lost),
        change="set an on_failure destination (S3 keeps the records, SQS and SNS get their place in the stream)",
        settings=mapping_settings(mapping, on_failure=Destination("sqs")),
    )


def _was(count: int) -> str:
    return "was" if count == 1 else "were"


def _age_s(mapping: EventSourceMapping) -> float:
    age_s = mapping.maximum_record_age_in_seconds
    return math.inf if age_s < 0 else float(age_s)


def full_batches_fail(bench: Reproduction, mapping: EventSourceMapping) -> Finding | None:
    """Look for full batches that take longer than the timeout, or more memory than there is."""
    full, function = bench.full_batch(mapping), mapping.function
    most = _most_that_succeed(bench, mapping)
    if most is None:
        return None
    offered = bench.rate_per_s * bench.scenario.workload.means.recorded_share
    fills_s = full.records * bench.scenario.table.initial_partitions / max(offered, 1e-9)
    outage_s = bench.affordable_s(_MARGIN * fills_s)
    length_s = bench.affordable_s(outage_s + _LATER_S + 2.0 * full.duration_s)
    outage_s = min(outage_s, 0.7 * length_s)
    result = bench.after_outage(mapping, outage_s, length_s, function=_unreserved(bench, mapping))
    invocations = rows_of(result.invocations, mapping)
    failed = invocations[invocations["outcome"].isin(["timeout", "out_of_memory"])]
    if failed.empty:
        return None
    by_memory = bool((failed["outcome"] == "out_of_memory").any())
    limit = "runs out of memory" if by_memory else f"takes longer than timeout_s ({function.timeout_s} s)"
    done = int(invocations[invocations["outcome"] == "success"]["records"].sum())
    settings, change = _smaller_or_longer(bench, mapping, int(most), full.duration_s, by_memory)
    return Finding(
        danger="standstill",
        happens=f"A batch of more than {int(most):,} records {limit}, and a backlog makes such batches: of one of "
        f"{outage_s:,.3g} s, {count_of(len(failed), 'invocation')} failed so, and {done:,} records were "
        f"processed{bench.aside(mapping)}.",
        how_long_s=span_s(failed),
        records=int(failed["records"].max()),
        change=change,
        settings=settings,
    )


def _unreserved(bench: Reproduction, mapping: EventSourceMapping) -> Function:
    """Return a mapping's function, not throttled: what never runs never fails."""
    sound = bench.sound(mapping).function
    own = {"failures": mapping.function.failures, "timeout_s": mapping.function.timeout_s}
    return changed(sound, own)


def _most_that_succeed(bench: Reproduction, mapping: EventSourceMapping) -> float | None:
    """Return the most records of a batch that ends in time and fits into memory, if that is less than a full one."""
    full, function = bench.full_batch(mapping), mapping.function
    empty_s = function.law.mean_s(0.0, 0.0, function.memory_mb)
    each_s = (full.duration_s - empty_s) / full.records
    memory, payload = function.failures.out_of_memory_bytes, _payload_bytes(bench)
    most = full.records
    if each_s > 0:
        most = min(most, (function.timeout_s - empty_s) / each_s)
    if memory is not None and payload:
        most = min(most, memory / payload)
    # what fails with a single record fails always: that is another rule's
    return most if 1.0 <= most < full.records else None


def _payload_bytes(bench: Reproduction) -> float:
    stream = bench.scenario.stream
    record = bench.scenario.workload.means.record_bytes(stream.view_type)
    return stream.event_record_overhead_bytes + stream.event_bytes_per_stored_byte * record


def _smaller_or_longer(
    bench: Reproduction, mapping: EventSourceMapping, most: int, full_s: float, by_memory: bool
) -> tuple[dict[str, Any], str]:
    """Return the settings and the words that keep full batches within the timeout, or within the memory."""
    timeout_s = math.ceil(_MARGIN * full_s)
    longest = int(limits.TIMEOUT.high or 0)
    if by_memory or timeout_s > longest:
        smaller = max(int(most / _MARGIN), 1)
        settings = whole(bench.typed, mapping_settings(mapping, batch_size=smaller))
        return settings, f"set batch_size to {smaller:,} or less" + (", or memory_mb higher" if by_memory else "")
    words = f"set timeout_s to {timeout_s} or more, or batch_size to {most:,} or less"
    return function_settings(bench.typed, mapping.function.name, timeout_s=timeout_s), words


def failing_functions(bench: Reproduction, mapping: EventSourceMapping) -> Finding | None:
    """Look for functions that never succeed, run out of memory, or whose own handler raises."""
    invocations = rows_of(bench.as_typed.invocations, mapping)
    ran = invocations[outcomes.ran(invocations) & (invocations["outcome"] != "running")]
    errors = ran[outcomes.errors(ran)]
    memory = errors[errors["outcome"] == "out_of_memory"]
    # batches that are too full are another rule's
    if len(memory) < len(ran) and _most_that_succeed(bench, mapping) is not None:
        memory = memory.iloc[:0]
    if errors.empty or not (len(errors) == len(ran) or len(memory) or _is_own(bench, mapping)):
        return None
    told = memory if len(memory) else errors
    why, change = _why(bench, mapping, told)
    which = "every invocation" if len(told) == len(ran) else f"{len(told):,} of {count_of(len(ran), 'invocation')}"
    return Finding(
        danger="standstill",
        happens=f"{which[0].upper()}{which[1:]} failed {bench.within(bench.typed_length_s)}: {why}.",
        how_long_s=span_s(told),
        records=int(told.groupby("batch_id")["records"].max().sum()),
        change=change,
        settings=_outlives(bench, mapping, told),
    )


def _why(bench: Reproduction, mapping: EventSourceMapping, failed: pd.DataFrame) -> tuple[str, str]:
    """Return why most of some invocations failed, and what to change."""
    function = mapping.function
    outcome = str(failed["outcome"].astype("str").value_counts().index[0])
    if outcome == "timeout":
        return f"it takes longer than timeout_s ({function.timeout_s} s)", "set timeout_s above what a batch takes"
    if outcome == "out_of_memory":
        return "out of memory", "set memory_mb higher, or batch_size lower"
    reasons = failed[["error_type", "error_message", "error_line"]].astype("str").fillna("").value_counts()
    words = sentence(Reason(*reasons.index[0]))
    return words, "mend the handler: see result.handler_report()" if _is_own(bench, mapping) else "see Failures"


def _is_own(bench: Reproduction, mapping: EventSourceMapping) -> bool:
    return bench.typed_mapping(mapping).function.handler is not None


def _outlives(bench: Reproduction, mapping: EventSourceMapping, failed: pd.DataFrame) -> dict[str, Any]:
    """Return the timeout that a batch needs, where it is the timeout that fails them and one is long enough."""
    needed = math.ceil(_MARGIN * bench.full_batch(mapping).duration_s)
    allowed = mapping.function.timeout_s < needed <= int(limits.TIMEOUT.high or 0)
    if not (failed["outcome"] == "timeout").all() or not allowed:
        return {}
    return function_settings(bench.typed, mapping.function.name, timeout_s=needed)


def images_that_are_not_there(bench: Reproduction, mapping: EventSourceMapping) -> Finding | None:
    """Look for handlers that ask for an image which an event, or the view type, does not have."""
    if not _is_own(bench, mapping):
        return None
    missing = bench.as_typed.handler_report().missing_images
    missing = missing[missing["function"] == mapping.function.name]
    invocations = rows_of(bench.as_typed.invocations, mapping)
    failed = invocations[outcomes.failed(invocations)]
    # to ask and to do without is no fault; of the view type it asks in vain each time
    missing = missing[(missing["cause"] == "view type") | (len(failed) > 0)]
    if missing.empty:
        return None
    worst = missing.sort_values("times", ascending=False, kind="stable").iloc[0]
    view_type = bench.scenario.stream.view_type
    of = f"a {worst['event_name']}" if worst["event_name"] != "INSERT" else "an INSERT"
    lacks = f"of {of}, which has none" if worst["cause"] == "event" else f"which {view_type} leaves out"
    how_long_s = span_s(failed) if len(failed) else 0.0
    by_view_type = bool((missing["cause"] == "view type").any())
    return Finding(
        danger="standstill" if len(failed) else "waste",
        happens=f"The handler asked {int(worst['times']):,} times for {worst['image']} {lacks}, and "
        f"{count_of(len(failed), 'invocation')} failed {bench.within(bench.typed_length_s)}.",
        how_long_s=how_long_s,
        records=int(missing["times"].sum()),
        change="set the view type to NEW_AND_OLD_IMAGES"
        if by_view_type
        else f"ask eventName first: {worst['event_name']} has no {worst['image']}",
        settings=whole(bench.typed, {"stream.view_type": "NEW_AND_OLD_IMAGES"}) if by_view_type else {},
    )
