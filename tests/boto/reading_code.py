"""Consumer code as one writes it for boto3: nothing in it knows whose client it has."""

from __future__ import annotations

from typing import Any

__all__ = ["collect"]


def collect(client: Any, stream_arn: str) -> list[dict[str, Any]]:
    """Return all records of a stream: every shard from its oldest record until a read brings nothing."""
    records = []
    for shard in shards(client, stream_arn):
        iterator = client.get_shard_iterator(
            StreamArn=stream_arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while iterator:
            answer = client.get_records(ShardIterator=iterator, Limit=3)
            if not answer["Records"]:
                break
            records += answer["Records"]
            iterator = answer.get("NextShardIterator")
    return records


def shards(client: Any, stream_arn: str) -> list[dict[str, Any]]:
    found, more = [], {}
    while True:
        description = client.describe_stream(StreamArn=stream_arn, **more)["StreamDescription"]
        found += description["Shards"]
        if "LastEvaluatedShardId" not in description:
            return found
        more = {"ExclusiveStartShardId": description["LastEvaluatedShardId"]}
