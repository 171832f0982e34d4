"""THE schema of every frame: name, dtype, unit and meaning of each column, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from .throttling import THROTTLE_REASONS

__all__ = ["LATENCY_PARTS", "SCHEMA", "Column", "categories", "code_type", "describe", "empty", "frame"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a frame."""

    name: str
    dtype: str
    unit: str
    meaning: str


_MAPPING = Column("event_source_mapping", "category", "", "name of the mapping")
_FUNCTION = Column("function", "category", "", "name of the function")
_SHARD = Column("shard_id", "category", "", "AWS's ShardId")
_RECORD = Column("record_id", "int64", "", "number of the record in the stream, in the order of the writes")
_BATCH = Column("batch_id", "int64", "", "number of the batch; a retry has its batch's, a half or a rest a new one")
_CONTENT = (
    _RECORD,
    Column("item_id", "int64", "", "the item that changed"),
    _SHARD,
    Column("sequence_number", "int64", "", "rises by record within a shard and on into its children"),
    Column("event_name", "category", "", "INSERT, MODIFY or REMOVE"),
    Column("written_s", "float64", "s", "the table took the write"),
    Column("visible_s", "float64", "s", "the record could be read"),
    Column("size_bytes", "int32", "bytes", "AWS's SizeBytes: keys and the images of the view type"),
)
_PARTS = (
    Column("visibility_s", "float64", "s", "until the record could be read"),
    Column("poll_wait_s", "float64", "s", "until the next poll"),
    Column("discovery_s", "float64", "s", "until Lambda found the shard, once that shard's parent was done"),
    Column("queue_wait_s", "float64", "s", "until earlier records of its lane were done and it was read"),
    Column("window_s", "float64", "s", "until the batch was full or its window ended"),
    Column("throttle_s", "float64", "s", "until the function had an environment free"),
    Column("retries_s", "float64", "s", "failed attempts and the delays after them"),
    Column("cold_start_s", "float64", "s", "placement and init of a new environment"),
    Column("handler_s", "float64", "s", "the invocation that processed it"),
)

#: The parts of a latency, in the order in which a record passes through them.
LATENCY_PARTS: Final = tuple(column.name for column in _PARTS)

SCHEMA: Final[dict[str, tuple[Column, ...]]] = {
    "stream_log": (
        _MAPPING,
        *_CONTENT,
        Column("received_s", "float64", "s", "first handed to the function; NaN if never"),
        Column("completed_s", "float64", "s", "end of the invocation that processed it; NaN if none did"),
        Column("deliveries", "int32", "", "invocations that held the record"),
        Column(
            "outcome",
            "category",
            "",
            "processed, filtered, discarded, expired, skipped (before the mapping began), or waiting at the end",
        ),
    ),
    "invocations": (
        _MAPPING,
        _FUNCTION,
        _SHARD,
        Column("lane", "int32", "", "lane of the shard, 0..parallelization_factor - 1"),
        _BATCH,
        Column("attempt", "int32", "", "1 for the first attempt of the batch; a throttled one keeps its number"),
        Column("started_s", "float64", "s", "the environment starts (its init first, if cold)"),
        Column("duration_s", "float64", "s", "time in the handler; NaN if it was still running"),
        Column("init_s", "float64", "s", "Init Duration of a cold start, else 0"),
        Column("billed_ms", "int64", "ms", "init and duration, rounded up; 0 if throttled or still running"),
        Column("records", "int64", "", "records in the batch"),
        Column("payload_bytes", "int64", "bytes", "size of the records in the JSON event, a comma behind each"),
        Column("iterator_age_s", "float64", "s", "age of the batch's last record when sent"),
        Column(
            "outcome",
            "category",
            "",
            "success, partial, error, timeout, throttled, running, out_of_memory or too_large",
        ),
        Column("provisioned", "bool", "", "whether it ran on provisioned concurrency"),
        Column(
            "error_type",
            "category",
            "",
            "why it failed, as Lambda's errorType: an exception's name, Runtime.*, Sandbox.* or Function.*; the "
            "law's Failures.*; what is wrong with a batch response; missing where nothing failed",
        ),
        Column("error_message", "category", "", "its words; missing where the type says it all"),
        Column("error_line", "category", "", "where the handler raised it, as file.py:12; missing where it did not"),
    ),
    "writes": (
        Column("written_s", "float64", "s", "the write"),
        Column("item_id", "int64", "", "the item"),
        Column("operation", "category", "", "INSERT, MODIFY, REMOVE or NO_OP (no change: no record)"),
        Column("bytes_before", "int32", "bytes", "item size before; 0 if there was none"),
        Column("bytes_after", "int32", "bytes", "item size after; 0 if there is none"),
        Column("write_units", "int32", "units", "1 KB steps of the larger of before and after; what was planned"),
        Column("partition", "int32", "", "partition of the item; -1 if the table did not take the write"),
        Column("requested_s", "float64", "s", "the client first asked for it; NaN for the delete of an expired item"),
        Column("attempts", "int16", "", "attempts of its client"),
        Column("admitted_s", "float64", "s", "the table took it; NaN if it did not"),
        Column(
            "answered_s",
            "float64",
            "s",
            "the client knew its end; NaN if not within the run, or where nothing throttles",
        ),
        Column("outcome", "category", "", "admitted, lost (the client gave up), or waiting when the run ended"),
        Column("throttle_reason", "category", "", "AWS's reason of its last throttle; empty if it had none"),
        Column("kind", "category", "", "single, batch, transaction, condition failed, or ttl"),
    ),
    "table_load": (
        Column("at_s", "float64", "s", "start of the second"),
        Column("requested", "int64", "", "writes that clients first asked for"),
        Column("admitted", "int64", "", "writes that the table took, retried ones included"),
        Column("lost", "int64", "", "writes whose clients gave up"),
        Column("throttles", "int64", "", "attempts that were throttled"),
        Column("write_units", "float64", "units", "consumed"),
        Column("capacity_units", "float64", "units", "what the table's mode allows each second, burst aside"),
        Column("burst_units", "float64", "units", "unused capacity that is kept at the second's end"),
        *(Column(reason, "int64", "", "attempts throttled for this reason") for reason in THROTTLE_REASONS if reason),
    ),
    "index_load": (
        Column("at_s", "float64", "s", "start of the second"),
        Column("index", "category", "", "a global secondary index"),
        Column("write_units", "float64", "units", "consumed by it"),
    ),
    "partition_load": (
        Column("at_s", "float64", "s", "start of the second; of the minute in runs over an hour"),
        Column("partition", "int32", "", "a partition that was open then"),
        Column("write_units", "float64", "units", "consumed in that time"),
        Column("throttles", "int64", "", "attempts that were throttled, for whatever reason"),
    ),
    "partitions": (
        Column("partition", "int32", "", "its number"),
        Column("parent", "int32", "", "the partition that it is a half of; -1 at the start"),
        Column("hash_low", "int64", "", "its items have hashes from here"),
        Column("hash_high", "int64", "", "up to here, of 0..4,294,967,296"),
        Column("opened_s", "float64", "s", "it began"),
        Column("closed_s", "float64", "s", "it was split; NaN if it was not"),
    ),
    "scaling": (
        Column("decided_s", "float64", "s", "the decision"),
        Column("effective_s", "float64", "s", "the change"),
        Column("resource", "category", "", "table, the name of an index, or partitions"),
        Column("decision", "category", "", "scale out, scale in, peak, switch, or split: and its cause"),
        Column("units_before", "float64", "", "write units/s before; how many partitions, for a split"),
        Column("units_after", "float64", "", "the same after"),
        Column("partition", "int32", "", "the partition that split; -1 else"),
    ),
    "shards": (
        _SHARD,
        Column("partition", "int32", "", "the partition that writes to it"),
        Column("records", "int64", "", "records written to it"),
        Column("bytes", "int64", "bytes", "their SizeBytes"),
        Column("parent_shard_id", "category", "", "the shard that it goes on from; missing for a first one"),
        Column("opened_s", "float64", "s", "it began"),
        Column("closed_s", "float64", "s", "it ended (rolled over, split, or the stream was disabled); NaN if open"),
        Column("first_sequence_number", "int64", "", "of its first record, also while it has none"),
    ),
    "discards": (
        _MAPPING,
        _FUNCTION,
        _SHARD,
        _BATCH,
        Column("discarded_s", "float64", "s", "the batch was given up"),
        Column("condition", "category", "", "AWS's RetryAttemptsExhausted or RecordAgeExceeded, or TrimmedByRetention"),
        Column("records", "int64", "", "records discarded"),
        Column("first_sequence_number", "int64", "", "of the first of them"),
        Column("last_sequence_number", "int64", "", "of the last of them"),
        Column("approximate_invoke_count", "int64", "", "as AWS counts it: 1 even if never invoked"),
        Column("destination", "category", "", "sqs, sns or s3; missing without one"),
        Column("delivered", "bool", "", "whether the destination got a document"),
        Column("document", "object", "", "the document for the destination, parsed; None if there is none"),
        Column("object_key", "object", "", "the key of the object in S3, None elsewhere"),
    ),
    "read_backs": (
        _MAPPING,
        _FUNCTION,
        _BATCH,
        Column("attempt", "int32", "", "the attempt of the batch"),
        Column("started_s", "float64", "s", "the invocation's start"),
        Column("requests", "int64", "", "GetItem, BatchGetItem or TransactGetItems calls"),
        Column("items", "int64", "", "items read"),
        Column("bytes", "int64", "bytes", "their sizes when the handler started; 0 for one that was gone by then"),
        Column("read_units", "float64", "units", "4 KB steps of each item served, times what the consistency costs"),
        Column("throttles", "int64", "", "items whose read the table refused"),
        Column("throttle_reason", "category", "", "AWS's reason of the last of them; empty if there was none"),
    ),
    "reads": (
        Column("reader", "category", "", "name of the reader, not Lambda"),
        _SHARD,
        Column("minute_s", "float64", "s", "start of the minute"),
        Column("calls", "int64", "count", "GetRecords calls that were answered: what is billed"),
        Column("throttled", "int64", "count", "calls that were refused for too many readers"),
        Column("records", "int64", "count", "records that they brought"),
        Column("bytes", "int64", "bytes", "their SizeBytes"),
        Column("age_max_s", "float64", "s", "oldest age of a call's last record; NaN without records"),
    ),
    "read_log": (
        Column("reader", "category", "", "name of the reader, not Lambda"),
        *_CONTENT,
        Column("read_s", "float64", "s", "the call that brought it was answered; NaN if none did"),
        Column("outcome", "category", "", "read, expired (trimmed before it was read), or waiting at the end"),
    ),
    "latency_parts": (
        _MAPPING,
        _RECORD,
        Column("written_s", "float64", "s", "the write"),
        *_PARTS,
        Column("latency_s", "float64", "s", "written to completed: the sum of the parts"),
    ),
    "waiting_parts": (
        _MAPPING,
        _RECORD,
        _SHARD,
        Column("lane", "int32", "", "its lane of the shard"),
        Column("written_s", "float64", "s", "the write"),
        *_PARTS,
        Column("waited_s", "float64", "s", "written to the end of the run: the sum of the parts"),
        Column(
            "waits_for",
            "category",
            "",
            "the part that it is in; behind a batch throttled or sent again, what that is in",
        ),
    ),
    "events": (
        Column("time_s", "float64", "s", "when it happened"),
        Column("where", "str", "", "the table, a shard, or a mapping on a shard (and the lane, if it has several)"),
        Column("what", "str", "", "one of `ddbsim.log.events.EVENTS`"),
        Column("record_ids", "object", "", "the records that it concerns, a tuple of record_id"),
        Column("sentence", "str", "", "what happened, in plain English"),
    ),
    "metrics": (
        Column("minute_s", "float64", "s", "start of the minute"),
        _MAPPING,
        Column("Invocations", "int64", "count", "invocations that ran, failed ones included"),
        Column("Errors", "int64", "count", "invocations that raised or timed out, by their start"),
        Column("Throttles", "int64", "count", "invocations refused for want of concurrency"),
        Column("Duration_Average", "float64", "ms", "time in the handler; NaN in a minute without invocations"),
        Column("Duration_Maximum", "float64", "ms", "the longest"),
        Column("ConcurrentExecutions", "int64", "count", "most invocations at once"),
        Column("IteratorAge_Average", "float64", "ms", "age of each batch's last record when sent"),
        Column("IteratorAge_Maximum", "float64", "ms", "the oldest"),
        Column("PolledEventCount", "int64", "count", "records that the mapping read"),
        Column("FilteredOutEventCount", "int64", "count", "records that its filter held back"),
        Column("InvokedEventCount", "int64", "count", "records sent to the function, each time they were"),
        Column("FailedInvokeEventCount", "int64", "count", "records of invocations that failed, by their end"),
        Column("DroppedEventCount", "int64", "count", "records given up that the destination did not get"),
        Column("OnFailureDestinationDeliveredEventCount", "int64", "count", "records given up that it was told of"),
        Column("DestinationDeliveryFailures", "int64", "count", "documents that it did not get"),
        Column("ConsumedWriteCapacityUnits", "int64", "count", "write units of the table, whoever reads it"),
        Column("ProvisionedWriteCapacityUnits", "float64", "count", "at the minute's start; NaN if not provisioned"),
        Column("WriteThrottleEvents", "int64", "count", "writes throttled by the table, its partitions or indexes"),
        Column("ThrottledRequests", "int64", "count", "requests with a throttled write"),
        Column("ConsumedReadCapacityUnits", "float64", "count", "read units of the handlers' read-backs"),
        Column("ReadThrottleEvents", "int64", "count", "items whose read-back the table refused"),
    ),
}


def describe(frame: str) -> str:
    """Return a frame's columns as a text table, for docstrings and help."""
    rows = SCHEMA[frame]
    width = max(len(column.name) for column in rows)
    return "\n".join(
        f"{column.name:<{width}}  {column.dtype:<9}{column.unit:<6}  {column.meaning}".rstrip() for column in rows
    )


def code_type(names: Sequence[Any]) -> type[np.int8 | np.int32]:
    """Return the type for the codes of so many names: a byte where that is enough."""
    return np.int8 if len(names) < 128 else np.int32


def categories(codes: npt.NDArray[Any], names: Sequence[str]) -> pd.Categorical:
    """Return codes as a categorical; no more memory than the codes."""
    return pd.Categorical.from_codes(
        codes.astype(code_type(names), copy=False), categories=pd.Index(list(names), dtype="str")
    )


def frame(name: str, **columns: Any) -> pd.DataFrame:
    """Return a frame of the schema from its columns, without copying them."""
    made = {
        column.name: columns[column.name]
        if column.dtype in ("category", "object")
        else np.asarray(columns[column.name]).astype(column.dtype, copy=False)
        for column in SCHEMA[name]
    }
    return pd.DataFrame(made, copy=False)


def empty(name: str) -> pd.DataFrame:
    """Return a frame of the schema without rows."""
    nothing = {"category": categories(np.empty(0, dtype=np.int8), ()), "object": _objects(())}
    return frame(name, **{column.name: nothing.get(column.dtype, ()) for column in SCHEMA[name]})


def _objects(values: Sequence[Any]) -> pd.Series[Any]:
    """Return values of any kind as a column that stays one of objects, also where all of them are texts."""
    return pd.Series(list(values), dtype="object")
