"""Wires the boxes, from the log back to the table, and starts every process in one visible list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ddbsim.items import lambda_event
from ddbsim.log.outcomes import Settled
from ddbsim.log.recorder import Recorder
from ddbsim.randomness import RandomStreams
from ddbsim.scenario import EventSourceMapping, Scenario, served
from ddbsim.workload import REMOVE, WriteColumns

from .clock import Clock
from .consumer import ShardConsumer
from .destination import Delivered, Dispatch
from .event_records import EventRecords
from .filtering import let_through
from .function import Concurrency, Conduct, Environments
from .handler import HandlerConduct, MissingImages
from .hashing import lane_of
from .lane import Lane
from .partitions import Placement
from .read_back import ReadBacks
from .reader import Polls, Reader, running_sum
from .stream import Shard, StreamLog, publish, recorded
from .stream_reading import MinuteReads, minute_reads
from .subscription import Subscription
from .windowed_lane import WindowedLane

__all__ = ["LaneRecords", "Recording", "System"]

_PROGRESS_STEPS = 100


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
    missing_images
        By function, the images that its handler asked for and that the view type does not carry.
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
    missing_images: dict[str, MissingImages]
    streams: RandomStreams

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

    def other_reads(self, scenario: Scenario) -> list[MinuteReads]:
        """Return what the readers that are not Lambda read, by reader and shard."""
        return minute_reads(scenario, self.stream, self.streams, self.ended_s)


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
        self.recorder = Recorder()
        stream = publish(scenario, writes, streams, placement)
        self.events = EventRecords(scenario, stream, writes, recorded(scenario.stream, writes))
        self.stream = stream if writes.changes is None else replace(stream, payload_bytes=self.events.sizes())
        self._environments = self._functions()
        self._missing: dict[str, MissingImages] = {name: Counter() for name in self._environments}
        self._lanes: list[tuple[int, int, int, npt.NDArray[np.int64] | None, Reader]] = []
        self._subscriptions = [Subscription(scenario, mapping, streams) for mapping in scenario.mappings]
        self._consumers = [self._consume(number) for number in range(len(scenario.mappings))]

    def run(self, progress: Callable[[float], None] | None = None) -> Recording:
        """Run to the scenario's end, or to an interrupt, and return the recording.

        Parameters
        ----------
        progress
            Is told the simulated time reached, now and then.
        """
        for subscription, consumers in zip(self._subscriptions, self._consumers, strict=True):
            for consumer in consumers:
                if consumer.shard.parent < 0:
                    consumer.begin(subscription.begin_s)
        ended_s = self._run_clock(progress)
        lanes = self._lane_records(ended_s)
        return Recording(
            # the bytes of the events are needed no more
            stream=replace(self.stream, payload_bytes=self.stream.payload_bytes[:0]),
            lanes=lanes,
            recorder=self.recorder,
            ended_s=ended_s,
            # the environment numbers its events: asking for a number tells how many there were
            simpy_events=next(self.env._eid),
            subscriptions=tuple(self._subscriptions),
            events=self.events,
            missing_images=self._missing,
            streams=self.streams,
        )

    def _run_clock(self, progress: Callable[[float], None] | None) -> float:
        length_s = self.scenario.length_s
        stops = [length_s] if progress is None else np.linspace(0, length_s, _PROGRESS_STEPS + 1)[1:].tolist()
        try:
            for stop_s in stops:
                self.env.run(until=stop_s)
                if progress is not None:
                    progress(stop_s)
        except KeyboardInterrupt:
            return self.env.now
        return length_s

    def _lane_records(self, ended_s: float) -> tuple[LaneRecords, ...]:
        """Return the lanes, and behind them the records that go to no lane, settled by what the readers have passed."""
        for consumers in self._consumers:
            for consumer in consumers:
                if len(consumer.aside):
                    consumer.reader.advance(ended_s)
                    self._settle_aside(consumer, ended_s)
        polls = {id(reader): reader.polls() for *_, reader in self._lanes}
        return tuple(
            LaneRecords(mapping, shard, lane, positions, polls[id(reader)])
            for mapping, shard, lane, positions, reader in self._lanes
        )

    def _settle_aside(self, consumer: ShardConsumer, ended_s: float) -> None:
        number, passed = len(self._lanes), consumer.reader.frontier_at(ended_s)
        self._lanes.append((consumer.mapping, consumer.shard.index, -1, consumer.aside, consumer.reader))
        skipped = int(np.count_nonzero(consumer.skipped[consumer.aside]))
        filtered = skipped + int(np.searchsorted(consumer.aside[skipped:], passed, side="left"))
        self.recorder.settle(number, -1, 0, skipped, ended_s, Settled.SKIPPED)
        self.recorder.settle(number, -1, skipped, filtered, ended_s, Settled.FILTERED)

    def _functions(self) -> dict[str, Environments]:
        functions = {mapping.function.name: mapping.function for mapping in self.scenario.mappings}
        set_aside = sum(function.set_aside for function in functions.values())
        shared = Concurrency(self.scenario.account_concurrency - set_aside)
        return {
            name: Environments(
                function,
                # what is provisioned is no part of these: it is always there
                shared
                if function.reserved_concurrency is None
                else Concurrency(function.reserved_concurrency - function.provisioned_concurrency),
                self.streams,
            )
            for name, function in functions.items()
        }

    def _consume(self, number: int) -> list[ShardConsumer]:
        """Return a mapping's consumers, one a shard, each knowing those that begin after it."""
        mapping = self.scenario.mappings[number]
        consumers: list[ShardConsumer] = []
        for shard in self.stream.shards:
            consumer = self._consumer(number, mapping, shard)
            consumers.append(consumer)
            if shard.parent >= 0:
                consumers[shard.parent].children.append(consumer)
        return consumers

    def _consumer(self, number: int, mapping: EventSourceMapping, shard: Shard) -> ShardConsumer:
        stream, subscription = self.stream, self._subscriptions[number]
        # where no record grows old enough to be trimmed, readers need not look
        trims = self.scenario.length_s > self.scenario.stream.retention_s
        reader = Reader(
            shard.visible_s,
            stream.size_bytes[shard.record],
            mapping.poller,
            subscription.schedule(shard),
            stream.written_s[shard.record] if trims else None,
            self.scenario.stream.retention_s,
        )
        consumer = ShardConsumer(self.env, number, shard, reader, subscription.discovery_s(shard))
        kept = self._kept(mapping, shard, consumer)
        name = f"{mapping.label}/{shard.index}"
        lanes = []
        for lane, positions in enumerate(_split(stream.item_id[shard.record], mapping.parallelization_factor, kept)):
            self._lanes.append((number, shard.index, lane, positions, reader))
            lanes.append(self._lane(mapping, consumer, positions, f"{name}/{lane}"))
        consumer.lanes = reader.lanes = lanes
        return consumer

    def _kept(self, mapping: EventSourceMapping, shard: Shard, consumer: ShardConsumer) -> npt.NDArray[np.intp] | None:
        """Return the shard positions that go to lanes, None for all; the consumer keeps the others aside."""
        skipped = self._subscriptions[consumer.mapping].skipped(shard)
        if not mapping.filter_criteria and not skipped.any():
            return None
        kept = ~skipped
        if mapping.filter_criteria:
            kept &= let_through(mapping, shard, self.stream, self.events, self.streams)
        consumer.reader.skips = _runs(skipped)
        consumer.skipped, consumer.aside = skipped, _skipped_first(np.flatnonzero(~kept), skipped)
        return np.flatnonzero(kept)

    def _lane(
        self, mapping: EventSourceMapping, consumer: ShardConsumer, positions: npt.NDArray[np.int64] | None, name: str
    ) -> Lane:
        stream, shard = self.stream, consumer.shard
        records = shard.record if positions is None else shard.record[positions]
        kind = WindowedLane if mapping.tumbling_window_in_seconds else Lane
        return kind(
            env=self.env,
            index=len(self._lanes) - 1,
            mapping=mapping,
            retention_s=self.scenario.stream.retention_s,
            positions=None if positions is None else positions.data,
            written_s=stream.written_s[records].data,
            cumulative_bytes=running_sum(stream.payload_bytes[records]).data,
            conduct=self._conduct(mapping, shard, positions, records, name),
            environments=self._environments[mapping.function.name],
            jitter=self._jitter(mapping, name),
            recorder=self.recorder,
            pauses=self._subscriptions[consumer.mapping].pauses,
            consumer=consumer,
            start_epoch_s=self.scenario.start_epoch_s,
        )

    def _conduct(
        self,
        mapping: EventSourceMapping,
        shard: Shard,
        positions: npt.NDArray[np.int64] | None,
        records: npt.NDArray[np.integer[Any]],
        name: str,
    ) -> Conduct | HandlerConduct:
        function, poison = mapping.function, mapping.function.failures.poison_items
        bad = np.flatnonzero(np.isin(self.stream.item_id[records], poison)).tolist() if poison else []
        read_backs = self._read_backs(mapping, records, name)
        law = Conduct(function, bad, mapping.reports_item_failures, self.streams, name, read_backs)
        if function.handler is None:
            return law
        return HandlerConduct(law, mapping, shard, positions, self.events, self.scenario, self._missing[function.name])

    def _read_backs(
        self, mapping: EventSourceMapping, records: npt.NDArray[np.integer[Any]], name: str
    ) -> ReadBacks | None:
        stream, function = self.stream, mapping.function
        if served(function.needs, self.scenario.stream.view_type) != "by a read-back":
            return None
        return ReadBacks(function, stream.item_id[records], stream.operation[records] != REMOVE, self.streams, name)

    def _jitter(self, mapping: EventSourceMapping, name: str) -> Iterator[float]:
        rng = self.streams(f"retry.jitter/{name}")
        while True:
            yield from rng.random(64).tolist()


def _runs(flags: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the ranges of positions that are flagged."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False]))))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _skipped_first(positions: npt.NDArray[np.intp], skipped: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """Return positions with those skipped in front, either in order."""
    return np.concatenate((positions[skipped[positions]], positions[~skipped[positions]]))


def _split(
    item_id: npt.NDArray[np.int64], lanes: int, kept: npt.NDArray[np.intp] | None
) -> Iterator[npt.NDArray[np.int64] | None]:
    """Yield the shard positions of each lane's records; None for a single lane that takes all."""
    if lanes == 1:
        yield kept
        return
    lane = lane_of(item_id if kept is None else item_id[kept], lanes)
    order = np.argsort(lane, kind="stable")
    ends = np.cumsum(np.bincount(lane, minlength=lanes)).tolist()
    for index, end in enumerate(ends):
        part = order[(ends[index - 1] if index else 0) : end]
        yield part if kept is None else kept[part]
