"""The retry quota of the SDKs: a client that is refused too often stops trying again."""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ddbsim.scenario import Retries

from .attempts import Attempts

__all__ = ["Quotas", "Spent"]

Ints = npt.NDArray[np.int64]

# (time, request, number, reason, time of the next attempt): in the order in which a heap takes them
Refused = tuple[float, int, int, int, float]
Instant = tuple[float, int]
Retry = Callable[[float, int, int, int], Refused | None]


@dataclass(slots=True)
class Spent:
    """What clients did about refused attempts: those refused in the end, those given up, those scheduled."""

    refused: list[tuple[float, int, int]] = field(default_factory=list)
    reasons: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    scheduled: list[tuple[float, int, int]] = field(default_factory=list)


class Quotas:
    """The tokens of each client.

    Parameters
    ----------
    policy
        Size of the quota, cost of a retry, attempts of a call.
    client
        Whose each request is.
    """

    def __init__(self, policy: Retries, client: Ints) -> None:
        self._policy, self._client = policy, client
        self._full = float(policy.quota)
        self._tokens = [self._full] * (int(client.max(initial=-1)) + 1)

    def succeed(self, request: slice) -> None:
        """Give back the tokens of first attempts that were all admitted."""
        for client, gained in enumerate(np.bincount(self._client[request], minlength=len(self._tokens)).tolist()):
            self._tokens[client] = min(self._tokens[client] + gained, self._full)

    def spend(
        self,
        tried: Attempts,
        reason: npt.NDArray[np.int8],
        again_s: npt.NDArray[np.float64],
        retry: Retry,
    ) -> Spent:
        """Let each client, in the order of time, take tokens for its retries and get some back for its successes.

        Parameters
        ----------
        tried, reason
            Attempts in order, and why each was refused (0: it was not).
        again_s
            When each refused one would be tried again.
        retry
            From (time, request, number, former reason) of a retry to what becomes of it at once: a refused attempt,
            or None if it has to wait for its second.
        """
        gain = np.where(tried.number == 1, 1, self._policy.retry_cost) * (reason == 0)
        client = self._client[tried.request]
        order = np.argsort(client, kind="stable")
        starts = np.flatnonzero(np.diff(client[order], prepend=-1)).tolist()
        spent = Spent()
        for begin, end in pairwise([*starts, len(order)]):
            mine = order[begin:end]
            whose, gains = int(client[mine[0]]), [0, *np.cumsum(gain[mine]).tolist()]
            refused = mine[reason[mine] != 0]
            if len(refused):
                instants = list(zip(tried.at_s[mine].tolist(), tried.request[mine].tolist(), strict=True))
                heap = _rows(tried.pick(refused), reason[refused], again_s[refused])
                self._tokens[whose] = self._of_client(self._tokens[whose], heap, instants, gains, retry, spent)
            else:
                self._tokens[whose] = min(self._tokens[whose] + gains[-1], self._full)
        return spent

    def _of_client(
        self, tokens: float, heap: list[Refused], instants: list[Instant], gains: list[int], retry: Retry, spent: Spent
    ) -> float:
        """Go through a client's refused attempts, earliest first; return its tokens after them.

        `gains` are the tokens given back by the time of each of its attempts, which are at `instants`.
        """
        seen = 0
        policy = self._policy
        while heap:
            at_s, request, number, why, next_s = heapq.heappop(heap)
            gained = gains[bisect_left(instants, (at_s, request))]
            tokens, seen = min(tokens + gained - seen, self._full), gained
            spent.refused.append((at_s, request, number))
            spent.reasons.append(why)
            if number >= policy.max_attempts or tokens < policy.retry_cost:
                spent.lost.append(request)
                continue
            tokens -= policy.retry_cost
            again = retry(next_s, request, number + 1, why)
            if again is None:
                spent.scheduled.append((next_s, request, number + 1))
            else:
                heapq.heappush(heap, again)
        return min(tokens + gains[-1] - seen, self._full)


def _rows(refused: Attempts, reason: npt.NDArray[np.int8], again_s: npt.NDArray[np.float64]) -> list[Refused]:
    columns = (refused.at_s, refused.request, refused.number, reason, again_s)
    return list(zip(*(column.tolist() for column in columns), strict=True))
