"""The choice that a search leaves: the cheapest setting, the balanced one, the fastest, and today's beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ddbsim.analysis.intervals import upper_bound
from ddbsim.analysis.keeping_up import DOES_NOT
from ddbsim.experiment.runs.grid import as_cell
from ddbsim.experiment.runs.measures import keeping_up_of

from .candidates import Candidate, paired
from .selection import RankingAndSelection
from .words import amount, bill

__all__ = ["choices_of", "choices_shown", "setting_in_words", "verdict_of"]

_COLUMNS = [
    "role",
    "setting",
    "usd",
    "metric",
    "margin",
    "difference",
    "holds",
    "keeps_up",
    "processed_share",
    "lost_records",
]
# those that are proved in earnest before one is given up to find
_ATTEMPTS = 3


def choices_of(race: RankingAndSelection, winner: Candidate | None, metric: str, target: float) -> pd.DataFrame:
    """Return the cheapest, the balanced and the fastest candidate that hold, and today's setting.

    Parameters
    ----------
    race
        After its end.
    winner
        The cheapest; None if nothing holds: then today's setting stands alone.
    metric, target
        The SLO's first: what "fast" is measured by.
    """
    rows = []
    if winner is not None:
        fastest = _fastest(race, winner, metric)
        balanced = _balanced(race, winner, fastest, metric)
        rows = [("cheapest", winner), ("balanced", balanced), ("fastest", fastest)]
    frame = pd.DataFrame(
        [_row(race, role, one, metric, target) for role, one in [*rows, ("today", race.today)]], columns=_COLUMNS
    )
    return frame.astype({"setting": object})


def _fastest(race: RankingAndSelection, winner: Candidate, metric: str) -> Candidate:
    """Return the one with the least of the metric that proves to hold; the winner if none is faster beyond luck."""
    faster = [one for one in _rivals(race, winner, metric) if _surely_less(one, winner, metric)]
    faster.sort(key=lambda one: (_level(one, metric), _level(one, race.minimise), one.number))
    # of those that are as fast as the fastest, the cheapest
    ordered = [_cheapest_like(one, faster, race, metric) for one in faster]
    return _first_that_holds(race, ordered, winner)


def _cheapest_like(one: Candidate, faster: Sequence[Candidate], race: RankingAndSelection, metric: str) -> Candidate:
    alike = [other for other in faster if not _surely_less(one, other, metric) and other is not one]
    return min([one, *alike], key=lambda other: (_level(other, race.minimise), other.number))


def _balanced(race: RankingAndSelection, winner: Candidate, fastest: Candidate, metric: str) -> Candidate:
    """Return the knee of the front between the cheapest and the fastest: where a further gain in speed gets dear."""
    if fastest is winner:
        return winner
    front = _front(_rivals(race, winner, metric), winner, fastest, metric, race.minimise)
    front.sort(key=lambda one: -_below_chord(one, winner, fastest, metric, race.minimise))
    knees = [one for one in front if _below_chord(one, winner, fastest, metric, race.minimise) > 0.0]
    either = min((winner, fastest), key=lambda one: _level(one, race.minimise) * _level(one, metric))
    return _first_that_holds(race, knees, either)


def _front(
    rivals: Sequence[Candidate], winner: Candidate, fastest: Candidate, metric: str, cost: str
) -> list[Candidate]:
    """Return those between two that none beats in both."""
    between = [
        one
        for one in rivals
        if _level(winner, cost) < _level(one, cost) < _level(fastest, cost)
        and _level(fastest, metric) < _level(one, metric) < _level(winner, metric)
    ]
    return [
        one
        for one in between
        if not any(_level(o, cost) <= _level(one, cost) and _level(o, metric) < _level(one, metric) for o in between)
    ]


def _below_chord(one: Candidate, winner: Candidate, fastest: Candidate, metric: str, cost: str) -> float:
    """Return how far below the line from the cheapest to the fastest one lies, both axes made 1 long."""
    money = (_level(one, cost) - _level(winner, cost)) / (_level(fastest, cost) - _level(winner, cost))
    speed = (_level(one, metric) - _level(fastest, metric)) / (_level(winner, metric) - _level(fastest, metric))
    return 1.0 - money - speed


def _first_that_holds(race: RankingAndSelection, candidates: Sequence[Candidate], otherwise: Candidate) -> Candidate:
    tried = list(dict.fromkeys(one.number for one in candidates))[:_ATTEMPTS]
    for number_ in tried:
        one = next(candidate for candidate in candidates if candidate.number == number_)
        if race.prove(one):
            return one
    return otherwise


def _rivals(race: RankingAndSelection, winner: Candidate, metric: str) -> list[Candidate]:
    return [
        one
        for one in race.candidates
        if one is not winner
        and one.short
        and one.state in ("as cheap", "costs more")
        and np.isfinite(_level(one, metric))
    ]


def _level(candidate: Candidate, metric: str) -> float:
    """Return a metric over the short runs, which all that ran have of the same writes."""
    return float(np.mean([one.metrics[metric] for one in candidate.short])) if candidate.short else math.nan


def _surely_less(one: Candidate, other: Candidate, metric: str) -> bool:
    extra = paired(one.short, other.short, metric)
    return bool(len(extra) > 1 and np.isfinite(extra).all() and upper_bound(extra, 0.05) < 0.0)


def _row(race: RankingAndSelection, role: str, one: Candidate, metric: str, target: float) -> tuple[Any, ...]:
    if not one.runs:
        unknown = [math.nan] * 4
        return (role, one.setting, *unknown, False, verdict_of(race, one), math.nan, math.nan)
    value = one.estimate(metric).mean
    margin = 1.0 - value / target if target else (0.0 if value == 0.0 else -math.inf)
    today = race.today
    kind = "full" if one.full and today.full else "short"
    extra = paired(getattr(one, kind), getattr(today, kind), race.minimise)
    return (
        role,
        one.setting,
        one.estimate(race.minimise).mean,
        value,
        margin,
        float(extra.mean()) if len(extra) else math.nan,
        one.held or (one is today and _holds(race, one)),
        verdict_of(race, one),
        one.processed_share,
        float(one.values("lost_records").mean()),
    )


def verdict_of(race: RankingAndSelection, one: Candidate) -> str:
    """Return whether a candidate keeps up; empty where nothing was run."""
    if one.state == "unstable":
        return DOES_NOT
    name = race.slo.name_of("falls_behind", one.made) if one.runs else ""
    return one.keeps_up or (keeping_up_of(one.values(name)) if one.runs else "")


def _holds(race: RankingAndSelection, one: Candidate) -> bool:
    """Whether a setting that was measured without being tried holds, by its full runs alone."""
    return one.state != "failed" and race.judge.broken(one, one.full) is None and race.judge.holds(one, 0.5)


def setting_in_words(setting: dict[str, Any]) -> str:
    """Return a setting as it is typed."""
    return ", ".join(f"{name} = {as_cell(value)}" for name, value in setting.items())


def choices_shown(choices: pd.DataFrame, minimise: str, metric: str) -> pd.DataFrame:
    """Return the choices as text: money, metric, margin, and the difference to today."""
    rows = []
    for row in choices.to_dict("records"):
        known = not math.isnan(row["metric"])
        money = amount(minimise, row["usd"]) if known else "-"
        if known and minimise == "usd_per_month":
            money = bill(row["usd"], row["keeps_up"], row["processed_share"])
        rows.append(
            {
                "": row["role"],
                "setting": setting_in_words(row["setting"]),
                minimise: money,
                metric: amount(metric, row["metric"]) if known else "-",
                "margin": f"{100 * row['margin']:.0f} %" if math.isfinite(row["margin"]) else "-",
                "to today": f"{row['difference']:+,.2f}" if math.isfinite(row["difference"]) else "-",
                "holds": "yes" if row["holds"] else "NO",
            }
        )
    return pd.DataFrame(rows)
