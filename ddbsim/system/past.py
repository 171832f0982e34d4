"""What an interrupted run knows: the writes, partitions and shards up to the instant that it came to.

Table and stream are computed for the whole run before the clock starts. All that they do follows from what was before,
so that they are the same up to an instant if nothing is asked of them from then on.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np

from ddbsim.randomness import RandomStreams
from ddbsim.record.partitions import Placement
from ddbsim.record.stream import StreamLog
from ddbsim.scenario import Scenario
from ddbsim.workload import WriteColumns

from .stream.publish import publish
from .table import Admission
from .table.partitions.history import place

__all__ = ["Past", "planned_until", "stream_until"]


class Past(Scenario):
    """A scenario as far as a run of it came; `duration_s` is that of the whole.

    It is not checked as one that a user types: its warm-up, splits and suspensions may lie beyond its end.
    """

    __slots__ = ("_ended_s",)

    _ended_s: float

    @classmethod
    def of(cls, scenario: Scenario, ended_s: float) -> Past:
        """Return a scenario up to an instant."""
        past: Any = object.__new__(cls)
        for field in fields(scenario):
            object.__setattr__(past, field.name, getattr(scenario, field.name))
        object.__setattr__(past, "_ended_s", ended_s)
        return past  # type: ignore[no-any-return]

    @property
    def length_s(self) -> float:
        """The simulated time, seconds."""
        return self._ended_s


def planned_until(writes: WriteColumns, ended_s: float) -> WriteColumns:
    """Return the writes that clients meant to ask for before an instant."""
    if writes.think_s is not None:
        # when they do depends on the answers that they get
        return writes
    return writes.take(slice(0, int(np.searchsorted(writes.at_s, ended_s, side="left"))))


def stream_until(past: Past, admission: Admission, streams: RandomStreams) -> StreamLog:
    """Return the stream that the table had made by then."""
    writes, placement = admission.writes, admission.placement
    if placement is None:
        placement = place(past.table, writes.item_id, writes.at_s)
    ended_s = past.length_s
    partitions = tuple(
        replace(one, closed_s=np.inf) if one.closed_s >= ended_s else one
        for one in placement.partitions
        if one.opened_s < ended_s
    )
    return publish(past, writes, streams, Placement(placement.partition, partitions))
