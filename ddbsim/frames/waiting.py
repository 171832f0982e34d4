"""What the records wait for that had not been processed when the run ended, and for how long in each part.

A lane takes its records in order: behind a batch that is throttled, or sent again and again, all others wait for the
same. It is this that is told of them, not that they are behind.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.log.outcomes import Invoked, Settled
from ddbsim.log.schema import LATENCY_PARTS, categories, frame

from .stream_log import Consumer, Names, until_found

__all__ = ["waiting_parts"]

Array: TypeAlias = npt.NDArray[Any]
Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

_NAMES: Final = tuple(name.removesuffix("_s") for name in LATENCY_PARTS)
_CODE: Final = {name: code for code, name in enumerate(_NAMES)}
_KEYS: Final = ("mapping", "record_id", "shard", "lane", "written_s", "waits_for")
# which kind of columns no record has
_NOTHING: Final = {"mapping": np.int8, "shard": np.int64, "waits_for": np.int8}


def waiting_parts(consumers: Sequence[Consumer], names: Names) -> pd.DataFrame:
    """Return where the time of each record went that waited at the end of the run; the parts sum to it."""
    found = [part for consumer in consumers for part in _of_consumer(consumer)]
    columns = {
        name: np.concatenate([part[name] for part in found]) if found else np.empty(0, _NOTHING.get(name, np.float64))
        for name in (*_KEYS, *LATENCY_PARTS)
    }
    return frame(
        "waiting_parts",
        event_source_mapping=categories(columns.pop("mapping"), names.mappings),
        shard_id=categories(columns.pop("shard"), names.shards),
        waits_for=categories(columns.pop("waits_for"), _NAMES),
        waited_s=np.sum([columns[name] for name in LATENCY_PARTS], axis=0),
        **columns,
    )


def _of_consumer(consumer: Consumer) -> Iterator[dict[str, Array]]:
    """Yield the columns of each lane in which records wait."""
    ended_s, written_s = consumer.recording.ended_s, consumer.recording.stream.written_s
    places = np.flatnonzero(consumer.outcome == Settled.WAITING)
    # an interrupted run knows writes that it never came to
    places = places[written_s[consumer.record[places]] < ended_s]
    last_rows = _last_rows(consumer)
    for number, (lane, stretch) in enumerate(consumer.lane_places()):
        mine = places[slice(*np.searchsorted(places, (stretch.start, stretch.stop)))]
        if not len(mine):
            continue
        waiting = _Waiting(consumer, lane, mine, mine - stretch.start, int(last_rows[number]))
        keys = {"mapping": np.int16(consumer.mapping), "shard": np.int64(lane.shard), "lane": np.int32(lane.lane)}
        yield {
            **{name: np.full(len(mine), key) for name, key in keys.items()},
            "record_id": consumer.record[mine],
            "written_s": waiting.written_s,
            "waits_for": waiting.codes(),
            **waiting.parts(),
        }


def _last_rows(consumer: Consumer) -> Ints:
    """Return the row of the last attempt of each of a consumer's lanes; -1 where there is none."""
    lanes, lane = consumer.recording.lanes, consumer.attempts.column["lane"]
    last = np.full(len(lanes), -1, dtype=np.int64)
    # of several values for one place the last stays
    last[lane] = np.arange(len(lane))
    return last[[number for number, one in enumerate(lanes) if one.mapping == consumer.mapping]]


@dataclass(frozen=True, slots=True)
class _Head:
    """What holds a lane up at the end of the run.

    Attributes
    ----------
    busy
        Whether a batch is closed and not done.
    cause
        What that batch waits for, "throttle" or "retries"; "" in its first attempt.
    since_s
        From when on it does; infinity without a cause.
    """

    busy: bool = False
    cause: str = ""
    since_s: float = np.inf


class _Waiting:
    """The records of one lane that wait: these places of the log, this index in the lane, its last attempt's row."""

    def __init__(self, consumer: Consumer, lane: Any, places: Ints, index: Ints, row: int) -> None:
        self._consumer, self._polls, self._row = consumer, lane.polls, row
        self._column, stream = consumer.attempts.column, consumer.recording.stream
        self._ended_s = consumer.recording.ended_s
        positions = index if lane.positions is None else lane.positions[index]
        self.written_s: Floats = stream.written_s[consumer.record[places]]
        self._visible_s = stream.shards[lane.shard].visible_s[positions]
        read_s = lane.polls.read_at(positions)
        self._offer_s = np.fmin(lane.polls.first_polls(self._visible_s), read_s)
        # the reader may have run ahead of the clock
        self._read_s = np.where(read_s <= self._ended_s, read_s, np.inf)
        self._root = consumer.root[places]
        self._sent = self._root >= 0
        inside = self._inside(index)
        self._running = inside & (self._outcome == Invoked.RUNNING)
        self._head = self._find_head(inside)
        self._refused = inside & ~self._sent
        self._follows = ~self._sent & ~self._refused & (self._head.cause != "")

    @property
    def _outcome(self) -> int:
        return int(self._column["outcome"][self._row]) if self._row >= 0 else int(Invoked.SUCCESS)

    def _inside(self, index: Ints) -> npt.NDArray[np.bool_]:
        """Return which records the last attempt held."""
        if self._row < 0:
            return np.zeros(len(index), dtype=np.bool_)
        first, last = int(self._column["first"][self._row]), int(self._column["last"][self._row])
        return np.asarray((index >= first) & (index < last), dtype=np.bool_)

    def _find_head(self, inside: npt.NDArray[np.bool_]) -> _Head:
        column, row, outcome = self._column, self._row, self._outcome
        sent = self._root[self._sent]
        if outcome == Invoked.RUNNING and (not len(sent) or sent[0] == row):
            return _Head(busy=True)
        cause = "throttle" if outcome == Invoked.THROTTLED else "retries"
        if len(sent):
            return _Head(True, cause, float(column["accepted_s"][sent[0]]))
        if inside.any() or self._is_a_window_s_end():
            return _Head(True, cause, float(column["closed_s"][row]))
        return _Head()

    def _is_a_window_s_end(self) -> bool:
        """Whether the last attempt is the call without records that ends a tumbling window, failed and not given up."""
        column, row = self._column, self._row
        if row < 0 or column["first"][row] < column["last"][row] or self._outcome == Invoked.SUCCESS:
            return False
        given_up = self._consumer.recording.recorder.settled.arrays()["batch"]
        return not bool((given_up == column["batch"][row]).any())

    def parts(self) -> dict[str, Floats]:
        """Return the seconds of each record in each part, up to the end of the run."""
        instants = [np.minimum(one, self._ended_s) for one in self._instants()]
        spans = np.diff([self.written_s, *instants, np.full(len(self.written_s), self._ended_s)], axis=0)
        visible, poll, behind, *others = spans
        offer_s, ready_s = instants[1:3]
        discovery = until_found(self._polls, offer_s, ready_s)
        parts = dict(zip(LATENCY_PARTS, (visible, poll, discovery, behind - discovery, *others), strict=True))
        if self._follows.any():
            held = np.where(self._follows, self._ended_s - np.maximum(offer_s, self._head.since_s), 0.0)
            held = np.clip(held, 0.0, parts["queue_wait_s"])
            parts["queue_wait_s"] = parts["queue_wait_s"] - held
            parts[f"{self._head.cause}_s"] = parts[f"{self._head.cause}_s"] + held
        return parts

    def _instants(self) -> tuple[Floats, ...]:
        """Return when each part but the last ended: infinity where it has not."""
        known, never = self._sent | self._refused, np.full(len(self._sent), np.inf)
        row = np.where(self._sent, self._root, self._row)
        closed_s = self._of(row, "closed_s", known)
        # what is too large for an event was taken, and is refused again and again
        taken = self._sent | (self._refused & (self._outcome == Invoked.TOO_LARGE))
        accepted_s = self._of(row, "accepted_s", self._sent)
        accepted_s = np.where(taken & ~self._sent, closed_s, accepted_s)
        again_s = self._of(row * 0 + self._row, "accepted_s", self._running)
        handler_s = self._of(row * 0 + self._row, "handler_s", self._running)
        lane_s = np.where(known, self._of(row, "ready_s", known), never if self._head.busy else self._idle_since_s())
        ready_s = np.maximum(np.maximum(self._read_s, lane_s), self._offer_s)
        return (
            self._visible_s, self._offer_s, np.minimum(ready_s, closed_s), closed_s, accepted_s, again_s, handler_s,
        )  # fmt: skip

    def _of(self, rows: Ints, name: str, known: npt.NDArray[np.bool_]) -> Floats:
        """Return a column of the attempts where it is known, infinity elsewhere."""
        values = np.full(len(rows), np.inf)
        values[known] = self._column[name][rows[known]]
        return values

    def _idle_since_s(self) -> float:
        return float(self._column["ended_s"][self._row]) if self._row >= 0 else 0.0

    def codes(self) -> npt.NDArray[np.int8]:
        """Return the part that each record is in."""
        ended_s, head = self._ended_s, self._head
        _, offer_s, ready_s, *_, handler_s = self._instants()
        first = self._running & (self._root == self._row)
        sought = self._polls.searched_s <= ended_s < self._polls.found_s
        cases = (
            (self._visible_s > ended_s, "visibility"),
            (offer_s > ended_s, "poll_wait"),
            (first & (handler_s > ended_s), "cold_start"),
            (first, "handler"),
            (self._sent | self._refused | self._follows, head.cause or "retries"),
            (np.full(len(offer_s), sought), "discovery"),
            (ready_s <= ended_s, "window"),
        )
        chosen = np.select([where for where, _ in cases], [_CODE[name] for _, name in cases], _CODE["queue_wait"])
        return chosen.astype(np.int8)
