"""A lane: the batches of one shard (of one sub-shard, with a parallelization factor), one at a time, in order.

The lane is where a mapping's rules meet: when a batch closes, what an invocation's end means for its records, what is
sent again. Its records are positions 0..count-1 in lane order; it never holds a record, only ranges.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Generator, Sequence
from typing import Any, TypeAlias

import simpy

from ddbsim.aws import error_types, limits
from ddbsim.log.outcomes import Discarded, Invoked, Settled
from ddbsim.log.reasons import Reason
from ddbsim.record.recorder import Recorder
from ddbsim.scenario import Backoff, EventSourceMapping
from ddbsim.system.clock import Clock
from ddbsim.system.function.environments import PROVISIONED, Call, Environments, InvocationModel
from ddbsim.system.function.handler import HandlerInvocation, Window

from .poller import Reader
from .schedule import Pauses

__all__ = ["Delivery", "Lane", "just_after"]

Steps: TypeAlias = Generator[simpy.Event, Any, None]
Delivery: TypeAlias = Generator[simpy.Event, Any, float]

_TOO_LARGE = Reason(error_types.REQUEST_TOO_LARGE)
_ENVIRONMENT_LOST = (Invoked.TIMEOUT, Invoked.OUT_OF_MEMORY)


class Lane:
    """One lane of a mapping on a shard.

    Parameters
    ----------
    env
        The run's clock.
    index
        The lane's number in the recorder.
    mapping
        Its settings.
    retention_s
        Age at which the stream drops a record.
    positions
        Shard position of each of the lane's records, or None where the lane takes the whole shard.
    written_s
        When each of the lane's records was written (a memoryview).
    cumulative_bytes
        Running sum of the records' event bytes, starting with 0 (a memoryview).
    conduct, environments
        How the function's invocations go, and where they run.
    jitter
        Endless draws in [0, 1) for the retry delays.
    recorder
        Gets what happens.
    pauses
        When the mapping neither polls nor invokes.
    reader
        Reads its shard.
    finished
        Is told when all of the lane's records are settled, seconds.
    end_seen_s
        Tells the first poll at or after an instant that finds the shard read and closed.
    start_epoch_s
        The date of time 0, seconds since 1970.
    """

    def __init__(
        self,
        env: Clock,
        index: int,
        mapping: EventSourceMapping,
        retention_s: float,
        positions: Sequence[int] | None,
        written_s: memoryview,
        cumulative_bytes: memoryview,
        conduct: InvocationModel | HandlerInvocation,
        environments: Environments,
        jitter: Any,
        recorder: Recorder,
        pauses: Pauses,
        reader: Reader,
        finished: Callable[[float], None],
        end_seen_s: Callable[[float], float],
        start_epoch_s: float,
    ) -> None:
        self.env = env
        self.index = index
        self.mapping = mapping
        self.reader = reader
        self.positions = positions
        self.written_s = written_s
        self.bytes = cumulative_bytes
        self.conduct = conduct
        self.environments = environments
        self.jitter = jitter
        self.recorder = recorder
        self.pauses = pauses
        self._finished, self._end_seen_s = finished, end_seen_s
        self.start_epoch_s = start_epoch_s
        self.count = len(written_s)
        self.window: Window | None = None  # what an event says of its tumbling window
        self.sent = 0  # records before this one have been sent, or are in flight
        self._window_s = float(mapping.maximum_batching_window_in_seconds)
        self._turnaround_s = mapping.poller.turnaround_s
        self._buffer = mapping.poller.read_ahead_batches * mapping.batch_size
        self._retention_s = retention_s
        age = mapping.maximum_record_age_in_seconds
        self._age_s = math.inf if age < 0 else float(age)
        self._shortest_life_s = min(self._age_s, retention_s)

    def wants_more(self, read_position: int) -> bool:
        """Whether the lane, busy now, has room for more than what has been read up to `read_position`."""
        return self._read_by(read_position, self.sent + self._buffer) < self.sent + self._buffer

    def _read_by(self, read_position: int, most: int) -> int:
        """Return how many of the lane's records are among the shard's first `read_position`, at most `most`."""
        if self.positions is None:
            return min(read_position, most)
        return bisect_left(self.positions, read_position, self.sent, max(self.sent, min(most, self.count)))

    def work(self, begin_s: float) -> Steps:
        """Deliver the lane's records, batch after batch."""
        reader = self.reader
        reader.waiting_lanes += 1
        ready_s, open_s, settled_s = begin_s, begin_s, begin_s
        while self.sent < self.count:
            close_s, last = self._form_batch(ready_s, open_s)
            if self.pauses:
                close_s = self.pauses.resumed_s(close_s)
            yield self.env.at(close_s)
            if last > self.sent and self.written_s[self.sent] < close_s - self._retention_s:
                self._skip_trimmed(close_s)
                settled_s = just_after(close_s)
                continue
            reader.waiting_lanes -= 1
            first, self.sent = self.sent, last
            open_s = yield from self._deliver(first, last, close_s, ready_s)
            settled_s = just_after(open_s)
            ready_s = open_s + self._turnaround_s
            reader.advance(open_s)
            reader.waiting_lanes += 1
        settled_s = yield from self._finish(settled_s, ready_s)
        self._finished(settled_s)

    def _finish(self, settled_s: float, ready_s: float) -> Delivery:
        """Do what is left once all records are settled, not before the lane is ready; return when that was."""
        yield from ()
        return settled_s

    def _skip_trimmed(self, now: float) -> None:
        """Settle the records that were read but never sent before the stream trimmed them."""
        first, read = self.sent, self._read_by(self.reader.read_position_at(now), self.count)
        self.sent = bisect_left(self.written_s, now - self._retention_s, first, read)
        batch = self.recorder.next_batch()
        self.recorder.settle(self.index, batch, first, self.sent, now, Settled.EXPIRED, Discarded.RETENTION)

    def _form_batch(self, ready_s: float, open_s: float) -> tuple[float, int]:
        """Return when the next batch closes, and its end.

        A waiting lane can look ahead: see `Reader`.
        """
        first, reader = self.sent, self.reader
        ready_s = max(reader.read_until(self._position(first)), ready_s)
        last = self._largest(first)
        if math.isinf(ready_s):
            return ready_s, first
        if self._window_s:
            return self._form_batch_in_window(first, last, ready_s, open_s)
        reader.advance(ready_s)
        return ready_s, self._read_by(reader.read_position_at(ready_s), last)

    def _form_batch_in_window(self, first: int, last: int, ready_s: float, open_s: float) -> tuple[float, int]:
        """Gather until the batch is full or the window ends; a window that ends empty opens again."""
        reader, window_s = self.reader, self._window_s
        ends_s = open_s + window_s * max(1, math.ceil((ready_s - open_s) / window_s))
        # what fills the batch is its last record, or the one that would exceed the payload
        filler = last - 1 if last - first == self.mapping.batch_size else last
        full_s = reader.read_until(self._position(filler), ends_s) if filler < self.count else math.inf
        if full_s <= ends_s:
            close_s = max(full_s, ready_s)
            reader.advance(close_s)
            return close_s, last
        reader.advance(ends_s)
        return ends_s, self._read_by(reader.read_position_at(ends_s), last)

    def _position(self, index: int) -> int:
        return index if self.positions is None else self.positions[index]

    def _largest(self, first: int) -> int:
        """Return the end of the largest batch that may start at `first`, by number and by payload."""
        last = min(first + self.mapping.batch_size, self.count)
        budget = self.bytes[first] + limits.INVOCATION_PAYLOAD_BYTES.value
        if self.bytes[last] > budget:
            last = max(bisect_left(self.bytes, budget + 1, first, last) - 1, first + 1)
        return last

    def _deliver(self, first: int, last: int, now: float, ready_s: float) -> Delivery:
        """Send a batch, and what is left of it, until each of its records is settled; return when."""
        pending = [(first, last)]
        closed_s = now
        while pending:
            first, last = pending.pop()
            ended_s, rest = yield from self._settle(first, last, now, closed_s, ready_s)
            pending.extend(reversed(rest))
            now = ended_s + self._turnaround_s
        return ended_s

    def _settle(
        self, first: int, last: int, now: float, closed_s: float, ready_s: float
    ) -> Generator[simpy.Event, Any, tuple[float, list[tuple[int, int]]]]:
        """Attempt one batch until it is done or splits up; return when that was, and the batches it left."""
        batch, attempts, failures = self.recorder.next_batch(), 0, 0
        throttles = 0
        ended_s = now
        while True:
            if self.pauses:
                now = self.pauses.resumed_s(now)
            if now > self.env.now:
                yield self.env.at(now)
            alive = self._drop_old(first, last, now, batch, attempts) if first < last else first
            if alive > first:
                return max(ended_s, now), [(alive, last)] if alive < last else []
            call, ended_s = yield from self._attempt(batch, attempts + 1, first, last, now, closed_s, ready_s)
            if call is None:
                throttles += 1
                now += self._delay(self.mapping.delays_of_throttles, throttles)
                continue
            attempts += 1
            if call.outcome == Invoked.SUCCESS:
                return ended_s, []
            rest = self._remaining_batches(batch, first, last, ended_s, call)
            if rest is not None:
                return ended_s, rest
            failures += 1
            if 0 <= self.mapping.maximum_retry_attempts < failures:
                self._discard(batch, first, last, ended_s, Discarded.ATTEMPTS, attempts)
                return ended_s, []
            now = ended_s + self._delay(self.mapping.retry_backoff, failures)

    def _remaining_batches(
        self, batch: int, first: int, last: int, ended_s: float, call: Call
    ) -> list[tuple[int, int]] | None:
        """Return the batches that a failed one leaves, or None where the same batch is to be sent again.

        Progress by a partial response makes a new batch of the rest, with all its attempts; else bisecting splits a
        batch on its first failure, older half first. Neither uses a retry.
        """
        if call.outcome == Invoked.PARTIAL and call.done:
            middle = first + call.done
            self.recorder.settle(self.index, batch, first, middle, ended_s, Settled.PROCESSED)
            return [(middle, last)]
        if self.mapping.bisect_batch_on_function_error and last - first > 1:
            middle = first + (last - first) // 2
            return [(first, middle), (middle, last)]
        return None

    def _attempt(
        self, batch: int, attempt: int, first: int, last: int, now: float, closed_s: float, ready_s: float
    ) -> Generator[simpy.Event, Any, tuple[Call | None, float]]:
        """Invoke the function once; return how it went (None: throttled) and when it ended."""
        payload = self.bytes[last] - self.bytes[first]
        row = (self.index, batch, attempt, first, last, payload, ready_s, closed_s, now)
        if payload > limits.INVOCATION_PAYLOAD_BYTES.value:
            # one record alone: it never reaches the function
            self.recorder.attempt(*row, now, 0.0, 0.0, Invoked.TOO_LARGE)
            self.recorder.note_failure(_TOO_LARGE)
            return Call(0.0, Invoked.TOO_LARGE, 0), now
        grant = self.environments.acquire(now)
        if grant is None:
            self.recorder.attempt(*row, now, 0.0, 0.0, Invoked.THROTTLED)
            return None, now
        started_s = now + grant.placement_s
        handler_s = started_s + grant.init_s
        call = self.conduct.call(batch, first, last, self.bytes, handler_s, self.window)
        self.recorder.attempt(*row, started_s, grant.init_s, call.duration_s, call.outcome)
        if call.reason is not None:
            self.recorder.note_failure(call.reason, call.worked)
        if grant is PROVISIONED:
            self.recorder.note_provisioned()
        ended_s = handler_s + call.duration_s
        yield self.env.at(ended_s)
        lost = call.exits or call.outcome in _ENVIRONMENT_LOST
        self.environments.release(grant, ended_s, reusable=not lost)
        return call, ended_s

    def _delay(self, backoff: Backoff, retry: int) -> float:
        """Return the delay before a retry, seconds."""
        delay_s = backoff.longest_delay_s(retry)
        return delay_s * (1.0 - backoff.jitter * next(self.jitter)) if backoff.jitter else delay_s

    def _drop_old(self, first: int, last: int, now: float, batch: int, attempts: int) -> int:
        """Drop the leading records that are too old to be sent; return the first that is not."""
        if now - self.written_s[first] <= self._shortest_life_s:
            return first
        trimmed = bisect_left(self.written_s, now - self._retention_s, first, last)
        if trimmed > first:
            self.recorder.settle(self.index, batch, first, trimmed, now, Settled.EXPIRED, Discarded.RETENTION, attempts)
            return trimmed
        aged = bisect_left(self.written_s, now - self._age_s, first, last)
        if aged > first:
            self._discard(batch, first, aged, now, Discarded.AGE, max(attempts, 1))
        return aged

    def _discard(self, batch: int, first: int, last: int, at_s: float, reason: int, invokes: int) -> None:
        self.recorder.settle(self.index, batch, first, last, at_s, Settled.DISCARDED, reason, invokes)


def just_after(at_s: float) -> float:
    """Return the next instant that there is: a poll at `at_s` itself comes before what a lane does then."""
    return math.nextafter(at_s, math.inf)
