"""The table one attempt after the other: where what a client sends depends on what became of its attempts before.

That is so of clients that wait for an answer before their next write, and of the SDKs' adaptive mode.
"""

from __future__ import annotations

import heapq
import math

import numpy as np
import numpy.typing as npt

from ddbsim.log.throttling import Written
from ddbsim.randomness import RandomStreams
from ddbsim.scenario import Scenario
from ddbsim.workload import WriteColumns

from .clients.attempts import Attempts
from .clients.rate_limiter import RateLimiter
from .clients.retrying import Retrying
from .interval import Interval
from .items import ItemsOnDemand
from .per_second import PerSecondTable

__all__ = ["PerAttemptTable"]


class PerAttemptTable(PerSecondTable):
    """One run of the table, attempt by attempt.

    Parameters
    ----------
    scenario, writes, units, streams, items
        As `PerSecondTable` takes them.

    Attributes
    ----------
    clients
        The clients' side.
    sent_s
        When each request was first sent; NaN if its client did not come to it.
    """

    def __init__(
        self,
        scenario: Scenario,
        writes: WriteColumns,
        units: npt.NDArray[np.int32],
        streams: RandomStreams,
        items: ItemsOnDemand | None = None,
    ) -> None:
        super().__init__(scenario, writes, units, streams, items)
        self._charges.begin(np.empty(0))
        self.clients: Retrying = self._clients()
        self.retrying = self.clients
        self.clients.outcome[:] = Written.WAITING
        self._client = self.clients.client.tolist()
        count = int(self.clients.client.max(initial=-1)) + 1
        self._tokens = [float(self.clients.policy.quota)] * count
        self._limiters = [RateLimiter() for _ in range(count)]
        self.sent_s = np.full(len(self.groups), np.nan)
        self._think_s: list[float] | None = None
        self._next: list[list[int]] = []
        # (instant, request, attempt, whether the rate limiter let it pass)
        self._heap: list[tuple[float, int, int, bool]] = []
        self._begin(count)

    def _begin(self, clients: int) -> None:
        at_s = self.groups.of_requests(self._writes.at_s)
        if self._writes.think_s is None:
            self._heap = [(instant, request, 1, False) for request, instant in enumerate(at_s.tolist())]
            return
        self._think_s = self.groups.of_requests(self._writes.think_s).tolist()
        order = np.argsort(self.clients.client, kind="stable")
        ends = np.cumsum(np.bincount(self.clients.client, minlength=clients))
        # a client's requests, the next one last
        self._next = [part[::-1].tolist() for part in np.split(order, ends[:-1])]
        for client in range(clients):
            self._send_next(client, 0.0)

    def _send_next(self, client: int, now: float) -> None:
        if self._think_s is not None and self._next[client]:
            request = self._next[client].pop()
            heapq.heappush(self._heap, (now + self._think_s[request], request, 1, False))

    def _next_request_s(self) -> float:
        return self._heap[0][0] if self._heap else math.inf

    def _pass(self, stretch: Interval) -> None:
        stretch.used[:] = 0.0
        for turn in range(stretch.seconds):
            second = stretch.begin + turn
            if self.buckets.at_rest and self._next_request_s() >= stretch.begin + stretch.seconds:
                self.ledger.save(second, stretch.begin + stretch.seconds, self.table.saved)
                break
            until_s = min(second + 1.0, self._scenario.length_s)
            self.buckets.refill()
            while self._heap and self._heap[0][0] < until_s:
                self._attempt(stretch, turn, *heapq.heappop(self._heap))
            self.ledger.saved[second] = self.table.saved
        self._finish(stretch)

    def _attempt(self, stretch: Interval, turn: int, now: float, request: int, number: int, passed: bool) -> None:
        client = self._client[request]
        if number == 1 and not passed:
            self.sent_s[request] = now
        if self.clients.policy.adaptive and not passed:
            delay_s = self._limiters[client].delay(now)
            if delay_s > 0:
                heapq.heappush(self._heap, (now + delay_s, request, number, True))
                return
        rows = self.groups.rows(np.array([request]))[0].tolist()
        for row in rows:
            self._charges.charge_one(row, now)
        reason = min((code for row in rows if (code := self._refusal(row))), default=0)
        self.clients.attempts[request], self.clients.last_s[request] = number, now
        if self.clients.policy.adaptive:
            self._limiters[client].learn(now, reason != 0)
        if reason:
            self._refused(stretch, turn, now, request, number, reason, rows)
        else:
            self._admitted(stretch, turn, now, request, number, rows)

    def _refusal(self, row: int) -> int:
        return self.buckets.refusal(self.keys.partition, self._demand, row)

    def _admitted(self, stretch: Interval, turn: int, now: float, request: int, number: int, rows: list[int]) -> None:
        client, policy, second = self._client[request], self.clients.policy, stretch.begin + turn
        for row in rows:
            self.buckets.draw(self.keys.partition, self._charges.units, self._demand, row)
            stretch.used[turn, self.keys.partition[row]] += self._charges.units[row]
            self.ledger.index_units[second] += [int(one.units[row]) for one in self._demand]
        self.ledger.admitted[second] += len(rows)
        self._charges.take(np.array(rows), np.full(len(rows), now))
        self.clients.outcome[request] = Written.ADMITTED
        gain = 1 if number == 1 else policy.retry_cost
        self._tokens[client] = min(self._tokens[client] + gain, float(policy.quota))
        self._send_next(client, now + float(self.clients.latency_s[request]))

    def _refused(
        self, stretch: Interval, turn: int, now: float, request: int, number: int, reason: int, rows: list[int]
    ) -> None:
        client, policy, second = self._client[request], self.clients.policy, stretch.begin + turn
        self.clients.reason[request] = reason
        self.ledger.throttles[second, reason] += len(rows)
        self.ledger.throttled_requests[second] += 1
        for row in rows:
            stretch.throttled[turn, self.keys.partition[row]] += 1
        if number >= policy.max_attempts or (policy.quota and self._tokens[client] < policy.retry_cost):
            self.clients.outcome[request] = Written.LOST
            self._send_next(client, now + float(self.clients.latency_s[request]))
            return
        self._tokens[client] -= policy.retry_cost if policy.quota else 0
        again_s = float(self.clients.again(Attempts.of_rows([(now, request, number)]))[0])
        heapq.heappush(self._heap, (again_s, request, number + 1, False))

    def _to_come(self) -> npt.NDArray[np.bool_]:
        to_come: npt.NDArray[np.bool_] = self.groups.spread(self.clients.outcome) == Written.WAITING
        return to_come
