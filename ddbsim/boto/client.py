"""A client for a simulated stream that answers as boto3's `dynamodbstreams` client does, at a simulated instant."""

from __future__ import annotations

import base64
import json
import math
import re
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

from ddbsim.aws import limits
from ddbsim.checks.wording import shown

from .content import ShardContent, StreamContent
from .errors import EXCEPTIONS, service_error

__all__ = ["StreamClient"]

_STREAM_ARN = re.compile(r"arn:[^:]+:dynamodb:[^:]*:[^:]*:table/.+")
_ITERATOR_TYPES = ("TRIM_HORIZON", "LATEST", "AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER")


class _Iterator(NamedTuple):
    """What a shard iterator holds: where it stands, and when it was handed out."""

    shard: int
    position: int
    issued_s: float


class StreamClient:
    """Reads a simulated stream through the calls of boto3's `dynamodbstreams` client; see `Result.stream_client`.

    It stands at a simulated instant, `now_s`: records become visible, shards close and iterators expire as that moves.
    Answers and errors have boto3's shapes. `client.exceptions` has the classes of the errors.

    Attributes
    ----------
    stream_arn
        The ARN of the stream.
    exceptions
        As of a boto3 client: ``client.exceptions.ExpiredIteratorException`` and so on.

    Notes
    -----
    Not modelled here: throttling of readers, empty pages in the midst of a shard, and records that stay readable for
    a while after the retention (here they are gone at once).
    """

    exceptions = EXCEPTIONS

    def __init__(self, content: StreamContent, now_s: float) -> None:
        self._content = content
        self.stream_arn = content.arn
        self.now_s = now_s

    @property
    def now_s(self) -> float:
        """The simulated instant of the calls, seconds, >= 0; it may be set forward and back."""
        return self._now_s

    @now_s.setter
    def now_s(self, value: float) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0 <= value < math.inf:
            raise ValueError(f"now_s must be a number of seconds >= 0, got {shown(value)}")
        self._now_s = float(value)

    def advance(self, seconds: float) -> float:
        """Let simulated time pass, and return the new `now_s`."""
        self.now_s = self.now_s + seconds
        return self.now_s

    def now_epoch_s(self) -> float:
        """Return the simulated instant as seconds since 1970."""
        return self._content.start_epoch_s + self.now_s

    def list_streams(
        self,
        *,
        TableName: str | None = None,
        Limit: int | None = None,
        ExclusiveStartStreamArn: str | None = None,
    ) -> dict[str, Any]:
        """Return the stream, as ListStreams does: one, unless another table is asked for."""
        _check_limit(Limit, limits.STREAMS_PER_PAGE.value, "ListStreams")
        content = self._content
        if ExclusiveStartStreamArn is not None:
            _check_form(ExclusiveStartStreamArn, "ListStreams")
        one = {"StreamArn": content.arn, "TableName": content.table_name, "StreamLabel": content.label}
        hidden = TableName not in (None, content.table_name) or ExclusiveStartStreamArn is not None
        return _answer(Streams=[] if hidden else [one])

    def describe_stream(
        self,
        *,
        StreamArn: str,
        Limit: int | None = None,
        ExclusiveStartShardId: str | None = None,
        ShardFilter: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """Return the stream and a page of its shards, as DescribeStream does.

        A shard is listed from its opening until its last record can be gone; ``ShardFilter={"Type": "CHILD_SHARDS",
        "ShardId": ...}`` leaves only a shard's children.
        """
        most = _check_limit(Limit, limits.SHARDS_PER_PAGE.value, "DescribeStream")
        self._check_arn(StreamArn, "DescribeStream")
        content = self._content
        shards = [shard for shard in content.shards if self._listed(shard)]
        if ExclusiveStartShardId is not None:
            # shards are listed in the order of their ids, and a page may begin after any text
            shards = [shard for shard in shards if shard.shard_id > ExclusiveStartShardId]
        if ShardFilter is not None:
            shards = [shard for shard in shards if shard.parent_shard_id == ShardFilter.get("ShardId")]
        description: dict[str, Any] = {
            "StreamArn": content.arn,
            "StreamLabel": content.label,
            "StreamStatus": "ENABLED" if self.now_s < content.disabled_s else "DISABLED",
            "StreamViewType": content.view_type,
            "CreationRequestDateTime": datetime.fromtimestamp(content.start_epoch_s, UTC),
            "TableName": content.table_name,
            "KeySchema": [
                {"AttributeName": name, "KeyType": kind}
                for name, kind in zip(content.key, ("HASH", "RANGE"), strict=False)
            ],
            "Shards": [self._described(shard) for shard in shards[:most]],
        }
        if len(shards) > most:
            description["LastEvaluatedShardId"] = shards[most - 1].shard_id
        return _answer(StreamDescription=description)

    def get_shard_iterator(
        self,
        *,
        StreamArn: str,
        ShardId: str,
        ShardIteratorType: str,
        SequenceNumber: str | None = None,
    ) -> dict[str, Any]:
        """Return an iterator, as GetShardIterator does; it expires after 15 minutes of simulated time."""
        operation = "GetShardIterator"
        self._check_arn(StreamArn, operation)
        shard = self._shard(ShardId, operation)
        trimmed = shard.trimmed(self.now_s, self._content.retention_s)
        if ShardIteratorType not in _ITERATOR_TYPES:
            allowed = ", ".join(_ITERATOR_TYPES)
            raise _invalid(f"ShardIteratorType must be one of {allowed}, got {shown(ShardIteratorType)}", operation)
        if SequenceNumber is not None and not ShardIteratorType.endswith("SEQUENCE_NUMBER"):
            told = f"SequenceNumber must be absent with {ShardIteratorType}, got {shown(SequenceNumber)}"
            raise _invalid(told, operation)
        if ShardIteratorType == "TRIM_HORIZON":
            position = trimmed
        elif ShardIteratorType == "LATEST":
            position = shard.visible(self.now_s)
        else:
            position = self._at_number(shard, SequenceNumber)
            position += ShardIteratorType == "AFTER_SEQUENCE_NUMBER"
            if position < trimmed:
                raise _trimmed(operation)
        return _answer(ShardIterator=self._iterator(shard, position))

    def get_records(
        self,
        *,
        ShardIterator: str,
        Limit: int | None = None,
    ) -> dict[str, Any]:
        """Return a page of records, as GetRecords does.

        At most 1,000 records or 1 MB, and `NextShardIterator` unless the shard is closed and has been read to its end.
        """
        operation = "GetRecords"
        most = _check_limit(Limit, limits.RECORDS_PER_READ.value, operation)
        shard, first = self._place(ShardIterator, operation)
        end = self._page_end(shard, first, most)
        answer = {"Records": [self._content.record(shard, position) for position in range(first, end)]}
        if end == len(shard.record) and shard.closed_s <= self.now_s:
            return _answer(**answer)
        return _answer(**answer, NextShardIterator=self._iterator(shard, end))

    def _listed(self, shard: ShardContent) -> bool:
        return shard.opened_s <= self.now_s <= shard.closed_s + self._content.retention_s

    def _described(self, shard: ShardContent) -> dict[str, Any]:
        numbers = {"StartingSequenceNumber": shard.number(0)}
        if shard.closed_s <= self.now_s:
            numbers["EndingSequenceNumber"] = shard.number(max(len(shard.record) - 1, 0))
        described: dict[str, Any] = {"ShardId": shard.shard_id, "SequenceNumberRange": numbers}
        if shard.parent_shard_id is not None:
            described["ParentShardId"] = shard.parent_shard_id
        return described

    def _page_end(self, shard: ShardContent, first: int, most: int) -> int:
        """Return the end of the page that begins at `first`, by visibility, number and bytes."""
        end = max(first, min(shard.visible(self.now_s), first + most))
        sizes = np.cumsum(shard.size_bytes[first:end])
        within = int(np.searchsorted(sizes, limits.BYTES_PER_READ.value, side="right"))
        # one record always fits
        return min(end, first + max(within, 1))

    def _iterator(self, shard: ShardContent, position: int) -> str:
        token = json.dumps([shard.index, position, self.now_s]).encode()
        return f"{self.stream_arn}|1|{base64.b64encode(token).decode()}"

    def _place(self, iterator: str, operation: str) -> tuple[ShardContent, int]:
        """Return the shard and position at which an iterator stands."""
        held = self._held(iterator, operation)
        if self.now_s - held.issued_s > limits.ITERATOR_LIFE_S.value:
            raise service_error(
                "ExpiredIteratorException",
                f"Iterator expired: it was handed out at {held.issued_s:g} s of simulated time, now it is "
                f"{self.now_s:g} s, and an iterator lives {limits.ITERATOR_LIFE_S.value:g} s",
                operation,
            )
        shard = self._content.shards[held.shard]
        if held.position < shard.trimmed(self.now_s, self._content.retention_s):
            raise _trimmed(operation)
        return shard, held.position

    def _held(self, iterator: str, operation: str) -> _Iterator:
        arn, _, token = iterator.rpartition("|1|")
        try:
            held = _Iterator(*json.loads(base64.b64decode(token, validate=True)))
        except (ValueError, TypeError):
            raise _invalid(
                f"ShardIterator must be one that this stream handed out, got {shown(iterator)}", operation
            ) from None
        self._check_arn(arn, operation)
        return held

    def _at_number(self, shard: ShardContent, number: str | None) -> int:
        """Return the position of a sequence number: of the first record that has it or a higher one."""
        if number is None or not number.isdigit():
            told = f"SequenceNumber must be a sequence number of the shard, got {shown(number)}"
            raise _invalid(told, "GetShardIterator")
        low, high = 0, len(shard.record)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if int(shard.number(middle)) < int(number) else (low, middle)
        return low

    def _shard(self, shard_id: str, operation: str) -> ShardContent:
        for shard in self._content.shards:
            if shard.shard_id == shard_id and self._listed(shard):
                return shard
        message = f"Requested resource not found: Shard: {shard_id} in Stream: {self.stream_arn} not found"
        raise service_error("ResourceNotFoundException", message, operation)

    def _check_arn(self, arn: str, operation: str) -> None:
        _check_form(arn, operation)
        if arn != self.stream_arn:
            message = f"Requested resource not found: Stream: {arn} not found"
            raise service_error("ResourceNotFoundException", message, operation)


def _check_form(arn: str, operation: str) -> None:
    if not _STREAM_ARN.fullmatch(arn):
        raise _invalid(f"StreamArn must be the ARN of a stream, got {shown(arn)}", operation)


def _check_limit(limit: int | None, most: int, operation: str) -> int:
    """Return the Limit of a page, `most` if none is given."""
    if limit is None:
        return most
    if not 1 <= limit <= most:
        raise _invalid(f"Limit must be in 1..{most}, got {shown(limit)}", operation)
    return limit


def _invalid(message: str, operation: str) -> Exception:
    return service_error("ValidationException", message, operation)


def _trimmed(operation: str) -> Exception:
    message = "The data you are trying to access has been trimmed: it is older than the stream's retention"
    return service_error("TrimmedDataAccessException", message, operation)


def _answer(**content: Any) -> dict[str, Any]:
    return {**content, "ResponseMetadata": {"HTTPStatusCode": 200, "HTTPHeaders": {}, "RetryAttempts": 0}}
