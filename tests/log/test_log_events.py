"""The story of a run: whole frames of tiny scenarios, the order of events, and what no story is told of."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from random_scenarios import scenarios, seeds

import ddbsim as ds
from ddbsim.log.events import EVENTS, TooLongAStoryError
from ddbsim.log.sentences import names_of
from ddbsim.randomness import RandomStreams

NO_COLD_START = ds.ColdStart(init=0.0, placement_s=0.0)
NO_DESTINATION = "there is no on-failure destination, so nothing tells of it"


def writes_at(*times, items=None, operation=None, size=100):
    count = len(times)
    operation = operation or ["MODIFY"] * count
    return ds.ReplayWrites(
        columns={
            "at_s": list(times),
            "item_id": list(range(count)) if items is None else items,
            "operation": operation,
            "bytes_before": [0 if name == "INSERT" else size for name in operation],
            "bytes_after": [0 if name == "REMOVE" else size for name in operation],
        }
    )


def simulate(workload, *, function=None, duration_s=5.0, stream=None, account_concurrency=1_000, **mapping):
    function = {"name": "indexer", "duration": ds.Duration(base_s=0.5), "cold_start": NO_COLD_START} | (function or {})
    mapping = {"poller": ds.Poller(turnaround_s=0.0)} | mapping
    scenario = ds.Scenario(
        workload=workload,
        table=ds.Table(partitions=1),
        stream=ds.Stream(visibility_delay=0.0, **(stream or {})),
        event_source_mappings=ds.EventSourceMapping(function=ds.Function(**function), **mapping),
        duration_s=duration_s,
        account_concurrency=account_concurrency,
    )
    return ds.simulate(scenario, rng=7, progress=False)


def story(result):
    """The frame as tuples, times rounded to the microsecond."""
    columns = ("time_s", "where", "what", "record_ids", "sentence")
    rows = zip(*(result.events[name] for name in columns), strict=True)
    return [(round(time_s, 6), *rest) for time_s, *rest in rows]


def told(result, *what):
    return [(row[2], row[4]) for row in story(result) if row[2] in what]


#: The first poll after time 0, of mapping "indexer" on shard 0 under seed 7.
TICK = round(float(RandomStreams(7)("poller.phase/indexer/0").uniform(0.0, 0.25)), 6)
LANE = "indexer, shard 0"


def test_two_writes_from_the_table_to_the_function():
    cold = ds.ColdStart(init=0.3, placement_s=0.1)
    result = simulate(
        writes_at(0.0, 0.0, 4.9, items=[7, 8, 9], operation=["INSERT", "REMOVE", "MODIFY"]),
        function={"cold_start": cold},
        batch_size=2,
    )
    assert story(result) == [
        (0.0, "table", "write", (0,), "Item 7 was inserted: record 0."),
        (0.0, "table", "write", (1,), "Item 8 was removed: record 1."),
        (0.0, "shard 0", "visible", (0, 1), "Records 0-1 can be read on shard 0."),
        (TICK, LANE, "poll", (0, 1), "A poll of shard 0 brought records 0-1."),
        (TICK, LANE, "batch closed", (0, 1), "The batch of records 0-1 closed: it was full (2 records)."),
        (
            TICK,
            LANE,
            "cold start",
            (0, 1),
            "No environment was free: a new one takes 0.1 s to be placed and 0.3 s to start.",
        ),
        (TICK + 0.4, LANE, "attempt started", (0, 1), "Attempt 1 of the batch of records 0-1 started."),
        (TICK + 0.9, LANE, "attempt ended", (0, 1), "Attempt 1 of the batch of records 0-1 succeeded after 0.5 s."),
        (4.9, "table", "write", (2,), "Item 9 was changed: record 2."),
        (4.9, "shard 0", "visible", (2,), "Record 2 can be read on shard 0."),
        (5.0, "indexer", "run ended", (2,), "The run ended while record 2 was not yet done."),
    ]


def test_a_bad_record_is_isolated_by_bisecting_and_given_up():
    result = simulate(
        writes_at(0.0, 0.0, 0.0),
        function={"failures": ds.Failures(poison_items=(0,))},
        batch_size=3,
        bisect_batch_on_function_error=True,
        maximum_retry_attempts=1,
    )
    short = TICK + 0.5
    assert [row for row in story(result) if row[1] == LANE][2:] == [
        (TICK, LANE, "attempt started", (0, 1, 2), "Attempt 1 of the batch of records 0-2 started."),
        (short, LANE, "attempt ended", (0, 1, 2), "Attempt 1 of the batch of records 0-2 failed after 0.5 s."),
        (
            short,
            LANE,
            "bisected",
            (0, 1, 2),
            "The batch of records 0-2 was split: record 0 goes first; splitting uses no retry.",
        ),
        (short, LANE, "attempt started", (0,), "Attempt 1 of the batch of record 0 started."),
        (short + 0.5, LANE, "attempt ended", (0,), "Attempt 1 of the batch of record 0 failed after 0.5 s."),
        (short + 0.5, LANE, "retry", (0,), "The batch of record 0 is to be sent again in 0.2 s: retry 1 of 1."),
        (short + 0.7, LANE, "attempt started", (0,), "Attempt 2 of the batch of record 0 started."),
        (short + 1.2, LANE, "attempt ended", (0,), "Attempt 2 of the batch of record 0 failed after 0.5 s."),
        (short + 1.2, LANE, "discarded", (0,), f"Record 0 was given up (RetryAttemptsExhausted): {NO_DESTINATION}."),
        (short + 1.2, LANE, "attempt started", (1, 2), "Attempt 1 of the batch of records 1-2 started."),
        (short + 1.7, LANE, "attempt ended", (1, 2), "Attempt 1 of the batch of records 1-2 succeeded after 0.5 s."),
    ]


def test_a_partial_response_moves_the_checkpoint():
    result = simulate(
        writes_at(0.0, 0.0, 0.0, 0.0),
        function={"failures": ds.Failures(poison_items=(2,))},
        batch_size=4,
        function_response_types=("ReportBatchItemFailures",),
        maximum_retry_attempts=0,
    )
    assert told(result, "attempt ended", "partial success", "discarded", "retry", "bisected") == [
        ("attempt ended", "Attempt 1 of the batch of records 0-3 reported failed records after 0.5 s."),
        (
            "partial success",
            "Records 0-1 are done: the checkpoint is record 2, and what begins there comes again as a new batch.",
        ),
        ("attempt ended", "Attempt 1 of the batch of records 2-3 reported failed records after 0.5 s."),
        ("discarded", f"Records 2-3 were given up (RetryAttemptsExhausted): {NO_DESTINATION}."),
    ]


def test_why_batches_close():
    def reasons(result):
        return [sentence.split("closed: ")[1] for _, sentence in told(result, "batch closed")]

    assert reasons(simulate(writes_at(0.0, 0.0, 0.0), batch_size=2)) == [
        "it was full (2 records).",
        "there is no window, so what had been read goes at once.",
    ]
    windowed = simulate(writes_at(0.0, 0.0, 0.0), batch_size=2, maximum_batching_window_in_seconds=2)
    assert reasons(windowed) == ["it was full (2 records).", "its window of 2 s ended."]
    # 17 records of two images of 200 KB exceed 6 MB as JSON; a read brings two or three
    large = writes_at(*[0.0] * 17, size=200_000)
    assert reasons(simulate(large, maximum_batching_window_in_seconds=5, duration_s=12.0)) == [
        "one more record would have exceeded the payload of 6 MB.",
        "its window of 5 s ended.",
    ]


def test_throttles_wait_and_use_no_retry():
    result = simulate(writes_at(0.0), function={"reserved_concurrency": 0}, duration_s=0.7)
    assert told(result, "throttled", "attempt started", "retry") == [
        ("throttled", "No concurrency was left: the batch of record 0 waits 0.2 s; a throttle uses no retry."),
        # the run ends before the third attempt
        ("throttled", "No concurrency was left: the batch of record 0 waits; a throttle uses no retry."),
    ]


def test_records_too_old_are_dropped_before_they_are_sent():
    outage = ds.Failures(outages=ds.Outage(start_s=0.0, end_s=80.0, kind="timeout"))
    result = simulate(
        writes_at(0.0, 30.0, items=[1, 1], operation=["INSERT", "MODIFY"]),
        function={"failures": outage, "timeout_s": 40},
        maximum_record_age_in_seconds=60,
        duration_s=150.0,
    )
    assert told(result, "attempt ended", "retry", "discarded") == [
        ("attempt ended", "Attempt 1 of the batch of record 0 was ended by the timeout after 40 s."),
        ("retry", "The batch of record 0 is to be sent again in 0.2 s: retry 1."),
        ("attempt ended", "Attempt 2 of the batch of record 0 was ended by the timeout after 40 s."),
        ("retry", "The batch of record 0 is to be sent again in 0.4 s: retry 2."),
        ("discarded", f"Record 0 was given up (RecordAgeExceeded): {NO_DESTINATION}."),
        ("attempt ended", "Attempt 1 of the batch of record 1 succeeded after 0.5 s."),
    ]


def test_a_head_too_old_at_closing_belongs_to_the_batch_that_closed():
    slow = ds.Duration(base_s=3.0)
    result = simulate(
        writes_at(0.0, 0.5, 2.0),
        function={"duration": slow, "timeout_s": 4},
        stream={"retention_s": 2.0},
        duration_s=8.0,
    )
    assert told(result, "batch closed", "expired", "attempt started") == [
        ("batch closed", "The batch of record 0 closed: there is no window, so what had been read goes at once."),
        ("attempt started", "Attempt 1 of the batch of record 0 started."),
        ("batch closed", "The batch of records 1-2 closed: there is no window, so what had been read goes at once."),
        ("expired", "Record 1 was trimmed from the stream: older than its retention."),
        ("attempt started", "Attempt 1 of the batch of record 2 started."),
    ]


def test_a_write_that_changes_nothing_makes_no_record():
    result = simulate(writes_at(0.0, 0.0, items=[4, 4], operation=["NO_OP", "MODIFY"]))
    assert told(result, "write") == [
        ("write", "A write left item 4 as it was: the stream gets no record."),
        ("write", "Item 4 was changed: record 0."),
    ]
    assert story(result)[0][3] == ()


def test_shards_close_and_their_children_open():
    # the child is discovered at once
    poller = ds.Poller(turnaround_s=0.0, shard_discovery_delay=0.0)
    result = simulate(writes_at(0.0, 3.0), stream={"shard_lifetime": 2.5}, poller=poller)
    assert told(result, "shard closed", "shard opened", "poll") == [
        ("poll", "A poll of shard 0 brought record 0."),
        ("shard closed", "Shard 0 closed: no more records go to it."),
        ("shard opened", "Shard 1 opened: it goes on from shard 0."),
        ("poll", "A poll of shard 1 brought record 1."),
    ]


def test_writes_after_the_stream_was_disabled_make_no_record():
    result = simulate(writes_at(0.0, 3.0), stream={"disabled_s": 1.0})
    assert told(result, "write", "shard closed") == [
        ("write", "Item 0 was changed: record 0."),
        ("shard closed", "Shard 0 closed: no more records go to it."),
        ("write", "Item 1 was changed: the stream is disabled and gets no record."),
    ]


def test_a_tumbling_window_ends_with_a_call_of_its_own():
    result = simulate(writes_at(0.0, 1.0, 12.0), tumbling_window_in_seconds=10, duration_s=15.0)
    assert told(result, "batch closed", "window ended", "attempt started", "bisected") == [
        ("batch closed", "The batch of record 0 closed: there is no window, so what had been read goes at once."),
        ("attempt started", "Attempt 1 of the batch of record 0 started."),
        ("batch closed", "The batch of record 1 closed: there is no window, so what had been read goes at once."),
        ("attempt started", "Attempt 1 of the batch of record 1 started."),
        ("window ended", "The tumbling window is over: a last call without records is to end it."),
        ("attempt started", "Attempt 1 of the call that ends the tumbling window started."),
        ("batch closed", "The batch of record 2 closed: there is no window, so what had been read goes at once."),
        ("attempt started", "Attempt 1 of the batch of record 2 started."),
    ]
    table = result.check()
    assert table["ok"].all(), table.loc[~table["ok"], "detail"].tolist()


def test_a_mapping_that_is_disabled_pauses_and_resumes():
    poller = ds.Poller(activation_delay=1.0)
    result = simulate(
        writes_at(0.0, 3.0), poller=poller, suspensions=ds.Suspension(start_s=2.0, end_s=4.0), duration_s=8.0
    )
    assert [row[:3] for row in story(result) if row[2].startswith("mapping ")] == [
        (2.0, "indexer", "mapping paused"),
        (5.0, "indexer", "mapping resumed"),
    ]
    (_, (time_s, *_)) = [row for row in story(result) if row[2] == "attempt started"]
    assert time_s >= 5.0


def test_filtered_records_are_told_with_the_poll_that_brought_them():
    result = simulate(
        writes_at(0.0, 0.0, items=[1, 2], operation=["INSERT", "MODIFY"]),
        filter_criteria=({"eventName": ["MODIFY"]},),
    )
    assert [row[0:4] for row in story(result) if row[2] in ("poll", "filtered", "batch closed")] == [
        (TICK, LANE, "poll", (0, 1)),
        (TICK, LANE, "filtered", (0,)),
        (TICK, LANE, "batch closed", (1,)),
    ]


def test_a_discard_names_the_destination():
    result = simulate(
        writes_at(0.0),
        function={"failures": ds.Failures(poison_items=(0,))},
        maximum_retry_attempts=0,
        on_failure=ds.Destination("sqs", name="failed"),
    )
    assert told(result, "discarded") == [
        (
            "discarded",
            "Record 0 was given up (RetryAttemptsExhausted): the sqs destination failed is to get a document of it.",
        )
    ]


def test_lanes_have_names_of_their_own_where_there_are_several():
    result = simulate(writes_at(*[0.0] * 8), parallelization_factor=2, batch_size=8)
    lanes = {where for _, where, what, *_ in story(result) if what == "attempt started"}
    assert lanes == {f"{LANE}, lane 0", f"{LANE}, lane 1"}


def test_records_are_named_by_their_runs():
    assert names_of((2,)) == "record 2"
    assert names_of((2, 3, 4, 9, 11, 12)) == "records 2-4, 9 and 11-12"
    assert names_of(tuple(range(0, 40, 2))) == "records 0, 2, 4, 6, ... (20 in all)"


def test_a_run_without_writes_has_no_events():
    assert list(simulate(ds.ConstantWrites(rate_per_s=0)).events.dtypes.astype(str)) == [
        "float64",
        "str",
        "str",
        "object",
        "str",
    ]


def test_a_long_run_is_refused_with_what_to_use_instead():
    scenario = ds.Scenario(workload=ds.ConstantWrites(rate_per_s=1_000), duration_s=20)
    with pytest.raises(TooLongAStoryError, match=r"at most 20,000 .* got .*use stream_log and invocations"):
        _ = ds.simulate(scenario, rng=7, progress=False).events


def test_a_saved_result_tells_the_same_events(tmp_path):
    result = simulate(writes_at(0.0))
    result.to_parquet(tmp_path / "run")
    for again in (ds.read_result(tmp_path / "run"), pickle.loads(pickle.dumps(result))):
        assert story(again) == story(result)


def test_events_that_were_made_are_pickled():
    result = simulate(writes_at(0.0))
    before = story(result)
    assert story(pickle.loads(pickle.dumps(result))) == before


@given(scenario=scenarios(), seed=seeds)
def test_every_story_is_in_order_and_agrees_with_the_frames(scenario, seed):
    result = ds.simulate(scenario, rng=seed, progress=False)
    assume(len(result.stream_log) + len(result.invocations) < 3_000)  # longer ones tell no other story
    events, rows = result.events, result.invocations
    assert (events["time_s"].diff().dropna() >= 0).all()
    assert set(events["what"]) <= set(EVENTS)
    counts = events["what"].value_counts().reindex(EVENTS, fill_value=0)
    handler_s = rows["started_s"] + rows["init_s"]
    started = rows[(rows["outcome"] != "throttled") & (handler_s <= result.ended_s)]
    assert counts["attempt started"] == len(started)
    assert counts["attempt ended"] == (~rows["outcome"].isin(("throttled", "running"))).sum()
    assert counts["throttled"] == (rows["outcome"] == "throttled").sum()
    assert counts["discarded"] + counts["expired"] == len(result.discards)
    assert counts["write"] == len(result.writes)
    check_causes(events, result.stream_log.query("received_s <= @result.ended_s"))


def check_causes(events, log):
    """Whatever holds a record comes after what brought it; a lane's attempts do not overlap."""
    for mapping, mine in log.groupby("event_source_mapping", observed=True):
        first = {what: {} for what in ("write", "visible", "poll", "batch closed", "attempt started")}
        of_mapping = events["where"].str.startswith(f"{mapping},") | events["what"].isin(("write", "visible"))
        for row in events[of_mapping].itertuples():
            for record in row.record_ids:
                first.get(row.what, {}).setdefault(record, row.Index)
        for record in mine["record_id"]:
            places = [first[what][record] for what in first]
            assert places == sorted(places)
    for _, lane in events[events["what"].isin(("attempt started", "attempt ended"))].groupby("where"):
        assert all(one != other for one, other in pairwise(lane["what"]))
        assert np.all(lane["what"].iloc[::2] == "attempt started")
