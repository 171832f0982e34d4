"""What the explorer shows of a run: lag, latency, bill and the numbers beside them, small enough to keep as a ghost."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from ddbsim.summary import warnings_of

if TYPE_CHECKING:
    from ddbsim.result import Result
    from ddbsim.scenario import EventSourceMapping, Scenario

__all__ = ["Explored", "as_table", "explored"]

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
    note
        What the numbers hold for.
    """

    scenario: Scenario
    lag: pd.DataFrame
    ecdf: pd.DataFrame
    bill: pd.DataFrame
    numbers: pd.DataFrame
    note: str


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
    return Explored(result.scenario, worst, result.ecdf(points=200), usd, numbers, _note(result))


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


def as_table(now: Explored, before: Explored | None) -> str:
    """Return the numbers as an HTML table, those of the setting before beside them."""
    rows = now.numbers.set_index("number")["value"]
    old = rows * math.nan if before is None else before.numbers.set_index("number")["value"].reindex(rows.index)
    # the notebook's own cells are tall: the table is to be seen together with the picture
    cells = "".join(
        f"<tr><th scope='row' style='text-align:left;font-weight:normal{_LOW}'>{html.escape(name)}</th>"
        f"<td style='{_LOW}'>{_number(value)}</td><td style='color:#666{_LOW}'>{_number(was)}</td>"
        f"<td style='{_LOW}'>{_change(was, value)}</td></tr>"
        for name, value, was in zip(rows.index, rows, old, strict=True)
    )
    head = "".join(f"<th scope='col' style='{_LOW}'>{name}</th>" for name in ("", "now", "before", "change"))
    rows_of_table = f"<thead><tr>{head}</tr></thead><tbody>{cells}</tbody>"
    return f"<table style='text-align:right;border-spacing:1.2em 0'>{rows_of_table}</table>"


def _number(value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.3g}"


def _change(was: float, value: float) -> str:
    if math.isnan(was) or math.isnan(value):
        return ""
    if was == 0 or value / was >= 10:
        return "=" if value == was else f"{value - was:+,.3g}"
    change = 100.0 * (value / was - 1.0)
    return "=" if value == was else f"{change:+.1f} %"
