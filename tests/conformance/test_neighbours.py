"""Behaviour next to what was recorded: the rules behind the cases, under other sizes, answers and settings."""

import json

import numpy as np
import pytest
from lab import AT_S, always, numbered, ordinal, raising, reporting, run, told

import ddbsim as ds

REPORTS = ("ReportBatchItemFailures",)


def mapping(size, retries, **fields):
    return {"batch_size": size, "maximum_retry_attempts": retries, "on_failure": ds.Destination("sqs"), **fields}


# --- answers ----------------------------------------------------------------------------------------------------------

SUCCESS = [None, "", [], {}, {"batchItemFailures": []}, {"batchItemFailures": None}, {"statusCode": 500}, 0, "done"]
FAILURE = [
    {"batchItemFailures": [{"itemIdentifier": None}]},
    {"batchItemFailures": [{"itemIdentifier": ""}]},
    {"batchItemFailures": [{"itemIdentifier": "unknown"}]},
    {"batchItemFailures": [{"itemIdentifier": 7}]},
    {"batchItemFailures": [{"foo": None}]},
    {"batchItemFailures": [{}]},
]


@pytest.mark.parametrize("answer", SUCCESS, ids=json.dumps)
def test_an_answer_without_failures_is_a_success(answer):
    notes, result = run(numbered(3), always(answer), mapping=mapping(3, 0, function_response_types=REPORTS))
    assert notes.batches == [[1, 2, 3]]
    assert told(result) == []


@pytest.mark.parametrize("answer", FAILURE, ids=json.dumps)
def test_a_wrong_identifier_fails_the_whole_batch(answer):
    notes, result = run(numbered(3), always(answer), mapping=mapping(3, 1, function_response_types=REPORTS))
    assert notes.batches == [[1, 2, 3]] * 2
    assert [(one["functionError"], one["batch"]) for one in told(result)] == [(None, [1, 2, 3])]


@pytest.mark.parametrize("answer", FAILURE, ids=json.dumps)
def test_failures_are_ignored_where_they_are_not_asked_for(answer):
    notes, result = run(numbered(3), always(answer), mapping=mapping(3, 1))
    assert notes.batches == [[1, 2, 3]]
    assert told(result) == []


@pytest.mark.parametrize("bad", [(4, 2), (2, 4), (2, 3, 4), (2, 2)], ids=str)
def test_the_lowest_identifier_is_the_checkpoint(bad):
    def answer(event, context):
        numbers = {ordinal(record): record["dynamodb"]["SequenceNumber"] for record in event["Records"]}
        return {"batchItemFailures": [{"itemIdentifier": numbers[n]} for n in bad if n in numbers]}

    notes, result = run(numbered(4), answer, mapping=mapping(4, 0, function_response_types=REPORTS))
    assert notes.batches == [[1, 2, 3, 4], [2, 3, 4]]
    assert [one["batch"] for one in told(result)] == [[2, 3, 4]]


def test_an_unknown_identifier_among_known_ones_fails_the_whole_batch():
    def answer(event, context):
        known = event["Records"][2]["dynamodb"]["SequenceNumber"]
        return {"batchItemFailures": [{"itemIdentifier": known}, {"itemIdentifier": "unknown"}]}

    notes, result = run(numbered(4), answer, mapping=mapping(4, 1, function_response_types=REPORTS))
    assert notes.batches == [[1, 2, 3, 4]] * 2
    assert [one["batch"] for one in told(result)] == [[1, 2, 3, 4]]


def test_an_identifier_as_a_number_names_no_record():
    def answer(event, context):
        return {"batchItemFailures": [{"itemIdentifier": int(event["Records"][1]["dynamodb"]["SequenceNumber"])}]}

    notes, _ = run(numbered(3), answer, mapping=mapping(3, 0, function_response_types=REPORTS))
    assert notes.batches == [[1, 2, 3]]


# --- retries, halves and progress: what each record sees, worked out by hand ------------------------------------------


def halved(first, last, bad, attempts):
    """The invocations of a batch whose bad records raise, with bisecting: depth first, older half first."""
    batch = list(range(first, last + 1))
    if not any(n in bad for n in batch):
        return [batch]
    if len(batch) == 1:
        return [batch] * attempts
    middle = first + len(batch) // 2
    return [batch, *halved(first, middle - 1, bad, attempts), *halved(middle, last, bad, attempts)]


def narrowed(batch, bad, attempts):
    """The invocations of a batch whose first bad record is reported: progress starts anew, standing still counts."""
    found = [n for n in batch if n in bad]
    if not found:
        return [batch]
    if found[0] == batch[0]:
        return [batch] * attempts
    return [batch, *narrowed(list(range(found[0], batch[-1] + 1)), bad, attempts)]


BAD = [
    (size, bad)
    for size in range(1, 8)
    for bad in {(1,), (size,), tuple(range(1, size + 1)), (1, size), (size // 2 + 1,)}
]


@pytest.mark.parametrize("retries", [0, 1, 3])
@pytest.mark.parametrize(("size", "bad"), sorted(BAD), ids=str)
def test_bisecting_isolates_bad_records(size, bad, retries):
    notes, result = run(
        numbered(size), raising(*bad), mapping=mapping(size, retries, bisect_batch_on_function_error=True)
    )
    assert notes.batches == halved(1, size, bad, retries + 1)
    assert [one["batch"] for one in told(result)] == [[n] for n in sorted(set(bad))]
    assert {one["approximateInvokeCount"] for one in told(result)} == {retries + 1}


@pytest.mark.parametrize("retries", [0, 1, 3])
@pytest.mark.parametrize(("size", "bad"), sorted(BAD), ids=str)
def test_partial_responses_narrow_a_batch(size, bad, retries):
    notes, result = run(
        numbered(size), reporting(*bad), mapping=mapping(size, retries, function_response_types=REPORTS)
    )
    assert notes.batches == narrowed(list(range(1, size + 1)), bad, retries + 1)
    # a reported record takes along all behind it
    assert [one["batch"] for one in told(result)] == [list(range(min(bad), size + 1))]
    assert told(result)[0]["functionError"] is None


@pytest.mark.parametrize("retries", [0, 1, 3])
@pytest.mark.parametrize("size", range(1, 8))
def test_without_either_the_whole_batch_comes_again(size, retries):
    notes, result = run(numbered(size), raising(size), mapping=mapping(size, retries))
    assert notes.batches == [list(range(1, size + 1))] * (retries + 1)
    assert [(one["approximateInvokeCount"], len(one["batch"])) for one in told(result)] == [(retries + 1, size)]


def test_both_together_lose_the_bad_record_only():
    both = {"function_response_types": REPORTS, "bisect_batch_on_function_error": True}
    notes, result = run(numbered(6), reporting(3), mapping=mapping(6, 1, **both))
    # 3..6 has its bad record in front: no progress, so that it splits
    assert notes.batches == [[1, 2, 3, 4, 5, 6], [3, 4, 5, 6], [3, 4], [3], [3], [4], [5, 6]]
    assert [one["batch"] for one in told(result)] == [[3]]
    assert len(set(notes.request_ids)) == 6


def test_an_exception_splits_where_partial_responses_are_on():
    both = {"function_response_types": REPORTS, "bisect_batch_on_function_error": True}
    notes, result = run(numbered(4), raising(2), mapping=mapping(4, 0, **both))
    assert notes.batches == [[1, 2, 3, 4], [1, 2], [1], [2], [3, 4]]
    assert told(result)[0]["functionError"] == "Unhandled"


def test_an_invalid_answer_splits_too():
    both = {"function_response_types": REPORTS, "bisect_batch_on_function_error": True}
    notes, _ = run(numbered(2), always(FAILURE[2]), mapping=mapping(2, 0, **both))
    assert notes.batches == [[1, 2], [1], [2]]


def test_the_lane_goes_on_after_a_discard():
    notes, result = run(numbered(6), raising(2), mapping=mapping(3, 1))
    assert notes.batches == [[1, 2, 3], [1, 2, 3], [4, 5, 6]]
    assert result.stream_log["outcome"].tolist() == ["discarded"] * 3 + ["processed"] * 3


def test_a_transient_error_takes_one_retry_and_loses_nothing():
    calls = []

    def once(event, context):
        calls.append(context)
        if len(calls) == 1:
            raise RuntimeError("once")

    notes, result = run(numbered(3), once, mapping=mapping(3, 1))
    assert notes.batches == [[1, 2, 3]] * 2
    assert len(set(notes.request_ids)) == 1
    assert told(result) == []


def test_throttles_use_no_retry_and_do_not_bisect():
    batches = []

    def handler(event, context):
        batches.append([ordinal(record) for record in event["Records"]])

    # the other function, which polls more often, takes the account's one environment
    busy = ds.Function(name="busy", duration=ds.Duration(base_s=20.0, noise=None), timeout_s=30)
    splitting = mapping(4, 0, bisect_batch_on_function_error=True, poller=ds.Poller(interval_s=5.0))
    scenario = ds.Scenario(
        workload=ds.ItemWrites(numbered(4)),
        table=ds.Table(partitions=1),
        stream=ds.Stream(view_type="NEW_IMAGE"),
        event_source_mappings=[
            ds.EventSourceMapping(function=busy, poller=ds.Poller(interval_s=0.05)),
            ds.EventSourceMapping(function=ds.Function(handler=handler), **splitting),
        ],
        account_concurrency=1,
        duration_s=120,
    )
    result = ds.simulate(scenario, rng=7, progress=False)
    throttled = result.invocations["outcome"] == "throttled"
    assert throttled.sum() >= 2
    assert set(result.invocations.loc[throttled, "function"]) == {"function"}
    assert batches == [[1, 2, 3, 4]]
    assert len(result.discards) == 0


# --- age --------------------------------------------------------------------------------------------------------------


def test_only_the_expired_prefix_of_a_batch_is_cut_off():
    writes = [(AT_S + at_s, "put", {"pk": "key", "ordinal": n}) for n, at_s in enumerate((0, 40, 41, 42), start=1)]
    life = {"suspensions": ds.Suspension(start_s=5, end_s=AT_S + 45), "poller": ds.Poller(activation_delay=20)}
    notes, result = run(writes, mapping=mapping(10, -1, maximum_record_age_in_seconds=60, **life), duration_s=200)
    assert notes.batches == [[2, 3, 4]]
    assert [(one["condition"], one["batch"]) for one in told(result)] == [("RecordAgeExceeded", [1])]


def test_a_record_that_expires_while_the_batch_is_retried_leaves_the_rest_with_all_its_attempts():
    writes = [(AT_S + at_s, "put", {"pk": "key", "ordinal": n}) for n, at_s in enumerate((0, 30), start=1)]
    life = {"suspensions": ds.Suspension(start_s=5, end_s=AT_S + 30), "poller": ds.Poller(activation_delay=10)}
    notes, result = run(
        writes, raising(), mapping=mapping(10, -1, maximum_record_age_in_seconds=60, **life), duration_s=300
    )
    both = sum(batch == [1, 2] for batch in notes.batches)
    assert notes.batches == [[1, 2]] * both + [[2]] * (len(notes.batches) - both)
    first, second = told(result)
    assert (first["batch"], second["batch"]) == ([1], [2])
    assert first["approximateInvokeCount"] == both
    assert second["approximateInvokeCount"] == len(notes.batches) - both
    gaps_s = np.diff(notes.offsets_s)
    # a new batch begins with the shortest delay again
    assert gaps_s[both] < 0.5


def test_age_wins_over_retries_left():
    age = {"maximum_record_age_in_seconds": 60}
    _, result = run(numbered(1), raising(), mapping=mapping(1, 10_000, **age), duration_s=300)
    assert [one["condition"] for one in told(result)] == ["RecordAgeExceeded"]


# --- batches ----------------------------------------------------------------------------------------------------------


def test_full_batches_leave_at_once_and_the_rest_waits_for_the_window():
    notes, _ = run(numbered(7, apart_s=0), mapping=mapping(3, 0, maximum_batching_window_in_seconds=5))
    assert notes.batches == [[1, 2, 3], [4, 5, 6], [7]]
    second_s, third_s = np.diff(notes.offsets_s)
    assert second_s < 0.1
    assert 4.5 < third_s <= 5.3


def test_a_batch_is_cut_at_6_mb():
    writes = [(AT_S, "put", {"pk": str(n), "ordinal": n, "text": "x" * 390_000}) for n in range(1, 20)]
    notes, result = run(writes, mapping=mapping(100, 0, maximum_batching_window_in_seconds=10))
    sizes = [len(batch) for batch in notes.batches]
    assert sum(sizes) == 19
    assert max(sizes) < 19
    assert result.invocations["payload_bytes"].max() <= 6 * 1024**2
    assert max(len(json.dumps(event, separators=(",", ":"))) for event in notes.events) <= 6 * 1024**2


# --- tumbling windows -------------------------------------------------------------------------------------------------


def window(seconds=10, retries=0, **fields):
    return mapping(1, retries, tumbling_window_in_seconds=seconds, **fields)


def two_windows():
    return [(at_s, "put", {"pk": "key", "ordinal": n}) for n, at_s in enumerate((11.0, 12.0, 25.0), start=1)]


def test_a_state_over_1_mb_ends_its_window_early():
    def growing(event, context):
        return {"state": {"text": "x" * (1024**2 + 1)} if event["Records"] else None}

    notes, _ = run(two_windows(), growing, mapping=window(), duration_s=28)
    assert notes.batches[:4] == [[1], [], [2], []]
    last = notes.events[1]
    assert (last["isFinalInvokeForWindow"], last["isWindowTerminatedEarly"]) == (True, True)
    assert notes.events[2]["state"] == {}
    assert notes.events[2]["window"] == last["window"]
    # what ended early is not ended again by the next window's record
    assert notes.batches == [[1], [], [2], [], [3], []]


def test_a_window_that_ended_early_gets_no_other_last_call():
    def growing(event, context):
        return {"state": {"text": "x" * (1024**2 + 1)} if event["Records"] else None}

    notes, _ = run(two_windows()[:1], growing, mapping=window(), duration_s=300)
    assert notes.batches == [[1], []]


def test_a_missing_state_counts_as_a_failure():
    notes, result = run(two_windows(), always({"batchItemFailures": []}), mapping=window(retries=1), duration_s=28)
    assert notes.batches[:2] == [[1], [1]]
    assert result.discards["document"][0]["DDBStreamBatchInfo"]["batchSize"] == 1


def test_a_failed_last_call_holds_up_the_shard_until_it_succeeds():
    failed = []

    def failing_twice(event, context):
        if event["isFinalInvokeForWindow"] and len(failed) < 2:
            failed.append(context)
            raise RuntimeError("not yet")
        return {"state": event["state"]}

    notes, _ = run(two_windows(), failing_twice, mapping=window(retries=-1), duration_s=28)
    assert notes.batches == [[1], [2], [], [], [], [3]]
    assert len(set(notes.request_ids[2:5])) == 1


def test_a_retried_batch_gets_the_state_it_got_before():
    seen = []

    def raising_once(event, context):
        seen.append(event["state"])
        if len(seen) == 2:
            raise RuntimeError("once")
        return {"state": {"calls": len(seen)}}

    notes, _ = run(two_windows(), raising_once, mapping=window(retries=3), duration_s=20)
    assert notes.batches == [[1], [2], [2]]
    assert seen == [{}, {"calls": 1}, {"calls": 1}]


def test_a_window_that_nothing_follows_is_ended_after_a_while():
    writes = two_windows()[:2]
    notes, _ = run(writes, always({"state": {}}), mapping=window(), duration_s=200)
    assert notes.batches == [[1], [2], []]
    # after more than the 112 s in which none was seen, and within the two minutes that are documented
    assert 132 < notes.contexts[2].now_s < 141


# --- filters ----------------------------------------------------------------------------------------------------------


def kept(*patterns, items):
    writes = [(AT_S + n, "put", {"pk": str(n), "ordinal": n, **item}) for n, item in enumerate(items, start=1)]
    notes, _ = run(writes, mapping={"filter_criteria": patterns})
    return [n for batch in notes.batches for n in batch]


def image(**pattern):
    return {"dynamodb": {"NewImage": pattern}}


def test_patterns_are_alternatives():
    patterns = [image(kind={"S": [name]}) for name in "ab"]
    assert kept(*patterns, items=[{"kind": name} for name in "abcab"]) == [1, 2, 4, 5]


def test_lists_are_descended():
    pattern = image(tags={"L": {"S": ["red"]}})
    assert kept(pattern, items=[{"tags": ["blue", "red"]}, {"tags": ["blue"]}, {"tags": []}]) == [1]


def test_of_two_equal_keys_of_a_pattern_the_last_counts():
    pattern = '{"dynamodb": {"NewImage": {"kind": {"S": ["a"], "S": ["b"]}}}}'
    assert kept(pattern, items=[{"kind": "a"}, {"kind": "b"}]) == [2]


def test_ten_patterns_of_4096_characters_are_the_most():
    longest = json.dumps({"eventID": ["x" * (4_096 - len('{"eventID": [""]}'))]})
    assert len(longest) == 4_096
    assert len(ds.EventSourceMapping(filter_criteria=[longest] * 10).filter_criteria) == 10
    with pytest.raises(ValueError, match="at most 10 patterns are allowed, got 11"):
        ds.EventSourceMapping(filter_criteria=['{"eventName": ["INSERT"]}'] * 11)
    with pytest.raises(ValueError, match=r"at most 4096 characters, got 4097"):
        ds.EventSourceMapping(filter_criteria=longest.replace("x", "xx", 1))


@pytest.mark.parametrize(
    "pattern", ["", "[]", "{}", '{"eventName": "INSERT"}', '{"eventName": []}', '{"a": [{"no": 1}]}']
)
def test_an_invalid_pattern_is_refused_in_the_services_words(pattern):
    with pytest.raises(ValueError, match=r"Invalid filter pattern definition\."):
        ds.EventSourceMapping(filter_criteria=pattern)


def test_a_filter_may_be_given_as_the_api_takes_it():
    pattern = '{"eventName": ["INSERT"]}'
    given = {"Filters": [{"Pattern": pattern}, {"Pattern": '{"eventName": ["REMOVE"]}'}]}
    assert ds.EventSourceMapping(filter_criteria=given).filter_criteria == (
        pattern,
        '{"eventName": ["REMOVE"]}',
    )
    assert ds.EventSourceMapping(filter_criteria={"Filters": []}, tumbling_window_in_seconds=10).filter_criteria == ()
    with pytest.raises(ValueError, match=r"Invalid filter pattern definition\."):
        ds.EventSourceMapping(filter_criteria={"Filters": [{"Pattern": "not-json"}]})
    # a pattern may have fields of these names itself
    with pytest.warns(ds.FilterMatchesNothing, match="records have no field Filters"):
        assert ds.EventSourceMapping(filter_criteria={"Filters": ["of", "mine"]}).filter_criteria != ()


def test_filtered_records_cost_no_invocation_and_hold_nothing_up():
    notes, result = run(numbered(50), mapping={"filter_criteria": ['{"eventName": ["REMOVE"]}']})
    assert notes.batches == []
    assert set(result.stream_log["outcome"]) == {"filtered"}
    assert len(result.invocations) == 0


# --- what the service refuses -----------------------------------------------------------------------------------------

REFUSED = [
    ({"batch_size": 0}, r"batch_size must be .* 1\.\.10000, got 0"),
    ({"parallelization_factor": 0}, r"parallelization_factor must be .* 1\.\.10, got 0"),
    ({"maximum_batching_window_in_seconds": -1}, r"must be .* 0\.\.300, got -1"),
    ({"maximum_retry_attempts": 10_001}, r"0\.\.10000 or -1, got 10001"),
    ({"tumbling_window_in_seconds": 901}, r"tumbling_window_in_seconds must be .* 0\.\.900, got 901"),
    ({"tumbling_window_in_seconds": 10, "parallelization_factor": 2}, "must be 1 with a tumbling window, got 2"),
    ({"function_response_types": ("ReportBatchItemFailure",)}, "function_response_types must be"),
    ({"starting_position": "trim_horizon"}, "starting_position must be one of"),
]


@pytest.mark.parametrize(("fields", "message"), REFUSED, ids=lambda part: str(part)[:40])
def test_what_the_service_refuses_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        ds.EventSourceMapping(**fields)


@pytest.mark.parametrize("kind", ["sqs", "sns"])
def test_a_fifo_destination_is_refused(kind):
    with pytest.raises(ValueError, match="FIFO"):
        ds.Destination(kind, name="orders.fifo")


def test_a_bucket_may_be_named_as_a_queue_may_not():
    assert ds.Destination("s3", name="orders.fifo").name == "orders.fifo"


@pytest.mark.parametrize(
    "fields", [{"batch_size": 1_001}, {"batch_size": 10_000}, {"maximum_record_age_in_seconds": 604_800}]
)
def test_what_the_service_accepts_with_a_trap_warns(fields):
    with pytest.warns(ds.IneffectiveSettingWarning):
        ds.EventSourceMapping(**fields)
