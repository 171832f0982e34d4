"""What handlers met: duplicates, what a second delivery changes, images that are not there."""

import asyncio
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
    # and the state is as the run left it
    assert counts == {1: 2, 2: 2, 3: 2}


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
    assert totals.rows == dict.fromkeys((1, 2, 3), 2 if by_hand else 1)


def test_without_state_or_a_second_delivery_nothing_is_tried():
    calls = []
    report = report_of(failing_once(calls.append))
    assert report.frame["changes_again"].tolist() == [None] * 3
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
    assert kept == [2, 2]


def test_images_that_the_view_type_lacks_are_counted():
    def looking(event, context):
        for record in event["Records"]:
            record["dynamodb"].get("NewImage")
            assert "OldImage" not in record["dynamodb"]

    _, result = run(numbered(2), looking, stream=ds.Stream(view_type="KEYS_ONLY"))
    missing = result.handler_report().missing_images
    assert missing[["image", "times"]].to_numpy().tolist() == [["NewImage", 2], ["OldImage", 2]]
    assert "asked 2 times for NewImage, which the view type does not carry" in str(result.handler_report())


@pytest.mark.parametrize("state", [3, (), "text", b"bytes", frozenset()])
def test_a_state_must_be_able_to_change(state):
    with pytest.raises(ValueError, match="state must be a dict, list, set or object with attributes"):
        ds.Function(handler=print, state=state)
