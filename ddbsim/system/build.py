"""Wires the boxes, from the log back to the table, and starts every process in one visible list."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import simpy

from ddbsim.log.recorder import Recorder
from ddbsim.randomness import RandomStreams
from ddbsim.scenario import EventSourceMapping, Scenario, served
from ddbsim.workload import REMOVE, WriteColumns

from .function import Concurrency, Conduct, Environments
from .hashing import lane_of
from .lane import Lane
from .partitions import Placement
from .read_back import ReadBacks
from .reader import Polls, Reader, running_sum
from .stream import Shard, StreamLog, publish

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
        Number of the shard, and of the lane in it.
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
    """

    stream: StreamLog
    lanes: tuple[LaneRecords, ...]
    recorder: Recorder
    ended_s: float
    simpy_events: int


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
        Which partitions took them; None: as the table's stated splits say.
    """

    def __init__(
        self, scenario: Scenario, writes: WriteColumns, streams: RandomStreams, placement: Placement | None = None
    ) -> None:
        self.scenario = scenario
        self.streams = streams
        self.env = simpy.Environment()
        self.recorder = Recorder()
        self.stream = publish(scenario, writes, streams, placement)
        self._environments = self._functions()
        self._lanes: list[tuple[int, int, int, npt.NDArray[np.int64] | None, Reader]] = []
        self._processes = [
            lane.work(0.0)
            for number, mapping in enumerate(scenario.mappings)
            for shard in self.stream.shards
            for lane in self._wire(number, mapping, shard)
        ]

    def run(self, progress: Callable[[float], None] | None = None) -> Recording:
        """Run to the scenario's end, or to an interrupt, and return the recording.

        Parameters
        ----------
        progress
            Is told the simulated time reached, now and then.
        """
        for steps in self._processes:
            self.env.process(steps)
        length_s = self.scenario.length_s
        stops = [length_s] if progress is None else np.linspace(0, length_s, _PROGRESS_STEPS + 1)[1:].tolist()
        try:
            for stop_s in stops:
                self.env.run(until=stop_s)
                if progress is not None:
                    progress(stop_s)
            ended_s = length_s
        except KeyboardInterrupt:
            ended_s = self.env.now
        return Recording(
            # the bytes of the events are needed no more
            stream=replace(self.stream, payload_bytes=self.stream.payload_bytes[:0]),
            lanes=self._lane_records(),
            recorder=self.recorder,
            ended_s=ended_s,
            # the environment numbers its events: asking for a number tells how many there were
            simpy_events=next(self.env._eid),
        )

    def _lane_records(self) -> tuple[LaneRecords, ...]:
        polls = {id(reader): reader.polls() for *_, reader in self._lanes}
        return tuple(
            LaneRecords(mapping, shard, lane, positions, polls[id(reader)])
            for mapping, shard, lane, positions, reader in self._lanes
        )

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

    def _wire(self, number: int, mapping: EventSourceMapping, shard: Shard) -> Iterator[Lane]:
        stream = self.stream
        purpose = f"{mapping.label}/{shard.index}"
        phase_s = float(self.streams(f"poller.phase/{purpose}").uniform(0.0, mapping.poller.interval_s))
        reader = Reader(shard.visible_s, stream.size_bytes[shard.record], mapping.poller, phase_s)
        lanes = []
        for lane, positions in enumerate(_split(stream.item_id[shard.record], mapping.parallelization_factor)):
            self._lanes.append((number, shard.index, lane, positions, reader))
            records = shard.record if positions is None else shard.record[positions]
            lanes.append(self._lane(mapping, reader, positions, records, f"{purpose}/{lane}"))
        reader.lanes = lanes
        return iter(lanes)

    def _lane(
        self,
        mapping: EventSourceMapping,
        reader: Reader,
        positions: npt.NDArray[np.int64] | None,
        records: npt.NDArray[np.int64],
        name: str,
    ) -> Lane:
        stream, function = self.stream, mapping.function
        poison: list[int] = []
        if function.failures.poison_items:
            poison = np.flatnonzero(np.isin(stream.item_id[records], function.failures.poison_items)).tolist()
        return Lane(
            env=self.env,
            index=len(self._lanes) - 1,
            mapping=mapping,
            retention_s=self.scenario.stream.retention_s,
            reader=reader,
            positions=None if positions is None else positions.data,
            written_s=stream.written_s[records].data,
            cumulative_bytes=running_sum(stream.payload_bytes[records]).data,
            conduct=Conduct(
                function,
                poison,
                mapping.reports_item_failures,
                self.streams,
                name,
                self._read_backs(mapping, records, name),
            ),
            environments=self._environments[function.name],
            jitter=self._jitter(mapping, name),
            recorder=self.recorder,
        )

    def _read_backs(self, mapping: EventSourceMapping, records: npt.NDArray[np.int64], name: str) -> ReadBacks | None:
        stream, function = self.stream, mapping.function
        if served(function.needs, self.scenario.stream.view_type) != "by a read-back":
            return None
        return ReadBacks(function, stream.item_id[records], stream.operation[records] != REMOVE, self.streams, name)

    def _jitter(self, mapping: EventSourceMapping, name: str) -> Iterator[float]:
        rng = self.streams(f"retry.jitter/{name}")
        while True:
            yield from rng.random(64).tolist()


def _split(item_id: npt.NDArray[np.int64], lanes: int) -> Iterator[npt.NDArray[np.int64] | None]:
    """Yield the shard positions of each lane's records; None for a single lane."""
    if lanes == 1:
        yield None
        return
    lane = lane_of(item_id, lanes)
    order = np.argsort(lane, kind="stable")
    ends = np.cumsum(np.bincount(lane, minlength=lanes)).tolist()
    for index, end in enumerate(ends):
        yield order[(ends[index - 1] if index else 0) : end]
