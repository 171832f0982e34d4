"""The table's reference model: one attempt after the other, in the order of time, with nothing clever in it.

An attempt meets the buckets as they are at its instant. Every second begins with filling them, every minute ends with
looking at what was consumed. What is drawn beforehand (writes, latencies, jitter, what indexes get) is taken over from
the package; all that follows from it is worked out here, attempt by attempt.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import numpy as np

import ddbsim as ds
from ddbsim.distributions import as_distribution
from ddbsim.randomness import RandomStreams
from ddbsim.run import draw_writes
from ddbsim.system.hashing import partition_hash, uniform_of
from ddbsim.system.table.capacity.index_writes import index_demand
from ddbsim.workload import OPERATIONS, TRANSACTION

__all__ = ["Reference", "take_one_by_one"]

HASHES = 2**32


@dataclass
class Bucket:
    """The units of a table or an index."""

    billing: ds.Provisioned | ds.OnDemand
    quota: int
    start_epoch_s: float
    level: float = 0.0
    peak: float = 0.0
    instant: float = 0.0
    high_water: float = 0.0
    rate: float = 0.0
    above: int = 0
    below: int = 0
    last_out_s: float = -math.inf
    last_in_s: float = -math.inf
    decreases: list = field(default_factory=list)
    pending: list = field(default_factory=list)
    used: float = 0.0

    def __post_init__(self):
        self.use(self.billing)
        if self.provisioned:
            self.level = self.billing.initial_burst_s * self.billing.write_capacity_units

    def follows(self, own):
        """Whether the last planned mode is another than its own."""
        return bool(self.pending) and self.pending[-1][1] is not own

    @property
    def provisioned(self):
        return isinstance(self.billing, ds.Provisioned)

    def use(self, billing):
        self.billing = billing
        if self.provisioned:
            self.set(billing.write_capacity_units)
            self.above = self.below = 0
            self.last_out_s = self.last_in_s = -math.inf
            self.decreases = []
        else:
            self.instant = 0.0
            self.grow(max(billing.warm_write_units_per_s, self.high_water, 2 * self.peak))

    def set(self, units):
        self.rate = float(units)
        self.high_water = max(self.high_water, self.rate)

    def grow(self, units):
        self.instant = max(self.instant, units)
        self.high_water = max(self.high_water, self.instant)
        limits = [self.quota, self.instant]
        if self.billing.max_write_request_units is not None:
            limits.append(self.billing.max_write_request_units)
        self.rate = float(min(limits))

    @property
    def reason(self):
        if self.provisioned:
            return "ProvisionedThroughputExceeded"
        if self.billing.max_write_request_units == self.rate:
            return "MaxOnDemandThroughputExceeded"
        return "AccountLimitExceeded" if self.rate == self.quota else "KeyRangeThroughputExceeded"

    def refill(self):
        kept = self.billing.burst_s * self.rate if self.provisioned else 0.0
        self.level = min(self.level, kept) + self.rate

    def end_minute(self, now):
        used, self.used = self.used / 60, 0.0
        if not self.provisioned:
            if used > self.peak:
                self.peak = used
                if 2 * used > self.instant:
                    self.pending.append((math.ceil(now + self.billing.peak_growth_s), 2 * used))
            return
        scaling = self.billing.auto_scaling
        if scaling is None:
            return
        percent = 100 * used / self.rate
        self.above = self.above + 1 if percent > scaling.target_value else 0
        self.below = self.below + 1 if percent < scaling.target_value - scaling.scale_in_margin else 0
        if self.pending and any(not isinstance(what, ds.Provisioned | ds.OnDemand) for _, what in self.pending):
            return
        wanted = math.ceil(100 * used / scaling.target_value - 1e-9)
        wanted = min(max(wanted, scaling.min_capacity), scaling.max_capacity)
        effective = math.ceil(now + scaling.metric_delay_s + scaling.update_delay_s)
        cooled = now >= self.last_out_s + scaling.scale_out_cooldown_s
        if self.above >= scaling.scale_out_minutes and wanted > self.rate and cooled:
            self.last_out_s = now
            self.pending.append((effective, wanted))
        if self.below >= scaling.scale_in_minutes and wanted < self.rate and not self.above:
            cooled = now >= self.last_in_s + scaling.scale_in_cooldown_s
            if cooled and self.may_decrease(now):
                self.last_in_s = now
                self.decreases.append(now)
                self.pending.append((effective, wanted))

    def may_decrease(self, now):
        into_day = (now + self.start_epoch_s) % 86_400
        today = [at for at in self.decreases if at >= now - into_day]
        if len(today) >= 27:
            return False
        if into_day < 3_600 and len(today) < 4:
            return True
        return not self.decreases or now - self.decreases[-1] >= 3_600

    def change(self, now):
        due = sorted((one for one in self.pending if one[0] <= now), key=lambda one: one[0])
        self.pending = [one for one in self.pending if one[0] > now]
        for _, what in due:
            if isinstance(what, ds.Provisioned | ds.OnDemand):
                self.pending = [one for one in self.pending if isinstance(one[1], ds.Provisioned | ds.OnDemand)]
                self.use(what)
            elif self.provisioned:
                self.set(what)
            else:
                self.grow(what)


@dataclass
class Slice:
    """A partition."""

    low: int
    high: int
    parent: int
    opened_s: float
    closed_s: float = math.inf
    level: float = 0.0
    used: float = 0.0
    hot_minutes: int = 0


@dataclass
class Reference:
    """What became of each write, and the partitions."""

    attempts: list
    outcome: list
    reason: list
    admitted_s: list
    partition: list
    slices: list
    throttles: Counter
    tokens: dict
    operation: list
    units: list


class OneByOne:
    def __init__(self, scenario, seed):
        self.streams = RandomStreams(seed)
        self.scenario, self.table_config = scenario, scenario.table
        self.writes = draw_writes(scenario, self.streams)
        writes = self.writes
        self.policy = scenario.writer.policy
        kinds = [0] * len(writes) if writes.kind is None else writes.kind.tolist()
        self.kinds = kinds
        self.units = [0] * len(writes)
        # item -> the size at which the last write left it, and when that expires
        self.sizes = {}
        for item, before in zip(writes.item_id[::-1].tolist(), writes.bytes_before[::-1].tolist(), strict=True):
            self.sizes[item] = (before, math.inf)
        self.late = self.lateness()
        self.hashes = partition_hash(writes.item_id).tolist()
        self.requests = self.group(kinds)
        clients = [n % scenario.writer.clients for n in range(len(self.requests))]
        self.client = clients
        latency = as_distribution(scenario.writer.latency).sample(self.streams("writer.latency"), len(self.requests))
        self.latency = latency.tolist()
        self.jitter_seed = int(self.streams("writer.jitter").integers(2**62))
        table, start = self.table_config, scenario.start_epoch_s
        self.table = Bucket(table.billing, table.write_quota_per_s, start)
        for switch in table.stated_switches:
            self.table.pending.append((math.ceil(switch.at_s), switch.billing))
        self.demands = [index_demand(one, writes, self.streams) for one in table.indexes]
        self.index_units = [[] for _ in writes.at_s]
        self.indexes = [Bucket(one.billing or table.billing, table.write_quota_per_s, start) for one in table.indexes]
        for index, bucket in zip(table.indexes, self.indexes, strict=True):
            for switch in table.stated_switches:
                own = index.billing if type(index.billing) is type(switch.billing) else None
                if own is None or bucket.follows(index.billing):
                    bucket.pending.append((math.ceil(switch.at_s), own or switch.billing))
        self.index_slices = [[0.0] * one.partitions for one in table.indexes]
        count = table.initial_partitions
        bounds = [-(-n * HASHES // count) for n in range(count + 1)]
        self.slices = [Slice(bounds[n], bounds[n + 1], -1, 0.0) for n in range(count)]
        self.splits = [(math.ceil(one.at_s), one.partition, None) for one in table.stated_splits]
        self.tokens = defaultdict(lambda: float(self.policy.quota))
        self.last = {}
        rows = len(writes)
        self.result = Reference(
            [1] * rows,
            ["waiting"] * rows,
            [""] * rows,
            [math.nan] * rows,
            [-1] * rows,
            self.slices,
            Counter(),
            {},
            [""] * rows,
            self.units,
        )

    def lateness(self):
        expiry = self.table_config.time_to_live
        if expiry is None:
            return None
        return as_distribution(expiry.late).sample(self.streams("table.ttl"), len(self.writes)).tolist()

    def due(self, row, now):
        """Return when the item that a write leaves is deleted."""
        expiry, count = self.table_config.time_to_live, self.table_config.initial_partitions
        if expiry is None:
            return math.inf
        phase = (self.hashes[row] * count // HASHES + 0.5) / count * expiry.scan_s
        expired = now + (expiry.after_s + self.late[row])
        return max(math.ceil((expired - phase) / expiry.scan_s) * expiry.scan_s + phase, expired)

    def meet(self, row, now):
        """Return what a write does to the item that it finds: operation, size before and after."""
        size, due = self.sizes[int(self.writes.item_id[row])]
        before = 0 if due < now else size
        planned = OPERATIONS[self.writes.operation[row]]
        if planned == "NO_OP" or (planned == "REMOVE" and not before):
            return "NO_OP", before, before
        if planned == "REMOVE":
            return "REMOVE", before, 0
        return "MODIFY" if before else "INSERT", before, int(self.writes.bytes_after[row])

    def charge(self, row, now):
        """Work out the units of a write, and of its entries in the indexes."""
        operation, before, after = self.meet(row, now)
        larger = max(before, after)
        self.units[row] = max(-(-larger // 1024), 1) * (2 if self.kinds[row] == TRANSACTION else 1)
        self.index_units[row] = [
            self.entries(index, demand.drawn[row], operation) * max(math.ceil(larger * index.projected_share / 1024), 1)
            for index, demand in zip(self.table_config.indexes, self.demands, strict=True)
        ]

    def entries(self, index, drawn, operation):
        if operation != "MODIFY":
            return 0 if operation == "NO_OP" else 1
        if drawn >= 1.0 - index.untouched_share:
            return 0
        return 2 if drawn < index.key_changed_share else 1

    def group(self, kinds):
        groups = []
        for row, kind in enumerate(kinds):
            same = row and kind == TRANSACTION and self.writes.request[row] == self.writes.request[row - 1]
            if same:
                groups[-1].append(row)
            else:
                groups.append([row])
        return groups

    def expect(self):
        """Return the units of each write if all are taken at once: the traffic that a cut halves."""
        sizes = dict(self.sizes)
        for row, at in enumerate(self.writes.at_s.tolist()):
            self.charge(row, at)
            if OPERATIONS[self.writes.operation[row]] != "NO_OP":
                self.sizes[int(self.writes.item_id[row])] = (self.meet(row, at)[2], self.due(row, at))
        self.sizes = sizes
        return list(self.units)

    def run(self):
        self.traffic = self.expect()
        heap = [(float(self.writes.at_s[rows[0]]), number, 1) for number, rows in enumerate(self.requests)]
        heapq.heapify(heap)
        for second in range(math.ceil(self.scenario.length_s)):
            self.begin(second)
            while heap and heap[0][0] < min(second + 1, self.scenario.length_s):
                again = self.attempt(*heapq.heappop(heap))
                if again is not None:
                    heapq.heappush(heap, again)
        return self.result

    def begin(self, second):
        if second and second % 60 == 0:
            self.end_minute(second)
        if second:
            for bucket in (self.table, *self.indexes):
                bucket.change(second)
            for planned in [one for one in self.splits if one[0] <= second]:
                self.splits.remove(planned)
                self.split_or_wait(*planned, second)
            missing = math.ceil(self.table.rate / self.table_config.partition_write_units_per_s) - len(self.open())
            while missing > 0 and (old := [n for n in self.open() if self.slices[n].opened_s < second]):
                widest = max(old, key=lambda n: (self.slices[n].high - self.slices[n].low, -n))
                self.split(widest, second, None)
                missing -= 1
        for bucket in (self.table, *self.indexes):
            bucket.refill()
        for one in self.slices:
            one.level = min(one.level, 0.0) + self.cap()
        for number, index in enumerate(self.table_config.indexes):
            cap = math.inf if index.keys is None else self.table_config.partition_write_units_per_s
            self.index_slices[number] = [min(level, 0.0) + cap for level in self.index_slices[number]]

    def cap(self):
        cap = float(self.table_config.partition_write_units_per_s)
        if self.table.provisioned and not self.table.billing.adaptive_capacity:
            cap = min(cap, self.table.rate / len(self.open()))
        return cap

    def open(self):
        return [n for n, one in enumerate(self.slices) if math.isinf(one.closed_s)]

    def split_or_wait(self, at, partition, cut, second):
        """Split a partition, in the next second if it has just begun."""
        if partition < len(self.slices) and self.slices[partition].opened_s < second:
            self.split(partition, second, cut)
        else:
            self.splits.append((second + 1, partition, cut))

    def split(self, partition, at, cut):
        old = self.slices[partition]
        if not math.isinf(old.closed_s):
            return
        old.closed_s = at
        middle = (old.low + old.high) // 2 if cut is None else cut
        self.slices += [Slice(old.low, middle, partition, at), Slice(middle, old.high, partition, at)]

    def end_minute(self, now):
        for bucket in (self.table, *self.indexes):
            bucket.end_minute(now)
        heat = self.table_config.heat_splits
        for number, one in enumerate(self.slices):
            hot = one.used / 60 >= heat.threshold * self.table_config.partition_write_units_per_s
            one.hot_minutes = one.hot_minutes + 1 if hot else 0
            one.used = 0.0
            known = any(partition == number for _, partition, _ in self.splits)
            if heat.enabled and one.hot_minutes >= heat.sustained_minutes and math.isinf(one.closed_s) and not known:
                cut = self.cut(one, now)
                if cut is not None:
                    self.splits.append((math.ceil(now + heat.split_s), number, cut))

    def cut(self, one, now):
        """Return the hash at which the minute's requests to a partition are halved."""
        rows = [
            row
            for row, at in enumerate(self.writes.at_s.tolist())
            if now - 60 <= at < now and one.low <= self.hashes[row] < one.high and self.partition_of(row) is one
        ]
        load = Counter()
        for row in rows:
            load[self.hashes[row]] += self.traffic[row]
        total, left, best = sum(load.values()), 0, None
        for place in sorted(load):
            if left and (best is None or abs(2 * left - total) < abs(2 * best[1] - total)):
                best = (place, left)
            left += load[place]
        if best is None or min(best[1], total - best[1]) / total < self.table_config.heat_splits.least_relief:
            return None
        return best[0]

    def partition_of(self, row):
        return next(one for one in self.slices if math.isinf(one.closed_s) and one.low <= self.hashes[row] < one.high)

    def refusal(self, row):
        if self.table.level <= 0:
            return "TableWrite" + self.table.reason
        if self.partition_of(row).level <= 0:
            return "TableWriteKeyRangeThroughputExceeded"
        parts = zip(self.indexes, self.demands, self.index_slices, self.index_units[row], strict=True)
        for index, demand, slices, units in parts:
            if units:
                if index.level <= 0:
                    return "IndexWrite" + index.reason
                if slices[demand.partition[row]] <= 0:
                    return "IndexWriteKeyRangeThroughputExceeded"
        return ""

    def refusals(self, rows, now, last_second, last_reason):
        for row in rows:
            self.charge(row, now)
        # one refused in this second is again, even if its item no longer asks the index for anything
        again = [last_reason] if last_second == math.floor(now) else []
        return [reason for row in rows if (reason := self.refusal(row))] or again

    def attempt(self, now, request, number):
        rows, result = self.requests[request], self.result
        refusals = self.refusals(rows, now, *self.last.get(request, (-1, "")))
        tokens, policy = self.tokens[self.client[request]], self.policy
        for row in rows:
            result.attempts[row] = number
        if not refusals:
            for row in rows:
                self.take(row, now)
            gain = 1 if number == 1 else policy.retry_cost
            self.tokens[self.client[request]] = min(tokens + gain, float(policy.quota))
            return None
        order = list(ds.log.throttling.THROTTLE_REASONS)
        reason = min(refusals, key=order.index)
        if self.last.get(request, (-1, ""))[0] == math.floor(now) and self.table.level > 0:
            # a retry in the second of its refusal: nothing has been filled, and it gets the same answer
            reason = self.last[request][1]
        self.last[request] = (math.floor(now), reason)
        result.throttles[reason] += len(rows)
        for row in rows:
            result.reason[row] = reason
        if number >= policy.max_attempts or (policy.quota and tokens < policy.retry_cost):
            for row in rows:
                result.outcome[row] = "lost"
            return None
        if policy.quota:
            self.tokens[self.client[request]] -= policy.retry_cost
        delay = min(policy.base_s * 2.0 ** (number - 1), policy.cap_s)
        if policy.jitter:
            drawn = float(uniform_of(np.array([request * 64 + number]), self.jitter_seed)[0])
            delay *= 1.0 - policy.jitter + policy.jitter * drawn
        return now + self.latency[request] + delay, request, number + 1

    def take(self, row, now):
        one = self.partition_of(row)
        one.level -= self.units[row]
        one.used += self.units[row]
        self.table.level -= self.units[row]
        self.table.used += self.units[row]
        for number, (demand, units) in enumerate(zip(self.demands, self.index_units[row], strict=True)):
            self.indexes[number].level -= units
            self.indexes[number].used += units
            self.index_slices[number][demand.partition[row]] -= units
        operation, _, after = self.meet(row, now)
        self.result.operation[row] = operation
        if OPERATIONS[self.writes.operation[row]] != "NO_OP":
            self.sizes[int(self.writes.item_id[row])] = (after, self.due(row, now))
        self.result.outcome[row] = "admitted"
        self.result.admitted_s[row] = now
        self.result.partition[row] = self.slices.index(one)


def take_one_by_one(scenario: ds.Scenario, seed: int) -> Reference:
    """Run the table of a scenario attempt by attempt."""
    return OneByOne(scenario, seed).run()
