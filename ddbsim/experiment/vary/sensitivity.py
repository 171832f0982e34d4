"""Which fields matter: one at a time (a tornado), or all at once over a Latin hypercube."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ddbsim.analysis.intervals import check_confidence
from ddbsim.analysis.keeping_up import KEEPS_UP
from ddbsim.checks.arguments import checked
from ddbsim.checks.wording import shown
from ddbsim.experiment.estimate.compare import difference_rows
from ddbsim.experiment.estimate.replicate import check_replications
from ddbsim.experiment.runs.executors import ExecutorChoice, Runner
from ddbsim.experiment.runs.grid import as_cell, finished_and_failed, run_grid
from ddbsim.experiment.runs.measures import check_metric
from ddbsim.experiment.solve.words import amount, difference
from ddbsim.randomness import RandomStreams, Seed
from ddbsim.scenario import Scenario

from .fields import field_value, variants
from .sweep import Sweep, run_settings

__all__ = ["Tornado", "latin_hypercube", "tornado"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Tornado:
    """What each field does by itself.

    Attributes
    ----------
    frame
        A row per field, end and metric: field, end ("low" or "high": the first or second value given), value, keeps_up
        (the verdict at that value), metric,
        baseline, mean, difference, low, high (of the paired difference), differs.
    base
        Field -> its value in the scenario.
    failures
        Runs that raised.
    """

    frame: pd.DataFrame
    base: dict[str, Any]
    failures: pd.DataFrame

    def swings(self, metric: str = "latency_p99_s") -> pd.DataFrame:
        """Return how far a metric goes between a field's two values, the widest first.

        Returns
        -------
        DataFrame
            field, base, low_value, high_value, low, high (differences to the baseline; infinite where the metric grows
            without limit), swing, baseline, low_keeps_up, high_keeps_up (the verdicts).
        """
        check_metric("metric", metric)
        mine = self.frame[self.frame["metric"] == metric]
        rows = []
        for name, own in mine.groupby("field", sort=False):
            ends = own.set_index("end")
            low, high = (float(ends["difference"].get(end, np.nan)) for end in ("low", "high"))
            values = (ends["value"].get("low"), ends["value"].get("high"))
            verdicts = (ends["keeps_up"].get("low"), ends["keeps_up"].get("high"))
            swing = float(np.nanmax([low, high, 0.0]) - np.nanmin([low, high, 0.0]))
            baseline = own["baseline"].iloc[0]
            rows.append((name, as_cell(self.base[str(name)]), *values, low, high, swing, baseline, *verdicts))
        columns = ["field", "base", "low_value", "high_value", "low", "high", "swing", "baseline"]
        columns += ["low_keeps_up", "high_keeps_up"]
        frame = pd.DataFrame(rows, columns=columns)
        return frame.sort_values("swing", ascending=False, ignore_index=True)

    def __repr__(self) -> str:
        return f"{self._title()}\n{self._shown().to_string(index=False)}"

    def _repr_html_(self) -> str:
        return f"<p><b>{html.escape(self._title())}</b></p>{self._shown().to_html(index=False, border=0)}"

    def _title(self, metric: str = "latency_p99_s") -> str:
        told = self.swings(metric)
        baseline = amount(metric, float(told["baseline"].iloc[0])) if len(told) else "-"
        return f"{metric}, one field at a time: differences to {baseline}"

    def _shown(self, metric: str = "latency_p99_s") -> pd.DataFrame:
        rows = []
        for row in self.swings(metric).to_dict("records"):
            ends = {}
            for end in ("low", "high"):
                value, verdict = row[f"{end}_value"], row[f"{end}_keeps_up"]
                doubt = "" if verdict == KEEPS_UP else f" ({verdict})"
                ends[f"at the {end} value"] = f"{as_cell(value)}: {difference(metric, row[end])}{doubt}"
            rows.append({"field": row["field"], "now": row["base"], **ends, "swing": difference(metric, row["swing"])})
        return pd.DataFrame(rows)


@checked
def tornado(
    scenario: Scenario,
    vary: Mapping[str, Sequence[Any]],
    *,
    replications: int = 5,
    confidence: float = 0.95,
    rng: Seed = None,
    executor: ExecutorChoice = None,
    store: str | Path | None = None,
    progress: bool = True,
) -> Tornado:
    """Set one field at a time to a low and a high value, on the same writes, and see what that changes.

    It misleads where fields act together: a larger batch may matter only where the parallelization factor is small.
    `latin_hypercube` and `sweep` vary them together.

    Parameters
    ----------
    scenario
        The middle, from which each field is moved.
    vary
        Field -> (low value, high value).
    replications
        Of each scenario, >= 2.
    confidence
        Of the intervals, in (0, 1).
    rng, executor, store, progress
        As in `replicate`.

    Returns
    -------
    Tornado
        `ds.plots.tornado` draws it.

    Examples
    --------
    >>> import ddbsim as ds
    >>> base = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=20), duration_s=60, warmup_s=10)
    >>> ends = {"batch_size": (1, 200), "maximum_batching_window_in_seconds": (0, 5)}
    >>> moved = ds.tornado(base, ends, replications=2, rng=7, executor="serial", progress=False)
    >>> moved.swings()["field"][0]
    'maximum_batching_window_in_seconds'
    """
    scenario.check_mapped("tornado")
    confidence = check_confidence(confidence)
    check_replications("replications", replications, low=2)
    settings = _one_at_a_time(vary)
    base = {name: field_value(scenario, name) for name in vary}
    made = variants(scenario, [{name: value} for name, _, value in settings])
    refused = [(setting, variant.note) for setting, variant in zip(settings, made, strict=True) if not variant.scenario]
    if refused:
        (name, end, value), note = refused[0]
        raise ValueError(f"{name}: the {end} value {value!r} is refused: {note}")
    root = RandomStreams(rng).root
    scenarios = [scenario, *(variant.scenario for variant in made if variant.scenario)]
    with Runner(executor, store, progress=progress, what=f"{scenario.name}: tornado") as runner:
        outcomes = run_grid(runner, scenarios, root, range(replications))
    labels = [{"scenario": number} for number in range(len(scenarios))]
    runs, failures = finished_and_failed(labels, root, outcomes)
    rows: list[dict[str, Any]] = []
    for place, (name, end, value) in enumerate(settings, start=1):
        told = {"field": name, "end": end, "value": as_cell(value)}
        rows += [told | row for row in difference_rows(runs, 0, place, confidence)]
    return Tornado(pd.DataFrame(rows), base, failures)


def _one_at_a_time(ends: Mapping[str, Sequence[Any]]) -> list[tuple[str, str, Any]]:
    if not isinstance(ends, Mapping) or not ends:
        raise ValueError(f"vary must be a dict of fields and their (low, high) values, at least one, got {shown(ends)}")
    settings = []
    for name, pair in ends.items():
        if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
            raise ValueError(f"{name} must have a low and a high value, (low, high), got {shown(pair)}")
        settings += [(name, "low", pair[0]), (name, "high", pair[1])]
    return settings


@checked
def latin_hypercube(
    scenario: Scenario,
    vary: Mapping[str, Sequence[Any]],
    *,
    points: int = 32,
    replications: int = 1,
    confidence: float = 0.95,
    rng: Seed = None,
    executor: ExecutorChoice = None,
    store: str | Path | None = None,
    progress: bool = True,
) -> Sweep:
    """Run settings spread evenly over the ranges of several fields, and see which of them a metric follows.

    Each field's range is cut into as many slices as there are points, and each slice has one point.

    Parameters
    ----------
    scenario
        What is varied.
    vary
        Field -> (low, high), of whole numbers if both are whole; or a list of three or more values to choose from, or
        of two that are no numbers.
    points
        How many settings, >= 2.
    replications, confidence, rng, executor, store, progress
        As in `sweep`. The seed also chooses the points.

    Returns
    -------
    Sweep
        `correlations(metric)` tells which fields a metric follows.

    Notes
    -----
    M. D. McKay, R. J. Beckman, W. J. Conover, "A comparison of three methods for selecting values of input variables in
    the analysis of output from a computer code", Technometrics 21(2), 1979; drawn by `scipy.stats.qmc`.

    Examples
    --------
    >>> import ddbsim as ds
    >>> base = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=20), duration_s=60, warmup_s=10)
    >>> ranges = {"batch_size": (1, 100), "maximum_batching_window_in_seconds": (0, 10)}
    >>> cube = ds.latin_hypercube(base, ranges, points=8, rng=7, executor="serial", progress=False)
    >>> cube.correlations()["field"][0]
    'maximum_batching_window_in_seconds'
    """
    scenario.check_mapped("latin_hypercube")
    check_replications("points", points, low=2)
    root = RandomStreams(rng).root
    return run_settings(
        scenario,
        _points(vary, points, root),
        replications=replications,
        confidence=confidence,
        rng=root,
        runner=Runner(executor, store, progress=progress, what=f"{scenario.name}: Latin hypercube"),
    )


def _points(ranges: Mapping[str, Sequence[Any]], points: int, root: np.random.SeedSequence) -> list[dict[str, Any]]:
    if not isinstance(ranges, Mapping) or not ranges:
        raise ValueError(f"vary must be a dict of fields and their (low, high), at least one, got {shown(ranges)}")
    from scipy.stats import qmc

    rng = RandomStreams(root)("experiment.latin_hypercube")
    cube = qmc.LatinHypercube(len(ranges), rng=rng).random(points)
    columns = {name: _spread(name, given, cube[:, place]) for place, (name, given) in enumerate(ranges.items())}
    return [{name: values[point] for name, values in columns.items()} for point in range(points)]


def _spread(name: str, given: Sequence[Any], share: np.ndarray[Any, Any]) -> list[Any]:
    """Return the values that shares in [0, 1) of a range stand for."""
    if isinstance(given, str) or not isinstance(given, Sequence) or len(given) < 2:
        raise ValueError(f"{name} must have a range (low, high), or a list of values, got {shown(given)}")
    numbers = [isinstance(value, int | float) and not isinstance(value, bool) for value in given]
    if len(given) > 2 or not all(numbers):
        return [given[int(place)] for place in share * len(given)]
    low, high = given
    if not low < high:
        raise ValueError(f"{name} must have a range (low, high) with low < high, got {shown(given)}")
    if isinstance(low, int) and isinstance(high, int):
        return [int(value) for value in np.floor(low + share * (high - low + 1))]
    return [float(value) for value in low + share * (high - low)]
