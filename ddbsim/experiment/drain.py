"""After an outage: when a consumer is well again, how late it gets, and when the stream begins to forget."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.arguments import checked
from ddbsim.randomness import RandomStreams, Seed
from ddbsim.scenario import Scenario, traps_told
from ddbsim.scenario.checks import check_kind

from .executors import AllRunsFailedError, ExecutorChoice, Runner
from .fields import Setting, mapping_of, variants, vary
from .grids import shown
from .intervals import check_confidence, mean_interval
from .outage import affordable_s, after_outage, kept_s, lag_series, load_of, with_outage
from .replicate import check_replications
from .runs import Failure, Job, replication_seed, seed_text

__all__ = ["Drain", "drain", "fluid_drain_s"]

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
        behind than before the outage), low, high (of drain_s), peak_lag_s (greatest age at which a record was
        processed), last_return_s (the longest outage after which nothing is lost; 0 if the backlog never drains),
        last_return_low_s, last_return_high_s, replications.
    outage_s
        What was asked for, seconds.
    simulated_s
        The longest outage that was simulated; shorter than `outage_s` where that many records would not fit.
    lag
        Of the scenario as it is, in the simulated outage, means over replications of the worst shard's: at_s (since
        its begin), seconds_behind, iterator_age_s (NaN while nothing is sent: AWS has no datapoint there either).
    retention_s
        Age at which a waiting record is lost: the stream's retention, or the mapping's maximum record age if that is
        shorter.
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
        last, low, high = (row[f"last_return_{end}s"] for end in ("", "low_", "high_"))
        late = "records are lost by then" if self.outage_s > last else "records are lost"
        return (
            f"after an outage of {_span(self.outage_s)} it takes {_span(row['drain_s'])} ± "
            f"{_span((row['high'] - row['low']) / 2)} to be well again ({how}); {late} if it is not back within "
            f"{_clock(last)} ± {_span((high - low) / 2)}"
        )


@checked
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
        How long the consumer is down, seconds > 0: its mapping is disabled, so that nothing is tried and given up
        meanwhile; enabled again, it takes its poller's `activation_delay` and reads on where it was.
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
    Simulated: the mapping runs in steady traffic, is disabled (`Suspension`), is enabled, and drains, in every
    replication and with every lever. As a fluid, a mapping that takes A seconds to begin again is well
    A + (outage + A) x offered / (allowed - offered) seconds after it was enabled. The simulation adds what a fluid has
    not: lanes that are not alike, batches, polls and the environments that must start.

    Scaled: of an outage too long to be simulated, half of one that is not and all of it are, and what lies beyond is
    the straight line through the two, drawn for each replication. That is right because lanes with a backlog send full
    batches back to back: it shrinks at one rate, however long it is, so that each further second of outage adds the
    same time. What does not grow with the outage (to begin again, cold starts, the first polls) is in both runs, and so
    in the line's height, not in its slope.

    How far the mapping is behind when it has begun again, beyond the time it was away, does not depend on that time
    either: the greatest lag, and the last return before the retention (or the mapping's maximum record age) takes
    records, come from it. In the simulation itself nothing is lost for its age; a longer outage than records are kept
    drains like one that is as long as that. Suspensions of the scenario's own are left out, and the traffic is the
    scenario's own: what a diurnal workload does hours later is not in a short run.

    Examples
    --------
    >>> import ddbsim as ds
    >>> base = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=20), duration_s=60, warmup_s=10)
    >>> told = ds.drain(base, outage_s=60, levers=[], replications=2, rng=7, executor="serial", progress=False)
    >>> bool(told.frame.loc[0, "peak_lag_s"] > 60 + 45)  # the outage, and at least so long to begin again
    True
    """
    check_kind("scenario", scenario, Scenario)
    confidence = check_confidence(confidence)
    check_replications("replications", replications, low=2)
    label = mapping_of(scenario, event_source_mapping).label
    rate = scenario.writes_per_s
    outage_s = _outage(outage_s, backlog_records, rate)
    settings: list[dict[str, Any]] = [{}, *_levers(scenario, label, levers)]
    # a lever is tried, not chosen
    with traps_told():
        made = [vary(scenario, setting) for setting in settings]
    loads = [load_of(one, label) for one in made]
    heaviest = max((load for load in loads if load < 1.0), default=0.0)
    simulated_s = affordable_s(outage_s, rate, heaviest, scenario, label)
    lengths = [simulated_s] if simulated_s >= outage_s else [simulated_s / 2.0, simulated_s]
    root = RandomStreams(rng).root
    runs = [
        (place, step, with_outage(one, label, length, heaviest, simulated_s))
        for place, (one, load) in enumerate(zip(made, loads, strict=True))
        for step, length in enumerate(lengths)
        if load < 1.0  # what cannot keep up never drains: no run is needed to know
    ]
    jobs = [
        Job(one, replication_seed(root, number), after_outage) for number in range(replications) for *_, one in runs
    ]
    with Runner(executor, store, progress=progress, what=f"{scenario.name}: outages") as runner:
        outcomes = runner.run(jobs)
    told: list[list[list[Any]]] = [[[] for _ in lengths] for _ in made]
    for number, (job, outcome) in enumerate(zip(jobs, outcomes, strict=True)):
        place, step, _ = runs[number % len(runs)]
        if isinstance(outcome, Failure):
            raise AllRunsFailedError(
                f"{scenario.name}: {_named(settings[place])}: an outage of the forecast failed to run with seed "
                f"{seed_text(job.seed)}: {outcome.error}"
            )
        told[place][step].append(outcome)
    kept = [kept_s(one, label) for one in made]
    lag = lag_series(told[0][-1], runs[0][2] if runs else scenario)
    return _forecast(kept, settings, told, lengths, outage_s, confidence, lag)


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
        several = [{name: value} for name, value in given.items()] if isinstance(given, Mapping) else list(given)
        wrong = [one for one in several if not isinstance(one, Mapping)]
        if wrong:
            raise ValueError(
                f"levers must be dicts of fields and their values, such as {{'batch_size': 200}}, got {wrong[0]!r}"
            )
        return [dict(one) for one in several]
    mapping, where = mapping_of(scenario, label), f"event_source_mappings[{label}]"
    levers = [
        {f"{where}.parallelization_factor": min(2 * mapping.parallelization_factor, 10)},
        {f"{where}.batch_size": min(2 * mapping.batch_size, max(mapping.batch_size, 1_000))},
    ]
    if mapping.function.memory_mb < 1_769:
        levers.append({f"{where}.function.memory_mb": 2 * mapping.function.memory_mb})
    return [dict(one.setting) for one in variants(scenario, levers) if one.scenario not in (None, scenario)]


def _forecast(
    kept: Sequence[float],
    settings: Sequence[Setting],
    told: Sequence[Sequence[Sequence[Any]]],
    lengths: Sequence[float],
    outage_s: float,
    confidence: float,
    lag: pd.DataFrame,
) -> Drain:
    rows, curves = [], []
    for setting, steps, own_s in zip(settings, told, kept, strict=True):
        name = _named(setting)
        lines = _lines([[one.metrics["drain_s"] for one in step] for step in steps], lengths)
        late_s = np.array([one.metrics["late_s"] for one in steps[-1]])
        # what is older than it is kept waits for nobody
        rows.append({"lever": name, **_row(_at(lines, min(outage_s, own_s)), late_s, outage_s, own_s, confidence)})
        for length in np.linspace(0.0, kept[0], 49)[1:].tolist():
            value = mean_interval(_at(lines, min(length, own_s)), confidence)
            curves.append((name, length, value.mean, max(value.low, 0.0), value.high))
    curve = pd.DataFrame(curves, columns=["lever", "outage_s", "drain_s", "low", "high"])
    return Drain(pd.DataFrame(rows), outage_s, lengths[-1], lag, kept[0], curve, confidence)


def _row(
    drains_s: Sequence[float], late_s: npt.NDArray[np.float64], outage_s: float, own_s: float, confidence: float
) -> dict[str, float]:
    drained = mean_interval(drains_s, confidence)
    ends = math.isfinite(drained.mean)
    # of a backlog that only grows, records are lost whenever the consumer returns
    last = mean_interval(np.maximum(own_s - late_s, 0.0) if ends else [0.0, 0.0], confidence)
    return {
        "drain_s": drained.mean,
        "low": max(drained.low, 0.0),
        "high": drained.high,
        "peak_lag_s": min(outage_s + float(late_s.mean()), own_s) if ends else math.inf,
        "last_return_s": last.mean,
        "last_return_low_s": max(last.low, 0.0),
        "last_return_high_s": min(last.high, own_s),
        "replications": len(late_s),
    }


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


def _span(seconds: float) -> str:
    """Return a length of time in the unit that one would say it in."""
    if not math.isfinite(seconds):
        return "for ever"
    for unit, name in ((3_600.0, "h"), (60.0, "min")):
        if seconds >= 2.0 * unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds:.3g} s"


def _clock(seconds: float) -> str:
    """Return a length of time to the minute that has passed, below an hour to the second."""
    minutes, rest_s = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest_s} s"
