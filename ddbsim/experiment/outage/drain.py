"""After an outage: when a consumer is well again, how late it gets, and when the stream begins to forget."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.analysis.intervals import check_confidence, mean_interval
from ddbsim.checks.arguments import checked
from ddbsim.checks.wording import shown
from ddbsim.experiment.estimate.replicate import check_replications
from ddbsim.experiment.runs.executors import AllRunsFailedError, ExecutorChoice, Runner
from ddbsim.experiment.runs.grid import as_cell
from ddbsim.experiment.runs.job import Failure, Job, replication_seed, seed_text
from ddbsim.experiment.runs.measures import Measures
from ddbsim.experiment.solve.words import span
from ddbsim.experiment.vary.fields import Setting, mapping_of, variants
from ddbsim.experiment.vary.fields import vary as varied
from ddbsim.randomness import RandomStreams, Seed
from ddbsim.scenario import Scenario, without_setting_warnings
from ddbsim.scenario.checks import check_choice

from .failing import COLUMNS, after_failing, failing_row, with_failing
from .outage import (
    activation_mean_s,
    affordable_s,
    after_outage,
    draining_limit,
    expiry_age_s,
    lag_series,
    load_of,
    with_outage,
)

if TYPE_CHECKING:
    from ddbsim.result.result import Result

__all__ = ["Drain", "drain", "fluid_drain_s"]

_AS_IT_IS = "as it is"
_HARDLY = 0.9
# a lever that spares less than this of the time helps nobody
_NOTICED = 0.95
# where beginning again is most of the time, no speed helps
_MOSTLY = 2.0
_Told: TypeAlias = list[list[list[Measures]]]


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
    failing
        Of a consumer that is there and fails: a row per lever: lever, drain_s (from when it works again), low, high,
        lost_per_hour (records given up in each hour that it fails), lost_low, lost_high, lost_records (in the outage
        asked for), first_loss_s (since it began to fail), replications. Empty if not asked for.
    retries
        The mapping's maximum_retry_attempts; -1: it retries for as long as records are kept.
    binds
        What keeps the backlog from draining faster where no lever helps; empty if one does, or none was tried.
    confidence
        Of the intervals.
    """

    frame: pd.DataFrame
    outage_s: float
    simulated_s: float
    lag: pd.DataFrame
    retention_s: float
    curve: pd.DataFrame
    failing: pd.DataFrame
    retries: int
    binds: str
    confidence: float

    def __repr__(self) -> str:
        return "\n".join([*self._sentences(), *(table.to_string(index=False) for table in self._tables())])

    def _repr_html_(self) -> str:
        told = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in self._sentences())
        return told + "".join(table.to_html(index=False, border=0) for table in self._tables())

    def _sentences(self) -> list[str]:
        told = [self._of_away()] if len(self.frame) else []
        told += [self._of_failing()] if len(self.failing) else []
        return [*told, *([f"no lever helps: {self.binds}"] if self.binds else [])]

    def _tables(self) -> list[pd.DataFrame]:
        tables = []
        if len(self.frame):
            ends = [_with_half(row["drain_s"], row["low"], row["high"]) for row in self.frame.to_dict("records")]
            tables.append(
                pd.DataFrame(
                    {
                        "lever": self.frame["lever"],
                        "well again after": ends,
                        "largest lag": self.frame["peak_lag_s"].map(span),
                        "last return": self.frame["last_return_s"].map(span),
                    }
                )
            )
        if len(self.failing):
            tables.append(
                pd.DataFrame(
                    {
                        "lever, function failing": self.failing["lever"],
                        "well again after": self.failing["drain_s"].map(span),
                        "lost in an hour": self.failing["lost_per_hour"].map("{:,.0f}".format),
                        "first loss after": self.failing["first_loss_s"].map(span),
                    }
                )
            )
        return tables

    def _how(self) -> str:
        whole = self.simulated_s >= self.outage_s
        return "simulated" if whole else f"from simulated outages up to {span(self.simulated_s)}"

    def _of_away(self) -> str:
        row, how = self.frame.iloc[0], self._how()
        begin = f"after an outage of {span(self.outage_s)} in which the mapping is disabled"
        if not math.isfinite(row["drain_s"]):
            return f"{begin} the backlog does not drain in the time simulated ({how})"
        last, low, high = (row[f"last_return_{end}s"] for end in ("", "low_", "high_"))
        late = "records are lost by then" if self.outage_s > last else "records are lost"
        return (
            f"{begin} it takes {_with_half(row['drain_s'], row['low'], row['high'])} to be well again ({how}); "
            f"{late} if it is not back within {_clock(last)} ± {span((high - low) / 2)}"
        )

    def _of_failing(self) -> str:
        row = self.failing.iloc[0]
        begin = f"if it is there and fails instead, with maximum_retry_attempts {self.retries},"
        if not row["lost_per_hour"] and row["first_loss_s"] >= self.retention_s:
            by = "by then" if self.outage_s > row["first_loss_s"] else "until then"
            kept = f"{'records are lost' if by == 'by then' else 'nothing is lost'} {by}"
            return f"{begin} records are kept for {_clock(row['first_loss_s'])}: {kept}"
        half = (row["lost_high"] - row["lost_low"]) / 2
        return (
            f"{begin} {row['lost_per_hour']:,.0f} ± {half:,.0f} records an hour are lost, the first after "
            f"{span(row['first_loss_s'])}: {row['lost_records']:,.0f} in {span(self.outage_s)} ({self._how()})"
        )


@checked
def drain(
    scenario: Scenario,
    *,
    outage_s: float | None = None,
    backlog_records: float | None = None,
    event_source_mapping: str | None = None,
    vary: Mapping[str, Any] | Sequence[Setting] | None = None,
    kind: Literal["both", "away", "failing"] = "both",
    replications: int = 4,
    confidence: float = 0.95,
    rng: Seed = None,
    executor: ExecutorChoice = None,
    store: str | Path | None = None,
    progress: bool = True,
) -> Drain:
    """Stop a consumer for a while, and tell when it is well again, how late it gets, and when records are lost.

    A consumer that is away loses nothing until the stream forgets; one that fails may give records up at once. Both are
    told.

    Parameters
    ----------
    scenario
        Its mean rate goes on all the time.
    outage_s
        How long the consumer is down, seconds > 0.
    backlog_records
        Instead: how many records wait when it returns.
    event_source_mapping
        Which mapping is down; needed where there are several.
    vary
        Settings to try beside the scenario's own: a list of dicts, or one dict with a value per lever. None: twice the
        parallelization factor, the batch size and the memory, where the service allows.
    kind
        "away": the mapping is disabled, so that nothing is tried and given up meanwhile; enabled again, it takes its
        poller's `activation_delay` and reads on where it was. "failing": it is there, and every invocation fails, which
        uses up its retries. "both": one after the other, the second without the levers.
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
    >>> told = ds.drain(base, outage_s=60, vary=[], replications=2, rng=7, executor="serial", progress=False)
    >>> bool(told.frame.loc[0, "peak_lag_s"] > 60 + 45)  # the outage, and at least so long to begin again
    True
    """
    scenario.check_mapped("drain")
    confidence = check_confidence(confidence)
    check_replications("replications", replications, low=2)
    check_choice("kind", kind, get_args(_Kind))
    label = mapping_of(scenario, event_source_mapping).label
    rate = scenario.writes_per_s
    outage_s = _outage(outage_s, backlog_records, rate)
    settings: list[dict[str, Any]] = [{}, *_levers(scenario, label, vary)]
    # a lever is tried, not chosen
    with without_setting_warnings():
        made = [varied(scenario, setting) for setting in settings]
    forecast = _Forecast(scenario, label, settings, made, outage_s, replications, confidence)
    root = RandomStreams(rng).root
    with Runner(executor, store, progress=progress, what=f"{scenario.name}: outages") as runner:
        away = forecast.away(runner, root) if kind != "failing" else None
        failing = forecast.failing(runner, root, len(made) if kind == "failing" else 1) if kind != "away" else None
    return forecast.told(away, failing)


_Kind = Literal["both", "away", "failing"]


@dataclass(frozen=True, slots=True)
class _Forecast:
    """What is asked of a drain, and the runs that answer it."""

    scenario: Scenario
    label: str
    settings: Sequence[Setting]
    made: Sequence[Scenario]
    outage_s: float
    replications: int
    confidence: float

    @property
    def _loads(self) -> list[float]:
        return [load_of(one, self.label) for one in self.made]

    @property
    def _heaviest(self) -> float:
        return max((load for load in self._loads if load < 1.0), default=0.0)

    @property
    def simulated_s(self) -> float:
        """The longest outage that is simulated, seconds."""
        return affordable_s(self.outage_s, self.scenario.writes_per_s, self._heaviest, self.scenario, self.label)

    def away(self, runner: Runner, root: np.random.SeedSequence) -> tuple[_Told, Scenario | None]:
        """Return the measures of each lever and length of outage, and what was run first."""
        longest_s = self.simulated_s
        lengths = [longest_s] if longest_s >= self.outage_s else [longest_s / 2.0, longest_s]
        runs = [
            (place, step, with_outage(one, self.label, length, self._heaviest, longest_s))
            for place, (one, load) in enumerate(zip(self.made, self._loads, strict=True))
            for step, length in enumerate(lengths)
            if load < 1.0  # what cannot keep up never drains: no run is needed to know
        ]
        told: _Told = [[[] for _ in lengths] for _ in self.made]
        done = self._run(runner, root, [(place, one) for place, _, one in runs], after_outage)
        for number, outcome in enumerate(done):
            place, step, _ = runs[number % len(runs)]
            told[place][step].append(outcome)
        return told, runs[0][2] if runs else None

    def failing(self, runner: Runner, root: np.random.SeedSequence, count: int) -> pd.DataFrame:
        """Return the rows of the first levers if the function fails."""
        # what cannot keep up is looked at for as long as one that hardly does
        runs = [
            (place, with_failing(one, self.label, self.simulated_s, min(load, _HARDLY)))
            for place, (one, load) in enumerate(zip(self.made[:count], self._loads[:count], strict=True))
        ]
        done = self._run(runner, root, runs, after_failing)
        lengths = (self.outage_s, self.simulated_s)
        rows = []
        for place, (lever, _) in enumerate(runs):
            name, own = _named(self.settings[lever]), done[place :: len(runs)]
            rows.append(failing_row(name, self.made[lever], self.label, own, lengths, self.confidence))
        return pd.DataFrame(rows, columns=COLUMNS)

    def _run(
        self,
        runner: Runner,
        root: np.random.SeedSequence,
        runs: Sequence[tuple[int, Scenario]],
        measure: Callable[[Result], Measures],
    ) -> list[Measures]:
        """Return the outcomes, all of one replication in a row."""
        jobs = [
            Job(one, replication_seed(root, number), measure) for number in range(self.replications) for _, one in runs
        ]
        outcomes = runner.run(jobs)
        for number, (job, outcome) in enumerate(zip(jobs, outcomes, strict=True)):
            if isinstance(outcome, Failure):
                raise AllRunsFailedError(
                    f"{self.scenario.name}: {_named(self.settings[runs[number % len(runs)][0]])}: an outage of the "
                    f"forecast failed to run with seed {seed_text(job.seed)}: {outcome.error}"
                )
        return outcomes

    def told(self, away: tuple[_Told, Scenario | None] | None, failing: pd.DataFrame | None) -> Drain:
        """Return the forecast."""
        steps, first = ([[[]] for _ in self.made], None) if away is None else away
        longest_s = self.simulated_s
        lengths = [longest_s] if longest_s >= self.outage_s else [longest_s / 2.0, longest_s]
        kept = [expiry_age_s(one, self.label) for one in self.made]
        frame, curve = _rows_and_curve(kept, self.settings, steps, lengths, self.outage_s, self.confidence)
        return Drain(
            frame=frame if away else frame.iloc[:0],
            outage_s=self.outage_s,
            simulated_s=longest_s,
            lag=lag_series(steps[0][-1], first or self.scenario),
            retention_s=kept[0],
            curve=curve if away else curve.iloc[:0],
            failing=pd.DataFrame(columns=COLUMNS) if failing is None else failing,
            retries=mapping_of(self.scenario, self.label).maximum_retry_attempts,
            binds=self._binds(frame) if away else "",
            confidence=self.confidence,
        )

    def _binds(self, frame: pd.DataFrame) -> str:
        """Return what binds where no lever shortens the time to drain by what one would notice."""
        now_s, others = float(frame["drain_s"].iloc[0]), frame["drain_s"].iloc[1:]
        if others.empty or (others < _NOTICED * now_s).any():
            return ""
        begins_s = activation_mean_s(self.scenario, self.label)
        if math.isfinite(now_s) and now_s < _MOSTLY * begins_s:
            return (
                f"of {span(now_s)}, the poller takes about {span(begins_s)} to begin again (activation_delay), "
                "which no setting changes"
            )
        return f"what binds is {draining_limit(self.scenario, self.label)}"


def _outage(outage_s: float | None, backlog_records: float | None, rate: float) -> float:
    if (outage_s is None) == (backlog_records is None):
        raise ValueError(
            f"give either outage_s or backlog_records, got outage_s={outage_s!r}, backlog_records={backlog_records!r}"
        )
    name, value = ("outage_s", outage_s) if backlog_records is None else ("backlog_records", backlog_records)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < math.inf:
        raise ValueError(f"{name} must be a number > 0, got {shown(value)}")
    if not rate:
        raise ValueError("drain needs a scenario with writes: its rate is 0")
    return float(value) if backlog_records is None else float(value) / rate


def _levers(scenario: Scenario, label: str, given: Any) -> list[dict[str, Any]]:
    if given is not None:
        several = [{name: value} for name, value in given.items()] if isinstance(given, Mapping) else list(given)
        wrong = [one for one in several if not isinstance(one, Mapping)]
        if wrong:
            raise ValueError(
                f"vary must be dicts of fields and their values, such as {{'batch_size': 200}}, got {shown(wrong[0])}"
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


def _rows_and_curve(
    kept: Sequence[float],
    settings: Sequence[Setting],
    told: Sequence[Sequence[Sequence[Any]]],
    lengths: Sequence[float],
    outage_s: float,
    confidence: float,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows, curves = [], []
    for setting, steps, own_s in zip(settings, told, kept, strict=True):
        name = _named(setting)
        lines = _lines([[one.metrics["drain_s"] for one in step] for step in steps], lengths)
        excess_latency_s = np.array([one.metrics["excess_latency_s"] for one in steps[-1]], dtype=np.float64)
        # what is older than it is kept waits for nobody
        rows.append(
            {"lever": name, **_row(_at(lines, min(outage_s, own_s)), excess_latency_s, outage_s, own_s, confidence)}
        )
        for length in np.linspace(0.0, kept[0], 49)[1:].tolist():
            value = mean_interval(_at(lines, min(length, own_s)), confidence)
            curves.append((name, length, value.mean, max(value.low, 0.0), value.high))
    curve = pd.DataFrame(curves, columns=["lever", "outage_s", "drain_s", "low", "high"])
    return pd.DataFrame(rows), curve


def _row(
    drains_s: Sequence[float],
    excess_latency_s: npt.NDArray[np.float64],
    outage_s: float,
    own_s: float,
    confidence: float,
) -> dict[str, float]:
    drained = mean_interval(drains_s, confidence)
    ends = math.isfinite(drained.mean)
    # of a backlog that only grows, records are lost whenever the consumer returns
    last = mean_interval(np.maximum(own_s - excess_latency_s, 0.0) if ends else [0.0, 0.0], confidence)
    return {
        "drain_s": drained.mean,
        "low": max(drained.low, 0.0),
        "high": drained.high,
        "peak_lag_s": min(outage_s + float(excess_latency_s.mean()), own_s) if ends else math.inf,
        "last_return_s": last.mean,
        "last_return_low_s": max(last.low, 0.0),
        "last_return_high_s": min(last.high, own_s),
        "replications": len(excess_latency_s),
    }


def _named(setting: Setting) -> str:
    return ", ".join(f"{field.rsplit('.', 1)[-1]} = {as_cell(value)}" for field, value in setting.items()) or _AS_IT_IS


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


def _with_half(value: float, low: float, high: float) -> str:
    return f"{span(value)} ± {span((high - low) / 2)}" if math.isfinite(value) else "never"


def _clock(seconds: float) -> str:
    """Return a length of time to the minute that has passed, below an hour to the second."""
    minutes, rest_s = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest_s} s"
