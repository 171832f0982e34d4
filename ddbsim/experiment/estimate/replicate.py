"""Independent replications of a scenario: means and quantiles with their intervals."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ddbsim.analysis.intervals import check_confidence, mean_interval
from ddbsim.analysis.keeping_up import Verdict
from ddbsim.checks.arguments import checked
from ddbsim.checks.wording import shown
from ddbsim.experiment.runs.executors import AllRunsFailedError, ExecutorChoice, Runner
from ddbsim.experiment.runs.histogram import Histogram
from ddbsim.experiment.runs.job import Failure, Job, replication_seed, seed_text
from ddbsim.experiment.runs.measures import QUANTILES, Measures, check_metric, keeping_up_of
from ddbsim.experiment.solve.words import amount, doubts
from ddbsim.randomness import RandomStreams, Seed
from ddbsim.scenario import Scenario

from .warmup import WarmUp, warm_up_of

__all__ = ["Replications", "check_replications", "estimates_of", "replicate"]

_FIRST = 5
_SHOWN = ("latency_p50_s", "latency_p95_s", "latency_p99_s", "lag_max_s", "lost_records", "usd_per_month")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Replications:
    """Replications of one scenario.

    Attributes
    ----------
    scenario
        What was run.
    runs
        A row per replication that came to its end: replication, seed, and every metric.
    failures
        A row per replication that raised: replication, seed, error.
    confidence
        Of the intervals, unless another is asked for.
    note
        Why there are as many replications as there are.
    measures
        What was kept of each run, in the order of `runs`.
    seed
        Of the experiment; see `seed_of`.
    """

    scenario: Scenario
    runs: pd.DataFrame
    failures: pd.DataFrame
    confidence: float
    note: str
    measures: tuple[Measures, ...]
    seed: np.random.SeedSequence

    @property
    def keeps_up(self) -> Verdict:
        """Whether the design keeps up, by all runs together: "keeps up", "does not keep up" or "too short to tell"."""
        return keeping_up_of(self.runs["falls_behind"])

    def estimates(self, confidence: float | None = None) -> pd.DataFrame:
        """Return each metric's mean over replications with its interval.

        Returns
        -------
        DataFrame
            metric, mean, low, high, half_width, deviation (between replications), replications.
        """
        level = self.confidence if confidence is None else check_confidence(confidence)
        return estimates_of(self.runs.drop(columns=["replication", "seed"]), level)

    def quantiles(self, confidence: float | None = None) -> pd.DataFrame:
        """Return latency quantiles in their two senses.

        The mean over runs of each run's quantile is what a run of this length shows on average, and has an interval.
        The pooled quantile is that of all records of all runs together: bad runs weigh in by their slow records.
        They agree where all runs are alike; far apart, single runs say little.

        Returns
        -------
        DataFrame
            quantile, across_runs_s, low_s, high_s, pooled_s (from a histogram: within 0.6 %), least_s and most_s (of
            any run). With several mappings the runs' quantiles are those of the slowest.
        """
        level = self.confidence if confidence is None else check_confidence(confidence)
        pooled = Histogram.sum_of([measures.latencies for measures in self.measures])
        rows = []
        for name, q in QUANTILES.items():
            interval = mean_interval(self.runs[name].to_numpy(), level)
            ends = (self.runs[name].min(), self.runs[name].max())
            rows.append((q, interval.mean, interval.low, interval.high, pooled.quantile(q), *ends))
        columns = ["quantile", "across_runs_s", "low_s", "high_s", "pooled_s", "least_s", "most_s"]
        return pd.DataFrame(rows, columns=columns)

    def warm_up(self, *, window: int | None = None) -> WarmUp:
        """Return how long the runs remember their empty start, by MSER-5 and Welch's moving average.

        Parameters
        ----------
        window
            Of the moving average, steps to either side (a run has 500); None for a fortieth of them.
        """
        series = [measures.series for measures in self.measures]
        return warm_up_of(series, self.scenario.length_s, self.scenario.warmup_s, window)

    def seed_of(self, replication: int) -> np.random.SeedSequence:
        """Return the seed of a replication: ``ds.simulate(scenario, rng=...)`` is then that run, with its frames."""
        return replication_seed(self.seed, replication)

    def __repr__(self) -> str:
        return "\n".join([self._title(), self._shown().to_string(index=False), *self._notes()])

    def _repr_html_(self) -> str:
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self._notes())
        return f"<p><b>{html.escape(self._title())}</b></p>{self._shown().to_html(index=False, border=0)}{notes}"

    def _title(self) -> str:
        return f"{self.scenario.name}: {len(self.runs)} replications, {self.confidence:.0%} intervals: {self.keeps_up}"

    def _shown(self) -> pd.DataFrame:
        told = self.estimates().set_index("metric").loc[list(_SHOWN), ["mean", "low", "high"]]
        rows = {name: [amount(str(name), value) for value in row] for name, row in told.iterrows()}
        return pd.DataFrame.from_dict(rows, orient="index", columns=list(told)).rename_axis("metric").reset_index()

    def _notes(self) -> list[str]:
        notes = [*doubts({self.scenario.name: self.runs}), self.note, self.warm_up().sentence]
        if len(self.failures):
            first = self.failures.iloc[0]
            notes.append(f"{len(self.failures)} failed, the first with seed {first['seed']}: {first['error']}")
        return notes


@checked
def replicate(
    scenario: Scenario,
    replications: int | None = None,
    *,
    precision: float | None = None,
    metric: str = "latency_p99_s",
    at_most: int = 100,
    confidence: float = 0.95,
    rng: Seed = None,
    executor: ExecutorChoice = None,
    store: str | Path | None = None,
    progress: bool = True,
) -> Replications:
    """Run a scenario several times with independent luck, and say how sure the numbers are.

    Parameters
    ----------
    scenario
        What to run.
    replications
        How many replications, >= 1; 10 if neither `replications` nor `precision` is given.
    precision
        Instead of `replications`: go on until the interval's half-width is at most this share of the mean. The runs
        grow in rounds whose sizes depend on nothing but this call's arguments. Stopping when the interval looks narrow
        makes it cover the truth slightly less often than stated.
    metric
        The one whose interval `precision` is for.
    at_most
        Cap on the replications with `precision`.
    confidence
        Of the intervals, in (0, 1).
    rng
        Seed or generator. Replication i has the same writes and the same luck under every design; see
        `replication_seed`.
    executor
        Where: None for a process pool on this machine's cores; a number of processes; "threads"; "serial"; or any
        `concurrent.futures.Executor`, such as a Dask client's ``get_executor()``. The numbers do not depend on it.
    store
        Folder that keeps each finished run, and from which it is taken the next time.
    progress
        Show a bar over the runs.

    Returns
    -------
    Replications

    Raises
    ------
    ValueError
        If an argument is out of range.
    UnpicklableScenarioError
        If the scenario cannot be sent to another process.
    AllRunsFailedError
        If no run came to its end.

    Examples
    --------
    >>> import ddbsim as ds
    >>> scenario = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=20), duration_s=60, warmup_s=10)
    >>> replications = ds.replicate(scenario, 4, rng=7, executor="serial", progress=False)
    >>> replications.estimates().query("metric == 'lost_records'")["mean"].item()
    0.0
    """
    scenario.check_mapped("replicate")
    confidence = check_confidence(confidence)
    _check_stopping(replications, precision, at_most)
    check_metric("metric", metric)
    root = RandomStreams(rng).root
    with Runner(executor, store, progress=progress, what=f"{scenario.name}: replications") as runner:
        if precision is None:
            outcomes, note = (
                _outcomes(runner, scenario, root, 0, 10 if replications is None else replications),
                "as many as asked for",
            )
        else:
            outcomes, note = _until_precise(runner, scenario, root, precision, metric, at_most, confidence)
    return _replications(scenario, root, outcomes, confidence, note)


def _check_stopping(replications: int | None, precision: float | None, at_most: int) -> None:
    if replications is not None and precision is not None:
        raise ValueError(
            "give replications or precision, not both; "
            f"got replications={shown(replications)} and precision={shown(precision)}"
        )
    if replications is not None:
        check_replications("replications", replications)
    if precision is not None and not (isinstance(precision, int | float) and 0.0 < precision < 1.0):
        raise ValueError(f"precision must be a share > 0 and < 1, such as 0.05, got {shown(precision)}")
    check_replications("at_most", at_most, low=2)


def check_replications(where: str, value: Any, *, low: int = 1) -> int:
    """Return a number of replications, or raise ValueError."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < low:
        raise ValueError(f"{where} must be a whole number of replications >= {low}, got {shown(value)}")
    return int(value)


def _outcomes(runner: Runner, scenario: Scenario, root: np.random.SeedSequence, first: int, last: int) -> list[Any]:
    return runner.run([Job(scenario, replication_seed(root, number)) for number in range(first, last)])


def _until_precise(
    runner: Runner,
    scenario: Scenario,
    root: np.random.SeedSequence,
    precision: float,
    metric: str,
    at_most: int,
    confidence: float,
) -> tuple[list[Any], str]:
    outcomes: list[Any] = []
    reached = math.inf
    while len(outcomes) < at_most:
        wanted = min(max(_FIRST, len(outcomes) + math.ceil(len(outcomes) / 2)), at_most)
        outcomes += _outcomes(runner, scenario, root, len(outcomes), wanted)
        values = [outcome.metrics[metric] for outcome in outcomes if isinstance(outcome, Measures)]
        reached = mean_interval(values, confidence).relative
        if reached <= precision:
            return outcomes, f"{metric} is known to {reached:.1%} of its mean: {precision:.1%} was asked for"
    return outcomes, f"stopped at the cap: {metric} is known to {reached:.1%} of its mean, not to {precision:.1%}"


def _replications(
    scenario: Scenario, root: np.random.SeedSequence, outcomes: Sequence[Any], confidence: float, note: str
) -> Replications:
    finished, failed = [], []
    for number, outcome in enumerate(outcomes):
        identity = {"replication": number, "seed": seed_text(replication_seed(root, number))}
        if isinstance(outcome, Failure):
            failed.append(identity | {"error": outcome.error})
        else:
            finished.append((identity | outcome.metrics, outcome))
    if not finished:
        raise AllRunsFailedError(
            f"{scenario.name}: all {len(failed)} runs failed, the first with seed {failed[0]['seed']}: "
            f"{failed[0]['error']}"
        )
    return Replications(
        scenario=scenario,
        runs=pd.DataFrame([row for row, _ in finished]),
        failures=pd.DataFrame(failed, columns=["replication", "seed", "error"]),
        confidence=confidence,
        note=note,
        measures=tuple(measures for _, measures in finished),
        seed=root,
    )


def estimates_of(values: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Return each column's mean over rows with its interval: metric, mean, low, high, half_width, deviation, ..."""
    rows = []
    for name in values:
        interval = mean_interval(values[name].to_numpy(), confidence)
        ends = (interval.low, interval.high, interval.half_width)
        rows.append((str(name), interval.mean, *ends, interval.deviation, interval.replications))
    columns = ["metric", "mean", "low", "high", "half_width", "deviation", "replications"]
    return pd.DataFrame(rows, columns=columns)
