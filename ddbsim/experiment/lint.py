"""Risky settings, each proved by a short simulation."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass

import pandas as pd

from ddbsim.arguments import checked
from ddbsim.randomness import RandomStreams, Seed
from ddbsim.scenario import Scenario

from .lint_proofs import Bench
from .lint_rules import rules
from .slo import SLO

__all__ = ["LintReport", "lint"]

_COLUMNS = ["rule", "event_source_mapping", "happens", "how_long_s", "records", "change"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LintReport:
    """The risky settings of a scenario.

    Attributes
    ----------
    frame
        A row per finding: rule, event_source_mapping, happens (a sentence), how_long_s, records, change (what to do
        about it). Numbers are of the run that proved it.
    rules
        What was looked for.
    name
        Of the scenario.
    seed
        With which the proofs run again.
    """

    frame: pd.DataFrame
    rules: tuple[str, ...]
    name: str
    seed: str

    def __len__(self) -> int:
        return len(self.frame)

    def __repr__(self) -> str:
        lines = [self._sentence()]
        for row in self.frame.itertuples():
            lines += [
                f"- {row.rule} ({row.event_source_mapping}): {row.happens}",
                f"  {row.how_long_s:,.3g} s, {row.records:,} records. To do: {row.change}.",
            ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        sentence = f"<p>{html.escape(self._sentence())}</p>"
        if self.frame.empty:
            return sentence
        # pandas would cut the sentences at 50 characters
        with pd.option_context("display.max_colwidth", None):
            return sentence + self.frame.round(3).to_html(index=False, border=0)

    def _sentence(self) -> str:
        looked = f"{len(self.rules)} rules ({', '.join(self.rules)})"
        if self.frame.empty:
            return f"{self.name}: nothing risky found by {looked}"
        settings = "one risky setting" if len(self) == 1 else f"{len(self)} risky settings, each"
        return f"{self.name}: {settings} proved by a run (seed {self.seed}), by {looked}"


@checked
def lint(scenario: Scenario, *, slo: SLO | None = None, rng: Seed = None, outage_s: float = 3_600.0) -> LintReport:
    """Look for risky settings, and prove each by a short simulation.

    A rule suspects a mapping by its settings; then a run cut to a minute or so (at most 60,000 writes) has to show
    the harm, or nothing is said. What is counted is of that run: a production system has more of it.

    Parameters
    ----------
    scenario
        What is examined. Mappings are taken to run all the time; handlers are not called, so that their state stays as
        it is, and their law of duration is used.
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
    bench = Bench(scenario, streams, float(outage_s))
    found = []
    # without a write there is nothing that a run could show
    for mapping in bench.scenario.mappings if bench.rate_per_s else ():
        for name, rule in chosen.items():
            told = rule(bench, mapping)
            if told is not None:
                found.append((name, mapping.label, told.happens, told.how_long_s, told.records, told.change))
    frame = pd.DataFrame(found, columns=_COLUMNS).astype({"how_long_s": "float64", "records": "int64"})
    return LintReport(frame, tuple(chosen), scenario.name, streams.seed)


def _check(scenario: Scenario, slo: SLO | None, outage_s: float) -> None:
    if not isinstance(scenario, Scenario):
        raise ValueError(f"lint needs a Scenario, got {scenario!r}")
    if slo is not None and not isinstance(slo, SLO):
        raise ValueError(f"slo must be an SLO such as SLO(latency_p99_s=2.0), or None, got {slo!r}")
    if slo is not None:
        slo.metrics(scenario)
    number = isinstance(outage_s, int | float) and not isinstance(outage_s, bool)
    if not number or not 0 < outage_s < math.inf:
        raise ValueError(f"outage_s must be a number of seconds > 0, got {outage_s!r}")
