"""Ways from a table's changes to a consumer beside Lambda's trigger: how they poll, what they are metered by."""

from __future__ import annotations

from functools import partial

from .facts import Fact
from .limits import KB, MB

_ADAPTER = "https://github.com/awslabs/dynamodb-streams-kinesis-adapter"
_FLINK = "https://nightlies.apache.org/flink/flink-docs-stable/docs/connectors/datastream/dynamodb/"
_KINESIS = "https://aws.amazon.com/kinesis/data-streams/pricing/"
_CHANGE_DATA = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/kds.html"
_PIPES = "https://cloudburn.io/blog/amazon-eventbridge-pricing"

_measured = partial(Fact, status="measured", date="2026-09")
_documented = partial(Fact, status="documented", date="2026-11")
_assumed = partial(Fact, status="assumed", date="2026-11")

KCL_BUSY_S = _measured(
    name="kcl_adapter_busy_interval_s",
    value=1.0,
    unit="s",
    source=_ADAPTER,
    meaning="The KCL adapter's time between reads of a shard after a read that returned records.",
)
KCL_IDLE_S = _measured(
    name="kcl_adapter_idle_interval_s",
    value=2.0,
    unit="s",
    source=_ADAPTER,
    meaning="The same after an empty read.",
)
FLINK_BUSY_S = _measured(
    name="flink_busy_interval_s",
    value=0.25,
    unit="s",
    source=_FLINK,
    meaning="Flink's DynamoDB Streams source: time between reads of a shard after a read that returned records.",
)
FLINK_IDLE_S = _measured(
    name="flink_idle_interval_s",
    value=1.0,
    unit="s",
    source=_FLINK,
    meaning="The same after an empty read.",
)
PIPES_REQUEST_BYTES = _assumed(
    name="pipes_request_bytes",
    value=64 * KB,
    unit="bytes",
    source=f"{_PIPES} has the 64 KB; that the batch is what is counted, and not each event, is assumed",
    meaning="EventBridge Pipes counts a batch, after filtering, in steps of this.",
)
PIPES_READS = _assumed(
    name="pipes_reads",
    value="billed, 4 a second and shard",
    unit="",
    source="AWS's price page frees the reads of Lambda's triggers and of global tables, and names no others",
    meaning="Pipes is taken to poll a shard as Lambda does, and to pay for it.",
)
CHANGE_DATA_UNIT_BYTES = _documented(
    name="change_data_capture_unit_bytes",
    value=KB,
    unit="bytes",
    source=_CHANGE_DATA,
    meaning="One change data capture unit covers 1 KB of the larger of the item before and after.",
)
KINESIS_BILLED_BYTES = _documented(
    name="kinesis_billed_record_bytes",
    value=KB,
    unit="bytes",
    source=_KINESIS,
    meaning="A stream on demand bills each record's data in as a whole number of these.",
)
KINESIS_PAYLOAD_UNIT_BYTES = _documented(
    name="kinesis_payload_unit_bytes",
    value=25 * KB,
    unit="bytes",
    source=_KINESIS,
    meaning="A provisioned stream bills each record in PUT payload units of this size.",
)
KINESIS_SHARD_RECORDS_PER_S = _documented(
    name="kinesis_shard_records_per_s",
    value=1_000,
    unit="records/s",
    source=_KINESIS,
    meaning="Most records that one shard takes in.",
)
KINESIS_SHARD_BYTES_IN_PER_S = _documented(
    name="kinesis_shard_bytes_in_per_s",
    value=MB,
    unit="bytes/s",
    source=_KINESIS,
    meaning="Most bytes that one shard takes in.",
)
KINESIS_SHARD_BYTES_OUT_PER_S = _documented(
    name="kinesis_shard_bytes_out_per_s",
    value=2 * MB,
    unit="bytes/s",
    source=_KINESIS,
    meaning="Most bytes that one shard gives out to all consumers without fan-out together.",
)
