"""How one consumer reads the shards: when it polls, what it starts behind, and what too many readers cost it.

All of it is drawn before the clock starts: none of it depends on what the lanes do.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ddbsim.distributions import as_distribution
from ddbsim.randomness import RandomStreams
from ddbsim.record.polls import Schedule
from ddbsim.record.stream import Shard
from ddbsim.scenario import EventSourceMapping, Scenario
from ddbsim.system.stream.shared_reads import shared_reads

from .schedule import Interrupted, Pauses, PeriodicPolls

__all__ = ["Subscription"]

Floats = npt.NDArray[np.float64]


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
        self._behind = self._stretches_skipped(stretches)
        self._discovery = as_distribution(mapping.poller.shard_discovery_delay)

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
        lattice = PeriodicPolls(interval_s, float(self._streams(f"poller.phase/{purpose}").uniform(0.0, interval_s)))
        shared = shared_reads(self._scenario, shard.opened_s, shard.closed_s, self._streams, purpose)
        if not self.pauses and shared is None:
            return lattice
        return Interrupted(lattice, self._scenario.length_s, self.pauses, shared)
