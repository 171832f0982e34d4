import json

import pytest

import ddbsim as ds
from ddbsim.items import lambda_record, record_sequence_number, stream_arn

WRITES = [
    (0.1, "put", {"pk": "%s %d", "note": "naïve 100 % @new"}),
    (0.2, "put", {"pk": "%s %d", "note": "“@old”", "n": 1}),
    (1.3, "put", {"pk": "@keys", "note": '\\ " \n'}),
    (2.4, "delete", {"pk": "%s %d"}),
]


@pytest.mark.parametrize("view_type", ["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"])
def test_events_hold_the_records_that_the_stream_gives_and_are_as_large_as_said(view_type):
    events = []
    scenario = ds.Scenario(
        workload=ds.ItemWrites(WRITES),
        stream=ds.Stream(view_type=view_type),
        event_source_mappings=ds.EventSourceMapping(
            function=ds.Function(handler=lambda event, context: events.append(event)), starting_position="TRIM_HORIZON"
        ),
        duration_s=10,
    )
    result = ds.simulate(scenario, rng=7, progress=False)
    seen = [record for event in events for record in event["Records"]]
    assert len(seen) == len(WRITES)
    client = result.stream_client()
    arn = stream_arn(scenario.region, scenario.table.name, scenario.start_epoch_s)
    given = []
    for shard in client.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = client.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")[
            "ShardIterator"
        ]
        given += client.get_records(ShardIterator=iterator)["Records"]
    by_number = {record["dynamodb"]["SequenceNumber"]: record for record in given}
    for record in seen:
        expected = lambda_record(by_number[record["dynamodb"]["SequenceNumber"]], stream_arn=arn)
        at = expected["dynamodb"]["ApproximateCreationDateTime"]
        expected["dynamodb"]["ApproximateCreationDateTime"] = at.timestamp()
        assert record == expected
    text = json.dumps(seen, separators=(",", ":"), ensure_ascii=False).encode()
    assert result.invocations["payload_bytes"].sum() == len(text) - 1
    assert record_sequence_number(str(result.stream_log["shard_id"].iloc[0]), 1) in by_number
