"""The self-check: all is well in any run, and whatever is broken on purpose is found, by the check that it breaks."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import ddbsim as ds
from ddbsim.analysis.checks import RULES, check


def scenario():
    """Two mappings, with discards by attempts and by age, trimmed records, throttles and bisecting."""
    flaky = ds.Function(
        name="flaky",
        duration=ds.Duration(base_s=0.02),
        failures=ds.Failures(error_probability=0.1, poison_items=(1,)),
    )
    stuck = ds.Function(name="stuck", failures=ds.Failures(outages=ds.Outage(start_s=0, end_s=80)), timeout_s=1)
    return ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=4, keys=ds.UniformKeys(items=9)),
        table=ds.Table(partitions=2),
        stream=ds.Stream(retention_s=70.0),
        event_source_mappings=(
            ds.EventSourceMapping(
                function=flaky, batch_size=5, maximum_retry_attempts=1, bisect_batch_on_function_error=True
            ),
            ds.EventSourceMapping(function=stuck, batch_size=3, maximum_record_age_in_seconds=60),
            ds.EventSourceMapping(name="trimmed", function=stuck, batch_size=3),
        ),
        # beside three mappings it is refused now and then
        stream_readers=ds.StreamReader(name="search", interval_s=1.5),
        duration_s=125,
        account_concurrency=2,
    )


@pytest.fixture(scope="module")
def result():
    return ds.simulate(scenario(), rng=7, progress=False)


def test_the_run_to_be_broken_has_everything(result):
    assert set(result.discards["condition"]) == {"RetryAttemptsExhausted", "RecordAgeExceeded", "TrimmedByRetention"}
    assert set(result.stream_log["outcome"]) == {"processed", "discarded", "expired", "waiting"}
    assert (result.invocations["outcome"] == "throttled").any()


def test_a_run_passes_every_check(result):
    table = result.check()
    assert table["check"].tolist() == list(RULES)
    assert table["ok"].all(), table.loc[~table["ok"], "detail"].tolist()
    assert not table["problems"].any()
    assert table["detail"].tolist() == [rule.claim for rule in RULES.values()]


def test_a_saved_run_passes_too(result, tmp_path):
    result.to_parquet(tmp_path / "run")
    pd.testing.assert_frame_equal(ds.read_result(tmp_path / "run").check(), result.check())


def place(frame, **wanted):
    """The position of the first row with these values."""
    rows = np.flatnonzero(np.logical_and.reduce([frame[name] == value for name, value in wanted.items()]))
    return int(rows[0])


def changed(frame, row, **values):
    frame = frame.copy()
    for name, value in values.items():
        frame.iloc[row, frame.columns.get_loc(name)] = value
    return frame


def without(frame, row):
    return frame.drop(index=frame.index[row])


def broken(name, row_of, **values):
    """Return what gives one row of a frame other values."""
    return lambda seen: replace(seen, **{name: changed(getattr(seen, name), row_of(getattr(seen, name)), **values)})


def first(**wanted):
    return lambda frame: place(frame, **wanted)


def swapped_deliveries(log):
    """The first deliveries of one item's two records, the other way round."""
    mine = log[(log["event_source_mapping"] == "flaky") & log["received_s"].notna()]
    item = mine.loc[mine["item_id"] == 3]
    first, second = (int(log.index.get_loc(label)) for label in item.index[:2])
    log = changed(log, first, received_s=item["received_s"].iloc[1])
    return changed(log, second, received_s=item["received_s"].iloc[0])


DONE = {"event_source_mapping": "flaky", "outcome": "processed"}

BROKEN = {
    "a record is missing": (
        lambda seen: replace(seen, stream_log=without(seen.stream_log, 5)),
        "one state per record",
        r"flaky has \d+ records of the \d+ in the shards",
    ),
    "a record is there twice": (
        lambda seen: replace(seen, stream_log=pd.concat([seen.stream_log, seen.stream_log.iloc[[5]]])),
        "one state per record",
        "record 5 of flaky has two rows",
    ),
    "a processed record is called waiting": (
        broken("stream_log", first(**DONE), outcome="waiting"),
        "one state per record",
        "is waiting, and completed_s is",
    ),
    "a record has no state": (
        broken("stream_log", first(**DONE), outcome=None),
        "one state per record",
        "in the unknown state",
    ),
    "a write that made a record is gone": (
        lambda seen: replace(seen, writes=seen.writes.iloc[1:]),
        "one state per record",
        r"records of \d+ writes that changed items",
    ),
    "a processed record was never delivered": (
        broken("stream_log", first(**DONE), deliveries=0),
        "at least once",
        "is processed but was never sent",
    ),
    "a record was passed over": (
        broken("stream_log", first(**DONE, item_id=3), deliveries=0, outcome="waiting", received_s=np.nan),
        "at least once",
        "waits, and a later record of its item was sent",
    ),
    "two records of an item were delivered the wrong way round": (
        lambda seen: replace(seen, stream_log=swapped_deliveries(seen.stream_log)),
        "order per item",
        "was received before the record of item 3",
    ),
    "a record was received before it was visible": (
        broken("stream_log", first(**DONE), received_s=0.0),
        "instants in order",
        "received at 0.000000 s, before it was visible",
    ),
    "a record was completed after the run": (
        broken("stream_log", first(**DONE), completed_s=500.0),
        "instants in order",
        "completed at 500.000000 s, after the run",
    ),
    "a sequence number falls": (
        broken("stream_log", lambda log: 5, sequence_number=1),
        "sequence numbers rise",
        "record 5 of flaky: its sequence number 1 is not above",
    ),
    "a child shard begins below its parent's end": (
        lambda seen: replace(
            seen, shards=changed(seen.shards, 1, parent_shard_id=seen.shards["shard_id"][0], first_sequence_number=1)
        ),
        "sequence numbers rise",
        "begins at the number 1, which its parent has passed",
    ),
    "an attempt limit struck too early": (
        broken("discards", first(condition="RetryAttemptsExhausted"), approximate_invoke_count=1),
        "no early loss",
        r"after 1 of 1 \+ 1 attempts",
    ),
    "an age limit that the mapping has not": (
        lambda seen: replace(seen, maximum_record_age_in_seconds={}),
        "no early loss",
        "its age limit of -1 s does not say so",
    ),
    "records were trimmed before the retention": (
        lambda seen: replace(seen, retention_s=3_600.0),
        "no early loss",
        "before the retention of 3600 s",
    ),
    "a drop for no known reason": (
        broken("discards", lambda rows: 0, condition=None),
        "no early loss",
        "there is no such condition",
    ),
    "a drop is missing": (
        lambda seen: replace(seen, discards=seen.discards.query("condition != 'RecordAgeExceeded'")),
        "discards match the log",
        r"stuck on shardId-.*: \d+ records are discarded, \d+ in discards",
    ),
    "a drop of other records": (
        lambda seen: replace(
            seen,
            discards=changed(
                seen.discards,
                place(seen.discards, event_source_mapping="flaky"),
                first_sequence_number=10**6,
                last_sequence_number=10**6,
            ),
        ),
        "discards match the log",
        "is discarded, and lies in no drop",
    ),
    "an invocation is missing": (
        lambda seen: replace(seen, invocations=without(seen.invocations, place(seen.invocations, outcome="success"))),
        "deliveries add up",
        r"\d+ deliveries of records, \d+ in invocations",
    ),
    "a record was completed when nothing ended": (
        broken("stream_log", first(**DONE), completed_s=124.9),
        "deliveries add up",
        r"no invocation accounts for completed_s = 124.9",
    ),
    "two batches of a lane overlap": (
        lambda seen: replace(seen, invocations=seen.invocations.assign(duration_s=seen.invocations["duration_s"] * 2)),
        "one batch at a time",
        "started while another one of its lane ran",
    ),
    "an invocation is not billed": (
        broken("invocations", first(outcome="success"), billed_ms=0),
        "what ran is billed",
        "is billed 0 ms",
    ),
    "a throttle is billed": (
        broken("invocations", first(outcome="throttled"), billed_ms=1),
        "what ran is billed",
        "is billed 1 ms",
    ),
    "a part of a latency is too long": (
        broken("latency_parts", lambda parts: 3, handler_s=9.0),
        "latency parts sum",
        "the parts do not sum to latency_s",
    ),
    "a latency is missing": (
        lambda seen: replace(seen, latency_parts=seen.latency_parts.iloc[1:]),
        "latency parts sum",
        "the records in latency_parts are not those that were processed",
    ),
    "a part of a wait is too long": (
        broken("waiting_parts", lambda parts: 0, queue_wait_s=9.0),
        "latency parts sum",
        "the parts do not sum to waited_s",
    ),
    "a record that waits is missing": (
        lambda seen: replace(seen, waiting_parts=seen.waiting_parts.iloc[1:]),
        "latency parts sum",
        "the records in waiting_parts are not those that were still waiting",
    ),
    "records stayed longer than their latencies say": (
        lambda seen: replace(
            seen, stream_log=seen.stream_log.assign(completed_s=seen.stream_log["completed_s"] + 0.01)
        ),
        "Little's law",
        r"flaky: .* records in the system on average, and .* records/s x ",
    ),
    "a minute lost an invocation": (
        broken("metrics", lambda rows: 0, Invocations=0),
        "metrics add up",
        "flaky, minute 0 s: Invocations is 0",
    ),
    "a minute lost its write units": (
        broken("metrics", lambda rows: 1, ConsumedWriteCapacityUnits=0),
        "metrics add up",
        "flaky, minute 60 s: ConsumedWriteCapacityUnits",
    ),
    "a longest duration is too short": (
        lambda seen: replace(seen, metrics=seen.metrics.assign(Duration_Maximum=1.0)),
        "metrics add up",
        "Duration_Maximum is 1.0, the other frames say otherwise",
    ),
    "a minute ran fewer at once": (
        broken("metrics", lambda rows: 1, ConcurrentExecutions=0),
        "metrics add up",
        "flaky, minute 60 s: ConcurrentExecutions is 0, the other frames say otherwise",
    ),
    "a minute's mean age is another": (
        broken("metrics", lambda rows: 0, IteratorAge_Average=1.0),
        "metrics add up",
        "flaky, minute 0 s: IteratorAge_Average is 1.0, the other frames say otherwise",
    ),
    "a minute lost the records of failed batches": (
        lambda seen: replace(seen, metrics=seen.metrics.assign(FailedInvokeEventCount=0)),
        "metrics add up",
        "FailedInvokeEventCount is 0, the other frames say otherwise",
    ),
    "a minute sent more records than were in its batches": (
        broken("metrics", lambda rows: 1, InvokedEventCount=10**6),
        "metrics add up",
        "flaky, minute 60 s: InvokedEventCount is 1000000, the other frames say otherwise",
    ),
    "a minute filtered out what the log did not": (
        broken("metrics", lambda rows: 1, FilteredOutEventCount=4),
        "metrics add up",
        "flaky: FilteredOutEventCount sums to 4, of 0 records",
    ),
    "more records were read than there are": (
        broken("metrics", lambda rows: 1, PolledEventCount=10**6),
        "metrics add up",
        r"flaky: PolledEventCount sums to 1,\d+,\d+, not in ",
    ),
    "the table has other metrics beside another mapping": (
        broken("metrics", lambda rows: 0, WriteThrottleEvents=3),
        "metrics add up",
        "WriteThrottleEvents is .*, and not so elsewhere",
    ),
    "two consumers were given the same record of other items": (
        broken("stream_log", first(**DONE), item_id=-7),
        "consumers agree",
        "item_id is .*, and not so for another consumer",
    ),
    "a record is older than its write": (
        lambda seen: replace(seen, stream_log=seen.stream_log.assign(written_s=seen.stream_log["written_s"] - 1e-3)),
        "records match",
        "record 0: written_s is .*, and not so for its write",
    ),
    "a record tells of another change than its write": (
        lambda seen: replace(seen, stream_log=seen.stream_log.assign(event_name="REMOVE")),
        "records match",
        "record 0: event_name is REMOVE, and not so for its write",
    ),
    "a record was written to a shard that was closed": (
        broken("shards", lambda shards: 0, closed_s=0.5),
        "records match",
        "when there was no shardId-",
    ),
    "a shard holds other bytes than its records": (
        broken("shards", lambda shards: 1, bytes=1),
        "records match",
        "shardId-.*: bytes is 1, the log says otherwise",
    ),
    "a shard begins at a number that no record has": (
        broken("shards", lambda shards: 1, first_sequence_number=0),
        "records match",
        "shardId-.*: first_sequence_number is 0, the log says otherwise",
    ),
    "a shard is there twice": (
        lambda seen: replace(seen, shards=pd.concat([seen.shards, seen.shards.iloc[[0]]])),
        "records match",
        "shardId-.* has two rows",
    ),
    "a first attempt is missing": (
        broken("invocations", first(attempt=1, outcome="success"), attempt=2),
        "attempts follow",
        "attempt 2 .* has none before it",
    ),
    "a retry went to another lane": (
        broken("invocations", first(attempt=2), lane=5),
        "attempts follow",
        "another has another lane",
    ),
    "a retry was sent other records": (
        broken("invocations", first(attempt=2), payload_bytes=1),
        "attempts follow",
        "another has other records",
    ),
    "a mapping invoked two functions": (
        lambda seen: replace(
            seen,
            invocations=changed(seen.invocations, place(seen.invocations, function="flaky"), function="stuck"),
        ),
        "attempts follow",
        "flaky has invoked 2 functions",
    ),
    "a record has no size": (
        broken("stream_log", lambda log: 7, size_bytes=0),
        "sizes positive",
        "record 7 has 0 bytes",
    ),
    "a reader lacks a record": (
        lambda seen: replace(seen, read_log=without(seen.read_log, 5)),
        "readers see each record",
        "search has not each of",
    ),
    "a reader has a record of another size": (
        broken("read_log", first(outcome="read"), size_bytes=7),
        "readers see each record",
        "size_bytes is 7, and not so in the stream",
    ),
    "a reader read before there was anything": (
        broken("read_log", first(outcome="read"), read_s=0.0),
        "reads in order",
        "was read before it was visible",
    ),
    "a record is called read": (
        broken("read_log", lambda log: int(np.flatnonzero(log["read_s"].isna())[0]), outcome="read"),
        "reads in order",
        "is read, and read_s is nan",
    ),
    "a record is called expired": (
        broken("read_log", lambda log: int(np.flatnonzero(log["read_s"].isna())[-1]), outcome="expired"),
        "reads in order",
        "expired before the retention of 70 s",
    ),
    "a reader read a shard out of order": (
        broken("read_log", first(outcome="read"), read_s=69.9),
        "reads in order",
        "was read before the one that precedes it",
    ),
    "a call brought more than was read": (
        lambda seen: replace(seen, reads=changed(seen.reads, 0, records=9_999)),
        "reads add up",
        "records is 9999, the log of the reads says otherwise",
    ),
    "a call is missing": (
        lambda seen: replace(seen, reads=without(seen.reads, place(seen.reads, minute_s=60.0))),
        "reads add up",
        "records were read in 1 minutes without a call",
    ),
    "an empty batch was sent": (
        broken("invocations", lambda rows: 2, records=0),
        "sizes positive",
        "0 records",
    ),
    "an expired item is charged": (
        broken("writes", lambda writes: 3, kind="ttl"),
        "sizes positive",
        "has no size, or the wrong units",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_broken_is_found(result, what):
    break_it, name, detail = BROKEN[what]
    table = check(break_it(result.evidence())).set_index("check")
    assert not table.loc[name, "ok"]
    assert table.loc[name, "problems"] >= 1
    assert pd.Series([table.loc[name, "detail"]]).str.contains(detail).all(), table.loc[name, "detail"]


def test_every_check_is_broken_by_something():
    assert {name for _, name, _ in BROKEN.values()} == set(RULES)


def test_the_summary_tells_of_a_check_that_fails(result):
    again = ds.simulate(scenario(), rng=7, progress=False)
    assert "contradict" not in str(again.summary)
    again = ds.simulate(scenario(), rng=7, progress=False)
    again._made["metrics"] = again.metrics.assign(Throttles=0)
    (note,) = [note for note in again.summary.warnings if "contradict" in note]
    assert note.startswith("the frames contradict themselves (metrics add up): ")
    assert note.endswith("see result.check()")


def test_a_run_whose_table_throttles_passes():
    throttled = ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=40),
        table=ds.Table(partitions=1, billing=ds.Provisioned(write_capacity_units=20, initial_burst_s=0)),
        duration_s=70,
    )
    result = ds.simulate(throttled, rng=7, progress=False)
    assert set(result.writes["outcome"]) == {"admitted", "lost", "waiting"}
    table = result.check()
    assert table["ok"].all(), table.loc[~table["ok"], "detail"].tolist()


def test_a_run_without_writes_passes():
    empty = ds.simulate(ds.Scenario(workload=ds.ConstantWrites(rate_per_s=0), duration_s=10), rng=7, progress=False)
    assert empty.check()["ok"].all()


BRACES = ("{name}", "{0.__class__}", "{record_id.__class__}", "{", "}}{{", "{event_source_mapping!r:>999999}")


def renamed(seen, name):
    """Return the evidence of a run whose mapping has another name."""

    def with_name(frame):
        return frame.assign(event_source_mapping=name) if "event_source_mapping" in frame else frame

    frames = {one: with_name(getattr(seen, one)) for one in ("stream_log", "invocations", "discards", "metrics")}
    limits = {
        one: dict.fromkeys([name], *getattr(seen, one).values())
        for one in ("maximum_retry_attempts", "maximum_record_age_in_seconds")
    }
    return replace(seen, latency_parts=with_name(seen.latency_parts), **frames, **limits)


@pytest.mark.parametrize("name", BRACES)
def test_a_name_with_braces_is_told_and_never_read(name):
    failures = ds.Failures(error_probability=0.3)
    mapping = ds.EventSourceMapping(
        name=name, function=ds.Function(failures=failures), maximum_retry_attempts=0, on_failure=ds.Destination("sqs")
    )
    scenario = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=20), duration_s=20, event_source_mappings=mapping)
    seen = ds.simulate(scenario, rng=7, progress=False).evidence()
    assert check(seen)["ok"].all()
    broken = replace(
        seen,
        stream_log=seen.stream_log.assign(received_s=lambda log: log["received_s"] + 0.5, outcome="nonsense"),
        invocations=seen.invocations.assign(billed_ms=-1, records=-1, attempt=7),
        metrics=seen.metrics.assign(Invocations=-1),
        latency_parts=seen.latency_parts.assign(latency_s=-1.0),
        discards=seen.discards.assign(condition="RecordAgeExceeded"),
    )
    told = check(broken)
    assert (~told["ok"]).sum() > 6
    details = " ".join(told.loc[~told["ok"], "detail"])
    assert name in details
    assert "<class" not in details
