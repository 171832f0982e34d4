"""The summary of a run: what one looks at first, as HTML in a notebook and as text elsewhere."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from .analysis.utilization import busy_share
from .capacity import capacity
from .log.outcomes import FAILED, NOT_RUN
from .scenario import served

if TYPE_CHECKING:
    from .result import Result
    from .scenario import EventSourceMapping, Scenario

__all__ = ["Summary", "summarize", "warnings_of"]

_HOT = 2.0
_IMAGES = {"old": "the old image", "both": "both images"}
# a check of so many takes less than 0.1 s, of a million 2 s
_MOST_RECORDS_CHECKED = 20_000


@dataclass(frozen=True, slots=True)
class Summary:
    """A run in a few lines.

    Attributes
    ----------
    title
        Scenario, seed and simulated time.
    frame
        A row per mapping.
    warnings
        Sentences on what does not hold or cannot be trusted.
    """

    title: str
    frame: pd.DataFrame
    warnings: tuple[str, ...]

    def __str__(self) -> str:
        table = self.frame.set_index("event_source_mapping").T.to_string()
        return "\n".join([self.title, "", table, *(f"! {warning}" for warning in self.warnings)])

    def _repr_html_(self) -> str:
        table = self.frame.set_index("event_source_mapping").T.to_html(border=0)
        notes = "".join(f"<p><b>Note:</b> {html.escape(warning)}</p>" for warning in self.warnings)
        return f"<p>{html.escape(self.title)}</p>{table}{notes}"


def summarize(result: Result) -> Summary:
    """Return the summary of a run."""
    scenario = result.scenario
    # an interrupted run knows writes that it never came to
    writes = int((result.writes["written_s"] < result.ended_s).sum())
    title = f"{scenario.name}: {result.ended_s:,.0f} s simulated, {writes:,} writes, seed {result.seed}"
    rows = [_row(result, mapping) for mapping in scenario.mappings]
    frame = pd.DataFrame(rows)
    # an outcome that only another mapping had
    return Summary(title, frame.fillna("0"), tuple(warnings_of(result)))


def _row(result: Result, mapping: EventSourceMapping) -> dict[str, str]:
    log, invocations = result.stream_log, result.invocations
    outcomes = log.loc[log["event_source_mapping"] == mapping.label, "outcome"].value_counts()
    mine = invocations[invocations["event_source_mapping"] == mapping.label]
    quantiles = result.latency((0.5, 0.95, 0.99))
    quantiles = quantiles[quantiles["event_source_mapping"] == mapping.label]
    ran = mine[~mine["outcome"].isin(NOT_RUN)]
    lanes = result.scenario.table.partitions * mapping.parallelization_factor
    row = {"event_source_mapping": mapping.label}
    row |= {f"records {name}": f"{count:,}" for name, count in outcomes.items() if count or name == "processed"}
    for q, value in zip(quantiles["quantile"], quantiles["latency_s"], strict=True):
        row[f"latency p{round(q * 100)} (s)"] = f"{value:.3f}"
    row["peak iterator age (s)"] = f"{ran['iterator_age_s'].max():.1f}" if len(ran) else "-"
    row["invocations"] = f"{len(ran):,}"
    row["records per invocation"] = f"{ran['records'].mean():.1f}" if len(ran) else "-"
    row["failed invocations"] = f"{ran['outcome'].isin((*FAILED, 'partial')).sum():,}"
    row["throttles"] = f"{(mine['outcome'] == 'throttled').sum():,}"
    row["utilization of lanes"] = f"{busy_share(mine, lanes, result.ended_s):.1%}"
    return row


def warnings_of(result: Result) -> list[str]:
    """Return sentences on what does not hold, or cannot be trusted, in a run."""
    notes = []
    if result.partial:
        notes.append(f"the run was interrupted at {result.ended_s:,.0f} of {result.scenario.length_s:,.0f} s")
    loads = capacity(result)
    for name, rows in loads[loads["load"] > 1].groupby("event_source_mapping", sort=False):
        worst = _binding(rows)
        notes.append(
            f"{name}: offered {worst['offered_per_s']:,.0f} records/s, but the {worst['limit']} limit allows "
            f"{worst['records_per_s']:,.0f}: the backlog grows; what binds: {worst['knob']}"
        )
    notes += _unserved(result.scenario)
    lost = result.stream_log["outcome"].isin(("discarded", "expired")).sum()
    if lost:
        notes.append(f"{lost:,} records were given up or expired: see result.discards")
    return notes + _failed_checks(result)


def _failed_checks(result: Result) -> list[str]:
    """Return a note per failed self-check; of long runs none, because a summary is to come at once."""
    if len(result.stream_log) > _MOST_RECORDS_CHECKED:
        return []
    failed = result.check().query("not ok")
    return [
        f"the frames contradict themselves ({name}): {detail}; see result.check()"
        for name, detail in zip(failed["check"], failed["detail"], strict=True)
    ]


def _unserved(scenario: Scenario) -> list[str]:
    view_type = scenario.stream.view_type
    return [
        f"{mapping.label}: its function needs {_IMAGES[mapping.function.needs]}, which {view_type} leaves out and the "
        "table does not keep: see ds.view_type_uses()"
        for mapping in scenario.mappings
        if served(mapping.function.needs, view_type) == "not at all"
    ]


def _binding(exceeded: pd.DataFrame) -> pd.Series[Any]:
    """Return the limit to name: the worst, but a lane is hot only if it is far above the others."""
    by_limit = exceeded.set_index("limit", drop=False)
    loads = by_limit["load"].sort_values(ascending=False)
    if "lanes" in loads and loads.get("hottest lane", 0.0) < _HOT * loads["lanes"]:
        loads = loads.drop("hottest lane", errors="ignore")
    binding: pd.Series[Any] = by_limit.loc[loads.index[0]]
    return binding
