"""A comparison by view type as tables: in a notebook, and as text."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from .view_types import ViewTypeComparison

__all__ = ["html_of", "text_of"]


def text_of(comparison: ViewTypeComparison) -> str:
    """Return the comparison as text."""
    work, costs = _work(comparison).to_string(), _costs(comparison).to_string()
    return f"{work}\n\nUSD per month\n{costs}\n{_conclusion(comparison)}\n{comparison.note}"


def html_of(comparison: ViewTypeComparison) -> str:
    """Return the comparison as HTML."""
    work, costs = _work(comparison).to_html(border=0), _costs(comparison).to_html(border=0)
    conclusion, note = html.escape(_conclusion(comparison)), html.escape(comparison.note)
    return f"{work}<p><b>USD per month</b></p>{costs}<p>{conclusion}</p><p>{note}</p>"


def _work(comparison: ViewTypeComparison) -> pd.DataFrame:
    """Return a column per view type and mapping."""
    return comparison.frame.set_index(["view_type", "event_source_mapping"]).round(3).T


def _costs(comparison: ViewTypeComparison) -> pd.DataFrame:
    """Return a column per view type: each component, the total, and how far it is above the cheapest that serves."""
    costs, totals = comparison.costs, comparison.totals.set_index("view_type")
    costs = costs.assign(shown=list(map(_money, costs["usd_per_month"], costs["usd_per_month_high"])))
    table = costs.pivot(index="label", columns="view_type", values="shown")
    table = table.loc[list(dict.fromkeys(costs["label"])), list(totals.index)]
    table.loc["total"] = list(map(_money, totals["usd_per_month"], totals["usd_per_month_high"]))
    above = map(_money, totals["above_cheapest"], totals["above_cheapest_high"])
    table.loc["above the cheapest that serves"] = list(above)
    table.loc["serves the need"] = totals["served"]
    table.index.name = table.columns.name = None
    return table


def _money(mean: float, high: float) -> str:
    if math.isnan(mean):
        return "-"
    return f"{mean:,.2f}" if math.isnan(high) else f"{mean:,.2f} ± {high - mean:,.2f}"


def _conclusion(comparison: ViewTypeComparison) -> str:
    cheapest = comparison.cheapest
    if cheapest is None:
        return "No view type serves what every function needs."
    sentence = f"The cheapest that serves is {cheapest}."
    if comparison.replications > 1:
        kind = f"{comparison.confidence:.0%} intervals over {comparison.replications} replications"
        sentence += f" ±: {kind}; differences are paired."
    return sentence
