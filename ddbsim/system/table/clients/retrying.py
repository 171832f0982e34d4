"""What the clients do about throttles: wait and try again, or give up."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from ddbsim.distributions import as_distribution
from ddbsim.log.throttling import Written
from ddbsim.randomness import RandomStreams
from ddbsim.scenario import Writer
from ddbsim.system.hashing import uniform_of

from .attempts import Attempts
from .quota import Quotas

__all__ = ["Retrying"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int8]

_ATTEMPT_BITS = 6  # at most 32 attempts

Settled: TypeAlias = tuple[Ints, Codes]


class SecondRemainder(NamedTuple):
    """What is left of a second for retries within it: all are refused, as no bucket is filled before the next.

    They get the reason of the attempt before, or the table's own once that is empty too. That a write need no longer
    ask an index for anything, as its item has changed since, is seen in the next second.

    Attributes
    ----------
    until_s
        Its end.
    emptied
        Instant and request after which the table itself was empty.
    table_reason
        Why it refuses from then on.
    """

    until_s: float
    emptied: tuple[float, int]
    table_reason: int

    @classmethod
    def of(cls, until_s: float, tried: Attempts, emptied: int, table_reason: int) -> SecondRemainder:
        """Return it for a second, or what the run has of it, in which the attempt `emptied` left the table empty."""
        if emptied >= len(tried):
            after = (np.inf, 0)
        elif emptied < 0:
            after = (-np.inf, 0)
        else:
            after = (float(tried.at_s[emptied]), int(tried.request[emptied]))
        return cls(until_s, after, table_reason)

    def table_is_empty(self, attempts: Attempts) -> npt.NDArray[np.bool_]:
        """Whether the table is empty when each of them is made."""
        at_s, request = self.emptied
        empty: npt.NDArray[np.bool_] = (attempts.at_s > at_s) | ((attempts.at_s == at_s) & (attempts.request > request))
        return empty


class Retrying:
    """The clients' side of every request.

    Parameters
    ----------
    writer
        Clients, retries, latency.
    requested_s
        When each request is first sent.
    client
        Whose it is; dealt out in turn if None.
    streams
        The run's random streams.
    length_s
        The end of the run: no attempt is made from then on.

    Attributes
    ----------
    attempts, outcome, reason
        Of each request: attempts made, how it ended (`Written`), and its last throttle (`Throttle`).
    last_s
        When its last attempt was made.
    latency_s
        From an attempt to its answer.
    """

    def __init__(
        self, writer: Writer, requested_s: Floats, client: Ints | None, streams: RandomStreams, length_s: float
    ) -> None:
        self.policy, self._length_s = writer.policy, length_s
        count = len(requested_s)
        self.client = np.arange(count) % writer.clients if client is None else client
        self.latency_s = as_distribution(writer.latency).sample(streams("writer.latency"), count)
        self._seed = int(streams("writer.jitter").integers(2**62))
        self._longest = np.array([0.0, *map(self.policy.longest_delay_s, range(1, self.policy.max_attempts + 1))])
        self.attempts = np.ones(count, dtype=np.int16)
        self.outcome = np.zeros(count, dtype=np.int8)
        self.reason = np.zeros(count, dtype=np.int8)
        self.last_s = requested_s.copy()
        self._due: dict[int, list[Attempts]] = {}
        self._quotas = Quotas(self.policy, self.client) if self.policy.quota else None

    def __contains__(self, second: int) -> bool:
        """Whether retries are due in a second."""
        return second in self._due

    @property
    def next_due(self) -> float:
        """The second of the next retry; infinity if none is due."""
        return min(self._due, default=math.inf)

    def due(self, second: int) -> list[Attempts]:
        """Take the retries of a second off the calendar."""
        return self._due.pop(second, [])

    def waiting(self) -> Ints:
        """Return the requests with a retry on the calendar."""
        planned = [attempts.request for of_second in self._due.values() for attempts in of_second]
        return np.concatenate(planned) if planned else np.empty(0, dtype=np.int64)

    def succeed(self, begin: int, end: int) -> None:
        """Take in that the first attempts of the requests [begin, end) were all admitted."""
        if self._quotas is not None:
            self._quotas.succeed(slice(begin, end))

    def settle(self, second: int, tried: Attempts, reason: Codes, emptied: int, table_reason: int) -> Settled:
        """Take in what became of a second's attempts.

        Parameters
        ----------
        second
            Which.
        tried
            Its attempts, but for the retries within it.
        reason, emptied
            As in `Refusals`.
        table_reason
            Why the table refuses once its bucket is empty.

        Returns
        -------
        (int64 array, int8 array)
            Request and reason of each refused attempt, retries within the second included.
        """
        self._admit(tried.pick(reason == 0))
        rest = SecondRemainder.of(min(second + 1.0, self._length_s), tried, emptied, table_reason)
        if self._quotas is None:
            return self._in_rounds(tried.pick(reason != 0), reason[reason != 0], rest)
        return self._within_quota(self._quotas, tried, reason, rest)

    def _admit(self, admitted: Attempts) -> None:
        self.attempts[admitted.request] = admitted.number
        self.outcome[admitted.request] = Written.ADMITTED
        self.last_s[admitted.request] = admitted.at_s

    def _refuse(self, refused: Attempts, reason: Codes) -> None:
        self.attempts[refused.request] = refused.number
        self.outcome[refused.request] = Written.WAITING
        self.last_s[refused.request] = refused.at_s
        self.reason[refused.request] = reason

    def again(self, refused: Attempts) -> Floats:
        """Return when each refused attempt is tried again."""
        delay = self._longest[refused.number]
        if self.policy.jitter:
            drawn = uniform_of((refused.request << _ATTEMPT_BITS) | refused.number, self._seed)
            delay = delay * (1.0 - self.policy.jitter + self.policy.jitter * drawn)
        again: Floats = refused.at_s + self.latency_s[refused.request] + delay
        return again

    def _schedule(self, attempts: Attempts) -> None:
        """Put retries on the calendar, by their second; those beyond the run's end are never made."""
        attempts = attempts.pick(attempts.at_s < self._length_s)
        second = attempts.at_s.astype(np.int64)
        order = np.argsort(second, kind="stable")
        second = second[order]
        starts = np.flatnonzero(np.diff(second, prepend=-1)).tolist()
        for begin, end in pairwise([*starts, len(order)]):
            self._due.setdefault(int(second[begin]), []).append(attempts.pick(order[begin:end]))

    def _in_rounds(self, refused: Attempts, reason: Codes, rest: SecondRemainder) -> Settled:
        """Retry without a quota: all refused attempts at once, then all of their retries within the second."""
        requests, reasons = [refused.request], [reason]
        while len(refused):
            self._refuse(refused, reason)
            gives_up = refused.number >= self.policy.max_attempts
            self.outcome[refused.request[gives_up]] = Written.LOST
            going_on = refused.pick(~gives_up)
            again = Attempts(self.again(going_on), going_on.request, going_on.number + 1)
            soon = again.at_s < rest.until_s
            self._schedule(again.pick(~soon))
            refused, reason = again.pick(soon), reason[~gives_up][soon]
            reason = np.where(rest.table_is_empty(refused), np.int8(rest.table_reason), reason)
            requests.append(refused.request)
            reasons.append(reason)
        return np.concatenate(requests), np.concatenate(reasons)

    def _within_quota(self, quotas: Quotas, tried: Attempts, reason: Codes, rest: SecondRemainder) -> Settled:
        """Retry as far as each client's quota goes."""
        refused, reasons, parent, again_s = self._chains(tried.pick(reason != 0), reason[reason != 0], rest)
        made, again = quotas.spend(tried.pick(reason == 0), refused, parent)
        self._refuse(refused.pick(made), reasons[made])
        self.outcome[refused.request[made & ~again]] = Written.LOST
        later = again & (again_s >= rest.until_s)
        self._schedule(Attempts(again_s[later], refused.request[later], refused.number[later] + 1))
        return refused.request[made], reasons[made]

    def _chains(self, refused: Attempts, reason: Codes, rest: SecondRemainder) -> tuple[Attempts, Codes, Ints, Floats]:
        """Return refused attempts with all their retries within the second, as if no quota stopped them.

        With each comes its reason, the place of the attempt that it retries (-1: none), and when it would be tried
        again.
        """
        parent, count = np.full(len(refused), -1), 0
        rounds: list[tuple[Attempts, Codes, Ints, Floats]] = []
        while len(refused) or not rounds:
            again_s = self.again(refused)
            rounds.append((refused, reason, parent, again_s))
            soon = (again_s < rest.until_s) & (refused.number < self.policy.max_attempts)
            parent, count = count + np.flatnonzero(soon), count + len(refused)
            refused, reason = Attempts(again_s[soon], refused.request[soon], refused.number[soon] + 1), reason[soon]
            reason = np.where(rest.table_is_empty(refused), np.int8(rest.table_reason), reason)
        attempts, *columns = zip(*rounds, strict=True)
        reasons, parents, agains = (np.concatenate(column) for column in columns)
        return Attempts.joined(attempts), reasons, parents, agains
