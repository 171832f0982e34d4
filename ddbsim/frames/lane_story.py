"""What one lane did, batch by batch: the events between the closing of a batch and the end of its last record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy.typing as npt

from ddbsim.log.outcomes import DISCARD_CONDITIONS, Discarded, Invoked, Settled
from ddbsim.log.reasons import Reason, sentence
from ddbsim.log.sentences import batch_of, capital, count_of, names_of, seconds
from ddbsim.record.recording import LaneRecords, Recording
from ddbsim.scenario import EventSourceMapping

from .stream_log import Attempts

__all__ = ["LANE", "Batch", "Event", "LaneStory", "batches_of_lanes"]

Columns = dict[str, npt.NDArray[Any]]

#: The stage of a lane's events: at one instant they come after those of the table, the stream and the poller.
LANE = 3

_FAILED = (Invoked.ERROR, Invoked.TIMEOUT, Invoked.PARTIAL, Invoked.OUT_OF_MEMORY, Invoked.TOO_LARGE)


class Event(NamedTuple):
    """One row of the story, and what orders it among others of its instant: its stage, then its attempt."""

    time_s: float
    stage: int
    attempt: int
    where: str
    what: str
    record_ids: tuple[int, ...]
    sentence: str


@dataclass(slots=True)
class Batch:
    """The records [first, last) of a lane that were sent together, and the rows that tell what became of them."""

    first: int
    last: int
    attempts: list[int] = field(default_factory=list)
    settled: list[int] = field(default_factory=list)


def batches_of_lanes(attempts: Columns, settled: Columns, lanes: int) -> list[list[Batch]]:
    """Return the batches of each lane, in the order in which it took them up."""
    found: dict[int, tuple[int, Batch]] = {}
    for name, column in (("attempts", attempts), ("settled", settled)):
        rows = zip(*(column[key].tolist() for key in ("lane", "batch", "first", "last")), strict=True)
        for row, (lane, number, first, last) in enumerate(rows):
            _, batch = found.setdefault(number, (lane, Batch(first, last)))
            batch.first, batch.last = min(batch.first, first), max(batch.last, last)
            getattr(batch, name).append(row)
    of_lanes: list[list[Batch]] = [[] for _ in range(lanes)]
    for _, (lane, batch) in sorted(found.items()):
        of_lanes[lane].append(batch)
    return of_lanes


class LaneStory:
    """Tells one lane's events.

    Parameters
    ----------
    recording, attempts
        What the run left.
    lane
        Which records the lane carries.
    mapping
        Its settings.
    batches
        What it sent, in order.
    reasons
        Why attempts failed, by their row.
    """

    def __init__(
        self,
        recording: Recording,
        attempts: Attempts,
        lane: LaneRecords,
        mapping: EventSourceMapping,
        batches: Sequence[Batch],
        reasons: Mapping[int, Reason],
    ) -> None:
        self.mapping = mapping
        self.batches = batches
        self.column = attempts.column
        self.settled: Columns = dict(recording.recorder.settled.arrays())
        self.reasons = reasons
        shard = recording.stream.shards[lane.shard]
        pick = slice(None) if lane.positions is None else lane.positions
        self.record = shard.record[pick]
        self.read_s = lane.polls.read_s(len(shard.record))[pick]
        self.where = f"{mapping.label}, shard {lane.shard}"
        if mapping.parallelization_factor > 1:
            self.where += f", lane {lane.lane}"
        self._row = 0

    def told(self) -> Iterator[Event]:
        """Yield the lane's events, in order."""
        beyond = 0
        for place, batch in enumerate(self.batches):
            if batch.attempts:
                self._row = batch.attempts[0]
            if batch.first >= beyond:
                beyond = self._gathered(place)
                yield self._closed(batch, beyond)
            for number, row in enumerate(batch.attempts):
                self._row = row
                yield from self._attempted(batch, number)
            yield from (self._settled(row) for row in batch.settled)
            yield from self._bisected(place)

    def _ids(self, first: int, last: int) -> tuple[int, ...]:
        return tuple(self.record[first:last].tolist())

    def _event(self, time_s: float, what: str, ids: tuple[int, ...], sentence: str) -> Event:
        return Event(time_s, LANE, self._row, self.where, what, ids, capital(sentence))

    def _closed_s(self, batch: Batch) -> float:
        # what was too old when the batch closed was dropped at that instant
        at_s = self.column["closed_s"][batch.attempts] if batch.attempts else self.settled["at_s"][batch.settled]
        return float(at_s[0])

    def _gathered(self, place: int) -> int:
        """Return the end of the batch as it closed: what was dropped at its head at once, and the rest."""
        batch = self.batches[place]
        for after in self.batches[place + 1 :]:
            if batch.attempts or self._closed_s(after) != self._closed_s(batch):
                break
            batch = after
        return batch.last

    def _closed(self, batch: Batch, end: int) -> Event:
        ids, closed_s = self._ids(batch.first, end), self._closed_s(batch)
        if not ids:
            sentence = "the tumbling window is over: a last call without records is to end it."
            return self._event(closed_s, "window ended", ids, sentence)
        sentence = f"{batch_of(ids)} closed: {self._why(len(ids), end, closed_s)}."
        return self._event(closed_s, "batch closed", ids, sentence)

    def _why(self, records: int, end: int, closed_s: float) -> str:
        if records == self.mapping.batch_size:
            return f"it was full ({count_of(records, 'record')})"
        if end < len(self.read_s) and self.read_s[end] <= closed_s:
            if self.mapping.tumbling_window_in_seconds:
                return "the next record belongs to a later tumbling window, or would have exceeded 6 MB"
            return "one more record would have exceeded the payload of 6 MB"
        if window_s := self.mapping.maximum_batching_window_in_seconds:
            return f"its window of {seconds(window_s)} ended"
        return "there is no window, so what had been read goes at once"

    def _attempted(self, batch: Batch, number: int) -> Iterator[Event]:
        """Yield what one attempt to invoke the function came to."""
        row, column = batch.attempts[number], self.column
        ids = self._ids(batch.first, batch.last)
        again_s = self._again_s(batch, number)
        accepted_s = float(column["accepted_s"][row])
        if column["outcome"][row] == Invoked.THROTTLED:
            wait = "" if again_s is None else f" {seconds(again_s - accepted_s)}"
            sentence = f"No concurrency was left: {batch_of(ids)} waits{wait}; a throttle uses no retry."
            yield self._event(accepted_s, "throttled", ids, sentence)
            return
        yield from self._started(row, ids, accepted_s)
        if column["outcome"][row] == Invoked.RUNNING:
            return
        ended_s = float(column["ended_s"][row])
        yield self._event(ended_s, "attempt ended", ids, self._how(row, ids))
        if column["outcome"][row] in _FAILED and again_s is not None:
            yield self._retry(row, ids, ended_s, again_s)

    def _again_s(self, batch: Batch, number: int) -> float | None:
        """Return when the batch was taken up again after an attempt: sent, or found to be too old."""
        if number + 1 < len(batch.attempts):
            return float(self.column["accepted_s"][batch.attempts[number + 1]])
        late = [row for row in batch.settled if self.settled["reason"][row] in (Discarded.AGE, Discarded.RETENTION)]
        return float(self.settled["at_s"][late[0]]) if late else None

    def _started(self, row: int, ids: tuple[int, ...], accepted_s: float) -> Iterator[Event]:
        column = self.column
        placement_s, init_s = float(column["started_s"][row]) - accepted_s, float(column["init_s"][row])
        if placement_s > 0 or init_s > 0:
            sentence = (
                f"no environment was free: a new one takes {seconds(placement_s)} to be placed and {seconds(init_s)} "
                f"to start."
            )
            yield self._event(accepted_s, "cold start", ids, sentence)
        sentence = f"attempt {column['attempt'][row]} of {batch_of(ids)} started."
        yield self._event(float(column["handler_s"][row]), "attempt started", ids, sentence)

    def _how(self, row: int, ids: tuple[int, ...]) -> str:
        ends = {
            Invoked.SUCCESS: "succeeded after",
            Invoked.PARTIAL: "reported failed records after",
            Invoked.ERROR: "failed after",
            Invoked.TIMEOUT: "was ended by the timeout after",
            Invoked.OUT_OF_MEMORY: "ran out of memory after",
            Invoked.TOO_LARGE: "never reached the function, being over 6 MB, and took",
        }
        column = self.column
        took = seconds(float(column["duration_s"][row]))
        told = f"attempt {column['attempt'][row]} of {batch_of(ids)} {ends[int(column['outcome'][row])]} {took}"
        reason = self.reasons.get(row)
        # any other is told by how it ended
        return f"{told}: {sentence(reason)}." if reason is not None and reason.is_told else f"{told}."

    def _retry(self, row: int, ids: tuple[int, ...], ended_s: float, again_s: float) -> Event:
        most = self.mapping.maximum_retry_attempts
        number = f"retry {self.column['attempt'][row]}" + (f" of {most}" if most >= 0 else "")
        sentence = f"{batch_of(ids)} is to be sent again in {seconds(again_s - ended_s)}: {number}."
        return self._event(ended_s, "retry", ids, sentence)

    def _settled(self, row: int) -> Event:
        """Return the event of records that reached their state otherwise than by a success of their whole batch."""
        column = self.settled
        ids = self._ids(int(column["first"][row]), int(column["last"][row]))
        what, sentence = self._state(row, ids)
        return self._event(float(column["at_s"][row]), what, ids, sentence)

    def _state(self, row: int, ids: tuple[int, ...]) -> tuple[str, str]:
        column, one = self.settled, len(ids) == 1
        outcome, last = int(column["outcome"][row]), int(column["last"][row])
        if outcome == Settled.PROCESSED:
            checkpoint = names_of(self._ids(last, last + 1))
            return "partial success", (
                f"{names_of(ids)} {'is' if one else 'are'} done: the checkpoint is {checkpoint}, and what begins there "
                f"comes again as a new batch."
            )
        if outcome == Settled.FILTERED:
            matches = "matches" if one else "match"
            return (
                "filtered",
                f"{names_of(ids)} {matches} no filter: the function never sees {'it' if one else 'them'}.",
            )
        if outcome == Settled.EXPIRED:
            was = "was" if one else "were"
            return "expired", f"{names_of(ids)} {was} trimmed from the stream: older than its retention."
        return "discarded", self._given_up(row, ids)

    def _given_up(self, row: int, ids: tuple[int, ...]) -> str:
        condition = DISCARD_CONDITIONS[int(self.settled["reason"][row])]
        destination = self.mapping.on_failure
        told = "there is no on-failure destination, so nothing tells of it"
        if destination is not None:
            told = f"the {destination.kind} destination {destination.name} is to get a document of it"
        what = names_of(ids) if ids else batch_of(ids)
        return f"{what} {'were' if len(ids) > 1 else 'was'} given up ({condition}): {told}."

    def _bisected(self, place: int) -> Iterator[Event]:
        """Yield that a failed batch was split, as shown by the smaller batch that begins where it began."""
        batch, after = self.batches[place], self.batches[place + 1 : place + 2]
        if not batch.attempts or batch.settled or not after or after[0].first != batch.first:
            return
        if batch.first == batch.last:  # a call that ended a window: what follows is the next batch
            return
        row = batch.attempts[-1]
        ids, half = self._ids(batch.first, batch.last), self._ids(batch.first, self._middle(place))
        go = "goes" if len(half) == 1 else "go"
        sentence = f"{batch_of(ids)} was split: {names_of(half)} {go} first; splitting uses no retry."
        yield self._event(float(self.column["ended_s"][row]), "bisected", ids, sentence)

    def _middle(self, place: int) -> int:
        """Return where a split batch was split: the end of its older half, whose head may have been dropped at once."""
        whole = self.batches[place]
        half = self.batches[place + 1]
        for after in self.batches[place + 2 :]:
            if half.attempts or after.first != half.last or after.last == whole.last:
                break
            half = after
        return half.last
