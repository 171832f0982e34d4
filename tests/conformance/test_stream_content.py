"""Which record each write makes, its images and SizeBytes, and the form of records and sequence numbers."""

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

from ddbsim.items import (
    ItemTable,
    event_id,
    lambda_event,
    lambda_record,
    record_bytes,
    sequence_number,
    stream_record,
)

PATH = Path(__file__).resolve().parents[2] / "../shared/conformance/cases.json"
CASES = json.loads(PATH.read_text()) if PATH.exists() else []
BY_ID = {case["id"]: case for case in CASES}
CONTENT = [case for case in CASES if case["group"] == "stream_content"]
ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2026-01-01T00:00:00.000"
pytestmark = pytest.mark.skipif(not CASES, reason=f"the recordings are not beside the repository ({PATH})")

KEY = re.compile(r"(\w+)'?[:=] ?'(\w+)'")


def writes_of(write):
    """The put, update and delete operations of a recorded write."""
    kind, *rest = write
    if kind in ("put", "delete"):
        return [(kind, rest[0])]
    if kind == "batch":
        return [operation for inner in rest[0] for operation in writes_of(inner)]
    if kind == "update":
        key, expression, values = rest
        attribute, placeholder = re.fullmatch(r"SET (\w+)=(:\w+)", expression).groups()
        return [("update", {**key, attribute: values[placeholder]})]
    return partiql(rest[0])


def partiql(statement):
    """The three statements that are on record: INSERT of a key, UPDATE of a number, DELETE by key."""
    name, value = KEY.search(statement).groups()
    key = {name: {"S": value}}
    if statement.startswith("UPDATE"):
        attribute, number = re.search(r"SET (\w+)=(\d+)", statement).groups()
        return [("update", {**key, attribute: {"N": number}})]
    return [("put" if statement.startswith("INSERT") else "delete", key)]


def records_of(case):
    key = case["esm"].get("key", "my_partition_key")
    table = ItemTable(key=(key,) if isinstance(key, str) else tuple(key))
    changes = [table.apply(*operation) for write in case["writes"] for operation in writes_of(write)]
    return [
        stream_record(
            change,
            view_type=case["esm"]["StreamViewType"],
            sequence_number=sequence_number(1, place),
            event_id=event_id(ARN, "shardId-1", place),
            at_epoch_s=1_789_649_451.7,
            region="us-east-1",
        )
        for place, change in enumerate(changes)
        if change.event_name is not None
    ]


@pytest.mark.parametrize("case", CONTENT, ids=lambda case: case["id"])
def test_writes_make_the_recorded_records(case):
    shown = ("Keys", "NewImage", "OldImage", "SizeBytes")
    records = [
        {"eventName": record["eventName"]}
        | {name: value for name, value in record["dynamodb"].items() if name in shown}
        for record in records_of(case)
    ]
    assert records == case["expected"]["records"]


@pytest.mark.parametrize("case", CONTENT, ids=lambda case: case["id"])
def test_size_bytes_are_the_keys_and_the_images_in_the_record(case):
    for record in records_of(case):
        inside = record["dynamodb"]
        assert inside["SizeBytes"] == record_bytes(inside["Keys"], inside.get("NewImage"), inside.get("OldImage"))


def test_event_record_shape():
    expected = BY_ID["event.record_shape"]["expected"]
    item = {"my_partition_key": "hello world", "binary_key": b"foobar"}
    change = ItemTable(key=("my_partition_key",)).apply("put", item)
    number = sequence_number(1, 0)
    record = lambda_record(
        stream_record(
            change,
            view_type="NEW_IMAGE",
            sequence_number=number,
            event_id=event_id(ARN, "shardId-1", 1),
            at_epoch_s=1_789_649_451.99,
            region="us-east-1",
        ),
        stream_arn=ARN,
    )
    event = lambda_event([record])
    assert list(event) == expected["top_level"]
    assert list(record) == expected["keys"]
    assert record["eventVersion"] == expected["eventVersion"]
    assert re.fullmatch("[0-9a-f]{32}", record["eventID"])
    inside = record["dynamodb"]
    assert json.dumps(inside["ApproximateCreationDateTime"]) == "1789649451.0"
    assert inside["NewImage"]["binary_key"] == {"B": "Zm9vYmFy"}
    assert inside["SizeBytes"] == expected["SizeBytes"]


def test_event_sequence_number_sample():
    expected = BY_ID["event.sequence_number_sample"]["expected"]
    sample = [int(number) for number in expected["same_shard_in_order"]]
    assert sample == sorted(sample)  # what the order of ours is modelled on
    numbers = [sequence_number(7, position) for position in range(2_000)]
    assert numbers != sorted(numbers)  # as texts they are out of order once they grow longer
    assert all(int(one) < int(next_one) for one, next_one in pairwise(numbers))
    assert {len(number) for number in numbers} == {22, 23, 24}
    # the tail as in the sample: 20 digits that begin with zeros
    assert {number[-20:-16] for number in [*numbers, *expected["same_shard_in_order"]]} == {"0000"}
