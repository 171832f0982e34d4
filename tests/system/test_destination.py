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
