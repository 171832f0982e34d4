"""What Lambda sends to an on-failure destination when it gives records up.

Source: Retain discarded records for a DynamoDB event source,
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html, 2026-11; the order of the keys, the times
and what is absent when, from recordings of the service, 2025-11 and 2026-09.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from ddbsim.items import compact_json, record_sequence_number
from ddbsim.log.outcomes import DISCARD_CONDITIONS, Discarded, Invoked, Settled
from ddbsim.randomness import RandomStreams
from ddbsim.record.recording import Delivered, LaneRecords, Recording
from ddbsim.scenario import Destination, EventSourceMapping, Scenario
from ddbsim.system.function.handler import Window, event_of, function_arn, request_id, text_uuid
from ddbsim.system.stream.event_records import EventRecords

__all__ = ["Dispatch"]


class Dispatch:
    """Makes the documents of a finished run.

    Parameters
    ----------
    scenario, recording
        The run.
    events
        Makes the JSON of its records.
    streams
        The run's random streams: which deliveries fail.
    """

    def __init__(self, scenario: Scenario, recording: Recording, events: EventRecords, streams: RandomStreams) -> None:
        self._scenario, self._recording, self._events, self._streams = scenario, recording, events, streams
        self._settled = recording.recorder.settled.arrays()
        self._last_outcome = _last_outcomes(recording)

    def __iter__(self) -> Iterator[Delivered]:
        """Yield what became of each discarded or expired range, in the order in which they were given up."""
        column = self._settled
        rows = np.flatnonzero((column["outcome"] == Settled.DISCARDED) | (column["outcome"] == Settled.EXPIRED))
        delivery_draws = {
            mapping.label: self._streams(f"destination/{mapping.label}") for mapping in self._scenario.mappings
        }
        for row in rows.tolist():
            lane = self._recording.lanes[int(column["lane"][row])]
            mapping = self._scenario.mappings[lane.mapping]
            destination = mapping.on_failure
            if destination is None or column["outcome"][row] == Settled.EXPIRED:
                # what the retention trims is gone without a word
                yield Delivered()
                continue
            arrived = bool(delivery_draws[mapping.label].random() >= destination.failure_probability)
            yield self._delivered(row, lane, mapping, destination, arrived)

    def _delivered(
        self, row: int, lane: LaneRecords, mapping: EventSourceMapping, destination: Destination, arrived: bool
    ) -> Delivered:
        column = self._settled
        first, last = int(column["first"][row]), int(column["last"][row])
        places = [place if lane.positions is None else int(lane.positions[place]) for place in range(first, last)]
        payload = key = None
        window: Window | None = self._recording.recorder.windows.get(int(column["batch"][row]))
        if destination.kind == "s3":
            key = self._object_key(row, lane, mapping)
            payload = self._payload(lane, places, window)
        document = self._document(row, lane, mapping, places, payload, window)
        return Delivered(destination.kind, arrived, document, key)

    def _document(
        self,
        row: int,
        lane: LaneRecords,
        mapping: EventSourceMapping,
        places: Sequence[int],
        payload: str | None,
        window: Window | None,
    ) -> dict[str, Any]:
        column, batch = self._settled, int(self._settled["batch"][row])
        document: dict[str, Any] = {
            "requestContext": {
                "requestId": request_id(mapping.label, batch),
                # as the mapping names the function: its documents add no $LATEST, those of asynchronous calls do
                "functionArn": function_arn(self._scenario.region, mapping.function.name),
                "condition": DISCARD_CONDITIONS[int(column["reason"][row])],
                "approximateInvokeCount": int(column["invokes"][row]),
            }
        }
        outcome = self._last_outcome.get(batch)
        if column["reason"][row] == Discarded.ATTEMPTS and outcome != Invoked.TOO_LARGE:
            error = None if outcome == Invoked.PARTIAL else "Unhandled"
            document["responseContext"] = {"statusCode": 200, "executedVersion": "$LATEST", "functionError": error}
        document["version"] = "1.0"
        if payload is not None:
            document["payload"] = payload
        document["timestamp"] = self._at(float(column["at_s"][row]), "milliseconds")
        document["DDBStreamBatchInfo"] = self._batch_info(lane, places)
        if window is not None:
            document["timeWindowInfo"] = {
                "window": window.bounds,
                "isFinalInvokeForWindow": window.is_final,
                "isWindowTerminatedEarly": window.is_early,
            }
        return document

    def _batch_info(self, lane: LaneRecords, places: Sequence[int]) -> dict[str, Any]:
        shard, stream = self._recording.stream.shards[lane.shard], self._recording.stream
        if not places:
            return {"shardId": shard.name, "streamArn": self._events.arn}
        numbers = [record_sequence_number(shard.name, shard.first_number + place) for place in (places[0], places[-1])]
        # the stream tells the whole second before
        written = [float(np.floor(stream.written_s[shard.record[place]])) for place in (places[0], places[-1])]
        return {
            "shardId": shard.name,
            "startSequenceNumber": numbers[0],
            "endSequenceNumber": numbers[1],
            "approximateArrivalOfFirstRecord": self._at(written[0], "seconds"),
            "approximateArrivalOfLastRecord": self._at(written[1], "seconds"),
            "batchSize": len(places),
            "streamArn": self._events.arn,
        }

    def _payload(self, lane: LaneRecords, places: Sequence[int], window: Window | None) -> str | None:
        """Return the event as text; None where the records show no items."""
        events = self._events
        if not events.carries_items:
            return None
        shard = self._recording.stream.shards[lane.shard]
        return compact_json(event_of([events.record(shard, place) for place in places], shard.name, events.arn, window))

    def _object_key(self, row: int, lane: LaneRecords, mapping: EventSourceMapping) -> str:
        at = datetime.fromtimestamp(self._scenario.start_epoch_s + float(self._settled["at_s"][row]), UTC)
        shard = self._recording.stream.shards[lane.shard].name
        names = [text_uuid(mapping.label), text_uuid(f"{mapping.label}/{row}")]
        return f"aws/lambda/{names[0]}/{shard}/{at:%Y/%m/%d/%Y-%m-%dT%H.%M.%S}-{names[1]}"

    def _at(self, at_s: float, timespec: str) -> str:
        at = datetime.fromtimestamp(self._scenario.start_epoch_s + at_s, UTC)
        return at.replace(tzinfo=None).isoformat(timespec=timespec) + "Z"


def _last_outcomes(recording: Recording) -> dict[int, int]:
    """Return how the last attempt of each batch that was given up went."""
    attempts, settled = recording.recorder.attempts.arrays(), recording.recorder.settled.arrays()
    lost: npt.NDArray[Any] = settled["batch"][settled["outcome"] == Settled.DISCARDED]
    rows = np.flatnonzero(np.isin(attempts["batch"], lost) & (attempts["outcome"] != Invoked.THROTTLED))
    return dict(zip(attempts["batch"][rows].tolist(), attempts["outcome"][rows].tolist(), strict=True))
