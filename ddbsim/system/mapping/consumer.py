"""A mapping's way through one shard: its reader and its lanes, and the shards that may begin once it is through."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import simpy

from ddbsim.record.stream import Shard

from .lane import Lane
from .poller import Reader

__all__ = ["ShardConsumer"]


class ShardConsumer:
    """One mapping on one shard.

    Parameters
    ----------
    env
        The run's SimPy environment.
    mapping
        The mapping's number in the scenario.
    shard
        The shard.
    reader
        Its reader.
    discovery_s
        From the end of its parent to the first poll of this shard, seconds.

    Attributes
    ----------
    lanes
        Its lanes.
    children
        The consumers of the shards that go on from this one: they begin once all of it is settled.
    undelivered
        Shard positions of the records that go to no lane: first those skipped, then those filtered out.
    skipped
        For each record of the shard, whether the mapping started behind it.
    """

    def __init__(self, env: simpy.Environment, mapping: int, shard: Shard, reader: Reader, discovery_s: float) -> None:
        self.env = env
        self.mapping = mapping
        self.shard = shard
        self.reader = reader
        self.discovery_s = discovery_s
        self.lanes: Sequence[Lane] = ()
        self.children: list[ShardConsumer] = []
        self.undelivered = np.empty(0, dtype=np.intp)
        self.skipped = np.empty(0, dtype=np.bool_)
        self._busy = 0
        self._finished_s = 0.0

    def begin(self, at_s: float, parent_ended_s: float | None = None) -> None:
        """Start to read and to invoke at an instant; a child begins some time after its parent's end was seen."""
        self.reader.begin(at_s, parent_ended_s)
        self._busy, self._finished_s = len(self.lanes), at_s
        for lane in self.lanes:
            self.env.process(lane.work(at_s))

    def lane_finished(self, at_s: float) -> None:
        """Take note that a lane has settled all its records; after the last one the children begin."""
        self._busy -= 1
        self._finished_s = max(self._finished_s, at_s)
        if self._busy == 0 and self.children:
            ended_s = self.end_seen_s(self._finished_s)
            for child in self.children:
                child.begin(ended_s + child.discovery_s, ended_s)

    def end_seen_s(self, at_s: float) -> float:
        """Return the first poll at or after an instant that finds the shard read and closed; infinity if none does."""
        reader, last = self.reader, self._last_read()
        read_s = reader.read_until(last) if last >= 0 else 0.0
        if last >= 0 and read_s >= max(at_s, self.shard.closed_s):
            # the poll that brought the last record finds the end itself, be it off the lattice after a page cut short
            return read_s
        return reader.schedule.at_or_after(max(at_s, read_s, self.shard.closed_s))

    def _last_read(self) -> int:
        """Return the position of the last record that is ever read, -1 if none is: what is skipped delays no end."""
        if not self.skipped.any():
            return self.reader.count - 1
        kept = np.flatnonzero(~self.skipped)
        return int(kept[-1]) if len(kept) else -1
