"""How much more traffic a design takes before its SLO breaks, and what breaks it."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.analysis.intervals import Interval, mean_interval
from ddbsim.analysis.keeping_up import DOES_NOT, TOO_SHORT
from ddbsim.checks.arguments import checked
from ddbsim.checks.wording import shown
from ddbsim.experiment.estimate.replicate import check_replications
from ddbsim.experiment.runs.executors import AllRunsFailedError, ExecutorChoice, Runner
from ddbsim.experiment.runs.job import Failure, Job, replication_seed, seed_text
from ddbsim.experiment.runs.measures import FALLS_BEHIND, Measures, keeping_up_of
from ddbsim.experiment.vary.fields import field_value, vary
from ddbsim.randomness import RandomStreams, Seed
from ddbsim.scenario import Scenario

from .candidates import Candidate
from .causes import LONG_ENOUGH_S, cause, limit_in_words, measure_with_causes
from .judge import Judge
from .screening import closed_form, design_limits
from .slo import SLO, used
from .stretches import at_length, check_fits, long_look_s, needs_long_look, short_length_s, table_rows
from .words import span, told

__all__ = ["Headroom", "headroom"]

Floats = npt.NDArray[np.float64]

_LEAST_SHARE = 0.02
# where the closed form knows no limit at all
_UNKNOWN = 100.0
_RAISE = 1.5
# a short run may take a little more than the closed form allows
_BEYOND = 1.1
_MOST_RAISES = 6
# a rate is proved by so many runs at the least, and lowered by at least this share each time that it does not hold
_PROVED_BY = 4
_STEP = 0.03
_MOST_PROOFS = 8


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Headroom:
    """The highest rate of writes at which an SLO holds.

    Attributes
    ----------
    writes_per_s
        Mean over replications, with its interval: each replication has its own highest rate.
    holds_per_s
        The rate that was proved to hold, by further runs of the scenario's length and with the SLO's confidence; 0 if
        none was.
    now_per_s
        The scenario's mean rate.
    breaks
        What breaks first beyond it, as the runs beyond it show: a sentence.
    capacity
        The closed form at `holds_per_s` (at `writes_per_s` if that is 0): limit, load, remedy; the heaviest load first.
    runs
        A row per run of the search: replication, writes_per_s, share (of the SLO's target used: above 1 it is missed;
        infinite where the design does not keep up or writes are lost).
    proofs
        A row per rate that was to be proved: writes_per_s, runs, holds, why.
    slo
        What must hold.
    readers
        What readers that are not Lambda cannot take at that rate, in words; empty where they can, or there are none.
    """

    writes_per_s: Interval
    holds_per_s: float
    now_per_s: float
    breaks: str
    capacity: pd.DataFrame
    runs: pd.DataFrame
    proofs: pd.DataFrame
    slo: SLO
    readers: str = ""

    @property
    def factor(self) -> float:
        """How many times the scenario's rate holds."""
        return self.holds_per_s / self.now_per_s if self.now_per_s else math.inf

    @property
    def binding(self) -> str:
        """The limit with the heaviest load at that rate."""
        return str(self.capacity.iloc[0]["limit"])

    def __repr__(self) -> str:
        asked = self.slo.describe()
        if not self.holds_per_s:
            least = self.runs["writes_per_s"].min()
            share = f"{100.0 * least / self.now_per_s:.2g} % of today's rate" if self.now_per_s else f"{least:,.3g}/s"
            return f"not even {share} holds {asked}: {self.breaks}"
        words = f"up to {self.holds_per_s:,.4g} writes/s hold {asked}, {self.factor:.2f} times as many as now"
        if self.factor < 1.0:
            words = (
                f"today's {self.now_per_s:,.4g} writes/s do not hold {asked}: only {self.holds_per_s:,.4g} do, "
                f"{100.0 * self.factor:.0f} % of them"
            )
        rate = self.writes_per_s
        beside = f"; {self.readers}" if self.readers else ""
        words += f"; single runs break at {rate.mean:,.4g} ± {rate.half_width:,.2g}; what breaks: {self.breaks}"
        return f"{words}{beside}"

    def _repr_html_(self) -> str:
        shown = self.capacity.assign(
            records_per_s=[f"{value:,.4g}" for value in self.capacity["records_per_s"]],
            offered_per_s=[f"{value:,.4g}" for value in self.capacity["offered_per_s"]],
            load=[f"{100.0 * value:.0f} %" for value in self.capacity["load"]],
        )
        return f"<p>{html.escape(repr(self))}</p>{shown.to_html(index=False, border=0)}"


@checked
def headroom(
    scenario: Scenario,
    *,
    slo: SLO,
    replications: int = 4,
    precision: float = 0.01,
    rng: Seed = None,
    executor: ExecutorChoice = None,
    store: str | Path | None = None,
    progress: bool = True,
) -> Headroom:
    """Find the highest rate of writes at which an SLO still holds, and what breaks there.

    Each replication is its own search between the rate that the closed form allows and a fiftieth of it: the rate is
    halved in on, on the same luck. Steady traffic runs for short stretches. The rate found is then proved, in runs of
    the scenario's length and other luck, and lowered until it holds with the SLO's confidence. What does not keep up
    does not hold, nor does what makes clients give up writes, unless the SLO has a target for `lost_writes`.

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
    >>> room = ds.headroom(base, slo=ds.SLO(latency_p99_s=2.0), replications=2, precision=0.1, rng=7,
    ...     executor="serial", progress=False)
    >>> room.binding
    'lanes'
    """
    scenario.check_mapped("headroom")
    check_replications("replications", replications, low=2)
    if not isinstance(precision, int | float) or not 0.0 < precision < 1.0:
        raise ValueError(f"precision must be a share > 0 and < 1, such as 0.01, got {shown(precision)}")
    check_fits("headroom", [scenario])
    search = _Search(scenario, slo, replications, RandomStreams(rng).root)
    with Runner(executor, store, progress=progress, what=f"{scenario.name}: headroom") as runner:
        low, high = search.bisect(runner, precision)
        found = mean_interval((low + high) / 2.0, slo.confidence)
        holds = search.prove(runner, float(low.min()), precision) if low.any() else 0.0
    there = closed_form(search.at(holds or found.mean or search.now))
    runs = pd.DataFrame(search.rows, columns=["replication", "writes_per_s", "share"])
    proofs = pd.DataFrame(search.proofs, columns=["writes_per_s", "runs", "holds", "why"])
    return Headroom(
        found, holds, search.now, search.breaks(holds), there, runs, proofs, slo, _too_much(scenario, there)
    )


def _too_much(scenario: Scenario, capacity: pd.DataFrame) -> str:
    """Return which readers that are not Lambda are offered more than they can read, in words."""
    names = [reader.name for reader in scenario.other_readers]
    over = capacity[capacity["event_source_mapping"].isin(names) & (capacity["load"] >= 1.0)]
    worst = over.drop_duplicates("event_source_mapping")
    return "; ".join(
        f"the reader {row.event_source_mapping} cannot read so many: {row.offered_per_s:,.4g} records/s, and its "
        f"{row.limit} limit allows {row.records_per_s:,.4g}"
        for row in worst.itertuples()
    )


class _Search:
    """The runs of a search for the highest rate, and what they showed."""

    def __init__(self, scenario: Scenario, slo: SLO, replications: int, root: np.random.SeedSequence) -> None:
        self.scenario = scenario
        self.slo = slo
        self.root = root
        self.field = _rate_field(scenario)
        self.now = scenario.writes_per_s
        # a rate that is not of writes (of units, of batches) is a multiple of theirs
        self._each = field_value(scenario, self.field) / self.now if self.now else 1.0
        self._replications = replications
        self.rows: list[tuple[int, float, float]] = []
        self.proofs: list[tuple[float, int, bool, str]] = []
        self._missed: list[tuple[float, Scenario, Any]] = []

    def at(self, writes_per_s: float) -> Scenario:
        """Return the scenario at another rate."""
        return vary(self.scenario, {self.field: max(writes_per_s * self._each, 1e-9)})

    def bisect(self, runner: Runner, precision: float) -> tuple[Floats, Floats]:
        """Return, per replication, the highest rate that held and the lowest that did not; 0 and 0 if none held."""
        most = self._most(runner)
        shares = self._shares(runner, np.full(self._replications, _LEAST_SHARE * most))
        while (shares > 1.0).all() and most > self.now:
            # something else than what the closed form knows binds far below it
            most = max(_LEAST_SHARE * most, self.now if _LEAST_SHARE * most < self.now < most else 0.0)
            shares = self._shares(runner, np.full(self._replications, _LEAST_SHARE * most))
        # where not even that little holds, nothing does
        low = np.where(shares <= 1.0, _LEAST_SHARE * most, 0.0)
        high = np.where(shares <= 1.0, most, 0.0)
        while (high - low).max(initial=0.0) > precision * most:
            middle = (low + high) / 2.0
            held = self._shares(runner, middle) <= 1.0
            low, high = np.where(held, middle, low), np.where(held, high, middle)
        return low, high

    def _most(self, runner: Runner) -> float:
        """Return a rate that holds in no replication: what the closed form allows, or more if a run holds there."""
        rows = design_limits(self.scenario)
        table = table_rows(rows)
        if self.slo.bounds("lost_writes"):
            rows, table = rows.drop(table.index), table.iloc[:0]
        load = float(rows["load"].max())
        most = self.now / load if load > 0.0 else _UNKNOWN * self.now
        if len(table) and float(table["load"].max()) >= load:
            # what a table takes beyond its capacity comes from its burst, which a run may not live to see empty:
            # this run is to tell what breaks there, not whether more can be promised
            self._shares(runner, np.full(self._replications, _BEYOND * most))
            return most
        for _ in range(_MOST_RAISES):
            if (self._shares(runner, np.full(self._replications, _BEYOND * most)) > 1.0).all():
                break
            most *= _RAISE
        return most

    def prove(self, runner: Runner, rate: float, precision: float) -> float:
        """Return the highest rate, from one on downwards, that holds with the SLO's confidence; 0 if none does."""
        step = max(2.0 * precision, _STEP)
        for attempt in range(_MOST_PROOFS):
            holds, why = self._proved(runner, rate, attempt)
            self.proofs.append((rate, max(self._replications, _PROVED_BY), holds, why))
            if holds:
                return rate
            rate *= 1.0 - step * (attempt + 1)
        return 0.0

    def _proved(self, runner: Runner, rate: float, number: int) -> tuple[bool, str]:
        candidate = Candidate(number, {self.field: rate}, self.at(rate))
        runs = max(self._replications, _PROVED_BY)
        first = self._replications + number * (runs + 1)
        seeds = [replication_seed(self.root, replication) for replication in range(first, first + runs)]
        candidate.full = self._done(runner, [Job(candidate.made, seed, measure_with_causes) for seed in seeds])
        judge = Judge(self.slo, candidate)
        if broken := judge.broken(candidate, candidate.full):
            self._missed.append((rate, candidate.made, candidate.full[0]))
            return False, f"{broken.words}{broken.why}"
        # the error allowed is shared out over all proofs, however many there are
        if not judge.holds(candidate, 1.0 / ((number + 1) * (number + 2))):
            return False, judge.reached(candidate)
        return self._holds_longer(runner, candidate, judge, first + runs)

    def _holds_longer(self, runner: Runner, candidate: Candidate, judge: Judge, number: int) -> tuple[bool, str]:
        """Whether a rate also holds in a longer run: near a limit a backlog is slow to show where it goes."""
        name = self.slo.name_of("falls_behind", candidate.made)
        short = keeping_up_of(candidate.values(name)) == TOO_SHORT
        wanted_s = float(np.median(candidate.values(LONG_ENOUGH_S)))
        length_s = long_look_s(candidate.made, wanted_s) if short or needs_long_look(candidate.made) else None
        if length_s is None:
            why = f"the runs are too short to tell whether it keeps up: duration_s must be about {wanted_s:,.0f}"
            return not short, why if short else judge.reached(candidate)
        job = Job(at_length(candidate.made, length_s), replication_seed(self.root, number), measure_with_causes)
        looked = self._done(runner, [job])
        if broken := judge.broken_far(candidate, looked):
            return False, f"{broken.words} in a run of {span(length_s)}{broken.why}"
        return True, f"{judge.reached(candidate)}, and in a run of {span(length_s)}"

    def breaks(self, holds: float) -> str:
        """Return what broke the lowest rate that is above one and was missed in a run."""
        above = [one for one in self._missed if one[0] > holds]
        if not above:
            return limit_in_words(design_limits(self.at(holds or self.now)).iloc[0])
        rate, scenario, run = min(above, key=lambda one: one[0])
        worst = max(self.slo.required(scenario).items(), key=lambda one: used(run.metrics[one[0]], one[1]))[0]
        why = cause(scenario, [run]) or limit_in_words(design_limits(scenario).iloc[0])
        return f"{why}; at {rate:,.4g} writes/s {told(worst, run.metrics[worst])}"

    def _shares(self, runner: Runner, rates: Floats) -> Floats:
        """Return how much of what is required a run at each replication's own rate uses."""
        jobs = []
        for replication, rate in enumerate(rates.tolist()):
            varied = self.at(rate)
            short_s = short_length_s([varied])
            made = varied if short_s is None else at_length(varied, short_s)
            jobs.append(Job(made, replication_seed(self.root, replication), measure_with_causes))
        shares = []
        for job, rate, outcome in zip(jobs, rates.tolist(), self._done(runner, jobs), strict=True):
            behind = outcome.metrics[self.slo.name_of("falls_behind", job.scenario)] >= FALLS_BEHIND[DOES_NOT]
            shares.append(math.inf if behind else self.slo.share(outcome.metrics, job.scenario))
            if shares[-1] > 1.0:
                self._missed.append((rate, job.scenario, outcome))
        self.rows += list(zip(range(len(rates)), rates.tolist(), shares, strict=True))
        return np.array(shares)

    def _done(self, runner: Runner, jobs: list[Job]) -> list[Measures]:
        outcomes = runner.run(jobs)
        for job, outcome in zip(jobs, outcomes, strict=True):
            if isinstance(outcome, Failure):
                raise AllRunsFailedError(
                    f"{self.scenario.name}: a run of the search, with {self.field} = "
                    f"{field_value(job.scenario, self.field):g} and seed {seed_text(job.seed)}, failed: {outcome.error}"
                )
        return outcomes


def _rate_field(scenario: Scenario) -> str:
    field = scenario.workload.rate_field
    if field is not None:
        return f"workload.{field}"
    raise ValueError(
        "headroom needs a workload whose rate_per_s is a number > 0, or a trace with mean_rate_per_s, "
        f"got {shown(scenario.workload)}"
    )
