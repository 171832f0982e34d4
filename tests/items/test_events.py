"""Stream records, the event of a function, and their ids."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbsim.items import (
    TIME_TO_LIVE_IDENTITY,
    ItemTable,
    event_id,
    event_ids,
    image_bytes,
    lambda_event,
    lambda_record,
    record_bytes,
    record_sequence_number,
    record_sequence_numbers,
    sequence_number,
    shard_id,
    stream_record,
)

ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2026-01-01T00:00:00.000"
IMAGES = {
    "KEYS_ONLY": [set(), set(), set()],
    "NEW_IMAGE": [{"NewImage"}, {"NewImage"}, set()],
    "OLD_IMAGE": [set(), {"OldImage"}, {"OldImage"}],
    "NEW_AND_OLD_IMAGES": [{"NewImage"}, {"NewImage", "OldImage"}, {"OldImage"}],
}


def life():
    """An INSERT, a MODIFY and a REMOVE."""
    table = ItemTable()
    return [
        table.apply("put", {"pk": "a", "text": "short"}),
        table.apply("put", {"pk": "a", "text": "rather longer"}),
        table.apply("delete", {"pk": "a"}),
    ]


def record_of(change, view_type="NEW_IMAGE", **more):
    settings = {"sequence_number": sequence_number(1, 0), "event_id": "e" * 32, "at_epoch_s": 9.99, "region": "r"}
    return stream_record(change, view_type=view_type, **{**settings, **more})


@pytest.mark.parametrize("view_type", IMAGES)
def test_images_by_view_type_and_event(view_type):
    records = [record_of(change, view_type)["dynamodb"] for change in life()]
    assert [record.keys() & {"NewImage", "OldImage"} for record in records] == IMAGES[view_type]
    assert {record["StreamViewType"] for record in records} == {view_type}
    assert [record["SizeBytes"] for record in records] == [
        record_bytes(record["Keys"], record.get("NewImage"), record.get("OldImage")) for record in records
    ]


@pytest.mark.parametrize("view_type", IMAGES)
def test_image_bytes_of_columns_are_those_of_single_records(view_type):
    changes = life()
    columns = [
        np.array([getattr(change, name) for change in changes])
        for name in ("event_name", "key_bytes", "bytes_before", "bytes_after")
    ]
    expected = [record_of(change, view_type)["dynamodb"]["SizeBytes"] for change in changes]
    assert image_bytes(view_type, *columns).tolist() == expected


def test_the_time_is_the_whole_second_before():
    assert (
        record_of(life()[0], at_epoch_s=1_789_649_451.999)["dynamodb"]["ApproximateCreationDateTime"] == 1_789_649_451.0
    )


def test_an_expired_item_says_who_deleted_it():
    changes = life()
    assert record_of(changes[2], user_identity=TIME_TO_LIVE_IDENTITY)["userIdentity"] == {
        "type": "Service",
        "principalId": "dynamodb.amazonaws.com",
    }
    assert "userIdentity" not in record_of(changes[2])


def test_an_event_holds_the_batch_and_the_window():
    record = lambda_record(record_of(life()[0]), stream_arn=ARN)
    assert list(record)[-1] == "eventSourceARN"
    assert lambda_event([record]) == {"Records": [record]}
    assert list(lambda_event([], {"state": {}, "isFinalInvokeForWindow": True})) == [
        "Records",
        "state",
        "isFinalInvokeForWindow",
    ]


def test_a_write_that_changes_nothing_has_no_record():
    nothing = ItemTable().apply("delete", {"pk": "a"})
    with pytest.raises(ValueError, match="a write that changes nothing has no stream record"):
        record_of(nothing)


def test_a_view_type_is_one_of_four():
    with pytest.raises(ValueError, match=r"view_type must be one of 'KEYS_ONLY', 'NEW_IMAGE'.*got 'ALL'"):
        image_bytes("ALL", "INSERT", 1, 0, 2)


@given(st.integers(0, 2**64), st.integers(0, 10**9), st.integers(0, 2**64))
def test_sequence_numbers_rise_whatever_the_shard(seed, position, child_seed):
    number = sequence_number(seed, position)
    assert number == sequence_number(seed, position)
    assert re.fullmatch("[0-9]{21,40}", number)
    assert int(number) < int(sequence_number(seed, position + 1))
    assert int(number) < int(sequence_number(child_seed, position + 1))  # a child shard goes on above its parent


def test_sequence_numbers_of_two_shards_differ():
    assert not {sequence_number(1, n) for n in range(1_000)} & {sequence_number(2, n) for n in range(1_000)}


def test_a_position_is_not_negative():
    with pytest.raises(ValueError, match="position must be 0 or more, got -1"):
        sequence_number(1, -1)


def test_event_ids_belong_to_stream_shard_and_record():
    places = [(arn, shard, counter) for arn in (ARN, ARN + "x") for shard in ("a", "b") for counter in (1, 2)]
    ids = {event_id(*place) for place in places}
    assert len(ids) == 8
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in ids)
    assert event_ids(ARN, "a", 1, 2) == [event_id(ARN, "a", 1), event_id(ARN, "a", 2)]


def test_shard_ids_tell_their_creation():
    assert re.fullmatch("shardId-00000001789649451000-[0-9a-f]{8}", shard_id(1_789_649_451_000, 3))
    assert shard_id(1_789_649_451_000, 3) != shard_id(1_789_649_451_000, 4)


def test_all_sequence_numbers_of_a_shard_are_those_of_its_records():
    shard = shard_id(1_700_000_000_123, 5)
    alone = [record_sequence_number(shard, counter) for counter in range(90, 120)]
    assert record_sequence_numbers(shard, 90, 30) == alone
