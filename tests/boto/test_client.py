"""The client of a simulated stream: what it shows at an instant, how it pages, and what it refuses."""

import pickle
import sys
from datetime import UTC, datetime
from itertools import pairwise

import pandas as pd
import pytest

import ddbsim as ds
from ddbsim.boto import errors
from ddbsim.boto.errors import EXCEPTIONS, PlainClientError
from ddbsim.workload import ItemWrites

HOUR_S = 3_600.0


def simulate(workload, *, duration_s=10.0, partitions=1, stream=None, **table):
    scenario = ds.Scenario(
        workload=workload,
        table=ds.Table(partitions=partitions, name="orders", **table),
        stream=ds.Stream(**{"visibility_delay": 0.1} | (stream or {})),
        duration_s=duration_s,
    )
    return ds.simulate(scenario, rng=7, progress=False)


def writes_at(*times, size=100):
    count = len(times)
    columns = {
        "at_s": list(times),
        "item_id": list(range(17, 17 + count)),
        "operation": ["MODIFY"] * count,
        "bytes_before": [size] * count,
        "bytes_after": [size] * count,
    }
    return ds.ReplayWrites(columns=columns)


def shards_of(client):
    return client.describe_stream(StreamArn=client.stream_arn)["StreamDescription"]["Shards"]


def iterator_of(client, kind="TRIM_HORIZON", shard=0, **more):
    shard_id = shards_of(client)[shard]["ShardId"]
    arguments = {"StreamArn": client.stream_arn, "ShardId": shard_id, "ShardIteratorType": kind} | more
    return client.get_shard_iterator(**arguments)["ShardIterator"]


def items_in(answer):
    return [int(record["dynamodb"]["Keys"]["item_id"]["N"]) for record in answer["Records"]]


def test_a_record_of_a_workload_of_sizes_has_its_key_and_no_images():
    client = simulate(writes_at(2.7, size=400), stream={"view_type": "NEW_IMAGE"}).stream_client()
    (record,) = client.get_records(ShardIterator=iterator_of(client))["Records"]
    assert len(record.pop("eventID")) == 32
    number = record["dynamodb"].pop("SequenceNumber")
    assert number.isdigit()
    assert 21 <= len(number) <= 40
    assert record == {
        "eventName": "MODIFY",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
            # whole seconds, the fraction is cut off
            "ApproximateCreationDateTime": datetime(2026, 1, 1, 0, 0, 2, tzinfo=UTC),
            "Keys": {"item_id": {"N": "17"}},
            "SizeBytes": 436,
            "StreamViewType": "NEW_IMAGE",
        },
    }


def test_records_of_real_items_carry_images_and_bytes():
    writes = [
        (0.0, "put", {"pk": "a", "sk": 1, "data": b"foobar", "more": [{"deep": b"x"}]}),
        (1.0, "put", {"pk": "a", "sk": 1, "data": b"foobar", "more": [{"deep": b"x"}]}),
        (2.0, "delete", {"pk": "a", "sk": 1}),
    ]
    result = simulate(ItemWrites(writes, key=("pk", "sk")))
    client = result.stream_client()
    description = client.describe_stream(StreamArn=client.stream_arn)["StreamDescription"]
    assert description["KeySchema"] == [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ]
    insert, remove = client.get_records(ShardIterator=iterator_of(client))["Records"]
    assert (insert["eventName"], remove["eventName"]) == ("INSERT", "REMOVE")
    image = {
        "pk": {"S": "a"},
        "sk": {"N": "1"},
        "data": {"B": b"foobar"},
        "more": {"L": [{"M": {"deep": {"B": b"x"}}}]},
    }
    assert insert["dynamodb"]["NewImage"] == image == remove["dynamodb"]["OldImage"]
    assert insert["dynamodb"]["Keys"] == {"pk": {"S": "a"}, "sk": {"N": "1"}}
    assert "OldImage" not in insert["dynamodb"]
    sizes = [record["dynamodb"]["SizeBytes"] for record in (insert, remove)]
    assert sizes == result.stream_log["size_bytes"].tolist()


def test_real_items_are_those_that_a_throttled_table_took():
    # one write unit a second: of four writes at once, retried by their clients, some come late and some are lost
    writes = [(0.0, "put", {"pk": f"item {number}", "text": "x" * 900}) for number in range(12)]
    result = simulate(
        ItemWrites(writes),
        billing=ds.Provisioned(write_capacity_units=1, initial_burst_s=0),
        duration_s=60.0,
    )
    assert (result.writes["outcome"] == "lost").any()
    client = result.stream_client()
    records = client.get_records(ShardIterator=iterator_of(client))["Records"]
    assert len(records) == len(result.stream_log)
    keys = [record["dynamodb"]["Keys"]["pk"]["S"] for record in records]
    assert keys == [f"item {item}" for item in result.stream_log["item_id"]]


def test_the_record_of_an_expired_item_says_who_deleted_it():
    result = simulate(writes_at(1.0, 2.0))
    result._made["writes"] = result.writes.assign(kind=pd.Categorical(["single", "ttl"], ["single", "ttl"]))
    client = result.stream_client()
    written, expired = client.get_records(ShardIterator=iterator_of(client))["Records"]
    assert "userIdentity" not in written
    assert expired["userIdentity"] == {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}


def test_a_pickled_run_keeps_its_items():
    result = simulate(ItemWrites([(0.0, "put", {"pk": "a"})]))
    client = pickle.loads(pickle.dumps(result)).stream_client()
    (record,) = client.get_records(ShardIterator=iterator_of(client))["Records"]
    assert record["dynamodb"]["NewImage"] == {"pk": {"S": "a"}}


def test_the_clock_decides_what_can_be_read():
    client = simulate(writes_at(1.0, 2.0, 3.0)).stream_client(at_s=2.0)
    iterator = iterator_of(client)
    answer = client.get_records(ShardIterator=iterator)
    assert items_in(answer) == [17]
    assert items_in(client.get_records(ShardIterator=answer["NextShardIterator"])) == []
    assert client.advance(0.2) == pytest.approx(2.2)
    assert items_in(client.get_records(ShardIterator=answer["NextShardIterator"])) == [18]
    assert items_in(client.get_records(ShardIterator=iterator)) == [17, 18]
    client.now_s = 1.05
    assert items_in(client.get_records(ShardIterator=iterator)) == []
    assert client.now_epoch_s() == datetime(2026, 1, 1, tzinfo=UTC).timestamp() + 1.05


def test_the_clock_stands_at_the_end_of_the_run_at_first():
    assert simulate(writes_at(1.0)).stream_client().now_s == 10.0


@pytest.mark.parametrize("value", [-1, "5", float("nan"), float("inf"), True, None])
def test_a_clock_that_is_no_time_is_refused(value):
    client = simulate(writes_at(1.0)).stream_client()
    with pytest.raises(ValueError, match="now_s must be a number of seconds >= 0, got"):
        client.now_s = value


def test_a_page_has_at_most_1_000_records_or_as_many_as_asked_for():
    client = simulate(writes_at(*[1.0] * 2_300)).stream_client()
    answer = {"NextShardIterator": iterator_of(client)}
    lengths, items = [], []
    for _ in range(4):
        answer = client.get_records(ShardIterator=answer["NextShardIterator"])
        lengths.append(len(answer["Records"]))
        items += items_in(answer)
    assert lengths == [1_000, 1_000, 300, 0]
    assert items == list(range(17, 2_317))
    assert items_in(client.get_records(ShardIterator=iterator_of(client), Limit=3)) == [17, 18, 19]


def test_a_page_has_at_most_one_megabyte_but_a_record_always_fits():
    # records of two images and a key
    client = simulate(writes_at(*[1.0] * 6, size=200_000)).stream_client()
    assert len(client.get_records(ShardIterator=iterator_of(client))["Records"]) == 2
    result = simulate(writes_at(*[1.0] * 3, size=409_000))
    client = result.stream_client()
    assert len(client.get_records(ShardIterator=iterator_of(client))["Records"]) == 1


def test_the_iterator_types():
    client = simulate(writes_at(1.0, 2.0, 3.0, 4.0)).stream_client(at_s=3.5)
    records = client.get_records(ShardIterator=iterator_of(client))["Records"]
    numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
    assert all(int(one) < int(two) for one, two in pairwise(numbers))

    def read(kind, **more):
        return items_in(client.get_records(ShardIterator=iterator_of(client, kind, **more)))

    assert read("AT_SEQUENCE_NUMBER", SequenceNumber=numbers[1]) == [18, 19]
    assert read("AFTER_SEQUENCE_NUMBER", SequenceNumber=numbers[1]) == [19]
    latest = iterator_of(client, "LATEST")
    assert items_in(client.get_records(ShardIterator=latest)) == []
    client.now_s = 5.0
    assert items_in(client.get_records(ShardIterator=latest)) == [20]


def refused(code, call, **arguments):
    with pytest.raises(EXCEPTIONS.ClientError) as raised:
        call(**arguments)
    assert raised.value.response["Error"]["Code"] == code
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return raised.value.response["Error"]["Message"]


def test_an_iterator_expires_after_fifteen_minutes():
    client = simulate(writes_at(1.0)).stream_client(at_s=5.0)
    iterator = iterator_of(client)
    client.advance(900.0)
    assert items_in(client.get_records(ShardIterator=iterator)) == [17]
    client.advance(0.5)
    with pytest.raises(client.exceptions.ExpiredIteratorException, match=r"handed out at 5 s .* now it is 905.5 s"):
        client.get_records(ShardIterator=iterator)


def test_records_are_trimmed_after_the_retention():
    client = simulate(writes_at(1.0, 5.0), stream={"retention_s": 60.0}).stream_client()
    first = client.get_records(ShardIterator=iterator_of(client))["Records"][0]["dynamodb"]["SequenceNumber"]
    iterator = iterator_of(client)
    client.now_s = 62.0
    with pytest.raises(client.exceptions.TrimmedDataAccessException, match="has been trimmed"):
        client.get_records(ShardIterator=iterator)
    assert items_in(client.get_records(ShardIterator=iterator_of(client))) == [18]
    shard_id = shards_of(client)[0]["ShardId"]
    at = {"StreamArn": client.stream_arn, "ShardId": shard_id, "ShardIteratorType": "AT_SEQUENCE_NUMBER"}
    refused("TrimmedDataAccessException", client.get_shard_iterator, SequenceNumber=first, **at)
    at["ShardIteratorType"] = "AFTER_SEQUENCE_NUMBER"
    assert client.get_shard_iterator(SequenceNumber=first, **at)["ShardIterator"]


def test_a_closed_shard_has_an_end_and_a_child():
    client = simulate(writes_at(1.0, 6.0), stream={"shard_lifetime": 5.0}, duration_s=9.0).stream_client(at_s=3.0)
    (parent,) = shards_of(client)
    assert "EndingSequenceNumber" not in parent["SequenceNumberRange"]
    answer = client.get_records(ShardIterator=iterator_of(client))
    assert "NextShardIterator" in answer
    client.now_s = 8.0
    parent, child = shards_of(client)
    numbers = parent["SequenceNumberRange"]
    assert numbers["EndingSequenceNumber"] == answer["Records"][0]["dynamodb"]["SequenceNumber"]
    assert child["ParentShardId"] == parent["ShardId"]
    assert int(child["SequenceNumberRange"]["StartingSequenceNumber"]) > int(numbers["EndingSequenceNumber"])
    answer = client.get_records(ShardIterator=iterator_of(client))
    assert items_in(answer) == [17]
    assert "NextShardIterator" not in answer
    assert items_in(client.get_records(ShardIterator=iterator_of(client, shard=1))) == [18]
    filtered = client.describe_stream(
        StreamArn=client.stream_arn, ShardFilter={"Type": "CHILD_SHARDS", "ShardId": parent["ShardId"]}
    )
    assert filtered["StreamDescription"]["Shards"] == [child]


def test_a_closed_shard_whose_last_record_is_not_yet_visible_is_not_at_its_end():
    client = simulate(
        writes_at(4.9), stream={"shard_lifetime": 5.0, "visibility_delay": 0.5}, duration_s=9.0
    ).stream_client(at_s=5.1)
    answer = client.get_records(ShardIterator=iterator_of(client))
    assert items_in(answer) == []
    client.now_s = 5.5
    answer = client.get_records(ShardIterator=answer["NextShardIterator"])
    assert items_in(answer) == [17]
    assert "NextShardIterator" not in answer


def test_closed_shards_are_listed_while_their_records_can_live():
    client = simulate(
        writes_at(1.0), stream={"shard_lifetime": 5.0, "retention_s": 60.0}, duration_s=9.0
    ).stream_client()
    assert len(shards_of(client)) == 2
    client.now_s = 70.0
    assert len(shards_of(client)) == 1


def test_a_disabled_stream_says_so():
    client = simulate(writes_at(1.0, 6.0), stream={"disabled_s": 5.0}).stream_client(at_s=4.0)
    assert client.describe_stream(StreamArn=client.stream_arn)["StreamDescription"]["StreamStatus"] == "ENABLED"
    client.now_s = 7.0
    assert client.describe_stream(StreamArn=client.stream_arn)["StreamDescription"]["StreamStatus"] == "DISABLED"
    answer = client.get_records(ShardIterator=iterator_of(client))
    assert items_in(answer) == [17]
    assert "NextShardIterator" not in answer


def test_shards_come_in_pages_of_a_hundred():
    client = simulate(writes_at(1.0), partitions=150).stream_client()
    page = client.describe_stream(StreamArn=client.stream_arn)["StreamDescription"]
    assert len(page["Shards"]) == 100
    assert page["LastEvaluatedShardId"] == page["Shards"][-1]["ShardId"]
    rest = client.describe_stream(StreamArn=client.stream_arn, ExclusiveStartShardId=page["LastEvaluatedShardId"])
    rest = rest["StreamDescription"]
    assert len(rest["Shards"]) == 50
    assert "LastEvaluatedShardId" not in rest
    few = client.describe_stream(StreamArn=client.stream_arn, Limit=2)["StreamDescription"]
    assert few["Shards"] == page["Shards"][:2]


def test_the_stream_is_listed_for_its_table():
    client = simulate(writes_at(1.0)).stream_client()
    label = "2026-01-01T00:00:00.000"
    one = {
        "StreamArn": f"arn:aws:dynamodb:us-east-1:123456789012:table/orders/stream/{label}",
        "TableName": "orders",
        "StreamLabel": label,
    }
    assert client.list_streams()["Streams"] == [one]
    assert client.list_streams(TableName="orders")["Streams"] == [one]
    assert client.list_streams(TableName="others")["Streams"] == []
    assert client.list_streams(ExclusiveStartStreamArn=one["StreamArn"])["Streams"] == []


def test_what_is_refused():
    client = simulate(writes_at(1.0)).stream_client()
    arn, other = client.stream_arn, client.stream_arn + "1"
    shard_id, iterator = shards_of(client)[0]["ShardId"], iterator_of(client)
    whole = {"StreamArn": arn, "ShardId": shard_id}
    missing = f"Requested resource not found: Stream: {other} not found"
    assert refused("ResourceNotFoundException", client.describe_stream, StreamArn=other) == missing
    start = {"StreamArn": other, "ShardId": shard_id, "ShardIteratorType": "LATEST"}
    assert refused("ResourceNotFoundException", client.get_shard_iterator, **start) == missing
    moved = iterator.replace(arn, other)
    assert refused("ResourceNotFoundException", client.get_records, ShardIterator=moved) == missing
    start = {"StreamArn": arn, "ShardId": "shardId-none", "ShardIteratorType": "LATEST"}
    assert "Shard: shardId-none" in refused("ResourceNotFoundException", client.get_shard_iterator, **start)
    for limit in (0, 1_001):
        message = refused("ValidationException", client.get_records, ShardIterator=iterator, Limit=limit)
        assert message == f"Limit must be in 1..1000, got {limit}"
    refused("ValidationException", client.describe_stream, StreamArn=arn, Limit=101)
    refused("ValidationException", client.list_streams, Limit=101)
    refused("ValidationException", client.get_records, ShardIterator="nonsense")
    refused("ValidationException", client.get_shard_iterator, ShardIteratorType="OLDEST", **whole)
    refused("ValidationException", client.get_shard_iterator, ShardIteratorType="AT_SEQUENCE_NUMBER", **whole)
    # as tests that were written to pass on the service have it
    for kind in ("TRIM_HORIZON", "LATEST"):
        refused("ValidationException", client.get_shard_iterator, ShardIteratorType=kind, SequenceNumber="1", **whole)
    no_arn = "no-arn-but-as-long-as-one-has-to-be-at-least"
    refused("ValidationException", client.describe_stream, StreamArn=no_arn)
    refused("ValidationException", client.list_streams, ExclusiveStartStreamArn=no_arn)
    start = {"StreamArn": no_arn, "ShardId": shard_id, "ShardIteratorType": "LATEST"}
    refused("ValidationException", client.get_shard_iterator, **start)


def test_shards_come_in_the_order_of_their_ids_and_may_begin_behind_any_text():
    rolling = {"shard_lifetime": 10}
    client = simulate(writes_at(1.0, 20.0), duration_s=30.0, partitions=3, stream=rolling).stream_client()
    ids = [shard["ShardId"] for shard in shards_of(client)]
    assert ids == sorted(ids)
    for start, rest in ((ids[-1], []), ("zzzz", []), ("", ids), (ids[1][:-4], ids[1:])):
        page = client.describe_stream(StreamArn=client.stream_arn, ExclusiveStartShardId=start)
        assert [shard["ShardId"] for shard in page["StreamDescription"]["Shards"]] == rest


def test_errors_are_botocores_where_it_is_installed():
    botocore = pytest.importorskip("botocore.exceptions")
    assert EXCEPTIONS.ClientError is botocore.ClientError
    client = simulate(writes_at(1.0)).stream_client()
    with pytest.raises(botocore.ClientError) as raised:
        client.describe_stream(StreamArn=client.stream_arn + "1")
    assert raised.value.operation_name == "DescribeStream"
    assert isinstance(raised.value, client.exceptions.ResourceNotFoundException)


def test_errors_have_the_same_response_without_botocore(monkeypatch):
    monkeypatch.setitem(sys.modules, "botocore.exceptions", None)
    assert errors._base() is PlainClientError
    monkeypatch.setattr(errors, "EXCEPTIONS", errors._exceptions(PlainClientError))
    error = errors.service_error("ExpiredIteratorException", "too late", "GetRecords")
    assert isinstance(error, PlainClientError)
    assert type(error).__name__ == "ExpiredIteratorException"
    assert error.response["Error"] == {"Code": "ExpiredIteratorException", "Message": "too late"}
    assert str(error) == "ExpiredIteratorException in GetRecords: too late"


def test_a_saved_run_has_a_client_too(tmp_path):
    result = simulate(writes_at(1.0, 2.0))
    result.to_parquet(tmp_path / "run")
    client = ds.read_result(tmp_path / "run").stream_client()
    live = result.stream_client()
    assert client.get_records(ShardIterator=iterator_of(client)) == live.get_records(ShardIterator=iterator_of(live))
