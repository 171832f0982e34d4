"""What an on-failure destination gets, and what is lost when it cannot be reached."""

import json

import pytest
from lab import AT_S, always, numbered, raising, reporting, run

import ddbsim as ds


def failing(kind="sqs", count=3, **destination):
    mapping = {"batch_size": 1, "maximum_retry_attempts": 0, "on_failure": ds.Destination(kind, **destination)}
    return run(numbered(count), raising(), mapping=mapping)


@pytest.mark.parametrize("kind", ["sqs", "sns"])
def test_queues_and_topics_get_no_records(kind):
    _, result = failing(kind)
    assert set(result.discards["destination"]) == {kind}
    for document in result.discards["document"]:
        assert "payload" not in document
    assert result.discards["object_key"].isna().all()


def test_a_bucket_gets_the_event_under_a_key_of_its_own():
    notes, result = failing("s3")
    payloads = [json.loads(document["payload"]) for document in result.discards["document"]]
    assert payloads == notes.events
    assert result.discards["object_key"].is_unique


def test_the_event_stands_between_version_and_timestamp_without_blanks():
    _, result = failing("s3", count=1)
    (document,) = result.discards["document"]
    assert list(document) == [
        "requestContext",
        "responseContext",
        "version",
        "payload",
        "timestamp",
        "DDBStreamBatchInfo",
    ]
    assert document["payload"].startswith('{"Records":[{"eventID":"')


def test_the_event_of_a_tumbling_window_is_kept_whole():
    def failing_at_the_end(event, context):
        if event["isFinalInvokeForWindow"]:
            raise RuntimeError("the last call")
        return {"state": {"count": event["state"].get("count", 0) + len(event["Records"])}}

    mapping = {
        "maximum_retry_attempts": 0,
        "tumbling_window_in_seconds": 10,
        "on_failure": ds.Destination("s3"),
    }
    writes = [(at_s, "put", {"pk": "key", "ordinal": n}) for n, at_s in enumerate((1.0, 2.0, 25.0), start=1)]
    notes, result = run(writes, failing_at_the_end, mapping=mapping, duration_s=28)
    (document,) = result.discards["document"]
    assert list(document)[-4:] == ["payload", "timestamp", "DDBStreamBatchInfo", "timeWindowInfo"]
    (last,) = [event for event in notes.events if event["isFinalInvokeForWindow"]]
    assert json.loads(document["payload"]) == last
    assert last["state"] == {"count": 2}
    assert document["timeWindowInfo"]["window"] == last["window"]


@pytest.mark.parametrize("early", [False, True])
def test_a_given_up_call_tells_of_its_window(early):
    state = {"text": "x" * (2**20 if early else 1)}

    def failing_at_the_end(event, context):
        if event["isFinalInvokeForWindow"]:
            raise RuntimeError("the last call")
        return {"state": state}

    mapping = {
        "batch_size": 1,
        "maximum_retry_attempts": 0,
        "tumbling_window_in_seconds": 10,
        "on_failure": ds.Destination("sqs"),
    }
    _, result = run(numbered(2), failing_at_the_end, mapping=mapping, duration_s=160)
    told = [document["timeWindowInfo"] for document in result.discards["document"]]
    assert [one["isWindowTerminatedEarly"] for one in told] == ([True] * 2 if early else [False])
    assert all(one["isFinalInvokeForWindow"] for one in told)


def test_records_given_up_before_a_call_tell_of_their_own_window():
    mapping = {
        "maximum_retry_attempts": -1,
        "maximum_record_age_in_seconds": 60,
        "tumbling_window_in_seconds": 10,
        "on_failure": ds.Destination("s3"),
        "suspensions": ds.Suspension(start_s=30, end_s=100),
        "poller": ds.Poller(activation_delay=0),
    }
    writes = [(at_s, "put", {"pk": "key", "ordinal": n}) for n, at_s in enumerate((1.0, 31.0, 95.0), start=1)]
    _, result = run(writes, always({"state": {}}), mapping=mapping, duration_s=110)
    (document,) = result.discards["document"]
    assert document["requestContext"]["condition"] == "RecordAgeExceeded"
    window = {"start": "2026-01-01T00:00:30Z", "end": "2026-01-01T00:00:40Z"}
    assert document["timeWindowInfo"]["window"] == json.loads(document["payload"])["window"] == window
    assert not document["timeWindowInfo"]["isFinalInvokeForWindow"]


def test_a_bucket_gets_documents_without_a_payload_where_there_are_no_items():
    mapping = ds.EventSourceMapping(
        function=ds.Function(failures=ds.Failures(error_probability=1.0)),
        maximum_retry_attempts=0,
        on_failure=ds.Destination("s3"),
    )
    scenario = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=2), event_source_mappings=mapping, duration_s=30)
    result = ds.simulate(scenario, rng=7, progress=False)
    assert len(result.discards) > 0
    assert all("payload" not in document for document in result.discards["document"])
    assert result.discards["object_key"].is_unique


def test_a_document_can_be_written_as_json():
    _, result = failing()
    for document in result.discards["document"]:
        assert json.loads(json.dumps(document)) == document


def test_without_a_destination_there_is_no_document():
    _, result = run(numbered(1), raising(), mapping={"maximum_retry_attempts": 0})
    (row,) = result.discards.itertuples()
    assert row.document is None
    assert not row.delivered
    assert row.condition == "RetryAttemptsExhausted"


@pytest.mark.parametrize(("chance", "arrived"), [(0.0, 40), (1.0, 0)])
def test_a_destination_that_cannot_be_reached_loses_records(chance, arrived):
    _, result = failing(count=40, failure_probability=chance)
    assert result.discards["delivered"].sum() == arrived


def test_about_the_stated_share_of_documents_arrives():
    _, result = failing(count=400, failure_probability=0.3)
    # five standard deviations of 400 draws
    assert result.discards["delivered"].sum() == pytest.approx(280, abs=46)


def test_what_the_retention_trims_leaves_no_document():
    mapping = {"on_failure": ds.Destination("sqs"), "maximum_retry_attempts": -1}
    _, result = run(numbered(1), raising(), mapping=mapping, stream=ds.Stream(retention_s=30), duration_s=200)
    (row,) = result.discards.itertuples()
    assert row.condition == "TrimmedByRetention"
    assert row.document is None


@pytest.mark.filterwarnings("ignore::ddbsim.IneffectiveSettingWarning")
def test_a_timeout_is_told_like_an_exception_and_a_report_is_not():
    mapping = {
        "batch_size": 2,
        "maximum_retry_attempts": 0,
        "function_response_types": ("ReportBatchItemFailures",),
        "on_failure": ds.Destination("sqs"),
    }
    slow = {"timeout_s": 1, "duration": ds.Duration(base_s=2.0, noise=None)}
    _, timed_out = run(numbered(1), always(None), mapping=mapping, function=slow)
    _, reported = run(numbered(1), reporting(1), mapping=mapping)
    errors = [one.discards["document"].iloc[0]["responseContext"]["functionError"] for one in (timed_out, reported)]
    assert errors == ["Unhandled", None]


def test_times_are_those_of_the_simulated_date():
    mapping = {"maximum_retry_attempts": 0, "on_failure": ds.Destination("sqs")}
    _, result = run(numbered(1), raising(), mapping=mapping, start="2025-03-04T05:06:07Z")
    document = result.discards["document"].iloc[0]
    assert document["DDBStreamBatchInfo"]["approximateArrivalOfFirstRecord"] == "2025-03-04T05:06:17Z"
    assert document["timestamp"].startswith("2025-03-04T05:06:1")
    assert AT_S == 10.0
