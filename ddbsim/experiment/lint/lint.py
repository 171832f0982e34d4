"""Risky settings, each proved by a short simulation."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ddbsim.checks.arguments import checked
from ddbsim.checks.wording import shown
from ddbsim.experiment.solve.slo import SLO
from ddbsim.randomness import RandomStreams, Seed
from ddbsim.scenario import Scenario

from .findings import DANGERS, Finding, applied
from .proofs import Reproduction
from .rules import rules

__all__ = ["LintReport", "lint"]

_COLUMNS = ["danger", "rule", "event_source_mapping", "happens", "how_long_s", "records", "change"]
_SEED_CHARACTERS = 8
_LEFT = ' style="text-align:left; vertical-align:top"'
_HEADS = ("danger", "rule", "what happens", "what to change")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LintReport:
    """The risky settings of a scenario.

    Attributes
    ----------
    frame
        A row per finding, the worst first: danger ("loss", "standstill": waiting until somebody acts, "delay",
        "waste"), rule, event_source_mapping (or the reader's name; "" for the table), happens (a sentence),
        how_long_s, records (or writes), change (what to do about it). Numbers are of the run that proved it.
    settings
        By finding, what to change as settings for `vary`: all of one finding belong together, as half of an advice may
        only move the danger. Empty where no setting helps.
    rules
        What was looked for.
    scenario
        What was examined.
    seed
        With which the proofs run again.
    runs
        How many simulations it took.
    """

    frame: pd.DataFrame
    settings: tuple[Mapping[str, Any], ...]
    rules: tuple[str, ...]
    scenario: Scenario
    seed: str
    runs: int

    @property
    def name(self) -> str:
        """The scenario's name."""
        return self.scenario.name

    def __len__(self) -> int:
        return len(self.frame)

    @checked
    def followed(self, finding: int = 0) -> Scenario:
        """Return the scenario with the advice of one finding followed; unchanged where no setting helps.

        Parameters
        ----------
        finding
            Its row in the frame.

        Raises
        ------
        ValueError
            If there is no such finding.

        Examples
        --------
        >>> import ddbsim as ds
        >>> scenario = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=20), duration_s=60)
        >>> len(ds.lint(ds.lint(scenario, rng=7).followed(0), rng=7))
        0
        """
        if not 0 <= finding < len(self):
            raise ValueError(f"finding must be a row of the frame, 0 <= finding < {len(self)}, got {shown(finding)}")
        return applied(self.scenario, self.settings[finding])

    def __repr__(self) -> str:
        lines = [self._sentence()]
        for row in self.frame.itertuples():
            lines += [
                f"- {row.danger}: {row.rule}{_of(str(row.event_source_mapping))}: {row.happens}",
                f"  {row.how_long_s:,.3g} s, {row.records:,} records. To do: {row.change}.",
            ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        sentence = f"<p>{html.escape(self._sentence())}</p>"
        if self.frame.empty:
            return sentence
        heads = "".join(f"<th{_LEFT}>{head}</th>" for head in _HEADS)
        rows = "".join(f"<tr>{_cells(row)}</tr>" for row in self.frame.itertuples())
        return f"{sentence}<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"

    def _sentence(self) -> str:
        looked = f"{len(self.rules)} rules"
        if self.frame.empty:
            return f"{self.name}: nothing risky found by {looked} ({', '.join(self.rules)})"
        settings = "one danger" if len(self) == 1 else f"{len(self)} dangers, the worst first, each"
        seed = self.seed if len(self.seed) <= _SEED_CHARACTERS else f"{self.seed[:_SEED_CHARACTERS]}..., see .seed"
        return f"{self.name}: {settings} shown by a run (seed {seed}); {looked} were tried"


def _of(where: str) -> str:
    return f" ({where})" if where else ""


def _cells(row: Any) -> str:
    numbers = f"{row.how_long_s:,.3g} s, {row.records:,} records"
    cells = (
        f"<b>{html.escape(row.danger)}</b>",
        html.escape(row.rule + _of(row.event_source_mapping)),
        f"{html.escape(row.happens)}<br><small>{numbers}</small>",
        html.escape(row.change),
    )
    return "".join(f"<td{_LEFT}>{cell}</td>" for cell in cells)


@checked
def lint(scenario: Scenario, *, slo: SLO | None = None, rng: Seed = None, outage_s: float = 3_600.0) -> LintReport:
    """Look for risky settings, and prove each by a short simulation.

    A rule suspects by the settings; then a run cut to a minute or so (at most 60,000 writes) has to show the harm, or
    nothing is said. What is counted is of that run: a production system has more of it.

    Parameters
    ----------
    scenario
        What is examined, as typed: creations, suspensions and handlers included. A handler's `state` is put back after
        each run. Where a proof needs a mapping that reads all the time, or the law of its duration in place of its
        handler, the finding says so.
    slo
        Against which the batching window is held; None: that rule is left out.
    rng
        Seed or generator of all proofs.
    outage_s
        The outage that the mapping should survive without a loss, seconds > 0 (assumed: an hour).

    Returns
    -------
    LintReport

    Raises
    ------
    ValueError
        If the scenario or the SLO is none, or the outage is not > 0.

    Examples
    --------
    >>> import ddbsim as ds
    >>> scenario = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=20), duration_s=60)
    >>> ds.lint(scenario, rng=7).frame["rule"].tolist()
    ['unlimited retries']
    """
    _check(scenario, slo, outage_s)
    streams = RandomStreams(rng)
    chosen = rules(slo)
    bench = Reproduction(scenario, streams, float(outage_s))
    found: list[tuple[str, str, Finding]] = []
    # without a write there is nothing that a run could show
    for name, rule in chosen.items() if bench.rate_per_s else ():
        found += [(name, where, told) for where, told in rule(bench)]
    found.sort(key=lambda one: (DANGERS.index(one[2].danger), -one[2].records))
    rows = [
        (told.danger, name, where, told.happens, told.how_long_s, told.records, told.change)
        for name, where, told in found
    ]
    frame = pd.DataFrame(rows, columns=_COLUMNS).astype({"how_long_s": "float64", "records": "int64"})
    settings = tuple(told.settings for *_, told in found)
    return LintReport(frame, settings, tuple(chosen), scenario, streams.seed, bench.runs)


def _check(scenario: Scenario, slo: SLO | None, outage_s: float) -> None:
    if slo is not None:
        slo.metrics(scenario)
    if not 0 < outage_s < math.inf:
        raise ValueError(f"outage_s must be a number of seconds > 0, got {shown(outage_s)}")
