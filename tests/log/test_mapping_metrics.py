"""CloudWatch's metrics of a mapping, minute by minute."""

import pytest
from hypothesis import given, settings
from lab import Notes, counted, numbered, raising, reporting, run
from random_scenarios import scenarios, seeds

import ddbsim as ds

# one failure in a partial answer counts its whole batch as failed
FAILED = ("partial", "error", "timeout", "out_of_memory", "too_large", "throttled")

NO_RETRY = {"maximum_retry_attempts": 0}


def by_minute(result, name):
    return result.metrics[name].tolist()


def test_each_record_counts_in_the_minute_in_which_it_was_read_sent_and_failed():
    writes = [*numbered(3, at_s=30.0), *numbered(2, at_s=59.5)]
    # three records are read and sent in the first minute, two are read in it, sent in it, and fail in the second
    slow = {"duration": ds.Duration(base_s=2.0, noise=None), "timeout_s": 10}
    _, result = run(writes, raising(), duration_s=130.0, function=slow, mapping=NO_RETRY)
    assert by_minute(result, "PolledEventCount") == [5, 0, 0]
    assert by_minute(result, "InvokedEventCount") == [5, 0, 0]
    assert by_minute(result, "FailedInvokeEventCount") == [3, 2, 0]


def test_an_attempt_fails_in_the_minute_in_which_its_environment_is_up_and_its_handler_through():
    slow = {
        "duration": ds.Duration(base_s=4.0),
        "cold_start": ds.ColdStart(init=4.0, placement_s=0.0),
        "timeout_s": 10,
    }
    _, result = run(numbered(3, at_s=54.0), raising(), duration_s=90.0, function=slow, mapping=NO_RETRY)
    assert by_minute(result, "InvokedEventCount") == [3, 0]
    assert by_minute(result, "FailedInvokeEventCount") == [0, 3]
    assert result.check()["ok"].all()


def test_an_invocation_is_concurrent_in_each_minute_that_it_reaches():
    long = {"duration": ds.Duration(base_s=100.0), "timeout_s": 900}
    _, result = run(numbered(1, at_s=30.0), duration_s=250.0, function=long)
    assert by_minute(result, "ConcurrentExecutions") == [1, 1, 1, 0, 0]
    assert by_minute(result, "Invocations") == [1, 0, 0, 0, 0]


def test_what_begins_and_ends_within_a_minute_is_concurrent_in_no_other():
    at_once = ds.Stream(view_type="NEW_AND_OLD_IMAGES", visibility_delay=0.05)
    quick = {"duration": ds.Duration(base_s=0.1)}
    _, result = run(numbered(1, at_s=120.05), duration_s=240.0, function=quick, stream=at_once)
    assert 120 < result.invocations["started_s"].item() < 121
    assert by_minute(result, "ConcurrentExecutions") == [0, 0, 1, 0]


def test_one_that_is_still_running_is_concurrent_to_the_end_and_the_next_of_its_lane_begins_after_it():
    long = {"duration": ds.Duration(base_s=50.0), "timeout_s": 900}
    _, result = run(numbered(4, at_s=50.0), duration_s=200.0, function=long, mapping={"batch_size": 1})
    assert result.invocations["outcome"].tolist() == ["success", "success", "running"]
    assert by_minute(result, "ConcurrentExecutions") == [1, 1, 1, 1]
    assert result.check()["ok"].all()


def test_what_is_sent_again_counts_again_and_a_partial_answer_fails_the_batch():
    reports = {"maximum_retry_attempts": 1, "function_response_types": ["ReportBatchItemFailures"]}
    notes, result = run(numbered(4), reporting(2), mapping=reports)
    assert notes.batches == [[1, 2, 3, 4], [2, 3, 4], [2, 3, 4]]
    metrics = counted(result)
    assert metrics["PolledEventCount"] == 4
    assert metrics["InvokedEventCount"] == metrics["FailedInvokeEventCount"] == 4 + 3 + 3
    assert metrics["OnFailureDestinationDeliveredEventCount"] == metrics["DroppedEventCount"] == 0


def test_filtered_records_are_polled_and_not_sent():
    writes = [(10.0 + n, "put", {"pk": f"{n}", "ordinal": n, "keep": n % 3 == 0}) for n in range(9)]
    pattern = {"dynamodb": {"NewImage": {"keep": {"BOOL": [True]}}}}
    notes, result = run(writes, mapping={"filter_criteria": [pattern]})
    assert [n for batch in notes.batches for n in batch] == [0, 3, 6]
    metrics = counted(result)
    names = ("PolledEventCount", "FilteredOutEventCount", "InvokedEventCount")
    assert [metrics[name] for name in names] == [9, 6, 3]


@pytest.mark.parametrize("denied", [0.0, 1.0])
def test_what_is_given_up_counts_as_delivered_or_as_dropped(denied):
    given_up = {
        "batch_size": 2,
        "maximum_retry_attempts": 0,
        "on_failure": ds.Destination("sns", failure_probability=denied),
    }
    _, result = run(numbered(4), raising(), mapping=given_up)
    metrics = counted(result)
    assert metrics["OnFailureDestinationDeliveredEventCount"] == 4 * (1 - denied)
    assert metrics["DroppedEventCount"] == 4 * denied
    assert metrics["DestinationDeliveryFailures"] == 2 * denied


def test_each_mapping_has_its_own_counts():
    keeping = ds.EventSourceMapping(function=ds.Function(name="all", handler=Notes()))
    filtering = ds.EventSourceMapping(
        function=ds.Function(name="inserts", handler=Notes()), filter_criteria=[{"eventName": ["INSERT"]}]
    )
    writes = [(10.0 + n, "put", {"pk": "one", "ordinal": n}) for n in range(5)]
    scenario = ds.Scenario(workload=ds.ItemWrites(writes), event_source_mappings=(keeping, filtering), duration_s=60)
    metrics = ds.simulate(scenario, rng=7, progress=False).metrics.set_index("event_source_mapping")
    assert metrics.loc["all", ["PolledEventCount", "InvokedEventCount"]].tolist() == [5, 5]
    counts = ["PolledEventCount", "FilteredOutEventCount", "InvokedEventCount"]
    assert metrics.loc["inserts", counts].tolist() == [5, 4, 1]


@given(scenario=scenarios(), seed=seeds)
@settings(max_examples=15)
def test_the_metrics_re_add_to_the_frames(scenario, seed):
    result = ds.simulate(scenario, rng=seed, progress=False)
    for label, metrics in result.metrics.groupby("event_source_mapping", observed=True):
        log = result.stream_log[result.stream_log["event_source_mapping"] == label]
        sent = result.invocations[result.invocations["event_source_mapping"] == label]
        sums = metrics.drop(columns="minute_s").sum(numeric_only=True)
        assert sums["FilteredOutEventCount"] == (log["outcome"] == "filtered").sum()
        assert sums["InvokedEventCount"] == sent["records"].sum()
        assert sums["FailedInvokeEventCount"] == sent.loc[sent["outcome"].isin(FAILED), "records"].sum()
        handed = (log["deliveries"] > 0).sum()
        assert handed + sums["FilteredOutEventCount"] <= sums["PolledEventCount"] <= len(log)
        assert sums["DroppedEventCount"] == sums["OnFailureDestinationDeliveredEventCount"] == 0
