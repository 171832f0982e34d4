"""Stream records as JSON: what GetRecords returns, and the event that a Lambda function gets.

Source: Change data capture for DynamoDB Streams and Using AWS Lambda with DynamoDB, 2026-11; the order of the keys,
whole seconds and the layout of sequence numbers from recordings of the service, 2025-11 and 2026-09.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

import numpy as np

from ddbsim.checks.wording import shown

from .writes import Change

__all__ = [
    "ACCOUNT",
    "FIRST_COUNTER",
    "TIME_TO_LIVE_IDENTITY",
    "ViewType",
    "event_id",
    "event_ids",
    "image_bytes",
    "lambda_event",
    "lambda_record",
    "record_sequence_number",
    "record_sequence_numbers",
    "sequence_number",
    "shard_id",
    "stream_arn",
    "stream_record",
]

ViewType: TypeAlias = Literal["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"]

#: The userIdentity of the records of expired items, in the Region that deleted them.
TIME_TO_LIVE_IDENTITY = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}

#: The account of ARNs.
ACCOUNT = "123456789012"

_VIEW_TYPES = ("KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES")
_WITH_NEW = ("NEW_IMAGE", "NEW_AND_OLD_IMAGES")
_WITH_OLD = ("OLD_IMAGE", "NEW_AND_OLD_IMAGES")
FIRST_COUNTER = 10  # two digits before the tail of 20: the shortest numbers on record have 22
_TAIL_SPREAD = 5 * 10**15  # recorded tails lie below
_64_BITS = 2**64 - 1


def image_bytes(view_type: ViewType, event_name: Any, key_bytes: Any, bytes_before: Any, bytes_after: Any) -> Any:
    """Return SizeBytes of records: the keys and the images that the view type shows.

    Every argument but the first may be a number (a name) or a numpy array of one length.

    Parameters
    ----------
    view_type
        StreamViewType of the stream.
    event_name
        "INSERT", "MODIFY", "REMOVE", or an array of them.
    key_bytes, bytes_before, bytes_after
        Sizes in bytes of the keys and of the item before and after the write.

    Examples
    --------
    >>> [image_bytes(view, "MODIFY", 10, 100, 150) for view in ("KEYS_ONLY", "NEW_IMAGE", "NEW_AND_OLD_IMAGES")]
    [10, 160, 260]
    """
    _check_view_type(view_type)
    size = key_bytes
    if view_type in _WITH_NEW:
        size = size + bytes_after * (event_name != "REMOVE")
    if view_type in _WITH_OLD:
        size = size + bytes_before * (event_name != "INSERT")
    return size


def stream_record(
    change: Change,
    *,
    view_type: ViewType,
    sequence_number: str,
    event_id: str,
    at_epoch_s: float,
    region: str,
    user_identity: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the stream record of a change, as GetRecords gives it.

    Parameters
    ----------
    change
        What an `ItemTable` says about a write; the record shares its images.
    view_type
        StreamViewType of the stream; it decides which images appear, and is repeated in every record.
    sequence_number, event_id
        As the functions of these names make them.
    at_epoch_s
        Time of the write in seconds since 1970; the record tells the whole second before.
    region
        Region of the table, "us-east-1".
    user_identity
        `TIME_TO_LIVE_IDENTITY` for expired items.

    Raises
    ------
    ValueError
        The change is none (`event_name` is None), so that the stream has no record of it.
    """
    _check_view_type(view_type)
    if change.event_name is None:
        raise ValueError("a write that changes nothing has no stream record, got event_name None")
    dynamodb: dict[str, Any] = {"ApproximateCreationDateTime": float(math.floor(at_epoch_s)), "Keys": change.keys}
    if change.new_image is not None and view_type in _WITH_NEW:
        dynamodb["NewImage"] = change.new_image
    if change.old_image is not None and view_type in _WITH_OLD:
        dynamodb["OldImage"] = change.old_image
    dynamodb["SequenceNumber"] = sequence_number
    dynamodb["SizeBytes"] = image_bytes(
        view_type, change.event_name, change.key_bytes, change.bytes_before, change.bytes_after
    )
    dynamodb["StreamViewType"] = view_type
    record = {
        "eventID": event_id,
        "eventName": change.event_name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": region,
        "dynamodb": dynamodb,
    }
    return record if user_identity is None else {**record, "userIdentity": dict(user_identity)}


def lambda_record(record: Mapping[str, Any], *, stream_arn: str) -> dict[str, Any]:
    """Return a stream record as it stands in a function's event: with the ARN of its stream."""
    return {**record, "eventSourceARN": stream_arn}


def lambda_event(records: Sequence[Mapping[str, Any]], window: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the event of one invocation.

    Parameters
    ----------
    records
        The batch, made by `lambda_record`; the event holds it, not a copy.
    window
        With a tumbling window, the fields that stand beside Records: window, state, shardId, eventSourceARN,
        isFinalInvokeForWindow, isWindowTerminatedEarly.
    """
    return {"Records": records, **(window or {})}


def event_id(stream_arn: str, shard_id: str, counter: int) -> str:
    """Return a record's eventID, 32 hexadecimal digits; the record of one stream, shard and counter always has it."""
    return event_ids(stream_arn, shard_id, counter, 1)[0]


def event_ids(stream_arn: str, shard_id: str, first: int, count: int) -> list[str]:
    """Return the eventIDs of the `count` records of a shard from the counter `first` on, all at once."""
    seed = int.from_bytes(hashlib.blake2b(f"{stream_arn}/{shard_id}".encode(), digest_size=8).digest())
    counters = np.arange(first, first + count, dtype=np.uint64)
    digits = np.stack([_mix(seed, counters), _mix(seed + 1, counters)], axis=1).tobytes().hex()
    return [digits[32 * place : 32 * place + 32] for place in range(count)]


def sequence_number(shard_seed: int, position: int) -> str:
    """Return the SequenceNumber of a record: numbers of a shard rise with the position.

    A counter, then a tail of 20 digits that says nothing; the text grows longer with time, so compare as integers.

    Parameters
    ----------
    shard_seed
        Any integer that is the shard's own.
    position
        0, 1, ... within the shard; a child shard's numbers go on above its parent's if its positions do.
    """
    if position < 0:
        raise ValueError(f"position must be 0 or more, got {shown(position)}")
    return f"{FIRST_COUNTER + position}{_mix(shard_seed, position) % _TAIL_SPREAD:020d}"


def record_sequence_number(shard_id: str, counter: int) -> str:
    """Return the SequenceNumber of a shard's record from its counter, the `sequence_number` of the frames.

    Parameters
    ----------
    shard_id
        AWS's ShardId.
    counter
        1 or more; a child's go on above its parent's.
    """
    return sequence_number(int(shard_id[-8:], 16), counter - 1)


def record_sequence_numbers(shard_id: str, first: int, count: int) -> list[str]:
    """Return the SequenceNumbers of the `count` records of a shard from the counter `first` on, all at once."""
    positions = np.arange(first - 1, first - 1 + count, dtype=np.uint64)
    tails = _mix(int(shard_id[-8:], 16), positions) % _TAIL_SPREAD
    counters = range(FIRST_COUNTER + first - 1, FIRST_COUNTER + first - 1 + count)
    return [f"{counter}{tail:020d}" for counter, tail in zip(counters, tails.tolist(), strict=True)]


def stream_arn(region: str, table_name: str, enabled_epoch_s: float) -> str:
    """Return the ARN of a stream, in the account of AWS's examples; its label is the time of its enabling."""
    label = datetime.fromtimestamp(enabled_epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.000")
    return f"arn:aws:dynamodb:{region}:{ACCOUNT}:table/{table_name}/stream/{label}"


def shard_id(created_epoch_ms: int, shard_seed: int) -> str:
    """Return a shard's id: its creation in milliseconds since 1970, 20 digits, and 8 hexadecimal digits."""
    return f"shardId-{created_epoch_ms:020d}-{_mix(shard_seed, created_epoch_ms) >> 32:08x}"


def _mix(seed: int, position: Any) -> Any:
    """Return 64 well-spread bits for a seed and a position, or an array of uint64 (the finaliser of SplitMix64)."""
    bits = (((seed + 1) * 0x9E3779B97F4A7C15 & _64_BITS) + position * 0xD1B54A32D192ED03) & _64_BITS
    bits = ((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9) & _64_BITS
    bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & _64_BITS
    return bits ^ (bits >> 31)


def _check_view_type(view_type: str) -> None:
    if view_type not in _VIEW_TYPES:
        raise ValueError(f"view_type must be one of {', '.join(map(repr, _VIEW_TYPES))}, got {shown(view_type)}")
