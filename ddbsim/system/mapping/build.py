"""The consumers of the stream: for each mapping and shard a reader and its lanes, wired to what they share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ddbsim.randomness import RandomStreams
from ddbsim.record.recorder import Recorder
from ddbsim.record.stream import Shard, StreamLog, running_sum
from ddbsim.scenario import EventSourceMapping, Scenario, are_read_back, read_back_events
from ddbsim.system.clock import Clock
from ddbsim.system.function.environments import Concurrency, Environments, InvocationModel, Outages
from ddbsim.system.function.handler import HandlerInvocation, HandlerNotes
from ddbsim.system.function.read_back import ReadBacks
from ddbsim.system.hashing import lane_of
from ddbsim.system.stream.event_records import EventRecords

from .consumer import ShardConsumer
from .filtering import let_through
from .lane import Lane
from .poller import Reader
from .subscription import Subscription
from .windowed_lane import WindowedLane

__all__ = ["LanePlace", "Wiring"]


class LanePlace(NamedTuple):
    """Where a lane stands: its mapping, its shard, its number there, the shard positions it takes, its reader."""

    mapping: int
    shard: int
    lane: int
    positions: npt.NDArray[np.int64] | None
    reader: Reader


class Wiring:
    """Makes the consumers of one run.

    Parameters
    ----------
    scenario
        What to simulate.
    stream
        Its records and shards.
    events
        Makes the JSON of the records.
    env
        The clock.
    streams
        The run's random streams.

    Attributes
    ----------
    recorder
        Told of all that happens.
    lanes
        The lanes, in the order of their numbers in the recorder.
    notes
        By function, what its handler met beside failures.
    subscriptions
        How each mapping reads the shards.
    """

    def __init__(
        self, scenario: Scenario, stream: StreamLog, events: EventRecords, env: Clock, streams: RandomStreams
    ) -> None:
        self.scenario, self.stream, self.events, self.env, self.streams = scenario, stream, events, env, streams
        self.recorder = Recorder()
        self.lanes: list[LanePlace] = []
        self.subscriptions = [Subscription(scenario, mapping, streams) for mapping in scenario.mappings]
        self._environments = _functions(scenario, streams)
        self.notes = {name: HandlerNotes() for name in self._environments}
        self._outages = {one.function.name: Outages(one.function.failures.windows) for one in scenario.mappings}

    def consumers(self, number: int) -> list[ShardConsumer]:
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
        stream, subscription = self.stream, self.subscriptions[number]
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
        parts = list(_split(stream.item_id[shard.record], mapping.parallelization_factor, kept))
        # a lane that never gets a record only waits, and is not made: one alone tells when an empty shard is through
        filled = [lane for lane, positions in enumerate(parts) if positions is None or len(positions)] or [0]
        reader.waiting_lanes = len(parts) - len(filled)
        for lane in filled:
            self.lanes.append(LanePlace(number, shard.index, lane, parts[lane], reader))
            lanes.append(self._lane(mapping, consumer, parts[lane], f"{name}/{lane}"))
        consumer.lanes = reader.lanes = lanes
        return consumer

    def _kept(self, mapping: EventSourceMapping, shard: Shard, consumer: ShardConsumer) -> npt.NDArray[np.intp] | None:
        """Return the shard positions that go to lanes, None for all; the consumer keeps the others undelivered."""
        skipped = self.subscriptions[consumer.mapping].skipped(shard)
        if not mapping.filter_criteria and not skipped.any():
            return None
        kept = ~skipped
        if mapping.filter_criteria:
            kept &= let_through(mapping, shard, self.stream, self.events, self.streams)
        consumer.reader.skips = _runs(skipped)
        consumer.skipped, consumer.undelivered = skipped, _skipped_first(np.flatnonzero(~kept), skipped)
        return np.flatnonzero(kept)

    def _lane(
        self, mapping: EventSourceMapping, consumer: ShardConsumer, positions: npt.NDArray[np.int64] | None, name: str
    ) -> Lane:
        stream, shard = self.stream, consumer.shard
        records = shard.record if positions is None else shard.record[positions]
        kind = WindowedLane if mapping.tumbling_window_in_seconds else Lane
        return kind(
            env=self.env,
            index=len(self.lanes) - 1,
            mapping=mapping,
            retention_s=self.scenario.stream.retention_s,
            positions=None if positions is None else positions.data,
            written_s=stream.written_s[records].data,
            cumulative_bytes=running_sum(stream.payload_bytes[records]).data,
            conduct=self._conduct(mapping, shard, positions, records, name),
            environments=self._environments[mapping.function.name],
            jitter=self._jitter(mapping, name),
            recorder=self.recorder,
            pauses=self.subscriptions[consumer.mapping].pauses,
            reader=consumer.reader,
            finished=consumer.lane_finished,
            end_seen_s=consumer.end_seen_s,
            start_epoch_s=self.scenario.start_epoch_s,
        )

    def _conduct(
        self,
        mapping: EventSourceMapping,
        shard: Shard,
        positions: npt.NDArray[np.int64] | None,
        records: npt.NDArray[np.integer[Any]],
        name: str,
    ) -> InvocationModel | HandlerInvocation:
        function, poison = mapping.function, mapping.function.failures.poison_items
        bad = np.flatnonzero(np.isin(self.stream.item_id[records], poison)).tolist() if poison else []
        read_backs = self._read_backs(mapping, records, name)
        law = InvocationModel(
            function, bad, mapping.reports_item_failures, self.streams, name, read_backs, self._outages[function.name]
        )
        if function.handler is None:
            return law
        return HandlerInvocation(law, mapping, shard, positions, self.events, self.scenario, self.notes[function.name])

    def _read_backs(
        self, mapping: EventSourceMapping, records: npt.NDArray[np.integer[Any]], name: str
    ) -> ReadBacks | None:
        stream, function = self.stream, mapping.function
        view_type = self.scenario.stream.view_type
        if not read_back_events(function.needs, view_type):
            return None
        read = are_read_back(function.needs, view_type, stream.operation[records])
        return ReadBacks(function, stream.item_id[records], read, self.streams, name)

    def _jitter(self, mapping: EventSourceMapping, name: str) -> Iterator[float]:
        rng = self.streams(f"retry.jitter/{name}")
        while True:
            yield from rng.random(64).tolist()


def _functions(scenario: Scenario, streams: RandomStreams) -> dict[str, Environments]:
    """Return the environments of each function, those without reserved concurrency from one pool."""
    functions = {mapping.function.name: mapping.function for mapping in scenario.mappings}
    committed_concurrency = sum(function.committed_concurrency for function in functions.values())
    shared = Concurrency(scenario.account_concurrency - committed_concurrency)
    return {
        name: Environments(
            function,
            # what is provisioned is no part of these: it is always there
            shared
            if function.reserved_concurrency is None
            else Concurrency(function.reserved_concurrency - function.provisioned_concurrency),
            streams,
        )
        for name, function in functions.items()
    }


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
