"""What must hold of a setting, and what breaks it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ddbsim.analysis.intervals import upper_bound
from ddbsim.analysis.keeping_up import DOES_NOT
from ddbsim.experiment.runs.measures import FALLS_BEHIND, Measures, keeping_up_of

from .candidates import Candidate, paired, values_of
from .causes import cause
from .slo import SLO
from .words import amount, bill, processed_share, told

__all__ = ["Broken", "Judge"]


@dataclass(frozen=True, slots=True)
class Broken:
    """Why a candidate is out.

    Attributes
    ----------
    state
        "fails" or "falls behind".
    words
        What is missed.
    why
        What broke it, as the end of a sentence; may be empty.
    """

    state: str
    words: str
    why: str = ""


class Judge:
    """Tells whether what an SLO requires holds of a candidate.

    Parameters
    ----------
    slo
        The targets. Beside them: the design keeps up, no write is lost, and no more records than today, unless the SLO
        has targets for these.
    today
        The scenario as it is.
    """

    def __init__(self, slo: SLO, today: Candidate) -> None:
        self.slo = slo
        self._today = today

    @property
    def error(self) -> float:
        """What the confidence leaves."""
        return 1.0 - self.slo.confidence

    def holds(self, candidate: Candidate, share: float) -> bool:
        """Whether all targets hold, by the candidate's full runs and with a share of the error allowed."""
        required = self.slo.required(candidate.made)
        # that nothing at all is lost is seen or not: it takes no part of the error
        error = self.error * share / len(self.slo.targets)
        return all(upper_bound(values_of(candidate.full, name), error) <= target for name, target in required.items())

    def needs_today(self, candidate: Candidate) -> bool:
        """Whether what today's setting loses decides about a candidate that loses records."""
        return not self.slo.bounds("lost_records") and bool(values_of(candidate.full, "lost_records").any())

    def broken(self, candidate: Candidate, runs: Sequence[Measures]) -> Broken | None:
        """Return what is missed beyond doubt, if anything is."""
        return self._with_cause(next(self._missed(candidate, runs), None), candidate, runs)

    def broken_far(self, candidate: Candidate, runs: Sequence[Measures]) -> Broken | None:
        """Return what is missed in runs longer than the scenario: of the targets, those on quantiles of the latency.

        A count, or the largest of something, grows with the length of a run.
        """
        found = self._behind(candidate, runs) or self._refuses(candidate, runs)
        for name, target in self.slo.metrics(candidate.made).items():
            value = float(values_of(runs, name).mean())
            if found is None and ".latency_" in f".{name}" and value > target:
                found = Broken("fails", f"{told(name, value)}, above {target:g},")
        return self._with_cause(found, candidate, runs)

    def _with_cause(self, found: Broken | None, candidate: Candidate, runs: Sequence[Measures]) -> Broken | None:
        if found is None:
            return None
        why = cause(candidate.made, runs)
        return Broken(found.state, found.words, f": {why}" if why else "")

    def _missed(self, candidate: Candidate, runs: Sequence[Measures]) -> Iterator[Broken]:
        for found in (self._refuses(candidate, runs), self._behind(candidate, runs), self._loses(candidate, runs)):
            if found is not None:
                yield found
        for name, target in self.slo.metrics(candidate.made).items():
            values = values_of(runs, name)
            if np.isinf(values).all():
                yield Broken("fails", told(name, np.inf))
            finite = values[np.isfinite(values)]
            # of what cannot be less than nothing, a single case is more than none on average
            if (target == 0.0 and (finite > 0.0).any()) or -upper_bound(-finite, self.error) > target:
                yield Broken("fails", f"{told(name, float(values.mean()))}, above {target:g},")

    def _behind(self, candidate: Candidate, runs: Sequence[Measures]) -> Broken | None:
        behind = values_of(runs, self.slo.name_of("falls_behind", candidate.made))
        full = runs is candidate.full
        sure = keeping_up_of(behind) == DOES_NOT if full else (behind >= FALLS_BEHIND[DOES_NOT]).all()
        if not len(runs) or not sure:
            return None
        share = float(np.mean([processed_share(one.metrics) for one in runs]))
        usd = float(values_of(runs, "usd_per_month").mean())
        return Broken("falls behind", f"it does not keep up ({bill(usd, DOES_NOT, share)})")

    def _refuses(self, candidate: Candidate, runs: Sequence[Measures]) -> Broken | None:
        lost = float(values_of(runs, "lost_writes").mean()) if len(runs) else 0.0
        if not lost or self.slo.bounds("lost_writes"):
            return None
        return Broken("fails", f"{amount('lost_writes', lost)} writes of a run are lost")

    def _loses(self, candidate: Candidate, runs: Sequence[Measures]) -> Broken | None:
        """Return that more records are lost than today, where the SLO is silent on that."""
        if self.slo.bounds("lost_records") or candidate is self._today or not len(runs):
            return None
        base = self._today.full if runs is candidate.full else self._today.short
        lost = values_of(runs, "lost_records")
        extra = paired(runs, base, "lost_records") if base else lost
        more = extra.max() > 0.0 if not base or not values_of(base, "lost_records").any() else self._more(extra)
        if not more:
            return None
        today = f"{values_of(base, 'lost_records').mean():,.0f} today" if base else "nobody said that any may be"
        return Broken(
            "fails", f"{lost.mean():,.0f} records of a run are lost, and {today} (lost_records has no target),"
        )

    def _more(self, extra: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bool:
        return bool(-upper_bound(-extra, self.error) > 0.0)

    def reached(self, candidate: Candidate) -> str:
        """Return what a candidate reaches of each target, in words."""
        parts = []
        for name, target in self.slo.metrics(candidate.made).items():
            interval = candidate.estimate(name, self.slo.confidence)
            parts.append(f"{name} {interval.mean:.4g} ± {interval.half_width:.2g} (at most {target:g})")
        if not self.slo.bounds("lost_records") and (lost := float(candidate.values("lost_records").mean())):
            parts.append(f"{lost:,.1f} records of a run lost, of which the SLO says nothing")
        return ", ".join(parts)
