"""What a run leaves behind: columns from which the log is made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ddbsim.items import lambda_event
from ddbsim.randomness import RandomStreams
from ddbsim.record.recorder import Recorder
from ddbsim.scenario import Scenario

from .function.handler import HandlerNotes
from .function.states import HandlerStates
from .mapping.destination import Delivered, Dispatch
from .mapping.poller import Polls
from .mapping.subscription import Subscription
from .stream.event_records import EventRecords
from .stream.publish import StreamLog
from .stream.readers import ShardCalls, follow, records_of

__all__ = ["LaneRecords", "Recording"]


@dataclass(frozen=True, slots=True)
class LaneRecords:
    """Which records a lane carries: what turns its ranges into rows.

    Attributes
    ----------
    mapping
        Number of the mapping in the scenario.
    shard, lane
        Number of the shard, and of the lane in it; -1 for the records that go to no lane.
    positions
        Shard positions of its records, or None for all of the shard.
    polls
        What the shard's reader did.
    """

    mapping: int
    shard: int
    lane: int
    positions: npt.NDArray[np.int64] | None
    polls: Polls


@dataclass(frozen=True, slots=True)
class Recording:
    """What a run leaves: columns, and no live simulation.

    Attributes
    ----------
    stream
        The records and shards.
    lanes
        The lanes, in the order of their numbers in the recorder.
    recorder
        What happened.
    ended_s
        Simulated time reached; less than the scenario's if the run was interrupted.
    simpy_events
        How many events SimPy processed.
    subscriptions
        How each mapping, and each other reader, read the shards.
    events
        Makes the JSON of the records.
    handler_notes
        By function, what its handler met beside failures.
    states
        The states of its handlers: put back, and as the run left them.
    streams
        The run's random streams.
    """

    stream: StreamLog
    lanes: tuple[LaneRecords, ...]
    recorder: Recorder
    ended_s: float
    simpy_events: int
    subscriptions: tuple[Subscription, ...]
    events: EventRecords
    handler_notes: dict[str, HandlerNotes]
    states: HandlerStates
    streams: RandomStreams

    def until(self, stream: StreamLog) -> Recording:
        """Return the recording of a run that ended before its time, of the stream that there was by then."""
        kept = [number for number, lane in enumerate(self.lanes) if lane.shard < len(stream.shards)]
        polls = {id(lane.polls): lane.polls.until(self.ended_s) for lane in self.lanes}
        moved = np.full(len(self.lanes), -1, dtype=np.int64)
        moved[kept] = np.arange(len(kept))
        settled = self.recorder.settled.arrays()
        lanes = []
        for number in kept:
            lane = self.lanes[number]
            there = None if lane.positions is None else lane.positions < len(stream.shards[lane.shard].record)
            if there is not None and lane.lane < 0:
                _close_ranks(settled, settled["lane"] == number, there)
            positions = None if there is None or lane.positions is None else lane.positions[there]
            lanes.append(replace(lane, positions=positions, polls=polls[id(lane.polls)]))
        recorder = self.recorder.moved(settled, moved)
        return replace(
            self, stream=replace(stream, payload_bytes=stream.payload_bytes[:0]), lanes=tuple(lanes), recorder=recorder
        )

    def deliveries(self, scenario: Scenario) -> list[Delivered]:
        """Return what became of each range of records that was given up, in the order of that."""
        return list(Dispatch(scenario, self, self.streams))

    def event_of(self, record: int) -> dict[str, Any]:
        """Return the event that hands one record over, alone."""
        for shard in self.stream.shards:
            place = int(np.searchsorted(shard.record, record))
            if place < len(shard.record) and shard.record[place] == record:
                return lambda_event([self.events.record(shard, place)])
        raise IndexError(f"no shard holds record {record}")

    def other_reads(self, scenario: Scenario) -> list[list[ShardCalls]]:
        """Return the calls of the readers that are not Lambda: of each reader on each shard."""
        if not scenario.other_readers:
            return []
        shards = list(records_of(self.stream))
        return [follow(scenario, reader, shards, self.streams, self.ended_s) for reader in scenario.other_readers]


def _close_ranks(
    settled: dict[str, npt.NDArray[Any]], rows: npt.NDArray[np.bool_], there: npt.NDArray[np.bool_]
) -> None:
    """Have the ranges of a lane leave out the places that are not there."""
    place = np.concatenate(([0], np.cumsum(there)))
    for edge in ("first", "last"):
        settled[edge][rows] = place[settled[edge][rows]]
