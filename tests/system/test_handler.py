"""A handler in virtual time: what it is given, and what its answers, exceptions and delays lead to."""

import asyncio
import copy
import json
import pickle
import sys
import time
from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pytest
from lab import AT_S, always, numbered, ordinal, raising, reporting, run, told

import ddbsim as ds
from ddbsim.aws import limits

REPORTS = ("ReportBatchItemFailures",)


def law(base_s, **fields):
    return ds.Duration(base_s=base_s, noise=None, **fields)


# --- the context ------------------------------------------------------------------------------------------------------


def test_the_context_is_that_of_pythons_runtime():
    function = {"name": "totals", "memory_mb": 512, "timeout_s": 7}
    notes, _ = run(numbered(1), function=function, region="eu-west-1")
    (context,) = notes.contexts
    assert context.function_name == "totals"
    assert context.function_version == "$LATEST"
    assert context.memory_limit_in_mb == "512"
    assert context.invoked_function_arn == "arn:aws:lambda:eu-west-1:123456789012:function:totals"
    assert context.log_group_name == "/aws/lambda/totals"
    assert context.log_stream_name.startswith("2026/01/01/[$LATEST]")
    assert len(context.aws_request_id) == 36
    assert context.identity is None
    assert context.client_context is None


def test_the_remaining_time_follows_the_records_in_simulated_time():
    left_ms = []

    def watching(event, context):
        left_ms.append(context.get_remaining_time_in_millis())
        left_ms.extend(context.get_remaining_time_in_millis() for _ in event["Records"])
        left_ms.append(context.get_remaining_time_in_millis())

    run(numbered(4), watching, function={"timeout_s": 10, "duration": law(8.0)})
    assert left_ms == [10_000, 10_000, 8_000, 6_000, 4_000, 2_000]


def test_state_is_handed_to_the_handler():
    seen = []

    def adding(event, context):
        context.state.append(len(event["Records"]))

    _, result = run(numbered(3), adding, function={"state": seen})
    assert result.handler_report().states == {"function": [3]}
    # the next run is to find it as this one did
    assert seen == []


def test_retries_keep_their_request_id_and_halves_get_new_ones():
    splitting = {"batch_size": 2, "maximum_retry_attempts": 1, "bisect_batch_on_function_error": True}
    notes, _ = run(numbered(2), raising(), mapping=splitting)
    assert notes.batches == [[1, 2], [1], [1], [2], [2]]
    a, b, b_again, c, c_again = notes.request_ids
    assert (b, c) == (b_again, c_again)
    assert len({a, b, c}) == 3


# --- how a handler may end --------------------------------------------------------------------------------------------


def ending(error):
    def conduct(event, context):
        raise error

    return conduct


ENDS = {
    "exception": (ending(ValueError("no")), "error"),
    "KeyError": (lambda event, context: event["records"], "error"),
    "SystemExit": (lambda event, context: sys.exit(1), "error"),
    "MemoryError": (ending(MemoryError()), "out_of_memory"),
    "RecursionError": (ending(RecursionError()), "error"),
    "CancelledError": (ending(asyncio.CancelledError()), "error"),
    "a set": (always({1, 2}), "error"),
    "bytes": (always(b"text"), "error"),
    "an object": (always(object()), "error"),
    "a generator": (lambda event, context: (n for n in range(3)), "error"),
    "a cycle": (lambda event, context: event.setdefault("self", event), "error"),
    "a number": (always(42), "success"),
    "a Decimal": (always({"total": Decimal("1.5")}), "success"),
}


@pytest.mark.parametrize(("conduct", "outcome"), ENDS.values(), ids=ENDS)
def test_no_handler_breaks_the_run(conduct, outcome):
    retries = {"maximum_retry_attempts": 1}
    notes, result = run(numbered(2), conduct, mapping={"batch_size": 2, **retries})
    times = 1 if outcome == "success" else 2
    assert result.invocations["outcome"].tolist() == [outcome] * times
    assert set(result.stream_log["outcome"]) == {"processed" if times == 1 else "discarded"}
    assert len(notes.events) == times


@pytest.mark.parametrize(("bytes_over", "outcome"), [(0, "success"), (1, "error")])
def test_an_answer_over_6_mb_fails_its_invocation(bytes_over, outcome):
    # the quotes of a text are two bytes
    answer = "x" * (6 * 2**20 + 100 - 2 + bytes_over)
    _, result = run(numbered(1), always(answer), mapping={"maximum_retry_attempts": 0})
    assert result.invocations["outcome"].tolist() == [outcome]


@pytest.mark.parametrize(("ending", "inits"), [(ValueError, 1), (SystemExit, 3), (asyncio.CancelledError, 3)])
def test_a_handler_that_ends_its_process_takes_the_environment_along(ending, inits):
    def conduct(event, context):
        raise ending

    _, result = run(numbered(1), conduct, mapping={"maximum_retry_attempts": 2})
    assert (result.invocations["init_s"] > 0).sum() == inits


def test_ctrl_c_in_a_handler_stops_the_run():
    _, result = run(numbered(1), ending(KeyboardInterrupt()))
    assert result.partial


def test_a_handler_over_its_timeout_has_run_and_its_answer_is_lost():
    done = []

    def recording(event, context):
        done.extend(ordinal(record) for record in event["Records"])

    slow = {"timeout_s": 1, "duration": law(0.4, per_record_s=0.4)}
    splitting = {"batch_size": 2, "maximum_retry_attempts": 0, "bisect_batch_on_function_error": True}
    notes, result = run(numbered(2), recording, mapping=splitting, function=slow)
    assert notes.batches == [[1, 2], [1], [2]]
    assert result.invocations["outcome"].tolist() == ["timeout", "success", "success"]
    assert result.invocations["duration_s"].tolist() == pytest.approx([1.0, 0.8, 0.8])
    assert done == [1, 2, 1, 2]


def test_an_outage_strikes_before_the_handlers_first_line():
    outage = ds.Failures(outages=ds.Outage(start_s=0, end_s=AT_S + 1))
    notes, result = run(numbered(1), function={"failures": outage})
    outcomes = result.invocations["outcome"].tolist()
    assert outcomes == ["error"] * (len(outcomes) - 1) + ["success"]
    assert len(outcomes) > 1
    assert len(notes.events) == 1


@pytest.mark.parametrize("noise", [None, 3.0])
def test_a_duration_has_the_parts_of_its_law(noise):
    parts = ds.Duration(base_s=0.1, per_record_s=0.02, per_kb_s=0.3, noise=noise, measured_at_mb=256)
    _, result = run(numbered(4), function={"duration": parts, "memory_mb": 512})
    sent = result.invocations.iloc[0]
    assert sent["records"] == 4
    # twice the memory takes half as long
    expected_s = 0.5 * (0.1 + 4 * 0.02 + 0.3 * sent["payload_bytes"] / 1_024) * (noise or 1.0)
    assert sent["duration_s"] == pytest.approx(expected_s)


def test_a_measured_duration_is_the_handlers_own(monkeypatch):
    clock_s = [100.0]

    def working(event, context):
        clock_s[0] += 0.25

    clock = SimpleNamespace(perf_counter=lambda: clock_s[0], strftime=time.strftime, gmtime=time.gmtime)
    monkeypatch.setattr("ddbsim.system.function.handler.time", clock)
    _, result = run(numbered(1), working, function={"duration": "measured"})
    assert result.invocations["duration_s"].item() == 0.25


def test_a_measured_handler_may_run_into_its_timeout():
    def sleeping(event, context):
        time.sleep(1.05)

    one = {"maximum_retry_attempts": 0}
    _, result = run(numbered(1), sleeping, mapping=one, function={"duration": "measured", "timeout_s": 1})
    assert result.invocations["outcome"].tolist() == ["timeout"]
    assert result.invocations["duration_s"].item() == 1.0


def test_time_inside_the_simulation_does_not_depend_on_the_handler():
    notes, _ = run(numbered(1), lambda event, context: time.sleep(0.02), function={"duration": law(0.5)})
    quick, _ = run(numbered(1), function={"duration": law(0.5)})
    assert notes.contexts[0].now_s == quick.contexts[0].now_s


# --- the event --------------------------------------------------------------------------------------------------------


def test_a_handler_that_spoils_its_event_gets_a_whole_one_again():
    whole = []

    def spoiling(event, context):
        whole.append(json.dumps(event))
        event["Records"][0]["dynamodb"].clear()
        event["Records"].pop()
        raise RuntimeError("after the damage")

    run(numbered(3), spoiling, mapping={"maximum_retry_attempts": 2})
    assert len(whole) == 3
    assert len(set(whole)) == 1


def test_an_answer_counts_however_the_event_was_spoilt():
    def emptying(event, context):
        event["Records"].clear()

    _, result = run(numbered(3), emptying)
    assert set(result.stream_log["outcome"]) == {"processed"}


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda event: pickle.loads(pickle.dumps(event))], ids=["deep", "pickle"]
)
def test_copies_of_an_event_are_plain(copied):
    notes, _ = run(numbered(2))
    (event,) = notes.events
    again = copied(event)
    assert again == event
    assert json.dumps(again) == json.dumps(event)
    assert type(again["Records"]) is list
    assert type(again["Records"][0]["dynamodb"]) is dict


@pytest.mark.parametrize("look", [copy.deepcopy, copy.copy, pickle.dumps, len, repr, list.copy])
def test_a_look_at_the_records_takes_no_simulated_time(look):
    left_ms = []

    def looking(event, context):
        look(event["Records"])
        left_ms.append(context.get_remaining_time_in_millis())

    _, result = run(numbered(2), looking, function={"timeout_s": 10, "duration": law(8.0)})
    assert result.invocations["outcome"].tolist() == ["success"]
    assert left_ms == [10_000]


def test_an_async_handler_fails_as_in_pythons_runtime():
    async def later(event, context):
        return {}

    # a coroutine that nobody awaits would be warned of, and warnings are errors here
    _, result = run(numbered(1), later, mapping={"maximum_retry_attempts": 0})
    assert result.invocations["outcome"].tolist() == ["error"]


def test_records_can_be_indexed_sliced_counted_and_walked_twice():
    def walking(event, context):
        records = event["Records"]
        assert len(records) == 3
        assert records[0] is next(iter(records))
        assert records[1:] == list(records)[1:]
        assert [ordinal(record) for record in reversed(records)] == [3, 2, 1]

    _, result = run(numbered(3), walking)
    assert result.invocations["outcome"].tolist() == ["success"]


VIEWS = {
    "KEYS_ONLY": set(),
    "NEW_IMAGE": {"NewImage"},
    "OLD_IMAGE": {"OldImage"},
    "NEW_AND_OLD_IMAGES": {"NewImage", "OldImage"},
}


@pytest.mark.parametrize(("beyond", "outcome"), [(0, "success"), (1, "error")])
def test_an_answer_may_be_as_large_as_the_service_takes_and_no_larger(beyond, outcome):
    # two quotes stand around a text
    text = "x" * (limits.RESPONSE_PAYLOAD_BYTES.value - 2 + beyond)
    _, result = run(numbered(1), lambda event, context: text, mapping={"maximum_retry_attempts": 0})
    assert result.invocations["outcome"].tolist() == [outcome]


@pytest.mark.parametrize("view_type", VIEWS)
def test_a_change_shows_the_images_of_its_view_type(view_type):
    records = []

    def keeping(event, context):
        records.extend(event["Records"])

    writes = [(AT_S, "put", {"pk": "a", "n": 1}), (AT_S + 1, "update", {"pk": "a", "n": 2})]
    writes.append((AT_S + 2, "delete", {"pk": "a"}))
    run(writes, keeping, stream=ds.Stream(view_type=view_type))
    assert [record["eventName"] for record in records] == ["INSERT", "MODIFY", "REMOVE"]
    shown = [{"NewImage", "OldImage"} & set(record["dynamodb"]) for record in records]
    assert shown == [VIEWS[view_type] - {"OldImage"}, VIEWS[view_type], VIEWS[view_type] - {"NewImage"}]
    assert {record["dynamodb"]["StreamViewType"] for record in records} == {view_type}
    assert all(record["dynamodb"]["Keys"] == {"pk": {"S": "a"}} for record in records)
    assert all(record["dynamodb"].get("NewImage", {}).get("n") != {"N": "3"} for record in records)


# --- the batch processor that most Python handlers use ----------------------------------------------------------------


def processing(failing):
    """A handler as the documentation of aws-lambda-powertools has it; `failing(n)` says which records raise."""
    powertools = pytest.importorskip("aws_lambda_powertools.utilities.batch")
    processor = powertools.BatchProcessor(event_type=powertools.EventType.DynamoDBStreams)
    tried = []

    def record_handler(record):
        number = int(record.dynamodb.new_image["ordinal"])
        tried.append(number)
        if failing(number, tried.count(number)):
            raise ValueError(f"record {number} is bad")

    def handler(event, context):
        return powertools.process_partial_response(
            event=event, record_handler=record_handler, processor=processor, context=context
        )

    return handler, tried


def test_the_batch_processor_sees_only_the_right_records_again():
    handler, tried = processing(lambda number, times: number == 3 and times <= 2)
    notes, result = run(numbered(5), handler, mapping={"function_response_types": REPORTS})
    assert notes.batches == [[1, 2, 3, 4, 5], [3, 4, 5], [3, 4, 5]]
    assert tried == [1, 2, 3, 4, 5, 3, 4, 5, 3, 4, 5]
    assert set(result.stream_log["outcome"]) == {"processed"}
    assert result.stream_log["deliveries"].tolist() == [1, 1, 3, 3, 3]


def test_the_lowest_of_several_failed_records_is_where_it_goes_on():
    handler, tried = processing(lambda number, times: number in (2, 4) and times == 1)
    notes, _ = run(numbered(5), handler, mapping={"function_response_types": REPORTS})
    assert notes.batches == [[1, 2, 3, 4, 5], [2, 3, 4, 5]]
    assert tried == [1, 2, 3, 4, 5, 2, 3, 4, 5]


def test_the_batch_processor_raises_when_every_record_failed():
    handler, _ = processing(lambda number, times: True)
    mapping = {
        "batch_size": 2,
        "function_response_types": REPORTS,
        "maximum_retry_attempts": 1,
        "on_failure": ds.Destination("sqs"),
    }
    notes, result = run(numbered(2), handler, mapping=mapping)
    assert notes.batches == [[1, 2], [1, 2]]
    assert result.invocations["outcome"].tolist() == ["error", "error"]
    assert [(one["functionError"], one["batch"]) for one in told(result)] == [("Unhandled", [1, 2])]


def test_many_records_fail_once_each_and_all_are_processed():
    rng = np.random.default_rng(7)
    bad = set(rng.choice(np.arange(1, 41), size=6, replace=False).tolist())
    handler, tried = processing(lambda number, times: number in bad and times == 1)
    mapping = {"batch_size": 10, "function_response_types": REPORTS, "maximum_retry_attempts": 5}
    notes, result = run(numbered(40), handler, mapping=mapping)
    assert set(result.stream_log["outcome"]) == {"processed"}
    assert set(tried) == set(range(1, 41))
    # each batch begins where the lowest failure of the one before was
    for before, after in zip(notes.batches, notes.batches[1:], strict=False):
        assert after[0] in before or after[0] == before[-1] + 1


def test_what_a_plain_partial_response_brings_again_was_done_before():
    notes, result = run(
        numbered(4), reporting(2), mapping={"function_response_types": REPORTS, "maximum_retry_attempts": 0}
    )
    assert notes.batches == [[1, 2, 3, 4], [2, 3, 4]]
    assert result.stream_log["outcome"].tolist() == ["processed"] + ["discarded"] * 3
