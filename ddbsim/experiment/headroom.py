"""How much more traffic a design takes before its SLO breaks, and what breaks it."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ddbsim.arguments import checked
from ddbsim.randomness import RandomStreams, Seed
from ddbsim.scenario import Scenario
from ddbsim.scenario.checks import check_kind

from .executors import AllRunsFailedError, ExecutorChoice, Runner
from .fields import field_value, vary
from .intervals import Interval, mean_interval
from .race import short_length_s
from .replicate import check_replications
from .runs import Failure, Job, replication_seed, seed_text
from .screening import closed_form
from .slo import SLO

__all__ = ["Headroom", "headroom"]

_LEAST_SHARE = 0.02


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Headroom:
    """The highest rate of writes at which an SLO holds.

    Attributes
    ----------
    writes_per_s
        Mean over replications, with its interval: each replication has its own highest rate.
    now_per_s
        The scenario's mean rate.
    capacity
        The closed form at that rate: limit, load, knob; the heaviest load first.
    runs
        A row per run: replication, writes_per_s, share (of the SLO's target used: above 1 it is missed).
    slo
        What must hold.
    """

    writes_per_s: Interval
    now_per_s: float
    capacity: pd.DataFrame
    runs: pd.DataFrame
    slo: SLO

    @property
    def factor(self) -> float:
        """How many times the scenario's rate it is."""
        return self.writes_per_s.mean / self.now_per_s if self.now_per_s else math.inf

    @property
    def binding(self) -> str:
        """The limit with the heaviest load at that rate."""
        return str(self.capacity.iloc[0]["limit"])

    def __repr__(self) -> str:
        rate, worst = self.writes_per_s, self.capacity.iloc[0]
        return (
            f"up to {rate.mean:,.0f} ± {rate.half_width:,.0f} writes/s, {self.factor:.2f} times as many as now, hold "
            f"{self.slo.describe()}; there {worst['limit']} are at {worst['load']:.0%} ({worst['knob']})"
        )

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>{self.capacity.round(3).to_html(index=False, border=0)}"


@checked
def headroom(
    scenario: Scenario,
    slo: SLO,
    *,
    replications: int = 4,
    precision: float = 0.01,
    rng: Seed = None,
    executor: ExecutorChoice = None,
    store: str | Path | None = None,
    progress: bool = True,
) -> Headroom:
    """Find the highest rate of writes at which an SLO still holds, and which limit binds there.

    Each replication is its own search between the rate that the closed form allows and a fiftieth of it: the rate is
    halved in on, on the same luck. Steady traffic runs for short stretches.

    Parameters
    ----------
    scenario
        A workload with a rate that is a number, or a trace with a mean rate.
    slo
        What must hold; a replication holds it if its run does.
    replications
        How many searches, >= 2.
    precision
        At which share of the closed form's rate each search ends.
    rng, executor, store, progress
        As in `replicate`.

    Returns
    -------
    Headroom

    Raises
    ------
    ValueError
        If the workload has no rate to raise, or an argument is out of range.

    Examples
    --------
    >>> import ddbsim as ds
    >>> base = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=20), duration_s=60, warmup_s=10,
    ...     event_source_mappings=ds.EventSourceMapping(batch_size=5))
    >>> room = ds.headroom(base, ds.SLO(latency_p99_s=2.0), replications=2, precision=0.1, rng=7,
    ...     executor="serial", progress=False)
    >>> room.binding
    'lanes'
    """
    check_kind("scenario", scenario, Scenario)
    if not isinstance(slo, SLO):
        raise ValueError(f"slo must be SLO(...), such as SLO(latency_p99_s=2.0), got {slo!r}")
    check_replications("replications", replications, low=2)
    if not isinstance(precision, int | float) or not 0.0 < precision < 1.0:
        raise ValueError(f"precision must be a share > 0 and < 1, such as 0.01, got {precision!r}")
    field = _rate_field(scenario)
    now = scenario.writes_per_s
    most = now / float(closed_form(scenario)["load"].max())
    low, high = np.full(replications, _LEAST_SHARE * most), np.full(replications, most)
    root = RandomStreams(rng).root
    rows: list[tuple[int, float, float]] = []
    with Runner(executor, store, progress=progress, what=f"{scenario.name}: headroom") as runner:
        shares = _shares(runner, scenario, field, low, slo, root, rows)
        # where not even that little holds, nothing does
        low, high = np.where(shares <= 1.0, low, 0.0), np.where(shares <= 1.0, high, 0.0)
        while (high - low).max(initial=0.0) > precision * most:
            middle = (low + high) / 2.0
            held = _shares(runner, scenario, field, middle, slo, root, rows) <= 1.0
            low, high = np.where(held, middle, low), np.where(held, high, middle)
    found = mean_interval((low + high) / 2.0, slo.confidence)
    there = closed_form(vary(scenario, {field: max(found.mean, 1e-9)}))
    runs = pd.DataFrame(rows, columns=["replication", "writes_per_s", "share"])
    return Headroom(found, now, there, runs, slo)


def _rate_field(scenario: Scenario) -> str:
    field = scenario.workload.rate_field
    if field is not None:
        return f"workload.{field}"
    raise ValueError(
        "headroom needs a workload whose rate_per_s is a number > 0, or a trace with mean_rate_per_s, "
        f"got {scenario.workload!r}"
    )


def _shares(
    runner: Runner,
    scenario: Scenario,
    field: str,
    rates: np.ndarray[Any, Any],
    slo: SLO,
    root: np.random.SeedSequence,
    rows: list[tuple[int, float, float]],
) -> np.ndarray[Any, Any]:
    """Return how much of the SLO's targets a run at each replication's own rate uses."""
    jobs = []
    for number, rate in enumerate(rates.tolist()):
        varied = vary(scenario, {field: rate})
        short_s = short_length_s([varied])
        jobs.append(Job(varied if short_s is None else varied.until(short_s), replication_seed(root, number)))
    outcomes = runner.run(jobs)
    for job, outcome in zip(jobs, outcomes, strict=True):
        if isinstance(outcome, Failure):
            raise AllRunsFailedError(
                f"{scenario.name}: a run of the search, with {field} = {field_value(job.scenario, field):g} and seed "
                f"{seed_text(job.seed)}, failed: {outcome.error}"
            )
    shares = [slo.share(outcome.metrics, scenario) for outcome in outcomes]
    rows += list(zip(range(len(rates)), rates.tolist(), shares, strict=True))
    return np.array(shares)
