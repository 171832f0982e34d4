"""Wires the boxes, from the log back to the table, and starts every process in one visible list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ddbsim.log.outcomes import Settled
from ddbsim.randomness import RandomStreams
from ddbsim.record.partitions import Placement
from ddbsim.record.recording import LaneRecords, Recording
from ddbsim.scenario import Scenario
from ddbsim.workload import WriteColumns

from .clock import Clock
from .finished import FinishedRun
from .function.states import HandlerStates
from .mapping.build import LanePlace, Wiring
from .mapping.consumer import ShardConsumer
from .mapping.lane import just_after
from .stream.event_records import EventRecords
from .stream.publish import publish, recorded

__all__ = ["System"]

_PROGRESS_STEPS = 100


class System:
    """A wired scenario, ready to run.

    Parameters
    ----------
    scenario
        What to simulate.
    writes
        The writes that the table took.
    streams
        The run's random streams.
    placement
        Which partition took each write; by the table's stated splits if None.
    """

    def __init__(
        self, scenario: Scenario, writes: WriteColumns, streams: RandomStreams, placement: Placement | None = None
    ) -> None:
        self.scenario = scenario
        self.streams = streams
        self.env = Clock()
        stream = publish(scenario, writes, streams, placement)
        self.events = EventRecords(scenario, stream, writes, recorded(scenario.stream, writes))
        self.stream = stream if writes.changes is None else replace(stream, payload_bytes=self.events.sizes())
        self._wiring = Wiring(scenario, self.stream, self.events, self.env, streams)
        self._consumers = [self._wiring.consumers(number) for number in range(len(scenario.mappings))]

    def run(self, progress: Callable[[float], None] | None = None) -> FinishedRun:
        """Run to the scenario's end, or to an interrupt, and return what it left.

        Parameters
        ----------
        progress
            Is told the simulated time reached, now and then.
        """
        for subscription, consumers in zip(self._wiring.subscriptions, self._consumers, strict=True):
            for consumer in consumers:
                if consumer.shard.parent < 0:
                    consumer.begin(subscription.begin_s)
        states = HandlerStates(self.scenario.mappings)
        with states.for_a_run():
            ended_s = self._run_clock(progress)
        recording = Recording(
            # the bytes of the events are needed no more
            stream=replace(self.stream, payload_bytes=self.stream.payload_bytes[:0]),
            lanes=self._lane_records(ended_s),
            recorder=self._wiring.recorder,
            ended_s=ended_s,
            # the environment numbers its events: asking for a number tells how many there were
            simpy_events=next(self.env._eid),
        )
        return FinishedRun(
            recording, tuple(self._wiring.subscriptions), self.events, self._wiring.notes, states, self.streams
        )

    def _run_clock(self, progress: Callable[[float], None] | None) -> float:
        length_s = self.scenario.length_s
        stops = [length_s] if progress is None else np.linspace(0, length_s, _PROGRESS_STEPS + 1)[1:].tolist()
        reached_s = -1.0
        try:
            for stop_s in stops:
                self.env.run(until=stop_s)
                reached_s = stop_s
                if progress is not None:
                    progress(stop_s)
        except KeyboardInterrupt:
            # of the instant of the last event something has been done: the run goes to just after it
            return reached_s if self.env.now == reached_s else just_after(self.env.now)
        return length_s

    def _lane_records(self, ended_s: float) -> tuple[LaneRecords, ...]:
        """Return the lanes, and behind them the records that go to no lane, settled by what the readers have passed."""
        for consumers in self._consumers:
            for consumer in consumers:
                if len(consumer.undelivered):
                    consumer.reader.advance(ended_s)
                    self._settle_aside(consumer, ended_s)
        polls = {id(reader): reader.polls() for *_, reader in self._wiring.lanes}
        return tuple(
            LaneRecords(mapping, shard, lane, positions, polls[id(reader)])
            for mapping, shard, lane, positions, reader in self._wiring.lanes
        )

    def _settle_aside(self, consumer: ShardConsumer, ended_s: float) -> None:
        lanes, reader = self._wiring.lanes, consumer.reader
        number, passed = len(lanes), reader.read_position_at(ended_s)
        lanes.append(LanePlace(consumer.mapping, consumer.shard.index, -1, consumer.undelivered, reader))
        skipped = int(np.count_nonzero(consumer.skipped[consumer.undelivered]))
        filtered = skipped + int(np.searchsorted(consumer.undelivered[skipped:], passed, side="left"))
        self._wiring.recorder.settle(number, -1, 0, skipped, ended_s, Settled.SKIPPED)
        self._wiring.recorder.settle(number, -1, skipped, filtered, ended_s, Settled.FILTERED)
