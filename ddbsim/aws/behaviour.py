"""How the service behaves where no setting says so: delays, back-off, environments. Mostly measured or assumed.

The scenario's dataclasses take their defaults from here, so that each is a named parameter that a user can change.
"""

from __future__ import annotations

from functools import partial

from .facts import Fact

_RECORDED = "behaviour recorded on the real service in us-east-1 (radkawar/stackd, testdata/aws/lambda)"
_LATENCY = "https://bitesizedserverless.com/bite/serverless-messaging-latency-compared/ (eu-west-1, 1,024 writes)"
_INIT = "REPORT lines of maxday/lambda-perf, python3.13 x86_64, June-August 2026"

_measured = partial(Fact, status="measured")
_assumed = partial(Fact, status="assumed", source="not published by AWS", date="2026-11")
_chosen_for_field_report = partial(
    Fact,
    status="assumed",
    source="not published by AWS; after a field report, https://octoenergy.github.io, stream consumer performance",
    date="2024-05",
)

# The stream
VISIBILITY_BASE_S = _measured(
    name="visibility_delay_base_s",
    value=0.07,
    unit="s",
    source=_LATENCY,
    date="2022-09",
    meaning="Fixed part of written -> visible, fitted with the next two to P10/50/90/99 = 118/213/341/552 ms.",
    parameter="Stream.visibility_delay",
)
VISIBILITY_TAIL_MEDIAN_S = _measured(
    name="visibility_delay_tail_median_s",
    value=0.013,
    unit="s",
    source=_LATENCY,
    date="2022-09",
    meaning="Median of the lognormal part of written -> visible.",
    parameter="Stream.visibility_delay",
)
VISIBILITY_TAIL_SIGMA = _measured(
    name="visibility_delay_tail_sigma",
    value=1.4,
    unit="",
    source=_LATENCY,
    date="2022-09",
    meaning="Sigma of the lognormal part of written -> visible.",
    parameter="Stream.visibility_delay",
)
VISIBILITY_HOLD_S = _assumed(
    name="visibility_delay_hold_s",
    value=1.0,
    unit="s",
    meaning="How long one drawn delay holds for a shard: records come in order, a slow moment delays them all.",
    parameter="Stream.visibility_hold_s",
)
NEW_TABLE_PARTITIONS = _measured(
    name="new_table_partitions",
    value=4,
    unit="partitions",
    source="open shards counted on the real service (LocalStack's validated tests); on-demand-capacity-mode.html",
    date="2025-11",
    meaning="Partitions, hence open shards, of a new on-demand table.",
    parameter="Table.initial_partitions",
)
EVENT_RECORD_OVERHEAD_BYTES = _assumed(
    name="event_record_overhead_bytes",
    value=480,
    unit="bytes",
    meaning="JSON around one record's attributes in the Lambda event (names, ids, ARN), counted on a typical record.",
    parameter="Stream.event_record_overhead_bytes",
)
EVENT_BYTES_PER_STORED_BYTE = _assumed(
    name="event_bytes_per_stored_byte",
    value=1.15,
    unit="",
    meaning="How much attributes grow as JSON (type wrappers, quotes), where the workload has sizes but no items.",
    parameter="Stream.event_bytes_per_stored_byte",
)

SHARD_LIFETIME_LOW_S = _measured(
    name="shard_lifetime_low_s",
    value=3.9 * 3_600.0,
    unit="s",
    source="shard ids in the API's examples, 4.04-4.50 h apart; https://stackoverflow.com/q/41965786 (about 4 h)",
    date="2023",
    meaning="Shortest life of an open shard; then it closes, and one child takes its place.",
    parameter="Stream.shard_lifetime",
)
SHARD_LIFETIME_HIGH_S = _measured(
    name="shard_lifetime_high_s",
    value=4.5 * 3_600.0,
    unit="s",
    source="shard ids in the API's examples, 4.04-4.50 h apart; https://stackoverflow.com/q/41965786 (about 4 h)",
    date="2023",
    meaning="Longest life of an open shard; each shard has its own, uniform between the two (the law is assumed).",
    parameter="Stream.shard_lifetime",
)

# The poller
POLL_INTERVAL_S = Fact(
    name="poll_interval_s",
    value=0.25,
    unit="s",
    status="documented",
    source="https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html",
    date="2026-11",
    meaning="Lambda polls each shard 4 times a second, each poller on its own lattice.",
    parameter="Poller.interval_s",
)
READ_AHEAD_BATCHES = _assumed(
    name="read_ahead_batches",
    value=1,
    unit="batches",
    meaning="Polls go on during an invocation until a lane holds this many batches more; 0: only an idle lane reads.",
    parameter="Poller.read_ahead_batches",
)
BACKLOG_POLL_INTERVAL_S = _assumed(
    name="backlog_poll_interval_s",
    value=0.25,
    unit="s",
    meaning="Time to the next poll after a full page: whether a backlogged shard is read faster is unpublished.",
    parameter="Poller.backlog_interval_s",
)
TURNAROUND_S = _measured(
    name="turnaround_s",
    value=0.015,
    unit="s",
    source=_RECORDED,
    date="2026-09",
    meaning="From the end of an invocation to the lane's next (15-23 ms between starts of a trivial handler).",
    parameter="Poller.turnaround_s",
)
ACTIVATION_LOW_S = _measured(
    name="activation_delay_low_s",
    value=45.0,
    unit="s",
    source=_RECORDED,
    date="2026-09",
    meaning="Shortest time from a mapping's creation or enabling to its first delivery (45-85 s were seen).",
    parameter="Poller.activation_delay",
)
ACTIVATION_HIGH_S = _measured(
    name="activation_delay_high_s",
    value=85.0,
    unit="s",
    source=_RECORDED,
    date="2026-09",
    meaning="Longest such time; uniform between the two (the law is assumed).",
    parameter="Poller.activation_delay",
)
UPDATE_LOSES_LATEST = _assumed(
    name="update_loses_latest",
    value="records written meanwhile are skipped",
    unit="",
    meaning="What an update does to a mapping that started at LATEST: one report from the field.",
)
SHARD_DISCOVERY_LOW_S = _assumed(
    name="shard_discovery_low_s",
    value=1.0,
    unit="s",
    meaning="Shortest time from the end of a shard to the first poll of its children ('a couple of seconds').",
    parameter="Poller.shard_discovery_delay",
)
SHARD_DISCOVERY_HIGH_S = _assumed(
    name="shard_discovery_high_s",
    value=3.0,
    unit="s",
    meaning="Longest such time; spikes of 30-60 s were reported, their cause is not settled.",
    parameter="Poller.shard_discovery_delay",
)
IDLE_WINDOW_S = _assumed(
    name="idle_window_s",
    value=120.0,
    unit="s",
    meaning="Without a later record a tumbling window is ended this long after its end (none came within 112 s).",
    parameter="Poller.idle_window_s",
)
THROTTLED_READ_LAW = _chosen_for_field_report(
    name="throttled_read_law",
    value="served 2 / readers of the time, refused in between; catches up at a bounded pace",
    unit="",
    meaning="What a third reader of a shard meets: AWS says only that more than two may be throttled. In the report "
    "four readers had an average iterator age of tens of seconds, hardly moved by their settings.",
)
THROTTLED_READ_STRETCH_S = _chosen_for_field_report(
    name="throttled_read_stretch_s",
    value=50.0,
    unit="s",
    meaning="Mean length of a stretch in which a reader too many is refused; uniform, half of it to either side. So "
    "chosen that the age of four readers peaks as in the report. Of two readers none is refused: the report's few "
    "seconds are what a function takes that waits for three others.",
    parameter="Stream.throttled_read_stretch_s",
)
THROTTLED_READ_RESERVE = _chosen_for_field_report(
    name="throttled_read_reserve",
    value=1.35,
    unit="x",
    meaning="What a reader too many can take on average, as a multiple of what is written; chosen with the stretch.",
    parameter="Stream.throttled_read_reserve",
)
EMPTY_WINDOW = _assumed(
    name="empty_batching_window",
    value="opens again",
    unit="",
    meaning="A batching window that ends with nothing gathered opens again at once, for as long.",
)
LANE_HASH = _assumed(
    name="lane_hash",
    value="hash of the item's key, modulo parallelization_factor",
    unit="",
    meaning="Which lane a record takes; AWS says only that order stays per item.",
)
LANE_CHECKPOINT = _assumed(
    name="lane_checkpoint",
    value="per lane",
    unit="",
    meaning="A stuck lane does not stop the other lanes of its shard.",
)

# What the handler reads from the table
READ_BACK_MEDIAN_S = _assumed(
    name="read_back_median_s",
    value=0.002,
    unit="s",
    meaning="Median time of a GetItem or BatchGetItem from a handler; AWS says 'single-digit milliseconds'.",
    parameter="ReadBack.latency",
)
READ_BACK_P99_S = _assumed(
    name="read_back_p99_s",
    value=0.010,
    unit="s",
    meaning="99th percentile of the same.",
    parameter="ReadBack.latency",
)

# Retries
RETRY_INITIAL_S = _measured(
    name="retry_initial_s",
    value=0.2,
    unit="s",
    source=_RECORDED,
    date="2026-09",
    meaning="Delay before the first retry (0.19-0.27 s from start to start were seen).",
    parameter="Backoff.initial_s",
)
RETRY_FACTOR = _measured(
    name="retry_factor",
    value=2.0,
    unit="",
    source=_RECORDED,
    date="2026-09",
    meaning="Growth of the delay from retry to retry (0.39 s before the second; 8 attempts in 60 s on Kinesis).",
    parameter="Backoff.factor",
)
RETRY_CAP_S = _assumed(
    name="retry_cap_s", value=60.0, unit="s", meaning="Longest delay between retries.", parameter="Backoff.cap_s"
)
RETRY_JITTER = _assumed(
    name="retry_jitter",
    value=0.0,
    unit="",
    meaning="Share of each delay that is drawn at random (0: none, 1: full jitter).",
    parameter="Backoff.jitter",
)
THROTTLE_RETRIES = _assumed(
    name="throttle_retries",
    value=None,
    unit="",
    meaning="Delays of a batch that the function has no environment free for; None: those of failed ones. From a "
    "constant 0.2 s to doubling up to 60 s, with or without jitter, all is plausible, and where functions are short of "
    "concurrency the effect is large: a lane that waits up to 60 s for its next try is passed by one that is back "
    "within turnaround_s. At 80 % load single shards then get nothing for minutes; with Backoff(cap_s=0.2) they "
    "are seconds to tens of seconds behind.",
    parameter="EventSourceMapping.throttle_backoff",
)
DESTINATION_FUNCTION_ARN = _measured(
    name="destination_function_arn",
    value="as the mapping names the function",
    unit="",
    source="messages recorded on the real service (LocalStack's validated tests), and AWS's own example; "
    "radkawar/stackd's captures, of mappings to an alias, show the alias",
    date="2025-10",
    meaning="functionArn in what an on-failure destination gets: without $LATEST, which asynchronous calls add.",
)
WINDOW_ENDED_EARLY = _measured(
    name="window_ended_early",
    value="is not ended again",
    unit="",
    source=_RECORDED,
    date="2026-09",
    meaning="A tumbling window that a state over 1 MB has ended gets no other last call, unless a record of its time "
    "opens it anew (nobody has recorded one).",
)
BISECT_POINT = _assumed(
    name="bisect_point",
    value="floor(n / 2)",
    unit="",
    meaning="Where a batch of odd length is split; the captures cannot tell it from 'after the failed record'.",
)

# The function's environments
INIT_MEDIAN_S = _measured(
    name="init_median_s",
    value=0.092,
    unit="s",
    source=_INIT,
    date="2026-08",
    meaning="Median Init Duration of a small Python function; larger packages take longer.",
    parameter="ColdStart.init",
)
INIT_SIGMA = _measured(
    name="init_sigma",
    value=0.191,
    unit="",
    source=_INIT,
    date="2026-08",
    meaning="Sigma of the lognormal fitted to Init Duration.",
    parameter="ColdStart.init",
)
PLACEMENT_S = _assumed(
    name="placement_s",
    value=0.1,
    unit="s",
    meaning="Part of a cold start before Init Duration: placement and code download; not billed.",
    parameter="ColdStart.placement_s",
)
IDLE_LOW_S = _measured(
    name="idle_low_s",
    value=300.0,
    unit="s",
    source="https://mikhail.io/serverless/coldstarts/aws/intervals/",
    date="2021",
    meaning="Shortest idle life of an execution environment.",
    parameter="ColdStart.idle",
)
IDLE_HIGH_S = _measured(
    name="idle_high_s",
    value=420.0,
    unit="s",
    source="https://mikhail.io/serverless/coldstarts/aws/intervals/",
    date="2021",
    meaning="Longest idle life of an execution environment.",
    parameter="ColdStart.idle",
)
ENVIRONMENT_LIFETIME_S = _assumed(
    name="environment_lifetime_s",
    value=7_200.0,
    unit="s",
    meaning="Environments are ended 'every few hours' even if busy: taken as two.",
    parameter="ColdStart.lifetime_s",
)
