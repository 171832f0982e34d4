"""How one consumer reads the shards: when it polls, what it starts behind, and what too many readers cost it.

All of it is drawn before the clock starts: none of it depends on what the lanes do.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ddbsim.aws import limits
from ddbsim.distributions import as_distribution
from ddbsim.randomness import RandomStreams
from ddbsim.scenario import EventSourceMapping, Scenario, Stream

from .schedule import Appointments, Lattice, Pauses, Schedule
from .stream import Shard

__all__ = ["Refusals", "Subscription", "refused_share"]

Floats = npt.NDArray[np.float64]
_BLOCK = 4096


def refused_share(readers: int) -> float:
    """Return the share of reads of a shard that are refused, by the number of its readers (an assumed law).

    AWS states that two may read, and that more may be throttled. Taken here: what two may read is shared by all.
    """
    return max(0.0, 1.0 - int(limits.READERS_PER_SHARD.value) / max(readers, 1))


class Refusals:
    """Decides poll by poll whether a reader is refused, and how long it then waits.

    Parameters
    ----------
    stream
        Gives the delays after a refusal.
    share
        Share of polls that are refused.
    rng
        Where that is drawn from.
    """

    def __init__(self, stream: Stream, share: float, rng: np.random.Generator) -> None:
        self._initial_s, self._cap_s = stream.throttled_read_initial_s, stream.throttled_read_cap_s
        self._share = share
        self._rng = rng
        self._draws: list[float] = []
        self._in_a_row = 0

    def wait_s(self) -> float | None:
        """Return None if the next poll is served, or the delay after its refusal, seconds."""
        if not self._draws:
            self._draws = self._rng.random(_BLOCK).tolist()[::-1]
        if self._draws.pop() >= self._share:
            self._in_a_row = 0
            return None
        # the exponent is bounded: a float overflows
        delay_s = min(self._cap_s, self._initial_s * 2.0 ** min(self._in_a_row, 64))
        self._in_a_row += 1
        return delay_s


class Subscription:
    """One mapping's way of reading the stream.

    Parameters
    ----------
    scenario, mapping
        The run, and the mapping.
    streams
        The run's random streams.

    Attributes
    ----------
    pauses
        When it neither polls nor invokes.
    begin_s
        When it begins.
    refused
        By the number of a shard, the instants of its refused polls.
    """

    def __init__(self, scenario: Scenario, mapping: EventSourceMapping, streams: RandomStreams) -> None:
        self._scenario, self._mapping, self._streams = scenario, mapping, streams
        activation = as_distribution(mapping.poller.activation_delay)
        rng = streams(f"poller.activation/{mapping.label}")
        delays_s = activation.sample(rng, 1 + len(mapping.planned_suspensions)).tolist()
        stretches = [
            (one.start_s, one.end_s + delay_s)
            for one, delay_s in zip(mapping.planned_suspensions, delays_s[1:], strict=True)
        ]
        created_s = mapping.created_s
        if created_s is not None:
            stretches.append((0.0, created_s + delays_s[0]))
        self.pauses = Pauses(stretches)
        self.begin_s = self.pauses.resumed_s(0.0)
        self.refused: dict[int, Floats] = {}
        self._behind = self._stretches_skipped(stretches)
        self._discovery = as_distribution(mapping.poller.shard_discovery_delay)
        self._refused_share = refused_share(len(scenario.mappings) + len(scenario.other_readers))

    def _stretches_skipped(self, stretches: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        """Return when records become visible that a mapping with LATEST never gets."""
        if self._mapping.starting_position != "LATEST":
            return []
        lost = [
            (start_s, self.pauses.resumed_s(start_s))
            for one, (start_s, _) in zip(self._mapping.planned_suspensions, stretches, strict=False)
            if one.kind == "updated"
        ]
        return lost if self._mapping.created_s is None else [(-np.inf, self.begin_s), *lost]

    def skipped(self, shard: Shard) -> npt.NDArray[np.bool_]:
        """Return for each record of a shard whether the mapping passes over it."""
        skipped = np.zeros(len(shard.visible_s), dtype=np.bool_)
        for start_s, end_s in self._behind:
            skipped[slice(*np.searchsorted(shard.visible_s, [start_s, end_s], side="right"))] = True
        return skipped

    def discovery_s(self, shard: Shard) -> float:
        """Return how long after the end of its parent a shard is first polled, seconds."""
        if shard.parent < 0:
            return 0.0
        rng = self._streams(f"poller.discovery/{self._mapping.label}/{shard.index}")
        return float(self._discovery.sample(rng, 1)[0])

    def schedule(self, shard: Shard) -> Schedule:
        """Return when a shard is polled."""
        purpose, interval_s = f"{self._mapping.label}/{shard.index}", self._mapping.poller.interval_s
        lattice = Lattice(interval_s, float(self._streams(f"poller.phase/{purpose}").uniform(0.0, interval_s)))
        if not self.pauses and not self._refused_share:
            return lattice
        polls_s = self.pauses.outside(lattice.until(self._scenario.length_s))
        if self._refused_share:
            rng = self._streams(f"poller.refusals/{purpose}")
            refusals = Refusals(self._scenario.stream, self._refused_share, rng)
            polls_s, self.refused[shard.index] = _served(polls_s, refusals)
        return Appointments(polls_s)


def _served(polls_s: Floats, refusals: Refusals) -> tuple[Floats, Floats]:
    """Return the polls that are served, and those that are refused; a refused poller sits out its delay."""
    instants = polls_s.tolist()
    served: list[float] = []
    refused: list[float] = []
    next_s = 0.0
    for poll_s in instants:
        if poll_s < next_s:
            continue
        delay_s = refusals.wait_s()
        if delay_s is None:
            served.append(poll_s)
        else:
            refused.append(poll_s)
            next_s = poll_s + delay_s
    return np.array(served), np.array(refused)
