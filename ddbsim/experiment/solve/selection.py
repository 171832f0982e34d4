"""The race among candidate settings: short runs of all, long runs of the few that may win.

What the race promises is about its winner: that its SLO holds, from runs of the scenario's full length, with the
stated confidence over all looks at all candidates that were tried; that it keeps up, that no write is refused, and
that it loses no more records than today's setting does. Short runs only order the candidates and drop those that
clearly fail or cost more; a wrong drop could hide a cheaper setting, never make a false promise.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ddbsim.analysis.intervals import mean_interval, upper_bound
from ddbsim.analysis.keeping_up import KEEPS_UP, TOO_SHORT
from ddbsim.experiment.runs.executors import Runner
from ddbsim.experiment.runs.grid import run_grid
from ddbsim.experiment.runs.job import Failure, Job, replication_seed, seed_text
from ddbsim.experiment.runs.measures import Measures, keeping_up_of
from ddbsim.scenario import Scenario

from .candidates import Candidate, paired, values_of
from .causes import LONG_ENOUGH_S, measure_with_causes
from .judge import Judge
from .screening import lambda_floor_usd, unstable
from .slo import SLO
from .stretches import at_length, check_fits, long_look_s, needs_long_look, short_length_s
from .words import span

__all__ = ["RankingAndSelection"]

_SHORT_RUNS = 2
_MOST_SHORT_RUNS = 6
_FIRST_LOOK = 4
_GROWTH = 1.5
# full runs of a candidate that is not the answer, but perhaps a faster one
_MOST_TO_PROVE = 9
# candidates that get their short runs together
_WAVE = 12
_LAMBDA = "lambda_usd_per_month"


class RankingAndSelection:
    """The candidates, and the rounds that decide among them.

    Parameters
    ----------
    candidates
        All, those without a scenario included.
    today
        The scenario as it is: one of the candidates, or one beside them that is measured but never chosen.
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
    judge
        Tells what holds.
    short_s
        Length of the short runs, seconds; None if there were none.
    full_runs, short_runs, long_s
        How many were made or taken from the store, and how many seconds were simulated to look further than them.
    """

    def __init__(
        self,
        candidates: Sequence[Candidate],
        today: Candidate,
        slo: SLO,
        minimise: str,
        root: np.random.SeedSequence,
        runner: Runner,
        at_most: int,
    ) -> None:
        self.candidates = list(candidates)
        self.today = today
        self.judge = Judge(slo, today)
        self.slo = slo
        self.minimise = minimise
        self.root = root
        self.runner = runner
        self.at_most = at_most
        self.short_s: float | None = None
        self.full_runs = 0
        self.short_runs = 0
        self.long_s = 0.0
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
        beside = [self.today] if self.today.state == "open" and self.today not in self.candidates else []
        check_fits("solve", [one.made for one in [*running, *beside]])
        self.short_s = short_length_s([candidate.made for candidate in [*running, *beside]])
        self._set_floors(running)
        # what today's setting loses is what no other may exceed
        if self.today.state == "open":
            self._run_short([self.today])
        unseen = sorted((one for one in running if one is not self.today), key=lambda one: (one.floor, one.number))
        # best first: what may still be cheapest comes next, be it to run for a short while or to try in earnest
        while True:
            best = self._cheapest()
            if unseen and (best is None or unseen[0].floor < self._cost(best)):
                wave, unseen = unseen[:_WAVE], unseen[_WAVE:]
                self._run_short(wave)
            elif best is None:
                self._measure_today(_FIRST_LOOK)
                return None
            else:
                if self._try(best, self.at_most):
                    best.fall("chosen", f"the cheapest whose SLO holds: {best.why}")
                    self._conclude(best, unseen)
                    return best

    def _conclude(self, winner: Candidate, unseen: list[Candidate]) -> None:
        """Say what the others cost, after short runs of the next cheapest of those that no run has seen."""
        wave, rest = unseen[:_WAVE], unseen[_WAVE:]
        self._run_short(wave)
        self._drop_unseen(rest, winner)
        self._settle_costs(winner)
        self._measure_today(len(winner.full))

    def _screen(self) -> None:
        for candidate in dict.fromkeys([*self.candidates, self.today]):
            if candidate.scenario is None:
                candidate.fall("refused", candidate.note)
            elif (reason := unstable(candidate.scenario, lost_writes=self.slo.bounds("lost_writes"))) is not None:
                candidate.fall("unstable", f"{reason}; not simulated")

    def _set_floors(self, running: Sequence[Candidate]) -> None:
        """Bound each candidate's bill from below by its least Lambda bill, where all else costs the same."""
        made = [candidate.made for candidate in running]
        sides = [(one.workload, one.table, one.stream) for one in made]
        if self.minimise not in ("usd_per_month", _LAMBDA) or any(side != sides[0] for side in sides):
            return
        first = made[0]
        measured_s = (self.short_s or first.length_s) - first.warmup_s
        records = _SHORT_RUNS * measured_s * first.writes_per_s
        # the floors are of the expected number of records, the bills of those that came
        slack = max(1.0 - 4.0 / math.sqrt(max(records, 1.0)), 0.0)
        for candidate in running:
            candidate.floor = lambda_floor_usd(candidate.made) * slack

    def _cost(self, candidate: Candidate) -> float:
        """Return a candidate's cost on the scale of the floors, by its short runs."""
        metric = _LAMBDA if candidate.floor > -math.inf else self.minimise
        return float(values_of(candidate.short, metric).mean())

    def _cheapest(self) -> Candidate | None:
        """Return the cheapest of those that ran for a short while and are still in the race."""
        seen = [candidate for candidate in self.open() if candidate.short]
        return min(seen, key=lambda one: (float(values_of(one.short, self.minimise).mean()), one.number), default=None)

    def _run_short(self, wave: Sequence[Candidate]) -> None:
        """Run some for a short while, and drop those that clearly fail."""
        if not wave:
            return
        self._add_short(wave, _SHORT_RUNS)
        for candidate in wave:
            if candidate.state == "open" and (broken := self.judge.broken(candidate, candidate.short)):
                candidate.fall(broken.state, f"{broken.words} in {self._short_words(candidate)}{broken.why}")

    def _drop_unseen(self, unseen: Sequence[Candidate], winner: Candidate) -> None:
        for candidate in unseen:
            candidate.fall(
                "costs more",
                f"Lambda costs at least {candidate.floor:,.2f} USD a month even with full batches, and the chosen "
                f"one's {self._cost(winner):,.2f}; not simulated",
            )

    def _short_words(self, candidate: Candidate) -> str:
        length = "full" if self.short_s is None else f"{self.short_s:g} s"
        return f"{len(candidate.short)} {length} runs"

    def _add_short(self, running: Sequence[Candidate], runs: int) -> None:
        """Bring the short runs of some candidates up to a number."""
        first = min(len(candidate.short) for candidate in running)
        scenarios = [self._shortened(candidate) for candidate in running]
        for candidate, outcomes in zip(
            running,
            run_grid(self.runner, scenarios, self.root, range(first, runs), measure=measure_with_causes),
            strict=True,
        ):
            self._keep(candidate, candidate.short, outcomes, first)
        if self.short_s is None:
            for candidate in running:
                candidate.full = candidate.short
            self.full_runs += len(running) * (runs - first)
        else:
            self.short_runs += len(running) * (runs - first)

    def _shortened(self, candidate: Candidate) -> Scenario:
        return candidate.made if self.short_s is None else at_length(candidate.made, self.short_s)

    def _keep(self, candidate: Candidate, kept: list[Measures], outcomes: Sequence[Any], first: int) -> None:
        for number, outcome in enumerate(outcomes, start=first):
            if isinstance(outcome, Failure):
                seed = seed_text(replication_seed(self.root, number))
                candidate.fall("failed", f"a run failed, with seed {seed}: {outcome.error}")
            else:
                kept.append(outcome)

    def _try(self, candidate: Candidate, at_most: int) -> bool:
        """Whether a candidate's SLO holds, from as many runs as that takes, up to a cap."""
        self._tried += 1
        for look, runs in enumerate(_looks(at_most), start=1):
            self._add_full(candidate, runs)
            if candidate.state == "failed":
                return False
            if self.judge.needs_today(candidate):
                self._measure_today(runs)
            told = f"in {len(candidate.full)} full runs"
            if broken := self.judge.broken(candidate, candidate.full):
                candidate.fall(broken.state, f"{broken.words} {told}{broken.why}")
                return False
            # the error allowed is shared out over all candidates and looks, however many there are
            if self.judge.holds(candidate, 1.0 / (self._tried * (self._tried + 1) * look * (look + 1))):
                candidate.why = f"{self.judge.reached(candidate)} {told}"
                candidate.held = self._looks_far(candidate)
                return candidate.held
        candidate.fall("undecided", f"{self.judge.reached(candidate)} after {len(candidate.full)} full runs, the cap")
        return False

    def _looks_far(self, candidate: Candidate) -> bool:
        """Whether a candidate also holds in a longer run, where its own length may not show where its backlog goes."""
        verdict = keeping_up_of(candidate.values(self._behind(candidate)))
        if verdict != TOO_SHORT and not needs_long_look(candidate.made):
            return True
        wanted_s = float(np.median(values_of(candidate.full, LONG_ENOUGH_S)))
        length_s = long_look_s(candidate.made, wanted_s)
        if length_s is None:
            return verdict != TOO_SHORT or self._too_short(candidate, candidate.made.length_s, wanted_s)
        job = Job(at_length(candidate.made, length_s), replication_seed(self.root, self.at_most), measure_with_causes)
        looked: list[Measures] = []
        self._keep(candidate, looked, self.runner.run([job]), self.at_most)
        self.long_s += length_s
        if candidate.state == "failed":
            return False
        told = f"in a run of {span(length_s)}, {length_s / candidate.made.length_s:.2g} times as long"
        if broken := self.judge.broken_far(candidate, looked):
            candidate.fall(broken.state, f"{broken.words} {told}{broken.why}")
            return False
        if keeping_up_of(values_of(looked, self._behind(candidate))) == TOO_SHORT:
            return self._too_short(candidate, length_s, float(np.median(values_of(looked, LONG_ENOUGH_S))))
        candidate.keeps_up = KEEPS_UP
        candidate.why += f", and it keeps up {told}"
        return True

    def _behind(self, candidate: Candidate) -> str:
        return self.slo.name_of("falls_behind", candidate.made)

    def _too_short(self, candidate: Candidate, length_s: float, wanted_s: float) -> bool:
        """Leave a candidate undecided whose runs do not tell whether it keeps up."""
        candidate.fall(
            "undecided",
            f"{candidate.why}, but a run of {span(length_s)} is too short to tell whether it keeps up: duration_s must "
            f"be about {wanted_s:,.0f} ({wanted_s / length_s:.2g} times as long)",
        )
        return False

    def prove(self, candidate: Candidate) -> bool:
        """Whether a candidate that costs more than the winner holds the SLO too; its state stays if it does."""
        held = candidate.held
        if not held:
            state, why = candidate.state, candidate.why
            candidate.fall("open", why)
            held = self._try(candidate, min(_MOST_TO_PROVE, self.at_most))
            if held:
                candidate.state, candidate.why = state, f"{why}; its SLO holds: {candidate.why}"
            elif candidate.state == "undecided":
                candidate.state, candidate.why = state, f"{why}; whether its SLO holds is not decided: {candidate.why}"
        return held

    def _measure_today(self, runs: int) -> None:
        if self.today.scenario is not None and self.today.state not in ("unstable", "failed"):
            self._add_full(self.today, runs)

    def _add_full(self, candidate: Candidate, runs: int) -> None:
        first = len(candidate.full)
        if first >= runs:
            return
        jobs = [
            Job(candidate.made, replication_seed(self.root, number), measure_with_causes)
            for number in range(first, runs)
        ]
        self._keep(candidate, candidate.full, self.runner.run(jobs), first)
        self.full_runs += runs - first

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
        if len(extra) < 2 or -upper_bound(-extra, self.judge.error) <= 0.0:
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
            (values_of(one.short, self.minimise) == values_of(winner.short[: len(one.short)], self.minimise)).all()
            for one in undecided
        )


def _looks(at_most: int) -> Iterator[int]:
    """Yield the numbers of full runs after which a candidate is looked at."""
    runs = min(_FIRST_LOOK, at_most)
    while True:
        yield runs
        if runs >= at_most:
            return
        runs = min(math.ceil(runs * _GROWTH), at_most)
