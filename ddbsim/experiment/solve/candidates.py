"""One setting in a search, and what its runs showed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ddbsim.analysis.intervals import Interval, mean_interval
from ddbsim.experiment.runs.measures import Measures
from ddbsim.scenario import Scenario

from .words import processed_share

__all__ = ["Candidate", "paired", "values_of"]

Floats = npt.NDArray[np.float64]


@dataclass(slots=True, eq=False)
class Candidate:
    """One setting in the race.

    Attributes
    ----------
    number, setting, scenario, note
        Which, and what the service would remark on it.
    state
        "open", and in the end one of "chosen", "as cheap", "costs more", "fails", "falls behind", "undecided",
        "unstable", "refused" or "failed".
    why
        In a sentence.
    held
        Whether it was proved to hold the SLO.
    keeps_up
        The verdict, once a longer run than its own was looked at.
    floor
        What Lambda costs a month at the least, USD, where that bounds the objective.
    short, full
        Measures of its short and its full runs, by replication.
    """

    number: int
    setting: dict[str, Any]
    scenario: Scenario | None
    note: str = ""
    state: str = "open"
    why: str = ""
    held: bool = False
    keeps_up: str = ""
    floor: float = -math.inf
    short: list[Measures] = field(default_factory=list)
    full: list[Measures] = field(default_factory=list)

    def fall(self, state: str, why: str) -> None:
        """Leave the race."""
        self.state, self.why = state, why

    @property
    def made(self) -> Scenario:
        """The scenario, of a setting that makes one."""
        assert self.scenario is not None
        return self.scenario

    @property
    def runs(self) -> list[Measures]:
        """The full runs if there are any, else the short ones."""
        return self.full or self.short

    def values(self, metric: str) -> Floats:
        """Return a metric of the full runs if there are any, else of the short ones."""
        return values_of(self.runs, metric)

    def estimate(self, metric: str, confidence: float = 0.95) -> Interval:
        """Return a metric's interval, of the full runs if there are any."""
        return mean_interval(self.values(metric), confidence)

    @property
    def processed_share(self) -> float:
        """Of the records that were to be processed, the share that was, over all runs."""
        return float(np.mean([processed_share(one.metrics) for one in self.runs])) if self.runs else math.nan


def values_of(runs: Sequence[Measures], metric: str) -> Floats:
    """Return a metric of each of some runs."""
    return np.array([measures.metrics[metric] for measures in runs], dtype=np.float64)


def paired(runs: Sequence[Measures], others: Sequence[Measures], metric: str) -> Floats:
    """Return by how much a metric of some runs is above that of others, over the replications that both have."""
    pairs = min(len(runs), len(others))
    return values_of(runs[:pairs], metric) - values_of(others[:pairs], metric)
