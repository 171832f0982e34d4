"""One run of an experiment: what a worker is sent, and what it sends back.

Everything that a run depends on is in what is sent, the seed included; so it does not matter where, when or beside
which others it is done.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ddbsim.checks.arguments import checked
from ddbsim.randomness import RandomStreams, Seed
from ddbsim.result.result import Result
from ddbsim.run import draw_writes, run
from ddbsim.scenario import Scenario
from ddbsim.workload import WriteColumns

from .fingerprint import contents_of
from .measures import Measures, measure

__all__ = ["Failure", "Job", "Outcome", "perform", "replication_seed", "seed_text"]

# the writes of two replications: several settings in a row run on the same, and each worker comes to each replication
_KEPT = 2


@checked
def replication_seed(rng: Seed, replication: int) -> np.random.SeedSequence:
    """Return the seed of a replication; type it as `rng` of `simulate` to have that run by itself.

    Parameters
    ----------
    rng
        The seed of the experiment.
    replication
        Number of the replication, from 0. The same number under the same seed has the same writes and the same luck in
        every scenario.

    Examples
    --------
    >>> replication_seed(7, 2).spawn_key
    (2,)
    """
    return RandomStreams(rng).replication(int(replication)).root


def seed_text(seed: np.random.SeedSequence) -> str:
    """Return a seed as one types it for `rng`."""
    return RandomStreams(seed).seed


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A run to do.

    Attributes
    ----------
    scenario, seed
        What to run.
    measure
        What to keep of it: a function of an importable module, from a Result to something small that can be pickled.
    """

    scenario: Scenario
    seed: np.random.SeedSequence
    measure: Callable[[Result], Any] = measure


@dataclass(frozen=True, slots=True)
class Failure:
    """A run that raised.

    Attributes
    ----------
    error
        Kind and message.
    """

    error: str

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """Return what is told of an error."""
        return cls(f"{type(error).__name__}: {error}")


Outcome = Measures | Failure


def perform(job: Job) -> Any:
    """Do a run and return its measures, or the failure if it raised.

    Raises
    ------
    KeyboardInterrupt
        After Ctrl-C: a part of a run measures nothing.
    """
    try:
        # a fresh one: numpy's keeps count of its children
        streams = RandomStreams(np.random.SeedSequence(job.seed.entropy, spawn_key=job.seed.spawn_key))
        result = run(job.scenario, _writes(job.scenario, streams), streams)
        if result.partial:
            raise KeyboardInterrupt
        return job.measure(result)
    except Exception as error:  # whatever one run raises, the others go on
        return Failure.of(error)


_drawn: OrderedDict[int, tuple[Any, WriteColumns]] = OrderedDict()
_lock = threading.Lock()


def _writes(scenario: Scenario, streams: RandomStreams) -> WriteColumns:
    """Return the writes of a replication, drawn once for all settings that run on them here one after the other."""
    contents = contents_of(scenario.workload)
    if contents is None:
        return draw_writes(scenario, streams)
    wanted = (contents, scenario.length_s, streams.seed, os.getpid())
    with _lock:
        for known, writes in _drawn.values():
            if known == wanted:
                return writes
    writes = draw_writes(scenario, streams)
    if contents_of(scenario.workload) != contents:
        # a file was edited while it was read
        return writes
    with _lock:
        _drawn[id(writes)] = (wanted, writes)
        while len(_drawn) > _KEPT:
            _drawn.popitem(last=False)
    return writes
