"""The cheapest settings that hold an SLO, with how sure that is, what binds, and why all others fell."""

from __future__ import annotations

import html
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ddbsim.analysis.intervals import Interval, mean_interval
from ddbsim.checks.arguments import checked
from ddbsim.experiment.estimate.replicate import check_replications
from ddbsim.experiment.runs.executors import ExecutorChoice, Runner
from ddbsim.experiment.runs.grid import as_cell
from ddbsim.experiment.runs.measures import check_metric
from ddbsim.experiment.vary.fields import field_value, grid, variants
from ddbsim.randomness import RandomStreams, Seed
from ddbsim.scenario import Scenario

from .candidates import Candidate, paired
from .causes import limit_in_words
from .choices import choices_of, choices_shown, setting_in_words, verdict_of
from .screening import closed_form, design_limits
from .selection import RankingAndSelection
from .slo import SLO
from .snippets import Snippets, snippets
from .words import amount

__all__ = ["Effort", "Solution", "solve"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What an answer took.

    Attributes
    ----------
    candidates, screened
        Settings in all, and those that fell without a single run.
    full_runs, short_runs, short_s
        Runs of the scenario's length, short ones, and how long a short one is (None: there were none).
    equivalent_runs
        All of them in runs of full length.
    brute_force_runs
        What the full grid would take with as many runs of each setting as the chosen one got.
    pairing
        How many times as many independent runs would tell the differences in cost as well.
    reused
        Runs that were taken from the store.
    seconds
        By the clock.
    """

    candidates: int
    screened: int
    full_runs: int
    short_runs: int
    short_s: float | None
    equivalent_runs: float
    brute_force_runs: int
    pairing: float
    reused: int
    seconds: float

    def __str__(self) -> str:
        short = "" if self.short_s is None else f" and {self.short_runs} of {self.short_s:g} s"
        pairing = "" if np.isnan(self.pairing) else f", pairing worth {self.pairing:,.0f} times the runs"
        return (
            f"{self.full_runs} full runs{short}, together {self.equivalent_runs:.0f}, instead of "
            f"{self.brute_force_runs} for the full grid: {self.screened} of {self.candidates} settings screened "
            f"unseen{pairing}; {self.seconds:.0f} s"
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Solution:
    """The answer of `solve`.

    Attributes
    ----------
    setting
        Field -> value of the chosen candidate; None if none holds the SLO.
    scenario
        The scenario with that setting.
    candidates
        A row per setting: the fields, the objective and the SLO's metrics each with _low and _high, state ("chosen",
        "as cheap", "costs more", "fails", "falls behind", "undecided", "unstable", "refused", "failed"), keeps_up (the
        verdict), processed_share, full_runs, short_runs, why, note. NaN where nothing was run. The objective is the
        chosen one's and the difference to it on the same writes, with the interval of that difference; of candidates
        without full runs all numbers are from short ones.
    choices
        A row per role, each proved to hold: "cheapest" (the one chosen), "balanced" (the knee of the front), "fastest"
        (by the SLO's first metric, of those simulated), and "today" (the scenario as it is, on the same writes):
        role, setting, usd (the objective), metric (the SLO's first), margin (the share of its target that is left),
        difference (of the objective to today's), holds, keeps_up, processed_share, lost_records.
    pareto
        Those simulated candidates that no other beats in the objective and in the SLO's first metric both.
    capacity
        Of the chosen setting (or the nearest miss), from the closed form: which limit binds first, at which load.
    bottleneck
        The same in a sentence.
    advice
        If nothing holds: the nearest miss and what would help.
    snippets
        The change as AWS CLI, SAM and Terraform.
    effort
        What it took.
    slo, minimise, fields, metrics
        What was asked: the SLO, the objective, the fields that were varied, and the SLO's metrics by name.
    """

    setting: dict[str, Any] | None
    scenario: Scenario | None
    candidates: pd.DataFrame
    choices: pd.DataFrame
    pareto: pd.DataFrame
    capacity: pd.DataFrame
    bottleneck: str
    advice: str
    snippets: Snippets
    effort: Effort
    slo: SLO
    minimise: str
    fields: tuple[str, ...]
    metrics: tuple[str, ...]

    def __repr__(self) -> str:
        tables = [self._choices_shown().to_string(index=False), "", self._shown().to_string(index=False)]
        return "\n".join([*self._sentences(), "", *tables, str(self.effort)])

    def _repr_html_(self) -> str:
        first, *lines = self._sentences()
        told = f"<p><b>{html.escape(first)}</b></p>" + "".join(f"<p>{html.escape(line)}</p>" for line in lines)
        change = f"<pre>{html.escape(self.snippets.cli)}</pre>" if self.setting is not None else ""
        tables = [one.to_html(index=False, border=0) for one in (self._choices_shown(), self._shown())]
        return f"{told}{tables[0]}{change}{tables[1]}<p>{html.escape(str(self.effort))}</p>"

    def _choices_shown(self) -> pd.DataFrame:
        return choices_shown(self.choices, self.minimise, self.metrics[0])

    def _sentences(self) -> list[str]:
        asked = f"{self.slo.describe()}, least {self.minimise}"
        if self.setting is None:
            return [f"{asked}: {self._no_answer()}", self.advice]
        chosen = self.candidates[self.candidates["state"] == "chosen"].iloc[0]
        cost = f"{self.minimise} {chosen[self.minimise]:,.2f}"
        return [f"{asked}: {setting_in_words(self.setting)}", f"{cost}; {chosen['why']}", self.bottleneck]

    def _no_answer(self) -> str:
        """Return that there is no answer: because nothing holds, or because it is not known of all whether they do."""
        states = self.candidates["state"]
        failed, undecided = int((states == "failed").sum()), int((states == "undecided").sum())
        count = len(states)
        if failed:
            return f"no answer: the runs of {failed} of {count} settings failed"
        if undecided:
            return f"no answer: whether {undecided} of {count} settings hold it is not decided, and no other does"
        return "nothing in this space holds it"

    def _shown(self) -> pd.DataFrame:
        """Return what was tried with full runs, the cheapest first; where nothing was, how many fell of what."""
        tried = self.candidates[self.candidates["full_runs"] > 0]
        if tried.empty:
            return self.candidates["state"].value_counts().rename("settings").reset_index()
        told = tried.sort_values(self.minimise)
        names = list(dict.fromkeys([self.minimise, *self.metrics]))
        texts = {name: [amount(name, value) for value in told[name]] for name in names}
        kept = ["state", *self.fields]
        return told[kept].assign(**texts, keeps_up=told["keeps_up"], full_runs=told["full_runs"])


@checked
def solve(
    scenario: Scenario,
    *,
    slo: SLO,
    vary: Mapping[str, Any],
    minimise: str = "usd_per_month",
    at_most: int = 20,
    rng: Seed = None,
    executor: ExecutorChoice = None,
    store: str | Path | None = None,
    progress: bool = True,
) -> Solution:
    """Find the cheapest settings whose SLO holds, and say why all others fell.

    What does not keep up is never chosen, nor what makes clients give up writes, nor what loses more records than the
    scenario does as it is, unless the SLO has targets for these.

    Settings that cannot keep up by the closed form are dropped unseen, as are those whose bill with every batch full
    would exceed the answer's. The others run for a short while on the same writes, which orders them by cost and drops
    those that clearly miss the target. From the cheapest up, each then runs at the scenario's full length until its SLO
    holds or fails beyond doubt; the first that holds is the answer.

    Parameters
    ----------
    scenario
        What is to be settled; its traffic, length and warm-up are taken as they are.
    slo
        What must hold, and how surely. The confidence is for the whole search: the error that it allows is shared out
        over all candidates and all looks at their runs.
    vary
        The space: field -> values; see `vary`. `memory_mb` changes the handler's speed as AWS does, by its CPU, from
        the scenario's own memory.
    minimise
        A metric; the monthly bill if not said otherwise.
    at_most
        Cap on the full runs of one setting, >= 2; one that is undecided by then is not chosen.
    rng, executor, store, progress
        As in `replicate`.

    Returns
    -------
    Solution

    Raises
    ------
    ValueError
        If the space is empty or makes no scenario, or a field, mapping or metric does not exist.
    TooManyRecordsError
        If runs of the scenario's length would not fit in memory: before the first of them.

    Notes
    -----
    Candidates are tried in the order of their cost in the short runs. The j-th to be tried spends 1 / (j (j + 1)) of
    the error that the SLO allows, its l-th look 1 / (l (l + 1)) of that: together never more than all of it, however
    many there are.

    Examples
    --------
    >>> import ddbsim as ds
    >>> base = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=20), duration_s=200, warmup_s=20)
    >>> answer = ds.solve(
    ...     base, slo=ds.SLO(latency_p99_s=3.0), vary={"maximum_batching_window_in_seconds": [0, 1, 10]},
    ...     rng=7, executor="serial", progress=False)
    >>> answer.setting
    {'maximum_batching_window_in_seconds': 1}
    """
    scenario.check_mapped("solve")
    started = time.perf_counter()
    check_metric("minimise", minimise)
    check_replications("at_most", at_most, low=2)
    made = variants(scenario, grid(vary))
    slo.metrics(scenario)
    candidates = [Candidate(number, one.setting, one.scenario, one.note) for number, one in enumerate(made)]
    root = RandomStreams(rng).root
    with Runner(executor, store, progress=progress, what=f"{scenario.name}: search") as runner:
        race = RankingAndSelection(
            candidates, _today(scenario, candidates, list(vary)), slo, minimise, root, runner, at_most
        )
        winner = race.run()
        choices = choices_of(race, winner, *next(iter(slo.metrics(scenario).items())))
    return _solution(scenario, race, winner, list(vary), choices, time.perf_counter() - started)


def _today(scenario: Scenario, candidates: Sequence[Candidate], fields: Sequence[str]) -> Candidate:
    """Return the candidate that is the scenario as it is, or one beside them."""
    setting = {name: field_value(scenario, name) for name in fields}
    inside = [one for one in candidates if one.setting == setting]
    return inside[0] if inside else Candidate(len(candidates), setting, scenario)


def _solution(
    scenario: Scenario,
    race: RankingAndSelection,
    winner: Candidate | None,
    fields: Sequence[str],
    choices: pd.DataFrame,
    seconds: float,
) -> Solution:
    nearest = winner or _nearest_miss(race, scenario)
    frame = _frame(race, winner, scenario)
    assert nearest.scenario is not None
    capacity = closed_form(nearest.scenario)
    return Solution(
        setting=None if winner is None else winner.setting,
        scenario=None if winner is None else winner.scenario,
        candidates=frame,
        choices=choices,
        pareto=_pareto(frame, race, scenario),
        capacity=capacity,
        bottleneck=_bottleneck(capacity),
        advice="" if winner else _advice(race, nearest, scenario, fields, capacity),
        snippets=snippets(scenario, nearest.scenario),
        effort=_effort(race, winner, seconds),
        slo=race.slo,
        minimise=race.minimise,
        fields=tuple(fields),
        metrics=tuple(race.slo.metrics(scenario)),
    )


def _frame(race: RankingAndSelection, winner: Candidate | None, scenario: Scenario) -> pd.DataFrame:
    rows = []
    for candidate in race.candidates:
        row: dict[str, Any] = {name: as_cell(value) for name, value in candidate.setting.items()}
        for name in dict.fromkeys([race.minimise, *race.slo.metrics(scenario)]):
            told = _told(race, winner, candidate, name)
            row |= {name: told.mean, f"{name}_low": told.low, f"{name}_high": told.high}
        short = 0 if candidate.short is candidate.full else len(candidate.short)
        row |= {
            "state": candidate.state,
            "keeps_up": verdict_of(race, candidate),
            "processed_share": candidate.processed_share,
        }
        row |= {"full_runs": len(candidate.full), "short_runs": short}
        rows.append(row | {"why": candidate.why, "note": candidate.note if candidate.scenario else ""})
    return pd.DataFrame(rows)


def _told(race: RankingAndSelection, winner: Candidate | None, candidate: Candidate, metric: str) -> Interval:
    """Return what is known of a candidate's metric; of its cost, beside the chosen one's on the same writes."""
    own = candidate.estimate(metric, race.slo.confidence)
    if winner is None or candidate is winner or metric != race.minimise:
        return own
    both = (candidate.full, winner.full) if candidate.full else (candidate.short, winner.short)
    extra = mean_interval(paired(*both, metric), race.slo.confidence)
    level = winner.estimate(metric).mean
    return replace(extra, mean=level + extra.mean, low=level + extra.low, high=level + extra.high)


def _pareto(frame: pd.DataFrame, race: RankingAndSelection, scenario: Scenario) -> pd.DataFrame:
    """Return the candidates that none beats in both, from the cheapest up."""
    metric = next(iter(race.slo.metrics(scenario)))
    known = frame[np.isfinite(frame[race.minimise]) & np.isfinite(frame[metric])]
    ordered = known.sort_values([race.minimise, metric], kind="stable")
    best = ordered[metric].cummin()
    first = best < best.shift(fill_value=np.inf)
    front: pd.DataFrame = ordered[first].reset_index(drop=True)
    return front


def _bottleneck(capacity: pd.DataFrame) -> str:
    return f"what binds first: {limit_in_words(capacity.iloc[0])}"


def _nearest_miss(race: RankingAndSelection, scenario: Scenario) -> Candidate:
    """Return the candidate that comes nearest to the SLO: simulated, or else the least overloaded."""

    def distance(candidate: Candidate) -> tuple[int, float]:
        assert candidate.scenario is not None
        runs = candidate.full or candidate.short
        if runs:
            shares = [race.slo.share(measures.metrics, scenario) for measures in runs]
            return int(candidate.state == "falls behind"), float(np.mean(shares))
        return 2, float(design_limits(candidate.scenario)["load"].max())

    return min((one for one in race.candidates if one.scenario is not None), key=distance)


def _advice(
    race: RankingAndSelection, nearest: Candidate, scenario: Scenario, fields: Sequence[str], capacity: pd.DataFrame
) -> str:
    told = setting_in_words(nearest.setting)
    failed = [one for one in race.candidates if one.state == "failed"]
    if failed:
        return (
            f"{len(failed)} of {len(race.candidates)} settings could not be judged, the first "
            f"{setting_in_words(failed[0].setting)}: {failed[0].why}"
        )
    if not (nearest.full or nearest.short):
        worst = capacity.iloc[0]
        return (
            f"every setting is unstable; the nearest is {told}, with {worst['load']:.2f} times the load that its "
            f"{worst['limit']} can carry: {worst['remedy']}"
        )
    undecided = [one for one in race.candidates if one.state == "undecided"]
    if undecided:
        nearest = min(undecided, key=lambda one: float(one.values(race.minimise).mean()))
        return f"the cheapest that may hold is {setting_in_words(nearest.setting)}: {nearest.why}"
    metric = next(iter(race.slo.metrics(scenario)))
    helps = _what_helps(race, nearest, metric, fields)
    return f"the nearest miss is {told}: {nearest.why}; {helps or _bottleneck(capacity)}"


def _what_helps(race: RankingAndSelection, nearest: Candidate, metric: str, fields: Sequence[str]) -> str:
    """Return the field whose values, with the others as in the nearest miss, move the metric most, and which way."""
    best: tuple[float, str] = (0.0, "")
    for name in fields:
        beside = [
            (one.setting[name], float(one.values(metric).mean()))
            for one in race.candidates
            if (one.short or one.full)
            and all(one.setting[other] == nearest.setting[other] for other in fields if other != name)
        ]
        numbers = [pair for pair in beside if isinstance(pair[0], int | float) and np.isfinite(pair[1])]
        if len(numbers) < 2:
            continue
        numbers.sort()
        (first, start), (last, end) = numbers[0], numbers[-1]
        if abs(end - start) > best[0]:
            way = "more" if end < start else "less"
            told = f"{way} {name} helps: {metric} {start:.3g} at {first:g}, {end:.3g} at {last:g}"
            best = (abs(end - start), told)
    return best[1]


def _effort(race: RankingAndSelection, winner: Candidate | None, seconds: float) -> Effort:
    stable = [candidate for candidate in race.candidates if candidate.scenario is not None]
    screened = sum(not candidate.short and not candidate.full for candidate in race.candidates)
    length_s = stable[0].scenario.length_s if stable and stable[0].scenario else 1.0
    share = 0.0 if race.short_s is None else race.short_s / length_s
    each = len(winner.full) if winner else max((len(one.full) for one in race.candidates), default=0)
    return Effort(
        candidates=len(race.candidates),
        screened=screened,
        full_runs=race.full_runs,
        short_runs=race.short_runs,
        short_s=race.short_s,
        equivalent_runs=race.full_runs + race.short_runs * share + race.long_s / length_s,
        brute_force_runs=len(race.candidates) * max(each, 2),
        pairing=_pairing(race, winner),
        reused=race.runner.reused,
        seconds=seconds,
    )


def _pairing(race: RankingAndSelection, winner: Candidate | None) -> float:
    """Return the gain of pairing over all candidates together: a ratio of sums, for each alone has few runs."""
    if winner is None:
        return float("nan")
    apart = paired = 0.0
    own = np.array([measures.metrics[race.minimise] for measures in winner.short])
    for candidate in race.candidates:
        other = np.array([measures.metrics[race.minimise] for measures in candidate.short[: len(own)]])
        if candidate is winner or len(other) < 2:
            continue
        mine = own[: len(other)]
        apart += float(mine.var(ddof=1) + other.var(ddof=1))
        paired += float((other - mine).var(ddof=1))
    return apart / paired if paired > 0.0 else float("nan")
