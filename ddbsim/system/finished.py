"""A finished run: what it leaves, and what nothing in it depended on, worked out when it is asked for.

Documents of destinations, the calls of readers that are not Lambda, and what a handler does with a record once more:
all follow from the recording and the run's random streams.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ddbsim.items import lambda_event
from ddbsim.randomness import RandomStreams
from ddbsim.record.reads import ShardCalls
from ddbsim.record.recording import Delivered, HandlersMet, LaneRecords, Recording
from ddbsim.record.stream import StreamLog
from ddbsim.scenario import EventSourceMapping, Scenario

from .function.handler import HandlerNotes, call_again
from .function.snapshot import Snapshot
from .function.states import HandlerStates
from .mapping.destination import Dispatch
from .mapping.subscription import Subscription
from .stream.event_records import EventRecords
from .stream.readers import follow, records_of

__all__ = ["FinishedRun"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run that is over.

    Attributes
    ----------
    recording
        What it leaves.
    subscriptions
        How each mapping read the shards.
    events
        Makes the JSON of the records.
    handler_notes
        By function, what its handler met beside failures.
    states
        The states of its handlers: put back, and as the run left them.
    streams
        The run's random streams.
    """

    recording: Recording
    subscriptions: tuple[Subscription, ...]
    events: EventRecords
    handler_notes: dict[str, HandlerNotes]
    states: HandlerStates
    streams: RandomStreams

    @property
    def pauses(self) -> list[Sequence[tuple[float, float]]]:
        """When each mapping neither polled nor invoked, seconds."""
        return [subscription.pauses.stretches for subscription in self.subscriptions]

    def until(self, stream: StreamLog) -> FinishedRun:
        """Return the run that ended before its time, with the stream that there was by then."""
        whole = self.recording
        kept = [number for number, lane in enumerate(whole.lanes) if lane.shard < len(stream.shards)]
        polls = {id(lane.polls): lane.polls.until(whole.ended_s) for lane in whole.lanes}
        moved = np.full(len(whole.lanes), -1, dtype=np.int64)
        moved[kept] = np.arange(len(kept))
        settled = whole.recorder.settled.arrays()
        lanes: list[LaneRecords] = []
        for number in kept:
            lane = whole.lanes[number]
            there = None if lane.positions is None else lane.positions < len(stream.shards[lane.shard].record)
            if there is not None and lane.lane < 0:
                _close_ranks(settled, settled["lane"] == number, there)
            positions = None if there is None or lane.positions is None else lane.positions[there]
            lanes.append(replace(lane, positions=positions, polls=polls[id(lane.polls)]))
        stream = replace(stream, payload_bytes=stream.payload_bytes[:0])
        recorder = whole.recorder.moved(settled, moved)
        return replace(self, recording=replace(whole, stream=stream, lanes=tuple(lanes), recorder=recorder))

    def deliveries(self, scenario: Scenario) -> list[Delivered]:
        """Return what became of each range of records that was given up, in the order of that."""
        return list(Dispatch(scenario, self.recording, self.events, self.streams))

    def other_reads(self, scenario: Scenario) -> list[list[ShardCalls]]:
        """Return the calls of the readers that are not Lambda: of each reader on each shard."""
        if not scenario.other_readers:
            return []
        shards = list(records_of(self.recording.stream))
        ended_s = self.recording.ended_s
        return [follow(scenario, reader, shards, self.streams, ended_s) for reader in scenario.other_readers]

    def handlers_met(self, scenario: Scenario, twice: dict[str, Ints]) -> HandlersMet:
        """Return what the handlers met; records that came twice are handed over once more, each alone.

        Parameters
        ----------
        scenario
            Its mappings have the handlers, whose states are as before afterwards.
        twice
            Records that came more than once, by mapping.
        """
        with self.states.as_left():
            again = dict(self._again(scenario, twice))
            states = self.states.copies()
        notes = self.handler_notes.items()
        return HandlersMet(
            {function: {(*asked,): times for asked, times in one.missing.items()} for function, one in notes},
            {function: dict(one.answers) for function, one in notes},
            states,
            again,
        )

    def _again(self, scenario: Scenario, twice: dict[str, Ints]) -> Iterator[tuple[tuple[str, int], bool]]:
        for mapping in scenario.mappings:
            testable = mapping.function.state is not None and not mapping.tumbling_window_in_seconds
            records: list[int] = twice[mapping.label].tolist() if testable and mapping.label in twice else []
            for record in records:
                yield (mapping.label, record), _changes_again(mapping, self._event_of(record))

    def _event_of(self, record: int) -> dict[str, Any]:
        """Return the event that hands one record over, alone."""
        for shard in self.recording.stream.shards:
            place = int(np.searchsorted(shard.record, record))
            if place < len(shard.record) and shard.record[place] == record:
                return lambda_event([self.events.record(shard, place)])
        raise IndexError(f"no shard holds record {record}")


def _changes_again(mapping: EventSourceMapping, event: dict[str, Any]) -> bool:
    """Hand an event over once more, and return whether that changes the state, which is put back."""
    before = Snapshot(mapping.function.state)
    try:
        call_again(mapping, event)
        return before.differs()
    finally:
        before.put_back()


def _close_ranks(
    settled: dict[str, npt.NDArray[Any]], rows: npt.NDArray[np.bool_], there: npt.NDArray[np.bool_]
) -> None:
    """Have the ranges of a lane leave out the places that are not there."""
    place = np.concatenate(([0], np.cumsum(there)))
    for edge in ("first", "last"):
        settled[edge][rows] = place[settled[edge][rows]]
