"""The calls of the streams API that were recorded on the real service."""

import json
import re
from pathlib import Path

import pytest

import ddbsim as ds
from ddbsim.boto.errors import EXCEPTIONS

PATH = Path(__file__).resolve().parents[2] / "../shared/conformance/cases.json"
CASES = {case["id"]: case for case in json.loads(PATH.read_text())} if PATH.exists() else {}
pytestmark = pytest.mark.skipif(not CASES, reason=f"the recordings are not beside the repository ({PATH})")

# what the cases of this group are not about here: tables, Kinesis and several Regions are not behind this client
NOT_APPLICABLE = {
    "api.enable_on_existing_table": "the stream is there from time 0: nothing enables one on a table",
    "api.kinesis_destination_record": "Kinesis Data Streams is another path out of the table",
    "api.table_on_demand_warm": "DescribeTable is no call of this client",
    "api.global_table_streams": "one Region is simulated",
}


@pytest.fixture
def client():
    """The client of a new table's stream, as it was recorded: one open shard, and records in it."""
    scenario = ds.Scenario(workload=ds.ConstantWrites(rate_per_s=2), table=ds.Table(partitions=1), duration_s=10)
    return ds.simulate(scenario, rng=7, progress=False).stream_client()


def first_iterator(client, kind="TRIM_HORIZON"):
    (shard,) = client.describe_stream(StreamArn=client.stream_arn)["StreamDescription"]["Shards"]
    return client.get_shard_iterator(StreamArn=client.stream_arn, ShardId=shard["ShardId"], ShardIteratorType=kind)[
        "ShardIterator"
    ]


def test_every_case_of_the_group_is_here_or_does_not_apply():
    tested = {
        name.removeprefix("test_").replace("api_", "api.", 1) for name in globals() if name.startswith("test_api_")
    }
    assert tested | set(NOT_APPLICABLE) == {name for name, case in CASES.items() if case["group"] == "api"}


def test_api_describe_stream_shape(client):
    expected = CASES["api.describe_stream_shape"]["expected"]
    description = client.describe_stream(StreamArn=client.stream_arn)["StreamDescription"]
    assert sorted(description) == expected["StreamDescription_keys"]
    assert description["StreamStatus"] == expected["StreamStatus"]
    assert expected["no_LastEvaluatedShardId"]
    assert "LastEvaluatedShardId" not in description
    (shard,) = description["Shards"]
    assert shard.keys() == expected["open_shard"].keys()
    assert shard["SequenceNumberRange"].keys() == expected["open_shard"]["SequenceNumberRange"].keys()


def test_api_shard_iterator_format(client):
    expected = CASES["api.shard_iterator_format"]["expected"]
    pattern = expected["regex"].replace("{StreamArn}", re.escape(client.stream_arn))
    assert re.match(pattern, first_iterator(client))
    full = client.get_records(ShardIterator=first_iterator(client))
    empty = client.get_records(ShardIterator=first_iterator(client, "LATEST"))
    assert full["Records"]
    assert not empty["Records"]
    assert expected["next_iterator_same_format"]
    assert expected["empty_page_has_NextShardIterator"]
    assert all(re.match(pattern, answer["NextShardIterator"]) for answer in (full, empty))


def test_api_describe_missing_stream(client):
    expected = CASES["api.describe_missing_stream"]["expected"]
    arn = client.stream_arn.replace("2026", "2025")
    with pytest.raises(EXCEPTIONS.ClientError) as raised:
        client.describe_stream(StreamArn=arn)
    response = raised.value.response
    assert response["Error"]["Code"] == expected["code"]
    assert response["Error"]["Message"] == expected["message"].replace("{StreamArn}", arn)
    assert response["ResponseMetadata"]["HTTPStatusCode"] == expected["http"]
