"""After an outage: when a consumer is well again, how late it gets, and when the stream begins to forget."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.randomness import RandomStreams, Seed
from ddbsim.scenario import Backoff, Outage, Scenario

from .executors import AllRunsFailedError, ExecutorChoice, Runner
from .fields import Setting, mapping_of, vary
from .grids import shown
from .histogram import Histogram
from .intervals import check_confidence, mean_interval
from .measures import SERIES_STEPS, Measures
from .replicate import check_replications
from .runs import Failure, Job, replication_seed
from .screening import closed_form, hottest_share

if TYPE_CHECKING:
    from ddbsim.result import Result

__all__ = ["Drain", "drain", "fluid_drain_s"]

Floats = npt.NDArray[np.float64]

_MOST_WRITES = 300_000.0
_SETTLED_S = 30.0
_ROOM = 2.0
_AS_IT_IS = "as it is"


def fluid_drain_s(outage_s: float, offered_per_s: float, allowed_per_s: float) -> float:
    """Return how long a backlog takes to drain if records flow like water, seconds; infinity if they never catch up.

    Examples
    --------
    >>> fluid_drain_s(3_600.0, 500.0, 2_000.0)
    1200.0
    """
    if allowed_per_s <= offered_per_s:
        return math.inf
    return outage_s * offered_per_s / (allowed_per_s - offered_per_s)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Drain:
    """What comes after an outage.

    Attributes
    ----------
    frame
        A row per lever, the first without any: lever, drain_s (from the consumer's return until no shard is further
        behind than before the outage), low, high, peak_lag_s, last_return_s (the longest outage after which nothing is
        lost; 0 if the backlog never drains), replications.
    outage_s
        What was asked for, seconds.
    simulated_s
        The longest outage that was simulated; shorter than `outage_s` where that many records would not fit. What lies
        beyond is the straight line through two simulated outages: twice the backlog takes twice as long.
    lag
        Of the scenario as it is, in the simulated outage: at_s (since its begin), seconds_behind (of the worst shard,
        mean over replications).
    retention_s
        Of the stream.
    curve
        lever, outage_s, drain_s, low, high: the forecast for outages up to the retention.
    confidence
        Of the intervals.
    """

    frame: pd.DataFrame
    outage_s: float
    simulated_s: float
    lag: pd.DataFrame
    retention_s: float
    curve: pd.DataFrame
    confidence: float

    def __repr__(self) -> str:
        return f"{self._sentence()}\n{self.frame.round(1).to_string(index=False)}"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self._sentence())}</p>{self.frame.round(1).to_html(index=False, border=0)}"

    def _sentence(self) -> str:
        row = self.frame.iloc[0]
        how = (
            "simulated" if self.simulated_s >= self.outage_s else f"from simulated outages up to {self.simulated_s:g} s"
        )
        if not math.isfinite(row["drain_s"]):
            return f"after an outage of {_span(self.outage_s)} the backlog does not drain in the time simulated ({how})"
        last = row["last_return_s"]
        late = "records are lost by then" if self.outage_s > last else f"records are lost after {_span(last)}"
        return (
            f"after an outage of {_span(self.outage_s)} it takes {_span(row['drain_s'])} ± "
            f"{_span((row['high'] - row['low']) / 2)} to be well again ({how}); {late}"
        )


def drain(
    scenario: Scenario,
    *,
    outage_s: float | None = None,
    backlog_records: float | None = None,
    event_source_mapping: str | None = None,
    levers: Mapping[str, Any] | Sequence[Setting] | None = None,
    replications: int = 4,
    confidence: float = 0.95,
    rng: Seed = None,
    executor: ExecutorChoice = None,
    store: str | Path | None = None,
    progress: bool = True,
) -> Drain:
    """Stop a consumer for a while, and tell when it is well again, how late it gets, and when records are lost.

    Parameters
    ----------
    scenario
        Its mean rate goes on all the time.
    outage_s
        How long the consumer is down, seconds > 0. Nothing is tried and given up meanwhile: it is stopped, as a
        disabled mapping is; on its return it reads on where it was.
    backlog_records
        Instead: how many records wait when it returns.
    event_source_mapping
        Which mapping is down; needed where there are several.
    levers
        Settings to try beside the scenario's own: a list of dicts, or one dict with a value per lever. None: twice the
        parallelization factor, the batch size and the memory, where the service allows.
    replications
        Of each, >= 2.
    confidence
        Of the intervals, in (0, 1).
    rng, executor, store, progress
        As in `replicate`.

    Returns
    -------
    Drain
        `ds.plots.drain` draws it.

    Raises
    ------
    ValueError
        If not exactly one of `outage_s` and `backlog_records` is given, or a lever cannot be set.

    Notes
    -----
    As a fluid, a backlog drains in outage x offered / (allowed - offered) seconds. The simulation adds what a fluid has
    not: lanes that are not alike, batches, polls and the environments that must start.

    Examples
    --------
    >>> import ddbsim as ds
    >>> base = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=20), duration_s=60, warmup_s=10)
    >>> told = ds.drain(base, outage_s=60, levers=[], replications=2, rng=7, executor="serial", progress=False)
    >>> bool(told.frame.loc[0, "peak_lag_s"] > 60)
    True
    """
    confidence = check_confidence(confidence)
    check_replications("replications", replications, low=2)
    label = mapping_of(scenario, event_source_mapping).label
    rate = scenario.workload.expected_writes(scenario.length_s) / scenario.length_s
    outage_s = _outage(outage_s, backlog_records, rate)
    settings: list[dict[str, Any]] = [{}, *_levers(scenario, label, levers)]
    made = [vary(scenario, setting) for setting in settings]
    loads = [_load(one, label) for one in made]
    heaviest = max((load for load in loads if load < 1.0), default=0.0)
    simulated_s = _affordable(outage_s, rate, heaviest, scenario.warmup_s)
    lengths = [simulated_s] if simulated_s >= outage_s else [simulated_s / 2.0, simulated_s]
    root = RandomStreams(rng).root
    runs = [
        (place, step, _with_outage(one, label, length, heaviest, simulated_s))
        for place, (one, load) in enumerate(zip(made, loads, strict=True))
        for step, length in enumerate(lengths)
        if load < 1.0  # what cannot keep up never drains: no run is needed to know
    ]
    with Runner(executor, store, progress=progress, what=f"{scenario.name}: outages") as runner:
        outcomes = runner.run(
            [
                Job(one, replication_seed(root, number), _after_outage)
                for number in range(replications)
                for *_, one in runs
            ]
        )
    told: list[list[list[Any]]] = [[[] for _ in lengths] for _ in made]
    for number, outcome in enumerate(outcomes):
        place, step, _ = runs[number % len(runs)]
        if isinstance(outcome, Failure):
            raise AllRunsFailedError(f"an outage of the forecast failed to run: {outcome.error}")
        told[place][step].append(outcome)
    length_s = runs[0][2].length_s if runs else 0.0
    lag = _lag(told[0][-1], length_s, scenario.warmup_s + _SETTLED_S)
    return _forecast(scenario.stream.retention_s, settings, told, lengths, outage_s, confidence, lag)


def _outage(outage_s: float | None, backlog_records: float | None, rate: float) -> float:
    if (outage_s is None) == (backlog_records is None):
        raise ValueError(
            f"give either outage_s or backlog_records, got outage_s={outage_s!r}, backlog_records={backlog_records!r}"
        )
    name, value = ("outage_s", outage_s) if backlog_records is None else ("backlog_records", backlog_records)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < math.inf:
        raise ValueError(f"{name} must be a number > 0, got {value!r}")
    if not rate:
        raise ValueError("drain needs a scenario with writes: its rate is 0")
    return float(value) if backlog_records is None else float(value) / rate


def _levers(scenario: Scenario, label: str, given: Any) -> list[dict[str, Any]]:
    if given is not None:
        several = [{name: value} for name, value in given.items()] if isinstance(given, Mapping) else given
        return [dict(one) for one in several]
    mapping, where = mapping_of(scenario, label), f"event_source_mappings[{label}]"
    levers = [
        {f"{where}.parallelization_factor": min(2 * mapping.parallelization_factor, 10)},
        {f"{where}.batch_size": min(2 * mapping.batch_size, max(mapping.batch_size, 1_000))},
    ]
    if mapping.function.memory_mb < 1_769:
        levers.append({f"{where}.function.memory_mb": 2 * mapping.function.memory_mb})
    return [lever for lever in levers if vary(scenario, lever) != scenario]


def _load(scenario: Scenario, label: str) -> float:
    """Return the heaviest load of a mapping by the closed form; of its lanes, that of the hottest item's."""
    limits = closed_form(scenario)
    loads = limits[limits["event_source_mapping"] == label].set_index("limit")["load"]
    lanes = scenario.table.partitions * mapping_of(scenario, label).parallelization_factor
    hottest = hottest_share(scenario) or 0.0
    # the lane that has the hottest item has its fair part of the others too
    return float(max(loads.max(), loads["lanes"] * (1.0 + (lanes - 1) * hottest)))


def _affordable(outage_s: float, rate: float, load: float, warmup_s: float) -> float:
    """Return the longest outage that can be simulated to its end, up to the one asked for, seconds."""
    each_s = 1.0 + _ROOM * load / (1.0 - load)
    longest_s = (_MOST_WRITES / rate - warmup_s - 3.0 * _SETTLED_S) / each_s
    return min(outage_s, max(longest_s, 2.0 * _SETTLED_S))


def _with_outage(scenario: Scenario, label: str, outage_s: float, load: float, longest_s: float) -> Scenario:
    """Return the scenario with the mapping stopped for a while, long enough to see it drain.

    A stopped mapping gives up nothing and reads on within a second of its return: that is what unlimited retries at a
    steady second make of a function that fails.
    """
    start_s = scenario.warmup_s + _SETTLED_S
    end_s = start_s + outage_s
    length_s = start_s + longest_s * (1.0 + _ROOM * load / (1.0 - load)) + 2.0 * _SETTLED_S
    mapping = mapping_of(scenario, label)
    failures = replace(mapping.function.failures, outages=Outage(start_s=start_s, end_s=end_s))
    stopped = replace(
        mapping,
        function=replace(mapping.function, failures=failures),
        maximum_retry_attempts=-1,
        maximum_record_age_in_seconds=-1,
        bisect_batch_on_function_error=False,
        retry_backoff=Backoff(initial_s=1.0, factor=1.0, cap_s=1.0),
    )
    mappings = tuple(stopped if one.label == label else one for one in scenario.mappings)
    return replace(scenario, event_source_mappings=mappings, duration_s=length_s)


def _after_outage(result: Result) -> Measures:
    """Return what an outage did: the measures of the mapping that was down."""
    (mapping,) = [one for one in result.scenario.mappings if one.function.failures.outages]
    window = mapping.function.failures.windows[0]
    log = result.stream_log
    log = log[log["event_source_mapping"] == mapping.label]
    written_s, completed_s = log["written_s"].to_numpy(), log["completed_s"].to_numpy()
    before = (written_s >= result.scenario.warmup_s) & (completed_s < window.start_s)
    usual_s = float((completed_s - written_s)[before].max(initial=0.0))
    drained = [
        _well_again_s(written_s[rows], completed_s[rows], window.end_s, usual_s)
        for rows in log.groupby("shard_id", observed=True).indices.values()
    ]
    metrics = {
        "drain_s": max(drained, default=window.end_s) - window.end_s,
        "peak_lag_s": float(np.nanmax(completed_s - written_s, initial=0.0)),
        "lost_records": float(log["outcome"].isin(("discarded", "expired")).sum()),
    }
    lag = result.lag(every_s=result.scenario.length_s / SERIES_STEPS)
    worst = lag[lag["event_source_mapping"] == mapping.label].groupby("at_s")["seconds_behind"].max()
    return Measures(metrics, Histogram.of(np.zeros(0)), worst.to_numpy())


def _well_again_s(written_s: Floats, completed_s: Floats, end_s: float, usual_s: float) -> float:
    """Return when a shard's oldest open record is first no older than usual after an outage; infinity if never.

    The age of the oldest open record falls when a record is settled and all before it are: those instants are enough.
    """
    settled_s = np.maximum.accumulate(np.where(np.isnan(completed_s), np.inf, completed_s))
    settled_s = settled_s[np.isfinite(settled_s)]
    following_s = np.append(written_s[1:], np.inf)[: len(settled_s)]
    well = np.flatnonzero((settled_s >= end_s) & (settled_s - following_s <= usual_s))
    return float(settled_s[well[0]]) if len(well) else math.inf


def _forecast(
    retention_s: float,
    settings: Sequence[Setting],
    told: Sequence[Sequence[Sequence[Any]]],
    lengths: Sequence[float],
    outage_s: float,
    confidence: float,
    lag: pd.DataFrame,
) -> Drain:
    grid_s = np.linspace(0.0, retention_s, 49)[1:]
    rows, curves = [], []
    for setting, steps in zip(settings, told, strict=True):
        name = _named(setting)
        drained = _lines([[one.metrics["drain_s"] for one in step] for step in steps], lengths)
        late = np.array([one.metrics["peak_lag_s"] for one in steps[-1]]) - lengths[-1]
        at = mean_interval(_at(drained, outage_s), confidence)
        ends = np.isfinite(at.mean)
        late_s = float(late.max(initial=0.0))
        rows.append(
            {
                "lever": name,
                "drain_s": at.mean,
                "low": max(at.low, 0.0),
                "high": at.high,
                "peak_lag_s": outage_s + float(late.mean()) if ends else math.inf,
                "last_return_s": max(retention_s - late_s, 0.0) if ends else 0.0,
                "replications": at.replications,
            }
        )
        for length in grid_s:
            value = mean_interval(_at(drained, float(length)), confidence)
            curves.append((name, float(length), value.mean, max(value.low, 0.0), value.high))
    curve = pd.DataFrame(curves, columns=["lever", "outage_s", "drain_s", "low", "high"])
    return Drain(pd.DataFrame(rows), outage_s, lengths[-1], lag, retention_s, curve, confidence)


def _named(setting: Setting) -> str:
    return ", ".join(f"{field.rsplit('.', 1)[-1]} = {shown(value)}" for field, value in setting.items()) or _AS_IT_IS


_Lines = list[tuple[float, float, float]]


def _lines(drained: Sequence[Sequence[float]], lengths: Sequence[float]) -> _Lines:
    """Return, of each replication, a simulated outage, its drain, and the drain that each second more adds."""
    if not drained[0]:
        return []
    if len(lengths) == 1:
        return [(lengths[0], value, value / lengths[0]) for value in drained[0]]
    step = lengths[1] - lengths[0]
    return [
        (lengths[1], second, (second - first) / step if math.isfinite(second) else math.inf)
        for first, second in zip(*drained, strict=True)
    ]


def _at(lines: _Lines, outage_s: float) -> list[float]:
    if not lines:
        return [math.inf]
    # infinity times 0 is no number: what does not drain does not drain
    return [
        max(value + (outage_s - at_s) * each, 0.0) if math.isfinite(value + each) else math.inf
        for at_s, value, each in lines
    ]


def _lag(runs: Sequence[Any], length_s: float, start_s: float) -> pd.DataFrame:
    """Return how far behind the worst shard was, from the begin of the outage on, mean over replications."""
    series = [one.series for one in runs if isinstance(one, Measures)]
    if not series:
        return pd.DataFrame({"at_s": [], "seconds_behind": []})
    step_s = length_s / SERIES_STEPS
    at_s = np.arange(len(series[0])) * step_s + step_s - start_s
    frame = pd.DataFrame({"at_s": at_s, "seconds_behind": np.mean(series, axis=0)})
    return frame[frame["at_s"] >= 0.0].reset_index(drop=True)


def _span(seconds: float) -> str:
    """Return a length of time in the unit that one would say it in."""
    if not math.isfinite(seconds):
        return "for ever"
    for unit, name in ((3_600.0, "h"), (60.0, "min")):
        if seconds >= 2.0 * unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds:.3g} s"
