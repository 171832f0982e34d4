"""Tumbling windows in the reference model, record by record.

A window is a stretch of whole seconds since 1970, and a record belongs to the one it was written in. The lane knows one
open window and its state. A record of another window, the end of the shard, or a long silence ends it, by a call
without records.
"""

from __future__ import annotations

import json
import math
from typing import Any

from reference import LANE, Record, Reference, ReferenceLane, Steps, simulate_by_record

from ddbsim.scenario import EventSourceMapping, Scenario

__all__ = ["simulate_windows_by_record"]

STATE_LIMIT_BYTES = 2**20


def simulate_windows_by_record(scenario: Scenario, seed: int) -> Reference:
    """Run a scenario, some mappings of which have tumbling windows, record by record."""
    return simulate_by_record(scenario, seed, kind_of_lane)


def kind_of_lane(mapping: EventSourceMapping) -> type[ReferenceLane]:
    return WindowedReferenceLane if mapping.tumbling_window_in_seconds else ReferenceLane


class WindowedReferenceLane(ReferenceLane):
    """A lane whose mapping has a tumbling window."""

    def __init__(self, *lane: Any) -> None:
        super().__init__(*lane)
        self.length_s = self.mapping.tumbling_window_in_seconds
        self.open: int | None = None
        self.state: Any = {}
        self.final = self.early = False
        self.shard_ended = self.clock.event()

    def window_of(self, record: Record) -> int:
        return math.floor(record.written_s + self.start_epoch_s) // self.length_s

    def belong_together(self, first: Record, record: Record) -> bool:
        return self.window_of(first) == self.window_of(record)

    def ends(self) -> bool:
        """Return whether nothing is left to do; an open window ends now, and another poll is to find out."""
        if not super().ends():
            return False
        if self.open is not None and not self.shard_ended.triggered:
            self.shard_ended.succeed()
        return self.open is None

    def gives_up_waiting(self, ready_s: float, ticket: int) -> Steps:
        """Wait for a record; return whether the open window is to end without one."""
        if self.open is None:
            return False
        ends_s = (self.open + 1) * self.length_s - self.start_epoch_s + self.mapping.poller.idle_window_s
        silence = self.clock.at(max(ends_s, ready_s), LANE, ticket)
        while not (self.store.items or silence.processed or self.shard_ended.triggered):
            yield silence | self.arrival | self.shard_ended
        return not self.store.items

    def deliver(self, batch: list[Record], now: float, ticket: int) -> Steps:
        """Send a batch, after the call that ends the window before it; no records: that call only."""
        turnaround_s = self.mapping.poller.turnaround_s
        if self.open is not None and (not batch or self.window_of(batch[0]) != self.open):
            now = yield from self.end_window(now, ticket)
            if not batch:
                return now
            now, ticket = now + turnaround_s, self.clock.ticket()
        self.open = self.window_of(batch[0])
        now = yield from super().deliver(batch, now, ticket)
        if len(json.dumps(self.state, separators=(",", ":"))) > STATE_LIMIT_BYTES:
            # records of the same window may follow: they open it again, with a new state
            self.early = True
            now = yield from self.end_window(now + turnaround_s, self.clock.ticket())
            self.early = False
        return now

    def end_window(self, now: float, ticket: int) -> Steps:
        """Make the call without records, as often as it takes or is allowed; return when it was done."""
        self.final = True
        ended_s, _ = yield from self.settle([], now, ticket)
        self.final, self.state, self.open = False, {}, None
        return ended_s

    def call(self, batch: list[Record], payload: int, handler_s: float) -> tuple[float, str, int]:
        """Call the handler with the state; keep the state that it returns, unless it fails or comes too late."""
        function = self.mapping.function
        duration_s, outcome, done = super().call(batch, payload, handler_s)
        outage = any(one.start_s <= handler_s < one.end_s for one in function.failures.outages)
        late = outcome == "timeout" and not outage
        if function.handler is None or not (outcome == "success" or late):
            return duration_s, outcome, done
        event = {
            "Records": batch,
            "shardId": self.reading.shard.name,
            "state": self.state,
            "isFinalInvokeForWindow": self.final,
            "isWindowTerminatedEarly": self.early,
        }
        answer = function.handler(event, None)
        if not late:
            self.state = answer["state"]
        return duration_s, outcome, done
