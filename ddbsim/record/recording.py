"""What a run leaves: who read what, and where the records are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .polls import Polls
from .recorder import Recorder
from .stream import StreamLog

__all__ = ["Delivered", "HandlersMet", "LaneRecords", "Recording"]


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
class Delivered:
    """What became of one range of given-up records.

    Attributes
    ----------
    kind
        Of the destination, "" without one.
    arrived
        Whether its document was delivered.
    document
        The document, None if there is none.
    object_key
        The key of the object in S3, None elsewhere.
    """

    kind: str = ""
    arrived: bool = False
    document: dict[str, Any] | None = None
    object_key: str | None = None


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


@dataclass(frozen=True, slots=True)
class HandlersMet:
    """What the handlers of a run met, beside failures.

    Attributes
    ----------
    missing
        By function, how often it asked for which image that was not there, and why it was not: (image, event name,
        cause).
    answers
        By function, how many answers were of a kind that nobody means.
    states
        By function, a copy of the state as the run left it.
    changes_again
        By mapping and record, whether handing the record over once more, alone, changes the state.
    """

    missing: dict[str, dict[tuple[str, str, str], int]]
    answers: dict[str, dict[str, int]]
    states: dict[str, Any]
    changes_again: dict[tuple[str, int], bool]
