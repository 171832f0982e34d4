"""A lane with a tumbling window: its invocations hand a state on, and a last one without records ends each window.

Windows sit on multiples of their length since 1970; a record belongs to the one in which it was written. A window ends
when a record of a later one has been read, when its shard ends, or when nothing has come for a while (recorded
2026-09: none by the clock within 112 s). One that a large state has ended early is not ended again (recorded 2026-09).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Generator
from typing import Any

import numpy as np
import simpy

from ddbsim.log.outcomes import Invoked
from ddbsim.system.function.environments import Call
from ddbsim.system.function.handler import Window
from ddbsim.system.function.responses import is_too_large

from .lane import Delivery, Lane, just_after

__all__ = ["WindowedLane"]


class WindowedLane(Lane):
    """A `Lane` whose mapping has a tumbling window; its parameters are the same."""

    def __init__(self, **lane: Any) -> None:
        super().__init__(**lane)
        self._length_s = self.mapping.tumbling_window_in_seconds
        # a record's time of creation is told in whole seconds, which changes nothing: so is a window's length
        epoch_s = np.floor(np.asarray(self.written_s) + self.start_epoch_s)
        self._number = (epoch_s // self._length_s).astype(np.int64).data
        self._state: Any = {}
        self._open: int | None = None
        self._ends, self._early = False, False

    def _largest(self, first: int) -> int:
        """Return the end of the largest batch: one window at most."""
        return bisect_right(self._number, self._number[first], first, super()._largest(first))

    def _form_batch(self, ready_s: float, open_s: float) -> tuple[float, int]:
        """Return when the next batch closes; an empty one where an idle window is ended first."""
        if self._open is not None:
            # not before now: records may have waited, and been trimmed, since the lane was ready
            idle_s = max(self._idle_s(), ready_s, self.env.now)
            if self.reader.read_until(self._position(self.sent), idle_s) > idle_s:
                self.reader.advance(idle_s)
                return idle_s, self.sent
        return super()._form_batch(ready_s, open_s)

    def _idle_s(self) -> float:
        """Return when the open window is ended if nothing comes."""
        assert self._open is not None
        return (self._open + 1) * self._length_s - self.start_epoch_s + self.mapping.poller.idle_window_s

    def _deliver(self, first: int, last: int, now: float, ready_s: float) -> Delivery:
        """Send a batch, after the call that ends the window before it."""
        if self._open is not None and (first == last or self._number[first] != self._open):
            now = yield from self._end_window(first, now)
            if first == last:
                return now
            now += self._turnaround_s
        self._open = self._number[first]
        now = yield from super()._deliver(first, last, now, ready_s)
        if is_too_large(self._state):
            # it was seen to end for good; a record of its time that still comes opens it anew, with a new state
            now = yield from self._end_window(last, now + self._turnaround_s, early=True)
        return now

    def _finish(self, settled_s: float, ready_s: float) -> Delivery:
        """End the last window: when the shard ends, or when nothing has come for a while."""
        if self._open is None:
            return settled_s
        at_s = max(min(self._idle_s(), self._end_seen_s(settled_s)), ready_s, self.env.now)
        if self.pauses:
            at_s = self.pauses.resumed_s(at_s)
        if math.isinf(at_s):
            return settled_s
        yield self.env.at(at_s)
        return just_after((yield from self._end_window(self.count, at_s)))

    def _end_window(self, place: int, now: float, *, early: bool = False) -> Delivery:
        """Make the call without records that ends the window; the lane waits until it is done or given up."""
        self._ends, self._early = True, early
        ended_s, _ = yield from self._settle(place, place, now, now, now)
        self._ends, self._early = False, False
        self._state, self._open = {}, None
        return ended_s

    def _attempt(
        self, batch: int, attempt: int, first: int, last: int, now: float, closed_s: float, ready_s: float
    ) -> Generator[simpy.Event, Any, tuple[Call | None, float]]:
        """Invoke the function once; take over the state that it hands on."""
        self.window = self._this_window()
        call, ended_s = yield from super()._attempt(batch, attempt, first, last, now, closed_s, ready_s)
        if call is not None and (call.outcome == Invoked.SUCCESS or (call.outcome == Invoked.PARTIAL and call.done)):
            self._state = {} if call.state is None else call.state
        return call, ended_s

    def _discard(self, batch: int, first: int, last: int, at_s: float, reason: int, invokes: int) -> None:
        super()._discard(batch, first, last, at_s, reason, invokes)
        self.recorder.windows[batch] = self._this_window()

    def _this_window(self) -> Window:
        """Return the open window, as an invocation is told of it."""
        assert self._open is not None
        start = self._open * self._length_s
        return Window(start, start + self._length_s, self._state, self._ends, self._early)
