"""What a table lets through: capacity modes, partitions, auto scaling, and how the SDKs retry.

What AWS does not publish is assumed, and a field of `Provisioned`, `OnDemand`, `AutoScaling`, `HeatSplits` or `Writer`.
"""

from __future__ import annotations

from functools import partial

from .facts import Fact

_QUOTAS = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html"
_BURST = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/burst-adaptive-capacity.html"
_ON_DEMAND = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html"
_AUTO_SCALING = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/AutoScaling.html"
_RE_POST = "https://repost.aws/knowledge-center/dynamodb-auto-scaling"
_BOTOCORE = (
    "botocore's source, commit 0e6e240; https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html"
)

_documented = partial(Fact, status="documented", date="2026-11")
_assumed = partial(Fact, status="assumed", source="not published by AWS", date="2026-11")

# Buckets
BURST_S = _documented(
    name="burst_s",
    value=300.0,
    unit="s",
    source=_BURST,
    meaning="Unused capacity is kept for so long, and may be spent at once; best effort, within each partition's cap.",
    parameter="Provisioned.burst_s",
)
INITIAL_BURST_S = _assumed(
    name="initial_burst_s",
    value=0.0,
    unit="s",
    meaning="Seconds of capacity that are saved up when the run begins.",
    parameter="Provisioned.initial_burst_s",
)
CAPACITY_STEP_S = _assumed(
    name="capacity_step_s",
    value=1,
    unit="s",
    meaning="Buckets are filled once a second; a write passes while units are left, and may go into debt.",
)
TABLE_WRITE_QUOTA = _documented(
    name="table_write_quota_per_s",
    value=40_000,
    unit="write units/s",
    source=_QUOTAS,
    meaning="Most write units of one table: provisioned (its indexes included) or on demand; adjustable.",
    parameter="Table.write_quota_per_s",
)

TABLE_READ_QUOTA = _documented(
    name="table_read_quota_per_s",
    value=40_000,
    unit="read units/s",
    source=_QUOTAS,
    meaning="Most read units of one table, provisioned or on demand; adjustable.",
    parameter="Table.read_quota_per_s",
)

# On demand
WARM_WRITE_UNITS = _documented(
    name="warm_write_units_per_s",
    value=4_000,
    unit="write units/s",
    source=_ON_DEMAND,
    meaning="What a new on-demand table takes at once; after that, twice its former peak.",
    parameter="OnDemand.warm_write_units_per_s",
)
WARM_READ_UNITS = _documented(
    name="warm_read_units_per_s",
    value=12_000,
    unit="read units/s",
    source=_ON_DEMAND,
    meaning="What a new on-demand table serves at once; after that, twice its former peak.",
    parameter="OnDemand.warm_read_units_per_s",
)
PEAK_GROWTH_S = _documented(
    name="peak_growth_s",
    value=1_800.0,
    unit="s",
    source=_ON_DEMAND,
    meaning="More than twice the former peak within 30 minutes may throttle: taken as the time until a peak counts.",
    parameter="OnDemand.peak_growth_s",
)

# Auto scaling
TARGET_VALUE = _documented(
    name="auto_scaling_target_value",
    value=70.0,
    unit="%",
    source=_AUTO_SCALING,
    meaning="Consumed over provisioned capacity that auto scaling aims at, 20..90.",
    parameter="AutoScaling.target_value",
)
SCALE_OUT_MINUTES = Fact(
    name="scale_out_minutes",
    value=2,
    unit="min",
    status="measured",
    source=_RE_POST,
    date="2025",
    meaning="Minutes in a row above the target before capacity is raised.",
    parameter="AutoScaling.scale_out_minutes",
)
SCALE_IN_MINUTES = Fact(
    name="scale_in_minutes",
    value=15,
    unit="min",
    status="measured",
    source=_RE_POST,
    date="2025",
    meaning="Minutes in a row well below the target before capacity is lowered.",
    parameter="AutoScaling.scale_in_minutes",
)
SCALE_IN_MARGIN = Fact(
    name="scale_in_margin",
    value=20.0,
    unit="percentage points",
    status="measured",
    source=_RE_POST,
    date="2025",
    meaning="How far below the target is well below: 70 % is lowered from below 50 %.",
    parameter="AutoScaling.scale_in_margin",
)
METRIC_DELAY_S = _assumed(
    name="auto_scaling_metric_delay_s",
    value=60.0,
    unit="s",
    meaning="From the end of a minute to the decision on its metric.",
    parameter="AutoScaling.metric_delay_s",
)
UPDATE_TABLE_S = _assumed(
    name="update_table_s",
    value=60.0,
    unit="s",
    meaning="From UpdateTable to the new capacity.",
    parameter="AutoScaling.update_delay_s",
)
DECREASES_IN_FIRST_HOUR = Fact(
    name="capacity_decreases_in_the_first_hour",
    value=4,
    unit="decreases",
    status="documented",
    source=_QUOTAS,
    date="2023",
    meaning="Decreases of provisioned capacity in the first hour of a UTC day; later one, if none in the hour before.",
)
DECREASES_PER_DAY = Fact(
    name="capacity_decreases_per_day",
    value=27,
    unit="decreases",
    status="documented",
    source=_QUOTAS,
    date="2023",
    meaning="Most decreases of provisioned capacity in a UTC day.",
)

# Splits
HEAT_THRESHOLD = _assumed(
    name="heat_threshold",
    value=0.8,
    unit="",
    meaning="Share of a partition's cap that counts as heat.",
    parameter="HeatSplits.threshold",
)
HEAT_MINUTES = _assumed(
    name="heat_sustained_minutes",
    value=5,
    unit="min",
    meaning="Minutes in a row above the threshold before a partition is split.",
    parameter="HeatSplits.sustained_minutes",
)
HEAT_SPLIT_S = _assumed(
    name="heat_split_s",
    value=120.0,
    unit="s",
    meaning="How long a split takes.",
    parameter="HeatSplits.split_s",
)
HEAT_RELIEF = _assumed(
    name="heat_least_relief",
    value=0.1,
    unit="",
    meaning="Least share of the load that the lighter half must get; one hot item, or one moving key, leaves it less.",
    parameter="HeatSplits.least_relief",
)
PARTITION_BYTES = Fact(
    name="partition_bytes",
    value=10 * 2**30,
    unit="bytes",
    status="documented",
    source=_QUOTAS,
    date="2023",
    meaning="Size at which a partition is split.",
)

# Writers
WRITE_LATENCY_MEDIAN_S = _assumed(
    name="write_latency_median_s",
    value=0.004,
    unit="s",
    meaning="Median time from a request to its answer; AWS says 'single-digit milliseconds'.",
    parameter="Writer.latency",
)
WRITE_LATENCY_P99_S = _assumed(
    name="write_latency_p99_s",
    value=0.010,
    unit="s",
    meaning="99th percentile of the same.",
    parameter="Writer.latency",
)
WRITER_CLIENTS = _assumed(
    name="writer_clients",
    value=10,
    unit="clients",
    meaning="SDK clients, each with a retry quota of its own, over which the writes are dealt out in turn.",
    parameter="Writer.clients",
)
SDK_MAX_ATTEMPTS = _documented(
    name="sdk_max_attempts",
    value=4,
    unit="attempts",
    source=_BOTOCORE,
    meaning="Attempts of one call by the SDKs' default for DynamoDB since 2026-11.",
    parameter="Retries.max_attempts",
)
SDK_BASE_S = _documented(
    name="sdk_backoff_base_s",
    value=1.0,
    unit="s",
    source=_BOTOCORE,
    meaning="Longest delay before the first retry of a throttled call; it doubles from retry to retry.",
    parameter="Retries.base_s",
)
SDK_CAP_S = _documented(
    name="sdk_backoff_cap_s",
    value=20.0,
    unit="s",
    source=_BOTOCORE,
    meaning="Longest delay before any retry.",
    parameter="Retries.cap_s",
)
SDK_JITTER = _documented(
    name="sdk_backoff_jitter",
    value=1.0,
    unit="",
    source=_BOTOCORE,
    meaning="Share of each delay that is drawn at random: all of it.",
    parameter="Retries.jitter",
)
SDK_QUOTA = _documented(
    name="sdk_retry_quota",
    value=500,
    unit="tokens",
    source=_BOTOCORE,
    meaning="Tokens of a client; a retry takes some, and a call without enough of them is given up.",
    parameter="Retries.quota",
)
SDK_RETRY_COST = _documented(
    name="sdk_retry_cost",
    value=5,
    unit="tokens",
    source=_BOTOCORE,
    meaning="Tokens that a retry after a throttle takes; its success gives them back, a first success gives one.",
    parameter="Retries.retry_cost",
)

# Time to live
TTL_LATE_S = Fact(
    name="ttl_late_s",
    value=172_800.0,
    unit="s",
    status="documented",
    source="https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/howitworks-ttl.html",
    date="2023",
    meaning="Expired items are typically deleted within so long; newer texts say 'within a few days'.",
    parameter="TimeToLive.late",
)
TTL_SCAN_S = _assumed(
    name="ttl_scan_s",
    value=60.0,
    unit="s",
    meaning="Each partition is looked through for expired items this often.",
    parameter="TimeToLive.scan_s",
)
