"""What handlers met: duplicates, what a second delivery changes, images that are not there."""

import asyncio
import gc
import json
from types import SimpleNamespace

import pytest
from lab import numbered, ordinal, run

import ddbsim as ds


def failing_once(keep):
    """Keep each record of a batch with `keep(record)`, and fail the first time."""
    calls = []

    def conduct(event, context):
        for record in event["Records"]:
            keep(record)
        calls.append(event)
        if len(calls) == 1:
            raise RuntimeError

    return conduct


def report_of(conduct, count=3, **function):
    _, result = run(numbered(count), conduct, mapping={"batch_size": 100}, function=function)
    return result.handler_report()


def test_each_record_has_its_deliveries_and_outcome():
    seen = set()
    report = report_of(failing_once(lambda record: seen.add(ordinal(record))), state=seen)
    assert list(report.frame.columns) == [
        "event_source_mapping",
        "record_id",
        "deliveries",
        "outcome",
        "changes_again",
    ]
    assert report.frame["deliveries"].tolist() == [2, 2, 2]
    assert report.frame["changes_again"].tolist() == [False] * 3
    assert report.is_idempotent
    assert "3 records were handed over, 3 of them more than once" in str(report)


def test_a_handler_that_counts_is_not_idempotent():
    counts = {}

    def keep(record):
        counts[ordinal(record)] = counts.get(ordinal(record), 0) + 1

    report = report_of(failing_once(keep), state=counts)
    assert report.frame["changes_again"].tolist() == [True] * 3
    assert not report.is_idempotent
    # a copy is as the run left it, and the state itself as it was before
    assert report.states == {"function": {1: 2, 2: 2, 3: 2}}
    assert counts == {}


@pytest.mark.parametrize("by_hand", [False, True], ids=["sets a value", "adds to it"])
def test_state_may_lie_deep_and_be_reached_by_another_name(by_hand):
    totals = SimpleNamespace(rows={})
    state = {"inner": SimpleNamespace(totals=totals)}

    def keep(record):
        was = totals.rows.get(ordinal(record), 0) if by_hand else 0
        totals.rows[ordinal(record)] = was + 1

    report = report_of(failing_once(keep), state=state)
    assert report.is_idempotent is not by_hand
    assert state["inner"].totals is totals
    assert totals.rows == {}
    left = report.states["function"]["inner"].totals
    assert left.rows == dict.fromkeys((1, 2, 3), 2 if by_hand else 1)


def test_without_state_or_a_second_delivery_nothing_is_tried():
    calls = []
    report = report_of(failing_once(calls.append))
    assert report.frame["changes_again"].tolist() == [None] * 3
    assert report.states == {}
    assert len(calls) == 6
    report = report_of(lambda event, context: calls.append(event), state=calls)
    assert report.frame["changes_again"].tolist() == [None] * 3
    assert report.is_idempotent


@pytest.mark.parametrize("error", [ValueError, SystemExit, asyncio.CancelledError])
def test_a_handler_that_raises_breaks_no_report(error):
    kept = []

    def conduct(event, context):
        kept.append(len(event["Records"]))
        raise error

    _, result = run(numbered(2), conduct, mapping={"maximum_retry_attempts": 1}, function={"state": kept})
    report = result.handler_report()
    assert not report.is_idempotent
    assert report.states == {"function": [2, 2]}


def test_images_that_the_view_type_lacks_are_counted():
    def looking(event, context):
        for record in event["Records"]:
            record["dynamodb"].get("NewImage")
            assert "OldImage" not in record["dynamodb"]

    _, result = run(numbered(2), looking, stream=ds.Stream(view_type="KEYS_ONLY"))
    missing = result.handler_report().missing_images
    # the second write changes what the first has made
    assert missing.to_numpy().tolist() == [
        ["function", "NewImage", "INSERT", "view type", 1],
        ["function", "NewImage", "MODIFY", "view type", 1],
        ["function", "OldImage", "INSERT", "event", 1],
        ["function", "OldImage", "MODIFY", "view type", 1],
    ]
    assert "asked 2 times for NewImage, which the view type does not carry" in str(result.handler_report())


LIFE = [(1.0, "put", {"pk": "a", "n": 1}), (2.0, "put", {"pk": "a", "n": 2}), (3.0, "delete", {"pk": "a"})]
ASKING = {
    "by key": lambda record, image: record[image],
    "by get": lambda record, image: record.get(image),
    "by in": lambda record, image: image in record,
    "by pop": lambda record, image: record.pop(image, None),
}


@pytest.mark.parametrize("ask", ASKING.values(), ids=ASKING)
@pytest.mark.parametrize("view_type", ["NEW_AND_OLD_IMAGES", "KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE"])
def test_an_image_that_the_event_has_none_of_is_told_apart_from_one_that_the_view_type_leaves_out(view_type, ask):
    def looking(event, context):
        for record in event["Records"]:
            for image in ("NewImage", "OldImage"):
                try:
                    ask(record["dynamodb"], image)
                except KeyError:
                    continue

    _, result = run(LIFE, looking, stream=ds.Stream(view_type=view_type))
    missing = result.handler_report().missing_images
    found = {(image, event): cause for _, image, event, cause, _ in missing.to_numpy().tolist()}
    left_out = {"KEYS_ONLY": {"NewImage", "OldImage"}, "NEW_IMAGE": {"OldImage"}, "OLD_IMAGE": {"NewImage"}}
    names = [(image, event) for image in ("NewImage", "OldImage") for event in ("INSERT", "MODIFY", "REMOVE")]
    never = {("OldImage", "INSERT"): "event", ("NewImage", "REMOVE"): "event"}
    expected = {name: "view type" for name in names if name[0] in left_out.get(view_type, set())}
    assert found == expected | never
    assert set(missing["times"]) == {1}


def test_a_new_image_asked_of_a_remove_is_told_in_report_summary_and_events():
    def naive(event, context):
        return [record["dynamodb"]["NewImage"]["n"]["N"] for record in event["Records"]][:0]

    _, result = run(LIFE, naive, mapping={"maximum_retry_attempts": 2, "batch_size": 1})
    report = result.handler_report()
    assert report.missing_images.to_numpy().tolist() == [["function", "NewImage", "REMOVE", "event", 3]]
    assert "function asked 3 times for NewImage of a REMOVE, which has none" in str(report)
    (note,) = [note for note in result.summary.warnings if "KeyError" in note]
    why = f"KeyError: 'NewImage' of a REMOVE, which has none ({line_of(naive, 1)})"
    assert note == f"function: 3 invocations raised {why}"
    assert result.events["sentence"].str.endswith(f": {why}.").sum() == 3


def test_an_image_that_the_view_type_leaves_out_is_named_where_it_was_asked_for():
    def naive(event, context):
        return [record["dynamodb"]["OldImage"] for record in event["Records"]]

    # a change of what is there, under a view type without old images
    rows = [(1.0, "put", {"pk": "a", "n": 1}), (2.0, "put", {"pk": "a", "n": 2})]
    stream, only_changes = ds.Stream(view_type="NEW_IMAGE"), {"eventName": ["MODIFY"]}
    mapping = {"maximum_retry_attempts": 0, "filter_criteria": only_changes}
    _, result = run(rows, naive, mapping=mapping, stream=stream)
    assert result.invocations["error_message"].tolist() == ["'OldImage', which NEW_IMAGE leaves out"]


# --- why it failed ----------------------------------------------------------------------------------------------------

REPORTS = {"function_response_types": ("ReportBatchItemFailures",)}


def failing(conduct, count=1, **mapping):
    """Return why the invocations of a handler failed: type, message, line; the only ones."""
    _, result = run(numbered(count), conduct, mapping={"maximum_retry_attempts": 1, **mapping})
    reasons = result.handler_report().reasons
    assert len(reasons) == 1
    assert reasons["invocations"].item() == 2
    invocations = result.invocations
    assert invocations["error_type"].tolist() == reasons["error_type"].tolist() * 2
    assert reasons["first_s"].item() == invocations["started_s"].iloc[0]
    return reasons["error_type"].item(), reasons["error_message"].item(), reasons["error_line"].item(), result


def line_of(function, offset):
    return f"test_handler_report.py:{function.__code__.co_firstlineno + offset}"


def test_a_typo_in_a_handler_is_named_with_its_line():
    def handler(event, context):
        return evnt["Records"]  # noqa: F821

    kind, message, line, result = failing(handler)
    assert (kind, message, line) == ("NameError", "name 'evnt' is not defined", line_of(handler, 1))
    why = f"NameError: name 'evnt' is not defined ({line})"
    assert result.summary.warnings[0] == f"function: 2 invocations raised {why}"
    assert result.events["sentence"].str.endswith(f": {why}.").sum() == 2
    assert f"function: 2 invocations failed with {why}" in str(result.handler_report())


def test_a_bare_assert_is_told_by_its_line():
    # pytest gives the assertions of a test words; one compiled by hand has none
    bare = {}
    exec(compile("def handler(event, context):\n    assert not event\n", "own.py", "exec"), bare)
    kind, message, line, result = failing(bare["handler"])
    assert (kind, message, line) == ("AssertionError", "", "own.py:2")
    assert "function: 2 invocations raised AssertionError (own.py:2)" in result.summary.warnings
    assert result.events["sentence"].str.endswith(": AssertionError (own.py:2).").sum() == 2


def test_the_line_is_the_users_own_where_a_library_raises():
    def handler(event, context):
        json.loads("{")

    kind, _, line, _ = failing(handler)
    assert (kind, line) == ("JSONDecodeError", line_of(handler, 1))


class Unspeakable(Exception):
    def __str__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (SystemExit(3), "Runtime.ExitError", "sys.exit(3)"),
        (MemoryError(), "MemoryError", ""),
        (asyncio.CancelledError(), "CancelledError", ""),
        (ValueError("a\nb" + "x" * 10_000), "ValueError", "a b" + "x" * 194 + "..."),
        (ValueError("<object at 0x7f0011223344>"), "ValueError", "<object at 0x...>"),
        (Unspeakable(), "Unspeakable", "(its text cannot be read)"),
    ],
)
def test_whatever_a_handler_raises_is_told_in_one_line(error, kind, message):
    def handler(event, context):
        raise error

    assert failing(handler)[:3] == (kind, message, line_of(handler, 1))


async def later(event, context):
    return {}


UNFIT = {
    "an async def": (later, "Runtime.MarshalError", "later is an async def"),
    "coroutines deep in it": (lambda e, c: {"a": [{1}, later(e, c)], "b": later(e, c)}, "Runtime.MarshalError", "set"),
    "an object": (lambda event, context: object(), "Runtime.MarshalError", "Object of type object is not JSON"),
    "too large": (lambda event, context: "x" * 7_000_000, "Function.ResponseSizeTooLarge", "at most 6291556 bytes"),
}


@pytest.mark.parametrize(("conduct", "kind", "words"), UNFIT.values(), ids=UNFIT)
def test_an_answer_that_the_runtime_refuses_is_told(conduct, kind, words):
    found, message, line, result = failing(conduct)
    assert (found, line) == (kind, "")
    assert words in message
    assert result.summary.warnings[0].startswith(f"function: 2 invocations failed with {kind}: ")


def test_a_second_delivery_to_an_async_def_leaves_no_coroutine_behind():
    _, result = run(numbered(1), later, mapping={"maximum_retry_attempts": 1}, function={"state": {}})
    assert result.handler_report().frame["deliveries"].tolist() == [2]
    gc.collect()


WRONG = {
    "unknown": ([{"itemIdentifier": "123"}], "UnknownItemIdentifier", "itemIdentifier '123' is no SequenceNumber"),
    "a number": ([{"itemIdentifier": 123}], "UnknownItemIdentifier", "itemIdentifier 123 is no SequenceNumber"),
    "a list in it": ([{"itemIdentifier": []}], "UnknownItemIdentifier", "itemIdentifier [] is no SequenceNumber"),
    "empty": ([{"itemIdentifier": ""}], "NoItemIdentifier", "got ''"),
    "null": ([{"itemIdentifier": None}], "NoItemIdentifier", "got None"),
    "another key": ([{"itemidentifier": "1"}], "NoItemIdentifier", "got {'itemidentifier': '1'}"),
    "a text": (["1"], "NoItemIdentifier", "got '1'"),
    "no list": ("1", "InvalidBatchItemFailures", "must be a list, got str"),
}


@pytest.mark.parametrize(("failures", "kind", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_named_failures_is_told(failures, kind, words):
    found, message, line, result = failing(lambda event, context: {"batchItemFailures": failures}, 3, **REPORTS)
    assert (found, line) == (kind, "")
    assert words in message
    assert any(message in note for note in result.summary.warnings)
    assert result.events["sentence"].str.contains(message, regex=False).sum() == 2


def test_failures_named_as_they_should_be_need_no_note():
    def handler(event, context):
        return {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["dynamodb"]["SequenceNumber"]}]}

    kind, message, _, result = failing(handler, **REPORTS)
    assert (kind, message) == ("ReportedItemFailures", "")
    assert not any("ReportedItemFailures" in note for note in result.summary.warnings)


def test_an_answer_without_a_windows_state_is_told():
    _, result = run(numbered(1), mapping={"tumbling_window_in_seconds": 10, "maximum_retry_attempts": 0}, duration_s=15)
    assert result.invocations["error_type"].tolist() == ["NoWindowState"]
    assert "must have a state" in result.summary.warnings[0]


@pytest.mark.parametrize(
    ("answer", "mapping", "told"),
    [
        ({"batchItemFailure": []}, REPORTS, "1 answer of function had no key batchItemFailures"),
        ({"batchItemFailures": [{"itemIdentifier": "1"}]}, {}, "1 answer of function named failed records, which are"),
        ({"batchItemFailures": []}, REPORTS, None),
        ({"batchItemFailures": [], "more": 1}, REPORTS, None),
        (None, REPORTS, None),
        ({}, REPORTS, None),
        ({"statusCode": 200}, {}, None),
    ],
)
def test_answers_that_nobody_means_are_counted_though_they_fail_nothing(answer, mapping, told):
    _, result = run(numbered(2), lambda event, context: answer, mapping=mapping)
    report = result.handler_report()
    assert result.invocations["error_type"].isna().all()
    assert report.answers["times"].tolist() == ([] if told is None else [1])
    assert told is None or told in str(report)


LAW = {
    "outage": ({"outages": ds.Outage(start_s=0, end_s=1_000)}, "Failures.outages"),
    "hanging": ({"outages": ds.Outage(start_s=0, end_s=1_000, kind="timeout")}, "Sandbox.Timedout"),
    "transient": ({"error_probability": 1.0}, "Failures.error_probability"),
    "poison": ({"poison_items": (0,)}, "Failures.poison_items"),
    "memory": ({"out_of_memory_bytes": 1}, "Runtime.OutOfMemory"),
}


@pytest.mark.parametrize("reports", [False, True])
@pytest.mark.parametrize(("failures", "kind"), LAW.values(), ids=LAW)
def test_a_failure_of_the_law_has_the_laws_kind(failures, kind, reports):
    function = ds.Function(failures=ds.Failures(**failures))
    mapping = ds.EventSourceMapping(
        function=function, maximum_retry_attempts=1, **(REPORTS if reports else {}), batch_size=1
    )
    scenario = ds.Scenario(workload=ds.ItemWrites(numbered(1)), event_source_mappings=mapping, duration_s=60)
    result = ds.simulate(scenario, rng=7, progress=False)
    assert result.invocations["error_type"].tolist() == [kind] * 2
    assert result.invocations["error_message"].isna().all()
    assert result.summary.warnings == ("1 records were given up or expired: see result.discards",)


@pytest.mark.filterwarnings("ignore::ddbsim.IneffectiveSettingWarning")
def test_a_handler_over_its_timeout_and_an_event_over_6_mb_have_lambdas_names():
    slow = {"timeout_s": 1, "duration": ds.Duration(base_s=2.0)}
    once = {"maximum_retry_attempts": 0}
    _, result = run(numbered(1), lambda event, context: 1 / 0, mapping=once, function=slow)
    assert result.invocations["error_type"].tolist() == ["Sandbox.Timedout"]
    scenario = ds.Scenario(
        workload=ds.ConstantWrites(rate_per_s=1, item_bytes=400_000),
        stream=ds.Stream(event_bytes_per_stored_byte=20.0),
        event_source_mappings=ds.EventSourceMapping(**once),
        duration_s=3,
    )
    result = ds.simulate(scenario, rng=7, progress=False)
    assert set(result.invocations["outcome"]) == {"too_large"}
    assert set(result.invocations["error_type"]) == {"RequestTooLargeException"}


def test_a_healthy_run_has_no_reasons():
    _, result = run(numbered(3))
    for name in ("error_type", "error_message", "error_line"):
        assert result.invocations[name].isna().all()
    assert result.handler_report().reasons.empty
    assert result.summary.warnings == ()


def test_the_most_frequent_reason_is_named_and_the_rest_counted():
    calls = []

    def handler(event, context):
        calls.append(event)
        if len(calls) <= 3:
            raise KeyError(f"order {len(calls)}")
        if len(calls) == 4:
            raise OSError("gone")

    _, result = run(numbered(1), handler)
    line = line_of(handler, 3)
    assert result.summary.warnings == (
        f"function: 3 invocations raised KeyError: 'order 1' ({line}), or alike (3 messages); 1 more failed otherwise: "
        "see error_type in result.invocations",
    )
    assert result.handler_report().reasons["invocations"].tolist() == [1] * 4


def test_reasons_are_saved_with_a_result(tmp_path):
    def handler(event, context):
        raise ValueError("no")

    _, result = run(numbered(1), handler, mapping={"maximum_retry_attempts": 1})
    result.to_parquet(tmp_path / "saved")
    again = ds.read_result(tmp_path / "saved")
    assert again.summary.warnings == result.summary.warnings
    assert again.invocations.equals(result.invocations)


# --- the order of processing ------------------------------------------------------------------------------------------


def going_on(bad, stop):
    """Work through a batch and report a bad version the first time; stop there, or go on behind it."""
    seen, worked = [], []

    def handler(event, context):
        failures = []
        for record in event["Records"]:
            number = ordinal(record)
            if number == bad and bad not in seen:
                seen.append(number)
                failures.append({"itemIdentifier": record["dynamodb"]["SequenceNumber"]})
                if stop:
                    break
                continue
            worked.append(number)
        return {"batchItemFailures": failures}

    return handler, worked


@pytest.mark.parametrize(("stop", "order", "items"), [(False, [2, 1, 2], 1), (True, [1, 2], 0)])
def test_an_older_version_worked_through_after_a_newer_one_is_told(stop, order, items):
    handler, worked = going_on(1, stop)
    # both are versions of one item
    _, result = run(numbered(2), handler, mapping=REPORTS)
    assert worked == order
    report = result.handler_report()
    assert len(report.out_of_order) == items
    assert ("again after a newer one for 1 item: v2, v1, v2" in str(report)) == bool(items)


def test_versions_of_different_items_have_no_order():
    handler, worked = going_on(1, stop=False)
    rows = [(10.0 + n / 1000, "put", {"pk": f"key-{n}", "ordinal": n}) for n in (1, 2, 3)]
    _, result = run(rows, handler, mapping=REPORTS)
    assert worked == [2, 3, 1, 2, 3]
    assert result.handler_report().out_of_order.empty


def test_what_an_exception_left_undone_is_not_counted_and_what_it_had_done_is():
    calls = []

    def handler(event, context):
        for record in event["Records"]:
            if ordinal(record) == 3 and not calls:
                calls.append(1)
                raise RuntimeError("once")

    # versions 1 and 2 were done when 3 raised: 1 comes again after 2
    _, result = run(numbered(3), handler)
    assert result.handler_report().out_of_order[["item_id", "times"]].to_numpy().tolist() == [[0, 1]]
    calls.clear()
    _, result = run(numbered(3), lambda event, context: handler({"Records": event["Records"][2:]}, context))
    assert result.handler_report().out_of_order.empty


@pytest.mark.parametrize("state", [3, (), "text", b"bytes", frozenset()])
def test_a_state_must_be_able_to_change(state):
    with pytest.raises(ValueError, match="state must be a dict, list, set or object with attributes"):
        ds.Function(handler=print, state=state)
