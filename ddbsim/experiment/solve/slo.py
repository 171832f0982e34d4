"""A service level objective: targets for metrics, and how sure one wants to be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ddbsim.analysis.intervals import check_confidence
from ddbsim.checks.wording import closest, shown
from ddbsim.experiment.runs.measures import METRICS
from ddbsim.experiment.vary.fields import mapping_of
from ddbsim.scenario import Scenario

__all__ = ["SLO", "used"]


@dataclass(frozen=True, slots=True, init=False, repr=False)
class SLO:
    """What must hold: each metric at most its target, with the stated confidence.

    "Holds" means: the one-sided confidence bound of the metric's mean over replications is at most the target. For
    `latency_p99_s`: a run of the scenario's length has, on average, a 99th percentile within the target, and one is as
    sure of that as stated. Single runs may lie beyond.

    Whatever the targets, what refuses work serves no SLO: no write may be given up by its client, unless `lost_writes`
    has a target of its own, such as ``lost_writes=1e9``.

    Parameters
    ----------
    confidence
        In (0, 1).
    event_source_mapping
        The mapping that it is for; None for the worst of all.
    **targets
        Metric -> the most that it may be: "latency_p99_s", "latency_p50_s", "lag_max_s", "iterator_age_max_s",
        "lost_records", "usd_per_month", ...: any metric of which less is better.

    Raises
    ------
    ValueError
        If there is no target, or a metric does not exist or is none to keep small.

    Examples
    --------
    >>> SLO(latency_p99_s=2.0, lost_records=0)
    SLO(latency_p99_s=2, lost_records=0, confidence=0.95)
    """

    targets: tuple[tuple[str, float], ...]
    confidence: float
    event_source_mapping: str | None

    def __init__(self, *, confidence: float = 0.95, event_source_mapping: str | None = None, **targets: float) -> None:
        if not targets:
            raise ValueError("an SLO must have a target, such as latency_p99_s=2.0, got none")
        for name, value in targets.items():
            _check_target(name, value)
        object.__setattr__(self, "targets", tuple((name, float(value)) for name, value in targets.items()))
        object.__setattr__(self, "confidence", check_confidence(confidence))
        object.__setattr__(self, "event_source_mapping", event_source_mapping)

    def __repr__(self) -> str:
        parts = [f"{name}={value:g}" for name, value in self.targets]
        if self.event_source_mapping is not None:
            parts.append(f"event_source_mapping={self.event_source_mapping!r}")
        return f"SLO({', '.join(parts)}, confidence={self.confidence:g})"

    def metrics(self, scenario: Scenario) -> dict[str, float]:
        """Return the targets by the name that the metric has in a run of the scenario.

        Raises
        ------
        ValueError
            If the scenario has no mapping of that name.
        """
        return {self.name_of(name, scenario): target for name, target in self.targets}

    def name_of(self, metric: str, scenario: Scenario) -> str:
        """Return the name in a run of the scenario of a metric of what the SLO is for.

        Raises
        ------
        ValueError
            If the scenario has no mapping of that name.
        """
        if self.event_source_mapping is None:
            return metric
        label = mapping_of(scenario, self.event_source_mapping).label
        own = len(scenario.mappings) > 1 and METRICS[metric].whole != "run"
        return f"{label}.{metric}" if own else metric

    def required(self, scenario: Scenario) -> dict[str, float]:
        """Return all that must hold: the targets, and that no write is lost where they are silent on that."""
        return self.metrics(scenario) | ({} if self.bounds("lost_writes") else {"lost_writes": 0.0})

    def bounds(self, metric: str) -> bool:
        """Whether a metric has a target."""
        return any(name == metric for name, _ in self.targets)

    def share(self, metrics: Mapping[str, float], scenario: Scenario) -> float:
        """Return the worst share used by a run of all that is required: 1 at the target, more beyond it."""
        return max(used(metrics[name], target) for name, target in self.required(scenario).items())

    def describe(self) -> str:
        """Return the targets in words."""
        targets = " and ".join(f"{name} <= {value:g}{_unit(name)}" for name, value in self.targets)
        where = "" if self.event_source_mapping is None else f" of {self.event_source_mapping}"
        return f"{targets}{where} with {self.confidence:.4g} confidence"


def _check_target(name: str, value: Any) -> None:
    least = [metric.name for metric in METRICS.values() if metric.least]
    if name not in METRICS:
        raise ValueError(f"an SLO must be on one of {', '.join(least)}, got {shown(name)}{closest(name, least)}")
    if name not in least:
        raise ValueError(f"an SLO bounds a metric from above, and of {name} more is no worse: use {', '.join(least)}")
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value < 0:
        raise ValueError(f"SLO: {name} must be a number >= 0, got {shown(value)}")


def _unit(name: str) -> str:
    return f" {METRICS[name].unit}" if METRICS[name].unit else ""


def used(value: float, target: float) -> float:
    """Return the share of a target that a value uses: 1 at the target, more beyond it."""
    if target == 0.0:
        return 0.0 if value == 0.0 else math.inf
    return value / target
