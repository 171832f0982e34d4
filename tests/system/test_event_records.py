import base64
import json

import pytest

import ddbsim as ds
from ddbsim.items import lambda_record, record_sequence_number, stream_arn

WRITES = [
    (0.1, "put", {"pk": "%s %d", "note": "naïve 100 % @new"}),
    (0.2, "put", {"pk": "%s %d", "note": "“@old”", "n": 1}),
    (1.3, "put", {"pk": "@keys", "note": '\\ " \n'}),
    (1.4, "put", {"pk": "nested", "map": {"a": [1, {"b": b"\xff"}]}, "set": {"x", "y"}, "bytes": b"\x00["}),
    (1.5, "update", {"pk": "nested", "flag": False, "none": None}),
    (2.4, "delete", {"pk": "%s %d"}),
]


def as_json(value):
    """Return a record of boto3's as Lambda has it: binary values as base64."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {name: as_json(inner) for name, inner in value.items()}
    return [as_json(inner) for inner in value] if isinstance(value, list) else value


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
        assert record == as_json(expected)
    text = json.dumps(seen, separators=(",", ":"), ensure_ascii=False).encode()
    assert result.invocations["payload_bytes"].sum() == len(text) - 1
    assert record_sequence_number(str(result.stream_log["shard_id"].iloc[0]), 1) in by_number


def test_a_handler_may_change_what_it_is_given():
    seen = []

    def spoil(event, context):
        for record in event["Records"]:
            image = record["dynamodb"]["NewImage"]
            seen.append(json.dumps(image))
            image["map"]["M"]["a"]["L"].clear()
            image["n"]["N"] = "spoilt"
            record["dynamodb"]["Keys"]["pk"]["S"] = "spoilt"
            record["userIdentity"] = "spoilt"
        raise ValueError

    result = ds.simulate(
        ds.Scenario(
            workload=ds.ItemWrites([(0.1, "put", {"pk": "a", "n": 1, "map": {"a": [1]}})]),
            event_source_mappings=ds.EventSourceMapping(
                function=ds.Function(handler=spoil), starting_position="TRIM_HORIZON", maximum_retry_attempts=2
            ),
            duration_s=60,
        ),
        rng=7,
        progress=False,
    )
    assert len(seen) == 3
    assert len(set(seen)) == 1
    assert result.scenario.workload.changes[0].new_image["n"] == {"N": "1"}


@pytest.mark.parametrize("start", ["1970-01-01T00:00:08Z", "2001-09-09T01:46:38Z"])
def test_events_are_as_large_as_said_where_the_digits_of_the_time_change(start):
    texts = []

    def keep(event, context):
        texts.extend(json.dumps(record, separators=(",", ":")) for record in event["Records"])

    result = ds.simulate(
        ds.Scenario(
            workload=ds.ItemWrites([(n / 2, "put", {"pk": f"{n:02d}"}) for n in range(10)]),
            event_source_mappings=ds.EventSourceMapping(
                function=ds.Function(handler=keep), starting_position="TRIM_HORIZON"
            ),
            start=start,
            duration_s=10,
        ),
        rng=7,
        progress=False,
    )
    assert len(texts) == 10
    assert len(set(map(len, texts))) > 1
    assert result.invocations["payload_bytes"].sum() == sum(len(text) + 1 for text in texts)


def test_the_log_sizes_each_record_by_its_own_keys():
    rows = [(n / 10, "put", {"pk": "k" * length, "n": n}) for n, length in enumerate([1, 30, 7])]
    result = ds.simulate(
        ds.Scenario(
            workload=ds.ItemWrites(rows),
            stream=ds.Stream(view_type="KEYS_ONLY"),
            event_source_mappings=[ds.EventSourceMapping()],
            duration_s=5,
        ),
        rng=7,
        progress=False,
    )
    assert result.stream_log.sort_values("record_id")["size_bytes"].tolist() == [3, 32, 9]
