"""Clients that wait: each sends its next write some time after the answer to the one before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ddbsim.checks.bounds import MOST_CLIENTS, beyond, is_number
from ddbsim.distributions import Distribution, as_distribution
from ddbsim.randomness import RandomStreams
from ddbsim.workload.columns import Floats, Ints, WriteColumns
from ddbsim.workload.rates import RateProfile, Steps
from ddbsim.workload.writes import DrawnWrites

from .checks import whole_number

__all__ = ["ClosedLoopWrites"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedLoopWrites(DrawnWrites):
    """Writes of a number of clients that think, write, and wait for the answer: a slow table slows them down.

    Open-loop writes (`PoissonWrites`) come however the table fares; these wait while one is retried. How long an
    answer takes is the scenario's `Writer.latency`.

    Parameters
    ----------
    clients
        How many there are, 1..1,000,000.
    think_s
        From an answer to the next write, seconds: a number or a distribution with a mean > 0.
    item_bytes, keys, operations, key_bytes
        As in `DrawnWrites`.

    Examples
    --------
    >>> ClosedLoopWrites(clients=10, think_s=0.5).expected_writes(60)
    1200.0
    """

    clients: int
    think_s: float | Distribution

    def __post_init__(self) -> None:
        DrawnWrites.__post_init__(self)
        clients = whole_number("ClosedLoopWrites: clients", self.clients, low=1, high=MOST_CLIENTS)
        object.__setattr__(self, "clients", clients)
        try:
            mean_s = as_distribution(self.think_s).mean
        except ValueError as error:
            raise ValueError(f"ClosedLoopWrites: think_s: {error}") from None
        if not is_number(mean_s, low=0.0, above=True):
            more = beyond(mean_s, low=0.0)
            raise ValueError(f"ClosedLoopWrites: think_s must have a mean > 0{more}, got {mean_s:g}")

    @property
    def profile(self) -> RateProfile:
        """The rate that the clients would reach if every answer came at once."""
        return Steps((0.0,), (self.clients / as_distribution(self.think_s).mean,))

    def expected_writes(self, duration_s: float, *, answer_s: float = 0.0) -> float:
        """Return how many writes to expect in [0, duration_s), if each has its answer after `answer_s` seconds."""
        each_s = as_distribution(self.think_s).mean + answer_s
        return self._checked_duration(duration_s) * self.clients / each_s

    @property
    def steady(self) -> bool:
        """Whether writes come at one rate all the time: as steadily as clients think."""
        return True

    @property
    def rate_field(self) -> str | None:
        """None: how fast clients write follows from the answers that they wait for."""
        return None

    def draw(self, duration_s: float, streams: RandomStreams) -> WriteColumns:
        """Return at least the writes of [0, duration_s), as if every answer came at once; the table times them."""
        at_s, client, think_s = self._plan(self._checked_duration(duration_s), streams("writes.think"))
        writes = self._draw_at(at_s, streams)
        return writes.take(slice(None), client=client, think_s=think_s)

    def _plan(self, duration_s: float, rng: np.random.Generator) -> tuple[Floats, Ints, Floats]:
        """Return instant, client and think time of each write, by time."""
        think = as_distribution(self.think_s)
        times, thinks = np.zeros((self.clients, 1)), np.zeros((self.clients, 0))
        block = int(duration_s / think.mean * 1.1) + 16
        while times[:, -1].min() < duration_s:
            more = think.sample(rng, self.clients * block).reshape(self.clients, block)
            thinks = np.concatenate((thinks, more), axis=1)
            times = np.cumsum(np.concatenate((times[:, :1], thinks), axis=1), axis=1)
        client, turn = np.nonzero(times[:, 1:] < duration_s)
        at_s = times[client, turn + 1]
        order = np.argsort(at_s, kind="stable")
        return at_s[order], client[order].astype(np.int64), thinks[client, turn][order]

    def _arrivals(self, duration_s: float, rng: np.random.Generator) -> Floats:
        return self._plan(duration_s, rng)[0]
