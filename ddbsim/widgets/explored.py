"""What the explorer shows of a run: lag, latency, bill and the numbers beside them, small enough to keep as a ghost."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from ddbsim.analysis.keeping_up import DOES_NOT, TOO_SHORT
from ddbsim.result.summary import GROWS, warnings_of

if TYPE_CHECKING:
    from ddbsim.result.result import Result
    from ddbsim.scenario import EventSourceMapping, Scenario

__all__ = ["Explored", "as_table", "explored", "verdicts_told"]

_STEPS = 100
_LOW = ";padding-top:0;padding-bottom:0;line-height:1.4"


@dataclass(frozen=True, slots=True, eq=False)
class Explored:
    """What is kept of a run.

    Attributes
    ----------
    scenario
        What was run.
    lag
        event_source_mapping, at_s, seconds_behind: on the shard that is furthest behind.
    ecdf
        event_source_mapping, latency_s, share.
    bill
        component, label, usd_per_month.
    numbers
        number (its name, with the unit), value.
    verdicts
        What `Result.keeping_up` returned: a row per mapping.
    note
        What the numbers hold for.
    """

    scenario: Scenario
    lag: pd.DataFrame
    ecdf: pd.DataFrame
    bill: pd.DataFrame
    numbers: pd.DataFrame
    verdicts: pd.DataFrame
    note: str

    @property
    def keeps_up(self) -> bool:
        """Whether no mapping falls behind: else the bill is that of what was worked off alone."""
        return not (self.verdicts["verdict"] == DOES_NOT).any()

    @property
    def done_share(self) -> float:
        """Of the records written, those that were processed, in the mapping with the least of them."""
        return float(self.verdicts["processed_share"].min())


def explored(result: Result) -> Explored:
    """Return what the explorer shows of a run."""
    lag = result.lag(every_s=result.ended_s / _STEPS)
    worst = lag.groupby(["event_source_mapping", "at_s"], observed=True)["seconds_behind"].max().reset_index()
    bill = result.bill()
    usd = bill.frame[["component", "label", "usd_per_month"]]
    several = len(result.scenario.mappings) > 1
    latency = result.latency((0.5, 0.95, 0.99))
    rows = [row for mapping in result.scenario.mappings for row in _numbers(result, mapping, lag, latency, several)]
    rows.append(("bill (USD a month)", bill.usd_per_month))
    rows.append(("of which Lambda (USD a month)", math.fsum(usd["usd_per_month"][_is_lambda(usd)])))
    numbers = pd.DataFrame(rows, columns=["number", "value"])
    return Explored(result.scenario, worst, result.ecdf(points=200), usd, numbers, result.keeping_up(), _note(result))


def _is_lambda(usd: pd.DataFrame) -> pd.Series[bool]:
    return usd["component"].str.startswith("lambda")


def _numbers(
    result: Result, mapping: EventSourceMapping, lag: pd.DataFrame, latency: pd.DataFrame, several: bool
) -> list[tuple[str, float]]:
    """Return the numbers of one mapping."""
    name = mapping.label
    prefix = f"{name}: " if several else ""
    latency = latency[latency["event_source_mapping"] == name]
    mine = lag[lag["event_source_mapping"] == name]
    behind = mine.loc[mine["at_s"] == mine["at_s"].max(), "records_behind"].sum()
    numbers = result.numbers(mapping)
    rows = [
        (f"latency p{quantile * 100:g} (s)", value)
        for quantile, value in zip(latency["quantile"], latency["latency_s"], strict=True)
    ]
    rows += [
        ("largest lag (s)", numbers.lag_max_s),
        ("records behind at the end", float(behind)),
        ("records per invocation", numbers.records_per_invocation),
        ("invocations per second", numbers.invocations_per_s),
        ("lanes busy (%)", 100.0 * numbers.utilization),
    ]
    return [(prefix + label, float(value)) for label, value in rows]


def _note(result: Result) -> str:
    """Say for how long the numbers hold, and what the run warns of."""
    scenario = result.scenario
    first = f"{result.ended_s:,g} s simulated, {len(result.writes):,} writes, seed {result.seed}."
    if scenario.warmup_s:
        first += f" The first {scenario.warmup_s:g} s are left out of latency and bill."
    return " ".join([first, *(f"{warning}." for warning in warnings_of(result))])


def verdicts_told(now: Explored) -> Iterator[tuple[str, bool]]:
    """Yield a sentence per mapping on whether it keeps up, and whether what is shown misleads without it."""
    several = len(now.verdicts) > 1
    for one in now.verdicts.itertuples():
        prefix = f"{one.event_source_mapping}: " if several else ""
        verdict, done, over = str(one.verdict), float(str(one.processed_share)), f"{now.scenario.length_s:,g} s"
        if verdict == DOES_NOT:
            yield f"{prefix}{verdict}: {done:.0%} of records done in the {over} shown.", True
        elif verdict == TOO_SHORT:
            yield f"{prefix}the {over} shown are {verdict} whether it keeps up.", True
        else:
            yield f"{prefix}{verdict} over the {over} shown.", False


def as_table(now: Explored, before: Explored | None) -> str:
    """Return the numbers as an HTML table, those of the setting before beside them."""
    rows = now.numbers.set_index("number")["value"]
    old = rows * math.nan if before is None else before.numbers.set_index("number")["value"].reindex(rows.index)
    # the notebook's own cells are tall: the table is to be seen together with the picture
    cells = "".join(
        f"<tr><th scope='row' style='text-align:left;font-weight:normal{_LOW}'>{html.escape(name)}</th>"
        f"<td style='{_LOW}'>{_cell(now, name, value)}</td>"
        f"<td style='color:#666{_LOW}'>{_cell(before or now, name, was)}</td>"
        f"<td style='{_LOW}'>{_change(was, value)}</td></tr>"
        for name, value, was in zip(rows.index, rows, old, strict=True)
    )
    head = "".join(f"<th scope='col' style='{_LOW}'>{name}</th>" for name in ("", "now", "before", "change"))
    rows_of_table = f"<thead><tr>{head}</tr></thead><tbody>{cells}</tbody>"
    return f"<table style='text-align:right;border-spacing:1.2em 0'>{rows_of_table}</table>"


def _cell(seen: Explored, name: str, value: float) -> str:
    """Return a number as HTML; money for what was not worked off is struck through."""
    told = _number(value)
    unpaid = name.endswith("(USD a month)") and not seen.keeps_up and not math.isnan(value)
    return f"at least <s>{told}</s>" if unpaid else told


def _number(value: float) -> str:
    if math.isnan(value):
        return "-"
    if math.isinf(value):
        return GROWS
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.3g}"


def _change(was: float, value: float) -> str:
    if math.isnan(was) or math.isnan(value):
        return ""
    if math.isinf(was) or math.isinf(value):
        return "=" if value == was else ""
    if was == 0 or value / was >= 10:
        return "=" if value == was else f"{value - was:+,.3g}"
    change = 100.0 * (value / was - 1.0)
    return "=" if value == was else f"{change:+.1f} %"
