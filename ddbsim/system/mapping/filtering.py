"""Which records a mapping's filter lets through, decided before the clock starts: a filter knows no time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ddbsim.filters import FilterCriteria
from ddbsim.randomness import RandomStreams
from ddbsim.record.stream import Shard, StreamLog
from ddbsim.scenario import EventSourceMapping, criteria_of
from ddbsim.system.stream.event_records import EventRecords
from ddbsim.workload import OPERATIONS

__all__ = ["let_through"]

_SAME_FOR_ALL = frozenset({"eventSource", "awsRegion", "eventVersion", "eventSourceARN"})


def let_through(
    mapping: EventSourceMapping, shard: Shard, stream: StreamLog, events: EventRecords, streams: RandomStreams
) -> npt.NDArray[np.bool_]:
    """Return for each record of a shard whether the mapping's function gets it."""
    count = len(shard.record)
    if mapping.filter_match_fraction is not None:
        # drawn per record of the shard: another rate or view type reshuffles nothing else
        return streams(f"filter/{mapping.label}/{shard.index}").random(count) < mapping.filter_match_fraction
    criteria = criteria_of(mapping.patterns)
    if criteria.paths() <= _SAME_FOR_ALL | {"eventName"}:
        kinds = np.array([_matches(criteria, events.envelope(name)) for name in OPERATIONS])
        return kinds[stream.operation[shard.record]]
    passed = (_matches(criteria, events.record(shard, place)) for place in range(count))
    return np.fromiter(passed, dtype=np.bool_, count=count)


def _matches(criteria: FilterCriteria, record: dict[str, Any]) -> bool:
    return criteria.matches(record)
