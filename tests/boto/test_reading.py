"""Reading a stream into the columns of `stream_log`: simulated ones, moto's, and what a service can do to a reader."""

from datetime import UTC, datetime

import pandas as pd
import pytest

import ddbsim as ds
from ddbsim.boto.errors import EXCEPTIONS, service_error
from ddbsim.boto.reading import ThrottledReadError
from ddbsim.log.schema import SCHEMA
from ddbsim.workload import ItemWrites

CREATED = datetime(2026, 1, 1, 0, 0, 5, tzinfo=UTC)


def simulate(*, partitions=3, stream=None, rate_per_s=30, **table):
    scenario = ds.Scenario(
        workload=ds.PoissonWrites(
            rate_per_s=rate_per_s,
            keys=ds.UniformKeys(items=25),
            operations=ds.OperationMix(insert=0.3, modify=0.5, remove=0.2),
        ),
        table=ds.Table(partitions=partitions, **table),
        stream=ds.Stream(visibility_delay=0.1, **(stream or {})),
        duration_s=20,
    )
    return ds.simulate(scenario, rng=7, progress=False)


def read(result, at_s=30.0):
    client = result.stream_client(at_s)
    return ds.read_stream(client, client.stream_arn)


LIVES = {
    "plain": {},
    "shards that roll over": {"stream": {"shard_lifetime": 6.0}},
    "a partition that splits": {"splits": ds.Split(at_s=8.0), "partitions": 1},
    "a disabled stream": {"stream": {"disabled_s": 12.0}},
    "more shards than a page": {"partitions": 130},
}


@pytest.mark.parametrize("life", LIVES)
def test_a_simulated_stream_is_read_as_its_log_has_it(life):
    result = simulate(**LIVES[life])
    log, expected = read(result), result.stream_log
    start_s = float(expected["written_s"].iloc[0] // 1)
    assert len(log) == len(expected) > 200
    # within a second the order of records of different shards is not told: compare each shard by itself
    for shard_id, ours in expected.groupby("shard_id", observed=True):
        mine = log[log["shard_id"] == shard_id]
        for column in ("sequence_number", "event_name", "size_bytes"):
            assert mine[column].astype("str").tolist() == ours[column].astype("str").tolist(), column
        assert mine["written_s"].tolist() == (ours["written_s"] // 1 - start_s).tolist()
        assert pd.factorize(mine["item_id"])[0].tolist() == pd.factorize(ours["item_id"])[0].tolist()
    assert log["item_id"].nunique() == expected["item_id"].nunique()


def test_the_frame_has_the_columns_and_dtypes_of_the_log():
    log = read(simulate())
    assert {name: str(kind) for name, kind in log.dtypes.items()} == {c.name: c.dtype for c in SCHEMA["stream_log"]}
    assert log["event_source_mapping"].unique().tolist() == ["read_stream"]
    assert log["record_id"].tolist() == list(range(len(log)))
    assert log[["visible_s", "completed_s"]].isna().all(axis=None)
    assert (log["deliveries"] == 1).all()
    assert (log["outcome"] == "waiting").all()
    assert log["written_s"].is_monotonic_increasing


def test_it_was_received_when_it_was_read():
    log = read(simulate(), at_s=25.0)
    assert set(log["received_s"]) == {25.0}
    client = simulate().stream_client()
    mine = ds.read_stream(client, client.stream_arn, consumer="mine", clock=lambda: client.now_epoch_s() + 7.0)
    assert set(mine["received_s"]) == {27.0}
    assert mine["event_source_mapping"].cat.categories.tolist() == ["mine"]


def test_an_empty_stream_gives_an_empty_log():
    log = read(simulate(rate_per_s=0))
    assert log.empty
    assert list(log) == [column.name for column in SCHEMA["stream_log"]]


def test_items_are_counted_by_their_keys():
    writes = [(0.0, "put", {"pk": b"x"}), (1.0, "put", {"pk": b"y"}), (2.0, "delete", {"pk": b"x"})]
    scenario = ds.Scenario(workload=ItemWrites(writes), table=ds.Table(partitions=1), duration_s=10)
    log = read(ds.simulate(scenario, rng=7, progress=False))
    assert log["item_id"].tolist() == [0, 1, 0]
    assert log["event_name"].tolist() == ["INSERT", "INSERT", "REMOVE"]


class Service:
    """A stream of one shard, given as pages: each a list of keys, or an error to raise."""

    def __init__(self, *pages, open_=False):
        self.pages = list(pages)
        self.open = open_
        self.calls = []

    def describe_stream(self, StreamArn, **more):
        self.calls.append("describe_stream")
        return {"StreamDescription": {"Shards": [{"ShardId": "one", "SequenceNumberRange": {}}]}}

    def get_shard_iterator(self, **arguments):
        self.calls.append("get_shard_iterator")
        return {"ShardIterator": "next"}

    def get_records(self, ShardIterator):
        self.calls.append("get_records")
        page = self.pages.pop(0) if self.pages else []
        if isinstance(page, Exception):
            raise page
        answer = {"Records": [record(key) for key in page]}
        return answer | ({"NextShardIterator": "next"} if self.pages or self.open else {})


def record(key):
    inside = {"Keys": {"pk": {"S": key}}, "ApproximateCreationDateTime": CREATED, "SizeBytes": 3}
    return {"eventName": "INSERT", "dynamodb": inside}


def throttle():
    return service_error("LimitExceededException", "slower", "GetRecords")


def test_throttled_reads_are_tried_again_each_time_after_twice_as_long():
    waits = []
    log = ds.read_stream(Service(["a"], throttle(), throttle(), throttle(), ["b"]), "arn", sleep=waits.append)
    assert log["record_id"].tolist() == [0, 1]
    assert waits == [0.2, 0.4, 0.8]


def test_a_service_that_throttles_for_ever_is_given_up():
    service = Service(*[throttle() for _ in range(20)])
    with pytest.raises(ThrottledReadError, match="get_records on arn was throttled 8 times in a row"):
        ds.read_stream(service, "arn", sleep=lambda seconds: None)


def test_other_errors_are_raised():
    with pytest.raises(EXCEPTIONS.InternalServerError):
        ds.read_stream(Service(service_error("InternalServerError", "oh", "GetRecords")), "arn")
    with pytest.raises(ZeroDivisionError):
        ds.read_stream(Service(ZeroDivisionError()), "arn")


def test_a_reader_overtaken_by_trimming_begins_at_the_new_horizon():
    service = Service(service_error("TrimmedDataAccessException", "gone", "GetRecords"), ["b"])
    assert len(ds.read_stream(service, "arn")) == 1
    assert service.calls.count("get_shard_iterator") == 2


def test_empty_pages_are_no_end_of_a_shard():
    waits = []
    log = ds.read_stream(Service(["a"], [], [], [], ["b"], open_=True), "arn", sleep=waits.append)
    assert len(log) == 2
    # three pauses on the way, and five at the end of what an open shard holds
    assert waits == [0.2] * 8


def test_a_clock_that_goes_back_leaves_the_order_of_the_shard():
    service = Service(["a"], ["b"])
    times = iter([10.0, 12.0])
    log = ds.read_stream(service, "arn", clock=lambda: CREATED.timestamp() + next(times))
    assert log["received_s"].tolist() == [10.0, 12.0]
    assert log["item_id"].tolist() == [0, 1]


@pytest.fixture
def server(monkeypatch):
    """A moto server of its own, and boto3 pointed at it."""
    pytest.importorskip("boto3")
    ThreadedMotoServer = pytest.importorskip("moto.server").ThreadedMotoServer
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_motos_server_is_read_through_boto3(server):
    import boto3

    config = boto3.session.Config(account_id_endpoint_mode="disabled")
    where = {"region_name": "us-east-1", "endpoint_url": server, "config": config}
    dynamodb = boto3.client("dynamodb", **where)
    table = dynamodb.create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]
    for key, number in (("a", "1"), ("b", "1"), ("a", "2")):
        dynamodb.put_item(TableName="orders", Item={"pk": {"S": key}, "n": {"N": number}})
    dynamodb.delete_item(TableName="orders", Key={"pk": {"S": "b"}})
    client = boto3.client("dynamodbstreams", **where)
    log = ds.read_stream(client, table["LatestStreamArn"], sleep=lambda seconds: None)
    assert log["event_name"].tolist() == ["INSERT", "INSERT", "MODIFY", "REMOVE"]
    assert log["item_id"].tolist() == [0, 1, 0, 1]
    assert log["sequence_number"].tolist() == [1, 2, 3, 4]
    assert log["written_s"].iloc[0] == 0.0
    assert (log["received_s"] >= log["written_s"]).all()
    assert (log["size_bytes"] > 0).all()
    with pytest.raises(EXCEPTIONS.ClientError):
        ds.read_stream(client, table["LatestStreamArn"].replace("orders", "others"))
