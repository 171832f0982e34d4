"""Tumbling windows: which records they hold, how they end, and how state goes through them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab import ordinal, raising, run

import ddbsim as ds
from ddbsim.system.function.handler import instant


def summing(event, context):
    return {"state": {"count": event["state"].get("count", 0) + len(event["Records"])}}


def writes(*at_s):
    return [(instant_s, "put", {"pk": "key", "ordinal": n}) for n, instant_s in enumerate(at_s, start=1)]


def windows(rows, conduct=summing, duration_s=60.0, start="2026-01-01T00:00:00Z", **mapping):
    fields = {"tumbling_window_in_seconds": 10, "batch_size": 10, "maximum_retry_attempts": 0, **mapping}
    notes, result = run(rows, conduct, mapping=fields, duration_s=duration_s, start=start)
    return notes, result


def test_a_batch_holds_records_of_one_window():
    notes, _ = windows(writes(8, 9, 10.5, 11, 21), maximum_batching_window_in_seconds=15, duration_s=45)
    assert [batch for batch in notes.batches if batch] == [[1, 2], [3, 4], [5]]
    for event in notes.events:
        assert event["window"]["start"] < event["window"]["end"]


def test_windows_lie_on_multiples_of_their_length_since_1970():
    notes, _ = windows(writes(5), start="2026-01-01T00:00:07Z", duration_s=20)
    assert notes.events[0]["window"] == {"start": "2026-01-01T00:00:10Z", "end": "2026-01-01T00:00:20Z"}


def test_state_is_counted_over_a_window_and_starts_anew():
    notes, _ = windows(writes(1, 2, 3, 11, 12, 21), batch_size=1, duration_s=29)
    ends = [event["state"] for event in notes.events if event["isFinalInvokeForWindow"]]
    assert ends == [{"count": 3}, {"count": 2}]
    assert [event["state"] for event in notes.events if event["Records"]] == [
        {},
        {"count": 1},
        {"count": 2},
        {},
        {"count": 1},
        {},
    ]


def test_a_partial_response_with_progress_hands_its_state_on():
    def one_at_a_time(event, context):
        rest = [record["dynamodb"]["SequenceNumber"] for record in event["Records"][1:]]
        return {
            "state": {"calls": event["state"].get("calls", 0) + 1},
            "batchItemFailures": [{"itemIdentifier": number} for number in rest],
        }

    notes, _ = windows(
        writes(1, 1.001, 1.002), one_at_a_time, function_response_types=("ReportBatchItemFailures",), duration_s=9
    )
    assert notes.batches == [[1, 2, 3], [2, 3], [3]]
    assert [event["state"] for event in notes.events] == [{}, {"calls": 1}, {"calls": 2}]


def test_a_partial_result_of_the_failure_law_leaves_the_state_as_it_was():
    # the first batch is counted; in the second the law reports item 3, before which item 2 is done
    rows = [(at_s, "put", {"pk": str(n), "ordinal": n}) for n, at_s in ((1, 1.0), (2, 3.0), (3, 3.001), (4, 5.0))]
    mapping = {
        "batch_size": 2,
        "maximum_batching_window_in_seconds": 1,
        "maximum_retry_attempts": 0,
        "tumbling_window_in_seconds": 60,
        "function_response_types": ("ReportBatchItemFailures",),
    }
    poisoned = {"failures": ds.Failures(poison_items=(2,))}
    notes, result = run(rows, summing, mapping=mapping, function=poisoned, duration_s=20)
    assert result.invocations["outcome"].tolist() == ["success", "partial", "partial", "success"]
    assert notes.batches == [[1], [4]]
    assert [event["state"] for event in notes.events] == [{}, {"count": 1}]


def test_a_last_call_that_names_failures_has_failed():
    def naming_one(event, context):
        failures = [{"itemIdentifier": "of a record long done"}] if event["isFinalInvokeForWindow"] else []
        return {"state": event["state"], "batchItemFailures": failures}

    reports = {"function_response_types": ("ReportBatchItemFailures",), "maximum_retry_attempts": 2}
    notes, result = windows(writes(1, 11), naming_one, duration_s=14, **reports)
    assert notes.batches == [[1], [], [], [], [2]]
    assert result.invocations["outcome"].tolist() == ["success", "partial", "partial", "partial", "success"]


def test_a_discarded_batch_leaves_the_state_as_it_was():
    def failing_second(event, context):
        raising(2)(event, context)
        return summing(event, context)

    notes, _ = windows(writes(1, 2, 3), failing_second, batch_size=1, duration_s=9)
    assert notes.batches == [[1], [2], [3]]
    assert [event["state"] for event in notes.events] == [{}, {"count": 1}, {"count": 1}]


def test_a_handler_cannot_spoil_the_state_of_a_retry():
    def spoiling(event, context):
        event["state"]["spoilt"] = True
        raise RuntimeError("after the damage")

    seen = []

    def conduct(event, context):
        seen.append(dict(event["state"]))
        spoiling(event, context)

    windows(writes(1), conduct, maximum_retry_attempts=2, duration_s=9)
    assert seen == [{}, {}, {}]


def test_each_shard_has_windows_of_its_own():
    rows = [(1 + n * 0.01, "put", {"pk": f"key-{n}", "ordinal": n}) for n in range(40)]
    fields = {"tumbling_window_in_seconds": 10}
    notes, _ = run(rows, summing, mapping=fields, table=ds.Table(partitions=2), duration_s=200)
    last = {event["shardId"]: event["state"]["count"] for event in notes.events if event["isFinalInvokeForWindow"]}
    assert len(last) == 2
    assert sum(last.values()) == 40


def counting_up_to(bad, reports, overflows_at):
    """Count records into the state; on a bad one report it, or raise. A state that counts so many is over 1 MB."""

    def conduct(event, context):
        state, failures = {"count": event["state"].get("count", 0)}, []
        for record in event["Records"]:
            if ordinal(record) in bad:
                if not reports:
                    raise RuntimeError("a bad record")
                failures = [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]
                break
            state["count"] += 1
        if event["Records"] and state["count"] >= overflows_at:
            state["text"] = "x" * 2**20
        return {"state": state, "batchItemFailures": failures}

    return conduct


@given(
    at_s=st.lists(st.floats(1, 60), min_size=1, max_size=20).map(sorted),
    bad=st.sets(st.integers(1, 20), max_size=4),
    reports=st.booleans(),
    overflows_at=st.sampled_from([3, 99]),
    settings=st.fixed_dictionaries(
        {
            "batch_size": st.integers(1, 8),
            "maximum_batching_window_in_seconds": st.sampled_from([0, 1, 5]),
            "maximum_retry_attempts": st.sampled_from([0, 1]),
            "bisect_batch_on_function_error": st.booleans(),
            "tumbling_window_in_seconds": st.sampled_from([1, 10, 30]),
        }
    ),
)
def test_the_last_states_of_all_windows_count_what_was_processed(at_s, bad, reports, overflows_at, settings):
    types = ("ReportBatchItemFailures",) if reports else ()
    mapping = settings | {"function_response_types": types, "on_failure": ds.Destination("s3")}
    notes, result = run(writes(*at_s), counting_up_to(bad, reports, overflows_at), mapping=mapping, duration_s=400)
    states = result.stream_log["outcome"].tolist()
    assert set(states) <= {"processed", "discarded"}
    last = [event for event in notes.events if event["isFinalInvokeForWindow"]]
    assert sum(event["state"].get("count", 0) for event in last) == states.count("processed")
    for document in result.discards["document"]:
        assert json.loads(document["payload"]) in notes.events


@pytest.mark.parametrize("length_s", [1, 60, 900])
def test_every_record_is_in_the_window_of_its_second(length_s):
    notes, _ = windows(writes(*range(1, 30)), tumbling_window_in_seconds=length_s, duration_s=60)
    for event in notes.events:
        for record in event["Records"]:
            second = record["dynamodb"]["ApproximateCreationDateTime"]
            begins = second // length_s * length_s
            assert event["window"]["start"] == instant(int(begins))
