"""The same reading code on the same writes, against the client of a simulated stream and against moto.

What differs is stated here, and nothing else does:
- moto writes a record for a put of an identical item, the service and we do not;
- its SizeBytes is the length of a JSON text, ours the service's count of bytes;
- its eventVersion is "1.0", the service's and ours "1.1";
- its sequence numbers are a plain count;
- its creation times are the wall clock's, with fractions of a second.
"""

import re
from datetime import datetime

import pytest
from reading_code import collect, shards

import ddbsim as ds
from ddbsim.workload import ItemWrites

boto3 = pytest.importorskip("boto3")
moto = pytest.importorskip("moto")

KEY = ("pk", "sk")
#: operation, item: strings, numbers, binary, nested values; a replaced item, an identical put, removed ones
WRITES = (
    ("put", {"pk": "a", "sk": 1, "name": "first", "data": b"\x00foobar"}),
    ("put", {"pk": "a", "sk": 2, "list": [1, "two", {"three": None}], "yes": True}),
    ("put", {"pk": "a", "sk": 1, "name": "changed"}),
    ("put", {"pk": "a", "sk": 1, "name": "changed"}),
    ("update", {"pk": "a", "sk": 2, "name": "updated"}),
    ("delete", {"pk": "a", "sk": 1}),
    ("put", {"pk": "b", "sk": 1, "n": -12}),
    ("delete", {"pk": "a", "sk": 2}),
)
IDENTICAL_PUT = 3


@pytest.fixture
def moto_streams(monkeypatch):
    """Return a function that makes a table in moto, writes to it and returns a stream client and the stream's ARN."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    config = boto3.session.Config(account_id_endpoint_mode="disabled")

    def make(writes, view_type):
        table = boto3.resource("dynamodb", "us-east-1", config=config).create_table(
            TableName="orders",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "N"},
            ],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": view_type},
        )
        for operation, item in writes:
            apply(table, operation, item)
        return boto3.client("dynamodbstreams", "us-east-1", config=config), table.latest_stream_arn

    with moto.mock_aws():
        yield make


def apply(table, operation, item):
    if operation == "put":
        table.put_item(Item=item)
    elif operation == "delete":
        table.delete_item(Key=item)
    else:
        key = {name: item[name] for name in KEY}
        ((name, value),) = [pair for pair in item.items() if pair[0] not in KEY]
        table.update_item(
            Key=key,
            UpdateExpression="SET #name = :value",
            ExpressionAttributeNames={"#name": name},
            ExpressionAttributeValues={":value": value},
        )


def simulated(writes, view_type):
    workload = ItemWrites([(float(at_s), *write) for at_s, write in enumerate(writes)], key=KEY)
    scenario = ds.Scenario(
        workload=workload,
        table=ds.Table(partitions=1, name="orders"),
        stream=ds.Stream(view_type=view_type),
        duration_s=60,
    )
    client = ds.simulate(scenario, rng=7, progress=False).stream_client()
    return client, client.stream_arn


def without_known_differences(record):
    inside = dict(record["dynamodb"])
    assert isinstance(inside.pop("ApproximateCreationDateTime"), datetime)
    assert isinstance(inside.pop("SizeBytes"), int)
    assert re.fullmatch(r"\d+", inside.pop("SequenceNumber"))
    rest = {name: value for name, value in record.items() if name not in ("eventID", "eventVersion", "dynamodb")}
    assert re.fullmatch("[0-9a-f]{32}", record["eventID"])
    return rest | inside


@pytest.mark.parametrize("view_type", ds.VIEW_TYPES)
def test_the_records_are_the_same_but_for_the_known_differences(moto_streams, view_type):
    theirs = collect(*moto_streams(WRITES, view_type))
    ours = collect(*simulated(WRITES, view_type))
    del theirs[IDENTICAL_PUT]
    assert len(ours) == len(theirs) == len(WRITES) - 1
    assert [without_known_differences(one) for one in ours] == [without_known_differences(one) for one in theirs]


def test_the_known_differences_are_still_there(moto_streams):
    theirs = collect(*moto_streams(WRITES, "NEW_AND_OLD_IMAGES"))
    ours = collect(*simulated(WRITES, "NEW_AND_OLD_IMAGES"))
    identical = theirs[IDENTICAL_PUT]["dynamodb"]
    assert identical["NewImage"] == identical["OldImage"]
    assert theirs[0]["eventVersion"] == "1.0"
    assert ours[0]["eventVersion"] == "1.1"
    assert int(theirs[1]["dynamodb"]["SequenceNumber"]) == int(theirs[0]["dynamodb"]["SequenceNumber"]) + 1
    sizes = [[one["dynamodb"]["SizeBytes"] for one in records] for records in (ours, theirs)]
    assert sizes[0][0] != sizes[1][0]
    assert all(one["dynamodb"]["ApproximateCreationDateTime"].microsecond == 0 for one in ours)


def test_the_stream_is_described_alike(moto_streams):
    (their_client, their_arn), (our_client, our_arn) = moto_streams(WRITES, "KEYS_ONLY"), simulated(WRITES, "KEYS_ONLY")
    descriptions = [
        client.describe_stream(StreamArn=arn)["StreamDescription"]
        for client, arn in ((their_client, their_arn), (our_client, our_arn))
    ]
    named = ("StreamStatus", "StreamViewType", "TableName", "KeySchema")
    theirs, ours = ([one[name] for name in named] for one in descriptions)
    assert theirs == ours
    assert {type(value) for one in descriptions for value in (one["CreationRequestDateTime"],)} == {datetime}
    assert set(descriptions[0]) == set(descriptions[1])
    assert set(shards(our_client, our_arn)[0]) == set(shards(their_client, their_arn)[0])
    listed = [client.list_streams(TableName="orders")["Streams"][0] for client in (their_client, our_client)]
    assert set(listed[0]) == set(listed[1])
    for client in (their_client, our_client):
        arn = client.list_streams()["Streams"][0]["StreamArn"]
        answer = client.get_records(
            ShardIterator=client.get_shard_iterator(
                StreamArn=arn, ShardId=shards(client, arn)[0]["ShardId"], ShardIteratorType="LATEST"
            )["ShardIterator"]
        )
        assert answer["Records"] == []
        assert re.fullmatch(rf"{re.escape(arn)}\|\d\|.+", answer["NextShardIterator"])
