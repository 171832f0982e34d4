"""The function as the lanes meet it: concurrency, execution environments, and how an invocation goes."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from ddbsim.aws import error_types, limits
from ddbsim.distributions import as_distribution
from ddbsim.log.outcomes import Invoked
from ddbsim.log.reasons import Reason
from ddbsim.randomness import RandomStreams
from ddbsim.scenario import Function, Outage
from ddbsim.system.draws import draws

from .read_back import ReadBacks

__all__ = [
    "PROVISIONED",
    "TIMED_OUT",
    "Call",
    "Concurrency",
    "Environment",
    "Environments",
    "InvocationModel",
    "Outages",
]

TIMED_OUT = Reason(error_types.TIMED_OUT)
_OUT_OF_MEMORY = Reason(error_types.OUT_OF_MEMORY)
# of the law's failures, the field that made them
_OUTAGE = Reason("Failures.outages")
_TRANSIENT = Reason("Failures.error_probability")
_POISON = Reason("Failures.poison_items")


class Concurrency:
    """A limit on invocations at once: of one function that reserved it, or of all the others of the account."""

    __slots__ = ("busy", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.busy = 0


class Environment(NamedTuple):
    """An environment that takes an invocation."""

    idle_s: float
    created_s: float
    placement_s: float
    init_s: float


# an environment of provisioned concurrency: there is nothing to tell one from another
PROVISIONED = Environment(math.inf, math.inf, 0.0, 0.0)


class Environments:
    """The execution environments of one function: last used, first taken; ended by idleness or age.

    Those of provisioned concurrency are taken before all others, and are always ready.

    Parameters
    ----------
    function
        Its cold-start settings.
    concurrency
        The limit that it shares or has reserved, beside what is provisioned.
    streams
        The run's random streams.
    """

    __slots__ = ("_idle", "_idle_lives", "_inits", "_lifetime_s", "_placement_s", "_ready", "concurrency")

    def __init__(self, function: Function, concurrency: Concurrency, streams: RandomStreams) -> None:
        cold = function.cold_start
        self.concurrency = concurrency
        self._ready = function.provisioned_concurrency
        self._idle: list[tuple[float, Environment]] = []
        self._inits = draws(as_distribution(cold.init), streams(f"function.{function.name}.init"))
        self._idle_lives = draws(as_distribution(cold.idle), streams(f"function.{function.name}.idle"))
        self._placement_s = cold.placement_s
        self._lifetime_s = cold.lifetime_s

    def acquire(self, now: float) -> Environment | None:
        """Take an environment, a warm one if there is one; None if the concurrency limit is reached (a throttle)."""
        if self._ready:
            self._ready -= 1
            return PROVISIONED
        concurrency = self.concurrency
        if concurrency.busy >= concurrency.limit:
            return None
        concurrency.busy += 1
        idle = self._idle
        while idle:
            until_s, grant = idle.pop()
            if until_s > now:
                return grant
        return Environment(next(self._idle_lives), now, self._placement_s, next(self._inits))

    def release(self, grant: Environment, now: float, *, reusable: bool = True) -> None:
        """Give an environment back; after a timeout it is not reused, though one that is provisioned is replaced."""
        if grant is PROVISIONED:
            self._ready += 1
            return
        self.concurrency.busy -= 1
        ends_s = min(now + grant.idle_s, grant.created_s + self._lifetime_s)
        if reusable and ends_s > now:
            if grant.init_s or grant.placement_s:
                grant = Environment(grant.idle_s, grant.created_s, 0.0, 0.0)
            self._idle.append((ends_s, grant))


class Outages:
    """The outages of one function, for all of its lanes.

    Parameters
    ----------
    outages
        By their start; they may overlap.
    """

    __slots__ = ("_ends", "_outages")

    def __init__(self, outages: tuple[Outage, ...]) -> None:
        self._outages = outages
        # the latest end of all up to each one
        self._ends = list(accumulate((outage.end_s for outage in outages), max))

    def kind_at(self, started_s: float) -> str | None:
        """Return how invocations fail whose handlers start at an instant: as in the first outage that covers it."""
        first = bisect_right(self._ends, started_s)
        if first < len(self._outages) and self._outages[first].start_s <= started_s:
            return self._outages[first].kind
        return None


class Call(NamedTuple):
    """How an invocation goes.

    Attributes
    ----------
    duration_s
        Of its handler, seconds.
    outcome
        A code of `Invoked`.
    done
        How many leading records are then done.
    state
        With a tumbling window, what it hands on to the next invocation.
    exits
        Whether it ended its process, and the environment with it.
    reason
        Why it failed; None where nothing did.
    worked
        Of a failed call of a user's handler, the places of its batch that the handler came to and did not report.
    """

    duration_s: float
    outcome: int
    done: int
    state: Any = None
    exits: bool = False
    reason: Reason | None = None
    worked: Sequence[int] = ()


class InvocationModel:
    """How one lane's invocations of a function go, by the function's duration law and failures.

    Parameters
    ----------
    function
        Its settings.
    poison
        Lane positions of the records that make the handler raise, ascending.
    reports_item_failures
        Whether the handler may answer with a partial batch response.
    streams, lane_name
        For the lane's own random streams: another lane reshuffles nothing.
    read_backs
        The reads that come before the handler's work, or None where its records hold all it needs.
    outages
        The function's outages, made once for all of its lanes; made from its settings if None.
    """

    __slots__ = (
        "_base_s",
        "_error_probability",
        "_errors",
        "_memory_bytes",
        "_noise",
        "_outages",
        "_per_byte_s",
        "_per_record_s",
        "_poison",
        "_read_backs",
        "_reports",
        "_timeout_s",
        "_trouble",
    )

    def __init__(
        self,
        function: Function,
        poison: list[int],
        reports_item_failures: bool,
        streams: RandomStreams,
        lane_name: str,
        read_backs: ReadBacks | None = None,
        outages: Outages | None = None,
    ) -> None:
        law, failures = function.law, function.failures
        factor = law.memory_factor(function.memory_mb)
        self._base_s = law.base_s * factor
        self._per_record_s = law.per_record_s * factor
        self._per_byte_s = law.per_kb_s * factor / limits.KB
        self._timeout_s = float(function.timeout_s)
        self._noise = (
            None
            if law.noise is None
            else draws(as_distribution(law.noise), streams(f"function.{function.name}.duration/{lane_name}"))
        )
        self._poison = poison
        self._read_backs = read_backs
        self._reports = reports_item_failures
        self._outages = outages or Outages(failures.windows)
        self._error_probability = failures.error_probability
        self._errors = streams(f"function.{function.name}.errors/{lane_name}") if failures.error_probability else None
        self._memory_bytes = failures.out_of_memory_bytes
        self._trouble = bool(poison or failures.outages or failures.error_probability or self._memory_bytes is not None)

    def call(
        self,
        batch: int,
        first: int,
        last: int,
        cumulative_bytes: memoryview,
        started_s: float,
        window: object = None,
    ) -> Call:
        """Return how the invocation with the lane's records [first, last) goes if its handler starts at `started_s`."""
        payload_bytes = cumulative_bytes[last] - cumulative_bytes[first]
        duration_s = self._duration(last - first, payload_bytes)
        reads_s = 0.0
        if self._read_backs is not None:
            reads_s = self._read_backs.seconds(first, last)
            duration_s += reads_s
        if self._trouble:
            return self._troubled(first, last, payload_bytes, started_s, duration_s, self._base_s + reads_s)
        if duration_s > self._timeout_s:
            return Call(self._timeout_s, Invoked.TIMEOUT, 0, reason=TIMED_OUT)
        return Call(duration_s, Invoked.SUCCESS, last - first)

    def _duration(self, records: int, payload_bytes: int) -> float:
        duration_s = self._base_s + self._per_record_s * records + self._per_byte_s * payload_bytes
        return duration_s if self._noise is None else duration_s * next(self._noise)

    def _troubled(
        self, first: int, last: int, payload_bytes: int, started_s: float, duration_s: float, head_s: float
    ) -> Call:
        outage = self.outage_kind(started_s)
        if outage == "timeout":
            return Call(self._timeout_s, Invoked.TIMEOUT, 0, reason=TIMED_OUT)
        reason, done = self._raises(outage), last - first
        if reason is None and self._poison:
            bad = self._first_poison(first, last)
            if bad < last:
                # after its head the handler works through the records in order, and stops at the bad one
                share = (bad + 1 - first) / (last - first)
                duration_s = head_s + (duration_s - head_s) * share if share < 1 else duration_s
                reason, done = _POISON, bad - first
        if duration_s > self._timeout_s:
            return Call(self._timeout_s, Invoked.TIMEOUT, 0, reason=TIMED_OUT)
        if self._memory_bytes is not None and payload_bytes > self._memory_bytes:
            return Call(duration_s, Invoked.OUT_OF_MEMORY, 0, reason=_OUT_OF_MEMORY)
        if reason is None:
            return Call(duration_s, Invoked.SUCCESS, done)
        if self._reports and done < last - first:
            return Call(duration_s, Invoked.PARTIAL, done, reason=reason)
        return Call(duration_s, Invoked.ERROR, 0, reason=reason)

    def _raises(self, outage: str | None) -> Reason | None:
        """Return why an invocation raises whatever its records; None if it does not."""
        if outage is not None:
            return _OUTAGE
        if self._errors is not None and self._errors.random() < self._error_probability:
            return _TRANSIENT
        return None

    def outage_kind(self, started_s: float) -> str | None:
        """Return how invocations fail whose handlers start at an instant: "error", "timeout", or None."""
        return self._outages.kind_at(started_s)

    def _first_poison(self, first: int, last: int) -> int:
        index = bisect_left(self._poison, first)
        return self._poison[index] if index < len(self._poison) else last
