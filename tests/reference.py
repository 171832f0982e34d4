"""The reference model: one event per record, in the style of SimPy's tutorials, with nothing clever in it.

A process publishes the records of a shard, each by an event of its own. A poller process wakes at every tick of its
lattice, whether there is anything to read or not, and moves records one by one into the `Store` of their lane. A
process per lane gathers them into batches and invokes the function. It is slow, and meant to be read beside the rules.

What is drawn before the clock starts (the writes, their sizes, when each record becomes visible, a poller's phase) is
taken over from the package; what happens after that is simulated here, on draws from the same named streams. Every
instant is computed as a person would, ``start + duration`` step by step, so that results can be compared for equality.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import simpy

from ddbsim.distributions import as_distribution
from ddbsim.randomness import RandomStreams
from ddbsim.record.stream import Shard, StreamLog
from ddbsim.run import draw_writes
from ddbsim.scenario import Backoff, EventSourceMapping, Function, Scenario
from ddbsim.system.hashing import lane_of
from ddbsim.system.mapping.schedule import Pauses, PeriodicPolls
from ddbsim.system.mapping.subscription import Subscription
from ddbsim.system.stream.event_records import EventRecords
from ddbsim.system.stream.publish import publish, recorded
from ddbsim.workload import OPERATIONS

__all__ = ["Attempt", "Record", "Reference", "ReferenceLane", "Steps", "simulate_by_record"]

PAYLOAD_LIMIT_BYTES = 6 * 2**20

# (event, what the handler needs of it, what the records carry) where the present item has to be read from the table
READS_BACK = {
    *((event, "new", carried) for event in ("INSERT", "MODIFY") for carried in ("KEYS_ONLY", "OLD_IMAGE")),
    ("INSERT", "both", "KEYS_ONLY"),
    ("INSERT", "both", "OLD_IMAGE"),
    ("MODIFY", "both", "OLD_IMAGE"),
}

# What happens first at one instant: a record becomes visible, then the poller reads, then (SimPy's own priority 1) a
# record passes through a store, and only then does a lane act. So a poll sees each lane as it was before the instant.
VISIBLE, TICK, LANE = -2, -1, 2

Steps = Generator[simpy.Event, Any, Any]


class Clock(simpy.Environment):
    """SimPy's environment with appointments: `timeout(at - now)` would round the instant.

    Lanes that act at one instant do so in the order in which they began to wait for it, as in the package.
    """

    def ticket(self) -> int:
        """Return a place in the queue of those who act at the same instant: first come, first served."""
        return next(self._eid)

    def at(self, instant: float, priority: int, ticket: int | None = None) -> simpy.Event:
        event = simpy.Event(self)
        event._ok, event._value = True, None
        arrival = self.ticket()
        place = (arrival if ticket is None else ticket, arrival)
        heapq.heappush(self._queue, (max(instant, self.now), priority, place, event))  # type: ignore[arg-type]
        return event


@dataclass(slots=True, eq=False)
class Record:
    """A record on its way to one consumer, and what became of it."""

    number: int
    item: int
    written_s: float
    visible_s: float
    size_bytes: int
    payload_bytes: int
    event_name: str
    received_s: float = math.nan
    completed_s: float = math.nan
    deliveries: int = 0
    outcome: str = "waiting"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to invoke the function."""

    mapping: str
    shard: int
    lane: int
    attempt: int
    started_s: float
    duration_s: float
    init_s: float
    records: int
    payload_bytes: int
    outcome: str
    provisioned: bool


@dataclass(slots=True)
class Reference:
    """What the run gives: each mapping's records in the order of the writes, and all attempts."""

    records: dict[str, list[Record]] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)

    def column(self, mapping: str, name: str) -> np.ndarray:
        return np.array([getattr(record, name) for record in self.records[mapping]])


def simulate_by_record(
    scenario: Scenario, seed: int, kind_of_lane: Callable[[EventSourceMapping], type[ReferenceLane]] | None = None
) -> Reference:
    """Run a scenario record by record; `kind_of_lane` tells a mapping's lanes, `ReferenceLane` for all if None."""
    streams = RandomStreams(seed)
    stream = published(scenario, streams)
    clock, reference = Clock(), Reference()
    fleets = make_fleets(scenario, streams)
    for mapping in scenario.mappings:
        records: list[Record | None] = [None] * len(stream)
        readings: list[ShardReading] = []
        subscription = Subscription(scenario, mapping, streams)
        kind = kind_of_lane(mapping) if kind_of_lane else ReferenceLane
        for shard in stream.shards:
            # one reader too many sees a record later than it is visible
            of_shard = read_off(stream, shard, subscription.schedule(shard).readable_s(shard.visible_s))
            for record in of_shard:
                records[record.number] = record
            reading = ShardReading(
                clock, mapping, scenario, shard, of_shard, fleets[mapping.function.name], streams, reference,
                subscription, kind,
            )  # fmt: skip
            readings.append(reading)
            if shard.parent >= 0:
                readings[shard.parent].children.append(reading)
            else:
                reading.begin(subscription.begin_s)
        reference.records[mapping.label] = records  # type: ignore[assignment]
    clock.run(until=scenario.length_s)
    return reference


def published(scenario: Scenario, streams: RandomStreams) -> StreamLog:
    """Return the records of the stream; where writes carry items, with the sizes of their events."""
    writes = draw_writes(scenario, streams)
    stream = publish(scenario, writes, streams)
    if writes.changes is None:
        return stream
    events = EventRecords(scenario, stream, writes, recorded(scenario.stream, writes))
    return replace(stream, payload_bytes=events.sizes())


def read_off(stream: StreamLog, shard: Shard, readable_s: np.ndarray) -> list[Record]:
    names = np.array(OPERATIONS)[stream.operation]
    columns = (stream.item_id, stream.written_s, stream.size_bytes, stream.payload_bytes, names)
    rows = zip(*(column[shard.record].tolist() for column in columns), readable_s.tolist(), strict=True)
    return [
        Record(number, item, written, visible, size, payload, name)
        for number, (item, written, size, payload, name, visible) in zip(shard.record.tolist(), rows, strict=True)
    ]


def draws(rng: np.random.Generator, distribution: Any) -> Iterator[float]:
    while True:
        yield float(as_distribution(distribution).sample(rng, 1)[0])


class Concurrency:
    """A number of invocations at once."""

    def __init__(self, limit: int) -> None:
        self.limit, self.busy = limit, 0


@dataclass(slots=True, eq=False)
class Environment:
    """An execution environment."""

    born_s: float
    idle_life_s: float
    gone_s: float = math.inf
    provisioned: bool = False


class Fleet:
    """The environments of one function; the one used last is taken first."""

    def __init__(self, function: Function, concurrency: Concurrency, streams: RandomStreams) -> None:
        self.function, self.concurrency = function, concurrency
        self.ready = [Environment(0.0, math.inf, provisioned=True) for _ in range(function.provisioned_concurrency)]
        self.idle: list[Environment] = []
        self.inits = draws(streams(f"function.{function.name}.init"), function.cold_start.init)
        self.idle_lives = draws(streams(f"function.{function.name}.idle"), function.cold_start.idle)

    def take(self, now: float) -> tuple[Environment, float, float] | None:
        """Return an environment, its placement and its init; None for a throttle."""
        if self.ready:
            return self.ready.pop(), 0.0, 0.0
        if self.concurrency.busy == self.concurrency.limit:
            return None
        self.concurrency.busy += 1
        self.idle = [one for one in self.idle if one.gone_s > now]
        if self.idle:
            return self.idle.pop(), 0.0, 0.0
        return Environment(now, next(self.idle_lives)), self.function.cold_start.placement_s, next(self.inits)

    def give_back(self, one: Environment, now: float, reusable: bool) -> None:
        if one.provisioned:
            self.ready.append(one)
            return
        self.concurrency.busy -= 1
        one.gone_s = min(now + one.idle_life_s, one.born_s + self.function.cold_start.lifetime_s)
        if reusable:
            self.idle.append(one)


def make_fleets(scenario: Scenario, streams: RandomStreams) -> dict[str, Fleet]:
    functions = {mapping.function.name: mapping.function for mapping in scenario.mappings}
    own, free = {}, scenario.account_concurrency
    for name, function in functions.items():
        if function.reserved_concurrency is None:
            free -= function.provisioned_concurrency
        else:
            free -= function.reserved_concurrency
            own[name] = Concurrency(function.reserved_concurrency - function.provisioned_concurrency)
    unreserved = Concurrency(free)
    return {name: Fleet(function, own.get(name, unreserved), streams) for name, function in functions.items()}


class ShardReading:
    """One mapping's poller on one shard, with the lanes that it feeds.

    When it polls, and which records it starts behind, are drawn before the clock starts, and taken over.
    """

    def __init__(
        self,
        clock: Clock,
        mapping: EventSourceMapping,
        scenario: Scenario,
        shard: Shard,
        records: list[Record],
        fleet: Fleet,
        streams: RandomStreams,
        reference: Reference,
        subscription: Subscription,
        kind: type[ReferenceLane],
    ) -> None:
        self.clock, self.poller, self.shard = clock, mapping.poller, shard
        self.retention_s = scenario.stream.retention_s
        self.visible = simpy.Store(clock)
        self.schedule = subscription.schedule(shard)
        self.discovery_s = subscription.discovery_s(shard)
        self.children: list[ShardReading] = []
        self.ended = clock.event()
        self.records, self.unread = records, len(records)
        self.passed_over = self.pass_over(mapping, records, subscription.skipped(shard), streams)
        self.lanes = [
            kind(clock, mapping, scenario, self, number, fleet, streams, reference, subscription.pauses)
            for number in range(mapping.parallelization_factor)
        ]
        items = np.array([record.item for record in records], dtype=np.int64)
        lanes = lane_of(items, len(self.lanes)).tolist()
        self.lane_of = {record.number: self.lanes[lane] for record, lane in zip(records, lanes, strict=True)}
        clock.process(self.publish(records))

    def pass_over(
        self, mapping: EventSourceMapping, records: list[Record], skipped: np.ndarray, streams: RandomStreams
    ) -> dict[int, str]:
        """Return the outcome of the records that are read and go to no lane; mark those that are never read."""
        fraction = mapping.filter_match_fraction
        rng = streams(f"filter/{mapping.label}/{self.shard.index}")
        fate = {}
        for record, behind in zip(records, skipped.tolist(), strict=True):
            out = fraction is not None and rng.random() >= fraction
            if mapping.filter_criteria and fraction is None:
                out = record.event_name not in mapping.filter_criteria[0]
            if behind:
                # never read
                record.outcome = "skipped"
                self.unread -= 1
            elif out:
                fate[record.number] = "filtered"
        return fate

    def begin(self, at_s: float) -> None:
        """Read from an instant on."""
        if math.isinf(at_s):
            return
        self.clock.process(self.poll(at_s))
        for lane in self.lanes:
            self.clock.process(lane.work(at_s))

    def publish(self, records: list[Record]) -> Steps:
        for record in records:
            yield self.clock.at(record.visible_s, VISIBLE)
            self.visible.put(record)

    def poll(self, begin_s: float) -> Steps:
        next_s = self.schedule.at_or_after(begin_s)
        lattice = isinstance(self.schedule, PeriodicPolls)
        while not math.isinf(next_s):
            yield self.clock.at(next_s, TICK)
            cut = any(lane.wants_more for lane in self.lanes) and self.read_page(next_s)
            if self.shard.closed_s <= next_s and not self.unread and all(lane.ends() for lane in self.lanes):
                self.ended.succeed()
                for child in self.children:
                    child.begin(next_s + child.discovery_s)
                return
            if cut and lattice and self.poller.backlog_interval_s != self.poller.interval_s:
                next_s += self.poller.backlog_interval_s
            else:
                next_s = self.schedule.after(next_s)

    def read_page(self, now: float) -> bool:
        """Hand one page over to the lanes; return whether a limit cut it. What is trimmed does not count."""
        records = size = 0
        trimmed = True
        while self.visible.items:
            record = self.visible.items[0]
            if record.outcome == "skipped":
                self.visible.get()
                continue
            trimmed = trimmed and record.written_s < now - self.retention_s
            if trimmed:
                self.visible.get()
                self.hand_over(record)
                continue
            full = records == self.poller.records_per_read or size + record.size_bytes > self.poller.bytes_per_read
            if records and full:
                return True
            self.visible.get()
            self.hand_over(record)
            records, size = records + 1, size + record.size_bytes
        return False

    def hand_over(self, record: Record) -> None:
        self.unread -= 1
        if record.number in self.passed_over:
            record.outcome = self.passed_over[record.number]
        else:
            self.lane_of[record.number].take_in(record)


class ReferenceLane:
    """One lane: its records pass through a store, one by one; one batch at a time leaves."""

    def __init__(
        self,
        clock: Clock,
        mapping: EventSourceMapping,
        scenario: Scenario,
        reading: ShardReading,
        number: int,
        fleet: Fleet,
        streams: RandomStreams,
        reference: Reference,
        pauses: Pauses,
    ) -> None:
        self.clock, self.mapping, self.fleet, self.reference = clock, mapping, fleet, reference
        self.retention_s, self.start_epoch_s = scenario.stream.retention_s, scenario.start_epoch_s
        self.reading, self.pauses = reading, pauses
        self.shard, self.number = reading.shard.index, number
        self.store = simpy.Store(clock)
        self.busy = False
        self.arrival = clock.event()
        name = f"{mapping.label}/{self.shard}/{number}"
        self.handler = Handler(mapping, scenario.stream.view_type, streams, name)
        self.jitter = streams(f"retry.jitter/{name}")

    @property
    def wants_more(self) -> bool:
        buffer = self.mapping.poller.read_ahead_batches * self.mapping.batch_size
        return not self.busy or len(self.store.items) < buffer

    def ends(self) -> bool:
        """Return whether nothing is left to do, now that the shard has been seen to end."""
        return not self.busy and not self.store.items

    def take_in(self, record: Record) -> None:
        self.store.put(record)
        self.arrival.succeed()
        self.arrival = self.clock.event()

    def work(self, begin_s: float) -> Steps:
        ended_s, ready_s = begin_s, begin_s
        while True:
            batch, closed_s, ticket = yield from self.gather(ended_s, ready_s)
            self.busy = True
            ended_s = yield from self.deliver(batch, closed_s, ticket)
            self.busy = False
            ready_s = ended_s + self.mapping.poller.turnaround_s

    # gathering

    def gather(self, opened_s: float, ready_s: float) -> Steps:
        clock, window_s = self.clock, self.mapping.maximum_batching_window_in_seconds
        number = 1
        while True:
            ticket, waits = clock.ticket(), not self.store.items
            if (yield from self.gives_up_waiting(ready_s, ticket)):
                ready_s = self.pauses.resumed_s(max(clock.now, ready_s))
                yield clock.at(ready_s, LANE, ticket)
                return [], ready_s, ticket
            if window_s:
                # the windows that passed in the meantime were empty
                number = max(number, math.ceil((clock.now - opened_s) / window_s)) if waits else number
                # what is forgotten opens no window: the one that is open goes on
                number = yield from self.when_window_closes(opened_s, window_s, number, ticket)
            else:
                yield from self.when_any(ticket)
            ready_s = self.pauses.resumed_s(max(clock.now, ready_s))
            yield clock.at(ready_s, LANE, ticket)
            if not self.forget_trimmed(ready_s):
                break
        batch = []
        for _ in range(self.fitting()[0]):
            batch.append((yield self.store.get()))  # noqa: PERF401 - no yield in a comprehension
        return batch, ready_s, ticket

    def gives_up_waiting(self, ready_s: float, ticket: int) -> Steps:
        """Return whether there is something else to do than wait for a record: here there never is."""
        yield from ()
        return False

    def forget_trimmed(self, now: float) -> bool:
        """Let go what the stream trimmed before it was ever sent; return whether there was any."""
        kept = [record for record in self.store.items if record.written_s >= now - self.retention_s]
        forgotten = self.store.items[: len(self.store.items) - len(kept)]
        self.conclude(forgotten, "expired")
        self.store.items = kept
        return bool(forgotten)

    def when_any(self, ticket: int) -> Steps:
        if not self.store.items:
            yield self.arrival

    def when_window_closes(self, opened_s: float, window_s: float, number: int, ticket: int) -> Steps:
        """Wait until a batch is full, or a window ends in which there was anything; return that window's number.

        Windows follow back to back, and the wait begins in the one with the given number.
        """
        while True:
            ends = self.clock.at(opened_s + number * window_s, LANE, ticket)
            while not ends.processed and not self.fitting()[1]:
                yield ends | self.arrival
            if self.store.items:
                return number
            number += 1

    def fitting(self) -> tuple[int, bool]:
        """Return how many of the records at hand fit into one batch, and whether that batch is full."""
        payload = 0
        for count, record in enumerate(self.store.items):
            payload += record.payload_bytes
            full = count == self.mapping.batch_size or payload > PAYLOAD_LIMIT_BYTES
            if count and (full or not self.belong_together(self.store.items[0], record)):
                return count, True
        return len(self.store.items), len(self.store.items) == self.mapping.batch_size

    def belong_together(self, first: Record, record: Record) -> bool:
        """Return whether a batch that begins with one record may hold another."""
        return True

    # delivering

    def deliver(self, batch: list[Record], now: float, ticket: int) -> Steps:
        """Send a batch, and the batches that it leaves, oldest first; return when the last one was settled."""
        pending = [batch]
        while pending:
            ended_s, rest = yield from self.settle(pending.pop(0), now, ticket)
            pending = rest + pending
            now, ticket = ended_s + self.mapping.poller.turnaround_s, self.clock.ticket()
        return ended_s

    def settle(self, batch: list[Record], now: float, ticket: int) -> Steps:
        attempts = throttles = 0
        while True:
            now = self.pauses.resumed_s(now)
            if now > self.clock.now:
                # what is left of a batch goes on in the same turn, where the lane needs no rest
                yield self.clock.at(now, LANE, ticket)
            young = self.drop_old(batch, now)
            if len(young) < len(batch):
                return now, [young] if young else []
            outcome, ended_s, done = yield from self.invoke(batch, attempts + 1, now)
            ticket = self.clock.ticket()
            if outcome == "throttled":
                throttles += 1
                now += self.delay(self.mapping.throttle_backoff or self.mapping.retry_backoff, throttles)
                continue
            attempts += 1
            self.conclude(batch[:done], "processed", ended_s)
            if done or outcome == "success":
                return ended_s, [batch[done:]] if batch[done:] else []
            if self.mapping.bisect_batch_on_function_error and len(batch) > 1:
                return ended_s, [batch[: len(batch) // 2], batch[len(batch) // 2 :]]
            if 0 <= self.mapping.maximum_retry_attempts < attempts:
                self.conclude(batch, "discarded")
                return ended_s, []
            now = ended_s + self.delay(self.mapping.retry_backoff, attempts)

    def drop_old(self, batch: list[Record], now: float) -> list[Record]:
        """Return the batch without the leading records that the stream trimmed, or (if none) the mapping gives up."""
        age_s = self.mapping.maximum_record_age_in_seconds
        for outcome, limit_s in (("expired", self.retention_s), ("discarded", math.inf if age_s < 0 else age_s)):
            old = 0
            while old < len(batch) and now - batch[old].written_s > limit_s:
                old += 1
            if old:
                self.conclude(batch[:old], outcome)
                return batch[old:]
        return batch

    def invoke(self, batch: list[Record], attempt: int, now: float) -> Steps:
        """Attempt a batch; return how that ended, when, and how many leading records are done."""
        payload = sum(record.payload_bytes for record in batch)

        def note(started_s: float, duration_s: float, init_s: float, outcome: str, provisioned: bool = False) -> None:
            self.reference.attempts.append(
                Attempt(
                    self.mapping.label, self.shard, self.number, attempt, started_s, duration_s, init_s,
                    len(batch), payload, outcome, provisioned,
                )
            )  # fmt: skip

        taken = self.fleet.take(now)
        if taken is None:
            note(now, 0.0, 0.0, "throttled")
            return "throttled", now, 0
        environment, placement_s, init_s = taken
        started_s = now + placement_s
        handler_s = started_s + init_s
        for record in batch:
            record.deliveries += 1
            record.received_s = handler_s if record.deliveries == 1 else record.received_s
        duration_s, outcome, done = self.call(batch, payload, handler_s)
        ended_s = handler_s + duration_s
        yield self.clock.at(ended_s, LANE)
        self.fleet.give_back(environment, ended_s, reusable=outcome != "timeout")
        note(started_s, duration_s, init_s, outcome, environment.provisioned)
        return outcome, ended_s, done

    def call(self, batch: list[Record], payload: int, handler_s: float) -> tuple[float, str, int]:
        """Call the handler; return the duration, the outcome, and how many leading records are done."""
        return self.handler.run(batch, payload, handler_s)

    def conclude(self, records: list[Record], outcome: str, completed_s: float = math.nan) -> None:
        for record in records:
            assert record.outcome == "waiting"
            record.outcome, record.completed_s = outcome, completed_s

    def delay(self, backoff: Backoff, retry: int) -> float:
        delay_s = min(backoff.cap_s, backoff.initial_s * backoff.factor ** (retry - 1))
        return delay_s * (1.0 - backoff.jitter * self.jitter.random()) if backoff.jitter else delay_s


class Handler:
    """How the invocations of one lane go."""

    def __init__(self, mapping: EventSourceMapping, view_type: str, streams: RandomStreams, name: str) -> None:
        self.function, self.reports = mapping.function, mapping.reports_item_failures
        law = self.function.duration
        self.factor = law.memory_factor(self.function.memory_mb)
        purpose = f"function.{self.function.name}"
        self.noise = None if law.noise is None else draws(streams(f"{purpose}.duration/{name}"), law.noise)
        self.view_type = view_type
        self.latencies = draws(streams(f"{purpose}.read_back/{name}"), self.function.read_back.latency)
        self.errors: Callable[[], float] = streams(f"{purpose}.errors/{name}").random

    def run(self, batch: list[Record], payload: int, handler_s: float) -> tuple[float, str, int]:
        """Return the duration, the outcome, and how many leading records are done."""
        function, law, failures = self.function, self.function.duration, self.function.failures
        base_s = law.base_s * self.factor
        duration_s = base_s + law.per_record_s * self.factor * len(batch) + law.per_kb_s * self.factor / 1024 * payload
        duration_s *= 1.0 if self.noise is None else next(self.noise)
        reads_s = self.read_items(batch)
        duration_s, base_s = duration_s + reads_s, base_s + reads_s
        down = [outage.kind for outage in failures.outages if outage.start_s <= handler_s < outage.end_s]
        if down[:1] == ["timeout"]:
            return float(function.timeout_s), "timeout", 0
        raised = bool(down) or (failures.error_probability > 0 and self.errors() < failures.error_probability)
        bad = [place for place, record in enumerate(batch) if record.item in failures.poison_items]
        if bad and not raised and bad[0] + 1 < len(batch):
            # the handler stops at the bad record, and has worked off its share of the batch by then
            duration_s = base_s + (duration_s - base_s) * ((bad[0] + 1) / len(batch))
        if duration_s > function.timeout_s:
            return float(function.timeout_s), "timeout", 0
        if raised or (bad and not self.reports):
            return duration_s, "error", 0
        return (duration_s, "partial", bad[0]) if bad else (duration_s, "success", len(batch))

    def reads_back(self, event_name: str) -> bool:
        needs = self.function.needs
        need = needs if isinstance(needs, str) else needs.get(event_name, "keys")
        return (event_name, need, self.view_type) in READS_BACK

    def read_items(self, batch: list[Record]) -> float:
        """Return how long it takes to read the batch's items from the table, where its records do not carry them."""
        items = [record.item for record in batch if self.reads_back(record.event_name)]
        requests = math.ceil(len(set(items)) / 100) if self.function.read_back.batched else len(items)
        return sum(next(self.latencies) for _ in range(requests))
