"""What the service accepts: ranges and defaults of settings, fixed limits of records, reads and payloads."""

from __future__ import annotations

from functools import partial

from .facts import Fact, Limit

_PARAMETERS = "https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html"
_CREATE_MAPPING = "https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html"
_QUOTAS = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"
_STREAMS = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html"
_GET_RECORDS = "https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_GetRecords.html"
_TABLE_QUOTAS = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html"
_CAPACITY = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ProvisionedThroughput.html"

_documented = partial(Limit, status="documented", date="2026-11")
_fixed = partial(Fact, status="documented", date="2026-11")

KB = 1024
MB = 1024 * KB

# Settings of an event source mapping
BATCH_SIZE = _documented(
    name="batch_size",
    value=100,
    unit="records",
    low=1,
    high=10_000,
    source=_PARAMETERS,
    meaning="Most records in one invocation.",
    parameter="EventSourceMapping.batch_size",
)
BATCH_SIZE_WITHOUT_WINDOW = _fixed(
    name="batch_size_without_window",
    value=10,
    unit="records",
    source=_CREATE_MAPPING,
    meaning="Above it the API reference asks for a batching window of 1 s or more. Nothing is refused or warned of "
    "here: the service was recorded taking 101, and its own default of 100, without one.",
)
MAXIMUM_BATCHING_WINDOW = _documented(
    name="maximum_batching_window_in_seconds",
    value=0,
    unit="s",
    low=0,
    high=300,
    source=_PARAMETERS,
    meaning="Longest time that records are gathered before the function is invoked.",
    parameter="EventSourceMapping.maximum_batching_window_in_seconds",
)
PARALLELIZATION_FACTOR = _documented(
    name="parallelization_factor",
    value=1,
    unit="lanes",
    low=1,
    high=10,
    source=_PARAMETERS,
    meaning="Batches of one shard that are in flight at once; order stays per item.",
    parameter="EventSourceMapping.parallelization_factor",
)
MAXIMUM_RECORD_AGE = _documented(
    name="maximum_record_age_in_seconds",
    value=-1,
    unit="s",
    low=60,
    high=604_800,
    also=(-1,),
    source=_CREATE_MAPPING,
    meaning="Records older than this are discarded before an invocation; -1 is no limit.",
    parameter="EventSourceMapping.maximum_record_age_in_seconds",
)
MAXIMUM_RETRY_ATTEMPTS = _documented(
    name="maximum_retry_attempts",
    value=-1,
    unit="retries",
    low=0,
    high=10_000,
    also=(-1,),
    source=_PARAMETERS,
    meaning="Retries of a failed batch before it is discarded; -1 is until the records expire.",
    parameter="EventSourceMapping.maximum_retry_attempts",
)
TUMBLING_WINDOW = _documented(
    name="tumbling_window_in_seconds",
    value=0,
    unit="s",
    low=0,
    high=900,
    source=_CREATE_MAPPING,
    meaning="Length of a tumbling window with state; 0 is off.",
)
FILTERS = _documented(
    name="filter_criteria",
    value=5,
    unit="patterns",
    low=0,
    high=10,
    source="https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html",
    meaning="Filter patterns of a mapping: 5, and up to 10 on request.",
)
PATTERN_CHARACTERS = _fixed(
    name="filter_pattern_characters",
    value=4_096,
    unit="characters",
    source="https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html",
    meaning="Longest filter pattern.",
)
_RECORDED_PATTERNS = "recordings of EventBridge's TestEventPattern, radkawar/stackd testdata/aws/eventbridge"
OR_COMBINATIONS = Fact(
    name="filter_or_combinations",
    value=1_000,
    unit="combinations",
    status="measured",
    source=_RECORDED_PATTERNS,
    date="2026-09",
    meaning="Most combinations of alternatives that the $or of a pattern may make.",
)
WILDCARD_MATCHES = Fact(
    name="filter_wildcard_matches",
    value=10,
    unit="beginnings",
    status="measured",
    source=_RECORDED_PATTERNS,
    date="2026-09",
    meaning="Most beginnings of wildcard texts of a pattern that one value may match at once.",
)

# Settings of a function
MEMORY = _documented(
    name="memory_mb",
    value=128,
    unit="MiB",
    low=128,
    high=10_240,
    source=_QUOTAS,
    meaning="Memory of the function; CPU grows with it.",
    parameter="Function.memory_mb",
)
TIMEOUT = _documented(
    name="timeout_s",
    value=3,
    unit="s",
    low=1,
    high=900,
    source=_QUOTAS,
    meaning="An invocation is ended, as failed, after this long.",
    parameter="Function.timeout_s",
)
EPHEMERAL_STORAGE = _documented(
    name="ephemeral_storage_mb",
    value=512,
    unit="MiB",
    low=512,
    high=10_240,
    source=_QUOTAS,
    meaning="Size of /tmp; what exceeds 512 MiB is billed.",
    parameter="Function.ephemeral_storage_mb",
)
ACCOUNT_CONCURRENCY = _documented(
    name="account_concurrency",
    value=1_000,
    unit="environments",
    low=0,
    high=1_000_000,
    source=_QUOTAS,
    meaning="Invocations of all functions of the account and Region that run at once.",
    parameter="Scenario.account_concurrency",
)
VCPU_MEMORY_MB = _fixed(
    name="memory_of_one_vcpu_mb",
    value=1_769,
    unit="MiB",
    source="https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html",
    meaning="Memory at which a function has one whole vCPU; below it CPU is proportional.",
)
INVOCATION_PAYLOAD_BYTES = _fixed(
    name="invocation_payload_bytes",
    value=6 * MB,
    unit="bytes",
    source=_QUOTAS,
    meaning="Largest event of one invocation: a batch is cut there.",
)
RESPONSE_PAYLOAD_BYTES = Fact(
    name="response_payload_bytes",
    value=6 * MB + 100,
    unit="bytes",
    status="measured",
    source="the error that the real service answers with (radkawar/stackd, testdata/aws/lambda); 6 MB in " + _QUOTAS,
    date="2026-09",
    meaning="Largest answer of a handler, as JSON; with a larger one the invocation has failed.",
)
BILLING_STEP_MS = _fixed(
    name="billing_step_ms",
    value=1,
    unit="ms",
    source="https://aws.amazon.com/lambda/pricing/",
    meaning="Billed duration, init included since 2025-08, is rounded up to whole milliseconds.",
)

STATE_BYTES = _fixed(
    name="tumbling_window_state_bytes",
    value=MB,
    unit="bytes",
    source="https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-windows.html",
    meaning="Largest state of a tumbling window; a larger one ends the window early.",
)

# The stream
RETENTION_S = _fixed(
    name="retention_s",
    value=86_400.0,
    unit="s",
    source=_STREAMS,
    meaning="Records stay readable for 24 hours.",
    parameter="Stream.retention_s",
)
RECORDS_PER_READ = _fixed(
    name="records_per_read",
    value=1_000,
    unit="records",
    source=_GET_RECORDS,
    meaning="Most records that one GetRecords call returns.",
    parameter="Poller.records_per_read",
)
BYTES_PER_READ = _fixed(
    name="bytes_per_read",
    value=MB,
    unit="bytes",
    source=_GET_RECORDS,
    meaning="Most bytes that one GetRecords call returns (taken as SizeBytes: which bytes count is unpublished).",
    parameter="Poller.bytes_per_read",
)
ITERATOR_LIFE_S = _fixed(
    name="shard_iterator_life_s",
    value=900.0,
    unit="s",
    source="https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_GetShardIterator.html",
    meaning="A shard iterator expires 15 minutes after it was handed out.",
)
SHARDS_PER_PAGE = _fixed(
    name="shards_per_page",
    value=100,
    unit="shards",
    source="https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_DescribeStream.html",
    meaning="Most shards that one DescribeStream call returns.",
)
STREAMS_PER_PAGE = _fixed(
    name="streams_per_page",
    value=100,
    unit="streams",
    source="https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_ListStreams.html",
    meaning="Most streams that one ListStreams call returns.",
)
READERS_PER_SHARD = _fixed(
    name="readers_per_shard",
    value=2,
    unit="readers",
    source=_TABLE_QUOTAS,
    meaning="Processes that may read one shard at once without being throttled.",
)

# The table
ITEM_BYTES = _fixed(
    name="item_bytes",
    value=400 * KB,
    unit="bytes",
    source=_TABLE_QUOTAS,
    meaning="Largest item, attribute names included.",
)
WRITE_UNIT_BYTES = _fixed(
    name="write_unit_bytes",
    value=KB,
    unit="bytes",
    source=_CAPACITY,
    meaning="One write unit covers 1 KB of the larger of the item before and after.",
)
TRANSACTION_WRITE_FACTOR = _fixed(
    name="transaction_write_factor",
    value=2,
    unit="",
    source=_CAPACITY,
    meaning="A write in a transaction takes this many times its write units: one to prepare it, one to commit it.",
)
BATCH_GET_ITEMS = _fixed(
    name="batch_get_items",
    value=100,
    unit="items",
    source="https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html",
    meaning="Most items of one BatchGetItem or TransactGetItems, each only once.",
)
STORED_ITEM_OVERHEAD_BYTES = _fixed(
    name="stored_item_overhead_bytes",
    value=100,
    unit="bytes",
    source="https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html",
    meaning="What billed storage adds to the size of each item.",
)
PARTITION_WRITE_UNITS_PER_S = _fixed(
    name="partition_write_units_per_s",
    value=1_000,
    unit="write units/s",
    source="https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/burst-adaptive-capacity.html",
    meaning="Most write units that one partition (and one item) takes each second.",
    parameter="Table.partition_write_units_per_s",
)
PARTITION_READ_UNITS_PER_S = _fixed(
    name="partition_read_units_per_s",
    value=3_000,
    unit="read units/s",
    source="https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/burst-adaptive-capacity.html",
    meaning="Most read units that one partition serves each second.",
    parameter="Table.partition_read_units_per_s",
)
