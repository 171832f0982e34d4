"""Every recorded case by its id, played through the whole system; or the reason why it has no place in it."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from lab import AT_S, Notes, conduct_of, counted, numbered, raising, run, settings, told
from test_stream_content import writes_of

import ddbsim as ds

PATH = Path(__file__).resolve().parents[2] / "../shared/conformance/cases.json"
CASES = {case["id"]: case for case in json.loads(PATH.read_text())} if PATH.exists() else {}
pytestmark = pytest.mark.skipif(not CASES, reason=f"the recordings are not beside the repository ({PATH})")

NOT_APPLICABLE = {
    "admission.timestamp_with_trim_horizon": "there is no timestamp to give: a stream of DynamoDB has no AT_TIMESTAMP",
    "admission.on_success_destination": "there is no such setting to give",
    "admission.missing_source_permissions": "permissions are not simulated",
    "admission.stream_not_found": "a scenario has one stream: none can be missing",
    "admission.no_event_source_arn": "a scenario has one stream: none can be left out",
    "admission.function_missing": "a mapping is made with its function",
    "admission.unknown_uuid": "control plane: a mapping has no UUID to look up",
    "lifecycle.states": "control plane: the states that the API shows",
    "lifecycle.last_processing_result": "control plane: a text that the API shows",
    "permissions.source_denied_at_runtime": "permissions are not simulated",
}
# groups with a test file of their own, which holds itself to their ids
ELSEWHERE = {"api": "test_api.py"}
TESTED = set()


def recorded(*ids):
    """Run a test once for each of these cases, under its id."""
    TESTED.update(ids)
    return pytest.mark.parametrize("case", [CASES.get(name) for name in ids], ids=ids)


def group(name):
    return recorded(*(one for one, case in CASES.items() if case["group"] == name))


# --- which records each invocation gets -------------------------------------------------------------------------------


def same_size(seen_s, recorded_s):
    """Whether a gap is within a factor of three of the one observed, or within the noise of two short ones."""
    return recorded_s / 3 <= seen_s <= recorded_s * 3 or abs(seen_s - recorded_s) < 0.06


@group("delivery")
def test_invocations_and_documents_are_the_recorded_ones(case):
    count = int(case["writes"].split()[0])
    notes, result = run(numbered(count), conduct_of(case["function"]), mapping=settings(case["esm"]))
    expected = case["expected"]
    assert notes.batches == expected["invocations"]
    assert told(result) == expected["destination"]
    metrics = counted(result)
    assert metrics["PolledEventCount"] == count
    assert metrics["InvokedEventCount"] == sum(map(len, expected["invocations"]))
    given_up = sum(len(document["batch"]) for document in expected["destination"])
    assert metrics["OnFailureDestinationDeliveredEventCount"] == given_up
    if "invocation_offsets_s" in expected:
        recorded_s = expected["invocation_offsets_s"]
        gaps_s = zip(np.diff(notes.offsets_s), np.diff(recorded_s), strict=True)
        assert all(same_size(*gap) for gap in gaps_s)


# --- what a mapping may be --------------------------------------------------------------------------------------------


@recorded("admission.batch_size_10001", "admission.parallelization_11", "admission.batching_window_301")
def test_a_number_out_of_range_is_named_with_its_range(case):
    ((name, value),) = case["esm"].items()
    most = re.search(r"less than or equal to (\d+)", case["expected"]["error"]["message"])[1]
    with pytest.raises(ValueError, match=rf"must be a whole number in \d+\.\.{most}, got {value}"):
        ds.EventSourceMapping(**settings({name: value}))


@recorded("admission.record_age_0")
def test_a_record_age_is_minus_one_or_from_60_to_604800(case):
    assert "between 60 and 604800" in case["expected"]["error"]["message"]
    for age in (case["esm"]["MaximumRecordAgeInSeconds"], 1, 59, 604_801, -2):
        with pytest.raises(ValueError, match=r"maximum_record_age_in_seconds must be .* 60\.\.604800 or -1, got"):
            ds.EventSourceMapping(maximum_record_age_in_seconds=age)


@recorded("admission.retry_minus_2")
def test_retries_are_minus_one_or_more(case):
    with pytest.raises(ValueError, match=r"maximum_retry_attempts must be .* 0\.\.10000 or -1, got -2"):
        ds.EventSourceMapping(**settings(case["esm"]))


@recorded("admission.at_timestamp_on_dynamodb", "admission.missing_starting_position")
def test_a_starting_position_is_one_of_the_two_of_dynamodb(case):
    given = case["esm"].get("StartingPosition")
    with pytest.raises(ValueError, match=f"starting_position must be one of 'TRIM_HORIZON', 'LATEST', got {given!r}"):
        ds.EventSourceMapping(starting_position=given)


@recorded("admission.filter_not_json")
def test_a_filter_that_is_no_json_is_refused_in_the_services_words(case):
    (pattern,) = (one["Pattern"] for one in case["esm"]["FilterCriteria"]["Filters"])
    with pytest.raises(ValueError, match=re.escape(case["expected"]["error"]["message"])):
        ds.EventSourceMapping(filter_criteria=pattern)


@recorded("admission.tumbling_nonempty_filter", "admission.tumbling_empty_filter")
def test_a_tumbling_window_takes_an_empty_filter_only(case):
    length_s = case["esm"]["TumblingWindowInSeconds"]
    if case["expected"]["accepted"]:
        mapping = ds.EventSourceMapping(tumbling_window_in_seconds=length_s, filter_criteria=[])
        assert mapping.filter_criteria == ()
    else:
        with pytest.raises(ValueError, match="filter_criteria must be empty with a tumbling window"):
            ds.EventSourceMapping(tumbling_window_in_seconds=length_s, filter_criteria=['{"eventName": ["INSERT"]}'])


@recorded("admission.defaults")
def test_defaults_are_the_services(case):
    response, mapping = case["expected"]["response"], ds.EventSourceMapping(**settings({"OnFailure": None}))
    for name, value in settings({**response, "OnFailure": None}).items():
        assert getattr(mapping, name) == value, name
    assert mapping.on_failure is None


@recorded("admission.batch_101_window_0")
def test_a_large_batch_without_a_window_is_accepted(case):
    assert ds.EventSourceMapping(**settings(case["esm"])).batch_size == 101


@recorded("admission.duplicate_mapping")
def test_the_same_mapping_twice_is_refused(case):
    assert "already exists" in case["expected"]["error"]["message"]
    with pytest.raises(ValueError, match="'function' twice"):
        ds.Scenario(workload=ds.ItemWrites([]), duration_s=1, event_source_mappings=[ds.EventSourceMapping()] * 2)


@recorded("admission.two_aliases_same_stream", "order.two_functions_same_stream")
def test_each_of_two_mappings_gets_every_record(case):
    notes = [Notes()] * 2 if "aliases" in case["id"] else [Notes(), Notes()]
    names = ["one", "one" if "aliases" in case["id"] else "other"]
    scenario = ds.Scenario(
        workload=ds.ItemWrites(numbered(5)),
        event_source_mappings=[
            ds.EventSourceMapping(function=ds.Function(name=name, handler=handler), name=alias)
            for alias, name, handler in zip("ab", names, notes, strict=True)
        ],
        table=ds.Table(partitions=1),
        stream=ds.Stream(view_type="NEW_IMAGE"),
        duration_s=60,
    )
    result = ds.simulate(scenario, rng=7, progress=False)
    seen = sorted(n for one in {id(one): one for one in notes}.values() for batch in one.batches for n in batch)
    assert seen == sorted([1, 2, 3, 4, 5] * 2)
    assert result.stream_log.groupby("event_source_mapping", observed=True).size().tolist() == [5, 5]


# --- filters ----------------------------------------------------------------------------------------------------------


def item(n, **attributes):
    return {"pk": f"id_value_{n}", "ordinal": n, **attributes}


# the recordings describe their writes in words
FILTERED = {
    "filter.insert_same_entry_twice": [item(1), item(1)],
    "filter.content_filter_type": [item(1, presentKey="presentValue"), item(2)],
    "filter.exists_false_filter": [item(1), item(2, presentKey="presentValue")],
    "filter.numeric_filter": [item(1, numericFilter=42), item(2, numericFilter=101)],
    "filter.date_time_conversion": [item(1), item(2)],
    "filter.kept_records_batched_together": [item(n, keep=n % 2 == 0) for n in (1, 2, 3, 4)],
}


@group("filter")
def test_a_filtered_mapping_invokes_as_recorded(case):
    writes = [(AT_S + n * 0.1, "put", one) for n, one in enumerate(FILTERED[case["id"]])]
    notes, result = run(writes, mapping=settings(case["esm"]))
    expected = case["expected"]["invocations"]
    assert notes.batches == expected if isinstance(expected, list) else len(notes.batches) == expected
    states = result.stream_log["outcome"]
    assert set(states) <= {"processed", "filtered"}
    passed = sum(map(len, notes.batches))
    assert (states == "processed").sum() == passed
    metrics = counted(result)
    assert metrics["PolledEventCount"] == len(states)
    assert metrics["FilteredOutEventCount"] == len(states) - passed
    assert metrics["InvokedEventCount"] == passed


# --- destinations -----------------------------------------------------------------------------------------------------


def shape(value):
    """Every figure of a value replaced by 9, every letter of a UUID too."""
    return re.sub(r"\d", "9", value)


UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


@recorded("destination.sqs_body")
def test_the_document_for_a_queue_has_the_recorded_fields(case):
    expected = case["expected"]
    notes, result = run(numbered(1), raising(), mapping=settings(case["esm"]))
    (document,) = result.discards["document"]
    assert list(document) == expected["keys_in_order"]
    for part in ("requestContext", "responseContext", "DDBStreamBatchInfo"):
        assert list(document[part]) == list(expected[part])
    assert document["version"] == expected["version"]
    context = document["requestContext"]
    assert context["condition"] == expected["requestContext"]["condition"]
    assert context["approximateInvokeCount"] == expected["requestContext"]["approximateInvokeCount"]
    assert re.fullmatch(UUID, context["requestId"])
    # the source of this case has it as the mapping names the function: without a qualifier, unless an alias was mapped
    assert context["functionArn"] == notes.contexts[0].invoked_function_arn
    assert document["responseContext"] == {**expected["responseContext"], "executedVersion": "$LATEST"}
    assert shape(document["timestamp"]) == "9999-99-99T99:99:99.999Z"
    info = document["DDBStreamBatchInfo"]
    assert shape(info["approximateArrivalOfFirstRecord"]) == "9999-99-99T99:99:99Z"
    assert info["approximateArrivalOfLastRecord"] == info["approximateArrivalOfFirstRecord"]
    assert info["batchSize"] == expected["DDBStreamBatchInfo"]["batchSize"]
    (record,) = notes.events[0]["Records"]
    assert info["startSequenceNumber"] == info["endSequenceNumber"] == record["dynamodb"]["SequenceNumber"]
    assert info["streamArn"] == record["eventSourceARN"]


@recorded("destination.s3")
def test_the_object_in_s3_adds_the_event_as_text(case):
    notes, result = run(numbered(1), raising(), mapping=settings({**case["esm"], "OnFailure": "s3"}))
    (document,), (key,) = result.discards["document"], result.discards["object_key"]
    assert isinstance(document["payload"], str)
    assert json.loads(document["payload"]) == notes.events[-1]
    shard = document["DDBStreamBatchInfo"]["shardId"]
    instant = r"\d{4}/\d\d/\d\d/\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d"
    assert re.fullmatch(rf"aws/lambda/{UUID}/{shard}/{instant}-{UUID}", key)


@recorded("destination.batch_of_four_range")
def test_the_document_tells_the_range_and_whole_seconds(case):
    expected = case["expected"]
    writes = [(0.1 + n * 2 / 3, "put", one) for n, (_, _, one) in enumerate(numbered(4))]
    mapping = {**settings(case["esm"]), "created_s": 0.0}
    notes, result = run(writes, raising(2), mapping=mapping, duration_s=120, start="2026-09-17T13:27:38Z")
    (document,) = result.discards["document"]
    found = {**document["requestContext"], **document["DDBStreamBatchInfo"]}
    numbers = [record["dynamodb"]["SequenceNumber"] for record in notes.events[0]["Records"]]
    wanted = {**expected, "startSequenceNumber": numbers[0], "endSequenceNumber": numbers[-1]}
    assert {name: found[name] for name in wanted} == wanted


@recorded("destination.request_id")
def test_a_document_bears_the_request_id_of_its_batch(case):
    assert "reuses the same" in case["expected"]["rule"]
    mapping = settings({"BatchSize": 2, "MaximumRetryAttempts": 2, "BisectBatchOnFunctionError": True})
    notes, result = run(numbered(2), raising(2), mapping=mapping)
    assert notes.batches == [[1, 2], [1], [2], [2], [2]]
    whole, first, *second = notes.request_ids
    assert len({whole, first, *second}) == 3
    (document,) = result.discards["document"]
    assert [document["requestContext"]["requestId"]] * 3 == second


# --- age and retries --------------------------------------------------------------------------------------------------


@recorded("age.expired_before_first_invoke", "age.kinesis_expired_before_ingestion")
def test_a_record_that_expires_before_any_invocation_counts_one(case):
    life = {"suspensions": ds.Suspension(start_s=5, end_s=AT_S + 70)}
    if "kinesis" in case["id"]:
        life = {"created_s": AT_S + 60}
    notes, result = run(numbered(1), raising(), mapping=settings(case["esm"]) | life, duration_s=300)
    assert notes.batches == []
    (document,) = result.discards["document"]
    expected = case["expected"]["destination"]
    assert document["requestContext"]["condition"] == expected["condition"]
    assert document["requestContext"]["approximateInvokeCount"] == expected["approximateInvokeCount"]
    assert "responseContext" not in document
    assert document["DDBStreamBatchInfo"]["batchSize"] == 1


@recorded("age.kinesis_expire_while_retrying")
def test_retries_double_until_the_record_is_too_old(case):
    created = {"created_s": AT_S, "poller": ds.Poller(activation_delay=20)}
    notes, result = run(numbered(1), raising(), mapping=settings(case["esm"]) | created, duration_s=300)
    (document,) = result.discards["document"]
    expected = case["expected"]["destination"]
    assert document["requestContext"]["condition"] == expected["condition"]
    assert document["requestContext"]["approximateInvokeCount"] == expected["approximateInvokeCount"]
    assert len(notes.batches) == expected["approximateInvokeCount"]
    assert "responseContext" not in document


@recorded("retry.backoff_intervals")
def test_intervals_are_of_the_recorded_size(case):
    expected = case["expected"]
    mapping = settings({"BatchSize": 2, "MaximumRetryAttempts": 2, "BisectBatchOnFunctionError": True})
    notes, _ = run(numbered(4), raising(2), mapping=mapping, function={"duration": ds.Duration(base_s=0.005)})
    assert notes.batches == [[1, 2], [1], [2], [2], [2], [3, 4]]
    split_s, half_s, first_s, second_s, next_s = np.diff(notes.offsets_s)
    assert min(expected["first_retry_s"]) <= first_s <= max(expected["first_retry_s"])
    assert second_s == pytest.approx(expected["second_retry_s"][0], rel=0.15)
    assert min(expected["bisect_child_delay_s"]) <= half_s <= max(expected["bisect_child_delay_s"])
    assert min(expected["bisect_child_delay_s"]) <= split_s <= max(expected["bisect_child_delay_s"])
    assert next_s == pytest.approx(expected["next_batch_after_discard_s"][-1], abs=0.005)


# --- where a mapping starts, and order --------------------------------------------------------------------------------


@recorded("start.latest")
def test_latest_misses_what_is_written_before_the_first_poll(case):
    # 85 s is the longest start-up on record
    life = {"created_s": 10.0, "poller": ds.Poller(activation_delay=85)}
    writes = [(at_s, "put", {"pk": "key", "ordinal": n}) for n, at_s in enumerate((0.0, 80.0, 200.0))]
    notes, result = run(writes, mapping=settings(case["esm"]) | life, duration_s=300)
    assert notes.batches == case["expected"]["invocations"]
    assert result.stream_log["outcome"].tolist() == ["skipped", "skipped", "processed"]


@recorded("lifecycle.activation_delay")
def test_a_new_mapping_takes_as_long_as_recorded(case):
    seen_s = case["expected"]["seconds_from_first_write_to_first_handler"].values()
    notes = [run(numbered(1), mapping={"created_s": AT_S}, duration_s=200, name=f"run {n}")[0] for n in range(3)]
    warm, _ = run(numbered(1))
    for one in notes:
        assert min(seen_s) - 1.5 <= one.contexts[0].now_s - AT_S <= max(seen_s) + 1.5
    assert warm.contexts[0].now_s - AT_S < 1.5


@recorded("order.one_batch_at_a_time_per_shard")
def test_the_next_batch_waits_for_the_one_before(case):
    slow = {"duration": ds.Duration(base_s=5.0, noise=None), "timeout_s": 30}
    notes, _ = run(numbered(20, apart_s=0.04), mapping=settings(case["esm"]), function=slow)
    sizes = [len(batch) for batch in notes.batches]
    # how the first batch is cut depends on where the polls fall
    assert sum(sizes) == sum(case["expected"]["invocation_sizes"])
    assert max(sizes) <= 10
    assert np.diff(notes.offsets_s).min() > 5
    together, _ = run(numbered(20, apart_s=0.0), mapping=settings(case["esm"]), function=slow)
    assert [len(batch) for batch in together.batches] == case["expected"]["invocation_sizes"]


@recorded("order.disable_stops_delivery")
def test_a_disabled_mapping_delivers_nothing(case):
    assert case["expected"]["record_written_after_disable_delivered"] is False
    writes = [(at_s, "put", {"pk": "key", "ordinal": n}) for n, at_s in enumerate((10.0, 31.0))]
    notes, result = run(writes, mapping={"suspensions": ds.Suspension(start_s=30)}, duration_s=600)
    assert notes.batches == [[0]]
    assert result.stream_log["outcome"].tolist() == ["processed", "waiting"]


# --- tumbling windows -------------------------------------------------------------------------------------------------


def counting(event, context):
    return {"state": (event["state"] or 0) + len(event["Records"])}


@recorded("tumbling.state_accumulates")
def test_state_accumulates_within_a_window(case):
    expected = case["expected"]
    start = "2026-09-17T12:50:20Z"
    writes = [(31.0 + n, "put", {"pk": "key", "ordinal": n + 1}) for n in range(4)]
    writes.append((131.0, "put", {"pk": "key", "ordinal": 5}))
    notes, _ = run(writes, counting, mapping=settings(case["esm"]), duration_s=145, start=start)
    assert notes.batches == expected["batches"]
    assert [event["state"] for event in notes.events] == expected["state_in"]
    assert all(event["window"] == expected["window"] for event in notes.events[:5])
    assert all(list(event) == expected["event_keys"] for event in notes.events)
    assert [event["isFinalInvokeForWindow"] for event in notes.events] == [False] * 4 + [True, False]
    # the last call comes just before the record that ends the window
    assert notes.offsets_s[5] - notes.offsets_s[4] < 0.1


@recorded("tumbling.final_not_by_clock")
def test_a_failed_last_call_leaves_a_document_of_its_window(case):
    expected = case["expected"]

    def failing_at_the_end(event, context):
        if event["isFinalInvokeForWindow"]:
            raise RuntimeError("the last call")
        return counting(event, context)

    writes = [(12.0, "put", {"pk": "key", "ordinal": 1}), (13.0, "put", {"pk": "key", "ordinal": 2})]
    writes.append((131.0, "put", {"pk": "key", "ordinal": 3}))
    start = "2026-09-17T14:11:00Z"
    notes, result = run(writes, failing_at_the_end, mapping=settings(case["esm"]), duration_s=135, start=start)
    assert notes.batches == [[1], [2], [], [3]]
    assert 131.0 < notes.contexts[2].now_s < 132.1
    (document,) = result.discards["document"]
    assert document["requestContext"]["approximateInvokeCount"] == expected["destination"]["approximateInvokeCount"]
    assert list(document["DDBStreamBatchInfo"]) == expected["destination"]["DDBStreamBatchInfo_keys"]
    told_window = {**expected["destination"]["timeWindowInfo"]}
    told_window["window"] = {"start": "2026-09-17T14:11:10Z", "end": "2026-09-17T14:11:20Z"}
    assert document["timeWindowInfo"] == told_window
    assert notes.events[-1]["state"] == expected["next_window_state"]


# --- too large, metrics, events ---------------------------------------------------------------------------------------


@recorded("oversize.invoke_payload_over_6MB")
def test_an_event_over_6_mb_never_reaches_the_handler(case):
    expected = case["expected"]
    # an empty text is one byte in the table and nine in an event, which shows it twice after an update
    large = {"pk": {"S": "key"}, "ordinal": {"N": "1"}, "texts": {"L": [{"S": ""}] * 352_000}}
    writes = ds.ItemWrites(
        [
            (AT_S, "put", large),
            (AT_S + 1, "update", {"pk": "key", "ordinal": 2}),
            (AT_S + 30, "put", {"pk": "other", "ordinal": 3}),
        ]
    )
    for retries, count in zip(
        case["esm"]["MaximumRetryAttempts"], expected["destination"]["approximateInvokeCount"], strict=True
    ):
        notes, result = run(writes, mapping=settings({"MaximumRetryAttempts": retries}))
        assert notes.batches == [[1], [3]]
        (document,) = result.discards["document"]
        assert document["requestContext"]["condition"] == expected["destination"]["condition"]
        assert document["requestContext"]["approximateInvokeCount"] == count
        assert "responseContext" not in document


@recorded("metrics.per_mapping")
def test_metrics_count_records_and_invocations(case):
    # three mappings with a raising function: one whose queue may be written to, one denied, one without
    destinations = {"queue": 0.0, "denied": 1.0, "without": None}
    shown = {
        name: counted(
            run(
                numbered(3),
                raising(),
                mapping=settings(case["esm"])
                | {"on_failure": None if denied is None else ds.Destination("sqs", failure_probability=denied)},
            )[1]
        )
        for name, denied in destinations.items()
    }
    expected = {name: 0 if value == "no datapoint" else value for name, value in case["expected"].items()}
    assert {name: shown["queue"][name] for name in expected} == expected
    assert shown["queue"]["DestinationDeliveryFailures"] == 0
    # what the recording notes of the other two
    assert "DroppedEventCount=3, DestinationDeliveryFailures=1" in case["notes"]
    assert "with no destination no DroppedEventCount was seen" in case["notes"]
    told_of = ["DroppedEventCount", "DestinationDeliveryFailures", "OnFailureDestinationDeliveredEventCount"]
    assert shown["denied"][told_of].tolist() == [3, 1, 0]
    assert shown["without"][told_of].tolist() == [0, 0, 0]
    assert all(one["PolledEventCount"] == one["FailedInvokeEventCount"] == 3 for one in shown.values())


@recorded("event.record_shape")
def test_the_event_has_the_recorded_shape(case):
    expected = case["expected"]
    writes = [(AT_S + 0.7, "put", {"my_partition_key": "hello world", "binary_key": b"foobar"})]
    notes = Notes()
    scenario = ds.Scenario(
        workload=ds.ItemWrites(writes, key=("my_partition_key",)),
        stream=ds.Stream(view_type=case["esm"]["StreamViewType"]),
        event_source_mappings=ds.EventSourceMapping(function=ds.Function(handler=notes)),
        duration_s=30,
    )
    ds.simulate(scenario, rng=7, progress=False)
    (event,) = notes.events
    (record,) = event["Records"]
    assert list(event) == expected["top_level"]
    assert list(record) == expected["keys"]
    assert record["eventVersion"] == expected["eventVersion"]
    assert re.fullmatch("[0-9a-f]{32}", record["eventID"])
    created = record["dynamodb"]["ApproximateCreationDateTime"]
    assert isinstance(created, float)
    assert created == scenario.start_epoch_s + AT_S
    assert record["dynamodb"]["NewImage"]["binary_key"] == {"B": "Zm9vYmFy"}
    assert record["dynamodb"]["SizeBytes"] == expected["SizeBytes"]
    assert "userIdentity" not in record


@recorded("event.sequence_number_sample")
def test_sequence_numbers_grow_as_integers(case):
    fewest, most = case["expected"]["digits"]
    notes, _ = run(numbered(1_500, apart_s=0.002), mapping={"batch_size": 100})
    texts = [record["dynamodb"]["SequenceNumber"] for event in notes.events for record in event["Records"]]
    assert len(texts) == 1_500
    assert all(fewest <= len(text) <= most for text in texts)
    assert [int(text) for text in texts] == sorted(set(map(int, texts)))
    assert texts != sorted(texts)


# --- the records that writes make -------------------------------------------------------------------------------------


@group("stream_content")
def test_a_handler_sees_the_recorded_records(case):
    key = case["esm"].get("key", "my_partition_key")
    operations = [operation for write in case["writes"] for operation in writes_of(write)]
    notes = Notes()
    scenario = ds.Scenario(
        workload=ds.ItemWrites([(AT_S + n, *one) for n, one in enumerate(operations)], key=(key,)),
        table=ds.Table(partitions=1),
        stream=ds.Stream(view_type=case["esm"]["StreamViewType"]),
        event_source_mappings=ds.EventSourceMapping(function=ds.Function(handler=notes)),
        duration_s=60,
    )
    ds.simulate(scenario, rng=7, progress=False)
    shown = ("Keys", "NewImage", "OldImage", "SizeBytes")
    records = [record for event in notes.events for record in event["Records"]]
    told_records = [
        {"eventName": one["eventName"]} | {name: value for name, value in one["dynamodb"].items() if name in shown}
        for one in records
    ]
    assert told_records == case["expected"]["records"]


def test_every_case_is_tested_or_does_not_apply():
    elsewhere = {name for name, case in CASES.items() if case["group"] in ELSEWHERE}
    assert TESTED | set(NOT_APPLICABLE) | elsewhere == set(CASES)
    assert not TESTED & set(NOT_APPLICABLE)
