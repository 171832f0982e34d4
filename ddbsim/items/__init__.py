"""Real items: their JSON, their sizes, the writes that change them, and the records and events that come of it."""

from .events import (
    ACCOUNT,
    FIRST_COUNTER,
    TIME_TO_LIVE_IDENTITY,
    ViewType,
    event_id,
    event_ids,
    image_bytes,
    lambda_event,
    lambda_record,
    record_sequence_number,
    record_sequence_numbers,
    sequence_number,
    shard_id,
    stream_arn,
    stream_record,
)
from .sizes import item_bytes, number_bytes, record_bytes, stored_bytes, value_bytes
from .types import Item, compact_json, from_dynamodb, to_dynamodb
from .writes import Change, EventName, ItemTable, Operation, same_item

__all__ = [
    "ACCOUNT",
    "FIRST_COUNTER",
    "TIME_TO_LIVE_IDENTITY",
    "Change",
    "EventName",
    "Item",
    "ItemTable",
    "Operation",
    "ViewType",
    "compact_json",
    "event_id",
    "event_ids",
    "from_dynamodb",
    "image_bytes",
    "item_bytes",
    "lambda_event",
    "lambda_record",
    "number_bytes",
    "record_bytes",
    "record_sequence_number",
    "record_sequence_numbers",
    "same_item",
    "sequence_number",
    "shard_id",
    "stored_bytes",
    "stream_arn",
    "stream_record",
    "to_dynamodb",
    "value_bytes",
]
