"""The race among candidate settings: short runs of all, long runs of the few that may win.

What the race promises is about its winner: that its SLO holds, from runs of the scenario's full length, with the
stated confidence over all looks at all candidates that were tried. Short runs only order the candidates and drop
those that clearly fail or cost more; a wrong drop could hide a cheaper setting, never make a false promise.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ddbsim.scenario import Scenario

from .executors import Runner
from .grids import run_grid
from .intervals import Interval, mean_interval, upper_bound
from .measures import Measures
from .runs import Failure, Job, replication_seed, seed_text
from .screening import lambda_floor_usd, unstable
from .slo import SLO

__all__ = ["Candidate", "Race", "paired", "short_length_s"]

Floats = npt.NDArray[np.float64]

_SHORT_RUNS = 2
_MOST_SHORT_RUNS = 6
_FIRST_LOOK = 4
_GROWTH = 1.5
_SHORT_SHARE = 12.0
_SHORT_LEAST_S = 30.0
_SHORT_LEAST_RECORDS = 5_000.0
_SHORT_WINDOWS = 4.0
# a short run that spares less than this is not worth its own draws
_WORTH = 0.6
# candidates that get their short runs together
_WAVE = 12
_LAMBDA = "lambda_usd_per_month"


@dataclass(slots=True)
class Candidate:
    """One setting in the race.

    Attributes
    ----------
    number, setting, scenario, note
        Which, and what the service would remark on it.
    state
        "open", and in the end one of "chosen", "as cheap", "costs more", "fails", "undecided", "unstable", "refused" or
        "failed".
    why
        In a sentence.
    floor
        What Lambda costs a month at the least, USD, where that bounds the objective.
    short, full
        Measures of its short and its full runs, by replication.
    """

    number: int
    setting: dict[str, Any]
    scenario: Scenario | None
    note: str = ""
    state: str = "open"
    why: str = ""
    floor: float = -math.inf
    short: list[Measures] = field(default_factory=list)
    full: list[Measures] = field(default_factory=list)

    def fall(self, state: str, why: str) -> None:
        """Leave the race."""
        self.state, self.why = state, why

    def values(self, metric: str) -> Floats:
        """Return a metric of the full runs if there are any, else of the short ones."""
        return _values(self.full or self.short, metric)

    def estimate(self, metric: str, confidence: float = 0.95) -> Interval:
        """Return a metric's interval, of the full runs if there are any."""
        return mean_interval(self.values(metric), confidence)


def _values(runs: Sequence[Measures], metric: str) -> Floats:
    return np.array([measures.metrics[metric] for measures in runs], dtype=np.float64)


def paired(runs: Sequence[Measures], others: Sequence[Measures], metric: str) -> Floats:
    """Return by how much a metric of some runs is above that of others, over the replications that both have."""
    pairs = min(len(runs), len(others))
    return _values(runs[:pairs], metric) - _values(others[:pairs], metric)


def short_length_s(scenarios: Sequence[Scenario]) -> float | None:
    """Return how long a short run is, seconds; None where only runs of full length are alike.

    A stretch of steady traffic is like any other. Where the rate changes, or something breaks at a given time, or the
    stretch would spare little, there are no short runs.
    """
    first = scenarios[0]
    length_s, warmup_s = first.length_s, first.warmup_s
    if any(not _steady(one) or one.length_s != length_s or one.warmup_s != warmup_s for one in scenarios):
        return None
    rate = first.writes_per_s
    windows = [mapping.maximum_batching_window_in_seconds for one in scenarios for mapping in one.mappings]
    measured_s = max(
        (length_s - warmup_s) / _SHORT_SHARE,
        _SHORT_LEAST_S,
        _SHORT_LEAST_RECORDS / rate if rate else math.inf,
        _SHORT_WINDOWS * max(windows),
    )
    short_s = math.ceil(warmup_s + measured_s)
    return float(short_s) if short_s <= _WORTH * length_s else None


def _steady(scenario: Scenario) -> bool:
    """Whether every stretch of a run is like any other."""
    events: list[object] = [mapping.function.failures.outages for mapping in scenario.mappings]
    events += [mapping.planned_suspensions for mapping in scenario.mappings]
    return scenario.workload.steady and not any(events)


class Race:
    """The candidates, and the rounds that decide among them.

    Parameters
    ----------
    candidates
        All, those without a scenario included.
    slo, minimise
        What must hold, and the metric to keep small.
    root
        The experiment's seed.
    runner
        Does the runs.
    at_most
        Cap on the full runs of one candidate.

    Attributes
    ----------
    short_s
        Length of the short runs, seconds; None if there were none.
    full_runs, short_runs
        How many were made or taken from the store.
    """

    def __init__(
        self,
        candidates: Sequence[Candidate],
        slo: SLO,
        minimise: str,
        root: np.random.SeedSequence,
        runner: Runner,
        at_most: int,
    ) -> None:
        self.candidates = list(candidates)
        self.slo = slo
        self.minimise = minimise
        self.root = root
        self.runner = runner
        self.at_most = at_most
        self.short_s: float | None = None
        self.full_runs = 0
        self.short_runs = 0
        self._tried = 0

    def open(self) -> list[Candidate]:
        """Return the candidates that are still in the race."""
        return [candidate for candidate in self.candidates if candidate.state == "open"]

    def run(self) -> Candidate | None:
        """Decide, and return the cheapest candidate whose SLO holds, or None."""
        self._screen()
        running = self.open()
        if not running:
            return None
        self.short_s = short_length_s([candidate.scenario for candidate in running if candidate.scenario])
        self._set_floors(running)
        unseen = sorted(running, key=lambda one: (one.floor, one.number))
        # best first: what may still be cheapest comes next, be it to run for a short while or to try in earnest
        while True:
            best = self._cheapest()
            if unseen and (best is None or unseen[0].floor < self._cost(best)):
                wave, unseen = unseen[:_WAVE], unseen[_WAVE:]
                self._run_short(wave)
            elif best is None:
                return None
            else:
                self._tried += 1
                self._try(best)
                if best.state == "chosen":
                    self._drop_unseen(unseen, best)
                    self._settle_costs(best)
                    return best

    def _screen(self) -> None:
        for candidate in self.candidates:
            if candidate.scenario is None:
                candidate.fall("refused", candidate.note)
            elif (reason := unstable(candidate.scenario)) is not None:
                candidate.fall("unstable", f"{reason}; not simulated")

    def _set_floors(self, running: Sequence[Candidate]) -> None:
        """Bound each candidate's bill from below by its least Lambda bill, where all else costs the same."""
        made = [candidate.scenario for candidate in running if candidate.scenario is not None]
        sides = [(one.workload, one.table, one.stream) for one in made]
        if self.minimise not in ("usd_per_month", _LAMBDA) or any(side != sides[0] for side in sides):
            return
        first = made[0]
        measured_s = (self.short_s or first.length_s) - first.warmup_s
        records = _SHORT_RUNS * measured_s * first.writes_per_s
        # the floors are of the expected number of records, the bills of those that came
        slack = max(1.0 - 4.0 / math.sqrt(max(records, 1.0)), 0.0)
        for candidate in running:
            assert candidate.scenario is not None
            candidate.floor = lambda_floor_usd(candidate.scenario) * slack

    def _cost(self, candidate: Candidate) -> float:
        """Return a candidate's cost on the scale of the floors, by its short runs."""
        metric = _LAMBDA if candidate.floor > -math.inf else self.minimise
        return float(_values(candidate.short, metric).mean())

    def _cheapest(self) -> Candidate | None:
        """Return the cheapest of those that ran for a short while and are still in the race."""
        seen = [candidate for candidate in self.open() if candidate.short]
        return min(seen, key=lambda one: (float(_values(one.short, self.minimise).mean()), one.number), default=None)

    def _run_short(self, wave: Sequence[Candidate]) -> None:
        """Run some for a short while, and drop those that clearly fail."""
        self._add_short(wave, _SHORT_RUNS)
        for candidate in wave:
            if candidate.state == "open" and (broken := self._broken(candidate.short, self._error, candidate)):
                candidate.fall("fails", f"{broken} in {self._short_words(candidate)}")

    def _drop_unseen(self, unseen: Sequence[Candidate], winner: Candidate) -> None:
        for candidate in unseen:
            candidate.fall(
                "costs more",
                f"Lambda costs at least {candidate.floor:,.2f} USD a month even with full batches, and the chosen "
                f"one's {self._cost(winner):,.2f}; not simulated",
            )

    @property
    def _error(self) -> float:
        return 1.0 - self.slo.confidence

    def _short_words(self, candidate: Candidate) -> str:
        length = "full" if self.short_s is None else f"{self.short_s:g} s"
        return f"{len(candidate.short)} {length} runs"

    def _add_short(self, running: Sequence[Candidate], runs: int) -> None:
        """Bring the short runs of some candidates up to a number."""
        first = min(len(candidate.short) for candidate in running)
        scenarios = [self._shortened(candidate) for candidate in running]
        for candidate, outcomes in zip(
            running, run_grid(self.runner, scenarios, self.root, range(first, runs)), strict=True
        ):
            self._keep(candidate, candidate.short, outcomes, first)
        if self.short_s is None:
            for candidate in running:
                candidate.full = candidate.short
            self.full_runs += len(running) * (runs - first)
        else:
            self.short_runs += len(running) * (runs - first)

    def _shortened(self, candidate: Candidate) -> Scenario:
        assert candidate.scenario is not None
        return candidate.scenario if self.short_s is None else candidate.scenario.until(self.short_s)

    def _keep(self, candidate: Candidate, kept: list[Measures], outcomes: Sequence[Any], first: int) -> None:
        for number, outcome in enumerate(outcomes, start=first):
            if isinstance(outcome, Failure):
                seed = seed_text(replication_seed(self.root, number))
                candidate.fall("failed", f"a run failed, with seed {seed}: {outcome.error}")
            else:
                kept.append(outcome)

    def _try(self, candidate: Candidate) -> None:
        """Run a candidate until it is decided whether its SLO holds, or the cap is reached."""
        for look, runs in enumerate(self._looks(), start=1):
            self._add_full(candidate, runs)
            if candidate.state != "open":
                return
            told = f"in {len(candidate.full)} full runs"
            if self._holds(candidate, look):
                candidate.fall("chosen", f"the cheapest whose SLO holds: {self._reached(candidate)} {told}")
                return
            if broken := self._broken(candidate.full, self._error, candidate):
                candidate.fall("fails", f"{broken} {told}")
                return
        candidate.fall("undecided", f"{self._reached(candidate)} after {len(candidate.full)} full runs, the cap")

    def _looks(self) -> Iterator[int]:
        runs = min(_FIRST_LOOK, self.at_most)
        while True:
            yield runs
            if runs >= self.at_most:
                return
            runs = min(math.ceil(runs * _GROWTH), self.at_most)

    def _add_full(self, candidate: Candidate, runs: int) -> None:
        assert candidate.scenario is not None
        first = len(candidate.full)
        if first >= runs:
            return
        jobs = [Job(candidate.scenario, replication_seed(self.root, number)) for number in range(first, runs)]
        self._keep(candidate, candidate.full, self.runner.run(jobs), first)
        self.full_runs += runs - first

    def _holds(self, candidate: Candidate, look: int) -> bool:
        """Whether all targets hold; the error allowed is shared out over all candidates and looks, however many."""
        assert candidate.scenario is not None
        share = 1.0 / (self._tried * (self._tried + 1) * look * (look + 1))
        error = self._error * share / len(self.slo.targets)
        return all(
            upper_bound(_values(candidate.full, name), error) <= target
            for name, target in self.slo.metrics(candidate.scenario).items()
        )

    def _broken(self, runs: Sequence[Measures], error: float, candidate: Candidate) -> str:
        """Return which target is missed beyond doubt, in words, or nothing."""
        assert candidate.scenario is not None
        for name, target in self.slo.metrics(candidate.scenario).items():
            values = _values(runs, name)
            if np.isinf(values).all():
                return f"{name} cannot even be told, so much is still waiting,"
            finite = values[np.isfinite(values)]
            if -upper_bound(-finite, error) > target:
                return f"{name} is {values.mean():.3g}, above {target:g},"
        return ""

    def _reached(self, candidate: Candidate) -> str:
        assert candidate.scenario is not None
        parts = []
        for name, target in self.slo.metrics(candidate.scenario).items():
            interval = candidate.estimate(name, self.slo.confidence)
            parts.append(f"{name} {interval.mean:.4g} ± {interval.half_width:.2g} (at most {target:g})")
        return ", ".join(parts)

    def _settle_costs(self, winner: Candidate) -> None:
        """Say of all that were not tried what they cost beside the winner, from runs on the same writes."""
        rest = self.open()
        while rest:
            undecided = [candidate for candidate in rest if not self._costs_more(candidate, winner)]
            have = min((len(candidate.short) for candidate in undecided), default=_MOST_SHORT_RUNS)
            if not undecided or have >= _MOST_SHORT_RUNS or self._same_runs(undecided, winner):
                break
            lagging = [one for one in [*undecided, winner] if len(one.short) == have]
            self._add_short(lagging, have + 1)
            rest = [candidate for candidate in undecided if candidate.state == "open"]
        for candidate in self.open():
            candidate.fall(
                "as cheap",
                f"{self.minimise} differs from the chosen one's by no more than luck in "
                f"{self._short_words(candidate)}; whether its SLO holds was not tried further",
            )

    def _costs_more(self, candidate: Candidate, winner: Candidate) -> bool:
        extra = paired(candidate.short, winner.short, self.minimise)
        if len(extra) < 2 or -upper_bound(-extra, self._error) <= 0.0:
            return False
        interval = mean_interval(extra, self.slo.confidence)
        candidate.fall(
            "costs more",
            f"{self.minimise} is {interval.mean:,.2f} ± {interval.half_width:.2g} above the chosen one's on the same "
            f"writes, in {self._short_words(candidate)}",
        )
        return True

    def _same_runs(self, undecided: Sequence[Candidate], winner: Candidate) -> bool:
        """Whether the undecided do to the last bit what the winner does: more runs would show no more."""
        return all(
            (_values(one.short, self.minimise) == _values(winner.short[: len(one.short)], self.minimise)).all()
            for one in undecided
        )
