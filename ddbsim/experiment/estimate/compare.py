"""Scenarios beside each other on the same writes: differences with intervals."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.analysis.intervals import Interval, check_confidence, mean_interval
from ddbsim.checks.arguments import checked
from ddbsim.checks.wording import shown
from ddbsim.experiment.runs.executors import AllRunsFailedError, ExecutorChoice, Runner
from ddbsim.experiment.runs.grid import finished_and_failed, run_grid
from ddbsim.experiment.runs.measures import METRICS, keeping_up_of
from ddbsim.experiment.solve.words import amount, difference, doubts
from ddbsim.randomness import RandomStreams, Seed
from ddbsim.scenario import Scenario

from .replicate import check_replications

__all__ = ["Comparison", "compare", "difference_rows", "gain_of_pairing"]

Floats: TypeAlias = npt.NDArray[np.float64]

_SHOWN = ("latency_p50_s", "latency_p99_s", "lag_max_s", "lost_records", "usd_per_month")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Comparison:
    """Scenarios beside the first of them, replication by replication on the same writes.

    Attributes
    ----------
    frame
        A row per metric and scenario but the first: metric, scenario, keeps_up (the verdict), baseline (its mean),
        mean, difference, low, high (of the difference; infinite where one side grows without limit), change (difference
        / baseline), differs (whether the interval leaves 0 out), correlation
        (between the runs of a pair), replications_saved (by how much the pairing multiplies them: independent runs
        would need so many times as many for the same interval; infinite where the difference is always the same).
    runs
        A row per scenario and replication: scenario, replication, and every metric.
    failures
        A row per run that raised: scenario, replication, seed, error. Its replication is left out of the pairs.
    confidence
        Of the intervals.
    """

    frame: pd.DataFrame
    runs: pd.DataFrame
    failures: pd.DataFrame
    confidence: float

    def differences(self, metric: str = "latency_p99_s") -> pd.DataFrame:
        """Return a metric's difference to the first scenario, a row per replication, a column per scenario."""
        table = _table(self.runs, metric)
        baseline = self.runs["scenario"].iloc[0]
        differences: pd.DataFrame = table.drop(columns=baseline).sub(table[baseline], axis=0)
        return differences

    def __repr__(self) -> str:
        return f"{self._title()}\n{self._shown().to_string(index=False)}{''.join(self._notes())}"

    def _repr_html_(self) -> str:
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self._notes())
        return f"<p><b>{html.escape(self._title())}</b></p>{self._shown().to_html(index=False, border=0)}{notes}"

    def _title(self) -> str:
        count = self.runs["replication"].nunique()
        return f"against {self.runs['scenario'].iloc[0]}: {count} paired replications, {self.confidence:.0%} intervals"

    def _shown(self) -> pd.DataFrame:
        shown = self.frame[self.frame["metric"].isin(_SHOWN)]
        levels, ends = ["baseline", "mean"], ["difference", "low", "high"]
        rows = [
            {"scenario": row["scenario"], "keeps up": row["keeps_up"], "metric": row["metric"]}
            | {name: amount(row["metric"], row[name]) for name in levels}
            | {name: difference(row["metric"], row[name]) for name in ends}
            for row in shown.to_dict("records")
        ]
        return pd.DataFrame(rows)

    def _notes(self) -> list[str]:
        named = {str(name): own for name, own in self.runs.groupby("scenario", sort=False)}
        notes = [f"\n{doubt}" for doubt in doubts(named)]
        if self.failures.empty:
            return notes
        first = self.failures.iloc[0]
        return [
            *notes,
            f"\n{len(self.failures)} runs failed, the first {first['scenario']}, {first['seed']}: {first['error']}",
        ]


@checked
def compare(
    *scenarios: Scenario | Mapping[str, Scenario],
    replications: int = 10,
    confidence: float = 0.95,
    rng: Seed = None,
    executor: ExecutorChoice = None,
    store: str | Path | None = None,
    progress: bool = True,
) -> Comparison:
    """Run scenarios on the same writes, and say what differs from the first, and how sure that is.

    Each replication draws its writes and its luck once, for all scenarios (common random numbers): what is common
    cancels in the difference, and few replications tell small differences.

    Parameters
    ----------
    *scenarios
        Two or more, the one to compare with first; or a dict of them by name.
    replications
        Replications, >= 2.
    confidence
        Of the intervals, in (0, 1).
    rng, executor, store, progress
        As in `replicate`.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        If there are fewer than two scenarios, or two of one name.
    AllRunsFailedError
        If fewer than two replications have all their runs.

    Examples
    --------
    >>> import ddbsim as ds
    >>> now = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=20), duration_s=60, warmup_s=10, name="now")
    >>> wider = ds.vary(now, {"maximum_batching_window_in_seconds": 1, "name": "wider"})
    >>> comparison = ds.compare(now, wider, replications=3, rng=7, executor="serial", progress=False)
    >>> comparison.frame.query("metric == 'invocations'")["difference"].item() < 0
    True
    """
    named = _named(scenarios)
    confidence = check_confidence(confidence)
    check_replications("replications", replications, low=2)
    root = RandomStreams(rng).root
    with Runner(executor, store, progress=progress, what="comparison") as runner:
        outcomes = run_grid(runner, list(named.values()), root, range(replications))
    runs, failures = finished_and_failed([{"scenario": name} for name in named], root, outcomes)
    whole = _whole(runs, len(named), failures)
    first, *others = named
    rows = [row for name in others for row in difference_rows(whole, first, name, confidence)]
    return Comparison(pd.DataFrame(rows), runs, failures, confidence)


def _named(scenarios: Sequence[Any]) -> dict[str, Scenario]:
    if len(scenarios) == 1 and isinstance(scenarios[0], Mapping):
        named = dict(scenarios[0])
    else:
        wrong = [scenario for scenario in scenarios if not isinstance(scenario, Scenario)]
        if wrong:
            raise ValueError(f"compare takes scenarios, or one dict of them by name, got {shown(wrong[0])}")
        names = [scenario.name for scenario in scenarios]
        twice = [name for number, name in enumerate(names) if name in names[:number]]
        if twice:
            raise ValueError(
                f"scenarios must have different names, got {shown(twice[0])} twice: set name=, or pass a dict by name"
            )
        named = dict(zip(names, scenarios, strict=True))
    if len(named) < 2:
        raise ValueError(f"compare needs two scenarios or more, got {len(named)}")
    for scenario in named.values():
        if isinstance(scenario, Scenario):
            scenario.check_mapped("compare")
    return named


def _whole(runs: pd.DataFrame, scenarios: int, failures: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of the replications that every scenario came through."""
    counts = runs["replication"].value_counts()
    whole = runs[runs["replication"].isin(counts.index[counts == scenarios])]
    if whole["replication"].nunique() < 2:
        first = failures.iloc[0]
        raise AllRunsFailedError(
            f"fewer than two replications have all their runs; the first that failed is {first['scenario']} with "
            f"seed {first['seed']}: {first['error']}"
        )
    return whole


def _table(runs: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return a metric with a row per replication and a column per scenario, in the order given."""
    table = runs.pivot(index="replication", columns="scenario", values=metric)
    return table[list(dict.fromkeys(runs["scenario"]))]


def difference_rows(runs: pd.DataFrame, baseline: Any, other: Any, confidence: float) -> list[dict[str, Any]]:
    """Return, for each metric, the paired difference of two scenarios' runs over the replications that both have.

    Parameters
    ----------
    runs
        Columns scenario, replication and the metrics.
    baseline, other
        Values of `scenario`.
    confidence
        Of the intervals.
    """
    sides = [runs[runs["scenario"] == name].set_index("replication") for name in (baseline, other)]
    both = sides[0].index.intersection(sides[1].index)
    verdict = keeping_up_of(sides[1]["falls_behind"])
    rows = []
    for metric in [name for name in METRICS if name in runs]:
        before, after = (side.loc[both, metric].to_numpy(dtype=np.float64) for side in sides)
        interval = _difference(before, after, confidence)
        mean = float(before.mean())
        rows.append(
            {
                "metric": metric,
                "scenario": other,
                "keeps_up": verdict,
                "baseline": mean,
                "mean": float(after.mean()),
                "difference": interval.mean,
                "low": interval.low,
                "high": interval.high,
                "change": interval.mean / mean if mean and math.isfinite(mean) else np.nan,
                "differs": bool(interval.low > 0.0 or interval.high < 0.0),
                "correlation": _correlation(before, after),
                "replications_saved": gain_of_pairing(before, after),
            }
        )
    return rows


def _difference(before: Floats, after: Floats, confidence: float) -> Interval:
    """Return the mean difference; infinite where one side grows without limit and the other does not."""
    if _finite(before, after):
        return mean_interval(after - before, confidence)
    sides = np.array([np.isinf(before).any(), np.isinf(after).any()])
    if sides.all():
        return mean_interval([np.nan], confidence)
    return mean_interval([np.inf if sides[1] else -np.inf], confidence)


def _finite(before: Floats, after: Floats) -> bool:
    return bool(np.isfinite(before).all() and np.isfinite(after).all())


def _correlation(before: Floats, after: Floats) -> float:
    if not _finite(before, after) or not before.std() or not after.std():
        return float("nan")
    return float(np.corrcoef(before, after)[0, 1])


def gain_of_pairing(before: Floats, after: Floats) -> float:
    """Return how many times as many independent runs would tell the difference as well as these paired ones.

    The ratio of variances, of the difference of independent runs to that of the pairs; NaN where nothing varies.

    Examples
    --------
    >>> gain_of_pairing(np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, 4.0]))
    inf
    """
    if len(before) < 2 or not _finite(before, after):
        return float("nan")
    apart, paired = float(before.var(ddof=1) + after.var(ddof=1)), float((after - before).var(ddof=1))
    if apart == 0.0:
        return float("nan")
    # a difference that varies by rounding alone does not vary
    return apart / paired if paired > 1e-24 * apart else float("inf")
